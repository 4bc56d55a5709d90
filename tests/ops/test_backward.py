"""MACs of every operator's backward pass against those that PyTorch counts."""

import json
from pathlib import Path

import pytest
from small import single_layer

from archinspect import ops
from archinspect.analyses import compute
from archinspect.ops.figures import Run, Work

TRUTH = Path(__file__).parents[1] / "truth"
ROWS = json.loads((TRUTH / "training_macs.json").read_text(encoding="utf-8"))["operators"]


@pytest.mark.parametrize("wanted", [False, True])
@pytest.mark.parametrize("row", ROWS, ids=[f"{i}-{row['op']}" for i, row in enumerate(ROWS)])
def test_training_has_the_macs_that_are_measured(row, wanted):
    graph = single_layer(row["op"], row["args"], row["inputs"])
    found = compute.analyze(graph, training=True, attention="math", input_gradients=wanted)
    assert found.total.macs == row["macs_to_inputs" if wanted else "macs"]


def backward(name, args, inputs, **how):
    """Return the gradients of inputs and of weights."""
    found = compute.analyze(single_layer(name, args, inputs), training=True, **{"input_gradients": True, **how}).total
    return found.input_gradients, found.weight_gradients


# Operations that no counter has, by hand: an operator, its inputs, the work for the inputs' gradients and the weights'.
BY_HAND = [
    ("Dense", {"units": 5}, [(2, 3)], Work(30), Work(30, 10)),
    ("Conv2D", {"filters": 4, "kernel_size": 3}, [(1, 2, 5, 5)], Work(648), Work(648, 36)),
    ("ReLU", {}, [(2, 8)], Work(other=16), Work()),
    ("GELU", {}, [(2, 8)], Work(other=80), Work()),
    ("PReLU", {"num_parameters": 1}, [(2, 8)], Work(other=32), Work(other=32)),
    ("BatchNormalization", {}, [(2, 3, 4)], Work(other=48), Work(other=72)),
    ("LayerNormalization", {"center": False}, [(2, 8)], Work(other=112), Work(other=32)),
    ("LayerScale", {}, [(2, 8)], Work(other=16), Work(other=32)),
    ("LearnedPositions", {}, [(2, 3, 4)], Work(), Work(other=24)),
    ("ClassToken", {}, [(2, 3, 4)], Work(), Work(other=8)),
    ("LearnedTokens", {"n": 5}, [(2, 3, 4)], Work(), Work(other=40)),
    ("MaxPooling2D", {"pool_size": 2}, [(1, 2, 4, 4)], Work(other=8), Work()),
    ("AveragePooling2D", {"pool_size": 2}, [(1, 2, 4, 4)], Work(other=32), Work()),
    ("Add", {}, [(2, 8), (2, 8)], Work(), Work()),
    ("Add", {}, [(2, 8), (2, 1)], Work(other=14), Work()),
    ("Subtract", {}, [(2, 8), (2, 8)], Work(other=16), Work()),
    ("Multiply", {}, [(2, 8), (2, 8)], Work(other=32), Work()),
    ("Average", {}, [(2, 8), (2, 8)], Work(other=16), Work()),
    ("Average", {}, [(2, 1), (2, 8)], Work(other=14 + 16), Work()),
    ("Flatten", {}, [(2, 3, 4)], Work(), Work()),
    ("Log", {}, [(2, 8)], Work(other=16), Work()),
    ("Log1p", {}, [(2, 8)], Work(other=32), Work()),
    ("Sign", {}, [(2, 8)], Work(), Work()),
    ("Clip", {"min_value": 0, "max_value": 1}, [(2, 8)], Work(other=32), Work()),
    ("Cast", {"dtype": "float16"}, [(2, 8)], Work(), Work()),
    ("Divide", {}, [(2, 8), (2, 8)], Work(other=32), Work()),
    ("Power", {"exponent": 2}, [(2, 8)], Work(other=16), Work()),
    ("Greater", {}, [(2, 8), (2, 8)], Work(), Work()),
    ("Where", {}, [(2, 8), (2, 8), (2, 1)], Work(other=14), Work()),
    ("MaskedFill", {}, [(2, 8), (2, 8)], Work(), Work()),
    ("ReduceStd", {"axis": 1}, [(2, 8)], Work(other=4 * 16 + 2), Work()),
    ("ReduceAny", {"axis": 1}, [(2, 8)], Work(), Work()),
    ("CumSum", {}, [(2, 8)], Work(other=14), Work()),
    ("Sort", {}, [(2, 8)], Work(), Work()),
    ("Unsqueeze", {"axis": 1}, [(2, 8)], Work(), Work()),
    ("Expand", {"target_shape": [3, 8]}, [(2, 8)], Work(other=2 * 16), Work()),
    ("Tile", {"repeats": 3}, [(2, 8)], Work(other=2 * 16), Work()),
    ("Stack", {}, [(2, 8), (2, 8)], Work(), Work()),
    ("Tril", {}, [(2, 3, 4)], Work(), Work()),
    ("Gather", {}, [(2, 3, 4), (1, 7)], Work(other=2 * 7 * 4), Work()),
    ("EmbeddingLookup", {}, [(2, 7), (1, 9, 4)], Work(other=2 * 7 * 4), Work()),
    ("TakeAlongAxis", {}, [(2, 3, 4), (2, 7, 4)], Work(other=2 * 7 * 4), Work()),
    ("ScatterAdd", {"size": 9}, [(2, 3, 4), (2, 3)], Work(), Work()),
    ("OneHot", {"num_classes": 9}, [(2, 3)], Work(), Work()),
    ("MatMul", {}, [(2, 3, 4), (2, 4, 5)], Work(240), Work()),
    ("Einsum", {"equation": "bij,bjk,bkl->bil"}, [(1, 2, 3), (1, 3, 4), (1, 4, 5)], Work(2 * 24 + 2 * 40), Work()),
    ("EinsumDense", {"equation": "bsi,io->bso", "output_shape": [3, 5]}, [(2, 3, 4)], Work(120), Work(120)),
    ("Custom", {"params": 7, "macs": 10, "flops": 25}, [(2, 3)], Work(20, 10), Work(20)),
    ("SimpleRNN", {"units": 3}, [(1, 4, 2)], Work(4 * 6 + 3 * 9, 12), Work(4 * 15, 12)),
    ("SimpleRNN", {"units": 3}, [(1, 4, 2), (1, 3)], Work(4 * 15, 12), Work(4 * 15, 12)),
    ("Bidirectional", {"layer": {"SimpleRNN": 3}}, [(1, 4, 2)], Work(2 * 51, 24), Work(120, 24)),
    (
        *("Bidirectional", {"layer": {"SimpleRNN": 3}, "merge_mode": "mul"}, [(1, 4, 2)]),
        *(Work(2 * 51, 24 + 6), Work(120, 24)),
    ),
    ("TimeDistributed", {"layer": {"Dense": 5}}, [(2, 4, 3)], Work(120), Work(120, 40)),
    (
        *("MixtureOfExperts", {"num_experts": 4, "units": 6, "top_k": 2, "activation": None}, [(1, 2, 3)]),
        *(Work(2 * (12 + 2 * 3 * 18), 2 * 2 * 6 + 5 * 2 * 4 + 3 * 6), Work(2 * (12 + 2 * 3 * 18))),
    ),
]


@pytest.mark.parametrize(("name", "args", "inputs", "to_inputs", "to_weights"), BY_HAND)
def test_what_gradients_cost_by_hand(name, args, inputs, to_inputs, to_weights):
    assert backward(name, args, inputs) == (to_inputs, to_weights)


def test_what_is_inside_needs_gradients_where_the_input_needs_none():
    experts = ("MixtureOfExperts", {"num_experts": 4, "units": 6, "top_k": 2}, [(1, 2, 3)])
    assert backward(*experts, input_gradients=False)[0].macs == 2 * 2 * 18  # the experts' last projections
    recurrent = ("SimpleRNN", {"units": 3, "num_layers": 2, "return_sequences": True}, [(1, 4, 2)])
    assert backward(*recurrent, input_gradients=False)[0].macs == 4 * 9 + 2 * 3 * 9


def test_an_einsum_of_three_needs_the_first_products_gradient_for_some_only():
    products = single_layer("Einsum", {"equation": "bij,bjk,bkl->bil"}, [(1, 2, 3), (1, 3, 4), (1, 4, 5)])
    (node,) = products.graph.nodes
    call = products.call(node)
    last, first = call.backward(Run((False, False, True))), call.backward(Run((True, False, False)))
    assert (last.inputs.macs, first.inputs.macs) == (40, 24 + 40)


def test_attention_computes_the_gradients_that_are_wanted():
    shapes = [(1, 4, 6), (1, 5, 6), (1, 5, 6)]
    op = ops.find_operator("ScaledDotProductAttention")(position_biases=3)
    products = 4 * 5 * 6
    for wanted, biases, count in (
        ((True, False, False), False, 2),
        ((False, False, True), False, 1),
        ((False, False, False), True, 1),
        ((True, True, True), False, 4),
    ):
        found = op.backward(shapes, shapes[0], Run(wanted, biases, attention="eager"))
        assert found.inputs.macs == count * products
        assert found.weights.other == biases * 20
