"""Tensors of files compared with an architecture's weights: by name, else by layer and shape, else by layer and size.

Names on hubs are older than those of the version of transformers that is followed, and some tensors are stored in
parts there: what a name does not find is sought among what is left of the same layer.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, NamedTuple

from archinspect.base.diagnostics import Problems
from archinspect.base.printable import printable
from archinspect.base.shape import size
from archinspect.graph.infer import infer
from archinspect.graph.stored import NUMBER, Stored
from archinspect.importers.hf.packed import Given, how_packed, unpacked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from archinspect.graph.graph import Graph
    from archinspect.graph.stored import StoredTensor

SHOWN = 3
BUFFERS = (
    "num_batches_tracked",
    "position_ids",
    "inv_freq",
    "masked_bias",
    "rotary_emb.freqs",
    "relative_position_index",
)
"""How tensors end that programs make anew, and files may hold."""
CORRECTIONS = ("e_score_correction_bias", "expert_bias")
"""How buffers end that balance the experts of a router: files hold them, and they have no gradient and no MACs."""


class Wanted(NamedTuple):
    """A weight that the architecture has."""

    path: str
    shape: tuple[int, ...]
    learned: bool = True


def stored(graph: Graph, tensors: Sequence[StoredTensor], quantization: Mapping[str, object]) -> Stored:
    """Return what files hold, and how it agrees with a graph."""
    wanted, tied = _wanted(graph)
    given = [one for one in unpacked(tensors, quantization) if not one.name.endswith(BUFFERS)]
    given = _renamed(given, {one.path for one in wanted} | {*tied})
    given, again = _once(given, tied)
    found = _Match(wanted, given)
    notes = [found.note(len(given)), *how_packed(tensors, quantization)]
    if again:
        notes.append(f"{_names(again)}: stored although tied")
    return Stored(tensors, tuple(notes), complete=not found.missing and not found.shapes)


def _wanted(graph: Graph) -> tuple[list[Wanted], dict[str, str]]:
    """Return the weights of a graph, and by the paths of layers that share some those of whose they are."""
    found: list[Wanted] = []
    tied: dict[str, str] = {}
    # Symbols, as formulas have for sizes, cannot be looked up.
    plain = all(type(size) is int for node in graph.inputs for size in node.op.output())
    calls = dict(zip(graph.everything, infer(graph, Problems(), remember=plain), strict=True))
    for node in graph.nodes:
        call, theirs = calls[node], calls[node.shares] if node.shares else None
        if call is None:
            continue
        if node.shares is not None:
            tied[node.path] = node.shares.path
        shared = [_alike(weight.shape) for weight in theirs.weights.values()] if theirs else []
        found += [
            Wanted(node.path, tuple(map(int, weight.shape)), weight.parameter)
            for weight in call.weights.values()
            if _alike(weight.shape) not in shared
        ]
    return found, tied


def _once(given: Sequence[Given], tied: Mapping[str, str]) -> tuple[list[Given], list[Given]]:
    """Return the tensors under the names of layers whose they are, and those that are stored again though tied."""
    names = {one.name for one in given}
    first, again = [], []
    for one in given:
        path, _, own = one.name.rpartition(".")
        if path not in tied or own != "weight":
            first.append(one)
        elif (whose := f"{tied[path]}.{own}") in names:
            again.append(one)
        else:
            names.add(whose)
            first.append(one._replace(name=whose))
    return first, again


def _renamed(given: list[Given], paths: set[str]) -> list[Given]:
    """Return tensors with what stands before the names of classes put on or taken off, where more are found so."""
    firsts = {path.partition(".")[0] for path in paths} | {".".join(path.split(".")[:2]) for path in paths}
    off = {one.name.partition(".")[0] for one in given}

    def hits(names: Iterable[str]) -> int:
        return sum(name.rpartition(".")[0] in paths for name in names)

    best, chosen = hits(one.name for one in given), given
    if 2 * best > len(given):
        return given
    for first in sorted(off):
        other = [one._replace(name=one.name.removeprefix(f"{first}.")) for one in given]
        if (count := hits(one.name for one in other)) > best:
            best, chosen = count, other
    for first in sorted(firsts):
        other = [
            one if one.name.rpartition(".")[0] in paths else one._replace(name=f"{first}.{one.name}") for one in given
        ]
        if (count := hits(one.name for one in other)) > best:
            best, chosen = count, other
    return chosen


def _alike(shape: Iterable[int]) -> tuple[int, ...]:
    """Return a shape of which the order of axes does not matter, nor those of size 1."""
    return tuple(sorted(one for one in shape if one != 1))


def _layer(name: str) -> tuple[str, ...]:
    """Return the number of the layer that a name is of."""
    return tuple(NUMBER.findall(name)[:1])


class _Match:
    """What agrees, in steps, each of which looks at what those before left."""

    def __init__(self, wanted: Sequence[Wanted], given: Sequence[Given]) -> None:
        self.agree = 0
        self.otherwise = 0
        """Those among them that are called or cut otherwise."""
        self.shapes: list[str] = []
        self.missing: list[Wanted] = list(wanted)
        self.unexpected: list[Given] = list(given)
        self.by_name()
        self.by_shape(_layer)
        self.corrections()
        self.by_size()
        self.by_shape(lambda _name: ())
        self.missing = [one for one in self.missing if one.learned]  # running statistics may be left out

    def by_name(self) -> None:
        """Match tensors that are called as the layer that they are of; tell of those of another shape."""
        by_path: dict[str, list[Wanted]] = defaultdict(list)
        for one in self.missing:
            by_path[one.path].append(one)
        left: list[Given] = []
        for tensor in self.unexpected:
            path, _, own = tensor.name.rpartition(".")
            among = by_path.get(path) or by_path.get(tensor.name)
            fits = next((one for one in among or () if _fits(one, tensor)), None)
            if fits is not None and among is not None:
                among.remove(fits)
                self.agree += 1
            elif among and own in ("weight", "bias") and (other := _same_axes(among, tensor)) is not None:
                among.remove(other)
                self.shapes.append(f"{printable(tensor.name)} {_text(tensor.shape)}, not {_text(other.shape)}")
            else:
                left.append(tensor)
        self.missing = [one for among in by_path.values() for one in among]
        self.unexpected = left

    def by_shape(self, layer: Callable[[str], tuple[str, ...]]) -> None:
        """Match what has other names by its shape, within a layer."""
        by_shape: dict[object, list[Wanted]] = defaultdict(list)
        for one in self.missing:
            by_shape[layer(one.path), _alike(one.shape)].append(one)
        left = []
        for tensor in self.unexpected:
            among = tensor.shape is not None and by_shape.get((layer(tensor.name), _alike(tensor.shape)))
            if among:
                among.pop()
                self.agree += 1
                self.otherwise += 1
            else:
                left.append(tensor)
        self.missing = [one for among in by_shape.values() for one in among]
        self.unexpected = left

    def corrections(self) -> None:
        """Accept what corrects the scores of a router where it is no weight of the architecture."""
        left = [one for one in self.unexpected if not one.name.endswith(CORRECTIONS)]
        self.agree += len(self.unexpected) - len(left)
        self.unexpected = left

    def by_size(self) -> None:
        """Match what is cut otherwise, such as experts, where all that is left of a layer has as many elements."""
        wanted, every, given = Counter[tuple[str, ...]](), Counter[tuple[str, ...]](), Counter[tuple[str, ...]]()
        for one in self.missing:
            wanted[_layer(one.path)] += size(one.shape) * one.learned
            every[_layer(one.path)] += size(one.shape)
        for tensor in self.unexpected:
            given[_layer(tensor.name)] += tensor.elements
        # Files may leave out what does not train, as running statistics.
        equal = {layer for layer, count in every.items() if given[layer] and given[layer] in (count, wanted[layer])}
        together = [tensor for tensor in self.unexpected if _layer(tensor.name) in equal]
        self.agree += len(together)
        self.otherwise += len(together)
        self.missing = [one for one in self.missing if _layer(one.path) not in equal]
        self.unexpected = [tensor for tensor in self.unexpected if _layer(tensor.name) not in equal]

    def note(self, count: int) -> str:
        """Return what agrees, and what does not."""
        text = f"{self.agree:,} of {count:,} tensors agree"
        if self.otherwise:
            text += f", {self.otherwise:,} of them under other names or in other parts"
        for what, names in (
            ("of another shape", self.shapes),
            ("missing", [f"{one.path} {_text(one.shape)}" for one in self.missing]),
            ("not expected", [f"{printable(one.name)} {_text(one.shape)}" for one in self.unexpected]),
        ):
            if names:
                more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
                text += f"; {len(names):,} {what}: {', '.join(names[:SHOWN])}{more}"
        return text


def _fits(one: Wanted, tensor: Given) -> bool:
    if tensor.shape is None:
        return size(one.shape) in (tensor.elements, *tensor.others)
    return _alike(one.shape) == _alike(tensor.shape)


def _same_axes(among: Iterable[Wanted], tensor: Given) -> Wanted | None:
    """Return a weight that this may be meant to be: of as many axes."""
    axes = None if tensor.shape is None else len(tensor.shape)
    return next((one for one in among if axes == len(one.shape)), None)


def _text(shape: tuple[int, ...] | None) -> str:
    return "packed" if shape is None else "x".join(map(str, shape)) or "a number"


def _names(given: Sequence[Given]) -> str:
    return ", ".join(printable(one.name) for one in given[:SHOWN])
