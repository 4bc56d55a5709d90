"""Recurrent layers whose weighted sums are convolutions."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, ClassVar

from archinspect.base.shape import Mismatch, largest, size, text
from archinspect.ops.args import Bool, Choice, Int, PerAxis, arg
from archinspect.ops.conv import Conv1D, Conv2D, Conv3D, _Conv
from archinspect.ops.figures import Backward, Weight, Work
from archinspect.ops.recurrent import LSTM
from archinspect.ops.spatial import data_format_arg, times
from archinspect.ops.tape import Recorded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape
    from archinspect.ops.figures import Elements, Run
    from archinspect.ops.tape import Tape, Value, Weights

CONVOLUTIONS = {
    1: Conv1D(filters=1, kernel_size=1),
    2: Conv2D(filters=1, kernel_size=1),
    3: Conv3D(filters=1, kernel_size=1),
}


class _ConvLSTM(Recorded):
    """An LSTM over maps: its weighted sums are convolutions (Shi et al. 2015, arXiv:1506.04214), as Keras's layer.

    The steps are the first axis: [steps, height, width, channels] with the channels last. The state is convolved with
    the same window, `same` and without strides. A second and third input are the output and the state it starts from.
    Only the last step's output is given unless `return_sequences: true`.
    MACs: those of both convolutions, per step. FLOPs: 2 per MAC, 18 per element of all steps (three sigmoids 12, two
    tanh 2, the new state 3, the output 1), 4 per element of all steps for the bias.
    """

    kind = "recurrent"
    has_kernel = True
    anew = 1
    gives_floats = True
    inputs: ClassVar[tuple[int, int | None]] = (1, 3)
    ignores = (*LSTM.ignores, "dropout")

    filters: int = arg("channels of the state, and of a step's output", Int(1, 10**8))
    kernel_size: tuple[int, ...] = arg("size of the window", PerAxis())
    strides: tuple[int, ...] = arg("step of the window over the input", PerAxis(), 1)
    padding: str = arg("zeros around the input", Choice("valid", "same"), "valid")
    dilation_rate: tuple[int, ...] = arg("distance of the window's taps over the input", PerAxis(), 1)
    use_bias: bool = arg("add a learned bias in every gate", Bool(), default=True, aliases=("bias",))
    return_sequences: bool = arg("give every step's output; else the last's", Bool(), default=False)
    return_state: bool = arg("give the output and the state after the last step, too", Bool(), default=False)
    data_format: str = data_format_arg()

    @property
    def of_input(self) -> _Conv:
        """The convolution of a step's input, for all gates."""
        return CONVOLUTIONS[self.rank].replace(
            filters=4 * self.filters,
            kernel_size=self.kernel_size,
            strides=self.strides,
            padding=self.padding,
            dilation_rate=self.dilation_rate,
            use_bias=self.use_bias,
            data_format=self.data_format,
        )

    @property
    def of_state(self) -> _Conv:
        """The convolution of the step's output before, for all gates."""
        return CONVOLUTIONS[self.rank].replace(
            filters=4 * self.filters,
            kernel_size=self.kernel_size,
            padding="same",
            use_bias=False,
            data_format=self.data_format,
        )

    def lengths(self, shape: Shape) -> Shape:
        """Return the positions along each axis of a step's map."""
        return self.of_input.split(_step(shape))[0]

    def state(self, shape: Shape) -> Shape:
        """Return the shape of the output and the state after a step, of an input of this shape."""
        gates = self.of_input.output(_step(shape))
        if self.data_format == "channels_first":
            return (gates[0], self.filters, *gates[2:])
        return (*gates[:-1], self.filters)

    def output(self, *shapes: Shape) -> Shape:
        shape, *states = shapes
        if len(shape) != self.rank + 3:
            given, axes = len(shape) - 1, ", ".join(map(str, shape[1:]))
            raise Mismatch(
                f"needs an input of {self.rank + 2} axes, the steps first, got {given}: [{axes}]",
                help="`return_sequences: true` in the recurrent layer before it keeps the steps",
            )
        state = self.state(shape)
        if any(given != state for given in states) or len(states) == 1:
            raise Mismatch(
                f"starts from two states of {text(state)}, not from {' and '.join(map(text, states))}",
                help="an initial output and an initial state are as large as a step's output",
            )
        return (state[0], shape[1], *state[1:]) if self.return_sequences else state

    def outputs(self, *shapes: Shape) -> tuple[Shape, ...]:
        states = (self.state(shapes[0]),) * 2 if self.return_state else ()
        return self.output(*shapes), *states

    @property
    def output_count(self) -> int:
        return 1 + 2 * self.return_state

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        of_input = self.of_input.weights(_step(shapes[0]))
        of_state = self.of_state.weights(self.state(shapes[0]))["kernel"]
        window = of_state.axes[: self.rank]
        found = {
            "kernel": Weight(of_input["kernel"].shape, (*window, "in", "gates")),
            "recurrent_kernel": Weight(of_state.shape, (*window, "state", "gates")),
        }
        return found | ({"bias": Weight((4 * self.filters,), ("gates",))} if self.use_bias else {})

    def _works(self, shape: Shape) -> tuple[int, int, int]:
        """Return the MACs of a step's two convolutions, and a step's elements."""
        gates = self.of_input.output(_step(shape))
        of_input = self.of_input.work([_step(shape)], gates).macs
        # The other convolution keeps the size: said by itself, it would have pads of its own in a formula.
        return of_input, prod(self.kernel_size) * self.filters * size(gates), size(self.state(shape))

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        steps = shapes[0][1]
        of_input, of_state, elements = self._works(shapes[0])
        return Work(steps * (of_input + of_state), steps * elements * (LSTM.operations + LSTM.gates * self.use_bias))

    def backward(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Backward:
        steps = shapes[0][1]
        of_input, of_state, elements = self._works(shapes[0])
        # No gradients of the zeros that a state starts from.
        states = steps if any(run.inputs[1:]) else steps - 1
        macs = self.work(shapes, output).macs
        return Backward(
            Work(run.inputs[0] * steps * of_input + states * of_state, steps * elements * LSTM.operations),
            Work(run.weights * macs, run.weights * steps * elements * LSTM.gates * self.use_bias),
        )

    def _padded(self, shape: Shape) -> tuple[int, int]:
        """Return the elements of the copies that are padded before each convolution; 0 where none is."""
        state = self.state(shape)
        return self.of_input.padded(_step(shape)), self.of_state.padded(state)

    def of_kernel(self, attention: str) -> bool:
        return False

    def record(self, tape: Tape, given: Sequence[Value], weights: Weights, steps: int) -> tuple[Value, ...]:
        x, *states = given
        shape = self.state(x.shape)
        found, state = states or (tape.new(tape.low, shape),) * 2
        of_input, of_state = self._padded(x.shape)
        step, gates = x.view(*_step(x.shape)), (4, *shape)
        for _ in range(steps):
            sums = tape.convolve(step, weights["kernel"], gates, of_input)
            sums = tape.plus(sums, tape.convolve(found, weights["recurrent_kernel"], gates, of_state))
            gate = sums.view(*shape)
            new = tape.times(tape.squash(gate), tape.squash(gate))
            state = tape.plus(tape.times(tape.squash(gate), state), new)
            found = tape.times(tape.squash(gate), tape.squash(state))
        return (found, found, state)[: self.output_count]

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        steps, state = shapes[0][1], size(self.state(shapes[0]))
        # While a step's sums are added: those of the input, of the state, and both, of 4 gates each, and the step
        # before's; the state, and the outputs so far.
        earlier = steps - 1 if self.return_sequences else 1
        sums = 16 + 1 + earlier if steps > 1 else 12 + (len(shapes) == 1)
        # While the outputs are joined: they, the last step's sums, its state.
        joined = 2 * steps + 5 if self.return_sequences else 0
        return (("float", (largest(sums, joined) - 2 * self.return_state) * state - size(output)),)

    @property
    def goes_on(self) -> bool:
        return self.return_sequences

    def carried(self, *shapes: Shape) -> int:
        return 2 * size(self.state(shapes[0]))

    def quantities(self, shapes: Sequence[Shape], output: Shape) -> dict[str, int]:
        states = shapes[0][1] * size(self.state(shapes[0]))
        return {"state": states, "biased_state": states if self.use_bias else 0, "sequence": states}

    def label(self) -> str:
        return f"{times(self.kernel_size)} conv LSTM, {self.filters}"


def _step(shape: Shape) -> Shape:
    """Return the shape of a step's map."""
    return (shape[0], *shape[2:])


class ConvLSTM1D(_ConvLSTM):
    rank = 1


class ConvLSTM2D(_ConvLSTM):
    rank = 2


class ConvLSTM3D(_ConvLSTM):
    rank = 3
