"""Attention to a few places of maps, where other layers say."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NamedTuple

from archinspect.base.shape import Mismatch, largest, size, text
from archinspect.ops.args import Ints, Optional, arg
from archinspect.ops.declared import ArgumentError
from archinspect.ops.figures import Work
from archinspect.ops.tape import Recorded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape
    from archinspect.ops.figures import Elements, Run
    from archinspect.ops.tape import Tape, Value, Weights


class Sizes(NamedTuple):
    """Elements of what takes part, and of their copies: samples and heads are not always one axis in memory."""

    values: int
    """Of a copy of one position's values; 0 where maps are views."""
    points: int
    """Of a copy of one map's points; 0 where they are views."""
    weights: int
    """Of a copy of the weights; 0 where they are a view."""
    sampled: int
    """Of what is read at all points of all maps."""


class DeformableAttention(Recorded):
    """Attention of each query to a few points of maps of several sizes (Zhu et al. 2020, arXiv:2010.04159).

    As in Deformable DETR, DINO-DETR and RT-DETR, whose layers make its inputs: the values [positions, heads * features]
    of all maps, one after the other; the points [queries, heads, maps, points, 2], columns and rows as shares of the
    map's sides; and their weights [queries, heads, maps, points], which a softmax has made. The output is
    [queries, heads * features].

    FLOPs: 8 per feature at a point (4 factors and 3 sums between the four positions around it, a weight), 1 per feature
    at a point but the first of each (sums). No MACs, as PyTorch's counter has it. Where the points lie counts nothing.
    Memory is that of a program that reads each map by `grid_sample`.
    """

    kind = "attention"
    has_kernel = True
    gives_floats = True
    aliases = ("MultiScaleDeformableAttention",)
    inputs: ClassVar[tuple[int, int | None]] = (3, 3)
    heights: tuple[int, ...] = arg("height of each map", Ints(1))
    widths: tuple[int, ...] | None = arg("width of each map; as its height by default", Optional(Ints(1)), None)

    def check(self) -> None:
        if self.widths is not None and len(self.widths) != len(self.heights):
            message = f"{len(self.heights)} heights and {len(self.widths)} widths are not of the same maps"
            raise ArgumentError(f"DeformableAttention: {message}", "widths")

    @property
    def sizes(self) -> tuple[tuple[int, int], ...]:
        """Height and width of each map."""
        return tuple(zip(self.heights, self.widths or self.heights, strict=True))

    @property
    def positions(self) -> tuple[int, ...]:
        """The positions of each map."""
        return tuple([height * width for height, width in self.sizes])

    def output(self, *shapes: Shape) -> Shape:
        if len(shapes[0]) != 3:  # noqa: PLR2004 - batch, positions, features
            raise Mismatch(f"needs values of 2 axes (positions, features), got {len(shapes[0]) - 1}")
        values, points, weights = shapes
        if values[1] != sum(self.positions):
            wanted = sum(self.positions)
            raise Mismatch(
                f"the values of these maps must be [{wanted}, features], not {text(values)}", args=("heights",)
            )
        if len(points) != 6 or points[3] != len(self.heights) or points[-1] != 2:  # noqa: PLR2004 - as the message says
            maps = len(self.heights)
            raise Mismatch(f"the points must be [queries, heads, {maps} maps, points, 2], not {text(points)}")
        if weights != points[:-1]:
            raise Mismatch(f"the weights must be {text(points[:-1])}, one for each point, not {text(weights)}")
        if values[-1] % points[2]:
            raise Mismatch(f"{points[2]} heads do not divide the {values[-1]} features of the values")
        return (*points[:2], values[-1])

    def _sizes(self, shapes: Sequence[Shape]) -> Sizes:
        samples, queries, heads, levels, points, _ = shapes[1]
        several = samples > 1 and heads > 1
        turned = several and queries > 1
        return Sizes(
            several * (sum(self.positions) > 1) * samples * shapes[0][-1],
            turned * size(shapes[1]) // levels,
            turned * size(shapes[2]),
            samples * queries * shapes[0][-1] * levels * points,
        )

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work(other=9 * self._sizes(shapes).sampled - size(output))

    def of_kernel(self, attention: str) -> bool:
        return False

    def loops(self, shapes: Sequence[Shape]) -> int:
        return 1

    def record(self, tape: Tape, given: Sequence[Value], weights: Weights, steps: int) -> tuple[Value, ...]:
        values, points, shares = given
        samples, queries, _, levels, count, _ = points.shape
        sizes, features = self._sizes([one.shape for one in given]), values.shape[-1]
        places, read = tape.copy(points), []
        for area in self.positions:
            one, there = values.view(samples, area, features), places.view(size(points.shape) // levels)
            one, there = tape.copy(one) if sizes.values else one, tape.copy(there) if sizes.points else there
            read.append(tape.sample(one, there, samples, features, queries, 1, count))
        shares = tape.copy(shares) if sizes.weights else shares
        joined = tape.plus(*read).view(samples, features, queries, levels, count)
        tape.times(joined._replace(memory=tape.new(joined.dtype, joined.shape).memory), shares.view(1))
        return (tape.new(tape.high, self.output(*(one.shape for one in given))),)

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        sizes, grid = self._sizes(shapes), size(shapes[1])
        read = sizes.sampled // len(self.heights)
        most, before = 2 * grid, 0
        for level, count in enumerate(self.positions):
            # The last map's copies are variables until this one's are made.
            values, points = count * sizes.values, sizes.points
            old = points * (level > 0)
            made = largest(before + old, old + points, points + read)
            most, before = largest(most, grid + level * read + values + made), values
        # What is read of all maps, that joined, that weighed.
        end = grid + before + sizes.points + sizes.weights + 3 * sizes.sampled
        return (("float", largest(most, end) - size(output)),)

    def label(self) -> str:
        return f"deformable attention, {len(self.heights)} maps"
