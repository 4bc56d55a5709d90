"""What a TensorFlow Lite model says: tensors and operators. Numbers of fields are from TensorFlow's schema.fbs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archinspect.base.printable import printable
from archinspect.graph.builder import MAX_NODES
from archinspect.importers.tflite.flatbuffer import DamagedError, Table, number

if TYPE_CHECKING:
    from mmap import mmap

TYPES = {
    0: "float",
    1: "float16",
    2: "int32",
    3: "uint8",
    4: "int64",
    6: "bool",
    7: "int16",
    9: "int8",
    10: "float64",
}
"""Types of tensors under our names."""
WIDTHS = {2: 4, 4: 8, 7: 2, 9: 1, 3: 1}
"""Bytes of whole numbers."""
REALS = {0: "<f", 1: "<e"}
"""How numbers of single and of half precision lie."""
MOST_NUMBERS = 100_000
"""Elements of a constant that are read: shapes, axes, paddings."""
MAX_TENSORS = 1_000_000


class Tensor:
    """A tensor: of the network, or numbers that are in the file."""

    def __init__(self, table: Table, buffers: list[Table]) -> None:
        self.shape = table.wholes(0)
        self.kind = table.whole(1, 1)
        self.name = printable(table.text(3))
        self.signature = table.wholes(7)
        """The shape with -1 for what is open; empty where nothing is."""
        at = table.whole(2, 4, signed=False)
        if at >= len(buffers) or len(self.shape) > 16:  # noqa: PLR2004 - more axes than any operator has
            raise DamagedError("a tensor has no buffer, or too many axes")
        self.buffer = buffers[at]
        start, count = self.buffer.vector(0, 1)
        self.place = start
        self.bytes = count
        self.is_constant = count > 0 or self.buffer.whole(1, 8, signed=False) > 1
        self.is_made = False
        """Whether it follows from constants and sizes alone, so that it is no weight."""

    @property
    def dtype(self) -> str:
        """Its type under our names."""
        return TYPES.get(self.kind, "float")

    @property
    def size(self) -> int:
        """Elements."""
        found = 1
        for length in self.shape:
            found *= length
        return found

    def read_as(self, other: Tensor) -> None:
        """Have the numbers of another, which is stored in another type."""
        self.buffer, self.place, self.bytes, self.kind = other.buffer, other.place, other.bytes, other.kind

    def numbers(self) -> list[int] | None:
        """Return the whole numbers of a constant; None where it has none."""
        width = WIDTHS.get(self.kind)
        if width is None or self.bytes < self.size * width or self.size > MOST_NUMBERS or not self.bytes:
            return None
        data = self.buffer.data
        return [number(data, self.place + width * at, width, signed=True) for at in range(self.size)]

    def real(self) -> float | None:
        """Return the number of a constant of one; None of any other."""
        import struct  # models with such alone

        if self.size != 1 or not self.bytes:
            return None
        if self.kind in REALS and self.bytes >= struct.calcsize(REALS[self.kind]):
            return float(struct.unpack_from(REALS[self.kind], self.buffer.data, self.place)[0])
        found = self.numbers()
        return float(found[0]) if found else None


class Dilation(NamedTuple):
    """How far apart the places of a window are, and the zeros before and after each axis."""

    rates: list[int]
    padding: tuple[list[int], list[int]]


class Operator(NamedTuple):
    """An operator: its number in the schema, or its name where it is an author's own."""

    code: int
    custom: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Table | None
    dilation: Dilation | None = None
    """Of a convolution that other operators dilate."""


class Model(NamedTuple):
    """The main graph of a file."""

    version: int
    description: str
    tensors: list[Tensor]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    operators: list[Operator]
    graphs: int
    """How many graphs there are: those besides are bodies of `IF` and `WHILE`, and what is called once."""


def parse(data: bytes | mmap) -> Model:
    """Return the model; raise :class:`DamagedError`."""
    root = Table(data, number(data, 0, 4))
    graphs = root.tables(2)
    if not graphs:
        raise DamagedError("it has no graph")
    buffers = list(root.tables(4))
    codes = [(max(code.whole(0, 1), code.whole(3, 4)), printable(code.text(1))) for code in root.tables(1)]
    main = graphs[0]
    tables = main.tables(0)
    if len(tables) > MAX_TENSORS:
        raise DamagedError("it has too many tensors")
    tensors = [Tensor(table, buffers) for table in tables]
    steps = main.tables(3)
    if len(steps) > MAX_NODES:
        raise DamagedError("it has too many operators")
    operators = []
    for step in steps:
        at = step.whole(0, 4, signed=False)
        if at >= len(codes):
            raise DamagedError("an operator has no name")
        read = tuple(one for one in step.wholes(1))
        made = step.wholes(2)
        if any(not -1 <= one < len(tensors) for one in (*read, *made)):
            raise DamagedError("an operator reads a tensor that is not there")
        operators.append(Operator(*codes[at], read, made, step.table(4)))
    ends = main.wholes(1), main.wholes(2)
    if any(not 0 <= one < len(tensors) for one in (*ends[0], *ends[1])):
        raise DamagedError("the graph names a tensor that is not there")
    return Model(root.whole(0), printable(root.text(3)), tensors, *ends, operators, len(graphs))
