"""What operators of ours are made of: the functions that the tables of this package are written with."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from archinspect.ops import find_operator

if TYPE_CHECKING:
    from collections.abc import Callable

    from archinspect.importers.onnx.values import Step
    from archinspect.ops.base import Op

CHANNELS_FIRST = {"data_format": "channels_first"}


class Ours(NamedTuple):
    """An operator of ours in the place of one of the file's."""

    op: Op
    reads: tuple[int, ...] = (0,)
    """The inputs that it reads, by their number in the file."""
    weights: tuple[int, ...] = ()
    """The inputs that are its own weights."""


def _make(name: str, args: tuple[tuple[str, Any], ...]) -> Op:
    kind = find_operator(name)
    assert kind is not None  # all names of this module are of the table of operators
    return kind(**{key: _listed(value) for key, value in args if value is not None})


_made = lru_cache(10_000)(_make)


def _listed(value: Any) -> Any:  # noqa: ANN401 - an argument as specs have it
    return list(map(_listed, value)) if isinstance(value, tuple) else value


def make(operator: str, **args: Any) -> Op:  # noqa: ANN401 - as the operator takes
    """Return an operator by its name."""
    try:
        return _made(operator, tuple(args.items()))
    except TypeError:  # sizes that are known by name alone, for a formula, are in no table
        return _make(operator, tuple(args.items()))


def plain(operator: str, **args: Any) -> Callable[[Step], Ours]:  # noqa: ANN401 - as above
    """Return the function of an operator that takes its first input; an argument may be a function of the step."""

    def translate(use: Step) -> Ours:
        return Ours(make(operator, **{name: value(use) if callable(value) else value for name, value in args.items()}))

    return translate


def given(name: str, default: Any = None) -> Callable[[Step], Any]:  # noqa: ANN401 - as the file says
    """Return the function that takes an argument from an attribute."""
    return lambda use: use.attribute(name, default)


def joined(operator: str) -> Callable[[Step], Ours]:
    """Return the function of an operator that reads all inputs."""
    return lambda use: Ours(make(operator), tuple(range(len(use.inputs))))
