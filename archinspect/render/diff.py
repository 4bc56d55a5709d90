"""The difference between two networks, as text for a terminal, and as Markdown for a pull request."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rich import box
from rich.table import Table
from rich.text import Text

from archinspect.base.printable import printable
from archinspect.render import data
from archinspect.render.numbers import byte_count, count
from archinspect.render.stored import SHOWN_ROLES, type_counts
from archinspect.render.styled import folded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.console import Console

    from archinspect.reports.diff import Cause, Change, Diff

FIGURES = {
    "params": ("Params", count),
    "buffers": ("Buffers", count),
    "macs": ("MACs", count),
    "flops": ("FLOPs", count),
    "output_bytes": ("Memory of outputs", byte_count),
    "peak_bytes": ("Peak at inference", byte_count),
    "kept_bytes": ("Kept for backward", byte_count),
}
"""The figures of the head: what they are called, and how they are written."""
SHORT = {"params": "Params", "macs": "MACs", "peak_bytes": "Peak", "kept_bytes": "Kept"}
"""Those that have a column beside the changes."""
SIGNS = {"added": "+", "removed": "-", "moved": ">", "changed": "~", "rewired": "~", "outputs": "~"}
STYLES = {"+": "good", "-": "error", "~": "warning", ">": "info"}
MARKER = "<!-- archinspect diff -->"
"""By which the comment of an earlier run is found, and replaced."""
MAX_COMMENT = 65_536
"""Characters of a comment on GitHub."""
INDENT = "  "
MAX_NAMES = 3
"""Names of layers that are written out."""
MAX_RENAMES = 5
"""Names that changed which are written out."""


class Line(NamedTuple):
    """A line below a head: a sign, a text, and changes by the names of :data:`SHORT`."""

    sign: str
    text: str
    figures: Mapping[str, int]


def lines(found: Diff, most: int) -> list[Line]:
    """Return a line for each cause, the largest first, with what it adds by itself and through what follows.

    Where there are more than `most`, those that follow are one line.
    """
    ordered = sorted(found.causes, key=lambda cause: -_weight(cause, found))
    result = [line for cause in ordered[:most] for line in _of_cause(cause)]
    rest = ordered[most:]
    if rest:
        sums = {name: sum(cause.total.get(name, 0) for cause in rest) for name in SHORT}
        result.append(Line("", f"{len(rest):,} more", sums))
    return result


def _weight(cause: Cause, found: Diff) -> float:
    """Return the largest share of a figure that a cause changes."""
    return max([abs(cause.total.get(name, 0)) / max(found.old[name], found.new[name], 1) for name in SHORT])


def _of_cause(cause: Cause) -> Iterator[Line]:
    texts = [*map(change_text, cause.changes)]
    sign = SIGNS[cause.changes[0].kind]
    yield Line(sign, texts[0], cause.total)
    for change, text in zip(cause.changes[1:], texts[1:], strict=True):
        yield Line(SIGNS[change.kind], text, {})
    shown = {name: value for name, value in cause.through.items() if name in SHORT}
    if shown:
        names = _names([layer for layer, figures in cause.followers if figures.keys() & SHORT.keys()])
        yield Line("", "  by itself", cause.own)
        yield Line("", f"  through {names}", cause.through)


def change_text(change: Change) -> str:
    """Return a change in words: `stage2.0.conv1 (Conv2D): filters 128 -> 160`."""
    names = _names(change.names)
    if change.kind == "outputs":
        return f"outputs: {names}"
    what = {"moved": ": moved", "rewired": ": reads something else"}.get(change.kind, "")
    if change.arguments:
        what = ": " + ", ".join(f"{k} {_value(old)} -> {_value(new)}" for k, (old, new) in change.arguments.items())
    return f"{names} ({change.type}){what}"


def _names(names: Sequence[str]) -> str:
    if len(names) <= MAX_NAMES:
        return ", ".join(names)
    return f"{', '.join(names[: MAX_NAMES - 1])}, ... {len(names):,} layers"


def _value(value: object) -> str:
    """Write an argument's value: sizes as `3x3`, equal paddings of both sides once."""
    if isinstance(value, list) and value:
        both = [one[0] if isinstance(one, list) and len(one) == 2 and one[0] == one[1] else one for one in value]  # noqa: PLR2004 - sides
        return "x".join(map(str, both)) if all(type(one) is int for one in both) else str(value)
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def head(found: Diff, *, exact: bool = False) -> list[tuple[str, str, str, str]]:
    """Return a row for each figure that one of the networks has: its name, both values, and the change."""
    rows = []
    for name, (title, write) in FIGURES.items():
        old, new = found.old.get(name, 0), found.new.get(name, 0)
        if old or new:
            part = f" ({(new - old) / old:+.2%})" if old and new != old else ""
            change = f"{_signed(name, new - old, exact=exact)}{part}" if new != old else "="
            rows.append((title, write(old, exact=exact), write(new, exact=exact), change))
    return rows


def _signed(name: str, value: int, *, exact: bool = False) -> str:
    if not value:
        return ""
    text = FIGURES[name][1](abs(value), exact=exact)
    return f"{'+' if value > 0 else '-'}{text}"


def renames(found: Diff) -> list[str]:
    """Return what is called otherwise, a line each."""
    texts = [
        f"{old} -> {new}" + (f" ({count:,} layers)" if count > 1 else "")
        for old, new, count in found.renamed[:MAX_RENAMES]
    ]
    more = len(found.renamed) - MAX_RENAMES
    return [*texts, f"{more:,} more"] if more > 0 else texts


def stored_lines(found: Diff) -> list[str]:
    """Return which tensors files hold in other types, a line each."""
    texts = [
        f"{printable(role)}: {type_counts(before)} -> {type_counts(after)}"
        for role, before, after in found.stored[:SHOWN_ROLES]
    ]
    more = len(found.stored) - SHOWN_ROLES
    return [*texts, f"{more:,} more"] if more > 0 else texts


def print_diff(found: Diff, console: Console, *, most: int, exact: bool = False) -> None:
    """Print figures of both networks, and what makes the difference."""
    console.print(Text(folded(" -> ".join(found.names), console.width), "bold"), soft_wrap=True)
    if found.is_empty:
        console.print("no difference")
        return
    table = _table("", "Old", "New", "Change")
    for row in head(found, exact=exact):
        table.add_row(*row)
    console.print(table)
    if found.causes:
        console.print()
        table = _table("Change", *SHORT.values())
        for line in lines(found, most):
            text = Text(f"{line.sign or ' '} {line.text}", STYLES.get(line.sign, ""))
            table.add_row(text, *[_signed(name, line.figures.get(name, 0), exact=exact) for name in SHORT])
        console.print(table)
    notes = [f"renamed: {text}" for text in renames(found)] + [f"stored: {text}" for text in stored_lines(found)]
    for note in [*notes, *([_partial(found)] if found.uncounted else [])]:
        console.print(Text(folded(note, console.width, indent=INDENT)), soft_wrap=True)


def _partial(found: Diff) -> str:
    return f"Status: partial: not all is known of {_names(found.uncounted)}"


def _table(first: str, *numbers: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    table.add_column(first, overflow="fold")
    for title in numbers:
        table.add_column(title, justify="right", no_wrap=True)
    return table


def json_text(found: Sequence[Diff]) -> str:
    """Return one difference, or a list of several, as JSON."""
    return data.json_text(found[0].as_dict() if len(found) == 1 else [one.as_dict() for one in found])


def markdown_text(found: Sequence[tuple[str, Diff]], most: int, notes: Sequence[str] = ()) -> str:
    """Return a comment for a pull request: a section a network, the largest change first; empty where none changes.

    `notes` are lines of their own, such as files that are new. What is too long for a comment is left out, and said.
    """
    sections = [_section(title, one, most) for title, one in sorted(found, key=lambda pair: -_largest(pair[1]))]
    if not sections and not notes:
        return ""
    text = "\n\n".join([MARKER, *map(data.markdown, notes)])
    for number, section in enumerate(sections):
        more = f"\n\n{len(sections) - number:,} more networks changed"
        if len(text) + len(section) + len(more) + 2 > MAX_COMMENT:
            return text + more
        text += f"\n\n{section}"
    return text


def _largest(found: Diff) -> float:
    return max([abs(found.new[name] - found.old[name]) / max(found.old[name], 1) for name in SHORT], default=0)


def _section(title: str, found: Diff, most: int) -> str:
    parts = [f"### {data.markdown(title)}", data.markdown_table(("", "Old", "New", "Change"), head(found), range(1, 4))]
    if found.causes:
        rows = [
            (f"{line.sign} {line.text}".strip(), *[_signed(name, line.figures.get(name, 0)) for name in SHORT])
            for line in lines(found, most)
        ]
        table = data.markdown_table(("Change", *SHORT.values()), rows, range(1, 1 + len(SHORT)))
        parts.append(f"<details><summary>What makes the difference</summary>\n\n{table}\n\n</details>")
    parts += [f"renamed: {data.markdown(text)}" for text in renames(found)]
    if found.uncounted:
        parts.append(data.markdown(_partial(found)))
    return "\n\n".join(parts)
