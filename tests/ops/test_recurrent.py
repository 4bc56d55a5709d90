"""Recurrent layers at sizes and in combinations that no row of one layer has."""

import pytest
from small import small

from archinspect.analyses import memory
from archinspect.conventions import counted_by

PROJECTED = {
    "LSTM": {
        "units": 64,
        "proj_size": 16,
        "num_layers": 2,
        "bidirectional": True,
        "return_sequences": True,
        "biases": 2,
    }
}
CLASSIFIER = [
    {"Embedding": {"input_dim": 20_000, "output_dim": 128}},
    {"LSTM": {"units": 128, "num_layers": 2, "bidirectional": True, "biases": 2, "return_sequences": True}},
    {"Select": -1},
    {"Dense": 2},
]


@pytest.mark.parametrize(
    ("layers", "given", "peak"),
    [([PROJECTED], [7, 32], 7_552), (CLASSIFIER, {"shape": [256], "dtype": "int64"}, 1_188_864)],
)
def test_as_much_is_alive_as_in_pytorch(layers, given, peak):
    """PyTorch 2.13 on the meta device, a sample, the input included."""
    assert memory.peak(small(*layers, input=given)).bytes == peak


@pytest.mark.parametrize(
    ("tool", "figures"),
    [
        ("torchinfo", {"macs": 387_072, "memory": 1_792}),
        ("thop", {"macs": 1_060_864}),
        ("ptflops", {"macs": 376_320}),
        ("calflops", {"macs": 0, "flops": 706_048}),
    ],
)
def test_tools_count_an_output_that_is_projected_in_their_ways(tool, figures):
    """What the tools print; none counts the projection, and one has none in the sums of the gates either."""
    counted = counted_by(small(PROJECTED, input=[7, 32]), tool).values()
    assert {name: sum(one.figures[name] for one in counted) for name in figures} == figures


CELLS = {
    "RNNCell": {"torchinfo": (1_024, 64), "thop": (136,), "ptflops": (136,), "calflops": (0, 232)},
    "LSTMCell": {"torchinfo": (4_096, 64), "thop": (576,), "ptflops": (592,), "calflops": (0, 976)},
    "GRUCell": {"torchinfo": (3_072, 64), "thop": (440,), "ptflops": (440,), "calflops": (0, 728)},
}


@pytest.mark.parametrize(("cell", "tool"), [(cell, tool) for cell, tools in CELLS.items() for tool in tools])
def test_tools_count_cells_in_their_ways(cell, tool):
    """What the tools print of PyTorch's cells, 6 features and 8 units."""
    args = {"units": 8} if cell == "GRUCell" else {"units": 8, "biases": 2}
    (counted,) = counted_by(small({cell: args}, input=[6]), tool).values()
    assert tuple(counted.figures.values()) == CELLS[cell][tool]
