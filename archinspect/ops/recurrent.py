"""Recurrent layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NamedTuple

from archinspect.base.shape import Mismatch, largest, size, smallest, text
from archinspect.ops.args import Bool, Float, Int, Optional, arg
from archinspect.ops.base import Op
from archinspect.ops.figures import Backward, Kept, Weight, Work

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from archinspect.base.shape import Shape
    from archinspect.ops.figures import Elements, Run


class _Cell(NamedTuple):
    name: str
    features: int
    """Size of a step's input."""


class Recurrent(Op):
    """What all recurrent layers share: steps of an input, and of their own output, weighed for several gates."""

    kind = "recurrent"
    has_kernel = True
    gives_floats = True
    inputs: ClassVar[tuple[int, int | None]] = (1, 2)
    anew = 1
    gates: ClassVar[int] = 1
    """Weighted sums per unit and step."""
    operations: ClassVar[int] = 1
    """Operations per unit and step beside the weighted sums and their biases."""
    during_step: ClassVar[int] = 3
    """States that fit into what a step holds at most beside what it reads: here two sums, and what is made of them."""
    kept_beside_weights: ClassVar[int] = 1
    """States that fit into what a step keeps for the gradients of its input alone: here the new one."""
    in_state: ClassVar[int] = 0
    """Of what a step keeps, states that fit into what has the state's type under `torch.autocast`, not 16 bits."""
    ignores = (
        *("activation", "recurrent_activation", "nonlinearity", "unit_forget_bias", "recurrent_dropout"),
        *("recurrent_initializer", "recurrent_regularizer", "recurrent_constraint", "go_backwards", "stateful"),
        *("unroll", "use_cudnn", "batch_first"),
    )

    units: int = arg("size of the state, and of a step's output", Int(1, 10**8), aliases=("hidden_size",))
    return_sequences: bool = arg("give every step's output, as PyTorch does; else the last's", Bool(), default=False)
    return_state: bool = arg(
        "give the states after the last step, too: further outputs, in the shape of those that a layer starts from",
        Bool(),
        default=False,
    )
    num_layers: int = arg("layers, each reading the outputs of the one before", Int(1, 1000), 1)
    bidirectional: bool = arg(
        "also run from the last step to the first; the outputs stand side by side", Bool(), default=False
    )
    use_bias: bool = arg("add learned biases in every gate", Bool(), default=True, aliases=("bias",))
    biases: int | None = arg(
        "biases of a gate and unit: 1, or PyTorch's 2, for input and state", Optional(Int(1, 2)), 1
    )
    input_size: int | None = arg("features of a step, only to be checked", Optional(Int(1)), None)
    dropout: float = arg("share dropped between stacked layers in training; matters to memory only", Float(0, 1), 0.0)

    @property
    def features(self) -> int:
        """Size of a step's output in one direction."""
        return self.units

    @property
    def state(self) -> tuple[int, ...]:
        """Sizes of the tensors that a cell hands from step to step."""
        return (self.units,)

    @property
    def goes_on(self) -> bool:
        """Whether it can be run step by step, each from the state that the one before left."""
        return self.return_sequences and not self.bidirectional

    def carried(self, *shapes: Shape) -> int:
        return sum(map(size, self.states(shapes[0])))

    @property
    def bias_vectors(self) -> int:
        """Learned biases of a gate and unit."""
        return (self.biases or 1) * self.use_bias

    def cells(self, shape: Shape) -> Iterator[_Cell]:
        """Yield a cell for every layer and direction."""
        features = shape[-1]
        for layer in range(self.num_layers):
            for direction in ("forward", "backward")[: 1 + self.bidirectional]:
                yield _Cell(f"{direction}_{layer}", features)
            features = self.features * (1 + self.bidirectional)

    def output(self, *shapes: Shape) -> Shape:
        shape, *states = shapes
        if len(shape) != 3:  # noqa: PLR2004 - the batch, steps, features
            raise Mismatch(
                f"needs an input of 2 axes (steps, features), got {len(shape) - 1}",
                help=_of_axes(len(shape)),
            )
        if self.input_size not in (None, shape[-1]):
            raise Mismatch(
                f"input_size is {self.input_size}, but the input's steps have {shape[-1]} features",
                args=("input_size",),
                help="leave input_size out: it follows from the input",
            )
        if states:
            self._check_states(shape, states)
        features = self.features * (1 + self.bidirectional)
        return (*shape[:-1], features) if self.return_sequences else (shape[0], features)

    def outputs(self, *shapes: Shape) -> tuple[Shape, ...]:
        return self.output(*shapes), *(self.states(shapes[0]) if self.return_state else ())

    @property
    def output_count(self) -> int:
        return 1 + len(self.state) * self.return_state

    def states(self, shape: Shape) -> list[Shape]:
        """Return the shapes of the states that a layer starts from and ends with."""
        cells = self.num_layers * (1 + self.bidirectional)
        stacked = (cells,) if cells > 1 else ()
        return [(shape[0], *stacked, units) for units in self.state]

    def _check_states(self, shape: Shape, states: Sequence[Shape]) -> None:
        wanted = self.states(shape)
        if states != wanted:
            raise Mismatch(
                f"starts from {' and '.join(map(text, wanted))}, not from {' and '.join(map(text, states))}",
                help="an initial state is as large as the layer's own; those of several layers are stacked",
            )

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        sums = self.gates * self.units
        found = {}
        for name, features in self.cells(shapes[0]):
            found[f"{name}_kernel"] = Weight((features, sums), ("in", "gates"))
            found[f"{name}_recurrent_kernel"] = Weight((self.features, sums), ("state", "gates"))
            if self.use_bias:
                found[f"{name}_bias"] = Weight((self.bias_vectors, sums), ("biases", "gates"))
        return found

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        steps = size(shapes[0][:-1])
        cells = list(self.cells(shapes[0]))
        macs = sum(self.gates * self.units * (cell.features + self.features) for cell in cells)
        other = len(cells) * self.units * (self.operations + self.gates * self.bias_vectors)
        return Work(steps * macs, steps * other)

    def backward(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Backward:
        macs, _ = self.work(shapes, output)
        batch, steps, _ = shapes[0]
        cells = list(self.cells(shapes[0]))
        others = batch * steps * len(cells) * self.units
        # No gradients of the network's input, nor of the zeros that a state starts from.
        first = sum(cell.features for cell in cells[: 1 + self.bidirectional])
        without = 0 if run.inputs[0] else batch * steps * self.gates * self.units * first
        if not any(run.inputs[1:2]):
            without += batch * self.gates * self.units * self.features * len(cells)
        return Backward(
            Work(macs - without, others * self.operations),
            Work(run.weights * macs, run.weights * others * self.gates * self.bias_vectors),
        )

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        batch, steps, _ = shapes[0]
        cells = list(self.cells(shapes[0]))
        between = (self.num_layers - 1) * self.stored(shapes, ())
        # Of a layer that drops everything, a single zero.
        masks = self.num_layers - 1 if self.dropout == 1 else between * (self.dropout > 0)
        elements = len(cells) * batch * self.kept_by_cell(steps) + between + masks
        if not run.weights:  # inputs and outputs of steps are for the gradients of weights alone
            elements = len(cells) * batch * steps * self.units * self.kept_beside_weights + masks
            guarded = shapes[2:]  # the state that gates guard, where it is given
            return Kept((2,) if guarded else (), extra=(("float", elements - sum(map(size, guarded))),))
        # A state that it starts from is an input, and no zeros of its own.
        return Kept(tuple(range(len(shapes))), extra=(("float", elements - sum(map(size, shapes[1:]))),))

    def kept_by_cell(self, steps: int) -> int:
        """Return the elements that a cell keeps of a sample beside its input: the state before each step and after."""
        return (steps + 1) * self.units

    def kept_cast(self, shapes: Sequence[Shape], output: Shape, run: Run, high: str) -> Kept:
        """Return what backward keeps where products are in 16 bits, `float`, and the state that goes on in `high`."""
        found = self.kept(shapes, output, run)
        ((dtype, elements),) = found.extra
        in_state = self._kept_in_state(shapes, run)
        return found._replace(extra=((dtype, elements - in_state), (high, in_state)))

    def cast_again(self, shapes: Sequence[Shape], given: str, low: str) -> int:
        """Return the elements of casts beside the first: each of two ways casts what both read."""
        if not self.bidirectional:
            return 0
        made, _ = self.cast_dtypes([given], low)
        between = (self.num_layers - 1) * self.stored(shapes, ()) * (made != low)
        return size(shapes[0]) * (given != low) + between

    def _kept_in_state(self, shapes: Sequence[Shape], run: Run) -> int:
        if not self.in_state:
            return 0
        kept = size(shapes[0][:-1]) * self.units * self.in_state * sum(1 for _ in self.cells(shapes[0]))
        masks = (self.num_layers - 1) * (self.dropout > 0) * (self.features == self.units)
        return kept + masks * self.stored(shapes, ()) - sum(map(size, shapes[2:]))

    def cast_kernels(self, shapes: Sequence[Shape], run: Run) -> dict[str, int]:
        """Return how many casts of each kernel backward keeps: one of what trains, else one of each step."""
        steps, names = shapes[0][1], [name for name, _ in self.cells(shapes[0])]
        read, given = run.inputs[0], any(run.inputs[1:2])
        before = steps if given else steps - 1  # steps whose state before needs a gradient
        casts = {f"{name}_kernel": int(read) for name in names[: 1 + self.bidirectional]}
        casts |= {f"{name}_kernel": 1 for name in names[1 + self.bidirectional :]}
        return casts | {f"{name}_recurrent_kernel": smallest(before, 1) if run.weights else before for name in names}

    def cast_dtypes(self, given: Sequence[str], low: str) -> tuple[str, str]:
        """Return the types of the output and of the state under `torch.autocast`, which those of the inputs decide."""
        state = given[-1] if self.in_state else low
        return state if self.features == self.units else low, state

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        # As PyTorch's program for any device (RNN.cpp in ATen). A layer holds each step's output until all are
        # stacked; one that runs both ways holds those of both ways, stacked too, until they stand side by side. Of
        # layers before, there are the last one's outputs, and the states that all end with. The last layer has most
        # of this before it.
        batch, steps, _ = shapes[0]
        ways, states = 1 + self.bidirectional, sum(self.state)
        cells, one_way = self.num_layers * ways, steps * self.features
        carried = states - self.features
        start = cells * states * self._makes_states(shapes)
        step = one_way - self.features + smallest(steps - 1, 1) * carried + self.during_step * self.units
        stacked = carried + 2 * one_way
        layer = largest(stacked + step, 2 * stacked + 2 * one_way) if self.bidirectional else largest(step, stacked)
        before = (self.num_layers - 1) * ways * states + (self.num_layers > 1) * ways * one_way
        end = 2 * cells * states + ways * one_way  # the states of all layers are stacked
        given = ways * one_way + self.return_state * cells * states
        return (("float", batch * (start + largest(before + layer, end) - given)),)

    def _makes_states(self, shapes: Sequence[Shape]) -> bool:
        """Return whether it starts from states of its own: zeros, or copies in the order in which PyTorch has them."""
        cells = self.num_layers * (1 + self.bidirectional)
        return len(shapes) == 1 or (cells > 1 and shapes[0][0] > 1)

    def own_strides(self, shapes: Sequence[Shape], strides: Sequence[Shape | None], output: Shape) -> Shape | None:
        # What the steps give is stacked, each with all samples.
        samples, _, features = output if self.return_sequences else (1, 1, 1)
        return (features, samples * features, 1) if self.return_sequences else None

    def stored(self, shapes: Sequence[Shape], output: Shape) -> int:
        # The last step's output is a part of all steps' outputs.
        return size(shapes[0][:-1]) * self.features * (1 + self.bidirectional)

    def quantities(self, shapes: Sequence[Shape], output: Shape) -> dict[str, int]:
        steps = size(shapes[0][:-1])
        states = steps * self.units * sum(1 for _ in self.cells(shapes[0]))
        return {
            "state": states,
            "biased_state": states if self.use_bias else 0,
            "sequence": steps * self.features * (1 + self.bidirectional),
        }

    def label(self) -> str:
        return f"{type(self).__name__}, {self.units}"


class SimpleRNN(Recurrent):
    """A recurrent layer without gates: `h = tanh(W x + U h + b)` (Elman 1990).

    A second input is the state it starts from, [units], or [layers * directions, units] if they are several.
    Only the last step's output is given unless `return_sequences: true`, and there is one bias, as in Keras; in
    PyTorch there are all steps and `biases: 2`. The activation counts as `tanh` whatever it is.
    MACs: units * (input features + units) per step.
    FLOPs: 2 per MAC, 1 per unit and step, 1 per unit and step for each bias.
    """

    aliases = ("RNN",)


class LSTM(Recurrent):
    """Long short-term memory: a state that three gates guard (Hochreiter & Schmidhuber 1997, Gers et al. 2000).

    A second and third input are the output and the state it starts from, each [units], or [layers * directions, units]
    if they are several.
    Only the last step's output is given unless `return_sequences: true`, and a gate has one bias, as in Keras; in
    PyTorch there are all steps and `biases: 2`. The activations count as `sigmoid` and `tanh` whatever they are.
    MACs: 4 * units * (input features + units) per step, and units * proj_size where `proj_size` projects the output.
    FLOPs: 2 per MAC, 18 per unit and step (three sigmoids 12, two tanh 2, the new state 3, the output 1), 4 per unit
    and step for each bias.
    """

    inputs = (1, 3)
    gates = 4
    operations = 18
    during_step = 8  # the sums for four gates, of the input and of the output before
    kept_beside_weights = 6  # four gates, the state before, the new one's tanh
    in_state = 2  # the last two of these
    proj_size: int = arg("size to which the output is projected; 0 for none", Int(0), 0)

    @property
    def features(self) -> int:
        return self.proj_size or self.units

    @property
    def state(self) -> tuple[int, ...]:
        return self.features, self.units

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        found = super().weights(*shapes)
        if self.proj_size:
            for name, _ in self.cells(shapes[0]):
                found[f"{name}_projection"] = Weight((self.units, self.proj_size), ("units", "state"))
        return found

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        macs, other = super().work(shapes, output)
        cells = sum(1 for _ in self.cells(shapes[0]))
        return Work(macs + size(shapes[0][:-1]) * cells * self.units * self.proj_size, other)

    def backward(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Backward:
        (inputs, other), (weights, biases) = super().backward(shapes, output, run)
        unread = self._unread(shapes, run) * self.proj_size  # the last projection has no gradient
        return Backward(Work(inputs - unread, other), Work(weights - run.weights * unread, biases))

    def quantities(self, shapes: Sequence[Shape], output: Shape) -> dict[str, int]:
        gates, plain = super().work(shapes, output), self.replace(proj_size=0)
        found = super().quantities(shapes, output)
        return found | {"gate_mac": gates.macs, "plain_gate_mac": plain.work(shapes, output).macs}

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        found = super().kept(shapes, output, run)
        # The last output has no reader, and what it is made of none in backward: the state's tanh.
        unread = self._unread(shapes, run) * (1 + (self.proj_size > 0) * run.weights)
        ((dtype, elements),) = found.extra
        return found._replace(extra=((dtype, elements - unread),))

    def _unread(self, shapes: Sequence[Shape], run: Run) -> int:
        """Return the elements of the last states where nothing reads what is made of their tanh."""
        return shapes[0][0] * (1 + self.bidirectional) * self.units * (run.outputs[:2] == (False, False))

    def _kept_in_state(self, shapes: Sequence[Shape], run: Run) -> int:
        return super()._kept_in_state(shapes, run) - self._unread(shapes, run)

    def cast_kernels(self, shapes: Sequence[Shape], run: Run) -> dict[str, int]:
        projections = [f"{name}_projection" for name, _ in self.cells(shapes[0])] if self.proj_size else ()
        return super().cast_kernels(shapes, run) | dict.fromkeys(projections, shapes[0][1])  # turned anew at each step

    def kept_by_cell(self, steps: int) -> int:
        # A step's four gates, state, the state's tanh and the output, projected or not.
        return steps * (7 * self.units + self.proj_size)


class GRU(Recurrent):
    """Gated recurrent unit: a state that two gates guard (Cho et al. 2014, arXiv:1406.1078).

    A second input is the state it starts from, [units], or [layers * directions, units] if they are several.
    Only the last step's output is given unless `return_sequences: true`, as in Keras; PyTorch gives all. A gate has
    two biases, as in both frameworks, and one with Keras's `reset_after: false`. The activations count as `sigmoid`
    and `tanh` whatever they are.
    MACs: 3 * units * (input features + units) per step. FLOPs: 2 per MAC, 14 per unit and step (two sigmoids 8, tanh 1,
    the reset 1, the new state 4), 3 per unit and step for each bias.
    """

    gates = 3
    operations = 14
    kept_beside_weights = 6  # the weighted sums of the state, two gates, and by how much the state is new
    in_state = 1  # the last of these
    during_step = 8  # the sums for three gates, of the input and of the state, the new state and what it adds
    reset_after: bool = arg("reset the state after its weighted sum, not before", Bool(), default=True)
    biases: int | None = arg("biases of a gate and unit; 2, or 1 if not reset_after", Optional(Int(1, 2)), None)

    @property
    def bias_vectors(self) -> int:
        return (self.biases or 1 + self.reset_after) * self.use_bias

    def kept_by_cell(self, steps: int) -> int:
        # A step's three weighted sums of the state, two gates, the new state and the old one.
        return 7 * steps * self.units


def _of_axes(rank: int) -> str:
    """Return how an input of another rank becomes one of steps and features."""
    if rank > 3:  # noqa: PLR2004 - the batch, steps, features
        return "`TimeDistributed: Flatten` makes a vector of each step, `Reshape` other steps"
    return (
        "`return_sequences: true` in the recurrent layer before it keeps the steps; `Embedding` makes vectors of"
        " integers, and `Unsqueeze: 2` has one feature a step"
    )
