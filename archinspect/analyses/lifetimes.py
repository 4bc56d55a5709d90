"""Lifetimes: up to which step the variables of a program hold a storage, as PyTorch's programs are written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.analyses.storage import Storage
from archinspect.base.shape import size
from archinspect.graph.graph import composites_above
from archinspect.ops.attending import Attending

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from archinspect.analyses.facts import Facts
    from archinspect.graph.graph import Graph, Node, Tensor


def hold_by_functions(facts: Facts, storages: Sequence[Storage], attention: str) -> list[Storage]:
    """Let storages live as long as variables hold them: those of the caller, and of each composite's function.

    A function's arguments live until it ends. So does what several of its steps read, but for a skip connection: there
    the variable is given the sum. So do the operands of a merge that reads all of them by name. Any other variable is
    given what the next step makes. Of a program whose text tells what its variables hold, they hold that.

    Return what variables hold besides: what a softmax makes of the scores, which attention returns with its result.
    """
    _hold_inputs(facts.graph, storages)
    program = _Program(facts.graph, storages)
    program.hold_arguments()
    if facts.graph.held is None:
        program.hold_shared()
        program.hold_operands()
    else:
        for tensor, node in facts.graph.held.items():
            storages[tensor.position].live_until(node.position)
        _hold_together(facts.graph, storages)
    return _probabilities(facts, attention, program.end_around)


def _hold_together(graph: Graph, storages: Sequence[Storage]) -> None:
    """Let what one product makes for attention live until the last variable of a part of it ends."""
    for node in graph.nodes:
        if isinstance(node.op, Attending):
            parts = [storages[node.inputs[index].position] for index in node.op.fused_inputs()]
            for part in parts:
                part.live_until(max(other.last for other in parts))


def hold_inline(facts: Facts, storages: Sequence[Storage], attention: str) -> list[Storage]:
    """Let storages live as long as a single function's variables hold them; return storages that these hold besides.

    Variables are queries, keys, values, what a softmax makes of their scores, what a step reads by name, and what
    several steps read in any copy of a repeat. They live until the next copy assigns them, but for a skip connection:
    there the variable is given the sum.
    """
    graph = facts.graph
    _hold_inputs(graph, storages)
    lines = [_line(node.path) for node in graph.everything]
    assigned = _assigned_again(lines)
    variables: set[str] = set()
    product: dict[Node, Node] = {}
    """Of layers that a program makes one product of, what reads them: they are one step."""
    for node in graph.nodes:
        if isinstance(node.op, Attending):
            variables.update(lines[tensor.producer.position] for tensor in node.reads)
            product.update({node.inputs[i].producer: node for i in node.op.fused_inputs()})
    made = graph.tensors[len(graph.inputs) :]
    for tensor in made:
        if len({product.get(reader, reader) for reader in tensor.readers}) > 1:
            variables.add(lines[tensor.producer.position])
    for tensor in made:
        place = tensor.producer.position
        is_variable = lines[place] in variables and tensor.readers and not tensor.readers[-1].op.joins
        if is_variable or tensor in graph.named:
            storages[tensor.position].live_until(assigned[place])
    return _probabilities(facts, attention, lambda node: assigned[node.position])


def _probabilities(facts: Facts, attention: str, end: Callable[[Node], int]) -> list[Storage]:
    """Return what softmaxes make where a program has that as a tensor, up to the step at which its variable ends."""
    found = []
    for node in facts.graph.nodes:
        if isinstance(node.op, Attending):
            shape = node.op.probabilities(facts.call(node).shapes, attention)
            if shape is not None:
                storage = Storage(node, shape, size(shape) * facts.sizes["float"], node.position + 1)
                storage.live_until(end(node))
                found.append(storage)
    return found


def _hold_inputs(graph: Graph, storages: Sequence[Storage]) -> None:
    """Let the network's inputs live to the end, as its caller holds them."""
    end = len(graph.everything)
    for node in graph.inputs:
        storages[node.output.position].live_until(end)


class _Program:
    """A network as a program whose composites are functions."""

    def __init__(self, graph: Graph, storages: Sequence[Storage]) -> None:
        self.graph = graph
        self.storages = storages
        self.functions = _functions(graph)
        """The functions that each node is in, by its position."""
        self.ends = {path: step for step, paths in enumerate(self.functions) for path in paths}
        """The last step of each function."""
        self.ends[""] = len(graph.everything)

    def hold_arguments(self) -> None:
        """Let what a function reads from outside live until the function ends."""
        for node in self.graph.nodes:
            paths = self.functions[node.position]
            for tensor in node.inputs:
                made = self.functions[tensor.producer.position]
                if paths is not made:
                    inside = [self.ends[path] for path in paths if path not in made]
                    self.storages[tensor.position].live_until(max(inside, default=-1))

    def hold_shared(self) -> None:
        """Let what several steps of a function read live until the function ends, unless the last one adds to it."""
        for tensor in self._made():
            readers = tensor.readers
            if len(readers) > 1 and readers[0] is not readers[-1] and not readers[-1].op.joins:
                within = _common([self.functions[node.position] for node in (tensor.producer, *readers)])
                if len({_step(node, within) for node in readers}) > 1:
                    self.storages[tensor.position].live_until(self.ends[within])

    def hold_operands(self) -> None:
        """Let the operands of a merge that reads all of them by name live until their function ends."""
        named = self.graph.named
        for node in self.graph.nodes if named else ():
            if node.op.joins and all(tensor in named for tensor in node.inputs):
                for tensor in node.reads:
                    if tensor.producer.inputs:
                        paths = [self.functions[one.position] for one in (tensor.producer, node)]
                        self.storages[tensor.position].live_until(self.ends[_common(paths)])

    def end_around(self, node: Node) -> int:
        """Return the last step of the function around a layer."""
        around = [path for path in self.functions[node.position] if path != node.layer]
        return self.ends[around[-1] if around else ""]

    def _made(self) -> Sequence[Tensor]:
        """Return the tensors that are no input of the network."""
        return self.graph.tensors[len(self.graph.inputs) :]


def _line(path: str) -> str:
    """Return what is the same in all copies of a repeat, as a line of a program is."""
    return path if "." not in path else ".".join(name for name in path.split(".") if not name.isdigit())


def _assigned_again(lines: Sequence[str]) -> list[int]:
    """Return for each node the next one of its line: the step after the last where there is none."""
    found = [len(lines)] * len(lines)
    following: dict[str, int] = {}
    for i in range(len(lines) - 1, -1, -1):
        found[i] = following.get(lines[i], len(lines))
        following[lines[i]] = i
    return found


def _functions(graph: Graph) -> list[tuple[str, ...]]:
    """Return the composites that each node is in, the outermost first, those left out that are no function.

    That is a chain with no more than one layer that has a kernel, such as a convolution and its normalization, unless
    its block is a `module`. Attention with its projections is a function.
    """
    kernels: dict[str, set[str]] = {}
    """The layers with a kernel in each composite."""
    whole = {path for path, composite in graph.composites.items() if composite.is_module}
    parents = [node.layer.rpartition(".")[0] for node in graph.everything]
    for node in graph.nodes:
        for path in composites_above(node.layer):
            layers = kernels.setdefault(path, set())
            if node.layer_op.has_kernel:
                layers.add(node.layer)
            if len(node.inputs) > 1:
                whole.add(path)
    whole |= {path for path, layers in kernels.items() if len(layers) > 1}
    whole -= {path for path, composite in graph.composites.items() if composite.is_module is False}
    above = {
        parent: tuple(path for path in (*composites_above(parent), parent) if path in whole) for parent in set(parents)
    }
    found = [above[parent] for parent in parents]
    for node in graph.inputs:
        found[node.position] = ()
    for node in graph.nodes:
        if node.layer_op is not node.op and isinstance(node.layer_op, Attending):
            found[node.position] += (node.layer,)
    return found


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
