"""FocalNet: what surrounds each place, by convolutions of growing size, modulates it (Yang 2022, arXiv:2203.11926)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.importers.hf.parts import Mlp, activate, add, dense, mlp, norm, reshape, within
from archinspect.importers.hf.swin import padded
from archinspect.importers.hf.wanted import ending
from archinspect.ops.activation import GELU
from archinspect.ops.conv import Conv2D
from archinspect.ops.merge import Multiply
from archinspect.ops.norm import LayerScale
from archinspect.ops.several import Split
from archinspect.ops.tensor import Custom, ReduceMean

if TYPE_CHECKING:
    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Tensor
    from archinspect.importers.hf.config import Config
    from archinspect.importers.hf.wanted import Wanted

FACTOR = 2
"""How much larger the kernel of each further level is."""
Side = tuple[int, int]


def add_model(c: Config, architecture: str, wanted: Wanted) -> tuple[Tensor, ...]:
    """Add FocalNet, with a classifier where the class has one."""
    end = ending(c, architecture, ("ForImageClassification", "Model")) if architecture else "Model"
    net, image = wanted.net, wanted.picture(c, is_open=True)
    depths = c.counts("depths")
    if not depths:
        raise c.wrong("depths", "a list of layers by stage")
    with within(net, "focalnet" if end != "Model" else ""):
        width = c.whole("embed_dim")
        size = image.producer.op.output()[1:3]
        with within(net, "embeddings"):
            x, size = _smaller(net, c, image, (size[0], size[1]), c.pair("patch_size"), width, is_first=True)
            x = norm(net, x, "layer", "norm")
        for stage, depth in enumerate(depths):
            for number in range(depth):
                with within(net, f"encoder.stages.{stage}.layers.{number}", "layer"):
                    x = _layer(net, c, x, stage, width, size)
            if stage < len(depths) - 1:
                width *= 2
                with within(net, f"encoder.stages.{stage}.downsample", "downsample"):
                    x, size = _smaller(net, c, reshape(net, x, *size, -1), size, (2, 2), width, is_first=False)
        x = norm(net, x, "layer", "layernorm")
        one = net.add(ReduceMean(axis=[1]), x)
    return (x, one) if end == "Model" else (dense(net, one, c.labels(), "classifier"),)


def _smaller(  # noqa: PLR0913 - what it needs
    net: GraphBuilder, c: Config, x: Tensor, size: Side, patch: Side, width: int, *, is_first: bool
) -> tuple[Tensor, Side]:
    """Add patches, which overlap where the configuration says so, with a norm; return steps and their map's sides."""
    x, size = padded(net, x, size, patch), (-(-size[0] // patch[0]) * patch[0], -(-size[1] // patch[1]) * patch[1])
    kernel, stride, padding = [*patch], patch, 0
    if c.flag("use_conv_embed"):
        kernel, stride, padding = ([7, 7], (4, 4), 2) if is_first else ([3, 3], (2, 2), 1)
    op = Conv2D(filters=width, kernel_size=[*kernel], strides=[*stride], padding=padding)
    rows, columns = ((side + 2 * padding - k) // s + 1 for side, k, s in zip(size, kernel, stride, strict=True))
    with within(net, "patch_embeddings" if is_first else ""):
        x = reshape(net, net.add(op, x, name="projection"), -1, width)
        return x if is_first else norm(net, x, "layer", "norm"), (rows, columns)


def _layer(net: GraphBuilder, c: Config, x: Tensor, stage: int, width: int, size: Side) -> Tensor:
    late, m = c.flag("use_post_layernorm"), int(width * c.number("mlp_ratio"))
    plain = Mlp(m, c.text("hidden_act"), gated=False, bias=True, up="mlp.fc1", down="mlp.fc2")

    def scaled(inside: Tensor, name: str) -> Tensor:
        return net.add(LayerScale(), inside, name=name) if c.flag("use_layerscale") else inside

    inside = _modulated(net, c, x if late else norm(net, x, "layer", "norm1"), stage, width, size)
    inside = norm(net, inside, "layer", "norm1") if late else inside
    x = add(net, x, scaled(inside, "gamma_1"))
    if late:
        inside = norm(net, mlp(net, x, plain, width, c), "layer", "norm2")
    else:
        inside = mlp(net, norm(net, x, "layer", "norm2"), plain, width, c)
    return add(net, x, scaled(inside, "gamma_2"))


def _modulated(net: GraphBuilder, c: Config, x: Tensor, stage: int, width: int, size: Side) -> Tensor:
    """Add the modulation by what convolutions of several sizes see, and by the mean of all."""
    stages = len(c.counts("depths"))
    levels, window = c.ints("focal_levels")[:stages], c.ints("focal_windows", least=1)[:stages]
    if len(levels) < stages or len(window) < stages:
        raise c.wrong("focal_levels" if len(levels) < stages else "focal_windows", f"a list of {stages}")
    if levels[stage] and not window[stage] % 2:
        raise c.wrong("focal_windows", "odd numbers")
    with within(net, "modulation"):
        joined = dense(net, reshape(net, x, *size, width), 2 * width + levels[stage] + 1, "projection_in")
        sizes = [width, width, *[1] * (levels[stage] + 1)]
        query, seen, *gates = net.add_all(Split(sizes=[*sizes], axis=-1), joined)
        parts = []
        for level in range(levels[stage]):
            kernel = FACTOR * level + window[stage]
            op = Conv2D(filters=width, kernel_size=kernel, padding=kernel // 2, groups=width, use_bias=False)
            seen = net.add(GELU(), net.add(op, seen, name=f"focal_layers.{level}.0"))
            parts.append(net.add(Multiply(), seen, gates[level]))
        mean = net.add(ReduceMean(axis=[1, 2], keepdims=True), seen)
        parts.append(net.add(Multiply(), activate(net, mean, c, "gelu"), gates[-1]))
        context = add(net, *parts) if len(parts) > 1 else parts[0]
        if c.flag("normalize_modulator"):
            context = net.add(Custom(params=0, macs=0, flops=size[0] * size[1] * width), context, name="mean_of_levels")
        context = net.add(Conv2D(filters=width, kernel_size=1), context, name="projection_context")
        x = reshape(net, net.add(Multiply(), query, context), -1, width)
        x = norm(net, x, "layer", "layernorm") if c.flag("use_post_layernorm_in_modulation") else x
        return dense(net, x, width, "projection_out")
