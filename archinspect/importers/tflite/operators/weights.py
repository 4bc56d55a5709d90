"""Operators that have weights."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from archinspect.importers.keras.model import Array
from archinspect.importers.keras.operations import MixesSamplesError
from archinspect.importers.tflite.operators.base import PADDINGS

if TYPE_CHECKING:
    from archinspect.graph.graph import Tensor as Made
    from archinspect.importers.tflite.operators.base import Add, Step


def convolution(step: Step) -> Made:
    """`CONV_2D`, of groups where the kernel has fewer channels than the input."""
    kernel = step.tensor(1)
    out, *window, channels = kernel.shape
    if not kernel.is_constant or step.use.shape()[-1] % channels:
        raise MixesSamplesError
    x = step.use.add(
        f"Conv{len(window)}D",
        filters=out,
        kernel_size=window,
        groups=step.use.shape()[-1] // channels,
        **step.window(2, 5),
        use_bias=step.has(2),
    )
    return step.fused(x, 3)


def depthwise(step: Step) -> Made:
    """`DEPTHWISE_CONV_2D`."""
    kernel = step.tensor(1)
    _, *window, out = kernel.shape
    if not kernel.is_constant:
        raise MixesSamplesError
    x = step.use.add(
        "DepthwiseConv2D",
        kernel_size=window,
        depth_multiplier=max(1, out // step.use.shape()[-1]),
        **step.window(2, 6),
        use_bias=step.has(2),
    )
    return step.fused(x, 4)


def transposed(step: Step) -> Made:
    """`TRANSPOSE_CONV`, whose inputs are the shape of its output, the kernel, what it spreads, and perhaps a bias."""
    kernel, use = step.tensor(1), step.use
    out, *window, _ = kernel.shape
    if not kernel.is_constant:
        raise MixesSamplesError
    strides = [step.whole(2, default=1), step.whole(1, default=1)]
    padding = PADDINGS[step.whole(0, 1)]
    args = {"filters": out, "kernel_size": window, "strides": strides, "padding": padding, "use_bias": step.has(3)}
    plain = use.make("Conv2DTranspose", **args)
    wanted, found = step.made[0].shape[1:3], plain.output(use.shape())[1:3]
    if wanted != found:
        base = [0, 0] if padding == "valid" else [max(0, k - s) for k, s in zip(window, strides, strict=True)]
        extra = [
            w - ((size - 1) * s + k - cut)
            for w, size, s, k, cut in zip(wanted, use.shape()[1:3], strides, window, base, strict=True)
        ]
        plain = use.make("Conv2DTranspose", **args, output_padding=extra)
    return step.fused(use.add(plain), 3)


def volume(step: Step) -> Made:
    """`CONV_3D`."""
    *window, _, out = step.tensor(1).shape
    x = step.use.add(
        "Conv3D",
        filters=out,
        kernel_size=window,
        padding=PADDINGS[step.whole(0, 1)],
        strides=[step.whole(at, default=1) for at in (1, 3, 2)],
        dilation_rate=[step.whole(at, default=1) for at in (5, 7, 6)],
        use_bias=step.has(2),
    )
    return step.fused(x, 4)


def dense(step: Step) -> Made:
    """`FULLY_CONNECTED`."""
    kernel, use = step.tensor(1), step.use
    out, width = kernel.shape
    x = use.x
    given, made = use.shape()[1:], step.made[0].shape[1:]
    if not kernel.is_constant:
        raise MixesSamplesError
    if made == (*given[:-1], out) and given[-1:] == (width,):
        x = use.add("Dense", x, units=out, use_bias=step.has(2))
    elif prod(given) == width and made == (out,):
        op = use.make("Dense", units=out, use_bias=step.has(2))
        use.row = op
        x = use.add(op, use.add("Flatten", x))
    elif given and given[-1] == width:
        x = use.add("Dense", x, units=out, use_bias=step.has(2))
        x = use.add("Reshape", x, target_shape=[*made])
    else:
        raise MixesSamplesError
    return step.fused(x)


def product(step: Step) -> Made:
    """`BATCH_MATMUL`; a matrix that is a constant is a linear layer's kernel."""
    first, second = step.tensor(0), step.tensor(1)
    turned = step.whole(0, 1), step.whole(1, 1)
    if second.is_constant and len(second.shape) == 2 and not turned[0]:  # noqa: PLR2004 - a matrix
        return step.use.add("Dense", units=second.shape[0 if turned[1] else 1], use_bias=False)
    if first.is_constant or second.is_constant:
        raise MixesSamplesError
    return step.use.add("MatMul", *step.use.inputs, transpose_a=bool(turned[0]), transpose_b=bool(turned[1]))


def lstm(step: Step) -> Made:
    """`UNIDIRECTIONAL_SEQUENCE_LSTM`, without peepholes and projection, whose steps are behind the samples."""
    gates = [at for at in range(1, 5) if step.has(at)]
    if len(gates) < 4 or any(map(step.has, (*range(9, 12), 16, 17))) or step.whole(3, 1):  # noqa: PLR2004 - all
        raise MixesSamplesError
    return step.use.add("LSTM", step.use.x, units=step.tensor(1).shape[0], return_sequences=True, use_bias=step.has(13))


def prelu(step: Step) -> Made:
    """`PRELU`: slopes of the channels, or of each place."""
    slopes = [*step.tensor(1).shape]
    shared = [at + 1 for at, size in enumerate(slopes) if size == 1]
    return step.use.add("PReLU", step.use.x, shared_axes=shared or None)


def table(step: Step) -> Made:
    """`GATHER`: of a constant a table of vectors, of a tensor the places of an axis."""
    first, places = step.tensor(0), step.tensor(1)
    axis = step.whole(0)
    if first.is_constant and axis == 0 and len(first.shape) == 2 and not places.is_constant:  # noqa: PLR2004 - a table
        return step.use.add("Embedding", input_dim=first.shape[0], output_dim=first.shape[1])
    if first.is_constant or not places.is_constant:
        raise MixesSamplesError
    numbers = places.numbers()
    value = numbers[0] if numbers and not places.shape else Array(places.shape)
    return step.call("Take", step.use.x, value, axis=axis)  # type: ignore[no-any-return] # a tensor


def pooled(kind: str) -> Add:
    """Return the function of a pooling."""

    def call(step: Step) -> Made:
        x = step.use.add(
            f"{kind}Pooling2D",
            pool_size=[step.whole(4), step.whole(3)],
            strides=[step.whole(2), step.whole(1)],
            padding=PADDINGS[step.whole(0, 1)],
        )
        return step.fused(x, 5)

    return call


def resized(mode: str) -> Add:
    """Return the function of `RESIZE_BILINEAR` and the like."""

    def call(step: Step) -> Made:
        height, width = step.numbers(1)
        return step.use.add("Resizing", step.use.x, height=height, width=width, interpolation=mode)

    return call
