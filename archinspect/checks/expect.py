"""expect: a figure is not what the spec's `expect` states.

Why: `expect` is the spec's own test: it holds a published figure, or a budget that no edit may break.

Example: `expect: {params: 11_689_512, macs: 1.814 G ± 0.1%, flops: <= 4 G, output: [1000]}`.

Fix: correct the network, or state the new figure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from archinspect.analyses.cost import layer_costs, sum_of_costs
from archinspect.base.diagnostics import Diagnostic, Near, renamed, show
from archinspect.base.quantity import parse_quantity
from archinspect.base.source import Map, Scalar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.analyses.facts import Facts
    from archinspect.base.shape import Shape
    from archinspect.base.source import Tree

CODE: Final = "expect"
SHAPES = ("output", "outputs")


def check(facts: Facts) -> Iterator[Diagnostic]:
    """Report each figure that is not as stated."""
    if not isinstance(facts.graph.expect, Map):
        return
    layers = facts.once(layer_costs)
    totals = sum_of_costs(layers.values())
    stored = (totals.params + totals.buffers) * facts.sizes["float"]
    figures = {**totals.as_dict(), "param_bytes": stored, "layers": len(layers)}
    shapes = {tensor: facts.shape(tensor) for tensor in facts.graph.outputs}
    for key, tree in facts.graph.expect:
        if key.text in SHAPES:
            yield from _check_shape(key.text, tree, list(shapes.values()))
        elif key.text in figures:
            yield from _check_figure(key.text, tree, figures[key.text])
        else:
            found = Near(key.text, [*figures, *SHAPES], facts.graph.expect.keys)
            fix = renamed(key.span, key.text, found.only)
            yield Diagnostic(CODE, f"unknown figure '{key.text}'", key.span, found.help, fix=fix)


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


def _check_shape(name: str, tree: Tree, shapes: list[Shape]) -> Iterator[Diagnostic]:
    stated = tree.plain()
    got = [list(shape[1:]) for shape in shapes]
    single = got[0] if len(got) == 1 else None
    if stated not in (got, single):
        shown = got if single is None else single
        yield Diagnostic(CODE, f"{name}: the network gives {shown}, not {stated}", tree.span)
