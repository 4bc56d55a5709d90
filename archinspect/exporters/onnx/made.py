"""Kernels that are made of other weights."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from archinspect.exporters.onnx.use import Use
from archinspect.ops.weightnorm import SpectralNorm, WeightNorm, WeightStandardization

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.exporters.orders import Order
    from archinspect.graph.graph import Node


class MadeKernel(Use):
    """The layer inside of :class:`archinspect.ops.weightnorm.WeightNorm` and its like."""

    def __init__(self, use: Use) -> None:
        vars(self).update(vars(use), op=use.op.layer)
        self._outer = use.op

    def weight(self, name: str, order: Order = (), shape: Sequence[int] = (), *, of: Node | None = None) -> str:
        """Return a weight; the kernel as it is made of others."""
        found = super().weight(name, order, shape, of=of)
        if name != "kernel":
            return found
        kernel = self.weights["kernel"]
        order = order or tuple(range(len(kernel.shape)))
        sizes = tuple(shape) or tuple(kernel.shape[axis] for axis in order)
        # Rows lie along one axis of what is stored; a depthwise kernel has its channels and their multiples in one.
        names = [kernel.axes[axis] for axis in order]
        at = 0 if shape else names.index(self._outer.row_axes()[0])
        rows = [size if axis == at else 1 for axis, size in enumerate(sizes)]
        rest = [1 if axis == at else size for axis, size in enumerate(sizes)]
        others = self.ints(*[axis for axis in range(len(sizes)) if axis != at])
        if isinstance(self._outer, WeightStandardization):
            return self._standardized(found, others, rows, prod(rest))
        if isinstance(self._outer, WeightNorm):
            length = super().weight("magnitude", shape=rows)
            return self.emit("Mul", found, self.emit("Div", length, self.emit("ReduceL2", found, others, keepdims=1)))
        if not isinstance(self._outer, SpectralNorm):
            super().weight("vector_u")  # stored with the others; nothing reads it
            return found
        left, right = super().weight("vector_u", shape=rows), super().weight("vector_v", shape=rest)
        weighed = self.emit("Mul", self.emit("Mul", found, left), right)
        return self.emit("Div", found, self.emit("ReduceSum", weighed, keepdims=0))

    def _standardized(self, kernel: str, others: str, rows: Sequence[int], fan_in: int) -> str:
        """Return a kernel with mean 0 and deviation 1 along `others`, times the gain."""
        outer: Any = self._outer
        centered = self.emit("Sub", kernel, self.emit("ReduceMean", kernel, others, keepdims=1))
        variance = self.emit("ReduceMean", self.emit("Mul", centered, centered), others, keepdims=1)
        deviation = self.emit("Sqrt", self.emit("Add", variance, self.number(outer.epsilon)))
        found = self.emit("Div", centered, deviation)
        if not outer.gain:
            return found
        gain = self.emit("Mul", super().weight("gain", shape=rows), self.number(outer.gamma * fan_in**-0.5))
        return self.emit("Mul", found, gain)
