"""The project around the package: versions of what it needs, hooks, the changelog, modules that import alone."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

import archinspect

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
NEEDED = [
    *PROJECT["build-system"]["requires"],
    *PROJECT["project"]["dependencies"],
    *PROJECT["project"]["optional-dependencies"]["test"],
]
PINS = {
    pin.name: pin
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    if line.strip() and not line.strip().startswith("#")
    for pin in [Requirement(line)]
}


def test_constraints_are_exact():
    assert all(re.fullmatch(r"==[\w.]+", str(pin.specifier)) for pin in PINS.values())


@pytest.mark.parametrize("dependency", NEEDED[1:])
def test_a_dependency_is_pinned_within_its_range(dependency):
    needed = Requirement(dependency)
    (version,) = [pin.version for pin in PINS[needed.name].specifier]
    assert needed.specifier.contains(version)


def test_the_oldest_run_has_the_lower_bound_of_everything():
    spec = spec_from_file_location("noxfile", ROOT / "noxfile.py")
    noxfile = module_from_spec(spec)
    spec.loader.exec_module(noxfile)
    floors = [Requirement(floor) for floor in noxfile.floors(NEEDED)]
    assert [(floor.name, floor.extras) for floor in floors] == [
        (needed.name, needed.extras) for needed in map(Requirement, NEEDED)
    ]
    for floor, needed in zip(floors, map(Requirement, NEEDED), strict=True):
        assert f">={str(floor.specifier).removeprefix('==')}" in str(needed.specifier).split(",")


def test_the_readme_and_its_readers_install_these_versions():
    command = '.venv/bin/pip install -c constraints.txt -e ".[test]"'
    for document in ("README.md", "CONTRIBUTING.md"):
        assert command in (ROOT / document).read_text(encoding="utf-8"), document


def test_hooks_call_what_ci_calls():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"][0]["hooks"]
    sessions = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    assert len(hooks) == 4
    for hook in hooks:
        words = hook["entry"].removeprefix(".venv/bin/").partition(" --")[0].split()
        assert f"here(session, {', '.join(map(repr, words))}".replace("'", '"') in sessions


def test_the_changelog_has_this_version_and_room_for_the_next():
    headings = re.findall(r"^## (.*)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings[0] == "[Unreleased]"
    assert re.fullmatch(rf"\[{re.escape(archinspect.__version__)}\] - \d{{4}}-\d\d-\d\d", headings[1])


ALONE = """
import importlib, pkgutil, sys
import archinspect
names = [module.name for module in pkgutil.walk_packages(archinspect.__path__, "archinspect.")]
# Text that exported programs take along, and scripts for another Python.
names = [name for name in names if ".parts" not in name and not name.endswith(".torch.export")]
names = [name for name in names if ".measure_" not in name]
for name in names:
    for known in [known for known in sys.modules if known.partition(".")[0] == "archinspect"]:
        del sys.modules[known]
    importlib.import_module(name)
print(len(names))
"""


def test_every_module_can_be_imported_first():
    """In one process, which forgets the package between them: no module counts on another that is there already."""
    done = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, check=False, encoding="utf-8")
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) > 50
