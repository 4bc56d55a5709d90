"""What a Python user sees: short texts, tables for notebooks and pandas, errors that name an argument."""

from __future__ import annotations

import html.parser
import sys
from types import ModuleType

import numpy as np
import pytest

import archinspect
from archinspect import Plan
from archinspect.base.html import MOST_ROWS

RESULTS = [
    archinspect.inspect("resnet50"),
    archinspect.inspect("resnet50").layers[0],
    archinspect.memory_report("resnet50"),
    archinspect.memory_report("resnet50").inference,
    archinspect.memory_report("resnet50").training,
    archinspect.compute("resnet50", training=True),
    archinspect.explain("resnet50"),
    archinspect.explain("resnet50").layers["head.dense"][0],
    archinspect.network("resnet50"),
    archinspect.fit("resnet50", 2**30)[0],
    archinspect.check("resnet50"),
    archinspect.diff("resnet50", "vgg16"),
    archinspect.network("resnet50").sweep({"batch": [1, 2]}),
]
TABLES = [one for one in RESULTS if hasattr(one, "_repr_html_")]


@pytest.mark.parametrize("result", RESULTS, ids=lambda one: type(one).__name__)
def test_texts_are_a_line_or_two(result):
    assert len(repr(result)) < 250
    assert "\n" not in repr(result)


class _Reader(html.parser.HTMLParser):
    """Checks that tags are closed, and collects cells."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag, attrs):  # noqa: ARG002 - as the base's
        self.open.append(tag)
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize("result", TABLES, ids=lambda one: type(one).__name__)
def test_notebooks_show_a_table_that_folds(result):
    reader = _Reader()
    reader.feed(result._repr_html_())
    assert reader.open == []
    assert {"details", "summary", "table"} <= {*reader.tags}
    assert reader.tags.count("tr") == min(len(result.rows()), MOST_ROWS) + 1
    assert not {"script", "link", "img", "style"} & {*reader.tags}


def test_a_table_of_many_rows_is_closed_and_of_few_open():
    assert "<details>" in archinspect.inspect("resnet50")._repr_html_()
    assert "<details open>" in archinspect.inspect("lenet5")._repr_html_()


def test_names_in_a_table_are_escaped():
    spec = {"name": "<script>alert(1)</script>", "input": [4], "layers": [{"Dense": 2, "name": "<b>&"}]}
    try:
        shown = archinspect.inspect(spec)._repr_html_()
    except archinspect.InvalidSpecError:  # where names of layers are letters
        shown = archinspect.inspect({**spec, "layers": [{"Dense": 2}]})._repr_html_()
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown


def test_rows_sum_to_the_totals():
    report = archinspect.inspect("resnet50")
    for name in ("params", "macs", "flops", "output_bytes"):
        assert sum(row[name] for row in report.rows()) == getattr(report.totals, name)
    computed = archinspect.compute("resnet50", training=True)
    assert sum(row["flops"] for row in computed.rows()) == computed.total.flops
    memory = archinspect.memory_report("resnet50")
    assert max(row["during"] for row in memory.rows()) == memory.inference.peak.bytes


def test_what_is_not_known_is_none():
    (custom,) = archinspect.inspect({"input": [4], "layers": [{"Custom": {"output_shape": [2]}}]}).rows()
    assert (custom["params"], custom["macs"], custom["flops"], custom["output_bytes"]) == (None, None, None, 8)


@pytest.mark.parametrize(
    "result", [one for one in TABLES if hasattr(one, "to_pandas")], ids=lambda one: type(one).__name__
)
def test_pandas_gets_the_rows(result, monkeypatch):
    pandas = ModuleType("pandas")
    pandas.DataFrame = list  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pandas", pandas)
    assert result.to_pandas() == result.rows()
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"archinspect\[pandas\]"):
        result.to_pandas()


def test_dicts_are_those_of_the_commands():
    for result in (archinspect.inspect("lenet5"), archinspect.memory_report("lenet5"), archinspect.explain("lenet5")):
        assert result.to_dict() == result.as_dict()


def test_names_complete():
    assert {*archinspect.__all__} <= {*dir(archinspect)}
    assert archinspect.networks("resnet", "152") == ["resnet152"]
    assert "vgg" not in archinspect.networks()  # a template


def test_errors_have_the_place_and_a_caret():
    with pytest.raises(archinspect.InvalidSpecError) as raised:
        archinspect.inspect("input: [8]\nlayers:\n  - Dens: 4\n  - Dense: -1\n")
    assert str(raised.value).splitlines() == [
        "<text>:3:5: error[unknown-op]: unknown operator or block 'Dens'",
        "   |",
        " 3 |   - Dens: 4",
        "   |     ^^^^",
        "  = help: did you mean 'Dense'?",
        "<text>:4:12: error[argument]: Dense: units must be a positive integer, not -1",
        "   |",
        " 4 |   - Dense: -1",
        "   |            ^^",
    ]


def test_errors_of_many_mistakes_are_short():
    with pytest.raises(archinspect.InvalidSpecError) as raised:
        archinspect.inspect({"input": [8], "layers": [{"Dense": -n} for n in range(50)]})
    assert len(str(raised.value).splitlines()) < 50
    assert str(raised.value).endswith("and 45 more")
    assert len(raised.value.diagnostics) == 50


# Arguments


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"batch": 0}, "batch must be a positive whole number, not 0"),
        ({"batch": -3}, "batch must be a positive whole number, not -3"),
        ({"batch": 1.5}, "batch must be a positive whole number, not 1.5"),
        ({"batch": True}, "batch must be a positive whole number, not True"),
        ({"dtype": "float15"}, "dtype is one of .*, not 'float15'"),
        ({"dtype": ["float32"]}, r"dtype is one of .*, not \['float32'\]"),
        ({"fold_bn": "no"}, "fold_bn must be True or False, not 'no'"),
        ({"params": {1: 2}}, "params: a name must be a text, not 1"),
        ({"params": ["classes"]}, "params must be a dict"),
        ({"inputs": [8]}, "inputs must be a dict"),
        ({"inputs": {"": "8x8x3"}}, "inputs: the shape of '' must be a list of sizes"),
        ({"inputs": {"": [8, 8, 0]}}, "inputs: a size of '' must be a positive whole number, not 0"),
    ],
)
def test_settings_that_are_none_are_named(settings, said):
    for ask in (archinspect.inspect, archinspect.network, archinspect.compute, archinspect.memory_report):
        with pytest.raises(ValueError, match=said):
            ask("lenet5", **settings)
    with pytest.raises(ValueError, match=said):
        archinspect.fit("lenet5", 2**30, **settings)
    with pytest.raises(ValueError, match=said):
        archinspect.network("lenet5").with_settings(**settings)


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        ({"optimizer": "sdg"}, "optimizer is one of"),
        ({"policy": "lazy"}, "policy is one of"),
        ({"attention": "flash"}, "attention is one of"),
        ({"dtype": "float15"}, "dtype is one of"),
        ({"cached": -1}, "cached must be 0 or a positive whole number, not -1"),
        ({"dtype": ["float32"]}, r"dtype is one of .*, not \['float32'\]"),
        ({"kv_dtype": ""}, "kv_dtype is one of .*, not ''"),
        ({"weights_dtype": 4}, "weights_dtype is one of .*, not 4"),
        ({"precision": ""}, "precision is one of .*, not ''"),
        ({"mixed": "no"}, "mixed must be True or False, not 'no'"),
        ({"checkpointing": None}, "checkpointing must be True or False, not None"),
    ],
)
def test_plans_that_are_none_are_named(plan, said):
    with pytest.raises(ValueError, match=said):
        archinspect.memory_report("lenet5", Plan(**plan))
    with pytest.raises(ValueError, match=said):
        archinspect.fit("lenet5", 2**30, Plan(**plan))


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda api: api.memory_report("lenet5", 3), "plan must be a Plan, not 3"),
        (lambda api: api.fit("lenet5", 1, 3), "plan must be a Plan, not 3"),
        (lambda api: api.fit("lenet5", 1, training="no"), "training must be True or False"),
        (lambda api: api.fit("lenet5", 1, vary="batch"), "vary must be a list of names, not 'batch'"),
        (lambda api: api.fit("lenet5", 1, vary=[3]), "vary: a name must be a text, not 3"),
        (lambda api: api.compute("lenet5", training="no"), "training must be True or False"),
        (lambda api: api.compute("lenet5", device=100), "device must be a Device, not 100"),
        (lambda api: api.compute("lenet5", device="a1000"), "no device 'a1000': did you mean 'a100"),
        (lambda api: api.inspect("lenet5", convention=3), "convention must be a name, not 3"),
        (lambda api: api.inspect("lenet5", memory="1GiB"), "memory must be True or False, not '1GiB'"),
        (lambda api: api.check("lenet5", "error"), "rules must be a list of names, not 'error'"),
        (lambda api: api.check("lenet5", ["nothing"]), "rules: a code is one of .*, not 'nothing'"),
        (lambda api: api.check("lenet5", None, 3), "limits must be a Limits, not 3"),
        (lambda api: api.network("lenet5").check(["nothing"]), "rules: a code is one of"),
        (lambda api: api.networks(3), "words: a name must be a text, not 3"),
        (lambda api: api.network("lenet5").sweep({"batch": [0]}), "batch must be a positive whole number, not 0"),
    ],
    ids=range(16),
)
def test_arguments_that_are_none_are_named(ask, said):
    with pytest.raises(ValueError, match=said):
        ask(archinspect)


@pytest.mark.parametrize("memory", [-1, 1.5, "1GiB", None])
def test_memory_that_is_none_is_named(memory):
    with pytest.raises(ValueError, match="memory must be 0 or a positive whole number"):
        archinspect.fit("lenet5", memory)


def test_numbers_of_numpy_and_names_of_types_are_taken():
    found = archinspect.inspect("lenet5", batch=np.int64(3), dtype="half", inputs={"": np.array([32, 32, 1])})
    assert found == archinspect.inspect("lenet5", batch=3, dtype="float16", inputs={"": (32, 32, 1)})
