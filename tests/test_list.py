"""The list of built-in networks, and the stored index that its figures come from."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from archinspect import api
from archinspect.language import library


def entry(name, report):
    """Return what the index has of a network."""
    paths = library.builtins()
    found = re.search(r"^extends: (\S+)", library.read_builtin(paths[name]).text, re.MULTILINE)
    extends = found[1] if found else ""
    return library.BuiltIn(
        name,
        library.family(paths[name]),
        report.name,
        report.source,
        report.metrics,
        report.totals.params,
        report.totals.macs,
        extends,
        library.family(paths[extends]) if extends else "",
    )


def test_the_index_has_the_figures_of_the_specs(stored):
    lines = [json.dumps(entry(name, report)._asdict(), ensure_ascii=False) for name, report in api.builtin_reports()]
    stored(Path(library.folder(), library.INDEX), "[\n" + ",\n".join(lines) + "\n]\n")


def names(result):
    return [line.split()[0] for line in result.stdout.splitlines()[2:] if line.startswith("  ")]


@pytest.mark.parametrize("family", ["zoo", "lessons", "vgg", "transformer"])
def test_a_family_is_a_folder(run, family):
    folder = Path(library.folder(), family)
    there = {path.stem for path in folder.glob("*.yaml")} - {"vgg", "llama", "decoder"}  # templates
    listed = names(run("list", family))
    assert there <= set(listed)
    assert family in ("vgg", "transformer") or there == set(listed)


def test_networks_stand_below_their_families(run):
    lines = run("list").stdout.splitlines()[2:]
    families = [line for line in lines if not line.startswith(" ")]
    assert families == sorted({one.family for one in library.index()})
    assert lines.index("vgg") < next(n for n, line in enumerate(lines) if line.startswith("  vgg16 "))
    assert len(lines) == len(families) + len(library.index())


def test_a_tree_has_what_extends_below_what_it_extends(run):
    lines = [line.partition("  20")[0].rstrip() for line in run("list", "vgg1", "--tree").stdout.splitlines()]
    assert lines[2:] == [
        "detection",
        "└── ssd300_vgg16",
        "vgg",
        "└── vgg",
        "    ├── vgg11",
        "    ├── vgg13",
        "    ├── vgg16",
        "    │   └── vgg16_bn",
        "    └── vgg19",
    ]


def test_a_tree_of_some_shows_where_they_come_from(run):
    """Of what is extended but was not chosen there are no figures; another family's is left out."""
    lines = run("list", "resn", "v1", "--tree").stdout.splitlines()[2:]
    assert [line.rstrip() for line in lines[:2]] == ["resnet", "└── resnet50"]
    assert lines[2].startswith("    └── resnet50_v1")
    assert "resnet50 " not in run("list", "faster", "detection", "--tree").stdout


@pytest.mark.parametrize("width", range(20, 131, 10))
@pytest.mark.parametrize("sort", ["name", "top1", "macs"])
def test_figures_are_whole_at_any_width(run, width, sort):
    lines = run("list", "resnet", "--sort", sort, COLUMNS=str(width)).stdout.splitlines()
    head = lines[0].split()
    rows = [line.split() for line in lines[2:] if "resnet50_v1 " in line + " "]
    assert "resnet50_v1" in [row[0] for row in rows]
    whole = ["resnet50_v1", "2015", "25.56", "M", "3.86", "G"]
    ours = rows[[row[0] for row in rows].index("resnet50_v1")]
    shown = [word for word in ours if word in whole]
    assert shown == [word for word in whole if word in shown]
    assert ("Params" in head) == ("25.56" in shown)
    assert ("MACs" in head) == ("3.86" in shown)


def test_accuracies_have_their_points_below_one_another(run):
    lines = run("list", "vgg", "--sort", "top1").stdout.splitlines()[2:]
    points = {match.start() for line in lines if (match := re.search(r"\.\d{3} ", line))}
    assert len(points) == 1


def test_a_list_needs_no_parser():
    code = "import sys; from archinspect.cli import main\ntry: main(['list'])\nexcept SystemExit: print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"yaml", "numpy", "archinspect.graph.graph"} & set(found.stdout.split())


def test_a_tree_has_one_order_and_form(run):
    for option in (("--sort", "macs"), ("--format", "json")):
        result = run("list", "--tree", *option)
        assert result.exit_code == 2
        assert f"{option[0]} has no effect with --tree" in result.stderr
