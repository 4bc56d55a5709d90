"""Pages and pictures that a script writes say what the code computes now."""

import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def script(name):
    """Return a script of `docs/` as a module."""
    spec = spec_from_file_location(name, DOCS / f"{name}.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_accuracy_is_up_to_date(stored):
    stored(DOCS / "accuracy.md", script("accuracy").page())


def test_the_picture_is_up_to_date(request):
    """Its words: how they are drawn is the library's."""
    path, svg = DOCS / "compare.svg", script("picture").svg() + "\n"
    if request.config.getoption("--update"):
        path.write_text(svg, encoding="utf-8", newline="\n")
    drawn, stored = (re.findall(r">([^<]+)</text>", text) for text in (svg, path.read_text(encoding="utf-8")))
    assert "archinspect&#160;compare&#160;alexnet&#160;vgg16&#160;vgg19" in stored
    assert drawn == stored
