"""Measure memory of torchvision's networks in other ways than those of `torchvision.json`, into `memory_cases.json`.

Run by hand, in an environment with torch and torchvision:

    python tests/truth/measure_memory.py > tests/truth/memory_cases.json

A case says the network, the type, the batch, the size of the image, the weights that do not train (by what their
names in torchvision and here start with), and whether backward goes on to the image. `kept` and `peak` are as
`saved_training` and `peak_inference` in `torchvision.json`. `checkpointed` is what is kept where every block goes
through `torch.utils.checkpoint`, before backward computes any again.
"""

# ruff: noqa: T201 - a script that prints

import json
from functools import partial
from itertools import product

import torch
import torchvision
from measure_networks import GPT2
from storages import Alive, constants, kept_for_backward
from torch.utils.checkpoint import checkpoint

DEFAULTS = {"dtype": "float32", "batch": 1, "size": 224, "frozen": [], "layers": [], "input_gradients": False}
CASES = [
    *(
        {"network": name, **changed}
        for name, changed in product(
            ("resnet18", "convnext_tiny", "mobilenet_v2", "vgg16"),
            ({"dtype": "float16"}, {"batch": 4}, {"size": 160}, {"input_gradients": True}),
        )
    ),
    {"network": "vit_b_16", "batch": 4},
    {"network": "vit_b_16", "input_gradients": True},
    {
        "network": "resnet18",
        "frozen": ["conv1", "bn1", "layer1", "layer2", "layer3"],
        "layers": ["stem", "stage1", "stage2", "stage3"],
    },
    {"network": "resnet18", "frozen": ["layer2"], "layers": ["stage2"]},
    {"network": "vgg16", "frozen": ["classifier.3"], "layers": ["fc7"]},
    {"network": "mobilenet_v2", "frozen": ["features"], "layers": ["stem", "stage", "head.conv"]},
]


def measure(case):
    dtype = getattr(torch, case["dtype"])
    with torch.device("meta"):
        model = torchvision.models.get_model(case["network"], weights=None).to(dtype)
        image = torch.zeros((case["batch"], 3, case["size"], case["size"]), dtype=dtype)
    for name, weight in model.named_parameters():
        weight.requires_grad_(not name.startswith(tuple(case["frozen"])))
    weights = [*constants(model), image]
    alive = Alive(weights)
    model.eval()
    with torch.no_grad(), alive:
        model(image.clone())
    model.train()
    given = image.clone().requires_grad_(case["input_gradients"])
    return {"kept": kept_for_backward(constants(model), lambda: model(given.clone())), "peak": alive.peak}


def checkpointed(model, blocks, given):
    for block in blocks:
        block.forward = partial(checkpoint, block.forward, use_reentrant=True)
    return kept_for_backward(constants(model), lambda: model.train()(given))


def all_checkpointed():
    with torch.device("meta"):
        image, tokens = torch.zeros(1, 3, 224, 224), torch.zeros((1, 1024), dtype=torch.int64)
        build = torchvision.models.get_model
        gpt2, vit, resnet, convnext = GPT2(), *(build(name) for name in ("vit_b_16", "resnet50", "convnext_tiny"))
    stages = (resnet.layer1, resnet.layer2, resnet.layer3, resnet.layer4)
    _, first, *features = convnext.features
    downsamplings, stages_between = features[::2], features[1::2]
    return {
        "gpt2": checkpointed(gpt2, gpt2.blocks, tokens),
        "vit_b_16": checkpointed(vit, vit.encoder.layers, image),
        "resnet50": checkpointed(resnet, [block for stage in stages for block in stage], image),
        "convnext_tiny": checkpointed(
            convnext, [*downsamplings, *(block for stage in (first, *stages_between) for block in stage)], image
        ),
    }


def main():
    cases = [{**DEFAULTS, **case} for case in CASES]
    rows = ",\n".join(json.dumps(case | measure(case)) for case in cases)
    versions = json.dumps(f"PyTorch {torch.__version__}, torchvision {torchvision.__version__.partition('+')[0]}")
    again = json.dumps(all_checkpointed())
    print(f'{{"measured_with": {versions},\n"checkpointed": {again},\n"cases": [\n{rows}\n]}}')


if __name__ == "__main__":
    main()
