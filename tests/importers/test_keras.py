"""Keras models: small ones, whose figures follow by hand."""

from __future__ import annotations

import json
from io import BytesIO
from random import Random

import pytest
from keras_files import chain, digits, entry, functional, hdf5, hdf5_groups, layer, tensor, zipped

import archinspect
from archinspect.base.diagnostics import InvalidSpecError
from archinspect.importers.keras import layers as table
from archinspect.importers.keras.hdf5 import DamagedError, Hdf5
from archinspect.importers.keras.operations import OPERATIONS

DIGITS = 4 * 9 + 4 + 2 * 4 + 5 * 10
"""Parameters of the model of that name, without two statistics of each channel."""


@pytest.fixture
def read(tmp_path):
    """Return a function that reads a model from a file of this name."""

    def network(model, name="model.json", **settings):
        path = tmp_path / name
        path.write_bytes(model if isinstance(model, bytes) else json.dumps(model).encode())
        return archinspect.network(path, **settings)

    return network


def params(network):
    totals = network.report().totals
    return totals.params, totals.buffers


def shapes(network):
    return [shape[1:] for shape in network.report().outputs.values()]


def rows(network):
    return [(row.name, row.cost.params + row.cost.buffers) for row in network.report().layers]


# Files


def as_yaml(model):
    """A model as `to_yaml` of Keras 1 and 2 wrote it: keys by lines, tuples under a tag."""
    lines = [f"{key}: {json.dumps(value)}" for key, value in model.items()]
    return "\n".join(lines).replace("[3, 3]", "!!python/tuple [3, 3]").encode()


def in_hdf5(model, *, second=False):
    return hdf5({"keras_version": "2.4.0", "model_config": json.dumps(model)}, second=second)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model.json", digits()),
        ("model.txt", json.dumps(json.dumps(digits())).encode()),
        ("model", {"modelTopology": {"keras_version": "2.4.0", "model_config": digits()}, "weightsManifest": []}),
        ("model.json", {"modelTopology": digits(), "format": "layers-model"}),
        ("model.yaml", as_yaml(digits())),
        ("model.keras", zipped(digits())),
        ("model.zip", zipped(digits())),
        ("model.h5", in_hdf5(digits())),
        ("model", in_hdf5(digits(), second=True)),
    ],
)
def test_a_file_is_known_by_its_content(read, name, content):
    network = read(content, name)
    assert params(network) == (DIGITS, 8)
    assert rows(network)[0] == ("conv", 40)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("weights.h5", hdf5({"backend": "torch"}), "no architecture"),
        ("cut.h5", in_hdf5(digits())[:300], "cannot be read: it is cut off"),
        ("graph.json", {"modelTopology": {"node": []}}, "graph of TensorFlow without layers"),
        ("mine.json", {"class_name": "Mine", "config": {"width": 3}}, "Mine is a class of its author's"),
        ("old.json", {"class_name": "Sequential", "config": [{"name": "Dense"}]}, "Keras before 1.0"),
    ],
)
def test_what_cannot_be_read_is_said(read, name, content, message):
    with pytest.raises(InvalidSpecError, match=message):
        read(content, name)


# Models


def test_a_model_within_a_model_that_is_called_twice(read):
    inner = functional(
        [entry("x", 4), layer("Dense", "deep", tensor("x", (4,)), units=4)], ["x"], ["deep"], name="inner"
    )
    inner = {**inner, "name": "inner", "inbound_nodes": [{"args": [tensor("a", (4,))], "kwargs": {}}]}
    inner["inbound_nodes"].append({"args": [tensor("inner", (4,))], "kwargs": {}})
    model = functional([entry("a", 4), inner], ["a"], [["inner", 2, 0]])
    network = read(model)
    assert rows(network) == [("inner.deep", 20), ("inner_1.deep", 0)]
    assert network.report().totals.macs == 2 * 16


def test_a_shared_layer_keeps_its_name_and_weights(read):
    again = [[tensor("a", (4,))], [tensor("dense", (4,))]]
    model = functional([entry("a", 4), layer("Dense", "dense", calls=again, units=4)], ["a"], [["dense", 1, 0]])
    assert rows(read(model)) == [("dense", 20), ("dense_1", 0)]


def test_a_layer_that_stands_before_what_it_reads(read):
    model = functional(
        [
            entry("a", 4),
            layer("Dense", "late", tensor("early", (3,)), units=2),
            layer("Dense", "early", tensor("a", (4,)), units=3),
        ],
        ["a"],
        ["late"],
    )
    assert rows(read(model)) == [("early", 15), ("late", 8)]


def test_layers_that_wait_for_one_another_are_refused(read):
    layers = [
        entry("a", 4),
        layer("Dense", "b", tensor("c", (4,)), units=4),
        layer("Dense", "c", tensor("b", (4,)), units=4),
    ]
    with pytest.raises(InvalidSpecError, match="reads what depends on it"):
        read(functional(layers, ["a"], ["c"]))


def test_a_frozen_model_within_a_model(read):
    frozen = {**digits(), "name": "digits", "inbound_nodes": [{"args": [tensor("a", (8, 8, 1))], "kwargs": {}}]}
    frozen["config"]["trainable"] = False
    head = layer("Dense", "new", tensor("digits", (10,)), units=2)
    totals = read(functional([entry("a", 8, 8, 1), frozen, head], ["a"], ["new"])).report().totals
    assert (totals.trainable_params, totals.params) == (22, DIGITS + 22)


def test_open_sizes_stay_open(read):
    model = chain(
        ("Embedding", {"name": "words", "batch_input_shape": [None, None], "input_dim": 50, "output_dim": 8}),
        ("LSTM", {"name": "lstm", "units": 4, "return_sequences": True}),
    )
    assert shapes(read(model)) == [(None, 4)]
    assert shapes(read(model, inputs={"": [7]})) == [(7, 4)]
    assert params(read(model)) == (50 * 8 + 4 * 4 * (8 + 4 + 1), 0)


def test_a_sequential_without_a_shape_needs_one(read):
    model = chain(("Dense", {"name": "dense", "units": 3}))
    with pytest.raises(InvalidSpecError, match="does not say which shape the input has"):
        read(model)
    assert params(read(model, inputs={"": [5]})) == (18, 0)


def test_a_batch_of_the_file(read):
    model = chain(("LSTM", {"name": "lstm", "units": 3, "batch_input_shape": [4, 5, 2], "stateful": True}))
    assert read(model).graph.batch == 4


def test_functions_that_are_not_run(read):
    code = layer("Lambda", "code", tensor("a", (4,)), function={"class_name": "__lambda__", "config": {"code": "4w"}})
    model = functional([entry("a", 4), code, layer("Dense", "d", tensor("code", (6,)), units=2)], ["a"], ["d"])
    report = read(model).report()
    assert report.status == "partial"
    assert dict(report.uncounted) == {"code": ("macs", "flops")}
    assert rows(read(model)) == [("code", 0), ("d", 14)]
    with pytest.raises(InvalidSpecError, match=r"'code' \(Lambda\): what it gives is not known"):
        read(functional([entry("a", 4), code], ["a"], ["code"]))


def test_who_asks_may_say_what_a_layer_gives(read):
    model = chain(
        ("Dense", {"name": "a", "batch_input_shape": [None, 4], "units": 6}),
        ("Mine", {"name": "mine"}),
        ("Dense", {"name": "b", "units": 2}),
    )
    with pytest.raises(InvalidSpecError, match=r"--set mine="):
        read(model)
    assert rows(read(model, params={"mine": [5]})) == [("a", 30), ("mine", 0), ("b", 12)]
    with pytest.raises(InvalidSpecError, match="no parameter 'other'"):
        read(model, params={"mine": [5], "other": 3})


def test_layers_of_the_authors_own(read):
    own = layer("Mine", "own", tensor("a", (4,)), module="mine", width=6)
    model = functional([entry("a", 4), own, layer("Dense", "d", tensor("own", (6,)), units=2)], ["a"], ["d"])
    report = read(model).report()
    assert dict(report.uncounted) == {"own": ("params", "macs", "flops")}
    assert "'own' (Mine)" in read(model).graph.description


def test_what_disagrees_with_the_file_is_refused(read):
    model = functional(
        [
            entry("a", 4),
            layer("Dense", "d", tensor("a", (4,)), units=3),
            layer("Dense", "e", tensor("d", (5,)), units=2),
        ],
        ["a"],
        ["e"],
    )
    with pytest.raises(InvalidSpecError, match=r"'d' \(Dense\): its output should be \(None, 3\), but the file says"):
        read(model)


def test_arguments_that_are_not_known_are_refused(read):
    model = functional([entry("a", 4), layer("Dense", "d", tensor("a", (4,)), units=3, lora_rank=2)], ["a"], ["d"])
    with pytest.raises(InvalidSpecError, match=r"'d' \(Dense\): its argument lora_rank is not known"):
        read(model)


@pytest.mark.parametrize(("policy", "mode"), [("QuantizedDTypePolicy", "int8"), ("Int4DTypePolicy", "int4/128")])
def test_weights_that_were_quantized_are_refused(read, policy, mode):
    dense = layer("Dense", "d", tensor("a", (4,)), units=3)
    dense["config"]["dtype"] = {"class_name": policy, "config": {"mode": mode}}
    with pytest.raises(InvalidSpecError, match="it was quantized"):
        read(functional([entry("a", 4), dense], ["a"], ["d"]))


def test_attention_of_quantized_projections_is_refused_by_a_map_of_types(read):
    heads = layer("MultiHeadAttention", "a", tensor("x", (9, 8)), tensor("x", (9, 8)), num_heads=2, key_dim=4)
    read(functional([entry("x", 9, 8), heads], ["x"], ["a"]))
    heads["config"]["dtype"] = {
        "class_name": "DTypePolicyMap",
        "config": {"policy_map": {"a/query": {"class_name": "QuantizedDTypePolicy", "config": {"mode": "int8"}}}},
    }
    with pytest.raises(InvalidSpecError, match=r"'a' .*it was quantized"):
        read(functional([entry("x", 9, 8), heads], ["x"], ["a"]))


@pytest.mark.parametrize(
    ("arrays", "is_quantized"),
    [
        ({"vars": {"0": {}, "1": {}}}, False),
        ({"vars": {"0": {}, "1": {}, "2": {}}}, True),  # a kernel of integers, a bias, a scale
        ({"query": {"kernel": {}, "kernel_scale": {}}}, True),  # as older files name them
    ],
)
def test_attention_whose_arrays_have_scales_is_refused(tmp_path, arrays, is_quantized):
    heads = layer("MultiHeadAttention", "a", tensor("x", (9, 8)), tensor("x", (9, 8)), num_heads=2, key_dim=4)
    path = tmp_path / "model.keras"
    weights = hdf5_groups({"layers": {"multi_head_attention": {"query_dense": arrays}, "vars": {}}})
    path.write_bytes(zipped(functional([entry("x", 9, 8), heads], ["x"], ["a"]), weights=weights))
    found = archinspect.check(path)
    assert ["it was quantized" in one.message for one in found.diagnostics] == [True] * is_quantized


def test_groups_that_hold_themselves_come_once():
    data = bytearray(hdf5_groups({"a": {"b": {}}}))
    inner = data.index(b"a\0", 96) + 2 + 8  # the leaf of the root stands behind its names
    data[inner + 8 : inner + 16] = data[64:72]
    assert list(Hdf5(BytesIO(data)).groups()) == [("/", ["a"])]
    with pytest.raises(DamagedError):
        list(Hdf5(BytesIO(data[:-30])).groups())


def test_normalizations_as_functions(read):
    ops = {"module": "keras.src.ops.nn"}
    scale = {"class_name": "__numpy__", "config": {"value": [1.0] * 6, "dtype": "float32"}}
    layers = [
        entry("x", 4, 4, 6),
        layer("LayerNorm", "plain", tensor("x", (4, 4, 6)), None, None, **ops, axis=[1, 2]),
        layer("LayerNorm", "scaled", tensor("x", (4, 4, 6)), scale, scale, **ops, axis=-1),
        layer("RMSNorm", "rms", tensor("x", (4, 4, 6)), **ops, axis=-1),
    ]
    network = read(functional(layers, ["x"], ["plain", "scaled", "rms"]))
    assert (params(network), shapes(network)) == ((0, 0), [(4, 4, 6)] * 3)
    assert network.report().totals.flops == (6 + 8 + 3) * 4 * 4 * 6


@pytest.mark.parametrize(("kind", "module"), [("STFTSpectrogram", "keras.layers"), ("Argsort", "keras.src.ops.numpy")])
def test_kinds_of_keras_that_are_not_read_say_so(read, kind, module):
    with pytest.raises(InvalidSpecError, match="it is of a kind that is not read, and the file has no shape of it"):
        read(functional([entry("x", 8), layer(kind, "one", tensor("x", (8,)), module=module)], ["x"], ["one"]))


# Versions


def test_keras_1(read):
    model = chain(
        (
            "Convolution2D",
            {
                "name": "conv",
                "batch_input_shape": [None, 1, 8, 8],
                "nb_filter": 4,
                "nb_row": 3,
                "nb_col": 2,
                "border_mode": "same",
                "subsample": [2, 2],
                "dim_ordering": "th",
                "bias": True,
                "init": "glorot_uniform",
                "W_regularizer": None,
            },
        ),
        ("BatchNormalization", {"name": "norm", "mode": 0, "axis": 1, "epsilon": 1e-5, "momentum": 0.9}),
        ("Flatten", {"name": "flat"}),
        ("Dropout", {"name": "drop", "p": 0.5}),
        ("MaxoutDense", {"name": "max", "output_dim": 3, "nb_feature": 2}),
        ("Dense", {"name": "out", "output_dim": 2, "activation": "softmax"}),
        version="1.2.2",
    )
    assert rows(read(model)) == [
        ("conv", 4 * 6 + 4),
        ("norm", 16),
        ("flat", 0),
        ("drop", 0),
        ("max", 65 * 6),
        ("out", 8),
    ]


def test_calls_of_keras_2(read):
    tf = {"class_name": "TFOpLambda", "config": {"name": "tf.math.add", "function": "math.add", "trainable": True}}
    model = {
        "class_name": "Functional",
        "keras_version": "2.6.0",
        "config": {
            "name": "m",
            "layers": [
                {
                    "class_name": "InputLayer",
                    "config": {"batch_input_shape": [None, 4], "dtype": "float32", "name": "x"},
                    "name": "x",
                    "inbound_nodes": [],
                },
                {
                    "class_name": "Dense",
                    "config": {"name": "d", "trainable": True, "units": 4},
                    "name": "d",
                    "inbound_nodes": [[["x", 0, 0, {}]]],
                },
                {**tf, "name": "tf.math.add", "inbound_nodes": [["d", 0, 0, {"y": ["x", 0, 0], "name": None}]]},
                {
                    "class_name": "SlicingOpLambda",
                    "config": {"name": "tf.__operators__.getitem", "function": "__operators__.getitem"},
                    "name": "cut",
                    "inbound_nodes": [
                        [
                            "tf.math.add",
                            0,
                            0,
                            {
                                "slice_spec": [
                                    {"start": None, "stop": None, "step": None},
                                    {"start": 0, "stop": 3, "step": None},
                                ]
                            },
                        ]
                    ],
                },
            ],
            "input_layers": [["x", 0, 0]],
            "output_layers": [["cut", 0, 0]],
        },
    }
    network = read(model)
    assert rows(network) == [("d", 20), ("tf-math-add", 0), ("cut", 0)]
    assert shapes(network) == [(3,)]


def test_functions_of_keras_3(read):
    ops = "keras.src.ops.numpy"
    model = functional(
        [
            entry("x", 6, 4),
            layer("Multiply", "twice", tensor("x", (6, 4)), 2.0, module=ops),
            layer("Mean", "mean", tensor("twice", (6, 4)), module=ops, axis=-1, keepdims=True),
            layer("Subtract", "minus", tensor("twice", (6, 4)), tensor("mean", (6, 1)), module=ops),
            layer("Reshape", "flat", tensor("minus", (6, 4)), module=ops, newshape=[-1, 24]),
            layer("Max", "all", tensor("minus", (6, 4)), module=ops, axis=None, keepdims=False),
        ],
        ["x"],
        ["flat"],
    )
    model["config"]["layers"].pop()
    network = read(model)
    assert shapes(network) == [(24,)]
    assert network.report().totals.flops == 24 + 24 + 24


# Layers


@pytest.mark.parametrize(
    ("kind", "config", "given", "count", "made"),
    [
        ("Conv2D", {"filters": 6, "kernel_size": [3, 3], "groups": 2}, (8, 8, 4), 6 * 18 + 6, (6, 6, 6)),
        ("DepthwiseConv2D", {"kernel_size": [3, 3], "depth_multiplier": 2}, (8, 8, 4), 80, (6, 6, 8)),
        ("SeparableConv2D", {"filters": 3, "kernel_size": [3, 3]}, (8, 8, 4), 36 + 15, (6, 6, 3)),
        ("Conv2DTranspose", {"filters": 3, "kernel_size": [3, 3], "strides": [2, 2]}, (4, 4, 2), 57, (9, 9, 3)),
        ("GRU", {"units": 3, "reset_after": True}, (5, 2), 3 * 3 * (2 + 3 + 2), (3,)),
        ("GRU", {"units": 3}, (5, 2), 3 * 3 * (2 + 3 + 1), (3,)),
        ("CuDNNLSTM", {"units": 3}, (5, 2), 4 * 3 * (2 + 3 + 2), (3,)),
        (
            "RNN",
            {"cell": {"class_name": "LSTMCell", "config": {"units": 3}}, "return_sequences": True},
            (5, 2),
            72,
            (5, 3),
        ),
        (
            "Bidirectional",
            {"layer": {"class_name": "LSTM", "config": {"units": 3}}, "merge_mode": "sum"},
            (5, 2),
            144,
            (3,),
        ),
        ("TimeDistributed", {"layer": {"class_name": "Dense", "config": {"units": 3}}}, (5, 2), 9, (5, 3)),
        (
            "TimeDistributed",
            {"layer": chain(("Dense", {"name": "a", "units": 3}), ("Dense", {"name": "b", "units": 2}))},
            (5, 2),
            9 + 8,
            (5, 2),
        ),
        ("GroupNormalization", {"groups": -1}, (4, 4, 6), 12, (4, 4, 6)),
        ("Normalization", {"axis": [-1]}, (4, 3), 7, (4, 3)),
        ("Addons>InstanceNormalization", {"axis": -1, "groups": -1}, (4, 4, 6), 12, (4, 4, 6)),
        ("InstanceNormalization", {"axis": None}, (4, 4, 6), 2, (4, 4, 6)),
        ("PReLU", {"shared_axes": [1, 2]}, (4, 4, 6), 6, (4, 4, 6)),
        ("LocallyConnected1D", {"filters": 2, "kernel_size": [3]}, (5, 4), 3 * 2 * 13, (3, 2)),
        ("Highway", {}, (4,), 40, (4,)),
        ("Reshape", {"target_shape": [2, -1]}, (4, 3), 0, (2, 6)),
        ("QDense", {"units": 3, "kernel_quantizer": {"class_name": "quantized_bits"}}, (4,), 15, (3,)),
    ],
)
def test_layers(read, kind, config, given, count, made):
    network = read(chain((kind, {"name": "one", "batch_input_shape": [None, *given], **config})))
    assert (sum(params(network)), shapes(network)) == (count, [made])


def test_attention(read):
    heads = layer(
        "MultiHeadAttention",
        "mha",
        tensor("x", (9, 8)),
        tensor("y", (7, 6)),
        num_heads=2,
        key_dim=4,
        value_dim=5,
        use_bias=False,
    )
    network = read(functional([entry("x", 9, 8), entry("y", 7, 6), heads], ["x", "y"], ["mha"]))
    assert params(network) == (8 * 8 + 6 * 8 + 6 * 10 + 10 * 8, 0)
    assert network.report().totals.macs == 9 * 64 + 7 * 48 + 7 * 60 + 9 * 80 + 9 * 7 * 8 + 9 * 7 * 10


@pytest.mark.parametrize("seed", range(3))
def test_mutated_files_are_read_or_refused(tmp_path, seed):
    rng = Random(seed)
    path = tmp_path / "model"
    text = json.dumps(digits())
    blobs = [zipped(digits()), in_hdf5(digits()), in_hdf5(digits(), second=True)]
    for _ in range(150):
        if rng.random() < 0.7:
            path.write_text(mutated(rng, json.loads(text)))
        else:
            data = bytearray(rng.choice(blobs))
            for _ in range(rng.choice([1, 3, 9])):
                at = rng.randrange(rng.choice([200, len(data)]))
                data[at : at + rng.choice([0, 1, 4])] = rng.randbytes(rng.choice([0, 1, 4]))
            path.write_bytes(bytes(data))
        assert all(one.message for one in archinspect.check(f"keras:{path}").diagnostics)


def mutated(rng, model):
    """Return a model with values deleted, exchanged or replaced."""
    places = []
    todo = [model]
    while todo:
        value = todo.pop()
        inner = list(value.items() if isinstance(value, dict) else enumerate(value))
        places += [(value, key) for key, _ in inner]
        todo += [one for _, one in inner if isinstance(one, dict | list)]
    wild = [None, -1, 0, 3, 10**30, 1e300, "x", "", [], [1], {}, True, [None, 3], {"class_name": "__slice__"}]
    for _ in range(rng.choice([1, 1, 2, 4])):
        holder, key = rng.choice(places)
        other, place = rng.choice(places)
        if rng.random() < 0.2 and isinstance(holder, dict):
            holder.pop(key, None)
        elif isinstance(holder, dict) or key < len(holder):
            kept = json.loads(json.dumps(other.get(place) if isinstance(other, dict) else other[place : place + 1]))
            holder[key] = rng.choice([*wild, kept, kept])
    return json.dumps(model)


def test_one_shape_for_several_inputs(read):
    model = functional(
        [entry("a", 4), entry("b", 4), layer("Add", "c", [tensor("a", (4,)), tensor("b", (4,))])], "ab", "c"
    )
    with pytest.raises(InvalidSpecError, match="which input has this shape"):
        read(model, inputs={"": [5]})
    assert shapes(read(model, inputs={"a": [5], "b": [5]})) == [(5,)]


def test_every_layer_and_function_of_the_tables_is_there():
    names = [name for names in table.FAMILIES.values() for name in names]
    assert [name for name in names if table.find(name) is None] == []
    assert len(set(names)) == len(names)
    assert all(map(callable, OPERATIONS.values()))
