"""The chart of networks: its points are the reports', its front is that of all pairs, and no name meets another."""

from __future__ import annotations

import csv
import json
import random
from functools import partial
from itertools import combinations
from math import log10
from pathlib import Path
from xml.etree import ElementTree as ET  # of our own pictures

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import archinspect
from archinspect import api
from archinspect.render.axes import axis, tick_text
from archinspect.render.chart_svg import (
    ADVANCE,
    HEIGHT,
    LEAST,
    LEFT,
    MOST_NAMES,
    SIZE,
    TOP,
    WIDTH,
    Mark,
    Rect,
    _is_inside,
    named,
)
from archinspect.render.styled import cell_len
from archinspect.reports.chart import Point, chart

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(autouse=True, scope="module")
def _reports_are_made_once():
    """Charts differ, and the reports of built-in networks that they show do not."""
    made, reports = {}, api.builtin_reports

    def remembered(**options):
        key = repr(options)
        if key not in made:
            made[key] = [*reports(**options)]
        return made[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(api, "builtin_reports", remembered)
        yield


def rows(run, *args):
    found = run("chart", *args, "--format", "json")
    assert (found.exit_code, found.stderr) == (0, "")
    return json.loads(found.stdout)


def test_points_are_the_reports_figures(run):
    points = {point["name"]: point for point in rows(run)["points"]}
    assert len(points) >= 26
    report = archinspect.inspect("resnet50")
    assert points["resnet50"] == {
        "name": "resnet50",
        "macs": report.totals.macs,
        "top1": report.metrics["top1"],
        "params": report.totals.params,
        "best": False,
    }


def test_only_networks_that_state_the_figure_are_read(run, monkeypatch):
    reports, asked = api.builtin_reports, []

    def noted(**options):
        asked.extend(options["stated"])
        return reports(**options)

    monkeypatch.setattr(api, "builtin_reports", noted)
    rows(run)
    rows(run, "--ilsvrc")
    assert asked == ["top1", "year", "ilsvrc_top5_error"]


def test_accuracies_are_those_of_torchvision_s_weights():
    lines = (Path(__file__).parent / "truth" / "imagenet_accuracy.csv").read_text(encoding="utf-8").splitlines()
    header, *measured = [line.split(",") for line in lines if not line.startswith("#")]
    assert header[:4] == ["model", "weights", "top1", "top5"]
    stated = {name: report.metrics for name, report in archinspect.api.builtin_reports() if "top1" in report.metrics}
    names = {"alexnet_torchvision": "alexnet"}
    weights = {model: (float(top1), float(top5)) for model, kind, top1, top5, *_ in measured if kind == "IMAGENET1K_V1"}
    for name, metrics in stated.items():
        assert weights[names.get(name, name)] == (metrics["top1"], metrics["top5"]), name


def test_networks_are_counted_for_the_input_of_their_accuracy(run):
    """Torchvision publishes operations beside accuracies, in billions with three digits."""
    text = (Path(__file__).parent / "truth" / "imagenet_accuracy.csv").read_text(encoding="utf-8")
    lines = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    published = {row["model"]: float(row["gmacs"]) for row in lines if row["weights"] == "IMAGENET1K_V1"}
    for point in rows(run)["points"]:
        name = "alexnet" if point["name"] == "alexnet_torchvision" else point["name"]
        assert abs(point["macs"] / 10**9 - published[name]) <= 0.0005, name
    (large,) = rows(run, "efficientnet_v2_s")["points"]
    (small,) = rows(run, "efficientnet_v2_s", "--input", "224x224x3")["points"]
    assert large["macs"] > 2 * small["macs"]
    assert "measured with an input of 384x384x3" in run("compare", "efficientnet_v2_s", "vgg16").stdout


def test_the_front_is_what_no_other_beats(run):
    points = rows(run)["points"]
    for point in points:
        beaten = any(
            other["macs"] <= point["macs"] and other["top1"] >= point["top1"] and other != point
            for other in points
            if (other["macs"], other["top1"]) != (point["macs"], point["top1"])
        )
        assert point["best"] is not beaten


def test_equal_points_are_both_on_the_front():
    found = chart([("a", {"macs": 1, "top1": 2}), ("b", {"macs": 1, "top1": 2}), ("c", {"macs": 2, "top1": 1})])
    assert [point.is_best for point in found.points] == [True, True, False]


def test_figures_without_a_direction_have_no_front():
    found = chart([("a", {"year": 1, "top1": 2}), ("b", {"year": 2, "top1": 3})], "year", "top1", "")
    assert not any(point.is_best for point in found.points)


def test_the_challenge_by_year_has_a_person_s_error(run):
    shown = run("chart", "--ilsvrc").stdout
    assert "a person, 5.1 %" in shown
    assert all(name in shown for name in ("alexnet", "vgg16", "googlenet", "resnet152"))


def test_a_network_has_settings_of_its_own(run):
    other = "vgg16@input=64x64x3@batch=2"
    text = run("chart", "vgg16", other, "--x", "macs", "--y", "params", "--format", "csv").stdout
    macs = {name: int(figure) for name, figure, *_ in map(partial(str.split, sep=","), text.splitlines()[1:])}
    assert macs == {
        "vgg16": archinspect.inspect("vgg16").totals.macs,
        other: archinspect.inspect("vgg16", inputs={"": (64, 64, 3)}, batch=2).totals.macs,
    }


def test_own_specs_and_a_file(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text("input: [8]\nlayers: [Dense: 2]\nmetrics: {top1: 12.5}\n", encoding="utf-8")
    Path("more.csv").write_text("name,macs,top1,params\nother,1000,50,\nthird,10,1,5\n", encoding="utf-8")
    found = rows(run, "mine.yaml", "alexnet", "--data", "more.csv")
    assert [(point["name"], point["macs"], point["params"]) for point in found["points"]] == [
        ("third", 10, 5),
        ("mine.yaml", 16, 18),
        ("other", 1000, None),
    ]
    assert found["left_out"] == {"alexnet": "top1"}
    assert "not drawn, as these are not known: alexnet (top1)" in run("chart", "mine.yaml", "alexnet").stdout


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("macs,top1\n1,2\n", "no column 'name'"),
        ("name,macs\na,1\n", "no column 'top1'"),
        ("name;macs;top1\na;1;2\n", "fields are separated by ';', not by commas"),
        ("name,macs,top1\na,much,2\n", "line 2: macs is not a number: 'much'"),
        ("name,macs,top1\na,nan,2\n", "line 2: macs is not a number: 'nan'"),
        ("name,macs,top1\na,1,2,3\n", "line 2: there are more fields than columns"),
        ('name,macs,top1\n"a,1,2\n', "unexpected end of data"),
        ("name,macs,top1\n", "no network of which macs and top1 are known"),
    ],
)
def test_a_file_that_is_wrong_is_told(run, tmp_path, text, said):
    path = tmp_path / "data.csv"
    path.write_text(text, encoding="utf-8")
    found = run("chart", "--data", str(path))
    assert found.exit_code == 2
    assert said in found.stderr


def test_memory_is_known_of_built_in_networks_too(run):
    report = archinspect.inspect("resnet50", memory=True)
    points = {point["name"]: point["peak"] for point in rows(run, "--x", "peak")["points"]}
    assert points["resnet50"] == report.memory.peak_bytes


def test_a_size_that_no_network_has_is_refused(run):
    found = run("chart", "--size", "nosuch")
    assert (found.exit_code, "no network of which nosuch is known" in found.stderr) == (2, True)


@pytest.mark.parametrize("form", ["csv", "markdown"])
def test_a_size_that_is_an_axis_has_no_second_column(run, form):
    head = run("chart", "vgg16", "--x", "params", "--format", form).stdout.lower().splitlines()[0]
    assert head.count("params") == 1


@pytest.mark.parametrize("command", ["chart", "compare"])
def test_a_picture_of_another_format_is_refused(run, command, tmp_path):
    found = run(command, "vgg16", "vgg19", "-o", str(tmp_path / "x.PNG"))
    assert (found.exit_code, "as SVG, not as PNG: -o x.svg" in found.stderr) == (2, True)
    assert run(command, "vgg16", "vgg19", "-o", str(tmp_path / "x.SVG")).exit_code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["x.SVG"]


def test_wide_names_take_two_cells(run, tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("name,macs,top1,params\n网络,1,10,1\ne\u0301tude,2,20,1\n", encoding="utf-8")
    lines = run("chart", "--data", str(path), COLUMNS="80").stdout.splitlines()
    (wide,), (accent,) = ([line for line in lines if name in line] for name in ("网络", "e\u0301tude"))
    assert wide.endswith("◆ 网络") or "网络 ◆" in wide
    assert accent.rstrip().endswith("e\u0301tude ◆")
    assert cell_len(accent) <= 80


def test_what_is_not_known_has_no_point(run, tmp_path):
    path = tmp_path / "net.yaml"
    path.write_text("input: [8]\nlayers: [Custom: {output_shape: [2]}]\nmetrics: {top1: 1}\n", encoding="utf-8")
    found = rows(run, str(path), "vgg16")
    assert found["left_out"] == {str(path): "macs"}


@pytest.mark.parametrize("width", ["40", "80", "120", "200"])
def test_a_terminal_is_not_too_narrow(run, width):
    lines = run("chart", COLUMNS=width).stdout.splitlines()
    assert max(len(line) for line in lines if ":" not in line and "better" not in line) <= int(width)
    names = " ".join(lines)
    assert all(point["name"] in names for point in rows(run)["points"])


# Axes


@given(st.lists(st.floats(1e-3, 1e15) | st.just(0.0), min_size=1, max_size=20))
@example([999999999999751.0, 999999999999751.5])
@example([0.0, 1.0, 20.0])
def test_values_lie_within_an_axis_and_ticks_on_it(values):
    found = axis(values)
    assert all(0 < found.place(value) < 1 for value in values)
    assert all(-1e-9 <= found.place(tick) <= 1 + 1e-9 for tick in found.ticks)
    positive = [value for value in values if value]
    assert found.is_log == (bool(positive) and log10(max(positive) / min(positive)) >= 1.3)
    if found.is_log and 0 in values:
        assert found.ticks[0] == 0
        assert found.place(0) < found.place(min(positive))


@pytest.mark.parametrize(("x", "y"), [("macs", "params"), ("macs", "top1"), ("top1", "macs"), ("top1", "top5")])
def test_the_front_is_found_as_it_is_defined(x, y):
    """By comparing all with all, however the figures are good."""
    rng = random.Random(1)
    places = [(rng.randint(0, 9), rng.randint(0, 9)) for _ in range(60)]
    ways = [-1 if name.startswith("top") else 1 for name in (x, y)]

    def beats(one, other):
        return one != other and all(way * a <= way * b for way, a, b in zip(ways, one, other, strict=True))

    found = chart([(str(place), dict(zip((x, y), place, strict=True))) for place in places], x, y, "")
    for point in found.points:
        assert point.is_best is not any(beats(place, (point.x, point.y)) for place in places)


def test_many_points_have_as_many_names_as_there_is_room_for():
    rng = random.Random(1)
    points = [Point(f"n{n}", rng.random() * WIDTH, rng.random() * HEIGHT, None, is_best=False) for n in range(3000)]
    marks = [Mark(point, LEFT + point.x, TOP + point.y, LEAST) for point in points]
    assert 0 < len(named(marks)) < MOST_NAMES


def test_years_have_no_ticks_in_between():
    assert axis([2012, 2014, 2015]).ticks == (2012, 2013, 2014, 2015)
    assert axis([15.3, 14.5, 14]).ticks == (14, 14.5, 15)


def test_bytes_have_ticks_round_in_their_unit():
    assert [tick_text(tick, "bytes") for tick in axis([2e7, 6e7], 3, "bytes").ticks] == ["20 MiB", "40 MiB", "60 MiB"]
    ticks = axis([900, 5 * 2**30], 8, "bytes").ticks
    assert [tick_text(tick, "bytes") for tick in ticks] == [
        *("1 KiB", "10 KiB", "100 KiB", "1 MiB", "10 MiB", "100 MiB", "1 GiB"),
    ]


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1e9, "count", "1 G"),
        (5e7, "count", "50 M"),
        (20, "count", "20"),
        (2**26, "bytes", "64 MiB"),
        (71.5, "stated", "71.5"),
    ],
)
def test_ticks_are_written_with_units(value, unit, text):
    assert tick_text(value, unit) == text


# The picture

MARKS = st.builds(
    lambda name, x, y, radius, best: Mark(Point(name, x, y, None, best), x, y, radius),
    st.text("abcdefgh_0", min_size=1, max_size=24),
    st.floats(90, 900),
    st.floats(40, 530),
    st.floats(4, 26),
    st.booleans(),
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(MARKS, max_size=60))
def test_names_meet_neither_each_other_nor_the_edge(marks):
    places = [name.place for name in named(marks)]
    assert all(map(_is_inside, places))
    assert not any(one.meets(other) for one, other in combinations(places, 2))


@pytest.mark.parametrize("args", [(), ("--x", "params", "--y", "top5", "--size", "none"), ("--ilsvrc",)])
def test_all_words_of_the_picture_stand_apart(run, args, tmp_path):
    path = tmp_path / "chart.svg"
    assert run("chart", *args, "-o", str(path)).stdout == ""
    picture = ET.parse(path).getroot()  # noqa: S314 - our own picture
    paper = picture.find(f"{SVG}rect")
    assert paper is not None
    assert paper.attrib == {"class": "paper", "width": "100%", "height": "100%"}  # readable on a page of any color
    assert (picture.findtext(f"{SVG}style") or "").count(".paper {") == 2  # light and dark
    _, _, right, bottom = map(float, picture.get("viewBox").split())
    places = []
    for text in picture.iter(f"{SVG}text"):
        width = len(text.text) * ADVANCE
        left = float(text.get("x")) - {"start": 0, "middle": width / 2, "end": width}[text.get("text-anchor")]
        places.append(Rect(left, float(text.get("y")) - SIZE, width, SIZE + 2))
    assert all(place.x >= 0 and place.x + place.width <= right and place.y + place.height <= bottom for place in places)
    assert not any(one.meets(other) for one, other in combinations(places, 2))


def test_names_are_escaped(run, tmp_path):
    path = tmp_path / "data.csv"
    path.write_text('name,macs,top1,params\n"<script>&",1,2,3\nb,2,1,3\n', encoding="utf-8")
    found = run("chart", "--data", str(path), "--format", "svg").stdout
    assert "&lt;script&gt;&amp;" in found
    assert "<script>" not in found
