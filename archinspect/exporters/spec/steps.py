"""Steps of a spec, before they are text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from archinspect.exporters.spec.leaf import Leaf


class Expr(NamedTuple):
    """An expression; it is written as `$name`, or as `${...}`."""

    text: str

    def __str__(self) -> str:
        return f"${self.text}" if self.text.isidentifier() else f"${{{self.text}}}"


class Text(NamedTuple):
    """Text that holds expressions."""

    text: str


class Ref(NamedTuple):
    """The name of a layer, as a step finds it."""

    text: str


PREVIOUS = -1
"""The step before, in a list of what a step reads."""


class Step:
    """An operator, a block or a group, with all that a spec says of it."""

    def __init__(self, op: str, name: str, args: dict[str, Any] | None = None) -> None:
        self.op: Any = op
        """An operator or a block; empty for a group."""
        self.name: Any = name
        """Its name in its scope."""
        self.is_named = True
        """Whether the name has to be said."""
        self.args = args or {}
        self.source: Any = None
        """What it reads: nothing for the step before, a reference, or a list of these and of `PREVIOUS`."""
        self.main = ""
        """The argument that a bare value means."""
        self.paths: list[list[Step]] | None = None
        self.body: list[Step] | None = None
        self.repeat: Any = None
        self.numbered = False
        """Whether its copies are called 0, 1, 2, ..."""
        self.when: Any = None
        self.weights: Any = None
        self.frozen = False
        self.cached: bool | None = None
        self.kind = ""
        """Of a composite, its block's name."""
        self.given: Mapping[str, Any] = {}
        """Of a composite, the block's arguments where they are known."""
        self.is_module: bool | None = None
        self.parent: Step | None = None
        """The composite around a composite."""
        self.is_list = False
        """Whether it is a composite of numbered copies."""
        self.leaf: Leaf | None = None
        """The layer that it is."""

    def inside_lists(self) -> Iterator[Step]:
        """Yield the steps of the lists inside, one after another; a copy that lacks some has gaps."""
        for steps in self.lists:
            yield from steps

    @property
    def lists(self) -> list[list[Step]]:
        """The lists of steps inside, those of the paths or the group's."""
        return [*(self.paths or ()), *([self.body] if self.body is not None else ())]

    def inside(self) -> Iterator[Step]:
        """Yield all steps inside."""
        for steps in self.lists:
            for step in steps:
                yield step
                yield from step.inside()
