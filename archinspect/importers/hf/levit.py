"""LeViT: convolutions, then attention on maps that shrink between stages (Graham et al. 2021, arXiv:2104.01136)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archinspect.importers.hf.parts import Attention, add, core, dense, reshape, within
from archinspect.importers.hf.wanted import ending
from archinspect.ops.activation import HardSwish
from archinspect.ops.conv import Conv2D
from archinspect.ops.merge import Average
from archinspect.ops.norm import BatchNormalization
from archinspect.ops.several import Split
from archinspect.ops.tensor import ReduceMean, Slice

if TYPE_CHECKING:
    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Tensor
    from archinspect.importers.hf.config import Config
    from archinspect.importers.hf.wanted import Wanted

STAGES = 3
BETWEEN_RATIO, BETWEEN_MLP, STRIDE = 4, 2, 2
"""Between stages: features of values by those of keys, of the feed-forward network by its width, what is left out."""


class Heads(NamedTuple):
    """Sizes of attention."""

    heads: int
    key: int
    ratio: int

    @property
    def values(self) -> int:
        """Features of all values."""
        return self.heads * self.key * self.ratio


def add_model(c: Config, architecture: str, wanted: Wanted) -> tuple[Tensor, ...]:
    """Add LeViT, with one classifier or two."""
    known = ("ForImageClassificationWithTeacher", "ForImageClassification", "Model")
    end = ending(c, architecture, known) if architecture else "Model"
    net = wanted.net
    image = wanted.picture(c)
    with within(net, "levit" if end != "Model" else ""):
        x = _levit(net, c, image)
        one = net.add(ReduceMean(axis=[1]), x)
    if end == "Model":
        return x, one
    names = ("classifier", "classifier_distill") if end == known[0] else ("classifier",)
    found = []
    for name in names:
        with within(net, name, "classifier"):
            normed = net.add(BatchNormalization(), one, name="batch_norm")
            found.append(dense(net, normed, c.labels(), "linear"))
    return (net.add(Average(), *found), *found) if len(found) > 1 else tuple(found)


def _levit(net: GraphBuilder, c: Config, image: Tensor) -> Tensor:
    widths, depths = c.ints("hidden_sizes", STAGES, 8), c.counts("depths", STAGES)
    keys, heads = c.ints("key_dim", STAGES, 1), c.ints("num_attention_heads", STAGES, 1)
    ratios, mlps = c.ints("attention_ratio", STAGES, 1), c.ints("mlp_ratio", STAGES)
    side = c.whole("image_size") // c.whole("patch_size")
    x = _stem(net, c, image, widths[0], side)
    for stage in range(STAGES):
        width, own = widths[stage], Heads(heads[stage], keys[stage], ratios[stage])
        number = 0
        for _ in range(depths[stage]):
            x = add(net, x, _attention(net, own, width, side, x, f"encoder.stages.{stage}.layers.{number}.module"))
            number += 1
            if mlps[stage]:
                x = _mlp(net, width, mlps[stage], x, f"encoder.stages.{stage}.layers.{number}.module")
                number += 1
        if stage < STAGES - 1:
            if width < keys[0]:
                raise c.wrong("key_dim", f"at most {width} first")
            between, after = Heads(width // keys[0], keys[0], BETWEEN_RATIO), widths[stage + 1]
            x, side = _between(net, between, after, side, x, f"encoder.stages.{stage}.layers.{number}")
            x = _mlp(net, after, BETWEEN_MLP, x, f"encoder.stages.{stage}.layers.{number + 1}.module")
    return x


def _stem(net: GraphBuilder, c: Config, image: Tensor, width: int, side: int) -> Tensor:
    """Add four convolutions, which give the map its first side."""
    kernel, stride, padding = c.whole("kernel_size"), c.whole("stride"), c.whole("padding", 0)
    x, rows = image, c.whole("image_size")
    for number, share in enumerate((8, 4, 2, 1), 1):
        op = Conv2D(filters=width // share, kernel_size=kernel, strides=stride, padding=padding, use_bias=False)
        with within(net, f"patch_embeddings.embedding_layer_{number}", "conv"):
            x = net.add(BatchNormalization(), net.add(op, x, name="convolution"), name="batch_norm")
        x = net.add(HardSwish(), x) if share > 1 else x
        rows = (rows + 2 * padding - kernel) // stride + 1
    if rows != side:
        raise c.wrong("patch_size", f"such that {side} patches are the {rows} rows that the convolutions give")
    return reshape(net, x, side * side, width)


def _linear(net: GraphBuilder, x: Tensor, units: int, name: str) -> Tensor:
    with within(net, name, "linear"):
        return net.add(BatchNormalization(), dense(net, x, units, "linear", bias=False), name="batch_norm")


def _mlp(net: GraphBuilder, width: int, ratio: int, x: Tensor, path: str) -> Tensor:
    with within(net, path, "mlp"):
        inside = net.add(HardSwish(), _linear(net, x, width * ratio, "linear_up"))
        return add(net, x, _linear(net, inside, width, "linear_down"))


def _core(h: Heads, distances: int) -> Attention:
    return Attention(h.heads, h.heads, h.key, h.values, causal=False, position_biases=distances)


def _attention(net: GraphBuilder, h: Heads, width: int, side: int, x: Tensor, path: str) -> Tensor:
    """Add attention, with a bias for each distance of rows and columns."""
    with within(net, path, "attention"):
        all_keys = h.heads * h.key
        joined = _linear(net, x, 2 * all_keys + h.values, "queries_keys_values")
        parts = net.add_all(Split(sizes=[all_keys, all_keys, h.values], axis=-1), joined)
        seen = net.add(core(_core(h, side * side)), *parts, name="attention")
        return _linear(net, net.add(HardSwish(), seen), width, "projection")


def _between(net: GraphBuilder, h: Heads, width: int, side: int, x: Tensor, path: str) -> tuple[Tensor, int]:
    """Add attention of every other row and column to all; return its map and side."""
    left, before = (side - 1) // STRIDE + 1, x
    with within(net, path, "attention"):
        all_keys = h.heads * h.key
        joined = _linear(net, x, all_keys + h.values, "keys_values")
        key, value = net.add_all(Split(sizes=[all_keys, h.values], axis=-1), joined)
        rows = reshape(net, before, side, side, -1)
        for axis in (1, 2):
            rows = net.add(Slice(axis=axis, step=STRIDE), rows)
        query = _linear(net, reshape(net, rows, left * left, -1), all_keys, "queries")
        distances = len({abs(STRIDE * a - b) for a in range(left) for b in range(side)})
        seen = net.add(core(_core(h, distances * distances)), query, key, value, name="attention")
        return _linear(net, net.add(HardSwish(), seen), width, "projection"), left
