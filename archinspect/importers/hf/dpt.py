"""DPT: a vision transformer, and convolutions that put its states together (Ranftl et al. 2021, arXiv:2103.13413).

A hybrid sees what a network of convolutions, BiT, gives: its first maps take the place of the first states.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.importers.hf import bit, stages, vit
from archinspect.importers.hf.config import Config
from archinspect.importers.hf.depth import Side, Sized, chosen, conv, reassembled, residual, resized, unread
from archinspect.importers.hf.parts import activate, add, dense, reshape, within
from archinspect.importers.hf.wanted import ending
from archinspect.ops.layout import Repeat
from archinspect.ops.merge import Add, Concatenate
from archinspect.ops.norm import BatchNormalization
from archinspect.ops.tensor import Select, Slice

if TYPE_CHECKING:
    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Tensor
    from archinspect.importers.hf.wanted import Wanted

VIT = vit.Vit(
    "dpt",
    layers="encoder.layer",
    q="attention.query",
    k="attention.key",
    v="attention.value",
    o="output.dense",
    table="position_embeddings",
    up="intermediate.dense",
    down="output.dense",
    uneven=True,
)


USUAL = {
    "global_padding": "same",
    "layer_type": "bottleneck",
    "depths": [3, 4, 9],
    "out_features": ["stage1", "stage2", "stage3"],
    "embedding_dynamic_padding": True,
}
"""The backbone of a hybrid, where a file has none."""
Map = tuple["Tensor", Side, int]
"""Features of the backbone, with their height, width and number."""
TAKEN = [0, 1]
"""Which maps of it take the place of states."""


def add_model(c: Config, architecture: str, wanted: Wanted) -> tuple[Tensor, ...]:
    """Add DPT with its own vision transformer, for depths or classes of pixels."""
    known = ("ForDepthEstimation", "ForSemanticSegmentation", "Model")
    end = ending(c, architecture, known) if architecture else known[0]
    is_hybrid = c.flag("is_hybrid")
    if (c.find("backbone_config") is not None and not is_hybrid) or c.find("backbone") is not None:
        raise c.refuse("a backbone other than its own vision transformer is not read")
    net, image = wanted.net, wanted.picture(c)
    states: list[Tensor] = []
    with within(net, "dpt" if end != "Model" else ""):
        maps, x = _hybrid(net, c, image) if is_hybrid else ([], vit.patches(net, c, VIT, image))
        last = vit.trunk(net, c, VIT, x, states)
    if end == "Model":
        width = c.maybe("pooler_output_size", 1) or c.whole("hidden_size")
        one = dense(net, net.add(Select(index=0), last), width, "pooler.dense")
        return last, activate(net, one, c, c.text("pooler_act"))
    with within(net, "neck"):
        fused = _fused(net, c, _reassembled(net, c, maps, states[1:]))
    seen = chosen(c, fused)
    with within(net, "head"):
        if end == known[0]:
            return (_depth(net, c, seen),)
        x, side = seen
        result = resized(net, _classes(net, c, x), side, (2 * side[0], 2 * side[1]))
    if c.flag("use_auxiliary_head"):
        with within(net, "auxiliary_head"):
            return result, _classes(net, c, fused[-1][0])
    return (result,)


def _hybrid(net: GraphBuilder, c: Config, image: Tensor) -> tuple[list[Map], Tensor]:
    """Add the backbone; return its first maps, with their sizes and channels, and what the first layer reads."""
    inner = Config(c.file, USUAL, "bit", "backbone_config") if c.find("backbone_config") is None else _backbone(c)
    with within(net, "embeddings"):
        with within(net, "backbone.bit", "backbone"):
            found, _ = bit.bit(net, inner, image)
            taken = [(*found[place], bit.channels(inner)[place]) for place in stages.chosen(inner, len(found))]
        if len(taken) != len(TAKEN) + 1:
            raise inner.wrong("out_features", "a list of 3")
        (x, side, width), grid = taken.pop(), vit.grid(c)
        if c.ints("backbone_featmap_shape", 4)[1] != width:
            raise c.wrong("backbone_featmap_shape", f"a list with {width} channels, as the backbone's last map")
        if c.ints("neck_ignore_stages") != TAKEN or c.text("readout_type") != "project":
            raise c.refuse("of hybrids 'neck_ignore_stages' must be [0, 1], and 'readout_type' project")
        if side != grid:
            raise c.wrong("patch_size", f"one of which {side[0]}x{side[1]} are in a picture, as in the backbone's map")
        x = reshape(net, conv(net, x, c.whole("hidden_size"), 1, "projection"), -1, c.whole("hidden_size"))
        return taken, vit.with_tokens(net, c, VIT, x, grid)


def _backbone(c: Config) -> Config:
    inner = c.part("backbone_config")
    if inner.kind != "bit":
        raise c.refuse(f"a backbone of the type '{inner.kind}' is not read")
    return inner


def _reassembled(net: GraphBuilder, c: Config, maps: list[Map], states: list[Tensor]) -> list[Sized]:
    """Add what makes a map of each state that is read, of as many features as those of the backbone have then."""
    places, grid = c.ints("backbone_out_indices")[len(maps) :], vit.grid(c)
    taken = [state for number, state in enumerate(states) if number in places]
    widths, factors = c.ints("neck_hidden_sizes", len(maps) + len(taken), 1), c.items("reassemble_factors")
    if len(factors) < len(widths):
        raise c.wrong("reassemble_factors", f"a list of {len(widths)}")
    found = []
    for number, (x, side, width) in enumerate(maps):
        if widths[number] != width:
            raise c.wrong("neck_hidden_sizes", f"a list that begins with {', '.join(str(one[2]) for one in maps)}")
        found.append((conv(net, x, c.whole("fusion_hidden_size"), 3, f"convs.{number}", bias=False), side))
    for number, state in enumerate(taken, len(maps)):
        patches = _read_out(net, c, state, number, grid[0] * grid[1])
        picture = reshape(net, patches, *grid, c.whole("hidden_size"))
        found.append(reassembled(net, c, (picture, grid), (widths[number], factors[number]), number))
    return found


def _read_out(net: GraphBuilder, c: Config, x: Tensor, number: int, steps: int) -> Tensor:
    """Add what puts the first step into those of the patches."""
    form = c.text("readout_type")
    if form not in ("ignore", "add", "project"):
        raise c.wrong("readout_type", "ignore, add or project")
    patches = net.add(Slice(start=1), x)
    if form == "ignore":
        return patches
    first = net.add(Slice(stop=1), x)
    if form == "add":
        return net.add(Add(), patches, first)
    both = net.add(Concatenate(axis=-1), patches, net.add(Repeat(repeats=steps, axis=1), first))
    x = dense(net, both, c.whole("hidden_size"), f"reassemble_stage.readout_projects.{number}.0")
    return activate(net, x, c, c.text("hidden_act"))


def _fused(net: GraphBuilder, c: Config, found: list[Sized]) -> list[Sized]:
    """Add what puts maps together, the last one first."""
    fused: list[Sized] = []
    for number, (state, own) in enumerate(found[::-1]):
        with within(net, f"fusion_stage.layers.{number}", "layer"):
            x, side = fused[-1] if fused else (state, own)
            if fused:
                x = add(net, x, residual(net, c, resized(net, state, own, side), "residual_layer1"))
            else:
                unread(net, c, "residual_layer1")
            x = residual(net, c, x, "residual_layer2")
            new = 2 * side[0], 2 * side[1]
            fused.append((conv(net, resized(net, x, side, new), c.whole("fusion_hidden_size"), 1, "projection"), new))
    return fused


def _depth(net: GraphBuilder, c: Config, seen: Sized) -> Tensor:
    (x, side), width = seen, c.whole("fusion_hidden_size")
    if c.flag("add_projection"):
        if width != PROJECTED:
            raise c.wrong("fusion_hidden_size", f"{PROJECTED}, as add_projection takes")
        x = activate(net, conv(net, x, PROJECTED, 3, "projection"), c, "relu")
    x = resized(net, conv(net, x, max(width // 2, 1), 3, "head.0"), side, (2 * side[0], 2 * side[1]))
    x = activate(net, conv(net, x, 32, 3, "head.2"), c, "relu")
    return activate(net, conv(net, x, 1, 1, "head.4"), c, "relu")


PROJECTED = 256
"""Features that the projection before the head takes."""


def _classes(net: GraphBuilder, c: Config, x: Tensor) -> Tensor:
    x = conv(net, x, c.whole("fusion_hidden_size"), 3, "head.0", bias=False)
    x = activate(net, net.add(BatchNormalization(), x, name="head.1"), c, "relu")
    return conv(net, x, c.labels(), 1, "head.4")
