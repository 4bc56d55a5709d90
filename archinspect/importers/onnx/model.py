"""ONNX's messages, as far as an architecture needs them: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from math import prod
from mmap import ACCESS_READ, mmap
from typing import TYPE_CHECKING, Any

from archinspect.graph.builder import MAX_NODES
from archinspect.importers.onnx.wire import LENGTH, VARINT, Part, WireError, fields, floats, integers, signed, text

if TYPE_CHECKING:
    from archinspect.importers.file import File

DTYPES = {
    1: "float",
    2: "uint8",
    3: "int8",
    4: "int16",
    5: "int16",
    6: "int32",
    7: "int64",
    9: "bool",
    10: "float16",
    11: "float64",
    12: "int32",
    13: "int64",
    16: "bfloat16",
    **dict.fromkeys((17, 18, 19, 20, 23, 24, 27, 28), "float8"),
    **dict.fromkeys((21, 22, 25, 26), "int8"),
}
"""Types of elements by their number; those of fewer than 8 bits count as 8, complex and texts as their like."""
QUANTIZED = frozenset(("int8", "uint8"))
FLOATS = frozenset(("float", "float16", "float64", "bfloat16", "float8"))
_RAW = {1: "f", 2: "B", 3: "b", 4: "H", 5: "h", 6: "i", 7: "q", 9: "?", 10: "e", 11: "d", 12: "I", 13: "Q"}
ROLES = ("archinspect.kind", "pkg.torch.export.graph_signature.InputSpec.kind")
"""Metadata by which our own files, and those of PyTorch's newer exporter, say what a weight is."""
MAX_DEPTH = 32
"""Depth of graphs within graphs."""
MAX_RANK = 64
MAX_VALUES = 20_000
"""Elements of a tensor of whole numbers whose values are read."""
MAX_FRACTIONS = 256
"""Elements of another."""


@dataclass(slots=True, eq=False)
class Stored:
    """A tensor of the file: what it is, and where its numbers stand."""

    name: str = ""
    dims: tuple[int, ...] = ()
    code: int = 0
    raw: Part | None = None
    lists: list[tuple[int, int, int, int]] = field(default_factory=list)
    external: tuple[str, ...] = ()
    initializer: bool = False
    """Whether it is one of a graph's weights, and no `Constant`."""
    role: str = ""
    """What the file says that it is to the network: a parameter, frozen, a buffer; mostly nothing."""
    filled: bool = False
    """Whether it is one number everywhere, in the place of weights that were left out."""
    kept: tuple[list[Any] | None] | None = None
    """Its elements, once they were asked for."""

    @property
    def dtype(self) -> str:
        """The type of an element."""
        return DTYPES.get(self.code, "float")

    @property
    def elements(self) -> int:
        """How many there are."""
        return prod(self.dims)

    def values(self, data: mmap) -> list[Any] | None:
        """Return its elements where they are few, and stand in the file."""
        if self.kept is None:
            self.kept = (self._values(data),)
        return self.kept[0]

    def _values(self, data: mmap) -> list[Any] | None:
        count = self.elements
        if count > (MAX_FRACTIONS if self.dtype in FLOATS else MAX_VALUES) or self.external:
            return [] if count == 0 else None
        if self.raw is not None:
            kind = _RAW.get(self.code)
            if kind is None or self.raw[1] - self.raw[0] != count * struct.calcsize(kind):
                return None
            return list(struct.unpack(f"<{count}{kind}", data[slice(*self.raw)]))
        found: list[Any] = []
        for number, wire, start, end in self.lists:
            if number == 4:  # noqa: PLR2004 - float_data
                found += floats(data, start, end)
            elif number == 10:  # noqa: PLR2004 - double_data
                found += floats(data, start, end, "d")
            else:
                found += integers(data, wire, start, end)
        if self.code in (10, 16):
            found = [struct.unpack("<e", struct.pack("<H", bits & 0xFFFF))[0] for bits in found]
        return found if len(found) == count else None


@dataclass(slots=True)
class TypeOf:
    """What the file says of a value: sizes are numbers, names, or None; `dims` is None without a rank."""

    name: str = ""
    code: int = 0
    dims: tuple[int | str | None, ...] | None = None
    kind: str = "tensor"
    role: str = ""
    """As of :class:`Stored`."""


@dataclass(slots=True, eq=False)
class NodeOf:
    """An operator, as the file has it."""

    kind: str = ""
    domain: str = ""
    name: str = ""
    overload: str = ""
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    attributes: dict[str, Any] = field(default_factory=dict)
    scopes: str = ""


@dataclass(slots=True)
class Reference:
    """An attribute that a function's caller gives."""

    name: str


@dataclass(slots=True, eq=False)
class GraphOf:
    """A graph, or the body of a function."""

    name: str = ""
    nodes: list[NodeOf] = field(default_factory=list)
    stored: dict[str, Stored] = field(default_factory=dict)
    inputs: list[TypeOf] = field(default_factory=list)
    outputs: list[TypeOf] = field(default_factory=list)
    types: dict[str, TypeOf] = field(default_factory=dict)
    opsets: dict[str, int] = field(default_factory=dict)
    defaults: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class ModelOf:
    """A file."""

    data: mmap
    graph: GraphOf = field(default_factory=GraphOf)
    opsets: dict[str, int] = field(default_factory=dict)
    functions: dict[tuple[str, str, str], GraphOf] = field(default_factory=dict)
    producer: str = ""
    roles: dict[str, str] = field(default_factory=dict)
    """What the file says of its weights, by the values' names."""

    @property
    def says_all(self) -> bool:
        """Whether the file says of every weight that it is one, as our own do."""
        return self.producer == "archinspect"


def domain_of(name: str) -> str:
    """Return a domain's name: that of the standard operators is empty."""
    return "" if name == "ai.onnx" else name


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


class _Parser:
    """Reads messages, a method each."""

    def __init__(self, data: mmap) -> None:
        self.data = data
        self.nodes = 0
        self.roles: dict[str, str] = {}

    def model(self) -> ModelOf:
        """Read the file."""
        data = self.data
        found = ModelOf(data)
        functions = []
        for number, wire, start, end in fields(data, (0, len(data))):
            if wire != LENGTH:
                continue
            if number == 7:  # noqa: PLR2004 - of ModelProto: graph
                self.graph((start, end), found.graph, 0)
            elif number == 8:  # noqa: PLR2004 - opset_import
                self.opset((start, end), found.opsets)
            elif number == 25:  # noqa: PLR2004 - functions
                functions.append((start, end))
            elif number == 2:  # noqa: PLR2004 - producer_name
                found.producer = text(data, start, end)
        for part in functions:
            self.function(part, found)
        found.roles = self.roles
        for stored in found.graph.stored.values():
            stored.role = self.roles.get(stored.name, "")
        return found

    def opset(self, part: Part, into: dict[str, int]) -> None:
        """Read the version of a set of operators."""
        domain, version = "", 1
        for number, wire, start, end in fields(self.data, part):
            if number == 1 and wire == LENGTH:
                domain = domain_of(text(self.data, start, end))
            elif number == 2 and wire == VARINT:  # noqa: PLR2004 - version
                version = signed(start)
        into[domain] = version

    def graph(self, part: Part, into: GraphOf, depth: int) -> GraphOf:
        """Read a graph; one that occurs twice is merged."""
        if depth > MAX_DEPTH:
            raise WireError(f"graphs nest deeper than {MAX_DEPTH}", part[0])
        data = self.data
        for number, wire, start, end in fields(data, part):
            if wire != LENGTH:
                continue
            if number == 1:
                into.nodes.append(self.node((start, end), depth))
            elif number == 5:  # noqa: PLR2004 - of GraphProto: initializer
                stored = self.tensor((start, end))
                stored.initializer = True
                into.stored[stored.name] = stored
            elif number == 11:  # noqa: PLR2004 - input
                into.inputs.append(self.value((start, end)))
            elif number == 12:  # noqa: PLR2004 - output
                into.outputs.append(self.value((start, end)))
            elif number == 13:  # noqa: PLR2004 - value_info
                value = self.value((start, end))
                into.types[value.name] = value
                if value.role:
                    self.roles[value.name] = value.role
            elif number == 15:  # noqa: PLR2004 - sparse_initializer
                stored = self.sparse((start, end))
                stored.initializer = True
                into.stored[stored.name] = stored
            elif number == 2:  # noqa: PLR2004 - name
                into.name = text(data, start, end)
        return into

    def function(self, part: Part, model: ModelOf) -> None:
        """Read a function."""
        data = self.data
        found = GraphOf()
        name = domain = overload = ""
        for number, wire, start, end in fields(data, part):
            if wire != LENGTH:
                continue
            if number == 1:
                name = text(data, start, end)
            elif number == 4:  # noqa: PLR2004 - of FunctionProto: input
                found.inputs.append(TypeOf(text(data, start, end)))
            elif number == 5:  # noqa: PLR2004 - output
                found.outputs.append(TypeOf(text(data, start, end)))
            elif number == 7:  # noqa: PLR2004 - node
                found.nodes.append(self.node((start, end), 0))
            elif number == 9:  # noqa: PLR2004 - opset_import
                self.opset((start, end), found.opsets)
            elif number == 10:  # noqa: PLR2004 - domain
                domain = domain_of(text(data, start, end))
            elif number == 11:  # noqa: PLR2004 - attribute_proto
                self.attribute((start, end), found.defaults, 0)
            elif number == 13:  # noqa: PLR2004 - overload
                overload = text(data, start, end)
        found.name = name
        model.functions[domain, name, overload] = found

    def node(self, part: Part, depth: int) -> NodeOf:
        """Read an operator."""
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise WireError(f"the file has more than {MAX_NODES:,} operators", part[0])
        data = self.data
        found = NodeOf()
        for number, wire, start, end in fields(data, part):
            if wire != LENGTH:
                continue
            if number == 1:
                found.inputs.append(text(data, start, end))
            elif number == 2:  # noqa: PLR2004 - of NodeProto: output
                found.outputs.append(text(data, start, end))
            elif number == 5:  # noqa: PLR2004 - attribute
                self.attribute((start, end), found.attributes, depth)
            elif number == 4:  # noqa: PLR2004 - op_type
                found.kind = text(data, start, end)
            elif number == 3:  # noqa: PLR2004 - name
                found.name = text(data, start, end)
            elif number == 7:  # noqa: PLR2004 - domain
                found.domain = domain_of(text(data, start, end))
            elif number == 8:  # noqa: PLR2004 - overload
                found.overload = text(data, start, end)
            elif number == 9 and data[start : start + 32].find(b"name_scopes") >= 0:  # noqa: PLR2004 - metadata_props
                found.scopes = self.entry((start, end))[1]
        return found

    def entry(self, part: Part) -> tuple[str, str]:
        """Read a key and a value."""
        found = {1: "", 2: ""}
        for number, wire, start, end in fields(self.data, part):
            if wire == LENGTH and number in found:
                found[number] = text(self.data, start, end)
        return found[1], found[2]

    def attribute(self, part: Part, into: dict[str, Any], depth: int) -> None:  # noqa: C901, PLR0912 - a field each
        """Read an attribute; a graph, a tensor and lists of them as what they are."""
        data = self.data
        name, value, several = "", None, None
        for number, wire, start, end in fields(data, part):
            if number == 1 and wire == LENGTH:
                name = text(data, start, end)
            elif number == 21 and wire == LENGTH:  # noqa: PLR2004 - of AttributeProto: ref_attr_name
                value = Reference(text(data, start, end))
            elif number == 3 and wire == VARINT:  # noqa: PLR2004 - i
                value = signed(start)
            elif number == 8:  # noqa: PLR2004 - ints
                several = [*(several or ()), *integers(data, wire, start, end)]
            elif number == 2 and wire not in (VARINT, LENGTH):  # noqa: PLR2004 - f
                (value,) = floats(data, start, end)
            elif number == 7 and wire != VARINT:  # noqa: PLR2004 - floats
                several = [*(several or ()), *floats(data, start, end)]
            elif wire != LENGTH:
                continue
            elif number == 4:  # noqa: PLR2004 - s
                value = text(data, start, end)
            elif number == 5:  # noqa: PLR2004 - t
                value = self.tensor((start, end))
            elif number == 6:  # noqa: PLR2004 - g
                value = self.graph((start, end), GraphOf(), depth + 1)
            elif number == 9:  # noqa: PLR2004 - strings
                several = [*(several or ()), text(data, start, end)]
            elif number == 22:  # noqa: PLR2004 - sparse_tensor
                value = self.sparse((start, end))
        into[name] = several if several is not None else value

    def tensor(self, part: Part) -> Stored:
        """Read what a tensor is, none of its numbers."""
        data = self.data
        found = Stored()
        dims: list[int] = []
        for number, wire, start, end in fields(data, part):
            if number == 1:
                dims += integers(data, wire, start, end)
            elif number == 2 and wire == VARINT:  # noqa: PLR2004 - of TensorProto: data_type
                found.code = start
            elif number == 8 and wire == LENGTH:  # noqa: PLR2004 - name
                found.name = text(data, start, end)
            elif number == 9 and wire == LENGTH:  # noqa: PLR2004 - raw_data
                found.raw = (start, end)
            elif number in (4, 5, 7, 10, 11):
                # Of many numbers, each its own field, those that are too many to be of use are stepped over.
                if len(found.lists) <= MAX_VALUES:
                    found.lists.append((number, wire, start, end))
            elif number == 13 and wire == LENGTH:  # noqa: PLR2004 - external_data
                found.external += (self.entry((start, end))[1],)
        if len(dims) > MAX_RANK or any(size < 0 for size in dims):
            raise WireError("a tensor has axes that no tensor has", part[0])
        found.dims = tuple(dims)
        return found

    def sparse(self, part: Part) -> Stored:
        """Read a sparse tensor as the dense one that it stands for, of unknown numbers."""
        found, dims = Stored(code=1), []
        for number, wire, start, end in fields(self.data, part):
            if number == 1 and wire == LENGTH:
                values = self.tensor((start, end))
                found.name, found.code = values.name, values.code
            elif number == 3:  # noqa: PLR2004 - of SparseTensorProto: dims
                dims += integers(self.data, wire, start, end)
        found.dims = tuple(dims)
        return found

    def value(self, part: Part) -> TypeOf:
        """Read what the file says of a value."""
        data = self.data
        found = TypeOf()
        for number, wire, start, end in fields(data, part):
            if number == 1 and wire == LENGTH:
                found.name = text(data, start, end)
            elif number == 2 and wire == LENGTH:  # noqa: PLR2004 - of ValueInfoProto: type
                self.type((start, end), found)
            elif number == 4 and wire == LENGTH:  # noqa: PLR2004 - metadata_props
                key, value = self.entry((start, end))
                if key in ROLES:
                    found.role = value.lower()
        return found

    def type(self, part: Part, into: TypeOf) -> None:
        """Read a type: of tensors, or of what holds some."""
        kinds = {1: "tensor", 4: "sequence", 5: "map", 8: "tensor", 9: "optional"}
        for number, wire, start, end in fields(self.data, part):
            if wire != LENGTH or number not in kinds:
                continue
            into.kind = kinds[number]
            if into.kind == "tensor":
                for inner, how, begin, stop in fields(self.data, (start, end)):
                    if inner == 1 and how == VARINT:
                        into.code = begin
                    elif inner == 2 and how == LENGTH:  # noqa: PLR2004 - of TypeProto.Tensor: shape
                        into.dims = self.shape((begin, stop))

    def shape(self, part: Part) -> tuple[int | str | None, ...]:
        """Read sizes; one that is negative is open."""
        found: list[int | str | None] = []
        for number, wire, start, end in fields(self.data, part):
            if number != 1 or wire != LENGTH:
                continue
            size: int | str | None = None
            for inner, how, begin, stop in fields(self.data, (start, end)):
                if inner == 1 and how == VARINT:
                    size = signed(begin) if signed(begin) >= 0 else None
                elif inner == 2 and how == LENGTH:  # noqa: PLR2004 - of Dimension: dim_param
                    size = text(self.data, begin, stop) or None
            found.append(size)
        if len(found) > MAX_RANK:
            raise WireError("a value has more axes than any", part[0])
        return tuple(found)
