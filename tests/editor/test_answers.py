"""What an editor is told of a spec that is being written."""

from __future__ import annotations

import pytest

from archinspect.editor import answers
from archinspect.editor.completion import completions
from archinspect.editor.document import Document

SPEC = """\
name: small
input: [32, 32, 3]
params: {width: 8}
blocks:
  stage:
    params: {filters: }
    layers:
      - Conv2D: {filters: $filters, kernel_size: 3, padding: same, name: conv}
      - ReLU
layers:
  - stage: {filters: $width}
    name: first
  - stage: {filters: 16}
    repeat: 2
  - Conv2D:
      filters: 4
      kernel_size: 1
      name: last
  - GlobalAveragePooling2D
  - Dense: 10
    from: last
"""
LINES = SPEC.splitlines()


def document(text=SPEC):
    return Document(text)


def place(text, within=SPEC) -> tuple[int, int]:
    """Return the line and the column of the first letters that are these."""
    before = within[: within.index(text)]
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def test_hints_show_what_steps_give():
    assert [(hint.line, hint.text) for hint in answers.hints(document())] == [
        (2, "32x32x3"),
        (8, "32x32x8, 32x32x16"),
        (9, "32x32x8, 32x32x16"),
        (11, "32x32x8"),
        (13, "32x32x16"),
        (15, "32x32x4"),
        (19, "4"),
        (20, "32x32x10"),
    ]


def test_hints_of_lines():
    assert [hint.line for hint in answers.hints(document(), 9, 11)] == [9, 11]


def test_one_layer_that_does_not_fit_leaves_the_others():
    text = SPEC.replace("kernel_size: 1", "kernel_size: 99")
    assert [hint.line for hint in answers.hints(document(text))] == [2, 8, 9, 11, 13]
    assert [one.code for one in document(text).diagnostics] == ["shape"]


def test_hover_on_a_layer_has_its_figures_and_formulas():
    text = answers.hover(document(), *place("Conv2D:\n"))
    assert text.startswith("**last** Conv2D")
    assert "68 parameters" in text
    assert "MACs = `kernel_height * kernel_width * in_channels * out_height * out_width * filters`" in text


def test_hover_on_a_block_sums():
    assert "(4 operators)" in answers.hover(document(), *place("stage: {filters: 16}"))


@pytest.mark.parametrize("word", ["padding: same", "kernel_size: 1"])
def test_hover_on_an_argument(word):
    assert answers.hover(document(), *place(word)).startswith(f"**{word.partition(':')[0]}**: ")


def test_definitions():
    found = answers.definition(document(), *place("stage: {filters: 16}"))
    assert (found.line, found.column) == place("stage:")
    found = answers.definition(document(), 21, place("from: last")[1] + 7)
    assert (found.line, found.text()) == (18, "last")


def test_definition_of_what_is_extended(tmp_path):
    (tmp_path / "base.yaml").write_text(SPEC, encoding="utf-8")
    inner = Document("extends: base.yaml\n", str(tmp_path / "net.yaml"))
    assert answers.definition(inner, 1, 12).source.path == str(tmp_path / "base.yaml")


def test_rename_writes_every_place():
    found = answers.renamed(document(), *place("last\n"), "end")
    assert [(one.span.line, one.text) for one in found] == [(18, "end"), (21, "end")]
    assert [one.span.line for one in answers.renamed(document(), *place("stage:"), "level")] == [5, 11, 13]


def test_symbols():
    found = {one.name: [child.name for child in one.children] for one in answers.symbols(document())}
    assert found["blocks"] == ["stage"]
    assert found["layers"] == ["first", "last"]


def test_fixes():
    wrong = document(SPEC.replace("filters: 4", "filtrs: 4"))
    ((title, fix),) = answers.fixes(wrong, 1, 99)
    assert (title, fix.text) == ("did you mean 'filters'?", "filters")


@pytest.mark.parametrize(
    ("written", "offered"),
    [
        ("  - ", {"Conv2D", "stage", "layers"}),
        ("  - Conv", {"Conv2D"}),
        ("  - Conv2D: {", {"filters", "kernel_size", "name", "from"}),
        ("  - Conv2D: {padding: ", {"same", "valid"}),
        ("  - Conv2D:\n      ", {"filters"}),
        ("  - Conv2D:\n      activation: ", {"relu"}),
        ("  - Add\n    from: ", {"conv", "last", "input"}),
        ("  - Add\n    from: [last, ", {"conv"}),
        ("lay", {"layers", "layout"}),
        ("layout: ", {"channels_last", "channels_first"}),
        ("extends: ", {"resnet50"}),
    ],
)
def test_what_is_offered(written, offered):
    text = SPEC + written
    lines = text.split("\n")
    found = {item.text for item in completions(document(text), len(lines), len(lines[-1]) + 1)}
    assert offered <= found


def test_what_is_offered_says_what_it_means():
    text = SPEC + "  - Conv2D: {"
    found = {item.text: item.doc for item in completions(document(text), 22, len("  - Conv2D: {") + 1)}
    assert found["strides"].startswith("step of the window")


@pytest.mark.parametrize("end", range(0, len(SPEC), 7))
def test_a_text_that_is_cut_anywhere_is_answered(end):
    cut = document(SPEC[:end])
    line = SPEC[:end].count("\n") + 1
    answers.hints(cut)
    answers.symbols(cut)
    for column in (1, len(cut.source.line(line)) + 1):
        answers.hover(cut, line, column)
        answers.definition(cut, line, column)
        completions(cut, line, column)


def test_of_another_tool_nothing_is_said():
    found = Document("services:\n  web: {image: nginx}\n")
    assert found.diagnostics == []
    assert answers.hints(found) == []


def test_a_template_has_names():
    found = Document("params: {width: }\ninput: [8]\nlayers:\n  - Dense: $width\n")
    assert found.diagnostics == []
    assert [name.text for name in found.names()] == ["width"]
