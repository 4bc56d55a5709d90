"""Specs that mean something, but likely not what was meant: warnings with the remedy."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from archinspect.base.diagnostics import Diagnostic, show
from archinspect.base.shape import text
from archinspect.base.source import List, Scalar
from archinspect.ops import find_operator

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from archinspect.base.source import Span, Tree
    from archinspect.graph.graph import Graph, Node, Tensor
    from archinspect.language.forms import Step

_PYTORCH = re.compile(r"(?:.*\.)?\w+[123]d")
"""Names of layers over maps as PyTorch spells them: `Conv2d`."""
PICTURE = (1, 3)
"""Channels of a picture: gray, or red, green and blue."""
TURNING = ("Permute", "SwapAxes", "MoveAxis", "Transpose")
"""Operators that bring axes into another order."""
MANY = 4
"""A picture has more positions along an axis."""


def forgotten_layout(graph: Graph) -> Iterator[Diagnostic]:
    """Warn of inputs whose first axis is likely the channels, where the spec does not say where they stand.

    A width that is as many as the channels, and not as the height, says it by itself: `[4, 64, 64]`. Else it takes two
    of these: a first axis as of a picture, longer axes behind it, PyTorch's names.
    """
    for node in graph.inputs:
        shape: tuple[int, ...] = getattr(node.op, "shape", ())
        if len(shape) < 2 or any(type(size) is not int for size in shape):  # noqa: PLR2004 - or symbols: a formula
            continue
        first, last = shape[0], shape[-1]
        picture = first in PICTURE and last > MANY
        square = len(shape) > 2 and shape[-2] == last != first  # noqa: PLR2004 - channels, two axes
        longer = len(shape) == 2 and last > first  # noqa: PLR2004 - channels, and more steps than these
        smaller = len(shape) > 2 and first < min(shape[1:])  # noqa: PLR2004 - channels, two axes
        if not (picture or square or longer or smaller):
            continue
        layers = [
            other for other in graph.nodes if other.layer_op.data_format == "channels_last" and not _says_axis(other)
        ]
        named = any(_PYTORCH.fullmatch(other.origin.text()) for other in layers)
        said = any(_says_channels(other) for other in layers)
        if (longer or smaller) and not (picture or square) and said:
            continue
        if layers and (named or (picture and (square or longer)) or (square and not said)):
            yield Diagnostic(
                "layout",
                f"input '{node.path}' {text((1, *shape))} has its channels last: {last:,} of them",
                node.origin,
                "write `layout: channels_first` if the first axis is the channels, else `layout: channels_last`",
            )


def _says_axis(node: Node) -> bool:
    """Return whether a layer that joins or cuts says along which axis, so that the layout is nothing to it."""
    return type(node.layer_op).__name__ in ("Concatenate", "Split") and node.layer_op.axis is not None  # type: ignore[attr-defined] # of these


def _says_channels(node: Node) -> bool:
    """Return whether a layer says how many channels it reads, which was compared with its input."""
    return any(getattr(node.layer_op, name, None) is not None for name in ("in_channels", "num_features"))


def contrary_layout(graph: Graph) -> Iterator[Diagnostic]:
    """Warn of inputs whose last axis is likely the channels, where the spec says that they stand first."""
    for node in graph.inputs:
        shape: tuple[int, ...] = getattr(node.op, "shape", ())
        if len(shape) < 3 or any(type(size) is not int for size in shape):  # noqa: PLR2004 - channels, two axes
            continue
        square = len({*shape[:-1]}) == 1 and shape[0] > MANY
        if shape[-1] in PICTURE and square and any(one.layer_op.data_format == "channels_first" for one in graph.nodes):
            yield Diagnostic(
                "layout",
                f"input '{node.path}' {text((1, *shape))} has its channels first: {shape[0]:,} of them",
                node.origin,
                f"write `[{', '.join(map(str, (shape[-1], *shape[:-1])))}]` for channels first",
            )


def turned_for_pytorch(graph: Graph) -> Iterator[Diagnostic]:
    """Warn of axes that are turned before a layer in PyTorch's spelling, as if it took its channels first."""
    for node in graph.nodes:
        if node.layer_op.data_format != "channels_last" or not _PYTORCH.fullmatch(node.origin.text()):
            continue
        turning = node.inputs[0].producer if node.inputs else None
        if turning is not None and type(turning.op).__name__ in TURNING and turning.inputs[0].producer.inputs:
            yield Diagnostic(
                "layout",
                f"'{node.path}' has its channels last, and its input's axes are turned before",
                node.origin,
                "write `layout: channels_first` if they are turned for that, else `layout: channels_last`",
            )


def places_as_window(graph: Graph) -> Iterator[Diagnostic]:
    """Warn of `MaxPool2d: [3, 2]`: a window of 3x2, though a call of PyTorch's means a window and a stride so."""
    told = set()
    for node in graph.nodes:
        arguments = node.arguments
        if "pool_size" not in node.layer_op.args or arguments is None or not _PYTORCH.fullmatch(node.origin.text()):
            continue
        for key, tree in arguments:
            sizes = [item.value for item in tree.items if isinstance(item, Scalar)] if isinstance(tree, List) else []
            bare = key.span == tree.span and len(sizes) == 2 and sizes[0] != sizes[1]  # noqa: PLR2004 - and a stride
            if bare and key.span not in told:
                told.add(key.span)
                yield Diagnostic(
                    "places",
                    f"{show(node.origin.text())} has a window of {sizes[0]}x{sizes[1]}",
                    tree.span,
                    f"for a window and a stride write `{{kernel_size: {sizes[0]}, stride: {sizes[1]}}}`, "
                    f"for this window `{{kernel_size: [{sizes[0]}, {sizes[1]}]}}`",
                )


class Chain(NamedTuple):
    """Copies of a step, each named apart, that says where the first starts."""

    start: Span
    copies: Sequence[Tensor]


def chained_copies(graph: Graph, chains: Sequence[Chain]) -> Iterator[Diagnostic]:
    """Warn of copies that were likely to stand side by side: `from` is for the first, and one layer reads several."""
    for start, copies in chains:
        known = set(map(id, copies))
        if any(len({id(read) for read in reads} & known) > 1 for reads in _together(graph, copies)):
            yield Diagnostic(
                "copies",
                f"only the first copy reads {show(start.text())}, each other one the copy before it",
                start,
                "for copies side by side write each as a path of the layer that joins them; for a chain of them put"
                " the step right after what it starts from, without `from`",
            )


def _together(graph: Graph, copies: Sequence[Tensor]) -> Iterator[Sequence[Tensor]]:
    """Yield the tensors that one layer reads, and those that the network gives, where copies are among them."""
    yield graph.outputs
    readers: dict[Node, None] = {}
    for tensor in copies:
        readers.update(dict.fromkeys(tensor.readers))
    for node in readers:
        yield node.inputs


def split_path(paths: Sequence[Tree], steps: Sequence[Sequence[Step]]) -> Iterator[Diagnostic]:
    """Warn of steps of a merge that are a path each, beside a path in brackets, though they differ in kind."""
    bare = [
        (path, found[0].op) for path, found in zip(paths, steps, strict=True) if not isinstance(path, List) and found
    ]
    in_a_row = len(bare) < len(paths) or _is_chain([name for _, name in bare])
    if len(bare) > 1 and in_a_row and len({name for _, name in bare}) > 1:
        names = ", ".join(f"`{name}`" for _, name in bare)
        yield Diagnostic(
            "paths",
            f"{len(paths)} paths, of which {names} are one each",
            bare[0][0].span,
            "put steps that follow one another into one list, or each of them into a list of its own",
        )


def _is_chain(names: Sequence[str]) -> bool:
    """Return whether these operators are seldom side by side: an activation or normalization behind what it reads."""
    kinds = [kind.kind if (kind := find_operator(name)) else "" for name in names]
    weighted = [at for at, kind in enumerate(kinds) if kind in ("convolution", "dense")]
    return len(kinds) > 2 and any(kind in _BEHIND for kind in kinds[min(weighted, default=len(kinds)) :])  # noqa: PLR2004


_BEHIND = ("activation", "normalization")
