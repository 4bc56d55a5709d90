"""Operators over maps."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from archinspect.base.shape import sliding
from archinspect.exporters.code import Step, code
from archinspect.exporters.keras.use import function, layer, own, same

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape
    from archinspect.exporters.keras.use import Chain, Use

Pads = tuple[tuple[int, int], ...]
LINEAR = ("linear", "bilinear", "trilinear")


def _format(use: Use) -> tuple[str, str]:
    op: Any = use.op
    return op.data_format, "channels_last"


def _rank(use: Use) -> int:
    return len(use.shape) - 2


def _spatial(use: Use, shape: Shape) -> Shape:
    return shape[2:] if _format(use)[0] == "channels_first" else shape[1:-1]


def _everywhere(use: Use, values: Sequence[Any], other: Any) -> tuple[Any, ...]:  # noqa: ANN401 - what axes have
    """Return values of the spatial axes among what the batch and the channels have."""
    return (other, other, *values) if _format(use)[0] == "channels_first" else (other, *values, other)


def _sides(pads: Pads) -> Any:  # noqa: ANN401 - sizes, or what stands for them
    """Return sides as Keras takes them: a number for all, one per axis, or both of each axis."""
    if len(pads) == 1:
        return pads[0][0] if pads[0][0] == pads[0][1] else pads[0]
    return same([before for before, _ in pads]) if all(before == after for before, after in pads) else pads


def zeros(use: Use, pads: Pads) -> Step:
    """Return a layer that puts zeros around a map."""
    return layer(f"ZeroPadding{_rank(use)}D", {"padding": _sides(pads)}, data_format=_format(use))


def filled(use: Use, pads: Pads, value: float) -> Step:
    """Return a padding with another number than 0."""
    text = 'float("-inf")' if value == float("-inf") else "{value}"
    every = _everywhere(use, pads, (0, 0))
    return Step(code(f"ops.pad({{0}}, {{padding}}, constant_values={text})", padding=every, value=value))


def around(use: Use, pads: Pads, mode: str) -> Step:
    """Return a padding with what is there: `reflect`, `replicate` or `circular`."""
    first = 2 if _format(use)[0] == "channels_first" else 1
    return function(
        "pad_around", f"{{0}}, {{padding}}, {{mode}}{f', {first}' if first > 1 else ''}", padding=pads, mode=mode
    )


def cut(use: Use, pads: Pads) -> Step:
    """Return a layer that cuts positions off."""
    if _rank(use) == 1 and _format(use)[0] == "channels_first":
        ((before, after),) = pads
        return Step(code(f"{{0}}[:, :, {before or ''}:{-after or ''}]"))
    options = {"data_format": _format(use)} if _rank(use) > 1 else {}
    return layer(f"Cropping{_rank(use)}D", {"cropping": _sides(pads)}, **options)


def every(use: Use, steps: Sequence[int]) -> Step:
    """Return each so many-th position."""
    slices = [f"::{step}" if step > 1 else ":" for step in _everywhere(use, steps, 1)]
    return Step(code(f"{{0}}[{', '.join(slices)}]"))


def convolution(use: Use) -> Chain:
    """Return a `Conv2D` or a `DepthwiseConv2D`, after a padding of its own where that is given by numbers."""
    op: Any = use.op
    lengths = _spatial(use, use.shape)
    how = op.sliding(lengths)
    padding, steps = op.padding, op.strides
    chain: Chain = []
    apart = max(steps) > 1 and max(op.dilation_rate) > 1  # which Keras does not do at once
    mode = getattr(op, "padding_mode", "zeros")
    if mode != "zeros":
        if any(map(any, how.pads)):
            chain.append(("-pad", around(use, how.pads, mode)))
        padding = "valid"
    elif not isinstance(padding, str):
        alike = all(step == 1 for step in steps)
        if not any(map(any, how.pads)):
            padding = "valid"
        elif alike and sliding(op.kernel_size, op.strides, op.dilation_rate, "same", lengths).pads == how.pads:
            padding = "same"
        else:
            chain.append(("-pad", zeros(use, how.pads)))
            padding = "valid"
    elif apart and padding != "valid":
        chain.append(("-pad", zeros(use, how.pads)))
        padding = "valid"
    depthwise = hasattr(op, "depth_multiplier")
    sizes = {} if depthwise else {"filters": op.filters}
    step = layer(
        type(op).__name__,
        {**sizes, "kernel_size": same(op.kernel_size)},
        strides=(1 if apart else same(steps), 1),
        padding=(padding, "valid"),
        dilation_rate=(same(op.dilation_rate), 1),
        **({"depth_multiplier": (op.depth_multiplier, 1)} if depthwise else {"groups": (op.groups, 1)}),
        use_bias=(op.use_bias, True),
        data_format=_format(use),
    )
    chain.append(("", step))
    return [*chain, ("", every(use, steps))] if apart else chain


def transposed(use: Use) -> Chain:
    """Return a `Conv2DTranspose`; what numbers of padding cut off is cut after it."""
    op: Any = use.op
    extra = op.output_padding
    if op.groups > 1 or (max(op.strides) > 1 and max(op.dilation_rate) > 1):
        return [("", _spread_out(use))]
    if extra and any(more >= step for more, step in zip(extra, op.strides, strict=True)):
        if op.padding == "same" or (any(extra) and op.use_bias):
            return [("", _spread_out(use))]
        extra = None
    chain, padding = _trimmed(use, extra)
    step = layer(
        type(op).__name__,
        {"filters": op.filters, "kernel_size": same(op.kernel_size)},
        strides=(same(op.strides), 1),
        padding=(padding, "valid"),
        output_padding=(same(extra) if extra else None, None),
        dilation_rate=(same(op.dilation_rate), 1),
        use_bias=(op.use_bias, True),
        data_format=_format(use),
    )
    return [("", step), *chain]


def _spread_out(use: Use) -> Step:
    """Return a transposed convolution that Keras's layer does not do: it has no groups, nor strides with a dilation."""
    op: Any = use.op
    sizes = {"filters": op.filters, "kernel_size": tuple(op.kernel_size), "strides": tuple(op.strides)}
    ends = tuple(op.ends(_spatial(use, use.shape), _spatial(use, use.output)))
    return own(
        "ConvTranspose",
        {**sizes, "ends": ends, "dilation_rate": tuple(op.dilation_rate)},
        groups=(op.groups, 1),
        use_bias=(op.use_bias, True),
        channels_first=(op.data_format == "channels_first", False),
    )


def _trimmed(use: Use, extra: Shape | None) -> tuple[Chain, str]:
    """Return what follows a transposed convolution to make its output as large as it is, and Keras's own padding."""
    op: Any = use.op
    if isinstance(op.padding, str) and (extra or not op.output_padding):
        return [], op.padding
    pads: Pads = ((0, 0),) * _rank(use) if isinstance(op.padding, str) else op.padding
    ends = tuple(map(tuple, pads))
    if not extra:
        made = map(_whole, _spatial(use, use.shape), op.strides, op.kernel_size, op.dilation_rate)
        left = _spatial(use, use.output)
        ends = tuple((pad[0], there - pad[0] - count) for pad, there, count in zip(pads, made, left, strict=True))
    less = tuple((before, max(after, 0)) for before, after in ends)
    more = tuple((0, max(-after, 0)) for _, after in ends)
    chain = [("-crop", cut(use, less))] if any(map(any, less)) else []
    return [*chain, ("-pad", zeros(use, more))] if any(map(any, more)) else chain, "valid"


def _whole(length: int, stride: int, size: int, rate: int) -> int:
    """Return what Keras makes of a length without padding."""
    return length * stride + max((size - 1) * rate + 1 - stride, 0)


def _windows(use: Use) -> tuple[Any, Shape, Pads]:
    """Return how a pooling's window moves, its strides, and the sides with what rounding up adds."""
    op: Any = use.op
    lengths = _spatial(use, use.shape)
    how = op.sliding(lengths)
    strides = tuple(op.strides or op.pool_size)
    pads = []
    for length, count, window, step, (before, after) in zip(
        lengths, _spatial(use, use.output), how.windows, strides, how.pads, strict=True
    ):
        floor = (length + before + after - window) // step + 1
        needed = (count - 1) * step + window - length - before
        pads.append((before, after if floor == count else max(needed, 0)))
    return how, strides, tuple(pads)


def max_pooling(use: Use) -> Chain:
    """Return a `MaxPooling2D`, after a padding with minus infinity where that is given by numbers."""
    op: Any = use.op
    _, strides, pads = _windows(use)
    native = op.padding == "same" and not op.ceil_mode
    if op.return_indices or any(rate > 1 for rate in op.dilation_rate):
        options = "".join(
            f", {name}={{{name}}}"
            for name, given in (
                ("dilation", max(op.dilation_rate) > 1),
                ("channels_first", _format(use)[0] == "channels_first"),
            )
            if given
        )
        values = {"dilation": tuple(op.dilation_rate), "channels_first": True}
        several = ", indices=True" if op.return_indices else ""
        template = f"{{0}}, {{pool_size}}, {{strides}}, {{padding}}{options}{several}"
        return [
            (
                "",
                function("max_pool", template, pool_size=tuple(op.pool_size), strides=strides, padding=pads, **values),
            )
        ]
    pool = _pooling(use, strides, "same" if native else "valid")
    if native or not any(map(any, pads)):
        return [("", pool)]
    return [("-pad", filled(use, pads, float("-inf"))), ("", pool)]


def _pooling(use: Use, strides: Shape, padding: str) -> Step:
    op: Any = use.op
    return layer(
        type(op).__name__,
        {"pool_size": same(op.pool_size)},
        strides=(same(strides), same(op.pool_size)),
        padding=(padding, "valid"),
        data_format=_format(use),
    )


def average_pooling(use: Use) -> Chain:
    """Return an `AveragePooling2D`; with a count of what each window averages where that is not the whole window."""
    op: Any = use.op
    how, strides, pads = _windows(use)
    chain: Chain
    if op.padding == "same" and not op.ceil_mode:
        chain = [("", _pooling(use, strides, "same"))]
        return chain
    counted = how.pads if op.count_include_pad else ((0, 0),) * _rank(use)
    beyond = any(after > side for (_, after), (_, side) in zip(pads, how.pads, strict=True))
    if op.divisor_override or not any(map(any, pads)) or (op.count_include_pad and not beyond):
        pool = ("", _pooling(use, strides, "valid"))
        chain = [("-pad", zeros(use, pads)), pool] if any(map(any, pads)) else [pool]
        if op.divisor_override:
            factor = prod(op.pool_size) / op.divisor_override
            chain.append(("", Step(code("{0} * {factor}", factor=factor))))
        return chain
    template = "{0}, {pool_size}, {strides}, {padding}, {counted}"
    if _format(use)[0] == "channels_first":
        template += ", channels_first=True"
    step = function(
        "average_inside",
        template,
        pool_size=tuple(op.pool_size),
        strides=strides,
        padding=pads,
        counted=tuple(counted),
    )
    return [("", step)]


def global_pooling(use: Use) -> Step:
    """Return a `GlobalAveragePooling2D` or a `GlobalMaxPooling2D`."""
    op: Any = use.op
    return layer(type(op).__name__, {}, keepdims=(op.keepdims, False), data_format=_format(use))


def adaptive(use: Use) -> Step:
    """Return an `AdaptiveAveragePooling2D` or an `AdaptiveMaxPooling2D`."""
    op: Any = use.op
    if getattr(op, "return_indices", False):
        first = ", channels_first=True" if op.data_format == "channels_first" else ""
        return function("adaptive_max_pool", f"{{0}}, {{size}}{first}", size=tuple(_spatial(use, use.output)))
    size = same(_spatial(use, use.output))
    return layer(type(op).__name__, {"output_size": size}, data_format=_format(use))


def roi_align(use: Use) -> Step:
    """Return a sampling of boxes."""
    op: Any = use.op
    step = own(
        "RoIAlign",
        {"output_size": tuple(op.output_size)},
        sampling_ratio=(op.sampling_ratio, 2),
        data_format=_format(use),
    )
    return step._replace(code=code("{self}([{all}])"))


def padding(use: Use) -> Step:
    """Return a padding."""
    op: Any = use.op
    pads = tuple(map(tuple, op.padding))
    if op.mode != "constant":
        return around(use, pads, op.mode)
    return filled(use, pads, float(op.value)) if op.value else zeros(use, pads)


def cropping(use: Use) -> Step:
    """Return a part of the map."""
    op: Any = use.op
    return cut(use, tuple(map(tuple, op.cropping)))


def upsampling(use: Use) -> Step:
    """Return an `UpSampling2D`, or a resizing to a size."""
    op: Any = use.op
    mode = getattr(op, "interpolation", None) or op.mode
    factors = op.scale_factor if hasattr(op, "scale_factor") else op.size
    corners = bool(getattr(op, "align_corners", False)) and mode in (*LINEAR, "bicubic")
    rank = _rank(use)
    factors = tuple(factors or ()) * (rank if len(factors or ()) == 1 else 1)
    if not factors or corners or getattr(op, "recompute_scale_factor", False):
        return _resized(use, mode, corners=corners)
    if any(isinstance(factor, float) for factor in factors):
        return _resized(use, mode, factors=factors)
    if mode.startswith("nearest") and (rank > 1 or _format(use)[0] == "channels_last"):
        options = {"data_format": _format(use)} if rank > 1 else {}
        return layer(f"UpSampling{rank}D", {"size": same(factors)}, **options)
    if rank == 2 and mode != "nearest":  # noqa: PLR2004 - height and width
        mode = "bilinear" if mode in LINEAR else mode
        return layer("UpSampling2D", {"size": same(factors)}, data_format=_format(use), interpolation=(mode, "nearest"))
    return _resized(use, mode)


def _resized(use: Use, mode: str, *, corners: bool = False, factors: Sequence[float] = ()) -> Step:
    size = _spatial(use, use.output)
    lengths = _spatial(use, use.shape)
    # Places are told by the factors, which are other ones than those of the sizes where a length was rounded down.
    told = any(length * factor != count for length, factor, count in zip(lengths, factors, size, strict=False))
    if mode.startswith("nearest") or mode in LINEAR:
        template = "{0}, {size}"
        template += ', "linear"' if mode in LINEAR else ', "nearest-exact"' if mode == "nearest-exact" else ""
        template += ", align_corners=True" if corners else ""
        template += ", channels_first=True" if _format(use)[0] == "channels_first" else ""
        template += ", factors={factors}" if told else ""
        return function("resize", template, size=size, factors=tuple(factors))
    if _rank(use) != 2 or corners:  # noqa: PLR2004 - height and width
        raise use.refuse(f"Keras has no {mode} interpolation {'to aligned corners' if corners else 'but of pictures'}")
    if told:
        raise use.refuse("Keras's interpolation takes its places from the sizes, not from a factor: give a `size`")
    height, width = size
    options = {"interpolation": (mode, "bilinear"), "data_format": _format(use)}
    return layer("Resizing", {"height": height, "width": width}, **options)


def resize_like(use: Use) -> Step:
    """Return an interpolation to another map's size."""
    op: Any = use.op
    return _resized(use, op.interpolation)


def crop_like(use: Use) -> Step:
    """Return the middle of a map, as large as another."""
    sizes = zip(_spatial(use, use.shape), _spatial(use, use.output), strict=True)
    return cut(use, tuple([((n - left) // 2, n - left - (n - left) // 2) for n, left in sizes]))


def shuffle(use: Use, name: str, argument: str) -> Step:
    """Return a function that moves elements between channels and positions."""
    last = ", channels_first=True" if _format(use)[0] == "channels_first" else ""
    return function(name, f"{{0}}, {{{argument}}}{last}", **{argument: getattr(use.op, argument)})
