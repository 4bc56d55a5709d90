"""Layers around layers, and those that are code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.graph.graph import Composite
from archinspect.importers.keras.build import Said, Use
from archinspect.importers.keras.model import sizes

if TYPE_CHECKING:
    from archinspect.importers.keras.layers import Add, Made
    from archinspect.importers.keras.model import Layer


def described(use: Use, data: Any) -> Layer:  # noqa: ANN401 - as the file says
    """Return the layer that is an argument of another."""
    from archinspect.importers.keras.model import Reader

    layer = Reader(use.net.file, use.net.version).layer(data)
    trainable = use.config.get("trainable") is not False
    return layer if trainable else layer._replace(config={**layer.config, "trainable": False})


def inner_layer(use: Use) -> Use:
    """Return the use of the layer that a wrapper has, at the wrapper's own place."""
    inner = Use(use.net, described(use, use.config.get("layer")), use.path, use.args, use.kwargs, Said())
    inner._counts = use._counts  # noqa: SLF001 - its nodes stand among the wrapper's
    return inner


def time_distributed(use: Use) -> Made:
    """`TimeDistributed`: a layer, or a model, for each step by itself."""
    from archinspect.importers.keras import layers
    from archinspect.importers.keras.network import run

    inner = inner_layer(use)
    layer = inner.layer
    with use.net.distributed():
        if layer.model is None:
            if layer.calls or layer.kind in ("TimeDistributed", "Bidirectional"):
                raise use.refuse(f"a {layer.kind} in it is not known")
            return layers.add(inner, _no_input(use))
        builder = use.net.builder
        builder.composites[use.path] = Composite(layer.kind)
        with builder.below(use.path, trainable=use.config.get("trainable") is not False and layer.model.trainable):
            return tuple(run(use.net, layer.model, use.inputs, _no_input(use)))


def _no_input(use: Use) -> Any:  # noqa: ANN401 - a function
    def enter(layer: Layer, shape: object) -> Any:  # noqa: ANN401, ARG001 - it does not return
        raise use.refuse(f"{layer.title} in it would be an input of the network")

    return enter


def function(use: Use) -> Made:
    """`Lambda`: code, which is not run; it has no weights."""
    said = use.get("output_shape")
    shapes = said if isinstance(said, list) and said and isinstance(said[0], list) else [said]
    known = tuple(sizes([None, *one]) if isinstance(one, list) else None for one in shapes)
    if not use.said.shapes and None not in known:
        use.said = Said(known)
    return use.unknown(params=0, is_own=False)


def pipeline(use: Use) -> Made:
    """`Pipeline`: layers one after the other."""
    from archinspect.importers.keras import layers

    found = use.x
    for data in use.get("layers", []):
        inner = Use(use.net, described(use, data), use.path, [found], {}, Said())
        inner._counts = use._counts  # noqa: SLF001 - as above
        found = layers.add(inner, _no_input(use))[0]
    return found


LAYERS: dict[str, Add] = {"TimeDistributed": time_distributed, "Lambda": function, "Pipeline": pipeline}
