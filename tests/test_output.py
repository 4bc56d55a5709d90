"""What all commands have in common: formats, colors, files, options that would be ignored, how they end."""

from __future__ import annotations

import csv
import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

NET = "name: Net\ninput: [8]\nparams: {units: 4}\nlayers:\n  - Dense: $units\n"
TABLES = [
    "summary net.yaml",
    "memory net.yaml",
    "compute net.yaml",
    "fit net.yaml --memory 1MiB",
    "explain net.yaml",
    "explain net.yaml dense",
    "explain vit_b_16 --convention thop",
    "sweep net.yaml --set units=2,3",
    "compare net.yaml net.yaml",
    "list lenet",
    "ops",
]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Every test runs in a folder with a spec."""
    Path(tmp_path, "net.yaml").write_text(NET, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("command", TABLES)
def test_rows_are_csv_and_markdown_too(run, command):
    found = run(*command.split(), "--format", "csv")
    rows = list(csv.reader(io.StringIO(found.stdout)))
    assert found.exit_code == 0
    assert len(rows) > 1
    assert len({len(row) for row in rows}) == 1
    markdown = run(*command.split(), "--format", "markdown")
    assert markdown.exit_code == 0
    assert "---" in markdown.stdout


EMPTY = [
    "summary net.yaml",
    "summary net.yaml --convention fvcore --memory",
    "memory net.yaml",
    "compute net.yaml --device h100 --train",
    "explain net.yaml",
    "explain net.yaml --convention thop",
    "fit net.yaml --memory 1MiB",
    "sweep net.yaml --batch 1,2",
    "compare net.yaml net.yaml",
]


@pytest.mark.parametrize("form", ["table", "json", "csv", "markdown"])
@pytest.mark.parametrize("command", EMPTY)
def test_a_network_without_layers_works(run, command, form):
    Path("net.yaml").write_text("input: [8]\nlayers:\n  - {Dense: 4, repeat: 0}\n", encoding="utf-8")
    found = run(*command.split(), "--format", form)
    assert (found.exit_code, found.stderr) == (0, "")
    assert run("check", "net.yaml").exit_code == 0


def test_figures_of_rows_are_exact(run):
    rows = csv.DictReader(io.StringIO(run("memory", "net.yaml", "--format", "csv").stdout))
    figures = {(row["section"], row["name"]): row["figure"] for row in rows}
    assert figures["Parameters", "trainable"] == str(8 * 4 + 4)
    assert figures["Inference, batch 1", "weights"] == str(4 * (8 * 4 + 4))
    (row,) = csv.DictReader(io.StringIO(run("fit", "net.yaml", "--memory", "1KiB", "--format", "csv").stdout))
    # 144 bytes of weights, 32 of input and 16 of output per sample.
    assert (row["vary"], row["largest"], row["needed"], row["beyond"]) == ("batch", "18", "1008", "1056")
    rows = csv.DictReader(io.StringIO(run("explain", "net.yaml", "--format", "csv").stdout))
    assert {row["figure"]: row["value"] for row in rows}["MACs"] == str(8 * 4)


def test_what_is_not_known_is_said_in_rows(run):
    Path("net.yaml").write_text("input: [8]\nlayers: [{Custom: {output_shape: [4]}}]\n", encoding="utf-8")
    assert run("memory", "net.yaml", "--format", "csv").stdout.endswith(
        'Status,,,,partial\nNot counted,,,,"custom (params, macs, flops)"\n'
    )


def test_text_and_table_are_one_format(run):
    command = ("fit", "net.yaml", "--memory", "1MiB")
    assert run(*command, "--format", "text").stdout == run(*command).stdout
    assert run("formula", "net.yaml", "--format", "table").stdout == run("formula", "net.yaml").stdout


@pytest.mark.parametrize("command", ["summary net.yaml", "explain net.yaml", "check net.yaml"])
def test_colors_are_always_or_never_there(run, command):
    always = run(*command.split(), "--color", "always").stdout
    assert "\x1b[" in always
    for color in ("never", "auto"):
        assert "\x1b[" not in run(*command.split(), "--color", color).stdout
    assert "\x1b[" not in run(*command.split(), "--color", "never", FORCE_COLOR="1", TERM="xterm").stdout


@pytest.mark.parametrize("command", ["summary net.yaml", "summary net.yaml --format json", "check net.yaml"])
def test_output_goes_to_a_file(run, command):
    printed = run(*command.split()).stdout
    found = run(*command.split(), "-o", "out.txt")
    assert (found.exit_code, found.stdout) == (0, "")
    assert Path("out.txt").read_text(encoding="utf-8") == printed


def test_a_file_stays_where_there_is_nothing_to_write(run):
    Path("out.txt").write_text("before", encoding="utf-8")
    assert run("summary", "nothing.yaml", "-o", "out.txt").exit_code == 2
    assert Path("out.txt").read_text(encoding="utf-8") == "before"


@pytest.mark.parametrize("columns", ["0", "00", "", "wide"])
def test_a_width_that_is_none_is_that_of_the_stream(run, columns):
    assert run("summary", "net.yaml", COLUMNS=columns).stdout == run("summary", "net.yaml").stdout


@pytest.mark.parametrize("command", ["compare net.yaml lenet5", "chart lenet5 --x params --y macs", "memory net.yaml"])
def test_a_terminal_narrower_than_any_page_wraps_it(run, command):
    for columns in ("1", "7", "15"):
        assert run(*command.split(), COLUMNS=columns).stdout == run(*command.split(), COLUMNS="20").stdout


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("summary net.yaml --methods --format json", "--format has no effect with --methods"),
        ("summary net.yaml --methods --sort macs", "--sort has no effect with --methods"),
        ("summary net.yaml --format json --columns params", "--columns has no effect with --format json"),
        ("summary net.yaml --input 8 --input 9", "is given twice"),
        ("summary net.yaml --set units=8 --set units=9", "'units' is given twice"),
        ("summary lenet5@batch=2@classes=4", "here write --batch 2 --set classes=4"),
        ("diff lenet5 lenet5@dtype=int8", "lenet5@dtype=int8: such a setting has no effect in `diff`"),
        ("diff --git HEAD lenet5@classes=4", "has no effect with --git"),
        ("summary net.yaml --batch 2 --batch 2", "'--batch': is given twice"),
        ("summary net.yaml --scale n --scale s", "'--scale': is given twice"),
        ("summary net.yaml --expand --fold", "'--expand': is given twice"),
        ("sweep net.yaml --batch 1 --batch 2", "'--batch': is given twice"),
        ("fit net.yaml --memory 1MiB --optimizer sgd", "--optimizer has no effect without --train"),
        ("fit net.yaml --memory 1MiB --train --policy ideal", "--policy has no effect in training"),
        ("explain net.yaml dense --convention thop", "LAYER has no effect with --convention"),
        ("fit net.yaml --memory 24", "24 what? Write 24GiB, 24GB or 24B"),
        ("fit net.yaml --memory 1MiB --batch 4", "--batch has no effect where the batch is what is found"),
        ("fit net.yaml --memory 1MiB --kv-dtype int8", "--kv-dtype has no effect without --kv-cache"),
        ("fit net.yaml --memory 1MiB --lora r=1,targets=none", "--lora: "),
        ("memory net.yaml --kv-dtype int8", "--kv-dtype has no effect without --kv-cache or --cached"),
        ("memory gpt2 --cached 8 --optimizer sgd", "--optimizer has no effect with --cached"),
        ("memory net.yaml --precision bf16-master --dtype int8", "computes in bfloat16 or float16, not int8"),
        ("memory net.yaml --lora=", "--lora: write r=8"),
        ("compute net.yaml --device=", "no device ''"),
        ("formula net.yaml --of=", "no name is given"),
        ("chart --scale n", "--scale has no effect without SPEC"),
        ("check net.yaml --tolerance 1%", "--tolerance has no effect without a baseline"),
        ("check net.yaml --stdin-filename a.yaml", "--stdin-filename has no effect without `-`"),
        ("check net.yaml --select=", "no rule is named"),
        ("check net.yaml --config=", "--config: no file is named"),
        ("fmt net.yaml --stdin-filename a.yaml", "--stdin-filename has no effect without `-`"),
        ("fmt net.yaml --from keras", "--from: only specs are laid out"),
        ("diff net.yaml net.yaml --threshold 1%", "--threshold has no effect without --git or --format markdown"),
        ("diff net.yaml net.yaml --format json --rows 3", "--rows has no effect with --format json"),
        ("diff net.yaml net.yaml --threshold nan", "must be percents"),
        ("summary net.yaml --batch 1.5", "'1.5' is not a valid whole number"),
    ],
)
def test_what_would_be_ignored_is_refused(run, command, said):
    found = run(*command.split())
    assert found.exit_code == 2
    assert said in found.stderr


@pytest.mark.parametrize(
    ("alias", "name"), [("half", "float16"), ("fp16", "float16"), ("BF16", "bfloat16"), ("double", "float64")]
)
@pytest.mark.parametrize("command", ["summary", "memory", "compute"])
def test_types_have_other_names(run, alias, name, command):
    assert run(command, "net.yaml", "--dtype", alias).stdout == run(command, "net.yaml", "--dtype", name).stdout


# What `check` looks at.


def test_a_built_in_network_does_not_stand_for_a_missing_file(run):
    found = run("summary", "vgg16.yaml")
    assert found.exit_code == 0
    assert found.stderr == "Note: there is no file 'vgg16.yaml'; this is the built-in network.\n"
    for name in ("vgg16.yaml", "vgg/vgg16"):
        assert run("check", name).exit_code == 2
    assert run("check", "vgg16").exit_code == 0


def test_one_bad_path_does_not_keep_others_from_being_checked(run):
    found = run("check", "nets.yaml", "net.yaml", "vgg17")
    assert found.exit_code == 2
    assert found.stdout == "1 spec checked, no errors\n"
    assert found.stderr.splitlines() == [
        "Error: no file 'nets.yaml': did you mean 'net.yaml'?",
        "Error: no file and no built-in network 'vgg17': did you mean 'vgg11' or 'vgg13' or 'vgg16'?",
    ]


def test_without_arguments_only_specs_are_checked(run):
    Path("compose.yaml").write_text("services:\n  web: {layers: 3}\n", encoding="utf-8")
    Path("broken.yaml").write_text("layers: [Dense: 4\n", encoding="utf-8")
    assert run("check").stdout.endswith("2 specs checked, 1 error\n")
    assert run("check", ".").stdout.endswith("2 specs checked, 1 error\n")
    assert run("check", "compose.yaml").exit_code == 1
    Path("net.yaml").unlink()
    Path("broken.yaml").unlink()
    assert run("check").exit_code == 2


def test_pipes_and_links_to_nowhere_in_a_folder(run):
    os.mkfifo("pipe.yaml")
    Path("link.yaml").symlink_to("nowhere.yaml")
    found = run("check", ".")
    assert (found.exit_code, found.stdout) == (2, "1 spec checked, no errors\n")
    assert "'link.yaml' is a link to what is not there: 'nowhere.yaml'" in found.stderr


# How a process ends.


def test_an_interrupt_ends_with_130_and_no_traceback():
    waiting = subprocess.Popen(
        [sys.executable, "-u", "-m", "archinspect", "summary", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with waiting:
        assert waiting.stdin is not None
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(1)
        waiting.send_signal(signal.SIGINT)
        output = waiting.communicate()
    assert (waiting.returncode, *output) == (130, b"", b"")


def test_a_closed_standard_input_is_told():
    command = f"exec {sys.executable} -m archinspect summary - <&-"
    found = subprocess.run(["/bin/sh", "-c", command], capture_output=True, check=False, timeout=60)
    assert found.returncode == 2
    assert b"standard input is closed" in found.stderr
