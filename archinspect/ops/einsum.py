"""Sums of products, written as Einstein did: a letter for every axis."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from archinspect.base.diagnostics import counted
from archinspect.base.shape import Mismatch, largest, size, text
from archinspect.ops.activation import activation_arg
from archinspect.ops.args import MAX_ITEMS, Int, Kind, Optional, arg
from archinspect.ops.base import Op
from archinspect.ops.contraction import AXES, REST, Memory, joins, shape_of, work_of
from archinspect.ops.declared import ArgumentError
from archinspect.ops.figures import Backward, Kept, View, Weight, Work, product_backward

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from archinspect.base.shape import Shape
    from archinspect.base.source import Value
    from archinspect.ops.figures import Elements, Run

MAX_LENGTH = 200
_TERM = r"(?:[a-zA-Z]|\.\.\.)+"
_EQUATION = re.compile(rf"{_TERM}(?:,{_TERM})*->{_TERM}\Z")


class Equation(Kind):
    """An equation, each term with the batch first."""

    expected = "an equation such as 'bij,bjk->bik'"

    def convert(self, value: Value, rank: int = 0) -> str:
        """Return the equation without spaces, `...` as one character."""
        if not isinstance(value, str):
            raise ValueError(self.expected)
        if len(value) > MAX_LENGTH:
            raise ValueError(f"{self.expected}, of at most {MAX_LENGTH} characters")
        equation = value.replace(" ", "")
        if not _EQUATION.match(equation):
            raise ValueError(self.expected)
        return equation.replace("...", REST)


class Indices(Kind):
    """Some of an equation's indices."""

    expected = "letters of the output"

    def convert(self, value: Value, rank: int = 0) -> str:
        """Return each letter once."""
        if not isinstance(value, str) or len(value) > MAX_LENGTH:
            raise ValueError(self.expected)
        return "".join(dict.fromkeys(value))


class Sizes(Kind):
    """Sizes of axes, null where they follow from the input."""

    expected = "a list of positive integers, null for what follows from the input"

    def convert(self, value: Value, rank: int = 0) -> tuple[object, ...]:
        """Return a tuple of ints and Nones."""
        items = value if isinstance(value, list) else [value]
        if len(items) > MAX_ITEMS:
            raise ValueError(f"{self.expected}, at most {MAX_ITEMS} of them")
        try:
            return tuple(Optional(Int(1)).convert(item, rank) for item in items)
        except ValueError:
            raise ValueError(self.expected) from None


class _Product(Op):
    """What both share: the terms of an equation, and what its letters stand for."""

    equation: str

    def terms(self) -> tuple[list[str], str]:
        """Return the terms of what is multiplied, and the output's."""
        before, _, after = self.equation.partition("->")
        return before.split(","), after

    def check(self) -> None:
        terms, output = self.terms()
        for term in (*terms, output):
            for index in term:
                if term.count(index) > 1:
                    self._refuse(f"'{_written(index)}' stands twice in '{_written(term)}'")
        for index in output:
            if not any(index in term for term in terms):
                self._refuse(f"the output's '{_written(index)}' stands in no input")
        self.check_batch(terms, output)

    def check_batch(self, terms: Sequence[str], output: str) -> None:
        """Raise ArgumentError where a term starts with another index than the batch's."""
        for term in (*terms, output):
            if term[0] != terms[0][0]:
                self._refuse(f"'{_written(terms[0])}' and '{_written(term)}' must start with the same index, the batch")

    def _refuse(self, message: str) -> None:
        raise ArgumentError(f"{type(self).__name__}: {message}", "equation")

    def sizes(self, terms: Sequence[str], shapes: Sequence[Shape]) -> dict[str, Shape]:
        """Return what each index stands for: an axis, or with `...` several; raise Mismatch for a contradiction."""
        found: dict[str, Shape] = {}
        for term, shape in zip(terms, shapes, strict=True):
            rest = len(shape) - len(term) + 1 if REST in term else 1
            least = int(term[0] == REST)  # which has the batch, then
            if rest < least or (REST not in term and len(term) != len(shape)):
                raise Mismatch(f"'{_written(term)}' does not have as many axes as {text(shape)}", args=("equation",))
            at = 0
            for index in term:
                end = at + (rest if index == REST else 1)
                known = found.setdefault(index, shape[at:end])
                if known != shape[at:end]:
                    sizes = " and ".join("x".join(map(str, part)) or "none" for part in (known, shape[at:end]))
                    raise Mismatch(f"'{_written(index)}' stands for different sizes: {sizes}", args=("equation",))
                at = end
        return found

    def label(self) -> str:
        return _written(self.equation)


def _written(term: str) -> str:
    return term.replace(REST, "...")


def _flow(terms: Sequence[str], output: str, names: Mapping[str, str]) -> str:
    """Return an equation as the statement of axes that it is."""
    names = {terms[0][0]: "batch", REST: "...", **names}
    before, after = (
        ", ".join(" ".join(names.get(index, index) for index in term) for term in side) for side in (terms, [output])
    )
    return f"{before} -> {after}"


class Einsum(_Product):
    """The sum of products that an equation says, as `einsum` of NumPy, PyTorch and Keras.

    `bqhd,bkhd->bhqk` multiplies two inputs, for each b, h, q and k the sum over d. The batch is the first index of
    every term, or the first axis of `...`, which stands for the same axes in all of them. The term of an input that is
    the same for all samples, as a `Parameter` is, may leave it out: `bqd,de->bqe`. An index has one size: nothing
    stretches, and no term has it twice. The inputs are joined from left to right; an index that just one side has, and
    nothing after it, is summed first.
    MACs: the sizes of all indices of the two sides, if some are summed. FLOPs: 2 per MAC, 1 per addition of
    what is summed first, 1 per element of a product without a sum.
    """

    kind = "merge"
    joins = True
    of_one_type = True
    stretches = True
    shared_remedy = "terms of what differs from sample to sample start with one index, the batch: `bij,bjk->bik`"
    inputs: ClassVar[tuple[int, int | None]] = (1, None)

    equation: str = arg("a term of letters for each input, and one for the output, the batch first", Equation())

    whole: bool = False
    """Whether terms name all axes of their inputs, as in a program, which knows no batch."""

    def check_batch(self, terms: Sequence[str], output: str) -> None:
        """Raise ArgumentError where terms have no batch, or another index before it."""
        batch = output[0]
        super().check_batch([term for term in terms if batch in term] or terms, output)

    @property
    def shared_here(self) -> tuple[int, ...]:
        terms, output = self.terms()
        if self.whole:
            return ()
        return tuple(number for number, term in enumerate(terms) if output[0] not in term)

    def aligned(self) -> tuple[list[str], str]:
        """Return the terms of inputs and output, all with the batch, which is 1 of an input that samples share."""
        terms, output = self.terms()
        return [term if output[0] in term else output[0] + term for term in terms], output

    def _joined(self, shapes: Sequence[Shape]) -> tuple[list[str], str, dict[str, Shape]]:
        """Return the terms of inputs and output, and what indices stand for.

        The term of an input that samples share is without the batch.
        """
        given, output = self.terms()
        batch = next((shape[0] for shape in shapes if shape[0] != 1), 1)
        of_each = []
        for term, shape in zip(given, shapes, strict=True):
            if self.whole:
                of_each.append(shape)
            elif output[0] in term:
                of_each.append((batch if shape[0] == 1 else shape[0], *shape[1:]))
            elif REST in term or len(term) == len(shape) - 1:
                of_each.append(shape[1:])
            else:
                message = f"'{term}' does not have as many axes as {text(shape)} without the batch"
                raise Mismatch(message, args=("equation",))
        sizes = self.sizes(given, of_each)
        axes = AXES[: len(sizes.get(REST, ()))]
        sizes |= {axis: (length,) for axis, length in zip(axes, sizes.get(REST, ()), strict=True)}
        terms = [
            term.replace(REST, axes)[not self.whole and shape[0] != batch and output[0] in term :]
            for term, shape in zip(given, shapes, strict=True)
        ]
        return terms, output.replace(REST, axes), sizes

    def output(self, *shapes: Shape) -> Shape:
        terms, output = self.terms()
        if len(terms) != len(shapes):
            raise Mismatch(
                f"the equation has {len(terms)} terms for {counted(len(shapes), 'input')}", args=("equation",)
            )
        _, output, sizes = self._joined(shapes)
        return shape_of(output, sizes)

    def axis_flow(self, *shapes: Shape) -> str:
        return _flow(*self.aligned(), {})

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return work_of(*self._joined(shapes))

    def backward(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Backward:
        macs = other = 0
        # What has been joined needs a gradient where one of its terms does; the last sum's gradient is only stretched.
        sums = list(joins(*self._joined(shapes)))[:-1]
        for number, join in enumerate(sums, 1):
            wanted = any(run.inputs[:number]) + run.inputs[number]
            macs, other = macs + wanted * join.macs, other + wanted * join.other
        return Backward(Work(macs, other))

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        memory = self._memory(shapes, (run.strides, *run.others), run.inputs)
        return Kept(tuple(sorted(memory.inputs)), extra=(("float", memory.extra),))

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        memory = self._memory(shapes, (run.strides, *run.others))
        return (("float", largest(memory.alive - size(output), 0)),)

    def view(self, *, training: bool) -> View | None:
        terms, result = self.terms()
        return View(strided=True) if {*map(frozenset, terms)} == {frozenset(result)} and len(terms) == 1 else None

    def view_strides(self, shape: Shape, strides: Shape, output: Shape) -> Shape | None:
        (term,), result = self.terms()
        return shape_of(result, self.sizes([term], [strides]))

    def own_strides(self, shapes: Sequence[Shape], strides: Sequence[Shape | None], output: Shape) -> Shape | None:
        return self._memory(shapes, strides).strides

    def _memory(
        self, shapes: Sequence[Shape], strides: Sequence[Shape | None], needed: Sequence[bool] | None = None
    ) -> Memory:
        terms, output, sizes = self._joined(shapes)
        # A term without the batch has its axes alone.
        own = [lying and lying[-len(term) :] for term, lying in zip(terms, strides, strict=False)]
        return Memory(terms, output, sizes, own, needed)


class EinsumDense(_Product):
    """A product of the input and a learned kernel, summed as an equation says: Keras's `EinsumDense`.

    `abc,cd->abd` is a `Dense` layer; `abc,cde->abde` projects to heads. The first term is the input, with the batch
    first, the second the kernel. As in Keras, `output_shape` are the sizes of the output's indices, without the
    batch and `...`, and `bias_axes` those indices for which there is a bias each; there is none by default.
    MACs: the sizes of all indices, if some are summed. FLOPs: 2 per MAC, 1 per addition of what is summed first,
    1 per element of a product without a sum, 1 per output element for the bias.
    """

    kind = "dense"
    has_kernel = True
    gives_floats = True

    equation: str = arg("the terms of the input, the kernel and the output, the batch first", Equation())
    output_shape: tuple[int | None, ...] = arg("sizes of the output's indices", Sizes())
    bias_axes: str | None = arg("indices of the output that have a bias each, such as `de`", Optional(Indices()), None)
    activation: Op | None = activation_arg()

    def check(self) -> None:
        terms, _ = self.terms()
        if len(terms) != 2:  # noqa: PLR2004 - the input and the kernel
            self._refuse(f"the equation must have two terms, the input and the kernel, not {len(terms)}")
        super().check()
        named = self._named()
        if len(named) != len(self.output_shape):
            message = f"EinsumDense: output_shape takes a size for each of '{named}', not {len(self.output_shape)}"
            raise ArgumentError(message, "output_shape")
        if not {*(self.bias_axes or "")} <= {*named}:
            raise ArgumentError(f"EinsumDense: bias_axes are some of '{named}', the output's indices", "bias_axes")

    def check_batch(self, terms: Sequence[str], output: str) -> None:
        """Raise ArgumentError where the batch is not the output's, too, or the kernel has it."""
        super().check_batch(terms[:1], output)
        for index in (terms[0][0], REST):
            if index in terms[1]:
                self._refuse(f"the kernel '{_written(terms[1])}' cannot have '{_written(index)}'")

    def _named(self) -> str:
        """Return the output's indices whose sizes `output_shape` gives."""
        return self.terms()[1][1:].replace(REST, "")

    def _sizes(self, shape: Shape) -> dict[str, Shape]:
        terms, _ = self.terms()
        sizes = self.sizes(terms[:1], [shape])
        for index, given in zip(self._named(), self.output_shape, strict=True):
            if given is not None and sizes.setdefault(index, (given,)) != (given,):
                message = f"'{index}' is {given} in output_shape, but the input has {sizes[index][0]}"
                raise Mismatch(message, args=("output_shape",))
        for index in terms[1]:
            if index not in sizes:
                raise Mismatch(
                    f"the size of '{index}' is given by neither input nor output_shape", args=("output_shape",)
                )
        return sizes

    def output(self, *shapes: Shape) -> Shape:
        return shape_of(self.terms()[1], self._sizes(shapes[0]))

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        sizes = self._sizes(shapes[0])
        kernel = {"kernel": self._weight(self.terms()[0][1], sizes)}
        return kernel | ({"bias": self._weight(self.bias_axes, sizes)} if self.bias_axes else {})

    def _weight(self, term: str, sizes: Mapping[str, Shape]) -> Weight:
        names = self._names()
        return Weight(shape_of(term, sizes), tuple([names.get(index, index) for index in term]))

    def _names(self) -> dict[str, str]:
        """Return other names than their letters: `in` for the one that is summed, `out` for the one that is made."""
        (given, kernel), output = self.terms()
        summed = [index for index in kernel if index in given and index not in output]
        made = [index for index in kernel if index in output and index not in given]
        return {found[0]: name for name, found in (("in", summed), ("out", made)) if len(found) == 1}

    def axis_flow(self, *shapes: Shape) -> str:
        (given, _), output = self.terms()
        return _flow([given], output, self._names())

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        terms, result = self.terms()
        macs, other = work_of(terms, result, self._sizes(shapes[0]))
        return Work(macs, other + size(output) * bool(self.bias_axes))

    def backward(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Backward:
        return product_backward(self.work(shapes, output), run)

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        terms, result = self.terms()
        memory = Memory(terms, result, self._sizes(shapes[0]), [run.strides], (run.inputs[0], run.weights))
        return Kept((0,) if 0 in memory.inputs else (), extra=(("float", memory.extra),))

    def own_strides(self, shapes: Sequence[Shape], strides: Sequence[Shape | None], output: Shape) -> Shape | None:
        terms, result = self.terms()
        return Memory(terms, result, self._sizes(shapes[0]), strides).strides

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        terms, result = self.terms()
        memory = Memory(terms, result, self._sizes(shapes[0]), [run.strides])
        # The product, to which the bias is added; or copies of input and kernel.
        return (("float", largest(memory.alive - size(output), size(output) * bool(self.bias_axes))),)
