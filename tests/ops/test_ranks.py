"""Samples of no axis, and of one: every operator takes or refuses them, and none takes the batch for something else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import archinspect
from archinspect import ops
from archinspect.base.shape import Mismatch
from archinspect.graph.builder import GraphBuilder
from archinspect.ops.declared import ArgumentError

TRUTH = Path(__file__).parents[1] / "truth"
KNOWN: dict[str, list] = {}
for framework in ("torch", "keras"):
    for row in json.loads((TRUTH / f"ops_{framework}.json").read_text(encoding="utf-8"))["rows"]:
        KNOWN.setdefault(row["op"], []).append((row["args"], len(row["inputs"])))
ROWS = [
    (op, args, inputs)
    for op in ops.all_ops()
    if op.inputs != (0, 0) and op.batched
    for args, inputs in KNOWN.get(op.__name__, [({}, 1)])[:8]
]


def reports(op, args, inputs, shape):
    """Return what is asked of a layer on inputs of this shape, for a batch of 1 and of 3; None if refused."""
    found = []
    for batch in (1, 3):
        builder = GraphBuilder("ranks")
        given = [builder.input(*shape, name=f"in{at}") for at in range(max(inputs, op.inputs[0], 1))]
        try:
            net = archinspect.network(builder.build(*builder.add_all(op(**args), *given)), batch=batch)
        except (ArgumentError, archinspect.InvalidSpecError, Mismatch):
            return None
        net.explain()
        found.append((net.report(), net.memory(), net.compute(training=True)))
    return found


@pytest.mark.parametrize(("op", "args", "inputs"), ROWS, ids=lambda one: getattr(one, "__name__", None))
@pytest.mark.parametrize("shape", [[], [5]], ids=["no axis", "one axis"])
def test_the_batch_is_nothing_but_the_batch(op, args, inputs, shape):
    found = reports(op, args, inputs, shape)
    if found is None:
        return
    (one, _, computed), (three, _, more) = found
    assert [row.output_shape[0] for row in three.layers] == [3 if row.output_shape[0] == 1 else 0 for row in one.layers]
    assert three.totals.params == one.totals.params
    assert three.totals.macs == 3 * one.totals.macs
    assert three.totals.flops == 3 * one.totals.flops
    assert more.total.macs == 3 * computed.total.macs


@pytest.mark.parametrize("name", ["Dense", "MixtureOfExperts", "LocalResponseNormalization"])
def test_without_features_there_are_none(name):
    op = ops.find_operator(name)
    assert reports(op, KNOWN.get(name, [({}, 1)])[0][0], 1, []) is None
    assert reports(op, KNOWN.get(name, [({}, 1)])[0][0], 1, [5]) is not None
