"""Operators of which a file says what they give: what those of all formats share."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, TypeVar

from archinspect.ops.base import Op

if TYPE_CHECKING:
    from archinspect.base.shape import Shape

    Kind = TypeVar("Kind", bound=Op)


class StatedOp(Op):
    """An operator that takes any number of inputs; its fields are what distinguishes it from others."""

    inputs: ClassVar[tuple[int, int | None]] = (0, None)
    stretches = True

    def __init__(self, **fields: object) -> None:
        vars(self).update(fields)

    def output(self, *shapes: Shape) -> Shape:
        """Return the shape of the first output."""
        return self.outputs(*shapes)[0]

    def output_dtype(self, *dtypes: str) -> str:
        """Return the data type of the first output."""
        return self.output_dtypes(*dtypes)[0]


def named(base: type[Kind], name: str, kind: str = "") -> type[Kind]:
    """Return the class of such operators that reports call by this name, of a kind of :attr:`Op.kind`."""
    return _named(base, name, kind)  # type: ignore[arg-type,return-value] # a class below `base`


@lru_cache(maxsize=10_000)
def _named(base: type[Op], name: str, kind: str) -> type[Op]:
    return type(name, (base,), {"__doc__": base.__doc__, "kind": kind or base.kind})
