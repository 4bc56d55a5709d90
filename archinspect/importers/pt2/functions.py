"""Cross entropy, quantiles, integrals and chains of products: what PyTorch calls for them, one call after the other.

As `aten/src/ATen/native/LossNLL.cpp`, `Loss.cpp`, `Sorting.cpp`, `Integration.cpp` and `LinearAlgebra.cpp` have them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.importers.pt2.program import Ref

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from archinspect.importers.pt2.writer import Writer

LINEAR = "linear"
"""How a quantile between two numbers is found, unless it is said."""


def _cross_entropy(w: Writer) -> Ref:
    given, target = w.get("self"), w.get("target")
    sizes = w.meta(given).sizes
    axis = 0 if len(sizes) == 1 else 1
    logarithms = w.make("log_softmax.int", sizes, self=given, dim=axis)
    if w.meta(target).dtype != "int64":
        return _of_shares(w, w.named(logarithms), target, axis)
    weighted = {"weight": w.get("weight")} if w.get("weight") else {}
    loss = w.make(
        "nll_loss_nd.default",
        () if w.get("reduction", 1) else (*sizes[:axis], *sizes[axis + 1 :]),
        self=logarithms,
        target=target,
        reduction=w.get("reduction", 1),
        **weighted,
    )
    if not w.get("label_smoothing", 0.0):
        return loss
    if weighted:
        raise ValueError("weights of what data chooses")
    return _smoothed(w, w.named(logarithms), w.named(loss), axis)


def _smoothed(w: Writer, logarithms: Ref, loss: Ref, axis: int) -> Ref:
    """Write the share that all classes have in the loss, and the sum of both."""
    target, reduction = w.get("target"), w.get("reduction", 1)
    total = w.over("sum.dim_IntList", logarithms, axis)
    turned = w.each("neg.default", total)
    w.whole(total)
    ignored = w.named(w.each("eq.Scalar", target, w.get("ignore_index", -100), dtype="bool"))
    smooth = w.named(w.make("masked_fill_.Scalar", w.sizes(turned), self=turned, mask=ignored, value=0))
    if reduction:
        smooth = w.make("sum.default", (), self=smooth)
    if reduction == 1:
        known = w.named(w.each("bitwise_not.default", ignored, dtype="bool"))
        count = w.make("sum.default", (), "int64", self=known)
        total, smooth = smooth, w.each("div.Tensor", smooth, count)
        w.whole(total, count)
    share = w.get("label_smoothing")
    parts = [w.each("mul.Tensor", loss, 1 - share), w.each("mul.Tensor", w.named(smooth), share)]
    found = w.each("add.Tensor", *parts)
    w.whole(*parts)
    return found


def _of_shares(w: Writer, logarithms: Ref, target: Ref, axis: int) -> Ref:
    """Write the loss of targets that are a share of each class."""
    reduction, share = w.get("reduction", 1), w.get("label_smoothing", 0.0)
    if w.get("weight"):
        raise ValueError("weighted shares")
    if share:
        target = w.named(w.each("add.Tensor", w.each("mul.Tensor", target, 1 - share), share))
    product = w.each("mul.Tensor", logarithms, target)
    total = w.make("sum.default", (), self=product) if reduction else w.over("sum.dim_IntList", product, axis)
    found = w.each("neg.default", total)
    if reduction != 1:
        w.whole(product, total)
        return found
    turned, found = found, w.each("div.Tensor", found, 2)  # by the samples, however many
    w.whole(product, total, turned)
    return found


def _l1_loss(w: Writer) -> Ref:
    apart = w.each("sub.Tensor", w.get("self"), w.get("target"))
    lengths = w.each("abs.default", apart)
    found = w.reduced(lengths)
    w.whole(apart, lengths) if found != lengths else w.whole(apart)
    return found


def _quantile(w: Writer) -> Ref:
    given, wanted, axis = w.get("self"), w.get("q"), w.get("dim")
    if axis is None or w.get("interpolation", LINEAR) != LINEAR:
        raise ValueError("of all axes, or of another kind")
    keeps = bool(w.get("keepdim", False))
    given = _moved(w, given, axis, -1)
    sizes, dtype = w.meta(given).sizes, w.meta(given).dtype
    ordered, _ = w.make_all("sort.default", [(sizes, dtype), (sizes, "int64")], self=given)
    w.named(ordered)
    missing = w.over("any.dim", w.each("isnan.default", ordered, dtype="bool"), -1, keepdim=True)
    made = (*sizes[:-1], w.meta(wanted).sizes[0] if isinstance(wanted, Ref) and w.meta(wanted).sizes else 1)
    ranks = w.named(w.make("masked_fill.Scalar", made, dtype, self=wanted, mask=missing, value=0))
    below = w.named(w.each("to.dtype", ranks, dtype="int64"))
    low = w.named(w.make("gather.default", made, dtype, self=ordered, dim=-1, index=below))
    weights = w.named(w.each("sub.Tensor", ranks, below))
    above = w.named(w.each("to.dtype", w.each("ceil_.default", ranks), dtype="int64"))
    high = w.named(w.make("gather.default", made, dtype, self=ordered, dim=-1, index=above))
    found = w.make("lerp_.Tensor", made, self=low, end=high, weight=weights)
    if isinstance(wanted, Ref) and w.meta(wanted).sizes:
        if keeps:
            raise ValueError("several, with an axis of one")
        return _moved(w, found, -1, 0)
    return _moved(w, found, -1, axis) if keeps else w.make("squeeze.dim", made[:-1], self=found, dim=-1)


def _moved(w: Writer, ref: Ref, axis: int, place: int) -> Ref:
    """Write a view with an axis in another place."""
    sizes = [*w.meta(ref).sizes]
    if axis % len(sizes) == place % len(sizes):
        return ref
    sizes.insert(place % len(sizes), sizes.pop(axis))
    return w.make("movedim.int", tuple(sizes), self=ref, source=axis, destination=place)


def _trapezoid(w: Writer) -> Ref:
    given, apart, axis = w.get("y"), w.get("x"), w.get("dim", -1)
    if apart:
        return _trapezoid_of_places(w, given, apart, axis)
    total = w.over("sum.dim_IntList", given, axis)
    ends = w.each("add.Tensor", *[w.over("select.int", given, axis, index=at) for at in (0, -1)])
    half = w.each("mul.Tensor", ends, 0.5)
    inner = w.each("sub.Tensor", total, half)
    found = w.each("mul.Tensor", inner, w.get("dx", 1))
    w.whole(total, ends, half, inner)
    return found


def _trapezoid_of_places(w: Writer, given: Ref, places: Ref, axis: int) -> Ref:
    if w.meta(places).sizes != w.meta(given).sizes:
        raise ValueError("places of one axis")
    first, second = (_all_but_one(w, places, axis, start) for start in (1, 0))
    apart = w.named(w.each("sub.Tensor", first, second))
    heights = w.each("add.Tensor", *[_all_but_one(w, given, axis, start) for start in (0, 1)])
    product = w.each("mul.Tensor", heights, apart)
    total = w.over("sum.dim_IntList", product, axis)
    found = w.each("div.Tensor", total, 2.0)
    w.whole(heights, product, total)
    return found


def _cumulative_trapezoid(w: Writer) -> Ref:
    given, axis = w.get("y"), w.get("dim", -1)
    if w.get("x"):
        raise ValueError("places")
    heights = w.each("add.Tensor", *[_all_but_one(w, given, axis, start) for start in (1, 0)])
    areas = w.each("mul.Tensor", heights, w.get("dx", 1) / 2)
    found = w.make("cumsum.default", w.meta(areas).sizes, self=areas, dim=axis)
    w.whole(heights, areas)
    return found


def _all_but_one(w: Writer, ref: Ref, axis: int, start: int) -> Ref:
    """Write a view without the last element of an axis, or from the second one on."""
    sizes = [*w.meta(ref).sizes]
    length = sizes[axis]
    if not isinstance(length, int):
        raise TypeError("an axis of an open size")
    sizes[axis] = length - 1
    return w.make("slice.Tensor", tuple(sizes), self=ref, dim=axis, start=start, end=length - 1 + start)


def _float_power(w: Writer) -> Ref:
    wide = [
        w.each("to.dtype", one, dtype="float64") if isinstance(one, Ref) else one
        for one in (w.get("self"), w.get("exponent"))
    ]
    form = "_".join("Tensor" if isinstance(one, Ref) else "Scalar" for one in wide)
    return w.make(f"pow.{form}", w.sizes(*wide), "float64", self=wide[0], exponent=wide[1])


def _multi_dot(w: Writer) -> Ref:
    """Write the products of a chain of matrices in the order that costs the least."""
    chain = w.get("tensors")
    sizes = [w.meta(ref).sizes for ref in chain]
    edges = [*[one[0] for one in sizes], sizes[-1][1]]
    if not all(isinstance(edge, int) for edge in edges):
        raise TypeError("a matrix of an open size")
    cut = _cuts(edges)

    def product(first: int, last: int) -> Any:  # noqa: ANN401 - a tensor
        if first == last:
            return chain[first]
        at = cut[first, last]
        one, other = product(first, at), product(at + 1, last)
        return w.make("mm.default", (edges[first], edges[last + 1]), self=one, mat2=other)

    return product(0, len(chain) - 1)  # type: ignore[no-any-return] # as above


def _cuts(edges: Sequence[Any]) -> dict[tuple[int, int], int]:
    """Return where each part of a chain is cut in two; matrix i is edges[i] x edges[i + 1]."""
    count = len(edges) - 1
    costs: dict[tuple[int, int], int] = {(at, at): 0 for at in range(count)}
    cuts = {}
    for length in range(1, count):
        for first in range(count - length):
            last = first + length
            costs[first, last], cuts[first, last] = min(
                (costs[first, at] + costs[at + 1, last] + edges[first] * edges[at + 1] * edges[last + 1], at)
                for at in range(first, last)
            )
    return cuts


FURTHER: dict[str, Callable[[Writer], Ref]] = {
    "aten.cross_entropy_loss": _cross_entropy,
    "aten.l1_loss": _l1_loss,
    "aten.quantile": _quantile,
    **dict.fromkeys(("aten.trapezoid", "aten.trapz"), _trapezoid),
    "aten.cumulative_trapezoid": _cumulative_trapezoid,
    "aten.float_power": _float_power,
    "aten.linalg_multi_dot": _multi_dot,
}
"""By the call's name without its overload."""
