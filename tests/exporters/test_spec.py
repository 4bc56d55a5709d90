"""Specs from networks: what is written reads again with the same figures, layer by layer, and as a person's would."""

import pytest
from command_line import run

import archinspect
from archinspect import ops
from archinspect.analyses.memory import POLICIES, peak_bytes
from archinspect.base.diagnostics import Problems
from archinspect.exporters.refusal import CannotExportError
from archinspect.language.flatten import flatten
from archinspect.language.load import open_spec

LONGER = {"mobilenet_v3_large": 1.8}
"""So much longer than a person's text a built-in network's may be, where it is not one and a half times."""


def spec(*layers, shape=(8,), **more):
    return archinspect.network({"input": list(shape), "layers": list(layers), **more})


def layers_of(network):
    text = network.convert()
    return text[text.index("layers:\n") + 8 : text.index("expect:")]


@pytest.mark.parametrize("name", archinspect.networks())
def test_a_built_in_network_is_the_same_when_it_is_read_again(name):
    network = archinspect.network(name)
    text = network.convert()
    again = archinspect.network(text)
    assert text == archinspect.network(name).convert()
    assert again.check() == []
    assert rows(network) == rows(again)
    for policy in POLICIES:
        assert peak_bytes(network.facts, policy) == peak_bytes(again.facts, policy)
    flat = archinspect.network(network.convert(flat=True))
    assert figures(network) == figures(flat)


def rows(network):
    memory = network.memory()
    return [*figures(network), memory.training, memory.inference]


def figures(network):
    return [(row.name, row.output_shape, row.cost) for row in network.report().layers]


@pytest.mark.parametrize("name", archinspect.networks())
def test_a_built_in_network_is_about_as_long_as_its_author_wrote_it(name):
    source = open_spec(name)
    by_hand = max(
        len([line for line in text.splitlines() if line]) for text in (source.text, flatten(source, Problems()))
    )
    assert archinspect.network(name).convert().count("\n") <= LONGER.get(name, 1.5) * by_hand


def test_what_follows_itself_is_a_repeat():
    assert layers_of(spec({"Dense": 8}, {"Dense": 8}, "ReLU")) == "  - {Dense: 8, repeat: 2}\n  - ReLU\n"


def test_what_differs_in_a_row_is_an_expression_of_the_index():
    text = layers_of(spec(*({"Dense": 8 * 2**n, "name": f"wide{n + 1}"} for n in range(4))))
    assert text == '  - {Dense: "${8 * 2 ** index}", name: "wide${index + 1}", repeat: 4}\n'


def test_what_no_step_can_be_is_refused():
    with pytest.raises(CannotExportError, match="it has no layers"):
        archinspect.network({"layers": [{"Input": [8]}]}).convert()


def test_the_command_prints_it_and_export_does_too():
    done = run("convert", "lenet5")
    assert done.stdout == run("export", "lenet5", "--to", "spec").stdout
    assert done.stdout.startswith("name: LeNet-5")
    assert (done.exit_code, done.stderr) == (0, "")


def test_branches_are_the_paths_of_a_merge():
    layers = [{"Dense": 8, "name": "one"}, {"Dense": 8}, {"Add": None, "from": [-1, "input"]}, "ReLU"]
    text = layers_of(spec(*layers))
    assert "from" in text  # as its author wrote it
    builder = archinspect.GraphBuilder("built")
    x = builder.input(8)
    y = builder.add(ops.find_operator("Dense")(units=8), x)
    y = builder.add(ops.find_operator("Add")(), y, x)
    assert layers_of(archinspect.network(builder.build(y))) == "  - Add: [{Dense: 8}, []]\n"
