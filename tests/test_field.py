"""Receptive fields: the lecture's figures, and brute force by following what each position reads."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import archinspect
from archinspect import network
from archinspect.analyses import receptive_field
from archinspect.analyses.receptive_field import MAX_PERIOD, MAX_STEP, Field, fields
from archinspect.ops.figures import Reach


def row(network, name, depth=100):
    report = archinspect.inspect(network)
    return next(row for row in report.fold(depth) if row.name == name)


@pytest.mark.parametrize(
    ("network", "layer", "depth", "size", "jump"),
    [
        ("vgg16", "conv5_3", 100, 196, 16),
        ("alexnet", "conv5", 100, 163, 16),
        ("resnet50_v1", "stage4", 1, 483, 32),
        ("resnet50", "stage4", 1, 427, 32),
    ],
)
def test_the_lecture_s_figures(network, layer, depth, size, jump):
    found = row(network, layer, depth).field
    assert [(axis.size, axis.jump) for axis in found] == [(size, jump)] * 2


def test_paths_of_the_u_net_meet_in_the_same_place():
    report = archinspect.inspect("unet")
    centers = {row.name: row.field[0].center for row in report.layers if row.field}
    jumps = {row.name: row.field[0].jump for row in report.layers if row.field}
    for level in ("up1", "up2", "up3", "up4"):
        assert centers[f"{level}.up"] == centers[f"{level}.crop_like"]
        assert jumps[f"{level}.up"] == jumps[f"{level}.crop_like"]


@pytest.mark.parametrize("step", ["Flatten", "GlobalAveragePooling1D", "Dense: 3\n  - Flatten", "Reshape: [-1]"])
def test_what_reads_all_sees_everything(step):
    assert last_field(f"input: [8, 2]\nlayers:\n  - {step}\n") is None


@pytest.mark.parametrize(
    ("step", "size", "jump"), [("PixelShuffle: 2", 1, 0.5), ("PixelUnshuffle: 2", 2, 2), ("ChannelShuffle: 2", 1, 1)]
)
def test_shuffles_of_pixels_move_places(step, size, jump):
    assert [(f.size, f.jump) for f in last_field(f"input: [8, 8, 4]\nlayers:\n  - {step}\n")] == [(size, jump)] * 2


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic"])
def test_resizing_by_a_whole_factor_is_up_sampling(interpolation):
    pooled = "input: [8, 8, 4]\nlayers:\n  - MaxPooling2D: 4\n  - "
    resized = last_field(pooled + f"{{ResizeLike: {interpolation}, from: [-1, input]}}\n")
    assert resized == last_field(pooled + f"UpSampling2D: {{size: 4, interpolation: {interpolation}}}\n")


@pytest.mark.parametrize(
    ("interpolation", "size", "spans"),
    [
        # Output i lies at (i + 0.5) / size - 0.5 of the input, and reads as many positions on both sides of it.
        ("nearest", 3, [(0, 1), (0, 1), (0, 1)]),
        ("bilinear", 2, [(-1, 1), (0, 2)]),
        ("bilinear", 3, [(-1, 1), (0, 1), (0, 2)]),
        ("bicubic", 2, [(-2, 2), (-1, 3)]),
        ("bicubic", 3, [(-2, 2), (-1, 2), (-1, 3)]),
        ("bicubic", 4, [(-2, 2), (-2, 2), (-1, 3), (-1, 3)]),
        ("lanczos3", 2, [(-3, 3), (-2, 4)]),
        ("lanczos5", 2, [(-5, 5), (-4, 6)]),
    ],
)
def test_interpolation_reads_its_taps(interpolation, size, spans):
    step = f"UpSampling2D: {{size: {size}, interpolation: {interpolation}}}"
    (field, _) = last_field(f"input: [8, 8, 1]\nlayers: [{{{step}}}]\n")
    assert [field.span(i) for i in range(size)] == spans


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(("window", "size", "jump"), [(3, 4, 2), (5, 5, 1)])
def test_of_paths_that_move_differently_the_wider_one_counts(order, window, size, jump):
    """One path sees 4 positions in steps of 2, the other a window of 3 or 5 in steps of 1."""
    pooled = "[{AveragePooling1D: {pool_size: 4, strides: 2}}]"
    cropped = f"[{{Conv1D: {{filters: 2, kernel_size: {window}}}}}, {{Cropping1D: [0, {17 - window - 7}]}}]"
    paths = ", ".join([pooled, cropped][::order])
    (field,) = last_field(f"input: [16, 2]\nlayers: [{{Add: [{paths}]}}]\n")
    assert (field.size, field.jump) == (size, jump)


def test_resizing_by_a_fraction_has_no_pattern():
    pool = "MaxPooling2D: {pool_size: 3, strides: 2}"
    assert last_field(f"input: [8, 8, 4]\nlayers:\n  - {pool}\n  - {{ResizeLike: , from: [-1, input]}}\n") is None


def test_what_only_lends_its_size_is_not_seen():
    """The crop sees single positions, the three of 9 in the middle, and nothing of the windows of 3."""
    spec = "input: [9, 9, 4]\nlayers:\n  - {AveragePooling2D: 3, name: a}\n  - {CropLike: , from: [input, a]}\n"
    assert [(f.size, f.jump, f.center) for f in last_field(spec)] == [(1, 1, 3)] * 2


def test_a_gate_from_everything_sees_everything():
    spec = "input: [8, 8, 4]\nlayers:\n  - Multiply:\n    - []\n    - [GlobalAveragePooling2D: {keepdims: true}]\n"
    assert last_field(spec) is None


def test_patterns_and_steps_have_bounds():
    assert len(Field().through(Reach(1, up=MAX_PERIOD)).spans) == MAX_PERIOD
    assert Field().through(Reach(1, up=MAX_PERIOD + 1)) is None
    assert Field(step=MAX_STEP // 2).through(Reach(1, 2)).step == MAX_STEP
    assert Field(step=MAX_STEP // 2 + 1).through(Reach(1, 2)) is None


def test_beyond_the_bound_of_one_axis_no_field_is_told():
    pool = f"  - MaxPooling2D: {{pool_size: 1, strides: [{MAX_STEP**0.5:.0f}, 1]}}\n"
    assert len(last_field(f"input: [1, 8, 1]\nlayers:\n{2 * pool}")) == 2
    assert last_field(f"input: [1, 8, 1]\nlayers:\n{3 * pool}") is None


@pytest.mark.parametrize(("longer", "length"), [(MAX_PERIOD, MAX_PERIOD), (MAX_PERIOD + 2, 2)])
def test_patterns_are_joined_within_the_bound(longer, length):
    wide = Field(((0, 5),) * 2, 2)
    assert len(wide.joined(Field(((0, 1),) * longer, longer)).spans) == length


def test_beyond_all_patterns_those_of_one_are_found(monkeypatch):
    monkeypatch.setattr(receptive_field, "MAX_SPANS", 1)
    steps = "[{UpSampling1D: 2}, {UpSampling1D: 2}, {AveragePooling1D: 3, from: input}]"
    facts = network(f"input: [8, 2]\nlayers: {steps}\n").facts
    assert [found and len(found[0].spans) for found in fields(facts)] == [1, 2, None, 1]


def last_field(text):
    facts = network(text).facts
    return fields(facts)[facts.graph.outputs[0].position]


CONV = st.tuples(
    st.sampled_from(["Conv1D", "MaxPooling1D", "Conv1DTranspose"]),
    st.integers(1, 4),
    st.integers(1, 3),
    st.integers(0, 1),
    st.integers(1, 2),
)


@settings(derandomize=True, deadline=None, max_examples=150)
@given(st.lists(CONV, min_size=1, max_size=3))
def test_fields_are_those_of_brute_force(layers):
    """Follow, for a position far from both ends, which input positions it reads; holes of dilation count as seen."""
    length = 2000
    reads = np.eye(length, dtype=bool)
    steps = []
    for kind, kernel, stride, padding, dilation in layers:
        padding = min(padding, kernel // 2)  # noqa: PLW2901 - PyTorch's bound for pooling
        dilation = 1 if kind == "Conv1DTranspose" or kernel == 1 else dilation  # noqa: PLW2901 - a hole is no read
        if kind == "Conv1DTranspose":
            kernel = max(kernel, stride)  # noqa: PLW2901 - else some positions read nothing
        size = {"MaxPooling1D": "pool_size"}.get(kind, "kernel_size")
        filters = "" if kind == "MaxPooling1D" else "filters: 1, "
        arguments = f"{filters}{size}: {kernel}, strides: {stride}, padding: {padding}, dilation_rate: {dilation}"
        steps.append(f"  - {kind}: {{{arguments}}}\n")
        reads = (transposed if kind == "Conv1DTranspose" else windows)(reads, kernel, stride, padding, dilation)
    found = last_field(f"input: [{length}, 1]\nlayers:\n{''.join(steps)}")
    for position in range(len(reads) // 3, len(reads) // 3 + 12):
        seen = np.flatnonzero(reads[position])
        assert found[0].span(position) == (seen[0], seen[-1] + 1)
    assert found[0].size == max(np.ptp(np.flatnonzero(row)) for row in reads[len(reads) // 3 :][:24]) + 1


def windows(reads, kernel, stride, padding, dilation):
    extent = dilation * (kernel - 1) + 1
    count = (len(reads) + 2 * padding - extent) // stride + 1
    rows = []
    for i in range(count):
        taps = [i * stride - padding + tap * dilation for tap in range(kernel)]
        rows.append(np.any([reads[tap] for tap in taps if 0 <= tap < len(reads)], axis=0))
    return np.array(rows)


def transposed(reads, kernel, stride, padding, _dilation):
    count = (len(reads) - 1) * stride - 2 * padding + kernel
    rows = np.zeros((count, reads.shape[1]), dtype=bool)
    for i, seen in enumerate(reads):
        for tap in range(kernel):
            place = i * stride + tap - padding
            if 0 <= place < count:
                rows[place] |= seen
    return rows
