"""Towers of pictures in GGUF files, `mmproj`, with the projectors of LLaVA, Gemma 3, Idefics 3, InternVL and Pixtral.

Projectors of other types are rows with their weights and unknown work.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from archinspect.importers import asked
from archinspect.importers.gguf.maker import Maker, Steps, UnreadError
from archinspect.importers.hf.parts import NORMS, Attention, activation_of, add, core, reshape, rotate, within
from archinspect.importers.unread import table
from archinspect.ops.conv import Conv2D
from archinspect.ops.dense import Dense
from archinspect.ops.embed import ClassToken, LearnedPositions
from archinspect.ops.merge import Multiply
from archinspect.ops.norm import LayerScale
from archinspect.ops.pool import AveragePooling2D
from archinspect.ops.several import Split
from archinspect.ops.shuffle import PixelUnshuffle
from archinspect.ops.source import Constant, Parameter
from archinspect.ops.tensor import Slice

if TYPE_CHECKING:
    from collections.abc import Callable

    from archinspect.base.diagnostics import Problems
    from archinspect.base.settings import Settings
    from archinspect.base.source import Value
    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Graph, Tensor
    from archinspect.importers.file import File
    from archinspect.importers.gguf.header import Header

COLORS = 3
MOST_SIDE = 16_384
GEMMA_POOL = 4
"""Patches of a side that Gemma 3 averages."""
PIXTRAL = "pixtral"
"""The type whose patches rotate, and have no table of positions."""


class Grid(NamedTuple):
    """Patches of a picture, and their features."""

    rows: int
    columns: int
    width: int


def graph_of(net: GraphBuilder, file: File, header: Header, settings: Settings, problems: Problems) -> Graph | None:
    """Return the graph of a tower and its projector; None where the tower is of no shape that is known."""
    make = Maker(net, file, header)
    v = make.values
    side, patch = v.whole("vision.image_size", 0), v.whole("vision.patch_size", 0)
    tensor = make.tensors.get("v.patch_embd.weight")
    fits = tensor is not None and tensor.shape[:3] == (patch, patch, COLORS) and len(tensor.shape) == 4  # noqa: PLR2004 - a kernel, colors, features
    if not fits or not patch <= side <= MOST_SIDE or tensor is None:
        return None
    shapes = asked.shapes({"pixel_values": (side, side, COLORS)}, settings, problems, net.origin)
    if problems.failed:
        return None
    image = net.input(*shapes["pixel_values"], name="pixel_values")
    try:
        x, grid = _tower(make, image, patch, tensor.shape[3])
    except UnreadError:
        return None
    with suppress(UnreadError):  # the tensors of what is not known are told with the rest
        x = _PROJECTORS.get(_kind(make), _unknown)(make, x, grid)
    left = [one for one in header.tensors if one.name not in make.placed]
    return net.build(x.x, *table(net, left))


def _kind(make: Maker) -> str:
    given = make.values.given
    found = given.get("clip.vision.projector_type", given.get("clip.projector_type", ""))
    return found if isinstance(found, str) else ""


def _tower(make: Maker, image: Tensor, patch: int, width: int) -> tuple[Steps, Grid]:
    """Add patches, positions and layers; return the features of patches, without those of a token before them."""
    net = make.net
    height, across = image.producer.op.output()[1:3]
    grid = Grid(height // patch, across // patch, width)
    kernel: list[Value] = [patch, patch]
    bias = make.has_bias("v.patch_embd", width)
    x = net.add(Conv2D(filters=width, kernel_size=kernel, strides=kernel, use_bias=bias), image, name="v.patch_embd")
    x = reshape(net, x, -1, width)
    make.place("v.patch_embd.weight", "v.patch_embd.bias")
    token = next((name for name in ("v.class_embd", "v.class_embd.weight") if name in make.tensors), "")
    if token:
        x = net.add(ClassToken(n=1), x, name="v.class_embd")
        make.place(token)
    if make.has("v.position_embd"):
        of, rows = make.shape("v.position_embd")
        if of != width or rows != grid.rows * grid.columns + bool(token):
            raise UnreadError("v.position_embd")
        x = net.add(LearnedPositions(input_dim=rows), x, name="v.position_embd")
        make.place("v.position_embd.weight")
    s = normed(make, Steps(x, width), "v.pre_ln")
    for number in range(make.values.count("vision.block_count")):
        path = f"v.blk.{number}"
        with within(net, path, "layer"):
            s = layer(make, s, path, make.values.whole("vision.attention.head_count", 0))
    s = normed(make, s, "v.post_ln")
    return (s._replace(x=net.add(Slice(start=1), s.x)) if token else s), grid


def normed(make: Maker, s: Steps, path: str) -> Steps:
    """Add a normalization, if there is one: it subtracts the mean where it has an offset."""
    if not make.has(path):
        return s
    if make.shape(path, 1) != (s.width,):
        raise UnreadError(path)
    kind = "layer" if make.has_bias(path, s.width) else "rms"
    make.place(f"{path}.weight", f"{path}.bias")
    return s._replace(x=make.net.add(NORMS[kind], s.x, name=make.inside(path)))


def layer(make: Maker, s: Steps, path: str, heads: int, act: str = "") -> Steps:
    """Add a layer: attention of so many heads, and a network with the activation of a name or that of the metadata."""
    net = make.net
    attended = _scaled(make, _attend(make, normed(make, s, f"{path}.ln1"), path, heads), f"{path}.ls1")
    s = s._replace(x=add(net, s.x, attended.x))
    fed = _scaled(make, _feed(make, normed(make, s, f"{path}.ln2"), path, act), f"{path}.ls2")
    return s._replace(x=add(net, s.x, fed.x))


def _scaled(make: Maker, s: Steps, path: str) -> Steps:
    if not make.has(path):
        return s
    make.place(f"{path}.weight")
    return s._replace(x=make.net.add(LayerScale(), s.x, name=make.inside(path)))


def _attend(make: Maker, s: Steps, path: str, heads: int) -> Steps:
    if not heads or s.width % heads:
        raise UnreadError(path)
    if make.has(f"{path}.attn_qkv"):
        if make.shape(f"{path}.attn_qkv")[1] != 3 * s.width:
            raise UnreadError(path)
        parts = make.net.add_all(Split(parts=3, axis=-1), make.linear(s, f"{path}.attn_qkv").x)
    else:
        if any(make.shape(f"{path}.attn_{one}")[1] != s.width for one in "qkv"):
            raise UnreadError(path)
        parts = tuple([make.linear(s, f"{path}.attn_{one}").x for one in "qkv"])
    size = s.width // heads
    query, key = (
        normed(make, s._replace(x=x), f"{path}.attn_{name}_norm").x for x, name in zip(parts, ("q", "k"), strict=False)
    )
    if _kind(make) == PIXTRAL:
        query, key = (rotate(make.net, x, heads, size, size) for x in (query, key))
    a = Attention(heads, heads, size, s.width, causal=False)
    x = make.net.add(core(a), query, key, parts[2], name="attention")
    return make.linear(s._replace(x=x), f"{path}.attn_out")


def _feed(make: Maker, s: Steps, path: str, act: str) -> Steps:
    """Add a network of two products, or three with a gate; in old files the first one is called the second."""
    up, down = (f"{path}.ffn_{one}" for one in ("up", "down"))
    if make.shape(up)[0] != s.width or (make.shape(up)[1] != make.shape(down)[0]):
        up, down = down, up
    inner = make.shape(up)[1]
    if make.shape(up)[0] != s.width or make.shape(down) != (inner, s.width):
        raise UnreadError(path)
    x = make.linear(s, up).x
    if not make.has(f"{path}.ffn_gate"):
        return make.linear(Steps(activated(make, x, act), inner), down)
    if make.shape(f"{path}.ffn_gate") != (s.width, inner):
        raise UnreadError(path)
    gate = activated(make, make.linear(s, f"{path}.ffn_gate").x, act)
    return make.linear(Steps(make.net.add(Multiply(), gate, x), inner), down)


def activated(make: Maker, x: Tensor, name: str = "") -> Tensor:
    """Add the activation of a name, else the one that the metadata says."""
    given = make.values.given
    said = "gelu" if given.get("clip.use_gelu") is True else "silu" if given.get("clip.use_silu") is True else ""
    return make.net.add(activation_of(name or said or "quick_gelu"), x)


# Projectors


def _unknown(make: Maker, s: Steps, grid: Grid) -> Steps:
    del make, grid
    return s


def two(make: Maker, s: Steps, first: str, second: str) -> Steps:
    """Add two products with an activation between them."""
    hidden = make.linear(s, first)
    return make.linear(hidden._replace(x=activated(make, hidden.x, "gelu")), second)


def _llava(make: Maker, s: Steps, grid: Grid) -> Steps:
    del grid
    if make.shape("mm.0")[0] != s.width or make.shape("mm.2")[0] != make.shape("mm.0")[1]:
        raise UnreadError("mm.0")
    if "v.image_newline" in make.tensors:  # between the rows of patches
        make.net.add(Parameter(shape=[*make.tensors["v.image_newline"].shape]), name="v.image_newline")
        make.place("v.image_newline")
    return two(make, s, "mm.0", "mm.2")


def _gemma3(make: Maker, s: Steps, grid: Grid) -> Steps:
    """Add a mean of neighboring patches, a norm and a product, whose tensor stands as it is multiplied."""
    net, side = make.net, GEMMA_POOL
    given, units = make.shape("mm.input_projection")[::-1]
    if grid.rows % side or grid.columns % side or given != s.width:
        raise UnreadError("mm.input_projection")
    x = reshape(net, s.x, grid.rows, grid.columns, grid.width)
    x = reshape(net, net.add(AveragePooling2D(pool_size=side), x), -1, grid.width)
    s = normed(make, s._replace(x=x), "mm.soft_emb_norm")
    make.place("mm.input_projection.weight")
    return Steps(net.add(Dense(units=units, use_bias=False), s.x, name="mm.input_projection"), units)


def _shuffled(make: Maker, s: Steps, grid: Grid, factor: int) -> Steps:
    """Put the features of neighboring patches side by side."""
    if factor < 1 or grid.rows % factor or grid.columns % factor:
        raise UnreadError("mm")
    net, width = make.net, grid.width * factor * factor
    x = net.add(PixelUnshuffle(downscale_factor=factor), reshape(net, s.x, grid.rows, grid.columns, grid.width))
    return Steps(reshape(net, x, -1, width), width)


def _idefics3(make: Maker, s: Steps, grid: Grid) -> Steps:
    s = _shuffled(make, s, grid, make.values.whole("vision.projector.scale_factor", 0))
    if make.shape("mm.model.fc")[0] != s.width:
        raise UnreadError("mm.model.fc")
    return make.linear(s, "mm.model.fc")


def _internvl(make: Maker, s: Steps, grid: Grid) -> Steps:
    s = _shuffled(make, s, grid, make.values.whole("vision.projector.scale_factor", 0))
    if make.shape("mm.model.mlp.1")[0] != s.width or make.shape("mm.model.mlp.3")[0] != make.shape("mm.model.mlp.1")[1]:
        raise UnreadError("mm.model.mlp.1")
    return two(make, normed(make, s, "mm.model.mlp.0"), "mm.model.mlp.1", "mm.model.mlp.3")


def _pixtral(make: Maker, s: Steps, grid: Grid) -> Steps:
    """Add a norm and a merger of neighboring patches where there are such, and two products."""
    s = normed(make, s, "mm.input_norm")
    if make.has("mm.patch_merger"):
        s = _shuffled(make, s, grid, make.values.whole("vision.spatial_merge_size", 1))
        if make.shape("mm.patch_merger")[0] != s.width:
            raise UnreadError("mm.patch_merger")
        s = make.linear(s, "mm.patch_merger")
    if "v.token_embd.img_break" in make.tensors:  # ends a row of patches
        make.net.add(Constant(shape=[*make.tensors["v.token_embd.img_break"].shape]), name="v.token_embd.img_break")
        make.place("v.token_embd.img_break")
    if make.shape("mm.1")[0] != s.width or make.shape("mm.2")[0] != make.shape("mm.1")[1]:
        raise UnreadError("mm.1")
    return two(make, s, "mm.1", "mm.2")


_PROJECTORS: dict[str, Callable[[Maker, Steps, Grid], Steps]] = {
    "gemma3": _gemma3,
    "idefics3": _idefics3,
    "internvl": _internvl,
    "mlp": _llava,
    PIXTRAL: _pixtral,
}
"""By the types of projectors, what adds one."""
