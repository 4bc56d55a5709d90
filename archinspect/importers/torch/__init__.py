"""Modules of PyTorch, live: exported on the meta device, where no weight is stored, and read as any program.

`torch:package.module:factory` runs the user's code, in a process of the Python that has torch; a module that a Python
user has at hand is exported where it is. `export` is what both run.
"""

from __future__ import annotations

import json  # noqa: TID253 - this module is imported when a module is exported
import os
import subprocess
import sys
from shutil import which
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from archinspect.base.printable import printable
from archinspect.base.source import SourceError
from archinspect.importers.file import File
from archinspect.importers.pt2 import graph_of
from archinspect.importers.pt2.reading import read_program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from archinspect.base.diagnostics import Problems
    from archinspect.base.settings import Settings
    from archinspect.graph.graph import Graph
    from archinspect.importers.pt2.program import Program

SECONDS = 600
"""That an export may take."""
EXAMPLE = "torch:torchvision.models:resnet18 --input 3x224x224"
PROGRAM = "program.pt2"


def read(file: File, settings: Settings, problems: Problems) -> Graph | None:
    """Return the graph of what a factory makes: `--set` has its arguments, `--input` the shapes for its module."""
    if ":" not in file.path:
        raise file.refuse(f"which function, or class, of '{printable(file.path)}'?", EXAMPLE)
    if not settings.inputs:
        raise file.refuse("a module does not say what it reads", f"--input SHAPE, without the batch: {EXAMPLE}")
    job = {
        "factory": file.path,
        "arguments": dict(settings.params),
        "inputs": {name: list(shape) for name, shape in settings.inputs.items()},
        "batch": settings.samples,
    }
    program = file.once(_exported, json.dumps(job, sort_keys=True))
    return graph_of(file, program, settings._replace(params={}), problems)


def _exported(file: File, job: str) -> Program:
    """Return the program that the first Python with torch makes; raise :class:`SourceError`."""
    script = os.path.join(os.path.dirname(__file__), "export.py")
    tried = []
    with TemporaryDirectory() as folder:
        for python in _pythons():
            tried.append(python)
            try:
                run = subprocess.run(  # noqa: S603 - a script of ours runs the code that the user names
                    [python, script, folder], input=job, capture_output=True, text=True, timeout=SECONDS, check=False
                )
            except subprocess.TimeoutExpired:
                raise SourceError("limit", f"the export takes more than {SECONDS} s", file.span()) from None
            if not run.stderr.rstrip().endswith("No module named 'torch'"):
                return _result(file, folder, run.stderr)
    raise file.refuse(f"no torch in {' nor '.join(tried)}", "activate the environment that has it")


def _pythons() -> Iterator[str]:
    """Give this Python, and those that the user's shell finds."""
    found = (sys.executable, which("python"), which("python3"))
    yield from dict.fromkeys(one for one in found if one)


def _result(file: File, folder: str, said: str) -> Program:
    path = os.path.join(folder, PROGRAM)
    if os.path.exists(path):
        return read_program(File(path))
    reason = f"the process that exports it ended: {said.strip().rpartition(chr(10))[2]}"
    error = os.path.join(folder, "error.txt")
    if os.path.exists(error):
        with open(error, encoding="utf-8") as text:
            reason = text.read(1000)
    raise file.refuse(printable(reason))


def is_module(value: object) -> bool:
    """Whether a value is a module of PyTorch; torch is not imported to know."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.nn.Module)


def loader(module: Any, inputs: object) -> Callable[[Settings, Problems], Graph | None]:  # noqa: ANN401 - of torch
    """Return what makes a module's graph for settings.

    `inputs` are example inputs with their batch: a tensor, several in a tuple, or by name in a dict. Raise
    :class:`ValueError` where there are none, or PyTorch cannot export the module for them.
    """
    from archinspect.importers.torch.export import export, told  # imports torch

    arguments, named = _example(inputs)
    file = File(type(module).__name__)
    with TemporaryDirectory() as folder:
        path = os.path.join(folder, PROGRAM)
        try:
            export(module, arguments, named, path)
        except Exception as error:
            raise ValueError(f"PyTorch cannot export it: {told(error)}") from error
        program = read_program(File(path))
    return lambda settings, problems: graph_of(file, program, settings, problems)


def _example(inputs: object) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
    if isinstance(inputs, dict):
        return (), inputs
    if isinstance(inputs, tuple | list):
        return tuple(inputs), {}
    if inputs is None:
        raise ValueError("a module does not say what it reads: network(module, torch.zeros(1, 3, 224, 224))")
    return (inputs,), {}
