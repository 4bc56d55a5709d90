"""A graph of ours from a model that was executed at several batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from archinspect.graph.builder import GraphBuilder
from archinspect.graph.graph import Composite
from archinspect.importers.onnx import rules
from archinspect.importers.onnx.costs import MOVES, operations, recurrence
from archinspect.importers.onnx.fit import Fits, Given, Wanted, are_shared
from archinspect.importers.onnx.flow import FLOW
from archinspect.importers.onnx.messages import FLOATS, QUANTIZED
from archinspect.importers.onnx.names import apart, paths
from archinspect.importers.onnx.ours import Ours, make, ours_of
from archinspect.importers.onnx.row import FileInput, FileOp, Size, fitted
from archinspect.importers.onnx.rows import Row, all_inputs, places_of, readers_of, rows_of
from archinspect.importers.stated import named
from archinspect.ops.figures import View

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from archinspect.base.shape import Shape
    from archinspect.base.source import Span
    from archinspect.graph.graph import Graph, Node, Tensor
    from archinspect.importers.file import File
    from archinspect.importers.onnx.inputs import Entry
    from archinspect.importers.onnx.messages import Stored
    from archinspect.importers.onnx.run import Run
    from archinspect.importers.onnx.values import Step, Value
    from archinspect.ops.base import Op
    from archinspect.ops.figures import Weight

BATCHES = (1, 2, 3)
"""At which a model is executed: what is a polynomial of the batch follows."""
KERNELS = ("Conv", "Gemm", "MatMul")
"""Operators whose second input is a weight, if it is a constant."""
MOST_SHOWN = 16
"""Numbers of an attribute that is shown; more are data."""
_KINDS = {
    **dict.fromkeys(MOVES, "reshape"),
    **dict.fromkeys(("LSTM", "GRU", "RNN", "DynamicQuantizeLSTM", "Loop", "Scan"), "recurrent"),
    **dict.fromkeys(("Conv", "ConvTranspose", "QLinearConv", "ConvInteger", "FusedConv", "DeformConv"), "convolution"),
    **dict.fromkeys(("Gemm", "QGemm", "MatMulNBits", "MatMulInteger", "QLinearMatMul", "FusedGemm"), "dense"),
    **dict.fromkeys(("Attention", "MultiHeadAttention", "GroupQueryAttention", "QAttention"), "attention"),
}
_VIEWS = {
    **dict.fromkeys(("Identity", "Squeeze", "Unsqueeze", "Optional", "OptionalGetElement"), View()),
    **dict.fromkeys(("Reshape", "Flatten"), View(in_order=True)),
    **dict.fromkeys(("Transpose", "Slice", "Split", "Expand"), View(strided=True)),
}


class Made(NamedTuple):
    """A tensor of the graph, and what it is like to who reads it."""

    tensor: Tensor
    given: Given


class Layer(NamedTuple):
    """Where nodes are added: the path of their layer, what its row is called after, and where it is in the file."""

    path: str
    op: Op
    origin: Span


def graph_of(runs: Sequence[Run], entries: Sequence[Entry], name: str, file: File) -> Graph:
    """Return the graph of a model that was executed at :data:`BATCHES`, or at the file's own alone."""
    return _Builder(runs, name, file).build(entries)


class _Builder:
    def __init__(self, runs: Sequence[Run], name: str, file: File) -> None:
        self.runs = runs
        self.file = file
        self.graph = GraphBuilder(name, layout="channels_first", origin=file.span())
        self.fits = Fits(BATCHES[: len(runs)])
        self.made: dict[Value, Made] = {}
        self.shapes: dict[Tensor, Shape] = {}
        self.batched: set[Tensor] = set()
        """Those whose first axis is the batch."""
        self.weights: dict[Stored, Made] = {}
        """Tensors of the file that are data of the graph."""
        self.owners: dict[Stored, Node | None] = {}
        """Stored tensors that are counted, and the node whose own weights they are."""
        self.lender: Made | None = None
        """An input that tells the batch."""
        self.readers = readers_of(runs[0])
        self.at = {
            values[0]: values
            for steps in zip(*[run.steps for run in runs], strict=True)
            for values in zip(*[step.outputs for step in steps], strict=True)
        }
        """The same value at each batch."""
        self.says_all = runs[0].model.says_all
        self.fills_are_weights = any(
            stored.filled
            for step in runs[0].steps
            if step.kind in KERNELS and step.has(1)
            for stored in step.input(1).stored
        )
        """Whether what a `ConstantOfShape` makes stands in the place of weights that were left out."""

    def build(self, entries: Sequence[Entry]) -> Graph:
        """Return the graph."""
        for entry in entries:
            self._input(entry)
        rows = rows_of(self.runs, self.readers)
        inputs = frozenset(self.graph.taken)
        places = [apart(place, inputs) for place in places_of(rows)]
        found = paths(places, inputs)
        own = frozenset(found)
        for place in places:
            for depth in range(1, len(place.module) + 1):
                self._composite(".".join(place.module[:depth]), own)
        for row, path in zip(rows, found, strict=True):
            self.graph.claim(path)
            self._row(row, path)
        outputs = [self._output(value) for value in self.runs[0].outputs]
        if len(self.runs) == 1 and entries and entries[0].dims[:1] == [1]:
            self.graph.batch = 1
        return self.graph.build(*outputs, batched=self.batched)

    def _composite(self, path: str, rows: frozenset[str]) -> None:
        if path not in self.graph.composites and path not in rows:
            self.graph.claim(path)
            self.graph.composites[path] = Composite("group")

    def _output(self, value: Value) -> Tensor:
        """Return an output of the network; one that follows from constants and sizes alone is added."""
        if value not in self.made:
            path = self.graph.claim("", _own_name(value.name) or "output")
            op = make("Identity")
            return self._data(value, None, Layer(path, op, self.file.span(value.name))).tensor
        return self.made[value].tensor

    # Inputs

    def _input(self, entry: Entry) -> None:
        values = tuple(run.entries[entry.name] for run in self.runs)
        self.at[values[0]] = values
        shapes = tuple(value.dims for value in values)
        origin = self.file.span(entry.name)
        path = self.graph.claim("", _own_name(entry.name) or "input")
        if entry.batch is None or len(self.runs) == 1:
            tensor = self.graph.add_input(FileInput(shapes[0], entry.dtype), path, origin)
            self._note(values[0], tensor, Given(shapes, batched=False))
            return
        sample = entry.sample()
        op = make("Input", shape=sample, dtype=entry.dtype) if 0 not in sample else None
        op = op or FileInput((1, *sample), entry.dtype, batch=True)
        tensor = self.graph.add_input(op, path, origin)
        first = self.fits.given([(batch, *sample) for batch in BATCHES])
        made = self._note(values[0], tensor, first)
        self.lender = self.lender or made
        if entry.batch:
            # The network has its batch first; the file does not.
            name = self.graph.claim("", f"{path}_as_stored")
            turn = _file_op(
                "Transpose", [shapes], [entry.dtype], place=(0, 0, fitted(BATCHES)), lies=View(strided=True)
            )
            turned = self.graph.add_node(turn, [tensor], name, origin=origin).output
            self._note(values[0], turned, self.fits.given(shapes))

    def _note(self, value: Value, tensor: Tensor, given: Given) -> Made:
        made = self.made[value] = Made(tensor, given)
        self.shapes[tensor] = given.shapes[0]
        if given.batched:
            self.batched.add(tensor)
        return made

    # Rows

    def _row(self, row: Row, path: str) -> None:
        step = row.steps[0]
        ours = ours_of(step)
        if ours is not None and row.bias:
            ours = ours._replace(op=ours.op.replace(use_bias=True))
        if ours is not None and self._add_ours(row, ours, path):
            return
        if row.bias:
            self._row(Row(row.steps), path)
            self._row(Row(row.bias), self.graph.claim("", f"{path}_bias"))
            return
        self._add_step(row.steps, ours, path)

    def _outputs(self, step: Step) -> list[Value]:
        """Return a step's outputs but for the last that nothing reads."""
        count = len(step.outputs)
        while count > 1 and not self.readers[step.outputs[count - 1]]:
            count -= 1
        return step.outputs[:count]

    def _add_ours(self, row: Row, ours: Ours, path: str) -> bool:
        """Add an operator of ours where it agrees with the file; else return False."""
        step = row.steps[0]
        if not all(step.has(at) for at in (*ours.reads, *ours.weights)):
            return False
        absorbed = [step.input(at) for at in ours.weights]
        absorbed += [value for one in row.bias[:1] for value in one.inputs if value is not None and value.constant]
        roots = [root for value in absorbed for root in self._alone(value)]
        outputs = self._outputs((row.bias or row.steps)[0])
        if len(roots) < len(absorbed) or any(not value.sure or value.items is not None for value in outputs):
            return False
        is_whole, owner = self._owner(roots)
        reads = [step.input(at) for at in ours.reads]
        samples = [_sample(value, outputs[0].dims) for value in reads]
        given = [self._given(value, sample) for value, sample in zip(reads, samples, strict=True)]
        wanted = Wanted(
            tuple(tuple(self.at[value][at].dims for value in outputs) for at in range(len(self.runs))),
            tuple(one.macs for one in row.steps),
            sum(root.elements for root in roots),
        )
        if not is_whole or not self.fits.agree(ours.op, given, wanted):
            return False
        if owner is not None and not are_shared(
            ours.op.weights(*[one.shapes[0] for one in given]), self._weights_of(owner)
        ):
            return False
        layer = Layer(path, ours.op, self.file.span(step.path))
        tensors = [self._tensor(value, sample, layer) for value, sample in zip(reads, samples, strict=True)]
        node = self.graph.add_node(ours.op, [one.tensor for one in tensors], path, origin=layer.origin)
        if owner is not None:
            self.graph.tie(node, owner)
        self.owners |= {root: node for root in roots if root not in self.owners}
        for value, tensor in zip(outputs, node.outputs, strict=False):
            self._note(value, tensor, self.fits.given([one.dims for one in self.at[value]]))
        return True

    def _alone(self, value: Value) -> tuple[Stored, ...]:
        """Return the stored tensor that a constant has the numbers of, if it is a single one that is all used."""
        if value.constant and value.plain and len(value.stored) == 1 and value.stored[0].elements == value.size:
            return value.stored
        return ()

    def _owner(self, roots: Sequence[Stored]) -> tuple[bool, Node | None]:
        """Return whether these can be a node's own weights, all of them, and the node whose they are already."""
        owners = {self.owners.get(root) for root in roots}
        is_whole = len(owners) <= 1 and len({*roots}) == len(roots) and not any(root in self.weights for root in roots)
        if self.says_all:
            is_whole = is_whole and all(root.role for root in roots)
        return is_whole, next(iter(owners), None)

    def _weights_of(self, node: Node) -> Mapping[str, Weight]:
        return node.op.weights(*[self.shapes.get(tensor, ()) for tensor in node.inputs])

    def _add_step(self, steps: tuple[Step, ...], ours: Ours | None, path: str) -> None:
        """Add an operator with the file's own shapes and costs."""
        step = steps[0]
        outputs = self._outputs(step)
        shapes = [tuple(one.dims for one in self.at[value]) for value in outputs]
        others = [operations(one, ours) for one in steps]
        missing = dict.fromkeys((*step.unknown, *(("flops",) if None in others else ())))
        if not all(value.sure for value in outputs):
            missing = dict.fromkeys(("macs", "flops"))
        is_known = rules.find(step.domain, step.kind) is not None or step.kind in FLOW
        op = _file_op(
            step.kind if is_known else "Custom",
            shapes,
            [value.dtype for value in outputs],
            macs=fitted([one.macs for one in steps]),
            other=fitted([other or 0 for other in others]),
            missing=tuple(missing),
            lies=_VIEWS.get(step.kind),
            attributes=(*([] if is_known else [("operator", f"{step.domain}:{step.kind}")]), *_shown(step)),
        )
        layer = Layer(path, op, self.file.span(step.path))
        read = [value for value in step.inputs if value is not None and not self._is_argument(value)]
        read += [value for one in step.inside for value in all_inputs(one) if value in self.made]
        made = [self._tensor(value, None, layer) for value in dict.fromkeys(read)]
        inside = dict.fromkeys(root for one in step.inside for value in all_inputs(one) for root in value.stored)
        made += [self._weight(root, root.dims, layer) for root in inside if self._is_new(root)]
        tensors, place = self._with_batch(made, op)
        found = op.replace(place=place, reads=len(made))
        if like := recurrence(step):
            found = found.replace(like=like, steps_first=not step.attribute("layout", 0))
        node = self.graph.add_node(found, tensors, path, origin=layer.origin)
        for value, tensor, dims in zip(outputs, node.outputs, shapes, strict=True):
            self._note(value, tensor, self.fits.given(dims))

    def _with_batch(self, made: Sequence[Made], op: FileOp) -> tuple[list[Tensor], tuple[int, int, Size] | None]:
        """Return the tensors that a step reads, and of which axis of which it knows the batch, if it has to."""
        tensors = [one.tensor for one in made]
        sizes = [op.macs, op.other, *(size for dims in op.shapes for size in dims)]
        if not any(isinstance(size, tuple) for size in sizes):
            return tensors, None
        for index, one in enumerate(made):
            axes = zip(*one.given.shapes, strict=True)
            for axis, found in enumerate(map(fitted, axes)):
                if isinstance(found, tuple) and found[1] and not found[2]:
                    return tensors, (index, axis, found)
        assert self.lender is not None  # else nothing would depend on the batch
        return [*tensors, self.lender.tensor], (len(tensors), 0, fitted(BATCHES))

    def _is_argument(self, value: Value) -> bool:
        """Whether an input is no data: whole numbers, and single ones, that say what an operator does."""
        if value in self.made or any(map(self._counts, value.stored)):
            return False
        if value.data is not None:
            return not value.entry
        return value.constant and (value.size <= 1 or (value.rank <= 1 and value.dtype == "int64"))

    # Tensors that are no output of a row

    def _given(self, value: Value, sample: Shape | None) -> Given:
        """Return what :meth:`_tensor` would be like."""
        known = self.made.get(value) or next(
            (self.weights[root] for root in self._alone(value) if root in self.weights), None
        )
        if known is not None:
            return known.given
        shapes = tuple(one.dims for one in self.at.get(value, (value,) * len(self.runs)))
        if any(shape != shapes[0] for shape in shapes):
            return self.fits.given(shapes)
        return Given(((1, *(value.dims if sample is None else sample)),) * len(self.runs), batched=False)

    def _tensor(self, value: Value, sample: Shape | None, layer: Layer) -> Made:
        """Return the tensor of a value; one that is no row's output yet is added to the layer that reads it first."""
        made = self.made.get(value)
        if made is None:
            made = next((self.weights[root] for root in self._alone(value) if root in self.weights), None)
        return made or self._data(value, sample, layer)

    def _data(self, value: Value, sample: Shape | None, layer: Layer) -> Made:
        """Add what follows from constants and sizes alone: a weight, or what is made of weights, or of none."""
        new = [root for root in value.stored if self._is_new(root)]
        given = self._given(value, sample)
        is_one = all(shape == given.shapes[0] for shape in given.shapes)
        if new and self._alone(value) and is_one:
            return self._weight(new[0], given.shapes[0][1:], layer)
        made = [self._weight(root, root.dims, layer) for root in new]
        shapes = (value.dims,) * len(self.runs) if is_one and sample is None else given.shapes
        op = _file_op("Constant", [shapes], [value.dtype])
        tensors, place = self._with_batch(made, op)
        node = self._inside(op.replace(place=place, reads=len(made)), tensors, value.name, layer)
        return self._note(value, node.output, self.fits.given(shapes))

    def _weight(self, root: Stored, shape: Shape, layer: Layer) -> Made:
        """Add a stored tensor as data: a parameter, or a buffer."""
        learns = root.role != "buffer" and (root.initializer or root.filled)
        op = make("Parameter", shape=shape) if learns else make("Constant", shape=shape, dtype=root.dtype)
        node = self._inside(op, [], root.name, layer)
        self.owners[root] = None
        self.shapes[node.output] = (1, *shape)
        made = self.weights[root] = Made(node.output, Given(((1, *shape),) * len(self.runs), batched=False))
        return made

    def _inside(self, op: Op, given: Sequence[Tensor], name: str, layer: Layer) -> Node:
        path = self.graph.claim("", f"{layer.path}.{_own_name(name) or 'data'}")
        return self.graph.add_node(op, given, path, layer=layer.path, layer_op=layer.op, origin=layer.origin)

    def _is_new(self, root: Stored) -> bool:
        return root not in self.owners and self._counts(root)

    def _counts(self, root: Stored) -> bool:
        """Whether a stored tensor that is read as data counts; whole numbers, and single constants, are arguments."""
        if self.says_all:
            return bool(root.role)
        if root.filled:
            return self.fills_are_weights and root.elements > 0
        if root.dtype not in FLOATS and root.dtype not in QUANTIZED:
            return False
        return root.elements > (0 if root.initializer else 1)


def _sample(value: Value, output: Shape) -> Shape:
    """Return the shape that a weight has beside samples, whose first axis is the batch, to be read as the file says."""
    is_aligned = len(value.dims) == len(output) and value.dims[:1] == (1,)
    return value.dims[1:] if is_aligned else value.dims


def _own_name(name: str) -> str:
    """Return a name as one level of a path."""
    return name.strip("/").replace(".", "_").replace("/", "_")[:200]


def _shown(step: Step) -> Iterable[tuple[str, Any]]:
    """Yield the attributes that a report can show."""
    for name, value in step.attributes.items():
        if isinstance(value, (int, float, str)):
            yield name, value
        elif isinstance(value, list) and len(value) <= MOST_SHOWN:
            yield name, tuple(value)
    if step.note:
        yield "note", step.note


def _file_op(  # noqa: PLR0913 - as much is known of it
    name: str,
    shapes: Sequence[Sequence[Shape]],
    dtypes: Sequence[str],
    *,
    macs: Size = 0,
    other: Size = 0,
    place: tuple[int, int, Size] | None = None,
    missing: tuple[str, ...] = (),
    lies: View | None = None,
    attributes: tuple[tuple[str, Any], ...] = (),
) -> FileOp:
    """Return an operator of these outputs, whose shapes are given at each batch."""
    return named(FileOp, name, _KINDS.get(name, "other"))(
        shapes=tuple(tuple(map(fitted, zip(*dims, strict=True))) for dims in shapes),
        dtypes=tuple(dtypes),
        macs=macs,
        other=other,
        place=place,
        reads=None,
        missing=missing,
        attributes=attributes,
        lies=lies,
    )
