"""Heads without anchors: boxes as distributions of distances, classes, masks, key points, angles, depths."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archinspect.importers.ultralytics.net import made
from archinspect.ops.activation import Exponential, Sigmoid, Softmax
from archinspect.ops.choose import Power
from archinspect.ops.dense import Dense
from archinspect.ops.globalpool import GlobalAveragePooling2D
from archinspect.ops.identity import Rescaling
from archinspect.ops.layout import Unsqueeze
from archinspect.ops.lookup import TakeAlongAxis
from archinspect.ops.merge import Concatenate, Multiply, Subtract
from archinspect.ops.several import TopK
from archinspect.ops.source import Fill
from archinspect.ops.tensor import ReduceMax
from archinspect.ops.transposed import Conv2DTranspose
from archinspect.ops.upsampling import UpSampling2D

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from archinspect.graph.graph import Tensor
    from archinspect.importers.ultralytics.net import Net

    Tower = Callable[[Net, Tensor, str], Tensor]
    """Adds layers to an image, under a name."""

MOST = 300
"""Boxes that a head without suppression gives at most."""
PLACES = Concatenate(axis=1)


class Extra(NamedTuple):
    """What a head tells of each place beside box and classes."""

    tower: Tower
    numbers: int
    name: str = "cv4"
    decode: Callable[[Net, Tensor], Tensor] | None = None
    more: Callable[[Net, Tensor, str], None] | None = None
    """What else is made of the tower, and read in training alone."""


def tower(c: int, out: int, groups: int = 1, kind: str = "Sequential") -> Tower:
    """Return two convolutions and one that gives so many numbers of a place."""

    def build(net: Net, x: Tensor, name: str) -> Tensor:
        with net.scope(name, kind):
            x = net.conv(net.conv(x, c, 3, name="0"), c, 3, g=groups, name="1")
            return net.bare(x, out, g=groups, name="2")

    return build


def light_tower(c: int, out: int) -> Tower:
    """Return the same of convolutions over places and over channels, one after another."""

    def build(net: Net, x: Tensor, name: str) -> Tensor:
        with net.scope(name, "Sequential"):
            for part in "01":
                with net.scope(part, "Sequential"):
                    x = net.depthwise(x, net.width(x), 3, name="0")
                    x = net.conv(x, c, name="1")
            return net.bare(x, out, name="2")

    return build


def flat(net: Net, xs: Sequence[Tensor], build: Tower, name: str) -> Tensor:
    """Add a tower to each image, and join what they give of all places."""
    found = [net.steps(build(net, x, f"{name}.{i}")) for i, x in enumerate(xs)]
    return net.add(PLACES, *found) if len(found) > 1 else found[0]


def distances(net: Net, boxes: Tensor, reg_max: int, name: str = "dfl") -> Tensor:
    """Return the four distances of each place: the means of their distributions."""
    if reg_max == 1:
        return boxes
    x = net.add(Softmax(), net.reshape(boxes, -1, 4, reg_max))
    mean = net.add(made(Dense, units=1, use_bias=False), x, name=name, trainable=False)
    return net.reshape(mean, -1, 4)


def constant(net: Net, name: str, *shape: int) -> Tensor:
    """Add what is made anew of the images' sizes: where places are, how far they stand apart."""
    return net.add_layer(Fill(shape=list(shape)), (), net.claim("", name))[0]


def boxes_of(net: Net, sides: Tensor, *, centered: bool = True) -> Tensor:
    """Return boxes in pixels: of distances from places, with centers and sizes or with corners."""
    count = net.shape(sides)[0]
    places = constant(net, "anchors", count, 2)
    before, after = net.parts(sides, 2, 2)
    first, second = net.add(Subtract(), places, before), net.sum(places, after)
    if centered:
        middle = net.add(Rescaling(scale=0.5), net.sum(first, second))
        first, second = middle, net.add(Subtract(), second, first)
    return net.add(Multiply(), net.cat([first, second]), constant(net, "strides", count, 1))


def turned_boxes_of(net: Net, sides: Tensor, angle: Tensor) -> Tensor:
    """Return boxes in pixels of distances along turned axes."""
    from archinspect.ops.elementwise import Cos, Sin

    count = net.shape(sides)[0]
    places = constant(net, "anchors", count, 2)
    before, after = net.parts(sides, 2, 2)
    cosine, sine = net.add(Cos(), angle), net.add(Sin(), angle)
    middle = net.add(Rescaling(scale=0.5), net.add(Subtract(), after, before))
    x, y = net.parts(middle, 1, 1)
    multiply = Multiply()
    across = net.add(Subtract(), net.add(multiply, x, cosine), net.add(multiply, y, sine))
    down = net.sum(net.add(multiply, x, sine), net.add(multiply, y, cosine))
    found = net.cat([net.sum(net.cat([across, down]), places), net.sum(before, after)])
    return net.add(multiply, found, constant(net, "strides", count, 1))


def best(net: Net, found: Tensor, nc: int) -> Tensor:
    """Return the likeliest boxes, each with its class."""
    count, width = net.shape(found)
    k = min(MOST, count)
    boxes, scores, *rest = net.parts(found, 4, nc, *([width - 4 - nc] if width > 4 + nc else []))
    _, at = net.add_all(TopK(k=k), net.add(ReduceMax(axis=[-1]), scores))
    at = net.add(Unsqueeze(axis=-1), at)
    taken = net.add(TakeAlongAxis(axis=1), scores, at)
    scores, chosen = net.add_all(TopK(k=k), net.reshape(taken, -1))
    place = net.add(Unsqueeze(axis=-1), chosen)
    pieces = [net.add(TakeAlongAxis(axis=1), one, place) for one in (boxes, *rest)]
    return net.cat([pieces[0], *(net.add(Unsqueeze(axis=-1), one) for one in (scores, chosen)), *pieces[1:]])


def detect(
    net: Net,
    xs: Sequence[Tensor],
    nc: int,
    extra: Extra | None = None,
    *,
    classes: Tower | None = None,
    matched: Callable[[Net, Sequence[Tensor], str], Tensor] | None = None,
    end2end: bool | None = None,
    reg_max: int | None = None,
    turned: bool = False,
) -> list[Tensor]:
    """Add a head: boxes and classes of each place, and what else it tells.

    `classes` is its tower of classes, `matched` what gives their scores instead. Without suppression all is made twice,
    of which one counts in training.
    """
    model = net.model
    width, reg_max = net.width(xs[0]), reg_max or model.reg_max
    box = tower(max(16, width // 4, reg_max * 4), 4 * reg_max)
    c3 = max(width, min(nc, 100))
    classes = classes or (tower if model.is_legacy else light_tower)(c3, nc)
    end2end = model.end2end if end2end is None else end2end
    outputs: list[Tensor] = []
    for prefix in ("", "one2one_") if end2end else ("",):
        boxes = flat(net, xs, box, f"{prefix}cv2")
        scores = matched(net, xs, prefix) if matched else flat(net, xs, classes, f"{prefix}cv3")
        told = _told(net, xs, extra, prefix) if extra else None
        outputs += [boxes, scores, *([told] if told else [])]
    sides = distances(net, boxes, reg_max)
    if extra and told and extra.decode:
        told = extra.decode(net, told)
    found = turned_boxes_of(net, sides, told) if turned and told else boxes_of(net, sides, centered=not end2end)
    found = net.cat([found, net.add(Sigmoid(), scores), *([told] if told else [])])
    return [best(net, found, nc) if end2end else found, *(outputs[: len(outputs) // 2] if end2end else [])]


def _told(net: Net, xs: Sequence[Tensor], extra: Extra, prefix: str) -> Tensor:
    if extra.more is None:
        return flat(net, xs, extra.tower, f"{prefix}{extra.name}")
    found = []
    for i, x in enumerate(xs):
        y = extra.tower(net, x, f"{prefix}{extra.name}.{i}")
        extra.more(net, y, f"{prefix}{extra.name}_sigma.{i}")
        found.append(net.steps(net.bare(y, extra.numbers, name=f"{prefix}{extra.name}_kpts.{i}")))
    return net.add(PLACES, *found) if len(found) > 1 else found[0]


def v10(net: Net, xs: Sequence[Tensor], nc: int) -> list[Tensor]:
    """Add the head of YOLOv10, which needs no suppression and whose sides have 16 numbers whatever the file says."""
    classes = light_tower(max(net.width(xs[0]), min(nc, 100)), nc)
    return detect(net, xs, nc, classes=classes, end2end=True, reg_max=16)


# Masks


def proto(net: Net, x: Tensor, c: int, out: int, *, learned: bool = True) -> Tensor:
    """Add masks of which those of things are mixed, twice as large as the image."""
    with net.scope("proto", "Proto"):
        return _proto(net, x, c, out, learned=learned)


def _proto(net: Net, x: Tensor, c: int, out: int, *, learned: bool) -> Tensor:
    x = net.conv(x, c, 3, name="cv1")
    if learned:
        x = net.add(made(Conv2DTranspose, filters=c, kernel_size=2, strides=2), x, name="upsample")
    else:
        x = net.add(UpSampling2D(size=2), x, name="upsample")
    return net.conv(net.conv(x, c, 3, name="cv2"), out, name="cv3")


def _mask_tower(net: Net, xs: Sequence[Tensor], nm: int) -> Extra:
    return Extra(tower(max(net.width(xs[0]) // 4, nm), nm), nm)


def segment(net: Net, xs: Sequence[Tensor], nc: int, nm: int = 32, npr: int = 256) -> list[Tensor]:
    """Add a head of boxes with masks."""
    found = detect(net, xs, nc, _mask_tower(net, xs, nm))
    return [*found, proto(net, xs[0], npr, nm)]


def segment26(net: Net, xs: Sequence[Tensor], nc: int, nm: int = 32, npr: int = 256) -> list[Tensor]:
    """Add a head of boxes with masks, for which all images are joined."""
    found = detect(net, xs, nc, _mask_tower(net, xs, nm))
    return [*found, proto26(net, xs, npr, nm, nc)]


def proto26(net: Net, xs: Sequence[Tensor], c: int, out: int, nc: int) -> Tensor:
    """Add masks of all images; what tells classes of places is for training."""
    width = net.width(xs[0])
    with net.scope("proto", "Proto26"):
        x = xs[0]
        for i, one in enumerate(xs[1:]):
            refined = net.conv(one, width, name=f"feat_refine.{i}")
            x = net.sum(x, net.add(UpSampling2D(size=2 ** (i + 1)), refined))
        net.idle("semseg", conv_params(width, c, 3) + conv_params(c, c, 3) + (c + 1) * nc, 4 * c)
        return _proto(net, net.conv(x, c, 3, name="feat_fuse"), c, out, learned=True)


def conv_params(c1: int, c2: int, k: int = 1) -> int:
    """Return the parameters of a normalized convolution."""
    return c1 * c2 * k**2 + 2 * c2


def semantic(net: Net, xs: Sequence[Tensor], nc: int = 19) -> Tensor:
    """Add a head that tells the class of each place; a second one is for training."""
    c = net.width(xs[0])
    if len(xs) > 1:
        net.idle("aux_head", conv_params(net.width(xs[1]), c, 3) + (c + 1) * nc, 2 * c)
    with net.scope("classifier", "Sequential"):
        return net.bare(net.conv(xs[0], c, 3, name="0"), nc, name="1")


# Key points, angles, depths


def pose(net: Net, xs: Sequence[Tensor], nc: int, kpt_shape: Sequence[int] = (17, 3)) -> list[Tensor]:
    """Add a head of boxes with key points."""
    numbers = kpt_shape[0] * kpt_shape[1]
    build = tower(max(net.width(xs[0]) // 4, numbers), numbers)
    return detect(net, xs, nc, Extra(build, numbers, decode=_points(kpt_shape, 3)))


def pose26(net: Net, xs: Sequence[Tensor], nc: int, kpt_shape: Sequence[int] = (17, 3)) -> list[Tensor]:
    """Add a head of boxes with key points; how certain they are, and a flow, is for training."""
    points, numbers = kpt_shape[0], kpt_shape[0] * kpt_shape[1]
    c = max(net.width(xs[0]) // 4, points * (kpt_shape[1] + 2))

    def build(net: Net, x: Tensor, name: str) -> Tensor:
        with net.scope(name, "Sequential"):
            return net.conv(net.conv(x, c, 3, name="0"), c, 3, name="1")

    def uncertain(net: Net, _: Tensor, name: str) -> None:
        net.idle(name, (c + 1) * 2 * points)

    # Six couplings of two numbers, each with two networks of 64 units (Dinh et al. 2016, arXiv:1605.08803).
    couplings, units = 6, 64
    net.idle("flow_model", couplings * 2 * (3 * units + (units + 1) * units + (units + 1) * 2), 2 * couplings + 6)
    extra = Extra(build, numbers, decode=_points(kpt_shape, 2), more=uncertain)
    return detect(net, xs, nc, extra)


def _points(kpt_shape: Sequence[int], operations: int) -> Callable[[Net, Tensor], Tensor]:
    """Return what makes points in pixels: so many operations for each number, a sigmoid where it is seen."""
    points, numbers = kpt_shape[0], kpt_shape[1]

    def decode(net: Net, told: Tensor) -> Tensor:
        count = net.shape(told)[0]
        parts = net.parts(net.reshape(told, -1, points, numbers), 2, *([numbers - 2] if numbers > 2 else []))  # noqa: PLR2004 - x and y
        placed = net.add(Rescaling(scale=2), parts[0]) if operations > 2 else parts[0]  # noqa: PLR2004 - as above
        placed = net.sum(placed, constant(net, "anchors", count, 1, 2))
        placed = net.add(Multiply(), placed, constant(net, "strides", count, 1, 1))
        seen = [net.add(Sigmoid(), part) for part in parts[1:]]
        return net.reshape(net.cat([placed, *seen]) if seen else placed, -1, points * numbers)

    return decode


def obb(net: Net, xs: Sequence[Tensor], nc: int, ne: int = 1) -> list[Tensor]:
    """Add a head of turned boxes."""

    def decode(net: Net, angle: Tensor) -> Tensor:
        return net.add(Rescaling(scale=3.14159, offset=-0.785398), net.add(Sigmoid(), angle))

    return detect(net, xs, nc, Extra(tower(max(net.width(xs[0]) // 4, ne), ne), ne, decode=decode), turned=True)


def obb26(net: Net, xs: Sequence[Tensor], nc: int, ne: int = 1) -> list[Tensor]:
    """Add a head of turned boxes, whose angle is told as it is."""
    return detect(net, xs, nc, Extra(tower(max(net.width(xs[0]) // 4, ne), ne), ne), turned=True)


def depth(net: Net, xs: Sequence[Tensor], c: int = 256) -> Tensor:
    """Add a head that tells the depth of each place, four times as fine as the input is coarse."""
    projected = [net.conv(x, c, name=f"proj.{i}") for i, x in enumerate(xs)]
    x = projected[-1]
    for i in range(len(xs) - 2, -1, -1):
        x = net.sum(net.add(UpSampling2D(size=2, interpolation="bilinear"), x), projected[i])
        with net.scope(f"refine.{i}", "Sequential"):
            x = net.conv(net.conv(x, c, 3, name="0"), c, 3, name="1")
    with net.scope("head", "Sequential"):
        x = net.conv(x, c // 2, 3, name="0")
        x = net.add(made(Conv2DTranspose, filters=c // 2, kernel_size=2, strides=2), x, name="1")
        x = net.bare(net.conv(x, c // 4, 3, name="2"), 1, name="3")
    from archinspect.ops.elementwise import Clip
    from archinspect.ops.source import Constant

    x = net.add(Exponential(), net.add(Clip(min_value=-4.0, max_value=5.0), x))
    x = net.add(Power(), x, net.add(Constant(shape=[1]), name="cal_a"))
    return net.add(Multiply(), x, net.add(Exponential(), net.add(Constant(shape=[1]), name="cal_b")))


def classify(
    net: Net, x: Tensor | Sequence[Tensor], c2: int, k: int = 1, s: int = 1, p: int | None = None, g: int = 1
) -> Tensor:
    """Add a head that tells the class of the whole image."""
    x = net.cat(x) if isinstance(x, list) else x
    x = net.conv(x, 1280, k, s, p, g, name="conv")  # type: ignore[arg-type] # one by now
    x = net.linear(net.add(GlobalAveragePooling2D(), x, name="pool"), c2, "linear")
    return net.add(Softmax(), x)
