"""Memory: what training keeps for backward, and what is alive at inference, when and why.

A storage is what tensors lie in: a view, such as a flattened map, lies in that of its input and costs nothing. The
rules are PyTorch's, and each operator's own stand with it; docs/counting.md explains them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archinspect.op import DTYPES, Run
from archinspect.shape import size

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from archinspect.graph import Graph, Node, Tensor
    from archinspect.op import Elements, Kept, Op
    from archinspect.shape import Shape

POLICIES = ("eager", "ideal")
"""When a storage is given back: as PyTorch does without a compiler, or behind its last reader."""

KERNELS = ("convolution", "dense", "attention", "recurrent", "embedding")
"""Kinds of operators with a kernel."""


class Training(NamedTuple):
    """What backward keeps, in bytes."""

    total: int
    nodes: dict[Node, int]
    """By the node, or input of the network, that made it; they sum to the total."""

    @property
    def layers(self) -> dict[str, int]:
        """By the layer, or input of the network, that made it, in execution order."""
        found: dict[str, int] = {}
        for node, count in self.nodes.items():
            found[node.layer] = found.get(node.layer, 0) + count
        return found


class Checkpointed(NamedTuple):
    """What backward keeps if blocks are computed again instead, in bytes."""

    total: int
    outside: int
    """What is kept all the time: the blocks' inputs, and everything in front of, between and behind blocks."""
    block: str
    """The block that keeps most while it is computed again; empty without blocks."""
    inside: int
    """What that one keeps."""
    blocks: tuple[str, ...]
    """The blocks that are computed again."""


class Alive(NamedTuple):
    """A storage that is alive."""

    layer: str
    """The layer, or input of the network, that made it."""
    shape: Shape
    """Shape of the tensor that it was made for."""
    bytes: int


class Step(NamedTuple):
    """A node's run: bytes alive in it, its temporary tensors included, and behind it."""

    node: Node
    during: int
    after: int


class Peak(NamedTuple):
    """The most bytes of activations alive at once at inference; weights are none of them."""

    bytes: int
    node: Node
    """Where that is, for the first time."""
    alive: tuple[Alive, ...]
    """What is alive there, the largest first."""
    workspace: int
    """Bytes of the node's temporary tensors there."""
    timeline: tuple[Step, ...]


class _Storage:
    """What tensors lie in: who made it, how large it is, and the steps from which and up to which it is needed."""

    __slots__ = ("bytes", "first", "last", "tensor")

    def __init__(self, tensor: Tensor, count: int, first: int, last: int) -> None:
        self.tensor = tensor
        self.bytes = count
        self.first = first
        self.last = last


class _Rules:
    """The operators' rules on a graph, each run once for an operator and its input shapes."""

    def __init__(self, graph: Graph, dtype: str, attention: str) -> None:
        self.graph = graph
        self.attention = attention
        self.sizes = {**DTYPES, "float": DTYPES[dtype]}
        self._kept: dict[tuple[Op, tuple[Shape, ...], Run], Kept] = {}
        self._workspace: dict[tuple[Op, tuple[Shape, ...]], int] = {}
        self._stored: dict[tuple[Op, tuple[Shape, ...]], int] = {}

    def storages(self, *, training: bool) -> tuple[dict[Tensor, _Storage], set[Node]]:
        """Return the storage of every tensor, and the nodes that overwrite their input.

        A storage's last step is that of its last reader; the network's outputs are read behind the last node.
        """
        nodes = self.graph.nodes
        last = {tensor: i for i, node in enumerate(nodes) for tensor in node.inputs}
        last |= dict.fromkeys(self.graph.outputs, len(nodes))
        found = {}
        for node in self.graph.inputs:
            count = size(_shape(node.output)) * self.sizes[node.output.dtype]
            found[node.output] = _Storage(node.output, count, -1, last.get(node.output, -1))
        given = set(found.values())
        strided: set[Tensor] = set()
        overwriting = set()
        for i, node in enumerate(nodes):
            output, source = node.output, node.inputs[0]
            storage = found[source]
            view = node.op.view(training=training)
            if view is not None and not (view.in_order and source in strided and _moves(node)):
                if view.strided or source in strided:
                    strided.add(output)
            elif node.op.in_place and storage.last == i and storage not in given:
                overwriting.add(node)
                # In training, what is overwritten is kept as a copy, or not kept: as many bytes as without.
                storage = _Storage(output, self.stored(node), i, i) if training else storage
            else:
                storage = _Storage(output, self.stored(node), i, i)
            storage.last = max(storage.last, last.get(output, i))
            found[output] = storage
        return found, overwriting

    def stored(self, node: Node) -> int:
        """Return the bytes of the storage that a node's output lies in."""
        key = (node.op, _shapes(node))
        count = self._stored.get(key)
        if count is None:
            count = self._stored[key] = node.op.stored(key[1], _shape(node.output))
        return count * self.sizes[node.output.dtype]

    def kept(self, node: Node, run: Run) -> Kept:
        """Return what backward keeps of a node."""
        key = (node.op, _shapes(node), run)
        kept = self._kept.get(key)
        if kept is None:
            kept = self._kept[key] = node.op.kept(key[1], _shape(node.output), run)
        return kept

    def workspace(self, node: Node) -> int:
        """Return the bytes of a node's temporary tensors at inference."""
        key = (node.op, _shapes(node))
        count = self._workspace.get(key)
        if count is None:
            run = Run((False,) * len(node.inputs), weights=False, attention=self.attention)
            count = self._workspace[key] = self.bytes(node.op.workspace(key[1], _shape(node.output), run))
        return count

    def bytes(self, elements: Elements) -> int:
        """Return the size of tensors."""
        return sum(self.sizes[dtype] * count for dtype, count in elements)


class _Record(NamedTuple):
    """What backward keeps because of one node."""

    node: Node
    storages: tuple[_Storage, ...]
    extra: int
    """Bytes of further tensors, which the node makes for this alone."""


def _records(rules: _Rules, *, input_gradients: bool) -> Iterator[_Record]:
    """Yield what each node makes backward keep. A node before the first weight that trains is not passed."""
    graph = rules.graph
    storages, overwriting = rules.storages(training=True)
    passed = {node.output for node in graph.inputs if input_gradients and _is_float(node.output)}
    for node in graph.nodes:
        trains = node.trainable and any(w.parameter for w in node.op.weights(*_shapes(node)).values())
        needs = tuple([tensor in passed for tensor in node.inputs])
        if not (trains or any(needs)):
            continue
        passed.add(node.output)
        kept = rules.kept(node, Run(needs, trains, node in overwriting, rules.attention))
        tensors = [node.inputs[i] for i in kept.inputs] + [node.output] * kept.output
        yield _Record(node, tuple([storages[tensor] for tensor in tensors]), rules.bytes(kept.extra))


def kept(graph: Graph, dtype: str = "float32", *, attention: str = "fused", input_gradients: bool = False) -> Training:
    """Return what backward keeps of a graph whose shapes are known; weights and buffers are none of it.

    `dtype` is what the network computes in, `attention` how it computes attention (`fused`, `math` or `eager`). With
    `input_gradients` backward goes on to the network's inputs, as in a network that stands behind another.
    """
    rules = _Rules(graph, dtype, attention)
    nodes = dict.fromkeys([*graph.inputs, *graph.nodes], 0)
    counted: set[_Storage] = set()
    for node, storages, extra in _records(rules, input_gradients=input_gradients):
        nodes[node] += extra
        for storage in storages:
            if storage not in counted:
                counted.add(storage)
                nodes[storage.tensor.producer] += storage.bytes
    return Training(sum(nodes.values()), {node: count for node, count in nodes.items() if count})


def checkpointed(graph: Graph, dtype: str = "float32", *, attention: str = "fused") -> Checkpointed:
    """Return what backward keeps if every repeated block keeps its inputs only and is computed again in backward.

    Blocks are those that occur at least twice, of nested ones the outermost. While one is computed again, what it
    keeps comes on top of what is kept all the time.
    """
    block_of = _repeated_blocks(graph)
    storages: set[_Storage] = set()
    inside: dict[str, int] = dict.fromkeys(block_of.values(), 0)
    outside = 0
    counted: set[_Storage] = set()
    rules = _Rules(graph, dtype, attention)
    for node, kept_storages, extra in _records(rules, input_gradients=False):
        block = block_of.get(node)
        if block is None:
            outside += extra
            storages.update(kept_storages)
        else:
            inside[block] += extra
            for storage in kept_storages:
                if block_of.get(storage.tensor.producer) != block:
                    storages.add(storage)
                elif storage not in counted:
                    counted.add(storage)
                    inside[block] += storage.bytes
    outside += sum(storage.bytes for storage in storages)
    block = max(inside, key=inside.__getitem__, default="")
    most = inside.get(block, 0)
    return Checkpointed(outside + most, outside, block, most, tuple(inside))


def _moves(node: Node) -> bool:
    """Return whether a reshaping does more than add or drop axes of size 1, which any view can."""
    return [n for n in _shape(node.inputs[0]) if n != 1] != [n for n in _shape(node.output) if n != 1]


def _repeated_blocks(graph: Graph) -> dict[Node, str]:
    """Return the outermost composite of each node whose block, or whose named repeat, occurs at least twice."""
    copies: dict[str, list[str]] = {}
    for path, name in graph.groups.items():
        parent, _, own = path.rpartition(".")
        if graph.groups.get(f"{path}.0") == name:
            continue  # what holds the copies of a repeat
        # A copy of a repeated group has a number; two groups that merely are groups are not the same.
        kind = parent if name == "group" and own.isdigit() else name
        if kind != "group":
            copies.setdefault(kind, []).append(path)
    repeated = {path for paths in copies.values() if len(paths) > 1 for path in paths}
    found = {}
    for node in graph.nodes:
        for path in _composites(node.layer):
            if path in repeated:
                found[node] = path
                break
    return found


def peak(graph: Graph, dtype: str = "float32", *, policy: str = "eager", attention: str = "fused") -> Peak:
    """Return when most bytes are alive at inference, of a graph whose shapes are known and that has a node.

    With the policy `eager` storages live as long as in PyTorch: the caller holds the network's inputs to the end, and a
    composite's inputs live until the composite ends, in which a function's variable holds them. With `ideal` they
    are given back behind their last reader. In both, the network's outputs live on.
    """
    rules = _Rules(graph, dtype, attention)
    storages, _ = rules.storages(training=False)
    if policy == "eager":
        _hold(graph, storages)
    distinct = list(dict.fromkeys(storages.values()))
    begin, end = [0] * (len(graph.nodes) + 1), [0] * (len(graph.nodes) + 1)
    for storage in distinct:
        begin[max(storage.first, 0)] += storage.bytes
        end[storage.last] += storage.bytes
    timeline, now = [], 0
    for i, node in enumerate(graph.nodes):
        now += begin[i]
        during = now + rules.workspace(node)
        now -= end[i]
        timeline.append(Step(node, during, now))
    worst = max(range(len(timeline)), key=lambda i: timeline[i].during)
    alive = [
        Alive(storage.tensor.producer.layer, _shape(storage.tensor), storage.bytes)
        for storage in distinct
        if storage.first <= worst <= storage.last and storage.bytes
    ]
    alive.sort(key=lambda one: -one.bytes)
    top = timeline[worst]
    return Peak(top.during, top.node, tuple(alive), top.during - sum(one.bytes for one in alive), tuple(timeline))


def kv_cache(graph: Graph, steps: int, *, batch: int = 1, dtype: str = "float32") -> int:
    """Return the bytes of keys and values that a decoder holds while it generates, after so many steps.

    They are those of its causal self-attention: 2 x heads of keys x size of a head for each layer, step and sample.
    """
    elements = sum(node.op.cached(*_shapes(node)) for node in graph.nodes)
    return elements * steps * batch * DTYPES[dtype]


def _hold(graph: Graph, storages: Mapping[Tensor, _Storage]) -> None:
    """Let storages live as long as variables hold them: those of the caller, and of each composite's function.

    A function's arguments live until it ends. So does what several of its steps read, but for a skip connection: there
    the variable is given the sum. Any other variable is given what the next step makes.
    """
    functions = _functions(graph)
    ends = {path: i for i, node in enumerate(graph.nodes) for path in functions[node]}
    ends[""] = len(graph.nodes)
    readers: dict[Tensor, list[Node]] = {node.output: [] for node in graph.inputs}
    for node in graph.nodes:
        for tensor in node.inputs:
            readers.setdefault(tensor, []).append(node)
    for tensor, nodes in readers.items():
        made = functions.get(tensor.producer, [])
        inside = [path for node in nodes for path in functions[node] if path not in made]
        if tensor.producer in functions:
            within = _common([made, *(functions[node] for node in nodes)])
            if nodes[-1].op.kind != "merge" and len({_step(node, within) for node in nodes}) > 1:
                inside.append(within)
        else:
            inside.append("")
        storage = storages[tensor]
        storage.last = max([storage.last, *(ends[path] for path in inside)])


def _functions(graph: Graph) -> dict[Node, list[str]]:
    """Return the composites that each node is in, the outermost first, those left out that are no function.

    That is a chain with no more than one layer that has a kernel, such as a convolution and its normalization.
    Attention with its projections is a function.
    """
    kernels: dict[str, set[str]] = {}
    whole = set()
    for node in graph.nodes:
        for path in _composites(node.layer):
            found = kernels.setdefault(path, set())
            if node.layer_op.kind in KERNELS:
                found.add(node.layer)
            if len(node.inputs) > 1:
                whole.add(path)
    whole |= {path for path, layers in kernels.items() if len(layers) > 1}
    functions = {}
    for node in graph.nodes:
        paths = [path for path in _composites(node.layer) if path in whole]
        attention = node.layer_op.kind == "attention" and node.layer_op is not node.op
        functions[node] = [*paths, node.layer] if attention else paths
    return functions


def _step(node: Node, composite: str) -> str:
    """Return the layer or composite right below a composite that a node belongs to."""
    start = len(composite) + 1 if composite else 0
    end = node.layer.find(".", start)
    return node.layer if end < 0 else node.layer[:end]


def _common(paths: Sequence[Sequence[str]]) -> str:
    """Return the innermost composite that all are in."""
    common = ""
    for level in zip(*paths, strict=False):
        if len(set(level)) > 1:
            break
        common = level[0]
    return common


def _composites(path: str) -> list[str]:
    """Return the paths above a layer's, the outermost first."""
    names = path.split(".")
    return [".".join(names[:i]) for i in range(1, len(names))]


def _is_float(tensor: Tensor) -> bool:
    return "float" in tensor.dtype


def _shape(tensor: Tensor) -> Shape:
    assert tensor.shape is not None  # the caller has made sure that shapes are known
    return tensor.shape


def _shapes(node: Node) -> tuple[Shape, ...]:
    return tuple([_shape(tensor) for tensor in node.inputs])
