"""Maps that are read at points, and sums and elements that are put at places of a map."""

import math

import keras
from keras import layers, ops


def dynamic_conv(
    x, kernel, filters, sizes, groups, strides, rate, pads, channels_first=False
):
    """Convolve by a kernel of each sample: its windows are taken, and multiplied by it."""
    x = x if channels_first else ops.moveaxis(x, -1, 1)
    x = ops.pad(x, ((0, 0), (0, 0), *pads))
    _, channels, *lengths = x.shape
    table, counts = [[0]], []
    for length, size, step, far in zip(lengths, sizes, strides, rate, strict=True):
        count = (length - (size - 1) * far - 1) // step + 1
        own = [
            [place * step + tap * far for place in range(count)] for tap in range(size)
        ]
        table = [
            [at * length + to for at in row for to in more]
            for row in table
            for more in own
        ]
        counts.append(count)
    taps = channels // groups * len(table)
    x = ops.take(ops.reshape(x, (-1, channels, math.prod(lengths))), table, axis=2)
    x = ops.reshape(x, (-1, groups, taps, math.prod(counts)))
    kernel = ops.reshape(kernel, (-1, groups, filters // groups, taps))
    x = ops.reshape(ops.matmul(kernel, x), (-1, filters, *counts))
    return x if channels_first else ops.moveaxis(x, 1, -1)


def grid_sample(
    x, grid, mode="bilinear", padding="zeros", align_corners=False, channels_first=False
):
    """Read a map at points, whose last axis has a place along each axis, the last one first, from -1 to 1."""
    x = ops.moveaxis(x, 1, -1) if channels_first else x
    taps = []
    for axis, size in enumerate(x.shape[1:-1]):
        place = (grid[..., -1 - axis] + 1) / 2
        place = place * (size - 1) if align_corners else place * size - 0.5
        bounds = (0, size - 1) if align_corners else (-0.5, size - 0.5)
        taps.append(taps_at(place, size, mode, padding, bounds))
    x = weigh_taps(x, taps)
    return ops.moveaxis(x, -1, 1) if channels_first else x


def taps_at(place, size, mode="bilinear", padding="zeros", bounds=(0, 0)):
    """Return the positions that make what is at a place of an axis, each with its share."""

    def inside(place):
        low, high = bounds
        if padding == "reflection" and high > low:
            far = (place - low) % (2 * (high - low))
            place = low + ops.minimum(far, 2 * (high - low) - far)
        return place if padding == "zeros" else ops.clip(place, 0, size - 1)

    if mode == "nearest":
        return [(ops.round(inside(place)), 1.0)]
    if mode == "bilinear":
        place = inside(place)
        low = ops.floor(place)
        return [(low, low + 1 - place), (low + 1, place - low)]
    low, found = ops.floor(place), []
    for shift in range(-1, 3):
        far = ops.abs(place - low - shift)
        near = (1.25 * far - 2.25) * far * far + 1
        share = ((-0.75 * far + 3.75) * far - 6) * far + 3
        found.append((inside(low + shift), ops.where(far <= 1, near, share)))
    return found


def weigh_taps(x, taps):
    """Return sums of what a map has at all taps of all axes, weighed; beyond its edges are zeros."""
    _, *sizes, channels = x.shape
    flat = ops.reshape(x, (-1, math.prod(sizes), channels))
    total, count = 0, len(taps[0])
    for number in range(count ** len(sizes)):
        index, weight, rest = 0, 1, number
        for size, each in zip(sizes, taps, strict=True):
            rest, tap = divmod(rest, count)
            place, share = each[tap]
            index = index * size + ops.clip(place, 0, size - 1)
            weight = weight * ops.where((place >= 0) & (place < size), share, 0.0)
        _, *shape = index.shape
        index = ops.reshape(ops.cast(index, "int32"), (-1, math.prod(shape), 1))
        found = ops.take_along_axis(flat, ops.repeat(index, channels, axis=-1), axis=1)
        found = ops.reshape(found, (-1, *shape, channels))
        total = total + found * ops.expand_dims(weight, -1)
    return total


def affine_grid(x, size, align_corners=False):
    """Return a grid of points from -1 to 1, moved by matrices."""
    places = []
    for axis, count in enumerate(size):
        steps = ops.arange(count, dtype="float32")
        last = max(count - 1, 1) if align_corners else count
        first = min(count - 1, 1) if align_corners else 1 - 1 / count
        steps = 2 * steps / last - first
        shape = [1] * len(size)
        shape[axis] = count
        places.append(ops.reshape(steps, shape) + ops.zeros(size))
    points = ops.stack([*places[::-1], ops.ones(size)], axis=-1)
    points = ops.reshape(points, (1, math.prod(size), len(size) + 1))
    found = ops.matmul(points, ops.swapaxes(x, 1, 2))
    return ops.reshape(found, (-1, *size, len(size)))


def deformable_attention(values, points, weights, sizes):
    """Return what queries read of maps of these sizes at their points, weighed."""
    _, queries, heads, _, count, _ = points.shape
    width, first, total = values.shape[-1] // heads, 0, 0
    for level, (rows, columns) in enumerate(sizes):
        x = values[:, first : first + rows * columns]
        x = ops.reshape(x, (-1, rows * columns, heads, width))
        x = ops.reshape(ops.swapaxes(x, 1, 2), (-1, rows, columns, width))
        there = ops.swapaxes(2 * points[:, :, :, level] - 1, 1, 2)
        found = grid_sample(x, ops.reshape(there, (-1, queries, count, 2)))
        found = ops.reshape(found, (-1, heads, queries, count, width))
        share = ops.swapaxes(weights[:, :, :, level], 1, 2)
        total = total + ops.sum(found * ops.expand_dims(share, -1), axis=3)
        first += rows * columns
    return ops.reshape(ops.swapaxes(total, 1, 2), (-1, queries, heads * width))


@keras.saving.register_keras_serializable()
class DeformConv2D(layers.Layer):
    """A convolution whose taps are moved by offsets, and weighed where a mask is given."""

    def __init__(
        self,
        filters,
        kernel_size,
        strides=(1, 1),
        padding=((0, 0), (0, 0)),
        dilation_rate=(1, 1),
        groups=1,
        use_bias=True,
        channels_first=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters, self.kernel_size, self.groups = filters, kernel_size, groups
        self.strides, self.padding, self.rate = strides, padding, dilation_rate
        self.use_bias, self.channels_first = use_bias, channels_first

    def build(self, shapes):
        channels = shapes[0][1 if self.channels_first else -1]
        shape = (*self.kernel_size, channels // self.groups, self.filters)
        self.kernel = self.add_weight(shape, name="kernel")
        if self.use_bias:
            self.bias = self.add_weight((self.filters,), "zeros", name="bias")

    def call(self, inputs):
        if self.channels_first:
            inputs = [ops.moveaxis(x, 1, -1) for x in inputs]
        x = self.sampled(*inputs)
        *sizes, features, filters = self.kernel.shape
        x = ops.reshape(x, (-1, *x.shape[1:3], *sizes, self.groups, features))
        shape = (*sizes, features, self.groups, filters // self.groups)
        kernel = ops.reshape(self.kernel, shape)
        x = ops.einsum("brcijgf,ijfgo->brcgo", x, kernel)
        x = ops.reshape(x, (-1, *x.shape[1:3], filters))
        x = x + self.bias if self.use_bias else x
        return ops.moveaxis(x, -1, 1) if self.channels_first else x

    def sampled(self, x, offsets, mask=None):
        """Return what all taps read, [batch, rows, columns, taps, channels]."""
        count = math.prod(self.kernel_size)
        _, *lengths, channels = x.shape
        _, rows, columns, width = offsets.shape
        apart = width // (2 * count)
        x = ops.reshape(x, (-1, *lengths, apart, channels // apart))
        x = ops.transpose(x, (0, 3, 1, 2, 4))
        x = ops.reshape(x, (-1, *lengths, channels // apart))
        offsets = ops.reshape(offsets, (-1, rows, columns, apart, count, 2))
        offsets = ops.transpose(offsets, (0, 3, 1, 2, 4, 5))
        offsets = ops.reshape(offsets, (-1, rows, columns, count, 2))
        taps = []
        for axis, size in enumerate(lengths):
            start = ops.arange((rows, columns)[axis]) * self.strides[axis]
            start = ops.reshape(start, [(-1, 1, 1), (1, -1, 1)][axis])
            at = [divmod(tap, self.kernel_size[1])[axis] for tap in range(count)]
            place = start - self.padding[axis][0] + self.rate[axis] * ops.array(at)
            place = ops.cast(place, offsets.dtype) + offsets[..., axis]
            taps.append(taps_at(place, size))
        x = weigh_taps(x, taps)
        if mask is not None:
            mask = ops.reshape(mask, (-1, rows, columns, apart, count))
            mask = ops.transpose(mask, (0, 3, 1, 2, 4))
            x = x * ops.reshape(mask, (-1, rows, columns, count, 1))
        x = ops.reshape(x, (-1, apart, rows, columns, count, channels // apart))
        x = ops.transpose(x, (0, 2, 3, 4, 1, 5))
        return ops.reshape(x, (-1, rows, columns, count, channels))

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "dilation_rate": self.rate,
            "groups": self.groups,
            "use_bias": self.use_bias,
            "channels_first": self.channels_first,
        }


def fold(x, size, kernel_size, strides, padding, dilation, channels_first=False):
    """Return the sums of patches at their places of a map of this size."""
    x = x if channels_first else ops.swapaxes(x, 1, 2)
    counts = [
        (length + 2 * side - (window - 1) * rate - 1) // stride + 1
        for length, side, window, rate, stride in zip(
            size, padding, kernel_size, dilation, strides, strict=True
        )
    ]
    channels = x.shape[1] // math.prod(kernel_size)
    x = ops.reshape(x, (-1, channels, math.prod(kernel_size), *counts))
    total = 0
    for tap in range(math.prod(kernel_size)):
        part = x[:, :, tap]
        for axis, at in enumerate(divmod(tap, kernel_size[1])):
            length = size[axis] + 2 * padding[axis]
            part = spread(part, axis + 2, strides[axis], at * dilation[axis], length)
        total = total + part
    total = total[
        :, :, padding[0] : padding[0] + size[0], padding[1] : padding[1] + size[1]
    ]
    return total if channels_first else ops.moveaxis(total, 1, -1)


def spread(x, axis, stride, start, length):
    """Put the positions of an axis at a stride from a start on, and zeros elsewhere."""
    shape, end = list(x.shape), (x.shape[axis] - 1) * stride + 1
    shape[0], shape[axis] = -1, shape[axis] * stride
    x = ops.stack([x, *[ops.zeros_like(x)] * (stride - 1)], axis=axis + 1)
    x = ops.take(ops.reshape(x, shape), range(end), axis=axis)
    pads = [(0, 0)] * len(shape)
    pads[axis] = (start, length - start - end)
    return ops.pad(x, pads)


@keras.saving.register_keras_serializable()
class ConvTranspose(layers.Layer):
    """A transposed convolution of any groups, strides and dilation: a convolution of the map spread out.

    `ends` are the positions that are added to all that it makes, on both sides of each axis; negative: cut off.
    """

    def __init__(
        self,
        filters,
        kernel_size,
        strides,
        ends,
        dilation_rate,
        groups=1,
        use_bias=True,
        channels_first=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters, self.kernel_size, self.groups = filters, kernel_size, groups
        self.strides, self.ends, self.rate = strides, ends, dilation_rate
        self.use_bias, self.channels_first = use_bias, channels_first

    def build(self, input_shape):
        channels = input_shape[1 if self.channels_first else -1]
        shape = (*self.kernel_size, self.filters // self.groups, channels)
        self.kernel = self.add_weight(shape, name="kernel")
        if self.use_bias:
            self.bias = self.add_weight((self.filters,), "zeros", name="bias")

    def call(self, x):
        x = ops.moveaxis(x, 1, -1) if self.channels_first else x
        for axis, (size, rate) in enumerate(
            zip(self.kernel_size, self.rate, strict=True)
        ):
            first, last = (end + (size - 1) * rate for end in self.ends[axis])
            length = (x.shape[axis + 1] - 1) * self.strides[axis] + 1
            start, end = max(first, 0), max(length + first + last, 0)
            x = spread(
                x, axis + 1, self.strides[axis], start, start + length + max(last, 0)
            )
            x = ops.take(x, range(start - first, start - first + end), axis=axis + 1)
        x = ops.conv(
            x,
            self.turned(),
            padding="valid",
            dilation_rate=self.rate,
            data_format="channels_last",
        )
        x = x + self.bias if self.use_bias else x
        return ops.moveaxis(x, -1, 1) if self.channels_first else x

    def turned(self):
        """Return the kernel as a convolution reads it, from its last tap to its first."""
        *sizes, filters, channels = self.kernel.shape
        kernel = ops.flip(self.kernel, axis=tuple(range(len(sizes))))
        shape = (*sizes, filters, self.groups, channels // self.groups)
        kernel = ops.moveaxis(ops.reshape(kernel, shape), -1, -3)
        kernel = ops.swapaxes(kernel, -1, -2)
        return ops.reshape(kernel, (*sizes, channels // self.groups, self.filters))

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "ends": self.ends,
            "dilation_rate": self.rate,
            "groups": self.groups,
            "use_bias": self.use_bias,
            "channels_first": self.channels_first,
        }


def max_unpool(x, indices, size, channels_first=False):
    """Put each element where a pooling found it, by its number among a map's positions; zeros elsewhere."""
    if not channels_first:
        x, indices = ops.moveaxis(x, -1, 1), ops.moveaxis(indices, -1, 1)
    shape = (-1, x.shape[1], math.prod(x.shape[2:]))
    x, indices = ops.reshape(x, shape), ops.reshape(indices, shape)
    chosen = ops.one_hot(indices, math.prod(size), dtype=x.dtype)
    sums = ops.sum(chosen * ops.expand_dims(x, -1), axis=2)
    found = sums / ops.maximum(ops.sum(chosen, axis=2), 1)  # several may be the same
    found = ops.reshape(found, (-1, x.shape[1], *size))
    return found if channels_first else ops.moveaxis(found, 1, -1)
