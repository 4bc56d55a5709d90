"""Networks of Caffe: small ones, whose figures follow by hand."""

from __future__ import annotations

from random import Random

import pytest
from text_mutations import mutated

import archinspect

INPUT = 'name: "small"\ninput: "data"\ninput_dim: 10 input_dim: 4 input_dim: 17 input_dim: 17\n'
CONV = "convolution_param { num_output: 8 kernel_size: 3 }"


def layer(kind, *arguments, bottom="data", top="out", name="one"):
    bottoms = " ".join(f'bottom: "{one}"' for one in bottom.split())
    tops = " ".join(f'top: "{one}"' for one in top.split())
    return f'layer {{ name: "{name}" type: "{kind}" {bottoms} {tops} {" ".join(arguments)} }}\n'


SQUEEZE = layer("Pooling", "pooling_param { pool: AVE global_pooling: true }", top="p", name="p") + layer(
    "InnerProduct", "inner_product_param { num_output: 4 }", bottom="p", top="s", name="s"
)


@pytest.fixture
def caffe(tmp_path):
    def caffe(text):
        path = tmp_path / "net.prototxt"
        path.write_text(text)
        return path

    return caffe


@pytest.mark.parametrize(
    ("text", "params", "macs", "shape"),
    [
        (layer("Convolution", CONV), 296, 288 * 225, (8, 15, 15)),
        (
            layer(
                "Convolution", "convolution_param { num_output: 8 kernel_h: 3 kernel_w: 1 pad: 1 stride: 2 group: 2 }"
            ),
            8 * 6 + 8,
            48 * 90,
            (8, 9, 10),
        ),
        (
            layer("Convolution", "convolution_param { num_output: 8 kernel_size: 3 dilation: 2 bias_term: false }"),
            288,
            288 * 169,
            (8, 13, 13),
        ),
        (
            layer("DepthwiseConvolution", "convolution_param { num_output: 4 kernel_size: 3 }"),
            40,
            36 * 225,
            (4, 15, 15),
        ),
        (
            layer("Deconvolution", "convolution_param { num_output: 8 kernel_size: 4 stride: 2 pad: 1 }"),
            4 * 8 * 16 + 8,
            512 * 289,
            (8, 34, 34),
        ),
        (layer("Pooling", "pooling_param { kernel_size: 3 stride: 2 }"), 0, 0, (4, 8, 8)),
        (layer("Pooling", "pooling_param { kernel_size: 2 stride: 2 }"), 0, 0, (4, 9, 9)),
        (layer("Pooling", "pooling_param { kernel_size: 2 stride: 2 round_mode: FLOOR }"), 0, 0, (4, 8, 8)),
        (layer("Pooling", "pooling_param { pool: AVE global_pooling: true }"), 0, 0, (4, 1, 1)),
        (layer("InnerProduct", "inner_product_param { num_output: 5 }"), 1156 * 5 + 5, 1156 * 5, (5,)),
        (layer("InnerProduct", "inner_product_param { num_output: 5 axis: 2 }"), 289 * 5 + 5, 4 * 289 * 5, (4, 5)),
        (layer("BatchNorm"), 0, 0, (4, 17, 17)),
        (layer("BN"), 8, 0, (4, 17, 17)),
        (layer("Scale", "scale_param { bias_term: true }"), 8, 0, (4, 17, 17)),
        (layer("Scale", "scale_param { axis: 1 num_axes: -1 }"), 1156, 0, (4, 17, 17)),
        (layer("Bias"), 4, 0, (4, 17, 17)),
        (layer("PReLU"), 4, 0, (4, 17, 17)),
        (layer("PReLU", "prelu_param { channel_shared: true }"), 1, 0, (4, 17, 17)),
        (layer("Normalize", "norm_param { channel_shared: false }"), 4, 0, (4, 17, 17)),
        (layer("LRN", "lrn_param { local_size: 3 norm_region: WITHIN_CHANNEL }"), 0, 0, (4, 17, 17)),
        (layer("Flatten"), 0, 0, (1156,)),
        (layer("Reshape", "reshape_param { shape { dim: 0 dim: 2 dim: -1 dim: 0 } }"), 0, 0, (2, 34, 17)),
        (layer("Reshape", "reshape_param { axis: 1 num_axes: 2 shape { dim: -1 } }"), 0, 0, (68, 17)),
        (layer("Permute", "permute_param { order: 0 order: 2 order: 3 order: 1 }"), 0, 0, (17, 17, 4)),
        (
            layer("Eltwise", "eltwise_param { operation: SUM coeff: 1 coeff: -1 }", bottom="data data"),
            0,
            0,
            (4, 17, 17),
        ),
        (layer("Concat", bottom="data data"), 0, 0, (8, 17, 17)),
        (SQUEEZE + layer("Scale", "scale_param { axis: 0 }", bottom="data s"), 20, 16, (4, 17, 17)),
        (SQUEEZE + layer("Axpy", bottom="s data data"), 20, 16, (4, 17, 17)),
        (layer("Interp", "interp_param { zoom_factor: 2 }"), 0, 0, (4, 33, 33)),
        (layer("Power", "power_param { power: 2 scale: 3 }"), 0, 0, (4, 17, 17)),
        (layer("Softmax"), 0, 0, (4, 17, 17)),
        (layer("ArgMax", "argmax_param { axis: 1 }"), 0, 0, (1, 17, 17)),
        (layer("ArgMax", "argmax_param { axis: -1 top_k: 3 out_max_val: true }"), 0, 0, (4, 17, 3)),
        (layer("ArgMax"), 0, 0, (1, 1, 1)),
        (layer("ArgMax", "argmax_param { top_k: 5 out_max_val: true }"), 0, 0, (2, 5, 1)),
        (layer("SPP", "spp_param { pyramid_height: 3 }"), 0, 0, (4 * (1 + 4 + 16),)),
        (layer("SPP", "spp_param { pool: AVE pyramid_height: 1 }"), 0, 0, (4, 1, 1)),
        (layer("Pooling", "pooling_param { pool: 1 kernel_size: 2 stride: 2 round_mode: 1 }"), 0, 0, (4, 8, 8)),
        (layer("Reduction", "reduction_param { operation: SUMSQ axis: 2 coeff: 0.5 }"), 0, 0, (4,)),
        (layer("Reduction", "reduction_param { operation: 4 axis: 1 }"), 0, 0, ()),
        (layer("PriorBox", "prior_box_param { min_size: 1 max_size: 2 aspect_ratio: 2 }"), 0, 0, (2, 4 * 4 * 289)),
    ],
)
def test_layers(caffe, text, params, macs, shape):
    report = archinspect.inspect(caffe(INPUT + text))
    assert (report.totals.params, report.totals.macs) == (params, macs)
    assert [found[1:] for found in report.outputs.values()] == [shape]
    assert report.status == "complete"


@pytest.mark.parametrize(
    ("kind", "arguments", "flops"),
    [
        ("Reduction", "reduction_param { operation: SUM axis: 1 }", 1155),
        ("Reduction", "reduction_param { operation: 3 axis: 1 }", 1156 + 1155),
        ("Reduction", "reduction_param { operation: ASUM axis: 1 coeff: 2 }", 1156 + 1155 + 1),
        ("Eltwise", "eltwise_param { operation: 1 coeff: 1 coeff: 2 }", 1156 * 2),
        ("Eltwise", "eltwise_param { operation: 2 }", 1156),
        ("LRN", "lrn_param { local_size: 3 norm_region: 1 }", 1156 * (2 * 9 + 3)),
    ],
)
def test_what_stands_as_a_number_or_by_name(caffe, kind, arguments, flops):
    text = INPUT + layer(kind, arguments, bottom="data data" if kind == "Eltwise" else "data")
    assert archinspect.inspect(caffe(text)).totals.flops == flops


def test_data_that_is_made_up_has_a_shape_for_each_blob(caffe):
    sizes = "num: 2 num: 2 channels: 3 channels: 1 height: 17 width: 17"
    text = layer("DummyData", f"dummy_data_param {{ {sizes} }}", bottom="", top="image depth") + layer(
        "Concat", bottom="image depth", name="two"
    )
    assert [shape[1:] for shape in archinspect.inspect(caffe(text)).outputs.values()] == [(4, 17, 17)]


def test_a_slice_gives_several(caffe):
    text = layer("Slice", "slice_param { slice_point: 1 }", top="a b") + layer("ReLU", bottom="b", top="b", name="two")
    assert [shape[1:] for shape in archinspect.inspect(caffe(INPUT + text)).outputs.values()] == [
        (1, 17, 17),
        (3, 17, 17),
    ]


def test_a_split_gives_one_blob_under_several_names(caffe):
    text = layer("Split", top="a b") + layer(
        "InnerProduct", "inner_product_param { num_output: 2 }", bottom="a", top="c"
    )
    report = archinspect.inspect(caffe(INPUT + text + layer("Eltwise", bottom="b data", top="d", name="two")))
    assert [shape[1:] for shape in report.outputs.values()] == [(2,), (4, 17, 17)]


def test_a_recurrent_layer(caffe):
    shape = 'input: "x" input_shape { dim: 5 dim: 2 dim: 3 }\ninput: "clip" input_shape { dim: 5 dim: 2 }\n'
    text = shape + layer("LSTM", "recurrent_param { num_output: 4 }", bottom="x clip")
    totals = archinspect.inspect(caffe(text), batch=5).totals
    assert (totals.params, totals.macs) == (4 * 4 * (3 + 4 + 1), 5 * 2 * 4 * 4 * 7)


OLD = """
name: "old"
input: "data" input_dim: 1 input_dim: 4 input_dim: 17 input_dim: 17
layers { name: "conv" type: CONVOLUTION bottom: "data" top: "conv" blobs_lr: 1 blobs_lr: 2
  convolution_param { num_output: 8 kernel_size: 3 } }
layers { name: "relu" type: RELU bottom: "conv" top: "conv" }
layers { name: "fc" type: INNER_PRODUCT bottom: "conv" top: "fc" inner_product_param { num_output: 2 } }
layers { name: "loss" type: SOFTMAX_LOSS bottom: "fc" bottom: "label" }
"""
OLDEST = """
input: "data" input_dim: 1 input_dim: 4 input_dim: 17 input_dim: 17
layers { layer { name: "conv" type: "conv" num_output: 8 kernelsize: 3 } bottom: "data" top: "conv" }
layers { layer { name: "relu" type: "relu" } bottom: "conv" top: "conv" }
layers { layer { name: "fc" type: "innerproduct" num_output: 2 biasterm: true } bottom: "conv" top: "fc" }
"""


@pytest.mark.parametrize("text", [OLD, OLDEST])
def test_older_forms(caffe, text):
    report = archinspect.inspect(caffe(text))
    assert report.totals.params == 296 + 8 * 225 * 2 + 2
    assert [one.split(".")[0] for one in report.outputs] == ["fc"]


def test_the_oldest_form_pads_in_a_layer_of_its_own(caffe):
    padding = 'layers { layer { name: "pad" type: "padding" pad: 1 } bottom: "data" top: "pad" }\n'
    lines = OLDEST.replace('bottom: "data" top: "conv"', 'bottom: "pad" top: "conv"').splitlines(keepends=True)
    text = "".join([*lines[:2], padding, *lines[2:]])
    assert archinspect.inspect(caffe(text)).totals.params == 296 + 8 * 289 * 2 + 2


DATA = """
layer { name: "data" type: "Data" top: "data" top: "label" include { phase: TRAIN }
  transform_param { crop_size: 17 } data_param { batch_size: 3 } }
layer { name: "data" type: "Data" top: "data" top: "label" include { phase: TEST }
  transform_param { crop_size: 19 } data_param { batch_size: 7 } }
"""


def test_data_phases_and_the_batch(caffe):
    text = DATA + layer("Convolution", CONV) + layer("Accuracy", bottom="out label", top="accuracy", name="acc")
    network = archinspect.network(caffe(text))
    assert network.report().totals.macs == 8 * 27 * 17 * 17
    assert "--batch 7" in network.graph.description
    assert archinspect.inspect(caffe(text), params={"phase": "train"}).totals.macs == 8 * 27 * 15 * 15
    only = text.replace("phase: TEST", "phase: TRAIN", 1).replace("crop_size: 19", "crop_size: 17")
    assert archinspect.inspect(caffe(only)).totals.macs == 8 * 27 * 15 * 15
    unknown = caffe(text.replace("crop_size", "scale"))
    with pytest.raises(archinspect.InvalidSpecError, match="does not say how large 'data' is"):
        archinspect.inspect(unknown)
    assert archinspect.inspect(unknown, inputs={"": (1, 5, 5)}).totals.macs == 8 * 9 * 9


def test_weights_of_one_name_are_shared(caffe):
    shared = 'param { name: "w" } param { name: "b" }'
    text = layer("Convolution", CONV, shared) + layer("Convolution", CONV, shared, name="two", top="two")
    assert archinspect.inspect(caffe(INPUT + text)).totals.params == 296
    frozen = layer("Convolution", CONV, "param { lr_mult: 0 } param { lr_mult: 0 }")
    assert archinspect.inspect(caffe(INPUT + frozen)).totals.non_trainable_params == 296


def test_problems_stand_at_their_line(caffe):
    cases = {
        layer("Convolutoin", CONV): "4:21: error.unknown-op.: .* did you mean 'Convolution'",
        layer(
            "Convolution", "convolution_param { num_output: 0 }"
        ): "'num_output' must be a whole number of at least 1",
        layer("Convolution", "convolution_param { num_output: 8 kernel_size: 30 }"): "error.shape.: Conv2D",
        layer("Convolution", "convolution_param { num_output: 4 kernel_size: 3 axis: 2 }"): "elsewhere than at axis 1",
        layer("Python", 'python_param { module: "os" }'): "'one' runs a program of its own, which is not read",
        layer("SPP", "spp_param { pyramid_height: 6 }"): "into no more parts than places",
        layer(
            "Reduction", "reduction_param { operation: MEDIAN axis: 1 }"
        ): "the operation is SUM, ASUM, SUMSQ or MEAN",
        layer("ReLU", bottom="nothing"): "no layer before gives 'nothing'",
        layer("Reshape", "reshape_param { shape { dim: -1 dim: 2 } }"): "the first axis, the batch, has to stay",
        "layer { name: ": "a value is missing",
        "layer { name: 'x'": "'layer' is not closed",
        "layer { ? }": "is nothing that a text of fields has",
        "layer " + "{ a " * 40: "messages nest deeper than 30 levels",
    }
    for text, message in cases.items():
        path = caffe(INPUT + text)
        with pytest.raises(archinspect.InvalidSpecError, match=f"(?s){message}"):
            archinspect.inspect(f"caffe:{path}")


def test_boxes_are_not_counted_in_silence(caffe):
    text = layer("Flatten") + layer(
        "DetectionOutput", "detection_output_param { keep_top_k: 9 }", bottom="out", top="d"
    )
    report = archinspect.inspect(caffe(INPUT + text.replace('name: "one"', 'name: "two"', 1)))
    assert report.status == "partial"


def test_mutated_files_are_answered(caffe):
    rng = Random(3)
    text = DATA + OLD + layer("Scale", "scale_param { bias_term: true }", bottom="conv") + layer("LRN", bottom="conv")
    for _ in range(300):
        path = caffe("")
        path.write_bytes(mutated(text, rng))
        assert [one.message for one in archinspect.check(path).diagnostics if "that is not known:" in one.message] == []
