"""Shapes and data types of every tensor: runs each operator's rules over the graph, in execution order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.base.diagnostics import USED_HERE
from archinspect.base.shape import Mismatch, size
from archinspect.base.shared import table
from archinspect.graph.call import Call, TensorType
from archinspect.ops.args import MAX_AXES
from archinspect.ops.figures import STRING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.diagnostics import Problems
    from archinspect.base.shape import Shape
    from archinspect.base.source import Span
    from archinspect.graph.graph import Graph, Node
    from archinspect.graph.stepping import Step
    from archinspect.ops.base import Op

MAX_ELEMENTS = 10**18
TABLES = "`StringLookup`, `Hashing` and `TextVectorization` make numbers of words; `Custom` is a layer of your own"


def infer(
    graph: Graph, problems: Problems, batch: int = 1, *, remember: bool = True, step: Step | None = None
) -> list[Call | None]:
    """Return what each node calls, by its position, for a batch of this size, all of a network or a `step` of it.

    A node whose inputs do not fit is told to `problems`, each place once; it calls nothing, and what depends on it
    stays silent. Networks repeat themselves, so that nodes share a call where operator and inputs are equal. Symbols
    cannot be looked up: without `remember` each node has its own, of any size.
    """
    known: dict[object, Call] = table(("calls", batch)) if remember else {}
    instead, before = (step.instead, step.before) if step else ({}, frozenset())
    types: list[TensorType | None] = [None] * (len(graph.tensors) + 1)
    calls: list[Call | None] = []
    for node in graph.inputs:
        given = _input(node, batch)
        given.before = node in before
        types[node.output.position] = given.outputs[0]
        calls.append(given)
    for node in graph.nodes:
        read = tuple([types[tensor.position] for tensor in node.inputs])
        call = None
        if None not in read and _shares(node, problems):
            op = instead.get(node, node.op)
            key = (op, read, node.output.batched, node in before) if remember else node
            call = known.get(key) or _call(node, op, read, problems, batch, MAX_ELEMENTS if remember else None)  # type: ignore[arg-type] # no None is left
        if call is not None:
            known[key] = call
            call.before = node in before
            for tensor, found in zip(node.outputs, call.outputs, strict=True):
                types[tensor.position] = found
        calls.append(call)
    return calls


def _input(node: Node, batch: int) -> Call:
    return Call(node.op, (), (TensorType(node.op.of_batch(batch), node.op.output_dtype()),))


def _call(
    node: Node, op: Op, given: tuple[TensorType, ...], problems: Problems, batch: int, most: int | None
) -> Call | None:
    if node.outputs[0].batched and not op.stretches:
        # What is the same for all samples is repeated for each, as a view.
        given = tuple(
            type_ if tensor.batched else TensorType((batch, *type_.shape[1:]), type_.dtype)
            for type_, tensor in zip(given, node.inputs, strict=True)
        )
    shapes = [type_.shape for type_ in given]
    try:
        _refuse_words(op, given)
        outputs = op.outputs(*shapes)
        if most is not None:
            _refuse_huge(outputs, most)
    except Mismatch as error:
        name = type(node.layer_op).__name__
        notes = [(USED_HERE, caller) for caller in node.callers[:3]]
        problems.error("shape", f"{name}: {error.message}", _place(node, error.blamed), error.help, notes)
        return None
    dtypes = op.output_dtypes(*[type_.dtype for type_ in given])
    return Call(op, given, tuple(map(TensorType, outputs, dtypes)))


def _shares(node: Node, problems: Problems) -> bool:
    """Return whether those inputs are the same for all samples that have to be; tell it of one that is not."""
    for index in node.op.shared_here:
        if node.inputs[index].batched:
            name = type(node.layer_op).__name__
            message = f"{name}: input {index + 1} has to be the same for all samples"
            problems.error("shape", message, node.origin, node.op.shared_remedy)
            return False
    return True


def _refuse_words(op: Op, given: Sequence[TensorType]) -> None:
    if not op.reads_words and any(type_.dtype == STRING for type_ in given):
        raise Mismatch("computes with numbers, not with words", help=TABLES)


def _refuse_huge(outputs: Sequence[Shape], most: int) -> None:
    if any(size(shape) > most for shape in outputs):
        raise Mismatch(f"the output has more than {most:.0e} elements", help="use smaller sizes")
    if any(len(shape) > MAX_AXES for shape in outputs):
        raise Mismatch(f"the output has more than {MAX_AXES} axes")


def _place(node: Node, args: Sequence[str]) -> Span:
    """Return where the argument to blame stands, one of these, or else the step."""
    if node.arguments is not None:
        for key, tree in node.arguments:
            if node.layer_op.names.get(key.text) in args:
                return tree.span if tree.span.line else key.span
    return node.origin
