"""How to write what a value of a spec seems to mean. Looked at for errors only."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from archinspect.base.diagnostics import nearest
from archinspect.base.source import List, Map, Scalar
from archinspect.language.calls import positional, step_for
from archinspect.language.parse import ORDERS
from archinspect.ops.args import Bool, Float, Optional
from archinspect.ops.declared import ArgumentError
from archinspect.ops.modules import find_module

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from archinspect.base.source import Tree
    from archinspect.ops.args import Kind
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
    (re.compile(r"(\d+(?:\.\d+)?) ?([kKmM])"), lambda number: f"write `{in_full(number[1], number[2])}`"),
    (_THOUSANDS, lambda number: f"write `{number[0].replace(',', '_')}`"),
    (re.compile(r"(\d+(?:\.\d+)?)\s*%"), lambda share: f"write `{float(share[1]) / 100:g}`"),
)
"""How text is written in the place of numbers: a sum, tuples, quoted numbers, thousands, shares; and what to write."""
_WORDS = dict.fromkeys(("yes", "y", "on", "true", "1"), "true") | dict.fromkeys(
    ("no", "n", "off", "false", "0", "none", "null"), "false"
)
_BRACED = re.compile(r"\{{1,2}\s*(\w+)\s*\}{1,2}|<(\w+)>|%\(?(\w+)\)?s?|(\w+)")
"""How other languages write the value of a name: `{width}`, `{{ width }}`, `<width>`, `%(width)s`, or bare."""


def in_full(number: str, suffix: str) -> str:
    """Return a number with a suffix, `1.5k`, as digits."""
    return f"{float(number) * {'k': 1_000, 'm': 1_000_000}[suffix.lower()]:_.0f}"


def of_truth(value: object) -> str:
    """Return how to write a word for a truth value; empty for others."""
    return f"write `{_WORDS[word]}`" if (word := str(value).lower()) in _WORDS else ""


def of_parameter(tree: Tree | None, known: Collection[str]) -> str:
    """Return how to write the value of a parameter whose name stands alone; empty where there is none."""
    match = _BRACED.fullmatch(str(tree.value).strip()) if isinstance(tree, Scalar) else None
    name = next(filter(None, match.groups()), "") if match else ""
    return f"write `${name}` for the parameter's value" if name in known else ""


def of_quotient(tree: Tree | None, value: object) -> str:
    """Return how to write an expression that divides, and gives no integer where one is wanted."""
    is_whole = not isinstance(value, float) or value.is_integer()
    text = tree.text.strip() if isinstance(tree, Scalar) and isinstance(tree.value, str) else ""
    return "" if is_whole or "/" not in text.replace("//", "") else "`//` divides without a remainder"


def torn(arguments: Map) -> dict[str, str]:
    """Return the tuples that a map's commas have torn, `{size: (3, 3)}`, by argument; empty for the torn-off parts."""
    found: dict[str, str] = {}
    open_at, parts = "", [""]
    for name, tree in arguments.values.items():
        text = tree.text.strip() if isinstance(tree, Scalar) else ""
        if open_at:
            parts.append(name.rstrip(") "))
            found[name] = ""
            if name.endswith(")"):
                found[open_at], open_at = f"write `[{', '.join(parts)}]`", ""
        elif text.startswith("(") and ")" not in text:
            open_at, parts = name, [text[1:].strip()]
    return {} if open_at else found


def of_argument(name: str, kind: type[Op], argument: str, tree: Tree | None, *, bare: bool) -> str:
    """Return how to write what a wrong argument seems to mean; empty where that is not plain.

    The operator is called by this name. A `bare` value stands in the place of all arguments: `Dense: 10`.
    """
    if isinstance(tree, Scalar):
        wanted = kind.args.get(kind.names.get(argument, ""))
        word = str(tree.value).lower()
        if wanted and (remedy := _of_value(wanted.kind, kind, tree, bare=bare)):
            return remedy
        words = [str(one) for one in getattr(wanted.kind, "words", ())] if wanted else []
        if words and isinstance(tree.value, str) and (near := nearest(word, words)):
            return "did you mean " + " or ".join(f"'{one}'" for one in near) + "?"
        text = tree.text.strip()
        given = text if _takes_lists(kind, argument) else text.removeprefix("(").removesuffix(")")
        step = step_for(f"{name}({given})") if bare and re.search("[,=]", text) else ""
        if step and "..." not in step and not _THOUSANDS.fullmatch(word):
            return f"write `{step.partition(': ')[2] or step}`"
        return of_text(tree)
    if not isinstance(tree, List):
        return ""
    return (
        _of_sizes(kind, argument, tree) or _of_maps(tree, bare=bare) or _of_list(name, kind, argument, tree, bare=bare)
    )


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


def _of_value(wanted: Kind, kind: type[Op], tree: Scalar, *, bare: bool) -> str:
    """Return how to write a word for a truth value, and a whole number where a share is wanted; empty for others."""
    wanted = wanted.kind if isinstance(wanted, Optional) else wanted
    if isinstance(wanted, Bool):
        return of_truth(tree.value)
    if not isinstance(wanted, Float) or wanted.high != 1 or not isinstance(tree.value, int) or tree.value <= 1:
        return ""
    if bare and "num_features" in kind.args:
        return f"leave it out, or write `{{num_features: {tree.value}}}` to have it checked"
    return f"write `{tree.value / 100:g}` for {tree.value}%"


def _of_sizes(kind: type[Op], argument: str, tree: List) -> str:
    """Return how to write a shape with the batch, and the sizes of parts; empty for other lists."""
    items = [item for item in tree.items if isinstance(item, Scalar)]
    if any(item.value is None for item in items) and _takes_lists(kind, argument):
        return "the batch is left out"
    if kind.__name__ == "Repeat":
        return "`Tile` repeats a sample along each of its axes"
    if "sizes" in kind.args and len(items) == len(tree.items) > 1:
        return f"write `{{sizes: [{', '.join(item.text for item in items)}]}}`"
    return ""


def _of_maps(tree: List, *, bare: bool) -> str:
    """Return how to write arguments that each are an item of a list; empty for other lists."""
    pairs = [f"{key.text}: {_text(one)}" for item in tree.items if isinstance(item, Map) for key, one in item]
    is_meant = bare and pairs and all(isinstance(item, Map) for item in tree.items)
    return f"write `{{{', '.join(pairs)}}}`" if is_meant else ""


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
    module = f"nn.{name}"
    own = _by_places(kind, names, tree)
    its = _by_places(kind, positional(module, kind), tree) if not own and find_module(module) else ""
    if own or its:
        return f"write `{own}`" if own else f"write `{module}: {its}` for PyTorch's"
    if _takes_lists(kind, argument) and len(names) < len(tree.items):
        return ""
    shown = [*list(kind.args)[:MOST], *(["..."] if len(kind.args) > MOST else [])]
    return f"arguments have names: {', '.join(shown)}"


def _by_places(kind: type[Op], names: Sequence[str], tree: List) -> str:
    """Return the items of a list as arguments of these names; empty where the operator does not take them so."""
    texts = [_text(item) for item in tree.items]
    if len(texts) > len(names) or not all(texts) or not _is_legal(kind, names, tree):
        return ""
    return f"{{{', '.join(f'{name}: {text}' for name, text in zip(names, texts, strict=False))}}}"


def _text(item: Tree) -> str:
    """Return how a number, a word or a list of these is written; empty for others."""
    if isinstance(item, Scalar):
        return item.text
    parts = [one.text for one in item.items if isinstance(one, Scalar)] if isinstance(item, List) else []
    return f"[{', '.join(parts)}]" if parts else ""


def _is_legal(kind: type[Op], names: Sequence[str], tree: List) -> bool:
    """Return whether an operator takes the items of a list as its arguments of these names."""
    values = {name: item.plain() for name, item in zip(names, tree.items, strict=False)}
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
