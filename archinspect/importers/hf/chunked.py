"""Attention to the steps around each, computed in overlapping chunks (Beltagy et al. 2020, arXiv:2004.05150).

Texts are padded to a multiple of a window, and cut again behind the last layer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archinspect.base.shape import ceil_div, size
from archinspect.importers.hf.parts import dense
from archinspect.ops.args import Int, arg
from archinspect.ops.base import Op
from archinspect.ops.embed import LearnedPositions
from archinspect.ops.figures import Work
from archinspect.ops.source import Parameter
from archinspect.ops.tensor import Slice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape
    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Tensor
    from archinspect.importers.hf.config import Config


class PadSteps(Op):
    """Puts steps behind those that there are, so that they are a multiple of a number. No FLOPs."""

    kind = "reshape"
    multiple: int = arg("the number", Int(1))

    def output(self, *shapes: Shape) -> Shape:  # noqa: D102 - as every operator
        batch, steps, *rest = shapes[0]
        return (batch, ceil_div(steps, self.multiple) * self.multiple, *rest)


class PaddedPositions(LearnedPositions):
    """Adds a learned vector for every position of a padded text: steps of padding have one position, all of them."""

    def output(self, *shapes: Shape) -> Shape:  # noqa: D102 - as every operator
        return shapes[0]


class FirstSteps(Op):
    """Takes as many of the first steps as the second input has. No FLOPs."""

    kind = "reshape"
    inputs = (2, 2)
    reads = 1

    def output(self, *shapes: Shape) -> Shape:  # noqa: D102 - as every operator
        (batch, _, *rest), like = shapes
        return (batch, like[1], *rest)


class ChunkedAttention(Op):
    """Attention of each step to `overlap` steps before and after it; its inputs are query, key and value.

    With `w = overlap`, steps are a multiple of `2 w`, and stand in `steps / w - 1` chunks of `2 w`, all of whose scores
    are computed; each step reads the values of three times `w` steps.

    MACs: `(2 w)^2` a chunk and feature for scores, `3 w` an element for values.
    FLOPs: 2 per MAC, 6 per score that is kept (scale 1, softmax 5), of which a head and step has `2 w + 1`.
    """

    kind = "attention"
    inputs = (3, 3)
    heads: int = arg("heads", Int(1))
    overlap: int = arg("steps on each side", Int(1))

    def output(self, *shapes: Shape) -> Shape:  # noqa: D102 - as every operator
        return shapes[0]

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:  # noqa: ARG002, D102 - as every operator
        batch, steps, width = shapes[0]
        w = self.overlap
        scores = batch * (steps // w - 1) * 4 * w * w * width
        kept = batch * steps * self.heads * (2 * w + 1)
        return Work(scores + 3 * w * size(shapes[0]), 6 * kept)


class GlobalAttention(Op):
    """Attention of some steps to all, and of all to them; inputs are as of :class:`ChunkedAttention`, of all steps.

    MACs: 4 * steps * features for each of these. FLOPs: 2 per MAC, 12 per pair of steps and head (scale 1, softmax 5).
    """

    kind = "attention"
    inputs = (3, 3)
    heads: int = arg("heads", Int(1))
    count: int = arg("steps that see all, and are seen by all", Int(1))

    def output(self, *shapes: Shape) -> Shape:  # noqa: D102 - as every operator
        return shapes[1]

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:  # noqa: ARG002, D102 - as every operator
        batch, steps, width = shapes[1]
        pairs = batch * steps * self.count
        return Work(4 * pairs * width, 12 * pairs * self.heads)


class Window(NamedTuple):
    """The steps on each side to which a layer attends, and what all windows divide."""

    sides: list[int]
    multiple: int


def window(c: Config, layers: int) -> Window:
    """Return the windows of the layers; raise :class:`SourceError` for those that cannot be."""
    given = c.find("attention_window")
    sizes = c.ints("attention_window", layers, 2) if isinstance(given, list) else [c.whole("attention_window", 2)]
    if any(one % 2 for one in sizes) or any(max(sizes) % one for one in sizes):
        raise c.wrong("attention_window", "even numbers that divide the largest")
    each = sizes if isinstance(given, list) else sizes * layers
    return Window([one // 2 for one in each], max(sizes, default=2))


def attend(net: GraphBuilder, x: Tensor, heads: int, width: int, side: int, *, seen: int = 0) -> Tensor:
    """Add attention without its last projection; `seen` steps attend to all, and are seen by all."""
    query, key, value = (dense(net, x, width, name) for name in ("query", "key", "value"))
    inside = net.add(ChunkedAttention(heads=heads, overlap=side), query, key, value, name="attention")
    names = [f"{name}_global" for name in ("query", "key", "value")]
    if not seen:  # their weights are there, and nothing reads them
        for name in names:
            net.add(Parameter(shape=[width, width]), name=f"{name}.weight")
            net.add(Parameter(shape=[width]), name=f"{name}.bias")
        return inside
    first = dense(net, net.add(Slice(stop=seen), x), width, names[0])
    key, value = (dense(net, x, width, name) for name in names[1:])
    op = GlobalAttention(heads=heads, count=seen)
    return net.add(Joined(), inside, net.add(op, first, key, value, name="global_attention"))


class Joined(Op):
    """Puts what some steps see of all in the place of what they see around them. No FLOPs."""

    kind = "merge"
    inputs = (2, 2)

    def output(self, *shapes: Shape) -> Shape:  # noqa: D102 - as every operator
        return shapes[0]
