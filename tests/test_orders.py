"""Memory where products read tensors whose elements lie in another order than their axes: against measurements."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import archinspect
from archinspect import Plan

ROWS = json.loads((Path(__file__).parent / "truth" / "orders.json").read_text(encoding="utf-8"))["rows"]
# While it is watched, PyTorch adds a bias to a copy of what such a product of one sample makes; else it does not.
WATCHED = [("turned", 1)]


@pytest.mark.parametrize("row", ROWS, ids=[f"{row['name']}-{row['batch']}" for row in ROWS])
def test_what_is_kept_and_alive_is_what_is_measured(row):
    found = archinspect.memory_report(row["spec"], Plan(attention="math"), batch=row["batch"])
    assert found.training.kept.total == row["kept"]
    bias = row["batch"] * 12 * 5 * 4 if (row["name"], row["batch"]) in WATCHED else 0
    assert found.inference.peak.bytes + bias == row["peak"]


@pytest.mark.parametrize(("batch", "kept"), [(1, 4800), (3, 20160)])
def test_keys_of_one_head_and_sample_are_repeated_as_a_view(batch, kept):
    """PyTorch, keys and values by `expand` and `reshape` as transformers' `repeat_kv`, scores written out."""
    spec = {
        "input": [10, 32],
        "layers": [
            {"Dense": 32, "name": "q"},
            {"Dense": 8, "name": "k", "from": "input"},
            {"Dense": 8, "name": "v", "from": "input"},
            {"ScaledDotProductAttention": {"num_heads": 4, "num_kv_heads": 1}, "from": ["q", "k", "v"]},
        ],
    }
    found = archinspect.memory_report(spec, Plan(attention="eager"), batch=batch)
    assert found.training.kept.total == kept
