"""torch-words: a recurrent layer of Keras has arguments that only PyTorch's has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.checks.network import nodes_of
from archinspect.checks.rule import Finding, Rule, at
from archinspect.ops.modules import find_module

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.analyses.facts import Facts

RULE = Rule(
    code="torch-words",
    name="Keras's layer in PyTorch's words",
    why=(
        "A name that both have, `LSTM`, is Keras's: it gives the last step alone and has one vector of biases. "
        "PyTorch's gives all steps and has two."
    ),
    repair="Write `nn.LSTM` for PyTorch's; or Keras's words, such as `units`.",
    example="""\
input: [10, 20]
layers:
  - LSTM: {input_size: 20, hidden_size: 30}
""",
    by_block=True,
)

WORDS = ("input_size", "hidden_size", "batch_first", "proj_size", "nonlinearity")
"""Arguments that only PyTorch's recurrent layers have."""
OWN = ("return_sequences", "biases")
"""What both differ in: who says one of them knows."""


def check(facts: Facts) -> Iterator[Finding]:
    """Warn of each recurrent layer whose name is Keras's and whose arguments are PyTorch's."""
    for node in nodes_of(facts, "LSTM", "GRU", "SimpleRNN"):
        given = [] if node.arguments is None else [key.text for key, _ in node.arguments]
        word = next((name for name in given if name in WORDS), "")
        if word and not set(given) & {*OWN} and find_module(node.origin.text().strip("'\"")) is None:
            kind = type(node.op).__name__
            message = f"'{node.layer}' is Keras's {kind}, though '{word}' is PyTorch's: it gives the last step alone"
            yield at(facts, node, message, f"write `nn.{'RNN' if kind == 'SimpleRNN' else kind}` for PyTorch's")
