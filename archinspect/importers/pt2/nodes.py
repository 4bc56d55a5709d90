"""What each call of a program becomes: an operator of archinspect's where its rules give what the file says."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from archinspect.base.shape import Mismatch, size
from archinspect.importers.pt2.aliases import overwriting, view_rule
from archinspect.importers.pt2.attention import ATTENTION
from archinspect.importers.pt2.copies import BY_RESULT, STEPS, WITH_INDICES, Always, result, with_copies, with_indices
from archinspect.importers.pt2.families import LENDS, LIKES, family
from archinspect.importers.pt2.kept import copied_within, made_within, read_back
from archinspect.importers.pt2.operators import TRANSLATIONS, Untranslated, Use
from archinspect.importers.pt2.program import Ref
from archinspect.importers.pt2.sizes import linear, symbols_of, value
from archinspect.importers.pt2.traced import Traced
from archinspect.importers.stated import named
from archinspect.ops.declared import ArgumentError
from archinspect.ops.figures import Run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from archinspect.base.shape import Shape
    from archinspect.importers.pt2.operators import Translation
    from archinspect.importers.pt2.program import Call, Meta, Program
    from archinspect.ops.base import Op

TRIED = (2, 3)
"""Batches at which an operator has to give what the file says."""


class Chosen(NamedTuple):
    """What a call becomes: an operator, the tensors that it reads, the weights that are its own."""

    op: Op
    inputs: tuple[str, ...]
    weights: tuple[str, ...] = ()
    trains: bool = True
    """Whether backward finds gradients of its weights."""


class Chooser:
    """Says what calls become; `symbol` is the batch, empty where the program has no open one."""

    def __init__(self, program: Program, dtypes: Mapping[str, str], symbol: str, lender: str, samples: int) -> None:
        self.program = program
        self.dtypes = dtypes
        """What the network calls data types: the one that it computes in is `float`."""
        self.symbol = symbol
        self.lender = lender
        """The input from which the batch follows."""
        self.read = {name for call in program.calls for _, name in call.refs()} | {*program.outputs}
        """The tensors that are read."""
        self.fixed = _fixed(program)
        """The tensors that are the same whatever the program is given."""
        self.symbols = {symbol: samples}
        """The batch that is asked for: with one sample more can be a view."""
        self._shapes: dict[tuple[str, int], Shape] = {}

    def shape(self, name: str, batch: int) -> Shape:
        """Return a tensor's shape, as the file says it."""
        found = self._shapes.get((name, batch))
        if found is None:
            symbols = {self.symbol: batch}
            found = tuple([value(one, symbols) for one in self.program.metas[name].sizes])
            self._shapes[name, batch] = found
        return found

    def dtype(self, name: str) -> str:
        """Return a tensor's data type as the network calls it."""
        return self.dtypes[self.program.metas[name].dtype]

    def translated(self, call: Call) -> Chosen | None:
        """Return archinspect's operator for a call; None where there is none, or it says something else."""
        found = self._proposed(call)
        if found is None or (found.rest and not self._is_left_out(call, found)):
            return None
        with suppress(Mismatch, *_MISFITS):
            op = self._placed(call, found.op.replace(stretches=True, in_place=False))
            if call.plain in STEPS:
                op = op.replace(return_state=not self.read.isdisjoint(call.outputs[1:]))
            weights = _named(call, found.weights)
            trains = self._trains(call, weights)
            chosen = Chosen(op, _named(call, found.inputs), weights, trains != {False})
            agrees = call.plain == ATTENTION or self._agrees(call, chosen)  # else its parts would not have been found
            return chosen if agrees and len(trains) < 2 else None  # noqa: PLR2004 - all, or none
        return None

    def _trains(self, call: Call, weights: Sequence[str]) -> set[bool]:
        """Return whether backward finds gradients of a call's parameters: one answer where they agree."""
        held = [self.program.stored[name] for name in weights]
        return {call.recorded and one.meta.requires_grad for one in held if one.kind == "parameter"}

    def _proposed(self, call: Call) -> Translation | None:
        translate = TRANSLATIONS.get(call.plain)
        if translate is not None:
            with suppress(Untranslated, ArgumentError, Mismatch, *_MISFITS):
                return translate(Use(call, self.program.metas, self.program.stored))
        return None

    def _is_left_out(self, call: Call, found: Translation) -> bool:
        """Return whether an operator can do without what a call reads besides: a mask that is always the same."""
        return not found.weights and self.fixed.issuperset(_named(call, found.rest))

    def _placed(self, call: Call, op: Op) -> Op:
        """Return the operator with its outputs where the program has them."""
        rule = view_rule(call, self.program.metas, self.symbols)
        if rule is overwriting and call.plain in BY_RESULT:
            op = op.replace(kept=result)
        if rule is not None:
            return op.replace(view=rule)
        return with_copies(op, call, self.program.metas, self.symbols)

    def _agrees(self, call: Call, chosen: Chosen) -> bool:
        """Return whether an operator gives the shapes, types and weights that the file has."""
        op, metas = chosen.op, self.program.metas
        for batch in TRIED if self.symbol else TRIED[:1]:
            shapes = [self.shape(name, batch) for name in chosen.inputs]
            made = op.outputs(*shapes)
            if any(one != self.shape(name, batch) for one, name in zip(made, call.outputs, strict=False)):
                return False
            # An operator may give less than the call, such as the states of a recurrence, where nothing reads the rest.
            if len(made) > len(call.outputs) or not self.read.isdisjoint(call.outputs[len(made) :]):
                return False
            weights = op.weights(*shapes).values()
            for learned in (True, False):
                own = sum(size(weight.shape) for weight in weights if weight.parameter is learned)
                theirs = sum(
                    size(self.shape(name, batch))
                    for name in chosen.weights
                    if (self.program.stored[name].kind == "parameter") is learned
                )
                if own != theirs:
                    return False
        dtypes = op.output_dtypes(*map(self.dtype, chosen.inputs))
        return list(dtypes) == [self.dtype(name) for name in call.outputs[: len(dtypes)]] and all(
            metas[name].dtype == metas[chosen.weights[0]].dtype for name in chosen.weights
        )

    def traced(self, call: Call, *, shared: bool = False) -> Chosen:
        """Return a call as it stands in the file; its weights are its own only if no other call reads them."""
        layer = None if shared else self._layer(call)
        own = _named(call, layer.weights) if layer else ()
        refs = [ref for ref in call.refs() if ref[1] not in own]
        names = [name for _, name in refs]
        metas = self.program.metas
        made = tuple([(metas[name].sizes, self.dtype(name)) for name in call.outputs])
        depends = any(symbols_of(one) for sizes, _ in made for one in sizes)
        source = _source([metas[name] for name in names]) if depends else None
        reads = 0 if call.plain in LENDS else 1 if call.plain in LIKES else len(names)
        if depends and source is None:
            names.append(self.lender)  # it lends the batch alone
            source = _source([metas[name] for name in names])
        roles: list[str] = []
        for role, _ in refs:
            roles.append(role if role not in roles else f"{role}.{len(roles)}")
        op = named(Traced, type(layer.op).__name__ if layer else call.plain.removeprefix("aten."))(
            roles=tuple(roles),
            takes=tuple([metas[name].sizes for name in names]),
            gives=made,
            symbol=self.symbol if depends else "",
            source=source or (0, 0),
            family=family(call),
            looks_up=call.plain == "aten.detach",
            keeps=read_back(call, metas),
            within=made_within(call),
            copied=copied_within(call, metas),
            arguments={name: value for name, value in call.arguments.items() if not _has_ref(value)},
            reads=reads,
            owns=layer is not None,
        )
        ruled: Op = self._with_rules(call, op, names)
        if layer and not getattr(ruled, "like", None):  # its rules do not hold, and no others find the weights
            return self.traced(call, shared=True)
        rule = view_rule(call, metas, self.symbols)
        trains = self._trains(call, own) != {False}
        return Chosen(ruled if rule is None else ruled.replace(view=rule), tuple(names), own, trains)

    def _layer(self, call: Call) -> Translation | None:
        """Return the translation of a recurrent layer, if its weights train together."""
        found = self._proposed(call) if call.plain in STEPS else None
        return found if found and len(self._trains(call, _named(call, found.weights))) == 1 else None

    def _with_rules(self, call: Call, op: Op, names: list[str]) -> Op:
        """Return a call with the rules of an operator that only shapes keep from standing for it, or its family's."""
        shapes, output = [self.shape(name, TRIED[0]) for name in names], self.shape(call.outputs[0], TRIED[0])
        found = self._proposed(call)
        if found is not None and (not found.weights or call.plain in STEPS):
            with suppress(Mismatch, *_MISFITS):
                read = _named(call, found.inputs)
                # A call gives all states that a layer has.
                own = found.op.replace(return_state=True) if call.plain in STEPS else found.op
                like = with_copies(own, call, self.program.metas, self.symbols)
                ruled = op.replace(like=like, likes=tuple([names.index(name) for name in read]))
                if call.plain == WITH_INDICES:
                    ruled = ruled.replace(kept=with_indices, workspace=Always(()))
                if call.plain in STEPS and not call.arguments.get("batch_first"):
                    ruled = ruled.replace(steps_first=True)
                run = Run((True,) * len(names))
                ruled.work(shapes, output), ruled.kept(shapes, output, run), ruled.workspace(shapes, output, run)
                return ruled
        with suppress(Mismatch, *_MISFITS):
            op.work(shapes, output)
            return with_copies(op, call, self.program.metas, self.symbols)
        return op.replace(family="")  # arguments are not what the family's rule takes them for


def _fixed(program: Program) -> frozenset[str]:
    """Return the tensors that follow from the program's text and its buffers alone."""
    found = {name for name, one in program.stored.items() if one.kind != "parameter"}
    for call in program.calls:
        if call.plain in LENDS or found.issuperset([name for _, name in call.refs()]):
            found.update(call.outputs)
    return frozenset(found)


_MISFITS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What a translation raises where a call lacks an argument, or has one of another kind."""


def _named(call: Call, arguments: object) -> tuple[str, ...]:
    """Return the tensors of these arguments, lists written out."""
    found: list[str] = []
    for name in arguments:  # type: ignore[attr-defined] # names
        given = call.arguments[name]
        found += [ref.name for ref in (given if isinstance(given, list) else [given])]
    return tuple(found)


def _has_ref(value: object) -> bool:
    return isinstance(value, Ref) or (isinstance(value, list) and any(map(_has_ref, value)))


def _source(metas: list[Meta]) -> tuple[int, int] | None:
    """Return the input and the axis whose size gives the batch, one that is just the batch if there is any."""
    found = None
    for place, meta in enumerate(metas):
        for axis, one in enumerate(meta.sizes):
            how = linear(one) if symbols_of(one) else None
            if how is not None and how.factor == 1 and how.offset == 0:
                return place, axis
            if how is not None and how.factor and found is None:
                found = place, axis
    return found
