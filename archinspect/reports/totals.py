"""Figures of whole networks by which they are compared and charted: what is computed, and what specs state."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from archinspect.reports.summary import Report


class Total(NamedTuple):
    """A figure of a network; None where it is not stated, or was not asked for."""

    title: str
    value: Callable[[Report], float | None]
    unit: str = "count"
    """`count`, `bytes`, or `stated`: a plain number."""
    best: Callable[..., float] | None = min
    """Which of several is the best; None where none is."""

    @property
    def word(self) -> str:
        """The title within a sentence: `params`, but `MACs`."""
        return self.title if self.title[1:2].isupper() else self.title[:1].lower() + self.title[1:]


def stated(name: str) -> Callable[[Report], float | None]:
    """Return what reads a number of a spec's `metrics`."""

    def value(report: Report) -> float | None:
        found = report.metrics.get(name)
        return found if isinstance(found, int | float) and not isinstance(found, bool) else None

    return value


def weighted_layers(report: Report) -> int:
    """Return how many layers have weights, their own or another layer's."""
    return sum(bool(row.cost.params or row.shares) for row in report.layers)


def bits_a_weight(report: Report) -> float | None:
    """Return how many bits of its file a weight takes; None where there is no file."""
    if not report.stored:
        return None
    from archinspect.graph.stored import bits  # few networks have files of weights

    return bits(report.stored.bytes, report.totals.params)


METRICS = {
    "year": Total("Year", stated("year"), "stated", None),
    "top1": Total("Top-1 accuracy %", stated("top1"), "stated", max),
    "top5": Total("Top-5 accuracy %", stated("top5"), "stated", max),
    "ilsvrc_top5_error": Total("ILSVRC top-5 error %", stated("ilsvrc_top5_error"), "stated"),
}
"""Those that specs state; there may be others."""
TOTALS = {
    **METRICS,
    "params": Total("Params", lambda r: r.totals.params),
    "active": Total("Active params", lambda r: r.totals.active_params),
    "macs": Total("MACs", lambda r: r.totals.macs),
    "flops": Total("FLOPs", lambda r: r.totals.flops),
    "weights": Total("Weights", lambda r: r.param_bytes, "bytes"),
    "stored": Total("Weights as stored", lambda r: r.stored and r.stored.bytes, "bytes"),
    "bits": Total("Bits a weight", bits_a_weight, "stated"),
    "memory": Total("Memory of outputs", lambda r: r.totals.output_bytes, "bytes"),
    "peak": Total("Peak at inference", lambda r: r.memory and r.memory.peak_bytes, "bytes"),
    "kept": Total("Kept for backward", lambda r: r.memory and r.memory.kept_bytes, "bytes"),
    "layers": Total("Layers", lambda r: len(r.layers), best=None),
    "weighted": Total("Weighted layers", weighted_layers, best=None),
}
"""By the names of columns."""
UNKNOWN = {
    "active": "params",
    "weights": "params",
    "bits": "params",
    "params": "params",
    "macs": "macs",
    "flops": "flops",
    "memory": "memory",
}
"""The figures of layers that totals are sums of: where one is not known, neither is the total."""


def is_known(name: str, report: Report) -> bool:
    """Return whether a total is known in full."""
    return not any(UNKNOWN.get(name) in figures for figures in report.uncounted.values())


def known(name: str, report: Report) -> float | None:
    """Return a total, or a number of `metrics` by its name; None where it is not known in full."""
    if not is_known(name, report):
        return None
    total = TOTALS.get(name)
    return total.value(report) if total else stated(name)(report)
