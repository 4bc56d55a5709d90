"""layout: found while a spec is read; what is said of it stands here."""

from __future__ import annotations

from archinspect.checks.rule import Rule

RULE = Rule(
    code="layout",
    name="Layout suspicious",
    why="A picture with its channels first is read as channels last, and every figure is of another network.",
    repair="Write `layout: channels_first`, or the channels last.",
    example="""\
input: [3, 64, 64]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 3}
  - Flatten
""",
)
