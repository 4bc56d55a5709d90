"""Layers around another layer: a step is a sample to the layer, and both ways are what they are built of."""

import pytest
from small import make, single_layer

from archinspect.ops.attending import Attending
from archinspect.ops.base import TRAITS, Op
from archinspect.ops.figures import Run

# What the wrapper says itself: that it is no input, and that its own steps go around rules.
OWN = {"of_batch", "goes_on", "carried", "after"}
"""A step of the wrapper hands nothing to the next one, whatever its layer does within it."""


def test_every_rule_and_trait_is_the_layers():
    wrapper = make("TimeDistributed", {"layer": {"Dense": 4}})
    rules = {name for name in vars(Op) if not name.startswith("_") and callable(getattr(Op, name))} - OWN
    rules |= {name for name, value in vars(Op).items() if isinstance(value, property)} - OWN
    assert rules <= {*vars(type(wrapper))}
    traits = {name for name, value in vars(Op).items() if type(value) in (bool, str) and name[0] != "_"} | {"reads"}
    assert {*TRAITS} == traits - {"data_format"}  # an argument, where there is one


@pytest.mark.parametrize("name", TRAITS)
def test_traits_are_the_layers(name):
    layers: tuple = ({"Conv2D": {"filters": 4, "kernel_size": 3}}, {"ReLU": None}, {"LayerNormalization": {}}, "Custom")
    for layer in layers:
        wrapper = make("TimeDistributed", {"layer": layer})
        assert getattr(wrapper, name) == getattr(wrapper.layer, name)
    assert getattr(type(wrapper), name) == getattr(Op, name)


def test_what_the_layer_cannot_tell_is_not_known():
    assert make("TimeDistributed", {"layer": "Custom"}).unknown() == ("params", "macs", "flops")
    assert make("TimeDistributed", {"layer": {"Custom": {"params": 1, "macs": 1}}}).unknown() == ()


def test_attention_in_every_step_is_attention():
    layer = {"MultiHeadAttention": {"num_heads": 2, "embed_dim": 8, "causal": True}}
    inside = single_layer("MultiHeadAttention", layer["MultiHeadAttention"], [(6, 5, 8)])
    outside = single_layer("TimeDistributed", {"layer": layer}, [(2, 3, 5, 8)])
    for one, other in zip(outside.graph.nodes, inside.graph.nodes, strict=True):
        assert isinstance(one.op, Attending) == isinstance(other.op, Attending)
        if isinstance(one.op, Attending):
            shapes, alone = outside.call(one).shapes, inside.call(other).shapes
            assert one.op.probabilities(shapes, "eager") == other.op.probabilities(alone, "eager") == (6, 2, 5, 5)
            assert one.op.cache(*shapes) == 3 * other.op.cache(*alone) > 0  # of a sample, which has three
            assert one.op.memory_steps(*shapes) == other.op.memory_steps(*alone) == 5
            assert one.op.looks_back
            assert one.op.fused_inputs() == other.op.fused_inputs() == (0, 1, 2)


LSTM = {"LSTM": {"units": 4, "return_sequences": True}}


def test_both_ways_are_the_layers_own_where_that_is_the_same():
    wrapped = single_layer("Bidirectional", {"layer": LSTM}, [(2, 5, 3)])
    plain = single_layer("LSTM", {**LSTM["LSTM"], "bidirectional": True}, [(2, 5, 3)])
    assert [node.op for node in wrapped.graph.nodes] == [node.op for node in plain.graph.nodes]


@pytest.mark.parametrize(
    ("args", "merge"),
    [
        ({"layer": LSTM, "merge_mode": "sum"}, make("Add", {})),
        ({"layer": LSTM, "merge_mode": "mul"}, make("Multiply", {})),
        ({"layer": LSTM, "merge_mode": "ave"}, make("Average", {})),
        ({"layer": {"LSTM": {**LSTM["LSTM"], "num_layers": 2}}}, make("Concatenate", {"axis": -1})),
        ({"layer": {"LSTM": {**LSTM["LSTM"], "bidirectional": True}}}, make("Concatenate", {"axis": -1})),
    ],
)
def test_else_both_ways_are_two_layers_and_a_merge(args, merge):
    forward, backward, joined = single_layer("Bidirectional", args, [(2, 5, 3)]).graph.nodes
    assert forward.op == backward.op == make("Bidirectional", args).layer
    assert forward.inputs == backward.inputs
    assert joined.op == merge
    assert joined.inputs == (forward.output, backward.output)


def test_a_mean_of_both_ways_divides_its_gradient_once():
    facts = single_layer("Bidirectional", {"layer": LSTM, "merge_mode": "ave"}, [(2, 5, 3)])
    *_, mean = facts.graph.nodes
    assert facts.call(mean).backward(Run((True, True))).inputs == (0, 2 * 5 * 4)
