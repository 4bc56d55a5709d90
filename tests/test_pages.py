"""The documentation's pages, from the command line."""

import re
from importlib.metadata import metadata
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"


def test_pages_are_listed(run):
    listed = [line.split()[0] for line in run("docs").stdout.splitlines()]
    assert listed == sorted(path.stem for path in DOCS.glob("*.md"))


@pytest.mark.parametrize("topic", ["glossary", "glossary.md"])
def test_a_page_is_its_markdown_in_a_pipe(run, topic):
    assert run("docs", topic).stdout == (DOCS / "glossary.md").read_text(encoding="utf-8")


def test_a_terminal_shows_a_page_without_its_marks(run):
    shown = run("docs", "glossary", "--color", "always").stdout
    assert "Glossary" in shown
    assert "# Glossary" not in shown
    assert max(map(len, shown.splitlines())) < 200


def test_another_page_is_none(run):
    found = run("docs", "../README")
    assert found.exit_code == 2
    assert "no page '../README'" in found.stderr


def test_the_readme_of_a_package_index_names_pages_where_links_would_lead_nowhere():
    """It is made when the package is installed."""
    text = str(metadata("archinspect").json["description"])
    assert re.findall(r"\]\((?!https?:)[^)]*", text) == []
    named = set(re.findall(r"`archinspect docs ([\w-]+)`", text))
    assert {"spec", "check", "formats", "counting"} < named <= {path.stem for path in DOCS.glob("*.md")}
