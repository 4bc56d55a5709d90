"""What is asked of a file: `--set`, `--input`, `--batch`, as readers need them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.base.diagnostics import suggest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from archinspect.base.diagnostics import Problems
    from archinspect.base.settings import Settings
    from archinspect.base.source import Span, Value


def params(
    declared: Mapping[str, Value], settings: Settings, problems: Problems, origin: Span, options: Sequence[str] = ()
) -> dict[str, Value]:
    """Return the values of a file's parameters, as `--set` has them; what there is not is told to `problems`.

    A reader's `options`, such as a scale, have no value unless one is given.
    """
    given = settings.params
    for name in given:
        if name not in declared and name not in options:
            known = [*declared, *options]
            help_ = suggest(name, known) if known else "this file leaves nothing open"
            problems.error("unknown-param", f"the file has no parameter '{name}'", origin, help_)
    return {**declared, **{name: value for name, value in given.items() if name in declared or name in options}}


def shapes(
    declared: Mapping[str, Sequence[int]], settings: Settings, problems: Problems, origin: Span
) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a file's inputs, without the batch, as `--input` has them.

    What there is not, and a shape with another number of axes than the file's, is told to `problems`.
    """
    found = {name: tuple(shape) for name, shape in declared.items()}
    for name, shape in settings.shapes_for(list(declared)).items():
        if name not in found:
            message = f"the file has no input '{name}'" if name else "which input has this shape?"
            problems.error("unknown-input", message, origin, suggest(name, found))
        elif found[name] and len(shape) != len(found[name]):
            message = f"input '{name}' has {len(found[name])} axes, not {len(shape)}"
            problems.error("input", message, origin, f"the file's own: {'x'.join(map(str, found[name]))}")
        else:
            found[name] = tuple(shape)
    return found
