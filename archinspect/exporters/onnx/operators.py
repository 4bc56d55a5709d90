"""All operators: the one table of their translations to ONNX."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from archinspect.exporters.onnx import attention, elements, merges, moves, norms, recurrent, scan, windows
from archinspect.exporters.onnx.use import STUB, EachStep, Use
from archinspect.exporters.onnx.writer import Value
from archinspect.exporters.orders import spec_order

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from archinspect.exporters.onnx.writer import Writer
    from archinspect.graph.graph import Node
    from archinspect.ops.base import Op

Translation: TypeAlias = "Callable[[Use], Value | Sequence[Value]]"
"""Adds what an operator is to the graph, and returns its outputs."""


def each_step(use: Use) -> list[Value]:
    """`TimeDistributed`."""
    inside = EachStep(use)
    found = translation(type(inside.op))(inside)
    values = [found] if isinstance(found, Value) else found
    return [inside.apart(value, shape) for value, shape in zip(values, use.outputs, strict=True)]


def custom(use: Use) -> Value:
    """`Custom`: a stub, an operator of another domain that no program knows."""
    use.writer.has_stubs = True
    inputs = [use.spec(index) for index in range(len(use.shapes))]
    name = use.emit(STUB, *inputs, *map(use.weight, use.weights))
    return Value(use.hint(name, use.output, use.dtypes[0]), spec_order(len(use.output)))


OPERATORS: dict[str, Translation] = {
    **windows.OPERATORS,
    **norms.OPERATORS,
    **elements.OPERATORS,
    **merges.OPERATORS,
    **moves.OPERATORS,
    **attention.OPERATORS,
    **recurrent.OPERATORS,
    **scan.OPERATORS,
    "TimeDistributed": each_step,
    "Custom": custom,
}
"""By the name of the operator, or of what it is a kind of."""


def translate(writer: Writer, node: Node) -> None:
    """Add a node of the network to the graph."""
    use = Use(writer, node)
    found = translation(type(node.op))(use)
    values = [found] if isinstance(found, Value) else found
    made = {name for added in use.added for name in added.output}
    for tensor, value in zip(node.outputs, values, strict=True):
        # What is only passed on is a value of its own nevertheless, so that each layer is a node.
        own = value.name if value.name in made else use.emit("Identity", value.name)
        for added in use.added:
            for names in (added.input, added.output):
                names[:] = [tensor.name if other == own else other for other in names]
        made.discard(own)
        writer.forget(own)
        writer.add_value(tensor, Value(tensor.name, value.order))


def translation(kind: type[Op]) -> Translation:
    """Return the translation of an operator, or of the one that it is a kind of."""
    return next(OPERATORS[base.__name__] for base in kind.__mro__ if base.__name__ in OPERATORS)
