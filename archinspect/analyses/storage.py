"""Storages: what tensors lie in, who makes them, and which steps need them.

A view, such as a flattened map, lies in the storage of its input and costs nothing. Steps are positions of nodes; the
step after the last node is the caller's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archinspect.ops.figures import Run

if TYPE_CHECKING:
    from archinspect.analyses.facts import Facts
    from archinspect.base.shape import Shape
    from archinspect.graph.graph import Node
    from archinspect.ops.figures import Kept, View


class Storage:
    """What tensors lie in: who made it, how large it is, and the steps from which and up to which it is needed."""

    __slots__ = ("bytes", "first", "last", "maker", "read", "shape", "writer")

    def __init__(self, maker: Node, shape: Shape, count: int, step: int) -> None:
        self.maker = maker
        self.writer = maker
        """What wrote it last: its maker, or what overwrites."""
        self.read: list[tuple[Node, int]] = []
        """Which nodes have read it, as which of their inputs."""
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


def storages_at_inference(facts: Facts) -> Storages:
    """Return the storages of a forward pass without gradients, each needed up to its last reader."""
    return _storages(facts, training=False)


def storages_in_training(facts: Facts) -> Storages:
    """Return the storages of a forward pass that backward follows."""
    return _storages(facts, training=True)


def _storages(facts: Facts, *, training: bool) -> Storages:
    walk = _Walk(facts, training=training)
    for node in facts.graph.everything:
        walk.run(node)
    return Storages(walk.found, walk.overwriting)


class _Walk:
    """Runs a network's steps one after another, and finds the storages of what they make."""

    def __init__(self, facts: Facts, *, training: bool) -> None:
        self.facts = facts
        self.training = training
        self.found: list[Storage] = []
        self.overwriting: set[int] = set()
        self._strided: set[int] = set()
        """Positions of the tensors that leave elements of their storage out, or have them in another order."""
        self._last = [tensor.readers[-1].position if tensor.readers else -1 for tensor in facts.graph.tensors]
        for tensor in facts.graph.outputs:
            self._last[tensor.position] = len(facts.graph.everything)

    def run(self, node: Node) -> None:
        """Add the storages of what a step makes."""
        call = self.facts.call(node)
        view = self._view(node)
        if view is None and self._may_overwrite(node):
            self.overwriting.add(node.position)
        for tensor, type_, elements in zip(node.outputs, call.outputs, call.stored, strict=True):
            if view is not None:
                storage = self.found[node.inputs[0].position]
                if view.strided or node.inputs[0].position in self._strided:
                    self._strided.add(tensor.position)
            elif node.position in self.overwriting:
                storage = self.found[node.inputs[0].position]
                storage.writer = node
                if self.training:  # backward keeps what is made here, or a copy of what was there
                    storage = Storage(node, type_.shape, storage.bytes, node.position)
            else:
                storage = Storage(node, type_.shape, elements * self.facts.sizes[type_.dtype], node.position)
            storage.live_until(self._last[tensor.position])
            self.found.append(storage)
        if view is None:
            for i, tensor in enumerate(node.reads):
                self.found[tensor.position].read.append((node, i))

    def _view(self, node: Node) -> View | None:
        """Return how outputs lie in the first input's storage; None where they do not."""
        view = self.facts.view(node, training=self.training) if node.inputs else None
        moves = view is not None and view.in_order and self.facts.call(node).moves
        return None if moves and node.inputs[0].position in self._strided else view

    def _may_overwrite(self, node: Node) -> bool:
        """Return whether a step writes its output over its input."""
        if not (node.inputs and node.op.in_place):
            return False
        call, storage = self.facts.call(node), self.found[node.inputs[0].position]
        return (
            call.inputs[0].dtype == call.outputs[0].dtype
            and _is_free(storage, node.position)
            and len(node.inputs[0].producer.outputs) == 1  # PyTorch refuses to overwrite one of several views
            and not self._is_kept(storage)
        )

    def _is_kept(self, storage: Storage) -> bool:
        """Return whether backward would need what lies in a storage: then nothing may overwrite it.

        It needs what the writer makes, as of a sigmoid, or what another step reads, as a convolution.
        """
        if storage.writer.inputs and self._would_keep(storage.writer).outputs:
            return True
        return any(i in self._would_keep(node).inputs for node, i in storage.read)

    def _would_keep(self, node: Node) -> Kept:
        """Return what backward would keep of a step if it needed all gradients."""
        call = self.facts.call(node)
        run = Run((True,) * len(call.inputs), attention="math", in_place=node.position in self.overwriting)
        return call.kept(run)


def _is_free(storage: Storage, step: int) -> bool:
    """Return whether a step may overwrite a storage: nothing reads it later, and it is no input of the network."""
    return storage.last == step and storage.bytes > 0 and bool(storage.maker.inputs)
