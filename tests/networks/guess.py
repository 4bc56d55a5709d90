"""Values of arguments by chance, from small sizes and sizes at the edge of what is allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect import ops
from archinspect.ops import args as kinds
from archinspect.ops.activation import ActivationKind
from archinspect.ops.computed import Computable
from archinspect.ops.words import Words

if TYPE_CHECKING:
    from random import Random

    from archinspect.base.shape import Shape
    from archinspect.ops.base import Op

SIZES = [1, 2, 2, 3, 3, 4, 4, 5, 6, 8]
FLOATS = [0.0, 0.1, 0.25, 0.5, 1.0, 1e-5, 2.5, -0.5, -1.0, 6.0]
FORMATS = ["channels_last", "channels_first"]
ACTIVATIONS = [name for name in ops.FAMILIES["activation"] if name not in ("Activation", "GLU", "PReLU")]
WORDS = ["linear", "relu", "swish", "hard_sigmoid", "nn.GELU"]
"""Other names of activations, and of none."""


APART = ("image", "preprocess", "sampling", "bilinear", "deform", "weightnorm", "channels", "convlstm", "words")
"""Families that no random network has yet: their arguments and further inputs are not guessed."""
KNOWN = [kind for kind in ops.all_ops() if kind.__module__.rpartition(".")[2] not in APART]


class Guess:
    """An operator's arguments, as far as they are chosen, and the shapes that it will read, the batch first."""

    def __init__(self, rng: Random, kind: type[Op], shapes: list[Shape], layout: str) -> None:
        self.rng = rng
        self.kind = kind
        self.shapes = shapes
        self.layout = layout
        self.given: dict[str, Any] = {}

    @property
    def shape(self) -> Shape:
        return self.shapes[0] if self.shapes else (1,)

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def channel_axis(self) -> int:
        first = self.given.get("data_format", self.layout) == "channels_first" and "data_format" in self.kind.args
        return 1 if first else self.rank - 1

    @property
    def channels(self) -> int:
        return self.shape[self.channel_axis] if self.rank > 1 else 1

    @property
    def lengths(self) -> Shape:
        """The sizes of the axes beside batch and channels."""
        return tuple(size for axis, size in enumerate(self.shape) if axis not in (0, self.channel_axis)) or (1,)

    def axis(self) -> int:
        """An axis other than the batch's, counted from the front or from the end."""
        axis = self.rng.randrange(1, max(self.rank, 2))
        return axis if self.rng.random() < 0.5 else axis - self.rank

    def size_of(self, axis: int) -> int:
        return self.shape[axis] if -self.rank <= axis < self.rank else 1

    def divisor(self, number: int) -> int:
        return self.rng.choice(divisors(number))

    def per_axis(self, values: list[int]) -> object:
        """One for all axes, or one for each, in one of the forms that a spec may have."""
        if len({*values}) == 1 and self.rng.random() < 0.6:
            return values[0]
        if len(values) > 1 and self.rng.random() < 0.1:
            return "x".join(map(str, values))
        return values

    def each(self, choose: Any) -> list[int]:
        """A value for each spatial axis, the same one in many cases."""
        if self.rng.random() < 0.5:
            return [choose(min(self.lengths))] * len(self.lengths)
        return [choose(length) for length in self.lengths]


def divisors(number: int) -> list[int]:
    return [one for one in range(1, number + 1) if number % one == 0]


def factors(rng: Random, number: int, rank: int) -> list[int]:
    """Sizes of so many axes with this number of elements."""
    sizes = []
    for _ in range(rank - 1):
        sizes.append(rng.choice(divisors(number)))
        number //= sizes[-1]
    sizes.append(number)
    rng.shuffle(sizes)
    return sizes


def of_kind(rng: Random, kind: kinds.Kind, default: object = None) -> Any:
    """A value that an argument of this kind takes, rarely the default."""
    if isinstance(kind, kinds.Optional | Computable):
        return of_kind(rng, kind.kind)
    if isinstance(kind, kinds.Bool):
        return rng.random() < 0.5 if default not in (True, False) else default is (rng.random() < 0.2)
    if isinstance(kind, kinds.Choice):
        return rng.choice(kind.words)
    if isinstance(kind, kinds.Float):
        low, high = kind.low, kind.high
        return rng.choice([n for n in FLOATS if (low is None or n >= low) and (high is None or n <= high)])
    if isinstance(kind, kinds.Int):
        return rng.choice([n for n in SIZES if n >= (kind.low or 0)])
    if isinstance(kind, ActivationKind | Words):
        return activation(rng) if isinstance(kind, ActivationKind) else [*range(1, rng.choice(SIZES) + 2)]
    raise NotImplementedError(f"a value of {type(kind).__name__}")


def activation(rng: Random) -> Any:
    """An activation by name, some with arguments."""
    name = rng.choice(ACTIVATIONS)
    kind = ops.find_operator(name)
    if kind.args and rng.random() < 0.4:
        names = [one for one in kind.args if one != "axis"] or [*kind.args]
        one = rng.choice(names)
        return {name: {one: -1 if one == "axis" else of_kind(rng, kind.args[one].kind, kind.args[one].default)}}
    return rng.choice([name, name, name.lower(), rng.choice(WORDS)])
