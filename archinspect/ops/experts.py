"""Layers that use a part of their weights for each step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.base.shape import Mismatch, largest, size, smallest
from archinspect.ops.activation import ActivationKind
from archinspect.ops.args import Bool, Int, arg
from archinspect.ops.base import ArgumentError, Op
from archinspect.ops.figures import Backward, Kept, Weight, Work

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape
    from archinspect.ops.base import Emit, T
    from archinspect.ops.figures import Elements, Run


class MixtureOfExperts(Op):
    """Sends every step to a few of many small networks (Shazeer et al. 2017, arXiv:1701.06538).

    An expert is two projections with an activation between them, to `units` features and back, without biases; if
    `gated`, a third projection multiplies the activation (Shazeer 2020, arXiv:2002.05202). A `Dense` layer without
    bias, the router, chooses. All experts have parameters; only the chosen ones and those that are always used are
    active and have MACs.

    MACs: a step's features per expert (the router), and 2 * features * units, if gated 3, per expert that is used.
    FLOPs: 2 per MAC, the activation's per unit that is used, 1 per unit that is used if gated, 5 per expert's score,
    2 * used - 1 per output element (the weighted sum of the experts used).
    """

    kind = "dense"
    has_kernel = True
    gives_floats = True
    pointwise = True
    aliases = ("MoE",)

    num_experts: int = arg("experts to choose from", Int(1), aliases=("num_local_experts",))
    units: int = arg("features inside an expert", Int(1), aliases=("intermediate_size", "hidden_dim"))
    top_k: int = arg("experts chosen for a step", Int(1), 2, aliases=("num_experts_per_tok", "k"))
    shared_experts: int = arg("experts that are used by every step besides", Int(0), 0)
    gated: bool = arg("multiply the activation by a third projection", Bool(), default=True)
    activation: Op | None = arg("the activation inside an expert", ActivationKind(), "silu")

    @property
    def used(self) -> int:
        """Experts that a step goes to."""
        return self.top_k + self.shared_experts

    def check(self) -> None:
        if self.top_k > self.num_experts:
            raise ArgumentError(
                f"MixtureOfExperts: a step cannot go to {self.top_k} of {self.num_experts} experts", "top_k"
            )

    def build(self, emit: Emit[T], inputs: Sequence[T]) -> tuple[T, ...]:
        return emit(self, inputs)

    def output(self, *shapes: Shape) -> Shape:
        if len(shapes[0]) == 1:
            raise Mismatch("needs an input of at least one axis")
        return shapes[0]

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        features = shapes[0][-1]
        experts = self.num_experts + self.shared_experts
        return {
            "router": Weight((features, self.num_experts), ("in", "experts")),
            "experts": Weight(
                (experts, 2 + self.gated, features, self.units),
                ("experts", "projections", "channels", "hidden"),
                used=self.used,
            ),
        }

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        steps, hidden = size(output[:-1]), (*output[:-1], self.used * self.units)
        macs = output[-1] * (steps * self.num_experts + (2 + self.gated) * size(hidden))
        inside = self.activation.work([hidden], hidden).other if self.activation else 0
        inside += size(hidden) * self.gated
        return Work(macs, inside + 5 * steps * self.num_experts + (2 * self.used - 1) * size(output))

    def backward(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Backward:
        macs, other = self.work(shapes, output)
        # What is inside an expert needs its gradient even where the input does not.
        inside = self.used * self.units * size(output)
        return Backward(Work(macs if run.inputs[0] else inside, other), Work(run.weights * macs))

    def weights_read(self, shapes: Sequence[Shape], output: Shape) -> int:
        router, experts = self.weights(*shapes).values()
        read = smallest(self.num_experts, size(output[:-1]) * self.top_k) + self.shared_experts
        return size(router.shape) + read * size(experts.shape[1:])

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        # Of an expert: what the activation needs and gives, the gate and its product, and what the score weighs.
        steps, hidden = size(output[:-1]), (*output[:-1], self.units)
        inside = self.activation.kept([hidden], hidden, run) if self.activation else Kept()
        tensors = 1 + len(inside.inputs) + 2 * self.gated
        expert = tensors * size(hidden) + sum(count for _, count in inside.extra) + size(output)
        return Kept((0,), extra=(("float", steps * self.num_experts + self.used * expert),))

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        # Beside the scores: an expert's hidden tensors, and the sum of the experts before; then the last hidden one,
        # what comes back of it and that times its score.
        steps, total = size(output[:-1]), size(output)
        hidden, before = steps * self.units, total * (self.used > 1)
        inside = (2 + self.gated) * hidden + before
        return (("float", steps * self.num_experts + largest(inside, hidden + 2 * total + before) - total),)

    def quantities(self, shapes: Sequence[Shape], output: Shape) -> dict[str, int]:
        steps, hidden = size(output[:-1]), self.used * self.units
        projected = self.num_experts + (1 + self.gated) * hidden + self.used * output[-1]
        return {"hidden": steps * hidden, "inside": steps * projected}

    def variants(self, *shapes: Shape) -> tuple[str, ...]:
        return (f"MixtureOfExperts.{type(self.activation).__name__}",) if self.activation else ()

    def label(self) -> str:
        return f"{self.top_k} of {self.num_experts} experts"
