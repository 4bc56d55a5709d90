"""Networks made of others: folded batch normalization, adapters of low rank."""

from __future__ import annotations

import pytest

import archinspect
from archinspect import Plan, network
from archinspect.base.settings import Lora, SettingError

FOLDED = {
    "input": [3, 32, 32],
    "layout": "channels_first",
    "layers": [
        {"Conv2d": {"out_channels": 64, "kernel_size": 3, "bias": False}},
        "BatchNorm2d",
        "ReLU",
        {"Conv2d": {"out_channels": 64, "kernel_size": 3, "bias": False}},
        "BatchNorm2d",
    ],
}


def names(net):
    return [node.path for node in net.graph.nodes]


def test_folding_by_hand():
    """Two kernels with a bias each; the normalization's vectors and its arithmetic are gone."""
    net = network(FOLDED, fold_bn=True)
    totals, plain = net.report().totals, network(FOLDED).report().totals
    assert (totals.params, totals.buffers) == (9 * 64 * (3 + 64) + 2 * 64, 0) == (38_720, 0)
    assert totals.macs == plain.macs == 30_456_576
    assert names(net) == ["conv2d", "re_lu", "conv2d_1"]
    assert net.report().outputs == {"conv2d_1": (None, 64, 28, 28)}
    assert net.with_settings(fold_bn=False).report().totals == plain


@pytest.mark.parametrize(
    ("layers", "left"),
    [
        ([{"Dense": 4}, "BatchNormalization"], 0),
        ([{"DepthwiseConv2D": {"kernel_size": 3}}, "BatchNormalization"], 0),
        ([{"Conv2DTranspose": {"filters": 4, "kernel_size": 3}}, "FrozenBatchNorm2d"], 0),
        ([{"SeparableConv2D": {"filters": 4, "kernel_size": 3}}, "BatchNormalization"], 0),
        ([{"Conv2D": {"filters": 4, "kernel_size": 3, "activation": "relu"}}, "BatchNormalization"], 1),
        (["BatchNormalization", {"Conv2D": {"filters": 4, "kernel_size": 3}}], 1),
        ([{"Conv2D": {"filters": 4, "kernel_size": 3}}, {"BatchNormalization": {"axis": 1}}], 1),
        (["Flatten", {"Dense": 4}, {"BatchNormalization": {"axis": 1}}], 0),
        ([{"Conv2D": {"filters": 4, "kernel_size": 3}}, {"BatchNorm2d": {"track_running_stats": False}}], 1),
        ([{"Dense": 4, "name": "a"}, "BatchNormalization", {"Add": None, "from": [-1, "a"]}], 1),
        ([{"Conv2D": {"filters": 3, "kernel_size": 1}, "name": "a"}, "BatchNormalization",
          {"Conv2D": {"filters": 3, "kernel_size": 1}, "weights": "a"}, "BatchNormalization"], 2),
    ],
)  # fmt: skip
def test_what_folds(layers, left):
    net = network({"input": [8, 8, 3], "layers": layers}, fold_bn=True)
    assert sum("BatchNorm" in type(node.op).__name__ for node in net.graph.nodes) == left


def test_all_of_a_network_folds():
    net = network("resnet50", fold_bn=True)
    assert net.report().totals.buffers == 0
    plain = network("resnet50").report().totals
    assert plain.params - net.report().totals.params == plain.buffers // 2  # a scale of each channel
    assert net.memory().inference.weights < network("resnet50").memory().inference.weights
    assert net.graph.composites == network("resnet50").graph.composites


def test_adapters_by_hand():
    """Peak and bytes kept are those that PyTorch measures of the same network written out."""
    net = {"input": [16, 512], "layers": [{"Linear": {"units": 512, "bias": False}, "name": "base"}]}
    report = archinspect.inspect(net, lora="r=8,targets=base", memory=True)
    assert report.totals.params == 270_336
    assert report.totals.trainable_params == 2 * 8 * 512
    assert report.totals.macs == 4_325_376
    assert (report.memory.peak_bytes, report.memory.kept_bytes) == (131_072, 33_280)
    assert [row.name for row in report.layers] == ["base", "base_lora_a", "base_lora_b", "base_lora"]
    scaled = network(net, lora={"r": 8, "targets": "base", "alpha": 16})
    assert names(scaled) == ["base", "base_lora_a", "base_lora_b", "base_lora_scale", "base_lora"]


def test_llama_has_the_adapters_it_is_known_for():
    """Rank 8 on queries and values of Llama 2 7B: 4,194,304 parameters, as PEFT prints."""
    found = archinspect.memory_report("llama2_7b", Plan(dtype="bfloat16"), lora="r=8", params={"seq": 64})
    assert found.ledger.trainable == 32 * 2 * 8 * 2 * 4096 == 4_194_304
    assert found.ledger.frozen == 6_738_415_616
    assert (found.training.gradients, found.training.optimizer) == (2 * 4_194_304, 4 * 4_194_304)
    full = archinspect.memory_report("llama2_7b", Plan(dtype="bfloat16"), params={"seq": 64}).training
    assert found.training.kept.total < full.kept.total


def test_every_product_but_the_last():
    wide = 2 * 4096 * 4 + 3 * (4096 + 11008)
    found = network("llama2_7b", lora="r=16,targets=all-linear", params={"seq": 8}).report().totals
    assert found.trainable_params == 32 * 16 * wide


@pytest.mark.parametrize("targets", ["query|key|value|output", "q|k|v|o", "q_proj|k_proj|v_proj|o_proj"])
def test_products_of_attention_have_several_names(targets):
    layers = [{"MultiHeadAttention": {"num_heads": 4, "embed_dim": 32}}]
    found = network({"input": [10, 32], "layers": layers}, lora=f"r=2,targets={targets}").report()
    assert found.totals.trainable_params == 4 * 2 * 2 * 32
    assert [row.name for row in found.layers] == ["multi_head_attention"]  # parts of one layer


def test_attention_of_few_keys_and_rotated_ones():
    layers = [{"MultiHeadAttention": {"num_heads": 4, "num_kv_heads": 2, "key_dim": 8, "rotary": True}}]
    net = {"input": [10, 24], "layers": layers}
    trained = {target: network(net, lora=f"r=2,targets={target}").report().totals.trainable_params for target in "qkvo"}
    assert trained == {"q": 2 * (24 + 32), "k": 2 * (24 + 16), "v": 2 * (24 + 16), "o": 2 * (32 + 24)}


def test_adapters_stay_in_their_own_type():
    """QLoRA: the frozen products in NF4, the adapters in 16 bits, at inference and in training."""
    net = {"input": [64], "layers": [{"Dense": {"units": 64, "use_bias": False}, "name": "a"}, {"Dense": 2}]}
    found = archinspect.memory_report(net, Plan(dtype="bfloat16", weights_dtype="nf4"), lora="r=4,targets=a")
    wanted = 64 * 64 // 2 + 64 * 4 + 2 * (2 * 4 * 64) + 2 * 130
    assert found.inference.weights == found.training.weights == wanted


def test_blocks_and_shared_weights_are_copied():
    plain, adapted = network("t5_small"), network("t5_small", lora="r=4")
    assert adapted.report().totals.params - adapted.report().totals.trainable_params == plain.report().totals.params
    assert adapted.graph.composites == plain.graph.composites
    assert adapted.memory(Plan(cached=100)).inference.cache == plain.memory(Plan(cached=100)).inference.cache


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("8", "write r=8"),
        ("r=8,dropout=1", "write r=8"),
        ("r=x", "whole number"),
        ("r=0", "1 at least"),
        ("r=8,targets=(", "no pattern"),
        ("r=8,targets=nothing", "no layer is called 'nothing'; products are"),
    ],
)
def test_adapters_that_are_none_are_refused(given, reason, run):
    with pytest.raises(SettingError, match=reason.replace("(", r"\(")):
        network("lenet5", lora=given)
    found = run("memory", "lenet5", "--lora", given)
    assert (found.exit_code, "Error: --lora: " in found.stderr) == (2, True)


def test_products_of_outputs_have_no_adapters():
    with pytest.raises(SettingError, match="no product but those that make the outputs"):
        network({"input": [8], "layers": [{"Dense": 3}]}, lora="r=2,targets=all-linear").report()


@pytest.mark.parametrize("options", [("--fold-bn",), ("--lora", "r=2,targets=all-linear"), ("--cached", "3")])
def test_a_spec_with_errors_tells_those(run, tmp_path, options):
    path = tmp_path / "net.yaml"
    layers = "[Dense: 4, {Dense: 4, from: nothing}, Dense: 2]"
    path.write_text(f"params: {{seq: 4}}\ninput: [$seq, 8]\nlayers: {layers}\n", encoding="utf-8")
    found = run("memory", str(path), *options)
    assert (found.exit_code, "unknown layer 'nothing'" in found.stdout + found.stderr) == (1, True)


def test_adapters_may_be_given_as_values():
    assert Lora.of("r=8,targets=a|b,alpha=16") == Lora(8, "a|b", 16.0)
    assert Lora.of({"r": 8, "targets": "a|b", "alpha": 16}) == Lora(8, "a|b", 16.0)
    assert Lora.of(Lora(4)) == Lora(4)


def test_commands_take_both(run):
    assert f"Trainable params: {12 * 2 * 8 * 2 * 768:,}" in run("summary", "gpt2", "--lora", "r=8").stdout
    assert "25,530,472" in run("summary", "resnet50", "--fold-bn").stdout
    assert run("compute", "resnet18", "--fold-bn").exit_code == 0
    assert run("compare", "resnet18", "resnet34", "--fold-bn").exit_code == 0
    assert run("fit", "gpt2", "--train", "--memory", "8GiB", "--lora", "r=8", "--vary", "batch").exit_code == 0
