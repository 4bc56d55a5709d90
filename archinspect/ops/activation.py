"""Activations: elementwise functions, and those that normalize along an axis.

FLOPs: one for every operation of the formula in the class's docstring; a function such as exp or tanh counts as one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.base.diagnostics import Near
from archinspect.base.shape import Mismatch, normal_axes, normal_axis, size, text
from archinspect.base.strides import copied
from archinspect.ops import FAMILIES
from archinspect.ops.args import Bool, Choice, Float, Int, Ints, Kind, Optional, arg
from archinspect.ops.axes import numbered
from archinspect.ops.base import Op, make_argument
from archinspect.ops.declared import ArgumentError
from archinspect.ops.elements import OVERWRITE, AlongAxis, Elementwise, Overwriting
from archinspect.ops.figures import Kept, Weight, Work

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape
    from archinspect.base.source import Value
    from archinspect.ops.base import Emit, T
    from archinspect.ops.figures import Elements, Run


class ReLU(Overwriting):
    """`max(x, 0)`; with the other arguments also a slope below and a bound above.

    FLOPs: 1 per element, 1 per element for a bound, 1 per element for a slope.
    """

    main = "max_value"
    max_value: float | None = arg("upper bound", Optional(Float(0)), None)
    negative_slope: float = arg("slope below the threshold", Float(), 0.0)
    threshold: float = arg("where the slope changes", Float(), 0.0)

    @property
    def gives_floats(self) -> bool:  # type: ignore[override] # fixed for other operators
        """Whether it makes numbers with fractions of integers, as its arguments may be."""
        return self.max_value is not None or bool(self.negative_slope or self.threshold)

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work(other=(1 + (self.max_value is not None) + (self.negative_slope != 0)) * size(output))

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        bounded = self.max_value is not None
        if self._in_steps:  # where it is on which side of the threshold; what is bounded then
            return Kept(extra=(("bool", size(output)), ("float", size(output) * bounded)))
        from_output = not bounded and not self.threshold and (not self.negative_slope or run.in_place)
        return Kept(outputs=(0,)) if from_output else Kept((0,))

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        if not self._in_steps:
            return ()
        # Where it is above the threshold, how far it is below; then that times the slope.
        return (("bool", size(output)), ("float", size(output)))

    @property
    def overwrites(self) -> bool:
        return self.in_place and not self._in_steps

    @property
    def _in_steps(self) -> bool:
        """Whether it has two or more of bound, slope and threshold, for which PyTorch has no function."""
        return (self.max_value is not None) + (self.negative_slope != 0) + (self.threshold != 0) > 1


class ReLU6(Overwriting):
    """`min(max(x, 0), 6)` (Howard et al. 2017, arXiv:1704.04861). FLOPs: 2 per element."""

    operations = 2


class LeakyReLU(Overwriting):
    """`x if x > 0 else slope * x`. FLOPs: 2 per element."""

    main = "negative_slope"
    operations = 2
    negative_slope: float = arg("slope below zero", Float(), 0.3, aliases=("alpha",))

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        return Kept(outputs=(0,)) if run.in_place else Kept((0,))


class PReLU(Elementwise):
    """`x if x > 0 else alpha * x` with learned alpha (He et al. 2015, arXiv:1502.01852). FLOPs: 2 per element.

    As in Keras, alpha has one value per element of a sample, shared along `shared_axes`; with
    `num_parameters`, as in PyTorch, it has that many: 1, or one per channel. (PyTorch's default of 1 has to be
    written, since the layer is called the same in both.)
    """

    operations = 2
    shared_axes: tuple[int, ...] | None = arg("axes along which alpha is shared, 1 the first", Optional(Ints(1)), None)
    num_parameters: int | None = arg("values of alpha", Optional(Int(1)), None)

    def own_strides(self, shapes: Sequence[Shape], strides: Sequence[Shape | None], output: Shape) -> Shape | None:
        return None if self._of_all(shapes[0]) else super().own_strides(shapes, strides, output)

    def output(self, *shapes: Shape) -> Shape:
        self.weights(*shapes)
        return shapes[0]

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        if self.num_parameters:
            # Where the channels stand an activation cannot know; they are the first axis or the last.
            if self.num_parameters not in (1, *shapes[0][1:2], *shapes[0][-1:]):
                message = f"num_parameters is {self.num_parameters}, neither 1 nor the channels of {text(shapes[0])}"
                raise Mismatch(message, args=("num_parameters",))
            return {"alpha": Weight((self.num_parameters,), ("channels",))}
        shared = normal_axes(self.shared_axes or (), len(shapes[0]), "shared_axes")
        axes = numbered(range(1, len(shapes[0])))
        return {"alpha": Weight(tuple(1 if i in shared else d for i, d in enumerate(shapes[0]) if i), axes)}

    def axis_flow(self, *shapes: Shape) -> str:
        return "" if self.shared_axes else super().axis_flow(*shapes)

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        (shape,) = shapes
        if self._of_all(shape):
            copied = self._copied(shape, run)
            return Kept(extra=(("float", copied),)) if copied else Kept((0,))
        if self._wide(shape) <= 1:
            return Kept((0,))
        return Kept((0,) if run.weights else (), extra=(("bool", size(output)),))  # which of two is chosen

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        if self._of_all(output):
            return (("float", self._copied(output, run)),)
        if self._wide(output) <= 1:
            return ()
        return (("bool", size(output)), ("float", size(output)))  # which are negative, and all of them scaled

    def _copied(self, shape: Shape, run: Run) -> int:
        """Return the elements of a copy: all of a sample's are put side by side, which they may not be in memory."""
        return copied(shape, run.strides, (shape[0], size(shape[1:])))

    def _wide(self, shape: Shape) -> int:
        """Return how many axes slopes differ along: of several PyTorch has no kernel, and a program chooses."""
        return sum(count != 1 for count in self.weights(shape)["alpha"].shape)

    def _of_all(self, shape: Shape) -> bool:
        """Return whether each element of a sample has a slope, along several axes."""
        return size(self.weights(shape)["alpha"].shape) == size(shape[1:]) and self._wide(shape) > 1


class ThresholdedReLU(Elementwise):
    """`x if x > theta else value`. FLOPs: 1 per element."""

    aliases = ("Threshold",)
    theta: float = arg("threshold", Float(), 1.0, aliases=("threshold",))
    value: float = arg("the output below it", Float(), 0.0)


class ELU(Elementwise):
    """`x if x > 0 else alpha * (exp(x) - 1)` (Clevert et al. 2015, arXiv:1511.07289). FLOPs: 4 per element."""

    main = "alpha"
    operations = 4
    in_place: bool = arg(OVERWRITE, Bool(), default=False, aliases=("inplace",))
    alpha: float = arg("scale below zero", Float(), 1.0)

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        return Kept(outputs=(0,)) if run.in_place else Kept((0,))


class SELU(Elementwise):
    """`scale * ELU(x)` with fixed constants (Klambauer et al. 2017, arXiv:1706.02515). FLOPs: 5 per element."""

    operations = 5


class CELU(Elementwise):
    """`max(x, 0) + min(0, alpha * (exp(x / alpha) - 1))` (Barron 2017, arXiv:1704.07483). FLOPs: 7 per element."""

    operations = 7
    alpha: float = arg("scale below zero", Float(), 1.0)


class GELU(Elementwise):
    """`x / 2 * (1 + erf(x / sqrt 2))` (Hendrycks & Gimpel 2016, arXiv:1606.08415). FLOPs: 5 per element.

    With `approximate` `x / 2 * (1 + tanh(0.798 * (x + 0.0447 * x ** 3)))`. FLOPs with it: 8 per element.
    """

    approximate: str | bool = arg("the form by tanh", Choice(False, True, "none", "tanh"), default=False)

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work(other=(8 if self.approximate in (True, "tanh") else 5) * size(output))


class QuickGELU(Elementwise):
    """`x / (1 + exp(-1.702 * x))`, GELU by a sigmoid (Hendrycks & Gimpel 2016). FLOPs: 4 per element."""

    operations = 4

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        return Kept((0,), extra=(("float", size(output)),))  # the sigmoid

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        return self.kept(shapes, output, run).extra


class SiLU(Overwriting):
    """`x / (1 + exp(-x))`, also called swish (Ramachandran et al. 2017, arXiv:1710.05941). FLOPs: 4 per element."""

    operations = 4
    aliases = ("Swish",)


class Sigmoid(Elementwise):
    """`1 / (1 + exp(-x))`. FLOPs: 4 per element."""

    promotes = True
    operations = 4
    from_output = True


class LogSigmoid(Elementwise):
    """`-log(1 + exp(-x))`. FLOPs: 5 per element."""

    operations = 5

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        return Kept((0,), extra=(("float", size(output)),))  # exp(-|x|)

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        return self.kept(shapes, output, run).extra


class Tanh(Elementwise):
    """`tanh(x)`. FLOPs: 1 per element."""

    promotes = True
    from_output = True


class Softplus(Elementwise):
    """`log(1 + exp(x))`; with beta `log(1 + exp(beta * x)) / beta`.

    FLOPs: 3 per element. FLOPs with beta: 5 per element.
    """

    beta: float = arg("steepness", Float(), 1.0)
    threshold: float = arg("where PyTorch becomes linear; without effect on costs", Float(), 20.0)

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work(other=(3 if self.beta == 1 else 5) * size(output))


class Softsign(Elementwise):
    """`x / (1 + |x|)`. FLOPs: 3 per element."""

    operations = 3

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        return Kept((0,), extra=(("float", size(output)),))  # 1 + |x|

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        return self.kept(shapes, output, run).extra


class Mish(Elementwise):
    """`x * tanh(softplus(x))` (Misra 2019, arXiv:1908.08681). FLOPs: 5 per element."""

    operations = 5


class Exponential(Elementwise):
    """`exp(x)`. FLOPs: 1 per element."""

    promotes = True
    from_output = True
    aliases = ("Exp",)


class HardSigmoid(Elementwise):
    """`min(max(x + 3, 0), 6) / 6`. FLOPs: 4 per element."""

    operations = 4


class HardSwish(Overwriting):
    """`x * HardSigmoid(x)` (Howard et al. 2019, arXiv:1905.02244). FLOPs: 5 per element."""

    operations = 5
    aliases = ("HardSiLU",)


class HardTanh(Elementwise):
    """`min(max(x, low), high)`. FLOPs: 2 per element."""

    operations = 2
    min_val: float = arg("lower bound", Float(), -1.0, aliases=("min_value",))
    max_val: float = arg("upper bound", Float(), 1.0, aliases=("max_value",))

    def check(self) -> None:
        if self.min_val >= self.max_val:
            raise ArgumentError(f"HardTanh: min_val {self.min_val:g} must be below max_val {self.max_val:g}", "min_val")


class HardShrink(Elementwise):
    """`x if |x| > lambd else 0`. FLOPs: 2 per element."""

    operations = 2
    lambd: float = arg("threshold", Float(0), 0.5)


class SoftShrink(Elementwise):
    """`sign(x) * max(|x| - lambd, 0)`. FLOPs: 5 per element."""

    operations = 5
    lambd: float = arg("threshold", Float(0), 0.5)


class TanhShrink(Elementwise):
    """`x - tanh(x)`. FLOPs: 2 per element."""

    operations = 2

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        return Kept(extra=(("float", size(output)),))  # tanh(x)

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        return self.kept(shapes, output, run).extra


class Softmax(AlongAxis):
    """`exp(x - max x) / sum exp(x - max x)` along an axis.

    FLOPs: 5 per element (max, difference, exp, sum, quotient).
    """

    operations = 5
    aliases = ("Softmax2d",)


class LogSoftmax(AlongAxis):
    """`x - max x - log sum exp(x - max x)` along an axis.

    FLOPs: 5 per element (max, difference, exp, sum, difference).
    """

    operations = 5


class GLU(Op):
    """`a * sigmoid(b)` of the two halves along an axis (Dauphin et al. 2016, arXiv:1612.08083).

    FLOPs: 5 per output element. The axis is the last unless given, as in Keras and PyTorch; in a network with
    the channels first the channels are halved by `axis: 1`.
    """

    kind = "activation"
    gives_floats = True
    memory_order = "kept"
    axis: int = arg("the axis that is halved", Int(), -1, aliases=("dim",))

    def output(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        axis = normal_axis(self.axis, len(shape))
        if shape[axis] % 2:
            raise Mismatch(f"halves axis {axis}, whose size {shape[axis]} is odd", args=("axis",))
        return (*shape[:axis], shape[axis] // 2, *shape[axis + 1 :])

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work(other=5 * size(output))

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        return Kept((0,))


_FUNCTIONS: list[type[Op]] = [globals()[name] for name in FAMILIES["activation"] if name != "Activation"]
_BY_NAME: dict[str, type[Op]] = {name.lower(): op for op in _FUNCTIONS for name in (op.__name__, *op.aliases)}
_NONE = ("linear", "none", "identity")


class ActivationKind(Kind):
    """An activation by name, `relu`, or with arguments, `{LeakyReLU: {negative_slope: 0.1}}`; null for none."""

    expected = "the name of an activation"

    def convert(self, value: Value, rank: int = 0) -> Op | None:
        """Return the activation's operator, or None for `linear`."""
        given: Value = None
        if isinstance(value, dict) and len(value) == 1:
            ((value, given),) = value.items()
        if value is None:
            return None
        if not isinstance(value, str):
            raise ValueError(self.expected)
        name = value.rpartition(".")[2].lower().replace("_", "")
        if name in _NONE:
            return None
        if name not in _BY_NAME:
            found = Near(value, sorted(function.__name__ for function in _FUNCTIONS))
            raise ArgumentError(f"unknown activation '{value}'", value, near=found)
        function = _BY_NAME[name]
        if given is None:
            return _shared(function)
        return make_argument(function, value, given)


_INSTANCES: dict[type[Op], Op] = {}


def _shared(op: type[Op]) -> Op:
    """Return one instance for all uses without arguments, so that inference can know them as the same."""
    if op not in _INSTANCES:
        _INSTANCES[op] = op()
    return _INSTANCES[op]


def activation_arg() -> Any:  # noqa: ANN401 - as archinspect.ops.args.arg
    """Declare `activation`, which every layer with a kernel may have."""
    return arg("applied to the output", ActivationKind(), None)


class Activation(Op):
    """An activation by its name, as in Keras: `Activation: relu`. FLOPs are those of the activation that it names."""

    kind = "activation"
    activation: Op | None = arg("the function's name", ActivationKind())

    def build(self, emit: Emit[T], inputs: Sequence[T]) -> tuple[T, ...]:
        return emit(self.activation, inputs) if self.activation else tuple(inputs[:1])
