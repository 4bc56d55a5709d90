"""The page of predicted and measured memory is what its script prints."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_accuracy_is_up_to_date(stored):
    spec = spec_from_file_location("accuracy", DOCS / "accuracy.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    stored(DOCS / "accuracy.md", module.page())
