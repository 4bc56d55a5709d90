"""Attention of each position to those around it."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, ClassVar

from archinspect.base.shape import Mismatch, largest, size, text
from archinspect.base.strides import copied
from archinspect.ops.args import Bool, Int, PerAxis, arg
from archinspect.ops.axes import numbered
from archinspect.ops.figures import Backward, Kept, Weight, Work
from archinspect.ops.linear import refuse_uneven
from archinspect.ops.tape import Recorded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape
    from archinspect.ops.figures import Elements, Run
    from archinspect.ops.tape import Tape, Value, Weights


class _NeighborhoodAttention(Recorded):
    """Attention of each position to a window around it, as NATTEN's functions (Hassani et al. 2023, arXiv:2204.07143).

    Its inputs are query, key and value [*positions, heads * features], already projected. At a border the window is
    moved inside, so that every position attends to as many; with `dilation` to each second one, or third (Hassani & Shi
    2022, arXiv:2209.15001).

    MACs: window per element of the query and per element of the output. FLOPs: 2 per MAC, 6 per score of a
    window (scale 1, softmax 5), 1 per score of a window with position biases.

    With `fused` attention backward keeps what NATTEN's kernels do: the inputs, the output and the logarithm of each
    softmax's sum in float32; with position biases, which have kernels of their own, queries that are scaled, keys,
    values and what the softmax makes. Else it keeps all that the program computes that copies each window.
    """

    kind = "attention"
    has_kernel = True
    gives_floats = True
    inputs: ClassVar[tuple[int, int | None]] = (3, 3)
    rank: ClassVar[int]
    num_heads: int = arg("heads, each with its own queries", Int(1, 10_000), 1, aliases=("heads", "n_heads"))
    kernel_size: tuple[int, ...] = arg("positions that one attends to, itself among them", PerAxis())
    dilation: tuple[int, ...] = arg("distance of these positions", PerAxis(), 1, aliases=("dilation_rate",))
    position_biases: bool = arg(
        "learned biases of a head, one for each relative position", Bool(), default=False, aliases=("rel_pos_bias",)
    )

    def output(self, *shapes: Shape) -> Shape:
        query, key, value = shapes
        if len(query) != self.rank + 2:
            raise Mismatch(f"needs an input of {self.rank + 1} axes (positions, features), got {len(query) - 1}")
        if query != key or query[:-1] != value[:-1]:
            raise Mismatch(f"query {text(query)}, key {text(key)} and value {text(value)} need the same positions")
        for length, window, step in zip(query[1:-1], self.kernel_size, self.dilation, strict=True):
            if window * step > length:
                message = f"a window of {window} by steps of {step} is larger than {length}"
                raise Mismatch(message, args=("kernel_size",))
        refuse_uneven(key, value, self.num_heads)
        return value

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        if not self.position_biases:
            return {}
        shape = (self.num_heads, *[2 * window - 1 for window in self.kernel_size])
        return {"biases": Weight(shape, ("heads", *numbered(range(1, 1 + self.rank))))}

    @property
    def window(self) -> int:
        """Positions that one attends to."""
        return prod(self.kernel_size)

    def scores(self, shapes: Sequence[Shape]) -> int:
        """Return the number of scores: one for every head, position and position of its window."""
        return size(shapes[0][:-1]) * self.window * self.num_heads

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        macs = self.window * (size(shapes[0]) + size(output))
        return Work(macs, (6 + self.position_biases) * self.scores(shapes))

    def backward(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Backward:
        scores, sums = self.window * size(shapes[0]), self.window * size(output)
        of_query, of_key, of_value = run.inputs
        of_scores = of_query or of_key or (run.weights and self.position_biases)
        other = of_scores * self.work(shapes, output).other
        biases = Work(other=run.weights * self.position_biases * self.scores(shapes))
        if self._has_sums(run.attention):
            # One kernel for all gradients, which computes the scores again.
            return Backward(Work(3 * scores + 2 * sums, other), biases)
        return Backward(Work((of_query + of_key) * scores + (of_scores + of_value) * sums, other), biases)

    def _has_sums(self, attention: str) -> bool:
        """Return whether one kernel does all, which keeps the sums of softmaxes for the scores."""
        return attention == "fused" and not self.position_biases

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        if self._has_sums(run.attention):
            sums = size(output[:-1]) * self.num_heads
            return Kept((0, 1, 2), outputs=(0,), extra=(("float32", sums),))
        if run.attention == "fused":
            return Kept((1, 2), extra=(("float", size(shapes[0]) + self.scores(shapes)),))
        return super().kept(shapes, output, run)

    def loops(self, shapes: Sequence[Shape]) -> int:
        return 1

    def record(self, tape: Tape, given: Sequence[Value], weights: Weights, steps: int) -> tuple[Value, ...]:
        query, key, value = given
        rows, window = (*query.shape[:-1], self.num_heads), self.window
        flat = self._flattened([one.shape for one in given], tape.run)[0]
        read = tape.copy(query) if self._is_copied(query.shape) or flat else query
        near = [tape.copy(one, (*rows, window, one.shape[-1] // self.num_heads)) for one in (key, value)]
        scores = tape.product(read, near[0], *rows, window)
        if self.position_biases:
            scores = tape.plus(scores, weights["biases"].view(window))
        return (tape.product(tape.exp(scores), near[1], *value.shape),)

    def _is_copied(self, query: Shape) -> bool:
        """Return whether a product reads copies of queries: heads and positions change places."""
        return self.num_heads > 1 and size(query[1:-1]) > 1

    def _flattened(self, shapes: Sequence[Shape], run: Run) -> list[int]:
        """Return the elements of the copies in which positions become one axis, of each input; 0 of views."""
        lying = (run.strides, *(run.others or (None, None)))
        return [
            copied(shape, strides, (shape[0], size(shape[1:-1]), shape[-1]))
            for shape, strides in zip(shapes, lying, strict=True)
        ]

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        scores = self.scores(shapes)
        if self._has_sums(run.attention):
            return (("float32", size(output[:-1]) * self.num_heads),)
        if run.attention == "fused":
            return (("float", scores + largest(size(shapes[0]), scores, size(output)) - size(output)),)
        copied = self._is_copied(shapes[0])
        read = size(shapes[0]) * copied
        biases = self.position_biases * scores // shapes[0][0]
        # While scores are made; scaled, or in a softmax; while values are weighed; while heads are joined.
        making = self.window * size(shapes[0]) + read + scores
        weighing = self.window * size(output) + scores + size(output)
        most = largest(making, 2 * scores, weighing, scores + (1 + copied) * size(output))
        flat = sum(self._flattened(shapes, run))
        return (("float", flat + biases + most - size(output)),)

    def label(self) -> str:
        return f"neighborhood attention, {self.num_heads} heads"


class NA1D(_NeighborhoodAttention):
    rank = 1


class NA2D(_NeighborhoodAttention):
    rank = 2


class NA3D(_NeighborhoodAttention):
    rank = 3
