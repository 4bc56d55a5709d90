"""Measure networks as the libraries build them that people take them from: transformers, timm, torchvision, diffusers.

Run by hand, in an environment with torch and the library; it writes what it measures into `libraries.json`:

    python tests/truth/measure_libraries.py [NAME ...]

Attention is computed step by step (`eager`), nothing is cached, and buffers are those that a state_dict holds.
"""

# ruff: noqa: T201 - a script that prints

import json
import sys
from pathlib import Path

import torch
import transformers
from storages import Alive, constants, kept_for_backward
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

# Whether one row holds several sequences is asked of its numbers, which the meta device has not. None does.
transformers.masking_utils.find_packed_sequence_indices = lambda _: None

RESULTS = Path(__file__).parent / "libraries.json"
BATCHES = (1, 3)


def tokens(*shape):
    return lambda batch: torch.zeros(batch, *shape, dtype=torch.int64)


def numbers(*shape):
    return lambda batch: torch.zeros(batch, *shape)


def transformer(kind, config, output, **inputs):
    """One of transformers' models, made of these arguments, and the outputs by name that are looked at."""

    def build():
        arguments = {**config, "attn_implementation": "eager"}
        settings = getattr(transformers, config_class(kind))(**arguments)
        model = getattr(transformers, kind)(settings)

        def run(**values):
            cache = {} if not hasattr(settings, "use_cache") else {"use_cache": False}
            found = model(**values, **cache)
            return [found[name] for name in output.split()]

        return model, run

    def config_class(kind):
        return getattr(transformers, kind).config_class.__name__

    return f"transformers' {kind}", build, inputs


def decoder(kind, config):
    return transformer(kind, config, "logits", input_ids=tokens(1024))


NETWORKS = {
    "qwen3_8b": decoder(
        "Qwen3ForCausalLM",
        {
            **{"hidden_size": 4096, "intermediate_size": 12288, "num_hidden_layers": 36, "num_attention_heads": 32},
            **{"num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151936, "tie_word_embeddings": False},
        },
    ),
    "gemma3_270m": decoder(
        "Gemma3ForCausalLM",
        {
            **{"hidden_size": 640, "intermediate_size": 2048, "num_hidden_layers": 18, "num_attention_heads": 4},
            **{"num_key_value_heads": 1, "head_dim": 256, "vocab_size": 262144, "sliding_window": 512},
        },
    ),
    "mistral_7b": decoder("MistralForCausalLM", {"num_key_value_heads": 8, "intermediate_size": 14336}),
    "llama3_2_1b": decoder(
        "LlamaForCausalLM",
        {
            **{"hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16, "num_attention_heads": 32},
            **{"num_key_value_heads": 8, "vocab_size": 128256, "tie_word_embeddings": True},
        },
    ),
    "phi3_mini": decoder("Phi3ForCausalLM", {}),
}


def measure(text, build, inputs):
    with torch.device("meta"):
        model, run = build()
        model.eval()
        values = {batch: {name: make(batch) for name, make in inputs.items()} for batch in BATCHES}
    weights = constants(model)
    return {
        "model": text,
        "params": sum(tensor.numel() for tensor in model.parameters()),
        "buffers": sum(tensor.numel() for name, tensor in model.state_dict().items() if name in dict(model.named_buffers())),
        "batches": {batch: at_batch(model, run, weights, values[batch]) for batch in BATCHES},
    }


def at_batch(model, run, weights, values):
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        outputs = [list(tensor.shape) for tensor in tree_leaves(run(**values))]
    alive = Alive(weights)
    with torch.no_grad(), alive:
        copies = {name: tensor.clone() for name, tensor in values.items()}
        run(**copies)
    del copies
    model.train()
    kept = kept_for_backward(weights, lambda: run(**values))
    model.eval()
    return {"outputs": outputs, "macs": counter.get_total_flops() // 2, "peak": alive.peak, "kept": kept}


def main():
    known = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {"models": {}}
    known["measured_with"] = {"torch": torch.__version__.split("+")[0], "transformers": transformers.__version__}
    for name in sys.argv[1:] or NETWORKS:
        known["models"][name] = measure(*NETWORKS[name])
        print(name, known["models"][name])
        known["models"] = dict(sorted(known["models"].items()))
        RESULTS.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
