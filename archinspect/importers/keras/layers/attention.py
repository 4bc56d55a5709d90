"""Attention."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, NamedTuple

from archinspect.ops.source import Parameter
from archinspect.ops.tensor import Custom

if TYPE_CHECKING:
    from archinspect.base.shape import Shape
    from archinspect.graph.graph import Tensor
    from archinspect.importers.keras.build import Use
    from archinspect.importers.keras.layers import Add, Made
    from archinspect.ops.base import Op


def _roles(use: Use) -> list[Tensor]:
    """Return query, key and value: Keras has the value before the key, and takes it for the key without one."""
    named = [use.kwargs.get(name) for name in ("query", "value", "key")]
    given = [one for one in use.args if hasattr(one, "producer")]
    if len(use.args) == 1 and isinstance(use.args[0], list):
        given = use.inputs
    found = [*given, *[None] * 3][:3]
    query, value, key = (found[at] if one is None else one for at, one in enumerate(named))
    if query is None or value is None:
        raise use.refuse("it reads no query, or no value")
    key = value if key is None else key
    roles = [query, key, value]
    if any(not hasattr(one, "producer") for one in roles):
        raise use.refuse("query, key and value must be tensors")
    return roles


def _wants_scores(use: Use) -> bool:
    return bool(use.kwargs.get("return_attention_scores"))


class Heads(NamedTuple):
    """Sizes of a layer with heads."""

    heads: int
    kv_heads: int
    size: int
    """Of a head's keys."""
    values: int
    out: int | None
    """Features of the output; the query's without."""


def multi_head(use: Use) -> Made:
    """`MultiHeadAttention`."""
    size = use.whole("key_dim")
    heads = use.whole("num_heads")
    sizes = Heads(heads, heads, size, use.whole("value_dim", size), _output(use))
    roles = _roles(use)
    shapes = [use.shape(one)[1:] for one in roles]
    places = len(shapes[0]) - 1
    axes = use.get("attention_axes")
    axes = list(range(1, places + 1)) if axes is None else [axis % (places + 2) for axis in axes]
    if axes == [places]:
        return _attend(use, sizes, roles)
    # The axes that attend go to the end, and become one.
    others = [axis for axis in range(1, places + 1) if axis not in axes]
    order = [*others, *axes, places + 1]
    flat = {one: _gathered(use, one, order, len(others)) for one in dict.fromkeys(roles)}
    made = _attend(use, sizes, [flat[one] for one in roles])
    x = made[0] if isinstance(made, tuple) else made
    across = [*[shapes[0][axis - 1] for axis in order[:-1]], use.shape(x)[-1]]
    x = use.add("Reshape", x, target_shape=across)
    if order != sorted(order):
        x = use.add("Permute", x, dims=[order.index(axis) + 1 for axis in range(1, places + 2)])
    if not isinstance(made, tuple):
        return x
    return x, use.add(Custom(output_shape=[*_shape_of_scores(shapes, heads, axes, others)], params=0, macs=0), made[1])


def _gathered(use: Use, x: Tensor, order: list[int], others: int) -> Tensor:
    shape = use.shape(x)
    if order != sorted(order):
        x = use.add("Permute", x, dims=order)
    if len(order) - others > 2:  # noqa: PLR2004 - several axes of steps, and the features
        steps = prod(shape[axis] for axis in order[others:-1])
        x = use.add("Reshape", x, target_shape=[*[shape[axis] for axis in order[:others]], steps, shape[-1]])
    return x


def _shape_of_scores(shapes: list[Shape], heads: int, axes: list[int], others: list[int]) -> list[int]:
    query, key = ([shape[axis - 1] for axis in axes] for shape in shapes[:2])
    return [*[shapes[0][axis - 1] for axis in others], heads, *query, *key]


def _output(use: Use) -> int | None:
    said = use.get("output_shape")
    if said is None:
        return None
    if isinstance(said, list) and len(said) == 1:
        said = said[0]
    if type(said) is not int:
        raise use.refuse("an output_shape of several axes is not known")
    return said


def grouped(use: Use) -> Made:
    """`GroupQueryAttention`."""
    size = use.whole("head_dim")
    sizes = Heads(use.whole("num_query_heads"), use.whole("num_key_value_heads"), size, size, None)
    return _attend(use, sizes, _roles(use))


def _attend(use: Use, sizes: Heads, roles: list[Tensor]) -> Made:
    """Add attention over the axis before the last."""
    same = {
        "num_heads": sizes.heads,
        "num_kv_heads": sizes.kv_heads,
        "causal": bool(use.kwargs.get("use_causal_mask")),
        "masked": use.kwargs.get("attention_mask") is not None,
        "window": use.get("sliding_window"),
        "dropout": use.get("dropout", 0.0),
    }
    biased = bool(use.get("use_bias", True))
    layer = use.make(
        "MultiHeadAttention",
        key_dim=sizes.size,
        value_dim=sizes.values,
        output_dim=sizes.out,
        use_bias=biased,
        **same,
    )
    query, key, value = roles
    if use.get("use_gate"):
        x = _gated(use, sizes, roles, use.make("ScaledDotProductAttention", **same))
    else:
        x = use.add(layer, *([query] if query is key is value else [query, key] if key is value else roles))
    if not _wants_scores(use):
        return x
    shape = use.shape(query)
    scores = [*shape[1:-2], sizes.heads, shape[-2], use.shape(key)[-2]]
    # They are made anyway, so that they cost nothing more.
    return x, use.add(Custom(output_shape=[*scores], params=0, macs=0), query)


def _gated(use: Use, sizes: Heads, roles: list[Tensor], attention: Op) -> Tensor:
    """Add attention whose result a sigmoid of the query weighs."""
    query, key, value = roles
    use.row = attention
    biased = bool(use.get("use_bias", True))

    def dense(x: Tensor, units: int, **args: str) -> Tensor:
        return use.add("Dense", x, units=units, use_bias=biased, **args)

    gate = dense(query, sizes.heads * sizes.values, activation="sigmoid")
    queries = dense(query, sizes.heads * sizes.size)
    keys, values = dense(key, sizes.kv_heads * sizes.size), dense(value, sizes.kv_heads * sizes.values)
    attended = use.add("Multiply", use.add(attention, queries, keys, values), gate)
    return dense(attended, sizes.out or use.shape(query)[-1])


def products(use: Use) -> Made:
    """`Attention` (Luong): a softmax of products, with a learned scale if asked for."""
    query, key, value = _roles(use)
    if use.get("score_mode", "dot") == "concat":
        return _added(use, learned=1)
    scores = use.add("MatMul", query, key, transpose_b=True)
    if use.get("use_scale"):
        scale = use.source(Parameter(shape=[1] * (len(use.shape(scores)) - 1)))
        scores = use.add("Multiply", scores, scale)
    return _weighed(use, scores, value)


def sums(use: Use) -> Made:
    """`AdditiveAttention` (Bahdanau): a softmax of `sum(tanh(query + key))`, each feature scaled."""
    return _added(use, learned=use.shape(_roles(use)[0])[-1] if use.get("use_scale", True) else 0)


def _added(use: Use, learned: int) -> Made:
    query, key, value = _roles(use)
    queries, keys, width = use.shape(query)[1], use.shape(key)[1], use.shape(query)[-1]
    both = use.add(
        "Add",
        use.add("Reshape", query, target_shape=[queries, 1, width]),
        use.add("Reshape", key, target_shape=[1, keys, width]),
    )
    both = use.add("Tanh", both)
    if learned > 1:
        both = use.add("Multiply", both, use.source(Parameter(shape=[1, 1, learned])))
    scores = use.add("ReduceSum", both, axis=-1)
    if learned == 1:
        scores = use.add("Multiply", scores, use.source(Parameter(shape=[1, 1])))
        if use.get("use_scale"):
            scores = use.add("Multiply", scores, use.source(Parameter(shape=[1, 1])))
    return _weighed(use, scores, value)


def _weighed(use: Use, scores: Tensor, value: Tensor) -> Made:
    weights = use.add("Softmax", scores)
    x = use.add("MatMul", weights, value)
    return (x, weights) if _wants_scores(use) else x


LAYERS: dict[str, Add] = {
    "MultiHeadAttention": multi_head,
    "GroupQueryAttention": grouped,
    "GroupedQueryAttention": grouped,
    "Attention": products,
    "AdditiveAttention": sums,
}
