"""Which of our operators ONNX's are: one table, by name.

A function takes a step and returns ours, with the inputs that it reads and those that are its own weights; None where
there is none. Whether it agrees with the file, in shapes, weights and multiply-accumulates, is tried afterwards.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from archinspect.importers.onnx.messages import DTYPES
from archinspect.importers.onnx.rules import MICROSOFT
from archinspect.importers.onnx.rules.windows import Window, kernel_of
from archinspect.importers.onnx.values import RuleError, axis_of
from archinspect.ops import find_operator
from archinspect.ops.base import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable

    from archinspect.importers.onnx.values import Step
    from archinspect.ops.base import Op

CHANNELS_FIRST = {"data_format": "channels_first"}


class Ours(NamedTuple):
    """An operator of ours in the place of one of the file's."""

    op: Op
    reads: tuple[int, ...] = (0,)
    """The inputs that it reads, by their number in the file."""
    weights: tuple[int, ...] = ()
    """The inputs that are its own weights."""


def _make(name: str, args: tuple[tuple[str, Any], ...]) -> Op:
    kind = find_operator(name)
    assert kind is not None  # all names of this module are of the table of operators
    return kind(**{key: _listed(value) for key, value in args if value is not None})


_made = lru_cache(10_000)(_make)


def _listed(value: Any) -> Any:  # noqa: ANN401 - an argument as specs have it
    return list(map(_listed, value)) if isinstance(value, tuple) else value


def make(operator: str, **args: Any) -> Op:  # noqa: ANN401 - as the operator takes
    """Return an operator by its name."""
    try:
        return _made(operator, tuple(args.items()))
    except TypeError:  # sizes that are known by name alone, for a formula, are in no table
        return _make(operator, tuple(args.items()))


def plain(operator: str, **args: Any) -> Callable[[Step], Ours]:  # noqa: ANN401 - as above
    """Return the function of an operator that takes its first input; an argument may be a function of the step."""

    def translate(use: Step) -> Ours:
        return Ours(make(operator, **{name: value(use) if callable(value) else value for name, value in args.items()}))

    return translate


def given(name: str, default: Any = None) -> Callable[[Step], Any]:  # noqa: ANN401 - as the file says
    """Return the function that takes an argument from an attribute."""
    return lambda use: use.attribute(name, default)


def joined(operator: str) -> Callable[[Step], Ours]:
    """Return the function of an operator that reads all inputs."""
    return lambda use: Ours(make(operator), tuple(range(len(use.inputs))))


def with_number(
    operator: str, argument: Callable[[float], dict[str, Any]], *, turned: bool = False
) -> Callable[[Step], Ours]:
    """Return the function of an operator of two inputs, of which a number that is no weight may be an argument."""

    def translate(use: Step) -> Ours:
        for at in (1, 0) if turned else (1,):
            value = use.input(at)
            data = use.data(at)
            if (
                value.size == 1
                and data
                and not any(one.initializer for one in value.stored)
                and use.input(1 - at).rank >= value.rank
            ):
                return Ours(
                    make(
                        operator if "value" in argument(1.0) or "exponent" in argument(1.0) else "Rescaling",
                        **argument(float(data[0])),
                    ),
                    (1 - at,),
                )
        return Ours(make(operator), (0, 1))

    return translate


def _window(use: Step, weight: int = 0) -> tuple[int, dict[str, Any]]:
    """Return the rank of a window, and its arguments."""
    dims = use.shape()
    window = Window(use, dims[2:], kernel_of(use, weight) if weight else use.attribute("kernel_shape", ()))
    return len(dims) - 2, {"strides": window.strides, "padding": window.pads, **CHANNELS_FIRST}


def convolution(use: Step) -> Ours | None:
    """`Conv`."""
    rank, args = _window(use, 1)
    if rank > 3:  # noqa: PLR2004 - axes of positions
        return None
    kernel = use.shape(1)
    biased = use.has(2)
    op = make(
        f"Conv{rank}D",
        filters=kernel[0],
        kernel_size=kernel[2:],
        dilation_rate=tuple(use.attribute("dilations") or (1,) * rank),
        groups=use.attribute("group", 1),
        use_bias=biased,
        **args,
    )
    return Ours(op, (0,), (1, 2)[: 1 + biased])


def transposed(use: Step) -> Ours | None:
    """`ConvTranspose`."""
    rank, args = _window(use, 1)
    if rank > 3 or use.attribute("output_shape"):  # noqa: PLR2004 - axes of positions
        return None
    kernel, groups = use.shape(1), use.attribute("group", 1)
    biased = use.has(2)
    extra = use.attribute("output_padding")
    op = make(
        f"Conv{rank}DTranspose",
        filters=kernel[1] * groups,
        kernel_size=kernel[2:],
        dilation_rate=tuple(use.attribute("dilations") or (1,) * rank),
        groups=groups,
        use_bias=biased,
        output_padding=tuple(extra) if extra else None,
        **args,
    )
    return Ours(op, (0,), (1, 2)[: 1 + biased])


def pooling(word: str) -> Callable[[Step], Ours | None]:
    """Return the function of a pooling."""

    def translate(use: Step) -> Ours | None:
        rank, args = _window(use)
        if rank > 3:  # noqa: PLR2004 - axes of positions
            return None
        if word == "Max":
            args |= {"return_indices": use.count > 1, "dilation_rate": tuple(use.attribute("dilations") or (1,) * rank)}
        size = tuple(use.attribute("kernel_shape", ()))
        return Ours(make(f"{word}Pooling{rank}D", pool_size=size, ceil_mode=bool(use.attribute("ceil_mode")), **args))

    return translate


def global_pooling(word: str) -> Callable[[Step], Ours | None]:
    """Return the function of a pooling over all positions."""

    def translate(use: Step) -> Ours | None:
        rank = len(use.shape()) - 2
        return Ours(make(f"Global{word}Pooling{rank}D", keepdims=True, **CHANNELS_FIRST)) if 1 <= rank <= 3 else None  # noqa: PLR2004 - axes of positions

    return translate


def normalization(operator: str, **args: Any) -> Callable[[Step], Ours]:  # noqa: ANN401 - as the operator takes
    """Return the function of a normalization with a scale, and an offset where there is one."""

    def translate(use: Step) -> Ours:
        found = {name: value(use) if callable(value) else value for name, value in args.items()}
        weights = tuple(at for at in range(1, len(use.inputs)) if use.has(at))
        if operator in ("LayerNormalization", "GroupNormalization"):
            found["center"] = use.has(2)
        is_frozen = operator == "BatchNormalization" and all(one.role == "buffer" for one in use.input(1).stored)
        return Ours(make("FrozenBatchNormalization" if is_frozen else operator, **found), (0,), weights)

    return translate


def _last_axes(use: Step) -> tuple[int, ...]:
    rank = len(use.shape())
    return tuple(range(axis_of(use.attribute("axis", -1), rank), rank))


def matmul(use: Step) -> Ours:
    """`MatMul`: a fully connected layer where the second factor is a matrix of the file's own."""
    second = use.input(1)
    if second.constant and second.plain and second.rank == 2 and use.input(0).rank > 1:  # noqa: PLR2004 - a matrix
        return Ours(make("Dense", units=second.dims[1], use_bias=False), (0,), (1,))
    return Ours(make("MatMul"), (0, 1))


def gemm(use: Step) -> Ours | None:
    """`Gemm`."""
    second = use.input(1)
    if use.attribute("transA", 0) or not (second.constant and second.plain):
        return None
    units = second.dims[0 if use.attribute("transB", 0) else 1]
    biased = use.has(2)
    return Ours(make("Dense", units=units, use_bias=biased), (0,), (1, 2)[: 1 + biased])


def gather(use: Step) -> Ours | None:
    """`Gather`: an embedding where the table is the file's own, a part where the place is known."""
    table, axis = use.input(0), use.attribute("axis", 0)
    if table.constant and table.plain and table.rank == 2 and axis % 2 == 0 and not use.input(1).constant:  # noqa: PLR2004 - a table
        return Ours(make("Embedding", input_dim=table.dims[0], output_dim=table.dims[1]), (1,), (0,))
    places = use.data(1)
    if places is not None and use.shape(1) == ():
        return Ours(make("Select", index=places[0], axis=axis))
    return Ours(make("Gather", axis=axis), (0, 1))


def reshape(use: Step) -> Ours | None:
    """`Reshape` and its like: the axes of a sample."""
    dims = use.outputs[0].dims
    if not dims or 0 in dims:
        return None
    before = use.shape()
    if len(dims) == 2 and before[:1] == dims[:1]:  # noqa: PLR2004 - batch, features
        return Ours(make("Flatten"))
    return Ours(make("Reshape", target_shape=dims[1:]))


def cut(use: Step) -> Ours | None:
    """`Slice` of one axis, forwards."""
    starts, ends, axes, steps = use.ints("starts", 1), use.ints("ends", 2), use.ints("axes", 3), use.ints("steps", 4)
    if not starts or not ends or len(starts) != 1 or (steps and steps[0] < 1):
        return None
    rank = len(use.shape())
    axis = axis_of(axes[0], rank) if axes else 0
    length = use.shape()[axis]
    stop = None if ends[0] >= length else ends[0]
    return Ours(make("Slice", axis=axis, start=starts[0], stop=stop, step=steps[0] if steps else 1))


def split(use: Step) -> Ours | None:
    """`Split`."""
    axis = axis_of(use.attribute("axis", 0), len(use.shape()))
    sizes = tuple(value.dims[axis] for value in use.outputs)
    if 0 in sizes:
        return None
    return Ours(make("Split", axis=axis, **({"parts": len(sizes)} if len(set(sizes)) == 1 else {"sizes": sizes})))


def reduction(operator: str) -> Callable[[Step], Ours | None]:
    """Return the function of a reduction."""

    def translate(use: Step) -> Ours | None:
        rank = len(use.shape())
        axes = use.ints("axes", 1) or list(range(rank))
        if not axes:
            return None
        return Ours(
            make(
                operator, axis=tuple(axis_of(axis, rank) for axis in axes), keepdims=bool(use.attribute("keepdims", 1))
            )
        )

    return translate


def pad(use: Step) -> Ours | None:
    """`Pad` of positions, by zeros or what is there."""
    rank = len(use.shape()) - 2
    pads = use.ints("pads" if use.opset > 1 else "paddings", 1)
    if not 1 <= rank <= 3 or pads is None or use.has(3) or min(pads) < 0 or any(pads[:2] + pads[rank + 2 : rank + 4]):  # noqa: PLR2004 - axes of positions
        return None
    sides = tuple(zip(pads[2 : rank + 2], pads[rank + 4 :], strict=True))
    return Ours(make(f"ZeroPadding{rank}D", padding=sides, **CHANNELS_FIRST))


_MODES = {"nearest": "nearest", "linear": "linear", "cubic": "bicubic"}


def resize(use: Step) -> Ours | None:
    """`Resize`, `Upsample`, of positions alone."""
    before, after = use.shape(), use.outputs[0].dims
    rank = len(before) - 2
    mode = _MODES.get(use.attribute("mode", "nearest"))
    if before[:2] != after[:2] or not 1 <= rank <= 3 or mode is None:  # noqa: PLR2004 - axes of positions
        return None
    if mode == "linear":
        mode = ("linear", "bilinear", "trilinear")[rank - 1]
    return Ours(make("Upsample", size=after[2:], mode=mode, **CHANNELS_FIRST))


def pixel_shuffle(use: Step) -> Ours:
    """`DepthToSpace`, `SpaceToDepth`."""
    block = use.attribute("blocksize", 1)
    if use.kind == "DepthToSpace":
        return Ours(make("PixelShuffle", upscale_factor=block, **CHANNELS_FIRST))
    return Ours(make("PixelUnshuffle", downscale_factor=block, **CHANNELS_FIRST))


def attention(use: Step) -> Ours | None:
    """`Attention` of features of all heads side by side, without a mask."""
    if any(use.has(at) for at in range(3, 7)) or len(use.shape()) != 3 or use.count > 1:  # noqa: PLR2004 - batch, steps, features
        return None
    heads, shared = use.attribute("q_num_heads", 1), use.attribute("kv_num_heads", 1)
    causal = bool(use.attribute("is_causal"))
    return Ours(make("ScaledDotProductAttention", num_heads=heads, num_kv_heads=shared, causal=causal), (0, 1, 2))


def clip(use: Step) -> Ours:
    """`Clip`: a `ReLU` where it begins at 0."""
    low, high = use.attribute("min"), use.attribute("max")
    bounds = [use.data(at) if use.has(at) else None for at in (1, 2)]
    low, high = (float(data[0]) if data else own for data, own in zip(bounds, (low, high), strict=True))
    if low == 0 and high == 6:  # noqa: PLR2004 - as it is called
        return Ours(make("ReLU6"))
    if low == 0 and high is not None and high >= 0:
        return Ours(make("ReLU", max_value=high))
    return Ours(make("Clip", min_value=low, max_value=high))


def softmax(operator: str) -> Callable[[Step], Ours | None]:
    """Return the function of a softmax; before version 13 over all axes from one on."""

    def translate(use: Step) -> Ours | None:
        rank = len(use.shape())
        if use.opset >= 13:  # noqa: PLR2004 - since when it is of one axis
            return Ours(make(operator, axis=axis_of(use.attribute("axis", -1), rank)))
        return Ours(make(operator, axis=tuple(range(axis_of(use.attribute("axis", 1), rank), rank))))

    return translate


def prelu(use: Step) -> Ours | None:
    """`PRelu`."""
    slopes, dims = use.input(1), use.shape()
    if not slopes.constant or slopes.size not in (1, dims[1] if len(dims) > 1 else 1):
        return None
    return Ours(make("PReLU", num_parameters=slopes.size), (0,), (1,))


def squeezed(use: Step) -> Ours | None:
    """`Squeeze`, `Unsqueeze`."""
    axes = use.ints("axes", 1)
    if axes is None:
        axes = [at for at, size in enumerate(use.shape()) if size == 1]
    if not axes:
        return Ours(make("Identity"))
    rank = len(use.shape()) + (len(axes) if use.kind == "Unsqueeze" else 0)
    return Ours(make(use.kind, axis=tuple(axis_of(axis, rank) for axis in axes)))


def transpose(use: Step) -> Ours | None:
    """`Transpose`."""
    order = tuple(use.attribute("perm") or range(len(use.shape()))[::-1])
    return Ours(make("Permute", dims=order[1:])) if order[:1] == (0,) and len(order) > 1 else None


def expand(use: Step) -> Ours | None:
    """`Expand`."""
    dims = use.outputs[0].dims
    return Ours(make("Expand", target_shape=dims[1:])) if dims and 0 not in dims else None


def top(use: Step) -> Ours:
    """`TopK`."""
    axis = axis_of(use.attribute("axis", -1), len(use.shape()))
    return Ours(make("TopK", k=use.outputs[0].dims[axis], axis=axis))


def einsum(use: Step) -> Ours:
    """`Einsum`."""
    return Ours(make("Einsum", equation=use.attribute("equation")), tuple(range(len(use.inputs))))


def swish(use: Step) -> Ours:
    """`Swish`."""
    return Ours(make("SiLU" if use.attribute("alpha", 1.0) == 1 else "QuickGELU"))


def tile(use: Step) -> Ours | None:
    """`Tile`."""
    repeats = use.data(1) if use.opset > 5 else None  # noqa: PLR2004 - since when it is so
    return Ours(make("Tile", repeats=tuple(repeats[1:]))) if repeats and repeats[0] == 1 and len(repeats) > 1 else None


def dequantize_free(use: Step) -> Ours:
    """`Dropout`: nothing at inference."""
    return Ours(make("Dropout", rate=use.attribute("ratio", 0.5)))


def concat(use: Step) -> Ours:
    """`Concat`."""
    return Ours(make("Concatenate", axis=use.attribute("axis", 1)), tuple(range(len(use.inputs))))


def grid_sample(use: Step) -> Ours:
    """`GridSample`."""
    mode = {"linear": "bilinear", "bilinear": "bilinear", "nearest": "nearest"}.get(
        use.attribute("mode", "linear"), "bicubic"
    )
    return Ours(make("GridSample", mode=mode, **CHANNELS_FIRST), (0, 1))


def _place(operator: str) -> Callable[[Step], Ours]:
    return plain(operator, axis=given("axis", 0), keepdims=lambda use: bool(use.attribute("keepdims", 1)))


def _scale(value: float) -> dict[str, Any]:
    return {"scale": value}


def _cumulative(operator: str) -> Callable[[Step], Ours | None]:
    def translate(use: Step) -> Ours | None:
        axis = use.data(1)
        return Ours(make(operator, axis=axis[0])) if axis else None

    return translate


def identity(use: Step) -> Ours | None:
    """`Identity`."""
    return Ours(make("Identity")) if use.input(0).items is None else None


OPERATORS: dict[str, Callable[[Step], Ours | None]] = {
    "Conv": convolution,
    "ConvTranspose": transposed,
    "MaxPool": pooling("Max"),
    "AveragePool": pooling("Average"),
    "GlobalAveragePool": global_pooling("Average"),
    "GlobalMaxPool": global_pooling("Max"),
    "Gemm": gemm,
    "MatMul": matmul,
    "Einsum": einsum,
    "Attention": attention,
    "Gather": gather,
    "BatchNormalization": normalization("BatchNormalization", epsilon=given("epsilon", 1e-5), **CHANNELS_FIRST),
    "InstanceNormalization": normalization("InstanceNormalization", affine=True, **CHANNELS_FIRST),
    "LayerNormalization": normalization("LayerNormalization", axis=_last_axes, epsilon=given("epsilon", 1e-5)),
    "RMSNormalization": normalization("RMSNormalization", axis=_last_axes, epsilon=given("epsilon", 1e-5)),
    "GroupNormalization": normalization("GroupNormalization", groups=given("num_groups", 1), **CHANNELS_FIRST),
    "LRN": plain("LocalResponseNormalization", size=given("size", 5), **CHANNELS_FIRST),
    "Relu": plain("ReLU"),
    "LeakyRelu": plain("LeakyReLU", negative_slope=given("alpha", 0.01)),
    "PRelu": prelu,
    "ThresholdedRelu": plain("ThresholdedReLU"),
    "Elu": plain("ELU"),
    "Selu": plain("SELU"),
    "Celu": plain("CELU"),
    "Gelu": plain("GELU", approximate=given("approximate", "none")),
    "Sigmoid": plain("Sigmoid"),
    "Tanh": plain("Tanh"),
    "Softplus": plain("Softplus"),
    "Softsign": plain("Softsign"),
    "Mish": plain("Mish"),
    "Swish": swish,
    "HardSigmoid": plain("HardSigmoid"),
    "HardSwish": plain("HardSwish"),
    "Softmax": softmax("Softmax"),
    "LogSoftmax": softmax("LogSoftmax"),
    "Clip": clip,
    "Exp": plain("Exponential"),
    "Log": plain("Log"),
    "Sqrt": plain("Sqrt"),
    "Erf": plain("Erf"),
    "Abs": plain("Abs"),
    "Neg": plain("Negative"),
    "Sign": plain("Sign"),
    "Floor": plain("Floor"),
    "Ceil": plain("Ceil"),
    "Round": plain("Round"),
    "Reciprocal": plain("Reciprocal"),
    "Sin": plain("Sin"),
    "Cos": plain("Cos"),
    "Tan": plain("Tan"),
    "Asin": plain("Asin"),
    "Acos": plain("Acos"),
    "Atan": plain("Atan"),
    "Sinh": plain("Sinh"),
    "Cosh": plain("Cosh"),
    "Not": plain("LogicalNot"),
    "Cast": plain("Cast", dtype=lambda use: DTYPES.get(use.attribute("to", 1), "float")),
    "CastLike": plain("Cast", dtype=lambda use: use.input(1).dtype),
    "Add": with_number("Add", lambda value: {"offset": value}, turned=True),
    "Sub": with_number("Subtract", lambda value: {"offset": -value}),
    "Mul": with_number("Multiply", _scale, turned=True),
    "Div": with_number("Divide", lambda value: {"scale": 1 / value} if value else {"scale": value}),
    "Pow": with_number("Power", lambda value: {"exponent": value}),
    "Equal": with_number("Equal", lambda value: {"value": value}),
    "Greater": with_number("GreaterThan", lambda value: {"value": value}),
    "GreaterOrEqual": with_number("GreaterEqual", lambda value: {"value": value}),
    "Less": with_number("LessThan", lambda value: {"value": value}),
    "LessOrEqual": with_number("LessEqual", lambda value: {"value": value}),
    "And": joined("LogicalAnd"),
    "Or": joined("LogicalOr"),
    "Xor": joined("LogicalXor"),
    "Max": joined("Maximum"),
    "Min": joined("Minimum"),
    "Sum": joined("Add"),
    "Mean": joined("Average"),
    "Where": joined("Where"),
    "Concat": concat,
    "Reshape": reshape,
    "Flatten": reshape,
    "Transpose": transpose,
    "Squeeze": squeezed,
    "Unsqueeze": squeezed,
    "Expand": expand,
    "Tile": tile,
    "Slice": cut,
    "Split": split,
    "Pad": pad,
    "Resize": resize,
    "Upsample": resize,
    "DepthToSpace": pixel_shuffle,
    "SpaceToDepth": pixel_shuffle,
    "GridSample": grid_sample,
    "Identity": identity,
    "Dropout": dequantize_free,
    "ReduceSum": reduction("ReduceSum"),
    "ReduceMean": reduction("ReduceMean"),
    "ReduceMax": reduction("ReduceMax"),
    "ReduceMin": reduction("ReduceMin"),
    "ReduceProd": reduction("ReduceProd"),
    "ReduceL1": reduction("ReduceL1"),
    "ReduceL2": reduction("ReduceL2"),
    "ReduceLogSumExp": reduction("ReduceLogSumExp"),
    "ArgMax": _place("ArgMax"),
    "ArgMin": _place("ArgMin"),
    "CumSum": _cumulative("CumSum"),
    "CumProd": _cumulative("CumProd"),
    "TopK": top,
}
"""By the name in the standard set."""


def ours_of(step: Step) -> Ours | None:
    """Return the operator of ours that a step may be; whether it is, is not said."""
    translate = OPERATORS.get(step.kind)
    if translate is None or step.domain not in ("", "com.microsoft") or (step.domain and step.kind in MICROSOFT):
        return None
    try:
        return translate(step)
    except (ArgumentError, RuleError, ArithmeticError, LookupError, TypeError, ValueError):
        return None
