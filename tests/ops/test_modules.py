"""PyTorch's modules beside Keras's layers of the same operator, in figures that PyTorch 2.13 gave."""

from __future__ import annotations

import pytest

import archinspect
from archinspect.ops import find_operator
from archinspect.ops.modules import MODULES, SHARED, find_module

SEQUENCE, PICTURE = [10, 20], [2, 5, 5]


def layer(step, shape):
    report = archinspect.network({"input": shape, "layout": "channels_first", "layers": [step]}).report()
    return report.layers[-1]


@pytest.mark.parametrize(
    ("step", "shape", "output", "params"),
    [
        ({"nn.LSTM": {"input_size": 20, "hidden_size": 30, "batch_first": True}}, SEQUENCE, (10, 30), 6_240),
        ({"torch.nn.LSTM": 30}, SEQUENCE, (10, 30), 6_240),
        ({"LSTM": 30}, SEQUENCE, (30,), 6_120),
        ({"keras.layers.LSTM": 30}, SEQUENCE, (30,), 6_120),
        ({"nn.LSTM": {"hidden_size": 30, "return_sequences": False}}, SEQUENCE, (30,), 6_240),
        ({"nn.GRU": 30}, SEQUENCE, (10, 30), 4_680),
        ({"nn.RNN": 30}, SEQUENCE, (10, 30), 1_560),
        ({"RNN": 30}, SEQUENCE, (10, 30), 1_560),
        ({"SimpleRNN": 30}, SEQUENCE, (30,), 1_530),
        ("nn.PReLU", PICTURE, (2, 5, 5), 1),
        ({"nn.PReLU": 2}, PICTURE, (2, 5, 5), 2),
        ("PReLU", PICTURE, (2, 5, 5), 50),
        ({"ConvTranspose2d": {"out_channels": 3, "kernel_size": 3, "stride": 4}}, PICTURE, (3, 19, 19), 57),
        ({"Conv2DTranspose": {"filters": 3, "kernel_size": 3, "strides": 4}}, PICTURE, (3, 20, 20), 57),
        ({"BatchNorm2d": 2}, PICTURE, (2, 5, 5), 4),
        ({"LayerNorm": 20}, SEQUENCE, (10, 20), 40),
        ({"RMSNorm": 20}, SEQUENCE, (10, 20), 20),
        ({"TimeDistributed": {"layer": "nn.PReLU"}}, SEQUENCE, (10, 20), 1),
    ],
)
def test_a_name_of_pytorch_is_pytorchs_module(step, shape, output, params):
    found = layer(step, shape)
    assert found.output_shape[1:] == output
    assert found.cost.params == params


def given(step, shape):
    return archinspect.network({"input": shape, "layout": "channels_first", "layers": [step]}).graph.nodes[-1].op


def test_pytorch_says_how_much_of_a_statistic_is_new():
    assert given("BatchNorm2d", PICTURE).momentum == 0.9
    assert given({"BatchNorm2d": {"momentum": 0.25}}, PICTURE).momentum == 0.75
    assert given({"BatchNorm2d": {"momentum": 1}}, PICTURE).momentum == 0
    assert given({"BatchNorm2d": {"momentum": None}}, PICTURE).momentum is None
    assert given({"BatchNormalization": {"momentum": 0.25}}, PICTURE).momentum == 0.25


@pytest.mark.parametrize("step", [{"BatchNorm2d": 3}, {"LayerNorm": 6}, {"RMSNorm": 6}])
def test_a_size_that_is_not_the_inputs_is_refused(step):
    with pytest.raises(archinspect.InvalidSpecError, match=r"num_features is 3|normalized_shape is"):
        archinspect.network({"input": PICTURE, "layout": "channels_first", "layers": [step]}).report()


@pytest.mark.parametrize("name", MODULES)
def test_a_module_has_arguments_of_its_operator(name):
    module, kind = find_module(f"nn.{name}"), find_operator(name)
    assert {*module.defaults, *filter(None, [module.main])} <= {*kind.args}
    assert (find_module(name) is None) == (name in SHARED)


def test_explain_says_that_it_is_pytorchs_module():
    network = archinspect.network("input: [10, 20]\nlayers: [nn.LSTM: 30, LSTM: 30]")
    assert "`nn.LSTM` is PyTorch's module" in network.explain().layers["lstm"][0].doc
    assert "PyTorch's module" not in network.explain().layers["lstm_1"][0].doc


@pytest.mark.parametrize(
    ("name", "main"), [("RMSNormalization", "axis"), ("RMSNorm", "normalized_shape"), ("GRN", None)]
)
def test_a_bare_size_is_no_epsilon(name, main):
    assert find_operator(name).main_arg(name) == main
