"""What `check` found, in many formats: each a file of this folder, found by its name."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from archinspect.checks.outcome import Outcome

FORMATS = ("full", "concise", "json", "github", "gitlab", "sarif", "junit", "rdjson", "table", "csv", "markdown")
"""Every format; its module has `text(outcome)`, or `print_to(outcome, console)` where people read it."""


def write(form: str, outcome: Outcome, console: Console) -> None:
    """Print what was found in a format."""
    module = import_module(f"archinspect.render.check.{form}")
    if hasattr(module, "print_to"):
        module.print_to(outcome, console)
    else:
        console.file.write(module.text(outcome) + "\n")
