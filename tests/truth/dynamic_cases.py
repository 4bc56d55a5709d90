"""Attention around positions and convolutions by kernels of each sample, as exported programs have them, and cases."""

from sequence_cases import case
from torch import nn

from archinspect.exporters.pytorch.parts.arrays import dynamic_conv
from archinspect.exporters.pytorch.parts.neighborhood import NeighborhoodAttention


class NA(NeighborhoodAttention):
    """Attention to a window around each position."""

    def __init__(self, lengths, num_heads=1, kernel_size=1, dilation=1, position_biases=False):  # noqa: FBT002
        each = ((value,) * len(lengths) if isinstance(value, int) else value for value in (kernel_size, dilation))
        super().__init__(num_heads, lengths, *map(tuple, each), biases=position_biases)


class DynamicConv(nn.Module):
    """A convolution whose samples are groups."""

    def __init__(self, filters, kernel_size, groups=1, strides=1, padding=0, dilation_rate=1):
        super().__init__()
        self.filters, self.size, self.groups = filters, kernel_size, groups
        self.window = {"stride": strides, "padding": padding, "dilation": dilation_rate}

    def forward(self, given, kernel):
        rank = given.dim() - 2
        sizes = (self.size,) * rank if isinstance(self.size, int) else self.size
        shape = (self.filters, given.shape[1] // self.groups, *sizes)
        return dynamic_conv(given, kernel, shape, groups=self.groups, **self.window)


MODULES = {f"{name}{rank}D": kind for name, kind in (("NA", NA), ("DynamicConv", DynamicConv)) for rank in (1, 2, 3)}
TOLD = {f"NA{rank}D": lambda shape: {"lengths": shape[1:-1]} for rank in (1, 2, 3)}


def torch_cases():
    for batch in (1, 3):
        for heads, size, step, biases in ((1, 3, 1, False), (2, 4, 2, False), (4, 3, 3, True)):
            told = {"num_heads": heads, "kernel_size": size, "dilation": step, "position_biases": biases}
            yield case("NA1D", (batch, 11, 8), (batch, 11, 8), (batch, 11, 12), **told)
        told = {"num_heads": 2, "kernel_size": [3, 2], "dilation": [1, 2], "position_biases": True}
        yield case("NA2D", (batch, 5, 6, 8), (batch, 5, 6, 8), (batch, 5, 6, 4), **told)
        yield case("NA2D", *[(batch, 5, 6, 8)] * 3, num_heads=1, kernel_size=3)
        yield case("NA2D", *[(batch, 5, 6, 8)] * 3, num_heads=2, kernel_size=5)
        yield case("NA3D", *[(batch, 3, 4, 5, 6)] * 3, num_heads=3, kernel_size=3)
        window = {"filters": 4, "kernel_size": 3}
        yield case("DynamicConv1D", (batch, 6, 9), (batch, 4 * 6 * 3), **window)
        yield case("DynamicConv2D", (batch, 6, 9, 8), (batch, 4, 6, 3, 3), **window)
        yield case("DynamicConv2D", (batch, 6, 9, 8), (batch, 4 * 3, 9), **window, groups=2, strides=2, padding=1)
        yield case("DynamicConv2D", (batch, 6, 9, 8), (batch, 216), **window, padding="same", dilation_rate=2)
        yield case("DynamicConv3D", (batch, 2, 5, 6, 4), (batch, 4, 54), **window)
