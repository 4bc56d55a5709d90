"""GGUF files of RWKV 6 and 7, and of decoders with their mixing: small ones, whose figures follow by hand."""

from __future__ import annotations

import math

import pytest
from weight_files import F32, gguf, metadata

import archinspect

WIDTH, UNITS, WORDS, RANK, LOW, HEAD = 64, 96, 50, 3, 5, 16
SQUARE = (WIDTH, WIDTH)
FED = {"ffn_gate.weight": (WIDTH, UNITS), "ffn_up.weight": (WIDTH, UNITS), "ffn_down.weight": (UNITS, WIDTH)}
KINDS = {
    "rwkv6": 4 * WIDTH * WIDTH + 2 * WIDTH * UNITS + WIDTH * WIDTH,
    "rwkv6qwen2": 3 * WIDTH * WIDTH + 2 * WIDTH * 32 - WIDTH * WIDTH + 3 * WIDTH * UNITS,
    "rwkv7": 3 * WIDTH * WIDTH + 2 * WIDTH * UNITS,
    "arwkv7": 3 * WIDTH * WIDTH + 3 * WIDTH * UNITS,
}
"""Of an architecture, the MACs of a step's larger products but the one to its output."""


def norms(*names, bias=True):
    ends = ("weight", "bias") if bias else ("weight",)
    return {f"{name}.{end}": (WIDTH,) for name in names for end in ends}


def sixth(keys=WIDTH):
    found: dict = {f"time_mix_{one}.weight": SQUARE for one in ("receptance", "gate", "output")}
    found |= {f"time_mix_{one}.weight": (WIDTH, keys) for one in ("key", "value")}
    found |= {"time_mix_w1.weight": (WIDTH, 5 * RANK), "time_mix_w2.weight": (RANK, WIDTH, 5)}
    found |= {"time_mix_decay_w1.weight": (WIDTH, LOW), "time_mix_decay_w2.weight": (LOW, WIDTH)}
    found |= {"time_mix_decay.weight": (WIDTH,), "time_mix_lerp_x.weight": (WIDTH, 1, 1)}
    return found | {"time_mix_lerp_fused.weight": (WIDTH, 1, 1, 5)}


def seventh():
    found: dict = {f"time_mix_{one}.weight": SQUARE for one in ("receptance", "key", "value", "output")}
    for one in "wavg":
        found |= {f"time_mix_{one}1.weight": (WIDTH, LOW), f"time_mix_{one}2.weight": (LOW, WIDTH)}
    found |= {f"time_mix_{one}0.weight": (WIDTH,) for one in "wav"}
    found |= {f"time_mix_{one}.weight": (WIDTH,) for one in ("k_k", "k_a", "r_k")}
    return found | {"time_mix_lerp_fused.weight": (WIDTH, 1, 1, 6)}


def features(*, gated):
    found: dict = {"channel_mix_key.weight": (WIDTH, UNITS), "channel_mix_value.weight": (UNITS, WIDTH)}
    found |= {"channel_mix_lerp_k.weight": (WIDTH, 1, 1)}
    own: dict = {"channel_mix_receptance.weight": SQUARE, "channel_mix_lerp_r.weight": (WIDTH, 1, 1)}
    return found | (own if gated else {})


OWN = norms("attn_norm", "attn_norm_2", "time_mix_ln")
PLAIN = FED | norms("attn_norm", "ffn_norm", bias=False)
LAYERS = {
    "rwkv6": sixth() | features(gated=True) | OWN | {"time_mix_first.weight": (HEAD, WIDTH // HEAD)},
    "rwkv6qwen2": sixth(keys=32) | PLAIN | {"time_mix_key.bias": (32,)},
    "rwkv7": seventh() | features(gated=False) | OWN,
    "arwkv7": seventh() | PLAIN,
}


def content(kind, *, without=""):
    """Return a file, and the elements of its tensors."""
    tensors: dict = {"token_embd.weight": (WIDTH, WORDS), "output.weight": (WIDTH, WORDS), **norms("output_norm")}
    own = {} if kind in ("rwkv6qwen2", "arwkv7") else {"attention__layer_norm_rms_epsilon": None}
    if own:
        tensors |= norms("token_embd_norm")
    else:
        del tensors["output_norm.bias"]
    layer = {name: shape for name, shape in LAYERS[kind].items() if name != without}
    tensors |= {f"blk.{i}.{name}": shape for i in (0, 1) for name, shape in layer.items()}
    values = metadata(kind, width=WIDTH, layers=2, wkv__head_size=HEAD, **own)
    stored = {name: (F32, *shape) for name, shape in tensors.items()}
    return gguf(values, stored), sum(math.prod(shape) for shape in tensors.values())


def report(tmp_path, kind, *, without=""):
    path = tmp_path / "net.gguf"
    data, elements = content(kind, without=without)
    path.write_bytes(data)
    found = archinspect.inspect(path, params={"seq": 10})
    assert found.totals.params == elements
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_mixes_steps_and_features(tmp_path, kind):
    found = report(tmp_path, kind)
    is_sixth = "time_mix_w2.weight" in LAYERS[kind] and "time_mix_decay_w1.weight" in LAYERS[kind]
    low = 2 * WIDTH * LOW
    each = KINDS[kind] + WIDTH * WIDTH  # and the product to what the mixing of steps gives
    if is_sixth:
        layers = 2 * (each + low + 2 * 5 * RANK * WIDTH + WIDTH * HEAD)
    else:  # the first layer does not mix its values with those of the first
        layers = 2 * (each + 2 * WIDTH * HEAD) + (3 + 4) * low
    assert found.status == "complete"
    assert found.totals.macs == 10 * (layers + WIDTH * WORDS)


def test_a_layer_without_one_of_its_tensors_has_unknown_work(tmp_path):
    assert report(tmp_path, "rwkv7", without="time_mix_k_a.weight").status == "partial"
