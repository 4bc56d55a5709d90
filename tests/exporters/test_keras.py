"""Networks as Keras programs: their text, and what Keras makes of it.

What runs Keras is skipped where it is not installed: `pip install keras torch`, KERAS_BACKEND=torch.
"""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from math import prod
from pathlib import Path

import numpy as np
import pytest
from small import facts, single_layer, small

from archinspect import network, networks, ops
from archinspect.exporters.definitions import FILES
from archinspect.exporters.keras import export
from archinspect.exporters.keras.operators import OPERATORS
from archinspect.exporters.refusal import CannotExportError
from archinspect.graph.builder import GraphBuilder
from archinspect.ops.base import Op

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of Keras with PyTorch on the meta device
    pytest.mark.filterwarnings("ignore:LSTM with projections:UserWarning"),  # of PyTorch
]

ROOT = Path(__file__).parents[2]
LAYOUTS = {"keras": "channels_last", "torch": "channels_first"}
ROWS = [
    (layout, row)
    for framework, layout in LAYOUTS.items()
    for row in json.loads((ROOT / f"tests/truth/ops_{framework}.json").read_text(encoding="utf-8"))["rows"]
    if row["output"] is not None
]
NAMES = networks()
# Kinds of rows that Keras has no words for, by the beginning of what is said.
REFUSED = (
    "Keras's batch normalization has no plain mean of all batches",
    "Keras has no instance normalization with running statistics",
    "a Keras model has an input",
    "which steps find a place is for a kernel to say",
    "how much it changes in training is nothing that a spec keeps",
)


def formatted(text):
    """Return a text as ruff formats it."""
    pytest.importorskip("ruff", reason="ruff is not among the oldest versions")
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "--line-length", "88", "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("name", NAMES)
def test_text_is_python_and_formatted(name):
    module = export(network(name).facts)
    compile(module.text, name, "exec")
    assert formatted(module.text) == module.text
    assert f"\ndef {module.name}():\n" in module.text


@pytest.mark.parametrize("target", FILES)
def test_ready_made_definitions_are_formatted(target):
    paths = sorted((ROOT / "archinspect/exporters" / target / "parts").glob("[a-z]*.py"))
    assert sorted(FILES[target]) == [path.stem for path in paths]
    for path in paths:
        text = path.read_text(encoding="utf-8")
        assert formatted(text) == text


def test_every_operator_has_a_translation():
    built = {op.__name__ for op in ops.all_ops() if op.build is not Op.build} - {"MixtureOfExperts"}
    left = {name for names in ops.FAMILIES.values() for name in names} - set(OPERATORS)
    assert left <= built | {"Input"}


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        ({"BatchNormalization": {"momentum": None}}, "Keras's batch normalization has no plain mean"),
        ({"InstanceNormalization": {"track_running_stats": True}}, "Keras has no instance normalization"),
        ({"GRU": {"units": 3, "biases": 1}}, "Keras's GRU has 2 biases"),
    ],
)
def test_what_keras_cannot_say_is_refused(layer, reason):
    shape = (5, 4) if "GRU" in layer else (8, 8, 4)
    with pytest.raises(CannotExportError) as caught:
        export(small(layer, shape=shape))
    assert caught.value.reason.startswith(reason)
    assert str(caught.value).startswith(f"{caught.value.layer}: ")


def test_what_no_output_depends_on_stays_in_the_model():
    builder = GraphBuilder("two")
    entry = builder.input(4, name="input")
    builder.add(ops.find_operator("Dense")(units=3), entry, name="unused")
    made = builder.add(ops.find_operator("Dense")(units=2), entry, name="used")
    text = export(facts(builder.build(made))).text
    assert (
        """
    x = layers.Dense(3, name="unused")(inputs)
    y = layers.Dense(2, name="used")(inputs)
    x = Keep(name="keep")([y, x])
    return keras.Model(inputs, x, name="two")
"""
        in text
    )


def test_what_no_output_needs_and_has_no_weights_is_left_out_unless_it_is_observed():
    spec = {"name": "dead", "input": [4], "layers": [{"Dense": 3, "name": "a"}, "ReLU", {"Dense": 2, "from": "a"}]}
    found = network(spec).facts
    assert "ReLU" not in export(found).text
    assert 'observe("re_lu", layers.ReLU(name="re_lu")(x))' in export(found, observed=True).text


def test_names_from_a_spec_cannot_leave_their_strings():
    text = export(small({"Dense": 3, "name": "a+b"}, name='x"""\n; import os {name} \\', shape=(4,))).text
    assert 'name="a_b"' in text
    assert "import os" in text.splitlines()[0]
    compile(text, "x", "exec")
    assert formatted(text) == text


def test_names_of_a_spec_stand_for_nothing_else_in_a_program():
    spec = """
name: range
inputs: {resize: [4], mean: [4], x: [4]}
blocks:
  mean: {params: {layers: , x1: }, layers: [{Dense: $layers}, {Dense: $x1}]}
  x: {params: {keras: , ops: }, layers: [{Add: [[{Dense: $keras}, {Dense: $ops}], [{Dense: $ops}]]}]}
layers:
  - {mean: {layers: 2, x1: 5}, name: a, from: resize}
  - {mean: {layers: 3, x1: 4}, name: b, from: mean}
  - {x: {keras: 2, ops: 2}, name: c, from: x}
  - {x: {keras: 5, ops: 4}, name: d}
  - {Dense: 3, name: d-dense}
  - {Concatenate: , from: [a, b, d-dense]}
"""
    text = export(network(spec).facts).text
    compile(text, "x", "exec")
    for name in ("resize_", "mean_", "x__", "layers_", "x1_", "keras_", "ops_"):
        assert f"{name}, " in text or f"{name} = " in text
    assert 'name="d-dense_"' in text
    assert formatted(text) == text


# With Keras


@pytest.fixture(scope="module")
def keras():
    """Keras with PyTorch."""
    if not all(map(find_spec, ("keras", "torch"))):
        pytest.skip("needs keras and torch: pip install keras torch")
    os.environ["KERAS_BACKEND"] = "torch"
    import keras

    if keras.backend.backend() != "torch":
        pytest.skip("needs KERAS_BACKEND=torch")
    return keras


def build(module):
    """Return the model that a program makes, and what the program defines."""
    names: dict = {}
    exec(compile(module.text, module.name, "exec"), names)  # noqa: S102 - the text is ours
    return names[module.name]()


def weights(found):
    """Return the elements of weights that train, and of those that do not."""
    own = [(weight, node.trainable) for node in found.graph.nodes for weight in found.own_weights(node).values()]
    trains = sum(prod(weight.shape) for weight, trainable in own if weight.parameter and trainable)
    return trains, sum(prod(weight.shape) for weight, _ in own) - trains


def counted(model):
    """Return the same of a model; where a random number starts from is no weight."""
    fixed = sum(prod(v.shape) for v in model.non_trainable_variables if "seed" not in v.path)
    return sum(prod(v.shape) for v in model.trainable_variables), fixed


def as_list(made):
    """Return one or several outputs as a list."""
    return list(made) if isinstance(made, list | tuple) else [made]


@pytest.mark.parametrize("name", NAMES)
def test_networks_have_our_figures(name, keras):
    from keras.src.backend.torch.core import device_scope

    found = network(name).facts
    module = export(found)
    with device_scope("meta"):
        model = build(module)
        assert counted(model) == weights(found)
        assert [output.shape[1:] for output in model.outputs] == [found.shape(t)[1:] for t in found.graph.outputs]
        layers = {layer.name: layer for layer in model.layers}
        nodes = {node.path: node for node in found.graph.nodes}
        last = {layer: path for path, layer in module.layers.items()}
        for layer, path in last.items():
            made = layers[layer]._inbound_nodes[0].outputs[0]
            assert made.shape[1:] == found.shape(nodes[path].output)[1:], layer
        for batch in (1, 3):
            given = [keras.KerasTensor((i.shape[0] or batch, *i.shape[1:]), i.dtype) for i in model.inputs]
            made = as_list(model(given if len(given) > 1 else given[0]))
            shapes = [(batch if t.batched else 1, *found.shape(t)[1:]) for t in found.graph.outputs]
            assert [tuple(output.shape) for output in made] == shapes


def exported(found):
    """Return a program, or the reason why there is none."""
    try:
        return export(found)
    except CannotExportError as error:
        return error.reason


@pytest.mark.parametrize(
    ("layout", "row"), ROWS, ids=[f"{layout}-{i}-{row['op']}" for i, (layout, row) in enumerate(ROWS)]
)
@pytest.mark.usefixtures("keras")
def test_measured_operators_have_the_measured_figures(layout, row):
    found = single_layer(row["op"], row["args"], row["inputs"], layout)
    module = exported(found)
    if isinstance(module, str):
        assert module.startswith(REFUSED)
        return
    model = build(module)
    assert counted(model) == (row["params"], row["buffers"])
    for batch in (1, 3):
        given = [np.ones((tensor.shape[0] or batch, *tensor.shape[1:]), tensor.dtype) for tensor in model.inputs]
        made = as_list(model(given if len(given) > 1 else given[0]))
        wanted = [row["output"], *(other["shape"] for other in row.get("others", ()))]
        assert [list(output.shape) for output in made] == [[batch, *shape[1:]] for shape in wanted]


# Numbers


WITHOUT_WEIGHTS = [
    ("MaxPooling2D", {"pool_size": 3, "strides": 2, "padding": 1}, (2, 3, 9, 8), ("max_pool2d", 3, 2, 1)),
    (
        "MaxPooling2D",
        {"pool_size": 3, "strides": 2, "padding": 1, "ceil_mode": True},
        (2, 3, 10, 8),
        ("max_pool2d", 3, 2, 1, 1, True),
    ),
    ("MaxPooling2D", {"pool_size": 2, "strides": 1, "dilation_rate": 3}, (2, 3, 9, 8), ("max_pool2d", 2, 1, 0, 3)),
    (
        "MaxPooling2D",
        {"pool_size": 3, "strides": 2, "padding": 1, "return_indices": True},
        (2, 3, 9, 8),
        ("max_pool2d", 3, 2, 1, 1, False, True),
    ),
    (
        "MaxPooling1D",
        {"pool_size": 3, "strides": 2, "padding": 1, "return_indices": True},
        (2, 3, 9),
        ("max_pool1d", 3, 2, 1, 1, False, True),
    ),
    ("AveragePooling2D", {"pool_size": 3, "strides": 2, "padding": 1}, (2, 3, 9, 8), ("avg_pool2d", 3, 2, 1)),
    (
        "AveragePooling2D",
        {"pool_size": 3, "strides": 2, "padding": 1, "ceil_mode": True},
        (2, 3, 10, 8),
        ("avg_pool2d", 3, 2, 1, True),
    ),
    (
        "AveragePooling2D",
        {"pool_size": 3, "strides": 2, "padding": 1, "ceil_mode": True, "count_include_pad": False},
        (2, 3, 10, 8),
        ("avg_pool2d", 3, 2, 1, True, False),
    ),
    (
        "AveragePooling2D",
        {"pool_size": 3, "strides": 2, "divisor_override": 5},
        (2, 3, 9, 8),
        ("avg_pool2d", 3, 2, 0, False, True, 5),
    ),
    ("AdaptiveAveragePooling2D", {"output_size": [3, 5]}, (2, 3, 7, 9), ("adaptive_avg_pool2d", (3, 5))),
    ("AdaptiveMaxPooling2D", {"output_size": [3, 5]}, (2, 3, 7, 9), ("adaptive_max_pool2d", (3, 5))),
    (
        "AdaptiveMaxPooling2D",
        {"output_size": [3, 5], "return_indices": True},
        (2, 3, 7, 9),
        ("adaptive_max_pool2d", (3, 5), True),
    ),
    ("LocalResponseNormalization", {"size": 4, "alpha": 0.5}, (2, 7, 4, 5), ("local_response_norm", 4, 0.5)),
    ("PixelShuffle", {"upscale_factor": 2}, (2, 8, 4, 5), ("pixel_shuffle", 2)),
    ("PixelUnshuffle", {"downscale_factor": 2}, (2, 3, 4, 6), ("pixel_unshuffle", 2)),
    ("ChannelShuffle", {"groups": 3}, (2, 6, 4, 5), ("channel_shuffle", 3)),
    ("Upsample", {"scale_factor": 2}, (2, 3, 4, 5), ("interpolate", None, 2)),
    ("Upsample", {"size": [7, 9]}, (2, 3, 4, 5), ("interpolate", (7, 9))),
    (
        "Upsample",
        {"size": [7, 9], "mode": "nearest-exact"},
        (2, 3, 4, 5),
        ("interpolate", (7, 9), None, "nearest-exact"),
    ),
    ("Upsample", {"size": [7, 9], "mode": "bilinear"}, (2, 3, 4, 5), ("interpolate", (7, 9), None, "bilinear")),
    (
        "Upsample",
        {"scale_factor": 2, "mode": "bilinear", "align_corners": True},
        (2, 3, 4, 5),
        ("interpolate", None, 2, "bilinear", True),
    ),
    ("Upsample", {"scale_factor": 2, "mode": "bilinear"}, (2, 3, 4, 5), ("interpolate", None, 2, "bilinear", False)),
    ("Upsample", {"scale_factor": 2, "mode": "linear"}, (2, 3, 4), ("interpolate", None, 2, "linear", False)),
    (
        "Upsample",
        {"scale_factor": 2, "mode": "trilinear"},
        (2, 3, 3, 4, 2),
        ("interpolate", None, 2, "trilinear", False),
    ),
    *(
        (
            *("Upsample", {"scale_factor": [1.3, 0.7], "mode": mode, **more}, (2, 3, 7, 6)),
            ("interpolate", None, (1.3, 0.7), mode, *([False, True] if more else ())),
        )
        for mode, more in (
            ("nearest", {}),
            ("nearest-exact", {}),
            ("bilinear", {}),
            ("bilinear", {"recompute_scale_factor": True}),
        )
    ),
    (
        *("Upsample", {"scale_factor": [1.5, 0.5], "mode": "bicubic"}, (2, 3, 8, 6)),
        ("interpolate", None, (1.5, 0.5), "bicubic"),
    ),
    ("UnitNormalization", {}, (2, 3, 4, 5), ("normalize",)),
    ("QuickGELU", {}, (2, 3), None),
    ("GELU", {}, (2, 3), ("gelu",)),
    ("GELU", {"approximate": "tanh"}, (2, 3), ("gelu",)),
    ("Softplus", {"beta": 2.0}, (2, 3), ("softplus", 2.0)),
    ("CELU", {"alpha": 0.7}, (2, 3), ("celu", 0.7)),
    ("HardSwish", {}, (2, 3), ("hardswish",)),
    ("HardSigmoid", {}, (2, 3), ("hardsigmoid",)),
    ("HardTanh", {"min_val": -0.5, "max_val": 0.3}, (2, 3), ("hardtanh", -0.5, 0.3)),
    ("HardShrink", {"lambd": 0.3}, (2, 3), ("hardshrink", 0.3)),
    ("SoftShrink", {"lambd": 0.3}, (2, 3), ("softshrink", 0.3)),
    ("ThresholdedReLU", {"theta": 0.2, "value": 0.1}, (2, 3), ("threshold", 0.2, 0.1)),
    ("LogSoftmax", {"axis": 1}, (2, 3, 4), ("log_softmax", 1)),
    ("GLU", {"axis": 1}, (2, 4, 3), ("glu", 1)),
    ("ScaledDotProductAttention", {"causal": True}, (2, 5, 4), None),
    ("ScaledDotProductAttention", {"causal": True, "window": 2}, (2, 5, 4), None),
    ("ScaledDotProductAttention", {"window": 2}, (2, 5, 4), None),
]


@pytest.mark.parametrize(
    ("name", "args", "shape", "theirs"), WITHOUT_WEIGHTS, ids=[f"{i}-{row[0]}" for i, row in enumerate(WITHOUT_WEIGHTS)]
)
@pytest.mark.usefixtures("keras")
def test_numbers_are_those_of_pytorch(name, args, shape, theirs):
    import torch

    functions = {
        "QuickGELU": lambda x: x * torch.sigmoid(1.702 * x),
        "ScaledDotProductAttention": lambda x: torch.nn.functional.scaled_dot_product_attention(
            x, x, x, attn_mask=seen(5, args)
        ),
    }
    given = torch.from_numpy(np.random.default_rng(1).normal(size=shape).astype("float32"))
    if args.get("approximate"):
        wanted = torch.nn.functional.gelu(given, approximate="tanh")
    elif name == "ChannelShuffle":
        wanted = torch.nn.ChannelShuffle(3)(given)
    else:
        wanted = (functions[name] if theirs is None else with_arguments(*theirs))(given)
    made = build(export(single_layer(name, args, [shape])))(given)
    for one, other in zip(as_list(made), as_list(wanted), strict=True):
        np.testing.assert_allclose(one.detach().numpy(), other.numpy(), atol=1e-5)


def seen(steps, args):
    """Return which steps each attends to."""
    import torch

    apart = torch.arange(steps) - torch.arange(steps)[:, None]
    window = args.get("window", steps)
    return (apart > -window) & (apart < (1 if args.get("causal") else window))


def with_arguments(name, *args):
    """Return a function of PyTorch's, with arguments after its first."""
    import torch

    return lambda given: getattr(torch.nn.functional, name)(given, *args)


WITH_WEIGHTS = [
    ("Conv2D", {"filters": 4, "kernel_size": 3, "strides": 2, "padding": 1}, (2, 6, 9, 8), {"stride": 2, "padding": 1}),
    (
        "Conv2D",
        {"filters": 4, "kernel_size": 3, "padding": 2, "dilation_rate": 2},
        (2, 6, 9, 8),
        {"padding": 2, "dilation": 2},
    ),
    (
        "Conv2D",
        {"filters": 4, "kernel_size": 3, "strides": 2, "padding": 1, "dilation_rate": 2, "groups": 2},
        (2, 6, 9, 8),
        {"stride": 2, "padding": 1, "dilation": 2, "groups": 2},
    ),
    ("Conv1D", {"filters": 4, "kernel_size": 3, "strides": 3, "padding": 2}, (2, 6, 9), {"stride": 3, "padding": 2}),
    ("Conv3D", {"filters": 4, "kernel_size": 2, "padding": 1}, (2, 3, 4, 5, 4), {"padding": 1}),
    (
        "Conv2DTranspose",
        {"filters": 4, "kernel_size": 3, "strides": 2, "padding": 1},
        (2, 6, 5, 4),
        {"stride": 2, "padding": 1},
    ),
    (
        "Conv2DTranspose",
        {"filters": 4, "kernel_size": 3, "strides": 2, "padding": 1, "output_padding": 1},
        (2, 6, 5, 4),
        {"stride": 2, "padding": 1, "output_padding": 1},
    ),
    ("Conv2DTranspose", {"filters": 4, "kernel_size": 2, "strides": 3, "padding": 0}, (2, 6, 5, 4), {"stride": 3}),
    (
        "Conv2DTranspose",
        {"filters": 4, "kernel_size": 4, "strides": 2, "padding": 1},
        (2, 6, 5, 4),
        {"stride": 2, "padding": 1},
    ),
    (
        "Conv2DTranspose",
        {"filters": 4, "kernel_size": 3, "padding": 1, "dilation_rate": 2},
        (2, 6, 5, 4),
        {"padding": 1, "dilation": 2},
    ),
    (
        "Conv2DTranspose",
        {
            "filters": 4,
            "kernel_size": [3, 2],
            "strides": [2, 3],
            "padding": [1, 0],
            "dilation_rate": [1, 2],
            "groups": 2,
        },
        (2, 6, 5, 4),
        {"stride": (2, 3), "padding": (1, 0), "dilation": (1, 2), "groups": 2},
    ),
    (
        "Conv2DTranspose",
        {"filters": 4, "kernel_size": 2, "padding": 3, "dilation_rate": 2, "output_padding": 1},
        (2, 6, 7, 6),
        {"padding": 3, "dilation": 2, "output_padding": 1},
    ),
    (
        "Conv1DTranspose",
        {"filters": 4, "kernel_size": 5, "strides": 2, "padding": 2, "output_padding": 1},
        (2, 6, 5),
        {"stride": 2, "padding": 2, "output_padding": 1},
    ),
]


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
@pytest.mark.usefixtures("keras")
def test_a_padding_of_what_is_there_is_that_of_pytorch(mode):
    import torch

    args = {"filters": 4, "kernel_size": 3, "padding": 2, "padding_mode": mode}
    model = build(export(single_layer("Conv2D", args, [(2, 6, 9, 8)], "channels_first")))
    given, (kernel, bias) = torch.randn(2, 6, 9, 8), (torch.randn(tuple(weight.shape)) for weight in model.weights)
    model.set_weights([kernel, bias])
    padded = torch.nn.functional.pad(given, (2, 2, 2, 2), mode=mode)
    wanted = torch.nn.functional.conv2d(padded, kernel.permute(3, 2, 0, 1), bias)
    np.testing.assert_allclose(model(given).detach(), wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("layout", ["channels_first", "channels_last"])
@pytest.mark.parametrize(
    ("name", "args", "shape", "theirs"), WITH_WEIGHTS, ids=[f"{i}-{row[0]}" for i, row in enumerate(WITH_WEIGHTS)]
)
@pytest.mark.usefixtures("keras")
def test_convolutions_have_the_numbers_of_pytorch(name, args, shape, theirs, layout):
    import torch

    random = np.random.default_rng(1)
    given = torch.from_numpy(random.normal(size=shape).astype("float32"))
    ours = given if layout == "channels_first" else given.movedim(1, -1)
    model = build(export(single_layer(name, args, [tuple(ours.shape)], layout)))
    kernel, bias = (random.normal(size=tuple(weight.shape)).astype("float32") for weight in model.weights)
    model.set_weights([kernel, bias])
    rank = kernel.ndim - 2
    function = f"conv_transpose{rank}d" if name.endswith("Transpose") else f"conv{rank}d"
    moved = torch.from_numpy(np.moveaxis(kernel, (-1, -2), (0, 1)).copy())
    wanted = getattr(torch.nn.functional, function)(given, moved, torch.from_numpy(bias), **theirs)
    made = model(ours).detach()
    made = made if layout == "channels_first" else made.movedim(-1, 1)
    np.testing.assert_allclose(made.numpy(), wanted.numpy(), atol=1e-4)


RECURRENT = [
    ("LSTM", {}),
    ("LSTM", {"return_sequences": True, "bidirectional": True, "num_layers": 2}),
    ("LSTM", {"return_sequences": True, "num_layers": 2, "return_state": True}),
    ("LSTM", {"return_sequences": True, "bidirectional": True, "return_state": True}),
    ("LSTM", {"return_sequences": True, "proj_size": 3}),
    ("SimpleRNN", {"return_sequences": True, "bidirectional": True}),
    ("SimpleRNN", {"return_sequences": True, "num_layers": 2, "return_state": True}),
    ("GRU", {"return_sequences": True, "bidirectional": True, "return_state": True}),
]


@pytest.mark.parametrize(("name", "args"), RECURRENT, ids=[f"{i}-{row[0]}" for i, row in enumerate(RECURRENT)])
@pytest.mark.usefixtures("keras")
def test_recurrent_layers_have_the_numbers_of_pytorch(name, args):
    import torch

    given = torch.from_numpy(np.random.default_rng(1).normal(size=(2, 5, 6)).astype("float32"))
    options = {key: value for key, value in args.items() if key in ("bidirectional", "num_layers", "proj_size")}
    theirs = getattr(torch.nn, name.removeprefix("Simple"))(6, 4, batch_first=True, **options)
    model = build(export(single_layer(name, {"units": 4, "biases": 2, **args}, [tuple(given.shape)])))
    model.set_weights([value for cell in cells(theirs) for value in as_keras(name, cell)])
    wanted, states = theirs(given)
    wanted = wanted if args.get("return_sequences") else wanted[:, -1]
    made = as_list(model(given))
    np.testing.assert_allclose(made[0].detach().numpy(), wanted.detach().numpy(), atol=1e-5)
    if args.get("return_state"):
        for one, other in zip(made[1:], states if name == "LSTM" else [states], strict=True):
            np.testing.assert_allclose(one.detach().numpy(), other.movedim(0, 1).detach().numpy(), atol=1e-5)


def cells(layer):
    """Yield the weights of each cell of a recurrent layer of PyTorch."""
    for number in range(layer.num_layers):
        for way in ("", "_reverse")[: 1 + layer.bidirectional]:
            names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
            yield [
                getattr(layer, f"{name}_l{number}{way}").detach().numpy() for name in names[: 4 + bool(layer.proj_size)]
            ]


def as_keras(name, cell):
    """Return a cell's weights as Keras has them: turned, the gates in its own order."""
    entry, state, *others = cell
    turned = [entry.T, state.T, np.stack(others[:2])]
    if name == "GRU":  # update, reset, new; PyTorch begins with the reset
        turned = [part[:, [*range(4, 8), *range(4), *range(8, 12)]] for part in turned]
    return [*turned, *(other.T for other in others[2:])]


SPECS_WITH_NUMBERS = [name for name in NAMES if network(name).graph.values]


@pytest.mark.parametrize("name", SPECS_WITH_NUMBERS)
@pytest.mark.usefixtures("keras")
def test_worked_sums_are_those_of_keras(name):
    spec = network(name)
    worked = spec.explain().worked
    model = build(export(spec.facts))
    given = worked[0].input[None]
    for layer in worked:
        parts = [part for part in model.layers if part.name == layer.layer.replace(".", "-")]
        if layer.weights:
            parts[0].set_weights([layer.weights[kind] for kind in ("kernel", "bias") if kind in layer.weights])
    np.testing.assert_allclose(np.asarray(model(given.astype("float32")).detach())[0], worked[-1].output, atol=1e-5)


@pytest.mark.usefixtures("keras")
def test_tied_layers_compute_with_the_other_layers_table():
    layers = [
        {"Embedding": {"input_dim": 7, "output_dim": 4}, "name": "tokens"},
        {"Dense": {"units": 7, "use_bias": False}, "weights": "tokens"},
    ]
    found = facts(network({"name": "tied", "input": {"shape": [3], "dtype": "int32"}, "layers": layers}).graph)
    model = build(export(found))
    assert counted(model) == weights(found) == (28, 0)
    (table,) = model.get_weights()
    made = model(np.array([[0, 3, 6]])).detach().numpy()
    np.testing.assert_allclose(made[0], table[[0, 3, 6]] @ table.T, atol=1e-6)


@pytest.mark.usefixtures("keras")
def test_layers_that_do_not_train_are_frozen():
    found = small(
        {"Conv2D": {"filters": 2, "kernel_size": 3, "padding": 1, "activation": "relu"}, "trainable": False},
        "BatchNormalization",
    )
    model = build(export(found))
    assert counted(model) == weights(found) == (4, 74 + 4)


@pytest.mark.usefixtures("keras")
def test_a_stub_says_what_it_needs():
    model = build(export(small({"Custom": {"output_shape": [5], "params": 3}, "name": "mine"})))
    assert (model.output_shape, counted(model)) == ((None, 5), (3, 0))
    with pytest.raises(NotImplementedError, match="the spec does not say what 'mine' computes"):
        model(np.zeros((1, 8, 8, 4)))


@pytest.mark.parametrize("name", ["lenet5", "lstm_classifier", "deep_residual", "tcn"])
def test_a_saved_model_is_the_same(name, keras, tmp_path):
    model = build(export(network(name).facts))
    path = str(tmp_path / "model.keras")
    model.save(path)
    assert keras.models.load_model(path).count_params() == model.count_params()
