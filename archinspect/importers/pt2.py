"""Programs of PyTorch, saved by `torch.export.save`: a zip with JSON, read without torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archinspect.base.diagnostics import Problems
    from archinspect.base.settings import Settings
    from archinspect.graph.graph import Graph
    from archinspect.importers.file import File


def read(file: File, settings: Settings, problems: Problems) -> Graph | None:
    """Return the graph of a program."""
    del settings, problems
    raise file.refuse("not yet")
