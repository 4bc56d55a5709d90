"""Learned keys and values that stand before those of the steps: prompts of MVP (Tang et al. 2023, arXiv:2206.12131)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.importers.hf.parts import activate, dense, within
from archinspect.ops.several import Split
from archinspect.ops.source import Parameter

if TYPE_CHECKING:
    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Tensor
    from archinspect.importers.hf.config import Config


def prompts(net: GraphBuilder, c: Config, layers: int) -> dict[str, tuple[Tensor, ...]]:
    """Add what the layers of a decoder read before their keys and values; return it by the names of attentions.

    Each is of shape (1, prompt_length, d_model); a layer has two of each kind.
    """
    found = {}
    length, width, count = c.whole("prompt_length"), c.whole("d_model"), 2 * layers
    for name, kind in (("self_attn", "self_attn_prompt"), ("encoder_attn", "cross_attn_prompt")):
        with within(net, kind):
            x = net.add(Parameter(shape=[length, width]), name="prompt_embedding")
            x = dense(net, x, c.whole("prompt_mid_dim"), "prompt_trans.0")
            x = dense(net, activate(net, x, c, "gelu"), count * width, "prompt_trans.2")
            found[name] = net.add_all(Split(parts=count, axis=-1), x)
    return found
