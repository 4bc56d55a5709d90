"""The formats of files that are read and written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from archinspect.exporters import TARGETS
from archinspect.importers import FORMATS
from archinspect.render import data

if TYPE_CHECKING:
    from rich.console import Console

HEADER = ("Format", "What it is", "Files", "Known by", "--set takes", "Needs")


def print_formats(console: Console) -> None:
    """Print what is read, a paragraph per format, and what is written."""
    console.print(Text("Read", "section"))
    for name, what, suffixes, known, options, needs in rows():
        console.print(Text.assemble((f"  {name}", "bold"), f"  {what}", f" ({suffixes})" if suffixes else ""))
        console.print(f"    known by {known}", soft_wrap=True)
        if options:
            console.print(f"    --set takes {options}", soft_wrap=True)
        if needs:
            console.print(f"    needs {needs}", soft_wrap=True)
    console.print(Text("Written, by `archinspect export`", "section"))
    for name, what in TARGETS.items():
        console.print(Text.assemble((f"  {name}", "bold"), f"  {what}"), soft_wrap=True)


def rows() -> list[list[str]]:
    """Return a row per format that is read: the words of :data:`HEADER`."""
    ours = ["spec", "the language of this project", ".yaml .yml", "a key `layers`, `input` or `extends`", "", ""]
    return [
        ours,
        *(
            [name, one.what, " ".join(one.suffixes), one.evidence, ", ".join(one.options), one.needs]
            for name, one in FORMATS.items()
        ),
    ]


def formats_text(form: str) -> str:
    """Return the formats as JSON, or what is read as Markdown."""
    if form == "markdown":
        return data.markdown_table(HEADER, rows())
    keys = ("name", "what", "suffixes", "evidence", "options", "needs")
    read = [dict(zip(keys, row, strict=True)) for row in rows()]
    return data.json_text({"read": read, "written": [{"name": name, "what": what} for name, what in TARGETS.items()]})
