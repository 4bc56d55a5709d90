"""Layers over sequences that `measure_ops.py` measures: the cases, and modules that PyTorch does not have."""

import torch
from torch import nn

CELLS = ("RNNCell", "LSTMCell", "GRUCell")


class SelectiveScan(nn.Module):
    """Mamba's scan as the loop over steps that `MambaMixer` of transformers is without a kernel, the steps second."""

    def forward(self, given, delta, decay, into, out, skip=None):
        decays = torch.exp(delta.unsqueeze(-1) * decay.unsqueeze(1))
        entries = delta.unsqueeze(-1) * into.unsqueeze(-2)
        entries = entries * given.unsqueeze(-1)
        state = torch.zeros_like(decays[:, 0])
        outputs = []
        for step in range(given.shape[1]):
            state = decays[:, step] * state + entries[:, step]
            outputs.append((state @ out[:, step].unsqueeze(-1)).squeeze(-1))
        found = torch.stack(outputs, dim=1)
        return found if skip is None else found + given * skip.unsqueeze(1)


class Masking(nn.Module):
    """As Keras's layer computes it."""

    def __init__(self, mask_value=0.0):
        super().__init__()
        self.value = mask_value

    def forward(self, given):
        return given * (given != self.value).any(dim=-1, keepdim=True)


MODULES = {"SelectiveScan": SelectiveScan, "Masking": Masking}


def case(op, *inputs, **args):
    return op, inputs, args


def torch_cases():
    bag = {"num_embeddings": 20, "embedding_dim": 6}
    for batch in (1, 3):
        for mode in ("sum", "mean", "max"):
            yield case("EmbeddingBag", (batch, 5), **bag, mode=mode)
    yield case("EmbeddingBag", (2, 7), **bag)
    yield case("EmbeddingBag", (2,), **bag)
    # Cells, from zeros and from states
    for batch in (1, 3):
        for name in CELLS:
            told = {"input_size": 6, "hidden_size": 8, "biases": 2}
            states = [(batch, 8)] * (1 + (name == "LSTMCell"))
            yield case(name, (batch, 6), **told)
            yield case(name, (batch, 6), *states, **told)
            yield case(name, (batch, 6), *states, **told, bias=False)
            yield case(name, (batch, 6), *[(batch, 7)] * len(states), **told)
            yield case(name, (batch, 5), **told)
    yield case("RNNCell", (2, 6), **told, nonlinearity="relu")
    # Sequence mixers
    for batch in (1, 3):
        for steps, channels, states in ((5, 6, 4), (1, 6, 4), (7, 3, 1)):
            wave, many = (batch, steps, channels), (batch, steps, states)
            yield case("SelectiveScan", wave, wave, (batch, channels, states), many, many)
            yield case("SelectiveScan", wave, wave, (batch, channels, states), many, many, (batch, channels))
    yield case("SelectiveScan", (2, 5, 6), (2, 5, 6), (2, 7, 4), (2, 5, 4), (2, 5, 4))
    yield case("SelectiveScan", (2, 5, 6), (2, 5, 6), (2, 6, 4), (2, 5, 4), (2, 5, 3))
    yield case("SelectiveScan", (2, 5, 6), (2, 5, 5), (2, 6, 4), (2, 5, 4), (2, 5, 4))
    for batch in (1, 3):
        yield case("Masking", (batch, 5, 6))
    yield case("Masking", (2, 3, 5, 6), mask_value=-1.0)


def keras_cases():
    yield case("Masking", (2, 5, 6))
    yield case("Masking", (2, 5, 6), mask_value=-1.0)
    for name in ("SimpleRNNCell", "LSTMCell", "GRUCell"):
        states = [(2, 8)] * (1 + (name == "LSTMCell"))
        yield case(name, (2, 6), *states, units=8)
        yield case(name, (2, 6), *states, units=8, use_bias=False, dropout=0.1, activation="tanh")
    yield case("GRUCell", (2, 6), (2, 8), units=8, reset_after=False)
