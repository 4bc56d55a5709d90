"""Random small networks: what must hold for any of them."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from archinspect import network
from archinspect.analyses.cost import sum_of_costs

often = settings(max_examples=60, deadline=None, derandomize=True)
sizes = st.integers(1, 4)
filters = st.integers(1, 6).map(lambda number: 2 * number)


def read(steps, *, batch=None, dtype="float32", **top):
    """Return the report of these steps; JSON is YAML."""
    spec = {"name": "random", "input": [16, 16, 4], **top, "layers": steps}
    return network(spec, batch=batch, dtype=dtype).report()


convolutions = st.builds(
    lambda filters, kernel, strides, bias, activation, dilation: {
        "Conv2D": {
            "filters": filters,
            "kernel_size": kernel,
            "strides": strides,
            "dilation_rate": dilation,
            "padding": "same",
            "use_bias": bias,
            "activation": activation,
        }
    },
    filters,
    sizes,
    st.integers(1, 2),
    st.booleans(),
    st.sampled_from([None, "relu", "softmax", "gelu"]),
    st.integers(1, 2),
)
# Steps that take any image and keep it one.
images = st.one_of(
    convolutions,
    st.builds(lambda kernel: {"DepthwiseConv2D": {"kernel_size": kernel, "padding": "same"}}, sizes),
    st.builds(lambda f, k: {"SeparableConv2D": {"filters": f, "kernel_size": k, "padding": "same"}}, filters, sizes),
    st.builds(lambda f, k: {"Conv2DTranspose": {"filters": f, "kernel_size": k, "padding": "same"}}, filters, sizes),
    st.sampled_from(["ReLU", "BatchNormalization", "SiLU", "LayerNormalization", {"Dropout": 0.25}, {"Dense": 6}]),
    st.sampled_from(
        [
            {"MaxPooling2D": {"pool_size": 2, "padding": "same"}},
            {"AveragePooling2D": {"pool_size": 3, "strides": 1, "padding": "same"}},
            {"Add": [["Sigmoid"], []]},
            {"Concatenate": [[], ["Tanh"], []]},
        ]
    ),
)
# Steps that keep the shape, so that they can be repeated and skipped.
keepers = st.sampled_from(
    [
        "ReLU",
        "BatchNormalization",
        "PReLU",
        {"DepthwiseConv2D": {"kernel_size": 3, "padding": "same"}},
        {"Conv2D": {"filters": 4, "kernel_size": 3, "padding": "same"}},
        {"Conv2D": {"filters": 4, "kernel_size": 1, "activation": "relu", "use_bias": False}},
        {"Dense": 4},
        {"Add": [[{"Conv2D": {"filters": 4, "kernel_size": 1}}, "ReLU"], []]},
    ]
)
residuals = st.lists(keepers, min_size=1, max_size=3).map(lambda path: {"Add": [path, []]})
chains = st.lists(keepers | residuals, min_size=1, max_size=4)
heads = st.lists(
    st.sampled_from(["Flatten", "GlobalAveragePooling2D"]).map(lambda name: [name, {"Dense": 3}]), max_size=1
).map(lambda found: found[0] if found else [])


@st.composite
def groups(draw, steps):
    """Draw steps, some of them in groups, named or not."""
    result: list[dict] = []
    for step in draw(steps):
        wrapped = {"layers": [step]} if draw(st.booleans()) else step
        if isinstance(wrapped, dict) and "layers" in wrapped and draw(st.booleans()):
            wrapped = {"name": f"group{len(result)}", "layers": [wrapped, "ReLU"]}
        result.append(wrapped)
    return result


networks = st.tuples(st.just(4), chains, st.lists(images, max_size=5), heads).map(lambda p: p[1] + p[2] + p[3])


@often
@given(groups(networks), st.integers(2, 64))
def test_work_is_linear_in_the_batch_and_weights_do_not_depend_on_it(steps, batch):
    one, many = read(steps, batch=1), read(steps, batch=batch)
    assert read(steps).totals == one.totals
    for row, other in zip(one.layers, many.layers, strict=True):
        assert other.cost.params == row.cost.params
        assert other.cost.buffers == row.cost.buffers
        assert other.cost.macs == batch * row.cost.macs
        assert other.cost.flops == batch * row.cost.flops
        assert other.cost.output_bytes == batch * row.cost.output_bytes
        assert other.output_shape == (batch, *row.output_shape[1:])


@often
@given(groups(networks))
def test_folding_at_every_depth_sums_to_the_totals(steps):
    found = read(steps)
    for depth in range(1, found.depth + 1):
        rows = found.fold(depth)
        assert sum_of_costs(row.cost for row in rows) == found.totals
        assert sum(row.layers for row in rows) == len(found.layers)
        assert rows[-1].output_shape == found.layers[-1].output_shape


@often
@given(groups(networks))
def test_json_round_trips(steps):
    form = read(steps).as_dict()
    assert json.loads(json.dumps(form)) == form
    for figure in ("params", "macs", "flops", "output_bytes"):
        assert sum(layer[figure] for layer in form["layers"]) == form["totals"][figure]


@often
@given(keepers | residuals, st.integers(0, 5), chains)
def test_a_repeat_is_that_many_copies(step, times, rest):
    step = {step: {}} if isinstance(step, str) else step
    repeated = read([*rest, {**step, "repeat": times}, *rest])
    written = read([*rest, *[step] * times, *rest])
    assert repeated.layers == written.layers
    assert repeated.as_dict() == written.as_dict()
    named = read([*rest, {**step, "repeat": times, "name": "tower"}, *rest]) if times else repeated
    assert named.totals == written.totals
    assert len(named.layers) == len(written.layers)


@often
@given(chains, st.integers(1, 4))
def test_a_block_is_its_layers(steps, times):
    called = read([{"b": None, "repeat": times}], blocks={"b": steps})
    written = read(steps * times)
    assert called.totals == written.totals
    assert [row.cost for row in called.layers] == [row.cost for row in written.layers]
    assert [row.output_shape for row in called.layers] == [row.output_shape for row in written.layers]


@often
@given(groups(networks))
def test_freezing_moves_parameters_and_changes_nothing_else(steps):
    free = read([{"name": "all", "layers": steps}]).totals
    frozen = read([{"name": "all", "layers": steps, "trainable": False}]).totals
    assert free.non_trainable_params == frozen.trainable_params == 0
    assert frozen == free._replace(trainable_params=0, non_trainable_params=free.params)


@often
@given(chains)
def test_shared_weights_are_counted_once(steps):
    once = read(steps).totals
    first = {"name": "first", "layers": steps}
    again = {"name": "again", "layers": steps, "weights": "first"}
    if once.params + once.buffers == 0:
        return  # there is nothing to share
    twice = read([first, again]).totals
    assert (twice.params, twice.buffers) == (once.params, once.buffers)
    assert (twice.macs, twice.flops) == (2 * once.macs, 2 * once.flops)


@often
@given(groups(networks), st.sampled_from(["float16", "bfloat16", "float64", "int8"]))
def test_bytes_follow_the_data_type_and_counts_do_not(steps, dtype):
    usual, other = read(steps), read(steps, dtype=dtype)
    size = {"float16": 2, "bfloat16": 2, "float64": 8, "int8": 1}[dtype]
    assert 4 * other.totals.output_bytes == size * usual.totals.output_bytes
    assert 4 * other.param_bytes == size * usual.param_bytes
    assert other.totals._replace(output_bytes=0) == usual.totals._replace(output_bytes=0)
