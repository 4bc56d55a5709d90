"""The documentation's pages, which are inside an installed package and beside a checkout's."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


LINE = 100
"""Characters of a line of text that is read easily."""


def folder() -> str:
    """Return the folder of the pages."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    inside = os.path.join(package, "docs")
    return inside if os.path.isdir(inside) else os.path.join(os.path.dirname(package), "docs")


def topics() -> dict[str, str]:
    """Return the title of each page by its topic."""
    names = sorted(name.removesuffix(".md") for name in os.listdir(folder()) if name.endswith(".md"))
    return {name: _title(page(name)) for name in names}


def page(topic: str) -> str:
    """Return a page's Markdown."""
    with open(os.path.join(folder(), f"{topic}.md"), encoding="utf-8") as file:
        return file.read()


def _title(text: str) -> str:
    return next(line.removeprefix("# ") for line in text.splitlines() if line.startswith("# "))


def print_topics(console: Console) -> None:
    """Print a line per page."""
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True, style="bold")
    for topic, title in topics().items():
        table.add_row(topic, title)
    console.print(table)


def print_page(topic: str, console: Console) -> None:
    """Print a page: as a terminal shows it, or its Markdown."""
    text = page(topic)
    if console.is_terminal:
        from rich.markdown import Markdown

        console.print(Markdown(text), width=min(console.width, LINE))
    else:
        console.print(text, soft_wrap=True, end="")
