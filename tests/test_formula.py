"""Closed formulas: equal to the engine wherever they hold, and readable."""

import json
from random import Random

import pytest

import archinspect
from archinspect.analyses.formula import FIGURES, RefusedError, Symbols, free_variables, variables

# A sample of kinds; benchmarks/formulas.py takes every built-in network.
NETWORKS = {
    **dict.fromkeys(("lenet5", "vgg16", "resnet18", "mobilenet_v2", "googlenet", "unet"), ()),
    **dict.fromkeys(("densenet121", "gru", "markov_chain", "fully_connected", "vae"), ()),
    "gpt2": ("batch", "seq", "vocabulary"),
    "bert_base": ("batch", "seq"),
    "vit_b_16": ("batch", "classes"),
    "swin_t": ("batch", "classes"),
    "llama2_7b": ("batch", "seq", "hidden"),
}


def points(own, free, random, count=8):
    """Yield values of variables around a network's own."""
    for _ in range(count):
        yield {
            name: min(max(int(own[name] * random.choice((0.5, 1, 1, 1.4, 2))) + random.choice((-1, 0, 0, 1)), 1), 9_999)
            for name in free
        }


@pytest.mark.parametrize("name", NETWORKS)
def test_formulas_are_the_engine_s_figures(name):
    network = archinspect.network(name)
    free = NETWORKS[name] or free_variables(network._load, network.facts)
    formulas = network.formulas(variables=free)
    inside = 0
    for point in points(variables(network.facts), free, Random(name)):
        try:
            facts = Symbols(network._load, network.facts, (), point).facts
        except RefusedError:
            facts = None
        for figure, formula in formulas.items():
            values = {name: point[name] for name in formula.variables}
            if formula.holds(**values):
                inside += 1
                assert facts is not None, (figure, point)
                assert formula(**values) == FIGURES[figure][1](facts), (figure, point)
    assert inside > 6


def test_the_engine_with_a_point_is_that_of_a_summary():
    network = archinspect.network("resnet18")
    point = {"batch": 3, "classes": 7, "height": 97, "width": 64}
    facts = Symbols(network._load, network.facts, (), point).facts
    other = archinspect.network("resnet18", batch=3, params={"classes": 7}, inputs={"input": [97, 64, 3]}).facts
    assert {name: figure(facts) for name, (_, figure) in FIGURES.items()} == {
        name: figure(other) for name, (_, figure) in FIGURES.items()
    }


@pytest.mark.parametrize(
    ("name", "figure", "names", "text"),
    [
        ("vgg16", "params", ["classes"], "134_260_544 + 4097 * classes"),
        ("fully_connected", "params", ["N", "M"], "3 * N ** 2 * M"),
        ("gpt2", "macs", ["batch", "seq"], "batch * seq * (123_532_032 + 18_432 * seq)"),
        ("markov_chain", "params", ["states"], "states ** 2"),
    ],
)
def test_formulas_read_as_a_person_writes_them(name, figure, names, text):
    assert str(archinspect.network(name).formula(figure, *names)) == text


def test_map_sizes_are_rounded_up_in_one_step():
    macs = str(archinspect.network("resnet50").formula("macs", "height", "width"))
    assert "ceil(height / 32) * ceil(width / 32)" in macs
    assert "//" not in macs


def test_a_formula_says_where_it_holds():
    formula = archinspect.network("vgg16").formula("macs", "height")
    assert formula.guards[0].startswith("32 <= height")
    assert not formula.holds(height=31)
    with pytest.raises(ValueError, match="the formula holds for"):
        formula(height=31)


def test_what_is_no_variable_and_no_figure_is_refused():
    network = archinspect.network("vgg16")
    with pytest.raises(ValueError, match="a variable is one of batch, classes, "):
        network.formula("macs", "seq")
    with pytest.raises(ValueError, match="a figure is one of params, macs, "):
        network.formula("size")


def test_axes_have_the_input_s_name_where_there_are_several_or_a_parameter_has_theirs():
    spec = {
        "params": {"width": 4},
        "inputs": {"a": [8, 6, 3], "b": [5]},
        "layers": [{"Conv2D": {"filters": "$width", "kernel_size": 1}, "from": "a"}],
    }
    assert list(variables(archinspect.network(spec).facts)) == [
        "batch", "width", "a_height", "a_width", "a_channels", "b_features",
    ]  # fmt: skip
    spec["inputs"] = {"a": [8, 6, 3]}
    assert list(variables(archinspect.network(spec).facts)) == ["batch", "width", "height", "a_width", "channels"]


def test_an_input_that_is_a_step_has_variables():
    network = archinspect.network({"layers": [{"Input": [6, 8], "name": "data"}, {"Dense": 4}]})
    assert str(network.formula("macs")) == "32 * batch * steps"


def test_what_the_structure_depends_on_is_no_free_variable():
    network = archinspect.network("deep_residual")
    assert free_variables(network._load, network.facts) == ["batch", "classes", "height", "width"]
    formula = network.formula("params", "depth", "classes")
    assert formula.ranges["depth"] == (3, 3)


@pytest.mark.parametrize("form", ["text", "json", "csv", "markdown", "latex", "python"])
def test_the_command(run, form):
    result = run("formula", "lenet5", "--of", "params,macs", "--in", "batch,classes", "--format", form)
    assert result.exit_code == 0
    if form == "json":
        found = json.loads(result.stdout)
        assert (found["schema"], found["status"], list(found["formulas"])) == (1, "complete", ["params", "macs"])
        assert found["formulas"]["params"]["text"] == "60_856 + 85 * classes"
    elif form == "python":
        names: dict = {}
        exec(result.stdout, names)  # noqa: S102 - it is what the user would run
        assert names["params"](classes=10) == 61_706
        assert names["macs"](batch=2, classes=10) == 2 * 416_520
    else:
        assert "60" in result.stdout
        assert "85" in result.stdout


def test_the_command_names_what_there_is(run):
    result = run("formula", "lenet5", "--in", "clases")
    assert result.exit_code == 2
    assert "a variable is one of batch, classes" in result.stderr


def test_without_names_a_formula_has_all_that_the_structure_leaves_open():
    found = archinspect.network("lenet5").formulas(["params", "macs"])
    assert {name: formula.variables for name, formula in found.items()} == {
        "params": ("classes", "height", "width"),
        "macs": ("batch", "classes", "height", "width"),
    }


def test_no_formula_of_thousands_of_operators():
    spec = {"input": [4], "layers": [{"ReLU": None, "repeat": 5001}]}
    with pytest.raises(ValueError, match=r"has 5,001 operators, and formulas are found for at most 5,000"):
        archinspect.network(spec).formula("macs")
    spec = {"input": [4], "layers": [{"ReLU": None, "repeat": 5000}]}
    assert str(archinspect.network(spec).formula("macs", "batch")) == "0"


def test_a_point_that_the_network_refuses_says_why():
    network = archinspect.network("vgg16")
    with pytest.raises(RefusedError) as refused:
        Symbols(network._load, network.facts, ["height"], {"height": 8})
    assert {one.code for one in refused.value.diagnostics} == {"shape"}


def test_how_further_inputs_lie_may_depend_on_symbols():
    turned = {"SwapAxes": {"dim0": 1, "dim1": 2}, "from": "other", "name": "turned"}
    layers = [{"Input": [3, 2], "name": "other"}, {"Dense": 2}, turned, {"MatMul": None, "from": ["dense", "turned"]}]
    network = archinspect.network({"layers": layers}, batch=3)
    formula, own = network.formula("kept"), variables(network.facts)
    assert formula(**{name: own[name] for name in formula.variables}) == FIGURES["kept"][1](network.facts)


def test_a_batch_that_is_not_said_is_several():
    layers: list = [{"Input": [3, 2]}, {"Permute": [2, 1]}, {"Dense": 2}]
    assert archinspect.network({"layers": layers}).formula("kept", "batch").guards == ("batch >= 2",)
    assert archinspect.network({"layers": layers}, batch=1).formula("kept", "batch").guards[0] == "batch == 1"
