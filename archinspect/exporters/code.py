"""Pieces of a program before it is written: what is the same in all copies of a block, and what differs.

A piece of text is a tuple of strings and holes. A hole is a value that may be another one in another copy of the same
block, so that it becomes an argument of the block's class or function.
"""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from archinspect.ops import FAMILIES

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence


class Hole(NamedTuple):
    """A value, and what an argument that stands for it would be called."""

    value: Any
    role: str = "value"


class Given(NamedTuple):
    """An input of the step, read as another order of its axes where `order` is not empty; `index` -1 is all of them."""

    index: int  # type: ignore[assignment] # no tuple is searched
    order: tuple[int, ...] = ()


class Own(NamedTuple):
    """What the step keeps under its own name: a module, a parameter."""


Code: TypeAlias = "tuple[str | Hole | Given | Own, ...]"


class Argument(NamedTuple):
    """An argument of a constructor; one that is `default` is left out where it is so in all copies."""

    role: str
    value: Any
    default: Any = ...
    keyword: bool = True


class Call(NamedTuple):
    """A call of a constructor."""

    name: str
    args: tuple[Argument, ...] = ()


class Step(NamedTuple):
    """What a layer, or an operator of one, is in a program."""

    code: Code
    """The expression that computes it."""
    module: Call | None = None
    """What has to be made for it first."""
    stateless: bool = False
    """Whether the module keeps nothing, and only a chain of modules needs it."""
    parts: tuple[str, ...] = ()
    """Names of ready-made definitions that it needs."""


SAME = {
    "_Dense": "Dense",
    "_Projection": "Dense",
    "_Product": "Dense",
    "_ToQuery": "Dense",
    "_Steps": "Flatten",
    "_Packed": "ScaledDotProductAttention",
    "_AttendingSteps": "TimeDistributed",
}
"""Operators within layers, and those that they are to every target that writes a program."""
AT_RANDOM = (
    *(name for name in FAMILIES["preprocess"] if name.startswith("Random")),
    *("AugMix", "CutMix", "MixUp", "RandAugment", "Equalization", "Solarization"),
)
"""What changes pictures in training."""
_PLACE = re.compile(r"\{(\w+)\}")


def code(template: str, **holes: Any) -> Code:  # noqa: ANN401 - values of any argument
    """Return code from a text with `{0}` for the first input, `{self}` for the step's own, `{name}` for a value."""
    found: list[str | Hole | Given | Own] = []
    for index, piece in enumerate(_PLACE.split(template)):
        if index % 2 == 0:
            found.append(piece)
        elif piece.isdigit():
            found.append(Given(int(piece)))
        elif piece == "all":
            found.append(Given(-1))
        elif piece == "self":
            found.append(Own())
        else:
            found.append(Hole(holes[piece], piece))
    return tuple(piece for piece in found if piece != "")


def in_orders(pieces: Code, orders: Sequence[tuple[int, ...]]) -> Code:
    """Return code that reads each input in an order of its axes; an empty one is as it is there."""
    return tuple(
        piece._replace(order=orders[piece.index]) if isinstance(piece, Given) and piece.index >= 0 else piece
        for piece in pieces
    )


def as_floats(step: Step, indices: Collection[int]) -> Step:
    """Return a step that reads some of its inputs, by number, as floats; no chain of modules does."""
    if not indices:
        return step
    read = [
        (piece, ".float()") if isinstance(piece, Given) and piece.index in indices else (piece,) for piece in step.code
    ]
    step = step._replace(code=tuple(chain.from_iterable(read)))
    if step.stateless and Own() not in step.code:
        step = step._replace(module=None)
    return step._replace(stateless=False)


def reading(step: Step, used: Sequence[int]) -> Step:
    """Return a step that counts only those of its inputs that it uses."""
    return step._replace(
        code=tuple(
            piece._replace(index=used.index(piece.index)) if isinstance(piece, Given) else piece for piece in step.code
        )
    )


def call(name: str, positional: Mapping[str, Any], **options: tuple[Any, Any]) -> Call:
    """Return a call: values given by their place, then options, each with the default that it has."""
    return Call(
        name,
        (
            *(Argument(role, value, keyword=False) for role, value in positional.items()),
            *(Argument(role, value, default) for role, (value, default) in options.items()),
        ),
    )


def literal(value: Any) -> str:  # noqa: ANN401 - as code
    """Write a value as Python does, a list as a tuple."""
    if isinstance(value, list | tuple):
        items = ", ".join(map(literal, value))
        return f"({items},)" if len(value) == 1 else f"({items})"
    if isinstance(value, str):
        return '"' + repr(value)[1:-1].replace('"', '\\"') + '"'
    if isinstance(value, int) and not isinstance(value, bool) and value >= 10_000_000:  # noqa: PLR2004 - hard to read
        return f"{value:_}"
    return repr(value)


class Raw(NamedTuple):
    """A value that is written as it stands."""

    text: str
