"""Comparisons: what is drawn and what is said instead, equal blocks as one, settings, colors, the picture."""

from __future__ import annotations

import json
import re
from itertools import combinations
from xml.etree import ElementTree as ET  # of our own pictures

import pytest
from contrasts import contrast
from small import small

import archinspect
from archinspect.language import library
from archinspect.language.load import is_template
from archinspect.render.compare import total_rows
from archinspect.render.palette import LOOKS, OTHER
from archinspect.render.styled import cell_len
from archinspect.reports.comparison import compare, own_titles, stack
from archinspect.reports.summarizing import report
from archinspect.reports.totals import TOTALS, weighted_layers

NETWORKS = [name for name, path in library.builtins().items() if not is_template(library.read_builtin(path))]


@pytest.mark.parametrize("name", NETWORKS)
def test_all_that_has_weights_is_drawn_and_the_rest_is_said(name):
    found = archinspect.inspect(name)
    for depth in (1, found.depth):
        shown, rows = stack(found, depth), found.fold(depth)
        assert sum(box.params for box in shown.boxes) == found.totals.params
        assert sum(box.macs for box in shown.boxes) == found.totals.macs
        drawn = [row for row in rows if row.type not in shown.left_out or row.cost.params]
        assert len(rows) - len(drawn) <= sum(shown.left_out.values())
        assert not any(row.cost.params for row in rows if row.type in shown.left_out and row.kind != "normalization")


def test_recurrent_layers_differ():
    labels = [{box.label for box in stack(archinspect.inspect(name), 1).boxes} for name in ("lstm", "gru", "rnn")]
    assert all(one != other for one, other in combinations(labels, 2))


def test_merges_and_attention_and_both_poolings_are_drawn():
    layers = [
        {"MaxPooling1D": 2},
        {"AveragePooling1D": 2},
        {"ScaledDotProductAttention": {"num_heads": 2}},
        {"Add": [[], ["ReLU"]]},
        "Dropout",
    ]
    found = stack(report(small(*layers, shape=(8, 4))), 1)
    assert [box.kind for box in found.boxes] == ["max pooling", "average pooling", "attention", "merge"]
    assert found.left_out == {"ReLU": 1, "Dropout": 1}


def test_layers_with_weights_are_counted():
    assert weighted_layers(report(small({"LSTM": 3}, {"Dense": 2}, "ReLU", shape=(5, 4)))) == 2
    shared = small({"Dense": 4, "name": "a"}, {"Dense": 4, "weights": "a"}, shape=(4,))
    assert weighted_layers(report(shared)) == 2


def test_equal_blocks_are_one_box():
    (gpt2,) = compare([archinspect.inspect("gpt2")]).stacks
    (decoder,) = [box for box in gpt2.boxes if box.kind == "composite"]
    assert decoder.copies == 12
    resnet = stack(archinspect.inspect("resnet50"), 2)
    assert [box.copies for box in resnet.boxes if box.kind == "composite"] == [1, 1, 2, 1, 3, 1, 5, 1, 2]


def test_copies_that_differ_are_boxes_of_their_own():
    found = stack(report(small({"layers": [{"Dense": 4}], "repeat": 3, "name": "same"}, shape=(8,))), 2)
    assert [(box.label, box.copies, box.params) for box in found.boxes] == [("same, 4", 1, 36), ("same, 4", 2, 40)]


def test_a_stack_that_stays_tall_is_folded_by_equal_layers():
    layers = [{"Dense": 8} for _ in range(60)]
    (found,) = compare([report(small(*layers, shape=(8,)))]).stacks
    assert [(box.label, box.copies) for box in found.boxes] == [("dense, 8", 60)]


def test_a_stack_that_stays_tall_is_folded_by_equal_runs_of_layers():
    pair = [{"Conv1D": {"filters": 4, "kernel_size": 3, "padding": "same"}}, "BatchNormalization"]
    (found,) = compare([report(small({"Dense": 4}, *pair * 30, {"Dense": 2}, shape=(8, 4)))]).stacks
    assert [(box.text, box.params) for box in found.boxes] == [
        ("dense, 4", 20),
        ("30 x (3 conv, 4 + batch norm)", 30 * (3 * 4 * 4 + 4 + 2 * 4)),
        ("dense, 2", 10),
    ]


def test_runs_are_folded_by_their_shortest_period_and_an_odd_end_is_left():
    one, two, three = [{"Dense": units} for units in (4, 5, 6)]
    (found,) = compare([report(small(*[one, two, three] * 15, one, shape=(6,)))]).stacks
    assert [box.text for box in found.boxes] == ["15 x (dense, 4 + dense, 5 + dense, 6)", "dense, 4"]


def test_all_networks_have_one_depth():
    found = compare([archinspect.inspect("alexnet"), archinspect.inspect("resnet152")])
    assert found.depth == 2
    assert len(found.stacks[0].boxes) == 11


@pytest.mark.parametrize(
    ("names", "specs", "titles"),
    [
        (["a", "b"], ["x.yaml", "y.yaml"], ["a", "b"]),
        (["a", "a"], ["x.yaml", "y.yaml"], ["x.yaml", "y.yaml"]),
        (["a", "a"], ["x", "x"], ["x (1)", "x (2)"]),
        (["a", "a", "b"], [], ["a (1)", "a (2)", "b"]),
    ],
)
def test_networks_of_one_name_are_told_apart(names, specs, titles):
    reports = [archinspect.inspect("keras_demo")._replace(name=name) for name in names]
    assert own_titles(reports, specs) == titles


def test_the_best_of_a_row_is_marked():
    found = compare([archinspect.inspect(name) for name in ("alexnet", "vgg16")])
    rows = {row[0]: row[1:] for row in total_rows(found)}
    assert rows["Params"] == ["60.97 M*", "138.36 M (2.27x)"]
    assert rows["ILSVRC top-5 error %"] == ["15.3", "7.3*"]
    assert rows["Top-1 accuracy %"] == ["-", "71.592"]
    assert rows["Layers"] == ["16", "25 (1.56x)"]


def test_there_is_no_ratio_to_a_figure_known_in_part():
    part = small({"Custom": {"output": [4]}}, {"Dense": 3}, shape=(8,))
    found = compare([report(part), archinspect.inspect("lenet5")])
    rows = {row[0]: row[1:] for row in total_rows(found)}
    assert rows["Params"] == ["15 + ?", "61,706"]
    assert rows["Layers"] == ["2", "8 (4.00x)"]


# The command


@pytest.mark.parametrize("width", ["40", "80", "300"])
def test_no_figure_and_no_name_is_left_out_at_any_width(run, width):
    found = run("compare", "vgg16", "vgg16", "resnet50", "--memory", COLUMNS=width).stdout
    head = found[: found.index("input 224")]
    totals = [total for name, total in TOTALS.items() if name not in {"active", "stored", "bits"}]
    words = {word for total in totals for word in total.title.split()}
    assert words <= set(head.split())
    figures = ["2014", "71.592", "7.3", "138.36 M", "15.47 G", "57.78 MiB", "527.79 MiB", "107"]
    assert all(re.search(rf"(^|\s){re.escape(figure)}(\s|\*|$)", head) for figure in figures)
    assert "(1)" in head
    assert "(2)" in head


@pytest.mark.parametrize("width", ["60", "80", "120"])
def test_shares_stand_beside_boxes_at_every_width(run, width):
    found = run("compare", "alexnet", "vgg16", "vgg19", COLUMNS=width).stdout
    assert re.findall(r"= dense, 4096 .*?(\d+%)", found).count("12%") == 2
    assert re.search(r"# 11x11 conv, 96, /4 .*?<1%", found)
    assert not re.search(r"\b0%", found)


@pytest.mark.parametrize("width", ["40", "80", "120"])
def test_a_sign_of_the_legend_stands_beside_its_kind(run, width):
    found = run("compare", "resnet18", "mobilenet_v2", "vit_b_16", COLUMNS=width).stdout
    legend = found[found.rindex("> input") :]
    kinds = ["convolution", "composite", "max pooling", "average pooling", "dense", "embedding", "normalization"]
    assert all(f"{LOOKS[kind].sign} {kind}" in legend for kind in kinds)


def test_a_network_has_settings_of_its_own(run):
    def figures(*args):
        lines = run("compare", *args, "--format", "csv", "--columns", "params,macs,peak").stdout.splitlines()
        return [line.split(",")[1:] for line in lines[1:4]]

    own = archinspect.inspect("resnet18", inputs={"": (160, 160, 3)}, params={"classes": 10}, batch=2, memory=True)
    whole = archinspect.inspect("resnet18", memory=True)
    expected = [
        [str(value) for value in pair]
        for pair in (
            (whole.totals.params, own.totals.params),
            (whole.totals.macs, own.totals.macs),
            (whole.memory.peak_bytes, own.memory.peak_bytes),
        )
    ]
    assert figures("resnet18", "resnet18@input=160x160x3@classes=10@batch=2") == expected
    assert figures("resnet18", "resnet18", "--set", "classes=10")[0] == [expected[0][1]] * 2
    half = archinspect.inspect("resnet18", dtype="float16", memory=True)
    assert figures("resnet18", "resnet18@dtype=fp16")[2][1] == str(half.memory.peak_bytes)


@pytest.mark.parametrize("setting", ["input=big", "batch=0", "dtype=float15", "classes", "input"])
def test_settings_that_are_none_are_told(run, setting):
    assert run("compare", "vgg16", f"vgg16@{setting}").exit_code == 2


def test_a_file_may_have_such_a_name(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net@batch=2").write_text("name: At\ninput: [8]\nlayers: [Dense: 2]\n", encoding="utf-8")
    assert "At" in run("compare", "net@batch=2", "lenet5").stdout
    (tmp_path / "a@b").mkdir()
    (tmp_path / "net@batch=2").rename("a@b/net.yaml")
    found = run("compare", "a@b/net.yaml", "a@b/net.yaml@input=4", "--columns", "params", "--format", "csv").stdout
    assert found.splitlines()[1] == "Params,18,10"


def test_networks_are_sorted(run):
    networks = ("compare", "lenet5", "vgg16", "alexnet", "--format", "csv", "--sort")
    for figure, header in [("params", "VGG-16,AlexNet,LeNet-5"), ("ilsvrc_top5_error", "VGG-16,AlexNet,LeNet-5")]:
        assert run(*networks, figure).stdout.splitlines()[0] == f",{header}"


@pytest.mark.parametrize(
    "options",
    ["--columns params --format json", "--depth 1 --format csv"]
    + [f"{option} -o x.svg" for option in ("--columns params", "--exact", "--memory", "--convention thop")],
)
def test_options_without_effect_are_refused(run, options):
    found = run("compare", "lenet5", "alexnet", *options.split())
    assert found.exit_code == 2
    assert "has no effect" in found.stderr


def test_networks_have_their_titles_in_json(run):
    found = json.loads(run("compare", "lenet5", "lenet5@classes=3", "--format", "json").stdout)
    assert [(one["title"], one["name"]) for one in found] == [("lenet5", "LeNet-5"), ("lenet5@classes=3", "LeNet-5")]


def test_a_convention_has_rows_of_its_own(run):
    found = run("compare", "alexnet", "vgg16", "--convention", "fvcore").stdout
    assert re.search(r"^fvcore flops +\d", found, re.MULTILINE)


def test_a_spec_that_extends_has_a_title_of_its_own(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text("extends: vgg16\nparams: {classes: 10}\n", encoding="utf-8")
    assert run("compare", "vgg16", "mine.yaml", "--format", "csv").stdout.startswith(",VGG-16,mine.yaml\n")


@pytest.mark.parametrize("width", ["40", "80", "120", "200"])
@pytest.mark.parametrize("names", ["alexnet vgg16 vgg19", "resnet18 resnet50 vit_b_16 mobilenet_v2 gpt2", "lstm gru"])
def test_nothing_is_wider_than_the_terminal_or_cut_in_a_word(run, width, names):
    lines = run("compare", *names.split(), COLUMNS=width).stdout.splitlines()
    stacks = [line for line in lines if "not drawn" not in line]
    assert max(map(len, stacks)) <= int(width)
    labels = [box.text for name in names.split() for box in stack(archinspect.inspect(name), 2).boxes]
    words = tuple(f" {label[: end.start()]}" for label in labels for end in re.finditer("[ ,]", label))
    assert all(before.endswith(words) for line in stacks for before in line.split("…")[:-1])


def test_wide_titles_are_as_wide_as_their_boxes(run, tmp_path):
    for name in ("网络", "réseau"):
        (tmp_path / f"{name}.yaml").write_text(f"name: {name}\ninput: [8]\nlayers: [Dense: 3]\n", encoding="utf-8")
    lines = run("compare", *map(str, tmp_path.iterdir()), "vgg16", "vgg19", "lenet5", COLUMNS="80").stdout.splitlines()
    (head,) = [place for place, line in enumerate(lines) if "网络" in line and "réseau" in line]
    assert cell_len(lines[head]) == len(lines[head + 1])
    assert "…" not in lines[head]


@pytest.mark.parametrize(
    ("sizes", "ratio"), [((1000, 1), "<0.01x"), ((200, 1), "0.01x"), ((1, 3), "3.00x"), ((1, 9999), "9,999x")]
)
def test_ratios_are_short_and_none_is_zero(run, tmp_path, sizes, ratio):
    for place, size in enumerate(sizes):
        (tmp_path / f"{place}.yaml").write_text(f"input: [1]\nlayers: [Dense: {size}]\n", encoding="utf-8")
    found = run("compare", str(tmp_path / "0.yaml"), str(tmp_path / "1.yaml"), "--columns", "params").stdout
    assert f"({ratio})" in found


# Colors


@pytest.mark.parametrize(("terminal", "signs"), [("xterm", True), ("xterm-256color", False)])
def test_few_colors_leave_the_signs(run, terminal, signs):
    found = run("compare", "lenet5", "alexnet", "--color", "always", TERM=terminal, COLORTERM="").stdout
    assert ("# 5x5 conv" in found) == signs
    assert ("48;5;" in found) != signs


def test_every_kind_has_a_sign_of_its_own():
    signs = [look.sign for look in (*LOOKS.values(), OTHER)]
    assert len(set(signs)) == len(signs)


# The picture


@pytest.mark.parametrize("names", ["alexnet vgg16 vgg19", "gpt2 vit_b_16 resnet50 lstm"])
def test_the_picture_has_no_overlaps(run, names, tmp_path):
    path = tmp_path / "stacks.svg"
    assert run("compare", *names.split(), "-o", str(path)).stdout == ""
    picture = ET.parse(path).getroot()  # noqa: S314 - our own picture
    rects = [
        tuple(float(rect.get(name)) for name in ("x", "y", "width", "height"))
        for rect in picture.iter("{http://www.w3.org/2000/svg}rect")
        if rect.get("class") != "paper"
    ]
    for (x, y, width, height), (left, top, wide, high) in combinations(rects, 2):
        assert x + width <= left or left + wide <= x or y + height <= top or top + high <= y
    _, _, right, bottom = map(float, picture.get("viewBox").split())
    texts = list(picture.iter("{http://www.w3.org/2000/svg}text"))
    for text in texts:
        start = float(text.get("x"))
        room = 7.3 * len(text.text)
        before = {"start": 0, "middle": room / 2, "end": room}[text.get("text-anchor")]
        assert 0 <= start - before <= start - before + room <= right
        assert 0 < float(text.get("y")) <= bottom
    assert {"output"} <= {text.text for text in texts}


def test_the_picture_is_readable_in_both_themes_and_has_facts_in_its_head(run):
    picture = run("compare", "alexnet", "vgg16", "lstm", "--format", "svg").stdout
    papers, pages = (re.findall(rf"\.{name} {{ fill: (#\w+)", picture) for name in ("paper", "page"))
    assert len(papers) == len(pages) == 2
    assert all(contrast(paper, page) >= 4.5 for paper, page in zip(papers, pages, strict=True))
    texts = [text.text for text in ET.fromstring(picture).iter("{http://www.w3.org/2000/svg}text")]  # noqa: S314 - ours
    head = texts[: texts.index("input 227x227x3")]
    assert head == [
        *("AlexNet", "VGG-16", "Long short-term memory", "Year 2012", "Year 2014", "Year 1997"),
        *("ILSVRC top-5 error % 15.3", "ILSVRC top-5 error % 7.3"),
        *("Params 60.97 M", "Params 138.36 M (2.27x)", "Params 1,668 (<0.01x)"),
    ]


def test_all_columns_are_totals(run):
    names = ",".join(TOTALS)
    found = run("compare", "alexnet", "vgg16", "--columns", names, "--format", "csv").stdout.splitlines()
    assert len(found) == len(TOTALS) + 2
    assert run("compare", "alexnet", "vgg16", "--columns", "nothing").exit_code == 2
