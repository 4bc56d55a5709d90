"""The exact output of every command: `tests/golden/NAME.txt`, which `pytest --update` writes."""

from __future__ import annotations

import re
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import pytest

from archinspect.cli import COMMANDS
from archinspect.render.columns import COLUMNS

GOLDEN = Path(__file__).parent / "golden"
CONSTRAINTS = (Path(__file__).parents[1] / "constraints.txt").read_text(encoding="utf-8")
NARROW = {"COLUMNS": "80"}
WIDE = {"COLUMNS": "120"}
HELP = {"COLUMNS": "82"}
TERMINAL = {"FORCE_COLOR": "1", "TERM": "xterm-256color", "COLUMNS": "100"}
THREE = "alexnet vgg16 vgg19"

# name: the arguments, what the environment says
OUTPUTS: dict[str, tuple[str, dict[str, str]]] = {
    "keras_demo": ("summary keras_demo", {}),
    "keras_demo_80": ("summary keras_demo", NARROW),
    "keras_demo_120": ("summary keras_demo", WIDE),
    "keras_demo_40": ("summary keras_demo", {"COLUMNS": "40"}),
    "keras_demo_batch": ("summary keras_demo --batch 32", {}),
    "keras_demo_dtype": ("summary keras_demo --dtype float16", {}),
    "keras_demo_input": ("summary keras_demo --input 32x32x3", {}),
    "keras_demo_set": ("summary keras_demo --set classes=100", {}),
    "keras_demo_color": ("summary keras_demo", TERMINAL),
    "keras_demo_no_color": ("summary keras_demo", TERMINAL | {"NO_COLOR": "1"}),
    "vgg16": ("summary vgg16", {}),
    "resnet18": ("summary resnet18", {}),
    "resnet152": ("summary resnet152", WIDE),
    "gpt2": ("summary gpt2", NARROW),
    "gpt2_expand": ("summary gpt2 --expand", {}),
    "gpt2_folded_csv": ("summary gpt2 --format csv --depth 2 --fold --columns layer,copies,params,params%", {}),
    "shares": ("summary small.yaml --columns layer,params,params%,macs% --sort params", {}),
    "shares_wide": ("summary keras_demo", TERMINAL | WIDE),
    "oneline": ("summary --oneline small.yaml partial.yaml resnet50", {}),
    "resnet18_depth_1": ("summary resnet18 --depth 1", {}),
    "resnet18_depth_all": ("summary resnet18 --depth all", {}),
    "resnet18_depth_all_80": ("summary resnet18 --depth all", NARROW),
    "explain_layer": ("explain alexnet conv1", WIDE),
    "explain_layer_80": ("explain resnet18 stage3.0.conv_bn.conv2d", NARROW),
    "explain_batch": ("explain lstm_classifier lstm --batch 4", {}),
    "explain_shared": ("explain gpt2 head", {}),
    "explain_network": ("explain keras_demo", {}),
    "explain_network_80": ("explain keras_demo", NARROW),
    "explain_block": ("explain gpt2 blocks.0 --set seq=16", WIDE),
    "explain_color": ("explain keras_demo conv2d", TERMINAL),
    "explain_json": ("explain lessons/max_pooling --format json", {}),
    "worked": ("explain lessons/conv2d", NARROW),
    "worked_cell": ("explain lessons/max_pooling --cell 2,1", {}),
    "worked_color": ("explain lessons/max_pooling --cell 2,1", TERMINAL),
    "worked_all": ("explain lessons/max_pooling --cell all", {}),
    "worked_line": ("explain lessons/conv1d_same", {}),
    "worked_channels": ("explain channels.yaml", NARROW),
    "explain_convention": ("explain alexnet_torchvision --convention calflops", WIDE),
    "explain_convention_json": ("explain lenet5 --convention keras --format json", {}),
    "memory": ("memory resnet18 --batch 32 --optimizer adamw", {}),
    "memory_80": ("memory gpt2 --dtype bfloat16 --mixed --checkpointing --kv-cache 1024", NARROW),
    "memory_exact": ("memory mixtral_8x7b --exact --set seq=8", {}),
    "memory_color": ("memory lenet5", TERMINAL),
    "memory_json": ("memory small.yaml --format json --optimizer adafactor", {}),
    "fit": ("fit resnet50 --memory 24GiB --reserve 1GiB --train", {}),
    "fit_sequence": ("fit llama2_7b --device rtx3090 --dtype float16", {}),
    "fit_vary": ("fit vgg16 --memory 600MB --vary classes --exact", {}),
    "fit_json": ("fit alexnet --memory 1GiB --format json", {}),
    "summary_memory": ("summary resnet18 --memory --depth 1 --batch 8", {}),
    "partial": ("summary partial.yaml", {}),
    "small": ("summary small.yaml", {}),
    "small_depth_1": ("summary small.yaml --depth 1", {}),
    "small_exact": ("summary small.yaml --exact", {}),
    "small_sort": ("summary small.yaml --sort params --columns layer,params,macs", {}),
    "small_sort_memory": ("summary small.yaml --sort memory --depth 1", {}),
    "small_columns": (f"summary small.yaml --columns {','.join(COLUMNS)}", {}),
    "small_json": ("summary small.yaml --format json", {}),
    "small_json_depth_1": ("summary small.yaml --format json --depth 1 --batch 2", {}),
    "small_csv": ("summary small.yaml --format csv", {}),
    "small_csv_columns": ("summary small.yaml --format csv --columns layer,params,args --depth 1", {}),
    "small_markdown": ("summary small.yaml --format markdown", {}),
    "small_markdown_exact": ("summary small.yaml --format markdown --exact --depth 1", {}),
    "small_convention": ("summary small.yaml --convention calflops", {}),
    "small_convention_80": ("summary small.yaml --convention torchinfo --depth 1", NARROW),
    "small_convention_json": ("summary small.yaml --convention convnet-burden --depth 1 --format json", {}),
    "small_everything": (
        "summary small.yaml --batch 4 --dtype bfloat16 --input 32x32x1 --set classes=5 --set width=12 --exact",
        {},
    ),
    "compute": ("compute resnet18 --depth 1", {}),
    "compute_80": ("compute resnet18 --depth 1 --train --device h100", NARROW),
    "compute_120": ("compute resnet18 --depth 2 --train --device h100 --dtype bfloat16 --batch 64", WIDE),
    "compute_color": ("compute keras_demo --device t4", TERMINAL),
    "compute_sort": ("compute small.yaml --exact --sort flops", {}),
    "compute_own": ("compute small.yaml --device mine --devices devices.yaml --sort time", {}),
    "compute_json": ("compute small.yaml --format json --train --device mine --devices devices.yaml", {}),
    "compute_csv": ("compute small.yaml --format csv --depth 1", {}),
    "compute_markdown": ("compute small.yaml --format markdown --train --attention math", {}),
    "compare": (f"compare {THREE}", {}),
    "compare_80": (f"compare {THREE}", NARROW),
    "compare_120": (f"compare {THREE}", WIDE),
    "compare_color": (f"compare {THREE}", TERMINAL),
    "compare_exact": ("compare small.yaml keras_demo --exact --batch 8", {}),
    "compare_depth": ("compare resnet18 resnet34 --depth 1", {}),
    "compare_json": ("compare small.yaml keras_demo --format json", {}),
    "compare_csv": (f"compare {THREE} --format csv", {}),
    "compare_markdown": (f"compare {THREE} --format markdown", {}),
    "check": ("check broken.yaml warned.yaml small.yaml vgg", {}),
    "check_color": ("check broken.yaml warned.yaml", TERMINAL),
    "check_concise": ("check broken.yaml warned.yaml small.yaml --format concise", {}),
    "check_json": ("check broken.yaml warned.yaml small.yaml --format json", {}),
    "check_clean": ("check small.yaml", {}),
    "list": ("list", {}),
    "list_80": ("list", NARROW),
    "list_110": ("list zoo", {"COLUMNS": "110"}),
    "list_tree": ("list resnet --tree", NARROW),
    "list_words_sorted": ("list resnet --sort macs", {}),
    "list_by_error": ("list vgg --sort ilsvrc_top5_error --exact", {}),
    "list_json": ("list vgg16 --format json", {}),
    "list_csv": ("list vgg --format csv", {}),
    "list_markdown": ("list vgg --format markdown", {}),
    "show": ("show resnet18", {}),
    "show_flat": ("show vgg16 --flat", {}),
    "ops": ("ops", {}),
    "ops_80": ("ops", NARROW),
    "ops_conv2d": ("ops Conv2D", {}),
    "ops_conv2d_80": ("ops nn.Conv2d", NARROW),
    "ops_conv2d_json": ("ops Conv2D --format json", {}),
    "ops_conv2d_markdown": ("ops Conv2D --format markdown", {}),
    "ops_without_arguments": ("ops Sigmoid", {}),
    "help": ("--help", HELP),
    **{f"help_{command}": (f"{command} --help", HELP) for command in COMMANDS},
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_output_is_the_stored_one(name, run, stored, monkeypatch):
    monkeypatch.chdir(GOLDEN)
    command, env = OUTPUTS[name]
    if env is HELP and f"click=={version('click')}\n" not in CONSTRAINTS:
        pytest.skip("around our words, a help page is what its version of click makes of it")
    result = run(*command.split(), **env)
    assert result.stderr == ""
    assert ("\x1b[" in result.stdout) == ("FORCE_COLOR" in env)  # NO_COLOR leaves bold and underlines
    stored(GOLDEN / f"{name}.txt", result.stdout)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_help_page_holds_all_our_words(name, run):
    """Whatever click puts around them, and wherever it breaks lines."""
    page = "".join(run(name, "--help").stdout.split())
    command = import_module(f"archinspect.cli.{name}_command").command
    words = [command.help.replace("\b", "")]
    for option in command.params:
        words += [getattr(option, "help", None) or "", *(word for word in option.opts if word.startswith("-"))]
    assert [text for text in words if "".join(text.split()) not in page] == []
    assert len(words) > 2


def test_every_stored_output_belongs_to_a_test():
    assert {path.stem for path in GOLDEN.glob("*.txt")} == {*OUTPUTS}


@pytest.mark.parametrize("name", [name for name, (_, env) in OUTPUTS.items() if "COLUMNS" in env and env is not HELP])
def test_nothing_is_wider_than_the_terminal(name, run, monkeypatch):
    monkeypatch.chdir(GOLDEN)
    command, env = OUTPUTS[name]
    # A diagnostic is a line of its own kind: never broken, so that it can be searched for.
    if command.startswith("check"):
        return
    result = run(*command.split(), COLUMNS=env["COLUMNS"])
    table = re.split("\n(?:Total params|MACs): ", result.stdout)[0].splitlines()[2:]
    assert max(map(len, table)) <= int(env["COLUMNS"])


KERAS_ROWS = [
    ("conv2d (Conv2D)", "(None, 26, 26, 32)", "320"),
    ("max_pooling2d (MaxPooling2D)", "(None, 13, 13, 32)", "0"),
    ("conv2d_1 (Conv2D)", "(None, 11, 11, 64)", "18,496"),
    ("max_pooling2d_1 (MaxPooling2D)", "(None, 5, 5, 64)", "0"),
    ("flatten (Flatten)", "(None, 1600)", "0"),
    ("dropout (Dropout)", "(None, 1600)", "0"),
    ("dense (Dense)", "(None, 10)", "16,010"),
]


@pytest.mark.parametrize("columns", [None, "80", "120"])
def test_the_keras_demo_is_the_lectures(run, columns):
    """The names, types, shapes and counts that Keras's `model.summary()` prints."""
    result = run("summary", "keras_demo", COLUMNS=columns)
    lines = result.stdout.splitlines()
    head = next(index for index, line in enumerate(lines) if line.startswith("Layer (type)"))
    end = lines.index("", head)
    rows = [tuple(part.strip() for part in line.split("   ") if part.strip())[:3] for line in lines[head + 2 : end]]
    assert rows == KERAS_ROWS
    totals = dict(line.split(": ", 1) for line in lines[end:] if ": " in line)
    assert totals["Total params"].split(" ")[0] == "34,826"
    assert totals["Trainable params"] == "34,826"
    assert totals["Non-trainable params"] == "0"
