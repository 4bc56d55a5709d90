"""Layers over sequences within networks, at sizes that no row of one layer has."""

from math import prod

import pytest
from small import single_layer, small

from archinspect.analyses import cost, memory
from archinspect.ops.figures import Run
from archinspect.ops.xlstm import MLSTM


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


def test_mamba_s_kernel_keeps_two_numbers_of_a_state_for_each_chunk_of_steps():
    """`selective_scan.cpp` of mamba_ssm: `x` is [batch, channels, chunks of 2048 steps, 2 x states], float32."""
    shapes = [(3, 2049, 8), (3, 2049, 8), (3, 8, 4), (3, 2049, 4), (3, 2049, 4)]
    scan = single_layer("SelectiveScan", {}, shapes)
    read = 4 * sum(map(prod, shapes))
    assert memory.kept(scan, input_gradients=True).total == read + 4 * (3 * 8 * 2 * 2 * 4)
    assert memory.peak(scan).bytes == read + 4 * prod(shapes[0]) + 4 * (3 * 8 * 2 * 2 * 4)


@pytest.mark.parametrize(
    ("needed", "macs"),
    [
        ("q", 5_520),
        ("k", 6_240),
        ("v", 5_520),
        ("i", 6_528),
        ("f", 6_528),
        ("qv", 7_920),
        ("qkvif", 9_360),
    ],
)
def test_gradients_of_a_matrix_memory_by_chunks(needed, macs):
    """transformers' `mlstm_chunkwise_native_autograd`, forward and backward, by PyTorch 2.13's own counter."""
    shapes = [(2, 12, 6), (2, 12, 6), (2, 12, 10), (2, 12, 2), (2, 12, 2)]
    cell = MLSTM(num_heads=2, chunk=4)
    run = Run(tuple(name in needed for name in "qkvif"))
    assert cell.work(shapes, shapes[2]).macs + cell.backward(shapes, shapes[2], run).inputs.macs == macs
