"""What modules of YOLO are built with: normalized convolutions, and the usual operators by short names."""

from __future__ import annotations

from functools import cache
from math import gcd
from typing import TYPE_CHECKING, Any

from archinspect.importers.shaped import ShapedBuilder
from archinspect.ops.activation import ReLU, SiLU
from archinspect.ops.conv import Conv2D
from archinspect.ops.dense import Dense
from archinspect.ops.merge import Add, Concatenate
from archinspect.ops.norm import BatchNormalization
from archinspect.ops.pool import MaxPooling2D
from archinspect.ops.reshape import Reshape
from archinspect.ops.several import Split

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from archinspect.base.source import Span
    from archinspect.graph.graph import Tensor
    from archinspect.importers.ultralytics.model import Model
    from archinspect.ops.base import Op

RELU = ReLU(in_place=True)
SILU = SiLU(in_place=True)
ADD = Add()
CONCATENATE = Concatenate()
NORM = BatchNormalization()


def made(kind: type[Op], **arguments: Any) -> Op:  # noqa: ANN401 - as operators take them
    """Return an operator, the same for equal arguments: networks repeat themselves."""
    try:
        return _made(kind, **arguments)  # type: ignore[arg-type] # operators can
    except TypeError:  # symbols cannot be looked up
        return _new(kind, **arguments)


@cache
def _made(kind: type[Op], **arguments: Any) -> Op:  # noqa: ANN401 - as above
    return _new(kind, **arguments)


def _new(kind: type[Op], **arguments: Any) -> Op:  # noqa: ANN401 - as above
    return kind(**{name: list(value) if isinstance(value, tuple) else value for name, value in arguments.items()})


class Net(ShapedBuilder):
    """A network of YOLO as far as it is built; images have their channels last."""

    def __init__(self, name: str, origin: Span, model: Model) -> None:
        super().__init__(name, origin)
        self.model = model
        self.default: Op | None = SILU
        """The activation of a :meth:`conv` that says no other."""
        self.words: Tensor | None = None
        """An input: vectors of words with which pictures are compared."""
        self.text: Tensor | None = None
        """What words are by now."""

    def width(self, x: Tensor) -> int:
        """Return the channels of an image."""
        return self.shape(x)[-1]

    def conv(
        self,
        x: Tensor,
        c2: int,
        k: int | Sequence[int] = 1,
        s: int = 1,
        p: int | None = None,
        g: int = 1,
        d: int = 1,
        act: bool | Op = True,
        name: str = "",
    ) -> Tensor:
        """Add a convolution without a bias, a batch normalization and an activation; padded by half unless `p`."""
        with self.scope(name, "Conv"):
            return self.body(x, c2, k, s, p, g, d, act)

    def body(
        self,
        x: Tensor,
        c2: int,
        k: int | Sequence[int] = 1,
        s: int = 1,
        p: int | None = None,
        g: int = 1,
        d: Any = 1,  # noqa: ANN401 - an activation, too
        act: bool | Op = True,
    ) -> Tensor:
        """Add what a :meth:`conv` consists of; v7's has no dilation, so that its activation stands there."""
        if not isinstance(d, int) or isinstance(d, bool):
            d, act = 1, d
        x = self.bare(x, c2, k, s, _half(k, d) if p is None else p, g, d, bias=False, name="conv")
        x = self.add(NORM, x, name="bn")
        return self.activate(x, act)

    def activate(self, x: Tensor, act: bool | Op | None = True) -> Tensor:
        """Add an activation: the default for true, none for false."""
        if isinstance(act, str | int | float | list) and not isinstance(act, bool):
            raise ValueError(f"'{act}' is no activation that is known")
        op = act if not isinstance(act, bool) else self.default if act else None
        return self.add(op, x, name="act") if op is not None else x

    def bare(
        self,
        x: Tensor,
        c2: int,
        k: int | Sequence[int] = 1,
        s: int | Sequence[int] = 1,
        p: int | tuple[int, ...] = 0,
        g: int = 1,
        d: int = 1,
        *,
        bias: bool = True,
        name: str = "",
    ) -> Tensor:
        """Add a convolution alone."""
        k = k if isinstance(k, int) else tuple(k)
        s = s if isinstance(s, int) else tuple(s)
        op = made(Conv2D, filters=c2, kernel_size=k, strides=s, padding=p, groups=g, dilation_rate=d, use_bias=bias)
        return self.add(op, x, name=name)

    def depthwise(
        self,
        x: Tensor,
        c2: int,
        k: int = 1,
        s: int = 1,
        d: int = 1,
        act: bool | Op = True,
        name: str = "",
    ) -> Tensor:
        """Add a convolution of as many groups as inputs and outputs have in common."""
        return self.conv(x, c2, k, s, g=gcd(self.width(x), c2), d=d, act=act, name=name)

    def pool(self, x: Tensor, k: int, s: int = 1, p: int | None = None, name: str = "") -> Tensor:
        """Add a pooling by the largest, padded by half unless `p`."""
        return self.add(made(MaxPooling2D, pool_size=k, strides=s, padding=k // 2 if p is None else p), x, name=name)

    def sum(self, *tensors: Tensor) -> Tensor:
        """Add tensors."""
        return self.add(ADD, *tensors)

    def cat(self, tensors: Iterable[Tensor]) -> Tensor:
        """Join tensors along their channels."""
        return self.add(CONCATENATE, *tensors)

    def halves(self, x: Tensor) -> tuple[Tensor, ...]:
        """Split the channels into two halves."""
        return self.parts(x, self.width(x) // 2, self.width(x) - self.width(x) // 2)

    def parts(self, x: Tensor, *sizes: int) -> tuple[Tensor, ...]:
        """Split the channels."""
        return self.add_all(made(Split, sizes=sizes, axis=-1), x)

    def linear(self, x: Tensor, units: int, name: str = "", *, bias: bool = True) -> Tensor:
        """Add a linear layer."""
        return self.add(made(Dense, units=units, use_bias=bias), x, name=name)

    def reshape(self, x: Tensor, *shape: int) -> Tensor:
        """Give a sample other axes."""
        return self.add(Reshape(target_shape=list(shape)), x)

    def steps(self, x: Tensor) -> Tensor:
        """Give an image as a sequence of places."""
        return self.reshape(x, -1, self.width(x))

    def idle(self, name: str, params: int, buffers: int = 0) -> None:
        """Add weights that a forward pass in evaluation does not use."""
        from archinspect.ops.source import Constant, Parameter  # a few heads have some

        if params:
            self.add(Parameter(shape=[params]), name=name)
        if buffers:
            self.add(Constant(shape=[buffers]), name=f"{name}_statistics")


def _half(k: int | Sequence[int], d: int) -> int | tuple[int, ...]:
    """Return the padding of half a dilated window."""
    if isinstance(k, int):
        return (d * (k - 1) + 1) // 2
    return tuple((d * (one - 1) + 1) // 2 for one in k)
