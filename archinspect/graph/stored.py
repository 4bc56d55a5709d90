"""Weights as files hold them: what their headers say, never a number of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

NUMBER = re.compile(r"(?<![^.])\d+(?![^.])")
"""A part of a path that is a number."""


BARE = "the header alone: the file has no weights"
"""The note on a file that ends with its header, of which nothing else is asked here."""


class StoredTensor(NamedTuple):
    """A tensor of a file."""

    name: str
    type: str
    """As its format calls it: `BF16`, `Q4_K`."""
    shape: tuple[int, ...]
    bytes: int


class OfType(NamedTuple):
    """The tensors of one type, together."""

    tensors: int
    bytes: int


class Stored(NamedTuple):
    """The tensors of a network's files, and what was found out about them."""

    tensors: Sequence[StoredTensor]
    notes: tuple[str, ...] = ()
    """How they agree with the network, how they are quantized."""
    complete: bool = True
    """Whether they are all of the network's weights, so that their bytes are those that it takes."""

    @property
    def bytes(self) -> int:
        """All of them together."""
        return sum(tensor.bytes for tensor in self.tensors)

    @property
    def types(self) -> dict[str, OfType]:
        """The tensors by type, those of most bytes first."""
        return _by_type(self.tensors)

    @property
    def roles(self) -> dict[str, dict[str, OfType]]:
        """The tensors by their names without the numbers of layers, `blk.*.attn_v.weight`, and by type."""
        found: dict[str, list[StoredTensor]] = {}
        for tensor in self.tensors:
            found.setdefault(NUMBER.sub("*", tensor.name), []).append(tensor)
        return {role: _by_type(tensors) for role, tensors in found.items()}

    def as_dict(self, params: int) -> dict[str, Any]:
        """Return the JSON form, for a network of so many parameters."""
        return {
            "tensors": len(self.tensors),
            "bytes": self.bytes,
            "bits_per_weight": bits(self.bytes, params),
            "types": {name: of._asdict() for name, of in self.types.items()},
            "notes": list(self.notes),
        }


def differing(found: Sequence[Stored]) -> list[tuple[str, list[dict[str, int]]]]:
    """Return the roles of tensors that are not of the same types in all files; in each, the tensors of each type."""
    roles = [stored.roles for stored in found]
    types = {
        role: [{name: of.tensors for name, of in one.get(role, {}).items()} for one in roles]
        for role in dict.fromkeys(role for one in roles for role in one)
    }
    return [(role, counts) for role, counts in types.items() if any(one != counts[0] for one in counts)]


def bits(stored: int, params: int) -> float | None:
    """Return the bits of a weight, of so many bytes for so many parameters; None where there are none."""
    return round(8 * stored / params, 4) if params else None


def _by_type(tensors: Sequence[StoredTensor]) -> dict[str, OfType]:
    found: dict[str, list[int]] = {}
    for tensor in tensors:
        found.setdefault(tensor.type, []).append(tensor.bytes)
    order = sorted(found, key=lambda name: (-sum(found[name]), name))
    return {name: OfType(len(found[name]), sum(found[name])) for name in order}
