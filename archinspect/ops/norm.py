"""Normalizations, and the scaling by a learned vector that some networks use in their place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.base.shape import Mismatch, normal_axes, normal_axis, size
from archinspect.base.strides import has_channels_first, in_order, lies_alike, of_elements, of_map, ordered
from archinspect.ops.args import Bool, Float, Int, Ints, Optional, arg
from archinspect.ops.axes import numbered, same
from archinspect.ops.base import Op
from archinspect.ops.figures import Kept, Weight, Work
from archinspect.ops.spatial import channel_axis, channels_help, data_format_arg

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape
    from archinspect.ops.figures import Elements, Run


def _moved(values: Shape, order: Sequence[int]) -> Shape:
    return tuple([values[axis] for axis in order])


class _Norm(Op):
    """What all normalizations share: the output is shaped as the input."""

    kind = "normalization"
    pointwise = True
    gives_floats = True

    epsilon: float = arg("added to the variance", Float(0), 0.001, aliases=("eps",))

    def output(self, *shapes: Shape) -> Shape:
        self.weights(*shapes)
        return shapes[0]

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        raise NotImplementedError

    def statistics(self, shape: Shape) -> Elements:
        """Return the mean and the inverse deviation of everything that is normalized together."""
        raise NotImplementedError

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        return Kept((0,), extra=self.statistics(shapes[0]))

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        return self.statistics(shapes[0])


class _ChannelNorm(_Norm):
    """A normalization with a learned scale and offset for every channel."""

    center: bool = arg("learn an offset", Bool(), default=True, aliases=("bias",))
    scale: bool = arg("learn a scale", Bool(), default=True)
    affine: bool = arg("PyTorch's: false for neither scale nor offset", Bool(), default=True)
    axis: int | None = arg("the channels' axis, where the data format does not tell", Optional(Int()), None)
    num_features: int | None = arg(
        "channels, only to be checked", Optional(Int(1)), None, aliases=("num_channels", "in_channels")
    )
    data_format: str = data_format_arg()

    def _axis(self, shape: Shape) -> int:
        return normal_axis(channel_axis(shape, self.data_format) if self.axis is None else self.axis, len(shape))

    def channels(self, shape: Shape) -> int:
        """Return the number of channels; raise Mismatch where `num_features` says another."""
        channels = shape[self._axis(shape)]
        if self.num_features not in (None, channels):
            raise Mismatch(
                f"num_features is {self.num_features}, but the input has {channels} channels",
                args=("num_features",),
                help=channels_help("num_features", self.num_features, shape, self.data_format),
            )
        return channels

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        weight = Weight((self.channels(shapes[0]),), ("channels",))
        learned = {"gamma": self.scale and self.affine, "beta": self.center and self.affine}
        return {name: weight for name, wanted in learned.items() if wanted}

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        # Mean (1), variance (3), difference and quotient (2), then the learned scale and offset.
        return Work(other=(6 + len(self.weights(*shapes))) * size(output))


class _TrackedNorm(_ChannelNorm):
    """A normalization that may gather statistics in training and use them at inference."""

    momentum: float | None = arg("of the running statistics", Optional(Float(0, 1)), 0.99)
    track_running_stats: bool = arg("keep running statistics", Bool(), default=True)

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        weights = super().weights(*shapes)
        if self.track_running_stats:
            statistic = Weight((self.channels(shapes[0]),), ("channels",), parameter=False)
            weights |= {"moving_mean": statistic, "moving_variance": statistic}
        return weights

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work(other=2 * size(output)) if self.track_running_stats else super().work(shapes, output)


class BatchNormalization(_TrackedNorm):
    """Normalizes every channel by statistics gathered in training (Ioffe & Szegedy 2015, arXiv:1502.03167).

    The running mean and variance are statistics, not parameters: Keras counts them as non-trainable
    parameters, PyTorch as buffers (its counter of batches is left out). At inference mean, variance, scale and offset
    fold into one factor and one term. FLOPs: 2 per element. FLOPs without running statistics: 6 per element (mean 1,
    variance 3, difference and quotient 2), 1 per element for the scale, 1 per element for the offset.
    """

    memory_order = "kept"
    aliases = ("BatchNorm", "BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "SyncBatchNorm", "BN")

    def statistics(self, shape: Shape) -> Elements:
        return (("float32", 2 * self.channels(shape)),)

    def axis_flow(self, *shapes: Shape) -> str:
        return same(len(shapes[0]), channels=self._axis(shapes[0]))  # as at inference

    def label(self) -> str:
        return "batch norm"


class FrozenBatchNormalization(_ChannelNorm):
    """Batch normalization whose scale and offset never train: all four vectors are buffers, none is a parameter.

    As torchvision's `FrozenBatchNorm2d`, which detectors build on; `BatchNormalization` with `trainable: false` has
    the same figures, but its scale and offset count as parameters. FLOPs: 2 per element (a factor, a term).
    """

    memory_order = "kept"
    aliases = ("FrozenBatchNorm", "FrozenBatchNorm2d")
    center = scale = affine = True

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        fixed = Weight((self.channels(shapes[0]),), ("channels",), parameter=False)
        return dict.fromkeys(("gamma", "beta", "moving_mean", "moving_variance"), fixed)

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work(other=2 * size(output))

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        return Kept(extra=(("float", self.channels(shapes[0])),))  # the factor

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        return (("float", size(output) + 2 * self.channels(shapes[0])),)  # the scaled map, factor and term

    def axis_flow(self, *shapes: Shape) -> str:
        return same(len(shapes[0]), channels=self._axis(shapes[0]))

    def label(self) -> str:
        return "frozen batch norm"


class LayerNormalization(_Norm):
    """Normalizes every sample over its last axis, or several (Ba et al. 2016, arXiv:1607.06450).

    FLOPs: 6 per element (mean 1, variance 3, difference and quotient 2), 1 per element for the scale, 1 per element for
    the offset.
    """

    aliases = ("LayerNorm",)
    axis: tuple[int, ...] = arg("the axes it normalizes over", Ints(), -1)
    normalized_shape: tuple[int, ...] | None = arg(
        "PyTorch's: the sizes of the last axes, instead of `axis`", Optional(Ints(1)), None
    )
    center: bool = arg("learn an offset", Bool(), default=True, aliases=("bias",))
    scale: bool = arg("learn a scale", Bool(), default=True)
    elementwise_affine: bool = arg("PyTorch's: false for neither scale nor offset", Bool(), default=True)

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        sizes = self._normalized(shapes[0])
        weight = Weight(sizes, numbered(self._axes(len(shapes[0]))))
        if not self.elementwise_affine:
            return {}
        return ({"gamma": weight} if self.scale else {}) | ({"beta": weight} if self.center else {})

    def _axes(self, rank: int) -> Sequence[int]:
        if self.normalized_shape is None:
            return normal_axes(self.axis, rank)
        return range(rank - len(self.normalized_shape), rank)

    def _order(self, rank: int) -> list[int]:
        """Return the axes as PyTorch normalizes them: moved to the end, and back after it."""
        last = sorted(self._axes(rank))
        return [*[axis for axis in range(rank) if axis not in last], *last]

    def own_strides(self, shapes: Sequence[Shape], strides: Sequence[Shape | None], output: Shape) -> Shape | None:
        return ordered(output, self._order(len(output)))

    def axis_flow(self, *shapes: Shape) -> str:
        rank = len(shapes[0])
        return same(rank, mixed=self._axes(rank))

    def _normalized(self, shape: Shape) -> Shape:
        if self.normalized_shape is None:
            return tuple(shape[axis] for axis in normal_axes(self.axis, len(shape)))
        last = shape[1:][-len(self.normalized_shape) :]
        if last != self.normalized_shape:
            raise Mismatch(
                f"normalized_shape is {list(self.normalized_shape)}, but the input's last axes are {list(last)}",
                args=("normalized_shape",),
                help="leave normalized_shape out to normalize the last axis",
            )
        return last

    def statistics(self, shape: Shape) -> Elements:
        return (("float32", 2 * (size(shape) // size(self._normalized(shape)))),)

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work(other=(6 + len(self.weights(*shapes))) * size(output))

    def label(self) -> str:
        return "layer norm"


class RMSNormalization(LayerNormalization):
    """Divides every sample by its root mean square over its last axis, or several (Zhang & Sennrich 2019).

    arXiv:1910.07467. FLOPs: 3 per element (square, mean, quotient), 1 per element for the scale.
    """

    aliases = ("RMSNorm",)
    main = "axis"
    center: bool = False
    epsilon: float = arg("added to the mean square", Float(0), 1e-6, aliases=("eps",))

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work(other=(3 + len(self.weights(*shapes))) * size(output))

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        if run.inputs[0]:
            statistics = self.statistics(shapes[0])
            return Kept((0,), extra=statistics if run.weights else statistics[:1])
        return Kept(extra=(("float", size(output) * (run.weights and bool(self.weights(*shapes)))),))

    def statistics(self, shape: Shape) -> Elements:
        # The inverse root mean square; what it scales is a tensor of its own where a learned scale follows.
        roots = ("float32", size(shape) // size(self._normalized(shape)))
        return (roots, ("float", size(shape))) if self.weights(shape) else (roots,)

    def own_strides(self, shapes: Sequence[Shape], strides: Sequence[Shape | None], output: Shape) -> Shape:
        order = self._order(len(output))
        shape, own = _moved(output, order), _moved(strides[0] or in_order(output), order)
        found = None
        if len(shape) in (4, 5):  # PyTorch knows channels that are last of maps and volumes
            found = of_map(shape, own, shape, 1, keeps=True)
        return ordered(output, order) if found is None else tuple(found[order.index(at)] for at in range(len(order)))

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        # Without a scale, the mean square beside its inverse root; or that beside what becomes a copy in order.
        statistics = self.statistics(shapes[0])
        if self.weights(shapes[0]):
            return statistics
        scaled = of_elements([output], [run.strides], output)
        copied = not lies_alike(output, scaled, self.own_strides(shapes, [run.strides], output))
        return (*statistics, ("float", size(output))) if copied else 2 * statistics

    def label(self) -> str:
        return "RMS norm"


class GroupNormalization(_ChannelNorm):
    """Normalizes every sample over groups of its channels (Wu & He 2018, arXiv:1803.08494).

    FLOPs: 6 per element (mean 1, variance 3, difference and quotient 2), 1 per element for the scale, 1 per element for
    the offset.
    """

    aliases = ("GroupNorm",)
    groups: int = arg("groups of channels; -1 for one per channel", Int(-1), 32, aliases=("num_groups",))

    def output(self, *shapes: Shape) -> Shape:
        channels = self.channels(shapes[0])
        groups = self._groups(channels)
        if not groups or channels % groups:
            raise Mismatch(
                f"{groups} groups do not divide {channels} channels",
                args=("groups",),
                help=f"choose groups among the divisors of {channels}",
            )
        return shapes[0]

    def _groups(self, channels: int) -> int:
        return channels if self.groups == -1 else self.groups

    def statistics(self, shape: Shape) -> Elements:
        return (("float32", 2 * shape[0] * self._groups(self.channels(shape))),)

    def own_strides(self, shapes: Sequence[Shape], strides: Sequence[Shape | None], output: Shape) -> Shape | None:
        return of_map(shapes[0], strides[0], output, self._axis(output), keeps=len(output) in (4, 5))

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        found, copied = super().kept(shapes, output, run), self._copied(shapes, output, run)
        return found._replace(inputs=(), extra=(*found.extra, ("float", copied))) if copied else found

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        return (*super().workspace(shapes, output, run), ("float", self._copied(shapes, output, run)))

    def _copied(self, shapes: Sequence[Shape], output: Shape, run: Run) -> int:
        """Return the elements of a copy of what lies neither with the channels first nor, as maps may, last."""
        wanted = self.own_strides(shapes, [run.strides], output) or in_order(output)
        return 0 if lies_alike(output, run.strides or in_order(output), wanted) else size(output)

    def label(self) -> str:
        return "group norm"


class InstanceNormalization(_TrackedNorm):
    """Normalizes every channel of every sample by itself (Ulyanov et al. 2016, arXiv:1607.08022).

    As in PyTorch it learns no scale and offset unless `affine: true`, and keeps no running statistics unless
    `track_running_stats: true`. FLOPs: 6 per element (mean 1, variance 3, difference and quotient 2), 1 per element for
    the scale, 1 per element for the offset. FLOPs with running statistics: 2 per element.
    """

    aliases = ("InstanceNorm", "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d")
    affine: bool = arg("learn a scale and an offset", Bool(), default=False)
    track_running_stats: bool = arg("keep running statistics", Bool(), default=False)

    def output(self, *shapes: Shape) -> Shape:
        if len(shapes[0][1:]) == 1:
            raise Mismatch("needs an axis beside the channels: a single element is its own mean, and becomes 0")
        return super().output(*shapes)

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        offsets = shapes[0][0] * self.channels(shapes[0]) * bool(self.center and self.affine)
        copied = self._copied(shapes[0], run)
        return (*super().workspace(shapes, output, run), ("float32", offsets), ("float", copied))

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        found, copied = super().kept(shapes, output, run), self._copied(shapes[0], run)
        return found._replace(inputs=(), extra=(*found.extra, ("float", copied))) if copied else found

    def _copied(self, shape: Shape, run: Run) -> int:
        """Return the elements of a copy: PyTorch makes one axis of samples and channels, which have to come first."""
        return 0 if has_channels_first(shape, run.strides, self._axis(shape)) else size(shape)

    def own_strides(self, shapes: Sequence[Shape], strides: Sequence[Shape | None], output: Shape) -> Shape | None:
        return of_map(shapes[0], strides[0], output, self._axis(output), keeps=False)

    def statistics(self, shape: Shape) -> Elements:
        # It is a batch normalization of every sample's channels: scale and running statistics are repeated for each.
        repeated = bool(self.scale and self.affine) + 2 * self.track_running_stats
        return (("float32", (2 + repeated) * shape[0] * self.channels(shape)),)

    def label(self) -> str:
        return "instance norm"


class UnitNormalization(Op):
    """Divides every vector by its length. FLOPs: 3 per element (square, sum, quotient).

    The vectors lie along the channels unless `axis` says otherwise.
    """

    memory_order = "kept"
    kind = "normalization"
    pointwise = True
    aliases = ("L2Normalization",)
    gives_floats = True
    axis: int | None = arg("the vectors' axis", Optional(Int()), None, aliases=("dim",))
    epsilon: float = arg("least length to divide by", Float(0), 1e-12, aliases=("eps",))
    data_format: str = data_format_arg()

    def output(self, *shapes: Shape) -> Shape:
        self._lengths(shapes[0])
        return shapes[0]

    def _lengths(self, shape: Shape) -> int:
        axis = channel_axis(shape, self.data_format) if self.axis is None else self.axis
        return size(shape) // shape[normal_axis(axis, len(shape))]

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work(other=3 * size(output))

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        return Kept((0,), extra=(("float", 2 * self._lengths(shapes[0])),))  # as they are, and those at least epsilon

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        return (("float", self._lengths(shapes[0])),)


class LayerScale(Op):
    """Multiplies by a learned vector (Touvron et al. 2021, arXiv:2103.17239). FLOPs: 1 per element.

    The vector lies along the channels unless `axis` says otherwise.
    """

    memory_order = "kept"
    kind = "normalization"
    pointwise = True
    gives_floats = True
    promotes = True
    axis: int | None = arg("the vector's axis", Optional(Int()), None)
    init_values: float = arg("initial value; without effect on costs", Float(), 1e-6, aliases=("gamma", "value"))
    data_format: str = data_format_arg()

    def output(self, *shapes: Shape) -> Shape:
        self.weights(*shapes)
        return shapes[0]

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        (shape,) = shapes
        return {"gamma": Weight((shape[self._axis(shape)],), ("channels",))}

    def _axis(self, shape: Shape) -> int:
        return normal_axis(channel_axis(shape, self.data_format) if self.axis is None else self.axis, len(shape))

    def axis_flow(self, *shapes: Shape) -> str:
        return same(len(shapes[0]), channels=self._axis(shapes[0]))

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work(other=size(output))

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        return Kept((0,)) if run.weights else Kept()
