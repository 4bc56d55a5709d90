"""TensorFlow Lite models: read in place, without TensorFlow, and none of the weights.

`flatbuffer` reads tables, `model` the schema. The file has the shape of every tensor. `sizes` finds what it
leaves open. `operators` has the table from its operators to ours; what ours give is compared with the file.
"""

from __future__ import annotations

import mmap
import os
from typing import TYPE_CHECKING

from archinspect.base.printable import printable
from archinspect.base.shape import Mismatch
from archinspect.base.source import SourceError
from archinspect.graph.builder import GraphBuilder
from archinspect.importers import asked
from archinspect.importers.keras.build import Net, Said, Use
from archinspect.importers.keras.model import Layer
from archinspect.importers.keras.operations import MixesSamplesError
from archinspect.importers.onnx.row import FileOp
from archinspect.importers.stated import named
from archinspect.importers.tflite.dilated import joined
from archinspect.importers.tflite.flatbuffer import DamagedError
from archinspect.importers.tflite.model import parse
from archinspect.importers.tflite.names import name_of
from archinspect.importers.tflite.operators import OPERATORS, WHOLE, Step, work_of
from archinspect.importers.tflite.sizes import Sizes, fits
from archinspect.ops.source import Constant, Input, Parameter
from archinspect.ops.tensor import Custom

if TYPE_CHECKING:
    from archinspect.base.diagnostics import Problems
    from archinspect.base.settings import Settings
    from archinspect.graph.graph import Graph, Node
    from archinspect.graph.graph import Tensor as Made
    from archinspect.importers.file import File
    from archinspect.importers.tflite.model import Model, Operator, Tensor

AS_STORED = (
    "parameters as stored in the file: batch normalization is folded, numbers that stand among the operators count"
)
"""What a reader of figures has to know."""

SIZES = ("SHAPE", "RANK", "SIZE", "FILL", "ZEROS_LIKE", "RANGE")
"""Operators whose results follow from sizes alone."""
BODIES = ("IF", "WHILE", "CALL", "CALL_ONCE")
"""Operators that run other graphs of the file, which are not read."""


def read(file: File, settings: Settings, problems: Problems) -> Graph | None:
    """Return the graph of a model."""
    asked.params({}, settings, problems, file.span())
    with file.open() as opened:
        try:
            with mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _Maker(file, parse(data)).make(settings, problems)
        except DamagedError as error:
            raise file.refuse(f"the model cannot be read: {error}") from None


class _Maker:
    """Makes the graph of a model."""

    def __init__(self, file: File, model: Model) -> None:
        name = os.path.splitext(os.path.basename(file.path))[0]
        self.file = file
        self.model = model
        self.builder = GraphBuilder(printable(name), origin=file.span())
        self.net = Net(file, self.builder, "")
        self.sizes = Sizes(model)
        self.made: dict[int, Made] = {}
        self.sources: dict[tuple[int, tuple[int, ...]], Made] = {}
        self.owners: dict[tuple[object, ...], list[Node]] = {}
        """The first nodes that use the same constants."""
        self.is_open = False
        """Whether the file leaves sizes of its inputs open, so that shapes of it are none."""
        self.is_baked = False
        """Whether an operator is known at the file's own batch alone."""

    def make(self, settings: Settings, problems: Problems) -> Graph | None:
        """Return the graph."""
        model, tensors = self.model, self.model.tensors
        ranks = {tensors[at].name: [0] * len(tensors[at].shape[1:]) for at in model.inputs}
        wanted = asked.shapes(ranks, settings, problems, self.file.span())
        if not problems.failed:
            for at in model.inputs:
                self._size(tensors[at], wanted[tensors[at].name], problems)
        if problems.failed:
            return None
        for at in model.inputs:
            self._input(tensors[at], at)
        for operator in joined(model):
            self._add(operator)
        outputs = [self._tensor(at, "output") for at in model.outputs]
        first = [tensors[at] for at in model.inputs][:1]
        if first and first[0].shape[:1] != (1,):
            self.is_baked = True
        if self.is_baked and first:
            self.builder.batch = (first[0].shape or (1,))[0]
        self.builder.description = self._described()
        return self.builder.build(*outputs, batched=frozenset() if self.is_baked else None)

    def _described(self) -> str:
        lines = [f"TensorFlow Lite, schema {self.model.version}; {AS_STORED}"]
        if self.is_baked:
            lines.append("the batch is baked into the file, and figures are for its own")
        if self.net.unknown:
            lines.append(f"not known: {', '.join(list(self.net.unknown)[:10])}")
        return "; ".join(lines)

    def _size(self, tensor: Tensor, wanted: tuple[int, ...], problems: Problems) -> None:
        """Give an input the sizes that the file leaves open."""
        open_ = {at for at, size in enumerate(tensor.signature[1:]) if size == -1}
        is_asked = any(wanted)
        if open_ and not is_asked:
            help_ = f"say its shape without the batch: --input {tensor.name}=224x224x3"
            message = f"the file leaves sizes of the input '{tensor.name}' open: {list(tensor.signature)}"
            problems.error("input", message, self.file.span(tensor.name), help_)
        elif is_asked:
            own = tensor.shape[1:]
            if any(size != asks and at not in open_ for at, (size, asks) in enumerate(zip(own, wanted, strict=True))):
                message = f"the input '{tensor.name}' has {list(own)} in the file, and takes no other shape"
                problems.error("input", message, self.file.span(tensor.name))
            self.is_open = self.is_open or bool(open_)
            tensor.shape = (*tensor.shape[:1], *wanted)

    def _input(self, tensor: Tensor, at: int) -> None:
        op = Input(shape=[*tensor.shape[1:]], dtype=tensor.dtype)
        made = self.builder.add_input(
            op, self.builder.claim("", _own(tensor.name) or "input"), self.file.span(tensor.name)
        )
        self.net.shapes[made] = tensor.shape
        self.net.types[made] = tensor.dtype
        self.made[at] = made

    def _add(self, operator: Operator) -> None:
        tensors = self.model.tensors
        made = [tensors[at] for at in operator.outputs if at >= 0]
        reads = [tensors[at] if at >= 0 else None for at in operator.inputs]
        kind = name_of(operator.code, operator.custom)
        if not made:
            return
        if kind in SIZES or (reads and all(one is None or one.is_constant for one in reads)):
            source = next((one for one in reads if one is not None), None)
            for at, one in enumerate(made):
                one.is_constant = True
                one.place = -1 - operator.outputs[at]  # its own
                one.is_made = kind in SIZES or source is None or source.is_made or source.dtype in WHOLE
            if kind == "DEQUANTIZE" and source:
                made[0].read_as(source)
            return
        self.sizes.settle(operator)
        name = _own(made[0].name) or kind.lower()
        path = self.builder.claim("", name)
        layer = Layer(name, kind, {}, [], is_operation=True, input_shape=None)
        args = [self.made[at] for at in operator.inputs if at in self.made]
        use = Use(self.net, layer, path, list(args), {}, Said(tuple([(None, *one.shape[1:]) for one in made])))
        step = Step(use, operator.options, reads, made, self.sources, operator.dilation)
        outputs = self._ours(step, kind) or self._row(step)
        for at, tensor in zip([one for one in operator.outputs if one >= 0], outputs, strict=True):
            self.made[at] = tensor

    def _ours(self, step: Step, kind: str) -> list[Made] | None:
        """Return what our operator gives; None where there is none, or it does not agree with the file."""
        function = OPERATORS.get(kind)
        if function is None or not step.use.inputs:
            return None
        begun = len(self.builder.nodes)
        try:
            made = function(step)
        except (MixesSamplesError, Mismatch, SourceError, LookupError, TypeError, ValueError, ArithmeticError):
            made = ()
        outputs = list(made) if isinstance(made, tuple) else [made]
        shapes = [self.net.shapes[one] for one in outputs]
        if len(shapes) == len(step.made) and all(map(fits, shapes, step.made)):
            for shape, one in zip(shapes, step.made, strict=True):
                one.shape = shape
            self.is_baked = self.is_baked or any(one.shape[:1] != (1,) for one in step.made)
            self._share(kind, step, self.builder.nodes[begun:])
            return outputs
        del self.builder.nodes[begun:]
        return None

    def _share(self, kind: str, step: Step, nodes: list[Node]) -> None:
        """Let nodes use the weights of others that read the same constants."""
        own = [one.place for one in step.reads if one is not None and one.is_constant and not one.is_made]
        if not own:
            return
        owners = self.owners.setdefault((kind, *own), nodes)
        if owners is not nodes and len(owners) == len(nodes):
            for node, other in zip(nodes, owners, strict=True):
                self.builder.tie(node, other)

    def _row(self, step: Step) -> list[Made]:
        """Return what an operator gives that is none of ours: the file's shapes, and its work where that is known."""
        layer, path = step.use.layer, step.use.path
        if self.is_open and any(-1 in one.signature[1:] for one in step.made):
            message = f"'{layer.name}' ({layer.kind}): the file leaves the shape of what it gives open"
            raise self.file.refuse(message, "convert the model with a fixed input shape", layer.name)
        use = Use(self.net, layer, path, step.use.args, {}, step.use.said)
        own = [one for one in step.reads if one is not None and one.is_constant and not one.is_made]
        weights = [one for one in own if one.dtype not in WHOLE]
        work = work_of(layer.kind, step)
        if work is None:
            self.net.unknown[f"'{layer.name}' ({layer.kind})"] = None
        firsts = [self.net.shapes[one] for one in use.inputs] + [one.shape for one in step.made]
        if use.inputs and all(shape[:1] == (1,) for shape in firsts) and layer.kind not in BODIES and work != 0:
            params = sum(one.size for one in weights)
            return [
                use.add(Custom(output_shape=[*one.shape[1:]], params=0 if at else params, **_stated(work)), *use.inputs)
                for at, one in enumerate(step.made)
            ]
        self.is_baked = True
        missing = () if work is not None else ("macs", "flops")
        use.row = named(FileOp, layer.kind, "other")(
            shapes=tuple([one.shape for one in step.made]),
            dtypes=tuple([one.dtype for one in step.made]),
            macs=0,
            other=work or 0,
            place=None,
            missing=("params", *missing) if layer.kind in BODIES else missing,
            attributes=(),
            lies=None,
        )
        read = [*use.inputs]
        if weights:
            holder = Use(self.net, layer, self.builder.claim("", f"{path}-weights"), [], {}, Said())
            read += [holder.source(Parameter(shape=[*one.shape])) for one in weights]
        return list(use.row.build(use.emit, read))

    def _tensor(self, at: int, default: str) -> Made:
        if at not in self.made:
            tensor = self.model.tensors[at]
            name = self.builder.claim("", _own(tensor.name) or default)
            layer = Layer(name, "Constant", {}, [], is_operation=True, input_shape=None)
            self.made[at] = Use(self.net, layer, name, [], {}, Said()).source(Constant(shape=[*tensor.shape[1:]]))
        return self.made[at]


def _stated(work: int | None) -> dict[str, int]:
    return {} if work is None else {"macs": 0, "flops": work}


def _own(name: str) -> str:
    """Return the name of a tensor that several operators were fused for: the first of them."""
    return name.partition(";")[0].removeprefix("StatefulPartitionedCall/").replace(".", "-")[:200]
