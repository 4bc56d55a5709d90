"""Functions that PyTorch computes by several of its operators, as losses and distances: written out as these calls.

What each costs, what backward keeps of it and what is held meanwhile then follow from the calls. They are those of
PyTorch's own functions, `aten/src/ATen/native/Loss.cpp`, `Distance.cpp`, `SpectralOps.cpp` and `ReduceOps.cpp`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.importers.pt2.program import Meta, Ref
from archinspect.importers.pt2.sizes import Expression

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from archinspect.importers.pt2.program import Call, Program
    from archinspect.importers.pt2.sizes import Size

    Sizes = tuple[Size, ...]

MISFITS = (AttributeError, IndexError, KeyError, TypeError, ValueError, ZeroDivisionError)
"""What is raised for a call that lacks an argument, or has one of another kind: it stays as it stands."""


def with_functions(program: Program) -> Program:
    """Return the program with the functions of :data:`FUNCTIONS` written out."""
    if not any(call.plain in FUNCTIONS for call in program.calls):
        return program
    calls: list[Call] = []
    metas = dict(program.metas)
    for call in program.calls:
        function = FUNCTIONS.get(call.plain)
        calls += _written(function, call, metas) if function else [call]
    return program._replace(calls=tuple(calls), metas=metas)


def _written(function: Callable[[_Writer], Ref], call: Call, metas: dict[str, Meta]) -> list[Call]:
    writer = _Writer(call, metas)
    try:
        made = function(writer)
    except MISFITS:
        return [call]
    last = writer.calls[-1]
    if metas[call.outputs[0]].sizes != writer.own[made.name].sizes or last.outputs != (made.name,):
        return [call]
    metas.update(writer.own)
    return [*writer.calls[:-1], last._replace(outputs=call.outputs, holds=(*last.holds, *writer.variables))]


class _Writer:
    """Writes the calls of a function in the place of the call of it."""

    def __init__(self, call: Call, metas: dict[str, Meta]) -> None:
        self.call = call
        self.metas = metas
        self.own: dict[str, Meta] = {}
        self.calls: list[Call] = []
        self.variables = [name for _, name in call.refs()]
        """What lives until the function ends: what it is given, and what it calls by a name."""

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - an argument
        """Return an argument of the function, or the schema's default."""
        return self.call.arguments.get(name, default)

    def sizes(self, *refs: Any) -> Sizes:  # noqa: ANN401 - tensors and numbers
        """Return the sizes of what tensors stretch to; numbers stretch to any."""
        shapes = [self.meta(ref).sizes for ref in refs if isinstance(ref, Ref)]
        rank = max(map(len, shapes))
        whole = [(1,) * (rank - len(shape)) + shape for shape in shapes]
        return tuple([next((size for size in sizes if size != 1), 1) for sizes in zip(*whole, strict=True)])

    def meta(self, ref: Ref) -> Meta:
        """Return what is known of a tensor."""
        return self.own.get(ref.name) or self.metas[ref.name]

    def make(self, target: str, sizes: Sizes, dtype: str = "", /, **arguments: Any) -> Ref:  # noqa: ANN401 - of any kind
        """Write a call; return its tensor, of the type of the first one that it reads where none is said."""
        name = f"{self.call.outputs[0]}/{len(self.calls)}"
        first = next(ref for ref in arguments.values() if isinstance(ref, Ref))
        self.own[name] = Meta(dtype or self.meta(first).dtype, sizes, _in_order(sizes), 0, requires_grad=False)
        self.calls.append(self.call._replace(target=f"aten.{target}", arguments=arguments, outputs=(name,)))
        return Ref(name)

    def each(self, target: str, *given: Any, dtype: str = "") -> Ref:  # noqa: ANN401 - as above
        """Write a call for each element of one or two tensors, or of a tensor and a number."""
        named = dict(zip(("self", "other"), given, strict=False))
        return self.make(target, self.sizes(*given), dtype, **named)

    def over(self, target: str, ref: Ref, axis: int, *, keepdim: bool = False, dtype: str = "", **more: Any) -> Ref:  # noqa: ANN401 - as above
        """Write a call that reduces an axis."""
        sizes = [*self.meta(ref).sizes]
        axis %= len(sizes)
        sizes[axis : axis + 1] = [1] if keepdim else []
        how = {"keepdim": True} if keepdim else {}
        return self.make(target, tuple(sizes), dtype, self=ref, dim=[axis], **how, **more)

    def norm(self, ref: Ref, p: float, axis: int, *, keepdim: bool = False) -> Ref:
        """Write the length along an axis."""
        return self.over("linalg_vector_norm.default", ref, axis, keepdim=keepdim, ord=p)

    def above(self, ref: Ref, in_place: str = "") -> Ref:
        """Write what is left above zero."""
        return self.make(f"clamp_min{in_place}.default", self.meta(ref).sizes, self=ref, min=0)

    def reduced(self, ref: Ref) -> Ref:
        """Write what a loss makes of its elements, as `reduction` says: 0 them, 1 their mean, 2 their sum."""
        reduction = self.get("reduction", 1)
        self.named(ref)
        return self.make(f"{'mean' if reduction == 1 else 'sum'}.default", (), self=ref) if reduction else ref

    def named(self, ref: Ref) -> Ref:
        """Let a tensor live until the function ends; return it."""
        self.variables.append(ref.name)
        return ref

    def whole(self, *parts: Ref) -> None:
        """Let parts of an expression live until the call that was written last, which ends it."""
        self.calls[-1] = self.calls[-1]._replace(holds=tuple([ref.name for ref in parts]))


def _in_order(sizes: Sizes) -> Sizes:
    found: list[Size] = []
    step: Size = 1
    for size in reversed(sizes):
        found.insert(0, step)
        if isinstance(step, int) and isinstance(size, int):
            step *= size
        else:
            step = Expression("Mul", (step, size)) if step != 1 else size
    return tuple(found)


# Distances


def _cosine_similarity(w: _Writer) -> Ref:
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


def _pairwise(w: _Writer, one: Ref, other: Ref) -> Ref:
    apart = w.each("sub.Tensor", one, other)
    more = w.each("add.Scalar", apart, w.get("eps", 1e-6))
    found = w.norm(more, w.get("p", 2.0), -1)
    w.whole(apart, more)
    return w.named(found)


def _triplet_margin_loss(w: _Writer) -> Ref:
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


def _kl_div(w: _Writer) -> Ref:
    given, target = w.get("self"), w.get("target")
    if w.get("log_target", False):
        apart = w.each("sub.Tensor", target, given)
        return w.reduced(w.each("mul.Tensor", w.each("exp.default", target), apart))
    products = w.each("mul.Tensor", target, given)
    return w.reduced(w.each("sub.Tensor", w.each("xlogy.Tensor", target, target), products))


def _cosine_embedding_loss(w: _Writer) -> Ref:
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


def _chosen(w: _Writer, target: Ref, parts: Sequence[tuple[str, int, Ref]], nothing: Ref) -> Ref:
    """Write a sum of two tensors, each where a comparison of the target holds, and nothing elsewhere."""
    found = []
    for compared, number, ref in parts:
        where = w.each(f"{compared}.Scalar", target, number, dtype="bool")
        sizes, dtype = w.sizes(where, ref), w.meta(ref).dtype
        found.append(w.named(w.make("where.self", sizes, dtype, condition=where, self=ref, other=nothing)))
    return w.each("add.Tensor", *found)


def _hinge_embedding_loss(w: _Writer) -> Ref:
    given, target = w.get("self"), w.get("target")
    nothing = w.named(w.each("zeros_like.default", given))
    beyond = w.named(w.above(w.each("rsub.Scalar", given, w.get("margin", 1.0)), "_"))
    return w.reduced(_chosen(w, target, [("ne", 1, beyond), ("ne", -1, given)], nothing))


def _margin_ranking_loss(w: _Writer) -> Ref:
    one, other, target = (w.get(name) for name in ("input1", "input2", "target"))
    turned, apart = w.each("neg.default", target), w.each("sub.Tensor", one, other)
    products = w.each("mul.Tensor", turned, apart)
    more = w.each("add.Scalar", products, w.get("margin", 0.0))
    w.whole(turned, apart, products)
    return w.reduced(w.above(more, "_"))


def _poisson_nll_loss(w: _Writer) -> Ref:
    if w.get("full", False):
        raise ValueError("with Stirling's approximation")
    given, target = w.get("input"), w.get("target")
    if w.get("log_input", True):
        products = w.each("mul.Tensor", target, given)
        return w.reduced(w.each("sub.Tensor", w.each("exp.default", given), products))
    logarithms = w.each("log.default", w.each("add.Scalar", given, w.get("eps", 1e-8)))
    return w.reduced(w.each("sub.Tensor", given, w.each("mul.Tensor", target, logarithms)))


# Others


def _nanmean(w: _Writer) -> Ref:
    given = w.get("self")
    (axis,) = w.get("dim")
    keepdim = bool(w.get("keepdim", False))
    known = w.each("logical_not_.default", w.each("isnan.default", given, dtype="bool"))
    count = w.named(w.over("sum.dim_IntList", known, axis, keepdim=keepdim, dtype="int64"))
    return w.each("div.Tensor", w.over("nansum.default", given, axis, keepdim=keepdim), count)


def _stft(w: _Writer) -> Ref:
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


FUNCTIONS: dict[str, Callable[[_Writer], Ref]] = {
    "aten.cosine_similarity": _cosine_similarity,
    "aten.triplet_margin_loss": _triplet_margin_loss,
    "aten.kl_div": _kl_div,
    "aten.cosine_embedding_loss": _cosine_embedding_loss,
    "aten.hinge_embedding_loss": _hinge_embedding_loss,
    "aten.margin_ranking_loss": _margin_ranking_loss,
    "aten.poisson_nll_loss": _poisson_nll_loss,
    "aten.nanmean": _nanmean,
    "aten.stft": _stft,
}
"""By the call's name without its overload."""
