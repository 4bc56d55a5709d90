"""Storages: what tensors lie in, who makes them, and which steps need them.

A view, such as a flattened map, lies in the storage of its input and costs nothing. Steps are positions of nodes; the
step after the last node is the caller's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archinspect.ops.figures import Run

if TYPE_CHECKING:
    from collections.abc import Container

    from archinspect.analyses.facts import Facts
    from archinspect.base.shape import Shape
    from archinspect.graph.graph import Node
    from archinspect.ops.figures import Kept


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
    graph, sizes = facts.graph, facts.sizes
    last = [tensor.readers[-1].position if tensor.readers else -1 for tensor in graph.tensors]
    end = len(graph.everything)
    for tensor in graph.outputs:
        last[tensor.position] = end
    found: list[Storage] = []
    strided: set[int] = set()
    """Positions of the tensors that leave elements of their storage out, or have them in another order."""
    overwriting: set[int] = set()
    for node in graph.everything:
        call, step = facts.call(node), node.position
        view = facts.view(node, training=training)
        source = node.inputs[0].position if node.inputs else -1
        if source < 0 or (view is not None and view.in_order and source in strided and call.moves):
            view = None
        for tensor, type_, elements in zip(node.outputs, call.outputs, call.stored, strict=True):
            if view is not None:
                storage = found[source]
                if view.strided or source in strided:
                    strided.add(tensor.position)
            elif _may_overwrite(facts, node, found[source], overwriting):
                overwriting.add(step)
                storage = found[source]
                storage.writer = node
                if training:  # backward keeps what is made here, or a copy of what was there
                    storage = Storage(node, type_.shape, storage.bytes, step)
            else:
                storage = Storage(node, type_.shape, elements * sizes[type_.dtype], step)
            storage.live_until(last[tensor.position])
            found.append(storage)
        if view is None:
            for i, tensor in enumerate(node.reads):
                found[tensor.position].read.append((node, i))
    return Storages(found, overwriting)


def _may_overwrite(facts: Facts, node: Node, storage: Storage, overwriting: Container[int]) -> bool:
    """Return whether a step writes its output over its input, which lies in this storage."""
    call = facts.call(node)
    return (
        node.op.in_place
        and call.inputs[0].dtype == call.outputs[0].dtype
        and _is_free(storage, node.position)
        and len(node.inputs[0].producer.outputs) == 1  # PyTorch refuses to overwrite one of several views
        and not _is_kept(facts, storage, overwriting)
    )


def _is_kept(facts: Facts, storage: Storage, overwriting: Container[int]) -> bool:
    """Return whether backward would need what lies in a storage: then nothing may overwrite it.

    It needs what the writer makes, as of a sigmoid, or what another step reads, as a convolution.
    """
    if storage.writer.inputs and _would_keep(facts, storage.writer, overwriting).outputs:
        return True
    return any(i in _would_keep(facts, node, overwriting).inputs for node, i in storage.read)


def _would_keep(facts: Facts, node: Node, overwriting: Container[int]) -> Kept:
    """Return what backward would keep of a step if it needed all gradients."""
    call = facts.call(node)
    return call.kept(Run((True,) * len(call.inputs), attention="math", in_place=node.position in overwriting))


def _is_free(storage: Storage, step: int) -> bool:
    """Return whether a step may overwrite a storage: nothing reads it later, and it is no input of the network."""
    return storage.last == step and storage.bytes > 0 and bool(storage.maker.inputs)
