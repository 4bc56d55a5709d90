"""The page of promises names what there is, and nothing else."""

import re
from pathlib import Path

import pytest

import archinspect
from archinspect.cli import COMMANDS, cli

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "stability.md").read_text(encoding="utf-8")
EVERYWHERE = {"--color", "--output"}


def rows(heading):
    """Return the names in code style of each row of the first table below a heading, cell by cell."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = re.search(r"(?:^\|.*\n)+", section, re.MULTILINE)[0].splitlines()[2:]
    return [[re.findall(r"`([^`]+)`", cell) for cell in line.strip("|").split(" | ")] for line in lines]


def test_names_of_the_package():
    named = [name for first, *_ in rows("Python") for name in first]
    assert sorted(named) == sorted(archinspect.__all__)
    assert all(getattr(archinspect, name).__doc__ for name in named)


def test_commands():
    assert [name for (name,), _ in rows("Commands")] == list(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_options_of_a_command(command):
    (named,) = [options for (name,), options in rows("Commands") if name == command]
    there = cli.get_command(None, command).params
    found = [max(p.opts, key=len) if p.param_type_name == "option" else p.name.upper() for p in there]
    assert named == [name for name in found if name in named or name not in EVERYWHERE]
    assert set(found) >= EVERYWHERE
