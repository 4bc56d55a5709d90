"""Layers that end a network: what they do to a map of numbers before boxes are drawn of it."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from archinspect.importers.darknet.layers import reshaped, same
from archinspect.importers.darknet.state import IMAGE
from archinspect.ops.activation import Sigmoid, Softmax
from archinspect.ops.identity import Rescaling
from archinspect.ops.merge import Concatenate
from archinspect.ops.several import Split

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.graph.graph import Tensor
    from archinspect.importers.darknet.state import State
    from archinspect.importers.sections import Section
    from archinspect.ops.base import Op


def softmax(state: State, section: Section) -> Tensor:
    """Add a softmax: over channels, or over all of a vector, in groups."""
    net = state.net
    shape = net.shape(state.x)
    if section.flag("spatial") or (len(shape) == IMAGE and shape[:2] == (1, 1) and section.whole("groups", 1) == 1):
        return net.add(Softmax(), state.image())
    x, groups = state.vector(), section.whole("groups", 1, 1)
    if groups == 1:
        return net.add(Softmax(), x)
    if prod(shape) % groups:
        raise section.refuse(f"{groups} groups do not divide {prod(shape)} numbers", "groups", code="shape")
    return reshaped(state, net.add(Softmax(), reshaped(state, x, groups, prod(shape) // groups)), prod(shape))


def yolo(state: State, section: Section) -> Tensor:
    """Add what a head of YOLOv3 and later does: sigmoids of centers, and of what is an object and of which class."""
    classes = section.whole("classes", 20)
    anchors = len(section.wholes("mask")) or section.whole("num", 1, 1)
    x = _of_channels(state, section, anchors, 5 + classes)
    scale = section.number("scale_x_y", 1)
    if section.flag("new_coords"):
        parts: list[tuple[int, Op | None]] = [(2, None), (3 + classes, None)]
    else:
        parts = [(2, Sigmoid()), (2, None), (1 + classes, Sigmoid())]
    return _in_parts(state, x, anchors, parts, scale)


def gaussian_yolo(state: State, section: Section) -> Tensor:
    """Add a head that also gives how certain each side of a box is."""
    classes = section.whole("classes", 20)
    anchors = len(section.wholes("mask")) or section.whole("num", 1, 1)
    x = _of_channels(state, section, anchors, 9 + classes)
    parts = [(4, Sigmoid()), (1, None), (1, Sigmoid()), (1, None), (2 + classes, Sigmoid())]
    return _in_parts(state, x, anchors, parts)


def region(state: State, section: Section) -> Tensor:
    """Add the head of YOLOv2: sigmoids of centers and of what is an object, softmax or sigmoids of classes."""
    classes, coords = section.whole("classes", 20), section.whole("coords", 4, 2)
    anchors = section.whole("num", 1, 1)
    x = _of_channels(state, section, anchors, 1 + coords + classes)
    chosen = Softmax() if section.flag("softmax") or "tree" in section.options else Sigmoid()
    background = None if section.flag("background") else Sigmoid()
    parts = [(2, Sigmoid()), (coords - 2, None), (1, background), (classes, chosen)]
    return _in_parts(state, x, anchors, parts)


def iseg(state: State, section: Section) -> Tensor:
    """Add a head that says of each place what class it is, and which thing."""
    classes, things = section.whole("classes", 20), section.whole("ids", 32)
    return _in_parts(
        state, _of_channels(state, section, 1, classes + things), 1, [(classes, Sigmoid()), (things, None)]
    )


def detection(state: State, section: Section) -> Tensor:
    """Add the head of YOLOv1: classes, objects and boxes of each place of a grid."""
    boxes, classes = section.whole("num", 1, 1), section.whole("classes", 1)
    side = section.whole("side", 7, 1)
    wanted = side**2 * (boxes * (1 + section.whole("coords", 1, 1)) + classes)
    x = state.vector()
    (given,) = state.net.shape(x)
    if given != wanted:
        raise section.refuse(f"needs {wanted:,} numbers, which are not the {given:,} it reads", code="shape")
    if not section.flag("softmax"):
        return same(state, section)
    chosen, rest = state.net.add_all(Split(sizes=[side**2 * classes, given - side**2 * classes], axis=-1), x)
    chosen = state.net.add(Softmax(), reshaped(state, chosen, side**2, classes))
    return state.net.add(Concatenate(), state.vector(chosen), rest)


def _of_channels(state: State, section: Section, anchors: int, numbers: int) -> Tensor:
    """Return what is read; it has so many channels."""
    x = state.image()
    channels = state.net.shape(x)[2]
    if channels != anchors * numbers:
        message = f"{anchors} boxes of {numbers} numbers need {anchors * numbers} channels, not {channels}"
        help_ = f"filters={anchors * numbers} in the convolution before"
        raise section.refuse(message, "classes", "mask", "num", code="shape", help=help_)
    return x


def _in_parts(
    state: State, x: Tensor, anchors: int, parts: Sequence[tuple[int, Op | None]], scale: float = 1
) -> Tensor:
    """Add activations of parts of the channels of each box; centers, the first part, may be spread."""
    net = state.net
    parts = [part for part in parts if part[0]]
    if scale == 1 and not any(op for _, op in parts):
        return net.add(Rescaling(), x)
    height, width, channels = net.shape(x)
    if anchors > 1:
        x = reshaped(state, x, height, width, anchors, channels // anchors)
    pieces = list(net.add_all(Split(sizes=[count for count, _ in parts], axis=-1), x)) if len(parts) > 1 else [x]
    done = [net.add(op, piece) if op else piece for piece, (_, op) in zip(pieces, parts, strict=True)]
    if scale != 1:
        done[0] = net.add(Rescaling(scale=scale, offset=(1 - scale) / 2), done[0])
    x = net.add(Concatenate(), *done) if len(done) > 1 else done[0]
    return reshaped(state, x, height, width, channels) if anchors > 1 else x
