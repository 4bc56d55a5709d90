"""Cases of layers for images, and modules for those that PyTorch has no layer of; measure_ops.py measures them."""

from functools import partial

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm, weight_norm

from archinspect.exporters.pytorch.parts.norms import GlobalResponseNorm
from archinspect.exporters.pytorch.parts.recurrent import ConvLSTM
from archinspect.verify import measure_pytorch

WAVE, IMAGE, VOLUME = (2, 6, 11), (2, 6, 11, 13), (2, 6, 7, 8, 9)


def case(op, *inputs, **args):
    return op, inputs, args


# What PyTorch does not have: as exported programs have it.


def conv_lstm(rank):
    """Return what makes Keras's layer of this rank; `same` is a padding with zeros before."""

    def make(channels, lengths, filters, **args):
        kernel, strides = (
            tuple([size] * rank if isinstance(size, int) else size)
            for size in (args["kernel_size"], args.get("strides", 1))
        )
        conv = getattr(nn, f"Conv{rank}d")
        bias = args.get("use_bias", True)
        of_input = conv(channels, 4 * filters, kernel, strides, bias=bias)
        if args.get("padding") == "same":
            counts = [-(-n // step) for n, step in zip(lengths, strides, strict=True)]
            sizes = zip(counts, strides, kernel, lengths, strict=True)
            totals = [max((count - 1) * step + size - n, 0) for count, step, size, n in sizes]
            of_input.padding = tuple(total // 2 for total in totals)
            if any(total % 2 for total in totals):
                sides = tuple(side for total in reversed(totals) for side in (0, total % 2))
                of_input = nn.Sequential(getattr(nn, f"ZeroPad{rank}d")(sides), of_input)
        of_state = conv(filters, 4 * filters, kernel, padding="same", bias=False)
        gives = {"sequences": args.get("return_sequences", False), "states": args.get("return_state", False)}
        return ConvLSTM(of_input, of_state, **gives)

    return make


class Maxout(nn.Module):
    def __init__(self, num_units, axis=1):
        super().__init__()
        self.units, self.axis = num_units, axis

    def forward(self, given):
        return given.unflatten(self.axis, (self.units, -1)).amax(self.axis + 1)


class Deformed(torch.autograd.Function):
    """The memory and the products of torchvision's compiled kernel, with the taps where they are."""

    @staticmethod
    def forward(context, given, offsets, mask, weight, bias, how):  # noqa: PLR0913, PLR0917 - as the kernel's
        context.save_for_backward(given, offsets, mask, weight, bias)
        context.how = how
        made = functional.conv2d(given, weight, bias, **how)
        if offsets.shape[2:] != made.shape[2:]:
            raise ValueError("the offsets are of another size")
        return made

    @staticmethod
    def backward(context, gradient):
        given, offsets, mask, weight, bias = context.saved_tensors
        # The gradient of what is read between positions is that of the input, offsets and mask.
        wanted = any(context.needs_input_grad[:3])
        taps = nn.grad.conv2d_input(given.shape, weight, gradient, **context.how) if wanted else None
        kernel = nn.grad.conv2d_weight(given, weight.shape, gradient, **context.how)
        others = (offsets, mask, bias)
        of_offsets, of_mask, of_bias = (torch.zeros_like(one) for one in others)
        return taps, of_offsets, of_mask, kernel, of_bias, None


class DeformConv2d(nn.Module):
    """As torchvision's, which makes a mask of a number for each sample and a bias of zeros where there are none."""

    def __init__(self, in_channels, out_channels, kernel_size, **args):
        super().__init__()
        bias = args.pop("bias", True)
        self.conv = nn.Conv2d(in_channels, out_channels, tuples(kernel_size), bias=bias, **args)
        self.how = {name: getattr(self.conv, name) for name in ("stride", "padding", "dilation", "groups")}

    def forward(self, given, offsets, mask=None):
        weight, bias = self.conv.weight, self.conv.bias
        taps = weight[0, 0].numel()
        groups = offsets.shape[1] // (2 * taps)
        moved = [(offsets, 2 * taps * groups), *([] if mask is None else [(mask, taps * groups)])]
        if not groups or given.shape[1] % groups or any(one.shape[1] != count for one, count in moved):
            raise ValueError("offsets and mask are for other groups")
        mask = given.new_zeros((len(given), 1)) if mask is None else mask
        bias = given.new_zeros(len(weight)) if bias is None else bias
        return Deformed.apply(given, offsets, mask, weight, bias, self.how)


def tuples(value):
    return tuple(value) if isinstance(value, list) else value


def around(function):
    """Return what makes a layer with a kernel that is made in each pass."""

    def make(layer, **args):
        ((name, given),) = layer.items()
        return function(getattr(nn, name)(**{key: tuples(value) for key, value in given.items()}), **args)

    return make


class Standardized(nn.Module):
    """As timm's `StdConv2d`, and with a gain as its `ScaledStdConv2d`."""

    def __init__(self, layer, gain=False, gamma=1.0, epsilon=1e-6):  # noqa: FBT002 - as timm's
        super().__init__()
        ((name, given),) = layer.items()
        self.layer = getattr(nn, name)(**{key: tuples(value) for key, value in given.items()})
        kernel = self.layer.weight
        self.scale, self.epsilon = gamma * kernel[0].numel() ** -0.5, epsilon
        self.gain = nn.Parameter(torch.ones(len(kernel), *[1] * (kernel.dim() - 1))) if gain else None

    def forward(self, given):
        layer, kernel = self.layer, self.layer.weight
        made = functional.batch_norm(
            kernel.reshape(1, len(kernel), -1),
            None,
            None,
            weight=None if self.gain is None else (self.gain * self.scale).view(-1),
            training=True,
            momentum=0.0,
            eps=self.epsilon,
        ).reshape_as(kernel)
        if isinstance(layer, nn.Linear):
            return functional.linear(given, made, layer.bias)
        return layer._conv_forward(given, made, layer.bias)


class PixelMoves(nn.Module):
    """Pixels between channels and one or three axes, as PyTorch's layers do it for two."""

    def __init__(self, rank, factor, up):
        super().__init__()
        self.rank, self.factor, self.up = rank, factor, up

    def forward(self, given):
        rank, factor = self.rank, self.factor
        axes = range(rank)
        if self.up:
            apart = given.unflatten(1, (-1, *[factor] * rank))
            order = [0, 1, *(place for axis in axes for place in (2 + rank + axis, 2 + axis))]
            sizes = [length * factor for length in given.shape[2:]]
            return apart.permute(order).reshape(len(given), -1, *sizes)
        apart = given
        for axis in reversed(axes):
            apart = apart.unflatten(2 + axis, (-1, factor))
        order = [0, 1, *(3 + 2 * axis for axis in axes), *(2 + 2 * axis for axis in axes)]
        return apart.permute(order).reshape(len(given), -1, *(length // factor for length in given.shape[2:]))


class DeformableAttention(nn.Module):
    """As transformers' `MultiScaleDeformableAttention`."""

    def __init__(self, heights, widths=None):
        super().__init__()
        self.sizes = list(zip(heights, widths or heights, strict=True))

    def forward(self, values, points, weights):
        samples, queries, heads, levels, count, _ = points.shape
        values = values.view(samples, values.shape[1], heads, -1)
        maps = values.split([height * width for height, width in self.sizes], dim=1)
        places, found = 2 * points - 1, []
        for level, (height, width) in enumerate(self.sizes):
            one = maps[level].flatten(2).transpose(1, 2).reshape(samples * heads, -1, height, width)
            there = places[:, :, :, level].transpose(1, 2).flatten(0, 1)
            read = functional.grid_sample(one, there, mode="bilinear", padding_mode="zeros", align_corners=False)
            found.append(read)
        weights = weights.transpose(1, 2).reshape(samples * heads, 1, queries, levels * count)
        output = (torch.stack(found, dim=-2).flatten(-2) * weights).sum(-1)
        return output.view(samples, -1, queries).transpose(1, 2).contiguous()


class Called(nn.Module):
    """A function of PyTorch's of its inputs and these arguments."""

    def __init__(self, function, **args):
        super().__init__()
        self.function, self.args = function, {name: tuples(value) for name, value in args.items()}

    def forward(self, *given):
        return self.function(*given, **self.args)


def affine_grid(given, size, **args):
    return functional.affine_grid(given, (len(given), 1, *size), **args)


def pixels(rank, *, up):
    return lambda **args: PixelMoves(rank, *args.values(), up)


def unpool(rank):
    return lambda **args: Called(getattr(functional, f"max_unpool{rank}d"), **args)


MODULES = {
    "GridSample": partial(Called, functional.grid_sample),
    "AffineGrid": partial(Called, affine_grid),
    "DeformableAttention": DeformableAttention,
    **{f"MaxUnpooling{rank}D": unpool(rank) for rank in (1, 2, 3)},
    **{f"PixelShuffle{rank}D": pixels(rank, up=True) for rank in (1, 3)},
    **{f"PixelUnshuffle{rank}D": pixels(rank, up=False) for rank in (1, 3)},
    **{f"ConvLSTM{rank}D": conv_lstm(rank) for rank in (1, 2, 3)},
    "GlobalResponseNormalization": lambda features, eps=1e-6: GlobalResponseNorm(features, eps),
    "Maxout": Maxout,
    "DeformConv2d": DeformConv2d,
    "WeightNorm": around(weight_norm),
    "SpectralNorm": around(spectral_norm),
    "WeightStandardization": Standardized,
    "StopGradient": partial(Called, torch.detach),
}
"""By the operator's name; each takes archinspect's arguments, and what :data:`TOLD` says."""
TOLD = {
    **{f"ConvLSTM{rank}D": lambda shape: {"channels": shape[2], "lengths": shape[3:]} for rank in (1, 2, 3)},
    "GlobalResponseNormalization": lambda shape: {"features": shape[1]},
}


FORMULAS = {torch.ops.aten._trilinear: measure_pytorch.trilinear}
"""Of kernels that PyTorch's own counter does not know."""
INDICES = tuple(name for name in MODULES if name.startswith("MaxUnpooling"))
"""Whose second input are integers."""


def torch_cases():
    """Yield what PyTorch has, or a module here."""
    yield from resizing()
    yield from padding_modes()
    yield from recurrent_maps()
    yield from kernels()
    yield from sampling()


def sampling():
    """Yield what reads maps at points and in patches."""
    for mode in ("bilinear", "nearest", "bicubic"):
        yield case("GridSample", IMAGE, (2, 5, 4, 2), mode=mode, padding_mode="border", align_corners=False)
    yield case("GridSample", (3, *VOLUME[1:]), (3, 5, 4, 3, 3), align_corners=True)
    yield case("GridSample", VOLUME, (2, 5, 4, 3, 3), mode="bicubic", align_corners=False)
    yield case("GridSample", IMAGE, (2, 5, 4, 3), align_corners=False)
    for samples, heads in ((1, 3), (3, 3), (3, 1)):
        points = (samples, 5, heads, 2, 4)
        yield case(
            *("DeformableAttention", (samples, 28, 4 * heads), (*points, 2), points), heights=[4, 2], widths=[5, 4]
        )
    points = (2, 1, 2, 3, 2)
    yield case("DeformableAttention", (2, 84, 6), (*points, 2), points, heights=[8, 4, 2])
    yield case("DeformableAttention", (2, 83, 6), (*points, 2), points, heights=[8, 4, 2])
    yield case("AffineGrid", (2, 2, 3), size=[5, 4], align_corners=False)
    yield case("AffineGrid", (3, 3, 4), size=[5, 4, 6], align_corners=True)
    yield case("AffineGrid", (2, 3, 3), size=[5, 4], align_corners=False)
    yield case("Unfold", IMAGE, kernel_size=3)
    yield case("Unfold", (3, *IMAGE[1:]), kernel_size=[3, 2], padding=[1, 2], stride=2, dilation=[2, 1])
    yield case("Unfold", IMAGE, kernel_size=12)
    yield case("Fold", (2, 54, 42), output_size=[11, 13], kernel_size=3, padding=1, stride=2)
    yield case("Fold", (3, 24, 20), output_size=[5, 6], kernel_size=2)
    yield case("Fold", (2, 54, 41), output_size=[11, 13], kernel_size=3, padding=1, stride=2)
    yield case("Fold", (2, 55, 42), output_size=[11, 13], kernel_size=3, padding=1, stride=2)
    yield case("MaxUnpooling1D", (2, 6, 5), (2, 6, 5), kernel_size=2)
    yield case("MaxUnpooling2D", (2, 6, 5, 4), (2, 6, 5, 4), kernel_size=3, stride=2, padding=1)
    yield case("MaxUnpooling2D", (3, 6, 5, 4), (3, 6, 5, 4), kernel_size=2, output_size=[11, 9])
    yield case("MaxUnpooling2D", (2, 6, 5, 4), (2, 6, 5, 4), kernel_size=2, output_size=[12, 9])
    yield case("MaxUnpooling3D", (2, 6, 3, 2, 2), (2, 6, 3, 2, 2), kernel_size=[1, 2, 2])
    yield case("PixelShuffle1D", WAVE, upscale_factor=3)
    yield case("PixelShuffle3D", (1, 16, 2, 3, 4), upscale_factor=2)
    yield case("PixelShuffle3D", VOLUME, upscale_factor=2)
    yield case("PixelUnshuffle1D", (3, 6, 12), downscale_factor=3)
    yield case("PixelUnshuffle3D", (2, 3, 4, 6, 8), downscale_factor=2)
    yield case("Bilinear", (2, 4), (2, 5), in1_features=4, in2_features=5, out_features=6)
    yield case("Bilinear", (3, 7, 4), (3, 7, 5), in1_features=4, in2_features=5, out_features=6, bias=False)
    yield case("Bilinear", (2, 4), (2, 4), in1_features=4, in2_features=5, out_features=6)
    yield case("Bilinear", (2, 7, 4), (2, 3, 5), in1_features=4, in2_features=5, out_features=6)


def kernels():
    """Yield layers whose kernel is made in each pass, whose taps move, and comparisons of channels."""
    channels = {"in_channels": 6, "out_channels": 8}
    for name in ("WeightNorm", "SpectralNorm"):
        yield case(name, WAVE, layer={"Conv1d": {**channels, "kernel_size": 3}})
        yield case(name, (3, *IMAGE[1:]), layer={"Conv2d": {**channels, "kernel_size": [3, 2], "groups": 2}})
        yield case(
            name, IMAGE, layer={"Conv2d": {**channels, "kernel_size": 3, "padding": 1, "padding_mode": "reflect"}}
        )
        yield case(name, WAVE, layer={"ConvTranspose1d": {**channels, "kernel_size": 4, "stride": 2, "groups": 2}})
        yield case(name, (2, 5, 6), layer={"Linear": {"in_features": 6, "out_features": 8, "bias": False}})
    yield case("StopGradient", IMAGE)
    standardized = {"Conv2d": {**channels, "kernel_size": 3, "padding": 1, "groups": 2}}
    for gain in (False, True):
        yield case("WeightStandardization", IMAGE, layer=standardized, gain=gain)
    yield case("WeightStandardization", (3, *WAVE[1:]), layer={"Conv1d": {**channels, "kernel_size": 3}}, gain=True)
    yield case("WeightStandardization", (1, 6, 3, 3), layer={"Conv2d": {**channels, "kernel_size": 3}}, gain=True)
    yield case(
        "WeightStandardization", IMAGE, layer={"Conv2d": {**channels, "kernel_size": 3, "bias": False}}, epsilon=1e-8
    )
    grouped = {"Conv1d": {**channels, "kernel_size": 3, "groups": 2}}
    yield case("WeightNorm", WAVE, layer=grouped, dim=2)
    yield case("WeightNorm", IMAGE, layer={"Conv2d": {**channels, "kernel_size": [3, 2]}}, dim=1)
    yield case("WeightNorm", WAVE, layer={"ConvTranspose1d": {**channels, "kernel_size": 4}}, dim=1)
    yield case("WeightNorm", (2, 6), layer={"Linear": {"in_features": 6, "out_features": 8}}, dim=1)
    yield case("SpectralNorm", (2, 6), layer={"Linear": {"in_features": 6, "out_features": 8}}, n_power_iterations=3)
    offsets, mask = (2, 18, 11, 13), (2, 9, 11, 13)
    yield case("DeformConv2d", IMAGE, offsets, **channels, kernel_size=3, padding=1)
    yield case("DeformConv2d", IMAGE, offsets, mask, **channels, kernel_size=3, padding=1, bias=False)
    yield case("DeformConv2d", (3, *IMAGE[1:]), (3, 24, 5, 6), **channels, kernel_size=[3, 2], stride=2, groups=2)
    yield case("DeformConv2d", IMAGE, offsets, (2, 18, 11, 13), **channels, kernel_size=3, padding=1)
    yield case("DeformConv2d", IMAGE, offsets, **channels, kernel_size=3)
    yield case("DeformConv2d", IMAGE, mask, **channels, kernel_size=3, padding=1)
    yield case("GlobalResponseNormalization", IMAGE)
    yield case("GlobalResponseNormalization", (1, 6, 11, 13), eps=1e-3)
    yield case("GlobalResponseNormalization", VOLUME)
    yield case("Maxout", IMAGE, num_units=3)
    yield case("Maxout", (3, 5, 12), num_units=4, axis=2)
    yield case("Maxout", IMAGE, num_units=4)


def recurrent_maps():
    film = (2, 4, 3, 9, 8)
    yield case("ConvLSTM2D", film, filters=5, kernel_size=3)
    yield case("ConvLSTM2D", (3, *film[1:]), filters=5, kernel_size=3, return_sequences=True, return_state=True)
    yield case("ConvLSTM2D", (2, 20, 3, 9, 8), filters=5, kernel_size=3, padding="same", return_sequences=True)
    yield case("ConvLSTM2D", film, filters=5, kernel_size=[2, 3], padding="same", strides=2, use_bias=False)
    yield case("ConvLSTM2D", (1, 1, 3, 9, 8), filters=5, kernel_size=3)
    yield case("ConvLSTM2D", film, (2, 5, 7, 6), (2, 5, 7, 6), filters=5, kernel_size=3)
    yield case("ConvLSTM1D", (2, 4, 3, 9), filters=5, kernel_size=2, strides=3, padding="same", return_sequences=True)
    yield case("ConvLSTM3D", (2, 4, 3, 5, 6, 7), filters=2, kernel_size=3, return_sequences=True)


def padding_modes():
    channels = {"in_channels": 6, "out_channels": 8}
    yield case("Conv1d", WAVE, **channels, kernel_size=3, padding=2, padding_mode="circular")
    yield case("Conv2d", IMAGE, **channels, kernel_size=3, padding=[1, 2], padding_mode="reflect", stride=2)
    yield case("Conv2d", IMAGE, **channels, kernel_size=[3, 4], padding="same", padding_mode="replicate")
    yield case("Conv2d", IMAGE, **channels, kernel_size=3, padding="valid", padding_mode="circular", groups=2)
    yield case("Conv2d", IMAGE, **channels, kernel_size=3, padding=11, padding_mode="circular")
    yield case("Conv2d", IMAGE, **channels, kernel_size=3, padding=12, padding_mode="circular")
    yield case("Conv2d", IMAGE, **channels, kernel_size=3, padding=11, padding_mode="reflect")
    yield case("Conv3d", (3, 6, 7, 8, 9), **channels, kernel_size=3, padding=1, padding_mode="replicate")
    yield case("ConvTranspose2d", IMAGE, **channels, kernel_size=3, padding_mode="reflect")


def resizing():
    yield case("Upsample", IMAGE, scale_factor=0.5)
    yield case("Upsample", (3, 6, 11, 13), scale_factor=[1.5, 0.7], mode="bilinear")
    yield case("Upsample", WAVE, scale_factor=0.3, mode="linear", recompute_scale_factor=True)
    yield case("Upsample", (1, 2, 10, 49), scale_factor=[0.7, 1 / 49], mode="bicubic", align_corners=True)
    yield case("Upsample", VOLUME, scale_factor=[1.5, 0.5, 2], mode="trilinear")
    yield case("Upsample", (1, 2, 3, 3), scale_factor=0.3)
    yield case("UpsamplingNearest2d", IMAGE, scale_factor=1.25)
    yield case("UpsamplingBilinear2d", IMAGE, scale_factor=0.75)


AT_RANDOM = ("AugMix", "RandAugment", "MixUp", "CutMix", "Equalization", "Solarization")


def keras_cases():
    """Yield what Keras has."""
    image = (2, 11, 13, 6)
    film = (2, 4, 9, 8, 3)
    yield case("ConvLSTM2D", film, filters=5, kernel_size=3, unroll=True)
    yield case("ConvLSTM2D", film, filters=5, kernel_size=[2, 3], dilation_rate=2, return_sequences=True, unroll=True)
    yield case("ConvLSTM2D", film, filters=5, kernel_size=3, padding="same", strides=2, use_bias=False, unroll=True)
    yield case(
        "ConvLSTM2D", (2, 4, 3, 9, 8), filters=5, kernel_size=3, data_format="channels_first", dropout=0.1, unroll=True
    )
    yield case("ConvLSTM1D", (2, 4, 9, 3), filters=5, kernel_size=3, strides=3, return_sequences=True, unroll=True)
    yield case("ConvLSTM3D", (2, 4, 5, 6, 7, 3), filters=2, kernel_size=3, padding="same", unroll=True)
    yield from preprocessing(image)
    yield case("SpectralNormalization", image, layer={"Conv2D": {"filters": 8, "kernel_size": 3}})
    yield case("SpectralNormalization", (2, 6), layer={"Dense": {"units": 8, "use_bias": False}}, power_iterations=2)
    transposed = {"Conv2DTranspose": {"filters": 8, "kernel_size": 3, "padding": "same", "strides": 2}}
    yield case("SpectralNormalization", image, layer=transposed)
    yield case("Resizing", image, height=7, width=20)
    yield case("Resizing", image, height=7, width=20, interpolation="nearest", crop_to_aspect_ratio=True)
    yield case("Resizing", (2, 6, 11, 13), height=16, width=8, interpolation="bicubic", data_format="channels_first")


def preprocessing(image):
    yield case("Normalization", (2, 9))
    yield case("Normalization", image, axis=[1, -1])
    yield case("Normalization", image, axis=None, invert=True)
    yield case("Normalization", image, mean=0.5, variance=2.0)
    yield case("Normalization", (2, 3), mean=[0.1, 0.2, 0.3], variance=[1.0, 2.0, 3.0])
    yield case("CenterCrop", image, height=7, width=6)
    yield case("CenterCrop", (2, 6, 11, 13), height=11, width=4, data_format="channels_first")
    yield case("RandomCrop", image, height=7, width=6)
    yield case("RandomFlip", image, mode="horizontal")
    yield case("RandomTranslation", image, height_factor=0.1, width_factor=0.2, fill_mode="nearest")
    yield case("RandomZoom", image, height_factor=0.1)
    for name in ("Rotation", "Brightness", "Contrast", "Hue", "Saturation", "Sharpness", "ColorDegeneration"):
        yield case(f"Random{name}", (2, 11, 13, 3), factor=0.1)
    for name in ("Erasing", "GaussianBlur", "Grayscale", "Invert", "Perspective", "ElasticTransform"):
        yield case(f"Random{name}", (2, 11, 13, 3), factor=0.1)
    yield case("RandomPosterization", (2, 11, 13, 3), factor=4)
    for name in AT_RANDOM:
        yield case(name, (2, 11, 13, 3))
    yield case("RandomShear", image, x_factor=0.1, y_factor=0.1)
    yield case("RandomColorJitter", (2, 11, 13, 3), value_range=[0, 1], brightness_factor=0.1)
    for mode in ("multi_hot", "one_hot", "count"):
        yield case("CategoryEncoding", (2, 5), num_tokens=7, output_mode=mode)
        yield case("CategoryEncoding", (2, 1), num_tokens=7, output_mode=mode)
        yield case("Discretization", (2, 5), bin_boundaries=[0.0, 1.0, 2.5], output_mode=mode)
    yield case("CategoryEncoding", (2, 3, 5), num_tokens=7, output_mode="one_hot")
    yield case("Discretization", (2, 3, 5), bin_boundaries=[0.0, 1.0, 2.5])
