"""Attention, rotations by position, and mixtures of experts."""

from __future__ import annotations

from functools import partial
from math import isqrt, prod
from typing import TYPE_CHECKING

import numpy as np

from archinspect.exporters.onnx.elements import OPERATORS as ELEMENTS
from archinspect.exporters.onnx.use import Inside
from archinspect.exporters.onnx.writer import Value
from archinspect.exporters.orders import spec_order

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from archinspect.base.shape import Shape
    from archinspect.exporters.onnx.use import Use
    from archinspect.graph.graph import Node


def _heads_apart(use: Use, name: str, shape: Shape, heads: int) -> str:
    """Return [batch, windows and heads, steps, features of a head] of a tensor with any axes before its steps."""
    *lead, steps, features = shape[1:]
    apart = use.reshape(name, prod(lead), steps, heads, features // heads)
    turned = use.emit("Transpose", apart, perm=[0, 1, 3, 2, 4])
    return use.reshape(turned, prod(lead) * heads, steps, features // heads)


def _heads_together(use: Use, name: str, shape: Shape, heads: int) -> str:
    """Return what :func:`_heads_apart` was made of, of this shape."""
    *lead, steps, features = shape[1:]
    apart = use.reshape(name, prod(lead), heads, steps, features // heads)
    turned = use.emit("Transpose", apart, perm=[0, 1, 3, 2, 4])
    return use.reshape(turned, *lead, steps, features)


def attention(use: Use) -> Value:
    """`ScaledDotProductAttention`: ONNX's `Attention`; what lies in windows is there more heads."""
    op = use.op
    last = len(use.shapes) - 1
    roles = (0, min(1, last), last)
    heads = (op.num_heads, op.kv_heads, op.kv_heads)
    names = [use.spec(index) for index in roles]
    query, key = use.shapes[0], use.shapes[roles[1]]
    windows = prod(query[1:-2])
    is_flat = len(query) == 3  # noqa: PLR2004 - batch, steps, features
    if not is_flat:
        names = [
            _heads_apart(use, name, use.shapes[index], count)
            for name, index, count in zip(names, roles, heads, strict=True)
        ]
    added = _added(use, windows, (query[-2], key[-2]))
    if op.soft_cap or op.sinks:
        return Value(_written_out(use, names, added, roles), spec_order(len(query)))
    attributes = {"q_num_heads": op.num_heads, "kv_num_heads": op.kv_heads} if is_flat else {}
    found = use.emit("Attention", *names, *added, is_causal=int(op.causal), **attributes)
    found = found if is_flat else _heads_together(use, found, use.output, op.num_heads)
    return Value(found, spec_order(len(query)))


def _written_out(use: Use, names: Sequence[str], added: Sequence[str], roles: Sequence[int]) -> str:
    """Return attention with a soft cap or sinks, as products and a softmax: ONNX's `Attention` has no sinks."""
    op, heads = use.op, (use.op.num_heads, use.op.kv_heads, use.op.kv_heads)
    shapes = [use.shapes[index] for index in roles]
    if len(shapes[0]) == 3:  # noqa: PLR2004 - batch, steps, features; others have their heads apart
        names = [_heads_apart(use, *of_one) for of_one in zip(names, shapes, heads, strict=True)]
    windows, (queries, keys) = prod(shapes[0][1:-2]), (shapes[0][-2], shapes[1][-2])
    sizes = [shape[-1] // count for shape, count in zip(shapes, heads, strict=True)]
    query, key, value = names
    if op.kv_heads != op.num_heads:
        key, value = (
            _repeated(use, name, windows * op.kv_heads, keys, width)
            for name, width in zip((key, value), sizes[1:], strict=True)
        )
    scores = use.emit("MatMul", query, use.emit("Transpose", key, perm=[0, 1, 3, 2]))
    scores = use.emit("Mul", scores, use.number(sizes[0] ** -0.5))
    if op.soft_cap:
        cap = use.number(op.soft_cap)
        scores = use.emit("Mul", use.emit("Tanh", use.emit("Div", scores, cap)), cap)
    for one in added:
        scores = use.emit("Add", scores, one)
    if op.causal:
        later = use.emit("Greater", _apart(use, 0, queries, keys), use.float32(0))
        scores = use.emit("Where", later, use.number(-np.inf), scores)
    if op.sinks:
        scores = use.emit("Concat", scores, _sinks(use, windows, queries), axis=-1)
    weights = use.emit("Softmax", scores, axis=-1)
    if op.sinks:
        weights = use.emit("Slice", weights, use.ints(0), use.ints(keys), use.ints(-1))
    return _heads_together(use, use.emit("MatMul", weights, value), use.output, op.num_heads)


def _repeated(use: Use, name: str, heads: int, keys: int, width: int) -> str:
    """Return heads of keys or values as often as heads of queries share each."""
    times = use.op.num_heads // use.op.kv_heads
    each = use.emit("Expand", use.reshape(name, heads, 1, keys, width), use.ints(1, 1, times, 1, 1))
    return use.reshape(each, heads * times, keys, width)


def _sinks(use: Use, windows: int, queries: int) -> str:
    """Return the scores of the sinks, one for each sample, window, head and query step."""
    heads = use.op.num_heads
    found = use.weight("sinks", shape=(1, heads, 1, 1))
    if windows > 1:
        found = use.emit("Tile", found, use.ints(1, windows, 1, 1))
    found = use.for_each_sample(found, (1, windows * heads, 1, 1))
    return use.emit("Expand", found, use.ints(1, 1, queries, 1))


def _added(use: Use, windows: int, steps: tuple[int, int]) -> list[str]:
    """Return what is added to the scores, if anything: biases of positions, a mask of each window."""
    op = use.op
    parts = []
    if op.position_biases or op.shared_position_biases:
        owner = use.node if op.position_biases else _with_biases(use)
        parts.append(use.once(("biases", owner, steps), lambda: _biases(use, owner, steps)))
    if op.masked:
        # Which places a mask leaves out, a spec does not say: here it leaves out none.
        shape = use.ints(windows, 1, *steps)
        parts.append(use.once(("mask", windows, steps), lambda: use.emit("ConstantOfShape", shape, value=use.zero())))
    if op.window:
        parts.append(use.once(("window", op.window, op.causal, steps), lambda: _window(use, *steps)))
    if not parts:
        return []
    found = parts[0] if len(parts) == 1 else use.emit("Add", *parts)
    if windows == 1:
        return [found]
    each = use.emit("Expand", found, use.ints(windows, op.num_heads, 1, 1))
    return [use.emit("Reshape", each, use.ints(1, windows * op.num_heads, *steps))]


def _window(use: Use, queries: int, keys: int) -> str:
    """Return what hides from each step all but those near it; those that come later are hidden by `is_causal`."""
    apart = _apart(use, 0, queries, keys)
    distance = use.emit("Neg" if use.op.causal else "Abs", apart)
    hidden = use.emit("GreaterOrEqual", distance, use.float32(use.op.window))
    found = use.emit("Where", hidden, use.float32(-np.inf), use.float32(0))
    return found if use.writer.facts.dtype == "float32" else use.cast(found, "float")


def _with_biases(use: Use) -> Node:
    """Return the last attention before with as many heads and biases of its own."""
    facts = use.writer.facts
    for node in reversed(facts.graph.nodes[: use.node.position - len(facts.graph.inputs)]):
        biases = facts.call(node).weights.get("position_biases")
        if biases is not None and biases.shape[1] == use.op.num_heads:
            return node
    return use.refuse("no attention before it has position biases that it could share")


def _biases(use: Use, owner: Node, steps: tuple[int, int]) -> str:
    """Return the biases of every head, query step and key step."""
    count, _ = use.writer.facts.call(owner).weights["position_biases"].shape
    rows = _rows_of_windows(use, count, *steps) or _rows_by_distance(use, count, *steps)
    found = use.emit("Gather", use.weight("position_biases", of=owner), rows, axis=0)
    return use.emit("Unsqueeze", use.emit("Transpose", found, perm=[2, 0, 1]), use.ints(0))


# Which bias each pair of steps has, a spec does not say: here it follows from their distance.


def _rows_of_windows(use: Use, count: int, queries: int, keys: int) -> str:
    """Return which bias each pair of places of a square window has, one for each distance; nothing for others."""
    side = isqrt(queries)
    if not (queries == keys == side**2 and count == (2 * side - 1) ** 2):
        return ""
    place = np.stack(np.divmod(np.arange(queries), side))
    down, along = place[:, :, None] - place[:, None, :] + side - 1
    return use.writer.constant((down * (2 * side - 1) + along).astype(np.int64))


def _rows_by_distance(use: Use, count: int, queries: int, keys: int) -> str:
    """Return which bias each pair of steps has; pairs further apart than there are biases have the last."""
    rows = use.emit("Clip", _apart(use, count // 2, queries, keys), use.float32(0), use.float32(count - 1))
    return use.cast(rows, "int64")


def _apart(use: Use, start: int, queries: int, keys: int) -> str:
    """Return how far each key stands behind each query, and `start` more."""
    along = use.emit("Range", *map(use.float32, (start, start + keys, 1)))
    down = use.emit("Unsqueeze", use.emit("Range", *map(use.float32, (0, -queries, -1))), use.ints(1))
    # Not `Add`: shape inference follows its values, and fails where the two differ in length.
    return use.emit("Sum", along, down)


def rotary(use: Use) -> Value:
    """`RotaryEmbedding`: ONNX's, whose angles are computed once for all layers; by given tables as products."""
    if len(use.shapes) > 1:
        return _rotated_by_tables(use)
    shape, order = use.shape, spec_order(len(use.shape))
    head = use.op.dim or shape[-1]
    heads = shape[-1] // head
    steps = shape[-2] if len(shape) > 2 else 1  # noqa: PLR2004 - batch and features
    tables = [use.once((kind, steps, head), partial(_angles, use, kind, steps, head)) for kind in ("Cos", "Sin")]
    positions = use.once(("positions", steps, use.times, use.samples), lambda: _positions(use, steps))
    name = use.spec()
    if len(shape) <= 3:  # noqa: PLR2004 - batch, steps, features
        name = name if len(shape) == 3 else use.reshape(name, 1, shape[-1])  # noqa: PLR2004 - as above
        found = use.emit("RotaryEmbedding", name, *tables, positions, num_heads=heads)
        return Value(found if len(shape) == 3 else use.reshape(found, shape[-1]), order)  # noqa: PLR2004 - as above
    found = use.emit("RotaryEmbedding", _heads_apart(use, name, shape, heads), *tables, positions)
    return Value(_heads_together(use, found, shape, heads), order)


def _rotated_by_tables(use: Use) -> Value:
    """Return the rotation by cosines and sines that are there."""
    shape, head = use.shape, use.shapes[1][-1]
    heads = shape[-1] // head
    name = _heads_apart(use, use.spec(), shape, heads)
    one, other = use.several("Split", 2, name, use.ints(head // 2, head // 2), axis=-1)
    turned = use.emit("Concat", use.emit("Neg", other), one, axis=-1)
    cosines, sines = (use.emit("Unsqueeze", use.spec(index), use.ints(1)) for index in (1, 2))
    found = use.emit("Add", use.emit("Mul", name, cosines), use.emit("Mul", turned, sines))
    return Value(_heads_together(use, found, shape, heads), spec_order(len(shape)))


def rotary_tables(use: Use) -> list[Value]:
    """`RotaryTables`."""
    _, steps, head = use.output
    found = []
    for kind in ("Cos", "Sin"):
        half = use.once((kind, steps, head), partial(_angles, use, kind, steps, head))
        found.append(Value(use.emit("Unsqueeze", use.emit("Concat", half, half, axis=-1), use.ints(0)), (0, 1, 2)))
    return found


def _positions(use: Use, steps: int) -> str:
    """Return the number of each sample's steps."""
    listed = use.emit("Range", use.index(0), use.index(steps), use.index(1))
    return use.for_each_sample(use.emit("Unsqueeze", listed, use.ints(0)), (1, steps), "int64")


def _angles(use: Use, kind: str, steps: int, head: int) -> str:
    """Return sines or cosines of the angles of each step and pair, [steps, pairs]."""
    places = use.emit("Unsqueeze", use.emit("Range", *map(use.float32, (0, steps, 1))), use.ints(1))
    speeds = use.writer.constant((10_000.0 ** -(np.arange(0, head, 2) / head)).astype(np.float32))
    found = use.emit(kind, use.emit("Mul", places, speeds))
    return found if use.writer.facts.dtype == "float32" else use.cast(found, "float")


def experts(use: Use) -> Value:
    """`MixtureOfExperts`: of each step the weights of its experts are gathered, so that no others are multiplied."""
    op, name, rank = use.op, use.spec(), len(use.shape)
    scores = use.emit("MatMul", name, use.weight("router"))
    scores = use.emit("Add", scores, use.weight("router_bias")) if op.use_bias else scores
    chosen, places = _chosen(use, scores)
    projections = [
        use.emit("Gather", use.weight("experts"), use.index(part), axis=1) for part in range(2 + bool(op.gated))
    ]
    projections[-1] = use.emit("Transpose", projections[-1], perm=[0, 2, 1])
    alone = use.emit("Unsqueeze", name, use.ints(rank - 1, rank))
    if op.use_bias:  # of each expert, a row as long as what each of its projections makes
        sizes = use.ints(*[op.units] * (1 + bool(op.gated)), use.shape[-1])
        alike = use.emit("Unsqueeze", use.weight("biases"), use.ints(1))
        projections += use.several("Split", 2 + bool(op.gated), alike, sizes, axis=-1)
    own = [use.emit("Gather", part, places, axis=0) for part in projections]
    found = _through(use, alone, own, op.top_k)
    weighed = use.emit("Mul", found, use.emit("Unsqueeze", chosen, use.ints(rank, rank + 1)))
    axes = use.ints(rank - 1, rank)
    total = use.emit("ReduceSum", weighed, axes, keepdims=0)
    if op.shared_experts:
        bounds = [use.ints(op.num_experts), use.ints(op.num_experts + op.shared_experts), use.ints(0)]
        always = [use.emit("Slice", part, *bounds) for part in projections]
        more = _through(use, alone, always, op.shared_experts)
        total = use.emit("Add", total, use.emit("ReduceSum", more, axes, keepdims=0))
    return Value(total, spec_order(rank))


def _chosen(use: Use, scores: str) -> tuple[str, str]:
    """Return the scores of the experts that each step goes to, and which they are."""
    op, rank = use.op, len(use.shape)
    if op.capacity_factor is not None:
        use.refuse("which steps find a place is for a kernel to say: no capacity_factor")
    sigmoid, late = op.scoring == "sigmoid", op.scoring == "softmax_of_chosen"
    if not late:
        scores = use.emit("Sigmoid", scores) if sigmoid else use.emit("Softmax", scores, axis=-1)
    choice = use.emit("Add", scores, use.weight("score_bias")) if op.score_bias else scores
    if op.groups > 1:
        each = op.num_experts // op.groups
        apart = use.reshape(choice, *use.shape[1:-1], op.groups, each)
        largest, _ = use.several("TopK", 2, apart, use.ints(min(2, each)), axis=-1)
        most = use.emit("ReduceSum", largest, use.ints(rank), keepdims=1)
        best, _ = use.several("TopK", 2, most, use.ints(op.top_k_groups or op.groups), axis=rank - 1)
        least = use.emit("ReduceMin", best, use.ints(rank - 1), keepdims=1)
        kept = use.emit("Where", use.emit("GreaterOrEqual", most, least), apart, use.number(-np.inf))
        choice = use.reshape(kept, *use.shape[1:-1], op.num_experts)
    found, places = use.several("TopK", 2, choice, use.ints(op.top_k), axis=-1)
    if choice != scores:
        found = use.emit("GatherElements", scores, places, axis=rank - 1)
    if late:
        found = use.emit("Softmax", found, axis=-1)
    if sigmoid:
        found = use.emit("Div", found, use.emit("ReduceSum", found, use.ints(rank - 1), keepdims=1))
    return found, places


def _through(use: Use, name: str, projections: Sequence[str], count: int) -> str:
    """Return what so many experts make of a step: the first projection, the activation, the gate, the way back."""
    parts = 2 + bool(use.op.gated)
    (into, *gates, back), biases = projections[:parts], projections[parts:]

    def projected(read: str, place: int, kernel: str) -> str:
        made = use.emit("MatMul", read, kernel)
        return use.emit("Add", made, biases[place]) if biases else made

    hidden = projected(name, 0, into)
    limit = use.op.limit
    if limit is not None:
        hidden = use.emit("Min", hidden, use.number(limit))
    if use.op.activation:
        shape = (*use.shape[:-1], count, 1, use.op.units)
        if use.op.activation.weights(shape):
            use.refuse(f"{type(use.op.activation).__name__} within an expert would have weights of its own")
        hidden = ELEMENTS[type(use.op.activation).__name__](Inside(use, use.op.activation, hidden, shape)).name
    for gate in gates:
        factor = projected(name, 1, gate)
        if limit is not None:
            factor = use.emit("Add", use.emit("Clip", factor, use.number(-limit), use.number(limit)), use.number(1))
        hidden = use.emit("Mul", hidden, factor)
    return projected(hidden, -1, back)


def further_step(use: Use) -> Value:
    """The learned step and that of zeros which PyTorch's module adds after keys or values."""
    rank, width = len(use.shape), use.shape[-1]
    steps = [use.weight("bias", shape=(*(1,) * (rank - 1), width))] if use.op.learned else []
    steps += [use.numbers(np.zeros((*(1,) * (rank - 1), width)))] if use.op.zeros else []
    each = [use.for_each_sample(step, (1, *(1,) * (rank - 2), width)) for step in steps]
    if rank > 3:  # noqa: PLR2004 - batch, steps, features
        each = [use.emit("Expand", step, use.ints(1, *use.shape[1:-2], 1, 1)) for step in each]
    return Value(use.emit("Concat", use.spec(), *each, axis=-2), spec_order(rank))


OPERATORS: dict[str, Callable[[Use], Value | list[Value]]] = {
    "ScaledDotProductAttention": attention,
    "RotaryEmbedding": rotary,
    "RotaryTables": rotary_tables,
    "MixtureOfExperts": experts,
    "_FurtherStep": further_step,
}
