"""Conventions: every figure against what the tool itself prints, where they differ and why, and the page of rules."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

import pytest

import archinspect
from archinspect.analyses import cost
from archinspect.base.shape import size
from archinspect.cli.options import CONVENTIONS as CHOICES
from archinspect.conventions import CONVENTIONS, counted_by, differences, find_convention, rule_names
from archinspect.conventions.quantities import DECLARED, GENERIC, words
from archinspect.language import library
from archinspect.ops import FAMILIES, all_ops

ROOT = Path(__file__).parents[1]
TRUTH = json.loads((ROOT / "tests" / "truth" / "conventions.json").read_text(encoding="utf-8"))
MEASURED = [
    (network, tool, figure)
    for network, tools in TRUTH["networks"].items()
    for tool, figures in tools.items()
    if tool not in ("model", "convnet-burden")
    for figure in figures
    if figure != "model"
]
PUBLISHED = [network for network, tools in TRUTH["networks"].items() if "convnet-burden" in tools]

SMALL_1D = """
input: [4, 16]
layout: channels_first
layers:
  - Conv1D: {filters: 8, kernel_size: 3, padding: 1}
  - GroupNormalization: {groups: 2}
  - SiLU
  - AveragePooling1D: 2
  - Conv1DTranspose: {filters: 6, kernel_size: 3, strides: 2, padding: 1}
  - PReLU: {num_parameters: 1}
  - Upsample: 2
  - ELU
  - Permute: [2, 1]
  - GRU: {units: 5, bidirectional: true, return_sequences: true}
  - SimpleRNN: {units: 7, biases: 2, return_sequences: true}
  - Dense: 3
  - Softmax
"""
SMALL_2D = """
input: [8, 8, 3]
layers:
  - {Conv2D: {filters: 8, kernel_size: 3, padding: 1}, trainable: false}
  - InstanceNormalization: {affine: true}
  - LeakyReLU: 0.1
  - UpSampling2D: {size: 2, interpolation: bilinear}
  - Conv2DTranspose: {filters: 12, kernel_size: 3, strides: 2, padding: 1}
  - ReLU6
  - Upsample: 2
  - AdaptiveAveragePooling2D: 4
  - BatchNormalization: {affine: false}
  - Upsample: {scale_factor: 3, mode: bicubic}
  - MaxPooling2D: 3
  - Flatten
  - {Dense: 192, name: twice}
  - {Dense: 192, weights: twice}
  - LayerNormalization: {elementwise_affine: false}
  - Reshape: [16, 12]
  - LSTM: {units: 10, use_bias: false}
  - Reshape: [1, 1, 10]
  - Conv2DTranspose: {filters: 4, kernel_size: 4, padding: 0}
"""
# MatConvNet's AlexNet: with batch normalization in training, merged for publishing, so without local normalization.
WITHOUT_LOCAL_NORM = re.sub(
    r".*LocalResponse.*\n", "", Path(library.find_builtin("alexnet")).read_text(encoding="utf-8")
)


def with_linear_layers(name):
    """Return a built-in spec with its attention as `Dense` layers around `ScaledDotProductAttention`."""

    def written_out(match):
        paths = "{Dense: $width}, {Dense: $width}, {Dense: $width}"
        return (
            f"{match[1]}- ScaledDotProductAttention: {{num_heads: $heads, paths: [{paths}]}}\n"
            f"{match[1].replace('-', ' ')}- Dense: $width"
        )

    text = Path(library.find_builtin(name)).read_text(encoding="utf-8")
    return re.sub(r"( +(?:- )*)- MultiHeadAttention: .*", written_out, text)


LLAMA = {"depth": 2, "width": 64, "heads": 4, "kv_heads": 2, "hidden": 96, "vocabulary": 100, "seq": 16}


def experts(activation):
    """Return a spec of 4 experts, of which each step takes 2."""
    arguments = f"{{num_experts: 4, units: 96, top_k: 2, activation: {activation}}}"
    return f"input: [16, 64]\nlayers: [{{MixtureOfExperts: {arguments}}}]\n"


def grouped(text):
    """Return Llama's spec with its attention as `Dense` layers, fewer for keys and values, and rotations."""
    dense = "{Dense: {units: %s, use_bias: false}}"
    turned = dense + ', {RotaryEmbedding: "${width // heads}"}'
    narrow = '"${width * kv_heads // heads}"'
    paths = f"[{turned % '$width'}], [{turned % narrow}], [{dense % narrow}]"
    found, count = re.subn(
        r"- MultiHeadAttention:\n(?: {16}.*\n)+",
        f"- ScaledDotProductAttention: {{num_heads: $heads, num_kv_heads: $kv_heads, paths: [{paths}]}}\n"
        f"            - {dense % '$width'}\n",
        text,
    )
    assert count == 1
    return found


# What is measured that no built-in network is: the text of a spec, or a network and its parameters.
SPECS = {
    "gpt2_linear": with_linear_layers("gpt2"),
    "gpt2_written_out": with_linear_layers("gpt2"),
    "bert_base_linear": with_linear_layers("bert_base"),
    "bert_base_eager": with_linear_layers("bert_base"),
    "llama_small": (grouped(Path(library.find_builtin("llama")).read_text(encoding="utf-8")), LLAMA),
    **{f"experts_{name}": experts(name) for name in ("silu", "gelu", "relu")},
    "small_1d": SMALL_1D,
    "small_2d": SMALL_2D,
    "small_1d_batch_3": SMALL_1D,
    "small_2d_batch_3": SMALL_2D,
    "resnet101_v1": ("resnet101", {"stride_on": "1x1"}),
    "resnet152_v1": ("resnet152", {"stride_on": "1x1"}),
}


@cache
def facts(name):
    spec = SPECS.get(name, name)
    text, params = (spec, {}) if isinstance(spec, str) else spec
    return archinspect.network(text, params=params, batch=3 if name.endswith("batch_3") else None).facts


def elements(network, op):
    """Return the output elements of all layers of an operator."""
    found = facts(network)
    return sum(size(found.shape(node.output)) for node in found.graph.nodes if type(node.op).__name__ == op)


SCORES = 2 * 12 * 1024**2 * 768
"""MACs between queries, keys and values of GPT-2."""
BERT_SCORES, BERT_SOFTMAX, BERT_QUERIES, BERT_GELU = (
    2 * 12 * 512**2 * 768,
    12 * 12 * 512**2,
    12 * 512 * 768,
    12 * 512 * 3072,
)
BERT_PROJECTIONS = 12 * 4 * (768**2 + 768)
"""Weights of BERT's projections."""
CONVNEXT_NORMS = 56**2 * 96 + 56**2 * 96 + 28**2 * 192 + 14**2 * 384 + 768
"""Elements that the normalizations of ConvNeXt's stem, of its head and before its down-sampling take."""
IS_LINEAR = "the model has Linear layers where the spec has `MultiHeadAttention`; with `Dense` layers they are equal"
IS_FUSED = "the model has two products where the spec has one operator"

# The tool's figure less ours, and what of the model the spec does not show.
DEVIATIONS = {
    ("mobilenet_v2", "thop", "macs"): (
        -(7 * 7 * 1280 + 1280),
        "torchvision pools at the end by a function, which thop does not see",
    ),
    ("mobilenet_v2", "ptflops", "macs"): (
        -(7 * 7 * 1280),
        "torchvision pools at the end by a function: counted once, a module twice",
    ),
    ("densenet121", "thop", "macs"): (
        -(7 * 7 * 1024 + 1024),
        "torchvision pools at the end by a function, which thop does not see",
    ),
    ("densenet121", "ptflops", "macs"): (
        -2 * (7 * 7 * 1024),
        "torchvision's last ReLU and pooling are functions: counted once, a module twice",
    ),
    ("googlenet", "ptflops", "macs"): (
        -elements("googlenet", "ReLU"),
        "torchvision's ReLUs are functions: counted once, a module twice",
    ),
    ("convnext_tiny", "thop", "params"): (
        -2 * (96 + 96 + 192 + 384 + 768),
        "five normalizations are of torchvision's own class, which thop does not know",
    ),
    ("convnext_tiny", "thop", "macs"): (
        -4 * CONVNEXT_NORMS,
        "five normalizations are of torchvision's own class, which thop does not know",
    ),
    ("convnext_tiny", "ptflops", "macs"): (
        -CONVNEXT_NORMS,
        "five normalizations are of torchvision's own class, which ptflops does not know",
    ),
    ("pointnet", "ptflops", "macs"): (-2 * 3 * 1024 * 1024, "the model takes the largest by `amax`, which has no rule"),
    ("pointnet", "calflops", "flops"): (-3 * 1024 * 1024, "the model takes the largest by `amax`, which has no rule"),
    ("gpt2_written_out", "fvcore", "flops"): (SCORES, IS_FUSED),
    ("bert_base", "torchinfo", "macs"): (BERT_PROJECTIONS, IS_LINEAR),
    ("bert_base", "torchinfo", "memory"): (2 * 4 * 12 * 4 * 512 * 768, IS_LINEAR),
    ("bert_base", "thop", "params"): (BERT_PROJECTIONS, IS_LINEAR),
    ("bert_base", "thop", "macs"): (12 * 4 * 512 * 768**2, IS_LINEAR),
    ("bert_base", "ptflops", "macs"): (
        -BERT_SCORES - BERT_SOFTMAX - BERT_QUERIES - 2 * BERT_GELU,
        f"{IS_LINEAR} but for GELU, a function that transformers takes before ptflops replaces it",
    ),
    ("bert_base", "calflops", "flops"): (
        -BERT_GELU,
        "transformers takes the function GELU before calflops replaces it",
    ),
    ("bert_base_eager", "fvcore", "flops"): (BERT_SCORES, IS_FUSED),
    ("bert_base_eager", "ptflops", "macs"): (
        BERT_SCORES + BERT_SOFTMAX - 2 * BERT_GELU,
        "two products and a softmax where the spec has one operator; GELU as above",
    ),
    ("bert_base_eager", "calflops", "macs"): (BERT_SCORES, IS_FUSED),
    ("bert_base_eager", "calflops", "flops"): (
        2 * BERT_SCORES + BERT_SOFTMAX - BERT_GELU,
        "two products and a softmax where the spec has one operator; GELU as above",
    ),
    ("lstm_classifier", "keras", "params"): (
        -2 * 4 * 128,
        "the spec has two biases a gate, as PyTorch; Keras has one",
    ),
    ("lstm_classifier", "keras", "trainable"): (
        -2 * 4 * 128,
        "the spec has two biases a gate, as PyTorch; Keras has one",
    ),
}


@cache
def totals(network, tool):
    counted = counted_by(facts(network), tool).values()
    figures = {figure.name: sum(c.figures[figure.name] for c in counted) for figure in CONVENTIONS[tool].figures}
    return {"params": sum(c.params for c in counted), **figures}


def ours(network, tool, figure):
    if figure == "trainable":
        return archinspect.inspect(network).totals.trainable_params
    return totals(network, tool)[figure]


@pytest.mark.parametrize(("network", "tool", "figure"), MEASURED)
def test_figures_are_what_the_tool_prints(network, tool, figure):
    printed = TRUTH["networks"][network][tool][figure]
    deviation, _ = DEVIATIONS.get((network, tool, figure), (0, ""))
    assert ours(network, tool, figure) + deviation == printed


def test_deviations_are_of_measured_figures():
    assert {*DEVIATIONS} <= {*MEASURED}
    assert all(deviation for deviation, _ in DEVIATIONS.values())


def test_every_tool_is_measured_on_many_networks():
    for tool in {*CONVENTIONS} - {"archinspect", "macs", "convnet-burden"}:
        measured = {network for network, measured, _ in MEASURED if measured == tool}
        assert len(measured) >= 8
        assert measured >= {"vit_b_16", "unet", "dcgan_generator", "lstm_classifier", "gpt2"}
        assert CONVENTIONS[tool].tool == TRUTH["tools"][tool]


def test_attention_as_a_module_or_as_linear_layers_is_told_apart():
    """A spec with `MultiHeadAttention` is no model of Linear layers, for tools that see modules."""
    for tool in ("torchinfo", "thop", "ptflops"):
        assert totals("gpt2", tool)["macs"] != totals("gpt2_linear", tool)["macs"]
    for tool in ("torch", "fvcore", "calflops"):
        assert totals("gpt2", tool) == totals("gpt2_linear", tool)


@pytest.mark.parametrize("tool", ["torch", "torchinfo", "fvcore", "thop", "ptflops", "calflops"])
def test_bert_of_dense_layers_is_transformers(tool):
    """But for GELU: transformers takes the function before these tools replace it, and so they miss it."""
    missed = {("ptflops", "macs"): 2 * BERT_GELU, ("calflops", "flops"): BERT_GELU}
    for figure, printed in TRUTH["networks"]["bert_base"][tool].items():
        assert totals("bert_base_linear", tool)[figure] - missed.get((tool, figure), 0) == printed


def as_printed(number, unit):
    """Write a number as convnet-burden does: without decimals, in the largest unit that it reaches."""
    prefixes = ["", "K", "M", "G"]
    while number >= unit:
        number, prefixes = number / unit, prefixes[1:]
    return f"{number:.0f} {prefixes[0]}"


@pytest.mark.parametrize("network", PUBLISHED)
def test_convnet_burden_is_as_published(network):
    published = TRUTH["networks"][network]["convnet-burden"]
    counted = totals(network, "convnet-burden")
    if network == "alexnet":
        counted = totals_of(WITHOUT_LOCAL_NORM)
    assert as_printed(counted["params"] * 4, 1024) + "B" == published["params"]
    assert as_printed(counted["memory"], 1024) + "B" == published["memory"]
    assert as_printed(counted["flops"], 1000) + "FLOPs" == published["flops"]


def totals_of(text):
    counted = counted_by(archinspect.network(text).facts, "convnet-burden").values()
    found = {name: sum(c.figures[name] for c in counted) for name in ("flops", "memory")}
    return {"params": sum(c.params for c in counted), **found}


@pytest.mark.parametrize(
    ("network", "params", "mebibytes"),
    [
        ("caffenet", {}, 3.42),
        ("vgg16", {"softmax": True}, 57.56),
        ("vgg19", {"softmax": True}, 62.53),
        ("resnet18", {}, 22.59),
        ("resnet50_v1", {}, 102.61),
        ("resnet101", {"stride_on": "1x1"}, 154.67),
        ("resnet152", {"stride_on": "1x1"}, 218.98),
    ],
)
def test_feature_memory_to_two_decimals(network, params, mebibytes):
    """MatConvNet's own models end in a softmax, those from PyTorch and the published ResNets do not."""
    counted = archinspect.inspect(network, params=params, convention="convnet-burden").counted
    assert round(counted["memory"] / 2**20, 2) == mebibytes


@pytest.mark.parametrize("tool", CONVENTIONS)
@pytest.mark.parametrize("network", ["vit_b_16", "dcgan_generator", "gpt2", "small_2d", "alexnet", "lstm_classifier"])
def test_differences_add_up(network, tool):
    own = cost.sum_of_costs(cost.layer_costs(facts(network)).values())
    mine = {"params": own.params, **{f.name: getattr(own, f.like) for f in CONVENTIONS[tool].figures}}
    found = differences(facts(network), tool)
    for name, total in totals(network, tool).items():
        assert sum(row.theirs - row.ours for row in found if row.figure == name) == total - mine[name]
    assert all(row.ours != row.theirs and row.layers and row.why for row in found)


def test_differences_are_by_operator_and_say_why():
    assert differences(facts("gpt2"), "archinspect") == []
    rows = [(row.figure, row.op, row.layers, row.theirs - row.ours) for row in differences(facts("vit_b_16"), "fvcore")]
    assert rows == [
        ("flops", "MultiHeadAttention (attention)", 12, -2 * 12 * 197**2 * 768),
        ("flops", "LayerNormalization", 25, 25 * 5 * 197 * 768),
    ]
    tied = [row for row in differences(facts("gpt2"), "torchinfo") if row.figure == "params"]
    assert [(row.op, row.theirs - row.ours) for row in tied] == [("Dense", 50257 * 768)]


def test_what_has_no_rule_is_not_known(monkeypatch):
    fvcore = CONVENTIONS["fvcore"]
    convolutions = [f._replace(rules=tuple(r for r in f.rules if "convolution" in r.layers)) for f in fvcore.figures]
    monkeypatch.setitem(CONVENTIONS, "fvcore", fvcore._replace(figures=tuple(convolutions)))
    report = archinspect.inspect("lenet5", convention="fvcore")
    known = {row.type: row.counted["flops"] for row in report.layers}
    assert known["Conv2D"]
    assert known["AveragePooling2D"] is None
    assert report.status == "partial"
    assert {row.op for row in differences(facts("lenet5"), "fvcore") if row.figure == "flops"} <= {"Conv2D", "Dense"}


def test_names_of_the_option_are_those_of_the_table():
    assert tuple(CONVENTIONS) == CHOICES


def test_an_unknown_convention_names_the_nearest():
    with pytest.raises(ValueError, match="no convention 'fvcor': did you mean 'fvcore'"):
        find_convention("fvcor")
    with pytest.raises(ValueError, match="no convention"):
        archinspect.inspect("lenet5", convention="thops")


def test_rules_are_of_operators_that_are_there():
    kinds = {op.kind for op in all_ops()}
    known = {name for family in FAMILIES.values() for name in family} | kinds
    known |= {re.sub(r"[123]D", "", name) for name in known}
    for convention in CONVENTIONS.values():
        for figure in convention.figures:
            used = [name for rule in figure.rules for name in rule.layers.split() or [""]]
            assert len(used) == len({*used})
            for rule in figure.rules:
                assert {*rule.counts} <= {*GENERIC, *DECLARED}
                assert rule.why
            assert {part for name in used for part in name.split(".")[:1]} <= known | {"", "Upsample2D"}
        assert {name.split(".")[0] for name in convention.params.without.split()} <= known


def test_a_rule_of_a_part_goes_before_one_of_the_operator():
    found = facts("vit_b_16")
    nodes = [node for node in found.graph.nodes if type(node.layer_op).__name__ == "MultiHeadAttention"]
    parts = [rule_names(node, found.call(node))[0] for node in nodes]
    assert parts[:5] == ["MultiHeadAttention.dense"] * 3 + ["MultiHeadAttention.attention", "MultiHeadAttention.dense"]


# The interface and the command


def summary(run, args):
    return run("summary", *args.split())


@pytest.mark.parametrize("tool", CONVENTIONS)
def test_rows_at_any_depth_sum_to_the_totals(tool):
    report = archinspect.inspect("resnet18", convention=tool, batch=2, dtype="float16")
    for depth in range(1, report.depth + 1):
        rows = report.fold(depth)
        for name, total in report.counted.items():
            assert sum(row.counted[name] for row in rows) == total
    form = report.as_dict()
    head = {"name": tool, "tool": CONVENTIONS[tool].tool}
    assert form["convention"] == {**head, **report.counted, **report.estimates}
    assert all(row["convention"] for row in form["layers"])


def test_the_size_of_all_is_torchinfos():
    """As torchinfo 1.8.0 prints it of torchvision's ResNet-18: inputs, outputs and their gradients, weights."""
    report = archinspect.inspect("resnet18", convention="torchinfo")
    assert report.estimates == {"input_bytes": 602_112, "param_bytes": 46_758_048, "total_bytes": 87_107_552}
    assert archinspect.inspect("resnet18", convention="fvcore").estimates == {}


def test_batch_and_dtype_scale_figures():
    one = archinspect.inspect("resnet18", convention="convnet-burden").counted
    two = archinspect.inspect("resnet18", convention="convnet-burden", batch=2, dtype="float16").counted
    assert two == {"params": one["params"], "flops": 2 * one["flops"], "memory": one["memory"]}


def test_without_a_convention_nothing_is_counted():
    report = archinspect.inspect("lenet5")
    assert (report.counted, report.convention) == ({}, "")
    assert "convention" not in report.as_dict()


@pytest.mark.parametrize("tool", CONVENTIONS)
def test_the_table_shows_the_tool_s_figures_alone(run, tool):
    result = run("summary", "lenet5", "--convention", tool, "--exact")
    head = next(line for line in result.stdout.splitlines() if line.startswith("Layer (type)"))
    titles = [title for title in re.split(r"\s{2,}", head) if title.startswith(tool)]
    assert titles == [f"{tool} {title}" for title in ("params", *(f.title for f in CONVENTIONS[tool].figures))]
    assert "Memory" not in head
    for number in totals("lenet5", tool).values():
        assert f"{number:,}" in result.stdout


def test_a_column_of_ours_may_stand_beside_the_tool_s(run):
    result = summary(run, "lenet5 --convention fvcore --columns layer,macs,flops --exact --sort macs")
    lines = result.stdout.splitlines()
    assert re.split(r"\s{2,}", lines[4].strip()) == ["Layer (type)", "fvcore FLOPs", "FLOPs"]
    assert re.split(r"\s{2,}", lines[6].strip()) == ["C3 (Conv2D)", "240,000", "483,200"]


def test_csv_and_markdown_name_the_tool(run):
    text = summary(run, "lenet5 --convention fvcore --format csv").stdout
    assert text.splitlines()[0] == "name,output_shape,fvcore params,fvcore FLOPs,type"
    text = summary(run, "lenet5 --convention fvcore --format markdown").stdout
    assert "\n- Total: 61,706 parameters, 416,520 FLOPs (fvcore)\n" in text


@pytest.mark.parametrize("tool", CONVENTIONS)
def test_methods_say_what_is_counted_by_what(run, tool):
    text = run("summary", "lenet5", "--convention", tool, "--methods", "--batch", "4").stdout
    figures = archinspect.inspect("lenet5", convention=tool, batch=4).counted
    assert text.startswith(f"LeNet-5 has {figures['params']:,} parameters")
    assert "4 samples of 32x32x1" in text
    assert CONVENTIONS[tool].tool in text
    assert CONVENTIONS[tool].methods in text
    assert len(text.splitlines()) == 2


def test_methods_without_a_convention_are_ours(run):
    text = run("summary", "lenet5", "--methods").stdout
    assert text == run("summary", "lenet5", "--methods", "--convention", "archinspect").stdout
    assert "416,520 MACs" in text


# The page


def amount(rule):
    text = " + ".join(f"{times} × {words(name)}" for name, times in rule.counts.items()) or "nothing"
    return text.replace("+ -", "- ")


def rules_page():
    """Return the generated part of docs/conventions.md."""
    for name, convention in CONVENTIONS.items():
        yield f"### {name}\n"
        yield f"{convention.tool}: `{convention.call}`.\n"
        if convention.note:
            yield f"{convention.note}\n"
        yield f"Parameters: {convention.params.why}.\n"
        for figure in convention.figures:
            yield f"{figure.title[0].upper()}{figure.title[1:]}:\n"
            yield "| Layers | Counted | |\n| --- | --- | --- |"
            for rule in figure.rules:
                layers = ", ".join(f"`{layer}`" for layer in rule.layers.split()) or "all others"
                yield f"| {layers} | {amount(rule)} | {rule.why} |"
            yield ""


def deviations_page():
    yield "| Network | Tool | Figure | The tool prints | Ours | |\n| --- | --- | --- | ---: | ---: | --- |"
    for (network, tool, figure), (deviation, why) in DEVIATIONS.items():
        printed = TRUTH["networks"][network][tool][figure]
        yield f"| {network} | {tool} | {figure} | {printed:,} | {printed - deviation:,} | {why} |"


def figures_page():
    tools = [tool for tool in CONVENTIONS if tool in TRUTH["tools"] and tool not in ("keras", "convnet-burden")]
    columns = [(tool, figure.name) for tool in tools for figure in CONVENTIONS[tool].figures if figure.name != "memory"]
    yield "| Network | " + " | ".join(f"{tool} {figure}" for tool, figure in columns) + " |"
    yield "| --- |" + " ---: |" * len(columns)
    for network, figures in TRUTH["networks"].items():
        if "torch" in figures:
            cells = [f"{figures[tool][figure]:,}" if tool in figures else "" for tool, figure in columns]
            yield f"| {network} | {' | '.join(cells)} |"


@pytest.mark.parametrize(
    ("mark", "lines"), [("rules", rules_page), ("deviations", deviations_page), ("figures", figures_page)]
)
def test_the_page_shows_the_table(mark, lines, stored):
    page = ROOT / "docs" / "conventions.md"
    start, end = f"<!-- {mark}: generated -->\n", f"<!-- end of {mark} -->"
    before, _, rest = page.read_text(encoding="utf-8").partition(start)
    after = rest.partition(end)[2]
    stored(page, before + start + "\n" + "\n".join(lines()).strip() + "\n\n" + end + after)
