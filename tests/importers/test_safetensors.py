"""Headers of safetensors: alone, and beside a configuration."""

import json
import struct
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
from weight_files import LLAMA, safetensors

import archinspect
from archinspect.graph.stored import BARE

CONFIG = {
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 100,
}
PARAMS = 2 * (2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 96 + 2 * 64) + 64 + 2 * 6400


@pytest.fixture
def folder(tmp_path):
    def folder(tensors, **config):
        (tmp_path / "config.json").write_text(json.dumps({**CONFIG, **config}))
        (tmp_path / "model.safetensors").write_bytes(safetensors(tensors))
        return str(tmp_path)

    return folder


def notes(path):
    return archinspect.inspect(path).stored.notes


def without(*names, **others):
    return {**{name: of for name, of in LLAMA.items() if name not in names}, **others}


def test_tensors_of_a_folder_agree_with_its_configuration(folder):
    report = archinspect.inspect(folder(LLAMA))
    assert report.stored.notes == ("21 of 21 tensors agree",)
    assert {name: tuple(of) for name, of in report.stored.types.items()} == {
        "BF16": (20, 2 * (PARAMS - 64)),
        "F32": (1, 4 * 64),
    }
    network = archinspect.network(folder(LLAMA))
    assert network.memory().inference.weights == 2 * PARAMS + 2 * 64
    assert network.memory(archinspect.Plan(dtype="float16")).training.weights == 2 * PARAMS


@pytest.mark.parametrize(
    ("tensors", "config", "note"),
    [
        (without("model.norm.weight"), {}, "20 of 20 tensors agree; 1 missing: model.norm 64"),
        (without(extra=("F32", 7)), {}, "21 of 22 tensors agree; 1 not expected: extra 7"),
        (
            LLAMA,
            {"intermediate_size": 80},
            "15 of 21 tensors agree; 6 of another shape: model.layers.0.mlp.gate_proj.weight 96x64, not 64x80",
        ),
        (without(**{"model.layers.0.self_attn.rotary_emb.inv_freq": ("F32", 8)}), {}, "21 of 21 tensors agree"),
        ({name.removeprefix("model."): of for name, of in LLAMA.items()}, {}, "21 of 21 tensors agree"),
        (without("lm_head.weight"), {"tie_word_embeddings": True}, "20 of 20 tensors agree"),
        (without("model.embed_tokens.weight"), {"tie_word_embeddings": True}, "20 of 20 tensors agree"),
    ],
)
def test_what_does_not_agree_is_said(folder, tensors, config, note):
    found = notes(folder(tensors, **config))[0]
    assert found.startswith(note) if "shape" in note else found == note


def test_weights_that_are_missing_leave_the_bytes_open(folder):
    network = archinspect.network(folder(without("model.norm.weight")))
    assert network.memory().inference.weights == 4 * PARAMS


def test_a_folder_has_formulas(run, folder):
    found = run("formula", folder(LLAMA))
    assert (found.exit_code, "params = 74_560" in found.stdout) == (0, True)


def test_tied_weights_may_be_stored_again(folder):
    found = notes(folder(LLAMA, tie_word_embeddings=True))
    assert found == ("20 of 20 tensors agree", "lm_head.weight: stored although tied")


def test_names_of_older_versions(folder):
    names = {"q_proj": "query", "k_proj": "key", "v_proj": "value"}
    tensors = {}
    for name, of in LLAMA.items():
        own = name.split(".")[-2]
        tensors[name.replace(own, names.get(own, own))] = of
    assert notes(folder(tensors))[0] == "21 of 21 tensors agree, 6 of them under other names or in other parts"


def test_experts_apart(folder):
    config = {"model_type": "mixtral", "architectures": ["MixtralForCausalLM"], "num_local_experts": 4}
    tensors = {name: of for name, of in LLAMA.items() if ".mlp." not in name}
    for i in range(2):
        moe = f"model.layers.{i}.block_sparse_moe"
        tensors[f"{moe}.gate.weight"] = ("BF16", 4, 64)
        for expert in range(4):
            shapes = {"w1": (96, 64), "w2": (64, 96), "w3": (96, 64)}
            tensors |= {f"{moe}.experts.{expert}.{name}.weight": ("BF16", *of) for name, of in shapes.items()}
    assert notes(folder(tensors, **config))[0].startswith(f"{len(tensors)} of {len(tensors)} tensors agree")


def test_buffers_that_balance_experts_are_no_weights_of_them(folder):
    config = {"model_type": "solar_open", "architectures": ["SolarOpenForCausalLM"], "head_dim": 16}
    config |= {"n_routed_experts": 4, "num_experts_per_tok": 2, "n_shared_experts": 0, "moe_intermediate_size": 96}
    tensors = {name: of for name, of in LLAMA.items() if ".mlp." not in name}
    for i in range(2):
        moe = f"model.layers.{i}.mlp"
        tensors |= {f"{moe}.gate.weight": ("BF16", 4, 64), f"{moe}.gate.e_score_correction_bias": ("F32", 4)}
        for expert in range(4):
            shapes = {"gate_proj": (96, 64), "down_proj": (64, 96), "up_proj": (96, 64)}
            tensors |= {f"{moe}.experts.{expert}.{name}.weight": ("BF16", *of) for name, of in shapes.items()}
    note = notes(folder(tensors, **config))[0]
    assert note.startswith(f"{len(tensors)} of {len(tensors)} tensors agree")
    assert "not expected" not in note


def quantized(change):
    found: dict = {}
    for name, (kind, *shape) in LLAMA.items():
        found |= change(name.removesuffix(".weight"), *shape) if "proj" in name else {name: (kind, *shape)}
    return found


METHODS: dict = {
    "bitsandbytes": (
        {"load_in_4bit": True},
        lambda path, out, into: {
            f"{path}.weight": ("U8", out * into // 2, 1),
            f"{path}.weight.absmax": ("F32", out * into // 64),
            f"{path}.weight.quant_map": ("F32", 16),
            f"{path}.weight.quant_state.bitsandbytes__nf4": ("U8", 80),
        },
    ),
    "gptq": (
        {"bits": 8, "group_size": 32},
        lambda path, out, into: {
            f"{path}.qweight": ("I32", into // 4, out),
            f"{path}.qzeros": ("I32", into // 32, out // 4),
            f"{path}.scales": ("F16", into // 32, out),
            f"{path}.g_idx": ("I32", into),
        },
    ),
    "awq": (
        {"bits": 4, "group_size": 32},
        lambda path, out, into: {
            f"{path}.qweight": ("I32", into, out // 8),
            f"{path}.qzeros": ("I32", into // 32, out // 8),
            f"{path}.scales": ("F16", into // 32, out),
        },
    ),
    "exl2": (  # of several bits, which follow from nothing that is said
        {"bits": 4.25},
        lambda path, out, into: {
            f"{path}.q_weight": ("I32", into // 7, out),
            f"{path}.q_invperm": ("I32", into),
            f"{path}.q_scale": ("I32", into // 32, out // 8),
            f"{path}.q_scale_max": ("F16", into // 32),
            f"{path}.q_groups": ("I16", 2 * (into // 32)),
        },
    ),
    "mlx": (
        {"group_size": 32, "bits": 6},
        lambda path, out, into: {
            f"{path}.weight": ("U32", out, into * 6 // 32),
            f"{path}.scales": ("BF16", out, into // 32),
            f"{path}.biases": ("BF16", out, into // 32),
        },
    ),
    "fp8": (
        {},
        lambda path, out, into: {
            f"{path}.weight": ("F8_E4M3", out, into),
            f"{path}.weight_scale_inv": ("F32", 1, 1),
        },
    ),
    "bitnet": (
        {},
        lambda path, out, into: {f"{path}.weight": ("U8", out // 4, into), f"{path}.weight_scale": ("BF16", 1)},
    ),
    "quark": (  # four bits in a common exponent of 32
        {},
        lambda path, out, into: {
            f"{path}.weight": ("U8", out, into // 2),
            f"{path}.weight_scale": ("U8", out, into // 32),
        },
    ),
    "modelopt": (
        {"config_groups": {"group_0": {"weights": {"num_bits": 4}}}},
        lambda path, out, into: {
            f"{path}.weight": ("U8", out, into // 2),
            f"{path}.weight_scale": ("F8_E4M3", out, into // 16),
            f"{path}.weight_scale_2": ("F32", 1),
            f"{path}.input_scale": ("F32", 1),
        },
    ),
    "compressed-tensors, several bits": (
        {"config_groups": {"a": {"weights": {"num_bits": 8}}, "b": {"weights": {"num_bits": 4}}}},
        lambda path, out, into: {
            f"{path}.weight_packed": ("I32", out, into // (4 if "mlp" in path else 8)),
            f"{path}.weight_scale": ("BF16", out, into // 32),
            f"{path}.weight_zero_point": ("I32", out // 8, into // 32),
        },
    ),
    "compressed-tensors, NVFP4": (
        {"config_groups": {"group_0": {"weights": {"num_bits": 4, "type": "float"}}}},
        lambda path, out, into: {
            f"{path}.weight_packed": ("U8", out, into // 2),
            f"{path}.weight_scale": ("F8_E4M3", out, into // 16),
            f"{path}.weight_global_scale": ("F32", 1),
            f"{path}.input_global_scale": ("F32", 1),
        },
    ),
    "compressed-tensors, FP8": (  # in blocks
        {"config_groups": {"group_0": {"weights": {"num_bits": 8, "type": "float", "block_structure": [32, 32]}}}},
        lambda path, out, into: {
            f"{path}.weight": ("F8_E4M3", out, into),
            f"{path}.weight_scale": ("BF16", out // 32, into // 32),
        },
    ),
    "compressed-tensors": (
        {"config_groups": {"group_0": {"weights": {"num_bits": 4}}}},
        lambda path, out, into: {
            f"{path}.weight_packed": ("I32", out, into // 8),
            f"{path}.weight_scale": ("BF16", out, into // 32),
            f"{path}.weight_shape": ("I32", 2),
        },
    ),
}


@pytest.mark.parametrize("method", METHODS)
def test_quantized_weights_agree_as_what_they_stand_for(folder, method):
    said, change = METHODS[method]
    tensors = quantized(change)
    report = archinspect.inspect(folder(tensors, quantization_config={"quant_method": method, **said}))
    assert report.stored.notes[0] == "21 of 21 tensors agree"
    assert report.stored.notes[1].startswith(f"quantized: {method}")
    assert report.stored.bytes == sum(tensor.bytes for tensor in report.stored.tensors)
    assert report.totals.params == PARAMS


def test_an_index_names_the_files(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    parts = {"a.safetensors": list(LLAMA)[:8], "b.safetensors": list(LLAMA)[8:]}
    for name, of in parts.items():
        (tmp_path / name).write_bytes(safetensors({one: LLAMA[one] for one in of}))
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {one: name for name, of in parts.items() for one in of}}))
    assert notes(tmp_path) == ("21 of 21 tensors agree",)
    (tmp_path / "b.safetensors").unlink()
    with pytest.raises(archinspect.InvalidSpecError, match=r"1 of 2 files are not there: b\.safetensors"):
        archinspect.inspect(tmp_path)
    index.write_text(json.dumps({"weight_map": {"a": "../other.safetensors"}}))
    with pytest.raises(archinspect.InvalidSpecError, match="a file that is not in its folder"):
        archinspect.inspect(tmp_path)


def test_a_file_alone_is_a_table_of_its_tensors(tmp_path):
    path = tmp_path / "net.safetensors"
    path.write_bytes(safetensors({"a.b.weight": ("F16", 4, 3), "a.b.count": ("I32",), "empty": ("F32", 0)}))
    report = archinspect.inspect(path)
    assert (report.totals.params, report.totals.buffers, report.stored.bytes) == (12, 1, 28)
    assert report.status == "partial"
    assert [row.name for row in report.layers] == ["a.b.weight", "a.b.count"]


def test_a_header_alone_is_read_and_told(folder, tmp_path):
    path = folder(LLAMA)
    (tmp_path / "model.safetensors").write_bytes(safetensors(LLAMA, data=False))
    assert notes(path) == ("21 of 21 tensors agree", BARE)
    assert notes(f"safetensors:{path}") == (f"21; {BARE}",)


def header(text):
    data = text if isinstance(text, bytes) else json.dumps(text).encode()
    return struct.pack("<Q", len(data)) + data


ONE = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x01", "ends before its header"),
        (struct.pack("<Q", 2**40), "said to have"),
        (struct.pack("<Q", 100) + b"{}", "ends within its header"),
        (header(b"[" * 50_000), "nests too deep|not valid JSON"),
        (header([]), "no JSON object"),
        (header({"a": ONE}) + bytes(5), "ends at byte 8 of the data, which has 5"),
        (header({"a": ONE, "b": ONE}) + bytes(8), "'b' overlaps"),
        (header({"a": {**ONE, "shape": [3]}}) + bytes(8), "has 8 bytes, and its shape asks for 12"),
        (header({"a": {**ONE, "dtype": "F33"}}) + bytes(8), "of type F33"),
        (header({"a": {**ONE, "shape": [-2]}}) + bytes(8), "must be a list of sizes"),
        (header({"a": {**ONE, "data_offsets": [8, 0]}}) + bytes(8), "must be where it begins and ends"),
        (header(b'{"a": 1, "a": 2}'), "a name is there twice"),
        (header({"a": 1}), "has no type and shape"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, content, message):
    path = tmp_path / "net.safetensors"
    path.write_bytes(content)
    with pytest.raises(archinspect.InvalidSpecError, match=message):
        archinspect.inspect(f"safetensors:{path}")


def test_no_mutation_of_a_file_is_a_traceback(folder):
    random = Random(5)
    path = Path(folder(LLAMA)) / "model.safetensors"
    source = path.read_bytes()
    for _ in range(200):
        data = bytearray(source)
        for _ in range(random.choice((1, 1, 3))):
            data[random.randrange(2500)] = random.choice((*b'0123456789",:{}[]-', 0, 255))
        path.write_bytes(data[: random.choice((len(data), random.randrange(len(data))))])
        for spec in (f"safetensors:{path}", str(path.parent)):
            with suppress(archinspect.InvalidSpecError):
                json.dumps(archinspect.inspect(spec).as_dict())
