"""Names of groups that were found in a network of flat names, and of what is in them.

What all names of a copy have in common tells it from the others: `conv2_block1` of `conv2_block1_1_conv`, or `4b22` of
`res4b22_branch2a` and `bn4b22_branch2a`. It becomes the group's name; what is left names the layers, if it is the same
in all copies. Running numbers, as in `Conv_17`, name nothing: layers are then called after their operators.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from archinspect import ops
from archinspect.exporters.spec.leaf import merges
from archinspect.graph.builder import snake
from archinspect.ops import fold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.exporters.spec.steps import Step
    from archinspect.exporters.spec.tree import Child

_TOKENS = re.compile(r"[^\W\d_]+|\d+|[\W_]+")
_ENDS = "_-+/.: "
_NUMBER = re.compile(r"[_./-]*\d+\Z")
_RUNS = re.compile(r"[_./-]+\d+\Z")
_RUNNING = re.compile(r"\D+[_./-]\d+")
"""A name with no number but a running one."""
SHORT = {
    "AveragePooling2D": "pool",
    "BatchNormalization": "bn",
    "Conv1D": "conv",
    "Conv2D": "conv",
    "Conv3D": "conv",
    "DepthwiseConv2D": "depthwise",
    "LayerNormalization": "norm",
    "MaxPooling2D": "pool",
    "ZeroPadding2D": "pad",
}
"""What people call operators in the name of a block; an activation is called what it is."""
JOINED = {"Concatenate": "dense_layer", "Multiply": "gate"}
"""What people call a block that joins its input so with what it makes of it."""
FEW = 3
"""Of so many layers a block has its name, where nothing else says it."""


class Titles(NamedTuple):
    """Names for the copies of a section."""

    kind: str
    """What a copy is called without its number."""
    groups: list[str]
    """The name of each copy; empty where its kind with a running number is its name."""
    inner: list[list[list[str]]]
    """The names of the children of each copy's items; empty for one that is called after its operator."""


def titles(copies: Sequence[Sequence[Sequence[Child]]], *, of_groups: bool) -> Titles:
    """Return names for copies of the same items: each a child, or several that are the same but for values."""
    names = [[[child.name for child in item] for item in copy] for copy in copies]
    said = [_said(copy) for copy in copies]
    firsts = [item[0] for item in copies[0]]
    kind = "stage" if of_groups else ""
    marks = [_mark(own) for own in said]
    bases = [_base(own) for own in said]
    groups = [_group(mark, base, own) if mark else "" for mark, base, own in zip(marks, bases, said, strict=True)]
    if "" in groups or len(set(groups)) < len(groups):
        return Titles(kind or _structure(firsts), [""] * len(copies), _inner(names))
    rest = [
        [[_without(one, mark, base) for one in item] for item in copy]
        for mark, base, copy in zip(marks, bases, names, strict=True)
    ]
    return Titles(kind or _kind(groups[0]) or _structure(firsts), groups, _inner(rest))


def _said(copy: Sequence[Sequence[Child]]) -> list[str]:
    """Return the names of a copy that may say which it is: those with running numbers only if there are no others."""
    names = [child.name for item in copy for child in item if child.name and not is_automatic(child)]
    words = [name for name in names if not _RUNNING.fullmatch(name)]
    return words or (names if len(names) > 1 else [])


def _mark(names: Sequence[str]) -> str:
    """Return what the names of a copy have in common, by whole words and numbers; empty for nothing that counts."""
    if not names:
        return ""
    texts = [_TOKENS.findall(name) for name in names]
    first = min(texts, key=len)
    best = ""
    for start in range(len(first)):
        for end in range(len(first), start, -1):
            words = first[start:end]
            if not all(_holds(other, words) for other in texts):
                continue
            while words and words[-1].isalpha() and any(_goes_on(other, words) for other in texts):
                words = words[:-1]
            best = max(best, "".join(words).strip(_ENDS), key=_weight)
            break
    return best


def _weight(mark: str) -> tuple[bool, int]:
    """Return how well a part of names tells copies apart: best with a number."""
    return any(sign.isdigit() for sign in mark), len(mark)


def _base(names: Sequence[str]) -> str:
    """Return the words with which all names begin, before any number."""
    texts = [_TOKENS.findall(name) for name in names]
    found = ""
    for words in zip(*texts, strict=False):
        if len(set(words)) > 1 or words[0][0].isdigit():
            break
        found += words[0]
    return found if found and found[-1] in _ENDS else ""


def _holds(words: Sequence[str], part: Sequence[str]) -> bool:
    return any(list(words[at : at + len(part)]) == list(part) for at in range(len(words) - len(part) + 1))


def _goes_on(words: Sequence[str], part: Sequence[str]) -> bool:
    """Return whether a number follows on a part of a name, which is its word's."""
    ends = [at + len(part) for at in range(len(words) - len(part) + 1) if [*words[at : at + len(part)]] == [*part]]
    return any(end < len(words) and words[end].isdigit() for end in ends)


def _without(name: str, mark: str, base: str) -> str:
    if mark not in name:
        return ""
    before, _, after = name.partition(mark)
    before, after = before.removeprefix(base).strip(_ENDS), after.strip(_ENDS)
    return f"{before}_{after}" if before and after else before or after


def _group(mark: str, base: str, names: Sequence[str]) -> str:
    """Return a name of a copy: what its names have in common, with a word before it where that is a number."""
    if not mark[0].isdigit():
        return mark
    if base:
        return base + mark
    before = [name.partition(mark)[0] for name in names]
    plain = [one + mark for one, name in zip(before, names, strict=True) if one and name == one + mark]
    return plain[0] if plain else next((one for one in before if one), "") + mark


def _kind(group: str) -> str:
    """Return what copies are called without their number: `block` of `conv2_block1`, `res` of `res4b22`."""
    for part in reversed(re.split(r"[\W_]+", group)):
        found = re.match(r"[^\W\d_]+", part)
        if found:
            return found[0].lower()
    return ""


def is_automatic(child: Child) -> bool:
    """Return whether a layer's name is its operator's, or the beginning of that, with a running number."""
    if child.leaf is None:
        return False
    base = _RUNS.sub("", child.name)
    own = fold(child.leaf.op)
    if base == child.name:
        return base == snake(child.leaf.op)
    is_begin = len(base) > FEW and own.startswith(fold(base)) and not any(sign.isdigit() for sign in base)
    return is_begin or fold(base) == own


def _inner(names: Sequence[Sequence[Sequence[str]]]) -> list[list[list[str]]]:
    """Return the names of children as they are where all copies have the same; else none."""
    kept = [_is_kept(items) for items in zip(*names, strict=True)]
    return [
        [list(item) if is_kept else [""] * len(item) for item, is_kept in zip(copy, kept, strict=True)]
        for copy in names
    ]


def _is_kept(items: Sequence[Sequence[str]]) -> bool:
    """Return whether the names of an item's children begin alike in all copies, go on alike, and are words."""
    if len({item[0] for item in items}) > 1 or not items[0][0] or items[0][0].isdigit():
        return False  # or they are numbers
    base = _NUMBER.sub("", items[0][0])
    return all(_NUMBER.sub("", name) == base for item in items for name in item[1:])


def _structure(children: Sequence[Child]) -> str:
    """Return what to call layers that have no name in common, by what they are."""
    leaves = [leaf.leaf for child in children for leaf in child.leaves() if leaf.leaf is not None]
    if any("Attention" in leaf.op for leaf in leaves):
        return "attention" if len(children) <= FEW else "layer"
    if len(children) <= FEW and not any(child.scope for child in children):
        return "_".join(_short(leaf.op) for leaf in leaves)
    joins = [leaf for leaf in leaves if len(set(leaf.inputs)) > 1 and merges(leaf.op)]
    outer = set(children[0].reads())
    for leaf in reversed(joins):
        if not outer.isdisjoint(leaf.inputs):
            return JOINED.get(leaf.op, "residual")
    return "mixed" if joins else "block"


def named_by_steps(steps: Sequence[Step]) -> str:
    """Return what to call a block by its steps; empty where they tell nothing."""
    operators = [step.op for step in steps if step.leaf is not None and step.paths is None]
    if len(operators) == len(steps) <= FEW:
        return "_".join(map(_short, operators))
    if any([] in (step.paths or ()) for step in steps):
        return next(JOINED.get(step.op, "residual") for step in steps if [] in (step.paths or ()))
    return ""


def _short(op: str) -> str:
    kind = ops.find_operator(op)
    if kind is not None and kind.kind == "activation":
        return op.lower()
    return SHORT.get(op, snake(op))
