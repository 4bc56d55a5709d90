"""A graph of ours from a model that was executed at several batches."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from archinspect.base.shape import Mismatch, size
from archinspect.graph.builder import GraphBuilder
from archinspect.graph.graph import Composite
from archinspect.importers.onnx import rules
from archinspect.importers.onnx.model import FLOATS
from archinspect.importers.onnx.names import Place, paths, place_of
from archinspect.importers.onnx.operators import MOVES, OPERATORS, Ours, make, operations
from archinspect.importers.onnx.row import FileInput, FileOp, Size, fitted, kind_of
from archinspect.importers.onnx.values import RuleError
from archinspect.ops.axes import pairs
from archinspect.ops.base import ArgumentError
from archinspect.ops.dense import Dense
from archinspect.ops.figures import View, Work

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape
    from archinspect.base.source import Span
    from archinspect.graph.graph import Graph, Node, Tensor
    from archinspect.importers.file import File
    from archinspect.importers.onnx.inputs import Entry
    from archinspect.importers.onnx.model import Stored
    from archinspect.importers.onnx.run import Run
    from archinspect.importers.onnx.values import Step, Value
    from archinspect.ops.base import Op

BATCHES = (1, 2, 3)
"""At which a model is executed: what is a polynomial of the batch follows."""
QUANTIZED = frozenset(("int8", "uint8"))
_KINDS = {
    **dict.fromkeys(("LSTM", "GRU", "RNN", "DynamicQuantizeLSTM", "Loop", "Scan"), "recurrent"),
    **dict.fromkeys(("Conv", "ConvTranspose", "QLinearConv", "ConvInteger", "FusedConv", "DeformConv"), "convolution"),
    **dict.fromkeys(("Gemm", "QGemm", "MatMulNBits", "MatMulInteger", "QLinearMatMul", "FusedGemm"), "dense"),
    **dict.fromkeys(("Attention", "MultiHeadAttention", "GroupQueryAttention", "QAttention"), "attention"),
    **dict.fromkeys(MOVES, "reshape"),
}
_LIES = {
    **dict.fromkeys(("Identity", "Squeeze", "Unsqueeze", "Optional", "OptionalGetElement"), View()),
    **dict.fromkeys(("Reshape", "Flatten"), View(in_order=True)),
    **dict.fromkeys(("Transpose", "Slice", "Split", "Expand"), View(strided=True)),
}


class Made(NamedTuple):
    """A tensor of the graph, and its shape at each batch."""

    tensor: Tensor
    shapes: tuple[Shape, ...]
    batched: bool


class Row(NamedTuple):
    """A step that is a row, at each batch; with the addition of its bias, where it has one that is a step."""

    steps: tuple[Step, ...]
    bias: tuple[Step, ...] = ()


class _Builder:
    def __init__(self, runs: Sequence[Run], entries: Sequence[Entry], name: str, file: File) -> None:
        self.runs = runs
        self.batches = BATCHES[: len(runs)]
        self.entries = entries
        self.file = file
        self.graph = GraphBuilder(name, layout="channels_first", origin=file.span())
        self.made: dict[Value, Made] = {}
        self.weights: dict[Stored, Made] = {}
        """Tensors of the file as data."""
        self.owners: dict[Stored, Node | None] = {}
        """Which node counts a stored tensor."""
        self.shapes: dict[Tensor, Shape] = {}
        self.fits: dict[object, bool] = {}
        self.at: dict[Value, tuple[Value, ...]] = {}
        """The same value at each batch."""
        self.lender: Made | None = None
        """An input that tells the batch."""
        self.says_all = runs[0].model.says_all
        self.fills_are_weights = any(
            step.kind in ("Conv", "Gemm", "MatMul") and any(root.filled for root in step.input(1).stored)
            for step in runs[0].steps
        )
        self.used: frozenset[Value] = frozenset()
        """What something reads."""

    def build(self) -> Graph:
        """Return the graph."""
        for entry, values in zip(self.entries, self._entry_values(), strict=True):
            self._input(entry, values)
        for steps in zip(*[run.steps for run in self.runs], strict=True):
            for values in zip(*[step.outputs for step in steps], strict=True):
                self.at[values[0]] = values
        rows = self._rows()
        places = self._places(rows)
        found = paths(places)
        own = frozenset(found)
        for place in places:
            for depth in range(1, len(place.module) + 1):
                self._composite(".".join(place.module[:depth]), own)
        for row, path in zip(rows, found, strict=True):
            self.graph.claim(path)
            self._row(row, path)
        outputs = []
        for number, value in enumerate(self.runs[0].outputs):
            made = self.made.get(value)
            if made is None:
                path = self.graph.claim("", f"output_{number}")
                made = self._data(value, path, None, None)
            outputs.append(made.tensor)
        return self.graph.build(*outputs)

    def _composite(self, path: str, rows: frozenset[str]) -> None:
        if path not in self.graph.composites and path not in rows:
            self.graph.claim(path)
            self.graph.composites[path] = Composite("group")

    # Inputs

    def _entry_values(self) -> list[tuple[Value, ...]]:
        return [tuple(run.entries[entry.name] for run in self.runs) for entry in self.entries]

    def _input(self, entry: Entry, values: tuple[Value, ...]) -> None:
        self.at[values[0]] = values
        shapes = tuple(value.dims for value in values)
        origin = self.file.span(entry.name)
        name = entry.name.replace(".", "_") or "input"
        path = self.graph.claim(name) if name not in self.graph.taken else self.graph.claim("", name)
        if entry.batch is None or len(self.runs) == 1:
            tensor = self.graph.add_input(FileInput(shapes[0], entry.dtype), path, origin)
            self._note(values[0], tensor, shapes, batched=False)
            return
        if 0 in entry.sample():
            tensor = self.graph.add_input(FileInput(shapes[0], entry.dtype), path, origin)
            self._note(values[0], tensor, shapes, batched=False)
            return
        tensor = self.graph.add_input(make("Input", shape=entry.sample(), dtype=entry.dtype), path, origin)
        first = tuple((batch, *entry.sample()) for batch in self.batches)
        made = Made(tensor, first, batched=True)
        self.lender = self.lender or made
        if entry.batch:
            # The network has its batch first; the file does not.
            own = self.graph.claim("", f"{path}_as_stored")
            op = self._file_op(
                "Transpose", [shapes], [entry.dtype], 0, 0, (0, 0, self._size([1, 2, 3])), 1, lies=View(strided=True)
            )
            made = Made(self.graph.add_node(op, [tensor], own, origin=origin).output, shapes, batched=True)
        self._note(values[0], made.tensor, made.shapes, batched=True)

    def _size(self, values: Sequence[int]) -> Size:
        return fitted(values)

    # Rows

    def _rows(self) -> list[Row]:
        """Return the steps that are rows: what follows from constants and sizes alone is none."""
        readers = Counter(value for step in self.runs[0].steps for value in _all_inputs(step))
        readers.update(self.runs[0].outputs)
        self.used = frozenset(readers)
        found: list[Row] = []
        by_output: dict[Value, int] = {}
        for steps in zip(*[run.steps for run in self.runs], strict=True):
            if all(map(_is_folded, steps)):
                continue
            at = self._biased(steps[0], found, by_output, readers)
            if at is not None:
                found[at] = Row(found[at].steps, steps)
                continue
            found.append(Row(steps))
            for value in steps[0].outputs[:1]:
                by_output[value] = len(found) - 1
        return found

    def _biased(self, step: Step, rows: list[Row], by_output: dict[Value, int], readers: Counter[Value]) -> int | None:
        """Return the row of the product to which a step adds a bias, as exporters write a fully connected layer."""
        if step.kind != "Add" or step.domain:
            return None
        for one, other in ((0, 1), (1, 0)):
            value, bias = step.input(one), step.input(other)
            at = by_output.get(value)
            if at is None or readers[value] > 1 or rows[at].bias or not self._is_dense(rows[at].steps[0]):
                continue
            if bias.constant and bias.plain and bias.dims == value.dims[-1:]:
                return at
        return None

    def _is_dense(self, step: Step) -> bool:
        ours = self._ours(step)
        return step.kind == "MatMul" and ours is not None and isinstance(ours.op, Dense)

    def _places(self, rows: Sequence[Row]) -> list[Place]:
        """Return where rows stand; one of which the file says nothing, beside others, with what it reads first."""
        scoped = any(row.steps[0].scopes for row in rows)
        modules: dict[Value, tuple[str, ...]] = {}
        found = []
        for row in rows:
            step = row.steps[0]
            kernel = step.inputs[1] if len(step.inputs) > 1 else None
            weight = kernel.stored[0].name if kernel is not None and kernel.constant and len(kernel.stored) == 1 else ""
            place = place_of(step, weight)
            if scoped and not step.scopes:
                before = next((modules[value] for value in step.inputs if value in modules), ())
                place = Place(before, place.own)
            modules |= dict.fromkeys((row.bias or row.steps)[0].outputs, place.module)
            found.append(place)
        return found

    def _ours(self, step: Step) -> Ours | None:
        translate = (
            OPERATORS.get(step.kind) if step.domain in ("", "com.microsoft") and step.kind in OPERATORS else None
        )
        if translate is None or (step.domain and step.kind in rules.MICROSOFT):
            return None
        try:
            return translate(step)
        except (ArgumentError, RuleError, LookupError, TypeError, ValueError, ArithmeticError):
            return None

    def _row(self, row: Row, path: str) -> None:
        step = row.steps[0]
        origin = self.file.span(step.path)
        ours = self._ours(step)
        if ours is not None and row.bias:
            ours = Ours(ours.op.replace(use_bias=True), ours.reads, ours.weights)
        if ours is not None and self._place_ours(row, ours, path, origin):
            return
        if row.bias:
            self._row(Row(row.steps), path)
            self._row(Row(row.bias), self.graph.claim("", f"{path}_bias"))
            return
        self._place_file(row.steps, ours, path, origin)

    # Operators of ours

    def _place_ours(self, row: Row, ours: Ours, path: str, origin: Span) -> bool:
        """Add an operator of ours, where it agrees with the file."""
        steps = row.steps
        step = steps[0]
        if not all(step.has(at) for at in (*ours.reads, *ours.weights)):
            return False
        absorbed = [step.input(at) for at in ours.weights]
        if row.bias:
            absorbed += [value for value in row.bias[0].inputs if value is not None and value.constant]
        roots = [value.stored[0] for value in absorbed if value.plain and len(value.stored) == 1]
        if len(roots) < len(absorbed) or any(
            value.size != root.elements for value, root in zip(absorbed, roots, strict=True)
        ):
            return False
        if self.says_all and not all(root.role for root in roots):
            return False
        owners = {self.owners.get(root) for root in roots}
        if len(owners) > 1 or any(root in self.weights for root in roots) or len(set(roots)) < len(roots):
            return False
        outputs = row.bias[0].outputs if row.bias else self._used(step)
        if any(not value.sure for value in outputs) or any(value.items is not None for value in outputs):
            return False
        given = [self._reads(step.input(at), outputs[0].dims) for at in ours.reads]
        wanted = [tuple(self.at[value][at].dims for value in outputs) for at in range(len(self.runs))]
        macs = [one.macs for one in steps]
        shapes = [[part[1][at] for part in given] for at in range(len(self.runs))]
        batched = any(part[2] for part in given)
        if not self._fits(
            ours.op, shapes, [part[2] for part in given], batched, wanted, macs, sum(root.elements for root in roots)
        ):
            return False
        owner = next(iter(owners), None)
        if owner is not None and not self._shares(ours.op, shapes[0], owner):
            return False
        tensors = []
        for at, value in enumerate(ours.reads):
            tensors.append(self._tensor(step.input(value), given[at][3], path, ours.op, origin).tensor)
        node = self.graph.add_node(ours.op, tensors, path, layer=path, layer_op=ours.op, origin=origin)
        if owner is not None:
            self.graph.tie(node, owner)
        for root in roots:
            self.owners.setdefault(root, node)
        for value, tensor in zip(outputs, node.outputs, strict=False):
            self._note(value, tensor, tuple(one.dims for one in self.at[value]), batched=batched)
        return True

    def _note(self, value: Value, tensor: Tensor, shapes: tuple[Shape, ...], *, batched: bool) -> Made:
        made = self.made[value] = Made(tensor, shapes, batched)
        self.shapes[tensor] = shapes[0]
        return made

    def _used(self, step: Step) -> list[Value]:
        """Return a step's outputs but for the last that nothing reads."""
        count = len(step.outputs)
        while count > 1 and step.outputs[count - 1] not in self.used:
            count -= 1
        return step.outputs[:count]

    def _reads(self, value: Value, output: Shape) -> tuple[Value, tuple[Shape, ...], bool, Shape | None]:
        """Return what a tensor of the graph will be like: value, shapes, whether it has the batch, its sample's shape."""
        made = self.made.get(value)
        if made is not None:
            return value, made.shapes, made.batched, None
        root = value.stored[0] if value.plain and len(value.stored) == 1 and value.constant else None
        if root is not None and root in self.weights:
            known = self.weights[root]
            return value, known.shapes, False, None
        shape = value.dims
        if len(shape) == len(output) and shape[:1] == (1,):
            shape = shape[1:]
        at = self.at.get(value)
        if at is not None and any(one.dims != at[0].dims for one in at):
            return value, tuple(one.dims for one in at), True, None
        return value, ((1, *shape),) * len(self.runs), False, shape

    def _fits(
        self,
        op: Op,
        shapes: Sequence[Sequence[Shape]],
        flags: Sequence[bool],
        batched: bool,
        wanted: Sequence[tuple[Shape, ...]],
        macs: Sequence[int],
        weights: int,
    ) -> bool:
        key = (op, tuple(map(tuple, shapes)), tuple(flags), tuple(wanted), tuple(macs), weights)
        try:
            known = self.fits.get(key)
        except TypeError:  # sizes that are known by name alone, for a formula, are in no table
            return self._agree(op, shapes, flags, batched, wanted, macs, weights)
        if known is None:
            known = self.fits[key] = self._agree(op, shapes, flags, batched, wanted, macs, weights)
        return known

    def _agree(
        self,
        op: Op,
        shapes: Sequence[Sequence[Shape]],
        flags: Sequence[bool],
        batched: bool,
        wanted: Sequence[tuple[Shape, ...]],
        macs: Sequence[int],
        weights: int,
    ) -> bool:
        """Return whether an operator of ours gives what the file does, at every batch."""
        if any(flags[at] for at in op.shared if at < len(flags)):
            return False
        least, most = op.inputs
        if len(flags) < least or (most is not None and len(flags) > most):
            return False
        try:
            for batch, given, expected, work in zip(self.batches, shapes, wanted, macs, strict=True):
                if batched and not op.stretches:
                    given = [shape if flag else (batch, *shape[1:]) for shape, flag in zip(given, flags, strict=True)]
                found = op.outputs(*given)
                if found[: len(expected)] != expected or len(expected) > len(found):
                    return False
                if op.work(given, found[0]).macs != work:
                    return False
                if sum(size(weight.shape) for weight in op.weights(*given).values()) != weights:
                    return False
        except (Mismatch, ArgumentError, LookupError, TypeError, ValueError, ArithmeticError):
            return False
        return True

    def _shares(self, op: Op, shapes: Sequence[Shape], owner: Node) -> bool:
        """Return whether all weights of an operator are those of another."""
        theirs = self._weights_of(owner)
        several = [weight for weight in theirs.values() if len(weight.shape) > 1]
        return all(
            (name in theirs and weight.shape == theirs[name].shape) or any(pairs(weight, other) for other in several)
            for name, weight in op.weights(*shapes).items()
        )

    def _weights_of(self, node: Node) -> Any:  # noqa: ANN401 - as the rule of weights
        return node.op.weights(*[self.shapes.get(tensor, ()) for tensor in node.inputs])

    # Tensors that are no row's output

    def _tensor(self, value: Value, sample: Shape | None, path: str, op: Op, origin: Span | None) -> Made:
        made = self.made.get(value)
        if made is not None:
            return made
        root = value.stored[0] if value.plain and len(value.stored) == 1 and value.constant else None
        if root is not None and root in self.weights:
            return self.weights[root]
        return self._data(value, path, sample, op, origin)

    def _counts(self, root: Stored) -> bool:
        """Whether a stored tensor that is read as data counts; whole numbers, and a `Constant` of one, are arguments."""
        if self.says_all:
            return bool(root.role)
        if root.filled:
            return self.fills_are_weights and root.elements > 0
        if root.dtype not in FLOATS and root.dtype not in QUANTIZED:
            return False
        return root.elements > (0 if root.initializer else 1)

    def _data(self, value: Value, path: str, sample: Shape | None, op: Op | None, origin: Span | None = None) -> Made:
        """Add a tensor of the file as data, in the layer that reads it first."""
        origin = origin or self.file.span(value.name)
        name = (value.stored[0].name if len(value.stored) == 1 else value.name).replace(".", "_") or "data"
        own = self.graph.claim("", f"{path}.{name}")
        plain = value.plain and len(value.stored) == 1 and value.constant
        root = value.stored[0] if plain else None
        fresh = [one for one in value.stored if one not in self.owners]
        counted = [one for one in fresh if self._counts(one)]
        shape = value.dims if sample is None else sample
        if root is not None and counted and size(value.dims) == root.elements:
            kind = "Parameter" if self._learns(root) else "Constant"
            args = {} if kind == "Parameter" else {"dtype": root.dtype}
            stored = make(kind, shape=shape, **args)
            tensor = self._inside(stored, [], own, path, op, origin).output
            self.owners[root] = None
            made = self.weights[root] = Made(tensor, ((1, *shape),) * len(self.runs), batched=False)
            return made
        given = [self._data_of(one, own, path, op, origin) for one in counted]
        values = self.at.get(value, (value,) * len(self.runs))
        shapes = tuple(one.dims for one in values)
        if sample is not None:
            shapes = ((1, *sample),) * len(self.runs)
        made = self._source(value, shapes, [one.tensor for one in given], own, path, op, origin)
        return self._note(value, made.tensor, made.shapes, batched=made.batched)

    def _data_of(self, root: Stored, own: str, path: str, op: Op | None, origin: Span) -> Made:
        kind = "Parameter" if self._learns(root) else "Constant"
        args = {} if kind == "Parameter" else {"dtype": root.dtype}
        tensor = self._inside(
            make(kind, shape=root.dims, **args), [], self.graph.claim("", f"{own}_stored"), path, op, origin
        ).output
        self.owners[root] = None
        made = self.weights[root] = Made(tensor, ((1, *root.dims),) * len(self.runs), batched=False)
        return made

    def _learns(self, root: Stored) -> bool:
        """Whether a stored tensor is a parameter; else it is a buffer."""
        return root.role != "buffer" and (root.initializer or root.filled)

    def _source(
        self,
        value: Value,
        shapes: tuple[Shape, ...],
        given: list[Tensor],
        own: str,
        path: str,
        op: Op | None,
        origin: Span,
    ) -> Made:
        """Add what follows from constants and sizes alone."""
        place, reads = None, len(given)
        batched = any(shape != shapes[0] for shape in shapes)
        if batched and self.lender is not None:
            place = (len(given), 0, self._size([1, 2, 3]))
            given = [*given, self.lender.tensor]
        source = self._file_op("Constant", [shapes], [value.dtype], 0, 0, place, reads)
        return Made(self._inside(source, given, own, path, op, origin).output, shapes, batched)

    def _inside(self, op: Op, given: list[Tensor], own: str, path: str, layer: Op | None, origin: Span) -> Node:
        return self.graph.add_node(op, given, own, layer=path, layer_op=layer or op, origin=origin)

    # Operators of the file

    def _place_file(self, steps: tuple[Step, ...], ours: Ours | None, path: str, origin: Span) -> None:
        """Add an operator with the file's shapes and costs."""
        step = steps[0]
        values = [
            value
            for value in step.inputs
            if value is not None and not (value.data is not None and not value.entry and not value.stored)
        ]
        values += [value for value in _outer(step) if value in self.made]
        values = list(dict.fromkeys(values))
        outputs = self._used(step)
        shapes = [tuple(one.dims for one in self.at[value]) for value in outputs]
        other = [self._operations(one, ours if number == 0 else None) for number, one in enumerate(steps)]
        missing = step.unknown
        if None in other:
            missing = tuple(dict.fromkeys((*missing, "flops")))
        if any(not value.sure for value in outputs):
            missing = ("macs", "flops")
        known = rules.find(step.domain, step.kind) is not None or step.kind in ("If", "Loop", "Scan", "SequenceMap")
        name = step.kind if known else "Custom"
        macs = self._size([one.macs for one in steps])
        others = self._size([one or 0 for one in other])
        dtypes = [value.dtype for value in outputs]
        # What the row is called has to be known before its weights are added.
        template = self._file_op(
            name, shapes, dtypes, macs, others, None, None, missing=missing, step=step, known=known
        )
        given = [self._tensor(value, None, path, template, origin) for value in values if not self._is_argument(value)]
        for root in _stored_inside(step):
            if root not in self.owners and self._counts(root):
                given.append(
                    self._data_of(root, f"{path}.{root.name.replace('.', '_') or 'weight'}", path, template, origin)
                )
        depends = (
            any(isinstance(part, tuple) for sizes in template.shapes for part in sizes)
            or isinstance(macs, tuple)
            or isinstance(others, tuple)
        )
        place, reads, tensors = None, len(given), [made.tensor for made in given]
        if depends:
            place = self._batch_place(given)
            if place is None and self.lender is not None:
                place = (len(tensors), 0, self._size([1, 2, 3]))
                tensors.append(self.lender.tensor)
        op = template.replace(place=place, reads=reads) if tensors else template.replace(reads=None)
        node = self.graph.add_node(op, tensors, path, layer=path, layer_op=op, origin=origin)
        batched = any(made.batched for made in given) or (place is not None)
        for value, tensor, dims in zip(outputs, node.outputs, shapes, strict=True):
            self._note(value, tensor, dims, batched=batched)

    def _is_argument(self, value: Value) -> bool:
        """Whether an input is no data: whole numbers, and single ones, that decide what an operator does."""
        if value in self.made:
            return False
        if any(map(self._counts, value.stored)):
            return False
        return (
            value.data is not None
            or (value.constant and value.size <= 1)
            or (value.constant and value.dtype == "int64" and value.rank <= 1)
        )

    def _batch_place(self, given: Sequence[Made]) -> tuple[int, int, Size] | None:
        for index, made in enumerate(given):
            for axis in range(len(made.shapes[0])):
                if any(len(shape) <= axis for shape in made.shapes):
                    continue
                found = self._size([shape[axis] for shape in made.shapes])
                if isinstance(found, tuple) and found[2] == 0 and found[1]:
                    return index, axis, found
        return None

    def _operations(self, step: Step, ours: Ours | None) -> int | None:
        if step.inside and step.kind != "If":
            parts = [self._operations(one, None) for one in step.inside]
            return None if None in parts else step.trips * sum(part or 0 for part in parts)
        ours = ours or self._ours(step)
        if ours is not None and step.outputs:
            try:
                found: Work = ours.op.work([step.shape(at) for at in ours.reads], step.outputs[0].dims)
            except (Mismatch, RuleError, LookupError, TypeError, ValueError, ArithmeticError):
                pass
            else:
                return found.other
        return operations(step)

    def _file_op(
        self,
        name: str,
        shapes: Sequence[tuple[Shape, ...]],
        dtypes: Sequence[str],
        macs: Size,
        other: Size,
        place: tuple[int, int, Size] | None,
        reads: int | None,
        *,
        missing: tuple[str, ...] = (),
        lies: View | None = None,
        step: Step | None = None,
        known: bool = True,
    ) -> FileOp:
        kind = kind_of(name, _KINDS.get(name, "other"))
        attributes = _shown(step) if step is not None else ()
        if step is not None and not known:
            attributes = (("operator", f"{step.domain}:{step.kind}" if step.domain else step.kind), *attributes)
        if step is not None:
            lies = _LIES.get(step.kind)
        return kind(
            shapes=tuple(tuple(self._size(sizes) for sizes in zip(*dims, strict=True)) for dims in shapes),
            dtypes=tuple(dtypes),
            macs=macs,
            other=other,
            place=place,
            reads=reads,
            missing=missing,
            attributes=attributes,
            lies=lies,
        )


def _shown(step: Step) -> tuple[tuple[str, Any], ...]:
    """Return the attributes that a report can show."""
    found: list[tuple[str, Any]] = []
    for name, value in step.attributes.items():
        if isinstance(value, (int, float, str)):
            found.append((name, value))
        elif isinstance(value, list) and len(value) <= 16:  # noqa: PLR2004 - more are no arguments, but data
            found.append((name, tuple(value)))
    if step.notes:
        found.append(("note", step.notes))
    return tuple(found)


def _is_folded(step: Step) -> bool:
    """Whether nothing is computed of data: all outputs follow from constants and sizes."""
    if step.inside or step.unknown or step.kind in ("If", "Loop", "Scan"):
        return False
    return all(value.constant or (value.data is not None and value.items is None) for value in step.outputs)


def _outer(step: Step) -> list[Value]:
    """Return what is read within a loop and comes from outside."""
    made = {value for one in step.inside for value in one.outputs}
    return [
        value for one in step.inside for value in (*one.inputs, *_outer(one)) if value is not None and value not in made
    ]


def _stored_inside(step: Step) -> list[Stored]:
    """Return the stored tensors that are read within a loop."""
    found = [root for one in step.inside for value in one.inputs if value is not None for root in value.stored]
    for one in step.inside:
        found += _stored_inside(one)
    return list(dict.fromkeys(found))


def _all_inputs(step: Step) -> list[Value]:
    """Return what a step reads, and what is within it."""
    return [
        *(value for value in step.inputs if value is not None),
        *(v for one in step.inside for v in _all_inputs(one)),
    ]


def graph_of(runs: Sequence[Run], entries: Sequence[Entry], name: str, file: File) -> Graph:
    """Return the graph of a model that was executed at :data:`BATCHES`, or at one alone."""
    return _Builder(runs, entries, name, file).build()
