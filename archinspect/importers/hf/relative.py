"""Scores of queries with positions relative to theirs (Dai et al. 2019, arXiv:1901.02860)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.base.shape import size
from archinspect.ops.args import Int, arg
from archinspect.ops.axes import numbered
from archinspect.ops.base import Op
from archinspect.ops.figures import Weight, Work

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape


class RelativeScores(Op):
    """Adds to queries what compares them with projected relative positions, of which there are two for each step.

    MACs: `features` squared per position for their projection, and `features` per query and position for the scores.
    FLOPs: 2 per MAC, 2 per query's element for the biases.
    """

    keeps_unknown = True
    kind = "attention"
    features: int = arg("features of positions and of all heads", Int(1))
    fewer: int = arg("how many fewer positions than two for each step there are", Int(0), 0)
    biases: int = arg("biases of queries, each of all features", Int(0), 2)

    def output(self, *shapes: Shape) -> Shape:  # noqa: D102 - as every operator
        return shapes[0]

    def weights(self, *shapes: Shape) -> dict[str, Weight]:  # noqa: ARG002, D102 - as every operator
        axes = numbered(range(1, 3))
        return {
            "positions": Weight((self.features, self.features), axes),
            **({"biases": Weight((self.biases, self.features), axes)} if self.biases else {}),
        }

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:  # noqa: ARG002, D102 - as every operator
        batch, steps = output[0], output[1]
        positions = 2 * steps - self.fewer
        macs = positions * self.features * (self.features + batch * steps)
        return Work(macs, 2 * size(output))
