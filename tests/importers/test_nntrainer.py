"""Networks of NNTrainer: small ones, whose figures follow by hand."""

from __future__ import annotations

from random import Random

import pytest
from text_mutations import mutated

import archinspect

HEAD = "# a network\n[Model]\nType = NeuralNetwork  # of layers\nbatch_size = 8\n[Optimizer]\ntype = sgd\n"
INPUT = HEAD + "[in]\nType = input\nInput_Shape = 3:16:16\n"
CONV = "[conv]\nType = conv2d\nfilters = 4\nkernel_size = 3,3\nActivation=relu\n"


@pytest.fixture
def ini(tmp_path):
    def ini(text):
        path = tmp_path / "net.ini"
        path.write_text(text)
        return path

    return ini


@pytest.mark.parametrize(
    ("text", "params", "shape"),
    [
        (CONV, 4 * 27 + 4, (4, 14, 14)),
        (CONV + "padding = same\nstride = 2,2\n", 112, (4, 8, 8)),
        (CONV + "padding = 1,1\ndisable_bias = true\n", 108, (4, 16, 16)),
        (CONV + "[bn]\nType = batch_normalization\n", 112 + 8, (4, 14, 14)),
        (CONV + "[pool]\nType = pooling2d\npool_size = 2,2\nstride = 2,2\npooling = average\n", 112, (4, 7, 7)),
        (CONV + "[pool]\nType = pooling2d\npooling = global_average\n", 112, (4, 1, 1)),
        ("[flat]\nType = flatten\n[fc]\nType = fully_connected\nUnit = 5\nActivation = softmax\n", 768 * 5 + 5, (5,)),
        ("[fc]\nType = fully_connected\nUnit = 5\n", 16 * 5 + 5, (3, 16, 5)),
        ("[re]\nType = reshape\ntarget_shape = 1:1:768\n", 0, (1, 1, 768)),
        ("[a]\nType = dropout\n[sum]\nType = addition\ninput_layers = in, a\n[loss]\nType = mse\n", 0, (3, 16, 16)),
        ("[cat]\nType = concat\ninput_layers = in,in\n", 0, (6, 16, 16)),
    ],
)
def test_layers(ini, text, params, shape):
    report = archinspect.inspect(ini(INPUT + text))
    assert report.totals.params == params
    assert [found[1:] for found in report.outputs.values()] == [shape]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD, "the file has no layers"),
        (HEAD + "[fc]\nType = fully_connected\nUnit = 5\n", "no layer says an Input_Shape"),
        (INPUT + "[x]\nType = convd\n", "11:1: error.unknown-op.: the layer type 'convd' is not read"),
        (INPUT + "[x]\nType = dropout\ninput_layers = y\n", "no layer 'y' is before this one"),
        (INPUT + "[x]\nbackbone = net.tflite\n", "a backbone is another file"),
        (INPUT + "[x]\nType = conv2d\n", "'filters' must be|filters"),
        (INPUT + "[x]\nType = pooling2d\npooling = least\n", "'pooling' is max"),
        (INPUT + "[x]\nType = dropout\n[x]\nType = dropout\n", "there is a layer of this name before"),
    ],
)
def test_what_is_wrong_is_said(ini, text, message):
    with pytest.raises(archinspect.InvalidSpecError, match=message):
        archinspect.inspect(f"nntrainer:{ini(text)}")


def test_mutated_files_are_answered(ini):
    rng = Random(3)
    text = INPUT + CONV + "[flat]\nType = flatten\n[fc]\nType = fully_connected\nUnit = 5\n"
    for _ in range(200):
        path = ini("")
        path.write_bytes(mutated(text, rng))
        assert [one.message for one in archinspect.check(path).diagnostics if "that is not known:" in one.message] == []
