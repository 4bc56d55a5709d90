"""Small configurations of Hugging Face's transformers, for tests."""

from __future__ import annotations

import json

import archinspect

SIZES = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4, "vocab_size": 50, "intermediate_size": 48}
SAM: dict = {
    "vision_config": {
        **SIZES,
        "output_channels": 16,
        "image_size": 32,
        "patch_size": 4,
        "window_size": 5,
        "num_pos_feats": 8,
        "num_hidden_layers": 2,
        "global_attn_indexes": [1],
    },
    "prompt_encoder_config": {"hidden_size": 16, "image_size": 32, "patch_size": 4, "mask_input_channels": 4},
    "mask_decoder_config": {"hidden_size": 16, "num_attention_heads": 4, "mlp_dim": 20, "iou_head_hidden_dim": 12},
}
DETR: dict = {"backbone": "resnet18", "encoder_layers": 1, "decoder_layers": 2, "num_queries": 5}
RT_DETR: dict = {
    "backbone_config": {"hidden_sizes": [16, 32], "depths": [1, 1], "embedding_size": 8, "out_indices": [1, 2]},
    "encoder_in_channels": [16, 32],
    "decoder_in_channels": [32, 32],
    "num_feature_levels": 2,
    "decoder_n_levels": 2,
    "encode_proj_layers": [1],
    **dict.fromkeys(("d_model", "encoder_hidden_dim", "encoder_ffn_dim", "decoder_ffn_dim"), 32),
    "num_queries": 5,
    "decoder_layers": 2,
}
GEMMA: dict = {
    **SIZES,
    "num_hidden_layers": 3,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "hidden_size_per_layer_input": 4,
}
GEMMA |= {"layer_types": ["sliding_attention", "full_attention", "full_attention"], "num_kv_shared_layers": 1}
GEMMA |= {"vocab_size_per_layer_input": 20, "sliding_window": 5}
OWN_PART = 2 * 32 * 4 + 32
"""The weights of what a layer of Gemma makes of its own vectors."""
VECTORS = 20 * 12 + 32 * 12 + 4


def totals(tmp_path, given, **params):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(given))
    return archinspect.inspect(path, params=params).totals
