"""The weights of a network: how many, of which kind, and their bytes by data type."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archinspect.analyses.cost import costs
from archinspect.base.shape import size
from archinspect.ops.figures import DTYPES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.analyses.facts import Facts
    from archinspect.ops.figures import Weight

PACKED = "int4"
"""Weights of two axes and more in 4 bits, two per byte, in groups with a float16 scale each; all others float16."""
GROUP = 128


class Ledger(NamedTuple):
    """The weights, in elements, and their bytes by data type.

    `untied` is what the parameters would be without sharing, `embedding` those of tables and positions, `active` what
    one token uses, where a layer chooses among experts.
    """

    params: int
    trainable: int
    frozen: int
    buffers: int
    untied: int
    embedding: int
    active: int
    bytes: dict[str, int]

    @property
    def shared(self) -> int:
        """Parameters that sharing saves."""
        return self.untied - self.params

    @property
    def non_embedding(self) -> int:
        """Parameters that are in no table."""
        return self.params - self.embedding


def ledger(facts: Facts) -> Ledger:
    """Return the ledger of a network's weights."""
    trainable = frozen = buffers = untied = embedding = active = 0
    for node, cost in facts.once(costs).items():
        trainable += cost.trainable_params
        frozen += cost.non_trainable_params
        buffers += cost.buffers
        active += cost.active_params
        untied += sum(size(weight.shape) for weight in facts.call(node).weights.values() if weight.parameter)
        if node.op.is_table:
            embedding += cost.params
    params = trainable + frozen
    sizes = {name: (params + buffers) * count for name, count in DTYPES.items() if name != "float"}
    sizes[PACKED] = sum(_packed(weight) for weight, _ in weights(facts))
    return Ledger(params, trainable, frozen, buffers, untied, embedding, active, sizes)


def weights(facts: Facts) -> Iterator[tuple[Weight, bool]]:
    """Yield every weight once, and whether it trains."""
    for node in facts.graph.nodes:
        for weight in facts.own_weights(node).values():
            yield weight, weight.parameter and node.trainable


def weight_bytes(facts: Facts) -> int:
    """Return the bytes of weights and running statistics, in the type that the network computes in."""
    return sum(size(weight.shape) for weight, _ in weights(facts)) * facts.sizes["float"]


def _packed(weight: Weight) -> int:
    count = size(weight.shape)
    if len(weight.shape) < 2:  # noqa: PLR2004 - biases, scales, statistics
        return count * DTYPES["float16"]
    return -(-count // 2) + -(-count // GROUP) * DTYPES["float16"]
