"""The spec language: every form that people write is read as the network they mean."""

from __future__ import annotations

import pytest

import archinspect
from archinspect import InvalidSpecError


@pytest.fixture
def read(tmp_path):
    """Return the report of a spec's text."""

    def report(text, **settings):
        path = tmp_path / "net.yaml"
        path.write_text(text, encoding="utf-8")
        return archinspect.inspect(path, **settings)

    return report


@pytest.fixture
def refused(read):
    """Return the messages of a spec that has errors."""

    def messages(text, **settings):
        with pytest.raises(InvalidSpecError) as caught:
            read(text, **settings)
        return [diagnostic.message for diagnostic in caught.value.diagnostics]

    return messages


def names(report):
    return [row.name for row in report.layers]


def reads(report):
    return {row.name: row.inputs for row in report.layers}


def shapes(report):
    return [row.output_shape[1:] for row in report.layers]


CANONICAL = """
input: [32, 32, 3]
layers:
  - Conv2D: {filters: 16, kernel_size: [3, 3], strides: 2, padding: same, use_bias: false}
    name: first
  - BatchNormalization: {epsilon: 0.001}
  - ReLU
  - MaxPooling2D: {pool_size: 2}
  - Flatten
  - Dropout: {rate: 0.5}
  - Dense: {units: 10, activation: softmax}
"""
HEAD = "input: [32, 32, 3]\nlayers:\n"
CONV = "filters: 16, kernel_size: 3, strides: 2, padding: same, use_bias: false"
REST = """
  - BatchNormalization: {epsilon: 0.001}
  - ReLU
  - MaxPooling2D: {pool_size: 2}
  - Flatten
  - Dropout: {rate: 0.5}
  - Dense: {units: 10, activation: softmax}
"""
FORMS = {
    "block_style": f"{HEAD}  - Conv2D:\n      {CONV.replace(', ', '{}      ')}\n    name: first{REST}".replace(
        "{}", "\n"
    ),
    **{
        f"flat_by_{key}": f"{HEAD}  - {{{key}: Conv2D, name: first, {CONV}}}{REST}"
        for key in ("type", "op", "layer", "operation", "class_name", "module")
    },
    **{
        f"flat_with_{key}": f"{HEAD}  - {{type: Conv2D, name: first, {key}: {{{CONV}}}}}{REST}"
        for key in ("params", "args", "arguments", "kwargs", "config", "parameters", "attributes")
    },
    "flat_with_both": f"{HEAD}  - {{type: Conv2D, filters: 16, name: first, "
    f"args: {{kernel_size: 3, strides: 2, padding: same, use_bias: false}}}}{REST}",
    "flat_with_empty_arguments": f"{HEAD}  - {{type: Conv2D, name: first, {CONV}, params: }}{REST}",
    "keys_among_the_arguments": f"{HEAD}  - Conv2D: {{{CONV}, name: first}}{REST}",
    "name_of_a_map": "input: [32, 32, 3]\nlayers:\n"
    f"  first: {{Conv2D: {{{CONV}}}}}\n"
    "  batch_normalization: {type: BatchNormalization, epsilon: 1e-3}\n  re_lu: ReLU\n  max_pooling2d: MaxPooling2D\n"
    "  flatten: Flatten\n  dropout: Dropout\n  dense: {Dense: {units: 10, activation: softmax}}\n",
    "pytorch": HEAD
    + """
  - Conv2d: {in_channels: 3, out_channels: 16, kernel_size: 3, stride: 2, padding: [[0, 1], [0, 1]], bias: false}
    name: first
  - BatchNorm2d: {num_features: 16, eps: 1e-3}
  - ReLU: {inplace: true}
  - MaxPool2d: 2
  - nn.Flatten
  - Dropout: {p: 0.5}
  - Linear: {in_features: 1024, out_features: 10, activation: softmax}
""",
    "main_arguments": f"{HEAD}  - Conv2D: {{{CONV}}}\n    name: first\n  - BatchNormalization:\n  - ReLU\n"
    "  - MaxPooling2D: 2\n  - Flatten\n  - Dropout: 0.5\n  - Dense: {units: 10, activation: softmax}\n",
    "times": f"{HEAD}  - Conv2D: {{{CONV.replace('3', '3x3').replace('2,', '2x2,')}}}\n    name: first{REST}",
    "times_with_commas": HEAD + "  - Conv2D: {" + CONV.replace("3", "'3, 3'") + "}\n    name: first" + REST,
    "other_spellings": HEAD + f"  - conv_2d: {{{CONV}}}\n    name: first" + REST.replace("ReLU", "relu"),
    "steps_that_are_quoted": CANONICAL.replace("- ReLU", '- "ReLU"').replace("same", "'same'"),
    "own_keys_of_the_file": CANONICAL.replace("layers:", "architecture:").replace("input:", "input_shape:"),
    "layers_in_a_map": CANONICAL.replace("layers:\n", "model:\n  layers:\n"),
    "json": '{"input": [32, 32, 3], "layers": [{"Conv2D": {"filters": 16, "kernel_size": 3, "strides": 2, '
    '"padding": "same", "use_bias": false}, "name": "first"}, {"BatchNormalization": {}}, "ReLU", '
    '{"MaxPooling2D": 2}, "Flatten", {"Dropout": 0.5}, {"Dense": {"units": 10, "activation": "softmax"}}]}',
    "whole_floats": CANONICAL.replace("16", "16.0").replace("units: 10", "units: 1e1"),
    "crlf": CANONICAL.replace("\n", "\r\n"),
    "anchors": HEAD + f"  - Conv2D: &conv {{{CONV}}}\n    name: first" + REST,
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_the_same_network(read, form):
    expected = read(CANONICAL)
    found = read(FORMS[form])
    assert names(found) == names(expected)
    for one, other in zip(found.layers, expected.layers, strict=True):
        assert (one.type, one.inputs, one.output_shape, one.cost) == (
            other.type,
            other.inputs,
            other.output_shape,
            other.cost,
        )
    assert found.inputs == expected.inputs
    assert found.outputs == expected.outputs


def test_the_canonical_form_is_what_it_says(read):
    report = read(CANONICAL)
    assert names(report) == ["first", "batch_normalization", "re_lu", "max_pooling2d", "flatten", "dropout", "dense"]
    assert shapes(report) == [(16, 16, 16)] * 3 + [(8, 8, 16), (1024,), (1024,), (10,)]
    assert [row.cost.params for row in report.layers] == [432, 32, 0, 0, 0, 0, 10_250]


@pytest.mark.parametrize(
    "given",
    [
        "input: [224, 224, 3]",
        "input: 224x224x3",
        "input: '224, 224, 3'",
        "input: [null, 224, 224, 3]",
        "input: {shape: [224, 224, 3]}",
        "input: {shape: 224x224x3, dtype: float32}",
        "input: {shape: [null, 224, 224, 3]}",
        "inputs: {input: [224, 224, 3]}",
        "inputs: {input: {shape: [224, 224, 3]}}",
        "inputs: [224, 224, 3]",
        "input_shape: [224, 224, 3]",
        "input_size: [224, 224, 3]",
        "params: {size: 224}\ninput: [$size, $size, 3]",
        "params: {shape: [224, 224, 3]}\ninput: $shape",
    ],
)
def test_forms_of_the_input(read, given):
    report = read(f"{given}\nlayers: [Flatten]\n")
    assert report.inputs == {"input": (None, 224, 224, 3)}
    assert shapes(report) == [(150_528,)]


def test_an_input_of_one_axis_may_be_a_number(read):
    assert read("input: 784\nlayers: [Dense: 3]\n").inputs == {"input": (None, 784)}


def test_an_input_may_be_a_step(read):
    report = read("layers:\n  - Input: [8]\n  - Dense: 4\n")
    assert report.inputs == {"input": (None, 8)}
    assert reads(report) == {"dense": ("input",)}
    report = read("layers:\n  - {InputLayer: {shape: [8]}, name: data}\n  - {type: Dense, units: 4}\n")
    assert reads(report) == {"dense": ("data",)}


def test_an_input_that_is_a_step_takes_another_shape(read):
    one = "layers:\n  - Input: [8]\n  - Dense: 4\n"
    for name in ("input", ""):
        report = read(one, inputs={name: [5, 6]})
        assert (report.inputs, shapes(report)) == ({"input": (None, 5, 6)}, [(5, 4)])
    two = "layers:\n  - {Input: [8], name: a}\n  - {Input: {shape: [8], batch: false}, name: b}\n"
    two += "  - {Add: , from: [a, b]}\n"
    assert read(two, inputs={"a": [3, 8]}).inputs == {"a": (None, 3, 8), "b": (1, 8)}
    with pytest.raises(InvalidSpecError, match="which input has this shape"):
        read(two, inputs={"": [8]})
    with pytest.raises(InvalidSpecError, match="the spec has no input 'c'"):
        read(two, inputs={"c": [8]})
    with pytest.raises(InvalidSpecError, match="at most 64"):
        read(one, inputs={"": [1] * 65})


def test_an_input_has_a_data_type(read):
    ids, others = (
        read(f"input: {{shape: [8], dtype: {dtype}}}\nlayers: [Identity]\n", dtype="float16")
        for dtype in ("int64", "float")
    )
    assert (ids.totals.output_bytes, others.totals.output_bytes) == (64, 16)


def test_several_inputs_are_read_by_name(read):
    report = read("inputs: {image: [8, 8, 3], mask: [8, 8, 1]}\nlayers:\n  - {Concatenate: , from: [image, mask]}\n")
    assert reads(report) == {"concatenate": ("image", "mask")}
    assert shapes(report) == [(8, 8, 4)]


LAYOUTS = """
layers:
  - Conv2D: {filters: 6, kernel_size: [3, 5], strides: [1, 2], groups: 3}
  - BatchNormalization
  - Add: [[{DepthwiseConv2D: {kernel_size: 3, padding: same}}], []]
  - Concatenate: [[], [ReLU]]
  - MaxPooling2D: 2
  - UpSampling2D: 2
  - ZeroPadding2D: [[1, 0], [2, 1]]
  - Conv2DTranspose: {filters: 4, kernel_size: 3, strides: 2}
  - GroupNormalization: 2
  - GlobalAveragePooling2D
  - Dense: 5
"""


def test_layouts_differ_in_the_order_of_axes_only(read):
    last = read("input: [20, 24, 3]\n" + LAYOUTS)
    first = read("layout: channels_first\ninput: [3, 20, 24]\n" + LAYOUTS)
    assert (last.layout, first.layout) == ("channels_last", "channels_first")
    assert first.totals == last.totals
    for one, other in zip(first.layers, last.layers, strict=True):
        batch, *axes = other.output_shape
        assert one.output_shape == (batch, axes[-1], *axes[:-1])
        assert (one.name, one.inputs, one.cost) == (other.name, other.inputs, other.cost)


def test_a_wrapped_layer_has_the_networks_layout(read):
    step = "{Conv2D: {filters: 8, kernel_size: 3, activation: relu}}"
    first = read(f"""
layout: channels_first
input: [5, 3, 20, 24]
layers:
  - TimeDistributed: {{layer: {step}}}
  - TimeDistributed: {{layer: {{TimeDistributed: {{layer: {{Dense: 4}}}}}}}}
""")
    last = read(f"input: [5, 20, 24, 3]\nlayers:\n  - TimeDistributed: {{layer: {step}}}\n")
    film, dense = first.layers
    assert film.output_shape[1:] == (5, 8, 18, 22)
    assert last.layers[0].output_shape[1:] == (5, 18, 22, 8)
    assert film.cost == last.layers[0].cost
    assert (film.kind, dense.kind) == ("convolution", "dense")
    assert [axis.size for axis in film.field] == [1, 3, 3]
    assert dense.output_shape[1:] == (5, 8, 18, 4)
    assert dense.cost.params == (22 + 1) * 4
    own = read("""
layout: channels_first
input: [5, 20, 24, 3]
layers:
  - TimeDistributed: {layer: {Conv2D: {filters: 8, kernel_size: 3, data_format: channels_last}}}
""")
    assert own.layers[0].output_shape[1:] == (5, 18, 22, 8)


# Names


def test_names_are_kerass(read):
    report = read(
        "input: [8]\nlayers: [Dense: 4, ReLU, Dense: 4, LeakyReLU, Dense: 4, {ReLU: , name: dense_3}, Dense: 4]\n"
    )
    assert names(report) == ["dense", "re_lu", "dense_1", "leaky_re_lu", "dense_2", "dense_3", "dense_4"]


def test_a_given_name_may_be_a_number_or_an_expression(read):
    assert names(read("input: [8]\nparams: {n: 3}\nlayers: [{ReLU: , name: 1}, {ReLU: , name: relu$n}]\n")) == [
        "1",
        "relu3",
    ]


# from


def test_from_takes_names_numbers_and_lists(read):
    report = read("""
input: [8]
layers:
  - {Dense: 8, name: a}
  - {Dense: 8, name: b}
  - {Dense: 8, name: c, from: a}
  - {Add: , name: d, from: [-1, b]}
  - {Add: , name: e, from: [-2, -4, input]}
  - {ReLU: , name: f, from: -5}
  - {ReLU: , name: g, from: [a]}
  - {ReLU: , name: h, inputs: f}
outputs: [e, f, g, h]
""")
    assert reads(report) == {
        "a": ("input",),
        "b": ("a",),
        "c": ("a",),
        "d": ("c", "b"),
        "e": ("c", "a", "input"),
        "f": ("a",),
        "g": ("a",),
        "h": ("f",),
    }
    assert list(report.outputs) == ["e", "f", "g", "h"]


def test_a_negative_number_may_reach_the_input(read):
    report = read("input: [8]\nlayers: [ReLU, {Dense: 4, from: -1}, {ReLU: , from: -3}]\noutputs: [dense, -1]\n")
    assert reads(report) == {"re_lu": ("input",), "dense": ("re_lu",), "re_lu_1": ("input",)}
    report = read("input: [8]\nblocks:\n  b: [Dense: 8, {Add: , from: [-1, -2]}]\nlayers: [ReLU, b]\n")
    assert reads(report)["b.add"] == ("b.dense", "re_lu")


def test_from_may_name_what_comes_later(read):
    report = read("""
input: [8]
layers:
  - {Add: , name: last, from: [a, b]}
  - {Dense: 8, name: a, from: b}
  - {Dense: 8, name: b, from: input}
outputs: last
""")
    assert names(report) == ["b", "a", "last"]  # in the order of execution


def test_from_looks_in_its_own_scope_first_then_outward(read):
    report = read("""
input: [8]
blocks:
  inner:
    - {ReLU: , name: x}
    - {Add: , name: sum, from: [x, y, z, input]}
layers:
  - {Dense: 8, name: x}
  - {Dense: 8, name: y}
  - name: outer
    layers:
      - {Dense: 8, name: y}
      - {Dense: 8, name: z}
      - {inner: , name: deep}
  - {Add: , name: end, from: [outer.deep.x, outer, x, y]}
""")
    found = reads(report)
    assert found["outer.deep.sum"] == ("outer.deep.x", "outer.y", "outer.z")
    assert found["end"] == ("outer.deep.x", "outer.deep.sum", "x", "y")


def test_the_input_of_a_block_is_what_it_reads(read):
    report = read(
        "input: [8]\nblocks:\n  b: [Dense: 8, {Add: , from: [-1, input]}]\nlayers: [{ReLU: , name: r}, b, b]\n"
    )
    assert reads(report)["b.add"] == ("b.dense", "r")
    assert reads(report)["b_1.add"] == ("b_1.dense", "b.add")


def test_names_pass_through_a_blocks_parameters(read):
    report = read(
        """
input: [8]
blocks:
  join: {params: {with: }, layers: [{Add: , from: [input, $with]}]}
layers:
  - {Dense: 8, name: a}
  - {Dense: 8, name: b}
  - join: a
  - join: {with: [a, b]}
""".replace("{with: [a, b]}", "{with: b}")
    )
    assert reads(report)["join.add"] == ("b", "a")
    assert reads(report)["join_1.add"] == ("join.add", "b")


# Merges


def test_paths_start_where_the_merge_stands(read):
    report = read("""
input: [8, 8, 4]
layers:
  - {ReLU: , name: r}
  - Add:
      - [{Conv2D: {filters: 4, kernel_size: 1}}, ReLU]
      - Conv2D: {filters: 4, kernel_size: 1}
      - []
      - ReLU
      - [{ReLU: , from: -1}]
  - {Concatenate: {axis: 1, paths: [[], [ReLU]]}}
  - {type: Add, paths: [[], []]}
  - {type: Add, args: [[], []]}
  - {Add: [[], []], from: r}
outputs: [-2, -1]
""")
    found = reads(report)
    assert found["conv2d"] == found["conv2d_1"] == found["re_lu_1"] == ("r",)
    assert found["re_lu"] == ("conv2d",)
    assert found["add"] == ("re_lu", "conv2d_1", "r", "re_lu_1", "re_lu_2")
    assert found["concatenate"] == ("add", "re_lu_3")
    assert found["add_1"] == ("concatenate",)
    assert found["add_3"] == ("r",)
    assert report.layers[names(report).index("concatenate")].output_shape == (None, 16, 8, 4)


def test_a_path_may_start_elsewhere(read):
    report = read("input: [8]\nlayers: [{Dense: 8, name: a}, Dense: 8, {Add: [[], [{Identity: , from: a}]]}]\n")
    assert reads(report)["add"] == ("dense", "identity")
    assert reads(report)["identity"] == ("a",)


# repeat, groups, blocks, when


def test_repeat_numbers_the_copies_of_a_named_step(read):
    assert names(read("input: [8]\nlayers: [{Dense: 8, repeat: 3}, ReLU]\n")) == [
        "dense",
        "dense_1",
        "dense_2",
        "re_lu",
    ]
    report = read("input: [8]\nlayers: [{Dense: 8, repeat: 2, name: tower}, {ReLU: , from: tower}]\n")
    assert reads(report) == {"tower.0": ("input",), "tower.1": ("tower.0",), "re_lu": ("tower.1",)}
    assert names(read("input: [8]\nlayers: [{Dense: 8, repeat: 0}, ReLU]\n")) == ["re_lu"]
    assert names(read("input: [8]\nlayers: [{Dense: 8, repeats: 2}]\n")) == ["dense", "dense_1"]


def test_the_copies_know_their_index(read):
    report = read("input: [8]\nlayers: [{Dense: '${2 ** index}', repeat: 4, name: d}]\n")
    assert shapes(report) == [(1,), (2,), (4,), (8,)]
    block = "blocks:\n  b: {params: {units: '${index + 1}'}, layers: [{Dense: $units, when: '${index != 1}'}]}\n"
    assert shapes(read(f"input: [8]\n{block}layers: [{{b: , repeat: 3}}]\n")) == [(1,), (3,)]


def test_groups_nest_and_fold(read):
    report = read("""
input: [8]
layers:
  - name: a
    layers:
      - Dense: 4
      - layers: [Dense: 5, ReLU]
      - {name: b, repeat: 2, layers: [Dense: 6]}
  - {layers: [ReLU], from: a}
""")
    assert names(report) == ["a.dense", "a.group.dense", "a.group.re_lu", "a.b.0.dense", "a.b.1.dense", "group.re_lu"]
    assert [(row.name, row.type, row.layers) for row in report.fold(1)] == [("a", "group", 5), ("group", "group", 1)]
    assert report.fold(1)[1].inputs == ("a",)


def test_blocks_have_parameters_with_defaults_and_expressions(read):
    blocks = """
params: {width: 4}
blocks:
  mlp:
    description: two layers
    params: {units: , hidden: "${units * 2}", act: relu}
    layers:
      - Dense: {units: $hidden, activation: $act}
      - Dense: $units
"""
    for call, expected in {
        "mlp: 3": [6, 3],
        "mlp: {units: 3}": [6, 3],
        "mlp: {units: $width}": [8, 4],
        "mlp: {units: '${width + 1}', hidden: 7}": [7, 5],
        "type: mlp, units: 3, hidden: 2": [2, 3],
        "{type: mlp, params: {units: 3, hidden: 2}}": [2, 3],
    }.items():
        step = call if call.startswith("{") else f"{{{call}}}"
        report = read(f"input: [8]\n{blocks}layers: [{step}]\n")
        assert [shape[0] for shape in shapes(report)] == expected
        assert names(report) == ["mlp.dense", "mlp.dense_1"]


def test_a_block_sees_the_specs_parameters_but_not_its_callers(read, refused):
    outer = "input: [8]\nparams: {n: 4}\nblocks:\n  a: [Dense: $n]\n  b: {params: {m: 3}, layers: [c]}\n"
    assert shapes(read(outer + "layers: [a]\n")) == [(4,)]
    assert refused(outer + "  c: [Dense: $m]\nlayers: [b]\n") == ["unknown parameter 'm'"]


def test_a_block_may_be_chosen_by_a_parameter(read):
    text = (
        "input: [8]\nparams: {kind: small}\nblocks:\n  small: [Dense: 2]\n  large: [Dense: 9]\nlayers: [$kind, ReLU]\n"
    )
    assert names(read(text)) == ["small.dense", "re_lu"]
    assert names(read(text, params={"kind": "large"})) == ["large.dense", "re_lu"]
    assert names(read(text, params={"kind": "Softmax"})) == ["softmax", "re_lu"]


def test_when_leaves_a_step_out(read):
    text = "input: [8]\nparams: {p: 0}\nlayers: [Dense: 4, {Dropout: $p, when: '${p > 0}'}, Dense: 2]\n"
    assert names(read(text)) == ["dense", "dense_1"]
    assert names(read(text, params={"p": 0.5})) == ["dense", "dropout", "dense_1"]


# params and extends


def test_parameters_are_set_from_outside(read, refused):
    text = "input: [8]\nparams: {units: 4, more: '${units * 2}'}\nlayers: [Dense: $units, Dense: $more]\n"
    assert shapes(read(text)) == [(4,), (8,)]
    assert shapes(read(text, params={"units": 5})) == [(5,), (10,)]
    assert shapes(read(text, params={"more": 5})) == [(4,), (5,)]
    assert refused(text, params={"unit": 5}) == ["the spec has no parameter 'unit'"]


def test_a_template_needs_its_parameters(read, refused):
    text = "input: [8]\nparams: {units: , depth: }\nlayers: [{Dense: $units, repeat: $depth}]\n"
    assert refused(text) == ["this spec is a template: it needs 'units', 'depth'"]
    dependent = text.replace("params: {", "params: {more: , twice: '${2 * more}', ")
    assert refused(dependent) == ["this spec is a template: it needs 'more', 'units', 'depth'"]
    assert shapes(read(text, params={"units": 3, "depth": 2})) == [(3,), (3,)]


def test_extends_replaces_what_it_says(tmp_path):
    base = "name: Base\nsource: A paper\ninput: [8]\nparams: {units: 4, act: relu}\nblocks:\n  b: [Dense: $units]\n"
    base += "layers: [b, Activation: $act]\nmetrics: {year: 1999}\nexpect: {params: 36}\n"
    (tmp_path / "base.yaml").write_text(base, encoding="utf-8")
    path = tmp_path / "net.yml"

    def extended(text):
        path.write_text(text, encoding="utf-8")
        checked = archinspect.check(path)
        assert checked.diagnostics == []
        return checked.report

    plain = extended("extends: base\n")
    assert (plain.name, plain.source, plain.metrics) == (str(path), "A paper", {})
    assert shapes(extended("extends: base.yaml\nparams: {units: 5}\n")) == [(5,), (5,)]
    assert extended("extends: base\ninput: [16]\nexpect: {params: 68}\n").inputs == {"input": (None, 16)}
    assert shapes(extended("extends: base\nblocks:\n  b: [Dense: 2]\n")) == [(2,), (2,)]
    assert names(extended("extends: base\nlayers: [b, b]\n")) == ["b.dense", "b_1.dense"]
    assert extended("name: Own\nextends: base\nmetrics: {year: 2000}\n").metrics == {"year": 2000}
    assert [*extended("extends: vgg16\nparams: {classes: 7}\n").outputs.values()] == [(None, 7)]


def test_a_file_beside_wins_over_a_built_in_one_but_not_over_itself(tmp_path):
    (tmp_path / "vgg16.yaml").write_text("extends: vgg16\nsource: Mine\n", encoding="utf-8")
    (tmp_path / "net.yaml").write_text("extends: vgg16\n", encoding="utf-8")
    assert archinspect.inspect(tmp_path / "vgg16.yaml").totals.params == 138_357_544
    assert archinspect.inspect(tmp_path / "net.yaml").source == "Mine"


# weights and trainable


def params(report):
    return {row.name: row.cost.params for row in report.layers if row.cost.params}


def test_active_parameters_are_those_one_token_uses(read):
    """A router of 4, 1 of 4 experts and 2 that are always used, each 3 projections of 5 x 7; the Dense layer whole."""
    report = read(
        """
input: [3, 5]
layers:
  - {MixtureOfExperts: {num_experts: 4, units: 7, top_k: 1, shared_experts: 2}, name: first, trainable: false}
  - {MixtureOfExperts: {num_experts: 4, units: 7, top_k: 1, shared_experts: 2}, weights: first}
  - Dense: 2
"""
    )
    assert [row.cost.params for row in report.layers] == [5 * 4 + 6 * 105, 0, 12]
    assert [row.cost.active_params for row in report.layers] == [5 * 4 + 3 * 105, 0, 12]
    assert report.as_dict()["totals"]["active_params"] == 5 * 4 + 3 * 105 + 12


def test_shared_weights_count_once(read):
    report = read("""
input: [8]
blocks:
  b: [Dense: 8, {BatchNormalization: , name: bn}]
layers:
  - {Dense: 8, name: a}
  - {Dense: 8, name: c, weights: a}
  - {b: , name: d}
  - {b: , name: e, weights: d}
  - {b: , name: f, weights: e}
  - {Dense: 8, name: g, repeat: 3, weights: a}
""")
    assert params(report) == {"a": 72, "d.dense": 72, "d.bn": 16}
    assert report.totals.params == 160
    assert report.totals.buffers == 16
    assert report.totals.macs == 8 * 64
    assert {row.name: row.shares for row in report.layers if row.shares} == {
        "c": "a",
        "e.dense": "d.dense",
        "e.bn": "d.bn",
        "f.dense": "d.dense",
        "f.bn": "d.bn",
        "g.0": "a",
        "g.1": "a",
        "g.2": "a",
    }


def test_weights_may_be_shared_transposed(read):
    report = read("input: [8]\nlayers: [{Dense: 3, name: a}, {Dense: {units: 8}, name: b, weights: a}]\n")
    assert params(report) == {"a": 27, "b": 8}  # the kernel is shared, the bias of another size is not


def test_weights_may_come_from_a_later_layer(read):
    report = read("input: [8]\nlayers: [{Dense: 8, name: a, weights: b}, {Dense: 8, name: b}]\n")
    assert params(report) == {"b": 72}


def test_a_frozen_group_is_frozen_to_its_leaves(read):
    report = read("""
input: [8]
blocks:
  b: {params: {train: true}, layers: [{Dense: 4, trainable: $train}, Dense: 4]}
layers:
  - {name: frozen, trainable: false, layers: [Dense: 4, {Dense: 4, trainable: true}, b]}
  - {b: , trainable: false, name: c}
  - {b: {train: false}, name: d}
  - {Dense: 4, trainable: true, name: last}
""")
    trained = [row.name for row in report.layers if row.cost.trainable_params]
    assert trained == ["d.dense_1", "last"]
    assert report.totals.trainable_params == 40
    assert report.totals.non_trainable_params == 36 + 7 * 20 - 20


# outputs


def test_the_output_is_the_last_step_unless_said(read):
    text = "input: [8]\nlayers: [{Dense: 4, name: a}, {Dense: 3, name: b}]\n"
    assert read(text).outputs == {"b": (None, 3)}
    for said in ("output: a", "outputs: a", "outputs: [a]", "output: -2", "params: {o: a}\noutputs: $o"):
        assert read(f"{said}\n{text}").outputs == {"a": (None, 4)}
    assert read(f"outputs: [b, a]\n{text}").outputs == {"b": (None, 3), "a": (None, 4)}


# YAML 1.2 core values


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1e-5", 1e-5),
        ("1E+2", 100.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("010", 10),
        ("0x10", 16),
        ("0o10", 8),
        ("1_000", 1000),
        ("11_689_512", 11_689_512),
        ("1__0", "1__0"),
        ("1_00", "1_00"),
        ("+7", 7),
        ("-7", -7),
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("off", "off"),
        ("y", "y"),
        ("True", True),
        ("FALSE", False),
        ("tRue", "tRue"),
        ("~", None),
        ("null", None),
        ("1:30", "1:30"),
        ("2020-01-01", "2020-01-01"),
        ("'1'", "1"),
        ('"true"', "true"),
        ("3x3", "3x3"),
        ("1.2.3", "1.2.3"),
        ("0b11", "0b11"),
        ("-", "-"),
        ("-.inf", float("-inf")),
        (".Inf", float("inf")),
    ],
)
def test_values_are_those_of_yaml_1_2(read, written, value):
    found = read(f"input: [8]\nmetrics:\n  m: {written}\nlayers: [ReLU]\n".replace("m: -\n", "m: '-'\n")).metrics["m"]
    assert (found, type(found)) == (value, type(value))


def test_from_all_is_what_came_in_and_what_was_made(tmp_path):
    """Copies of a repeated step read those before them; the steps inside of one are its own."""
    path = tmp_path / "net.yaml"
    path.write_text(
        """
input: [4, 4, 3]
blocks:
  grow: [Concatenate, {Conv2D: {filters: 2, kernel_size: 1}}, ReLU]
layers:
  - {Conv2D: {filters: 5, kernel_size: 1}, name: first}
  - {grow: , repeat: 2, from: all, name: dense}
  - {Concatenate: , from: all, name: joined}
  - {grow: , from: all, repeat: 0}
""",
        encoding="utf-8",
    )
    rows = {row.name: row for row in archinspect.inspect(path).layers}
    assert rows["dense.0.concatenate"].inputs == ("input", "first")
    assert rows["dense.1.concatenate"].inputs == ("input", "first", "dense.0.re_lu")
    assert rows["joined"].inputs == ("input", "first", "dense.0.re_lu", "dense.1.re_lu")
    assert rows["joined"].output_shape == (None, 4, 4, 3 + 5 + 2 + 2)


@pytest.mark.parametrize("depth", [1, 3])
def test_all_copies_of_a_repeat_are_read(tmp_path, depth):
    """Those of the block's own scope come before others of the same name."""
    path = tmp_path / "net.yaml"
    path.write_text(
        f"""
input: [4, 4, 6]
blocks:
  grow:
    params: {{depth: }}
    layers:
      - {{Split: 2, name: halves}}
      - {{Conv2D: {{filters: 3, kernel_size: 1}}, name: inner, from: halves.1, repeat: $depth}}
      - {{Concatenate: , from: [halves.0, inner.*, outer.*]}}
layers:
  - {{ReLU: , name: outer, repeat: 2}}
  - {{ReLU: , name: inner, repeat: 2}}
  - {{grow: {depth}}}
""",
        encoding="utf-8",
    )
    rows = {row.name: row.inputs for row in archinspect.inspect(path).layers}
    copies = [f"grow.inner.{i}" for i in range(depth)]
    assert rows["grow.concatenate"] == ("grow.halves", *copies, "outer.0", "outer.1")


def test_from_all_with_copies_that_have_names_of_their_own(tmp_path):
    path = tmp_path / "net.yaml"
    path.write_text(
        "input: [4, 4, 3]\nlayers:\n  - {Concatenate: , repeat: 3, from: all, name: 'joined${index}'}\n",
        encoding="utf-8",
    )
    rows = {row.name: row.inputs for row in archinspect.inspect(path).layers}
    assert rows == {"joined0": ("input",), "joined1": ("input", "joined0"), "joined2": ("input", "joined0", "joined1")}


def test_no_more_than_a_thousand_problems_are_told(refused):
    steps = "".join(f"  - {{Dense: 8, from: nothing{i}}}\n" for i in range(1200))
    told = refused(f"input: [8]\nlayers:\n{steps}")
    assert told[:2] == ["unknown layer 'nothing0'", "unknown layer 'nothing1'"]
    assert told[-1] == "more than 1,000 problems; the rest are not shown"
    assert len(told) == 1001
    steps = "".join(f"  - Dens{i}: 8\n" for i in range(1200))
    assert len(refused(f"input: [8]\nlayers:\n{steps}")) == 1001


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("TimeDistributed: {Dense: 8}", "TimeDistributed: {layer: {Dense: 8}}"),
        ("Bidirectional: {LSTM: {units: 4}}", "Bidirectional: {layer: {LSTM: 4}}"),
        ("nn.LazyLinear: 10", "nn.Linear: 10"),
        ("nn.LazyBatchNorm1d:", "nn.BatchNorm1d:"),
        ("nn.Upsample: 3", "Upsample: {size: 3}"),
    ],
)
def test_what_people_type_is_what_they_mean(read, typed, meant):
    one, other = (read(f"input: [6, 5]\nlayers:\n  - {step}\n") for step in (typed, meant))
    assert [(row.type, row.cost, row.output_shape, row.args) for row in one.layers] == [
        (row.type, row.cost, row.output_shape, row.args) for row in other.layers
    ]
