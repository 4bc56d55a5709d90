"""A spec with its `extends` chain written out as one text: its authors' lines, as far as they can be told apart."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import yaml

from archinspect.base.scalars import scalar
from archinspect.base.source import List, Map, Scalar
from archinspect.base.yaml_core import read_tree
from archinspect.language.load import NOT_INHERITED, chain
from archinspect.language.parse import TOP_ALIASES, TOP_KEYS, parse_spec

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from archinspect.base.diagnostics import Problems
    from archinspect.base.source import Source, Tree

INDENT = "  "
_NAMES = {**TOP_ALIASES, "inputs": "input"}
_ADDED_TO = ("params", "blocks")
"""Maps to whose entries a spec that extends another adds its own."""
_NOT_CUT = re.compile(r"^(?:---|\.\.\.|%)", re.MULTILINE)


class Entry(NamedTuple):
    """A key with its value, the lines that it takes, if it has lines of its own, and the number of the first."""

    key: Scalar
    value: Tree
    lines: Sequence[str] = ()
    start: int = 0


def flatten(source: Source, problems: Problems) -> str:
    """Return the text of a spec that extends nothing and gives the same network; tell what is wrong to `problems`."""
    sections: dict[str, list[Entry]] = {}
    for one in reversed(chain(source, problems)):
        inherited = {name: entries for name, entries in sections.items() if name not in NOT_INHERITED}
        own: dict[str, list[Entry]] = {}
        tree = read_tree(one)
        parse_spec(tree, problems)
        for entry in _top(tree, one):
            name = _NAMES.get(entry.key.text, entry.key.text)
            if not (name == "input" and isinstance(entry.value, Map) and not entry.value.values):
                own[name] = [*(inherited.get(name, ()) if name in _ADDED_TO else ()), entry]
        sections = inherited | own
    sections.pop("extends", None)
    names = sorted(sections, key=lambda name: TOP_KEYS.index(name) if name in TOP_KEYS else len(TOP_KEYS))
    return "\n".join(line for name in names for line in _section(name, sections[name])) + "\n"


def _top(tree: Tree, source: Source) -> Iterable[Entry]:
    if not isinstance(tree, Map):
        return []
    lines = [source.line(number + 1) for number in range(len(source.text.splitlines()))]
    is_cut = not _NOT_CUT.search(source.text) and not _has_anchors(source)
    return _entries(tree, lines if is_cut else (), 1)


def _has_anchors(source: Source) -> bool:
    """Return whether a part of the text may need another one."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return any(getattr(event, "anchor", None) for event in yaml.parse(source.text, loader))


def _entries(tree: Map, lines: Sequence[str], start: int) -> list[Entry]:
    """Return a map's entries with their lines out of those given, the comments above them included."""
    keys = list(tree.keys.values())
    places = [key.span.line - start for key in keys]
    in_block = bool(keys) and tree.span == keys[0].span and sorted(set(places)) == places
    if not lines or not in_block:
        return [Entry(key, value) for key, value in tree]
    for number, key in enumerate(keys):
        while places[number] > 0 and _is_comment(lines[places[number] - 1], key.span.column):
            places[number] -= 1
    ends = [*places[1:], len(lines)]
    return [
        Entry(key, value, lines[first:end], start + first)
        for (key, value), first, end in zip(tree, places, ends, strict=True)
    ]


def _is_comment(line: str, column: int) -> bool:
    """Return whether a line is a comment of what stands at this column, and no text of a deeper block."""
    text = line.lstrip(" ")
    return text.startswith("#") and len(line) - len(text) < column


def _section(name: str, entries: Sequence[Entry]) -> list[str]:
    """Return a section's lines: those of its file, or where several files add to it the entries of all."""
    if len(entries) == 1:
        return _written(entries[0], "")
    merged: dict[str, list[str]] = {}
    for section in entries:
        tree = section.value
        for entry in _entries(tree, section.lines, section.start) if isinstance(tree, Map) else ():
            text = entry.key.text
            merged[text] = _with_comment(_written(entry, INDENT), merged.get(text, []))
    return [f"{name}:", *(line for lines in merged.values() for line in lines)]


def _written(entry: Entry, indent: str) -> list[str]:
    """Return an entry in the author's lines, indented so; or in our own."""
    if entry.lines:
        cut = entry.key.span.column - 1
        lines = [line.rstrip() for line in entry.lines]
        while not lines[-1]:
            lines.pop()
        return [indent + line[cut:] if line[:cut].isspace() or not cut else line for line in lines]
    key, value = scalar(entry.key.text), entry.value
    if isinstance(value, List) and not all(isinstance(item, Scalar) for item in value.items):
        return [f"{indent}{key}:", *(f"{indent}{INDENT}- {_flow(item)}" for item in value.items)]
    return [f"{indent}{key}: {_flow(value)}".rstrip()]


def _with_comment(lines: list[str], before: Sequence[str]) -> list[str]:
    """Return an entry's lines; where it fills a parameter's empty place, with what is said of the parameter."""
    place = re.fullmatch(r"[^#:]+:\s*(#.*)?", before[-1]) if before else None
    if not place or len(lines) > 1 or "#" in lines[0]:
        return lines
    return [*before[:-1], f"{lines[0]} {place[1] or ''}".rstrip()]


def _flow(tree: Tree) -> str:
    """Write a tree in a line."""
    if isinstance(tree, List):
        return f"[{', '.join(_flow(item) or 'null' for item in tree.items)}]"
    if isinstance(tree, Map):
        return "{" + ", ".join(f"{scalar(key.text)}: {_flow(value)}" for key, value in tree) + "}"
    return scalar(tree.text) if isinstance(tree.value, str) else tree.text
