"""Attention."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from archinspect.ops.source import Parameter

if TYPE_CHECKING:
    from archinspect.graph.graph import Tensor
    from archinspect.importers.keras.build import Use
    from archinspect.importers.keras.layers import Add, Made


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


def multi_head(use: Use) -> Made:
    """`MultiHeadAttention`."""
    if use.get("use_gate"):
        raise use.refuse("its gate is not known")
    roles = _roles(use)
    size = use.whole("key_dim")
    op = use.make(
        "MultiHeadAttention",
        num_heads=use.whole("num_heads"),
        key_dim=size,
        value_dim=use.whole("value_dim", size),
        output_dim=_output(use),
        use_bias=bool(use.get("use_bias", True)),
        causal=bool(use.kwargs.get("use_causal_mask")),
        masked=use.kwargs.get("attention_mask") is not None,
        window=use.get("sliding_window"),
        dropout=use.get("dropout", 0.0),
    )
    shapes = [use.shape(one)[1:] for one in roles]
    if len(shapes[0]) == 2:  # noqa: PLR2004 - steps, features
        return _with_scores(use, use.add(op, *_same(roles)), shapes)
    axes = use.get("attention_axes")
    between = list(range(1, len(shapes[0])))
    if axes not in (None, between):
        if axes != [len(shapes[0]) - 1] or _wants_scores(use):
            raise use.refuse(f"attention over the axes {axes} is not known"[:200])
        return use.add(op, *_same(roles))
    # All places of a map attend to all of another.
    flat = {
        one: use.add("Reshape", one, target_shape=[prod(shape[:-1]), shape[-1]])
        for one, shape in dict(zip(roles, shapes, strict=True)).items()
    }
    use.row = op
    x = use.add(op, *_same([flat[one] for one in roles]))
    found = use.add("Reshape", x, target_shape=[*shapes[0][:-1], use.shape(x)[-1]])
    return (found, *_scores(use, shapes, use.whole("num_heads")))


def _output(use: Use) -> int | None:
    said = use.get("output_shape")
    if said is None:
        return None
    if isinstance(said, list) and len(said) == 1:
        said = said[0]
    if type(said) is not int:
        raise use.refuse("an output_shape of several axes is not known")
    return said


def _same(roles: list[Tensor]) -> list[Tensor]:
    """Return the roles as our operator takes them: one tensor for self-attention, two for a memory."""
    query, key, value = roles
    return [query] if query is key is value else [query, key] if key is value else roles


def _with_scores(use: Use, x: Tensor, shapes: list[tuple[int, ...]]) -> Made:
    return (x, *_scores(use, shapes, use.whole("num_heads", 1))) if _wants_scores(use) else x


def _scores(use: Use, shapes: list[tuple[int, ...]], heads: int) -> list[Tensor]:
    """Return the scores, which the layer gives besides: they are made anyway, so that they cost nothing more."""
    if not _wants_scores(use):
        return []
    from archinspect.ops.tensor import Custom

    shape = [heads, *shapes[0][:-1], *shapes[1][:-1]]
    return [use.add(Custom(output_shape=shape, params=0, macs=0), use.x)]


def grouped(use: Use) -> Made:
    """`GroupQueryAttention`."""
    if use.get("use_gate"):
        raise use.refuse("its gate is not known")
    roles = _roles(use)
    op = use.make(
        "MultiHeadAttention",
        num_heads=use.whole("num_query_heads"),
        num_kv_heads=use.whole("num_key_value_heads"),
        key_dim=use.whole("head_dim"),
        use_bias=bool(use.get("use_bias", True)),
        causal=bool(use.kwargs.get("use_causal_mask")),
        masked=use.kwargs.get("attention_mask") is not None,
        window=use.get("sliding_window"),
        dropout=use.get("dropout", 0.0),
    )
    x = use.add(op, *_same(roles))
    return _with_heads(use, x, roles, use.whole("num_query_heads"))


def _with_heads(use: Use, x: Tensor, roles: list[Tensor], heads: int) -> Made:
    return (x, *_scores(use, [use.shape(one)[1:] for one in roles], heads)) if _wants_scores(use) else x


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
