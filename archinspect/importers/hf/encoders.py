"""Types of models that encode text, each as its differences from BERT."""

from __future__ import annotations

from archinspect.importers.hf import text_mixers
from archinspect.importers.hf.encoder import Encoder, EncoderNames

_NAMES = EncoderNames()
_ROBERTA = Encoder(_NAMES._replace(root="roberta"), head="roberta", classifier="first", decodes=True)

ENCODERS: dict[str, Encoder] = {
    "albert": Encoder(
        _NAMES._replace(
            root="albert",
            projection="encoder.embedding_hidden_mapping_in",
            layers="encoder.albert_layer_groups",
            q="query",
            k="key",
            v="value",
            o="dense",
            norm_1="attention.LayerNorm",
            up="ffn",
            down="ffn_output",
            norm_2="full_layer_layer_norm",
            pooler="pooler",
        ),
        table_width="embedding_size",
        projects=True,
        groups=True,
        head="albert",
    ),
    "bert": Encoder(decodes=True),
    "big_bird": Encoder(
        _NAMES._replace(pooler="pooler"), bias="use_bias", pools="always", classifier="first", decodes=True
    ),
    "camembert": _ROBERTA,
    "convbert": Encoder(
        _NAMES._replace(root="convbert"),
        table_width="embedding_size",
        pools="",
        mixer=text_mixers.spans,
        mlp_groups="num_groups",
        head="electra",
        classifier="first",
    ),
    "data2vec-text": _ROBERTA._replace(names=_NAMES._replace(root="data2vec_text")),
    "distilbert": Encoder(
        EncoderNames(
            root="distilbert",
            layers="transformer.layer",
            q="q_lin",
            k="k_lin",
            v="v_lin",
            o="out_lin",
            norm_1="sa_layer_norm",
            up="ffn.lin1",
            down="ffn.lin2",
            norm_2="output_layer_norm",
        ),
        types="",
        inner="hidden_dim",
        activation="activation",
        pools="",
        head="distilbert",
        classifier="distilbert",
    ),
    "electra": Encoder(
        _NAMES._replace(root="electra"),
        table_width="embedding_size",
        pools="",
        head="electra",
        classifier="first",
        decodes=True,
    ),
    "ernie": Encoder(_NAMES._replace(root="ernie"), tasks="use_task_id", decodes=True),
    "fnet": Encoder(_NAMES._replace(root="fnet", norm_1="fourier.output.LayerNorm"), mixes=True, pools="always"),
    "layoutlm": Encoder(
        _NAMES._replace(root="layoutlm"),
        extra_tables=tuple([(f"{one}_position_embeddings", "max_2d_position_embeddings") for one in "xyhw"]),
        pools="always",
    ),
    "megatron-bert": Encoder(
        _NAMES._replace(norm_1="attention.ln", norm_2="ln", norm="encoder.ln"),
        table_norm=False,
        pre_norm=True,
        decodes=True,
    ),
    "mpnet": Encoder(
        _NAMES._replace(root="mpnet", q="attn.q", k="attn.k", v="attn.v", o="attn.o", norm_1="attention.LayerNorm"),
        types="",
        biases="relative_attention_num_buckets",
        head="roberta",
        classifier="first",
    ),
    "nomic_bert": Encoder(
        EncoderNames(
            root="nomic_bert",
            layers="layers",
            attention="self_attn",
            q="q_proj",
            k="k_proj",
            v="v_proj",
            o="o_proj",
            norm_1="post_attention_layernorm",
            up="mlp.up_proj",
            down="mlp.down_proj",
            norm_2="post_mlp_layernorm",
        ),
        positions="",
        bias=False,
        mlp_bias=False,
        gated=True,
        rotary=True,
        pools="",
        head="nomic",
    ),
    "nystromformer": Encoder(
        _NAMES._replace(root="nystromformer"),
        more_positions=2,
        pools="",
        mixer=text_mixers.nystrom,
        classifier="first",
    ),
    "rembert": Encoder(
        _NAMES._replace(root="rembert", projection="encoder.embedding_hidden_mapping_in"),
        table_width="input_embedding_size",
        projects=True,
        head="rembert",
        decodes=True,
    ),
    "roberta": _ROBERTA,
    "roberta-prelayernorm": _ROBERTA._replace(
        names=_NAMES._replace(
            root="roberta_prelayernorm",
            norm_1="attention.LayerNorm",
            norm_2="intermediate.LayerNorm",
            norm="LayerNorm",
        ),
        pre_norm=True,
    ),
    "squeezebert": Encoder(
        _NAMES._replace(
            root="transformer",
            layers="encoder.layers",
            q="query",
            k="key",
            v="value",
            norm_1="post_attention.layernorm",
            up="intermediate.conv1d",
            down="output.conv1d",
            norm_2="output.layernorm",
        ),
        table_width="embedding_size",
        grouped=True,
        pools="always",
    ),
    "xlm-roberta": _ROBERTA,
    "xlm-roberta-xl": Encoder(
        _NAMES._replace(
            root="roberta",
            norm="encoder.LayerNorm",
            norm_1="attention.self_attn_layer_norm",
            norm_2="LayerNorm",
        ),
        table_norm=False,
        pre_norm=True,
        head="roberta",
        classifier="first",
        decodes=True,
    ),
}
"""Every type that this template reads."""
