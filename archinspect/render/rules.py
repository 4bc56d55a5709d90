"""The rules of `check`: one in full, or all; for people, as JSON, and as the page docs/checks.md."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rich.text import Text

from archinspect.checks.outcome import Outcome
from archinspect.render.check.summary import counts
from archinspect.render.data import json_text
from archinspect.render.diagnostics import concise

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.console import Console

    from archinspect.base.diagnostics import Diagnostic
    from archinspect.checks.rule import Rule


def print_rule(rule: Rule, console: Console) -> None:
    """Print all that there is to say of a rule."""
    console.print(Text.assemble((f"{rule.code}", "bold"), ": ", (rule.severity, rule.severity), f", {_runs(rule)}"))
    console.print(f"{rule.name}: {_plain(rule.what)}.")
    console.print(f"\nWhy: {rule.why}\n\nWhat to do: {rule.repair}\n\nExample:\n")
    for line in rule.example.splitlines():
        console.print(f"    {line}", soft_wrap=True)
    console.print(f"\nTo silence it beside a step: # archinspect: ignore[{rule.code}] reason")


def print_rules(rules: Sequence[Rule], console: Console) -> None:
    """Print a line for each rule."""
    width = max(len(rule.code) for rule in rules)
    for rule in rules:
        text = Text.assemble((f"{rule.code:{width}}", "bold"), "  ", (f"{rule.severity:7}", rule.severity), "  ")
        console.print(text.append(_plain(rule.what)), soft_wrap=True)


def as_json(rules: Sequence[Rule]) -> str:
    """Return rules as JSON."""
    return json_text(
        [
            {
                "code": rule.code,
                "name": rule.name,
                "severity": rule.severity,
                "default": rule.is_default,
                "what": _plain(rule.what),
                "why": rule.why,
                "repair": rule.repair,
                "example": rule.example,
            }
            for rule in rules
        ]
    )


def markdown(rules: Sequence[Rule], found: Mapping[str, Sequence[Diagnostic]]) -> str:
    """Return the page of the rules: a table, then each with an example, and what is `found` in that by its code."""
    sections = [f"\n{_section(rule, found[rule.code])}" for rule in sorted(rules)]
    return "\n".join(_table(rules)) + "\n" + "".join(sections)


def _table(rules: Sequence[Rule]) -> Iterator[str]:
    yield "| Rule | Severity | Finds |"
    yield "| --- | --- | --- |"
    for rule in rules:
        yield f"| [`{rule.code}`](#{rule.code}) | {rule.severity} | {rule.what} |"


def _section(rule: Rule, found: Sequence[Diagnostic]) -> str:
    head = f"## {rule.code}\n\n**{rule.name}** ({rule.severity}, {_runs(rule)}). {rule.why}\n\n"
    file = f"{rule.code}.yaml"
    example = f"<!-- file: {file} -->\n```yaml\n{rule.example}```\n\n"
    option = "" if rule.is_default else f" --extend-select {rule.code}"
    option += "".join(f" --expect '{figure} {bound}'" for figure, bound in rule.expect.items())
    if rule.baseline:
        stored = json_text({"version": 1, "networks": {file: dict(rule.baseline)}})
        example += f"<!-- file: stored.json -->\n```json\n{stored}\n```\n\n"
        option += " --baseline stored.json"
    lines = [concise(one).plain.replace("<text>", file, 1) for one in found]
    shown = "\n".join(
        [f"$ archinspect check {file}{option} --format concise", *lines, counts(Outcome([(file, found)]))]
    )
    return f"{head}{example}```console\n{shown}\n```\n\n{rule.repair}\n"


def _runs(rule: Rule) -> str:
    return "runs by default" if rule.is_default else "runs where it is selected"


def _plain(text: str) -> str:
    """Return a text without Markdown's links."""
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
