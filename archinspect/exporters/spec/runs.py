"""Steps that follow one another and are alike as one step with `repeat`, what differs as an expression of `index`."""

from __future__ import annotations

import re
from itertools import pairwise
from math import isclose
from typing import TYPE_CHECKING, Any

from archinspect.exporters.spec.slots import Slots, shape_of
from archinspect.exporters.spec.steps import Expr, Ref, Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.exporters.spec.steps import Step

VARIED = 3
"""So many steps at least are repeated where something differs from one to the next."""
MOST = 100_000
"""So many copies a repeat has at most."""
MOST_TRIED = 100
"""So many steps at most are tried again without the first ones, where no expression says all."""
MOST_ENDS = 30
"""So many shorter runs are tried at most, where no expression says all."""
PERIODS = range(2, 9)
LISTED = 4
"""So many values at least are a list in one line, and not as many lines."""
MOST_SAME = 1
"""So many times at most a listed value is that of the one before it."""
MOST_LISTED = 40
"""Characters of a list of values."""
MOST_VARIED = 4
"""So many expressions of one step are read with ease."""
MOST_SHARES = 1_000
"""Of so many parts a number may be a share."""
ALL = Ref("all")
_NUMBERED = re.compile(r"(.*?)(0|[1-9]\d{0,5})(\D*)")


def repeated(steps: Sequence[Step], slots: Slots) -> list[Step]:
    """Return steps with those that are alike in the place of one; merges' paths, too."""
    found: list[Step] = []
    at = 0
    for step in steps:
        if step.paths is not None:
            step.paths = [repeated(path, slots) for path in step.paths]
    reads_all = max((at for at, step in enumerate(steps) if step.source == ALL), default=-1)
    while at < len(steps):
        run, start = _Run(steps[at]), at
        at += 1
        if steps[start].source != ALL and start < reads_all:
            found.append(steps[start])  # a repeat would be one of all that is read
            continue
        while at < len(steps) and at - start < MOST and run.goes_on(steps[at]):
            at += 1
        found += _pieces(steps[start:at], slots)
    return found


def _pieces(steps: Sequence[Step], slots: Slots) -> list[Step]:
    """Return steps that are alike as few: all as one, or as many of them as can be said."""
    if len(steps) == 1:
        return list(steps)
    columns = [slot.values for slot in slots.of(steps)]
    breaks = sorted({at for values in columns for at in range(1, len(steps)) if not _same(values[at], values[at - 1])})
    found: list[Step] = []
    at = 0
    while at < len(steps):
        rest = steps[at:]
        if len(rest) >= VARIED and breaks and (not found or len(rest) <= MOST_TRIED):
            end = next((end for end in _ends(breaks, at, len(steps)) if _vary(steps[at:end], slots)), None)
            if end is not None:
                found.append(steps[at])
                at = end
                breaks = [one for one in breaks if one > at]
                continue
        end = breaks.pop(0) if breaks else len(steps)
        _repeat(steps[at:end])
        found.append(steps[at])
        at = end
    return found


def _ends(breaks: Sequence[int], at: int, count: int) -> list[int]:
    """Return up to where steps may be tried as one: all of them, or up to a place where something differs."""
    inner = [end for end in breaks if end - at >= VARIED] if count - at <= MOST_TRIED else []
    return [count, *inner[::-1][:MOST_ENDS]]


def _vary(steps: Sequence[Step], slots: Slots) -> bool:
    """Make one step of all, with expressions for what differs; return whether there are any that are short."""
    varied = [slot for slot in slots.of(steps) if any(not _same(value, slot.values[0]) for value in slot.values)]
    if len(varied) > MOST_VARIED:
        return False
    forms = [None if slot.looped else by_index(slot.values) for slot in varied]
    if None in forms:
        return False
    for slot, form in zip(varied, forms, strict=True):
        slot.put(form)
    _repeat(steps)
    return True


def _repeat(steps: Sequence[Step]) -> None:
    """Let the first step stand for all."""
    if len(steps) > 1:
        first = steps[0]
        text = _name_of_all(first, steps[1], len(steps))
        first.repeat = len(steps)
        first.numbered = text == Text("${index}")
        first.name = text or first.name


def _name_of_all(first: Step, second: Step, count: int) -> Text | None:
    """Return the name of steps that follow one another; None where none has to be said."""
    run = _Run(first)
    if not run.goes_on_by_number(second) and run.is_next(second) and run.letter is not None:
        before, one, after = run.letter
        letters = ", ".join(f"'{chr(ord(one) + number)}'" for number in range(count))
        return Text(f"{before}${{[{letters}][index]}}{after}")
    if run.name is None:
        return None
    before, start, after = run.name
    number = f"${{index + {start}}}" if start else "${index}"
    return Text(f"{before}{number}{after}")


def _same(one: Any, other: Any) -> bool:  # noqa: ANN401 - of any argument
    return type(one) is type(other) and one == other


class _Run:
    """Steps that may be one, after the first of them."""

    def __init__(self, first: Step) -> None:
        self.first = first
        self.shape = _shape(first)
        self.count = 1
        match = _NUMBERED.fullmatch(first.name) if first.is_named and isinstance(first.name, str) else None
        self.name = (match[1], int(match[2]), match[3]) if match else None
        """What stands before, in and behind the number of its name."""
        self.letter: tuple[str, str, str] | None = None
        """The same of a letter, where names go on by letters."""

    def goes_on(self, step: Step) -> bool:
        """Return whether a step goes on with what those before it do; count it."""
        first = self.first
        reads_all = first.source == ALL
        if step.source != (ALL if reads_all else None):
            return False
        if first.repeat is not None or first.weights is not None or first.cached is not None:
            return False
        if first.is_named and first.source is not None and not reads_all:
            return False
        if not self.is_next(step) or _shape(step) != self.shape:
            return False
        self.count += 1
        return True

    def is_next(self, step: Step) -> bool:
        """Return whether a step's name is the next one, or neither needs one."""
        if not self.first.is_named or not step.is_named:
            return not self.first.is_named and not step.is_named
        if self.letter is None and self.goes_on_by_number(step):
            return True
        if self.count == 1:
            self.letter = _letter(str(self.first.name), str(step.name))
        if self.letter is None:
            return False
        before, one, after = self.letter
        return bool(step.name == f"{before}{chr(ord(one) + self.count)}{after}" and ord(one) + self.count <= ord("z"))

    def goes_on_by_number(self, step: Step) -> bool:
        """Return whether a step's name has the next number."""
        if self.name is None:
            return False
        before, start, after = self.name
        return bool(step.name == f"{before}{start + self.count}{after}")


def _letter(one: str, other: str) -> tuple[str, str, str] | None:
    """Return what stands before, in and behind the one letter by which a name goes on to the next; None for others."""
    if len(one) != len(other):
        return None
    at = next((at for at, (a, b) in enumerate(zip(one, other, strict=True)) if a != b), len(one))
    is_letter = one[at : at + 1].islower() and one[at : at + 1].isascii()
    if not is_letter or ord(one[at]) + 1 != ord(other[at]) or one[at + 1 :] != other[at + 1 :]:
        return None
    if at == 0 or one[at - 1].isalpha() or one[at + 1 : at + 2].isalpha():
        return None  # of a word
    return one[:at], one[at], one[at + 1 :]


def _shape(step: Step) -> Any:  # noqa: ANN401 - anything that compares
    op, name, _, *rest = shape_of(step, named=False)
    return (op, name, *rest)


def by_index(values: Sequence[Any]) -> Expr | None:
    """Return values as an expression of `index`; None where there is no short one."""
    if all(type(value) is bool for value in values):
        return _condition(values)
    if all(type(value) is int for value in values):
        found = _progression(values)
        if found is not None:
            return found
    if all(type(value) in {int, float} for value in values):
        found = _share(values)
        if found is not None:
            return found
    return _choice(values) or _listed(values)


def _listed(values: Sequence[Any]) -> Expr | None:
    """Return whole numbers as a list, where it is short and is not several runs."""
    if len(values) < LISTED or not all(type(value) is int for value in values):
        return None
    text = f"[{', '.join(map(str, values))}][index]"
    has_runs = sum(one == other for one, other in pairwise(values)) > MOST_SAME
    return Expr(text) if len(text) <= MOST_LISTED and not has_runs else None


def _progression(values: Sequence[int]) -> Expr | None:
    start, step = values[0], values[1] - values[0]
    if [start + step * at for at in range(len(values))] == list(values):
        multiple = "index" if step == 1 else f"{step} * index"
        return Expr(f"{start} + {multiple}" if start else multiple) if step > 0 else Expr(f"{start} - {-step} * index")
    if start > 0 and [start * 2**at for at in range(len(values))] == list(values):
        return Expr(f"{start} * 2 ** index")
    return None


def _share(values: Sequence[float]) -> Expr | None:
    """Return numbers that grow evenly as a share of a short one: rates of dropping, by the depth."""
    step = values[1] - values[0]
    if not step or not all(isclose(one, values[0] + step * at, abs_tol=1e-9) for at, one in enumerate(values)):
        return None
    before = round(values[0] / step)
    for count in range(1, MOST_SHARES):
        whole = round(step * count, 3)
        shares = (whole * (before + at) / count for at in range(len(values)))
        if all(isclose(share, value, rel_tol=1e-12) for share, value in zip(shares, values, strict=True)):
            place = f"(index + {before})" if before > 0 else f"(index - {-before})" if before else "index"
            return Expr(f"{whole:g} * {place} / {count}" if count > 1 else f"{whole:g} * {place}")
    return None


def _condition(values: Sequence[bool]) -> Expr | None:
    condition = _where(values)
    return None if condition is None else Expr(condition)


def _choice(values: Sequence[Any]) -> Expr | None:
    """Return one of two values, by the index."""
    kinds: list[Any] = []
    for value in values:
        if not any(type(value) is type(kind) and value == kind for kind in kinds):
            kinds.append(value)
    if len(kinds) != 2 or not all(isinstance(kind, int | float | str) for kind in kinds):  # noqa: PLR2004 - two
        return None
    for one, other in (kinds, kinds[::-1]):
        condition = _where([value == one and type(value) is type(one) for value in values])
        if condition is not None:
            return Expr(f"{_constant(one)} if {condition} else {_constant(other)}")
    return None


def _constant(value: Any) -> str:  # noqa: ANN401 - a number, text, or truth value
    if isinstance(value, bool):
        return str(value).lower()
    return f"'{value}'" if isinstance(value, str) else repr(value)


def _where(holds: Sequence[bool]) -> str | None:
    """Return the condition on the index that holds there."""
    count = len(holds)
    first = next((at for at, one in enumerate(holds) if one != holds[0]), count)
    if all(one != holds[0] for one in holds[first:]):
        return _before(first) if holds[0] else _from(first)
    for period in PERIODS:
        if count < 2 * period or any(holds[at] != holds[at % period] for at in range(count)):
            continue
        for sign, one in (("==", True), ("!=", False)):
            if holds[:period].count(one) == 1:
                return f"index % {period} {sign} {holds.index(one)}"
    return None


def _before(place: int) -> str:
    return "index == 0" if place == 1 else f"index < {place}"


def _from(place: int) -> str:
    return "index > 0" if place == 1 else f"index >= {place}"
