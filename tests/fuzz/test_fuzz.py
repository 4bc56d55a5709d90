"""A short run of the fuzzer; `nox -s fuzz` makes a long one."""

from __future__ import annotations

import fuzz
import inputs
import pytest
from command_line import Result


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fuzz.prepare()


@pytest.mark.parametrize("start", range(0, 300, 100))
def test_commands_take_whatever_comes(start):
    numbers = range(start, start + 100)
    found = {number: fuzz.complaint(inputs.make(0, number), number) for number in numbers}
    assert {number: complaint for number, complaint in found.items() if complaint} == {}


def test_an_input_follows_from_seed_and_number():
    assert [inputs.make(5, number) for number in range(50)] == [inputs.make(5, number) for number in range(50)]
    assert inputs.make(5, 0) != inputs.make(6, 0)


@pytest.mark.parametrize(
    ("output", "complaint"),
    [
        ("name \x1b[2J", "prints 'name \\x1b[2J'"),
        ("a \u202e b", "prints 'a \\u202e b'"),
        ("fine\n  ::error::no", "prints 'fine\\n  ::error::no'"),
        ("a ##[error]b", "prints 'a ##[error]b'"),
        ("Traceback (most recent call last)", "a traceback"),
    ],
)
def test_what_is_broken_is_noticed(monkeypatch, output, complaint):
    monkeypatch.setattr(fuzz, "run", lambda *_, **__: Result(0, output, "", output))
    assert complaint in fuzz.complaint(b"", 0)


def test_a_command_that_is_late_or_fails_is_noticed(monkeypatch):
    def late(*_, **__):
        while True:
            pass

    monkeypatch.setattr(fuzz, "SECONDS", 0.01)
    monkeypatch.setattr(fuzz, "run", late)
    assert "more than 0.01 s" in fuzz.complaint(b"", 0)
    monkeypatch.setattr(fuzz, "run", lambda *_, **__: {"y": 1}["x"])
    assert "KeyError" in fuzz.complaint(b"", 0)
