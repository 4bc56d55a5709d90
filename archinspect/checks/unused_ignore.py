"""unused-ignore: found when all rules have run; what is said of it stands here."""

from __future__ import annotations

from archinspect.checks.rule import Rule

RULE = Rule(
    code="unused-ignore",
    name="Comment that silences nothing",
    why="What it was for is gone. It would hide the next finding of this kind, with a reason that is none of that one.",
    repair="Remove it.",
    example="""\
input: [8]
layers:
  - Dense: 4 # archinspect: ignore[partial] measured by hand
""",
)
