"""What an operator is: one small frozen class whose fields are its arguments and whose methods are its rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NoReturn, Protocol, Self, TypeVar, cast

from archinspect.base.diagnostics import MAX_LOOKUPS, Near, show
from archinspect.base.shape import size
from archinspect.base.strides import dense, of_map
from archinspect.ops.args import Arg
from archinspect.ops.computed import Computed
from archinspect.ops.figures import Backward, Kept, Work
from archinspect.ops.modules import find_module, module_arguments

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from archinspect.base.codes import Code
    from archinspect.base.shape import Shape
    from archinspect.base.source import Value
    from archinspect.ops.figures import Elements, Reach, Run, View, Weight

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
        "pointwise_constraint",
        "pointwise_initializer",
        "pointwise_regularizer",
        "process_group",
        "seed",
        "synchronized",
    ]
)

INPUT_WORDS = ("input_shape", "batch_input_shape", "input_dim", "batch_size")
"""What Keras's layers are told of what comes in."""
OF_INPUT = "leave it out: the spec's `input:` says what comes in, without the batch"

ONLY_AS: dict[str, tuple[tuple[object, ...], str]] = {
    "dtype": (
        (None, "float32", "float", "torch.float32", "tf.float32"),
        "a network has one type: `--dtype`; what a layer converts to, `Cast` says",
    ),
    "noise_shape": ((None,), "a mask has the shape of what it masks"),
}
"""Of some of them, the values that are without effect, and what to do instead of others."""


TRAITS = (
    *("kind", "has_kernel", "joins", "is_table", "batched", "stretches", "pointwise", "reads", "in_place"),
    *("gives_floats", "gives_views", "looks_up", "trains", "memory_order", "keeps_unknown"),
)
"""Attributes on which behavior depends, and `kind`: what a layer around another has of that one."""
FACTORS = ("alpha", "gamma")
"""Weights that multiply an element of the input each, not a sum of them."""


class ArgumentError(Exception):
    """An argument that an operator does not know, needs, or cannot take.

    `path` leads to it by the names that a spec has on the way: `("activation", "LeakyReLU", "slope")`; it is empty
    where the operator itself is to blame. Where the path ends in an unknown name, `near` is what that may mean.
    """

    def __init__(
        self, message: str, *path: str, code: Code = "argument", help: str = "", near: Near | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.path = path
        self.code = code
        self.near = near
        self._help = help
        self.beside: tuple[ArgumentError, ...] = ()
        """What else is wrong with the same operator."""

    @property
    def help(self) -> str:
        """The remedy."""
        return self.near.help if self.near else self._help

    def inside(self, *path: str) -> ArgumentError:
        """Return the error of an operator that is an argument itself: this way leads to that operator."""
        for error in (self, *self.beside):
            error.path = (*path, *error.path)
        return self


T = TypeVar("T")


class Emit(Protocol[T]):
    """Adds an operator to what is being built and returns its outputs; T is what stands for a tensor there."""

    def __call__(self, op: Op, inputs: Sequence[T], /) -> tuple[T, ...]:
        """Add `op`, reading `inputs`."""


class Op:
    """Base of all operators.

    A subclass declares its arguments with :func:`archinspect.ops.args.arg` and overrides the rules.
    Shapes have the batch first. Instances are values: frozen, and equal where class and arguments are.
    """

    __slots__ = ("__dict__", "_hash")
    _hash: int

    args: ClassVar[dict[str, Arg]] = {}
    names: ClassVar[dict[str, str]] = {}
    """Every accepted spelling of an argument and the argument's own name."""
    computed: ClassVar[frozenset[str]] = frozenset()
    """The arguments that may be expressions of the inputs' dimensions."""
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
    """What it is to a reader: convolution, dense, pooling, normalization, activation, attention, merge, ..., other.

    It decides nothing: what behavior depends on is a trait below.
    """
    has_kernel: ClassVar[bool] = False
    """Whether a layer of it is more than a function of what it reads: convolutions, products, attention, recurrence."""
    joins: ClassVar[bool] = False
    """Whether it joins branches to one, as the sum at the end of a skip connection does."""
    is_table: ClassVar[bool] = False
    """Whether its weights are a table of vectors that are looked up or added, not multiplied."""
    batched: bool = True
    """Of an operator without inputs, whether what it gives differs from sample to sample."""
    shared: ClassVar[tuple[int, ...]] = ()
    """The numbers of inputs that have to be the same for all samples."""
    stretches: ClassVar[bool] = False
    """Whether inputs that are the same for all samples meet others as they are, and are not first repeated for each."""
    gives_views: ClassVar[bool] = False
    """Whether its outputs are several views of one input."""
    pointwise: ClassVar[bool] = False
    """Whether an output position reads just its own. Normalizations count as such: their statistics see no places."""
    reads: ClassVar[int | None] = None
    """How many of its inputs it reads, the first ones; the others only lend it their shape. None: all."""
    anew: ClassVar[int | None] = None
    """How many of its inputs it reads anew at every step, the first ones; others are what it starts from. None: all."""
    keeps_unknown: bool = False
    """Whether it is not known what backward keeps of it: that counts as nothing then, and is said."""
    looks_up: ClassVar[bool] = False
    """Whether it takes what it reads as positions, to which no gradient goes."""
    undifferentiated: ClassVar[tuple[int, ...]] = ()
    """Inputs, by number, -1 the last, to which no gradient goes though they may be floats: indices, masks, boxes."""
    kept_as: ClassVar[Mapping[int, str]] = {}
    """The type in which a program needs inputs, by number: of others it makes a copy, which backward keeps if any."""
    of_one_type: ClassVar[bool] = False
    """Whether it reads all inputs in the output's type where that is a float's: of integers a program makes copies."""
    index_dtypes: ClassVar[tuple[str, ...]] = ("int64", "int32")
    """The types of places that need no copy where `int64` is needed."""
    trains: ClassVar[bool] = True
    """Whether training can change its weights; else they are frozen wherever it stands."""
    gives_floats: ClassVar[bool] = False
    """Whether it makes numbers with fractions of integers: what weighs, divides, or computes a function such as exp."""
    activation: Op | None = None
    data_format: str = ""
    """Where its channels stand; empty where that is nothing to it."""
    memory_order: ClassVar[str] = ""
    """In which order the elements of an output of its own lie in memory where that is not the order of its axes:

    as those of the first input (`kept`); the channels before the positions (`first`), or last where the input has them
    so (`map`).
    """
    in_place: bool = False
    """Whether it overwrites its input where nothing else reads that."""

    def __init_subclass__(cls) -> None:
        base = cls.__base__
        if cls.__doc__ is None and base is not None and base.__name__.startswith("_"):
            cls.__doc__ = base.__doc__  # the operator of one rank is documented by its family
        own = {name: value for name, value in vars(cls).items() if isinstance(value, Arg)}
        inherited = {name: value for name, value in cls.args.items() if name not in own}
        # An attribute that a subclass sets to a plain value is no argument of the subclass any more.
        inherited = {name: value for name, value in inherited.items() if getattr(cls, name) is value}
        # What a spec must give comes first, so that it leads the reference and is what a bare value means.
        cls.args = dict(sorted((own | inherited).items(), key=lambda item: not item[1].required))
        cls.names = {name: name for name in cls.args}
        cls.computed = frozenset([name for name, argument in cls.args.items() if argument.kind.computes])
        for argument in cls.args.values():
            for alias in argument.aliases:
                cls.names.setdefault(alias, argument.name)

    def __init__(self, **values: Value | Op) -> None:
        fields = vars(self)
        wrong = []
        given = {self.names.get(spelling, "") for spelling in values}
        for spelling, value in values.items():
            try:
                self._take(spelling, value, given)
            except ArgumentError as error:
                wrong.append(error)
                if error.near and len(wrong) <= MAX_LOOKUPS:
                    given.add(error.near.only)  # what it means is not missing, too
        for name, argument in self.args.items():
            if name in fields:
                continue
            if not argument.required:
                fields[name] = self.default(name)
            elif name not in given:
                help_ = f"{name} takes {argument.kind.describe(self.rank)}: {argument.doc}"
                message = f"{type(self).__name__}: '{name}' is missing"
                wrong.append(ArgumentError(message, code="missing-argument", help=help_))
        if wrong:
            wrong[0].beside = tuple(wrong[1:])
            raise wrong[0]
        self.check()

    def _take(self, spelling: str, value: Value | Op, given: set[str]) -> None:
        """Take one argument; `given` are the names of all."""
        name = self.names.get(spelling)
        if name is None:
            if spelling in WITHOUT_EFFECT or spelling in self.ignores:
                self._refuse_effect(spelling, value)
                return
            message = f"{type(self).__name__}: unknown argument '{spelling}'"
            near = Near.of(OF_INPUT) if spelling in INPUT_WORDS else Near(spelling, self.args, given)
            raise ArgumentError(message, spelling, code="unknown-argument", near=near)
        if name in vars(self):
            raise ArgumentError(f"{type(self).__name__}: '{name}' is given twice", spelling)
        vars(self)[name] = self._convert(self.args[name], spelling, value)

    def _refuse_effect(self, spelling: str, value: Value | Op) -> None:
        """Raise for an argument that is without effect only as long as it says what holds anyway."""
        without, help_ = ONLY_AS.get(spelling, ((value,), ""))
        if value not in without:
            message = f"{type(self).__name__}: {spelling} {show(value)} would change costs that are not counted"
            raise ArgumentError(message, spelling, help=help_)

    @classmethod
    def main_arg(cls, name: str = "") -> str | None:
        """Return the argument that a bare value means under a name of the operator, None where there is none."""
        module = find_module(name)
        if module and module.main:
            return module.main
        return next(iter(cls.args), None) if cls.main is None else cls.main or None

    @classmethod
    def default(cls, name: str) -> object:
        """Return an argument's default in the form that the rules use."""
        argument = cls.args[name]
        return None if argument.default is None else argument.kind.convert(cast("Value", argument.default), cls.rank)

    def _convert(self, argument: Arg, spelling: str, value: Value | Op) -> object:
        if isinstance(value, Op):
            return value
        try:
            return argument.kind.convert(value, self.rank)
        except ArgumentError as error:
            raise error.inside(spelling) from None
        except ValueError as error:
            message = f"{type(self).__name__}: {spelling} must be {error}, not {show(value)}"
            raise ArgumentError(message, spelling) from None

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is frozen")

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        # Hashes are kept beside the arguments, once somebody has asked for them.
        return type(self) is type(other) and {**vars(self), "_hash": 0} == {**vars(other), "_hash": 0}

    def __hash__(self) -> int:
        try:
            return self._hash
        except AttributeError:  # graphs ask often
            values = vars(self)
            object.__setattr__(self, "_hash", hash((type(self), *[values[name] for name in self.args])))
            return self._hash

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

    def replace(self, **values: object) -> Self:
        """Return the operator with other values of these arguments, in the form that its rules use."""
        other = object.__new__(type(self))
        vars(other).update(vars(self), **values)
        vars(other).pop("_hash", None)
        return other

    def check(self) -> None:
        """Raise :class:`ArgumentError` for arguments that do not go together."""

    def build(self, emit: Emit[T], inputs: Sequence[T]) -> tuple[T, ...]:
        """Add this layer to a graph: itself and its activation, or the several operators it stands for."""
        outputs = emit(self, inputs)
        return emit(self.activation, outputs) if self.activation else outputs

    @property
    def overwrites(self) -> bool:
        """Whether a program can let it overwrite its input."""
        return self.in_place

    # The rules. A rule that cannot take its input's shapes raises Mismatch.

    def output(self, *shapes: Shape) -> Shape:
        """Return the output's shape, that of the first where there are several."""
        raise NotImplementedError

    def outputs(self, *shapes: Shape) -> tuple[Shape, ...]:
        """Return the shapes of all outputs: one, unless an operator says more."""
        return (self.output(*shapes),)

    def of_batch(self, batch: int) -> Shape:
        """Return the shape, for a batch of this size, of what an input of the network gives."""
        raise NotImplementedError

    def output_dtype(self, *dtypes: str) -> str:
        """Return the output's data type: `float` is the one the network computes in.

        It is that of the first input that has a float type. Integers give what they are, or `float`.
        """
        read = dtypes[: self.reads]
        return next((dtype for dtype in read if "float" in dtype), "float" if self.gives_floats else read[0])

    def output_dtypes(self, *dtypes: str) -> tuple[str, ...]:
        """Return the data types of all outputs."""
        return (self.output_dtype(*dtypes),) * self.output_count

    @property
    def output_count(self) -> int:
        """How many outputs there are."""
        return 1

    def weights(self, *shapes: Shape) -> Mapping[str, Weight]:
        """Return the weights by name."""
        return {}

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        """Return the arithmetic of one forward pass."""
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
        return sum(size(weight.shape) for weight in self.weights(*shapes).values())

    def reach(self, *shapes: Shape) -> tuple[Reach, ...] | None:
        """Return what an output position reads, an entry a spatial axis.

        Empty: its own position. None: all positions, or axes that are no places any more.
        """
        return () if self.pointwise else None

    def undifferentiated_of(self, *shapes: Shape) -> tuple[int, ...]:
        """Return the inputs, by number, to which no gradient goes where they have these shapes."""
        return self.undifferentiated

    # The rules of memory are PyTorch's; docs/counting.md says how they are put together.

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        """Return what backward keeps where it passes this node; weights are none of it."""
        return Kept()

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        """Return the most that a forward pass without gradients holds at once beside inputs and output."""
        return ()

    def view(self, *, training: bool) -> View | None:
        """Return how the output lies in the first input's storage; None where it is a tensor of its own."""
        return None

    def copies(self, shapes: Sequence[Shape], output: Shape) -> bool:
        """Return whether the output is a tensor of its own although it may be a view of other shapes."""
        return False

    def view_strides(self, shape: Shape, strides: Shape, output: Shape) -> Shape | None:
        """Return the strides of an output that is a view with other axes of an input with these; None if not told."""
        return None

    def own_strides(self, shapes: Sequence[Shape], strides: Sequence[Shape | None], output: Shape) -> Shape | None:
        """Return the strides of an output of its own whose elements are in another order than its axes; else None.

        So are those of the inputs: None where the elements are in order.
        """
        if self.memory_order == "kept":
            return dense(output, strides[0]) if strides[0] else None
        if self.memory_order:
            axis = 1 if self.data_format == "channels_first" else len(output) - 1
            return of_map(shapes[0], strides[0], output, axis, keeps=self.memory_order == "map")
        return None

    def stored(self, shapes: Sequence[Shape], output: Shape) -> int:
        """Return the elements of the storage that the first output lies in; others have one of their own size."""
        return size(output)

    # A decoder that generates runs its operators step by step.

    @property
    def goes_on(self) -> bool:
        """Whether it hands something from step to step, so that steps can be run one after the other."""
        return False

    def carried(self, *shapes: Shape) -> int:
        """Return the elements that it hands to the next step, those of all samples together."""
        return 0

    def after(self, steps: int) -> Op:
        """Return the operator in a run that goes on after so many steps."""
        return self

    def unknown(self) -> tuple[str, ...]:
        """Return the figures that it cannot tell: some of `params`, `macs`, `flops`; they count as nothing."""
        return ()

    def quantities(self, shapes: Sequence[Shape], output: Shape) -> Mapping[str, int]:
        """Return what conventions of other tools count beside work, weights and shapes, by name.

        The names are those of :data:`archinspect.conventions.quantities.DECLARED`.
        """
        return {}

    def axis_flow(self, *shapes: Shape) -> str:
        """Return how the axes of the output follow from those of inputs and weights; empty where that is not said.

        A term for each input, `->`, one for each output, each the names of its axes: `... in -> ... out` of a `Dense`,
        whose kernel has the axes `in` and `out`. :mod:`archinspect.ops.axes` says what names mean, and reads this.
        """
        return ""

    def variants(self, *shapes: Shape) -> tuple[str, ...]:
        """Return what rules of conventions may call this use of it beside its name, most telling first.

        `Upsample.nearest` is told apart from `Upsample.linear` so.
        """
        return ()

    def unwrapped(self, *shapes: Shape) -> tuple[Op, tuple[Shape, ...]]:
        """Return the operator that does the work, and shapes as that sees them: itself and these, but for wrappers."""
        return self, shapes

    def label(self) -> str:
        """Return a few words for a picture, such as `3x3 conv, 64`."""
        return type(self).__name__


def make_argument(kind: type[Op], name: str, given: Value) -> Op:
    """Return an operator that is the argument of another, `{LeakyReLU: {negative_slope: 0.1}}`, there called `name`.

    A value that is no map is its main argument's.
    """
    if given is not None and not isinstance(given, dict):
        main = kind.main_arg(name)
        if main is None:
            raise ArgumentError(f"{kind.__name__} takes no arguments", name, code="unknown-argument")
        given = {main: given}
    try:
        return kind(**module_arguments(name, kind.names, given or {}))
    except ArgumentError as error:
        raise error.inside(name) from None


def json_value(value: object) -> object:
    """Return an argument's value as JSON can hold it."""
    if isinstance(value, Op):
        return repr(value).removesuffix("()")
    if isinstance(value, Computed):
        return str(value)
    return [json_value(item) for item in value] if isinstance(value, tuple) else value
