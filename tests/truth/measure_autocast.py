"""Measure what backward keeps under `torch.autocast`, and write it beside this file.

Run by hand, in an environment with torch:

    PYTHONPATH=. python tests/truth/measure_autocast.py

Each network is built from what `archinspect export --to pytorch` writes, and runs on a CPU, in bfloat16. They are
networks in which the lists of operators of CPU and CUDA agree, or of which what CUDA computes in float32 is cast to it
here, before PyTorch sees it. Recurrent layers run step by step, as where no library
has a kernel for them. `autocast.json` has the bytes by network and batch.
"""

# ruff: noqa: S102 - the program is our own

import json
import warnings
from contextlib import nullcontext
from pathlib import Path

import torch
from mixture import MixtureOfExperts
from storages import constants, kept_for_backward
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map

import archinspect

HERE = Path(__file__).parent
FLOAT32 = frozenset(
    (
        *("acos", "asin", "cosh", "cumprod", "cumsum", "exp", "expm1", "group_norm", "interpolate", "layer_norm"),
        *(
            "linalg_vector_norm",
            "log",
            "log10",
            "log1p",
            "log2",
            "log_softmax",
            "logsumexp",
            "norm",
            "normalize",
            "pow",
        ),
        *("prod", "reciprocal", "rms_norm", "rsqrt", "sinh", "softmax", "softplus", "square", "sum", "tan"),
    )
)
"""What CUDA computes in float32, by the names of PyTorch's functions (autocast_mode.h in ATen)."""
WIDEST = frozenset(("grid_sample",))
"""What CUDA computes in the widest type that it reads, and a CPU in float32."""
FUNCTIONS = (
    *("LayerNorm", "RMSNorm", "UnitNormalization", "Softmax", "LogSoftmax", "Softplus", "Exponential", "Expm1"),
    *("Log", "Log1p", "Log2", "Log10", "Tan", "Asin", "Acos", "Sinh", "Cosh", {"Power": 3}, "Square", "Rsqrt"),
    *("Reciprocal", {"CumSum": {"axis": 1}}, {"CumProd": {"axis": 1}}, {"ReduceL1": {"axis": [1], "keepdims": True}}),
    *({f"Reduce{name}": {"axis": [-1], "keepdims": True}} for name in ("Sum", "Prod", "L2", "LogSumExp")),
)
OTHERS = (
    *(
        "Sqrt",
        "Sin",
        "Erf",
        "nn.PReLU",
        "nn.ELU",
        "nn.SELU",
        "QuickGELU",
        "nn.SiLU",
        "Mish",
        "Softsign",
        "GLU",
        "LayerScale",
    ),
    *({"WeightNorm": {"layer": {"Linear": 4}}}, {"SpectralNorm": {"layer": {"Linear": 4}}}, {"Dropout": 0.5}),
)
ON_MAPS = (
    *(
        {"GroupNorm": {"num_groups": 2}},
        "GlobalResponseNormalization",
        {"AvgPool2d": 2},
        {"Dropout2d": 0.4},
        "nn.PReLU",
    ),
    *({"Upsample": {"scale_factor": 2, "mode": mode}} for mode in ("nearest", "bilinear", "bicubic")),
    *({name: {"layer": {"Conv2d": {"out_channels": 3, "kernel_size": 3}}}} for name in ("WeightNorm", "SpectralNorm")),
    {"WeightStandardization": {"layer": {"Conv2d": {"out_channels": 3, "kernel_size": 3}}}},
)
ATTENTION = {"MultiHeadAttention": {"num_heads": 4, "embed_dim": 32, "causal": True, "use_bias": False}}
NETWORKS = {
    "multi-layer perceptrons": {
        "input": [32, 64],
        "blocks": {"mlp": {"layers": [{"Add": [[], ["LayerNorm", {"Linear": 256}, "GELU", {"Linear": 64}]]}]}},
        "layers": [{"mlp": None, "repeat": 4}],
    },
    "convolutions": {
        "input": [3, 16, 16],
        "layout": "channels_first",
        "layers": [
            {"Conv2d": {"out_channels": 8, "kernel_size": 3, "bias": False}},
            "BatchNorm2d",
            "ReLU",
            {"Conv2d": {"out_channels": 8, "kernel_size": 3}},
            "ReLU",
            {"MaxPool2d": 2},
            "Flatten",
            {"Linear": 10},
        ],
    },
    "activations": {
        "input": [3, 16, 16],
        "layout": "channels_first",
        "layers": [
            {"Conv2d": {"out_channels": 8, "kernel_size": 3}},
            "Sigmoid",
            {"Conv2d": {"out_channels": 8, "kernel_size": 3}},
            "SiLU",
            {"Concatenate": [[{"Conv2d": {"out_channels": 8, "kernel_size": 1}}], []]},
            "GlobalAvgPool2d",
            {"Linear": 10},
            "Tanh",
            {"Linear": 10},
        ],
    },
    "a transformer": {
        "input": [10, 32],
        "layers": [
            {"Add": [[], ["LayerNorm", ATTENTION]]},
            {"Add": [[], ["LayerNorm", {"Linear": 64}, "GELU", {"Linear": 32}]]},
            {"Linear": 5},
        ],
    },
    "gated units": {
        "input": [10, 32],
        "layers": [
            {
                "Add": [
                    [],
                    [
                        "RMSNorm",
                        {"Multiply": [{"Linear": {"units": 48, "activation": "silu"}}, {"Linear": 48}]},
                        {"Linear": 32},
                    ],
                ]
            },
            {"Linear": 5},
        ],
    },
    "attention by itself": {
        "input": [10, 32],
        "layers": [{"MultiHeadAttention": {"num_heads": 4, "key_dim": 8, "causal": True}}, {"Linear": 5}],
    },
    "frozen weights": {
        "input": [10, 32],
        "layers": [{"Linear": 16, "trainable": False}, {"Linear": 8}, {"Linear": 16, "trainable": False}, "Tanh"],
    },
    "recurrence": {
        "input": [3, 16],
        "layers": [
            {"nn.GRU": {"hidden_size": 8, "num_layers": 2, "bidirectional": True}},
            {"nn.LSTM": {"hidden_size": 8, "num_layers": 2, "dropout": 0.5}},
            {"nn.RNN": 8},
            {"LSTM": 4},
        ],
    },
    "recurrence of what is cast": {
        "input": [3, 16],
        "layers": [
            {"Linear": 16},
            {"nn.LSTM": {"hidden_size": 8, "proj_size": 4, "num_layers": 2, "dropout": 0.5}},
            {"nn.GRU": 8},
            {"nn.LSTM": 8},
            {"nn.RNN": {"hidden_size": 8, "num_layers": 2, "dropout": 0.5}},
            {"Linear": 4},
        ],
    },
    "recurrence by projections": {
        "input": [3, 16],
        "layers": [
            {"nn.LSTM": {"hidden_size": 8, "proj_size": 4, "bidirectional": True}},
            {"nn.LSTM": {"hidden_size": 8, "proj_size": 4, "num_layers": 2, "dropout": 0.5}},
        ],
    },
    "frozen recurrence": {
        "input": [3, 16],
        "layers": [
            {"nn.GRU": 8},
            {"nn.LSTM": 8, "trainable": False},
            {"nn.GRU": {"hidden_size": 8, "num_layers": 2}, "trainable": False},
            {"Bidirectional": {"layer": {"nn.LSTM": 8}}, "trainable": False},
            {"nn.LSTM": {"hidden_size": 8, "proj_size": 4}, "trainable": False},
            {"nn.RNN": 8, "trainable": False},
            {"Linear": 4},
        ],
    },
    "recurrence of one step": {
        "input": [1, 16],
        "layers": [{"nn.LSTM": 8}, {"nn.GRU": 8}, {"nn.RNN": 8}, {"Linear": 4}],
    },
    "recurrent states": {
        "input": [3, 16],
        "layers": [
            {"nn.LSTM": {"hidden_size": 8, "return_state": True}, "name": "encoder"},
            {"nn.LSTM": {"hidden_size": 8}, "name": "decoder", "from": ["input", "encoder.1", "encoder.2"]},
            {"nn.GRU": {"hidden_size": 8, "return_state": True}, "name": "gru"},
            {"nn.GRU": {"hidden_size": 8}, "from": ["encoder", "gru.1"]},
            {"Linear": 4},
        ],
    },
    "recurrent cells": {
        "input": [16],
        "layers": [
            {"nn.LSTMCell": 8, "name": "first"},
            {"nn.LSTMCell": 8, "name": "second", "from": ["input", "first", "first.1"]},
            {"nn.GRUCell": 8, "name": "third"},
            {"nn.GRUCell": 8, "from": ["second", "third"]},
            {"nn.RNNCell": 8},
            {"Linear": 4},
        ],
    },
    "what CUDA computes in float32": {
        "input": [6, 16],
        "layers": [step for function in FUNCTIONS for step in ({"Linear": 16}, function, "GELU")],
    },
    "what it does not": {"input": [6, 16], "layers": [step for other in OTHERS for step in ({"Linear": 16}, other)]},
    "both of maps": {
        "input": [3, 32, 32],
        "layout": "channels_first",
        "layers": [
            step
            for layer in ON_MAPS
            for step in ({"Conv2d": {"out_channels": 4, "kernel_size": 3, "padding": 1}}, layer, "GELU")
        ],
    },
    "shared weights": {
        "input": [10, 32],
        "layers": [{"Linear": 32, "name": "one"}, "Tanh", {"Linear": 32, "name": "two", "weights": "one"}],
    },
    "products by what all samples share": {
        "input": [6, 16],
        "layers": [
            {"GRU": {"units": 8, "return_sequences": True}},
            {"TimeDistributed": {"layer": {"Dense": 8}}, "name": "x"},
            {"Parameter": [3, 6], "name": "rows"},
            {"MatMul": None, "from": ["rows", "x"], "name": "mixed"},
            {"Parameter": [8, 5], "name": "columns"},
            {"Einsum": "bjk,kl->bjl", "from": ["mixed", "columns"]},
            {"Linear": 4},
        ],
    },
}

SCALES = {"LayerNorm": None}
"""What makes float32 of what is in 16 bits."""
EXPERTS = (
    *({}, {"shared_experts": 2, "top_k": 1}, {"gated": False, "activation": "relu"}),
    *({"scoring": "sigmoid", "score_bias": True}, {"use_bias": True, "limit": 3.0}, {"scoring": "softmax_of_chosen"}),
)
LOOPS = {
    "selective scans": {
        "input": [7, 16],
        "layers": [
            {"Linear": 16, "name": "x"},
            {"Linear": 16, "name": "delta"},
            {"Parameter": {"shape": [16, 4]}, "name": "A"},
            {"Linear": 4, "name": "B", "from": "x"},
            {"Linear": 4, "name": "C", "from": "x"},
            {"Parameter": {"shape": [16]}, "name": "D"},
            {"SelectiveScan": None, "from": ["x", "delta", "A", "B", "C", "D"], "name": "first"},
            {**SCALES, "name": "scaled"},
            {"SelectiveScan": None, "from": ["scaled", "delta", "A", "B", "C"]},
            {"Linear": 4},
        ],
    },
    "linear attention": {
        "input": [7, 16],
        "layers": [
            {"Linear": 16, "name": "x"},
            {**SCALES, "name": "scaled"},
            {"Linear": 2, "name": "decay", "from": "x"},
            {"Parameter": {"shape": [16]}, "name": "bonus"},
            {"LinearAttention": {"num_heads": 2}, "from": ["x", "scaled", "x"], "name": "first"},
            {"LinearAttention": {"num_heads": 2}, "from": ["first", "x", "scaled", "decay"], "name": "second"},
            {"LinearAttention": {"num_heads": 2}, "from": ["second", "x", "x", "scaled", "bonus"], "name": "third"},
            {"Linear": 8, "name": "narrow"},
            {"LinearAttention": {"num_heads": 4, "groups": 2}, "from": ["narrow", "narrow", "x"]},
            {"Linear": 4},
        ],
    },
    "delta rules": {
        "input": [7, 16],
        "layers": [
            {"Linear": 16, "name": "x"},
            {**SCALES, "name": "scaled"},
            {"Linear": 2, "name": "beta", "from": "x"},
            {"DeltaRule": {"num_heads": 2}, "from": ["x", "scaled", "x", "beta"], "name": "first"},
            {"DeltaRule": {"num_heads": 2}, "from": ["first", "x", "scaled", "beta", "x"], "name": "second"},
            {"GeneralizedDeltaRule": {"num_heads": 2}, "from": ["second", "x", "x", "scaled", "x", "scaled"]},
            {"Linear": 4},
        ],
    },
    "memories with gates": {
        "input": [7, 16],
        "layers": [
            {"Linear": 16, "name": "x"},
            {"Linear": 2, "name": "entry", "from": "x"},
            {"Linear": 2, "name": "forget", "from": "x"},
            {"MLSTM": {"num_heads": 2}, "from": ["x", "x", "x", "entry", "forget"], "name": "first"},
            {**SCALES, "name": "scaled"},
            {"MLSTM": {"num_heads": 2}, "from": ["x", "scaled", "scaled", "entry", "forget"]},
            {"SLSTM": {"units": 4}, "name": "value"},
            {"Linear": 16},
            SCALES,
            {"SLSTM": {"units": 4, "num_heads": 2, "use_bias": False}, "name": "weight"},
            {"Parameter": {"shape": [4]}, "name": "decay"},
            {"Parameter": {"shape": [4]}, "name": "bonus"},
            {"WKV": None, "from": ["weight", "value", "decay", "bonus"]},
            {"Linear": 4, "name": "key"},
            {"WKV": None, "from": ["key", "key", "decay", "bonus"]},
            {"Linear": 16},
            {"SLSTM": {"units": 4}, "trainable": False},
        ],
    },
    "recurrence over maps": {
        "input": [3, 6, 6, 2],
        "layers": [
            {
                "ConvLSTM2D": {
                    "filters": 4,
                    "kernel_size": 2,
                    "padding": "same",
                    "return_sequences": True,
                    "return_state": True,
                },
                "name": "first",
            },
            {**SCALES, "name": "scaled"},
            {
                "ConvLSTM2D": {"filters": 4, "kernel_size": 3, "padding": "same", "return_sequences": True},
                "from": ["scaled", "first.1", "first.2"],
            },
            {"ConvLSTM2D": {"filters": 4, "kernel_size": 3, "strides": 2}, "trainable": False},
            {"Conv2D": {"filters": 4, "kernel_size": 1}},
        ],
    },
    "attention to places": {
        "input": [20, 16],
        "layers": [
            {"Linear": 16, "name": "x"},
            {"Linear": 64, "from": "input"},
            {"Reshape": [20, 2, 2, 4, 4]},
            {"Slice": {"axis": -1, "start": 0, "stop": 2}, "name": "points"},
            {"Linear": 16, "from": "input"},
            {"Reshape": [20, 2, 2, 4], "name": "scores"},
            {"Softmax": None, "name": "shares"},
            {"DeformableAttention": {"heights": [4, 2]}, "from": ["x", "points", "shares"]},
            {**SCALES, "name": "scaled"},
            {"DeformableAttention": {"heights": [4, 2]}, "from": ["scaled", "points", "scores"]},
            {"Linear": 16, "name": "query"},
            {"Attention": {"use_scale": True}, "from": ["query", "x"]},
            {"AdditiveAttention": None, "from": ["attention", "x"]},
            {"Linear": 4},
        ],
    },
    "mixtures of experts": {
        "input": [200, 16],
        "layers": [
            {"Add": [[{"MixtureOfExperts": {"num_experts": 4, "units": 8, **more}}] for more in EXPERTS]},
            {"Linear": 16},
            {"MixtureOfExperts": {"num_experts": 4, "units": 8}, "trainable": False},
            SCALES,
            {"Add": [[{"MixtureOfExperts": {"num_experts": 4, "units": 8, **more}}] for more in EXPERTS]},
        ],
    },
}
"""Networks of loops over steps, which are libraries' kernels unless attention is `math`."""
PLACES = [
    {"num_experts": 4, "units": 8, "capacity_factor": 1.25, **more}
    for more in ({}, {"shared_experts": 2}, {"top_k": 1, "scoring": "sigmoid"})
]
"""Experts that have places for some steps, of which no program is exported."""


class AsOnCUDA(TorchFunctionMode):
    """Has functions compute in float32 that do so on CUDA, and not on a CPU."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        name = getattr(function, "__name__", "")
        tensors = [value for value in args if isinstance(value, torch.Tensor)]
        widest = name in WIDEST and any(value.dtype is torch.float32 for value in tensors)
        if name in FLOAT32 or widest:
            args, kwargs = tree_map(
                lambda value: value.float() if getattr(value, "dtype", None) is torch.bfloat16 else value,
                (args, kwargs),
            )
        with torch.autocast("cpu", enabled=False) if name in WIDEST else nullcontext():
            return function(*args, **(kwargs or {}))


def model_of(spec):
    """Return the network as a module in training, with what its spec freezes frozen."""
    scope = {"__name__": "made"}
    exec(archinspect.network(spec).export("pytorch"), scope)
    kinds = [kind for kind in scope.values() if isinstance(kind, type) and kind.__module__ == "made"]
    return kinds[-1]().train()


def measure(spec, batch):
    """Return the bytes of the storages that backward keeps."""
    torch.manual_seed(0)  # steps choose experts, all of which shall be chosen
    return kept_by(model_of(spec), torch.randn(batch, *spec["input"]))


def by_places(sizes):
    """Return a network of experts with places between dense layers, as a spec and as a module in training."""
    spec = {"input": [12, 16], "layers": [{"Linear": 16}, {"MixtureOfExperts": sizes}, {"Linear": 4}]}
    return spec, nn.Sequential(nn.Linear(16, 16), MixtureOfExperts(16, **sizes), nn.Linear(16, 4)).train()


def kept_by(model, given):
    """Return the bytes of the storages that backward keeps of a module."""

    def run():
        with torch.autocast("cpu", dtype=torch.bfloat16), AsOnCUDA():
            model(given)

    return kept_for_backward(constants(model), run)


def main():
    """Write the file."""
    warnings.simplefilter("ignore")
    torch.backends.mkldnn.enabled = False
    rows = [
        {"name": name, "batch": batch, "kept": measure(spec, batch), "attention": attention, "spec": spec}
        for attention, networks in (("fused", NETWORKS), ("math", LOOPS))
        for name, spec in networks.items()
        for batch in (1, 3, 4)
    ]
    for number, (spec, model) in enumerate(map(by_places, PLACES)):
        for batch in (1, 3):
            kept = kept_by(model, torch.randn(batch, 12, 16))
            named = {"name": f"experts with places {number}", "batch": batch}
            rows.append({**named, "kept": kept, "attention": "fused", "spec": spec})
    version = torch.__version__.partition("+")[0]
    lines = ",\n".join(json.dumps(row) for row in rows)
    (HERE / "autocast.json").write_text(f'{{"measured_with": {{"torch": "{version}"}},\n"rows": [\n{lines}\n]}}\n')


if __name__ == "__main__":
    main()
