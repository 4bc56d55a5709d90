"""Layers over sequences that `measure_ops.py` measures: the cases, and modules that PyTorch does not have."""


def case(op, *inputs, **args):
    return op, inputs, args


def torch_cases():
    bag = {"num_embeddings": 20, "embedding_dim": 6}
    for batch in (1, 3):
        for mode in ("sum", "mean", "max"):
            yield case("EmbeddingBag", (batch, 5), **bag, mode=mode)
    yield case("EmbeddingBag", (2, 7), **bag)
    yield case("EmbeddingBag", (2,), **bag)
