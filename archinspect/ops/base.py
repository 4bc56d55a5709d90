"""What an operator is: one small frozen class whose fields are its arguments and whose methods are its rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol, TypeVar

from archinspect.base.shape import size
from archinspect.base.strides import of_elements, of_map
from archinspect.ops.computed import Computed
from archinspect.ops.declared import ArgumentError, Declared
from archinspect.ops.figures import Backward, Kept, Work, promoted
from archinspect.ops.modules import module_arguments

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from archinspect.base.shape import Shape
    from archinspect.base.source import Value
    from archinspect.ops.figures import Elements, Reach, Run, View, Weight

TRAITS = (
    *("kind", "has_kernel", "joins", "is_table", "batched", "stretches", "pointwise", "reads", "in_place"),
    *("gives_floats", "gives_views", "looks_up", "of_one_type", "promotes", "trains", "memory_order", "keeps_unknown"),
    *("reads_words", "is_module", "shared_remedy", "trains_by_loss"),
)
"""Attributes on which behavior depends, and `kind`: what a layer around another has of that one."""
FACTORS = ("alpha", "gamma")
"""Weights that multiply an element of the input each, not a sum of them."""
T = TypeVar("T")


class Emit(Protocol[T]):
    """Adds an operator to what is being built and returns its outputs; T is what stands for a tensor there."""

    def __call__(self, op: Op, inputs: Sequence[T], /) -> tuple[T, ...]:
        """Add `op`, reading `inputs`."""


class Op(Declared):
    """Base of all operators.

    A subclass declares its arguments with :func:`archinspect.ops.args.arg` and overrides the rules.
    Shapes have the batch first.
    """

    aliases: ClassVar[tuple[str, ...]] = ()
    """The operator's names in other frameworks."""
    inputs: ClassVar[tuple[int, int | None]] = (1, 1)
    """How many inputs it takes: at least, at most (None: any number)."""
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
    """Whether what it gives can differ from sample to sample; else it is the same for all, whatever it reads."""
    shared: ClassVar[tuple[int, ...]] = ()
    """The numbers of inputs that have to be the same for all samples."""
    shared_remedy: ClassVar[str] = (
        "an input of the network with `batch: false` is, and what `Parameter`, `Constant` or `Arange` gives"
    )
    """What to write instead of such an input that is not."""
    stretches: ClassVar[bool] = False
    """Whether inputs that are the same for all samples meet others as they are, and are not first repeated for each."""
    is_module: bool = False
    """Whether its parts are one module of a framework, which reads for each sample what is the same for all."""
    gives_views: ClassVar[bool] = False
    """Whether its outputs are several views of one input."""
    pointwise: ClassVar[bool] = False
    """Whether an output position reads just its own. Normalizations count as such: their statistics see no places."""
    reads: ClassVar[int | None] = None
    """How many of its inputs it reads, the first ones; the others only lend it their shape. None: all."""
    anew: ClassVar[int | None] = None
    """How many of its inputs it reads anew at every step, the first ones; others are what it starts from. None: all."""
    trains_by_loss: bool = False
    """Whether it finds something by scores, such as the best tags, that train by a loss of them, not by its output."""
    keeps_unknown: bool = False
    """Whether it is not known what backward keeps of it: that counts as nothing then, and is said."""
    reads_words: ClassVar[bool] = False
    """Whether it can read words, of the type :data:`archinspect.ops.figures.STRING`."""
    looks_up: ClassVar[bool] = False
    """Whether it takes what it reads as positions, to which no gradient goes."""
    undifferentiated: ClassVar[tuple[int, ...]] = ()
    """Inputs, by number, -1 the last, to which no gradient goes though they may be floats: indices, masks, boxes."""
    kept_as: ClassVar[Mapping[int, str]] = {}
    """The type in which a program needs inputs, by number: of others it makes a copy, which backward keeps if any."""
    of_one_type: ClassVar[bool] = False
    """Whether it reads all inputs in the output's type where that is a float's: of integers a program makes copies."""
    promotes: ClassVar[bool] = False
    """Whether a program gives it integers as they are, though it makes floats of them; others read copies."""
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

    def build(self, emit: Emit[T], inputs: Sequence[T]) -> tuple[T, ...]:
        """Add this layer to a graph: itself and its activation, or the several operators it stands for."""
        outputs = emit(self, inputs)
        return emit(self.activation, outputs) if self.activation else outputs

    @property
    def shared_here(self) -> tuple[int, ...]:
        """The inputs that have to be the same for all samples with these arguments."""
        return self.shared

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

        It is that of the first input that has a float type. Integers give what they are, the widest where several are
        joined, or `float`.
        """
        read = dtypes[: self.reads]
        whole = promoted(*read) if self.joins else read[0]
        return next((dtype for dtype in read if "float" in dtype), "float" if self.gives_floats else whole)

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
            return of_elements([output], strides[:1], output) if strides[0] else None
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
