"""Attention by `torch.nn.MultiheadAttention`: the calls of such a module, which are one layer of archinspect's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.importers.pt2.program import Call, Ref

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from archinspect.importers.pt2.program import Program
    from archinspect.importers.pt2.sizes import Size

ATTENTION = "archinspect.multihead_attention"
"""The call that stands for a module's own; its arguments are those of the module, and its weights by their names."""
ROLES = ("query", "key", "value")
_KIND = "MultiheadAttention"
_WEIGHTS = {
    frozenset((*weights, "out_proj.weight", *biases))
    for weights in (("in_proj_weight",), ("q_proj_weight", "k_proj_weight", "v_proj_weight"))
    for biases in ((), ("in_proj_bias", "out_proj.bias"))
}
_BY_HEADS = 4
"""Axes of queries: samples, heads, steps, features."""


def with_attention(program: Program) -> Program:
    """Return the program with one call for each module that takes samples first, no mask, and tells no scores."""
    runs = _runs(program.calls)
    if not runs:
        return program
    readers: dict[str, set[int]] = {name: {len(program.calls)} for name in program.outputs}
    for at, call in enumerate(program.calls):
        for _, name in call.refs():
            readers.setdefault(name, set()).add(at)
    calls: list[Call] = []
    end = 0
    for run in runs:
        one = _as_one(program, run, readers)
        calls += [*program.calls[end : run.start], *([one] if one else program.calls[run.start : run.stop])]
        end = run.stop
    return program._replace(calls=(*calls, *program.calls[end:]))


def _runs(calls: Sequence[Call]) -> list[range]:
    """Return the numbers of the calls of each module of this kind."""
    found: list[range] = []
    for at, call in enumerate(calls):
        if call.modules and call.modules[-1].kind == _KIND:
            goes_on = found and found[-1].stop == at and calls[at - 1].modules == call.modules
            found[-1:] = [range(found[-1].start, at + 1)] if goes_on else [*found[-1:], range(at, at + 1)]
    return found


def _as_one(program: Program, run: range, readers: Mapping[str, set[int]]) -> Call | None:
    """Return the call that stands for a module's calls; None where they may be anything else."""
    calls = program.calls[run.start : run.stop]
    first, last, inside = calls[0], calls[-1], {*run}
    made = {name for call in calls for name in call.outputs}
    stored = {name for call in calls for _, name in call.refs() if name in program.stored}
    weights = {program.stored[name].path.removeprefix(f"{first.modules[-1].path}."): Ref(name) for name in stored}
    given = _given(calls, made | stored)
    if (
        frozenset(weights) not in _WEIGHTS
        or any(not readers[name] <= inside for name in stored)
        or any(not readers.get(name, inside) <= inside for name in made - {*last.outputs})
        or any(call.recorded != first.recorded for call in calls)
        or not given
        or not _swaps(last)
    ):
        return None
    query, key = (program.metas[one.name].sizes for one in (given[0], given[len(given) > 1]))
    found = _scores(program, calls)
    if found is None or found[1] != key[1] or program.metas[last.outputs[0]].sizes != query:  # as with further steps
        return None
    heads, _, are_told = found
    arguments = {**dict(zip(ROLES, given, strict=False)), **weights, "num_heads": heads, "need_weights": are_told}
    return Call(ATTENTION, arguments, last.outputs, first.modules, first.trace, first.recorded)


def _scores(program: Program, calls: Sequence[Call]) -> tuple[Size, Size, bool] | None:
    """Return the heads of the scores, their keys, and whether the module tells their mean; None where it has a mask."""
    by_name: dict[str, list[Call]] = {}
    for call in calls:
        by_name.setdefault(call.plain, []).append(call)
    if products := by_name.get("aten.scaled_dot_product_attention"):
        (arguments, *others) = [call.arguments for call in products]
        queries, keys = (program.metas[arguments[role].name].sizes for role in ("query", "key"))
        is_plain = not others and not arguments.keys() & {"attn_mask", "is_causal"} and len(queries) == _BY_HEADS
        return (queries[1], keys[-2], False) if is_plain else None
    softmax, means = (by_name.get(f"aten.{name}", []) for name in ("softmax", "mean"))
    by_heads = [call for call in by_name.get("aten.view", ()) if softmax and softmax[0].outputs == _first(call)]
    if len(softmax) != 1 or len(means) != 1 or len(by_heads) != 1 or by_heads[0].outputs != _first(means[0]):
        return None
    sizes = program.metas[by_heads[0].outputs[0]].sizes
    return (sizes[1], sizes[3], True) if len(sizes) == _BY_HEADS else None


def _first(call: Call) -> tuple[str, ...]:
    """Return the first tensor that a call reads."""
    return tuple([name for _, name in call.refs()][:1])


def _given(calls: Sequence[Call], own: set[str]) -> list[Ref]:
    """Return what a module reads from outside, if all that it does with it is to put the steps first."""
    found = []
    for call in calls:
        outside = [name for _, name in call.refs() if name not in own]
        if outside and not _swaps(call):
            return []
        found += [Ref(name) for name in outside]
    return found if len(found) <= len(ROLES) else []


def _swaps(call: Call) -> bool:
    return call.plain == "aten.transpose" and {call.arguments.get("dim0"), call.arguments.get("dim1")} == {0, 1}
