"""Networks as PyTorch modules: the text of one Python file that needs nothing but torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archinspect.exporters.code import Given, Own
from archinspect.exporters.orders import Use, made_in, order_of_inputs, permutation, spec_order
from archinspect.exporters.outline import Leaf, Outline
from archinspect.exporters.pytorch.operators import OPERATORS
from archinspect.exporters.pytorch.writer import Writer, class_name, parts_for
from archinspect.exporters.refusal import CannotExportError
from archinspect.ops.base import Op

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from archinspect.analyses.facts import Facts
    from archinspect.exporters.code import Step
    from archinspect.exporters.orders import Order
    from archinspect.graph.graph import Node, Tensor


class Given_(NamedTuple):
    """An input of the module."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    channels_last: bool


class Module(NamedTuple):
    """A network as a PyTorch module."""

    text: str
    name: str
    inputs: tuple[Given_, ...]
    layers: Mapping[str, str]
    orders: Mapping[str, tuple[int, ...]]


def export(facts: Facts, *, observed: bool = False) -> Module:
    """Return the text of a module. Raise :class:`CannotExportError`."""
    program = _Program(facts)
    outline = Outline(facts.graph, program.leaves(), class_name)
    writer = Writer(outline, observed=observed)
    classes = list(writer.classes())
    text = "\n\n\n".join([_head(facts, classes), *parts_for(list(writer.parts)), *classes]) + "\n"
    inputs = tuple(program.given(node) for node in facts.graph.inputs)
    return Module(text, class_name(facts.graph.name), inputs, writer.layers, {})


def _head(facts: Facts, classes: list[str]) -> str:
    text = "\n".join(classes)
    lines = ["from collections import OrderedDict", ""] if "OrderedDict(" in text else []
    lines += ["import torch"]
    lines += ["import torch.nn.functional as F"]
    lines += ["from torch import Tensor, nn"]
    return "\n".join(lines)


class _Program:
    """Finds what each node is in PyTorch, and in which order each tensor's axes are."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        reads = {name: entry.reads for name, entry in OPERATORS.items()}
        self.orders: dict[Tensor, Order] = order_of_inputs(facts, reads)

    def given(self, node: Node) -> Given_:
        order = self.orders[node.output]
        shape, dtype = self.facts.types[node.output.position]
        last = order != spec_order(len(order)) and len(order) == 4  # noqa: PLR2004 - maps
        return Given_(node.path, tuple(shape[axis] for axis in order), dtype, last)

    def leaves(self) -> Iterator[Leaf]:
        for node in self.facts.graph.nodes:
            yield self._leaf(node)

    def _leaf(self, node: Node) -> Leaf:
        entry = OPERATORS.get(type(node.op).__name__)
        if entry is None:
            raise CannotExportError(node.layer, f"{type(node.op).__name__} has no translation to PyTorch")
        call = self.facts.call(node)
        there = tuple(self.orders[tensor] for tensor in node.inputs)
        use = Use(node, call, entry.reads(node.op, call.shapes, there), self.facts)
        step = entry.translate(use)
        turns = [permutation(*pair) for pair in zip(there, use.orders, strict=True)]
        if any(turns):
            pieces = [
                piece._replace(order=turns[piece.index]) if isinstance(piece, Given) and piece.index >= 0 else piece
                for piece in step.code
            ]
            step = step._replace(code=tuple(pieces))
        for tensor in node.outputs:
            self.orders[tensor] = made_in(use, tensor, keeps=entry.keeps)
        name = node.path
        return Leaf(name, name, step, node.inputs, node.outputs)


__all__ = ["Given", "Module", "Op", "Own", "export"]
