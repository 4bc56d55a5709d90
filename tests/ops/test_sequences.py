"""Layers over sequences within networks, at sizes that no row of one layer has."""

from small import small

from archinspect.analyses import cost, memory


def test_a_bag_keeps_no_vectors():
    """PyTorch 2.13 on the meta device, a sample, the input included."""
    layers = [{"EmbeddingBag": {"num_embeddings": 95_811, "embedding_dim": 64}}, {"Linear": 4}]
    network = small(*layers, input={"shape": [20], "dtype": "int64"})
    total = cost.sum_of_costs(cost.costs(network).values())
    assert (total.params, total.macs) == (6_132_164, 256)
    assert (memory.peak(network).bytes, memory.kept(network).total) == (592, 592)


def test_pytorch_s_attention_copies_what_one_product_makes():
    """PyTorch 2.13's `nn.TransformerEncoderLayer` on the meta device, a sample, the input included."""
    network = small(
        {"Add": [[], [{"MultiheadAttention": {"embed_dim": 512, "num_heads": 4}}]]},
        "LayerNorm",
        {"Add": [[], [{"Linear": 512}, "ReLU", {"Linear": 512}]]},
        "LayerNorm",
        shape=[64, 512],
    )
    assert memory.peak(network, attention="math").bytes == 917_504
    assert memory.kept(network, attention="math").total == 1_508_352
