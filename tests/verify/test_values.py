"""Programs that are run with a spec's numbers: what they compute are the worked sums."""

import json
from importlib import import_module
from importlib.util import find_spec

import numpy as np
import pytest
from command_line import run

import archinspect
from archinspect.verify import CannotMeasureError, process, verify_batches
from archinspect.verify.worked import numbers_of

LESSONS = ["lessons/conv2d", "lessons/max_pooling", "lessons/conv1d_same", "lessons/conv1d_stride2"]
POOLED = {"AveragePooling2D": {"pool_size": 3, "strides": 2}, "name": "d"}
LAYERS = [
    {"Conv2D": {"filters": 4, "kernel_size": [3, 2], "padding": "same", "strides": 2, "groups": 2}, "name": "a"},
    {"DepthwiseConv2D": {"kernel_size": 2, "depth_multiplier": 2}, "name": "b"},
    {"MaxPooling2D": {"pool_size": 2, "strides": 1, "padding": 1}, "name": "c"},
    POOLED,
    {"Conv2D": {"filters": 3, "kernel_size": 1}, "name": "e"},
    "ReLU",
    {"Dense": 2},
]


def numbers(*shape):
    return np.random.default_rng(sum(shape)).normal(size=shape).round(3).tolist()


def spec(layout):
    """A network with all that can be worked out, and more behind it."""
    shape = [8, 9, 2] if layout == "channels_last" else [2, 8, 9]
    weights = {
        "a": {"kernel": numbers(3, 2, 1, 4), "bias": numbers(4)},
        "b": {"kernel": numbers(2, 2, 4, 2), "bias": numbers(8)},
        "e": {"kernel": numbers(1, 1, 8, 3), "bias": numbers(3)},
    }
    values = {"input": numbers(*shape), **weights}
    return {"name": "worked", "layout": layout, "input": shape, "layers": LAYERS, "values": values}


NETWORKS = [*LESSONS, spec("channels_last"), spec("channels_first")]
IDS = [*LESSONS, "channels_last", "channels_first"]


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch):
    """Measure without a process for each network."""

    def measured(target, _package, jobs, _pythons):
        script = import_module(f"archinspect.verify.measure_{target}")
        return [script.answer(job) for job in jobs]

    monkeypatch.setattr(process, "measure", measured)


def computed(network, target):
    found, other = verify_batches(network, target, [None, 3], numbers=numbers_of(network))
    assert not other.computed_by
    assert not any(row.figure == "values" for row in other.rows)
    return found, [row for row in found.rows if row.figure == "values"]


@pytest.mark.parametrize("name", NETWORKS, ids=IDS)
def test_onnx_computes_the_worked_sums(name):
    found, rows = computed(archinspect.network(name), "onnx")
    assert found.computed_by.startswith(("onnxruntime ", "onnx's reference"))
    assert [row.layer for row in rows] == (["a", "b", "c", "d", "e"] if isinstance(name, dict) else [rows[0].layer])
    assert all(row.equal for row in rows)


@pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")
@pytest.mark.parametrize("name", NETWORKS, ids=IDS)
def test_pytorch_computes_the_worked_sums(name):
    found, rows = computed(archinspect.network(name), "pytorch")
    assert found.computed_by == "PyTorch's CPU kernels"
    assert [row.layer for row in rows] == (["a", "b", "c", "d", "e"] if isinstance(name, dict) else [rows[0].layer])
    assert all(row.equal for row in rows)


@pytest.mark.skipif(not all(map(find_spec, ("keras", "torch"))), reason="keras and torch are not installed")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", NETWORKS, ids=IDS)
def test_keras_computes_the_worked_sums(monkeypatch, name):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    found, rows = computed(archinspect.network(name), "keras")
    assert found.computed_by == "Keras with torch"
    assert [row.layer for row in rows] == (["a", "b", "c", "d", "e"] if isinstance(name, dict) else [rows[0].layer])
    assert all(row.equal for row in rows)


def test_numbers_that_differ_are_not_equal(monkeypatch):
    from archinspect.verify import measure_onnx

    model = measure_onnx.run
    monkeypatch.setattr(measure_onnx, "run", lambda *given: ([array + 0.5 for array in model(*given)[0]], "a test"))
    result = run("verify", "lessons/conv2d", "--against", "onnx", "--values")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert "conv2d Worked numbers 16 numbers 16 numbers up to 0.5" in [" ".join(line.split()) for line in lines]
    assert "Computed by a test, in float32; equal to within 1e-05 of the largest sum" in lines
    report = json.loads(run("verify", "lessons/conv2d", "--against", "onnx", "--values", "--format", "json").stdout)
    (row,) = [row for row in report["measured"][0]["rows"] if row["figure"] == "values"]
    assert row["predicted"][0][0][0] == [-6]
    assert row["measured"][0][0][0] == [-5.5]
    assert row["tolerance"] == pytest.approx(46e-5)


def test_other_shapes_are_not_equal():
    from archinspect.verify import Row

    assert Row("a", "values", [[1.0, 2.0]], [[1.0, 2.0 + 1e-7]], 1e-6).equal
    assert not Row("a", "values", [[1.0, 2.0]], [[1.0]], 1e-6).equal
    assert Row("a", "values", [[1.0, 2.0]], [[1.0]], 1e-6).distance is None


def test_without_numbers_there_is_nothing_to_compute():
    with pytest.raises(CannotMeasureError, match="needs a spec with `values`"):
        numbers_of(archinspect.network("lenet5"))
    result = run("verify", "lenet5", "--values")
    assert result.exit_code == 2
    assert "no layer's numbers are worked out: --values needs a spec with `values`" in result.stderr
