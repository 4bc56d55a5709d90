"""Heads of repositories: with anchors, of YOLOv5 and v7; and of YOLOv9, which are two for training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.importers.ultralytics.heads import PLACES, Extra, boxes_of, constant, distances, flat, proto, tower
from archinspect.ops.activation import Sigmoid
from archinspect.ops.elementwise import Square
from archinspect.ops.identity import Rescaling
from archinspect.ops.merge import Multiply
from archinspect.ops.source import Parameter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.graph.graph import Tensor
    from archinspect.importers.ultralytics.net import Net


def anchors_of(anchors: int | Sequence[Sequence[float]]) -> int:
    """Return how many anchors a place has: sizes stand in pairs."""
    return anchors if isinstance(anchors, int) else len(anchors[0]) // 2


def _levels(net: Net, xs: Sequence[Tensor], each: int, numbers: int, *, implicit: bool = False) -> list[Tensor]:
    """Add a convolution to each image, in v7 between learned offsets and factors."""
    found = []
    for i, x in enumerate(xs):
        if implicit:
            x = net.sum(x, net.add(Parameter(shape=[1, 1, net.width(x)]), name=f"ia.{i}"))  # noqa: PLW2901 - as read on
        y = net.bare(x, each * numbers, name=f"m.{i}")
        if implicit:
            y = net.add(Multiply(), y, net.add(Parameter(shape=[1, 1, each * numbers]), name=f"im.{i}"))
        found.append(y)
    return found


def _decoded(net: Net, levels: Sequence[Tensor], each: int, nc: int, masks: int = 0) -> Tensor:
    """Return boxes in pixels with what is told of them."""
    found = []
    for level in levels:
        height, width, _ = net.shape(level)
        y = net.reshape(level, height, width, each, 5 + nc + masks)
        told, *mask = net.parts(y, 5 + nc, masks) if masks else (y,)
        center, size, rest = net.parts(net.add(Sigmoid(), told), 2, 2, 1 + nc)
        center = net.sum(net.add(Rescaling(scale=2), center), constant(net, "grid", height, width, each, 2))
        center = net.add(Rescaling(scale=8), center)
        size = net.add(Square(), net.add(Rescaling(scale=2), size))
        size = net.add(Multiply(), size, constant(net, "anchor_grid", 1, 1, each, 2))
        found.append(net.reshape(net.cat([center, size, rest, *mask]), -1, 5 + nc + masks))
    return net.add(PLACES, *found) if len(found) > 1 else found[0]


def detect(net: Net, xs: Sequence[Tensor], nc: int, anchors: int | Sequence[Sequence[float]]) -> list[Tensor]:
    """Add the head of YOLOv5: a convolution to each image."""
    each = anchors_of(anchors)
    return [_decoded(net, _levels(net, xs, each, 5 + nc), each, nc)]


def segment(
    net: Net, xs: Sequence[Tensor], nc: int, anchors: int | Sequence[Sequence[float]], nm: int = 32, npr: int = 256
) -> list[Tensor]:
    """Add the same with masks."""
    each = anchors_of(anchors)
    found = _decoded(net, _levels(net, xs, each, 5 + nc + nm), each, nc, nm)
    return [found, proto(net, xs[0], npr, nm, learned=False)]


def i_detect(net: Net, xs: Sequence[Tensor], nc: int, anchors: int | Sequence[Sequence[float]]) -> list[Tensor]:
    """Add the head of YOLOv7, with learned offsets and factors."""
    each = anchors_of(anchors)
    return [_decoded(net, _levels(net, xs, each, 5 + nc, implicit=True), each, nc)]


def i_aux_detect(net: Net, xs: Sequence[Tensor], nc: int, anchors: int | Sequence[Sequence[float]]) -> list[Tensor]:
    """Add the same, and convolutions to further images, for training."""
    each, count = anchors_of(anchors), len(xs) // 2
    further = [net.bare(x, each * (5 + nc), name=f"m2.{i}") for i, x in enumerate(xs[count:])]
    return [*i_detect(net, xs[:count], nc, anchors), *further]


# YOLOv9


def _nine(net: Net, xs: Sequence[Tensor], nc: int, names: tuple[str, str], *, grouped: bool) -> tuple[Tensor, Tensor]:
    """Add what tells distributions of distances and classes of all places."""
    width = net.width(xs[0])
    box = max(width // 4, 64, 16)
    if grouped:
        box = -(-box // 4) * 4
    boxes = flat(net, xs, tower(box, 64, 4 if grouped else 1), names[0])
    return boxes, flat(net, xs, tower(max(width, min(2 * nc, 128)), nc), names[1])


def _sets(net: Net, xs: Sequence[Tensor], nc: int, count: int, *, grouped: bool, masks: int = 0) -> list[Tensor]:
    """Add the head once for each of `count` sets of images, of which the first ones are for training."""
    each, found = len(xs) // count, []
    first = 2
    names = [(f"cv{first + 2 * i}", f"cv{first + 2 * i + 1}") for i in range(count)]
    for i in range(count):
        images = xs[i * each : (i + 1) * each]
        boxes, scores = _nine(net, images, nc, names[i], grouped=grouped)
        sides = distances(net, boxes, 16, "dfl" if i == 0 else f"dfl{i + 1}")
        told = [boxes_of(net, sides), net.add(Sigmoid(), scores)]
        if masks:
            extra = Extra(tower(max(net.width(images[0]) // 4, masks), masks), masks, f"cv{first + 2 * count + i}")
            told.append(flat(net, images, extra.tower, extra.name))
        found.append(net.cat(told))
    return found


def nine(net: Net, xs: Sequence[Tensor], nc: int) -> list[Tensor]:
    """Add the plain head of YOLOv9's repository."""
    return _sets(net, xs, nc, 1, grouped=False)


def d_detect(net: Net, xs: Sequence[Tensor], nc: int) -> list[Tensor]:
    """Add the head with boxes in groups."""
    return _sets(net, xs, nc, 1, grouped=True)


def dual_detect(net: Net, xs: Sequence[Tensor], nc: int) -> list[Tensor]:
    """Add two plain heads."""
    return _sets(net, xs, nc, 2, grouped=False)


def dual_d_detect(net: Net, xs: Sequence[Tensor], nc: int) -> list[Tensor]:
    """Add two heads with boxes in groups."""
    return _sets(net, xs, nc, 2, grouped=True)


def triple_detect(net: Net, xs: Sequence[Tensor], nc: int) -> list[Tensor]:
    """Add three plain heads."""
    return _sets(net, xs, nc, 3, grouped=False)


def triple_d_detect(net: Net, xs: Sequence[Tensor], nc: int) -> list[Tensor]:
    """Add three heads with boxes in groups."""
    return _sets(net, xs, nc, 3, grouped=True)


def nine_segment(net: Net, xs: Sequence[Tensor], nc: int, nm: int = 32, npr: int = 256) -> list[Tensor]:
    """Add the plain head with masks."""
    found = _sets(net, xs, nc, 1, grouped=False, masks=nm)
    return [*found, proto(net, xs[0], npr, nm, learned=False)]


def d_segment(net: Net, xs: Sequence[Tensor], nc: int, nm: int = 32, npr: int = 256) -> list[Tensor]:
    """Add a head with masks, which are made of a further image."""
    del npr
    found = _sets(net, xs[:-1], nc, 1, grouped=True, masks=nm)
    return [*found, net.conv(xs[-1], nm, name="proto")]


def dual_d_segment(net: Net, xs: Sequence[Tensor], nc: int, nm: int = 32, npr: int = 256) -> list[Tensor]:
    """Add two of them."""
    del npr
    found = _sets(net, xs[:-2], nc, 2, grouped=True, masks=nm)
    return [*found, net.conv(xs[-2], nm, name="proto"), net.conv(xs[-1], nm, name="proto2")]


def panoptic(net: Net, xs: Sequence[Tensor], nc: int, sem_nc: int = 93, nm: int = 32, npr: int = 256) -> list[Tensor]:
    """Add the plain head with masks, and one that tells the class of each place."""
    from archinspect.ops.upsampling import UpSampling2D

    found = _sets(net, xs, nc, 1, grouped=False, masks=nm)
    masks = proto(net, xs[0], npr, nm, learned=False)
    with net.scope("uconv", "UConv"):
        x = net.conv(xs[0], net.width(xs[0]) // 4, 3, name="cv1")
        x = net.bare(x, sem_nc + nc, name="cv2")
        x = net.add(UpSampling2D(size=2, interpolation="bilinear"), x, name="up")
    return [*found, masks, x]
