"""The builder: order of execution, cycles, names, sharing; and what no output depends on."""

from __future__ import annotations

from itertools import permutations

import pytest

import archinspect
from archinspect.graph.builder import GraphBuilder, Later
from archinspect.graph.order import CycleError
from archinspect.ops.base import Op
from archinspect.ops.dense import Dense
from archinspect.ops.identity import Identity
from archinspect.ops.merge import Add, Subtract
from archinspect.ops.source import Input


class Named(Later):
    """A tensor that is known by a name until all are there."""

    __slots__ = ("known_as",)
    known_as: str

    def __init__(self, name):
        object.__setattr__(self, "known_as", name)


def built(order, outputs=None, **reads):
    """Return a graph of nodes in this order, each reading those named; `x` is the input."""
    net = GraphBuilder("net")
    tensors = {"x": net.input(4, name="x")}
    for name in order:
        (tensors[name],) = net.add_all(Op(), *map(Named, reads.get(name, "")), name=name)

    def find(tensor):
        assert isinstance(tensor, Named)
        return tensors[tensor.known_as]

    net.resolve(find)
    return net.build(*[tensors[name] for name in (order[-1:] if outputs is None else outputs)])


def paths(nodes):
    return "".join(node.path for node in nodes)


def test_what_is_in_order_stays():
    assert paths(built("abcd", a="x", b="a", c="ab", d="c").nodes) == "abcd"


def test_forward_references_are_put_in_order():
    for order in permutations("abcd"):
        assert paths(built(order, a="x", b="a", c="ab", d="cx").nodes) == "abcd"


def test_the_order_stays_as_near_to_the_specs_as_can_be():
    assert paths(built("pcbaq", p="x", c="b", b="a", a="x", q="x").nodes) == "pabcq"


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
    with pytest.raises(CycleError) as caught:
        built(order, **reads)
    found = caught.value.nodes
    assert {node.path for node in found} == cycle
    for node, following in zip(found, [*found[1:], found[0]], strict=True):
        assert node.output in following.inputs
    assert str(caught.value) == " -> ".join(node.path for node in [*found, found[0]])


def test_what_no_output_depends_on_is_unused():
    reads = {"a": "x", "b": "a", "c": "x", "d": "c"}
    assert paths(built("abcd", "b", **reads).unused()) == "cd"
    assert built("abcd", "bd", **reads).unused() == []
    assert paths(built("abcd", "", **reads).unused()) == "abcd"


def test_a_long_chain_does_not_recurse():
    net = GraphBuilder("net")
    tensor = net.input(4)
    made = []
    for _ in range(20_000):
        tensor = net.add(Identity(), tensor)
        made.append(tensor.producer)
    net.nodes.reverse()  # as if each had been read before it was made
    for position, node in enumerate(net.nodes, 1):
        object.__setattr__(node, "position", position)
    graph = net.build(tensor)
    assert list(graph.nodes) == made
    assert graph.unused() == []


def test_positions_count_inputs_first_and_readers_are_kept():
    net = GraphBuilder("net")
    a, b = net.input(4), net.input(4)
    c = net.add(Add(), a, b, name="c")
    d = net.add(Subtract(), c, c, name="d")
    graph = net.build(d)
    assert [node.position for node in graph.everything] == [0, 1, 2, 3]
    assert [tensor.position for tensor in graph.tensors] == [0, 1, 2, 3]
    assert d.producer.inputs == (c, c)  # as often as it is read
    assert c.readers == (d.producer, d.producer)
    assert (a.readers, d.readers) == ((c.producer,), ())


def test_a_graph_is_frozen():
    net = GraphBuilder("net")
    graph = net.build(net.add(Dense(units=2), net.input(4)))
    for part, name in ((graph, "name"), (graph.nodes[0], "trainable"), (graph.tensors[0], "position")):
        with pytest.raises(AttributeError, match="is frozen"):
            setattr(part, name, None)
        with pytest.raises(AttributeError, match="is frozen"):
            delattr(part, name)


def test_a_graph_reads_as_text():
    net = GraphBuilder("net")
    x = net.input(4)
    with net.scope("block", "mlp", {"width": 2}):
        y = net.add(Dense(units=2, activation="relu"), x)
        z = net.add(Add(), y, y, name="sum")
    graph = net.build(z)
    assert repr(graph).splitlines() == [
        "net(input)",
        "  block.dense = Dense(units=2, activation=ReLU())(input)",
        "  block.dense.re_lu = ReLU()(block.dense)",
        "  block.sum = Add()(block.dense.re_lu, block.dense.re_lu)",
        "  return block.sum",
    ]
    assert repr(x) == "Tensor(input)"
    assert graph.composites["block"].kind == "mlp"
    assert graph.composites["block"].args == {"width": 2}


def test_a_long_graph_is_cut_in_its_text():
    net = GraphBuilder("net")
    tensor = net.input(4)
    for _ in range(1000):
        tensor = net.add(Identity(), tensor)
    *_, cut, last = repr(net.build(tensor)).splitlines()
    assert (cut, last) == ("  ... 800 more", "  return identity_999")


def test_names_are_unique():
    net = GraphBuilder("net")
    assert [net.claim("", "dense") for _ in range(3)] == ["dense", "dense_1", "dense_2"]
    net.claim("relu_1")
    assert [net.claim("", "relu") for _ in range(2)] == ["relu", "relu_2"]
    with pytest.raises(ValueError, match="the name 'dense' is taken"):
        net.claim("dense")
    with net.scope("block"):
        assert net.claim("dense") == "block.dense"
    with net.scope() as path:
        assert path == "group"


def test_composites_share_weights_by_their_paths():
    net = GraphBuilder("net")
    x = net.input(4)
    for name in ("one", "two"):
        with net.scope(name, trainable=False):
            x = net.add(Dense(units=4, activation="tanh"), x)
    assert net.share("two", "one") == 2
    first, _, second, _ = net.build(x).nodes
    assert second.shares is first
    assert not first.trainable
    with pytest.raises(ValueError, match="'one' cannot share its own weights"):
        net.share("one", "one")


def test_what_is_the_same_for_all_samples_says_so():
    net = GraphBuilder("net")
    table, x = net.input(4, batch=False), net.input(4)
    scaled = net.add(Dense(units=4), table)
    y = net.add(Add(), scaled, x)
    net.build(y)
    assert [tensor.batched for tensor in (table, scaled, x, y)] == [False, False, True, True]


def test_equal_operators_are_one_value():
    assert Dense(units=3, activation="relu") == Dense(units=3, activation="relu")
    assert hash(Dense(units=3)) == hash(Dense(units=3, use_bias=True))
    assert Dense(units=3) != Dense(units=4)
    assert Dense(units=3) != Input(shape=[3])
    assert len({Dense(units=3), Dense(units=3), Add(), Add(), Subtract()}) == 3


def test_a_network_of_one_batch_refuses_others():
    builder = GraphBuilder()
    builder.batch = 2
    graph = builder.build(builder.input(8))
    assert archinspect.network(graph, batch=2).graph is graph
    with pytest.raises(archinspect.InvalidSpecError) as error:
        archinspect.network(graph, batch=3)
    (problem,) = error.value.diagnostics
    assert problem.message == "the network is for a batch of 2, not 3"
    assert problem.help.startswith("save the model with an open batch")
