"""Layers around another layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from archinspect.exporters.code import Given, Step, call, code
from archinspect.exporters.orders import Use, as_a_map, as_the_spec, spec_order
from archinspect.exporters.refusal import CannotExportError
from archinspect.graph.call import Call as OpCall
from archinspect.graph.call import TensorType

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from archinspect.base.shape import Shape
    from archinspect.exporters.orders import Order


def each_step(use: Use, table: Mapping[str, Any]) -> Step:
    """Return a layer applied to every step: to a batch of as many samples as there are steps in all.

    `table` has the translations of all operators.
    """
    op: Any = use.op
    inner = type(op.layer).__name__
    if len(use.orders) > 1 or inner not in table:
        raise CannotExportError(use.node.layer, f"TimeDistributed around {inner} of several inputs")
    shapes = [(shape[0] * shape[1], *shape[2:]) for shape in use.call.shapes]
    types = tuple(TensorType(shape, one.dtype) for shape, one in zip(shapes, use.call.inputs, strict=True))
    made = [(type_.shape[0] * type_.shape[1], *type_.shape[2:]) for type_ in use.call.outputs]
    outputs = tuple(TensorType(shape, one.dtype) for shape, one in zip(made, use.call.outputs, strict=True))
    entry = table[inner]
    if any(getattr(op.layer, name, None) for name in ("position_biases", "shared_position_biases", "masked", "window")):
        raise CannotExportError(use.node.layer, "TimeDistributed around attention with biases or a mask")
    there = tuple(spec_order(len(shape)) for shape in shapes)
    orders = entry.reads(op.layer, tuple(shapes), there)
    step = entry.translate(_Inner(use, OpCall(op.layer, types, outputs), orders))
    back = ""
    if orders[0] != there[0] and len(made[0]) == len(orders[0]):
        back = f".permute({', '.join(str(orders[0].index(axis)) for axis in there[0])})"
    if len(outputs) > 1:
        raise CannotExportError(use.node.layer, "TimeDistributed around a layer of several outputs")
    forward = f".permute({', '.join(map(str, orders[0]))})" if orders[0] != there[0] else ""
    pieces: list[Any] = []
    for piece in step.code:
        pieces += code(f"{{0}}.flatten(0, 1){forward}") if isinstance(piece, Given) else [piece]
    pieces = [*code("unfold_steps("), *pieces, *code(f"{back}, {{0}})")]
    return Step(tuple(pieces), step.module, stateless=False, parts=(*step.parts, "unfold_steps"))


class _Inner(Use):
    """A step's layer, at the place of the wrapper."""

    @property
    def op(self) -> Any:  # noqa: ANN401 - an operator
        """The layer that is wrapped."""
        return self.call.op

    def __new__(cls, use: Use, call_: OpCall, orders: Sequence[tuple[int, ...]]) -> Self:
        return super().__new__(cls, use.node, call_, tuple(orders), use.facts)


def as_the_layer(op: Any, shapes: tuple[Shape, ...], orders: tuple[Order, ...]) -> tuple[Order, ...]:  # noqa: ANN401 - an operator around another
    """Read the input as the layer inside does: a convolution, or one over features."""
    reads = as_a_map if hasattr(op.layer, "kernel_size") else as_the_spec
    return reads(op.layer, shapes, orders)


def made_kernel(use: Use, table: Callable[[], Mapping[str, Any]], name: str) -> Step:
    """Return a layer whose kernel PyTorch makes in each pass, by a function of `torch.nn.utils.parametrizations`."""
    op: Any = use.op
    inner = OpCall(op.layer, use.call.inputs, use.call.outputs)
    step: Step = table()[type(op.layer).__name__].translate(_Inner(use, inner, use.orders))
    if name == "standardized":
        options = {"gain": (op.gain, False), "gamma": (op.gamma, 1.0), "eps": (op.epsilon, 1e-6)}
        return step._replace(
            module=call(name, {"layer": step.module}, **options), parts=("StandardizedKernel", "standardized")
        )
    name_of = {"spectral_norm": ("n_power_iterations", 1), "weight_norm": ("dim", 0)}
    option, default = name_of[name]
    options = {option: (getattr(op, option), default)}
    module = call(f"nn.utils.parametrizations.{name}", {"module": step.module}, **options)
    return step._replace(module=module)
