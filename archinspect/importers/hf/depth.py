"""Depth Anything: DINOv2, and convolutions that put its states together (Yang et al. 2024, arXiv:2406.09414)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.importers.hf import stages, vit
from archinspect.importers.hf.config import Config
from archinspect.importers.hf.parts import activate, add, norm, reshape, within
from archinspect.importers.hf.wanted import ending
from archinspect.ops.conv import Conv2D
from archinspect.ops.image import Resizing
from archinspect.ops.norm import BatchNormalization
from archinspect.ops.source import Parameter
from archinspect.ops.tensor import Slice
from archinspect.ops.transposed import Conv2DTranspose

if TYPE_CHECKING:
    from archinspect.base.source import Value
    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Tensor
    from archinspect.importers.hf.wanted import Wanted

USUAL = {
    "image_size": 518,
    "hidden_size": 384,
    "num_attention_heads": 6,
    "out_indices": [9, 10, 11, 12],
    "reshape_hidden_states": False,
}
"""The backbone of the class, where a file has none."""
Side = tuple[int, int]
Sized = tuple["Tensor", Side]


def add_model(c: Config, architecture: str, wanted: Wanted) -> tuple[Tensor, ...]:
    """Add Depth Anything."""
    if architecture:
        ending(c, architecture, ("ForDepthEstimation",))
    said = c.find("backbone_config")
    inner = Config(c.file, USUAL, "dinov2", "backbone_config") if said is None else c.part("backbone_config")
    if inner.kind != "dinov2":
        raise c.refuse(f"a backbone of the type '{inner.kind}' is not read")
    net, image = wanted.net, wanted.picture(inner, is_open=True)
    with within(net, "backbone"):
        states = _states(net, inner, image)
    widths = c.ints("neck_hidden_sizes", least=1)
    factors = c.items("reassemble_factors")
    if len(states) != len(widths) or len(factors) < len(widths):
        raise c.wrong("neck_hidden_sizes", f"a list of {len(states)}, as the backbone's out_indices")
    if c.whole("reassemble_hidden_size") != inner.whole("hidden_size"):
        raise c.wrong("reassemble_hidden_size", f"{inner.whole('hidden_size')}, as the backbone's hidden_size")
    height, across = image.producer.op.output()[1:3]
    patch = c.whole("patch_size")
    grid = height // patch, across // patch
    if grid != vit.of_picture(inner, image):
        raise c.wrong("patch_size", "as the backbone's")
    with within(net, "neck"):
        found = [
            reassembled(net, c, (_map(net, inner, state, grid), grid), (width, factor), number)
            for number, (state, width, factor) in enumerate(zip(states, widths, factors, strict=False))
        ]
        fused = _fused(net, c, found)
    with within(net, "head"):
        return (_head(net, c, chosen(c, fused), (grid[0] * patch, grid[1] * patch)),)


def chosen(c: Config, fused: list[Sized]) -> Sized:
    """Return the map that a head reads."""
    place = c.find("head_in_index")
    if type(place) is not int or not -len(fused) <= place < len(fused):
        raise c.wrong("head_in_index", f"one of the {len(fused)} states")
    return fused[place]


def conv(net: GraphBuilder, x: Tensor, width: int, size: int, name: str, *, bias: bool = True) -> Tensor:
    """Add a convolution that keeps the size."""
    return net.add(Conv2D(filters=width, kernel_size=size, padding=size // 2, use_bias=bias), x, name=name)


def _states(net: GraphBuilder, c: Config, image: Tensor) -> list[Tensor]:
    """Add the backbone; return the states that are asked for, each of them normalized by the same norm."""
    states: list[Tensor] = []
    v = vit.VITS["dinov2"]
    last = vit.vit(net, c, v._replace(last=""), image, states)
    found: list[Tensor] = []
    for number, place in enumerate(stages.chosen(c, len(states))):
        state = states[place]
        if c.flag("apply_layernorm"):
            state = norm(net, state, "layer", v.last if not number else f"{v.last}_{number}")
            if found:
                net.tie(state.producer, found[0].producer)
        found.append(state)
    if not c.flag("apply_layernorm"):  # there, and not read
        for name in ("weight", "bias"):
            net.add(Parameter(shape=[c.whole("hidden_size")]), name=f"{v.last}.{name}")
    del last
    return found


def _map(net: GraphBuilder, c: Config, x: Tensor, side: Side) -> Tensor:
    return reshape(net, net.add(Slice(start=1), x), *side, c.whole("hidden_size"))


def reassembled(net: GraphBuilder, c: Config, state: Sized, sizes: tuple[int, object], number: int) -> Sized:
    """Add what makes a map of the features of patches, of another size by a factor."""
    (x, side), (width, factor) = state, sizes
    if type(factor) not in (int, float) or not 0 < float(factor) <= 64:  # type: ignore[arg-type] # noqa: PLR2004 - a number; more is a mistake
        raise c.wrong("reassemble_factors", "a list of positive numbers")
    share = float(factor)  # type: ignore[arg-type] # a number
    with within(net, f"reassemble_stage.layers.{number}", "layer"):
        x = conv(net, x, width, 1, "projection")
        if share > 1:
            times = int(share)
            x = net.add(Conv2DTranspose(filters=width, kernel_size=times, strides=times), x, name="resize")
            side = side[0] * times, side[1] * times
        elif share < 1:
            step = int(1 / share)
            op = Conv2D(filters=width, kernel_size=3, strides=step, padding=1)
            x = net.add(op, x, name="resize")
            side = (side[0] - 1) // step + 1, (side[1] - 1) // step + 1
    return conv(net, x, c.whole("fusion_hidden_size"), 3, f"convs.{number}", bias=False), side


def resized(net: GraphBuilder, x: Tensor, side: Side, new: Side) -> Tensor:
    """Give a map another height and width, where they differ."""
    return x if side == new else net.add(Resizing(height=new[0], width=new[1], interpolation="bilinear"), x)


def _fused(net: GraphBuilder, c: Config, found: list[Sized]) -> list[Sized]:
    """Add what puts maps together, the last one first."""
    width, states = c.whole("fusion_hidden_size"), found[::-1]
    fused: list[Sized] = []
    for number, (state, own) in enumerate(states):
        with within(net, f"fusion_stage.layers.{number}", "layer"):
            if not fused:
                x, side = state, own
                unread(net, c, "residual_layer1")  # of what is before it, which there is not
            else:
                x, side = fused[-1]
                x = add(net, x, residual(net, c, resized(net, state, own, side), "residual_layer1"))
            x = residual(net, c, x, "residual_layer2")
            last = number == len(states) - 1
            new = (2 * side[0], 2 * side[1]) if last else states[number + 1][1]
            fused.append((conv(net, resized(net, x, side, new), width, 1, "projection"), new))
    return fused


def residual(net: GraphBuilder, c: Config, x: Tensor, name: str) -> Tensor:
    """Add two convolutions and a way around them."""
    width, (bias, normed) = c.whole("fusion_hidden_size"), _flags(c)
    inside = x
    with within(net, name):
        for number in (1, 2):
            inside = conv(net, activate(net, inside, c, "relu"), width, 3, f"convolution{number}", bias=bias)
            if normed:
                inside = net.add(BatchNormalization(), inside, name=f"batch_norm{number}")
        return add(net, x, inside)


def unread(net: GraphBuilder, c: Config, name: str) -> None:
    """Add the weights of such convolutions before which there is nothing."""
    width, (bias, normed) = c.whole("fusion_hidden_size"), _flags(c)
    of_bias: dict[str, list[Value]] = {"bias": [width]}
    with within(net, name):
        for number in (1, 2):
            kernel: dict[str, list[Value]] = {"weight": [width, width, 3, 3], **(of_bias if bias else {})}
            scales: dict[str, dict[str, list[Value]]] = {}
            if normed:
                scales[f"batch_norm{number}"] = {"weight": [width], **of_bias}
            for part, shapes in {f"convolution{number}": kernel, **scales}.items():
                for one, shape in shapes.items():
                    net.add(Parameter(shape=shape), name=f"{part}.{one}")


def _flags(c: Config) -> tuple[bool, bool]:
    """Return whether convolutions around which there is a way have a bias, and a batch normalization."""
    said, normed = c.find("use_bias_in_fusion_residual"), c.flag("use_batch_norm_in_fusion_residual")
    return not normed if said is None else c.flag("use_bias_in_fusion_residual"), normed


def _head(net: GraphBuilder, c: Config, fused: Sized, new: Side) -> Tensor:
    x, side = fused
    kind = c.text("depth_estimation_type")
    if kind not in ("relative", "metric"):
        raise c.wrong("depth_estimation_type", "relative or metric")
    x = conv(net, x, max(c.whole("fusion_hidden_size") // 2, 1), 3, "conv1")
    x = activate(net, conv(net, resized(net, x, side, new), c.whole("head_hidden_size"), 3, "conv2"), c, "relu")
    return activate(net, conv(net, x, 1, 1, "conv3"), c, "relu" if kind == "relative" else "sigmoid")
