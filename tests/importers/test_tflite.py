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
