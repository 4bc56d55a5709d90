"""Weights in few bits: against what programs store, and by hand."""

from __future__ import annotations

import pytest

import archinspect
from archinspect import Plan, network
from archinspect.analyses.formats import FORMATS, GGML, Matrix, stored_bytes
from archinspect.cli import options


def stored(spec, name, **settings):
    return stored_bytes(network(spec, **settings).facts, name)


def linear(units, inputs, *, after=None):
    """Return a network of a linear layer that is not the last."""
    layers = [{"Dense": {"units": units, "use_bias": False}, "name": "one"}, {"Dense": {"units": 2, "use_bias": False}}]
    return {"input": [inputs], "layers": [*layers, *(after or [])]}


def test_names_of_the_option_are_those_of_the_table():
    assert tuple(FORMATS) == options.FORMATS
    assert all(form.source for form in FORMATS.values())


def test_llama_in_nf4():
    """Half a byte and a sixteenth for each element of a linear layer; tables, norms and the head in 16 bits."""
    linear_layers = 32 * (4 * 4096**2 + 3 * 4096 * 11008)
    others = 2 * 32000 * 4096 + 65 * 4096
    wanted = linear_layers // 2 + linear_layers // 64 * 4 + 2 * others
    assert stored("llama2_7b", "nf4") == wanted == 4_167_573_504
    found = archinspect.memory_report("llama2_7b", Plan(weights_dtype="nf4"), params={"seq": 1})
    assert found.ledger.bytes["int4"] == found.inference.weights == wanted


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        # bitsandbytes 0.50.2, quantize_4bit of a 100 x 130 matrix: packed, absmax, and of nested ones absmax and offset
        ("nf4", 6500 + 204 * 4),
        ("nf4-dq", 6500 + 204 + 1 * 4 + 4),
        # a float32 for each of 100 rows
        ("llm-int8", 13000 + 400),
        # qweight of 17 int32 for 130 rows in 100 columns, zeros of 2 groups in 13 int32, float16 scales, g_idx
        ("gptq", 100 * 17 * 4 + 2 * 13 * 4 + 2 * 100 * 2 + 130 * 4),
        ("awq", 100 * 17 * 4 + 2 * 13 * 4 + 2 * 100 * 2),
        # 130 in a row: 5 blocks of 32, 9 of 16
        ("mxfp4", 100 * (65 + 5)),
        ("mxfp8", 100 * (130 + 5)),
        ("nvfp4", 100 * (65 + 9) + 4),
        # no multiple of 32: float16
        ("q4_0", 2 * 13000),
        ("q4_k", 2 * 13000),
    ],
)
def test_a_matrix_by_hand(name, wanted):
    assert FORMATS[name].bytes(Matrix(100, 130)) == wanted
    if name in GGML:
        assert stored(linear(100, 130), name) == wanted + 2 * 100 * 2
    else:
        assert stored(linear(100, 130), name) == wanted + 2 * 200  # the last layer is as it was


@pytest.mark.parametrize("name", GGML)
def test_blocks_of_llama_cpp(name):
    """A row of 512 has whole blocks, one of 96 has those of 32 alone."""
    block = GGML[name]
    assert FORMATS[name].bytes(Matrix(7, 512)) == 7 * 512 // block.elements * block.bytes
    narrow = GGML[block.instead or name]
    assert FORMATS[name].bytes(Matrix(7, 96)) == 7 * 3 * narrow.bytes


BITS = {
    **dict.fromkeys(("q4_0", "iq4_nl", "q4_k", "nf4"), 4.5),
    **dict.fromkeys(("q5_0", "q5_k"), 5.5),
    **dict.fromkeys(("mxfp4", "iq4_xs"), 4.25),
    "q4_1": 5,
    "q5_1": 6,
    "q8_0": 8.5,
    "q2_k": 2.625,
    "q3_k": 3.4375,
    "q6_k": 6.5625,
    "mxfp8": 8.25,
}


@pytest.mark.parametrize("name", BITS)
def test_bits_an_element_are_the_published_ones(name):
    assert FORMATS[name].bytes(Matrix(256, 4096)) * 8 == BITS[name] * 256 * 4096


def test_tables_norms_and_positions():
    """GPT-2, whose head is the table: llama.cpp stores that in blocks, and positions and vectors in float32."""
    layers = 12 * (4 * 768**2 + 8 * 768**2)
    params = network("gpt2").report().totals.params
    vectors = params - layers - (50257 + 1024) * 768
    assert stored("gpt2", "q8_0") == (layers + 50257 * 768) // 32 * 34 + 4 * (vectors + 1024 * 768)
    assert stored("gpt2", "nf4") == layers // 2 + layers // 16 + 2 * (vectors + (50257 + 1024) * 768)


def test_experts_are_matrices_each():
    net = {"input": [3, 64], "layers": [{"MixtureOfExperts": {"num_experts": 4, "units": 32}}, {"Dense": 64}]}
    experts, router, last = 4 * 3 * 64 * 32, 4 * 64, 64 * 64
    blocks = 4 * (2 * 32 * (32 + 4) + 64 * (16 + 2) + 3 * 4)
    assert stored(net, "nvfp4") == blocks + router // 2 + 4 * 4 + 4 + 2 * (last + 64)
    assert stored(net, "q4_0") == experts // 32 * 18 + 4 * router + last // 32 * 18 + 4 * 64


def test_convolutions_and_the_last_layer_stay():
    assert stored("vgg11", "nf4") < stored("vgg11", "float16")
    assert stored("resnet50", "nf4") == stored("resnet50", "float16")
    assert archinspect.memory_report("resnet50").ledger.bytes["int4"] == stored("resnet50", "bfloat16")


def test_what_trains_is_in_no_format():
    net = linear(64, 64)
    net["layers"][0]["trainable"] = False
    found = archinspect.memory_report(net, Plan(dtype="bfloat16", weights_dtype="nf4"))
    assert found.training.weights == 64 * 64 // 2 + 64 * 64 // 16 + 2 * 128
    assert found.training.gradients == 2 * 128
    assert found.inference.weights == found.training.weights
    trained = archinspect.memory_report(linear(64, 64), Plan(dtype="bfloat16", weights_dtype="nf4"))
    assert trained.training.weights == 2 * (64 * 64 + 128)


def test_weights_in_another_type_than_activations():
    plan = Plan(dtype="bfloat16", weights_dtype="fp32")
    found, plain = archinspect.memory_report("vgg11", plan), archinspect.memory_report("vgg11")
    assert found.training[:4] == plain.training[:4]
    assert found.inference.weights == plain.inference.weights
    assert found.inference.peak.bytes < plain.inference.peak.bytes
    with pytest.raises(ValueError, match="weights_dtype is one of"):
        archinspect.memory_report("vgg11", Plan(weights_dtype="q9"))


def test_the_option(run):
    printed = run("memory", "llama2_7b", "--weights-dtype", "Q4_K", "--set", "seq=1").stdout
    assert "stored as q4_k" in printed
    fits = run("fit", "llama2_7b", "--memory", "8GiB", "--weights-dtype", "nf4", "--vary", "batch", "--set", "seq=1")
    assert fits.exit_code == 0
