"""Products whose factors PyTorch copies first, as it computes them by `bmm`: one axis of all before the matrix.

A factor needs no copy where its strides allow that axis. The copy is what backward keeps in its place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archinspect.base.shape import size
from archinspect.importers.pt2.aliases import is_view
from archinspect.importers.pt2.sizes import value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from archinspect.base.shape import Shape
    from archinspect.importers.pt2.program import Call, Meta
    from archinspect.ops.base import Op
    from archinspect.ops.figures import Elements, Kept, Run


STEPS = frozenset(("aten.lstm", "aten.gru", "aten.rnn_tanh", "aten.rnn_relu"))
"""Layers over steps."""


class KeptCopies(NamedTuple):
    """The rule :meth:`archinspect.ops.base.Op.kept` of a product, of which some factors are copied first."""

    op: Op
    copied: tuple[int, ...]
    attention: str = ""
    """How attention has to be computed for that; empty for other products."""

    def __call__(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        """Return what backward keeps."""
        found = self.op.kept(shapes, output, run)
        if self.attention not in ("", run.attention):
            return found
        copies = sum(_whole(shapes[place], output) for place in found.inputs if place in self.copied)
        kept = tuple([place for place in found.inputs if place not in self.copied])
        return found._replace(inputs=kept, extra=(*found.extra, ("float", copies)))


class HeldCopies(NamedTuple):
    """The rule :meth:`archinspect.ops.base.Op.workspace` of such a product."""

    op: Op
    copied: tuple[int, ...]

    def __call__(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        """Return what is held at once."""
        copies = sum(_whole(shapes[place], output) for place in self.copied)
        return (*self.op.workspace(shapes, output, run), ("float", copies))


class Always(NamedTuple):
    """A rule that gives the same for all shapes."""

    answer: int

    def __call__(self, *_: object) -> int:
        """Return it."""
        return self.answer


def _whole(shape: Shape, output: Shape) -> int:
    """Return the elements of a factor that is stretched to the output's axes before the matrix."""
    return size(output[:-2]) * size(shape[-2:]) if len(shape) > 2 else size(shape)  # noqa: PLR2004 - a matrix


def with_copies(op: Op, call: Call, metas: Mapping[str, Meta], symbols: Mapping[str, int]) -> Op:
    """Return a product with its rules of memory; others as they are."""
    name = call.plain
    if name in STEPS:
        return op.replace(_makes_states=Always(0))  # programs give the states that they start from
    if name == "aten.scaled_dot_product_attention":
        query, _, values = (_strided(call, role, metas, symbols) for role in ("query", "key", "value"))
        copies = Always(not _merges(query[0], _dense(*query)))  # it is scaled before, and so lies dense
        op = op.replace(_copies=copies, _added=Always(0))  # a mask is a tensor that there is
        return op if _merges(*values) else op.replace(kept=KeptCopies(op, (2,), "math"))
    if name == "aten.linear":
        sizes, strides = _strided(call, "input", metas, symbols)
        is_whole = is_view(sizes, strides, [size(tuple(sizes[:-1])), sizes[-1]])
        copied: tuple[int, ...] = () if is_whole else (0,)
    elif name == "aten.matmul":
        factors = [_strided(call, role, metas, symbols) for role in ("self", "other")]
        lead = [value(one, symbols) for one in metas[call.outputs[0]].sizes[:-2]]
        copied = tuple([place for place, (sizes, strides) in enumerate(factors) if _is_copied(sizes, strides, lead)])
    else:
        return op
    return op.replace(kept=KeptCopies(op, copied), workspace=HeldCopies(op, copied)) if copied else op


def _strided(
    call: Call, role: str, metas: Mapping[str, Meta], symbols: Mapping[str, int]
) -> tuple[list[int], list[int]]:
    meta = metas[call.arguments[role].name]
    return [value(one, symbols) for one in meta.sizes], [value(one, symbols) for one in meta.strides]


def _is_copied(sizes: Sequence[int], strides: Sequence[int], lead: Sequence[int]) -> bool:
    """Return whether a factor is copied: one that does not stretch, whose axes before the matrix are not in order."""
    return [*sizes[:-2]] == [*lead] and not _merges(sizes, strides)


def _merges(sizes: Sequence[int], strides: Sequence[int]) -> bool:
    return is_view(sizes, strides, [size(tuple(sizes[:-2])), *sizes[-2:]])


def _dense(sizes: Sequence[int], strides: Sequence[int]) -> list[int]:
    """Return the strides of what is computed of each element: the same order of axes, nothing between them."""
    found, step = [0] * len(sizes), 1
    for axis in sorted(range(len(sizes)), key=lambda axis: (strides[axis], axis == 0)):
        found[axis] = step
        step *= sizes[axis]
    return found
