"""A small sample of random networks; `nox -s random` makes many."""

from __future__ import annotations

from collections import Counter

import pytest
import random_networks
from networks import consistency
from networks.consistency import Complaint, complaints
from networks.coverage import Coverage
from networks.generate import make
from networks.shrink import shrink

import archinspect
from archinspect import Cost, Diagnostic
from archinspect.graph.builder import NOWHERE

SEED = 0
SAMPLE = 300


@pytest.mark.parametrize("start", range(0, SAMPLE, 50))
def test_archinspect_agrees_with_itself(start):
    numbers = range(start, start + 50)
    found = {number: list(complaints(make(SEED, number), number)) for number in numbers}
    assert {number: some for number, some in found.items() if some} == {}


def test_a_network_follows_from_seed_and_number():
    assert [make(5, number) for number in range(30)] == [make(5, number) for number in range(30)]
    assert make(5, 0) != make(6, 0)


def test_a_chain_has_no_branches():
    for number in range(40):
        graph = archinspect.network(make(3, number, chain=True)).graph
        assert len(graph.inputs) == len({tensor.producer for tensor in graph.outputs}) == 1
        # attention, a layer of its own, reads one tensor several times
        assert all(len(set(node.inputs)) == 1 for node in graph.nodes if "." not in node.path)
    assert make(3, 0, chain=True) != make(3, 0)


def test_a_sample_reaches_every_operator():
    coverage = Coverage()
    for number in range(SAMPLE):
        coverage.add(archinspect.network(make(SEED, number)).graph)
    assert [name for name, count in coverage.operators.items() if not count] == []
    reached = [name for name, count in coverage.arguments.items() if count]
    assert len(reached) > 0.8 * len(coverage.arguments)


SPEC = {"input": [4], "layers": ["ReLU", {"Dense": 3}]}
WRONG = {
    "valid": (consistency.archinspect.Network, "check", lambda _: [Diagnostic("shape", "no", NOWHERE)]),
    "totals": (consistency, "sum_of_costs", lambda _: Cost()),
    "explain": (consistency, "costs", lambda facts: dict.fromkeys(facts.graph.nodes, Cost(macs=1))),
    "formulas": (consistency, "_figures", lambda _: Counter()),
    "flat": (consistency, "spec_text", lambda *_, **__: ("", "input: 4\nlayers: [ReLU]")),
    "memory": (consistency, "POLICIES", ["none"]),
    "json": (consistency.json, "loads", lambda _: object()),
    "command": (consistency, "COMMANDS", [("summary", ("--no",))]),
}


@pytest.mark.parametrize("check", WRONG)
def test_what_is_wrong_is_noticed(monkeypatch, check):
    assert list(complaints(SPEC, 0)) == []
    monkeypatch.setattr(*WRONG[check])
    assert check in [one.check for one in complaints(SPEC, 0)]


def test_a_spec_that_is_none_is_noticed():
    (found,) = complaints({"input": [4], "layers": ["Relo"]})
    assert found.message == "unknown-op: unknown operator or block 'Relo'"


def test_numbers_do_not_make_a_kind():
    one, other = (Complaint("totals", f"rows are {n} of {n}x{n}, not {n + 1}") for n in (3, 40))
    assert one.kind == other.kind == "totals: rows are of not"


def has_a_wide_layer(spec):
    try:
        report = archinspect.inspect(spec)
    except archinspect.InvalidSpecError:
        return False
    return any(row.type == "Dense" and row.output_shape[-1] > 2 for row in report.layers)


def test_shrinking_finds_the_smallest_network():
    spec = {
        "name": "large",
        "input": [8, 8, 3],
        "params": {"width": 8},
        "blocks": {"part": {"params": {"n": 3}, "layers": [{"Dense": {"units": "$n", "activation": "relu"}}]}},
        "layers": [
            {"Conv2D": {"filters": "$width", "kernel_size": 3}},
            {"layers": [{"Add": [[{"part": {"n": "$width"}}], []]}, "Softmax"], "repeat": 2, "name": "group"},
            {"Concatenate": None, "from": ["group", -1]},
            "Flatten",
        ],
    }  # fmt: skip
    assert has_a_wide_layer(spec)
    assert shrink(spec, has_a_wide_layer) == {"input": 1, "layers": [{"Dense": {"units": 3}}]}


@pytest.mark.parametrize("number", range(8))
def test_random_networks_shrink_to_few_layers(number):
    name = archinspect.inspect(make(SEED, number)).layers[-1].type

    def has_it(spec):
        try:
            return any(row.type == name for row in archinspect.inspect(spec).layers)
        except archinspect.InvalidSpecError:
            return False

    small = shrink(make(SEED, number), has_it, tries=600)
    assert len(archinspect.inspect(small).layers) <= 5


def test_the_script_says_what_it_found(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["random_networks.py", "--count", "2"])
    assert random_networks.main() == 0
    assert "2 networks in " in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", ["random_networks.py", "--count", "30", "--coverage"])
    assert random_networks.main() == 1
    assert "too few reach" in capsys.readouterr().out


def test_the_script_prints_the_smallest_network_that_is_wrong(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(random_networks, "complaints", _dislikes_dense)
    monkeypatch.setattr(random_networks.multiprocessing, "Pool", _Here)
    monkeypatch.setattr("sys.argv", ["random_networks.py", "--count", "100", "--keep", str(tmp_path)])
    assert random_networks.main() == 1
    assert "  valid: has a Dense layer\n" in capsys.readouterr().out
    (kept,) = tmp_path.iterdir()
    assert [row.type for row in archinspect.inspect(kept).layers] == ["Dense"]


def _dislikes_dense(spec, number, names=()):
    del number, names
    try:
        if any(row.type == "Dense" for row in archinspect.inspect(spec).layers):
            yield Complaint("valid", "has a Dense layer")
    except archinspect.InvalidSpecError:
        return


class _Here:
    """A pool of processes that is this one."""

    def __init__(self, processes, maxtasksperchild):
        del processes, maxtasksperchild

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    imap_unordered = staticmethod(map)
