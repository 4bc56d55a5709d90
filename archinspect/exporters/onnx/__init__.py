"""Networks as ONNX files: a graph with a shape at every value, checked and inferred by the `onnx` package, an extra."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, TypeAlias

    from archinspect.analyses.facts import Facts

    Given: TypeAlias = Mapping[str, Mapping[str, Any]]
    """Arrays, by the path of their node and their name, in the spec's order of axes; those left out are zeros."""

WEIGHTS = ("none", "zeros", "random")
"""What weights are: `none`, each a `ConstantOfShape`, so that any network is a small file; or else initializers."""


def write(facts: Facts, *, weights: str | Given = "none") -> bytes:
    """Return a network as a serialized ONNX model; `weights` is one of :data:`WEIGHTS`, or arrays by path and name.

    Raise :class:`~archinspect.exporters.refusal.CannotExportError` for a layer that ONNX cannot say, ImportError
    without the extra `onnx`, ValueError for other weights.
    """
    if isinstance(weights, str) and weights not in WEIGHTS:
        raise ValueError(f"weights must be one of {', '.join(WEIGHTS)}, not {weights!r}")
    try:
        import onnx  # noqa: F401 - what all else here needs
    except ImportError:
        raise ImportError("export to ONNX needs onnx: pip install 'archinspect[onnx]'") from None
    from archinspect.exporters.onnx.model import model_of

    return bytes(model_of(facts, weights).SerializeToString(deterministic=True))
