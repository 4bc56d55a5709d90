"""Operators over pictures and volumes beside windows: sampling, cutting, filling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.exporters.code import Step, call, code
from archinspect.exporters.pytorch.dtypes import index_of
from archinspect.exporters.pytorch.maps import one, sides_of
from archinspect.exporters.refusal import CannotExportError
from archinspect.ops.preprocess import Normalization

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.exporters.code import Call
    from archinspect.exporters.orders import Use


def part(cuts: Sequence[tuple[int, int]]) -> str:
    """Return the part of a map that is left when positions are cut off its axes; nothing if none are."""
    if not any(map(any, cuts)):
        return ""
    slices = [f"{before or ''}:{-after or ''}" for before, after in cuts]
    return f"[:, :, {', '.join(slices)}]"


def resizing(use: Use) -> Step:
    """Return an interpolation to a size, of the middle that has its ratio."""
    op: Any = use.op
    if op.interpolation.startswith("lanczos"):
        raise CannotExportError(use.node.layer, f"PyTorch has no {op.interpolation} interpolation")
    mode = {"nearest": "nearest-exact"}.get(op.interpolation, op.interpolation)  # Keras's places are centers
    text = f"F.interpolate({{0}}{part(op.cuts(use.call.shapes[0]))}, {{size}}, mode={{mode}})"
    return Step(code(text, size=op.size, mode=mode))


def conv_lstm(use: Use) -> Step:
    """Return an LSTM over maps, its two convolutions inside."""
    op: Any = use.op
    of_input, of_state = op.of_input, op.of_state
    filters, lengths = use.shape[2], use.shape[3:]
    module = call(
        "ConvLSTM",
        {"of_input": _convolution(of_input, filters, lengths), "of_state": _convolution(of_state, op.filters, lengths)},
        sequences=(op.return_sequences, False),
        states=(op.return_state, False),
        channels_last=(op.data_format != "channels_first", False),
    )
    given = ", ".join(f"{{{index}}}" for index in range(len(use.orders)))
    return Step(code(f"{{self}}({given})"), module, parts=("ConvLSTM",))


def _convolution(op: Any, channels: int, lengths: Sequence[int]) -> Call:  # noqa: ANN401 - a convolution
    """Return a convolution as a module, after a padding where the sides differ by `same`."""
    pads = op.sliding(lengths).pads
    uneven = any(before != after for before, after in pads)
    alone = uneven and all(step == 1 for step in op.strides)
    conv = call(
        f"nn.Conv{op.rank}d",
        {"in_channels": channels, "out_channels": op.filters, "kernel_size": one(op.kernel_size)},
        stride=(one(op.strides), 1),
        padding=("same" if alone else one([before for before, _ in pads]), 0),
        dilation=(one(op.dilation_rate), 1),
        bias=(op.use_bias, True),
    )
    if alone or not uneven:
        return conv
    rest = sides_of([(0, after - before) for before, after in pads])
    return call("nn.Sequential", {"pad": call(f"nn.ZeroPad{op.rank}d", {"padding": rest}), "conv": conv})


def center_crop(use: Use) -> Step:
    """Return the middle of a map."""
    op: Any = use.op
    return Step(code(f"{{0}}{part(op.cuts(use.call.shapes[0]))}"))


def at_random(use: Use) -> Step:
    """Refuse what changes pictures at random."""
    raise CannotExportError(use.node.layer, "what changes at random is done to the data, by torchvision's transforms")


def normalization(use: Use) -> Step:
    """Return a difference and a quotient with constants."""
    op = use.op
    assert isinstance(op, Normalization)
    if op.mean is not None and op.variance is not None:
        if len(op.mean) > 1:
            raise CannotExportError(use.node.layer, "its means are several numbers: subtract and divide in the data")
        text = "{mean} + {0} * {deviation}" if op.invert else "({0} - {mean}) / {deviation}"
        return Step(code(text, mean=op.mean[0], deviation=max(op.variance[0] ** 0.5, 1e-7)))
    module = call("Normalization", {"shape": op.broadcast(use.call.shapes[0])}, invert=(op.invert, False))
    return Step(code("{self}({0})"), module, parts=("Normalization",))


def categories(use: Use) -> Step:
    """Return the number of an interval, or vectors with a place for each category."""
    op: Any = use.op
    found = "{0}"
    if hasattr(op, "bin_boundaries"):
        if op.bin_boundaries is None:
            raise CannotExportError(use.node.layer, "its boundaries are found in the data: give `bin_boundaries`")
        dtype = "" if "float" in use.call.inputs[0].dtype else ", dtype=torch.float32"
        found = f"torch.bucketize({{0}}, {{0}}.new_tensor({{boundaries}}{dtype}), right=True, out_int32=True)"
        if op.output_mode == "int":
            return Step(code(found, boundaries=op.bin_boundaries))
        found += ".long()"
    else:
        found += index_of(use, 0, long=True)
    if op.output_mode == "one_hot" and use.shape[-1] == 1 and len(use.shape) > 1:
        found += ".squeeze(-1)"
    joined = {"one_hot": "", "multi_hot": ".amax(1)", "count": ".sum(1)"}[op.output_mode]
    text = f"one_hot({found}, {{categories}}){joined}"
    boundaries = getattr(op, "bin_boundaries", None)
    return Step(code(text, boundaries=boundaries, categories=op.categories()), parts=("one_hot",))


def table(use: Use) -> Step:
    """Refuse Keras's tables of words."""
    raise CannotExportError(use.node.layer, "PyTorch has no tables of words: let an input be their numbers")


def one_vector(use: Use) -> Step:
    """Refuse Keras's spectral normalization."""
    raise CannotExportError(use.node.layer, "PyTorch's spectral norm keeps two vectors: `SpectralNorm`")


def deformed(use: Use) -> Step:
    """Refuse a convolution with offsets."""
    raise CannotExportError(use.node.layer, "PyTorch has no deformable convolution: it is torchvision's")


def response_norm(use: Use) -> Step:
    """Return a scaling of channels by their norms."""
    op: Any = use.op
    axis = use.own_axis
    module = call("GlobalResponseNorm", {"features": use.shape[axis]}, eps=(op.epsilon, 1e-6), axis=(axis, 1))
    return Step(code("{self}({0})"), module, parts=("GlobalResponseNorm",))


def maxout(use: Use) -> Step:
    """Return the largest of each group of channels."""
    op: Any = use.op
    axis = use.own_axis
    text = "torch.unflatten({0}, {axis}, ({num_units}, -1)).amax({after})"
    return Step(code(text, axis=axis, num_units=op.num_units, after=axis + 1))
