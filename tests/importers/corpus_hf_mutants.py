"""Compares the reader with transformers on random changes of real configurations.

    python tests/importers/corpus_hf_mutants.py FOLDER [--seed N] [--count N] [--heads] [NAME...]

FOLDER has files `NAME.json`. A mutant has flags flipped, keys left out and other sizes, and at most a few layers. The
class of transformers is built and run on the meta device; its parameters, its products (of matrices and convolutions),
what its cache grows by, and the parameters of a token's experts are compared with the reader's. With `--heads`
a mutant may be of another class of its type. It needs torch and transformers, is run by hand, and ends with 1 where a
figure differs.
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
import warnings
from collections import Counter
from pathlib import Path

import torch
import transformers
from corpus_hf import macs_of_sight
from corpus_hf_variants import CLASSES, HALF, late
from torch.utils.flop_counter import FlopCounterMode

import archinspect
from archinspect.analyses.caches import kv_cache
from archinspect.base.diagnostics import InvalidSpecError

STEPS, MORE = 24, 16
SAMPLES = 16000
LAYERS = 4
SECONDS = 90
STACKS = (
    *("num_hidden_layers", "n_layer", "n_layers", "num_layers", "encoder_layers", "decoder_layers", "depth"),
    *("num_decoder_layers", "num_encoder_layers", "encoder_num_hidden_layers"),
)
IDLE = re.compile(
    r"(^_|token|version|dtype|architectures|model_type|auto_map|name|eos|bos|pad_|drop|init|eps|return|output_|use_cache"
    r"|quantization|id2label|label2id|task_specific|rope_theta|temperature|top_|length_penalty|is_encoder_decoder"
    r"|num_beams|torchscript|transformers|loss|max_length|min_length|early_stop|is_decoder|gradient|rope_scaling"
    r"|chunk_size_feed|attn_impl|add_cross)"
)
TIMES = (0.5, 2, 1.5, 3, 0.25)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=5)
    parser.add_argument("--heads", action="store_true")
    parser.add_argument("--show", action="store_true")
    parser.add_argument("names", nargs="*")
    asked = parser.parse_args()
    prepare()
    found = Counter()
    wrong = 0
    for path in sorted(asked.folder.glob("*.json")):
        if asked.names and path.stem not in asked.names:
            continue
        given = json.loads(path.read_text(encoding="utf-8"))
        if given["model_type"] not in transformers.CONFIG_MAPPING:
            continue
        for number in range(asked.count):
            rng = random.Random(f"{path.stem} {asked.seed} {number}")
            changed, what = mutant(given, rng, heads=asked.heads)
            answer = compare(changed)
            found[answer.partition(":")[0]] += 1
            if asked.show or not answer.startswith(("equal", "fails")):
                print(f"{path.stem} {number} {' '.join(what)}\n    {answer}", flush=True)
            wrong += answer.startswith(("wrong", "traceback"))
    print(dict(found))
    return int(wrong > 0)


def prepare():
    """Make modules run without numbers: a question about them is answered by no, or 0, and checks pass."""
    warnings.simplefilter("ignore")
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(1)
    signal.signal(signal.SIGALRM, late)
    yes, item = torch.Tensor.__bool__, torch.Tensor.item
    torch.Tensor.__bool__ = lambda self: False if self.is_meta else yes(self)
    torch.Tensor.item = lambda self: (self.dtype == torch.bool or 0) if self.is_meta else item(self)


def mutant(given, rng, *, heads=False):
    """Return a configuration with a few changes, and what they are."""
    made = json.loads(json.dumps(given))
    parts = [made, *[one for one in made.values() if isinstance(one, dict) and "hidden_size" in one]]
    for part in parts:
        for name in STACKS:
            if type(part.get(name)) is int and part[name] > LAYERS:
                shorten(part, name, rng.randint(2, LAYERS))
    what = [one for _ in range(rng.randint(1, 4)) if (one := change(made, rng.choice(parts), rng))]
    known = list(dict.fromkeys(names[made["model_type"]] for names in CLASSES if made["model_type"] in names))
    if heads and known and rng.random() < HALF:
        head = rng.choice(known)
        made["architectures"] = [head if isinstance(head, str) else head[0]]
        what += made["architectures"]
    return made, what


def shorten(part, name, layers):
    """Let a stack have so many layers, and each list of what its layers have as many items."""
    for key, value in part.items():
        if isinstance(value, list) and len(value) == part[name]:
            part[key] = value[:layers]
    part[name] = layers


def change(made, part, rng):
    """Change a part of a configuration; return what was changed, empty where nothing can be changed so."""
    how = rng.choice(("flip", "drop", "size", "size", "item"))
    full = dict(part) if how == "drop" else {**class_of(made, part), **part}
    names = sorted(name for name, value in full.items() if not IDLE.search(name) and fits(how, name, value))
    if not names:
        return ""
    name = rng.choice(names)
    if how == "flip":
        part[name] = not full[name]
    elif how == "size":
        part[name] = max(1, int(full[name] * rng.choice(TIMES)))
    elif how == "item":
        place, part[name] = rng.randrange(len(full[name])), [*full[name]]
        part[name][place] = max(1, int(full[name][place] * rng.choice(TIMES)))
    else:
        del part[name]
    return f"{how}:{name}={part.get(name)}"


def class_of(given, part):
    """Return what the class of a configuration, or of a part of it, has."""
    kind = (given if part is given else part).get("model_type")
    if kind not in transformers.CONFIG_MAPPING:
        return {}
    try:
        own = transformers.CONFIG_MAPPING[kind].from_dict(part).to_dict()
    except Exception:  # noqa: BLE001 - it is not one any more
        return {}
    return {name: value for name, value in own.items() if name not in STACKS}


def fits(how, name, value):
    """Whether a key can be changed so."""
    if how == "flip":
        return type(value) is bool
    if how == "size":
        return type(value) is int and value > 1 and name not in STACKS
    if how == "item":
        return isinstance(value, list) and 0 < len(value) < 12 and all(type(one) is int for one in value)
    return not isinstance(value, dict)


def compare(given):
    """Return `equal`, or `wrong`, `refused`, `fails` or `traceback` with what there is to say."""
    made = truth(given)
    if isinstance(made, str):  # some fail with a cache alone
        made = truth(given, use_cache=False)
    if isinstance(made, str):
        return f"fails: {made}"
    try:
        found = ours({**given, "architectures": [made["class"]]}, made)
    except InvalidSpecError as error:
        return f"refused: {str(error).splitlines()[0].partition('error')[2]}"
    except Exception:  # noqa: BLE001 - a bug, whatever it is
        return f"traceback: {traceback.format_exc()}"
    wrong = [f"{name} {found[name]:,} not {value:,}" for name, value in made["figures"].items() if found[name] != value]
    return f"wrong: {'; '.join(wrong)} ({made['class']})" if wrong else "equal"


def truth(given, **more):
    """Return the figures of transformers' own modules, or why there are none."""
    signal.alarm(SECONDS)
    try:
        config = transformers.CONFIG_MAPPING[given["model_type"]].from_dict(given)
        name = given.get("architectures", [""])[0]
        if not name or not hasattr(transformers, name):
            name = known_class(given["model_type"])
        for one in (config, *[part for part in vars(config).values() if hasattr(part, "to_dict")]):
            one._attn_implementation = "eager"
            one._experts_implementation = "batched_mm"
        with torch.device("meta"):
            model = getattr(transformers, name)(config).eval()
        inputs = inputs_of(model, config, STEPS)
        with FlopCounterMode(display=False) as counter, torch.no_grad(), torch.device("meta"):
            out = model(**inputs, **more)
            figures = {"params": sum(one.numel() for one in model.parameters()), "macs": counter.get_total_flops() // 2}
        cache = grown(out)
        if cache is not None:
            figures["cache"] = cache
        active = of_a_token(model, config.get_text_config())
        if active is not None:
            figures["active"] = active
    except Exception as error:  # noqa: BLE001 - whatever its modules raise for a mutant
        return f"{type(error).__name__}: {str(error)[:150]!r}"
    else:
        return {"figures": figures, "inputs": inputs, "class": name}
    finally:
        signal.alarm(0)


def known_class(kind):
    """Return the first class of a type."""
    for names in CLASSES:
        if kind in names:
            return names[kind] if isinstance(names[kind], str) else names[kind][0]
    raise KeyError(kind)


def grown(out):
    """Return the bytes of keys and values in 16 bits; None without a cache of them alone."""
    cache = getattr(out, "past_key_values", None)
    cache = getattr(cache, "self_attention_cache", cache)
    layers = getattr(cache, "layers", None)
    if layers is None:
        return None
    held = [one for one in layers if getattr(one, "keys", None) is not None]
    return 2 * sum(one.keys.numel() + one.values.numel() for one in held)


def of_a_token(model, config):
    """Return the parameters of which a token uses all; None without experts, or where it is not said how many."""
    names = ("num_experts_per_tok", "num_experts_per_token", "moe_k", "moe_topk", "moe_top_k", "top_k_experts")
    top = next((getattr(config, name) for name in names if type(getattr(config, name, None)) is int), None)
    if config.model_type == "phimoe":  # its router takes two whatever the configuration says
        top = 2
    stacks = [
        one for name, one in model.named_parameters() if re.search(r"experts\.\w+$", name) and "shared" not in name
    ]
    if not stacks or top is None:
        return None
    rest = sum(one.numel() for one in model.parameters()) - sum(one.numel() for one in stacks)
    return rest + sum(one.numel() // one.shape[0] * min(top, one.shape[0]) for one in stacks)


def inputs_of(model, config, steps):  # noqa: PLR0911 - one a kind of model
    """Return inputs without numbers."""
    with torch.device("meta"):
        ids = torch.full((1, steps), 5)
        sight = getattr(config, "vision_config", config)
        size = getattr(sight, "image_size", None) or 224
        height, width = size if isinstance(size, (list, tuple)) else (size, size)
        channels = getattr(sight, "num_channels", 3) or 3
        picture = torch.zeros(1, channels, height, width)
        kind = config.model_type
        if kind in ("clip", "siglip", "blip"):
            ids = torch.full((1, min(steps, 16)), 5)
            return {"input_ids": ids, "pixel_values": picture}
        if kind == "videomae":
            return {"pixel_values": torch.zeros(1, config.num_frames, channels, height, width)}
        if kind == "audio-spectrogram-transformer":
            return {"input_values": torch.zeros(1, config.max_length, config.num_mel_bins)}
        if kind == "whisper":
            mel = torch.zeros(1, config.num_mel_bins, 2 * config.max_source_positions)
            return {"input_features": mel, "decoder_input_ids": ids}
        if model.main_input_name == "pixel_values" and not hasattr(config, "text_config"):
            return {"pixel_values": picture}
        if model.main_input_name == "input_values":
            return {"input_values": torch.zeros(1, SAMPLES)}
        decodes = config.is_encoder_decoder and type(model).__name__.find("Encoder") < 0
        return {"input_ids": ids, **({"decoder_input_ids": ids} if decodes else {})}


def ours(given, made):
    """Return the reader's figures."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.json"
        path.write_text(json.dumps(given), encoding="utf-8")
        network = archinspect.network(f"hf:{path}")
        inputs = made["inputs"]
        changes = {}
        ids = inputs.get("input_ids", inputs.get("decoder_input_ids"))
        if "seq" in network.graph.params:
            changes["params"] = {"seq": ids.shape[1]}
        elif "pixel_values" in inputs and inputs["pixel_values"].ndim == 4:
            _, channels, height, width = inputs["pixel_values"].shape
            changes["inputs"] = {"": (height, width, channels)}
        network = network.with_settings(**changes)
        totals = network.report().totals
        figures = {"params": totals.params, "macs": totals.macs, "active": totals.active_params}
        if ("text_config" in given or "vision_config" in given) and "pixel_values" not in inputs:
            figures["macs"] -= sum(macs_of_sight(network))
        if "cache" in made["figures"]:
            facts = network.facts.in_dtype("bfloat16")
            figures["cache"] = kv_cache(facts, STEPS) - kv_cache(facts, 0)
        return figures


if __name__ == "__main__":
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
    sys.exit(main())
