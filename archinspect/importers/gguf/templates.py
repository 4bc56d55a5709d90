"""Architectures of GGUF files that are built as transformers builds a configuration, made of metadata and shapes.

Layers have the names of transformers. What is built has the weights of the file, or the file is not read so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from archinspect.base.diagnostics import Problems
from archinspect.base.printable import printable
from archinspect.base.shape import size
from archinspect.base.source import SourceError
from archinspect.graph.infer import infer
from archinspect.importers.hf import gemma3n, gemma4, seq2seq
from archinspect.importers.hf.config import Config
from archinspect.importers.hf.parts import dense
from archinspect.importers.hf.wanted import Wanted
from archinspect.importers.hf.windows import FULL, kind_of
from archinspect.ops.source import Parameter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from archinspect.base.settings import Settings
    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Graph, Tensor
    from archinspect.graph.stored import StoredTensor
    from archinspect.importers.gguf.values import Values

    Tensors = Mapping[str, StoredTensor]

UNTRAINED = "rope_freqs.weight"
STEPS_OF_T5 = 512


class Template(NamedTuple):
    """How an architecture is built."""

    kind: str
    """The type of model whose defaults it has."""
    configuration: Callable[[Values, Tensors], dict[str, Any]]
    add: Callable[[Config, Wanted, Tensors], tuple[Tensor, ...]]


def graph_of(net: GraphBuilder, v: Values, tensors: Tensors, settings: Settings, problems: Problems) -> Graph | None:
    """Return the graph of a file; None where its architecture is none of these, or has other weights."""
    template = TEMPLATES.get(v.architecture)
    if template is None or "token_embd.weight" not in tensors:
        return None
    last = v.whole("block_count", 0) - 1
    if not any(name.startswith((f"blk.{last}.", f"enc.blk.{last}.")) for name in tensors):
        return None  # more layers are counted than there are: none is built
    wanted = Wanted(net, settings, problems)
    try:
        given = {key: value for key, value in template.configuration(v, tensors).items() if value is not None}
        outputs = template.add(Config(v.file, given, template.kind), wanted, tensors)
    except SourceError:  # what it says is not what the template takes
        return None
    net.params = wanted.params
    for name in _idle(v, tensors):
        net.add(Parameter(shape=list(tensors[name].shape)), name=printable(name))
    graph = net.build(*outputs)
    stored = sum([size(one.shape) for one in tensors.values() if one.name != UNTRAINED])
    return graph if _weights(graph) == stored else None


def _weights(graph: Graph) -> int:
    """Return the elements of all weights that are not shared."""
    calls = zip(graph.everything, infer(graph, Problems(), remember=False), strict=True)
    return sum([size(one.shape) for node, call in calls if call and not node.shares for one in call.weights.values()])


def _idle(v: Values, tensors: Tensors) -> list[str]:
    """Return the tensors of projections to keys and values in layers that read those of others."""
    shared = v.whole("attention.shared_kv_layers", 0)
    layers = range(v.count("block_count") - shared, v.count("block_count")) if shared else ()
    names = [f"blk.{layer}.attn_{one}.weight" for layer in layers for one in ("k", "v", "k_norm")]
    return [name for name in names if name in tensors]


def _axis(tensors: Tensors, name: str, axis: int) -> int | None:
    """Return the length of an axis of a tensor; None where there is no such."""
    tensor = tensors.get(f"{name}.weight")
    return tensor.shape[axis] if tensor is not None and axis < len(tensor.shape) else None


# T5: Raffel et al. 2019, arXiv:1910.10683


def _of_t5(v: Values, tensors: Tensors) -> dict[str, Any]:
    layers = v.count("block_count")
    return {
        "d_model": v.whole("embedding_length"),
        "d_kv": v.whole("attention.key_length"),
        "d_ff": v.whole("feed_forward_length"),
        "num_heads": v.whole("attention.head_count"),
        "num_layers": layers,
        "num_decoder_layers": v.whole("decoder_block_count", layers),
        "relative_attention_num_buckets": v.whole("attention.relative_buckets_count"),
        "vocab_size": _axis(tensors, "token_embd", 1),
        "feed_forward_proj": "gated-gelu" if "enc.blk.0.ffn_gate.weight" in tensors else "relu",
    }


def _add_t5(c: Config, wanted: Wanted, tensors: Tensors) -> tuple[Tensor, ...]:
    decodes = "dec.output_norm.weight" in tensors
    ids = wanted.words(STEPS_OF_T5, *(("input_ids", "decoder_input_ids") if decodes else ("input_ids",)))
    kind = seq2seq.T5(own_biases="enc.blk.1.attn_rel_b.weight" in tensors)
    built = seq2seq.t5(wanted.net, c, kind, ids[0], ids[1] if decodes else None)
    for name in [name for name in tensors if name.endswith("cross_attn_rel_b.weight")]:  # old, and not read
        wanted.net.add(Parameter(shape=list(tensors[name].shape)), name=printable(name))
    if not decodes:
        return (built.steps,)
    logits = dense(wanted.net, built.steps, c.whole("vocab_size"), "lm_head", bias=False)
    if "output.weight" not in tensors:
        wanted.net.tie(logits.producer, built.words.producer)
    return (logits,)


# Gemma


def _of_gemma(v: Values, tensors: Tensors) -> dict[str, Any]:
    layers = v.count("block_count")
    pattern = v.find("attention.sliding_window_pattern")
    slides = pattern if isinstance(pattern, list) and len(pattern) == layers else None
    return {
        "hidden_size": v.whole("embedding_length"),
        "num_hidden_layers": layers,
        "num_attention_heads": v.whole("attention.head_count"),
        "num_key_value_heads": v.whole("attention.head_count_kv", 0, layer=0),
        "head_dim": v.whole("attention.key_length"),
        "sliding_window": v.whole("attention.sliding_window", 0) or None,
        "layer_types": slides and [kind_of(one) for one in slides],
        "num_kv_shared_layers": v.whole("attention.shared_kv_layers", 0),
        "max_position_embeddings": v.whole("context_length", 0) or None,
        "vocab_size": _axis(tensors, "token_embd", 1),
        "vocab_size_per_layer_input": _axis(tensors, "per_layer_token_embd", 1),
        "hidden_size_per_layer_input": v.whole("embedding_length_per_layer_input", 0),
        "tie_word_embeddings": "output.weight" not in tensors,
    }


def _of_gemma3n(v: Values, tensors: Tensors) -> dict[str, Any]:
    return _of_gemma(v, tensors) | {
        "intermediate_size": v.find("feed_forward_length"),
        "altup_active_idx": v.whole("altup.active_idx", 0),
        "altup_num_inputs": v.whole("altup.num_inputs"),
        "laurel_rank": _axis(tensors, "blk.0.laurel_l", 1),
    }


def _of_gemma4(v: Values, tensors: Tensors) -> dict[str, Any]:
    found = _of_gemma(v, tensors)
    kinds, units = found["layer_types"] or [FULL] * found["num_hidden_layers"], v.find("feed_forward_length")
    of_all = v.whole("attention.key_length")
    near = v.whole("attention.key_length_swa", of_all)
    full = [f"blk.{number}" for number, kind in enumerate(kinds) if kind == FULL]
    experts = v.whole("expert_count", 0)
    return found | {
        "per_layer_config": {
            str(number): {
                "head_dim": of_all if kind == FULL else near,
                "num_key_value_heads": v.whole("attention.head_count_kv", layer=number),
            }
            for number, kind in enumerate(kinds)
        },
        "attention_k_eq_v": any(f"{path}.attn_v.weight" not in tensors for path in full),
        "intermediate_size": units[0] if isinstance(units, list) and units else units,
        "use_double_wide_mlp": isinstance(units, list) and len(set(units)) > 1,
        "enable_moe_block": experts > 0,
        "num_experts": experts or None,
        "top_k_experts": v.whole("expert_used_count", 0) or None,
        "moe_intermediate_size": v.whole("expert_feed_forward_length", 0) or None,
    }


def _add_gemma3n(c: Config, wanted: Wanted, _: Tensors) -> tuple[Tensor, ...]:
    return gemma3n.add_model(c, "Gemma3nForCausalLM", wanted)


def _add_gemma4(c: Config, wanted: Wanted, _: Tensors) -> tuple[Tensor, ...]:
    return gemma4.add_model(c, "Gemma4ForCausalLM", wanted)


TEMPLATES: dict[str, Template] = {
    "gemma3n": Template("gemma3n_text", _of_gemma3n, _add_gemma3n),
    "gemma4": Template("gemma4_text", _of_gemma4, _add_gemma4),
    "t5": Template("t5", _of_t5, _add_t5),
    "t5encoder": Template("t5", _of_t5, _add_t5),
}
"""Every architecture that is built so."""
