"""The command line: exit codes, wrong usage, standard input, names, pipes, completion, what is imported."""

from __future__ import annotations

import errno
import gc
import os
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import archinspect
from archinspect import __version__
from archinspect.__main__ import main as run_process
from archinspect.cli import COMMANDS
from archinspect.language import library

NET = "name: Net\ninput: [8]\nparams: {units: 4}\nlayers:\n  - Dense: $units\n"
WARNED = NET + "  - {ReLU: , name: aux}\noutputs: dense\n"
BROKEN = "input: [8]\nlayers: [Denze: 4]\n"
PARTIAL = "input: [8]\nlayers:\n  - Custom: {output: [4]}\n  - Dense: 2\n"
TWO = "inputs: {a: [8], b: [8]}\nlayers:\n  - {Concatenate: , from: [a, b]}\n"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Every test runs in a folder with a few specs."""
    for name, text in {"net": NET, "warned": WARNED, "broken": BROKEN, "two": TWO, "partial": PARTIAL}.items():
        Path(tmp_path, f"{name}.yaml").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def process(*args, **options):
    """Run the tool as a process of its own."""
    env = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "FORCE_COLOR", "NO_COLOR")}
    env |= {"PYTHONIOENCODING": "utf-8"} | options.pop("env", {})
    return subprocess.run(
        [sys.executable, "-m", "archinspect", *args],
        timeout=60,
        check=False,
        env=env,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options,
    )


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("summary net.yaml", 0),
        ("summary warned.yaml", 0),
        ("summary broken.yaml", 1),
        ("summary nothing.yaml", 2),
        ("summary net.yaml --set units=many", 1),
        ("summary net.yaml --set unit=4", 1),
        ("summary net.yaml --input other=8", 1),
        ("summary two.yaml --input 8", 1),
        ("summary two.yaml --input a=9 --input b=3", 0),
        ("compare net.yaml net.yaml", 0),
        ("compare net.yaml broken.yaml", 1),
        ("compare net.yaml nothing.yaml", 2),
        ("compare net.yaml", 2),
        ("compare", 2),
        ("check net.yaml", 0),
        ("check warned.yaml", 0),
        ("check warned.yaml --strict", 1),
        ("check net.yaml --strict", 0),
        ("check net.yaml --strict --hints", 0),
        ("check partial.yaml", 0),
        ("check partial.yaml --require-complete", 1),
        ("check net.yaml --require-complete", 0),
        ("check broken.yaml", 1),
        ("explain net.yaml", 0),
        ("explain net.yaml dense", 0),
        ("explain net.yaml nothing", 2),
        ("explain broken.yaml", 1),
        ("memory net.yaml", 0),
        ("memory broken.yaml", 1),
        ("memory net.yaml --optimizer none", 2),
        ("fit net.yaml --memory 1MiB", 0),
        ("fit net.yaml --memory 1B", 1),
        ("fit broken.yaml --memory 1MiB", 1),
        ("fit net.yaml", 2),
        ("check net.yaml broken.yaml", 1),
        ("check net.yaml nothing.yaml", 2),
        ("check", 1),
        ("check broken.yaml --format json", 1),
        ("check net.yaml --format yaml", 2),
        ("list", 0),
        ("list resnet", 0),
        ("list nothing_like_it", 2),
        ("list --sort size", 2),
        ("ops", 0),
        ("ops Conv2D", 0),
        ("ops Conv9D", 2),
        ("summary", 2),
        ("summary net.yaml net.yaml", 2),
        ("summary net.yaml --nothing", 2),
        ("summary net.yaml --batch 0", 2),
        ("summary net.yaml --dtype complex", 2),
        ("summary net.yaml --format xml", 2),
        ("--nothing", 2),
        ("sumary net.yaml", 2),
        ("--version", 0),
        ("--help", 0),
        ("-h", 0),
    ],
)
def test_exit_code(run, command, code):
    result = run(*command.split())
    assert result.exit_code == code, result.output
    silent = command.startswith("check") or command.endswith(" 1B")  # what is found is the command's output
    assert bool(result.stderr) == (code == 2 or (code == 1 and not silent))


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("sumary net.yaml", "no command 'sumary': did you mean 'summary'?"),
        ("summary resnet5", "no file and no built-in network 'resnet5': did you mean 'resnet50'"),
        ("compare net.yaml vgg61", "'vgg61': did you mean 'vgg11' or 'vgg13'"),
        ("check mobilenet_v9", "did you mean 'mobilenet_v1' or 'mobilenet_v2'"),
        ("explain net.yaml dens", "no layer 'dens' in Net: did you mean 'dense'?"),
        ("explain net.yaml --cell 1,1", "--cell: the spec has no `values`"),
        ("explain conv2d --cell 5,1", "--cell 5,1: the output of 'conv2d' is 4x4x1"),
        ("explain conv2d --cell 1;1", "'1;1' is neither a place such as 2,3 nor 'all'"),
        ("fit net.yaml", "say either --memory or --device"),
        ("fit net.yaml --memory 1GiB --device a100", "say either --memory or --device"),
        ("fit net.yaml --memory 5x", "'5x' is not a number of bytes such as 24GiB"),
        ("fit net.yaml --memory <=5", "'<=5' is not a number of bytes such as 24GiB"),
        ("fit net.yaml --memory 1GiB --reserve 1GiB", "--reserve leaves nothing"),
        ("fit net.yaml --memory 1GiB --vary unit", "no parameter 'unit' that is a whole number: did you mean 'units'?"),
        ("fit net.yaml --device a10000", "no device 'a10000': did you mean"),
        ("summary net.yaml --set units", "'units' is not name=value"),
        ("summary net.yaml --set =4", "'=4' is not name=value"),
        ("summary net.yaml --set units=[4", "'units=[4': not valid YAML"),
        ("summary net.yaml --input 8xx8", "'8xx8' is not a shape such as 224x224x3"),
        ("summary net.yaml --input 0", "'0' is not a shape"),
        ("summary net.yaml --input -8", "'-8' is not a shape"),
        ("summary net.yaml --input 99999999999", "'99999999999' is not a shape"),
        ("summary net.yaml --input input=", "'' is not a shape"),
        ("summary net.yaml --columns layer,size", "no column 'size'; there are layer, inputs,"),
        ("summary net.yaml --depth 0", "'0' is neither a number of levels from 1 nor 'all'"),
        ("summary net.yaml --depth -1", "'-1' is neither"),
        ("summary net.yaml --depth some", "'some' is neither"),
        ("summary net.yaml --depth 99999999999999999999", "is neither"),
        ("compare net.yaml", "compare needs two specs or more"),
        ("list nothing_like_it", "no built-in network has 'nothing_like_it' in its family, name or source"),
        ("ops Conv9D", "no operator 'Conv9D': did you mean 'Conv1D'"),
    ],
)
def test_wrong_usage_is_explained(run, command, message):
    result = run(*command.split())
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("command", [["summary"], ["check"], ["compare", "net.yaml"], ["explain"], ["memory"]])
@pytest.mark.parametrize(("text", "code"), [(NET, 0), (BROKEN, 1), ("", 1)])
def test_a_dash_is_standard_input(run, command, text, code):
    result = run(*command, "-", stdin=text)
    assert result.exit_code == code
    assert ("<stdin>:" in result.output) == (code == 1)


def test_fit_reads_standard_input_once(run):
    assert run("fit", "-", "--memory", "1MiB", stdin=NET).exit_code == 0


def test_a_file_wins_over_a_built_in_network_of_its_name(run, folder):
    built_in = run("summary", "vgg16").stdout
    Path(folder, "vgg16").write_text(NET, encoding="utf-8")
    assert "Net" in run("summary", "vgg16").stdout
    assert run("summary", "vgg16.yaml").stdout == built_in
    Path(folder, "vgg16.yaml").write_text(NET, encoding="utf-8")
    assert run("summary", "vgg16.yaml").stdout == run("summary", "net.yaml").stdout


@pytest.mark.parametrize(
    "name", ["vgg16", "vgg16.yaml", "vgg16.yml", "vgg/vgg16", "vgg/vgg16.yaml", "VGG-16", "vgg_16"]
)
def test_a_built_in_network_is_found_by_name(run, name):
    assert "Total params: 138,357,544" in run("summary", name).stdout


@pytest.mark.parametrize("name", ["resnet/vgg16", "gg16", "vgg 16", "../vgg/vgg16", "/vgg/vgg16", "."])
def test_no_other_name_finds_it(run, name):
    result = run("summary", name)
    assert result.exit_code == 2
    assert result.stdout == ""


def test_a_directory_is_searched(run, folder):
    Path(folder, "more", "deep").mkdir(parents=True)
    Path(folder, "more", "deep", "net.yml").write_text(BROKEN, encoding="utf-8")
    Path(folder, "more", "notes.txt").write_text(BROKEN, encoding="utf-8")
    Path(folder, ".venv").mkdir()
    Path(folder, ".venv", "net.yml").write_text(BROKEN, encoding="utf-8")
    result = run("check", ".", "--format", "concise")
    assert run("check", "--format", "concise").stdout == result.stdout
    assert result.exit_code == 1
    assert [line.partition(":")[0] for line in result.stdout.splitlines()] == [
        "broken.yaml",
        "more/deep/net.yml",
        "partial.yaml",
        "warned.yaml",
        "6 specs checked, 2 errors, 2 warnings",
    ]
    assert run("check", "more/deep").exit_code == 1
    empty = Path(folder, "empty")
    empty.mkdir()
    assert "no spec below 'empty'" in run("check", "empty").stderr


def test_a_directory_cannot_be_summarized(run, folder):
    Path(folder, "more").mkdir()
    result = run("summary", "more")
    assert result.exit_code == 2
    assert "error[file]: this is a folder without a model that is known" in result.stderr


def test_the_built_in_specs_are_clean(run):
    result = run("check", str(library.folder()))
    assert result.exit_code == 0
    assert result.stdout.count("\n") == 1
    assert "no errors" in result.stdout


@pytest.mark.parametrize(
    ("command", "text"),
    [("--version", f"archinspect {__version__}\n"), ("check net.yaml", "1 spec checked, no errors\n")],
)
def test_it_runs_as_a_module(command, text):
    result = process(*command.split(), encoding="utf-8")
    assert (result.returncode, result.stdout, result.stderr) == (0, text, "")


@pytest.mark.parametrize(
    "command",
    [
        *("list", "summary resnet152 --depth all", "summary vgg16 --format csv", "ops --format markdown"),
        *("compare vgg16 vgg19", "check broken.yaml", "sweep lenet5 --batch 1,2 --format csv", "formula lenet5"),
    ],
)
def test_a_reader_may_close_the_pipe(command):
    reader, writer = os.pipe()
    os.close(reader)
    result = process(*command.split(), stdout=writer)
    os.close(writer)
    assert (result.returncode, result.stderr) == (0, b"")


@pytest.mark.parametrize("command", ["list", "summary vgg16", "compare vgg16 vgg19", "check broken.yaml", "ops Conv2D"])
def test_a_terminal_of_ascii_gets_no_traceback(command):
    result = process(*command.split(), env={"PYTHONIOENCODING": "ascii"})
    assert result.returncode == (command == "check broken.yaml")
    assert result.stderr == b""
    assert result.stdout.isascii()


def test_a_name_of_other_letters_prints_in_ascii(folder):
    Path(folder, "net.yaml").write_text(NET.replace("Net", "Réseau 日本"), encoding="utf-8")
    result = process("summary", "net.yaml", env={"PYTHONIOENCODING": "ascii"})
    assert (result.returncode, result.stderr) == (0, b"")
    assert result.stdout.startswith(b"R?seau ??")


RESNET = ("input", "batch", "dtype", "block", "depths", "groups", "group_width", "stride_on", "classes")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("archinspect summary vgg1", {"vgg11", "vgg13", "vgg16", "vgg16_bn", "vgg19"}),
        ("archinspect compare alexnet resnet15", {"resnet152"}),
        ("archinspect ops conv2", {"Conv2D", "Conv2DTranspose"}),
        ("archinspect co", {"compare", "compute", "convert"}),
        ("archinspect list --sort ye", {"year"}),
        ("archinspect explain vgg16 conv1", {"conv1_1", "conv1_2"}),
        ("archinspect explain gpt2 blocks.11.l", {"blocks.11.layer_normalization", "blocks.11.layer_normalization_1"}),
        ("archinspect summary vgg16 --columns layer,pa", {"layer,params", "layer,params%"}),
        ("archinspect summary vgg16 --set cl", {"classes="}),
        ("archinspect compute vgg16 --device h1", {"h100", "h100-pcie"}),
        ("archinspect fit gpt2 --vary s", {"seq"}),
        ("archinspect formula gpt2 --of macs,pe", {"macs,peak"}),
        ("archinspect formula resnet50 --in he", {"height"}),
        ("archinspect compare resnet50@cl", {"resnet50@classes="}),
        ("archinspect compare lenet5 resnet50@classes=5@in", {"resnet50@classes=5@input="}),
        ("archinspect compare nothing@cl", set()),
        ("archinspect compare lenet5 resnet50 @ classes = 5 @ in", {"@input="}),
        ("archinspect compare resnet50 @", {f"@{name}=" for name in RESNET}),
        ("archinspect explain nothing conv1", set()),
    ],
)
def test_the_shell_completes(words, expected):
    env = {"_ARCHINSPECT_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    script = "from archinspect.__main__ import main; main()"
    result = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.argv[0] = 'archinspect'; {script}"],
        capture_output=True,
        timeout=60,
        check=False,
        encoding="utf-8",
        env={**os.environ, **env},
    )
    assert result.stderr == ""
    kinds = [line.split(",", 1) for line in result.stdout.split()]
    assert {name for kind, name in kinds if kind == "plain"} == expected


@pytest.mark.parametrize(
    "command",
    [
        "summary {}",
        "summary {} --format markdown",
        "memory {}",
        "fit {} --memory 1GiB",
        "compute {}",
        "compute {} --format markdown",
        "explain {} --convention fvcore",
    ],
)
def test_every_report_says_whether_all_was_counted(run, command):
    partial, complete = (run(*command.format(f"{name}.yaml").split()).stdout for name in ("partial", "net"))
    assert "Status: partial\nNot counted: custom (params, macs, flops)" in partial.replace("\n- ", "\n")
    assert "Status: complete" in complete


def test_what_is_not_known_is_no_zero(run):
    (row,) = [line for line in run("summary", "partial.yaml").stdout.splitlines() if line.startswith("custom (Custom)")]
    assert row.split()[-5:-2] == ["?", "?", "?"]
    explained = run("explain", "partial.yaml", "custom").stdout
    assert "Weights not known" in explained
    assert "MACs not known\n  FLOPs not known" in explained
    compared = run("compare", "net.yaml", "partial.yaml").stdout
    assert "Not counted of partial.yaml: custom (params, macs, flops)" in compared
    assert run("compare", "net.yaml", "partial.yaml", "--format", "csv").stdout.endswith("Status,complete,partial\n")
    assert (
        "Not known, and counted as nothing: params, macs, flops of custom."
        in run("summary", "partial.yaml", "--methods").stdout
    )


@pytest.mark.parametrize(("watched", "ended_by"), [(False, "the process"), (True, "Python")])
def test_a_process_looks_for_little_garbage_and_ends_at_once(monkeypatch, capsys, watched, ended_by):
    """A profiler or a debugger sees the usual end."""
    found: list = []

    def leave(code):
        raise InterruptedError(f"the process {code}")

    monkeypatch.setattr(gc, "set_threshold", found.append)
    monkeypatch.setattr(os, "_exit", leave)
    monkeypatch.setattr(sys, "gettrace", lambda: print if watched else None)
    monkeypatch.setattr(sys, "getprofile", lambda: None)
    monkeypatch.setattr(sys, "argv", ["archinspect", "--version"])
    with pytest.raises(SystemExit if ended_by == "Python" else InterruptedError) as ended:
        run_process()
    assert str(ended.value) == ("0" if ended_by == "Python" else "the process 0")
    assert capsys.readouterr().out.startswith("archinspect ")
    assert found == [100_000]


@pytest.mark.skipif(os.name != "posix", reason="the shell's words for a stream that is closed")
@pytest.mark.parametrize("closed", ["1", "2", "1>&- 2"])
def test_a_process_may_have_no_streams(closed):
    command = f"{sys.executable} -m archinspect check net.yaml {closed}>&-"
    result = subprocess.run(["/bin/sh", "-c", command], capture_output=True, timeout=60, check=False)
    assert (result.returncode, result.stderr) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no device that is full")
@pytest.mark.parametrize(
    "command", ["summary lenet5", "summary lenet5 --format csv", "ops", "--version", "sweep lenet5 --batch 1,2"]
)
def test_a_full_disk_is_an_error_and_no_traceback(command):
    with Path("/dev/full").open("w") as full:
        result = process(*command.split(), stdout=full, encoding="utf-8")
    assert (result.returncode, result.stderr) == (2, f"Error: standard output: {os.strerror(errno.ENOSPC)}\n")


def imported(*args):
    """Return the modules that a run imports."""
    script = (
        "import sys\n"
        "from archinspect.cli import main\n"
        f"sys.argv = ['archinspect', *{list(args)!r}]\n"
        "try:\n    main()\n"
        "except SystemExit as error:\n    assert not error.code, error.code\n"
        "print('MODULES', *sys.modules)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, timeout=60, check=True, encoding="utf-8"
    )
    return set(result.stdout.rpartition("MODULES ")[2].split())


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_help_and_version_import_nothing_heavy(option):
    modules = imported(option)
    heavy = {"rich", "yaml", "numpy", "importlib.metadata", "archinspect.api", "archinspect.spec", "archinspect.ops"}
    assert modules & heavy == set()
    assert "archinspect.cli" in modules


@pytest.mark.parametrize("command", COMMANDS)
def test_a_commands_help_imports_no_engine(command):
    assert not imported(command, "--help") & {
        "rich.console",
        "yaml",
        "numpy",
        "archinspect.api",
        "archinspect.graph.infer",
    }


def test_a_summary_imports_only_what_it_uses():
    modules = imported("summary", "keras_demo")
    assert "numpy" not in modules
    assert "archinspect.render.table" in modules
    assert "archinspect.ops.norm" not in modules
    assert not {name for name in modules if name.startswith("archinspect.conventions")}
    as_json = imported("summary", "keras_demo", "--format", "json")
    assert not {name for name in as_json if name.partition(".")[0] == "rich"}


def examples():
    """Yield the examples of all help pages that name no file of the reader's."""
    for name in COMMANDS:
        if name == "verify":  # it needs PyTorch: tests/verify
            continue
        command = import_module(f"archinspect.cli.{name}_command").command
        for line in command.help.splitlines():
            words = line.split()
            # What needs a file, a pipe or a terminal is left out.
            left_out = {">", "|", "specs/", "--step", "--git", "--baseline", "baseline"} & {*words}
            if words[:1] == ["archinspect"] and not left_out and "my_" not in line:
                yield " ".join(words[1:])


@pytest.mark.parametrize("example", list(examples()))
def test_examples_of_help_pages_work(run, example):
    result = run(*shlex.split(example))
    assert (result.exit_code, result.stderr) == (0, "")


def test_active_parameters_are_compared_where_they_differ(run):
    assert "Active params" not in run("compare", "alexnet", "vgg16").stdout
    (line,) = [line for line in run("compare", "llama2_7b", "mixtral_8x7b").stdout.splitlines() if "Active" in line]
    assert line.split() == ["Active", "params", "6.74", "G*", "12.88", "G", "(1.91x)"]


def test_names_are_no_formulas_of_a_spreadsheet(run, tmp_path):
    path = tmp_path / "net.yaml"
    for name in ("=1+1", "+1", "-a", "@SUM(A1)"):
        path.write_text(f"name: '{name}'\ninput: [4]\nlayers: [ReLU]\n", encoding="utf-8")
        lines = run("compare", str(path), "lenet5", "--format", "csv").stdout.splitlines()
        assert lines[0].split(",")[1] == f"'{name}"


def test_a_partial_network_says_so_in_every_command(run, tmp_path):
    """Of two layers in a block the second states no MACs."""
    path = tmp_path / "net.yaml"
    block = "[Dense: 4, Custom: {output: [4], params: 3}]"
    path.write_text(f"input: [8]\nblocks: {{b: {block}}}\nlayers: [b, Dense: 2]\n", encoding="utf-8")
    left_out = "Status: partial\nNot counted: b.custom (macs, flops)\n"

    def row(*words):
        return next(line for line in run(*words).stdout.splitlines() if line.startswith("b")).split("  ")

    for command in ("summary", "compute"):
        assert {"32 + ?", "68 + ?"} <= {cell.strip() for cell in row(command, str(path), "--depth", "1")}
        assert [cell.strip() for cell in row(command, str(path), "--depth", "2")].count("?") == 0
        assert left_out in run(command, str(path)).stdout
    assert row("summary", str(path), "--format", "csv", "--depth", "1") == ['b,"(None, 4)",39,,,32,b']
    assert row("compute", str(path), "--format", "csv", "--depth", "1") == ["b,b,,,,,,,,,236,236,0,0.0,0.0,"]
    assert "macs = 40 * batch + ?\n" in run("formula", str(path), "--in", "batch").stdout
    assert "params = 49\n" in run("formula", str(path), "--in", "batch").stdout
    assert left_out.partition(" (")[0] in run("formula", str(path), "--in", "batch").stdout
    for form in ("python", "latex"):
        assert "Not counted: b.custom" in run("formula", str(path), "--in", "batch", "--format", form).stdout
    assert left_out in run("sweep", str(path), "--batch", "1,2").stdout
    assert left_out == run("sweep", str(path), "--batch", "1,2", "--format", "csv").stderr
    assert run("sweep", str(path), "--batch", "1,2", "--columns", "params", "--format", "csv").stderr == ""


def test_the_longest_sequence_is_that_of_the_batch_given(run):
    args = ("fit", "gpt2", "--memory", "1GiB", "--vary", "seq", "--format", "json")
    for batch in (1, 32):
        (expected,) = archinspect.fit("gpt2", 2**30, vary=["seq"], batch=batch)
        assert f'"largest": {expected.largest},' in run(*args, "--batch", str(batch)).stdout


def test_an_input_of_other_axes_is_told_by_the_network_s_own(run):
    found = run("summary", "vgg16", "--input", "224")
    assert found.stderr.endswith("Hint: --input gives 1 axis, the network's own input has 3: 224x224x3\n")
    assert "Hint" not in run("summary", "vgg16", "--input", "8x8x3").stderr
