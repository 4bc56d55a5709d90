"""Cases of layers for images, and modules for those that PyTorch has no layer of; measure_ops.py measures them."""

import sys
from pathlib import Path

from torch import nn

sys.path.append(str(Path(__file__).parents[2] / "archinspect" / "exporters" / "pytorch"))

import parts

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
        return parts.ConvLSTM(of_input, of_state, **gives)

    return make


MODULES = {f"ConvLSTM{rank}D": conv_lstm(rank) for rank in (1, 2, 3)}
"""By the operator's name; each takes archinspect's arguments, and what :data:`TOLD` says."""
TOLD = {f"ConvLSTM{rank}D": lambda shape: {"channels": shape[2], "lengths": shape[3:]} for rank in (1, 2, 3)}


def torch_cases():
    """Yield what PyTorch has, or a module here."""
    yield from resizing()
    yield from padding_modes()
    yield from recurrent_maps()


def recurrent_maps():
    film = (2, 4, 3, 9, 8)
    yield case("ConvLSTM2D", film, filters=5, kernel_size=3)
    yield case("ConvLSTM2D", (3, *film[1:]), filters=5, kernel_size=3, return_sequences=True, return_state=True)
    yield case("ConvLSTM2D", (2, 20, 3, 9, 8), filters=5, kernel_size=3, padding="same", return_sequences=True)
    yield case("ConvLSTM2D", film, filters=5, kernel_size=[2, 3], padding="same", strides=2, use_bias=False)
    yield case("ConvLSTM2D", (1, 1, 3, 9, 8), filters=5, kernel_size=3)
    yield case("ConvLSTM2D", film, (2, 5, 7, 6), (2, 5, 7, 6), filters=5, kernel_size=3)
    yield case("ConvLSTM2D", film, (2, 5, 7, 6), filters=5, kernel_size=3)
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
    yield case("RandomShear", image, x_factor=0.1, y_factor=0.1)
    yield case("RandomColorJitter", (2, 11, 13, 3), value_range=[0, 1], brightness_factor=0.1)
    for mode in ("multi_hot", "one_hot", "count"):
        yield case("CategoryEncoding", (2, 5), num_tokens=7, output_mode=mode)
        yield case("CategoryEncoding", (2, 1), num_tokens=7, output_mode=mode)
        yield case("Discretization", (2, 5), bin_boundaries=[0.0, 1.0, 2.5], output_mode=mode)
    yield case("CategoryEncoding", (2, 3, 5), num_tokens=7, output_mode="one_hot")
    yield case("Discretization", (2, 3, 5), bin_boundaries=[0.0, 1.0, 2.5])
