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


def test_accuracy_is_up_to_date(stored):
    stored(DOCS / "accuracy.md", script("accuracy").page())


@pytest.mark.parametrize("command", ["compare alexnet vgg16 vgg19", "chart"])
def test_a_picture_is_up_to_date(command, stored, tmp_path):
    name = f"{command.split()[0]}.svg"
    command_line.run(*command.split(), "-o", str(tmp_path / name))
    stored(DOCS / name, (tmp_path / name).read_text(encoding="utf-8"))
