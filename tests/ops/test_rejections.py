"""Every refusal: what an operator says of arguments and shapes that it cannot take."""

# ruff: noqa: E501 - messages stand as they are printed

import ast
from pathlib import Path
from types import SimpleNamespace

import pytest

import archinspect
from archinspect import ops
from archinspect.base.shape import Mismatch
from archinspect.language.computed import value_of
from archinspect.ops.computed import Computed
from archinspect.ops.declared import ArgumentError


def computed(text, **names):
    return Computed(text, names, value_of)


PACKAGE = Path(archinspect.__file__).parent
HUGE = 10**400
CONV = {"filters": 4, "kernel_size": 3}

# fmt: off
# operator, arguments, message, argument to blame
ARGUMENTS = [
    ("Conv2D", {"kernel_size": 3}, "Conv2D: 'filters' is missing", ()),
    ("DeformableAttention", {"heights": [4, 2], "widths": 4}, "DeformableAttention: 2 heights and 1 widths are not of the same maps", ("widths",)),
    ("Clip", {}, "Clip: takes min_value, max_value or both", ("min_value",)),
    ("Clip", {"min": 2, "max": 1}, "Clip: min_value 2 must not be above max_value 1", ("min_value",)),
    ("Expand", {"target_shape": [3, 0]}, "Expand: target_shape takes positive sizes, and -1", ("target_shape",)),
    ("MoveAxis", {"source": 1, "destination": [1, 2]}, "MoveAxis: 1 axes go to 2 places", ("destination",)),
    ("Arange", {"stop": -3}, "Arange: there are no numbers from 0 to before -3 by steps of 1", ("stop",)),
    ("Dense", {"units": 4, "dtype": "complex64"}, "Dense: dtype 'complex64' would change costs that are not counted", ("dtype",)),
    ("HardTanh", {"min_val": 1}, "HardTanh: min_val 1 must be below max_val 1", ("min_val",)),
    ("Conv2D", {**CONV, "stridez": 2}, "Conv2D: unknown argument 'stridez'", ("stridez",)),
    ("Conv2D", {**CONV, "out_channels": 4}, "Conv2D: 'filters' is given twice", ("out_channels",)),
    ("Conv2D", {**CONV, "filters": 0}, "Conv2D: filters must be a positive integer, not 0", ("filters",)),
    ("Conv2D", {**CONV, "filters": True}, "Conv2D: filters must be a positive integer, not true", ("filters",)),
    ("Conv2D", {**CONV, "filters": "many"}, "Conv2D: filters must be a positive integer, not 'many'", ("filters",)),
    ("Conv2D", {**CONV, "filters": None}, "Conv2D: filters must be a positive integer, not null", ("filters",)),
    ("Conv2D", {**CONV, "filters": 2.5}, "Conv2D: filters must be a positive integer, not 2.5", ("filters",)),
    ("Conv2D", {**CONV, "filters": 10**10}, "Conv2D: filters must be a positive integer, at most 1,000,000,000, not 10000000000", ("filters",)),
    ("Conv2D", {**CONV, "filters": 1e300}, "Conv2D: filters must be a positive integer, not 1e+300", ("filters",)),
    ("Conv2D", {**CONV, "kernel_size": [3, 3, 3]}, "Conv2D: kernel_size must be one integer or 2 of them, one per axis, not [3, 3, 3]", ("kernel_size",)),
    ("Conv2D", {**CONV, "kernel_size": []}, "Conv2D: kernel_size must be one integer or 2 of them, one per axis, not []", ("kernel_size",)),
    ("Conv2D", {**CONV, "kernel_size": [3, 0]}, "Conv2D: kernel_size must be a positive integer, not [3, 0]", ("kernel_size",)),
    ("Conv2D", {**CONV, "kernel_size": "3by3"}, "Conv2D: kernel_size must be a positive integer, or one per axis, not '3by3'", ("kernel_size",)),
    ("Conv2D", {**CONV, "kernel_size": "3x12345678901"}, "Conv2D: kernel_size must be a positive integer, or one per axis, not '3x12345678901'", ("kernel_size",)),
    ("Conv2D", {**CONV, "strides": 0}, "Conv2D: strides must be a positive integer, not 0", ("strides",)),
    ("Conv2D", {**CONV, "padding": "full"}, "Conv2D: padding must be 'valid', 'same', an integer, or 2 of them or of [before, after], one per axis, not 'full'", ("padding",)),
    ("Conv2D", {**CONV, "padding": "causal"}, "Conv2D: padding must be 'valid', 'same', an integer, or 2 of them or of [before, after], one per axis, not 'causal'", ("padding",)),
    ("Conv2D", {**CONV, "padding": -1}, "Conv2D: padding must be an integer, 0 or more, not -1", ("padding",)),
    ("Conv2D", {**CONV, "padding": True}, "Conv2D: padding must be 'valid', 'same', an integer, or 2 of them or of [before, after], one per axis, not true", ("padding",)),
    ("Conv2D", {**CONV, "padding": [1, 2, 3]}, "Conv2D: padding must be 'valid', 'same', an integer, or 2 of them or of [before, after], one per axis, not [1, 2, 3]", ("padding",)),
    ("Conv2D", {**CONV, "padding": [1, 2, 3, 4]}, "Conv2D: padding must be 'valid', 'same', an integer, or 2 of them or of [before, after], one per axis, not [1, 2, 3, 4]", ("padding",)),
    ("Conv2D", {**CONV, "padding": [[1, 2, 3], 1]}, "Conv2D: padding must be 'valid', 'same', an integer, or 2 of them or of [before, after], one per axis, not [[1, 2, 3], 1]", ("padding",)),
    ("Conv1D", {**CONV, "padding": [1, 2, 3]}, "Conv1D: padding must be 'valid', 'same', 'causal', an integer, or [before, after], not [1, 2, 3]", ("padding",)),
    ("Conv2D", {**CONV, "use_bias": "no"}, "Conv2D: use_bias must be true or false, not 'no'", ("use_bias",)),
    ("Conv2D", {**CONV, "use_bias": 0}, "Conv2D: use_bias must be true or false, not 0", ("use_bias",)),
    ("Conv2D", {**CONV, "data_format": "NCHW"}, "Conv2D: data_format must be 'channels_last' or 'channels_first', not 'NCHW'", ("data_format",)),
    ("Conv2D", {**CONV, "activation": 3}, "Conv2D: activation must be the name of an activation, not 3", ("activation",)),
    ("Conv2D", {**CONV, "activation": "rellu"}, "unknown activation 'rellu'", ("activation", "rellu")),
    ("Conv2D", {**CONV, "activation": {"LeakyReLU": {"slope": 0.1}}}, "LeakyReLU: unknown argument 'slope'", ("activation", "LeakyReLU", "slope")),
    ("Conv2D", {**CONV, "activation": {"Sigmoid": 3}}, "Sigmoid takes no arguments", ("activation", "Sigmoid")),
    ("Activation", {}, "Activation: 'activation' is missing", ()),
    ("Activation", {"activation": ["relu"]}, "Activation: activation must be the name of an activation, not ['relu']", ("activation",)),
    ("Conv2DTranspose", {**CONV, "strides": 2, "output_padding": 2}, "Conv2DTranspose: output_padding must be smaller than the stride or the dilation", ("output_padding",)),
    ("Conv2DTranspose", {**CONV, "output_padding": -1}, "Conv2DTranspose: output_padding must be an integer, 0 or more, not -1", ("output_padding",)),
    ("MaxPooling2D", {"pool_size": 2, "padding": 2}, "MaxPooling2D: padding must be smaller than the window: 2 of 2", ("padding",)),
    ("AvgPool2d", {"kernel_size": 3, "padding": [[0, 3], [0, 0]]}, "AveragePooling2D: padding must be smaller than the window: 3 of 3", ("padding",)),
    ("MaxPooling2D", {"ceil_mode": "tensorflow"}, "MaxPooling2D: ceil_mode must be false, true or 'caffe', not 'tensorflow'", ("ceil_mode",)),
    ("AdaptiveAvgPool2d", {"output_size": [0, None]}, "AdaptiveAveragePooling2D: output_size must be a positive integer, not [0, None]", ("output_size",)),
    ("Dropout", {"rate": 1.5}, "Dropout: rate must be a number from 0 to 1, not 1.5", ("rate",)),
    ("Dropout", {"rate": "half"}, "Dropout: rate must be a number from 0 to 1, not 'half'", ("rate",)),
    ("Dropout", {"rate": float("nan")}, "Dropout: rate must be a number from 0 to 1, finite, not nan", ("rate",)),
    ("Dropout", {"rate": HUGE}, "Dropout: rate must be a number from 0 to 1, finite, not 100000000000000000000000000000000000000000000000000000000...", ("rate",)),
    ("Dropout", {"rate": False}, "Dropout: rate must be a number from 0 to 1, not false", ("rate",)),
    ("BatchNormalization", {"epsilon": -1}, "BatchNormalization: epsilon must be a number of at least 0, not -1", ("epsilon",)),
    ("Rescaling", {"scale": [1, 2]}, "Rescaling: scale must be a number, not [1, 2]", ("scale",)),
    ("GroupNormalization", {"groups": -2}, "GroupNormalization: groups must be an integer of at least -1, not -2", ("groups",)),
    ("LayerNormalization", {"axis": []}, "LayerNormalization: axis must be a list of integers, one or more, not []", ("axis",)),
    ("LayerNormalization", {"axis": "last"}, "LayerNormalization: axis must be a list of integers, not 'last'", ("axis",)),
    ("LayerNormalization", {"axis": [1, "last"]}, "LayerNormalization: axis must be a list of integers, not [1, 'last']", ("axis",)),
    ("LayerNormalization", {"axis": [1] * 1001}, "LayerNormalization: axis must be a list of integers, at most 1000 of them, not [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,...", ("axis",)),
    ("PReLU", {"shared_axes": [0]}, "PReLU: shared_axes must be a list of integers of at least 1, not [0]", ("shared_axes",)),
    ("Input", {"shape": None}, "Input: shape must be a list of integers of at least 1, not null", ("shape",)),
    ("Softplus", {"slope": 1}, "Softplus: unknown argument 'slope'", ("slope",)),
    ("Flatten", {"start": 1}, "Flatten: unknown argument 'start'", ("start",)),
    ("Add", {"axis": 1}, "Add: unknown argument 'axis'", ("axis",)),
    ("Reshape", {"target_shape": [-1, -1]}, "Reshape: target_shape takes positive sizes, and -1 once", ("target_shape",)),
    ("Reshape", {"target_shape": [0, 4]}, "Reshape: target_shape takes positive sizes, and -1 once", ("target_shape",)),
    ("Reshape", {"target_shape": [-2, 4]}, "Reshape: target_shape must be a list of integers of at least -1, not [-2, 4]", ("target_shape",)),
    ("Permute", {"dims": "backwards"}, "Permute: dims must be a list of integers of at least 0, not 'backwards'", ("dims",)),
    ("Dot", {"axes": [1, 2, 3]}, "Dot: axes must be one axis or two, not 3", ("axes",)),
    ("ZeroPad2d", {"padding": [1, 2, 3]}, "ZeroPadding2D: padding must be an integer, or 2 of them or of [before, after], one per axis, or all 4 sides, the last axis's first, not [1, 2, 3]", ("padding",)),
    ("UpSampling2D", {"size": 1.5}, "UpSampling2D: size must be a positive integer, not 1.5", ("size",)),
    ("UpSampling2D", {"interpolation": "area"}, "UpSampling2D: interpolation must be 'nearest', 'nearest-exact', 'linear', 'bilinear', 'trilinear', 'bicubic', 'lanczos3' or 'lanczos5', not 'area'", ("interpolation",)),
    ("Upsample", {"scale_factor": 1e30}, "Upsample: scale_factor must be a positive factor, or one per axis, not 1e+30", ("scale_factor",)),
    ("Upsample", {"scale_factor": 0}, "Upsample: scale_factor must be a positive factor, or one per axis, not 0", ("scale_factor",)),
    ("WeightNorm", {"layer": {"Dense": 3}, "dim": 2}, "WeightNorm: the kernel of Dense has no axis 2", ("dim",)),
    ("WeightStandardization", {"layer": {"Conv1DTranspose": {"filters": 3, "kernel_size": 1}}}, "WeightStandardization: which axis of a transposed kernel it means is not settled", ("layer",)),
    ("WeightNorm", {"layer": "Flatten"}, "WeightNorm: layer must be a convolution or a Dense, not Flatten", ("layer",)),
    ("DeformConv2D", {"filters": 2, "kernel_size": 3, "padding": [[0, 1], [1, 1]]}, "DeformConv2D: pads as much on both sides", ("padding",)),
    ("Normalization", {"mean": []}, "Normalization: mean must be a number, or a list of numbers, not []", ("mean",)),
    ("Normalization", {"mean": 1}, "Normalization: takes mean and variance, or neither", ("mean",)),
    ("Discretization", {}, "Discretization: takes either bin_boundaries or num_bins", ("num_bins",)),
    ("Resizing", {"height": 3, "width": 4, "antialias": True}, "Resizing: antialias must be false, not true", ("antialias",)),
    ("SinusoidalEmbedding", {"dim": 7}, "SinusoidalEmbedding: dim must be even, not 7", ("dim",)),
    ("Upsample", {}, "Upsample: takes either scale_factor or size", ("size",)),
    ("Upsample", {"scale_factor": 2, "size": 4}, "Upsample: takes either scale_factor or size", ("size",)),
    ("StringLookup", {"output_mode": "count"}, "StringLookup: how many words there are is not said", ("output_mode",)),
    ("TextVectorization", {"output_mode": "count"}, "TextVectorization: how many words there are is not said", ("output_mode",)),
    ("TextVectorization", {}, "TextVectorization: how many numbers a text becomes is not said", ("output_sequence_length",)),
    ("IntegerLookup", {"vocabulary": [[1]]}, "IntegerLookup: vocabulary must be a list of words or numbers, not [[1]]", ("vocabulary",)),
    ("MultiHeadAttention", {"num_heads": 4}, "MultiHeadAttention: takes either key_dim (of one head) or embed_dim (of all heads)", ("key_dim",)),
    ("MultiHeadAttention", {"num_heads": 4, "key_dim": 3, "embed_dim": 12}, "MultiHeadAttention: takes either key_dim (of one head) or embed_dim (of all heads)", ("key_dim",)),
    ("MultiHeadAttention", {"num_heads": 4, "embed_dim": 6}, "MultiHeadAttention: 4 heads do not divide an embed_dim of 6", ("embed_dim",)),
    ("MultiHeadAttention", {"num_heads": 2, "embed_dim": 6, "attention_axes": [1, 2]}, "MultiHeadAttention: attention_axes are Keras's: with key_dim", ("attention_axes",)),
    ("MultiHeadAttention", {"num_heads": 4, "key_dim": 6, "num_kv_heads": 3}, "MultiHeadAttention: 3 heads of keys do not divide 4 heads", ("num_kv_heads",)),
    ("MultiHeadAttention", {"num_heads": 10**5, "key_dim": 6}, "MultiHeadAttention: num_heads must be a positive integer, at most 10,000, not 100000", ("num_heads",)),
    ("MultiHeadAttention", {"num_heads": 4, "key_dim": 6, "position_biases": 9, "shared_position_biases": True}, "MultiHeadAttention: takes either position_biases (its own) or shared_position_biases", ("shared_position_biases",)),
    ("MultiHeadAttention", {"num_heads": 4, "key_dim": 6, "soft_cap": 0}, "MultiHeadAttention: a soft_cap of 0 leaves no scores", ("soft_cap",)),
    ("MultiHeadAttention", {"num_heads": 4, "key_dim": 6, "add_bias_kv": True}, "MultiHeadAttention: add_bias_kv is of PyTorch's module: with embed_dim, and nothing that module lacks", ("add_bias_kv",)),
    ("Transpose", {"dim0": 1}, "Transpose: takes either dims (of all axes) or dim0 and dim1 (of two)", ("dims",)),
    ("SLSTM", {"units": 6, "num_heads": 4}, "SLSTM: 4 heads do not divide 6 units", ("num_heads",)),
    ("LinearAttention", {"num_heads": 4, "groups": 3}, "LinearAttention: 3 groups do not divide 4 heads", ("groups",)),
    ("MixtureOfExperts", {"num_experts": 4, "units": 6, "top_k": 5}, "MixtureOfExperts: a step cannot go to 5 of 4 experts", ("top_k",)),
    ("MixtureOfExperts", {"num_experts": 4, "units": 6, "groups": 3}, "MixtureOfExperts: 3 groups do not divide 4 experts", ("groups",)),
    ("MixtureOfExperts", {"num_experts": 8, "units": 6, "groups": 4, "top_k_groups": 1, "top_k": 3}, "MixtureOfExperts: a step cannot go to 3 experts of 1 of 4 groups", ("top_k_groups",)),
    ("MixtureOfExperts", {"num_experts": 8, "units": 6, "limit": 7, "gated": False}, "MixtureOfExperts: a limit is for gated experts", ("limit",)),
    ("MixtureOfExperts", {"num_experts": 8, "units": 6, "capacity_factor": 0}, "MixtureOfExperts: a capacity_factor of 0 leaves no places", ("capacity_factor",)),
    ("Einsum", {"equation": 3}, "Einsum: equation must be an equation such as 'bij,bjk->bik', not 3", ("equation",)),
    ("Einsum", {"equation": "bij,bjk"}, "Einsum: equation must be an equation such as 'bij,bjk->bik', not 'bij,bjk'", ("equation",)),
    ("Einsum", {"equation": "b" * 200 + "->b"}, "Einsum: equation must be an equation such as 'bij,bjk->bik', of at most 200 characters, not 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb...", ("equation",)),
    ("Einsum", {"equation": "bii->bi"}, "Einsum: 'i' stands twice in 'bii'", ("equation",)),
    ("Einsum", {"equation": "...i...->...i"}, "Einsum: '...' stands twice in '...i...'", ("equation",)),
    ("Einsum", {"equation": "bij->bik"}, "Einsum: the output's 'k' stands in no input", ("equation",)),
    ("Einsum", {"equation": "bij,kb->bik"}, "Einsum: 'bij' and 'kb' must start with the same index, the batch", ("equation",)),
    ("Einsum", {"equation": "bij->jbi"}, "Einsum: 'bij' and 'jbi' must start with the same index, the batch", ("equation",)),
    ("EinsumDense", {"equation": "abc->abc", "output_shape": 3}, "EinsumDense: the equation must have two terms, the input and the kernel, not 1", ("equation",)),
    ("EinsumDense", {"equation": "abc,ac->abc", "output_shape": [3, 4]}, "EinsumDense: the kernel 'ac' cannot have 'a'", ("equation",)),
    ("EinsumDense", {"equation": "a...b,b...->a...b", "output_shape": 4}, "EinsumDense: the kernel 'b...' cannot have '...'", ("equation",)),
    ("EinsumDense", {"equation": "abc,cd->abd", "output_shape": 5}, "EinsumDense: output_shape takes a size for each of 'bd', not 1", ("output_shape",)),
    ("EinsumDense", {"equation": "abc,cd->abd", "output_shape": [0, 5]}, "EinsumDense: output_shape must be a list of positive integers, null for what follows from the input, not [0, 5]", ("output_shape",)),
    ("EinsumDense", {"equation": "abc,cd->abd", "output_shape": [1] * 1001}, "EinsumDense: output_shape must be a list of positive integers, null for what follows from the input, at most 1000 of them, not [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,...", ("output_shape",)),
    ("EinsumDense", {"equation": "abc,cd->abd", "output_shape": [None, 5], "bias_axes": 3}, "EinsumDense: bias_axes must be letters of the output, not 3", ("bias_axes",)),
    ("EinsumDense", {"equation": "abc,cd->abd", "output_shape": [None, 5], "bias_axes": "ad"}, "EinsumDense: bias_axes are some of 'bd', the output's indices", ("bias_axes",)),
    ("TimeDistributed", {}, "TimeDistributed: 'layer' is missing", ()),
    ("TimeDistributed", {"layer": 3}, "TimeDistributed: layer must be an operator of one input, not 3", ("layer",)),
    ("TimeDistributed", {"layer": "Add"}, "TimeDistributed: layer must be an operator of one input, not 'Add'", ("layer",)),
    ("TimeDistributed", {"layer": {"Densse": 3}}, "unknown operator 'Densse'", ("layer", "Densse")),
    ("TimeDistributed", {"layer": {"Conv2D": 3}}, "Conv2D: 'kernel_size' is missing", ("layer", "Conv2D")),
    ("TimeDistributed", {"layer": {"Identity": 3}}, "Identity takes no arguments", ("layer", "Identity")),
    ("Bidirectional", {"layer": {"Dense": 3}}, "Bidirectional: layer must be a recurrent one, not Dense", ("layer",)),
    ("Bidirectional", {"layer": {"LSTM": 3}, "merge_mode": "max"}, "Bidirectional: merge_mode must be 'concat', 'sum', 'mul' or 'ave', not 'max'", ("merge_mode",)),
    ("Bidirectional", {"layer": {"LSTM": {"units": 3, "return_state": True}}}, "Bidirectional: has no outputs for the layer's states", ("layer",)),
    ("Split", {}, "Split: takes either parts or sizes", ("parts",)),
    ("Split", {"parts": 2, "sizes": [2, 4]}, "Split: takes either parts or sizes", ("parts",)),
    ("Split", {"parts": 1001}, "Split: parts must be a positive integer, at most 1,000, not 1001", ("parts",)),
    ("RoIAlign", {"output_size": 7, "sampling_ratio": 0}, "RoIAlign: sampling_ratio must be a positive integer, not 0", ("sampling_ratio",)),
    ("LSTM", {"units": 4, "biases": 3}, "LSTM: biases must be a positive integer, at most 2, not 3", ("biases",)),
    ("LSTM", {"units": 4, "sparse": True}, "LSTM: unknown argument 'sparse'", ("sparse",)),
    ("Roll", {"shift": [1, 2], "axis": 1}, "Roll: 2 shifts for 1 axes", ("shift",)),
    ("WindowReverse", {"size": [4, 4, 4], "window_size": 2}, "WindowReverse: size takes the map's height and width", ("size",)),
    ("Custom", {"macs": 1000, "flops": 1999}, "Custom: 1,000 MACs are 2,000 FLOPs, more than 1,999", ("flops",)),
]

# operator, arguments, input shapes, message, arguments of which one is to blame
SHAPES = [
    ("HashedCrossing", {"num_bins": 4}, [(2, 3), (2, 3)], "needs one value of each sample, [] or [1], not (None, 3) and (None, 3)", ()),
    ("TextVectorization", {"output_sequence_length": 4}, [(2, 3)], "needs one text of each sample, [] or [1], not (None, 3)", ()),
    ("Conv2D", CONV, [(1, 8, 6)], "needs an input of 3 axes (height, width, channels), got 2: [8, 6]", ()),
    ("Conv2D", {**CONV, "data_format": "channels_first"}, [(1, 8)], "needs an input of 3 axes (channels, height, width), got 1: [8]", ()),
    ("Conv1D", CONV, [(1, 8, 8, 6)], "needs an input of 2 axes (steps, channels), got 3: [8, 8, 6]", ()),
    ("Conv3D", CONV, [(1, 8, 8, 6)], "needs an input of 4 axes (depth, height, width, channels), got 3: [8, 8, 6]", ()),
    ("Conv2D", {**CONV, "in_channels": 3}, [(1, 8, 8, 6)], "in_channels is 3, but the input has 6 channels", ("in_channels",)),
    ("Conv2D", {**CONV, "groups": 4}, [(1, 8, 8, 6)], "4 groups do not divide 6 input channels", ("groups",)),
    ("Conv2D", {**CONV, "groups": 3}, [(1, 8, 8, 6)], "3 groups do not divide 4 filters", ("groups",)),
    ("Conv2D", {**CONV, "kernel_size": 9}, [(1, 8, 8, 6)], "the window spans 9, more than the input's height 8", ("pool_size", "kernel_size")),
    ("Conv2D", {**CONV, "dilation_rate": [1, 4]}, [(1, 8, 8, 6)], "the window spans 9, more than the input's width 8", ("pool_size", "kernel_size")),
    ("Conv2D", {**CONV, "kernel_size": 13, "padding": 2}, [(1, 8, 8, 6)], "the window spans 13, more than the input's height 8 (padding included: 12)", ("pool_size", "kernel_size")),
    ("Conv1D", {**CONV, "kernel_size": 9}, [(1, 8, 6)], "the window spans 9, more than the input's length 8", ("pool_size", "kernel_size")),
    ("Conv3D", {**CONV, "kernel_size": [3, 1, 1]}, [(1, 2, 8, 8, 6)], "the window spans 3, more than the input's depth 2", ("pool_size", "kernel_size")),
    ("DepthwiseConv2D", {"kernel_size": 3, "in_channels": 3}, [(1, 8, 8, 6)], "in_channels is 3, but the input has 6 channels", ("in_channels",)),
    ("Conv2DTranspose", {**CONV, "groups": 4}, [(1, 8, 8, 6)], "4 groups do not divide 6 input channels", ("groups",)),
    ("Conv2DTranspose", {**CONV, "groups": 3}, [(1, 8, 8, 6)], "3 groups do not divide 4 filters", ("groups",)),
    ("Conv2DTranspose", {**CONV, "padding": 5}, [(1, 8, 8, 6)], "the padding leaves no output: 0x0", ("padding",)),
    ("Dense", {"units": 3}, [(1,)], "needs an input of at least one axis", ()),
    ("Dense", {"units": 3, "in_features": 384}, [(1, 8, 8, 6)], "in_features is 384, but the input's last axis has 6", ("in_features",)),
    ("MaxPooling2D", {"pool_size": 9}, [(1, 8, 8, 6)], "the window spans 9, more than the input's height 8", ("pool_size", "kernel_size")),
    ("MaxPooling2D", {"pool_size": 9, "strides": 1, "ceil_mode": True}, [(1, 8, 8, 6)], "the window spans 9, more than the input's height 8", ("pool_size", "kernel_size")),
    ("GlobalAveragePooling2D", {}, [(1, 6)], "needs an input of 3 axes (height, width, channels), got 1: [6]", ()),
    ("AdaptiveAveragePooling2D", {"output_size": 1}, [(1, 6)], "needs an input of 3 axes (height, width, channels), got 1: [6]", ()),
    ("Einsum", {"equation": "bij,bjk->bik"}, [(1, 3, 4)], "the equation has 2 terms for 1 input", ("equation",)),
    ("Einsum", {"equation": "bij,jk->bik"}, [(2, 3, 4), (1, 4)], "'jk' does not have as many axes as (None, 4) without the batch", ("equation",)),
    ("Einsum", {"equation": "bij->bji"}, [(1, 3)], "'bij' does not have as many axes as (None, 3)", ("equation",)),
    ("Einsum", {"equation": "bij...->bji..."}, [(1, 3)], "'bij...' does not have as many axes as (None, 3)", ("equation",)),
    ("Einsum", {"equation": "bij,bjk->bik"}, [(1, 3, 4), (1, 5, 6)], "'j' stands for different sizes: 4 and 5", ("equation",)),
    ("Einsum", {"equation": "b...i,bi...->b..."}, [(1, 2, 3, 4), (1, 4)], "'...' stands for different sizes: 2x3 and none", ("equation",)),
    ("EinsumDense", {"equation": "abc,cd->abd", "output_shape": [4, 5]}, [(1, 3, 7)], "'b' is 4 in output_shape, but the input has 3", ("output_shape",)),
    ("EinsumDense", {"equation": "abc,cd->abd", "output_shape": [None, None]}, [(1, 3, 7)], "the size of 'd' is given by neither input nor output_shape", ("output_shape",)),
    ("TimeDistributed", {"layer": "Flatten"}, [(1,)], "the input has no axis of steps", ()),
    ("TimeDistributed", {"layer": {"Conv2D": CONV}}, [(1, 5, 8, 6)], "Conv2D, for one step: needs an input of 3 axes (height, width, channels), got 2: [8, 6]", ()),
    ("Bidirectional", {"layer": {"LSTM": 3}}, [(1, 6)], "needs an input of 2 axes (steps, features), got 1", ()),
    ("RoIAlign", {"output_size": 7}, [(1, 8, 8, 6), (1, 5, 3)], "the last input must be the boxes, [boxes, 4], not (None, 5, 3)", ()),
    ("RoIAlign", {"output_size": 7}, [(1, 8, 8, 6), (1, 4, 4, 5), (1, 5, 4)], "the maps differ in channels: 5 and 6", ()),
    ("RoIAlign", {"output_size": 7}, [(1, 8, 6), (1, 5, 4)], "needs an input of 3 axes (height, width, channels), got 2: [8, 6]", ()),
    ("BatchNormalization", {"num_features": 3}, [(1, 8, 8, 6)], "num_features is 3, but the input has 6 channels", ("num_features",)),
    ("BatchNormalization", {"axis": 4}, [(1, 8, 8, 6)], "axis 4 is not one of the input's 4 axes", ("axis",)),
    ("BatchNormalization", {"axis": 0}, [(1, 8, 8, 6)], "axis 0 is the batch, which no layer may touch", ("axis",)),
    ("LayerNormalization", {"axis": [-1, 3]}, [(1, 8, 8, 6)], "axis 3 is named twice", ("axis",)),
    ("LayerNormalization", {"axis": -4}, [(1, 8, 8, 6)], "axis -4 is the batch, which no layer may touch", ("axis",)),
    ("LayerNormalization", {"normalized_shape": [8, 5]}, [(1, 8, 8, 6)], "normalized_shape is [8, 5], but the input's last axes are [8, 6]", ("normalized_shape",)),
    ("InstanceNormalization", {}, [(1, 6)], "needs an axis beside the channels: a single element is its own mean, and becomes 0", ()),
    ("GroupNormalization", {"groups": 4}, [(1, 8, 8, 6)], "4 groups do not divide 6 channels", ("groups",)),
    ("GroupNormalization", {"groups": 0}, [(1, 8, 8, 6)], "0 groups do not divide 6 channels", ("groups",)),
    ("PReLU", {"num_parameters": 5}, [(1, 8, 8, 6)], "num_parameters is 5, neither 1 nor the channels of (None, 8, 8, 6)", ("num_parameters",)),
    ("PReLU", {"shared_axes": [1, 1]}, [(1, 8, 8, 6)], "axis 1 is named twice", ("shared_axes",)),
    ("Softmax", {"axis": 4}, [(1, 8, 8, 6)], "axis 4 is not one of the input's 4 axes", ("axis",)),
    ("GLU", {}, [(1, 5)], "halves axis 1, whose size 5 is odd", ("axis",)),
    ("Add", {}, [(1, 8, 8, 6), (1, 8, 8, 5)], "the inputs (None, 8, 8, 6) and (None, 8, 8, 5) differ at axis 3: 5 and 6", ()),
    ("Add", {}, [(1, 8, 8, 6), (1, 4, 1, 6), (1, 6)], "the inputs (None, 8, 8, 6) and (None, 4, 1, 6) and (None, 6) differ at axis 1: 4 and 8", ()),
    ("Concatenate", {}, [(1, 8, 8, 6), (1, 4, 8, 6)], "the inputs (None, 8, 8, 6) and (None, 4, 8, 6) differ beside axis 3", ()),
    ("Concatenate", {"axis": 1}, [(1, 8, 8, 6), (1, 8, 6)], "the inputs (None, 8, 8, 6) and (None, 8, 6) differ beside axis 1", ()),
    ("Dot", {"axes": [2, 1]}, [(1, 5, 7), (1, 6, 4)], "axis 2 of (None, 5, 7) is 7, but axis 1 of (None, 6, 4) is 6", ()),
    ("Flatten", {"start_dim": 3, "end_dim": 1}, [(1, 8, 8, 6)], "start_dim 3 is after end_dim 1", ("start_dim",)),
    ("Flatten", {"start_dim": 0}, [(1, 8, 8, 6)], "axis 0 is the batch, which no layer may touch", ("start_dim",)),
    ("Reshape", {"target_shape": [-1, 7]}, [(1, 8, 8, 6)], "[8, 8, 6] has 384 elements, but target_shape [-1, 7] takes a multiple of 7", ("target_shape",)),
    ("Reshape", {"target_shape": [8, 8, 8]}, [(1, 8, 8, 6)], "[8, 8, 6] has 384 elements, but target_shape [8, 8, 8] takes 512", ("target_shape",)),
    ("MixtureOfExperts", {"num_experts": 4, "units": 6}, [(1,)], "needs an input of at least one axis", ()),
    ("LocalResponseNormalization", {}, [(1,)], "needs an input of at least one axis", ()),
    ("SpatialDropout2D", {}, [(1,)], "needs an input of at least one axis", ()),
    ("EinsumDense", {"equation": "...x,xy->...y", "output_shape": 5}, [(1,)], "'...x' does not have as many axes as (None,)", ("equation",)),
    ("Permute", {"dims": [1, 2]}, [(1, 8, 8, 6)], "dims [1, 2] is not a permutation of the input's axes 1 to 3", ("dims",)),
    ("Permute", {"dims": [1, 1, 2]}, [(1, 8, 8, 6)], "dims [1, 1, 2] is not a permutation of the input's axes 1 to 3", ("dims",)),
    ("RepeatVector", {"n": 2}, [(1, 8, 8, 6)], "needs an input of one axis, got 3", ()),
    ("Cropping2D", {"cropping": 4}, [(1, 8, 8, 6)], "cuts 8x8 down to 0x0", ("cropping",)),
    ("Upsample", {"size": [4, 4, 4]}, [(1, 8, 8, 6)], "size [4, 4, 4] does not fit the input's 2 spatial axes", ("size",)),
    ("Conv2D", {"filters": 2, "kernel_size": 3, "padding": 8, "padding_mode": "reflect"}, [(1, 8, 9, 6)], "padding_mode reflect pads at most 7, not 8", ("padding",)),
    ("ConvLSTM2D", {"filters": 2, "kernel_size": 3}, [(1, 8, 9, 6)], "needs an input of 4 axes, the steps first, got 3: [8, 9, 6]", ()),
    ("ConvLSTM2D", {"filters": 2, "kernel_size": 3}, [(1, 5, 8, 9, 6), (1, 8, 9, 2), (1, 6, 7, 2)], "starts from two states of (None, 6, 7, 2), not from (None, 8, 9, 2) and (None, 6, 7, 2)", ()),
    ("DeformConv2D", {"filters": 2, "kernel_size": 3}, [(1, 8, 8, 6), (1, 8, 8, 18)], "the offsets must be (None, 6, 6, 18) or a multiple of its channels, not (None, 8, 8, 18)", ()),
    ("DeformConv2D", {"filters": 2, "kernel_size": 3}, [(1, 8, 8, 6), (1, 6, 6, 36), (1, 6, 6, 9)], "offsets and mask are for 2 and 1 groups of 6 channels", ()),
    ("GRN", {}, [(1, 6)], "needs an input with positions and channels, got 1 axes", ()),
    ("Maxout", {"num_units": 4}, [(1, 8, 6)], "4 units do not divide 6 channels", ("num_units",)),
    ("GridSample", {}, [(1, 8, 8, 6), (1, 4, 4, 3)], "the points of (None, 8, 8, 6) must be [height, width, 2] or [depth, height, width, 3], not (None, 4, 4, 3)", ()),
    ("DeformableAttention", {"heights": 4}, [(1, 4, 4, 6), (1, 5, 2, 1, 4, 2), (1, 5, 2, 1, 4)], "needs values of 2 axes (positions, features), got 3", ()),
    ("DeformableAttention", {"heights": 4}, [(1, 15, 6), (1, 5, 2, 1, 4, 2), (1, 5, 2, 1, 4)], "the values of these maps must be [16, features], not (None, 15, 6)", ("heights",)),
    ("DeformableAttention", {"heights": [4, 2]}, [(1, 20, 6), (1, 5, 2, 1, 4, 2), (1, 5, 2, 1, 4)], "the points must be [queries, heads, 2 maps, points, 2], not (None, 5, 2, 1, 4, 2)", ()),
    ("DeformableAttention", {"heights": 4}, [(1, 16, 6), (1, 5, 2, 1, 4, 2), (1, 5, 2, 4)], "the weights must be (None, 5, 2, 1, 4), one for each point, not (None, 5, 2, 4)", ()),
    ("DeformableAttention", {"heights": 4}, [(1, 16, 6), (1, 5, 4, 1, 4, 2), (1, 5, 4, 1, 4)], "4 heads do not divide the 6 features of the values", ()),
    ("GridSample", {"mode": "bicubic"}, [(1, 8, 8, 8, 6), (1, 4, 4, 4, 3)], "interpolates cubically in two dimensions only", ("mode",)),
    ("AffineGrid", {"size": [4, 5]}, [(1, 3, 4)], "a grid of 2 dimensions is moved by [2, 3] or [3, 4], not (None, 3, 4)", ("size",)),
    ("Fold", {"kernel_size": 2, "output_size": 3}, [(1, 4, 4, 8)], "needs an input of 2 axes, patches and their features, got 3", ()),
    ("Fold", {"kernel_size": 2, "output_size": 3}, [(1, 5, 8)], "a map of 3x3 has 4 such patches, not 5", ("output_size",)),
    ("Fold", {"kernel_size": 2, "output_size": 3}, [(1, 4, 9)], "9 features are no multiple of 2x2", ("kernel_size",)),
    ("MaxUnpool2d", {}, [(1, 8, 8, 6), (1, 8, 4, 6)], "(None, 8, 8, 6) has indices of its own shape, not (None, 8, 4, 6)", ()),
    ("MaxUnpool2d", {"output_size": 14}, [(1, 8, 8, 6), (1, 8, 8, 6)], "output_size must be within a step of 16x16, not 14x14", ("output_size",)),
    ("Bilinear", {"units": 2}, [(1, 8, 6), (1, 7, 6)], "(None, 8, 6) and (None, 7, 6) differ in more than their last axis", ()),
    ("Bilinear", {"units": 2, "in2_features": 5}, [(1, 6), (1, 6)], "in2_features is 5, but that input has 6 features", ("in2_features",)),
    ("CenterCrop", {"height": 2, "width": 9}, [(1, 8, 8, 6)], "the picture of 8x8 has no middle of 2x9", ("height", "width")),
    ("CategoryEncoding", {"num_tokens": 9}, [(1, 8, 6)], "needs an input of one axis, got 2", ()),
    ("Upsample", {"scale_factor": 0.1}, [(1, 8, 30, 6)], "makes 0x3 of 8x30", ("scale_factor",)),
    ("Upsample", {"scale_factor": 2}, [(1, 6)], "scale_factor [2] does not fit the input's 0 spatial axes", ("scale_factor",)),
    ("ResizeLike", {}, [(1, 8, 8, 6), (1, 8, 6)], "(None, 8, 8, 6) and (None, 8, 6) have no spatial axes in common", ()),
    ("ResizeLike", {}, [(1, 6), (1, 6)], "(None, 6) and (None, 6) have no spatial axes in common", ()),
    ("CropLike", {}, [(1, 8, 8, 6), (1, 4, 9, 6)], "(None, 8, 8, 6) is smaller than (None, 4, 9, 6)", ()),
    ("ReshapeLike", {}, [(1, 64, 6), (1, 8, 8, 5)], "(None, 64, 6) and (None, 8, 8, 5) differ in the number of elements", ()),
    ("ChannelShuffle", {"groups": 4}, [(1, 8, 8, 6)], "4 groups do not divide 6 channels", ("groups",)),
    ("PixelShuffle", {"upscale_factor": 2}, [(1, 8, 8, 6)], "6 channels are no multiple of 2x2", ("upscale_factor",)),
    ("PixelUnshuffle", {"downscale_factor": 2}, [(1, 8, 7, 6)], "2 does not divide 8x7", ("downscale_factor",)),
    ("LearnedPositions", {}, [(1, 6)], "needs an input of at least two axes (steps, features), got 1", ()),
    ("LearnedPositions", {"input_dim": 4}, [(1, 5, 6)], "input_dim is 4, but the input has 5 steps", ("input_dim",)),
    ("EmbeddingBag", {"input_dim": 9, "output_dim": 4}, [(1,)], "needs an input of 1 axis, the integers of a bag, got 0", ()),
    ("ClassToken", {}, [(1, 8, 8, 6)], "needs an input of 2 axes (steps, features), got 3", ()),
    ("LearnedTokens", {"n": 3}, [(1,)], "dim is not given, and the input has no axis that it could follow from", ("dim",)),
    ("MultiHeadAttention", {"num_heads": 2, "key_dim": 3, "attention_axes": [1]}, [(1, 5, 4, 6)], "attention_axes are those right before the features", ("attention_axes",)),
    ("ScaledDotProductAttention", {}, [(1, 6)], "a query (None, 6) cannot attend to keys (None, 6) and values (None, 6)", ()),
    ("ScaledDotProductAttention", {}, [(1, 5, 6), (1, 7, 6), (1, 8, 6)], "a query (None, 5, 6) cannot attend to keys (None, 7, 6) and values (None, 8, 6)", ()),
    ("MultiHeadAttention", {"num_heads": 2, "embed_dim": 4, "need_weights": True}, [(1, 2, 5, 4)], "need_weights is of PyTorch's module, which takes steps and features, not (None, 2, 5, 4)", ("need_weights",)),
    ("ScaledDotProductAttention", {"num_heads": 4}, [(1, 5, 6)], "4 heads do not divide the query's 6 features", ("num_heads",)),
    ("ScaledDotProductAttention", {"num_heads": 3}, [(1, 5, 6), (1, 5, 6), (1, 5, 7)], "3 heads do not divide the value's 7 features", ("num_heads",)),
    ("ScaledDotProductAttention", {"num_heads": 4, "num_kv_heads": 2}, [(1, 5, 8)], "4 heads of a query of 8 features need 2 heads of keys of the same size: 4 features, not 8", ("num_heads", "num_kv_heads")),
    ("MultiHeadAttention", {"num_heads": 2, "embed_dim": 6}, [(1, 5, 8)], "embed_dim is 6, but the input has 8 features", ("embed_dim",)),
    ("MultiHeadAttention", {"num_heads": 2, "key_dim": 3, "packed": True}, [(1, 5, 6), (1, 7, 6), (1, 7, 6)], "packed needs keys and values that are made of one input", ("packed",)),
    ("FFT", {"parts": True}, [(1, 6, 5)], "needs real and imaginary parts as a last axis of 2, got (None, 6, 5)", ()),
    ("FFT", {}, [(1,)], "needs an input of at least one axis", ()),
    ("InverseRFFT", {"n": 12}, [(1, 6, 2)], "6 complex numbers do not give 12 real ones", ("n",)),
    ("ComplexMultiply", {}, [(1, 6, 2), (1, 6, 3)], "needs real and imaginary parts as a last axis of 2, got (None, 6, 2) and (None, 6, 3)", ()),
    ("DeltaRule", {}, [(1, 6)] * 4, "needs an input of 2 axes (steps, features), got 1", ()),
    ("DeltaRule", {}, [(1, 5, 6), (1, 5, 4), (1, 5, 6), (1, 5, 1)], "query (None, 5, 6), key (None, 5, 4) and value (None, 5, 6) need the axes [steps, features], queries as many features as keys, and all as many steps", ()),
    ("DeltaRule", {"num_heads": 4}, [(1, 5, 6), (1, 5, 6), (1, 5, 8), (1, 5, 4)], "4 heads do not divide the key's 6 features", ("num_heads",)),
    ("DeltaRule", {"num_heads": 2}, [(1, 5, 6), (1, 5, 6), (1, 5, 8), (1, 5, 4)], "beta must be (None, 5, 2), not (None, 5, 4)", ("num_heads",)),
    ("DeltaRule", {"num_heads": 2}, [(1, 5, 6), (1, 5, 6), (1, 5, 8), (1, 5, 2), (1, 5, 3)], "decay (None, 5, 3) is neither of 2 heads nor of the 3 keys of each", ()),
    ("GeneralizedDeltaRule", {}, [(1, 6)] * 6, "needs an input of 2 axes (steps, features), got 1", ()),
    ("GeneralizedDeltaRule", {}, [*[(1, 5, 6)] * 5, (1, 5, 4)], "b must be (None, 5, 6) as the query, not (None, 5, 4)", ()),
    ("GeneralizedDeltaRule", {}, [(1, 5, 6), (1, 5, 6), (1, 4, 6), *[(1, 5, 6)] * 3], "value (None, 4, 6) has not the steps of the query (None, 5, 6)", ()),
    ("GeneralizedDeltaRule", {"num_heads": 4}, [(1, 5, 6)] * 6, "4 heads do not divide the key's 6 features", ("num_heads",)),
    ("WKV", {}, [(1, 6)] * 4, "needs an input of 2 axes (steps, channels), got 1", ()),
    ("WKV", {}, [(1, 5, 6), (1, 5, 4), (1, 6), (1, 6)], "key (None, 5, 6) and value (None, 5, 4) need the same steps and channels", ()),
    ("WKV", {}, [(1, 5, 6), (1, 5, 6), (1, 6), (1, 5)], "bonus must be (None, 6) beside the key (None, 5, 6), not (None, 5)", ()),
    ("MLSTM", {}, [(1, 6)] * 5, "needs an input of 2 axes (steps, features), got 1", ()),
    ("MLSTM", {}, [(1, 5, 6), (1, 5, 4), (1, 5, 6), (1, 5, 1), (1, 5, 1)], "query (None, 5, 6), key (None, 5, 4) and value (None, 5, 6) need the axes [steps, features], queries as many features as keys, and all as many steps", ()),
    ("MLSTM", {"num_heads": 4}, [(1, 5, 6), (1, 5, 6), (1, 5, 8), (1, 5, 4), (1, 5, 4)], "4 heads do not divide the key's 6 features", ("num_heads",)),
    ("MLSTM", {}, [(1, 5, 6), (1, 5, 6), (1, 5, 8), (1, 5, 2), (1, 5, 1)], "the input gate must be (None, 5, 1), not (None, 5, 2)", ("num_heads",)),
    ("MLSTM", {"num_heads": 2}, [(1, 5, 6), (1, 5, 6), (1, 5, 8), (1, 5, 2), (1, 5, 8)], "the forget gate must be (None, 5, 2), not (None, 5, 8)", ("num_heads",)),
    ("CRF", {"num_tags": 6}, [(1, 6)], "needs an input of 2 axes (steps, tags), got 1", ()),
    ("CRF", {"num_tags": 6}, [(1, 5, 7)], "needs a score of each of 6 tags, not 7", ("num_tags",)),
    ("SLSTM", {"units": 6}, [(1, 24)], "needs an input of 2 axes (steps, features), got 1", ()),
    ("SLSTM", {"units": 6}, [(1, 5, 6)], "needs 24 features, 4 gates of 6 units, not 6", ("units",)),
    ("NA2D", {"kernel_size": 3}, [(1, 5, 6)] * 3, "needs an input of 3 axes (positions, features), got 2", ()),
    ("NA1D", {"kernel_size": 3}, [(1, 5, 6), (1, 5, 6), (1, 4, 6)], "query (None, 5, 6), key (None, 5, 6) and value (None, 4, 6) need the same positions", ()),
    ("NA2D", {"kernel_size": 3, "dilation": [1, 2]}, [(1, 5, 5, 6)] * 3, "a window of 3 by steps of 2 is larger than 5", ("kernel_size",)),
    ("NA1D", {"kernel_size": 3, "num_heads": 4}, [(1, 5, 6)] * 3, "4 heads do not divide the key's 6 features", ("num_heads",)),
    ("DynamicConv2D", CONV, [(1, 8, 6, 2), (1, 70)], "a kernel (None, 70) has not the 72 numbers of [4, 2, 3, 3]", ("filters", "kernel_size")),
    ("LinearAttention", {}, [(1, 6), (1, 6), (1, 6)], "needs an input of 2 axes (steps, features), got 1", ()),
    ("LinearAttention", {}, [(1, 5, 6), (1, 5, 6), (1, 4, 6)], "query (None, 5, 6), key (None, 5, 6) and value (None, 4, 6) need the axes [steps, features], queries as many features as keys, and all as many steps", ()),
    ("LinearAttention", {"num_heads": 4}, [(1, 5, 6), (1, 5, 6), (1, 5, 8)], "4 heads do not divide the key's 6 features", ("num_heads", "groups")),
    ("LinearAttention", {"num_heads": 2}, [(1, 5, 6), (1, 5, 6), (1, 5, 8), (1, 5, 3)], "decay (None, 5, 3) is neither of 2 heads nor of the 3 keys of each", ()),
    ("MultiHeadAttention", {"num_heads": 2, "embed_dim": 6, "kdim": 5}, [(1, 5, 6), (1, 5, 8)], "kdim is 5, but the input has 8 features", ("kdim",)),
    ("MultiHeadAttention", {"num_heads": 2, "embed_dim": 8}, [(1, 5, 8), (1, 7, 6), (1, 7, 8)], "embed_dim is 8, but the input has 6 features", ("embed_dim",)),
    ("MultiHeadAttention", {"num_heads": 2, "embed_dim": 8}, [(1, 5, 8), (1, 7, 8), (1, 7, 6)], "embed_dim is 8, but the input has 6 features", ("embed_dim",)),
    ("MoveAxis", {"source": 5, "destination": 1}, [(1, 2, 3)], "axis 5 is not one of the input's 3 axes", ("source",)),
    ("MoveAxis", {"source": 1, "destination": 5}, [(1, 2, 3)], "axis 5 is not one of the input's 3 axes", ("destination",)),
    ("MultiHeadAttention", {"num_heads": 2, "embed_dim": 6, "vdim": 5}, [(1, 5, 6)], "vdim is 5, but the input has 6 features", ("vdim",)),
    ("MultiHeadAttention", {"num_heads": 2, "key_dim": 3, "rotary": True}, [(1, 5, 6)], "heads of 3 features cannot be rotated in pairs", ("dim", "key_dim", "embed_dim")),
    ("RotaryEmbedding", {}, [(1, 6)], "needs an input of at least two axes (steps, features), got 1", ()),
    ("RotaryEmbedding", {}, [(1, 5, 6), (1, 5, 2)], "needs two tables (None, 5, 2), cosines and sines, not (None, 5, 2)", ()),
    ("RotaryEmbedding", {}, [(1, 5, 6), (1, 4, 2), (1, 4, 2)], "needs two tables (None, 5, 2), cosines and sines, not (None, 4, 2) and (None, 4, 2)", ()),
    ("RotaryTables", {"dim": 4}, [(1,)], "needs an input with an axis of steps", ()),
    ("RotaryTables", {"dim": 5}, [(1, 3)], "heads of 5 features cannot be rotated in pairs", ("dim", "key_dim", "embed_dim")),
    ("RotaryEmbedding", {"dim": 4}, [(1, 5, 6)], "4 features of a head do not divide the input's 6", ("dim",)),
    ("LSTM", {"units": 3}, [(1, 6)], "needs an input of 2 axes (steps, features), got 1", ()),
    ("LSTM", {"units": 3, "input_size": 4}, [(1, 5, 6)], "input_size is 4, but the input's steps have 6 features", ("input_size",)),
    ("GRU", {"units": 3}, [(1, 5, 6), (1, 4)], "starts from (None, 3), not from (None, 4)", ()),
    ("GRU", {"units": 3, "num_layers": 2}, [(1, 5, 6), (1, 3)], "starts from (None, 2, 3), not from (None, 3)", ()),
    ("LSTM", {"units": 3}, [(1, 5, 6), (1, 3)], "starts from (None, 3) and (None, 3), not from (None, 3)", ()),
    ("LSTMCell", {"units": 3}, [(1, 5, 6)], "needs an input of 1 axis (the features of a step), got 2", ()),
    ("SelectiveScan", {}, [(1, 6), (1, 6), (1, 6, 4), (1, 4), (1, 4)], "needs an input of 2 axes (steps, channels), got 1", ()),
    ("SelectiveScan", {}, [(1, 5, 6), (1, 5, 6), (1, 7, 4), (1, 5, 4), (1, 5, 4)], "A has the axes [channels, states], 6 channels as x, not (None, 7, 4)", ()),
    ("SelectiveScan", {}, [(1, 5, 6), (1, 5, 6), (1, 6, 4), (1, 5, 4), (1, 5, 3)], "C must be (None, 5, 4) beside x (None, 5, 6), not (None, 5, 3)", ()),
    ("Masking", {}, [(1,)], "needs an input of at least one axis, the features", ()),
    ("Split", {"parts": 4}, [(1, 5, 6)], "4 parts do not divide axis 2, whose size is 6", ("parts",)),
    ("Split", {"sizes": [2, 2]}, [(1, 5, 6)], "the sizes sum to 4, but axis 2 has 6", ("sizes",)),
    ("Unbind", {"parts": 4}, [(1, 5, 6)], "axis 1 has 5 positions, not 4", ("parts",)),
    ("TopK", {"k": 7}, [(1, 5, 6)], "axis 2 has 6 positions, fewer than 7", ("k",)),
    ("Greater", {}, [(1, 6)], "takes two inputs, or one and value", ("value",)),
    ("Power", {"exponent": 2}, [(1, 6), (1, 6)], "takes two inputs, or one and exponent", ("exponent",)),
    ("ReduceVar", {"axis": 1, "correction": 6}, [(1, 6)], "6 elements less 6 leave nothing to divide by", ("correction",)),
    ("Squeeze", {"axis": 2}, [(1, 1, 6)], "axis 2 of (None, 1, 6) has size 6, not 1", ("axis",)),
    ("Expand", {"target_shape": [6]}, [(1, 1, 6)], "[1, 6] does not stretch to [6]", ("target_shape",)),
    ("Expand", {"target_shape": [5, 7]}, [(1, 1, 6)], "[1, 6] does not stretch to [5, 7]", ("target_shape",)),
    ("Tile", {"repeats": 2}, [(1, 1, 6)], "1 repeats for the 2 axes of (None, 1, 6)", ("repeats",)),
    ("Stack", {}, [(1, 1, 6), (1, 6)], "the inputs (None, 1, 6) and (None, 6) differ", ()),
    ("SwapAxes", {"axis1": 5, "axis2": 1}, [(1, 1, 6)], "axis 5 is not one of the input's 3 axes", ("axis1",)),
    ("SwapAxes", {"axis1": 2, "axis2": -1}, [(1, 1, 6)], "axis 2 is named twice", ("axis2",)),
    ("Tril", {}, [(1, 6)], "needs an input of at least two axes (rows, columns), got 1", ()),
    ("EmbeddingLookup", {}, [(1, 6), (1, 9)], "needs a table of two axes (entries, features), got (None, 9)", ()),
    ("TakeAlongAxis", {}, [(1, 5, 6), (1, 2, 5)], "the indices (None, 2, 5) do not stretch to (None, 5, 6) beside axis 1", ()),
    ("ScatterAdd", {"size": 3}, [(1, 5, 6), (1, 4)], "axis 1 of (None, 5, 6) has 5 positions, but the indices are (None, 4)", ()),
    ("MatMul", {}, [(1, 6), (1, 6)], "needs inputs of at least two axes, got (None, 6) and (None, 6)", ()),
    ("MatMul", {}, [(1, 5, 6), (1, 5, 6)], "(None, 5, 6) and (None, 5, 6) have no product: 6 columns meet 5 rows", ()),
    ("Slice", {"start": 3, "stop": 3}, [(1, 5, 6)], "nothing is left of axis 1, which has 5 positions", ("start", "stop")),
    ("Select", {"index": 5}, [(1, 5, 6)], "axis 1 has no position 5, only 5 of them", ("index",)),
    ("Roll", {"shift": 1, "axis": 0}, [(1, 5, 6)], "axis 0 is the batch, which no layer may touch", ("axis",)),
    ("WindowPartition", {"window_size": 2}, [(1, 5, 6)], "needs an input of 3 axes (height, width, channels), got 2", ()),
    ("WindowReverse", {"size": [4, 6], "window_size": 2}, [(1, 4, 4, 6)], "a map of 4x6 is 6 windows of 4 positions, not (None, 4, 4, 6)", ("size", "window_size")),
    ("WindowReverse", {"size": 4, "window_size": 2}, [(1, 3, 4, 6)], "a map of 4x4 is 4 windows of 4 positions, not (None, 3, 4, 6)", ("size", "window_size")),
    ("WindowReverse", {"window_size": 2}, [(1, 4, 4, 6)], "takes either size or a second input of that size", ("size",)),
    ("WindowReverse", {"size": 4, "window_size": 2}, [(1, 4, 4, 6), (1, 4, 4, 6)], "takes either size or a second input of that size", ("size",)),
    ("WindowReverse", {"window_size": 2}, [(1, 4, 4, 6), (1, 16, 6)], "needs a second input of 3 axes (height, width, channels), got 2", ()),
    ("Custom", {"macs": computed("in[1] * n", n=3), "flops": 29}, [(1, 5)], "15 MACs are 30 FLOPs, more than 29", ("flops",)),
    ("Custom", {"params": computed("in[1] * m")}, [(1, 5)], "params: unknown parameter 'm'", ("params",)),
    ("Custom", {"output": [computed("in[1] - 5"), 2]}, [(1, 5)], "output_shape must be a list of integers of at least 1, not [0, 2]", ("output_shape",)),
    ("SampleGaussian", {}, [(1, 5), (1, 6)], "the mean (None, 5) and the variance (None, 6) differ in shape", ()),
]
# fmt: on


def refuse_arguments(op, args):
    with pytest.raises(ArgumentError) as caught:
        ops.find_operator(op)(**args)
    return caught.value


def refuse_shapes(op, args, shapes):
    def emit(part, inputs):
        return tuple(SimpleNamespace(shape=shape) for shape in part.outputs(*[tensor.shape for tensor in inputs]))

    layer = ops.find_operator(op)(**args)
    with pytest.raises(Mismatch) as caught:
        layer.build(emit, [SimpleNamespace(shape=shape) for shape in shapes])
    return caught.value


@pytest.mark.parametrize(("op", "args", "message", "blamed"), ARGUMENTS)
def test_arguments_are_refused(op, args, message, blamed):
    error = refuse_arguments(op, args)
    assert (error.message, error.path) == (message, blamed)


@pytest.mark.parametrize(("op", "args", "shapes", "message", "blamed"), SHAPES)
def test_shapes_are_refused(op, args, shapes, message, blamed):
    error = refuse_shapes(op, args, shapes)
    assert (error.message, error.blamed) == (message, blamed)


def raised(error):
    """Yield where an error was raised, and the errors it was made from."""
    while error is not None:
        trace = error.__traceback__
        while trace.tb_next:
            trace = trace.tb_next
        yield Path(trace.tb_frame.f_code.co_filename), trace.tb_lineno
        error = error.__context__


def raises(path):
    """Yield the lines of a file where an operator, an argument's kind or a shape is refused."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Raise) and ast.unparse(node.exc).startswith(
            ("ArgumentError(", "Mismatch(", "ValueError(")
        ):
            yield path, node.lineno


def test_no_refusal_goes_without_a_row():
    errors = [refuse_arguments(op, args) for op, args, *_ in ARGUMENTS]
    errors += [refuse_shapes(op, args, shapes) for op, args, shapes, *_ in SHAPES]
    seen = {place for error in errors for place in raised(error)}
    families = [PACKAGE / "ops" / f"{family}.py" for family in ops.FAMILIES]
    files = [
        PACKAGE / "base" / "shape.py",
        *(PACKAGE / "ops" / f"{name}.py" for name in ("args", "base", "computed", "declared", "spatial")),
        *families,
    ]
    missing = {place for path in files for place in raises(path)} - seen
    assert sorted(f"{path.name}:{line}" for path, line in missing) == []


CODES = [
    ({**CONV, "filters": 0}, "argument"),
    ({**CONV, "stridez": 2}, "unknown-argument"),
    ({"kernel_size": 3}, "missing-argument"),
    ({**CONV, "activation": "rellu"}, "argument"),
    ({**CONV, "activation": {"LeakyReLU": {"slope": 0.1}}}, "unknown-argument"),
    ({**CONV, "activation": {"LeakyReLU": {"alpha": "much"}}}, "argument"),
    ({**CONV, "activation": {"Sigmoid": 3}}, "unknown-argument"),
]


@pytest.mark.parametrize(("args", "code"), CODES)
def test_a_refusal_has_a_code(args, code):
    assert refuse_arguments("Conv2D", args).code == code


def test_the_one_name_that_is_near_is_told():
    assert refuse_arguments("Conv2D", {**CONV, "stridez": 2}).near.only == "strides"
    assert refuse_arguments("Conv2D", {**CONV, "stridez": 2, "stride": 1}).near.only == ""  # it is given
    assert refuse_arguments("Conv2D", {**CONV, "activation": "rellu"}).near.only == ""  # three are


def test_a_help_names_the_remedy():
    image = (1, 8, 8, 6)
    assert refuse_shapes("Conv2D", {**CONV, "groups": 4}, [image]).help == "choose groups among the divisors of 6"
    assert refuse_shapes("Conv2D", {**CONV, "in_channels": 3}, [image]).help.startswith("leave in_channels out")
    assert refuse_shapes("Dense", {"units": 1, "in_features": 384}, [image]).help.startswith(
        "`Flatten` before it gives 384;"
    )
    assert refuse_shapes("Dense", {"units": 1, "in_features": 3}, [(1, 5)]).help.startswith("or leave in_features out")
    assert refuse_arguments("Conv2D", {**CONV, "stridez": 2}).help == "did you mean 'strides'?"
    assert refuse_arguments("Conv2D", {**CONV, "activation": "rellu"}).help.startswith("did you mean 'ReLU' or")
    slope = refuse_arguments("Conv2D", {**CONV, "activation": {"LeakyReLU": {"slope": 0.1}}})
    assert slope.help == "did you mean 'negative_slope'?"
    assert refuse_arguments("Conv2D", {"kernel_size": 3}).help == "filters takes a positive integer: output channels"


def test_remedies_are_the_stored_ones(stored):
    errors = [(op, refuse_arguments(op, args)) for op, args, *_ in ARGUMENTS]
    errors += [(op, refuse_shapes(op, args, shapes)) for op, args, shapes, *_ in SHAPES]
    lines = [f"{op}: {error.message.removeprefix(f'{op}: ')}\n    {error.help or 'no remedy'}" for op, error in errors]
    stored(Path(__file__).with_name("remedies.txt"), "\n".join(dict.fromkeys(lines)) + "\n")
