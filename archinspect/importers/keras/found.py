"""Where a file has the architecture of a Keras model: JSON, YAML, TensorFlow.js, `.keras`, `.h5`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from archinspect.importers.file import File

MOST = 2**26
"""Bytes of an architecture."""
CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"


class Found(NamedTuple):
    """What a file says of a model."""

    model: dict[str, Any]
    version: str
    """Of Keras; empty where the file does not say it."""


def found(file: File) -> Found:
    """Return the model of a file; raise :class:`SourceError` where it has none."""
    if CONFIG in file.members:
        version = file.json(METADATA).get("keras_version") if METADATA in file.members else ""
        return _model(file, file.json(CONFIG, most=MOST), version)
    if file.head.startswith(b"\x89HDF"):
        return _in_hdf5(file)
    if not file.head.lstrip().startswith((b"{", b'"')):
        return _model(file, _yaml(file), "")
    return _model(file, file.json(most=MOST), "")


def _in_hdf5(file: File) -> Found:
    from archinspect.importers.keras.hdf5 import DamagedError, Hdf5  # files of this form alone need it

    try:
        with file.open() as opened:
            attributes = Hdf5(opened).attributes()
    except DamagedError as error:
        raise file.refuse(f"the HDF5 file cannot be read: {error}") from error
    text = attributes.get("model_config")
    if not text:
        message = "this HDF5 file has weights, if anything, and no architecture"
        raise file.refuse(message, "save the whole model, `model.save(...)`, or `model.to_json()`")
    return _model(file, _json(file, text), attributes.get("keras_version", ""))


def has_scales(file: File) -> bool:
    """Return whether the weights beside the architecture have scales: attention was quantized, which that leaves out.

    In a `.keras` arrays are numbered, and a projection that is not quantized has a kernel and a bias alone.
    """
    from archinspect.importers.keras.hdf5 import DamagedError, Hdf5  # as above

    begin = file.stored_at(WEIGHTS) if WEIGHTS in file.members else 0
    if begin is None or not (begin or file.head.startswith(b"\x89HDF")):
        return False
    try:
        with file.open() as opened:
            groups = list(Hdf5(opened, begin).groups())
    except DamagedError:
        return False
    numbered = (path.endswith("query_dense/vars") and len(names) > 2 for path, names in groups)  # noqa: PLR2004 - as above
    return any(numbered) or any("kernel_scale" in names for _, names in groups)


def _yaml(file: File) -> Any:  # noqa: ANN401 - what YAML holds
    """Return what `model.to_yaml()` of Keras 1 and 2 wrote; its tuples are lists here."""
    from archinspect.base.source import decode
    from archinspect.base.yaml_core import read_tree

    text = file.read(MOST).replace(b"!!python/tuple", b"")
    return read_tree(decode(text, file.source.name, file.path)).plain()


def _json(file: File, text: str) -> Any:  # noqa: ANN401 - what JSON holds
    import json  # as in File.json

    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise file.refuse(f"the architecture is not valid JSON: {error}") from error


def _model(file: File, data: Any, version: Any) -> Found:  # noqa: ANN401 - as the file says
    """Return the model that JSON describes, perhaps within what other programs put around it."""
    if isinstance(data, str):  # `json.dump(model.to_json())`
        data = _json(file, data)
    for key in ("modelTopology", "model_config"):
        if isinstance(data, dict) and key in data:
            version = data.get("keras_version", version)
            data = data[key]
            if isinstance(data, str):
                data = _json(file, data)
    if not isinstance(data, dict):
        raise file.refuse("this is no description of a Keras model")
    version = data.get("keras_version") or version
    if "node" in data and "class_name" not in data:
        raise file.refuse(
            "this is a graph of TensorFlow without layers",
            "convert the Keras model itself, with `--input_format=keras`",
        )
    if "config" not in data:
        raise file.refuse("this has no description of a Keras model", "`model.to_json()` writes one")
    return Found(data, version if isinstance(version, str) else "")
