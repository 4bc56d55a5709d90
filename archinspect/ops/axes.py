"""Names of axes: those of weights, and how an operator's output axes follow from them and from its inputs'.

Exporters transpose kernels by these names, sharding learns which weights can be cut and what has to be summed then, and
tied weights are paired by them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from archinspect.base.shape import Shape
    from archinspect.ops.figures import Weight

NAMES = {
    "in": "features or channels that are summed; of a table of vectors, what they are looked up by",
    "out": "features or channels of the output",
    "channels": "channels of the input, each by itself",
    "multiplier": "outputs of a channel",
    "depth": "positions of a window",
    "height": "positions of a window",
    "width": "positions of a window",
    "length": "positions of a window in one dimension",
    "gates": "units of a recurrent layer, once for each gate",
    "state": "features of a recurrent layer's own output",
    "units": "units of a recurrent layer",
    "biases": "biases of the same sum",
    "heads": "heads of an attention",
    "positions": "steps or relative positions that a table holds",
    "tokens": "learned vectors",
    "experts": "experts of a mixture",
    "projections": "matrices of an expert",
    "hidden": "features within an expert",
    "elements": "all of a weight that says no more of itself",
}
"""The names of weights' axes.

Further ones are `axis1`, `axis2`, ..., the input's axis of that number, and letters of an equation.
"""


def is_axis_name(name: str) -> bool:
    """Return whether an axis can be called so."""
    return name in NAMES or re.fullmatch(r"axis[1-9]\d*|[A-Za-z]", name) is not None


def numbered(axes: Iterable[int]) -> tuple[str, ...]:
    """Return what axes are called that have just their number, the batch being 0."""
    return tuple(f"axis{axis}" for axis in axes)


def same(rank: int, *, mixed: Iterable[int] = (), channels: int | None = None) -> str:
    """Return the statement of an operator that keeps all axes: along those `mixed` a position reads others, too."""
    names = ["batch", *numbered(range(1, rank))]
    if channels is not None:
        names[channels] = "channels"
    for axis in mixed:
        names[axis] += "~"
    return f"{' '.join(names)} -> {' '.join(names)}"


def pairs(one: Weight, other: Weight) -> bool:
    """Return whether two weights can be one: of the same sizes by name, or with `in` and `out` exchanged.

    So the table of an embedding is the kernel of the layer that scores each of its vectors.
    """
    exchanged = {"in": "out", "out": "in"}
    sizes = dict(zip(one.axes, one.shape, strict=True))
    return any(
        sizes == dict(zip(names, other.shape, strict=True))
        for names in (other.axes, [exchanged.get(name, name) for name in other.axes])
    )


class Flow(NamedTuple):
    """The names of the axes of inputs and outputs, by which an operator's output axes follow.

    A name that an input and an output have passes through: position by position; with `~` a position reads others along
    the axis, too; with `*` each is several side by side, as the features of a head. Other names of inputs are summed.
    """

    inputs: tuple[tuple[str, ...], ...]
    outputs: tuple[tuple[str, ...], ...]

    def role(self, axis: str) -> str:
        """Return what becomes of a weight's axis: `summed`, `made` (the output has it), `shared` by both, or empty.

        A weight that is cut along a `summed` axis gives parts of sums, along a `made` one parts of the output, along a
        `shared` one parts of the output of parts of the input.
        """
        read, made = (
            any(axis in (name, name.removesuffix("*")) for names in side for name in names)
            for side in (self.inputs, self.outputs)
        )
        return {(True, False): "summed", (False, True): "made", (True, True): "shared"}.get((read, made), "")


def read_flow(statement: str, inputs: Sequence[Shape]) -> Flow | None:
    """Return the statement of an operator's :meth:`~archinspect.ops.base.Op.axis_flow`; None of one that says nothing.

    It has a term for each input and output, `... in -> ... out`; `...` stands for axes that all terms have.
    """
    if not statement:
        return None
    before, after = ([term.split() for term in side.split(",")] for side in statement.split("->"))
    rest = next((len(shape) - len(term) + 1 for term, shape in zip(before, inputs, strict=False) if "..." in term), 0)
    others = [f"...{number}" for number in range(rest)]
    expanded = [
        tuple(name for part in term for name in (others if part == "..." else (part,))) for term in (*before, *after)
    ]
    return Flow(tuple(expanded[: len(before)]), tuple(expanded[len(before) :]))
