"""Count the MACs of a forward and a backward pass with PyTorch's own counter, into `training_macs.json`.

Run by hand, in an environment with torch, torchvision and keras:

    KERAS_BACKEND=torch python tests/truth/measure_training.py > tests/truth/training_macs.json

Inputs need no gradients. `frozen` are the weights that do not train, by what their names start with, `layers` the
layers that they are here. `operators` are those of `measure_ops.py`: `macs` of a pass whose inputs need no gradients,
`macs_to_inputs` of one whose inputs do. `counted` is half of the counter's total, `macs` that with one formula of it
mended: for grouped convolutions it counts the gradient of the weights as if all groups were one, so `groups` times too
much.
Attention is PyTorch's function without a fused kernel, or the network's own two products.
"""

# ruff: noqa: T201 - a script that prints

import json
from contextlib import nullcontext
from functools import partial
from itertools import pairwise

import torch
import torchvision
import vision_cases
from measure_networks import GPT2, NETWORKS, LongTokens, LSTMClassifier
from measure_ops import call, run_torch, torch_case, torch_cases
from torch import nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode, conv_backward_flop, sdpa_backward_flop_count, sdpa_flop_count


class UNet(nn.Module):
    """Written after the paper: no padding, so that what is skipped is cropped."""

    def __init__(self):
        super().__init__()
        widths = [64, 128, 256, 512, 1024]
        self.down = nn.ModuleList(double(*pair) for pair in pairwise([1, *widths]))
        pairs = list(pairwise(widths[::-1]))
        self.up = nn.ModuleList(nn.ConvTranspose2d(*pair, 2, stride=2) for pair in pairs)
        self.join = nn.ModuleList(double(*pair) for pair in pairs)
        self.classes = nn.Conv2d(64, 2, 1)

    def forward(self, x):
        skips = []
        for block in self.down:
            x = block(functional.max_pool2d(x, 2) if skips else x)
            skips.append(x)
        for up, join, skip in zip(self.up, self.join, skips[-2::-1], strict=True):
            x = up(x)
            cut = (skip.shape[-1] - x.shape[-1]) // 2
            x = join(torch.cat([functional.pad(skip, [-cut] * 4), x], 1))
        return self.classes(x)


def double(before, after):
    return nn.Sequential(nn.Conv2d(before, after, 3), nn.ReLU(), nn.Conv2d(after, after, 3), nn.ReLU())


def dcgan_generator():
    ups = [(100, 512, 1, 0), (512, 256, 2, 1), (256, 128, 2, 1), (128, 64, 2, 1)]
    layers = [
        layer
        for before, after, stride, padding in ups
        for layer in (
            nn.ConvTranspose2d(before, after, 4, stride, padding, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(),
        )
    ]
    return nn.Sequential(*layers, nn.ConvTranspose2d(64, 3, 4, 2, 1, bias=False), nn.Tanh())


def classifier(name):
    return torchvision.models.get_model(name, weights=None)


IMAGE = (1, 3, 224, 224)
CASES = [
    *(
        {"network": name, "build": lambda name=name: classifier(name), "shapes": [IMAGE]}
        for name in (
            *("resnet18", "resnet50", "vgg16", "mobilenet_v2", "densenet121", "convnext_tiny"),
            *("efficientnet_b0", "resnext50_32x4d", "vit_b_16", "swin_t"),
        )
    ),
    *(
        {"network": name, "build": NETWORKS[name][1], "shapes": NETWORKS[name][2:]}
        for name in ("autoencoder_conv", "fcn_resnet50", "tcn", "gpt2", "gru_seq2seq")
    ),
    {"network": "unet", "build": UNet, "shapes": [(1, 1, 572, 572)]},
    {"network": "dcgan_generator", "build": dcgan_generator, "shapes": [(1, 100, 1, 1)]},
    {"network": "lstm_classifier", "build": LSTMClassifier, "shapes": [LongTokens((1, 256))]},
    {
        "network": "resnet18",
        "build": lambda: classifier("resnet18"),
        "shapes": [IMAGE],
        "frozen": ["conv1", "bn1", "layer1", "layer2", "layer3"],
        "layers": ["stem", "stage1", "stage2", "stage3"],
    },
    {
        "network": "resnet18",
        "build": lambda: classifier("resnet18"),
        "shapes": [IMAGE],
        "frozen": ["layer2"],
        "layers": ["stage2"],
    },
    {
        "network": "vgg16",
        "build": lambda: classifier("vgg16"),
        "shapes": [IMAGE],
        "frozen": ["classifier.3"],
        "layers": ["fc7"],
    },
    {
        "network": "gpt2",
        "build": GPT2,
        "shapes": NETWORKS["gpt2"][2:],
        "frozen": ["blocks.0.", "blocks.1."],
        "layers": ["blocks.0.", "blocks.1."],
    },
]


# Batch, heads, steps and a head's size of queries, keys and values.
ATTENTION = [
    ((1, 12, 197, 64), (1, 12, 197, 64), (1, 12, 197, 64)),
    ((2, 8, 100, 32), (2, 8, 77, 32), (2, 8, 77, 48)),
    ((1, 8, 64, 16), (1, 2, 64, 16), (1, 2, 64, 16)),
]


def grouped(*args, out_shape=None, **kwargs):
    """Count a convolution's backward pass, the gradient of a kernel once for each group."""
    *given, groups, (for_input, for_weights, _) = args
    count = conv_backward_flop.__wrapped__  # which takes shapes, not tensors
    inputs = count(*given, groups, (for_input, False, False), out_shape, **kwargs)
    return inputs + count(*given, groups, (False, for_weights, False), out_shape, **kwargs) // groups


FORMULAS = {torch.ops.aten.convolution_backward: grouped} | vision_cases.FORMULAS


def measure(case):
    with torch.device("meta"):
        model = case["build"]()
        inputs = [torch.zeros(shape, dtype=getattr(shape, "dtype", None)) for shape in case["shapes"]]
    for name, weight in model.named_parameters():
        weight.requires_grad_(not name.startswith(tuple(case.get("frozen", ()))))
    model.train()
    batch = 1
    try:
        counted = run(model, inputs)
    except ValueError:  # batch normalization of a single value has no statistics to train on
        batch = 2
        inputs = [torch.cat([tensor] * 2) for tensor in inputs]
        counted = run(model, inputs)
    return {
        "network": case["network"],
        "batch": batch,
        "frozen": case.get("frozen", []),
        "layers": case.get("layers", []),
        "counted": counted,
        "macs": run(model, inputs, FORMULAS),
    }


def run(model, inputs, formulas=None):
    counter = FlopCounterMode(display=False, custom_mapping=formulas)
    with counter:
        outputs = [tensor for tensor in tree_leaves(model(*inputs)) if getattr(tensor, "requires_grad", False)]
        torch.autograd.backward([tensor.sum() for tensor in outputs])
    return counter.get_total_flops() // 2


def called(op, module, *inputs):
    return call(op, module, inputs)


def operators():
    """Yield the MACs of each module of measure_ops.py that has any, inputs without gradients and with them."""
    for op, shapes, args in torch_cases():
        try:
            run_torch(op, shapes, args)  # meta tensors check less than real ones
            macs = [operator(op, shapes, args, wanted=wanted) for wanted in (False, True)]
        except (RuntimeError, ValueError, AssertionError, IndexError):
            continue  # what PyTorch refuses
        if any(macs):
            yield {"op": op, "args": args, "inputs": shapes, "macs": macs[0], "macs_to_inputs": macs[1]}


def operator(op, shapes, args, *, wanted):
    with torch.device("cpu" if args.get("momentum", 0) is None else "meta"), kernel_of(op):
        module, inputs = torch_case(op, shapes, args)
        inputs = [tensor.requires_grad_(wanted and tensor.is_floating_point()) for tensor in inputs]
        return run(partial(called, op, module.train()), inputs, FORMULAS)


def kernel_of(op):
    return sdpa_kernel(SDPBackend.MATH) if "Attention" in op else nullcontext()


def fused_attention(query, key, value):
    """Count a fused kernel, which no CPU has, by the counter's formulas for it."""
    gradient = (*query[:3], value[3])
    counted = sdpa_flop_count(query, key, value) + sdpa_backward_flop_count(gradient, query, key, value)
    return {"query": query, "key": key, "value": value, "macs": counted // 2}


def main():
    rows = ",\n".join(json.dumps(measure(case)) for case in CASES)
    ops = ",\n".join(map(json.dumps, operators()))
    versions = json.dumps(f"PyTorch {torch.__version__}, torchvision {torchvision.__version__.partition('+')[0]}")
    fused = json.dumps([fused_attention(*shapes) for shapes in ATTENTION])
    lists = f'"fused_attention": {fused},\n"cases": [\n{rows}\n],\n"operators": [\n{ops}\n]'
    print(f'{{"measured_with": {versions},\n{lists}}}')


if __name__ == "__main__":
    main()
