"""Every operator against measured figures, and against hand-computed ones where no framework can measure."""

import json
from math import prod
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import pytest
from input_types import input_types
from small import make

from archinspect import ops
from archinspect.base.shape import Mismatch
from archinspect.language.computed import value_of
from archinspect.ops.computed import Computed
from archinspect.ops.declared import WITHOUT_EFFECT, ArgumentError
from archinspect.ops.figures import Work

TRUTH = Path(__file__).parents[1] / "truth"
LAYOUTS = {"torch": "channels_first", "keras": "channels_last"}
MEASURED = {name: json.loads((TRUTH / f"ops_{name}.json").read_text(encoding="utf-8")) for name in LAYOUTS}
ROWS = [(framework, row) for framework, truth in MEASURED.items() for row in truth["rows"]]
IDS = [f"{framework}-{i}-{row['op']}" for i, (framework, row) in enumerate(ROWS)]


class Figures(NamedTuple):
    output: list
    params: int
    buffers: int
    macs: int
    flops: int
    others: tuple = ()
    """Further outputs: shapes and types."""


def figures(op, shapes):
    """Build the layer on inputs of these shapes, as a network would, and add up its operators."""
    counts = {True: 0, False: 0}
    work = []

    def emit(part, inputs):
        given = [tensor.shape for tensor in inputs]
        outputs, dtypes = part.outputs(*given), part.output_dtypes(*[tensor.dtype for tensor in inputs])
        assert part.output_count == len(outputs) == len(dtypes)
        assert (part.output(*given), part.output_dtype(*[tensor.dtype for tensor in inputs])) == (outputs[0], dtypes[0])
        for weight in part.weights(*given).values():
            counts[weight.parameter and part.trains] += prod(weight.shape)
        work.append(part.work(given, outputs[0]))
        return tuple(map(tensor, outputs, dtypes))

    output, *others = op.build(emit, [tensor(tuple(shape)) for shape in shapes])
    total = Work(sum(part.macs for part in work), sum(part.other for part in work))
    further = tuple({"shape": [*other.shape], "dtype": other.dtype.replace("float", "float32")} for other in others)
    return Figures(list(output.shape), counts[True], counts[False], total.macs, total.flops, further)


def tensor(shape, dtype="float"):
    return SimpleNamespace(shape=shape, dtype=dtype)


@pytest.mark.parametrize(("framework", "row"), ROWS, ids=IDS)
def test_a_layer_is_what_its_framework_measures(framework, row):
    if row["output"] is None:
        with pytest.raises((Mismatch, ArgumentError)):
            figures(make(row["op"], row["args"], LAYOUTS[framework]), row["inputs"])
        return
    found = figures(make(row["op"], row["args"], LAYOUTS[framework]), row["inputs"])
    assert found[:4] == (row["output"], row["params"], row["buffers"], row["macs"])
    assert [*found.others] == row.get("others", [])


@pytest.mark.parametrize(("framework", "row"), [case for case in ROWS if case[1]["output"] and case[1]["inputs"]])
def test_weights_do_not_depend_on_the_batch_and_work_is_linear_in_it(framework, row):
    op = make(row["op"], row["args"], LAYOUTS[framework])
    samples = max(shape[0] for shape in row["inputs"])
    shared = [type_.shared for type_ in input_types(row["op"], len(row["inputs"]))]
    shapes = [*zip(row["inputs"], shared, strict=True)]
    one, three = (
        figures(op, [[1 if same or shape[0] != samples else batch, *shape[1:]] for shape, same in shapes])
        for batch in (1, 3)
    )
    assert one.output[1:] == three.output[1:]
    if not op.batched:
        assert one == three
        return
    assert (one.output[0], three.output[0]) == (1, 3)
    assert (one.params, one.buffers) == (three.params, three.buffers)
    making = op.making([(1, *row["inputs"][0][1:])]) if hasattr(op, "making") else 0  # of a kernel, for any batch
    assert (3 * one.macs, 3 * (one.flops - making)) == (three.macs, three.flops - making)


# Arguments of a framework's layer that are not taken, and why.
NOT_TAKEN = {
    "mode": "PyTorch's name for the kind of a recurrent layer, which is the layer's own here",
    "proj_size": "in PyTorch an argument of all recurrent layers, but taken by the LSTM only",
    "backward_layer": "another layer for the way back",
    "use_gate": "a further projection",
    "_weight": "a tensor",
    "_freeze": "stands beside the operator in a step: `trainable: false`",
    "weights": "stands beside the operator in a step, and means another layer",
    "name": "stands beside the operator in a step, not among its arguments",
    "renorm": "two further statistics, which a spec cannot say yet",
    "renorm_clipping": "as renorm",
    "renorm_momentum": "as renorm",
    "lora_rank": "an adapter with weights of its own",
    "lora_alpha": "as lora_rank",
    "gptq_unpacked_column_size": "of weights that are stored quantized",
    "quantization_config": "changes what the weights are",
}


def test_what_a_frameworks_layer_takes_is_modelled_or_without_effect():
    unknown = set()
    for truth in MEASURED.values():
        for layer, arguments in truth["arguments"].items():
            kind = ops.find_operator(layer)
            unknown |= {*arguments} - {*kind.names, *kind.ignores} - WITHOUT_EFFECT
    assert unknown == {*NOT_TAKEN}


# Caffe's rounding, by its pooling_layer.cpp: ceil((in + 2 pad - kernel) / stride) + 1 windows; if any axis is
# padded, an axis whose last window starts at in + pad or beyond has one less.
CAFFE = [
    # AlexNet's first: ceil((55 - 3) / 2) + 1 = 27
    ((55, 55), {"pool_size": 3, "strides": 2}, (27, 27)),
    # GoogLeNet's first: ceil((112 - 3) / 2) + 1 = 56
    ((112, 112), {"pool_size": 3, "strides": 2}, (56, 56)),
    # ceil((7 + 2 - 3) / 2) + 1 = 4, the last starting at 6 < 7 + 1
    ((7, 7), {"pool_size": 3, "strides": 2, "padding": 1}, (4, 4)),
    # ceil((6 + 2 - 2) / 2) + 1 = 4 starts at 6 < 7; ceil((5 + 2 - 2) / 2) + 1 = 4 starts at 6 >= 6: one less
    ((6, 5), {"pool_size": 2, "strides": 2, "padding": 1}, (4, 3)),
    # unpadded, a window beyond the input stays: ceil((7 - 2) / 4) + 1 = 3 and ceil((8 - 2) / 4) + 1 = 3
    ((7, 8), {"pool_size": 2, "strides": 4}, (3, 3)),
    # padded in one axis, both lose it: 8 >= 7 + 1 and 8 >= 8
    ((7, 8), {"pool_size": 2, "strides": 4, "padding": [1, 0]}, (2, 2)),
]


@pytest.mark.parametrize(("lengths", "args", "expected"), CAFFE)
@pytest.mark.parametrize("op", ["MaxPooling2D", "AveragePooling2D"])
def test_pooling_rounds_as_caffe(op, lengths, args, expected):
    pool = make(op, {**args, "ceil_mode": "caffe"})
    assert pool.output((2, *lengths, 3)) == (2, *expected, 3)


IMAGE = (1, 4, 4, 2)
# FLOPs by the rule of each docstring, on inputs small enough to count by hand.
FLOPS = [
    # Input and same shape
    ("Input", {"shape": [4]}, [], 0),
    ("StopGradient", {}, [IMAGE], 0),
    ("Identity", {}, [IMAGE], 0),
    ("Dropout", {}, [IMAGE], 0),
    ("SpatialDropout1D", {}, [IMAGE], 0),
    ("SpatialDropout2D", {}, [IMAGE], 0),
    ("SpatialDropout3D", {}, [IMAGE], 0),
    ("AlphaDropout", {}, [IMAGE], 0),
    ("GaussianDropout", {}, [IMAGE], 0),
    ("GaussianNoise", {}, [IMAGE], 0),
    ("StochasticDepth", {"p": 0.1, "mode": "row"}, [IMAGE], 0),
    ("Rescaling", {"scale": 0.5}, [IMAGE], 32),
    ("Rescaling", {"scale": 0.5, "offset": -1}, [IMAGE], 2 * 32),
    ("Rescaling", {}, [IMAGE], 0),
    ("Masking", {}, [IMAGE], 3 * 32),
    # Convolutions: 2 a tap and output element, 1 a bias
    ("Conv1D", {"filters": 3, "kernel_size": 2}, [(1, 5, 2)], 2 * 4 * (2 * 2) * 3 + 4 * 3),
    ("Conv2D", {"filters": 3, "kernel_size": 3}, [IMAGE], 2 * 4 * (9 * 2) * 3 + 4 * 3),
    ("Conv2D", {"filters": 3, "kernel_size": 3, "use_bias": False}, [IMAGE], 2 * 4 * (9 * 2) * 3),
    ("Conv2D", {"filters": 4, "kernel_size": 3, "groups": 2}, [IMAGE], 2 * 4 * 9 * 4 + 4 * 4),
    ("Conv2D", {"filters": 3, "kernel_size": 4, "activation": "sigmoid"}, [IMAGE], 2 * 32 * 3 + 3 + 4 * 3),
    ("Conv3D", {"filters": 1, "kernel_size": 2}, [(1, 2, 2, 3, 1)], 2 * 2 * 8 + 2),
    ("DepthwiseConv1D", {"kernel_size": 2}, [(1, 3, 2)], 2 * 2 * (2 * 2) + 2 * 2),
    ("DepthwiseConv2D", {"kernel_size": 3, "depth_multiplier": 2}, [IMAGE], 2 * 9 * (4 * 4) + 4 * 4),
    ("SeparableConv1D", {"filters": 3, "kernel_size": 2}, [(1, 3, 2)], 2 * 2 * 4 + 2 * 2 * (2 * 3) + 2 * 3),
    ("SeparableConv2D", {"filters": 3, "kernel_size": 3}, [IMAGE], 2 * 9 * 8 + 2 * 2 * (4 * 3) + 4 * 3),
    # ... transposed: 2 a tap and input element, 1 a bias and output element
    ("Conv1DTranspose", {"filters": 3, "kernel_size": 2, "strides": 2}, [(1, 3, 2)], 2 * 6 * 2 * 3 + 6 * 3),
    ("Conv2DTranspose", {"filters": 3, "kernel_size": 2, "strides": 2}, [IMAGE], 2 * 32 * 4 * 3 + 64 * 3),
    ("Conv3DTranspose", {"filters": 1, "kernel_size": 2}, [(1, 1, 1, 2, 1)], 2 * 2 * 8 + 2 * 2 * 3),
    # Dense
    ("Dense", {"units": 3}, [(1, 5)], 2 * 5 * 3 + 3),
    ("Dense", {"units": 3, "bias": False}, [(1, 5)], 2 * 5 * 3),
    ("Dense", {"units": 3, "activation": "softmax"}, [(1, 2, 5)], 2 * 5 * 6 + 6 + 5 * 6),
    # ... 3 steps of 5 features: a router of 4, then 2 and 1 experts of 7 units; SiLU 4, product 1, scores 5, sum 5
    (
        "MixtureOfExperts",
        {"num_experts": 4, "units": 7, "shared_experts": 1},
        [(1, 3, 5)],
        2 * 3 * 5 * (4 + 3 * 3 * 7) + (4 + 1) * 3 * 3 * 7 + 5 * 3 * 4 + 5 * 15,
    ),
    (
        "MixtureOfExperts",
        {"num_experts": 4, "units": 7, "top_k": 1, "gated": False, "activation": "relu"},
        [(1, 3, 5)],
        2 * 3 * 5 * (4 + 2 * 7) + 3 * 7 + 5 * 3 * 4 + 15,
    ),
    # ... 2 per MAC; what one side sums alone is added first: 12 elements to 3; a product that is not summed is 1
    ("Einsum", {"equation": "bij,bjk->bik"}, [(1, 3, 4), (1, 4, 5)], 2 * (3 * 4 * 5)),
    ("Einsum", {"equation": "bij,bik->bk"}, [(1, 3, 4), (1, 3, 5)], (12 - 3) + 2 * (3 * 5)),
    ("Einsum", {"equation": "bi,bj->bij"}, [(1, 3), (1, 4)], 12),
    ("Einsum", {"equation": "bij->bj"}, [(1, 3, 4)], 12 - 4),
    ("Einsum", {"equation": "bij,bj,b->b"}, [(1, 3, 4), (1, 4), (1,)], (12 - 4) + 2 * 4 + 1),
    ("EinsumDense", {"equation": "abc,cd->abd", "output_shape": [None, 5]}, [(1, 3, 4)], 2 * (3 * 4 * 5)),
    (
        "EinsumDense",
        {"equation": "abc,cd->abd", "output_shape": [None, 5], "bias_axes": "d", "activation": "relu"},
        [(1, 3, 4)],
        2 * (3 * 4 * 5) + 15 + 15,
    ),
    # Pooling: window - 1, and for a mean the division
    ("MaxPooling1D", {"pool_size": 3}, [(1, 6, 2)], 2 * 4),
    ("MaxPooling2D", {}, [IMAGE], 3 * 8),
    ("MaxPooling2D", {"pool_size": 3, "strides": 2, "padding": 1}, [IMAGE], 8 * 8),
    ("MaxPooling3D", {}, [(1, 2, 2, 2, 3)], 7 * 3),
    ("AveragePooling1D", {"pool_size": 3}, [(1, 6, 2)], 3 * 4),
    ("AveragePooling2D", {}, [IMAGE], 4 * 8),
    ("AveragePooling3D", {}, [(1, 2, 2, 2, 3)], 8 * 3),
    ("GlobalMaxPooling1D", {}, [(1, 6, 2)], 5 * 2),
    ("GlobalMaxPooling2D", {}, [IMAGE], 15 * 2),
    ("GlobalMaxPooling3D", {}, [(1, 2, 2, 2, 3)], 7 * 3),
    ("GlobalAveragePooling1D", {}, [(1, 6, 2)], 6 * 2),
    ("GlobalAveragePooling2D", {}, [IMAGE], 16 * 2),
    ("GlobalAveragePooling3D", {}, [(1, 2, 2, 2, 3)], 8 * 3),
    # ... adaptive: 5 positions to 3 are the windows 0-1, 1-3, 3-4: 2 + 3 + 2 = 7 elements; 4 to 2 are 4
    ("AdaptiveMaxPooling1D", {"output_size": 3}, [(1, 5, 2)], (7 - 3) * 2),
    ("AdaptiveMaxPooling2D", {"output_size": [3, 2]}, [(1, 5, 4, 1)], 7 * 4 - 6),
    ("AdaptiveMaxPooling3D", {"output_size": [3, 2, 1]}, [(1, 5, 4, 3, 1)], 7 * 4 * 3 - 6),
    ("AdaptiveAveragePooling1D", {"output_size": 3}, [(1, 5, 2)], 7 * 2),
    ("AdaptiveAveragePooling2D", {"output_size": [3, None]}, [(1, 5, 4, 1)], 7 * 4),
    ("AdaptiveAveragePooling3D", {"output_size": [3, 2, 1]}, [(1, 5, 4, 3, 1)], 7 * 4 * 3),
    # ... 4 points an element, 8 each; [3, 2] positions of 5 boxes, 2 channels
    ("RoIAlign", {"output_size": [3, 2]}, [IMAGE, (1, 5, 4)], 4 * 8 * (5 * 3 * 2 * 2)),
    ("RoIAlign", {"output_size": 1, "sampling_ratio": 1}, [IMAGE, IMAGE, (1, 5, 4)], 8 * (5 * 2)),
    # Normalization
    ("BatchNormalization", {}, [IMAGE], 2 * 32),
    ("BatchNormalization", {"center": False, "scale": False}, [IMAGE], 2 * 32),
    ("BatchNormalization", {"track_running_stats": False}, [IMAGE], 8 * 32),
    ("FrozenBatchNormalization", {}, [IMAGE], 2 * 32),
    ("LayerNormalization", {}, [IMAGE], 8 * 32),
    ("LayerNormalization", {"center": False}, [IMAGE], 7 * 32),
    ("LayerNormalization", {"elementwise_affine": False}, [IMAGE], 6 * 32),
    ("GroupNormalization", {"groups": 2}, [IMAGE], 8 * 32),
    ("GroupNormalization", {"groups": -1, "affine": False}, [IMAGE], 6 * 32),
    ("InstanceNormalization", {}, [IMAGE], 6 * 32),
    ("InstanceNormalization", {"affine": True}, [IMAGE], 8 * 32),
    ("InstanceNormalization", {"track_running_stats": True}, [IMAGE], 2 * 32),
    ("LocalResponseNormalization", {}, [IMAGE], 10 * 32),
    ("LocalResponseNormalization", {"size": 3}, [IMAGE], 8 * 32),
    ("LocalResponseNormalization", {"depth_radius": 5}, [IMAGE], (11 + 5) * 32),  # TensorFlow: 5 on either side
    ("UnitNormalization", {}, [IMAGE], 3 * 32),
    ("LayerScale", {}, [IMAGE], 32),
    ("RMSNormalization", {}, [IMAGE], 4 * 32),
    ("RMSNormalization", {"elementwise_affine": False}, [IMAGE], 3 * 32),
    # Tables and tokens
    ("Embedding", {"input_dim": 9, "output_dim": 4}, [(1, 3)], 0),
    ("EmbeddingBag", {"input_dim": 9, "output_dim": 4}, [(1, 3)], 3 * 4),
    ("EmbeddingBag", {"input_dim": 9, "output_dim": 4, "mode": "max"}, [(1, 3)], 2 * 4),
    ("SinusoidalEmbedding", {"dim": 4}, [(1, 3)], 3 * 3 * 2),  # two angles, sines and cosines
    ("LearnedPositions", {}, [(1, 3, 4)], 12),
    ("ClassToken", {}, [(1, 3, 4)], 0),
    ("LearnedTokens", {"n": 2}, [(1, 3, 4)], 0),
    ("RotaryEmbedding", {}, [(1, 3, 4)], 3 * 12),
    ("RotaryEmbedding", {}, [(1, 3, 4), (1, 3, 2), (1, 3, 2)], 3 * 12),
    ("RotaryTables", {"dim": 4}, [(1, 3)], 9 * 3 * 2),
    # Attention: 2 per MAC, and 6 per score
    ("ScaledDotProductAttention", {}, [(1, 3, 4)], 2 * (9 * 8) + 6 * 9),
    ("ScaledDotProductAttention", {"num_heads": 2, "causal": True}, [(1, 3, 4)], 2 * (9 * 8) + 7 * (2 * 9)),
    ("ScaledDotProductAttention", {"num_heads": 2, "window": 2}, [(1, 3, 4)], 2 * (9 * 8) + 7 * (2 * 9)),
    ("ScaledDotProductAttention", {"causal": True, "window": 2}, [(1, 3, 4)], 2 * (9 * 8) + 7 * 9),
    ("ScaledDotProductAttention", {"num_heads": 2, "position_biases": 5}, [(1, 3, 4)], 2 * (9 * 8) + 7 * (2 * 9)),
    ("ScaledDotProductAttention", {"shared_position_biases": True, "masked": True}, [(1, 3, 4)], 2 * (9 * 8) + 8 * 9),
    (
        *("MixtureOfExperts", {"num_experts": 8, "units": 7, "groups": 4, "top_k_groups": 2, "scoring": "sigmoid"}),
        *([(1, 3, 5)], 2 * 3 * (5 * 8 + 2 * 3 * 5 * 7) + 3 * 2 * 7 * 5 + 3 * (4 * 8 + 4 + 3) + 3 * 3 * 5),
    ),
    (
        *("MixtureOfExperts", {"num_experts": 4, "units": 7, "capacity_factor": 1.25, "score_bias": True}),
        *([(1, 6, 5)], 2 * (6 * 5 * 4 + 3 * 16 * 5 * 7) + 16 * 7 * 5 + 6 * 6 * 4 + 3 * 6 * 5),
    ),
    (
        *(
            "MixtureOfExperts",
            {"num_experts": 4, "units": 7, "use_bias": True, "limit": 7, "scoring": "softmax_of_chosen"},
        ),
        *([(1, 3, 5)], 2 * 3 * 5 * (4 + 2 * 3 * 7) + 3 * 2 * (7 * (5 + 4) + 2 * 7 + 5) + 3 * (4 + 5 * 2) + 3 * 15),
    ),
    ("Transpose", {"dim0": 1, "dim1": 2}, [(1, 3, 8)], 0),
    ("Attention", {"use_scale": True}, [(1, 3, 4), (1, 5, 4), (1, 5, 4)], 2 * (15 * 4) + 15 + 5 * 15 + 2 * 15 * 4),
    ("AdditiveAttention", {}, [(1, 3, 4), (1, 5, 4)], 60 + 60 + 60 + 45 + 5 * 15 + 2 * 15 * 4),
    ("FFT", {}, [(1, 3, 8)], 5 * 24 * 3),
    ("FFT", {"axes": [1, 2]}, [(1, 3, 8)], 5 * 24 * (2 + 3)),
    ("InverseFFT", {}, [(1, 3, 8, 2)], 5 * 24 * 3),
    ("RFFT", {"factor": 2}, [(1, 3, 8)], 5 * 3 * 9 * 4),
    ("InverseRFFT", {}, [(1, 3, 9, 2)], 5 * 27 * 4),
    ("ComplexMultiply", {}, [(1, 3, 9, 2), (1, 1, 9, 2)], 6 * 27),
    ("FFTConvolution", {}, [(1, 8, 3), (1, 8, 3)], 3 * (5 * 3 * 9 * 4) + 6 * 27),
    ("LinearAttention", {}, [(1, 5, 3), (1, 5, 3), (1, 5, 2)], (2 + 2) * 5 * 6),
    ("DeltaRule", {}, [(1, 5, 3), (1, 5, 3), (1, 5, 2), (1, 5, 1)], (4 + 2) * 5 * 6 + 2 * 10),
    ("DeltaRule", {}, [(1, 5, 3), (1, 5, 3), (1, 5, 2), (1, 5, 1), (1, 5, 3)], (4 + 3) * 5 * 6 + 2 * 10),
    ("GeneralizedDeltaRule", {}, [(1, 5, 3), (1, 5, 3), (1, 5, 2), *[(1, 5, 3)] * 3], (4 + 5) * 5 * 6),
    ("WKV", {}, [(1, 5, 3), (1, 5, 3), (1, 3), (1, 3)], 23 * 15),
    (
        *("MLSTM", {"num_heads": 2}, [(1, 5, 6), (1, 5, 6), (1, 5, 4), (1, 5, 2), (1, 5, 2)]),
        2 * 5 * (2 * (2 * 6 + 3) + 3 * 6 + 4 * 3 + 2 + 16),
    ),
    (
        *("MLSTM", {"num_heads": 2, "chunk": 3}, [(1, 5, 6), (1, 5, 6), (1, 5, 4), (1, 5, 2), (1, 5, 2)]),
        2 * 6 * (2 * (2 * 6 + 3 + 3 * 5) + 3 * 6 + 4 * 3 + 2 + 16 + 3 * 3),
    ),
    ("CRF", {"num_tags": 4}, [(1, 5, 4)], 3 * 4 * 16 + 3 * 4),
    ("SLSTM", {"units": 6, "num_heads": 2}, [(1, 5, 24)], 5 * 6 * (2 * 4 * 3 + 23 + 4)),
    ("SLSTM", {"units": 6, "use_bias": False}, [(1, 5, 24)], 5 * 6 * (2 * 4 * 6 + 23)),
    ("LinearAttention", {"num_heads": 2}, [(1, 5, 4), (1, 5, 4), (1, 5, 6), (1, 2)], (2 + 3) * 5 * 2 * 6),
    ("LinearAttention", {}, [(1, 5, 3), (1, 5, 3), (1, 5, 2), (1, 5, 3), (1, 3)], (2 + 5) * 5 * 6),
    (
        *("LinearAttention", {"num_heads": 2, "chunk": 3}, [(1, 5, 4), (1, 5, 4), (1, 5, 6), (1, 5, 2)]),
        2 * (2 * 6 * 3 * (2 + 3) + 2 * 6 * 12) + 3 * 5 * 12 + 2 * 6 * 3,
    ),
    ("ScaledDotProductAttention", {"num_heads": 2, "soft_cap": 30}, [(1, 3, 4)], 2 * (9 * 8) + 9 * (2 * 9)),
    (
        "ScaledDotProductAttention",
        {"num_heads": 2, "sinks": True},
        [(1, 3, 4)],
        2 * (9 * 8) + 6 * (2 * 9) + 5 * (2 * 3),
    ),
    ("ScaledDotProductAttention", {"num_heads": 2}, [(1, 3, 4), (1, 5, 4), (1, 5, 6)], 2 * (15 * 10) + 6 * (2 * 15)),
    # ... with four projections of 4 x 4 and their biases
    ("MultiHeadAttention", {"num_heads": 2, "key_dim": 2}, [(1, 3, 4)], 4 * (2 * 3 * 16 + 12) + 2 * 72 + 6 * 18),
    (
        "MultiHeadAttention",
        {"num_heads": 2, "embed_dim": 4, "out_bias": False, "rotary": True},
        [(1, 3, 4)],
        4 * (2 * 3 * 16) + 3 * 12 + 2 * (3 * 12) + 2 * 72 + 6 * 18,
    ),
    (
        "MultiHeadAttention",
        {"num_heads": 2, "embed_dim": 4, "need_weights": True},
        [(1, 3, 4)],
        4 * (2 * 3 * 16 + 12) + 2 * 72 + (6 + 1) * 18,
    ),
    # Recurrent: 5 steps of 2 units and 3 features, gates * 2 * (3 + 2) MACs each
    ("SimpleRNN", {"units": 2}, [(1, 5, 3)], 5 * (2 * 10 + 2 * (1 + 1))),
    ("SimpleRNN", {"units": 2, "biases": 2}, [(1, 5, 3)], 5 * (2 * 10 + 2 * (1 + 2))),
    ("LSTM", {"units": 2}, [(1, 5, 3)], 5 * (2 * 40 + 2 * (18 + 4))),
    ("LSTM", {"units": 2, "use_bias": False}, [(1, 5, 3)], 5 * (2 * 40 + 2 * 18)),
    ("LSTM", {"units": 2, "bidirectional": True}, [(1, 5, 3)], 2 * 5 * (2 * 40 + 2 * (18 + 4))),
    ("LSTM", {"units": 2, "proj_size": 1}, [(1, 5, 3)], 5 * (2 * (4 * 2 * 4 + 2) + 2 * (18 + 4))),
    ("GRU", {"units": 2}, [(1, 5, 3)], 5 * (2 * 30 + 2 * (14 + 6))),
    ("GRU", {"units": 2}, [(1, 5, 3), (1, 2)], 5 * (2 * 30 + 2 * (14 + 6))),
    ("GRU", {"units": 2, "reset_after": False}, [(1, 5, 3)], 5 * (2 * 30 + 2 * (14 + 3))),
    # Kernels of other weights: the layer's, and 3 per element and 2 per length; Keras's at inference nothing
    ("WeightNorm", {"layer": {"Dense": 3}}, [(1, 5)], 2 * 15 + 3 + 3 * 15 + 2 * 3),
    (
        "WeightNorm",
        {"layer": {"Conv1D": {"filters": 4, "kernel_size": 3, "groups": 2}}, "dim": 2},
        [(1, 8, 6)],
        2 * 216 + 24 + 3 * 36 + 2 * 3,
    ),
    (
        "WeightNorm",
        {"layer": {"Conv1DTranspose": {"filters": 3, "kernel_size": 1}}},
        [(1, 4, 5)],
        2 * 60 + 12 + 3 * 15 + 2 * 5,
    ),
    ("WeightStandardization", {"layer": {"Dense": 3}}, [(1, 5)], 2 * 15 + 3 + 5 * 15 + 2 * 3),
    (
        *("WeightStandardization", {"layer": {"Conv2D": {"filters": 3, "kernel_size": 1}}, "gain": True}, [IMAGE]),
        2 * 96 + 48 + 5 * 6 + 4 * 3,
    ),
    ("SpectralNorm", {"layer": {"Dense": 3}}, [(1, 5)], 2 * 15 + 3 + 3 * 15 + 2 * 3),
    ("SpectralNormalization", {"layer": {"Dense": 3}}, [(1, 5)], 2 * 15 + 3),
    # ... 16 positions of 9 taps and 2 channels: 7 between positions, 1 for a mask
    (
        *("DeformConv2D", {"filters": 3, "kernel_size": 3, "padding": 1}, [IMAGE, (1, 4, 4, 18)]),
        2 * 16 * 18 * 3 + 16 * 3 + 7 * 16 * 18,
    ),
    (
        *("DeformConv2D", {"filters": 3, "kernel_size": 3, "padding": 1}, [IMAGE, (1, 4, 4, 18), (1, 4, 4, 9)]),
        2 * 16 * 18 * 3 + 16 * 3 + 8 * 16 * 18,
    ),
    # ... 2x3 points of 2 channels, between 4 positions: 4 factors and 3 sums; nothing is computed for the nearest one
    ("GridSample", {}, [IMAGE, (1, 2, 3, 2)], 7 * 12),
    ("GridSample", {"mode": "bicubic"}, [IMAGE, (1, 2, 3, 2)], 31 * 12),
    ("GridSample", {"mode": "nearest"}, [IMAGE, (1, 2, 3, 2)], 0),
    # ... 2 queries of 3 heads read 2 points of 2 maps, 4 values each
    (
        *("DeformableAttention", {"heights": [4, 2], "widths": [4, 3]}),
        *([(1, 22, 12), (1, 2, 3, 2, 2, 2), (1, 2, 3, 2, 2)], 9 * 2 * 3 * 4 * 4 - 2 * 12),
    ),
    ("AffineGrid", {"size": [4, 5]}, [(1, 2, 3)], 5 * 40),
    ("AffineGrid", {"size": [2, 4, 5]}, [(1, 3, 4)], 7 * 120),
    ("Unfold", {"kernel_size": 3}, [IMAGE], 0),
    ("Fold", {"kernel_size": 2, "output_size": 3}, [(1, 4, 8)], 32),
    ("MaxUnpooling1D", {}, [(1, 4, 2)] * 2, 0),
    ("MaxUnpooling2D", {}, [IMAGE] * 2, 0),
    ("MaxUnpooling3D", {}, [(1, 2, 2, 2, 3)] * 2, 0),
    ("Bilinear", {"units": 3}, [(1, 4), (1, 5)], 2 * (4 * 5 * 3) + 4 * 5 + 3),
    ("GlobalResponseNormalization", {}, [IMAGE], 6 * 32 + 3 * 2),
    ("Maxout", {"num_units": 2}, [(1, 3, 6)], 2 * 6),
    # ... of maps: 5 steps of 2x2 positions; at each 4 gates of 2 filters, over 2x2 taps of 1 and 2 channels
    (
        *("ConvLSTM2D", {"filters": 2, "kernel_size": 2, "padding": "same"}, [(1, 5, 2, 2, 1)]),
        5 * 4 * (2 * 8 * 4 * (1 + 2) + 2 * (18 + 4)),
    ),
    (
        "ConvLSTM1D",
        {"filters": 2, "kernel_size": 2, "use_bias": False},
        [(1, 5, 3, 1)],
        5 * 2 * (2 * 8 * 2 * 3 + 2 * 18),
    ),
    ("ConvLSTM3D", {"filters": 1, "kernel_size": 1}, [(1, 5, 1, 1, 2, 1)], 5 * 2 * (2 * 4 * 2 + 18 + 4)),
    # ... one step
    ("SimpleRNNCell", {"units": 2}, [(1, 3)], 2 * 10 + 2 * (1 + 1)),
    ("LSTMCell", {"units": 2}, [(1, 3), (1, 2), (1, 2)], 2 * 40 + 2 * (18 + 4)),
    ("GRUCell", {"units": 2}, [(1, 3), (1, 2)], 2 * 30 + 2 * (14 + 6)),
    # ... 5 steps of 3 channels with 2 states each
    ("SelectiveScan", {}, [(1, 5, 3), (1, 5, 3), (1, 3, 2), (1, 5, 2), (1, 5, 2)], (2 + 6) * 5 * 3 * 2),
    (
        *("SelectiveScan", {}, [(1, 5, 3), (1, 5, 3), (1, 3, 2), (1, 5, 2), (1, 5, 2), (1, 3)]),
        (2 + 6) * 5 * 3 * 2 + 2 * 5 * 3,
    ),
    # Wrappers: the layer's, for 3 steps; twice the layer's
    ("TimeDistributed", {"layer": {"Dense": 4}}, [(1, 3, 5)], 3 * (2 * 20 + 4)),
    (
        "TimeDistributed",
        {"layer": {"Conv2D": {"filters": 3, "kernel_size": 3, "activation": "relu"}}},
        [(1, 3, 4, 4, 2)],
        3 * (2 * 4 * (9 * 2) * 3 + 4 * 3 + 4 * 3),
    ),
    ("TimeDistributed", {"layer": "Flatten"}, [(1, 3, 4, 4, 2)], 0),
    ("Bidirectional", {"layer": {"SimpleRNN": 2}}, [(1, 5, 3)], 2 * 5 * (2 * 10 + 2 * (1 + 1))),
    ("Bidirectional", {"layer": {"SimpleRNN": 2}, "merge_mode": "sum"}, [(1, 5, 3)], 2 * 5 * (2 * 10 + 4) + 2),
    ("Bidirectional", {"layer": {"SimpleRNN": 2}, "merge_mode": "ave"}, [(1, 5, 3)], 2 * 5 * (2 * 10 + 4) + 2 * 2),
    # Whole tensors
    ("MatMul", {}, [(1, 2, 3), (1, 3, 4)], 2 * 3 * 8),
    ("Slice", {}, [IMAGE], 0),
    ("Select", {"index": 0}, [IMAGE], 0),
    ("Roll", {"shift": 1}, [IMAGE], 0),
    ("ReduceSum", {"axis": 1}, [IMAGE], 32 - 8),
    ("ReduceMean", {"axis": [1, 2]}, [IMAGE], 32),
    ("ReduceMax", {"axis": 3}, [IMAGE], 32 - 16),
    ("WindowPartition", {"window_size": 2}, [IMAGE], 0),
    ("WindowReverse", {"size": 4, "window_size": 2}, [(1, 4, 4, 2)], 0),
    ("SampleGaussian", {}, [(1, 5), (1, 5)], 4 * 5),
    ("Custom", {"macs": 10}, [IMAGE], 20),
    ("Custom", {"macs": 10, "flops": 25}, [IMAGE], 25),
    ("Custom", {"macs": Computed("in[1] * n", {"n": 3}, value_of)}, [IMAGE], 2 * (4 * 3)),
    # Several outputs: parts cost nothing, the largest a comparison for every element
    ("Split", {"parts": 2}, [IMAGE], 0),
    ("Unbind", {"parts": 4}, [IMAGE], 0),
    ("TopK", {"k": 2}, [IMAGE], 32),
    ("MaxPooling2D", {"return_indices": True}, [IMAGE], 3 * 8),
    ("LSTM", {"units": 2, "return_state": True}, [(1, 5, 3)], 5 * (2 * 40 + 2 * (18 + 4))),
    # No inputs
    ("Parameter", {"shape": [3, 4]}, [], 0),
    ("Constant", {"shape": [3, 4]}, [], 0),
    # Activations: an element's operations
    ("Activation", {"activation": "gelu"}, [IMAGE], 5 * 32),
    ("Activation", {"activation": "linear"}, [IMAGE], 0),
    ("ReLU", {}, [IMAGE], 32),
    ("ReLU", {"max_value": 6}, [IMAGE], 2 * 32),
    ("ReLU", {"max_value": 6, "negative_slope": 0.1}, [IMAGE], 3 * 32),
    ("ReLU6", {}, [IMAGE], 2 * 32),
    ("LeakyReLU", {}, [IMAGE], 2 * 32),
    ("PReLU", {}, [IMAGE], 2 * 32),
    ("ThresholdedReLU", {}, [IMAGE], 32),
    ("ELU", {}, [IMAGE], 4 * 32),
    ("SELU", {}, [IMAGE], 5 * 32),
    ("CELU", {}, [IMAGE], 7 * 32),
    ("GELU", {}, [IMAGE], 5 * 32),
    ("GELU", {"approximate": "none"}, [IMAGE], 5 * 32),
    ("GELU", {"approximate": True}, [IMAGE], 8 * 32),
    ("GELU", {"approximate": "tanh"}, [IMAGE], 8 * 32),
    ("QuickGELU", {}, [IMAGE], 4 * 32),
    ("SiLU", {}, [IMAGE], 4 * 32),
    ("Sigmoid", {}, [IMAGE], 4 * 32),
    ("LogSigmoid", {}, [IMAGE], 5 * 32),
    ("Tanh", {}, [IMAGE], 32),
    ("Softplus", {}, [IMAGE], 3 * 32),
    ("Softplus", {"beta": 2}, [IMAGE], 5 * 32),
    ("Softsign", {}, [IMAGE], 3 * 32),
    ("Mish", {}, [IMAGE], 5 * 32),
    ("Exponential", {}, [IMAGE], 32),
    ("HardSigmoid", {}, [IMAGE], 4 * 32),
    ("HardSwish", {}, [IMAGE], 5 * 32),
    ("HardTanh", {}, [IMAGE], 2 * 32),
    ("HardShrink", {}, [IMAGE], 2 * 32),
    ("SoftShrink", {}, [IMAGE], 5 * 32),
    ("TanhShrink", {}, [IMAGE], 2 * 32),
    ("Softmax", {}, [IMAGE], 5 * 32),
    ("LogSoftmax", {}, [IMAGE], 5 * 32),
    ("GLU", {}, [IMAGE], 5 * 16),
    # Functions of each element
    *((name, {}, [IMAGE], 32) for name in ("Sqrt", "Rsqrt", "Square", "Abs", "Log", "Sin", "Cos", "Erf")),
    *((name, {}, [IMAGE], 32) for name in ("Reciprocal", "Negative", "Sign", "Floor", "Ceil", "Round", "LogicalNot")),
    *((name, {}, [IMAGE], 32) for name in ("Log2", "Log10", "Tan", "Asin", "Acos", "Atan", "Sinh", "Cosh", "Trunc")),
    ("Log1p", {}, [IMAGE], 2 * 32),
    ("Expm1", {}, [IMAGE], 2 * 32),
    ("Clip", {"min_value": 0}, [IMAGE], 32),
    ("Clip", {"min_value": 0, "max_value": 1}, [IMAGE], 2 * 32),
    ("Cast", {"dtype": "float16"}, [IMAGE], 0),
    # ... of two inputs, or one and a number
    *((name, {}, [IMAGE, (1, 4, 1, 2)], 32) for name in ("Divide", "Power", "Equal", "NotEqual", "Greater", "Less")),
    *(
        (name, {}, [(1, 4, 4, 1), (1, 4, 1, 2)], 32)
        for name in ("GreaterEqual", "LessEqual", "LogicalAnd", "LogicalOr")
    ),
    ("Power", {"exponent": 2}, [IMAGE], 32),
    ("Greater", {"value": 0.5}, [IMAGE], 32),
    ("LogicalXor", {}, [IMAGE, IMAGE, IMAGE], 2 * 32),
    ("Where", {}, [IMAGE, IMAGE, IMAGE], 0),
    ("MaskedFill", {}, [IMAGE, IMAGE], 0),
    # Reductions: 32 elements, 8 rows of 4 or 2 of 16
    *((name, {"axis": 1}, [IMAGE], 32 - 8) for name in ("ReduceMin", "ReduceProd", "ReduceAny", "ReduceAll")),
    *((name, {"axis": 1}, [IMAGE], 32 - 8) for name in ("ArgMax", "ArgMin", "CumSum", "CumProd")),
    ("ReduceVar", {"axis": [1, 2]}, [IMAGE], 4 * 32),
    ("ReduceStd", {"axis": [1, 2]}, [IMAGE], 4 * 32 + 2),
    ("ReduceL1", {"axis": [1, 2]}, [IMAGE], 32 + 32 - 2),
    ("ReduceL2", {"axis": 1}, [IMAGE], 2 * 32),
    ("ReduceLogSumExp", {"axis": 1}, [IMAGE], 4 * 32),
    ("Sort", {"axis": 1}, [IMAGE], 2 * 32),
    ("Sort", {}, [(1, 2, 9)], 4 * 18),
    ("Sort", {}, [(1, 2, 1)], 0),
    # Axes and places: only sums count
    ("Squeeze", {"axis": 1}, [(1, 1, 2)], 0),
    ("Unsqueeze", {"axis": 1}, [IMAGE], 0),
    ("Expand", {"target_shape": [4, 5]}, [(1, 1, 5)], 0),
    ("Tile", {"repeats": [2, 3]}, [(1, 4, 5)], 0),
    ("Repeat", {"repeats": 2}, [IMAGE], 0),
    ("Stack", {}, [IMAGE, IMAGE], 0),
    ("Flip", {"axis": 1}, [IMAGE], 0),
    ("SwapAxes", {"axis1": 1, "axis2": 2}, [IMAGE], 0),
    ("MoveAxis", {"source": 1, "destination": 2}, [IMAGE], 0),
    ("Tril", {}, [IMAGE], 0),
    ("Triu", {}, [IMAGE], 0),
    ("Gather", {}, [IMAGE, (1, 7)], 0),
    ("EmbeddingLookup", {}, [(1, 7), (1, 9, 4)], 0),
    ("TakeAlongAxis", {}, [IMAGE, (1, 7, 1, 1)], 0),
    ("ScatterAdd", {"size": 3}, [IMAGE, (1, 4)], 32),
    ("OneHot", {"num_classes": 3}, [(1, 7)], 0),
    ("Arange", {"stop": 3}, [], 0),
    ("Fill", {"shape": [3]}, [], 0),
    # Merges
    ("Add", {}, [IMAGE, IMAGE], 32),
    ("Add", {}, [IMAGE, IMAGE, (1, 2)], 2 * 32),
    ("Subtract", {}, [IMAGE, IMAGE], 32),
    ("Multiply", {}, [IMAGE, (1, 1, 1, 2)], 32),
    ("Maximum", {}, [IMAGE, IMAGE], 32),
    ("Minimum", {}, [IMAGE, IMAGE], 32),
    ("Average", {}, [IMAGE, IMAGE, IMAGE], 3 * 32),
    ("Concatenate", {}, [IMAGE, IMAGE], 0),
    ("Dot", {"axes": 1}, [(1, 5), (1, 5)], 2 * 5),
    ("Dot", {"axes": [2, 1], "normalize": True}, [(1, 3, 5), (1, 5, 2)], 2 * 5 * 6 + 3 * (15 + 10)),
    # Reshaping: only interpolation computes
    ("Flatten", {}, [IMAGE], 0),
    ("Reshape", {"target_shape": [-1]}, [IMAGE], 0),
    ("Permute", {"dims": [0, 3, 1, 2]}, [IMAGE], 0),
    ("RepeatVector", {"n": 2}, [(1, 5)], 0),
    ("ZeroPadding1D", {}, [(1, 3, 2)], 0),
    ("ZeroPadding2D", {}, [IMAGE], 0),
    ("ZeroPadding3D", {}, [(1, 2, 2, 2, 3)], 0),
    ("Cropping1D", {}, [(1, 3, 2)], 0),
    ("Cropping2D", {"cropping": 1}, [IMAGE], 0),
    ("Cropping3D", {"cropping": 0}, [(1, 2, 2, 2, 3)], 0),
    ("UpSampling1D", {}, [(1, 3, 2)], 0),
    ("UpSampling2D", {}, [IMAGE], 0),
    ("UpSampling2D", {"interpolation": "bilinear"}, [IMAGE], 3 * 2 * (64 * 2)),
    ("UpSampling2D", {"interpolation": "bicubic", "size": [1, 2]}, [IMAGE], 7 * 2 * (32 * 2)),
    ("UpSampling2D", {"interpolation": "lanczos3"}, [IMAGE], 11 * 2 * (64 * 2)),
    ("UpSampling2D", {"interpolation": "lanczos5"}, [IMAGE], 19 * 2 * (64 * 2)),
    ("UpSampling3D", {}, [(1, 2, 2, 2, 3)], 0),
    ("Upsample", {"scale_factor": 2}, [IMAGE], 0),
    ("Upsample", {"size": 6, "mode": "linear"}, [(1, 3, 2)], 3 * (6 * 2)),
    ("UpsampleBilinear", {"size": [5, 6]}, [IMAGE], 3 * 2 * (5 * 6 * 2)),
    ("Upsample", {"scale_factor": [1.5, 0.5], "mode": "bilinear"}, [IMAGE], 3 * 2 * (6 * 2 * 2)),
    ("Resizing", {"height": 5, "width": 6}, [IMAGE], 3 * 2 * (5 * 6 * 2)),
    ("Resizing", {"height": 5, "width": 6, "interpolation": "nearest"}, [IMAGE], 0),
    # Before a network: only a difference and a quotient, and comparisons, are computed
    ("Normalization", {}, [IMAGE], 2 * 32),
    ("Normalization", {"mean": 1, "variance": 2}, [IMAGE], 2 * 32),
    ("CenterCrop", {"height": 2, "width": 3}, [IMAGE], 0),
    ("RandomCrop", {"height": 2, "width": 3}, [IMAGE], 0),
    *(
        (name, {}, [IMAGE], 0)
        for name in ops.FAMILIES["preprocess"]
        if name.startswith("Random") and "Crop" not in name
    ),
    *((name, {}, [IMAGE], 0) for name in ("AugMix", "CutMix", "MixUp", "RandAugment", "Equalization", "Solarization")),
    ("CategoryEncoding", {"num_tokens": 5}, [(1, 4)], 0),
    ("Discretization", {"bin_boundaries": [0, 1, 2]}, [(1, 4)], 3 * 4),
    *((name, {}, [(1, 4)], 0) for name in ("IntegerLookup", "StringLookup")),
    ("Hashing", {"num_bins": 9}, [(1, 4)], 0),
    ("HashedCrossing", {"num_bins": 9}, [(1, 1), (1, 1)], 0),
    ("TextVectorization", {"output_sequence_length": 9}, [(1, 1)], 0),
    *(
        (f"NA{rank}D", {"num_heads": 2, "kernel_size": 3}, [(1, *[4] * rank, 6)] * 3, 4**rank * 3**rank * (24 + 12))
        for rank in (1, 2, 3)
    ),
    ("DynamicConv1D", {"filters": 3, "kernel_size": 2}, [(1, 5, 4), (1, 24)], 2 * 8 * 12),
    ("DynamicConv2D", {"filters": 3, "kernel_size": 2}, [(1, 5, 3, 4), (1, 48)], 2 * 16 * 24),
    ("DynamicConv3D", {"filters": 3, "kernel_size": 1}, [(1, 2, 2, 2, 4), (1, 12)], 2 * 4 * 24),
    ("ResizeLike", {}, [IMAGE, (1, 5, 6, 1)], 0),
    ("ResizeLike", {"interpolation": "bilinear"}, [IMAGE, (1, 5, 6, 1)], 3 * 2 * (5 * 6 * 2)),
    ("ResizeLike", {"interpolation": "linear"}, [(1, 3, 2), (1, 6, 1)], 3 * (6 * 2)),
    ("CropLike", {}, [IMAGE, (1, 3, 2, 1)], 0),
    ("ReshapeLike", {}, [IMAGE, (1, 16, 2)], 0),
    ("ChannelShuffle", {"groups": 2}, [IMAGE], 0),
    ("PixelShuffle", {"upscale_factor": 1}, [IMAGE], 0),
    ("PixelUnshuffle", {"downscale_factor": 2}, [IMAGE], 0),
    ("PixelShuffle1D", {"upscale_factor": 2}, [(1, 3, 4)], 0),
    ("PixelShuffle3D", {"upscale_factor": 1}, [(1, 2, 2, 2, 3)], 0),
    ("PixelUnshuffle1D", {"downscale_factor": 2}, [(1, 4, 3)], 0),
    ("PixelUnshuffle3D", {"downscale_factor": 2}, [(1, 2, 2, 2, 3)], 0),
]


@pytest.mark.parametrize(("op", "args", "inputs", "flops"), FLOPS)
def test_flops_follow_the_rule_in_the_docstring(op, args, inputs, flops):
    assert figures(make(op, args), inputs).flops == flops


@pytest.mark.parametrize("kind", ops.all_ops(), ids=lambda kind: kind.__name__)
def test_every_operator_has_rows(kind):
    counted = {ops.find_operator(op) for op, *_ in FLOPS}
    layers = [make(row["op"], row["args"]) for _, row in ROWS if row["output"]]
    measured = {type(layer.activation if type(layer) is ops.find_operator("Activation") else layer) for layer in layers}
    assert kind in counted
    # No framework here has these: an input, what torchvision or timm add, tables that Keras has of TensorFlow; the last
    # but three is measured by what it names.
    by_hand = {
        "Input",
        "LayerScale",
        "StochasticDepth",
        "Activation",
        "Custom",
        *ops.FAMILIES["words"],
    }
    assert kind in measured or kind.__name__ in by_hand


def test_what_no_framework_here_has():
    for op, args in (
        ("Hashing", {"num_bins": 4}),
        ("IntegerLookup", {"vocabulary": [3, 5, 8]}),
        ("StringLookup", {"vocabulary": [*"abc"]}),
    ):
        assert figures(make(op, args), [(2, 5)])[:4] == ([2, 5], 0, 0, 0)
        assert figures(make(op, {**args, "output_mode": "multi_hot"}), [(2, 5)])[:4] == ([2, 4], 0, 0, 0)
        assert figures(make(op, {**args, "output_mode": "one_hot"}), [(2, 1)])[:4] == ([2, 4], 0, 0, 0)
    padded = {"max_tokens": 7, "pad_to_max_tokens": True, "output_mode": "tf_idf"}
    assert figures(make("StringLookup", padded), [(2, 5)])[0] == [2, 7]
    for shape in ((2,), (2, 1)):
        assert figures(make("HashedCrossing", {"num_bins": 4}), [shape, shape])[:4] == ([*shape], 0, 0, 0)
        assert figures(make("HashedCrossing", {"num_bins": 4, "output_mode": "one_hot"}), [shape, shape])[0] == [2, 4]
        assert figures(make("TextVectorization", {"output_sequence_length": 9}), [shape])[:4] == ([2, 9], 0, 0, 0)
        counted = {"vocabulary": [*"abc"], "output_mode": "tf_idf"}
        assert figures(make("TextVectorization", counted), [shape])[0] == [2, 4]
    assert figures(make("Input", {"shape": [4, 3]}), [])[:5] == ([1, 4, 3], 0, 0, 0, 0)
    assert figures(make("LayerScale", {}), [(2, 4, 4, 3)])[:5] == ([2, 4, 4, 3], 3, 0, 0, 96)
    assert figures(make("LayerScale", {}, "channels_first"), [(2, 3, 4, 4)]).params == 3
    assert figures(make("LayerScale", {"axis": 1}), [(2, 5, 4, 3)]).params == 5
    assert figures(make("StochasticDepth", {"p": 0.1}), [(2, 4, 4, 3)])[:5] == ([2, 4, 4, 3], 0, 0, 0, 0)
    own = {"output": [7], "params": 11, "macs": 10, "flops": 25}
    assert figures(make("Custom", own), [(2, 4, 4, 3), (2, 5)])[:5] == ([2, 7], 11, 0, 20, 50)
    assert figures(make("Custom", {}), [(2, 5)])[:5] == ([2, 5], 0, 0, 0, 0)


def test_tables_do_not_grow_with_the_batch_or_the_steps():
    swin = {"num_heads": 3, "key_dim": 4, "position_biases": 13**2}
    # Four projections of 12 x 12 with biases, and 169 biases a head.
    assert figures(make("MultiHeadAttention", swin), [(2, 4, 49, 12)]).params == 4 * (144 + 12) + 3 * 169
    # A layer that adds another's biases has none of its own.
    shared = {"num_heads": 3, "key_dim": 4, "shared_position_biases": True}
    assert figures(make("MultiHeadAttention", shared), [(2, 49, 12)]).params == 4 * (144 + 12)
    assert figures(make("LearnedTokens", {"n": 3}), [(2, 5, 6)])[:2] == ([2, 3, 6], 3 * 6)


@pytest.mark.parametrize("name", ["Embedding", "EmbeddingBag", "LearnedTokens"])
def test_what_is_looked_up_is_no_integer(name):
    args = {"n": 3} if name == "LearnedTokens" else {"input_dim": 9, "output_dim": 4}
    assert make(name, args).output_dtype("int32") == "float"
