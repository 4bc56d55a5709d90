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


PAIRS = "{Split: {parts: 2}, name: s}, {Concatenate: , from: [s.1, s.0]}"
MANY_WAYS = {
    "functions": "input: [4, 8]\nlayers: [{Add: [[Trunc], []], repeat: 60}]\n",
    "products": "input: [8]\nlayers: [{Add: [[{Dense: 8}], []], repeat: 60}, ReLU]\n",
    "latent": "input: {a: [1, 8]}\nlayers:\n  - {Dense: 8, name: latent, cache: true}\n"
    f"  - {{layers: [{PAIRS}], repeat: 60}}\n  - {{Dense: {{units: 8, use_bias: false}}}}\n"
    f"  - {{layers: [{PAIRS}], repeat: 60}}\n"
    "  - {ScaledDotProductAttention: {num_heads: 2, causal: true}, from: [latent, -1, -1]}\n",
}


@pytest.mark.parametrize(
    ("net", "command", "options"),
    [
        ("functions", "memory", ()),
        ("functions", "memory", ("--weights-dtype", "q4_0")),
        ("products", "memory", ("--lora", "r=2,targets=all-linear")),
        ("products", "explain", ("--convention", "fvcore")),
        ("latent", "summary", ("--cached", "3")),
    ],
)
def test_ways_through_skip_connections_are_not_followed_one_by_one(net, command, options):
    """Of 60 there are 2^60."""
    assert fuzz.judged(MANY_WAYS[net].encode(), command, options) == ""


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
