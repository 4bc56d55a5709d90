"""Conditional DETR: the decoder keeps content and places of objects apart (Meng 2021, arXiv:2108.06152)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.importers.hf.detr import detr, fed, heads_of
from archinspect.importers.hf.parts import add, biased, core, dense, norm, within
from archinspect.ops.activation import ReLU
from archinspect.ops.merge import Concatenate, Multiply
from archinspect.ops.source import Parameter
from archinspect.ops.tensor import Custom

if TYPE_CHECKING:
    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Tensor
    from archinspect.importers.hf.config import Config
    from archinspect.importers.hf.wanted import Wanted


def add_model(c: Config, architecture: str, wanted: Wanted) -> tuple[Tensor, ...]:
    """Add Conditional DETR with its head."""
    return detr(c, architecture, wanted, _decoder, c.labels())


def _decoder(net: GraphBuilder, c: Config, objects: Tensor, encoded: Tensor, places: Tensor) -> Tensor:
    """Add the layers of the decoder, which begin with zeros for each object."""
    width = c.whole("d_model")
    x = net.add(Custom(params=0, macs=0), objects, name="zeros")
    centers = _mlp(net, objects, "ref_point_head", width, 2)
    waves = net.add(Custom(params=0, macs=0, output_shape=[c.whole("num_queries"), width]), centers, name="waves")
    scale = ""
    for number in range(c.count("decoder_layers")):
        where = waves
        if number:
            name = f"query_scale.again.{number}" if scale else "query_scale"
            with within(net, name, "query_scale") as path:
                scaled = _mlp(net, x, "", width, width)
            if scale:
                net.share(path, scale)
            scale = scale or path
            where = net.add(Multiply(), waves, scaled)
        with within(net, f"layers.{number}", "layer"):
            x = _among_objects(net, c, x, objects)
            x = _to_the_map(net, c, x, where, encoded, places, objects=None if number else objects)
            x = fed(net, c, "decoder", x)
    if not scale:  # a single layer does without what the class has
        for part in range(2):
            net.add(Parameter(shape=[width, width]), name=f"query_scale.layers.{part}.weight")
            net.add(Parameter(shape=[width]), name=f"query_scale.layers.{part}.bias")
    return norm(net, x, "layer", "layernorm")


def _mlp(net: GraphBuilder, x: Tensor, name: str, width: int, units: int) -> Tensor:
    """Add a network of two layers."""
    with within(net, name):
        return dense(net, net.add(ReLU(), dense(net, x, width, "layers.0")), units, "layers.1")


def _among_objects(net: GraphBuilder, c: Config, x: Tensor, objects: Tensor) -> Tensor:
    """Add attention of objects to each other; what stands for their places has projections of its own."""
    width = c.whole("d_model")
    with within(net, "self_attn", "attention"):
        query, key = (
            add(net, dense(net, x, width, f"{one}_content_proj"), dense(net, objects, width, f"{one}_pos_proj"))
            for one in "qk"
        )
        value = dense(net, x, width, "v_proj")
        attended = net.add(core(biased(width, heads_of(c, "decoder"))), query, key, value, name="attention")
        attended = dense(net, attended, width, "o_proj")
    return norm(net, add(net, x, attended), "layer", "self_attn_layer_norm")


def _to_the_map(  # noqa: PLR0913 - objects, the map, and where both are
    net: GraphBuilder,
    c: Config,
    x: Tensor,
    where: Tensor,
    encoded: Tensor,
    places: Tensor,
    *,
    objects: Tensor | None,
) -> Tensor:
    """Add attention to the map; queries and keys have places beside their content, so that they are twice as wide.

    In the first layer, which has `objects`, places are added to the content, too.
    """
    width = c.whole("d_model")
    with within(net, "encoder_attn", "attention"):
        query, key = dense(net, x, width, "q_content_proj"), dense(net, encoded, width, "k_content_proj")
        value, key_places = dense(net, encoded, width, "v_proj"), dense(net, places, width, "k_pos_proj")
        if objects is not None:
            query, key = add(net, query, dense(net, objects, width, "q_pos_proj")), add(net, key, key_places)
        query = net.add(Concatenate(axis=-1), query, dense(net, where, width, "q_pos_sine_proj"))
        key = net.add(Concatenate(axis=-1), key, key_places)
        attended = net.add(core(biased(width, heads_of(c, "decoder"))), query, key, value, name="attention")
        attended = dense(net, attended, width, "o_proj")
    return norm(net, add(net, x, attended), "layer", "encoder_attn_layer_norm")
