"""What operators say of themselves, a line per kind of use: label, weights with their axes, how axes follow, views.

The lines stand in descriptions.txt, where a change is read; `--update` writes them anew.
"""

import json
from pathlib import Path

from small import single_layer

HERE = Path(__file__).parent
LAYOUTS = {"torch": "channels_first", "keras": "channels_last"}


def described(row, layout):
    """Return the lines of a measured layer, one per operator that it consists of."""
    for call in single_layer(row["op"], row["args"], row["inputs"], layout).calls:
        op = call.op
        if not call.inputs:
            continue
        weights = ", ".join(
            f"{name}[{' '.join(weight.axes)}]{'' if weight.parameter else ' kept'}"
            for name, weight in call.weights.items()
        )
        views = [op.view(training=training) for training in (False, True)]
        yield "; ".join(
            [
                f"{type(op).__name__} {op.label()!r} ({op.kind})",
                f"weights {weights or 'none'}",
                f"axes {op.axis_flow(*call.shapes) or 'not said'}",
                f"called {' '.join(op.variants(*call.shapes)) or 'so'}",
                f"view {views[0] and tuple(views[0])} {views[1] and tuple(views[1])}",
            ]
        )


def test_descriptions_are_the_stored_ones(stored):
    lines = []
    for name, layout in LAYOUTS.items():
        truth = json.loads((HERE.parent / "truth" / f"ops_{name}.json").read_text(encoding="utf-8"))
        for row in truth["rows"]:
            if row["output"] is not None:
                lines += [f"{layout}: {line}" for line in described(row, layout)]
    stored(HERE / "descriptions.txt", "\n".join(sorted({*lines})) + "\n")
