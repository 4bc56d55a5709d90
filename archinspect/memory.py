"""Memory: what training keeps for backward, and what is alive at inference, when and why.

A storage is what tensors lie in: a view, such as a flattened map, lies in that of its input and costs nothing. The
rules are PyTorch's, and each operator's own stand with it; docs/counting.md explains them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archinspect.graph import collection_paused
from archinspect.op import ATTENTION, DTYPES, Run

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

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
    node: Node | None
    """Where that is, for the first time; None in a network without layers."""
    alive: tuple[Alive, ...]
    """What is alive there, the largest first."""
    workspace: int
    """Bytes of the node's temporary tensors there."""
    timeline: tuple[Step, ...]


class _Storage:
    """What tensors lie in: who made it, how large it is, and the steps from which and up to which it is needed."""

    __slots__ = ("bytes", "counted", "first", "last", "maker")

    def __init__(self, maker: int, count: int, first: int, last: int) -> None:
        self.maker = maker
        """The number of the node, or input of the network."""
        self.counted = False
        self.bytes = count
        self.first = first
        self.last = last


class _Use:
    """An operator on some shapes, for all nodes that use it so: its rules run once, and walks touch little memory."""

    __slots__ = ("_kept", "is_float", "moves", "op", "output", "shapes", "stored", "trains", "workspace")

    def __init__(self, node: Node, rules: _Rules) -> None:
        self.op = node.op
        self.shapes = tuple([_shape(tensor) for tensor in node.inputs])
        self.output = _shape(node.output)
        self.is_float = _is_float(node.output)
        self.stored = self.op.stored(self.shapes, self.output) * rules.sizes[node.output.dtype]
        """Bytes of the storage that the output lies in."""
        self.trains = node.trainable and any(weight.parameter for weight in self.op.weights(*self.shapes).values())
        self.moves = bool(self.shapes) and _moves(self.shapes[0], self.output)
        run = Run((False,) * len(self.shapes), weights=False, attention=rules.attention)
        self.workspace = rules.bytes(self.op.workspace(self.shapes, self.output, run))
        """Bytes of temporary tensors at inference."""
        self._kept: dict[tuple[tuple[bool, ...], bool], Kept | None] = {}

    def kept(self, needs: tuple[bool, ...], attention: str, *, in_place: bool) -> Kept | None:
        """Return what backward keeps; None where it does not pass.

        It does where a weight trains, or where it `needs` the gradient of an input.
        """
        key = (needs, in_place)
        if key not in self._kept:
            run = Run(needs, self.trains, in_place, attention)
            passed = self.trains or any(needs)
            self._kept[key] = self.op.kept(self.shapes, self.output, run) if passed else None
        return self._kept[key]


class _Rules:
    """The operators' rules on a graph, nodes and tensors by number."""

    def __init__(self, graph: Graph, dtype: str, attention: str) -> None:
        _refuse_unknown("attention", attention, ATTENTION)
        _refuse_unknown("dtype", dtype, DTYPES)
        self.graph = graph
        self.attention = attention
        self.sizes = {**DTYPES, "float": DTYPES[dtype]}
        self.number: dict[Tensor, int] = {}
        """The numbers of tensors; those of the network's inputs come behind those of the nodes."""
        self.read: list[list[int]] = []
        """The numbers of what each node reads, and not just has its size from."""
        self.uses: list[_Use] = []
        """What each node, and input of the network, uses."""
        self._known: dict[tuple[Op, tuple[Shape | None, ...], str, bool], _Use] = {}
        number = self.number
        for i, node in enumerate(graph.inputs, len(graph.nodes)):
            number[node.output] = i
        for i, node in enumerate(graph.nodes):
            self.read.append([number[tensor] for tensor in node.inputs[: node.op.reads]])
            number[node.output] = i
            self.uses.append(self._use(node))
        self.uses += map(self._use, graph.inputs)

    def _use(self, node: Node) -> _Use:
        key = (node.op, tuple([tensor.shape for tensor in node.inputs]), node.output.dtype, node.trainable)
        use = self._known.get(key)
        if use is None:
            use = self._known[key] = _Use(node, self)
        return use

    def storages(self, *, training: bool) -> tuple[list[_Storage], set[int]]:
        """Return the storage of each node's output, by the node's number, and the nodes that overwrite their input.

        A storage's last step is that of its last reader; the network's outputs are read behind the last node.
        """
        read, uses = self.read, self.uses
        first_input = len(read)
        last = [-1] * len(uses)
        for i, numbers in enumerate(read):
            for number in numbers:
                last[number] = i
        for tensor in self.graph.outputs:
            last[self.number[tensor]] = first_input
        views = {use: use.op.view(training=training) for use in self._known.values()}
        found: list[_Storage] = []
        given = [_Storage(i, uses[i].stored, -1, last[i]) for i in range(first_input, len(uses))]
        strided: set[int] = set()
        overwriting = set()
        for i, numbers in enumerate(read):
            source = numbers[0]
            storage = found[source] if source < first_input else given[source - first_input]
            use = uses[i]
            view = views[use]
            if view is not None and not (view.in_order and source in strided and use.moves):
                if view.strided or source in strided:
                    strided.add(i)
            elif use.op.in_place and storage.last == i and storage.bytes and storage.first >= 0:
                overwriting.add(i)
                # In training, what is overwritten is kept as a copy, or not kept: as many bytes as without.
                storage = _Storage(i, use.stored, i, i) if training else storage
            else:
                storage = _Storage(i, use.stored, i, i)
            storage.last = max(storage.last, last[i])
            found.append(storage)
        return found + given, overwriting

    def bytes(self, elements: Elements) -> int:
        """Return the size of tensors."""
        return sum(self.sizes[dtype] * count for dtype, count in elements)


def _records(
    rules: _Rules, storages: list[_Storage], overwriting: set[int], *, input_gradients: bool = False
) -> Iterator[tuple[int, list[_Storage], int]]:
    """Yield the number of each node that backward passes, the storages it keeps for it, and bytes of further tensors.

    It passes no node in front of the first weight that trains.
    """
    passed = [False] * len(rules.read) + [input_gradients and use.is_float for use in rules.uses[len(rules.read) :]]
    for i, read in enumerate(rules.read):
        use = rules.uses[i]
        needs = tuple([passed[number] for number in read])
        kept = use.kept(needs, rules.attention, in_place=i in overwriting)
        if kept is None:
            continue
        passed[i] = use.is_float
        used = [storages[read[number]] for number in kept.inputs]
        if kept.output:
            used.append(storages[i])
        yield i, used, rules.bytes(kept.extra)


@collection_paused()
def kept(graph: Graph, dtype: str = "float32", *, attention: str = "fused", input_gradients: bool = False) -> Training:
    """Return what backward keeps of a graph whose shapes are known; weights and buffers are none of it.

    `dtype` is what the network computes in, `attention` how it computes attention (`fused`, `math` or `eager`). With
    `input_gradients` backward goes on to the network's inputs, as in a network that stands behind another.
    """
    rules = _Rules(graph, dtype, attention)
    storages, overwriting = rules.storages(training=True)
    makers = [*graph.nodes, *graph.inputs]
    counts = [0] * len(makers)
    for i, used, extra in _records(rules, storages, overwriting, input_gradients=input_gradients):
        counts[i] += extra
        for storage in used:
            if not storage.counted:
                storage.counted = True
                counts[storage.maker] += storage.bytes
    order = [*range(len(graph.nodes), len(makers)), *range(len(graph.nodes))]
    return Training(sum(counts), {makers[i]: counts[i] for i in order if counts[i]})


@collection_paused()
def checkpointed(graph: Graph, dtype: str = "float32", *, attention: str = "fused") -> Checkpointed:
    """Return what backward keeps if every repeated block keeps its inputs only and is computed again in backward.

    Blocks are those that occur at least twice, outside of others that do. While one is computed again, what it keeps
    comes on top of what is kept all the time.
    """
    rules = _Rules(graph, dtype, attention)
    storages, overwriting = rules.storages(training=True)
    block_of = _repeated_blocks(graph)
    blocks = [block_of.get(node, "") for node in (*graph.nodes, *graph.inputs)]
    kept_by: dict[str, set[_Storage]] = {"": set()}
    """Storages by the block in which they are kept, those of the whole time by the empty name."""
    extra_of: dict[str, int] = {"": 0}
    for i, used, extra in _records(rules, storages, overwriting):
        block = blocks[i]
        extra_of[block] = extra_of.get(block, 0) + extra
        own = kept_by.setdefault(block, set())
        own.update(storage for storage in used if blocks[storage.maker] == block)
        come = [storages[number] for number in rules.read[i]] if block else used
        kept_by[""].update(storage for storage in come if blocks[storage.maker] != block)
    total = {name: extra_of[name] + sum(storage.bytes for storage in own) for name, own in kept_by.items()}
    outside = total.pop("")
    block = max(total, key=total.__getitem__, default="")
    inside = total.get(block, 0)
    return Checkpointed(outside + inside, outside, block, inside, tuple(total))


def _moves(given: Shape, output: Shape) -> bool:
    """Return whether a reshaping does more than add or drop axes of size 1, which any view can."""
    return [n for n in given if n != 1] != [n for n in output if n != 1]


def _repeated_blocks(graph: Graph) -> dict[Node, str]:
    """Return the block of each node that is in one that occurs at least twice outside of others."""
    copies: dict[str, list[str]] = {}
    for path, name in graph.groups.items():
        parent, _, own = path.rpartition(".")
        if graph.groups.get(f"{path}.0") == name:
            continue  # what holds the copies of a repeat
        # A copy of a repeated group has a number; two groups that merely are groups are not the same.
        kind = parent if name == "group" and own.isdigit() else name
        if kind != "group":
            copies.setdefault(kind, []).append(path)
    several = {path for paths in copies.values() if len(paths) > 1 for path in paths}
    outermost = ([path for path in paths if several.isdisjoint(_composites(path))] for paths in copies.values())
    repeated = {path for paths in outermost if len(paths) > 1 for path in paths}
    found = {}
    for node in graph.nodes:
        for path in _composites(node.layer):
            if path in repeated:
                found[node] = path
                break
    return found


@collection_paused()
def peak(graph: Graph, dtype: str = "float32", *, policy: str = "eager", attention: str = "fused") -> Peak:
    """Return when most bytes are alive at inference, of a graph whose shapes are known and that has a node.

    With the policy `eager` storages live as long as in PyTorch: the caller holds the network's inputs to the end, and a
    composite's inputs live until the composite ends, in which a function's variable holds them. With `ideal` they
    are given back behind their last reader. In both, the network's outputs live on.
    """
    _refuse_unknown("policy", policy, POLICIES)
    rules = _Rules(graph, dtype, attention)
    storages, _ = rules.storages(training=False)
    if policy == "eager":
        _hold(rules, storages)
    distinct = list(dict.fromkeys(storages))
    begin, end = [0] * (len(graph.nodes) + 1), [0] * (len(graph.nodes) + 1)
    for storage in distinct:
        begin[max(storage.first, 0)] += storage.bytes
        end[storage.last] += storage.bytes
    timeline, now = [], 0
    for i, node in enumerate(graph.nodes):
        now += begin[i]
        during = now + rules.uses[i].workspace
        now -= end[i]
        timeline.append(Step(node, during, now))
    worst = max(range(len(timeline)), key=lambda i: timeline[i].during, default=0)
    makers = [*graph.nodes, *graph.inputs]
    alive = [
        Alive(makers[storage.maker].layer, _shape(makers[storage.maker].output), storage.bytes)
        for storage in distinct
        if storage.first <= worst <= storage.last and storage.bytes
    ]
    alive.sort(key=lambda one: -one.bytes)
    held = sum(one.bytes for one in alive)
    if not timeline:
        return Peak(held, None, tuple(alive), 0, ())
    node, during, _ = timeline[worst]
    return Peak(during, node, tuple(alive), during - held, tuple(timeline))


def kv_cache(graph: Graph, steps: int, *, batch: int = 1, dtype: str = "float32") -> int:
    """Return the bytes of keys and values that a decoder holds while it generates, after so many steps.

    They are those of its causal self-attention: 2 x heads of keys x size of a head for each layer, step and sample.
    """
    _refuse_unknown("dtype", dtype, DTYPES)
    elements = sum(node.op.cached(*map(_shape, node.inputs)) for node in graph.nodes)
    return elements * steps * batch * DTYPES[dtype]


def _hold(rules: _Rules, storages: list[_Storage]) -> None:
    """Let storages live as long as variables hold them: those of the caller, and of each composite's function.

    A function's arguments live until it ends. So does what several of its steps read, but for a skip connection: there
    the variable is given the sum. Any other variable is given what the next step makes.
    """
    nodes = rules.graph.nodes
    functions = _functions(rules.graph)
    ends = {path: i for i, paths in enumerate(functions) for path in paths}
    ends[""] = len(nodes)
    readers: list[list[int] | int] = [-1] * len(storages)
    for i, paths in enumerate(functions):
        for number in rules.read[i]:
            readers[number] = _with(readers[number], i)
            made = functions[number] if number < len(nodes) else ()
            if paths is not made:
                _extend(storages[number], max([ends[path] for path in paths if path not in made], default=-1))
    for storage in storages[len(nodes) :]:
        _extend(storage, ends[""])
    for number, several in enumerate(readers[: len(nodes)]):
        if isinstance(several, list) and nodes[several[-1]].op.kind != "merge":
            within = _common([functions[i] for i in (number, *several)])
            if len({_step(nodes[i], within) for i in several}) > 1:
                _extend(storages[number], ends[within])


def _with(readers: list[int] | int, reader: int) -> list[int] | int:
    """Return the readers and one more; a single one, as most tensors have, needs no list."""
    if isinstance(readers, int):
        return reader if readers < 0 else [readers, reader]
    readers.append(reader)
    return readers


def _extend(storage: _Storage, last: int) -> None:
    storage.last = max(storage.last, last)


def _functions(graph: Graph) -> list[tuple[str, ...]]:
    """Return the composites that each node is in, the outermost first, those left out that are no function.

    That is a chain with no more than one layer that has a kernel, such as a convolution and its normalization, unless
    its block is a `module`. Attention with its projections is a function.
    """
    kernels: dict[str, set[str]] = {}
    whole = set(graph.modules)
    places = []
    """Of each node the composite that it is in, and its layer if that is a function."""
    for node in graph.nodes:
        attention = node.layer_op.kind == "attention" and node.layer_op is not node.op
        places.append((node.layer.rpartition(".")[0], (node.layer,) if attention else ()))
        for path in _composites(node.layer):
            found = kernels.setdefault(path, set())
            if node.layer_op.kind in KERNELS:
                found.add(node.layer)
            if len(node.inputs) > 1:
                whole.add(path)
    whole |= {path for path, layers in kernels.items() if len(layers) > 1}
    above = {parent: tuple(path for path in (*_composites(parent), parent) if path in whole) for parent in dict(places)}
    return [above[parent] + own for parent, own in places]


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
    if "." not in path:
        return []
    names = path.split(".")
    return [".".join(names[:i]) for i in range(1, len(names))]


def _refuse_unknown(what: str, given: str, known: Collection[str]) -> None:
    if given not in known:
        raise ValueError(f"{what} is one of {', '.join(known)}, not '{given}'")


def _is_float(tensor: Tensor) -> bool:
    return "float" in tensor.dtype


def _shape(tensor: Tensor) -> Shape:
    assert tensor.shape is not None  # the caller has made sure that shapes are known
    return tensor.shape
