"""Numbers of exported Keras programs beside those of the PyTorch programs of the same networks."""

import os
from importlib.util import find_spec

import numpy as np
import pytest
from small import single_layer

import archinspect
from archinspect.exporters import keras as keras_export
from archinspect.exporters import pytorch

if not all(map(find_spec, ("keras", "torch"))):
    pytest.skip("needs keras and torch: pip install keras torch", allow_module_level=True)
os.environ["KERAS_BACKEND"] = "torch"
keras = pytest.importorskip("keras")
torch = pytest.importorskip("torch")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Keras with PyTorch

MAP, VOLUME = (2, 3, 5, 6), (2, 3, 4, 5, 3)
POINTS = [(2, 10, 8), (2, 3, 2, 2, 4, 2), (2, 3, 2, 2, 4)]
MIXED = [(2, 7, 12), (2, 7, 12), (2, 7, 20)]
CASES = [
    *(
        ("GridSample", {"mode": mode, "padding_mode": padding, "align_corners": corners}, [MAP, (2, 4, 7, 2)])
        for mode in ("bilinear", "nearest", "bicubic")
        for padding in ("zeros", "border", "reflection")
        for corners in (False, True)
    ),
    ("GridSample", {"padding_mode": "reflection"}, [VOLUME, (2, 2, 3, 4, 3)]),
    ("AffineGrid", {"size": [3, 1]}, [(2, 2, 3)]),
    ("AffineGrid", {"size": [3, 2, 4], "align_corners": True}, [(2, 3, 4)]),
    ("DeformableAttention", {"heights": [2, 1], "widths": [3, 4]}, POINTS),
    ("Fold", {"output_size": [5, 6], "kernel_size": [2, 3], "strides": [2, 1], "padding": [1, 0]}, [(2, 12, 12)]),
    ("Fold", {"output_size": 6, "kernel_size": 2, "dilation_rate": 3}, [(2, 8, 9)]),
    ("FFT", {"axes": [1, 2]}, [(2, 5, 6)]),
    ("FFT", {"parts": True}, [(2, 5, 2)]),
    ("InverseFFT", {"axes": [2, 1]}, [(2, 5, 6, 2)]),
    ("RFFT", {"axes": [1, 2], "factor": 2}, [(2, 5, 6)]),
    ("InverseRFFT", {"axes": [1, 2]}, [(2, 5, 6, 2)]),
    ("InverseRFFT", {"n": 7, "factor": 2}, [(2, 4, 2)]),
    ("ComplexMultiply", {}, [(2, 5, 2), (2, 5, 2)]),
    ("LinearAttention", {"num_heads": 4, "chunk": 3}, MIXED),
    ("LinearAttention", {"num_heads": 4, "groups": 2, "chunk": 3}, [(2, 7, 6), (2, 7, 6), (2, 7, 20), (1, 4)]),
    ("LinearAttention", {"num_heads": 4, "chunk": 8}, [*MIXED, (2, 7, 4)]),
    ("MLSTM", {"num_heads": 4, "chunk": 3}, [*MIXED, (2, 7, 4), (2, 7, 4)]),
]


def program(export, op, args, shapes):
    """Return the program of a layer of maps with the channels first."""
    module = export(single_layer(op, args, shapes, "channels_first"))
    names: dict = {}
    exec(module.text, names)  # noqa: S102 - a program of ours
    return names[module.name]()


def numbers(*shapes):
    """Return arrays at random; points among them lie beyond the edges, too."""
    random = np.random.default_rng(1)
    return [random.uniform(-1.5, 1.5, shape).astype("float32") for shape in shapes]


def assert_alike(made, wanted):
    np.testing.assert_allclose(made.detach().numpy(), wanted.detach().numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("op", "args", "shapes"), CASES, ids=[f"{i}-{case[0]}" for i, case in enumerate(CASES)])
def test_numbers_are_those_of_pytorch(op, args, shapes):
    given = [abs(one) / 2 for one in numbers(*shapes)] if op == "LinearAttention" else numbers(*shapes)
    made = program(keras_export.export, op, args, shapes)(given if len(given) > 1 else given[0])
    assert_alike(made, program(pytorch.export, op, args, shapes)(*map(torch.from_numpy, given)))


def test_what_all_samples_share_is_repeated_for_each():
    layers = [{"Parameter": [2, 4], "name": "own"}, {"Concatenate": {"axis": 1}, "from": ["own", "input"]}]
    module = keras_export.export(archinspect.network({"name": "net", "input": [3, 4], "layers": layers}).facts)
    names: dict = {}
    exec(module.text, names)  # noqa: S102 - a program of ours
    model = names[module.name]()
    own, given = numbers((2, 4), (3, 3, 4))
    model.set_weights([own])
    wanted = np.concatenate([np.stack([own] * 3), given], axis=1)
    np.testing.assert_array_equal(model(given).detach().numpy(), wanted)


@pytest.mark.parametrize("args", [{"pool_size": 2}, {"pool_size": 3, "strides": 2}])
def test_elements_are_put_back_where_a_pooling_found_them(args):
    (given,) = numbers((2, 3, 7, 7))
    size = [args["pool_size"], args.get("strides", args["pool_size"])]
    found, places = torch.nn.functional.max_pool2d(torch.from_numpy(given), *size, return_indices=True)
    model = program(keras_export.export, "MaxUnpooling2D", {**args, "output_size": 7}, [found.shape, places.shape])
    assert_alike(model([found, places]), torch.nn.functional.max_unpool2d(found, places, *size, output_size=(7, 7)))


@pytest.mark.parametrize(
    ("op", "args"),
    [
        ("WeightNorm", {}),
        ("WeightNorm", {"dim": 1}),
        ("WeightNorm", {"dim": 2}),
        ("WeightStandardization", {}),
        ("WeightStandardization", {"gain": True, "gamma": 1.7}),
        ("SpectralNorm", {}),
    ],
)
def test_kernels_are_made_as_pytorch_makes_them(op, args):
    torch.manual_seed(0)
    args = {"layer": {"Conv2D": {"filters": 4, "kernel_size": 3, "groups": 2, "padding": 1}}, **args}
    model, module = (program(export, op, args, [(2, 6, 5, 5)]) for export in (keras_export.export, pytorch.export))
    (conv,) = module.children()
    random = np.random.default_rng(1)
    kernel = random.normal(size=(4, 3, 3, 3)).astype("float32")
    parts = conv.parametrizations.weight
    with torch.no_grad():
        getattr(parts, "original1" if op == "WeightNorm" else "original").copy_(torch.from_numpy(kernel))
    further = {
        "WeightNorm": lambda: [parts.original0.permute(2, 3, 1, 0)],
        "SpectralNorm": lambda: [parts[0]._u.reshape(1, 1, 1, 4), parts[0]._v.reshape(3, 3, 3, 1).permute(1, 2, 0, 3)],
    }
    state = further.get(op, lambda: [torch.ones(1, 1, 1, 4)] * args.get("gain", False))()
    layer = model.layers[-1]
    layer.layer.set_weights([kernel.transpose(2, 3, 1, 0), conv.bias.detach().numpy()])
    own = [weight for weight in layer.weights if not any(weight is one for one in layer.layer.weights)]
    for weight, value in zip(own, state, strict=True):
        weight.assign(value.detach().numpy())
    (given,) = numbers((2, 6, 5, 5))
    assert_alike(model(given), module.eval()(torch.from_numpy(given)))


def test_lengths_of_kernels_have_gradients():
    args = {"layer": {"Dense": {"units": 4}}}
    model = program(keras_export.export, "WeightNorm", args, [(2, 6)])
    model(np.ones((2, 6), "float32")).sum().backward()
    assert all(weight.value.grad is not None for weight in model.trainable_weights)


def test_taps_that_offsets_move_are_those_of_onnx():
    onnx = pytest.importorskip("onnx")
    from onnx.reference import ReferenceEvaluator

    from archinspect.exporters.onnx import write

    args = {"filters": 6, "kernel_size": [3, 2], "strides": 2, "padding": [2, 1], "dilation_rate": [1, 2], "groups": 2}
    shapes = [(1, 4, 3, 4), (1, 24, 3, 2), (1, 12, 3, 2)]
    found = single_layer("DeformConv2D", args, shapes, "channels_first")
    model = program(keras_export.export, "DeformConv2D", args, shapes)
    weights = numbers(*(weight.shape for weight in model.weights))
    model.set_weights(weights)
    given = numbers(*shapes)
    file = write(found, weights={"DeformConv2D": dict(zip(("kernel", "bias"), weights, strict=True))})
    reference = ReferenceEvaluator(onnx.load_from_string(file))
    (wanted,) = reference.run(None, dict(zip(reference.input_names, given, strict=True)))
    np.testing.assert_allclose(model(given).detach().numpy(), np.asarray(wanted), atol=1e-4)


def test_the_best_tags_are_those_of_pytorch():
    model, module = (
        program(export, "CRF", {"num_tags": 4}, [(3, 5, 4)]) for export in (keras_export.export, pytorch.export)
    )
    weights = numbers(*(weight.shape for weight in model.weights))
    model.set_weights(weights)
    for weight, value in zip(module.parameters(), weights, strict=True):
        weight.data = torch.from_numpy(value)
    (given,) = numbers((3, 5, 4))
    assert (model(given) == module(torch.from_numpy(given))).all()


def test_experts_have_biases_limits_and_an_activation_with_arguments():
    args = {"num_experts": 3, "units": 4, "top_k": 2, "use_bias": True, "limit": 1.5, "activation": {"LeakyReLU": 0.4}}
    quick = {**args, "activation": "QuickGELU"}
    model = program(keras_export.export, "MixtureOfExperts", args, [(2, 5, 6)])
    assert model.layers[-1].activation.negative_slope == pytest.approx(0.4)
    model, module = (
        program(export, "MixtureOfExperts", quick, [(2, 5, 6)]) for export in (keras_export.export, pytorch.export)
    )
    (mixture,) = module.children()
    experts = list(mixture.experts)
    stacked = {"router": mixture.router.weight.T, "router_bias": mixture.router.bias}
    for name in ("up", "gate", "down"):
        stacked[name] = torch.stack([getattr(one, name).weight.T for one in experts])
        stacked[f"{name}_bias"] = torch.stack([getattr(one, name).bias for one in experts])
    for name, value in stacked.items():
        getattr(model.layers[-1], name).assign(value.detach().numpy())
    (given,) = numbers((2, 5, 6))
    assert_alike(model(given), module(torch.from_numpy(given)))
