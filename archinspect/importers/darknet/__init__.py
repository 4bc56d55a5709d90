"""Configurations of Darknet, `.cfg`: those of pjreddie's program and of AlexeyAB's.

A layer is called by its number, as the program prints it, and stands at its section.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from archinspect.base.diagnostics import suggest
from archinspect.base.printable import printable
from archinspect.base.source import SourceError
from archinspect.importers import asked
from archinspect.importers.darknet import heads, layers, recurrent
from archinspect.importers.darknet.state import State
from archinspect.importers.sections import Section, sections
from archinspect.importers.shaped import ShapedBuilder
from archinspect.ops.declared import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable

    from archinspect.base.diagnostics import Problems
    from archinspect.base.settings import Settings
    from archinspect.graph.graph import Graph, Tensor
    from archinspect.importers.file import File

MOST = 2**24
"""Bytes of a configuration."""
NETS = ("net", "network")
INPUT = "input"
LAYERS: dict[str, Callable[[State, Section], Tensor]] = {
    "convolutional": layers.convolutional,
    "conv": layers.convolutional,
    "deconvolutional": layers.deconvolutional,
    "deconv": layers.deconvolutional,
    "local": layers.local,
    "connected": layers.connected,
    "conn": layers.connected,
    "maxpool": layers.maxpool,
    "max": layers.maxpool,
    "local_avgpool": layers.local_avgpool,
    "local_avg": layers.local_avgpool,
    "avgpool": layers.avgpool,
    "avg": layers.avgpool,
    "route": layers.route,
    "shortcut": layers.shortcut,
    "scale_channels": layers.scale_channels,
    "sam": layers.scale_channels,
    "upsample": layers.upsample,
    "reorg": layers.reorg,
    "reorg3d": layers.reorg,
    "reorg_old": layers.reorg,
    "history": layers.history,
    "crop": layers.crop,
    "dropout": layers.dropout,
    "activation": layers.activation,
    "logistic": layers.logistic,
    "batchnorm": layers.batchnorm,
    "normalization": layers.normalization,
    "lrn": layers.normalization,
    "l2norm": layers.l2norm,
    "implicit_weights": layers.implicit_weights,
    "cost": layers.same,
    "contrastive": layers.same,
    "empty": layers.same,
    "silence": layers.same,
    "softmax": heads.softmax,
    "soft": heads.softmax,
    "yolo": heads.yolo,
    "gaussian_yolo": heads.gaussian_yolo,
    "region": heads.region,
    "iseg": heads.iseg,
    "detection": heads.detection,
    "rnn": recurrent.rnn,
    "crnn": recurrent.crnn,
    "gru": recurrent.gru,
    "lstm": recurrent.lstm,
    "conv_lstm": recurrent.conv_lstm,
}
"""What adds a section's layer, by the section's name in small letters."""
SHARED = ("convolutional", "conv")


def read(file: File, settings: Settings, problems: Problems) -> Graph | None:
    """Return the graph of a configuration, for one step where it has recurrent layers."""
    source = file.text(MOST)
    first, *others = sections(source) or [Section("", file.span())]
    if first.name.lower() not in NETS:
        raise first.refuse("the first section is [net]")
    name = printable(os.path.splitext(os.path.basename(file.path))[0])
    net = ShapedBuilder(name, file.span())
    shape = asked.shapes({INPUT: _shape(first)}, settings, problems, first.span)[INPUT]
    asked.params({}, settings, problems, first.span)
    if problems.failed:
        return None
    state = State(net, net.input(*shape, name=INPUT))
    for number, section in enumerate(others):
        _layer(state, section, number)
    if not state.outputs:
        raise first.refuse("no layer follows")
    used = {tensor for node in net.nodes for tensor in node.inputs}
    return net.build(*[tensor for tensor in state.outputs if tensor not in used])


def _shape(section: Section) -> tuple[int, ...]:
    """Return the shape of the input: an image, or a vector of `inputs` numbers."""
    sizes = [section.whole(key) for key in ("height", "width", "channels")]
    if all(sizes):
        return tuple(sizes)
    inputs = section.whole("inputs")
    if not inputs:
        raise section.refuse("says neither height, width and channels nor inputs", "height", "width", "channels")
    return (inputs,)


def _layer(state: State, section: Section, number: int) -> None:
    net = state.net
    kind = section.name.lower()
    if kind not in LAYERS:
        raise SourceError(
            "unknown-op",
            f"the layer [{printable(section.name)}] is not read",
            section.span,
            suggest(section.name, LAYERS),
        )
    net.here = section.span
    start = len(net.nodes)
    try:
        with net.scope(str(number), printable(section.name)) as path:
            x = LAYERS[kind](state, section)
    except ArgumentError as error:
        raise SourceError("argument", error.message, section.place(*error.path), error.help) from None
    if kind in SHARED and "share_index" in section.options:
        _share(state, section, path, start)
    state.outputs.append(x)
    state.paths.append(path)
    state.x = x


def _share(state: State, section: Section, path: str, start: int) -> None:
    """Let a layer use the weights of another."""
    other = state.paths[state.index(section, "share_index", section.whole("share_index", 0, -(10**6)))]
    nodes = state.net.nodes
    by_path = {node.path: node for node in nodes if node.path.startswith(f"{other}.")}
    state.net.pair(nodes[start:], path, other, by_path)
