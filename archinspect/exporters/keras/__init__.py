"""Networks as Keras models: the text of one Python file that needs nothing but keras."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archinspect.exporters.keras.names import function_name
from archinspect.exporters.keras.program import Program
from archinspect.exporters.keras.writer import Writer, module_text
from archinspect.exporters.outline import Outline

if TYPE_CHECKING:
    from collections.abc import Mapping

    from archinspect.analyses.facts import Facts


class Module(NamedTuple):
    """A network as a Keras program."""

    text: str
    """The source of a Python file."""
    name: str
    """The function that returns the model; it takes no arguments."""
    layers: Mapping[str, str]
    """The names of the model's layers, by the paths of the nodes that they are."""
    steps: Mapping[str, str]
    """For each further layer that a node becomes, such as its padding, the name of the one that makes its value."""


def export(facts: Facts, *, observed: bool = False) -> Module:
    """Return a network as the text of a Keras program.

    With `observed` a functional program calls `observe(name, value)` for each value that it computes; what runs it has
    to define that function, and `layers` has the names of values that no layer of their own makes, too; and the program
    has also what no output needs. Raise :class:`CannotExportError` for what Keras cannot say.
    """
    program = Program(facts, whole=observed)
    outline = Outline(facts.graph, list(program.leaves()), function_name, program.composites)
    writer = Writer(outline, facts, program.kept, observed=observed)
    return Module(module_text(writer), writer.name, writer.layers, writer.steps)


def write(facts: Facts) -> str:
    """Return a network as the text of a Keras program; see :func:`export`."""
    return export(facts).text
