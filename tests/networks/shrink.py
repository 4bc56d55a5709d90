"""The smallest network that still fails: a spec is made simpler, one change at a time, as long as it does.

It is code of our own: hypothesis shrinks what made a network, the choices, of which a small change makes another
network altogether. A spec that failed can be edited as a person would, whatever made it.
"""

from __future__ import annotations

from copy import deepcopy
from itertools import chain
from typing import TYPE_CHECKING, Any

from archinspect import ops

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Spec = dict[str, Any]

MOST_TRIES = 3_000


def shrink(spec: Spec, fails: Callable[[Spec], bool], tries: int = MOST_TRIES) -> Spec:
    """The smallest spec found of which `fails` is true, as it is of this one."""
    place = 0
    while tries > 0:
        others = list(_simpler(spec))
        order = [*range(place, len(others)), *range(min(place, len(others)))]
        for place in order:  # first what comes after the last change: what came before it failed already
            tries -= 1
            if _weight(others[place]) < _weight(spec) and fails(others[place]):
                spec = others[place]
                break
            if tries <= 0:
                return spec
        else:
            return spec
    return spec


def _weight(spec: object) -> tuple[int, int]:
    """How large a spec is: its values, and then their sizes."""
    leaves = list(_leaves(spec))
    return len(leaves), sum(abs(one) if type(one) in (int, float) else len(str(one)) for one in leaves)


def _leaves(tree: object) -> Iterator[Any]:
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield key
            yield from _leaves(value)
    elif isinstance(tree, list):
        yield "-"
        for value in tree:
            yield from _leaves(value)
    else:
        yield tree


def _simpler(spec: Spec) -> Iterator[Spec]:
    """Specs that are simpler by one change, those that change most first."""
    places = list(_places(spec))
    for path, value in places:
        if isinstance(value, list) and len(value) > 2:
            half = len(value) // 2
            for part in (value[:half], value[half:]):
                yield _with(spec, path, part)
    for path, _ in places:
        yield _without(spec, path)
    for path, value in places:
        for other in chain(_unwrapped(value, spec), _simpler_value(value)):
            yield _with(spec, path, other)
        if isinstance(path[-1], int):
            steps = _inlined(value, spec)
            if steps is not None:
                yield _spliced(spec, path, steps)


def _places(tree: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every value of a spec, with the way to it; the outer ones first."""
    entries = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in entries:
        yield (*path, key), value
    for key, value in entries if not isinstance(tree, list) else enumerate(tree):
        yield from _places(value, (*path, key))


def _holder(spec: Spec, path: tuple[Any, ...]) -> Any:
    for key in path[:-1]:
        spec = spec[key]
    return spec


def _with(spec: Spec, path: tuple[Any, ...], value: object) -> Spec:
    other = deepcopy(spec)
    _holder(other, path)[path[-1]] = deepcopy(value)
    return other


def _without(spec: Spec, path: tuple[Any, ...]) -> Spec:
    other = deepcopy(spec)
    holder, at = _holder(other, path), path[-1]
    del holder[at]
    for number, step in enumerate(holder[at:] if isinstance(holder, list) else [], 1):
        if isinstance(step, dict) and "from" in step:
            step["from"] = _counted_anew(step["from"], number)
    return other


def _counted_anew(source: Any, number: int) -> Any:
    """What a step reads, where so many steps before it one is gone."""
    if isinstance(source, list):
        return [_counted_anew(one, number) for one in source]
    return source + 1 if isinstance(source, int) and source < -number else source


def _spliced(spec: Spec, path: tuple[Any, ...], steps: list[Any]) -> Spec:
    other = deepcopy(spec)
    _holder(other, path)[path[-1] : path[-1] + 1] = deepcopy(steps)
    blocks = other.get("blocks", {})
    for name in [name for name in blocks if name not in _leaves({**other, "blocks": list(blocks.values())})]:
        del blocks[name]
    return other


def _inlined(step: object, spec: Spec) -> list[Any] | None:
    """The steps of a group, a block or a merge's paths instead of it; None for other values."""
    if isinstance(step, str) and step in spec.get("blocks", {}):
        step = {step: None}
    if not isinstance(step, dict):
        return None
    if isinstance(step.get("layers"), list):
        return step["layers"]
    for name, value in step.items():
        if name in spec.get("blocks", {}):
            return _body(spec["blocks"][name], value)
        paths = value.get("paths") if isinstance(value, dict) else value
        if isinstance(paths, list) and ops.find_operator(name) and all(isinstance(p, list | dict | str) for p in paths):
            return [one for part in paths for one in (part if isinstance(part, list) else [part])]
    return None


def _body(block: Any, given: object) -> list[Any] | None:
    """A block's steps with the values of its parameters."""
    if isinstance(block, list):
        return block
    params = dict(block.get("params", {}))
    if isinstance(given, dict):
        params.update(given)
    elif given is not None and params:
        params[next(iter(params))] = given
    return _substituted(block.get("layers"), {f"${name}": value for name, value in params.items()})


def _substituted(tree: Any, values: dict[str, Any]) -> Any:
    if isinstance(tree, dict):
        return {key: _substituted(value, values) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_substituted(value, values) for value in tree]
    return values.get(tree.replace("{", "").replace("}", ""), tree) if isinstance(tree, str) else tree


def _unwrapped(value: object, spec: Spec) -> Iterator[Any]:
    """What stands in a value, instead of it."""
    if isinstance(value, dict) and len(value) == 1:
        ((name, inner),) = value.items()
        if inner in (None, {}):
            yield name
        elif isinstance(inner, dict) and "layer" in inner:
            yield inner["layer"]
    if isinstance(value, str) and value.startswith("$"):
        name = value.strip("${}")
        declared = [spec.get("params", {})]
        declared += [block.get("params", {}) for block in spec.get("blocks", {}).values() if isinstance(block, dict)]
        yield from (params[name] for params in declared if name in params)
        yield from (1, 2, 4)
    if isinstance(value, str):
        yield from ("ReLU", "valid")
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], int | str | list):
        yield value[0]
    if value == "channels_first":
        yield "channels_last"


def _simpler_value(value: object) -> Iterator[Any]:
    if type(value) is int:
        yield from sorted({n for n in (0, 1, 2, 3, value // 2, value - 1) if abs(n) < abs(value)})
    elif type(value) is float:
        yield from (n for n in (0.0, 1.0) if abs(n) < abs(value))
    elif isinstance(value, list) and value and all(type(one) is int for one in value):
        yield value[0]
