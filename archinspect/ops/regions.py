"""Maps sampled within boxes."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from archinspect.base.shape import Mismatch, listed, size, text
from archinspect.ops.args import Int, PerAxis, arg
from archinspect.ops.figures import Kept, Work
from archinspect.ops.spatial import Spatial, times

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape
    from archinspect.ops.figures import Elements, Run


class RoIAlign(Spatial):
    """Samples a map within boxes, each to a map of `output_size` (He et al. 2017, arXiv:1703.06870).

    Its inputs are a map, or several of other scales, and the boxes, [boxes, 4]; every box reads one of the maps. The
    output is [boxes, height, width, channels], in a network with the channels first [boxes, channels, height, width].
    FLOPs: 8 * sampling_ratio ** 2 per output element (the mean of so many points, each 4 factors and 3 sums between the
    four positions around it, and 1 of the mean). Where the points lie counts nothing.
    """

    kind = "pooling"
    rank = 2
    inputs: ClassVar[tuple[int, int | None]] = (2, None)
    aliases = ("MultiScaleRoIAlign",)
    undifferentiated = (-1,)
    ignores = ("spatial_scale", "aligned", "featmap_names", "canonical_scale", "canonical_level")

    output_size: tuple[int, ...] = arg("positions of a box", PerAxis())
    sampling_ratio: int = arg("points of a position, along each axis; not PyTorch's adaptive 0", Int(1, 1000), 2)

    def output(self, *shapes: Shape) -> Shape:
        *maps, boxes = shapes
        if len(boxes) != 3 or boxes[-1] != 4:  # noqa: PLR2004 - the batch, boxes, two corners
            raise Mismatch(f"the last input must be the boxes, [boxes, 4], not {text(boxes)}")
        channels = [self.split(shape)[1] for shape in maps]
        if any(count != channels[0] for count in channels):
            raise Mismatch(f"the maps differ in channels: {listed(channels)}")
        return (boxes[0], *self.join(boxes[1], self.output_size, channels[0]))

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work(other=8 * self.sampling_ratio**2 * size(output))

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        return Kept(extra=self._boxes(shapes))

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        return self._boxes(shapes)

    def _boxes(self, shapes: Sequence[Shape]) -> Elements:
        """Return the boxes of all samples in one list, each with its sample's number."""
        return (("float", size(shapes[-1][:-1]) * 5),)

    def label(self) -> str:
        return f"RoI align to {times(self.output_size)}"
