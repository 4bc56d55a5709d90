"""TensorFlow Lite models: small ones, whose figures follow by hand."""

from __future__ import annotations

from random import Random

import pytest
from tflite_files import digits, ints, model

import archinspect
from archinspect.base.diagnostics import InvalidSpecError
from archinspect.importers.tflite.names import NAMES
from archinspect.importers.tflite.operators import EACH, MOVES, OPERATORS

DIGITS = 36 + 4 + 36 + 40
MACS = 64 * 36 + 64 * 36 + 40


@pytest.fixture
def read(tmp_path):
    """Return a function that reads a model."""

    def network(data, name="model.tflite", **settings):
        path = tmp_path / name
        path.write_bytes(data)
        return archinspect.network(path, **settings)

    return network


def rows(network):
    return [(row.name, row.kind) for row in network.report().layers]


@pytest.mark.parametrize("kind", [0, 9])
def test_weights_of_any_type(read, kind):
    network = read(digits(kind), "model.bin")
    totals = network.report().totals
    assert (totals.params, totals.macs) == (DIGITS, MACS)
    assert network.report().status == "complete"
    assert [row.name for row in network.report().layers] == [
        "net/conv/Relu",
        "net/depth",
        "net/add",
        "net/mean",
        "net/head",
    ]


def test_another_batch_follows_where_operators_allow(read):
    assert read(digits(), batch=3).report().totals.macs == 3 * MACS
    with pytest.raises(InvalidSpecError, match="takes no other shape"):
        read(digits(), inputs={"image": [16, 16, 1]})


def test_sizes_that_the_file_leaves_open_are_asked_for(read):
    tensors = [
        ("x", [1, 1, 1, 2], 0, None, [-1, -1, -1, 2]),
        ("k", [3, 3, 3, 2], 0, bytes(216)),
        ("y", [1, 1, 1, 3], 0, None, [-1, -1, -1, 3]),
        ("s", [2], 2, ints(-1, 3)),
        ("z", [1, 3], 0, None, [-1, 3]),
    ]
    options = {0: ("byte", 0), 1: ("int", 2), 2: ("int", 2)}
    data = model(tensors, [("CONV_2D", [0, 1, -1], [2], options), ("RESHAPE", [2, 3], [4], {})], [0], [4])
    with pytest.raises(InvalidSpecError, match="leaves sizes of the input 'x' open"):
        read(data)
    network = read(data, inputs={"": [8, 6, 2]})
    assert network.report().totals.macs == 4 * 3 * 54
    assert list(network.report().outputs.values()) == [(12, 3)]


def elementwise(kind, constant, shape=(4,), dtype=0):
    tensors = [
        ("x", [1, 3, 4], 0, None),
        ("c", [*shape], dtype, constant),
        ("y", [1, 3, 4], 0, None),
    ]
    return model(tensors, [(kind, [0, 1], [2], {})], [0], [2])


def test_constants_among_the_operators(read):
    totals = read(elementwise("MUL", bytes(16))).report().totals
    assert (totals.params, totals.flops) == (4, 12)
    assert read(elementwise("ADD", ints(7), (), 2)).report().totals.params == 0


def test_a_constant_that_several_read_counts_once(read):
    tensors = [
        ("x", [1, 4], 0, None),
        ("k", [4, 4], 0, bytes(64)),
        ("y", [1, 4], 0, None),
        ("z", [1, 4], 0, None),
    ]
    steps: list[tuple] = [("FULLY_CONNECTED", [0, 1, -1], [2], {}), ("FULLY_CONNECTED", [2, 1, -1], [3], {})]
    totals = read(model(tensors, steps, [0], [3])).report().totals
    assert (totals.params, totals.macs) == (16, 32)


def dilated(block=(2, 2), crops=(0, 0, 0, 0), stride=1):
    """Places into the batch, a convolution, and back: 7x7 padded to 12x12, of which the last row is cut."""
    tensors = [
        ("x", [1, 7, 7, 3], 0, None),
        ("block", [2], 2, ints(*block)),
        ("pads", [2, 2], 2, ints(2, 3, 2, 3)),
        ("there", [1, 6, 6, 3], 0, None, [-1, 6, 6, 3]),
        ("k", [5, 3, 3, 3], 0, bytes(540)),
        ("conv", [1, 4, 4, 5], 0, None, [-1, 4, 4, 5]),
        ("crops", [2, 2], 2, ints(*crops)),
        ("back", [1, 8 - crops[1], 8 - crops[3], 5], 0, None, [-1, 8 - crops[1], 8 - crops[3], 5]),
    ]
    options = {0: ("byte", 1), 1: ("int", stride), 2: ("int", stride)}
    steps: list[tuple] = [
        ("SPACE_TO_BATCH_ND", [0, 1, 2], [3], {}),
        ("CONV_2D", [3, 4, -1], [5], options),
        ("BATCH_TO_SPACE_ND", [5, 1, 6], [7], {}),
    ]
    return model(tensors, steps, [0], [7])


def test_a_dilated_convolution_is_one_again(read):
    network = read(dilated(crops=(0, 1, 0, 1)), batch=3)
    (row,) = network.report().layers
    assert (row.name, row.kind, row.cost.macs) == ("conv", "convolution", 3 * 49 * 5 * 27)
    assert "Conv2D: {filters: 5, kernel_size: 3, padding: 2, dilation_rate: 2, use_bias: false}" in network.convert()


@pytest.mark.parametrize("other", [{"crops": (1, 1, 1, 1)}, {"stride": 2}, {"block": (2, 0)}])
def test_other_places_in_the_batch_are_not_known(read, other):
    report = read(dilated(**other)).report()
    assert report.status == "partial"
    assert report.totals.params == 135


def test_weights_in_half_precision(read):
    """Each is its own after it is made wide; a single number is none, and features follow from what reads them."""
    tensors = [
        ("x", [1, 4, 4], 0, None),
        *[(name, [4, 4], 1, bytes(32)) for name in ("a", "b")],
        ("half", [], 1, bytes(2)),
        *[(f"{name}32", [4, 4], 0, None) for name in ("a", "b")],
        ("half32", [], 0, None),
        *[(name, [1, 4, 4], 0, None) for name in ("y", "z")],
        ("s", [2], 2, ints(-1, 4)),
        ("flat", [1, 1], 0, None, [-1, -1]),
        ("out", [1, 4], 0, None, [-1, 4]),
    ]
    steps: list[tuple] = [
        *[("DEQUANTIZE", [at], [at + 3], {}) for at in (1, 2, 3)],
        ("FULLY_CONNECTED", [0, 4, -1], [7], {}),
        ("ADD", [7, 6], [8], {}),
        ("RESHAPE", [8, 9], [10], {}),
        ("FULLY_CONNECTED", [10, 5, -1], [11], {}),
    ]
    report = read(model(tensors, steps, [0], [11])).report()
    assert (report.totals.params, report.totals.macs, report.status) == (32, 128, "complete")


def test_a_weight_has_a_name_beside_that_of_its_row(read):
    network = read(elementwise("MUL", bytes(16)))
    assert [node.path for node in network.graph.nodes] == ["y.parameter", "y"]
    assert network.convert()


def test_what_is_not_known_is_a_row_with_its_shapes(read):
    tensors = [("x", [1, 3, 4], 0, None), ("k", [5], 0, bytes(20)), ("y", [1, 6], 0, None)]
    network = read(model(tensors, [("Mine", [0, 1], [2], {})], [0], [2]))
    report = network.report()
    assert dict(report.uncounted) == {"y": ("macs", "flops")}
    assert (report.totals.params, [shape[1:] for shape in report.outputs.values()]) == (5, [(6,)])
    assert "'y' (Mine)" in network.graph.description


def test_what_no_batch_comes_first_in_has_the_files_own(read):
    tensors = [("x", [1, 3, 4], 0, None), ("s", [2], 2, ints(3, 4)), ("y", [3, 4], 0, None)]
    network = read(model(tensors, [("RESHAPE", [0, 1], [2], {})], [0], [2]))
    assert network.report().status == "complete"
    assert network.graph.batch == 1
    assert list(network.report().outputs.values()) == [(3, 4)]


def test_what_does_not_agree_with_the_file_is_not_taken_for_ours(read):
    tensors = [("x", [1, 8, 8, 2], 0, None), ("y", [1, 3, 3, 2], 0, None)]
    options = {0: ("byte", 1), **dict.fromkeys(range(1, 5), ("int", 2))}
    report = read(model(tensors, [("MAX_POOL_2D", [0], [1], options)], [0], [1])).report()
    assert report.status == "partial"


def test_cut_and_mutated_files_are_read_or_refused(tmp_path):
    rng = Random(3)
    path = tmp_path / "model.tflite"
    for number in range(200):
        data = bytearray(digits(rng.choice([0, 9])))
        for _ in range(rng.choice([1, 4, 16])):
            at = rng.randrange(len(data))
            data[at : at + rng.choice([1, 1, 4])] = rng.choice([b"\xff" * 4, bytes(4), rng.randbytes(1), b""])
        path.write_bytes(data[: rng.randrange(len(data))] if number % 9 == 0 else data)
        assert all(one.message for one in archinspect.check(f"tflite:{path}").diagnostics)


def test_the_tables_name_operators_of_the_schema():
    assert len(set(NAMES)) == len(NAMES)
    assert (NAMES[3], NAMES[32], NAMES[97], NAMES[150]) == ("CONV_2D", "CUSTOM", "RESIZE_NEAREST_NEIGHBOR", "GELU")
    assert {*OPERATORS, *MOVES, *EACH} <= set(NAMES)
