"""Attention without a softmax: a state of keys by values that is carried from step to step."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NamedTuple

from archinspect.base.shape import Mismatch, ceil_div, largest, size, text
from archinspect.ops.args import Int, Optional, arg
from archinspect.ops.declared import ArgumentError
from archinspect.ops.figures import Backward, Kept, Work
from archinspect.ops.tape import Recorded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape
    from archinspect.ops.figures import Elements, Run
    from archinspect.ops.tape import Tape, Value, Weights

NAMES = ("query", "key", "value", "decay", "bonus")


class Sizes(NamedTuple):
    """Numbers of a use: samples, steps, heads, features of a head's keys and values."""

    samples: int
    steps: int
    heads: int
    keys: int
    values: int

    @property
    def state(self) -> int:
        """Elements of the state, of all samples and heads."""
        return self.samples * self.heads * self.keys * self.values


def sizes_of(heads: int, shapes: Sequence[Shape], output: Shape) -> Sizes:
    """Return the numbers of a use whose second input are keys, each head with its own."""
    return Sizes(output[0], output[1], heads, shapes[1][-1] // heads, output[-1] // heads)


def refuse_uneven(key: Shape, value: Shape, heads: int, shared: int | None = None) -> None:
    """Raise :class:`Mismatch` where heads do not divide the features; `shared` are those of keys, if others."""
    args = ("num_heads",) if shared is None else ("num_heads", "groups")
    for name, width, count in (("key", key[-1], shared or heads), ("value", value[-1], heads)):
        if width % count:
            raise Mismatch(f"{count} heads do not divide the {name}'s {width} features", args=args)


class LinearAttention(Recorded):
    """A state that each step adds to, `S = decay S + k v`, `y = q S` (Katharopoulos et al. 2020, arXiv:2006.16236).

    Its inputs are query and key [steps, heads * keys], value [steps, heads * values], the factors of the decay where
    there is one, and a bonus [heads * keys]. Factors are one of each head or of each key: the same at each step,
    [heads], as RetNet's (Sun et al. 2023, arXiv:2307.08621), or a step's own, [steps, heads], as Mamba-2's, whose C, B
    and x are query, key and value (Dao & Gu 2024, arXiv:2405.21060), or [steps, heads * keys], as those of gated linear
    attention (Yang et al. 2023, arXiv:2312.06635). With a bonus a step sees itself by it and decays afterwards,
    `y = q (S + bonus k v)`, as RWKV 5 and 6 have it (Peng et al. 2024, arXiv:2404.05892). Layers make all of them.

    By steps: MACs: keys * values per head and step. By chunks of steps, the last one filled up, as kernels compute it:
    MACs: chunk * (keys + values) + 2 * keys * values per head and step. FLOPs: 2 per MAC, 2 per element of all states,
    1 per element of all states for a decay, 2 per element of all states for a bonus, 1 per score of a chunk for
    a decay.

    Backward keeps with `fused` attention, or by chunks, what kernels do: the inputs, and with a decay the logarithms of
    its products in float32; else all that a loop over the steps computes.
    """

    kind = "attention"
    has_kernel = True
    gives_floats = True
    stretches = True
    aliases = ("GatedLinearAttention", "GLA", "Retention", "StateSpaceDuality", "SSD")
    inputs: ClassVar[tuple[int, int | None]] = (3, 5)
    num_heads: int = arg("heads, each with a state of its own", Int(1, 10_000), 1, aliases=("heads", "n_heads"))
    groups: int | None = arg(
        "heads of queries and keys, each shared by several of the values', as Mamba-2's; num_heads by default",
        Optional(Int(1, 10_000)),
        None,
        aliases=("n_groups", "num_kv_heads"),
    )
    chunk: int | None = arg(
        "steps that a kernel computes together; each by itself by default",
        Optional(Int(1)),
        None,
        aliases=("chunk_size",),
    )

    @property
    def _shared(self) -> int:
        """Heads of queries and keys."""
        return self.groups or self.num_heads

    def check(self) -> None:
        if self.num_heads % self._shared:
            raise ArgumentError(
                f"LinearAttention: {self._shared} groups do not divide {self.num_heads} heads", "groups"
            )

    def output(self, *shapes: Shape) -> Shape:
        if len(shapes[0]) != 3:  # noqa: PLR2004 - batch, steps, features
            raise Mismatch(f"needs an input of 2 axes (steps, features), got {len(shapes[0]) - 1}")
        query, key, value, *others = shapes
        if query[1:] != key[1:] or query[1:-1] != value[1:-1]:
            raise Mismatch(
                f"query {text(query)}, key {text(key)} and value {text(value)} need the axes [steps, features], "
                "queries as many features as keys, and all as many steps"
            )
        refuse_uneven(key, value, self.num_heads, self._shared)
        keys = key[-1] // self._shared
        each = (self.num_heads, self.num_heads * keys)
        for name, shape in zip(NAMES[3:], others, strict=False):
            fits = shape[-1] in each[name == "bonus" :] and shape[1:-1] in ((), *([value[1:-1]] * (name == "decay")))
            if not fits:
                raise Mismatch(
                    f"{name} {text(shape)} is neither of {self.num_heads} heads nor of the {keys} keys of each"
                )
        return (largest(*(shape[0] for shape in shapes)), *value[1:])

    def _sizes(self, shapes: Sequence[Shape], output: Shape) -> Sizes:
        keys, values = shapes[1][-1] // self._shared, output[-1] // self.num_heads
        return Sizes(output[0], output[1], self.num_heads, keys, values)

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        sizes = self._sizes(shapes, output)
        states = sizes.steps * sizes.state
        other = (2 + _decays(shapes) + 2 * _sees_itself(shapes)) * states
        if self.chunk is None:
            return Work(states, other)
        steps = ceil_div(sizes.steps, self.chunk) * self.chunk
        scores = sizes.samples * sizes.heads * steps * self.chunk
        return Work(scores * (sizes.keys + sizes.values) + 2 * steps * sizes.state, other + scores * _decays(shapes))

    def backward(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Backward:
        macs, other = self.work(shapes, output)
        query, key, value, decay, bonus = (*run.inputs, False, False)[:5]
        if self.chunk is not None:
            return Backward(Work(self._backward_by_chunks(self._sizes(shapes, output), run), 2 * other))
        states = macs * (key or value or bonus or decay)
        if decay and not (key or value or bonus) and _sees_itself(shapes):
            states -= macs // output[1]  # the first step sees what enters, before any decay
        return Backward(Work(query * macs + states, 2 * other * any(run.inputs)))

    def _backward_by_chunks(self, sizes: Sizes, run: Run) -> int:
        """Return the MACs of gradients of the products within chunks, of what enters states, and of what reads them.

        A single chunk reads a state of zeros, and nobody reads what enters.
        """
        query, key, value, *others = run.inputs
        chunk, gate = self.chunk or 1, any(others)
        chunks = ceil_div(sizes.steps, chunk)
        each = sizes.samples * sizes.heads * chunks * chunk * chunk
        states = chunks * chunk * sizes.state
        weights = query or key or gate
        within = (query + key) * each * sizes.keys + (weights + value) * each * sizes.values
        between = (query or gate) + (chunks > 1) * ((key or value or gate) + (key or gate) + value)
        return within + between * states

    def undifferentiated_of(self, *shapes: Shape) -> tuple[int, ...]:
        (_, steps, _), *_ = shapes
        return (3,) if _sees_itself(shapes) and steps == 1 else ()  # what enters is seen before any decay

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        if run.attention == "fused" or self.chunk is not None:
            logarithms = size(shapes[3]) if _decays(shapes) else 0
            return Kept(tuple(range(len(shapes))), extra=(("float32", logarithms),))
        return super().kept(shapes, output, run)

    def of_kernel(self, attention: str) -> bool:
        return self.chunk is not None or super().of_kernel(attention)

    def record(self, tape: Tape, given: Sequence[Value], weights: Weights, steps: int) -> tuple[Value, ...]:
        query, key, value, *decay = given
        heads, (samples, count, features) = self.num_heads, value.shape
        keys, values = key.shape[-1] // self._shared, features // heads
        bonus = [decay.pop().view(heads, keys, 1)] if _sees_itself([one.shape for one in given]) else []
        if self._shared != heads:
            query, key = (tape.copy(one, (samples, count, heads * keys)) for one in (query, key))
        copied = samples > 1 and heads > 1
        query, key = query.view(samples, heads, keys, 1), key.view(samples, heads, keys, 1)
        value = value.view(samples, heads, 1, values)
        decays = [one.view(samples, heads, one.shape[-1] // heads, 1) for one in decay]
        state = tape.new(value.dtype, (samples, heads, keys, values))
        for step in range(steps):
            entry = tape.times(key, value)
            seen = tape.plus(state, *(tape.times(one, entry) for one in bonus))
            # With a bonus the state decays afterwards, of which nobody reads the last one.
            if not bonus or step + 1 < steps:
                state = tape.plus(*[tape.times(state, one) for one in decays] or [state], entry)
            read = tape.copy(query) if copied else query
            found = tape.product(read, seen if bonus else state, samples, heads, values)
        return (found,)

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        sizes, total = self._sizes(shapes, output), size(output)
        if run.attention == "fused" or self.chunk is not None:
            logarithms = size(shapes[3]) if _decays(shapes) else 0
            return (("float32", sizes.state * ceil_div(sizes.steps, self.chunk or sizes.steps) + logarithms),)
        rows = sizes.samples * sizes.steps * sizes.heads * sizes.keys
        repeated = 2 * rows * (self._shared != sizes.heads)
        before = total - total // sizes.steps
        at_once = 3 + _decays(shapes)
        if _sees_itself(shapes):
            at_once = 4 + (sizes.steps > 1)
        end = (2 + _sees_itself(shapes)) * sizes.state + 2 * total
        return (("float", repeated + largest(at_once * sizes.state + before, end) - total),)

    @property
    def goes_on(self) -> bool:
        return True

    def carried(self, *shapes: Shape) -> int:
        return self._sizes(shapes, self.output(*shapes)).state

    def after(self, steps: int) -> LinearAttention:
        return self.replace(chunk=None)

    def label(self) -> str:
        return f"linear attention, {self.num_heads} heads"


def _decays(shapes: Sequence[Shape]) -> bool:
    return len(shapes) > 3  # noqa: PLR2004 - query, key, value


def _sees_itself(shapes: Sequence[Shape]) -> bool:
    return len(shapes) > 4  # noqa: PLR2004 - and the decay
