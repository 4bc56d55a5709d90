"""Types of decoders from before Llama: layer normalization, biases, feed-forward networks without a gate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.importers.hf.decoder import Decoder, Names

if TYPE_CHECKING:
    from archinspect.importers.hf.config import Config

_PRE = ("input_layernorm", "post_attention_layernorm")

_GPT2_NAMES = Names(
    root="transformer",
    table="wte",
    positions="wpe",
    layers="h",
    norm="ln_f",
    attention="attn",
    norms=("ln_1", "ln_2"),
    o="c_proj",
    up="c_fc",
    down="c_proj",
)
_GPT2 = Decoder(
    _GPT2_NAMES,
    norm="layer",
    query_bias=True,
    out_bias=True,
    mlp_bias=True,
    gated=False,
    fused="c_attn",
    kv_heads="",
    head_dim="",
    inner="n_inner",
    activation="activation_function",
    rotary="",
    positions="n_positions",
)
_GPTJ = _GPT2._replace(
    names=_GPT2_NAMES._replace(norms=("ln_1",), o="out_proj", up="fc_in", down="fc_out"),
    order="parallel",
    fused="",
    query_bias=False,
    out_bias=False,
    head_bias=True,
    rotary="rotary_dim",
    positions="",
)
_FAIRSEQ_NAMES = Names(
    mlp="", norms=("self_attn_layer_norm", "final_layer_norm"), norm="layer_norm", o="out_proj", up="fc1", down="fc2"
)
_FAIRSEQ = Decoder(
    _FAIRSEQ_NAMES,
    norm="layer",
    query_bias=True,
    out_bias=True,
    mlp_bias=True,
    gated=False,
    kv_heads="",
    head_dim="",
    inner="ffn_dim",
    activation="activation_function",
    rotary="",
)
_NEOX_NAMES = Names(
    root="gpt_neox",
    table="embed_in",
    norm="final_layer_norm",
    head="embed_out",
    attention="attention",
    o="dense",
    up="dense_h_to_4h",
    down="dense_4h_to_h",
)


def _opt(c: Config) -> dict[str, Any]:
    before = c.flag("do_layer_norm_before")
    affine = c.flag("layer_norm_elementwise_affine")
    return {
        "order": "pre" if before else "after",
        "last_norm": before and not c.flag("_remove_final_layer_norm"),
        "norm": "layer" if affine else "plain",
    }


def _falcon(c: Config) -> dict[str, Any]:
    new, parallel = c.flag("new_decoder_architecture"), c.flag("parallel_attn")
    several = c.maybe("num_ln_in_parallel_attn")
    if several is None:
        several = 2 if new else 1
    if new and not parallel:
        raise c.refuse("new_decoder_architecture without parallel_attn is not read: such a model does not run")
    names = _PRE if not parallel else ("ln_attn", "ln_mlp") if several == 2 else ("input_layernorm",)  # noqa: PLR2004
    if several == 2 and parallel and not new:  # noqa: PLR2004 - as in the class
        raise c.refuse("two norms in a layer of the old architecture are not read: such a model does not run")
    one = not new and c.flag("multi_query")
    adjusted: dict[str, object] = {
        "order": "parallel" if parallel else "pre",
        "names": _FALCON.names._replace(norms=names),
        "rotary": "" if c.flag("alibi") else "all",
        "copies_kv": new,
    }
    return adjusted | {"kv_heads": 1 if one else "num_kv_heads" if new else ""}


_FALCON = Decoder(
    Names(
        root="transformer",
        table="word_embeddings",
        layers="h",
        norm="ln_f",
        attention="self_attention",
        o="dense",
        up="dense_h_to_4h",
        down="dense_4h_to_h",
    ),
    norm="layer",
    query_bias="bias",
    out_bias="bias",
    mlp_bias="bias",
    gated=False,
    fused="query_key_value",
    head_dim="",
    inner="ffn_hidden_size",
    activation="activation",
    adjust=_falcon,
)


def _neox(c: Config) -> dict[str, Any]:
    return {"order": "parallel" if c.flag("use_parallel_residual") else "pre"}


def _bigcode(c: Config) -> dict[str, Any]:
    is_one = c.flag("multi_query")
    return {"kv_heads": 1 if is_one else "", "crosses": not is_one}


GPTS: dict[str, Decoder] = {
    "biogpt": _FAIRSEQ._replace(
        names=_FAIRSEQ_NAMES._replace(root="biogpt", head="output_projection"),
        inner="intermediate_size",
        activation="hidden_act",
        positions="max_position_embeddings",
        position_offset=2,
    ),
    "bloom": Decoder(
        Names(
            root="transformer",
            table="word_embeddings",
            layers="h",
            norm="ln_f",
            attention="self_attention",
            o="dense",
            up="dense_h_to_4h",
            down="dense_4h_to_h",
        ),
        norm="layer",
        query_bias=True,
        out_bias=True,
        mlp_bias=True,
        gated=False,
        fused="query_key_value",
        kv_heads="",
        head_dim="",
        inner="",
        activation="=gelu",
        rotary="",
        table_norm="word_embeddings_layernorm",
    ),
    "codegen": _GPTJ._replace(names=_GPTJ.names._replace(o="out_proj"), fused="qkv_proj"),
    "falcon": _FALCON,
    "gpt2": _GPT2._replace(crosses=True),
    "gpt_bigcode": _GPT2._replace(adjust=_bigcode),
    "gpt_neo": _GPT2._replace(
        names=_GPT2_NAMES._replace(attention="attn.attention", o="out_proj"),
        fused="",
        query_bias=False,
        inner="intermediate_size",
        positions="max_position_embeddings",
        windows="types",
    ),
    "gpt_neox": Decoder(
        _NEOX_NAMES,
        norm="layer",
        query_bias="attention_bias",
        out_bias="attention_bias",
        mlp_bias=True,
        gated=False,
        fused="query_key_value",
        kv_heads="",
        head_dim="",
        rotary="rotary_pct",
        adjust=_neox,
    ),
    "gptj": _GPTJ,
    "mpt": Decoder(
        Names(
            root="transformer",
            table="wte",
            layers="blocks",
            norm="norm_f",
            attention="attn",
            mlp="ffn",
            norms=("norm_1", "norm_2"),
            o="out_proj",
        ),
        norm="scale",
        gated=False,
        fused="Wqkv",
        kv_heads="",
        head_dim="",
        inner="",
        activation="=gelu",
        rotary="",
    ),
    "openai-gpt": _GPT2._replace(
        names=_GPT2_NAMES._replace(table="tokens_embed", positions="positions_embed"),
        order="after",
        last_norm=False,
        caches=False,
        inner="",
        activation="afn",
    ),
    "opt": _FAIRSEQ._replace(
        names=_FAIRSEQ_NAMES._replace(root="model.decoder", norm="final_layer_norm"),
        query_bias="enable_bias",
        out_bias="enable_bias",
        mlp_bias="enable_bias",
        positions="max_position_embeddings",
        position_offset=2,
        adjust=_opt,
    ),
    "persimmon": Decoder(
        Names(
            norm="final_layernorm",
            o="dense",
            up="dense_h_to_4h",
            down="dense_4h_to_h",
            q_norm="q_layernorm",
            k_norm="k_layernorm",
        ),
        norm="layer",
        query_bias=True,
        out_bias=True,
        mlp_bias=True,
        gated=False,
        fused="query_key_value",
        kv_heads="",
        head_dim="",
        qk_norms="head",
        qk_norm_flag="qk_layernorm",
        rotary="partial_rotary_factor",
    ),
    "phi": Decoder(
        Names(
            norm="final_layernorm",
            norms=_PRE[:1],
            o="dense",
            up="fc1",
            down="fc2",
            q_norm="q_layernorm",
            k_norm="k_layernorm",
        ),
        norm="layer",
        order="parallel",
        query_bias=True,
        out_bias=True,
        mlp_bias=True,
        head_bias=True,
        gated=False,
        qk_norms="head",
        qk_norm_flag="qk_layernorm",
        rotary="partial_rotary_factor",
    ),
    "xglm": _FAIRSEQ._replace(names=_FAIRSEQ_NAMES, crosses=True),
}
"""Those of them that are a stack of decoder layers."""
