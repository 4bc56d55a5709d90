"""BiT: residual networks of standardized kernels and groups that are normalized (Kolesnikov 2019, arXiv:1912.11370)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.base.shape import ceil_div
from archinspect.importers.hf.parts import activate, add, within
from archinspect.ops.borders import ZeroPadding2D
from archinspect.ops.conv import Conv2D
from archinspect.ops.norm import GroupNormalization
from archinspect.ops.pool import MaxPooling2D
from archinspect.ops.weightnorm import WeightStandardization

if TYPE_CHECKING:
    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Tensor
    from archinspect.importers.hf.config import Config

Side = tuple[int, int]
KINDS = ("preactivation", "bottleneck")


def features(net: GraphBuilder, c: Config, image: Tensor) -> Tensor:
    """Add all up to what is pooled."""
    _fits(c)
    return bit(net, c, image)[1]


def bit(net: GraphBuilder, c: Config, image: Tensor) -> tuple[list[tuple[Tensor, Side]], Tensor]:
    """Add all up to what is pooled; return also what the stem and the stages give, with their heights and widths."""
    kind, pads = c.text("layer_type"), c.text("global_padding").lower()
    if kind not in KINDS:
        raise c.wrong("layer_type", " or ".join(KINDS))
    if pads not in ("", "same"):
        raise c.wrong("global_padding", "null or same")
    found = [_stem(net, c, image)]
    stride, dilation = 4, 1
    for stage, (width, depth) in enumerate(zip(_widths(c), c.counts("depths", least=1), strict=True)):
        step = 2 if stage else 1
        if stride >= c.whole("output_stride"):  # windows widen where maps would get too small
            dilation, step = dilation * step, 1
        stride *= step
        (x, side), first = found[-1], 1 if dilation <= 2 else 2  # noqa: PLR2004 - as the class has it
        for number in range(depth):
            with within(net, f"encoder.stages.{stage}.layers.{number}", "layer"):
                how = {"stride": 1, "dilation": dilation} if number else {"stride": step, "dilation": first}
                x = (_late if kind == KINDS[0] else _early)(net, c, x, width, how, changes=not number)
        found.append((x, (ceil_div(side[0], step), ceil_div(side[1], step))))
    x, _ = found[-1]
    if kind == KINDS[0]:
        _fits(c)
        x = _normed(net, c, x, "norm")
    return found, x


def _fits(c: Config) -> None:
    """Refuse sizes whose last is not that of the last stage: what follows the stages takes it to be."""
    last = _widths(c)[-1]
    if c.ints("hidden_sizes", least=1)[-1] != last:
        raise c.wrong("hidden_sizes", f"a list that ends with {last}, as the last stage")


def channels(c: Config) -> list[int]:
    """Return how many channels the stem and the stages give."""
    return [c.whole("embedding_size"), *_widths(c)]


def _widths(c: Config) -> list[int]:
    """Return the channels of each stage."""
    widths, count, factor = c.ints("hidden_sizes", least=1), len(c.counts("depths", least=1)), c.whole("width_factor")
    if not 0 < count <= len(widths):
        raise c.wrong("depths", f"a list of at most {len(widths)}, as hidden_sizes")
    return [_rounded(width * factor) for width in widths[:count]]


def _rounded(width: float) -> int:
    """Return the multiple of 8 that is nearest, and not much less."""
    found = max(8, int(width + 4) // 8 * 8)
    return found + 8 if found < 0.9 * width else found


def _stem(net: GraphBuilder, c: Config, image: Tensor) -> tuple[Tensor, Side]:
    height, across = image.producer.op.output()[1:3]
    sides, pads, moves = (ceil_div(height, 2), ceil_div(across, 2)), not c.text("global_padding"), "same"
    x = _conv(net, c, image, c.whole("embedding_size"), 7, "embedder.convolution", stride=2)
    if pads:
        x = net.add(ZeroPadding2D(padding=1), x)
        sides = sides[0] + 2, sides[1] + 2
    if c.text("layer_type") != KINDS[0]:
        x = _normed(net, c, x, "embedder.norm")
    if not c.flag("embedding_dynamic_padding"):
        moves, sides = "valid", (sides[0] - 2, sides[1] - 2)
    x = net.add(MaxPooling2D(pool_size=3, strides=2, padding=moves), x, name="embedder.pooler")
    return x, (ceil_div(sides[0], 2), ceil_div(sides[1], 2))


def _early(net: GraphBuilder, c: Config, x: Tensor, width: int, how: dict[str, int], *, changes: bool) -> Tensor:
    """Add convolutions, each with its norm, and a way around them."""
    narrow, around = _rounded(width / 4), x
    if changes:
        around = _conv(net, c, x, width, 1, "downsample.conv", stride=how["stride"])
        around = _normed(net, c, around, "downsample.norm", acts=False)
    x = _normed(net, c, _conv(net, c, x, narrow, 1, "conv1"), "norm1")
    x = _normed(net, c, _conv(net, c, x, narrow, 3, "conv2", **how), "norm2")
    x = _normed(net, c, _conv(net, c, x, width, 1, "conv3"), "norm3", acts=False)
    return activate(net, add(net, x, around), c, c.text("hidden_act"))


def _late(net: GraphBuilder, c: Config, x: Tensor, width: int, how: dict[str, int], *, changes: bool) -> Tensor:
    """Add convolutions after their norms, and a way around them."""
    narrow, stride = _rounded(width / 4), how["stride"]
    start = _normed(net, c, x, "norm1")
    around = _conv(net, c, start, width, 1, "downsample.conv", stride=stride) if changes else x
    inside = _normed(net, c, _conv(net, c, start, narrow, 1, "conv1"), "norm2")
    inside = _normed(net, c, _conv(net, c, inside, narrow, 3, "conv2", stride=stride), "norm3")
    return add(net, _conv(net, c, inside, width, 1, "conv3"), around)


def _conv(  # noqa: PLR0913 - as a convolution has
    net: GraphBuilder, c: Config, x: Tensor, filters: int, size: int, name: str, *, stride: int = 1, dilation: int = 1
) -> Tensor:
    pad = ((stride - 1) + dilation * (size - 1)) // 2
    layer = Conv2D(
        filters=filters,
        kernel_size=size,
        strides=stride,
        dilation_rate=dilation,
        padding="same" if c.text("global_padding") else pad,
        use_bias=False,
    )
    return net.add(WeightStandardization(layer=layer), x, name=name)


def _normed(net: GraphBuilder, c: Config, x: Tensor, name: str, *, acts: bool = True) -> Tensor:
    x = net.add(GroupNormalization(groups=c.whole("num_groups")), x, name=name)
    return activate(net, x, c, c.text("hidden_act")) if acts else x
