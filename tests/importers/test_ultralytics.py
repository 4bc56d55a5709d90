"""Models of YOLO in YAML: small ones, whose figures follow by hand."""

from __future__ import annotations

from random import Random

import pytest
from text_mutations import mutated

import archinspect

SMALL = """# a detector of two images
nc: 4
scales:
  n: [0.5, 0.5, 64]
  m: [1.0, 1.0, 64]
backbone:
  - [-1, 1, Conv, [16, 3, 2]]  # 0
  - [-1, 2, C3k2, [32, False, 0.25]]
  - [-1, 1, Conv, [32, 3, 2]]
  - [-1, 1, SPPF, [32, 5]]
head:
  - [-1, 1, nn.Upsample, [None, 2, "nearest"]]
  - [[-1, 1], 1, Concat, [1]]
  - [-1, 4, C2f, [16]]
  - [[6, 3], 1, Detect, [nc]]
"""
ANCHORS = "nc: 4\ndepth_multiple: 1.0\nwidth_multiple: 1.0\nanchors:\n  - [10,13, 16,30]\n  - [1,2, 3,4]\n"


def conv(c1, c2, k=1, g=1):
    """Parameters of a normalized convolution."""
    return c1 * c2 * k * k // g + 2 * c2


def bottleneck(c, inner, k=(3, 3)):
    return conv(c, inner, k[0]) + conv(inner, c, k[1])


def attention(c, heads):
    keys = c + 2 * heads * (c // heads // 2)
    return conv(c, keys) + conv(c, c) + conv(c, c, 3, c)


def feed(c, inner):
    return conv(c, inner) + conv(inner, c)


@pytest.fixture
def yolo(tmp_path):
    def yolo(text, name="yolo.yaml"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return yolo


def network(yolo, rows, top="nc: 4\n", size=32, channels=16, **settings):
    path = yolo(top + "backbone:\n" + "".join(f"  - {row}\n" for row in rows))
    return archinspect.network(path, inputs={"": (size, size, channels)}, **settings)


BLOCKS = {
    "[-1, 1, Conv, [8, 3, 2]]": conv(16, 8, 3),
    "[-1, 1, Conv, [8, 3, 1, None, 1, nn.LeakyReLU(0.1)]]": conv(16, 8, 3),
    "[-1, 1, Conv, [8, [1, 3]]]": 16 * 8 * 3 + 16,
    "[-1, 1, DWConv, [16, 3, 2, 1, False]]": conv(16, 16, 3, 16),
    "[-1, 1, nn.Conv2d, [16, 8, 1]]": 16 * 8 + 8,
    "[-1, 2, Bottleneck, [16]]": 2 * bottleneck(16, 8),
    "[-1, 2, C3, [16]]": 3 * conv(16, 8) - conv(16, 8) + conv(16, 16) + 2 * bottleneck(8, 8, (1, 3)),
    "[-1, 2, C2f, [16, True]]": conv(16, 16) + conv(32, 16) + 2 * bottleneck(8, 8),
    "[-1, 1, C3k2, [16, False, 0.25]]": conv(16, 8) + conv(12, 16) + bottleneck(4, 2),
    "[-1, 1, C3k2, [16, True]]": conv(16, 16) + conv(24, 16) + 2 * conv(8, 4) + conv(8, 8) + 2 * bottleneck(4, 4),
    "[-1, 1, C3k2, [16, True, 0.5, True]]": conv(16, 16)
    + conv(24, 16)
    + bottleneck(8, 4)
    + attention(8, 1)
    + feed(8, 16),
    "[-1, 1, C2PSA, [16]]": 2 * conv(16, 16) + attention(8, 1) + feed(8, 16),
    "[-1, 1, PSA, [16]]": 2 * conv(16, 16) + attention(8, 1) + feed(8, 16),
    "[-1, 1, SPPF, [24, 5]]": conv(16, 8) + conv(32, 24),
    "[-1, 1, SPP, [24, [5, 9]]]": conv(16, 8) + conv(24, 24),
    "[-1, 1, SPPELAN, [24, 8]]": conv(16, 8) + conv(32, 24),
    "[-1, 1, BottleneckCSP, [16]]": conv(16, 8) + 64 + 128 + 32 + conv(16, 16) + bottleneck(8, 8),
    "[-1, 1, A2C2f, [64, True, 4]]": conv(16, 32)
    + conv(64, 64)
    + 2 * (conv(32, 96) + conv(32, 32) + conv(32, 32, 7, 32) + feed(32, 64)),
    "[-1, 1, C2fCIB, [16, True, True]]": conv(16, 16)
    + conv(24, 16)
    + 2 * conv(8, 8, 3, 8)
    + conv(8, 16)
    + conv(16, 16, 7, 16)
    + conv(16, 16, 3, 16)
    + conv(16, 8),
    "[-1, 1, SCDown, [24, 3, 2]]": conv(16, 24) + conv(24, 24, 3, 24),
    "[-1, 1, ADown, [24]]": conv(8, 12, 3) + conv(8, 12),
    "[-1, 1, AConv, [24]]": conv(16, 24, 3),
    "[-1, 1, ELAN1, [24, 16, 8]]": conv(16, 16) + 2 * conv(8, 8, 3) + conv(32, 24),
    "[-1, 1, GhostConv, [24, 3, 2]]": conv(16, 12, 3) + conv(12, 12, 5, 12),
    "[-1, 1, HGStem, [8, 24]]": conv(16, 8, 3) + conv(8, 4, 2) + conv(4, 8, 2) + conv(16, 8, 3) + conv(8, 24),
    "[-1, 2, HGBlock, [8, 24, 3]]": conv(16, 8, 3) + conv(8, 8, 3) + conv(32, 12) + conv(12, 24),
    "[-1, 2, HGBlock, [8, 16, 5, True, True]]": conv(16, 8)
    + conv(8, 8)
    + 2 * conv(8, 8, 5, 8)
    + conv(32, 8)
    + conv(8, 16),
    "[-1, 1, RepC3, [16]]": 2 * conv(16, 16) + conv(16, 16, 3) + conv(16, 16),
    "[-1, 1, ResNetLayer, [16, 8, 2, False, 2]]": conv(16, 8)
    + 2 * conv(8, 8, 3)
    + 2 * conv(8, 32)
    + conv(16, 32)
    + conv(32, 8),
    "[-1, 1, AIFI, [24, 4]]": 4 * (16 * 16 + 16) + 16 * 24 + 24 + 24 * 16 + 16 + 64,
    "[-1, 1, Focus, [8, 3]]": conv(64, 8, 3),
    "[-1, 1, nn.MaxPool2d, [2, 2, 0]]": 0,
    "[-1, 1, nn.ZeroPad2d, [[0, 1, 0, 1]]]": 0,
    "[-1, 1, nn.ConvTranspose2d, [8, 2, 2, 0]]": 16 * 8 * 4 + 8,
    "[-1, 1, nn.BatchNorm2d, []]": 32,
    "[-1, 1, DWConvTranspose2d, [8, 4, 2, 1]]": 16 * 16 + 8,
    "[-1, 1, nn.AvgPool2d, [3, 2, 1]]": 0,
    "[-1, 1, nn.AdaptiveMaxPool2d, [4]]": 0,
    "[-1, 1, nn.AdaptiveAvgPool2d, [4]]": 0,
    "[-1, 1, nn.Dropout, [0.2]]": 0,
    "[-1, 2, nn.LeakyReLU, [0.1, True]]": 0,
    "[-1, 1, Classify, [nc]]": conv(16, 1280) + 1281 * 4,
}
"""Rows that read 16 channels, and the parameters of their modules."""


def test_poolings_whose_number_is_said_read_what_is_not_activated(yolo):
    """As ultralytics 8.4.190 makes them: YOLOv8's rows say none, YOLO26's do."""
    kinds = [
        [layer.type for layer in network(yolo, [row]).report().layers][:3]
        for row in ("[-1, 1, SPPF, [24, 5]]", "[-1, 1, SPPF, [24, 5, 3]]")
    ]
    assert [found[2] for found in kinds] == ["SiLU", "MaxPooling2D"]


@pytest.mark.parametrize("row", BLOCKS)
def test_modules(yolo, row):
    report = network(yolo, [row]).report()
    assert report.totals.params == BLOCKS[row]
    assert report.status == "complete"


OLDER = {
    "[-1, 1, DownC, [24]]": conv(16, 16) + conv(16, 12, 3) + conv(16, 12),
    "[-1, 1, SPPCSPC, [16]]": 3 * conv(16, 16) + 2 * conv(16, 16, 3) + conv(64, 16) + conv(32, 16),
    "[-1, 1, Stem, [16]]": conv(16, 8, 3) + conv(8, 8) + conv(8, 8, 3) + conv(16, 16),
    "[-1, 1, BottleneckCSPB, [16]]": 2 * conv(16, 16) + conv(32, 16) + bottleneck(16, 16, (1, 3)),
    "[-1, 2, BottleneckCSPC, [16]]": 2 * conv(16, 8) + conv(8, 8) + conv(16, 16) + 2 * bottleneck(8, 8, (1, 3)),
    "[-1, 1, ResXCSPC, [128]]": 2 * conv(16, 64) + 3 * conv(64, 64) + conv(64, 64, 3, 32) + conv(128, 128),
    "[-1, 1, RepConv, [16]]": conv(16, 16, 3) + conv(16, 16) + 32,
    "[-1, 1, ReOrg, []]": 0,
}


@pytest.mark.parametrize("row", OLDER)
def test_modules_of_v7(yolo, row):
    top = ANCHORS + "# "
    assert network(yolo, [row, "[-1, 1, MP, []]"], ANCHORS).report().totals.params == OLDER[row], top


def light(x, c3, out):
    return conv(x, x, 3, x) + conv(x, c3) + conv(c3, c3, 3, c3) + conv(c3, c3) + c3 * out + out


def tower(x, c, out):
    return conv(x, c, 3) + conv(c, c, 3) + c * out + out


BOXES = tower(16, 64, 64) + 16
"""The part of a head that tells boxes, with their mean."""
HEADS = {
    "[[-1], 1, Detect, [nc]]": BOXES + tower(16, 16, 4),
    "[[-1], 1, v10Detect, [nc]]": 2 * (BOXES - 16 + light(16, 16, 4)) + 16,
    "[[-1], 1, Segment, [nc, 8, 16]]": BOXES
    + tower(16, 16, 4)
    + tower(16, 8, 8)
    + 2 * conv(16, 16, 3)
    + 16 * 16 * 4
    + 16
    + conv(16, 8),
    "[[-1], 1, Pose, [nc, [5, 3]]]": BOXES + tower(16, 16, 4) + tower(16, 15, 15),
    "[[-1], 1, OBB, [nc, 1]]": BOXES + tower(16, 16, 4) + tower(16, 4, 1),
    "[[-1], 1, SemanticSegment, [nc]]": conv(16, 16, 3) + 17 * 4,
    "[[-1, -1], 1, SemanticSegment, [nc]]": 2 * (conv(16, 16, 3) + 17 * 4),
    "[[-1], 1, Depth, [16]]": conv(16, 16) + conv(16, 8, 3) + 8 * 8 * 4 + 8 + conv(8, 4, 3) + 5,
    "[[-1], 1, WorldDetect, [nc, 512, False]]": BOXES + tower(16, 16, 512) + 2,
    "[[-1], 1, DDetect, [nc]]": conv(16, 64, 3) + conv(64, 64, 3, 4) + 64 * 16 + 64 + 16 + tower(16, 16, 4),
}


@pytest.mark.parametrize("row", HEADS)
def test_heads(yolo, row):
    report = network(yolo, ["[-1, 1, nn.Identity, []]", row]).report()
    assert report.totals.params == HEADS[row]
    assert report.status == "complete"


def test_an_anchored_head(yolo):
    rows = ["[-1, 1, Conv, [8, 3, 2]]", "[[0, -1], 1, {}, [nc, anchors]]"]
    plain = network(yolo, [rows[0], rows[1].format("Detect")], ANCHORS).report()
    assert plain.totals.params == conv(16, 8, 3) + 2 * 9 * 18
    implicit = network(yolo, [rows[0], rows[1].format("IDetect")], ANCHORS).report()
    assert implicit.totals.params == plain.totals.params + 2 * (8 + 18)


def test_a_decoder_shares_what_tells_where_queries_look(yolo):
    report = network(yolo, ["[-1, 1, nn.Identity, []]", "[[-1], 1, RTDETRDecoder, [nc, 32, 10, 4, 2, 2, 64]]"]).report()
    layer = 4 * 33 * 32 + 33 * 8 * 2 + 33 * 8 + 2 * 33 * 32 + 33 * 64 + 65 * 32 + 3 * 64
    boxes = 2 * 33 * 32 + 33 * 4
    queries = 5 * 64 + 65 * 32
    rest = 16 * 32 + 64 + 4 * 32 + queries + 33 * 32 + 64 + 33 * 4 + boxes
    assert report.totals.params == rest + 2 * (layer + boxes + 33 * 4)


def test_a_convolution_of_pytorch_s_own(yolo):
    """The package scales neither of its channels; YOLOv5's and v7's programs scale it as theirs."""
    top = "nc: 4\nscales:\n  n: [1.0, 0.5, 64]\n"
    assert (
        network(yolo, ["[-1, 1, nn.Conv2d, [16, 24, 3, 2, 1, 1, 2, False]]"], top).report().totals.params == 8 * 24 * 9
    )
    with pytest.raises(archinspect.InvalidSpecError, match="it reads 16 channels, not 24"):
        network(yolo, ["[-1, 1, nn.Conv2d, [24, 16, 3]]"])
    older = ANCHORS.replace("width_multiple: 1.0", "width_multiple: 0.5")
    assert network(yolo, ["[-1, 1, nn.Conv2d, [16, 1]]"], older).report().totals.params == 16 * 8 + 8


def test_what_a_file_says_at_its_top(yolo):
    """As ultralytics 8.4 does it; YOLOv5's program has `ch`."""
    row = "  - [-1, 1, Conv, [16, 3]]\n"
    gray = archinspect.network(yolo(f"channels: 1\nactivation: nn.ReLU()\nbackbone:\n{row}"))
    assert [layer.type for layer in gray.report().layers] == ["Conv2D", "BatchNormalization", "ReLU"]
    assert gray.report().totals.params == conv(1, 16, 3)
    assert archinspect.inspect(yolo(f"ch: 4\nbackbone:\n{row}")).totals.params == conv(4, 16, 3)
    bare = archinspect.network(yolo(f"activation: nn.Identity()\nbackbone:\n{row}"))
    assert len(bare.report().layers) == 2
    with pytest.raises(archinspect.InvalidSpecError, match=r"1:13: error.unknown-op.: the activation 'nn.PReLU..'"):
        archinspect.network(yolo(f"activation: nn.PReLU()\nbackbone:\n{row}"))


def test_modules_of_the_package_tell_it_from_yolov9_s_repository(yolo):
    """Whose heads have no `reg_max`; that of YOLOv10 has 16 numbers a side in any case."""
    top = "nc: 4\nreg_max: 1\ndepth_multiple: 1.0\nwidth_multiple: 1.0\n"
    rows = ["[-1, 1, ADown, [16]]", "[-1, 1, C2f, [16]]", "[[-1], 1, {}, [nc]]"]
    first = conv(8, 8, 3) + conv(8, 8) + conv(16, 16) + conv(24, 16) + bottleneck(8, 8)
    plain = network(yolo, [*rows[:2], rows[2].format("Detect")], top).report().totals.params
    assert plain == first + tower(16, 16, 4) + tower(16, 16, 4)
    tenth = network(yolo, [*rows[:2], rows[2].format("v10Detect")], top).report().totals.params
    assert tenth == first + HEADS["[[-1], 1, v10Detect, [nc]]"]


def test_scales(yolo):
    path = yolo(SMALL)
    small = archinspect.network(path)
    assert small.report().totals.params == archinspect.inspect(path, params={"scale": "n"}).totals.params
    assert small.graph.params == {"scale": "n", "nc": 4}
    large = archinspect.network(path, params={"scale": "m"})
    assert small.report().totals.params < large.report().totals.params
    assert [node.path for node in large.graph.nodes if node.path.startswith("model.6.m")][-1].startswith("model.6.m.3.")
    # Of larger scales, blocks of blocks.
    assert any(node.path.startswith("model.1.m.0.m.1.") for node in large.graph.nodes)
    for name in ("yolov8m-x.yaml", "yolov8m6.yaml", "yolov8medium.yaml"):
        assert archinspect.network(yolo(SMALL, name)).graph.params["scale"] == "m"


def test_scale_is_an_option(run, yolo):
    path = str(yolo(SMALL))
    wanted = run("summary", path, "--set", "scale=m", "--oneline").stdout
    assert run("summary", path, "--scale", "m", "--oneline").stdout == wanted
    assert "given twice" in run("summary", path, "--scale", "m", "--set", "scale=m").stderr
    assert "did you mean" not in run("summary", path, "--scale", "m").stderr


def test_classes_and_sizes(yolo):
    path = yolo(SMALL)
    network = archinspect.network(path, params={"nc": 7}, inputs={"": (64, 64, 3)}, batch=2)
    assert list(network.report().outputs.values()) == [(2, 32 * 32 + 16 * 16, 11)]
    formula = str(network.formula("params"))
    assert "nc" in formula


def test_problems_stand_at_their_line(yolo):
    cases = {
        "- [-1, 1, Con, [16]]": "2:13: error.unknown-op.: the module 'Con' is not read",
        "- [-2, 1, Conv, [16]]": "row 0 reads row -2, which is not before it",
        "- [-1, 1, Conv, [x, 3]]": "2:13: error.argument.: Conv cannot be made",
        "- [-1, 1, Conv, [16, 3, 0]]": "2:13: error.argument.: Conv2D: strides must be",
        "- [-1, 1, Conv, [1e9]]": "numbers are at most 1,000,000",
        "- [-1, 1, Conv]": "a row is .from, repeats, module, arguments.",
        "- [-1, 0, Conv, [16]]": "a module is repeated 1 to 1,000 times",
        "- [[0, -1], 1, Concat, [1]]": "reads row 0",
        "- [-1, 1, Conv, [16, 3, 1, None, 1, nn.Foo()]]": "'nn.Foo..' is no activation",
    }
    for row, message in cases.items():
        path = yolo(f"backbone:\n  {row}\n")
        with pytest.raises(archinspect.InvalidSpecError, match=message):
            archinspect.inspect(f"ultralytics:{path}")
    with pytest.raises(archinspect.InvalidSpecError, match="there is no scale 'q'"):
        archinspect.inspect(yolo(SMALL), params={"scale": "q"})


def test_a_file_is_known_by_its_rows(yolo):
    from archinspect.importers import open_file

    assert open_file(str(yolo(SMALL))).format == "ultralytics"
    flow = "# x\nnc: 2\nbackbone:\n  # [from, number, module, args]\n  [[-1, 1, Conv, [32, 3, 2]],  # 0\n  ]\n"
    assert open_file(str(yolo(flow))).format == "ultralytics"
    assert open_file(str(yolo("backbone: resnet\nhead: [1, 2]\n"))) is None


def test_mutated_files_are_answered(yolo):
    rng = Random(3)
    head = "  - [[6, 3], 1, Segment26, [nc, 8, 16]]\n  - [[6, 3], 1, RTDETRDecoder, [nc, 32, 10, 4, 2, 1, 32]]\n"
    for _ in range(200):
        path = yolo("")
        path.write_bytes(mutated(SMALL + head, rng))
        assert [one.message for one in archinspect.check(path).diagnostics if "that is not known:" in one.message] == []
