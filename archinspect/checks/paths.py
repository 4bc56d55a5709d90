"""paths: found while a spec is read; what is said of it stands here."""

from __future__ import annotations

from archinspect.checks.rule import Rule

RULE = Rule(
    code="paths",
    name="Paths that are steps of a chain",
    why=(
        "In a merge each item of the list is a path of its own, which reads what the merge reads. A list that"
        " looks like one chain was likely to be one."
    ),
    repair="Put the steps of a path into a list of their own.",
    example="""\
input: [8, 8]
layers:
  - Add: [[], BatchNormalization, {Dense: 8}]
""",
)
