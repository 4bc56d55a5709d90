"""What a measurement becomes: rows, a table, an exit code; the measurement itself where torch is installed."""

import json
from importlib.util import find_spec

import pytest
from command_line import run

import archinspect
from archinspect import verify as verifying
from archinspect.exporters import pytorch
from archinspect.verify import CannotMeasureError, verify

SPEC = "name: net\ninput: [4]\nlayers:\n  - {Dense: 3, name: dense}\n  - ReLU\n"


@pytest.fixture
def spec(tmp_path):
    path = tmp_path / "net.yaml"
    path.write_text(SPEC, encoding="utf-8")
    return str(path)


def figures(**changes):
    """Return what a measurement of the network gives."""
    found = {"torch": "2.13.0", "params": 15, "trainable": 15, "buffers": 0, "macs": 12, "training_macs": 24}
    found |= {"kept": 28, "peak": 28, "outputs": [[1, 3]]}
    found |= {"shapes": {"dense": [1, 3], "re_lu": [1, 3]}, "module_params": {"dense": 15}}
    return found | changes


def measuring(monkeypatch, **changes):
    monkeypatch.setattr(verifying, "_measured", lambda *_: figures(**changes))


def test_equal_figures_end_with_0(monkeypatch, spec):
    measuring(monkeypatch)
    result = run("verify", spec)
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, "all equal")
    assert "Shapes and parameters by layer: 3 of 3 equal" in result.stdout


def test_a_figure_that_differs_is_shown_by_layer_and_ends_with_1(monkeypatch, spec):
    measuring(monkeypatch, kept=30, shapes={"dense": [1, 4], "re_lu": [1, 3]})
    result = run("verify", spec, COLUMNS="100")
    assert result.exit_code == 1
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["Bytes", "kept", "for", "backward", "28", "30", "+2"] in lines
    assert ["dense", "Output", "(1,", "3)", "(1,", "4)", "differs"] in lines
    assert lines[-1] == ["not", "all", "equal"]


def test_what_is_not_measured_is_not_equal(monkeypatch, spec):
    found = figures()
    del found["kept"]
    monkeypatch.setattr(verifying, "_measured", lambda *_: found)
    result = run("verify", spec, "--batch", "1", "--format", "json")
    report = json.loads(result.stdout)
    assert (result.exit_code, report["ok"]) == (1, False)
    (row,) = [row for row in report["rows"] if row["figure"] == "kept"]
    assert row == {"layer": "", "figure": "kept", "predicted": 28, "measured": None, "equal": False}


def test_a_batch_that_cannot_train_is_measured_with_two(monkeypatch, spec):
    asked = []

    def measured(module, _):
        asked.append(module.inputs[0].shape)
        return figures(refused="one value for each channel") if len(asked) == 1 else figures()

    monkeypatch.setattr(verifying, "_measured", measured)
    assert verify(archinspect.network(spec)).batch == 2
    assert asked == [(1, 4), (2, 4)]


@pytest.mark.parametrize(
    ("python", "message"),
    [("/no/such/python", "/no/such/python: No such file or directory"), ("/bin/true", "/bin/true ended with 0: ")],
)
def test_a_python_that_cannot_measure_is_told(spec, python, message):
    with pytest.raises(CannotMeasureError) as raised:
        verify(archinspect.network(spec), python=python)
    assert str(raised.value) == message
    result = run("verify", spec, "--python", python)
    assert result.exit_code == 2
    assert message.strip() in result.stderr


@pytest.mark.skipif(find_spec("torch") is not None, reason="torch is installed")
def test_without_torch_the_remedy_is_told(spec):
    result = run("verify", spec)
    assert result.exit_code == 2
    assert "has no torch: pip install 'archinspect[verify]'" in result.stderr


@pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")
@pytest.mark.parametrize("name", ["lenet5", "resnet18", "gpt2", "vit_b_16", "unet", "mobilenet_v2", "densenet121"])
def test_built_in_networks_are_equal(name):
    found = verify(archinspect.network(name))
    assert [row for row in found.rows if not row.equal] == []


def test_every_layer_has_a_place_in_the_program():
    facts = archinspect.network("resnet18").facts
    module = pytorch.export(facts, observed=True)
    assert set(module.layers) == {node.path for node in facts.graph.nodes}
