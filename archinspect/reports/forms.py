"""How figures come about, found once for all that comes about alike: formulas whose numbers are open."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from archinspect.base.symbolic.traced import (
    Number,
    structure,
)
from archinspect.reports.explanation import Figure, WeightFigure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from archinspect.analyses.receptive_field import Fields
    from archinspect.base.shape import Shape
    from archinspect.ops.base import Op
    from archinspect.ops.figures import Reach, Weight

Seen: TypeAlias = "dict[tuple[Fields, ...], tuple[tuple[Figure, ...], tuple[Figure, ...] | None]]"
"""What is given, and what follows of receptive fields, by the fields of the inputs."""


WORK = ("MACs", "FLOPs")


class Shared(NamedTuple):
    """What is found once for all operators."""

    traced: dict[Op, Op]
    """Operators whose arguments are traced."""
    shapes: dict[object, Shape]
    """Shapes of inputs whose sizes are traced, by those and their names: many are read more than once."""
    passed: Seen
    """After what reads position by position, the same is seen whatever it computes."""
    ways: dict[object, Way]
    """How windows slide, by operator and lengths of the map."""
    forms: dict[object, Form]
    """How figures come about, by the structure of their formulas."""
    fields: dict[object, tuple[tuple[Figure, ...], tuple[Figure, ...] | None]]
    """How receptive fields come about: what is given, and what follows, with open formulas; by all that they depend on
    but for numbers."""

    @classmethod
    def new(cls) -> Shared:
        """Return one that holds nothing yet."""
        return cls({}, {}, {}, {}, {}, {})


class Rules(NamedTuple):
    """What an operator's rules say, traced."""

    sizes: dict[str, Number]
    """Of the outputs, by the names that further formulas have for them."""
    weights: Mapping[str, Weight]
    own: tuple[str, ...]
    """The weights that are not another layer's."""
    work: tuple[Number, ...]
    """Of :data:`WORK`; empty where there is none."""

    def results(self) -> Iterator[tuple[str, Number]]:
        """Yield the figures of sizes and work by name."""
        yield from self.sizes.items()
        yield from zip(WORK, self.work, strict=False)

    def structure(self, values: dict[str, int | float]) -> object:
        """Return what is the same for rules that say so of other numbers; add these, by their names, to `values`."""
        weights = self.weights.items()
        numbers = [*self.sizes.values(), *(dim for _, weight in weights for dim in weight.shape), *self.work]
        learned = [(name, weight.parameter, len(weight.shape)) for name, weight in weights]
        return tuple(self.sizes), tuple(learned), self.own, structure(numbers, values)


class Way(NamedTuple):
    """What an output position reads."""

    reaches: tuple[Reach, ...] | None
    """Of traced numbers."""
    structure: tuple[object, ...]
    values: dict[str, int | float]
    """The numbers of their formulas, by name."""
    unread: str = ""
    """What no window reads."""


class Form(NamedTuple):
    """How figures come about: those of a case, whose formulas leave open what numbers another case has."""

    given: tuple[Figure, ...]
    shown: frozenset[str]
    """All names that stand in front of the formulas to come."""
    output: tuple[Figure, ...]
    weights: tuple[WeightFigure, ...]
    params: tuple[Figure, ...]
    work: tuple[Figure, ...]


def filled(figures: Sequence[Figure], values: Mapping[str, int | float]) -> tuple[Figure, ...]:
    """Return the figures of another case."""
    return tuple(
        [
            tuple.__new__(  # in half the time of Figure(...)
                Figure, (name, values.get(name, value), formula, numbers and numbers.format_map(values), terms)
            )
            for name, value, formula, numbers, terms in figures
        ]
    )
