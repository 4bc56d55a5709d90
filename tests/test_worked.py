"""Sums worked out by hand against NumPy, which computes them another way; and the lecture's figures."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import archinspect


def worked(tmp_path, text):
    path = tmp_path / "net.yaml"
    path.write_text(text, encoding="utf-8")
    return archinspect.explain(path).worked


def rows(array):
    return array[..., 0].astype(int).tolist()


def test_the_lecture_s_convolution():
    (conv,) = archinspect.explain("lessons/conv2d").worked
    assert rows(conv.output) == [[-6, -11, -12, -11], [-8, -2, -4, -4], [4, 1, -2, 1], [3, -4, -6, -10]]
    terms = conv.cells[1, 1, 0].terms
    assert [(term.value, term.weight) for term in terms[:3]] == [(2, 1), (3, 1), (2, 1)]


def test_the_lecture_s_pooling():
    (pool,) = archinspect.explain("lessons/max_pooling").worked
    assert rows(pool.output) == [[6, 8], [3, 4]]


def test_the_lecture_s_sums_along_one_axis():
    """`z1 = 0 w1 + x1 w2 + x2 w3` at the edge, `z2 = x1 w1 + x2 w2 + x3 w3` within."""
    (conv,) = archinspect.explain("lessons/conv1d_same").worked
    read = [[(term.padding or term.place[0], term.tap[0]) for term in conv.cells[i, 0].terms] for i in (0, 1)]
    assert read == [[(True, 0), (0, 1), (1, 2)], [(0, 0), (1, 1), (2, 2)]]
    assert [term.padding for term in conv.cells[0, 0].terms] == [True, False, False]
    starts = {name: archinspect.explain(f"lessons/conv1d_{name}").worked[0].output[:, 0].tolist() for name in KINDS}
    x, w = np.array([0, 1, 3, 2, 5, 4, 6, 0]), np.array([1, 2, -1])
    same = np.correlate(x, w).tolist()
    assert starts == {
        "same": same,
        "valid": same[1:-1],
        "stride2": same[::2],
        "dilation2": np.correlate(np.pad(x, 1), [1, 0, 2, 0, -1]).tolist(),
    }


KINDS = ("same", "valid", "stride2", "dilation2")


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.data())
def test_any_convolution_is_numpy_s(tmp_path_factory, data):
    draw = data.draw
    rank, groups = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    members, outputs = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    kernel, stride, pad, dilation = (draw(st.integers(low, 3)) for low in (1, 1, 0, 1))
    layout = draw(st.sampled_from(["channels_last", "channels_first"]))
    lengths = [dilation * (kernel - 1) + 1 + draw(st.integers(0, 2)) for _ in range(rank)]
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    x = rng.integers(-5, 6, (*lengths, groups * members))
    w = rng.integers(-5, 6, (*[kernel] * rank, members, groups * outputs))
    bias = rng.integers(-5, 6, groups * outputs)
    given = np.moveaxis(x, -1, 0) if layout == "channels_first" else x
    text = f"""
layout: {layout}
input: {list(given.shape)}
layers:
  - name: c
    Conv{rank}D: {{filters: {groups * outputs}, kernel_size: {kernel}, strides: {stride}, groups: {groups},
      padding: {[[pad, pad]] * rank}, dilation_rate: {dilation}}}
values: {{input: {given.tolist()}, c: {{kernel: {w.tolist()}, bias: {bias.tolist()}}}}}
"""
    (conv,) = worked(tmp_path_factory.mktemp("net"), text)
    padded = np.pad(x, [(pad, pad)] * rank + [(0, 0)])
    for place in product(*map(range, conv.output.shape)):
        group = place[-1] // outputs
        window = padded[
            tuple(slice(p * stride, p * stride + dilation * (kernel - 1) + 1, dilation) for p in place[:-1])
        ]
        seen = window[..., group * members : (group + 1) * members]
        assert conv.output[place] == np.sum(seen * w[..., place[-1]]) + bias[place[-1]]
        assert conv.cells[place].value == conv.output[place]


@pytest.mark.parametrize(
    ("pool", "expected"),
    [
        ("AveragePooling1D: {pool_size: 3, strides: 1, padding: same}", [1.5, 2, 3, 3.5]),
        ("AveragePooling1D: {pool_size: 3, strides: 1, padding: 1}", [1, 2, 3, 7 / 3]),
        ("AveragePooling1D: {pool_size: 3, strides: 1, padding: 1, count_include_pad: false}", [1.5, 2, 3, 3.5]),
        ("MaxPooling1D: {pool_size: 3, strides: 3, ceil_mode: true}", [3, 4]),
        ("MaxPooling1D: {pool_size: 2, strides: 1, dilation_rate: 2}", [3, 4]),
    ],
)
def test_pooling_reads_padding_as_its_framework_does(tmp_path, pool, expected):
    (layer,) = worked(tmp_path, f"input: [4, 1]\nlayers: [{{{pool}}}]\nvalues: {{input: [1, 2, 3, 4]}}\n")
    assert layer.output[:, 0].tolist() == expected


@pytest.mark.parametrize("padding", ["same", 1])
def test_the_padding_of_a_maximum_is_no_zero(tmp_path, padding):
    pool = f"MaxPooling1D: {{pool_size: 3, strides: 1, padding: {padding}}}"
    (layer,) = worked(tmp_path, f"input: [4, 1]\nlayers: [{{{pool}}}]\nvalues: {{input: [-1, -2, -3, -4]}}\n")
    assert layer.output[:, 0].tolist() == [-1, -1, -2, -3]


def test_work_goes_on_through_depthwise_layers_and_ends_where_numbers_do(tmp_path):
    found = worked(
        tmp_path,
        """
input: [3, 2]
layers:
  - DepthwiseConv1D: {kernel_size: 2, depth_multiplier: 2, use_bias: false}
  - MaxPooling1D: 2
  - Conv1D: {filters: 1, kernel_size: 1}
  - MaxPooling1D: 1
values: {input: [[1, 10], [2, 20], [3, 30]], depthwise_conv1d: {kernel: [[[1, 0], [1, 0]], [[0, 1], [0, 1]]]}}
""",
    )
    assert [layer.layer for layer in found] == ["depthwise_conv1d", "max_pooling1d"]
    assert found[0].output.tolist() == [[1, 2, 10, 20], [2, 3, 20, 30]]
    assert found[1].output.tolist() == [[2, 3, 20, 30]]
