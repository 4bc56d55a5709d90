"""Layers of images: convolutions, poolings, sizes; and boxes, as SSD has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.importers.caffe.net import FIRST, first
from archinspect.ops.borders import ZeroPadding2D
from archinspect.ops.conv import Conv1D, Conv2D, Conv3D
from archinspect.ops.globalpool import (
    GlobalAveragePooling2D,
    GlobalAveragePooling3D,
    GlobalMaxPooling2D,
    GlobalMaxPooling3D,
)
from archinspect.ops.image import Resizing
from archinspect.ops.merge import Concatenate
from archinspect.ops.pool import AveragePooling2D, AveragePooling3D, MaxPooling2D, MaxPooling3D
from archinspect.ops.reshape import Flatten
from archinspect.ops.tensor import Custom
from archinspect.ops.transposed import Conv1DTranspose, Conv2DTranspose, Conv3DTranspose

if TYPE_CHECKING:
    from archinspect.graph.graph import Tensor
    from archinspect.importers.caffe.net import Layer, Net
    from archinspect.ops.base import Op

CONVS: dict[int, type[Op]] = {1: Conv1D, 2: Conv2D, 3: Conv3D}
TRANSPOSED: dict[int, type[Op]] = {1: Conv1DTranspose, 2: Conv2DTranspose, 3: Conv3DTranspose}
POOLS: dict[tuple[str, int], tuple[type[Op], type[Op]]] = {
    ("MAX", 2): (MaxPooling2D, GlobalMaxPooling2D),
    ("AVE", 2): (AveragePooling2D, GlobalAveragePooling2D),
    ("MAX", 3): (MaxPooling3D, GlobalMaxPooling3D),
    ("AVE", 3): (AveragePooling3D, GlobalAveragePooling3D),
}


def _each(layer: Layer, rank: int, name: str, default: int, least: int) -> list[int]:
    """Return a number for each axis: of one name, once or for each, or of a name for height and one for width."""
    short = name.removesuffix("_size")
    both = [f"{short}_h", f"{short}_w"]
    if layer.given.has(*both) and rank == 2:  # noqa: PLR2004 - images have both
        return [layer.given.whole(one, default, least) for one in both]
    found = layer.given.wholes(name, least) or [default]
    if len(found) == 1:
        found *= rank
    if len(found) != rank or min(found) < least:
        raise layer.refuse(f"'{name}' must be {least} at least, once or for each of {rank} axes", name)
    return found


def _spatial(net: Net, layer: Layer, x: Tensor) -> int:
    rank = len(net.shape(x)) - 1
    if not 1 <= rank <= 3:  # noqa: PLR2004 - as operators are
        raise layer.refuse(f"reads {rank + 1} axes after the batch, not channels and one to three of places")
    return rank


def _convolved(net: Net, layer: Layer, kinds: dict[int, type[Op]], **more: Any) -> list[Tensor]:  # noqa: ANN401 - as operators take them
    """Add a convolution to each input: several share the weights."""
    outputs: list[Tensor] = []
    for i, x in enumerate(layer.inputs):
        rank = _spatial(net, layer, x)
        if net.axis(layer, x) != 1:
            raise layer.refuse("channels elsewhere than at axis 1 are not read", "axis")
        op = first(
            kinds[rank],
            filters=layer.given.whole("num_output", 0, 1),
            kernel_size=_each(layer, rank, "kernel_size", 0, 1),
            strides=_each(layer, rank, "stride", 1, 1),
            padding=[[pad, pad] for pad in _each(layer, rank, "pad", 0, 0)],
            dilation_rate=_each(layer, rank, "dilation", 1, 1),
            groups=more.get("groups") or layer.given.whole("group", 1, 1),
            use_bias=layer.given.flag("bias_term", default=True),
        )
        outputs.append(net.add(op, x, name=f"conv_{i}" if i else "conv", trainable=layer.trains))
        if i:
            net.tie(outputs[-1].producer, outputs[0].producer)
    return outputs


def convolution(net: Net, layer: Layer) -> list[Tensor]:
    """Add a convolution."""
    return _convolved(net, layer, CONVS)


def depthwise(net: Net, layer: Layer) -> list[Tensor]:
    """Add a convolution of each channel by itself."""
    return _convolved(net, layer, CONVS, groups=net.shape(layer.inputs[0])[0])


def deconvolution(net: Net, layer: Layer) -> list[Tensor]:
    """Add a transposed convolution."""
    return _convolved(net, layer, TRANSPOSED)


def padding(net: Net, layer: Layer) -> list[Tensor]:
    """Add zeros around an image, which the oldest files have before a convolution."""
    (x,) = layer.inputs
    return [net.add(first(ZeroPadding2D, padding=layer.given.whole("pad", 0, 0)), x, name="padding")]


def pooling(net: Net, layer: Layer) -> list[Tensor]:
    """Add a pooling, whose windows are counted up."""
    (x,) = layer.inputs
    how = layer.given.word("pool", "MAX", ("MAX", "AVE", "STOCHASTIC")).upper()
    rank = _spatial(net, layer, x)
    if (how, rank) not in POOLS:
        raise layer.refuse("images are pooled by MAX or AVE", "pool")
    windowed, whole = POOLS[how, rank]
    if layer.given.flag("global_pooling"):
        found = [net.add(first(whole, keepdims=True), x, name="pool")]
    else:
        down = layer.given.word("round_mode", "CEIL", ("CEIL", "FLOOR")) == "FLOOR" or not layer.given.flag(
            "ceil_mode", default=True
        )
        op = first(
            windowed,
            pool_size=_each(layer, rank, "kernel_size", 0, 1),
            strides=_each(layer, rank, "stride", 1, 1),
            padding=[[pad, pad] for pad in _each(layer, rank, "pad", 0, 0)],
            ceil_mode=False if down else "caffe",
        )
        found = [net.add(op, x, name="pool")]
    if len(layer.message.texts("top")) > 1:  # where each was found
        found.append(net.add(Custom(params=0, flops=0), found[0], name="mask"))
    return found


def pyramid(net: Net, layer: Layer) -> list[Tensor]:
    """Pool an image into one, four, sixteen, ... parts, and join them: spatial pyramids."""
    (x,) = layer.inputs
    how = layer.given.word("pool", "MAX", ("MAX", "AVE")).upper()
    _, *sides = net.shape(x)
    levels = layer.given.whole("pyramid_height", 0, 1)
    if (how, len(sides)) not in POOLS or not min(sides) >> (levels - 1):
        raise layer.refuse("images are pooled by MAX or AVE, into no more parts than places", "pool", "pyramid_height")
    pooled = []
    for level in range(levels):
        windows = [-(-side >> level) for side in sides]
        pads = [((window << level) - side + 1) // 2 for window, side in zip(windows, sides, strict=True)]
        op = first(
            POOLS[how, len(sides)][0],
            pool_size=windows,
            strides=windows,
            padding=[[pad, pad] for pad in pads],
            ceil_mode="caffe",
        )
        pooled.append(net.add(op, x, name=f"pool_{level}"))
    return pooled if levels == 1 else [net.add(Concatenate(axis=1), *[net.add(Flatten(), one) for one in pooled])]


def crop(net: Net, layer: Layer) -> list[Tensor]:
    """Cut a blob to the size of another, from an axis on."""
    from archinspect.ops.like import CropLike  # rare
    from archinspect.ops.tensor import Slice

    x, other = layer.inputs
    axis = net.axis(layer, x, default=2)
    if axis == 2 and len(net.shape(x)) == 3:  # noqa: PLR2004 - an image's places
        return [net.add(first(CropLike), x, other)]
    for at in range(axis, net.rank(x)):
        x = net.add(Slice(axis=at, start=0, stop=net.shape(other)[at - 1]), x)
    return [x]


def interp(net: Net, layer: Layer) -> list[Tensor]:
    """Give an image another size, as DeepLab and PSPNet do."""
    x = layer.inputs[0]
    _, *sides = net.shape(x)
    given = layer.given
    pads = given.whole("pad_beg", 0, -1000) + given.whole("pad_end", 0, -1000)
    zoom, shrink = given.whole("zoom_factor", 1, 1), given.whole("shrink_factor", 1, 1)
    if len(layer.inputs) > 1:
        _, *sides = net.shape(layer.inputs[1])
    elif given.has("height", "width"):
        sides = [given.whole("height", 1, 1), given.whole("width", 1, 1)]
    else:
        sides = [(side + pads - 1) // shrink + 1 for side in sides]
        sides = [side + (side - 1) * (zoom - 1) for side in sides]
    return [net.add(first(Resizing, height=sides[0], width=sides[1]), x)]


def upsample(net: Net, layer: Layer) -> list[Tensor]:
    """Enlarge an image: by a factor, or to a size, with the places where a pooling found its elements."""
    from archinspect.ops.image import Resizing as Resized

    x = layer.inputs[0]
    _, height, width = net.shape(x)
    factor = layer.given.whole("scale", layer.given.whole("stride", 2, 1), 1)
    height = layer.given.whole("upsample_h", height * factor, 1)
    width = layer.given.whole("upsample_w", width * factor, 1)
    return [net.add(first(Resized, height=height, width=width, interpolation="nearest"), x)]


def shuffle_channel(net: Net, layer: Layer) -> list[Tensor]:
    """Mix the channels of groups."""
    from archinspect.ops.shuffle import ChannelShuffle  # rare

    (x,) = layer.inputs
    return [net.add(ChannelShuffle(groups=layer.given.whole("group", 1, 1), data_format=FIRST), x)]


# Boxes


def prior_box(net: Net, layer: Layer) -> list[Tensor]:
    """Give boxes of some sizes at each place, with how far they may move: no arithmetic of what is read."""
    x = layer.inputs[0]
    _, height, width = net.shape(x)
    ratios = {1.0}
    for field in layer.given.fields.get("aspect_ratio", ()):
        if isinstance(field.value, int | float) and field.value:
            ratios.add(float(field.value))
            if layer.given.flag("flip", default=True):
                ratios.add(1 / float(field.value))
    smallest, largest = len(layer.given.fields.get("min_size", ())), len(layer.given.fields.get("max_size", ()))
    boxes = height * width * (len(ratios) * smallest + largest)
    if not boxes:
        raise layer.refuse("there are no sizes", "min_size", help="min_size: 30")
    return [net.add(Custom(output_shape=[2, 4 * boxes], params=0, flops=0), *layer.inputs, name="priors")]


def detection_output(net: Net, layer: Layer) -> list[Tensor]:
    """Choose boxes: what that costs depends on what is seen."""
    kept = max(layer.given.whole("keep_top_k", 1, -1), 1)
    return [net.add(Custom(output_shape=[1, kept, 7], params=0), *layer.inputs, name="boxes")]
