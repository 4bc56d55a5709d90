"""How long the variables of a program hold its tensors, as the lines of its author's text tell it.

Every call of a program comes with the lines of the functions that it was made in. A line such as `x = self.conv(x)`
says which variable holds what it made and later lines read: until another line of the same run of the function assigns
it, or until the function returns. What a line puts into a list, it holds as long as the function runs.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from archinspect.importers.pt2.statements import divided, repeated, statements

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from archinspect.importers.pt2.program import Call, Module

_FRAME = re.compile(r'File "([^"]+)", line (\d+), in (\S+)\n[ \t]*([^\n]*)')
_NAME = r"\(?[A-Za-z_]\w*\)?"
_TARGETS = re.compile(rf"\(?({_NAME}(?:\s*,\s*{_NAME})*)\)?\s*(?:[-+*/@]|//)?=(?!=)")
_COLLECTS = re.compile(r"[\w.]+\.(?:append|extend|insert)\(|[\w.]+\[[^]]*\]\s*=(?!=)|[\w.]+\s*\+=\s*\[")
"""A line that puts what it makes into a list or a dictionary."""
_PUTS = re.compile(r"[\w.]+\.(?:append|add)\(([A-Za-z_]\w*)\)")
"""A statement that puts a variable into a list."""
_OF_A_LIST = re.compile(r"\b(?:cat|concat|concatenate|stack|hstack|vstack)\(\s*[A-Za-z_][\w.]*(?:\[[^]]*\])?\s*[,)]")
"""A line that joins a list that has a name."""
_WORDS = re.compile(r"(?<![\w.])[A-Za-z_]\w*")
"""Names in a text, but for those of attributes."""
_JOINS = ("aten.cat", "aten.stack")
_SUMS = ("aten.add", "aten.sub", "aten.mul", "aten.div")
MAX_FRAMES = 200


class Frame(NamedTuple):
    """A function that was running, and the line at which it was."""

    file: str
    line: int
    function: str
    text: str


def holds(calls: Sequence[Call], outputs: Sequence[str]) -> dict[str, int]:
    """Return the tensors that variables hold, by name: each with the number of the last call that it is held in.

    `outputs` are those of the program.
    """
    frames = [_frames(call.trace) for call in calls]
    readers = _readers(calls, outputs)
    found: dict[str, int] = {}

    def hold(tensors: Iterable[str], last: int) -> None:
        for tensor in tensors:
            found[tensor] = max(found.get(tensor, 0), last)

    todo: list[tuple[int, int, int, set[str]]] = [(0, len(calls), 0, set())]
    while todo:
        start, end, depth, given = todo.pop()
        here = [frames[i][depth] if len(frames[i]) > depth else None for i in range(start, end)]
        assigned = _given(range(start, end), calls, here, given)
        lines = _runs(range(start, end), [frame.line if frame else 0 for frame in here])
        turns = [turn for line in lines for turn in _turns(calls, frames, depth, line)]
        for first, last, text in [one for turn in turns for one in _statements(calls, frames, depth, turn)]:
            if first == last:
                put = _PUTS.match(text)
                hold(assigned.get(put[1], ()) if put else (), end - 1)
                continue
            inside = [i for i in range(first, last) if len(frames[i]) > depth + 1]
            for begin, stop in _pieces(inside, [_instance(calls[i], frames[i], depth + 1) for i in inside]):
                # A module's arguments are held by what calls it, others only by the function's own variables.
                is_module = frames[begin][depth + 1].function == "forward"
                before = set() if is_module else {name for call in calls[first:begin] for name in call.outputs}
                todo.append((begin, stop, depth + 1, before))
            own = [calls[i] for i in range(first, last) if len(frames[i]) == depth + 1]
            # Whole networks are written as a function that the outermost module calls: its variables change all along.
            inner = [name for call in own if len(call.modules) > 1 for name in call.outputs]
            hold([name for name in inner if _has_name(readers.get(name, ()), calls, last)], last - 1)
            if _OF_A_LIST.search(text):
                hold([name for call in own if call.plain in _JOINS for _, name in call.refs()], end - 1)
            made = [name for call in calls[first:last] for name in call.outputs if readers.get(name, [0])[0] >= last]
            if _COLLECTS.match(text):
                hold(made, end - 1)
                continue
            names = _targets(text)
            for name in names:
                hold(assigned.pop(name, ()), last - 1)
            whole = calls[last - 1].outputs
            several = len(names) > 1 and set(made) <= {*whole}  # what nothing reads has a variable, too
            assigned.update(_values(whole if several or not made else tuple(made), names))
        hold([tensor for tensors in assigned.values() for tensor in tensors], end - 1)
    return found


def _given(
    numbers: range, calls: Sequence[Call], here: Sequence[Frame | None], given: set[str]
) -> dict[str, tuple[str, ...]]:
    """Return what a function's parameters hold of the tensors that are `given` to it.

    A parameter has a name that stands in each line that reads it. It holds what it was given until a line assigns it.
    """
    assigned = {name for frame in {*here} if frame for name in _targets(frame.text)}
    names: dict[str, set[str]] = {}
    for at, frame in zip(numbers, here, strict=True):
        for _, tensor in calls[at].refs():
            if tensor in given and frame:
                words = {*_WORDS.findall(frame.text.partition("=")[2] if _TARGETS.match(frame.text) else frame.text)}
                names[tensor] = names.get(tensor, words) & words
    found: dict[str, tuple[str, ...]] = {}
    for tensor, words in names.items():
        name = min(words & assigned, default="")
        found[name] = (*found.get(name, ()), tensor)
    return found


def _readers(calls: Sequence[Call], outputs: Sequence[str]) -> dict[str, list[int]]:
    """Return the numbers of the calls that read each tensor, the last one first; the program's end for its outputs."""
    found: dict[str, list[int]] = {name: [len(calls)] for name in outputs}
    for at, call in reversed([*enumerate(calls)]):
        for name in dict.fromkeys([name for _, name in call.refs()]):
            found.setdefault(name, []).append(at)
    return found


def _has_name(readers: Sequence[int], calls: Sequence[Call], end: int) -> bool:
    """Return whether a tensor of a line has to have a variable, in a function that the line calls and files leave out.

    An expression reads what it made once. What is read again has a name, up to the end of that function, but for a sum
    with it, which takes its name.
    """
    return len(readers) > 1 and readers[0] < end and calls[readers[0]].plain not in _SUMS


def _frames(trace: str) -> list[Frame]:
    return [Frame(file, int(line), function, text) for file, line, function, text in _FRAME.findall(trace)[:MAX_FRAMES]]


def _targets(text: str) -> tuple[str, ...]:
    """Return the variables that a line assigns."""
    match = _TARGETS.match(text)
    return tuple([name.strip(" ()") for name in match[1].split(",")]) if match else ()


def _values(made: tuple[str, ...], names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return what each variable holds of what a line made."""
    if len(names) == 1:
        return {names[0]: made}
    if len(names) == len(made):
        return {name: (tensor,) for name, tensor in zip(names, made, strict=True)}
    if len(made) > len(names) > 1:  # a layer's output, and its states as one
        return {names[0]: made[:1], **dict.fromkeys(names[1:], made[1:])}
    return {}


def _instance(call: Call, frames: Sequence[Frame], depth: int) -> object:
    """Return what tells one run of a function from another: where it is called, and of which module."""
    modules = sum(frame.function == "forward" for frame in frames[: depth + 1])
    return frames[depth].file, frames[depth].function, [module.key for module in call.modules[:modules]]


def _runs(numbers: range, keys: Sequence[object]) -> list[tuple[int, int]]:
    """Return stretches of equal keys, each with its first number and the one after its last."""
    cuts = [at for at, (one, other) in enumerate(pairwise(keys), 1) if one != other]
    edges = [0, *cuts, len(keys)] if keys else []
    return [(numbers.start + first, numbers.start + last) for first, last in pairwise(edges)]


def _turns(
    calls: Sequence[Call], frames: Sequence[Sequence[Frame]], depth: int, line: tuple[int, int]
) -> list[tuple[int, int]]:
    """Return the turns of a loop that is one line, such as `x = block(x)`: the line's calls, cut where it begins anew.

    It begins anew with the module that it began with, called again, or with another one of the same list. Only
    what a variable is given matters: a list that a line makes, or adds to, holds what all turns give. Turns that call
    different modules are no loop, but what a function does that files leave out.
    """
    first, last = line
    parts = statements(_text(frames[first], depth))
    if not any(map(_targets, parts)) or any(" for " in part for part in parts):
        return [line]
    entered = [_entered(calls[at], frames[at], depth) for at in range(first, last)]
    if not any(entered):
        length = repeated([calls[at].plain.rpartition(".")[2] for at in range(first, last)], parts[-1])
        return [(start, start + length) for start in range(first, last, length)]
    lead = next((at for at, module in enumerate(entered) if module), 0)
    began = entered[lead]
    cuts = [0]
    for at, module in enumerate(entered):
        if module and began and module != began and _follows(module, began):
            began = module
            cuts.append(max(at - lead, cuts[-1] + 1))
    turns = [*pairwise([*cuts, len(entered)])]
    called = {tuple(dict.fromkeys([_kind(one) for one in entered[start:end] if one])) for start, end in turns}
    return [(first + start, first + end) for start, end in turns] if len(called) == 1 else [line]


def _statements(
    calls: Sequence[Call], frames: Sequence[Sequence[Frame]], depth: int, turn: tuple[int, int]
) -> Iterator[tuple[int, int, str]]:
    """Give the statements of a line, each with the number of its first call and the one after its last."""
    first, last = turn
    entered = [_entered(calls[at], frames[at], depth) for at in range(first, last)]
    names = [
        _own_name(module) if module else calls[at].plain.rpartition(".")[2]
        for at, module in zip(range(first, last), entered, strict=True)
    ]
    for place in range(1, len(names)):
        if entered[place] and entered[place] == entered[place - 1]:
            names[place] = ""
    for begin, end, text in divided(names, _text(frames[first], depth)):
        yield first + begin, first + end, text


def _own_name(module: Module) -> str:
    """Return what a text calls a module: its name, or that of the list that it is in."""
    return next((name for name in reversed(module.path.split(".")) if not name.isdigit()), "")


def _text(frames: Sequence[Frame], depth: int) -> str:
    return frames[depth].text if len(frames) > depth else ""


def _kind(module: Module) -> str:
    """Return a module's path without its number in a list."""
    return module.path.rstrip("0123456789")


def _entered(call: Call, frames: Sequence[Frame], depth: int) -> Module | None:
    """Return the module that a line calls, in which a call is; None for one of the line's own."""
    outside = sum(frame.function == "forward" for frame in frames[: depth + 1])
    return call.modules[outside] if len(call.modules) > outside else None


def _follows(module: Module, other: Module) -> bool:
    """Return whether a module is another one, called again, or one of the same list."""
    if module.path == other.path:
        return True
    (parent, _, own), (others, _, name) = module.path.rpartition("."), other.path.rpartition(".")
    return parent == others and own.isdigit() and name.isdigit()


def _pieces(numbers: Sequence[int], keys: Sequence[object]) -> list[tuple[int, int]]:
    """Return stretches of numbers that follow one another and have equal keys."""
    found: list[tuple[int, int]] = []
    before: object = None
    for number, key in zip(numbers, keys, strict=True):
        if found and found[-1][1] == number and key == before:
            found[-1] = (found[-1][0], number + 1)
        else:
            found.append((number, number + 1))
        before = key
    return found
