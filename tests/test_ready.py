"""Ready-made blocks against PyTorch's modules: figures of 2.13 on the meta device, attention without a kernel."""

import json
from math import prod
from pathlib import Path

import pytest

from archinspect import Plan, network
from archinspect.analyses import compute, memory
from archinspect.base.diagnostics import InvalidSpecError
from archinspect.exporters import pytorch
from archinspect.language.ready import SECOND, find_ready

LAYER = {"d_model": 24, "nhead": 3, "dim_feedforward": 64}
DEEP = {**LAYER, "num_layers": 3}
FIRST, PLAIN = {"norm_first": True, "activation": "gelu"}, {"bias": False, "dropout": 0.0}
# A module, its arguments, the batch; parameters, MACs, peak with the inputs, bytes kept, MACs of a pass in training.
MEASURED = [
    ("TransformerEncoderLayer", LAYER, 1, (5_656, 52_272, 6_336, 20_340, 141_264)),
    ("TransformerEncoderLayer", LAYER | FIRST, 1, (5_656, 52_272, 7_200, 20_340, 156_816)),
    ("TransformerEncoderLayer", LAYER | PLAIN, 1, (5_424, 52_272, 6_336, 12_060, 141_264)),
    ("TransformerEncoderLayer", LAYER, 3, (5_656, 156_816, 19_008, 61_020, 423_792)),
    ("TransformerEncoderLayer", LAYER | FIRST, 3, (5_656, 156_816, 21_600, 61_020, 470_448)),
    ("TransformerEncoderLayer", LAYER | PLAIN, 3, (5_424, 156_816, 19_008, 36_180, 423_792)),
    ("TransformerDecoderLayer", LAYER, 1, (8_104, 70_560, 6_816, 28_272, 190_368)),
    ("TransformerDecoderLayer", LAYER | FIRST, 1, (8_104, 70_560, 7_680, 28_272, 205_920)),
    ("TransformerDecoderLayer", LAYER | PLAIN, 1, (7_752, 70_560, 6_816, 18_048, 190_368)),
    ("TransformerDecoderLayer", LAYER, 3, (8_104, 211_680, 20_448, 84_816, 571_104)),
    ("TransformerDecoderLayer", LAYER | FIRST, 3, (8_104, 211_680, 23_040, 84_816, 617_760)),
    ("TransformerDecoderLayer", LAYER | PLAIN, 3, (7_752, 211_680, 20_448, 54_144, 571_104)),
    ("TransformerEncoder", DEEP, 1, (16_968, 156_816, 7_200, 61_020, 454_896)),
    ("TransformerEncoder", DEEP | FIRST | {"norm": True}, 1, (17_016, 156_816, 8_064, 61_956, 470_448)),
    ("TransformerEncoder", DEEP, 3, (16_968, 470_448, 21_600, 183_060, 1_364_688)),
    ("TransformerEncoder", DEEP | FIRST | {"norm": True}, 3, (17_016, 470_448, 24_192, 185_868, 1_411_344)),
    ("TransformerDecoder", DEEP, 1, (24_312, 211_680, 7_680, 83_856, 602_208)),
    ("TransformerDecoder", DEEP | FIRST | {"norm": True}, 1, (24_360, 211_680, 8_544, 84_792, 617_760)),
    ("TransformerDecoder", DEEP, 3, (24_312, 635_040, 23_040, 254_448, 1_806_624)),
    ("TransformerDecoder", DEEP | FIRST | {"norm": True}, 3, (24_360, 635_040, 25_632, 257_256, 1_853_280)),
    ("Transformer", LAYER | PLAIN, 1, (79_104, 591_840, 7_680, 143_992, 1_751_328)),
    ("Transformer", LAYER | PLAIN, 3, (79_104, 1_775_520, 23_040, 444_936, 5_253_984)),
    ("Transformer", {"d_model": 24, "nhead": 3}, 3, (1_249_248, 25_773_984, 451_584, 6_695_832, 77_249_376)),
]


def network_of(name, args, batch):
    """Return the facts of a network of one step: 9 steps of 24 features and, where it takes them, 5."""
    given = {"inputs": {"a": [9, 24], "b": [5, 24]}} if SECOND[name] else {"input": [9, 24]}
    step = {name: args, "from": ["a", "b"]} if SECOND[name] else {name: args}
    return network({"name": name, **given, "layers": [step]}, batch=batch).facts


@pytest.mark.parametrize(("name", "args", "batch", "figures"), MEASURED)
def test_a_ready_made_block_is_pytorch_s_module(name, args, batch, figures):
    facts = network_of(name, args, batch)
    assert figures == (
        sum(prod(weight.shape) for call in facts.calls for weight in call.weights.values()),
        compute.analyze(facts, attention="math").total.macs,
        memory.peak(facts, attention="math").bytes,
        memory.kept(facts, attention="math").total,
        compute.analyze(facts, training=True, attention="math").total.macs,
    )


MIXERS = json.loads((Path(__file__).parent / "truth" / "mixers.json").read_text(encoding="utf-8"))["rows"]


@pytest.mark.parametrize(
    "row", MIXERS, ids=[f"{row['name']}-{'-'.join(map(str, row['args'].values()))}-{row['batch']}" for row in MIXERS]
)
def test_mixers_are_their_authors_programs(row):
    width, *_ = row["args"].values()
    spec = {"input": [10, width], "layers": [{row["name"]: row["args"]}]}
    net = network(spec, batch=row["batch"])
    totals, found = net.report().totals, net.memory(Plan(attention="math"))
    assert (totals.params, totals.macs) == (row["params"], row["macs"])
    assert found.training.kept.total == row["kept"]
    assert found.inference.peak.bytes == row["peak"]


CARRIED = {
    "Mamba": 128 * (4 + 16),
    "RWKV": 64 + 64 * 64,
    "RWKV4": 64 + 3 * 64,
    "RWKV6": 64 + 64 * 64,
    "RWKV7": 64 + 64 * 64,
    "sLSTMLayer": 4 * 64 + 4 * 64,
}


@pytest.mark.parametrize("name", CARRIED)
def test_mixers_generate_step_by_step(name):
    """A step after many costs a tenth of ten steps, and holds the window or the step before, and the states."""
    net = network({"params": {"seq": 10}, "input": ["$seq", 64], "layers": [{name: 64}]})
    step = net.with_settings(past=99)
    assert 10 * step.report().totals.macs == net.report().totals.macs
    assert step.memory().inference.cache == 4 * CARRIED[name]


def test_a_mixer_by_chunks_counts_as_its_kernel_does():
    spec = {"input": [10, 64], "layers": [{"Mamba2": {"d_model": 64, "headdim": 32, "chunk_size": 16}}]}
    scan = next(row for row in network(spec).report().layers if row.type == "LinearAttention")
    assert scan.cost.macs == 4 * 16 * (16 * (128 + 32) + 2 * 128 * 32)


def test_a_matrix_memory_has_chunks_and_generates_without():
    layer = {"mLSTMLayer": {"embedding_dim": 64, "num_heads": 2, "chunk_size": 16}}
    net = network({"params": {"seq": 10}, "input": ["$seq", 64], "layers": [layer]})
    cells = [row for spec in (net, net.with_settings(past=99)) for row in spec.report().layers if row.type == "MLSTM"]
    assert [cell.cost.macs for cell in cells] == [2 * 16 * (2 * 16 * 32 + 16 + 16 * (16 + 32)), 2 * (2 * 16 * 32 + 16)]
    assert net.with_settings(past=99).memory().inference.cache == 4 * 2 * (16 * 32 + 16 + 1)


def test_a_later_layer_of_rwkv_7_reads_the_first_one_s_value():
    layers = [{"RWKV7": 64, "name": "first"}, {"RWKV7": {"d_model": 64, "v_first": "first.value"}, "name": "next"}]
    one, other = (network({"input": [10, 64], "layers": layers[:count]}).report().totals for count in (1, 2))
    assert other.params - 2 * one.params == 64 * 32 + 32 * 64 + 64
    assert other.macs - 2 * one.macs == 10 * 2 * 64 * 32


def test_names_are_found_in_any_spelling():
    assert all(find_ready(name) for name in ("nn.TransformerEncoderLayer", "transformer_encoder_layer", *SECOND))
    assert find_ready("Dense") is None


def test_a_second_input_is_read_by_its_name_or_given():
    by_name = {"TransformerDecoderLayer": {**LAYER, "memory": "b"}, "from": "a"}
    facts = network({"name": "n", "inputs": {"a": [9, 24], "b": [5, 24]}, "layers": [by_name]}).facts
    both = network_of("TransformerDecoderLayer", LAYER, None)
    assert memory.kept(facts).total == memory.kept(both).total
    with pytest.raises(InvalidSpecError, match="no layer is called 'memory'"):
        network({"name": "n", "input": [9, 24], "layers": [{"TransformerDecoderLayer": LAYER}]})


def test_a_spec_s_own_block_goes_first():
    own = {"TransformerEncoderLayer": {"layers": [{"Dense": 7}]}}
    facts = network({"name": "n", "input": [9, 24], "blocks": own, "layers": ["TransformerEncoderLayer"]}).facts
    assert [type(call.op).__name__ for call in facts.calls][-1] == "Dense"


def test_they_are_classes_of_a_program():
    text = pytorch.export(network_of("Transformer", {**LAYER, "num_decoder_layers": 2}, None)).text
    assert "class TransformerEncoderLayer(nn.Module):" in text
    assert "class TransformerDecoder(nn.Module):" in text


def test_attention_in_windows_and_kernels_that_are_mixed():
    """By hand: qkv, 25 biases of 2 heads, the output; routes, experts, and 8 channels of 4 by 3x3 at 9x9 places."""
    attention = {"NeighborhoodAttention2D": {"embed_dim": 4, "num_heads": 2, "kernel_size": 3, "rel_pos_bias": True}}
    totals = network({"input": [9, 9, 4], "layers": [attention]}).report().totals
    assert (totals.params, totals.macs) == (4 * 12 + 12 + 50 + 4 * 4 + 4, 81 * (4 * 12 + 9 * (4 + 4) + 4 * 4))
    mixed = {"CondConv2D": {"in_channels": 4, "out_channels": 8, "num_experts": 3}}
    totals = network({"input": [9, 9, 4], "layers": [mixed]}).report().totals
    assert (totals.params, totals.macs) == (4 * 3 + 3 + 3 * 288, 4 * 3 + 3 * 288 + 81 * 288)
