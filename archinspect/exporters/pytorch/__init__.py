"""Networks as PyTorch modules: the text of one Python file that needs nothing but torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archinspect.exporters.orders import spec_order
from archinspect.exporters.outline import Outline
from archinspect.exporters.pytorch.names import class_name, identifier, reserved
from archinspect.exporters.pytorch.program import Program
from archinspect.exporters.pytorch.writer import Writer, module_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from archinspect.analyses.facts import Facts
    from archinspect.graph.graph import Node, Tensor


class Given(NamedTuple):
    """An input of the module."""

    name: str
    shape: tuple[int, ...]
    """As the module takes it: the batch first, a map's channels after it."""
    dtype: str
    """`float` is the type that the network computes in."""
    channels_last: bool
    """Whether the spec has a map's channels last, and so the module's figures are those of that memory format."""


class Module(NamedTuple):
    """A network as a PyTorch module."""

    text: str
    """The source of a Python file."""
    name: str
    """The class that is the network; it takes no arguments."""
    inputs: tuple[Given, ...]
    layers: Mapping[str, str]
    """Which module each layer of the spec is, or the name under which `observe` notes its value."""
    fused: frozenset[str]
    """Those of them whose value is another one: of products that are made together, of calls with more around them."""
    inline: frozenset[str]
    """Composites that are lists of modules, which the function around them calls."""
    held: Mapping[Tensor, Node]
    """The tensors that variables of the program hold, each up to a node; arguments of functions are not told."""
    orders: Mapping[str, tuple[int, ...]]
    """Which of the spec's axes each axis of a layer's output is, where they are not the same."""
    beside: Mapping[str, str]
    """Of a module the path of another that has weights of the same layer, as position biases beside sinks."""


def export(facts: Facts, *, observed: bool = False) -> Module:
    """Return a network as the text of a PyTorch module.

    With `observed` the text calls `observe(module, name, value)` for each value that no module of its own makes; what
    runs it has to define that function. Raise :class:`CannotExportError` for what PyTorch cannot say.
    """
    program = Program(facts)
    leaves = list(program.leaves())
    outline = Outline(facts.graph, leaves, class_name, program.composites, identifier, reserved(), optional=True)
    writer = Writer(outline, facts, observed=observed)
    text = module_text(writer, facts)
    inputs = tuple(_given(program, facts, node) for node in facts.graph.inputs)
    orders = {t.name: order for t, order in program.orders.items() if order != spec_order(len(order))}
    fused, inline = frozenset(writer.fused), frozenset(writer.inline)
    return Module(text, writer.name, inputs, writer.layers, fused, inline, writer.held, orders, writer.beside)


def write(facts: Facts) -> str:
    """Return a network as the text of a PyTorch module; see :func:`export`."""
    return export(facts).text


def _given(program: Program, facts: Facts, node: Node) -> Given:
    order = program.orders[node.output]
    shape, dtype = facts.types[node.output.position]
    return Given(node.path, tuple(shape[axis] for axis in order), dtype, order != spec_order(len(order)))
