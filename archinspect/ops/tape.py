"""Programs of several steps, written down to see what backward keeps of each under `torch.autocast`.

A product of matrices computes in 16 bits, of casts where it reads others, and an exponential in float32; all else in
the widest type that it reads. Of each step backward keeps what its gradients need, as PyTorch's do
(tools/autograd/derivatives.yaml).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from archinspect.base.shape import largest, size
from archinspect.ops.base import Op
from archinspect.ops.figures import Kept, Run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from archinspect.base.shape import Shape

HIGH = "float32"
LOOPS = 3
"""Steps of a loop that are recorded: each further one keeps as much as the last of them."""


class Memory:
    """What tensors lie in: their type and number of elements."""

    def __init__(self, dtype: str, count: int, number: int | None = None, weight: str = "") -> None:
        self.dtype = dtype
        self.count = count
        self.number = number
        """Of an input of the operator."""
        self.weight = weight
        """Of a cast, the weight that it is of; of a weight its own name."""


class Value(NamedTuple):
    """A tensor of a program: its type, shape, whether backward needs its gradient, and what it lies in."""

    dtype: str
    shape: Shape
    needed: bool
    memory: Memory

    def view(self, *shape: int) -> Value:
        """Return a part, or all, with other axes."""
        return self._replace(shape=shape)


class Tape:
    """A program as it runs, and what backward keeps of it."""

    def __init__(self, low: str, high: str, run: Run) -> None:
        """`low` is the type of products, `high` that of exponentials, `run` how the operator runs."""
        self.low = low
        self.high = high
        self.run = run
        self.kept: dict[Memory, None] = {}
        self._casts: dict[str, Memory] = {}

    def new(self, dtype: str, shape: Shape, *, needed: bool = False) -> Value:
        """Return a tensor of its own, such as zeros."""
        return Value(dtype, shape, needed, Memory(dtype, size(shape)))

    def copy(self, value: Value, shape: Shape | None = None) -> Value:
        """Return a copy, of another shape if it is padded or repeated."""
        return self.new(value.dtype, value.shape if shape is None else shape, needed=value.needed)

    def keep(self, value: Value, *, wanted: bool) -> None:
        """Keep a tensor."""
        if wanted:
            self.kept[value.memory] = None

    def plus(self, *values: Value) -> Value:
        """Return the sum, or difference: of it nothing is kept. So it is of tensors that are joined, but for shapes."""
        dtype = self.high if any(value.dtype == self.high for value in values) else self.low
        return self.new(dtype, _together(values), needed=any(value.needed for value in values))

    def times(self, one: Value, other: Value) -> Value:
        """Return the product of elements."""
        self.keep(one, wanted=other.needed)
        self.keep(other, wanted=one.needed)
        return self.plus(one, other)

    def over(self, one: Value, other: Value) -> Value:
        """Return the quotient."""
        self.keep(one, wanted=other.needed)
        self.keep(other, wanted=one.needed or other.needed)
        return self.plus(one, other)

    def maximum(self, one: Value, other: Value) -> Value:
        """Return the larger ones."""
        for value in (one, other):
            self.keep(value, wanted=one.needed or other.needed)
        return self.plus(one, other)

    def squash(self, value: Value) -> Value:
        """Return a function whose gradient is one of its result: a sigmoid, a tanh."""
        made = self.copy(value)
        self.keep(made, wanted=made.needed)
        return made

    def exp(self, value: Value) -> Value:
        """Return the exponential."""
        return self.squash(value._replace(dtype=self.high))

    def absolute(self, value: Value) -> Value:
        """Return absolute values."""
        self.keep(value, wanted=value.needed)
        return self.copy(value)

    def log_sigmoid(self, value: Value) -> Value:
        """Return the logarithm of a sigmoid, of which an exponential is kept besides."""
        self.squash(value)
        return self.absolute(value)

    def apply(self, op: Op, value: Value) -> Value:
        """Return a function of each element, which keeps what its rule says."""
        made, kept = self.copy(value), op.kept((value.shape,), value.shape, self.run)
        self.keep(value, wanted=value.needed and bool(kept.inputs))
        self.keep(made, wanted=value.needed and bool(kept.outputs))
        for dtype, count in kept.extra:
            self.keep(self.new(value.dtype if dtype == "float" else dtype, (count,)), wanted=value.needed)
        return made

    def product(self, one: Value, other: Value, *shape: int) -> Value:
        """Return the product of matrices, of this shape."""
        one, other = self._cast(one), self._cast(other)
        return self.times(one, other)._replace(shape=shape, memory=Memory(self.low, size(shape)))

    def sample(self, value: Value, places: Value, *shape: int) -> Value:
        """Return what is read of maps at places, in the widest type of both, in which both are kept."""
        made = self.plus(value, places)
        for one in (value, places):
            self.keep(one if one.dtype == made.dtype else self.new(made.dtype, one.shape), wanted=made.needed)
        return made._replace(shape=shape, memory=Memory(made.dtype, size(shape)))

    def convolve(self, value: Value, kernel: Value, shape: Shape, padded: int = 0) -> Value:
        """Return a convolution, whose input and kernel are kept; it may be padded first, to so many elements."""
        value = self.copy(value, (padded,)) if padded else value
        value, kernel = self._cast(value), self._cast(kernel)
        needed = value.needed or kernel.needed
        for one in (value, kernel):
            self.keep(one, wanted=needed)
        return self.new(self.low, shape, needed=needed)

    def _cast(self, value: Value) -> Value:
        """Return what a product reads: that of a weight which trains is cast once."""
        if value.dtype == self.low:
            return value
        name = value.memory.weight
        memory = Memory(self.low, size(value.shape), weight=name)
        if name and value.needed:
            memory = self._casts.setdefault(name, memory)
        return value._replace(dtype=self.low, memory=memory)

    def found(self) -> tuple[Kept, Mapping[str, int]]:
        """Return what backward keeps, and how many casts of each weight."""
        inputs = sorted(one.number for one in self.kept if one.number is not None)
        made = {self.high: 0, self.low: 0, "int64": 0, "bool": 0}
        casts: dict[str, int] = {}
        for one in self.kept:
            if one.weight:
                casts[one.weight] = casts.get(one.weight, 0) + (one.dtype != self.high)
            elif one.number is None:
                made[one.dtype] += one.count
        return Kept(tuple(inputs), extra=tuple(made.items())), casts


def _together(values: Sequence[Value]) -> Shape:
    """Return the shape in which tensors meet: axes from the last one on, as long as the longest."""
    rank = max(len(value.shape) for value in values)
    shapes = [(1,) * (rank - len(value.shape)) + value.shape for value in values]
    return tuple([largest(*lengths) for lengths in zip(*shapes, strict=True)])


Weights: TypeAlias = "Mapping[str, Value]"


class Recorded(Op):
    """An operator whose program is written down for `torch.autocast`."""

    def of_kernel(self, attention: str) -> bool:
        """Return whether it runs as a library's kernel, which reads what it is given as it is."""
        return attention == "fused"

    def record(self, tape: Tape, given: Sequence[Value], weights: Weights, steps: int) -> tuple[Value, ...]:
        """Run the program, of a loop as many `steps`, and return its outputs."""
        raise NotImplementedError

    def loops(self, shapes: Sequence[Shape]) -> int:
        """Return the steps of the program's loop."""
        return shapes[0][1]

    def cast_dtypes(self, shapes: Sequence[Shape], given: Sequence[str], low: str) -> list[str]:
        """Return the types of the outputs."""
        tape = Tape(low, HIGH, Run((False,) * len(shapes), weights=False))
        values, weights = self._given(shapes, given, tape)
        return [value.dtype for value in self.record(tape, values, weights, 1)]

    def kept_cast(
        self, shapes: Sequence[Shape], given: Sequence[str], run: Run, low: str
    ) -> tuple[Kept, Mapping[str, int]]:
        """Return what backward keeps, inputs as they are and all else by its type, and casts of each weight."""
        return self._recorded(shapes, given, run, (low, HIGH))

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        kept, _ = self._recorded(shapes, ["float"] * len(shapes), run, ("float", "float"))
        return kept

    def _recorded(
        self, shapes: Sequence[Shape], given: Sequence[str], run: Run, types: tuple[str, str]
    ) -> tuple[Kept, Mapping[str, int]]:
        def recorded(steps: int) -> tuple[Kept, Mapping[str, int]]:
            tape = Tape(*types, run)
            values, weights = self._given(shapes, given, tape)
            self.record(tape, values, weights, steps)
            return tape.found()

        return _of_all(recorded, self.loops(shapes))

    def _given(self, shapes: Sequence[Shape], given: Sequence[str], tape: Tape) -> tuple[list[Value], dict[str, Value]]:
        values = [
            Value(dtype, shape, need, Memory(dtype, size(shape), number))
            for number, (dtype, shape, need) in enumerate(zip(given, shapes, tape.run.inputs, strict=True))
        ]
        weights = {
            name: Value(
                *(tape.high, weight.shape, tape.run.weights and weight.parameter),
                Memory(tape.high, size(weight.shape), weight=name),
            )
            for name, weight in self.weights(*shapes).items()
        }
        return values, weights


def _of_all(recorded: Callable[[int], tuple[Kept, Mapping[str, int]]], steps: int) -> tuple[Kept, Mapping[str, int]]:
    """Return what a loop keeps in all: each step after the first ones as much as the last of these."""
    if steps <= LOOPS:
        return recorded(steps)
    (before, casts_before), (kept, casts) = recorded(LOOPS - 1), recorded(LOOPS)
    rest = steps - LOOPS
    extra = [
        (dtype, count + rest * (count - less))
        for (dtype, count), (_, less) in zip(kept.extra, before.extra, strict=True)
    ]
    counts = {name: count + rest * (count - casts_before.get(name, 0)) for name, count in casts.items()}
    return kept._replace(extra=tuple(extra)), counts
