"""Attention: the product of queries, keys and values, and the layers made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from archinspect.base.shape import Mismatch, largest, size, text
from archinspect.ops import written_out
from archinspect.ops.args import Bool, Choice, Float, Int, Optional, arg
from archinspect.ops.attending import Attending
from archinspect.ops.base import ArgumentError, Op
from archinspect.ops.dense import Dense, Projection
from archinspect.ops.figures import Backward, Kept, Weight, Work

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape
    from archinspect.ops.base import Emit, T
    from archinspect.ops.figures import Elements, Run

# A head's size times the heads stays below what any size of an axis may be.
_HEADS = Int(1, 10_000)
_HEAD_SIZE = Int(1, 100_000)


def _roles(inputs: Sequence[T]) -> tuple[T, T, T]:
    """Return query, key and value: what is not given is what stands before it."""
    return inputs[0], inputs[min(1, len(inputs) - 1)], inputs[-1]


class _Attention(Attending):
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


class ScaledDotProductAttention(_Attention):
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
        query, key, value = _roles(shapes)
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
        query, _, value = _roles(shapes)
        if self.kv_heads != self.num_heads or query[-1] != value[-1]:
            return ""
        if len(shapes) == 1:
            return "... steps~ heads* -> ... steps~ heads*"
        return f"... steps heads*{', ... keys heads*' * (len(shapes) - 1)} -> ... steps heads*"

    def _seen(self, shapes: Sequence[Shape]) -> tuple[Shape, Shape, Shape]:
        """Return the shapes of query, key and value, cached steps included."""
        query, *memory = _roles(shapes)
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

    def _sizes(self, shapes: Sequence[Shape], output: Shape) -> written_out.Sizes:
        """Return what takes part where attention is written out with a soft cap or sinks."""
        query, key, _ = self._seen(shapes)
        return written_out.Sizes(
            size(query),
            *self._repeated(shapes),
            self.scores(shapes),
            self._sunk(shapes),
            mask=self.causal * query[-2] * key[-2],
            result=size(output),
            capped=self.soft_cap is not None,
            repeated=self.kv_heads != self.num_heads,
            copied=self._copies(query),
            dropped=bool(self.dropout),
        )

    def backward(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Backward:
        query, key, _ = self._seen(shapes)
        scores, sums = key[-2] * size(query), key[-2] * size(output)
        other = self.work(shapes, output).other
        biases = Work(other=run.weights * self.scores(shapes))
        if run.attention == "fused":
            # One kernel for all gradients, which computes the scores again.
            return Backward(Work(3 * scores + 2 * sums, 2 * other), biases)
        of_query, of_key, of_value = _roles(run.inputs)
        of_scores = of_query or of_key or run.weights
        return Backward(Work((of_query + of_key) * scores + (of_scores + of_value) * sums, of_scores * other), biases)

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        query, key, value = _roles(range(len(shapes)))
        places = self._places(shapes) if run.weights else ()
        if run.attention == "fused":
            sums = size(output[:-1]) * self.num_heads  # the logarithm of each softmax's sum
            return Kept((query, key, value), outputs=(0,), extra=(("float32", sums), *places))
        of_query, of_key, of_value = _roles(run.inputs)
        if self.soft_cap or self.sinks:
            sinks, roles, needed = run.weights and self.sinks, (query, key, value), (of_query, of_key, of_value)
            found = written_out.kept(self._sizes(shapes, output), roles, needed, sinks=sinks)
            return found._replace(extra=(*found.extra, *places))
        # Of each product, the factor beside one that needs a gradient.
        of_scores = of_query or of_key or run.weights
        keys, values = self._repeated(shapes)
        keys, values = keys * of_query, values * of_scores
        # What the softmax makes; with dropout also which scores are dropped, and what is left.
        scores = self.scores(shapes) * (2 * of_scores + of_value if self.dropout else of_scores or of_value)
        grouped = self.kv_heads != self.num_heads
        if run.attention == "eager":
            needed = {query: of_key} if grouped else {query: of_key, key: of_query, value: of_scores}
            kept = tuple([place for place, factor in needed.items() if factor])
            return Kept(kept, extra=(("float", scores + (keys + values) * grouped), *places))
        scaled = size(shapes[0]) * of_key + keys
        if grouped or self._copies(shapes[0]):
            return Kept(extra=(("float", scaled + values + scores), *places))
        return Kept((self.fused_inputs() or (value,)) if of_scores else (), extra=(("float", scaled + scores), *places))

    def biases_of_window(self, shapes: Sequence[Shape]) -> bool:
        """Return whether the position biases are those of a square window, (2 width - 1)^2 rows for width^2 steps."""
        query, key, _ = self._seen(shapes)
        steps, count = key[-2], self.position_biases
        return steps == query[-2] and count <= 4 * steps and (4 * steps + 1 - count) ** 2 == 16 * steps

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
            return (*written_out.workspace(self._sizes(shapes, output)), added)
        queries, (keys, values) = size(shapes[0]), self._repeated(shapes)
        scores, result = self.scores(shapes), size(output)
        repeated = keys + values if self.kv_heads != self.num_heads else 0
        if run.attention == "eager":
            # The scores and what the softmax makes of them; then those, and the result before and after its heads
            # are joined.
            return (("float", repeated + largest(2 * scores, scores + 2 * result) - result), added)
        # Queries and keys are scaled, and with several samples and heads copied for the product, as are the values.
        copied = self._copies(shapes[0])
        first = (1 + copied) * (queries + keys) + scores
        last = queries + scores + values * copied + result
        most = largest(repeated + largest(first, queries + 2 * scores, last), 2 * result)
        _, key, _ = self._seen(shapes)
        mask = self.causal * shapes[0][-2] * key[-2]  # made anew, of the scores' type
        return (("float", most + mask - result), added)

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
        heads = self.num_heads if self.shared_position_biases or self.position_biases else 0
        windows = size(query[1:-2]) if self.masked else 0
        summed = heads * windows if run.attention != "eager" and not (self.soft_cap or self.sinks) else 0
        return (summed or heads + windows) * query[-2] * key[-2]

    @property
    def _hides(self) -> bool:
        """Whether a step does not see all others."""
        return self.causal or self.window is not None

    def cache(self, *shapes: Shape) -> int:
        _, key, value = _roles(shapes)
        return size(key[1:-2]) * (key[-1] + value[-1])

    def memory_steps(self, *shapes: Shape) -> int:
        return _roles(shapes)[1][-2]

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


class RotaryEmbedding(Op):
    """Rotates pairs of features by angles that grow with the step (Su et al. 2021, arXiv:2104.09864).

    No weights. FLOPs: 3 per element (two products and their sum).
    """

    kind = "embedding"
    has_kernel = True
    is_table = True
    pointwise = True
    aliases = ("RoPE", "RotaryPositionalEmbeddings")
    gives_floats = True
    ignores = ("max_wavelength", "scaling_factor", "base", "theta", "max_seq_len", "sequence_axis", "feature_axis")
    dim: int | None = arg("features of a head, only to be checked", Optional(Int(1)), None, aliases=("head_dim",))

    def output(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        head = self.dim or shape[-1]
        if head % 2:
            raise Mismatch(f"heads of {head} features cannot be rotated in pairs", args=("dim", "key_dim", "embed_dim"))
        if shape[-1] % head:
            raise Mismatch(f"{head} features of a head do not divide the input's {shape[-1]}", args=("dim",))
        return shape

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work(other=3 * size(output))

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        return (("float", 2 * size(output)),)  # both products

    def label(self) -> str:
        return "rotary"


class _Projection(Dense):
    """The projection of an attention's input, whose width one of the attention's arguments may state."""

    stated_by: str = arg("that argument", Choice("embed_dim", "kdim", "vdim"), "embed_dim")
    packed: int | None = arg(
        "how many projections one product of PyTorch's module makes, of which this is the last; 0 of the others",
        Optional(Int(0, 3)),
        None,
    )

    def output(self, *shapes: Shape) -> Shape:
        width = shapes[0][-1]
        if self.in_features not in (None, width):
            raise Mismatch(
                f"{self.stated_by} is {self.in_features}, but the input has {width} features", args=(self.stated_by,)
            )
        return super().output(*shapes)

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        if not self.packed or not self._in_module(output, run):
            return ()
        if self.packed > 1:
            # What one product makes stands side by side, and is copied apart.
            return (("float", (size(output[:-1]) > 1) * self.packed * size(output)),)
        # A bias is added to a product of several samples by itself.
        most = largest(size(shapes[0]), self.use_bias * size(output))
        return (("float", most if self._turns(output, run) else 0),)

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        if not run.weights or not self._turns(output, run):
            return super().kept(shapes, output, run)
        return Kept(extra=(("float", size(shapes[0])),)) if self.packed else Kept()

    def _in_module(self, output: Shape, run: Run) -> bool:
        """Return whether this is a part of PyTorch's module, which takes a batch of steps and holds no scores."""
        return self.packed is not None and len(output) == 3 and run.attention != "eager"  # noqa: PLR2004 - with features

    def _turns(self, output: Shape, run: Run) -> bool:
        """Return whether the module copies what it reads: it has the steps first, not several samples."""
        return self._in_module(output, run) and output[0] > 1 and output[1] > 1


class _ToQuery(Projection):
    """The projection back to the width of the query, which is its second input."""

    inputs = (2, 2)
    reads = 1
    use_bias: bool = arg("add a learned bias", Bool(), default=True)

    def output(self, *shapes: Shape) -> Shape:
        attended, query = shapes
        return (*attended[:-1], query[-1])

    def axis_flow(self, *shapes: Shape) -> str:
        return "... in, ... out -> ... out"


class _Packed(ScaledDotProductAttention):
    """Attention after one projection that makes queries, keys and values, or keys and values, in one storage.

    PyTorch's module is one, too, where it makes each of them by itself.
    """

    packed: int = arg("how many of the three are made together", Int(1, 3), 3)
    module: bool = arg("whether it is PyTorch's module, whose samples stand beside the heads", Bool(), default=False)

    def fused_inputs(self) -> tuple[int, ...]:
        return (0, 1, 2)[-self.packed :] if self.packed > 1 else ()

    def _copies(self, query: Shape) -> bool:
        return not (self.module and len(query) == 3) and super()._copies(query)  # noqa: PLR2004 - batch, steps, features

    def apart(self) -> ScaledDotProductAttention:
        values = {name: value for name, value in vars(self).items() if name != "packed"}
        return ScaledDotProductAttention(num_heads=1).replace(**values)


class MultiHeadAttention(_Attention):
    """Attention with learned projections of query, key, value and output (Vaswani et al. 2017, arXiv:1706.03762).

    Its inputs are query, key and value, in this order; two are a query and a memory (cross-attention), one is
    self-attention. The steps are in the axis before the last; further axes, such as windows, are computed one by
    one. Say the size of a head, `key_dim` as in Keras, or that of all heads, `embed_dim` as in PyTorch. It is four
    `Dense` layers and a `ScaledDotProductAttention` and counts as they do.

    MACs and FLOPs: those of these layers.
    """

    aliases = ("GroupQueryAttention", "GroupedQueryAttention", "MHA")

    key_dim: int | None = arg(
        "size of a head's queries and keys", Optional(_HEAD_SIZE), None, aliases=("head_dim", "size_per_head")
    )
    embed_dim: int | None = arg(
        "PyTorch's, instead of `key_dim`: size of all heads together, also of inputs and output",
        Optional(Int(1)),
        None,
        aliases=("d_model",),
    )
    value_dim: int | None = arg("size of a head's values; key_dim by default", Optional(_HEAD_SIZE), None)
    output_dim: int | None = arg(
        "size of the output; the query's by default", Optional(Int(1)), None, aliases=("output_shape",)
    )
    use_bias: bool = arg("add a learned bias in every projection", Bool(), default=True, aliases=("bias", "qkv_bias"))
    out_bias: bool | None = arg(
        "add a learned bias to the output; as use_bias by default", Optional(Bool()), None, aliases=("proj_bias",)
    )
    kdim: int | None = arg("PyTorch's: size of the keys' input, only to be checked", Optional(Int(1)), None)
    vdim: int | None = arg("PyTorch's: size of the values' input, only to be checked", Optional(Int(1)), None)
    rotary: bool = arg("rotate queries and keys as `RotaryEmbedding` does", Bool(), default=False)

    def check(self) -> None:
        super().check()
        if (self.key_dim is None) == (self.embed_dim is None):
            raise ArgumentError(
                "MultiHeadAttention: takes either key_dim (of one head) or embed_dim (of all heads)", "key_dim"
            )
        if self.embed_dim and self.embed_dim % self.num_heads:
            raise ArgumentError(
                f"MultiHeadAttention: {self.num_heads} heads do not divide an embed_dim of {self.embed_dim}",
                "embed_dim",
            )

    @property
    def _of_one_width(self) -> bool:
        """Whether keys and values are made of tensors as wide as the query's."""
        return all(width in (None, self.embed_dim) for width in (self.kdim, self.vdim))

    @property
    def is_module(self) -> bool:
        """Whether it is PyTorch's module, which has the steps first and the samples beside the heads."""
        biased = self.position_biases or self.shared_position_biases
        own = self.causal or self.masked or self.window or biased or self.rotary or self.soft_cap or self.sinks
        plain = self.kv_heads == self.num_heads and self.value_dim is None and self.out_bias in (None, self.use_bias)
        return bool(self.embed_dim and plain and not own and self.output_dim in (None, self.embed_dim))

    def _products(self, query: T, key: T, value: T) -> tuple[int | None, ...]:
        """Return how many of queries, keys and values a product makes: 0 of one that is made with a later one."""
        if not self.is_module:
            return None, None, None
        if key is not value or not self._of_one_width:
            return 1, 1, 1
        return (0, 0, 3) if query is key else (1, 0, 2)

    def build(self, emit: Emit[T], inputs: Sequence[T]) -> tuple[T, ...]:
        query, key, value = _roles(inputs)
        head = self.key_dim or (self.embed_dim or 0) // self.num_heads
        values = self.value_dim or head
        bias, width = self.use_bias, self.embed_dim
        products = self._products(query, key, value)
        (queries,) = emit(
            _Projection(units=self.num_heads * head, use_bias=bias, in_features=width, packed=products[0]), [query]
        )
        stated = {"stated_by": "kdim", "in_features": self.kdim} if self.kdim else {"in_features": width}
        (keys,) = emit(_Projection(units=self.kv_heads * head, use_bias=bias, packed=products[1], **stated), [key])
        if self.rotary:
            (queries,), (keys,) = (emit(RotaryEmbedding(dim=head), [part]) for part in (queries, keys))
        stated = {"stated_by": "vdim", "in_features": self.vdim} if self.vdim else {"in_features": width}
        (vectors,) = emit(
            _Projection(units=self.kv_heads * values, use_bias=bias, packed=products[2], **stated), [value]
        )
        same = {
            "num_heads": self.num_heads,
            "num_kv_heads": self.num_kv_heads,
            "causal": self.causal,
            "window": self.window,
            "position_biases": self.position_biases,
            "shared_position_biases": self.shared_position_biases,
            "masked": self.masked,
            "dropout": self.dropout,
            "soft_cap": self.soft_cap,
            "sinks": self.sinks,
        }
        # As PyTorch's, unless keys and values differ in what they are made of.
        if self.embed_dim and self._of_one_width and key is value and not self.rotary:
            attention: ScaledDotProductAttention = _Packed(
                packed=3 if query is key else 2, module=self.is_module, **same
            )
        elif self.is_module:
            attention = _Packed(packed=1, module=True, **same)
        else:
            attention = ScaledDotProductAttention(**same)
        (attended,) = emit(attention, [queries, keys, vectors])
        out_bias = bias if self.out_bias is None else self.out_bias
        units = self.output_dim or self.embed_dim
        if units:
            return emit(Dense(units=units, use_bias=out_bias), [attended])
        return emit(_ToQuery(use_bias=out_bias), [attended, query])

    def label(self) -> str:
        return f"attention, {self.num_heads} heads"
