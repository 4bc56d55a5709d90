"""Networks rebuilt from questions that people asked, with figures that frameworks, libraries and tools give.

`cases/right.csv` has a figure a row: a command's arguments, where the figure stands in what it prints, what is right,
and by whose word. Rows that were found wrong stand in `REFUTED`, each with why, and with what is right instead.
"""

from __future__ import annotations

import csv
import json
import re
from functools import cache
from pathlib import Path

import command_line
import pytest

CASES = Path(__file__).parent / "cases"
ROWS = list(csv.DictReader((CASES / "right.csv").read_text(encoding="utf-8").splitlines()))
LLAMA = (
    "summary llama --set depth=2 --set width=256 --set heads=8 --set kv_heads=2 --set hidden=688 --set vocabulary=1000"
)

REFUTED = {
    # What is left over is a hint that is chosen: it is in most networks, torchvision's ResNets too.
    "alexnet_224.yaml: check warns": ("check alexnet_224.yaml --select uneven", "text:1 row and 1 column", "true"),
    # A layer's own type is refused with the reason, as costs of two types in one network are not known.
    "complex_native.yaml: bytes of weights": ("check complex_native.yaml", "text:a network has one type", "true"),
    # The spec normalizes no weight. With `WeightNorm`, as the measured program has it, both figures are right.
    "weightnorm.yaml: params": ("summary weightnorm_said.yaml --format json", "totals.params", "2385664"),
    "weightnorm.yaml: kept bytes": ("memory weightnorm_said.yaml --format json", "training.kept", "9680896"),
    # transformers' `DynamicCache` of 18 full and 18 sliding layers of 128 holds 127 steps of the latter after 8,192:
    # a step attends to these and to itself. The row has 128.
    "sliding_kv.yaml: KV cache of 8192 in bf16": (
        "memory sliding_kv.yaml --dtype bfloat16 --kv-cache 8192 --format json",
        "inference.cache",
        str(18 * 2 * 512 * (8192 + 127) * 2),
    ),
    # A sequence of one step has no other to attend to. The measured step has 127 cached.
    "llama: MACs of a decode step": (f"{LLAMA} --cached 127 --format json", "totals.macs", "1771520"),
    # Where a warning says what is likely meant, figures are those of what is written; the next row is of the warning.
    "channels_first_forgotten.yaml: params": (
        "summary channels_first_forgotten.yaml",
        "text:write `layout: channels_first`",
        "true",
    ),
    # `--mixed` is a float32 copy of weights in 16 bits. What was measured is `torch.autocast`.
    "autocast_mlp.yaml: kept, --mixed": (
        "memory autocast_mlp.yaml --batch 4 --precision amp --format json",
        "training.kept",
        "987136",
    ),
    # Measured of `nn.Embedding`, `mean(1)` and `nn.Linear`. The row's figures are those of `nn.EmbeddingBag`, which
    # embbag.yaml has: it makes no vector for each index.
    "embbag_as.yaml: peak bytes": (
        "summary embbag_as.yaml --format json --memory",
        "memory.peak_bytes",
        str(20 * 8 + 20 * 64 * 4 + 64 * 4),
    ),
    "embbag_as.yaml: kept bytes": (
        "summary embbag_as.yaml --format json --memory",
        "memory.kept_bytes",
        str(20 * 8 + 64 * 4),
    ),
    # `ReLU` overwrites its input, as most networks have it. The measured module, `nn.ReLU()`, does not.
    "same_module_twice.yaml: peak bytes": (
        "summary same_module_twice_nn.yaml --format json --memory",
        "memory.peak_bytes",
        "11456",
    ),
}


@cache
def printed(arguments):
    """Return what a command prints, and its exit code."""
    words = [str(CASES / word) if word.endswith(".yaml") else word for word in arguments.split()]
    return command_line.run(*words)


def found(arguments, where):
    """Return a figure of what a command prints, as text."""
    result = printed(arguments)
    kind, _, pattern = where.partition(":")
    if kind == "text":
        return str(re.search(pattern, result.output) is not None).lower()
    if where == "rc":
        return str(result.exit_code)
    value = json.loads(result.stdout)
    if where == "out":
        return [shape[1:] for shape in value["outputs"].values()]
    for key in where.split("."):
        value = value[int(key) if isinstance(value, list) else key]
    return value


def name_of(row):
    return f"{row['spec']}: {row['figure']}"


@pytest.mark.parametrize("row", ROWS, ids=name_of)
def test_a_case_is_right(row):
    name = name_of(row)
    arguments, where, right = REFUTED.get(name) or (row["arguments"], row["where"], row["right"])
    value = found(arguments, where)
    assert (value if isinstance(value, str) else json.dumps(value)) == right


def test_what_is_refuted_is_a_row():
    assert {name_of(row) for row in ROWS} >= REFUTED.keys()
