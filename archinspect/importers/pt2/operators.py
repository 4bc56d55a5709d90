"""PyTorch's operators as archinspect's: one table, from a call's name to a function that says the operator.

A translation is a proposal. :mod:`archinspect.importers.pt2.nodes` takes it where the operator's own rules give the
shapes, types and weights that the file has, and keeps the call as it stands in the file otherwise. So an entry needs no
conditions of its own for forms of a call that the operator does not have.

Defaults are those of PyTorch's schemas, which files leave out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from archinspect import ops
from archinspect.importers.pt2.program import DTYPES, Ref

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from archinspect.importers.pt2.program import Call, Meta, Stored
    from archinspect.importers.pt2.sizes import Size
    from archinspect.ops.base import Op


class Use:
    """A call with what its translation needs to know."""

    def __init__(self, call: Call, metas: Mapping[str, Meta], stored: Mapping[str, Stored]) -> None:
        self.call = call
        self.metas = metas
        self.stored = stored

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - an argument
        """Return an argument, or the schema's default."""
        return self.call.arguments.get(name, default)

    def has(self, name: str) -> bool:
        """Return whether a tensor is given."""
        return isinstance(self.get(name), Ref)

    def sizes(self, name: str) -> tuple[Size, ...]:
        """Return the sizes of a tensor that is given."""
        return self.metas[self.get(name).name].sizes

    def made(self, index: int = 0) -> tuple[Size, ...]:
        """Return the sizes of an output."""
        return self.metas[self.call.outputs[index]].sizes


class Translation(NamedTuple):
    """An operator, and which arguments are its inputs and its weights."""

    op: Op
    inputs: Sequence[str]
    weights: Sequence[str] = ()
    rest: Sequence[str] = ()
    """Tensors that are read besides; with them it lends its rules alone."""


class Untranslated(Exception):  # noqa: N818 - no error: the call stays as it stands
    """A call without an operator of archinspect's."""


def _op(name: str, **arguments: Any) -> Op:  # noqa: ANN401 - as the operator takes them
    found = ops.find_operator(name)
    if found is None:
        raise Untranslated
    return found(**arguments)


def _plain(name: str, *taken: str, **renamed: str) -> Callable[[Use], Translation]:
    """Return the translation of an operator of one tensor: arguments of the same names, and of others."""

    def translate(use: Use) -> Translation:
        pairs = {**{one: one for one in taken}, **renamed}
        given = {own: use.get(theirs) for own, theirs in pairs.items() if theirs in use.call.arguments}
        return Translation(_op(name, **given), ["input" if use.has("input") else "self"])

    return translate


def _two(name: str, scaled: Callable[[float], dict[str, float]] | None = None) -> Callable[[Use], Translation]:
    """Return the translation of an operator of two tensors; `scaled` says what one with a number is."""

    def translate(use: Use) -> Translation:
        if use.get("alpha", 1) != 1 or "rounding_mode" in use.call.arguments:
            raise Untranslated
        if use.has("other"):
            return Translation(_op(name), ["self", "other"])
        number = use.get("other")
        if scaled is None or type(number) not in (int, float) or not use.has("self"):
            raise Untranslated
        return Translation(_op("Rescaling", **scaled(number)), ["self"])

    return translate


def _compared(name: str) -> Callable[[Use], Translation]:
    def translate(use: Use) -> Translation:
        if use.has("other"):
            return Translation(_op(name), ["self", "other"])
        return Translation(_op(name, value=use.get("other")), ["self"])

    return translate


def _weights(use: Use, *names: str) -> list[str]:
    """Return those of the arguments that are given; each has to be a tensor of the program's own."""
    found = [name for name in names if use.has(name)]
    if any(use.get(name).name not in use.stored for name in found):
        raise Untranslated
    return found


def _pads(use: Use, rank: int) -> Any:  # noqa: ANN401 - a word or numbers
    padding = use.get("padding", 0)
    return padding * rank if isinstance(padding, list) and len(padding) == 1 else padding


def _conv(rank: int, *, transposed: bool = False) -> Callable[[Use], Translation]:
    def translate(use: Use) -> Translation:
        weights = _weights(use, "weight", "bias")
        first, second, *kernel = use.sizes("weight")
        groups = use.get("groups", 1)
        extra = {"output_padding": use.get("output_padding", 0)} if transposed else {}
        op = _op(
            f"Conv{rank}D{'Transpose' if transposed else ''}",
            filters=second * groups if transposed else first,
            kernel_size=kernel,
            strides=use.get("stride", 1),
            padding=_pads(use, rank),
            dilation_rate=use.get("dilation", 1),
            groups=groups,
            use_bias="bias" in weights,
            data_format="channels_first",
            **extra,
        )
        return Translation(op, ["input"], weights)

    return translate


def _convolution(use: Use) -> Translation:
    rank = len(use.sizes("weight")) - 2
    return _conv(rank, transposed=use.get("transposed"))(use)


def _linear(use: Use) -> Translation:
    weights = _weights(use, "weight", "bias")
    return Translation(_op("Dense", units=use.sizes("weight")[0], use_bias="bias" in weights), ["input"], weights)


def _batch_norm(use: Use) -> Translation:
    return _normalized_batch(use, _weights(use, "weight", "bias", "running_mean", "running_var"))


def _normalized_batch(use: Use, weights: Sequence[str]) -> Translation:
    op = _op(
        "BatchNormalization",
        epsilon=use.get("eps", 1e-5),
        scale="weight" in weights,
        center="bias" in weights,
        track_running_stats="running_mean" in weights,
        data_format="channels_first",
    )
    return Translation(op, ["input"], weights)


def _instance_norm(use: Use) -> Translation:
    weights = _weights(use, "weight", "bias")
    op = _op("InstanceNormalization", epsilon=use.get("eps", 1e-5), affine=bool(weights), data_format="channels_first")
    return Translation(op, ["input"], weights)


def _layer_norm(use: Use) -> Translation:
    weights = _weights(use, "weight", "bias")
    op = _op(
        "LayerNormalization",
        normalized_shape=use.get("normalized_shape"),
        epsilon=use.get("eps", 1e-5),
        scale="weight" in weights,
        center="bias" in weights,
    )
    return Translation(op, ["input"], weights)


def _rms_norm(use: Use) -> Translation:
    weights = _weights(use, "weight")
    op = _op("RMSNormalization", normalized_shape=use.get("normalized_shape"), scale=bool(weights))
    return Translation(op, ["input"], weights)


def _group_norm(use: Use) -> Translation:
    weights = _weights(use, "weight", "bias")
    op = _op(
        "GroupNormalization",
        groups=use.get("num_groups"),
        epsilon=use.get("eps", 1e-5),
        scale="weight" in weights,
        center="bias" in weights,
        data_format="channels_first",
    )
    return Translation(op, ["input"], weights)


def _pool(kind: str, rank: int) -> Callable[[Use], Translation]:
    def translate(use: Use) -> Translation:
        dilation = {"dilation_rate": use.get("dilation", 1)} if kind == "Max" else {}
        op = _op(
            f"{kind}Pooling{rank}D",
            pool_size=use.get("kernel_size"),
            strides=use.get("stride") or None,
            padding=_pads(use, rank),
            ceil_mode=use.get("ceil_mode", False),
            data_format="channels_first",
            **dilation,
        )
        return Translation(op, ["self"])

    return translate


def _adaptive(kind: str, rank: int) -> Callable[[Use], Translation]:
    def translate(use: Use) -> Translation:
        op = _op(f"Adaptive{kind}Pooling{rank}D", output_size=use.get("output_size"), data_format="channels_first")
        return Translation(op, ["self"])

    return translate


def _embedding(use: Use) -> Translation:
    entries, features = use.sizes("weight")
    op = _op("Embedding", input_dim=entries, output_dim=features)
    return Translation(op, ["indices"], _weights(use, "weight"))


def _reduction(name: str) -> Callable[[Use], Translation]:
    def translate(use: Use) -> Translation:
        if not use.get("dim"):
            raise Untranslated
        return Translation(_op(name, axis=use.get("dim"), keepdims=use.get("keepdim", False)), ["self"])

    return translate


def _softmax(name: str) -> Callable[[Use], Translation]:
    return lambda use: Translation(_op(name, axis=use.get("dim")), ["self"])


def _reshape(use: Use) -> Translation:
    first, *rest = use.made()
    given = use.sizes("self")
    if given[:1] != (first,) or not all(isinstance(size, int) for size in rest):
        raise Untranslated
    return Translation(_op("Reshape", target_shape=rest), ["self"])


def _flatten(use: Use) -> Translation:
    op = _op("Flatten", start_dim=use.get("start_dim", 0), end_dim=use.get("end_dim", -1))
    return Translation(op, ["self"])


def _permute(use: Use) -> Translation:
    dims = [dim % len(use.sizes("self")) for dim in use.get("dims")]
    return Translation(_op("Permute", dims=dims), ["self"])


def _transpose(first: str, second: str) -> Callable[[Use], Translation]:
    return lambda use: Translation(_op("SwapAxes", axis1=use.get(first), axis2=use.get(second)), ["self"])


def _slice(use: Use) -> Translation:
    end = use.get("end")
    op = _op(
        "Slice",
        axis=use.get("dim", 0),
        start=use.get("start") or 0,
        stop=None if end is None or end == _TO_THE_END else end,
        step=use.get("step", 1),
    )
    return Translation(op, ["self"])


_TO_THE_END = 2**63 - 1


def _unbind(use: Use) -> Translation:
    return Translation(_op("Unbind", parts=len(use.call.outputs), axis=use.get("dim", 0)), ["self"])


def _split(use: Use) -> Translation:
    axis = use.get("dim", 0)
    sizes = [use.made(index)[axis] for index in range(len(use.call.outputs))]
    return Translation(_op("Split", sizes=sizes, axis=axis), ["self"])


def _cat(use: Use) -> Translation:
    return Translation(_op("Concatenate", axis=use.get("dim", 0)), ["tensors"])


def _stack(use: Use) -> Translation:
    return Translation(_op("Stack", axis=use.get("dim", 0)), ["tensors"])


def _dropout(use: Use) -> Translation:
    return Translation(_op("Dropout", rate=use.get("p")), ["input" if use.has("input") else "self"])


def _feature_dropout(use: Use) -> Translation:
    rank = len(use.sizes("input")) - 2
    return Translation(_op(f"SpatialDropout{rank}D", rate=use.get("p"), data_format="channels_first"), ["input"])


def _matmul(second: str) -> Callable[[Use], Translation]:
    return lambda _: Translation(_op("MatMul"), ["self", second])


def _pad(use: Use) -> Translation:
    pads, rank = use.get("pad"), len(use.sizes("self")) - 2
    if not all(isinstance(pad, int) for pad in pads):
        raise Untranslated
    sides = [*pads, *[0] * (2 * rank - len(pads))]
    mode = use.get("mode", "constant")
    return Translation(_op(f"ZeroPadding{rank}D", padding=sides, mode=mode, data_format="channels_first"), ["self"])


def _upsample(mode: str) -> Callable[[Use], Translation]:
    def translate(use: Use) -> Translation:
        size = None if use.get("scale_factors") else use.get("output_size")
        factors = use.get("scale_factors")
        op = _op("Upsample", size=size, scale_factor=factors, mode=mode, data_format="channels_first")
        return Translation(op, ["input"])

    return translate


def _cast(use: Use) -> Translation:
    return Translation(_op("Cast", dtype=DTYPES[use.get("dtype")]), ["self"])


def _clip(use: Use) -> Translation:
    return Translation(_op("Clip", min_value=use.get("min"), max_value=use.get("max")), ["self"])


def _power(use: Use) -> Translation:
    return Translation(_op("Power", exponent=use.get("exponent")), ["self"])


def _where(use: Use) -> Translation:
    if not use.has("other"):
        raise Untranslated
    return Translation(_op("Where"), ["condition", "self", "other"])


def _masked_fill(_: Use) -> Translation:
    return Translation(_op("MaskedFill"), ["self", "mask"])


def _einsum(use: Use) -> Translation:
    op = _op("Einsum", equation="a->a")
    equation = op.args["equation"].kind.convert(use.get("equation"))
    return Translation(op.replace(equation=equation), ["tensors"])  # no axis has to be the batch


def _attention(use: Use) -> Translation:
    masked = use.has("attn_mask")
    op = _op(
        "ScaledDotProductAttention",
        causal=use.get("is_causal", False),
        masked=masked,
        dropout=use.get("dropout_p", 0.0),
    )
    return Translation(op, ["query", "key", "value"], rest=["attn_mask"] if masked else [])


def _length(use: Use) -> Translation:
    kind = {1: "ReduceL1", 2: "ReduceL2"}.get(use.get("ord", 2))
    if kind is None or not use.get("dim"):
        raise Untranslated
    return Translation(_op(kind, axis=use.get("dim"), keepdims=use.get("keepdim", False)), ["self"])


def _grid_sample(use: Use) -> Translation:
    mode = ("bilinear", "nearest", "bicubic")[use.get("interpolation_mode")]
    return Translation(_op("GridSample", mode=mode, data_format="channels_first"), ["input", "grid"])


def _sort(use: Use) -> Translation:
    return Translation(_op("Sort", axis=use.get("dim", -1)), ["self"])


def _spread(name: str) -> Callable[[Use], Translation]:
    def translate(use: Use) -> Translation:
        correction = use.get("correction", 1)
        op = _op(name, axis=use.get("dim"), keepdims=use.get("keepdim", False), correction=correction)
        return Translation(op, ["self"])

    return translate


def _roll(use: Use) -> Translation:
    return Translation(_op("Roll", shift=use.get("shifts"), axis=use.get("dims")), ["self"])


def _top(use: Use) -> Translation:
    return Translation(_op("TopK", k=use.get("k"), axis=use.get("dim", -1)), ["self"])


def _units(sizes: Sequence[Size], gates: int) -> int:
    """Return the units of a recurrent layer, from the matrix of all its gates."""
    if not isinstance(sizes[0], int):
        raise Untranslated
    return sizes[0] // gates


def _recurrent(name: str, gates: int) -> Callable[[Use], Translation]:
    """Return the translation of a layer over steps, which stand before the samples unless `batch_first`."""

    def translate(use: Use) -> Translation:
        refs = use.get("params")
        if any(ref.name not in use.stored for ref in refs):
            raise Untranslated
        first, second = (use.metas[ref.name].sizes for ref in refs[:2])
        units = _units(first, gates)
        op = _op(
            name,
            units=units,
            return_sequences=True,
            num_layers=use.get("num_layers"),
            bidirectional=use.get("bidirectional"),
            **({"biases": 2} if use.get("has_biases") else {"use_bias": False}),
            **({"proj_size": second[-1]} if second[-1] != units else {}),
        )
        rest = () if use.get("batch_first") else ("params",)
        return Translation(op, ["input"], ["params"], rest)

    return translate


def _cell(name: str, gates: int) -> Callable[[Use], Translation]:
    def translate(use: Use) -> Translation:
        weights = _weights(use, "w_ih", "w_hh", "b_ih", "b_hh")
        biases = {"biases": 2} if "b_ih" in weights else {"use_bias": False}
        return Translation(_op(name, units=_units(use.sizes("w_ih"), gates), **biases), ["input", "hx"], weights)

    return translate


def _bilinear(use: Use) -> Translation:
    weights = _weights(use, "weight", "bias")
    op = _op("Bilinear", units=use.sizes("weight")[0], use_bias="bias" in weights)
    return Translation(op, ["input1", "input2"], weights)


def _deform(use: Use) -> Translation:
    weights = _weights(use, "weight", "bias")
    filters, _, *kernel = use.sizes("weight")
    op = _op(
        "DeformConv2D",
        filters=filters,
        kernel_size=kernel,
        strides=[use.get("stride_h"), use.get("stride_w")],
        padding=[use.get("pad_h"), use.get("pad_w")],
        dilation_rate=[use.get("dilation_h"), use.get("dilation_w")],
        groups=use.get("groups"),
        use_bias="bias" in weights,
        data_format="channels_first",
    )
    return Translation(op, ["input", "offset", *(["mask"] if use.get("use_mask") else [])], weights)


TRANSLATIONS: dict[str, Callable[[Use], Translation]] = {
    # Products with weights
    **{f"aten.conv{rank}d": _conv(rank) for rank in (1, 2, 3)},
    **{f"aten.conv_transpose{rank}d": _conv(rank, transposed=True) for rank in (1, 2, 3)},
    "aten.convolution": _convolution,
    "aten.linear": _linear,
    "aten.embedding": _embedding,
    "aten.lstm": _recurrent("LSTM", 4),
    "aten.gru": _recurrent("GRU", 3),
    "aten.rnn_tanh": _recurrent("SimpleRNN", 1),
    "aten.rnn_relu": _recurrent("SimpleRNN", 1),
    "aten.lstm_cell": _cell("LSTMCell", 4),
    "aten.gru_cell": _cell("GRUCell", 3),
    "aten.rnn_tanh_cell": _cell("SimpleRNNCell", 1),
    "aten.rnn_relu_cell": _cell("SimpleRNNCell", 1),
    "aten.bilinear": _bilinear,
    "torchvision.deform_conv2d": _deform,
    # Products without
    "aten.matmul": _matmul("other"),
    "aten.bmm": _matmul("mat2"),
    "aten.einsum": _einsum,
    "aten.scaled_dot_product_attention": _attention,
    # Normalizations
    "aten.batch_norm": _batch_norm,
    "aten._native_batch_norm_legit_no_training": _batch_norm,
    "aten._native_batch_norm_legit_functional": _batch_norm,
    "aten.native_layer_norm": _layer_norm,
    "aten.instance_norm": _instance_norm,
    "aten.layer_norm": _layer_norm,
    "aten.rms_norm": _rms_norm,
    "aten.group_norm": _group_norm,
    # Activations
    "aten.relu": _plain("ReLU"),
    "aten.relu6": _plain("ReLU6"),
    "aten.leaky_relu": _plain("LeakyReLU", "negative_slope"),
    "aten.elu": _plain("ELU", "alpha"),
    "aten.gelu": _plain("GELU", "approximate"),
    "aten.silu": _plain("SiLU"),
    "aten.sigmoid": _plain("Sigmoid"),
    "aten.tanh": _plain("Tanh"),
    "aten.softplus": _plain("Softplus"),
    "aten.mish": _plain("Mish"),
    "aten.hardsigmoid": _plain("HardSigmoid"),
    "aten.hardswish": _plain("HardSwish"),
    "aten.hardtanh": _plain("HardTanh", "min_val", "max_val"),
    "aten.softmax": _softmax("Softmax"),
    "aten._softmax": _softmax("Softmax"),
    "aten.log_softmax": _softmax("LogSoftmax"),
    "aten._log_softmax": _softmax("LogSoftmax"),
    "aten.glu": _plain("GLU", axis="dim"),
    "aten.selu": _plain("SELU"),
    "aten.celu": _plain("CELU", "alpha"),
    "aten.log_sigmoid": _plain("LogSigmoid"),
    "aten.hardshrink": _plain("HardShrink", "lambd"),
    "aten.softshrink": _plain("SoftShrink", "lambd"),
    # Pooling
    **{f"aten.max_pool{rank}d": _pool("Max", rank) for rank in (1, 2, 3)},
    "aten.max_pool2d_with_indices": _pool("Max", 2),
    "aten._adaptive_avg_pool2d": _adaptive("Average", 2),
    **{f"aten.avg_pool{rank}d": _pool("Average", rank) for rank in (1, 2, 3)},
    **{f"aten.adaptive_avg_pool{rank}d": _adaptive("Average", rank) for rank in (1, 2, 3)},
    **{f"aten.adaptive_max_pool{rank}d": _adaptive("Max", rank) for rank in (1, 2, 3)},
    # Of two tensors
    "aten.add": _two("Add", lambda number: {"offset": number}),
    "aten.sub": _two("Subtract", lambda number: {"offset": -number}),
    "aten.mul": _two("Multiply", lambda number: {"scale": number}),
    "aten.div": _two("Divide", lambda number: {"scale": 1 / number}),
    "aten.maximum": _two("Maximum"),
    "aten.minimum": _two("Minimum"),
    "aten.eq": _compared("Equal"),
    "aten.ne": _compared("NotEqual"),
    "aten.gt": _compared("GreaterThan"),
    "aten.ge": _compared("GreaterEqual"),
    "aten.lt": _compared("LessThan"),
    "aten.le": _compared("LessEqual"),
    "aten.where": _where,
    "aten.masked_fill": _masked_fill,
    # Of one
    "aten.sqrt": _plain("Sqrt"),
    "aten.rsqrt": _plain("Rsqrt"),
    "aten.exp": _plain("Exponential"),
    "aten.log": _plain("Log"),
    "aten.sin": _plain("Sin"),
    "aten.cos": _plain("Cos"),
    "aten.abs": _plain("Abs"),
    "aten.neg": _plain("Negative"),
    "aten.square": _plain("Square"),
    "aten.sign": _plain("Sign"),
    "aten.ceil": _plain("Ceil"),
    "aten.floor": _plain("Floor"),
    "aten.round": _plain("Round"),
    "aten.erf": _plain("Erf"),
    "aten.reciprocal": _plain("Reciprocal"),
    "aten.pow": _power,
    "aten.clamp": _clip,
    "aten.clamp_min": _clip,
    "aten.dropout": _dropout,
    "aten.feature_dropout": _feature_dropout,
    "aten.to": _cast,
    # Along axes
    "aten.mean": _reduction("ReduceMean"),
    "aten.sum": _reduction("ReduceSum"),
    "aten.amax": _reduction("ReduceMax"),
    "aten.amin": _reduction("ReduceMin"),
    "aten.var": _spread("ReduceVar"),
    "aten.std": _spread("ReduceStd"),
    "aten.linalg_vector_norm": _length,
    "aten.sort": _sort,
    "aten.cumsum": _plain("CumSum", axis="dim"),
    "aten.cumprod": _plain("CumProd", axis="dim"),
    "aten.logsumexp": _reduction("ReduceLogSumExp"),
    "aten.topk": _top,
    # Elements that move
    "aten.flatten": _flatten,
    "aten.reshape": _reshape,
    "aten.view": _reshape,
    "aten.permute": _permute,
    "aten.transpose": _transpose("dim0", "dim1"),
    "aten.swapaxes": _transpose("axis0", "axis1"),
    "aten.slice": _slice,
    "aten.select": _plain("Select", "index", axis="dim"),
    "aten.unsqueeze": _plain("Unsqueeze", axis="dim"),
    "aten.squeeze": _plain("Squeeze", axis="dim"),
    "aten.unbind": _unbind,
    "aten.split": _split,
    "aten.split_with_sizes": _split,
    "aten.chunk": _split,
    "aten.cat": _cat,
    "aten.stack": _stack,
    "aten.pad": _pad,
    "aten.roll": _roll,
    "aten.grid_sampler": _grid_sample,
    "aten.grid_sampler_2d": _grid_sample,
    "aten.upsample_nearest1d": _upsample("nearest"),
    "aten.upsample_linear1d": _upsample("linear"),
    "aten.upsample_nearest2d": _upsample("nearest"),
    "aten.upsample_bilinear2d": _upsample("bilinear"),
    "aten.upsample_bicubic2d": _upsample("bicubic"),
}
"""By the call's name without its overload, and without the `_` of what overwrites its input."""
