"""What holds for every operator: its names are its own, its documentation says what it has to."""

import re
from collections import Counter

import pytest

import archinspect
from archinspect import ops
from archinspect.ops.declared import WITHOUT_EFFECT
from archinspect.ops.dense import Dense

ALL = ops.all_ops()


def fold(name):
    return re.sub(r"[\W_]", "", name.lower())


def test_the_table_names_every_operator_once():
    names = [name for family in ops.FAMILIES.values() for name in family]
    assert [kind.__name__ for kind in ALL] == names
    assert len({*map(fold, names)}) == len(names)


def test_no_name_means_two_operators():
    names = Counter(fold(name) for kind in ALL for name in (kind.__name__, *kind.aliases))
    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_every_name_finds_its_operator(kind):
    for name in (kind.__name__, *kind.aliases):
        for spelling in (name, name.lower(), f"nn.{name}", re.sub(r"(?<=[a-z])(?=[A-Z0-9])", "_", name)):
            assert ops.find_operator(spelling) is kind, spelling


@pytest.mark.parametrize("name", ["", "Conv4D", "Attend", "nn", "conv", "__doc__"])
def test_an_unknown_name_finds_nothing(name):
    assert ops.find_operator(name) is None


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_the_docstring_says_how_flops_are_counted(kind):
    assert kind.__doc__, "no docstring"
    first, *_ = kind.__doc__.splitlines()
    assert first.endswith((".", "FLOPs.")), first
    assert re.search(r"FLOPs|operation", kind.__doc__)


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_every_argument_says_what_it_is(kind):
    for name, argument in kind.args.items():
        assert len(argument.doc) > 3, name
        assert not argument.doc.endswith("."), f"{name}: a phrase, not a sentence"
        assert argument.kind.describe(kind.rank), name


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_no_spelling_means_two_arguments(kind):
    spellings = Counter(spelling for name, argument in kind.args.items() for spelling in (name, *argument.aliases))
    assert [spelling for spelling, count in spellings.items() if count > 1] == []


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_a_bare_value_means_an_argument_that_exists(kind):
    assert kind.main_arg() in {*kind.args, *kind.ignores, None}


@pytest.mark.parametrize(
    ("name", "value"), [("RandomFlip", "horizontal"), ("RandomZoom", 0.2), ("RandomHue", [0, 0.2])]
)
def test_a_bare_value_may_be_of_what_is_ignored(name, value):
    assert archinspect.inspect({"input": [8, 8, 3], "layers": [{name: value}]}).totals.flops == 0


def test_what_is_without_effect_has_effect_nowhere_but_where_it_is_declared():
    # These are arguments of some operators, and change nothing for the others.
    declared = {spelling for kind in ALL for spelling in kind.names} & WITHOUT_EFFECT
    assert declared == {"data_format", "dtype", "inplace"}


def test_required_arguments_come_first():
    for kind in ALL:
        required = [argument.required for argument in kind.args.values()]
        assert required == sorted(required, reverse=True), kind.__name__


def test_a_subclass_has_the_arguments_of_its_base_but_those_that_it_sets():
    class Own(Dense):
        units = 3

    assert {*Own.args} == {*Dense.args} - {"units"}
    assert Own.args["use_bias"] is Dense.args["use_bias"]
