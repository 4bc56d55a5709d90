"""Inspect neural-network architectures: shapes, parameters, MACs, FLOPs and memory, without running them.

>>> import archinspect
>>> report = archinspect.inspect("resnet50")
>>> report.totals.macs
4089184256
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archinspect.api import (
        Checked,
        NotFoundError,
        check,
        compare,
        explain,
        fit,
        inspect,
        memory_report,
        network,
    )
    from archinspect.budget import MemoryReport, Plan
    from archinspect.cost import Cost
    from archinspect.diagnostics import Diagnostic, InvalidSpecError
    from archinspect.explanation import Explained, Explanation, Figure
    from archinspect.report import Report, Row
    from archinspect.search import Fit

__version__ = "0.1.0"
__all__ = [
    "Checked",
    "Cost",
    "Diagnostic",
    "Explained",
    "Explanation",
    "Figure",
    "Fit",
    "InvalidSpecError",
    "MemoryReport",
    "NotFoundError",
    "Plan",
    "Report",
    "Row",
    "check",
    "compare",
    "explain",
    "fit",
    "inspect",
    "memory_report",
    "network",
]

_HOMES = {
    **dict.fromkeys(("Checked", "NotFoundError"), "api"),
    **dict.fromkeys(("check", "compare", "explain", "fit", "inspect", "memory_report", "network"), "api"),
    **dict.fromkeys(("MemoryReport", "Plan"), "budget"),
    "Cost": "cost",
    **dict.fromkeys(("Diagnostic", "InvalidSpecError"), "diagnostics"),
    **dict.fromkeys(("Explained", "Explanation", "Figure"), "explanation"),
    **dict.fromkeys(("Report", "Row"), "report"),
    "Fit": "search",
}


def __getattr__(name: str) -> object:
    # Loaded when asked for: `archinspect --help` needs none of it.
    if name not in _HOMES:
        raise AttributeError(f"module 'archinspect' has no attribute '{name}'")
    from importlib import import_module  # noqa: PLC0415 - as above

    return getattr(import_module(f"archinspect.{_HOMES[name]}"), name)
