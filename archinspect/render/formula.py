"""Closed formulas as text, JSON, LaTeX and Python."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from rich.text import Text

from archinspect.render.data import json_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    from archinspect.base.symbolic.formulas import Formula

LINE = 100
SHOWN_GUARDS = 6
"""Conditions that are shown below a formula; JSON has all."""


def print_formulas(name: str, formulas: Mapping[str, Formula], console: Console) -> None:
    """Print each formula, and for which values it holds."""
    console.print(Text(name, "bold"), soft_wrap=True)
    width = max(min(console.width, LINE), 20)
    for figure, formula in formulas.items():
        console.print(Text(_wrapped(f"\n{figure} = {formula}", width)), soft_wrap=True)
        guards = formula.guards
        if guards:
            shown = ", ".join(guards[:SHOWN_GUARDS])
            more = f", and {len(guards) - SHOWN_GUARDS} more (--format json)" if len(guards) > SHOWN_GUARDS else ""
            console.print(Text(_wrapped(f"  for {shown}{more}", width), "cyan"), soft_wrap=True)


def formula_text(formulas: Mapping[str, Formula], form: str) -> str:
    """Return formulas as `json`, `latex` or `python`."""
    if form == "json":
        return json_text({figure: formula.as_dict() for figure, formula in formulas.items()})
    if form == "python":
        head = "import math\n\n\n"
        functions = [formula.python(figure).removeprefix(head).rstrip() for figure, formula in formulas.items()]
        source = "\n\n\n".join(functions)
        return f"{head}{source}" if "math." in source else source
    lines = []
    for figure, formula in formulas.items():
        lines.append(f"\\mathrm{{{figure.replace('_', chr(92) + '_')}}} &= {formula.latex()} \\\\")
        lines += [f"&\\quad {guard} \\\\" for guard in formula.latex_guards()]
    return "\n".join(["\\begin{align*}", *lines, "\\end{align*}"])


def _wrapped(line: str, width: int) -> str:
    start = "\n" if line.startswith("\n") else ""
    return start + textwrap.fill(
        line.lstrip("\n"), width, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )
