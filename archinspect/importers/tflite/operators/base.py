"""An operator of the file, and what is made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from archinspect.importers.keras.operations import OPERATIONS, MixesSamplesError

if TYPE_CHECKING:
    from collections.abc import Callable

    from archinspect.graph.graph import Tensor as Made
    from archinspect.importers.keras.build import Use
    from archinspect.importers.tflite.flatbuffer import Table
    from archinspect.importers.tflite.model import Dilation, Tensor

    Add = Callable[["Step"], Made | tuple[Made, ...]]


FUSED = {1: "ReLU", 2: "HardTanh", 3: "ReLU6", 4: "Tanh", 5: "Sign"}
"""Activations that are a part of an operator."""
PADDINGS = ("same", "valid")
WHOLE = ("int32", "int64", "bool")
"""Types of constants that are arguments, and no weights."""


class Step(NamedTuple):
    """An operator of the file where nodes are made for it."""

    use: Use
    options: Table | None
    reads: list[Tensor | None]
    """Its inputs; None for one that is left out."""
    made: list[Tensor]
    sources: dict[tuple[int, tuple[int, ...]], Made]
    """Constants that are data of the graph, by their place in the file and the shape that they have there."""
    dilation: Dilation | None = None

    def whole(self, field: int, width: int = 4, default: int = 0) -> int:
        """Return a number among the options."""
        return self.options.whole(field, width, default) if self.options else default

    def tensor(self, at: int) -> Tensor:
        """Return an input; raise :class:`MixesSamplesError` where there is none."""
        found = self.reads[at] if at < len(self.reads) else None
        if found is None:
            raise MixesSamplesError
        return found

    def has(self, at: int) -> bool:
        """Return whether an input is there."""
        return at < len(self.reads) and self.reads[at] is not None

    def window(self, stride: int, dilation: int) -> dict[str, Any]:
        """Return strides, dilation and padding of a convolution; the places of its options are that of a width's."""
        strides = [self.whole(stride, default=1), self.whole(stride - 1, default=1)]
        if self.dilation:
            return {"strides": strides, "dilation_rate": self.dilation.rates, "padding": [*self.dilation.padding]}
        rates = [self.whole(dilation, default=1), self.whole(dilation - 1, default=1)]
        return {"strides": strides, "dilation_rate": rates, "padding": PADDINGS[self.whole(0, 1)]}

    def numbers(self, at: int) -> list[int]:
        """Return the whole numbers of an input that is a constant; raise :class:`MixesSamplesError` for any other."""
        found = self.tensor(at).numbers()
        if found is None:
            raise MixesSamplesError
        return found

    def call(self, name: str, *values: Any, **config: Any) -> Any:  # noqa: ANN401 - as the function takes
        """Call a function of Keras's table, with tensors or numbers as its arguments."""
        use = self.use
        inner = type(use)(
            use.net, use.layer._replace(kind=name, config=config), use.path, list(values) or use.args, {}, use.said
        )
        return OPERATIONS[name](inner)

    def fused(self, x: Made, field: int = 0) -> Made:
        """Return what the activation gives that is a part of the operator."""
        name = FUSED.get(self.whole(field, 1))
        return self.use.add(name, x) if name else x
