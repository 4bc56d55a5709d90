"""The report of a network, from its facts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.analyses.cost import layer_costs, sum_of_costs
from archinspect.analyses.receptive_field import fields
from archinspect.ops.base import json_value
from archinspect.reports.summary import Edge, Memory, Report, Row, add, uncounted

if TYPE_CHECKING:
    from archinspect.analyses.facts import Facts
    from archinspect.graph.graph import Node, Tensor
    from archinspect.ops.base import Op
    from archinspect.reports.summary import BatchShape


def report(facts: Facts, *, convention: str = "", memory: bool = False) -> Report:
    """Return the report of a network.

    `convention` is a tool of :data:`archinspect.conventions.CONVENTIONS` whose figures stand beside archinspect's own;
    with `memory` there is also what is held at one time.
    """
    graph, batch = facts.graph, facts.settings.batch or facts.graph.batch
    rows = _rows(facts)
    if convention:
        rows = _with_convention(rows, facts, convention)
    held = None
    if memory:
        rows, held = _with_memory(rows, facts)
    totals = sum_of_costs(row.cost for row in rows)
    return Report(
        name=graph.name,
        source=graph.source,
        description=graph.description,
        metrics=dict(graph.metrics),
        params=dict(graph.params),
        layout=graph.layout,
        dtype=facts.dtype,
        batch=batch,
        inputs={node.path: batch_shape(node.output, facts) for node in graph.inputs},
        outputs={_output_name(tensor): batch_shape(tensor, facts) for tensor in graph.outputs},
        totals=totals,
        param_bytes=(totals.params + totals.buffers) * facts.sizes["float"],
        layers=rows,
        groups={path: composite.kind for path, composite in graph.composites.items()},
        convention=convention,
        uncounted={**{row.name: row.unknown for row in rows if row.unknown}, **uncounted(graph)},
        memory=held,
        past=facts.settings.past,
        before=_before(facts) if facts.settings.past else (),
        lora=facts.settings.lora._asdict() if facts.settings.lora else {},
        fold_bn=facts.settings.fold_bn,
        input_bytes=sum(facts.bytes(tensor) for node in graph.inputs for tensor in node.outputs),
        stored=graph.stored,
    )


def _before(facts: Facts) -> tuple[str, ...]:
    """Return the layers that ran before the step that figures are of."""
    in_step = {node.layer for node in facts.graph.nodes if not facts.call(node).before}
    return tuple(dict.fromkeys(node.layer for node in facts.graph.nodes if node.layer not in in_step))


def _with_memory(rows: tuple[Row, ...], facts: Facts) -> tuple[tuple[Row, ...], Memory]:
    """Return the rows with what backward keeps of each, and the network's figures."""
    from archinspect.analyses.memory import kept, peak  # only where asked for

    training, most = kept(facts), peak(facts)
    held = Memory(most.bytes, most.layer, training.total)
    return tuple([row._replace(kept=training.layers.get(row.name, 0)) for row in rows]), held


def _with_convention(rows: tuple[Row, ...], facts: Facts, convention: str) -> tuple[Row, ...]:
    """Return the rows with what another tool counts."""
    from archinspect.conventions import counted_by  # only where one is asked for

    sums: dict[str, dict[str, int | None]] = {}
    unknown: dict[str, list[str]] = {}
    for node, counted in counted_by(facts, convention).items():
        figures = {"params": counted.params, **counted.figures}
        add(figures, sums.setdefault(node.layer, {}))
        unknown.setdefault(node.layer, []).extend(
            f"{convention} {name}" for name, figure in figures.items() if figure is None
        )
    return tuple(
        [
            row._replace(
                counted=sums.get(row.name, {}),
                unknown=tuple(dict.fromkeys([*row.unknown, *unknown.get(row.name, ())])),
            )
            for row in rows
        ]
    )


def _rows(facts: Facts) -> tuple[Row, ...]:
    """Return a row per layer: its nodes follow one another and are summed."""
    layers: dict[str, list[Node]] = {}
    for node in facts.graph.nodes:
        layers.setdefault(node.layer, []).append(node)
    described: dict[Op, tuple[str, str, str, dict[str, object]]] = {}
    return tuple([_row(name, nodes, facts, described) for name, nodes in layers.items()])


def _row(
    name: str, nodes: list[Node], facts: Facts, described: dict[Op, tuple[str, str, str, dict[str, object]]]
) -> Row:
    first, last = next((node for node in nodes if node.inputs), nodes[0]), nodes[-1]
    op = first.layer_op
    if op not in described:
        described[op] = type(op).__name__, op.kind, op.label(), {k: json_value(v) for k, v in op.given().items()}
    type_name, kind, label, args = described[op]
    edges = [_edge(tensor) for node in nodes for tensor in node.inputs if tensor.producer.layer != name]
    return Row(
        name=name,
        type=type_name,
        kind=kind,
        label=label,
        inputs=tuple(dict.fromkeys(edge.layer for edge in edges)),
        input_shape=batch_shape(first.inputs[0], facts) if first.inputs else (),
        output_shape=batch_shape(last.output, facts),
        cost=facts.once(layer_costs)[name],
        args=args,
        shares=first.shares.layer if first.shares and any(facts.call(node).weights for node in nodes) else "",
        field=facts.once(fields)[last.output.position],
        unknown=op.unknown(),
        edges=tuple(edges),
        output_shapes=tuple([batch_shape(tensor, facts) for tensor in last.outputs]),
    )


def _edge(tensor: Tensor) -> Edge:
    return Edge(tensor.producer.layer, tensor.index)


def batch_shape(tensor: Tensor, facts: Facts) -> BatchShape:
    """Return a tensor's shape, whose batch is None unless one was asked for."""
    shape = facts.shape(tensor)
    return (facts.settings.batch, *shape[1:]) if tensor.batched else shape


def _output_name(tensor: Tensor) -> str:
    """Return what an output is called: its layer, and which of that layer's it is after the first, `lstm.1`."""
    layer = tensor.producer.layer
    return f"{layer}.{tensor.index}" if tensor.index else layer
