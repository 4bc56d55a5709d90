"""What calls of functions say: tensors, numbers, axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.importers.keras.model import Array
from archinspect.ops.source import Fill

if TYPE_CHECKING:
    from archinspect.graph.graph import Tensor
    from archinspect.importers.keras.build import Use


class MixesSamplesError(Exception):
    """A function is of the batch's axis, which no operator of ours touches."""


def argument(use: Use, at: int, *names: str) -> Any:  # noqa: ANN401 - as the file says
    """Return an argument of the call, by its place or its name."""
    for name in names:
        if name in use.kwargs:
            return use.kwargs[name]
    return use.args[at] if at < len(use.args) else None


def is_tensor(value: Any) -> bool:  # noqa: ANN401 - as the file says
    """Return whether an argument is a tensor."""
    return hasattr(value, "producer")


def number(value: Any) -> float | None:  # noqa: ANN401 - as the file says
    """Return an argument that is a number; None for any other."""
    value = value.number if isinstance(value, Array) else value
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def as_tensor(use: Use, value: Any, rank: int) -> Tensor:  # noqa: ANN401 - as the file says
    """Return an argument as a tensor of so many axes: numbers of the file are made anew by every pass."""
    if is_tensor(value):
        return value  # type: ignore[no-any-return] # as was asked
    if isinstance(value, list):
        value = Array(lengths(value))
    if number(value) is not None:
        value = Array(())
    if not isinstance(value, Array):
        raise use.refuse("it reads what is neither a tensor nor a number")
    shape = value.shape
    if len(shape) == rank and shape[0] != 1:
        raise MixesSamplesError
    own = shape[1:] if len(shape) == rank else (*[1] * (rank - 1 - len(shape)), *shape)
    return use.source(Fill(shape=list(own)))


def lengths(value: Any) -> tuple[int, ...]:  # noqa: ANN401 - as the file says
    """Return the shape of nested lists."""
    found = []
    while isinstance(value, list):
        found.append(len(value))
        value = value[0] if value else None
    return tuple(found)


def axes(use: Use, name: str = "axis", x: Tensor | None = None) -> list[int]:
    """Return the axes of a function, the batch being none of them."""
    rank = len(use.shape(x))
    value = use.get(name)
    if value is None:
        raise MixesSamplesError
    found = value if isinstance(value, list) else [value]
    if any(type(axis) is not int or not -rank <= axis < rank for axis in found):
        raise use.refuse(f"there is no {name} {found}"[:200])
    found = [axis % rank for axis in found]
    if 0 in found:
        raise MixesSamplesError
    return found
