"""What files of weights hold, as text."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from archinspect.base.printable import printable
from archinspect.graph.stored import bits, differing
from archinspect.render.numbers import byte_count

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from archinspect.graph.stored import OfType, Stored

SHOWN_TYPES = 6
SHOWN_ROLES = 30


def stored_lines(stored: Stored, params: int, *, exact: bool) -> list[tuple[str, str]]:
    """Return titles and values: bytes, bits a weight, types, and how the tensors agree with the network."""
    each = bits(stored.bytes, params)
    how = f" ({each:,.4g} bits a weight)" if each else ""
    return [
        ("Weights as stored", f"{byte_count(stored.bytes, exact=exact)}{how}"),
        ("Types", _types(stored.types, exact=exact)),
        *[("Tensors", note) for note in stored.notes or (f"{len(stored.tensors):,}",)],
    ]


def _types(types: Mapping[str, OfType], *, exact: bool) -> str:
    shown = [
        f"{name} {of.tensors:,} ({byte_count(of.bytes, exact=exact)})"
        for name, of in islice(types.items(), SHOWN_TYPES)
    ]
    more = len(types) - len(shown)
    return ", ".join([*shown, *([f"{more} more types"] if more > 0 else [])])


def stored_differences(found: Sequence[Stored]) -> list[list[str]]:
    """Return a row for each role of tensors whose types differ: its name, `blk.*.attn_v.weight`, and all types."""
    return [[printable(role), *map(type_counts, types)] for role, types in differing(found)]


def type_counts(types: Mapping[str, int]) -> str:
    """Return the types of tensors, with how many there are of each if there are several."""
    if len(types) == 1:
        return next(iter(types))
    return ", ".join(f"{count} {name}" for name, count in types.items()) or "-"
