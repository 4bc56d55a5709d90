"""What tests share: running the command line in this process, and comparing text with stored files."""

from __future__ import annotations

import os

import command_line
import pytest
from hypothesis import HealthCheck, settings

# How fast a machine is, and what else it does, is no property of the code.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


def pytest_addoption(parser):
    parser.addoption("--update", action="store_true", help="rewrite the stored outputs instead of comparing with them")


@pytest.fixture(autouse=True, scope="session")
def _only_the_tests_are_measured():
    """What tests start is not: it would be slow, and leave its data where it runs."""
    os.environ.pop("COVERAGE_PROCESS_START", None)
    os.environ["ARCHINSPECT_NO_CACHE"] = "1"  # but for the tests of what is stored


@pytest.fixture
def run():
    """Run the command line in this process: `run("check", "net.yaml")` has exit_code, stdout, stderr and output."""
    return command_line.run


@pytest.fixture
def stored(request):
    """Compare text with a file, or write the file where pytest runs with --update."""

    def compare(path, text):
        if request.config.getoption("--update"):
            path.write_text(text, encoding="utf-8", newline="\n")
        assert path.is_file(), "not stored yet: run pytest --update and read what it writes"
        assert text == path.read_text(encoding="utf-8")

    return compare
