"""Lifetimes: up to which step the variables of a program hold a storage, as PyTorch's programs are written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.analyses.storage import Storage
from archinspect.base.shape import size
from archinspect.graph.graph import composites
from archinspect.ops.attending import Attending

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.analyses.storage import Rules
    from archinspect.base.shape import Shape
    from archinspect.graph.graph import Graph, Node


def hold_by_functions(rules: Rules, storages: list[Storage]) -> dict[Storage, Shape]:
    """Let storages live as long as variables hold them: those of the caller, and of each composite's function.

    A function's arguments live until it ends. So does what several of its steps read, but for a skip connection: there
    the variable is given the sum. So do the operands of a merge that reads all of them by name. Any other variable is
    given what the next step makes.

    Return what variables hold besides: what a softmax makes of the scores, which attention returns with its result.
    """
    _hold_inputs(rules, storages)
    program = _Program(rules, storages)
    program.hold_arguments()
    program.hold_shared()
    program.hold_operands()
    attentions = [i for i, use in enumerate(program.uses) if isinstance(use.op, Attending)]
    return _probabilities(rules, [(i, program.end_around(i)) for i in attentions])


def hold_inline(rules: Rules, storages: list[Storage]) -> dict[Storage, Shape]:
    """Let storages live as long as a single function's variables hold them; return storages that these hold besides.

    Variables are queries, keys, values, what a softmax makes of their scores, what a step reads by name, and what
    several steps read in any copy of a repeat. They live until the next copy assigns them, but for a skip connection:
    there the variable is given the sum.
    """
    nodes, read = rules.graph.nodes, rules.read
    _hold_inputs(rules, storages)
    lines = [_line(node.path) for node in nodes]
    assigned = _assigned_again(lines)
    variables: set[str] = set()
    attending = []
    product: dict[int, int] = {}
    """Of layers that a program makes one product of, the number of what reads them: they are one step."""
    for i, use in enumerate(rules.uses[: len(nodes)]):
        if isinstance(use.op, Attending):
            variables.update(lines[number] for number in read[i] if number >= 0)
            product.update({read[i][k]: i for k in use.op.fused_inputs()})
            attending.append((i, assigned[i]))
    for number, several in _read_again(read).items():
        if number >= 0 and len({product.get(i, i) for i in several}) > 1:
            variables.add(lines[number])
    last = {number: i for i, numbers in enumerate(read) for number in numbers}
    for number, i in last.items():
        if number >= 0 and lines[number] in variables and not nodes[i].op.joins:
            storages[number].live_until(assigned[number])
    for node in rules.graph.named:
        if node.number >= 0:
            storages[node.number].live_until(assigned[node.number])
    return _probabilities(rules, attending)


def _probabilities(rules: Rules, attending: Sequence[tuple[int, int]]) -> dict[Storage, Shape]:
    """Return what softmaxes make where a program has that as a tensor; each attention with its variable's last step."""
    found = {}
    for i, last in attending:
        use = rules.uses[i]
        shape = use.op.probabilities(use.shapes, rules.attention) if isinstance(use.op, Attending) else None
        if shape is not None:
            found[Storage(i, size(shape) * rules.sizes["float"], i + 1, last)] = shape
    return found


def _hold_inputs(rules: Rules, storages: list[Storage]) -> None:
    """Let the network's inputs live to the end, as its caller holds them."""
    count = len(rules.graph.nodes)
    for storage in storages[count:]:
        storage.live_until(count)


class _Program:
    """A network as a program whose composites are functions."""

    def __init__(self, rules: Rules, storages: list[Storage]) -> None:
        self.graph = rules.graph
        self.read = rules.read
        self.uses = rules.uses[: len(rules.read)]
        self.storages = storages
        self.functions = _functions(rules.graph)
        self.ends = {path: i for i, paths in enumerate(self.functions) for path in paths}
        """The last step of each function."""
        self.ends[""] = len(self.read)

    def hold_arguments(self) -> None:
        """Let what a function reads from outside live until the function ends."""
        for i, paths in enumerate(self.functions):
            for number in self.read[i]:
                made = self.functions[number] if number >= 0 else ()
                if paths is not made:
                    inside = [self.ends[path] for path in paths if path not in made]
                    self.storages[number].live_until(max(inside, default=-1))

    def hold_shared(self) -> None:
        """Let what several steps of a function read live until the function ends, unless the last one adds to it."""
        nodes = self.graph.nodes
        for number, several in _read_again(self.read).items():
            if number >= 0 and not self.uses[several[-1]].op.joins:
                within = _common([self.functions[i] for i in (number, *several)])
                if len({_step(nodes[i], within) for i in several}) > 1:
                    self.storages[number].live_until(self.ends[within])

    def hold_operands(self) -> None:
        """Let the operands of a merge that reads all of them by name live until their function ends."""
        nodes, named = self.graph.nodes, self.graph.named
        for i, use in enumerate(self.uses):
            if use.op.joins and all(tensor.producer in named for tensor in nodes[i].inputs):
                for number in self.read[i]:
                    if number >= 0:
                        within = _common([self.functions[number], self.functions[i]])
                        self.storages[number].live_until(self.ends[within])

    def end_around(self, number: int) -> int:
        """Return the last step of the function around a layer."""
        around = [path for path in self.functions[number] if path != self.graph.nodes[number].layer]
        return self.ends[around[-1] if around else ""]


def _line(path: str) -> str:
    """Return what is the same in all copies of a repeat, as a line of a program is."""
    return path if "." not in path else ".".join(name for name in path.split(".") if not name.isdigit())


def _assigned_again(lines: Sequence[str]) -> list[int]:
    """Return for each node the next one of its line: the number behind the last node where there is none."""
    found = [len(lines)] * len(lines)
    following: dict[str, int] = {}
    for i in range(len(lines) - 1, -1, -1):
        found[i] = following.get(lines[i], len(lines))
        following[lines[i]] = i
    return found


def _read_again(read: Sequence[Sequence[int]]) -> dict[int, list[int]]:
    """Return the readers of what is read more than once."""
    first: dict[int, int] = {}
    found: dict[int, list[int]] = {}
    for i, numbers in enumerate(read):
        for number in numbers:
            if first.setdefault(number, i) != i:
                found.setdefault(number, [first[number]]).append(i)
    return found


def _functions(graph: Graph) -> list[tuple[str, ...]]:
    """Return the composites that each node is in, the outermost first, those left out that are no function.

    That is a chain with no more than one layer that has a kernel, such as a convolution and its normalization, unless
    its block is a `module`. Attention with its projections is a function.
    """
    kernels: dict[str, set[str]] = {}
    """The layers with a kernel in each composite."""
    whole = set(graph.modules)
    parents = []
    attending = []
    for i, node in enumerate(graph.nodes):
        layer, layer_op = node.layer, node.layer_op
        if layer_op is not node.op and isinstance(layer_op, Attending):
            attending.append(i)
        parents.append(layer.rpartition(".")[0] if "." in layer else "")
        for path in composites(layer):
            layers = kernels.setdefault(path, set())
            if layer_op.has_kernel:
                layers.add(layer)
            if len(node.inputs) > 1:
                whole.add(path)
    whole |= {path for path, layers in kernels.items() if len(layers) > 1}
    above = {parent: tuple(path for path in (*composites(parent), parent) if path in whole) for parent in set(parents)}
    found = [above[parent] for parent in parents]
    for i in attending:
        found[i] += (graph.nodes[i].layer,)
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
