"""Networks as other tools' programs and files: one target a package, found by its name in :data:`TARGETS`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from archinspect.base.diagnostics import refuse_unknown

if TYPE_CHECKING:
    from archinspect.analyses.facts import Facts

TARGETS = {
    "pytorch": "one Python file that needs nothing but torch",
    "onnx": "a graph with a shape at every value, its weights left open (needs the extra `onnx`)",
    "keras": "one Python file that needs nothing but keras (3.x)",
    "spec": "a spec of our own language, from any file; `archinspect convert` writes it, too",
}
"""Each target and what it gives; its package, of the same name, is imported when it is asked for."""


OPEN = frozenset({"spec"})
"""Those that can say of a size that it is not known."""


def export(facts: Facts, target: str, **options: bool) -> str | bytes:
    """Return a network in the form of a target: the text of a program, or a file's bytes.

    `options` are the target's own.

    Raise :class:`archinspect.exporters.refusal.CannotExportError` for what the target cannot say, ImportError without
    a library that it needs, ValueError for none of :data:`TARGETS`.
    """
    refuse_unknown("a target", target, TARGETS)
    return import_module(f"archinspect.exporters.{target}").write(facts, **options)  # type: ignore[no-any-return] # each target's gives this
