"""Built-in specs by name: found in the wheel and in a checkout."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from archinspect.base.source import Source

SUFFIXES = (".yaml", ".yml")
INDEX = "index.json"
"""The file beside the specs that has their figures; `pytest --update` writes it anew."""


class BuiltIn(NamedTuple):
    """What a list says of a built-in network: facts of its spec, and figures, so that nothing has to be counted."""

    name: str
    family: str
    """The folder in which it is."""
    title: str
    source: str
    metrics: dict[str, Any]
    params: int
    macs: int
    extends: str = ""
    """The spec that it extends."""
    extends_family: str = ""


@cache
def folder() -> str:
    """Return the folder of the built-in specs: inside an installed package, beside it in a checkout."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    inside = os.path.join(package, "specs")
    return inside if os.path.isdir(inside) else os.path.join(os.path.dirname(package), "specs")


@cache
def builtins() -> dict[str, str]:
    """Return the paths of the built-in specs by name, sorted; a name is the file's, without `.yaml`."""
    found = {}
    for place, _, files in os.walk(folder()):
        for file in files:
            name, suffix = os.path.splitext(file)
            if suffix in SUFFIXES:
                found[name] = os.path.join(place, file)
    return dict(sorted(found.items()))


def index() -> list[BuiltIn]:
    """Return the built-in networks by name, templates left out."""
    import json  # only a list needs it

    with open(os.path.join(folder(), INDEX), encoding="utf-8") as file:
        return [BuiltIn(**entry) for entry in json.load(file)]


def family(path: str) -> str:
    """Return the folder of a built-in spec."""
    return os.path.basename(os.path.dirname(path))


def read_builtin(path: str) -> Source:
    """Return a spec's text; a built-in one is called by its place among them, wherever it is installed."""
    from archinspect.base.source import read_file  # names need no parser

    inside = os.path.relpath(path, folder()).replace(os.sep, "/") if path.startswith(folder()) else ""
    return read_file(path, inside and f"specs/{inside}")


def find_builtin(name: str) -> str | None:
    """Return the path of a built-in spec, by its name with or without `.yaml` and folder; None if there is none.

    Case, `-` and `_` make no difference.
    """
    wanted = "/" + _plain(stem(name))
    return next((path for path in builtins().values() if _plain(stem(path)).endswith(wanted)), None)


def stem(name: str) -> str:
    """Return a spec's name without the suffix of its file."""
    for suffix in SUFFIXES:
        name = name.removesuffix(suffix)
    return name


def is_path(name: str) -> bool:
    """Return whether a name can be meant as a file's alone."""
    return name.endswith(SUFFIXES) or "/" in name or os.sep in name


def _plain(name: str) -> str:
    return name.casefold().replace(os.sep, "/").replace("-", "").replace("_", "")
