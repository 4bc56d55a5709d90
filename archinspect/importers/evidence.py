"""How files are known by what they hold: a function a format, of which each reads as little as tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archinspect.importers.file import File


def is_pt2(file: File) -> bool:
    """Whether it is an archive of `torch.export.save`, of PyTorch 2.6 or later."""
    return any(
        name.endswith("serialized_exported_program.json") or ("models/" in name and name.endswith(".json"))
        for name in file.members
    )
