"""What is asked of a model in the making: its inputs, and of which class it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.base.printable import printable
from archinspect.importers import asked

if TYPE_CHECKING:
    from archinspect.base.diagnostics import Problems
    from archinspect.base.settings import Settings
    from archinspect.base.source import Value
    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Tensor
    from archinspect.importers.hf.config import Config

STEPS = 1024
"""Steps of a text, unless a model takes fewer."""
SIDE = 224
"""Height and width of a picture, where a configuration leaves them open."""

HEADED = ("LMHeadModel", "DoubleHeadsModel", "EncoderModel", "WithProjection")
"""How classes end whose names end as those of bare models do, and that have more."""


class Wanted:
    """A graph in the making, with what is asked of it."""

    def __init__(self, net: GraphBuilder, settings: Settings, problems: Problems) -> None:
        self.net = net
        self._settings = settings
        self._problems = problems
        self.params: dict[str, Value] = {}

    def words(self, most: int | None, *names: str, **others: tuple[int, ...]) -> tuple[Tensor, ...]:
        """Add inputs of words, of which the model takes so many at most, and others of these shapes."""
        origin = self.net.origin
        steps = {"seq": min(STEPS, most or STEPS)} if names else {}
        self.params = asked.params(steps, self._settings, self._problems, origin)
        declared: dict[str, Any] = {**dict.fromkeys(names, (self.params["seq"],) if names else ()), **others}
        shapes = asked.shapes(declared, self._settings, self._problems, origin)
        return tuple(
            [
                self.net.input(*shape, name=name, dtype="int64" if name in names else "float")
                for name, shape in shapes.items()
            ]
        )

    def picture(self, c: Config, *, is_open: bool = False) -> Tensor:
        """Add an input of pictures: of the size that the configuration says, unless the model takes any."""
        height, width = (SIDE, SIDE) if is_open and c.find("image_size") is None else c.pair("image_size")
        channels = c.whole("num_channels") if c.find("num_channels") is not None else 3
        (image,) = self.words(None, pixel_values=(height, width, channels))
        self.fixed(image, None if is_open else (height, width, channels))
        return image

    def fixed(self, image: Tensor, shape: tuple[int, ...] | None) -> None:
        """Tell of an input whose size was changed where the model takes one alone."""
        given = image.producer.op.output()[1:]
        if shape is not None and given != shape:
            message = f"the model's tables are for {'x'.join(map(str, shape))}, not {'x'.join(map(str, given))}"
            self._problems.error("input", message, self.net.origin, "change 'image_size' in the configuration")


def ending(c: Config, architecture: str, known: tuple[str, ...]) -> str:
    """Return how the name of a class ends, one of those that are known; raise :class:`SourceError` for others."""
    for end in known:
        if architecture.endswith(end) and not (end == "Model" and architecture.endswith(HEADED)):
            return end
    raise c.refuse(f"the class '{printable(architecture)}' is not read", f"those ending in {', '.join(known)} are")
