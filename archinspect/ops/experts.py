"""Layers that use a part of their weights for each step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.base.shape import Mismatch, ceil_div, largest, scaled, size, smallest
from archinspect.ops.activation import ActivationKind
from archinspect.ops.args import Bool, Choice, Float, Int, Optional, arg
from archinspect.ops.declared import ArgumentError
from archinspect.ops.dense import copied_as_rows
from archinspect.ops.figures import DTYPES, Backward, Kept, Weight, Work
from archinspect.ops.tape import Recorded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape
    from archinspect.ops.base import Emit, Op, T
    from archinspect.ops.figures import Elements, Run
    from archinspect.ops.tape import Tape, Value, Weights


class MixtureOfExperts(Recorded):
    """Sends every step to a few of many small networks (Shazeer et al. 2017, arXiv:1701.06538).

    An expert is two projections with an activation between them, to `units` features and back, without biases unless
    `use_bias`; if `gated`, a third projection multiplies the activation (Shazeer 2020, arXiv:2002.05202). A `Dense`
    layer, the router, chooses. All experts have parameters; only the chosen ones and those that are always used are
    active and have MACs.

    MACs: a step's features per expert (the router), and 2 * features * units, if gated 3, per expert that is used; with
    a capacity, per place of an expert. FLOPs: 2 per MAC, the activation's per unit that is used, 1 per unit that is
    used if gated, 4 per unit that is used with a limit, 1 per element that a projection with bias makes, 5 per expert's
    score with softmax, 5 per chosen expert's score with softmax of the chosen, 4 per expert's score with sigmoid, 1 per
    expert's score for its bias, 1 per group of experts (its two largest scores), 2 * top_k - 1 per step with sigmoid,
    2 * used - 1 per output element (the weighted sum of the experts used).
    """

    memory_order = "kept"
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
    limit: float | None = arg(
        "bound of the activation's input and of what multiplies it, to which 1 is added, as gpt-oss's; none by default",
        Optional(Float(0)),
        None,
        aliases=("swiglu_limit",),
    )
    use_bias: bool = arg("add a bias in every projection of an expert, and in the router", Bool(), default=False)
    scoring: str = arg(
        "what makes scores of the router's sums: softmax, softmax_of_chosen, which sees those chosen alone, or sigmoid "
        "and a division by the sum of those chosen",
        Choice("softmax", "softmax_of_chosen", "sigmoid"),
        "softmax",
        aliases=("scoring_func", "score_function"),
    )
    groups: int = arg(
        "groups of experts, of which a step goes to few: to those whose two largest scores are most together",
        Int(1),
        1,
        aliases=("n_group", "num_expert_groups"),
    )
    top_k_groups: int | None = arg(
        "groups that a step may go to; all by default", Optional(Int(1)), None, aliases=("topk_group",)
    )
    score_bias: bool = arg(
        "a number of each expert, a buffer, that is added to its scores for the choice alone, as DeepSeek-V3's",
        Bool(),
        default=False,
        aliases=("e_score_correction_bias",),
    )
    capacity_factor: float | None = arg(
        "places of an expert for the steps of a sample, as a multiple of what come on average: steps beyond are "
        "dropped, and free places computed; as many as come by default",
        Optional(Float(0)),
        None,
    )
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
        if self.num_experts % self.groups:
            raise ArgumentError(
                f"MixtureOfExperts: {self.groups} groups do not divide {self.num_experts} experts", "groups"
            )
        within = (self.top_k_groups or self.groups) * (self.num_experts // self.groups)
        if within > self.num_experts or self.top_k > within:
            raise ArgumentError(
                f"MixtureOfExperts: a step cannot go to {self.top_k} experts of {self.top_k_groups} of "
                f"{self.groups} groups",
                "top_k_groups",
            )
        if self.limit is not None and not self.gated:
            raise ArgumentError("MixtureOfExperts: a limit is for gated experts", "limit")
        if self.capacity_factor == 0:
            raise ArgumentError("MixtureOfExperts: a capacity_factor of 0 leaves no places", "capacity_factor")

    def build(self, emit: Emit[T], inputs: Sequence[T]) -> tuple[T, ...]:
        return emit(self, inputs)

    def output(self, *shapes: Shape) -> Shape:
        if len(shapes[0]) == 1:
            raise Mismatch("needs an input of at least one axis")
        return shapes[0]

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        features = shapes[0][-1]
        experts = self.num_experts + self.shared_experts
        biases = {}
        if self.use_bias:
            each = (1 + self.gated) * self.units + features
            biases["biases"] = Weight((experts, each), ("experts", "channels"), used=self.used)
            biases["router_bias"] = Weight((self.num_experts,), ("experts",))
        if self.score_bias:
            biases["score_bias"] = Weight((self.num_experts,), ("experts",), parameter=False)
        return {
            "router": Weight((features, self.num_experts), ("in", "experts")),
            "experts": Weight(
                (experts, 2 + self.gated, features, self.units),
                ("experts", "projections", "channels", "hidden"),
                used=self.used,
            ),
            **biases,
        }

    def _rows(self, output: Shape) -> int:
        """Return how many steps all experts compute together, or places where they have a capacity."""
        steps = size(output[:-1])
        if self.capacity_factor is None:
            return self.used * steps
        return output[0] * self.num_experts * self._places(output) + self.shared_experts * steps

    def _places(self, output: Shape) -> int:
        """Return how many steps of a sample an expert takes at most."""
        assert self.capacity_factor is not None  # else there is no bound
        return ceil_div(scaled(size(output[1:-1]) * self.top_k, self.capacity_factor), self.num_experts)

    @property
    def _scored(self) -> int:
        """Return how many experts of a step have a score."""
        return self.top_k if self.scoring == "softmax_of_chosen" else self.num_experts

    def _choice(self, output: Shape) -> int:
        """Return the FLOPs of scores and choice."""
        steps, sigmoid = size(output[:-1]), self.scoring == "sigmoid"
        scores = steps * ((5 - sigmoid) * self._scored + (self.score_bias + self.use_bias) * self.num_experts)
        return scores + steps * (self.groups * (self.groups > 1) + (2 * self.top_k - 1) * sigmoid)

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        steps, hidden = size(output[:-1]), (self._rows(output), self.units)
        macs = output[-1] * (steps * self.num_experts + (2 + self.gated) * size(hidden))
        inside = self.activation.work([hidden], hidden).other if self.activation else 0
        inside += size(hidden) * (self.gated + 4 * (self.limit is not None))
        inside += self._rows(output) * self.use_bias * ((1 + self.gated) * self.units + output[-1])
        return Work(macs, inside + self._choice(output) + (2 * self.used - 1) * size(output))

    def backward(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Backward:
        macs, other = self.work(shapes, output)
        # What is inside an expert needs its gradient even where the input does not.
        inside = self._rows(output) * self.units * output[-1]
        return Backward(Work(macs if run.inputs[0] else inside, other), Work(run.weights * macs))

    def weights_read(self, shapes: Sequence[Shape], output: Shape) -> int:
        read = smallest(self.num_experts, size(output[:-1]) * self.top_k) + self.shared_experts
        weights = [weight for weight in self.weights(*shapes).values() if weight.parameter]
        return sum([read * size(one.shape[1:]) if one.used else size(one.shape) for one in weights])

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        # Of an expert: what the activation needs and gives, the gate and its product, and what the score weighs.
        steps, rows = size(output[:-1]), self._rows(output)
        hidden = (rows, self.units)
        inside = self.activation.kept([hidden], hidden, run) if self.activation else Kept()
        # A limit keeps what it bounds, beside what the activation reads of it. What projections read is for their
        # weights alone; the last one of two may read what the activation keeps itself.
        read = bool(run.weights or (inside.outputs and not self.gated))
        tensors = read + len(inside.inputs) + 2 * (self.gated + (self.limit is not None))
        experts = tensors * size(hidden) + sum(count for _, count in inside.extra)
        # The chosen scores as they are divided, and by what.
        divided = steps * (self.top_k + 1) * (self.scoring == "sigmoid")
        own, indices = self._of_choice(steps, rows, output, run)
        # The router reads its input, and so does each projection of an expert that all steps use.
        copied = copied_as_rows(shapes[0], run) * (1 + self.shared_experts * (1 + self.gated)) * run.weights
        reads = (0,) if run.weights and not copied else ()
        return Kept(reads, extra=(("float", divided + experts + own + copied), ("int64", indices)))

    def _of_choice(self, steps: int, rows: int, output: Shape, run: Run) -> tuple[int, int]:
        """Return the floats and the indices that are kept as experts are chosen; `rows` are what experts compute.

        What an expert reads is copied together, and what it makes is multiplied by a score. As many come as chose it,
        each with its score and its place; and it is kept who was chosen.
        """
        scores = steps * self._scored
        if self.capacity_factor is not None:
            return scores + (1 + run.weights) * (rows - self.shared_experts * steps) * output[-1], 0
        chosen = steps * self.top_k
        chosen_from = steps * self.num_experts * (self.scoring == "softmax_of_chosen")
        return scores + chosen_from + chosen * ((1 + run.weights) * output[-1] + 1), chosen * (1 + len(output))

    def of_kernel(self, attention: str) -> bool:
        return False

    def loops(self, shapes: Sequence[Shape]) -> int:
        return 1

    def record(self, tape: Tape, given: Sequence[Value], weights: Weights, steps: int) -> tuple[Value, ...]:
        (x,) = given
        rows = size(x.shape[:-1])
        copied = copied_as_rows(x.shape, tape.run)
        shares = self._shares(
            tape, tape.product(tape.copy(x) if copied else x, weights["router"], rows, self.num_experts)
        )
        for _ in range(self.shared_experts):
            self._expert(tape, [tape.copy(x) if copied else x for _ in range(1 + self.gated)], (1, rows))
        found = self._rows(x.shape) - self.shared_experts * rows
        read = tape.copy(x, (found, x.shape[-1]))
        made = self._expert(tape, [read] * (1 + self.gated), (self.num_experts, found))
        if self.capacity_factor is not None:  # places have parts of the scores of all steps
            tape.times(made, shares.view(found, 1))
        else:
            tape.times(made, tape.copy(shares, (found, 1)))
            tape.keep(tape.new("int64", (found, 1 + len(x.shape))), wanted=True)
        return (tape.copy(x),)

    def _shares(self, tape: Tape, scores: Value) -> Value:
        """Write down the scores of a step's chosen experts, of those of all."""
        shape = (scores.shape[0], self.top_k)
        if self.scoring == "softmax_of_chosen":
            tape.keep(scores, wanted=scores.needed and self.capacity_factor is None)
            return tape.exp(tape.copy(scores, shape))
        scores = tape.exp(scores) if self.scoring == "softmax" else tape.squash(scores)
        chosen = tape.copy(scores, shape) if self.capacity_factor is None else scores.view(*shape)
        if self.scoring == "softmax":
            return chosen
        return tape.over(chosen, tape.new(tape.high, (*shape[:1], 1), needed=chosen.needed))

    def _expert(self, tape: Tape, reads: Sequence[Value], sizes: tuple[int, int]) -> Value:
        """Write down experts, so many with so many rows in all, whose one or two projections read these."""
        (experts, rows), features = sizes, reads[0].shape[-1]

        def kernel() -> Value:
            return tape.new(tape.low, (experts, features, self.units), needed=tape.run.weights)

        up, *gates = (tape.product(one, kernel(), rows, self.units) for one in reads)
        up, *gates = (tape.absolute(one) for one in (up, *gates)) if self.limit is not None else (up, *gates)
        hidden = tape.apply(self.activation, up) if self.activation else up
        for gate in gates:
            hidden = tape.times(hidden, tape.plus(gate) if self.limit is not None else gate)
        return tape.product(hidden, kernel(), rows, features)

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        # While scores are made: each with what it is made of, what the choice adds or leaves out, and those chosen.
        # Then the sum is there, and one expert's steps, all of them: its hidden tensors, or what it makes of the last.
        steps, total = size(output[:-1]), size(output)
        sigmoid = self.scoring == "sigmoid"
        hidden = steps * self.units
        inside = largest((2 + self.gated + (self.limit is not None)) * hidden, (1 + self.gated) * hidden + total)
        if self.activation:  # some are made of several operations
            rows = (steps, self.units)
            within = sum(count for _, count in self.activation.workspace([rows], rows, run))
            inside = largest(inside, 2 * hidden + within)
        if self.capacity_factor is not None:
            # What an expert reads, and what the one before has made; then also what it makes, twice.
            scores = steps * (self.top_k if sigmoid else self._scored)
            making = (1 + sigmoid) * steps * self.num_experts + steps * self._scored - total
            places = output[0] * self._places(output)
            hidden, read = places * self.units, places * output[-1]
            of_places = largest(2 * read + (2 + self.gated) * hidden, hidden + 3 * read)
            of_all = largest(inside, 2 * total) * bool(self.shared_experts)
            return (("float", largest(making, scores + of_places, scores + of_all)),)
        scored, chosen = steps * self.num_experts, steps * self.top_k
        late, grouped = self.scoring == "softmax_of_chosen", self.groups > 1
        choosing = (1 + self.score_bias + grouped) * scored + (1 + sigmoid + late) * chosen + steps * sigmoid
        of_groups = steps * self.groups * grouped
        two = smallest(2, self.num_experts // self.groups) * of_groups
        best = steps * (self.top_k_groups or self.groups) * grouped
        computing = chosen + largest(total + inside, 2 * total + steps)
        before_groups = (1 + self.score_bias) * scored - total
        moments: tuple[Elements, ...] = (
            (("float", (2 - late) * scored - total),),
            # The two largest scores of each group; then those groups that are left out.
            (("float", before_groups + two), ("int64", two)),
            (("float", before_groups + 3 * of_groups), ("int64", best)),
            (("float", choosing + of_groups - total), ("int64", chosen + best), ("bool", of_groups)),
            (("float", computing), ("int64", chosen + steps * len(output))),
        )
        return max(moments, key=_in_float32)

    def quantities(self, shapes: Sequence[Shape], output: Shape) -> dict[str, int]:
        steps, rows = size(output[:-1]), self._rows(output)
        projected = rows * ((1 + self.gated) * self.units + output[-1])
        return {"hidden": rows * self.units, "inside": steps * self.num_experts + projected}

    def variants(self, *shapes: Shape) -> tuple[str, ...]:
        return (f"MixtureOfExperts.{type(self.activation).__name__}",) if self.activation else ()

    def label(self) -> str:
        return f"{self.top_k} of {self.num_experts} experts"


def _in_float32(elements: Elements) -> int:
    """Return the size of tensors where the network computes in float32."""
    return sum([DTYPES[dtype] * count for dtype, count in elements])
