"""What a network computes and moves, as plain data: a row per layer or, folded, per composite."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from archinspect.analyses.compute import Figures, sum_of_figures
from archinspect.reports.folding import Group
from archinspect.reports.summary import SCHEMA

if TYPE_CHECKING:
    from archinspect.analyses.compute import Compute
    from archinspect.reports.summary import Report


class ComputeRow(NamedTuple):
    """A layer, or a composite folded into one row."""

    name: str
    type: str
    figures: Figures
    unknown: tuple[str, ...] = ()
    """What is not known of it, or of a part: `params`, `macs`, `flops`."""
    copies: int = 1
    """How many copies in a row it stands for; its figures are their sums."""
    equal: bool = True
    """Whether the copies are equal in their figures, not only in their structure."""

    def as_dict(self) -> dict[str, Any]:
        """Return the row in the JSON form."""
        copies = {"copies": self.copies} if self.copies > 1 else {}
        alike = {} if self.equal else {"equal": False}
        return {"name": self.name, "type": self.type, **_figures_dict(self.figures), **copies, **alike}


class ComputeReport(NamedTuple):
    """What a network is, and what it computes and moves; the rows sum to the total."""

    report: Report
    computed: Compute
    rows: tuple[ComputeRow, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form, whose keys docs/json.md explains."""
        report, computed, device = self.report, self.computed, self.computed.device
        return {
            "schema": SCHEMA,
            "name": report.name,
            "dtype": computed.dtype,
            "batch": report.batch,
            **report.asked,
            "training": computed.training,
            "device": device and {**device._asdict(), "peak": device.flops[computed.dtype]},
            **report.coverage,
            "totals": _figures_dict(computed.total),
            "layers": [row.as_dict() for row in self.rows],
        }


def compute_report(
    computed: Compute, report: Report, depth: int, *, equal: bool = False, at_most: int = 0
) -> ComputeReport:
    """Return figures by row, folded as :meth:`Report.fold` does."""
    parts: dict[str, list[Figures]] = {}
    for layer, figures in computed.layers.items():
        parts.setdefault(".".join(layer.split(".")[:depth]), []).append(figures)
    sums = {name: sum_of_figures(several) for name, several in parts.items()}
    folded = report.fold(depth)
    groups = [Group([row]) for row in folded]
    if equal:
        groups = report.groups_of(folded, at_most=at_most, figures=lambda row: sums[row.name])
    rows = [
        ComputeRow(
            group.name,
            group.type,
            sum_of_figures(sums[row.name] for row in group.rows),
            tuple(dict.fromkeys(figure for row in group.rows for figure in row.unknown)),
            group.copies,
            group.equal,
        )
        for group in groups
    ]
    return ComputeReport(report, computed, tuple(rows))


def _figures_dict(figures: Figures) -> dict[str, Any]:
    """Return the figures by name: exact integers, and seconds."""
    passes = {"forward": figures.forward, "input_gradient": figures.input_gradients}
    passes["weight_gradient"] = figures.weight_gradients
    return {
        "macs": figures.macs,
        "flops": figures.flops,
        **{f"{name}_{unit}": getattr(work, unit) for name, work in passes.items() for unit in ("macs", "flops")},
        "bytes": figures.bytes,
        "forward_bytes": figures.forward_bytes,
        "backward_bytes": figures.backward_bytes,
        "compute_time": figures.compute_time,
        "memory_time": figures.memory_time,
        "bound": figures.bound,
    }
