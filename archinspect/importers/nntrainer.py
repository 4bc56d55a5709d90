"""Networks of NNTrainer as INI: a section a layer, with Keras's words for the most part."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from archinspect.base.diagnostics import suggest
from archinspect.base.printable import printable
from archinspect.base.source import SourceError
from archinspect.importers import asked
from archinspect.importers.sections import Section, sections
from archinspect.importers.shaped import ShapedBuilder
from archinspect.ops.activation import ActivationKind
from archinspect.ops.conv import Conv1D, Conv2D
from archinspect.ops.declared import ArgumentError
from archinspect.ops.dense import Dense
from archinspect.ops.globalpool import GlobalAveragePooling2D, GlobalMaxPooling2D
from archinspect.ops.identity import Dropout
from archinspect.ops.merge import Add, Concatenate, Multiply
from archinspect.ops.norm import BatchNormalization
from archinspect.ops.pool import AveragePooling2D, MaxPooling2D
from archinspect.ops.reshape import Flatten, Reshape

if TYPE_CHECKING:
    from collections.abc import Callable

    from archinspect.base.diagnostics import Problems
    from archinspect.base.settings import Settings
    from archinspect.graph.graph import Graph, Tensor
    from archinspect.importers.file import File
    from archinspect.ops.base import Op

MOST = 2**22
"""Bytes of a file."""
FIRST = "channels_first"
NO_LAYERS = ("model", "optimizer", "learningratescheduler", "dataset", "trainset", "validset", "testset")
"""Sections of training, in small letters."""
LOSSES = ("mse", "mse_loss", "cross", "cross_entropy", "cross_softmax", "cross_sigmoid", "constant_derivative")


def read(file: File, settings: Settings, problems: Problems) -> Graph | None:
    """Return the graph of a configuration; its sizes have the channels first."""
    found = [one for one in sections(file.text(MOST), notes=True) if one.name.lower() not in NO_LAYERS]
    if not found:
        raise file.refuse("the file has no layers")
    inputs = {one.name: _shape(one) for one in found if "input_shape" in one.options}
    if not inputs:
        raise found[0].refuse("no layer says an Input_Shape", help="Input_Shape = 3:32:32")
    asked.params({}, settings, problems, file.span())
    shapes = asked.shapes(inputs, settings, problems, file.span())
    if problems.failed:
        return None
    name = printable(os.path.splitext(os.path.basename(file.path))[0])
    net = ShapedBuilder(name, file.span(), layout=FIRST)
    layers: dict[str, Tensor] = {}
    for section in found:
        if section.name in layers:
            raise section.refuse("there is a layer of this name before")
        if _kind(section) not in LOSSES and not _kind(section).endswith("_loss"):
            layers[section.name] = _layer(net, section, layers, shapes)
    used = {tensor for node in net.nodes for tensor in node.inputs}
    return net.build(*[tensor for tensor in layers.values() if tensor not in used])


def _kind(section: Section) -> str:
    return section.text("type").lower()


def _shape(section: Section) -> tuple[int, ...]:
    sizes = section.text("input_shape").split(":")
    if not 1 <= len(sizes) <= 4 or not all(one.isdecimal() and 0 < int(one) < 10**9 for one in sizes):  # noqa: PLR2004 - axes
        raise section.refuse("'Input_Shape' must be sizes, such as 3:32:32", "input_shape")
    return tuple(map(int, sizes[-3:]))


def _layer(net: ShapedBuilder, section: Section, layers: dict[str, Tensor], shapes: dict[str, Any]) -> Tensor:
    net.here = section.span
    name, kind = printable(section.name) or "layer", _kind(section)
    if "backbone" in section.options:
        raise section.refuse("a backbone is another file, which is not read", "backbone")
    before = [one for one in section.text("input_layers").split(",") if one]
    unknown = next((one for one in before if one not in layers), None)
    if unknown is not None:
        help_ = suggest(unknown, layers) if layers else ""
        raise section.refuse(f"no layer '{printable(unknown)}' is before this one", "input_layers", help=help_)
    if section.name in shapes:
        x = net.input(*shapes[section.name], name=name if kind == "input" else f"{name}_input")
        if kind == "input":
            return x
        read = [x]
    else:
        read = [layers[one] for one in before] or list(layers.values())[-1:]
    if kind not in KINDS:
        message = f"the layer type '{printable(kind)}' is not read"
        raise SourceError("unknown-op", message, section.place("type"), suggest(kind, KINDS))
    if not read:
        raise section.refuse("no layer is before this one")
    try:
        op = KINDS[kind](section, net.shape(read[0]))
        act = _activation(section) if kind != "activation" else None
        if act and "activation" in op.args:
            op, act = op.replace(activation=act), None
        (x, *_) = net.add_layer(op, read if kind in JOINS else read[:1], net.claim(name))
        return net.add_layer(act, (x,), net.claim(f"{name}_activation"))[0] if act else x
    except ArgumentError as error:
        raise SourceError("argument", error.message, section.place(*error.path), error.help) from None
    except ValueError as error:  # names of operators that are taken, numbers that are none
        raise section.refuse(str(error)) from None


def _activation(section: Section) -> Op | None:
    name = section.text("activation").lower()
    return ActivationKind().convert(name) if name and name != "unknown" else None


def _numbers(section: Section, key: str, default: list[int]) -> list[int]:
    return section.wholes(key) or default


def _padding(section: Section) -> Any:  # noqa: ANN401 - a word, or numbers
    given = section.text("padding")
    if given.lower() in ("same", "valid"):
        return given.lower()
    sides = _numbers(section, "padding", [0])
    if len(sides) == 4:  # noqa: PLR2004 - top, bottom, left, right
        return [sides[:2], sides[2:]]
    return sides if len(sides) > 1 else sides[0]


def _conv(section: Section, rank: int) -> Op:
    kind: type[Op] = Conv2D if rank == 2 else Conv1D  # noqa: PLR2004 - an image
    return kind(
        filters=section.whole("filters", section.whole("filter", 0), 1),
        kernel_size=[*_numbers(section, "kernel_size", [])] if rank > 1 else section.whole("kernel_size", 0, 1),
        strides=[*_numbers(section, "stride", [1] * rank)],
        padding=_padding(section),
        dilation_rate=[*_numbers(section, "dilation", [1] * rank)],
        use_bias=not _is_on(section, "disable_bias"),
        data_format=FIRST,
    )


def _is_on(section: Section, key: str) -> bool:
    return section.text(key).lower() in ("true", "1")


def _pool(section: Section) -> Op:
    how = section.text("pooling", "max").lower()
    if how.startswith("global"):
        whole: type[Op] = GlobalMaxPooling2D if how == "global_max" else GlobalAveragePooling2D
        return whole(keepdims=True, data_format=FIRST)
    kinds: dict[str, type[Op]] = {"max": MaxPooling2D, "average": AveragePooling2D}
    if how not in kinds:
        raise section.refuse("'pooling' is max, average, global_max or global_average", "pooling")
    size = _numbers(section, "pool_size", _numbers(section, "pooling_size", []))
    strides = _numbers(section, "stride", [1, 1])
    return kinds[how](pool_size=[*size], strides=[*strides], padding=_padding(section), data_format=FIRST)


def _normal(shape: tuple[int, ...]) -> Op:
    return BatchNormalization(axis=-1 if all(size == 1 for size in shape[:-1]) else 1, data_format=FIRST)


def _reshape(section: Section) -> Op:
    sizes = section.text("target_shape").split(":")
    return Reshape(target_shape=[int(one) for one in sizes])


def _function(section: Section) -> Op:
    op = _activation(section)
    if op is None:
        raise section.refuse("'Activation' is missing", "activation")
    return op


KINDS: dict[str, Callable[[Section, tuple[int, ...]], Op]] = {
    "conv2d": lambda section, _: _conv(section, 2),
    "conv1d": lambda section, _: _conv(section, 1),
    "fully_connected": lambda section, _: Dense(
        units=section.whole("unit", 0, 1), use_bias=not _is_on(section, "disable_bias")
    ),
    "pooling2d": lambda section, _: _pool(section),
    "flatten": lambda _section, _: Flatten(),
    "batch_normalization": lambda _, shape: _normal(shape),
    "activation": lambda section, _: _function(section),
    "dropout": lambda section, _: Dropout(rate=section.number("dropout_rate", 0.5)),
    "addition": lambda _section, _: Add(),
    "multiply": lambda _section, _: Multiply(),
    "concat": lambda section, _: Concatenate(axis=section.whole("axis", 1, 1)),
    "reshape": lambda section, _: _reshape(section),
}
"""What makes a layer's operator, by its type."""
JOINS = ("addition", "multiply", "concat")
