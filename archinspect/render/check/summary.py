"""The line that counts what was found, and `--statistics`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from rich.style import Style
from rich.text import Text

from archinspect.base.codes import CODES
from archinspect.base.diagnostics import counted, label
from archinspect.checks.table import RULES

if TYPE_CHECKING:
    from rich.console import Console

    from archinspect.base.codes import Severity
    from archinspect.base.diagnostics import Diagnostic
    from archinspect.checks.outcome import Outcome

WORST: tuple[Severity, ...] = ("error", "warning")


def print_linked(diagnostic: Diagnostic, text: Text, console: Console) -> None:
    """Print a diagnostic's text, on a terminal with its code as a link to the page that explains it."""
    if console.file.isatty():
        from urllib.parse import quote  # only a terminal has links

        from archinspect.render.pages import folder

        page = os.path.abspath(os.path.join(folder(), "checks.md" if diagnostic.code in RULES else "errors.md"))
        start = text.plain.find(label(diagnostic))
        link = Style(link=f"file://{quote(page)}#{diagnostic.code}")
        text.stylize(link, max(start, 0), max(start, 0) + len(label(diagnostic)))
    console.print(text, soft_wrap=True)


def print_counts(outcome: Outcome, console: Console) -> None:
    """Print the line that counts, in the color of the worst."""
    worst = next((one for one in WORST if outcome.by_severity[one]), "good")
    console.print(Text(counts(outcome), worst))


def counts(outcome: Outcome) -> str:
    """Return the line that counts specs and problems."""
    found, templates = outcome.by_severity, outcome.templates
    errors, warnings, infos = found["error"], found["warning"], found["info"]
    parts = [f"{counted(len(outcome.files), 'spec')} checked"]
    parts += [f"{templates} of them {'a template' if templates == 1 else 'templates'}"] if templates else []
    parts += [counted(errors, "error") if errors else "no errors"]
    parts += [counted(warnings, "warning")] if warnings else ["no warnings"] if infos else []
    parts += [counted(infos, "info")] if infos else []
    return ", ".join(parts)


def print_statistics(outcome: Outcome, console: Console) -> None:
    """Print how often each code was found, the most frequent first."""
    found = sorted(outcome.by_code.items(), key=lambda item: (-item[1], item[0]))
    width = max((len(f"{count:,}") for _, count in found), default=0)
    names = max((len(code) for code, _ in found), default=0)
    for code, count in found:
        severity, text = CODES[code]
        line = Text.assemble(f"{count:>{width},}  ", (f"{code:{names}}", "bold"), "  ", (f"{severity:7}", severity))
        console.print(line.append(f"  {text}"), soft_wrap=True)
    print_counts(outcome, console)
