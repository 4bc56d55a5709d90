"""How to write what a value of a spec seems to mean. Looked at for errors only."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from archinspect.base.source import List, Scalar
from archinspect.language.calls import positional, step_for
from archinspect.language.parse import ORDERS
from archinspect.ops.args import Bool
from archinspect.ops.declared import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from archinspect.base.source import Tree
    from archinspect.ops.base import Op

MOST = 6
"""Arguments that are named where it is not plain which are meant."""
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+")
_MEANT: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"\$(\w+)(\s*[-+*/%][^$]*)"), lambda sums: f"write `${{{sums[1]}{sums[2]}}}`"),
    (re.compile(r"\(\s*(-?\d+(?:\s*,\s*-?\d+)*)\s*,?\s*\)"), lambda items: f"write `[{items[1]}]`"),
    (re.compile(r"\(\s*(-?\d+)"), lambda first: f"a tuple is a list here: `[{first[1]}, ...]`"),
    (re.compile(r"-?\d+(?:\.\d+)?"), lambda number: f"write `{number[0]}`, without quotes"),
    (re.compile(r"[\d.]+(?:\s*[-+*/]+\s*[\d.]+)+"), lambda sums: f"write `${{{sums[0]}}}`"),
    (_THOUSANDS, lambda number: f"write `{number[0].replace(',', '_')}`"),
    (re.compile(r"(\d+(?:\.\d+)?)\s*%"), lambda share: f"write `{float(share[1]) / 100:g}`"),
)
"""How text is written in the place of numbers: a sum, tuples, quoted numbers, thousands, shares; and what to write."""
_WORDS = {"yes": "true", "on": "true", "true": "true", "1": "true"} | dict.fromkeys(
    ("no", "off", "false", "0"), "false"
)


def of_argument(name: str, kind: type[Op], argument: str, tree: Tree | None, *, bare: bool) -> str:
    """Return how to write what a wrong argument seems to mean; empty where that is not plain.

    The operator is called by this name. A `bare` value stands in the place of all arguments: `Dense: 10`.
    """
    if isinstance(tree, Scalar):
        wanted = kind.args.get(kind.names.get(argument, ""))
        word = str(tree.value).lower()
        if wanted and isinstance(wanted.kind, Bool) and word in _WORDS:
            return f"write `{_WORDS[word]}`"
        step = step_for(f"{name}({tree.text})") if bare and re.search("[,=]", tree.text) else ""
        if step and "..." not in step and not _THOUSANDS.fullmatch(word):
            return f"write `{step.partition(': ')[2] or step}`"
        return of_text(tree)
    return _of_list(name, kind, argument, tree, bare=bare) if isinstance(tree, List) else ""


def of_text(tree: Tree) -> str:
    """Return how to write what text in the place of numbers seems to mean; empty where that is not plain."""
    if not isinstance(tree, Scalar) or not isinstance(tree.value, str):
        return ""
    text = tree.value.strip()
    for pattern, meant in _MEANT:
        if match := pattern.fullmatch(text):
            return meant(match)
    return f"write `{ORDERS[text.upper()]}`" if text.upper() in ORDERS else ""


def of_numbers(tree: Tree) -> str:
    """Return how to write a shape that is none; empty where that is not plain."""
    if isinstance(tree, List) and any(isinstance(item, Scalar) and item.value == -1 for item in tree.items):
        return "a size that is not known is `null`; the batch is left out"
    if isinstance(tree, List) and any(not isinstance(item, Scalar) for item in tree.items):
        return "several inputs have names: `inputs: {a: [8], b: [4]}`"
    if isinstance(tree, List) and any(_is_word(item) for item in tree.items):
        return "the batch is left out; a size that is not known is `null`"
    if isinstance(tree, List):
        return next((f"{help_}: a size is a number" for item in tree.items if (help_ := of_text(item))), "")
    return of_text(tree)


def _is_word(tree: Tree) -> bool:
    return isinstance(tree, Scalar) and isinstance(tree.value, str) and not of_text(tree)


def _of_list(name: str, kind: type[Op], argument: str, tree: List, *, bare: bool) -> str:
    """Return how to write the arguments that stand in a list, as those of a call do by their places."""
    more = tree.items[1:]
    only = tree.items[0] if tree.items else tree
    if (
        not more
        and isinstance(only, List)
        and only is not tree
        and all(isinstance(item, Scalar) for item in only.items)
    ):
        return f"write `[{', '.join(item.text for item in only.items if isinstance(item, Scalar))}]`"
    if not more and isinstance(only, Scalar) and not _takes_lists(kind, argument):
        return f"write `{only.text}`"
    if not bare or not more:
        return ""
    names = positional(name, kind)
    pairs = [f"{one}: {item.text}" for one, item in zip(names, tree.items, strict=False) if isinstance(item, Scalar)]
    if names and len(pairs) == len(tree.items) and _is_legal(kind, names, tree):
        return f"write `{{{', '.join(pairs)}}}`"
    if _takes_lists(kind, argument) and len(names) < len(tree.items):
        return ""
    shown = [*list(kind.args)[:MOST], *(["..."] if len(kind.args) > MOST else [])]
    return f"arguments have names: {', '.join(shown)}"


def _is_legal(kind: type[Op], names: Sequence[str], tree: List) -> bool:
    """Return whether an operator takes the items of a list as its arguments of these names."""
    values = {name: item.value for name, item in zip(names, tree.items, strict=False) if isinstance(item, Scalar)}
    try:
        kind(**values)
    except ArgumentError as error:
        return all(one.code == "missing-argument" for one in (error, *error.beside))
    return True


def _takes_lists(kind: type[Op], argument: str) -> bool:
    """Return whether an argument may be a list of numbers."""
    wanted = kind.args.get(kind.names.get(argument, ""))
    try:
        return wanted is not None and bool(wanted.kind.convert([1] * (kind.rank or 2), kind.rank))
    except ValueError:
        return False
