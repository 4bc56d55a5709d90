"""Sentences for a paper that say what a figure counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.conventions import find_convention
from archinspect.render.numbers import byte_count

if TYPE_CHECKING:
    from archinspect.reports.summary import Report


def sentences(report: Report, version: str) -> str:
    """Return what was counted of which network, by which rules and which tool; `version` is archinspect's."""
    convention = find_convention(report.convention or "archinspect")
    version = f"archinspect {version}"
    by = version if convention.tool == "archinspect" else f"{version} as {convention.tool} counts them"
    inputs = " and ".join("x".join(map(str, dims[1:])) or "a number" for dims in report.inputs.values())
    samples = "a sample" if (report.batch or 1) == 1 else f"{report.batch} samples"
    counted = report.counted or report.totals.as_dict()
    figures = [f"{counted['params']:,} parameters"]
    for figure in convention.figures:
        number = counted[figure.name]
        is_memory = figure.name == "memory"
        figures.append(f"{byte_count(number)} of {figure.title}" if is_memory else f"{number:,} {figure.title}")
    found = " and ".join([", ".join(figures[:-1]), figures[-1]] if len(figures) > 1 else figures)
    missing = [f"{', '.join(figures)} of {layer}" for layer, figures in report.uncounted.items()]
    left_out = f"\nNot known, and counted as nothing: {'; '.join(missing)}." if missing else ""
    return (
        f"{report.name} has {found}, for one forward pass at inference of {samples} of {inputs}, counted by {by}.\n"
        f"Counted are: {convention.params.why}; {convention.methods}.{left_out}"
    )
