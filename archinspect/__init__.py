"""Inspect neural-network architectures: shapes, parameters, MACs, FLOPs and memory, without running them.

>>> import archinspect
>>> report = archinspect.inspect("resnet50")
>>> report.totals.macs
4089184256
"""

from __future__ import annotations

TYPE_CHECKING = False  # type checkers know it; `typing` takes 10 ms, in which Ctrl-C would print a traceback
if TYPE_CHECKING:
    from archinspect._network import Network
    from archinspect.analyses.cost import Cost
    from archinspect.analyses.fit import Fit
    from archinspect.api import (
        NotFoundError,
        check,
        compare,
        compute,
        diff,
        explain,
        fit,
        inspect,
        memory_report,
        network,
        networks,
    )
    from archinspect.base.diagnostics import Diagnostic, InvalidSpecError
    from archinspect.base.settings import Settings
    from archinspect.base.symbolic.formulas import Formula
    from archinspect.checks.outcome import Checked
    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Graph, Node, Tensor
    from archinspect.reports.diff import Cause, Change, Diff
    from archinspect.reports.explanation import Explained, Explanation, Figure
    from archinspect.reports.memory import MemoryReport, Plan
    from archinspect.reports.summary import Report, Row

__version__ = "0.1.0"
__all__ = [
    "Cause",
    "Change",
    "Checked",
    "Cost",
    "Diagnostic",
    "Diff",
    "Explained",
    "Explanation",
    "Figure",
    "Fit",
    "Formula",
    "Graph",
    "GraphBuilder",
    "InvalidSpecError",
    "MemoryReport",
    "Network",
    "Node",
    "NotFoundError",
    "Plan",
    "Report",
    "Row",
    "Settings",
    "Tensor",
    "check",
    "compare",
    "compute",
    "diff",
    "explain",
    "fit",
    "inspect",
    "memory_report",
    "network",
    "networks",
]

_HOMES = {
    "Checked": "checks.outcome",
    "NotFoundError": "api",
    **dict.fromkeys(
        ("check", "compare", "compute", "diff", "explain", "fit", "inspect", "memory_report", "network", "networks"),
        "api",
    ),
    **dict.fromkeys(("MemoryReport", "Plan"), "reports.memory"),
    **dict.fromkeys(("Cause", "Change", "Diff"), "reports.diff"),
    "Cost": "analyses.cost",
    **dict.fromkeys(("Diagnostic", "InvalidSpecError"), "base.diagnostics"),
    **dict.fromkeys(("Explained", "Explanation", "Figure"), "reports.explanation"),
    **dict.fromkeys(("Report", "Row"), "reports.summary"),
    "Fit": "analyses.fit",
    "Formula": "base.symbolic.formulas",
    "GraphBuilder": "graph.builder",
    **dict.fromkeys(("Graph", "Node", "Tensor"), "graph.graph"),
    "Network": "_network",
    "Settings": "base.settings",
}


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> object:
    # Loaded when asked for: `archinspect --help` needs none of it.
    if name not in _HOMES:
        raise AttributeError(f"module 'archinspect' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(f"archinspect.{_HOMES[name]}"), name)
