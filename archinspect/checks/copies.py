"""copies: found while a spec is read; what is said of it stands here."""

from __future__ import annotations

from archinspect.checks.rule import Rule

RULE = Rule(
    code="copies",
    name="Copies in a chain",
    why=(
        "`repeat` makes a chain: `from` says where the first copy starts, and each other one reads the copy "
        "before it. Where one layer reads several copies, or the network gives several, they were likely to "
        "stand side by side."
    ),
    repair=(
        "Write each as a path of the layer that joins them; for a chain, put the step right after what it "
        "starts from, without `from`."
    ),
    example="""\
input: [8]
layers:
  - Dense: 8
    name: trunk
  - {Dense: 4, repeat: 2, name: "head${index}", from: trunk}
outputs: [head0, head1]
""",
)
