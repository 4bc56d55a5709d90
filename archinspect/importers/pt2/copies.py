"""Products whose factors PyTorch copies first, as it computes them by `bmm`: one axis of all before the matrix.

A factor needs no copy where its strides allow that axis. The copy is what backward keeps in its place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from archinspect.base.shape import size
from archinspect.importers.pt2.aliases import is_view
from archinspect.importers.pt2.program import Ref
from archinspect.importers.pt2.sizes import value
from archinspect.ops.figures import Kept

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from archinspect.base.shape import Shape
    from archinspect.importers.pt2.program import Call, Meta
    from archinspect.ops.base import Op
    from archinspect.ops.figures import Elements, Run


MATRIX = 2
"""Axes of a matrix; a vector has fewer."""
STEPS = frozenset(("aten.lstm", "aten.gru", "aten.rnn_tanh", "aten.rnn_relu"))
"""Layers over steps."""
GIVEN = frozenset(("hx", "zeros", "start"))
"""Their arguments for states to start from: in archinspect's order, zeros, and others; see `states`."""
WITH_INDICES = "aten.max_pool2d_with_indices"
FACTORS = {"aten.linear": ("input", "weight"), "aten.matmul": ("self", "other")}
"""Products of which PyTorch makes one axis of several, by the names of their factors."""
BY_RESULT = frozenset(f"aten.{name}" for name in ("leaky_relu", "elu", "selu", "celu", "rrelu"))
"""Activations whose slope follows from what they made where they overwrite what they were given."""


class KeptCopies(NamedTuple):
    """The rule :meth:`archinspect.ops.base.Op.kept` of a product, of which some factors are copied first."""

    op: Op
    copied: tuple[int, ...]

    def __call__(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        """Return what backward keeps."""
        found = self.op.kept(shapes, output, run)
        copies = sum(_whole(shapes[place], output) for place in found.inputs if place in self.copied)
        kept = tuple([place for place in found.inputs if place not in self.copied])
        return found._replace(inputs=kept, extra=(*found.extra, ("float", copies)))


class Moves(NamedTuple):
    """Which of query, key and value a product of attention copies, as they are and as they are once scaled."""

    given: tuple[bool, ...]
    scaled: tuple[bool, ...]

    def __call__(self, role: int, *_: object, scaled: bool = False) -> bool:
        """Return it for one of the three."""
        return (self.scaled if scaled else self.given)[role]


class HeldCopies(NamedTuple):
    """The rule :meth:`archinspect.ops.base.Op.workspace` of such a product."""

    op: Op
    copied: tuple[int, ...]

    def __call__(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        """Return what is held at once."""
        copies = sum(_whole(shapes[place], output) for place in self.copied)
        return (*self.op.workspace(shapes, output, run), ("float", copies))


def result(shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
    """Return what backward keeps of an operator of :data:`BY_RESULT` that overwrites its input."""
    del shapes, output, run
    return Kept(outputs=(0,))


def with_indices(shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
    """Return what backward keeps of a pooling of which the program reads the places, too."""
    del shapes, output, run
    return Kept((0,), (1,))


class Always(NamedTuple):
    """A rule that gives the same for all shapes."""

    answer: Any

    def __call__(self, *_: object) -> Any:  # noqa: ANN401 - of any kind
        """Return it."""
        return self.answer


def _converted(call: Call, metas: Mapping[str, Meta], symbols: Mapping[str, int]) -> int:
    """Return the elements of a mask of numbers that is made of one of truth values; one of numbers is added as it is.

    Not of a mask that is stretched, as `transformers` makes one where a program is exported, and only there.
    """
    mask = call.arguments.get("attn_mask")
    if not isinstance(mask, Ref) or metas[mask.name].dtype != "bool":
        return 0
    sizes, strides = _strided(call, "attn_mask", metas, symbols)
    return size(tuple(sizes)) if all(strides) else 0


def _whole(shape: Shape, output: Shape) -> int:
    """Return the elements of a factor that is stretched to the output's axes before the matrix."""
    return size(output[:-2]) * size(shape[-2:]) if len(shape) > MATRIX else size(shape)


def with_copies(op: Op, call: Call, metas: Mapping[str, Meta], symbols: Mapping[str, int]) -> Op:
    """Return a product with its rules of memory; others as they are."""
    name = call.plain
    if name in STEPS:
        # What the program makes for it to start from is not made again.
        return op.replace(_makes_states=Always(0)) if call.arguments.keys() & GIVEN else op
    if name == "aten.scaled_dot_product_attention":
        parts = [_strided(call, role, metas, symbols) for role in ("query", "key", "value")]
        moves = Moves(
            tuple([not _merges(*part) for part in parts]),
            tuple([not _merges(sizes, _dense(sizes, strides)) for sizes, strides in parts]),
        )
        return op.replace(_moves=moves, _added=Always(_converted(call, metas, symbols)))
    roles = FACTORS.get(name)
    if roles is None:
        return op
    factors = [_strided(call, role, metas, symbols) for role in roles]
    smaller = metas[call.arguments[roles[len(factors[0][0]) > MATRIX]].name]
    lead = [value(one, symbols) for one in metas[call.outputs[0]].sizes[:-2]]
    apart = tuple([place for place, one in enumerate(factors) if _is_copied(*one, lead)])
    folded = _folded(factors)
    learning = apart if folded is None else folded
    held = learning if smaller.requires_grad else apart
    op = op.replace(kept=KeptCopies(op, learning)) if learning else op
    return op.replace(workspace=HeldCopies(op, held)) if held else op


def _folded(factors: Sequence[tuple[list[int], list[int]]]) -> tuple[int, ...] | None:
    """Return the factor, by number, that is copied where it is folded to a matrix, since the other one is a matrix.

    None of others. PyTorch folds one for a matrix that learns; else it does only where that takes no copy.
    """
    if sum(len(sizes) <= MATRIX for sizes, _ in factors) != 1:
        return None
    place = int(len(factors[0][0]) <= MATRIX)
    sizes, strides = factors[place]
    if place:  # its matrices are transposed first
        sizes, strides = ([*one[:-2], one[-1], one[-2]] for one in (sizes, strides))
    return () if is_view(sizes, strides, [size(tuple(sizes[:-1])), sizes[-1]]) else (place,)


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
