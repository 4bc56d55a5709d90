"""Headers of GGUF: small files, whose figures follow by hand."""

import json
import struct
import time
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
from weight_files import F16, F32, Q4_K, Q6_K, Q8_0, gguf, llama, metadata

import archinspect
from archinspect.graph.stored import BARE

LAYER = 2 * 256 * 256 + 2 * 256 * 128 + 3 * 256 * 512 + 2 * 256
LLAMA = 2 * LAYER + 256 + 2 * 256 * 320
BYTES = {
    Q4_K: 144 * (2 * (2 * 256 + 128 + 2 * 512) + 320),
    Q6_K: 210 * (2 * (128 + 512) + 320),
    F32: 4 * 5 * 256,
}


@pytest.fixture
def write(tmp_path):
    def write(values, tensors, name="net.gguf", **how):
        path = tmp_path / name
        path.write_bytes(gguf(values, tensors, **how))
        return str(path)

    return write


def test_a_decoder_has_the_shapes_of_its_tensors_and_their_bytes(write):
    report = archinspect.inspect(write(metadata(), llama()), params={"seq": 8})
    attention = 2 * 2 * 8 * 8 * 256  # layers, two products
    assert report.status == "complete"
    assert report.name == "small-llama"
    assert report.totals.params == LLAMA
    assert report.totals.macs == 8 * (LLAMA - 256 * 320 - 5 * 256) + attention
    assert report.stored.bytes == sum(BYTES.values())
    assert {name: of.bytes for name, of in report.stored.types.items()} == {
        "Q4_K": BYTES[Q4_K],
        "Q6_K": BYTES[Q6_K],
        "F32": BYTES[F32],
    }
    assert report.as_dict()["stored"]["bits_per_weight"] == round(8 * sum(BYTES.values()) / LLAMA, 4)


def test_weights_take_the_bytes_that_the_file_has(write):
    network = archinspect.network(write(metadata(), llama()))
    assert network.memory().inference.weights == sum(BYTES.values())
    assert network.memory(archinspect.Plan(weights_dtype="float16")).inference.weights == 2 * LLAMA
    assert network.memory().training.weights == 4 * LLAMA
    assert network.memory(archinspect.Plan(cached=100)).inference.cache == 2 * 2 * 100 * 128 * 4


def decoder(width=64, layers=1, **tensors):
    found = {"token_embd.weight": (F32, width, 100), "output_norm.weight": (F32, width)}
    own = {
        "attn_norm.weight": (F32, width),
        "attn_q.weight": (F32, width, width),
        "attn_k.weight": (F32, width, 32),
        "attn_v.weight": (F32, width, 32),
        "attn_output.weight": (F32, width, width),
        "ffn_norm.weight": (F32, width),
        "ffn_gate.weight": (F32, width, 96),
        "ffn_up.weight": (F32, width, 96),
        "ffn_down.weight": (F32, 96, width),
        **{name.replace("__", "."): shape for name, shape in tensors.items()},
    }
    own = {name: shape for name, shape in own.items() if shape}
    return found | {f"blk.{i}.{name}": shape for i in range(layers) for name, shape in own.items()}


def elements(tensors):
    count = 0
    for _, *shape in tensors.values():
        size = 1
        for one in shape:
            size *= one
        count += size
    return count


NO_MLP = {"ffn_gate__weight": None, "ffn_up__weight": None, "ffn_down__weight": None}
NO_QKV = {f"attn_{one}__weight": None for one in "qkv"}
EXPERTS = {
    "ffn_gate_inp__weight": (F32, 64, 4),
    "ffn_gate_exps__weight": (F32, 64, 32, 4),
    "ffn_up_exps__weight": (F32, 64, 32, 4),
    "ffn_down_exps__weight": (F32, 32, 64, 4),
}
LATENT = {
    **NO_QKV,
    "attn_q_a__weight": (F32, 64, 24),
    "attn_q_a_norm__weight": (F32, 24),
    "attn_q_b__weight": (F32, 24, 4 * 24),
    "attn_kv_a_mqa__weight": (F32, 64, 16 + 8),
    "attn_kv_a_norm__weight": (F32, 16),
    "attn_k_b__weight": (F32, 16, 16, 4),
    "attn_v_b__weight": (F32, 16, 12, 4),
    "attn_output__weight": (F32, 48, 64),
}
OF_LATENT = {
    "attention__kv_lora_rank": 16,
    "attention__q_lora_rank": 24,
    "attention__key_length_mla": 24,
    "attention__value_length_mla": 12,
}
PARTS: dict[str, tuple[dict, dict]] = {
    "biases": ({}, {"attn_q__bias": (F32, 64), "attn_k__bias": (F32, 32), "attn_v__bias": (F32, 32)}),
    "norms of heads": ({}, {"attn_q_norm__weight": (F32, 16), "attn_k_norm__weight": (F32, 16)}),
    "norms of all heads": ({}, {"attn_q_norm__weight": (F32, 64), "attn_k_norm__weight": (F32, 32)}),
    "norms around": ({}, {"post_attention_norm__weight": (F32, 64), "post_ffw_norm__weight": (F32, 64)}),
    "one product": ({}, {**NO_QKV, "attn_qkv__weight": (F32, 64, 128)}),
    "parallel": ({}, {"ffn_norm__weight": None}),
    "gate in one": ({}, {**NO_MLP, "ffn_up__weight": (F32, 64, 192), "ffn_down__weight": (F32, 96, 64)}),
    "no gate": ({}, {"ffn_gate__weight": None}),
    "experts": ({"expert_used_count": 2}, {**NO_MLP, **EXPERTS}),
    "a shared expert": (
        {"expert_used_count": 2},
        {
            **NO_MLP,
            **EXPERTS,
            "ffn_up_shexp__weight": (F32, 64, 40),
            "ffn_gate_shexp__weight": (F32, 64, 40),
            "ffn_down_shexp__weight": (F32, 40, 64),
            "ffn_gate_inp_shexp__weight": (F32, 64),
        },
    ),
    "latent": (OF_LATENT, LATENT),
}


@pytest.mark.parametrize("name", PARTS)
def test_what_a_layer_has_follows_from_its_tensors(write, name):
    values, changed = PARTS[name]
    tensors = decoder(**changed)
    report = archinspect.inspect(write(metadata(width=64, layers=1, **values), tensors))
    assert (report.status, report.totals.params) == ("complete", elements(tensors))


def test_experts_cost_those_that_are_chosen(write):
    costs = []
    for top in (1, 3):
        values = metadata(width=64, layers=1, expert_used_count=top)
        path = write(values, decoder(**NO_MLP, **EXPERTS))
        costs.append(archinspect.inspect(path, params={"seq": 1}).totals.macs)
    assert costs[1] - costs[0] == 2 * 3 * 64 * 32


def test_layers_of_several_sizes(write):
    tensors = decoder(layers=2)
    tensors["blk.1.attn_k.weight"] = tensors["blk.1.attn_v.weight"] = (F32, 64, 16)
    values = metadata(width=64)
    values["llama.attention.head_count_kv"] = [2, 1]
    assert archinspect.inspect(write(values, tensors)).totals.params == elements(tensors)


def test_an_encoder(write):
    tensors = decoder(
        attn_norm__weight=None,
        ffn_norm__weight=None,
        ffn_gate__weight=None,
        attn_output_norm__weight=(F32, 64),
        attn_output_norm__bias=(F32, 64),
        layer_output_norm__weight=(F32, 64),
        layer_output_norm__bias=(F32, 64),
    )
    del tensors["output_norm.weight"]
    tensors |= {"token_types.weight": (F32, 64, 2), "position_embd.weight": (F32, 64, 512)}
    values = metadata("bert", width=64, layers=1, attention__causal=False, attention__layer_norm_rms_epsilon=None)
    report = archinspect.inspect(write(values, tensors))
    assert (report.status, report.totals.params) == ("complete", elements(tensors))


@pytest.mark.parametrize("kind", ["gemma-embedding", "llama-embed", "eurobert"])
def test_an_encoder_whose_file_does_not_say_so_gives_features(write, kind):
    values = metadata(width=64, layers=1, attention__causal=False)
    features = archinspect.inspect(write(values, decoder())).totals.macs
    found = archinspect.inspect(write(metadata(kind, width=64, layers=1), decoder()))
    assert (found.totals.macs, found.status) == (features, "complete")


def test_a_part_that_is_not_known_has_weights_and_unknown_work(write):
    tensors = decoder(ssm_in__weight=(F32, 64, 30), ssm_a=(F32, 5))
    report = archinspect.inspect(write(metadata("jamba", width=64, layers=1), tensors))
    assert report.totals.params == elements(tensors)
    assert report.uncounted == {"blk.0.2_tensors_that_are_not_known": ("macs", "flops")}


def test_an_architecture_that_is_not_known_is_a_table(write):
    tensors = {"v.patch_embd.weight": (F16, 14, 14, 3, 8), "v.blk.0.ln1.weight": (F32, 8)}
    report = archinspect.inspect(write({"general.architecture": "clip"}, tensors))
    assert [(row.name, row.cost.params) for row in report.layers] == [(n, elements({n: t})) for n, t in tensors.items()]
    assert report.status == "partial"


def test_compare_says_which_types_differ(run, write):
    some = write(metadata(), llama(), "a-Q4_K_M.gguf")
    other = write(metadata(), llama(Q8_0, Q8_0), "a-Q8_0.gguf")
    lines = [line.split() for line in run("compare", some, other).stdout.splitlines()]
    assert ["blk.*.attn_v.weight", "Q6_K", "Q8_0"] in lines
    assert ["blk.*.attn_q.weight", "Q4_K", "Q8_0"] in lines
    assert not any("attn_norm" in line[0] for line in lines if line)


def test_diff_says_which_types_differ(run, write):
    some, other = write(metadata(), llama(), "a.gguf"), write(metadata(), llama(Q8_0, Q8_0), "b.gguf")
    assert "stored: blk.*.attn_v.weight: Q6_K -> Q8_0" in run("diff", some, other).stdout
    assert "no difference" in run("diff", some, some).stdout


def test_a_model_in_parts(write):
    tensors = list(llama().items())
    for number, part in enumerate((tensors[:7], tensors[7:]), 1):
        values = metadata() if number == 1 else {}
        values |= {"split.count": 2}
        path = write(values, dict(part), f"net-{number:05d}-of-00002.gguf")
    assert archinspect.inspect(path).totals.params == LLAMA


def test_a_header_alone_is_read_and_told(write):
    stored = archinspect.inspect(write(metadata(), llama(), data=False)).stored
    assert (stored.bytes, stored.notes) == (sum(BYTES.values()), (f"21; {BARE}",))


def test_a_vocabulary_is_stepped_over(write):
    values = metadata() | {
        "tokenizer.ggml.tokens": [f"word{i}" for i in range(128_256)],
        "tokenizer.ggml.merges": [f"a b{i}" for i in range(280_147)],
    }
    path = write(values, llama())
    start = time.perf_counter()
    assert archinspect.inspect(path).totals.params == LLAMA
    assert time.perf_counter() - start < 2  # the official reader takes 13 s


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (gguf(metadata(), llama())[:-5000], "and the file at"),
        (gguf(metadata(), llama(), shift=32), "overlaps the tensor before it"),
        (gguf(metadata(), llama(), shift=4), "does not begin at a multiple of 32 bytes"),
        (gguf(metadata(), llama(), version=1), "version 1 of GGUF is not read"),
        (gguf(metadata(), llama())[:700], "the file ends within its header"),
        (b"GGUF" + struct.pack("<IQQ", 3, 2**60, 1), "tensors and 1 keys"),
        (gguf(metadata(), {"a": (Q4_K, 64)}), "which is no multiple of the 256"),
        (gguf(metadata(), {"a": (Q4_K,)}), "has rows of 1, which is no multiple of the 256"),
        (gguf(metadata(heads=0), llama()), "has weights"),
        (gguf(metadata(layers=10**6), llama()), "at most 4,096"),
        (gguf(metadata(width=64), {**llama(), "blk.0.attn_q.weight": (F32, 64, 256)}), "reads 64 features"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, content, message):
    path = tmp_path / "net.gguf"
    path.write_bytes(content)
    if message == "has weights":
        assert archinspect.inspect(path).status == "partial"
        return
    with pytest.raises(archinspect.InvalidSpecError, match=message):
        archinspect.inspect(path)


def mutated(data, random):
    data = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 5))):
        at = random.randrange(min(len(data), 3000))
        data[at] = random.choice((0, 1, 255, random.randrange(256), data[at] ^ 1))
    return bytes(data[: random.choice((len(data), len(data), random.randrange(len(data))))])


def test_no_mutation_of_a_file_is_a_traceback(tmp_path):
    random = Random(7)
    path = Path(tmp_path / "net.gguf")
    moe = gguf(metadata(width=64, layers=1, expert_used_count=2), decoder(**NO_MLP, **EXPERTS))
    latent = gguf(metadata(width=64, layers=1, **OF_LATENT), decoder(**LATENT))
    for source in (gguf(metadata(), llama(layers=1)), moe, latent):
        for _ in range(100):
            path.write_bytes(mutated(source, random))
            with suppress(archinspect.InvalidSpecError):
                json.dumps(archinspect.inspect(f"gguf:{path}").as_dict())


@pytest.mark.parametrize(
    ("pooling", "own", "macs"),
    [
        (1, {"dense_2.weight": (F32, 64, 96), "dense_3.weight": (F32, 96, 64)}, 2 * 64 * 96),
        (0, {"dense_2.weight": (F32, 64, 96)}, 8 * 64 * 96),
        (4, {"cls.weight": (F32, 64, 64), "cls.bias": (F32, 64), "cls.output.weight": (F32, 64, 1)}, 65 * 64),
    ],
)
def test_what_is_made_of_a_text(write, pooling, own, macs):
    values = metadata(width=64, layers=1, attention__causal=False, pooling_type=pooling)
    plain = archinspect.inspect(write(values, decoder()), params={"seq": 8}).totals
    report = archinspect.inspect(write(values, decoder() | own), params={"seq": 8})
    assert (report.status, report.totals.params) == ("complete", elements(decoder() | own))
    assert report.totals.macs - plain.macs == macs
