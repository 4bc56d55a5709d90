"""expect: a figure is not what the spec's `expect` states."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.analyses.cost import layer_costs, sum_of_costs
from archinspect.base.diagnostics import Near, renamed, show
from archinspect.base.quantity import parse_quantity
from archinspect.base.source import Map, Scalar
from archinspect.checks.rule import Finding, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.analyses.facts import Facts
    from archinspect.base.shape import Shape
    from archinspect.base.source import Tree

RULE = Rule(
    code="expect",
    name="Figure that is not as stated",
    why="`expect` is the spec's own test: it holds a published figure, or a budget that no edit may break.",
    repair="Correct the network, or state the new figure.",
    example="""\
input: [28, 28, 1]
layers:
  - Flatten
  - Dense: 10
expect:
  params: 7_000
  output: [12]
""",
)
SHAPES = ("output", "outputs")


def check(facts: Facts) -> Iterator[Finding]:
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
            yield Finding(f"unknown figure '{key.text}'", key.span, found.help, fix=fix)


def _check_figure(name: str, tree: Tree, figure: int) -> Iterator[Finding]:
    if not isinstance(tree, Scalar):
        yield Finding(f"{name} must be a quantity", tree.span)
        return
    try:
        quantity = parse_quantity(tree.text)
    except ValueError as error:
        yield Finding(f"{name} must be {error}, not {show(tree.text)}", tree.span)
        return
    if not quantity.holds(figure):
        off = float((figure - quantity.number) / quantity.number) if quantity.number else float("inf")
        yield Finding(f"{name}: the network has {figure:,}, not {tree.text} ({off:+.2%})", tree.span)


def _check_shape(name: str, tree: Tree, shapes: list[Shape]) -> Iterator[Finding]:
    stated = tree.plain()
    got = [list(shape[1:]) for shape in shapes]
    single = got[0] if len(got) == 1 else None
    if stated not in (got, single):
        shown = got if single is None else single
        yield Finding(f"{name}: the network gives {shown}, not {stated}", tree.span)
