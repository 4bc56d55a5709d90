"""Copies of steps beside each other: whether they are alike, and the values that may differ from one to another."""

from __future__ import annotations

import re
from copy import deepcopy
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from archinspect import ops
from archinspect.exporters.parameters import ABSENT
from archinspect.exporters.spec.spelling import default
from archinspect.exporters.spec.steps import PREVIOUS, Expr, Ref

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from archinspect.exporters.spec.steps import Step

SIZES = 2
"""In so many sizes shapes may differ for these to be parameters, and not the shapes."""
PROJECTION = "projection"
"""What people call the steps beside a block's own, where most blocks pass their input on."""
_NUMBERS = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?:e[+-]?\d+)?(?![\w.])")
RESIDUAL = "residual"
"""What people call it that a block's input is added to what it makes."""
FIXED = (Ref("all"), Ref("input"))
"""References that mean the same in every copy."""


class Slot:
    """A place in steps that are alike: what stands there in each copy."""

    def __init__(
        self, role: str, values: list[Any], put: Callable[[Any], None], *, looped: bool, holes: int | None = None
    ) -> None:
        self.role = role
        self.values = values
        self.put = put
        """Writes a value, or what stands for it, into the first copy."""
        self.holes = holes
        """Where it says whether a step is there, how many slots before it are the step's."""
        self.looped = looped
        """Whether it is within a repeat, which has an index of its own."""


def shape_of(step: Step, *, named: bool = True) -> Any:  # noqa: ANN401 - anything that compares
    """Return what makes two steps alike: all but values."""
    source = tuple(map(_mask, step.source)) if isinstance(step.source, list) else _mask(step.source)
    fixed = tuple(sorted((name, template(value)) for name, value in step.args.items() if _is_fixed(value)))
    return (
        step.op,
        step.name if named and step.is_named else "",
        source,
        repr(step.repeat) if isinstance(step.repeat, Expr) else step.repeat is None,
        (repr(step.when), step.weights is None, step.frozen, step.cached, step.is_module),
        fixed,
        None if step.paths is None else tuple(tuple(map(shape_of, path)) for path in step.paths),
        None if step.body is None else tuple(map(shape_of, step.body)),
    )


def without_inside(shape: Any) -> Any:  # noqa: ANN401 - as above
    """Return the same without what is inside of the step: how many lists that are."""
    *own, paths, body = shape
    return (*own, paths is None or len(paths), body is None)


def _is_fixed(value: Any) -> bool:  # noqa: ANN401 - of any argument
    """Return whether a value cannot be another one in a copy: an operator, or what is an expression already."""
    return isinstance(value, dict | Expr) or (isinstance(value, list) and any(map(_is_fixed, value)))


def template(value: Any) -> str:  # noqa: ANN401 - as above
    """Return a fixed value as text; numbers of an operator, or of one by the index, may be others in a copy."""
    if isinstance(value, dict):
        return repr({key: "#" if _is_number(item) else template(item) for key, item in value.items()})
    return _NUMBERS.sub("#", value.text) if _has_numbers(value) else repr(value)


def _is_number(value: Any) -> bool:  # noqa: ANN401 - as above
    return isinstance(value, int | float) and not isinstance(value, bool)


def _has_numbers(value: Any) -> bool:  # noqa: ANN401 - as above
    return isinstance(value, Expr) and "index" in value.text and not {*"['"} & {*value.text}


def _mask(source: Any) -> Any:  # noqa: ANN401 - as above
    return source if source is None or source == PREVIOUS or source in FIXED else "*"


class Slots:
    """Yields the slots of copies; `params` are the parameters of each block with their defaults."""

    def __init__(self, layout: str, params: Mapping[str, Mapping[str, Any]]) -> None:
        self.layout = layout
        self.params = params

    def of(
        self, copies: Sequence[Step | None], *, looped: bool = False, part: str = "", lacking: Sequence[bool] = ()
    ) -> Iterator[Slot]:
        """Yield every value of steps that are alike; the first is there in any case, others may lack it.

        `part` is what the steps are a part of that all or none of them belong to; `lacking` says which copies lack the
        step around them, and so these, too.
        """
        first = copies[0]
        assert first is not None
        inside = looped or first.repeat is not None
        count = 0
        for slot in self._all(first, copies, looped=looped, inside=inside):
            count += 1
            yield slot
        if None in copies and [copy is None for copy in copies] != lacking:
            there = [copy is not None for copy in copies]
            if isinstance(first.source, list) and first.source.count(Ref("input")) == 1:
                part = RESIDUAL
            is_nameless = not first.is_named or not str(first.name).isidentifier()
            role = part if is_nameless or part == RESIDUAL else str(first.name)
            yield Slot(role or str(first.name), there, _Set(first, "when"), looped=looped, holes=count)

    def _all(self, first: Step, copies: Sequence[Step | None], *, looped: bool, inside: bool) -> Iterator[Slot]:
        if len({copy.op for copy in copies if copy is not None}) > 1:
            yield Slot("activation", _each(copies, lambda copy: copy.op), _Set(first, "op"), looped=inside)
        else:
            yield from self._arguments(first, copies, looped=inside)
        yield from self._sources(first, copies, looped=looped)
        for key, role in (("weights", "tied"), ("repeat", "depth")):
            if getattr(first, key) is not None and not _is_fixed(getattr(first, key)):
                yield Slot(role, _each(copies, attrgetter(key)), _Set(first, key), looped=looped)
        lists = [[None] * _inner(first) if copy is None else copy.inside_lists() for copy in copies]
        optional = _optional_paths(first, copies)
        lacking = [copy is None for copy in copies]
        for number, steps in enumerate(zip(*lists, strict=True)):
            part = PROJECTION if number in optional else ""
            yield from self.of(steps, looped=inside, part=part, lacking=lacking)

    def _arguments(self, first: Step, copies: Sequence[Step | None], *, looped: bool) -> Iterator[Slot]:
        order = self._order([copy for copy in copies if copy is not None])
        for name in order:
            if isinstance(first.args.get(name), dict):
                values = [ABSENT if copy is None else copy.args[name] for copy in copies]
                own = first.args[name] = deepcopy(first.args[name])
                yield from self._within(own, values, looped=looped)
            elif _has_numbers(first.args.get(name)):
                yield from self._numbers(first, name, copies, looped=looped)
            elif not _is_fixed(first.args.get(name)):
                usual = self._usual(first.op, name)
                values = [ABSENT if copy is None else copy.args.get(name, usual) for copy in copies]
                if _differ_in(values) <= (SIZES if name.endswith("shape") else 1):
                    yield from self._sizes(first, name, values, looped=looped)
                else:
                    yield Slot(name, values, _Put(first, name, usual, order), looped=looped)

    def _within(self, own: dict[str, Any], values: Sequence[Any], *, looped: bool) -> Iterator[Slot]:
        """Yield the numbers of an operator that is an argument, such as the layer that another one wraps."""
        for key, item in own.items():
            items = [value if value is ABSENT else value[key] for value in values]
            if isinstance(item, dict):
                yield from self._within(item, items, looped=looped)
            elif _is_number(item):
                yield Slot(key, items, _PutItem(own, key), looped=looped)

    def _numbers(self, first: Step, name: str, copies: Sequence[Step | None], *, looped: bool) -> Iterator[Slot]:
        """Yield the numbers of expressions by the index."""
        texts = [[] if copy is None else _NUMBERS.findall(copy.args[name].text) for copy in copies]
        text = _NumbersIn(first, name)
        for at in range(len(text.numbers)):
            values = [_number(own[at]) if own else ABSENT for own in texts]
            yield Slot(name, values, text.put(at), looped=looped)

    def _sizes(self, first: Step, name: str, values: Sequence[Any], *, looped: bool) -> Iterator[Slot]:
        """Yield the sizes of shapes."""
        own = first.args[name] = list(values[0])  # which the first may have by default
        channels = 0 if self.layout == "channels_first" else len(own) - 1
        is_map = len(own) > 2 and len({size for at, size in enumerate(own) if at != channels}) == 1  # noqa: PLR2004 - a square
        for at in range(len(own)):
            sizes = [value if value is ABSENT else value[at] for value in values]
            role = "channels" if at == channels and is_map else "size"
            yield Slot(role if name.endswith("shape") else name, sizes, _PutItem(own, at), looped=looped)

    def _order(self, copies: Sequence[Step]) -> list[str]:
        """Return the names of arguments that any copy gives, in the order of the operator or block."""
        given = {name for copy in copies for name in copy.args}
        kind = None if copies[0].op in self.params else ops.find_operator(copies[0].op)
        known = self.params.get(copies[0].op, kind.args if kind else {})
        return [*(name for name in known if name in given), *sorted(given - known.keys())]

    def _usual(self, op: str, name: str) -> Any:  # noqa: ANN401 - of any argument
        if op in self.params:
            return self.params[op].get(name, ...)
        kind = ops.find_operator(op)
        if name == "data_format":
            return self.layout
        return default(kind, name) if kind and name in kind.args and not kind.args[name].required else ...

    def _sources(self, first: Step, copies: Sequence[Step | None], *, looped: bool) -> Iterator[Slot]:
        source = first.source
        if isinstance(source, list):
            if any(copy is not None and copy.source is None for copy in copies):
                return  # in a run, only the first says what it reads
            for at, one in enumerate(source):
                if _mask(one) == "*":
                    values = [ABSENT if copy is None else copy.source[at] for copy in copies]
                    yield Slot("reads", values, _PutItem(source, at), looped=looped)
        elif _mask(source) == "*":
            yield Slot("reads", _each(copies, attrgetter("source")), _Set(first, "source"), looped=looped)


def _differ_in(values: Sequence[Any]) -> int:
    """Return in how many sizes shapes differ from copy to copy, each counted once; more than any for other values."""
    known = [value for value in values if value is not ABSENT]
    if not all(isinstance(value, list) and len(value) == len(known[0]) for value in known):
        return SIZES + 1
    if not all(type(item) is int for value in known for item in value):
        return SIZES + 1
    columns = {column for column in zip(*known, strict=True) if len(set(column)) > 1}
    return len(columns) or SIZES + 1


def _optional_paths(first: Step, copies: Sequence[Step | None]) -> set[int]:
    """Return the numbers of the steps whose whole path some copies of a merge lack, or its end."""
    found: set[int] = set()
    there = [copy for copy in copies if copy is not None and copy.paths is not None]
    at = 0
    for number, path in enumerate(first.paths or ()):
        if path and any(all(step is None for step in copy.paths[number]) for copy in there if copy.paths):
            found.update(range(at, at + len(path)))
        at += len(path)
    return found


def _each(copies: Sequence[Step | None], get: Callable[[Step], Any]) -> list[Any]:
    return [ABSENT if copy is None else get(copy) for copy in copies]


def _inner(step: Step) -> int:
    return sum(len(steps) for steps in step.lists)


class _Set:
    """Writes an attribute of a step."""

    def __init__(self, step: Step, key: str) -> None:
        self.step, self.key = step, key

    def __call__(self, value: Any) -> None:  # noqa: ANN401 - as above
        setattr(self.step, self.key, value)


class _Put:
    """Writes an argument, unless it is the usual one; arguments keep their order."""

    def __init__(self, step: Step, name: str, usual: Any, order: list[str]) -> None:  # noqa: ANN401 - as above
        self.step, self.name, self.usual, self.order = step, name, usual, order

    def __call__(self, value: Any) -> None:  # noqa: ANN401 - as above
        args = self.step.args
        args[self.name] = value
        if type(value) is type(self.usual) and value == self.usual:
            del args[self.name]
        self.step.args = {name: args[name] for name in self.order if name in args}
        self.step.args |= args


def _number(text: str) -> int | float:
    return int(text) if text.isdigit() else float(text)


class _NumbersIn:
    """The numbers of an expression of a step's argument."""

    def __init__(self, step: Step, name: str) -> None:
        self.step, self.name = step, name
        self.between = _NUMBERS.split(step.args[name].text)
        self.numbers = _NUMBERS.findall(step.args[name].text)

    def put(self, at: int) -> Callable[[Any], None]:
        """Return what writes the number at a place."""

        def write(value: Any) -> None:  # noqa: ANN401 - as above
            text = value.text if isinstance(value, Expr) else repr(value)
            self.numbers[at] = text if text.isidentifier() or not isinstance(value, Expr) else f"({text})"
            parts = [part for pair in zip(self.between, [*self.numbers, ""], strict=True) for part in pair]
            self.step.args[self.name] = Expr("".join(parts))

        return write


class _PutItem:
    """Writes an item of a list, or of a map."""

    def __init__(self, items: Any, at: int | str) -> None:  # noqa: ANN401 - one of these
        self.items, self.at = items, at

    def __call__(self, value: Any) -> None:  # noqa: ANN401 - as above
        self.items[self.at] = value
