"""Order of execution, cycles, and what no output depends on."""

from __future__ import annotations

from itertools import permutations

import pytest

from archinspect.base.source import Source, Span
from archinspect.graph.graph import Graph, Node
from archinspect.ops.base import Op

SPAN = Span(Source("a.yaml", ""))


def graph(order, **reads):
    """Return a graph of nodes in this order, each reading those named; `x` is the input."""
    nodes = {name: Node(Op(), [], name, name, SPAN) for name in ("x", *order)}
    for name, others in reads.items():
        nodes[name].inputs = [nodes[other].output for other in others]
    net = Graph("net", SPAN)
    net.inputs = [nodes["x"]]
    net.nodes = [nodes[name] for name in order]
    return net, nodes


def paths(nodes):
    return "".join(node.path for node in nodes)


def test_what_is_in_order_stays():
    net, _ = graph("abcd", a="x", b="a", c="ab", d="c")
    before = net.nodes
    assert net.sort() == []
    assert net.nodes is before


def test_forward_references_are_put_in_order():
    for order in permutations("abcd"):
        net, _ = graph(order, a="x", b="a", c="ab", d="cx")
        assert net.sort() == []
        assert paths(net.nodes) == "abcd"


def test_the_order_stays_as_near_to_the_specs_as_can_be():
    net, _ = graph("pcbaq", p="x", c="b", b="a", a="x", q="x")
    assert net.sort() == []
    assert paths(net.nodes) == "pabcq"


@pytest.mark.parametrize(
    ("order", "reads", "cycle"),
    [
        ("a", {"a": "a"}, {"a"}),
        ("ab", {"a": "b", "b": "a"}, {"a", "b"}),
        ("abcd", {"a": "x", "b": "ad", "c": "b", "d": "c"}, {"b", "c", "d"}),
        ("abcd", {"a": "b", "b": "a", "c": "b", "d": "c"}, {"a", "b"}),
    ],
)
def test_a_cycle_is_found_without_what_depends_on_it(order, reads, cycle):
    net, nodes = graph(order, **reads)
    found = net.sort()
    assert {node.path for node in found} == cycle
    for node, following in zip(found, [*found[1:], found[0]], strict=True):
        assert node.output in following.inputs
    assert nodes


def test_what_no_output_depends_on_is_unused():
    net, nodes = graph("abcd", a="x", b="a", c="x", d="c")
    net.outputs = [nodes["b"].output]
    assert paths(net.unused()) == "cd"
    net.outputs = [nodes["b"].output, nodes["d"].output]
    assert net.unused() == []
    net.outputs = []
    assert paths(net.unused()) == "abcd"


def test_a_long_chain_does_not_recurse():
    names = [str(number) for number in range(20_000)]
    nodes = [Node(Op(), [], name, name, SPAN) for name in names]
    for node, before in zip(nodes[1:], nodes, strict=False):
        node.inputs = [before.output]
    net = Graph("net", SPAN)
    net.nodes = nodes[::-1]
    net.outputs = [nodes[-1].output]
    assert net.sort() == []
    assert net.nodes == nodes
    assert net.unused() == []
