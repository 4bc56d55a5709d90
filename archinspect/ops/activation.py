"""Activations: elementwise functions, and those that normalise along an axis.

FLOPs: one for every operation of the formula in the class's docstring, a function such as exp or
tanh counting as one operation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from archinspect.args import Bool, Choice, Float, Int, Ints, Kind, Optional, arg
from archinspect.op import ArgumentError, Op, Weight, Work, channel_axis, data_format_arg
from archinspect.shape import Mismatch, normal_axis, size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.graph import Tensor
    from archinspect.op import Emit
    from archinspect.shape import Shape
    from archinspect.source import Value


class Elementwise(Op):
    """A function of every element by itself."""

    kind = "activation"
    operations: ClassVar[int] = 1
    """Arithmetic operations for an element."""

    def output(self, *shapes: Shape) -> Shape:
        return shapes[0]

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        del shapes
        return Work(other=self.operations * size(output))


class ReLU(Elementwise):
    """`max(x, 0)`; with the other arguments also a slope below and a bound above. 1 operation."""

    max_value: float | None = arg("upper bound", Optional(Float(0)), None)
    negative_slope: float = arg("slope below the threshold", Float(), 0.0)
    threshold: float = arg("where the slope changes", Float(), 0.0)


class ReLU6(Elementwise):
    """`min(max(x, 0), 6)` (Howard et al. 2017, arXiv:1704.04861). 2 operations."""

    operations = 2


class LeakyReLU(Elementwise):
    """`x if x > 0 else slope * x`. 2 operations."""

    operations = 2
    negative_slope: float = arg("slope below zero", Float(), 0.3, aliases=("alpha",))


class PReLU(Elementwise):
    """`x if x > 0 else alpha * x` with learned alpha (He et al. 2015, arXiv:1502.01852). 2 operations.

    As in Keras, alpha has one value an element of a sample, shared along `shared_axes`; with
    `num_parameters`, as in PyTorch, it has that many: 1, or one a channel.
    """

    operations = 2
    shared_axes: tuple[int, ...] | None = arg("axes along which alpha is shared, 1 the first", Optional(Ints(1)), None)
    num_parameters: int | None = arg("values of alpha", Optional(Int(1)), None)

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        if self.num_parameters:
            return {"alpha": Weight((self.num_parameters,))}
        shared = [normal_axis(axis, len(shapes[0]), "shared_axes") for axis in self.shared_axes or ()]
        return {"alpha": Weight(tuple(1 if i in shared else d for i, d in enumerate(shapes[0]) if i))}


class ThresholdedReLU(Elementwise):
    """`x if x > theta else 0`. 1 operation."""

    theta: float = arg("threshold", Float(), 1.0)


class ELU(Elementwise):
    """`x if x > 0 else alpha * (exp(x) - 1)` (Clevert et al. 2015, arXiv:1511.07289). 4 operations."""

    operations = 4
    alpha: float = arg("scale below zero", Float(), 1.0)


class SELU(Elementwise):
    """`scale * ELU(x)` with fixed constants (Klambauer et al. 2017, arXiv:1706.02515). 5 operations."""

    operations = 5


class CELU(Elementwise):
    """`max(x, 0) + min(0, alpha * (exp(x / alpha) - 1))` (Barron 2017, arXiv:1704.07483). 7 operations."""

    operations = 7
    alpha: float = arg("scale below zero", Float(), 1.0)


class GELU(Elementwise):
    """`x / 2 * (1 + erf(x / sqrt 2))` (Hendrycks & Gimpel 2016, arXiv:1606.08415). 5 operations; 8 as tanh."""

    approximate: str | bool = arg("the form by tanh", Choice(False, True, "none", "tanh"), default=False)

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        del shapes
        return Work(other=(8 if self.approximate in (True, "tanh") else 5) * size(output))


class SiLU(Elementwise):
    """`x / (1 + exp(-x))`, also called swish (Ramachandran et al. 2017, arXiv:1710.05941). 4 operations."""

    operations = 4
    aliases = ("Swish",)


class Sigmoid(Elementwise):
    """`1 / (1 + exp(-x))`. 4 operations."""

    operations = 4


class LogSigmoid(Elementwise):
    """`-log(1 + exp(-x))`. 5 operations."""

    operations = 5


class Tanh(Elementwise):
    """`tanh(x)`. 1 operation."""


class Softplus(Elementwise):
    """`log(1 + exp(x))`. 3 operations."""

    operations = 3


class Softsign(Elementwise):
    """`x / (1 + |x|)`. 3 operations."""

    operations = 3


class Mish(Elementwise):
    """`x * tanh(softplus(x))` (Misra 2019, arXiv:1908.08681). 5 operations."""

    operations = 5


class Exponential(Elementwise):
    """`exp(x)`. 1 operation."""

    aliases = ("Exp",)


class HardSigmoid(Elementwise):
    """`min(max(x + 3, 0), 6) / 6`. 4 operations."""

    operations = 4


class HardSwish(Elementwise):
    """`x * HardSigmoid(x)` (Howard et al. 2019, arXiv:1905.02244). 5 operations."""

    operations = 5
    aliases = ("HardSiLU",)


class HardTanh(Elementwise):
    """`min(max(x, low), high)`. 2 operations."""

    operations = 2
    min_val: float = arg("lower bound", Float(), -1.0)
    max_val: float = arg("upper bound", Float(), 1.0)


class HardShrink(Elementwise):
    """`x if |x| > lambd else 0`. 2 operations."""

    operations = 2
    lambd: float = arg("threshold", Float(0), 0.5)


class SoftShrink(Elementwise):
    """`sign(x) * max(|x| - lambd, 0)`. 4 operations."""

    operations = 4
    lambd: float = arg("threshold", Float(0), 0.5)


class TanhShrink(Elementwise):
    """`x - tanh(x)`. 2 operations."""

    operations = 2


class _AlongAxis(Elementwise):
    """A function of all elements along an axis."""

    axis: int = arg("the axis that it normalises", Int(), -1, aliases=("dim",))

    def output(self, *shapes: Shape) -> Shape:
        normal_axis(self.axis, len(shapes[0]))
        return shapes[0]


class Softmax(_AlongAxis):
    """`exp(x - max x) / sum exp(x - max x)` along an axis. 5 operations: max, difference, exp, sum, quotient."""

    operations = 5


class LogSoftmax(_AlongAxis):
    """`x - max x - log sum exp(x - max x)` along an axis. 5 operations: max, difference, exp, sum, difference."""

    operations = 5


class GLU(Op):
    """`a * sigmoid(b)` of the two halves along an axis (Dauphin et al. 2016, arXiv:1612.08083).

    5 operations an output element. The axis is the channels' unless given.
    """

    kind = "activation"
    axis: int | None = arg("the axis that is halved", Optional(Int()), None, aliases=("dim",))
    data_format: str = data_format_arg()

    def output(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        given = channel_axis(shape, self.data_format) if self.axis is None else self.axis
        axis = normal_axis(given, len(shape))
        if shape[axis] % 2:
            raise Mismatch(f"halves axis {axis}, whose size {shape[axis]} is odd", arg="axis")
        return (*shape[:axis], shape[axis] // 2, *shape[axis + 1 :])

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        del shapes
        return Work(other=5 * size(output))


_BY_NAME: dict[str, type[Op]] = {
    name.lower(): op
    for op in (
        *(CELU, ELU, Exponential, GELU, GLU, HardShrink, HardSigmoid, HardSwish, HardTanh, LeakyReLU),
        *(LogSigmoid, LogSoftmax, Mish, PReLU, ReLU, ReLU6, SELU, Sigmoid, SiLU, Softmax, SoftShrink),
        *(Softplus, Softsign, Tanh, TanhShrink, ThresholdedReLU),
    )
    for name in (op.__name__, *op.aliases)
}
_NONE = ("linear", "none", "identity")


class ActivationKind(Kind):
    """An activation by name, `relu`, or with arguments, `{LeakyReLU: {negative_slope: 0.1}}`; null for none."""

    expected = "the name of an activation"

    def convert(self, value: Value, op: type[Op]) -> Op | None:
        """Return the activation's operator, or None for `linear`."""
        del op
        arguments: dict[str, Value] = {}
        if isinstance(value, dict) and len(value) == 1:
            ((value, given),) = value.items()
            arguments = given if isinstance(given, dict) else {}
        if value is None:
            return None
        if not isinstance(value, str):
            raise ValueError(self.expected)  # noqa: TRY004 - one exception says every misfit
        name = value.rpartition(".")[2].lower().replace("_", "")
        if name in _NONE:
            return None
        if name not in _BY_NAME:
            from archinspect.diagnostics import suggest  # noqa: PLC0415 - the error path only

            raise ValueError(f"{self.expected} ({suggest(value, sorted({o.__name__ for o in _BY_NAME.values()}))})")
        try:
            return _shared(_BY_NAME[name]) if not arguments else _BY_NAME[name](**arguments)
        except ArgumentError as error:
            raise ValueError(f"{self.expected}: {error.message}") from None


_INSTANCES: dict[type[Op], Op] = {}


def _shared(op: type[Op]) -> Op:
    """Return one instance for all uses without arguments, so that inference can know them as the same."""
    if op not in _INSTANCES:
        _INSTANCES[op] = op()
    return _INSTANCES[op]


def activation_arg() -> Any:  # noqa: ANN401 - as archinspect.args.arg
    """Declare `activation`, which every layer with a kernel may have."""
    return arg("applied to the output", ActivationKind(), None)


class Activation(Op):
    """An activation by its name, as in Keras: `Activation: relu`."""

    kind = "activation"
    activation: Op | None = arg("the function's name", ActivationKind())

    def build(self, emit: Emit, inputs: Sequence[Tensor]) -> Tensor:
        return emit(self.activation, inputs) if self.activation else inputs[0]
