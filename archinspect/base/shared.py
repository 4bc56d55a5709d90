"""Values that networks have in common, kept from one to the next while a run looks at many."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST = 20_000
"""Values of a table; a fuller one starts anew."""

_tables: dict[object, dict[Any, Any]] | None = None


def share() -> None:
    """Keep the tables from now on, as a process does that is there for many networks."""
    global _tables  # noqa: PLW0603 - what holds for a whole run
    _tables = {} if _tables is None else _tables


@contextmanager
def shared() -> Iterator[None]:
    """Keep the tables until the end."""
    global _tables  # noqa: PLW0603 - as above
    before = _tables
    share()
    try:
        yield
    finally:
        _tables = before


def table(of: object) -> dict[Any, Any]:
    """Return the values `of` this kind by their keys: those of earlier networks too, where tables are kept.

    A key has to say all that its value depends on, and nobody changes a value.
    """
    if _tables is None:
        return {}
    found = _tables.setdefault(of, {})
    if len(found) > MOST:
        found.clear()
    return found
