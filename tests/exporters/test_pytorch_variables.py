"""What the variables of exported programs hold: the peak is the measured one. No PyTorch is needed."""

import json
from pathlib import Path

import pytest

import archinspect
from archinspect.exporters import pytorch
from archinspect.verify.against_pytorch import predicted_of

MEASURED = json.loads((Path(__file__).parents[1] / "truth" / "verify.json").read_text(encoding="utf-8"))["models"]

A_RESULT_THAT_NOTHING_READS = [
    {"Input": {"shape": [1, 1, 1], "name": "n0"}},
    {"Input": {"shape": 1}},
    "FrozenBatchNormalization",
    {"Conv2DTranspose": {"filters": 1, "kernel_size": 2}, "from": "n0"},
]
A_VARIABLE_THAT_IS_READ_LAST_BESIDE_ANOTHER = [
    {"Input": {"shape": 8}},
    {"Dense": 4},
    {"Dense": 64, "name": "b"},
    {"Dense": 4, "name": "c"},
    {"Dense": 128, "name": "d", "from": "b"},
    {"Concatenate": None, "from": ["c", "d"]},
    {"Dense": 4},
]


def peak_of(network):
    return predicted_of(network.facts, pytorch.export(network.facts, observed=True))["peak"]


@pytest.mark.parametrize(
    ("layers", "measured"),  # by PyTorch 2.13.0
    [(A_RESULT_THAT_NOTHING_READS, 28), (A_VARIABLE_THAT_IS_READ_LAST_BESIDE_ANOTHER, 1344)],
    ids=["a result that nothing reads", "a variable that is read last beside another"],
)
def test_the_peak_of_a_program_is_that_of_its_variables(layers, measured):
    assert peak_of(archinspect.network({"layers": layers})) == measured


# Whose variables hold something else than follows from the layers; of blocks, each copy's own tensors.
@pytest.mark.parametrize("name", ["deconvolutional", "gru_seq2seq", "mlp_mixer_b16", "restricted_boltzmann"])
def test_the_peak_of_a_built_in_networks_program_is_the_measured_one(name):
    assert peak_of(archinspect.network(name)) == MEASURED[name]["1"]["peak"]
