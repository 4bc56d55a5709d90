"""What a target cannot say."""

from __future__ import annotations


class CannotExportError(Exception):
    """A layer that the target has no words for: its path, and the reason."""

    def __init__(self, layer: str, reason: str) -> None:
        super().__init__(f"{layer}: {reason}")
        self.layer = layer
        self.reason = reason
