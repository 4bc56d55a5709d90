"""Pages and pictures that a script writes say what the code computes now."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import command_line
import pytest

DOCS = Path(__file__).parents[2] / "docs"


def script(name):
    """Return a script of `docs/` as a module."""
    spec = spec_from_file_location(name, DOCS / f"{name}.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_accuracy_is_up_to_date(stored, request):
    """Of all networks where the page is written anew; else of every twelfth, as all take half a minute."""
    accuracy, path = script("accuracy"), DOCS / "accuracy.md"
    if request.config.getoption("--update"):
        stored(path, accuracy.page())
    there = path.read_text(encoding="utf-8").splitlines()
    lines = accuracy.page(every=12).splitlines()
    assert [line for line in lines if line not in there] == []
    assert len([line for line in lines if line.startswith("| `")]) > 40


@pytest.mark.parametrize("command", ["compare alexnet vgg16 vgg19", "chart"])
def test_a_picture_is_up_to_date(command, stored, tmp_path):
    name = f"{command.split()[0]}.svg"
    command_line.run(*command.split(), "-o", str(tmp_path / name))
    stored(DOCS / name, (tmp_path / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", script("pictures").PICTURES)
def test_a_picture_of_a_command_has_its_words(name, request):
    pictures, path = script("pictures"), DOCS / f"{name}.svg"
    drawn = pictures.svg(name)
    if request.config.getoption("--update"):
        path.write_text(drawn, encoding="utf-8")
    assert f"archinspect&#160;{pictures.PICTURES[name].split()[0]}" in drawn
    assert pictures.words(path.read_text(encoding="utf-8")) == pictures.words(drawn)
