"""Keras models: JSON of Keras 1, 2, 3 and TensorFlow.js, `.keras`, `.h5`. Nothing in them runs, no weight is read.

`found` finds the architecture in a file, `model` reads it, `network` runs over its calls. `layers` has the table from
Keras's layers to our operators, `operations` and `tensorflow` those of functions that stand among the layers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.base.printable import printable
from archinspect.base.source import SourceError
from archinspect.graph.builder import GraphBuilder
from archinspect.importers import asked
from archinspect.importers.keras.build import Net
from archinspect.importers.keras.found import found
from archinspect.importers.keras.model import Reader, sizes
from archinspect.importers.keras.network import add, run
from archinspect.ops.source import Input

if TYPE_CHECKING:
    from archinspect.base.diagnostics import Problems
    from archinspect.base.settings import Settings
    from archinspect.base.source import Span
    from archinspect.graph.graph import Graph, Tensor
    from archinspect.importers.file import File
    from archinspect.importers.keras.model import Layer, Model, Sizes

OWN = ("int8", "int16", "int32", "int64", "uint8", "bool")
"""Types of inputs that are called the same here; of floats a network has one type, which is not the file's."""


def read(file: File, settings: Settings, problems: Problems) -> Graph | None:
    """Return the graph of a model."""
    said, version = file.once(found)
    model = Reader(file, version).model(said)
    builder = GraphBuilder(model.name, origin=file.span())
    builder.stand_in = settings.open._replace(batch_first=False)
    entries = Entries(Net(file, builder, version), settings, problems)
    if len(model.inputs) > 1 and "" in entries.alone:
        names = ", ".join(ref.layer for ref in model.inputs)
        problems.error("unknown-input", "which input has this shape?", file.span(), f"its inputs: {names}")
        return None
    entries.net.params = settings.params
    outputs = run(entries.net, model, None)
    entries.check()
    asked.params(dict.fromkeys(entries.net.asks), settings, problems, file.span())
    if problems.failed:
        return None
    builder.batch = entries.batch
    builder.description = _described(model, version, entries.net)
    return builder.build(*outputs)


def _described(model: Model, version: str, net: Net) -> str:
    what = f"{model.kind} of Keras {printable(version)}" if version else f"{model.kind} of Keras"
    if net.unknown:
        what += f"; not known: {', '.join(list(net.unknown)[:10])}"
        what += ", ..." if len(net.unknown) > 10 else ""  # noqa: PLR2004 - as above
    return what


class Entries:
    """The inputs of the network, each added when the model's own first layers ask for it."""

    def __init__(self, net: Net, settings: Settings, problems: Problems) -> None:
        self.net = net
        net.enter, net.add, net.run = self.enter, add, run
        self.problems = problems
        self.batch: int | None = None
        self.said: dict[str, tuple[int | None, ...]] = {}
        self.alone = dict(settings.inputs)
        """Shapes that were asked for and have found no input yet."""

    def enter(self, layer: Layer, shape: Sizes | None) -> Tensor:
        """Add the input of a layer for it, or of a shape of its own."""
        config = layer.config
        full = shape or sizes(config.get("batch_shape")) or sizes(config.get("batch_input_shape"))
        name = layer.name
        wanted = self.alone.pop(name, None)
        if wanted is None:
            wanted = self.alone.pop("", None)
        if full is None and wanted is None:
            message = f"{layer.title}: the file does not say which shape the input has"
            raise SourceError("input", message, self._span(name), "give the shape of a sample: --input 224x224x3")
        sample: list[int | None] = [*full[1:]] if full is not None else [*(wanted or ())]
        if full is not None and full[0] is not None:
            self.batch = self.net.batch_said = full[0]
        if wanted is not None:
            sample = self._asked(name, sample, list(wanted))
        dtype = config.get("dtype", config.get("input_dtype")) if layer.kind == "InputLayer" else None
        op = Input(shape=[*sample], dtype=_dtype(dtype))
        net = self.net
        path = net.builder.claim(name)
        tensor = net.builder.add_input(op, path, self._span(name))
        net.shapes[tensor] = (1, *net.builder.inputs[-1].op.shape)  # type: ignore[attr-defined] # of an input
        net.types[tensor] = op.dtype
        self.said[path] = tuple(sample)
        return tensor

    def _asked(self, name: str, said: list[int | None], wanted: list[int]) -> list[int | None]:
        if len(said) != len(wanted):
            message = f"input '{name}' has {len(said)} axes, not {len(wanted)}"
            raise SourceError("input", message, self._span(name), f"the file's own: {'x'.join(map(str, said))}")
        if any(own not in (None, new) for own, new in zip(said, wanted, strict=True)):
            self.net.is_as_said = False
        return list(wanted)

    def check(self) -> None:
        """Tell of shapes that were asked for and belong to no input."""
        for name in self.alone:
            message = f"the file has no input '{name}'" if name else "which input has this shape?"
            self.problems.error("unknown-input", message, self._span(""), f"its inputs: {', '.join(self.said)}")

    def _span(self, name: str) -> Span:
        return self.net.file.span(name)


def _dtype(said: object) -> str:
    if isinstance(said, dict):
        config = said.get("config")
        said = config.get("name") if isinstance(config, dict) else None
    name = said if isinstance(said, str) else "float32"
    return name if name in OWN else "int64" if name in ("string", "uint32", "uint64", "uint16") else "float"
