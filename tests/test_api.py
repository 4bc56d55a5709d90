"""What a Python user imports: inspect, compare, check, their results and errors, and the JSON form."""

from __future__ import annotations

import doctest
import json
from importlib import import_module
from pathlib import Path
from typing import get_type_hints

import pytest

import archinspect
from archinspect import Checked, Cost, InvalidSpecError, NotFoundError, Report, Row
from archinspect.analyses.cost import sum_of_costs
from archinspect.base.diagnostics import MAX_PROBLEMS, Diagnostic, Problems
from archinspect.base.source import Source, Span, read_file
from archinspect.language import library
from archinspect.language.load import is_template

SMALL = Path(__file__).parent / "golden" / "small.yaml"
NETWORKS = [name for name in library.builtins() if not is_template(read_file(library.find_builtin(name)))]
FIGURES = [
    *("params", "trainable_params", "non_trainable_params", "buffers", "macs", "flops", "output_bytes"),
    "active_params",
]


@pytest.fixture
def spec(tmp_path):
    """Write a spec and return its path."""

    def write(text, name="net.yaml"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize("module", ["archinspect", "archinspect.api"])
def test_examples_in_docstrings_run(module):
    failed, tried = doctest.testmod(import_module(module), optionflags=doctest.ELLIPSIS)
    assert tried > 0
    assert failed == 0


def test_everything_public_is_there_and_documented():
    for name in archinspect.__all__:
        thing = getattr(archinspect, name)
        assert thing.__doc__, name
        assert not thing.__doc__.startswith(f"{name}("), f"{name} has the docstring of a NamedTuple"
    assert {*archinspect.__all__} >= {"inspect", "compare", "check", "Report", "Row", "Cost", "Diagnostic", "Checked"}
    with pytest.raises(AttributeError, match="module 'archinspect' has no attribute 'nothing'"):
        archinspect.nothing  # noqa: B018 - the look-up is what is tested


def test_results_are_typed():
    report = archinspect.inspect(SMALL)
    assert type(report) is Report
    assert all(type(row) is Row and type(row.cost) is Cost for row in report.layers)
    assert type(archinspect.check(SMALL)) is Checked
    assert [type(report) for report in archinspect.compare(SMALL, "vgg16")] == [Report, Report]
    assert set(get_type_hints(Cost)) == {*FIGURES} - {"params"}


def test_results_are_frozen():
    report = archinspect.inspect(SMALL)
    for thing, attribute in ((report, "name"), (report.layers[0], "cost"), (report.totals, "macs")):
        with pytest.raises(AttributeError):
            setattr(thing, attribute, None)


def test_inspect_takes_paths_names_and_settings():
    assert archinspect.inspect(str(SMALL)) == archinspect.inspect(SMALL)
    assert archinspect.inspect("vgg16").totals.params == 138_357_544
    report = archinspect.inspect(SMALL, params={"classes": 3}, inputs={"input": (32, 32, 1)}, batch=2, dtype="float16")
    assert report.params == {"classes": 3, "width": 8}
    assert report.inputs == {"input": (2, 32, 32, 1)}
    assert report.outputs == {"head": (2, 3)}
    assert (report.batch, report.dtype) == (2, "float16")
    assert report.param_bytes == 2 * (report.totals.params + report.totals.buffers)


def test_a_shape_without_a_name_is_the_only_inputs(spec):
    assert archinspect.inspect(SMALL, inputs={"": [32, 32, 1]}).inputs == {"input": (None, 32, 32, 1)}
    two = spec("inputs: {a: [8], b: [8]}\nlayers:\n  - {Concatenate: , from: [a, b]}\n")
    with pytest.raises(InvalidSpecError, match="which input has this shape"):
        archinspect.inspect(two, inputs={"": [8]})


def test_compare_keeps_the_order_and_passes_the_settings_on():
    reports = archinspect.compare("vgg19", SMALL, "vgg16", batch=3, dtype="int8")
    assert [report.name for report in reports] == ["VGG-19", "Small net", "VGG-16"]
    assert {(report.batch, report.dtype) for report in reports} == {(3, "int8")}
    assert archinspect.compare() == []


def test_a_missing_spec_names_the_nearest():
    for function in (archinspect.inspect, archinspect.check, archinspect.compare):
        with pytest.raises(NotFoundError, match="no file and no built-in network 'resnet5': did you mean 'resnet50'"):
            function("resnet5")


@pytest.mark.parametrize("function", [archinspect.network, archinspect.inspect, archinspect.compare])
def test_what_cannot_be_read_is_an_invalid_spec(function, tmp_path):
    (tmp_path / "wide.yaml").write_bytes(b"\xff\xfei\0")
    for path, code in ((tmp_path, "file"), (tmp_path / "wide.yaml", "encoding")):
        with pytest.raises(InvalidSpecError) as caught:
            function(path)
        assert [one.code for one in caught.value.diagnostics] == [code]


def test_an_invalid_spec_raises_with_its_diagnostics(spec):
    path = spec("input: [8]\nlayers: [Denze: 4, Dropout: 2]\n")
    with pytest.raises(InvalidSpecError) as caught:
        archinspect.inspect(path)
    assert [(d.code, d.severity, d.span.line, d.span.column) for d in caught.value.diagnostics] == [
        ("unknown-op", "error", 2, 10),
        ("argument", "error", 2, 29),
    ]
    assert f"{path}:2:10: error[unknown-op]: unknown operator or block 'Denze'\n" in str(caught.value)
    with pytest.raises(InvalidSpecError):
        archinspect.compare("vgg16", path)


@pytest.mark.parametrize("text", ["", "a: [", "\0", "- 1", "42", "layers: 3"])
def test_check_never_raises_for_a_bad_spec(spec, text):
    checked = archinspect.check(spec(text))
    assert not checked.ok
    assert checked.report is None
    assert checked.diagnostics


def test_check_tells_clean_warned_and_template_apart(spec):
    clean = archinspect.check(SMALL)
    assert (clean.ok, clean.diagnostics, clean.template, clean.path) == (True, [], False, str(SMALL))
    assert clean.report == archinspect.inspect(SMALL)
    warned = archinspect.check(spec("input: [8]\nlayers:\n  - {ReLU: , name: aux}\n  - {Dense: 4, from: input}\n"))
    assert warned.ok
    assert [d.severity for d in warned.diagnostics] == ["warning"]
    assert warned.report is not None
    template = archinspect.check("vgg")
    assert (template.ok, template.template, template.report) == (True, True, None)


def test_problems_are_in_file_order_and_each_once():
    source = Source("a.yaml", "")
    problems = Problems()
    for line, column in ((2, 1), (1, 9), (1, 2), (2, 1)):
        problems.error("step", f"at {line}", Span(source, line, column))
    assert [(d.span.line, d.span.column) for d in problems.all()] == [(1, 2), (1, 9), (2, 1)]
    problems = Problems()
    problems.add(Diagnostic("unused", "a warning", Span(source)))
    assert not problems.failed


def test_an_error_is_told_however_many_warnings_there_are():
    problems = Problems()
    span = Span(Source("a.yaml", ""))
    for number in range(2 * MAX_PROBLEMS):
        problems.add(Diagnostic("unused", f"nothing uses {number}", span))
    assert problems.all()[-1].code == "many-warnings"
    assert len(problems.all()) == MAX_PROBLEMS + 1
    for number in range(2):
        problems.error("expect", f"figure {number}", span)
    assert [d.message for d in problems.all() if d.severity == "error"] == ["figure 0"]


def test_the_json_form_has_the_documented_keys():
    form = archinspect.inspect(SMALL).as_dict()
    assert list(form) == [
        *("schema", "name", "source", "status", "layout", "dtype", "batch", "params", "metrics"),
        *("inputs", "outputs", "totals", "layers"),
    ]
    assert (form["schema"], form["name"], form["status"]) == (1, "Small net", "complete")
    assert form["source"] == "Nobody 2020: An example"
    assert list(form["totals"]) == [*FIGURES, "param_bytes"]
    rows = {row["name"]: row for row in form["layers"]}
    for row in form["layers"]:
        assert list(row)[:5] == ["name", "type", "inputs", "input_shape", "output_shape"]
        assert list(row)[5:13] == FIGURES
        assert list(row)[13:] == ["receptive_field", "jump", "center", "args", "edges"] + ["shares"] * ("shares" in row)
    assert rows["body.0.add"]["inputs"] == ["body.0.batch_normalization", "stem"]
    assert rows["stem"]["output_shape"] == [None, 7, 7, 8]
    assert rows["stem"]["args"] == {"filters": 8, "kernel_size": [3, 3], "strides": [2, 2], "activation": "ReLU"}
    assert rows["stem"]["non_trainable_params"] == 3 * 3 * 3 * 8 + 8
    assert rows["dense"]["shares"] == "first"
    assert rows["head"]["type"] == "Dense"
    assert form["totals"]["params"] == form["totals"]["trainable_params"] + form["totals"]["non_trainable_params"]


@pytest.mark.parametrize("name", NETWORKS)
def test_json_round_trips_and_figures_are_integers(name):
    form = archinspect.inspect(name).as_dict()
    assert json.loads(json.dumps(form)) == form
    for figures in (form["totals"], *form["layers"]):
        assert all(type(figures[figure]) is int for figure in FIGURES)


def test_integers_are_exact_however_large(spec):
    path = spec("input: [1_000_000_000]\nlayers:\n  - {Dense: {units: 999_999_999}, repeat: 3}\n")
    totals = archinspect.inspect(path, batch=10**6).as_dict()["totals"]
    first, others = 10**9 * 999_999_999, 999_999_999**2
    assert totals["macs"] == 10**6 * (first + 2 * others)
    assert totals["params"] == first + 2 * others + 3 * 999_999_999


@pytest.mark.parametrize("name", NETWORKS)
def test_rows_at_any_depth_sum_to_the_totals(name):
    report = archinspect.inspect(name, batch=2)
    counts = []
    for depth in range(1, report.depth + 2):
        rows = report.fold(depth)
        assert sum_of_costs(row.cost for row in rows) == report.totals
        assert sum(row.layers for row in rows) == len(report.layers)
        assert len({row.name for row in rows}) == len(rows)
        assert all(row.name.count(".") < depth for row in rows)
        counts.append(len(rows))
    assert counts == sorted(counts)
    assert report.fold(report.depth) == report.layers
    assert report.fold(1)[-1].output_shape == report.layers[-1].output_shape


@pytest.mark.parametrize("name", NETWORKS)
def test_what_a_folded_row_reads_is_another_row_or_an_input(name):
    report = archinspect.inspect(name)
    for depth in range(1, report.depth + 1):
        rows = report.fold(depth)
        known = {*report.inputs, *(row.name for row in rows)}
        for row in rows:
            assert {*row.inputs} <= known - {row.name}
            within = [one.type for one in report.layers if f"{one.name}.".startswith(f"{row.name}.")]
            assert row.inputs or not {*within}.isdisjoint(("Parameter", "Constant", "Fill", "Arange"))


def test_each_output_of_a_layer_has_a_name():
    step = {"LSTM": {"units": 6, "return_sequences": True, "return_state": True}}
    report = archinspect.inspect({"name": "n", "input": [20, 4], "layers": [step]})
    assert report.outputs == {"lstm": (None, 20, 6), "lstm.1": (None, 6), "lstm.2": (None, 6)}


def test_a_report_says_what_was_asked_for():
    network = archinspect.network("lenet5", lora={"r": 2, "targets": "all-linear"}, fold_bn=True)
    asked = {"lora": {"r": 2, "targets": "all-linear", "alpha": None}, "fold_bn": True}
    assert network.report().asked == asked
