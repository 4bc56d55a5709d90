"""Recurrent cells: one step of a recurrent layer, whose input and states a network has by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.base.shape import Mismatch, size
from archinspect.ops.figures import Kept, Weight
from archinspect.ops.recurrent import GRU, LSTM, SimpleRNN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape
    from archinspect.ops.figures import Backward, Elements, Run, Work
    from archinspect.ops.recurrent import Recurrent as _Layer
else:
    _Layer = object


class Cell(_Layer):
    """What all recurrent cells share, before the layer of which each is a step: one way, the states as outputs."""

    # What a layer over steps may be told.
    num_layers = 1
    bidirectional = False
    return_sequences = False
    return_state = False

    @property
    def output_count(self) -> int:
        return len(self.state)

    def output(self, *shapes: Shape) -> Shape:
        return self.outputs(*shapes)[0]

    def outputs(self, *shapes: Shape) -> tuple[Shape, ...]:
        shape, *states = shapes
        if len(shape) != 2:  # noqa: PLR2004 - the batch, features
            raise Mismatch(f"needs an input of 1 axis (the features of a step), got {len(shape) - 1}")
        super().output(_as_steps(shape), *states)
        return tuple([(shape[0], size) for size in self.state])

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        found = super().weights(_as_steps(shapes[0]))
        return {name.removeprefix("forward_0_"): weight for name, weight in found.items()}

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return super().work([_as_steps(shapes[0]), *shapes[1:]], output)

    def backward(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Backward:
        return super().backward([_as_steps(shapes[0]), *shapes[1:]], output, run)

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        within = self.kept_within - (run.outputs[:1] == (False,))  # a state's tanh is for the first output alone
        # Inputs and states are for the gradients of weights, but for one that gates guard.
        inputs = range(0 if run.weights else 2, len(shapes))
        zeros = len(shapes) == 1 and (run.weights or len(self.state) > 1)  # a state of zeros
        return Kept(tuple(inputs), self.kept_outputs, (("float", output[0] * self.units * (within + zeros)),))

    def kept_cast(self, shapes: Sequence[Shape], output: Shape, run: Run, high: str) -> Kept:
        found = self.kept(shapes, output, run)
        ((dtype, elements),) = found.extra
        unread = run.outputs[:1] == (False,)
        in_state = size(output) * (self.in_state and self.in_state - len(shapes[2:]) - unread)
        zeros = size(output) * (
            len(shapes) == 1 and len(self.state) > 1 and run.weights
        )  # those of the output are cast
        return found._replace(extra=((dtype, elements + zeros - in_state), (high, in_state)))

    def cast_kernels(self, shapes: Sequence[Shape], run: Run) -> dict[str, int]:
        found = super().cast_kernels([_as_steps(shapes[0]), *shapes[1:]], run)
        return {name.removeprefix("forward_0_"): casts for name, casts in found.items()}

    kept_within = 0
    """States that fit into what a step keeps beside what it reads and gives."""
    kept_outputs: tuple[int, ...] = ()

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        # What a step holds, and the zeros that it starts from where it reads no state; what it gives comes after.
        states = self.during_step + (len(shapes) == 1) - len(self.state)
        return (("float", output[0] * self.units * states),)

    def stored(self, shapes: Sequence[Shape], output: Shape) -> int:
        return output[0] * self.units

    def quantities(self, shapes: Sequence[Shape], output: Shape) -> dict[str, int]:
        return super().quantities([_as_steps(shapes[0]), *shapes[1:]], output)

    def label(self) -> str:
        return f"{type(self).__name__}, {self.units}"


def _as_steps(shape: Shape) -> Shape:
    return (shape[0], 1, *shape[1:])


class SimpleRNNCell(Cell, SimpleRNN):
    """A step of a recurrent layer without gates, as PyTorch's `nn.RNNCell`: `h = tanh(W x + U h + b)` (Elman 1990).

    A second input is the state before, [units]; without one it is zeros. The output is the new state. There is one
    bias, as in Keras; in PyTorch there are `biases: 2`. The activation counts as `tanh` whatever it is.
    MACs: units * (input features + units). FLOPs: 2 per MAC, 1 per unit, 1 per unit for each bias.
    """

    aliases = ("RNNCell",)
    kept_outputs = (0,)

    def variants(self, *shapes: Shape) -> tuple[str, ...]:
        return ("SimpleRNNCell", "SimpleRNN")


class LSTMCell(Cell, LSTM):
    """A step of a long short-term memory, as PyTorch's `nn.LSTMCell` (Hochreiter & Schmidhuber 1997, Gers et al. 2000).

    A second and third input are the output and the state before, each [units]; without them they are zeros. The outputs
    are the new output and, to be read as `from: cell.1`, the new state. A gate has one bias, as in Keras; in PyTorch
    there are `biases: 2`. The activations count as `sigmoid` and `tanh` whatever they are.
    MACs: 4 * units * (input features + units). FLOPs: 2 per MAC, 18 per unit (three sigmoids 12, two tanh 2, the new
    state 3, the output 1), 4 per unit for each bias.
    """

    proj_size = 0
    kept_within = 5  # four gates, and the new state's tanh

    def variants(self, *shapes: Shape) -> tuple[str, ...]:
        return ("LSTMCell", "LSTM")


class GRUCell(Cell, GRU):
    """A step of a gated recurrent unit, as PyTorch's `nn.GRUCell` (Cho et al. 2014, arXiv:1406.1078).

    A second input is the state before, [units]; without one it is zeros. The output is the new state. A gate has two
    biases, as in both frameworks, and one with Keras's `reset_after: false`. The activations count as `sigmoid` and
    `tanh` whatever they are.
    MACs: 3 * units * (input features + units). FLOPs: 2 per MAC, 14 per unit (two sigmoids 8, tanh 1, the reset 1, the
    new state 4), 3 per unit for each bias.
    """

    kept_within = 6  # three sums of the state, two gates, what is new

    def variants(self, *shapes: Shape) -> tuple[str, ...]:
        return ("GRUCell", "GRU")
