"""Budgets of memory: optimizers against PyTorch's, parts that add up, and the search for what fits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import archinspect
from archinspect import Plan
from archinspect.analyses import optimizers
from archinspect.analyses.fit import LARGEST, _crossing, _step, largest_that_fits
from archinspect.cli.options import OPTIMIZERS

MEASURED = json.loads((Path(__file__).parent / "truth" / "optimizers.json").read_text(encoding="utf-8"))["networks"]
SPECS = {"alexnet": "alexnet_torchvision"}
# PyTorch packs the three projections of attention into one matrix of 3 d rows: 3 d + d numbers for Adafactor, where
# three matrices of d rows have 6 d.
PACKED = {("vit_b_16", "adafactor"): 12 * 2 * 768}
STATES = [
    (network, dtype, optimizer, count)
    for network, by_type in MEASURED.items()
    for dtype, by_name in by_type.items()
    for optimizer, count in by_name.items()
]


@pytest.mark.parametrize(("network", "dtype", "optimizer", "count"), STATES)
def test_an_optimizer_keeps_what_pytorch_s_does(network, dtype, optimizer, count):
    plan = Plan(dtype=dtype, optimizer=optimizer)
    more = PACKED.get((network, optimizer), 0) * (4 if dtype == "float32" else 2)
    assert archinspect.memory_report(SPECS.get(network, network), plan).training.optimizer == count + more


def test_every_optimizer_of_pytorch_is_measured():
    assert {optimizer for *_, optimizer, _ in STATES} == {*optimizers.OPTIMIZERS} - {"adam8bit"}


def test_names_of_the_option_are_those_of_the_table():
    assert tuple(optimizers.OPTIMIZERS) == OPTIMIZERS


def net(tmp_path, layers, shape="[8]"):
    path = tmp_path / "net.yaml"
    path.write_text(f"input: {shape}\nlayers:\n{layers}", encoding="utf-8")
    return path


def test_adam_in_8_bits_by_hand(tmp_path):
    """Two states of a byte per element and a float32 scale for 256; a small tensor's are float32."""
    plan = Plan(optimizer="adam8bit")
    training = archinspect.memory_report(net(tmp_path, "  - Dense: 1000\n"), plan).training
    assert training.optimizer == 2 * (8 * 1000 + 32 * 4) + 2 * 1000 * 4


@pytest.mark.parametrize(
    ("inputs", "units", "kernel"),
    [
        (63, 65, 2 * 4 * 4095),  # one element too few for 8 bits
        (64, 64, 2 * (4096 + 4 * 16)),  # 16 scales, of 256 elements each
        (241, 17, 2 * (4097 + 4 * 17)),  # a scale for the last element alone
    ],
)
def test_8_bits_begin_at_4096_elements(tmp_path, inputs, units, kernel):
    path = net(tmp_path, f"  - Dense: {units}\n", f"[{inputs}]")
    assert archinspect.memory_report(path, Plan(optimizer="adam8bit")).training.optimizer == kernel + 2 * 4 * units


def test_mixed_precision_by_hand(tmp_path):
    """2 bytes for the weight, 2 for its gradient, 4 for the copy, 8 for Adam (Rajbhandari et al. 2019)."""
    plan = Plan(dtype="bfloat16", mixed=True)
    training = archinspect.memory_report(net(tmp_path, "  - Dense: {units: 10, use_bias: false}\n"), plan).training
    assert (training.weights, training.gradients, training.master, training.optimizer) == (160, 160, 320, 640)
    assert training.total == 16 * 80 + training.kept.total


def test_frozen_weights_have_neither_gradient_nor_state(tmp_path):
    layers = "  - {Dense: 10, trainable: false}\n  - Dense: 10\n"
    training = archinspect.memory_report(net(tmp_path, layers)).training
    assert training.weights == 4 * (90 + 110)
    assert (training.gradients, training.optimizer) == (4 * 110, 8 * 110)


def test_weights_in_4_bits_by_hand(tmp_path):
    """Half a byte per element of the matrix and a float32 for 64 of them; the bias and the last layer stay float16."""
    found = archinspect.memory_report(net(tmp_path, "  - Dense: 33\n  - Dense: 2\n")).ledger.bytes
    assert found["int4"] == 8 * 33 // 2 + 5 * 4 + 33 * 2 + 68 * 2
    assert (found["float32"], found["int8"]) == (4 * 365, 365)


@pytest.mark.parametrize(
    ("network", "untied", "embedding", "active"),
    [
        ("gpt2", 124_439_808 + 50_257 * 768, (50_257 + 1024) * 768, 124_439_808),
        ("mixtral_8x7b", 46_702_792_704, 32_000 * 4096, 12_879_925_248),
        ("resnet50", 25_557_032, 0, 25_557_032),
    ],
)
def test_ledger(network, untied, embedding, active):
    ledger = archinspect.memory_report(network).ledger
    report = archinspect.inspect(network)
    assert (ledger.params, ledger.buffers) == (report.totals.params, report.totals.buffers)
    assert (ledger.untied, ledger.embedding, ledger.active) == (untied, embedding, active)
    assert ledger.shared == untied - ledger.params
    assert ledger.non_embedding == ledger.params - embedding


def test_parts_add_up_and_agree_with_the_summary():
    found = archinspect.memory_report("resnet50", Plan(checkpointing=True), batch=4)
    inference, training = found.inference, found.training
    assert inference.total == inference.weights + inference.peak.bytes
    parts = (training.weights, training.master, training.gradients, training.optimizer, training.checkpoints.total)
    assert training.total == sum(parts)
    assert training.checkpoints.total < training.kept.total
    summary = archinspect.inspect("resnet50", batch=4, memory=True)
    assert summary.memory == (inference.peak.bytes, inference.peak.layer, training.kept.total)
    assert sum(row.kept for row in summary.layers) + training.kept.layers["input"] == training.kept.total
    assert [row.kept for row in summary.fold(1)] == [
        sum(row.kept for row in summary.layers if row.name.split(".")[0] == folded.name) for folded in summary.fold(1)
    ]


def test_keys_and_values_of_a_decoder():
    found = archinspect.memory_report("llama2_7b", Plan(dtype="float16", cached=4096), batch=2, params={"seq": 1})
    assert found.inference.cache == 2 * 4096 * 2 * 32 * 4096 * 2  # keys and values, layers, width, bytes
    assert found.inference.total == found.inference.weights + found.inference.peak.bytes + found.inference.cache


@pytest.mark.parametrize("training", [True, False])
def test_the_largest_batch_fits_and_the_next_does_not(training):
    memory = 3 * 2**30
    (found,) = archinspect.fit("alexnet", memory, training=training)
    needs = []
    for batch in (found.largest, found.largest + 1):
        report = archinspect.memory_report("alexnet", batch=batch)
        needs.append((report.training if training else report.inference).total)
    assert needs == [found.needed, found.beyond]
    assert found.needed <= memory < found.beyond


def test_the_longest_sequence_is_that_of_the_batch():
    longest = {batch: archinspect.fit("gpt2", 2**30, vary=["seq"], batch=batch)[0] for batch in (1, 32)}
    assert longest[32].largest < longest[1].largest
    found = archinspect.memory_report("gpt2", batch=32, params={"seq": longest[32].largest})
    assert longest[32].needed == found.inference.total


def test_the_longest_sequence_ends_where_the_network_does(tmp_path):
    """A table of 100 positions takes no 101st step."""
    path = tmp_path / "net.yaml"
    path.write_text(
        "params: {seq: 8}\ninput: {shape: [$seq], dtype: int32}\n"
        "layers: [{Embedding: {input_dim: 10, output_dim: 4}}, {LearnedPositions: {input_dim: 100}}]\n",
        encoding="utf-8",
    )
    (found,) = archinspect.fit(path, 2**30, vary=["seq"])
    assert (found.largest, found.beyond) == (100, None)


def test_a_size_that_a_kernel_needs_is_too_small_below(tmp_path):
    path = tmp_path / "net.yaml"
    path.write_text(
        "params: {size: 16}\ninput: [$size, $size, 1]\n"
        "layers: [{Conv2D: {filters: 1, kernel_size: 7}}, {Conv2D: {filters: 1, kernel_size: 7}}]\n",
        encoding="utf-8",
    )
    least = archinspect.memory_report(path, params={"size": 13}).inference.total
    (found,) = archinspect.fit(path, 1, vary=["size"])
    assert (found.largest, found.smallest, found.needed) == (0, 13, least)
    (found,) = archinspect.fit(path, least, vary=["size"])
    assert (found.largest, found.smallest, found.step) == (13, None, 1)


def test_a_size_that_is_halved_goes_in_steps(tmp_path):
    path = tmp_path / "net.yaml"
    path.write_text(
        "params: {size: 24}\ninput: [$size, $size, 1]\n"
        "layers: [{Add: [[], [{MaxPooling2D: 8}, {UpSampling2D: 8}]]}, {Conv2D: {filters: 1, kernel_size: 1}}]\n",
        encoding="utf-8",
    )
    (found,) = archinspect.fit(path, 2**20, vary=["size"])
    needs = [
        archinspect.memory_report(path, params={"size": size}).inference.total
        for size in (found.largest, found.largest + 8)
    ]
    assert (found.step, needs) == (8, [found.needed, found.beyond])
    assert found.needed <= 2**20 < found.beyond


@given(st.integers(1, 3000), st.integers(1, 50), st.integers(0, 10_000))
def test_search_is_that_of_trying_all(memory, slope, start):
    expected = max((n for n in range(1, 3001) if start + slope * n <= memory), default=0)
    found = largest_that_fits("batch", memory, lambda n: start + slope * n)
    assert found.largest == expected
    assert found.needed == start + slope * max(expected, 1)
    assert found.beyond == (start + slope * (expected + 1) if expected else None)


@given(st.integers(1, 300), st.integers(1, 9), st.integers(1, 40), st.integers(0, 40), st.integers(0, 300))
def test_search_goes_in_steps_from_the_start(memory, step, start, below, above):
    """What the network takes: values a step apart, from `below` under the start to `above` over it."""
    taken = [value for value in range(start - below // step * step, start + above + 1, step) if value >= 1]
    found = largest_that_fits("size", memory, lambda n: n if n in taken else None, start)
    fitting = [value for value in taken if value <= memory]
    assert found.largest == max(fitting, default=0)
    if fitting:
        assert found.needed == max(fitting)
        assert found.smallest is None
        following = max(fitting) + step
        assert found.beyond == (following if following in taken else None)
    else:
        assert (found.needed, found.smallest, found.beyond) == (taken[0], taken[0], None)


def test_search_ends():
    found = largest_that_fits("batch", 10, lambda _: 1)
    assert (type(found.largest), found.largest, found.beyond) == (int, LARGEST, None)
    assert found.ended_early
    assert largest_that_fits("batch", 10, lambda _: 1, start=9).largest == LARGEST


def test_search_takes_one_first():
    assert largest_that_fits("batch", 100, lambda n: 10 * n if n % 2 else None).largest == 9


def test_a_crossing_is_no_larger_than_its_bound():
    assert _crossing({1: 10, 2: 20}, 100, None) == 10
    assert _crossing({1: 10, 2: 20}, 109, 50) == 10
    assert _crossing({1: 10, 2: 20}, 100, 5) == 5
    assert _crossing({1: 999, 2: 20, 4: 40, 8: None}, 100, None) == 10  # the two largest that are taken
    for flat in ({}, {1: 10}, {1: 10, 2: 10}, {1: 10, 2: None}):
        assert (_crossing(flat, 100, 7), _crossing(flat, 100, None)) == (7, 0)


@pytest.mark.parametrize(
    ("start", "taken", "step"), [(5, {5, 4}, 1), (5, {5, 4, 6, 7, 9, 13}, 1), (5, {5, 3, 7}, 2), (5, {5}, 1)]
)
def test_steps_are_found_above_or_below(start, taken, step):
    assert _step(start, taken.__contains__) == step


def test_what_does_not_train_stands_apart():
    net = {"input": [8], "layers": [{"Dense": 4, "trainable": False}, "BatchNormalization", {"Dense": 2}]}
    ledger = archinspect.memory_report(net).ledger
    assert (ledger.params, ledger.trainable, ledger.frozen, ledger.buffers) == (36 + 8 + 10, 18, 36, 8)
