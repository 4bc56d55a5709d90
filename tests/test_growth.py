"""Growth with the copies of a repeat: as the engine finds for each value, or none where copies are not alike."""

from __future__ import annotations

from functools import partial

import pytest

import archinspect
from archinspect import Plan
from archinspect.analyses.growth import growth
from archinspect.graph.builder import MAX_NODES
from archinspect.reports.memory import evenly_needed, needed

PLANS = [
    *[
        (Plan(policy=policy, attention=attention), False)
        for policy in ("eager", "inline")
        for attention in ("fused", "math")
    ],
    (Plan(policy="ideal", cached=5), False),
    (Plan(optimizer="adam8bit"), True),
    (Plan(optimizer="adafactor", checkpointing=True), True),
]
DEEP = ["deep_residual", "gpt2", "vit_b_16", "t5_small", "transformer_base", "mlp_mixer_b16"]


@pytest.mark.parametrize("name", DEEP)
@pytest.mark.parametrize(("plan", "training"), PLANS)
def test_growth_is_what_the_engine_finds(name, plan, training):
    network = archinspect.network(name, batch=2)
    grown = growth(network._load, network.facts, "depth", partial(evenly_needed, plan=plan, for_training=training))
    for depth in (4, 5, 9, 23):
        other = network.with_settings(params={"depth": depth})
        assert grown.at(depth)[0] == needed(other.facts, plan, for_training=training)
    assert grown.at(3) is None


def even(tmp_path, text, plan=Plan()):  # noqa: B008 - a value that never changes
    """Return the base from which a spec grows evenly with `n`; 0 where it does not."""
    path = tmp_path / "net.yaml"
    path.write_text(text, encoding="utf-8")
    network = archinspect.network(path)
    found = growth(network._load, network.facts, "n", partial(evenly_needed, plan=plan, for_training=False))
    for n in (4, 7, 12, 20, 33):
        needs = needed(network.with_settings(params={"n": n}).facts, plan, for_training=False)
        if found and found.at(n):
            assert found.at(n)[0] == needs
    return found.base if found else 0


HEAD = "params: {n: 3}\ninput: [8]\nlayers:\n"
GROWING = {
    "plain": (4, "- {Dense: 8, repeat: $n}\n"),
    "affine": (4, "- {Dense: 8, repeat: '${2 * n + 1}'}\n- {Dense: 4, repeat: $n}\n- {Dense: 4, repeat: 3}\n"),
    "the first differ": (8, "- {Dense: '${16 if index < 5 else 8}', repeat: $n}\n"),
    "what is read is in the copy before": (4, "- {layers: [Dense: 8, {Add: , from: [-1, -2]}], repeat: $n}\n"),
    "one is read from far": (4, "- {Dense: 8, repeat: $n, name: h}\n- {Add: , from: [h.2, -1]}\n"),
    "less at small ones": (8, "- {Dense: 8, repeat: '${n if n > 6 else 1}'}\n"),
}
ELSE = {
    "width too": "- {Dense: $n, repeat: $n}\n",
    "halves": "- {Dense: 8, repeat: '${n // 2}'}\n",
    "at most ten": "- {Dense: 8, repeat: '${min(n, 10)}'}\n",
    "as wide as its number": "- {Dense: '${index + 1}', repeat: $n}\n",
    "the last differs": "- {Dense: '${64 if index == n - 1 else 8}', repeat: $n}\n",
    "the thirtieth differs": "- {Dense: '${64 if index == 30 else 8}', repeat: $n}\n",
    "every other": "- {Dense: '${64 if index % 2 else 8}', repeat: $n}\n",
    "frozen later": "- {Dense: 8, trainable: '${index < 25}', repeat: $n}\n",
    "copies in copies": "- {layers: [{Dense: 8, repeat: $n}], repeat: $n}\n",
    "names": "- {Dense: 8, name: 'a${index}', repeat: $n}\n",
    "operators": "- {\"${'ReLU' if index < 25 else 'Flatten'}\": , repeat: $n}\n",
    "wider and wider": "- {layers: [{Dense: 8}, {Concatenate: , from: [-1, -2]}], repeat: $n}\n",
    "all that is before": "- Dense: 8\n- {Add: , repeat: $n, from: all}\n",
    "all are added": "- {Dense: 8, repeat: $n, name: h}\n- {Add: , from: ['h.${n - 1}', 'h.${n // 2}']}\n",
    "all copies are added": "- {Dense: 8, repeat: $n, name: h}\n- {Add: , from: ['h.*']}\n",
    "none": "- {Dense: $n}\n",
}


@pytest.mark.parametrize(("base", "layers"), GROWING.values(), ids=GROWING)
def test_copies_that_are_alike_grow_evenly(tmp_path, base, layers):
    assert even(tmp_path, HEAD + layers) == base


@pytest.mark.parametrize("layers", ELSE.values(), ids=ELSE)
def test_copies_that_differ_do_not(tmp_path, layers):
    assert even(tmp_path, HEAD + layers) == 0


def test_copies_that_leave_bytes_alive_do_not(tmp_path):
    """In a single function, a variable that two steps read lives until its name is given to something else."""
    text = HEAD + "- {layers: [ReLU: , {Tanh: , from: -2}], repeat: $n}\n"
    assert even(tmp_path, text) == 4
    assert even(tmp_path, text, Plan(policy="inline")) == 0


@pytest.mark.parametrize("batch", [1, 32])
def test_the_deepest_network_is_that_of_the_batch(batch, tmp_path):
    """Also where it grows unevenly, so that each depth is a network of its own."""
    path = tmp_path / "net.yaml"
    path.write_text(HEAD + "- {Dense: '${8 + index * index}', repeat: $n}\n", encoding="utf-8")
    (found,) = archinspect.fit(path, 100_000, vary=["n"], batch=batch)
    reports = [
        archinspect.memory_report(path, batch=batch, params={"n": n}) for n in (found.largest, found.largest + 1)
    ]
    assert [report.inference.total for report in reports] == [found.needed, found.beyond]
    assert found.needed <= 100_000 < found.beyond


def test_the_deepest_network_is_the_largest_that_is_taken():
    (found,) = archinspect.fit("deep_residual", 24 * 2**30, vary=["depth"])
    nodes = {depth: len(archinspect.network("deep_residual", params={"depth": depth}).graph.nodes) for depth in (9, 10)}
    per_copy = nodes[10] - nodes[9]
    assert found.largest == 10 + (MAX_NODES - nodes[10]) // per_copy
    assert found.beyond is None
