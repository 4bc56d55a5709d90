"""Bounds of every figure: in `expect`, by `--expect`, in the configuration; and baselines."""

import json
from pathlib import Path

import pytest

import archinspect
from archinspect.checks import Limits
from archinspect.checks.budget import Budget
from archinspect.checks.figures import FIGURES
from archinspect.reports.memory import Plan

NET = """\
input: [32, 32, 3]
layers:
  - {Conv2D: {filters: 16, kernel_size: 3, padding: same, activation: relu}, name: first}
  - name: stage
    layers:
      - {Conv2D: {filters: 32, kernel_size: 3, strides: 2, padding: same, use_bias: false}, name: conv}
      - BatchNormalization
      - ReLU
  - GlobalAveragePooling2D
  - Dense: 10
"""
NETWORK = archinspect.network(NET)


def told(bounds):
    """Return what budgets tell of the network."""
    return [
        one.message.partition(", as --expect")[0]
        for one in archinspect.check(NET, ["budget"], Limits((Budget("--expect", bounds),))).diagnostics
    ]


def memory(batch=1, **plan):
    return NETWORK.with_settings(batch=batch).memory(Plan(**plan))


EXACT = {
    "params": NETWORK.report().totals.params,
    "trainable_params": NETWORK.report().totals.trainable_params,
    "non_trainable_params": 0,
    "buffers": 64,
    "macs": NETWORK.report().totals.macs,
    "flops": NETWORK.report().totals.flops,
    "output_bytes": NETWORK.report().totals.output_bytes,
    "active_params": NETWORK.report().totals.active_params,
    "param_bytes": 4 * (NETWORK.report().totals.params + 64),
    "layers": 6,
    "depth": 3,
    "receptive_field": 5,
    "weights": 4 * (NETWORK.report().totals.params + 64),
    "peak": memory().inference.peak.bytes,
    "kept": memory().training.kept.total,
    "inference_memory": memory().inference.total,
    "training_memory": memory().training.total,
}


@pytest.mark.parametrize("name", EXACT)
def test_a_figure_is_what_commands_print(name):
    assert told({name: EXACT[name]}) == []
    assert told({name: f"<= {EXACT[name]}"}) == []
    (message,) = told({name: EXACT[name] + 1})
    assert f"the network has {EXACT[name]:,}, not {EXACT[name] + 1}" in message


def test_every_figure_is_tried():
    assert {*EXACT, "time"} == {*FIGURES}


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({"params": "<= 5 k"}, "params: the network has 5,450, not <= 5 k (+9.00%)"),
        ({"params": "5.4 k ± 1%"}, ""),
        ({"params": {"max": "5 k"}}, "params: the network has 5,450, not <= 5 k (+9.00%)"),
        ({"params": {"min": "6 k"}}, "params: the network has 5,450, not >= 6 k (-9.17%)"),
        ({"params": {"min": 5000, "max": "6 k"}}, ""),
        ({"buffers": "<= 0"}, "buffers: the network has 64, not <= 0 (where none is allowed)"),
        ({"weights": {"is": 5514, "dtype": "int8"}}, ""),
        ({"kept": {"max": memory(8).training.kept.total, "batch": 8}}, ""),
        ({"peak": {"is": memory(8, dtype="float16").inference.peak.bytes, "batch": 8, "dtype": "half"}}, ""),
        ({"training_memory": {"is": memory(8, optimizer="sgd").training.total, "batch": 8, "optimizer": "sgd"}}, ""),
        ({"macs": {"is": 4 * NETWORK.report().totals.macs, "batch": 4}}, ""),
        ({"time": {"max": "1 s", "device": "t4"}}, ""),
        ({"time": {"max": "0.1 us", "device": "t4"}}, "time: the network has 1"),
        ({"time": "<= 1 ms"}, "time: say of which device"),
        ({"output": [10]}, ""),
        ({"output": [11]}, "output: the network gives [10], not [11]"),
        ({"fits": {"device": "t4", "batch": 32, "train": "adamw"}}, ""),
        ({"fits": [{"memory": "1 MiB"}, {"memory": "1 KiB"}]}, "fits: inference at batch 1 does not fit into 1 KiB: "),
        ({"fits": {"memory": "1 MiB", "reserve": "1 MiB"}}, "fits: inference at batch 1 does not fit into 1 MiB: "),
        (
            {"fits": {"device": "t4", "batch": 10**6, "train": True}},
            "fits: training with adam at batch 1000000 does not",
        ),
        ({"fits": {"device": "t5"}}, "fits: no device 't5'"),
        ({"fits": {"devise": "t4"}}, "fits: unknown key 'devise': did you mean 'device'?"),
        ({"fits": {"device": "t4", "batch": 0}}, "fits: batch must be a positive integer, not 0"),
        ({"fits": {"device": "t4", "train": "adm"}}, "fits: optimizer is one of "),
        ({"fits": "t4"}, "fits: must be a map"),
        ({"fits": {"batch": 3}}, "fits: say either `device` or `memory`"),
        ({"parts": {"stage": {"params": 4672, "buffers": 64, "output": [16, 16, 32]}}}, ""),
        # The convolution's result and its padded input, the statistics, the result of ReLU; at the peak what there was.
        ({"parts": {"stage": {"layers": 3, "kept": 32768 + 4 * 33 * 33 * 16 + 256 + 32768}}}, ""),
        ({"parts": {"stage": {"peak": 12288 + 65536 + 32768 + 4 * 33 * 33 * 16}}}, ""),
        ({"parts": {"stage.re_lu": {"peak": "<= 45 kB"}}}, "'stage.re_lu': peak: it has 45,056, not <= 45 kB"),
        ({"parts": {"stage.conv": {"params": "<= 4 k"}}}, "'stage.conv': params: it has 4,608, not <= 4 k (+15.20%)"),
        ({"parts": {"stag": {"params": 1}}}, "parts: no layer, block or stage 'stag'"),
        ({"parts": {"stage": {"depth": 1}}}, "parts: 'stage' has no figure 'depth'"),
        ({"parts": {"stage": 3}}, "parts: 'stage' must be a map of figures"),
        ({"parms": 3}, "unknown figure 'parms'"),
        ({"params": "many"}, "params must be a quantity"),
        ({"params": [1]}, "params: must be a quantity"),
        ({"params": {"batch": 3}}, "params: must be a quantity, or a map with `max`, `min` or `is`"),
        ({"macs": {"is": 3, "device": "t4"}}, "macs: unknown key 'device'"),
        ({"weights": {"is": 3, "dtype": "int7"}}, "weights: dtype is one of "),
    ],
)
def test_bounds(bounds, expected):
    found = told(bounds)
    assert len(found) == bool(expected), found
    assert all(expected in message for message in found)


def test_a_message_names_the_layers_that_weigh_most():
    (one,) = archinspect.check(NET + "expect: {params: <= 1 k}\n").diagnostics
    assert one.help == "most of it: 'stage.conv' 4,608 (85%), 'first' 448 (8%), 'dense' 330 (6%)"
    (one,) = archinspect.check(NET + "expect: {fits: {memory: 1 MiB, batch: 4000}}\n").diagnostics
    assert one.help == f"a batch of {archinspect.fit(NET, 2**20)[0].largest} fits"


def test_sizes_that_are_open_make_figures_unknown():
    net = NET.replace("[32, 32, 3]", "[null, null, 3]")
    limits = Limits((Budget("--expect", {"params": 5450, "macs": 1}),))
    assert [one.message for one in archinspect.check(net, ["budget"], limits).diagnostics] == [
        "macs: not known, as sizes are open"
    ]


@pytest.fixture
def project(tmp_path, monkeypatch, run):
    monkeypatch.chdir(tmp_path)
    Path("a").mkdir()
    Path("net.yaml").write_text(NET, encoding="utf-8")
    Path("a/net.yaml").write_text(NET.replace("Dense: 10", "Dense: 20"), encoding="utf-8")
    assert run("baseline", "write").stdout == "archinspect-baseline.json: 2 networks\n"
    return tmp_path


def messages(run, *args):
    result = run("check", "--baseline", "archinspect-baseline.json", "--format", "concise", *args)
    return [line.partition(": error")[::2] for line in result.stdout.splitlines()[:-1]], result.exit_code


@pytest.mark.usefixtures("project")
def test_a_baseline_holds_figures(run):
    assert messages(run) == ([], 0)
    Path("net.yaml").write_text(NET.replace("Dense: 10", "Dense: 11"), encoding="utf-8")
    ((place, message),), code = messages(run)
    assert (place, code) == ("net.yaml:1:1", 1)
    assert message.startswith("[baseline]: grown beyond the baseline: params 5,483 from 5,450 (+33, +0.61%), macs")
    assert messages(run, "--tolerance", "0.5%")[1] == 1
    assert messages(run, "--tolerance", "1%") == ([], 0)


@pytest.mark.usefixtures("project")
def test_a_stale_baseline_fails_and_is_written_anew(run):
    Path("net.yaml").write_text(NET.replace("Dense: 10", "Dense: 9"), encoding="utf-8")
    Path("a/net.yaml").unlink()
    Path("new.yaml").write_text(NET, encoding="utf-8")
    found, code = messages(run)
    assert code == 1
    assert [place for place, _ in found] == ["net.yaml:1:1", "new.yaml:1:1", "archinspect-baseline.json"]
    assert "less than the baseline, which is stale" in found[0][1]
    assert run("check", "--baseline", "archinspect-baseline.json", "--update-baseline").exit_code == 0
    assert [*json.loads(Path("archinspect-baseline.json").read_text(encoding="utf-8"))["networks"]] == [
        "net.yaml",
        "new.yaml",
    ]
    assert messages(run) == ([], 0)


@pytest.mark.usefixtures("project")
def test_standard_input_is_in_no_baseline(run):
    result = run("check", "-", "--baseline", "archinspect-baseline.json", stdin="input: [8]\nlayers: [ReLU]\n")
    assert result.stdout == "1 spec checked, no errors\n"


@pytest.mark.usefixtures("project")
def test_only_what_is_checked_is_written_anew(run):
    before = json.loads(Path("archinspect-baseline.json").read_text(encoding="utf-8"))["networks"]
    for name in ("net.yaml", "a/net.yaml"):
        Path(name).write_text(NET.replace("Dense: 10", "Dense: 99"), encoding="utf-8")
    run("check", "net.yaml", "--update-baseline")
    after = json.loads(Path("archinspect-baseline.json").read_text(encoding="utf-8"))["networks"]
    assert after["a/net.yaml"] == before["a/net.yaml"]
    assert after["net.yaml"]["params"] != before["net.yaml"]["params"]


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"version": 2, "networks": {}}', '{"version": 1, "networks": {"a": 3}}']
)
@pytest.mark.usefixtures("project")
def test_what_is_no_baseline(text, run):
    Path("archinspect-baseline.json").write_text(text, encoding="utf-8")
    result = run("check", "--baseline", "archinspect-baseline.json")
    assert result.exit_code == 2
    assert "this is no baseline of version 1" in result.stderr
    assert "archinspect baseline write" in run("check", "--baseline", "none.json").stderr


@pytest.mark.usefixtures("project")
def test_specs_with_errors_are_not_stored(run):
    Path("net.yaml").write_text("input: [8]\nlayers: [Denze]\n", encoding="utf-8")
    result = run("baseline", "write", "--file", "b.json")
    assert result.exit_code == 1
    assert "unknown-op" in result.stderr
    assert [*json.loads(Path("b.json").read_text(encoding="utf-8"))["networks"]] == ["a/net.yaml"]


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(("bound", "code"), [("params >= 1", 0), ("params > 1 G", 1), ("params: >= 1 G", 1)])
def test_a_bound_from_below_is_no_text_of_several_lines(bound, code, run):
    assert run("check", "net.yaml", "--expect", bound).exit_code == code


@pytest.mark.usefixtures("project")
def test_bounds_on_the_command_line_and_in_the_configuration(run):
    Path("archinspect.toml").write_text('[budgets]\n"a/*" = {params = "<= 5 k", depth = 3}\n', encoding="utf-8")
    result = run("check", "--expect", "layers < 6", "--expect", "depth: 3", "--format", "concise")
    assert result.stdout.splitlines() == [
        "a/net.yaml:1:1: error[budget]: params: the network has 5,780, not <= 5 k (+15.60%), as [budgets] 'a/*' states",
        "a/net.yaml:1:1: error[budget]: layers: the network has 6, not < 6 (+0.00%), as --expect states",
        "net.yaml:1:1: error[budget]: layers: the network has 6, not < 6 (+0.00%), as --expect states",
        "2 specs checked, 3 errors",
    ]
    for bound in ("params", "parms <= 3", "params <= x", "params <= [", "<= 3"):
        assert run("check", "--expect", bound).exit_code == 2


def test_a_baseline_of_sizes_that_are_open_by_now_is_told(run, tmp_path, monkeypatch):
    """Figures that cannot be compared any more are not passed over."""
    monkeypatch.chdir(tmp_path)
    conv = {"class_name": "Conv2D", "config": {"name": "c", "filters": 8, "kernel_size": 3}}
    for sizes, exit_code in ((8, 0), (None, 1)):
        shape = [None, sizes, sizes, 3]
        entry = {"class_name": "InputLayer", "config": {"name": "x", "batch_input_shape": shape}}
        model = {"class_name": "Sequential", "config": {"name": "m", "layers": [entry, conv]}}
        Path("open.json").write_text(json.dumps(model), encoding="utf-8")
        if sizes:
            run("baseline", "write", "open.json", "--file", "sized.json")
        result = run("check", "open.json", "--baseline", "sized.json", "--format", "concise")
        assert result.exit_code == exit_code, result.stdout
    lost = "macs, flops, output_bytes, peak, kept"
    assert f"the baseline has {lost}, not known any more, as sizes are open" in result.stdout
    assert result.stdout.count("[baseline]") == 1
