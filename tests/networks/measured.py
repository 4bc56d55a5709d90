"""What frameworks say of a network: its export must be possible, or refused with a reason."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from networks.consistency import Complaint, told

import archinspect
from archinspect.exporters.refusal import CannotExportError

if TYPE_CHECKING:
    from collections.abc import Iterator


def differences(spec: dict[str, Any], against: str) -> Iterator[Complaint]:
    """What is wrong with a network's exports to these targets, as `pytorch,onnx`."""
    try:
        facts = archinspect.network(spec).facts
    except archinspect.InvalidSpecError:  # of which the other checks tell
        return
    for target in against.split(","):
        try:
            exported = import_module(f"archinspect.exporters.{target}").export(facts)
            if isinstance(getattr(exported, "text", None), str):
                compile(exported.text, f"<{target}>", "exec")
        except CannotExportError as refused:
            if not (refused.layer and refused.reason):
                yield Complaint(target, "refused without a reason")
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
            yield Complaint(target, told(error))
