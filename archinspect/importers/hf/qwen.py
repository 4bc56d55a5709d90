"""Towers of pictures of Qwen's models, which take any size, with the projector at their end."""

from __future__ import annotations

from math import lcm
from typing import TYPE_CHECKING

from archinspect.importers.hf.parts import (
    Attention,
    Mlp,
    activate,
    add,
    core,
    dense,
    mlp,
    norm,
    reshape,
    rotate,
    unfit,
    within,
)
from archinspect.ops.conv import Conv3D
from archinspect.ops.embed import Embedding
from archinspect.ops.several import Split
from archinspect.ops.source import Arange, Parameter

if TYPE_CHECKING:
    from archinspect.base.source import Value
    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Tensor
    from archinspect.importers.hf.config import Config

THIRD = ("qwen3_vl", "qwen3_vl_moe", "qwen3_5", "qwen3_5_moe")
KINDS = ("qwen2_vl", "qwen2_5_vl", *THIRD)
SIDE, MOST = 448, 4096
"""Height and width of a picture, which configurations leave open; the largest where patches need larger ones."""


def picture(c: Config) -> tuple[int, ...]:
    """Return the shape of a picture, whose sides are as near to the usual as patches allow: frames, sides, channels."""
    patch = c.whole("patch_size")
    unit = patch * c.whole("spatial_merge_size")
    if c.kind == "qwen2_5_vl_vision":
        unit = lcm(unit, max(c.whole("window_size") // patch, 1) * patch)
    side = max(SIDE // unit, 1) * unit if unit <= MOST else SIDE
    return c.whole("temporal_patch_size"), side, side, channels(c)


def channels(c: Config) -> int:
    """Return the channels of a picture; what files call `in_chans` is not read by the class."""
    return c.whole("in_channels")


def _is_third(c: Config) -> bool:
    return c.kind.removesuffix("_vision") in THIRD


def tower(net: GraphBuilder, c: Config, image: Tensor) -> Tensor:
    """Add a tower with its projector."""
    is_second, is_third = c.kind == "qwen2_vl_vision", _is_third(c)
    width = c.whole("embed_dim") if is_second else c.whole("hidden_size")
    out = c.whole("hidden_size") if is_second else c.whole("out_hidden_size")
    kind = "rms" if c.kind == "qwen2_5_vl_vision" else "layer"
    patch, merge = c.whole("patch_size"), c.whole("spatial_merge_size")
    frames, height, across, _ = image.producer.op.output()[1:]
    rows, columns = height // patch, across // patch
    if rows % merge or columns % merge or height % patch or across % patch:
        raise c.refuse(f"a picture of {height}x{across} is no multiple of {patch * merge}", "give another: --input")
    tube = c.whole("temporal_patch_size")
    size: list[Value] = [tube, patch, patch]
    x = net.add(
        Conv3D(filters=width, kernel_size=size, strides=size, use_bias=is_third), image, name="patch_embed.proj"
    )
    x = reshape(net, x, -1, width)
    if is_third:
        places = net.add(Arange(stop=frames // tube * rows * columns))
        rows_of_table = c.whole("num_position_embeddings")
        x = add(net, x, net.add(Embedding(input_dim=rows_of_table, output_dim=width), places, name="pos_embed"))
    taps = c.ints("deepstack_visual_indexes") if c.kind in ("qwen3_vl_vision", "qwen3_vl_moe_vision") else []
    deep = []
    for number in range(c.count("depth")):
        with within(net, f"blocks.{number}", "block"):
            x = _block(net, c, kind, width, number, (rows, columns), x)
        if number in taps:
            with within(net, f"deepstack_merger_list.{taps.index(number)}", "merger"):
                deep.append(_merger(net, c, kind, (width, merge, out), x, after=True))
    for number in [i for i, at in enumerate(taps) if not 0 <= at < c.count("depth") or taps.index(at) != i]:
        _idle_merger(net, f"deepstack_merger_list.{number}", width * merge * merge, out)
    with within(net, "merger"):
        x = _merger(net, c, kind, (width, merge, out), x, after=False)
    return add(net, x, *deep) if deep else x


def _block(  # noqa: PLR0913, PLR0917 - what a block needs
    net: GraphBuilder, c: Config, kind: str, width: int, number: int, grid: tuple[int, int], x: Tensor
) -> Tensor:
    heads = c.whole("num_heads")
    inside = norm(net, x, kind, "norm1")
    with within(net, "attn", "attention"):
        attended = _attended(net, dense(net, inside, 3 * width, "qkv"), heads, width, _window(c, number, grid))
        inside = dense(net, attended, width, "proj")
    x = add(net, x, inside)
    inside = norm(net, x, kind, "norm2")
    return add(net, x, mlp(net, inside, _mlp(c, width), width, c))


def _attended(net: GraphBuilder, joined: Tensor, heads: int, width: int, steps: int) -> Tensor:
    """Add attention within windows of so many steps, 0 for all, to queries, keys and values that are joined."""
    query, key, value = net.add_all(Split(parts=3, axis=-1), joined)
    if width % heads:
        return unfit(net, f"no pictures: {heads} heads do not divide {width} features", None, query, key, value)
    query, key = (rotate(net, one, heads, width // heads, width // heads) for one in (query, key))
    if steps:
        query, key, value = (reshape(net, one, -1, steps, width) for one in (query, key, value))
    a = Attention(heads, heads, width // heads, width, causal=False)
    attended = net.add(core(a), query, key, value, name="attention")
    return reshape(net, attended, -1, width) if steps else attended


def _mlp(c: Config, width: int) -> Mlp:
    if c.kind == "qwen2_vl_vision":
        units, names = int(width * c.number("mlp_ratio")), ("mlp.fc1", "mlp.fc2")
    else:
        units = c.whole("intermediate_size")
        names = ("mlp.linear_fc1", "mlp.linear_fc2") if _is_third(c) else ("mlp.up_proj", "mlp.down_proj")
    gated = c.kind == "qwen2_5_vl_vision"
    return Mlp(units, c.text("hidden_act"), gated=gated, bias=True, gate="mlp.gate_proj", up=names[0], down=names[1])


def _window(c: Config, number: int, grid: tuple[int, int]) -> int:
    """Return the steps of a window in which a block attends; 0 for all."""
    if c.kind != "qwen2_5_vl_vision" or number in c.ints("fullatt_block_indexes"):
        return 0
    side = c.whole("window_size") // c.whole("patch_size")
    if not side or grid[0] % side or grid[1] % side:
        raise c.refuse(
            f"a picture of {grid[0]}x{grid[1]} patches is cut into unequal windows",
            f"give one whose sides are multiples of {c.whole('window_size')}: --input pixel_values=2x448x448x3",
        )
    return side * side


def _idle_merger(net: GraphBuilder, path: str, joined: int, out: int) -> None:
    """Add the weights of a merger after a block that is not there: nothing reaches it."""
    shapes: dict[str, list[Value]] = {
        "norm.weight": [joined],
        "norm.bias": [joined],
        "linear_fc1.weight": [joined, joined],
        "linear_fc1.bias": [joined],
        "linear_fc2.weight": [joined, out],
        "linear_fc2.bias": [out],
    }
    with within(net, path, "merger"):
        for name, shape in shapes.items():
            net.add(Parameter(shape=shape), name=name)


def _merger(net: GraphBuilder, c: Config, kind: str, sizes: tuple[int, int, int], x: Tensor, *, after: bool) -> Tensor:
    """Add what makes one step of several patches; its norm is before that, or after."""
    width, merge, out = sizes
    joined = width * merge * merge
    is_third = _is_third(c)
    name = "norm" if is_third else "ln_q"
    first, second = ("linear_fc1", "linear_fc2") if is_third else ("mlp.0", "mlp.2")
    if after:
        x = norm(net, reshape(net, x, -1, joined), kind, name)
    else:
        x = reshape(net, norm(net, x, kind, name), -1, joined)
    return dense(net, activate(net, dense(net, x, joined, first), c, "gelu"), out, second)
