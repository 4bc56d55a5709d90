"""Devices: memory, bandwidth and peaks, as their makers state them.

Those known here stand in `devices.yaml`; a user's own file of the same form adds to them.
"""

from __future__ import annotations

import os
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from archinspect.base.diagnostics import suggest
from archinspect.base.quantity import parse_quantity
from archinspect.base.source import List, Map, Scalar, SourceError, read_file
from archinspect.base.yaml_core import read_tree
from archinspect.ops.figures import DTYPES

if TYPE_CHECKING:
    from archinspect.base.source import Source, Tree

TYPES = ("tf32", *(name for name in DTYPES if name != "float"))
"""What a peak may be stated for; `tf32` is float32 that tensor cores multiply with fewer digits."""

_FILE = os.path.join(os.path.dirname(__file__), "devices.yaml")
_MAX_YEAR = 9999
_KEYS = {"name": True, "title": False, "year": False, "memory": True, "bandwidth": True, "flops": True, "source": False}
"""The keys of a device, and whether it must have them."""


class Device(NamedTuple):
    """A device: bytes of memory, bytes per second, the most operations per second by data type, without sparsity."""

    name: str
    memory: int
    bandwidth: int
    flops: dict[str, int]
    source: str = ""
    """Where the numbers are from."""
    title: str = ""
    year: int | None = None


def find_device(name: str, file: str | None = None) -> Device:
    """Return a device by its name, whose case does not matter.

    `file` holds devices of the user's own, which come first. Raise :class:`~archinspect.base.source.SourceError` for
    what is wrong in it, ValueError where there is no such device.
    """
    known = load_devices(file)
    device = known.get(name.lower())
    if device is None:
        raise ValueError(f"no device '{name}': {suggest(name, known)}")
    return device


def device_names(file: str | None = None) -> list[str]:
    """Return the names of all devices, those of the user's own `file` first."""
    return list(load_devices(file))


def load_devices(file: str | None = None) -> dict[str, Device]:
    """Return all devices by name in small letters, those of the user's own `file` first."""
    own = {} if file is None else read_devices(read_file(file))
    return own | {
        name: device for name, device in read_devices(read_file(_FILE, "devices.yaml")).items() if name not in own
    }


def read_devices(source: Source) -> dict[str, Device]:
    """Return the devices of a text by name in small letters; raise SourceError for the first thing that is wrong."""
    tree = read_tree(source)
    if not isinstance(tree, List):
        _refuse("a file of devices is a list of them: `- {name: ..., memory: 80 GiB, ...}`", tree)
    found: dict[str, Device] = {}
    for item in tree.items:
        device = _device(item)
        if device.name.lower() in found:
            _refuse(f"device '{device.name}' is given twice", item)
        found[device.name.lower()] = device
    return found


def _device(tree: Tree) -> Device:
    if not isinstance(tree, Map):
        _refuse("a device is a map: `{name: ..., memory: 80 GiB, bandwidth: 2 TB/s, flops: {float32: 20 T}}`", tree)
    for key, _ in tree:
        if key.text not in _KEYS:
            _refuse(f"a device has no key '{key.text}'", key, suggest(key.text, _KEYS))
    for name, needed in _KEYS.items():
        if needed and name not in tree.values:
            _refuse(f"a device needs '{name}'", tree)
    year = tree.values.get("year")
    return Device(
        _text(tree, "name"),
        _amount(tree.values["memory"], "memory", "80 GiB", "B"),
        _amount(tree.values["bandwidth"], "bandwidth", "3.35 TB/s", "B/s"),
        _flops(tree.values["flops"]),
        _text(tree, "source"),
        _text(tree, "title"),
        _year(year) if year else None,
    )


def _text(tree: Map, key: str) -> str:
    value = tree.values.get(key)
    if value is None:
        return ""
    if not isinstance(value, Scalar) or not isinstance(value.value, str | int) or not value.text.strip():
        _refuse(f"{key} must be text", value)
    return value.text


def _year(tree: Tree) -> int:
    value = tree.plain()
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= _MAX_YEAR:
        _refuse("year must be a year", tree)
    return value


def _flops(tree: Tree) -> dict[str, int]:
    if not isinstance(tree, Map) or not tree.values:
        _refuse("flops must be a map of data types: `{float32: 19.5 T, bfloat16: 312 T}`", tree)
    for key, _ in tree:
        if key.text not in TYPES:
            _refuse(f"no data type '{key.text}'", key, suggest(key.text, TYPES))
    return {key.text: _amount(value, key.text, "312 T") for key, value in tree}


def _amount(tree: Tree, key: str, example: str, unit: str = "") -> int:
    """Read a number of `unit`: `312 T`, `80 GiB`, `80 GB` (10^9 bytes each), `3.35 TB/s`."""
    text = tree.text.strip() if isinstance(tree, Scalar) else ""
    bare = text.removesuffix("/s") if unit.endswith("/s") else text
    try:
        number = parse_quantity(bare).number
    except ValueError:
        number = Fraction(0)
    # Of what a quantity may be, an amount is neither a bound (`<= 5 M`) nor has it a tolerance.
    if (
        not bare[:1].isdigit()
        or "±" in bare
        or "+" in bare
        or not text.endswith(unit)
        or not number.denominator == 1 <= number
    ):
        _refuse(f"{key} must be an amount such as `{example}`", tree)
    return int(number)


def _refuse(message: str, tree: Tree, help: str = "") -> NoReturn:
    raise SourceError("device", message, tree.span, help)
