"""A network beside its PyTorch module on the meta device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.analyses.compute import analyze
from archinspect.analyses.facts import Facts
from archinspect.analyses.memory import kept, kept_bytes, peak_bytes
from archinspect.base.shape import size
from archinspect.exporters import pytorch
from archinspect.exporters.pytorch.names import WEIGHTS
from archinspect.exporters.pytorch.operators import COMPUTED_BY_FUNCTIONS
from archinspect.ops.experts import MixtureOfExperts
from archinspect.verify.against import label, weights_of
from archinspect.verify.partial import stubs
from archinspect.verify.rows import Row, turned
from archinspect.verify.worked import restored, transposed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from archinspect.graph.graph import Node
    from archinspect.verify.worked import Numbers

ATTENTION = "math"
"""How PyTorch computes attention on the meta device, which has no fused kernel."""

HELD = ("kept", "peak")
"""Figures that depend on how the output of each layer lies in memory."""
UNKNOWN = "nobody knows how the output of a layer that is left out lies in memory"
TRAINED = ("training_macs", "kept")
BY_LOSS = "what finds something by scores trains by a loss of these, which the program lacks"
BY_FUNCTIONS = "predicted is what a library's kernel holds; the program has none and computes by functions"
BY_CHUNKS = "predicted is what a kernel by chunks of steps holds; the program writes its products out"


class Program:
    """See :class:`archinspect.verify.against.Against`."""

    package = "torch"

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        by_chunks = any(getattr(node.op, "chunk", None) for node in facts.graph.nodes)
        why = UNKNOWN if stubs(facts) else BY_CHUNKS if by_chunks else ""
        has_loss = any(node.op.trains_by_loss for node in facts.graph.nodes)
        by_functions = any(type(node.op).__name__ in COMPUTED_BY_FUNCTIONS for node in facts.graph.nodes)
        self.left_out: Mapping[str, str] = {
            **({"peak": BY_FUNCTIONS} if by_functions else {}),
            **(dict.fromkeys(TRAINED, BY_LOSS) if has_loss else {}),
            **(dict.fromkeys(HELD, why) if why else {}),
        }
        self.module = module = pytorch.export(facts, observed=True)
        self.job = {
            "text": module.text,
            "name": module.name,
            "inputs": [given._asdict() for given in module.inputs],
            "wanted": [*module.layers.values(), *module.beside.values()],
            "stubs": {module.layers[path]: made for path, made in stubs(facts).items()},
            "found": {module.layers[path]: counts for path, counts in found(facts).items()},
        }
        self.within = sum(module.layers.get(node.path, "") in module.fused for node in facts.graph.nodes)

    def rows(self, measured: Mapping[str, Any]) -> Iterator[Row]:
        """Yield every figure beside the measured one."""
        yield from (row for row in figures_of(self.facts, self.module, measured) if row.figure not in self.left_out)
        yield from self._layers(measured)
        if "layer_kept" in measured and "kept" not in self.left_out:
            yield from self._kept(measured)

    def layer_at(self, place: str) -> str:
        """Return the layer that a module is."""
        return next((node.layer for node in self.facts.graph.nodes if self.module.layers.get(node.path) == place), "")

    def run_with(self, numbers: Numbers) -> dict[str, Any]:
        """Return inputs and weights as the module has them, and the pieces whose values are asked for."""
        module, nodes = self.module, {node.path: node for node in self.facts.graph.nodes}
        orders = {node.path: module.orders.get(node.output.name) for node in self.facts.graph.inputs}
        return {
            "inputs": [transposed(array, orders[path]).tolist() for path, array in numbers.inputs.items()],
            "weights": {
                module.layers[path]: {
                    WEIGHTS[name]: _as_pytorch(nodes[path].op, name, array).tolist() for name, array in arrays.items()
                }
                for path, arrays in numbers.weights.items()
                if arrays
            },
            "wanted": [module.layers[path] for path in numbers.outputs],
        }

    def computed(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values by the paths of layers, in the spec's order."""
        nodes = {self.module.layers[node.path]: node for node in self.facts.graph.nodes}
        return {
            nodes[path].path: restored(value, self.module.orders.get(nodes[path].output.name))
            for path, value in values.items()
            if path not in self.module.fused
        }

    def kept_by_layer(self, measured: Mapping[str, Any]) -> dict[str, int]:
        """Return the bytes that backward keeps by the layer, or input, that made them, as they are measured."""
        layers = {place: node.layer for node in self.facts.graph.nodes if (place := self.module.layers.get(node.path))}
        found: dict[str, int] = {}
        for place, count in measured["layer_kept"].items():
            layer = layers.get(place, place)
            found[layer] = found.get(layer, 0) + count
        return found

    def _kept(self, measured: Mapping[str, Any]) -> Iterator[Row]:
        """Yield what is kept of each layer where the sums differ: which layer is to blame."""
        predicted = kept(self.facts, attention=ATTENTION)
        if predicted.total == measured["kept"]:
            return
        found = self.kept_by_layer(measured)
        for layer in dict.fromkeys((*predicted.layers, *found)):
            yield Row(layer, "kept", predicted.layers.get(layer, 0), found.get(layer, 0))

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
                beside = measured["layer_params"].get(module.beside.get(path), 0)
                yield Row(label(nodes), "params", params, measured["layer_params"][path] + beside)
            macs, found = sum(facts.call(node).work.macs for node in nodes), measured["layer_macs"].get(path, 0)
            if macs or found:
                yield Row(label(nodes), "macs", macs, found)


def found(facts: Facts) -> dict[str, list[int]]:
    """Return of layers that choose by numbers how many steps each expert finds: here all go to the first ones.

    Parameters, MACs and what is kept are the same wherever they go; the peak is the highest that they can have.
    """
    counts: dict[str, list[int]] = {}
    for node in facts.graph.nodes:
        if isinstance(node.op, MixtureOfExperts):
            steps = size(facts.shape(node.output)[:-1])
            counts[node.path] = [steps * (expert < node.op.top_k) for expert in range(node.op.num_experts)]
    return counts


def figures_of(facts: Facts, module: pytorch.Module, measured: Mapping[str, Any]) -> Iterator[Row]:
    """Yield the figures of a network as a whole beside the measured ones."""
    outputs = [turned(facts.shape(tensor), module.orders.get(tensor.name)) for tensor in facts.graph.outputs]
    for figure, value in {**predicted_of(facts, module), "outputs": outputs}.items():
        yield Row("", figure, value, measured.get(figure))


def predicted_of(facts: Facts, module: pytorch.Module) -> dict[str, int]:
    """Return what is predicted for the exported program as a whole."""
    forward, training = analyze(facts, attention=ATTENTION), analyze(facts, attention=ATTENTION, training=True)
    return {
        **weights_of(facts),
        "macs": forward.total.macs,
        "training_macs": training.total.macs,
        "kept": kept_bytes(facts, attention=ATTENTION),
        "peak": peak_bytes(of_functions(facts, module), attention=ATTENTION),
    }


def _as_pytorch(op: Any, name: str, array: Any) -> Any:  # noqa: ANN401 - an operator, arrays
    """Return a convolution's weight as PyTorch has it: the channels that it makes, those that it reads, its taps."""
    if name != "kernel":
        return array
    if hasattr(op, "depth_multiplier"):
        array = array.reshape(*array.shape[:-2], 1, -1)
    *taps, read, made = range(array.ndim)
    return array.transpose(made, read, *taps)


def of_functions(facts: Facts, module: pytorch.Module) -> Facts:
    """Return the facts of a network whose functions and variables are those of an exported program."""
    composites = facts.graph.composites
    graph = facts.graph.replace(
        composites={path: one._replace(is_module=path not in module.inline) for path, one in composites.items()},
        held=module.held,
    )
    return Facts(graph, facts.calls, facts.settings)
