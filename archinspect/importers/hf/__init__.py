"""Configurations of Hugging Face's transformers: `config.json`, alone or in a folder with the headers of safetensors.

`models` has a table from model types to templates; `defaults.json` what classes have for keys that files leave out.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from archinspect.base.printable import printable
from archinspect.graph.builder import GraphBuilder
from archinspect.graph.stored import BARE
from archinspect.importers import grammars, safetensors
from archinspect.importers.file import File
from archinspect.importers.hf.config import VERSION, Config
from archinspect.importers.hf.models import model
from archinspect.importers.hf.wanted import Wanted

if TYPE_CHECKING:
    from archinspect.base.diagnostics import Problems
    from archinspect.base.settings import Settings
    from archinspect.graph.graph import Graph

NAME = "config.json"
MOST = 2**22
"""Bytes of a configuration."""
MAX_OPERATORS = 30_000
"""A line of a configuration can ask for any number of layers."""


def read(file: File, settings: Settings, problems: Problems) -> Graph | None:
    """Return the graph of the class that a configuration names, for the sizes that are asked for."""
    given = file.once(configuration)
    kind = given.get("model_type")
    if not isinstance(kind, str):
        grammars.refuse(_source(file))
        raise file.refuse("the configuration has no 'model_type'", 'older files lack it: add it, such as "bert"')
    config = Config(file, given, kind)
    net = GraphBuilder(_name(file, given), origin=file.span())
    net.most = MAX_OPERATORS
    wanted = Wanted(net, settings, problems)
    architecture = _architecture(config)
    outputs = model(config, architecture, wanted)
    if problems.failed:
        return None
    net.params = wanted.params
    said = f"{architecture or kind}, as transformers {VERSION} builds it"
    net.description = f"{said}; {net.description}" if net.description else said
    graph = net.build(*outputs)
    return _with_weights(graph, file, config) if file.is_folder and safetensors.has_weights(file.path) else graph


def _with_weights(graph: Graph, file: File, c: Config) -> Graph:
    """Return a graph with what the files of a folder hold."""
    from archinspect.importers.hf.weights import stored  # a configuration alone needs none

    quantization = c.find("quantization_config") or c.find("quantization")  # MLX's own name
    if not isinstance(quantization, dict):
        quantization = {}
    tensors = file.once(safetensors.folder_tensors)
    found = stored(graph, tensors, quantization)
    if safetensors.is_bare(tensors, file):
        found = found._replace(notes=(*found.notes, BARE))
    return graph.replace(stored=found)


def configuration(file: File) -> dict[str, Any]:
    """Return what a configuration says."""
    given = _source(file).json(most=MOST)
    if not isinstance(given, dict):
        raise file.refuse("a configuration is a JSON object")
    return given


def _source(file: File) -> File:
    return File(os.path.join(file.path, NAME)) if file.is_folder else file


def _architecture(c: Config) -> str:
    said = c.find("architectures")
    if said is None or said == []:
        return ""
    if not isinstance(said, list) or not isinstance(said[0], str):
        raise c.wrong("architectures", "a list of names")
    return said[0]


def _name(file: File, given: dict[str, Any]) -> str:
    said = given.get("_name_or_path")
    if isinstance(said, str) and said:
        return printable(said)
    stem = os.path.basename(os.path.abspath(file.path))
    if stem == NAME:
        stem = os.path.basename(os.path.dirname(os.path.abspath(file.path))) or stem
    return printable(stem)
