"""GGUF files, of llama.cpp and others: the header alone, in a few milliseconds, and never a weight.

`header` reads metadata and the types of tensors; `network` makes the graph that these tensors are of, with their names.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from archinspect.base.printable import printable
from archinspect.graph.builder import GraphBuilder
from archinspect.graph.stored import BARE, Stored
from archinspect.importers import asked
from archinspect.importers.file import File
from archinspect.importers.gguf.header import Header, parse
from archinspect.importers.gguf.maker import UnreadError
from archinspect.importers.gguf.network import network
from archinspect.importers.gguf.values import Values
from archinspect.importers.unread import table

if TYPE_CHECKING:
    from archinspect.base.diagnostics import Problems
    from archinspect.base.settings import Settings
    from archinspect.graph.graph import Graph

STEPS = 1024
"""Steps of a text, unless a model takes fewer."""
PART = re.compile(r"(.*-)(\d{5})(-of-(\d{5})\.gguf)")
MAX_PARTS = 1000
TOWER = "clip"
"""The architecture of a tower of pictures, or of sounds."""
BUILT = ("gemma3n", "gemma4", "t5", "t5encoder")
"""Architectures that are built as transformers builds them."""


def read(file: File, settings: Settings, problems: Problems) -> Graph | None:
    """Return the graph of the network that a file has the weights of."""
    header = file.once(parse_all)
    values = Values(header.values, file)
    if values.architecture in BUILT:
        from archinspect.importers.gguf import templates  # other architectures need none

        tensors = {tensor.name: tensor for tensor in header.tensors}
        graph = templates.graph_of(_empty(file, header, values), values, tensors, settings, problems)
        if graph is not None or problems.failed:
            return graph
    if values.architecture == TOWER:
        from archinspect.importers.gguf import sounds, vision  # texts need none

        for graph_of in (vision.graph_of, sounds.graph_of):
            graph = graph_of(_empty(file, header, values), file, header, settings, problems)
            if graph is not None or problems.failed:
                return graph
    net = _empty(file, header, values)
    has_words = any(tensor.name == "token_embd.weight" for tensor in header.tensors)
    if values.architecture and has_words and values.find("block_count") is not None:
        most = values.whole("context_length", STEPS)
        net.params = asked.params({"seq": min(STEPS, most or STEPS)}, settings, problems, net.origin)
        steps: Any = net.params["seq"]
        shapes = asked.shapes({"input_ids": (steps,)}, settings, problems, net.origin)
        if problems.failed:
            return None
        ids = net.input(*shapes["input_ids"], name="input_ids", dtype="int64")
        try:
            return net.build(*network(net, file, header, ids))
        except UnreadError as error:
            raise file.refuse(f"'{error}' is not shaped as any that is known", node=str(error)) from None
    asked.params({}, settings, problems, net.origin)
    asked.shapes({}, settings, problems, net.origin)
    net.description += "; its tensors alone: how they are put together is not known"
    return net.build(*table(net, header.tensors))


def _empty(file: File, header: Header, values: Values) -> GraphBuilder:
    """Return a builder of a graph with what the file says of it."""
    net = GraphBuilder(_name(file, values), origin=file.span())
    net.stored = Stored(header.tensors, (f"{len(header.tensors):,}; {BARE}",) if header.is_bare else ())
    net.description = f"GGUF of {printable(values.architecture) or 'no architecture'}"
    return net


def parse_all(file: File) -> Header:
    """Return the header of a file, with the tensors of all parts of a model that was split."""
    header = parse(file)
    count = header.values.get("split.count", 0)
    match = PART.fullmatch(os.path.basename(file.path))
    if type(count) is not int or count < 2 or match is None or int(match[4]) != count or count > MAX_PARTS:  # noqa: PLR2004 - of one there is nothing more
        return header
    folder = os.path.dirname(file.path)
    parts = [File(os.path.join(folder, f"{match[1]}{number:05d}{match[3]}")) for number in range(1, count + 1)]
    headers = [parse(part) for part in parts]
    tensors = tuple([tensor for one in headers for tensor in one.tensors])
    return Header(headers[0].values, tensors, is_bare=any(one.is_bare for one in headers))


def _name(file: File, values: Values) -> str:
    return printable(values.text("general.name")) or printable(os.path.basename(file.path).removesuffix(".gguf"))
