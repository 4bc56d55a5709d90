"""Worked sums: the output of convolutions and poolings on the numbers that a spec gives, cell by cell.

Channels stand last here, whatever the spec's layout. What a window reads is what the operator says of it.
"""

from __future__ import annotations

from itertools import product
from math import isfinite, prod
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias, cast

import numpy as np

from archinspect.base.diagnostics import Near
from archinspect.base.source import List, Map
from archinspect.ops.spatial import Windowed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from archinspect.analyses.facts import Facts
    from archinspect.base.diagnostics import Problems
    from archinspect.base.shape import Shape
    from archinspect.base.source import Scalar, Tree

    Array: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.float64]]

CODE: Final = "values"
MAX_TERMS = 100_000
"""Numbers that all windows of all layers read, and places of an input with its padding."""
RANKS = (1, 2)


class Term(NamedTuple):
    """One number that a window reads, and its weight (None in a pooling).

    `place` is its position in the input, channel last, `tap` that in the window, and `member` that in the kernel's
    last axes, empty in a pooling; all count from 0. A position outside the input is `padding`, of value 0.
    """

    place: tuple[int, ...]
    tap: tuple[int, ...]
    member: tuple[int, ...]
    value: float
    weight: float | None
    padding: bool


class Cell(NamedTuple):
    """One output value: its position, channel last, what it is made of, the bias if there is one, and the result."""

    place: tuple[int, ...]
    terms: tuple[Term, ...]
    bias: float | None
    value: float


class Worked(NamedTuple):
    """A layer worked out: input, weights and output, channels last, and every cell of the output by its place."""

    layer: str
    combines: str
    """`sum`, `max` or `mean`."""
    input: Array
    pads: tuple[tuple[int, int], ...]
    weights: dict[str, Array]
    output: Array
    cells: dict[tuple[int, ...], Cell]

    def places(self, cell: tuple[int, ...]) -> list[tuple[int, ...]]:
        """Return the places that a cell's numbers from 1 mean, all for `()`; raise ValueError for one outside."""
        if cell == ():
            return list(self.cells)
        place = tuple(index - 1 for index in cell)
        place = place if len(place) == self.output.ndim else (*place, 0)
        if place not in self.cells:
            shape = "x".join(map(str, self.output.shape))
            raise ValueError(f"{','.join(map(str, cell))}: the output of '{self.layer}' is {shape}")
        return [place]

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form; places count from 0."""
        return {
            "layer": self.layer,
            "combines": self.combines,
            "input": self.input.tolist(),
            "output": self.output.tolist(),
            "cells": [
                {**cell._asdict(), "terms": [term._asdict() for term in cell.terms]} for cell in self.cells.values()
            ],
        }


def work_out(facts: Facts, problems: Problems) -> list[Worked]:
    """Return the layers that can be worked out with the numbers of the spec, in order; none without `values`.

    A layer can be where its input is known, its weights are given, and it is a convolution or a pooling of one or two
    spatial axes. What is wrong with the numbers is told to `problems`.
    """
    graph = facts.graph
    if not isinstance(graph.values, Map):
        return []
    given = _given(facts, graph.values, problems)
    known = {node.output: given[node.path]["input"] for node in graph.inputs if given.get(node.path)}
    found = []
    terms = 0
    for node in graph.nodes:
        op, weights = node.op, given.get(node.path, {})
        source = node.inputs[0] if node.inputs else None
        if not isinstance(op, Windowed) or op.rank not in RANKS or not op.combines or source not in known:
            continue
        if set(facts.call(node).weights) != set(weights):
            continue
        channels_first = op.data_format == "channels_first"
        entry = np.moveaxis(known[source], 0, -1) if channels_first else known[source]
        spatial, channels = op.split(facts.shape(node.output))
        window = _Window(op, entry, weights)
        terms += window.terms((*spatial, channels))
        if terms > MAX_TERMS:
            message = f"'{node.layer}' is too large to be worked out: windows read more than {MAX_TERMS:,} numbers"
            problems.error(CODE, message, node.origin)
            break
        worked = window.work(node.layer, (*spatial, channels))
        if worked is None:
            message = f"'{node.layer}' cannot be worked out: a window reads nothing of its input"
            problems.error(CODE, message, node.origin)
            continue
        known[node.output] = np.moveaxis(worked.output, -1, 0) if channels_first else worked.output
        found.append(worked)
    return found


class _Window:
    """Moves an operator's window over numbers, channels last."""

    def __init__(self, op: Windowed, entry: Array, weights: dict[str, Array]) -> None:
        self.op = op
        self.entry = entry
        self.weights = weights
        self.how = op.sliding(entry.shape[:-1])

    def terms(self, shape: Shape) -> int:
        """Return how many numbers all windows of an output of this shape read, or how large the padded input is."""
        lengths = zip(self.entry.shape, self.how.pads, strict=False)  # the channels have no padding
        members = sum(1 for _ in self.op.members(0, self.entry.shape[-1]))
        return max(prod(shape) * prod(self.how.taps) * members, prod([size + sum(pad) for size, pad in lengths]))

    def work(self, layer: str, shape: Shape) -> Worked | None:
        """Return the layer worked out for an output of this shape; None where a window lies beside the input."""
        cells = {place: self._cell(place) for place in product(*map(range, shape))}
        if not all(cell.terms for cell in cells.values()):
            return None
        output = np.array([cell.value for cell in cells.values()]).reshape(shape)
        return Worked(layer, self.op.combines, self.entry, self.how.pads, self.weights, output, cells)

    def _cell(self, place: tuple[int, ...]) -> Cell:
        terms = tuple(self._terms(place))
        bias = float(self.weights["bias"][place[-1]]) if "bias" in self.weights else None
        if self.op.combines == "sum":
            value = sum(term.value * (term.weight or 0) for term in terms) + (bias or 0)
        else:
            numbers = [term.value for term in terms] or [0.0]
            value = max(numbers) if self.op.combines == "max" else sum(numbers) / len(numbers)
        return Cell(place, terms, bias, value)

    def _terms(self, place: tuple[int, ...]) -> Iterator[Term]:
        """Yield what the window reads at a place of the output, tap by tap."""
        how = self.how
        taps = product(*map(range, how.taps))
        for tap, (channel, member) in product(taps, self.op.members(place[-1], self.entry.shape[-1])):
            at = tuple(
                position * stride - pad[0] + index * apart
                for position, stride, pad, index, apart in zip(
                    place[:-1], how.strides, how.pads, tap, how.dilation, strict=True
                )
            )
            lengths = self.entry.shape[:-1]
            inside = all(0 <= spot < length for spot, length in zip(at, lengths, strict=True))
            padded = all(spot < length + pad[1] for spot, length, pad in zip(at, lengths, how.pads, strict=True))
            if not inside and not (padded and self.op.reads_padding()):
                continue
            weight = float(self.weights["kernel"][(*tap, *member)]) if member else None
            value = float(self.entry[(*at, channel)]) if inside else 0.0
            yield Term((*at, channel), tap, member, value, weight, not inside)


def _given(facts: Facts, values: Map, problems: Problems) -> dict[str, dict[str, Array]]:
    """Return the numbers of every input, under `input`, and of every operator's weights, by its path."""
    wanted: dict[str, dict[str, Shape]] = {
        node.path: {"input": facts.shape(node.output)[1:]} for node in facts.graph.inputs
    }
    for node in facts.graph.nodes:
        weights = facts.call(node).weights
        if weights:
            wanted[node.path] = {name: weight.shape for name, weight in weights.items()}
    found: dict[str, dict[str, Array]] = {}
    for key, tree in values:
        shapes = wanted.get(key.text)
        if shapes is None:
            message = f"no input and no layer with weights '{key.text}'"
            problems.unknown(CODE, message, key.span, key.text, Near(key.text, wanted))
        elif "input" in shapes:
            found[key.text] = _arrays({"input": (key, tree)}, shapes, problems)
        elif isinstance(tree, Map):
            found[key.text] = _arrays({name.text: (name, value) for name, value in tree}, shapes, problems)
        else:
            help_ = f"give its weights by name: {', '.join(shapes)}"
            problems.error(CODE, f"the values of '{key.text}' must be a map", key.span, help_)
    return found


def _arrays(
    given: Mapping[str, tuple[Scalar, Tree]], shapes: Mapping[str, Shape], problems: Problems
) -> dict[str, Array]:
    """Return the numbers by name, without those that do not fit."""
    found = {}
    for name, (key, tree) in given.items():
        if name in shapes:
            array = _array(tree, shapes[name], key, problems)
            if array is not None:
                found[name] = array
        else:
            problems.unknown(CODE, f"no weight '{key.text}'", key.span, key.text, Near(key.text, shapes))
    return found


def _array(tree: Tree, shape: Shape, key: Scalar, problems: Problems) -> Array | None:
    """Return the numbers in this shape; axes of size 1 may be left out."""
    numbers: list[float] = []
    found = _gather(tree, numbers)
    if found is None or [dim for dim in found if dim != 1] != [dim for dim in shape if dim != 1]:
        got = "other than lists of numbers of equal lengths" if found is None else f"of {list(found)}"
        message = f"'{key.text}' needs numbers of the shape {list(shape)}, but they are {got}"
        problems.error(CODE, message, key.span, "axes of size 1 may be left out")
        return None
    return np.array(numbers).reshape(shape)


def _gather(tree: Tree, numbers: list[float]) -> Shape | None:
    """Add a tree's numbers to a list and return their shape; None where there is none."""
    if isinstance(tree, List):
        inner = {_gather(item, numbers) for item in tree.items}
        (dims,) = inner if len(inner) == 1 else (None,)
        return None if dims is None else (len(tree.items), *dims)
    value = None if isinstance(tree, Map) else tree.value
    if type(value) not in (int, float) or not isfinite(cast("float", value)):
        return None
    numbers.append(float(cast("float", value)))
    return ()
