"""What tensor programs compute as PyTorch, Keras and ONNX programs, against NumPy."""

import os
from importlib.util import find_spec
from math import erf

import numpy as np
import pytest
from input_types import input_types
from small import single_layer, small

from archinspect import ops
from archinspect.exporters import keras as to_keras
from archinspect.exporters import pytorch as to_pytorch

IMAGE, STEPS = (2, 4, 5, 3), (2, 5, 3)
POSITIVE = {"Sqrt", "Rsqrt", "Log", "Log1p", "Log2", "Log10", "Reciprocal", "Power"}
"""Functions that are tried on numbers above 0 alone."""

# An operator, its arguments, shapes of inputs, and what it is of them.
NUMPY = [
    ("Sqrt", {}, [IMAGE], np.sqrt),
    ("Rsqrt", {}, [IMAGE], lambda x: x**-0.5),
    ("Square", {}, [IMAGE], np.square),
    ("Abs", {}, [IMAGE], np.abs),
    ("Log", {}, [IMAGE], np.log),
    ("Log1p", {}, [IMAGE], np.log1p),
    ("Expm1", {}, [IMAGE], np.expm1),
    ("Sin", {}, [IMAGE], np.sin),
    ("Cos", {}, [IMAGE], np.cos),
    ("Erf", {}, [STEPS], np.vectorize(erf)),
    ("Reciprocal", {}, [IMAGE], np.reciprocal),
    ("Negative", {}, [IMAGE], np.negative),
    ("Sign", {}, [IMAGE], np.sign),
    ("Floor", {}, [IMAGE], np.floor),
    ("Ceil", {}, [IMAGE], np.ceil),
    ("Round", {}, [IMAGE], np.round),
    ("Log2", {}, [IMAGE], np.log2),
    ("Log10", {}, [IMAGE], np.log10),
    ("Tan", {}, [IMAGE], np.tan),
    ("Asin", {}, [STEPS], np.arcsin),
    ("Acos", {}, [STEPS], np.arccos),
    ("Atan", {}, [IMAGE], np.arctan),
    ("Sinh", {}, [IMAGE], np.sinh),
    ("Cosh", {}, [IMAGE], np.cosh),
    ("Trunc", {}, [IMAGE], np.trunc),
    ("Clip", {"min_value": -0.5, "max_value": 0.3}, [IMAGE], lambda x: np.clip(x, -0.5, 0.3)),
    ("Clip", {"min_value": -0.5}, [IMAGE], lambda x: np.maximum(x, -0.5)),
    ("Clip", {"max_value": 0.3}, [IMAGE], lambda x: np.minimum(x, 0.3)),
    ("LogicalNot", {}, [IMAGE], np.logical_not),
    ("Cast", {"dtype": "int32"}, [IMAGE], lambda x: x.astype("int32")),
    ("Cast", {"dtype": "float16"}, [IMAGE], lambda x: x.astype("float16")),
    ("Cast", {"dtype": "float"}, [IMAGE], lambda x: x),
    # Along axes
    ("ReduceMin", {"axis": [1, 3]}, [IMAGE], lambda x: x.min((1, 3))),
    ("ReduceProd", {"axis": [1, 3]}, [IMAGE], lambda x: x.prod((1, 3))),
    ("ReduceProd", {"axis": [2], "keepdims": True}, [IMAGE], lambda x: x.prod(2, keepdims=True)),
    ("ReduceVar", {"axis": [1, 2]}, [IMAGE], lambda x: x.var((1, 2))),
    ("ReduceVar", {"axis": 1, "correction": 1}, [IMAGE], lambda x: x.var(1, ddof=1)),
    ("ReduceStd", {"axis": 1, "correction": 1, "keepdims": True}, [IMAGE], lambda x: x.std(1, ddof=1, keepdims=True)),
    ("ReduceL1", {"axis": [1, 3]}, [IMAGE], lambda x: np.abs(x).sum((1, 3))),
    ("ReduceL2", {"axis": 2, "keepdims": True}, [IMAGE], lambda x: np.sqrt((x * x).sum(2, keepdims=True))),
    ("ReduceLogSumExp", {"axis": [1, 2]}, [IMAGE], lambda x: np.log(np.exp(x).sum((1, 2)))),
    ("ReduceAny", {"axis": [1, 2]}, [IMAGE], lambda x: x.any((1, 2))),
    ("ReduceAll", {"axis": 3, "keepdims": True}, [IMAGE], lambda x: x.all(3, keepdims=True)),
    ("ArgMax", {"axis": 1}, [IMAGE], lambda x: x.argmax(1)),
    ("ArgMin", {"keepdims": True}, [IMAGE], lambda x: x.argmin(-1)[..., None]),
    ("CumSum", {"axis": 2}, [IMAGE], lambda x: x.cumsum(2)),
    ("CumProd", {"axis": 2}, [IMAGE], lambda x: x.cumprod(2)),
    ("CumProd", {"axis": 1}, [(2, 9)], lambda x: x.cumprod(1)),
    ("Sort", {"axis": 1}, [IMAGE], lambda x: [np.sort(x, 1), np.argsort(x, 1)]),
    ("Sort", {"descending": True}, [IMAGE], lambda x: [-np.sort(-x, -1), np.argsort(-x, -1)]),
    # Axes
    ("Squeeze", {"axis": [1, 3]}, [(2, 1, 4, 1)], lambda x: x[:, 0, :, 0]),
    ("Unsqueeze", {"axis": [1, -1]}, [STEPS], lambda x: x[:, None, :, :, None]),
    ("Expand", {"target_shape": [4, 7, -1]}, [(2, 1, 3)], lambda x: np.broadcast_to(x[:, None], (2, 4, 7, 3))),
    ("Tile", {"repeats": [2, 3]}, [STEPS], lambda x: np.tile(x, (1, 2, 3))),
    ("Repeat", {"repeats": 3, "axis": 2}, [IMAGE], lambda x: np.repeat(x, 3, 2)),
    ("Stack", {"axis": -1}, [STEPS, STEPS], lambda x, y: np.stack([x, y], -1)),
    ("Flip", {"axis": [1, -1]}, [IMAGE], lambda x: x[:, ::-1, :, ::-1]),
    ("SwapAxes", {"axis1": 1, "axis2": -1}, [IMAGE], lambda x: np.swapaxes(x, 1, 3)),
    ("Transpose", {"dim0": 1, "dim1": -1}, [IMAGE], lambda x: np.swapaxes(x, 1, 3)),
    (
        *("MoveAxis", {"source": [3, 1], "destination": [1, 2]}, [IMAGE]),
        lambda x: np.moveaxis(x, (3, 1), (1, 2)),
    ),
    ("Tril", {"diagonal": -1}, [IMAGE], lambda x: np.tril(x, -1)),
    ("Triu", {}, [STEPS], np.triu),
    # Places
    ("Gather", {}, [STEPS, (1, 7)], lambda x, i: x[:, i[0]]),
    ("Gather", {"axis": 2}, [IMAGE, (1, 2, 3)], lambda x, i: x[:, :, i[0]]),
    ("Gather", {"axis": -1}, [IMAGE, (1,)], lambda x, i: x[..., i[0]]),
    ("EmbeddingLookup", {}, [(2, 7), (1, 4, 3)], lambda i, t: t[0][i]),
    ("TakeAlongAxis", {}, [STEPS, (2, 7, 1)], lambda x, i: np.take_along_axis(x, i, 1)),
    ("TakeAlongAxis", {"axis": 2}, [STEPS, (2, 5, 4)], lambda x, i: np.take_along_axis(x, i, 2)),
    ("ScatterAdd", {"size": 4}, [STEPS, (2, 5)], lambda x, i: np.einsum("bed,ben->bnd", x, np.eye(4)[i])),
    (
        "ScatterAdd",
        {"size": 3, "axis": 2},
        [IMAGE, (1, 5)],
        lambda x, i: np.einsum("abed,en->abnd", x, np.eye(3)[i[0]]),
    ),
    ("OneHot", {"num_classes": 4}, [(2, 5)], lambda i: np.eye(4)[i]),
    ("OneHot", {"num_classes": 3, "dtype": "int32"}, [(2,)], lambda i: np.eye(3, dtype=int)[i]),
    # Of several
    ("Divide", {}, [IMAGE, (2, 1, 5, 3)], np.divide),
    ("Divide", {}, [IMAGE, (2, 3)], lambda x, y: x / y[:, None, None]),
    ("Power", {}, [IMAGE, IMAGE], np.power),
    ("Power", {"exponent": 3}, [IMAGE], lambda x: x**3),
    ("Power", {"exponent": 0.5}, [IMAGE], lambda x: x**0.5),
    ("Equal", {}, [IMAGE, IMAGE], np.equal),
    ("NotEqual", {"value": 0}, [IMAGE], lambda x: x != 0),
    ("Greater", {}, [IMAGE, (2, 3)], lambda x, y: x > y[:, None, None]),
    ("Greater", {"value": 0.5}, [IMAGE], lambda x: x > 0.5),
    ("GreaterEqual", {}, [IMAGE, IMAGE], np.greater_equal),
    ("Less", {"value": 0}, [IMAGE], lambda x: x < 0),
    ("LessEqual", {}, [(2, 4, 1, 1), IMAGE], np.less_equal),
    ("LogicalAnd", {}, [IMAGE, IMAGE, (2, 4, 1, 1)], lambda x, y, z: x & y & z),
    ("LogicalOr", {}, [IMAGE, IMAGE], np.logical_or),
    ("LogicalXor", {}, [IMAGE, IMAGE], np.logical_xor),
    ("Where", {}, [(2, 4, 1, 1), IMAGE, (2, 3)], lambda m, x, y: np.where(m, x, y[:, None, None])),
    ("MaskedFill", {}, [IMAGE, IMAGE], lambda x, m: np.where(m, np.float32(-np.inf), x)),
    ("MaskedFill", {"value": 7}, [IMAGE, (2, 4, 1, 1)], lambda x, m: np.where(m, np.float32(7), x)),
]
IDS = [f"{i}-{row[0]}" for i, row in enumerate(NUMPY)]


def arrays(name, shapes):
    """Return numbers of the types that an operator reads; indices are below 3."""
    random = np.random.default_rng(1)
    made = []
    for shape, type_ in zip(shapes, input_types(name, len(shapes)), strict=True):
        if type_.dtype == "float":
            numbers = random.standard_normal(shape).astype("float32")
            numbers = np.sin(numbers) if name in {"Asin", "Acos"} else numbers
            made.append(np.abs(numbers) + 0.1 if name in POSITIVE else numbers)
        else:
            made.append(random.integers(0, 2 if type_.dtype == "bool" else 3, shape).astype(type_.dtype))
    return made


def defined(module):
    """Return what a program defines under its own name."""
    names: dict = {}
    exec(compile(module.text, module.name, "exec"), names)  # noqa: S102 - the text is ours
    return names[module.name]


def by_pytorch(facts, given):
    torch = pytest.importorskip("torch")
    with torch.no_grad():
        return defined(to_pytorch.export(facts))()(*map(torch.from_numpy, given))


def by_keras(facts, given):
    if not all(map(find_spec, ("keras", "torch"))):
        pytest.skip("needs keras and torch: pip install keras torch")
    os.environ.setdefault("KERAS_BACKEND", "torch")
    model = defined(to_keras.export(facts))()
    return model(given if len(given) > 1 else given[0])


def by_onnx(facts, given):
    pytest.importorskip("onnx")
    from onnx_files import run

    return run(facts, *given)[0]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Keras with PyTorch
@pytest.mark.parametrize("computed", [by_pytorch, by_keras, by_onnx])
@pytest.mark.parametrize(("name", "args", "shapes", "function"), NUMPY, ids=IDS)
def test_a_program_computes_what_numpy_does(name, args, shapes, function, computed):
    given = arrays(name, shapes)
    found = computed(single_layer(name, args, shapes), given)
    wanted = function(*given)
    for one, right in zip(
        found if isinstance(found, list | tuple) else [found],
        wanted if isinstance(wanted, list | tuple) else [wanted],
        strict=True,
    ):
        array = np.asarray(one.detach() if hasattr(one, "detach") else one)
        assert array.shape == right.shape
        assert array.dtype.kind == right.dtype.kind
        np.testing.assert_allclose(array, right, rtol=1e-4, atol=1e-5)


def run_network(computed, given, *layers, inputs, **top):
    found = computed(small(*layers, inputs=inputs, input=None, **top), given)
    array = found[0] if isinstance(found, list | tuple) else found
    return np.asarray(array.detach() if hasattr(array, "detach") else array)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Keras with PyTorch
@pytest.mark.parametrize("computed", [by_pytorch, by_keras, by_onnx])
def test_nodes_of_a_graph_sum_the_messages_of_their_edges(computed):
    random = np.random.default_rng(1)
    nodes = random.standard_normal((2, 4, 3)).astype("float32")
    sources, targets = (random.integers(0, 4, (1, 6)) for _ in range(2))
    edges = {"shape": [6], "dtype": "int64", "batch": False}
    found = run_network(
        computed,
        [nodes, sources, targets],
        {"Gather": None, "from": ["nodes", "sources"]},
        {"ScatterAdd": {"size": 4}, "from": [-1, "targets"]},
        inputs={"nodes": [4, 3], "sources": edges, "targets": edges},
    )
    wanted = np.einsum("bed,en->bnd", nodes[:, sources[0]], np.eye(4)[targets[0]])
    np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Keras with PyTorch
@pytest.mark.parametrize("computed", [by_pytorch, by_keras, by_onnx])
def test_a_causal_mask_is_made_of_positions_or_of_ones(computed):
    scores = np.random.default_rng(1).standard_normal((2, 5, 5)).astype("float32")
    found = run_network(
        computed,
        [scores],
        {"Arange": 5, "name": "positions"},
        {"Unsqueeze": 2, "name": "queries"},
        {"Unsqueeze": 1, "from": "positions", "name": "keys"},
        {"Greater": None, "from": ["keys", "queries"], "name": "later"},
        {"MaskedFill": None, "from": ["scores", "later"]},
        {"Softmax": -1, "name": "weights"},
        {"Fill": {"shape": [5, 5], "value": 1}},
        {"Tril": None, "name": "ones"},
        {"Multiply": None, "from": ["weights", "ones"]},
        inputs={"scores": [5, 5]},
    )
    powers = np.exp(scores) * np.tri(5)
    np.testing.assert_allclose(found, powers / powers.sum(-1, keepdims=True), atol=1e-5)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Keras with PyTorch
@pytest.mark.parametrize("computed", [by_pytorch, by_keras, by_onnx])
@pytest.mark.parametrize(
    ("layer", "dtype", "wanted"),
    [
        ({"CumSum": 1}, "bool", lambda x: x.cumsum(1)),
        ({"CumSum": 1}, "int32", lambda x: x.cumsum(1, dtype="int32")),
        ({"CumProd": 1}, "int32", lambda x: x.cumprod(1, dtype="int32")),
        ({"ReduceProd": 1}, "int32", lambda x: x.prod(1, dtype="int32")),
        ({"LogicalNot": None}, "int32", lambda x: x == 0),
        ({"Floor": None}, "int32", lambda x: x),
        ({"Sqrt": None}, "int32", np.sqrt),
        ({"Power": 2}, "int32", lambda x: x**2),
        ({"Greater": 0.5}, "int32", lambda x: x > 0.5),
        ({"Clip": {"max": 1}}, "int32", lambda x: np.minimum(x, 1)),
        ({"Clip": {"min": 0.5, "max": 2}}, "int32", lambda x: np.clip(x, 0.5, 2)),
    ],
)
def test_integers_and_truth_values(layer, dtype, wanted, computed):
    given = np.random.default_rng(1).integers(0, 2 if dtype == "bool" else 4, (2, 5)).astype(dtype)
    facts = small(layer, inputs={"input": {"shape": [5], "dtype": dtype}}, input=None)
    found = computed(facts, [given])
    array = found[0] if isinstance(found, list | tuple) else found
    array = np.asarray(array.detach() if hasattr(array, "detach") else array)
    np.testing.assert_allclose(array, wanted(given), rtol=1e-5)
    if computed is not by_keras:
        assert str(array.dtype) == facts.types[-1].dtype.replace("float", "float32")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Keras with PyTorch
@pytest.mark.parametrize("computed", [by_pytorch, by_onnx])
def test_what_is_the_same_for_all_samples_is_stacked_to_each(computed):
    own, table = (np.random.default_rng(1).standard_normal(shape).astype("float32") for shape in ((2, 3), (1, 3)))
    found = run_network(
        computed,
        [own, table],
        {"Stack": None, "from": ["table", "own"]},
        inputs={"own": [3], "table": {"shape": [3], "batch": False}},
    )
    np.testing.assert_allclose(found, np.stack([np.repeat(table, 2, 0), own], 1))


def test_every_operator_of_tensor_programs_is_tried():
    tried = {ops.find_operator(name) for name, *_ in NUMPY}
    families = ("elementwise", "choose", "reduce", "layout", "lookup")
    assert {ops.find_operator(name) for family in families for name in ops.FAMILIES[family]} <= tried
