"""What every node costs: its weights and its arithmetic, as plain figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archinspect.base.shape import size
from archinspect.graph.graph import shapes_of
from archinspect.ops.figures import DTYPES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from archinspect.base.shape import Shape
    from archinspect.graph.graph import Graph, Node
    from archinspect.ops.base import Op
    from archinspect.ops.figures import Weight


class Cost(NamedTuple):
    """Figures of a node, a layer or a network; they add up.

    `params` are learned: those that train and those frozen by `trainable: false`. `buffers` are
    running statistics, which Keras counts as non-trainable parameters and PyTorch as buffers.
    A shared weight counts where it is first used. `active_params` are those of `params` that one
    token uses: fewer only where a layer chooses among experts.
    """

    trainable_params: int = 0
    non_trainable_params: int = 0
    buffers: int = 0
    macs: int = 0
    flops: int = 0
    output_bytes: int = 0
    active_params: int = 0

    @property
    def params(self) -> int:
        """Trainable and frozen parameters."""
        return self.trainable_params + self.non_trainable_params

    def plus(self, other: Cost) -> Cost:
        """Return the sum of two costs."""
        return Cost(*[a + b for a, b in zip(self, other, strict=True)])


def costs(graph: Graph, dtype: str = "float32") -> dict[Node, Cost]:
    """Return the cost of every node whose shapes are known; `dtype` is what the network computes in."""
    known: dict[tuple[Op, tuple[Shape, ...], bool], Cost] = {}
    result = {}
    sizes = {**DTYPES, "float": DTYPES[dtype]}
    for node in graph.nodes:
        if node.output.shape is None:
            continue
        shapes = shapes_of(node)
        key = (node.op, shapes, node.trainable)
        cost = known.get(key)
        if cost is None:
            cost = known[key] = _cost(node, shapes)
        if node.shares is not None:
            _, own = own_weights(node)
            cost = _weigh(own, cost, trainable=node.trainable)
        output_bytes = size(node.output.shape) * sizes[node.output.dtype]
        result[node] = cost._replace(output_bytes=output_bytes)
    return result


def _cost(node: Node, shapes: tuple[Shape, ...]) -> Cost:
    assert node.output.shape is not None
    work = node.op.work(shapes, node.output.shape)
    counted = Cost(macs=work.macs, flops=work.flops)
    return _weigh(node.op.weights(*shapes), counted, trainable=node.trainable)


def _weigh(weights: Mapping[str, Weight], cost: Cost, *, trainable: bool) -> Cost:
    learned = [weight for weight in weights.values() if weight.parameter]
    params = sum(size(weight.shape) for weight in learned)
    buffers = sum(size(weight.shape) for weight in weights.values() if not weight.parameter)
    active = sum(size(weight.active_shape) for weight in learned)
    split = (params, 0) if trainable else (0, params)
    return Cost(*split, buffers, cost.macs, cost.flops, active_params=active)


def own_weights(node: Node) -> tuple[Mapping[str, Weight], dict[str, Weight]]:
    """Return all weights of a node that shares, and those that it does not take from the other.

    A partner has the same name and shape, or the same sizes in another order, as a tied output
    layer that uses the transposed embedding.
    """
    assert node.shares is not None
    weights = node.op.weights(*shapes_of(node))
    theirs = node.shares.op.weights(*shapes_of(node.shares))
    exact = {(name, weight.shape) for name, weight in theirs.items()}
    sizes = {tuple(sorted(weight.shape)) for weight in theirs.values() if len(weight.shape) > 1}
    return weights, {
        name: weight
        for name, weight in weights.items()
        if (name, weight.shape) not in exact and tuple(sorted(weight.shape)) not in sizes
    }
