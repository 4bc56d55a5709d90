"""PyTorch's operators as archinspect's: one table, from a call's name to a function that says the operator.

A translation is a proposal. :mod:`archinspect.importers.pt2.nodes` takes it where the operator's own rules give the
shapes, types and weights that the file has, and keeps the call as it stands in the file otherwise. So an entry needs no
conditions of its own for forms of a call that the operator does not have.

Defaults are those of PyTorch's schemas, which files leave out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.importers.pt2.operators.axes import AXES
from archinspect.importers.pt2.operators.base import Translation, Untranslated, Use
from archinspect.importers.pt2.operators.elements import ELEMENTS
from archinspect.importers.pt2.operators.normalizations import NORMALIZATIONS
from archinspect.importers.pt2.operators.products import PRODUCTS
from archinspect.importers.pt2.operators.steps import STEPS
from archinspect.importers.pt2.operators.windows import WINDOWS

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["TRANSLATIONS", "Translation", "Untranslated", "Use"]

TRANSLATIONS: dict[str, Callable[[Use], Translation]] = {
    **PRODUCTS,
    **STEPS,
    **NORMALIZATIONS,
    **WINDOWS,
    **ELEMENTS,
    **AXES,
}
"""By the call's name without its overload, and without the `_` of what overwrites its input."""
