"""The rules: the one visible table, and each by its code."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from archinspect.analyses.facts import Facts
    from archinspect.base.codes import Code
    from archinspect.checks.rule import Finding, Rule

RULES: tuple[Code, ...] = (
    # Mistakes, or likely ones
    *("unused", "shares", "partial", "expect", "values", "heads"),
    *("budget", "baseline"),
    *("skipped-input", "dead-taps", "repeated-activation", "linear-chain", "norm-of-one", "torch-same"),
    *("torch-words", "attention-axes", "chained-attention", "packed-attention", "norm-axis", "unflattened"),
    *("torch-axes", "torch-padding", "unread-parts"),
    *("unused-param", "unused-block"),
    # Found while a spec is read
    *("copies", "paths", "layout"),
    # Worth to know
    *("uneven", "bias-before-norm", "dropout-before-norm", "batch-norm-1x1", "norm-groups", "even-same"),
    *("final-softmax", "heavy-layer", "bottleneck", "wide-field", "tensor-cores", "head-size"),
    *("redundant-from", "no-expect", "loose-expect"),
    # Of the comments that silence rules
    *("unused-ignore", "bad-ignore"),
)
"""Every rule, in the order in which they run. Its module, of the same name with `_`, is imported when it runs."""


def rule_of(code: str) -> Rule:
    """Return a rule."""
    return cast("Rule", import_module(f"archinspect.checks.{code.replace('-', '_')}").RULE)


def finder(code: str) -> Callable[[Facts], Iterable[Finding]] | None:
    """Return what looks for a rule's findings in a network; None where they are found elsewhere."""
    return getattr(import_module(f"archinspect.checks.{code.replace('-', '_')}"), "check", None)
