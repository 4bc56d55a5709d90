"""Whether someone looks on."""

from __future__ import annotations

import os
import sys


def is_watched() -> bool:
    """Return whether standard error is a terminal with someone before it, to whom progress can be shown."""
    return sys.stderr.isatty() and os.environ.get("CI", "").lower() in {"", "0", "false"}
