"""Training under `torch.autocast`: against measurements, and what a plan takes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from small import small

import archinspect
from archinspect import Plan
from archinspect.analyses.autocast import Autocast
from archinspect.analyses.memory import checkpointed, kept, peak_bytes
from archinspect.cli import options
from archinspect.reports.memory import PRECISIONS

ROWS = json.loads((Path(__file__).parent / "truth" / "autocast.json").read_text(encoding="utf-8"))["rows"]
AMP = Plan(precision="amp")


@pytest.mark.parametrize("row", ROWS, ids=[f"{row['name']}-{row['batch']}" for row in ROWS])
def test_backward_keeps_what_is_measured(row):
    plan = Plan(precision="amp", attention=row["attention"])
    found = archinspect.memory_report(row["spec"], plan, batch=row["batch"]).training
    assert found.kept.total == sum(found.kept.layers.values()) == row["kept"]


def test_names_of_the_option_are_those_of_the_plan():
    assert options.PRECISIONS == PRECISIONS


def test_weights_gradients_and_state_are_float32():
    plain, amp = (archinspect.memory_report("vgg11", plan, batch=32).training for plan in (Plan(), AMP))
    assert amp[:4] == plain[:4]
    assert amp.kept.total < plain.kept.total
    inference = [archinspect.memory_report("vgg11", plan).inference for plan in (Plan(), AMP)]
    assert inference[0] == inference[1]


def test_both_types_of_16_bits_are_alike():
    found = [archinspect.memory_report("vit_b_16", Plan(dtype, precision="amp")) for dtype in ("float16", "bfloat16")]
    assert found[0].training == found[1].training
    assert found[0].training == archinspect.memory_report("vit_b_16", AMP).training


def test_blocks_that_are_computed_again_cast_again():
    spec = next(row["spec"] for row in ROWS if row["name"] == "multi-layer perceptrons")
    found = archinspect.memory_report(spec, Plan(precision="amp", checkpointing=True), batch=4).training
    assert (found.checkpoints.outside, found.checkpoints.inside) == (4 * 32768, 987_136 // 4 - 32768)
    facts = Autocast(archinspect.network(spec, batch=4).facts, "bfloat16")
    assert checkpointed(facts).total == found.checkpoints.total


def test_normalization_casts_what_is_in_16_bits():
    """Kept: the convolution's input and kernel cast, its output cast back for the norm, statistics, the next casts."""
    conv, norm = {"Conv2D": {"filters": 4, "kernel_size": 1, "use_bias": False}}, {"GroupNormalization": {"groups": 2}}
    facts = small(conv, norm, conv, shape=(3, 3, 2))
    first, second = 2 * (9 * 2 + 4 * 2), 2 * (9 * 4 + 4 * 4)
    assert kept(Autocast(facts, "float16")).total == first + 4 * 9 * 4 + 2 * 2 * 4 + second


def test_a_plan_s_master_weights_have_two_names():
    named, flag = (Plan("bfloat16", precision="bf16-master"), Plan("bfloat16", mixed=True))
    one, other = (archinspect.memory_report("vgg11", plan).training for plan in (named, flag))
    assert one == other
    assert archinspect.memory_report("vgg11", Plan(precision="bf16-master")).training == one


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--mixed"], "does not go with 'amp'"),
        (["--attention", "eager"], "eager attention is not known"),
        (["--weights-dtype", "nf4"], "leave weights_dtype out"),
    ],
)
def test_what_does_not_go_together_is_refused(options, reason, run):
    found = run("memory", "vgg11", "--precision", "amp", *options)
    assert (found.exit_code, reason in found.stderr) == (2, True)


def test_the_option_is_told(run):
    assert "Training, batch 1, adam, autocast" in run("memory", "lenet5", "--precision", "amp").stdout
    with pytest.raises(ValueError, match="precision is one of"):
        archinspect.memory_report("lenet5", Plan(precision="half"))


def test_what_is_not_known_is_said(run):
    crf = {"CRF": 16, "name": "steps"}
    spec = {"input": [7, 16], "layers": [{"Dense": 16}, crf]}
    with_it = archinspect.memory_report(spec, AMP).training.kept
    assert with_it.unknown == archinspect.memory_report(spec, Plan()).training.kept.unknown == ("steps",)
    assert with_it.total == 2 * (7 * 16)  # the dense layer's input, cast: the loss of the best tags is one of scores
    text = json.dumps(spec)
    assert "of steps, which is not known: ?" in run("memory", "-", "--precision", "amp", stdin=text).stdout
    fitted = run("fit", "-", "--train", "--memory", "1MiB", "--precision", "amp", stdin=text).stdout
    assert "Not counted: steps (kept)" in fitted


def test_a_kernel_reads_what_it_is_given():
    """Kept of a scan: its inputs, in 16 bits as they are, and of each state two numbers in float32."""
    scan = {"SelectiveScan": {}, "from": ["x", "x", "A", "B", "B"], "name": "scan"}
    parts = [{"Dense": 16, "name": "x"}, {"Dense": 4, "name": "B"}, {"Parameter": [16, 4], "name": "A"}]
    found = archinspect.memory_report({"input": [7, 16], "layers": [*parts, scan]}, AMP).training.kept
    dense = 2 * (7 * 16 + 16 * 4)  # casts of the first one's input and of the second one's kernel
    assert found.total == dense + 2 * (7 * 16 + 7 * 4) + 4 * 2 * 16 * 4


HEADS = {"num_heads": 4, "key_dim": 4}


@pytest.mark.parametrize(
    ("layer", "batch", "autocast", "bfloat16"),
    [
        ({"nn.MultiheadAttention": {"embed_dim": 16, "num_heads": 4}}, 3, 9664, 7488),
        ({"nn.MultiheadAttention": {"embed_dim": 16, "num_heads": 4, "dropout": 0.1}}, 3, 13120, 10944),
        ({"MHA": {**HEADS, "causal": True}}, 1, 4672, 2496),
        ({"MHA": {**HEADS, "num_kv_heads": 2}}, 3, 9152, 7488),
        ({"SDPA": {"num_heads": 2}}, 3, 5600, 5472),
    ],
)
def test_products_of_attention_are_in_float32(layer, batch, autocast, bfloat16):
    """As PyTorch's function without a kernel, `sdpa_kernel(SDPBackend.MATH)` of PyTorch 2.13 on a CPU."""
    spec = {"input": [6, 16], "layers": [{"Linear": 16}, layer, {"Linear": 4}]}
    plans = Plan(precision="amp", attention="math"), Plan("bfloat16", attention="math")
    found = [archinspect.memory_report(spec, plan, batch=batch).training.kept.total for plan in plans]
    assert found == [autocast, bfloat16]


@pytest.mark.parametrize(
    ("heads", "features", "batch", "held"),
    [
        ({"num_heads": 2}, 16, 1, 2544),
        ({"num_heads": 2}, 16, 3, 8928),
        ({"num_heads": 2, "causal": True}, 16, 3, 9072),
        ({"num_heads": 2}, 64, 3, 33120),
    ],
)
def test_products_of_attention_hold_copies_in_float32(heads, features, batch, held):
    """The same on the meta device, in bfloat16, beside the input."""
    net = archinspect.network({"input": [6, features], "layers": [{"SDPA": heads}]}, batch=batch, dtype="bfloat16")
    assert peak_bytes(net.facts, attention="math") - 2 * batch * 6 * features == held
