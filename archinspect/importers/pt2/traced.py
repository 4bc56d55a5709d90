"""Operators of a program as the program's file has them: shapes by expressions, costs by a rule of its family."""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from archinspect.base.shape import Mismatch, size
from archinspect.importers.pt2.sizes import solved, symbols_of, value
from archinspect.ops.axes import numbered
from archinspect.ops.base import Op
from archinspect.ops.figures import Backward, Kept, View, Weight, Work

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from archinspect.base.shape import Shape
    from archinspect.importers.pt2.sizes import Size
    from archinspect.ops.figures import Elements, Run

    Sizes = tuple[Size, ...]
    Macs = Callable[[Mapping[str, Shape], Shape, Mapping[str, Any]], int]


class _Made(Op):
    """An operator whose shapes its file has; `fields` are what distinguishes it from others."""

    inputs: ClassVar[tuple[int, int | None]] = (0, None)
    stretches = True

    def __init__(self, **fields: object) -> None:
        vars(self).update(fields)

    def __hash__(self) -> int:
        return hash((type(self), *[value for value in vars(self).values() if isinstance(value, tuple | str | int)]))


class ProgramInput(_Made):
    """Where data enters a program."""

    kind = "input"
    sizes: Sizes
    dtype: str
    batch: str
    """The symbol that is the batch; empty of a program for one batch alone."""

    @property
    def batched(self) -> bool:  # type: ignore[override] # fixed for other operators
        return self.sizes[:1] != () and bool(symbols_of(self.sizes[0]))

    def output(self, *shapes: Shape) -> Shape:
        return self.of_batch(1)

    def of_batch(self, batch: int) -> Shape:
        return tuple([value(one, {self.batch: batch}) for one in self.sizes])

    def output_dtype(self, *dtypes: str) -> str:
        return self.dtype


class _Held(_Made):
    """A tensor of the program's own."""

    inputs = (0, 0)
    batched = False
    shape: Shape
    dtype: str
    learned = False

    def output(self, *shapes: Shape) -> Shape:
        return self.shape

    def output_dtype(self, *dtypes: str) -> str:
        return self.dtype

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        return {"value": Weight(self.shape, numbered(range(1, 1 + len(self.shape))), parameter=self.learned)}

    def weights_read(self, shapes: Sequence[Shape], output: Shape) -> int:
        return 0  # what uses it reads it

    def backward(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Backward:
        return Backward()  # the output's gradient is the weight's

    def view(self, *, training: bool) -> View | None:
        return View()  # of the weight

    def stored(self, shapes: Sequence[Shape], output: Shape) -> int:
        return 0


class Parameter(_Held):
    """A learned tensor that an operator reads as it reads others."""

    learned = True


class Buffer(_Held):
    """A tensor that is part of the module and is not learned."""


class Constant(_Held):
    """A number or table that the program's text has; it counts neither as a parameter nor as a buffer."""

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        return {}


class Traced(_Made):
    """A call of which the file says the shapes; its costs are those of its family."""

    roles: tuple[str, ...]
    """Names of the arguments that the inputs are."""
    takes: tuple[Sizes, ...]
    gives: tuple[tuple[Sizes, str], ...]
    """Sizes and data types of the outputs."""
    symbol: str
    """The symbol that is the batch; empty where no size depends on it."""
    source: tuple[int, int]
    """The input and the axis from which the batch follows."""
    family: str
    """A name of :data:`FAMILIES`; empty where nothing is known of the costs."""
    arguments: Mapping[str, Any]
    keeps: tuple[str | int, ...] = ()
    """What backward reads: arguments by name, outputs by number."""
    like: Op | None = None
    """An operator whose rules of cost hold, of the inputs with these numbers."""
    likes: tuple[int, ...] = ()

    def __eq__(self, other: object) -> bool:
        return self is other or (type(self) is type(other) and vars(self) == vars(other))

    __hash__ = _Made.__hash__

    @property
    def output_count(self) -> int:
        return len(self.gives)

    def outputs(self, *shapes: Shape) -> tuple[Shape, ...]:
        symbols: dict[str, int] = {}
        if self.symbol:
            place, axis = self.source
            symbols[self.symbol] = solved(self.takes[place][axis], shapes[place][axis])
        else:
            self._refuse_others(shapes)
        return tuple([tuple([value(one, symbols) for one in sizes]) for sizes, _ in self.gives])

    def _refuse_others(self, shapes: Sequence[Shape]) -> None:
        for shape, own in zip(shapes, self.takes, strict=True):
            if not any(map(symbols_of, own)) and shape != own:
                raise Mismatch(
                    f"the program takes {list(own)} here, not {list(shape)}",
                    help="export it with `dynamic_shapes` to leave sizes open",
                )

    def output(self, *shapes: Shape) -> Shape:
        return self.outputs(*shapes)[0]

    def output_dtypes(self, *dtypes: str) -> tuple[str, ...]:
        return tuple([dtype for _, dtype in self.gives])

    def output_dtype(self, *dtypes: str) -> str:
        return self.gives[0][1]

    def _theirs(self, shapes: Sequence[Shape], output: Shape) -> list[Shape]:
        """Return the shapes as the other operator takes them: of as many axes, where elements meet."""
        found = [shapes[place] for place in self.likes]
        if self.like and self.like.pointwise:
            found = [(1,) * (len(output) - len(shape)) + shape for shape in found]
        return found

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        if self.like:
            return self.like.work(self._theirs(shapes, output), output)
        macs, other = FAMILIES.get(self.family, _NOTHING)
        named = dict(zip(self.roles, shapes, strict=False))
        return Work(macs(named, output, self.arguments), other(named, output, self.arguments))

    def backward(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Backward:
        if self.like:
            return self.like.backward(self._theirs(shapes, output), output, self._run(run))
        return super().backward(shapes, output, run)

    def _run(self, run: Run) -> Run:
        return run._replace(inputs=tuple([run.inputs[place] for place in self.likes]))

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        return self.like.workspace(self._theirs(shapes, output), output, self._run(run)) if self.like else ()

    def unknown(self) -> tuple[str, ...]:
        if self.like:
            return self.like.unknown()
        return () if self.family in FAMILIES else ("macs", "flops")

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        if self.like:
            found = self.like.kept(self._theirs(shapes, output), output, self._run(run))
            # A kernel keeps the mask, a sum of scores and mask does not.
            is_fused = run.attention == "fused"
            masks = [place for place, role in enumerate(self.roles) if is_fused and role == "attn_mask"]
            return found._replace(inputs=(*[self.likes[place] for place in found.inputs], *masks))
        if self.family == "weighted" or self.family == "transposed":
            return Kept(tuple([place for place, role in enumerate(self.roles) if role in FACTORS]))
        if self.family == "normalized":
            parts = [place for place, role in enumerate(self.roles) if role in FACTORS]
            return Kept(tuple(parts), extra=(("float32", 2 * output[1]),))
        if self.family in PRODUCTS:
            # The gradient of each factor needs the other.
            factors = [place for place, role in enumerate(self.roles) if role in FACTORS]
            wanted = [place for place in factors if run.inputs[place]]
            return Kept(tuple(sorted({other for place in wanted for other in factors if other != place})))
        inputs = [place for place, role in enumerate(self.roles) if role.partition(".")[0] in self.keeps]
        return Kept(tuple(inputs), tuple([one for one in self.keeps if isinstance(one, int)]))

    def label(self) -> str:
        return type(self).__name__


@lru_cache(maxsize=10_000)
def traced_kind(name: str) -> type[Traced]:
    """Return the class of an operator that a table calls by this name."""
    return type(name, (Traced,), {"__doc__": Traced.__doc__, "__slots__": ()})


class Family(NamedTuple):
    """What calls of a family cost: multiply-accumulates, and other operations."""

    macs: Macs
    other: Macs


def _none(shapes: Mapping[str, Shape], output: Shape, arguments: Mapping[str, Any]) -> int:
    return 0


def _each(shapes: Mapping[str, Shape], output: Shape, arguments: Mapping[str, Any]) -> int:
    return size(output)


def _read(shapes: Mapping[str, Shape], output: Shape, arguments: Mapping[str, Any]) -> int:
    return size(next(iter(shapes.values()), ()))


def _bias(shapes: Mapping[str, Shape], output: Shape, arguments: Mapping[str, Any]) -> int:
    return size(output) if "bias" in shapes else 0


def _product(shapes: Mapping[str, Shape], output: Shape, arguments: Mapping[str, Any]) -> int:
    first = shapes.get("mat1") or shapes.get("batch1") or shapes["self"]
    return size(output) * first[-1]


def _weighted(shapes: Mapping[str, Shape], output: Shape, arguments: Mapping[str, Any]) -> int:
    if arguments.get("transposed"):
        return size(shapes["input"]) * prod(shapes["weight"][1:])
    return size(output) * prod(shapes["weight"][1:])


def _transposed(shapes: Mapping[str, Shape], output: Shape, arguments: Mapping[str, Any]) -> int:
    return size(shapes["input"]) * prod(shapes["weight"][1:])


def _attention(shapes: Mapping[str, Shape], output: Shape, arguments: Mapping[str, Any]) -> int:
    query, key = shapes["query"], shapes["key"]
    return prod(output[:-2]) * query[-2] * key[-2] * (query[-1] + shapes["value"][-1])


def _attention_else(shapes: Mapping[str, Shape], output: Shape, arguments: Mapping[str, Any]) -> int:
    # A scale and a softmax of 5 for each score, and an addition where there is a mask.
    scores = prod(output[:-2]) * shapes["query"][-2] * shapes["key"][-2]
    return scores * (6 + ("attn_mask" in shapes))


def _grouped(shapes: Mapping[str, Shape], output: Shape, arguments: Mapping[str, Any]) -> int:
    return size(output) * next(iter(shapes.values()))[-1]


def _einsum(shapes: Mapping[str, Shape], output: Shape, arguments: Mapping[str, Any]) -> int:
    """Return the MACs of operands joined from left to right: for each two, all letters of both."""
    given, _, result = arguments["equation"].replace(" ", "").partition("->")
    terms, operands = given.split(","), list(shapes.values())
    sizes = {
        letter: dim
        for term, shape in zip(terms, operands, strict=True)
        for letter, dim in zip(term, shape, strict=True)
    }
    macs, left = 0, set(terms[0])
    for place, term in enumerate(terms[1:], 1):
        both = left | set(term)
        left = {letter for letter in both if letter in result or any(letter in later for later in terms[place + 1 :])}
        if left != both:  # else nothing is summed, and it is a product of elements
            macs += prod([sizes[letter] for letter in sorted(both)])
    return macs


def _recurrent(shapes: Mapping[str, Shape], output: Shape, arguments: Mapping[str, Any]) -> int:
    steps = prod(shapes["input"][:-1])
    return steps * sum(size(shape) for name, shape in shapes.items() if name.startswith("params") and len(shape) > 1)


def _bag(shapes: Mapping[str, Shape], output: Shape, arguments: Mapping[str, Any]) -> int:
    return size(shapes["indices"]) * shapes["weight"][-1]


def _normalized(shapes: Mapping[str, Shape], output: Shape, arguments: Mapping[str, Any]) -> int:
    affine = ("weight" in shapes) + ("bias" in shapes)
    return size(output) * (6 + affine if arguments.get("training", True) else 2)


PRODUCTS = frozenset(("product", "product+", "weighted", "transposed", "grouped"))
FACTORS = frozenset(("input", "weight", "mat1", "mat2", "batch1", "batch2", "self", "other"))
"""What the factors of a product are called; of one with a term, `self` is that."""
_NOTHING = Family(_none, _none)
FAMILIES: dict[str, Family] = {
    "move": _NOTHING,
    "each": Family(_none, _each),
    "read": Family(_none, _read),
    "product": Family(_product, _none),
    "product+": Family(_product, _each),
    "weighted": Family(_weighted, _bias),
    "transposed": Family(_transposed, _bias),
    "attention": Family(_attention, _attention_else),
    "einsum": Family(_einsum, _none),
    "recurrent": Family(_recurrent, _none),
    "bag": Family(_none, _bag),
    "normalized": Family(_none, _normalized),
    "grouped": Family(_grouped, _none),
}
"""The families of calls: nothing is computed; an operation for each element that is made, or read; products."""
