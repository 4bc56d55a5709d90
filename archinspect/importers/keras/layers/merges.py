"""Layers of several inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.importers.keras.layers.wrappers import described

if TYPE_CHECKING:
    from collections.abc import Callable

    from archinspect.graph.graph import Tensor
    from archinspect.importers.keras.build import Use
    from archinspect.importers.keras.layers import Add, Made

MODES = {"sum": "Add", "mul": "Multiply", "ave": "Average", "max": "Maximum"}
"""Of `Merge`, Keras 1's layer of all merges."""


def joined(operator: str) -> Callable[[Use], Made]:
    """Return the function of an operator that reads all inputs."""

    def add(use: Use) -> Made:
        return use.add("Identity") if len(use.inputs) == 1 else use.add(operator, *_of_one_rank(use, use.inputs))

    return add


def _of_one_rank(use: Use, inputs: list[Tensor]) -> list[Tensor]:
    """Return inputs with as many axes: Keras adds some behind the batch where they differ."""
    ranks = [len(use.shape(x)) for x in inputs]
    most = max(ranks)
    return [
        x if rank == most else use.add("Reshape", x, target_shape=[*[1] * (most - rank), *use.shape(x)[1:]])
        for x, rank in zip(inputs, ranks, strict=True)
    ]


def concatenate(use: Use) -> Made:
    """`Concatenate`."""
    return use.add("Concatenate", *use.inputs, axis=use.whole("axis", -1))


def dot(use: Use) -> Made:
    """`Dot`."""
    return use.add("Dot", *use.inputs, axes=use.get("axes"), normalize=bool(use.get("normalize", False)))


def merge(use: Use) -> Made:
    """`Merge` of Keras 1: all merges by their names."""
    if isinstance(use.config.get("layers"), list):
        use.inputs[:] = _merged_models(use)
    mode = use.get("mode", "sum")
    if mode in MODES:
        return joined(MODES[mode])(use)
    if mode == "concat":
        return use.add("Concatenate", *use.inputs, axis=use.whole("concat_axis", -1))
    if mode in ("dot", "cos"):
        axes = use.get("dot_axes", -1)
        return use.add("Dot", *use.inputs, axes=axes, normalize=mode == "cos")
    return use.unknown(params=0, is_own=False)


def _merged_models(use: Use) -> list[Tensor]:
    """Return what models give that a `Merge`, first of a Sequential, joins; they have inputs of their own."""
    outputs: list[Tensor] = []
    for data in use.config["layers"]:
        layer = described(use, data)
        if layer.model is None:
            raise use.refuse("it joins what is no model")
        with use.net.builder.scope(layer.name, layer.model.kind):
            outputs += use.net.run(use.net, layer.model, None)
    return outputs


def scaled(use: Use) -> Made:
    """`CustomScaleLayer` of Inception-ResNet: the first input and a multiple of the second."""
    return use.add("Add", use.inputs[0], use.add("Rescaling", use.inputs[1], scale=use.get("scale", 1.0)))


LAYERS: dict[str, Add] = {
    **{name: joined(name) for name in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum")},
    "Concatenate": concatenate,
    "Dot": dot,
    "Merge": merge,
    "CustomScaleLayer": scaled,
}
