"""A network beside its Keras model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.analyses.weights import ledger
from archinspect.exporters import keras
from archinspect.verify.against import COMPUTED, label, own_weights
from archinspect.verify.partial import stubs
from archinspect.verify.rows import Row

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from archinspect.analyses.facts import Facts
    from archinspect.graph.graph import Node
    from archinspect.verify.worked import Numbers


class Program:
    """See :class:`archinspect.verify.against.Against`."""

    package = "keras"
    left_out: Mapping[str, str] = {
        **dict.fromkeys(("params", "buffers"), "Keras has weights that train, and others"),
        **dict.fromkeys(COMPUTED, "Keras counts nothing of it"),
    }

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        module = keras.export(facts, observed=True)
        self.job = {
            "text": module.text,
            "name": module.name,
            "batch": facts.batch,
            "stubs": {module.layers[path]: made for path, made in stubs(facts).items()},
        }
        self.pieces: dict[str, list[Node]] = {}
        """The nodes that are one step of the program, by its name."""
        for node in facts.graph.nodes:
            self.pieces.setdefault(module.layers.get(node.path, ""), []).append(node)
        self.steps = module.steps
        self.within = sum(len(nodes) - 1 for nodes in self.pieces.values())

    def layer_at(self, place: str) -> str:
        """Return the layer that a layer of the model is."""
        return self.pieces[place][-1].layer if place in self.pieces else ""

    def run_with(self, numbers: Numbers) -> dict[str, Any]:
        """Return inputs and weights as they are, which is how Keras has them, and the layers that are asked for."""
        names = {nodes[-1].path: name for name, nodes in self.pieces.items()}
        owners = {node.path: name for name, nodes in self.pieces.items() for node in nodes}
        weights = {
            name: {part: array.tolist() for part, array in numbers.weights[path].items()}
            for path, name in owners.items()
            if numbers.weights.get(path)
        }
        return {
            "inputs": [array.tolist() for array in numbers.inputs.values()],
            "weights": weights,
            "steps": [[step, name] for step, name in self.steps.items() if name in weights],
            "wanted": [names[path] for path in numbers.outputs if path in names],
        }

    def computed(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values by the paths of layers."""
        return {self.pieces[name][-1].path: value for name, value in values.items()}

    def rows(self, measured: Mapping[str, Any]) -> Iterator[Row]:
        """Yield every figure beside the measured one."""
        facts = self.facts
        weights = ledger(facts)
        predicted = {
            "weights": weights.params + weights.buffers,
            "trainable": weights.trainable,
            "outputs": [list(facts.shape(tensor)) for tensor in facts.graph.outputs],
        }
        for figure, value in predicted.items():
            yield Row("", figure, value, measured.get(figure))
        found: dict[str, int] = {}
        for name, count in measured["layer_weights"].items():
            owner = self.steps.get(name, name)
            found[owner] = found.get(owner, 0) + count
        for name, nodes in self.pieces.items():
            yield Row(nodes[-1].path, "shape", list(facts.shape(nodes[-1].output)), measured["shapes"].get(name))
            own = own_weights(facts, nodes)
            if own or found.get(name):
                yield Row(label(nodes), "weights", own, found.get(name))
