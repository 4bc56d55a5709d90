"""Compute: the arithmetic of forward and backward passes, the bytes they move, and a roofline's least time.

The time is a bound, never a measurement: each operator's work at a device's peak, or its bytes at the full bandwidth,
whichever takes longer. docs/counting.md says what is counted, and what could do with less.
"""

from __future__ import annotations

from math import fsum
from typing import TYPE_CHECKING, Any, NamedTuple

from archinspect.analyses.gradients import gradients, gradients_to_inputs
from archinspect.base.diagnostics import refuse_unknown
from archinspect.base.frames import frame
from archinspect.base.html import table
from archinspect.base.shape import size
from archinspect.ops.attending import Attending
from archinspect.ops.figures import ATTENTION, Run, Work

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from archinspect.analyses.devices import Device
    from archinspect.analyses.facts import Facts
    from archinspect.analyses.gradients import Gradients
    from archinspect.graph.call import Call
    from archinspect.graph.graph import Node


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
    layers: Mapping[str, Figures]
    """By the layer, in execution order; they sum to the total."""
    operators: Mapping[str, Figures]
    """The same by the operator's path."""
    dtype: str
    training: bool
    device: Device | None

    def rows(self) -> list[dict[str, Any]]:
        """Return a dict per layer: MACs, FLOPs, bytes moved, FLOPs per byte; with a device, seconds and the bound."""
        return [
            {"name": name, **_plain(figures, timed=self.device is not None)} for name, figures in self.layers.items()
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return the total and the layers as plain values."""
        return {
            "dtype": self.dtype,
            "training": self.training,
            "device": self.device and self.device.name,
            "totals": _plain(self.total, timed=self.device is not None),
            "layers": self.rows(),
        }

    def to_pandas(self) -> Any:  # noqa: ANN401 - a pandas.DataFrame
        """Return :meth:`rows` as a `pandas.DataFrame`; raise ImportError without the extra `pandas`."""
        return frame(self.rows())

    def __repr__(self) -> str:
        return f"<Compute: {', '.join(self._facts())}>"

    def _repr_html_(self) -> str:
        rows = self.rows()
        header = list(rows[0]) if rows else ["name"]
        return table("Compute", self._facts(), header, [list(row.values()) for row in rows])

    def _facts(self) -> list[str]:
        passes = "forward and backward" if self.training else "forward"
        time = [f"{self.total.time:.6g} s or more on {self.device.name}"] if self.device else []
        return [
            f"{self.total.macs:,} MACs",
            f"{self.total.flops:,} FLOPs",
            f"{self.total.bytes:,} bytes",
            passes,
            *time,
        ]


def _plain(figures: Figures, *, timed: bool) -> dict[str, object]:
    time = {"time": figures.time, "bound": figures.bound} if timed else {}
    return {
        "macs": figures.macs,
        "flops": figures.flops,
        "bytes": figures.bytes,
        "intensity": figures.intensity,
        **time,
    }


def sum_of_figures(parts: Iterable[Figures]) -> Figures:
    """Return the sum of figures."""
    columns = list(zip(*parts, strict=True)) or [(field,) for field in Figures()]
    works = [Work(*map(sum, zip(*column, strict=True))) for column in columns[:3]]
    # Times are summed exactly, as `sum` does from Python 3.12 on.
    numbers: list[Any] = [fsum(column) if isinstance(column[0], float) else sum(column) for column in columns[3:]]
    return Figures(works[0], works[1], works[2], *numbers)


def analyze(
    facts: Facts,
    *,
    training: bool = False,
    device: Device | None = None,
    attention: str = "fused",
    input_gradients: bool = False,
    tf32: bool = False,
) -> Compute:
    """Return the figures of a network for its batch.

    With `training` backward comes on top of forward. With a `device` there are times; raise ValueError where it states
    no peak for the type, which is float32 in tensor cores with `tf32`. `attention` is how attention is computed:
    `fused` computes its scores again in backward, `math` and `eager` keep them. With `input_gradients` backward goes on
    to the network's inputs, as in a network that stands after another.
    """
    refuse_unknown("attention", attention, ATTENTION)
    dtype = "tf32" if tf32 else facts.dtype
    if device is not None and dtype not in device.flops:
        raise ValueError(f"{device.name} has no peak for {dtype}, only for {', '.join(device.flops)}")
    wanted = None
    if training:
        wanted = facts.once(gradients_to_inputs if input_gradients else gradients)
    rules = _Passes(facts, device, device.flops[dtype] if device else 0, attention)
    nodes = {node: rules.figures(node, wanted) for node in facts.graph.nodes}
    layers: dict[str, list[Figures]] = {}
    for node, figures in nodes.items():
        layers.setdefault(node.layer, []).append(figures)
    return Compute(
        sum_of_figures(nodes.values()),
        {layer: parts[0] if len(parts) == 1 else sum_of_figures(parts) for layer, parts in layers.items()},
        {node.path: figures for node, figures in nodes.items()},
        dtype,
        training,
        device,
    )


class _Passes:
    """Figures of nodes, found once for all that are alike."""

    def __init__(self, facts: Facts, device: Device | None, peak: int, attention: str) -> None:
        self.facts = facts
        self.device = device
        self.peak = peak
        self.attention = attention
        self.known: dict[object, Figures] = {}

    def figures(self, node: Node, wanted: Gradients | None) -> Figures:
        """Return a node's figures; those of backward too, where some of its gradients are wanted."""
        arriving = wanted.arriving(node) if wanted else ()
        run = Run(wanted.of_inputs(node), self.facts.trains(node), attention=self.attention) if wanted else None
        # Which inputs are the same tensor decides what is moved.
        same = tuple([node.inputs.index(tensor) for tensor in node.inputs]) if len(node.inputs) > 1 else ()
        key = (self.facts.call(node), run, arriving, same)
        found = self.known.get(key)
        if found is None:
            found = self._forward(node)
            if arriving and run:
                run = run._replace(outputs=tuple(map(bool, arriving)))
                found = sum_of_figures([found, self._backward(node, run, arriving)])
            self.known[key] = found
        return found

    def _forward(self, node: Node) -> Figures:
        """Return a node's forward pass, which moves inputs, weights and outputs once each; a view moves nothing."""
        call = self.facts.call(node)
        moved = 0
        if self.facts.view(node, training=False) is None and not call.before:
            moved = sum(map(self.facts.bytes, {*node.reads, *node.outputs}))
            moved += (call.weights_read + self._cached(call)) * self.facts.sizes["float"]
        return Figures(call.work, forward_bytes=moved)._replace(**self._times(call.work.flops, moved))

    def _cached(self, call: Call) -> int:
        """Return the elements of keys and values that it reads from a cache."""
        op = call.op
        if not (isinstance(op, Attending) and op.past):
            return 0
        return op.past * op.cache(*call.shapes) * self.facts.batch

    def _backward(self, node: Node, run: Run, arriving: tuple[int, ...]) -> Figures:
        """Return a node's backward pass; so many gradients of each of its outputs are summed in front of it."""
        call = self.facts.call(node)
        inputs, weights = call.backward(run)
        sums = sum(max(count - 1, 0) * size(type_.shape) for count, type_ in zip(arriving, call.outputs, strict=True))
        inputs = inputs._replace(other=inputs.other + sums)
        moved = 0 if self.facts.view(node, training=True) is not None else self._backward_bytes(node, run)
        figures = Figures(input_gradients=inputs, weight_gradients=weights, backward_bytes=moved)
        return figures._replace(**self._times(inputs.flops + weights.flops, moved))

    def _backward_bytes(self, node: Node, run: Run) -> int:
        """Return what backward reads (the outputs' gradients, what is kept, weights) and writes (gradients)."""
        facts, call = self.facts, self.facts.call(node)
        kept = call.kept(run)
        read = {*[node.inputs[i] for i in kept.inputs], *[node.outputs[i] for i in kept.outputs]}
        written = {tensor for tensor, wanted in zip(node.inputs, run.inputs, strict=True) if wanted}
        weights = (any(run.inputs) + run.weights) * call.weights_read * facts.sizes["float"]
        gradients_in = [tensor for tensor in node.outputs if facts.is_float(tensor)]
        return sum(map(facts.bytes, (*gradients_in, *read, *written))) + facts.bytes_of(kept.extra) + weights

    def _times(self, flops: int, moved: int) -> dict[str, Any]:
        """Return the seconds of a pass, by what bounds it."""
        if self.device is None:
            return {}
        compute, memory = flops / self.peak, moved / self.device.bandwidth
        return {"compute_time": compute} if compute > memory else {"memory_time": memory}
