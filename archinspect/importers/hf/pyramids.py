"""Vision transformers in stages, whose keys and values are of a smaller map: PVT, SegFormer.

Wang et al. 2021, arXiv:2102.12122; Xie et al. 2021, arXiv:2105.15203.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archinspect.importers.hf.parts import Attention, Mlp, activate, add, core, dense, mlp, norm, reshape, within
from archinspect.importers.hf.wanted import ending
from archinspect.ops.conv import Conv2D
from archinspect.ops.embed import ClassToken, LearnedPositions
from archinspect.ops.image import Resizing
from archinspect.ops.merge import Concatenate
from archinspect.ops.norm import BatchNormalization
from archinspect.ops.tensor import ReduceMean, Select

if TYPE_CHECKING:
    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Tensor
    from archinspect.importers.hf.config import Config
    from archinspect.importers.hf.wanted import Wanted

Side = tuple[int, int]


class Stage(NamedTuple):
    """The sizes of a stage."""

    width: int
    depth: int
    heads: int
    reduction: int
    patch: int
    stride: int
    ratio: float


def add_model(c: Config, architecture: str, wanted: Wanted) -> tuple[Tensor, ...]:
    """Add a pyramid with its head."""
    known = ("ForSemanticSegmentation", "ForImageClassification", "Model")
    end = ending(c, architecture, known if c.kind == "segformer" else known[1:]) if architecture else "Model"
    net = wanted.net
    image = wanted.picture(c, is_open=c.kind == "segformer")
    with within(net, c.kind if end != "Model" else ""):
        states = _segformer(net, c, image) if c.kind == "segformer" else [(_pvt(net, c, image), (1, 1))]
    last = states[-1][0]
    if end == "Model":
        return (last,)
    if end == "ForSemanticSegmentation":
        with within(net, "decode_head"):
            return (_segments(net, c, states),)
    if c.kind == "segformer":  # read as of the last width that is listed, though stages may be fewer
        one = net.add(ReduceMean(axis=[1]), reshape(net, last, -1, c.ints("hidden_sizes")[-1]))
    else:
        one = net.add(Select(index=0), last)
    return (dense(net, one, c.labels(), "classifier"),)


def _stages(c: Config, reductions: str) -> list[Stage]:
    count = c.count("num_encoder_blocks", 1)
    ratios = c.items("mlp_ratios")
    found: list[list[int]] = [
        c.ints(name, least=least)
        for name, least in (
            ("hidden_sizes", 1),
            ("depths", 0),
            ("num_attention_heads", 1),
            (reductions, 1),
            ("patch_sizes", 1),
            ("strides", 1),
        )
    ]
    if any(len(one) < count for one in (*found, ratios)) or any(type(one) not in (int, float) for one in ratios):
        raise c.wrong("num_encoder_blocks", "at most as many as there are sizes")
    stages = [Stage(*(one[i] for one in found), ratio=float(ratios[i])) for i in range(count)]  # type: ignore[misc] # six
    for stage in stages:
        if (c.kind == "pvt" and stage.width % stage.heads) or stage.width < stage.heads:
            raise c.wrong("num_attention_heads", "divisors of the hidden_sizes")
    return stages


def _after(side: Side, kernel: int, stride: int, padding: int) -> Side:
    height, width = ((one + 2 * padding - kernel) // stride + 1 for one in side)
    return height, width


def _side(image: Tensor) -> Side:
    height, width = image.producer.op.output()[1:3]
    return height, width


# SegFormer


def _segformer(net: GraphBuilder, c: Config, image: Tensor) -> list[tuple[Tensor, Side]]:
    x, side = image, _side(image)
    states = []
    for number, stage in enumerate(_stages(c, "sr_ratios")):
        with within(net, f"stages.{number}", "stage"):
            padding = stage.patch // 2
            op = Conv2D(filters=stage.width, kernel_size=stage.patch, strides=stage.stride, padding=padding)
            x = net.add(op, x, name="patch_embeddings.proj")
            side = _after(side, stage.patch, stage.stride, padding)
            x = norm(net, reshape(net, x, -1, stage.width), "layer", "patch_embeddings.layer_norm")
            for layer in range(stage.depth):
                with within(net, f"blocks.{layer}", "block"):
                    x = _mixed(net, c, _attended(net, x, side, stage, "sequence_reduction.", bias=True), side, stage)
            x = norm(net, x, "layer", "layer_norm")
            states.append((x, side))
        x = reshape(net, x, *side, stage.width)
    return states


def _attended(net: GraphBuilder, x: Tensor, side: Side, s: Stage, reduction: str, *, bias: bool) -> Tensor:
    """Add attention to a smaller map."""
    names = (
        ("q_proj", "k_proj", "v_proj", "o_proj")
        if reduction
        else ("self.query", "self.key", "self.value", "output.dense")
    )
    norms, within_self = ("layernorm_before", "") if reduction else ("layer_norm_1", "self.")
    inside = norm(net, x, "layer", norms)
    with within(net, "attention"):
        source = inside
        if s.reduction > 1:
            op = Conv2D(filters=s.width, kernel_size=s.reduction, strides=s.reduction)
            source = net.add(
                op, reshape(net, inside, *side, s.width), name=f"{within_self}{reduction}sequence_reduction"
            )
            source = norm(net, reshape(net, source, -1, s.width), "layer", f"{within_self}{reduction}layer_norm")
        each = s.width // s.heads
        query = dense(net, inside, s.heads * each, names[0], bias=bias)
        key, value = (dense(net, source, s.heads * each, name, bias=bias) for name in names[1:3])
        a = Attention(s.heads, s.heads, each, s.width, causal=False)
        inside = dense(net, net.add(core(a), query, key, value, name="attention"), s.width, names[3])
    return add(net, x, inside)


def _mixed(net: GraphBuilder, c: Config, x: Tensor, side: Side, s: Stage) -> Tensor:
    """Add a feed-forward network with a convolution inside."""
    inside, units = norm(net, x, "layer", "layernorm_after"), int(s.width * s.ratio)
    with within(net, "mlp"):
        inside = reshape(net, dense(net, inside, units, "fc1"), *side, units)
        op = Conv2D(filters=units, kernel_size=3, padding=1, groups=units)
        inside = reshape(net, net.add(op, inside, name="dwconv.dwconv"), -1, units)
        return add(net, x, dense(net, activate(net, inside, c, c.text("hidden_act")), s.width, "fc2"))


def _segments(net: GraphBuilder, c: Config, states: list[tuple[Tensor, Side]]) -> Tensor:
    width, first = c.whole("decoder_hidden_size"), states[0][1]
    found = []
    for number, (state, side) in enumerate(states):
        x = reshape(net, dense(net, state, width, f"linear_projections.{number}.proj"), *side, width)
        found.append(
            net.add(Resizing(height=first[0], width=first[1], interpolation="bilinear"), x) if side != first else x
        )
    x = net.add(Concatenate(axis=-1), *found[::-1]) if len(found) > 1 else found[0]
    x = net.add(Conv2D(filters=width, kernel_size=1, use_bias=False), x, name="linear_fuse")
    x = activate(net, net.add(BatchNormalization(), x, name="batch_norm"), c, "relu")
    return net.add(Conv2D(filters=c.labels(), kernel_size=1), x, name="classifier")


# PVT


def _pvt(net: GraphBuilder, c: Config, image: Tensor) -> Tensor:
    x, side, bias = image, _side(image), c.flag("qkv_bias")
    of, stages = c.whole("image_size"), _stages(c, "sequence_reduction_ratios")
    with within(net, "encoder"):
        for number, stage in enumerate(stages):
            is_last = number == len(stages) - 1
            with within(net, f"patch_embeddings.{number}"):
                # The class takes a patch's size for the step, and the step for the size.
                op = Conv2D(filters=stage.width, kernel_size=stage.stride, strides=stage.patch)
                x = reshape(net, net.add(op, x, name="projection"), -1, stage.width)
                side = _after(side, stage.stride, stage.patch, 0)
                x = norm(net, x, "layer", "layer_norm")
                if is_last:
                    x = net.add(ClassToken(n=1), x, name="cls_token")
                rows = ((of if not number else of // 2 ** (number + 1)) // stage.patch) ** 2
                if rows != side[0] * side[1]:
                    raise c.wrong("patch_sizes", "such that each stage has the patches of its table of positions")
                x = net.add(LearnedPositions(input_dim=rows + is_last), x, name="position_embeddings")
            for layer in range(stage.depth):
                with within(net, f"block.{number}.{layer}", "block"):
                    if is_last and stage.reduction > 1:
                        raise c.wrong("sequence_reduction_ratios", "1 in the last stage, which has a token more")
                    x = _attended(net, x, side, stage, "", bias=bias)
                    units = int(stage.width * stage.ratio)
                    m = Mlp(units, c.text("hidden_act"), gated=False, bias=True, up="mlp.dense1", down="mlp.dense2")
                    x = add(net, x, mlp(net, norm(net, x, "layer", "layer_norm_2"), m, stage.width, c))
            x = x if is_last else reshape(net, x, *side, stage.width)
        return norm(net, x, "layer", "layer_norm")
