"""What a target of `verify` is, and what several of them compare."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from archinspect.analyses.weights import ledger
from archinspect.base.shape import size

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from archinspect.analyses.facts import Facts
    from archinspect.graph.graph import Node
    from archinspect.verify.rows import Row
    from archinspect.verify.worked import Numbers

COMPUTED = ("macs", "training_macs", "kept", "peak")
"""Figures of what a pass computes and holds, which a target that infers shapes alone does not tell."""


class Against(Protocol):
    """A network as a target's program: what is to be measured of it, and how that is compared."""

    facts: Facts
    """The network's, at a given batch."""

    package: str
    """The Python package that measures."""
    left_out: Mapping[str, str]
    """Figures that it does not tell, with the reason."""
    job: Mapping[str, Any]
    """What its script gets."""
    within: int
    """Operators whose values are made within one call with others."""

    def __init__(self, facts: Facts) -> None:
        """Raise :class:`~archinspect.exporters.refusal.CannotExportError` for what the target cannot say."""

    def layer_at(self, place: str) -> str:
        """Return the layer that is at a place of the program; nothing where none is."""

    def run_with(self, numbers: Numbers) -> dict[str, Any]:
        """Return what the script needs to run the program with numbers: the job's `numbers`."""

    def computed(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the script found, its `values`, by the paths of layers, in the spec's order of axes."""

    def rows(self, measured: Mapping[str, Any]) -> Iterator[Row]:
        """Yield every figure beside the measured one, those of the whole network first."""


def weights_of(facts: Facts) -> dict[str, int]:
    """Return the figures of a network's weights."""
    weights = ledger(facts)
    return {"params": weights.params, "trainable": weights.trainable, "buffers": weights.buffers}


def own_weights(facts: Facts, nodes: Iterable[Node], *, buffers: bool = True) -> int:
    """Return the elements of the weights of nodes, without what they share with earlier ones."""
    weights = [weight for node in nodes for weight in facts.own_weights(node).values()]
    return sum(size(weight.shape) for weight in weights if buffers or weight.parameter)


def label(nodes: list[Node]) -> str:
    """Return what a row calls nodes that are one piece of a program: the layer, where they are several."""
    return nodes[0].path if len(nodes) == 1 else nodes[0].layer
