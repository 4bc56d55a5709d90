"""Contrasts of colors."""

import numpy as np

LUMINANCE = np.array([0.2126, 0.7152, 0.0722])


def linear(color):
    """Return red, green and blue as amounts of light, of a color `#rrggbb`."""
    parts = np.array([int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def contrast(*colors):
    """Return the contrast of WCAG 2.1, 1.4.3."""
    dark, light = sorted(LUMINANCE @ linear(color) for color in colors)
    return (light + 0.05) / (dark + 0.05)
