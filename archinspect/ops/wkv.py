"""RWKV's averages of values, weighed by exponentials of keys, that are carried from step to step."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from archinspect.base.shape import Mismatch, largest, size, text
from archinspect.ops.figures import Kept, Work
from archinspect.ops.tape import Recorded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape
    from archinspect.ops.figures import Elements, Run
    from archinspect.ops.tape import Tape, Value, Weights

STATES = 3
"""Numbers that a channel carries: the sum of values, that of weights, and the largest exponent of both."""


class WKV(Recorded):
    """RWKV 4's average of the values before, a weight `exp(k)` each that decays, without weights of its own.

    `y = (a + exp(u + k) v) / (b + exp(u + k))`, then `a = exp(w) a + exp(k) v`, `b = exp(w) b + exp(k)` (Peng et al.
    2023, arXiv:2305.13048). Its inputs are key and value [steps, channels], the logarithm of the decay w [channels],
    which is below zero, and the bonus u [channels]. A channel has a state of its own: there are no sums of products.

    No MACs. FLOPs: 23 per element (exponents are made smaller by the largest: 12 for the output, of which the sum with
    u and the largest are 2, two exponentials of differences 4, both sums 5, the quotient 1; and 11 for the state).

    Backward keeps with `fused` attention what RWKV's kernel does, its inputs and its output; else all that a loop over
    the steps computes.
    """

    has_kernel = True
    gives_floats = True
    stretches = True
    inputs: ClassVar[tuple[int, int | None]] = (4, 4)

    def output(self, *shapes: Shape) -> Shape:
        key, value, *others = shapes
        if len(key) != 3:  # noqa: PLR2004 - batch, steps, channels
            raise Mismatch(f"needs an input of 2 axes (steps, channels), got {len(key) - 1}")
        if key[1:] != value[1:]:
            raise Mismatch(f"key {text(key)} and value {text(value)} need the same steps and channels")
        for name, shape in zip(("decay", "bonus"), others, strict=True):
            if shape[1:] != key[2:]:
                raise Mismatch(
                    f"{name} must be {text((shape[0], key[2]))} beside the key {text(key)}, not {text(shape)}"
                )
        return (largest(*(shape[0] for shape in shapes)), *key[1:])

    def axis_flow(self, *shapes: Shape) -> str:
        wide, each = "batch steps~ channels", "batch channels"
        return f"{wide}, {wide}, {each}, {each} -> batch steps channels"

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work(other=23 * size(output))

    def undifferentiated_of(self, *shapes: Shape) -> tuple[int, ...]:
        (_, steps, _), *_ = shapes
        return () if steps > 1 else (2,)  # a single step reads no decayed state

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        if run.attention == "fused":
            return Kept((0, 1, 2, 3), outputs=(0,))
        return super().kept(shapes, output, run)

    def record(self, tape: Tape, given: Sequence[Value], weights: Weights, steps: int) -> tuple[Value, ...]:
        key, value, decay, bonus = (one.view(*one.shape[:: len(one.shape) - 1]) for one in given)
        total, weight, top = (tape.new(key.dtype, key.shape) for _ in range(3))
        for step in range(steps):
            now = tape.plus(key, bonus)
            kept, added, _ = _weights(tape, top, now)
            above = tape.plus(tape.times(kept, total), tape.times(added, value))
            tape.over(above, tape.plus(tape.times(kept, weight), added))
            if step + 1 == steps:
                break  # nobody reads the last state
            kept, added, top = _weights(tape, tape.plus(top, decay), key)
            total = tape.plus(tape.times(kept, total), tape.times(added, value))
            weight = tape.plus(tape.times(kept, weight), added)
        return (tape.new(key.dtype, given[0].shape),)

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        if run.attention == "fused":
            return ()
        at_once = 9 + 2 * (output[1] > 1)
        return (("float", at_once * size(output) // output[1]),)

    @property
    def goes_on(self) -> bool:
        return True

    def carried(self, *shapes: Shape) -> int:
        _, _, channels = shape = self.output(*shapes)
        return STATES * shape[0] * channels

    def label(self) -> str:
        return "RWKV 4's average"


def _weights(tape: Tape, before: Value, now: Value) -> tuple[Value, Value, Value]:
    """Return the exponentials of two exponents, both made smaller by the larger, and that."""
    highest = tape.maximum(before, now)
    return tape.exp(tape.plus(before, highest)), tape.exp(tape.plus(now, highest)), highest
