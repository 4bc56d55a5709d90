"""What a translation of a call is made of, and those that several subjects share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from archinspect import ops
from archinspect.importers.pt2.program import Ref

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from archinspect.importers.pt2.program import Call, Meta, Stored
    from archinspect.importers.pt2.sizes import Size
    from archinspect.ops.base import Op


class Use:
    """A call with what its translation needs to know."""

    def __init__(self, call: Call, metas: Mapping[str, Meta], stored: Mapping[str, Stored]) -> None:
        self.call = call
        self.metas = metas
        self.stored = stored

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - an argument
        """Return an argument, or the schema's default."""
        return self.call.arguments.get(name, default)

    def has(self, name: str) -> bool:
        """Return whether a tensor is given."""
        return isinstance(self.get(name), Ref)

    def sizes(self, name: str) -> tuple[Size, ...]:
        """Return the sizes of a tensor that is given."""
        return self.metas[self.get(name).name].sizes

    def made(self, index: int = 0) -> tuple[Size, ...]:
        """Return the sizes of an output."""
        return self.metas[self.call.outputs[index]].sizes


class Translation(NamedTuple):
    """An operator, and which arguments are its inputs and its weights."""

    op: Op
    inputs: Sequence[str]
    weights: Sequence[str] = ()
    rest: Sequence[str] = ()
    """Tensors that are read besides; with them it lends its rules alone."""


class Untranslated(Exception):  # noqa: N818 - no error: the call stays as it stands
    """A call without an operator of archinspect's."""


def make(name: str, **arguments: Any) -> Op:  # noqa: ANN401 - as the operator takes them
    """Return an operator of archinspect's."""
    found = ops.find_operator(name)
    if found is None:
        raise Untranslated
    return found(**arguments)


def plain(name: str, *taken: str, **renamed: str) -> Callable[[Use], Translation]:
    """Return the translation of an operator of one tensor: arguments of the same names, and of others."""

    def translate(use: Use) -> Translation:
        pairs = {**{one: one for one in taken}, **renamed}
        given = {own: use.get(theirs) for own, theirs in pairs.items() if theirs in use.call.arguments}
        return Translation(make(name, **given), ["input" if use.has("input") else "self"])

    return translate


def own_weights(use: Use, *names: str) -> list[str]:
    """Return those of the arguments that are given; each has to be a tensor of the program's own."""
    found = [name for name in names if use.has(name)]
    if any(use.get(name).name not in use.stored for name in found):
        raise Untranslated
    return found


def pads(use: Use, rank: int) -> Any:  # noqa: ANN401 - a word or numbers
    """Return the padding of each axis, which may be given once for all."""
    padding = use.get("padding", 0)
    return padding * rank if isinstance(padding, list) and len(padding) == 1 else padding
