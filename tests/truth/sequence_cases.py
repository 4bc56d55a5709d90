"""Layers over sequences that `measure_ops.py` measures: the cases, and modules that PyTorch does not have."""

CELLS = ("RNNCell", "LSTMCell", "GRUCell")


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


def keras_cases():
    for name in ("SimpleRNNCell", "LSTMCell", "GRUCell"):
        states = [(2, 8)] * (1 + (name == "LSTMCell"))
        yield case(name, (2, 6), *states, units=8)
        yield case(name, (2, 6), *states, units=8, use_bias=False, dropout=0.1, activation="tanh")
    yield case("GRUCell", (2, 6), (2, 8), units=8, reset_after=False)
