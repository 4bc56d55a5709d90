"""Cases of layers for images, and modules for those that PyTorch has no layer of; measure_ops.py measures them."""

WAVE, IMAGE, VOLUME = (2, 6, 11), (2, 6, 11, 13), (2, 6, 7, 8, 9)


def case(op, *inputs, **args):
    return op, inputs, args


def torch_cases():
    """Yield what PyTorch has, or a module here."""
    yield from resizing()
    yield from padding_modes()


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
    yield case("Resizing", image, height=7, width=20)
    yield case("Resizing", image, height=7, width=20, interpolation="nearest", crop_to_aspect_ratio=True)
    yield case("Resizing", (2, 6, 11, 13), height=16, width=8, interpolation="bicubic", data_format="channels_first")
