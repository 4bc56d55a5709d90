"""Gemma 3n's text: streams of features, of which a layer computes one (AltUp), and Gemma 4's tables and sharing.

Baykal et al. 2023, arXiv:2301.13310.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archinspect.importers.hf import windows
from archinspect.importers.hf.gemma4 import Layer, attention, kinds_of, of_layers, own_part, with_head
from archinspect.importers.hf.parts import Mlp, add, dense, mlp, norm, reshape, table, within
from archinspect.ops.activation import Tanh
from archinspect.ops.layout import Stack
from archinspect.ops.matmul import MatMul
from archinspect.ops.merge import Average, Concatenate, Multiply, Subtract
from archinspect.ops.source import Parameter
from archinspect.ops.tensor import Select, Slice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Node, Tensor
    from archinspect.importers.hf.config import Config
    from archinspect.importers.hf.gemma4 import Memory
    from archinspect.importers.hf.wanted import Wanted


class Streams(NamedTuple):
    """How many streams there are, which of them layers compute, and the features of each."""

    streams: int
    active: int
    width: int


def add_model(c: Config, architecture: str, wanted: Wanted) -> tuple[Tensor, ...]:
    """Add the text model with its head."""
    return with_head(c, architecture, wanted, _text)


def _text(net: GraphBuilder, c: Config, ids: Tensor) -> tuple[Tensor, Tensor]:
    width, own = c.whole("hidden_size"), c.whole("hidden_size_per_layer_input")
    s = Streams(c.whole("altup_num_inputs", 2), c.whole("altup_active_idx", 0), width)
    if s.active >= s.streams:
        raise c.wrong("altup_active_idx", f"one of the {s.streams} streams")
    kinds, first = kinds_of(c, 5)
    words = table(net, ids, c.whole("vocab_size"), width, "embed_tokens")
    vectors = of_layers(net, c, ids, words, own, len(kinds))
    made = [_alike(net, dense(net, words, width, f"altup_projections.{i}", bias=False)) for i in range(s.streams - 1)]
    x = net.add(Stack(axis=-1), words, *made)
    memory: Memory = {}
    for number, kind in enumerate(kinds):
        with within(net, f"layers.{number}", "layer"):
            span = None if kind == windows.FULL else c.whole("sliding_window")
            head = c.whole("head_dim")
            layer = Layer(kind, span, head, c.whole("num_key_value_heads"), number >= first, head)
            if c.whole("num_attention_heads") % layer.kv_heads:
                raise c.wrong("num_key_value_heads", f"a divisor of the {c.whole('num_attention_heads')} heads")
            x = _layer(net, c, s, layer, number, x, net.add(Select(axis=2, index=number), vectors), memory)
    ends = [net.add(Select(axis=3, index=0), x)]
    for i in range(1, s.streams):
        stream = net.add(Select(axis=3, index=i), x)
        ends.append(_alike(net, dense(net, stream, width, f"altup_unembed_projections.{i - 1}", bias=False)))
    return words, norm(net, net.add(Average(), *ends), "rms", "norm")


def _alike(net: GraphBuilder, x: Tensor) -> Tensor:
    """Give a stream the magnitude of the first one."""
    return norm(net, x, "rms_plain", "")


def _layer(  # noqa: PLR0913, PLR0917 - what a layer needs
    net: GraphBuilder,
    c: Config,
    s: Streams,
    layer: Layer,
    number: int,
    x: Tensor,
    vectors: Tensor,
    memory: Memory,
) -> Tensor:
    """Add a layer: of streams (batch, steps, width, count) it computes one, and corrects all by it."""
    asked, router = _asked(net, s, net.add(Select(axis=3, index=s.active), x))
    mixes = dense(net, asked, s.streams**2, "altup.prediction_coefs", bias=False)
    x = add(net, net.add(MatMul(), x, reshape(net, mixes, -1, s.streams, s.streams)), x)
    active = net.add(Select(axis=3, index=s.active), x)
    inside = norm(net, active, "rms", "input_layernorm")
    with within(net, "laurel"):
        low = dense(net, inside, c.whole("laurel_rank"), "linear_left", bias=False)
        low = norm(net, dense(net, low, s.width, "linear_right", bias=False), "rms", "post_laurel_norm")
        low = add(net, inside, low)
    with within(net, "self_attn", "attention"):
        seen = attention(net, c, layer, inside, memory)
    y = add(net, active, norm(net, seen, "rms", "post_attention_layernorm"), low)
    inside = norm(net, y, "rms", "pre_feedforward_layernorm")
    with within(net, "mlp"):
        inside = mlp(net, inside, Mlp(_units(c, number), c.text("hidden_activation")), s.width, c)
    y = add(net, y, norm(net, inside, "rms", "post_feedforward_layernorm"))
    x = _corrected(net, s, x, active, y, router)
    first = net.add(Select(axis=3, index=s.active), x)
    scale = net.add(Parameter(shape=[s.width]), name="altup.correct_output_scale")
    first = net.add(Multiply(), first, scale) if c.flag("altup_correct_scale") else first
    first = own_part(net, c, first, vectors, c.whole("hidden_size_per_layer_input"))
    others = add(net, net.add(Slice(axis=3, start=1), x), reshape(net, first, -1, s.width, 1))
    return net.add(Concatenate(axis=3), net.add(Slice(axis=3, stop=1), x), others)


def _units(c: Config, number: int) -> int:
    if not isinstance(c.find("intermediate_size"), list):
        return c.whole("intermediate_size")
    return c.ints("intermediate_size", c.count("num_hidden_layers"), 1)[number]


def _asked(net: GraphBuilder, s: Streams, x: Tensor, first: Sequence[Node] = ()) -> tuple[Tensor, list[Node]]:
    """Add what says how streams mix, with the weights of what was added first; return its layers, too."""
    again = "_again" if first else ""
    x = norm(net, x, "rms", f"altup.router_norm{again}")
    layers = [x.producer]
    x = dense(net, x, s.streams, f"altup.modality_router{again}", bias=False)
    layers.append(x.producer)
    for node, other in zip(layers, first, strict=False):
        net.tie(node, other)
    return net.add(Tanh(), x), layers


def _corrected(net: GraphBuilder, s: Streams, x: Tensor, active: Tensor, y: Tensor, router: Sequence[Node]) -> Tensor:
    """Correct all streams by how far the computed one is from what was predicted."""
    asked, _ = _asked(net, s, y, router)
    mixes = dense(net, asked, s.streams, "altup.correction_coefs", bias=False)
    far = reshape(net, net.add(Subtract(), y, active), -1, s.width, 1)
    return add(net, x, net.add(Multiply(), far, reshape(net, mixes, -1, 1, s.streams)))
