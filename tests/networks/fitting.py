"""What operators may read, and what they give for it: as they say themselves."""

from __future__ import annotations

from functools import cache
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

from networks.arguments import arguments
from networks.further import further
from networks.guess import KNOWN

from archinspect import ops
from archinspect.base.shape import Mismatch, size
from archinspect.graph.call import TensorType
from archinspect.ops.declared import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.ops.base import Op

MOST_ELEMENTS = 4_000
MOST_WEIGHTS = 20_000
OPERATORS = [kind for kind in KNOWN if kind.__name__ != "Input"]
SOURCES = ("Parameter", "Constant", "Input")
COMPLEX = ("InverseFFT", "InverseRFFT", "ComplexMultiply")
"""What reads real and imaginary parts along the last axis."""
INTEGERS = ("int32", "int64")
ANY_TYPE = (
    *("Flatten", "Reshape", "Permute", "RepeatVector", "Slice", "Select", "Roll", "Split", "Unbind", "Identity"),
    *("CropLike", "ReshapeLike", "LearnedTokens", "RotaryTables", "SinusoidalEmbedding", "Rescaling"),
)
"""What computes nothing of its input's elements, or makes them floats."""
SHAPES: dict[int, list[tuple[int, ...]]] = {
    1: [()],
    2: [(8,), (12,), (5,), (1,), (16,)],
    3: [(6, 8), (9, 4), (1, 6), (7, 1), (12, 12)],
    4: [(8, 8, 4), (7, 5, 3), (4, 4, 16), (1, 9, 2), (4, 4, 8), (5, 5, 1)],
    5: [(4, 4, 4, 3), (3, 5, 2, 4), (4, 1, 6, 2)],
    6: [(2, 3, 2, 3, 2), (2, 4, 4, 4, 1)],
}
"""Of inputs by the number of axes, batch included: channels last."""


class Fit(NamedTuple):
    """What an operator gives."""

    outputs: tuple[TensorType, ...]
    weights: int


def fit(op: Op, given: Sequence[TensorType]) -> Fit:
    """What an operator gives for these inputs, as it says itself; raise Mismatch where it takes none such."""
    weights = 0

    def emit(part: Op, read: Sequence[TensorType]) -> tuple[TensorType, ...]:
        nonlocal weights
        shapes = [one.shape for one in read]
        outputs = part.outputs(*shapes)
        weights += sum(size(weight.shape) for weight in part.weights(*shapes).values())
        if weights > MOST_WEIGHTS or any(size(shape) > MOST_ELEMENTS or len(shape) > 7 for shape in outputs):
            raise Mismatch("too large")
        return tuple(map(TensorType, outputs, part.output_dtypes(*[one.dtype for one in read])))

    return Fit(op.build(emit, list(given)), weights)


def operator(kind: type[Op], args: dict[str, Any], layout: str) -> Op:
    """The operator that a step with these arguments is."""
    if "data_format" in kind.args:
        args = {"data_format": layout, **args}
    if kind.computed and any("$" in str(value) for value in args.values()):
        args = {name: computed(value) if name in kind.computed else value for name, value in args.items()}
    return kind(**args)


def computed(value: Any) -> Any:
    from archinspect.language.computed import value_of
    from archinspect.ops.computed import Computed

    if isinstance(value, list):
        return [computed(item) for item in value]
    return Computed(value[2:-1], {}, value_of) if isinstance(value, str) else value


def takes(kind: type[Op], type_: TensorType) -> bool:
    """Whether an operator may read a tensor of this type first, as far as type and number of axes tell."""
    if kind.inputs == (0, 0) or len(type_.shape) not in accepted_ranks(kind):
        return False
    if kind.__name__ in COMPLEX:
        return type_.dtype == "float" and type_.shape[-1] == 2
    wanted = dtype_of(kind, 0)
    if kind.__name__ == "EmbeddingBag":  # whose places PyTorch keeps in the type of its input
        return type_.dtype == "int64"
    if kind.__name__ == "Embedding" or wanted == "int64":
        return type_.dtype in INTEGERS
    if wanted == "bool":
        return type_.dtype == "bool"
    return type_.dtype == "float" or kind.__name__ in ANY_TYPE


def dtype_of(kind: type[Op], place: int) -> str:
    """The type that an operator's input has in programs: masks are truth values, indices are integers."""
    if kind.__name__ == "OneHot":
        return "int64"
    if place not in kind.undifferentiated:
        return "float"
    return "bool" if kind.__name__ in {"Where", "MaskedFill"} else "int64"


def accepted_ranks(kind: type[Op]) -> frozenset[int]:
    """How many axes a first input may have, as the operator says for a few shapes and arguments."""
    return _ranks_of(kind.__name__)


@cache
def _ranks_of(name: str) -> frozenset[int]:
    rng, kind = Random(name), ops.find_operator(name)
    return frozenset(rank for rank in SHAPES if any(_accepts(rng, kind, rank) for _ in range(24)))


def _accepts(rng: Random, kind: type[Op], rank: int) -> bool:
    shape = (1, *rng.choice(SHAPES[rank]))
    try:
        shapes = [shape, *further(rng, kind, shape, "channels_last")]
        args = arguments(rng, kind, shapes, "channels_last", 0.0)
        fit(operator(kind, args, "channels_last"), [TensorType(one, "float") for one in shapes])
    except (Mismatch, ArgumentError):
        return False
    return True


CONVERTERS = [
    *("Flatten", "RepeatVector", "Select", "ReduceSum", "ReduceMean", "ReduceMax", "Reshape", "LearnedTokens"),
    *("GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalMaxPooling3D", "GlobalAveragePooling1D"),
    *("GlobalAveragePooling2D", "GlobalAveragePooling3D", "Unbind", "WindowPartition", "SinusoidalEmbedding"),
    *("LSTM", "GRU", "SimpleRNN", "Bidirectional", "EinsumDense", "Einsum"),
]
"""Operators whose output may have another number of axes than their input."""
