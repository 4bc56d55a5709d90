"""Towers of sounds in GGUF files: Whisper's encoder, with the projectors of Qwen2-Audio, Ultravox and Voxtral.

Projectors of other types are rows with their weights and unknown work.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from archinspect.importers import asked
from archinspect.importers.gguf.maker import Maker, Steps, UnreadError
from archinspect.importers.gguf.vision import layer, normed, two
from archinspect.importers.hf.parts import reshape, within
from archinspect.importers.unread import table
from archinspect.ops.activation import GELU, SiLU
from archinspect.ops.borders import ZeroPadding1D
from archinspect.ops.conv import Conv1D
from archinspect.ops.embed import LearnedPositions
from archinspect.ops.merge import Multiply
from archinspect.ops.pool import AveragePooling1D
from archinspect.ops.several import Split

if TYPE_CHECKING:
    from collections.abc import Callable

    from archinspect.base.diagnostics import Problems
    from archinspect.base.settings import Settings
    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Graph
    from archinspect.importers.file import File
    from archinspect.importers.gguf.header import Header

KERNEL = 3
QWEN = "qwen2a"
"""The type that takes the mean of two steps before the last normalization."""


def graph_of(net: GraphBuilder, file: File, header: Header, settings: Settings, problems: Problems) -> Graph | None:
    """Return the graph of a tower and its projector; None where the tower is of no shape that is known."""
    make = Maker(net, file, header)
    try:
        kernel, bands, _ = make.shape("a.conv1d.1", 3)
        width, steps = make.shape("a.position_embd")
    except UnreadError:
        return None
    # The second convolution makes one step of two frames.
    shapes = asked.shapes({"input_features": (2 * steps, bands)}, settings, problems, net.origin)
    if kernel != KERNEL or problems.failed:
        return None
    kind = make.values.given.get("clip.audio.projector_type", make.values.given.get("clip.projector_type"))
    try:
        s = Steps(net.input(*shapes["input_features"], name="input_features"), bands)
        s = _tower(make, s, width, steps)
    except UnreadError:
        return None
    if kind == QWEN:
        s = s._replace(x=net.add(AveragePooling1D(pool_size=2), s.x))
    s = normed(make, s, "a.post_ln")
    with suppress(UnreadError):  # the tensors of what is not known are told with the rest
        s = _PROJECTORS[kind](make, s) if isinstance(kind, str) and kind in _PROJECTORS else s
    left = [one for one in header.tensors if one.name not in make.placed]
    return net.build(s.x, *table(net, left))


def _tower(make: Maker, s: Steps, width: int, steps: int) -> Steps:
    net = make.net
    for number in (1, 2):
        s = _convolved(make, s, f"a.conv1d.{number}", stride=number)
    if s.width != width:
        raise UnreadError("a.position_embd")
    x = net.add(LearnedPositions(input_dim=steps), s.x, name="a.position_embd")
    make.place("a.position_embd.weight")
    s = Steps(x, width)
    heads = make.values.whole("audio.attention.head_count", 0)
    for number in range(make.values.count("audio.block_count")):
        with within(net, f"a.blk.{number}", "layer"):
            s = layer(make, s, f"a.blk.{number}", heads, "gelu")
    return s


def _convolved(make: Maker, s: Steps, path: str, stride: int) -> Steps:
    kernel, given, width = make.shape(path, 3)
    bias = make.tensors.get(f"{path}.bias")
    if given != s.width or (bias is not None and [size for size in bias.shape if size != 1] != [width]):
        raise UnreadError(path)
    op = Conv1D(filters=width, kernel_size=kernel, strides=stride, padding=1, use_bias=bias is not None)
    make.place(f"{path}.weight", f"{path}.bias")
    return Steps(make.net.add(GELU(), make.net.add(op, s.x, name=path)), width)


# Projectors


def _stacked(make: Maker, s: Steps, gated: int = 1) -> Steps:
    """Put the features of neighboring steps side by side, zeros behind the last ones, for two products that fit."""
    factor = make.values.whole("audio.projector.stack_factor", 1) or 1
    width, steps = factor * s.width, make.shape("a.position_embd")[1]
    given, units = make.shape("mm.a.mlp.1")
    if given != width or units != gated * make.shape("mm.a.mlp.2")[0]:
        raise UnreadError("mm.a.mlp.1")
    lack = -steps % factor
    x = make.net.add(ZeroPadding1D(padding=[0, lack]), s.x) if lack else s.x
    return Steps(reshape(make.net, x, -1, width), width)


def _qwen(make: Maker, s: Steps) -> Steps:
    if make.shape("mm.a.fc")[0] != s.width:
        raise UnreadError("mm.a.fc")
    return make.linear(s, "mm.a.fc")


def _voxtral(make: Maker, s: Steps) -> Steps:
    return two(make, _stacked(make, s), "mm.a.mlp.1", "mm.a.mlp.2")


def _ultravox(make: Maker, s: Steps) -> Steps:
    s = make.linear(normed(make, _stacked(make, s, gated=2), "mm.a.norm_pre"), "mm.a.mlp.1")
    x, gate = make.net.add_all(Split(parts=2, axis=-1), s.x)
    s = Steps(make.net.add(Multiply(), make.net.add(SiLU(), gate), x), s.width // 2)
    return make.linear(normed(make, s, "mm.a.norm_mid"), "mm.a.mlp.2")


_PROJECTORS: dict[str, Callable[[Maker, Steps], Steps]] = {QWEN: _qwen, "ultravox": _ultravox, "voxtral": _voxtral}
"""By the types of projectors, what adds one."""
