"""Hiera: a vision transformer that pools queries, and attends within units of a picture (arXiv:2306.00989)."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, NamedTuple

from archinspect.importers.hf.parts import Attention as Heads
from archinspect.importers.hf.parts import Mlp, add, core, dense, mlp, norm, reshape, within
from archinspect.importers.hf.wanted import ending
from archinspect.ops.conv import Conv2D
from archinspect.ops.embed import LearnedPositions
from archinspect.ops.several import Split
from archinspect.ops.tensor import ReduceMax, ReduceMean

if TYPE_CHECKING:
    from archinspect.base.source import Value
    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Tensor
    from archinspect.importers.hf.config import Config
    from archinspect.importers.hf.wanted import Wanted


class Block(NamedTuple):
    """Sizes of a layer."""

    width: int
    out: int
    heads: int
    stride: int
    """Steps of which a query is the largest of their values."""
    window: int
    """Steps that see each other; 0 for all."""


def add_model(c: Config, architecture: str, wanted: Wanted) -> tuple[Tensor, ...]:
    """Add Hiera, with a classifier where the class has one."""
    end = ending(c, architecture, ("ForImageClassification", "Model")) if architecture else "Model"
    (height, across), net = c.ints("image_size", 2, 1), wanted.net
    shape = (height, across, c.whole("num_channels"))
    (image,) = wanted.words(None, pixel_values=shape)
    wanted.fixed(image, shape)
    with within(net, "hiera" if end != "Model" else ""):
        with within(net, "embeddings"):
            strides = c.ints("patch_stride", 2, 1)
            size: list[Value] = [*c.ints("patch_size", 2, 1)]
            op = Conv2D(filters=c.whole("embed_dim"), kernel_size=size, strides=[*strides], padding=_padding(c))
            x = net.add(op, image, name="patch_embeddings.projection")
            steps = (height // strides[0]) * (across // strides[1])
            x = net.add(LearnedPositions(), reshape(net, x, steps, c.whole("embed_dim")), name="position_embeddings")
        with within(net, "encoder"):
            for stage, blocks in enumerate(_stages(c)):
                for number, block in enumerate(blocks):
                    with within(net, f"stages.{stage}.layers.{number}", "layer"):
                        x, steps = _layer(net, c, block, x, steps)
        one = norm(net, net.add(ReduceMean(axis=[1]), x), "layer", "pooler.layernorm")
    return (x, one) if end == "Model" else (dense(net, one, c.labels(), "classifier"),)


def _padding(c: Config) -> list[Value]:
    return [*c.ints("patch_padding", 2)]


def _stages(c: Config) -> list[list[Block]]:
    """Return the layers of each stage."""
    depths = c.counts("depths")
    heads, masked = c.ints("num_heads", least=1), c.items("masked_unit_attention")
    if len(heads) < len(depths) or len(masked) < len(depths):
        raise c.wrong(
            "num_heads" if len(heads) < len(depths) else "masked_unit_attention", "one for each of the depths"
        )
    units, stride = prod(c.ints("masked_unit_size", 2, 1)), prod(c.ints("query_stride", 2, 1))
    times = c.number("embed_dim_multiplier")
    starts = [sum(depths[:stage]) for stage in range(len(depths) + 1)]
    pools = starts[1 : 1 + c.whole("num_query_pool", 0)]
    width, found = c.whole("embed_dim"), []
    for stage, depth in enumerate(depths):
        out = int(c.whole("embed_dim") * times**stage)
        if out < heads[stage] or out % heads[stage]:
            raise c.wrong("num_heads", f"a divisor of {out} in stage {stage}")
        within_unit = int(units / stride**stage)
        blocks = []
        for number in range(depth):
            pooled = stride if starts[stage] + number in pools else 1
            sees_unit = bool(masked[stage]) or (bool(masked[max(stage - 1, 0)]) and number == 0)
            blocks.append(Block(width, out, heads[stage], pooled, pooled * within_unit if sees_unit else 0))
            width = out
        found.append(blocks)
    return found


def _layer(net: GraphBuilder, c: Config, b: Block, x: Tensor, steps: int) -> tuple[Tensor, int]:
    """Add a layer; return its output, and how many steps that has."""
    window = b.window or steps
    if steps % window or window % b.stride:
        raise c.wrong("masked_unit_size", f"such that windows of {window} steps divide {steps}")
    if b.stride > 1 and b.width == b.out:
        raise c.refuse("queries that are pooled where the width stays are not read: such a model does not run")
    left = steps // b.stride
    inside = norm(net, x, "layer", "layernorm_before")
    if b.width != b.out:
        x = reshape(net, dense(net, inside, b.out, "proj"), b.stride, left, b.out)
        x = net.add(ReduceMax(axis=[1]), x)
    with within(net, "attn", "attention"):
        joined = dense(net, inside, 3 * b.out, "qkv")
        query, key, value = net.add_all(Split(parts=3, axis=-1), joined)
        key, value = (reshape(net, one, steps // window, window, b.out) for one in (key, value))
        if b.stride > 1:
            query = reshape(net, query, steps // window, b.stride, window // b.stride, b.out)
            query = net.add(ReduceMax(axis=[2]), query)
        else:
            query = reshape(net, query, steps // window, window, b.out)
        a = Heads(b.heads, b.heads, b.out // b.heads, b.out, causal=False)
        attended = net.add(core(a), query, key, value, name="attention")
        x = add(net, x, dense(net, reshape(net, attended, left, b.out), b.out, "proj"))
    units = int(b.out * c.number("mlp_ratio"))
    m = Mlp(units, c.text("hidden_act"), gated=False, bias=True, up="mlp.fc1", down="mlp.fc2")
    return add(net, x, mlp(net, norm(net, x, "layer", "layernorm_after"), m, b.out, c)), left
