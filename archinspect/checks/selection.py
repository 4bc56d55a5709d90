"""Which rules run: what is selected and ignored, by a configuration and then by the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archinspect.base.codes import CODES
from archinspect.base.diagnostics import refuse_unknown
from archinspect.base.settings import names_of
from archinspect.checks.table import RULES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

GROUPS = ("all", "default", "error", "warning", "info")
"""Names for several rules: all of them, those that run unless others are selected, those of a severity."""


class Choice(NamedTuple):
    """What one place says: codes and groups. `select` replaces what was chosen before, the others change it."""

    select: Sequence[str] | None = None
    ignore: Sequence[str] = ()
    extend: Sequence[str] = ()


def names() -> list[str]:
    """Return what can be selected."""
    return [*RULES, *GROUPS]


def known(rules: Collection[str] | None) -> Collection[str] | None:
    """Return codes of rules; raise ValueError for what is none."""
    if rules is not None:
        for code in names_of("rules", rules):
            refuse_unknown("rules: a code", code, RULES)
    return rules


def chosen(choices: Iterable[Choice]) -> frozenset[str]:
    """Return the codes of the rules that run.

    As in ruff a name that says more precisely what is meant wins: a code over a severity, that over `all`. Of a code
    that is selected and ignored equally precisely, the latter holds.
    """
    on = set(members("default"))
    for choice in choices:
        if choice.select is not None:
            on.clear()
        for level in (0, 1, 2):
            on |= _of_level((*(choice.select or ()), *choice.extend), level)
            on -= _of_level(choice.ignore, level)
    return frozenset(on)


def _of_level(names: Iterable[str], level: int) -> set[str]:
    return {code for name in names if _level(name) == level for code in members(name)}


def _level(name: str) -> int:
    """Return how precisely a name says what is meant."""
    return 0 if name == "all" else 1 if name in GROUPS else 2


def members(name: str) -> list[str]:
    """Return the rules of a code or a group."""
    if name == "default":
        return [code for code in RULES if CODES[code].severity != "info"]
    return [code for code in RULES if name in {"all", code, CODES[code].severity}]
