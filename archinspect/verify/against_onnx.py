"""A network beside its ONNX file, as the onnx package checks it and infers its shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.exporters import onnx
from archinspect.verify.against import COMPUTED, own_weights, weights_of
from archinspect.verify.rows import Row, turned

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from archinspect.analyses.facts import Facts
    from archinspect.graph.graph import Node
    from archinspect.verify.worked import Numbers


class Program:
    """See :class:`archinspect.verify.against.Against`."""

    package = "onnx"
    left_out: Mapping[str, str] = dict.fromkeys(COMPUTED, "ONNX infers shapes and computes nothing")

    def __init__(self, facts: Facts) -> None:
        import base64  # only here

        self.facts = facts
        self.job = {"model": base64.b64encode(onnx.write(facts)).decode()}
        self.within = 0

    def layer_at(self, place: str) -> str:
        """Return the layer of a place; onnx names none."""
        return place

    def run_with(self, numbers: Numbers) -> dict[str, Any]:
        """Return a file with these weights, the inputs in the spec's order, and the values that are asked for."""
        import base64  # as above

        graph = self.facts.graph
        names = {node.path: node.output.name for node in (*graph.inputs, *graph.nodes)}
        return {
            "model": base64.b64encode(onnx.write(self.facts, weights=numbers.weights)).decode(),
            "inputs": {names[path]: array.tolist() for path, array in numbers.inputs.items()},
            "wanted": [names[path] for path in numbers.outputs],
        }

    def computed(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values by the paths of layers."""
        return {node.path: values[node.output.name] for node in self.facts.graph.nodes if node.output.name in values}

    def rows(self, measured: Mapping[str, Any]) -> Iterator[Row]:
        """Yield every figure beside the measured one."""
        facts, orders, shapes = self.facts, measured["orders"], measured["shapes"]
        for figure, value in weights_of(facts).items():
            yield Row("", figure, value, measured.get(figure))
        outputs = zip(facts.graph.outputs, measured["orders_of_outputs"], strict=True)
        predicted = [turned(facts.shape(tensor), order) for tensor, order in outputs]
        yield Row("", "outputs", predicted, measured["outputs"])
        layers: dict[str, list[Node]] = {}
        for node in facts.graph.nodes:
            layers.setdefault(node.layer, []).append(node)
            tensor = node.output
            yield Row(node.path, "shape", turned(facts.shape(tensor), orders.get(tensor.name)), shapes.get(tensor.name))
        for layer, nodes in layers.items():
            params = own_weights(facts, nodes, buffers=False)
            if params or layer in measured["layer_params"]:
                yield Row(layer, "params", params, measured["layer_params"].get(layer))
