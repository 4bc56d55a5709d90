"""What a user changes of a network from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from archinspect.base.source import Value


class Settings(NamedTuple):
    """A network's batch, type, parameters and inputs, as asked for."""

    batch: int | None = None
    """Samples in a batch; None for the figures of one, and shapes that leave it open."""
    dtype: str = "float32"
    """What the network computes in."""
    params: Mapping[str, Value] = {}
    """Other values for the spec's parameters."""
    inputs: Mapping[str, Sequence[int]] = {}
    """Other shapes of a sample for its inputs; that of a network's only input may go without a name: ''."""

    @property
    def samples(self) -> int:
        """Samples that figures are for."""
        return self.batch or 1

    def shapes_for(self, names: Sequence[str]) -> dict[str, Sequence[int]]:
        """Return the shapes by the inputs' names, of which the only one may have been left out."""
        shapes = dict(self.inputs)
        if "" in shapes and len(names) == 1:
            shapes[names[0]] = shapes.pop("")
        return shapes
