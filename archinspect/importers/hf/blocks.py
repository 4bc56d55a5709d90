"""Attention of LongT5's encoder: of blocks of steps to three of them, and to sums of blocks (arXiv:2112.07916)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.base.shape import ceil_div, size
from archinspect.importers.hf.parts import dense, norm, within
from archinspect.ops.args import Int, arg
from archinspect.ops.base import Op
from archinspect.ops.figures import Work
from archinspect.ops.source import Parameter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape
    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Tensor
    from archinspect.importers.hf.config import Config

KINDS = {"local": "LocalSelfAttention", "transient-global": "TransientGlobalSelfAttention"}
"""By the types of attention, how a layer calls it."""


class BlockSums(Op):
    """Adds the steps of each block, by a product with which steps are of which block; a rest is of the last one.

    MACs: steps * blocks * features. FLOPs: 2 per MAC.
    """

    kind = "attention"
    block: int = arg("steps of a block", Int(1))

    def output(self, *shapes: Shape) -> Shape:  # noqa: D102 - as every operator
        batch, steps, width = shapes[0]
        return (batch, steps // self.block, width)

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:  # noqa: D102 - as every operator
        return Work(size(shapes[0]) * output[1])


class BlockAttention(Op):
    """Attention of each block of steps to itself, to the blocks beside it, and to what all see.

    Inputs are query, key and value, and keys and values that all steps see. The last block is filled up.

    MACs: 2 * filled-up steps * features * (3 blocks + what all see). FLOPs: 2 per MAC, 7 per score (scale 1, a bias of
    its position 1, softmax 5).
    """

    kind = "attention"
    inputs = (3, 5)
    heads: int = arg("heads", Int(1))
    block: int = arg("steps of a block", Int(1))

    def output(self, *shapes: Shape) -> Shape:  # noqa: D102 - as every operator
        return shapes[0]

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:  # noqa: ARG002, D102 - as every operator
        batch, steps, width = shapes[0]
        filled = batch * ceil_div(steps, self.block) * self.block
        seen = 3 * self.block + (shapes[3][1] if len(shapes) > 3 else 0)  # noqa: PLR2004 - with what all see
        return Work(2 * filled * seen * width, 7 * filled * seen * self.heads)


def attend(net: GraphBuilder, c: Config, x: Tensor, steps: int, *, is_first: bool) -> Tensor:
    """Add the attention of a layer of the encoder; the first layer has biases of positions, for all."""
    kind, heads, width = c.text("encoder_attention_type"), c.whole("num_heads"), c.whole("d_model")
    if kind not in KINDS:
        raise c.wrong("encoder_attention_type", " or ".join(KINDS))
    inner, buckets = heads * c.whole("d_kv"), c.whole("relative_attention_num_buckets")
    block = c.whole("local_radius") + 1
    with within(net, KINDS[kind], "attention"):
        parts = [dense(net, x, inner, name, bias=False) for name in "qkv"]
        if is_first:
            net.add(Parameter(shape=[buckets, heads]), name="relative_attention_bias")
        if kind == "transient-global":
            parts += _seen_by_all(net, c, x, parts[1:], steps, is_first=is_first)
        seen = net.add(BlockAttention(heads=heads, block=block), *parts, name="attention")
        return dense(net, seen, width, "o", bias=False)


def _seen_by_all(
    net: GraphBuilder, c: Config, x: Tensor, own: Sequence[Tensor], steps: int, *, is_first: bool
) -> list[Tensor]:
    """Add keys and values of sums of blocks, by the weights of the steps' own; none of a text of less than a block."""
    heads, width, block = c.whole("num_heads"), c.whole("d_model"), c.whole("global_block_size")
    if is_first:
        shape = [c.whole("relative_attention_num_buckets"), heads]
        net.add(Parameter(shape=[*shape]), name="global_relative_attention_bias")
    if steps < block:
        net.add(Parameter(shape=[width]), name="global_input_layer_norm")
        return []
    sums = norm(net, net.add(BlockSums(block=block), x, name="sums"), "rms", "global_input_layer_norm")
    found = []
    for tensor, name in zip(own, "kv", strict=True):
        found.append(dense(net, sums, heads * c.whole("d_kv"), f"{name}_of_sums", bias=False))
        net.tie(found[-1].producer, tensor.producer)
    return found
