"""Text to values: where every value stands, aliases, merge keys, limits."""

from __future__ import annotations

import pytest
import yaml

from archinspect.base.source import List, Map, Scalar, Source, SourceError, decode
from archinspect.base.yaml_core import MAX_DEPTH, read_tree, resolve

TEXT = """\
name: a net   # a comment
list: [1, {b: "two"}, *x]
block:
  - - deep
  - key:
      inner: >-
        folded
        text
empty:
last: 'q'
""".replace(", *x", "")


@pytest.fixture(params=["libyaml", "python"])
def parser(request, monkeypatch):
    """Read by libyaml, and by PyYAML's own parser, which is there where libyaml is not."""
    if request.param == "python":
        monkeypatch.delattr(yaml, "CSafeLoader", raising=False)


def tree(text):
    return read_tree(Source("a.yaml", text))


def scalars(node):
    if isinstance(node, Scalar):
        yield node
    elif isinstance(node, List):
        for item in node.items:
            yield from scalars(item)
    else:
        for key, value in node:
            yield key
            yield from scalars(value)


def test_values_are_plain():
    assert tree(TEXT).plain() == {
        "name": "a net",
        "list": [1, {"b": "two"}],
        "block": [["deep"], {"key": {"inner": "folded text"}}],
        "empty": None,
        "last": "q",
    }


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_every_scalar_is_where_its_span_says(ends):
    source = Source("a.yaml", TEXT.replace("\n", ends))
    count = 0
    for scalar in scalars(read_tree(source)):
        line, column, end_line, end_column = scalar.span[1:5]
        count += 1
        if scalar.text == "folded text":
            assert (line, column) == (6, 14)
            continue
        assert line == end_line
        assert source.line(line)[column - 1 : end_column - 1].strip("'\"") == scalar.text
    assert count == 15


def test_a_flow_collection_spans_its_brackets_and_a_block_one_its_first_key():
    root = tree(TEXT)
    assert root.values["list"].span[1:5] == (2, 7, 2, 22)
    assert root.values["list"].items[1].span[1:5] == (2, 11, 2, 21)
    assert root.values["block"].items[1].span[1:5] == (5, 5, 5, 8)


def test_lines_count_as_the_parser_counts_them():
    source = Source("a", "a\r\nb\rc\x85d\u2028e\n")
    assert [source.line(n) for n in range(8)] == ["", "a", "b", "c", "d", "e", "", ""]


def test_a_byte_order_mark_is_no_text():
    assert decode(b"\xef\xbb\xbfa: 1", "a").text == "a: 1"


def test_an_alias_is_the_anchors_value():
    root = tree("a: &x {b: [1]}\nc: *x\nd: [*x, *x]\n")
    assert root.values["c"] is root.values["a"]
    assert root.plain()["d"] == [{"b": [1]}] * 2


def test_the_last_anchor_of_a_name_counts():
    assert tree("a: &x 1\nb: *x\nc: &x 2\nd: *x\n").plain() == {"a": 1, "b": 1, "c": 2, "d": 2}


def test_merged_keys_are_defaults():
    root = tree("a: &a {x: 1, y: 2}\nb: &b {y: 3, z: 4}\nc: {<<: *a, y: 5}\nd: {y: 6, <<: *a}\ne: {<<: [*a, *b]}\n")
    assert root.plain()["c"] == {"x": 1, "y": 5}
    assert root.plain()["d"] == {"x": 1, "y": 6}
    assert root.plain()["e"] == {"x": 1, "y": 2, "z": 4}


def test_a_mapping_keeps_the_files_order_and_the_keys_places():
    root = tree("b: 1\na: 2\n")
    assert [(key.text, key.span.line) for key, _ in root] == [("b", 1), ("a", 2)]


def test_keys_are_text_whatever_they_look_like():
    assert list(tree("1: a\ntrue: b\n~: c\n").values) == ["1", "true", "~"]


@pytest.mark.parametrize("opening", ["[", "{a: "])
def test_nesting_has_a_limit(opening):
    closing = {"[": "]", "{a: ": "}"}[opening]
    assert isinstance(tree(opening * MAX_DEPTH + "1" + closing * MAX_DEPTH), List | Map)
    with pytest.raises(SourceError, match="values nest deeper than 100 levels"):
        tree(opening * (MAX_DEPTH + 1))


# A parser reads ahead as far as a key may reach, and may have a limit of its own there.
@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(
    ("before", "opening", "column"),
    [
        ("", "[", 101),
        ("a: [1, ", "[", 106),
        ("[" * 50 + "{a: 1, b: ", "[", 110),
        ("", "{a: ", 401),
        ("", "[{a: ", 251),
        ("", "- ", 201),
        ("", "? ", 201),
        ("[[], {}, '[', \"[\\\"[\", it's, ", "[", 128),
    ],
    ids=range(8),
)
def test_nesting_meets_our_limit_before_any_of_the_parser(before, opening, column):
    with pytest.raises(SourceError, match="values nest deeper than 100 levels") as found:
        tree(before + opening * 5_000)
    assert found.value.span[1:3] == (1, column)


def test_a_text_that_ends_has_the_limit_too():
    with pytest.raises(SourceError, match="values nest deeper than 100 levels"):
        tree("[" * 1_001 + "1" + "]" * 1_001)


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(("before", "bracket"), [("'", "["), ('"\\"', "{"), ("a: b\n# ", "["), ("", "[]")])
def test_brackets_that_open_nothing_are_no_nesting(before, bracket):
    with pytest.raises(SourceError, match=r"^not valid YAML"):
        tree(before + bracket * 5_000 + "\nc")


@pytest.mark.usefixtures("parser")
def test_an_empty_value_stands_before_what_follows_it():
    root = tree("{a: , b:   , c: }\n")
    assert [value.span[1:5] for value in root.values.values()] == [(1, 5, 1, 5), (1, 12, 1, 12), (1, 17, 1, 17)]


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize("character", ["\x07", "\x7f", "\x80", "\ud800", "\ufffe"])
def test_a_character_that_yaml_does_not_know_is_found_first(character):
    with pytest.raises(SourceError, match="this control character is not allowed in YAML") as found:
        tree("é: [\n  日本" + character)
    assert found.value.span[1:3] == (2, 5)


def test_a_parser_may_refuse_what_it_likes(monkeypatch):
    class Parser:
        def __init__(self, text):
            del text

        def get_event(self):
            raise yaml.YAMLError("words of its own")

    monkeypatch.setattr(yaml, "CSafeLoader", Parser, raising=False)
    with pytest.raises(SourceError, match=r"^not valid YAML$"):
        tree("a: 1")


@pytest.mark.parametrize("text", ["9" * 18, "-" + "9" * 18, "0" * 50 + "7", "1_000_000_000_000", "0x" + "f" * 14])
def test_integers_of_18_digits_are_read(text):
    assert resolve(text) == int(text.replace("_", ""), 0 if "x" in text else 10)


@pytest.mark.parametrize("text", ["9" * 19, "-" + "9" * 19, "0x" + "f" * 16, "0o" + "7" * 30])
def test_longer_integers_are_refused(text):
    with pytest.raises(ValueError, match=text):
        resolve(text)


@pytest.mark.parametrize(
    "text", ["1e5x", "++1", "1.2.3", "1_0", "_1", "1_", ".", "+", "e5", "0x", "0xg", "- 1", ".inff"]
)
def test_what_looks_like_a_number_may_be_text(text):
    assert resolve(text) == text
