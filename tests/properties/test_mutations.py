"""Damaged specs: whatever the text, the checker answers, and points into the file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archinspect.analyses.facts import facts_of
from archinspect.base.diagnostics import Problems
from archinspect.base.settings import Settings
from archinspect.base.source import Source, SourceError, decode
from archinspect.checks import run_checks
from archinspect.checks.table import RULES
from archinspect.language import library
from archinspect.language.load import load
from archinspect.render import diagnostics as render

SPECS = {name: Path(library.find_builtin(name)).read_text(encoding="utf-8") for name in library.builtins()}
ERRORS = Path(__file__).parents[1] / "errors"
# A bomb stays a bomb whatever is changed in it: those take their time, and are tested one by one.
TEXTS = [
    *SPECS.values(),
    *(
        path.read_text(encoding="utf-8")
        for path in sorted(ERRORS.glob("*.yaml"))
        if not path.stem.startswith(("repeat", "alias_bomb", "expression_growing", "paths_nest"))
    ),
]
LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
SCALARS = [
    *("0", "-1", "1", "3", "64", "1e9", "999999999999999999", "1.5", ".nan", ".inf", "true", "null", "''", "~", "no"),
    *("input", "same", "valid", "relu", "Conv2D", "Add", "$classes", "${1/0}", "${index}", "$", "${", "$$", "3x3"),
    *(
        "[]",
        "{}",
        "[[]]",
        "[1, 2]",
        "{a: b}",
        "*a",
        "&a 1",
        "!!str x",
        "|",
        ">",
        "'",
        '"',
        "- x",
        "? x",
        "a: b",
        "日本",
    ),
]
JUNK = [
    *"[]{}:,-#&*!|>'\"%@`$\\\t \n\r~",
    "\0",
    "\x07",
    "\x85",
    "\u2028",
    "\ufeff",
    "é",
    "\U0001f600",
    "---\n",
    "...\n",
    "<<: ",
]
KEYS = [
    "from",
    "repeat",
    "name",
    "when",
    "weights",
    "trainable",
    "type",
    "layers",
    "paths",
    "params",
    "blocks",
    "extends",
]


@st.composite
def damaged(draw):
    """Draw a text and one to four changes of it."""
    text = draw(st.sampled_from(TEXTS))
    for _ in range(draw(st.integers(1, 4))):
        text = draw(st.sampled_from([lines_changed, characters_changed, scalars_changed, keys_changed]))(draw, text)
    return text


def lines_changed(draw, text):
    lines = text.split("\n")
    first, second = (draw(st.integers(0, len(lines) - 1)) for _ in range(2))
    kind = draw(st.sampled_from(["delete", "double", "swap", "indent", "outdent", "cut"]))
    if kind == "delete":
        del lines[first]
    elif kind == "double":
        lines.insert(second, lines[first])
    elif kind == "swap":
        lines[first], lines[second] = lines[second], lines[first]
    elif kind == "indent":
        lines[first] = "  " + lines[first]
    elif kind == "outdent":
        lines[first] = lines[first].removeprefix("  ")
    else:
        del lines[first:]
    return "\n".join(lines)


def characters_changed(draw, text):
    place = draw(st.integers(0, len(text)))
    length = draw(st.integers(0, 3))
    return text[:place] + draw(st.sampled_from([*JUNK, ""])) + text[place + length :]


def words_of(text):
    """Return where the words of a text begin and end."""
    words, start = [], None
    for place, character in enumerate(text + " "):
        inside = character.isalnum() or character in "_.$"
        if inside and start is None:
            start = place
        elif not inside and start is not None:
            words.append((start, place))
            start = None
    return words


def scalars_changed(draw, text):
    words = words_of(text)
    if not words:
        return text + draw(st.sampled_from(SCALARS))
    start, end = draw(st.sampled_from(words))
    return text[:start] + draw(st.sampled_from(SCALARS)) + text[end:]


def keys_changed(draw, text):
    words = words_of(text)
    if not words:
        return draw(st.sampled_from(KEYS)) + ": " + text
    start, end = draw(st.sampled_from(words))
    return text[:start] + draw(st.sampled_from(KEYS)) + text[end:]


def problems_of(text):
    """Check a text as the command does, all but the reading of a file."""
    problems = Problems()
    source = Source("damaged.yaml", text)
    graph = load(source, Settings(), problems)
    facts = None if graph is None else facts_of(graph, Settings(), problems)
    if facts is not None and not problems.failed:
        return source, run_checks(facts, problems.all(), RULES)
    return source, problems.all()


def assert_told_well(source, found):
    lines = LINE_BREAK.split(source.text)
    for diagnostic in found:
        assert diagnostic.message
        for span in (diagnostic.span, *(place for _, place in diagnostic.notes)):
            if span.source is source and span.line:
                assert span.line <= len(lines)
                assert 1 <= span.column <= len(lines[span.line - 1]) + 1
                assert (span.end_line, span.end_column) >= (span.line, span.column)
        shown = render.full(diagnostic).plain
        assert render.concise(diagnostic).plain in shown
        assert all(character.isprintable() or character == "\n" for character in shown)
        assert render.as_dict(diagnostic)["message"] == diagnostic.message
    keys = [(d.code, d.message, id(d.span.source), *d.span[1:3]) for d in found]
    assert len(set(keys)) == len(keys)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(damaged())
def test_a_damaged_spec_is_answered(text):
    assert_told_well(*problems_of(text))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    st.text(max_size=60)
    | st.lists(st.sampled_from([*SCALARS, *JUNK, *KEYS, "input: [8]\n", "layers:\n  - "])).map("".join)
)
def test_any_text_is_answered(text):
    assert_told_well(*problems_of(text))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.binary(max_size=40))
def test_any_bytes_are_text_or_an_error(data):
    problems = Problems()
    try:
        assert_told_well(*problems_of(decode(data, "damaged.yaml").text))
    except SourceError as error:
        problems.source_error(error)
        assert_told_well(error.span.source, problems.all())


@pytest.mark.parametrize("name", SPECS)
def test_a_spec_may_end_anywhere(name):
    """As in an editor, where a spec is checked while it is written."""
    text = SPECS[name]
    for end in range(0, len(text), max(1, len(text) // 25)):
        assert_told_well(*problems_of(text[:end]))
