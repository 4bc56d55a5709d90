"""Terms of an equation joined from left to right: the arithmetic, and what PyTorch keeps and holds."""

from __future__ import annotations

from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING, NamedTuple

from archinspect.base.shape import largest, size
from archinspect.base.strides import in_order, of_elements, reshaped
from archinspect.ops.figures import Work

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from archinspect.base.shape import Shape

REST = "."
"""Stands for `...` in an equation that has been read, so that every character is an index."""
AXES = "0123456789:;<=>?@"
"""Stand for the axes of `...`, one each: they are before all letters, as it is."""
GAP = "|"
"""Stands between two indices that do not lie as one axis."""


def written(terms: Sequence[str], output: str) -> str:
    """Return an equation as libraries read it."""
    return f"{','.join(terms)}->{output}".replace(REST, "...")


def shape_of(term: Iterable[str], sizes: Mapping[str, Shape]) -> Shape:
    """Return the sizes of the axes that indices stand for."""
    return tuple(dim for index in term for dim in sizes[index])


def work_of(terms: Sequence[str], output: str, sizes: Mapping[str, Shape]) -> Work:
    """Return the arithmetic of joining terms from left to right."""
    return Work(*map(sum, zip(*joins(terms, output, sizes), strict=True)))


def joins(terms: Sequence[str], output: str, sizes: Mapping[str, Shape]) -> Iterator[Work]:
    """Yield the arithmetic of each join, and of the last sum; an index is summed once no later term has it."""
    joined = terms[0]
    for number, term in enumerate(terms[1:], 2):
        later = set(output).union(*terms[number:])
        left = "".join(index for index in joined if index in term or index in later)
        right = "".join(index for index in term if index in joined or index in later)
        other = _additions(joined, left, sizes) + _additions(term, right, sizes)
        together = left + "".join(index for index in right if index not in left)
        joined = "".join(index for index in together if index in later)
        products = size(shape_of(together, sizes))
        # A product that is added to no other is no multiply-accumulate.
        if products > size(shape_of(joined, sizes)):
            yield Work(products, other)
        else:
            yield Work(other=other + products)
    yield Work(other=_additions(joined, output, sizes))


def _additions(term: str, kept: str, sizes: Mapping[str, Shape]) -> int:
    return size(shape_of(term, sizes)) - size(shape_of(kept, sizes))


class _Factor(NamedTuple):
    """A tensor that is multiplied."""

    order: str
    """Its indices as they lie in memory, without those of size 1, with GAP."""
    needed: bool
    """Whether backward needs its gradient."""
    number: int | None = None
    """Which input it is; None for one that is made on the way."""

    def only(self, indices: str) -> _Factor:
        """Return the sum over all other indices."""
        left = "".join(index for index in indices if index in self.order)
        return self if {*left} == {*self.order.replace(GAP, "")} else _Factor(left, self.needed)

    def grouped(self, *groups: str) -> _Factor:
        """Return it with the axes of each group as one: a copy where they do not lie side by side."""
        return self if all(group in self.order for group in groups) else _Factor("".join(groups), self.needed)


class Memory:
    """What PyTorch keeps and holds when it joins terms from left to right: matrix products where there are sums.

    The strides are those of inputs, whose elements are in order where they are None or not said.
    """

    def __init__(
        self,
        terms: Sequence[str],
        output: str,
        sizes: Mapping[str, Shape],
        strides: Sequence[Shape | None],
        needed: Sequence[bool] | None = None,
    ) -> None:
        axes = AXES[: len(sizes.get(REST, ()))]
        terms, output = [term.replace(REST, axes) for term in terms], output.replace(REST, axes)
        sizes = {**sizes, **{axis: (length,) for axis, length in zip(axes, sizes.get(REST, ()), strict=True)}}
        self.lengths = {index: size(sizes[index]) for index in sizes}
        self.inputs: set[int] = set()
        self.extra = 0
        """Elements kept beside inputs."""
        self.alive = 0
        """The most elements alive beside inputs, the output among them."""
        shapes = [shape_of(term, sizes) for term in terms]
        lying = [*strides, *[None] * (len(terms) - len(strides))]
        orders = [
            "".join(index for index in term if self.lengths[index] != 1)
            if own is None
            else _order_in_memory(term, shape, own)
            for term, shape, own in zip(terms, shapes, lying, strict=True)
        ]
        needs = needed or [False] * len(terms)
        factors = [_Factor(order, need, i) for i, (order, need) in enumerate(zip(orders, needs, strict=True))]
        # The order in which PyTorch goes through indices: the output's, then those that are summed.
        ranked = output + "".join(sorted(set("".join(terms)) - {*output}))
        self._given = [
            dict(zip(term, own or in_order(shape), strict=True))
            for term, shape, own in zip(terms, shapes, lying, strict=True)
        ]
        """Strides of the inputs by index."""
        done = factors[0]
        for number, factor in enumerate(factors[1:], 2):
            done = self._join(done, factor, ranked, set(output).union(*orders[number:]))
        self._hold(made := done.only(output))
        found, shape = self._strides(made.order, output), shape_of(output, sizes)
        # A last view leaves out what was summed: axes of size 1 have strides like those of their neighbors.
        self.strides = found and reshaped(shape, found, shape)
        """Of the output, None where they are not told."""

    def _join(self, left: _Factor, right: _Factor, ranked: str, later: set[str]) -> _Factor:
        before = left
        left, right = summed_first = [
            one.only("".join(index for index in ranked if index in other.order or index in later))
            for one, other in ((left, right), (right, left))
        ]
        self._hold(before, left)
        summed = "".join(index for index in ranked if index in left.order and index not in later)
        rest = [index for index in ranked if index not in summed]
        both = "".join(index for index in rest if index in left.order and index in right.order)
        own = "".join(index for index in rest if index in left.order and index not in both)
        others = "".join(index for index in rest if index in right.order and index not in both)
        if summed:
            left, right = left.grouped(both, own, summed), right.grouped(both, summed, others)
        for factor, other in ((left, right), (right, left)):
            if other.needed:
                self._keep(factor)
        # The second comes first where all that it brings does, so that the output is in order.
        is_turned = own and others and rest.index(others[-1]) < rest.index(own[0])
        product = both + (others + own if is_turned else own + others)
        if not summed:
            product = self._order_of_product([left, right], rest)
        result = _Factor(product, left.needed or right.needed)
        self._hold(*summed_first, left, right, result)
        return result

    def _order_of_product(self, factors: Sequence[_Factor], indices: Sequence[str]) -> str:
        """Return the order in memory of a product without sums, in which what lacks an axis stretches."""
        shapes = [tuple(self.lengths[i] if i in factor.order else 1 for i in indices) for factor in factors]
        output = tuple(self.lengths[i] if any(i in factor.order for factor in factors) else 1 for i in indices)
        found = of_elements(shapes, [self._strides_of(factor, indices) for factor in factors], output)
        axes = sorted(zip(found, output, indices, strict=True), key=lambda axis: -axis[0])
        return "".join(index for _, length, index in axes if length != 1)

    def _strides_of(self, factor: _Factor, indices: Sequence[str]) -> Shape | None:
        """Return the strides of a factor with a new axis for each index that it lacks."""
        if factor.number is None:
            return self._strides(factor.order.replace(GAP, ""), indices)
        return tuple(self._given[factor.number].get(index, 1) for index in indices)

    def _strides(self, order: str, term: Sequence[str]) -> Shape | None:
        """Return the strides of a term of such an order in memory; an axis that it lacks has any."""
        if GAP in order:
            return None
        found = dict(zip(order, in_order([self.lengths[index] for index in order]), strict=True))
        return tuple(found.get(index, 1) for index in term)

    def _keep(self, factor: _Factor) -> None:
        if factor.number is None:
            self.extra += self._elements(factor)
        else:
            self.inputs.add(factor.number)

    def _hold(self, *factors: _Factor) -> None:
        distinct = {id(factor): factor for factor in factors if factor.number is None}
        self.alive = largest(self.alive, sum(map(self._elements, distinct.values())))

    def _elements(self, factor: _Factor) -> int:
        return prod(self.lengths[index] for index in factor.order if index != GAP)


def _order_in_memory(term: str, shape: Shape, strides: Shape) -> str:
    """Return the indices of a term as an input of these strides has them, without those of size 1, with GAP."""
    axes = sorted((axis for axis in zip(strides, shape, term, strict=True) if axis[1] != 1), key=lambda axis: -axis[0])
    found = "".join(index for _, _, index in axes[:1])
    for (outer, _, _), (inner, count, index) in pairwise(axes):
        found += index if outer == inner * count else GAP + index
    return found
