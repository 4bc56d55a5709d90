"""Configurations of Darknet: small ones, whose figures follow by hand."""

from __future__ import annotations

from random import Random

import pytest
from text_mutations import mutated

import archinspect

NET = "[net]\nbatch=8\nheight=32\nwidth=32\nchannels=3\n"
CONV = "[convolutional]\nfilters=8\nsize=3\npad=1\nactivation=leaky\n"
ALL = f"""# every kind of layer
{NET}
[crop]
crop_height=32
crop_width=32

[convolutional]
batch_normalize=1
filters=8
size=3
stride=2
pad=1
activation=leaky

[convolutional]
filters = 8 ; C stops reading here
groups=2
size=3
dilation=2
pad=1
activation=hard_mish
[shortcut]
from=-2
activation=linear
[maxpool]
size=2
stride=1
[avgpool]
[convolutional]
filters=8
activation=logistic
[scale_channels]
from=-3
[route]
layers=-1,-4
groups=2
group_id=1
[upsample]
stride=2
[route]
layers=-2
[convolutional]
filters=8
size=3
share_index=2
pad=1
groups=2
dilation=2
activation=linear
[reorg]
stride=2
[convolutional]
filters=21
activation=linear
[yolo]
mask=0,1,2
anchors=1,2,3,4,5,6
classes=2
num=3
scale_x_y=1.1
[route]
layers=-3
[local]
size=3
filters=4
pad=1
[dropout]
[connected]
output=10
batch_normalize=1
[lstm]
output=8
[rnn]
output=8
hidden=4
[gru]
output=8
[softmax]
groups=2
[cost]
"""


@pytest.fixture
def cfg(tmp_path):
    def cfg(text):
        path = tmp_path / "net.cfg"
        path.write_text(text)
        return path

    return cfg


@pytest.mark.parametrize(
    ("layer", "params", "macs", "shape"),
    [
        (CONV, 8 * 27 + 8, 8 * 27 * 1024, (32, 32, 8)),
        (CONV + "batch_normalize=1\n", 8 * 27 + 16, 8 * 27 * 1024, (32, 32, 8)),
        (CONV + "stride_x=2\nstride_y=1\n", 8 * 27 + 8, 8 * 27 * 512, (32, 16, 8)),
        (CONV + "stride=2\nantialiasing=1\n", 8 * 27 + 8, 8 * 27 * 1024 + 8 * 9 * 256, (16, 16, 8)),
        (CONV + "[maxpool]\nsize=2\nstride=1\n", 224, 216 * 1024, (32, 32, 8)),
        (CONV + "[maxpool]\nsize=3\nstride=2\n", 224, 216 * 1024, (16, 16, 8)),
        (CONV + "[maxpool]\nmaxpool_depth=1\nout_channels=2\n", 224, 216 * 1024, (32, 32, 2)),
        (CONV + "[deconvolutional]\nfilters=4\nsize=2\nstride=2\n", 224 + 132, 216 * 1024 + 128 * 1024, (64, 64, 4)),
        (CONV + CONV + "[shortcut]\nfrom=-2\nweights_type=per_channel\n", 224 + 584 + 16, 792 * 1024, (32, 32, 8)),
        (CONV + "[convolutional]\nfilters=4\n[shortcut]\nfrom=-2\n", 224 + 36, 248 * 1024, (32, 32, 4)),
        ("[local]\nsize=3\nfilters=4\n", 900 * 4 * 28, 900 * 4 * 27, (30, 30, 4)),
        ("[reorg]\nstride=2\n", 0, 0, (16, 16, 12)),
        ("[reorg]\nextra=1\n", 0, 0, (3073,)),
        ("[history]\nhistory_size=2\n", 0, 0, (32, 32, 6)),
        ("[connected]\noutput=5\n", 3072 * 5 + 5, 3072 * 5, (5,)),
        ("[rnn]\noutput=5\nhidden=4\n", 3073 * 4 + 5 * 4 + 5 * 5, 3072 * 4 + 16 + 20, (5,)),
        ("[crnn]\noutput=5\nhidden=4\nsize=1\n", 4 * 4 + 5 * 4 + 5 * 5, 48 * 1024, (32, 32, 5)),
        ("[lstm]\noutput=5\n", 4 * (3072 * 5 + 25 + 10), 4 * (3072 * 5 + 25), (5,)),
        ("[conv_lstm]\noutput=5\npad=1\n", 4 * (27 * 5 + 45 * 5 + 10), 4 * 72 * 5 * 1024, (32, 32, 5)),
        ("[gru]\noutput=5\n", 3 * (3072 * 5 + 25 + 10), 3 * (3072 * 5 + 25), (5,)),
        ("[softmax]\n", 0, 0, (3072,)),
        ("[implicit_weights]\nfilters=8\n", 8, 0, (1, 1, 8)),
    ],
)
def test_layers(cfg, layer, params, macs, shape):
    report = archinspect.inspect(cfg(NET + layer))
    assert (report.totals.params, report.totals.macs) == (params, macs)
    assert [found[1:] for found in report.outputs.values()] == [shape]
    assert report.status == "complete"


def test_all_layers_together(cfg):
    network = archinspect.network(cfg(ALL))
    assert network.report().totals.params == 79_025
    assert network.with_settings(inputs={"": (64, 64, 3)}, batch=2).report().totals.macs > 0
    shared = next(node for node in network.graph.nodes if node.path == "11.conv")
    assert shared.shares.path == "2.conv"
    assert {tensor.producer.path.split(".")[0] for tensor in network.graph.outputs} == {"9", "14", "23"}


def test_numbers_become_names_of_a_program(cfg):
    from archinspect.exporters.pytorch import export

    text = NET + CONV + CONV + "[shortcut]\nfrom=-2\nactivation=leaky\n" + CONV
    program = export(archinspect.network(cfg(text)).facts).text
    assert "self.layer0 = " in program


@pytest.mark.parametrize(
    ("head", "channels"),
    [
        ("[yolo]\nmask=0,1\nnum=9\nclasses=3", 16),
        ("[yolo]\nnum=2\nclasses=3\nnew_coords=1", 16),
        ("[Gaussian_yolo]\nmask=0\nclasses=3", 12),
        ("[region]\nnum=2\nclasses=3\nsoftmax=1", 16),
        ("[iseg]\nclasses=3\nids=4", 7),
        ("[detection]\nside=32\nnum=1\ncoords=4\nclasses=3\nsoftmax=1", 8),
    ],
)
def test_heads_say_how_many_channels_they_need(cfg, head, channels):
    conv = "[convolutional]\nfilters={}\nactivation=linear\n"
    report = archinspect.inspect(cfg(NET + conv.format(channels) + head))
    assert report.totals.params == 4 * channels
    with pytest.raises(archinspect.InvalidSpecError, match="need"):
        archinspect.inspect(cfg(NET + conv.format(channels + 1) + head))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[net]\n", "net.cfg:1:1: error\\[format\\]: \\[net\\]: says neither height"),
        (NET, "no layer follows"),
        (NET + "x\n", "6:1: error\\[format\\]: this line is no option"),
        (NET + "[convolutoinal]\n", "6:1: error\\[unknown-op\\]: the layer .* did you mean 'convolutional'"),
        (NET + "[convolutional]\nfilters=a\n", "7:1: error\\[format\\]: .* 'filters' must be a whole number"),
        (NET + "[convolutional]\nactivation=rule\n", "7:1: .* the activation 'rule' is not known"),
        (NET + "[convolutional]\ngroups=2\n", "6:1: error\\[shape\\]: Conv2D: 2 groups do not divide 3"),
        (NET + "[route]\nlayers=-1\n", "7:1: .* layer -1, which is not before this one, number 0"),
        (NET + "[conv_lstm]\npeephole=1\n", "'peephole' is not read"),
    ],
)
def test_problems_stand_at_their_line(cfg, text, message):
    with pytest.raises(archinspect.InvalidSpecError, match=f"(?s){message}"):
        archinspect.inspect(f"darknet:{cfg(text)}")


def test_mutated_files_are_answered(cfg):
    rng = Random(3)
    for _ in range(300):
        path = cfg("")
        path.write_bytes(mutated(ALL, rng))
        assert [one.message for one in archinspect.check(path).diagnostics if "that is not known:" in one.message] == []
