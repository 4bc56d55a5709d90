"""safetensors files: the header alone, never a weight.

Eight bytes say how long the header is, which is JSON: a type, a shape and a place of each tensor
(https://huggingface.co/docs/safetensors). A file alone has no architecture: it is a table of its tensors. Beside a
configuration of Hugging Face its tensors are compared with that network; see :mod:`archinspect.importers.hf.weights`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from archinspect.base.printable import printable
from archinspect.base.source import SourceError
from archinspect.graph.builder import GraphBuilder
from archinspect.graph.stored import BARE, Stored, StoredTensor
from archinspect.importers import asked, refused
from archinspect.importers.file import File
from archinspect.importers.unread import table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.diagnostics import Problems
    from archinspect.base.settings import Settings
    from archinspect.graph.graph import Graph

ALONE = "safetensors; its tensors alone: how they are put together is not known without a config.json"
ADAPTER = "adapter_config.json"
INDEX = "model.safetensors.index.json"
MAX_HEADER = 2**26
"""Bytes of a header: 8 MiB describe 60,000 tensors."""
MAX_TENSORS = 200_000
MAX_FILES = 1000
MAX_DIMS = 32
MAX_SIZE = 2**48
BITS = {
    **dict.fromkeys(("F64", "I64", "U64", "C64"), 64),
    **dict.fromkeys(("F32", "I32", "U32"), 32),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 16),
    **dict.fromkeys(("I8", "U8", "BOOL", "F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    "F4": 4,
}
"""Bits of an element, by type."""


def read(file: File, settings: Settings, problems: Problems) -> Graph | None:
    """Return a table of the tensors of a file, or of a folder with an index and no configuration."""
    tensors = file.once(folder_tensors if file.is_folder else parse)
    net = GraphBuilder(_name(file), origin=file.span())
    asked.params({}, settings, problems, net.origin)
    asked.shapes({}, settings, problems, net.origin)
    net.stored = Stored(tensors, (f"{len(tensors):,}; {BARE}",) if is_bare(tensors, file) else ())
    net.description = _adapter(file) or ALONE
    return net.build(*table(net, tensors))


def _adapter(file: File) -> str:
    """Return what an adapter in a folder, as PEFT writes it, is for; empty where there is none."""
    if not file.is_folder or not os.path.isfile(os.path.join(file.path, ADAPTER)):
        return ""
    said = File(os.path.join(file.path, ADAPTER)).json()
    kind, base = (said.get(key) for key in ("peft_type", "base_model_name_or_path")) if isinstance(said, dict) else "  "
    return f"an adapter ({printable(str(kind)[:40])}) for {printable(str(base)[:100])}: what it adds to it, and no more"


def parse(file: File) -> tuple[StoredTensor, ...]:
    """Return the tensors of a file; raise :class:`SourceError` for what is none, or lies about where they are."""
    with file.open() as opened:
        size = os.fstat(opened.fileno()).st_size
        length = int.from_bytes(opened.read(8), "little")
        if size < 8:  # noqa: PLR2004 - the length of the header
            raise file.refuse("the file ends before its header")
        if length > MAX_HEADER:
            refused.refuse_start(file)
            raise SourceError("limit", f"the header is said to have {length:,} bytes", file.span())
        if 8 + length > size:
            raise file.refuse("the file ends within its header: it was cut off")
        head = _json(file, opened.read(length))
    tensors, places = [], []
    for name, given in head.items():
        if name != "__metadata__":
            tensor, start = _tensor(file, name, given)
            tensors.append(tensor)
            places.append((start, start + tensor.bytes, name))
    if len(tensors) > MAX_TENSORS:
        raise SourceError("limit", f"the header has more than {MAX_TENSORS:,} tensors", file.span())
    rest = size - 8 - length
    _check(file, places, rest or None)
    return tuple(tensors)


def is_bare(tensors: Sequence[StoredTensor], file: File) -> bool:
    """Whether a file, or the files of a folder, end with their headers."""
    paths = [os.path.join(file.path, name) for name in _files(file)] if file.is_folder else [file.path]
    return any(tensor.bytes for tensor in tensors) and sum(map(os.path.getsize, paths)) < sum(
        tensor.bytes for tensor in tensors
    )


def folder_tensors(file: File) -> tuple[StoredTensor, ...]:
    """Return the tensors of all files of a folder: those that its index names, or else all that there are."""
    found: list[StoredTensor] = []
    for name in _files(file):
        found.extend(parse(File(os.path.join(file.path, name))))
        if len(found) > MAX_TENSORS:
            raise SourceError("limit", f"there are more than {MAX_TENSORS:,} tensors", file.span())
    names = {tensor.name for tensor in found}
    if len(names) < len(found):
        raise file.refuse("several files have a tensor of the same name")
    return tuple(found)


def has_weights(folder: str) -> bool:
    """Whether there are files of weights in a folder."""
    try:
        return any(name.endswith(".safetensors") for name in os.listdir(folder))
    except OSError:
        return False


def _files(file: File) -> list[str]:
    """Return the files of weights of a folder."""
    there = sorted(name for name in os.listdir(file.path) if name.endswith(".safetensors"))
    if os.path.isfile(os.path.join(file.path, INDEX)):
        said = File(os.path.join(file.path, INDEX)).json()
        places = said.get("weight_map") if isinstance(said, dict) else None
        if not isinstance(places, dict) or not all(isinstance(name, str) for name in places.values()):
            raise file.refuse(f"{INDEX} must have a 'weight_map' from tensors to files", node=INDEX)
        named = sorted(set(places.values()))
        if any(os.path.basename(name) != name or name.startswith(".") for name in named):
            raise file.refuse(f"{INDEX} names a file that is not in its folder", node=INDEX)
        missing = [name for name in named if name not in there]
        if missing:
            shown = printable(missing[0])
            raise file.refuse(f"{len(missing)} of {len(named)} files are not there: {shown}", "fetch them all", INDEX)
        there = named
    elif "model.safetensors" in there:
        there = ["model.safetensors"]
    if len(there) > MAX_FILES:
        raise SourceError("limit", f"there are more than {MAX_FILES:,} files", file.span())
    return there


def _json(file: File, data: bytes) -> dict[str, Any]:
    import json  # a header alone needs it

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise ValueError("a name is there twice")
        return found

    try:
        head = json.loads(data, object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        reason = "it nests too deep" if isinstance(error, RecursionError) else str(error)
        raise file.refuse(f"the header is not valid JSON: {reason}") from None
    if not isinstance(head, dict):
        raise file.refuse("the header is no JSON object")
    return head


def _tensor(file: File, name: str, given: object) -> tuple[StoredTensor, int]:
    """Return a tensor, and where it begins."""
    shown = printable(name)
    if not isinstance(given, dict):
        raise file.refuse(f"'{shown}' has no type and shape", node=shown)
    type_, shape, place = given.get("dtype"), given.get("shape"), given.get("data_offsets")
    if not isinstance(type_, str) or type_ not in BITS:
        raise file.refuse(f"'{shown}' is of type {printable(str(type_)[:40])}, which is not known", node=shown)
    if not isinstance(shape, list) or not _are_sizes(shape) or len(shape) > MAX_DIMS:
        raise file.refuse(f"the shape of '{shown}' must be a list of sizes", node=shown)
    if not isinstance(place, list) or not _are_sizes(place) or len(place) != 2 or place[0] > place[1]:  # noqa: PLR2004 - start and end
        raise file.refuse(f"the place of '{shown}' must be where it begins and ends", node=shown)
    bits = BITS[type_]
    for size in shape:
        bits *= size
    if bits % 8 or bits // 8 != place[1] - place[0]:
        message = f"'{shown}' has {place[1] - place[0]:,} bytes, and its shape asks for {bits // 8:,}"
        raise file.refuse(message, node=shown)
    return StoredTensor(name, type_, tuple(shape), bits // 8), place[0]


def _are_sizes(values: list[Any]) -> bool:
    return all(type(one) is int and 0 <= one < MAX_SIZE for one in values)


def _check(file: File, places: list[tuple[int, int, str]], size: int | None) -> None:
    """Raise :class:`SourceError` where tensors overlap, or end after the file, of a size unless it is a bare header."""
    before = 0
    for start, end, name in sorted(places):
        shown = printable(name)
        if start < before:
            raise file.refuse(f"'{shown}' overlaps the tensor before it", node=shown)
        if size is not None and end > size:
            message = f"'{shown}' ends at byte {end:,} of the data, which has {size:,}"
            raise file.refuse(message, "it was cut off, or fetched in part", node=shown)
        before = end


def _name(file: File) -> str:
    stem = os.path.basename(os.path.abspath(file.path))
    return printable(stem.removesuffix(".safetensors"))
