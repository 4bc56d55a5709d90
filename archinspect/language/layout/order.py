"""The order of a spec's keys: what it is, what it reads, how it is built, what is known of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.language.parse import TOP_ALIASES

if TYPE_CHECKING:
    from archinspect.language.layout.nodes import Document, Entry, Node

ORDER = (
    *(("extends",), ("name",), ("source",), ("description",), ("metrics",), ("layout",)),
    ("input", "inputs", "params"),  # either may be about the other, so they stay as they are written
    *(("blocks",), ("layers",), ("output", "outputs"), ("expect",), ("values",)),
)
"""The keys of a spec in their order; those of one group stay in the order that they have."""
_RANKS = {key: rank for rank, keys in enumerate(ORDER) for key in keys}
_MODELINE = "# yaml-language-server:"


def put_in_order(document: Document) -> None:
    """Order the keys of a spec, each with its comments.

    They stay as they are where one is unknown, where something is named before it is used elsewhere (an alias of YAML),
    and where the first key would move away from a comment that may be about the whole file.
    """
    root = document.root
    if root.flow or root.kind != "map" or _has_alias(root) or any(_rank(one) is None for one in root.entries):
        return
    entries = sorted(root.entries, key=lambda entry: _rank(entry) or 0)
    first, now = root.entries[0], entries[0]
    if first is not now:
        if first.above and not first.is_apart and not first.above[-1].text.startswith(_MODELINE):
            return
        now.above[:0], first.above[:] = first.above, []
        now.is_apart, first.is_apart = first.is_apart, now.is_apart
    root.entries = entries


def _rank(entry: Entry) -> int | None:
    key = entry.key.text.strip("\"'") if entry.key else ""
    return _RANKS.get(TOP_ALIASES.get(key, key))


def _has_alias(node: Node) -> bool:
    return node.kind == "alias" or any(_has_alias(entry.value) for entry in node.entries)
