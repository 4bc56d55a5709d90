"""Measure networks that are no torchvision classifiers: each built here in PyTorch, apart from the specs.

Run by hand, in an environment with torch and torchvision, and timm, transformers and diffusers for some; it prints
the entries that `measured.json` holds of them:

    python tests/truth/measure_networks.py [NAME ...]

The figures are those that `torchvision.json` describes. Where PyTorch refuses to train on a single sample,
`saved_training_batch_2` is of two.
"""

# ruff: noqa: T201 - a script that prints

import json
import sys
from functools import partial
from itertools import pairwise

import torch
import torchvision
from storages import Alive, constants, kept_for_backward
from torch import nn
from torch.nn import functional
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode


class Tokens(tuple):
    """The shape of an input of integers."""

    __slots__ = ()
    dtype = torch.int32


class LongTokens(Tokens):
    """The shape of an input of long integers."""

    __slots__ = ()
    dtype = torch.int64


def measure(text, build, *shapes, rows=False):
    with torch.device("meta"):
        model = build()
        inputs = [torch.zeros(s, dtype=getattr(s, "dtype", None)) for s in shapes]
    weights = constants(model)
    counter = FlopCounterMode(display=False)
    model.eval()
    called = row_of_each_layer(model) if rows else []
    with torch.no_grad(), counter:
        outputs = [list(tensor.shape) for tensor in tree_leaves(model(*inputs))]
    layers = with_macs(called, counter, type(model).__name__)
    indices = sum(b.numel() for n, b in model.named_buffers() if not b.is_floating_point() and "num_batches" not in n)
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
        **({"indices": indices} if indices else {}),
        "macs": counter.get_total_flops() // 2,
        "peak_inference": alive.peak,
        **saved_for_backward(model, inputs, weights),
        **({"rows": layers} if rows else {}),
    }


def row_of_each_layer(model):
    """Return the list to which every layer with parameters, and every pooling layer, adds its row when it is called."""
    rows = []

    def note(name):
        def hook(module, _, output):
            params = sum(tensor.numel() for tensor in module.parameters())
            rows.append([name, type(module).__name__, list(output.shape), params])

        return hook

    for name, module in model.named_modules():
        if not list(module.children()) and (list(module.parameters()) or "Pool" in type(module).__name__):
            module.register_forward_hook(note(name))
    return rows


def with_macs(rows, counter, model):
    counts = counter.get_flop_counts()
    return [[*row, sum(counts.get(f"{model}.{row[0]}", {}).values()) // 2] for row in rows]


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
    return nn.Sequential(
        *(nn.Conv2d(1, 16, 3, 2, 1), relu(), nn.Conv2d(16, 8, 3, 2, 1), relu()),
        *(nn.ConvTranspose2d(8, 16, 2, 2), relu(), nn.ConvTranspose2d(16, 1, 2, 2), nn.Sigmoid()),
    )


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


class FasterRCNN(nn.Module):
    """What torchvision's Faster R-CNN computes, but for choosing the boxes, which are an input.

    Its normalization is frozen, as in the published weights. All boxes read the largest map: which one a box reads
    changes no figure.
    """

    def __init__(self):
        super().__init__()
        detection = torchvision.models.detection
        frozen = torchvision.models.resnet50(weights=None, norm_layer=torchvision.ops.FrozenBatchNorm2d)
        backbone = detection.backbone_utils._resnet_fpn_extractor(frozen, trainable_layers=5)
        self.model = detection.FasterRCNN(backbone, num_classes=91)

    def forward(self, image, boxes):
        model = self.model
        maps = list(model.backbone(image).values())
        scores, corners = model.rpn.head(maps)
        size = model.roi_heads.box_roi_pool.output_size
        pooled = torchvision.ops.roi_align(maps[0], [boxes[0]], size, 1 / 4, sampling_ratio=2)
        labels, refined = model.roi_heads.box_predictor(model.roi_heads.box_head(pooled))
        return self.listed(scores, 1), self.listed(corners, 4), labels[None], refined[None]

    @staticmethod
    def listed(maps, values):
        """Return the values of all anchors, position by position."""
        lists = [part.unflatten(1, (-1, values)).permute(0, 3, 4, 1, 2).flatten(1, 3) for part in maps]
        return torch.cat(lists, 1)


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
        self.tokens, self.positions = nn.Embedding(50257, 768), nn.Embedding(1024, 768)
        self.blocks = nn.Sequential(*(GPT2Block(768, 12) for _ in range(12)))
        self.norm, self.head = nn.LayerNorm(768), nn.Linear(768, 50257, bias=False)
        self.head.weight = self.tokens.weight

    def embed(self, tokens):
        return self.tokens(tokens) + self.positions(torch.arange(tokens.shape[1], device=tokens.device))

    def forward(self, tokens):
        return self.head(self.norm(self.blocks(self.embed(tokens))))


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


class Denoiser(nn.Module):
    """One of diffusers' U-Nets, made of these arguments and without weights."""

    def __init__(self, kind, **config):
        super().__init__()
        self.model = getattr(diffusers(), kind)(**config)

    def forward(self, *inputs):
        return self.model(*inputs, return_dict=False)[0]


def diffusers():
    import diffusers as module

    return module


def sd15_unet():
    return Denoiser("UNet2DConditionModel", sample_size=64, cross_attention_dim=768, attention_head_dim=8)


def ddpm_unet():
    """The configuration of google/ddpm-cifar10-32."""
    return Denoiser(
        "UNet2DModel",
        sample_size=32,
        in_channels=3,
        out_channels=3,
        layers_per_block=2,
        block_out_channels=(128, 256, 256, 256),
        down_block_types=("DownBlock2D", "AttnDownBlock2D", "DownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "UpBlock2D", "AttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=None,
        downsample_padding=0,
        flip_sin_to_cos=False,
        freq_shift=1,
        norm_eps=1e-6,
    )


class Autoencoder(nn.Module):
    """The autoencoder of Stable Diffusion 1.5; its code is drawn, not taken at its most likely."""

    def __init__(self):
        super().__init__()
        self.model = diffusers().AutoencoderKL(
            sample_size=512,
            layers_per_block=2,
            latent_channels=4,
            block_out_channels=(128, 256, 512, 512),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
        )

    def forward(self, image):
        return self.model(image, sample_posterior=True, return_dict=False)[0]


class T5(nn.Module):
    """Without what a generator keeps of the tokens before."""

    def __init__(self):
        super().__init__()
        from transformers import T5Config, T5ForConditionalGeneration

        self.model = T5ForConditionalGeneration(T5Config(attn_implementation="eager"))

    def forward(self, source, target):
        return self.model(input_ids=source, decoder_input_ids=target, use_cache=False).logits


class CLIPText(nn.Module):
    def __init__(self):
        super().__init__()
        from transformers import CLIPTextConfig, CLIPTextModel

        sizes = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12}
        self.model = CLIPTextModel(CLIPTextConfig(**sizes, attn_implementation="eager"))

    def forward(self, tokens):
        return self.model(tokens).last_hidden_state


class DistilBERT(nn.Module):
    def __init__(self):
        super().__init__()
        from transformers import DistilBertConfig, DistilBertModel

        self.model = DistilBertModel(DistilBertConfig(attn_implementation="eager"))

    def forward(self, tokens):
        return self.model(tokens).last_hidden_state


class LSTMClassifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.lstm = nn.Embedding(20_000, 128), nn.LSTM(128, 128, 2, batch_first=True)
        self.head = nn.Linear(128, 2)

    def forward(self, ids):
        return self.head(self.lstm(self.words(ids))[0][:, -1])


class EncoderDecoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.source, self.target = nn.Embedding(15_000, 100), nn.Embedding(15_000, 100)
        self.encoder, self.decoder = nn.GRU(100, 1000, batch_first=True), nn.GRU(1100, 1000, batch_first=True)
        self.summary, self.start = nn.Linear(1000, 1000), nn.Linear(1000, 1000)
        self.pairs, self.narrow, self.head = (
            nn.Linear(2100, 1000),
            nn.Linear(500, 100, bias=False),
            nn.Linear(100, 15_000),
        )

    def forward(self, source, target):
        states, _ = self.encoder(self.source(source))
        summary = torch.tanh(self.summary(states[:, -1]))
        start = torch.tanh(self.start(summary))
        context = summary[:, None].repeat(1, target.shape[1], 1)
        steps = torch.cat([self.target(target), context], 2)
        states, _ = self.decoder(steps, start[None])
        pairs = self.pairs(torch.cat([states, steps], 2))
        return self.head(self.narrow(pairs.unflatten(2, (500, 2)).amax(3)))


def mixer():
    import timm

    return timm.create_model("mixer_b16_224")


NETWORKS = {
    **{
        name: (f"torchvision's {name}", partial(torchvision.models.get_model, name, weights=None), (1, 3, 224, 224))
        for name in ("shufflenet_v2_x1_0", "mnasnet1_0", "efficientnet_v2_s")
    },
    "autoencoder_dense": (
        "torch.nn.Sequential of an encoder and a decoder of the paper's layers",
        autoencoder_dense,
        (1, 784),
    ),
    "autoencoder_conv": (
        "torch.nn.Sequential of Conv2d and ReLU, then ConvTranspose2d, ReLU and Sigmoid",
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
    "fasterrcnn_resnet50_fpn": (
        "torchvision's fasterrcnn_resnet50_fpn with frozen normalization, the boxes an input",
        FasterRCNN,
        (1, 3, 800, 800),
        (1, 1000, 4),
    ),
    "yolov3": ("written after Darknet's layers", YOLOv3, (1, 3, 416, 416)),
    "tcn": ("written after the paper, no weight normalization", TCN, (1, 1, 784)),
    "pointnet": ("written after the paper", PointNet, (1, 3, 1024)),
    "deep_residual": (
        "ResNet-20 written after the paper, a module for each stage, projections where shapes differ",
        deep_residual,
        (1, 3, 32, 32),
    ),
    "sd15_unet": (
        "diffusers' UNet2DConditionModel as in Stable Diffusion 1.5",
        sd15_unet,
        *((1, 4, 64, 64), (1,), (1, 77, 768)),
    ),
    "ddpm_unet": ("diffusers' UNet2DModel as in google/ddpm-cifar10-32", ddpm_unet, (1, 3, 32, 32), (1,)),
    "sd15_vae": (
        "diffusers' AutoencoderKL as in Stable Diffusion 1.5, encoder, sample and decoder",
        Autoencoder,
        (1, 3, 512, 512),
    ),
    "swin_t": (
        "torchvision's swin_t; buffers: indices",
        torchvision.models.swin_t,
        (1, 3, 224, 224),
    ),
    "mlp_mixer_b16": ("timm 1.0.31's mixer_b16_224", mixer, (1, 3, 224, 224)),
    "distilbert_base": (
        "transformers' DistilBertModel, attn_implementation='eager'; buffers: indices",
        DistilBERT,
        LongTokens((1, 512)),
    ),
    "clip_text_l": (
        "transformers' CLIPTextModel in CLIP ViT-L/14's sizes, attention not fused; int32; buffers: indices",
        CLIPText,
        Tokens((1, 77)),
    ),
    "t5_small": (
        "transformers' T5ForConditionalGeneration(T5Config()), dropout 0.1, attention not fused, no cache; int32",
        T5,
        Tokens((1, 512)),
        Tokens((1, 128)),
    ),
    "gru_seq2seq": (
        "written after the paper with torch.nn.GRU: its reset leaves the summary alone; int32",
        EncoderDecoder,
        Tokens((1, 20)),
        Tokens((1, 20)),
    ),
    "gpt2": (
        (
            "written of torch.nn layers after the paper, each block a module: attention not fused, head and table of "
            "tokens one tensor, no dropout"
        ),
        GPT2,
        LongTokens((1, 1024)),
    ),
    "llama2_7b": (
        (
            "written of torch.nn layers in the sizes of Llama 2 7B, each block a module: attention not fused, angles "
            "in tables"
        ),
        Llama,
        LongTokens((1, 1024)),
    ),
}
# Those whose layers are modules that are called: each has a row.
WITH_ROWS = {"swin_t", "mlp_mixer_b16"}


def main():
    for name in sys.argv[1:] or NETWORKS:
        text, build, *shapes = NETWORKS[name]
        print(f"  {json.dumps(name)}: {json.dumps(measure(text, build, *shapes, rows=name in WITH_ROWS))},", flush=True)


if __name__ == "__main__":
    main()
