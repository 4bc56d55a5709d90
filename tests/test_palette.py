"""The palette: readable on any background, told apart with any color vision, and all that is used."""

import re
from itertools import combinations

import numpy as np
import pytest
from contrasts import contrast, linear

from archinspect.render.palette import GRAPHICS, LOOKS, OTHER, STYLES, rgb

BACKGROUNDS = ("#ffffff", "#000000", "#fdf6e3", "#002b36")
"""White, black, and those of Solarized: base3 and base03."""
VISIONS = {
    "usual": np.eye(3),
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
"""Machado, Oliveira & Fernandes 2009, "A Physiologically-based Model for Simulation of Color Vision Deficiency"."""
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
COMMANDS = [
    "summary resnet18 --depth all",
    "summary gpt2",
    "list resnet",
    "list resnet --tree",
    "explain resnet18 stage1.0",
    "explain lessons/conv2d --cell 2,2",
    "explain alexnet --convention fvcore",
    "compare resnet18 vit_b_16 lstm",
    "memory resnet18",
    "compute resnet18 --device t4",
    "diff resnet18 resnet34",
    "diff resnet18 vgg16",
    "ops",
    "ops Conv2D",
    "formula resnet18",
    "formats",
    "rule",
    "rule shape",
    "check net.yaml",
    "docs",
    "fit resnet18 --memory 4GiB",
    "verify resnet18",
]


def _lab(linear):
    """Return the color of CIE 1976 L*a*b*."""
    x, y, z = np.cbrt(np.maximum(XYZ @ linear / XYZ.sum(axis=1), 0.008856))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("name", STYLES)
def test_text_is_readable_on_any_background(name):
    """A style sets both colors, or leaves both to the terminal."""
    style = STYLES[name]
    if style.text is None:
        assert style.fill is None
        assert style.attributes
    else:
        assert contrast(rgb(style.text), rgb(style.fill)) >= 4.5


@pytest.mark.parametrize("background", BACKGROUNDS)
@pytest.mark.parametrize("name", GRAPHICS)
def test_bars_are_seen_on_any_background(name, background):
    assert contrast(rgb(GRAPHICS[name].text), background) >= 3


def test_no_color_is_readable_on_all_backgrounds():
    """Why text with a color has a background: none of xterm's colors would do without."""
    found = [min(contrast(rgb(color), one) for one in BACKGROUNDS) for color in range(16, 256)]
    assert max(found) < 4.5


def test_colors_are_those_of_xterm():
    assert [rgb(color) for color in (16, 25, 214, 231, 232, 255)] == [
        "#000000", "#005faf", "#ffaf00", "#ffffff", "#080808", "#eeeeee",
    ]  # fmt: skip


@pytest.mark.parametrize("vision", VISIONS)
def test_kinds_are_told_apart_with_any_color_vision(vision):
    """Input and output have one color, and stand at two ends."""
    seen = {
        look.fill: _lab(np.clip(VISIONS[vision] @ linear(rgb(look.fill)), 0, 1)) for look in (*LOOKS.values(), OTHER)
    }
    near = {pair: np.linalg.norm(seen[pair[0]] - seen[pair[1]]) for pair in combinations(seen, 2)}
    assert min(near.values()) > 10, sorted(near.items(), key=lambda item: item[1])[:6]


@pytest.mark.parametrize("command", COMMANDS)
def test_nothing_else_is_printed(run, command, tmp_path, monkeypatch):
    """Every code that a terminal gets is one of the palette's: no faint text, no color of the theme."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.yaml").write_text("input: [8]\nlayers:\n  - Dens: 3\n  - Dropout: 2\n", encoding="utf-8")
    shown = run(*command.split(), "--color", "always", TERM="xterm-256color", COLUMNS="120").output
    known = {style.codes(colors=True) for style in (*STYLES.values(), *GRAPHICS.values())}
    assert set(re.findall(r"\x1b\[([0-9;]*)m", shown)) - known <= {"0"}
