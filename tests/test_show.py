"""The text of a spec, and of one that extends nothing and gives the same network."""

import pytest

import archinspect
from archinspect import api
from archinspect.base.diagnostics import InvalidSpecError
from archinspect.base.source import Source
from archinspect.language import library
from archinspect.language.load import is_template

NAMES = list(library.builtins())


def test_the_text_is_the_files(run):
    result = run("show", "vgg16")
    with open(library.builtins()["vgg16"], encoding="utf-8") as file:
        assert result.stdout == f"# specs/vgg/vgg16.yaml\n{file.read()}"


@pytest.mark.parametrize("name", NAMES)
def test_a_flat_spec_gives_the_same_network(name):
    path = library.builtins()[name]
    text = api.spec_text(name, flat=True)[1]
    assert "extends:" not in text
    if is_template(library.read_builtin(path)):
        assert is_template(Source("", text))
    else:
        assert archinspect.inspect(text) == archinspect.inspect(name)
        found = {one.code for one in archinspect.network(text).check()}
        assert found <= {"unused-block", "unused-param"}  # of the base, which has more than this network needs


BASE = """\
# Of the base
name: Base
model: # its layers
  - $kind: {units: $units}
  - {head: , when: $last}
parameters: # with defaults
  # How wide it is
  units:
  kind: Dense # or another
  last: false
input: [8]
blocks:
  # The last layer
  head:
    layers: # just one
      - Dense: 3
metrics: {year: 2000}
expect: {params: 1}
"""
CHILDREN = {
    "flow": "{extends: base, params: {units: 4, 'last': true}, blocks: {head: [{Dense: 5}, ReLU]}}",
    "json": '{"extends": "base", "params": {"units": 4, "note": "a: #b \\"c\\" \\u0085 é", "none": null}}',
    "lines": "extends: base\nparams:\n    units: 4 # four\n    # Whether\n    last: true\nname: |\n  A\n  # B\n",
    "anchors": "extends: base\nparams: {units: &n 4, more: *n}\nlayers:\n- Dense: &one {units: 7}\n- Dense: *one\n",
    "document": "---\nextends: base\nparams:\n  units: 0x10\n...\n",
    "nothing": "extends: base\nparams:\n  units: 1_000\nblocks: {}\ninputs: {}\n",
    "inputs": "extends: base\nparams: {units: 2, list: [1, [a, 'null', ~]]}\n"
    "inputs: {x: [4], y: {shape: [4]}}\nlayers:\n- {Add: , from: [x, y]}\n- {$kind: $units}\n",
}


@pytest.mark.parametrize("child", CHILDREN)
def test_it_does_however_a_spec_is_written(child, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "base.yaml").write_text(BASE, encoding="utf-8")
    path = tmp_path / f"{child}.yaml"
    path.write_text(CHILDREN[child], encoding="utf-8")
    flat = api.spec_text(path, flat=True)[1]
    # A spec without a name has that of its file
    assert archinspect.inspect(flat)._replace(name="") == archinspect.inspect(path)._replace(name="")


def test_lines_and_comments_stay_their_authors(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "base.yaml").write_text(BASE, encoding="utf-8")
    (tmp_path / "net.yaml").write_text(
        "extends: base\nparams: {units: 4, last: true}\nexpect: {params: 51}\n", encoding="utf-8"
    )
    assert (
        run("show", "net.yaml", "--flat").stdout
        == """\
# net.yaml
params:
  # How wide it is
  units: 4
  kind: Dense # or another
  last: true
input: [8]
blocks:
  # The last layer
  head:
    layers: # just one
      - Dense: 3
model: # its layers
  - $kind: {units: $units}
  - {head: , when: $last}
expect: {params: 51}
"""
    )


def test_a_base_that_is_not_there_is_told(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.yaml").write_text("extends: nobody\nparms: {}\n", encoding="utf-8")
    result = run("show", "net.yaml", "--flat")
    assert result.exit_code == 1
    assert "no spec 'nobody' to extend" in result.stderr
    assert "unknown key 'parms'" in result.stderr
    with pytest.raises(InvalidSpecError):
        api.spec_text("net.yaml", flat=True)
    assert run("show", "net.yaml").exit_code == 0


def test_what_steers_a_terminal_is_shown_as_no_character(run, tmp_path, monkeypatch):
    (tmp_path / "net.yaml").write_bytes(
        b"input: [8]\r\nlayers: [ReLU] # a\x9b1m\xe2\x80\xae\r\n".replace(b"\x9b", b"\xc2\x9b")
    )
    monkeypatch.chdir(tmp_path)
    assert "# a\x9b1m\u202e\n" in run("show", "net.yaml").stdout
    monkeypatch.setattr("archinspect.cli.show_command.is_terminal", lambda: True)
    assert run("show", "net.yaml").stdout == "# net.yaml\ninput: [8]\nlayers: [ReLU] # a\\x9b1m\\u202e\n"
