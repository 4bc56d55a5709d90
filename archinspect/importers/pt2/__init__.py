"""Programs of PyTorch, saved by `torch.export.save`: a zip with JSON, read without torch.

`program` reads the file, `operators` has the table of operators, `nodes` chooses between those and the calls as they
stand, `modules` names layers. Shapes are the file's.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING

from archinspect.base.printable import printable
from archinspect.base.shape import size
from archinspect.graph.builder import GraphBuilder
from archinspect.importers import asked
from archinspect.importers.pt2.modules import instances, name_all
from archinspect.importers.pt2.nodes import Chooser
from archinspect.importers.pt2.program import read_program
from archinspect.importers.pt2.sizes import Expression, bound, symbols_of, value
from archinspect.importers.pt2.traced import Buffer, Constant, Parameter, ProgramInput
from archinspect.importers.pt2.weights import absorbed, tied

if TYPE_CHECKING:
    from archinspect.base.diagnostics import Problems
    from archinspect.base.settings import Settings
    from archinspect.graph.graph import Graph, Tensor
    from archinspect.importers.file import File
    from archinspect.importers.pt2.nodes import Chosen
    from archinspect.importers.pt2.program import Call, Program
    from archinspect.ops.base import Op

HELD = {"parameter": Parameter, "buffer": Buffer, "constant": Constant}


def read(file: File, settings: Settings, problems: Problems) -> Graph | None:
    """Return the graph of a program for the sizes that are asked for; None where it cannot have them."""
    program = read_program(file)
    symbol = _batch(program)
    program = _with_sizes(file, program, symbol, settings, problems)
    if problems.failed:
        return None
    return _Maker(file, program, symbol, problems).make()


def _batch(program: Program) -> str:
    """Return the symbol that is the first axis of an input; empty where none is open."""
    for name in program.inputs:
        found = symbols_of(program.metas[name].sizes[0]) if program.metas[name].sizes else frozenset()
        if len(found) == 1:
            return next(iter(found))
    return ""


def _with_sizes(file: File, program: Program, symbol: str, settings: Settings, problems: Problems) -> Program:
    """Return the program with the inputs' sizes in the place of all symbols but the batch."""
    origin = file.span()
    hints: dict[str, int] = {symbol: 1, **program.hints}
    sizes = {name: program.metas[name].sizes for name in program.inputs}
    hints[symbol] = 1
    own = {name: tuple([value(one, hints) for one in sizes[name][1:]]) for name in sizes}
    shapes = asked.shapes(own, settings, problems, origin)
    asked.params({}, settings, problems, origin)
    symbols: dict[str, int] = {}
    for name, shape in shapes.items():
        for one, dim, ours in zip(sizes[name][1:], shape, own[name], strict=False):
            if isinstance(one, Expression) and one.operation == "Symbol" and one.arguments[0] != symbol:
                if dim is not ours or one.arguments[0] not in symbols:
                    symbols[one.arguments[0]] = dim
            elif dim is not ours and dim != ours:
                message = f"input '{name}': the program was exported for {ours} where {dim} is asked for"
                problems.error("input", message, origin, "export it with `dynamic_shapes` to leave sizes open")
    if not symbol and settings.batch and sizes:
        first = next(iter(sizes.values()))[:1]
        if first != (settings.batch,):
            message = f"the program was exported for a batch of {first[0] if first else 'its own'}, not {settings.batch}"
            problems.error("input", message, origin, "export it with `dynamic_shapes` to leave the batch open")
    open_ = {symbol} if symbol else set()
    metas = {}
    for name, meta in program.metas.items():
        if any(type(one) is not int for one in meta.sizes):
            meta = meta._replace(sizes=tuple([bound(one, symbols) for one in meta.sizes]))  # noqa: PLW2901 - the same, known
            if any(symbols_of(one) - open_ for one in meta.sizes):
                raise file.refuse(
                    f"the sizes of '{printable(name)}' depend on what the program reads, and are known only when it runs",
                    node=printable(name),
                )
        metas[name] = meta
    return program._replace(metas=metas)


class _Maker:
    """Makes the graph of a program."""

    def __init__(self, file: File, program: Program, symbol: str, problems: Problems) -> None:
        self.file = file
        self.program = program
        self.problems = problems
        kinds = [call.modules[0].kind for call in program.calls if call.modules][:1]
        name = os.path.splitext(os.path.basename(file.path))[0]
        self.builder = GraphBuilder(printable(name), layout="channels_first", origin=file.span())
        self.builder.description = printable(f"{kinds[0] if kinds else 'a program'}, exported by PyTorch {program.version}")
        self.dtypes = _dtypes(program)
        lender = next((name for name in program.inputs if symbol in _symbols(program, name)), "")
        self.chooser = Chooser(program, self.dtypes, symbol, lender)
        self.symbol = symbol
        self.tensors: dict[str, Tensor] = {}

    def make(self) -> Graph:
        """Return the graph."""
        program, builder = self.program, self.builder
        same = tied(program, self.file.span(), self.problems)
        for name in program.inputs:
            op = ProgramInput(
                sizes=program.metas[name].sizes, dtype=self.dtypes[program.metas[name].dtype], batch=self.symbol
            )
            self.tensors[name] = builder.add_input(op, builder.claim(printable(name)), self.file.span(printable(name)))
        chosen, shares = absorbed(program.calls, self.chooser, same)
        places = instances(program.calls)
        paths = name_all(places, builder)
        owners = {place.path: path for place, path in zip(reversed(places), reversed(paths), strict=True) if place.is_row}
        unread = self._unread(chosen, same)
        nodes = []
        for call, choice, path in zip(program.calls, chosen, paths, strict=True):
            nodes.append(self._add(call, choice, path, owners, unread, same))
        for index, other in shares.items():
            builder.tie(nodes[index].producer, nodes[other].producer)
        for name in [name for names in unread.values() for name in names]:
            self._hold(name, "", None)
        outputs = [self._tensor(name, same, "", None) for name in program.outputs]
        return builder.build(*outputs, batched=self._batched())

    def _add(
        self,
        call: Call,
        choice: Chosen,
        path: str,
        owners: dict[str, str],
        unread: dict[str, list[str]],
        same: dict[str, str],
    ) -> Tensor:
        """Add a call, and before it what it is the first to read of the program's own tensors."""
        row = path if path in owners.values() else ""
        inputs = [self._tensor(name, same, row, choice.op) for name in choice.inputs]
        module = call.modules[-1].path if row and call.modules else ""
        if owners.get(module) == path:
            for name in unread.pop(module, []):
                self._hold(name, row, choice.op)
        node = self.builder.add_node(choice.op, inputs, path, layer=path, layer_op=choice.op, origin=self._origin(call, path))
        self.tensors.update(zip(call.outputs, node.outputs, strict=False))
        return node.outputs[0]

    def _origin(self, call: Call, path: str):  # noqa: ANN202
        place = call.place
        return self.file.span(printable(f"{path} ({place})" if place else path))

    def _tensor(self, name: str, same: dict[str, str], row: str, op: Op | None) -> Tensor:
        name = same.get(name, name)
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

    def _unread(self, chosen: list[Chosen], same: dict[str, str]) -> dict[str, list[str]]:
        """Return the parameters and buffers that nothing reads, by the path of their module."""
        read = {same.get(name, name) for one in chosen for name in (*one.inputs, *one.weights)}
        found: dict[str, list[str]] = {}
        for name, stored in self.program.stored.items():
            if name not in read and name not in same and stored.kind != "constant" and name not in self.program.outputs:
                found.setdefault(stored.path.rpartition(".")[0], []).append(name)
        return found

    def _batched(self) -> set[Tensor]:
        """Return the tensors whose first axis is the batch."""
        whole = Expression("Symbol", (self.symbol,))
        return {tensor for name, tensor in self.tensors.items() if self.program.metas[name].sizes[:1] == (whole,)}


def _symbols(program: Program, name: str) -> frozenset[str]:
    return frozenset().union(*map(symbols_of, program.metas[name].sizes))


def _dtypes(program: Program) -> dict[str, str]:
    """Return what the network calls data types: that of most weights, or else of most tensors, is `float`."""
    of_weights = [one.meta for one in program.stored.values() if "float" in one.meta.dtype]
    metas = of_weights or [meta for meta in program.metas.values() if "float" in meta.dtype]
    counts: Counter[str] = Counter()
    for meta in metas:
        counts[meta.dtype] += size(tuple([one for one in meta.sizes if type(one) is int]))
    main = counts.most_common(1)[0][0] if counts else ""
    return {name: "float" if name == main else name for name in {meta.dtype for meta in program.metas.values()}}
