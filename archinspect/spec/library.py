"""Built-in specs by name: found in the wheel and in a checkout."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

SUFFIXES = (".yaml", ".yml")


@cache
def folder() -> Path:
    """Return the folder of the built-in specs: inside an installed package, beside it in a checkout."""
    package = Path(__file__).parent.parent
    inside = package / "specs"
    return inside if inside.is_dir() else package.parent / "specs"


@cache
def builtins() -> dict[str, Path]:
    """Return the built-in specs by name, sorted; a name is the file's, without `.yaml`."""
    found = {}
    # os.walk is several times as fast as Path.rglob, and a summary waits for it.
    for place, _, files in os.walk(folder()):
        for file in files:
            name, suffix = os.path.splitext(file)  # noqa: PTH122 - as above
            if suffix in SUFFIXES:
                found[name] = Path(place, file)
    return dict(sorted(found.items()))


def find(name: str) -> Path | None:
    """Return the file of a built-in spec, by its name with or without `.yaml` and folder; None if there is none."""
    for suffix in SUFFIXES:
        name = name.removesuffix(suffix)
    path = builtins().get(name.rpartition("/")[2])
    if path is None or not path.with_suffix("").as_posix().endswith("/" + name):
        return None
    return path
