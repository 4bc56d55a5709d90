"""bad-ignore: found when all rules have run; what is said of it stands here."""

from __future__ import annotations

from archinspect.checks.rule import Rule

RULE = Rule(
    code="bad-ignore",
    name="Comment that is not understood",
    why="It is to silence something, and does not.",
    repair="Write `# archinspect: ignore[code] reason` beside a step, or `ignore-file[code]` for the whole file.",
    example="""\
input: [8]
layers:
  - Dense: 4 # archinspect: ignore[unusd] later
""",
)
