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

    @property
    def equal(self) -> bool:
        """Whether both are known and the same."""
        return self.measured is not None and bool(self.predicted == self.measured)


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
        rows = [{**row._asdict(), "equal": row.equal} for row in self.rows]
        return {**self._asdict(), "ok": self.ok, "rows": rows, "left_out": dict(self.left_out)}


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


def turned(shape: Sequence[int], order: Sequence[int] | None) -> list[int]:
    """Return a shape in the order of axes that a program has; None is the spec's own."""
    return [shape[axis] for axis in order] if order else list(shape)
