"""Where a problem is, as services want it: paths from the top of a checkout, regions, stable fingerprints."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from archinspect.base.diagnostics import USED_HERE, place, remedy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.diagnostics import Diagnostic
    from archinspect.base.source import Span


def path(span: Span, *variables: str) -> str:
    """Return the file from the top of the checkout, with `/`: the first of these variables that is set says its folder.

    Without any, it is as it was given, or from the working directory where it lies below.
    """
    name = span.source.name
    top = next((os.environ[one] for one in variables if os.environ.get(one)), "")
    if not os.path.exists(name) or (not top and not os.path.isabs(name)):
        return os.path.normpath(name).replace(os.sep, "/")
    inside = os.path.relpath(os.path.realpath(name), os.path.realpath(top or os.curdir))
    return (os.path.abspath(name) if inside.startswith("..") else inside).replace(os.sep, "/")


def in_file(one: Diagnostic) -> Diagnostic:
    """Return a problem at a place of a file that is here: that of a built-in spec or block where a file uses it."""
    users = [span for note, span in one.notes if note == USED_HERE and span.source is not one.span.source]
    if not users or os.path.exists(one.span.source.name):
        return one
    return one._replace(message=f"{one.message} (in {place(one.span)})", span=users[-1], fix=None)


def with_help(diagnostic: Diagnostic) -> str:
    """Return the message, and the remedy on a further line."""
    return f"{diagnostic.message}\n{remedy(diagnostic)}" if diagnostic.help else diagnostic.message


def fingerprints(diagnostics: Sequence[Diagnostic]) -> list[str]:
    """Return a name for each problem that stays when lines above it are added; different ones for equal problems."""
    from hashlib import sha256  # only two formats need it

    seen: dict[str, int] = {}
    found = []
    for one in diagnostics:
        key = "\0".join((path(one.span), one.code, one.message, one.span.text()))
        seen[key] = seen.get(key, 0) + 1
        found.append(sha256(f"{key}\0{seen[key]}".encode("utf-8", "replace")).hexdigest())
    return found
