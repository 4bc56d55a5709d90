"""Steps that follow one another and are alike as one step with `repeat`, what differs as an expression of `index`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from archinspect.exporters.spec.slots import Slots, shape_of
from archinspect.exporters.spec.steps import Expr, Ref, Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.exporters.spec.steps import Step

VARIED = 3
"""So many steps at least are repeated where something differs from one to the next."""
PERIODS = range(2, 9)
LISTED = 4
"""So many values at least are a list in one line, and not as many lines."""
MOST_LISTED = 40
"""Characters of a list of values."""
MOST_VARIED = 5
"""So many expressions of one step are read with ease."""
_NUMBERED = re.compile(r"(.*?)(0|[1-9]\d{0,5})(\D*)")


def repeated(steps: Sequence[Step], slots: Slots) -> list[Step]:
    """Return steps with those that are alike in the place of one; merges' paths, too."""
    found: list[Step] = []
    at = 0
    for step in steps:
        if step.paths is not None:
            step.paths = [repeated(path, slots) for path in step.paths]
    while at < len(steps):
        end = at + 1
        while end < len(steps) and _follows(steps[at : end + 1]):
            end += 1
        found.append(_run(list(steps[at:end]), slots))
        at += found[-1].copies
    return found


def _follows(steps: Sequence[Step]) -> bool:
    """Return whether the last of steps goes on with what those before it do."""
    first, last = steps[0], steps[-1]
    if last.source != (Ref("all") if first.source == Ref("all") else None):
        return False
    if first.repeat is not None or first.weights is not None or first.cached:
        return False
    alike = first.source in (None, Ref("all")) or not first.is_named
    return alike and _shape(first) == _shape(last) and _names(steps) is not None


def _shape(step: Step) -> Any:  # noqa: ANN401 - anything that compares
    op, name, _, *rest = shape_of(step, named=False)
    return (op, name, *rest)


def _names(steps: Sequence[Step]) -> Any:  # noqa: ANN401 - a name or an expression
    """Return the name of a repeated step: empty where none has to be said; None where there is none for all."""
    if not any(step.is_named for step in steps):
        return ""
    if not all(step.is_named for step in steps):
        return None
    parts = [_NUMBERED.fullmatch(step.name) if isinstance(step.name, str) else None for step in steps]
    found = [(part[1], int(part[2]), part[3]) for part in parts if part]
    if len(found) < len(steps):
        return None
    before, start, after = found[0]
    if found != [(before, start + number, after) for number in range(len(steps))]:
        return None
    number = f"${{index + {start}}}" if start else "${index}"
    return Text(f"{before}{number}{after}")


def _run(steps: list[Step], slots: Slots) -> Step:
    """Return the first steps of a run as one: as many as can be said."""
    first = steps[0]
    first.copies = 1
    while len(steps) > 1:
        columns = list(slots.of(steps))
        varied = [slot for slot in columns if any(value != slot.values[0] for value in slot.values)]
        forms = [None if slot.looped else by_index(slot.values) for slot in varied]
        is_short = len(steps) >= VARIED and len(varied) <= MOST_VARIED and None not in forms
        if not varied or is_short:
            name = _names(steps)
            for slot, form in zip(varied, forms, strict=True):
                slot.put(form)
            first.repeat, first.copies = len(steps), len(steps)
            first.numbered = name == Text("${index}")
            first.name = name or first.name
            return first
        differs = min(next(at for at, value in enumerate(s.values) if value != s.values[0]) for s in varied)
        steps = steps[:differs] if len(steps) > differs else steps[:-1]
    return first


def by_index(values: Sequence[Any]) -> Expr | None:
    """Return values as an expression of `index`; None where there is no short one."""
    if all(type(value) is bool for value in values):
        return _condition(values)
    if all(type(value) is int for value in values):
        found = _progression(values)
        if found is not None:
            return found
    choice = _choice(values)
    if choice is not None:
        return choice
    if len(values) >= LISTED and all(type(value) is int for value in values):
        text = f"[{', '.join(map(str, values))}][index]"
        return Expr(text) if len(text) <= MOST_LISTED else None
    return None


def _progression(values: Sequence[int]) -> Expr | None:
    start, step = values[0], values[1] - values[0]
    if [start + step * at for at in range(len(values))] == list(values):
        multiple = "index" if step == 1 else f"{step} * index"
        return Expr(f"{start} + {multiple}" if start else multiple) if step > 0 else Expr(f"{start} - {-step} * index")
    if start > 0 and [start * 2**at for at in range(len(values))] == list(values):
        return Expr(f"{start} * 2 ** index")
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
    for condition, test in (
        ("index == 0", [at == 0 for at in range(count)]),
        ("index > 0", [at > 0 for at in range(count)]),
        *((f"index < {k}", [at < k for at in range(count)]) for k in range(2, count)),
        *((f"index >= {k}", [at >= k for at in range(count)]) for k in range(2, count)),
        *(
            (f"index % {period} {sign} {place}", [(at % period == place) == (sign == "==") for at in range(count)])
            for period in PERIODS
            for sign in ("==", "!=")
            for place in range(period)
            if count >= 2 * period
        ),
    ):
        if test == list(holds):
            return condition
    return None
