"""Arguments that follow from the shapes of the inputs: an expression in their place, evaluated when those are known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.base.diagnostics import show
from archinspect.base.shape import Mismatch
from archinspect.ops.args import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from archinspect.base.shape import Shape
    from archinspect.base.source import Value

DIMENSIONS = ("in", "inputs")
"""What an expression calls the axes of the first input, and those of all inputs."""


class Batch:
    """Stands where a shape has the batch, which no figure may depend on."""

    def __repr__(self) -> str:
        return "the batch"


class Computed:
    """A value computed by an expression; equal to another of the same text and values of its names.

    `evaluate` gives the value of a text and of values by name, or raises :class:`ValueError` saying why it cannot.
    """

    __slots__ = ("evaluate", "names", "text")

    def __init__(
        self, text: str, names: Mapping[str, Value], evaluate: Callable[[str, Mapping[str, Value]], Value]
    ) -> None:
        self.text = text
        self.names = dict(names)
        """The values of its names but for those of :data:`DIMENSIONS`."""
        self.evaluate = evaluate

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Computed) and (self.text, self.names) == (other.text, other.names)

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        names = [f"{name}={value!r}" for name, value in self.names.items()]
        return f"Computed({', '.join([repr(self.text), *names])})"

    def __str__(self) -> str:
        return f"${{{self.text}}}"

    def value(self, shapes: Sequence[Shape]) -> Value:
        """Return the value on inputs of these shapes."""
        inputs: list[Value] = [[Batch(), *shape[1:]] for shape in shapes]  # type: ignore[list-item] # see Batch
        return self.evaluate(self.text, {**dict(zip(DIMENSIONS, (inputs[0], inputs), strict=True)), **self.names})


class Computable(Kind):
    """Another kind, of which a value, or items of a list, may be :class:`Computed`."""

    computes = True

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.expected = kind.expected

    def convert(self, value: Value, rank: int = 0) -> object:
        """Return what the other kind makes of the value; an expression as it is."""
        if not expressions(value):
            return self.kind.convert(value, rank)
        return tuple(value) if isinstance(value, list) else value

    def describe(self, rank: int) -> str:
        """Return what the other kind takes."""
        return f"{self.kind.describe(rank)}; or an expression of `in`, the input's axes"


def expressions(value: object) -> list[Computed]:
    """Return the expressions of an argument's value."""
    items = value if isinstance(value, list | tuple) else [value]
    return [item for item in items if isinstance(item, Computed)]


def known(kind: Kind, name: str, value: object, shapes: Sequence[Shape]) -> object:
    """Return an argument's value on inputs of these shapes; raise :class:`Mismatch` where its kind cannot take it."""
    if not expressions(value):
        return value
    try:
        found = _evaluated(value, shapes)
    except ValueError as error:
        raise Mismatch(f"{name}: {error}", args=(name,)) from None
    try:
        return kind.convert(found)
    except ValueError as error:
        raise Mismatch(f"{name} must be {error}, not {show(found)}", args=(name,)) from None


def _evaluated(value: object, shapes: Sequence[Shape]) -> Value:
    if isinstance(value, Computed):
        return value.value(shapes)
    return [_evaluated(item, shapes) for item in value] if isinstance(value, list | tuple) else value  # type: ignore[return-value] # of a spec
