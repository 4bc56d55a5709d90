"""Heads that compare places with words: YOLO-World and YOLOE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.importers.ultralytics import heads
from archinspect.importers.ultralytics.attention import WORD, words
from archinspect.importers.ultralytics.heads import conv_params, detect, flat, light_tower, tower
from archinspect.importers.ultralytics.net import NORM
from archinspect.ops.matmul import MatMul
from archinspect.ops.norm import UnitNormalization

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.graph.graph import Tensor
    from archinspect.importers.ultralytics.heads import Tower
    from archinspect.importers.ultralytics.net import Net

UNIT = UnitNormalization(axis=-1)


def _contrast(of: Tower, text: Tensor, *, with_bn: bool, prefix: str = "") -> Tower:
    """Return a tower's numbers of a place compared with each word: products, scaled and shifted by learned numbers."""

    def build(net: Net, x: Tensor, name: str) -> Tensor:
        height, width, _ = net.shape(x)
        x = of(net, x, name)
        with net.scope(f"{prefix}cv4.{name.rpartition('.')[2]}", "BNContrastiveHead" if with_bn else "ContrastiveHead"):
            x = net.steps(net.add(NORM, x, name="norm") if with_bn else net.add(UNIT, x))
            scores = net.add(MatMul(transpose_b=True), x, net.add(UNIT, text))
            return net.reshape(_learned(net, scores), height, width, net.shape(text)[0])

    return build


def _learned(net: Net, x: Tensor) -> Tensor:
    """Add a factor and a summand, both learned."""
    from archinspect.ops.activation import Exponential
    from archinspect.ops.merge import Multiply
    from archinspect.ops.source import Parameter

    factor = net.add(Exponential(), net.add(Parameter(shape=[1]), name="logit_scale"))
    return net.sum(net.add(Multiply(), x, factor), net.add(Parameter(shape=[1]), name="bias"))


def world(net: Net, xs: Sequence[Tensor], nc: int, embed: int = WORD, with_bn: bool = False) -> list[Tensor]:
    """Add the head of YOLO-World, which reads the words as they are given."""
    text = words(net) if net.words is None else net.words
    of = tower(max(net.width(xs[0]), min(nc, 100)), embed)
    return detect(net, xs, nc, classes=_contrast(of, text, with_bn=with_bn))


def yoloe(net: Net, xs: Sequence[Tensor], nc: int, embed: int = WORD, with_bn: bool = True) -> list[Tensor]:
    """Add the head of YOLOE; what makes words of prompts stands beside it."""
    return _yoloe(net, xs, nc, embed, None, with_bn=with_bn)


def yoloe_segment(
    net: Net,
    xs: Sequence[Tensor],
    nc: int,
    nm: int = 32,
    npr: int = 256,
    embed: int = WORD,
    with_bn: bool = True,
) -> list[Tensor]:
    """Add the same with masks."""
    found = _yoloe(net, xs, nc, embed, nm, with_bn=with_bn)
    return [*found, heads.proto(net, xs[0], npr, nm)]


def yoloe_segment26(
    net: Net,
    xs: Sequence[Tensor],
    nc: int,
    nm: int = 32,
    npr: int = 256,
    embed: int = WORD,
    with_bn: bool = True,
) -> list[Tensor]:
    """Add the same with masks of all images."""
    found = _yoloe(net, xs, nc, embed, nm, with_bn=with_bn)
    return [*found, heads.proto26(net, xs, npr, nm, nc)]


def _yoloe(net: Net, xs: Sequence[Tensor], nc: int, embed: int, masks: int | None, *, with_bn: bool) -> list[Tensor]:
    text, width = words(net), net.width(xs[0])
    c3 = max(width, min(nc, 100))
    of = (tower if net.model.is_legacy else light_tower)(c3, embed)
    extra = None
    if masks:
        # The contrast has the name cv4: what tells masks is cv5.
        extra = heads.Extra(tower(max(width // 4, masks), masks), masks, "cv5")

    def matched(net: Net, xs: Sequence[Tensor], prefix: str) -> Tensor:
        return flat(net, xs, _contrast(of, text, with_bn=with_bn, prefix=prefix), f"{prefix}cv3")

    _prompts(net, xs, c3, embed)
    return detect(net, xs, nc, extra, matched=matched)


def _prompts(net: Net, xs: Sequence[Tensor], c3: int, embed: int) -> None:
    """Add what makes words of texts and of pictures: it runs when a prompt is given, not with each image."""
    net.idle("reprta", (embed + 1) * 4 * embed + (2 * embed + 1) * embed)
    c, levels = 16, len(xs)
    widths = [net.width(x) for x in xs]
    params = sum(conv_params(width, c3, 3) + conv_params(c3, c3, 3) + conv_params(width, c3) for width in widths)
    params += (levels * c3 + 1) * embed + (9 * levels * c3 + 1) * c + 10 * c
    params += conv_params(2 * c, c, 3) + (9 * c + 1) * c
    net.idle("savpe", params, levels * 6 * c3 + 2 * c)
