"""Numbers that a program is run with, and those that its layers must give: the worked sums of a spec with `values`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from archinspect.ops.spatial import Windowed
from archinspect.verify.rows import CannotMeasureError, Row

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from archinspect._network import Network
    from archinspect.graph.graph import Node, Tensor
    from archinspect.reports.worked import Worked

TOLERANCE = 1e-5
"""Of the largest sum of magnitudes in a layer's cells: programs compute in float32, worked sums are of float64."""


class Numbers(NamedTuple):
    """Arrays by the path of their node, in the spec's order of axes, the batch, of one sample, first."""

    inputs: Mapping[str, Any]
    """Of each input of the network."""
    weights: Mapping[str, Mapping[str, Any]]
    """Of the layers that are worked out."""
    outputs: Mapping[str, Any]
    """What these give."""
    tolerances: Mapping[str, float]
    """How far from that a number may be."""

    def before(self, left: Collection[str], nodes: Iterable[Node]) -> Numbers:
        """Return those of layers that read nothing of what layers that are left out give."""
        known: dict[str, Any] = {}
        hidden: set[Tensor] = set()
        for node in nodes:
            if node.layer in left or not hidden.isdisjoint(node.inputs):
                hidden.update(node.outputs)
            elif node.path in self.outputs:
                known[node.path] = self.outputs[node.path]
        return self._replace(weights={path: self.weights[path] for path in known}, outputs=known)

    def rows(self, measured: Mapping[str, Any]) -> Iterator[Row]:
        """Yield the output of each layer beside the measured one, that by path and in the spec's order."""
        for path, predicted in self.outputs.items():
            if path in measured:
                yield Row(path, "values", predicted.tolist(), measured[path], self.tolerances[path])


def numbers_of(network: Network) -> Numbers:
    """Return the numbers of a network; raise :class:`CannotMeasureError` for one without."""
    import numpy as np  # only where there are numbers

    worked = list(network.explain().worked)
    if not worked:
        raise CannotMeasureError(
            "no layer's numbers are worked out: --values needs a spec with `values`, of its input and of the weights "
            "of convolutions or poolings"
        )
    facts = network.facts
    inputs = {node.path: np.zeros((1, *facts.shape(node.output)[1:])) for node in facts.graph.inputs}
    weights, outputs, tolerances = {}, {}, {}
    for node, found in _nodes(facts.graph.nodes, worked):
        back = _from_channels_last(node)
        source = node.inputs[0].producer
        if source.path in inputs:
            inputs[source.path] = back(found.input)[None]
        weights[node.path] = found.weights
        outputs[node.path] = back(found.output)[None]
        tolerances[node.path] = TOLERANCE * max(map(_magnitude, found.cells.values()))
    return Numbers(inputs, weights, outputs, tolerances)


def _nodes(nodes: Sequence[Node], worked: Sequence[Worked]) -> Iterator[tuple[Node, Worked]]:
    """Yield the nodes that are worked out; both are in the order in which they run."""
    waiting = list(worked)
    for node in nodes:
        if waiting and node.layer == waiting[0].layer and isinstance(node.op, Windowed):
            yield node, waiting.pop(0)


def _from_channels_last(node: Node) -> Callable[[Any], Any]:
    """Return what puts an array with its channels last into the order that an operator has."""
    import numpy as np  # as above

    op: Any = node.op
    return lambda array: np.moveaxis(array, -1, 0) if op.data_format == "channels_first" else array


def transposed(array: Any, order: Sequence[int] | None) -> Any:  # noqa: ANN401 - arrays
    """Return an array of the spec's order in that of a program; None is the spec's own."""
    return array.transpose(order) if order else array


def restored(array: Any, order: Sequence[int] | None) -> list[Any]:  # noqa: ANN401 - nested lists
    """Return an array of a program's order in the spec's."""
    import numpy as np  # as above

    found = np.array(array)
    return (found.transpose(np.argsort(order)) if order else found).tolist()  # type: ignore[no-any-return] # lists


def _magnitude(cell: Any) -> float:  # noqa: ANN401 - a cell of the worked sums
    """Return the sum of the magnitudes that a cell is made of."""
    terms: float = sum(abs(term.value * (1 if term.weight is None else term.weight)) for term in cell.terms)
    return terms + abs(float(cell.bias or 0))
