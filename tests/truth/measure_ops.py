"""Measure every operator on PyTorch and Keras, and write what they say beside this file.

Run by hand, in an environment with torch and keras:

    KERAS_BACKEND=torch python tests/truth/measure_ops.py

Each case below is an operator as its framework spells it, with its input shapes, the batch first.
Where PyTorch has no layer, a module below says what it would be, made of PyTorch's functions.
It becomes one line of `ops_torch.json` or `ops_keras.json`:

- `output`: shape of what the layer returned, or null where the framework refuses the case; `others`: further outputs;
- `params`: trainable elements; `buffers`: those of running statistics (Keras: non-trainable weights;
  PyTorch: buffers of floats, so not the counter of batches in its batch normalization);
- `macs`: half of what PyTorch's own flop counter counts, on meta tensors for PyTorch's modules;
- `kept`: of PyTorch's modules, bytes of the distinct storages that autograd keeps for backward in training, with inputs
  that need gradients, on meta tensors; parameters, buffers and tables of constants are left out;
- `alive`: of PyTorch's modules, the most bytes alive at once at inference beside the inputs, on meta tensors;
- `batches`: of PyTorch's modules, `macs`, `kept` and `alive` of one sample and of three; those that PyTorch refuses are
  left out, as a single value per channel to normalize.

`arguments` holds what the constructor of each layer takes, so that a test can say that all are known.
"""

# ruff: noqa: T201, FBT002, PLR0913, PLR0917 - a script that says what it does; modules take arguments as PyTorch's do

import inspect
import json
import sys
import warnings
from contextlib import suppress
from functools import reduce
from math import prod
from pathlib import Path
from types import SimpleNamespace

import dynamic_cases
import keras
import mixer_cases
import sequence_cases
import tensor_programs
import torch
import vision_cases
from input_types import input_types
from mixture import MixtureOfExperts
from storages import Alive, constants, kept_for_backward
from torch import nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

HERE = Path(__file__).parent


# What PyTorch has as functions, or networks write out with them, as modules: the arguments are archinspect's.


class QuickGELU(nn.Module):
    def forward(self, given):
        return given * torch.sigmoid(1.702 * given)


class ScaledDotProductAttention(nn.Module):
    def __init__(
        self, num_heads=1, num_kv_heads=None, causal=False, window=None, soft_cap=None, sinks=False, dropout=0
    ):
        super().__init__()
        self.heads, self.kv_heads, self.causal = num_heads, num_kv_heads or num_heads, causal
        self.soft_cap, self.dropout = soft_cap, dropout
        self.sinks = nn.Parameter(torch.zeros(num_heads)) if sinks else None
        self.tables = ()
        if window:  # a mask that the network makes once, for as many steps as any case has
            apart = torch.arange(16) - torch.arange(16)[:, None]
            hidden = (apart <= -window) | (apart > (0 if causal else window - 1))
            self.tables = (torch.zeros(16, 16).masked_fill(hidden, -torch.inf),)

    def forward(self, query, key=None, value=None):
        key = query if key is None else key
        value = key if value is None else value
        grouped = self.heads != self.kv_heads
        query = query.unflatten(-1, (self.heads, -1)).transpose(-3, -2)
        key, value = (part.unflatten(-1, (self.kv_heads, -1)).transpose(-3, -2) for part in (key, value))
        if query.dim() > 4:  # the counter knows one batch axis
            lead = query.shape[:-3]
            query, key, value = (part.flatten(0, -4) for part in (query, key, value))
            attended = functional.scaled_dot_product_attention(query, key, value, enable_gqa=grouped)
            return attended.transpose(-3, -2).flatten(-2).unflatten(0, lead)
        if self.soft_cap or self.sinks is not None:
            return self.written_out(query, key, value)
        masks = [mask[: query.shape[-2], : key.shape[-2]] for mask in self.tables]
        how = {"is_causal": self.causal and not masks, "enable_gqa": grouped}
        attended = functional.scaled_dot_product_attention(query, key, value, *masks, **how)
        return attended.transpose(-3, -2).flatten(-2)

    def written_out(self, query, key, value):
        """As Gemma 2 and gpt-oss of transformers write it out: PyTorch's function knows no caps and no sinks."""
        if self.heads != self.kv_heads:
            key, value = (part.repeat_interleave(self.heads // self.kv_heads, dim=-3) for part in (key, value))
        scores = (query @ key.mT) * query.shape[-1] ** -0.5
        if self.soft_cap:
            scores = torch.tanh(scores / self.soft_cap) * self.soft_cap
        if self.causal:
            scores = scores + torch.full(scores.shape[-2:], -torch.inf).triu(1)
        if self.sinks is None:
            scores = scores.softmax(-1)
        else:
            sinks = self.sinks[:, None, None].expand(*scores.shape[:-1], 1)
            scores = torch.cat([scores, sinks], dim=-1).softmax(-1)[..., :-1]
        scores = functional.dropout(scores, self.dropout, self.training)
        return (scores @ value).transpose(-3, -2).flatten(-2)


class GroupedQueryAttention(nn.Module):
    def __init__(self, num_heads, key_dim, num_kv_heads, query, memory, bias=True, out_bias=True):
        super().__init__()
        width = num_heads * key_dim
        self.queries = nn.Linear(query, width, bias)
        self.keys = nn.Linear(memory, num_kv_heads * key_dim, bias)
        self.values = nn.Linear(memory, num_kv_heads * key_dim, bias)
        self.attention = ScaledDotProductAttention(num_heads, num_kv_heads)
        self.projection = nn.Linear(width, query, out_bias)

    def forward(self, query, memory=None):
        memory = query if memory is None else memory
        return self.projection(self.attention(self.queries(query), self.keys(memory), self.values(memory)))


class PackedAttention(nn.Module):
    """Queries, keys and values, or keys and values, cut from one product, as timm's and many decoders have them."""

    def __init__(self, query, memory, num_heads, key_dim, packed, num_kv_heads=None, use_bias=True, crossed=False):
        super().__init__()
        of_query, of_key = num_heads * key_dim, (num_kv_heads or num_heads) * key_dim
        sizes = [of_query, of_key, of_key]
        self.made = [[one] for one in sizes] if not packed else [sizes[:1], sizes[1:]] if crossed else [sizes]
        self.products = nn.ModuleList(
            nn.Linear(memory if place else query, sum(sizes), use_bias) for place, sizes in enumerate(self.made)
        )
        self.attention = ScaledDotProductAttention(num_heads, num_kv_heads)
        self.projection = nn.Linear(of_query, query, use_bias)

    def forward(self, query, memory=None):
        memory = query if memory is None else memory
        parts = []
        for place, (product, sizes) in enumerate(zip(self.products, self.made, strict=True)):
            parts += product(memory if place else query).split(sizes, -1)
        return self.projection(self.attention(*parts))


class FrozenBatchNorm2d(nn.Module):
    """As torchvision's."""

    def __init__(self, num_features, eps=1e-5):
        super().__init__()
        self.eps = eps
        for name in ("weight", "bias", "running_mean", "running_var"):
            self.register_buffer(name, torch.ones(num_features, 1, 1))

    def forward(self, given):
        scale = self.weight * (self.running_var + self.eps).rsqrt()
        return given * scale + (self.bias - self.running_mean * scale)


class BoxesKept(torch.autograd.Function):
    """What torchvision's compiled kernel keeps for backward: the boxes only, not the map."""

    @staticmethod
    def forward(context, given, boxes, size):
        context.save_for_backward(boxes)
        return given.new_zeros((len(boxes), given.shape[1], *size))


class RoIAlign(nn.Module):
    """All boxes read the first map: which one a box reads changes no figure.

    Without gradients on a real device it computes what the kernel does; on the meta device it has the kernel's memory.
    """

    def __init__(self, output_size, sampling_ratio=2):
        super().__init__()
        self.size = (output_size, output_size) if isinstance(output_size, int) else output_size
        self.ratio = sampling_ratio

    def forward(self, *given):
        *maps, boxes = given
        left, top, right, bottom = boxes.unbind(-1)
        if boxes.is_meta:
            listed = torch.cat([boxes.new_zeros(*boxes.shape[:2], 1), boxes], dim=2).flatten(0, 1)
            return BoxesKept.apply(maps[0], listed, self.size).unflatten(0, boxes.shape[:2])
        rows, columns = (count * self.ratio for count in self.size)
        down = top[..., None] + (bottom - top)[..., None] * (torch.arange(rows) + 0.5) / rows
        along = left[..., None] + (right - left)[..., None] * (torch.arange(columns) + 0.5) / columns
        grid = torch.stack(
            [
                along[:, :, None].expand(-1, -1, rows, -1) * 2 / maps[0].shape[3] - 1,
                down[..., None].expand(-1, -1, -1, columns) * 2 / maps[0].shape[2] - 1,
            ],
            dim=-1,
        )
        points = functional.grid_sample(maps[0], grid.flatten(1, 2), align_corners=False)
        pooled = functional.avg_pool2d(points, self.ratio)
        return pooled.unflatten(2, (boxes.shape[1], self.size[0])).transpose(1, 2)


class LearnedPositions(nn.Module):
    def __init__(self, shape, indexed=False):
        super().__init__()
        self.table, self.indexed = nn.Parameter(torch.zeros(shape)), indexed

    def forward(self, given):
        if self.indexed == "each_sample":
            return given + functional.embedding(
                torch.arange(given.shape[1], device=given.device).repeat(len(given), 1), self.table
            )
        if self.indexed:
            return given + functional.embedding(torch.arange(given.shape[1], device=given.device), self.table)
        return given + self.table[: given.shape[1]]


class ClassToken(nn.Module):
    def __init__(self, features, n=1):
        super().__init__()
        self.tokens = nn.Parameter(torch.zeros(1, n, features))

    def forward(self, given):
        return torch.cat([self.tokens.expand(len(given), -1, -1), given], dim=1)


class LearnedTokens(nn.Module):
    def __init__(self, n, dim):
        super().__init__()
        self.tokens = nn.Parameter(torch.zeros(1, n, dim))

    def forward(self, given):
        return self.tokens.expand(len(given), -1, -1)


class RotaryEmbedding(nn.Module):
    def __init__(self, steps, features):
        super().__init__()
        angles = torch.outer(torch.arange(steps), 10_000.0 ** -torch.arange(0, features, 2).div(features))
        angles = angles.repeat(1, 2)
        self.tables = angles.cos(), angles.sin()

    def forward(self, given, *tables):
        cosines, sines = [table.unsqueeze(-2) for table in tables or self.tables]
        given = given.unflatten(-1, (-1, cosines.shape[-1]))
        one, other = given.chunk(2, dim=-1)
        return (given * cosines + torch.cat([-other, one], dim=-1) * sines).flatten(-2)


class RotaryTables(nn.Module):
    """As `LlamaRotaryEmbedding` of transformers, which is given the positions."""

    def __init__(self, dim, scale=1.0):
        super().__init__()
        self.speeds = 10_000.0 ** -torch.arange(0, dim, 2).div(dim)
        self.scale = scale

    @torch.no_grad()
    def forward(self, given):
        positions = torch.arange(given.shape[1])[None]
        pairs = positions[..., None].float() * self.speeds
        angles = torch.cat([pairs, pairs], dim=-1)
        cosines = angles.cos() * self.scale
        sines = angles.sin() * self.scale
        return cosines, sines


class MatMul(nn.Module):
    def __init__(self, transpose_a=False, transpose_b=False):
        super().__init__()
        self.transpose_a, self.transpose_b = transpose_a, transpose_b

    def forward(self, first, second):
        return (first.mT if self.transpose_a else first) @ (second.mT if self.transpose_b else second)


class Einsum(nn.Module):
    def __init__(self, equation):
        super().__init__()
        self.equation = equation

    def forward(self, *given):
        return torch.einsum(self.equation, *given)


class Slice(nn.Module):
    def __init__(self, axis=1, start=0, stop=None, step=1):
        super().__init__()
        self.index = (*[slice(None)] * axis, slice(start, stop, step))

    def forward(self, given):
        part = given[self.index]
        if not part.numel():
            raise IndexError("nothing is left")
        return part


class WindowPartition(nn.Module):
    """As torchvision's Swin transformer does, padding included."""

    def __init__(self, window_size):
        super().__init__()
        self.size = window_size

    def forward(self, given):
        _, height, width, channels = given.shape
        given = functional.pad(given, (0, 0, 0, -width % self.size, 0, -height % self.size))
        given = given.unflatten(2, (-1, self.size)).unflatten(1, (-1, self.size)).transpose(2, 3)
        return given.reshape(len(given), -1, self.size**2, channels)


class WindowReverse(nn.Module):
    def __init__(self, window_size, size=None):
        super().__init__()
        self.size, self.window = size, window_size

    def forward(self, given, like=None):
        height, width = self.size or like.shape[1:-1]
        rows, columns = -(-height // self.window), -(-width // self.window)
        given = given.reshape(len(given), rows, columns, self.window, self.window, -1).transpose(2, 3)
        return given.reshape(len(given), rows * self.window, columns * self.window, -1)[:, :height, :width]


class SampleGaussian(nn.Module):
    def forward(self, mean, log_variance):
        if mean.shape != log_variance.shape:
            raise ValueError("the shapes differ")
        return mean + torch.exp(log_variance / 2) * torch.randn_like(mean)


class SinusoidalEmbedding(nn.Module):
    def __init__(self, dim):
        super().__init__()
        if dim % 2:
            raise ValueError("sines and cosines are as many")
        self.dim = dim

    def forward(self, given):
        pairs = self.dim // 2
        angles = given.unsqueeze(-1) * 10_000.0 ** -torch.arange(pairs).div(pairs)
        return torch.cat([angles.sin(), angles.cos()], dim=-1)


class ResizeLike(nn.Module):
    def __init__(self, interpolation="nearest"):
        super().__init__()
        self.mode = interpolation

    def forward(self, given, like):
        if given.dim() != like.dim():
            raise ValueError("other axes")
        return functional.interpolate(given, like.shape[2:], mode=self.mode)


class CropLike(nn.Module):
    def forward(self, given, like):
        for axis in range(2, given.dim()):
            there, wanted = given.shape[axis], like.shape[axis]
            given = given.narrow(axis, (there - wanted) // 2, wanted)
        return given


class ReshapeLike(nn.Module):
    def forward(self, given, like):
        return given.reshape_as(like)


class Roll(nn.Module):
    def __init__(self, shift, axis):
        super().__init__()
        self.shift, self.axis = shift, axis

    def forward(self, given):
        return given.roll(self.shift, self.axis)


class Select(nn.Module):
    def __init__(self, index, axis=1):
        super().__init__()
        self.index, self.axis = index, axis

    def forward(self, given):
        return given.select(self.axis, self.index)


class _Reduce(nn.Module):
    def __init__(self, axis, keepdims=False):
        super().__init__()
        self.axis, self.keepdims = axis, keepdims


class ReduceSum(_Reduce):
    def forward(self, given):
        return given.sum(self.axis, self.keepdims)


class ReduceMean(_Reduce):
    def forward(self, given):
        return given.mean(self.axis, self.keepdims)


class ReduceMax(_Reduce):
    def forward(self, given):
        return given.amax(self.axis, self.keepdims)


def merge(function):
    """Return a module that joins its inputs two at a time."""

    class Merge(nn.Module):
        def forward(self, *inputs):
            return reduce(function, inputs)

    return Merge


class Average(nn.Module):
    def forward(self, *inputs):
        return sum(inputs[1:], inputs[0]) / len(inputs)


class Concatenate(nn.Module):
    def __init__(self, axis=1):
        super().__init__()
        self.axis = axis

    def forward(self, *inputs):
        return torch.cat(inputs, self.axis)


class Dot(nn.Module):
    """The case that is a matrix product: rows by columns."""

    def __init__(self, axes, normalize=False):
        super().__init__()
        self.normalize = normalize
        assert axes == (2, 1)

    def forward(self, first, second):
        if self.normalize:
            first, second = functional.normalize(first, dim=2), functional.normalize(second, dim=1)
        return first @ second


class Of(nn.Module):
    """A function of the input and the arguments."""

    def __init__(self, *args, **arguments):
        super().__init__()
        self.args, self.arguments = args, arguments

    def forward(self, given):
        return self.function(given, *self.args, **self.arguments)


def of(function):
    return type("Of", (Of,), {"function": staticmethod(function)})


class LayerScale(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.scale = nn.Parameter(torch.zeros(features, 1, 1))

    def forward(self, given):
        return given * self.scale


class StochasticDepth(nn.Module):
    """As torchvision's."""

    def __init__(self, rate, mode="row"):
        super().__init__()
        self.rate, self.mode = rate, mode

    def forward(self, given):
        if not self.training or self.rate == 0:
            return given
        shape = (len(given) if self.mode == "row" else 1, *(1,) * (given.dim() - 1))
        return given * given.new_empty(shape).bernoulli_(1 - self.rate).div_(1 - self.rate)


class GaussianNoise(nn.Module):
    def __init__(self, stddev):
        super().__init__()
        self.stddev = stddev

    def forward(self, given):
        return given + torch.randn_like(given) * self.stddev if self.training else given


class GaussianDropout(nn.Module):
    def __init__(self, rate):
        super().__init__()
        self.deviation = (rate / (1 - rate)) ** 0.5

    def forward(self, given):
        return given * (torch.randn_like(given) * self.deviation + 1) if self.training else given


class Split(nn.Module):
    def __init__(self, parts=None, sizes=None, axis=1):
        super().__init__()
        self.parts, self.sizes, self.axis = parts, sizes, axis

    def forward(self, given):
        length = given.shape[self.axis]
        if self.parts and length % self.parts:
            raise ValueError("chunks of several sizes")
        return given.split(length // self.parts if self.parts else list(self.sizes), self.axis)


class Unbind(nn.Module):
    def __init__(self, parts, axis=1):
        super().__init__()
        self.parts, self.axis = parts, axis

    def forward(self, given):
        parts = given.unbind(self.axis)
        if len(parts) != self.parts:
            raise ValueError("another number of positions")
        return parts


class Parameter(nn.Module):
    """Without inputs, and so with a first axis of size 1."""

    def __init__(self, shape):
        super().__init__()
        self.value = nn.Parameter(torch.zeros(shape))

    def forward(self):
        return self.value[None]


class Constant(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.register_buffer("value", torch.zeros(shape))

    def forward(self):
        return self.value[None]


FUNCTIONS = {
    **{name: merge(getattr(torch, name.lower())) for name in ("Add", "Multiply", "Subtract", "Maximum", "Minimum")},
    "Exponential": of(torch.exp),
    "TopK": of(torch.topk),
    "UnitNormalization": of(functional.normalize),
    "Reshape": of(lambda given, target_shape: given.reshape(len(given), *target_shape)),
    "Permute": of(lambda given, dims: given.permute(0, *dims)),
    "RepeatVector": of(lambda given, n: given[:, None].repeat(1, n, 1)),
    "Cropping2D": of(lambda given, cropping: given[:, :, cropping:-cropping, cropping:-cropping]),
    "GlobalAveragePooling2D": of(lambda given, keepdims=False: given.mean((2, 3), keepdims)),
    "GlobalMaxPooling2D": of(lambda given, keepdims=False: given.amax((2, 3), keepdims)),
    "Rescaling": of(lambda given, scale, offset: given * scale + offset),
}
WRITTEN_OUT = FUNCTIONS | {
    module.__name__: module
    for module in (
        *(
            ScaledDotProductAttention,
            GroupedQueryAttention,
            PackedAttention,
            LearnedPositions,
            ClassToken,
            LearnedTokens,
        ),
        *(
            MixtureOfExperts,
            RotaryEmbedding,
            RotaryTables,
            MatMul,
            Slice,
            Select,
            ReduceSum,
            ReduceMean,
            ReduceMax,
            Roll,
        ),
        *(Einsum, WindowPartition, WindowReverse, SampleGaussian, FrozenBatchNorm2d, RoIAlign, QuickGELU),
        *(SinusoidalEmbedding, ResizeLike, CropLike, ReshapeLike, Average, Concatenate, Dot, LayerScale),
        *(StochasticDepth, GaussianNoise, GaussianDropout, Split, Unbind, Parameter, Constant),
    )
}
WRITTEN_OUT |= tensor_programs.MODULES | vision_cases.MODULES | sequence_cases.MODULES | mixer_cases.MODULES
WRITTEN_OUT |= dynamic_cases.MODULES
TORCH = SimpleNamespace(**{name: getattr(nn, name) for name in dir(nn) if name[0].isupper()} | WRITTEN_OUT)
# What a module above has to be told, and archinspect knows from the input's shape.
TOLD = {
    "ClassToken": lambda shape: {"features": shape[-1]},
    "LayerScale": lambda shape: {"features": shape[1]},
    "MixtureOfExperts": lambda shape: {"features": shape[-1]},
    "RotaryEmbedding": lambda shape: {"steps": shape[-2], "features": shape[-1]},
    "LearnedPositions": lambda shape: {"shape": shape[1:]},
}
TOLD |= vision_cases.TOLD | dynamic_cases.TOLD
# archinspect's own arguments, which say what PyTorch's recurrent layers always do.
OURS = {"biases", "return_sequences", "return_state"}
RECURRENT = ("RNN", "LSTM", "GRU")
# Layers with several outputs, and arguments by which others have them.
SEVERAL = {"Split", "Unbind", "RotaryTables", "TopK", "Sort", "LSTMCell", "return_indices", "return_state"}


def case(op, *inputs, **args):
    return op, inputs, args


def torch_cases():  # noqa: C901, PLR0912, PLR0915 - a table
    wave, image, volume = (2, 6, 11), (2, 6, 11, 13), (2, 6, 7, 8, 9)
    # Convolutions
    yield case("Conv1d", wave, in_channels=6, out_channels=8, kernel_size=3)
    yield case("Conv1d", wave, in_channels=6, out_channels=8, kernel_size=3, stride=2, padding=1, bias=False)
    yield case("Conv1d", wave, in_channels=6, out_channels=8, kernel_size=[4], padding=[[2, 1]])
    yield case("Conv1d", wave, in_channels=6, out_channels=9, kernel_size=3, groups=3, dilation=2, padding="same")
    yield case("Conv2d", image, in_channels=6, out_channels=8, kernel_size=3)
    yield case("Conv2d", image, in_channels=6, out_channels=8, kernel_size=3, bias=False, padding_mode="reflect")
    yield case("Conv2d", image, in_channels=6, out_channels=8, kernel_size=[3, 5], stride=[2, 1], padding=[1, 2])
    yield case("Conv2d", image, in_channels=6, out_channels=8, kernel_size=7, stride=2, padding=3)
    yield case("Conv2d", image, in_channels=6, out_channels=8, kernel_size=3, dilation=2, padding=2, stride=3)
    yield case("Conv2d", image, in_channels=6, out_channels=8, kernel_size=3, dilation=[2, 3], padding="same")
    yield case("Conv2d", image, in_channels=6, out_channels=8, kernel_size=[4, 2], padding="same")
    yield case("Conv2d", image, in_channels=6, out_channels=8, kernel_size=3, padding="valid", stride=4)
    yield case("Conv2d", image, in_channels=6, out_channels=8, kernel_size=3, stride=2, padding=[[0, 1], [1, 2]])
    yield case("Conv2d", image, in_channels=6, out_channels=8, kernel_size=3, groups=2)
    yield case("Conv2d", image, in_channels=6, out_channels=6, kernel_size=3, groups=6, padding=1)
    yield case("Conv2d", image, in_channels=6, out_channels=12, kernel_size=3, groups=6, padding=1)
    yield case("Conv2d", image, in_channels=6, out_channels=5, kernel_size=1, device=None, dtype=None)
    yield case("Conv2d", image, in_channels=6, out_channels=5, kernel_size=[11, 13])
    yield case("Conv2d", image, in_channels=6, out_channels=5, kernel_size=[12, 13])
    yield case("Conv2d", image, in_channels=6, out_channels=8, kernel_size=3, groups=4)
    yield case("Conv2d", image, in_channels=6, out_channels=8, kernel_size=3, groups=3)
    yield case("Conv2d", image, in_channels=3, out_channels=8, kernel_size=3)
    yield case("Conv3d", volume, in_channels=6, out_channels=4, kernel_size=3)
    yield case("Conv3d", volume, in_channels=6, out_channels=4, kernel_size=[1, 3, 3], stride=[1, 2, 2], padding=1)
    yield case("Conv3d", volume, in_channels=6, out_channels=4, kernel_size=3, dilation=2, groups=2, padding=[2, 1, 0])
    # Transposed convolutions
    yield case("ConvTranspose1d", wave, in_channels=6, out_channels=8, kernel_size=4, stride=2, padding=1)
    yield case("ConvTranspose1d", wave, in_channels=6, out_channels=8, kernel_size=3, stride=3, dilation=2, bias=False)
    yield case("ConvTranspose2d", image, in_channels=6, out_channels=8, kernel_size=2, stride=2)
    yield case("ConvTranspose2d", image, in_channels=6, out_channels=8, kernel_size=4, stride=2, padding=1)
    up = {"in_channels": 6, "out_channels": 8, "kernel_size": 3}
    yield case("ConvTranspose2d", image, **up, stride=2, padding=1, output_padding=1)
    yield case("ConvTranspose2d", image, **up, stride=[3, 2], padding=[1, 0], output_padding=[2, 0], groups=2)
    yield case("ConvTranspose2d", image, **up, dilation=3, output_padding=2)
    yield case("ConvTranspose2d", image, **up, stride=2, output_padding=2)
    yield case("ConvTranspose2d", image, **up, groups=4)
    yield case("ConvTranspose2d", (2, 6, 2, 2), **up, padding=2)
    yield case("ConvTranspose3d", volume, in_channels=6, out_channels=3, kernel_size=[2, 3, 4], stride=2, groups=3)
    # Pooling; many lengths on which floor and ceil, and the clipped last window, differ
    yield case("MaxPool1d", wave, kernel_size=3, stride=2, padding=1, return_indices=True)
    yield case("MaxPool2d", image, kernel_size=2)
    yield case("MaxPool2d", image, kernel_size=[3, 2], stride=[2, 1], padding=[1, 0])
    yield case("MaxPool2d", image, kernel_size=3, stride=2, padding=1, dilation=2, ceil_mode=True)
    yield case("MaxPool2d", image, kernel_size=3, stride=2, ceil_mode=True)
    yield case("MaxPool2d", image, kernel_size=12)
    yield case("MaxPool2d", image, kernel_size=12, stride=2, ceil_mode=True)
    yield case("MaxPool2d", image, kernel_size=2, padding=2)
    yield case("MaxPool3d", volume, kernel_size=[1, 2, 3], stride=[1, 2, 2], ceil_mode=True)
    for length, kernel, stride, padding in (
        *((4, 1, 2, 0), (4, 1, 3, 0), (5, 2, 4, 0), (5, 2, 2, 1), (6, 2, 3, 1), (7, 3, 5, 1), (6, 2, 2, 1)),
        *((1, 1, 1, 0), (2, 3, 2, 1), (3, 4, 2, 0), (2, 4, 2, 0), (9, 2, 4, 1), (10, 3, 7, 0), (7, 2, 5, 1)),
    ):
        for name in ("MaxPool1d", "AvgPool1d"):
            window = {"kernel_size": kernel, "stride": stride, "padding": padding}
            yield case(name, (2, 3, length), **window, ceil_mode=True)
            yield case(name, (2, 3, length), **window)
    yield case("AvgPool1d", wave, kernel_size=4)
    yield case("AvgPool2d", image, kernel_size=3, stride=2, padding=1, count_include_pad=False, divisor_override=2)
    yield case("AvgPool2d", image, kernel_size=2, ceil_mode=True)
    yield case("AvgPool3d", volume, kernel_size=2, stride=[2, 2, 1], padding=1, ceil_mode=True)
    yield case("AdaptiveAvgPool1d", wave, output_size=4)
    yield case("AdaptiveAvgPool2d", image, output_size=1)
    yield case("AdaptiveAvgPool2d", image, output_size=[7, 5])
    yield case("AdaptiveAvgPool2d", image, output_size=[None, 5])
    yield case("AdaptiveAvgPool2d", image, output_size=14)
    yield case("AdaptiveAvgPool3d", volume, output_size=[3, 4, 5])
    yield case("AdaptiveMaxPool1d", wave, output_size=[5])
    yield case("AdaptiveMaxPool2d", image, output_size=[4, 6], return_indices=True)
    yield case("AdaptiveMaxPool3d", volume, output_size=2)
    yield case("MaxPool2d", image, kernel_size=3, stride=2, padding=1, return_indices=True)
    yield case("MaxPool3d", volume, kernel_size=2, return_indices=True)
    yield case("AdaptiveMaxPool1d", wave, output_size=4, return_indices=True)
    yield case("AdaptiveMaxPool3d", volume, output_size=2, return_indices=True)
    yield case("RoIAlign", image, (2, 5, 4), output_size=7)
    yield case("RoIAlign", image, (2, 6, 5, 6), (2, 5, 4), output_size=[3, 4], sampling_ratio=3)
    yield case("RoIAlign", image, (2, 5, 3), output_size=7)
    # Dense
    yield case("Linear", (2, 7), in_features=7, out_features=5)
    yield case("Linear", (2, 3, 7), in_features=7, out_features=5, bias=False)
    yield case("Linear", (2, 3, 4, 7), in_features=7, out_features=5)
    yield case("Linear", (2, 3, 4, 7), in_features=84, out_features=5)
    # Normalization
    for name, shape in (
        ("BatchNorm1d", (2, 6)),
        ("BatchNorm1d", wave),
        ("BatchNorm2d", image),
        ("BatchNorm3d", volume),
    ):
        yield case(name, shape, num_features=6)
    yield case("BatchNorm2d", image, num_features=6, eps=1e-3, momentum=0.01, affine=False)
    yield case("BatchNorm2d", image, num_features=6, momentum=None, bias=False)
    yield case("BatchNorm2d", image, num_features=6, track_running_stats=False)
    yield case("BatchNorm2d", image, num_features=6, affine=False, track_running_stats=False)
    yield case("BatchNorm2d", image, num_features=5)
    yield case("FrozenBatchNorm2d", image, num_features=6)
    yield case("FrozenBatchNorm2d", image, num_features=6, eps=0.0)
    yield case("FrozenBatchNorm2d", image, num_features=5)
    yield case("SyncBatchNorm", image, num_features=6, process_group=None)
    yield case("LayerNorm", image, normalized_shape=13)
    yield case("LayerNorm", image, normalized_shape=[6, 11, 13], eps=1e-6)
    yield case("LayerNorm", image, normalized_shape=[11, 13], bias=False)
    yield case("LayerNorm", image, normalized_shape=13, elementwise_affine=False)
    yield case("LayerNorm", image, normalized_shape=11)
    yield case("GroupNorm", image, num_groups=3, num_channels=6)
    yield case("GroupNorm", image, num_groups=1, num_channels=6, eps=1e-6, affine=False)
    yield case("GroupNorm", (2, 6), num_groups=2, num_channels=6, bias=False)
    yield case("GroupNorm", image, num_groups=4, num_channels=6)
    yield case("InstanceNorm1d", wave, num_features=6)
    yield case("InstanceNorm2d", image, num_features=6, affine=True, momentum=0.2)
    yield case("InstanceNorm2d", image, num_features=6, affine=True, bias=False)
    yield case("InstanceNorm3d", volume, num_features=6, track_running_stats=True)
    yield case("LocalResponseNorm", image, size=5, alpha=1e-4, beta=0.75, k=2.0)
    yield case("LocalResponseNorm", wave, size=2)
    # Activations
    for name in (
        *("ReLU", "ReLU6", "LeakyReLU", "ELU", "SELU", "CELU", "GELU", "SiLU", "Sigmoid", "LogSigmoid", "Tanh"),
        *("Softplus", "Softsign", "Mish", "Hardsigmoid", "Hardswish", "Hardtanh", "Hardshrink", "Softshrink"),
        *("Tanhshrink", "Softmax2d", "QuickGELU"),
    ):
        yield case(name, image)
    yield case("ReLU", image, inplace=True)
    yield case("LeakyReLU", image, negative_slope=0.1, inplace=True)
    yield case("ELU", image, alpha=0.5)
    yield case("CELU", image, alpha=0.5)
    yield case("GELU", image, approximate="tanh")
    yield case("Softplus", image, beta=2.0, threshold=10.0)
    yield case("Hardtanh", image, min_val=-2.0, max_val=2.0, inplace=True)
    yield case("Hardshrink", image, lambd=0.1)
    yield case("Softshrink", image, lambd=0.1)
    yield case("Threshold", image, threshold=0.1, value=20.0)
    yield case("PReLU", image, num_parameters=1)
    yield case("PReLU", image, num_parameters=6, init=0.1)
    yield case("PReLU", image, num_parameters=5)
    yield case("Softmax", image, dim=1)
    yield case("Softmax", image, dim=-1)
    yield case("Softmax", image, dim=None)
    yield case("LogSoftmax", (2, 7), dim=1)
    yield case("LogSoftmax", (2, 7), dim=2)
    yield case("GLU", (2, 6, 8))
    yield case("GLU", image, dim=1)
    yield case("GLU", image, dim=2)
    # Reshaping
    yield case("Flatten", image)
    yield case("Flatten", image, start_dim=2)
    yield case("Flatten", image, start_dim=1, end_dim=2)
    yield case("Flatten", image, start_dim=-2, end_dim=-1)
    yield case("Flatten", image, start_dim=3, end_dim=1)
    yield case("ZeroPad1d", wave, padding=2)
    yield case("ZeroPad1d", wave, padding=[1, 3])
    yield case("ZeroPad2d", image, padding=2)
    yield case("ZeroPad2d", image, padding=[1, 2, 3, 4])
    yield case("ZeroPad3d", volume, padding=[1, 2, 3, 4, 5, 6])
    yield case("ConstantPad1d", wave, padding=[0, 2], value=1.5)
    yield case("ConstantPad2d", image, padding=[0, 2, 0, 0], value=1.5)
    yield case("ConstantPad3d", volume, padding=1, value=0.0)
    yield case("ReflectionPad1d", wave, padding=[2, 1])
    yield case("ReflectionPad2d", image, padding=[1, 2, 3, 4])
    yield case("ReplicationPad2d", image, padding=[1, 2, 3, 4])
    yield case("CircularPad2d", image, padding=[1, 2, 3, 4])
    yield case("Upsample", wave, scale_factor=2)
    yield case("Upsample", wave, size=25, mode="linear", align_corners=False)
    yield case("Upsample", image, scale_factor=[2, 3])
    yield case("Upsample", image, size=[20, 30], mode="bilinear", align_corners=True, recompute_scale_factor=None)
    yield case("Upsample", image, size=7, mode="bicubic")
    yield case("Upsample", image, size=[20, 30, 40])
    yield case("Upsample", volume, scale_factor=2.0, mode="trilinear")
    yield case("UpsamplingNearest2d", image, scale_factor=3)
    yield case("UpsamplingNearest2d", image, size=[5, 6])
    yield case("UpsamplingBilinear2d", image, scale_factor=2)
    yield case("ChannelShuffle", image, groups=3)
    yield case("ChannelShuffle", image, groups=4)
    for factor in (1, 2, 3):
        yield case("PixelShuffle", (2, 8, 4, 6), upscale_factor=factor)
        yield case("PixelUnshuffle", (2, 5, 4, 6), downscale_factor=factor)
    yield from vision_cases.torch_cases()
    yield case("ResizeLike", wave, (2, 3, 25))
    yield case("ResizeLike", wave, (2, 3, 7), interpolation="linear")
    yield case("ResizeLike", image, (2, 3, 22, 20), interpolation="bilinear")
    yield case("ResizeLike", image, (2, 3, 5, 40), interpolation="bicubic")
    yield case("ResizeLike", volume, (2, 3, 9, 9, 9), interpolation="trilinear")
    yield case("ResizeLike", image, wave)
    yield case("CropLike", wave, (2, 3, 8))
    yield case("CropLike", image, (2, 3, 11, 4))
    yield case("CropLike", volume, (2, 3, 1, 2, 3))
    yield case("CropLike", image, (2, 3, 12, 13))
    yield case("ReshapeLike", image, (2, 143, 6))
    yield case("ReshapeLike", (2, 143, 6), (2, 11, 13, 6))
    yield case("ReshapeLike", (2, 143, 6), (2, 11, 13, 5))
    # Tables and tokens
    yield case("SinusoidalEmbedding", (2,), dim=8)
    yield case("SinusoidalEmbedding", (2, 5), dim=8)
    yield case("SinusoidalEmbedding", (2, 5), dim=7)
    yield case("Embedding", (2, 5), num_embeddings=20, embedding_dim=6)
    yield case("Embedding", (2,), num_embeddings=20, embedding_dim=6, padding_idx=0, max_norm=1.0, sparse=False)
    yield case("Embedding", (2, 5, 3), num_embeddings=20, embedding_dim=6)
    yield case("LearnedPositions", (2, 5, 6))
    yield case("LearnedPositions", (2, 4, 5, 6))
    yield case("LearnedPositions", (2, 5, 6), input_dim=9)
    yield case("LearnedPositions", (2, 5, 6), input_dim=9, indexed=True)
    yield case("LearnedPositions", (2, 5, 6), input_dim=9, indexed="each_sample")
    yield case("ClassToken", (2, 5, 6))
    yield case("ClassToken", (2, 5, 6), n=2)
    yield case("LearnedTokens", (2, 5, 6), n=3, dim=4)
    yield case("LearnedTokens", (2, 3, 4, 6), n=3, dim=4)
    # Attention
    yield case("ScaledDotProductAttention", (2, 5, 12))
    yield case("ScaledDotProductAttention", (2, 5, 12), num_heads=3)
    yield case("ScaledDotProductAttention", (2, 5, 12), (2, 7, 12), num_heads=3)
    yield case("ScaledDotProductAttention", (2, 5, 12), (2, 7, 12), (2, 7, 9), num_heads=3)
    yield case("ScaledDotProductAttention", (2, 5, 12), (2, 7, 4), (2, 7, 10), num_heads=6, num_kv_heads=2)
    yield case("ScaledDotProductAttention", (2, 5, 12), (2, 5, 4), num_heads=3, num_kv_heads=1)
    yield case("ScaledDotProductAttention", (2, 5, 12), num_heads=3, causal=True)
    yield case("ScaledDotProductAttention", (2, 5, 12), num_heads=3, causal=True, window=2)
    yield case("ScaledDotProductAttention", (2, 5, 12), (2, 7, 12), num_heads=3, window=3)
    yield case("ScaledDotProductAttention", (3, 5, 12), (3, 5, 4), num_heads=3, num_kv_heads=1, causal=True, window=2)
    yield case("ScaledDotProductAttention", (2, 4, 5, 12), num_heads=3)
    for batch in (1, 3):
        steps, memory = (batch, 5, 12), (batch, 7, 12)
        for how in ({"soft_cap": 50.0}, {"sinks": True}, {"soft_cap": 30.0, "sinks": True, "dropout": 0.1}):
            yield case("ScaledDotProductAttention", steps, memory, memory, num_heads=3, **how)
            yield case("ScaledDotProductAttention", steps, num_heads=3, causal=True, **how)
            fewer = {"num_heads": 6, "num_kv_heads": 2}
            yield case("ScaledDotProductAttention", steps, (batch, 7, 4), (batch, 7, 10), **fewer, **how)
    yield case("ScaledDotProductAttention", (2, 5, 12), num_heads=5)
    yield case("ScaledDotProductAttention", (2, 5, 12), (2, 7, 12), (2, 8, 12), num_heads=3)
    yield case("ScaledDotProductAttention", (2, 5, 12), (2, 7, 9), (2, 7, 12), num_heads=3)
    whole = {"embed_dim": 12, "num_heads": 3, "batch_first": True}
    yield case("MultiheadAttention", (2, 5, 12), **whole)
    yield case("MultiheadAttention", (2, 5, 12), **whole, bias=False, dropout=0.1)
    yield case("MultiheadAttention", (2, 5, 12), (2, 7, 12), **whole)
    yield case("MultiheadAttention", (2, 5, 12), (2, 7, 8), (2, 7, 10), **whole, kdim=8, vdim=10)
    yield case("MultiheadAttention", (2, 5, 12), (2, 7, 8), (2, 7, 10), **whole)
    yield case("MultiheadAttention", (2, 5, 12), (2, 7, 8), (2, 7, 10), **whole, kdim=8, vdim=9)
    yield case("MultiheadAttention", (2, 5, 11), **whole)
    for batch in (1, 3):
        steps, memory, other = (batch, 5, 12), (batch, 7, 12), (batch, 7, 8)
        for further in ({"add_bias_kv": True}, {"add_zero_attn": True}, {"add_bias_kv": True, "add_zero_attn": True}):
            yield case("MultiheadAttention", steps, **whole, **further)
            yield case("MultiheadAttention", steps, memory, **whole, **further, dropout=0.1)
            yield case("MultiheadAttention", steps, other, memory, **whole, **further, kdim=8)
        for further in ({}, {"bias": False, "dropout": 0.1}, {"add_bias_kv": True}):
            yield case("MultiheadAttention", steps, **whole, **further, need_weights=True)
            yield case("MultiheadAttention", steps, memory, **whole, **further, need_weights=True)
            yield case("MultiheadAttention", steps, other, memory, **whole, **further, kdim=8, need_weights=True)
        for narrow in ((batch, 9, 4), (batch, 20, 4)):
            yield case("MultiheadAttention", narrow, embed_dim=4, num_heads=2, batch_first=True, need_weights=True)
        yield case("PackedAttention", steps, num_heads=3, key_dim=4, packed=True)
        yield case("PackedAttention", steps, num_heads=6, num_kv_heads=2, key_dim=2, packed=True, use_bias=False)
        yield case("PackedAttention", steps, memory, num_heads=3, key_dim=4, packed=True)
        yield case("PackedAttention", steps, num_heads=3, key_dim=4, packed=False)
    yield case("MultiheadAttention", (2, 5, 12), embed_dim=12, num_heads=5, batch_first=True)
    grouped = {"num_heads": 6, "key_dim": 4, "num_kv_heads": 2}
    yield case("GroupedQueryAttention", (2, 5, 12), **grouped)
    yield case("GroupedQueryAttention", (2, 5, 12), **grouped, bias=False, out_bias=False)
    yield case("GroupedQueryAttention", (2, 5, 12), (2, 7, 10), **grouped, bias=True, out_bias=False)
    yield case("RotaryEmbedding", (2, 5, 12))
    yield case("RotaryEmbedding", (2, 5, 12), (1, 5, 4), (1, 5, 4))
    yield case("RotaryEmbedding", (2, 3, 5, 12), (1, 5, 12), (1, 5, 12))
    yield case("RotaryEmbedding", (2, 5, 12), (1, 5, 5), (1, 5, 5))
    yield case("RotaryTables", (2, 5), dim=6)
    yield case("RotaryTables", (2, 7, 5), dim=8)
    yield case("MixtureOfExperts", (2, 5, 12), num_experts=4, units=7)
    yield case("MixtureOfExperts", (2, 5, 12), num_experts=4, units=7, top_k=1, gated=False)
    for batch in (1, 3):
        grouped = {"num_experts": 8, "units": 7, "top_k": 3, "groups": 4, "top_k_groups": 2}
        yield case("MixtureOfExperts", (batch, 5, 12), **grouped, scoring="sigmoid", score_bias=True)
        yield case("MixtureOfExperts", (batch, 5, 12), **grouped, shared_experts=1)
        for factor in (1.0, 1.25):
            yield case("MixtureOfExperts", (batch, 6, 12), num_experts=4, units=7, capacity_factor=factor)
            few = {"num_experts": 4, "units": 5, "top_k": 1, "scoring": "sigmoid"}
            yield case("MixtureOfExperts", (batch, 6, 12), **few, capacity_factor=factor)
        shared = {"num_experts": 4, "units": 7, "shared_experts": 1}
        yield case("MixtureOfExperts", (batch, 6, 12), **shared, capacity_factor=0.5)
    for batch in (1, 3):
        biased = {"num_experts": 4, "units": 7, "use_bias": True}
        yield case("MixtureOfExperts", (batch, 5, 12), **biased, gated=False)
        yield case("MixtureOfExperts", (batch, 5, 12), **biased, limit=7.0)
        yield case("MixtureOfExperts", (batch, 5, 12), **biased, limit=7.0, scoring="softmax_of_chosen")
        yield case("MixtureOfExperts", (batch, 5, 12), **biased, shared_experts=1, scoring="softmax_of_chosen", top_k=3)
    yield case("MixtureOfExperts", (2, 3, 5, 12), num_experts=4, units=7, top_k=3, shared_experts=2)
    # Recurrent
    for name in RECURRENT:
        for sequences in (True, False):
            told = {"input_size": 6, "hidden_size": 8, "batch_first": True, "biases": 2, "return_sequences": sequences}
            yield case(name, (2, 5, 6), **told)
            yield case(name, (2, 5, 6), **told, num_layers=3, dropout=0.1)
            yield case(name, (2, 5, 6), **told, bidirectional=True)
            yield case(name, (2, 5, 6), **told, bidirectional=True, num_layers=2, bias=False)
        yield case(name, (2, 5, 7), **told)
    yield case("RNN", (2, 5, 6), **told, nonlinearity="relu")
    yield case("LSTM", (2, 5, 6), **told, proj_size=3)
    yield case("LSTM", (2, 5, 6), **told, proj_size=3, num_layers=2, bidirectional=True)
    # ... from a state
    for name in ("RNN", "GRU"):
        yield case(name, (2, 5, 6), (2, 8), **told)
        yield case(name, (2, 5, 6), (2, 2, 8), **told, num_layers=2)
        yield case(name, (2, 5, 6), (2, 4, 8), **told, num_layers=2, bidirectional=True)
        yield case(name, (2, 5, 6), (2, 7), **told)
        yield case(name, (2, 5, 6), (2, 3, 8), **told, num_layers=2)
    yield case("LSTM", (2, 5, 6), (2, 8), (2, 8), **told)
    yield case("LSTM", (2, 5, 6), (2, 2, 8), (2, 2, 8), **told, bidirectional=True)
    yield case("LSTM", (2, 5, 6), (2, 3), (2, 8), **told, proj_size=3)
    yield case("LSTM", (2, 5, 6), (2, 8), (2, 8), **told, proj_size=3)
    yield case("LSTM", (2, 5, 6), (2, 8), **told)
    # ... that give their states
    for name in RECURRENT:
        yield case(name, (2, 5, 6), **told, return_state=True)
        yield case(name, (2, 5, 6), **told, return_state=True, num_layers=2)
        yield case(name, (2, 5, 6), **{**told, "return_sequences": True}, return_state=True, bidirectional=True)
    yield case("LSTM", (2, 5, 6), (2, 3), (2, 8), **told, proj_size=3, return_state=True)
    # Several outputs
    yield case("Split", image, parts=3)
    yield case("Split", (2, 5, 12), parts=3, axis=-1)
    yield case("Split", image, sizes=[1, 2, 3])
    yield case("Split", image, sizes=[4, 7], axis=2)
    yield case("Split", image, parts=4)
    yield case("Split", image, sizes=[1, 2])
    yield case("Unbind", (2, 3, 12), parts=3)
    yield case("Unbind", image, parts=13, axis=-1)
    yield case("Unbind", (2, 3, 12), parts=4)
    yield case("TopK", (2, 5, 12), k=3)
    yield case("TopK", (2, 5, 12), k=5, dim=1, largest=False, sorted=False)
    yield case("TopK", (2, 5, 12), k=6, dim=1)
    # No inputs
    yield case("Parameter", shape=[3, 4])
    yield case("Parameter", shape=[])
    yield case("Constant", shape=[3, 4])
    # Whole tensors
    yield case("RMSNorm", image, normalized_shape=13)
    yield case("RMSNorm", image, normalized_shape=[11, 13], eps=1e-6)
    yield case("RMSNorm", image, normalized_shape=13, elementwise_affine=False)
    yield case("RMSNorm", image, normalized_shape=11)
    yield case("MatMul", (2, 5, 7), (2, 7, 4))
    yield case("MatMul", (2, 3, 5, 7), (2, 3, 7, 4))
    yield case("MatMul", (2, 3, 5, 7), (2, 1, 7, 4))
    yield case("MatMul", (2, 7, 5), (2, 7, 4), transpose_a=True)
    yield case("MatMul", (2, 5, 7), (2, 4, 7), transpose_b=True)
    yield case("MatMul", (2, 7, 5), (2, 4, 7), transpose_a=True, transpose_b=True)
    yield case("MatMul", (2, 5, 7), (2, 4, 7))
    yield case("MatMul", (2, 3, 5, 7), (2, 4, 7, 4))
    yield case("Einsum", (2, 3, 4), (2, 4, 5), equation="bij,bjk->bik")
    yield case("Einsum", (2, 3, 4), (2, 5, 4), equation="bqd, bkd -> bqk")
    yield case("Einsum", (2, 5, 3, 4), (2, 7, 3, 4), equation="bqhd,bkhd->bhqk")
    yield case("Einsum", (2, 7, 3, 4), (2, 7, 4, 5), equation="...ij,...jk->...ik")
    yield case("Einsum", (2, 7, 3, 4), (2, 7, 4, 5), equation="b...j,b...j->b...")
    yield case("Einsum", (2, 7, 3, 4), (2, 4, 5), equation="b...j,bjk->bk...")
    yield case("Einsum", (2, 3), (2, 4), equation="bi,bj->bij")
    yield case("Einsum", (2, 3, 4), (2, 3), equation="bij,bi->bij")
    yield case("Einsum", (2, 3, 1), (2, 1, 5), equation="bij,bjk->bik")
    yield case("Einsum", (2, 3, 4), (2, 4, 5), equation="bij,bjk->bk")
    yield case("Einsum", (2, 3, 4), (2, 4), equation="bij,bj->b")
    yield case("Einsum", (2, 3, 4), (2, 5), equation="bij,bk->bik")
    yield case("Einsum", (2, 3, 4), equation="bij->bji")
    yield case("Einsum", (2, 3, 4), equation="bij->b")
    yield case("Einsum", (2, 3, 4), (2, 4, 5), (2, 5, 6), equation="bij,bjk,bkl->bil")
    yield case("Einsum", (2, 3, 4), (2, 4, 5), (2, 3, 5), equation="bij,bjk,bik->b")
    yield case("Einsum", (2, 3), (2, 4), (2, 5), equation="bi,bj,bk->bk")
    yield case("Einsum", (2, 4, 3), (2, 5, 2, 3, 4), equation="bkm,bilmk->bim")
    yield case("Einsum", (3, 3, 5, 3), (3, 5, 3, 3, 5), equation="blmi,bmlij->biml")
    yield case("Einsum", (2, 5, 2, 2, 3), (2, 4), (2, 2), equation="bjlmk,bi,bl->bl")
    yield case("Einsum", (2, 3, 4), (2, 5, 6), equation="bij,bjk->bik")
    yield case("Einsum", (2, 3, 4), (2, 4), equation="bij,bjk->bik")
    yield case("Einsum", (2, 3, 4), (2, 4, 5), equation="bij->bji")
    yield case("Einsum", (2, 3, 4), equation="bij->bik")
    yield case("Einsum", (2, 3, 4), equation="bij->bii")
    yield case("Einsum", (2, 3, 4), equation="b..j->bj")
    for start in (0, 1, 4, -2, -9):
        for stop in (None, 1, 3, 9, -1, -9):
            yield case("Slice", (2, 5, 3), axis=1, start=start, stop=stop)
            yield case("Slice", (2, 3, 5), axis=2, start=start, stop=stop, step=2)
    yield case("Select", (2, 5, 3), index=0)
    yield case("Select", (2, 5, 3), index=-1)
    yield case("Select", (2, 5, 3), index=-3, axis=2)
    yield case("Select", (2, 5, 3), index=5)
    yield case("Select", (2, 5, 3), index=-6)
    for name in ("ReduceSum", "ReduceMean", "ReduceMax"):
        yield case(name, image, axis=1)
        yield case(name, image, axis=[-1, 2], keepdims=True)
        yield case(name, image, axis=[1, 2, 3])
        yield case(name, image, axis=4)
    yield case("Roll", image, shift=[-1, 2], axis=[2, 3])
    yield case("Roll", image, shift=3, axis=1)
    yield case("WindowPartition", (2, 8, 12, 5), window_size=4)
    yield case("WindowPartition", (2, 7, 9, 5), window_size=4)
    yield case("WindowReverse", (2, 6, 16, 5), size=[8, 12], window_size=4)
    yield case("WindowReverse", (2, 6, 16, 5), size=[7, 9], window_size=4)
    yield case("WindowReverse", (2, 6, 16, 5), size=[12, 12], window_size=4)
    yield case("WindowReverse", (2, 6, 16, 5), (2, 7, 9, 5), window_size=4)
    yield case("WindowReverse", (2, 6, 16, 5), (2, 7, 13, 5), window_size=4)
    yield case("SampleGaussian", (2, 7), (2, 7))
    yield case("SampleGaussian", (2, 7), (2, 6))
    yield from tensor_programs.cases()
    # Merges and others that PyTorch writes as functions
    for name in ("Add", "Multiply", "Maximum", "Minimum", "Average"):
        yield case(name, image, image)
        yield case(name, image, image, image)
        yield case(name, image, (2, 6, 1, 1))
    yield case("Subtract", image, image)
    yield case("Concatenate", image, image, (2, 3, 11, 13))
    yield case("Dot", (2, 5, 7), (2, 7, 4), axes=[2, 1])
    yield case("Dot", (2, 5, 7), (2, 7, 4), axes=[2, 1], normalize=True)
    yield case("Exponential", image)
    yield case("UnitNormalization", image)
    yield case("LayerScale", image)
    yield case("Reshape", image, target_shape=[66, 13])
    yield case("Permute", image, dims=[3, 1, 2])
    yield case("RepeatVector", (2, 7), n=3)
    yield case("Cropping2D", image, cropping=2)
    for name in ("GlobalAveragePooling2D", "GlobalMaxPooling2D"):
        yield case(name, image)
        yield case(name, image, keepdims=True)
    yield case("Rescaling", image, scale=0.5, offset=1.0)
    # Nothing at inference
    yield case("Identity", image)
    for rate in (0.0, 0.2):
        yield case("Dropout", image, p=rate)
        yield case("StochasticDepth", image, rate=rate)
    yield case("StochasticDepth", image, rate=0.2, mode="batch")
    yield case("GaussianNoise", image, stddev=0.2)
    yield case("GaussianDropout", image, rate=0.2)
    for name, shape in (("Dropout", (2, 7)), ("Dropout1d", wave), ("Dropout2d", image), ("Dropout3d", volume)):
        yield case(name, shape, p=0.2, inplace=True)
    yield case("AlphaDropout", image, p=0.2)
    yield case("FeatureAlphaDropout", image, p=0.2)
    yield from sequence_cases.torch_cases()
    yield from mixer_cases.torch_cases()
    yield from dynamic_cases.torch_cases()


MAP = (2, 4, 3, 12)
SEVERAL_AXES = (
    *(((MAP,), {"attention_axes": axes}) for axes in ([1, 2], [2], [-3, -2])),
    ((MAP, (2, 5, 2, 10)), {"attention_axes": [1, 2], "output_shape": 9}),
)


def keras_cases():  # noqa: PLR0915 - a table
    wave, image, volume = (2, 11, 6), (2, 11, 13, 6), (2, 7, 8, 9, 6)
    first = {"data_format": "channels_first"}
    # Convolutions
    yield case("Conv1D", wave, filters=8, kernel_size=3)
    yield case("Conv1D", wave, filters=8, kernel_size=3, strides=2, padding="same", use_bias=False)
    yield case("Conv1D", wave, filters=8, kernel_size=4, padding="causal", dilation_rate=2)
    yield case("Conv1D", wave, filters=8, kernel_size=4, padding="causal", strides=3, groups=2)
    yield case("Conv1D", (2, 6, 11), filters=8, kernel_size=3, activation="relu", **first)
    yield case("Convolution1D", wave, filters=8, kernel_size=5, kernel_initializer="he_normal")
    yield case("Conv2D", image, filters=8, kernel_size=3, activation="relu")
    yield case("Conv2D", image, filters=8, kernel_size=[3, 5], strides=[2, 1], padding="same", activation="softmax")
    yield case("Conv2D", image, filters=8, kernel_size=4, strides=3, padding="same")
    yield case("Conv2D", image, filters=8, kernel_size=1, strides=3, padding="same")
    yield case("Conv2D", image, filters=8, kernel_size=3, strides=2, padding="valid", groups=2, use_bias=False)
    yield case("Conv2D", image, filters=8, kernel_size=3, dilation_rate=[2, 3], padding="same")
    yield case("Conv2D", (2, 6, 11, 13), filters=8, kernel_size=3, strides=2, padding="same", **first)
    yield case("Conv2D", image, filters=8, kernel_size=12)
    yield case("Conv2D", image, filters=8, kernel_size=3, groups=4)
    yield case("Convolution2D", image, filters=8, kernel_size=2)
    yield case("Conv3D", volume, filters=4, kernel_size=3, strides=[1, 2, 2], padding="same")
    yield case("Conv3D", (2, 6, 7, 8, 9), filters=4, kernel_size=[1, 2, 3], groups=2, **first)
    yield case("Convolution3D", volume, filters=4, kernel_size=2)
    yield case("DepthwiseConv1D", wave, kernel_size=3)
    yield case("DepthwiseConv1D", wave, kernel_size=3, depth_multiplier=3, padding="same", strides=2)
    yield case("DepthwiseConv2D", image, kernel_size=3, padding="same")
    yield case("DepthwiseConv2D", image, kernel_size=3, strides=2, depth_multiplier=2, use_bias=False)
    yield case("DepthwiseConv2D", image, kernel_size=3, dilation_rate=2, activation="relu")
    yield case("DepthwiseConv2D", (2, 6, 11, 13), kernel_size=[3, 5], strides=2, padding="same", **first)
    yield case("SeparableConv1D", wave, filters=8, kernel_size=3, strides=2, padding="same")
    yield case("SeparableConvolution1D", wave, filters=8, kernel_size=3, depth_multiplier=2, use_bias=False)
    yield case("SeparableConv2D", image, filters=8, kernel_size=3)
    yield case("SeparableConv2D", image, filters=8, kernel_size=3, padding="same", strides=2, activation="relu")
    yield case("SeparableConv2D", (2, 6, 11, 13), filters=8, kernel_size=3, depth_multiplier=3, **first)
    yield case("SeparableConvolution2D", image, filters=8, kernel_size=3, dilation_rate=2, padding="same")
    # Transposed convolutions
    yield case("Conv1DTranspose", wave, filters=8, kernel_size=4, strides=2)
    yield case("Conv1DTranspose", wave, filters=8, kernel_size=3, strides=2, padding="same")
    yield case("Convolution1DTranspose", wave, filters=8, kernel_size=2, strides=3, use_bias=False)
    for padding in ("valid", "same"):
        for kernel in (1, 2, 3, 4, 5):
            yield case("Conv2DTranspose", image, filters=4, kernel_size=kernel, strides=[2, 3], padding=padding)
            extra = {"strides": [2, 3], "output_padding": [1, 0], "padding": padding}
            yield case("Conv2DTranspose", image, filters=4, kernel_size=kernel, **extra)
            yield case("Conv2DTranspose", image, filters=4, kernel_size=kernel, dilation_rate=2, padding=padding)
        dilated = {"dilation_rate": 2, "output_padding": 0, "padding": padding}
        yield case("Conv2DTranspose", image, filters=4, kernel_size=3, **dilated)
        yield case("Conv2DTranspose", image, filters=4, kernel_size=2, **dilated)
    yield case("Conv2DTranspose", (2, 6, 11, 13), filters=8, kernel_size=3, strides=2, padding="same", **first)
    yield case("Convolution2DTranspose", image, filters=8, kernel_size=3, activation="relu")
    yield case("Conv3DTranspose", volume, filters=3, kernel_size=3, strides=2, padding="same")
    yield case("Conv3DTranspose", (2, 6, 7, 8, 9), filters=3, kernel_size=[2, 3, 4], strides=[2, 1, 3], **first)
    yield case("Convolution3DTranspose", volume, filters=3, kernel_size=2)
    # Pooling
    for kind in ("Max", "Average"):
        yield case(f"{kind}Pooling1D", wave, pool_size=2)
        yield case(f"{kind}Pooling1D", wave, pool_size=3, strides=2, padding="same")
        yield case(f"{kind}Pooling2D", image, pool_size=2)
        yield case(f"{kind}Pooling2D", image, pool_size=[3, 2], strides=[2, 3], padding="same")
        yield case(f"{kind}Pooling2D", image, pool_size=1, strides=4, padding="same")
        yield case(f"{kind}Pooling2D", image, pool_size=3, strides=2)
        yield case(f"{kind}Pooling2D", (2, 6, 11, 13), pool_size=3, padding="same", **first)
        yield case(f"{kind}Pooling3D", volume, pool_size=2)
        yield case(f"{kind}Pooling3D", volume, pool_size=[1, 2, 3], strides=2, padding="same")
        yield case(f"Global{kind}Pooling1D", wave)
        yield case(f"Global{kind}Pooling2D", image)
        yield case(f"Global{kind}Pooling2D", image, keepdims=True)
        yield case(f"Global{kind}Pooling2D", (2, 6, 11, 13), keepdims=True, **first)
        yield case(f"Global{kind}Pooling3D", volume)
        yield case(f"Adaptive{kind}Pooling1D", wave, output_size=4)
        yield case(f"Adaptive{kind}Pooling2D", image, output_size=[7, 5])
        yield case(f"Adaptive{kind}Pooling2D", (2, 6, 11, 13), output_size=3, **first)
        yield case(f"Adaptive{kind}Pooling3D", volume, output_size=[3, 4, 5])
        short = kind.replace("Average", "Avg")
        for rank, shape in ((1, wave), (2, image), (3, volume)):
            yield case(f"{short}Pool{rank}D", shape, pool_size=3)
            yield case(f"Global{short}Pool{rank}D", shape)
    # Dense
    yield case("Dense", (2, 7), units=5)
    yield case("Dense", (2, 3, 7), units=5, activation="gelu", use_bias=False)
    yield case("Dense", (2, 3, 4, 7), units=5, kernel_regularizer="l2")
    yield case("EinsumDense", (2, 7), equation="ab,bc->ac", output_shape=5, bias_axes="c")
    yield case("EinsumDense", (2, 3, 7), equation="abc,cd->abd", output_shape=[None, 5], activation="relu")
    yield case("EinsumDense", (2, 3, 7), equation="abc,cde->abde", output_shape=[None, 4, 5], bias_axes="de")
    yield case("EinsumDense", (2, 3, 4, 5), equation="abcd,cde->abe", output_shape=[3, 6], bias_axes="be")
    yield case("EinsumDense", (2, 3, 7), equation="...x,xy->...y", output_shape=5, bias_axes="y")
    yield case("EinsumDense", (2, 3, 4, 7), equation="...x,xy->...y", output_shape=[5])
    yield case("EinsumDense", (2, 7, 3, 4), equation="ab...,bc->ac...", output_shape=5, bias_axes="c")
    yield case("EinsumDense", (2, 3, 7), equation="abc,bc->abc", output_shape=[3, 7])
    yield case("EinsumDense", (2, 3, 7), equation="abc,bd->acd", output_shape=[None, 5])
    yield case("EinsumDense", (2, 3, 7), equation="abc,cd->ad", output_shape=[5])
    yield case("EinsumDense", (2, 3, 7), equation="abc,cd->abd", output_shape=[4, 5])
    yield case("EinsumDense", (2, 3, 7), equation="abc,cd->abd", output_shape=[None, None])
    yield case("EinsumDense", (2, 3, 7), equation="abc,cd->abd", output_shape=[None, 5], bias_axes="f")
    yield case("EinsumDense", (2, 3), equation="abc,cd->abd", output_shape=[None, 5])
    yield case("EinsumDense", (2, 3, 7), equation="abc,cd,de->abe", output_shape=[None, 5])
    # Normalization
    yield case("BatchNormalization", image)
    yield case("BatchNormalization", (2, 6, 11, 13), axis=1, momentum=0.9, epsilon=1e-5)
    yield case("BatchNormalization", image, scale=False)
    yield case("BatchNormalization", image, center=False, synchronized=False)
    yield case("BatchNormalization", image, center=False, scale=False)
    yield case("BatchNormalization", (2, 6))
    yield case("LayerNormalization", image)
    yield case("LayerNormalization", image, axis=[1, 2, 3], epsilon=1e-6)
    yield case("LayerNormalization", image, axis=[-1, 1], scale=False)
    yield case("LayerNormalization", image, axis=-1, center=False)
    yield case("LayerNormalization", image, center=False, scale=False)
    yield case("GroupNormalization", image, groups=3)
    yield case("GroupNormalization", image, groups=-1, scale=False)
    yield case("GroupNormalization", image, groups=1, center=False)
    yield case("GroupNormalization", (2, 6, 11, 13), groups=2, axis=1)
    yield case("GroupNormalization", image, groups=4)
    yield case("RMSNormalization", image)
    yield case("RMSNormalization", image, axis=[2, 3], epsilon=1e-5)
    yield case("UnitNormalization", image)
    yield case("UnitNormalization", image, axis=1)
    # Tables, attention, recurrent
    yield case("Embedding", (2, 5), input_dim=20, output_dim=6, mask_zero=False, embeddings_initializer="uniform")
    yield case("Embedding", (2,), input_dim=20, output_dim=6)
    steps, memory = (2, 5, 12), (2, 7, 10)
    yield case("MultiHeadAttention", steps, num_heads=3, key_dim=4)
    yield case("MultiHeadAttention", steps, memory, num_heads=3, key_dim=4)
    yield case("MultiHeadAttention", steps, memory, (2, 7, 9), num_heads=3, key_dim=4, value_dim=5)
    yield case("MultiHeadAttention", steps, memory, num_heads=2, key_dim=7, value_dim=5, output_shape=9, dropout=0.1)
    yield case("MultiHeadAttention", steps, memory, num_heads=2, key_dim=7, use_bias=False)
    yield case("MultiHeadAttention", steps, memory, (2, 8, 10), num_heads=2, key_dim=7)
    yield from (case("MultiHeadAttention", *given, num_heads=3, key_dim=4, **axes) for given, axes in SEVERAL_AXES)
    grouped = {"head_dim": 4, "num_query_heads": 6, "num_key_value_heads": 2}
    yield case("GroupQueryAttention", steps, **grouped)
    yield case("GroupQueryAttention", steps, memory, **grouped, use_bias=False)
    yield case("GroupQueryAttention", steps, head_dim=4, num_query_heads=6, num_key_value_heads=4)
    # Unrolled, what Keras computes by a loop makes no step more than the input has.
    unrolled = {"unroll": True}
    for name in ("SimpleRNN", "LSTM", "GRU"):
        extra = unrolled if name == "SimpleRNN" else {}
        yield case(name, (2, 5, 6), units=8, **extra)
        yield case(name, (2, 5, 6), units=8, return_sequences=True, go_backwards=True, **extra)
        yield case(name, (2, 5, 6), units=8, use_bias=False, dropout=0.1, activation="tanh", **extra)
        yield case(name, (2, 6), units=8)
        states = [(2, 8)] * (2 if name == "LSTM" else 1)
        yield case(name, (2, 5, 6), *states, units=8, **extra)
        yield case(name, (2, 5, 6), *states, units=8, return_sequences=True, **unrolled)
        yield case(name, (2, 5, 6), *[(2, 7)] * len(states), units=8, **unrolled)
    yield case("GRU", (2, 5, 6), units=8, reset_after=False, **unrolled)
    yield case("LSTM", (2, 5, 6), units=8, recurrent_dropout=0.1, recurrent_activation="sigmoid", **unrolled)
    # Wrappers
    film = (2, 5, 9, 8, 3)
    convolution = {"Conv2D": {"filters": 4, "kernel_size": 3, "activation": "relu"}}
    yield case("TimeDistributed", film, layer=convolution)
    yield case("TimeDistributed", film, layer={"Conv2D": {"filters": 4, "kernel_size": 3, "strides": 2}})
    yield case("TimeDistributed", film, layer={"BatchNormalization": {}})
    yield case("TimeDistributed", film, layer={"MaxPooling2D": {"pool_size": 2}})
    yield case("TimeDistributed", film, layer={"GlobalAveragePooling2D": {}})
    yield case("TimeDistributed", film, layer={"Flatten": {}})
    yield case("TimeDistributed", (2, 5, 7), layer={"Dense": {"units": 4}})
    yield case("TimeDistributed", (2, 5, 6, 7), layer={"LSTM": {"units": 4, "unroll": True}})
    yield case("TimeDistributed", (2, 5, 3, 9, 8), layer={"Conv2D": {"filters": 4, "kernel_size": 3, **first}})
    yield case("TimeDistributed", film, layer={"TimeDistributed": {"layer": {"Dense": {"units": 4}}}})
    yield case("TimeDistributed", (2, 5, 9, 8), layer=convolution)
    for name in ("SimpleRNN", "LSTM", "GRU"):
        yield case("Bidirectional", (2, 5, 6), layer={name: {"units": 8, **unrolled}})
    both_ways = {"LSTM": {"units": 8, "return_sequences": True, **unrolled}}
    for mode in ("concat", "sum", "mul", "ave"):
        yield case("Bidirectional", (2, 5, 6), layer=both_ways, merge_mode=mode)
    yield case("Bidirectional", (2, 5, 6), layer={"Dense": {"units": 8}})
    yield case("Bidirectional", (2, 5), layer=both_ways)
    # Activations
    for name in (
        *("relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "swish", "sigmoid", "log_sigmoid"),
        *("tanh", "softplus", "softsign", "mish", "exponential", "hard_sigmoid", "hard_silu", "hard_swish"),
        *("hard_tanh", "hard_shrink", "soft_shrink", "tanh_shrink", "softmax", "log_softmax", "glu", "linear"),
    ):
        yield case("Activation", image, activation=name)
    yield case("ReLU", image, max_value=6.0, negative_slope=0.1, threshold=0.5)
    yield case("LeakyReLU", image, negative_slope=0.2)
    yield case("ELU", image, alpha=0.5)
    yield case("PReLU", image)
    yield case("PReLU", image, shared_axes=[1, 2], alpha_initializer="zeros")
    yield case("PReLU", (2, 7), alpha_regularizer=None, alpha_constraint=None)
    yield case("Softmax", image)
    yield case("Softmax", image, axis=1)
    yield case("Softmax", image, axis=[1, 2])
    # Merges
    for name in ("Add", "Multiply", "Maximum", "Minimum", "Average"):
        yield case(name, image, image)
        yield case(name, image, image, image)
        yield case(name, image, (2, 1, 1, 6))
        yield case(name, (2, 6), image)
        yield case(name, (2, 5, 1, 3), (2, 1, 4, 3), (2, 3))
    yield case("Add", image, (2, 11, 13, 5))
    yield case("Add", image, (2, 2, 1, 6))
    yield case("Subtract", image, image)
    yield case("Subtract", image, (2, 11, 1, 6))
    yield case("Concatenate", image, image)
    yield case("Concatenate", image, (2, 11, 13, 2), (2, 11, 13, 1))
    yield case("Concatenate", image, (2, 4, 13, 6), axis=1)
    yield case("Concatenate", image, (2, 11, 2, 6), axis=-2)
    yield case("Concatenate", image, (2, 4, 13, 6))
    yield case("Dot", (2, 7), (2, 7), axes=1)
    yield case("Dot", (2, 7), (2, 7), axes=-1, normalize=True)
    yield case("Dot", (2, 5, 7), (2, 4, 7), axes=2)
    yield case("Dot", (2, 5, 7), (2, 7, 4), axes=[2, 1])
    yield case("Dot", (2, 5, 7), (2, 7, 4), axes=[-1, -2])
    yield case("Dot", (2, 5, 7), (2, 7), axes=[2, 1])
    yield case("Dot", (2, 3, 5, 7), (2, 7, 4), axes=[3, 1])
    yield case("Dot", (2, 5, 7), (2, 6, 4), axes=[2, 1])
    # Reshaping
    yield case("Flatten", image)
    yield case("Flatten", image, **first)
    yield case("Flatten", (2, 7))
    yield case("Flatten", (2,))
    yield case("Reshape", image, target_shape=[13, 11, 6])
    yield case("Reshape", image, target_shape=[-1, 6])
    yield case("Reshape", (2, 6), target_shape=[1, 1, 6])
    yield case("Reshape", image, target_shape=[-1, 7])
    yield case("Permute", image, dims=[3, 1, 2])
    yield case("Permute", image, dims=[1, 2])
    yield case("RepeatVector", (2, 7), n=3)
    yield case("RepeatVector", (2, 7, 1), n=3)
    yield case("ZeroPadding1D", wave)
    yield case("ZeroPadding1D", wave, padding=[1, 3])
    yield case("ZeroPadding2D", image)
    yield case("ZeroPadding2D", image, padding=3)
    yield case("ZeroPadding2D", image, padding=[1, 3])
    yield case("ZeroPadding2D", (2, 6, 11, 13), padding=[[1, 2], [3, 4]], **first)
    yield case("ZeroPadding3D", volume, padding=[[1, 2], [3, 4], [5, 6]])
    yield case("ZeroPadding3D", volume, padding=[1, 2, 3])
    yield case("Cropping1D", wave)
    yield case("Cropping1D", wave, cropping=[1, 3])
    yield case("Cropping1D", wave, cropping=[5, 6])
    yield case("Cropping2D", image)
    yield case("Cropping2D", image, cropping=2)
    yield case("Cropping2D", (2, 6, 11, 13), cropping=[[1, 2], [3, 4]], **first)
    yield case("Cropping3D", volume)
    yield case("Cropping3D", volume, cropping=[[1, 2], [0, 0], [3, 0]])
    yield case("UpSampling1D", wave)
    yield case("UpSampling1D", wave, size=3)
    yield case("UpSampling2D", image)
    yield case("UpSampling2D", image, size=[2, 3], interpolation="bilinear")
    yield case("UpSampling2D", (2, 6, 11, 13), size=3, interpolation="bicubic", **first)
    yield case("UpSampling3D", volume, size=[1, 2, 3])
    yield from vision_cases.keras_cases()
    # Nothing at inference
    yield case("Identity", image)
    yield case("Dropout", (2, 7), rate=0.2, noise_shape=None, seed=1)
    yield case("SpatialDropout1D", wave, rate=0.2, dtype="float32")
    yield case("SpatialDropout2D", (2, 6, 11, 13), rate=0.2, seed=1, **first)
    yield case("SpatialDropout3D", volume, rate=0.2)
    yield case("AlphaDropout", (2, 7), rate=0.2)
    yield case("GaussianDropout", (2, 7), rate=0.2)
    yield case("GaussianNoise", (2, 7), stddev=0.2)
    yield case("Rescaling", image, scale=0.5, offset=-1.0)
    yield from sequence_cases.keras_cases()


def tuples(value):
    return tuple(map(tuples, value)) if isinstance(value, list) else value


def torch_module(op, args):
    """Build the module; padding that PyTorch's convolutions cannot take, before and after an axis, stands before it."""
    args = {name: tuples(value) for name, value in args.items()}
    padding = args.get("padding")
    if op.startswith("Conv") and isinstance(padding, tuple) and isinstance(padding[0], tuple):
        sides = tuple(side for pair in reversed(args.pop("padding")) for side in pair)
        return nn.Sequential(getattr(nn, f"ZeroPad{op[4]}d")(sides), getattr(nn, op)(**args))
    return getattr(TORCH, op)(**args)


def torch_case(op, inputs, args):
    """Return a module, and zeros for it, on the device that is set."""
    told = TOLD[op](inputs[0]) if op in TOLD else {}
    if op == "PackedAttention":
        told = {"query": inputs[0][-1], "memory": inputs[-1][-1], "crossed": len(inputs) > 1}
    if op == "GroupedQueryAttention":
        told = {"query": inputs[0][-1], "memory": inputs[-1][-1]}
    if op == "LearnedPositions" and "input_dim" in args:
        told = {"shape": (args["input_dim"], *inputs[0][2:])}
        args = {name: value for name, value in args.items() if name == "indexed"}
    own = OURS if op in {*RECURRENT, *sequence_cases.CELLS} else ("need_weights",)
    module = torch_module(op, {name: value for name, value in args.items() if name not in own} | told)
    module.gives_scores = args.get("need_weights", False)
    return module, tensor_programs.zeros(op, inputs)


def call(op, module, tensors):
    if op == "MultiheadAttention":
        tensors = [tensors[0], tensors[min(1, len(tensors) - 1)], tensors[-1]]
        return module(*tensors, need_weights=module.gives_scores)
    if op in sequence_cases.CELLS:
        given, *states = tensors
        tensors = [given, *([tuple(states)] if len(states) > 1 else states)]
    if op in RECURRENT:
        # PyTorch has the layers and directions of a state before the batch, and both states of an LSTM in one tuple.
        states = [state.reshape(len(state), -1, state.shape[-1]).transpose(0, 1).contiguous() for state in tensors[1:]]
        tensors = [tensors[0], *([tuple(states)] if len(states) > 1 else states)]
    return module(*tensors)


def run_torch(op, inputs, args):
    """Return a module and the list of what it makes of zeros, on the device that is set."""
    module, tensors = torch_case(op, inputs, args)
    made = call(op, module.eval(), tensors)
    first, *others = made if isinstance(made, tuple) else (made,)
    if op in RECURRENT:
        first = first if args.get("return_sequences", True) else first[:, -1]
        others = states(*others) if args.get("return_state") else []
    return module, [first, *(others if SEVERAL & {op, *args} else ())]


def states(last):
    """Return what PyTorch gives of each state as archinspect does: the batch first, one layer without an axis."""
    moved = [state.transpose(0, 1) for state in (last if isinstance(last, tuple) else (last,))]
    return [state[:, 0] if state.shape[1] == 1 else state for state in moved]


def memory_torch(op, inputs, args):
    # Without momentum a batch norm reads its counter, which a meta tensor has not.
    with torch.device("cpu" if args.get("momentum", 0) is None else "meta"):
        module, tensors = torch_case(op, inputs, args)
        weights = constants(module)
        alive = Alive([*weights, *tensors])
        with torch.no_grad(), alive:
            call(op, module.eval(), tensors)
        tensors = [t.requires_grad_().clone() if t.is_floating_point() else t for t in tensors]
        kept = kept_for_backward(weights, lambda: call(op, module.train(), tensors))
    return {"kept": kept, "alive": alive.peak}


def macs_torch(op, inputs, args):
    formulas = vision_cases.FORMULAS
    with torch.device("meta"), FlopCounterMode(display=False, custom_mapping=formulas) as counter:
        module, _ = run_torch(op, inputs, args)
    return module, counter.get_total_flops() // 2


def batches_torch(op, inputs, args):
    """Return the figures of one sample and of three, of a case whose inputs have several."""
    samples = max(shape[0] for shape in inputs)
    shared = [type_.shared for type_ in input_types(op, len(inputs))]
    found = {}
    for batch in (1, 3):
        given = [
            (1 if same or shape[0] != samples else batch, *shape[1:])
            for shape, same in zip(inputs, shared, strict=True)
        ]
        with suppress(ValueError):
            found[batch] = {"macs": macs_torch(op, given, args)[1], **memory_torch(op, given, args)}
    return found


def measure_torch(op, inputs, args):
    module, macs = macs_torch(op, inputs, args)
    # Meta tensors check less than real ones.
    _, (output, *others) = run_torch(op, inputs, args)
    several = [{"shape": list(other.shape), "dtype": str(other.dtype).removeprefix("torch.")} for other in others]
    return {
        "output": list(output.shape),
        **({"others": several} if others else {}),
        "params": sum(weight.numel() for weight in module.parameters()),
        "buffers": sum(buffer.numel() for buffer in module.buffers() if buffer.is_floating_point()),
        "macs": macs,
        **memory_torch(op, inputs, args),
        **({"batches": batches_torch(op, inputs, args)} if inputs else {}),
    }


def keras_layer(op, args):
    """Build the layer, and the one that it wraps."""
    args = {name: tuples(value) for name, value in args.items()}
    if isinstance(args.get("layer"), dict):
        ((inner, given),) = args["layer"].items()
        args["layer"] = keras_layer(inner, given)
    return getattr(keras.layers, op)(**args)


def measure_keras(op, inputs, args):
    layer = keras_layer(op, args)
    tensors = [keras.ops.zeros(shape) for shape in inputs]
    given = tensors[0] if len(tensors) == 1 else tensors
    options = {}
    if (op.startswith("Random") and op != "RandomCrop") or op in vision_cases.AT_RANDOM:
        inputs, options = (given,), {"training": False}
    elif op in {"SimpleRNN", "LSTM", "GRU"}:
        inputs, options = (tensors[0],), {"initial_state": tensors[1:] or None}
    elif op.endswith("Cell"):
        inputs = (tensors[0], tensors[1:])
    elif "Attention" in op:
        query, key, value = tensors[0], tensors[min(1, len(tensors) - 1)], tensors[-1]
        inputs = ([query, value, key],) if op in {"Attention", "AdditiveAttention"} else (query, value, key)
    else:
        inputs = (given,)
    if not layer.built:
        layer(*inputs, **options)
    # The counter does not know the fused attention of CPUs.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        output = layer(*inputs, **options)
    output, (_, *others) = output if op.endswith("Cell") else (output, (output,))
    several = [{"shape": list(other.shape), "dtype": str(other.dtype).removeprefix("torch.")} for other in others]
    return {
        "output": list(output.shape),
        **({"others": several} if others else {}),
        "params": sum(prod(weight.shape) for weight in layer.trainable_weights),
        "buffers": sum(prod(weight.shape) for weight in layer.non_trainable_weights),
        "macs": counter.get_total_flops() // 2,
    }


def arguments(kind):
    parameters = inspect.signature(kind.__init__).parameters.values()
    return [p.name for p in parameters if p.name != "self" and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]


def write(path, versions, module, measure, cases):
    rows, layers = [], {}
    for op, inputs, args in cases:
        if op not in WRITTEN_OUT or module is not TORCH:
            layers[op] = arguments(nn.RNNBase if module is TORCH and op in RECURRENT else getattr(module, op))
        try:
            figures = measure(op, inputs, args)
        except (ValueError, RuntimeError, IndexError, AssertionError, TypeError) as error:
            print(f"refused: {op} {args} {inputs}: {str(error).splitlines()[0][:150]}", file=sys.stderr)
            figures = {"output": None}
        rows.append({"op": op, "args": args, "inputs": inputs, **figures})
    lines = ",\n".join(json.dumps(row) for row in rows)
    takes = ",\n".join(f"{json.dumps(name)}: {json.dumps(names)}" for name, names in sorted(layers.items()))
    path.write_text(
        f'{{"measured_with": {json.dumps(versions)},\n"arguments": {{\n{takes}\n}},\n"rows": [\n{lines}\n]}}\n'
    )
    print(f"{path.name}: {len(rows)} rows", file=sys.stderr)


def main():
    warnings.simplefilter("ignore")
    torch_version = torch.__version__.partition("+")[0]
    write(HERE / "ops_torch.json", {"torch": torch_version}, TORCH, measure_torch, torch_cases())
    versions = {"keras": keras.__version__, "backend": f"torch {torch_version}"}
    write(HERE / "ops_keras.json", versions, keras.layers, measure_keras, keras_cases())


if __name__ == "__main__":
    main()
