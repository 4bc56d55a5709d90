"""Files that no reader takes: what they seem to be, and what to do instead."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from archinspect.base.printable import printable
from archinspect.base.source import SourceError
from archinspect.importers import grammars

if TYPE_CHECKING:
    from archinspect.importers.file import File

PICKLES = (".pt", ".pth", ".ckpt", ".bin", ".pkl", ".pickle")
"""How files are named that are pickles unless their content is known."""
INSTEAD_OF_A_PICKLE = """save with torch.export, safetensors or ONNX:
torch.export.save(torch.export.export(model, (example,), dynamic_shapes={"x": {0: "batch"}}), "model.pt2")
safetensors.torch.save_file(model.state_dict(), "model.safetensors")
torch.onnx.export(model, (example,), "model.onnx")"""
SHOWN = 3
TEXTS = (".yaml", ".yml")
"""How specs are named: what is wrong with a text is said by who reads it."""
PACKED = (".onnx", ".pt2", ".safetensors", ".gguf", ".tflite", ".keras", ".h5", ".cfg", ".prototxt")
"""Models that people put into a zip, as their names end."""
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
STARTS: tuple[tuple[bytes, str, str], ...] = (
    (b"version https://git-lfs", "a pointer of Git LFS, not the file that it stands for", "fetch that: `git lfs pull`"),
    (b"\x1f\x8b", "compressed by gzip", "unpack it: `gunzip FILE`"),
    (b"BZh", "compressed by bzip2", "unpack it: `bunzip2 FILE`"),
    (b"\xfd7zXZ\x00", "compressed by xz", "unpack it: `unxz FILE`"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd", "unpack it: `unzstd FILE`"),
    (b"\x93NUMPY", "an array of NumPy", "an array has no architecture"),
    (b"\x89PNG", "a picture", "a picture has no architecture"),
    (b"\xff\xd8\xff", "a picture", "a picture has no architecture"),
    (b"%PDF", "a PDF document", "a document has no architecture that can be read"),
)
"""How files begin, what those are, and what to do."""


def refuse(file: File) -> None:
    """Raise :class:`SourceError` for a file that is certainly no spec, or a folder; not for a text."""
    if file.is_folder:
        raise _folder(file)
    _refuse_file(file)
    grammars.refuse(file)


def _refuse_file(file: File) -> None:
    members = file.members
    if any("aotinductor" in name for name in members):
        raise file.refuse(
            "this holds code that AOTInductor compiled, and no graph",
            'save the program itself: torch.export.save(program, "model.pt2")',
        )
    if any(name.endswith("constants.pkl") for name in members) or any("/code/" in name for name in members):
        raise file.refuse(
            "this seems to be TorchScript, which holds code and pickles and is not opened", INSTEAD_OF_A_PICKLE
        )
    if is_pickle(file):
        raise file.refuse("a pickle: it could run code and is not opened", INSTEAD_OF_A_PICKLE)
    refuse_start(file)
    models = [name for name in members if name.lower().endswith(PACKED)]
    if models:
        shown = printable(models[0])
        raise file.refuse(f"this is a zip that holds '{shown}'", f"unpack it, and name that: `unzip FILE '{shown}'`")
    if members:
        shown = ", ".join(sorted({name.split("/", 1)[0] for name in members})[:5])
        raise file.refuse(
            f"this is a zip without a model that is known: it holds {shown}", "`archinspect formats` lists what is read"
        )
    if file.head.startswith(b"PK\x03\x04") and not file.path.lower().endswith((".pt2", ".keras")):
        raise file.refuse("this is a zip, and a damaged one: what lists its members is not there", "fetch it once more")
    if b"\0" in file.head and not file.path.endswith(TEXTS) and not file.head.startswith(UTF_16):
        raise file.refuse(
            "this is a binary file that no reader knows", "`archinspect formats` lists what is read; --from says which"
        )


def refuse_start(file: File) -> None:
    """Raise :class:`SourceError` for a file that begins as what is known to be no model."""
    for start, what, help_ in STARTS:
        if file.head.startswith(start):
            raise file.refuse(f"this is {what}", help_ or "`archinspect formats` lists what is read")


def _folder(file: File) -> SourceError:
    """Return the error of a folder that is no model: what in it is one."""
    names = _names(file.path)
    inside = [*names, *[f"snapshots/{name}" for name in _names(os.path.join(file.path, "snapshots"))]]
    models = [name for name in names if name.lower().endswith(PACKED)]
    models += [name for name in inside if os.path.isfile(os.path.join(file.path, name, "config.json"))]
    what = "a pipeline of diffusers" if "model_index.json" in names else "a folder without a model that is known"
    help_ = "`archinspect formats` lists what is read"
    if models:
        shown = ", ".join(printable(os.path.join(file.path, name)) for name in models[:SHOWN])
        help_ = f"name a part of it, such as {shown}"
    elif any(name.lower().endswith(PICKLES) for name in names):
        what, help_ = f"{what}: what it has are pickles", INSTEAD_OF_A_PICKLE
    return SourceError("file", f"this is {what}", file.span(), help_)


def _names(folder: str) -> list[str]:
    """Return what is in a folder, sorted; nothing of one that cannot be read."""
    try:
        return sorted(name for name in os.listdir(folder) if not name.startswith("."))
    except OSError:
        return []


def is_pickle(file: File) -> bool:
    """Whether it is a pickle, or a zip with one as `torch.save` writes it."""
    if any(name.endswith("data.pkl") for name in file.members):
        return True
    # Protocols 2 to 5 begin so; those before are text, so that only the name tells.
    is_binary = len(file.head) > 1 and file.head[0] == 0x80 and 2 <= file.head[1] <= 5  # noqa: PLR2004 - protocols
    return is_binary or file.path.lower().endswith(PICKLES)
