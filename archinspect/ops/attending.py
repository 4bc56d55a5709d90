"""What analyses ask of operators that attend, and of no others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.ops.base import Op

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape


class Attending(Op):
    """An operator, or a layer, in which queries attend to keys and values."""

    kind = "attention"
    has_kernel = True
    gives_floats = True

    def fused_inputs(self) -> tuple[int, ...]:
        """Return the inputs, by number, that one product makes and that lie in one storage."""
        return ()

    def probabilities(self, shapes: Sequence[Shape], attention: str) -> Shape | None:
        """Return the shape of what a softmax makes within it, where programs give that a name; None for others."""
        return None

    def apart(self) -> Attending:
        """Return the same attention of inputs that products of their own make."""
        return self

    past: int = 0
    """Steps whose keys and values are cached, and precede those of this run; :meth:`after` sets it."""

    def after(self, steps: int) -> Attending:
        """Return the operator in a run that goes on after so many cached steps, of which it sees those in its span."""
        return self.replace(past=steps if self.span is None else min(steps, self.span - 1))

    @property
    def looks_back(self) -> bool:
        """Whether a step attends to itself and those before, so that a decoder can cache their keys and values."""
        return False

    @property
    def span(self) -> int | None:
        """How many steps one attends to, itself among them; None for all."""
        return None

    def cache(self, *shapes: Shape) -> int:
        """Return the elements of keys and values for each step of these and sample."""
        return 0

    def memory_steps(self, *shapes: Shape) -> int:
        """Return the steps of keys and values."""
        return 0
