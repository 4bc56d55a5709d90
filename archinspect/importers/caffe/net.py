"""What layers of Caffe are built with: blobs by name, operators with the channels first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from archinspect.base.printable import printable
from archinspect.importers.shaped import ShapedBuilder

if TYPE_CHECKING:
    from archinspect.base.source import SourceError, Span
    from archinspect.graph.graph import Tensor
    from archinspect.importers.caffe.text import Message
    from archinspect.ops.base import Op

FIRST = "channels_first"


class Layer(NamedTuple):
    """A layer as it is read: its message, its kind under the later name, its own arguments, and what it reads."""

    message: Message
    name: str
    kind: str
    given: Message
    """Its arguments."""
    inputs: list[Tensor]
    trains: bool

    def refuse(self, reason: str, *names: str, help: str = "") -> SourceError:
        """Return the error of a layer that cannot be read, at the first of these arguments that it has."""
        where = self.given if self.given.has(*names) else self.message
        return where.refuse(f"{self.kind} '{printable(self.name)}': {reason}", *names, "type", help=help)


class Net(ShapedBuilder):
    """A network of Caffe as far as it is built."""

    def __init__(self, name: str, origin: Span) -> None:
        super().__init__(name, origin, layout=FIRST)

    def rank(self, x: Tensor) -> int:
        """Return how many axes a blob has, the batch counted."""
        return len(self.shape(x)) + 1

    def axis(self, layer: Layer, x: Tensor, name: str = "axis", default: int = 1) -> int:
        """Return an axis of a blob that a layer names, counted with the batch; that is refused."""
        given = layer.given.whole(name, default, -32)
        found = given + self.rank(x) if given < 0 else given
        if not 1 <= found < self.rank(x):
            raise layer.refuse(f"axis {given} is none of the {self.rank(x) - 1} axes after the batch", name)
        return found


def first(kind: type[Op], **arguments: Any) -> Op:  # noqa: ANN401 - as operators take them
    """Return an operator that has the channels first."""
    return kind(data_format=FIRST, **arguments)
