"""Layers around another layer, whose kernel they make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.exporters.code import call
from archinspect.exporters.keras.use import Named, with_arguments
from archinspect.graph.call import Call as OpCall

if TYPE_CHECKING:
    from archinspect.exporters.keras.use import Chain, Use


def spectral(use: Use) -> Chain:
    """Return Keras's own wrapper."""
    op: Any = use.op
    return _around(use, "layers.SpectralNormalization", power_iterations=(op.power_iterations, 1))


def spectral_norm(use: Use) -> Chain:
    """Return a kernel divided by its largest singular value, as PyTorch's."""
    op: Any = use.op
    return _around(use, "SpectralNorm", power_iterations=(op.n_power_iterations, 1), axis=_axis(use))


def weight_norm(use: Use) -> Chain:
    """Return a kernel with learned lengths."""
    return _around(use, "WeightNorm", axis=_axis(use))


def standardized(use: Use) -> Chain:
    """Return a kernel of mean 0 and deviation 1."""
    op: Any = use.op
    options = {"gain": (op.gain, False), "gamma": (op.gamma, 1.0), "epsilon": (op.epsilon, 1e-6)}
    return _around(use, "WeightStandardization", **options, axis=_axis(use))


def _around(use: Use, name: str, **options: tuple[Any, Any]) -> Chain:
    """Return the steps of a layer, its own within a wrapper."""
    op: Any = use.op
    found = use.operators[type(op.layer).__name__](
        use._replace(call=OpCall(op.layer, use.call.inputs, use.call.outputs))
    )
    chain = found if isinstance(found, list) else [("", found)]
    parts = () if name.startswith("layers.") else (name,)
    made = []
    for suffix, step in chain:
        if suffix == "" and step.module is not None:
            inner = with_arguments(step.module, name=(Named("-layer"), ...))
            wrapper = call(name, {"layer": inner}, **options)
            step = step._replace(module=wrapper, parts=(*step.parts, *parts))  # noqa: PLW2901 - the same step
        made.append((suffix, step))
    return made


def _axis(use: Use) -> tuple[Any, int]:
    """Return the axes of Keras's kernel of which each position is an output of its own, and what they are mostly."""
    op: Any = use.op
    axes = op.kernel(use.shapes).axes
    places = tuple(axes.index(name) - len(axes) for name in op.row_axes())
    return (places[0] if len(places) == 1 else places), -1
