"""Rules about networks that fit together: each a file of this folder, in the table of `table.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archinspect.base.diagnostics import Diagnostic, Problems
from archinspect.checks.comments import Comments
from archinspect.checks.selection import chosen
from archinspect.checks.table import RULES, finder, rule_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from archinspect.analyses.facts import Facts
    from archinspect.base.codes import Code
    from archinspect.base.source import Source
    from archinspect.checks.baseline import Stored
    from archinspect.checks.budget import Budget
    from archinspect.checks.rule import Finding, Rule

SHOWN = 5
"""Further places that a folded finding names."""


class Limits(NamedTuple):
    """What is asked of figures from outside: budgets, and what a baseline has stored."""

    budgets: tuple[Budget, ...] = ()
    stored: Stored | None = None


def run_checks(
    facts: Facts,
    told: Iterable[Diagnostic],
    codes: Collection[str] | None = None,
    limits: Limits = Limits(),  # noqa: B008 - a value that never changes
) -> list[Diagnostic]:
    """Return what the rules of these codes find, those of the default without, in the order of the file.

    `told` is what was found when the network was read. What a comment silences is left out.
    """
    codes = chosen([]) if codes is None else codes
    comments = Comments(facts.graph.origin.source)
    problems = Problems()
    problems.asked = facts.graph.origin
    for one in _kept(told, codes, comments):
        problems.add(one)
    for code in RULES:
        found = _found(code, facts, limits) if code in codes else ()
        if found:
            found = [one for one in found if not comments.silence(code, (one.span, *one.callers))]
            for one in _folded(rule_of(code), found) if found else ():
                problems.add(one)
    for one in _of_comments(comments, codes):
        problems.add(one)
    return problems.all()


def limits_of(rule: Rule) -> Limits:
    """Return the limits with which a rule finds something in its example."""
    from archinspect.checks.baseline import Stored
    from archinspect.checks.budget import Budget

    budgets = (Budget("--expect", rule.expect),) if rule.expect else ()
    return Limits(budgets, Stored(rule.baseline) if rule.baseline else None)


def _found(code: Code, facts: Facts, limits: Limits) -> Iterable[Finding]:
    if code == "budget":
        from archinspect.checks.budget import found as beyond  # only where there is one

        return beyond(facts, limits.budgets) if limits.budgets else ()
    if code == "baseline":
        from archinspect.checks.baseline import found as left  # as above

        return left(facts, limits.stored) if limits.stored else ()
    find = finder(code)
    return find(facts) if find else ()


def kept(told: Iterable[Diagnostic], source: Source, codes: Collection[str] | None = None) -> list[Diagnostic]:
    """Return what is told of a file that is no network, without what is not selected or what a comment silences."""
    return [*_kept(told, chosen([]) if codes is None else codes, Comments(source))]


def _kept(told: Iterable[Diagnostic], codes: Collection[str], comments: Comments) -> Iterable[Diagnostic]:
    for one in told:
        if one.code not in RULES or (one.code in codes and not comments.silence(one.code, (one.span,))):
            yield one


def _of_comments(comments: Comments, codes: Collection[str]) -> Iterable[Diagnostic]:
    found = [*comments.wrong, *comments.unused(codes)]
    yield from (one for one in found if one.code in codes)


def _folded(of: Rule, found: Sequence[Finding]) -> Iterable[Diagnostic]:
    """Yield findings as diagnostics: one for all copies of a step, and where the rule says so for all in a block."""
    groups: dict[object, list[Finding]] = {}
    for one in found:
        source = id(one.span.source)
        key = (
            (source, one.block)
            if of.by_block and one.layer
            else (source, one.span[1:], one.message if not one.layer else "")
        )
        groups.setdefault(key, []).append(one)
    for group in groups.values():
        first = group[0]
        layers = len({one.layer for one in group})
        places = {one.span: one for one in group}
        places.pop(first.span)
        notes = [(f"and '{one.layer}'", span) for span, one in [*places.items()][:SHOWN]]
        more = f" (and {layers - 1:,} more like it)" if layers > 1 else ""
        yield Diagnostic(of.code, first.message + more, first.span, first.help, (*first.notes, *notes), first.fix)
