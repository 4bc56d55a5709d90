"""A conditional random field: the best sequence of tags."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.base.shape import Mismatch, size
from archinspect.ops.args import Int, arg
from archinspect.ops.axes import numbered
from archinspect.ops.base import Op
from archinspect.ops.figures import Backward, Kept, Weight, Work

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape
    from archinspect.ops.figures import Elements, Run


class CRF(Op):
    """The best tags of all steps, by scores of tags [steps, tags] and learned ones of pairs (Lafferty et al. 2001).

    As pytorch-crf's, it has a score of each pair of tags that follow one another, and of each tag as the first and as
    the last one; Viterbi's algorithm finds the sequence whose scores have the largest sum. Its output is whole numbers.

    No MACs. FLOPs: 3 per pair of tags that follow one another (two sums, a comparison), 3 per tag of a sample (sums
    at both ends, a comparison). Training's loss is no layer here, so what backward keeps of it is not known, and said.
    """

    has_kernel = True
    keeps_unknown = True
    trains_by_loss = True
    aliases = ("LinearChainCRF", "ConditionalRandomField")
    num_tags: int = arg("tags, as many as the input has features", Int(1), aliases=("num_labels", "units"))

    def output(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if len(shape) != 3:  # noqa: PLR2004 - batch, steps, tags
            raise Mismatch(f"needs an input of 2 axes (steps, tags), got {len(shape) - 1}")
        if shape[-1] != self.num_tags:
            raise Mismatch(f"needs a score of each of {self.num_tags} tags, not {shape[-1]}", args=("num_tags",))
        return shape[:-1]

    def output_dtype(self, *dtypes: str) -> str:
        return "int64"

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        tags = shapes[0][-1]
        ends = Weight((tags,), numbered((2,)))
        pairs = Weight((tags, tags), ("in", "out"))
        return {"start_transitions": ends, "end_transitions": ends, "transitions": pairs}

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        samples, steps, tags = shapes[0]
        return Work(other=samples * (3 * (steps - 1) * tags * tags + 3 * tags))

    def backward(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Backward:
        return Backward()

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        return Kept()

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        samples, steps, tags = shapes[0]
        scores = size(shapes[0]) // steps
        if steps == 1:
            return (("float", 2 * scores), ("int64", scores + samples))
        # Of a step: the scores before and after, those of pairs twice, and whence the best came, as for all steps.
        return (("float", 2 * scores + 2 * scores * tags), ("int64", scores * (steps + 1)))

    def label(self) -> str:
        return f"CRF, {self.num_tags} tags"
