"""xLSTM's recurrences: a memory of keys by values with gates, and a memory of numbers with exponential gates."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from archinspect.base.shape import Mismatch, ceil_div, largest, size, text
from archinspect.ops.args import Bool, Int, Optional, arg
from archinspect.ops.declared import ArgumentError
from archinspect.ops.figures import Backward, Kept, Weight, Work
from archinspect.ops.linear import Sizes, refuse_uneven, sizes_of
from archinspect.ops.tape import Recorded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape
    from archinspect.ops.figures import Elements, Run
    from archinspect.ops.tape import Tape, Value, Weights

GATES = 4
"""Of an sLSTM: what enters, what is forgotten, what is new, and what is given."""


class MLSTM(Recorded):
    """xLSTM's matrix memory, `C = f C + i k v`, `n = f n + i k`, `y = q C / max(|q n|, exp(-m))` (arXiv:2405.04517).

    Its inputs are query and key [steps, heads * keys], value [steps, heads * values], and of each head a number whose
    exponential is the input gate i, and one whose sigmoid is the forget gate f, [steps, heads]; layers make all of
    them. m is the largest logarithm of both gates, by which they are made smaller (Beck et al. 2024).

    By steps: MACs: 2 * keys * values + keys per head and step (what enters, and what the query reads of C and of n). By
    chunks of steps, the last one filled up, as kernels compute it: MACs: chunk * (keys + values) beside them.

    FLOPs: 2 per MAC, 3 per element of all matrices, 4 per key of a step (what is added to n 3, the query scaled 1), 1
    per value of a step, 16 per head and step (the forget gate's logarithm 5, m 2, both gates 4, the divisor 5), 3 per
    score of a chunk.

    Backward keeps with `fused` attention, or by chunks, what kernels do: the inputs, and two numbers of each head and
    step in float32; else all that a loop over the steps computes.
    """

    kind = "attention"
    has_kernel = True
    gives_floats = True
    aliases = ("MLSTMCell", "MatrixLSTM")
    inputs: ClassVar[tuple[int, int | None]] = (5, 5)
    num_heads: int = arg("heads, each with a state of its own", Int(1, 10_000), 1, aliases=("heads", "n_heads"))
    chunk: int | None = arg(
        "steps that a kernel computes together; each by itself by default",
        Optional(Int(1)),
        None,
        aliases=("chunk_size",),
    )

    def output(self, *shapes: Shape) -> Shape:
        query, key, value, *gates = shapes
        if len(query) != 3:  # noqa: PLR2004 - batch, steps, features
            raise Mismatch(f"needs an input of 2 axes (steps, features), got {len(query) - 1}")
        if query != key or query[:-1] != value[:-1]:
            raise Mismatch(
                f"query {text(query)}, key {text(key)} and value {text(value)} need the axes [steps, features], "
                "queries as many features as keys, and all as many steps"
            )
        refuse_uneven(key, value, self.num_heads)
        wanted = (*query[:-1], self.num_heads)
        for name, shape in zip(("input", "forget"), gates, strict=True):
            if shape != wanted:
                raise Mismatch(f"the {name} gate must be {text(wanted)}, not {text(shape)}", args=("num_heads",))
        return value

    def _sizes(self, shapes: Sequence[Shape], output: Shape) -> Sizes:
        return sizes_of(self.num_heads, shapes, output)

    def _chunks(self, sizes: Sizes) -> int:
        """Return how many chunks a kernel makes: one, unless it is said how long they are."""
        return ceil_div(sizes.steps, self.chunk or sizes.steps)

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        sizes = self._sizes(shapes, output)
        steps = sizes.steps if self.chunk is None else self._chunks(sizes) * self.chunk
        heads = sizes.samples * steps * sizes.heads
        scores = heads * (self.chunk or 0)
        macs = 2 * steps * sizes.state + heads * sizes.keys + scores * (sizes.keys + sizes.values)
        each = 3 * sizes.keys * sizes.values + 4 * sizes.keys + sizes.values + 16
        return Work(macs, heads * each + 3 * scores)

    def backward(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Backward:
        query, key, value, *gates = run.inputs
        sizes, other = self._sizes(shapes, output), 2 * self.work(shapes, output).other
        read, weight = query or any(gates), key or any(gates)
        if self.chunk is not None:
            steps = self._chunks(sizes) * self.chunk
            heads = sizes.samples * steps * sizes.heads
            scores = (query + key) * sizes.keys + ((query or weight) + value) * sizes.values
            states = (read + (weight or value) + weight + value) * steps * sizes.state
            return Backward(Work(heads * self.chunk * scores + states + (read + weight) * heads * sizes.keys, other))
        entry, reads = sizes.steps * sizes.state, sizes.samples * sizes.steps * sizes.heads * sizes.keys
        sums = (key + value + query + (weight or value)) * entry + (query + weight) * reads
        return Backward(Work(sums, other))

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        sizes = self._sizes(shapes, output)
        heads = sizes.samples * sizes.steps * sizes.heads
        if run.attention == "fused" or self.chunk is not None:
            return Kept(tuple(range(len(shapes))), extra=(("float32", 2 * heads),))
        return super().kept(shapes, output, run)

    def of_kernel(self, attention: str) -> bool:
        return self.chunk is not None or super().of_kernel(attention)

    def record(self, tape: Tape, given: Sequence[Value], weights: Weights, steps: int) -> tuple[Value, ...]:
        heads = self.num_heads
        query, key, value, entry, forget = (one.view(one.shape[0], heads, one.shape[-1] // heads) for one in given)
        samples, _, _ = key.shape
        copied = samples > 1 and heads > 1 and given[0].shape[1] > 1  # a product of each head reads copies
        state, weight, top = (
            tape.new(value.dtype, shape) for shape in ((*key.shape, value.shape[2]), key.shape, (samples, heads, 1))
        )
        for _ in range(steps):
            kept = tape.plus(tape.log_sigmoid(forget), top)
            top = tape.maximum(kept, entry)
            before, now = tape.exp(tape.plus(kept, top)), tape.exp(tape.plus(entry, top))
            reads = tape.copy(query)  # scaled
            one, other = (tape.copy(one) if copied else one for one in (key, value))
            new = tape.times(now.view(samples, heads, 1, 1), tape.product(one, other, *state.shape))
            state = tape.plus(tape.times(before.view(samples, heads, 1, 1), state), new)
            weight = tape.plus(tape.times(before, weight), tape.times(now, key))
            above = tape.product(reads, state, *value.shape)
            below = tape.absolute(tape.product(reads, weight, samples, heads, 1))
            below = tape.plus(tape.maximum(below, tape.exp(top)))
            found = tape.over(above, below)
        return (found,)

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        sizes, total = self._sizes(shapes, output), size(output)
        heads, state, row = sizes.samples * sizes.heads, sizes.state, total // sizes.steps
        keys = heads * sizes.keys
        if run.attention == "fused" or self.chunk is not None:
            return (("float32", (self._chunks(sizes) + 1) * (state + keys + heads) + 2 * heads * sizes.steps),)
        step = largest(
            *(
                4 * state + 2 * keys + 5 * heads,
                3 * state + 3 * keys + row + 5 * heads,
                2 * state + 5 * keys + 5 * heads,
            ),
            *(2 * state + 3 * keys + row + 9 * heads, 2 * state + 3 * keys + 2 * row + 7 * heads),
        )
        end = state + keys + heads + total
        return (("float", largest(step - row, end)),)

    @property
    def goes_on(self) -> bool:
        return True

    def carried(self, *shapes: Shape) -> int:
        sizes = self._sizes(shapes, self.output(*shapes))
        return sizes.state + sizes.samples * sizes.heads * (sizes.keys + 1)

    def after(self, steps: int) -> MLSTM:
        return self.replace(chunk=None)

    def label(self) -> str:
        return f"mLSTM, {self.num_heads} heads"


class SLSTM(Recorded):
    """xLSTM's memory of numbers, `c = f c + i tanh(z)`, `n = f n + i`, `y = sigmoid(o) c / n` (arXiv:2405.04517).

    Its input are the four gates i, f, z and o of each unit, [steps, 4 * units], that layers make; to them is added what
    the output before gives by a kernel of each head, [units / heads, 4 * units / heads], and a bias. The exponential of
    i and the sigmoid of f are made smaller by the largest logarithm of both (Beck et al. 2024).

    MACs: 4 * units * units / heads per step. FLOPs: 2 per MAC, 23 per unit and step (the forget gate's logarithm 6, the
    largest 1, both gates 4, the new 4 and its weight 2, a sigmoid 4, the product and the quotient), 4 per unit and step
    for the bias. Backward keeps what a loop over the steps computes.
    """

    has_kernel = True
    gives_floats = True
    aliases = ("SLSTMCell", "ScalarLSTM")
    units: int = arg("units, a quarter of the input's features", Int(1), aliases=("hidden_size", "embedding_dim"))
    num_heads: int = arg("heads, whose units read only each other", Int(1, 10_000), 1, aliases=("heads", "n_heads"))
    use_bias: bool = arg("add a bias to each gate", Bool(), default=True, aliases=("bias",))

    def check(self) -> None:
        if self.units % self.num_heads:
            raise ArgumentError(f"SLSTM: {self.num_heads} heads do not divide {self.units} units", "num_heads")

    def output(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if len(shape) != 3:  # noqa: PLR2004 - batch, steps, features
            raise Mismatch(f"needs an input of 2 axes (steps, features), got {len(shape) - 1}")
        if shape[-1] != GATES * self.units:
            raise Mismatch(
                f"needs {GATES * self.units} features, {GATES} gates of {self.units} units, not {shape[-1]}",
                args=("units",),
            )
        return (*shape[:-1], self.units)

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        of_head = self.units // self.num_heads
        kernel = Weight((self.num_heads, of_head, GATES * of_head), ("heads", "in", "out"))
        bias = {"bias": Weight((GATES * self.units,), ("out",))} if self.use_bias else {}
        return {"recurrent_kernel": kernel} | bias

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        macs = GATES * size(output) * (self.units // self.num_heads)
        return Work(macs, (23 + GATES * self.use_bias) * size(output))

    def backward(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Backward:
        macs, other = self.work(shapes, output)
        # The output before the first step is zeros, which need no gradient.
        return Backward(Work(macs - macs // output[1], 2 * other), Work(run.weights * macs))

    def of_kernel(self, attention: str) -> bool:
        return False

    def record(self, tape: Tape, given: Sequence[Value], weights: Weights, steps: int) -> tuple[Value, ...]:
        (gates,) = given
        row = (gates.shape[0], self.units)
        found, state, weight, top = (tape.new(gates.dtype, row) for _ in range(4))
        for _ in range(steps):
            again = tape.product(found, weights["recurrent_kernel"], row[0], GATES * self.units)
            sums = tape.plus(gates.view(row[0], GATES * self.units), again)
            sums = tape.plus(sums, weights["bias"]) if self.use_bias else sums
            part = sums.view(*row)
            kept = tape.plus(tape.log_sigmoid(part), top)
            top = tape.maximum(part, kept)
            entry, kept = tape.exp(tape.plus(part, top)), tape.exp(tape.plus(kept, top))
            state = tape.plus(tape.times(kept, state), tape.times(entry, tape.squash(part)))
            weight = tape.plus(tape.times(kept, weight), entry)
            found = tape.over(tape.times(tape.squash(part), state), weight)
        return (found,)

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        total, rows = size(output), 15 + self.use_bias  # in a step: two sums of four gates, or three, and the states
        row = total // output[1]
        return (("float", largest(rows * row, (rows - 2) * row + total, 3 * row + 2 * total) - total),)

    @property
    def goes_on(self) -> bool:
        return True

    def carried(self, *shapes: Shape) -> int:
        return GATES * shapes[0][0] * self.units

    def label(self) -> str:
        return f"sLSTM, {self.units}"
