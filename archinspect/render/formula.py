"""Closed formulas as text, JSON, LaTeX and Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from rich.text import Text

from archinspect.render.data import csv_text, json_text, markdown, markdown_table
from archinspect.render.status import status_lines, status_text
from archinspect.render.styled import folded
from archinspect.reports.summary import SCHEMA, status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from archinspect.base.symbolic.formulas import Formula

LINE = 100
INDENT = " " * 4
HEADER = ("figure", "formula", "holds_for")
SHOWN_GUARDS = 6
"""Conditions that are shown below a formula; JSON has all."""


class Formulas(NamedTuple):
    """A network's formulas, by figure, and the layers of whose figures some are not known."""

    name: str
    formulas: Mapping[str, Formula]
    uncounted: Mapping[str, tuple[str, ...]]

    def is_partial(self, figure: str) -> bool:
        """Return whether a formula leaves layers out."""
        return any(figure in missing for missing in self.uncounted.values())


def print_formulas(found: Formulas, console: Console) -> None:
    """Print each formula, for which values it holds, and what it leaves out."""
    width = min(console.width, LINE)
    console.print(Text(folded(found.name, console.width), "bold"), soft_wrap=True)
    for figure, formula in found.formulas.items():
        more = " + ?" if found.is_partial(figure) else ""
        console.print(Text(folded(f"\n{figure} = {formula}{more}", width, indent=INDENT)), soft_wrap=True)
        guards = formula.guards
        if guards:
            shown = ", ".join(guards[:SHOWN_GUARDS])
            more = f", and {len(guards) - SHOWN_GUARDS} more (--format json)" if len(guards) > SHOWN_GUARDS else ""
            console.print(Text(folded(f"  for {shown}{more}", width, indent=INDENT)), soft_wrap=True)
    if found.uncounted:
        console.print(Text("\n").append_text(status_text(found.uncounted, console.width)), soft_wrap=True)


def formula_text(found: Formulas, form: str) -> str:
    """Return formulas as `json`, `csv`, `markdown`, `latex` or `python`."""
    if form == "json":
        return json_text(_as_dict(found))
    if form == "csv":
        return csv_text(HEADER, _rows(found))
    if form == "markdown":
        closing = "\n".join(f"- {title}: {markdown(value)}" for title, value in status_lines(found.uncounted))
        return f"## {markdown(found.name)}\n\n{markdown_table(HEADER, _rows(found))}\n\n{closing}"
    left_out = [f"{title}: {value}" for title, value in status_lines(found.uncounted)] if found.uncounted else []
    return "\n".join(_python(found, left_out) if form == "python" else _latex(found, left_out))


def _rows(found: Formulas) -> list[tuple[str, str, str]]:
    """Return a figure, its formula and all its conditions, for each."""
    return [
        (figure, f"{formula}{' + ?' if found.is_partial(figure) else ''}", ", ".join(formula.guards))
        for figure, formula in found.formulas.items()
    ]


def _as_dict(found: Formulas) -> dict[str, Any]:
    unknown = {name: list(missing) for name, missing in found.uncounted.items()}
    return {
        "schema": SCHEMA,
        "name": found.name,
        "status": status(found.uncounted),
        **({"uncounted": unknown} if unknown else {}),
        "formulas": {figure: formula.as_dict() for figure, formula in found.formulas.items()},
    }


def _python(found: Formulas, left_out: Sequence[str]) -> list[str]:
    head = "import math\n\n\n"
    functions = [formula.python(figure).removeprefix(head).rstrip() for figure, formula in found.formulas.items()]
    source = "\n\n\n".join(functions)
    return [*(f"# {line}" for line in left_out), f"{head}{source}" if "math." in source else source]


def _latex(found: Formulas, left_out: Sequence[str]) -> list[str]:
    lines = []
    for figure, formula in found.formulas.items():
        name, more = figure.replace("_", "\\_"), " + {?}" if found.is_partial(figure) else ""
        lines.append(f"\\mathrm{{{name}}} &= {formula.latex()}{more} \\\\")
        lines += [f"&\\quad {guard} \\\\" for guard in formula.latex_guards()]
    return [*(f"% {line}" for line in left_out), "\\begin{align*}", *lines, "\\end{align*}"]
