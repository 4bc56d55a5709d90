"""A model's inputs: which of their axes is the batch, and which sizes the file leaves open."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from archinspect.base.source import SourceError
from archinspect.importers import asked
from archinspect.importers.onnx.messages import DTYPES
from archinspect.importers.onnx.values import Value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.diagnostics import Problems
    from archinspect.base.settings import Settings
    from archinspect.base.shape import Shape
    from archinspect.importers.file import File
    from archinspect.importers.onnx.messages import GraphOf, TypeOf

IS_BATCH = re.compile(r"(.*batch.*|n|bs|b)(_?size)?", re.IGNORECASE)
"""What exporters and people call the batch."""
WEIGHTS: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(("Conv", "ConvTranspose", "Gemm", "InstanceNormalization", "LayerNormalization"), (1, 2)),
    **dict.fromkeys(("GroupNormalization",), (1, 2)),
    **dict.fromkeys(("RNN", "GRU", "LSTM"), (1, 2, 3)),
    "BatchNormalization": (1, 2, 3, 4),
    "MatMul": (1,),
    "PRelu": (1,),
}
"""The inputs of operators that are weights."""


class Entry:
    """An input of the network."""

    def __init__(self, said: TypeOf, dims: list[Any], batch: int | None) -> None:
        self.name = said.name
        self.dims = dims
        """Sizes, and names of those that are open."""
        self.batch = batch
        """Which axis is the batch, if any."""
        self.dtype = DTYPES.get(said.code, "float")
        self.is_sequence = said.kind != "tensor"

    def shape(self, batch: int) -> Shape:
        """Return its shape at a batch."""
        return tuple(batch if at == self.batch else size for at, size in enumerate(self.dims))

    def is_open(self, axis: int) -> bool:
        """Return whether the file leaves a size open, which is not the batch."""
        return axis != self.batch and isinstance(self.dims[axis], str)

    def sample(self) -> Shape:
        """Return its shape without the batch."""
        return tuple(size for at, size in enumerate(self.dims) if at != self.batch)

    def value(self, batch: int) -> Value:
        """Return it as a value."""
        found = Value(self.shape(batch), self.dtype, name=self.name, sure=not self.is_sequence)
        found.entry = True
        return found


class Entries(NamedTuple):
    """All inputs, and the parameters that their open sizes are."""

    entries: list[Entry]
    params: dict[str, Any]
    baked: bool = False
    """Whether the batch is a 1 of the file's, in the place of which others are tried."""
    weights: tuple[str, ...] = ()
    """Inputs that are weights without their numbers."""


def weights_among(graph: GraphOf) -> tuple[str, ...]:
    """Return inputs of fixed shape, not the first, that are read as weights alone: of a file without its weights."""
    names = [said.name for said in graph.inputs if said.name not in graph.stored]
    fixed = {
        said.name for said in graph.inputs if said.dims is not None and all(type(size) is int for size in said.dims)
    }
    for node in graph.nodes:
        places = WEIGHTS.get(node.kind, ())
        fixed -= {name for at, name in enumerate(node.inputs) if at not in places}
    return tuple(name for name in names[1:] if name in fixed)


def entries_of(graph: GraphOf, file: File, settings: Settings, problems: Problems) -> Entries:
    """Return the inputs with the sizes that were asked for; raise :class:`SourceError` for one that is still open."""
    weights = weights_among(graph)
    said = [one for one in graph.inputs if one.name not in graph.stored and one.name not in weights]
    for one in said:
        if one.dims is None and one.kind == "tensor":
            raise file.refuse(f"the file does not say how many axes the input '{one.name}' has", node=one.name)
    shapes = [list(one.dims or ()) for one in said]
    batch = _batch_of(shapes)
    baked = batch is None and any(dims[:1] == [1] for dims in shapes)
    entries = []
    for one, dims in zip(said, shapes, strict=True):
        axis = _batch_axis(dims, batch, baked=baked)
        named = [f"{one.name}_{at}" if size is None and at != axis else size for at, size in enumerate(dims)]
        entries.append(Entry(one, named, axis))
    open_ = {size: None for entry in entries for at, size in enumerate(entry.dims) if entry.is_open(at)}
    params: dict[str, Any] = {**asked.params(open_, settings, problems, file.span())}
    given = settings.shapes_for([entry.name for entry in entries])
    ranks = {entry.name: [0] * len(entry.sample()) for entry in entries}
    wanted = asked.shapes(ranks, settings, problems, file.span())
    for entry in entries:
        if entry.name in given:
            _take(entry, wanted[entry.name], params)
    if not problems.failed:
        _settle(entries, params, file)
    return Entries(entries, params, baked, weights)


def _batch_of(shapes: Sequence[list[Any]]) -> str | None:
    """Return what the file calls the batch; empty where it has no name; None where there is none."""
    for dims in shapes:
        for size in dims:
            if type(size) is str and IS_BATCH.fullmatch(size):
                return size
    first = [dims[0] for dims in shapes if dims]
    return "" if any(type(size) is not int for size in first) else None


def _batch_axis(dims: list[Any], batch: str | None, *, baked: bool) -> int | None:
    if baked:
        return 0 if dims[:1] == [1] else None
    if batch:
        return dims.index(batch) if batch in dims else 0 if dims and dims[0] is None else None
    return 0 if batch == "" and dims and type(dims[0]) is not int else None


def _take(entry: Entry, shape: Shape, params: dict[str, Any]) -> None:
    """Give an input the shape that was asked for, and the sizes of the same name in others."""
    sizes = iter(shape)
    for at, size in enumerate(entry.dims):
        if at != entry.batch:
            wanted = next(sizes)
            if type(size) is str:
                params[size] = wanted
            entry.dims[at] = wanted


def _settle(entries: list[Entry], params: dict[str, Any], file: File) -> None:
    for entry in entries:
        for at, size in enumerate(entry.dims):
            if entry.is_open(at):
                value = params.get(size)
                if value is None:
                    message = f"the file leaves open how large '{size}' is, axis {at} of the input '{entry.name}'"
                    raise SourceError("missing-param", message, file.span(entry.name), f"say it: `--set {size}=...`")
                if isinstance(value, (bool, str, float, list, dict)):
                    message = f"'{size}' must be a whole number, not {value!r}"
                    raise SourceError("argument", message, file.span(entry.name))
                entry.dims[at] = value
