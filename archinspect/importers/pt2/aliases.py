"""Which outputs of a program's calls lie in the storage of their first input, as strides tell it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.importers.pt2.program import Ref
from archinspect.importers.pt2.sizes import value
from archinspect.ops.figures import View

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from archinspect.importers.pt2.program import Call, Meta

    Rule = Callable[..., View | None]
    """The rule :meth:`archinspect.ops.base.Op.view`."""

OVERWRITTEN = "overwritten"
"""What stands for a tensor of which a part was overwritten: see :mod:`archinspect.importers.pt2.writes`."""
ALWAYS = frozenset((OVERWRITTEN,)) | frozenset(
    f"aten.{name}"
    for name in (
        *("view", "permute", "transpose", "swapaxes", "swapdims", "movedim", "t", "numpy_T", "mT", "adjoint"),
        *("unsqueeze", "squeeze", "expand", "expand_as", "broadcast_to", "select", "slice", "narrow", "diagonal"),
        *("unbind", "split", "split_with_sizes", "chunk", "tensor_split", "unfold", "unflatten", "as_strided"),
        *("alias", "detach", "view_as", "view_as_real", "view_as_complex", "real", "imag", "_unsafe_view", "meshgrid"),
    )
)
"""Views, whatever the strides."""
IF_IN_ORDER = frozenset(("aten.reshape", "aten.flatten", "aten.reshape_as"))
"""Views where the input's strides allow it, and else copies."""
IF_OF_THAT_TYPE = frozenset(("aten.to", "aten.type_as"))
"""The input itself where nothing changes, and else a copy."""
COPIES = frozenset(
    f"aten.{name}" for name in ("contiguous", "clone", "_to_copy", "lift_fresh_copy", "add", "sub", "mul", "div")
)
"""Tensors of their own in every case, even a sum with 0. A `contiguous` that does nothing leaves no call."""


def view_rule(call: Call, metas: Mapping[str, Meta], symbols: Mapping[str, int]) -> Rule | None:
    """Return how a call's outputs lie in its first tensor; None for operators that make what they give."""
    first = next((one for one in call.arguments.values() if isinstance(one, Ref)), None)
    if first is None:
        return None
    if call.plain != call.name:
        return overwriting
    if call.plain in ALWAYS or call.plain in COPIES:
        return in_input if call.plain in ALWAYS else apart
    before, after = metas[first.name], metas[call.outputs[0]]
    if call.plain in IF_OF_THAT_TYPE:
        same = before.dtype == after.dtype and not call.arguments.get("copy") and before.strides == after.strides
        return in_input if same else apart
    if call.plain in IF_IN_ORDER:
        sizes, strides, wanted = (
            [value(one, symbols) for one in part] for part in (before.sizes, before.strides, after.sizes)
        )
        return in_input if is_view(sizes, strides, wanted) else apart
    return None


def is_view(sizes: Sequence[int], strides: Sequence[int], wanted: Sequence[int]) -> bool:
    """Return whether a tensor can have other axes without a copy: each group of axes that lie in order by itself.

    As PyTorch's `computeStride` (aten/src/ATen/TensorUtils.cpp) decides it.
    """
    if 0 in sizes:
        return True
    place = len(wanted) - 1
    step, group, made = (strides[-1] if strides else 1), 1, 1
    for axis in reversed(range(len(sizes))):
        group *= sizes[axis]
        if axis and (sizes[axis - 1] == 1 or strides[axis - 1] == group * step):
            continue
        while place >= 0 and (made < group or wanted[place] == 1):
            made *= wanted[place]
            place -= 1
        if made != group:
            return False
        if axis:
            step, group, made = strides[axis - 1], 1, 1
    return place < 0 or all(one == 1 for one in wanted[: place + 1])


def in_input(*, training: bool) -> View | None:
    """Return the rule of memory of an operator whose outputs lie in its first input."""
    del training
    return View()


def overwriting(*, training: bool) -> View | None:
    """Return that of one that overwrites its input; training keeps a copy of what backward needs of it."""
    return None if training else View()


def apart(*, training: bool) -> View | None:
    """Return the rule of memory of an operator whose outputs are tensors of their own."""
    del training
    return None
