"""What one does with a checkout: `nox -s NAME`, and `nox --list` for all. `.ci/run` calls the same sessions.

Sessions that only call a tool take it from the environment in which nox is installed, which README.md's second command
makes; those that are about versions make an environment of their own.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import nox

BIN = Path(sys.executable).parent
PROJECT = nox.project.load_toml("pyproject.toml")
CONSTRAINTS = "constraints.txt"
FRAMEWORKS = ("torch==2.13.0", "onnxruntime>=1.23", "keras>=3.15")  # the PyTorch of the figures of tests/truth
FIRST_PYTHON = (3, 11)

# With the versions of constraints.txt every warning is an error. Others may warn of what they do themselves, as of each
# other's deprecated functions: with them only a warning that is put down to our own modules is one. And a newer pytest
# may have found more to be strict about.
OTHER_VERSIONS = (
    *("-o", "filterwarnings=default\nerror:::(archinspect|tests|command_line|small)"),
    *("-o", "strict=false"),
)

# What is made with others' code: the command line, tables, YAML, NumPy's arrays, ONNX files.
# The rest is arithmetic of ours, whatever the versions are; `nox -s newest -- tests` runs it with them, too.
WITH_OTHERS = (
    *("tests/test_cli.py", "tests/test_golden.py", "tests/test_errors.py", "tests/test_output.py"),
    *("tests/test_hostile.py", "tests/test_source.py", "tests/test_pages.py", "tests/test_python.py"),
    *("tests/test_api.py", "tests/test_list.py", "tests/test_show.py"),
    "tests/exporters/test_onnx.py",
    # All built-in networks are no more of others' code than one is.
    *("--deselect", "tests/test_api.py::test_what_a_folded_row_reads_is_another_row_or_an_input"),
    *("--deselect", "tests/test_api.py::test_rows_at_any_depth_sum_to_the_totals"),
    *("--deselect", "tests/test_api.py::test_json_round_trips_and_figures_are_integers"),
    *("--deselect", "tests/test_show.py::test_a_flat_spec_gives_the_same_network"),
    *("--deselect", "tests/exporters/test_onnx.py::test_a_network_passes_the_checks_and_has_the_engines_shapes"),
)

# What runs exported programs with the frameworks, or with onnxruntime.
WITH_FRAMEWORKS = (
    *("tests/exporters/test_pytorch.py", "tests/exporters/test_onnx_torch.py", "tests/exporters/test_onnx_numpy.py"),
    *("tests/exporters/test_keras_beside_pytorch.py", "tests/exporters/test_tensors.py"),
    *("tests/importers/test_torch.py", "tests/verify"),
)

# What no test uses, and what has needs of its own: import-linter 2.17 wants a newer rich than the package does.
NO_TEST_USES = ("import-linter", "mypy", "ruff", "types-pyyaml")

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "venv"
nox.options.sessions = ["tests", "lint", "types"]


def floors(dependencies: list[str]) -> list[str]:
    """Oldest version of each dependency that its range allows, as a requirement."""
    found = [re.match(r"([\w.-]+)(\[[\w,-]+\])?>=([\w.]+)", dependency) for dependency in dependencies]
    return [f"{match[1]}{match[2] or ''}=={match[3]}" for match in found if match]


def here(session: nox.Session, tool: str, *args: str, env: dict[str, str] | None = None) -> None:
    """Run a tool of the environment in which nox is installed."""
    session.run(str(BIN / tool), *args, external=True, env=env)


@nox.session(venv_backend="none")
def tests(session: nox.Session) -> None:
    """Run the tests; `nox -s tests -- -k conv` runs some."""
    here(session, "python", "-m", "pytest", "-n", "auto", *session.posargs)


@nox.session(venv_backend="none")
def coverage(session: nox.Session) -> None:
    """Run the tests and say which lines and branches they leave out."""
    measured = {"COVERAGE_PROCESS_START": str(Path("pyproject.toml").resolve())}
    here(session, "python", "-m", "pytest", "-n", "auto", *session.posargs, env=measured)
    here(session, "coverage", "combine")
    here(session, "coverage", "report")


@nox.session(venv_backend="none")
def lint(session: nox.Session) -> None:
    """Check style, format and layers."""
    here(session, "ruff", "check")
    here(session, "ruff", "format", "--check")
    here(session, "lint-imports", "--no-cache")


@nox.session(venv_backend="none")
def types(session: nox.Session) -> None:
    """Check types, of the tests too."""
    here(session, "mypy")


@nox.session(venv_backend="none")
def update(session: nox.Session) -> None:
    """Write stored outputs and the outputs in the documentation anew: read the difference before keeping it."""
    here(session, "python", "-m", "pytest", "--update", *session.posargs)


@nox.session(venv_backend="none")
def benchmarks(session: nox.Session) -> None:
    """Measure start-up and the engine."""
    for script in sorted(Path("benchmarks").glob("*.py")):
        here(session, "python", str(script))


@nox.session
def mutation(session: nox.Session) -> None:
    """Change the code of operators and analyses here and there, and see whether a test fails: tests/mutation.py."""
    session.install("-c", CONSTRAINTS, "-e", ".[test,mutation]")
    session.run("python", "tests/mutation.py", *session.posargs)


@nox.session
def lock(session: nox.Session) -> None:
    """Write constraints.txt anew: the newest versions, for every Python that the package supports."""
    session.install("uv")
    session.run(
        *("uv", "pip", "compile", "pyproject.toml", "--extra", "test", "--upgrade", "--quiet"),
        *("--universal", "--fork-strategy", "fewest", "--python-version", ".".join(map(str, FIRST_PYTHON))),
        "--no-emit-index-url",
        *("--custom-compile-command", "nox -s lock", "--output-file", CONSTRAINTS),
    )


@nox.session
def frameworks(session: nox.Session) -> None:
    """Measure what is exported with PyTorch, run it with onnxruntime, and say so where they cannot be installed."""
    session.install("-c", CONSTRAINTS, "-e", ".[test]")
    try:
        session.install(*FRAMEWORKS)
    except nox.command.CommandFailed:
        session.warn(f"left out: {' and '.join(FRAMEWORKS)} cannot be installed here")
        return
    session.run("pytest", "-n", "auto", *(session.posargs or WITH_FRAMEWORKS))


@nox.session
def wheel(session: nox.Session) -> None:
    """Build the wheel and use it outside the checkout."""
    folder = session.create_tmp()
    session.run("pip", "wheel", ".", "--no-deps", "--wheel-dir", folder)
    session.install(*map(str, Path(folder).glob("archinspect-*.whl")))
    specs = str(Path("specs").resolve())
    session.chdir(folder)
    session.run("archinspect", "--version")
    session.run("archinspect", "summary", "vgg16")
    session.run("archinspect", "compare", "alexnet", "vgg19", silent=True)
    session.run("python", "-m", "archinspect", "summary", "keras_demo", "--format", "json", silent=True)
    session.run("archinspect", "check", specs)


@nox.session
def newest(session: nox.Session) -> None:
    """Run the tests with the newest versions that pyproject.toml allows."""
    session.install("--upgrade", "-e", ".[test]")
    session.run("pip", "freeze")
    session.run("pytest", "-n", "auto", *OTHER_VERSIONS, *(session.posargs or WITH_OTHERS))


@nox.session
def oldest(session: nox.Session) -> None:
    """Run the tests with the oldest versions that pyproject.toml allows, on the oldest Python."""
    if sys.version_info[:2] != FIRST_PYTHON:
        session.skip("releases as old as the oldest allowed ones are not made for newer Pythons")
    project, build = PROJECT["project"], PROJECT["build-system"]["requires"]
    session.install(*floors(build), "editables")  # what hatchling asks for where pip installs `-e` in isolation
    tools = [tool for tool in project["optional-dependencies"]["test"] if not tool.startswith(NO_TEST_USES)]
    dependencies = [*project["dependencies"], *tools]
    session.install("--no-build-isolation", "-e", ".", *floors(dependencies))
    session.run("pip", "freeze")
    session.run("pytest", "-n", "auto", *OTHER_VERSIONS, *(session.posargs or WITH_OTHERS))


@nox.session(venv_backend="none")
def fuzz(session: nox.Session) -> None:
    """Feed hostile inputs to every command: `nox -s fuzz -- --seed 1 --count 1000000 --processes 2`."""
    here(session, "python", "tests/fuzz/fuzz.py", *session.posargs)


@nox.session(venv_backend="none")
def random(session: nox.Session) -> None:
    """Check random networks: `nox -s random -- --seed 1 --count 50000 --processes 2`."""
    here(session, "python", "tests/random_networks.py", *session.posargs)
