"""A builder that knows the shape of every tensor at once, for formats whose layers depend on shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.base.shape import Mismatch
from archinspect.base.source import SourceError
from archinspect.graph.builder import NOWHERE, GraphBuilder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape
    from archinspect.base.source import Span
    from archinspect.graph.graph import Node, Tensor
    from archinspect.ops.base import Op

MAX_OPERATORS = 10_000
"""Of a network that a text describes."""


class ShapedBuilder(GraphBuilder):
    """A :class:`GraphBuilder` that runs the rules of shapes when a layer is added.

    A layer stands at the place `here` unless more is said; one that does not fit raises :class:`SourceError` there.
    """

    def __init__(self, name: str, origin: Span, *, layout: str = "channels_last") -> None:
        super().__init__(name, layout=layout, origin=origin)
        self.here = origin
        self._shapes: dict[Tensor, Shape] = {}
        self._known: dict[tuple[Op, tuple[Shape, ...]], tuple[Shape, ...]] = {}

    def shape(self, tensor: Tensor) -> Shape:
        """Return the shape of a sample of a tensor."""
        return self._shapes[tensor][1:]

    def add_input(self, op: Op, path: str, origin: Span = NOWHERE) -> Tensor:
        """Add an input as :meth:`GraphBuilder.add_input` does."""
        tensor = super().add_input(op, path, origin)
        self._shapes[tensor] = tensor.producer.op.of_batch(1)
        return tensor

    def add_node(self, op: Op, inputs: Sequence[Tensor], path: str, **more: Any) -> Node:  # noqa: ANN401 - as there
        """Add one operator as :meth:`GraphBuilder.add_node` does; raise :class:`SourceError` where it does not fit."""
        if more.get("origin", NOWHERE) is NOWHERE:
            more["origin"] = self.here
        if len(self.nodes) >= MAX_OPERATORS:
            raise SourceError("limit", f"the network has more than {MAX_OPERATORS:,} operators", more["origin"])
        node = super().add_node(op, inputs, path, **more)
        given = tuple([self._shapes[tensor] for tensor in inputs])
        try:
            found = self._outputs(op, given)
        except Mismatch as error:
            name = type(node.layer_op).__name__
            raise SourceError("shape", f"{name}: {error.message}", more["origin"], error.help) from None
        for tensor, shape in zip(node.outputs, found, strict=True):
            self._shapes[tensor] = shape
        return node

    def give_name(self, path: str, start: int) -> None:
        """Give the only node since `start` the path of the composite in which it is, which is one no more."""
        if len(self.nodes) == start + 1 and path in self.composites:
            del self.composites[path]
            for name in ("path", "layer"):
                object.__setattr__(self.nodes[start], name, path)

    def _outputs(self, op: Op, given: tuple[Shape, ...]) -> tuple[Shape, ...]:
        key = op, given
        try:
            found = self._known.get(key)
        except TypeError:  # symbols cannot be looked up
            return op.outputs(*given)
        if found is None:
            found = self._known[key] = op.outputs(*given)
        return found
