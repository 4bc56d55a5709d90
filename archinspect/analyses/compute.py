"""Compute: the arithmetic of forward and backward passes, the bytes they move, and a roofline's least time.

The time is a bound, never a measurement: each operator's work at a device's peak, or its bytes at the full bandwidth,
whichever takes longer. docs/counting.md says what is counted, and what could do with less.
"""

from __future__ import annotations

from math import fsum
from typing import TYPE_CHECKING, Any, NamedTuple

from archinspect.base.diagnostics import refuse_unknown
from archinspect.base.shape import size
from archinspect.graph.graph import is_float, shape_of, shapes_of
from archinspect.ops.figures import ATTENTION, DTYPES, Run, Work

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from archinspect.analyses.devices import Device
    from archinspect.graph.graph import Graph, Node, Tensor


class Figures(NamedTuple):
    """What an operator, a layer or a network computes and moves; figures add up."""

    forward: Work = Work()
    input_gradients: Work = Work()
    """Gradients of inputs, and of what is computed within; none without training."""
    weight_gradients: Work = Work()
    forward_bytes: int = 0
    backward_bytes: int = 0
    compute_time: float = 0.0
    """Seconds of the passes that a device's peak bounds; 0 without a device."""
    memory_time: float = 0.0
    """Seconds of the passes that its bandwidth bounds."""

    @property
    def macs(self) -> int:
        """Multiply-accumulates of all passes."""
        return self.forward.macs + self.input_gradients.macs + self.weight_gradients.macs

    @property
    def flops(self) -> int:
        """Operations of all passes: 2 for a multiply-accumulate, 1 for any other."""
        return self.forward.flops + self.input_gradients.flops + self.weight_gradients.flops

    @property
    def bytes(self) -> int:
        """Bytes that all passes move."""
        return self.forward_bytes + self.backward_bytes

    @property
    def intensity(self) -> float:
        """Operations for each byte; 0 where none is moved."""
        return self.flops / self.bytes if self.bytes else 0.0

    @property
    def time(self) -> float:
        """The least seconds that the device needs."""
        return self.compute_time + self.memory_time

    @property
    def bound(self) -> str:
        """What the longer part of the time is spent on: `compute` or `memory`; empty without any."""
        if not self.time:
            return ""
        return "compute" if self.compute_time > self.memory_time else "memory"


class Compute(NamedTuple):
    """What a network computes and moves, and how long that takes at least."""

    total: Figures
    nodes: dict[Node, Figures]
    """By the operator, in execution order; they sum to the total."""
    dtype: str
    training: bool
    device: Device | None

    @property
    def layers(self) -> dict[str, Figures]:
        """By the layer, in execution order."""
        found: dict[str, list[Figures]] = {}
        for node, figures in self.nodes.items():
            found.setdefault(node.layer, []).append(figures)
        return {layer: total(parts) for layer, parts in found.items()}


def total(parts: Iterable[Figures]) -> Figures:
    """Return the sum of figures."""
    columns = list(zip(*parts, strict=True)) or [(field,) for field in Figures()]
    works = [Work(*map(sum, zip(*column, strict=True))) for column in columns[:3]]
    # Times are summed exactly, as `sum` does from Python 3.12 on.
    numbers: list[Any] = [fsum(column) if isinstance(column[0], float) else sum(column) for column in columns[3:]]
    return Figures(works[0], works[1], works[2], *numbers)


def analyze(
    graph: Graph,
    dtype: str = "float32",
    *,
    training: bool = False,
    device: Device | None = None,
    attention: str = "fused",
    input_gradients: bool = False,
) -> Compute:
    """Return the figures of a graph whose shapes are known, for its batch.

    `dtype` is what the network computes in; `tf32` is float32 in tensor cores. With `training` backward comes on top
    of forward. With a `device` there are times; raise ValueError where it states no peak for the type. `attention` is
    how attention is computed: `fused` computes its scores again in backward, `math` and `eager` keep them. With
    `input_gradients` backward goes on to the network's inputs, as in a network that stands behind another.
    """
    refuse_unknown("dtype", dtype, ("tf32", *DTYPES))
    refuse_unknown("attention", attention, ATTENTION)
    if device is not None and dtype not in device.flops:
        raise ValueError(f"{device.name} has no peak for {dtype}, only for {', '.join(device.flops)}")
    analysis = _Analysis(graph, dtype, device, attention)
    nodes = dict(analysis.figures(training=training, input_gradients=input_gradients))
    return Compute(total(nodes.values()), nodes, dtype, training, device)


class _Analysis:
    """What the operators' rules say of a graph."""

    def __init__(self, graph: Graph, dtype: str, device: Device | None, attention: str) -> None:
        self.graph = graph
        self.device = device
        self.peak = device.flops[dtype] if device else 0
        self.attention = attention
        self.sizes = {**DTYPES, "float": DTYPES.get(dtype, DTYPES["float32"])}

    def figures(self, *, training: bool, input_gradients: bool) -> Iterator[tuple[Node, Figures]]:
        """Yield each node's figures."""
        needs, summed = self._gradients(input_gradients=input_gradients) if training else ({}, {})
        for node in self.graph.nodes:
            figures = self._forward(node)
            gradients = summed.get(node.output, 0)
            if gradients:
                read = len(_read(node))
                wanted = tuple([i < read and needs.get(tensor, False) for i, tensor in enumerate(node.inputs)])
                run = Run(wanted, _trains(node), attention=self.attention)
                figures = total([figures, self._backward(node, run, gradients)])
            yield node, figures

    def _gradients(self, *, input_gradients: bool) -> tuple[dict[Tensor, bool], dict[Tensor, int]]:
        """Return of which tensors backward needs the gradient, and how many are summed to it: one for each reader.

        It needs none in front of the first weight that trains, and passes nothing on which no output depends.
        """
        needs = {node.output: input_gradients and is_float(node.output) for node in self.graph.inputs}
        for node in self.graph.nodes:
            passed = _trains(node) or any(needs.get(tensor) for tensor in _read(node))
            needs[node.output] = passed and is_float(node.output)
        summed = {tensor: 1 for tensor in self.graph.outputs if needs.get(tensor)}
        for node in reversed(self.graph.nodes):
            if node.output in summed:
                for tensor in filter(needs.get, _read(node)):
                    summed[tensor] = summed.get(tensor, 0) + 1
        return needs, summed

    def _forward(self, node: Node) -> Figures:
        """Return a node's forward pass, which moves inputs, weights and output once each; a view moves nothing."""
        shapes, output = shapes_of(node), shape_of(node.output)
        work = node.op.work(shapes, output)
        moved = 0
        if node.op.view(training=False) is None:
            moved = sum(map(self._bytes, {*_read(node), node.output}))
            moved += node.op.weights_read(shapes, output) * self.sizes["float"]
        return Figures(work, forward_bytes=moved)._replace(**self._times(work.flops, moved))

    def _backward(self, node: Node, run: Run, gradients: int) -> Figures:
        """Return a node's backward pass; so many gradients of its output are summed in front of it."""
        shapes, output = shapes_of(node), shape_of(node.output)
        inputs, weights = node.op.backward(shapes, output, run)
        inputs = inputs._replace(other=inputs.other + (gradients - 1) * size(output))
        moved = 0 if node.op.view(training=True) is not None else self._backward_bytes(node, run)
        figures = Figures(input_gradients=inputs, weight_gradients=weights, backward_bytes=moved)
        return figures._replace(**self._times(inputs.flops + weights.flops, moved))

    def _backward_bytes(self, node: Node, run: Run) -> int:
        """Return what backward reads (the output's gradient, what is kept, weights) and writes (gradients)."""
        shapes, output = shapes_of(node), shape_of(node.output)
        kept = node.op.kept(shapes, output, run)
        read = {*[node.inputs[i] for i in kept.inputs], *([node.output] if kept.outputs else [])}
        written = {tensor for tensor, wanted in zip(node.inputs, run.inputs, strict=True) if wanted}
        extra = sum(self.sizes[dtype] * count for dtype, count in kept.extra)
        weights = (any(run.inputs) + run.weights) * node.op.weights_read(shapes, output) * self.sizes["float"]
        return sum(map(self._bytes, (node.output, *read, *written))) + extra + weights

    def _bytes(self, tensor: Tensor) -> int:
        return size(shape_of(tensor)) * self.sizes[tensor.dtype]

    def _times(self, flops: int, moved: int) -> dict[str, Any]:
        """Return the seconds of a pass, by what bounds it."""
        if self.device is None:
            return {}
        compute, memory = flops / self.peak, moved / self.device.bandwidth
        return {"compute_time": compute} if compute > memory else {"memory_time": memory}


def _read(node: Node) -> list[Tensor]:
    """Return the inputs that a node reads; others only lend it their shape."""
    return node.inputs[: node.op.reads]


def _trains(node: Node) -> bool:
    return node.trainable and any(weight.parameter for weight in node.op.weights(*shapes_of(node)).values())
