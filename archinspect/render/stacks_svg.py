"""Several networks side by side as an SVG picture: the boxes of their stacks, readable on light and dark pages."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from archinspect.render.compare import total_rows, totals_of
from archinspect.render.palette import look_of, rgb
from archinspect.render.stacks import lines_of, notes
from archinspect.render.styled import cell_len

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.render.stacks import Entry
    from archinspect.reports.comparison import Comparison

SIZE = 12
"""Pixels of a letter's height."""
ADVANCE = 7.3
"""Pixels of a letter's width in a monospaced font, rounded up."""
LINE, PAD, GAP = 22, 8, 16
FACTS = ("year", "ilsvrc_top5_error")
"""What stands in the head, where specs state it, beside the total of what the boxes cost."""
STYLE = f"""
text {{ font: {SIZE}px ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace; white-space: pre; }}
.paper {{ fill: #ffffff; }}
.page {{ fill: #1f2328; }}
.title {{ font-weight: bold; }}
@media (prefers-color-scheme: dark) {{ .paper {{ fill: #0d1117; }} .page {{ fill: #e6edf3; }} }}
"""


def stacks_svg(found: Comparison, *, cost: str = "params") -> str:
    """Return the picture. Boxes carry their own colors; paper and what stands on it follow the reader's theme.

    It has paper of its own, as a page may be dark where the reader's system is light.
    """
    lines = lines_of(found, cost)
    heads = [found.titles, *_facts(found, cost)]
    columns = zip(
        *heads, *([f"{entry[0]}  {entry[1]}" if entry else "" for entry in line] for line in lines), strict=True
    )
    widths = [round(max(map(cell_len, column)) * ADVANCE) + 2 * PAD for column in columns]
    lefts = [PAD + sum(widths[:place]) + place * GAP for place in range(len(widths))]
    kinds = dict.fromkeys(entry[-1] for line in lines for entry in line if entry)
    said = notes(found)
    width = max([lefts[-1] + widths[-1] + PAD, *(round(cell_len(note) * ADVANCE) + 2 * PAD for note in said)])
    body = [
        _text(left + wide / 2, LINE * row, text, "page" if row > 1 else "page title", anchor="middle")
        for row, head in enumerate(heads, 1)
        for left, wide, text in zip(lefts, widths, head, strict=True)
        if text
    ]
    top = LINE * len(heads) + PAD
    for line in lines:
        for entry, left, wide in zip(line, lefts, widths, strict=True):
            if entry:
                body += _box(entry, left, top, wide)
        top += LINE
    legend, top = _legend(list(kinds), width, top + PAD)
    body += legend
    for note in said:
        body.append(_text(PAD, top + LINE - 7, note, "page"))
        top += LINE
    title = escape(f"{', '.join(found.titles)} side by side")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {top + PAD}" width="{width}" '
        f'height="{top + PAD}" role="img">\n<title>{title}</title>\n<style>{STYLE}</style>\n'
        '<rect class="paper" width="100%" height="100%"/>\n' + "\n".join(body) + "\n</svg>"
    )


def _facts(found: Comparison, cost: str) -> Iterator[list[str]]:
    """Write a line of the head per fact: `Year 2014`."""
    shown = [name for name in (*FACTS, cost) if name in totals_of(found.reports)]
    for title, *cells in total_rows(found, shown, marks=False)[:-1] if shown else ():
        yield ["" if cell == "-" else f"{title} {cell}" for cell in cells]


def _box(entry: Entry, left: int, top: int, width: int) -> Iterator[str]:
    label, cost, _, kind = entry
    look = look_of(kind)
    yield f'<rect x="{left}" y="{top}" width="{width}" height="{LINE - 2}" rx="3" fill="{rgb(look.fill)}"/>'
    yield _text(left + PAD, top + LINE - 8, label, fill=rgb(look.text))
    if cost:
        yield _text(left + width - PAD, top + LINE - 8, cost, fill=rgb(look.text), anchor="end")


def _legend(kinds: list[str], width: int, top: int) -> tuple[list[str], int]:
    """Return a box per kind, in as many rows as they need, and where the last one ends."""
    body: list[str] = []
    left = PAD
    for kind in kinds:
        wide = round(len(kind) * ADVANCE) + 2 * PAD
        if left > PAD and left + wide > width - PAD:
            left, top = PAD, top + LINE
        body += _box((kind, "", "", kind), left, top, wide)
        left += wide + PAD
    return body, top + LINE


def _text(x: float, y: float, text: str, kind: str = "", *, fill: str = "", anchor: str = "start") -> str:
    look = f'class="{kind}"' if kind else f'fill="{fill}"'
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" {look}>{escape(text)}</text>'
