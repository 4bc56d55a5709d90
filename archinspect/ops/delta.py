"""The delta rule: a state of keys by values in which each step replaces what its key reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from archinspect.base.shape import Mismatch, ceil_div, largest, size, text
from archinspect.ops.args import Int, arg
from archinspect.ops.figures import Backward, Kept, Work
from archinspect.ops.linear import Sizes, refuse_uneven, sizes_of
from archinspect.ops.tape import Recorded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape
    from archinspect.ops.figures import Elements, Run
    from archinspect.ops.tape import Tape, Value, Weights

INPUTS = 4
"""Query, key, value and the share that is written."""
READER = 4
"""The number of the input that reads the state of a generalized rule."""
KERNEL_STEPS = 16
"""Steps after which RWKV's kernel stores a state for backward: `CHUNK_LEN` of `RWKV-LM/RWKV-v7/train_temp`."""


class DeltaRule(Recorded):
    """A state in which steps write over what they read, `S = S + k beta (v - k S)`, `y = q S` (Schlag et al. 2021).

    Its inputs are query and key [steps, heads * keys], value [steps, heads * values], beta [steps, heads], the share
    that is written, and where the state decays first, `S = decay S`, factors of each head, [steps, heads], as in Gated
    DeltaNet (Yang et al. 2024, arXiv:2412.06464), or of each key, [steps, heads * keys], as in Kimi Linear. Layers make
    all of them.

    MACs: 2 * keys * values per head and step (what the key reads, what the query reads). FLOPs: 2 per MAC, 2 per
    element of all states, 1 per element of all states where it decays, 2 per output element. Backward keeps what a loop
    over the steps computes.
    """

    kind = "attention"
    has_kernel = True
    gives_floats = True
    aliases = ("GatedDeltaRule",)
    inputs: ClassVar[tuple[int, int | None]] = (INPUTS, INPUTS + 1)
    num_heads: int = arg("heads, each with a state of its own", Int(1, 10_000), 1, aliases=("heads", "n_heads"))

    def output(self, *shapes: Shape) -> Shape:
        if len(shapes[0]) != 3:  # noqa: PLR2004 - batch, steps, features
            raise Mismatch(f"needs an input of 2 axes (steps, features), got {len(shapes[0]) - 1}")
        query, key, value, beta, *decay = shapes
        if query != key or query[:-1] != value[:-1]:
            raise Mismatch(
                f"query {text(query)}, key {text(key)} and value {text(value)} need the axes [steps, features], "
                "queries as many features as keys, and all as many steps"
            )
        refuse_uneven(key, value, self.num_heads)
        if beta != (*query[:-1], self.num_heads):
            raise Mismatch(f"beta must be {text((*query[:-1], self.num_heads))}, not {text(beta)}", args=("num_heads",))
        if decay and (decay[0][:-1] != query[:-1] or decay[0][-1] not in (self.num_heads, key[-1])):
            heads, keys = self.num_heads, key[-1] // self.num_heads
            raise Mismatch(f"decay {text(decay[0])} is neither of {heads} heads nor of the {keys} keys of each")
        return value

    def _sizes(self, shapes: Sequence[Shape], output: Shape) -> Sizes:
        return sizes_of(self.num_heads, shapes, output)

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        sizes = self._sizes(shapes, output)
        states = sizes.steps * sizes.state
        return Work(2 * states, (2 + (len(shapes) > INPUTS)) * states + 2 * size(output))

    def backward(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Backward:
        macs, other = self.work(shapes, output)
        query, *entries = run.inputs
        # Of what the query reads, and of what the key reads; a state of zeros has no gradient, but for its decay's.
        sums = macs // 2
        later = sums - sums // output[1] * (not any(run.inputs[INPUTS:]))
        return Backward(Work((query + any(entries)) * sums + run.inputs[1] * sums + any(entries) * later, 2 * other))

    def of_kernel(self, attention: str) -> bool:
        return False

    def record(self, tape: Tape, given: Sequence[Value], weights: Weights, steps: int) -> tuple[Value, ...]:
        query, key, value, beta, *decay = _of_heads(given, self.num_heads)
        (samples, heads, keys, _), values = key.shape, value.shape[2]
        state = tape.new(value.dtype, (samples, heads, keys, values))
        for _ in range(steps):
            for one in decay:
                state = tape.times(state, one)
            seen = tape.product(_row(tape, key, self.loops([given[0].shape])), state, samples, heads, values, 1)
            new = tape.times(tape.plus(value, seen), beta)
            state = tape.plus(state, tape.times(key, new.view(samples, heads, 1, values)))
            found = tape.product(_row(tape, query, self.loops([given[0].shape])), state, samples, heads, values)
        return (found,)

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        sizes, total = self._sizes(shapes, output), size(output)
        row = total // sizes.steps
        step = 3 * sizes.state + total + row
        end = sizes.state + 2 * total + 2 * row
        return (("float", largest(step, end) - total),)

    @property
    def goes_on(self) -> bool:
        return True

    def carried(self, *shapes: Shape) -> int:
        return self._sizes(shapes, self.output(*shapes)).state

    def label(self) -> str:
        return f"delta rule, {self.num_heads} heads"


class GeneralizedDeltaRule(Recorded):
    """A state that decays, is changed by what it reads of itself, and is added to: RWKV 7's (arXiv:2503.14456).

    `S = w S + b (a S) + k v`, `y = q S` (Peng et al. 2025). Its inputs are query and key [steps, heads * keys], value
    [steps, heads * values], and as the key the factors of the decay w, what reads the state before, a, and where that
    is written, b. RWKV 7 reads by a normalized key, `a = -k`, and writes `b = k * rate`. Layers make all of them.

    MACs: 2 * keys * values per head and step (what a reads, what the query reads). FLOPs: 2 per MAC, 5 per element of
    all states. Backward keeps with `fused` attention what RWKV's kernel does: its inputs, and in float32 what a reads
    and each sixteenth state; else all that a loop over the steps computes.
    """

    kind = "attention"
    has_kernel = True
    gives_floats = True
    aliases = ("DPLR", "DPLRDeltaRule", "WKV7")
    inputs: ClassVar[tuple[int, int | None]] = (6, 6)
    num_heads: int = arg("heads, each with a state of its own", Int(1, 10_000), 1, aliases=("heads", "n_heads"))

    def output(self, *shapes: Shape) -> Shape:
        query, key, value, *others = shapes
        if len(query) != 3:  # noqa: PLR2004 - batch, steps, features
            raise Mismatch(f"needs an input of 2 axes (steps, features), got {len(query) - 1}")
        for name, shape in zip(("key", "decay", "a", "b"), (key, *others), strict=True):
            if shape != query:
                raise Mismatch(f"{name} must be {text(query)} as the query, not {text(shape)}")
        if query[:-1] != value[:-1]:
            raise Mismatch(f"value {text(value)} has not the steps of the query {text(query)}")
        refuse_uneven(key, value, self.num_heads)
        return value

    def _sizes(self, shapes: Sequence[Shape], output: Shape) -> Sizes:
        return sizes_of(self.num_heads, shapes, output)

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        sizes = self._sizes(shapes, output)
        states = sizes.steps * sizes.state
        return Work(2 * states, 5 * states)

    def backward(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Backward:
        macs, other = self.work(shapes, output)
        query, *entries = run.inputs
        sums = macs // 2
        later = any(entries) * (sums - sums // output[1])  # a state of zeros has no gradient
        return Backward(Work((query + any(entries) + run.inputs[READER]) * sums + later, 2 * other))

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        sizes = self._sizes(shapes, output)
        if run.attention == "fused":
            chunks = ceil_div(sizes.steps, KERNEL_STEPS)
            return Kept(tuple(range(len(shapes))), extra=(("float32", chunks * sizes.state + size(output)),))
        return super().kept(shapes, output, run)

    def record(self, tape: Tape, given: Sequence[Value], weights: Weights, steps: int) -> tuple[Value, ...]:
        query, key, value, decay, reader, writer = _of_heads(given, self.num_heads)
        (samples, heads, keys, _), values = key.shape, value.shape[2]
        count = self.loops([given[0].shape])
        state = tape.new(value.dtype, (samples, heads, keys, values))
        for _ in range(steps):
            seen = tape.product(_row(tape, reader, count), state, samples, heads, 1, values)
            state = tape.plus(tape.times(state, decay), tape.times(writer, seen))
            state = tape.plus(state, tape.times(key, value.view(samples, heads, 1, values)))
            found = tape.product(_row(tape, query, count), state, samples, heads, values)
        return (found,)

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        sizes, total = self._sizes(shapes, output), size(output)
        if run.attention == "fused":
            return (("float32", ceil_div(sizes.steps, KERNEL_STEPS) * sizes.state + total),)
        row = total // sizes.steps
        return (("float", largest(4 * sizes.state, sizes.state + row + total)),)

    @property
    def goes_on(self) -> bool:
        return True

    def carried(self, *shapes: Shape) -> int:
        return self._sizes(shapes, self.output(*shapes)).state

    def label(self) -> str:
        return f"generalized delta rule, {self.num_heads} heads"


def _of_heads(given: Sequence[Value], heads: int) -> list[Value]:
    """Return a step of each input, of heads apart."""
    return [one.view(one.shape[0], heads, one.shape[-1] // heads, 1) for one in given]


def _row(tape: Tape, value: Value, steps: int) -> Value:
    """Return what a product of each head reads: a copy where samples and heads are not one axis in memory."""
    samples, heads, *_ = value.shape
    return tape.copy(value) if samples > 1 and heads > 1 and steps > 1 else value
