"""Configurations of Hugging Face: small ones, whose figures follow by hand."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest

import archinspect
from archinspect.importers.hf import composites, convnets, decoders, encoders, models, seq2seq, vit

SIZES = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 100}
LLAMA = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "intermediate_size": 96, **SIZES}
ATTENTION, MLP, NORMS = 2 * 64 * 64 + 2 * 64 * 32, 3 * 64 * 96, 2 * 64
"""Of a layer of Llama with half as many heads of keys."""


def params(tmp_path, **given):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(given))
    return archinspect.inspect(path).totals.params


@pytest.mark.parametrize(
    ("flags", "count"),
    [
        ({"num_key_value_heads": 2}, 2 * (ATTENTION + MLP + NORMS) + 64 + 2 * 6400),
        ({"num_key_value_heads": 2, "tie_word_embeddings": True}, 2 * (ATTENTION + MLP + NORMS) + 64 + 6400),
        ({}, 2 * (4 * 64 * 64 + MLP + NORMS) + 64 + 2 * 6400),
        ({"head_dim": 32}, 2 * (4 * 64 * 128 + MLP + NORMS) + 64 + 2 * 6400),
        ({"attention_bias": True}, 2 * (4 * 64 * 65 + MLP + NORMS) + 64 + 2 * 6400),
        ({"mlp_bias": True}, 2 * (4 * 64 * 64 + MLP + 2 * 96 + 64 + NORMS) + 64 + 2 * 6400),
        ({"architectures": ["LlamaModel"]}, 2 * (4 * 64 * 64 + MLP + NORMS) + 64 + 6400),
        (
            {"model_type": "qwen3", "head_dim": 16, "num_key_value_heads": 4},
            2 * (4 * 64 * 64 + MLP + NORMS + 2 * 16) + 64 + 2 * 6400,
        ),
        (
            {"model_type": "mixtral", "num_local_experts": 4, "num_key_value_heads": 4},
            2 * (4 * 64 * 64 + 4 * MLP + 4 * 64 + NORMS) + 64 + 2 * 6400,
        ),
    ],
)
def test_parameters_of_decoders_follow_from_their_flags(tmp_path, flags, count):
    assert params(tmp_path, **{**LLAMA, **flags}) == count


def test_an_encoder_of_text(tmp_path):
    block = 4 * 65 * 64 + 64 * 96 + 96 + 96 * 64 + 64 + 4 * 64
    tables = 100 * 64 + 40 * 64 + 2 * 64 + 2 * 64
    given = {
        "model_type": "bert",
        "max_position_embeddings": 40,
        "type_vocab_size": 2,
        "intermediate_size": 96,
        **SIZES,
    }
    assert params(tmp_path, architectures=["BertModel"], **given) == tables + 2 * block + 65 * 64


def test_a_folder_and_its_sequence(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(LLAMA))
    short, long = (archinspect.inspect(tmp_path, params={"seq": steps}) for steps in (8, 16))
    assert short.outputs["lm_head"] == (None, 8, 100)
    assert short.totals.params == long.totals.params
    assert 2 * short.totals.macs < long.totals.macs
    cache = archinspect.network(tmp_path).memory(archinspect.Plan(cached=10)).inference.cache
    assert cache == 2 * 2 * 10 * 64 * 4  # layers, keys and values, steps, features, bytes


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"model_type": "nonsense"}, "the model type 'nonsense' is not read"),
        ({"architectures": ["BertModel"]}, "has no 'model_type'"),
        ({**LLAMA, "hidden_size": "a"}, "'hidden_size' must be a whole number"),
        ({**LLAMA, "hidden_size": 10**12}, "hidden_size"),
        ({**LLAMA, "num_attention_heads": 0}, "num_attention_heads"),
        ({**LLAMA, "num_hidden_layers": 10**6}, "must be at most 4,096"),
        ({"model_type": "hiera", "depths": [1, 1, 10**8, 1]}, "must be at most 4,096 in all"),
        ({**LLAMA, "architectures": ["LlamaForDreams"]}, "the class 'LlamaForDreams' is not read"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, given, message):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(given))
    with pytest.raises(archinspect.InvalidSpecError, match=message):
        archinspect.inspect(path)


def test_damaged_configurations_are_answered(tmp_path):
    """Values of other types, and texts cut off, give errors or figures, and never anything else."""
    rng, path = Random(7), tmp_path / "config.json"
    values = [None, -1, 0, 3, 1e9, "x", [], [1], {}, True]
    for number in range(100):
        given = {**LLAMA, rng.choice([*LLAMA, "head_dim", "rope_scaling", "sliding_window"]): rng.choice(values)}
        text = json.dumps(given)
        path.write_text(text[: rng.randrange(len(text))] if number % 5 == 0 else text)
        assert all(one.message for one in archinspect.check(path).diagnostics)


def test_the_page_names_every_type_that_is_read():
    page = (Path(__file__).parents[2] / "docs" / "formats.md").read_text(encoding="utf-8")
    tables = (decoders.DECODERS, encoders.ENCODERS, seq2seq.T5S, seq2seq.BARTS, vit.VITS, convnets.CONVNETS)
    kinds = {kind for table in (*tables, composites.COMPOSITES, models.OTHERS) for kind in table}
    assert [kind for kind in sorted(kinds) if f"`{kind}`" not in page] == []


def test_more_layers_than_any_network_has_are_refused(tmp_path):
    config = {"model_type": "resnet", "depths": [1000] * 4}
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    with pytest.raises(archinspect.InvalidSpecError, match="more than 30,000 operators"):
        archinspect.inspect(path)
