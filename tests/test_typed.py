"""Specs as people type them, beside what PyTorch 2.13 says of the program they mean, on its meta device.

Each row was wrong once: parameters, MACs, bytes kept for backward, bytes alive at most at inference (attention `math`).
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

import archinspect
from archinspect.analyses.memory import kept_bytes, peak_bytes

ROWS = {
    # a gray picture with its channels first lies as one: nothing is copied
    "gray": (
        (
            "input: [1, 28, 28]\nlayout: channels_first\n"
            "layers: [{Conv2d: {out_channels: 4, kernel_size: 3}}, Flatten, {Linear: 8}]"
        ),
        (21680, 45968, 13952, 13984),
    ),
    "gray volume": (
        (
            "input: [1, 4, 28, 28]\nlayout: channels_first\n"
            "layers: [{Conv3d: {out_channels: 4, kernel_size: 3}}, Flatten, {Linear: 8}]"
        ),
        (43384, 189280, 34176, 34208),
    ),
    "one position": (
        (
            "input: [6, 1, 1]\nlayout: channels_first\n"
            "layers: [{ConvTranspose2d: {out_channels: 4, kernel_size: 4}}, Flatten, {Linear: 8}]"
        ),
        (908, 896, 280, 312),
    ),
    # PyTorch's modules of activations overwrite nothing unless they are told to
    "nn.SiLU": ("input: [16, 8, 8]\nlayers: [nn.SiLU, nn.SiLU]", (0, 0, 0, 12288)),
    "nn.ReLU: true": ("input: [8]\nlayers: [{Linear: 8}, {nn.ReLU: true}]", (72, 64, 64, 64)),
    "nn.ReLU": ("input: [8]\nlayers: [{Linear: 8}, nn.ReLU]", (72, 64, 64, 96)),
    # dropout between stacked layers keeps a mask
    "nn.LSTM with dropout": (
        "input: [9, 12]\nlayers: [{nn.LSTM: {input_size: 12, hidden_size: 20, num_layers: 2, dropout: 0.2}}]",
        (6080, 51840, 11952, 3152),
    ),
    "nn.LSTMCell": ("input: [12]\nlayers: [{nn.LSTMCell: {input_size: 12, hidden_size: 20}}]", (2720, 2560, 528, 768)),
    "RNNCell": ("input: [12]\nlayers: [{RNNCell: {input_size: 12, hidden_size: 20}}]", (680, 640, 208, 368)),
}


@pytest.mark.parametrize("name", ROWS)
def test_figures_are_those_of_the_program_that_is_meant(name):
    text, right = ROWS[name]
    network = archinspect.network(text + "\n", batch=1)
    totals, facts = network.report().totals, network.facts
    found = totals.params, totals.macs, kept_bytes(facts, attention="math"), peak_bytes(facts, attention="math")
    assert found == right


CASES = Path(__file__).parent / "cases"
"""Whole networks as people write them; `typed.csv` has what PyTorch 2.13 measures of each, empty where a program may be
written in several ways that differ."""
TYPED = list(csv.DictReader((CASES / "typed.csv").read_text(encoding="utf-8").splitlines()))


@pytest.mark.parametrize("row", TYPED, ids=lambda row: f"{row['spec']}-{row['batch']}")
def test_a_network_as_it_is_typed_has_the_figures_of_its_program(row):
    network = archinspect.network(CASES / "typed" / f"{row['spec']}.yaml", batch=int(row["batch"]))
    totals, facts = network.report().totals, network.facts
    found = {
        "params": totals.params,
        "trainable": totals.trainable_params,
        "buffers": totals.buffers,
        "macs": totals.macs,
        "training_macs": network.compute(training=True, attention="math").total.macs,
        "kept": kept_bytes(facts, attention="math"),
        "peak": peak_bytes(facts, attention="math"),
        "output": [list(facts.shape(tensor)) for tensor in network.graph.outputs],
    }
    wanted = {name: json.loads(row[name]) for name in found if row[name]}
    assert {name: found[name] for name in wanted} == wanted


@pytest.mark.parametrize("spec", sorted({row["spec"] for row in TYPED}))
def test_nothing_is_said_against_a_network_that_is_right(spec):
    assert [one.message for one in archinspect.check(CASES / "typed" / f"{spec}.yaml").diagnostics] == []
