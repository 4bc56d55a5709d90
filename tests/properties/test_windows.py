"""Window arithmetic against brute force: windows are really placed, taps really scattered, products really counted."""

from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

from archinspect import ops
from archinspect.base.shape import Mismatch, broadcast, extent, pad_pairs, same_padding

often = settings(max_examples=200, deadline=None)
lengths = st.integers(1, 24)
sizes = st.integers(1, 6)
sides = st.tuples(st.integers(0, 5), st.integers(0, 5))


def make(name, **args):
    return ops.find_operator(name)(**args)


def convolved(length, kernel, stride, dilation, pad):
    """Return how many places a dilated window finds on a line of zeros."""
    line = np.pad(np.zeros(length), pad)
    window = len(range((kernel - 1) * dilation + 1))
    if window > len(line):
        return 0
    return len(sliding_window_view(line, window)[::stride, ::dilation])


def starts(length, window, stride, pad):
    """Yield where windows start, counted from the input's first position, until one reaches the padding's end."""
    start = -pad[0]
    yield start
    while start + window < length + pad[1]:
        start += stride
        yield start


@often
@given(lengths, sizes, sizes, st.integers(1, 4), sides)
def test_convolution_places_its_windows(length, kernel, stride, dilation, pad):
    conv = make("Conv1D", filters=1, kernel_size=kernel, strides=stride, dilation_rate=dilation, padding=[[*pad]])
    expected = convolved(length, kernel, stride, dilation, pad)
    if expected == 0:
        with pytest.raises(Mismatch):
            conv.output((1, length, 1))
    else:
        assert conv.output((1, length, 1)) == (1, expected, 1)


@often
@given(st.tuples(lengths, lengths), st.tuples(sizes, sizes), st.tuples(sizes, sizes), st.tuples(sides, sides))
def test_axes_do_not_mix(shape, kernel, strides, pads):
    args = {"kernel_size": [*kernel], "strides": [*strides], "padding": [[*pad] for pad in pads]}
    expected = tuple(map(convolved, shape, kernel, strides, (1, 1), pads))
    assume(all(expected))
    assert make("Conv2D", filters=5, **args).output((2, *shape, 3)) == (2, *expected, 5)
    first = make("Conv2D", filters=5, **args, data_format="channels_first")
    assert first.output((2, 3, *shape)) == (2, 5, *expected)


@often
@given(lengths, sizes, sizes, st.integers(1, 4))
def test_same_pads_as_little_as_gives_a_place_to_every_stride(length, kernel, stride, dilation):
    window = extent(kernel, dilation)
    wanted = len(range(0, length, stride))
    least = next(
        total for total in range(length + window) if convolved(length, window, stride, 1, (0, total)) == wanted
    )
    assert same_padding(length, window, stride) == least
    ((before, after),) = pad_pairs("same", (length,), (window,), (stride,))
    assert before + after == least
    assert after - before in (0, 1)
    args = {"kernel_size": kernel, "strides": stride, "padding": "same"}
    assert make("DepthwiseConv1D", **args, dilation_rate=dilation).output((1, length, 2)) == (1, wanted, 2)
    assert make("AveragePooling1D", **args).output((1, length, 2)) == (1, wanted, 2)
    assert make("MaxPooling1D", **args, dilation=dilation, ceil_mode=True).output((1, length, 2)) == (1, wanted, 2)


@often
@given(lengths, sizes, sizes, st.integers(1, 4))
def test_causal_sees_nothing_of_the_future(length, kernel, stride, dilation):
    taps = np.arange(-(kernel - 1) * dilation, 1, dilation)
    last_seen = [start + taps[-1] for start in range(0, length, stride)]
    conv = make("Conv1D", filters=1, kernel_size=kernel, strides=stride, dilation_rate=dilation, padding="causal")
    assert conv.output((1, length, 1)) == (1, len(last_seen), 1)
    assert convolved(length, kernel, stride, dilation, (-taps[0], 0)) == len(last_seen)
    assert conv.sliding((length,)).pads == ((-taps[0], 0),)


@often
@given(lengths, sizes, sizes, sides, st.sampled_from(["MaxPooling1D", "AveragePooling1D"]))
def test_pooling_rounds_up_to_the_window_that_reaches_the_end(length, window, stride, pad, name):
    assume(max(pad) < window <= length + sum(pad))
    args = {"pool_size": window, "strides": stride, "padding": [[*pad]]}
    placed = [*starts(length, window, stride, pad)]
    inside = [start for start in placed if start < length]
    full = [start for start in placed if start + window <= length + pad[1]]
    expected = {False: full, True: inside, "caffe": inside if any(pad) else placed}
    for ceil_mode, windows in expected.items():
        assert make(name, **args, ceil_mode=ceil_mode).output((1, length, 1)) == (1, len(windows), 1)


@often
@given(lengths, sizes, sizes, st.integers(1, 4))
def test_dilated_pooling_is_pooling_by_the_extent(length, window, stride, dilation):
    assume(extent(window, dilation) <= length)
    pool = make("MaxPooling1D", pool_size=window, strides=stride, dilation=dilation)
    assert pool.output((1, length, 1)) == (1, convolved(length, window, stride, dilation, (0, 0)), 1)


def scattered(length, kernel, stride, dilation):
    """Return how far the taps of every input position reach."""
    line = np.zeros((length - 1) * stride + (kernel - 1) * dilation + 99)
    for position, tap in product(range(length), range(kernel)):
        line[position * stride + tap * dilation] = 1
    return int(np.flatnonzero(line)[-1]) + 1


@often
@given(lengths, sizes, sizes, st.integers(1, 3), sides, st.integers(0, 5))
def test_transposed_convolution_scatters_its_taps(length, kernel, stride, dilation, pad, extra):
    assume(extra < max(stride, dilation))
    args = {"filters": 1, "kernel_size": kernel, "strides": stride, "dilation_rate": dilation}
    conv = make("Conv1DTranspose", **args, padding=[[*pad]], output_padding=extra)
    expected = scattered(length, kernel, stride, dilation) + extra - sum(pad)
    if expected < 1:
        with pytest.raises(Mismatch):
            conv.output((1, length, 1))
    else:
        assert conv.output((1, length, 1)) == (1, expected, 1)


@often
@given(lengths, sizes, sizes, st.integers(1, 3))
def test_transposed_valid_and_same_are_at_least_and_exactly_stride_times_the_input(length, kernel, stride, dilation):
    args = {"filters": 1, "kernel_size": kernel, "strides": stride, "dilation_rate": dilation}
    full = scattered(length, kernel, stride, dilation)
    assert make("Conv1DTranspose", **args).output((1, length, 1)) == (1, max(full, length * stride), 1)
    assert make("Conv1DTranspose", **args, padding="same").output((1, length, 1)) == (1, length * stride, 1)


@often
@given(lengths, sizes, sizes, st.integers(1, 3), st.integers(0, 3), st.integers(0, 5))
def test_convolution_undoes_the_shape_of_a_transposed_one(length, kernel, stride, dilation, pad, extra):
    assume(extra < stride)
    args = {"kernel_size": kernel, "strides": stride, "dilation_rate": dilation, "padding": pad}
    assume(scattered(length, kernel, stride, dilation) + extra > 2 * pad)
    there = make("Conv1DTranspose", filters=2, **args, output_padding=extra).output((1, length, 1))
    assert make("Conv1D", filters=1, **args).output(there) == (1, length, 1)


@often
@given(st.integers(1, 8), st.integers(1, 4), st.integers(1, 3), sizes, sizes, st.booleans())
def test_macs_count_every_product(length, groups, each, kernel, filters_each, bias):
    channels, filters = groups * each, groups * filters_each
    args = {"filters": filters, "kernel_size": kernel, "groups": groups, "use_bias": bias}
    shape = (1, length, channels)
    conv = make("Conv1D", **args, padding="same")
    products = 0
    for _position, output in product(range(length), range(filters)):
        group = output // filters_each
        inputs = [channel for channel in range(channels) if channel // each == group]
        products += len(inputs) * kernel
    assert conv.work([shape], conv.output(shape)) == (products, length * filters * bias)
    kernel_weights = conv.weights(shape)["kernel"].shape
    assert np.zeros(kernel_weights).size * length == products
    up = make("Conv1DTranspose", **args)
    assert up.work([shape], up.output(shape)).macs == products


@often
@given(st.integers(1, 12), st.integers(1, 4), sizes, st.sampled_from(["Conv1D", "Conv1DTranspose"]))
def test_groups_divide_macs_and_weights(length, groups, kernel, name):
    args = {"filters": 3 * groups, "kernel_size": kernel, "use_bias": False}
    shape = (2, length + kernel, 2 * groups)
    dense, grouped = make(name, **args), make(name, **args, groups=groups)
    assert dense.output(shape) == grouped.output(shape)
    assert dense.work([shape], dense.output(shape)).macs == groups * grouped.work([shape], dense.output(shape)).macs
    sizes_ = [np.zeros(conv.weights(shape)["kernel"].shape).size for conv in (dense, grouped)]
    assert sizes_[0] == groups * sizes_[1]


@often
@given(lengths, st.integers(1, 30))
def test_adaptive_windows_are_counted_with_their_overlaps(length, count):
    line = np.arange(length)
    # A fine grid of length * count: window i covers cells i * length to (i + 1) * length, an element count of them.
    windows = [
        [element for element in line if element * count < (i + 1) * length and (element + 1) * count > i * length]
        for i in range(count)
    ]
    shape = (2, length, 3)
    largest, mean = (make(f"Adaptive{kind}Pooling1D", output_size=count) for kind in ("Max", "Average"))
    assert largest.output(shape) == mean.output(shape) == (2, count, 3)
    elements = 6 * sum(map(len, windows))
    assert mean.work([shape], (2, count, 3)).flops == elements
    assert largest.work([shape], (2, count, 3)).flops == elements - 6 * count


@often
@given(st.tuples(lengths, lengths), st.lists(st.integers(0, 5), min_size=4, max_size=4))
def test_padding_and_cropping_are_inverse_and_as_numpys(shape, pads):
    left, right, top, bottom = pads
    padded = np.pad(np.zeros(shape), ((top, bottom), (left, right))).shape
    image = (1, *shape, 1)
    assert make("ZeroPad2d", padding=pads).output(image) == (1, *padded, 1)
    nested = [[top, bottom], [left, right]]
    assert make("ZeroPadding2D", padding=nested).output(image) == (1, *padded, 1)
    assert make("Cropping2D", cropping=nested).output((1, *padded, 1)) == image


@often
@given(st.lists(st.integers(1, 5), min_size=1, max_size=3), st.integers(1, 4))
def test_upsampling_repeats(shape, factor):
    repeated = np.zeros(shape)
    for axis in range(len(shape)):
        repeated = repeated.repeat(factor, axis)
    image = (1, *shape, 2)
    assert make(f"UpSampling{len(shape)}D", size=factor).output(image) == (1, *repeated.shape, 2)
    assert make("Upsample", scale_factor=factor).output(image) == (1, *repeated.shape, 2)
    assert make("Upsample", size=[*repeated.shape]).output(image) == (1, *repeated.shape, 2)


@often
@given(st.lists(st.lists(st.sampled_from([1, 1, 2, 3]), min_size=1, max_size=4), min_size=2, max_size=3))
def test_merges_broadcast_as_numpy_behind_the_batch(shapes):
    try:
        expected = np.broadcast_shapes(*map(tuple, shapes))
    except ValueError:
        with pytest.raises(Mismatch):
            broadcast(tuple((2, *shape) for shape in shapes))
    else:
        assert broadcast(tuple((2, *shape) for shape in shapes)) == (2, *expected)


@often
@given(st.lists(st.integers(1, 4), min_size=2, max_size=4), st.data())
def test_dot_is_the_contraction_of_two_axes(shape, data):
    axis = data.draw(st.integers(1, len(shape) - 1))
    other = (shape[0], 3, shape[axis])
    first, summed = [*range(len(shape))], axis
    output = np.einsum(np.zeros(shape), first, np.zeros(other), [0, 9, summed], [i for i in first if i != axis] + [9])
    dot = make("Dot", axes=[axis, 2])
    assert dot.output(tuple(shape), other) == output.shape
    assert dot.work([tuple(shape), other], output.shape).macs == output.size * shape[axis]
