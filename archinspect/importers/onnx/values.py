"""What is known of a file's values, and an operator's use of them: what the rules of :mod:`.rules` are written with."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from archinspect.importers.onnx.messages import FLOATS, MAX_FRACTIONS, MAX_VALUES, NodeOf, Reference, Stored

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from mmap import mmap

    from archinspect.base.shape import Shape


class RuleError(Exception):
    """An operator that its inputs do not fit, with the reason."""


class OpenError(RuleError):
    """An operator whose outputs' shapes follow from data that is not known."""


class Value:
    """A tensor, or a sequence of some, at one batch."""

    __slots__ = ("constant", "data", "dims", "dtype", "entry", "items", "name", "plain", "stored", "sure")

    def __init__(
        self,
        dims: Shape = (),
        dtype: str = "float",
        data: list[Any] | None = None,
        *,
        sure: bool = True,
        items: list[Value] | None = None,
        name: str = "",
    ) -> None:
        self.dims = dims
        self.dtype = dtype
        self.data = data
        """Its elements, where they are few and follow from sizes and constants."""
        self.sure = sure
        """Whether its shape is known; else it is a bound, or a guess."""
        self.items = items
        """Of a sequence, what it holds."""
        self.name = name
        self.stored: tuple[Stored, ...] = ()
        """The tensors of the file that it is made of."""
        self.constant = False
        """Whether nothing that enters the network can change it."""
        self.plain = False
        """Whether a constant is the numbers of one stored tensor, in whatever order."""
        self.entry = False
        """Whether it is an input of the network."""

    @classmethod
    def of(cls, stored: Stored) -> Value:
        """Return a tensor of the file."""
        found = cls(stored.dims, stored.dtype, name=stored.name)
        found.stored, found.constant, found.plain = (stored,), True, True
        return found

    @property
    def size(self) -> int:
        """How many elements there are."""
        return prod(self.dims)

    @property
    def rank(self) -> int:
        """How many axes there are."""
        return len(self.dims)


class Frame(NamedTuple):
    """Where operators are executed: in the model's graph, in a function, in the body of a loop."""

    names: dict[str, Value]
    opsets: Mapping[str, int]
    attributes: Mapping[str, Any] = {}
    """A function's, as its caller gives them."""
    prefix: str = ""
    scopes: str = ""
    depth: int = 0


class Step:
    """An operator on values, as it is executed."""

    __slots__ = (
        *("attributes", "file", "inputs", "inside", "macs", "node", "note", "opset", "outputs", "path", "rebatched"),
        *("scopes", "trips", "unknown", "varies"),
    )

    def __init__(  # noqa: PLR0913 - as much is known of it
        self,
        node: NodeOf,
        opset: int,
        attributes: dict[str, Any],
        inputs: list[Value | None],
        *,
        path: str,
        scopes: str,
        file: mmap,
        rebatched: int = 0,
    ) -> None:
        self.node = node
        self.opset = opset
        self.attributes = attributes
        self.inputs = inputs
        self.path = path
        self.scopes = scopes
        self.file = file
        self.rebatched = rebatched
        """The batch, where the file has 1 in its place."""
        self.outputs: list[Value] = []
        self.macs = 0
        self.unknown: tuple[str, ...] = ()
        """Figures that are not known."""
        self.note = ""
        self.inside: list[Step] = []
        """What runs within it: the body of a loop."""
        self.trips = 1
        """How often that runs."""
        self.varies = False
        """Whether its outputs are no constants, even where its inputs are."""

    @property
    def kind(self) -> str:
        """What the operator is called."""
        return self.node.kind

    @property
    def domain(self) -> str:
        """The set of operators that it is of; empty for the standard one."""
        return self.node.domain

    @property
    def count(self) -> int:
        """How many outputs the file names."""
        return len(self.node.outputs)

    def attribute(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - as the file says
        """Return an attribute."""
        value = self.attributes.get(name)
        if isinstance(value, Reference):
            value = None
        return default if value is None else value

    def ints(self, name: str, at: int | None = None, default: Sequence[int] | None = None) -> list[int] | None:
        """Return whole numbers that are an attribute, or since a later version an input."""
        value = self.attribute(name)
        if value is None and at is not None and self.has(at):
            value = self.data(at)
            if value is None:
                raise OpenError(f"'{name}' follows from data")
        if value is None:
            return None if default is None else list(default)
        return [one if isinstance(one, int) else int(one) for one in (value if isinstance(value, list) else [value])]

    def has(self, at: int) -> bool:
        """Whether there is this input."""
        return at < len(self.inputs) and self.inputs[at] is not None

    def input(self, at: int) -> Value:
        """Return an input."""
        found = self.inputs[at] if at < len(self.inputs) else None
        if found is None:
            raise RuleError(f"input {at} is missing")
        return found

    def shape(self, at: int = 0) -> Shape:
        """Return an input's shape."""
        return self.input(at).dims

    def data(self, at: int) -> list[Any] | None:
        """Return an input's elements, where they are known."""
        value = self.input(at)
        if value.data is None and value.plain and len(value.stored) == 1 and value.size == value.stored[0].elements:
            value.data = value.stored[0].values(self.file)
        return value.data

    def known(self, dtype: str, dims: Shape) -> bool:
        """Whether there are so few elements that they are worth knowing."""
        return prod(dims) <= (MAX_FRACTIONS if dtype in FLOATS else MAX_VALUES)

    def make(self, dims: Sequence[int], dtype: str = "", data: list[Any] | None = None, *, sure: bool = True) -> Value:
        """Return an output; its type is that of the first input unless said."""
        if any(size < 0 for size in dims):
            raise RuleError(f"a size would be negative: {list(dims)}")
        if not dtype:
            dtype = next((value.dtype for value in self.inputs if value is not None), "float")
        return Value(tuple(dims), dtype, data, sure=sure)


def axis_of(axis: int, rank: int) -> int:
    """Return an axis counted from the front."""
    at = axis + rank if axis < 0 else axis
    if not 0 <= at < rank:
        raise RuleError(f"axis {axis} is none of {rank}")
    return at


def stretched(*shapes: Shape) -> Shape:
    """Return what shapes are broadcast to."""
    rank = max(map(len, shapes))
    found = []
    for at in range(-rank, 0):
        sizes = [shape[at] for shape in shapes if -at <= len(shape)]
        # A size that is known by a name alone, for a formula, is not compared unless it has to be.
        wide = [size for size in sizes if type(size) is not int or size != 1] or [1]
        if any(size is not wide[0] for size in wide):
            wide = [size for size in wide if size != 1] or [1]
            if any(size != wide[0] for size in wide):
                raise RuleError(f"{' and '.join(str(list(one)) for one in shapes)} do not fit together")
        found.append(wide[0])
    return tuple(found)


def strides_of(dims: Shape) -> list[int]:
    """Return by how many elements the positions of each axis are apart."""
    found = [1] * len(dims)
    for at in range(len(dims) - 2, -1, -1):
        found[at] = found[at + 1] * dims[at + 1]
    return found


def places(dims: Sequence[int], strides: Sequence[int], start: int = 0) -> list[int]:
    """Return where the elements of a view of these strides are, in order."""
    found = [start]
    for size, stride in zip(dims, strides, strict=True):
        found = [place + at * stride for place in found for at in range(size)]
    return found


def stretched_data(data: list[Any], dims: Shape, wanted: Shape) -> list[Any]:
    """Return elements as often as broadcasting repeats them."""
    if dims == wanted:
        return data
    if len(data) == 1:
        return data * prod(wanted)
    missing = len(wanted) - len(dims)
    own = strides_of(dims)
    strides = [0] * missing + [0 if size == 1 else stride for size, stride in zip(dims, own, strict=True)]
    return [data[place] for place in places(wanted, strides)]
