"""Bounds of figures, as `expect` of a spec states them, or budgets of a configuration and the command line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from archinspect.base.diagnostics import Near, renamed, show
from archinspect.base.quantity import Quantity, parse_quantity
from archinspect.base.source import List, Map, Scalar
from archinspect.checks.figures import FIGURES, OPTIONS, Asked, asked_for, check_option, heaviest, part_figures
from archinspect.checks.rule import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from archinspect.analyses.facts import Facts
    from archinspect.base.shape import Shape
    from archinspect.base.source import Span, Tree

SHAPES = ("output", "outputs")
OTHERS = (*SHAPES, "fits", "parts")
"""What is bounded beside figures: shapes, that it fits into a device's memory, and figures of parts."""
MAX_FITS = 16
MAX_PARTS = 200
BOUNDS = ("is", "max", "min")
_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6}
_TIME = re.compile(r"(.*\d)\s*(s|ms|us|µs)\s*\Z")
_FITS = ("device", "memory", "reserve", "batch", "train", "dtype", "weights_dtype", "precision", "checkpointing")


def as_tree(value: object, span: Span) -> Tree:
    """Return values of another file as a tree, all of which stands at one place."""
    if isinstance(value, dict):
        found = Map(span)
        for name, item in value.items():
            found.keys[name] = Scalar(name, name, span)
            found.values[name] = as_tree(item, span)
        return found
    if isinstance(value, list):
        items = List(span)
        items.items = [as_tree(item, span) for item in value]
        return items
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return Scalar(value, text, span)  # type: ignore[arg-type] # a plain value


def against(facts: Facts, bounds: Map) -> Iterator[Finding]:
    """Yield each figure that is not within its bound."""
    for key, tree in bounds:
        name = key.text
        if name in SHAPES:
            yield from _shapes(name, tree, [facts.shape(tensor) for tensor in dict.fromkeys(facts.graph.outputs)])
        elif name in FIGURES:
            yield from _figure(name, facts, tree)
        elif name == "fits":
            for one in tree.items[:MAX_FITS] if isinstance(tree, List) else [tree]:
                yield from _fits(facts, one)
            if isinstance(tree, List) and len(tree.items) > MAX_FITS:
                yield Finding(f"fits: more than {MAX_FITS} devices", tree.span)
        elif name == "parts":
            yield from _parts(facts, tree)
        else:
            found = Near(name, [*FIGURES, *OTHERS], bounds.keys)
            fix = renamed(key.span, name, found.only)
            yield Finding(f"unknown figure '{name}'", key.span, found.help, fix=fix)


def quantity_of(name: str, text: str) -> tuple[Quantity, float]:
    """Return a bound, and the unit that its number is in; raise ValueError for none."""
    figure = FIGURES[name]
    timed = _TIME.match(text) if figure.unit == "seconds" else None
    if timed:
        return parse_quantity(timed[1]), _SECONDS[timed[2]]
    return parse_quantity(text, of_bytes=figure.unit == "bytes"), 1.0


def _figure(name: str, facts: Facts, tree: Tree) -> Iterator[Finding]:
    try:
        bounds, options = _split(name, tree)
        asked = asked_for(name, facts, options)
        figure = FIGURES[name].of(asked) if bounds else 0
    except ValueError as error:
        yield Finding(f"{name}: {error}", tree.span)
        return
    for sign, bound in bounds:
        yield from _against(name, figure, sign, bound, asked)


def _split(name: str, tree: Tree) -> tuple[list[tuple[str, Scalar]], dict[str, Any]]:
    """Return the bounds, each with the sign that its key says, and the options."""
    if isinstance(tree, Scalar):
        return [("", tree)], {}
    if not isinstance(tree, Map):
        raise ValueError("must be a quantity")
    signs = {"is": "", "max": "<=", "min": ">="}
    bounds = [(signs[key.text], value) for key, value in tree if key.text in signs and isinstance(value, Scalar)]
    if not bounds:
        raise ValueError("must be a quantity, or a map with `max`, `min` or `is`")
    known = (*BOUNDS, *FIGURES[name].options)
    for key, _ in tree:
        if key.text not in known:
            raise ValueError(f"unknown key '{key.text}': {Near(key.text, known).help}")
    return bounds, {key.text: value.plain() for key, value in tree if key.text not in signs}


def _against(name: str, figure: float, sign: str, bound: Scalar, asked: Asked | None = None) -> Iterator[Finding]:
    written = f"{sign} {bound.text}" if sign else bound.text
    try:
        quantity, unit = quantity_of(name, written)
    except ValueError as error:
        yield Finding(f"{name} must be {error}, not {show(written)}", bound.span)
        return
    if quantity.holds(figure / unit if unit != 1 else figure):
        return
    number = float(quantity.number) * unit
    off = f"{(figure - number) / number:+,.2%}" if number else "where none is allowed"
    shown = f"{figure:.4g} s" if FIGURES[name].unit == "seconds" else f"{int(figure):,}"
    said = asked.said() if asked else ""
    by_layer = FIGURES[name].by_layer if asked and quantity.compare in {"<", "<="} else None
    largest = heaviest(by_layer(asked)) if asked and by_layer else ""
    help_ = f"most of it: {largest}" if largest.count("'") > 2 else ""  # noqa: PLR2004 - of one layer it is clear
    yield Finding(f"{name}{said}: the network has {shown}, not {written} ({off})", bound.span, help_)


def _shapes(name: str, tree: Tree, shapes: list[Shape]) -> Iterator[Finding]:
    stated = tree.plain()
    got = [list(shape[1:]) for shape in shapes]
    single = got[0] if len(got) == 1 else None
    if stated not in (got, single):
        shown = got if single is None else single
        yield Finding(f"{name}: the network gives {shown}, not {stated}", tree.span)


def _parts(facts: Facts, tree: Tree) -> Iterator[Finding]:
    """Yield figures of layers, blocks and stages that are not within their bounds."""
    if not isinstance(tree, Map):
        yield Finding("parts must be a map of layers, blocks or stages", tree.span)
        return
    if len(tree.keys) > MAX_PARTS:
        yield Finding(f"parts: more than {MAX_PARTS}", tree.span)
        return
    for key, bounds in tree:
        yield from _part(facts, key, bounds)


def _part(facts: Facts, key: Scalar, bounds: Tree) -> Iterator[Finding]:
    figures = part_figures(facts, key.text)
    if figures is None:
        paths = dict.fromkeys([*(node.layer for node in facts.graph.nodes), *facts.graph.composites])
        yield Finding(f"parts: no layer, block or stage '{key.text}'", key.span, Near(key.text, paths).help)
        return
    if not isinstance(bounds, Map):
        yield Finding(f"parts: '{key.text}' must be a map of figures", bounds.span)
        return
    for name, bound in bounds:
        if name.text == "output":
            last = [n for n in facts.graph.nodes if n.layer == key.text or n.layer.startswith(f"{key.text}.")][-1]
            for one in _shapes("output", bound, [facts.shape(last.output)]):
                yield one._replace(message=f"'{key.text}': {one.message.replace('the network', 'it')}")
        elif name.text in figures and isinstance(bound, Scalar):
            for one in _against(name.text, figures[name.text](), "", bound):
                yield one._replace(message=f"'{key.text}': {one.message.replace('the network', 'it')}")
        else:
            message = f"parts: '{key.text}' has no figure '{name.text}'"
            yield Finding(message, name.span, Near(name.text, [*figures, "output"]).help)


def _fits(facts: Facts, tree: Tree) -> Iterator[Finding]:
    """Yield that the network, run or trained as stated, does not fit into a device's memory."""
    try:
        memory, where, asked = _device(facts, tree)
        needed = _need(asked, asked.facts.batch)
    except ValueError as error:
        yield Finding(f"fits: {error}", tree.span)
        return
    if needed <= memory:
        return
    over = f"{needed:,} bytes of {memory:,} ({(needed - memory) / memory:+.2%})" if memory else f"{needed:,} bytes"
    doing = f"training with {asked.plan.optimizer}" if asked.trains else "inference"
    message = f"fits: {doing} at batch {asked.facts.batch} does not fit into {where}: {over}"
    yield Finding(message, tree.span, _largest(asked, memory))


def _device(facts: Facts, tree: Tree) -> tuple[int, str, Asked]:
    """Return the memory there is, what it is called, and how the network is asked for."""
    given = tree.plain()
    if not isinstance(given, dict):
        raise ValueError("must be a map, such as `{device: t4, batch: 32, train: adamw}`")
    for name in given:
        if name not in _FITS:
            raise ValueError(f"unknown key '{name}': {Near(name, _FITS).help}")
    if ("device" in given) == ("memory" in given):
        raise ValueError("say either `device` or `memory`")
    options = {name: value for name, value in given.items() if name in OPTIONS}
    for name, value in options.items():
        check_option(name, value)
    asked = Asked(facts, options)
    reserve = _bytes(given.get("reserve", 0))
    if "memory" in given:
        return max(0, _bytes(given["memory"]) - reserve), str(given["memory"]), asked
    return max(0, asked.device.memory - reserve), f"the memory of {asked.device.name}", asked


def _bytes(value: object) -> int:
    quantity = parse_quantity(value)
    if quantity.compare:
        raise ValueError(f"{value} must be a number of bytes, such as 16GiB")
    return int(quantity.number)


def _need(asked: Asked, batch: int) -> int:
    from archinspect.reports.memory import needed  # only where memory is asked for

    return needed(asked.of_batch(batch).in_dtype(asked.plan.dtype), asked.plan, for_training=asked.trains)


def _largest(asked: Asked, memory: int) -> str:
    """Return what would fit."""
    if asked.own.graph.batch:
        return ""
    from archinspect.analyses.fit import largest_that_fits  # only where it does not fit

    def need(batch: int) -> int | None:
        try:
            return _need(asked, batch)
        except ValueError:
            return None

    found = largest_that_fits("batch", memory, need, asked.facts.batch).largest
    return f"a batch of {found:,} fits" if found else "not even a batch of 1 fits"


def refused(bounds: Mapping[str, object]) -> str:
    """Return what is wrong with the form of bounds before there is a network; empty for nothing."""
    known = [*FIGURES, *OTHERS]
    for name, value in bounds.items():
        if name not in known:
            return f"unknown figure '{name}': {Near(name, known).help}"
        if name in FIGURES and not isinstance(value, dict):
            try:
                quantity_of(name, str(value) if not isinstance(value, bool) else "")
            except ValueError as error:
                return f"{name} must be {error}, not {show(value)}"
    return ""
