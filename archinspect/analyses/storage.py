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
            elif (
                node.op.in_place
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
    return Storages(found, overwriting)


def _is_kept(facts: Facts, node: Node, overwriting: Container[int]) -> bool:
    """Return whether backward would need what a step makes, as it does of a sigmoid: then nothing may overwrite it."""
    call = facts.call(node)
    run = Run((True,) * len(call.inputs), attention="math", in_place=node.position in overwriting)
    return bool(call.inputs and call.kept(run).outputs)


def _is_free(storage: Storage, step: int) -> bool:
    """Return whether a step may overwrite a storage: nothing reads it later, and it is no input of the network."""
    return storage.last == step and storage.bytes > 0 and bool(storage.maker.inputs)
