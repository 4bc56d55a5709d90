"""Inputs of which some sizes are not known: `[null, null, 3]`."""

from __future__ import annotations

import json

import pytest

import archinspect
from archinspect.base.settings import SettingError

CONV = {"Conv2D": {"filters": 8, "kernel_size": 3}}
POOLED = {"input": [None, None, 3], "layers": [CONV, "GlobalAveragePooling2D", {"Dense": 10}]}


def test_what_does_not_depend_on_sizes_is_known():
    report = archinspect.inspect(POOLED)
    assert report.totals.params == 314
    assert report.inputs == {"input": (None, None, None, 3)}
    assert [row.output_shape for row in report.layers] == [(None, None, None, 8), (None, 8), (None, 10)]
    assert [row.unknown for row in report.layers] == [("macs", "flops", "memory"), ("flops",), ()]
    assert (report.status, report.uncounted) == ("partial", {"input": ("macs", "flops", "memory")})
    assert report.totals.macs == report.layers[2].cost.macs == 80


def test_memory_and_what_other_tools_count_is_not_known():
    report = archinspect.inspect(POOLED, memory=True, convention="fvcore")
    assert report.memory is None
    assert [row.kept for row in report.layers] == [0, 32, 0]
    assert report.layers[0].counted["params"] == 224
    assert report.layers[0].counted["flops"] is None


def test_weights_may_depend_on_sizes():
    report = archinspect.inspect({"input": [None, None, 3], "layers": [CONV, "Flatten", {"Dense": 2}]})
    assert (report.totals.params, report.param_bytes, report.layers[2].unknown[0]) == (224, 0, "params")


@pytest.mark.parametrize(
    ("shape", "layers", "found"),
    [
        ([None, 224, 224, 3], [CONV], (None, 224, 224, 3)),  # as Keras prints a batch
        ([None, 3], [{"LSTM": 4}], (None, None, 3)),  # as Keras takes a shape
        ([None, None, 3], [{"LSTM": 4}], (None, None, 3)),
        ([None, None, 3], [CONV], (None, None, None, 3)),
        ([None, None, None, 3], [CONV], (None, None, None, 3)),
        ([28, None, 3], [CONV], (None, 28, None, 3)),
        ([None], [{"Dense": 4}], (None, None)),
    ],
)
def test_a_null_in_front_is_the_batch_where_that_fits(shape, layers, found):
    for spec in ({"input": shape, "layers": layers}, {"layers": [{"Input": shape}, *layers]}):
        assert [*archinspect.inspect(spec).inputs.values()] == [found]


def test_sizes_fit_a_network_that_takes_few():
    spec = {"input": [None, None, 3], "layers": [{"Reshape": [-1, 3]}, {"Reshape": [1024, 3]}]}
    report = archinspect.inspect(spec)  # none but 32 times 32
    assert report.layers[1].output_shape == (None, 1024, 3)
    with pytest.raises(archinspect.InvalidSpecError, match="target_shape"):
        archinspect.inspect({"input": [None, None, 3], "layers": [{"Reshape": [10, 2]}]})


def test_formulas_have_the_sizes():
    macs = archinspect.network(POOLED).formula("macs")
    for height, width in ((5, 9), (32, 32)):
        asked = archinspect.network(POOLED, inputs={"": [height, width, 3]})
        assert macs(batch=1, height=height, width=width) == asked.report().totals.macs


@pytest.mark.parametrize("ask", ["memory", "compute", "explain"])
def test_what_needs_sizes_asks_for_them(ask):
    with pytest.raises(SettingError, match=r"'input' is \?x\?x3: say a number for each size"):
        getattr(archinspect.network(POOLED), ask)()
    assert getattr(archinspect.network(POOLED, inputs={"input": [8, 8, 3]}), ask)()


def test_export_and_fit_need_sizes():
    network = archinspect.network(POOLED)
    with pytest.raises(SettingError):
        network.export("pytorch")
    with pytest.raises(SettingError):
        network.fit(2**30)


@pytest.mark.parametrize("command", ["export --to pytorch", "fit --memory 1GiB", "memory", "verify --python x"])
def test_commands_that_need_sizes_ask_for_them(run, tmp_path, command):
    path = tmp_path / "net.yaml"
    path.write_text(json.dumps(POOLED))
    name, *options = command.split()
    found = run(name, str(path), *options)
    assert (found.exit_code, "say a number for each size" in found.stderr) == (2, True)


def test_the_summary_shows_what_is_not_known(run, tmp_path):
    path = tmp_path / "net.yaml"
    path.write_text(json.dumps(POOLED))
    text = run("summary", str(path)).stdout
    assert "(None, None, None, 8)      224      ?       ?      ?" in text
    assert "Not counted: input (macs, flops, memory)" in text
    assert run("memory", str(path)).exit_code == 2
