"""PyTorch modules: what is written, how it is laid out, and that PyTorch, where it is there, measures our figures."""

import ast
import json
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from command_line import run
from small import single_layer, small

import archinspect
from archinspect import ops
from archinspect.base.diagnostics import InvalidSpecError
from archinspect.exporters import TARGETS, pytorch
from archinspect.exporters.pytorch.operators import OPERATORS
from archinspect.exporters.refusal import CannotExportError

BUILT = {"SeparableConv1D", "SeparableConv2D", "MultiHeadAttention", "Bidirectional", "Activation", "Input"} | {
    *("Attention", "AdditiveAttention", "FFTConvolution", "Transpose"),
}
"""What is made of other operators, or is an input."""
TRUTH = Path(__file__).parents[1] / "truth"
LAYOUTS = {"torch": "channels_first", "keras": "channels_last"}
ROWS = [
    (framework, row)
    for framework in LAYOUTS
    for row in json.loads((TRUTH / f"ops_{framework}.json").read_text(encoding="utf-8"))["rows"]
    if row["output"] is not None
]
NAMES = archinspect.networks()


def exported(facts):
    return pytorch.export(facts).text


def test_every_operator_has_a_translation():
    names = {name for family in ops.FAMILIES.values() for name in family}
    assert names - OPERATORS.keys() == BUILT


def test_a_block_is_a_class_with_what_differs_as_parameters():
    double = {"params": {"filters": None}, "layers": [{"Conv2D": {"filters": "$filters", "kernel_size": 3}}, "ReLU"]}
    facts = small({"double": 8}, {"double": 16}, "Flatten", shape=(9, 9, 3), blocks={"double": double})
    text = exported(facts)
    assert "class Double(nn.Sequential):" in text
    assert "def __init__(self, in_channels: int, filters: int) -> None:" in text
    assert "self.conv2d = nn.Conv2d(in_channels, filters, 3)" in text
    assert "self.double_1 = Double(8, 16)" in text


def block_with(optional, *calls):
    """Return the text of calls of a block on 8 features: a Dense, beside the optional layer where it is asked for."""
    steps = [{"Dense": "$units", "name": "one"}, {**optional, "when": "$there"}]
    block = {"params": {"units": None, "there": None}, "layers": [{"Add": [steps[:1], steps[1:]]}, "ReLU"]}
    return exported(small(*({"block": call} for call in calls), shape=(8,), blocks={"block": block}))


def test_a_part_that_sizes_ask_for_is_made_by_a_condition():
    project = {"Dense": "$units", "name": "project"}
    text = block_with(project, {"units": 16, "there": True}, {"units": 16, "there": False})
    assert text.count("class Block") == 1
    assert "nn.Linear(in_features, 16) if in_features != 16 else nn.Identity()" in text
    assert "self.one(x) + self.project(x)" in text


def test_a_part_that_sizes_do_not_tell_of_is_made_by_an_argument():
    norm = {"LayerNormalization": None, "name": "norm"}
    text = block_with(norm, {"units": 8, "there": True}, {"units": 8, "there": False})
    assert text.count("class Block") == 1
    assert "self.norm = nn.LayerNorm(8, eps=0.001) if there else nn.Identity()" in text
    assert "Block(there=True)" in text
    assert "Block(there=False)" in text


def test_padding_by_half_the_kernel_follows_from_it():
    conv = {
        "params": {"filters": None, "kernel_size": None},
        "layers": [
            {"Conv2D": {"filters": "$filters", "kernel_size": "$kernel_size", "padding": "${kernel_size // 2}"}},
            "ReLU",
        ],
    }
    facts = small(
        {"conv": {"filters": 4, "kernel_size": 3}},
        {"conv": {"filters": 8, "kernel_size": 7}},
        shape=(9, 9, 3),
        blocks={"conv": conv},
    )
    assert "in_channels, filters, kernel_size, padding=kernel_size // 2" in exported(facts)


@pytest.mark.parametrize(("name", "most"), [("resnet50", 90), ("gpt2", 80), ("unet", 70)])
def test_a_network_is_as_short_as_a_person_would_write_it(name, most):
    assert len(exported(archinspect.network(name).facts).splitlines()) <= most


def test_equal_copies_are_a_loop():
    facts = small({"Dense": 4, "repeat": 5, "name": "stack"}, shape=(4,))
    assert "nn.Sequential(*(nn.Linear(4, 4) for _ in range(5)))" in exported(facts)


def test_copies_without_weights_of_which_each_is_read_are_called_as_modules():
    pools = {"MaxPooling2D": {"pool_size": 3, "strides": 1, "padding": 1}, "repeat": 3, "name": "pools"}
    facts = small(pools, {"Concatenate": None, "from": ["pools.0", "pools.1", "pools.2"]}, shape=(9, 9, 3))
    text = exported(facts)
    assert "self.pools[2](" in text
    assert "F.max_pool2d" not in text


def test_a_skip_connection_is_a_variable():
    facts = small({"Add": [[], [{"Dense": 4}]]}, "ReLU", shape=(4,))
    assert "x = x + self.dense(x)" in exported(facts) or "F.relu(x + self.dense(x)" in exported(facts)


def test_names_of_a_spec_cannot_be_code():
    name = 'x"""\nimport os\n"""\x1b[31m'
    text = exported(small({"Dense": 4, "name": "class"}, shape=(4,), name=name, source=name))
    tree = ast.parse(text)
    assert {node.names[0].name for node in tree.body if isinstance(node, ast.Import)} <= {
        "torch",
        "torch.nn.functional",
    }
    assert "\x1b" not in text
    assert "self.class_ = nn.Linear(4, 4)" in text


@pytest.mark.parametrize("name", NAMES)
def test_a_network_is_python_as_ruff_lays_it_out(name, tmp_path):
    path = tmp_path / "net.py"
    path.write_text(exported(archinspect.network(name).facts), encoding="utf-8")
    ast.parse(path.read_text(encoding="utf-8"))
    if name in AS_RUFF_DOES_NOT:
        return
    ruff = Path(sys.executable).parent / "ruff"
    if not ruff.exists():
        pytest.skip("ruff is not installed: its version is not among the oldest")
    command = [ruff, "format", "--isolated", "--check", path]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0


AS_RUFF_DOES_NOT = {"deconvolutional"}
"""Where a call of a call is broken in another place."""


def test_what_pytorch_cannot_say_is_refused():
    facts = small({"UpSampling2D": {"interpolation": "lanczos3"}})
    with pytest.raises(CannotExportError, match=r"up_sampling2d: PyTorch has no lanczos3 interpolation"):
        pytorch.export(facts)


def test_an_expression_that_python_would_not_read_is_refused():
    spec = {"input": [8], "layers": [*[{"Dense": 8, "from": "input"}] * 501, {"Add": None, "from": "all"}]}
    with pytest.raises(CannotExportError, match="add: an expression of more than 500 values is too deep"):
        archinspect.network(spec).export("pytorch")


def test_the_command_writes_refuses_and_names_targets(tmp_path):
    path = tmp_path / "net.py"
    assert run("export", "lenet5", "--to", "pytorch", "-o", str(path)).exit_code == 0
    assert "class LeNet5(nn.Sequential):" in path.read_text(encoding="utf-8")
    spec = tmp_path / "net.yaml"
    spec.write_text("input: [4, 4, 1]\nlayers:\n  - UpSampling2D: {interpolation: lanczos5}\n", encoding="utf-8")
    refused = run("export", str(spec), "--to", "pytorch")
    assert refused.exit_code == 1
    assert (
        refused.stderr == "Error: pytorch cannot say up_sampling2d: PyTorch has no lanczos5 interpolation of 2 axes\n"
    )
    assert all(name in run("export", "--help").stdout for name in TARGETS)
    assert run("export", "lenet5", "--to", "onnx").exit_code == 2


@pytest.mark.skipif(find_spec("torch") is None or find_spec("mypy") is None, reason="torch or mypy is not installed")
def test_programs_have_types(tmp_path):
    """One run over all networks, and over the rows of operators that are not the same but for their numbers."""
    texts = {f"network_{name}": exported(archinspect.network(name).facts) for name in NAMES}
    seen = set()
    for number, (framework, row) in enumerate(ROWS):
        try:
            text = exported(facts_of_row(framework, row))
        except (InvalidSpecError, CannotExportError):
            continue
        if (alike := re.sub(r"\d+", "0", text)) not in seen:
            seen.add(alike)
            texts[f"row_{number}"] = text
    for name, text in texts.items():
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--config-file=",
        f"--cache-dir={tmp_path / 'cache'}",
        tmp_path,
    ]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout


def facts_of_row(framework, row):
    return single_layer(row["op"], row["args"], [tuple(shape) for shape in row["inputs"]], LAYOUTS[framework])


@pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")
@pytest.mark.filterwarnings("ignore:Using padding:UserWarning")
@pytest.mark.parametrize(("framework", "row"), ROWS, ids=[f"{f}-{i}-{r['op']}" for i, (f, r) in enumerate(ROWS)])
def test_pytorch_measures_the_figures_of_every_operator(framework, row):
    from archinspect.verify import measure_pytorch
    from archinspect.verify.against_pytorch import Program, figures_of

    try:
        program = Program(facts_of_row(framework, row))
    except (InvalidSpecError, CannotExportError) as error:
        pytest.skip(str(error))
    if row["op"] == "BatchNorm2d" and row["args"].get("momentum", 0) is None:
        pytest.skip("computes with numbers, which no meta tensor has")
    measured = measure_pytorch.measure(program.job)
    unequal = {
        row.figure: (row.predicted, row.measured)
        for row in figures_of(program.facts, program.module, measured)
        if not row.equal and row.figure != "peak" and row.measured is not None
    }
    if re.search("PReLU", row["op"]):  # a condition is kept beside the input
        unequal.pop("kept", None)
    assert not unequal


@pytest.mark.parametrize(
    ("given", "made"),
    [({"params": 0}, 'Custom("mine", 0, buffers=7)'), ({"params": 3, "buffers": 0}, 'Custom("mine", 3)')],
)
def test_a_stub_keeps_what_is_stated(given, made):
    step = {"Custom": {"buffers": 7, "macs": 1} | given, "name": "mine"}
    assert f"self.mine = {made}" in pytorch.export(small(step)).text


def test_modules_of_a_list_that_are_called_alike_are_called_in_a_loop():
    text = exported(archinspect.network("t5_small").facts)
    assert (
        """
        x, y = self.layers[0](x)
        for layer in self.layers[1:]:
            y = layer(y, x)
"""
        in text
    )


def test_attention_with_a_cap_is_written_out():
    text = pytorch.export(
        small({"MultiHeadAttention": {"num_heads": 2, "key_dim": 4, "sinks": True}}, shape=[5, 8])
    ).text
    assert "self.attend = AttentionWithSinks(2)" in text


def test_sinks_stand_beside_position_biases():
    step = {"MultiHeadAttention": {"num_heads": 2, "key_dim": 4, "sinks": True, "position_biases": 9}}
    module = pytorch.export(small(step, shape=[5, 8]))
    assert "self.attend(y, z, self.value(x), bias=self.biases(y, z))" in module.text
    assert module.beside == {"multi_head_attention.attend": "multi_head_attention.biases"}
    with pytest.raises(CannotExportError, match="does not train"):
        pytorch.export(small({**step, "trainable": False}, shape=[5, 8]))


@pytest.mark.parametrize(
    ("op", "args", "shapes", "reason"),
    [
        ("BatchNormalization", {"epsilon": 0, "track_running_stats": False}, [(1, 5, 8)], "an epsilon above 0"),
        ("MixtureOfExperts", {"num_experts": 4, "units": 3, "capacity_factor": 1}, [(1, 5, 8)], "no capacity_factor"),
        ("LinearAttention", {"chunk": 4}, [(1, 5, 8)] * 4, "the decay of each key"),
        ("LinearAttention", {"chunk": 4}, [*[(1, 5, 8)] * 3, (1, 5, 1), (1, 8)], "a bonus"),
    ],
)
def test_what_only_kernels_do_is_refused(op, args, shapes, reason):
    with pytest.raises(CannotExportError, match=reason):
        pytorch.export(single_layer(op, args, shapes, "channels_last"))


@pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")
@pytest.mark.parametrize(
    ("op", "groups", "further"),
    [
        ("LinearAttention", {}, []),
        ("LinearAttention", {"groups": 2}, [(1, 4)]),
        ("LinearAttention", {"groups": 1}, [(2, 7, 4)]),
        ("MLSTM", {}, [(2, 7, 4), (2, 7, 4)]),
    ],
)
def test_what_is_computed_by_chunks_of_steps_is_what_a_loop_computes(op, groups, further):
    import torch

    wide = (2, 7, 3 * groups.get("groups", 4))
    shapes = [wide, wide, (2, 7, 20), *further]
    torch.manual_seed(0)
    given = [torch.rand(shape) for shape in shapes]
    made = []
    for args in ({}, {"chunk": 3}):
        facts = single_layer(op, {"num_heads": 4, **groups, **args}, shapes, "channels_last")
        names: dict = {}
        module = pytorch.export(facts)
        exec(module.text, names)  # noqa: S102 - a program of ours
        made.append(names[module.name]()(*given))
    torch.testing.assert_close(*made)
