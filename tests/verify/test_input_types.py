"""PyTorch programs that read integers and truth values: what they hold, the types they give, and what is refused."""

from typing import Any

import pytest

pytest.importorskip("torch")

import torch
from networks.measured import differences

import archinspect
from archinspect.exporters.refusal import CannotExportError


def spec(step, dtypes, shape):
    """A step whose inputs are of these types, after what makes tensors of the network's own."""
    names = [f"x{i}" for i in range(len(dtypes))]
    first = [{"Flip": {"axis": 1}, "from": name, "name": f"flip_{name}"} for name in names]
    return {
        "name": "net",
        "inputs": {name: {"shape": shape, "dtype": dtype} for name, dtype in zip(names, dtypes, strict=True)},
        "layers": [*first, {**step, "from": [f"flip_{name}" for name in names]}],
    }


# A step, the types and the shape of its inputs, and the type that it gives.
GIVEN = {
    "three integers added": ({"Add": None}, ["int64"] * 3, [4], "int64"),
    "the widest of integers": ({"Add": None}, ["int32", "int64"], [4], "int64"),
    "truth values beside integers": ({"Concatenate": None}, ["bool", "uint8"], [4], "uint8"),
    "integers in a stack": ({"Stack": None}, ["int32", "bool", "int64"], [4], "int64"),
    "truth values that are counted": ({"ReduceSum": {"axis": 1}}, ["bool"], [3, 4], "int64"),
    "a sum in the type of bytes": ({"ReduceSum": {"axis": 1}}, ["uint8"], [3, 4], "uint8"),
    "truth values multiplied": ({"ReduceProd": {"axis": [1, 2]}}, ["bool"], [3, 4], "int64"),
    "a product along two axes": ({"ReduceProd": {"axis": [1, 2]}}, ["int64"], [3, 4], "int64"),
    "truth values squared": ({"Square": None}, ["bool"], [4], "int64"),
    "truth values within bounds": ({"Clip": {"min_value": 0}}, ["bool"], [4], "int64"),
    "a bounded ReLU": ({"ReLU": {"max_value": 2.5}}, ["int64"], [4], "float32"),
    "a sloping ReLU": ({"ReLU": {"negative_slope": 0.1, "max_value": 6}}, ["uint8"], [4], "float32"),
    "rotated integers": ({"RotaryEmbedding": None}, ["int64"], [3, 4], "float32"),
    "complex integers": ({"ComplexMultiply": None}, ["int32", "int64"], [3, 2], "float32"),
    "masked integers": ({"Masking": None}, ["int64"], [3, 4], "float32"),
    "truth values normalized": ({"Normalization": None}, ["bool"], [3, 4], "float32"),
    "one vector of several categories": ({"CategoryEncoding": {"num_tokens": 8}}, ["int64"], [4], "float32"),
    "categories that are counted": (
        {"CategoryEncoding": {"num_tokens": 8, "output_mode": "count"}},
        ["int64"],
        [4],
        "float32",
    ),
    "tags of integers": ({"CRF": 1}, ["int64"], [3, 1], "int64"),
    "windows of a padded map": ({"WindowPartition": 4}, ["uint8"], [6, 6, 2], "uint8"),
}


@pytest.mark.parametrize(("step", "dtypes", "shape", "made"), GIVEN.values(), ids=GIVEN)
def test_what_reads_no_floats_gives_and_holds_what_is_said(step, dtypes, shape, made):
    network = archinspect.network(spec(step, dtypes, shape))
    names: dict[str, Any] = {}
    exec(network.export("pytorch"), names)  # noqa: S102 - a program that was just written
    given = [torch.ones(2, *shape, dtype=getattr(torch, dtype)) for dtype in dtypes]
    assert names["Net"]()(*given).dtype == getattr(torch, made)
    for batch in (None, 3):
        assert list(differences(spec(step, dtypes, shape), "pytorch", held=True, batch=batch)) == []


def test_the_mean_of_truth_values_is_a_share():
    names: dict[str, Any] = {}
    exec(archinspect.network(spec({"Average": None}, ["bool"] * 2, [2])).export("pytorch"), names)  # noqa: S102 - as above
    given = [torch.tensor([[True, False]]), torch.tensor([[True, True]])]
    assert names["Net"]()(*given).tolist() == [[0.5, 1.0]]


def test_the_deviation_is_gone_where_the_mean_is_added():
    turned = {"Normalization": {"axis": [1], "invert": True}}
    assert list(differences(spec(turned, ["float"], [4]), "pytorch", held=True)) == []


REFUSED = [
    ({"Subtract": None}, ["int64", "bool"], [4], "subtract: PyTorch has no Subtract of bool: `Cast: float` before it"),
    ({"Negative": None}, ["bool"], [4], "PyTorch has no Negative of bool"),
    ({"Dropout": 0.5}, ["int64"], [4], "PyTorch has no Dropout of int64"),
    ({"TimeDistributed": {"layer": "Dropout"}}, ["uint8"], [3, 4], "PyTorch has no Dropout of uint8"),
    ({"MaxPooling2D": 2}, ["int64"], [4, 4, 2], "PyTorch has no MaxPooling2D of int64"),
    ({"UpSampling2D": 2}, ["int32"], [4, 4, 2], "PyTorch has no UpSampling2D of int32"),
    ({"ZeroPadding2D": {"mode": "reflect"}}, ["bool"], [4, 4, 2], "PyTorch has no ZeroPadding2D of bool"),
    ({"MaskedFill": None}, ["int64", "bool"], [4], "PyTorch has no MaskedFill of int64"),
    ({"Einsum": "bi,bi->b"}, ["bool"] * 2, [4], "PyTorch has no Einsum of bool"),
    ({"MatMul": None}, ["bool"] * 2, [3, 3], "PyTorch has no MatMul of bool"),
    ({"MatMul": None}, ["int32", "int64"], [3, 3], "PyTorch has no MatMul of int32 and int64: `Cast` one of them"),
    ({"Identity": None}, ["float8"], [4], "x0: PyTorch has no float8"),
]


@pytest.mark.parametrize(("step", "dtypes", "shape", "message"), REFUSED)
def test_what_pytorch_has_no_kernel_for_is_refused(step, dtypes, shape, message):
    with pytest.raises(CannotExportError) as error:
        archinspect.network(spec(step, dtypes, shape)).export("pytorch")
    assert message in str(error.value)


def test_what_pytorch_has_a_kernel_for_is_not_refused():
    for step, dtypes in (
        ({"ZeroPadding1D": 1}, ["bool"]),
        ({"UpSampling1D": 2}, ["uint8"]),
        ({"ReLU": None}, ["int64"]),
    ):
        assert list(differences(spec(step, dtypes, [3, 4]), "pytorch", held=True)) == []


def test_integers_lie_between_boundaries_with_fractions():
    step = {"Discretization": {"bin_boundaries": [0.5, 1.5, 2.0]}}
    names: dict[str, Any] = {}
    exec(archinspect.network(spec(step, ["int64"], [2])).export("pytorch"), names)  # noqa: S102 - a program of ours
    assert names["Net"]()(torch.tensor([[2, 1]])).tolist() == [[1, 3]]  # turned around
