"""Compares the reader with transformers on other forms of real configurations: older keys, nulls, nested parts, junk.

    python tests/importers/corpus_hf_forms.py FOLDER [NAME...] [--seed N] [--count N]

FOLDER has files `NAME.json`. A form has forms of rotary positions, lists of layers, numbers of classes, windows, heads
and experts that files have, keys by their older names or null, parts left out, a text alone, and keys that no class
reads. What does not run is compared by the parameters of its modules. It needs torch and transformers, is run by hand,
and ends with 1 where a figure differs.
"""

import argparse
import json
import os
import random
import re
import signal
import sys
import tempfile
import traceback
from collections import Counter
from pathlib import Path

import corpus_hf_mutants as base
import torch
import transformers

import archinspect
from archinspect.base.diagnostics import InvalidSpecError

ROTARY = (
    ("rope_scaling", None),
    ("rope_scaling", {"type": "linear", "factor": 2.0}),
    ("rope_scaling", {"rope_type": "dynamic", "factor": 4.0}),
    ("rope_scaling", {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 4096}),
    ("rope_parameters", {"rope_type": "default", "rope_theta": 5000.0}),
    ("rope_parameters", {"rope_type": "default", "rope_theta": 1e4, "partial_rotary_factor": 0.5}),
    ("rope_theta", 500_000),
    ("partial_rotary_factor", 0.25),
)
QUANTIZED = (
    None,
    {"quant_method": "gptq", "bits": 4, "group_size": 128},
    {"quant_method": "fp8", "weight_block_size": [128, 128]},
    {"quant_method": "bitsandbytes", "load_in_4bit": True},
)
JUNK = {
    "auto_map": {"AutoModel": "modeling_x.X"},
    "torch_dtype": "bfloat16",
    "_name_or_path": "org/some model",
    "pretraining_tp": 2,
    "use_cache": False,
    "eos_token_id": [1, 2, 3],
    "pad_token_id": 0,
    "max_window_layers": 2,
    "problem_type": "multi_label_classification",
}
ACTIVATIONS = (
    "gelu",
    "relu",
    "silu",
    "gelu_new",
    "gelu_pytorch_tanh",
    "quick_gelu",
    "tanh",
    "mish",
    "sigmoid",
    "relu6",
)
PARTS = re.compile(r"_config$")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=2)
    parser.add_argument("names", nargs="*")
    asked = parser.parse_args()
    base.prepare()
    found = Counter()
    for path in sorted(asked.folder.glob("*.json")):
        given = json.loads(path.read_text(encoding="utf-8"))
        if (asked.names and path.stem not in asked.names) or given["model_type"] not in transformers.CONFIG_MAPPING:
            continue
        for number in range(asked.count):
            rng = random.Random(f"forms {path.stem} {asked.seed} {number}")
            form, what = varied(given, rng)
            answer = compare(form)
            found[answer.partition(":")[0]] += 1
            if not answer.startswith(("equal", "fails")):
                print(f"{path.stem} {number} {' '.join(what)}\n    {answer}", flush=True)
    print(dict(found))
    return int(found["wrong"] + found["traceback"] > 0)


def varied(given, rng):
    """Return a configuration in another form, and what was done to it."""
    made = json.loads(json.dumps(given))
    for part in parts(made):
        for name in base.STACKS:
            if type(part.get(name)) is int and part[name] > base.LAYERS:
                base.shorten(part, name, rng.randint(1, base.LAYERS))
    what = []
    for _ in range(rng.randint(1, 3)):
        part, how = rng.choice(parts(made)), rng.choice(FORMS)
        kind = part.get("model_type", "")
        full = {**base.class_of(made, part), **part} if kind in transformers.CONFIG_MAPPING else dict(part)
        changes = how(made, full, rng)
        if changes is None:
            continue
        target = made if how in WHOLE else part
        target.update(changes)
        what.append(f"{how.__name__}:{changes}"[:120])
    return made, what


def parts(made):
    """Return a configuration and those inside it."""
    return [
        made,
        *[one for name, one in made.items() if PARTS.search(name) and isinstance(one, dict) and "quant" not in name],
    ]


def one_of(full, rng, pattern, kind):
    """Return a key of a kind whose name is as a pattern says; None where there is none."""
    names = sorted(name for name, value in full.items() if re.search(pattern, name) and type(value) is kind)
    return rng.choice(names) if names else None


def rotary(_, full, rng):
    return dict([rng.choice(ROTARY)]) if any(name.startswith("rope") for name in full) else None


def quantized(_made, _full, rng):
    return {"quantization_config": rng.choice(QUANTIZED)}


def junk(_made, _full, rng):
    name = rng.choice(sorted(JUNK))
    return {name: JUNK[name]}


def layers(_, full, rng):
    kinds = full.get("layer_types")
    if not isinstance(kinds, list) or not kinds:
        return None
    count = full.get("num_hidden_layers") or len(kinds)
    return {"layer_types": rng.choice((None, [rng.choice(sorted(set(kinds))) for _ in range(count)]))}


def classes(made, _, rng):
    count = rng.choice((1, 3, 7))
    names = [known[made["model_type"]] for known in base.CLASSES if made["model_type"] in known]
    judges = [name for name in names if isinstance(name, str) and re.search("Classif|Question", name)]
    said = {"num_labels": count} if rng.random() < base.HALF else {"id2label": {str(i): f"L{i}" for i in range(count)}}
    return said | ({"architectures": [rng.choice(judges)]} if judges else {})


def ties(_made, _full, rng):
    return {"tie_word_embeddings": rng.random() < base.HALF}


def window(_, full, rng):
    return {one_of(full, rng, "sliding_window$", int) or "sliding_window": rng.choice((None, 4, 16, 4096))}


def head(_, full, rng):
    return {"head_dim": rng.choice((None, 32, 64, 128))} if "head_dim" in full else None


def heads(_, full, rng):
    count, name = full.get("num_attention_heads"), one_of(full, rng, "num_(key_value|kv)_heads", int)
    return {name: rng.choice([one for one in range(1, count + 1) if count % one == 0])} if name and count else None


def null(_, full, rng):
    return {
        rng.choice(
            sorted(name for name, one in full.items() if name != "model_type" and not isinstance(one, dict))
        ): None
    }


def activation(_, full, rng):
    name = one_of(full, rng, r"_act$|activation|^hidden_act$", str)
    return {name: rng.choice(ACTIVATIONS)} if name else None


def experts(_, full, rng):
    name = one_of(full, rng, "expert|moe|router|sparse", int)
    return {name: rng.choice((1, 2, 4, max(1, full[name] // 2)))} if name else None


def flag(_, full, rng):
    name = one_of(full, rng, "bias|norm|use_", bool)
    return {name: not full[name]} if name else None


def ratio(_, full, rng):
    name = one_of(full, rng, "ratio|factor|scale|expan", float)
    return {name: rng.choice((2 * full[name], full[name] / 2))} if name else None


def longest(_, full, rng):
    name = one_of(full, rng, "max_.*position|n_positions", int)
    return {name: rng.choice((64, 512, 2048))} if name else None


def part_left_out(made, _, rng):
    names = [name for name in made if PARTS.search(name) and "quant" not in name]
    return {rng.choice(names): None} if names else None


FORMS = (
    *(rotary, quantized, junk, layers, classes, ties, window, head, heads, null, activation, experts, flag, ratio),
    *(longest, part_left_out),
)
WHOLE = (quantized, classes, part_left_out)
"""Those that are of the whole configuration."""


def compare(given):
    """Return as :func:`corpus_hf_mutants.compare`; of what does not run, compare the parameters alone."""
    bare = {name: value for name, value in given.items() if name != "quantization_config"}
    answer = base.compare(bare)
    if not answer.startswith("fails"):
        return answer
    signal.alarm(base.SECONDS)
    try:
        config = transformers.CONFIG_MAPPING[bare["model_type"]].from_dict(bare)
        name = (bare.get("architectures") or [""])[0] or base.known_class(bare["model_type"])
        with torch.device("meta"):
            wanted = sum(one.numel() for one in getattr(transformers, name)(config).parameters())
    except Exception:  # noqa: BLE001 - whatever its modules raise
        return answer
    finally:
        signal.alarm(0)
    try:
        found = parameters({**bare, "architectures": [name]})
    except InvalidSpecError as error:
        return f"refused, as it does not run: {str(error).splitlines()[0].partition('error')[2]}"
    except Exception:  # noqa: BLE001 - a bug, whatever it is
        return f"traceback: {traceback.format_exc()}"
    return "equal parameters" if found == wanted else f"wrong: params {found:,} not {wanted:,}; {answer}"


def parameters(given):
    """Return the reader's parameters."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.json"
        path.write_text(json.dumps(given), encoding="utf-8")
        return archinspect.network(f"hf:{path}").report().totals.params


if __name__ == "__main__":
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
    sys.exit(main())
