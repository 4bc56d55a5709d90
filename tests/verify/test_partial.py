"""Networks of which a target has no words for some layers: the rest is measured, and what is left out is said."""

import json
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest
from command_line import run

import archinspect
from archinspect.exporters.refusal import CannotExportError
from archinspect.verify import process, verify
from archinspect.verify.partial import UNSAID, without

CUSTOM = {"Custom": {"output_shape": [6, 6, 8], "params": 10, "macs": 5}, "name": "own"}
GROUPED: dict[str, Any] = {"Conv2DTranspose": {"filters": 4, "kernel_size": 3, "groups": 2}, "name": "up"}
TRACKED: dict[str, Any] = {"InstanceNormalization": {"track_running_stats": True}, "name": "norm"}
NO_TRACKED = "Keras has no instance normalization with running statistics"
BEFORE = {"Conv2D": {"filters": 4, "kernel_size": 3}, "name": "conv"}
SPLIT = {"Split": {"parts": 2}, "name": "split"}


def spec(*layers, **top):
    return {"name": "net", "input": [8, 8, 4], **top, "layers": [BEFORE, *layers, "ReLU", {"Dense": 3}]}


def measured(target, _package, jobs, _pythons):
    script = import_module(f"archinspect.verify.measure_{target}")
    return [script.answer(job) for job in jobs]


@pytest.fixture
def in_this_process(monkeypatch):
    """Measure without a process for each network."""
    monkeypatch.setattr(process, "measure", measured)


def assert_all_but(found, **left):
    assert found.partial == left
    assert [row for row in found.rows if not row.equal] == []
    assert not {row.layer for row in found.rows} & left.keys()
    assert {"conv", "dense"} <= {row.layer for row in found.rows}


@pytest.mark.usefixtures("in_this_process")
def test_onnx_measures_all_but_a_layer_that_is_only_counted():
    found = verify(archinspect.network(spec(CUSTOM)), "onnx")
    assert_all_but(found, own=UNSAID)
    assert found.rows[0].predicted == archinspect.network(spec(CUSTOM)).report().totals.params - 10


@pytest.mark.usefixtures("in_this_process")
def test_a_report_says_what_is_left_out(tmp_path):
    path = tmp_path / "net.yaml"
    path.write_text(json.dumps(spec(CUSTOM)), encoding="utf-8")
    result = run("verify", str(path), "--against", "onnx")
    assert (result.exit_code, result.stdout.splitlines()[-2:]) == (0, [f"Without own: {UNSAID}", "all equal, partial"])
    report = json.loads(run("verify", str(path), "--against", "onnx", "--format", "json").stdout)
    assert report["measured"][0]["partial"] == {"own": UNSAID}


def test_what_keras_has_no_words_for_is_a_stub(monkeypatch):
    asked = []

    def answered(_target, _package, jobs, _pythons):
        asked.extend(jobs)
        return [{"version": "3", "shapes": {}, "layer_weights": {}}]

    monkeypatch.setattr(process, "measure", answered)
    found = verify(archinspect.network(spec(TRACKED)), "keras")
    assert found.partial == {"norm": NO_TRACKED}
    assert asked[0]["stubs"] == {"norm": [([1, 6, 6, 4], "float")]}


def test_a_module_that_pytorch_refuses_to_run_is_a_stub(monkeypatch):
    asked = []

    def answered(_target, _package, jobs, _pythons):
        asked.extend(jobs)
        refused = {"error": "RuntimeError: no", "at": "up"}
        return [refused if len(asked) == 1 else {"version": "2", "shapes": {}, "layer_params": {}, "layer_macs": {}}]

    monkeypatch.setattr(process, "measure", answered)
    found = verify(archinspect.network(spec(GROUPED)))
    assert found.partial == {"up": "RuntimeError: no"}
    assert {*found.left_out} == {"kept", "peak"}
    assert [job["stubs"] for job in asked] == [{}, {"up": [([1, 8, 8, 4], "float")]}]


def test_what_pytorch_refuses_once_is_not_asked_for_again(monkeypatch):
    asked = []

    def answered(_target, _package, jobs, _pythons):
        asked.extend(jobs)
        refused = {"error": "RuntimeError: no", "at": "up1"}
        return [refused if len(asked) == 1 else {"version": "2", "shapes": {}, "layer_params": {}, "layer_macs": {}}]

    monkeypatch.setattr(process, "measure", answered)
    ups = [{**GROUPED, "name": f"up{number}"} for number in (1, 2)]
    other = {"Conv2DTranspose": {"filters": 4, "kernel_size": 5, "groups": 2}, "name": "up3"}
    found = verify(archinspect.network(spec(*ups, other)))
    assert found.partial == dict.fromkeys(("up1",), "RuntimeError: no")  # another map comes into the second
    asked.clear()
    same = {"Conv2DTranspose": {"filters": 4, "kernel_size": 3, "groups": 2, "padding": 1}}
    found = verify(archinspect.network(spec(*({**same, "name": f"up{number}"} for number in (1, 2)), other)))
    assert found.partial == dict.fromkeys(("up1", "up2"), "RuntimeError: no")
    assert len(asked) == 2


def test_a_network_of_nothing_else_is_refused():
    network = archinspect.network({"input": [8, 8, 4], "layers": [TRACKED]})
    with pytest.raises(CannotExportError, match=f"norm: {NO_TRACKED}"):
        verify(network, "keras")


@pytest.mark.usefixtures("in_this_process")
def test_a_stub_has_all_outputs_of_its_layer():
    network = archinspect.network({"input": [4], "layers": [SPLIT, {"Dense": 3, "from": "split.1"}]}, batch=1)
    facts = without(network.facts, {"split"})
    (node, dense) = facts.graph.nodes
    assert [facts.shape(tensor) for tensor in node.outputs] == [(1, 2), (1, 2)]
    assert dense.inputs == (node.outputs[1],)
    assert node.outputs[1].readers == (dense,)
    assert facts.graph.outputs == dense.outputs
    assert network.graph.nodes[0].layer_op is not node.layer_op
    against = import_module("archinspect.verify.against_onnx").Program(facts)
    (figures,) = measured("onnx", "", [against.job], [])
    assert figures["shapes"]["split.1"] == [1, 2]


NUMBERS = {"input": [[[1.0] * 4] * 8] * 8, "conv": {"kernel": [[[[0.5] * 4] * 4] * 3] * 3, "bias": [1, 2, 3, 4]}}


@pytest.mark.usefixtures("in_this_process")
def test_numbers_are_those_in_front_of_what_is_left_out(tmp_path):
    pool = {"MaxPooling2D": 2, "name": "pool"}
    path = tmp_path / "net.yaml"
    layers = [pool, CUSTOM, {"MaxPooling2D": 2, "name": "after"}]
    path.write_text(json.dumps(spec(*layers, values=NUMBERS)), encoding="utf-8")
    result = run("verify", str(path), "--against", "onnx", "--values", "--format", "json")
    (report,) = json.loads(result.stdout)["measured"]
    assert [row["layer"] for row in report["rows"] if row["figure"] == "values"] == ["conv", "pool"]
    assert (result.exit_code, report["ok"]) == (0, True)


@pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")
@pytest.mark.usefixtures("in_this_process")
def test_pytorch_measures_all_but_stubs():
    assert_all_but(verify(archinspect.network(spec(CUSTOM))), own=UNSAID)
    found = verify(archinspect.network(spec(CUSTOM, {**CUSTOM, "name": "other"}), batch=3))
    assert found.ok
    assert [*found.partial] == ["own", "other"]


@pytest.mark.skipif(not all(map(find_spec, ("keras", "torch"))), reason="keras and torch are not installed")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.usefixtures("in_this_process")
def test_keras_measures_all_but_stubs(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    found = verify(archinspect.network(spec(CUSTOM, TRACKED)), "keras")
    assert_all_but(found, own=UNSAID, norm=NO_TRACKED)


@pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")
@pytest.mark.usefixtures("in_this_process")
def test_backward_by_a_loss_that_no_program_has_is_left_out():
    found = verify(archinspect.network({"input": [3, 4], "layers": [{"Dense": 5}, {"CRF": 5}]}))
    assert found.ok
    assert {*found.left_out} == {"kept", "training_macs"}
