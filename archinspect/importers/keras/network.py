"""Models as graphs: Sequentials, functional models, and models within them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.graph.graph import Tensor
from archinspect.importers.keras import layers as table
from archinspect.importers.keras.build import AUTHORS, UNREAD, Said, Use, tensors
from archinspect.importers.keras.found import has_scales
from archinspect.importers.keras.layers import exported
from archinspect.importers.keras.model import Ref, mapped, offsets, refs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.graph.graph import Node
    from archinspect.importers.keras.build import Net
    from archinspect.importers.keras.model import Call, Layer, Model, Sizes

ATTENTION = ("MultiHeadAttention", "GroupQueryAttention", "GroupedQueryAttention")
"""Layers that do not say that the layers they are made of were quantized."""


def run(net: Net, model: Model, given: Sequence[Tensor] | None) -> list[Tensor]:
    """Add the layers of a model to the network; without tensors that it reads it has inputs of its own."""
    return _functional(net, model, given) if model.inputs else _sequential(net, model, given)


def add(use: Use) -> tuple[Tensor, ...]:
    """Add the nodes of a call; return what it gives."""
    layer = use.layer
    _refuse_quantized(use)
    if layer.is_operation:
        from archinspect.importers.keras import operations  # models of layers alone do not need it

        made = operations.add(use)
    elif layer.kind in ("TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer"):
        from archinspect.importers.keras import tensorflow  # Keras 2 alone has them

        made = tensorflow.add(use)
    else:
        found = table.find(layer.kind) if layer.is_own else exported.find(use)
        why = UNREAD if layer.is_own else AUTHORS
        made = use.unknown(is_own=False, why=why) if found is None else found(use)
    return (made,) if isinstance(made, Tensor) else made


def _refuse_quantized(use: Use) -> None:
    """Raise for a layer that Keras 3 has quantized: its weights have scales, of which the file says nothing."""
    if _is_quantized(use.config.get("dtype")) or (use.layer.kind in ATTENTION and use.net.file.once(has_scales)):
        raise use.refuse("it was quantized, and how many numbers that adds is not known", "save it before quantize()")


def _is_quantized(policy: Any) -> bool:  # noqa: ANN401 - as the file says
    """Return whether a policy of types, or one of a map of such, is one of `quantize()`."""
    if isinstance(policy, str):
        return "_from_" in policy
    config = policy.get("config") if isinstance(policy, dict) else None
    if not isinstance(config, dict):
        return False
    parts = config.get("policy_map")
    inner = parts.values() if isinstance(parts, dict) else ()
    return "mode" in config or any(map(_is_quantized, (config.get("default_policy"), *inner)))


# Functional models


def _functional(net: Net, model: Model, given: Sequence[Tensor] | None) -> list[Tensor]:
    by_name = {layer.name: layer for layer in model.layers}
    calls, outputs = _numbered(model)
    said = _said(calls)
    made: dict[tuple[str, int], tuple[Tensor, ...]] = {}
    if given is not None and len(given) != len(model.inputs):
        raise net.file.refuse(f"'{model.name}' takes {len(model.inputs)} tensors, not {len(given)}", node=model.name)
    for at, ref in enumerate(model.inputs):
        layer = by_name.get(ref.layer)
        if layer is None:
            raise net.file.refuse(f"there is no layer '{ref.layer}', which the model's inputs name")
        made[ref.layer, 0] = (net.enter(layer, None) if given is None else given[at],)
    runs = Runs(net, by_name)
    for layer in model.layers:
        for number in range(len(calls[layer.name])):
            for name, count in _order(net, (layer.name, number), calls, made):
                call = calls[name][count]
                args = [mapped(one, _found(net, made, one)) for one in call.args]
                kwargs = {key: mapped(one, _found(net, made, one)) for key, one in call.kwargs.items()}
                made[name, count] = runs.call(by_name[name], count, args, kwargs, Said(said.get((name, count), ())))
                _compare(net, by_name[name], made[name, count], said.get((name, count), ()))
    return [_tensor(net, made, ref) for ref in outputs]


def _numbered(model: Model) -> tuple[dict[str, list[Call]], list[Ref]]:
    """Return the calls of each layer, and the outputs, with calls of models numbered from 0."""
    inside: dict[str, set[int]] = {}
    is_third = False
    for layer in model.layers:
        for call in layer.calls:
            for ref in (*refs(call.args), *refs(call.kwargs)):
                is_third = is_third or ref.shape is not None
                inside.setdefault(ref.layer, set()).add(ref.call)
    outside: dict[str, set[int]] = {}
    for ref in model.outputs:
        outside.setdefault(ref.layer, set()).add(ref.call)
    by = {
        layer.name: offsets(layer, inside.get(layer.name, set()), outside.get(layer.name, set()), is_third=is_third)
        for layer in model.layers
    }
    within = {name: low for name, (low, _) in by.items()}
    at_end = {name: high for name, (_, high) in by.items()}

    def moved(data: Any, by: dict[str, int]) -> Any:  # noqa: ANN401 - of any nesting
        return mapped(data, {ref: ref._replace(call=ref.call - by.get(ref.layer, 0)) for ref in refs(data)})

    calls = {
        layer.name: [
            call._replace(args=moved(call.args, within), kwargs=moved(call.kwargs, within)) for call in layer.calls
        ]
        for layer in model.layers
    }
    return calls, [ref._replace(call=ref.call - at_end.get(ref.layer, 0)) for ref in model.outputs]


def _said(calls: dict[str, list[Call]]) -> dict[tuple[str, int], tuple[Sizes | None, ...]]:
    """Return the shapes that the file has of what each call gives, which stand where it is read."""
    found: dict[tuple[str, int], dict[int, Sizes]] = {}
    for own in calls.values():
        for call in own:
            for ref in (*refs(call.args), *refs(call.kwargs)):
                if ref.shape:
                    found.setdefault((ref.layer, ref.call), {})[ref.output] = ref.shape
    return {
        key: tuple([shapes.get(at) for at in range(max(shapes) + 1)])
        for key, shapes in found.items()
        if max(shapes) < 1000  # noqa: PLR2004 - far more than layers give
    }


def _order(
    net: Net, wanted: tuple[str, int], calls: dict[str, list[Call]], made: dict[tuple[str, int], tuple[Tensor, ...]]
) -> list[tuple[str, int]]:
    """Return the calls that are not made yet which a call needs, in order, itself last."""
    order: list[tuple[str, int]] = []
    done: set[tuple[str, int]] = set()
    waiting: set[tuple[str, int]] = set()
    todo = [wanted]
    while todo:
        key = todo[-1]
        if key in made or key in done:
            todo.pop()
            continue
        name, number = key
        own = calls.get(name)
        if own is None or number >= len(own):
            raise net.file.refuse(f"something reads call {number} of '{name}', which is not there", node=name)
        if key in waiting:
            todo.pop()
            done.add(key)
            order.append(key)
            continue
        waiting.add(key)
        needs = [
            (ref.layer, ref.call)
            for ref in (*refs(own[number].args), *refs(own[number].kwargs))
            if (ref.layer, ref.call) not in made and (ref.layer, ref.call) not in done
        ]
        if any(need in waiting for need in needs):
            raise net.file.refuse(f"'{name}' reads what depends on it", node=name)
        todo.extend(reversed(needs))
    return order


def _found(net: Net, made: dict[tuple[str, int], tuple[Tensor, ...]], data: Any) -> dict[Ref, Tensor]:  # noqa: ANN401
    return {ref: _tensor(net, made, ref) for ref in refs(data)}


def _tensor(net: Net, made: dict[tuple[str, int], tuple[Tensor, ...]], ref: Ref) -> Tensor:
    outputs = made.get((ref.layer, ref.call))
    if outputs is None or ref.output >= len(outputs):
        raise net.file.refuse(f"there is no output {ref.output} of call {ref.call} of '{ref.layer}'", node=ref.layer)
    return outputs[ref.output]


def _compare(net: Net, layer: Layer, outputs: Sequence[Tensor], said: Sequence[Sizes | None]) -> None:
    """Raise where the file has another shape than what was found: then the layer is not what it is taken for."""
    if not net.is_as_said:
        return
    for tensor, sizes in zip(outputs, said, strict=False):
        found = net.shapes[tensor][1 + net.steps :]
        if sizes is not None and (
            len(found) != len(sizes) - 1
            or any(size not in (None, own) for size, own in zip(sizes[1:], found, strict=True))
        ):
            shown = [f"({', '.join(['None', *map(str, shape)])})" for shape in (found, sizes[1:])]
            raise net.refuse(layer, f"its output should be {shown[0]}, but the file says {shown[1]}")


# Sequentials


def _sequential(net: Net, model: Model, given: Sequence[Tensor] | None) -> list[Tensor]:
    layers = model.layers
    found = list(given) if given is not None else []
    if not layers:
        return found
    if layers[0].kind == "InputLayer":
        found = found or [net.enter(layers[0], None)]
        layers = layers[1:]
    elif not found and layers[0].kind != "Merge":
        found = _entries(net, layers[0], model)
    runs = Runs(net, {layer.name: layer for layer in layers})
    for at, layer in enumerate(layers):
        following = layers[at + 1].input_shape if at + 1 < len(layers) else None
        said = (following,) if following else ()
        args: list[Any] = [found[0] if len(found) == 1 else found]
        found = list(runs.call(layer, 0, args, {}, Said(said)))
        if len(found) == 1:
            _compare(net, layer, found, said)
    return found


def _entries(net: Net, first: Layer, model: Model) -> list[Tensor]:
    """Return the inputs of a Sequential that has no layer for them."""
    inner = first.model
    if inner is not None and inner.inputs:
        by_name = {layer.name: layer for layer in inner.layers}
        return [net.enter(by_name[ref.layer], None) for ref in inner.inputs]
    if inner is not None and inner.layers and not first.input_shape and not model.input_shape:
        if inner.layers[0].kind == "InputLayer":
            return [net.enter(inner.layers[0], None)]
        return _entries(net, inner.layers[0], inner)
    return [net.enter(first._replace(name=f"{first.name}_input"), first.input_shape or model.input_shape)]


# Calls


class Runs:
    """Calls the layers of a model, each with its own name, and further calls with the weights of the first."""

    def __init__(self, net: Net, by_name: dict[str, Layer]) -> None:
        self.net = net
        self.names = set(by_name)
        self.first: dict[str, tuple[str, list[Node]]] = {}
        """The path and the nodes of a layer's first call."""

    def call(
        self, layer: Layer, number: int, args: list[Any], kwargs: dict[str, Any], said: Said
    ) -> tuple[Tensor, ...]:
        """Add a call; return what it gives."""
        net = self.net
        net.count(layer)
        begun = len(net.builder.nodes)
        before = layer.name in self.first
        if layer.model is not None and layer.kind != "Merge":
            path, outputs = self._model(layer, layer.model, number * before, args, kwargs)
        else:
            path = net.path(layer.name, self.names, number * before)
            outputs = net.add(Use(net, layer, path, args, kwargs, said))
        nodes = net.builder.nodes[begun:]
        if before:
            other, own = self.first[layer.name][0], self.first[layer.name][1]
            net.tie(nodes, path, own, other)
        else:
            self.first[layer.name] = (path, nodes)
        return outputs

    def _model(
        self, layer: Layer, model: Model, number: int, args: list[Any], kwargs: dict[str, Any]
    ) -> tuple[str, tuple[Tensor, ...]]:
        return within(self.net, model, list(tensors([args, kwargs])), self._name(layer.name, number))

    def _name(self, name: str, number: int) -> str:
        if number:
            name = f"{name}_{number}"
            while name in self.names:
                name += "_"
        return name


def within(net: Net, model: Model, given: list[Tensor], name: str) -> tuple[str, tuple[Tensor, ...]]:
    """Add a model within another; return its path and what it gives."""
    with net.builder.scope(name, model.kind, trainable=model.trainable) as path:
        return path, tuple(net.run(net, model, given))
