"""What goes along an axis: sums, softmax, order; elements that only move."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.importers.pt2.operators.base import Translation, Untranslated, make, plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from archinspect.importers.pt2.operators.base import Use


def _reduction(name: str) -> Callable[[Use], Translation]:
    def translate(use: Use) -> Translation:
        if not use.get("dim"):
            raise Untranslated
        return Translation(make(name, axis=use.get("dim"), keepdims=use.get("keepdim", False)), ["self"])

    return translate


def _softmax(name: str) -> Callable[[Use], Translation]:
    return lambda use: Translation(make(name, axis=use.get("dim")), ["self"])


def _length(use: Use) -> Translation:
    kind = {1: "ReduceL1", 2: "ReduceL2"}.get(use.get("ord", 2))
    if kind is None or not use.get("dim"):
        raise Untranslated
    return Translation(make(kind, axis=use.get("dim"), keepdims=use.get("keepdim", False)), ["self"])


def _spread(name: str) -> Callable[[Use], Translation]:
    def translate(use: Use) -> Translation:
        correction = use.get("correction", 1)
        op = make(name, axis=use.get("dim"), keepdims=use.get("keepdim", False), correction=correction)
        return Translation(op, ["self"])

    return translate


def _sort(use: Use) -> Translation:
    return Translation(make("Sort", axis=use.get("dim", -1)), ["self"])


def _top(use: Use) -> Translation:
    return Translation(make("TopK", k=use.get("k"), axis=use.get("dim", -1)), ["self"])


def _reshape(use: Use) -> Translation:
    first, *rest = use.made()
    given = use.sizes("self")
    if given[:1] != (first,) or not all(isinstance(size, int) for size in rest):
        raise Untranslated
    return Translation(make("Reshape", target_shape=rest), ["self"])


def _flatten(use: Use) -> Translation:
    op = make("Flatten", start_dim=use.get("start_dim", 0), end_dim=use.get("end_dim", -1))
    return Translation(op, ["self"])


def _permute(use: Use) -> Translation:
    dims = [dim % len(use.sizes("self")) for dim in use.get("dims")]
    return Translation(make("Permute", dims=dims), ["self"])


def _transpose(first: str, second: str) -> Callable[[Use], Translation]:
    return lambda use: Translation(make("SwapAxes", axis1=use.get(first), axis2=use.get(second)), ["self"])


def _slice(use: Use) -> Translation:
    end = use.get("end")
    op = make(
        "Slice",
        axis=use.get("dim", 0),
        start=use.get("start") or 0,
        stop=None if end is None or end == _TO_THE_END else end,
        step=use.get("step", 1),
    )
    return Translation(op, ["self"])


_TO_THE_END = 2**63 - 1


def _unbind(use: Use) -> Translation:
    return Translation(make("Unbind", parts=len(use.call.outputs), axis=use.get("dim", 0)), ["self"])


def _split(use: Use) -> Translation:
    axis = use.get("dim", 0)
    sizes = [use.made(index)[axis] for index in range(len(use.call.outputs))]
    return Translation(make("Split", sizes=sizes, axis=axis), ["self"])


def _cat(use: Use) -> Translation:
    return Translation(make("Concatenate", axis=use.get("dim", 0)), ["tensors"])


def _stack(use: Use) -> Translation:
    return Translation(make("Stack", axis=use.get("dim", 0)), ["tensors"])


def _roll(use: Use) -> Translation:
    return Translation(make("Roll", shift=use.get("shifts"), axis=use.get("dims")), ["self"])


AXES: dict[str, Callable[[Use], Translation]] = {
    # Along axes
    "aten.softmax": _softmax("Softmax"),
    "aten._softmax": _softmax("Softmax"),
    "aten.log_softmax": _softmax("LogSoftmax"),
    "aten._log_softmax": _softmax("LogSoftmax"),
    "aten.mean": _reduction("ReduceMean"),
    "aten.sum": _reduction("ReduceSum"),
    "aten.amax": _reduction("ReduceMax"),
    "aten.amin": _reduction("ReduceMin"),
    "aten.var": _spread("ReduceVar"),
    "aten.std": _spread("ReduceStd"),
    "aten.linalg_vector_norm": _length,
    "aten.sort": _sort,
    "aten.cumsum": plain("CumSum", axis="dim"),
    "aten.cumprod": plain("CumProd", axis="dim"),
    "aten.logsumexp": _reduction("ReduceLogSumExp"),
    "aten.topk": _top,
    # Elements that move
    "aten.flatten": _flatten,
    "aten.reshape": _reshape,
    "aten.view": _reshape,
    "aten.permute": _permute,
    "aten.transpose": _transpose("dim0", "dim1"),
    "aten.swapaxes": _transpose("axis0", "axis1"),
    "aten.slice": _slice,
    "aten.select": plain("Select", "index", axis="dim"),
    "aten.unsqueeze": plain("Unsqueeze", axis="dim"),
    "aten.squeeze": plain("Squeeze", axis="dim"),
    "aten.unbind": _unbind,
    "aten.split": _split,
    "aten.split_with_sizes": _split,
    "aten.chunk": _split,
    "aten.cat": _cat,
    "aten.stack": _stack,
    "aten.roll": _roll,
}
