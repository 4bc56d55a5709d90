"""Compares the reader with the modules of transformers, on random variants of small configurations.

    python tests/importers/corpus_hf_variants.py [--like] [--seed N] [--count N] [TYPE...]

Each variant of a type has other sizes, flipped flags and keys left out. The class of transformers is built and run on
small random weights; its parameters and its products (of matrices and convolutions) are compared with the reader's.
With `--like`, types that are not read are tried as each of those that are, to see which is built the same way.
It needs torch and transformers, is run by hand, and ends with 1 where a figure differs.
"""

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path

import torch
import transformers
from torch.utils.flop_counter import FlopCounterMode
from transformers.models.auto import modeling_auto

import archinspect
from archinspect.base.diagnostics import InvalidSpecError
from archinspect.importers.hf import composites, convnets, models, seq2seq, vit

SIZES = {
    "hidden_size": (64, 32, 96),
    "num_hidden_layers": (2, 3, 4),
    "num_attention_heads": (4, 2),
    "num_key_value_heads": (2, 1),
    "intermediate_size": (96, 48),
    "moe_intermediate_size": (32, 48),
    "vocab_size": (128, 200),
    "max_position_embeddings": (64, 128),
    "num_experts_per_tok": (2,),
    "head_dim": (16, 8),
    "q_lora_rank": (24,),
    "kv_lora_rank": (16,),
    "image_size": (64,),
    "d_model": (64,),
    "d_kv": (16,),
    "d_ff": (96,),
    "encoder_layers": (2, 1),
    "decoder_layers": (2, 1),
    "encoder_ffn_dim": (96,),
    "decoder_ffn_dim": (96, 48),
    "encoder_attention_heads": (4,),
    "decoder_attention_heads": (4, 2),
}
"""Sizes by their names in transformers, the plain one first."""
_LATENT = {
    "num_key_value_heads": (4,),
    "num_attention_heads": (4,),
    "q_lora_rank": (None, 12),
    "qk_nope_head_dim": (8, 16),
    "qk_rope_head_dim": (8,),
    "head_dim": (8,),
    "v_head_dim": (8, 16),
    "num_experts_per_tok": (2, 4),
    "n_group": (1, 2),
    "topk_group": (1,),
    "n_shared_experts": (1, 2),
    "first_k_dense_replace": (0, 1, 2),
}
_ROTARY = {"n_embd": (64,), "n_head": (2, 4), "rotary_dim": (8, 16), "n_inner": (None, 96)}
_HEADS = {"head_dim": (8, 16), "num_attention_heads": (4,), "num_key_value_heads": (1, 2, 4)}
FITTING = {
    "codegen": _ROTARY,
    "deepseek_v2": {**_LATENT, "n_routed_experts": (8,)},
    "deepseek_v3": _LATENT,
    "dots1": {"n_routed_experts": (8,), "n_shared_experts": (1, 2), "num_experts_per_tok": (2,), "n_group": (1, 2)},
    "esm": {"vocab_size": (33,), "mask_token_id": (32,), "position_embedding_type": ("absolute", "rotary")},
    "gemma3n_text": {
        "num_hidden_layers": (6,),
        "layer_types": (["sliding_attention", "full_attention"] * 3,),
        "num_kv_shared_layers": (0, 2),
        "intermediate_size": ([48] * 6, [48, 96] * 3),
        "activation_sparsity_pattern": ([0.0] * 6, [0.5, 0.0] * 3),
        "hidden_size_per_layer_input": (8, 16),
        "vocab_size_per_layer_input": (128, 64),
        "laurel_rank": (4, 8),
        "altup_num_inputs": (2, 4),
    },
    "glm4_moe_lite": _LATENT,
    "gpt_neo": {"num_layers": (4,), "attention_types": ([[["global", "local"], 2]],), "window_size": (4, 32)},
    "gptj": _ROTARY,
    "hunyuan_v1_dense": _HEADS,
    "lfm2_moe": {
        "num_hidden_layers": (4,),
        "layer_types": (["conv", "full_attention"] * 2,),
        "num_dense_layers": (0, 2),
    },
    "mamba2": {"hidden_size": (32,), "head_dim": (8,), "num_heads": (8,), "state_size": (8, 16), "n_groups": (1, 2)},
    "ministral": _HEADS,
    "swin": {"embed_dim": (16, 24), "depths": ([1, 2], [2, 1]), "num_heads": ([2, 2],), "window_size": (4,)},
}
"""Sizes of types whose class has none, or others that do not fit to those above."""
EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts")
CLASSES = (
    modeling_auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES,
    modeling_auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES,
    modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    modeling_auto.MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES,
    modeling_auto.MODEL_FOR_CTC_MAPPING_NAMES,
    modeling_auto.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
    modeling_auto.MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING_NAMES,
    modeling_auto.MODEL_FOR_QUESTION_ANSWERING_MAPPING_NAMES,
    modeling_auto.MODEL_MAPPING_NAMES,
)
STEPS = 16
SAMPLES = 16000
SECONDS = 60
HALF = 0.5


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--like", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=5)
    parser.add_argument("--among", nargs="+", default=sorted(read_types()))
    parser.add_argument("types", nargs="*")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(1)
    signal.signal(signal.SIGALRM, late)
    kinds = asked.types or sorted(set(transformers.CONFIG_MAPPING) - read_types() if asked.like else read_types())
    return similar(kinds, asked.among) if asked.like else compared(kinds, asked.count, asked.seed)


def read_types():
    """Return the model types that the reader knows."""
    tables = (models.DECODERS, models.ENCODERS, composites.COMPOSITES, convnets.CONVNETS, vit.VITS, models.OTHERS)
    return {kind for one in (*tables, seq2seq.T5S, seq2seq.BARTS) for kind in one}


def compared(kinds, count, seed):
    """Compare variants of types that are read; return the exit status."""
    found = Counter()
    for kind in kinds:
        if kind not in transformers.CONFIG_MAPPING:
            continue
        for number in range(count):
            rng = random.Random(f"{kind} {seed} {number}")
            changes = changed(kind, rng, flips=number)
            answer = compare(kind, changes, rng, number)
            found[answer.partition(":")[0]] += 1
            if not answer.startswith("equal"):
                print(f"{kind} {json.dumps(changes)}\n    {answer}", flush=True)
    print(dict(found))
    return int(found["wrong"] > 0)


def similar(kinds, among):
    """Print which of the types that are read a type equals, of those tried."""
    for kind in kinds:
        truths = [truth(kind, changed(kind, random.Random(number), flips=number)) for number in (0, 1, 2)]
        usable = [one for one in truths if not isinstance(one, str)]
        if not usable:
            print(f"{kind}: fails: {truths[0]}", flush=True)
            continue
        same = {
            other: sum(ours(one, other)[:2] == one[:2] for one in usable)
            for other in among
            if ours(usable[0], other)[:2] == usable[0][:2]
        }
        print(f"{kind} [{usable[0][3]}] of {len(usable)}: {same}", flush=True)
    return 0


def changed(kind, rng, *, flips):
    """Return what a variant changes of its class: the plain sizes, or others with flags flipped."""
    plain = transformers.CONFIG_MAPPING[kind]()
    pick = rng.choice if flips else lambda values: values[0]
    own = plain.to_dict()
    names = {plain.attribute_map.get(name, name): values for name, values in SIZES.items()}
    given = {name: pick(values) for name, values in names.items() if type(own.get(name)) is int}
    given |= {name: 8 for name in EXPERTS if type(own.get(name)) is int}
    given |= {name: pick(values) for name, values in FITTING.get(kind, {}).items()}
    given |= {f"{name}_token_id": number for number, name in enumerate(("pad", "bos", "eos"))}
    flags = [name for name, value in own.items() if type(value) is bool and name not in IDLE]
    flipped = rng.sample(flags, min(rng.randint(0, 2), len(flags))) if flips else []
    return given | {name: not own[name] for name in flipped}


IDLE = {"return_dict", "output_hidden_states", "output_attentions", "use_cache", "is_decoder", "is_encoder_decoder"}
IDLE |= {"is_decoder", "add_cross_attention", "torchscript", "chunk_size_feed_forward", "output_router_logits"}


def compare(kind, changes, drop, which):
    """Return `equal`, or `wrong`, `refused` or `fails` with what there is to say."""
    made = truth(kind, changes, which)
    if isinstance(made, str):
        return f"fails: {made}"
    found = ours(made, kind, changes if drop.random() < HALF else None)
    if isinstance(found[0], str):
        return f"refused: {found[0]}"
    same = found[:2] == made[:2]
    return "equal" if same else f"wrong: params {found[0]} not {made[0]}, MACs {found[1]} not {made[1]} ({made[3]})"


def truth(kind, changes, which=0):
    """Return parameters, products, the configuration and the class of transformers' own; or why there are none."""
    signal.alarm(SECONDS)
    try:
        config = transformers.CONFIG_MAPPING[kind](**changes)
        known = list(dict.fromkeys(names[kind] for names in CLASSES if kind in names))
        name = known[which % len(known)]
        name = name if isinstance(name, str) else name[0]
        config._attn_implementation = "eager"
        config._experts_implementation = "batched_mm"
        model = getattr(transformers, name)(config).eval()
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            model(**given_to(model, config))
        params = sum(one.numel() for one in model.parameters())
        told = {**config.to_dict(), "_input": model.main_input_name}
        return params, counter.get_total_flops() // 2, told, name
    except Exception as error:  # noqa: BLE001 - whatever its modules raise for a variant
        return f"{type(error).__name__}: {str(error).splitlines()[:1]}"[:150]
    finally:
        signal.alarm(0)


def given_to(model, config):
    """Return small inputs for a model."""
    if model.main_input_name == "pixel_values":
        size = getattr(config, "image_size", 64)
        height, width = size if isinstance(size, (list, tuple)) else (size, size)
        return {"pixel_values": torch.zeros(1, getattr(config, "num_channels", 3), height, width)}
    if model.main_input_name == "input_values":
        return {"input_values": torch.zeros(1, SAMPLES)}
    ids = torch.full((1, STEPS), 5)
    return {"input_ids": ids, **({"decoder_input_ids": ids} if config.is_encoder_decoder else {})}


def ours(made, kind, alone=None):
    """Return the reader's parameters and products for a configuration, or why there are none."""
    given = {**(made[2] if alone is None else alone), "model_type": kind, "architectures": [made[3]]}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.json"
        path.write_text(json.dumps(given, default=str), encoding="utf-8")
        try:
            network = archinspect.network(f"hf:{path}")
            if made[2]["_input"] == "pixel_values" and "seq" not in network.graph.params:
                side = made[2].get("image_size") or 64
                network = network.with_settings(
                    inputs={"": (*(side if isinstance(side, (list, tuple)) else (side, side)), 3)}
                )
            if "seq" in network.graph.params:
                network = network.with_settings(params={"seq": STEPS})
            totals = network.report().totals
        except InvalidSpecError as error:
            return str(error).splitlines()[0].partition("error")[2], 0
        except RecursionError:
            return "too deep", 0
    return totals.params, totals.macs


def late(signum, frame):
    """Raise what says that a file takes too long; a handler of signals."""
    del signum, frame
    message = "too slow"
    raise TimeoutError(message)


if __name__ == "__main__":
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
    sys.exit(main())
