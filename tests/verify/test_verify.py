"""What a measurement becomes: rows, a table, an exit code; the measurement itself where torch is installed."""

import json
import os
from importlib import import_module
from importlib.util import find_spec

import pytest
from command_line import run

import archinspect
from archinspect.exporters import keras, pytorch
from archinspect.verify import CannotMeasureError, process, verify, verify_batches
from archinspect.verify.against_pytorch import Program

SPEC = "name: net\ninput: [4]\nlayers:\n  - {Dense: 3, name: dense}\n  - ReLU\n"


@pytest.fixture
def spec(tmp_path):
    path = tmp_path / "net.yaml"
    path.write_text(SPEC, encoding="utf-8")
    return str(path)


def figures(**changes):
    """Return what a measurement of the network gives."""
    found = {"version": "2.13.0", "params": 15, "trainable": 15, "buffers": 0, "macs": 12, "training_macs": 24}
    found |= {"kept": 28, "peak": 28, "outputs": [[1, 3]]}
    found |= {"shapes": {"dense": [1, 3], "re_lu": [1, 3]}, "layer_params": {"dense": 15}}
    found |= {"layer_macs": {"dense": 12}}
    return found | changes


@pytest.fixture
def in_this_process(monkeypatch):
    """Measure without a process for each network."""

    def measured(target, _package, jobs, _pythons):
        script = import_module(f"archinspect.verify.measure_{target}")
        return [script.answer(job) for job in jobs]

    monkeypatch.setattr(process, "measure", measured)


def measuring(monkeypatch, **changes):
    monkeypatch.setattr(process, "measure", lambda *given: [figures(**changes) for _ in given[2]])


def test_equal_figures_end_with_0(monkeypatch, spec):
    measuring(monkeypatch)
    result = run("verify", spec)
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, "all equal")
    assert "Shapes, parameters and MACs by layer: 4 of 4 equal" in result.stdout


def test_a_figure_that_differs_is_shown_by_layer_and_ends_with_1(monkeypatch, spec):
    measuring(monkeypatch, kept=30, shapes={"dense": [1, 4], "re_lu": [1, 3]})
    result = run("verify", spec, COLUMNS="100")
    assert result.exit_code == 1
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["Bytes", "kept", "for", "backward", "28", "30", "+2"] in lines
    assert ["dense", "Output", "(1,", "3)", "(1,", "4)", "differs"] in lines
    assert lines[-1] == ["not", "all", "equal"]


def test_where_macs_differ_the_layer_is_shown(monkeypatch, spec):
    measuring(monkeypatch, macs=13, layer_macs={"dense": 12, "re_lu": 1})
    lines = [line.split() for line in run("verify", spec, COLUMNS="100").stdout.splitlines()]
    assert ["MACs", "12", "13", "+1"] in lines
    assert ["re_lu", "MACs", "0", "1", "+1"] in lines


def test_what_is_not_measured_is_not_equal(monkeypatch, spec):
    found = figures()
    del found["kept"]
    monkeypatch.setattr(process, "measure", lambda *_: [found])
    result = run("verify", spec, "--batch", "1", "--format", "json")
    report = json.loads(result.stdout)
    (measured,) = report["measured"]
    assert (result.exit_code, report["ok"], measured["ok"], measured["batch"]) == (1, False, False, 1)
    (row,) = [row for row in measured["rows"] if row["figure"] == "kept"]
    assert row == {"layer": "", "figure": "kept", "predicted": 28, "measured": None, "equal": False}


def test_a_batch_that_cannot_train_is_measured_with_two(monkeypatch, spec):
    asked: list = []

    def measured(_target, _package, jobs, _pythons):
        asked.extend(tuple(job["inputs"][0]["shape"]) for job in jobs)
        return [figures(refused="one value for each channel") if len(asked) == 1 else figures()]

    monkeypatch.setattr(process, "measure", measured)
    assert verify(archinspect.network(spec)).batch == 2
    assert asked == [(1, 4), (2, 4)]


def test_a_batch_that_was_asked_for_and_cannot_train_is_told(monkeypatch, spec):
    measuring(monkeypatch, refused="one value for each channel", kept=None, training_macs=None)
    result = run("verify", spec, "--batch", "1")
    assert result.exit_code == 1
    assert "PyTorch does not train on the batch: one value for each channel" in result.stdout


def test_several_batches_are_measured_at_once(monkeypatch, spec):
    asked: list = []

    def measured(_target, _package, jobs, _pythons):
        asked.append([job["inputs"][0]["shape"][0] for job in jobs])
        return [
            figures(),
            figures(macs=36, training_macs=72, kept=84, peak=84, outputs=[[3, 3]], layer_macs={"dense": 36}),
        ]

    monkeypatch.setattr(process, "measure", measured)
    result = run("verify", spec, "--batch", "1,3,1", "--format", "json")
    assert asked == [[1, 3]]
    assert [one["batch"] for one in json.loads(result.stdout)["measured"]] == [1, 3]
    unequal = [row["figure"] for row in json.loads(result.stdout)["measured"][1]["rows"] if not row["equal"]]
    assert unequal == ["shape", "shape"]


@pytest.mark.parametrize("batch", ["0", "1,", "x", "1;3", "99999999"])
def test_what_is_no_batch_is_refused(spec, batch):
    result = run("verify", spec, "--batch", batch)
    assert result.exit_code == 2
    assert f"'{batch}' is not a number of samples from 1 to 1000000, nor several such as 1,3" in result.stderr


def test_targets_are_those_there_are(spec):
    result = run("verify", spec, "--against", "pytorch,caffe")
    assert result.exit_code == 2
    assert "name some of pytorch, keras, onnx" in result.stderr


def test_what_one_target_cannot_say_does_not_keep_the_others_from_it(monkeypatch, tmp_path):
    path = tmp_path / "net.yaml"
    layers = "- {InstanceNormalization: {track_running_stats: true}, name: norm}"
    path.write_text(f"input: [8, 8, 4]\nlayers:\n  {layers}\n", encoding="utf-8")
    monkeypatch.setattr(process, "measure", lambda *_: [figures(shapes={}, layer_params={})])
    result = run("verify", str(path), "--against", "keras,pytorch")
    assert result.exit_code == 1
    assert (
        result.stderr == "Error: Keras cannot say norm: Keras has no instance normalization with running statistics\n"
    )
    assert "predicted beside PyTorch 2.13.0" in result.stdout
    report = json.loads(run("verify", str(path), "--against", "keras,pytorch", "--format", "json").stdout)
    assert [one["target"] for one in report["measured"]] == ["keras", "pytorch"]
    assert report["measured"][0]["error"].startswith("Keras cannot say norm: ")


@pytest.mark.parametrize(
    ("python", "message"),
    [
        ("/no/such/python", "/no/such/python: No such file or directory"),
        ("/bin/true", "/bin/true measures nothing: it is no Python"),
        ("/tmp", "/tmp is a folder: name the Python in it, as /tmp/bin/python"),  # noqa: S108 - nothing is written
    ],
)
def test_a_python_that_cannot_measure_is_told(spec, python, message):
    with pytest.raises(CannotMeasureError) as raised:
        verify(archinspect.network(spec), pythons=[python])
    assert str(raised.value) == message
    result = run("verify", spec, "--python", python)
    assert result.exit_code == 2
    assert message.strip() in result.stderr


def a_python(folder, name, text):
    """Return a program that stands for a Python."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def without(folder, package):
    """Return a Python that has no such package."""
    return a_python(
        folder, f"without_{package}", f"echo \"ModuleNotFoundError: No module named '{package}'\" >&2; exit 1"
    )


@pytest.mark.skipif(find_spec("torch") is not None, reason="torch is installed")
def test_without_torch_the_remedy_is_told(spec, tmp_path):
    result = run("verify", spec)
    assert result.exit_code == 2
    assert "has no torch: pip install 'archinspect[verify]', or name a Python that has it by --python" in result.stderr
    result = run("verify", spec, "--python", without(tmp_path, "torch"))
    assert "/without_torch and /" in result.stderr
    assert " have no torch: " in result.stderr


@pytest.mark.skipif(os.name != "posix", reason="the Pythons are scripts of a shell")
def test_the_first_python_that_has_the_framework_measures(spec, tmp_path):
    answer = tmp_path / "answer.json"
    answer.write_text(json.dumps([figures()]), encoding="utf-8")
    pythons = [without(tmp_path, "torch"), a_python(tmp_path, "with_torch", f"cat {answer}")]
    assert verify(archinspect.network(spec), pythons=pythons).ok
    answer.write_text(json.dumps([{"error": "RuntimeError: no"}]), encoding="utf-8")
    with pytest.raises(CannotMeasureError, match="PyTorch refuses the program: RuntimeError: no"):
        verify(archinspect.network(spec), pythons=pythons)


@pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")
def test_what_a_framework_refuses_comes_back_from_its_process():
    job = Program(archinspect.network({"input": 4, "layers": ["Sin"]}).facts).job
    refused = {**job, "text": str(job["text"]).replace("x.sin()", "x.no()")}
    (answer,) = process.measure("pytorch", "torch", [refused], [])
    assert answer["error"] == "AttributeError: 'Tensor' object has no attribute 'no'"


def test_a_measurement_that_does_not_end_is_told(monkeypatch, spec, tmp_path):
    monkeypatch.setattr(process, "SECONDS", 0.1)
    with pytest.raises(CannotMeasureError, match=r"the measurement takes more than 0\.1 s"):
        verify(archinspect.network(spec), pythons=[a_python(tmp_path, "slow", "exec sleep 5")])


@pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")
@pytest.mark.parametrize("name", ["lenet5", "gpt2", "unet", "mobilenet_v2", "densenet121", "swin_t", "t5_small"])
@pytest.mark.usefixtures("in_this_process")
def test_pytorch_has_the_figures_of_networks(name):
    network = archinspect.network(name)
    for found in verify_batches(network, "pytorch", [1, 3]):
        assert [row for row in found.rows if not row.equal] == []
        by_layer = sum(row.measured for row in found.rows if row.figure == "macs" and row.layer)
        assert [row.measured for row in found.rows if row.figure == "macs" and not row.layer] == [by_layer]


@pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")
def test_what_is_remembered_of_operations_is_what_they_make(monkeypatch):
    from archinspect.verify import measure_pytorch
    from archinspect.verify.against_pytorch import Program

    monkeypatch.setattr(measure_pytorch, "KNOWN", {})
    layers = ({"Conv2D": {"filters": 4, "kernel_size": 3}}, "BatchNormalization", "ReLU", {"LSTM": 3, "when": False})
    repeated = {"name": "part", "repeat": 3, "layers": list(layers)}
    split = ({"Split": 2, "name": "halves"}, {"Multiply": None, "from": ["halves.0", "halves.1"]}, {"Dropout": 0.5})
    job = Program(archinspect.network({"input": [9, 9, 4], "layers": [repeated, *split]}, batch=3).facts).job
    first, second = measure_pytorch.answer(job), measure_pytorch.answer(job)
    assert measure_pytorch.KNOWN
    monkeypatch.setattr(measure_pytorch, "makes_anew", lambda _: False)
    assert measure_pytorch.answer(job) == first == second


@pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")
def test_pytorch_measures_in_a_process(spec):
    assert verify(archinspect.network(spec)).ok


# ONNX is there where the tests are; tests/exporters has all networks.


@pytest.mark.parametrize("name", ["lenet5", "gpt2", "t5_small", "unet", "ddpm_unet", "fasterrcnn_resnet50_fpn"])
@pytest.mark.usefixtures("in_this_process")
def test_onnx_has_the_figures_of_networks(name):
    for found in verify_batches(archinspect.network(name), "onnx", [1, 3]):
        assert [row for row in found.rows if not row.equal] == []
        assert len(found.rows) > 4


def test_onnx_measures_in_a_process(spec):
    result = run("verify", spec, "--against", "onnx")
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, "all equal")
    assert "Left out: MACs; MACs, backward included; " in result.stdout


@pytest.mark.usefixtures("in_this_process")
def test_what_onnx_refuses_is_told(monkeypatch, spec):
    from archinspect.exporters import onnx

    monkeypatch.setattr(onnx, "write", lambda _: b"no model")
    result = run("verify", spec, "--against", "onnx")
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ONNX refuses the program: ")


@pytest.mark.skipif(not all(map(find_spec, ("keras", "torch"))), reason="keras and torch are not installed")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", ["lenet5", "dcgan_generator", "gpt2", "t5_small", "unet", "fasterrcnn_resnet50_fpn"])
@pytest.mark.usefixtures("in_this_process")
def test_keras_has_the_figures_of_networks(monkeypatch, name):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    for found in verify_batches(archinspect.network(name), "keras", [1, 3]):
        assert [row for row in found.rows if not row.equal] == []


def test_an_observed_keras_program_tells_every_value():
    facts = archinspect.network("t5_small").facts
    module = keras.export(facts, observed=True)
    assert set(module.layers) == {node.path for node in facts.graph.nodes}
    assert "observe(" not in keras.export(facts).text


def test_every_layer_has_a_place_in_the_program():
    facts = archinspect.network("resnet18").facts
    module = pytorch.export(facts, observed=True)
    assert set(module.layers) == {node.path for node in facts.graph.nodes}
