"""What a network takes of a machine's memory: a ledger of its weights, inference, training.

Training takes weights, gradients, the optimizer's state and what backward keeps. Figures are of tensors: what a driver,
a framework or a kernel takes beside them is none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from archinspect.analyses.cost import costs, own_weights
from archinspect.analyses.memory import Activations, Checkpointed, Peak, Training, kv_cache
from archinspect.base.shape import size
from archinspect.ops.figures import DTYPES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from archinspect.base.shape import Shape
    from archinspect.graph.graph import Graph
    from archinspect.ops.figures import Weight
    from archinspect.reports.summary import Report

PACKED = "int4"
"""Weights of two axes and more in 4 bits, two a byte, in groups that each have a float16 scale; all others float16."""
GROUP = 128
BLOCK = 256
"""Numbers of an 8-bit optimizer's state that share a float32 scale (bitsandbytes 0.50.2, optim/optimizer.py)."""
LEAST_8_BIT = 4096
"""A tensor with fewer elements keeps its state in float32 there."""


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


class Inference(NamedTuple):
    """Bytes at inference: weights and running statistics, the most activations alive, keys and values kept."""

    weights: int
    peak: Peak
    cache: int

    @property
    def total(self) -> int:
        """All of them together."""
        return self.weights + self.peak.bytes + self.cache


class TrainingBudget(NamedTuple):
    """Bytes in training, when backward begins: all that a step needs but for temporary tensors."""

    weights: int
    """Weights and running statistics, in the type that the network computes in."""
    master: int
    """A copy of the trainable weights in float32, in mixed precision."""
    gradients: int
    optimizer: int
    kept: Training
    checkpoints: Checkpointed | None
    """What is kept instead with gradient checkpointing."""

    @property
    def activations(self) -> int:
        """What backward keeps."""
        return self.checkpoints.total if self.checkpoints else self.kept.total

    @property
    def total(self) -> int:
        """All of them together."""
        return self.weights + self.master + self.gradients + self.optimizer + self.activations


class Plan(NamedTuple):
    """How a network is run and trained."""

    dtype: str = "float32"
    optimizer: str = "adam"
    mixed: bool = False
    """Whether the optimizer works on a float32 copy of the weights."""
    checkpointing: bool = False
    policy: str = "eager"
    attention: str = "fused"
    cached: int = 0
    """Steps whose keys and values a decoder keeps."""

    def activations(self, graph: Graph) -> Activations:
        """Return what is asked of the network's activations, run so."""
        return Activations(graph, self.dtype, self.attention)


class MemoryReport(NamedTuple):
    """What a network takes of a machine's memory, for a batch of `report.batch` samples, or one."""

    report: Report
    plan: Plan
    ledger: Ledger
    inference: Inference
    training: TrainingBudget

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form, whose keys docs/json.md explains."""
        peak, training = self.inference.peak, self.training
        return {
            "name": self.report.name,
            "batch": self.report.batch,
            **self.report.coverage,
            "plan": self.plan._asdict(),
            "ledger": {
                **self.ledger._asdict(),
                "shared": self.ledger.shared,
                "non_embedding": self.ledger.non_embedding,
            },
            "inference": {
                "weights": self.inference.weights,
                "activations": peak.bytes,
                "peak": peak.node.layer if peak.node else None,
                "alive": [one._asdict() for one in peak.alive],
                "workspace": peak.workspace,
                "cache": self.inference.cache,
                "total": self.inference.total,
                "timeline": [{"layer": s.node.layer, "during": s.during, "after": s.after} for s in peak.timeline],
            },
            "training": {
                "weights": training.weights,
                "master": training.master,
                "gradients": training.gradients,
                "optimizer": training.optimizer,
                "kept": training.kept.total,
                "kept_by_layer": training.kept.layers,
                "checkpoints": training.checkpoints and training.checkpoints._asdict(),
                "total": training.total,
            },
        }


def ledger(graph: Graph) -> Ledger:
    """Return the ledger of a graph's weights."""
    trainable = frozen = buffers = untied = embedding = active = 0
    for node, cost in costs(graph).items():
        trainable += cost.trainable_params
        frozen += cost.non_trainable_params
        buffers += cost.buffers
        active += cost.active_params
        untied += cost.params
        if node.shares is not None:
            weights, own = own_weights(node)
            untied += sum(size(w.shape) for name, w in weights.items() if w.parameter and name not in own)
        if node.op.is_table:
            embedding += cost.params
    params = trainable + frozen
    sizes = {name: (params + buffers) * count for name, count in DTYPES.items() if name != "float"}
    sizes[PACKED] = sum(_packed(weight) for weight, _ in _weights(graph))
    return Ledger(params, trainable, frozen, buffers, untied, embedding, active, sizes)


def inference(activations: Activations, plan: Plan, batch: int) -> Inference:
    """Return what inference takes; the graph's shapes are those of `batch` samples."""
    graph = activations.graph
    cache = kv_cache(graph, plan.cached, batch=batch, dtype=plan.dtype) if plan.cached else 0
    return Inference(_bytes_of_weights(graph, plan.dtype), activations.peak(plan.policy), cache)


def training(activations: Activations, plan: Plan) -> TrainingBudget:
    """Return what a step of training takes."""
    graph = activations.graph
    trains = [weight for weight, trained in _weights(graph) if trained]
    elements = sum(size(weight.shape) for weight in trains)
    state = OPTIMIZERS[plan.optimizer]
    kind = "float32" if plan.mixed else plan.dtype
    return TrainingBudget(
        weights=_bytes_of_weights(graph, plan.dtype),
        master=elements * DTYPES["float32"] if plan.mixed and plan.dtype != "float32" else 0,
        gradients=elements * DTYPES[plan.dtype],
        optimizer=sum(state(weight.shape, DTYPES[kind]) for weight in trains),
        kept=activations.kept(),
        checkpoints=activations.checkpointed() if plan.checkpointing else None,
    )


def _weights(graph: Graph) -> Iterator[tuple[Weight, bool]]:
    """Yield every weight once, and whether it trains."""
    for node in graph.nodes:
        shapes = tuple([tensor.shape for tensor in node.inputs if tensor.shape is not None])
        own = own_weights(node)[1] if node.shares is not None else node.op.weights(*shapes)
        for weight in own.values():
            yield weight, weight.parameter and node.trainable


def _bytes_of_weights(graph: Graph, dtype: str) -> int:
    return sum(size(weight.shape) for weight, _ in _weights(graph)) * DTYPES[dtype]


def _packed(weight: Weight) -> int:
    count = size(weight.shape)
    if len(weight.shape) < 2:  # noqa: PLR2004 - biases, scales, statistics
        return count * DTYPES["float16"]
    return -(-count // 2) + -(-count // GROUP) * DTYPES["float16"]


# Bytes of an optimizer's state for a weight of a shape, whose numbers take so many bytes each. The counter of steps, a
# number a tensor that PyTorch has in the memory of the processor, is none of it.


def _states(times: int) -> Callable[[Shape, int], int]:
    return lambda shape, bytes_: times * size(shape) * bytes_


def _factored(shape: Shape, bytes_: int) -> int:
    """Return Adafactor's: means of rows and of columns, or of every element (Shazeer & Stern 2018, arXiv:1804.04235).

    As in PyTorch, rows and columns are the last two axes of a kernel that has its window behind its channels.
    """
    axes = (*shape[-2:], *shape[:-2]) if len(shape) > 2 else shape  # noqa: PLR2004 - a window's axes come first here
    if len(axes) < 2:  # noqa: PLR2004 - as above
        return size(shape) * bytes_
    return (size(shape) // axes[-1] + size(shape) // axes[-2]) * bytes_


def _states_8_bit(shape: Shape, _: int) -> int:
    """Return Adam's two states in 8 bits (Dettmers et al. 2021, arXiv:2110.02861)."""
    count = size(shape)
    each = count * DTYPES["float32"] if count < LEAST_8_BIT else count + -(-count // BLOCK) * DTYPES["float32"]
    return 2 * each


OPTIMIZERS: dict[str, Callable[[Shape, int], int]] = {
    "sgd": _states(0),
    "momentum": _states(1),
    "rmsprop": _states(1),
    "adagrad": _states(1),
    "adam": _states(2),
    "adamw": _states(2),
    "adafactor": _factored,
    "adam8bit": _states_8_bit,
}
"""The optimizers and the bytes of their state for a weight."""
