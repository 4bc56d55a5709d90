"""Measure networks that are no torchvision classifiers: each built here in PyTorch, apart from the specs.

Run by hand, in an environment with torch and torchvision; it prints the entries that `measured.json` holds of them:

    python tests/truth/measure_networks.py [NAME ...]

The figures are those that `torchvision.json` describes. Where PyTorch refuses to train on a single sample,
`saved_training_batch_2` is of two.
"""

# ruff: noqa: T201 - a script that prints

import json
import sys
from itertools import pairwise

import torch
import torchvision
from storages import Alive, constants, kept_for_backward
from torch import nn
from torch.nn import functional
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode


def measure(name, text, build, *shapes):
    with torch.device("meta"):
        model = build()
        inputs = [torch.zeros(shape, dtype=torch.int64 if name in TOKENS else None) for shape in shapes]
    weights = constants(model)
    counter = FlopCounterMode(display=False)
    model.eval()
    with torch.no_grad(), counter:
        outputs = [list(tensor.shape) for tensor in tree_leaves(model(*inputs))]
    alive = Alive(weights)
    with torch.no_grad(), alive:
        copies = [tensor.clone() for tensor in inputs]
        model(*copies)
    del copies
    return {
        "model": text,
        **({"input": list(shapes[0])} if len(shapes) == 1 else {"inputs": [list(shape) for shape in shapes]}),
        **({"output": outputs[0]} if len(outputs) == 1 else {"outputs": outputs}),
        "params": sum(tensor.numel() for tensor in model.parameters()),
        "buffers": sum(tensor.numel() for tensor in model.buffers()),
        "macs": counter.get_total_flops() // 2,
        "peak_inference": alive.peak,
        **saved_for_backward(model, inputs, weights),
    }


def saved_for_backward(model, inputs, weights):
    model.train()
    try:
        return {"saved_training": kept_for_backward(weights, lambda: model(*inputs))}
    except ValueError:  # batch normalization of a single value has no statistics to train on
        pairs = [torch.cat([tensor] * 2) for tensor in inputs]
        return {"saved_training_batch_2": kept_for_backward(weights, lambda: model(*pairs))}


def relu():
    return nn.ReLU(inplace=True)


def autoencoder_dense():
    widths = [784, 1000, 500, 250, 30]
    encoder = [layer for pair in pairwise(widths) for layer in (nn.Linear(*pair), nn.Sigmoid())][:-1]
    decoder = [layer for pair in pairwise(widths[::-1]) for layer in (nn.Linear(*pair), nn.Sigmoid())]
    return nn.Sequential(nn.Sequential(*encoder), nn.Sequential(*decoder))


def autoencoder_conv():
    encoder = nn.Sequential(nn.Conv2d(1, 16, 3, 2, 1), relu(), nn.Conv2d(16, 8, 3, 2, 1), relu())
    up = nn.Sequential(nn.ConvTranspose2d(8, 16, 2, 2), relu(), nn.ConvTranspose2d(16, 1, 2, 2), nn.Sigmoid())
    return nn.Sequential(encoder, up)


class Segmentation(nn.Module):
    def __init__(self, name):
        super().__init__()
        build = getattr(torchvision.models.segmentation, name)
        self.model = build(weights=None, weights_backbone=None, num_classes=21, aux_loss=False)

    def forward(self, image):
        return self.model(image)["out"]


class SSD(nn.Module):
    """What torchvision's SSD does between its transform and its anchors."""

    def __init__(self):
        super().__init__()
        self.model = torchvision.models.detection.ssd300_vgg16(weights=None, weights_backbone=None)

    def forward(self, image):
        heads = self.model.head(list(self.model.backbone(image).values()))
        return heads["bbox_regression"], heads["cls_logits"]


def darknet_conv(before, after, size, stride=1):
    conv = nn.Conv2d(before, after, size, stride, size // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(after), nn.LeakyReLU(0.1, inplace=True))


class DarknetBlock(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.path = nn.Sequential(darknet_conv(width, width // 2, 1), darknet_conv(width // 2, width, 3))

    def forward(self, image):
        return image + self.path(image)


class YOLOv3(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = darknet_conv(3, 32, 3)
        self.stages = nn.ModuleList(
            nn.Sequential(darknet_conv(width, 2 * width, 3, 2), *(DarknetBlock(2 * width) for _ in range(depth)))
            for width, depth in ((32, 1), (64, 2), (128, 8), (256, 8), (512, 4))
        )
        self.necks, self.heads, self.ups = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for before, width in ((1024, 512), (768, 256), (384, 128)):
            self.necks.append(
                nn.Sequential(
                    darknet_conv(before, width, 1),
                    *(darknet_conv(width, 2 * width, 3), darknet_conv(2 * width, width, 1)),
                    *(darknet_conv(width, 2 * width, 3), darknet_conv(2 * width, width, 1)),
                )
            )
            self.heads.append(nn.Sequential(darknet_conv(width, 2 * width, 3), nn.Conv2d(2 * width, 255, 1)))
        for width in (512, 256):
            self.ups.append(nn.Sequential(darknet_conv(width, width // 2, 1), nn.Upsample(scale_factor=2)))

    def forward(self, image):
        maps = [self.stem(image)]
        for stage in self.stages:
            maps.append(stage(maps[-1]))
        large = self.necks[0](maps[5])
        medium = self.necks[1](torch.cat([self.ups[0](large), maps[4]], 1))
        small = self.necks[2](torch.cat([self.ups[1](medium), maps[3]], 1))
        return self.heads[0](large), self.heads[1](medium), self.heads[2](small)


class TCN(nn.Module):
    def __init__(self):
        super().__init__()
        self.levels, self.projection = nn.ModuleList(), nn.Conv1d(1, 25, 1)
        for level in range(8):
            first = nn.Conv1d(1 if level == 0 else 25, 25, 7, dilation=2**level)
            self.levels.append(nn.ModuleList([first, nn.Conv1d(25, 25, 7, dilation=2**level)]))
        self.head = nn.Linear(25, 10)

    def forward(self, wave):
        for level, convs in enumerate(self.levels):
            path = wave
            for conv in convs:
                path = conv(functional.pad(path, (6 * 2**level, 0)))
                path = functional.dropout1d(functional.relu(path, inplace=True), 0.05, self.training)
            wave = functional.relu(path + (self.projection(wave) if level == 0 else wave))
        return self.head(wave[:, :, -1])


def normalized(layer, width):
    return nn.Sequential(layer, nn.BatchNorm1d(width), relu())


class Transform(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.size = size
        self.points = point_layers(size, 64, 128, 1024)
        self.full = nn.Sequential(normalized(nn.Linear(1024, 512), 512), normalized(nn.Linear(512, 256), 256))
        self.matrix = nn.Linear(256, size**2)

    def forward(self, points):
        matrix = self.matrix(self.full(self.points(points).amax(2))).reshape(-1, self.size, self.size)
        return torch.bmm(points.transpose(1, 2), matrix).transpose(1, 2)


def point_layers(*widths):
    pairs = pairwise(widths)
    return nn.Sequential(*(normalized(nn.Conv1d(before, after, 1), after) for before, after in pairs))


class PointNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            Transform(3), point_layers(3, 64, 64), Transform(64), point_layers(64, 64, 128, 1024)
        )
        self.head = nn.Sequential(
            normalized(nn.Linear(1024, 512), 512),
            normalized(nn.Linear(512, 256), 256),
            nn.Dropout(0.3),
            nn.Linear(256, 40),
        )

    def forward(self, points):
        return self.head(self.features(points).amax(2))


class CIFARBlock(nn.Module):
    def __init__(self, before, width):
        super().__init__()
        stride = 1 if before in (3, width) else 2
        self.path = nn.Sequential(
            *(nn.Conv2d(before, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width), relu()),
            *(nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)),
        )
        projection = [nn.Conv2d(before, width, 1, stride, bias=False), nn.BatchNorm2d(width)]
        self.skip = nn.Sequential(*(projection if stride > 1 else []))

    def forward(self, image):
        return functional.relu(self.path(image) + self.skip(image))


def deep_residual():
    stem = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), relu()]
    stages = [
        nn.Sequential(CIFARBlock(before, width), CIFARBlock(width, width), CIFARBlock(width, width))
        for before, width in ((16, 16), (16, 32), (32, 64))
    ]
    return nn.Sequential(*stem, *stages, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def attend(query, key, value, heads):
    """Two matrix products and a softmax: no fused kernel, so that the scores are there."""
    query, key, value = (part.unflatten(-1, (heads, -1)).transpose(1, 2) for part in (query, key, value))
    scores = torch.softmax(query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5, -1)
    return (scores @ value).transpose(1, 2).flatten(2)


class GPT2Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.packed, self.projection = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.widen, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def attention(self, steps):
        query, key, value = self.packed(steps).chunk(3, -1)
        return self.projection(attend(query, key, value, self.heads))

    def forward(self, steps):
        steps = steps + self.attention(self.first(steps))
        return steps + self.narrow(functional.gelu(self.widen(self.second(steps)), approximate="tanh"))


class GPT2(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(50257, 768), nn.Parameter(torch.empty(1024, 768))
        self.blocks = nn.Sequential(*(GPT2Block(768, 12) for _ in range(12)))
        self.norm, self.head = nn.LayerNorm(768), nn.Linear(768, 50257, bias=False)
        self.head.weight = self.tokens.weight

    def forward(self, tokens):
        return self.head(self.norm(self.blocks(self.tokens(tokens) + self.positions)))


class LlamaBlock(nn.Module):
    def __init__(self, width, heads, hidden):
        super().__init__()
        self.heads = heads
        self.first, self.second = nn.RMSNorm(width), nn.RMSNorm(width)
        self.projections = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in range(4))
        self.gate, self.widen = (nn.Linear(width, hidden, bias=False) for _ in range(2))
        self.narrow = nn.Linear(hidden, width, bias=False)
        half = torch.arange(0, width // heads, 2) / (width // heads)
        angles = torch.outer(torch.arange(1024), 10_000.0**-half).repeat(1, 2)[:, None]
        self.tables = angles.cos(), angles.sin()

    def rotated(self, steps):
        steps = steps.unflatten(-1, (self.heads, -1))
        one, other = steps.chunk(2, -1)
        return (steps * self.tables[0] + torch.cat([-other, one], -1) * self.tables[1]).flatten(2)

    def attention(self, steps):
        query, key, value, projection = self.projections
        query, key, value = self.rotated(query(steps)), self.rotated(key(steps)), value(steps)
        return projection(attend(query, key, value, self.heads))

    def feed_forward(self, steps):
        return self.narrow(functional.silu(self.gate(steps)) * self.widen(steps))

    def forward(self, steps):
        steps = steps + self.attention(self.first(steps))
        return steps + self.feed_forward(self.second(steps))


class Llama(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens = nn.Embedding(32000, 4096)
        self.blocks = nn.Sequential(*(LlamaBlock(4096, 32, 11008) for _ in range(32)))
        self.norm, self.head = nn.RMSNorm(4096), nn.Linear(4096, 32000, bias=False)

    def forward(self, tokens):
        return self.head(self.norm(self.blocks(self.tokens(tokens))))


NETWORKS = {
    "autoencoder_dense": (
        "torch.nn.Sequential of an encoder and a decoder of the paper's layers",
        autoencoder_dense,
        (1, 784),
    ),
    "autoencoder_conv": (
        "torch.nn.Sequential of an encoder of Conv2d, ReLU and a decoder of ConvTranspose2d, ReLU, Sigmoid",
        autoencoder_conv,
        (1, 1, 28, 28),
    ),
    "fcn_resnet50": ("torchvision's fcn_resnet50", lambda: Segmentation("fcn_resnet50"), (1, 3, 520, 520)),
    "deeplabv3_resnet50": (
        "torchvision's deeplabv3_resnet50",
        lambda: Segmentation("deeplabv3_resnet50"),
        (1, 3, 520, 520),
    ),
    "ssd300_vgg16": ("torchvision's ssd300_vgg16, backbone and head", SSD, (1, 3, 300, 300)),
    "yolov3": ("written after Darknet's layers", YOLOv3, (1, 3, 416, 416)),
    "tcn": ("written after the paper, no weight normalization", TCN, (1, 1, 784)),
    "pointnet": ("written after the paper", PointNet, (1, 3, 1024)),
    "deep_residual": (
        "ResNet-20 written after the paper, a module for each stage, projections where shapes differ",
        deep_residual,
        (1, 3, 32, 32),
    ),
    "gpt2": (
        (
            "written of torch.nn layers after the paper, each block a module: attention not fused, head and table of "
            "tokens one tensor, no dropout"
        ),
        GPT2,
        (1, 1024),
    ),
    "llama2_7b": (
        (
            "written of torch.nn layers in the sizes of Llama 2 7B, each block a module: attention not fused, angles "
            "in tables"
        ),
        Llama,
        (1, 1024),
    ),
}
TOKENS = {"gpt2", "llama2_7b"}


def main():
    for name in sys.argv[1:] or NETWORKS:
        print(f"  {json.dumps(name)}: {json.dumps(measure(name, *NETWORKS[name]))},", flush=True)


if __name__ == "__main__":
    main()
