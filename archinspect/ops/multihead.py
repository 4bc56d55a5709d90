"""Attention with its projections."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.base.shape import Mismatch, largest, normal_axis, size, text
from archinspect.ops.args import Bool, Int, Ints, Optional, arg
from archinspect.ops.attention import HEAD_SIZE, AttentionLayer, ScaledDotProductAttention, roles_of
from archinspect.ops.declared import ArgumentError
from archinspect.ops.dense import Dense
from archinspect.ops.like import ReshapeLike
from archinspect.ops.projections import _Dense, _FurtherStep, _Product, _Projection, _ToQuery
from archinspect.ops.reshape import Flatten
from archinspect.ops.rotary import RotaryEmbedding
from archinspect.ops.several import Split

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape
    from archinspect.ops.base import Emit, T
    from archinspect.ops.figures import Backward, Elements, Kept, Run, Work


class _Packed(ScaledDotProductAttention):
    """Attention after one projection that makes queries, keys and values, or keys and values, in one storage.

    PyTorch's module is one, too, where it makes each of them by itself.

    FLOPs: 2 per MAC, 6 per score, 1 per score for a causal mask or a window, 1 per score for a mask of the network's
    own, 1 per score for position biases, 3 per score for a soft cap, 5 per head and query step for a sink, 1 per score
    for the mean of the heads.
    """

    packed: int = arg("how many of the three are made together", Int(1, 3), 3)
    module: bool = arg("whether it is PyTorch's module, whose samples stand beside the heads", Bool(), default=False)

    beside: bool = arg(
        "whether the queries' storage has the keys and values, too, which further steps have moved to others",
        Bool(),
        default=False,
    )

    need_weights: bool = arg("whether the module gives the scores, too, the mean of all heads", Bool(), default=False)

    def output(self, *shapes: Shape) -> Shape:
        if self.need_weights and not self._is_beside(shapes[0]):
            message = f"need_weights is of PyTorch's module, which takes steps and features, not {text(shapes[0])}"
            raise Mismatch(message, args=("need_weights",), help="leave it out, or make samples of the further axes")
        return super().output(*shapes)

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        found = super().work(shapes, output)
        return found._replace(other=found.other + self.need_weights * self.scores(shapes))

    def backward(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Backward:
        return super().backward(shapes, output, run._replace(attention="math") if self.need_weights else run)

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        if not self.need_weights:
            return super().kept(shapes, output, run)
        found = super().kept(shapes, output, run._replace(attention="math"))
        # The queries alone are scaled: the keys are kept as they are.
        of_query, _, _ = roles_of(run.inputs)
        _, key, _ = roles_of(range(len(shapes)))
        inputs = (*{*found.inputs, *((self.fused_inputs() or (key,)) if of_query else ())},)
        return found._replace(inputs=inputs, extra=(*found.extra, ("float", -of_query * size(shapes[key]))))

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        beside = ("float", 2 * size(shapes[0]) * (self.beside and self._is_beside(shapes[0])))
        if self.need_weights:
            return (("float", self._with_scores(shapes, output)), beside)
        return (*super().workspace(shapes, output, run), beside)

    def _with_scores(self, shapes: Sequence[Shape], output: Shape) -> int:
        """Return the most elements beside inputs and output where the module keeps its scores for their mean.

        It forgets its keys before the softmax, and its values before heads are joined; their storage goes with the last
        of what lies in it.
        """
        query, key, value = roles_of(shapes)
        scores, result = self.scores(shapes), size(output)
        keys = size(key) * (self.packed == 1)
        both = (size(key) + size(value)) * (self.packed < 3)  # noqa: PLR2004 - else the queries lie there
        after = largest(result, scores // self.num_heads)  # what the projection makes, or the mean
        softmax = largest(scores, result) - keys
        return scores + largest(size(query), softmax, result + after - both) - result

    def fused_inputs(self) -> tuple[int, ...]:
        return (0, 1, 2)[-self.packed :] if self.packed > 1 else ()

    def _copies(self, query: Shape) -> bool:
        return not self._is_beside(query) and super()._copies(query)

    def _moves(self, role: int, shapes: Sequence[Shape], run: Run, *, scaled: bool = False) -> bool:
        return not self._is_beside(shapes[0]) and super()._moves(role, shapes, run, scaled=scaled)

    def _is_beside(self, query: Shape) -> bool:
        """Return whether samples stand beside the heads."""
        return self.module and len(query) == 3  # noqa: PLR2004 - batch, steps, features

    def apart(self) -> ScaledDotProductAttention:
        values = {name: value for name, value in vars(self).items() if name != "packed"}
        return ScaledDotProductAttention(num_heads=1).replace(**values)


class _Steps(Flatten):
    """Makes one axis of all that attend to each other."""

    def output(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if normal_axis(self.end_dim, len(shape), "attention_axes") != len(shape) - 2:
            message = "attention_axes are those right before the features"
            raise Mismatch(message, args=("attention_axes",), help="`Permute` brings others there")
        return super().output(shape)

    def label(self) -> str:
        return "steps, flat"


class _AsQuery(ReshapeLike):
    """Gives what attention makes the axes of the query again."""

    def output(self, *shapes: Shape) -> Shape:
        attended, query = shapes
        return (*query[:-1], attended[-1])


class MultiHeadAttention(AttentionLayer):
    """Attention with learned projections of query, key, value and output (Vaswani et al. 2017, arXiv:1706.03762).

    Its inputs are query, key and value, in this order; two are a query and a memory (cross-attention), one is
    self-attention. The steps are in the axis before the last; further axes, such as windows, are computed one by
    one. Say the size of a head, `key_dim` as in Keras, or that of all heads, `embed_dim` as in PyTorch. It is four
    `Dense` layers and a `ScaledDotProductAttention` and counts as they do.

    MACs and FLOPs: those of these layers, and 1 per score for the mean of `need_weights`.
    """

    aliases = ("GroupQueryAttention", "GroupedQueryAttention", "PackedAttention", "MHA")

    key_dim: int | None = arg(
        "size of a head's queries and keys", Optional(HEAD_SIZE), None, aliases=("head_dim", "size_per_head")
    )
    embed_dim: int | None = arg(
        "PyTorch's, instead of `key_dim`: size of all heads together, also of inputs and output",
        Optional(Int(1)),
        None,
        aliases=("d_model",),
    )
    value_dim: int | None = arg("size of a head's values; key_dim by default", Optional(HEAD_SIZE), None)
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
    packed: bool | None = arg(
        "make queries, keys and values by one product and cut it, or each by its own; by default each by its own, but "
        "with embed_dim as PyTorch's module",
        Optional(Bool()),
        None,
        aliases=("fused_qkv",),
    )
    add_bias_kv: bool = arg("PyTorch's: a learned step after those of the keys and values", Bool(), default=False)
    add_zero_attn: bool = arg("PyTorch's: a step of zeros after those of the keys and values", Bool(), default=False)
    need_weights: bool = arg(
        "PyTorch's: give the scores, too, which nobody reads; no kernel computes them", Bool(), default=False
    )
    attention_axes: tuple[int, ...] | None = arg(
        "Keras's: axes of steps, one after the other, the batch being 0; by default the one before the features",
        Optional(Ints()),
        None,
    )

    def check(self) -> None:
        super().check()
        added = next((name for name in ("add_bias_kv", "add_zero_attn", "need_weights") if getattr(self, name)), "")
        if added and not self.is_module:
            raise ArgumentError(
                f"MultiHeadAttention: {added} is of PyTorch's module: with embed_dim, and nothing that module lacks",
                added,
            )
        if (self.key_dim is None) == (self.embed_dim is None):
            raise ArgumentError(
                "MultiHeadAttention: takes either key_dim (of one head) or embed_dim (of all heads)", "key_dim"
            )
        if self.attention_axes and self.embed_dim:
            raise ArgumentError("MultiHeadAttention: attention_axes are Keras's: with key_dim", "attention_axes")
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
    def is_module(self) -> bool:  # type: ignore[override] # fixed for other operators
        """Whether it is PyTorch's module, which has the steps first and the samples beside the heads."""
        biased = self.position_biases or self.shared_position_biases
        own = self.causal or self.masked or self.window or biased or self.rotary or self.soft_cap or self.sinks
        plain = self.kv_heads == self.num_heads and self.value_dim is None and self.out_bias in (None, self.use_bias)
        return bool(
            self.embed_dim and plain and not own and self.packed is None and self.output_dim in (None, self.embed_dim)
        )

    @property
    def _head(self) -> int:
        """Size of a head's queries and keys."""
        return self.key_dim or (self.embed_dim or 0) // self.num_heads

    @property
    def _values(self) -> int:
        """Size of a head's values."""
        return self.value_dim or self._head

    def _products(self, query: T, key: T, value: T) -> tuple[int | None, ...]:
        """Return how many of queries, keys and values a product makes: 0 of one that is made with a later one."""
        if not self.is_module:
            return None, None, None
        if key is not value or not self._of_one_width:
            return 1, 1, 1
        return (0, 0, 3) if query is key else (1, 0, 2)

    def _is_joined(self, key: T, value: T) -> bool:
        """Return whether programs make keys and values, and queries of the same input, by one product."""
        own = self.rotary or self.packed is not None or self.add_bias_kv or self.add_zero_attn
        return bool(self.embed_dim) and self._of_one_width and key is value and not own

    def build(self, emit: Emit[T], inputs: Sequence[T]) -> tuple[T, ...]:
        if self.attention_axes is None or self.attention_axes == (-2,):
            return self._build(emit, inputs)
        join = _Steps(start_dim=self.attention_axes[0], end_dim=self.attention_axes[-1])
        flat: dict[int, T] = {}  # one of each input, whatever reads it
        for one in inputs:
            flat[id(one)] = flat.get(id(one)) or emit(join, [one])[0]
        (attended,) = self._build(emit, [flat[id(one)] for one in inputs])
        return emit(_AsQuery(), [attended, inputs[0]])

    def _build(self, emit: Emit[T], inputs: Sequence[T]) -> tuple[T, ...]:
        query, key, value = roles_of(inputs)
        bias, width = self.use_bias, self.embed_dim
        products = self._products(query, key, value)
        if self.packed:
            queries, keys, vectors = self._cut(emit, query, key, value)
            return self._attend(emit, inputs, *self._rotated(emit, queries, keys), vectors)
        joined = self._is_joined(key, value)
        (queries,) = emit(
            _Projection(
                units=self.num_heads * self._head,
                use_bias=bias,
                in_features=width,
                packed=products[0],
                joined=joined and query is key,
            ),
            [query],
        )
        stated = {"stated_by": "kdim", "in_features": self.kdim} if self.kdim else {"in_features": width}
        (keys,) = emit(
            _Projection(units=self.kv_heads * self._head, use_bias=bias, packed=products[1], joined=joined, **stated),
            [key],
        )
        queries, keys = self._rotated(emit, queries, keys)
        stated = {"stated_by": "vdim", "in_features": self.vdim} if self.vdim else {"in_features": width}
        (vectors,) = emit(
            _Projection(units=self.kv_heads * self._values, use_bias=bias, packed=products[2], **stated), [value]
        )
        if self.add_bias_kv or self.add_zero_attn:
            step = _FurtherStep(learned=self.add_bias_kv, zeros=self.add_zero_attn)
            (keys,), (vectors,) = (emit(step, [part]) for part in (keys, vectors))
        return self._attend(emit, inputs, queries, keys, vectors)

    def _rotated(self, emit: Emit[T], queries: T, keys: T) -> tuple[T, T]:
        """Add the rotations of queries and keys, where there are some."""
        if not self.rotary:
            return queries, keys
        queries, keys = (emit(RotaryEmbedding(dim=self._head), [part])[0] for part in (queries, keys))
        return queries, keys

    def _cut(self, emit: Emit[T], query: T, key: T, value: T) -> tuple[T, T, T]:
        """Add one product of queries, keys and values, or one of keys and values beside that of the queries."""
        widths = (self.num_heads * self._head, self.kv_heads * self._head, self.kv_heads * self._values)
        count = 3 if query is key is value else 2
        product = _Product(units=sum(widths[-count:]), use_bias=self.use_bias, in_features=self.embed_dim)
        parts = emit(
            Split(sizes=list(widths[-count:]), axis=-1), emit(product, [value] if key is value else [key, value])
        )
        if count == 3:  # noqa: PLR2004 - all
            return parts[0], parts[1], parts[2]
        (queries,) = emit(_Projection(units=widths[0], use_bias=self.use_bias, in_features=self.embed_dim), [query])
        return queries, parts[0], parts[1]

    def _attend(self, emit: Emit[T], inputs: Sequence[T], queries: T, keys: T, vectors: T) -> tuple[T, ...]:
        """Add the attention and the projection of the output."""
        query, key, value = roles_of(inputs)
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
        further = self.add_bias_kv or self.add_zero_attn
        if self._is_joined(key, value):
            attention: ScaledDotProductAttention = _Packed(
                packed=3 if query is key else 2, module=self.is_module, need_weights=self.need_weights, **same
            )
        elif self.is_module:
            beside = further and query is key is value
            attention = _Packed(packed=1, module=True, beside=beside, need_weights=self.need_weights, **same)
        else:
            attention = ScaledDotProductAttention(**same)
        (attended,) = emit(attention, [queries, keys, vectors])
        out_bias = self.use_bias if self.out_bias is None else self.out_bias
        units = self.output_dim or self.embed_dim
        if units:
            return emit((_Dense if self.is_module else Dense)(units=units, use_bias=out_bias), [attended])
        return emit(_ToQuery(use_bias=out_bias), [attended, query])

    def label(self) -> str:
        return f"attention, {self.num_heads} heads"
