"""Layers as the tensors of a GGUF file are called and shaped; which tensors have found their place."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archinspect.base.printable import printable
from archinspect.importers.gguf.values import Values
from archinspect.importers.hf.parts import NORMS
from archinspect.ops.dense import Dense
from archinspect.ops.tensor import Custom

if TYPE_CHECKING:
    from archinspect.base.source import SourceError
    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Tensor
    from archinspect.graph.stored import StoredTensor
    from archinspect.importers.file import File
    from archinspect.importers.gguf.header import Header


class UnreadError(Exception):
    """A part whose tensors are not shaped as any that is known."""


class Steps(NamedTuple):
    """Features of each step, and how many."""

    x: Tensor
    width: int


class Maker:
    """Adds layers as the file's tensors say; remembers which tensors have found their place."""

    def __init__(self, net: GraphBuilder, file: File, header: Header) -> None:
        self.net = net
        self.file = file
        self.values = Values(header.values, file)
        self.tensors = {tensor.name: tensor for tensor in header.tensors}
        self.placed: set[str] = set()
        self.held: dict[str, Tensor] = {}
        """What later layers read of an earlier one."""
        of_layers: dict[str, list[StoredTensor]] = {}
        for tensor in header.tensors:
            of_layers.setdefault(".".join(tensor.name.split(".")[:2]), []).append(tensor)
        self.of_layers = of_layers

    def has(self, name: str) -> bool:
        """Whether there is a tensor of weights of this name."""
        return f"{name}.weight" in self.tensors

    def shape(self, name: str, axes: int = 2) -> tuple[int, ...]:
        """Return the shape of weights; raise :class:`UnreadError` for another number of axes, or none."""
        tensor = self.tensors.get(f"{name}.weight")
        if tensor is None or len(tensor.shape) != axes or 0 in tensor.shape:
            raise UnreadError(name)
        return tensor.shape

    def refuse(self, name: str, what: str) -> SourceError:
        """Return the error of tensors that do not fit together."""
        shown = printable(name)
        return self.file.refuse(f"'{shown}' {what}", node=shown)

    def place(self, *names: str) -> None:
        """Remember that tensors have their place."""
        self.placed.update(names)

    def linear(self, s: Steps, path: str) -> Steps:
        """Add a linear layer as its tensor is shaped; `path` is its whole name."""
        given, units = self.shape(path)
        if given != s.width:
            raise self.refuse(path, f"reads {given:,} features, and gets {s.width:,}")
        bias = self.has_bias(path, units)
        self.place(f"{path}.weight", f"{path}.bias")
        op = Dense(units=units, use_bias=bias)
        return Steps(self.net.add(op, s.x, name=self.inside(path)), units)

    def has_bias(self, path: str, units: int) -> bool:
        """Whether a layer of so many features has a bias; raise :class:`SourceError` for one of other features."""
        tensor = self.tensors.get(f"{path}.bias")
        if tensor is not None and tensor.shape != (units,):
            raise self.refuse(f"{path}.bias", f"is not of {units:,} features")
        return tensor is not None

    def norm(self, s: Steps, path: str) -> Steps:
        """Add a normalization, if there is one."""
        if not self.has(path):
            return s
        if self.shape(path, 1)[0] != s.width:
            raise self.refuse(path, f"is of {self.shape(path, 1)[0]:,} features, and gets {s.width:,}")
        kind = ("layer" if self.has_bias(path, s.width) else "scale") if self.values.centers else "rms"
        self.place(f"{path}.weight", f"{path}.bias")
        return s._replace(x=self.net.add(NORMS[kind], s.x, name=self.inside(path)))

    def inside(self, path: str) -> str:
        """Return what a path is called in the layer that it is in."""
        parts = path.split(".")
        own = parts[1:] if parts[0] in ("a", "v") else parts
        return ".".join(own[2:]) if own[0] == "blk" and len(own) > 2 else path  # noqa: PLR2004 - `blk`, a number

    def rest(self, number: int, x: Tensor) -> Tensor:
        """Add what a layer has besides: its weights, and unknown work."""
        left = [t for t in self.of_layers.get(f"blk.{number}", ()) if t.name not in self.placed]
        if not left:
            return x
        count = 0
        for tensor in left:
            size = 1
            for one in tensor.shape:
                size *= one
            count += size
            self.place(tensor.name)
        return self.net.add(Custom(params=count), x, name=f"{len(left)}_tensors_that_are_not_known")
