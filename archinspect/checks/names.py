"""What a spec's text defines and names: parameters, blocks, and what steps read."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from archinspect.base.diagnostics import Problems
from archinspect.base.source import List, Map, Scalar, SourceError
from archinspect.base.yaml_core import read_tree
from archinspect.language.load import chain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.analyses.facts import Facts
    from archinspect.base.source import Span, Tree

_HAS = re.compile(r"^[\"']?(?:params|blocks)\b|\bparams *:|\bfrom *:", re.MULTILINE)
_NAME = re.compile(r"[A-Za-z_]\w*")


def unused_params(facts: Facts) -> Iterator[tuple[str, Span, str]]:
    """Yield each parameter that stands in no expression, its place, and the block whose it is."""
    tree = _own(facts)
    if tree is None:
        return
    yield from ((name, span, "") for name, span in _not_named(tree, _everything(facts)))
    for name, block in _entries(tree, "blocks"):
        yield from ((param, span, name.text) for param, span in _not_named(block, [block]))


def unused_blocks(facts: Facts) -> Iterator[tuple[str, Span]]:
    """Yield each block that no step of the spec names, and its place."""
    tree = _own(facts)
    blocks = tree.values.get("blocks") if tree else None
    if not isinstance(blocks, Map):
        return
    words: list[str] = []
    for whole in _everything(facts):
        for key, value in whole:
            if key.text == "blocks" and isinstance(value, Map):
                # That a block is defined is no use of it, and what it names itself is none either.
                words += [word for name, block in value for text in _texts(block) for word in _others(text, name.text)]
            else:
                words += [word for text in _texts(value) for word in _NAME.findall(text)]
    known = set(words)
    yield from ((name.text, name.span) for name in blocks.keys.values() if name.text not in known)


def repeated_from(facts: Facts) -> Iterator[tuple[str, Span]]:
    """Yield each name that a step reads by `from` though the step before it has it, and its place."""
    tree = _own(facts)
    todo: list[Tree] = [tree] if tree else []
    found: list[tuple[str, Span]] = []
    read: list[str] = []
    while todo:
        one = todo.pop()
        if isinstance(one, List):
            todo += one.items
        elif isinstance(one, Map):
            todo += one.values.values()
            layers, source = one.values.get("layers"), one.values.get("from")
            found += _repeated(layers) if isinstance(layers, List) else ()
            read += [source.text] if isinstance(source, Scalar) else []
    # Where several steps read it, all of them say so.
    times = Counter(read)
    yield from ((name, span) for name, span in found if times[name] == 1)


def _repeated(layers: List) -> Iterator[tuple[str, Span]]:
    for before, step in zip(layers.items, layers.items[1:], strict=False):
        if (
            isinstance(before, Map)
            and isinstance(step, Map)
            and not {"repeat", "when"} & {*before.values, *step.values}
        ):
            name, read = before.values.get("name"), step.values.get("from")
            if isinstance(name, Scalar) and isinstance(read, Scalar) and name.text and name.text == read.text:
                yield name.text, read.span


def _own(facts: Facts) -> Map | None:
    """Return the tree of the network's own text, where it defines or names something."""
    return facts.once(_read)


def _read(facts: Facts) -> Map | None:
    source = facts.graph.origin.source
    if not _HAS.search(source.text):
        return None
    try:
        tree = read_tree(source)
    except SourceError:  # no text of a spec
        return None
    return tree if isinstance(tree, Map) else None


def _everything(facts: Facts) -> list[Map]:
    return facts.once(_chain)


def _chain(facts: Facts) -> list[Map]:
    """Return the trees of the network's own text and of what that extends."""
    own = _own(facts)
    if own is None or "extends" not in own.values:
        return [own] if own else []
    trees = [read_tree(source) for source in chain(facts.graph.origin.source, Problems())]
    return [tree for tree in trees if isinstance(tree, Map)]


def _entries(tree: Map, key: str) -> list[tuple[Scalar, Map]]:
    found = tree.values.get(key)
    return [(name, value) for name, value in found if isinstance(value, Map)] if isinstance(found, Map) else []


def _not_named(tree: Map, where: list[Map]) -> list[tuple[str, Span]]:
    """Return the parameters of a spec or block that stand in none of its expressions."""
    params = tree.values.get("params")
    if not isinstance(params, Map) or not params.keys:
        return []
    named = {
        word
        for one in where
        for text in _texts(one)
        if "$" in text or text.strip().isidentifier()
        for word in _used(text)
    }
    return [(name, key.span) for name, key in params.keys.items() if name not in named]


def _used(text: str) -> list[str]:
    """Return the names in the expressions of a text."""
    if "$" not in text:
        return []
    return _NAME.findall(text.partition("$")[2])


def _others(text: str, name: str) -> list[str]:
    return [word for word in _NAME.findall(text) if word != name]


def _texts(tree: Tree) -> Iterator[str]:
    """Yield all keys and values of a tree as text; without recursion, as trees are deep."""
    todo = [tree]
    while todo:
        one = todo.pop()
        if isinstance(one, Scalar):
            yield one.text
        elif isinstance(one, List):
            todo += one.items
        else:
            for key, value in one:
                yield key.text
                todo.append(value)
