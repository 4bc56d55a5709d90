"""Networks made of others: with batch normalization folded into what is before it, with adapters beside products."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from archinspect.base.diagnostics import Problems
from archinspect.base.settings import SettingError
from archinspect.base.shape import normal_axis
from archinspect.graph.builder import GraphBuilder
from archinspect.graph.infer import infer
from archinspect.ops.attending import Attending
from archinspect.ops.dense import Dense, Projection
from archinspect.ops.spatial import channel_axis

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from archinspect.base.settings import Lora, Settings
    from archinspect.base.shape import Shape
    from archinspect.graph.graph import Graph, Node, Tensor
    from archinspect.ops.base import Op

ALL = "all-linear"
"""Targets of adapters: every product but those that make the outputs."""
ROLES = (("query", "q", "q_proj"), ("key", "k", "k_proj"), ("value", "v", "v_proj"))
"""What products are called that make what attention reads."""
OUTPUT = ("output", "o", "o_proj", "out_proj")
"""What the product after attention is called."""


def changed(graph: Graph, settings: Settings) -> Graph:
    """Return the network that the settings ask for; raise :class:`SettingError` where it is none."""
    if settings.fold_bn:
        graph = folded(graph, settings.samples)
    return with_adapters(graph, settings.lora) if settings.lora else graph


class _Copy:
    """A graph that is being copied; `of` are the copies of its tensors."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.builder = builder = GraphBuilder(graph.name, layout=graph.layout, origin=graph.origin)
        for name in ("source", "description", "metrics", "params", "expect", "values"):
            setattr(builder, name, getattr(graph, name))
        builder.composites = dict(graph.composites)
        builder.open = dict(graph.open)
        self.of: dict[Tensor, Tensor] = {}
        self.nodes: dict[Node, Node] = {}
        for node in graph.inputs:
            self.of[node.output] = builder.add_input(node.op, node.path, node.origin)

    def add(self, node: Node, op: Op | None = None, *, trainable: bool | None = None) -> Node:
        """Add a copy of a node, with another operator perhaps."""
        copy = self.builder.add_copy(node, [self.of[tensor] for tensor in node.inputs], op, trainable=trainable)
        self.nodes[node] = copy
        self.of.update(zip(node.outputs, copy.outputs, strict=True))
        return copy

    def build(self) -> Graph:
        """Return the copy."""
        for node, copy in self.nodes.items():
            if node.shares is not None:
                self.builder.tie(copy, self.nodes[node.shares])
        named = [self.of[tensor] for tensor in self.graph.named if tensor in self.of]
        return self.builder.build(*[self.of[tensor] for tensor in self.graph.outputs], named=named)


def folded(graph: Graph, batch: int = 1) -> Graph:
    """Return a network at inference whose batch normalization is a part of the convolution, or product, before it.

    That has a bias then. A layer is left as it is where something else reads it, or has its weights, and where the
    normalization is along another axis than what it makes.
    """
    calls = infer(graph, Problems(), batch, remember=False)
    copy = _Copy(graph)
    shared = {node.shares for node in graph.nodes if node.shares is not None}
    kept = {tensor.producer for tensor in graph.outputs}
    into = {}
    for node in graph.nodes:
        before = node.inputs[0].producer if node.inputs else None
        if before is not None and _folds(node, before) and not {before, node} & shared and before not in kept:
            call = calls[node.position]
            if call is not None and _is_along_channels(node.op, before.op, call.shapes[0]):
                into[before] = node
    gone = set(into.values())
    for node in graph.nodes:
        if node in gone:
            copy.of[node.output] = copy.of[node.inputs[0]]
        else:
            copy.add(node, node.op.replace(use_bias=True) if node in into else None)
    return copy.build()


def _folds(node: Node, before: Node) -> bool:
    """Return whether a node is batch normalization of nothing but the channels that the one before makes."""
    name = type(node.op).__name__
    if name not in ("BatchNormalization", "FrozenBatchNormalization") or node.shares or before.shares:
        return False
    if name == "BatchNormalization" and not node.op.track_running_stats:  # type: ignore[attr-defined] # its argument
        return False
    is_product = before.op.kind == "convolution" or isinstance(before.op, Dense)
    return is_product and "use_bias" in before.op.args and before.output.readers == (node,)


def _is_along_channels(norm: Any, product: Op, shape: Shape) -> bool:  # noqa: ANN401 - with the arguments of a norm
    """Return whether a normalization is along the axis of what a product makes."""
    axis = channel_axis(shape, norm.data_format) if norm.axis is None else normal_axis(norm.axis, len(shape))
    return axis == channel_axis(shape, product.data_format)


def with_adapters(graph: Graph, lora: Lora) -> Graph:
    """Return a network of which nothing trains but low-rank adapters of products (Hu et al. 2021, arXiv:2106.09685).

    A product `W x` becomes `W x + B A x`, with `alpha` times `alpha / r`: two products without biases, and a sum.
    """
    from archinspect.ops.identity import Rescaling
    from archinspect.ops.merge import Add

    targets = _targets(graph, lora.targets)
    if not targets:
        if lora.targets == ALL:
            raise SettingError("lora", "there is no product but those that make the outputs, which have no adapters")
        names = sorted({name for node in graph.nodes if isinstance(node.op, Projection) for name in _names(node)[:1]})
        others = ", ".join(names[:8]) or "none"
        raise SettingError("lora", f"no layer is called '{lora.targets}'; products are {others}")
    copy = _Copy(graph)
    for node in graph.nodes:
        op = node.op
        if isinstance(op, Attending) and {tensor.producer for tensor in node.inputs} & targets:
            op = op.apart()
        base = copy.add(node, op, trainable=False)
        if node not in targets:
            continue
        add = _Beside(copy, node)
        down = add("lora_a", Dense(units=lora.r, use_bias=False), [base.inputs[0]])
        up = add("lora_b", _up(op), [down, *base.inputs[1:]])
        if lora.alpha is not None:
            up = add("lora_scale", Rescaling(scale=lora.alpha / lora.r), [up])
        copy.of[node.output] = add("lora", Add(), [base.output, up])
    return copy.build()


def _up(op: Op) -> Op:
    """Return the product that makes what another makes, without a bias."""
    if isinstance(op, Dense):
        return op.replace(use_bias=False, activation=None, in_features=None)
    return op.replace(use_bias=False)


class _Beside:
    """Adds layers beside a node, or parts of its layer where that consists of several."""

    def __init__(self, copy: _Copy, node: Node) -> None:
        self.copy = copy
        self.node = node
        self.is_part = node.layer_op is not node.op and isinstance(node.layer_op, Attending)

    def __call__(self, name: str, op: Op, inputs: Sequence[Tensor]) -> Tensor:
        node, builder = self.node, self.copy.builder
        path = f"{node.path}.{name}" if self.is_part else f"{node.path}_{name}"
        where = {"layer": node.layer, "layer_op": node.layer_op} if self.is_part else {}
        made = builder.add_node(op, inputs, path, origin=node.origin, callers=node.callers, **where)  # type: ignore[arg-type] # as above
        return made.output


def _targets(graph: Graph, pattern: str) -> set[Node]:
    """Return the products that have adapters."""
    products = [node for node in graph.nodes if isinstance(node.op, Projection)]
    if pattern == ALL:
        last = _last(graph)
        return {node for node in products if node not in last}
    try:
        is_target: Callable[[str], object] = re.compile(pattern).fullmatch
    except re.error as error:
        raise SettingError("lora", f"'{pattern}' is no pattern: {error}") from None
    return {node for node in products if any(map(is_target, _names(node)))}


def _names(node: Node) -> list[str]:
    """Return what a product is called: its layer's name and path, or its role in an attention."""
    if not isinstance(node.layer_op, Attending) or node.layer_op is node.op:
        return [node.path.rpartition(".")[2], node.path]
    for reader in _attending(node.output):
        return [*ROLES[next(i for i, role in enumerate(_inputs(reader)) if role is node or _made_by(role) is node)]]
    return [*OUTPUT]


def _inputs(attending: Node) -> list[Node]:
    """Return what makes queries, keys and values."""
    made = [tensor.producer for tensor in attending.inputs]
    return [made[0], made[min(1, len(made) - 1)], made[-1]]


def _made_by(node: Node) -> Node:
    """Return what makes what a rotation by position turns."""
    return node.inputs[0].producer if type(node.op).__name__ == "RotaryEmbedding" else node


def _attending(tensor: Tensor) -> list[Node]:
    """Return the attention of the same layer that reads a tensor, rotated by position perhaps."""
    layer = tensor.producer.layer
    near = [reader for reader in tensor.readers if reader.layer == layer]
    rotated = [reader for reader in near if type(reader.op).__name__ == "RotaryEmbedding"]
    near += [other for reader in rotated for other in reader.output.readers]
    return [node for node in near if isinstance(node.op, Attending)]


def _last(graph: Graph) -> set[Node]:
    """Return the products that make the outputs."""
    behind = graph.behind(lambda node: () if isinstance(node.op, Projection) else node.inputs)
    return {node for node in behind if isinstance(node.op, Projection)}
