"""What decoders cache: against published figures, and by hand."""

from __future__ import annotations

import json

import pytest
from small import small

import archinspect
from archinspect import Plan
from archinspect.analyses.caches import kv_cache
from archinspect.analyses.formats import KV_FORMATS
from archinspect.api import network
from archinspect.cli import options

MIB = 2**20


def cached(spec, steps, dtype="float32", **plan):
    return archinspect.memory_report(spec, Plan(dtype=dtype, cached=steps, **plan)).inference


def test_caches_are_the_known_ones():
    """Llama 2 7B is known for half a MiB a token, Llama 3 8B, with a quarter of the heads, for an eighth."""
    assert kv_cache(network("llama2_7b", dtype="float16").facts, 1) == MIB // 2
    assert kv_cache(network("llama3_8b", dtype="bfloat16").facts, 1) == MIB // 8
    assert kv_cache(network("gpt2", batch=2).facts, 1024) == 2 * 12 * 768 * 1024 * 2 * 4
    assert kv_cache(network("bert_base").facts, 512) == 0  # sees what comes later
    assert kv_cache(network("vit_b_16").facts, 512) == 0


@pytest.mark.parametrize(("name", "source", "width"), [("t5_small", 512, 512), ("transformer_base", 100, 512)])
def test_attention_to_an_encoder_is_cached_once(name, source, width):
    """Six layers: keys and values of the steps that were made, and of all that the encoder read."""
    params = {"seq": source}
    assert kv_cache(network(name, params=params).facts, 100) == 6 * 2 * width * (100 + source) * 4
    assert kv_cache(network(name, params=params, batch=3).facts, 1) == 3 * 6 * 2 * width * (1 + source) * 4


def attention(**args):
    return {"MultiHeadAttention": {"num_heads": 4, "key_dim": 8, "causal": True, **args}}


def heads(count):
    return {"ScaledDotProductAttention": {"num_heads": count, "causal": True}}


def test_a_window_bounds_the_cache():
    facts = small(attention(), attention(window=128), attention(sliding_window=16), shape=[300, 32])
    assert kv_cache(facts, 100) == 2 * 32 * (100 + 100 + 15) * 4
    assert kv_cache(facts, 1000) == 2 * 32 * (1000 + 127 + 15) * 4


@pytest.mark.parametrize(
    "again", [{"Repeat": {"repeats": 4, "axis": 2}}, {"Expand": {"shape": [-1, 8, 32]}}, {"Tile": [1, 4, 1]}]
)
@pytest.mark.parametrize("said", [{}, {"cache": False}], ids=["cached-before", "cached-so"])
def test_heads_are_cached_before_they_are_repeated(again, said):
    """As transformers' `repeat_kv`: two heads of 32, of which eight are made."""
    heads_of = 1 if "Expand" in again else 2
    layers = [
        {"Dense": 256, "name": "queries"},
        *(
            step
            for name in ("keys", "values")
            for step in (
                {"Dense": 32 * heads_of, "from": "input", **said},
                {"Reshape": [-1, heads_of, 32], **said},
                again,
                {"Reshape": [-1, 256], "name": name},
            )
        ),
        {**heads(8), "from": ["queries", "keys", "values"]},
    ]
    times = 8 // heads_of if said else 1
    assert cached({"input": [16, 64], "layers": layers}, 100).cache == 100 * 2 * 32 * heads_of * times * 4


def test_a_layer_says_that_it_is_what_is_cached():
    """Multi-head latent attention: a vector of 576, of which keys and values are made anew."""

    def net(**mark):
        return {"input": [64, 256], "layers": layers(**mark)}

    def layers(**mark):
        return [
            {"Dense": 3072, "name": "queries"},
            {"Dense": 576, "name": "latent", "from": "input", **mark},
            {"Slice": {"stop": 512}, "name": "compressed"},
            {"Dense": 3072, "name": "keys", "from": "compressed"},
            {"Dense": 2048, "name": "values", "from": "compressed"},
            {**heads(16), "from": ["queries", "keys", "values"]},
        ]

    assert cached(net(cache=True), 4096, "float16").cache == cached(net(), 4096, "float16").cache == 4096 * 576 * 2
    assert cached(net(cache=False), 4096, "float16").cache == 4096 * (3072 + 2048) * 2


@pytest.mark.parametrize(
    ("changed", "features"),
    [
        ({}, 24),
        ({"keys": {"Dense": 32, "from": "turns"}}, 24),  # turned before the product, as keys without positions
        ({"keys": {"RotaryEmbedding": None, "from": "wide"}}, 32 + 32),  # kernels cannot be absorbed
        ({"values": {"Dense": {"units": 32, "activation": "relu"}, "from": "latent"}}, 32 + 32),
        ({"values": {"Dense": 32, "from": "input"}}, 32 + 32),
        ({"more": {"Dense": 8, "from": "latent"}}, 32 + 32),  # something else is made of it
        ({"latent": {"Dense": 64, "from": "input"}}, 32 + 32),
    ],
    ids=["latent", "turned", "turned-after", "function", "keys", "read", "wide"],
)
def test_what_is_latent_is_found(changed, features):
    """Keys and values of 32 features, made of 24: what nothing else reads, by products alone."""
    steps = {
        "queries": {"Dense": 32},
        "latent": {"Dense": 24, "from": "input"},
        "turns": {"RotaryEmbedding": None},
        "wide": {"Dense": 32, "from": "latent"},
        "keys": {"Identity": None, "from": "wide"},
        "values": {"Dense": 32, "from": "latent"},
        "more": {"Identity": None, "from": "values"},
        "attend": {**heads(4), "from": ["queries", "keys", "values"]},
    } | changed
    layers = [{**step, "name": name} for name, step in steps.items()]
    net = {"input": [64, 16], "layers": layers, "outputs": ["attend", "more"] if "more" in changed else ["attend"]}
    assert cached(net, 100).cache == 100 * features * 4


def test_recurrent_layers_cache_a_state():
    """A GRU has one, an LSTM two, an encoder that only hands on its last state none."""
    layers = ({"GRU": {"units": 5, "return_sequences": True}}, {"LSTM": {"units": 7, "return_sequences": True}})
    facts = small(*layers, {"Dense": 9}, shape=[10, 3], batch=2)
    assert kv_cache(facts, 1) == kv_cache(facts, 1000) == 2 * (5 + 2 * 7) * 4
    assert kv_cache(facts, 1, "int8") == kv_cache(facts, 1)
    assert kv_cache(small(*layers, {"LSTM": 4}, shape=[10, 3]), 9) == 0
    assert kv_cache(small({"Bidirectional": {"layer": layers[0]}}, shape=[10, 3]), 9) == 0
    assert kv_cache(network("gru_seq2seq").facts, 9) == 1000 * 4


MIXERS = [
    ("chunks", {"LinearAttention": {"num_heads": 4, "chunk": 4}, "from": ["x", "x", "x"]}, 4 * 4 * 4),
    ("retention", {"LinearAttention": {"num_heads": 2}, "from": ["x", "x", "x", "heads"]}, 2 * 8 * 8),
    ("mamba", {"SelectiveScan": None, "from": ["x", "x", "decay", "b", "b"]}, 16 * 3),
    ("convolution", {"Conv1D": {"filters": 5, "kernel_size": 4, "padding": "causal"}}, 4 * 16),
    ("dilated", {"DepthwiseConv1D": {"kernel_size": 3, "dilation_rate": 2, "padding": [[4, 0]]}}, 5 * 16),
    ("shift", {"ZeroPadding1D": {"padding": [[1, 0]]}}, 16),
]


@pytest.mark.parametrize(("layer", "state"), [row[1:] for row in MIXERS], ids=[row[0] for row in MIXERS])
def test_mixers_hand_a_state_to_the_next_step(layer, state):
    """Whatever the number of steps, for each sample; a step costs as much after many as after few."""
    net = {
        "input": ["$seq", 16],
        "params": {"seq": 10},
        "layers": [
            {"Parameter": [2], "name": "heads"},
            {"Parameter": [16, 3], "name": "decay"},
            {"Dense": 3, "name": "b", "from": "input"},
            {"Identity": None, "name": "x", "from": "input"},
            layer,
        ],
    }
    for steps in (1, 1000):
        assert kv_cache(network(net, batch=3).facts, steps) == 3 * state * 4
    few, many = (archinspect.inspect(net, past=past).totals.macs for past in (2, 1000))
    assert few == many
    assert few <= archinspect.inspect(net, params={"seq": 1}).totals.macs


def test_a_convolution_that_is_padded_at_both_ends_and_cut_is_causal():
    """transformers' mixers; a step has no positions behind it to compute."""
    layers = [
        {"Conv1D": {"filters": 16, "kernel_size": 4, "padding": 3, "groups": 16}},
        {"Slice": {"stop": -3}},
    ]
    net = {"input": ["$seq", 16], "params": {"seq": 10}, "layers": layers}
    assert kv_cache(network(net, batch=2).facts, 7) == 2 * 4 * 16 * 4
    assert archinspect.inspect(net, past=7).totals.macs == 4 * 16


def test_a_convolution_of_all_steps_is_not_known():
    net = {
        "input": ["$seq", 16],
        "params": {"seq": 8},
        "layers": [
            {"Conv1D": {"filters": 16, "kernel_size": 3, "padding": "causal"}},
            {"Parameter": ["$seq", 16], "name": "filter"},
            {"FFTConvolution": None, "name": "long", "from": ["conv1d", "filter"]},
        ],
    }
    assert cached(net, 8).uncached == ("long",)
    with pytest.raises(ValueError, match="what 'long' keeps"):
        network(net, past=9)


def test_attention_that_does_not_generate_is_not_cached():
    """A text encoder is causal, but it runs once for all steps of what reads it as keys."""
    net = {
        "inputs": {"text": [7, 16], "latent": [9, 16]},
        "layers": [
            {**attention(), "name": "encoder", "from": "text"},
            {"MultiHeadAttention": {"num_heads": 4, "key_dim": 4}, "from": ["latent", "encoder"]},
        ],
    }
    assert cached(net, 50).cache == 0


def test_keys_and_values_have_a_type_of_their_own():
    found = cached("llama3_8b", 4096, "bfloat16", kv_dtype="fp8")
    assert found.cache == cached("llama3_8b", 4096, "bfloat16").cache // 2
    with pytest.raises(ValueError, match="kv_dtype"):
        cached("llama3_8b", 1, kv_dtype="int3")


def test_keys_and_values_may_be_in_blocks(run):
    """As llama.cpp's `--cache-type-k q8_0`: 34 bytes for 32 elements, 18 for `q4_0`."""
    elements = 100 * 32 * 2 * 8 * 128
    assert cached("llama3_8b", 100, kv_dtype="q8_0").cache == elements * 34 // 32
    assert cached("llama3_8b", 100, kv_dtype="q4_0").cache == elements * 18 // 32
    assert options.KV_FORMATS == KV_FORMATS
    found = run("memory", "llama3_8b", "--set", "seq=1", "--kv-cache", "100", "--kv-dtype", "Q8_0").stdout
    assert "of 100 steps, q8_0" in found


@pytest.mark.parametrize(("name", "own"), [("int4", "nf4"), ("8bit", "llm-int8"), ("float8_e4m3", "float8")])
def test_formats_have_other_names(name, own, run):
    one, other = (run("memory", "gpt2", "--weights-dtype", type_).stdout for type_ in (name, own))
    assert one == other
    assert f"stored as {own}" in one


def test_a_mixture_of_types_is_refused(run):
    found = run("memory", "gpt2", "--weights-dtype", "Q4_K_M")
    assert (found.exit_code, "'q4_k' has all in one" in found.stderr.replace("\n", " ")) == (2, True)


def test_attention_by_hand_is_named(run):
    by_hand = {
        "input": [10, 16],
        "layers": [
            {"Dense": 16, "name": "q"},
            {"Dense": 16, "name": "k", "from": "input"},
            {"Permute": [2, 1], "name": "turned"},
            {"MatMul": None, "from": ["q", "turned"]},
            {"Rescaling": 0.25},
            "Softmax",
            {"Dense": 16, "name": "v", "from": "input"},
            {"MatMul": None, "name": "attend", "from": ["softmax", "v"]},
        ],
    }
    assert cached(by_hand, 8).uncached == ("attend",)
    assert cached(by_hand, 8).cache == 0
    assert cached(by_hand, 0).uncached == ()
    assert cached("llama3_8b", 8).uncached == ()
    printed = run("memory", "-", "--kv-cache", "8", stdin=json.dumps(by_hand)).stdout
    assert "not of what is written by hand: attend" in printed


# A step of a decoder

LLAMA = {"depth": 2, "width": 256, "heads": 8, "kv_heads": 2, "hidden": 688, "vocabulary": 1000}


def test_a_step_attends_to_what_is_cached():
    """transformers 5, LlamaForCausalLM with a DynamicCache of 127 tokens, one more; FlopCounterMode on meta."""
    totals = archinspect.inspect("llama", params=LLAMA, past=127).totals
    assert (totals.macs, totals.params) == (1_771_520, 1_897_728)
    alone = archinspect.inspect("llama", params={**LLAMA, "seq": 1}).totals
    assert totals.macs - alone.macs == 2 * 127 * 2 * 256
    assert totals.flops - alone.flops == 2 * (totals.macs - alone.macs) + 2 * 127 * 7 * 8


def test_several_steps_after_others_are_a_part_of_all():
    """Scores of all steps are those of the first and those of the others after them, but for the mask's half."""
    macs = {
        (past, seq): archinspect.inspect("llama", params={**LLAMA, "seq": seq}, past=past).totals.macs
        for past, seq in [(0, 4), (0, 6), (4, 2)]
    }
    assert macs[0, 6] - macs[0, 4] - macs[4, 2] == 2 * 4 * 2 * 2 * 256  # of the first steps' scores of later ones


def test_a_window_bounds_what_a_step_sees():
    layers = (attention(), attention(window=8))
    net = {"input": [1, 32], "layers": [*layers]}

    def macs(past):
        found = archinspect.inspect(net, past=past, inputs={"": [1, 32]})
        return [row.cost.macs for row in found.layers]

    assert [after - before for before, after in zip(macs(0), macs(5), strict=True)] == [5 * 64, 5 * 64]
    assert [after - before for before, after in zip(macs(0), macs(100), strict=True)] == [100 * 64, 7 * 64]


def test_a_step_reads_the_cache():
    alone, after = (archinspect.compute("llama", params={**LLAMA, "seq": 1}, past=past, batch=3) for past in (0, 127))
    assert after.total.forward_bytes - alone.total.forward_bytes == 3 * 2 * 127 * 2 * 64 * 4
    assert archinspect.memory_report("llama", params=LLAMA, past=127).inference.cache == 2 * 128 * 2 * 64 * 4


def test_scores_that_are_written_down_are_of_all_steps():
    net = network("llama", params=LLAMA, past=127)
    fused, eager = (net.memory(Plan(attention=way)).inference.peak for way in ("fused", "eager"))
    assert eager.bytes > fused.bytes
    assert eager.workspace >= 2 * 8 * 128 * 4


T5 = {"depth": 2, "width": 64, "heads": 4, "hidden": 128, "vocabulary": 100, "seq": 11}


def test_an_encoder_ran_before_the_steps(run):
    """transformers 5, T5ForConditionalGeneration with what it read and 9 tokens cached; FlopCounterMode on meta."""
    net = network("t5_small", params=T5, past=9, batch=3)
    report = net.report()
    assert report.totals.macs == 281_088
    assert report.inputs == {"source": (3, 11), "target": (3, 1)}
    assert report.totals.params == archinspect.inspect("t5_small", params=T5).totals.params
    assert report.before[0] == "encoder.tokens"
    assert net.memory().inference.cache == 3 * 2 * 2 * 64 * (10 + 11) * 4
    assert net.memory().inference.peak.bytes < 3 * 11 * 64 * 4  # nothing of the encoder
    longer = net.with_settings(inputs={"source": [22]}).compute().total
    assert longer.forward_bytes - net.compute().total.forward_bytes == 3 * 2 * 2 * 64 * 11 * 4
    assert net.with_settings(inputs={"target": [4]}).report().totals.macs > 4 * report.totals.macs
    widen = next(layer for layer in report.before if layer.endswith("widen"))
    assert net.explain().layers[widen][0].work == ()
    printed = run("summary", "t5_small", "--cached", "9").stdout
    assert "run once, before the steps, and without work in one: encoder.tokens and" in printed


def latent(**between):
    """Multi-head latent attention: 4 heads, 16 features of a head by a product, 8 that turn and that all share."""
    return {
        "params": {"seq": 10},
        "input": ["$seq", 64],
        "layers": [
            {"Dense": {"units": 96, "use_bias": False}, "name": "queries"},
            {"Dense": {"units": 40, "use_bias": False}, "name": "compressed", "from": "input", "cache": True},
            {"Slice": {"stop": 32, "axis": -1}, "name": "short", "from": "compressed"},
            "RMSNormalization",
            {"Dense": {"units": 64, "use_bias": False}, "name": "up"},
            *between.get("up", []),
            {"Reshape": [-1, 4, 16], "name": "own"},
            {"Slice": {"start": 32, "axis": -1}, "name": "rest", "from": "compressed"},
            {"RotaryEmbedding": None, "name": "turned"},
            {"Reshape": [-1, 1, 8], "name": "apart"},
            {"Repeat": {"repeats": 4, "axis": 2}, "name": "shared"},
            {"Concatenate": {"axis": -1}, "from": ["own", "shared"], "name": "both"},
            {"Reshape": [-1, 96], "name": "keys"},
            {"Dense": {"units": 64, "use_bias": False}, "name": "values", "from": "short"},
            {
                "ScaledDotProductAttention": {"num_heads": 4, "causal": True},
                "from": ["queries", "keys", "values"],
                "name": "attend",
            },
        ],
    }


def test_heads_attend_to_cached_latent_vectors():
    """As DeepSeek's program with absorbed kernels: scores of 32 + 8 features, sums of 32, and the kernels of a step."""
    net = network(latent(), past=100, batch=3)
    products = 64 * 96 + 64 * 40 + 32 * 64 + 32 * 64
    assert net.report().totals.macs == 3 * (products + 4 * 101 * (32 + 8) + 4 * 101 * 32)
    assert net.memory().inference.cache == 3 * 101 * 40 * 4
    after, alone = (network(latent(), past=past, batch=3).compute().total.forward_bytes for past in (100, 50))
    assert after - alone == 3 * 50 * 40 * 4
    assert net.memory(Plan(attention="eager")).inference.peak.workspace >= 3 * 4 * 101 * 4


@pytest.mark.parametrize("marked", [True, False], ids=["marked", "found"])
def test_tables_of_angles_are_no_part_of_what_is_cached(marked):
    tables = {"RotaryTables": 8, "name": "angles", "from": "input"}
    queries, compressed, *others = latent()["layers"]
    turn = {"RotaryEmbedding": None, "from": ["rest", "angles", "angles.1"], "name": "turned"}
    others[others.index({"RotaryEmbedding": None, "name": "turned"})] = turn
    compressed = {name: value for name, value in compressed.items() if marked or name != "cache"}
    layers = [tables, {**queries, "from": "input"}, compressed, *others]
    assert network({**latent(), "layers": layers}, past=100).memory().inference.cache == 101 * 40 * 4


@pytest.mark.parametrize("between", ["ReLU", {"RotaryEmbedding": None}], ids=["function", "turned"])
def test_kernels_that_cannot_be_absorbed_are_refused(between):
    with pytest.raises(ValueError, match="made anew of all steps"):
        network(latent(up=[between]), past=9)


def test_attention_to_later_steps_has_no_step():
    layers = [attention(), {"MultiHeadAttention": {"num_heads": 4, "key_dim": 8}, "name": "both_ways"}]
    with pytest.raises(ValueError, match="'both_ways' attends to later steps"):
        network({"params": {"seq": 4}, "input": ["$seq", 32], "layers": layers}, past=9)


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("gru_seq2seq", "'encoder.gru' needs all steps"),
        ("bert_base", "neither causal attention nor recurrence"),
        ({"input": [5, 8], "layers": [attention()]}, "no parameter 'seq'"),
    ],
)
def test_a_step_that_is_not_known_is_refused(spec, reason, run):
    with pytest.raises(ValueError, match=reason):
        network(spec, past=9)
    found = run("summary", "-" if isinstance(spec, dict) else spec, "--cached", "9", stdin=json.dumps(spec))
    assert found.exit_code == 2
    assert reason in found.stderr.replace("\n", " ")


def test_a_step_has_no_backward(run):
    found = run("compute", "llama2_7b", "--cached", "9", "--train")
    assert (found.exit_code, "no backward" in found.stderr) == (2, True)
    assert "Training" not in run("memory", "llama2_7b", "--cached", "9").stdout
    assert "after 9 cached steps" in run("summary", "llama2_7b", "--cached", "9").stdout


def test_a_network_keeps_its_step():
    net = network("llama", params=LLAMA, past=127)
    assert net.with_settings(batch=2).report().totals.macs == 2 * 1_771_520
    assert net.with_settings(past=0).report().totals.macs == net.report().totals.macs - 2 * 127 * 512


def test_a_step_is_no_picture(run):
    """Its one step of many features looks like channels first; what says its axes is no sign of it."""
    spec = latent()
    spec["input"] = ["$seq", 64]
    found = run("summary", "-", "--cached", "9", stdin=json.dumps(spec))
    assert (found.exit_code, found.stderr) == (0, "")
