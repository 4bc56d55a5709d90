"""Draw the README's picture: what `archinspect compare alexnet vgg16 vgg19` prints in a terminal.

`python docs/picture.py > docs/compare.svg`
"""

from __future__ import annotations

import io
import re

from rich.console import Console

from archinspect.api import compare
from archinspect.render.compare import boxes
from archinspect.render.stacks import print_comparison
from archinspect.reports.comparison import align

WIDTH = 82


def svg() -> str:
    """Return the picture as SVG without fonts from elsewhere."""
    console = Console(record=True, width=WIDTH, force_terminal=True, color_system="truecolor", file=io.StringIO())
    reports = compare("alexnet", "vgg16", "vgg19")
    print_comparison(reports, align([boxes(report, None) for report in reports]), console)
    text = console.export_svg(title="archinspect compare alexnet vgg16 vgg19", unique_id="archinspect")
    return re.sub(r"\s*@font-face \{.*?\}", "", text, flags=re.DOTALL)


if __name__ == "__main__":
    print(svg())  # noqa: T201 - the picture is what the script prints
