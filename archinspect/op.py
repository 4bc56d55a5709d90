"""What an operator is: one small frozen class whose fields are its arguments and whose methods are its rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, NoReturn, Protocol, TypeAlias, cast

from archinspect.args import Arg, Choice, arg
from archinspect.diagnostics import suggest
from archinspect.shape import AXES, Mismatch, size

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from archinspect.graph import Tensor
    from archinspect.shape import Shape, Sliding
    from archinspect.source import Value

# Arguments of Keras and PyTorch that change neither shapes nor costs: accepted, and without effect.
WITHOUT_EFFECT = frozenset(
    [
        "activity_regularizer",
        "alpha_constraint",
        "alpha_initializer",
        "alpha_regularizer",
        "autocast",
        "beta_constraint",
        "beta_initializer",
        "beta_regularizer",
        "bias_constraint",
        "bias_initializer",
        "bias_regularizer",
        "data_format",
        "depthwise_constraint",
        "depthwise_initializer",
        "depthwise_regularizer",
        "device",
        "dtype",
        "gamma_constraint",
        "gamma_initializer",
        "gamma_regularizer",
        "init",
        "inplace",
        "kernel_constraint",
        "kernel_initializer",
        "kernel_regularizer",
        "moving_mean_initializer",
        "moving_variance_initializer",
        "noise_shape",
        "padding_mode",
        "pointwise_constraint",
        "pointwise_initializer",
        "pointwise_regularizer",
        "process_group",
        "seed",
        "synchronized",
    ]
)


FACTORS = ("alpha", "gamma")
"""Weights that multiply an element of the input each, not a sum of them."""

# Bytes an element. `float` is the type the network computes in, float32 unless a report is asked for another.
DTYPES = {
    **dict.fromkeys(("float64", "int64"), 8),
    **dict.fromkeys(("float", "float32", "int32"), 4),
    **dict.fromkeys(("float16", "bfloat16", "int16"), 2),
    **dict.fromkeys(("float8", "int8", "uint8", "bool"), 1),
}


class ArgumentError(Exception):
    """An argument that an operator does not know, needs, or cannot take; `arg` is its name in the spec."""

    def __init__(self, message: str, arg: str = "", help: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.arg = arg
        self.help = help


class Weight(NamedTuple):
    """A tensor that a layer keeps: learned (`parameter`) or gathered in training (a running statistic).

    Of the entries along its first axis one token uses `used`, all where None.
    """

    shape: Shape
    parameter: bool = True
    used: int | None = None

    @property
    def active_shape(self) -> Shape:
        """The shape of the part that one token uses."""
        return self.shape if self.used is None else (self.used, *self.shape[1:])


class Work(NamedTuple):
    """Arithmetic of one forward pass: multiply-accumulates, and every operation that is none."""

    macs: int = 0
    other: int = 0

    @property
    def flops(self) -> int:
        """2 for a multiply-accumulate, 1 for any other operation."""
        return 2 * self.macs + self.other


class Backward(NamedTuple):
    """Arithmetic of one backward pass through a node, of the gradients that are wanted and of no others."""

    inputs: Work = Work()
    """Gradients of the inputs, and of what is computed within, such as the states of a recurrence."""
    weights: Work = Work()
    """Gradients of the node's own weights."""


class Reach(NamedTuple):
    """How an output position reads one axis of the input: `extent` positions in a row, `stride` on from its neighbour.

    The first starts `before` positions ahead of the input. With `up`, as in a transposed convolution, it is the other
    way round: an input position spreads over `extent` output positions, `up` on from its neighbour.
    """

    extent: int = 1
    stride: int = 1
    before: int = 0
    up: int = 0


Elements: TypeAlias = tuple[tuple[str, int], ...]
"""Tensors by data type and number of elements; `float` is the type the network computes in."""


class Run(NamedTuple):
    """How a node runs: what the rules of memory depend on beside shapes."""

    inputs: tuple[bool, ...]
    """Of each input, whether backward needs its gradient."""
    weights: bool = True
    """Whether backward needs the gradients of the node's own weights."""
    in_place: bool = False
    """Whether the output overwrites the first input."""
    attention: str = "fused"
    """How attention is computed: one of :data:`ATTENTION`."""


# Attention as a kernel that holds no scores; as PyTorch's function without such a kernel, which scales copies of
# queries and keys; and as two matrix products and a softmax.
ATTENTION = ("fused", "math", "eager")


class Kept(NamedTuple):
    """What backward keeps of a node: inputs by their number, the output, further tensors."""

    inputs: tuple[int, ...] = ()
    output: bool = False
    extra: Elements = ()


class View(NamedTuple):
    """An output that lies in the storage of the first input."""

    strided: bool = False
    """Whether it leaves elements out or has them in another order."""
    in_order: bool = False
    """Whether it can only be one of an input that does neither, and else is a copy."""


class Emit(Protocol):
    """Adds an operator to the graph under construction and returns its output."""

    def __call__(self, op: Op, inputs: Sequence[Tensor]) -> Tensor:
        """Add `op`, reading `inputs`."""


class Op:
    """Base of all operators.

    A subclass declares its arguments with :func:`archinspect.args.arg` and overrides the rules.
    Shapes have the batch first. Instances are frozen.
    """

    args: ClassVar[dict[str, Arg]] = {}
    names: ClassVar[dict[str, str]] = {}
    """Every accepted spelling of an argument and the argument's own name."""
    aliases: ClassVar[tuple[str, ...]] = ()
    """The operator's names in other frameworks."""
    rank: ClassVar[int] = 0
    """Spatial axes, for operators that have them."""
    inputs: ClassVar[tuple[int, int | None]] = (1, 1)
    """How many inputs it takes: at least, at most (None: any number)."""
    main: ClassVar[str | None] = None
    """The argument that a bare value means, `Dense: 10`; the first one unless said, none if empty."""
    ignores: ClassVar[tuple[str, ...]] = ()
    """Further arguments of its namesakes in other frameworks that change neither shapes nor costs."""
    kind: ClassVar[str] = "other"
    """What it is to a reader: convolution, dense, pooling, normalization, activation, attention, merge, ..., other."""
    pointwise: ClassVar[bool] = False
    """Whether an output position reads just its own. Normalisations count as such: their statistics see no places."""
    reads: ClassVar[int | None] = None
    """How many of its inputs it reads, the first ones; the others only lend it their shape. None: all."""
    activation: Op | None = None
    in_place: bool = False
    """Whether it overwrites its input where nothing else reads that."""

    def __init_subclass__(cls) -> None:
        own = {name: value for name, value in vars(cls).items() if isinstance(value, Arg)}
        inherited = {name: value for name, value in cls.args.items() if name not in own}
        # An attribute that a subclass sets to a plain value is no argument of the subclass any more.
        inherited = {name: value for name, value in inherited.items() if getattr(cls, name) is value}
        # What a spec must give comes first, so that it leads the reference and is what a bare value means.
        cls.args = dict(sorted((own | inherited).items(), key=lambda item: not item[1].required))
        cls.names = {name: name for name in cls.args}
        for argument in cls.args.values():
            for alias in argument.aliases:
                cls.names.setdefault(alias, argument.name)

    def __init__(self, **values: Value | Op) -> None:
        fields = vars(self)
        for spelling, value in values.items():
            name = self.names.get(spelling)
            if name is None:
                if spelling in WITHOUT_EFFECT or spelling in self.ignores:
                    continue
                raise ArgumentError(
                    f"{type(self).__name__}: unknown argument '{spelling}'", spelling, suggest(spelling, self.args)
                )
            if name in fields:
                raise ArgumentError(f"{type(self).__name__}: '{name}' is given twice", spelling)
            fields[name] = self._convert(self.args[name], spelling, value)
        for name, argument in self.args.items():
            if name not in fields:
                if argument.required:
                    help_ = f"{name} takes {argument.kind.describe(type(self))}: {argument.doc}"
                    raise ArgumentError(f"{type(self).__name__}: '{name}' is missing", "", help_)
                fields[name] = self.default(name)
        self.check()

    @classmethod
    def main_arg(cls) -> str | None:
        """Return the argument that a bare value means, None where there is none."""
        return next(iter(cls.args), None) if cls.main is None else cls.main or None

    @classmethod
    def default(cls, name: str) -> object:
        """Return an argument's default in the form that the rules use."""
        argument = cls.args[name]
        return None if argument.default is None else argument.kind.convert(cast("Value", argument.default), cls)

    def _convert(self, argument: Arg, spelling: str, value: Value | Op) -> object:
        if isinstance(value, Op):
            return value
        try:
            return argument.kind.convert(value, type(self))
        except ValueError as error:
            message = f"{type(self).__name__}: {spelling} must be {error}, not {show(value)}"
            raise ArgumentError(message, spelling) from None

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is frozen")

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in self.given().items())
        return f"{type(self).__name__}({given})"

    def given(self) -> dict[str, object]:
        """Return the arguments that differ from their defaults."""
        return {
            name: getattr(self, name)
            for name, argument in self.args.items()
            if name != "data_format" and (argument.required or getattr(self, name) != self.default(name))
        }

    def check(self) -> None:
        """Raise :class:`ArgumentError` for arguments that do not go together."""

    def build(self, emit: Emit, inputs: Sequence[Tensor]) -> Tensor:
        """Add this layer to a graph: itself and its activation, or the several operators it stands for."""
        output = emit(self, inputs)
        return emit(self.activation, [output]) if self.activation else output

    # The rules. A rule that cannot take its input's shapes raises Mismatch.

    def output(self, *shapes: Shape) -> Shape:
        """Return the output's shape."""
        raise NotImplementedError

    def output_dtype(self, *dtypes: str) -> str:
        """Return the output's data type: `float` is the one the network computes in."""
        return dtypes[0]

    def weights(self, *shapes: Shape) -> Mapping[str, Weight]:
        """Return the weights by name."""
        del shapes
        return {}

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        """Return the arithmetic of one forward pass."""
        del shapes, output
        return Work()

    def backward(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Backward:
        """Return the arithmetic of one backward pass; docs/counting.md says the rules.

        By default the gradient of each input costs what the forward pass does, as in a product of two. That of a weight
        that is added costs an addition for each output element, that of one that multiplies a product besides.
        """
        macs, other = self.work(shapes, output)
        wanted = sum(run.inputs)
        summed = sum(1 + (name in FACTORS) for name, weight in self.weights(*shapes).items() if weight.parameter)
        return Backward(Work(wanted * macs, wanted * other), Work(other=run.weights * summed * size(output)))

    def weights_read(self, shapes: Sequence[Shape], output: Shape) -> int:
        """Return how many elements of its weights a forward pass reads."""
        del output
        return sum(size(weight.shape) for weight in self.weights(*shapes).values())

    def reach(self, *shapes: Shape) -> tuple[Reach, ...] | None:
        """Return what an output position reads, an entry a spatial axis.

        Empty: its own position. None: all positions, or axes that are no places any more.
        """
        del shapes
        return () if self.pointwise else None

    # The rules of memory are PyTorch's; docs/counting.md says how they are put together.

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        """Return what backward keeps where it passes this node; weights are none of it."""
        del shapes, output, run
        return Kept()

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        """Return the most that a forward pass without gradients holds at once beside inputs and output."""
        del shapes, output, run
        return ()

    def view(self, *, training: bool) -> View | None:
        """Return how the output lies in the first input's storage; None where it is a tensor of its own."""
        del training
        return None

    def stored(self, shapes: Sequence[Shape], output: Shape) -> int:
        """Return the elements of the storage that the output lies in."""
        del shapes
        return size(output)

    def made_together(self) -> tuple[int, ...]:
        """Return the inputs, by number, that one product makes and that lie in one storage."""
        return ()

    def probabilities(self, shapes: Sequence[Shape], attention: str) -> Shape | None:
        """Return the shape of what a softmax makes within it, where programs give that a name; None for others."""
        del shapes, attention
        return None

    def cached(self, *shapes: Shape) -> int:
        """Return the elements for each step and sample that a decoder caches while it generates step by step."""
        del shapes
        return 0

    def unknown(self) -> tuple[str, ...]:
        """Return the figures that it cannot tell: some of `params`, `macs`, `flops`; they count as nothing."""
        return ()

    def label(self) -> str:
        """Return a few words for a picture, such as `3x3 conv, 64`."""
        return type(self).__name__


def product_backward(work: Work, run: Run) -> Backward:
    """Return the arithmetic of backward through a product with a kernel whose other operations add a bias."""
    macs, other = work
    return Backward(Work(run.inputs[0] * macs), Work(run.weights * macs, run.weights * other))


def data_format_arg() -> Any:  # noqa: ANN401 - as archinspect.args.arg
    """Declare `data_format`, for operators that have to know which axis holds the channels."""
    formats = Choice("channels_last", "channels_first")
    return arg("where the channels stand; the spec's layout by default", formats, "channels_last")


class Spatial(Op):
    """An operator over `rank` spatial axes and one channel axis, whose place the data format tells."""

    data_format: str = data_format_arg()

    def split(self, shape: Shape) -> tuple[Shape, int]:
        """Return the spatial dimensions and the channels; raise :class:`Mismatch` for another rank."""
        if len(shape) != self.rank + 2:
            given, axes = len(shape) - 1, ", ".join(map(str, shape[1:]))
            raise Mismatch(
                f"needs an input of {self.rank + 1} axes ({self._axes()}), got {given}: [{axes}]",
                help="the batch is not counted; `Reshape` or `Flatten` change the number of axes",
            )
        if self.data_format == "channels_first":
            return shape[2:], shape[1]
        return shape[1:-1], shape[-1]

    def join(self, batch: int, spatial: Sequence[int], channels: int) -> Shape:
        """Return the shape with these dimensions; the inverse of :meth:`split`."""
        if self.data_format == "channels_first":
            return (batch, channels, *spatial)
        return (batch, *spatial, channels)

    def _axes(self) -> str:
        spatial = ("steps",) if self.rank == 1 else AXES[-self.rank :]
        axes = ("channels", *spatial) if self.data_format == "channels_first" else (*spatial, "channels")
        return ", ".join(axes)


class Windowed(Spatial):
    """A spatial operator that moves a window over its input."""

    combines: ClassVar[str] = "sum"
    """What becomes of the window's numbers: their weighted `sum`, the `max` of them, their `mean`; empty for others."""

    def members(self, channel: int, channels: int) -> Iterator[tuple[int, tuple[int, ...]]]:
        """Yield the input channels that an output channel reads, each with its place in the kernel's last axes."""
        del channels
        yield channel, ()

    def reads_padding(self) -> bool:
        """Return whether positions in the padding count, as zeros."""
        return True

    def sliding(self, lengths: Shape) -> Sliding:
        """Return how the window moves over spatial axes of these lengths."""
        raise NotImplementedError

    def reach(self, *shapes: Shape) -> tuple[Reach, ...] | None:
        """Return the window's reach along every spatial axis."""
        how = self.sliding(self.split(shapes[0])[0])
        return tuple(
            Reach(window, step, pad[0]) for window, step, pad in zip(how.windows, how.strides, how.pads, strict=True)
        )

    def axis_names(self) -> Sequence[str]:
        """Return what messages call the axes."""
        return AXES[-self.rank :] if self.rank > 1 else ("length",)


def channel_axis(shape: Shape, data_format: str) -> int:
    """Return where the channels stand in a shape of any rank."""
    return 1 if data_format == "channels_first" else len(shape) - 1


def times(sizes: Sequence[int]) -> str:
    """Write sizes as people do: `3x3`."""
    return "x".join(map(str, sizes))


def show(value: object) -> str:
    """Write a value of a spec as the file would, shortened."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    text = f"'{value}'" if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."  # noqa: PLR2004 - a line's worth


def plain(value: object) -> object:
    """Return an argument's value as JSON can hold it."""
    if isinstance(value, Op):
        return repr(value).removesuffix("()")
    return [plain(item) for item in value] if isinstance(value, tuple) else value
