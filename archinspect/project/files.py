"""Files that are written in one step."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress


def write(path: str, text: str) -> None:
    """Write a file: whoever reads meanwhile, or after an interruption, has the old one or the new one.

    The mode of a file that was there stays. Raise OSError.
    """
    path = os.path.realpath(path)
    descriptor, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".archinspect-")
    try:
        with open(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        os.chmod(temporary, _mode(path))
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def _mode(path: str) -> int:
    """Return the mode of a file, or that of a new one."""
    if os.path.exists(path):
        return os.stat(path).st_mode & 0o7777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
