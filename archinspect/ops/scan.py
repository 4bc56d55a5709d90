"""Sequence mixers that carry a state from step to step by rules of their inputs, without weights of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from archinspect.base.shape import Mismatch, ceil_div, largest, size, text
from archinspect.ops.figures import Backward, Kept, Work
from archinspect.ops.tape import Recorded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape
    from archinspect.ops.figures import Elements, Run
    from archinspect.ops.tape import Tape, Value, Weights

CHUNK = 2048
"""Steps after which Mamba's kernel stores its states for backward: `selective_scan.cpp` of mamba_ssm."""


class SelectiveScan(Recorded):
    """Mamba's recurrence, `h = exp(delta A) h + delta B x`, `y = C h + D x` (Gu & Dao 2023, arXiv:2312.00752).

    Its inputs are x [steps, channels], delta [steps, channels], A [channels, states], B [steps, states],
    C [steps, states] and, where x is added to the output, D [channels]. A and D are usually a `Parameter`, delta, B and
    C are made of x by layers. A channel has its own states, and only the product of C and the states is a sum of
    products: MACs: channels * states per step. FLOPs: 2 per MAC, 6 per state and step (three products of x, delta, A
    and B, the exponential, the decay of the state and what is added to it), 2 per output element for what D adds.

    Backward keeps with `fused` attention what Mamba's kernel does: its inputs, and two numbers for each state and 2048
    steps; else all that a loop over the steps computes.
    """

    has_kernel = True
    gives_floats = True
    stretches = True
    aliases = ("MambaScan", "SelectiveSSM")
    inputs: ClassVar[tuple[int, int | None]] = (5, 6)

    def output(self, *shapes: Shape) -> Shape:
        given, *others = shapes
        if len(given) != 3:  # noqa: PLR2004 - the batch, steps, channels
            raise Mismatch(f"needs an input of 2 axes (steps, channels), got {len(given) - 1}")
        delta, decay, into, out, *skip = others
        if len(decay) != 3 or decay[1] != given[2]:  # noqa: PLR2004 - the batch, channels, states
            raise Mismatch(f"A has the axes [channels, states], {given[2]} channels as x, not {text(decay)}")
        states = (*given[:2], decay[2])
        wanted: list[tuple[Shape, Shape, str]] = [(delta, given, "delta"), (into, states, "B"), (out, states, "C")]
        if skip:
            wanted.append((skip[0], (given[0], given[2]), "D"))
        for shape, expected, name in wanted:
            if shape[1:] != expected[1:]:
                raise Mismatch(f"{name} must be {text(expected)} beside x {text(given)}, not {text(shape)}")
        return (largest(*(shape[0] for shape in shapes)), *given[1:])

    def axis_flow(self, *shapes: Shape) -> str:
        skip = ", batch channels" if len(shapes) > len(_NAMES) else ""
        return f"{', '.join(_NAMES)}{skip} -> batch steps channels"

    def _states(self, shapes: Sequence[Shape], output: Shape) -> int:
        """Return the states of all steps."""
        return size(output) * shapes[2][2]

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        states = self._states(shapes, output)
        return Work(states, 6 * states + 2 * size(output) * _skips(shapes))

    def backward(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Backward:
        macs, other = self.work(shapes, output)
        through = any(run.inputs[:4])  # to the states, and from step to step
        return Backward(Work((through + run.inputs[4]) * macs, 2 * other * any(run.inputs)))

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        if run.attention == "fused":
            start, chunks = output[0] * size(shapes[2][1:]), ceil_div(output[1], CHUNK)
            return Kept(tuple(range(len(shapes))), extra=(("float32", 2 * start * chunks),))
        return super().kept(shapes, output, run)

    def record(self, tape: Tape, given: Sequence[Value], weights: Weights, steps: int) -> tuple[Value, ...]:
        x, delta, decay, into, out, *skip = given
        (samples, count, channels), states = x.shape, decay.shape[-1]
        each = delta.view(samples, count, channels, 1)
        decays = tape.exp(tape.times(each, decay.view(decay.shape[0], 1, channels, states)))
        entries = tape.times(each, into.view(samples, count, 1, states))
        entries = tape.times(entries, x.view(samples, count, channels, 1))
        state = tape.new(tape.high, (samples, channels, states))
        for _ in range(steps):
            decayed = tape.times(decays.view(samples, channels, states), state)
            state = tape.plus(decayed, entries.view(samples, channels, states))
            read = tape.product(state, out.view(samples, states, 1), samples, channels)
        return (tape.plus(read, *(tape.times(x, one) for one in skip)),)

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        state, total, states = output[0] * size(shapes[2][1:]), size(output), self._states(shapes, output)
        if run.attention == "fused":
            return (("float32", 2 * state * ceil_div(output[1], CHUNK)),)
        # While delta B is multiplied by x; in the last step; while outputs are stacked, and D x is added.
        made = 3 * states
        step = 2 * states + 3 * state + total - total // output[1]
        end = 2 * states + state + (2 + 2 * _skips(shapes)) * total
        return (("float", largest(made, step, end) - total),)

    @property
    def goes_on(self) -> bool:
        return True

    def carried(self, *shapes: Shape) -> int:
        return self.output(*shapes)[0] * size(shapes[2][1:])

    def label(self) -> str:
        return "selective scan"


_NAMES = ("batch steps~ channels", "batch steps~ channels", "batch channels states", *("batch steps~ states",) * 2)


def _skips(shapes: Sequence[Shape]) -> bool:
    return len(shapes) > len(_NAMES)
