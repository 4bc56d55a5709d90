"""Tables that fit on a screen: equal blocks are one row, shares of the total, and no figure is cut at any width."""

from __future__ import annotations

import csv
import io
import json
import random
import re
from typing import Any

import pytest

import archinspect
from archinspect import api
from archinspect.analyses.cost import sum_of_costs
from archinspect.render.columns import columns_of
from archinspect.render.numbers import aligned, bars
from archinspect.render.rows import view

BUILTINS = dict(api.builtin_reports())
BLOCKS = """\
input: [8]
params: {last: 8, tail: 8}
blocks:
  part: {params: {units: 8}, layers: [{Dense: $units}, ReLU]}
  other: [{Dense: 8}, ReLU]
layers:
"""


def report(layers):
    return archinspect.inspect(BLOCKS + layers)


def names(layers, depth=2):
    return [(row.name, row.copies) for row in report(layers).fold(depth, equal=True)]


@pytest.mark.parametrize("name", BUILTINS)
def test_folded_rows_sum_to_the_totals_and_stand_for_equal_ones(name):
    found = BUILTINS[name]
    for depth in range(1, found.depth + 1):
        rows, each = found.fold(depth, equal=True), list(found.fold(depth))
        assert sum_of_costs(row.cost for row in rows) == found.totals
        assert sum(row.layers for row in rows) == len(found.layers)
        known = {*(row.name for row in rows), *found.inputs}
        assert {layer for row in rows for layer in row.inputs} <= known
        for row in rows:
            run = [each.pop(0)]
            while sum(one.layers for one in run) < row.layers:
                run.append(each.pop(0))
            figures = [(one.type, one.cost, one.input_shape, one.output_shape) for one in run]
            part = len(run) // row.copies
            assert figures == figures[:part] * row.copies
            assert (row.input_shape, row.output_shape) == (run[0].input_shape, run[-1].output_shape)
            assert row.name.startswith(run[0].name)
        assert each == []


@pytest.mark.parametrize("name", BUILTINS)
def test_the_default_view_fits_on_a_screen(name):
    found = BUILTINS[name]
    assert len(view(found, "table", depth=None, expand=None, columns=None, sort=None).rows) <= 30


def test_repeated_blocks_are_one_row():
    assert names("  - {part: , repeat: 12, name: body}\n") == [("body.0-11", 12)]


def test_blocks_one_after_another_are_one_row():
    assert names("  - part\n  - part\n  - part\n  - Dense: 8\n", 1) == [("part-part_2", 3), ("dense", 1)]
    assert names("  - {part: , name: s1}\n  - {part: , name: s2}\n  - {part: , name: s3}\n", 1) == [("s1-3", 3)]
    assert names("  - {part: , name: s9}\n  - {part: , name: s10}\n", 1) == [("s9-10", 2)]


@pytest.mark.parametrize(
    "layers",
    [
        "  - {part: , name: s1}\n  - {other: , name: s2}\n",  # of another type
        "  - {part: , name: s1}\n  - {part: {units: 4}, name: s2}\n",  # of other figures
        "  - {part: , name: s1}\n  - {part: , name: s3}\n",  # not numbered on
        "  - {part: , name: s2}\n  - {part: , name: s1}\n",
        "  - {part: , name: s1}\n  - {part: , name: t2}\n",  # of another name
        "  - {part: , name: one}\n  - {part: , name: two}\n",
        "  - {part: , name: s1}\n  - Dense: 8\n  - {part: , name: s2}\n",  # not neighbors
        "  - {Dense: 8, name: s1}\n  - {Dense: 8, name: s2}\n",  # no blocks
    ],
)
def test_what_differs_stays_apart(layers):
    assert {copies for _, copies in names(layers, 1)} == {1}


def test_a_row_says_what_any_of_its_layers_does_not_know(run):
    text = BLOCKS + "  - {name: head, layers: [{Dense: 8}, {Custom: {output: [8]}}]}\n  - {Dense: 8}\n"
    rows = archinspect.inspect(text).fold(1)
    assert [row.unknown for row in rows] == [("params", "macs", "flops"), ()]
    assert "72 + ?" in run("summary", "-", "--depth", "1", stdin=text).stdout


def test_a_row_names_eight_inputs_at_most(run):
    def shown(several):
        text = "input: [8]\nlayers:\n  - Add:\n" + "      - [Dense: 8]\n" * several
        return run("summary", "-", "--expand", "--columns", "layer,inputs", stdin=text).stdout

    assert "dense_6, dense_7\n" in shown(8)
    assert "dense_5, dense_6 and 2 more\n" in shown(9)


def test_blocks_that_take_turns_are_one_row():
    turns = "[{part: }, {other: }]"
    found = report(f"  - {{layers: {turns}, repeat: 3, name: body}}\n").fold(3, equal=True)
    assert [(row.name, row.type, row.copies, row.layers) for row in found] == [
        ("body.0.part-body.2.other", "part + other", 3, 12)
    ]
    four = "  - {part: , name: s1}\n  - {part: {units: 4}, name: s2}\n  - {part: {units: 8}, name: s3}\n"
    found = report(four + "  - {part: {units: 4}, name: s4}\n").fold(1, equal=True)
    assert [row.name for row in found] == ["s1", "s2", "s3", "s4"]  # the first reads 8 features, the third 4


RESIDUAL = """\
input: [8, 8, 4]
layers:
  - {Conv2D: {filters: 4, kernel_size: 3, padding: same}, name: first}
"""


def flat(widths):
    """Return a network without blocks: residual parts, whose inner convolution has these filters."""
    text = RESIDUAL
    before = "first"
    for number, width in enumerate(widths):
        text += f"""\
  - {{Conv2D: {{filters: {width}, kernel_size: 3, padding: same}}, name: a{number}}}
  - {{BatchNormalization: , name: n{number}}}
  - {{ReLU: , name: r{number}}}
  - {{Conv2D: {{filters: 4, kernel_size: 1}}, name: b{number}}}
  - {{Add: , from: [{before}, b{number}], name: m{number}}}
  - {{ReLU: , name: s{number}}}
"""
        before = f"s{number}"
    return archinspect.inspect(text)


def rows_of(found, **options):
    chosen = {"depth": None, "expand": None, "columns": None, "sort": None, **options}
    return view(found, "table", **chosen)


def test_equal_parts_of_a_network_without_blocks_are_one_row():
    shown = rows_of(flat([4] * 6 + [8] * 2))
    assert [(row.name, row.type, row.copies) for row in shown.rows[1:]] == [
        ("a0-s5", "6 layers", 6),
        ("a6-s7", "6 layers", 2),
    ]
    assert "x6: the sum of 6 equal blocks" in shown.level
    assert len(rows_of(flat([4] * 6), expand=True).rows) == 37
    assert len(rows_of(flat([4] * 6), depth=1).rows) == 37


def test_parts_of_one_structure_are_marked():
    found = flat(range(1, 41))
    shown = rows_of(found)
    (row,) = shown.rows[1:]
    assert (row.name, row.copies, row.equal) == ("a0-s39", 40, False)
    assert row.cost.params == sum(one.cost.params for one in found.layers[1:])
    assert row.as_dict()["equal"] is False
    assert "~x40: the sum of 40 blocks of one structure, not equal in size" in shown.level


def test_a_branch_is_one_row_and_what_follows_belongs_to_it():
    few = rows_of(flat(range(1, 7)))
    assert [(row.name, row.type) for row in few.rows[1:3]] == [("a0-m0", "5 layers"), ("s0", "ReLU")]
    assert "folded to 13 rows; --expand shows all 37 layers" in few.level


BACKBONE = """\
  - {{Conv2D: {{filters: {width}, kernel_size: 3, strides: 2, padding: same}}, name: c{n}}}
  - {{BatchNormalization: , name: n{n}}}
  - {{ReLU: , name: s{n}}}
"""
HEAD = """\
  - {{Conv2D: {{filters: 16, kernel_size: 3, padding: same}}, name: box{n}, from: s{n}}}
  - {{Flatten: , name: box{n}_flat}}
  - {{Conv2D: {{filters: 84, kernel_size: 3, padding: same}}, name: class{n}, from: s{n}}}
  - {{Flatten: , name: class{n}_flat}}
"""


def detector(heads):
    """Return a network with heads that are as far from what they read as no other is, all of them read at the end."""
    text = "input: [256, 256, 3]\nlayers:\n"
    text += "".join(BACKBONE.format(n=n, width=8 * n + 8) for n in range(heads))
    text += "".join(HEAD.format(n=n) for n in range(heads))
    for kind in ("box", "class"):
        text += f"  - {{Concatenate: , name: {kind}, from: [{', '.join(f'{kind}{n}_flat' for n in range(heads))}]}}\n"
    return archinspect.inspect(text + "output: [box, class]\n")


def test_chains_are_one_row_where_nothing_else_makes_a_table_short():
    found = detector(8)
    shown = rows_of(found)
    assert [(row.name, row.type, row.copies, row.equal, row.inputs) for row in shown.rows] == [
        ("c0-s7", "3 layers", 8, False, ("input",)),
        ("box0-class7_flat", "Conv2D + Flatten", 16, False, ("c0-s7",)),
        ("box-class", "Concatenate", 2, False, ("box0-class7_flat",)),
    ]
    assert sum_of_costs(row.cost for row in shown.rows) == found.totals


def test_chains_are_no_longer_than_they_need_be():
    several = (
        "Conv2D: {filters: 4, kernel_size: 1}",
        "MaxPooling2D: {pool_size: 1}",
        "DepthwiseConv2D: {kernel_size: 1}",
        "AveragePooling2D: {pool_size: 1}",
        "SeparableConv2D: {filters: 4, kernel_size: 1}",
    )
    layers = random.Random(1).choices(several, k=50)
    found = archinspect.inspect("input: [4, 4, 4]\nlayers:\n" + "".join(f"  - {layer}\n" for layer in layers))
    rows = rows_of(found).rows
    assert 20 <= len(rows) <= 30
    assert max(row.layers for row in rows) <= 6


def test_a_short_network_is_shown_layer_by_layer():
    assert len(rows_of(flat([4] * 4)).rows) == 25


def test_compute_folds_as_summary_does(run):
    text = "input: [8]\nlayers:\n" + "  - Dense: 8\n  - ReLU\n" * 20
    for command in ("summary", "compute"):
        found = run(command, "-", stdin=text).stdout
        assert "dense-re_lu_19 (Dense + ReLU) x20" in found
        assert "folded to 1 row; --expand shows all 40 layers" in found


def test_shared_weights_make_blocks_differ():
    """Their parameters are counted once, so the first block has them alone."""
    layers = "  - {part: , name: s1}\n  - {part: , name: s2, weights: s1}\n  - {part: , name: s3, weights: s1}\n"
    assert names(layers, 1) == [("s1", 1), ("s2-3", 2)]


def test_a_run_is_read_by_its_name():
    found = report("  - {part: , repeat: 3, name: body}\n  - {Add: , from: [body, body]}\n")
    run, add = found.fold(2, equal=True)
    assert run.inputs == ("input",)
    assert add.inputs == ("body.0-2",)
    assert [edge.layer for edge in add.edges] == ["body.0-2"] * 2


def test_in_training_the_first_block_may_do_less(run):
    """Where nothing before it learns, it needs no gradient of its input."""
    net = BLOCKS + "  - {part: , repeat: 3, name: body}\n"
    rows = run("compute", "-", "--train", "--depth", "2", stdin=net).stdout
    assert "body.0 (part)" in rows
    assert "body.1-2 (part) x2" in rows
    assert "body.0-2 (part) x3" in run("compute", "-", "--depth", "2", stdin=net).stdout


def test_programs_get_every_row_unless_asked(run):
    for command in ("summary", "compute"):
        found = json.loads(run(command, "gpt2", "--format", "json", "--depth", "2").stdout)["layers"]
        assert len(found) == 17
        folded = json.loads(run(command, "gpt2", "--format", "json", "--depth", "2", "--fold").stdout)["layers"]
        assert [row["copies"] for row in folded if "copies" in row] == [12]
        assert sum(row["macs"] for row in folded) == sum(row["macs"] for row in found)
        assert len(run(command, "gpt2", "--format", "csv").stdout.splitlines()) == 1 + len(BUILTINS["gpt2"].layers)
        assert len(run(command, "gpt2", "--format", "csv", "--depth", "2", "--fold").stdout.splitlines()) == 1 + 6


@pytest.mark.parametrize("command", ["summary", "compute"])
@pytest.mark.parametrize("form", ["table", "markdown"])
def test_people_get_folded_rows_unless_asked(run, command, form):
    folded, expanded = (run(command, "gpt2", "--format", form, *option).stdout for option in ((), ("--expand",)))
    assert "blocks.0-11 (decoder) x12" in folded
    assert "blocks.0-11" not in expanded
    assert "blocks.7 (decoder)" in expanded


# Shares


@pytest.mark.parametrize("figure", ["params", "macs", "flops", "memory", "kept"])
def test_shares_sum_to_all(figure):
    found = archinspect.inspect("resnet18", memory=True)
    share: Any = columns_of(found)[f"{figure}%"].value
    assert sum(share(row) for row in found.layers) == pytest.approx(100, abs=0.01)
    assert max(share(row) for row in found.fold(1)) < 100


def test_a_tool_s_shares_are_of_its_own_figures(run):
    text = run("summary", "vit_b_16", "--convention", "torchinfo", "--columns", "layer,macs%", "--depth", "all").stdout
    found = archinspect.inspect("vit_b_16", convention="torchinfo")
    patches = next(row for row in found.layers if row.type == "Conv2D")
    share = 100 * patches.counted["macs"] / found.counted["macs"]
    (line,) = [line for line in text.splitlines() if line.startswith(patches.name + " ")]
    assert line.split()[-1] == f"{share:.1f}"


def test_a_share_of_what_is_not_known_is_not_known(run):
    net = "input: [8]\nlayers: [{Dense: 8}, {Custom: {output_shape: [8]}}]\n"
    lines = run("summary", "-", "--columns", "layer,params%,memory%", stdin=net).stdout.splitlines()
    assert [line.split()[-2:] for line in lines[5:7]] == [["?", "50.0"], ["?", "50.0"]]
    rows = csv.DictReader(io.StringIO(run("summary", "-", "--columns", "params%", "--format", "csv", stdin=net).stdout))
    assert [row["params%"] for row in rows] == ["", ""]


def test_a_network_without_a_figure_has_no_share(run):
    net = "input: [8]\nlayers: [Dropout]\n"
    assert "0.0" in run("summary", "-", "--columns", "macs%", stdin=net).stdout
    assert "MACs %" not in run("summary", "-", stdin=net, FORCE_COLOR="1", TERM="xterm", COLUMNS="200").stdout


def test_bars_are_there_where_a_terminal_has_room(run):
    env = {"FORCE_COLOR": "1", "TERM": "xterm-256color"}
    assert "MACs %" in run("summary", "vgg16", **env, COLUMNS="140").stdout
    assert "12.0 ████████" in run("summary", "vgg16", **env, COLUMNS="120").stdout  # names of layers give way
    assert "MACs %" in run("summary", "vgg16", **env, COLUMNS="100").stdout  # in the room of what is left out
    assert "MACs %" not in run("summary", "gpt2", **env, COLUMNS="100").stdout  # nothing is left out for it
    assert "MACs %" not in run("summary", "vgg16", COLUMNS="200").stdout  # a pipe
    assert "MACs %" not in run("summary", "vgg16", **env).stdout  # a pipe with colors
    assert "Params %" in run("summary", "vgg16", "--sort", "params", **env, COLUMNS="140").stdout
    asked = run("summary", "vgg16", "--columns", "layer,params%", **env, COLUMNS="80").stdout
    assert "74.3 ████████" in asked
    assert "MACs" not in asked.partition("Total")[0]
    assert "█" not in run("summary", "vgg16", "--columns", "layer,params%", **env, COLUMNS="42").stdout


def test_a_bar_is_as_long_as_its_number():
    assert bars([8, 4, 1, 0.5, 0]) == ["████████", "████", "█", "▌", ""]
    assert bars([8, 4, 0.4], plain=True) == ["########", "####", ""]
    assert bars([0, 0]) == ["", ""]
    assert bars([8, 4], 4) == ["████", "██"]


def test_compute_has_shares_of_what_sorts_it(run):
    env = {"FORCE_COLOR": "1", "TERM": "xterm-256color", "COLUMNS": "120"}
    assert "MACs %" in run("compute", "lenet5", **env).stdout
    assert "Time %" in run("compute", "lenet5", "--device", "h100", **env).stdout
    assert "Moved %" in run("compute", "lenet5", "--sort", "moved", **env).stdout
    assert "MACs %" in run("compute", "lenet5", "--sort", "intensity", **env).stdout  # no sum
    assert "%" not in run("compute", "lenet5").stdout
    net = "input: [8]\nlayers: [{Dense: 8}, {Custom: {output_shape: [8]}}]\n"
    assert "%" not in run("compute", "-", stdin=net, **env).stdout  # of a total that is not known


# Numbers


def test_units_stand_below_one_another():
    assert aligned(["1.81 G", "25,600", "3.10 k + ?", "?", ""]) == [
        "  1.81 G    ",
        "25,600      ",
        "  3.10 k + ?",
        "     ?      ",
        "            ",
    ]
    assert aligned(["1 B", "20.00 KiB"]) == ["    1 B  ", "20.00 KiB"]
    assert aligned([]) == []


NUMBER = re.compile(r"(?<!\S)[\d,]*\d(?:\.\d+)?(?!\S)")


@pytest.mark.parametrize(
    "command",
    [
        "summary resnet18 --depth 2",
        "summary resnet18 --exact --columns layer,params,macs,flops,memory,macs%",
        "compute resnet18 --train --device h100",
        "compute resnet18 --exact",
        "memory gpt2",
        "memory gpt2 --exact",
        "sweep vgg16 --set classes=10,1000 --batch 1,1000",
        "sweep vgg16 --set classes=10,1000 --batch 1,1000 --exact",
        "list vgg --sort top1",
        "list vgg --exact",
        "compare alexnet vgg16 resnet50 --format table",
    ],
)
def test_no_number_is_cut_at_any_width(run, command):
    whole = set(NUMBER.findall(run(*command.split()).stdout))
    for width in range(24, 140, 5):
        assert set(NUMBER.findall(run(*command.split(), COLUMNS=str(width)).stdout)) <= whole, width


def test_exact_bytes_have_their_unit(run):
    for command in ("summary keras_demo", "compute keras_demo", "memory keras_demo", "compare keras_demo lenet5"):
        assert re.search(r"[\d,]+ B\b", run(*command.split(), "--exact").stdout)


def test_a_line_per_network(run):
    result = run("summary", "--oneline", "resnet50", "lenet5")
    assert result.stdout == (
        "resnet50: 25.56 M params, 4.09 G MACs, 8.22 G FLOPs, 97.69 MiB weights, 143.28 MiB outputs, 174 layers\n"
        "lenet5: 61,706 params, 416.52 k MACs, 852.37 k FLOPs, 241.04 KiB weights, 32.09 KiB outputs, 8 layers\n"
    )


def test_a_line_says_what_is_not_known(run):
    net = "input: [8]\nlayers: [{Dense: 8}, {Custom: {output_shape: [8], params: 3}}]\n"
    line = run("summary", "--oneline", "-", "--exact", stdin=net).stdout
    assert line == "-: 75 params, 64 + ? MACs, 136 + ? FLOPs, 300 B weights, 64 B outputs, 2 layers\n"


def test_of_several_networks_the_wrong_one_is_told(run, tmp_path):
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("layers: []\n", encoding="utf-8")
    result = run("summary", "--oneline", "lenet5", str(wrong), "vgg16")
    assert result.exit_code == 1
    assert [line.split(":")[0] for line in result.stdout.splitlines()] == ["lenet5", "vgg16"]
    assert "wrong.yaml" in result.stderr


@pytest.mark.parametrize("options", ["--depth 1", "--fold", "--sort macs", "--memory", "--format csv", "--methods"])
def test_a_line_has_no_table_s_options(run, options):
    result = run("summary", "--oneline", "lenet5", *options.split())
    assert result.exit_code == 2
    assert "has no effect with --oneline" in result.stderr


def test_several_networks_have_a_line_alone(run):
    result = run("summary", "lenet5", "vgg16")
    assert result.exit_code == 2
    assert "--oneline" in result.stderr


def test_the_description_stands_below_the_title(run):
    lines = run("summary", "mixtral_8x7b", COLUMNS="60").stdout.splitlines()
    assert lines[:5] == [
        "Mixtral 8x7B",
        "Jiang, Sablayrolles, Roux et al. 2024: Mixtral of Experts",
        "(arXiv:2401.04088)",
        "32 blocks of 4096 features, every token sent to 2 of a",
        "block's 8 experts; logits for every position",
    ]
