"""Storages: what tensors lie in, who makes them, and which steps need them.

A view, such as a flattened map, lies in the storage of its input and costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.base.diagnostics import refuse_unknown
from archinspect.graph.graph import is_float, shape_of, shapes_of
from archinspect.ops.figures import ATTENTION, DTYPES, Run

if TYPE_CHECKING:
    from archinspect.base.shape import Shape
    from archinspect.graph.graph import Graph, Node
    from archinspect.ops.base import Op
    from archinspect.ops.figures import Elements, Kept


class Storage:
    """What tensors lie in: who made it, how large it is, and the steps from which and up to which it is needed."""

    __slots__ = ("bytes", "first", "last", "maker")

    def __init__(self, maker: int, count: int, first: int, last: int) -> None:
        self.maker = maker
        """The number of the node, or input of the network."""
        self.bytes = count
        self.first = first
        self.last = last

    def live_until(self, step: int) -> None:
        """Let it live up to this step at least."""
        self.last = max(self.last, step)


class Use:
    """An operator on some shapes, for all nodes that use it so: its rules run once, and walks touch little memory."""

    __slots__ = ("_kept", "is_float", "moves", "op", "output", "shapes", "stored", "trains", "workspace")

    def __init__(self, node: Node, rules: Rules) -> None:
        self.op = node.op
        self.shapes = shapes_of(node)
        self.output = shape_of(node.output)
        self.is_float = is_float(node.output)
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


class Rules:
    """The operators' rules on a graph, by the numbers of its nodes; inputs of the network have negative ones."""

    def __init__(self, graph: Graph, dtype: str, attention: str) -> None:
        refuse_unknown("attention", attention, ATTENTION)
        refuse_unknown("dtype", dtype, DTYPES)
        self.graph = graph
        self.attention = attention
        self.sizes = {**DTYPES, "float": DTYPES[dtype]}
        self._known: dict[tuple[Op, tuple[Shape | None, ...], str, bool], Use] = {}
        self.read: list[tuple[int, ...]] = []
        """The numbers of what each node reads, and not just has its size from."""
        self.uses: list[Use] = []
        """What each node, and input of the network, uses."""
        for node in graph.nodes:
            # A loop for both: a large graph does not fit into the processor's cache.
            self.read.append(tuple([tensor.producer.number for tensor in node.inputs[: node.op.reads]]))
            self.uses.append(self._use(node))
        self.uses += map(self._use, graph.inputs)

    def _use(self, node: Node) -> Use:
        key = (node.op, tuple([tensor.shape for tensor in node.inputs]), node.output.dtype, node.trainable)
        use = self._known.get(key)
        if use is None:
            use = self._known[key] = Use(node, self)
        return use

    def storages(self, *, training: bool) -> tuple[list[Storage], set[int]]:
        """Return the storage of each node's output, by the node's number, and the nodes that overwrite their input.

        A storage's last step is that of its last reader; the network's outputs are read behind the last node.
        """
        read, uses = self.read, self.uses
        last = [-1] * len(uses)
        for i, numbers in enumerate(read):
            for number in numbers:
                last[number] = i
        for tensor in self.graph.outputs:
            last[tensor.producer.number] = len(read)
        views = {use: use.op.view(training=training) for use in self._known.values()}
        first_input = -len(self.graph.inputs)
        given = [Storage(i, uses[i].stored, -1, last[i]) for i in range(first_input, 0)]
        found: list[Storage] = []
        strided: set[int] = set()
        overwriting = set()
        for i, numbers in enumerate(read):
            source = numbers[0]
            storage = found[source] if source >= 0 else given[source]
            use = uses[i]
            view = views[use]
            if view is not None and not (view.in_order and source in strided and use.moves):
                if view.strided or source in strided:
                    strided.add(i)
            elif use.op.in_place and storage.last == i and storage.bytes and storage.first >= 0:
                overwriting.add(i)
                # In training, what is overwritten is kept as a copy, or not kept: as many bytes as without.
                storage = Storage(i, use.stored, i, i) if training else storage
            else:
                storage = Storage(i, use.stored, i, i)
            storage.live_until(last[i])
            found.append(storage)
        return found + given, overwriting

    def bytes(self, elements: Elements) -> int:
        """Return the size of tensors."""
        return sum(self.sizes[dtype] * count for dtype, count in elements)


def _moves(given: Shape, output: Shape) -> bool:
    """Return whether a reshaping does more than add or drop axes of size 1, which any view can."""
    return [n for n in given if n != 1] != [n for n in output if n != 1]
