"""Folders as people have them: what is a model there, and what is told of those that are none."""

import json

import pytest
from hf_sizes import SIZES
from weight_files import LLAMA, safetensors

import archinspect

CONFIG = {"model_type": "llama", "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2}
CONFIG |= {"num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 100}


def written(folder, **files):
    """Write files into a folder, those without a suffix as JSON; return it."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return folder


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"a.onnx": b"", "b.txt": b""}, r"without a model that is known\n.*name a part of it, such as .*a\.onnx"),
        ({"snapshots/abc/config.json": CONFIG, "refs/main": b"abc"}, r"such as .*snapshots/abc$"),
        (
            {"model_index.json": {}, "unet/config.json": {}, "vae/config.json": {}},
            r"a pipeline of diffusers\n.*such as .*unet, .*vae",
        ),
        ({"pytorch_model.bin": b""}, "what it has are pickles"),
        ({"notes.txt": b""}, "without a model that is known\n.*`archinspect formats`"),
        ({"config.json": {"transformers_version": "4.6"}}, "has no 'model_type'"),
        ({"config.json": CONFIG, "model.safetensors": b"version https://git-lfs.github.com/spec/v1\n"}, "Git LFS"),
    ],
)
def test_what_a_folder_is_instead(tmp_path, files, message):
    with pytest.raises(archinspect.InvalidSpecError, match=message):
        archinspect.inspect(written(tmp_path, **files))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("generation_config.json", {"do_sample": True, "transformers_version": "4.5"}, "name config.json, beside it"),
        ("adapter_config.json", {"peft_type": "LORA"}, "of an adapter, .*name its folder"),
        ("model.safetensors.index.json", {"metadata": {}, "weight_map": {}}, "list of files of weights"),
    ],
)
def test_what_stands_beside_a_configuration(tmp_path, name, content, message):
    with pytest.raises(archinspect.InvalidSpecError, match=message):
        archinspect.inspect(written(tmp_path, **{name: content}) / name)


@pytest.mark.parametrize("said", [{"peft_type": "LORA", "base_model_name_or_path": "a/b"}, []])
def test_an_adapter_says_what_it_is_for(tmp_path, said):
    weights = safetensors({"layers.0.q.lora_A.weight": ("F32", 4, 8)})
    written(tmp_path, **{"adapter_config.json": said, "adapter_model.safetensors": weights})
    report = archinspect.inspect(tmp_path)
    assert report.totals.params == 32
    assert report.description.startswith("an adapter (LORA) for a/b" if said else "an adapter")


@pytest.mark.parametrize(
    ("files", "code", "said"),
    [
        ({"config.json": CONFIG}, 0, "1 spec checked"),
        ({"model.safetensors": safetensors(LLAMA)}, 0, "1 spec checked"),
        ({"config.json": {"name": "another program's"}}, 2, "no spec below"),
        ({"config.json": CONFIG, "net.yaml": b"input: 4\nlayers: [Dense: 2]\n"}, 0, "1 spec checked"),
    ],
)
def test_a_folder_that_is_a_model_is_checked(run, tmp_path, files, code, said):
    found = run("check", str(written(tmp_path, **files)), "--expect", "params<=1G")
    assert (found.exit_code, said in found.output) == (code, True)


@pytest.mark.parametrize("layer", [-1, -2])
def test_pictures_are_seen_before_a_step(tmp_path, layer):
    sight = {"model_type": "clip_vision_model", **SIZES, "image_size": 16, "patch_size": 8, "num_hidden_layers": 3}
    given = {"model_type": "llava", "vision_config": sight, "text_config": CONFIG, "vision_feature_layer": layer}
    text = written(tmp_path / "text", **{"config.json": CONFIG})
    folder = written(tmp_path / "both", **{"config.json": given})
    found = [archinspect.inspect(one, params={"seq": 1}, past=40).totals.macs for one in (folder, text)]
    assert found[0] == found[1]
