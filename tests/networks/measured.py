"""What frameworks measure of a network, by `archinspect.verify`."""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any
from unittest import mock

from networks.consistency import Complaint, told

import archinspect
from archinspect.exporters.refusal import CannotExportError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect import Network

NOTHING_TO_SAY = ("the spec does not say what", "register_meta function", "Expected more than 1 ")
"""Of which nothing can be measured: a layer of the user's own, one whose shapes within depend on values, and a single
position that PyTorch does not normalize."""
COMPARED = ("params", "trainable", "buffers", "weights", "macs", "training_macs", "outputs", "shape")
"""Figures that are to be equal for every network."""
HELD = ("kept", "peak")
"""Figures of the whole network that are equal for most: they depend on how a program is written."""


def differences(
    spec: dict[str, Any], against: str, *, held: bool = False, batch: int | None = None
) -> Iterator[Complaint]:
    """What is wrong with a network by what these targets, as `pytorch,onnx`, make of it; `held`: memory, too."""
    try:
        network = archinspect.network(spec, batch=batch)
    except archinspect.InvalidSpecError:  # of which the other checks tell
        return
    for target in against.split(","):
        try:
            for message in _of_target(network, target, held=held):
                yield Complaint(target, message)
        except CannotExportError as refused:
            if not (refused.layer and refused.reason):
                yield Complaint(target, "refused without a reason")
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
            if not any(words in str(error) for words in NOTHING_TO_SAY):
                yield Complaint(target, told(error))


def _of_target(network: Network, target: str, *, held: bool) -> Iterator[str]:
    from archinspect import verify

    with mock.patch("archinspect.verify.process.measure", _in_this_process):
        found = verify.verify(network, target)
    for row in found.rows:
        is_compared = row.figure in COMPARED or (held and row.figure in HELD and not row.layer)
        if is_compared and row.measured is not None and not row.equal:
            figures = f"{row.predicted or 'none'}, measured {row.measured or 'none'}"
            yield f"{row.figure} of {row.layer or 'the network'}: {figures}"


def _in_this_process(target: str, _package: str, jobs: list[dict[str, Any]], _pythons: list[str]) -> list[Any]:
    """Measure without a process for each network, which would import the framework anew."""
    script = import_module(f"archinspect.verify.measure_{target}")
    with warnings.catch_warnings(action="ignore"):  # of how fast the program runs
        return [script.answer(job) for job in jobs]
