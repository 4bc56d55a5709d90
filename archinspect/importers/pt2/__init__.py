"""Programs of PyTorch, saved by `torch.export.save`: a zip with JSON, read without torch.

`reading` reads the file, `operators` has the table of operators, `nodes` chooses between those and the calls as they
stand, `modules` names layers. Shapes are the file's.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING, Any

from archinspect.base.diagnostics import show
from archinspect.base.printable import printable
from archinspect.base.shape import size
from archinspect.graph.builder import GraphBuilder
from archinspect.importers import asked
from archinspect.importers.pt2.attention import ATTENTION, with_attention
from archinspect.importers.pt2.modules import instances, name_all
from archinspect.importers.pt2.nodes import Chooser
from archinspect.importers.pt2.reading import read_program
from archinspect.importers.pt2.sizes import Expression, bound, is_symbol, symbol, symbols_of, value
from archinspect.importers.pt2.states import with_states
from archinspect.importers.pt2.traced import Buffer, Constant, Parameter, ProgramInput
from archinspect.importers.pt2.variables import holds
from archinspect.importers.pt2.weights import absorbed, tied
from archinspect.importers.pt2.writes import with_writes
from archinspect.importers.pt2.written import with_functions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from archinspect.base.diagnostics import Problems
    from archinspect.base.settings import Settings
    from archinspect.graph.graph import Graph, Node, Tensor
    from archinspect.importers.file import File
    from archinspect.importers.pt2.nodes import Chosen
    from archinspect.importers.pt2.program import Call, Program
    from archinspect.importers.pt2.sizes import Size
    from archinspect.ops.base import Op

HELD = {"parameter": Parameter, "buffer": Buffer, "constant": Constant}


def read(file: File, settings: Settings, problems: Problems) -> Graph | None:
    """Return the graph of a program for the sizes that are asked for; None where it cannot have them."""
    return graph_of(file, read_program(file, str(settings.params.get("model") or "")), settings, problems)


def graph_of(file: File, program: Program, settings: Settings, problems: Problems) -> Graph | None:
    """Return the graph of a program of a file; else as :func:`read`."""
    program = with_writes(with_functions(with_attention(program)))
    batch = _batch(program)
    program = with_states(_with_sizes(file, program, batch, settings, problems))
    if problems.failed:
        return None
    return _Maker(file, program, batch, settings.samples, problems).make()


def _batch(program: Program) -> str:
    """Return the symbol that is the first axis of an input; empty where none is open."""
    for name in program.inputs:
        found = symbols_of(program.metas[name].sizes[0]) if program.metas[name].sizes else frozenset()
        if len(found) == 1:
            return next(iter(found))
    return ""


def _with_sizes(file: File, program: Program, batch: str, settings: Settings, problems: Problems) -> Program:
    """Return the program with what is asked for in the place of all symbols but the batch."""
    symbols = _asked(file, program, batch, settings, problems)
    metas, open_ = {}, frozenset([batch])
    for name, meta in program.metas.items():
        if any(type(one) is not int for one in meta.sizes):
            sizes = tuple([bound(one, symbols) for one in meta.sizes])
            if any(symbols_of(one) - open_ for one in sizes):
                message = f"the size of '{printable(name)}' depends on the numbers that the program reads"
                raise file.refuse(message, "it is known only when the program runs", printable(name))
            strides = tuple([bound(one, symbols) for one in meta.strides])
            meta = meta._replace(sizes=sizes, strides=strides)  # noqa: PLW2901 - the same tensor
        metas[name] = meta
    calls = program.calls
    if symbols:
        calls = tuple(
            [
                call._replace(arguments={name: _bound(one, symbols) for name, one in call.arguments.items()})
                for call in calls
            ]
        )
    return program._replace(metas=metas, calls=calls)


def _asked(file: File, program: Program, batch: str, settings: Settings, problems: Problems) -> dict[str, Size]:
    """Return the values of symbols; the first axis of every input is the batch."""
    origin = file.span()
    sizes = {name: program.metas[name].sizes for name in program.inputs}
    first_axes = [first for shape in sizes.values() for first in shape[:1] if is_symbol(first)]
    symbols: dict[str, Size] = {first.arguments[0]: symbol(batch) for first in first_axes if first != symbol(batch)}
    known = {**program.hints, batch: 1}
    own = {name: tuple([value(one, known) for one in sizes[name][1:]]) for name in sizes}
    shapes = asked.shapes(own, settings, problems, origin)
    for name, shape in shapes.items():
        for one, dim, ours in zip(sizes[name][1:], shape, own[name], strict=False):
            if is_symbol(one) and one.arguments[0] != batch:
                if dim is not ours or one.arguments[0] not in symbols:
                    symbols[one.arguments[0]] = dim
            elif dim is not ours and dim != ours:
                message = f"input '{name}': the program was exported for {ours} where {dim} is asked for"
                problems.error("input", message, origin, "export it with `dynamic_shapes` to leave sizes open")
    numbers = {name: one.arguments[0] for name, one in program.numbers.items() if is_symbol(one)}
    values = asked.params(
        {name: known.get(one, 1) for name, one in numbers.items()}, settings, problems, origin, ("model",)
    )
    for name, one in numbers.items():
        number = values[name]
        if not isinstance(number, int) or number < 1:
            problems.error("input", f"'{name}' must be a positive whole number, not {show(number)}", origin)
        elif one != batch:
            symbols[one] = number
    return symbols


def _bound(argument: Any, symbols: Mapping[str, Size]) -> Any:  # noqa: ANN401 - of any kind
    if isinstance(argument, list):
        return [_bound(one, symbols) for one in argument]
    return bound(argument, symbols) if isinstance(argument, Expression) else argument


class _Maker:
    """Makes the graph of a program."""

    def __init__(self, file: File, program: Program, batch: str, samples: int, problems: Problems) -> None:
        self.file = file
        self.program = program
        kinds = [call.modules[0].kind for call in program.calls if call.modules][:1]
        name = os.path.splitext(os.path.basename(file.path))[0]
        self.builder = GraphBuilder(printable(name), layout="channels_first", origin=file.span())
        what = kinds[0] if kinds else "a program"
        self.builder.description = printable(f"{what}, exported by PyTorch {program.version}")
        self.dtypes = _dtypes(program)
        lender = next((name for name in program.inputs if batch in _symbols(program, name)), "")
        self.chooser = Chooser(program, self.dtypes, batch, lender, samples)
        self.batch = batch
        self.tensors: dict[str, Tensor] = {}
        self.same = tied(program, file.span(), problems)
        """Of weights that are another one, that one."""
        self.unread: dict[str, list[str]] = {}
        """The parameters and buffers that nothing reads, by the path of their module."""

    def make(self) -> Graph:
        """Return the graph."""
        program, builder = self.program, self.builder
        for name in program.inputs:
            meta = program.metas[name]
            op = ProgramInput(sizes=meta.sizes, dtype=self.dtypes[meta.dtype], batch=self.batch)
            self.tensors[name] = builder.add_input(op, builder.claim(printable(name)), self.file.span(printable(name)))
        chosen, shares = absorbed(program.calls, self.chooser, self.same)
        self._find_unread(chosen)
        places = instances(program.calls)
        paths = name_all(places, builder)
        nodes = [
            self._add(call, choice, path, is_row=place.is_row)
            for call, choice, path, place in zip(program.calls, chosen, paths, places, strict=True)
        ]
        for index, other in shares.items():
            builder.tie(nodes[index], nodes[other])
        for name in [name for names in self.unread.values() for name in names]:
            self._hold(name, "", None)
        outputs = [self._tensor(name, "", None) for name in program.outputs]
        held = holds(program.calls, program.outputs)
        for at, (call, choice) in enumerate(zip(program.calls, chosen, strict=True)):
            for _, name in call.refs():  # such as the states that a recurrent layer is given
                if name not in choice.inputs:
                    held[name] = max(held.get(name, 0), at)
            for name in call.holds:
                held[name] = max(held.get(name, 0), at)
        builder.held = {self.tensors[name]: nodes[last] for name, last in held.items() if name in self.tensors}
        if not self.batch and program.inputs:
            first = program.metas[program.inputs[0]].sizes[:1]
            builder.batch = first[0] if first and isinstance(first[0], int) else None
        return builder.build(*outputs, batched=self._batched())

    def _add(self, call: Call, choice: Chosen, path: str, *, is_row: bool) -> Node:
        """Add a call, and before it what it is the first to read of the program's own tensors."""
        row = path if is_row else ""
        op = choice.op if call.recorded else choice.op.replace(looks_up=True)
        inputs = [self._tensor(name, row, op) for name in choice.inputs]
        for module in call.modules:  # what nothing reads stands where its module is first called
            for name in self.unread.pop(module.path, []):
                self._hold(name, row, op)
        place = call.place
        origin = self.file.span(printable(f"{path} ({place})" if place else path))
        if call.plain == ATTENTION:
            outputs = self.builder.add_layer(op, inputs, path, origin=origin, trainable=choice.trains)
            node = outputs[0].producer
        else:
            node = self.builder.add_node(
                op, inputs, path, layer=path, layer_op=op, origin=origin, trainable=choice.trains
            )
        self.tensors.update(zip(call.outputs, node.outputs, strict=False))
        return node

    def _tensor(self, name: str, row: str, op: Op | None) -> Tensor:
        name = self.same.get(name, name)
        if name not in self.tensors:
            self._hold(name, row, op)
        return self.tensors[name]

    def _hold(self, name: str, row: str, op: Op | None) -> None:
        """Add a tensor of the program's own; it belongs to the row of its module, if that is the one that reads it."""
        stored = self.program.stored[name]
        dtype = self.dtypes[stored.meta.dtype]
        held = HELD[stored.kind](shape=self.chooser.shape(name, 1), dtype=dtype)
        path = self.builder.claim(default=printable(stored.path))
        belongs = row and stored.path.rpartition(".")[0] == row
        node = self.builder.add_node(
            held,
            (),
            path,
            layer=row if belongs else path,
            layer_op=op if belongs and op else held,
            origin=self.file.span(path),
            trainable=stored.meta.requires_grad,
        )
        self.tensors[name] = node.outputs[0]

    def _find_unread(self, chosen: Sequence[Chosen]) -> None:
        read = {self.same.get(name, name) for one in chosen for name in (*one.inputs, *one.weights)}
        read.update(self.program.outputs)
        for name, stored in self.program.stored.items():
            if name not in read and name not in self.same and stored.kind != "constant":
                self.unread.setdefault(stored.path.rpartition(".")[0], []).append(name)

    def _batched(self) -> set[Tensor]:
        """Return the tensors whose first axis is the batch."""
        whole = symbol(self.batch)
        return {tensor for name, tensor in self.tensors.items() if self.program.metas[name].sizes[:1] == (whole,)}


def _symbols(program: Program, name: str) -> frozenset[str]:
    return frozenset().union(*map(symbols_of, program.metas[name].sizes))


def _dtypes(program: Program) -> dict[str, str]:
    """Return what the network calls data types: that of most weights, or else of most tensors, is `float`."""
    of_weights = [one.meta for one in program.stored.values() if "float" in one.meta.dtype]
    metas = of_weights or [meta for meta in program.metas.values() if "float" in meta.dtype]
    metas = [meta for meta in metas if not meta.is_complex] or metas  # whose parts are of that type
    counts: Counter[str] = Counter()
    for meta in metas:
        counts[meta.dtype] += size(tuple([one for one in meta.sizes if type(one) is int]))
    main = counts.most_common(1)[0][0] if counts else ""
    return {name: "float" if name == main else name for name in {meta.dtype for meta in program.metas.values()}}
