"""Small networks of layers for images, whose figures were measured on PyTorch's meta device or with Keras."""

from typing import Any

import pytest

import archinspect
from archinspect.analyses import memory

# Layers, the input's shape, the layout, and figures: params, macs, output, peak and kept bytes of one sample.
MEASURED: dict[str, Any] = {
    "half the size": (
        [{"Conv2d": {"out_channels": 16, "kernel_size": 3, "padding": 1}}, {"Upsample": {"scale_factor": 0.5}}],
        ([3, 75, 50], "channels_first"),
        {"params": 448, "macs": 1_620_000, "output": (16, 37, 25), "peak": 344_200, "kept": 45_000},
    ),
    "what Keras counts, which is the layer's weights, too": (
        ["Normalization", {"Dense": 1}],
        ([9], "channels_last"),
        {"params": 29, "output": (1,)},
    ),
    "kernels of a length and a direction": (
        [
            {"WeightNorm": {"layer": {"Conv1d": {"out_channels": 512, "kernel_size": 7, "padding": 3}}}},
            {"LeakyReLU": {"negative_slope": 0.1, "inplace": False}},
            {
                "WeightNorm": {
                    "layer": {"ConvTranspose1d": {"out_channels": 256, "kernel_size": 16, "stride": 8, "padding": 4}}
                }
            },
        ],
        ([80, 32], "channels_first"),
        {"params": 2_385_664, "kept": 9_680_896},
    ),
    "taps that another layer moves": (
        [
            {"Conv2d": {"out_channels": 18, "kernel_size": 3, "padding": 1}, "name": "offset"},
            {"DeformConv2d": {"out_channels": 64, "kernel_size": 3, "padding": 1}, "from": ["input", "offset"]},
        ],
        ([64, 64, 64], "channels_first"),
        {"params": 47_314, "macs": 193_462_272, "output": (64, 64, 64)},
    ),
    "a film": (
        [{"ConvLSTM2D": {"filters": 8, "kernel_size": 3}}],
        ([5, 32, 32, 3], "channels_last"),
        {"params": 3200, "output": (30, 30, 8)},
    ),
    "a padded copy": (
        [{"Conv2d": {"out_channels": 8, "kernel_size": 3, "padding": 1, "padding_mode": "reflect"}}],
        ([3, 32, 32], "channels_first"),
        {"params": 224, "macs": 221_184, "output": (8, 32, 32), "peak": 58_928, "kept": 13_872},
    ),
}


@pytest.mark.parametrize("name", MEASURED)
def test_a_small_network_has_the_measured_figures(name):
    layers, (shape, layout), expected = MEASURED[name]
    net = archinspect.network({"input": shape, "layout": layout, "layers": layers})
    totals = net.report().totals
    found = {
        "params": totals.params,
        "macs": totals.macs,
        "output": net.facts.shape(net.graph.outputs[0])[1:],
        "peak": memory.peak(net.facts).bytes,
        "kept": memory.kept(net.facts).total,
    }
    assert {name: found[name] for name in expected} == expected
