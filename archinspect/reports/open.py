"""What is known of a network whose inputs leave sizes open: what is the same with different numbers in their place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.analyses.cost import Cost, sum_of_costs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.reports.summary import BatchShape, Memory, Report, Row

FIGURES = {
    **dict.fromkeys(("trainable_params", "non_trainable_params", "buffers", "active_params"), "params"),
    "macs": "macs",
    "flops": "flops",
    "output_bytes": "memory",
}
"""What rows name that do not know a cost."""


def common(one: Report, other: Report, inputs: Sequence[str]) -> Report:
    """Return what two reports of a network agree on; `inputs` are those whose sizes differ.

    What they do not agree on is None in a shape, and counts as nothing, as what is not known does.
    """
    rows = tuple(map(_common, one.layers, other.layers))
    unknown = tuple(dict.fromkeys(figure for row in rows for figure in row.unknown))
    totals = sum_of_costs(row.cost for row in rows)
    return one._replace(
        inputs={name: _sizes(shape, other.inputs[name]) for name, shape in one.inputs.items()},
        outputs={name: _sizes(shape, other.outputs[name]) for name, shape in one.outputs.items()},
        layers=rows,
        totals=totals,
        input_bytes=one.input_bytes if one.input_bytes == other.input_bytes else 0,
        param_bytes=one.param_bytes if one.param_bytes == other.param_bytes else 0,
        uncounted={**one.uncounted, **(dict.fromkeys(inputs, unknown) if unknown else {})},
        memory=_held(one.memory, other.memory),
    )


def _common(one: Row, other: Row) -> Row:
    """Return what two rows of the same layer agree on."""
    differ = [name for name, value in one.cost._asdict().items() if value != getattr(other.cost, name)]
    unknown = [FIGURES[name] for name in differ]
    unknown += [name for name, value in one.counted.items() if value != other.counted[name]]
    unknown += ["kept"] if one.kept != other.kept else []
    return one._replace(
        input_shape=_sizes(one.input_shape, other.input_shape),
        output_shape=_sizes(one.output_shape, other.output_shape),
        output_shapes=tuple(map(_sizes, one.output_shapes, other.output_shapes)),
        cost=Cost(**{name: 0 if name in differ else value for name, value in one.cost._asdict().items()}),
        counted={name: value if value == other.counted[name] else None for name, value in one.counted.items()},
        kept=one.kept if one.kept == other.kept else 0,
        field=one.field if one.field == other.field else None,
        unknown=tuple(dict.fromkeys([*one.unknown, *unknown])),
    )


def _sizes(one: BatchShape, other: BatchShape) -> BatchShape:
    return tuple([size if size == there else None for size, there in zip(one, other, strict=True)])


def _held(one: Memory | None, other: Memory | None) -> Memory | None:
    return one if one == other else None
