"""What `check` found, for people and as JSON."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from archinspect.base.diagnostics import counted
from archinspect.render.diagnostics import as_dict, concise, full

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from archinspect.base.diagnostics import Diagnostic


def check_json(found: Sequence[Diagnostic]) -> str:
    """Return the problems as JSON."""
    from archinspect.render.data import json_text  # only this format needs it

    return json_text([as_dict(diagnostic) for diagnostic in found])


def print_check(found: Sequence[Diagnostic], console: Console, *, form: str, specs: int, templates: int) -> None:
    """Print the problems, `full` or `concise`, and a line that counts them. Of `specs` so many are `templates`."""
    for diagnostic in found:
        console.print(concise(diagnostic) if form == "concise" else full(diagnostic), soft_wrap=True)
        if form == "full":
            console.print()
    style = {"error": "red", "warning": "yellow"}
    severities = {diagnostic.severity for diagnostic in found}
    worst = next((style[one] for one in style if one in severities), "green")
    console.print(counts(found, specs=specs, templates=templates), style=worst)


def counts(found: Sequence[Diagnostic], *, specs: int, templates: int = 0) -> str:
    """Return the line that counts specs and problems."""
    count = Counter(diagnostic.severity for diagnostic in found)
    errors, warnings, infos = count["error"], count["warning"], count["info"]
    parts = [f"{counted(specs, 'spec')} checked"]
    parts += [f"{templates} of them {'a template' if templates == 1 else 'templates'}"] if templates else []
    parts += [counted(errors, "error") if errors else "no errors"]
    parts += [counted(warnings, "warning")] if warnings else ["no warnings"] if infos else []
    parts += [counted(infos, "info")] if infos else []
    return ", ".join(parts)
