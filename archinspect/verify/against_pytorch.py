"""A network beside its PyTorch module on the meta device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.analyses.compute import analyze
from archinspect.analyses.facts import Facts
from archinspect.analyses.memory import kept_bytes, peak_bytes
from archinspect.base.shape import size
from archinspect.exporters import pytorch
from archinspect.verify.against import label, weights_of
from archinspect.verify.rows import Row, turned

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from archinspect.graph.graph import Node

ATTENTION = "math"
"""How PyTorch computes attention on the meta device, which has no fused kernel."""


class Program:
    """See :class:`archinspect.verify.against.Against`."""

    package = "torch"
    left_out: Mapping[str, str] = {}

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.module = module = pytorch.export(facts, observed=True)
        self.job = {
            "text": module.text,
            "name": module.name,
            "inputs": [given._asdict() for given in module.inputs],
            "wanted": list(module.layers.values()),
        }
        self.within = sum(module.layers.get(node.path, "") in module.fused for node in facts.graph.nodes)

    def rows(self, measured: Mapping[str, Any]) -> Iterator[Row]:
        """Yield every figure beside the measured one."""
        yield from figures_of(self.facts, self.module, measured)
        yield from self._layers(measured)

    def _layers(self, measured: Mapping[str, Any]) -> Iterator[Row]:
        """Yield the shape of each node's output, and parameters and MACs of each piece of the program."""
        facts, module = self.facts, self.module
        groups: dict[str, list[Node]] = {}
        for node in facts.graph.nodes:
            groups.setdefault(module.layers.get(node.path, ""), []).append(node)
        for path, nodes in groups.items():
            if path not in module.fused:
                for node in nodes:
                    predicted = turned(facts.shape(node.output), module.orders.get(node.output.name))
                    yield Row(node.path, "shape", predicted, measured["shapes"].get(path))
            if path in measured["layer_params"]:
                weights = [weight for node in nodes for weight in facts.call(node).weights.values()]
                params = sum(size(weight.shape) for weight in weights if weight.parameter)
                yield Row(label(nodes), "params", params, measured["layer_params"][path])
            macs, found = sum(facts.call(node).work.macs for node in nodes), measured["layer_macs"].get(path, 0)
            if macs or found:
                yield Row(label(nodes), "macs", macs, found)


def figures_of(facts: Facts, module: pytorch.Module, measured: Mapping[str, Any]) -> Iterator[Row]:
    """Yield the figures of a network as a whole beside the measured ones."""
    forward, training = analyze(facts, attention=ATTENTION), analyze(facts, attention=ATTENTION, training=True)
    predicted = {
        **weights_of(facts),
        "macs": forward.total.macs,
        "training_macs": training.total.macs,
        "kept": kept_bytes(facts, attention=ATTENTION),
        "peak": peak_bytes(_of_functions(facts), attention=ATTENTION),
        "outputs": [turned(facts.shape(tensor), module.orders.get(tensor.name)) for tensor in facts.graph.outputs],
    }
    for figure, value in predicted.items():
        yield Row("", figure, value, measured.get(figure))


def _of_functions(facts: Facts) -> Facts:
    """Return the facts of a network all of whose composites are functions, as they are in an exported program."""
    graph = facts.graph.replace(
        composites={path: one._replace(is_module=True) for path, one in facts.graph.composites.items()}
    )
    return Facts(graph, facts.calls, facts.settings)
