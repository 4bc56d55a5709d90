"""A file's messages, read in place: what a tensor is, none of its numbers."""

from __future__ import annotations

from mmap import ACCESS_READ, mmap
from typing import TYPE_CHECKING, Any, cast

from archinspect.graph.builder import MAX_NODES
from archinspect.importers.onnx.messages import MAX_VALUES, GraphOf, ModelOf, NodeOf, Reference, Stored, TypeOf
from archinspect.importers.onnx.wire import LENGTH, VARINT, WireError, fields, floats, integers, signed, text

if TYPE_CHECKING:
    from collections.abc import Callable

    from archinspect.importers.file import File
    from archinspect.importers.onnx.wire import Part

ROLES = ("archinspect.kind", "pkg.torch.export.graph_signature.InputSpec.kind")
"""Metadata by which our own files, and those of PyTorch's newer exporter, say what a weight is."""
SCOPES = b"name_scopes"
"""Metadata of the same exporter: the modules that an operator is in."""
MAX_DEPTH = 32
"""Depth of graphs within graphs."""
MAX_RANK = 64
"""Axes of a tensor."""
MAX_PARTS = 2_000_000
"""Tensors, values, attributes, inputs and outputs of operators, all together."""
NUMBERS = (4, 5, 7, 10, 11)
"""The lists of a tensor's numbers, of each type its own."""
KINDS = {1: "tensor", 4: "sequence", 5: "map", 8: "tensor", 9: "optional"}
"""What a value is, by the field of its type."""
TEXTS = {3: "name", 4: "kind", 7: "domain", 8: "overload"}
"""The fields of an operator that are texts."""

# The numbers of fields below are those of onnx.proto.
# ruff: noqa: PLR2004


def parse(file: File) -> ModelOf:
    """Return what a file holds; raise :class:`SourceError` for what is no ONNX file."""
    with file.open() as opened:
        try:
            data = mmap(opened.fileno(), 0, access=ACCESS_READ)
        except ValueError:
            raise file.refuse("the file is empty") from None
        except OSError as error:
            raise file.refuse(f"cannot read the file: {error.strerror or error}") from None
    try:
        model = _Parser(data).model()
    except WireError as error:
        raise file.refuse(f"not an ONNX file, or a damaged one: {error}", "fetch or export the file again") from None
    if not (model.graph.nodes or model.graph.outputs):
        raise file.refuse("the file has no graph", "is it an ONNX model?")
    return model


def _domain(name: str) -> str:
    """Return the name of a set of operators: that of the standard one is empty."""
    return "" if name == "ai.onnx" else name


class _Parser:
    """Reads messages, a method each."""

    def __init__(self, data: mmap) -> None:
        self.data = data
        self.nodes = self.parts = 0

    def text(self, part: Part) -> str:
        """Read a text."""
        return text(self.data, *part)

    def count(self, at: int) -> None:
        """Count a part of the file; raise :class:`WireError` for too many."""
        self.parts += 1
        if self.parts > MAX_PARTS:
            raise WireError(f"the file has more than {MAX_PARTS:,} tensors, values and attributes", at)

    def model(self) -> ModelOf:
        """Read the file."""
        found = ModelOf(self.data)
        functions = []
        for number, wire, start, end in fields(self.data, (0, len(self.data))):
            part = (start, end)
            if wire != LENGTH:
                continue
            if number == 7:
                self.graph(part, found.graph, 0)
            elif number == 8:
                self.opset(part, found.opsets)
            elif number == 25:
                functions.append(part)
            elif number == 2:
                found.producer = self.text(part)
        for part in functions:
            self.function(part, found)
        found.roles = {value.name: value.role for value in found.graph.types.values() if value.role}
        for stored in found.graph.stored.values():
            stored.role = found.roles.get(stored.name, "")
        return found

    def opset(self, part: Part, into: dict[str, int]) -> None:
        """Read the version of a set of operators."""
        domain, version = "", 1
        for number, wire, start, end in fields(self.data, part):
            if number == 1 and wire == LENGTH:
                domain = _domain(self.text((start, end)))
            elif number == 2 and wire == VARINT:
                version = signed(start)
        into[domain] = version

    def graph(self, part: Part, into: GraphOf, depth: int) -> GraphOf:
        """Read a graph; one that occurs twice is merged."""
        if depth > MAX_DEPTH:
            raise WireError(f"graphs nest deeper than {MAX_DEPTH}", part[0])
        read: dict[int, Callable[[Part], None]] = {
            1: lambda part: into.nodes.append(self.node(part, depth)),
            5: lambda part: self.weight(self.tensor(part), into),
            11: lambda part: into.inputs.append(self.value(part)),
            12: lambda part: into.outputs.append(self.value(part)),
            13: lambda part: self.said(part, into),
            15: lambda part: self.weight(self.sparse(part), into),
        }
        for number, wire, start, end in fields(self.data, part):
            if wire == LENGTH and number in read:
                read[number]((start, end))
        return into

    def weight(self, stored: Stored, into: GraphOf) -> None:
        """Take a weight of a graph."""
        stored.initializer = True
        into.stored[stored.name] = stored

    def said(self, part: Part, into: GraphOf) -> None:
        """Read what a graph says of a value."""
        value = self.value(part)
        into.types[value.name] = value

    def function(self, part: Part, model: ModelOf) -> None:
        """Read a function."""
        found = GraphOf()
        names = {1: "", 10: "", 13: ""}
        read: dict[int, Callable[[Part], None]] = {
            4: lambda part: found.inputs.append(TypeOf(self.text(part))),
            5: lambda part: found.outputs.append(TypeOf(self.text(part))),
            7: lambda part: found.nodes.append(self.node(part, 0)),
            9: lambda part: self.opset(part, found.opsets),
            11: lambda part: self.attribute(part, found.defaults, 0),
        }
        for number, wire, start, end in fields(self.data, part):
            if wire == LENGTH and number in names:
                names[number] = self.text((start, end))
            elif wire == LENGTH and number in read:
                read[number]((start, end))
        model.functions[_domain(names[10]), names[1], names[13]] = found

    def node(self, part: Part, depth: int) -> NodeOf:
        """Read an operator."""
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise WireError(f"the file has more than {MAX_NODES:,} operators", part[0])
        data, found = self.data, NodeOf()
        for number, wire, start, end in fields(data, part):
            if wire != LENGTH:
                continue
            if number in (1, 2):
                self.count(start)
                (found.inputs if number == 1 else found.outputs).append(text(data, start, end))
            elif number == 5:
                self.attribute((start, end), found.attributes, depth)
            elif number in TEXTS:
                setattr(found, TEXTS[number], text(data, start, end))
            elif number == 9 and SCOPES in data[start : start + 40]:
                found.scopes = self.entry((start, end))[1]
        found.domain = _domain(found.domain)
        return found

    def entry(self, part: Part) -> tuple[str, str]:
        """Read a key and a value."""
        found = {1: "", 2: ""}
        for number, wire, start, end in fields(self.data, part):
            if wire == LENGTH and number in found:
                found[number] = self.text((start, end))
        return found[1], found[2]

    def attribute(self, part: Part, into: dict[str, Any], depth: int) -> None:
        """Read an attribute: a number, a text, a tensor, a graph, or a list of numbers or texts."""
        self.count(part[0])
        data = self.data
        read: dict[int, Callable[[Part], Any]] = {
            4: self.text,
            5: self.tensor,
            6: lambda part: self.graph(part, GraphOf(), depth + 1),
            21: lambda part: Reference(self.text(part)),
            22: self.sparse,
        }
        name, value = "", cast("Any", None)
        several: list[Any] = []
        for number, wire, start, end in fields(data, part):
            if number == 8:
                several += integers(data, wire, start, end)
            elif number == 3 and wire == VARINT:
                value = signed(start)
            elif wire == VARINT:
                continue
            elif number == 7:
                several += floats(data, start, end)
            elif number == 2:
                (value,) = floats(data, start, end)
            elif number == 1:
                name = text(data, start, end)
            elif number == 9:
                several.append(text(data, start, end))
            elif number in read:
                value = read[number]((start, end))
        into[name] = several or value

    def tensor(self, part: Part) -> Stored:
        """Read what a tensor is, none of its numbers."""
        self.count(part[0])
        data, found = self.data, Stored()
        dims: list[int] = []
        for number, wire, start, end in fields(data, part):
            if number == 1:
                dims += integers(data, wire, start, end)
            elif number == 2 and wire == VARINT:
                found.code = start
            elif number == 8 and wire == LENGTH:
                found.name = text(data, start, end)
            elif number == 9 and wire == LENGTH:
                found.raw = (start, end)
            elif number == 13:
                found.is_external = True
            elif number in NUMBERS and len(found.lists) <= MAX_VALUES:
                # Of many numbers, each a field of its own, those that are too many to be of use are stepped over.
                found.lists.append((number, wire, start, end))
        found.dims = _sizes(dims, part)
        return found

    def sparse(self, part: Part) -> Stored:
        """Read a sparse tensor as the dense one that it stands for, of unknown numbers."""
        found, dims = Stored(code=1), []
        for number, wire, start, end in fields(self.data, part):
            if number == 1 and wire == LENGTH:
                values = self.tensor((start, end))
                found.name, found.code = values.name, values.code
            elif number == 3:
                dims += integers(self.data, wire, start, end)
        found.dims = _sizes(dims, part)
        return found

    def value(self, part: Part) -> TypeOf:
        """Read what the file says of a value."""
        self.count(part[0])
        found = TypeOf()
        for number, wire, start, end in fields(self.data, part):
            if wire != LENGTH:
                continue
            if number == 1:
                found.name = self.text((start, end))
            elif number == 2:
                self.type((start, end), found)
            elif number == 4:
                key, value = self.entry((start, end))
                found.role = value.lower() if key in ROLES else found.role
        return found

    def type(self, part: Part, into: TypeOf) -> None:
        """Read a type: of tensors, or of what holds some."""
        for number, wire, start, end in fields(self.data, part):
            if wire == LENGTH and number in KINDS:
                into.kind = KINDS[number]
                if into.kind == "tensor":
                    self.tensor_type((start, end), into)

    def tensor_type(self, part: Part, into: TypeOf) -> None:
        """Read the type of a tensor."""
        for number, wire, start, end in fields(self.data, part):
            if number == 1 and wire == VARINT:
                into.code = start
            elif number == 2 and wire == LENGTH:
                sizes = fields(self.data, (start, end))
                into.dims = tuple([self.size((at, to)) for one, how, at, to in sizes if (one, how) == (1, LENGTH)])
                if len(into.dims) > MAX_RANK:
                    raise WireError("a value has more axes than any", start)

    def size(self, part: Part) -> int | str | None:
        """Read a size; one that is negative is open."""
        found: int | str | None = None
        for number, wire, start, end in fields(self.data, part):
            if number == 1 and wire == VARINT:
                found = signed(start) if signed(start) >= 0 else None
            elif number == 2 and wire == LENGTH:
                found = self.text((start, end)) or None
        return found


def _sizes(dims: list[int], part: Part) -> tuple[int, ...]:
    if len(dims) > MAX_RANK or any(size < 0 for size in dims):
        raise WireError("a tensor has axes that no tensor has", part[0])
    return tuple(dims)
