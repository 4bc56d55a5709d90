"""The decoder of RT-DETR (Zhao et al. 2023, arXiv:2304.08069): queries that attend to sampled places."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from archinspect.importers.ultralytics.net import NORM, made
from archinspect.ops.activation import ReLU, Sigmoid, Softmax
from archinspect.ops.deformable import DeformableAttention
from archinspect.ops.elementwise import Log
from archinspect.ops.identity import Rescaling
from archinspect.ops.layout import Unsqueeze
from archinspect.ops.lookup import TakeAlongAxis
from archinspect.ops.merge import Concatenate, Multiply
from archinspect.ops.multihead import MultiHeadAttention
from archinspect.ops.norm import LayerNormalization
from archinspect.ops.several import TopK
from archinspect.ops.source import Fill
from archinspect.ops.tensor import Custom, ReduceMax, Slice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.graph.graph import Tensor
    from archinspect.importers.ultralytics.net import Net

NORMALIZED = LayerNormalization()


class _Sizes:
    """The decoder's sizes."""

    def __init__(self, heads: int, points: int, maps: Sequence[tuple[int, ...]], feed: int) -> None:
        self.heads, self.points, self.maps, self.feed = heads, points, maps, feed


def decoder(
    net: Net,
    xs: Sequence[Tensor],
    nc: int = 80,
    hd: int = 256,
    nq: int = 300,
    ndp: int = 4,
    nh: int = 8,
    ndl: int = 6,
    d_ffn: int = 1024,
) -> list[Tensor]:
    """Add the decoder: the likeliest places become queries, each layer of which makes their boxes better."""
    sizes = _Sizes(nh, ndp, [net.shape(x)[:2] for x in xs], d_ffn)
    projected = []
    for i, x in enumerate(xs):
        with net.scope(f"input_proj.{i}", "Sequential"):
            projected.append(net.steps(net.add(NORM, net.bare(x, hd, bias=False, name="0"), name="1")))
    seen = net.add(Concatenate(axis=1), *projected)
    net.idle("denoising_class_embed", nc * hd)
    queries, boxes = _queries(net, seen, nc, nq)
    first = ""
    for i in range(ndl):
        with net.scope("query_pos_head" if i == 0 else f"query_pos_head_{i}", "MLP") as path:
            place = _products(net, boxes, 2 * hd, hd, 2)
        first = first or path
        if path != first:
            net.share(path, first)
        with net.scope(f"decoder.layers.{i}", "DeformableTransformerDecoderLayer"):
            queries = _layer(net, queries, place, (boxes, seen), sizes)
        moved = _mlp(net, queries, hd, 4, 3, f"dec_bbox_head.{i}")
        boxes = net.add(Sigmoid(), net.sum(moved, _unsigmoid(net, boxes)))
        if i < ndl - 1:
            net.idle(f"dec_score_head.{i}", (hd + 1) * nc)
    scores = net.linear(queries, nc, f"dec_score_head.{ndl - 1}")
    return [net.cat([boxes, net.add(Sigmoid(), scores)])]


def _queries(net: Net, seen: Tensor, nc: int, nq: int) -> tuple[Tensor, Tensor]:
    """Return the likeliest places and their boxes."""
    count, hd = net.shape(seen)
    with net.scope("enc_output", "Sequential"):
        told = net.add(NORMALIZED, net.linear(seen, hd, "0"), name="1")
    scores = net.linear(told, nc, "enc_score_head")
    nq = min(nq, count)
    _, at = net.add_all(TopK(k=nq), net.add(ReduceMax(axis=[-1]), scores))
    at = net.add(Unsqueeze(axis=-1), at)
    queries = net.add(TakeAlongAxis(axis=1), told, at)
    found = _mlp(net, queries, hd, 4, 3, "enc_bbox_head")
    return queries, net.add(Sigmoid(), net.sum(found, net.add(Fill(shape=[nq, 4]), name="top_k_anchors")))


def _mlp(net: Net, x: Tensor, hidden: int, out: int, layers: int, name: str) -> Tensor:
    with net.scope(name, "MLP"):
        return _products(net, x, hidden, out, layers)


def _products(net: Net, x: Tensor, hidden: int, out: int, layers: int) -> Tensor:
    for i in range(layers):
        x = net.linear(x, hidden if i < layers - 1 else out, f"layers.{i}")
        x = net.add(ReLU(), x) if i < layers - 1 else x
    return x


def _unsigmoid(net: Net, x: Tensor) -> Tensor:
    """Add the logarithm of what is against what is not: a clip, a difference, a quotient, a logarithm."""
    return net.add(Log(), net.add(Custom(params=0, flops=5 * prod(net.shape(x))), x))


def _layer(net: Net, x: Tensor, place: Tensor, memory: tuple[Tensor, Tensor], sizes: _Sizes) -> Tensor:
    """Add a layer: queries attend to each other, then to the image; `place` tells where they look."""
    hd = net.width(x)
    placed = net.sum(x, place)
    attended = net.add(
        made(MultiHeadAttention, num_heads=sizes.heads, embed_dim=hd), placed, placed, x, name="self_attn"
    )
    x = net.add(NORMALIZED, net.sum(x, attended), name="norm1")
    x = net.add(NORMALIZED, net.sum(x, _sampled(net, net.sum(x, place), memory, sizes)), name="norm2")
    y = net.linear(net.add(ReLU(), net.linear(x, sizes.feed, "linear1")), hd, "linear2")
    return net.add(NORMALIZED, net.sum(x, y), name="norm3")


def _sampled(net: Net, queries: Tensor, memory: tuple[Tensor, Tensor], sizes: _Sizes) -> Tensor:
    """Let queries attend to some places around their boxes in each image (Zhu et al. 2020, arXiv:2010.04159)."""
    boxes, seen = memory
    (count, hd), heads, points, levels = net.shape(queries), sizes.heads, sizes.points, len(sizes.maps)
    samples = heads * levels * points
    with net.scope("cross_attn", "MSDeformAttn"):
        values = net.linear(seen, hd, "value_proj")
        offsets = net.linear(queries, 2 * samples, "sampling_offsets")
        offsets = net.reshape(offsets, count, heads, levels, points, 2)
        weights = net.linear(queries, samples, "attention_weights")
        weights = net.add(Softmax(), net.reshape(weights, count, heads, levels * points))
        weights = net.reshape(weights, count, heads, levels, points)
        box = net.reshape(boxes, count, 1, 1, 1, 4)
        center, size = (net.add(Slice(axis=-1, start=start, stop=start + 2), box) for start in (0, 2))
        moves = net.add(Multiply(), net.add(Rescaling(scale=1 / points), offsets), size)
        places = net.sum(center, net.add(Rescaling(scale=0.5), moves))
        heights, widths = zip(*sizes.maps, strict=True)
        op = made(DeformableAttention, heights=[*heights], widths=[*widths])
        return net.linear(net.add(op, values, places, weights, name="sampled"), hd, "output_proj")
