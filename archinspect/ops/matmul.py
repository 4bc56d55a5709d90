"""Products of matrices that both are data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.base.shape import Mismatch, broadcast, size, text
from archinspect.base.strides import copied, in_order
from archinspect.ops.args import Bool, arg
from archinspect.ops.base import Op
from archinspect.ops.figures import Kept, Work

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape
    from archinspect.ops.figures import Elements, Run


class MatMul(Op):
    """The matrix product of two tensors' last two axes, one for each of the axes before.

    MACs: the size of the summed axis per output element. FLOPs: 2 per MAC.
    """

    kind = "merge"
    joins = True
    of_one_type = True
    stretches = True
    aliases = ("BatchMatMul", "BMM")
    inputs = (2, 2)
    transpose_a: bool = arg("exchange the first input's last two axes first", Bool(), default=False)
    transpose_b: bool = arg("exchange the second input's last two axes first", Bool(), default=False)

    def output(self, *shapes: Shape) -> Shape:
        first, second = shapes
        if len(first) < 3 or len(second) < 3:  # noqa: PLR2004 - the batch and a matrix
            raise Mismatch(f"needs inputs of at least two axes, got {text(first)} and {text(second)}")
        *_, rows, inner = (*first[:-2], first[-1], first[-2]) if self.transpose_a else first
        *_, summed, columns = (*second[:-2], second[-1], second[-2]) if self.transpose_b else second
        if inner != summed:
            raise Mismatch(
                f"{text(first)} and {text(second)} have no product: {inner} columns meet {summed} rows",
                help="`transpose_a` and `transpose_b` exchange the last two axes",
            )
        return (*broadcast((first[:-2], second[:-2])), rows, columns)

    def axis_flow(self, *shapes: Shape) -> str:
        if shapes[0][:-2] != shapes[1][:-2]:
            return ""
        first = "sum rows" if self.transpose_a else "rows sum"
        second = "columns sum" if self.transpose_b else "sum columns"
        return f"... {first}, ... {second} -> ... rows columns"

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work(shapes[0][-2 if self.transpose_a else -1] * size(output))

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        # A factor that is copied is kept as that copy.
        copies = self._copies(shapes, output, run)
        needed = [i for i in (0, 1) if run.inputs[1 - i]]
        return Kept(tuple(i for i in needed if not copies[i]), extra=(("float", sum(copies[i] for i in needed)),))

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        # The product by a first factor that all samples share is made turned, and turned back by a copy.
        turned = _shared(shapes, run) == 0 and 1 not in output[-2:]
        return (("float", sum(self._copies(shapes, output, run)) + turned * size(output)),)

    def _copies(self, shapes: Sequence[Shape], output: Shape, run: Run) -> list[int]:
        """Return the elements of the copy of each factor; 0 for one that is read as it is."""
        lying = (run.strides, *(run.others or (None,)))
        shared = _shared(shapes, run)
        if shared is not None:
            turns = self.transpose_a if shared else not self.transpose_b
            rows = _copied_as_rows(shapes[1 - shared], lying[1 - shared], turns=turns)
            return [0, rows] if shared == 0 else [rows, 0]
        lead = size(output[:-2])
        return [
            _is_copied(shape, output, strides) * lead * size(shape[-2:])
            for shape, strides in zip(shapes, lying, strict=True)
        ]

    def quantities(self, shapes: Sequence[Shape], output: Shape) -> dict[str, int]:
        return {"first_product": size(shapes[0]) * output[-1]}


def _shared(shapes: Sequence[Shape], run: Run) -> int | None:
    """Return the number of a factor that all samples share, and that needs a gradient: it is one with all rows.

    As `should_fold` of PyTorch's ATen, which leaves out the only axis before the matrix.
    """
    first, second = shapes
    if len(first) != 3 or len(second) != 3 or first[0] == second[0]:  # noqa: PLR2004 - the batch and a matrix
        return None
    shared = int(first[0] != 1)
    return shared if run.inputs[shared] else None


def _copied_as_rows(shape: Shape, strides: Shape | None, *, turns: bool) -> int:
    """Return the elements of the copy that makes one axis of samples and rows, or with `turns` of columns."""
    strides = strides or in_order(shape)
    if turns:
        shape, strides = ((one[0], one[2], one[1]) for one in (shape, strides))
    return copied(shape, strides, (shape[0] * shape[1], shape[2]))


def _is_copied(shape: Shape, output: Shape, strides: Shape | None) -> bool:
    """Return whether a factor is copied: PyTorch makes one axis of all before the matrix.

    It can where a factor stretches along each of them, or along none and these follow each other in memory.
    """
    if shape[:-2] == output[:-2]:
        return copied(shape, strides, (size(shape[:-2]), *shape[-2:])) > 0
    missing = len(output) - len(shape)
    lead = (shape[0], *(1,) * missing, *shape[1:-2])
    stretches = {there != wanted for there, wanted in zip(lead, output[:-2], strict=True) if wanted > 1}
    return len(stretches) > 1
