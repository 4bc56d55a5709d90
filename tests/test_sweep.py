"""Sweeps: every row is the engine's, whatever the way to it; files that are interrupted lose nothing."""

import csv
import io
import json
from fractions import Fraction
from itertools import product
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import archinspect
from archinspect.analyses import sweep as analysis
from archinspect.analyses.formula import FIGURES, RefusedError, Symbols
from archinspect.cli.sweep_command import values_of

GRIDS: dict = {
    "resnet50": {"height": range(8, 300, 37), "width": range(20, 300, 41), "classes": [1, 10], "batch": [1, 3]},
    "vgg16": {"height": range(8, 200, 17), "width": range(20, 120, 31), "batch": [2]},
    "gpt2": {"seq": range(1, 200, 31), "width": range(12, 200, 7), "batch": [1, 2]},
    "deep_residual": {"depth": [1, 2, 4], "classes": [2, 3], "batch": [1, 2]},
    "resnet18": {"classes": [3, 4], "batch": [1, 2]},
}


def rows(network, grid, figures):
    for chunk in network.sweep({name: list(values) for name, values in grid.items()}, figures).chunks():
        names = [*grid, *figures]
        columns = [chunk.values[name] for name in grid] + [chunk.figures[name] for name in figures]
        for taken, *row in zip(chunk.taken.tolist(), *[column.tolist() for column in columns], strict=True):
            yield taken, dict(zip(names, row, strict=True))


@pytest.mark.parametrize("name", GRIDS)
def test_every_row_is_the_engine_s(name):
    network = archinspect.network(name)
    found = list(rows(network, GRIDS[name], list(FIGURES)))
    assert len(found) == len(list(product(*GRIDS[name].values())))
    for taken, row in Random(name).sample(found, min(20, len(found))):
        point = {name: row[name] for name in GRIDS[name]}
        try:
            facts = Symbols(network._load, network.facts, (), point).facts
        except RefusedError:
            assert not taken
            continue
        assert taken
        assert {name: row[name] for name in FIGURES} == {name: figure(facts) for name, (_, figure) in FIGURES.items()}


def test_parameters_that_are_no_numbers_are_swept_too():
    network = archinspect.network("resnet50")
    grid: dict = {"stride_on": ["1x1", "3x3"], "batch": [1, 2]}
    found = [row for taken, row in rows(network, grid, ["macs"]) if taken]
    assert [row["macs"] for row in found] == [3_857_973_248, 2 * 3_857_973_248, 4_089_184_256, 2 * 4_089_184_256]
    sweep = network.sweep(grid, ["macs"])
    list(sweep.chunks())
    assert (sweep.traces, sweep.by_engine) == (2, 0)


def test_the_engine_takes_over_where_formulas_hold_for_little(monkeypatch):
    monkeypatch.setattr(analysis, "PATIENCE", 2)
    network = archinspect.network("deep_residual")
    sweep = network.sweep({"depth": list(range(1, 9))}, ["params"])
    (chunk,) = sweep.chunks()
    assert (sweep.traces, sweep.by_engine) == (2, 6)
    expected = [archinspect.inspect("deep_residual", params={"depth": depth}).totals.params for depth in range(1, 9)]
    assert chunk.figures["params"].tolist() == expected
    assert chunk.taken.all()


def test_numbers_of_more_than_64_bits_are_exact():
    network = archinspect.network({"params": {"units": 1}, "input": [10**9], "layers": [{"Dense": "$units"}]})
    (chunk,) = network.sweep({"units": [1, 10**9], "batch": [10**3]}, ["macs"]).chunks()
    assert chunk.figures["macs"].tolist() == [10**12, 10**21]


def test_a_front_has_what_no_other_beats():
    network = archinspect.network({"params": {"a": 1}, "input": [4], "layers": [{"Dense": "$a"}, {"Dense": 8}]})
    (chunk,) = network.sweep({"a": [3, 1, 2], "batch": [2, 1]}, ["params", "macs"]).chunks()
    found = analysis.front(chunk, ["params", "macs"])
    assert [found.values[name].tolist() for name in ("a", "batch")] == [[1], [1]]
    # More batches have more MACs, more units more parameters: of trade-offs all stay.
    chunk.figures["macs"][:] = -chunk.figures["params"]
    assert len(analysis.front(chunk, ["params", "macs"]).taken) == 6


def table(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_the_command_writes_csv(run):
    result = run(
        "sweep", "lenet5", "--set", "classes=10..12", "--batch", "1,3", "--columns", "params", "--format", "csv"
    )
    assert [(row["classes"], row["batch"], row["params"]) for row in table(result.stdout)] == [
        (str(classes), str(batch), str(60_856 + 85 * classes)) for classes in (10, 11, 12) for batch in (1, 3)
    ]


def test_conditions_fronts_and_order(run):
    base = ("sweep", "mobilenet_v2", "--input", "96..224:64x96..224:64x3", "--format", "json")
    every = json.loads(run(*base).stdout)
    assert len(every) == 9
    few = json.loads(run(*base, "--where", "macs <= 100 M", "--where", "height > 96").stdout)
    assert few == [row for row in every if row["macs"] <= 100e6 and row["height"] > 96]
    largest = json.loads(run(*base, "--sort", "macs").stdout)
    assert largest == sorted(every, key=lambda row: row["macs"], reverse=True)
    ordered = json.loads(run(*base, "--sort", "-macs").stdout)
    assert ordered == sorted(every, key=lambda row: row["macs"])
    (least,) = json.loads(run(*base, "--pareto", "params,macs").stdout)
    assert least == ordered[0]


@pytest.mark.parametrize(
    ("relation", "number", "expected"),
    [
        # A bound between two numbers, and one that floats do not tell from the next.
        (">=", Fraction(5, 2), [3, 2**53, 2**53 + 1]),
        ("<", Fraction(5, 2), [1, 2]),
        ("==", Fraction(5, 2), []),
        ("<=", Fraction(2**53), [1, 2, 3, 2**53]),
        (">", Fraction(2**53), [2**53 + 1]),
    ],
)
def test_conditions_are_exact(relation, number, expected):
    column = np.array([1, 2, 3, 2**53, 2**53 + 1])
    chunk = analysis.Chunk(0, {}, {"macs": column}, np.ones(len(column), dtype=bool))
    found = analysis.filtered(chunk, [analysis.Condition("macs", relation, number)])
    assert found.figures["macs"].tolist() == expected


def test_a_table_says_how_many_there_are(run):
    text = run("sweep", "lenet5", "--set", "classes=1..100", "--columns", "params").stdout
    assert "100 of 100 combinations, 40 more with --format csv" in text


@pytest.mark.parametrize("stop", [1, 2, 3])
def test_an_interrupted_file_goes_on_without_loss(run, tmp_path, monkeypatch, stop):
    monkeypatch.setattr(analysis, "CHUNK", 7)
    args = ("sweep", "lenet5", "--set", "classes=1..10", "--batch", "1..3", "--format", "csv", "-o")
    whole, file = tmp_path / "whole.csv", tmp_path / "part.csv"
    assert run(*args, str(whole)).exit_code == 0
    chunks, count = analysis.Sweep.chunks, 0

    def interrupted(self, start=0):
        nonlocal count
        for chunk in chunks(self, start):
            if count == stop:
                raise KeyboardInterrupt
            count += 1
            yield chunk

    monkeypatch.setattr(analysis.Sweep, "chunks", interrupted)
    assert run(*args, str(file)).exit_code == 1
    with file.open("a") as end:
        end.write("torn,")  # what was being written when it stopped
    assert (tmp_path / "part.csv.progress").exists()
    monkeypatch.setattr(analysis.Sweep, "chunks", chunks)
    assert run(*args, str(file)).exit_code == 0
    assert file.read_text() == whole.read_text()
    assert [path.name for path in tmp_path.iterdir() if "progress" in path.name] == []


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--set", "depth=1..3"], "the network has no variable 'depth'"),
        (["--set", "classes"], "'classes' is not name=values"),
        (["--set", "classes=3..1"], "'3..1' is no range"),
        (["--input", "ax3"], "is no shape"),
        ([], "nothing varies"),
        (["--batch", "1,2", "--where", "macs"], "'macs' is no condition"),
        (["--batch", "1,2", "--where", "size < 3"], "a column is one of"),
        (["--batch", "1,2", "--sort", "size"], "a column is one of"),
        (["--batch", "1,2", "--columns", "size"], "a figure is one of"),
        (["--batch", "1,2", "--columns", ","], "no name is given"),
        (["--batch", "1,2", "--sort", ""], "a column is one of"),
        (["--batch", "1,2", "--pareto", "macs,batch"], "a figure is one of"),
        (
            ["--batch", "1..1000000", "--set", "classes=1..1000000", "--input", "32..999999x32..999999x1"],
            "combinations, more",
        ),
        (["--batch", "two"], "batch must be a positive whole number, not 'two'"),
        (["--batch", "0..3"], "batch must be a positive whole number, not 0"),
        (["--batch", "1,,2"], "a value is missing"),
        (["--batch", "9" * 30], "more than 18 digits"),
        (["--set", "batch=1.5"], "batch must be a positive whole number, not 1.5"),
        (["--set", "height=32,x"], "height must be a positive whole number, not 'x'"),
        (["--set", "classes=1..2000000"], "more than 1,000,000 values"),
        (["--set", "classes=1,2", "--set", "classes=3"], "'classes' is given twice"),
        (["--batch", "1,2", "--set", "batch=3"], "'batch' is given twice"),
        (["--input", "32..33x32x1", "--set", "height=5"], "'height' is given twice"),
        (["--input", "32..33x32x1", "--input", "32..34x32x1"], "is given twice"),
        (["--batch", "1..1000", "--set", "classes=1..10000", "--input", "32..9999x32x1"], "combinations, more than"),
        (["--batch", "1,2", "--format", "parquet"], "--format parquet needs a file"),
    ],
)
def test_what_cannot_be_swept_is_said(run, args, message):
    result = run("sweep", "lenet5", *args)
    assert result.exit_code == 2
    assert message in result.stderr


def test_values_of_a_text():
    assert values_of("1..7:3,9, x") == [1, 4, 7, 9, "x"]


def test_what_is_sorted_comes_from_all_blocks(run, monkeypatch):
    monkeypatch.setattr(analysis, "CHUNK", 3)
    args = ("sweep", "lenet5", "--set", "classes=7,3,9,1", "--batch", "2,1", "--columns", "macs", "--format", "csv")
    result = run(*args, "--sort", "-macs")
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    expected = sorted(
        (batch * (415_680 + 84 * classes), batch, classes) for classes in (7, 3, 9, 1) for batch in (2, 1)
    )
    assert [(int(row["macs"]), int(row["batch"]), int(row["classes"])) for row in rows] == expected


@given(st.lists(st.tuples(*[st.integers(0, 5)] * 3), min_size=1, max_size=40))
def test_a_front_is_that_of_comparing_all_with_all(points):
    names = ("a", "b", "c")
    columns = {name: np.array(column) for name, column in zip(names, zip(*points, strict=True), strict=True)}
    chunk = analysis.Chunk(0, {"place": np.arange(len(points))}, columns, np.ones(len(points), dtype=bool))
    found = analysis.front(chunk, names).values["place"].tolist()
    beaten = {
        at
        for at, point in enumerate(points)
        for other in points
        if other != point and all(a <= b for a, b in zip(other, point, strict=True))
    }
    assert sorted(found) == [at for at in range(len(points)) if at not in beaten]


def test_rows_of_a_chunk_say_where_it_began():
    *_, chunk = archinspect.network("alexnet").sweep({"classes": range(2, 9)}, ["params"]).chunks(start=3)
    chosen = chunk.chosen(np.array([1]))
    assert (chunk.start, chosen.start, chosen.values["classes"].tolist()) == (3, 3, [6])


def test_variables_have_a_limit():
    names = [f"p{number}" for number in range(65)]
    layers = [{"Dense": f"${name}"} for name in names]
    network = archinspect.network({"params": dict.fromkeys(names, 2), "input": [4], "layers": layers})
    assert network.sweep({name: [1, 2] for name in names[:64]}).combinations == 2**64
    with pytest.raises(ValueError, match="a sweep is over 64 variables at most, not 65"):
        network.sweep({name: [1] for name in names})
