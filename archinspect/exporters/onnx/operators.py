"""All operators: the one table of their translations to ONNX."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from archinspect.exporters.onnx import (
    attention,
    crf,
    elements,
    fourier,
    images,
    memories,
    merges,
    moves,
    norms,
    places,
    recurrent,
    sampling,
    scan,
    tensors,
    windows,
)
from archinspect.exporters.onnx.made import MadeKernel
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


def made_kernel(use: Use) -> Value | Sequence[Value]:
    """`WeightNorm` and `SpectralNorm`: the layer, whose kernel is made of weights first."""
    inside = MadeKernel(use)
    return translation(type(inside.op))(inside)


def custom(use: Use) -> list[Value]:
    """`Custom`: a stub, an operator of another domain that no program knows."""
    use.writer.has_stubs = True
    inputs = [use.spec(index) for index in range(len(use.shapes))]
    types = use.writer.facts.call(use.node).outputs
    names = use.several(STUB, len(types), *inputs, *map(use.weight, use.weights))
    return [
        Value(use.hint(name, shape, dtype), spec_order(len(shape)))
        for name, (shape, dtype) in zip(names, types, strict=True)
    ]


OPERATORS: dict[str, Translation] = {
    **windows.OPERATORS,
    **images.OPERATORS,
    **sampling.OPERATORS,
    **norms.OPERATORS,
    **elements.OPERATORS,
    **merges.OPERATORS,
    **moves.OPERATORS,
    **attention.OPERATORS,
    **recurrent.OPERATORS,
    **tensors.OPERATORS,
    **places.OPERATORS,
    **scan.OPERATORS,
    **memories.OPERATORS,
    **crf.OPERATORS,
    **fourier.OPERATORS,
    "TimeDistributed": each_step,
    "_MadeKernel": made_kernel,
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
