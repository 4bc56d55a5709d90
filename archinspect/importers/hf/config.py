"""A configuration of transformers: what the file says, under whichever name, and else what its class has."""

from __future__ import annotations

import json  # noqa: TID253 - this module is imported when a configuration is read
import os
from functools import cache
from typing import TYPE_CHECKING, Any

from archinspect.base.printable import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from archinspect.base.source import SourceError
    from archinspect.importers.file import File

VERSION = "5.24"
"""The version of transformers whose classes are followed, with their defaults."""
MOST = 2**31
"""The largest number that a size may be."""
MOST_LAYERS = 4096
"""Layers of one stack, and items of a list."""


OLD: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("bloom", "hidden_size"): ("n_embed",),
    ("falcon", "hidden_size"): ("n_embed",),
    ("lfm2", "intermediate_size"): ("block_ff_dim",),
    ("lfm2", "tie_word_embeddings"): ("tie_embedding",),
    ("lfm2_moe", "tie_word_embeddings"): ("tie_embedding",),
    ("videomae", "qv_bias"): ("qkv_bias",),
}
"""Names that win over a key's own, as they do in classes that know them from old files."""


LABELS = {"bart": 3, "pvt": 1000}
"""Classes where neither their number nor names are said, of types for which it is not 2."""
UNLISTED = ("pvt",)
"""Types whose class takes its number of classes for said, and no list of names for more or less."""


@cache
def defaults() -> Mapping[str, Mapping[str, Any]]:
    """Return what classes have for keys that a file leaves out, by model type.

    `_as` are further names of keys, `_of` the types of configurations inside, `_init` what these have where nothing
    is said of them.
    """
    path = os.path.join(os.path.dirname(__file__), "defaults.json")
    with open(path, encoding="utf-8") as file:
        found: Mapping[str, Mapping[str, Any]] = json.load(file)
    return found


class Config:
    """Values by their names in transformers; raise :class:`SourceError` at the key for those that cannot be."""

    def __init__(self, file: File, given: Mapping[str, Any], kind: str, node: str = "") -> None:
        self.file = file
        self.given = given
        self.kind = kind
        self.node = node
        self._own = defaults().get(kind, {})
        self._names: Mapping[str, str] = self._own.get("_as", {})

    def find(self, name: str) -> object:
        """Return a value; None where neither the file nor the class has one."""
        own = self._names.get(name, name)
        for spelling in (
            *OLD.get((self.kind, own), ()),
            own,
            name,
            *[other for other, of in self._names.items() if of == own],
        ):
            if spelling in self.given:
                return self.given[spelling]
        return self._own.get(own, self._own.get(name))

    def says(self, name: str) -> bool:
        """Whether the file itself says it, or the class knows the key."""
        return name in self.given or self._names.get(name, name) in self._own

    def wrong(self, name: str, wanted: str) -> SourceError:
        """Return the error of a value that is not what it should be."""
        value = self.find(name)
        where = f"{self.node}.{name}" if self.node else name
        if value is None:
            return self.file.refuse(f"'{where}' is not said, and {printable(self.kind)} has no default", node=where)
        return self.file.refuse(f"'{where}' must be {wanted}, not {printable(repr(value)[:60])}", node=where)

    def whole(self, name: str, least: int = 1) -> int:
        """Return a size."""
        value = self.find(name)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if type(value) is not int or not least <= value < MOST:
            raise self.wrong(name, f"a whole number from {least}")
        return value

    def maybe(self, name: str, least: int = 0) -> int | None:
        """Return a size, or None for null."""
        return None if self.find(name) is None else self.whole(name, least)

    def count(self, name: str, least: int = 0) -> int:
        """Return a number of layers."""
        found = self.whole(name, least)
        if found > MOST_LAYERS:
            raise self.wrong(name, f"at most {MOST_LAYERS:,}")
        return found

    def number(self, name: str) -> float:
        """Return a number."""
        value = self.find(name)
        if type(value) not in (int, float) or not -MOST < value < MOST:  # type: ignore[operator] # a number
            raise self.wrong(name, "a number")
        return float(value)  # type: ignore[arg-type] # a number

    def flag(self, name: str) -> bool:
        """Return whether something is so; null is no."""
        value = self.find(name)
        if value is None or type(value) in (bool, int):
            return bool(value)
        raise self.wrong(name, "true or false")

    def text(self, name: str, otherwise: str = "") -> str:
        """Return a text."""
        value = self.find(name)
        if value is None:
            return otherwise
        if not isinstance(value, str):
            raise self.wrong(name, "a text")
        return value

    def items(self, name: str, length: int | None = None) -> list[Any]:
        """Return a list, of a length."""
        value = self.find(name)
        if not isinstance(value, list) or len(value) > MOST_LAYERS:
            raise self.wrong(name, "a list")
        if length is not None and len(value) != length:
            raise self.wrong(name, f"a list of {length}")
        return value

    def ints(self, name: str, length: int | None = None, least: int = 0) -> list[int]:
        """Return a list of sizes."""
        found = self.items(name, length)
        if any(type(one) is not int or not least <= one < MOST for one in found):
            raise self.wrong(name, f"a list of whole numbers from {least}")
        return found

    def counts(self, name: str, length: int | None = None, least: int = 0) -> list[int]:
        """Return a list of numbers of layers."""
        found = self.ints(name, length, least)
        if sum(found) > MOST_LAYERS:
            raise self.wrong(name, f"at most {MOST_LAYERS:,} in all")
        return found

    def pair(self, name: str) -> tuple[int, int]:
        """Return a height and a width, which may be one number."""
        if isinstance(self.find(name), list):
            height, width = self.ints(name, 2, 1)
            return height, width
        return (self.whole(name),) * 2

    def part(self, name: str, kind: str = "") -> Config:
        """Return a configuration inside this one, of the type that it says, or else that this class has there."""
        value = self.find(name)
        if value is None:
            made: Mapping[str, Mapping[str, Any]] = self._own.get("_init", {})
            value = made.get(name, {})
        if not isinstance(value, dict):
            raise self.wrong(name, "an object")
        types: Mapping[str, str] = self._own.get("_of", {})
        said = value.get("model_type")
        kind = kind or (said if isinstance(said, str) else "") or types.get(name, "")
        return Config(self.file, value, kind, f"{self.node}.{name}" if self.node else name)

    def as_kind(self, kind: str, defaults_of: str = "") -> Config:
        """Return the same values as those of another type, whose defaults they have unless others' are said."""
        found = Config(self.file, self.given, defaults_of or kind, self.node)
        found.kind = kind
        return found

    def labels(self) -> int:
        """Return the number of classes: 2 unless it is said, or names of them are listed."""
        if self.given.get("num_labels") is not None:
            return self.whole("num_labels")
        names = self.find("id2label")
        if isinstance(names, dict) and self.kind not in UNLISTED:
            return len(names)
        return LABELS.get(self.kind, 2)

    def refuse(self, what: str, help: str = "") -> SourceError:
        """Return the error of what this project does not read."""
        return self.file.refuse(f"{printable(self.kind)}: {what}", help, self.node)
