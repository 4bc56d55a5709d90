"""Names in a Keras program: of functions, of variables, of layers."""

from __future__ import annotations

import builtins
import keyword
import re
from typing import TYPE_CHECKING

from archinspect.exporters.definitions import part_texts

if TYPE_CHECKING:
    from collections.abc import Collection

COUNTERS = "ijk"
_NUMBERED = re.compile(r"x\d+\Z")
VARIABLES = "xyzuvw"
RESERVED = frozenset({"keras", "layers", "ops", "math", "name", "inputs", *COUNTERS, *VARIABLES, *dir(builtins)})
_MARK = re.compile("\x02([^\x03]*)\x03")


def function_name(name: str) -> str:
    """Return a block's name, or a network's, as a function's: `conv_bn`, `resnet_50`."""
    name = re.sub(r"(?<=[a-z\d])(?=[A-Z])", "_", name) if "_" not in name and "-" not in name else name
    found = "_".join(re.findall(r"[^\W_]+", name)).lower()
    if not found.isidentifier() or not found.isascii():
        found = f"network_{''.join(sign for sign in found if sign.isalnum() and sign.isascii())}".rstrip("_")
    return free_name(found)


def free_name(name: str, taken: Collection[str] = ()) -> str:
    """Return a name as one that stands for nothing else in a program."""
    while (
        keyword.iskeyword(name)
        or name in RESERVED
        or name in part_texts("keras")
        or name in taken
        or _NUMBERED.match(name)
    ):
        name = f"{name}_"
    return name


def network_name(name: str) -> str:
    """Return a network's name as that of its function: `resnet_50`."""
    return function_name(name.lower())


def marked(*parts: str) -> str:
    """Return the mark of a layer's name, that of the block around it before it."""
    return f"\x02{'-'.join(part for part in parts if part)}\x03"


def quoted(text: str) -> str:
    """Return text with layers' names in the place of their marks."""
    return _MARK.sub(_quoted, text)


def _quoted(found: re.Match[str]) -> str:
    if found[1] == "{name}":
        return "name"
    return f'f"{found[1]}"' if "{" in found[1] else f'"{found[1]}"'
