"""Draw the README's pictures of commands: what a terminal shows, as SVG without fonts from elsewhere.

`python docs/pictures.py` writes them; `pytest tests/docs` says if their words are no longer what the commands print.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

HERE = Path(__file__).parent
WIDTH = 96
BROKEN = "input: [224, 224, 3]\nlayers:\n  - Conv2D: {filters: 64, kernel_size: 3, groups: 2}\n  - Dens: 10\n"
PICTURES = {
    "memory": "memory resnet18 --batch 16",
    "explain": "explain vgg16 conv1_2",
    "check": "check net.yaml",
}
"""The command of each picture."""


def svg(name: str) -> str:
    """Return a picture."""
    args = PICTURES[name].split()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "net.yaml").write_text(BROKEN, encoding="utf-8")
        env = {**os.environ, "COLUMNS": str(WIDTH), "TERM": "xterm-256color", "COLORTERM": "truecolor"}
        env["PYTHONPATH"] = str(HERE.parent)
        command = [sys.executable, "-m", "archinspect", *args, "--color", "always"]
        shown = subprocess.run(  # noqa: S603 - our own command
            command, cwd=folder, env=env, capture_output=True, check=False, encoding="utf-8"
        )
    console = Console(record=True, width=WIDTH, force_terminal=True, color_system="truecolor", file=io.StringIO())
    console.print(Text.from_ansi(shown.stdout), soft_wrap=True)
    text = console.export_svg(title=f"archinspect {PICTURES[name]}", unique_id=f"archinspect-{name}")
    return re.sub(r"\s*@font-face \{.*?\}", "", text, flags=re.DOTALL) + "\n"


def words(picture: str) -> list[str]:
    """Return what a picture says; how it is drawn is the library's."""
    return [text for text in re.findall(r">([^<]+)</text>", picture) if text.strip()]


if __name__ == "__main__":
    for each in PICTURES:
        (HERE / f"{each}.svg").write_text(svg(each), encoding="utf-8")
