"""Every error and warning: a smallest spec beside the exact output of `archinspect check`.

`tests/errors/NAME.yaml` holds the spec, `NAME.out` the exit code and what is printed; `pytest --update`
writes the latter. Specs that no text file should hold are made here.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from command_line import UNSET, message

import archinspect

ERRORS = Path(__file__).parent / "errors"
FILES = sorted(path.stem for path in ERRORS.glob("*.yaml"))
CONV = "input: [8, 8, 3]\nlayers:\n  - Conv2D: {filters: 4, kernel_size: 9}\n"
MADE = {
    "binary": b"\x89HDF\r\n\x1a\n\0\0\0\0",
    "bom": b"\xef\xbb\xbf" + CONV.encode(),
    "carriage_returns_alone": CONV.replace("\n", "\r").encode(),
    "control_character": b"input: [8]\nlayers:\n  - Re\x07LU\n",
    "control_character_behind_others": "name: Réseau 日本\ninput: [8]\nlayers:\n  - Ré\x07LU\n  - [\n".encode(),
    "crlf": CONV.replace("\n", "\r\n").encode(),
    "digits": b"input: [8]\nlayers:\n  - Dense: " + b"9" * 100_000 + b"\n",
    "digits_of_a_fraction": b"input: [8]\nlayers:\n  - Dropout: 0." + b"3" * 100_000 + b"\n",
    "empty": b"",
    "file_too_large": b"#" * (16 * 2**20 + 1),
    "lists_through_blocks": (
        f"params: {{a: [{'1, ' * 90_000}]}}\ninput: [8]\nblocks:\n  b: {{params: {{x: }}, layers: [ReLU]}}\n"
        "layers:\n  - {b: $a, repeat: 50000}\n"
    ).encode(),
    "parameters_through_blocks": (
        f"input: [8]\nblocks:\n  b:\n    params: {{{', '.join(f'p{i}: 1' for i in range(9_000))}}}\n"
        "    layers: [ReLU]\nlayers:\n  - {b: , repeat: 9000}\n"
    ).encode(),
    "title_too_long": f"name: {'x' * 1_000_000}\ninput: [8]\nlayers: [ReLU]\n".encode(),
    "latin_1": "name: R\xe9seau\n".encode("latin-1"),
    "latin_1_behind_text": "input: [8]\nname: \xfc\n".encode() + b"source: M\xfcller\n",
    "name_bomb": b"input: [8]\nlayers:\n  - {ReLU: , repeat: 100000, name: " + b"n" * 1_000_000 + b"}\n",
    "nested_brackets": b"layers: " + b"[" * 100_000,
    "nested_lines": b"\n".join(b"  " * level + b"layers:" for level in range(2_000)),
    "nested_maps": b"{a: " * 100_000,
    "next_line_characters": "input: [8]\x85layers:\u2028  - Relu6\u2029  - Rlu7\n".encode(),
    "utf_16": CONV.encode("utf-16"),
    "utf_32": CONV.encode("utf-32"),
    "whitespace": b"  \n\n   \n",
}
# What could take unbounded time or memory without a limit runs in a process that has limits.
BOMBS = [
    *("alias_bomb", "digits", "digits_of_a_fraction", "expression_deep_indices", "expression_deep_parentheses"),
    *("expression_deep_powers", "expression_growing_list", "expression_growing_text", "expression_huge_power"),
    *("expression_long_chain", "expression_nested_lists", "file_too_large", "name_bomb", "nested_as_deep_as_can_be"),
    *("nested_brackets", "nested_lines", "nested_maps", "paths_nest_too_deep"),
    *("repeat_in_blocks", "repeat_nested", "repeat_nested_empty", "repeat_nested_named", "repeat_nested_of_nothing"),
    *("repeat_of_errors", "repeat_too_often", "shape_too_large"),
    *("lists_through_blocks", "parameters_through_blocks", "repeat_of_wrong_arguments", "title_too_long"),
    *("values_beside_the_input", "values_of_a_huge_input", "values_of_a_huge_window"),
]
MEMORY = 2 * 2**30
SECONDS = 60


def check(run, name):
    """Return the exit code and what is printed; of wrong usage, our message alone."""
    if name not in BOMBS:
        result = run("check", f"{name}.yaml")
        return result.exit_code, message(result.stderr) if result.exit_code == 2 else result.output
    result = subprocess.run(
        [sys.executable, "-m", "archinspect", "check", f"{name}.yaml"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=SECONDS,
        check=False,
        env={name: os.environ[name] for name in {*os.environ} - {*UNSET}} | {"PYTHONIOENCODING": "utf-8"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY)),
    )
    return result.returncode, result.stdout


def place(name, folder):
    """Return where `name` lies: beside this file, or made in `folder`."""
    if name in FILES:
        return ERRORS
    if name == "directory":
        (folder / "directory.yaml").mkdir()
    elif name in MADE:
        (folder / f"{name}.yaml").write_bytes(MADE[name])
    return folder


@pytest.mark.parametrize("name", [*FILES, *MADE, "directory", "resnet50_missing"])
def test_output_is_the_stored_one(name, run, stored, tmp_path, monkeypatch):
    monkeypatch.chdir(place(name, tmp_path))
    exit_code, output = check(run, name)
    assert "Traceback" not in output
    stored(ERRORS / f"{name}.out", f"exit {exit_code}\n{output}")


def fixed(text, fix):
    """Return the text with what the fix says in its place."""
    lines = text.splitlines(keepends=True)
    line = lines[fix.span.line - 1]
    lines[fix.span.line - 1] = line[: fix.span.column - 1] + fix.text + line[fix.span.end_column - 1 :]
    return "".join(lines)


FIXED = {"fixable": 6, "nested_argument_of_activation": 1, "nested_argument_of_layer": 4}
"""How many fixes some of the specs have: none for a name that is given beside it, or stands in a longer expression."""


@pytest.mark.parametrize("name", [name for name in FILES if name not in BOMBS])
def test_a_fix_mends_what_it_is_for(name, tmp_path):
    text = (ERRORS / f"{name}.yaml").read_text(encoding="utf-8")
    found = archinspect.check(ERRORS / f"{name}.yaml").diagnostics
    fixes = [(problem, problem.fix) for problem in found if problem.fix]
    assert len(fixes) == FIXED.get(name, len(fixes))
    for problem, fix in fixes:
        file = tmp_path / f"{name}.yaml"
        file.write_text(fixed(text, fix), encoding="utf-8")
        left = [(other.message, other.span[1:]) for other in archinspect.check(file).diagnostics]
        assert (problem.message, problem.span[1:]) not in left


@pytest.mark.parametrize("name", [name for name in [*FILES, *MADE] if name not in BOMBS or name.startswith("nested")])
def test_another_parser_says_the_same(name, run, tmp_path, monkeypatch):
    """PyYAML's own parser is there where libyaml is not, stops elsewhere and knows no limits."""
    monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    monkeypatch.chdir(place(name, tmp_path))
    result = run("check", f"{name}.yaml")
    assert f"exit {result.exit_code}\n{result.output}" == (ERRORS / f"{name}.out").read_text(encoding="utf-8")


def test_every_stored_output_belongs_to_a_test():
    assert {path.stem for path in ERRORS.glob("*.out")} == {*FILES, *MADE, "directory", "resnet50_missing"}
    assert not {*FILES} & {*MADE}
    assert {*BOMBS} <= {*FILES, *MADE}
