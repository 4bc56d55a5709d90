"""Functions of maps, patches, windows and positions."""

import math

import keras
from keras import layers, ops


def max_pool(
    x, pool_size, strides, padding, dilation=None, channels_first=False, indices=False
):
    """Pool windows whose taps may stand apart, and say where each element was found."""
    first = 2 if channels_first else 1
    rank = len(pool_size)
    dilation = dilation or (1,) * rank
    lengths = x.shape[first : first + rank]
    pads = [*[(0, 0)] * first, *padding, *[(0, 0)] * (2 - first)]
    x = ops.pad(x, pads, constant_values=float("-inf"))
    counts = [
        (x.shape[first + axis] - (pool_size[axis] - 1) * dilation[axis] - 1)
        // strides[axis]
        + 1
        for axis in range(rank)
    ]
    shape = [1] * len(x.shape)
    found, place = None, None
    for tap in range(math.prod(pool_size)):
        part, here, rest = x, 0, tap
        for axis in reversed(range(rank)):
            rest, at = divmod(rest, pool_size[axis])
            start = at * dilation[axis]
            stop = start + (counts[axis] - 1) * strides[axis] + 1
            part = part[
                (slice(None),) * (first + axis) + (slice(start, stop, strides[axis]),)
            ]
            steps = ops.arange(counts[axis]) * strides[axis] + start - padding[axis][0]
            shape_of_steps = [*shape[: first + axis], -1, *shape[first + axis + 1 :]]
            here = here + ops.reshape(steps, shape_of_steps) * math.prod(
                lengths[axis + 1 :]
            )
        if found is None:
            found, place = part, ops.zeros_like(part, dtype="int32") + here
        else:
            place = ops.where(part > found, here, place)
            found = ops.maximum(found, part)
    return (found, place) if indices else found


def adaptive_max_pool(x, size, channels_first=False):
    """Return the largest elements of windows that divide a map, and where they were found."""
    first = 2 if channels_first else 1
    most = [-(-x.shape[first + axis] // count) + 1 for axis, count in enumerate(size)]
    found, place = None, None
    for tap in range(math.prod(most)):
        part, here, rest = x, 0, tap
        for axis, count in enumerate(size):
            length = x.shape[first + axis]
            rest, at = divmod(rest, most[axis])
            ends = [-(-(i + 1) * length // count) - 1 for i in range(count)]
            starts = [min(i * length // count + at, ends[i]) for i in range(count)]
            part = ops.take(part, starts, axis=first + axis)
            shape = [-1 if other == axis else 1 for other in range(len(size))]
            here = here * length + ops.reshape(ops.array(starts), shape)
        here = here if channels_first else here[..., None]
        if found is None:
            found, place = part, ops.zeros_like(part, dtype="int32") + here
        else:
            place = ops.where(part > found, here, place)
            found = ops.maximum(found, part)
    return found, place


def average_inside(x, pool_size, strides, padding, counted, channels_first=False):
    """Average what of each window lies in the map and the part of its padding that counts."""
    first, rank = (2 if channels_first else 1), len(pool_size)
    order = "channels_first" if channels_first else "channels_last"

    def mean(x, pads):
        pads = [(0, 0)] * first + pads + [(0, 0)] * (2 - first)
        return ops.average_pool(
            ops.pad(x, pads), pool_size, strides, "valid", data_format=order
        )

    sizes = [
        length + sum(pad)
        for length, pad in zip(x.shape[first : first + rank], counted, strict=True)
    ]
    ones = ops.ones((1,) * first + tuple(sizes) + (1,) * (2 - first), dtype=x.dtype)
    beyond = [
        (pad[0] - part[0], pad[1] - part[1])
        for pad, part in zip(padding, counted, strict=True)
    ]
    return mean(x, list(padding)) / mean(ones, beyond)


def resize(
    x, size, mode="nearest", align_corners=False, channels_first=False, factors=()
):
    """Interpolate a map to a size, along one axis after another."""
    first = 2 if channels_first else 1
    for axis, count in enumerate(size, first):
        length = x.shape[axis]
        step = 1 / factors[axis - first] if factors else length / count
        places = [(i + 0.5) * step - 0.5 for i in range(count)]
        if align_corners:
            places = [i * (length - 1) / max(count - 1, 1) for i in range(count)]
        places = [min(max(place, 0), length - 1) for place in places]
        if mode == "linear":
            low = [int(place) for place in places]
            high = [min(place + 1, length - 1) for place in low]
            shape = [-1 if other == axis else 1 for other in range(len(x.shape))]
            share = [place - below for place, below in zip(places, low, strict=True)]
            share = ops.reshape(ops.convert_to_tensor(share, dtype=x.dtype), shape)
            low, high = (ops.take(x, part, axis=axis) for part in (low, high))
            x = low + (high - low) * share
        else:
            exact = mode == "nearest-exact"
            half = 0.5 if exact else 0
            x = ops.take(
                x,
                [min(int((i + half) * step), length - 1) for i in range(count)],
                axis=axis,
            )
    return x


@keras.saving.register_keras_serializable()
class GlobalResponseNormalization(layers.Layer):
    """Scales each channel by its share of all channels' norms."""

    def __init__(self, epsilon=1e-6, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.epsilon, self.axis = epsilon, axis

    def build(self, shape):
        size = shape[self.axis]
        self.gamma = self.add_weight((size,), initializer="zeros", name="gamma")
        self.beta = self.add_weight((size,), initializer="zeros", name="beta")

    def call(self, x):
        rank = len(x.shape)
        axis = self.axis % rank
        places = [place for place in range(1, rank) if place != axis]
        norms = ops.sqrt(ops.sum(ops.square(x), axis=places, keepdims=True))
        shares = norms / (ops.mean(norms, axis=axis, keepdims=True) + self.epsilon)
        shape = [-1 if place == axis else 1 for place in range(rank)]
        gamma, beta = (ops.reshape(part, shape) for part in (self.gamma, self.beta))
        return gamma * (x * shares) + beta + x

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon, "axis": self.axis}


def shuffle_pixels(x, factor, channels_first=False):
    """Make a map larger along all its axes by as much as its channels become fewer."""
    rank = len(x.shape) - 2
    if not channels_first:
        x = ops.moveaxis(x, -1, 1)
    _, channels, *lengths = x.shape
    x = ops.reshape(x, (-1, channels // factor**rank, *[factor] * rank, *lengths))
    order = [axis + more for axis in range(2, rank + 2) for more in (rank, 0)]
    x = ops.transpose(x, (0, 1, *order))
    sizes = [length * factor for length in lengths]
    x = ops.reshape(x, (-1, channels // factor**rank, *sizes))
    return x if channels_first else ops.moveaxis(x, 1, -1)


def unshuffle_pixels(x, factor, channels_first=False):
    """Make channels of the positions of every cube of a map."""
    rank = len(x.shape) - 2
    if not channels_first:
        x = ops.moveaxis(x, -1, 1)
    _, channels, *lengths = x.shape
    apart = [size for length in lengths for size in (length // factor, factor)]
    x = ops.reshape(x, (-1, channels, *apart))
    order = [*range(3, 2 * rank + 2, 2), *range(2, 2 * rank + 2, 2)]
    x = ops.transpose(x, (0, 1, *order))
    sizes = [length // factor for length in lengths]
    x = ops.reshape(x, (-1, channels * factor**rank, *sizes))
    return x if channels_first else ops.moveaxis(x, 1, -1)


def patches_of(x, kernel_size, strides, padding, dilation, channels_first=False):
    """Return the patches of a map, the positions of each channel side by side."""
    if not channels_first:
        x = ops.moveaxis(x, -1, 1)
    x = ops.pad(x, ((0, 0), (0, 0), *((side, side) for side in padding)))
    counts = [
        (length - (size - 1) * rate - 1) // stride + 1
        for length, size, rate, stride in zip(
            x.shape[2:], kernel_size, dilation, strides, strict=True
        )
    ]
    parts = []
    for tap in range(kernel_size[0] * kernel_size[1]):
        part = x
        for axis, at in enumerate(divmod(tap, kernel_size[1])):
            places = range(counts[axis])
            start, step = at * dilation[axis], strides[axis]
            part = ops.take(part, [start + i * step for i in places], axis=axis + 2)
        parts.append(ops.reshape(part, (-1, x.shape[1], 1, counts[0] * counts[1])))
    x = ops.concatenate(parts, axis=2)
    x = ops.reshape(x, (-1, x.shape[1] * x.shape[2], x.shape[3]))
    return x if channels_first else ops.transpose(x, (0, 2, 1))


@keras.saving.register_keras_serializable()
class Bilinear(layers.Layer):
    """Weighs all products of a feature of one input and one of the other."""

    def __init__(self, units, use_bias=True, **kwargs):
        super().__init__(**kwargs)
        self.units, self.use_bias = units, use_bias

    def build(self, shapes):
        first, second = (shape[-1] for shape in shapes)
        self.kernel = self.add_weight((self.units, first, second), name="kernel")
        if self.use_bias:
            self.bias = self.add_weight((self.units,), initializer="zeros", name="bias")

    def call(self, inputs):
        first, second = inputs
        x = ops.einsum("...i,oij,...j->...o", first, self.kernel, second)
        return x + self.bias if self.use_bias else x

    def get_config(self):
        own = {"units": self.units, "use_bias": self.use_bias}
        return {**super().get_config(), **own}


def pad_around(x, padding, mode, first=1):
    """Put what is there around a map: mirrored, its ends again, or its other end."""
    for axis, (before, after) in enumerate(padding, first):
        length = x.shape[axis]
        places = range(-before, length + after)
        if mode == "circular":
            places = [place % length for place in places]
        elif mode == "reflect":
            places = [length - 1 - abs(length - 1 - abs(place)) for place in places]
        else:
            places = [min(max(place, 0), length - 1) for place in places]
        x = ops.take(x, places, axis=axis)
    return x


@keras.saving.register_keras_serializable()
def quick_gelu(x):
    """Return a GELU by a sigmoid."""
    return x * ops.sigmoid(1.702 * x)


def bounded_relu(x, max_value, negative_slope, threshold):
    """Return a ReLU with a bound, a threshold, and a slope below it."""
    x = ops.where(x >= threshold, x, negative_slope * (x - threshold))
    return x if max_value is None else ops.minimum(x, max_value)


def local_response(x, size, alpha, beta, k, axis=-1):
    """Divide by the activity of neighboring channels."""
    x = ops.moveaxis(x, axis, -1)
    before, channels = size // 2, x.shape[-1]
    pads = [(0, 0)] * (len(x.shape) - 1) + [(before, size - 1 - before)]
    squares = ops.pad(ops.square(x), pads)
    total = sum(squares[..., shift : shift + channels] for shift in range(size))
    return ops.moveaxis(x / (k + alpha / size * total) ** beta, -1, axis)


def rotate(x, dim):
    """Rotate pairs of features, in heads of `dim`, by angles that grow with the step."""
    frequencies = 10_000.0 ** (-ops.arange(0, dim, 2, dtype=x.dtype) / dim)
    angles = ops.arange(x.shape[-2], dtype=x.dtype)[:, None] * frequencies[None]
    angles = ops.tile(angles, (1, 2))
    return rotate_by(x, ops.cos(angles), ops.sin(angles))


def rotate_by(x, cos, sin):
    """Rotate pairs of features, in heads as wide as the tables of their steps."""
    dim = cos.shape[-1]
    count = x.shape[-1] // dim
    heads = ops.reshape(x, (-1, *x.shape[1:-1], count, 2, dim // 2))
    one, other = heads[..., 0, :], heads[..., 1, :]
    turned = ops.concatenate([-other, one], axis=-1)
    turned = ops.reshape(turned, (-1, *x.shape[1:]))
    repeats = (*[1] * (len(cos.shape) - 1), count)
    return x * ops.tile(cos, repeats) + turned * ops.tile(sin, repeats)


def sinusoids(x, dim):
    """Return sines and cosines of numbers at `dim / 2` frequencies."""
    pairs = dim // 2
    frequencies = 10_000.0 ** (-ops.arange(pairs, dtype="float32") / pairs)
    angles = ops.expand_dims(ops.cast(x, "float32"), -1) * frequencies
    return ops.concatenate([ops.sin(angles), ops.cos(angles)], axis=-1)


def top_k(x, k, axis=-1, largest=True):
    """Return the largest elements along an axis, or the smallest, and where they were."""
    sign = 1 if largest else -1
    values, places = ops.top_k(sign * ops.moveaxis(x, axis, -1), k)
    return sign * ops.moveaxis(values, -1, axis), ops.moveaxis(places, -1, axis)


def windows_of(x, size):
    """Cut a map into windows, each a sequence; padded at its end where it is no multiple."""
    _, height, width, channels = x.shape
    x = ops.pad(x, ((0, 0), (0, -height % size), (0, -width % size), (0, 0)))
    rows, columns = x.shape[1] // size, x.shape[2] // size
    x = ops.reshape(x, (-1, rows, size, columns, size, channels))
    x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
    return ops.reshape(x, (-1, rows * columns, size * size, channels))


def map_of(x, height, width, size):
    """Put windows together to a map; padding is cut off."""
    rows, columns = -(-height // size), -(-width // size)
    x = ops.reshape(x, (-1, rows, columns, size, size, x.shape[-1]))
    x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
    x = ops.reshape(x, (-1, rows * size, columns * size, x.shape[-1]))
    return x[:, :height, :width]


def channel_shuffle(x, groups, channels_first=False):
    """Interleave the channels of groups."""
    if channels_first:
        _, channels, height, width = x.shape
        x = ops.reshape(x, (-1, groups, channels // groups, height, width))
        x = ops.transpose(x, (0, 2, 1, 3, 4))
        return ops.reshape(x, (-1, channels, height, width))
    _, height, width, channels = x.shape
    x = ops.reshape(x, (-1, height, width, groups, channels // groups))
    x = ops.transpose(x, (0, 1, 2, 4, 3))
    return ops.reshape(x, (-1, height, width, channels))


def pixel_shuffle(x, factor, channels_first=False):
    """Make a map larger by as much as its channels become fewer."""
    if not channels_first:
        x = ops.transpose(x, (0, 3, 1, 2))
    _, channels, height, width = x.shape
    channels = channels // factor**2
    x = ops.reshape(x, (-1, channels, factor, factor, height, width))
    x = ops.transpose(x, (0, 1, 4, 2, 5, 3))
    x = ops.reshape(x, (-1, channels, height * factor, width * factor))
    return x if channels_first else ops.transpose(x, (0, 2, 3, 1))


def pixel_unshuffle(x, factor, channels_first=False):
    """Make channels of the positions of every square."""
    if not channels_first:
        x = ops.transpose(x, (0, 3, 1, 2))
    _, channels, height, width = x.shape
    x = ops.reshape(
        x, (-1, channels, height // factor, factor, width // factor, factor)
    )
    x = ops.transpose(x, (0, 1, 3, 5, 2, 4))
    x = ops.reshape(x, (-1, channels * factor**2, height // factor, width // factor))
    return x if channels_first else ops.transpose(x, (0, 2, 3, 1))
