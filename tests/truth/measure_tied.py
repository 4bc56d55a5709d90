"""Measure a network whose output layer is its table of tokens, in PyTorch and in Keras.

Run by hand, in an environment with torch and keras; it prints `tied.json`:

    KERAS_BACKEND=torch python tests/truth/measure_tied.py
"""

# ruff: noqa: T201 - a script that prints

import json

import keras
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.hidden = nn.Embedding(100, 32), nn.Linear(32, 32)
        self.head = nn.Linear(32, 100, bias=False)
        self.head.weight = self.table.weight

    def forward(self, tokens):
        return self.head(torch.tanh(self.hidden(self.table(tokens))))


def in_keras():
    tokens = keras.Input((16,), dtype="int32")
    table = keras.layers.ReversibleEmbedding(100, 32)
    hidden = keras.layers.Dense(32, activation="tanh")(table(tokens))
    return keras.Model(tokens, table(hidden, reverse=True))


def measured(model, params):
    with FlopCounterMode(display=False) as counter:
        output = model(torch.zeros((1, 16), dtype=torch.int32))
    return {"params": params, "macs": counter.get_total_flops() // 2, "output": list(output.shape)}


def main():
    own, theirs = Tied(), in_keras()
    found = {
        "measured_with": f"torch {torch.__version__}, Keras {keras.__version__}",
        "torch": measured(own, sum(weight.numel() for weight in own.parameters())),
        "keras": measured(theirs, theirs.count_params()),
    }
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
