"""In which order a program holds the axes of each tensor, where it wants the channels first and the spec has them last.

An order says for each axis of the program's tensor which of the spec's it is: (0, 3, 1, 2) is a map with its channels
first. A tensor keeps the order in which it was made, until an operator needs another one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from archinspect.base.shape import size
from archinspect.ops.spatial import channel_axis

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from archinspect.analyses.facts import Facts
    from archinspect.base.shape import Shape
    from archinspect.graph.call import Call
    from archinspect.graph.graph import Node, Tensor
    from archinspect.ops.base import Op

Order: TypeAlias = tuple[int, ...]

MAPS = range(3, 6)
"""Ranks of the tensors that have spatial axes: batch, positions, channels."""


def spec_order(rank: int) -> Order:
    """Return the order of the spec itself."""
    return tuple(range(rank))


def channels_first(rank: int) -> Order:
    """Return the order of a map whose channels the spec has last."""
    return (0, rank - 1, *range(1, rank - 1))


class Use(NamedTuple):
    """An operator at its place: its shapes, in the spec's order and in the program's."""

    node: Node
    call: Call
    orders: tuple[Order, ...]
    """The order in which it reads each input."""
    facts: Facts

    @property
    def op(self) -> Op:
        """The operator."""
        return self.node.op

    @property
    def shape(self) -> Shape:
        """The first input's shape as the program has it."""
        return self.shape_of(0)

    def shape_of(self, index: int) -> Shape:
        """Return an input's shape as the program has it."""
        return tuple(self.call.shapes[index][axis] for axis in self.orders[index])

    @property
    def output(self) -> Shape:
        """The first output's shape, in the spec's order."""
        return self.call.output

    @property
    def own_axis(self) -> int:
        """Where the program has the axis that the operator is about: the channels' unless it says another."""
        op: Any = self.op
        axis = getattr(op, "axis", None)
        return self.axis(channel_axis(self.call.shapes[0], op.data_format) if axis is None else axis)

    def axis(self, axis: int, index: int = 0) -> int:
        """Return where the program has an axis of the spec's."""
        order = self.orders[index]
        return order.index(axis % len(order))


Reads: TypeAlias = "Callable[[Op, tuple[Shape, ...], tuple[Order, ...]], tuple[Order, ...]]"
"""In which orders an operator reads inputs of these shapes that are there in these orders."""


def as_it_is(op: Op, shapes: tuple[Shape, ...], orders: tuple[Order, ...]) -> tuple[Order, ...]:
    """Read every input as it is there."""
    return orders


def as_the_spec(op: Op, shapes: tuple[Shape, ...], orders: tuple[Order, ...]) -> tuple[Order, ...]:
    """Read every input in the spec's order."""
    return tuple(spec_order(len(shape)) for shape in shapes)


def as_slopes(op: Op, shapes: tuple[Shape, ...], orders: tuple[Order, ...]) -> tuple[Order, ...]:
    """Read elements that have a slope each as the slopes lie, in the spec's order; others as they are there."""
    each = size(op.weights(*shapes)["alpha"].shape) == size(shapes[0][1:])
    return as_the_spec(op, shapes, orders) if each else orders


def as_a_map(op: Op, shapes: tuple[Shape, ...], orders: tuple[Order, ...]) -> tuple[Order, ...]:
    """Read maps with the channels first."""
    return tuple(
        channels_first(len(shape))
        if op.data_format != "channels_first" and len(shape) in MAPS
        else spec_order(len(shape))
        for shape in shapes
    )


def as_a_map_of_any_rank(op: Op, shapes: tuple[Shape, ...], orders: tuple[Order, ...]) -> tuple[Order, ...]:
    """Read inputs with the channels first, however many spatial axes they have."""
    rank = len(shapes[0])
    order = spec_order(rank) if op.data_format == "channels_first" else channels_first(rank)
    return (order,) * len(shapes)


def as_a_map_along(op: Op, shapes: tuple[Shape, ...], orders: tuple[Order, ...]) -> tuple[Order, ...]:
    """Read maps with the channels first, which are the axis that the operator says."""
    given: int | None = getattr(op, "axis", None)
    found = []
    for shape in shapes:
        axis = (channel_axis(shape, op.data_format) if given is None else given) % len(shape)
        found.append((0, axis, *(at for at in range(1, len(shape)) if at != axis)))
    return tuple(found)


def as_films(op: Op, shapes: tuple[Shape, ...], orders: tuple[Order, ...]) -> tuple[Order, ...]:
    """Read steps of maps, and then maps, with the channels before the positions."""
    film, *maps = shapes
    rank = len(film)
    first = spec_order(rank) if op.data_format == "channels_first" else (0, 1, rank - 1, *range(2, rank - 1))
    return (first, *as_a_map(op, tuple(maps), orders[1:]))


def as_maps_with_boxes(op: Op, shapes: tuple[Shape, ...], orders: tuple[Order, ...]) -> tuple[Order, ...]:
    """Read maps with the channels first, and the boxes, the last input, in the spec's order."""
    return (*as_a_map(op, shapes[:-1], orders[:-1]), spec_order(len(shapes[-1])))


def as_the_first(op: Op, shapes: tuple[Shape, ...], orders: tuple[Order, ...]) -> tuple[Order, ...]:
    """Read all inputs in the order of the first; those of several ranks, and what is no map, in the spec's."""
    if len(set(map(len, shapes))) > 1 or len(shapes[0]) not in MAPS:
        return as_the_spec(op, shapes, orders)
    return (orders[0],) * len(orders)


def as_one_axis(op: Op, shapes: tuple[Shape, ...], orders: tuple[Order, ...]) -> tuple[Order, ...]:
    """Read an input in the spec's order; as it is there if one axis is made of all and one has all elements."""
    several = sum(size > 1 for size in shapes[0][1:])
    kept = len(op.outputs(shapes[0])[0]) > 2  # noqa: PLR2004 - batch, features
    return as_the_spec(op, shapes, orders) if kept or several > 1 else orders


def made_in(use: Use, output: Tensor, *, keeps: bool) -> Order:
    """Return the order in which an operator makes an output; `keeps` says that it keeps its first input's axes."""
    rank = len(use.facts.shape(output))
    order = use.orders[0] if use.orders else ()
    return order if keeps and len(order) == rank else spec_order(rank)


def permutation(there: Order, wanted: Order) -> tuple[int, ...]:
    """Return the axes of a tensor in the order in which they are wanted; nothing if they are so already."""
    return () if there == wanted else tuple(there.index(axis) for axis in wanted)


def order_of_inputs(facts: Facts, reads: Mapping[str, Reads]) -> dict[Tensor, Order]:
    """Return for each input of a network the order in which its first operators want it."""
    return {node.output: _wanted(facts, node.output, reads) for node in facts.graph.inputs}


def _wanted(facts: Facts, tensor: Tensor, reads: Mapping[str, Reads]) -> Order:
    rank = len(facts.shape(tensor))
    todo, seen = [tensor], {tensor}
    while todo:
        for node in todo.pop().readers:
            rule = reads.get(type(node.op).__name__, as_the_spec)
            is_a_map = rule is as_a_map or (rule is as_a_map_along and node.inputs[0] is tensor)
            if is_a_map and rank in MAPS and rule(node.op, ((0,) * rank,), ())[0] == channels_first(rank):
                return channels_first(rank)
            if rule in (as_it_is, as_the_first):
                todo += [made for made in node.outputs if made not in seen and len(facts.shape(made)) == rank]
                seen.update(node.outputs)
    return spec_order(rank)
