"""What rules say beside the figures that are measured: what is kept, work space, views, windows, axes, labels."""

import pytest
from small import make, single_layer, small

from archinspect.analyses import memory
from archinspect.base.diagnostics import InvalidSpecError
from archinspect.base.shape import Mismatch
from archinspect.ops.attention import ScaledDotProductAttention
from archinspect.ops.declared import ArgumentError
from archinspect.ops.figures import Kept, Reach, Run, View, Work
from archinspect.ops.multihead import _Packed

Q, K, V = (3, 5, 8), (3, 7, 8), (3, 7, 8)
TWO_HEADS = {"num_heads": 2}
ONE_OF_TWO = [Q, (3, 7, 4), (3, 7, 4)]
"""Of two heads' queries, and the keys and values of one."""
CHANNELS_LAST = (48, 1, 12, 3)
"""Strides of two samples of three channels of 4x4."""
UP = {"filters": 4, "kernel_size": 6, "strides": 2}
TWENTY_STEPS = {"filters": 2, "kernel_size": 1, "return_sequences": True}
BONUS = [(1, 4, 6)] * 3 + [(1, 4, 6), (1, 6)]
"""Queries, keys, values, decays and bonuses of one head."""
SCORES = 3 * 2 * 5 * 7
QUERIES, KEYS, RESULT = 120, 168, 120


def rule(name, op, args, shapes, inputs=(), **how):
    layer = make(op, args, "channels_first")
    return getattr(layer, name)(shapes, layer.output(*shapes), Run(inputs or (True,) * len(shapes), **how))


@pytest.mark.parametrize(
    ("attention", "args", "shapes", "kept"),
    [
        ("fused", TWO_HEADS, [Q, K, V], Kept((0, 1, 2), outputs=(0,), extra=(("float32", 3 * 5 * 2),))),
        ("eager", TWO_HEADS, [Q, K, V], Kept((0, 1, 2), extra=(("float", SCORES),))),
        ("eager", {**TWO_HEADS, "dropout": 0.1}, [Q, K, V], Kept((0, 1, 2), extra=(("float", 3 * SCORES),))),
        ("eager", {**TWO_HEADS, "num_kv_heads": 1}, ONE_OF_TWO, Kept((0,), extra=(("float", 2 * KEYS + SCORES),))),
        ("math", {}, [Q, K, V], Kept((2,), extra=(("float", QUERIES + KEYS + SCORES // 2),))),
        ("math", TWO_HEADS, [Q, K, V], Kept(extra=(("float", QUERIES + 2 * KEYS + SCORES),))),
        ("eager", {"position_biases": 3}, [Q, K, V], Kept((0, 1, 2), extra=(("float", SCORES // 2), ("int64", 5 * 7)))),
        (
            *("math", {**TWO_HEADS, "num_kv_heads": 1}, ONE_OF_TWO),
            Kept(extra=(("float", QUERIES + 2 * KEYS + SCORES),)),
        ),
    ],
)
def test_what_attention_keeps(attention, args, shapes, kept):
    assert rule("kept", "ScaledDotProductAttention", args, shapes, attention=attention) == kept


@pytest.mark.parametrize(
    ("attention", "args", "shapes", "space", "added"),
    [
        ("fused", TWO_HEADS, [Q, K, V], ("float32", 3 * 5 * 2), 0),
        # The scores and the result twice, but for the output; or the scores twice.
        ("eager", TWO_HEADS, [Q, K, V], ("float", SCORES + RESULT), 0),
        ("eager", TWO_HEADS, [(3, 5, 8), (3, 9, 8), (3, 9, 8)], ("float", 2 * 270 - RESULT), 0),
        ("eager", {**TWO_HEADS, "num_kv_heads": 1}, ONE_OF_TWO, ("float", 2 * KEYS + SCORES + RESULT), 0),
        # Scaled queries and keys and their copies; of a single sample there are no copies.
        ("math", TWO_HEADS, [Q, K, V], ("float", 2 * (QUERIES + KEYS) + SCORES - RESULT), 0),
        ("math", TWO_HEADS, [(1, 5, 8), (1, 7, 8), (1, 7, 8)], ("float", 40 + 2 * 70 - 40), 0),
        ("math", {"num_heads": 1}, [Q, K, V], ("float", QUERIES + KEYS + 105 - RESULT), 0),
        # Long values and results.
        ("math", TWO_HEADS, [Q, K, (3, 7, 80)], ("float", QUERIES + SCORES + 1680), 0),
        ("math", TWO_HEADS, [(1, 5, 8), (1, 7, 8), (1, 7, 80)], ("float", 2 * 400 - 400), 0),
        ("math", {**TWO_HEADS, "position_biases": 1}, [Q, K, V], ("float", 666), 2 * 5 * 7),
        (
            *("math", {**TWO_HEADS, "masked": True}, [(2, 3, 5, 8), (2, 3, 7, 8), (2, 3, 7, 8)]),
            *(("float", 2 * 666), 0),  # a mask is a constant
        ),
        # What is written out adds the biases of each head.
        ("eager", {**TWO_HEADS, "position_biases": 1}, [Q, K, V], ("float", SCORES + RESULT), 2 * 5 * 7),
        # The numbers of 50 keys and queries, and the places of each pair twice; the output is not there yet.
        ("math", {"position_biases": 7}, [(1, 50, 2)] * 3, ("int64", 50 + 50 + 2 * 50 * 50), -100),
        # Copies of long queries and keys, and the scores; the output is not there yet.
        (
            *("math", {**TWO_HEADS, "soft_cap": 30.0}, [(3, 5, 80), (3, 7, 80), (3, 7, 2)]),
            *(("float", 1200 + 1680 + SCORES - 30), 0),
        ),
    ],
)
def test_the_work_space_of_attention(attention, args, shapes, space, added):
    found = rule("workspace", "ScaledDotProductAttention", args, shapes, attention=attention)
    assert found == (space, ("float", added))


@pytest.mark.parametrize(("steps", "biases", "square"), [(4, 9, True), (25, 81, True), (25, 121, False), (5, 9, False)])
def test_position_biases_of_a_square_window(steps, biases, square):
    op = make("ScaledDotProductAttention", {"position_biases": biases})
    assert op.biases_of_window([(1, steps, 8)] * 3) is square


def test_attention_apart_is_the_same_attention():
    apart = _Packed(num_heads=4, packed=3, causal=True).apart()
    assert (type(apart), apart.num_heads, apart.causal) == (ScaledDotProductAttention, 4, True)


@pytest.mark.parametrize(("packed", "copied"), [(1, 0), (3, 24)])
def test_values_of_one_step_are_copied_where_they_lie_beside_others(packed, copied):
    """Of three samples, two heads: beside the scaled queries and the result the scores, and the values' copy."""
    attention = _Packed(num_heads=2, packed=packed)
    shapes = [(3, 1, 8)] * 3
    (_, elements), *_ = attention.workspace(shapes, shapes[0], Run((True,) * 3, attention="math"))
    assert elements == 24 + 6 + copied


def test_fused_attention_computes_the_scores_again():
    """Two products forward; five backward, and the softmax of six operations twice."""
    found = rule("backward", "ScaledDotProductAttention", {"num_heads": 2}, [Q, K, V], attention="fused")
    assert found.inputs == Work(5 * 3 * 5 * 7 * 8, 2 * 6 * SCORES)


@pytest.mark.parametrize(
    ("name", "op", "args", "shapes", "how", "expected"),
    [
        ("kept", "ReLU", {}, [(2, 4)], {}, Kept(outputs=(0,))),
        ("kept", "LeakyReLU", {"negative_slope": 0.1}, [(2, 4)], {}, Kept((0,))),
        ("kept", "LeakyReLU", {"negative_slope": 1}, [(2, 4)], {}, Kept((0,))),
        ("kept", "LeakyReLU", {"negative_slope": 0.1}, [(2, 4)], {"in_place": True}, Kept(outputs=(0,))),
        ("kept", "ELU", {"in_place": True}, [(2, 4)], {"in_place": True}, Kept(outputs=(0,))),
        ("kept", "ELU", {}, [(2, 4)], {}, Kept((0,))),
        ("kept", "ReLU6", {}, [(2, 4)], {}, Kept((0,))),
        ("kept", "LayerScale", {}, [(2, 4)], {}, Kept((0,))),
        ("kept", "LayerScale", {}, [(2, 4)], {"weights": False}, Kept()),
        # Two samples of four tokens, of which one is the new one's.
        ("backward", "ClassToken", {}, [(2, 3, 5)], {}, Work(other=2 * 5)),
        # Squares with zeros around the channels are more than two outputs where there are few channels.
        (
            "workspace",
            "LocalResponseNormalization",
            {"depth_radius": 3},
            [(1, 2, 4, 4)],
            {},
            (("float", 16 * (2 + 6)),),
        ),
        ("workspace", "LocalResponseNormalization", {"depth_radius": 1}, [(1, 8, 4, 4)], {}, (("float", 2 * 128),)),
        ("workspace", "Rescaling", {"scale": 2, "offset": 1}, [(2, 4)], {}, (("float", 8),)),
        # What is summed over rows and columns is one axis in memory, or copied.
        *[
            ("kept", op, args, shapes, {"strides": strides}, Kept((*inputs, *others), extra=(("float", copied),)))
            for strides, inputs, copied in (((60, 20, 5, 1), (0,), 0), ((60, 5, 20, 1), (), 2 * 60))
            for op, args, shapes, others in (
                ("Einsum", {"equation": "abij,aijk->abk"}, [(2, 3, 4, 5), (2, 4, 5, 6)], (1,)),
                ("EinsumDense", {"equation": "abij,ijk->abk", "output_shape": [None, 6]}, [(2, 3, 4, 5)], ()),
            )
        ],
        ("workspace", "Normalization", {}, [(2, 4)], {}, (("float", 8 + 4),)),
        # Samples and channels are one axis, for which channels that lie last are copied.
        *[
            ("kept", "InstanceNormalization", {}, [(2, 3, 4, 4)], {"strides": strides}, kept)
            for strides, kept in (
                ((48, 16, 4, 1), Kept((0,), extra=(("float32", 12),))),
                (CHANNELS_LAST, Kept(extra=(("float32", 12), ("float", 96)))),
            )
        ],
        ("workspace", "Rescaling", {"scale": 2}, [(2, 4)], {}, (("float", 0),)),
        ("workspace", "Rescaling", {"offset": 1}, [(2, 4)], {}, (("float", 0),)),
        # A matrix for all samples is stretched to one each.
        ("workspace", "MatMul", {}, [(2, 3, 4, 5), (2, 1, 5, 6)], {}, (("float", 2 * 3 * 30),)),
        # ... one that stretches along each axis before is no copy
        ("workspace", "MatMul", {}, [(2, 3, 4, 5), (1, 1, 5, 6)], {}, (("float", 0),)),
        ("workspace", "MatMul", {}, [(2, 3, 4, 5), (2, 3, 5, 6)], {}, (("float", 0),)),
        # Slopes of all elements of a sample are read as a row, for which channels that lie last are copied.
        ("workspace", "PReLU", {}, [(2, 3, 4, 4)], {"strides": CHANNELS_LAST}, (("float", 96),)),
        # Rows that lie apart from each other are copied to be one axis.
        *[
            ("kept", "Einsum", {"equation": "bijk,bkl->bijl"}, [(2, 3, 4, 5), (2, 5, 6)], {"strides": strides}, kept)
            for strides, kept in (
                ((60, 20, 5, 1), Kept((0, 1), extra=(("float", 0),))),
                ((240, 80, 10, 1), Kept((1,), extra=(("float", 120),))),
            )
        ],
        # Four factors: each one, and the products of two and of three.
        ("kept", "Multiply", {}, [(2, 4)] * 4, {}, Kept((0, 1, 2, 3), extra=(("float", 2 * 8),))),
        ("kept", "Multiply", {}, [(2, 4)] * 2, {"inputs": (False, True)}, Kept((0,), extra=(("float", 0),))),
        # Of twenty steps: the outputs and where they are joined, the last step's sums and its state.
        ("workspace", "ConvLSTM2D", TWENTY_STEPS, [(1, 20, 3, 4, 4)], {}, (("float", 25 * 32),)),
        # A kernel keeps the state at the start of each chunk of steps, and what is read of the states.
        (
            *("kept", "GeneralizedDeltaRule", {}, [(1, 4, 6)] * 6, {"attention": "fused"}),
            Kept((0, 1, 2, 3, 4, 5), extra=(("float32", 36 + 24),)),
        ),
        ("workspace", "LinearAttention", {}, [(1, 4, 6)] * 3, {"attention": "fused"}, (("float32", 36),)),
        # How many positions each window has, beside the padded map.
        (
            *("workspace", "AveragePooling2D", {"pool_size": 2, "strides": 1, "padding": "same"}, [(1, 1, 4, 4)], {}),
            (("float", 16 + 25),),
        ),
        # No padding on both sides gives the output: the whole one is made, and cut.
        (
            *("workspace", "Conv2DTranspose", {"filters": 4, "kernel_size": 4, "padding": "same"}, [(2, 3, 5, 5)], {}),
            (("float", 2 * 4 * 8 * 8),),
        ),
        # Of single numbers: two states, three keys, a row and nine numbers of the head, but for the output's row.
        ("workspace", "MLSTM", {}, [(1, 3, 1)] * 5, {"attention": "eager"}, (("float", 2 + 3 + 9),)),
    ],
)
def test_by_hand(name, op, args, shapes, how, expected):
    found = rule(name, op, args, shapes, **how)
    assert (found.weights if name == "backward" else found) == expected


@pytest.mark.parametrize(
    ("op", "args", "shapes", "inputs", "expected"),
    [
        # A state of 6 x 6 is read by keys and by queries in each of 4 steps; the one of zeros has no gradient.
        ("DeltaRule", {}, [(1, 4, 6)] * 3 + [(1, 4, 1)], (True,) * 4, Work(3 * 144 + 108, 672)),
        ("DeltaRule", {}, [(1, 4, 6)] * 3 + [(1, 4, 1)], (False, True, False, False), Work(2 * 144 + 108, 672)),
        # The first step sees what enters with the bonus alone, whatever the decay.
        ("LinearAttention", {}, BONUS, (True,) * 5, Work(2 * 144, 1440)),
        ("LinearAttention", {}, BONUS, (True, False, False, True, False), Work(2 * 144 - 36, 1440)),
        ("LinearAttention", {"chunk": 2}, [(1, 4, 6)] * 3, (True,) * 3, Work(768, 2 * 288)),
        # Of three steps the first one reads a state of zeros.
        ("SLSTM", {"units": 2}, [(2, 3, 8)], (True,), Work(4 * 12 * 2 * 2 // 3, 2 * 27 * 12)),
    ],
)
def test_gradients_of_inputs(op, args, shapes, inputs, expected):
    assert rule("backward", op, args, shapes, inputs).inputs == expected


@pytest.mark.parametrize(
    ("op", "shapes", "wanted", "kept"),
    [
        ("Divide", [(2, 4), (2, 4)], (True, False), Kept((1,))),
        ("Divide", [(2, 4), (2, 4)], (False, True), Kept((0, 1))),
        ("Power", [(2, 4), (2, 4)], (True, False), Kept((0, 1), outputs=(0,))),
    ],
)
def test_what_is_kept_for_one_of_two_gradients(op, shapes, wanted, kept):
    assert make(op, {}).kept(shapes, (2, 4), Run(wanted)) == kept


@pytest.mark.parametrize(
    ("op", "args", "given", "output"),
    [
        ("Cast", {"dtype": "int32"}, ["float"], "int32"),
        ("Sqrt", {}, ["int32"], "float"),
        ("Abs", {}, ["int32"], "int32"),
        ("Divide", {}, ["int32", "int32"], "float"),
        ("Clip", {"min_value": 1}, ["int32"], "int32"),
        ("Clip", {"min_value": 0.5}, ["int32"], "float"),
        ("Power", {"exponent": 2}, ["int32"], "int32"),
        ("Power", {"exponent": 0.5}, ["int32"], "float"),
        ("Power", {"exponent": 0.5}, ["float16"], "float16"),
        ("Less", {}, ["float", "float"], "bool"),
        ("LogicalOr", {}, ["float", "float"], "bool"),
        ("Where", {}, ["bool", "int32", "float"], "float"),
        ("Where", {}, ["bool", "int32", "int32"], "int32"),
        ("MaskedFill", {}, ["int32", "bool"], "int32"),
        ("ReduceVar", {"axis": 1}, ["int32"], "float"),
        ("ReduceAll", {"axis": 1}, ["int32"], "bool"),
        ("ArgMax", {}, ["float"], "int64"),
        ("CumSum", {}, ["int32"], "int32"),
        ("CumProd", {}, ["bool"], "int64"),
        ("Gather", {}, ["int32", "int64"], "int32"),
        ("EmbeddingLookup", {}, ["int32", "float16"], "float16"),
        ("TakeAlongAxis", {}, ["bool", "int64"], "bool"),
        ("ScatterAdd", {"size": 3}, ["float16", "int64"], "float16"),
        ("OneHot", {"num_classes": 3}, ["int64"], "float"),
        ("OneHot", {"num_classes": 3, "dtype": "uint8"}, ["int64"], "uint8"),
        ("Arange", {"stop": 3}, [], "int64"),
        ("Fill", {"shape": [3], "dtype": "int32"}, [], "int32"),
    ],
)
def test_the_data_type_of_an_output(op, args, given, output):
    assert make(op, args).output_dtype(*given) == output


def test_sorting_gives_integers_beside_its_values():
    assert make("Sort", {}).output_dtypes("float16") == ("float16", "int64")


@pytest.mark.parametrize(
    ("dtype", "to", "bytes_"),
    [("float32", "float", 0), ("float32", "float32", 0), ("float16", "float32", 2 * 8 * 4), ("float16", "float16", 0)],
)
def test_a_cast_to_the_type_that_is_there_copies_nothing(dtype, to, bytes_):
    found = memory.peak(small({"Cast": to}, shape=[8], dtype=dtype, batch=2))
    assert sum(one.bytes for one in found.alive if one.layer != "input") == bytes_


@pytest.mark.parametrize(
    ("op", "args", "view"),
    [
        ("CropLike", {}, View(strided=True)),
        ("Slice", {"axis": 1, "stop": 2}, View(strided=True)),
        ("Split", {"parts": 2}, View(strided=True)),
        ("Unbind", {"axis": 1, "parts": 3}, View(strided=True)),
        ("Rescaling", {}, View()),
        ("Rescaling", {"scale": 2}, None),
        ("Rescaling", {"offset": 2}, None),
    ],
)
def test_what_lies_in_its_inputs_storage(op, args, view):
    assert make(op, args).view(training=True) == view


@pytest.mark.parametrize(
    ("op", "args", "shape", "strides", "expected"),
    [
        ("Expand", {"target_shape": [5, 3]}, (1, 1, 3), (3, 3, 1), (3, 0, 1)),
        ("Expand", {"target_shape": [5, -1, 3]}, (1, 2, 3), (6, 3, 1), (6, 0, 3, 1)),
        ("Permute", {"dims": [2, 1]}, (2, 3, 4), (12, 4, 1), (12, 1, 4)),
        ("Permute", {"dims": [0, 2, 1]}, (2, 3, 4), (12, 4, 1), (12, 1, 4)),
    ],
)
def test_the_strides_of_a_view(op, args, shape, strides, expected):
    layer = make(op, args)
    assert layer.view_strides(shape, strides, layer.output(shape)) == expected


def test_each_steps_map_lies_as_the_layers_own():
    """Five steps of 3 channels become five of 4; channels stay last."""
    steps = make("TimeDistributed", {"layer": {"Conv2D": {"filters": 4, "kernel_size": 1}}}, "channels_first")
    shape = (2, 5, 3, 4, 4)
    assert steps.own_strides([shape], [(5 * 48, *CHANNELS_LAST)], steps.output(shape)) == (5 * 64, 64, 1, 16, 4)


@pytest.mark.parametrize(
    ("op", "keeps"),
    [
        ("ZeroPad2d", True),
        ("ReflectionPad2d", True),
        ("CircularPad2d", False),
        ("ZeroPad3d", True),
        ("ReplicationPad3d", True),
        ("ReflectionPad3d", False),
        ("CircularPad3d", False),
        ("InstanceNorm2d", False),
    ],
)
def test_whether_channels_that_lie_last_stay_so(op, keeps):
    layer = make(op, {"padding": 1} if "Pad" in op else {}, "channels_first")
    shape, strides = ((2, 3, 4, 4, 4), (192, 1, 48, 12, 3)) if op.endswith("3d") else ((2, 3, 4, 4), CHANNELS_LAST)
    found = layer.own_strides([shape], [strides], layer.output(shape))
    assert (found[1] == 1) is keeps


@pytest.mark.parametrize(
    ("op", "args", "shape", "reach"),
    [
        ("AdaptiveAveragePooling2D", {"output_size": [2, None]}, (1, 3, 6, 5), (Reach(3, 3), Reach(1, 1))),
        ("AdaptiveAveragePooling2D", {"output_size": [4, None]}, (1, 3, 6, 5), None),
        ("PixelShuffle", {"upscale_factor": 2}, (1, 8, 4, 4), (Reach(2, up=2),) * 2),
        # Of the full output so much is cut off in front: half of the window after its stride; half of the window where
        # the output's size is asked for; nothing; what is stated.
        ("Conv2DTranspose", {**UP, "padding": "same"}, (1, 3, 4, 4), (Reach(6, 1, 2, up=2),) * 2),
        ("Conv2DTranspose", {**UP, "padding": "same", "output_padding": 1}, (1, 3, 4, 4), (Reach(6, 1, 3, up=2),) * 2),
        ("Conv2DTranspose", {**UP, "padding": "valid"}, (1, 3, 4, 4), (Reach(6, 1, 0, up=2),) * 2),
        (
            *("Conv2DTranspose", {**UP, "padding": [[1, 2], [0, 1]]}, (1, 3, 4, 4)),
            (Reach(6, 1, 1, up=2), Reach(6, 1, 0, up=2)),
        ),
    ],
)
def test_what_an_output_position_reads(op, args, shape, reach):
    assert make(op, args, "channels_first").reach(shape) == reach


@pytest.mark.parametrize(
    ("padding", "ends"),
    [("same", [(-2, -2)] * 2), ("valid", [(0, 0)] * 2), ([[1, 2], [0, 1]], [(-1, -2), (0, -1)])],
)
def test_what_is_cut_off_a_transposed_convolution(padding, ends):
    conv = make("Conv2DTranspose", {**UP, "padding": padding}, "channels_first")
    assert conv.ends((4, 5), conv.output((1, 3, 4, 5))[2:]) == ends


@pytest.mark.parametrize(
    ("height", "width", "cuts"), [(4, 2, ((0, 0), (1, 1))), (3, 3, ((1, 1), (0, 0))), (8, 6, ((0, 0), (0, 0)))]
)
def test_a_picture_is_cut_to_the_shape_that_is_asked_for(height, width, cuts):
    args = {"height": height, "width": width, "crop_to_aspect_ratio": True}
    assert make("Resizing", args, "channels_first").cuts((1, 3, 8, 6)) == cuts


def test_a_convolving_recurrence_carries_its_state_and_its_cell():
    op = make("ConvLSTM2D", {"filters": 4, "kernel_size": 3, "padding": "same"}, "channels_first")
    assert op.carried((2, 5, 3, 8, 6)) == 2 * (2 * 4 * 8 * 6)


def test_boxes_are_a_samples_own():
    """Two samples, with five boxes each."""
    boxes = make("RoIAlign", {"output_size": 7}, "channels_first").output((2, 3, 32, 32), (2, 5, 4))
    assert boxes == (2, 5, 3, 7, 7)


@pytest.mark.parametrize(
    ("op", "args", "shapes", "flow"),
    [
        ("ScaledDotProductAttention", TWO_HEADS, [Q], "... steps~ heads* -> ... steps~ heads*"),
        ("ScaledDotProductAttention", TWO_HEADS, [Q, K, (3, 7, 80)], ""),
        ("ScaledDotProductAttention", {**TWO_HEADS, "num_kv_heads": 1}, ONE_OF_TWO, ""),
        ("Softmax", {"axis": 1}, [(2, 3, 4)], "batch axis1~ axis2 -> batch axis1~ axis2"),
        ("Softmax", {"axis": None}, [(2, 3, 4)], ""),
        ("Add", {}, [(2, 3), (2, 3)], "..., ... -> ..."),
        ("Add", {}, [(2, 3), (2, 3), (2, 1)], ""),
        ("FrozenBatchNormalization", {}, [(2, 3, 4, 4)], "batch channels axis2 axis3 -> batch channels axis2 axis3"),
        ("MatMul", {}, [(2, 3, 4), (5, 4, 6)], ""),
        *[
            ("GlobalResponseNormalization", {"data_format": order}, [(2, 4, 4, 4)], f"{axes} -> {axes}")
            for order, axes in (
                ("channels_first", "batch channels axis2~ axis3~"),
                ("channels_last", "batch axis1~ axis2~ channels"),
            )
        ],
    ],
)
def test_how_axes_follow(op, args, shapes, flow):
    assert make(op, args, "channels_first").axis_flow(*shapes) == flow


def test_steps_are_an_axis_beside_the_batch():
    layer = make("TimeDistributed", {"layer": {"Dense": 4}})
    assert layer.axis_flow((2, 5, 3)) == make("Dense", {"units": 4}).axis_flow((2, 3)).replace("batch", "batch steps")


@pytest.mark.parametrize(
    ("op", "args", "label"),
    [
        ("AdaptiveAveragePooling2D", {"output_size": [2, None]}, "average pool to 2x*"),
        ("RotaryEmbedding", {}, "rotary"),
        ("BatchNormalization", {}, "batch norm"),
        ("DepthwiseConv2D", {"kernel_size": 3, "strides": [1, 2]}, "3x3 depthwise conv, /1x2"),
        ("Conv2DTranspose", UP, "6x6 transposed conv, 4, *2"),
        ("ClassToken", {}, "class token"),
        ("LearnedTokens", {"n": 5}, "5 learned tokens"),
        ("CropLike", {}, "crop"),
        ("ReshapeLike", {}, "reshape"),
        ("UpSampling2D", {"size": 2}, "upsample x2"),
        ("Upsample", {"size": [4, 6]}, "upsample to 4x6"),
        ("Upsample", {"scale_factor": [2, 3]}, "upsample x2x3"),
    ],
)
def test_labels(op, args, label):
    assert make(op, args).label() == label


@pytest.mark.parametrize(
    ("op", "args", "shapes", "help_"),
    [
        ("Cropping2D", {"cropping": 4}, [(1, 6, 6, 3)], "crop less"),
        ("Split", {"parts": 2, "axis": 1}, [(1, 3)], "`sizes` takes parts of different sizes"),
        ("MatMul", {}, [(1, 3, 4), (1, 3, 4)], "`transpose_a` and `transpose_b` exchange the last two axes"),
        ("TimeDistributed", {"layer": {"Cropping2D": 4}}, [(1, 2, 6, 6, 3)], "crop less"),
    ],
)
def test_the_remedy(op, args, shapes, help_):
    with pytest.raises(Mismatch) as error:
        make(op, args).output(*shapes)
    assert error.value.help == help_


def test_an_equation_may_have_200_characters():
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    long = f"{letters},{letters}->{letters}".ljust(200)
    assert make("Einsum", {"equation": long}).output((1,) * 52, (1,) * 52) == (1,) * 52
    with pytest.raises(ArgumentError):
        make("Einsum", {"equation": f"{long} "})


def test_a_layer_of_your_own_keeps_numbers_and_gives_another_type():
    op = make("Custom", {"params": 3, "buffers": 5, "output_type": "bool"})
    assert {name: (weight.shape, weight.parameter) for name, weight in op.weights((1, 4)).items()} == {
        "weights": ((3,), True),
        "buffers": ((5,), False),
    }
    assert op.output_dtype("float") == "bool"
    assert make("Custom", {}).output_dtype("int8", "float") == "float"


def test_macs_are_two_flops_at_least():
    assert make("Custom", {"macs": 5, "flops": 10}).work([(1, 4)], (1, 4)) == Work(5, 0)
    with pytest.raises(ArgumentError):
        make("Custom", {"macs": 5, "flops": 9})


@pytest.mark.parametrize(
    ("op", "args", "shapes", "quantities"),
    [
        ("Softmax", {}, [(2, 3, 4)], {"softmax_row": 6}),
        ("Softmax", {"axis": 1}, [(2, 3, 4)], {"softmax_row": 8}),
        ("ScaledDotProductAttention", TWO_HEADS, [Q, K, V], {"score": SCORES}),
        ("LocalResponseNormalization", {"size": 5}, [(1, 8, 4, 4)], {"margin": 16 * (2 + 8 + 2)}),
        ("MaxPooling2D", {"pool_size": 3, "strides": 2}, [(1, 2, 7, 7)], {"strided": 2 * 9 * 4}),
        ("AveragePooling2D", {"pool_size": [2, 3]}, [(1, 2, 4, 9)], {"strided": 2 * 6 * 6}),
        ("GlobalMaxPooling2D", {}, [(2, 3, 4, 4)], {"strided": 6}),
        # A window of 6 by steps of 2 takes 2 x 3 places; with zeros around the map 3 x 3; in a small map none.
        ("Conv2DTranspose", UP, [(2, 3, 8, 10)], {"bias_as_if_plain": 2 * 4 * (2 * 3)}),
        ("Conv2DTranspose", {**UP, "padding": [[1, 2], [0, 1]]}, [(2, 3, 8, 10)], {"bias_as_if_plain": 2 * 4 * 9}),
        ("Conv2DTranspose", UP, [(2, 3, 4, 10)], {"bias_as_if_plain": 0}),
        ("Conv2DTranspose", {**UP, "use_bias": False}, [(2, 3, 8, 10)], {"bias_as_if_plain": 0}),
        # Ten steps of all samples.
        (
            *("LSTM", {"units": 8}, [(2, 5, 3)]),
            {"state": 80, "biased_state": 80, "sequence": 80, "gate_mac": 10 * 352, "plain_gate_mac": 10 * 352},
        ),
        (
            *("LSTM", {"units": 8, "proj_size": 4, "bidirectional": True, "use_bias": False}, [(2, 5, 3)]),
            {
                "state": 2 * 80,
                "biased_state": 0,
                "sequence": 2 * 40,
                "gate_mac": 2 * 10 * 32 * (3 + 4),
                "plain_gate_mac": 2 * 10 * 32 * (3 + 8),
            },
        ),
        ("GRU", {"units": 8, "num_layers": 3}, [(2, 5, 3)], {"state": 240, "biased_state": 240, "sequence": 80}),
    ],
)
def test_what_conventions_ask(op, args, shapes, quantities):
    layer = make(op, args, "channels_first")
    assert layer.quantities(shapes, layer.output(*shapes)) == quantities


def test_what_conventions_ask_of_experts():
    """Two tokens; of two experts used each, six hidden units, three projections of them, and four outputs."""
    experts = make("MixtureOfExperts", {"num_experts": 8, "units": 6, "top_k": 2})
    shape = (1, 2, 4)
    assert experts.quantities([shape], shape) == {"hidden": 2 * 12, "inside": 2 * (8 + 2 * 12 + 2 * 4)}


def test_a_window_reads_what_its_padding_leaves():
    unpool = make("MaxUnpooling2D", {"pool_size": 3, "strides": 2, "padding": 1}, "channels_first")
    assert unpool.reach((1, 2, 4, 4), (1, 2, 4, 4)) == (Reach(3, 1, 1, up=2),) * 2


def test_windows_without_gaps_leave_the_end_unread():
    assert make("MaxPooling2D", {"pool_size": 2}, "channels_first").unread((1, 1, 5, 5), (1, 1, 2, 2)) == (1, 1)


def test_padding_may_be_written_as_a_size():
    assert make("Conv2D", {"filters": 1, "kernel_size": 3, "padding": "1x2"}).padding == ((1, 1), (2, 2))


def test_queries_of_grouped_attention_have_all_heads():
    attention = {"num_heads": 4, "num_kv_heads": 2, "key_dim": 2, "packed": True}
    facts = single_layer("MultiHeadAttention", attention, [(1, 5, 8), (1, 7, 8)])
    assert [facts.shape(node.output)[-1] for node in facts.graph.nodes] == [8, 4, 8, 8, 8]


def test_a_separable_convolution_has_the_channels_that_are_stated():
    separable = {"SeparableConv2D": {"filters": 4, "kernel_size": 3, "in_channels": 5}}
    with pytest.raises(InvalidSpecError, match="in_channels"):
        small(separable, shape=(8, 8, 4))
