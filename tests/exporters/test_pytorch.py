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

BUILT = {"SeparableConv1D", "SeparableConv2D", "MultiHeadAttention", "Bidirectional", "Activation", "Input"}
"""What is made of other operators, or is an input."""
TRUTH = Path(__file__).parents[1] / "truth"
LAYOUTS = {"torch": "channels_first", "keras": "channels_last"}
ROWS = [
    (framework, row)
    for framework in LAYOUTS
    for row in json.loads((TRUTH / f"ops_{framework}.json").read_text(encoding="utf-8"))["rows"]
    if row["output"] is not None
]


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


def test_equal_copies_are_a_loop():
    facts = small({"Dense": 4, "repeat": 5, "name": "stack"}, shape=(4,))
    assert "nn.Sequential(*(nn.Linear(4, 4) for _ in range(5)))" in exported(facts)


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


@pytest.mark.parametrize("name", archinspect.networks())
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


@pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")
@pytest.mark.filterwarnings("ignore:Using padding:UserWarning")
@pytest.mark.parametrize(("framework", "row"), ROWS, ids=[f"{f}-{i}-{r['op']}" for i, (f, r) in enumerate(ROWS)])
def test_pytorch_measures_the_figures_of_every_operator(framework, row):
    from archinspect.verify import measure_pytorch
    from archinspect.verify.against_pytorch import figures_of

    try:
        facts = single_layer(row["op"], row["args"], [tuple(shape) for shape in row["inputs"]], LAYOUTS[framework])
        module = pytorch.export(facts, observed=True)
    except (InvalidSpecError, CannotExportError) as error:
        pytest.skip(str(error))
    if row["op"] == "MixtureOfExperts" or (row["op"] == "BatchNorm2d" and row["args"].get("momentum", 0) is None):
        pytest.skip("computes with numbers, which no meta tensor has")
    job = {"text": module.text, "name": module.name, "inputs": [one._asdict() for one in module.inputs]}
    measured = measure_pytorch.measure(job | {"wanted": list(module.layers.values())})
    unequal = {
        row.figure: (row.predicted, row.measured)
        for row in figures_of(facts, module, measured)
        if not row.equal and row.figure != "peak" and row.measured is not None
    }
    if re.search("PReLU", row["op"]):  # a condition is kept beside the input
        unequal.pop("kept", None)
    assert not unequal
