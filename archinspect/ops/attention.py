"""Attention: the product of queries, keys and values, and the layers made of it."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, ClassVar

from archinspect.base.shape import Mismatch, largest, size, text
from archinspect.base.strides import in_order, of_elements, ordered, reshaped
from archinspect.ops import written_out
from archinspect.ops.args import Bool, Float, Int, Optional, arg
from archinspect.ops.attending import Attending
from archinspect.ops.declared import ArgumentError
from archinspect.ops.figures import Backward, Kept, Weight, Work

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape
    from archinspect.ops.base import T
    from archinspect.ops.figures import Elements, Run


# A head's size times the heads stays below what any size of an axis may be.
_HEADS = Int(1, 10_000)
HEAD_SIZE = Int(1, 100_000)


def roles_of(inputs: Sequence[T]) -> tuple[T, T, T]:
    """Return query, key and value: what is not given is what stands before it."""
    return inputs[0], inputs[min(1, len(inputs) - 1)], inputs[-1]


class AttentionLayer(Attending):
    """What attention has, with its projections or without."""

    inputs: ClassVar[tuple[int, int | None]] = (1, 3)
    ignores = ("batch_first", "flash_attention", "scale")

    num_heads: int = arg("heads, each with its own queries", _HEADS, aliases=("num_query_heads", "n_heads", "nhead"))
    num_kv_heads: int | None = arg(
        "heads of the keys and values, each shared by several of the queries'; as many as num_heads by default",
        Optional(_HEADS),
        None,
        aliases=("num_key_value_heads",),
    )
    causal: bool = arg(
        "mask what comes later; all scores are computed nevertheless",
        Bool(),
        default=False,
        aliases=("is_causal", "use_causal_mask"),
    )
    window: int | None = arg(
        "steps that one attends to, itself and those just before, and as many after it unless `causal`; "
        "all scores are computed nevertheless, under a mask",
        Optional(Int(1)),
        None,
        aliases=("sliding_window",),
    )
    position_biases: int = arg(
        "learned biases of a head, one for every relative position or bucket of positions: "
        "(2 * 7 - 1) ** 2 = 169 for windows of 7x7, 32 in T5",
        Int(0),
        0,
    )
    shared_position_biases: bool = arg(
        "add position biases that another layer has, as all of T5's layers do but the first",
        Bool(),
        default=False,
    )
    masked: bool = arg(
        "add a mask of the network's own to the scores, as where windows are shifted", Bool(), default=False
    )
    dropout: float = arg(
        "share of the scores that is dropped in training", Float(0, 1), 0.0, aliases=("dropout_p", "attention_dropout")
    )
    soft_cap: float | None = arg(
        "bound that the scores approach, `cap * tanh(scores / cap)`, as in Gemma 2; none by default",
        Optional(Float(0)),
        None,
        aliases=("logits_soft_cap", "attn_logit_softcapping", "attention_logits_soft_cap", "softcap"),
    )
    sinks: bool = arg(
        "a learned score of each head beside those of the keys, whose share of the softmax goes nowhere, as in gpt-oss",
        Bool(),
        default=False,
        aliases=("attention_sinks",),
    )

    @property
    def kv_heads(self) -> int:
        """Heads of the keys and values."""
        return self.num_kv_heads or self.num_heads

    @property
    def looks_back(self) -> bool:
        return self.causal

    @property
    def span(self) -> int | None:
        return self.window

    def check(self) -> None:
        if self.soft_cap == 0:
            raise ArgumentError(f"{type(self).__name__}: a soft_cap of 0 leaves no scores", "soft_cap")
        if self.num_heads % self.kv_heads:
            raise ArgumentError(
                f"{type(self).__name__}: {self.kv_heads} heads of keys do not divide {self.num_heads} heads",
                "num_kv_heads",
            )
        if self.position_biases and self.shared_position_biases:
            raise ArgumentError(
                f"{type(self).__name__}: takes either position_biases (its own) or shared_position_biases",
                "shared_position_biases",
            )


class ScaledDotProductAttention(AttentionLayer):
    """`softmax(query key^T / sqrt(d)) value` for every head (Vaswani et al. 2017, arXiv:1706.03762).

    Its inputs are query, key and value, already projected, with the heads side by side in the last axis and the
    steps in the axis before it; further axes, such as windows, are computed one by one. Two inputs are a query and a
    memory that is key and value; one is all three. With fewer heads of keys than of queries it is grouped-query
    attention (Ainslie et al. 2023, arXiv:2305.13245).

    MACs: the sizes of a head's key and value per head, query step and key step; `causal` halves nothing, as for
    PyTorch's own counter. FLOPs: 2 per MAC, 6 per score (scale 1, softmax 5), 1 per score for a causal mask or a
    window, 1 per score for a mask of the network's own, 1 per score for position biases, 3 per score for a soft cap
    (quotient, tanh, product), 5 per head and query step for a sink.

    PyTorch's function takes neither a soft cap nor sinks: `math` attention is written out with them, as `eager`.
    """

    aliases = ("SDPA",)
    num_heads: int = arg("heads, each with its own queries", _HEADS, 1, aliases=("num_query_heads", "n_heads", "nhead"))

    def output(self, *shapes: Shape) -> Shape:
        query, key, value = roles_of(shapes)
        if len(query) < 3 or query[:-2] != key[:-2] or key[:-1] != value[:-1]:  # noqa: PLR2004 - batch, steps, features
            raise Mismatch(
                f"a query {text(query)} cannot attend to keys {text(key)} and values {text(value)}",
                help="keys and values need as many steps; all axes before the steps are the same",
            )
        if query[-1] % self.num_heads or value[-1] % self.kv_heads:
            name, heads, width = ("query", self.num_heads, query[-1])
            if not query[-1] % self.num_heads:
                name, heads, width = ("value", self.kv_heads, value[-1])
            raise Mismatch(f"{heads} heads do not divide the {name}'s {width} features", args=("num_heads",))
        if query[-1] // self.num_heads * self.kv_heads != key[-1]:
            raise Mismatch(
                f"{self.num_heads} heads of a query of {query[-1]} features need {self.kv_heads} heads of keys of the "
                f"same size: {query[-1] // self.num_heads * self.kv_heads} features, not {key[-1]}",
                args=("num_heads", "num_kv_heads"),
            )
        return (*query[:-1], value[-1] // self.kv_heads * self.num_heads)

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        shape, axes = (self.position_biases, self.num_heads), ("positions", "heads")
        biases = {"position_biases": Weight(shape, axes)} if self.position_biases else {}
        return biases | ({"sinks": Weight((self.num_heads,), ("heads",))} if self.sinks else {})

    def axis_flow(self, *shapes: Shape) -> str:
        query, _, value = roles_of(shapes)
        if self.kv_heads != self.num_heads or query[-1] != value[-1]:
            return ""
        if len(shapes) == 1:
            return "... steps~ heads* -> ... steps~ heads*"
        return f"... steps heads*{', ... keys heads*' * (len(shapes) - 1)} -> ... steps heads*"

    def _seen(self, shapes: Sequence[Shape]) -> tuple[Shape, Shape, Shape]:
        """Return the shapes of query, key and value, cached steps included."""
        query, *memory = roles_of(shapes)
        key, value = [(*shape[:-2], shape[-2] + self.past, shape[-1]) for shape in memory]
        return query, key, value

    def scores(self, shapes: Sequence[Shape]) -> int:
        """Return the number of scores: one for every head, query step and key step."""
        query, key, _ = self._seen(shapes)
        return size(query[:-1]) * key[-2] * self.num_heads

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        query, key, _ = self._seen(shapes)
        macs = key[-2] * (size(query) + size(output))
        biased = self.shared_position_biases or self.position_biases > 0
        each = 6 + self._hides + self.masked + biased + 3 * (self.soft_cap is not None)
        return Work(macs, each * self.scores(shapes) + 5 * self._sunk(shapes))

    def _sunk(self, shapes: Sequence[Shape]) -> int:
        """Return how many scores of sinks there are, one for each head and query step."""
        return size(shapes[0][:-1]) * self.num_heads * self.sinks

    def _sizes(self, shapes: Sequence[Shape], output: Shape, run: Run) -> written_out.Sizes:
        """Return what takes part where attention is written out with a soft cap or sinks."""
        query, key, _ = self._seen(shapes)
        repeated = self.num_heads > self.kv_heads > 1
        moved = self._moves(0, shapes, run)
        moved_keys = not repeated and (self._moves(1, shapes, run) or (self._copies(query) and self.kv_heads == 1))
        return written_out.Sizes(
            size(query),
            *self._repeated(shapes),
            self.scores(shapes),
            self._sunk(shapes),
            mask=self.causal * query[-2] * key[-2],
            result=size(output),
            joined=self._joined(output),
            capped=self.soft_cap is not None,
            repeated=repeated,
            moved=(moved, moved_keys),
            dropped=self._dropped(shapes),
        )

    def backward(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Backward:
        query, key, _ = self._seen(shapes)
        scores, sums = key[-2] * size(query), key[-2] * size(output)
        other = self.work(shapes, output).other
        biases = Work(other=run.weights * self.scores(shapes))
        if run.attention == "fused":
            # One kernel for all gradients, which computes the scores again.
            return Backward(Work(3 * scores + 2 * sums, 2 * other), biases)
        of_query, of_key, of_value = roles_of(run.inputs)
        of_scores = of_query or of_key or run.weights
        return Backward(Work((of_query + of_key) * scores + (of_scores + of_value) * sums, of_scores * other), biases)

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        query, key, value = roles_of(range(len(shapes)))
        places = self._places(shapes) if run.weights else ()
        if run.attention == "fused":
            sums = size(output[:-1]) * self.num_heads  # the logarithm of each softmax's sum
            return Kept((query, key, value), outputs=(0,), extra=(("float32", sums), *places))
        of_query, of_key, of_value = roles_of(run.inputs)
        if self.soft_cap or self.sinks:
            learned = run.weights and bool(self.weights(*shapes))
            found = written_out.kept(
                self._sizes(shapes, output, run), (query, key, value), roles_of(run.inputs), learned=learned
            )
            # Of what one product makes, each part holds the others.
            together = () if {*found.inputs}.isdisjoint(self.fused_inputs()) else self.fused_inputs()
            return found._replace(inputs=(*{*found.inputs, *together},), extra=(*found.extra, *places))
        # Of each product, the factor beside one that needs a gradient.
        of_scores = of_query or of_key or run.weights
        keys, values = self._repeated(shapes)
        keys, values = keys * of_query, values * of_scores
        # What the softmax makes; with dropout also which scores are dropped, and what is left.
        scores, dropped = self.scores(shapes), self._dropped(shapes)
        scores = scores * of_scores + dropped * of_scores + scores * (of_value and not (of_scores and not dropped))
        grouped = self._repeats(shapes[0]) if run.attention == "eager" else self.kv_heads != self.num_heads
        if run.attention == "eager":
            needed = {query: of_key} if grouped else {query: of_key, key: of_query, value: of_scores}
            kept = tuple([place for place, factor in needed.items() if factor])
            return Kept(kept, extra=(("float", scores + (keys + values) * grouped), *places))
        scaled = size(shapes[0]) * of_key + keys
        if run.low:  # PyTorch's function computes in float32, of copies
            return Kept(extra=(("float32", scaled + values + scores), *places))
        if grouped or self._moves(2, shapes, run):
            return Kept(extra=(("float", scaled + values + scores), *places))
        return Kept((self.fused_inputs() or (value,)) if of_scores else (), extra=(("float", scaled + scores), *places))

    def _moves(self, role: int, shapes: Sequence[Shape], run: Run, *, scaled: bool = False) -> bool:
        """Return whether a product copies query, key or value, of which it makes samples and heads one axis.

        What is `scaled` is a new tensor; other things may stand between two samples of what is not.
        """
        shape, heads = self._seen(shapes)[role], self.kv_heads if role else self.num_heads
        if role in self.fused_inputs() and not scaled and self._copies(shapes[0]):
            return True
        given = [run.strides, *run.others, *[None] * len(shapes)]
        strides = (not self.past and roles_of(given[: len(shapes)])[role]) or in_order(shape)
        if scaled:
            strides = of_elements([shape], [strides], shape)
        *lead, steps, features = shape
        each = features // heads
        by_heads = (*strides[:-2], each * strides[-1], *strides[-2:])
        return reshaped((*lead, heads, steps, each), by_heads, (prod(lead) * heads, steps, each)) is None

    def biases_of_window(self, shapes: Sequence[Shape]) -> bool:
        """Return whether the position biases are those of a square window, (2 width - 1)^2 rows for width^2 steps."""
        query, key, _ = self._seen(shapes)
        steps, count = key[-2], self.position_biases
        return steps == query[-2] and count <= 4 * steps and (4 * steps + 1 - count) ** 2 == 16 * steps

    def _repeats(self, query: Shape) -> bool:
        """Return whether attention that is written out copies keys and values for several heads of queries.

        Those of a single head and sample are a view, as transformers' `repeat_kv` makes it.
        """
        return self.kv_heads != self.num_heads and (self.kv_heads > 1 or size(query[:-2]) > 1)

    def _dropped(self, shapes: Sequence[Shape]) -> int:
        """Return how many numbers say which scores are dropped; where all are, that is a single one."""
        return (1 if self.dropout == 1 else self.scores(shapes)) if self.dropout else 0

    def _places(self, shapes: Sequence[Shape]) -> Elements:
        """Return the places in the table of biases that each pass finds anew, as T5's; a window's are a buffer."""
        query, key, _ = self._seen(shapes)
        if not self.position_biases or self.biases_of_window(shapes):
            return ()
        return (("int64", query[-2] * key[-2]),)

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        added = ("float", self._added(shapes, run))
        if run.attention == "fused":
            return (("float32", size(output[:-1]) * self.num_heads), added)
        if self.soft_cap or self.sinks:
            return self._or_places((*written_out.workspace(self._sizes(shapes, output, run)), added), shapes, output)
        keys, values = self._repeated(shapes)
        scores, result = self.scores(shapes), size(output)
        if run.attention == "eager":
            repeated = (keys + values) * self._repeats(shapes[0])
            # The scores and what the softmax makes of them; then those, and the result before and after its heads
            # are joined.
            return (("float", repeated + largest(2 * scores, scores + result + self._joined(output)) - result), added)
        return self._or_places(self._of_function(shapes, output, run), shapes, output)

    def _of_function(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        """Return the workspace of PyTorch's function without a kernel, the biases and mask included that it adds."""
        if run.low:
            return (*self._of_copies(shapes, output, run), ("float", self._added(shapes, run)))
        most, result, biases = self._most(shapes, output, run), size(output), self._added(shapes, run)
        # Of what a decoder's window lets a step see, truth values, it makes a mask, too.
        mask = shapes[0][-2] * self._seen(shapes)[1][-2] * self.causal
        makes_all = self.window is None
        if self._biased:  # a causal mask is made, and added to the biases; then there is the sum alone
            making = self._given(shapes) + makes_all * (mask + largest(mask, biases))
            return (("float", largest(most, making - biases) - result), ("float", biases))
        # While a causal mask is made, there are booleans and two numbers beside it and the scaled queries.
        making = size(shapes[0]) + mask + 2
        if self.causal and makes_all and 4 * making + mask > 4 * (most + mask):
            return (("float", making - result), ("bool", mask))
        return (("float", most + mask - result), ("float", biases))

    def _or_places(self, found: Elements, shapes: Sequence[Shape], output: Shape) -> Elements:
        """Return a workspace, or that in which positions are looked up, where that is larger."""
        places, looked_up = self._places_made(shapes)
        made = looked_up - size(output)
        return (("int64", places), ("float", made)) if 2 * places + made > sum(n for _, n in found) else found

    def _most(self, shapes: Sequence[Shape], output: Shape, run: Run) -> int:
        """Return the most elements beside inputs, masks and biases, the output among them."""
        return largest(*self._moments(shapes, output, run), size(output) + self._joined(output))

    def _moments(self, shapes: Sequence[Shape], output: Shape, run: Run) -> tuple[int, int]:
        """Return the most elements before the last product, and in it, the output among them."""
        queries, (keys, values) = size(shapes[0]), self._repeated(shapes)
        scores = self.scores(shapes)
        repeated = keys + values if self.kv_heads != self.num_heads else 0
        # Queries and keys are scaled; those that are repeated stand in order already.
        moved = [self._moves(role, shapes, run, scaled=role < 2) and not (role and repeated) for role in range(3)]  # noqa: PLR2004 - values
        first = (1 + moved[0]) * queries + (1 + moved[1]) * keys + scores
        last = queries + scores + values * moved[2] + size(output)
        return repeated + largest(first, queries + 2 * scores), repeated + last

    def _of_copies(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        """Return the workspace of that function in 16 bits: it computes in float32, of copies.

        In the end it makes 16 bits of the result, and of what the softmax has made.
        """
        copies = sum(map(size, self._seen(shapes)))
        mask = shapes[0][-2] * self._seen(shapes)[1][-2] * (self.causal and not self._biased)
        before, last = (copies + mask + count for count in self._moments(shapes, output, run))
        scores, result = self.scores(shapes), size(output)
        is_last = 4 * last + 2 * (scores + result) > 4 * before
        return (("float32", last), ("float", scores)) if is_last else (("float32", before), ("float", -result))

    def _places_made(self, shapes: Sequence[Shape]) -> tuple[int, int]:
        """Return the places, and the biases, while these are looked up by how far each key stands from each query."""
        if not self._places(shapes):
            return 0, 0
        query, key, _ = self._seen(shapes)
        scores = query[-2] * key[-2]
        of_heads = self.num_heads * scores
        doubled = of_heads < 2 * scores  # before they are looked up, places are bounded by a copy
        return key[-2] + query[-2] + (1 + doubled) * scores, 0 if doubled else of_heads

    def _joined(self, output: Shape) -> int:
        """Return the elements of the copy in which heads stand side by side, which takes several of all its axes."""
        return size(output) if self.num_heads > 1 and output[-2] > 1 and output[-1] > self.num_heads else 0

    def own_strides(self, shapes: Sequence[Shape], strides: Sequence[Shape | None], output: Shape) -> Shape | None:
        if self.num_heads == 1 or output[-1] > self.num_heads:
            return None
        *lead, steps, heads = range(len(output))
        return ordered(output, [*lead, heads, steps])

    @property
    def _biased(self) -> bool:
        """Whether anything but what hides steps is added to scores."""
        return self._has_biases or self.masked

    @property
    def _has_biases(self) -> bool:
        return bool(self.position_biases or self.shared_position_biases)

    def _copies(self, query: Shape) -> bool:
        """Return whether products need copies of what they read."""
        return size(query[:-2]) > 1 and self.num_heads > 1

    def quantities(self, shapes: Sequence[Shape], output: Shape) -> dict[str, int]:
        return {"score": self.scores(shapes)}

    def _added(self, shapes: Sequence[Shape], run: Run) -> int:
        """Return the elements of what is added to every sample's scores: biases of each head, a mask of each window.

        Only attention that is written out adds one after the other: what a function takes is their sum.
        """
        query, key, _ = self._seen(shapes)
        if run.attention == "eager":
            heads = self.num_heads if self._has_biases else 0
            windows = size(query[1:-2]) if self.masked else 0
            return (heads + windows) * query[-2] * key[-2]
        by_function = not (self.soft_cap or self.sinks)
        adds = by_function and self._biased and self.causal and self.window is None  # the function adds a mask
        return self._sum(shapes) if adds else self._given(shapes)

    def _given(self, shapes: Sequence[Shape]) -> int:
        """Return the elements of what a function is given to add; a constant mask is no tensor of the pass."""
        constants = self.masked + (self.window is not None)
        return self._sum(shapes) if self._has_biases or constants > 1 else 0

    def _sum(self, shapes: Sequence[Shape]) -> int:
        query, key, _ = self._seen(shapes)
        heads = self.num_heads if self._has_biases else 1
        return heads * (size(query[1:-2]) if self.masked else 1) * query[-2] * key[-2]

    @property
    def _hides(self) -> bool:
        """Whether a step does not see all others."""
        return self.causal or self.window is not None

    def cache(self, *shapes: Shape) -> int:
        _, key, value = roles_of(shapes)
        return size(key[1:-2]) * (key[-1] + value[-1])

    def memory_steps(self, *shapes: Shape) -> int:
        return roles_of(shapes)[1][-2]

    def _repeated(self, shapes: Sequence[Shape]) -> tuple[int, int]:
        """Return the elements of keys and values when each head of the queries has its own."""
        _, key, value = self._seen(shapes)
        times = self.num_heads // self.kv_heads
        return size(key) * times, size(value) * times

    def probabilities(self, shapes: Sequence[Shape], attention: str) -> Shape | None:
        query, key, _ = self._seen(shapes)
        return (*query[:-2], self.num_heads, query[-2], key[-2]) if attention == "eager" else None

    def label(self) -> str:
        return f"attention, {self.num_heads} heads"
