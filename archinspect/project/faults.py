"""What is said of a file on which archinspect itself fails: the others are checked all the same."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

from archinspect.base.diagnostics import Diagnostic
from archinspect.base.printable import printable
from archinspect.base.source import Source, Span
from archinspect.checks.outcome import Checked

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from archinspect.checks import Limits

HELP = "this is a fault of archinspect, not of the file: please report it, with the file if you may"


def check(spec: str | Source, codes: Collection[str], limits: Limits | None = None) -> Checked:
    """Check a file as :func:`archinspect.check` does, without its report; where that fails, say so of the file.

    Raise :class:`NotFoundError` where there is no such file, :class:`MemoryError` where memory runs out.
    """
    from archinspect import api  # files that are as they were need no engine

    try:
        return api.check(spec, codes, limits, with_report=False)
    except (api.NotFoundError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - of whatever kind it is, it is one file's
        source = spec if isinstance(spec, Source) else Source(spec, "")
        return Checked(source.name, [_fault(error, source)], None)


def is_fault(found: Iterable[Diagnostic]) -> bool:
    """Return whether archinspect failed on a file of which this is said."""
    return any(one.code == "internal-error" for one in found)


def _fault(error: Exception, source: Source) -> Diagnostic:
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{place.filename.rpartition('archinspect')[2].lstrip('/')}:{place.lineno}"
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return Diagnostic("internal-error", printable(f"checking this file failed: {what} ({where})"), Span(source), HELP)
