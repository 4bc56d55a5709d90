"""Layers around layers, and those that are code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.graph.graph import Composite
from archinspect.importers.keras.build import Said, Use
from archinspect.importers.keras.model import Reader, sizes

if TYPE_CHECKING:
    from archinspect.importers.keras.layers import Add, Made
    from archinspect.importers.keras.model import Layer


def described(use: Use, data: Any) -> Layer:  # noqa: ANN401 - as the file says
    """Return the layer that is an argument of another."""
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
    inner = inner_layer(use)
    model = inner.layer.model
    with use.net.distributed():
        if model is None:
            return use.net.add(inner)
        builder = use.net.builder
        builder.composites[use.path] = Composite(model.kind)
        with builder.below(use.path, trainable=use.config.get("trainable") is not False and model.trainable):
            return tuple(use.net.run(use.net, model, use.inputs))


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
    found = use.x
    for data in use.get("layers", []):
        inner = Use(use.net, described(use, data), use.path, [found], {}, Said())
        inner._counts = use._counts  # noqa: SLF001 - as above
        found = use.net.add(inner)[0]
    return found


LAYERS: dict[str, Add] = {"TimeDistributed": time_distributed, "Lambda": function, "Pipeline": pipeline}
