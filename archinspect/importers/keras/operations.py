"""Functions of `keras.ops` that stand among the layers of a functional model: one table, by the class's name.

A function takes a :class:`archinspect.importers.keras.build.Use`, whose layer's arguments are those of the class, and
whose call has tensors and numbers. What has no function here, or mixes samples, is a row with the file's own shape.
"""

from __future__ import annotations

from math import prod
from types import EllipsisType
from typing import TYPE_CHECKING, Any

from archinspect.importers.keras.build import tensors
from archinspect.importers.keras.layers.base import activation
from archinspect.importers.keras.model import Array
from archinspect.ops.source import Fill
from archinspect.ops.tensor import Custom

if TYPE_CHECKING:
    from collections.abc import Callable

    from archinspect.graph.graph import Tensor
    from archinspect.importers.keras.build import Use
    from archinspect.importers.keras.layers import Add, Made


class MixesSamplesError(Exception):
    """A function is of the batch's axis, which no operator of ours touches."""


def add(use: Use) -> Made:
    """Add the nodes of a function."""
    found = OPERATIONS.get(use.layer.kind)
    if found is not None:
        try:
            return found(use)
        except MixesSamplesError:
            pass
    return use.unknown(params=0, is_own=found is not None)


# What calls say


def argument(use: Use, at: int, *names: str) -> Any:  # noqa: ANN401 - as the file says
    """Return an argument of the call, by its place or its name."""
    for name in names:
        if name in use.kwargs:
            return use.kwargs[name]
    return use.args[at] if at < len(use.args) else None


def is_tensor(value: Any) -> bool:  # noqa: ANN401 - as the file says
    """Return whether an argument is a tensor."""
    return hasattr(value, "producer")


def number(value: Any) -> float | None:  # noqa: ANN401 - as the file says
    """Return an argument that is a number; None for any other."""
    value = value.number if isinstance(value, Array) else value
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def as_tensor(use: Use, value: Any, rank: int) -> Tensor:  # noqa: ANN401 - as the file says
    """Return an argument as a tensor of so many axes: numbers of the file are made anew by every pass."""
    if is_tensor(value):
        return value  # type: ignore[no-any-return] # as was asked
    if isinstance(value, list):
        value = Array(_lengths(value))
    if number(value) is not None:
        value = Array(())
    if not isinstance(value, Array):
        raise use.refuse("it reads what is neither a tensor nor a number")
    shape = value.shape
    if len(shape) == rank and shape[0] != 1:
        raise MixesSamplesError
    own = shape[1:] if len(shape) == rank else (*[1] * (rank - 1 - len(shape)), *shape)
    return use.source(Fill(shape=list(own)))


def _lengths(value: Any) -> tuple[int, ...]:  # noqa: ANN401 - as the file says
    found = []
    while isinstance(value, list):
        found.append(len(value))
        value = value[0] if value else None
    return tuple(found)


def axes(use: Use, name: str = "axis", x: Tensor | None = None) -> list[int]:
    """Return the axes of a function, the batch being none of them."""
    rank = len(use.shape(x))
    value = use.get(name)
    if value is None:
        raise MixesSamplesError
    found = value if isinstance(value, list) else [value]
    if any(type(axis) is not int or not -rank <= axis < rank for axis in found):
        raise use.refuse(f"there is no {name} {found}"[:200])
    found = [axis % rank for axis in found]
    if 0 in found:
        raise MixesSamplesError
    return found


# Elementwise


def unary(operator: str, **fixed: Any) -> Add:  # noqa: ANN401 - as the operator takes
    """Return the function of an operator of one tensor."""

    def call(use: Use) -> Made:
        return use.add(operator, use.x, **fixed)

    return call


def each(operations: int = 1) -> Add:
    """Return what adds a function of each element that has no operator of ours."""

    def call(use: Use) -> Made:
        shape = use.shape()[1:]
        count = operations * prod(shape)
        return use.add(Custom(output_shape=list(shape), params=0, macs=0, flops=count), use.x)

    return call


def activated(name: str = "") -> Add:
    """Return the function of an activation, with its own arguments."""

    def call(use: Use) -> Made:
        given = {key: value for key, value in use.config.items() if key != "name"}
        kind = name or use.layer.kind
        found = activation({"class_name": kind, "config": given} if given else kind)
        if found is None or isinstance(found, str):
            return use.unknown(params=0)
        return use.add(found, use.x)

    return call


def _both(use: Use) -> tuple[Any, Any]:
    return argument(use, 0, "x1", "x", "condition"), argument(use, 1, "x2", "y")


def binary(
    operator: str, first: Callable[[float], Any] | None = None, second: Callable[[float], Any] | None = None
) -> Add:
    """Return a function of two tensors; of a number, first or second, it is another operator with that."""

    def call(use: Use) -> Made:
        one, other = _both(use)
        for value, tensor, made in ((other, one, second), (one, other, first)):
            alone = number(value)
            if made is not None and alone is not None and is_tensor(tensor) and _is_small(use, value, tensor):
                name, args = made(alone)
                return use.add(name, tensor, **args)
        return joined(use, operator, one, other)

    return call


def _is_small(use: Use, value: Any, tensor: Tensor) -> bool:  # noqa: ANN401 - as the file says
    return not isinstance(value, Array) or len(value.shape) <= len(use.shape(tensor))


def joined(use: Use, operator: str, *values: Any) -> Tensor:  # noqa: ANN401 - as the file says
    """Add an operator that reads tensors and numbers, all of as many axes as the largest."""
    given = list(tensors(list(values)))
    if not given:
        raise MixesSamplesError
    rank = max(len(use.shape(x)) for x in given)
    if any(len(use.shape(x)) != rank for x in given):
        raise MixesSamplesError  # NumPy meets the last axes, so that the batch would meet another
    return use.add(operator, *[as_tensor(use, value, rank) for value in values])


def scaled(value: float) -> tuple[str, dict[str, Any]]:
    """Return the operator of a product with a number."""
    return "Rescaling", {"scale": value}


def shifted(value: float) -> tuple[str, dict[str, Any]]:
    """Return the operator of a sum with a number."""
    return "Rescaling", {"offset": value}


def _compared(operator: str) -> Callable[[float], Any]:
    return lambda value: (operator, {"value": value})


def where(use: Use) -> Made:
    """`Where`."""
    return joined(use, "Where", argument(use, 0, "condition"), argument(use, 1, "x1"), argument(use, 2, "x2"))


def clip(use: Use) -> Made:
    """`Clip`."""
    return use.add("Clip", use.x, min_value=number(use.get("x_min")), max_value=number(use.get("x_max")))


def cast(use: Use) -> Made:
    """`Cast`."""
    dtype = use.get("dtype")
    name = dtype if isinstance(dtype, str) else "float32"
    known = ("float32", "float64", "float16", "bfloat16", "int8", "int16", "int32", "int64", "uint8", "bool")
    return use.add("Cast", use.x, dtype="float" if name == "float32" or name not in known else name)


def floor_divide(use: Use) -> Made:
    """`FloorDivide`."""
    one, other = _both(use)
    return use.add("Floor", joined(use, "Divide", one, other))


# Reductions


def reduced(operator: str) -> Add:
    """Return the function of a reduction."""

    def call(use: Use) -> Made:
        return use.add(operator, use.x, axis=axes(use), keepdims=bool(use.get("keepdims", False)))

    return call


def of_axis(operator: str, default: int = -1, **names: str) -> Add:
    """Return the function of an operator along an axis."""

    def call(use: Use) -> Made:
        rank = len(use.shape())
        axis = use.get("axis", default)
        if type(axis) is not int or axis % rank == 0:
            raise MixesSamplesError
        own = {key: use.get(name) for key, name in names.items() if use.get(name) is not None}
        return use.add_all(operator, use.x, axis=axis, **own)

    return call


def norm(use: Use) -> Made:
    """`Norm`."""
    operators = {None: "ReduceL2", 2: "ReduceL2", "fro": "ReduceL2", 1: "ReduceL1"}
    order = use.get("ord")
    if order not in operators:
        raise MixesSamplesError
    return use.add(operators[order], use.x, axis=axes(use), keepdims=bool(use.get("keepdims", False)))


def normalized(use: Use) -> Made:
    """`Normalize`."""
    if use.get("order", 2) != 2:  # noqa: PLR2004 - as vectors are
        raise MixesSamplesError
    return use.add("UnitNormalization", use.x, axis=axes(use))


# Products


def matmul(use: Use) -> Made:
    """`Matmul`."""
    one, other = _both(use)
    if not (is_tensor(one) and is_tensor(other)):
        constant, tensor = (one, other) if is_tensor(other) else (other, one)
        shape = constant.shape if isinstance(constant, Array) else _lengths(constant)
        if len(shape) != 2 or not is_tensor(tensor) or tensor is other:  # noqa: PLR2004 - a matrix
            raise MixesSamplesError
        # A matrix of the file's own: a linear layer without weights.
        width = use.shape(tensor)[-1]
        count = prod(use.shape(tensor)[1:-1]) * width * shape[1]
        return use.add(Custom(output_shape=[*use.shape(tensor)[1:-1], shape[1]], params=0, macs=count), tensor)
    if min(len(use.shape(one)), len(use.shape(other))) < 3:  # noqa: PLR2004 - the batch, and a matrix
        raise MixesSamplesError
    return joined(use, "MatMul", one, other)


def einsum(use: Use) -> Made:
    """`Einsum`."""
    if not all(map(is_tensor, use.args)):
        raise MixesSamplesError
    return use.add("Einsum", *use.inputs, equation=use.get("subscripts", ""))


def attention(use: Use) -> Made:
    """`DotProductAttention`: heads have an axis of their own, before the features."""
    query, key, value = (argument(use, at, name) for at, name in enumerate(("query", "key", "value")))
    shapes = [use.shape(one) for one in (query, key, value)]
    if any(len(shape) != 4 for shape in shapes):  # noqa: PLR2004 - the batch, steps, heads, features
        raise MixesSamplesError
    flat = [
        use.add("Reshape", one, target_shape=[shape[1], shape[2] * shape[3]])
        for one, shape in zip((query, key, value), shapes, strict=True)
    ]
    masked = argument(use, 4, "mask") is not None or argument(use, 3, "bias") is not None
    op = use.make(
        "ScaledDotProductAttention",
        num_heads=shapes[0][2],
        num_kv_heads=shapes[1][2],
        causal=bool(use.get("is_causal", False)),
        masked=masked,
    )
    use.row = op
    x = use.add(op, *flat)
    return use.add("Reshape", x, target_shape=[shapes[0][1], shapes[0][2], use.shape(x)[-1] // shapes[0][2]])


# Changes of shape


def reshape(use: Use) -> Made:
    """`Reshape`."""
    shape = use.get("newshape", use.get("shape"))
    given = use.shape()
    if not isinstance(shape, list) or not shape:
        raise MixesSamplesError
    if any(is_tensor(size) for size in shape):
        raise MixesSamplesError
    first, rest = shape[0], [-1 if size is None else size for size in shape[1:]]
    # Either the batch is what is left, or it is kept by its own size.
    if first in (-1, None) and -1 not in rest:
        if prod(rest) != prod(given[1:]):
            raise MixesSamplesError
    elif first not in (None, use.net.batch_said) and not (first == 1 and use.net.batch_said is None and -1 in rest):
        raise MixesSamplesError
    return use.add("Reshape", use.x, target_shape=rest)


def transpose(use: Use) -> Made:
    """`Transpose`."""
    order = use.get("axes")
    rank = len(use.shape())
    if not isinstance(order, list):
        raise MixesSamplesError
    order = [axis % rank for axis in order]
    if order[:1] != [0]:
        raise MixesSamplesError
    return use.add("Permute", use.x, dims=order[1:])


def squeeze(use: Use) -> Made:
    """`Squeeze`."""
    return use.add("Squeeze", use.x, axis=axes(use))


def expand_dims(use: Use) -> Made:
    """`ExpandDims`."""
    value = use.get("axis")
    values = value if isinstance(value, list) else [value]
    rank = len(use.shape()) + len(values)
    found = [axis % rank for axis in values if type(axis) is int]
    if 0 in found or len(found) < len(values):
        raise MixesSamplesError
    return use.add("Unsqueeze", use.x, axis=found)


def swapped(use: Use) -> Made:
    """`Swapaxes`."""
    rank = len(use.shape())
    one, other = use.whole("axis1") % rank, use.whole("axis2") % rank
    if 0 in (one, other):
        raise MixesSamplesError
    return use.add("SwapAxes", use.x, axis1=one, axis2=other)


def moved(use: Use) -> Made:
    """`Moveaxis`."""
    return use.add("MoveAxis", use.x, source=axes(use, "source"), destination=axes(use, "destination"))


def flipped(use: Use) -> Made:
    """`Flip`."""
    return use.add("Flip", use.x, axis=axes(use))


def rolled(use: Use) -> Made:
    """`Roll`."""
    found = axes(use)
    shift = use.get("shift")
    return use.add("Roll", use.x, shift=shift, axis=found if isinstance(shift, list) else found[0])


def repeated(use: Use) -> Made:
    """`Repeat`."""
    return use.add("Repeat", use.x, repeats=use.whole("repeats"), axis=axes(use)[0])


def tiled(use: Use) -> Made:
    """`Tile`."""
    repeats = use.get("repeats")
    values = repeats if isinstance(repeats, list) else [repeats]
    rank = len(use.shape())
    if len(values) > rank or any(type(one) is not int for one in values):
        raise MixesSamplesError
    values = [*[1] * (rank - len(values)), *values]
    if values[0] != 1:
        raise MixesSamplesError
    return use.add("Tile", use.x, repeats=values[1:])


def broadcast(use: Use) -> Made:
    """`BroadcastTo`."""
    shape = use.get("shape")
    if not isinstance(shape, list) or len(shape) != len(use.shape()):
        raise MixesSamplesError
    if shape[0] not in (None, -1, use.net.batch_said):
        raise MixesSamplesError
    own = [size if given is None else given for size, given in zip(use.shape()[1:], shape[1:], strict=True)]
    return use.add("Expand", use.x, target_shape=own)


def concatenated(use: Use) -> Made:
    """`Concatenate`."""
    given = list(tensors(use.args))
    rank = len(use.shape(given[0]))
    axis = use.whole("axis", -1)
    if axis % rank == 0:
        raise MixesSamplesError
    values = use.args[0] if isinstance(use.args[0], list) else use.args
    return use.add("Concatenate", *[as_tensor(use, value, rank) for value in values], axis=axis)


def stacked(use: Use) -> Made:
    """`Stack`."""
    rank = len(use.shape()) + 1
    axis = use.whole("axis", 0) % rank
    if axis == 0:
        raise MixesSamplesError
    return use.add("Stack", *use.inputs, axis=axis)


def split(use: Use) -> Made:
    """`Split`."""
    (axis,) = axes(use)
    sections = use.get("indices_or_sections", use.get("num_or_size_splits"))
    if type(sections) is int:
        return use.add_all("Split", use.x, parts=sections, axis=axis)
    ends = [*(sections or []), use.shape()[axis]]
    sizes = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    return use.add_all("Split", use.x, sizes=sizes, axis=axis)


def unstacked(use: Use) -> Made:
    """`Unstack`."""
    axis = use.whole("axis", 0) % len(use.shape())
    if axis == 0:
        raise MixesSamplesError
    return use.add_all("Unbind", use.x, parts=use.shape()[axis], axis=axis)


def padded(use: Use) -> Made:
    """`Pad`."""
    pairs = use.get("pad_width")
    rank = len(use.shape())
    if type(pairs) is int:
        raise MixesSamplesError
    pairs = [pair if isinstance(pair, list) else [pair, pair] for pair in pairs or []]
    if len(pairs) == 1:
        pairs *= rank
    if len(pairs) == 2 and rank != 2 and all(pair[0] == pair[1] for pair in pairs):  # noqa: PLR2004 - [before, after]
        pairs = [[pairs[0][0], pairs[1][0]]] * rank
    if len(pairs) != rank or any(pairs[0]):
        raise MixesSamplesError
    return pad(use, use.x, pairs[1:])


def pad(use: Use, x: Tensor, pairs: list[list[int]]) -> Tensor:
    """Pad the axes of a sample."""
    spatial = [at for at, pair in enumerate(pairs) if any(pair)]
    if not spatial:
        return use.add("Identity", x)
    shape = use.shape(x)[1:]
    if len(shape) in (2, 3, 4) and not any(pairs[-1]):
        return use.add(f"ZeroPadding{len(shape) - 1}D", x, padding=[list(pair) for pair in pairs[:-1]])
    if len(shape) in (2, 3, 4) and not any(pairs[0]):
        return use.add(
            f"ZeroPadding{len(shape) - 1}D", x, padding=[list(p) for p in pairs[1:]], data_format="channels_first"
        )
    for at in spatial:  # one axis after the other, as one that has places before it and features behind it
        flat = use.add("Reshape", x, target_shape=[prod(shape[:at]), shape[at], prod(shape[at + 1 :])])
        wide = use.add("ZeroPadding2D", flat, padding=[[0, 0], list(pairs[at])])
        shape = (*shape[:at], use.shape(wide)[2], *shape[at + 1 :])
        x = use.add("Reshape", wide, target_shape=list(shape))
    return x


def item(use: Use) -> Made:
    """`GetItem`: Python's subscripts."""
    keys = argument(use, 1, "key", "slice_spec")
    return sliced(use, use.x, keys if isinstance(keys, list) else [keys])


def sliced(use: Use, x: Tensor, keys: list[Any]) -> Tensor:
    """Return `x[keys]`, where the first key is that of the batch."""
    if any(isinstance(key, list | Array) or is_tensor(key) for key in keys):
        raise MixesSamplesError
    rank = len(use.shape(x))
    used = sum(key is not None and key is not ... for key in keys)
    if used > rank:
        raise use.refuse("it has more subscripts than axes")
    dots = [at for at, key in enumerate(keys) if isinstance(key, EllipsisType)]
    at = dots[0] if dots else len(keys)
    full = [*keys[:at], *[slice(None)] * (rank - used), *keys[at + 1 :]]
    if full[0] is None or not (isinstance(full[0], slice) and full[0] == slice(None, full[0].stop, full[0].step)):
        raise MixesSamplesError
    if full[0].stop is not None or full[0].step not in (None, 1):
        raise MixesSamplesError
    axis, found = 1, x
    for key in full[1:]:
        if key is None:
            found, axis = use.add("Unsqueeze", found, axis=[axis]), axis + 1
        elif type(key) is int:
            found = use.add("Select", found, index=key, axis=axis)
        else:
            found, axis = _cut(use, found, key, axis), axis + 1
    return use.add("Identity", found) if found is x else found


def _cut(use: Use, x: Tensor, key: slice, axis: int) -> Tensor:
    step = 1 if key.step is None else key.step
    whole = key.start in (None, 0) and key.stop is None
    if whole and step == 1:
        return x
    if step < 0:
        if key.start is not None or key.stop is not None:
            raise MixesSamplesError
        x = use.add("Flip", x, axis=[axis])
        return x if step == -1 else use.add("Slice", x, axis=axis, step=-step)
    return use.add("Slice", x, axis=axis, start=key.start or 0, stop=key.stop, step=step)


def taken(use: Use) -> Made:
    """`Take`: fixed places of an axis, or those that a tensor names of a table of numbers."""
    places = argument(use, 1, "indices")
    (axis,) = axes(use)
    if type(places) is int:
        return use.add("Select", use.x, index=places, axis=axis)
    if is_tensor(places) or not isinstance(places, list | Array):
        raise MixesSamplesError
    shape = places.shape if isinstance(places, Array) else _lengths(places)
    given = use.shape()[1:]
    return use.add(Custom(output_shape=[*given[: axis - 1], *shape, *given[axis:]], params=0, macs=0), use.x)


# Pictures


def resized(use: Use) -> Made:
    """`Resize`."""
    size = use.get("size")
    if not isinstance(size, list) or len(size) != 2:  # noqa: PLR2004 - height and width
        raise MixesSamplesError
    return use.add(
        "Resizing",
        use.x,
        height=size[0],
        width=size[1],
        interpolation=use.get("interpolation", "bilinear"),
        crop_to_aspect_ratio=bool(use.get("crop_to_aspect_ratio", False)),
        pad_to_aspect_ratio=bool(use.get("pad_to_aspect_ratio", False)),
        data_format=use.get("data_format", "channels_last"),
    )


def pooled(kind: str) -> Add:
    """Return the function of a pooling."""

    def call(use: Use) -> Made:
        rank = len(use.shape()) - 2
        args = {key: use.get(key) for key in ("pool_size", "strides") if use.get(key) is not None}
        return use.add(
            f"{kind}Pooling{rank}D",
            use.x,
            **args,
            padding=use.get("padding", "valid"),
            data_format=use.get("data_format", "channels_last"),
        )

    return call


def shuffled(operator: str, name: str) -> Add:
    """Return the function of `DepthToSpace` and its reverse."""

    def call(use: Use) -> Made:
        size = use.whole("block_size")
        return use.add(operator, use.x, **{name: size}, data_format=use.get("data_format", "channels_last"))

    return call


def patches(use: Use) -> Made:
    """`ExtractPatches`: windows of a picture, each with all its numbers; no arithmetic."""
    return _known_shape(use)


def _known_shape(use: Use) -> Made:
    (shape,) = use.given_shapes()
    return use.add(Custom(output_shape=list(shape), params=0, macs=0), *use.inputs)


def one_hot(use: Use) -> Made:
    """`OneHot`."""
    if use.get("axis", -1) not in (-1, len(use.shape())):
        raise MixesSamplesError
    return use.add("OneHot", use.x, num_classes=use.whole("num_classes"))


def like(use: Use) -> Made:
    """`ZerosLike`, `OnesLike`: numbers of the shape of a tensor."""
    return use.add(Custom(output_shape=list(use.shape()[1:]), params=0, macs=0), use.x)


ACTIVATIONS = (
    *("Relu", "Relu6", "Sigmoid", "Softplus", "Softsign", "Silu", "LogSigmoid", "LeakyRelu", "HardSigmoid"),
    *("HardSilu", "Elu", "Selu", "Gelu", "Celu", "Glu", "TanhShrink", "HardTanh", "Softmax", "LogSoftmax"),
)
UNARY = {
    **{name: name for name in ("Sqrt", "Rsqrt", "Square", "Log", "Log1p", "Expm1", "Sin", "Cos", "Erf", "Reciprocal")},
    **{name: name for name in ("Negative", "Sign", "Floor", "Ceil", "Round", "LogicalNot", "Log2", "Log10", "Tan")},
    **{name: name for name in ("Sinh", "Cosh", "Trunc", "Tanh")},
    "Absolute": "Abs",
    "Abs": "Abs",
    "Fabs": "Abs",
    "Exp": "Exponential",
    "Arcsin": "Asin",
    "Arccos": "Acos",
    "Arctan": "Atan",
    "Copy": "Identity",
    "StopGradient": "Identity",
    "ConvertToTensor": "Identity",
    "Real": "Identity",
}
ONE_EACH = (
    *("Arccosh", "Arcsinh", "Arctanh", "Cbrt", "Exp2", "Erfinv", "Erfc", "Isfinite", "Isinf", "Isnan", "NanToNum"),
    *("Sinc", "Signbit", "Deg2rad", "Rad2deg", "Isneginf", "Isposinf", "Angle", "Conjugate", "Conj"),
)
REDUCED = {
    "Mean": "ReduceMean",
    "Sum": "ReduceSum",
    "Max": "ReduceMax",
    "Amax": "ReduceMax",
    "Min": "ReduceMin",
    "Amin": "ReduceMin",
    "Prod": "ReduceProd",
    "Var": "ReduceVar",
    "Std": "ReduceStd",
    "Any": "ReduceAny",
    "All": "ReduceAll",
    "Logsumexp": "ReduceLogSumExp",
}
OPERATIONS: dict[str, Add] = {
    **dict.fromkeys(ACTIVATIONS, activated()),
    "Threshold": unary("ThresholdedReLU"),
    "SoftShrink": unary("SoftShrink"),
    "HardShrink": unary("HardShrink"),
    "Squareplus": each(4),
    **{name: unary(operator) for name, operator in UNARY.items()},
    **{name: each() for name in ONE_EACH},
    "Add": binary("Add", shifted, shifted),
    "Subtract": binary("Subtract", shifted, lambda value: shifted(-value)),
    "Multiply": binary("Multiply", scaled, scaled),
    **dict.fromkeys(
        ("Divide", "TrueDivide", "DivideNoNan"),
        binary("Divide", lambda _: ("Reciprocal", {}), lambda value: scaled(1 / value if value else 2.0)),
    ),
    "Power": binary("Power", lambda _: ("Exponential", {}), lambda value: ("Power", {"exponent": value})),
    "Maximum": binary("Maximum", *[lambda value: ("Clip", {"min_value": value})] * 2),
    "Minimum": binary("Minimum", *[lambda value: ("Clip", {"max_value": value})] * 2),
    "Equal": binary("Equal", *[_compared("Equal")] * 2),
    "NotEqual": binary("NotEqual", *[_compared("NotEqual")] * 2),
    "Greater": binary("GreaterThan", _compared("LessThan"), _compared("GreaterThan")),
    "GreaterEqual": binary("GreaterEqual", _compared("LessEqual"), _compared("GreaterEqual")),
    "Less": binary("LessThan", _compared("GreaterThan"), _compared("LessThan")),
    "LessEqual": binary("LessEqual", _compared("GreaterEqual"), _compared("LessEqual")),
    "LogicalAnd": binary("LogicalAnd"),
    "LogicalOr": binary("LogicalOr"),
    "LogicalXor": binary("LogicalXor"),
    "FloorDivide": floor_divide,
    "Where": where,
    "Clip": clip,
    "Cast": cast,
    "SaturateCast": cast,
    **{name: reduced(operator) for name, operator in REDUCED.items()},
    "Argmax": of_axis("ArgMax", keepdims="keepdims"),
    "Argmin": of_axis("ArgMin", keepdims="keepdims"),
    "Cumsum": of_axis("CumSum"),
    "Cumprod": of_axis("CumProd"),
    "Sort": of_axis("Sort"),
    "Norm": norm,
    "Normalize": normalized,
    "TopK": of_axis("TopK", k="k", sorted="sorted"),
    "Matmul": matmul,
    "Einsum": einsum,
    "DotProductAttention": attention,
    "Reshape": reshape,
    "Transpose": transpose,
    "Squeeze": squeeze,
    "ExpandDims": expand_dims,
    "Swapaxes": swapped,
    "Moveaxis": moved,
    "Flip": flipped,
    "Roll": rolled,
    "Repeat": repeated,
    "Tile": tiled,
    "BroadcastTo": broadcast,
    "Concatenate": concatenated,
    "Stack": stacked,
    "Split": split,
    "Unstack": unstacked,
    "Pad": padded,
    "GetItem": item,
    "Take": taken,
    "Resize": resized,
    "MaxPool": pooled("Max"),
    "AveragePool": pooled("Average"),
    "DepthToSpace": shuffled("PixelShuffle", "upscale_factor"),
    "SpaceToDepth": shuffled("PixelUnshuffle", "downscale_factor"),
    "ExtractPatches": patches,
    "OneHot": one_hot,
    "ZerosLike": like,
    "OnesLike": like,
    "FullLike": like,
    "Tril": unary("Tril"),
    "Triu": unary("Triu"),
}
"""By the name of the class."""
