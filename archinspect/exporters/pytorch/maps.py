"""Operators over maps, and normalizations of their channels."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from archinspect.exporters.code import Hole, Step, call, code
from archinspect.exporters.orders import channels_first
from archinspect.exporters.pytorch.elementwise import of_each_sample
from archinspect.exporters.refusal import CannotExportError
from archinspect.ops.pool import RANK_OF_VOLUMES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.exporters.code import Call, Code
    from archinspect.exporters.orders import Use


def one(values: Sequence[Any]) -> Any:  # noqa: ANN401 - sizes, or what stands for them
    """Return what all axes have in common, or else one for each."""
    return values[0] if len(set(values)) == 1 else tuple(values)


def sides_of(pads: Sequence[tuple[int, int]]) -> tuple[int, ...]:
    """Return the sides as PyTorch pads them: the last axis first."""
    return tuple(side for pair in reversed(pads) for side in pair)


def _rank(use: Use) -> int:
    return len(use.shape) - 2


def convolution(use: Use) -> Step:
    """Return an `nn.Conv2d`, after a padding of its own where the sides differ."""
    op: Any = use.op
    rank, channels = _rank(use), use.shape[1]
    how = op.sliding(use.shape[2:])
    filters, groups = _features(op, channels)
    mode = getattr(op, "padding_mode", "zeros")
    padding, sides = _padding(op, how.pads, mode)
    how_filled = "" if mode == "zeros" else f', mode="{mode}"'
    step = f"{{self}}(F.pad({{0}}, {{padding}}{how_filled}))" if sides else "{self}({0})"
    module = call(
        f"nn.Conv{rank}d",
        {"in_channels": channels, "out_channels": filters, "kernel_size": one(op.kernel_size)},
        stride=(one(op.strides), 1),
        padding=(padding, 0),
        dilation=(one(op.dilation_rate), 1),
        groups=(groups, 1),
        bias=(op.use_bias, True),
        padding_mode=("zeros" if sides else mode, "zeros"),
    )
    return Step(code(step, padding=sides), module)


def _padding(op: Any, pads: Sequence[tuple[int, int]], mode: str) -> tuple[Any, tuple[int, ...]]:  # noqa: ANN401
    """Return a convolution's padding, and what is padded before it where the sides differ."""
    if all(before == after for before, after in pads):
        return one([before for before, _ in pads]), ()
    if op.padding == "same" and all(stride == 1 for stride in op.strides):
        return "same", ()
    # Of `same` only what one side has more than the other needs a copy.
    common = [min(pair) * (op.padding == "same" and mode == "zeros") for pair in pads]
    rest = [(before - both, after - both) for (before, after), both in zip(pads, common, strict=True)]
    return one(common), sides_of(rest)


def dynamic_convolution(use: Use) -> Step:
    """Return a convolution with the samples as groups, each with a kernel of its own."""
    op: Any = use.op
    padding, sides = _padding(op, op.sliding(use.shape[2:]).pads, "zeros")
    given = [of_each_sample(use, index) for index in range(2)]
    if sides:
        given[0] = f"F.pad({given[0]}, {{sides}})"
    text = f"dynamic_conv({', '.join(given)}, {{shape}}, groups={{groups}}, stride={{stride}}, padding={{padding}}"
    values = {
        "shape": (op.filters, use.shape[1] // op.groups, *op.kernel_size),
        "groups": op.groups,
        "stride": one(op.strides),
        "padding": padding,
        "dilation": one(op.dilation_rate),
    }
    return Step(code(f"{text}, dilation={{dilation}})", sides=sides, **values), parts=("dynamic_conv",))


def _features(op: Any, channels: int) -> tuple[int, int]:  # noqa: ANN401 - a plain or a depthwise convolution
    if hasattr(op, "depth_multiplier"):
        return channels * op.depth_multiplier, channels
    return op.filters, op.groups


def transposed(use: Use) -> Step:
    """Return an `nn.ConvTranspose2d`; what Keras cuts off or adds is cut or padded after it."""
    op: Any = use.op
    rank, lengths = _rank(use), use.shape[2:]
    order = channels_first(rank + 2) if op.data_format != "channels_first" else tuple(range(rank + 2))
    wanted = tuple(use.output[axis] for axis in order)[2:]
    paddings = op.paddings(lengths, wanted)
    step = "{self}({0})"
    sides: tuple[int, ...] = ()
    if paddings is None:  # sides differ: make all, then cut, or add what no kernel writes
        paddings, sides = [(0, 0)] * rank, sides_of(op.ends(lengths, wanted))
        step = "F.pad({self}({0}), {padding})"
    module = call(
        f"nn.ConvTranspose{rank}d",
        {"in_channels": use.shape[1], "out_channels": op.filters, "kernel_size": one(op.kernel_size)},
        stride=(one(op.strides), 1),
        padding=(one([cut for cut, _ in paddings]), 0),
        output_padding=(one([more for _, more in paddings]), 0),
        groups=(op.groups, 1),
        bias=(op.use_bias, True),
        dilation=(one(op.dilation_rate), 1),
    )
    return Step(code(step, padding=sides), module)


def _refuse_beyond(use: Use, how: Any) -> None:  # noqa: ANN401 - a window's sliding
    """Raise for an average over volumes whose window is larger than the input with its padding."""
    lengths = use.shape[2:]
    axes = zip(lengths, how.pads, how.windows, strict=True)
    if len(lengths) == RANK_OF_VOLUMES and any(length + sum(pads) < window for length, pads, window in axes):
        raise CannotExportError(use.node.layer, "nn.AvgPool3d takes no window beyond its padded input")


def pooling(use: Use, kind: str) -> Step:
    """Return an `nn.MaxPool2d` or `nn.AvgPool2d`."""
    op: Any = use.op
    rank = _rank(use)
    how = op.sliding(use.shape[2:])
    strides = op.strides or op.pool_size
    padding, step = one([before for before, _ in how.pads]), "{self}({0})"
    sides: tuple[int, ...] = ()
    if op.ceil_mode == "caffe":
        raise CannotExportError(use.node.layer, "PyTorch does not round as Caffe does")
    options: dict[str, Any] = {}
    if kind == "Avg":
        _refuse_beyond(use, how)
    if not op.pads_itself(use.call.shapes[0]):
        pads = op.read(use.call.shapes[0], use.call.output)
        if kind == "Avg" and not op.reads_padding():
            return _average_inside(use, pads, strides)
        filler = "" if kind == "Avg" else ', value=float("-inf")'
        padding, sides, step = 0, sides_of(pads), f"{{self}}(F.pad({{0}}, {{padding}}{filler}))"
    if kind == "Max":
        options["dilation"] = (one(op.dilation_rate), 1)
        options["return_indices"] = (op.return_indices, False)
    options["ceil_mode"] = (bool(op.ceil_mode) and not (sides and kind == "Max"), False)
    if kind == "Avg":
        options["count_include_pad"] = (op.count_include_pad and op.padding != "same", True)
        if rank > 1:
            options["divisor_override"] = (op.divisor_override, None)
        elif op.divisor_override:
            raise CannotExportError(use.node.layer, "nn.AvgPool1d has no divisor_override")
    module = call(
        f"nn.{kind}Pool{rank}d",
        {"kernel_size": one(op.pool_size)},
        stride=(one(strides), one(op.pool_size)),
        padding=(padding, 0),
        **options,
    )
    if not sides:
        return Step(function(f"F.{kind.lower()}_pool{rank}d", module), module, stateless=True)
    return Step(code(step, padding=sides), module)


def function(name: str, module: Call) -> Code:
    """Return the call of a function that takes what the module does, after the input."""
    pieces: list[Any] = [f"{name}(", *code("{0}")]
    for arg in module.args:
        if arg.value != arg.default or type(arg.value) is not type(arg.default):
            pieces += [f", {arg.role}=" if arg.keyword else ", ", Hole(arg.value, arg.role)]
    return (*pieces, ")")


def _average_inside(use: Use, pads: Any, strides: Sequence[int]) -> Step:  # noqa: ANN401 - pairs
    """Return an average over the positions of the input alone, with sides that differ."""
    op: Any = use.op
    template = "average_inside({0}, {kernel_size}, {stride}, {padding})"
    pieces = code(template, kernel_size=tuple(op.pool_size), stride=tuple(strides), padding=sides_of(pads))
    return Step(pieces, parts=("average_inside",))


def global_pooling(use: Use, function: str) -> Step:
    """Return the mean or the largest over all positions."""
    op: Any = use.op
    axes = tuple(range(2, len(use.shape)))
    pieces = code(f"{{0}}.{function}({{dim}}{', keepdim=True' if op.keepdims else ''})", dim=axes)
    if function != "mean" or len(axes) > 3:  # noqa: PLR2004 - PyTorch has none of more axes, and the largest keeps indices
        return Step(pieces)
    module = call(f"nn.AdaptiveAvgPool{len(axes)}d", {"output_size": 1})
    if not op.keepdims:
        module = call("nn.Sequential", {"pool": module, "flatten": call("nn.Flatten", {})})
    return Step(pieces, module, stateless=True)


def adaptive(use: Use, kind: str) -> Step:
    """Return an `nn.AdaptiveAvgPool2d` or `nn.AdaptiveMaxPool2d`."""
    op: Any = use.op
    options = {"return_indices": (op.return_indices, False)} if kind == "Max" else {}
    rank = _rank(use)
    sizes = [size or length for size, length in zip(op.output_size, use.shape[2:], strict=True)]
    module = call(f"nn.Adaptive{kind}Pool{rank}d", {"output_size": one(sizes)}, **options)
    name = f"F.adaptive_{kind.lower()}_pool{rank}d"
    return Step(function(name, module), module, stateless=True)


def roi_align(use: Use) -> Step:
    """Return a sampling of boxes."""
    op: Any = use.op
    axis = 2 if op.data_format == "channels_first" else 4
    options = {"sampling_ratio": (op.sampling_ratio, 2), "axis": (axis, 2)}
    module = call("RoIAlign", {"output_size": tuple(op.output_size)}, **options)
    given = ", ".join(of_each_sample(use, index) for index in range(len(use.orders)))
    return Step(code(f"{{self}}({given})"), module, stateless=True, parts=("RoIAlign",))


def padding(use: Use) -> Step:
    """Return a padding."""
    op: Any = use.op
    filler = code(", value={value}", value=float(op.value)) if op.value else ()
    if op.mode != "constant":
        filler = code(", mode={mode}", mode=op.mode)
    return Step((*code("F.pad({0}, {padding}", padding=sides_of(op.padding)), *filler, ")"))


def cropping(use: Use) -> Step:
    """Return a part of the map."""
    op: Any = use.op
    slices = [f"{before or ''}:{-after or ''}" for before, after in op.cropping]
    return Step(code(f"{{0}}[:, :, {', '.join(slices)}]"))


_LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}


def _mode(use: Use, mode: str) -> str:
    """Return PyTorch's name of an interpolation over as many axes."""
    rank = _rank(use)
    if rank not in _LINEAR or mode.startswith("lanczos") or (mode == "bicubic" and rank != 2):  # noqa: PLR2004 - height and width
        raise CannotExportError(use.node.layer, f"PyTorch has no {mode} interpolation of {rank} axes")
    return _LINEAR[rank] if mode.endswith("linear") else mode


def upsampling(use: Use) -> Step:
    """Return an `nn.Upsample` by factors or to a size."""
    op: Any = use.op
    mode = _mode(use, str(getattr(op, "interpolation", None) or op.mode))
    factors = getattr(op, "scale_factor", None) or (op.size if hasattr(op, "interpolation") else None)
    given = {"scale_factor": (one(factors), None)} if factors else {"size": (one(op.size), None)}
    corners = getattr(op, "align_corners", None) if "nearest" not in mode else None
    again = getattr(op, "recompute_scale_factor", None) if factors else None
    options = {"align_corners": (corners, None), "recompute_scale_factor": (again, None)}
    module = call("nn.Upsample", {}, **given, mode=(mode, "nearest"), **options)
    return Step(function("F.interpolate", module), module, stateless=True)


def resize_like(use: Use) -> Step:
    """Return an interpolation to another map's size."""
    op: Any = use.op
    mode = _mode(use, op.interpolation)
    options = code(", mode={mode}", mode=mode) if mode != "nearest" else ()
    return Step((*code("F.interpolate({0}, {1}.shape[2:]"), *options, ")"))


def crop_like(use: Use) -> Step:
    """Return the middle of a map, as large as another."""
    return Step(code("crop_like({0}, {1})"), parts=("crop_like",))


def channel_shuffle(use: Use) -> Step:
    """Return the channels of groups interleaved."""
    op: Any = use.op
    return Step(code("{self}({0})"), call("nn.ChannelShuffle", {"groups": op.groups}), stateless=True)


def pixel_shuffle(use: Use) -> Step:
    """Return a larger map of fewer channels."""
    op: Any = use.op
    return Step(
        code("F.pixel_shuffle({0}, {upscale_factor})", upscale_factor=op.upscale_factor),
        call("nn.PixelShuffle", {"upscale_factor": op.upscale_factor}),
        stateless=True,
    )


def pixel_unshuffle(use: Use) -> Step:
    """Return a smaller map of more channels."""
    op: Any = use.op
    module = call("nn.PixelUnshuffle", {"downscale_factor": op.downscale_factor})
    pieces = code("F.pixel_unshuffle({0}, {downscale_factor})", downscale_factor=op.downscale_factor)
    return Step(pieces, module, stateless=True)


# Normalization


def _spatial(use: Use, *, least: int = 1) -> int:
    """Return which of PyTorch's modules takes a tensor of this rank: that of 1, 2 or 3 axes."""
    rank = len(use.shape)
    if rank > 5:  # noqa: PLR2004 - batch, channels, three axes
        raise CannotExportError(use.node.layer, f"PyTorch has none for an input of {rank - 1} axes")
    return max(rank - 2, least)


def _affine(op: Any) -> tuple[bool, bool]:  # noqa: ANN401 - a normalization
    return op.scale and op.affine, op.center and op.affine


def _channels(use: Use) -> int:
    op: Any = use.op
    return int(op.channels(use.call.shapes[0]))


def batch_norm(use: Use) -> Step:
    """Return an `nn.BatchNorm2d`."""
    op: Any = use.op
    if not op.epsilon and not op.track_running_stats:
        raise CannotExportError(
            use.node.layer, "nn.BatchNorm divides by a batch's deviation with an epsilon above 0 only"
        )
    scale, offset = _affine(op)
    options = {
        "eps": (op.epsilon, 1e-5),
        "momentum": (None if op.momentum is None else round(1 - op.momentum, 10), 0.1),
        "affine": (scale or offset, True),
        "track_running_stats": (op.track_running_stats, True),
    }
    name = f"nn.BatchNorm{_spatial(use)}d"
    if scale != offset:
        return _partly(use, name, options, scale=scale)
    return Step(code("{self}({0})"), call(name, {"num_features": _channels(use)}, **options))


def _partly(use: Use, name: str, options: dict[str, Any], *, scale: bool, first: dict[str, int] | None = None) -> Step:
    """Return a normalization that has either a scale or an offset."""
    module = call(name, first or {"num_features": _channels(use)}, **options)
    missing = "bias" if scale else "weight"
    return Step(code("{self}({0})"), call("without", {"module": module, "name": missing}), parts=("without",))


def frozen_batch_norm(use: Use) -> Step:
    """Return a batch normalization whose vectors are buffers."""
    op: Any = use.op
    module = call("FrozenBatchNorm", {"num_features": _channels(use)}, eps=(op.epsilon, 1e-5))
    return Step(code("{self}({0})"), module, parts=("FrozenBatchNorm",))


def group_norm(use: Use) -> Step:
    """Return an `nn.GroupNorm`."""
    op: Any = use.op
    scale, offset = _affine(op)
    channels = _channels(use)
    first = {"num_groups": channels if op.groups == -1 else op.groups, "num_channels": channels}
    options = {"eps": (op.epsilon, 1e-5), "affine": (scale or offset, True)}
    if scale != offset:
        return _partly(use, "nn.GroupNorm", options, scale=scale, first=first)
    return Step(code("{self}({0})"), call("nn.GroupNorm", first, **options))


def instance_norm(use: Use) -> Step:
    """Return an `nn.InstanceNorm2d`."""
    op: Any = use.op
    scale, offset = _affine(op)
    options = {
        "eps": (op.epsilon, 1e-5),
        "momentum": (0.1 if op.momentum is None else round(1 - op.momentum, 10), 0.1),
        "affine": (scale or offset, False),
        "track_running_stats": (op.track_running_stats, False),
    }
    name = f"nn.InstanceNorm{_spatial(use)}d"
    if scale != offset:
        return _partly(use, name, options, scale=scale)
    return Step(code("{self}({0})"), call(name, {"num_features": _channels(use)}, **options))


def local_response_norm(use: Use) -> Step:
    """Return an `nn.LocalResponseNorm`."""
    op: Any = use.op
    if len(use.shape) < 3:  # noqa: PLR2004 - batch, channels, positions
        raise CannotExportError(use.node.layer, "nn.LocalResponseNorm needs an input with positions")
    module = call(
        "nn.LocalResponseNorm",
        {"size": op.window},
        alpha=(op.alpha, 1e-4),
        beta=(op.beta, 0.75),
        k=(op.k, 1.0),
    )
    return Step(code("{self}({0})"), module, stateless=True)


def unit_norm(use: Use) -> Step:
    """Return vectors of length 1."""
    op: Any = use.op
    return Step(code("F.normalize({0}, dim={dim}, eps={eps})", dim=use.own_axis, eps=op.epsilon))


def layer_scale(use: Use) -> Step:
    """Return a product with a learned vector."""
    op: Any = use.op
    axis = use.own_axis
    from_end = (axis - len(use.shape), -1)
    module = call("LayerScale", {"dim": use.shape[axis]}, value=(op.init_values, 1e-6), axis=from_end)
    return Step(code("{self}({0})"), module, parts=("LayerScale",))


max_pooling = partial(pooling, kind="Max")
average_pooling = partial(pooling, kind="Avg")
