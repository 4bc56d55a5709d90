"""Operators of a program as the program's file has them: shapes by expressions, costs by a rule of its family."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.base.shape import Mismatch, size
from archinspect.importers.pt2.families import CONVOLUTIONS, COSTS, FACTORS, PRODUCTS, WITH_A_TERM
from archinspect.importers.pt2.sizes import solved, symbols_of, value
from archinspect.importers.stated import StatedOp
from archinspect.ops.axes import numbered
from archinspect.ops.figures import Backward, Kept, Weight, Work
from archinspect.ops.source import Held

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from archinspect.base.shape import Shape
    from archinspect.importers.pt2.sizes import Size
    from archinspect.ops.base import Op
    from archinspect.ops.figures import Elements, Run

    Sizes = tuple[Size, ...]
    Within = Callable[[Mapping[str, Shape]], int]


class _Made(StatedOp):
    """An operator whose shapes its file has."""

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


class _Held(_Made, Held):
    """A tensor of the program's own."""

    inputs = (0, 0)
    shape: Shape
    dtype: str
    learned = False

    def output(self, *shapes: Shape) -> Shape:
        return self.shape

    def output_dtype(self, *dtypes: str) -> str:
        return self.dtype

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        return {"value": Weight(self.shape, numbered(range(1, 1 + len(self.shape))), parameter=self.learned)}


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
    """A name of :data:`archinspect.importers.pt2.families.COSTS`; empty where nothing is known of the costs."""
    arguments: Mapping[str, Any]
    keeps: tuple[str | int, ...] = ()
    """What backward reads: arguments by name, outputs by number; see :data:`archinspect.importers.pt2.kept.KEPT`."""
    within: Within | None = None
    """How many elements it makes that backward reads and that are no output."""
    copied: str = ""
    """The type of a copy of the first input that is made within; empty where none is."""
    like: Op | None = None
    """An operator whose rules of cost hold, of the inputs with these numbers."""
    likes: tuple[int, ...] = ()
    owns: bool = False
    """Whether its weights are those of that operator, not inputs."""
    steps_first: bool = False
    """Whether that operator has the first two axes the other way round."""

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

    def output_dtypes(self, *dtypes: str) -> tuple[str, ...]:
        return tuple([dtype for _, dtype in self.gives])

    def _theirs(self, shapes: Sequence[Shape], output: Shape) -> tuple[list[Shape], Shape]:
        """Return the shapes as the other operator has them: of as many axes, where elements meet."""
        found = [shapes[place] for place in self.likes]
        if self.steps_first:
            return [(shape[1], shape[0], *shape[2:]) for shape in found], (output[1], output[0], *output[2:])
        if self.like and self.like.pointwise:
            found = [(1,) * (len(output) - len(shape)) + shape for shape in found]
        return found, output

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        own = self.like.weights(*[shapes[place] for place in self.likes]) if self.like and self.owns else {}
        return dict(own)

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        if self.like:
            return self.like.work(*self._theirs(shapes, output))
        macs, other = COSTS.get(self.family, COSTS["move"])
        named = dict(zip(self.roles, shapes, strict=False))
        return Work(macs(named, output, self.arguments), other(named, output, self.arguments))

    def backward(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Backward:
        if self.like:
            return self.like.backward(*self._theirs(shapes, output), self._run(run))
        return super().backward(shapes, output, run)

    def _run(self, run: Run) -> Run:
        """Return how the other operator runs, whose weights are here what it does not read as inputs."""
        held = any(wanted for place, wanted in enumerate(run.inputs) if place not in self.likes)
        weights = run.weights if self.owns else held
        return run._replace(inputs=tuple([run.inputs[place] for place in self.likes]), weights=weights)

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        if self.like:
            return self.like.workspace(*self._theirs(shapes, output), self._run(run))
        copies = ((self.copied, size(shapes[0])),) if self.copied else ()
        return (*copies, *self._made_within(shapes))

    def unknown(self) -> tuple[str, ...]:
        if self.like:
            return self.like.unknown()
        return () if self.family in COSTS else ("macs", "flops")

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        if self.like:
            found = self.like.kept(*self._theirs(shapes, output), self._run(run))
            # A kernel keeps the mask, a sum of scores and mask does not.
            is_fused = run.attention == "fused"
            masks = [place for place, role in enumerate(self.roles) if is_fused and role == "attn_mask"]
            return found._replace(inputs=(*[self.likes[place] for place in found.inputs], *masks))
        if self.family in CONVOLUTIONS:
            return Kept(tuple([place for place, role in enumerate(self.roles) if role in FACTORS]))
        if self.family == "normalized":
            parts = [place for place, role in enumerate(self.roles) if role in FACTORS]
            return Kept(tuple(parts), extra=(("float32", 2 * output[1]),))
        if self.family in PRODUCTS:
            # The gradient of each factor needs the other.
            names = FACTORS - {"self"} if self.family in WITH_A_TERM else FACTORS
            factors = [place for place, role in enumerate(self.roles) if role in names]
            wanted = [place for place in factors if run.inputs[place]]
            return Kept(tuple(sorted({other for place in wanted for other in factors if other != place})))
        roles = [role.partition(".")[0] for role in self.roles]
        learning = {role for place, role in enumerate(roles) if run.inputs[place]}
        kept = {one for one, _, other in _named(self.keeps) if not other or other in learning}
        inputs = [place for place, role in enumerate(roles) if role in kept]
        outputs = tuple([one for one in self.keeps if isinstance(one, int)])
        return Kept(tuple(inputs), outputs, self._made_within(shapes))

    def _made_within(self, shapes: Sequence[Shape]) -> Elements:
        made = self.within(dict(zip(self.roles, shapes, strict=False))) if self.within else 0
        return (("float", made),) if made else ()

    def label(self) -> str:
        return type(self).__name__


def _named(keeps: Sequence[str | int]) -> list[tuple[str, str, str]]:
    """Return the arguments that backward reads, each with what wants it."""
    return [one.partition("@") for one in keeps if isinstance(one, str)]
