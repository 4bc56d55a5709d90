"""The built-in networks against figures measured on PyTorch and Keras or worked out, and the form of their specs."""

from __future__ import annotations

import csv
import json
from functools import cache
from pathlib import Path

import pytest

import archinspect
from archinspect.base.source import read_file
from archinspect.language import library
from archinspect.language.load import is_template

TRUTH = Path(__file__).parent / "truth"
FILES = {name: Path(path) for name, path in library.builtins().items()}
NETWORKS = [name for name, path in FILES.items() if not is_template(read_file(str(path)))]
TEMPLATES = {"decoder", "llama", "resnet", "vgg"}
LESSONS, ZOO = ({name for name in NETWORKS if FILES[name].parent.name == family} for family in ("lessons", "zoo"))

MEASURED = {
    name: figures
    for file in ("torchvision.json", "measured.json")
    for name, figures in json.loads((TRUTH / file).read_text(encoding="utf-8"))["models"].items()
}
OF_LIBRARIES = json.loads((TRUTH / "libraries.json").read_text(encoding="utf-8"))["models"]  # test_libraries.py
WITH_ROWS = [name for name, figures in MEASURED.items() if "rows" in figures]
with (TRUTH / "imagenet_accuracy.csv").open(encoding="utf-8") as lines:
    lines.readline()  # says where the figures are from
    ACCURACY = {row["model"]: row for row in csv.DictReader(lines) if row["weights"] == "IMAGENET1K_V1"}

# PyTorch's types by Keras's names; a depthwise convolution is PyTorch's Conv2d with as many groups as channels.
TYPES = {
    "Conv2d": "Conv2D",
    "DepthwiseConv2D": "Conv2D",
    "Linear": "Dense",
    "BatchNorm2d": "BatchNormalization",
    "LayerNorm": "LayerNormalization",
    "LayerNorm2d": "LayerNormalization",
    "MaxPool2d": "MaxPooling2D",
    "AvgPool2d": "AveragePooling2D",
    "AdaptiveAvgPool2d": "GlobalAveragePooling2D",
    "AdaptiveAveragePooling2D": "GlobalAveragePooling2D",
}
# Modules of PyTorch that take and give channels last; all others have the channels after the batch.
CHANNELS_LAST_IN_TORCH = {"Linear", "LayerNorm"}
# Where torchvision pools by a function, no module is there to be measured: a part of those layers' names.
POOLED_BY_FUNCTION = {"densenet121": "head", "mobilenet_v2": "head", "inception_v3": "branch_pool"}
# Keras writes the last dense layer of its MobileNet as a convolution of a single position.
DENSE_IN_DISGUISE = "conv_preds"


# Parameters and MACs of the small networks, by the rule of each layer.
WORKED_OUT = {
    "caffenet": (60_965_224, 724_406_816),  # AlexNet's, whose measured layers it has in another order
    "conv1d_same": (3, 6 * 3),
    "conv1d_valid": (3, 4 * 3),
    "conv1d_stride2": (3, 3 * 3),
    "conv1d_dilation2": (3, 6 * 3),
    "conv2d": (3 * 3, 4 * 4 * 9),
    "conv_layers": (450 + 1500, 28 * 28 * 450 + 24 * 24 * 1500),
    "conv_layers_bias": (450 + 6 + 1500 + 10, 28 * 28 * 450 + 24 * 24 * 1500),
    "conv1x1": (2048 + 32, 56 * 56 * 2048),
    "max_pooling": (0, 0),
    "fully_connected": (3 * 32**2 * 100, 3 * 32**2 * 100),
    "perceptron": (2 + 1, 2),
    "feed_forward": (784 * 300 + 300 + 300 * 10 + 10, 784 * 300 + 300 * 10),
    "deep_feed_forward": (785 * 300 + 301 * 100 + 101 * 10, 784 * 300 + 300 * 100 + 100 * 10),
    "radial_basis": (16 * 2 + 16 + 16 + 1, 16 * 2 + 16),
    "autoencoder": (784 * 32 + 32 + 32 * 784 + 784, 2 * 784 * 32),
    "denoising_autoencoder": (784 * 500 + 500 + 500 * 784 + 784, 2 * 784 * 500),
    "sparse_autoencoder": (144 * 200 + 200 + 200 * 144 + 144, 2 * 144 * 200),
    "deep_belief": (
        784 * 500 + 500 + 500 * 500 + 500 + 500 * 2000 + 2000 + 2000 * 10 + 10,
        784 * 500 + 500 * 500 + 500 * 2000 + 2000 * 10,
    ),
    "restricted_boltzmann": (784 * 500 + 784 + 500, 784 * 500 + 500 + 784 + 500),  # W, then its product with h
    "boltzmann": (64 * 63 // 2 + 64, 64 * 63 // 2 + 64),
    "hopfield": (64 * 63 // 2, 64 * 63 // 2),
    "deep_convolutional": (
        (9 * 3 + 1) * 32
        + (9 * 32 + 1) * 32
        + (9 * 32 + 1) * 64
        + (9 * 64 + 1) * 64
        + (8 * 8 * 64 + 1) * 128
        + 129 * 10,
        32**2 * (9 * 3 + 9 * 32) * 32 + 16**2 * (9 * 32 + 9 * 64) * 64 + 8 * 8 * 64 * 128 + 128 * 10,
    ),
    "deconvolutional": (
        128 * 4096 + 4096 + 16 * 64 * 32 + 32 + 16 * 32 * 3 + 3,
        128 * 4096 + 8 * 8 * 16 * 64 * 32 + 16 * 16 * 16 * 32 * 3,
    ),
    "inverse_graphics": (
        (25 + 1) * 96
        + (25 * 96 + 1) * 64
        + (25 * 64 + 1) * 32
        + 2 * (2048 * 200 + 200)
        + 200 * 2048
        + 2048
        + (49 * 32 + 1) * 32
        + (49 * 32 + 1) * 64
        + (49 * 64 + 1) * 96
        + 49 * 96
        + 1,
        25 * (64**2 * 96 + 32**2 * 96 * 64 + 16**2 * 64 * 32)
        + 3 * 2048 * 200
        + 49 * (16**2 * 32 * 32 + 32**2 * 32 * 64 + 64**2 * 64 * 96 + 64**2 * 96),
    ),
    "gan": (
        100 * 128 + 128 + 128 * 784 + 784 + 784 * 128 + 128 + 128 + 1,
        100 * 128 + 128 * 784 + 784 * 128 + 128,
    ),
    "extreme_learning": (784 * 1000 + 1000 + 1000 * 10, 784 * 1000 + 1000 * 10),
    "kohonen": (100 * 3, 100 * 3),
    "svm": (127 * 256 + 127 + 1, 127 * 256 + 127),
    "markov_chain": (8 * 8, 8 * 8),
    "rnn": (16 * (8 + 16 + 1) + 17 * 4, 10 * 16 * (8 + 16) + 16 * 4),
    "lstm": (4 * 16 * (8 + 16 + 1) + 17 * 4, 10 * 4 * 16 * (8 + 16) + 16 * 4),
    "gru": (3 * 16 * (8 + 16 + 2) + 17 * 4, 10 * 3 * 16 * (8 + 16) + 16 * 4),
    "echo_state": (400 * (400 + 1) + 401, 100 * (400 * (400 + 1) + 401)),
    "liquid_state_machine": (135 * (135 + 4) + 136, 100 * (135 * (135 + 4) + 135)),
    "neural_turing_machine": (
        # 9 inputs and 20 values read; key, strength, gate, 3 shifts and sharpness; what to erase and to add besides
        4 * 100 * (9 + 20 + 100 + 1) + 101 * ((20 + 6) + (3 * 20 + 6) + 8),
        # besides, a similarity and 3 shifts for each place and head, and the values read
        4 * 100 * (9 + 20 + 100) + 100 * ((20 + 6) + (3 * 20 + 6) + 8) + 2 * 128 * (20 + 3) + 128 * 20,
    ),
}
# The neural network zoo (the Asimov Institute's chart of 2016), and the network that stands for each kind.
KINDS = {
    "perceptron": "perceptron",
    "feed forward": "feed_forward",
    "radial basis network": "radial_basis",
    "deep feed forward": "deep_feed_forward",
    "recurrent neural network": "rnn",
    "long / short term memory": "lstm",
    "gated recurrent unit": "gru",
    "auto encoder": "autoencoder",
    "variational auto encoder": "vae",
    "denoising auto encoder": "denoising_autoencoder",
    "sparse auto encoder": "sparse_autoencoder",
    "Markov chain": "markov_chain",
    "Hopfield network": "hopfield",
    "Boltzmann machine": "boltzmann",
    "restricted Boltzmann machine": "restricted_boltzmann",
    "deep belief network": "deep_belief",
    "deep convolutional network": "deep_convolutional",
    "deconvolutional network": "deconvolutional",
    "deep convolutional inverse graphics network": "inverse_graphics",
    "generative adversarial network": "gan",
    "liquid state machine": "liquid_state_machine",
    "extreme learning machine": "extreme_learning",
    "echo state network": "echo_state",
    "deep residual network": "deep_residual",
    "Kohonen network": "kohonen",
    "support vector machine": "svm",
    "neural Turing machine": "neural_turing_machine",
}


def decoder(depth, width, vocabulary, *, widened, values=None, seq=1024):
    """Return the MACs of a decoder of tokens: `widened` are the weights of a block's feed-forward part that a token
    meets, `values` the size of all keys, and of all values, of a token.
    """
    projections = 2 * width * width + 2 * width * (values or width)
    a_block = seq * (projections + widened) + 2 * seq * seq * width
    return depth * a_block + seq * width * vocabulary


# Too large to measure, or not measured: the parameters are published, the MACs
# counted by the rule of a decoder, which `test_rule_of_a_decoder` holds to measured networks.
COUNTED = {
    "gpt2_medium": (354_823_168, decoder(24, 1024, 50257, widened=8 * 1024**2)),
    "gpt2_large": (774_030_080, decoder(36, 1280, 50257, widened=8 * 1280**2)),
    "gpt2_xl": (1_557_611_200, decoder(48, 1600, 50257, widened=8 * 1600**2)),
    "llama3_8b": (8_030_261_248, decoder(32, 4096, 128256, values=1024, widened=3 * 4096 * 14336)),
}
# Experts that a token does not use, of three projections each, and their biases: 6 of 8 and so on.
IDLE = {
    "mixtral_8x7b": 32 * 6 * 3 * 4096 * 14336,
    "deepseek_v3": 58 * 248 * 3 * 7168 * 2048,
    "gpt_oss_20b": 24 * 28 * 3 * (2880 * 2880 + 2880),
    "gpt_oss_120b": 36 * 124 * 3 * (2880 * 2880 + 2880),
    "qwen3_30b_a3b": 48 * 120 * 3 * 2048 * 768,
    "olmoe_1b_7b": 16 * 56 * 3 * 2048 * 1024,
}
FROZEN = {
    "extreme_learning": 784 * 1000 + 1000,
    "svm": 127 * 256,
    "echo_state": 400 * (400 + 1),
    "liquid_state_machine": 135 * (135 + 4),
}


@cache
def checked(name):
    return archinspect.check(FILES[name])


def test_all_asked_for_are_there():
    assert set(MEASURED) <= set(NETWORKS)
    assert set(FILES) - set(NETWORKS) == TEMPLATES  # nothing else escapes the tests below
    assert len(WITH_ROWS) == 19
    assert set(MEASURED) | set(OF_LIBRARIES) | set(WORKED_OUT) | set(COUNTED) == set(NETWORKS)
    assert set(WORKED_OUT) | {"deep_residual"} == LESSONS | ZOO | {"caffenet"}


def test_every_kind_of_the_zoo_is_there():
    assert len(KINDS) == 27
    assert {*KINDS.values()} == ZOO | {"vae"}


def test_names_are_unique():
    assert len(FILES) == len(list(Path(library.folder()).rglob("*.yaml")))


@pytest.mark.parametrize("name", NETWORKS)
def test_nothing_to_complain_about(name):
    assert checked(name).diagnostics == []


@pytest.mark.parametrize("name", MEASURED)
def test_figures_are_the_measured_ones(name):
    measured, report = MEASURED[name], checked(name).report
    # PyTorch's batch normalization also keeps a counter of the batches it has seen.
    counters = 0 if "keras" in measured["model"] else sum(row.type == "BatchNormalization" for row in report.layers)
    assert report.status == "complete"
    assert report.totals.params == measured["params"]
    assert report.totals.non_trainable_params == 0
    assert report.totals.buffers == measured["buffers"] - counters - measured.get("indices", 0)
    assert report.totals.macs == measured["macs"]
    outputs = measured["outputs"] if "outputs" in measured else [measured["output"]]
    # PyTorch's maps have the channels first; a list of anchors is as it is.
    first = "keras" not in measured["model"]
    expected = [(*s[2:], s[1]) if first and len(s) == 4 else tuple(s[1:]) for s in outputs]
    assert [shape[1:] for shape in report.outputs.values()] == expected


@pytest.mark.parametrize("name", WORKED_OUT)
def test_figures_are_the_worked_out_ones(name):
    report = checked(name).report
    assert report.status == "complete"
    assert (report.totals.params, report.totals.macs) == WORKED_OUT[name]
    assert report.totals.non_trainable_params == FROZEN.get(name, 0)


@pytest.mark.parametrize("name", COUNTED)
def test_figures_are_the_counted_ones(name):
    report = checked(name).report
    assert report.status == "complete"
    assert (report.totals.params, report.totals.macs) == COUNTED[name]
    assert report.totals.non_trainable_params == 0
    assert report.totals.buffers == 0


def test_active_parameters_are_fewer_with_experts_only():
    for name in NETWORKS:
        totals = checked(name).report.totals
        assert totals.active_params == totals.params - IDLE.get(name, 0), name


def test_rule_of_a_decoder():
    assert decoder(12, 768, 50257, widened=8 * 768**2) == MEASURED["gpt2"]["macs"]
    assert decoder(32, 4096, 32000, widened=3 * 4096 * 11008) == MEASURED["llama2_7b"]["macs"]


def test_tokens_of_a_decoder():
    """Any number of tokens; the parameters stay, but for the positions of more tokens than GPT-2 has."""
    for seq in (1, 100, 2048):
        totals = archinspect.inspect(FILES["llama2_7b"], params={"seq": seq}).totals
        assert totals.macs == decoder(32, 4096, 32000, widened=3 * 4096 * 11008, seq=seq)
        assert totals.params == MEASURED["llama2_7b"]["params"]
    for seq in (1000, 2048):
        totals = archinspect.inspect(FILES["gpt2"], params={"seq": seq}).totals
        assert totals.macs == decoder(12, 768, 50257, widened=8 * 768**2, seq=seq)
        assert totals.params == MEASURED["gpt2"]["params"] + max(seq - 1024, 0) * 768


# Parameters and MACs for inputs of other sizes, measured as the networks were.
OTHER_SIZES = [
    ("clip_text_l", {"seq": 20}, 123_060_480, 1_706_065_920),
    ("t5_small", {"seq": 100, "target": 7}, 60_506_624, 2_537_338_880),
    ("gru_seq2seq", {"seq": 9, "target": 31}, 18_280_000, 340_150_000),
    ("mlp_mixer_b16", {"size": 384}, 63_387_112, 37_032_278_016),
]


@pytest.mark.parametrize(("name", "params", "weights", "macs"), OTHER_SIZES)
def test_other_sizes(name, params, weights, macs):
    totals = archinspect.inspect(FILES[name], params=params).totals
    assert (totals.params, totals.macs) == (weights, macs)


def test_windows_that_do_not_divide_the_image():
    """Swin-T on 256x192, measured as the others: maps of 64x48 to 8x6 are padded to windows of 7x7."""
    totals = archinspect.inspect(FILES["swin_t"], inputs={"input": [256, 192, 3]}).totals
    assert (totals.params, totals.macs) == (28_288_354, 5_130_027_264)


def test_layers_of_the_convolution_lesson():
    layers = [(row.output_shape[1:], row.cost.params) for row in checked("conv_layers").report.layers]
    assert layers == [((28, 28, 6), 450), ((24, 24, 10), 1500)]


def test_fully_connected_is_3_n_squared_m():
    for n, m in ((1, 1), (7, 5), (224, 4096)):
        report = archinspect.inspect(FILES["fully_connected"], params={"N": n, "M": m})
        assert report.totals.params == 3 * n**2 * m


@pytest.mark.parametrize("units", [2, 9, 1000])
def test_a_weight_for_each_pair(units):
    pairs = units * (units - 1) // 2
    for name, params in (("hopfield", pairs), ("boltzmann", pairs + units)):
        assert archinspect.inspect(FILES[name], params={"units": units}).totals.params == params


def test_dilations_of_the_tcn_double():
    rows = [row for row in checked("tcn").report.layers if row.type == "Conv1D" and "causal" in row.name]
    assert [row.args.get("dilation_rate", [1]) for row in rows] == [[2**level] for level in range(8) for _ in range(2)]


def sample(shape, *, channels_last):
    """Return the sizes of a sample with the channels last, those of 1 left out: pooled to 1x1 or flat is one."""
    channels, *positions = shape[1:]
    axes = shape[1:] if channels_last else [*positions, channels]
    return tuple(size for size in axes if size != 1)


# MACs and output at another size of the input, measured as the networks themselves.
OTHER_SHAPES: list[tuple[str, dict, int, tuple[int, ...]]] = [
    ("sd15_unet", {"params": {"size": 96}}, 1_074_060_861_440, (96, 96, 4)),
    ("sd15_unet", {"params": {"tokens": 16}, "inputs": {"latent": [60, 52, 4]}}, 295_168_627_200, (60, 52, 4)),
    ("ddpm_unet", {"params": {"size": 64}}, 26_893_615_104, (64, 64, 3)),
    ("ddpm_unet", {"inputs": {"image": [48, 32, 3]}}, 9_457_270_784, (48, 32, 3)),
    ("sd15_vae", {"inputs": {"input": [256, 320, 3]}}, 559_989_493_760, (256, 320, 3)),
    ("fcn_resnet50", {"inputs": {"input": [500, 375, 3]}}, 99_999_636_480, (500, 375, 21)),
    ("deeplabv3_resnet50", {"inputs": {"input": [512, 512, 3]}}, 163_579_428_864, (512, 512, 21)),
    ("deeplabv3_resnet50", {"inputs": {"input": [500, 375, 3]}}, 118_225_139_456, (500, 375, 21)),
    ("unet", {"inputs": {"input": [508, 508, 1]}}, 111_343_393_024, (324, 324, 2)),
    ("unet", {"inputs": {"input": [512, 600, 1]}}, 135_316_776_192, (324, 404, 2)),
    ("tcn", {"inputs": {"input": [100, 1]}}, 6_582_750, (10,)),
]


@pytest.mark.parametrize(("name", "given", "macs", "output"), OTHER_SHAPES)
def test_inputs_of_other_sizes(name, given, macs, output):
    report = archinspect.inspect(FILES[name], **given)
    assert (report.totals.params, report.totals.macs) == (MEASURED[name]["params"], macs)
    assert [shape[1:] for shape in report.outputs.values()] == [output]


def measured_rows(name):
    by_keras = "keras" in MEASURED[name]["model"]
    for module, kind, shape, params, macs in MEASURED[name]["rows"]:
        type_ = "Dense" if module == DENSE_IN_DISGUISE else TYPES.get(kind, kind)
        channels_last = by_keras or kind in CHANNELS_LAST_IN_TORCH
        yield type_, sample(shape, channels_last=channels_last), params, macs


def spec_rows(name):
    function = POOLED_BY_FUNCTION.get(name)
    for row in checked(name).report.layers:
        type_ = TYPES.get(row.type, row.type)
        # No module with a row: the scale of a ConvNeXt block, a parameter of it, and Swin's attention, a function.
        if type_ not in TYPES.values() or (row.kind == "pooling" and function and function in row.name):
            continue
        yield type_, sample(row.output_shape, channels_last=True), row.cost.params, row.cost.macs


@pytest.mark.parametrize("name", WITH_ROWS)
def test_layers_are_the_measured_ones(name):
    """Layer by layer, in order: the paths of a merge stand in the order in which torchvision calls its branches."""
    assert list(spec_rows(name)) == list(measured_rows(name))


def test_mobilenet_of_half_the_width():
    """As Keras's MobileNet(alpha=0.5), measured as the other networks of Keras."""
    totals = archinspect.inspect(FILES["mobilenet_v1"], params={"alpha": 0.5}).totals
    assert (totals.params, totals.macs) == (1_331_592, 149_497_088)


@pytest.mark.parametrize("name", NETWORKS)
def test_says_what_it_is(name):
    report = checked(name).report
    stated = FILES[name].read_text(encoding="utf-8").partition("\nexpect:")[2]
    assert report.name
    assert report.source or name in LESSONS
    assert report.description
    assert "\n" not in report.source.strip()
    assert "\n" not in report.description.strip()
    assert report.layout == "channels_last"
    assert isinstance(report.metrics.get("year"), int) or name in LESSONS
    for figure in ("params:", "macs:", "outputs:" if len(report.outputs) > 1 else "output:"):
        assert figure in stated
    assert "±" not in stated


def in_torchvision(name):
    """Return torchvision's name of a network that is its own."""
    return MEASURED[name]["model"].removeprefix("torchvision's ").partition(";")[0]


@pytest.mark.parametrize("name", [name for name in MEASURED if in_torchvision(name) in ACCURACY])
def test_accuracy_is_the_published_one(name):
    published = ACCURACY[in_torchvision(name)]
    metrics = checked(name).report.metrics
    assert (metrics["top1"], metrics["top5"]) == (float(published["top1"]), float(published["top5"]))


@pytest.mark.parametrize("name", FILES)
def test_reads_well(name):
    lines = FILES[name].read_text(encoding="utf-8").splitlines()
    assert len(lines) <= LONGER.get(name, 120)
    assert max(map(len, lines)) <= 110
    assert lines[0].startswith(("name: ", "extends: "))


LONGER = {"rt_detr_r50": 230}
"""Backbone, pyramid, and a decoder with places that it makes better layer by layer."""

TOP_LEVEL = {
    "alexnet": "conv1 norm1 pool1 conv2 norm2 pool2 conv3 conv4 conv5 pool5 flatten fc6 drop6 fc7 drop7 fc8",
    "resnet50": "stem stage1 stage2 stage3 stage4 head",
    "mobilenet_v2": "stem stage1 stage2 stage3 stage4 stage5 stage6 stage7 head",
    "densenet121": "stem block1 transition1 block2 transition2 block3 transition3 block4 head",
}


@pytest.mark.parametrize("name", TOP_LEVEL)
def test_top_level_is_the_papers_table(name):
    assert " ".join(row.name for row in checked(name).report.fold(1)) == TOP_LEVEL[name]


@pytest.mark.parametrize("framework", ["torch", "keras"])
def test_tied_weights_count_once_in_both_frameworks(tmp_path, framework):
    measured = json.loads((TRUTH / "tied.json").read_text(encoding="utf-8"))[framework]
    path = tmp_path / "tied.yaml"
    path.write_text(
        """
input: {shape: [16], dtype: int32}
layers:
  - {Embedding: {input_dim: 100, output_dim: 32}, name: table}
  - Dense: {units: 32, activation: tanh}
  - {Dense: {units: 100, use_bias: false}, weights: table}
""",
        encoding="utf-8",
    )
    report = archinspect.inspect(path)
    (output,) = report.outputs.values()
    assert (report.totals.params, report.totals.macs) == (measured["params"], measured["macs"])
    assert list(output[1:]) == measured["output"][1:]
