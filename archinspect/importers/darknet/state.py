"""What layers of a Darknet configuration are built from: the outputs before them, as images or as vectors."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from archinspect.ops.norm import BatchNormalization
from archinspect.ops.reshape import Flatten, Reshape

if TYPE_CHECKING:
    from archinspect.graph.graph import Tensor
    from archinspect.importers.sections import Section
    from archinspect.importers.shaped import ShapedBuilder

IMAGE = 3
"""Axes of a sample that is an image: height, width, channels."""


class State:
    """A network as far as it is read."""

    def __init__(self, net: ShapedBuilder, x: Tensor) -> None:
        self.net = net
        self.x = x
        """What the next layer reads."""
        self.outputs: list[Tensor] = []
        """The output of each layer."""
        self.paths: list[str] = []

    def image(self, x: Tensor | None = None) -> Tensor:
        """Return a tensor, the one before unless one is given, as an image: a vector is one of a single place."""
        x = x or self.x
        shape = self.net.shape(x)
        return x if len(shape) == IMAGE else self.net.add(Reshape(target_shape=[1, 1, prod(shape)]), x)

    def vector(self, x: Tensor | None = None) -> Tensor:
        """Return a tensor, the one before unless one is given, with one axis."""
        x = x or self.x
        return x if len(self.net.shape(x)) == 1 else self.net.add(Flatten(), x)

    def sizes(self) -> tuple[int, int, int]:
        """Return height, width and channels of what the next layer reads."""
        shape = self.net.shape(self.x)
        return (shape[0], shape[1], shape[2]) if len(shape) == IMAGE else (1, 1, prod(shape))

    def index(self, section: Section, key: str, given: int) -> int:
        """Return the number of a layer before: a negative one counts from the section's own."""
        number = given + len(self.outputs) if given < 0 else given
        if not 0 <= number < len(self.outputs):
            message = f"'{key}' names layer {number}, which is not before this one, number {len(self.outputs)}"
            raise section.refuse(message, key)
        return number

    def layers(self, section: Section, key: str) -> list[Tensor]:
        """Return the outputs of the layers that an option names."""
        given = section.wholes(key)
        if not given:
            raise section.refuse(f"'{key}' names no layer", key)
        return [self.outputs[self.index(section, key, one)] for one in given]

    def normalized(self, x: Tensor, section: Section, name: str = "batch_norm") -> Tensor:
        """Add a batch normalization where the section says so."""
        return self.net.add(BatchNormalization(), x, name=name) if section.flag("batch_normalize") else x
