"""Random networks, measured by PyTorch. `tests/random_networks.py --against pytorch` makes many more."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import yaml

pytest.importorskip("torch")

from networks.generate import make
from networks.measured import differences

import archinspect
from archinspect import verify

SEED = 11
SAMPLE = 300
FOUND = sorted((Path(__file__).parents[1] / "networks" / "found").glob("*.yaml"))


@pytest.mark.parametrize("start", range(0, SAMPLE, 25))
def test_what_archinspect_says_is_what_pytorch_measures(start):
    found = {number: list(differences(make(SEED, number), "pytorch")) for number in range(start, start + 25)}
    assert {number: some for number, some in found.items() if some} == {}


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.stem)
def test_what_was_once_wrong_is_right(path):
    assert list(differences(yaml.safe_load(path.read_text(encoding="utf-8")), "pytorch")) == []


FIVE = {"Input": {"shape": [3, 5]}}
HELD = {
    "a slope for each element keeps no mask": [{"Input": {"shape": [2, 3, 4]}}, "PReLU", {"Dense": 3}],
    "a result that nothing reads": [
        {"Input": {"shape": [1, 1, 1], "name": "n0"}},
        {"Input": {"shape": 1}},
        "FrozenBatchNormalization",
        {"Conv2DTranspose": {"filters": 1, "kernel_size": 2}, "from": "n0"},
    ],
    "a view that leaves nothing out": [FIVE, {"Slice": {"axis": 2}}, {"Reshape": [5, 3]}],
    "axes that are turned back": [FIVE, {"Permute": [2, 1]}, {"Permute": [2, 1]}, "Flatten"],
    "a function of what is turned": [FIVE, {"Permute": [2, 1]}, "Tanh", "Flatten"],
    "channels before the steps": [FIVE, {"Conv1D": {"filters": 4, "kernel_size": 2}}, "Flatten"],
    "channels of a map after the positions": [{"Input": {"shape": [4, 4, 2]}}, "InstanceNormalization"],
    "channels that are another axis": [{"Input": {"shape": [2, 2, 1]}}, {"InstanceNormalization": {"axis": 2}}],
    "a matrix of a frozen kernel": [
        *({"Input": {"shape": [2, 2, 8]}}, {"Permute": [1, 3, 2]}),
        {"Dense": 1, "trainable": False},
    ],
    "a matrix of a kernel that is made": [
        *({"Input": {"shape": [2, 6, 8]}}, {"Permute": [2, 1, 3]}),
        {"WeightNorm": {"layer": {"Dense": 3}}},
    ],
    "a kernel of longer vectors than its output": [{"Input": {"shape": 8}}, {"SpectralNorm": {"layer": {"Dense": 3}}}],
    "a kernel whose rows are not its first axis": [
        {"Input": {"shape": [1, 1, 64]}},
        {"SpectralNorm": {"layer": {"Conv2DTranspose": {"filters": 3, "kernel_size": 2}}}},
    ],
    "a kernel of turned norms": [
        *({"Input": {"shape": [1, 1, 64]}}, "Sigmoid"),
        {"WeightNorm": {"layer": {"Conv2D": {"filters": 3, "kernel_size": 3, "padding": "same"}}, "dim": 2}},
    ],
    "pixels of one position": [{"Input": {"shape": [1, 2]}}, "Tanh", {"layers": ["GELU", {"PixelShuffle1D": 2}]}],
    "windows of a turned map": [{"Input": {"shape": [2, 2, 1]}}, {"Permute": [2, 1, 3]}, {"WindowPartition": 1}],
    "windows of a padded map whose channels are its rows": [
        *({"Input": {"shape": [1, 1, 2]}}, "Sigmoid", {"Permute": [3, 1, 2]}),
        *({"WindowPartition": 2}, "Identity"),
    ],
    "turned windows that are put together": [
        *({"Input": {"shape": [4, 4, 2]}}, "Sigmoid", {"Permute": [2, 1, 3]}),
        *({"WindowReverse": {"window_size": 2, "size": 4}}, "Flatten", {"Dense": 3}),
    ],
    "a part that is overwritten": [
        *({"Input": {"shape": [3, 3, 2]}}, "Sin", {"Cropping2D": [[0, 1], [0, 1]]}),
        *({"ReLU": {"in_place": True}}, "Flatten", {"Dense": 5}),
    ],
    "complex numbers of an equation without sums": [
        {"Input": {"shape": [1, 1, 1, 2]}},
        {"EinsumDense": {"equation": "bhijk,xi->bhjkx", "output_shape": [None, None, None, 2]}},
        "InverseRFFT",
    ],
    "a further step of attention in windows": [
        {"Input": {"shape": [2, 3, 4]}},
        {"MHA": {"num_heads": 1, "embed_dim": 4, "add_zero_attn": True}},
    ],
    "as many groups as experts": [
        {"Input": {"shape": 1}},
        {"MixtureOfExperts": {"num_experts": 8, "units": 1, "top_k": 1, "groups": 8}},
    ],
    "the two largest scores of each group of experts": [
        {"Input": {"shape": 1}},
        {"MixtureOfExperts": {"num_experts": 8, "units": 1, "top_k": 1, "groups": 4, "top_k_groups": 1}},
    ],
    "complex numbers that do not lie in pairs": [
        *({"Input": {"shape": [3, 2]}, "name": "map"}, {"RMSNormalization": 1}),
        *({"ComplexMultiply": None, "from": ["map", -1]}, "Sigmoid"),
    ],
    "a product of turned complex numbers": [
        *({"Input": {"shape": [3, 2, 2]}, "name": "map"}, "Sigmoid", {"Permute": [2, 1, 3], "name": "turned"}),
        *({"Input": {"shape": [2, 1, 2]}, "name": "by"}, {"LayerScale": None}),
        *({"ComplexMultiply": None, "from": ["turned", -1]}, "Flatten", {"Dense": 2}),
    ],
    "a single step with a bonus, which no decay reaches": [
        *({"Input": {"shape": [1, 6]}, "name": "q"}, {"Input": {"shape": [1, 5]}, "name": "v"}),
        *({"Parameter": {"shape": 1}, "name": "d"}, {"Constant": {"shape": 6}, "name": "b"}),
        *({"LinearAttention": {}, "from": ["q", "q", "v", "d", "b"]}, {"Input": {"shape": [5, 1]}, "name": "m"}),
        {"MatMul": None, "from": [-2, "m"]},
    ],
    "frozen slopes along several axes": [
        *({"Input": {"shape": [2, 2]}}, {"Dense": 2}, "RFFT", {"PReLU": {"shared_axes": 1}, "trainable": False}),
    ],
    "attention to the query, by its name and by its place": [
        {"Input": {"shape": [1, 4]}, "name": "x"},
        {"MultiHeadAttention": {"num_heads": 1, "embed_dim": 4}, "from": ["x", -1]},
    ],
    "one tensor put together, after its axes are turned": [
        *({"Input": {"shape": [1, 3, 1]}}, {"Transpose": {"dim0": 3, "dim1": 1}}),
        *({"layers": ["Concatenate"]}, {"WindowPartition": 2}),
    ],
    "windows of a map that is cut, read in the same line": [
        *({"Input": {"shape": [4, 4, 1]}}, {"WindowReverse": {"window_size": 2, "size": [1, 7]}}),
        {"WindowPartition": 2},
    ],
    "a product of tokens that samples share": [
        *({"Input": {"shape": 2}}, {"LearnedTokens": 2}),
        {"EinsumDense": {"equation": "b...h,hx->b...x", "output_shape": 1}},
    ],
    "transforms of tokens that samples share": [
        *({"Input": {"shape": 2}}, {"LearnedTokens": 2}, "FFT"),
        *({"LearnedTokens": 2}, "RFFT", {"Dense": 2}),
    ],
    "what all samples share stays so in the size of another": [
        *({"Input": {"shape": [4, 4, 3]}, "name": "map"}, {"Parameter": {"shape": [2, 2, 5]}, "name": "small"}),
        *({"ResizeLike": None, "from": ["small", "map"]}, {"Dense": 2}),
        *({"Parameter": {"shape": [16, 3]}, "name": "flat"}, {"ReshapeLike": None, "from": ["flat", "map"]}),
        {"Add": ["map", []]},
    ],
    "sums along an axis that is not the last": [
        *({"Input": {"shape": [3, 2]}, "name": "first"}, {"Parameter": {"shape": [1, 3]}, "name": "second"}),
        *({"Dot": {"axes": [1, 2]}, "from": ["first", "second"]}, {"Dense": 2}),
    ],
    "sums of what is scaled to length one": [
        *({"Input": {"shape": 8}, "name": "first"}, {"Parameter": {"shape": 8}, "name": "second"}),
        *({"Dot": {"axes": 1, "normalize": True}, "from": ["first", "second"]}, {"Dense": 2}),
    ],
    "a matrix that is none in memory": [FIVE, {"Permute": [2, 1]}, {"Dense": 3}],
    "several axes that are not next to each other": [{"Input": {"shape": [2, 3, 2]}}, {"LogSoftmax": [1, 3]}],
    "several axes that are": [FIVE, "BatchNormalization", {"LogSoftmax": [1, 2]}],
    "a mean square of what is turned": [
        FIVE,
        {"Conv1D": {"filters": 4, "kernel_size": 2}},
        {"RMSNormalization": {"elementwise_affine": False}},
    ],
    "places that are floats": [{"Input": {"shape": 4}}, {"EmbeddingBag": {"input_dim": 9, "output_dim": 2}}],
    "positions that are looked up": [{"Input": {"shape": [4, 1]}}, {"LearnedPositions": {"indexed": True}}],
    "positions of each sample": [{"Input": {"shape": [4, 1]}}, {"LearnedPositions": {"indexed": "each_sample"}}],
    "a slope and a threshold after another step": [FIVE, "GELU", {"ReLU": {"negative_slope": 0.5, "threshold": 1.0}}],
    "a causal mask of more scores than features": [{"Input": {"shape": [16, 1]}}, {"SDPA": {"causal": True}}],
    "a causal mask, capped": [{"Input": {"shape": [16, 1]}}, {"SDPA": {"causal": True, "soft_cap": 5.0}}],
    "biases with a causal mask": [FIVE, {"MHA": {"num_heads": 1, "key_dim": 2, "causal": True, "position_biases": 2}}],
    "biases of a square window, and a window's mask": [
        {"Input": {"shape": [4, 2]}},
        {"SDPA": {"num_heads": 2, "window": 2, "position_biases": 9}},
    ],
    "a single step of several heads": [{"Input": {"shape": [1, 4]}}, {"SDPA": {"num_heads": 2, "sinks": True}}],
    "an average that is padded on one side": [{"Input": {"shape": [5, 4, 2]}}, {"AvgPool2d": {"padding": "same"}}],
    "a maximum that is padded on one side": [{"Input": {"shape": [5, 4, 2]}}, {"MaxPool2d": {"padding": "same"}}],
    "a map that is cut on one side": [
        {"Input": {"shape": [4, 2]}},
        {"Conv1DTranspose": {"filters": 3, "kernel_size": 1, "padding": [0, 1]}},
    ],
    "windows of one element": [{"Input": {"shape": [2, 2, 3]}}, {"WindowPartition": 1}],
    "a row of one window": [{"Input": {"shape": [1, 1, 3]}}, {"WindowPartition": 2}],
    "a window that is a map": [{"Input": {"shape": [1, 9, 2]}}, {"WindowReverse": {"window_size": 3, "size": 1}}],
    "a transform along another axis than the last": [
        {"Input": {"shape": [4, 3]}},
        {"FFTConvolution": None, "from": [-1, -1]},
    ],
    "a mask that is a constant": [FIVE, {"SDPA": {"masked": True}}],
    "biases, a mask and a causal one": [
        FIVE,
        {"MHA": {"num_heads": 2, "key_dim": 2, "causal": True, "masked": True, "position_biases": 2}},
    ],
    "biases beside a window, capped": [FIVE, {"SDPA": {"window": 2, "position_biases": 5, "soft_cap": 1.0}}],
    "several heads of groups, capped": [
        {"Input": {"shape": [2, 3, 8]}},
        {"MHA": {"num_heads": 4, "num_kv_heads": 2, "embed_dim": 8, "soft_cap": 1.0, "packed": False}},
    ],
    "a single head for all, with sinks": [
        {"Input": {"shape": [2, 1, 4]}},
        {"MHA": {"num_heads": 2, "num_kv_heads": 1, "embed_dim": 4, "sinks": True}},
    ],
    "one product of turned axes": [
        {"Input": {"shape": [2, 3, 4]}},
        {"SwapAxes": {"dim0": 1, "axis2": 2}},
        {"MHA": {"num_heads": 1, "embed_dim": 4}},
    ],
    "PyTorch's attention of channels before steps": [
        FIVE,
        {"Conv1D": {"filters": 4, "kernel_size": 1}},
        {"MHA": {"num_heads": 2, "embed_dim": 4}},
    ],
    "slopes that an axis shares": [{"Input": {"shape": [2, 3, 4]}}, {"PReLU": {"shared_axes": 1}}],
    "slopes of turned elements": [FIVE, {"Permute": [2, 1]}, "PReLU"],
    "a mean square of turned positions": [
        {"Input": {"shape": [3, 2, 4]}},
        {"Permute": [2, 1, 3]},
        {"RMSNormalization": {"elementwise_affine": False}},
    ],
    "an average of few positions, padded": [{"Input": {"shape": [2, 3, 1]}}, {"AvgPool2d": {"padding": "same"}}],
    "sines of doubles": [{"Input": {"shape": 3}}, {"Cast": "float64"}, {"SinusoidalEmbedding": 2}],
    "an average of what the program makes for it": [
        {"Input": {"shape": 3}},
        {"Average": ["Tan", []]},
    ],
    "a matrix of integers beside floats": [
        *(FIVE, {"Dense": 3}),
        *({"Input": {"shape": [3, 3], "dtype": "int64"}, "name": "whole"}, {"MatMul": None, "from": [-2, "whole"]}),
    ],
    "an equation of integers and floats": [
        *(FIVE, {"Dense": 3}),
        *(
            {"Input": {"shape": [3, 3], "dtype": "int64"}, "name": "whole"},
            {"Einsum": "bij,bkj->bik", "from": [-2, "whole"]},
        ),
    ],
    "a mean square of the first axis": [FIVE, {"RMSNormalization": {"axis": 1, "elementwise_affine": False}}],
    "an average over maps of one position": [
        {"Input": {"shape": [1, 1, 2]}},
        {"Conv2D": {"filters": 1, "kernel_size": 1}},
        {"AdaptiveAvgPool2d": [None]},
    ],
    "an equation of a turned map": [
        *({"Input": {"shape": [3, 4, 5]}}, {"Permute": [3, 2, 1]}),
        {"EinsumDense": {"equation": "bhij,hix->bjx", "output_shape": [None, 7]}},
    ],
    "experts of one feature": [{"Input": {"shape": 1}}, {"MoE": {"num_experts": 2, "units": 1}}],
    "experts of groups": [
        {"Input": {"shape": [5, 4]}},
        {"MoE": {"num_experts": 16, "units": 2, "groups": 4, "top_k_groups": 2, "scoring": "sigmoid"}},
    ],
    "more experts' scores than features": [
        {"Input": {"shape": [5, 4]}},
        {"MoE": {"num_experts": 16, "units": 2, "top_k": 3, "scoring": "softmax_of_chosen"}},
    ],
    "doubles that are scaled": [{"Input": {"shape": 3}}, {"Cast": "float64"}, {"Rescaling": {"scale": 2, "offset": 1}}],
    "masks of doubles": [{"Input": {"shape": 3}}, {"Cast": "float64"}, {"Dense": 2}, "Dropout", "Dropout"],
    "channels among steps and positions": [{"Input": {"shape": [4, 12]}}, {"PixelUnshuffle1D": 2}, "Flatten"],
    "a shift of what is cropped": [{"Input": {"shape": [4, 2]}}, "Cropping1D", {"Roll": 0}, "Flatten"],
    "groups along another axis": [
        {"Input": {"shape": [2, 2, 2]}},
        {"GroupNorm": {"groups": -1, "axis": 1}},
        {"Dense": 1},
    ],
    "groups of what is no map": [
        {"Input": {"shape": [1, 2, 1, 1, 2]}},
        {"GroupNorm": {"groups": 1, "axis": 5}},
    ],
    "groups of channels that are last of many axes": [
        {"Input": {"shape": [1, 1, 1, 1, 2]}},
        "FrozenBatchNormalization",
        "Reciprocal",
    ],
    "a function of elements that repeat": [{"Input": {"shape": [2, 1]}}, {"Expand": [2, -1, -1]}, "ReLU", {"Dense": 1}],
    "what is stacked as it is concatenated": [
        {"Input": {"shape": [1, 2, 2]}},
        {"MoveAxis": {"source": [3, 2], "destination": [1, 3]}},
        "Stack",
        {"RMSNormalization": {"elementwise_affine": False}},
    ],
    "positions of turned axes": [
        {"Input": {"shape": [1, 1, 2, 2]}},
        {"SwapAxes": {"axis1": 4, "axis2": 1}},
        {"LearnedPositions": 2},
        "InstanceNormalization",
    ],
    "attention of turned windows": [
        {"Input": {"shape": [1, 2, 2, 1, 1]}},
        {"Permute": [1, 3, 2, 5, 4]},
        "SDPA",
    ],
    "heads of one feature": [{"Input": {"shape": [2, 3, 4]}}, {"SDPA": {"num_heads": 4}}, "Flatten", {"Dense": 40}],
    "a part of a longer inverse transform": [
        {"Input": {"shape": 3}},
        {"Embedding": {"input_dim": 1, "output_dim": 2}},
        {"InverseRFFT": {"factor": 3}},
        "PReLU",
    ],
    "an equation of further axes that are turned": [
        {"Input": {"shape": [1, 2, 2, 1, 1]}},
        {"MoveAxis": {"source": [3, 1, 4, 5], "destination": [4, 3, 1, 2]}},
        {"EinsumDense": {"equation": "b...hijk,jk->b...hi", "output_shape": [1, None]}},
    ],
    "an equation of what has its channels last": [
        {"Input": {"shape": [8, 4, 1]}},
        {"PixelUnshuffle": 2},
        {"EinsumDense": {"equation": "bhij,xij->bhx", "output_shape": [4, 1]}},
    ],
    "a kernel that does not train, of a memory of numbers": [
        {"Input": {"shape": 4}},
        {"LearnedTokens": 1},
        {"SLSTM": 1, "trainable": False},
    ],
    "what is overwritten at inference alone": [FIVE, {"SimpleRNN": 2}, "AlphaDropout", "LeakyReLU", "LeakyReLU"],
    "what is overwritten in a part": [
        {"Input": {"shape": [1, 1]}},
        {"SimpleRNN": 2},
        {"Slice": {"step": 2}},
        {"SiLU": None, "repeat": 2},
    ],
    "what a function is given, and does not read": [
        {"Input": {"shape": 1}},
        {"layers": [{"Roll": 0}]},
        {"layers": [{"LearnedTokens": 1}, "ReLU"]},
    ],
    "a mean square of an axis of all elements": [
        {"Input": {"shape": [2, 1]}},
        {"RMSNormalization": {"axis": 1, "scale": False}},
    ],
    "a transform of turned axes": [
        {"Input": {"shape": [5, 3, 3]}},
        {"Permute": [3, 1, 2]},
        {"FFT": {"axes": 1}},
        "Flatten",
        {"Dense": 90},
    ],
    "a multiple and a term of what nothing holds": [FIVE, "Dropout2d", "Abs", {"Rescaling": {"scale": 2, "offset": 1}}],
    "what is padded, and nothing holds": [
        {"Input": {"shape": [1, 1]}},
        *("StopGradient", "Acos"),
        {"DepthwiseConv1D": {"kernel_size": 1, "padding": [0, 1]}},
    ],
    "floats as places, and nothing holds them": [
        {"Input": {"shape": 4, "dtype": "int32"}},
        {"Slice": {"start": 2}},
        {"Embedding": {"input_dim": 16, "output_dim": 6}, "repeat": 2},
    ],
    "a bag of places that are not side by side": [
        {"Input": {"shape": [3, 1]}},
        *("ArgMin", {"Slice": {"step": 2}}),
        {"EmbeddingBag": {"input_dim": 1, "output_dim": 1}},
    ],
    "an equation whose second input comes first": [
        {"Input": {"shape": [8, 8, 4]}},
        {"EinsumDense": {"equation": "bhij,jx->bxih", "output_shape": [2, 8, None]}},
        {"Dense": 8},
    ],
    "a map of one position and channel has its channels first": [
        {"Input": {"shape": [1, 1, 1]}},
        {"Conv2DTranspose": {"filters": 2, "kernel_size": 1, "strides": 2}},
        {"EinsumDense": {"equation": "bhij,jih->b", "output_shape": []}},
    ],
    "experts whose activation takes two operations": [
        FIVE,
        {"MixtureOfExperts": {"num_experts": 2, "units": 9, "gated": False, "activation": "TanhShrink"}},
    ],
    "layers between which all is dropped": [FIVE, {"GRU": {"units": 2, "num_layers": 3, "dropout": 1.0}}],
}


@pytest.mark.parametrize("layers", HELD.values(), ids=HELD)
def test_what_is_kept_and_held_was_once_wrong_and_is_right(layers):
    assert list(differences({"layers": layers}, "pytorch", held=True)) == []


OF_THREE = {
    "a product by a learned matrix that all samples share": [
        {"Input": {"shape": [9, 12]}, "name": "x"},
        {"Parameter": [4, 9], "name": "w"},
        {"MatMul": None, "from": ["w", "x"]},
    ],
    "a learned matrix after steps that lie first": [
        *({"Input": {"shape": [7, 4]}}, {"GRU": {"units": 4, "return_sequences": True}, "name": "x"}),
        *({"Parameter": [9, 4], "name": "w"}, {"MatMul": {"transpose_b": True}, "from": ["x", "w"]}, {"Dense": 3}),
    ],
    "each of the steps that lie first": [
        {"Input": {"shape": [9, 5]}},
        {"LSTM": {"units": 6, "return_sequences": True}},
        {"TimeDistributed": {"layer": {"Dense": 4}}},
    ],
    "each of the steps that lie first, normalized": [
        {"Input": {"shape": [9, 5]}},
        {"GRU": {"units": 6, "return_sequences": True, "bidirectional": True}},
        {"TimeDistributed": {"layer": "LayerNormalization"}},
    ],
    "a part of each of the steps that lie first": [
        {"Input": {"shape": [9, 5]}},
        {"GRU": {"units": 8, "return_sequences": True}},
        *({"TimeDistributed": {"layer": {"Slice": {"axis": 1, "stop": 4}}}}, "Tanh", {"Dense": 3}),
    ],
    "a frozen kernel of steps that lie first": [
        *({"Input": {"shape": [4, 5]}}, {"GRU": {"units": 5, "return_sequences": True}}),
        {"Dense": 6, "trainable": False},
    ],
    "projections of steps that lie first": [
        {"Input": {"shape": [9, 5]}},
        {"SimpleRNN": {"units": 6, "return_sequences": True}},
        {"MHA": {"num_heads": 2, "key_dim": 3}},
    ],
    "an equation of a learned matrix without the batch, and of steps that lie first": [
        *({"Input": {"shape": [9, 12]}}, {"GRU": {"units": 8, "return_sequences": True}, "name": "x"}),
        *({"Parameter": [4, 9], "name": "w"}, {"Einsum": "ij,bjk->bik", "from": ["w", "x"]}, {"Dense": 3}),
    ],
    "an equation of learned matrices for each of several": [
        *({"Input": {"shape": [2, 9, 12]}}, {"Dense": 8, "name": "x"}),
        *({"Parameter": [2, 8, 5], "name": "w"}, {"Einsum": "...jk,...kl->...jl", "from": ["x", "w"]}, {"Dense": 3}),
    ],
    "an equation of three": [
        *({"Input": {"shape": [9, 12]}}, {"Dense": 8, "name": "x"}),
        *({"Parameter": [8, 2], "name": "w"}, {"Parameter": [9, 2], "name": "v"}),
        *({"Einsum": "kl,jl,bjk->bl", "from": ["w", "v", "x"]}, {"Dense": 3}),
    ],
}


@pytest.mark.parametrize("layers", OF_THREE.values(), ids=OF_THREE)
def test_what_three_samples_hold_was_once_wrong_and_is_right(layers):
    assert list(differences({"layers": layers}, "pytorch", held=True, batch=3)) == []


KEPT = yaml.safe_load((Path(__file__).parents[1] / "networks" / "kept.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("network", KEPT, ids=[network["name"] for network in KEPT])
def test_what_is_kept_was_once_wrong_and_is_right(network):
    found = differences({"layers": network["layers"]}, "pytorch", held=True)
    assert [one for one in found if not one.message.startswith("peak of")] == []


def test_boxes_that_samples_share_are_read_for_each():
    layers: list = [{"Input": {"shape": [4, 4, 2]}, "name": "map"}, {"Parameter": {"shape": [3, 4]}, "name": "boxes"}]
    layers += [{"Dense": 2, "from": "map"}, {"RoIAlign": {"output_size": 2}, "from": [-1, "boxes"]}]
    found = verify.verify(archinspect.network({"layers": layers}, batch=2), "pytorch", pythons=[sys.executable])
    assert found.ok
    assert {*found.left_out} == {"peak"}
