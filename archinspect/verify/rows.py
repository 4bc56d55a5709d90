"""What a verification says: a figure as it is predicted and as it is measured, by layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Row(NamedTuple):
    """A figure as it is predicted and as it is measured; `measured` is None where it was not."""

    layer: str
    """Empty for the network as a whole."""
    figure: str
    predicted: Any
    measured: Any
    tolerance: float = 0.0
    """How far numbers that were computed may be from those that were predicted; 0 for what is counted."""

    @property
    def equal(self) -> bool:
        """Whether both are known and the same."""
        if self.measured is None:
            return False
        if not self.tolerance:
            return bool(self.predicted == self.measured)
        distance = self.distance
        return distance is not None and distance <= self.tolerance

    @property
    def distance(self) -> float | None:
        """How far apart computed numbers are at most; None where there are not as many."""
        ours, theirs = numbers(self.predicted), numbers(self.measured)
        if len(ours) != len(theirs):
            return None
        return max((abs(one - other) for one, other in zip(ours, theirs, strict=True)), default=0.0)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form; what is counted has no tolerance."""
        found = {**self._asdict(), "equal": self.equal}
        return found if self.tolerance else {key: value for key, value in found.items() if key != "tolerance"}


class Verification(NamedTuple):
    """What a measurement says of a network's figures."""

    name: str
    target: str
    version: str
    """Of the framework that measured."""
    batch: int
    rows: tuple[Row, ...]
    within: int
    """Operators whose shapes are none of the rows: their values are made within one call with others."""
    left_out: Mapping[str, str]
    """Figures that this target does not tell, each with the reason; none of the rows is about them."""
    refused: str
    """Why the framework does not train on the batch; empty where it does."""
    computed_by: str
    """What computed the layers' numbers; empty where none were asked for."""
    partial: Mapping[str, str]
    """Layers that could not be measured, each with the reason; all figures are those of the network without them."""

    @property
    def ok(self) -> bool:
        """Whether all figures are measured and equal."""
        return all(row.equal for row in self.rows)

    @property
    def code(self) -> int:
        """The exit code: 1 where something differs."""
        return 0 if self.ok else 1

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        rows = [row.as_dict() for row in self.rows]
        return {
            **self._asdict(),
            "ok": self.ok,
            "rows": rows,
            "left_out": dict(self.left_out),
            "partial": dict(self.partial),
        }


class Failure(NamedTuple):
    """A target that could not be asked, and why."""

    target: str
    reason: str
    code: int
    """The exit code: 1 where the target has no words for the network, 2 where it cannot be measured."""

    @property
    def ok(self) -> bool:
        """That it is not."""
        return False

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"target": self.target, "ok": False, "error": self.reason}


class CannotMeasureError(Exception):
    """A program that could not be measured: the framework is missing, or refuses it."""


class RefusedError(CannotMeasureError):
    """A program that the framework refuses; `layer` is where, if that is known."""

    def __init__(self, message: str, layer: str = "", reason: str = "") -> None:
        super().__init__(message)
        self.layer, self.reason = layer, reason


def numbers(nested: Any) -> list[float]:  # noqa: ANN401 - nested lists
    """Return the numbers of nested lists, in their order."""
    return [number for part in nested for number in numbers(part)] if isinstance(nested, list) else [nested]


def turned(shape: Sequence[int], order: Sequence[int] | None) -> list[int]:
    """Return a shape in the order of axes that a program has; None is the spec's own."""
    return [shape[axis] for axis in order] if order else list(shape)
