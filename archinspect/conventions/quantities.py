"""What the rules of conventions count: quantities of an operator and the shapes it is used on.

Generic ones follow from any operator's work, weights and shapes. Others an operator declares by
:meth:`archinspect.ops.base.Op.quantities`; one that it does not declare is not known of it, and never read from its
attributes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archinspect.base.shape import size
from archinspect.ops.spatial import channel_axis

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from archinspect.base.shape import Shape
    from archinspect.ops.base import Op


class OperatorCall(NamedTuple):
    """An operator on its inputs' shapes."""

    op: Op
    shapes: tuple[Shape, ...]
    output: Shape
    layout: str

    @property
    def first(self) -> Shape:
        """Shape of the first input; without any, one of no elements."""
        return self.shapes[0] if self.shapes else (0,)

    def learned(self, name: str = "") -> int:
        """Return the number of learned weights, or of those of one name."""
        weights = self.op.weights(*self.shapes)
        return sum(size(weight.shape) for key, weight in weights.items() if weight.parameter and name in ("", key))

    def positions(self) -> int:
        """Return the output's places: its elements but for the channels' axis."""
        if len(self.output) == 1:
            return size(self.output)
        axis = channel_axis(self.output, self.op.data_format or self.layout)
        return size(self.output) // self.output[axis]

    def steps(self) -> int:
        """Return the steps of all samples, of an input whose last axis is a step's features."""
        return size(self.first[:-1])


class CallQuantity(NamedTuple):
    """A quantity of every operator: a few words for one of it, and how many of it there are."""

    words: str
    count: Callable[[OperatorCall], int]


GENERIC: Mapping[str, CallQuantity] = {
    "macs": CallQuantity("MAC", lambda c: c.op.work(c.shapes, c.output).macs),
    "flops": CallQuantity("FLOP of archinspect", lambda c: c.op.work(c.shapes, c.output).flops),
    "output": CallQuantity("output element", lambda c: size(c.output)),
    "joined": CallQuantity("output element of several inputs", lambda c: size(c.output) if len(c.shapes) > 1 else 0),
    "input": CallQuantity("input element", lambda c: size(c.first)),
    "position": CallQuantity("output position", OperatorCall.positions),
    "bias": CallQuantity("output element if there is a bias", lambda c: size(c.output) if c.learned("bias") else 0),
    "scaled": CallQuantity("input element if there is a scale", lambda c: size(c.first) if c.learned("gamma") else 0),
    "learned": CallQuantity("output element if there are weights", lambda c: size(c.output) if c.learned() else 0),
    "table": CallQuantity("weight", OperatorCall.learned),
    "weight": CallQuantity("weight and sample", lambda c: c.output[0] * c.learned()),
    "weight_position": CallQuantity("weight and output position", lambda c: c.positions() * c.learned()),
    "weight_element": CallQuantity("weight and output element", lambda c: size(c.output) * c.learned()),
    "kernel_position": CallQuantity(
        "weight of the kernel and output position", lambda c: c.positions() * c.learned("kernel")
    ),
    "weight_step": CallQuantity("weight and step", lambda c: c.steps() * c.learned()),
    "row": CallQuantity("element of a sample's output", lambda c: size(c.output[1:])),
}
"""What rules may count of every operator."""

DECLARED: Mapping[str, str] = {
    "state": "unit of the states of all steps, layers and directions",
    "biased_state": "unit of those states if there are biases",
    "gate_mac": "MAC of the gates' sums",
    "plain_gate_mac": "MAC of the gates' sums if outputs were not projected",
    "sequence": "output element if all steps were given",
    "hidden": "element inside of the experts used",
    "inside": "output element of the linear layers inside",
    "score": "score",
    "softmax_row": "sum of the softmax",
    "strided": "output element and position of a stride",
    "first_product": "element of the first factor and column of the second",
    "margin": "element with the channels padded by the window less one",
    "bias_as_if_plain": "filter and position of a plain convolution if there is a bias",
}
"""What they may count of operators that declare it, in a few words for one."""


def words(name: str) -> str:
    """Return a few words for one of a quantity."""
    return DECLARED[name] if name in DECLARED else GENERIC[name].words


def amount(counts: Mapping[str, int], call: OperatorCall) -> int | None:
    """Return how much it is to count each quantity so often; None where the operator does not declare one of them."""
    declared: Mapping[str, int] = {}
    if not counts.keys() <= GENERIC.keys():
        declared = call.op.quantities(call.shapes, call.output)
        if not counts.keys() <= GENERIC.keys() | declared.keys():
            return None
    return sum(
        times * (declared[name] if name in declared else GENERIC[name].count(call)) for name, times in counts.items()
    )
