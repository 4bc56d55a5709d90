"""An operator at its place, and the chain of steps that it is in Keras."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from archinspect.exporters.code import Argument, Step, call, code
from archinspect.exporters.refusal import CannotExportError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from archinspect.analyses.facts import Facts
    from archinspect.base.shape import Shape
    from archinspect.exporters.code import Call
    from archinspect.graph.call import Call as OpCall
    from archinspect.graph.graph import Node
    from archinspect.ops.base import Op

Chain: TypeAlias = "list[tuple[str, Step]]"
"""Steps one after another, each with what its layer's name ends in; the node's own has nothing."""


class Named(NamedTuple):
    """The name of a layer inside another: that of the outer one, and what it ends in."""

    suffix: str


class Use(NamedTuple):
    """An operator at its place."""

    node: Node
    call: OpCall
    facts: Facts
    operators: Mapping[str, Callable[[Use], Step | Chain]]
    """The table of all operators, for those that wrap another."""

    @property
    def op(self) -> Op:
        """The operator; that which a wrapper wraps, where this is about it."""
        return self.call.op

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """Shapes of all inputs."""
        return self.call.shapes

    @property
    def shape(self) -> Shape:
        """The first input's shape."""
        return self.call.shapes[0]

    @property
    def output(self) -> Shape:
        """The first output's shape."""
        return self.call.output

    def refuse(self, reason: str) -> CannotExportError:
        """Return an error that names the layer."""
        return CannotExportError(self.node.layer, reason)


def layer(name: str, positional: dict[str, Any] | None = None, **options: tuple[Any, Any]) -> Step:
    """Return a layer of one input."""
    return Step(code("{self}({0})"), call(f"layers.{name}", positional or {}, **options))


def own(name: str, positional: dict[str, Any] | None = None, **options: tuple[Any, Any]) -> Step:
    """Return a layer whose class the program defines itself."""
    return Step(code("{self}({0})"), call(name, positional or {}, **options), parts=(name,))


def function(name: str, template: str, **values: Any) -> Step:  # noqa: ANN401 - values of any argument
    """Return a call of a function that the program defines itself."""
    return Step(code(f"{name}({template})", **values), parts=(name,))


def of_each_sample(use: Use) -> tuple[str, tuple[str, ...]]:
    """Return all inputs, those that are the same for all samples repeated for each, and the parts that it takes."""
    batched = [tensor.batched for tensor in use.node.inputs]
    if len(set(batched)) == 1:
        return "{all}", ()
    like = batched.index(True)
    names = [f"{{{at}}}" if one else f"each_sample({{{at}}}, {{{like}}})" for at, one in enumerate(batched)]
    return ", ".join(names), ("each_sample",)


def legal(path: str) -> str:
    """Return a path as the name of a layer, in which neither a dot nor a slash can be."""
    return re.sub(r"[^\w-]", "_", path.replace(".", "-"))


def same(values: Sequence[Any]) -> Any:  # noqa: ANN401 - sizes, or what stands for them
    """Return what all axes have in common, or else one for each."""
    return values[0] if len(set(values)) == 1 else tuple(values)


def with_arguments(module: Call, **options: tuple[Any, Any]) -> Call:
    """Return a call with further arguments, each with the default that it has."""
    more = (Argument(role, value, default) for role, (value, default) in options.items())
    there = {arg.role for arg in module.args}
    return module._replace(args=(*module.args, *(arg for arg in more if arg.role not in there)))
