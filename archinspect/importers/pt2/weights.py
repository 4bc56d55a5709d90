"""Whose own a program's weights are: which are one, which belong to an operator, which operators share them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.base.diagnostics import Diagnostic
from archinspect.base.shape import size
from archinspect.ops.axes import pairs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.diagnostics import Problems
    from archinspect.base.source import Span
    from archinspect.importers.pt2.nodes import Chooser, Chosen
    from archinspect.importers.pt2.program import Call, Program


TABLES = ("aten.embedding", "aten.embedding_bag")


def tied(program: Program, origin: Span, problems: Problems) -> dict[str, str]:
    """Return the weights that are another one, by the tensors' names.

    Where the file does not tell, a parameter of two axes or more that nothing reads is taken to be one that is read and
    has its sizes, and with it the vectors beside it: a table of embeddings, or one of a module of the same name.
    That is told to `problems`.
    """
    read = {name for call in program.calls for _, name in call.refs()}
    if program.knows_ties:
        first: dict[object, str] = {}
        same = {}
        for name in sorted(program.stored, key=lambda name: name not in read):
            place = program.stored[name].place
            if place is not None and size(tuple(place[2])) and first.setdefault(place, name) != name:
                same[name] = first[place]
        return same
    same = _guessed(program, read)
    for name, other in same.items():
        message = f"'{program.stored[name].path}' is taken to be '{program.stored[other].path}': nothing reads it"
        problems.add(Diagnostic("guessed", message, origin, "a file with its weights tells which are one"))
    return same


def _guessed(program: Program, read: set[str]) -> dict[str, str]:
    parameters = {name: one for name, one in program.stored.items() if one.kind == "parameter"}
    by_path = {one.path: name for name, one in parameters.items()}
    tables = {name for call in program.calls if call.plain in TABLES for role, name in call.refs() if role == "weight"}
    by_sizes: dict[object, list[str]] = {}
    for name, one in parameters.items():
        if name in read:
            by_sizes.setdefault(one.meta.sizes, []).append(name)
    same: dict[str, str] = {}
    modules: dict[str, str] = {}
    for name, one in parameters.items():
        twins = by_sizes.get(one.meta.sizes, []) if name not in read and len(one.meta.sizes) > 1 else []
        twins = [twin for twin in twins if twin in tables or _is_copy(one.path, parameters[twin].path)]
        if twins:
            twin = max(twins, key=lambda twin: _common_end(one.path, parameters[twin].path))
            same[name] = twin
            modules[one.path.rpartition(".")[0]] = parameters[twin].path.rpartition(".")[0]
    for name, one in parameters.items():
        if name in read or name in same:
            continue
        module, _, own = one.path.rpartition(".")
        # A head that has its bias, and hands it to the layer within: `head.bias` is `head.decoder.bias`.
        within = [other.path for other in parameters.values() if _is_within(other.path, module, own)]
        around = f"{module.rpartition('.')[0]}.{own}".removeprefix(".")
        for path in (f"{modules.get(module, '')}.{own}", *within, around):
            twin = by_path.get(path, "")
            if twin in read and twin not in same and parameters[twin].meta.sizes == one.meta.sizes:
                same[name] = twin
                break
    return same


def _is_copy(one: str, other: str) -> bool:
    """Return whether paths end in the same module's name, or are the same but for numbers, as in a list."""
    mine, theirs = ([name for name in path.split(".") if not name.isdigit()] for path in (one, other))
    return _common_end(one, other) > 1 or mine == theirs


def _is_within(path: str, module: str, own: str) -> bool:
    """Return whether a weight of this name belongs to a module right within another."""
    return path.startswith(f"{module}.") and path.removeprefix(f"{module}.").split(".")[1:] == [own]


def _common_end(one: str, other: str) -> int:
    """Return how many names two paths have in common at their ends."""
    count = 0
    for mine, theirs in zip(reversed(one.split(".")), reversed(other.split(".")), strict=False):
        if mine != theirs:
            break
        count += 1
    return count


def absorbed(calls: Sequence[Call], chooser: Chooser, same: dict[str, str]) -> tuple[list[Chosen], dict[int, int]]:
    """Return what each call becomes, and which use the weights of which earlier one, by their numbers.

    A weight is an operator's own where all that read it are operators with weights, of which the later ones share the
    first one's. Else it is a tensor that calls read.
    """
    found = [chooser.translated(call) for call in calls]
    traced: dict[int, Chosen] = {}
    while True:
        chosen = [
            one or traced.setdefault(i, chooser.traced(call))
            for i, (one, call) in enumerate(zip(found, calls, strict=True))
        ]
        shares, misfits = _shares(chosen, chooser, same)
        if not misfits:
            return chosen, shares
        for index in misfits:
            if found[index] is None:
                traced[index] = chooser.traced(calls[index], shared=True)
            found[index] = None


def _shares(chosen: Sequence[Chosen], chooser: Chooser, same: dict[str, str]) -> tuple[dict[int, int], set[int]]:
    """Return who shares whose weights, and the operators that cannot have weights of their own."""
    loose = {same.get(name, name) for one in chosen for name in one.inputs}
    first: dict[str, int] = {}
    shares: dict[int, int] = {}
    misfits = set()
    for index, one in enumerate(chosen):
        names = [same.get(name, name) for name in one.weights]
        others = {first[name] for name in names if name in first}
        if any(name in loose for name in names):
            misfits.add(index)
        elif others:
            (other,) = others if len(others) == 1 else (None,)
            shared = [name for name in names if name in first]
            if (
                other is None
                or one.trains != chosen[other].trains
                or not _can_share(chosen[other], one, shared, chooser)
            ):
                misfits |= {index, *others}
            else:
                shares[index] = shares.get(other, other)
        for name in names:
            first.setdefault(name, index)
    return shares, misfits


def _can_share(one: Chosen, other: Chosen, shared: Sequence[str], chooser: Chooser) -> bool:
    """Return whether exactly these weights are found to be shared: see :meth:`Facts.own_weights`."""
    theirs = one.op.weights(*[chooser.shape(name, 2) for name in one.inputs])
    ours = other.op.weights(*[chooser.shape(name, 2) for name in other.inputs])
    several = [weight for weight in theirs.values() if len(weight.shape) > 1]
    found = [
        weight
        for name, weight in ours.items()
        if (name in theirs and weight.shape == theirs[name].shape) or any(pairs(weight, each) for each in several)
    ]
    return sum(size(weight.shape) for weight in found) == sum(size(chooser.shape(name, 2)) for name in shared)
