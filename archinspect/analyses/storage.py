"""Storages: what tensors lie in, who makes them, and which steps need them.

A view, such as a flattened map, lies in the storage of its input and costs nothing. Steps are positions of nodes; the
step after the last node is the caller's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archinspect.base.strides import in_order, reshaped
from archinspect.ops.figures import Run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from archinspect.analyses.facts import Facts
    from archinspect.base.shape import Shape
    from archinspect.graph.call import Call
    from archinspect.graph.graph import Node, Tensor
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
    strides: Mapping[Tensor, Shape | None]
    """How tensors lie in memory of which an axis has not the stride of elements in order; None where not told."""


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
    return Storages(walk.found, walk.overwriting, walk.lying.of)


class _Walk:
    """Runs a network's steps one after another, and finds the storages of what they make."""

    def __init__(self, facts: Facts, *, training: bool) -> None:
        self.facts = facts
        self.training = training
        self.found: list[Storage] = []
        self.overwriting: set[int] = set()
        self.lying = _Strides()
        self._writes = facts.once(storages_at_inference).overwriting if training else None
        """What overwrites its input wherever it runs; at inference that is not yet known."""
        self._parts: set[Tensor] = set()
        """Views of which an operator makes several, and views of these: PyTorch refuses to overwrite them."""
        self._last = [tensor.readers[-1].position if tensor.readers else -1 for tensor in facts.graph.tensors]
        end = len(facts.graph.everything)
        for tensor in facts.graph.outputs:
            self._last[tensor.position] = end

    def run(self, node: Node) -> None:
        """Add the storages of what a step makes."""
        call = self.facts.call(node)
        view = self._view(node)
        if view is None and self._may_overwrite(node):
            self.overwriting.add(node.position)
        if view is not None and (node.op.gives_views or node.inputs[0] in self._parts):
            self._parts.update(node.outputs)
        for tensor, type_, elements in zip(node.outputs, call.outputs, call.stored, strict=True):
            if node.position in self.overwriting:
                self.lying.add_overwritten(tensor, node.inputs[0])
            else:
                self.lying.add(tensor, node, call, view)
            if view is not None:
                storage = self.found[node.inputs[0].position]
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
        return view if view is not None and self.lying.can_view(node, self.facts.call(node), view) else None

    def _may_overwrite(self, node: Node) -> bool:
        """Return whether a step writes its output over its input: in training what does so at inference."""
        if self._writes is not None:
            return node.position in self._writes
        if not (node.inputs and node.op.overwrites):
            return False
        call, storage = self.facts.call(node), self.found[node.inputs[0].position]
        return (
            call.inputs[0].dtype == call.outputs[0].dtype
            and _is_free(storage, node.position)
            and node.inputs[0] not in self._parts
            and not self.lying.repeats(node.inputs[0])
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


class _Strides:
    """How tensors lie in memory whose elements are not in order: see :mod:`archinspect.base.strides`."""

    def __init__(self) -> None:
        self.of: dict[Tensor, Shape | None] = {}
        """Strides by tensor, None where they are not told; those that are in order in every axis are left out."""

    def repeats(self, tensor: Tensor) -> bool:
        """Return whether several elements of a tensor are one and the same in memory."""
        return 0 in (self.of.get(tensor) or ())

    def can_view(self, node: Node, call: Call, view: View) -> bool:
        """Return whether the outputs can lie in the first input's storage as a view says, or have to be copies."""
        source = node.inputs[0]
        if not view.in_order or (source not in self.of and not view.strided and not _is_repeated(node, source)):
            return True
        strides = lying(node, source, call.shapes[0], self.of, in_order(call.shapes[0]))
        if strides is None:
            return not view.strided and not call.moves
        return _viewed(node, call.shapes[0], view, strides, call.output) is not None

    def add(self, tensor: Tensor, node: Node, call: Call, view: View | None) -> None:
        """Note how an output lies, by how the inputs do."""
        shape = call.outputs[tensor.index].shape
        if view is None:
            given = [lying(node, *one, self.of) for one in zip(node.inputs, call.shapes, strict=True)]
            strides = node.op.own_strides(call.shapes, given, shape) if node.inputs and not tensor.index else None
            if strides is not None:
                self._put(tensor, shape, strides)
        elif view.strided or node.inputs[0] in self.of or _is_repeated(node, node.inputs[0]):
            source = lying(node, node.inputs[0], call.shapes[0], self.of, in_order(call.shapes[0]))
            self._put(tensor, shape, source and _viewed(node, call.shapes[0], view, source, shape))

    def add_overwritten(self, tensor: Tensor, source: Tensor) -> None:
        """Note that an output lies where the input did."""
        if source in self.of:
            self.of[tensor] = self.of[source]

    def _put(self, tensor: Tensor, shape: Shape, strides: Shape | None) -> None:
        if strides != in_order(shape):
            self.of[tensor] = strides


def lying(
    node: Node, tensor: Tensor, shape: Shape, strides: Mapping[Tensor, Shape | None], default: Shape | None = None
) -> Shape | None:
    """Return how an input of a node lies, of this shape there: repeated for each sample where it has none itself."""
    own = strides.get(tensor, default)
    if not _is_repeated(node, tensor) or shape[0] == 1 or (own is None and tensor in strides):
        return own
    return (0, *(own or in_order(shape))[1:])


def _is_repeated(node: Node, tensor: Tensor) -> bool:
    """Return whether a node reads for each sample what all samples share."""
    return node.output.batched and not tensor.batched and not node.op.stretches


def _viewed(node: Node, shape: Shape, view: View, strides: Shape, output: Shape) -> Shape | None:
    """Return the strides of an output that is a view of an input with these; None where they are not told."""
    return node.op.view_strides(shape, strides, output) if view.strided else reshaped(shape, strides, output)


def _is_free(storage: Storage, step: int) -> bool:
    """Return whether a step may overwrite a storage: nothing reads it later, and it is no input of the network."""
    return storage.last == step and storage.bytes > 0 and bool(storage.maker.inputs)
