"""expect: a figure is not what the spec's `expect` states.

Why: `expect` is the spec's own test: it holds a published figure, or a budget that no edit may break.

Example: `expect: {params: 11_689_512, macs: 1.814 G ± 0.1%, flops: <= 4 G, output: [1000]}`.

Fix: correct the network, or state the new figure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.base.diagnostics import Diagnostic, show, suggest
from archinspect.base.quantity import parse_quantity
from archinspect.base.source import Map, Scalar
from archinspect.reports.summary import cost_dict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.base.source import Tree
    from archinspect.graph.graph import Graph
    from archinspect.reports.summary import BatchShape, Report

CODE = "expect"
SHAPES = ("output", "outputs")


def check(graph: Graph, report: Report) -> Iterator[Diagnostic]:
    """Report each figure that is not as stated."""
    if not isinstance(graph.expect, Map):
        return
    figures = {**cost_dict(report.totals), "param_bytes": report.param_bytes, "layers": len(report.layers)}
    for key, tree in graph.expect:
        if key.text in SHAPES:
            yield from _check_shape(key.text, tree, list(report.outputs.values()))
        elif key.text in figures:
            yield from _check_figure(key.text, tree, figures[key.text])
        else:
            help_ = suggest(key.text, [*figures, *SHAPES])
            yield Diagnostic(CODE, f"unknown figure '{key.text}'", key.span, help=help_)


def _check_figure(name: str, tree: Tree, figure: int) -> Iterator[Diagnostic]:
    if not isinstance(tree, Scalar):
        yield Diagnostic(CODE, f"{name} must be a quantity", tree.span)
        return
    try:
        quantity = parse_quantity(tree.text)
    except ValueError as error:
        yield Diagnostic(CODE, f"{name} must be {error}, not {show(tree.text)}", tree.span)
        return
    if not quantity.holds(figure):
        off = float((figure - quantity.number) / quantity.number) if quantity.number else float("inf")
        yield Diagnostic(CODE, f"{name}: the network has {figure:,}, not {tree.text} ({off:+.2%})", tree.span)


def _check_shape(name: str, tree: Tree, shapes: list[BatchShape]) -> Iterator[Diagnostic]:
    stated = tree.plain()
    got = [list(shape[1:]) for shape in shapes]
    single = got[0] if len(got) == 1 else None
    if stated not in (got, single):
        shown = got if single is None else single
        yield Diagnostic(CODE, f"{name}: the network gives {shown}, not {stated}", tree.span)
