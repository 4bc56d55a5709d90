"""Which of our operators TensorFlow Lite's are: one table, by name.

What moves numbers, and functions of each element, is as in Keras's `ops`: that table is used, with the values of the
file's constants. What has weights is here. A function takes a :class:`Step` and adds nodes.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from archinspect.importers.keras.model import Array
from archinspect.importers.keras.operations import OPERATIONS, MixesSamplesError
from archinspect.ops.source import Fill, Parameter
from archinspect.ops.tensor import Custom

if TYPE_CHECKING:
    from collections.abc import Callable

    from archinspect.graph.graph import Tensor as Made
    from archinspect.importers.keras.build import Use
    from archinspect.importers.tflite.flatbuffer import Table
    from archinspect.importers.tflite.model import Tensor

    Add = Callable[["Step"], Made | tuple[Made, ...]]

FUSED = {1: "ReLU", 2: "HardTanh", 3: "ReLU6", 4: "Tanh", 5: "Sign"}
"""Activations that are a part of an operator."""
PADDINGS = ("same", "valid")
WHOLE = ("int32", "int64", "bool")
"""Types of constants that are arguments, and no weights."""


class Step(NamedTuple):
    """An operator of the file where nodes are made for it."""

    use: Use
    options: Table | None
    reads: list[Tensor | None]
    """Its inputs; None for one that is left out."""
    made: list[Tensor]
    sources: dict[tuple[int, tuple[int, ...]], Made]
    """Constants that are data of the graph, by their place in the file and the shape that they have there."""

    def whole(self, field: int, width: int = 4, default: int = 0) -> int:
        """Return a number among the options."""
        return self.options.whole(field, width, default) if self.options else default

    def tensor(self, at: int) -> Tensor:
        """Return an input; raise :class:`MixesSamplesError` where there is none."""
        found = self.reads[at] if at < len(self.reads) else None
        if found is None:
            raise MixesSamplesError
        return found

    def has(self, at: int) -> bool:
        """Return whether an input is there."""
        return at < len(self.reads) and self.reads[at] is not None

    def numbers(self, at: int) -> list[int]:
        """Return the whole numbers of an input that is a constant; raise :class:`MixesSamplesError` for any other."""
        found = self.tensor(at).numbers()
        if found is None:
            raise MixesSamplesError
        return found

    def call(self, name: str, *values: Any, **config: Any) -> Any:  # noqa: ANN401 - as the function takes
        """Call a function of Keras's table, with tensors or numbers as its arguments."""
        use = self.use
        inner = type(use)(
            use.net, use.layer._replace(kind=name, config=config), use.path, list(values) or use.args, {}, use.said
        )
        return OPERATIONS[name](inner)

    def fused(self, x: Made, field: int = 0) -> Made:
        """Return what the activation gives that is a part of the operator."""
        name = FUSED.get(self.whole(field, 1))
        return self.use.add(name, x) if name else x


# What has weights


def convolution(step: Step) -> Made:
    """`CONV_2D`, of groups where the kernel has fewer channels than the input."""
    kernel = step.tensor(1)
    out, *window, channels = kernel.shape
    if not kernel.is_constant or step.use.shape()[-1] % channels:
        raise MixesSamplesError
    x = step.use.add(
        f"Conv{len(window)}D",
        filters=out,
        kernel_size=window,
        groups=step.use.shape()[-1] // channels,
        padding=PADDINGS[step.whole(0, 1)],
        strides=[step.whole(2, default=1), step.whole(1, default=1)],
        dilation_rate=[step.whole(5, default=1), step.whole(4, default=1)],
        use_bias=step.has(2),
    )
    return step.fused(x, 3)


def depthwise(step: Step) -> Made:
    """`DEPTHWISE_CONV_2D`."""
    kernel = step.tensor(1)
    _, *window, out = kernel.shape
    if not kernel.is_constant:
        raise MixesSamplesError
    x = step.use.add(
        "DepthwiseConv2D",
        kernel_size=window,
        depth_multiplier=max(1, out // step.use.shape()[-1]),
        padding=PADDINGS[step.whole(0, 1)],
        strides=[step.whole(2, default=1), step.whole(1, default=1)],
        dilation_rate=[step.whole(6, default=1), step.whole(5, default=1)],
        use_bias=step.has(2),
    )
    return step.fused(x, 4)


def transposed(step: Step) -> Made:
    """`TRANSPOSE_CONV`, whose inputs are the shape of its output, the kernel, what it spreads, and perhaps a bias."""
    kernel, use = step.tensor(1), step.use
    out, *window, _ = kernel.shape
    if not kernel.is_constant:
        raise MixesSamplesError
    strides = [step.whole(2, default=1), step.whole(1, default=1)]
    padding = PADDINGS[step.whole(0, 1)]
    args = {"filters": out, "kernel_size": window, "strides": strides, "padding": padding, "use_bias": step.has(3)}
    plain = use.make("Conv2DTranspose", **args)
    wanted, found = step.made[0].shape[1:3], plain.output(use.shape())[1:3]
    if wanted != found:
        base = [0, 0] if padding == "valid" else [max(0, k - s) for k, s in zip(window, strides, strict=True)]
        extra = [
            w - ((size - 1) * s + k - cut)
            for w, size, s, k, cut in zip(wanted, use.shape()[1:3], strides, window, base, strict=True)
        ]
        plain = use.make("Conv2DTranspose", **args, output_padding=extra)
    return step.fused(use.add(plain), 3)


def volume(step: Step) -> Made:
    """`CONV_3D`."""
    *window, _, out = step.tensor(1).shape
    x = step.use.add(
        "Conv3D",
        filters=out,
        kernel_size=window,
        padding=PADDINGS[step.whole(0, 1)],
        strides=[step.whole(at, default=1) for at in (1, 3, 2)],
        dilation_rate=[step.whole(at, default=1) for at in (5, 7, 6)],
        use_bias=step.has(2),
    )
    return step.fused(x, 4)


def dense(step: Step) -> Made:
    """`FULLY_CONNECTED`."""
    kernel, use = step.tensor(1), step.use
    out, width = kernel.shape
    x = use.x
    given, made = use.shape()[1:], step.made[0].shape[1:]
    if not kernel.is_constant:
        raise MixesSamplesError
    if made == (*given[:-1], out) and given[-1:] == (width,):
        x = use.add("Dense", x, units=out, use_bias=step.has(2))
    elif prod(given) == width and made == (out,):
        op = use.make("Dense", units=out, use_bias=step.has(2))
        use.row = op
        x = use.add(op, use.add("Flatten", x))
    elif given and given[-1] == width:
        x = use.add("Dense", x, units=out, use_bias=step.has(2))
        x = use.add("Reshape", x, target_shape=[*made])
    else:
        raise MixesSamplesError
    return step.fused(x)


def product(step: Step) -> Made:
    """`BATCH_MATMUL`; a matrix that is a constant is a linear layer's kernel."""
    first, second = step.tensor(0), step.tensor(1)
    turned = step.whole(0, 1), step.whole(1, 1)
    if second.is_constant and len(second.shape) == 2 and not turned[0]:  # noqa: PLR2004 - a matrix
        return step.use.add("Dense", units=second.shape[0 if turned[1] else 1], use_bias=False)
    if first.is_constant or second.is_constant:
        raise MixesSamplesError
    return step.use.add("MatMul", *step.use.inputs, transpose_a=bool(turned[0]), transpose_b=bool(turned[1]))


def lstm(step: Step) -> Made:
    """`UNIDIRECTIONAL_SEQUENCE_LSTM`, without peepholes and projection, whose steps are behind the samples."""
    gates = [at for at in range(1, 5) if step.has(at)]
    if len(gates) < 4 or any(map(step.has, (*range(9, 12), 16, 17))) or step.whole(3, 1):  # noqa: PLR2004 - all
        raise MixesSamplesError
    return step.use.add("LSTM", step.use.x, units=step.tensor(1).shape[0], return_sequences=True, use_bias=step.has(13))


def prelu(step: Step) -> Made:
    """`PRELU`: slopes of the channels, or of each place."""
    slopes = [*step.tensor(1).shape]
    shared = [at + 1 for at, size in enumerate(slopes) if size == 1]
    return step.use.add("PReLU", step.use.x, shared_axes=shared or None)


def table(step: Step) -> Made:
    """`GATHER`: of a constant a table of vectors, of a tensor the places of an axis."""
    first, places = step.tensor(0), step.tensor(1)
    axis = step.whole(0)
    if first.is_constant and axis == 0 and len(first.shape) == 2 and not places.is_constant:  # noqa: PLR2004 - a table
        return step.use.add("Embedding", input_dim=first.shape[0], output_dim=first.shape[1])
    if first.is_constant or not places.is_constant:
        raise MixesSamplesError
    numbers = places.numbers()
    value = numbers[0] if numbers and not places.shape else Array(places.shape)
    return step.call("Take", step.use.x, value, axis=axis)  # type: ignore[no-any-return] # a tensor


# Functions of elements


def operand(step: Step, at: int, rank: int) -> Any:  # noqa: ANN401 - a tensor, or a number
    """Return an input as a tensor: of a constant a weight, and of a single number that."""
    tensor = step.tensor(at)
    if not tensor.is_constant:
        found = next((x for x, own in zip(step.use.inputs, _tensors(step), strict=False) if own is tensor), None)
        if found is None:
            raise MixesSamplesError
        return found
    alone = tensor.real()
    if alone is not None:
        return alone
    shape = tensor.shape
    if len(shape) == rank and shape[0] != 1:
        raise MixesSamplesError
    own = shape[1:] if len(shape) == rank else (*[1] * (rank - 1 - len(shape)), *shape)
    if tensor.is_made or tensor.dtype in WHOLE:
        return step.use.source(Fill(shape=[*own]))
    found = step.sources.get((tensor.place, own))
    if found is None:
        found = step.sources[tensor.place, own] = step.use.source(Parameter(shape=[*own]))
    return found


def _tensors(step: Step) -> list[Tensor]:
    return [one for one in step.reads if one is not None and not one.is_constant]


def binary(name: str, *, fuses: bool = True) -> Add:
    """Return the function of two tensors."""

    def call(step: Step) -> Made:
        rank = max(len(step.use.shape(x)) for x in step.use.inputs)
        found = step.call(name, *[operand(step, at, rank) for at in range(2)])
        return step.fused(found) if fuses else found

    return call


def squared_difference(step: Step) -> Made:
    """`SQUARED_DIFFERENCE`."""
    return step.use.add("Square", binary("Subtract", fuses=False)(step))  # type: ignore[arg-type] # one tensor


def total(step: Step) -> Made:
    """`ADD_N`."""
    return step.use.add("Add", *step.use.inputs)


def unary(operator: str, **fixed: Any) -> Add:  # noqa: ANN401 - as the operator takes
    """Return the function of an operator of one tensor."""
    return lambda step: step.use.add(operator, step.use.x, **fixed)


def leaky(step: Step) -> Made:
    """`LEAKY_RELU`."""
    return step.use.add("LeakyReLU", negative_slope=step.options.real(0) if step.options else 0.0)


def gelu(step: Step) -> Made:
    """`GELU`."""
    return step.use.add("GELU", approximate=bool(step.whole(0, 1)))


def where(step: Step) -> Made:
    """`SELECT`, `SELECT_V2`."""
    rank = max(len(step.use.shape(x)) for x in step.use.inputs)
    return step.call("Where", *[operand(step, at, rank) for at in range(3)])  # type: ignore[no-any-return] # a tensor


def rounded(step: Step) -> Made:
    """`QUANTIZE`, `DEQUANTIZE`: a product and a sum for each element."""
    shape = step.use.shape()[1:]
    x = step.use.add(Custom(output_shape=[*shape], params=0, macs=0, flops=2 * prod(shape)), step.use.x)
    dtype = step.made[0].dtype
    return step.use.add("Cast", x, dtype=dtype)


def cast(step: Step) -> Made:
    """`CAST`."""
    return step.use.add("Cast", step.use.x, dtype=step.made[0].dtype)


# Windows


def pooled(kind: str) -> Add:
    """Return the function of a pooling."""

    def call(step: Step) -> Made:
        x = step.use.add(
            f"{kind}Pooling2D",
            pool_size=[step.whole(4), step.whole(3)],
            strides=[step.whole(2), step.whole(1)],
            padding=PADDINGS[step.whole(0, 1)],
        )
        return step.fused(x, 5)

    return call


def resized(mode: str) -> Add:
    """Return the function of `RESIZE_BILINEAR` and the like."""

    def call(step: Step) -> Made:
        _, height, width, _ = step.made[0].shape
        return step.use.add("Resizing", step.use.x, height=height, width=width, interpolation=mode)

    return call


# Changes of shape


def reshape(step: Step) -> Made:
    """`RESHAPE`, `SQUEEZE`, `EXPAND_DIMS`: the file has the shape."""
    given, made = step.use.net.shapes[step.use.x], step.made[0].shape
    if given[:1] != made[:1]:
        raise MixesSamplesError
    return step.use.add("Reshape", step.use.x, target_shape=[*made[1:]])


def transpose(step: Step) -> Made:
    """`TRANSPOSE`."""
    return step.call("Transpose", axes=step.numbers(1))  # type: ignore[no-any-return] # a tensor


def reduced(name: str) -> Add:
    """Return the function of a reduction."""
    return lambda step: step.call(name, step.use.x, axis=step.numbers(1), keepdims=bool(step.whole(0, 1)))


def of_axis(name: str) -> Add:
    """Return the function of `ARG_MAX` and the like."""
    return lambda step: step.call(name, step.use.x, axis=step.numbers(1)[0])


def concatenated(step: Step) -> Made:
    """`CONCATENATION`."""
    rank = len(step.made[0].shape)
    parts = [operand(step, at, rank) for at in range(len(step.reads))]
    if not all(hasattr(part, "producer") for part in parts):
        raise MixesSamplesError
    axis = step.whole(0) % rank
    if axis == 0:
        raise MixesSamplesError
    return step.fused(step.use.add("Concatenate", *parts, axis=axis), 1)


def padded(step: Step) -> Made:
    """`PAD`, `MIRROR_PAD`."""
    flat = step.numbers(1)
    pairs = [flat[at : at + 2] for at in range(0, len(flat), 2)]
    return step.call("Pad", step.use.x, pad_width=pairs)  # type: ignore[no-any-return] # a tensor


def sliced(step: Step) -> Made:
    """`STRIDED_SLICE`."""
    begins, ends, steps = (step.numbers(at) for at in (1, 2, 3))
    masks = [step.whole(at) for at in range(5)]
    if masks[2]:
        raise MixesSamplesError
    keys: list[Any] = []
    for at, (begin, end, stride) in enumerate(zip(begins, ends, steps, strict=True)):
        bit = 1 << at
        if masks[3] & bit:
            keys.append(None)
        elif masks[4] & bit:
            keys.append(begin)
        else:
            first = None if masks[0] & bit or (at == 0 and begin == 0) else begin
            last = None if masks[1] & bit or (at == 0 and end == step.tensor(0).shape[0]) else end
            keys.append(slice(first, last, None if stride == 1 else stride))
    return step.call("GetItem", step.use.x, keys)  # type: ignore[no-any-return] # a tensor


def cut(step: Step) -> Made:
    """`SLICE`."""
    begins, sizes = step.numbers(1), step.numbers(2)
    whole = step.tensor(0).shape
    keys = [
        slice(begin or None, None if size in (-1, full - begin) else begin + size)
        for begin, size, full in zip(begins, sizes, whole, strict=True)
    ]
    return step.call("GetItem", step.use.x, keys)  # type: ignore[no-any-return] # a tensor


def split(step: Step) -> tuple[Made, ...]:
    """`SPLIT`, whose first input is the axis."""
    found = step.call("Split", step.use.x, indices_or_sections=len(step.made), axis=step.numbers(0)[0])
    return found if isinstance(found, tuple) else (found,)


def split_sizes(step: Step) -> tuple[Made, ...]:
    """`SPLIT_V`."""
    axis = step.numbers(2)[0] % len(step.use.shape())
    if axis == 0:
        raise MixesSamplesError
    return step.use.add_all("Split", step.use.x, sizes=[one.shape[axis] for one in step.made], axis=axis)


def tiled(step: Step) -> Made:
    """`TILE`."""
    return step.call("Tile", step.use.x, repeats=step.numbers(1))  # type: ignore[no-any-return] # a tensor


def broadcast(step: Step) -> Made:
    """`BROADCAST_TO`."""
    return step.use.add("Expand", step.use.x, target_shape=[*step.made[0].shape[1:]])


def stacked(step: Step) -> Made:
    """`PACK`."""
    return step.call("Stack", *step.use.inputs, axis=step.whole(1))  # type: ignore[no-any-return] # a tensor


def unstacked(step: Step) -> tuple[Made, ...]:
    """`UNPACK`."""
    return step.call("Unstack", step.use.x, axis=step.whole(1))  # type: ignore[no-any-return] # tensors


def flipped(step: Step) -> Made:
    """`REVERSE_V2`."""
    return step.call("Flip", step.use.x, axis=step.numbers(1))  # type: ignore[no-any-return] # a tensor


def shuffled(name: str) -> Add:
    """Return the function of `DEPTH_TO_SPACE` and its reverse."""
    return lambda step: step.call(name, step.use.x, block_size=step.whole(0))


def one_hot(step: Step) -> Made:
    """`ONE_HOT`."""
    return step.use.add("OneHot", step.use.x, num_classes=step.made[0].shape[-1])


MOVES = frozenset(
    (
        *("RESHAPE", "SQUEEZE", "EXPAND_DIMS", "TRANSPOSE", "CONCATENATION", "PAD", "PADV2", "MIRROR_PAD", "SLICE"),
        *(
            "STRIDED_SLICE",
            "SPLIT",
            "SPLIT_V",
            "TILE",
            "BROADCAST_TO",
            "PACK",
            "UNPACK",
            "REVERSE_V2",
            "GATHER",
            "FILL",
        ),
        *("DEPTH_TO_SPACE", "SPACE_TO_DEPTH", "SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND", "GATHER_ND", "SCATTER_ND"),
        *("SELECT", "SELECT_V2", "CAST", "ZEROS_LIKE", "ONE_HOT", "DYNAMIC_UPDATE_SLICE", "REVERSE_SEQUENCE"),
        *("READ_VARIABLE", "ASSIGN_VARIABLE", "VAR_HANDLE"),
    )
)
"""Operators that compute nothing."""
EACH = frozenset(
    (
        *("ADD", "SUB", "MUL", "DIV", "POW", "FLOOR_DIV", "FLOOR_MOD", "MAXIMUM", "MINIMUM", "EQUAL", "NOT_EQUAL"),
        *("GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL", "LOGICAL_AND", "LOGICAL_OR", "LOGICAL_NOT", "NEG"),
        *("SQRT", "RSQRT", "SQUARE", "EXP", "LOG", "SIN", "COS", "ABS", "FLOOR", "CEIL", "ROUND", "SIGN"),
    )
)
"""Operators of one operation for each element of the output."""
REDUCED = ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD", "REDUCE_ANY", "REDUCE_ALL")


def work_of(kind: str, step: Step) -> int | None:
    """Return the operations of one that is none of ours; None where they are not known."""
    if kind == "RESHAPE" and step.use.inputs and prod(step.use.net.shapes[step.use.x]) != prod(step.made[0].shape):
        return None  # sizes that the file leaves to the run
    if kind in MOVES:
        return 0
    if kind in REDUCED and step.use.inputs:
        return prod(step.use.net.shapes[step.use.x])
    made = sum(prod(one.shape) for one in step.made)
    return 2 * made if kind == "SQUARED_DIFFERENCE" else made if kind in EACH else None


OPERATORS: dict[str, Add] = {
    "CONV_2D": convolution,
    "DEPTHWISE_CONV_2D": depthwise,
    "TRANSPOSE_CONV": transposed,
    "CONV_3D": volume,
    "FULLY_CONNECTED": dense,
    "BATCH_MATMUL": product,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": lstm,
    "PRELU": prelu,
    "GATHER": table,
    "ADD": binary("Add"),
    "SUB": binary("Subtract"),
    "MUL": binary("Multiply"),
    "DIV": binary("Divide"),
    "POW": binary("Power", fuses=False),
    "FLOOR_DIV": binary("FloorDivide", fuses=False),
    "SQUARED_DIFFERENCE": squared_difference,
    "ADD_N": total,
    **{name: binary(name.capitalize(), fuses=False) for name in ("MAXIMUM", "MINIMUM", "EQUAL", "GREATER", "LESS")},
    "NOT_EQUAL": binary("NotEqual", fuses=False),
    "GREATER_EQUAL": binary("GreaterEqual", fuses=False),
    "LESS_EQUAL": binary("LessEqual", fuses=False),
    "LOGICAL_AND": binary("LogicalAnd", fuses=False),
    "LOGICAL_OR": binary("LogicalOr", fuses=False),
    "SELECT": where,
    "SELECT_V2": where,
    "RELU": unary("ReLU"),
    "RELU6": unary("ReLU6"),
    "RELU_N1_TO_1": unary("HardTanh"),
    "RELU_0_TO_1": unary("ReLU", max_value=1.0),
    "LEAKY_RELU": leaky,
    "GELU": gelu,
    "LOGISTIC": unary("Sigmoid"),
    "TANH": unary("Tanh"),
    "ELU": unary("ELU"),
    "HARD_SWISH": unary("HardSwish"),
    "SOFTMAX": unary("Softmax"),
    "LOG_SOFTMAX": unary("LogSoftmax"),
    "EXP": unary("Exponential"),
    **{name: unary(name.capitalize()) for name in ("SQRT", "RSQRT", "SQUARE", "LOG", "SIN", "COS", "ABS", "SIGN")},
    **{name: unary(name.capitalize()) for name in ("FLOOR", "CEIL", "ROUND")},
    "NEG": unary("Negative"),
    "LOGICAL_NOT": unary("LogicalNot"),
    "L2_NORMALIZATION": unary("UnitNormalization", axis=-1),
    "QUANTIZE": rounded,
    "DEQUANTIZE": rounded,
    "CAST": cast,
    "AVERAGE_POOL_2D": pooled("Average"),
    "MAX_POOL_2D": pooled("Max"),
    "RESIZE_BILINEAR": resized("bilinear"),
    "RESIZE_NEAREST_NEIGHBOR": resized("nearest"),
    "RESHAPE": reshape,
    "SQUEEZE": reshape,
    "EXPAND_DIMS": reshape,
    "TRANSPOSE": transpose,
    "MEAN": reduced("Mean"),
    "SUM": reduced("Sum"),
    "REDUCE_MAX": reduced("Max"),
    "REDUCE_MIN": reduced("Min"),
    "REDUCE_PROD": reduced("Prod"),
    "REDUCE_ANY": reduced("Any"),
    "REDUCE_ALL": reduced("All"),
    "ARG_MAX": of_axis("Argmax"),
    "ARG_MIN": of_axis("Argmin"),
    "CUMSUM": of_axis("Cumsum"),
    "CONCATENATION": concatenated,
    "PAD": padded,
    "PADV2": padded,
    "MIRROR_PAD": padded,
    "STRIDED_SLICE": sliced,
    "SLICE": cut,
    "SPLIT": split,
    "SPLIT_V": split_sizes,
    "TILE": tiled,
    "BROADCAST_TO": broadcast,
    "PACK": stacked,
    "UNPACK": unstacked,
    "REVERSE_V2": flipped,
    "DEPTH_TO_SPACE": shuffled("DepthToSpace"),
    "SPACE_TO_DEPTH": shuffled("SpaceToDepth"),
    "ONE_HOT": one_hot,
}
"""By the name in the schema."""
