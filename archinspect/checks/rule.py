"""What a rule is, and what it finds."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archinspect.base.codes import CODES

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from archinspect.analyses.facts import Facts
    from archinspect.base.codes import Code, Severity
    from archinspect.base.diagnostics import Fix
    from archinspect.base.source import Span
    from archinspect.graph.graph import Node


class Rule(NamedTuple):
    """A rule: what `archinspect rule CODE` and docs/checks.md say of it. How bad it is stands in `base/codes.py`."""

    code: Code
    name: str
    why: str
    repair: str
    example: str
    """A complete spec in which it finds something."""
    expect: Mapping[str, str] = {}
    """What has to be bound by `--expect`, so that it finds something."""
    baseline: Mapping[str, int] | None = None
    """What has to be stored in a baseline for that."""
    by_block: bool = False
    """Whether what it finds in different steps of a block is told as one; copies of a step always are."""

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return CODES[self.code].severity

    @property
    def what(self) -> str:
        """What it finds, in a few words."""
        return CODES[self.code].text

    @property
    def is_default(self) -> bool:
        """Whether it runs where nothing is selected: an info is an opinion, or a fact worth knowing, and has to be."""
        return self.severity != "info"


class Finding(NamedTuple):
    """One thing that a rule finds, before findings of one kind are told as one."""

    message: str
    span: Span
    help: str = ""
    layer: str = ""
    block: str = ""
    """The block whose text it is found in, empty at the top."""
    callers: tuple[Span, ...] = ()
    """The steps that use this block, innermost first: a comment beside one silences it, too."""
    fix: Fix | None = None
    notes: tuple[tuple[str, Span], ...] = ()


def at(facts: Facts, node: Node, message: str, help: str = "") -> Finding:
    """Return a finding at a layer."""
    return Finding(message, node.origin, help, node.layer, _block(facts, node), node.callers)


def _block(facts: Facts, node: Node) -> str:
    from archinspect.graph.graph import composites_above  # only where something is found

    composites = facts.graph.composites
    kinds = [composites[path].kind for path in reversed(composites_above(node.layer)) if path in composites]
    return next((kind for kind in kinds if kind != "group"), "")


def known(codes: Collection[str]) -> list[str]:
    """Return codes in the order of the table, each once."""
    return [code for code in CODES if code in codes]
