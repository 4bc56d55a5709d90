"""What backward keeps of every operator, against what PyTorch keeps; what it needs at inference, and in place."""

import json
from pathlib import Path

import pytest
from input_types import input_types
from small import single_layer

from archinspect.analyses import memory
from archinspect.ops.figures import ATTENTION

TRUTH = Path(__file__).parents[1] / "truth"
ROWS = [
    row
    for row in json.loads((TRUTH / "ops_torch.json").read_text(encoding="utf-8"))["rows"]
    if row["output"] is not None
]


def measured(row):
    """Yield a row's inputs with what is measured of them, at its own batch, of one sample and of three."""
    samples = max((shape[0] for shape in row["inputs"]), default=0)
    shared = [type_.shared for type_ in input_types(row["op"], len(row["inputs"]))]
    yield row["inputs"], row
    for batch, figures in row.get("batches", {}).items():
        shapes = [
            shape if same or shape[0] != samples else [int(batch), *shape[1:]]
            for shape, same in zip(row["inputs"], shared, strict=True)
        ]
        yield shapes, figures


@pytest.mark.parametrize("row", ROWS, ids=[f"{i}-{row['op']}" for i, row in enumerate(ROWS)])
def test_backward_keeps_what_pytorch_keeps(row):
    for inputs, figures in measured(row):
        graph = single_layer(row["op"], row["args"], inputs)
        assert memory.kept(graph, attention="math", input_gradients=True).total == figures["kept"]


@pytest.mark.parametrize("row", ROWS, ids=[f"{i}-{row['op']}" for i, row in enumerate(ROWS)])
def test_as_much_is_alive_as_in_pytorch(row):
    for inputs, figures in measured(row):
        graph = single_layer(row["op"], row["args"], inputs)
        # torchvision's kernel samples boxes; PyTorch's functions instead of it are as attention that is written out.
        peak = memory.peak(graph, attention="fused" if row["op"] == "RoIAlign" else "math")
        found = peak.bytes - sum(one.bytes for one in peak.alive if one.layer.startswith("input"))
        assert found - beyond(row, figures) == figures["alive"]


def beyond(row, figures):
    """Return the bytes that are predicted beyond those that PyTorch has alive on the meta device."""
    args = row["args"]
    if args.get("inplace") and "Dropout" not in row["op"]:
        return figures["kept"]  # no network overwrites its input
    if args.get("momentum", 0) is None:
        return 2 * 4 * 6  # measured on the CPU, which needs no statistics at inference
    if row["op"] == "ScaledDotProductAttention" and args.get("window") and args.get("causal"):
        steps = row["inputs"][0][1]
        return 4 * steps * steps  # the measured program has its mask once, not in each pass
    return 0


@pytest.mark.parametrize(
    ("name", "args", "same", "same_args", "inputs"),
    [
        (
            *("TimeDistributed", {"layer": {"Dense": {"units": 4, "activation": "tanh"}}}),
            *("Dense", {"units": 4, "activation": "tanh"}, [[2, 5, 3]]),
        ),
        ("TimeDistributed", {"layer": "LayerNormalization"}, "LayerNormalization", {}, [[2, 5, 3]]),
        ("TimeDistributed", {"layer": {"Permute": [2, 1]}}, "Permute", {"dims": [1, 3, 2]}, [[2, 5, 3, 4]]),
        (
            *("Bidirectional", {"layer": {"LSTM": {"units": 4, "return_sequences": True}}}),
            *("LSTM", {"units": 4, "return_sequences": True, "bidirectional": True}, [[2, 5, 3]]),
        ),
        ("EinsumDense", {"equation": "abc,cd->abd", "output_shape": [None, 4]}, "Dense", {"units": 4}, [[2, 5, 3]]),
    ],
)
def test_layers_that_are_others_keep_as_much(name, args, same, same_args, inputs):
    found, expected = single_layer(name, args, inputs), single_layer(same, same_args, inputs)
    assert memory.kept(found, input_gradients=True).total == memory.kept(expected, input_gradients=True).total
    if name != "Bidirectional":  # which has an output for each way before they are joined
        assert memory.peak(found).bytes == memory.peak(expected).bytes


def test_a_product_of_both_ways_keeps_both():
    layer = {"GRU": {"units": 4, "return_sequences": True}}
    total, product = (
        memory.kept(single_layer("Bidirectional", {"layer": layer, "merge_mode": mode}, [[2, 5, 3]])).total
        for mode in ("sum", "mul")
    )
    assert product == total + 2 * (2 * 5 * 4) * 4


def test_einsum_dense_keeps_what_must_be_brought_together():
    """Its input is kept as a copy, and its bias is added to a product of its own."""
    args = {"equation": "abcd,bde->ace", "output_shape": [None, 7]}
    graph = single_layer("EinsumDense", args, [[2, 3, 5, 4]])
    assert memory.kept(graph).layers == {"EinsumDense": 2 * 3 * 5 * 4 * 4}
    plain, biased = (
        memory.peak(single_layer("EinsumDense", {**args, "bias_axes": axes}, [[2, 1, 5, 4]])).bytes
        for axes in (None, "e")
    )
    assert biased == plain + 2 * 5 * 7 * 4


@pytest.mark.parametrize(
    ("args", "added"),
    [
        ({"position_biases": 9}, (2, 2)),
        ({"shared_position_biases": True}, (2, 2)),
        ({"masked": True}, (3, 0)),
        ({"position_biases": 9, "masked": True}, (2 + 3, 2 * 3)),
    ],
)
@pytest.mark.parametrize("attention", ATTENTION)
def test_what_is_added_to_scores_is_alive(args, added, attention):
    """Biases of two heads, a mask of three windows, a constant; a function takes their sum."""
    nothing: dict = {}
    plain, more = (
        memory.peak(single_layer("SDPA", {"num_heads": 2, **given}, [[7, 3, 5, 8]]), attention=attention).bytes
        for given in (nothing, args)
    )
    assert more == plain + 4 * 5 * 5 * added[attention != "eager"]
