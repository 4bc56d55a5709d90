"""What every node costs: its weights and its arithmetic, as plain figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archinspect.base.shape import size, total

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from archinspect.analyses.facts import Facts
    from archinspect.graph.call import Call
    from archinspect.graph.graph import Node
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

    def as_dict(self) -> dict[str, int]:
        """Return the figures by name, exact integers."""
        return {"params": self.params, **self._asdict()}


def sum_of_costs(parts: Iterable[Cost]) -> Cost:
    """Return the sum of costs."""
    return Cost(*map(total, zip(*parts, strict=True)))


def layer_costs(facts: Facts) -> dict[str, Cost]:
    """Return the cost of every layer, by its path, in execution order.

    What a layer keeps between its own operators is no output of it.
    """
    parts: dict[str, list[Cost]] = {}
    for node, cost in added_costs(facts).items():
        parts.setdefault(node.layer, []).append(cost)
    return {layer: own[0] if len(own) == 1 else sum_of_costs(own) for layer, own in parts.items()}


def added_costs(facts: Facts) -> dict[Node, Cost]:
    """Return the cost of every node, so that they add up to the network's: what stays in a layer is no output of it."""
    last = {node.layer: node for node in facts.graph.nodes}
    return {
        node: cost if last[node.layer] is node else cost._replace(output_bytes=0)
        for node, cost in facts.once(costs).items()
    }


def costs(facts: Facts) -> dict[Node, Cost]:
    """Return the cost of every node."""
    known: dict[tuple[Call, bool], Cost] = {}
    result = {}
    for node in facts.graph.nodes:
        key = (facts.call(node), node.trainable)
        cost = known.get(key)
        if cost is None:
            cost = known[key] = _cost(facts, node, key[0].weights)
        result[node] = cost if node.shares is None else _cost(facts, node, facts.own_weights(node))
    return result


def _cost(facts: Facts, node: Node, weights: Mapping[str, Weight]) -> Cost:
    learned = [weight for weight in weights.values() if weight.parameter]
    params = sum(size(weight.shape) for weight in learned)
    call = facts.call(node)
    return Cost(
        trainable_params=params if node.trainable else 0,
        non_trainable_params=0 if node.trainable else params,
        buffers=sum(size(weight.shape) for weight in weights.values() if not weight.parameter),
        macs=call.work.macs,
        flops=call.work.flops,
        output_bytes=0 if call.before else sum(map(facts.bytes, node.outputs)),
        active_params=sum(size(weight.active_shape) for weight in learned),
    )
