"""Functions that PyTorch computes by several of its operators, as losses and distances: written out as these calls.

What each costs, what backward keeps of it and what is held meanwhile then follow from the calls. They are those of
PyTorch's own functions, `aten/src/ATen/native/Loss.cpp`, `Distance.cpp`, `SpectralOps.cpp` and `ReduceOps.cpp`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.importers.pt2.functions import FURTHER
from archinspect.importers.pt2.program import Ref
from archinspect.importers.pt2.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from archinspect.importers.pt2.program import Call, Meta, Program

MISFITS = (AttributeError, IndexError, KeyError, TypeError, ValueError, ZeroDivisionError)
"""What is raised for a call that lacks an argument, or has one of another kind: it stays as it stands."""


def with_functions(program: Program) -> Program:
    """Return the program with the functions of :data:`FUNCTIONS` written out."""
    if not any(call.plain in FUNCTIONS for call in program.calls):
        return program
    calls: list[Call] = []
    metas = dict(program.metas)
    for call in program.calls:
        function = FUNCTIONS.get(call.plain) if not _is_layer(call, program) else None
        calls += _written(function, call, metas) if function else [call]
    return program._replace(calls=tuple(calls), metas=metas)


def _is_layer(call: Call, program: Program) -> bool:
    """Return whether a normalization's weight, if it has one, is the program's own."""
    weight = call.arguments.get("weight")
    return call.plain == "aten.rms_norm" and (not isinstance(weight, Ref) or weight.name in program.stored)


def _written(function: Callable[[Writer], Ref], call: Call, metas: dict[str, Meta]) -> list[Call]:
    writer = Writer(call, metas)
    try:
        made = function(writer)
    except MISFITS:
        return [call]
    last = writer.calls[-1]
    if metas[call.outputs[0]].sizes != writer.own[made.name].sizes or last.outputs != (made.name,):
        return [call]
    metas.update(writer.own)
    return [*writer.calls[:-1], last._replace(outputs=call.outputs, holds=(*last.holds, *writer.variables))]


# Distances


def _cosine_similarity(w: Writer) -> Ref:
    given = [w.get("x1"), w.get("x2")]
    whole = w.sizes(*given)
    axis = w.get("dim", 1)
    given = [
        ref if w.meta(ref).sizes == whole else w.make("expand.default", whole, self=ref, size=list(whole))
        for ref in given
    ]
    lengths = [w.named(w.each("clone.default", w.norm(ref, 2.0, axis, keepdim=True))) for ref in given]
    one, other = (w.each("div.Tensor", *pair) for pair in zip(given, lengths, strict=True))
    product = w.each("mul.Tensor", one, other)
    found = w.over("sum.dim_IntList", product, axis)
    w.whole(one, other, product)
    return found


def _pairwise(w: Writer, one: Ref, other: Ref) -> Ref:
    apart = w.each("sub.Tensor", one, other)
    more = w.each("add.Scalar", apart, w.get("eps", 1e-6))
    found = w.norm(more, w.get("p", 2.0), -1)
    w.whole(apart, more)
    return w.named(found)


def _triplet_margin_loss(w: Writer) -> Ref:
    anchor, positive, negative = (w.get(name) for name in ("anchor", "positive", "negative"))
    near, far = _pairwise(w, anchor, positive), _pairwise(w, anchor, negative)
    if w.get("swap", False):
        far = w.named(w.each("min.other", far, _pairwise(w, positive, negative)))
    more = w.each("add.Scalar", near, w.get("margin", 1.0))
    beyond = w.each("sub.Tensor", more, far)
    found = w.above(beyond)
    w.whole(more, beyond)
    return w.reduced(found)


# Losses


def _kl_div(w: Writer) -> Ref:
    given, target = w.get("self"), w.get("target")
    if w.get("log_target", False):
        apart = w.each("sub.Tensor", target, given)
        return w.reduced(w.each("mul.Tensor", w.each("exp.default", target), apart))
    products = w.each("mul.Tensor", target, given)
    return w.reduced(w.each("sub.Tensor", w.each("xlogy.Tensor", target, target), products))


def _cosine_embedding_loss(w: Writer) -> Ref:
    one, other, target = (w.get(name) for name in ("input1", "input2", "target"))
    axis = len(w.meta(target).sizes)
    product = w.named(w.over("sum.dim_IntList", w.each("mul.Tensor", one, other), axis))
    squares = []
    for ref in (one, other):
        square = w.each("mul.Tensor", ref, ref)
        total = w.over("sum.dim_IntList", square, axis)
        squares.append(w.named(w.each("add.Scalar", total, 1e-12)))
        w.whole(square, total)
    lengths = w.named(w.each("sqrt_.default", w.each("mul.Tensor", *squares)))
    cosine = w.named(w.each("div.Tensor", product, lengths))
    nothing = w.named(w.each("zeros_like.default", cosine))
    near = w.named(w.each("rsub.Scalar", cosine, 1))
    far = w.named(w.above(w.each("sub.Scalar", cosine, w.get("margin", 0.0)), "_"))
    return w.reduced(_chosen(w, target, [("eq", 1, near), ("eq", -1, far)], nothing))


def _chosen(w: Writer, target: Ref, parts: Sequence[tuple[str, int, Ref]], nothing: Ref) -> Ref:
    """Write a sum of two tensors, each where a comparison of the target holds, and nothing elsewhere."""
    found = []
    for compared, number, ref in parts:
        where = w.each(f"{compared}.Scalar", target, number, dtype="bool")
        sizes, dtype = w.sizes(where, ref), w.meta(ref).dtype
        found.append(w.named(w.make("where.self", sizes, dtype, condition=where, self=ref, other=nothing)))
    return w.each("add.Tensor", *found)


def _hinge_embedding_loss(w: Writer) -> Ref:
    given, target = w.get("self"), w.get("target")
    nothing = w.named(w.each("zeros_like.default", given))
    beyond = w.named(w.above(w.each("rsub.Scalar", given, w.get("margin", 1.0)), "_"))
    return w.reduced(_chosen(w, target, [("ne", 1, beyond), ("ne", -1, given)], nothing))


def _margin_ranking_loss(w: Writer) -> Ref:
    one, other, target = (w.get(name) for name in ("input1", "input2", "target"))
    turned, apart = w.each("neg.default", target), w.each("sub.Tensor", one, other)
    products = w.each("mul.Tensor", turned, apart)
    more = w.each("add.Scalar", products, w.get("margin", 0.0))
    w.whole(turned, apart, products)
    return w.reduced(w.above(more, "_"))


def _poisson_nll_loss(w: Writer) -> Ref:
    if w.get("full", False):
        raise ValueError("with Stirling's approximation")
    given, target = w.get("input"), w.get("target")
    if w.get("log_input", True):
        products = w.each("mul.Tensor", target, given)
        return w.reduced(w.each("sub.Tensor", w.each("exp.default", given), products))
    logarithms = w.each("log.default", w.each("add.Scalar", given, w.get("eps", 1e-8)))
    return w.reduced(w.each("sub.Tensor", given, w.each("mul.Tensor", target, logarithms)))


# Others


def _rms_norm(w: Writer) -> Ref:
    """Write a normalization whose weight is computed, as a copy in another type."""
    given, weight = w.get("input"), w.get("weight")
    arguments = {"normalized_shape": w.get("normalized_shape"), "eps": w.get("eps")}
    made = w.make("rms_norm.default", w.meta(given).sizes, input=given, **arguments)
    return w.each("mul.Tensor", made, weight)


def _nanmean(w: Writer) -> Ref:
    given = w.get("self")
    (axis,) = w.get("dim")
    keepdim = bool(w.get("keepdim", False))
    known = w.each("logical_not_.default", w.each("isnan.default", given, dtype="bool"))
    count = w.named(w.over("sum.dim_IntList", known, axis, keepdim=keepdim, dtype="int64"))
    return w.each("div.Tensor", w.over("nansum.default", given, axis, keepdim=keepdim), count)


def _stft(w: Writer) -> Ref:
    given, points = w.get("self"), w.get("n_fft")
    samples, length = w.meta(given).sizes
    hop, window = w.get("hop_length") or points // 4, w.get("window")
    frames = (samples, 1 + (length - points) // hop, points)
    made = w.make("as_strided.default", frames, self=given, size=list(frames), stride=[length, hop, 1])
    if isinstance(window, Ref):
        made = w.each("mul.Tensor", made, window)
    half = points // 2 + 1 if w.get("onesided") is not False else points
    made = w.make("fft_rfft.default", (*frames[:2], half), "float64", self=made)
    made = w.make("transpose.int", (samples, half, frames[1]), self=made, dim0=1, dim1=2)
    if w.get("return_complex", False):
        return made
    return w.make("view_as_real.default", (samples, half, frames[1], 2), "float32", self=made)


FUNCTIONS: dict[str, Callable[[Writer], Ref]] = {
    "aten.cosine_similarity": _cosine_similarity,
    "aten.triplet_margin_loss": _triplet_margin_loss,
    "aten.kl_div": _kl_div,
    "aten.cosine_embedding_loss": _cosine_embedding_loss,
    "aten.hinge_embedding_loss": _hinge_embedding_loss,
    "aten.margin_ranking_loss": _margin_ranking_loss,
    "aten.poisson_nll_loss": _poisson_nll_loss,
    "aten.nanmean": _nanmean,
    "aten.rms_norm": _rms_norm,
    "aten.stft": _stft,
    **FURTHER,
}
"""By the call's name without its overload."""
