"""Measure what is alive, and kept for backward, where products read tensors out of order; write it beside this file.

Run by hand, in an environment with torch:

    PYTHONPATH=. python tests/truth/measure_orders.py

Each network is built from what `archinspect export --to pytorch` writes, on meta tensors.
"""

import json
from pathlib import Path

import torch
from measure_autocast import model_of
from storages import Alive, constants, kept_for_backward

HERE = Path(__file__).parent
TURN, LINEAR, TWO = {"Permute": [2, 1]}, {"Linear": 5}, {"Add": [[{"Linear": 5}], [{"Linear": 5}]]}
MODULE = {"MultiheadAttention": {"embed_dim": 12, "num_heads": 4}}
CUT = {"Slice": {"start": 1}}
NETWORKS = {
    "turned": [{"Linear": 12}, TURN, LINEAR],
    "turned without bias": [{"Linear": 12}, TURN, {"Linear": {"units": 5, "bias": False}}],
    "turned twice": [{"Linear": 12}, "Tanh", TURN, TURN, LINEAR],
    "turned, function": [{"Linear": 12}, TURN, "Tanh", LINEAR],
    "turned, read twice": [{"Linear": 12}, TURN, TWO],
    "function, turned": [{"Linear": 12}, "Tanh", TURN, LINEAR],
    "turned, norm": [{"Linear": 12}, TURN, "Tanh", "nn.LayerNorm", LINEAR],
    "turned, dropout": [{"Linear": 12}, TURN, {"Dropout": 0.1}, "Tanh", LINEAR],
    "turned, sum": [{"Linear": 12}, TURN, {"Add": [[], [{"Rescaling": 2}]]}, "Tanh", LINEAR],
    "module": [MODULE, LINEAR],
    "module, function": [MODULE, "Sigmoid", LINEAR],
    "module, softmax": [MODULE, "Softmax", LINEAR],
    "module, read twice": [MODULE, TWO],
    "module, function, module": [MODULE, "Tanh", MODULE],
    "module, function, flat": [MODULE, "Tanh", "Flatten", LINEAR],
    "module, norm": [MODULE, "nn.LayerNorm", TWO],
    "cut": [{"Linear": 12}, CUT, LINEAR],
    "function, cut": [{"Linear": 12}, "Tanh", CUT, LINEAR],
    "cut, function": [{"Linear": 12}, "Tanh", CUT, "Tanh", LINEAR],
    "features cut": [{"Linear": 12}, "Tanh", {"Slice": {"start": 1, "axis": -1}}, TWO],
}


def measure(spec, batch):
    """Return the bytes that backward keeps, and the most that are alive at inference."""
    with torch.device("meta"):
        model, given = model_of(spec), torch.zeros(batch, *spec["input"])
    kept = kept_for_backward(constants(model), lambda: model(given))
    alive = Alive([*constants(model), given])
    model.eval()
    with torch.no_grad(), alive:
        model(given.clone())
    return {"kept": kept, "peak": alive.peak}


def main():
    """Write the file."""
    specs = {name: {"input": [10, 12], "layers": layers} for name, layers in NETWORKS.items()}
    rows = [
        {"name": name, "batch": batch, **measure(spec, batch), "spec": spec}
        for name, spec in specs.items()
        for batch in (1, 3)
    ]
    version = torch.__version__.partition("+")[0]
    lines = ",\n".join(json.dumps(row) for row in rows)
    (HERE / "orders.json").write_text(f'{{"measured_with": {{"torch": "{version}"}},\n"rows": [\n{lines}\n]}}\n')


if __name__ == "__main__":
    main()
