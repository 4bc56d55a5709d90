"""Networks of Caffe as text, `.prototxt`: with `layer`, and with `layers` as they were before.

A layer has its own name. Those of one phase are read, without losses.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from archinspect.base.diagnostics import suggest
from archinspect.base.printable import printable
from archinspect.base.source import SourceError
from archinspect.importers import asked
from archinspect.importers.caffe import inputs, older
from archinspect.importers.caffe.kinds import ENDS, KINDS, argument_of
from archinspect.importers.caffe.layers import PLAIN
from archinspect.importers.caffe.net import Layer, Net
from archinspect.importers.caffe.text import Message, parse
from archinspect.ops.declared import ArgumentError

if TYPE_CHECKING:
    from archinspect.base.diagnostics import Problems
    from archinspect.base.settings import Settings
    from archinspect.graph.graph import Graph, Node, Tensor
    from archinspect.importers.file import File

MOST = 2**24
"""Bytes of a file."""
MAX_LAYERS = 20_000


def read(file: File, settings: Settings, problems: Problems) -> Graph | None:
    """Return the graph of one phase of a network."""
    text = parse(file.text(MOST))
    layers = [*text.messages("layers"), *text.messages("layer")]
    layers.sort(key=lambda layer: layer.at)
    if len(layers) > MAX_LAYERS:
        raise SourceError("limit", f"the file has more than {MAX_LAYERS:,} layers", layers[MAX_LAYERS].span())
    if not layers:
        raise text.refuse("the file has no layers")
    params = asked.params({}, settings, problems, file.span(), ("phase",))
    phase = str(params.get("phase", "")).upper()
    if phase not in ("", "TEST", "TRAIN"):
        problems.error("unknown-param", f"there is no phase '{printable(phase)}'", file.span(), "test or train")
        return None
    chosen = [older.renewed(layer) for layer in inputs.of_phase(layers, phase)]
    declared = inputs.declared(text, chosen)
    if problems.failed:
        return None
    shapes = _shapes(declared, settings, problems, file)
    if shapes is None:
        return None
    net = Net(printable(text.word("name") or os.path.splitext(os.path.basename(file.path))[0]), file.span())
    batch = inputs.batch_of(declared)
    net.description = f"Caffe; the file's own batch is {batch}: --batch {batch}" if batch != 1 else "Caffe"
    blobs: dict[str, Tensor] = {}
    for name, shape in shapes.items():
        net.here = declared[name].span
        blobs[name] = net.input(*shape, name=_path(net, name), dtype="float")
    unread = _build(net, chosen, blobs)
    if not unread:
        raise text.refuse("no layer gives what nothing reads")
    return net.build(*unread)


def _shapes(
    declared: dict[str, inputs.Blob], settings: Settings, problems: Problems, file: File
) -> dict[str, tuple[int, ...]] | None:
    """Return the shapes of the inputs, as they are asked for; what is not known is told."""
    if settings.inputs.keys() == {""} and len(declared) > 1:  # of images, what else there is need not be said
        settings = settings._replace(inputs={next(iter(declared)): settings.inputs[""]})
    own = {name: blob.shape for name, blob in declared.items()}
    shapes = asked.shapes(own, settings, problems, file.span())
    for name, shape in shapes.items():
        if not shape and own[name] == () and not declared[name].is_known:
            message = f"the file does not say how large '{printable(name)}' is"
            problems.error("input", message, declared[name].span, "--input 3x224x224: channels, height, width")
    return None if problems.failed else shapes


def _path(net: Net, name: str) -> str:
    """Return a name as a path that is free."""
    plain = printable(name) or "layer"
    path = plain
    count = 0
    while path in net.taken:
        count += 1
        path = f"{plain}_{count}"
    return path


def _build(net: Net, layers: list[Message], blobs: dict[str, Tensor]) -> list[Tensor]:
    """Add all layers, and return the blobs that nothing reads, but for losses."""
    waiting: dict[str, Tensor] = dict(blobs)
    weights: dict[tuple[str, ...], Node] = {}
    unread: dict[str, Tensor] = {}
    for message in layers:
        kind = inputs.kind_of(message)
        net.here = message.span("type", "name")
        bottoms, tops = message.texts("bottom"), message.texts("top")
        if kind in ENDS or (not bottoms and kind in inputs.DATA):
            continue  # no part of the network, or an input of it
        missing = next((one for one in bottoms if one not in waiting), None)
        if missing is not None:
            raise message.refuse(f"no layer before gives '{printable(missing)}'", "bottom")
        read = [waiting[one] for one in bottoms]
        found = _layer(net, message, kind, read, weights)
        for bottom in bottoms:
            unread.pop(bottom, None)
        for top, tensor in zip(tops, found, strict=False):
            waiting[top] = unread[top] = tensor
    return list(unread.values())


def _layer(
    net: Net, message: Message, kind: str, read: list[Tensor], weights: dict[tuple[str, ...], Node]
) -> list[Tensor]:
    if kind not in KINDS and kind not in PLAIN:
        if kind == "Python":
            text = f"'{printable(message.word('name'))}' runs a program of its own, which is not read"
            raise SourceError("unknown-op", text, net.here)
        found = suggest(kind, [*KINDS, *PLAIN])
        raise SourceError("unknown-op", f"the layer type '{printable(kind)}' is not read", net.here, found)
    if not read:
        raise message.refuse(f"{kind} reads nothing", "type")
    given = message.message(argument_of(kind, message))
    layer = Layer(message, message.word("name"), kind, given, read, inputs.trains(message))
    start = len(net.nodes)
    path = _path(net, layer.name or kind)
    try:
        with net.scope(path, kind):
            if kind in PLAIN:
                outputs = [net.add(PLAIN[kind], read[0])] * len(message.texts("top"))  # of `Split`, several
            else:
                outputs = KINDS[kind](net, layer)
    except ArgumentError as error:
        raise SourceError("argument", error.message, given.span(*error.path), error.help) from None
    except ValueError as error:  # another number of inputs
        raise layer.refuse(f"cannot read {len(read)} blobs: {error}", "bottom") from None
    net.give_name(path, start)
    _tie(net, message, net.nodes[start:], weights)
    return outputs


def _tie(net: Net, message: Message, nodes: list[Node], weights: dict[tuple[str, ...], Node]) -> None:
    """Let a layer use the weights of another whose weights have the same names."""
    names = tuple(one.word("name") for one in message.messages("param")) or tuple(message.texts("param"))
    if not names or not all(names) or not nodes:
        return
    owner = weights.setdefault(names, nodes[-1])
    if owner is not nodes[-1]:
        net.tie(nodes[-1], owner)
