"""Layers of images and vectors: convolutions, pooling, products, and what changes shapes alone."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from archinspect.importers.darknet.activations import activate
from archinspect.importers.darknet.state import IMAGE
from archinspect.ops.conv import Conv2D
from archinspect.ops.dense import Dense
from archinspect.ops.globalpool import GlobalAveragePooling2D
from archinspect.ops.identity import Dropout, Identity
from archinspect.ops.merge import Add, Concatenate, Multiply
from archinspect.ops.norm import BatchNormalization
from archinspect.ops.pool import AveragePooling2D, MaxPooling2D
from archinspect.ops.reshape import Reshape
from archinspect.ops.response import LocalResponseNormalization
from archinspect.ops.shuffle import PixelShuffle, PixelUnshuffle
from archinspect.ops.tensor import Custom, Slice
from archinspect.ops.transposed import Conv2DTranspose
from archinspect.ops.upsampling import UpSampling2D

if TYPE_CHECKING:
    from archinspect.graph.graph import Tensor
    from archinspect.importers.darknet.state import State
    from archinspect.importers.sections import Section


def strides(section: Section) -> tuple[int, int]:
    """Return the steps of a window, down and across."""
    stride = section.whole("stride", 1, 1)
    return section.whole("stride_y", stride, 1), section.whole("stride_x", stride, 1)


def padding(section: Section, size: int) -> int:
    """Return the zeros at each side of a convolution: half the window where `pad` is on."""
    return size // 2 if section.flag("pad") else section.whole("padding")


def convolutional(state: State, section: Section) -> Tensor:
    """Add a convolution, normalized or with a bias, and its activation."""
    size = section.whole("size", 1, 1)
    steps = strides(section)
    dilation = section.whole("dilation", 1, 1) if size > 1 else 1
    pad = padding(section, size)
    if dilation > 1 and (size % 2 == 0 or pad != size // 2):
        raise section.refuse("a dilated window is read with `pad=1` and an odd size alone", "dilation")
    blurs = section.whole("antialiasing") if max(steps) > 1 else 0
    op = Conv2D(
        filters=section.whole("filters", 1, 1),
        kernel_size=size,
        strides=1 if blurs else list(steps),
        padding=pad * dilation,
        dilation_rate=dilation,
        groups=section.whole("groups", 1, 1),
        use_bias=not section.flag("batch_normalize"),
    )
    x = state.normalized(state.net.add(op, state.image(), name="conv"), section)
    x = activate(state.net, x, section)
    return blur(state, section, x, steps, blurs) if blurs else x


def blur(state: State, section: Section, x: Tensor, steps: tuple[int, int], kind: int) -> Tensor:
    """Add the fixed convolution of each channel that takes the place of a stride."""
    size, pad = (2, 0) if kind == 2 else (3, 1)  # noqa: PLR2004 - the kind of a window of 2
    height, width, channels = state.net.shape(x)
    places = [(length + 2 * pad - size) // step + 1 for length, step in zip((height, width), steps, strict=True)]
    if min(places) < 1:
        raise section.refuse("nothing is left of the image", "antialiasing", code="shape")
    macs = prod(places) * channels * size**2
    return state.net.add(Custom(output_shape=[*places, channels], params=0, macs=macs), x, name="blur")


def deconvolutional(state: State, section: Section) -> Tensor:
    """Add a transposed convolution."""
    size = section.whole("size", 1, 1)
    op = Conv2DTranspose(
        filters=section.whole("filters", 1, 1),
        kernel_size=size,
        strides=section.whole("stride", 1, 1),
        padding=padding(section, size),
        use_bias=not section.flag("batch_normalize"),
    )
    x = state.normalized(state.net.add(op, state.image(), name="deconv"), section)
    return activate(state.net, x, section)


def local(state: State, section: Section) -> Tensor:
    """Add a convolution whose weights differ from place to place."""
    size, stride, filters = (section.whole(key, 1, 1) for key in ("size", "stride", "filters"))
    x = state.image()
    height, width, channels = state.net.shape(x)
    cut = 1 if section.flag("pad") else size
    places = [(length - cut) // stride + 1 for length in (height, width)]
    if min(places) < 1:
        raise section.refuse("the window is larger than the image", "size", code="shape")
    outputs = prod(places) * filters
    macs = outputs * size**2 * channels
    op = Custom(output_shape=[*places, filters], params=macs + outputs, macs=macs, flops=2 * macs + outputs)
    return activate(state.net, state.net.add(op, x, name="local"), section)


def connected(state: State, section: Section) -> Tensor:
    """Add a product with all of the input."""
    op = Dense(units=section.whole("output", 1, 1), use_bias=not section.flag("batch_normalize"))
    x = state.normalized(state.net.add(op, state.vector(), name="dense"), section)
    return activate(state.net, x, section)


def _window(section: Section) -> dict[str, list[int] | list[list[int]]]:
    """Return the window of a pooling, which Darknet pads by one less than its size, in front by the smaller half."""
    steps = strides(section)
    size = section.whole("size", section.whole("stride", 1, 1), 1)
    pad = section.whole("padding", size - 1)
    return {
        "pool_size": [size, size],
        "strides": list(steps),
        "padding": [[pad // 2, pad - pad // 2]] * 2,
    }


def maxpool(state: State, section: Section) -> Tensor:
    """Add a pooling by the largest, of a window or of channels at a place."""
    if section.flag("maxpool_depth"):
        x = state.image()
        height, width, channels = state.net.shape(x)
        kept = section.whole("out_channels", 1, 1)
        op = Custom(output_shape=[height, width, kept], params=0, flops=height * width * max(channels - kept, 0))
        return state.net.add(op, x)
    window = _window(section)
    steps = strides(section)
    blurs = section.whole("antialiasing") if max(steps) > 1 else 0
    if blurs:
        window["strides"] = [1, 1]
    x = state.net.add(MaxPooling2D(**window), state.image())  # type: ignore[arg-type] # lists as in specs
    return blur(state, section, x, steps, blurs) if blurs else x


def local_avgpool(state: State, section: Section) -> Tensor:
    """Add an average over windows."""
    op = AveragePooling2D(**_window(section), count_include_pad=False)  # type: ignore[arg-type] # as above
    return state.net.add(op, state.image())


def avgpool(state: State, section: Section) -> Tensor:  # noqa: ARG001 - as all take it
    """Add the average of each channel."""
    return state.net.add(GlobalAveragePooling2D(keepdims=True), state.image())


def route(state: State, section: Section) -> Tensor:
    """Join the channels of layers, of each a part of them where there are groups."""
    tensors = state.layers(section, "layers")
    groups, group = section.whole("groups", 1, 1), section.whole("group_id")
    if groups > 1:
        tensors = [_part(state, section, state.image(x), groups, group) for x in tensors]
    if len(tensors) == 1:
        return state.net.add(Identity(), tensors[0]) if groups == 1 else tensors[0]
    images = all(len(state.net.shape(x)) == IMAGE for x in tensors)
    return state.net.add(Concatenate(), *(tensors if images else map(state.vector, tensors)))


def _part(state: State, section: Section, x: Tensor, groups: int, group: int) -> Tensor:
    channels = state.net.shape(x)[2]
    if channels % groups or group >= groups:
        raise section.refuse(f"{channels} channels have no group {group} of {groups}", "group_id", "groups")
    size = channels // groups
    return state.net.add(Slice(axis=3, start=group * size, stop=(group + 1) * size), x)


def shortcut(state: State, section: Section) -> Tensor:
    """Add layers to the one before: learned factors may weigh them; of other shapes, what they have in common."""
    net = state.net
    others = state.layers(section, "from")
    x = state.x
    weighed = section.text("weights_type", "none")
    if weighed in ("per_feature", "per_layer", "per_channel"):
        factors = len(others) + 1
        if weighed == "per_channel":
            factors *= state.sizes()[2]
        flops = 2 * (len(others) + 1) * prod(net.shape(x))
        x = net.add(Custom(params=factors, flops=flops), x, *others, name="weighed_sum")
    elif weighed != "none":
        raise section.refuse("'weights_type' is none, per_feature or per_channel", "weights_type")
    else:
        for other in others:
            x = _sum(state, x, other)
    return activate(net, x, section, "linear")


def _sum(state: State, x: Tensor, other: Tensor) -> Tensor:
    here, there = state.net.shape(x), state.net.shape(other)
    if here == there:
        return state.net.add(Add(), x, other)
    if len(here) == len(there) == IMAGE:
        return state.net.add(Custom(params=0, flops=prod(map(min, here, there))), x, other, name="sum_in_common")
    return state.net.add(Add(), state.vector(x), state.vector(other))


def scale_channels(state: State, section: Section) -> Tensor:
    """Multiply a layer before by the one before this, which has a number a channel; `sam` by one of equal shape."""
    (scaled, *_) = state.layers(section, "from")
    x = state.net.add(Multiply(), state.image(scaled), state.image())
    return activate(state.net, x, section, "linear")


def upsample(state: State, section: Section) -> Tensor:
    """Repeat each place; by a negative stride, sum places up."""
    stride = section.whole("stride", 2, -64)
    if stride == 0:
        raise section.refuse("'stride' must not be 0", "stride")
    if stride > 0:
        return state.net.add(UpSampling2D(size=stride), state.image())
    x = state.image()
    height, width, channels = state.net.shape(x)
    op = Custom(output_shape=[height // -stride, width // -stride, channels], params=0, flops=prod(state.net.shape(x)))
    return state.net.add(op, x)


def reorg(state: State, section: Section) -> Tensor:
    """Move places into channels, or back."""
    stride, extra = section.whole("stride", 1, 1), section.whole("extra")
    if extra:  # numbers after those that are read, which stay where they are
        x = state.vector()
        return state.net.add(Custom(output_shape=[state.net.shape(x)[0] + extra], params=0, flops=0), x)
    if section.flag("reverse"):
        return state.net.add(PixelShuffle(upscale_factor=stride), state.image())
    return state.net.add(PixelUnshuffle(downscale_factor=stride), state.image())


def crop(state: State, section: Section) -> Tensor:
    """Cut a part of the image out."""
    from archinspect.ops.preprocess import RandomCrop  # rare, and a large module

    op = RandomCrop(height=section.whole("crop_height", 1, 1), width=section.whole("crop_width", 1, 1))
    return state.net.add(op, state.image())


def dropout(state: State, section: Section) -> Tensor:
    """Set elements to 0, in training."""
    return state.net.add(Dropout(rate=min(max(section.number("probability", 0.5), 0.0), 0.99)), state.x)


def activation(state: State, section: Section) -> Tensor:
    """Add an activation."""
    x = activate(state.net, state.x, section, "linear")
    return same(state, section) if x is state.x else x


def logistic(state: State, section: Section) -> Tensor:  # noqa: ARG001 - as all take it
    """Add a sigmoid."""
    from archinspect.ops.activation import Sigmoid

    return state.net.add(Sigmoid(), state.x)


def batchnorm(state: State, section: Section) -> Tensor:  # noqa: ARG001 - as all take it
    """Add a batch normalization."""
    return state.net.add(BatchNormalization(), state.image())


def normalization(state: State, section: Section) -> Tensor:
    """Normalize by the channels around."""
    return state.net.add(LocalResponseNormalization(size=section.whole("size", 5, 1)), state.image())


def l2norm(state: State, section: Section) -> Tensor:  # noqa: ARG001 - as all take it
    """Divide channels at a place by their length."""
    from archinspect.ops.norm import UnitNormalization

    return state.net.add(UnitNormalization(axis=-1), state.image())


def history(state: State, section: Section) -> Tensor:
    """Join images of some steps along their channels: the ones before are kept from step to step."""
    x = state.image()
    height, width, channels = state.net.shape(x)
    steps = section.whole("history_size", 4, 1)
    return state.net.add(Custom(output_shape=[height, width, channels * steps], params=0, flops=0), x)


def implicit_weights(state: State, section: Section) -> Tensor:
    """Give learned numbers that depend on no input."""
    from archinspect.ops.source import Parameter

    atoms, filters = section.whole("atoms", 1, 1), section.whole("filters", 128, 1)
    return state.net.add(Parameter(shape=[atoms, 1, filters]))


def same(state: State, section: Section) -> Tensor:  # noqa: ARG001 - as all take it
    """Give what is read: what a layer does in training alone."""
    return state.net.add(Identity(), state.x)


def reshaped(state: State, x: Tensor, *shape: int) -> Tensor:
    """Give a sample other axes."""
    return state.net.add(Reshape(target_shape=list(shape)), x)
