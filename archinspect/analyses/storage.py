"""Storages: what tensors lie in, who makes them, and which steps need them.

A view, such as a flattened map, lies in the storage of its input and costs nothing. Steps are positions of nodes; the
step after the last node is the caller's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archinspect.base.strides import in_order, is_in_order, reshaped
from archinspect.ops.figures import Run

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from archinspect.analyses.facts import Facts
    from archinspect.base.shape import Shape
    from archinspect.graph.call import Call
    from archinspect.graph.graph import Node, Tensor
    from archinspect.ops.figures import View


class Storage:
    """What tensors lie in: who made it, how large it is, and the steps from which and up to which it is needed."""

    __slots__ = ("bytes", "first", "last", "maker", "shape", "writer")

    def __init__(self, maker: Node, shape: Shape, count: int, step: int) -> None:
        self.maker = maker
        self.writer = maker
        """What wrote it last: its maker, or what overwrites."""
        self.shape = shape
        """Shape of the tensor that it was made for."""
        self.bytes = count
        self.first = step
        self.last = step

    def live_until(self, step: int) -> None:
        """Let it live up to this step at least."""
        self.last = max(self.last, step)


class Storages(NamedTuple):
    """The storages of a network's tensors."""

    of: list[Storage]
    """By the position of the tensor; views, and what overwrites, have that of another."""
    overwriting: set[int]
    """Positions of the nodes that overwrite their input."""
    strides: Mapping[Tensor, Shape | None]
    """How tensors lie in memory whose elements are not in order; None where that is not told."""


def storages_at_inference(facts: Facts) -> Storages:
    """Return the storages of a forward pass without gradients, each needed up to its last reader."""
    return _storages(facts, training=False)


def storages_in_training(facts: Facts) -> Storages:
    """Return the storages of a forward pass that backward follows."""
    return _storages(facts, training=True)


def _storages(facts: Facts, *, training: bool) -> Storages:
    graph, sizes = facts.graph, facts.sizes
    last = [tensor.readers[-1].position if tensor.readers else -1 for tensor in graph.tensors]
    end = len(graph.everything)
    for tensor in graph.outputs:
        last[tensor.position] = end
    found: list[Storage] = []
    lying = _Strides()
    overwriting: set[int] = set()
    for node in graph.everything:
        call, step = facts.call(node), node.position
        view = facts.view(node, training=training)
        source = node.inputs[0].position if node.inputs else -1
        if source < 0 or (view is not None and not lying.can_view(node, call, view)):
            view = None
        for tensor, type_, elements in zip(node.outputs, call.outputs, call.stored, strict=True):
            lying.add(tensor, node, call, view)
            if view is not None:
                storage = found[source]
            elif (
                node.op.overwrites
                and call.inputs[0].dtype == type_.dtype
                and _is_free(found[source], step)
                and len(node.inputs[0].producer.outputs) == 1  # PyTorch refuses to overwrite one of several views
                and not _is_kept(facts, found[source].writer, overwriting)
            ):
                overwriting.add(step)
                # In training, what is overwritten is kept as a copy, or not kept: as many bytes as without.
                storage = found[source]
                storage.writer = node
                if training:
                    storage = Storage(node, type_.shape, elements * sizes[type_.dtype], step)
            else:
                storage = Storage(node, type_.shape, elements * sizes[type_.dtype], step)
            storage.live_until(last[tensor.position])
            found.append(storage)
    return Storages(found, overwriting, lying.of)


class _Strides:
    """How tensors lie in memory whose elements are not in order: see :mod:`archinspect.base.strides`."""

    def __init__(self) -> None:
        self.of: dict[Tensor, Shape | None] = {}
        """Strides by tensor, None where they are not told."""

    def can_view(self, node: Node, call: Call, view: View) -> bool:
        """Return whether the outputs can lie in the first input's storage as a view says, or have to be copies."""
        source = node.inputs[0]
        if not view.in_order or source not in self.of:
            return True
        strides = self.of[source]
        return not call.moves if strides is None else reshaped(call.shapes[0], strides, call.output) is not None

    def add(self, tensor: Tensor, node: Node, call: Call, view: View | None) -> None:
        """Note how an output lies, by how the inputs do."""
        shape = call.outputs[tensor.index].shape
        if view is None:
            given = [self.of.get(one) for one in node.inputs]
            strides = node.op.own_strides(call.shapes, given, shape) if node.inputs and not tensor.index else None
            if strides is not None:
                self._put(tensor, shape, strides)
        elif view.strided or node.inputs[0] in self.of:
            source = self.of.get(node.inputs[0], in_order(call.shapes[0]))
            if source is None:
                self.of[tensor] = None
            elif view.strided:
                self._put(tensor, shape, node.op.view_strides(call.shapes[0], source, shape))
            else:
                self._put(tensor, shape, reshaped(call.shapes[0], source, shape))

    def _put(self, tensor: Tensor, shape: Shape, strides: Shape | None) -> None:
        if strides is None or not is_in_order(shape, strides):
            self.of[tensor] = strides


def _is_kept(facts: Facts, node: Node, overwriting: Container[int]) -> bool:
    """Return whether backward would need what a step makes, as it does of a sigmoid: then nothing may overwrite it."""
    call = facts.call(node)
    run = Run((True,) * len(call.inputs), attention="math", in_place=node.position in overwriting)
    return bool(call.inputs and call.kept(run).outputs)


def _is_free(storage: Storage, step: int) -> bool:
    """Return whether a step may overwrite a storage: nothing reads it later, and it is no input of the network."""
    return storage.last == step and storage.bytes > 0 and bool(storage.maker.inputs)
