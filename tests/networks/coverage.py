"""What random networks reach: operators, and their arguments with another value than the default."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from networks.guess import KNOWN

from archinspect.ops.base import Op

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from archinspect.graph.graph import Graph, Node

OPERATORS = 20
ARGUMENTS = 5
"""Networks of 3,000 that reach each at least."""


class Coverage:
    """How many networks reach each operator, and each argument."""

    def __init__(self) -> None:
        self.networks = 0
        self.operators: Counter[str] = Counter({kind.__name__: 0 for kind in KNOWN})
        self.arguments: Counter[str] = Counter({f"{kind.__name__}.{name}": 0 for kind in KNOWN for name in kind.args})

    def add(self, graph: Graph) -> None:
        """Count a network."""
        found = set(_reached(graph))
        self.networks += 1
        self.operators.update({name for name, _ in found})
        self.arguments.update({f"{name}.{one}" for name, one in found if one})

    def missing(self) -> list[str]:
        """Operators and arguments that too few networks reach."""
        few = [name for name, count in self.operators.items() if count * 3000 < OPERATORS * self.networks]
        return few + [name for name, count in self.arguments.items() if count * 3000 < ARGUMENTS * self.networks]

    def report(self) -> str:
        """A line per operator: networks that reach it, and each of its arguments."""
        lines = []
        for name, count in self.operators.items():
            args = [
                f"{one.partition('.')[2]} {found:,}"
                for one, found in self.arguments.items()
                if one.startswith(f"{name}.")
            ]
            lines.append(f"{name:28}{count:7,}  {', '.join(args)}".rstrip())
        return "\n".join(lines)


def _reached(graph: Graph) -> Iterator[tuple[str, str]]:
    """Operators and arguments, each operator also with an empty argument."""
    layers: dict[str, Node] = {node.layer: node for node in graph.everything}
    for node in layers.values():
        given = [] if node.arguments is None else [key.text for key, _ in node.arguments]
        yield from _of_operator(node.layer_op, given)


def _of_operator(op: Op, given: Iterable[str] = ()) -> Iterator[tuple[str, str]]:
    name = type(op).__name__
    yield name, ""
    if "data_format" in given:
        yield name, "data_format"
    for argument, value in op.given().items():
        if argument in op.args:
            yield name, argument
        if isinstance(value, Op) and argument == "layer":
            yield from _of_operator(value)
