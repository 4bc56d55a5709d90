"""Networks as ONNX files: a graph with a shape at every value, checked and inferred by the `onnx` package, an extra."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archinspect.analyses.facts import Facts

WEIGHTS = ("none", "zeros", "random")
"""What weights are: `none`, each a `ConstantOfShape`, so that any network is a small file; or else initializers."""


def write(facts: Facts, *, weights: str = "none") -> bytes:
    """Return a network as a serialized ONNX model; `weights` is one of :data:`WEIGHTS`.

    Raise :class:`~archinspect.exporters.refusal.CannotExportError` for a layer that ONNX cannot say, ImportError
    without the extra `onnx`, ValueError for other weights.
    """
    if weights not in WEIGHTS:
        raise ValueError(f"weights must be one of {', '.join(WEIGHTS)}, not {weights!r}")
    try:
        import onnx  # noqa: F401 - what all else here needs
    except ImportError:
        raise ImportError("export to ONNX needs onnx: pip install 'archinspect[onnx]'") from None
    from archinspect.exporters.onnx.model import model_of

    return bytes(model_of(facts, weights).SerializeToString(deterministic=True))
