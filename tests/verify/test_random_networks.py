"""Random networks, measured by PyTorch. `tests/random_networks.py --against pytorch` makes many more."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import yaml

pytest.importorskip("torch")

from networks.generate import make
from networks.measured import differences

import archinspect
from archinspect import verify

SEED = 11
SAMPLE = 300
FOUND = sorted((Path(__file__).parents[1] / "networks" / "found").glob("*.yaml"))


@pytest.mark.parametrize("start", range(0, SAMPLE, 25))
def test_what_archinspect_says_is_what_pytorch_measures(start):
    found = {number: list(differences(make(SEED, number), "pytorch")) for number in range(start, start + 25)}
    assert {number: some for number, some in found.items() if some} == {}


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.stem)
def test_what_was_once_wrong_is_right(path):
    assert list(differences(yaml.safe_load(path.read_text(encoding="utf-8")), "pytorch")) == []


HELD = {
    "a slope for each element keeps no mask": [{"Input": {"shape": [2, 3, 4]}}, "PReLU", {"Dense": 3}],
    "a result that nothing reads": [
        {"Input": {"shape": [1, 1, 1], "name": "n0"}},
        {"Input": {"shape": 1}},
        "FrozenBatchNormalization",
        {"Conv2DTranspose": {"filters": 1, "kernel_size": 2}, "from": "n0"},
    ],
}


@pytest.mark.parametrize("layers", HELD.values(), ids=HELD)
def test_what_is_kept_and_held_was_once_wrong_and_is_right(layers):
    assert list(differences({"layers": layers}, "pytorch", held=True)) == []


KEPT = yaml.safe_load((Path(__file__).parents[1] / "networks" / "kept.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("network", KEPT, ids=[network["name"] for network in KEPT])
def test_what_is_kept_was_once_wrong_and_is_right(network):
    found = differences({"layers": network["layers"]}, "pytorch", held=True)
    assert [one for one in found if not one.message.startswith("peak of")] == []


def test_boxes_that_samples_share_are_read_for_each():
    layers: list = [{"Input": {"shape": [4, 4, 2]}, "name": "map"}, {"Parameter": {"shape": [3, 4]}, "name": "boxes"}]
    layers += [{"Dense": 2, "from": "map"}, {"RoIAlign": {"output_size": 2}, "from": [-1, "boxes"]}]
    found = verify.verify(archinspect.network({"layers": layers}, batch=2), "pytorch", pythons=[sys.executable])
    assert not found.partial
    assert [row for row in found.rows if row.figure != "peak" and not row.equal] == []
