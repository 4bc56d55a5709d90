"""The JSON Schema of the language: it never refuses what is read, and refuses what it can know to be wrong."""

from __future__ import annotations

import json
import re
from pathlib import Path

import fastjsonschema
import pytest
import yaml
from command_line import run

from archinspect.api import check
from archinspect.language.schema import schema

ROOT = Path(__file__).parents[1]
SPECS = sorted((ROOT / "specs").rglob("*.yaml"))
ERRORS = ROOT / "tests" / "errors"
SEEN = {"unknown-op", "unknown-argument", "missing-argument", "unknown-key"}
"""Codes of mistakes that the schema can know, where a spec has no blocks."""


@pytest.fixture(scope="module")
def refuses():
    """Return what tells whether the schema refuses a spec."""
    validate = fastjsonschema.compile(schema(), use_default=False)

    def refuses(spec):
        try:
            validate(spec)
        except fastjsonschema.JsonSchemaException:
            return True
        return False

    return refuses


def read(path):
    """Return what a file holds; an empty map where it holds no map."""
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def test_every_built_in_network_is_valid(refuses):
    assert [path.name for path in SPECS if refuses(read(path))] == []


def codes(path):
    """Return the codes of the errors that are told of a spec: what is expected of it stands beside it, where wrong."""
    said = path.with_suffix(".out")
    text = said.read_text(encoding="utf-8") if said.exists() else ""
    return set(re.findall(r"error\[([\w-]+)\]", text))


def test_what_is_read_is_valid(refuses):
    files = [path for path in (ROOT / "tests").rglob("*.yaml") if "layers" in read(path)]
    assert [path.name for path in files if refuses(read(path)) and not codes(path) and check(str(path)).ok] == []


def test_mistakes_that_it_can_know(refuses):
    known = [path for path in ERRORS.glob("*.yaml") if "layers" in (spec := read(path)) and "blocks" not in spec]
    seen = [path for path in known if codes(path) and codes(path) <= SEEN]
    assert [path.stem for path in seen if not refuses(read(path))] == []


LAYERS = {"input": [8, 8, 3], "layers": [{"Conv2D": {"filters": 4, "kernel_size": 3}}]}


@pytest.mark.parametrize(
    "step",
    [
        "relu",
        "nn.ReLU",
        "Flatten",
        {"conv2d": {"out_channels": 4, "kernel_size": "3x3", "name": "c"}},
        {"type": "Conv2D", "filters": 4, "kernel_size": 3},
        {"Dense": 10, "name": "head", "repeat": 2},
        {"Dense": "${2 * classes}"},
        {"layers": ["ReLU"], "name": "group"},
        {"Add": [["ReLU"], []]},
        {"LayerNormalization": {"epsilon": "1e-6"}},
        {"Dropout": None},
    ],
)
def test_every_form_of_a_step(refuses, step):
    assert not refuses({**LAYERS, "layers": [step]})


@pytest.mark.parametrize(
    "step",
    [
        "Convv2D",
        {"Conv2D": {"filters": 4}},
        {"Conv2D": {"filters": "many", "kernel_size": 3}},
        {"Conv2D": {"filters": 0, "kernel_size": 3}},
        {"Conv2D": {"filtres": 4, "kernel_size": 3}},
        {"Dense": 10, "naem": "head"},
        {"layers": ["Nothing"]},
        3,
    ],
)
def test_what_no_step_is(refuses, step):
    assert refuses({**LAYERS, "layers": [step]})


def test_operators_are_described():
    found = json.loads(run("schema").stdout)["definitions"]["Conv2D"]
    (arguments,) = [value for value in found["anyOf"] if value.get("properties")]
    assert arguments["properties"]["strides"]["default"] == 1
    assert arguments["properties"]["strides"]["description"].startswith("step of the window")
