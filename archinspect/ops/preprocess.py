"""What is done to data before a network reads it, as Keras's layers do."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from archinspect.base.shape import Mismatch, normal_axes, size
from archinspect.ops.args import Bool, Choice, Float, Int, Ints, Kind, Optional, arg
from archinspect.ops.axes import numbered, same
from archinspect.ops.base import Op
from archinspect.ops.declared import ArgumentError
from archinspect.ops.figures import Kept, Reach, View, Weight, Work
from archinspect.ops.identity import SameShape
from archinspect.ops.image import centered
from archinspect.ops.spatial import Spatial, data_format_arg, times

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from archinspect.base.shape import Pair, Shape
    from archinspect.base.source import Value
    from archinspect.ops.figures import Elements, Run


class Numbers(Kind):
    """A number, or a list of them."""

    expected = "a number, or a list of numbers"

    def convert(self, value: Value, rank: int = 0) -> tuple[float, ...]:
        """Return a tuple of floats."""
        try:
            found = tuple(map(Float().convert, value if isinstance(value, list) else [value]))
        except ValueError:
            found = ()
        if not found:
            raise ValueError(self.expected)
        return found


class Normalization(Op):
    """Subtracts a mean and divides by a standard deviation, found in the data before training, as Keras's layer.

    Mean, variance and a count are weights that never train; with `mean` and `variance` given there are none. FLOPs:
    2 per element (a difference, a quotient: mean and deviation are constants).
    """

    kind = "normalization"
    pointwise = True
    gives_floats = True
    trains = False
    memory_order = "kept"
    main = ""
    axis: tuple[int, ...] | None = arg(
        "the axes that have a mean for each position; null for one mean of all", Optional(Ints()), -1
    )
    mean: tuple[float, ...] | None = arg("the mean, where it is known", Optional(Numbers()), None)
    variance: tuple[float, ...] | None = arg("the variance, where it is known", Optional(Numbers()), None)
    invert: bool = arg("multiply by the deviation, then add the mean", Bool(), default=False)

    def check(self) -> None:
        if (self.mean is None) != (self.variance is None):
            raise ArgumentError("Normalization: takes mean and variance, or neither", "mean")

    def output(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if self.axis is not None:
            normal_axes(self.axis, len(shape))
        return shape

    def _kept(self, shape: Shape) -> Shape:
        """Return the axes that have a mean for each position."""
        return () if self.axis is None else normal_axes(self.axis, len(shape))

    def statistics(self, shape: Shape) -> Shape:
        """Return the shape of the mean and of the variance."""
        return tuple(shape[axis] for axis in self._kept(shape))

    def broadcast(self, shape: Shape) -> Shape:
        """Return the shape in which mean and variance meet a sample: 1 along the other axes."""
        kept = self._kept(shape)
        return tuple(length if axis in kept else 1 for axis, length in enumerate(shape))[1:]

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        if self.mean is not None:
            return {}
        statistic = Weight(self.statistics(shapes[0]), numbered(self._kept(shapes[0])))
        return {"moving_mean": statistic, "moving_variance": statistic, "count": Weight((), ())}

    def axis_flow(self, *shapes: Shape) -> str:
        return same(len(shapes[0]))

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work(other=2 * size(output))

    def _deviation(self, shape: Shape) -> int:
        """Return the elements of the deviation, which a pass makes of the variance; of a number it makes none."""
        return 0 if self.mean is not None and len(self.mean) == 1 else size(self.statistics(shape))

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        return Kept(extra=(("float", self._deviation(shapes[0])),))

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        # The product, which the deviation is gone after; or the difference, beside the deviation.
        return (("float", size(output) + (0 if self.invert else self._deviation(shapes[0]))),)


class CenterCrop(Spatial):
    """Cuts the middle of this size out of a picture, as Keras's layer. No FLOPs."""

    kind = "reshape"
    rank: ClassVar[int] = 2
    height: int = arg("rows of the output", Int(1))
    width: int = arg("columns of the output", Int(1))

    def cuts(self, shape: Shape) -> tuple[Pair, ...]:
        """Return how many positions are cut off before and after each axis."""
        (height, width), _ = self.split(shape)
        return centered(height, self.height), centered(width, self.width)

    def output(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        (height, width), channels = self.split(shape)
        if height < self.height or width < self.width:
            message = f"the picture of {times((height, width))} has no middle of {times((self.height, self.width))}"
            raise Mismatch(message, args=("height", "width"), help="`Resizing` enlarges")
        return self.join(shape[0], (self.height, self.width), channels)

    def reach(self, *shapes: Shape) -> tuple[Reach, ...] | None:
        return tuple(Reach(before=-before) for before, _ in self.cuts(shapes[0]))

    def view(self, *, training: bool) -> View | None:
        return View(strided=True)

    def view_strides(self, shape: Shape, strides: Shape, output: Shape) -> Shape | None:
        return strides

    def label(self) -> str:
        return f"crop to {times((self.height, self.width))}"


class RandomCrop(CenterCrop):
    """Cuts a part of this size out of a picture: any in training, the middle at inference. No FLOPs.

    Keras's layer says so, too, but leaves the picture as it is where it is told that it does not train.
    """


class _RandomPicture(SameShape):
    """Changes pictures at random in training, as Keras's layer; nothing at inference, so no FLOPs.

    What changes them in training is not counted: it belongs to the data.
    """

    main = "factor"
    data_format: str = data_format_arg()
    ignores = (
        *("factor", "height_factor", "width_factor", "x_factor", "y_factor", "scale", "mode", "value_range"),
        *("fill_mode", "fill_value", "interpolation", "kernel_size", "sigma", "brightness_factor"),
        *("contrast_factor", "saturation_factor", "hue_factor", "bounding_box_format"),
        *("num_chains", "chain_depth", "alpha", "all_ops", "num_ops", "bins", "addition_factor", "threshold_factor"),
    )

    def view(self, *, training: bool) -> View | None:
        return View()


class RandomFlip(_RandomPicture):
    main = "mode"


class RandomRotation(_RandomPicture):
    pass


class RandomZoom(_RandomPicture):
    main = "height_factor"


class RandomTranslation(_RandomPicture):
    pass


class RandomShear(_RandomPicture):
    pass


class RandomPerspective(_RandomPicture):
    pass


class RandomElasticTransform(_RandomPicture):
    pass


class RandomErasing(_RandomPicture):
    pass


class RandomGaussianBlur(_RandomPicture):
    pass


class RandomBrightness(_RandomPicture):
    pass


class RandomContrast(_RandomPicture):
    pass


class RandomColorJitter(_RandomPicture):
    pass


class RandomColorDegeneration(_RandomPicture):
    pass


class RandomGrayscale(_RandomPicture):
    pass


class RandomHue(_RandomPicture):
    pass


class RandomInvert(_RandomPicture):
    pass


class RandomPosterization(_RandomPicture):
    pass


class RandomSaturation(_RandomPicture):
    pass


class RandomSharpness(_RandomPicture):
    pass


class AugMix(_RandomPicture):
    pass


class CutMix(_RandomPicture):
    pass


class MixUp(_RandomPicture):
    pass


class RandAugment(_RandomPicture):
    pass


class Equalization(_RandomPicture):
    pass


class Solarization(_RandomPicture):
    pass


class Categories(Op):
    """What gives numbers of categories, or vectors with a place for each category."""

    kind = "other"
    sparse: bool = arg("Keras's storage of few numbers, which is not modeled", Choice(False), default=False)
    output_mode: str

    def categories(self) -> int:
        """Return how many categories there are."""
        raise NotImplementedError

    def output(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if self.output_mode == "int":
            return shape
        if self.output_mode != "one_hot" and len(shape) > 2:  # noqa: PLR2004 - the batch, values
            raise Mismatch(f"needs an input of one axis, got {len(shape) - 1}", help="`output_mode: one_hot` takes any")
        if len(shape) == 1 or (self.output_mode == "one_hot" and shape[-1] != 1):
            return (*shape, self.categories())
        return (*shape[:-1], self.categories())

    number: ClassVar[str] = "int32"
    """The type of a category's number."""

    def output_dtype(self, *dtypes: str) -> str:
        return self.number if self.output_mode == "int" else "float"

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        # A vector of each number, of which those of all become one.
        each = size(shapes[0]) * self.categories()
        return (("float", each * (self.output_mode in ("multi_hot", "count"))),)


class CategoryEncoding(Categories):
    """Vectors with a place for each category, as Keras's layer: of each number, or of all along the last axis.

    No FLOPs.
    """

    kept_as: ClassVar[Mapping[int, str]] = {0: "int64"}
    index_dtypes = ("int64",)
    num_tokens: int = arg("categories", Int(1))
    output_mode: str = arg(
        "a vector of each number (`one_hot`), or one of all along the last axis",
        Choice("multi_hot", "one_hot", "count"),
        "multi_hot",
    )

    def categories(self) -> int:
        return self.num_tokens


class Discretization(Categories):
    """The number of the interval in which a value lies, as Keras's layer.

    FLOPs: 1 per element and boundary (comparisons).
    """

    bin_boundaries: tuple[float, ...] | None = arg("the boundaries, in order", Optional(Numbers()), None)
    num_bins: int | None = arg("how many intervals, whose boundaries are found in the data", Optional(Int(1)), None)
    epsilon: float = arg("Keras's; without effect on costs", Float(0), 0.01)
    output_mode: str = arg(
        "the number, or vectors as of `CategoryEncoding`", Choice("int", "one_hot", "multi_hot", "count"), "int"
    )

    def check(self) -> None:
        if (self.bin_boundaries is None) == (self.num_bins is None):
            raise ArgumentError("Discretization: takes either bin_boundaries or num_bins", "num_bins")

    def categories(self) -> int:
        return self.num_bins or len(self.bin_boundaries or ()) + 1

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work(other=(self.categories() - 1) * size(shapes[0]))
