"""Shapes and data types of every tensor: runs each operator's rules over the graph, in execution order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.base.shape import Mismatch, size

if TYPE_CHECKING:
    from archinspect.base.diagnostics import Problems
    from archinspect.base.shape import Shape
    from archinspect.base.source import Span
    from archinspect.graph.graph import Graph, Node
    from archinspect.ops.base import Op

MAX_ELEMENTS = 10**18


def infer(graph: Graph, problems: Problems, batch: int = 1) -> None:
    """Set the shape and dtype of every tensor for a batch of this size.

    A node whose inputs do not fit is told to `problems`, each place once; what depends on it keeps
    the shape None and stays silent. Networks repeat themselves, so that a rule is run once for an
    operator and its input shapes.
    """
    known: dict[tuple[Op, tuple[Shape, ...]], Shape] = {}
    for node in graph.inputs:
        _set_output(node, (batch, *node.op.output()[1:]))
    for node in graph.nodes:
        shapes = tuple([tensor.shape for tensor in node.inputs])
        if None in shapes:
            continue
        key = (node.op, shapes)
        shape = known.get(key)  # type: ignore[arg-type] # no None is left
        if shape is None:
            shape = _output(node, shapes, problems)  # type: ignore[arg-type] # no None is left
            if shape is None:
                continue
            known[key] = shape  # type: ignore[index] # no None is left
        _set_output(node, shape)


def _set_output(node: Node, shape: Shape) -> None:
    node.output.shape = shape
    node.output.dtype = node.op.output_dtype(*[tensor.dtype for tensor in node.inputs])


def _output(node: Node, shapes: tuple[Shape, ...], problems: Problems) -> Shape | None:
    try:
        shape = node.op.output(*shapes)
        _refuse_huge(shape)
    except Mismatch as error:
        name = type(node.layer_op).__name__
        notes = [("used here", caller) for caller in node.callers[:3]]
        problems.error("shape", f"{name}: {error.message}", _place(node, error.arg), error.help, notes)
        return None
    return shape


def _refuse_huge(shape: Shape) -> None:
    if size(shape) > MAX_ELEMENTS:
        raise Mismatch(f"the output has more than {MAX_ELEMENTS:.0e} elements", help="use smaller sizes")


def _place(node: Node, args: str) -> Span:
    """Return where the argument to blame stands (one of `a|b`), or else the step."""
    wanted = args.split("|")
    if node.args is not None:
        for key, tree in node.args:
            if node.layer_op.names.get(key.text) in wanted:
                return tree.span if tree.span.line else key.span
    return node.span
