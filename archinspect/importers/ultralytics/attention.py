"""Blocks with attention: PSA, areas, AIFI, and what compares pictures with words."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from archinspect.importers.ultralytics import csp
from archinspect.importers.ultralytics.net import made
from archinspect.ops.activation import GELU, Sigmoid
from archinspect.ops.adaptivepool import AdaptiveMaxPooling2D
from archinspect.ops.attention import ScaledDotProductAttention
from archinspect.ops.elementwise import Cos, Sin
from archinspect.ops.identity import Rescaling
from archinspect.ops.matmul import MatMul
from archinspect.ops.merge import Multiply
from archinspect.ops.multihead import MultiHeadAttention
from archinspect.ops.norm import LayerNormalization, LayerScale
from archinspect.ops.source import Fill, Parameter
from archinspect.ops.tensor import ReduceMax

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.graph.graph import Tensor
    from archinspect.importers.ultralytics.net import Net

WORD = 512
"""Numbers that stand for a word."""


def _attention(net: Net, x: Tensor, heads: int, name: str, ratio: float = 0.5) -> Tensor:
    """Add attention between all places, with keys smaller than values, and a convolution of the values beside it."""
    height, width, c = net.shape(x)
    size = c // heads
    key = int(size * ratio)
    with net.scope(name, "Attention"):
        joined = net.conv(x, c + 2 * key * heads, act=False, name="qkv")
        apart = net.reshape(joined, height * width, heads, 2 * key + size)
        q, k, v = (net.reshape(part, height * width, -1) for part in net.parts(apart, key, key, size))
        y = net.add(made(ScaledDotProductAttention, num_heads=heads), q, k, v, name="attention")
        y = net.reshape(y, height, width, c)
        y = net.sum(y, net.conv(net.reshape(v, height, width, c), c, 3, g=c, act=False, name="pe"))
        return net.conv(y, c, act=False, name="proj")


def _feed_forward(net: Net, x: Tensor, wide: int, name: str) -> Tensor:
    c = net.width(x)
    with net.scope(name, "Sequential"):
        return net.conv(net.conv(x, wide, name="0"), c, act=False, name="1")


def psa_block(net: Net, x: Tensor, heads: int, name: str) -> Tensor:
    """Add attention and a feed-forward network, each with what it reads added."""
    with net.scope(name, "PSABlock"):
        x = net.sum(x, _attention(net, x, heads, "attn"))
        return net.sum(x, _feed_forward(net, x, 2 * net.width(x), "ffn"))


def psa(net: Net, x: Tensor, c2: int, e: float = 0.5) -> Tensor:
    """Add attention to one half of the channels."""
    c = int(net.width(x) * e)
    first, second = net.halves(net.conv(x, 2 * c, name="cv1"))
    second = net.sum(second, _attention(net, second, max(c // 64, 1), "attn"))
    second = net.sum(second, _feed_forward(net, second, 2 * c, "ffn"))
    return net.conv(net.cat([first, second]), c2, name="cv2")


def c2psa(net: Net, x: Tensor, c2: int, n: int = 1, e: float = 0.5) -> Tensor:
    """Add blocks of attention on one half of the channels."""
    c = int(net.width(x) * e)
    first, second = net.halves(net.conv(x, 2 * c, name="cv1"))
    second = csp.chain(net, second, n, lambda net, x, name: psa_block(net, x, max(c // 64, 1), name))
    return net.conv(net.cat([first, second]), c2, name="cv2")


def c2f_psa(net: Net, x: Tensor, c2: int, n: int = 1, e: float = 0.5) -> Tensor:
    """Add blocks of attention as a C2f does bottlenecks."""
    c = int(c2 * e)
    return csp.parting(net, x, c2, n, e, lambda net, x, name: psa_block(net, x, max(c // 64, 1), name))


def c3k2(
    net: Net,
    x: Tensor,
    c2: int,
    n: int = 1,
    c3k: bool = False,
    e: float = 0.5,
    attn: bool = False,
    g: int = 1,
    shortcut: bool = True,
) -> Tensor:
    """Add bottlenecks, blocks of them, or with attention, as :func:`c2f` does."""
    c = int(c2 * e)

    def with_attention(net: Net, x: Tensor, name: str) -> Tensor:
        with net.scope(name, "Sequential"):
            return psa_block(net, csp.bottleneck(net, x, c, shortcut, g, name="0"), max(c // 64, 1), "1")

    def blocks(net: Net, x: Tensor, name: str) -> Tensor:
        return csp.c3k_block(net, x, c, 2, shortcut, g, name)

    inner = with_attention if attn else blocks if c3k else csp.plain(c, shortcut, g, e=0.5)
    return csp.parting(net, x, c2, n, e, inner)


def _area_attention(net: Net, x: Tensor, heads: int, area: int, name: str) -> Tensor:
    height, width, c = net.shape(x)
    places, size = height * width, c // heads
    with net.scope(name, "AAttn"):
        joined = net.conv(x, 3 * size * heads, act=False, name="qkv")
        apart = net.reshape(joined, area, places // area, heads, 3 * size)
        q, k, v = (net.reshape(part, area, places // area, -1) for part in net.parts(apart, size, size, size))
        y = net.add(made(ScaledDotProductAttention, num_heads=heads), q, k, v, name="attention")
        y, v = (net.reshape(one, height, width, size * heads) for one in (y, v))
        y = net.sum(y, net.conv(v, c, 7, 1, 3, g=c, act=False, name="pe"))
        return net.conv(y, c, act=False, name="proj")


def _area_block(net: Net, x: Tensor, area: int, ratio: float, name: str) -> Tensor:
    c = net.width(x)
    with net.scope(name, "ABlock"):
        x = net.sum(x, _area_attention(net, x, c // 32, area, "attn"))
        return net.sum(x, _feed_forward(net, x, int(c * ratio), "mlp"))


def a2c2f(
    net: Net,
    x: Tensor,
    c2: int,
    n: int = 1,
    a2: bool = True,
    area: int = 1,
    residual: bool = False,
    mlp_ratio: float = 2.0,
    e: float = 0.5,
    g: int = 1,
    shortcut: bool = True,
) -> Tensor:
    """Add blocks of attention within areas of the image, all outputs of which are joined."""
    c = int(c2 * e)
    outputs = [net.conv(x, c, name="cv1")]
    for i in range(n):
        if a2:
            with net.scope(f"m.{i}", "Sequential"):
                y = _area_block(net, outputs[-1], area, mlp_ratio, "0")
                outputs.append(_area_block(net, y, area, mlp_ratio, "1"))
        else:
            outputs.append(csp.c3k_block(net, outputs[-1], c, 2, shortcut, g, f"m.{i}"))
    y = net.conv(net.cat(outputs), c2, name="cv2")
    return net.sum(x, net.add(LayerScale(), y, name="gamma")) if a2 and residual else y


def aifi(net: Net, x: Tensor, cm: int = 2048, heads: int = 8) -> Tensor:
    """Add a layer of a transformer over all places; where they are is added to queries and keys."""
    height, width, c = net.shape(x)
    x = net.steps(x)
    placed = net.sum(x, _places(net, height * width, c))
    y = net.add(MultiHeadAttention(num_heads=heads, embed_dim=c), placed, placed, x, name="ma")
    x = net.add(LayerNormalization(), net.sum(x, y), name="norm1")
    y = net.linear(net.add(GELU(), net.linear(x, cm, "fc1")), c, "fc2")
    x = net.add(LayerNormalization(), net.sum(x, y), name="norm2")
    return net.reshape(x, height, width, c)


def _places(net: Net, count: int, c: int) -> Tensor:
    """Add what places are called by: waves of both of their numbers, which are made of products."""
    with net.scope("pos_embed", "build_2d_sincos_position_embedding"):
        waves = []
        for _ in "wh":
            product = net.add(MatMul(), net.add(Fill(shape=[count, 1])), net.add(Fill(shape=[1, c // 4])))
            waves += [net.add(Sin(), product), net.add(Cos(), product)]
        return net.cat(waves)


def c3tr(net: Net, x: Tensor, c2: int, n: int = 1, shortcut: bool = True, g: int = 1, e: float = 0.5) -> Tensor:
    """Add a C3 with layers of a transformer in the place of bottlenecks."""
    del shortcut, g
    c = int(c2 * e)

    def inner(net: Net, x: Tensor, name: str) -> Tensor:
        height, width, _ = net.shape(x)
        with net.scope(name, "TransformerBlock"):
            x = net.steps(x)
            x = net.sum(x, net.linear(x, c, "linear"))
            for i in range(n):
                with net.scope(f"tr.{i}", "TransformerLayer"):
                    q, k, v = (net.linear(x, c, name, bias=False) for name in "qkv")
                    x = net.sum(net.add(MultiHeadAttention(num_heads=4, embed_dim=c), q, k, v, name="ma"), x)
                    y = net.linear(net.linear(x, c, "fc1", bias=False), c, "fc2", bias=False)
                    x = net.sum(x, y)
            return net.reshape(x, height, width, c)

    return csp.beside(net, x, c2, 1, e, inner)


# With words


def words(net: Net) -> Tensor:
    """Return the words that pictures are compared with, an input of the network."""
    if net.text is None:
        raise ValueError("there are no words")
    return net.text


def c2f_attn(
    net: Net,
    x: Tensor,
    c2: int,
    n: int = 1,
    ec: int = 128,
    nh: int = 1,
    gc: int = WORD,
    shortcut: bool = False,
    g: int = 1,
    e: float = 0.5,
) -> Tensor:
    """Add a C2f whose last block attends to words."""
    del gc
    c = int(c2 * e)
    outputs = list(net.halves(net.conv(x, 2 * c, name="cv1")))
    for i in range(n):
        outputs.append(csp.bottleneck(net, outputs[-1], c, shortcut, g, e=1.0, name=f"m.{i}"))
    outputs.append(_word_attention(net, outputs[-1], c, ec, nh))
    return net.conv(net.cat(outputs), c2, name="cv2")


def _word_attention(net: Net, x: Tensor, c2: int, ec: int, heads: int) -> Tensor:
    """Weigh the channels of each head by the word that fits a place best."""
    height, width, c1 = net.shape(x)
    with net.scope("attn", "MaxSigmoidAttnBlock"):
        guide = net.linear(words(net), ec, "gl")
        (count, _) = net.shape(guide)
        seen = net.conv(x, ec, act=False, name="ec") if c1 != ec else x
        seen = _by_head(net, net.steps(seen), heads)
        guide = _by_head(net, net.reshape(guide, count, ec), heads)
        weight = net.add(ReduceMax(axis=[-1]), net.add(MatMul(transpose_b=True), seen, guide))
        weight = net.add(Rescaling(scale=(ec // heads) ** -0.5), weight)
        weight = net.sum(weight, net.add(Parameter(shape=[heads, 1]), name="bias"))
        weight = net.add(Sigmoid(), weight)
        x = net.conv(x, c2, 3, act=False, name="proj_conv")
        apart = net.reshape(x, heads, height * width, c2 // heads)
        weighed = net.add(Multiply(), apart, net.reshape(weight, heads, height * width, 1))
        return net.reshape(weighed, height, width, c2)


def _by_head(net: Net, x: Tensor, heads: int) -> Tensor:
    """Give each head's features apart, the heads first."""
    from archinspect.ops.reshape import Permute

    count, c = net.shape(x)
    return net.add(Permute(dims=[2, 1, 3]), net.reshape(x, count, heads, c // heads))


def image_pooling_attn(
    net: Net, xs: Sequence[Tensor], ec: int = 256, ct: int = WORD, nh: int = 8, k: int = 3
) -> list[Tensor]:
    """Let words attend to the largest values of images; what they become is read in their place from here on."""
    text = words(net)
    pooled = [
        net.steps(net.add(AdaptiveMaxPooling2D(output_size=k), net.bare(x, ec, name=f"projections.{i}")))
        for i, x in enumerate(xs)
    ]
    from archinspect.ops.merge import Concatenate

    seen = net.add(Concatenate(axis=1), *pooled)
    read = {"query": text, "key": seen, "value": seen}
    q, k_, v = (
        net.linear(net.add(LayerNormalization(), x, name=f"{name}.0"), ec, f"{name}.1") for name, x in read.items()
    )
    attended = net.add(made(ScaledDotProductAttention, num_heads=nh), q, k_, v, name="attention")
    net.text = net.sum(net.linear(attended, ct, "proj"), text)
    assert prod(net.shape(net.text)) > 0
    return list(xs)
