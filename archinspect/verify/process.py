"""Measuring in another process: a script beside this module, run by a Python that has the framework.

All scripts have one protocol. A list of jobs comes in as JSON. What goes out is a list with a map for each: figures by
name; `version`, that of the framework; by layer, in the program's own names, `shapes` and `layer_params`. Or else it
has `error`, what the framework says against the program.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from archinspect.verify.rows import CannotMeasureError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SECONDS = 600
"""That a measurement may take."""


def measure(
    target: str, package: str, jobs: Sequence[Mapping[str, Any]], pythons: Sequence[str]
) -> list[dict[str, Any]]:
    """Return what the script of a target measures of each job in the first of these Pythons that has its package.

    Without one, this Python is asked. Raise :class:`CannotMeasureError`.
    """
    import json  # only here

    text, asked = json.dumps(jobs), dict.fromkeys((*pythons, sys.executable))
    for python in asked:
        found = _run(target, package, text, python)
        if found is not None:
            return found
    raise CannotMeasureError(
        f"{' and '.join(asked)} {'has' if len(asked) == 1 else 'have'} no {package}: "
        "pip install 'archinspect[verify]', or name a Python that has it by --python"
    )


def _run(target: str, package: str, jobs: str, python: str) -> list[dict[str, Any]] | None:
    """Return what a Python measures; None where it has no such package."""
    import json  # as above

    script = os.path.join(os.path.dirname(__file__), f"measure_{target}.py")
    try:
        run = subprocess.run(  # noqa: S603 - the Python that the user names, and a script of ours
            [python, script], input=jobs, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except OSError as error:
        if os.path.isdir(python):
            raise CannotMeasureError(f"{python} is a folder: name the Python in it, as {python}/bin/python") from None
        raise CannotMeasureError(f"{python}: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise CannotMeasureError(f"the measurement takes more than {SECONDS} s") from None
    if run.stderr.rstrip().endswith(f"No module named '{package}'"):
        return None
    try:
        found: list[dict[str, Any]] = json.loads(run.stdout)
    except ValueError:
        reason = (run.stderr.strip().splitlines() or ["it is no Python"])[-1]
        raise CannotMeasureError(f"{python} measures nothing: {reason[-500:]}") from None
    return found
