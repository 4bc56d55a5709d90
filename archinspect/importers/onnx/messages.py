"""ONNX's messages, as far as an architecture needs them: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto."""

from __future__ import annotations

import struct
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from archinspect.importers.onnx.wire import floats, integers

if TYPE_CHECKING:
    from mmap import mmap

    from archinspect.importers.onnx.wire import Part

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
"""Types of elements by their number; those of fewer than 8 bits count as 8, complex ones and texts as numbers."""
FLOATS = frozenset(("float", "float16", "float64", "bfloat16", "float8"))
QUANTIZED = frozenset(("int8", "uint8"))
HALF, BRAIN = 10, 16
"""Types of 16 bits, whose lists have them as whole numbers."""
_RAW = {1: "f", 2: "B", 3: "b", 4: "H", 5: "h", 6: "i", 7: "q", 9: "?", 10: "e", 11: "d", 12: "I", 13: "Q"}
_LISTS = {4: "f", 10: "d"}
"""Of the lists of numbers those of floats and doubles; others are of whole numbers."""
MAX_VALUES = 20_000
"""Elements of a tensor of whole numbers whose values are read."""
MAX_FRACTIONS = 256
"""Elements of another."""


class Stored:
    """A tensor of the file: what it is, and where its numbers stand."""

    __slots__ = ("_values", "code", "dims", "filled", "initializer", "is_external", "lists", "name", "raw", "role")

    def __init__(self, name: str = "", dims: tuple[int, ...] = (), code: int = 0) -> None:
        self.name = name
        self.dims = dims
        self.code = code
        """The number of its type."""
        self.raw: Part | None = None
        self.lists: list[tuple[int, int, int, int]] = []
        self.is_external = False
        self.initializer = False
        """Whether it is one of a graph's weights, and no `Constant`."""
        self.filled = False
        """Whether it is one number everywhere, in the place of weights that were left out."""
        self.role = ""
        """What the file says that it is to the network: parameter, frozen, buffer; mostly nothing."""
        self._values: tuple[list[Any] | None] | None = None

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
        if self._values is None:
            self._values = (self._read(data),)
        return self._values[0]

    def _read(self, data: mmap) -> list[Any] | None:
        count = self.elements
        if count == 0:
            return []
        if self.is_external or count > (MAX_FRACTIONS if self.dtype in FLOATS else MAX_VALUES):
            return None
        if self.raw is not None:
            kind = _RAW.get(self.code)
            if kind is None or self.raw[1] - self.raw[0] != count * struct.calcsize(kind):
                return None
            return list(struct.unpack(f"<{count}{kind}", data[slice(*self.raw)]))
        found: list[Any] = []
        for number, wire, start, end in self.lists:
            if number in _LISTS:
                found += floats(data, start, end, _LISTS[number])
            else:
                found += integers(data, wire, start, end)
        if self.code in (HALF, BRAIN):
            found = [_from_bits(bits, self.code) for bits in found]
        return found if len(found) == count else None


def _from_bits(bits: int, code: int) -> float:
    """Return a number of 16 bits."""
    if code == BRAIN:
        return float(struct.unpack("<f", struct.pack("<I", (bits & 0xFFFF) << 16))[0])
    return float(struct.unpack("<e", struct.pack("<H", bits & 0xFFFF))[0])


class TypeOf:
    """What the file says of a value."""

    __slots__ = ("code", "dims", "kind", "name", "role")

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.code = 0
        self.dims: tuple[int | str | None, ...] | None = None
        """Sizes are numbers, names, or None; None for all without a rank."""
        self.kind = "tensor"
        self.role = ""
        """As of :class:`Stored`."""


class NodeOf:
    """An operator, as the file has it."""

    __slots__ = ("attributes", "domain", "inputs", "kind", "name", "outputs", "overload", "scopes")

    def __init__(self) -> None:
        self.kind = self.domain = self.name = self.overload = self.scopes = ""
        self.inputs: list[str] = []
        self.outputs: list[str] = []
        self.attributes: dict[str, Any] = {}


class Reference(NamedTuple):
    """An attribute that a function's caller gives."""

    name: str


class GraphOf:
    """A graph, or a function."""

    __slots__ = ("defaults", "inputs", "nodes", "opsets", "outputs", "stored", "types")

    def __init__(self) -> None:
        self.nodes: list[NodeOf] = []
        self.stored: dict[str, Stored] = {}
        self.inputs: list[TypeOf] = []
        self.outputs: list[TypeOf] = []
        self.types: dict[str, TypeOf] = {}
        """What is said of values between, by their names."""
        self.opsets: dict[str, int] = {}
        self.defaults: dict[str, Any] = {}
        """A function's attributes that callers may leave out."""


class ModelOf:
    """A file."""

    def __init__(self, data: mmap) -> None:
        self.data = data
        self.graph = GraphOf()
        self.opsets: dict[str, int] = {}
        """Versions of sets of operators."""
        self.functions: dict[tuple[str, str, str], GraphOf] = {}
        """By their set, name and overload."""
        self.producer = ""
        self.roles: dict[str, str] = {}
        """What the file says of its weights, by the values' names."""

    @property
    def says_all(self) -> bool:
        """Whether the file says of every weight that it is one, as our own do."""
        return self.producer == "archinspect"
