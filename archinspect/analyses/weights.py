"""The weights of a network: how many, of which kind, and their bytes by data type."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archinspect.analyses.cost import costs
from archinspect.analyses.formats import FORMATS, stored_bytes
from archinspect.base.shape import size
from archinspect.ops.figures import DTYPES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.analyses.facts import Facts
    from archinspect.ops.figures import Weight

PACKED = {"int4": "nf4"}
"""Types of fewer bits than an element of a tensor has, and the format that stands for them."""


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
    sizes |= {name: stored_bytes(facts, form) for name, form in PACKED.items()}
    return Ledger(params, trainable, frozen, buffers, untied, embedding, active, sizes)


def weights(facts: Facts) -> Iterator[tuple[Weight, bool]]:
    """Yield every weight once, and whether it trains."""
    for node in facts.graph.nodes:
        for weight in facts.own_weights(node).values():
            yield weight, weight.parameter and node.trainable


def weight_bytes(facts: Facts, stored: str | None = None, *, training: bool = False) -> int:
    """Return the bytes of weights and running statistics: as `stored`, or else as in their files or the network's type.

    In `training` what trains is in no format of few bits, but in the network's own type; nor are adapters at any time.
    """
    apart = training or facts.settings.lora is not None
    files = facts.graph.stored
    if files is not None and files.complete and stored is None and not apart:
        return files.bytes
    return stored_bytes(facts, stored or "float", frozen=apart and stored in FORMATS)
