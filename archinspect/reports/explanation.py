"""Where a network's figures come from, as data: formulas, the numbers put in, and results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from archinspect.base.diagnostics import suggest
from archinspect.base.frames import frame
from archinspect.base.html import table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.conventions import Difference
    from archinspect.reports.summary import BatchShape, Report
    from archinspect.reports.worked import Worked


class Figure(NamedTuple):
    """A figure: its formula with names, the same with the numbers put in, and the result.

    A given number has no formula. `terms` are the values of what is added up in FLOPs.
    """

    name: str
    value: int | float
    formula: str = ""
    numbers: str = ""
    terms: tuple[int | float, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the figure in the JSON form."""
        return self._asdict()


class WeightFigure(NamedTuple):
    """A weight: its shape as formulas, and the number of its elements."""

    dims: tuple[str, ...]
    shape: tuple[int, ...]
    elements: Figure
    learned: bool
    """Whether it is a parameter and no running statistic."""
    shared: bool
    """Whether it is another layer's, and counts there."""


class Explanation(NamedTuple):
    """How the figures of one operator come about; a layer may consist of several.

    Every name in a formula is a figure of `given`, or stands before it.
    """

    name: str
    type: str
    label: str
    doc: str
    inputs: tuple[tuple[str, BatchShape], ...]
    """What it reads, and those shapes."""
    output_shapes: tuple[BatchShape, ...]
    given: tuple[Figure, ...]
    output: tuple[Figure, ...]
    """The sizes of the outputs."""
    unread: str
    """What no window reads at the end of the input, `1 row and 1 column`; empty for nothing."""
    weights: tuple[WeightFigure, ...]
    params: tuple[Figure, ...]
    """Learned parameters, and running statistics if there are any."""
    work: tuple[Figure, ...]
    """MACs and FLOPs."""
    field: tuple[Figure, ...] | None
    """Receptive field, jump and center for every spatial axis; None where everything is seen."""
    shares: str = ""
    """The layer whose weights it uses."""
    unknown: tuple[str, ...] = ()
    """Figures that are not known, and count as nothing: some of `params`, `macs`, `flops`."""

    def as_dict(self) -> dict[str, Any]:
        """Return the explanation in the JSON form."""
        return {
            "name": self.name,
            "type": self.type,
            "inputs": [{"layer": layer, "shape": sizes_of(shape)} for layer, shape in self.inputs],
            "output_shape": sizes_of(self.output_shapes[0]),
            "given": {figure.name: figure.value for figure in self.given},
            "output": [figure.as_dict() for figure in self.output],
            **({"unread": self.unread} if self.unread else {}),
            "weights": [
                {
                    "shape": list(w.shape),
                    "dims": list(w.dims),
                    "learned": w.learned,
                    "shared": w.shared,
                    **w.elements.as_dict(),
                }
                for w in self.weights
            ],
            "params": [figure.as_dict() for figure in self.params],
            "work": [figure.as_dict() for figure in self.work],
            "field": None if self.field is None else [figure.as_dict() for figure in self.field],
            **({"shares": self.shares} if self.shares else {}),
            **({"unknown": list(self.unknown)} if self.unknown else {}),
        }

    def to_dict(self) -> dict[str, Any]:
        """Return the same: the name that pandas and others use."""
        return self.as_dict()

    def rows(self, layer: str = "") -> Iterator[dict[str, object]]:
        """Yield a dict per figure, of a layer; the value of one that is not known is None."""
        parts = {
            "given": self.given,
            "output": self.output,
            "weights": [weight.elements for weight in self.weights],
            "params": self.params,
            "work": self.work,
            "field": self.field or (),
        }
        for part, figures in parts.items():
            for figure in figures:
                yield {
                    "layer": layer or self.name,
                    "operator": self.name,
                    "part": part,
                    "figure": figure.name,
                    "value": None if figure.name.lower() in self.unknown else figure.value,
                    "formula": figure.formula,
                    "numbers": figure.numbers,
                }

    def __repr__(self) -> str:
        figures = [f"{figure.name} = {figure.value}" for figure in (*self.params, *self.work)]
        return f"<Explanation {self.name} ({self.type}): {', '.join(figures)}>"


class Explained(NamedTuple):
    """Where a network's figures come from; `layers` holds the operators of every layer, in execution order.

    `worked` are the layers whose output can be worked out from the spec's `values`.
    """

    report: Report
    layers: dict[str, tuple[Explanation, ...]]
    worked: tuple[Worked, ...] = ()
    differences: tuple[Difference, ...] = ()
    """Where another tool counts otherwise, if a convention was asked for."""

    def within(self, layer: str) -> Explained:
        """Return what is said of a layer, or of all layers of a block; raise ValueError where there is none."""
        layers = {name: parts for name, parts in self.layers.items() if f"{name}.".startswith(f"{layer}.")}
        if not layers:
            known = [*self.layers, *self.report.groups]
            raise ValueError(f"no layer '{layer}' in {self.report.name}: {suggest(layer, known)}")
        return self._replace(layers=layers, worked=tuple(part for part in self.worked if part.layer in layers))

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form of the formulas and sums."""
        layers = {name: [part.as_dict() for part in parts] for name, parts in self.layers.items()}
        return {"layers": layers, "worked": [part.as_dict() for part in self.worked]}

    def to_dict(self) -> dict[str, Any]:
        """Return the same: the name that pandas and others use."""
        return self.as_dict()

    def rows(self) -> list[dict[str, Any]]:
        """Return a dict per figure: layer, operator, part, figure, value, formula, numbers."""
        return [row for layer, parts in self.layers.items() for part in parts for row in part.rows(layer)]

    def to_pandas(self) -> Any:  # noqa: ANN401 - a pandas.DataFrame
        """Return :meth:`rows` as a `pandas.DataFrame`; raise ImportError without the extra `pandas`."""
        return frame(self.rows())

    def __repr__(self) -> str:
        return f"<Explained {self.report.name}: {len(self.layers):,} layers>"

    def _repr_html_(self) -> str:
        header = ["layer", "figure", "formula", "numbers", "value"]
        rows = [[row[name] for name in header] for row in self.rows()]
        return table(self.report.name, [f"{len(self.layers):,} layers"], header, rows)

    def differences_dict(self) -> dict[str, Any]:
        """Return the JSON form of what another tool counts."""
        counted = {"convention": self.report.convention, **self.report.counted}
        return {**counted, "differences": [one._asdict() for one in self.differences]}


def sizes_of(shape: BatchShape) -> list[int]:
    """Return a shape's sizes, 1 for a batch that was not asked for."""
    return [1 if size is None else size for size in shape]
