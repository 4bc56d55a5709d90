"""Networks from files of other tools: one reader a module, found by its name in :data:`FORMATS`.

A reader is a function `read(file, settings, problems)` that returns the graph of a file, made by
:mod:`archinspect.graph.builder`. It is imported when a file of its format is read.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from archinspect.base.diagnostics import refuse_unknown
from archinspect.base.source import SourceError
from archinspect.graph.builder import TooManyNodesError
from archinspect.importers import evidence
from archinspect.importers.file import File
from archinspect.ops.declared import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable

    from archinspect.base.diagnostics import Problems
    from archinspect.base.settings import Settings
    from archinspect.graph.graph import Graph


class Format(NamedTuple):
    """A kind of file that is read."""

    what: str
    """What it is to a user."""
    suffixes: tuple[str, ...]
    """How names of such files end."""
    evidence: str
    """How a file is known, in words."""
    is_one: Callable[[File], bool]
    """Tells by the content whether a file is one."""
    options: tuple[str, ...] = ()
    """What `--set` takes beside the file's own parameters."""
    needs: str = ""
    """What has to be installed: an extra of this project, or what the user has."""
    is_code: bool = False
    """Whether what is named is no file but code of the user's, which runs."""


FORMATS: dict[str, Format] = {
    "pt2": Format(
        "a program of PyTorch, saved by `torch.export.save`",
        (".pt2",),
        "a zip with `models/*.json` or `serialized_exported_program.json`",
        evidence.is_pt2,
        options=("model",),
    ),
    "onnx": Format(
        "an ONNX model, opset 6 to 28, with weights, without, or with its weights elsewhere",
        (".onnx",),
        "the version of the format as the first field of a protocol buffer",
        evidence.is_onnx,
    ),
    "hf": Format(
        "a configuration of Hugging Face's transformers, or a folder with one",
        ("config.json",),
        "a JSON object with `model_type`, `architectures` or `transformers_version`",
        evidence.is_hf,
        ("seq",),
    ),
    "torch": Format(
        "a function or class that makes a PyTorch module, and runs: `torch:package.module:name`, `torch:file.py:name`",
        (),
        "the word `torch:` alone",
        evidence.is_none,
        options=("the function's arguments",),
        needs="torch, in this Python or in the one that `python` starts",
        is_code=True,
    ),
    "ultralytics": Format(
        "a model of YOLO or RT-DETR: of Ultralytics, or of YOLOv5's, v7's or v9's repository",
        (),  # a name does not tell one from a spec
        "a list of rows `[from, repeats, module, arguments]` as `backbone` or `head`",
        evidence.is_ultralytics,
        ("nc", "scale"),
    ),
    "caffe": Format(
        "a network of Caffe as text, with layers of today or of before",
        (".prototxt", ".pbtxt"),
        "a message `layer { ... }` or `layers { ... }`",
        evidence.is_caffe,
        ("phase",),
    ),
    "nntrainer": Format(
        "a network of NNTrainer",
        (".ini",),
        "`[Model]` of the type `NeuralNetwork` as its first section",
        evidence.is_nntrainer,
    ),
    "darknet": Format(
        "a configuration of Darknet, pjreddie's or AlexeyAB's",
        (".cfg",),
        "`[net]` as its first section",
        evidence.is_darknet,
    ),
    "keras": Format(
        "a Keras model: JSON of Keras 1, 2, 3 and of TensorFlow.js, YAML, `.keras`, `.h5`",
        (".keras", ".h5", ".hdf5"),
        "a zip with `config.json` and `metadata.json`; HDF5; text with `class_name` and `config`, or `modelTopology`",
        evidence.is_keras,
    ),
    "tflite": Format(
        "a TensorFlow Lite model",
        (".tflite", ".lite"),
        "the letters `TFL3` after the first four bytes",
        evidence.is_tflite,
    ),
    "safetensors": Format(
        "weights in safetensors: the header alone, a table of its tensors; beside a `config.json` see `hf`",
        (".safetensors",),
        "a length and a JSON object of tensors with `data_offsets`, or a folder with an index of such files",
        evidence.is_safetensors,
    ),
    "gguf": Format(
        "weights for llama.cpp and others, with metadata: the header alone",
        (".gguf",),
        "`GGUF` as its first bytes",
        evidence.is_gguf,
        ("seq",),
    ),
}
"""Every format and how it is known; its module, of the same name, is imported when a file is read."""

SPEC = "spec"
"""The format of our own specs, which :mod:`archinspect.language` reads."""

DAMAGED = (
    *(ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError, RecursionError, StopIteration),
    *(TypeError, ValueError),
)
"""What a reader raises where a file does not have the form that it should have, and the reader has not looked."""


class Opened(NamedTuple):
    """A file of a format that is read."""

    file: File
    format: str

    def load(self, settings: Settings, problems: Problems) -> Graph | None:
        """Return the graph of the file; None where none can be made. What is wrong is told to `problems`."""
        read = import_module(f"archinspect.importers.{self.format}").read
        try:
            graph: Graph | None = read(self.file, settings, problems)
        except SourceError as error:
            problems.source_error(error)
            return None
        except TooManyNodesError as error:
            problems.error("limit", f"the network has more than {error.args[0]:,} operators", self.file.span())
            return None
        except ArgumentError as error:
            problems.error("format", error.message, self.file.span(), error.help)
            return None
        except DAMAGED as error:
            what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            message = f"the file is damaged, or of a version that is not known: {what}"
            problems.error("format", message, self.file.span())
            return None
        return graph


def split(spec: str) -> tuple[str, str]:
    """Return the format and the path of `pt2:FILE`, the format empty where none is said.

    A file that is there wins over a format of its first letters.
    """
    name, colon, path = spec.partition(":")
    return (name, path) if colon and name in (SPEC, *FORMATS) and not os.path.exists(spec) else ("", spec)


def open_file(path: str, format: str = "") -> Opened | None:  # noqa: A002 - what a user calls it
    """Return a file that a reader knows, of this format or the one that its content, or else its name, tells.

    None for a text that no reader knows: it may be a spec. Raise :class:`SourceError` for what is certainly none, with
    what it seems to be, and what to do.
    """
    file = File(path)
    if format:
        refuse_unknown("a format", format, FORMATS)
        return Opened(file, format)
    found = [name for name, kind in FORMATS.items() if kind.is_one(file)]
    by_name = [name for name, kind in FORMATS.items() if file.path.lower().endswith(kind.suffixes)]
    chosen = next((name for name in found if name in by_name), found[0] if found else "")
    if not chosen:
        from archinspect.importers.refused import refuse  # the error path only

        refuse(file)
        chosen = by_name[0] if by_name else ""
    return Opened(file, chosen) if chosen else None
