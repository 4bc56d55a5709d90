"""How files are known, and what is said of those that no reader takes."""

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from programs import residual_net, zipped

import archinspect
from archinspect.importers import FORMATS, open_file, split

DOCS = Path(__file__).parents[2] / "docs"
SPEC = "input: [8]\nlayers:\n  - Dense: 4\n"


@pytest.fixture
def write(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_has_a_reader_and_a_line_in_the_documentation(name):
    module = import_module(f"archinspect.importers.{name}")
    assert callable(module.read)
    assert module.__doc__
    table = (DOCS / "formats.md").read_text(encoding="utf-8")
    row = next(line for line in table.splitlines() if line.startswith(f"| [`{name}`]"))
    assert all(f"`{suffix}`" in row for suffix in FORMATS[name].suffixes)
    assert FORMATS[name].what in row
    assert FORMATS[name].evidence in row


@pytest.mark.parametrize("name", ["net.pt2", "net.zip", "net", "net.pt", "net.yaml"])
def test_content_tells_whatever_the_name(write, name):
    assert archinspect.inspect(write(name, residual_net().save())).totals.params == 1490


def test_a_name_tells_where_the_content_does_not(write):
    assert open_file(write("net.pt2", b"PK\x03\x04")).format == "pt2"
    assert open_file(write("net.txt", SPEC)) is None


@pytest.mark.parametrize("name", ["net.yaml", "net.txt", "net", "net.json"])
def test_specs_are_read_whatever_their_name(write, name):
    content = json.dumps({"input": [8], "layers": [{"Dense": 4}]}) if name.endswith(".json") else SPEC
    assert archinspect.inspect(write(name, content)).totals.params == 36


def test_a_format_before_the_name(write):
    path = write("net.zip", residual_net().save())
    assert archinspect.inspect(f"pt2:{path}").totals.params == 1490
    assert split("pt2:nothing.zip") == ("pt2", "nothing.zip")
    assert split("pt3:nothing.zip") == ("", "pt3:nothing.zip")
    with pytest.raises(archinspect.NotFoundError, match="no file"):
        archinspect.inspect("pt2:nothing.zip")


def test_a_file_with_a_colon_in_its_name(write, monkeypatch):
    path = Path(write("pt2:net.yaml", SPEC))
    monkeypatch.chdir(path.parent)
    assert archinspect.inspect("pt2:net.yaml").totals.params == 36


def test_from_says_the_format(run, write):
    path = write("net.zip", residual_net().save())
    assert "1,490 params" in run("summary", "--from", "pt2", path, "--oneline").stdout
    found = run("summary", "--from", "pt2", write("net.yaml", SPEC))
    assert (found.exit_code, "the file is no zip" in found.stderr) == (1, True)
    own = write("net.yaml", SPEC)
    assert run("summary", "--from", "spec", own).stdout == run("summary", own).stdout
    assert "no file 'lenet5'\n" in run("summary", "--from", "pt2", "lenet5").stderr
    found = run("summary", "--from", "pt3", path)
    assert (found.exit_code, "no format 'pt3': did you mean 'pt2'?" in found.stderr) == (2, True)


@pytest.mark.parametrize("command", ["summary", "explain", "memory", "compute", "formula", "compare", "check"])
def test_every_command_takes_a_file(run, write, command):
    others = ["alexnet"] if command == "compare" else []
    found = run(command, write("net.pt2", residual_net().save()), *others)
    assert found.exit_code == 0, found.output


def test_show_prints_specs_alone(run, write):
    found = run("show", write("net.pt2", residual_net().save()))
    assert found.exit_code == 1
    assert "and no text of a spec" in found.stderr


PICKLE = "a pickle: it could run code and is not opened"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("net.pt", b"\x80\x02}q\x00.", PICKLE),
        ("net", b"\x80\x04\x95\x00.", PICKLE),
        ("net.pth", b"(dp0\n.", PICKLE),
        ("net.ckpt", zipped({"archive/data.pkl": b""}), PICKLE),
        ("pytorch_model.bin", b"\0\0", PICKLE),
        ("net.npy", b"\x93NUMPY\x01\0", "this is an array of NumPy"),
        ("net.gz", b"\x1f\x8b\x08\0", "compressed by gzip"),
        ("net.png", b"\x89PNG\r\n", "this is a picture"),
        ("net.onnx", zipped({"net/net.onnx": b"\x08"}), "this is a zip that holds 'net/net.onnx'"),
        ("net.onnx", b"PK\x03\x04" + bytes(60), "this is a zip, and a damaged one"),
        ("net.so", b"\x7fELF\0\0", "this is a binary file that no reader knows"),
        (
            "net.yaml",
            "arch: a\ndataset: b\nlayers:\n  - processors: 1\n",
            "this is a network of ai8x, which is not read",
        ),
        ("net.yaml", "input_channel: 3\nbackbone:\n  [[-1, 1, Conv, [6]]]\n", "this is a model of Kindle"),
        ("net.yml", "model:\n  - input: x\nloss:\n  - target: y\ntrain:\n", "this is a Kurfile"),
        ("net.py", "model = dict(type='ImageClassifier')\n", "this is a configuration of OpenMMLab"),
        ("net.py", "import torch\n", "this is a Python program, which is not run"),
        ("net.yaml", "model:\n  _target_: mine.Net\n", "this is a configuration of Hydra"),
        ("config.json", '{"_class_name": "Net", "_diffusers_version": "0.36"}', "this is a configuration of diffusers"),
        ("config.json", '{"architecture": "resnet18", "pretrained_cfg": {}}', "this is a configuration of timm"),
        ("net.nnef", "version 1.0;\ngraph net(x) -> (y) {}\n", "this is NNEF"),
    ],
)
def test_what_a_file_seems_to_be(run, write, name, content, message):
    path = write(name, content)
    found = run("check", path)
    assert (found.exit_code, message in found.stdout) == (1, True), found.output
    with pytest.raises(archinspect.InvalidSpecError, match=message):
        archinspect.inspect(path)


def test_a_folder_of_another_library_says_so(run, tmp_path):
    (tmp_path / "config.json").write_text('{"_class_name": "Net", "_diffusers_version": "0.36"}')
    assert "this is a configuration of diffusers" in run("summary", str(tmp_path)).stderr


def test_a_pickle_comes_with_lines_to_type(run, write):
    lines = run("summary", write("net.pt", b"\x80\x02}.")).stderr.splitlines()
    assert lines[1] == "  = help: save with torch.export, safetensors or ONNX:"
    assert [line.split("(")[0].strip() for line in lines[2:]] == [
        "torch.export.save",
        "safetensors.torch.save_file",
        "torch.onnx.export",
    ]


def test_a_list_of_formats(run):
    read = json.loads(run("formats", "--format", "json").stdout)["read"]
    assert [one["name"] for one in read] == ["spec", *FORMATS]
    assert FORMATS["pt2"].evidence in run("formats").stdout
    assert "| pt2 |" in run("formats", "--format", "markdown").stdout


@pytest.mark.parametrize("spec", ["vgg16", "net.yaml"])
def test_a_spec_imports_no_reader(write, spec):
    path = write(spec, SPEC) if "." in spec else spec
    code = (
        "import sys, archinspect; archinspect.inspect(sys.argv[1]);"
        "print([name for name in sys.modules if name.startswith('archinspect.importers')])"
    )
    found = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
