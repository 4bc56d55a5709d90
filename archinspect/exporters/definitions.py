"""The ready-made definitions that exported programs take along: the texts of each target's `parts`."""

from __future__ import annotations

import ast
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

FILES = {
    "keras": (
        "kernels",
        "weights",
        "attention",
        "wholes",
        "recurrent",
        "memories",
        "points",
        "neighborhood",
        "spectra",
        "arrays",
    ),
    "pytorch": ("norms", "sources", "wholes", "recurrent", "attention", "neighborhood", "memories", "arrays"),
}
"""The files of `parts` of each target, in the order in which programs have their definitions."""


@cache
def part_texts(target: str) -> dict[str, str]:
    """Return the text of every ready-made definition of a target, by its name."""
    from importlib.resources import files  # slow to import

    found = {}
    for name in FILES[target]:
        text = files(f"archinspect.exporters.{target}.parts").joinpath(f"{name}.py").read_text("utf-8")
        lines = text.splitlines()
        for node in ast.parse(text).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
                found[node.name] = "\n".join(lines[first - 1 : node.end_lineno])
    return found


@cache
def _read_by(target: str) -> dict[str, set[str]]:
    """Return the definitions that each of a target's reads, beside arguments that are called as they are."""
    texts = part_texts(target)
    found = {}
    for name, text in texts.items():
        nodes = list(ast.walk(ast.parse(text)))
        arguments = {node.arg for node in nodes if isinstance(node, ast.arg)}
        found[name] = {node.id for node in nodes if isinstance(node, ast.Name)} & texts.keys() - arguments - {name}
    return found


def parts_for(target: str, names: Sequence[str], only: str = "") -> list[str]:
    """Return the texts of definitions and of those that they name, in their files' order; `only` as they begin."""
    texts = part_texts(target)
    wanted: set[str] = set()
    todo = list(names)
    while todo:
        name = todo.pop()
        if name not in wanted:
            wanted.add(name)
            todo += _read_by(target)[name]
    return [text for name, text in texts.items() if name in wanted and text.startswith(only)]
