"""How files are known by what they hold: a function a format, of which each reads as little as tells."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archinspect.importers.file import File


def is_pt2(file: File) -> bool:
    """Whether it is an archive of `torch.export.save`, of PyTorch 2.6 or later."""
    return any(map(is_program, file.members))


def is_program(member: str) -> bool:
    """Whether a member of such an archive is a program."""
    folder, _, name = member.rpartition("/")
    is_model = folder.rpartition("/")[2] == "models" and name.endswith(".json")
    return is_model or name == "serialized_exported_program.json"


def is_onnx(file: File) -> bool:
    """Whether it is a model of ONNX: the version of its format first, and what made it, or its graph, next."""
    head = file.head
    return head[:1] == b"\x08" and len(head) > 2 and head[1] < 64 and head[2] in b"\x12\x1a\x22\x28\x32\x3a\x42"  # noqa: PLR2004 - tags


def is_hf(file: File) -> bool:
    """Whether it is a configuration of transformers, or a folder with one."""
    if file.is_folder:
        return os.path.isfile(os.path.join(file.path, "config.json"))
    start = file.head.lstrip()
    return start.startswith(b"{") and any(
        re.search(rb'"%s"\s*:' % key, file.head) for key in (b"model_type", b"architectures", b"transformers_version")
    )


_SECTION = re.compile(rb"\A(?:\s*(?:[#;][^\n]*)?\n)*\s*\[(?:net|network)\]\s")


def is_darknet(file: File) -> bool:
    """Whether its first line that is no comment is the section `[net]`."""
    return _SECTION.match(file.head) is not None


_ROWS = re.compile(
    rb"^(?:backbone|head)\s*:\s*(?:#[^\n]*)?[\s\[-]*(?:#[^\n]*\s*)?[\[\s-]*\[\s*-?\[?[\d,\s-]+\]?\s*,\s*\d+\s*,"
    rb"\s*[\"']?[A-Za-z][\w.]*[\"']?\s*,\s*\[[^\]\n]*\]?\s*\]",
    re.MULTILINE,
)


def is_ultralytics(file: File) -> bool:
    """Whether `backbone` or `head` is a list of rows `[from, repeats, module, arguments]`; Kindle has others."""
    return _ROWS.search(file.head) is not None and b"input_channel:" not in file.head


_LAYER = re.compile(rb"^[ \t]*layers?[ \t]*:?[ \t]*[{<]", re.MULTILINE)


def is_caffe(file: File) -> bool:
    """Whether it has a message `layer { ... }` or `layers { ... }`, and is no JSON."""
    return not file.head.lstrip().startswith((b"{", b"[")) and _LAYER.search(file.head) is not None


_MODEL = re.compile(
    rb"\A(?:\s*(?:[#;][^\n]*)?\n)*\s*\[model\][^\n]*\n(?:[^\[\n]*\n)*?\s*type\s*=\s*neuralnetwork", re.IGNORECASE
)


def is_nntrainer(file: File) -> bool:
    """Whether its first section is `[Model]`, and that a network."""
    return _MODEL.match(file.head) is not None


def is_none(file: File) -> bool:  # noqa: ARG001 - as all
    """Say no: it is known by the user's word alone."""
    return False


def is_keras(file: File) -> bool:
    """Whether it is a Keras model: of Keras 3, in HDF5, as JSON, which may be a text within JSON, or as YAML."""
    if file.is_folder:
        return False
    if file.members:
        return {"config.json", "metadata.json"} <= file.members.keys()
    head = file.head
    if head.startswith(b"\x89HDF\r\n\x1a\n"):
        return True
    if not head[:64].lstrip().startswith((b"{", b'"{')):
        return all(re.search(rb"^%s:" % key, head, re.MULTILINE) for key in (b"class_name", b"config"))
    keys = {key for key in (b"class_name", b"config", b"modelTopology") if re.search(rb'\\?"%s\\?"\s*:' % key, head)}
    return b"modelTopology" in keys or len(keys) == 2  # noqa: PLR2004 - both of the others


def is_tflite(file: File) -> bool:
    """Whether it is a FlatBuffer of TensorFlow Lite's schema."""
    return file.head[4:8] == b"TFL3"


def is_gguf(file: File) -> bool:
    """Whether it is a file of GGUF."""
    return file.head.startswith(b"GGUF")


def is_safetensors(file: File) -> bool:
    """Whether it is a file of safetensors, or a folder of some without a configuration."""
    if file.is_folder:
        names = os.listdir(file.path)
        return "config.json" not in names and any(name.endswith(".safetensors") for name in names)
    return file.head[5:9] == b"\0\0\0{"  # the length of the header, and the header
