"""Latent vectors: what a decoder caches in the place of keys and values, which wider products make of it.

That is multi-head latent attention (DeepSeek-AI 2024, arXiv:2405.04434). Its programs cache the vectors, as
transformers does; so a network that is built so does, unless `cache: false` says otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.ops.attending import Attending
from archinspect.ops.dense import Dense

if TYPE_CHECKING:
    from collections.abc import Iterable

    from archinspect.graph.graph import Node, Tensor

MOVES = ("Concatenate", "Split", "RotaryEmbedding", "Identity", "Dropout")
"""Operators that may stand between what is cached and attention, beside reshaping ones."""


def moves(node: Node) -> bool:
    """Return whether a node only moves, or turns, what it reads."""
    return node.op.kind == "reshape" or type(node.op).__name__ in MOVES


def moved(node: Node) -> tuple[Tensor, ...]:
    """Return what a node moves or turns: the tables of what turns are none of it."""
    return node.inputs[:1] if type(node.op).__name__ == "RotaryEmbedding" else node.inputs


def latent_of(node: Node, outputs: Iterable[Tensor]) -> set[Node]:
    """Return the products that are cached in the place of attention's keys and values; `outputs` are the network's.

    Those are products of which nothing but these keys and values is made, by wider products with neither a function
    nor a rotation behind them; and with these the products that go into keys as they are, as what rotates.
    """
    made = [_made_of(tensor, node, outputs) for tensor in node.inputs[1:]]
    if not all(narrow for narrow, _, _ in made):
        return set()
    narrow, wide, others = (set.union(*sets) for sets in zip(*made, strict=True))
    return narrow | others if _units(narrow) < _units(wide - narrow) else set()


def _made_of(key: Tensor, attention: Node, outputs: Iterable[Tensor]) -> tuple[set[Node], set[Node], set[Node]]:
    """Return the products that a key or value is made of: those that may be cached, those behind them, and others."""
    narrow: set[Node] = set()
    wide: set[Node] = set()
    others: set[Node] = set()
    todo: list[tuple[Tensor, Node | None, bool]] = [(key, None, False)]
    seen = set()
    while todo:
        tensor, product, turned = one = todo.pop()
        if one in seen:
            continue
        seen.add(one)
        maker = tensor.producer
        if isinstance(maker.op, Dense) and product is None and not turned:
            todo.append((maker.inputs[0], maker, turned))
        elif isinstance(maker.op, Dense) and (product is None or _makes_alone(maker, attention, outputs)):
            (narrow if product else others).add(maker)
            wide.update({product} if product else ())
        elif moves(maker) or (product and maker.op.kind == "normalization"):
            turned = turned or type(maker.op).__name__ == "RotaryEmbedding"
            todo += [(part, product, turned) for part in moved(maker)]
        elif product:
            others.add(product)
        else:
            return set(), set(), set()
    return narrow, wide, others


def _units(products: Iterable[Node]) -> int:
    return sum(node.op.units for node in products if isinstance(node.op, Dense))


def _makes_alone(product: Node, attention: Node, outputs: Iterable[Tensor]) -> bool:
    """Return whether nothing but keys and values of this attention is made of a product that may be cached."""
    if product.cached is False:
        return False
    todo, seen = [product], {product}
    while todo:
        node = todo.pop()
        if not set(outputs).isdisjoint(node.outputs):
            return False
        for reader in {reader for tensor in node.outputs for reader in tensor.readers} - seen:
            if isinstance(reader.op, Attending):
                if reader is not attention or reader.inputs[0] in node.outputs:
                    return False
            else:
                seen.add(reader)
                todo.append(reader)
    return True
