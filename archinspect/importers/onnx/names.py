"""Where operators stand in the hierarchy of modules, by what exporters say of it."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

    from archinspect.importers.onnx.values import Step

_QUOTED = re.compile(r"'((?:[^'\\]|\\.)*)'")
MOST = 200
"""Characters of a name, and levels."""


class Place(NamedTuple):
    """A module's levels, and an operator's own name in it."""

    module: tuple[str, ...]
    own: str


def place_of(step: Step, weight: str = "") -> Place:
    """Return where a step stands; `weight` is the name of the kernel that it reads, if any.

    PyTorch's newer exporter writes scopes beside each operator, `['', 'layer1', 'layer1.0', 'layer1.0.bn1', 'relu']`; a
    convolution that took in a batch normalization has that one's, so that the kernel's name is better. Its older one,
    and Keras's, write paths: `/layer1/layer1.0/conv1/Conv`.
    """
    if step.scopes:
        scopes = _QUOTED.findall(step.scopes)
        module = scopes[-2] if len(scopes) > 1 else ""
        if weight.endswith(".weight") and step.kind in ("Conv", "ConvTranspose", "Gemm"):
            module = weight.removesuffix(".weight")
        return Place(_levels(module.split(".") if module else ()), _clean(scopes[-1] if scopes else step.kind))
    parts = [part for part in step.path.split("/") if part]
    if len(parts) < 2:  # noqa: PLR2004 - a module and a name
        return Place((), _clean(step.path.strip("/") or step.kind))
    joined: list[str] = []
    for part in parts[:-1]:
        if joined and part.startswith(f"{joined[-1]}."):
            joined[-1] = part
        else:
            joined.append(part)
    return Place(_levels(".".join(joined).split(".")), _clean(parts[-1]))


def _levels(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(map(_clean, names))[:MOST]


def _clean(name: str) -> str:
    """Return a name that is one level of a path."""
    plain = "".join(letter if letter.isprintable() and letter != " " else "_" for letter in name[:MOST])
    return plain.replace(".", "_") or "_"


def apart(place: Place, inputs: Container[str]) -> Place:
    """Return a place in no module that has an input's name."""
    first, *rest = place.module or ("",)
    while first and first in inputs:
        first += "_"
    return Place((first, *rest) if first else (), place.own)


def paths(places: Sequence[Place], inputs: Iterable[str] = ()) -> list[str]:
    """Return a path for each: the module's where it is the only one there, and no module is within.

    `inputs` are names that are taken.
    """
    counts = Counter(module for module, _ in places)
    groups = {module[:depth] for module in counts for depth in range(len(module))}
    groups |= {module for module, count in counts.items() if count > 1}
    taken = set(inputs)
    numbers: Counter[str] = Counter()
    found = []
    for module, own in places:
        base = path = ".".join((*module, own) if module in groups or not module else module)
        while path in taken or tuple(path.split(".")) in groups:
            numbers[base] += 1
            path = f"{base}_{numbers[base]}"
        taken.add(path)
        found.append(path)
    return found
