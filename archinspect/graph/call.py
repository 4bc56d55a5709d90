"""An operator on tensors of given shapes: what its rules say of them, each found once."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, cast

from archinspect.base.shape import size
from archinspect.ops.figures import Work

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from archinspect.base.shape import Shape, Sliding
    from archinspect.ops.base import Op
    from archinspect.ops.figures import Backward, Elements, Kept, Reach, Run, View, Weight
    from archinspect.ops.spatial import Windowed


FLOAT = "float"
"""The type that a network computes in; other floats have their size in the name."""


class TensorType(NamedTuple):
    """Shape, batch first, and data type of a tensor; `float` is the type that the network computes in."""

    shape: Shape
    dtype: str


class Call:
    """An operator with the types of its inputs and outputs. All nodes that use an operator alike share one.

    Its rules are run when something asks for them, and not again.
    """

    def __init__(self, op: Op, inputs: tuple[TensorType, ...], outputs: tuple[TensorType, ...]) -> None:
        self.op = op
        self.inputs = inputs
        self.outputs = outputs
        self.shapes: tuple[Shape, ...] = tuple([type_.shape for type_ in inputs])
        """Of the inputs."""
        self.output: Shape = outputs[0].shape
        """Shape of the first output."""
        self.before = False
        """Whether it ran before the step that figures are of, which keeps what it made outside of the step's memory."""
        self._kept: dict[Run, Kept] = {}
        self._backward: dict[Run, Backward] = {}

    @cached_property
    def weights(self) -> Mapping[str, Weight]:
        """The weights by name."""
        return self.op.weights(*self.shapes)

    @cached_property
    def learns(self) -> bool:
        """Whether it has weights that training can change."""
        return any(weight.parameter for weight in self.weights.values())

    @cached_property
    def work(self) -> Work:
        """Arithmetic of one forward pass."""
        return Work() if self.before else self.op.work(self.shapes, self.output)

    @cached_property
    def differentiated(self) -> Collection[int]:
        """Inputs, by number, to which gradients go where they need one."""
        if self.op.looks_up:
            return ()
        read, without = range(len(self.shapes[: self.op.reads])), self.op.undifferentiated_of(*self.shapes)
        return [i for i in read if i not in without and i - len(read) not in without] if without else read

    @cached_property
    def weights_read(self) -> int:
        """Elements of its weights that a forward pass reads."""
        return self.op.weights_read(self.shapes, self.output)

    @cached_property
    def reach(self) -> tuple[Reach, ...] | None:
        """What an output position reads, an entry per spatial axis."""
        return self.op.reach(*self.shapes)

    @cached_property
    def sliding(self) -> Sliding:
        """How the window of an operator with one moves over the spatial axes of its input."""
        op = cast("Windowed", self.op)
        return op.sliding(op.split(self.shapes[0])[0])

    @cached_property
    def stored(self) -> tuple[int, ...]:
        """Elements of the storage that each output lies in."""
        if self.before:
            return (0,) * len(self.outputs)
        return self.op.stored(self.shapes, self.output), *[size(type_.shape) for type_ in self.outputs[1:]]

    @cached_property
    def view_at_inference(self) -> View | None:
        """How the outputs lie in the first input's storage without training; None for tensors of their own."""
        return None if self.op.copies(self.shapes, self.output) else self.op.view(training=False)

    @cached_property
    def view_in_training(self) -> View | None:
        """The same in training."""
        return None if self.op.copies(self.shapes, self.output) else self.op.view(training=True)

    @cached_property
    def moves(self) -> bool:
        """Whether a reshaping does more than any view can: cut axes into several, add or drop those of size 1."""
        given = self.shapes[0] if self.shapes else ()
        parts = iter([n for n in self.output if n != 1])
        for length in given:
            found = 1
            while found < length:
                found *= next(parts, length + 1)
            if found != length:
                return True
        return bool(given) and next(parts, None) is not None

    @cached_property
    def read_as_floats(self) -> Collection[int]:
        """Inputs of integers, by number, that a program makes floats of first."""
        reads = self.op.of_one_type or (self.op.gives_floats and not self.op.promotes)
        if not reads or FLOAT not in self.outputs[0].dtype:
            return ()
        return [i for i in self.differentiated if FLOAT not in self.inputs[i].dtype]

    @cached_property
    def converted(self) -> dict[int, tuple[str, int]]:
        """Inputs that a program converts for the operator, by number: type and number of elements of the copy."""
        floats = {i: (self.outputs[0].dtype, size(self.inputs[i].shape)) for i in self.read_as_floats}
        return floats | {
            i: (dtype, size(self.inputs[i].shape))
            for i, dtype in self.op.kept_as.items()
            if self.inputs[i].dtype not in (self.op.index_dtypes if dtype == "int64" else (dtype,))
        }

    def workspace(self, run: Run) -> Elements:
        """Return the most that a forward pass without gradients holds at once beside inputs and outputs."""
        if self.before:
            return ()
        return (*self._typed(self.op.workspace(self.shapes, self.output, run)), *self.converted.values())

    def kept(self, run: Run) -> Kept:
        """Return what backward keeps."""
        if run.strides is not None or any(run.others):  # which may be symbols, of which nothing is remembered
            return self._rule_of_kept(run)
        if run not in self._kept:
            self._kept[run] = self._rule_of_kept(run)
        return self._kept[run]

    def _rule_of_kept(self, run: Run) -> Kept:
        kept = self.op.kept(self.shapes, self.output, run)
        return kept if self.outputs[0].dtype == FLOAT else kept._replace(extra=self._typed(kept.extra))

    def _typed(self, elements: Elements) -> Elements:
        """Return elements that a rule calls floats in the type that is computed in: the output's.

        What makes no floats of floats, or by weights, as the tags of a CRF, computes in floats nevertheless.
        """
        made = self.outputs[0].dtype
        if made == FLOAT or (FLOAT not in made and (self.weights or any(FLOAT in read.dtype for read in self.inputs))):
            return elements
        return tuple([(made if dtype == FLOAT else dtype, count) for dtype, count in elements])

    def backward(self, run: Run) -> Backward:
        """Return the arithmetic of one backward pass."""
        if run not in self._backward:
            self._backward[run] = self.op.backward(self.shapes, self.output, run)
        return self._backward[run]
