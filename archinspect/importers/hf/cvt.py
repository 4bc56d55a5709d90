"""CvT: queries, keys and values are convolved before they are projected (Wu et al. 2021, arXiv:2103.15808)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archinspect.importers.hf.parts import Attention, Mlp, add, core, dense, mlp, norm, reshape, within
from archinspect.importers.hf.wanted import ending
from archinspect.ops.conv import Conv2D
from archinspect.ops.embed import ClassToken
from archinspect.ops.merge import Concatenate
from archinspect.ops.norm import BatchNormalization
from archinspect.ops.tensor import ReduceMean, Select, Slice

if TYPE_CHECKING:
    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Tensor
    from archinspect.importers.hf.config import Config
    from archinspect.importers.hf.wanted import Wanted

SIZES = ("embed_dim", "depth", "num_heads", "patch_sizes", "patch_stride", "patch_padding", "kernel_qkv")
MORE_SIZES = ("padding_q", "padding_kv", "stride_q", "stride_kv")
Side = tuple[int, int]


class Stage(NamedTuple):
    """The sizes of a stage."""

    width: int
    depth: int
    heads: int
    patch: int
    stride: int
    padding: int
    kernel: int
    padding_q: int
    padding_kv: int
    stride_q: int
    stride_kv: int
    ratio: float
    bias: bool
    has_token: bool


def add_model(c: Config, architecture: str, wanted: Wanted) -> tuple[Tensor, ...]:
    """Add CvT with its head."""
    end = ending(c, architecture, ("ForImageClassification", "Model")) if architecture else "Model"
    net, stages = wanted.net, _stages(c)
    x = wanted.picture(c, is_open=True)
    height, width = x.producer.op.output()[1:3]
    side = height, width
    with within(net, "cvt" if end != "Model" else ""):
        for number, stage in enumerate(stages):
            with within(net, f"encoder.stages.{number}", "stage"):
                x, side = _stage(net, c, x, side, stage)
            if number < len(stages) - 1:
                x = net.add(Slice(start=1), x) if stage.has_token else x
                x = reshape(net, x, *side, stage.width)
    if end == "Model":
        return (x,)
    has_token = stages[-1].has_token
    x = norm(net, net.add(Select(index=0), x) if has_token else x, "layer", "layernorm")
    x = x if has_token else net.add(ReduceMean(axis=[1]), x)
    return (dense(net, x, c.labels(), "classifier"),)


def _stages(c: Config) -> list[Stage]:
    depths, ratios = c.counts("depth"), c.items("mlp_ratio")
    count = len(depths)
    sizes = [c.ints(name, least=0 if "padding" in name or name == "depth" else 1) for name in (*SIZES, *MORE_SIZES)]
    flags = [c.items(name) for name in ("qkv_bias", "cls_token")]
    methods = c.items("qkv_projection_method")
    if not count or any(len(one) < count for one in (*sizes, *flags, methods, ratios)):
        raise c.wrong("depth", "as long as the other lists of sizes")
    if any(method != "dw_bn" for method in methods[:count]):
        raise c.refuse("projections other than 'dw_bn' are not read")
    if any(type(one) not in (int, float) for one in ratios[:count]):
        raise c.wrong("mlp_ratio", "a list of numbers")
    stages = [
        Stage._make([*(one[i] for one in sizes), float(ratios[i]), *(bool(one[i]) for one in flags)])
        for i in range(count)
    ]
    for stage in stages:
        if stage.width % stage.heads:
            raise c.wrong("num_heads", "divisors of embed_dim")
        if stage.has_token and stage.width != stages[-1].width:
            raise c.wrong("cls_token", "true in stages as wide as the last one alone")
    return stages


def _after(side: Side, kernel: int, stride: int, padding: int) -> Side:
    height, width = ((one + 2 * padding - kernel) // stride + 1 for one in side)
    return height, width


def _stage(net: GraphBuilder, c: Config, x: Tensor, side: Side, s: Stage) -> tuple[Tensor, Side]:
    with within(net, "embedding.convolution_embeddings"):
        op = Conv2D(filters=s.width, kernel_size=s.patch, strides=s.stride, padding=s.padding)
        x = reshape(net, net.add(op, x, name="projection"), -1, s.width)
        x = norm(net, x, "layer", "normalization")
    side = _after(side, s.patch, s.stride, s.padding)
    x = net.add(ClassToken(n=1), x, name="cls_token") if s.has_token else x
    if s.depth and _after(side, s.kernel, s.stride_q, s.padding_q) != side:
        raise c.wrong("stride_q", "such that there are as many queries as steps")
    m = Mlp(int(s.width * s.ratio), "gelu", gated=False, bias=True, up="intermediate.dense", down="output.dense")
    for number in range(s.depth):
        with within(net, f"layers.{number}", "layer"):
            inside = norm(net, x, "layer", "layernorm_before")
            with within(net, "attention"):
                x = add(net, x, _attention(net, inside, side, s))
            x = add(net, x, mlp(net, norm(net, x, "layer", "layernorm_after"), m, s.width, c))
    return x, side


def _attention(net: GraphBuilder, x: Tensor, side: Side, s: Stage) -> Tensor:
    token = net.add(Slice(stop=1), x) if s.has_token else None
    steps = net.add(Slice(start=1), x) if s.has_token else x
    image = reshape(net, steps, *side, s.width)
    found = []
    for name in ("query", "key", "value"):
        stride, padding = (s.stride_q, s.padding_q) if name == "query" else (s.stride_kv, s.padding_kv)
        op = Conv2D(
            filters=s.width, kernel_size=s.kernel, strides=stride, padding=padding, groups=s.width, use_bias=False
        )
        with within(net, f"attention.convolution_projection_{name}.convolution_projection"):
            one = net.add(BatchNormalization(), net.add(op, image, name="convolution"), name="normalization")
        one = reshape(net, one, -1, s.width)
        one = one if token is None else net.add(Concatenate(axis=1), token, one)
        found.append(dense(net, one, s.width, f"attention.projection_{name}", bias=s.bias))
    a = Attention(s.heads, s.heads, s.width // s.heads, s.width, causal=False)
    return dense(net, net.add(core(a), *found, name="attend"), s.width, "output.dense")
