"""Specs from networks of flat names: what repeats becomes blocks, whatever it is called."""

from collections import Counter

import pytest
from fuzz_convert import check

import archinspect
from archinspect import ops
from archinspect.exporters.spec.titles import _base, _group, _mark


class Flat:
    """A network whose layers all stand beside each other, as files of many formats have them."""

    def __init__(self, *shape):
        self.builder = archinspect.GraphBuilder("flat")
        self.x = self.builder.input(*shape)

    def add(self, operator, name, *inputs, **args):
        self.x = self.builder.add(ops.find_operator(operator)(**args), *(inputs or (self.x,)), name=name)
        return self.x

    def text(self):
        return archinspect.network(self.builder.build(self.x)).convert()

    def parts(self):
        text = self.text()
        return text[text.index("blocks:") :].split("expect:")[0]


def residual(net, filters, names, *, strides=1, projection=False):
    start = skip = net.x
    if projection:  # begun before the main branch, and ended after it, as Keras lists its layers
        skip = net.add("Conv2D", names("0_conv"), start, filters=4 * filters, kernel_size=1, strides=strides)
    net.add("Conv2D", names("1_conv"), start, filters=filters, kernel_size=1, strides=strides)
    net.add("ReLU", names("1_relu"))
    main = net.add("Conv2D", names("2_conv"), filters=4 * filters, kernel_size=1)
    if projection:
        skip = net.add("BatchNormalization", names("0_bn"), skip)
    net.add("Add", names("add"), skip, main)
    net.add("ReLU", names("out"))


def stages(names):
    net = Flat(32, 32, 3)
    net.add("Conv2D", names(1, 0)("conv"), filters=16, kernel_size=3)
    for stage, (filters, depth) in enumerate([(16, 3), (32, 4), (64, 2)], 2):
        for block in range(depth):
            options = {"strides": 1 if stage == 2 else 2, "projection": True} if block == 0 else {}
            residual(net, filters, names(stage, block), **options)
    return net


BLOCK = """\
blocks:
  block:
    params: {filters: , strides: 1, projection: false}
    layers:
      - Add:
          - - Conv2D: {filters: "${4 * filters}", kernel_size: 1, strides: $strides}
              name: "0_conv"
              when: $projection
            - {BatchNormalization: , name: "0_bn", when: $projection}
          - - {Conv2D: {filters: $filters, kernel_size: 1, strides: $strides}, name: "1_conv"}
            - {ReLU: , name: "1_relu"}
            - {Conv2D: {filters: "${4 * filters}", kernel_size: 1}, name: "2_conv"}
      - {ReLU: , name: out}
"""


def test_runs_of_flat_names_are_blocks_and_keep_their_names_as_patterns():
    parts = stages(lambda stage, block: lambda name: f"conv{stage}_block{block + 1}_{name}").parts()
    assert parts == BLOCK + (
        "layers:\n"
        "  - {Conv2D: {filters: 16, kernel_size: 3}, name: conv1_block1_conv}\n"
        '  - {block: {filters: 16, projection: "${index == 0}"}, name: "conv2_block${index + 1}", repeat: 3}\n'
        '  - block: {filters: 32, strides: "${2 if index == 0 else 1}", projection: "${index == 0}"}\n'
        '    name: "conv3_block${index + 1}"\n'
        "    repeat: 4\n"
        "  - {block: {filters: 64, strides: 2, projection: true}, name: conv4_block1}\n"
        "  - {block: 64, name: conv4_block2}\n"
    )


def test_letters_go_on_as_numbers_do():
    parts = stages(lambda stage, block: lambda name: f"res{stage}{'abcd'[block]}_{name}").parts()
    assert """name: "res2${['a', 'b', 'c'][index]}", repeat: 3}""" in parts


def test_running_numbers_name_nothing():
    count = iter(range(1000))
    parts = stages(lambda *_: lambda name: f"{name.split('_')[-1]}_{next(count)}").parts()
    assert "  residual:\n" in parts
    assert '- {residual: {filters: 16, projection: "${index == 0}"}, repeat: 3}' in parts
    assert "- ReLU\n" in parts


def test_what_stands_several_times_in_no_row_is_a_block():
    net = Flat(32, 32, 3)
    for number, filters in enumerate([8, 16, 16, 32, 32]):
        net.add("Conv2D", f"conv{number}", filters=filters, kernel_size=3, padding="same", use_bias=False)
        net.add("BatchNormalization", f"bn{number}")
        net.add("ReLU", f"relu{number}")
        if number in (0, 2):
            net.add("MaxPooling2D", f"pool{number}", pool_size=2)
    parts = net.parts()
    assert "    - {Conv2D: {filters: $filters, kernel_size: 3, padding: same, use_bias: false}, name: conv}\n" in (
        parts.replace("      - {", "    - {")
    )
    assert '- {conv_block: 32, name: "conv${index + 3}", repeat: 2}' in parts or '- {conv: 32, name: "conv${' in parts


def test_stages_of_stages_are_blocks_of_blocks():
    net = Flat(64, 64, 3)
    for stage, filters in enumerate([8, 16, 32, 64], 1):
        for number in range(1, 2 + (stage > 2)):
            net.add("Conv2D", f"block{stage}_conv{number}", filters=filters, kernel_size=3, padding="same")
            net.add("ReLU", f"block{stage}_relu{number}")
        net.add("MaxPooling2D", f"block{stage}_pool", pool_size=2)
    assert net.text().count("\n") < 22


def test_an_author_of_a_spec_keeps_the_names():
    layers = [step for number in range(6) for step in ({"Dense": 8 + number, "name": f"d{number}"}, "ReLU")]
    network = archinspect.network({"input": [8], "layers": layers})
    assert "blocks:" not in network.convert()


def test_a_tensor_that_a_block_reads_besides_is_its_parameter():
    net = Flat(32, 32, 4)
    skips = []
    for number in range(3):
        net.add("Conv2D", f"down{number}_conv", filters=4, kernel_size=3, padding="same")
        skips.append(net.add("ReLU", f"down{number}_relu"))
        net.add("MaxPooling2D", f"down{number}_pool", pool_size=2)
    for number in reversed(range(3)):
        net.add("UpSampling2D", f"up{number}_up", size=2)
        net.add("Concatenate", f"up{number}_join", net.x, skips[number])
        net.add("Conv2D", f"up{number}_conv", filters=4, kernel_size=3, padding="same")
        net.add("ReLU", f"up{number}_relu")
    parts = net.parts()
    assert "from: [-1, $reads]" in parts
    assert "{up: down2.relu, name: up2}" in parts


@pytest.mark.parametrize("seed", [*range(8), 1154])
def test_a_random_network_of_flat_names_is_proven(seed):
    found: Counter[str] = Counter()
    check(seed, found)
    assert found["groups without proof"] == found["not the same twice"] == 0
    assert found["lines"] <= found["lines of names as they are"]


def test_a_list_of_lists_keeps_no_block_from_its_kind():
    """Lists hold blocks, and a block with a projection holds a list: it is still a block as the others are."""
    builder = archinspect.GraphBuilder("nested")
    x = builder.input(8)
    dense = ops.find_operator("Dense")
    with builder.scope("layer", kind="List"):
        for number in range(4):
            with builder.scope(str(number), kind="Block"):
                y = x
                for name in "abcd":
                    y = builder.add(dense(units=8), y, name=name)
                if number == 0:
                    with builder.scope("project", kind="List"):
                        x = builder.add(dense(units=8), x, name="0")
                x = builder.add(ops.find_operator("Add")(), y, x, name="sum")
    text = archinspect.network(builder.build(x)).convert()
    assert text.count("- Add:") == 1
    assert '- {Block: "${index == 0}", name: layer, repeat: 4}' in text
    assert "- {name: project, when: $project, layers: [{Dense: 8, name: 0}]}" in text


@pytest.mark.parametrize(
    ("names", "group"),
    [
        (["conv2_block1_1_conv", "conv2_block1_1_bn", "conv2_block1_out"], "conv2_block1"),
        (["conv2_block1", "conv2_block2", "conv2_block3"], "conv2"),
        (["res4b22_branch2a", "bn4b22_branch2a", "scale4b22_branch2a", "res4b22"], "res4b22"),
        (["conv_dw_3", "conv_dw_3_bn", "conv_pw_3"], "conv_3"),
        (["conv1_1", "relu1_1"], "conv1_1"),
        (["Conv_17", "Relu_18"], ""),
        (["stem_conv", "stem_bn"], "stem"),
        (["a", "b"], ""),
    ],
)
def test_what_names_have_in_common_names_their_group(names, group):
    mark = _mark(names)
    assert (mark and _group(mark, _base(names), names)) == group
