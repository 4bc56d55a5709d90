"""Measure what other tools print of a network: parameters, operations and memory by each tool's own convention.

Run by hand, in an environment with torch, torchvision, transformers, keras, torchinfo, fvcore, thop, ptflops and
calflops, and KERAS_BACKEND=torch; it prints what `conventions.json` holds:

    python tests/truth/measure_conventions.py [NAME ...]

Models are in evaluation mode, of one sample unless they say otherwise, on the CPU; torch's own counter runs on the meta
device, since on the CPU it misses fused attention. convnet-burden is written in MATLAB and not run: its figures are
those that it publishes.
"""

# ruff: noqa: T201 - a script that prints

import contextlib
import io
import json
import sys
from functools import partial
from importlib.metadata import version
from itertools import pairwise
from math import prod

import calflops
import fvcore.nn
import keras
import ptflops
import thop
import torch
import torchinfo
import torchvision
from keras import layers
from measure_networks import LSTMClassifier, PointNet, YOLOv3
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode
from transformers import BertConfig, BertModel


def relu():
    return nn.ReLU(inplace=True)


def alexnet():
    return nn.Sequential(
        *(nn.Conv2d(3, 96, 11, 4), relu(), nn.LocalResponseNorm(5), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(96, 256, 5, padding=2, groups=2), relu(), nn.LocalResponseNorm(5), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(256, 384, 3, padding=1), relu(), nn.Conv2d(384, 384, 3, padding=1, groups=2), relu()),
        *(nn.Conv2d(384, 256, 3, padding=1, groups=2), relu(), nn.MaxPool2d(3, 2), nn.Flatten()),
        *(nn.Linear(9216, 4096), relu(), nn.Dropout(), nn.Linear(4096, 4096), relu(), nn.Dropout()),
        nn.Linear(4096, 1000),
    )


def lenet5():
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2)),
        *(nn.Conv2d(16, 120, 5), nn.Tanh(), nn.Flatten(), nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10)),
    )


def dcgan_generator(width=64):
    widths = [100, *(times * width for times in (8, 4, 2, 1))]
    layers = []
    for before, after in pairwise(widths):
        stride, padding = (1, 0) if before == 100 else (2, 1)
        layers += [nn.ConvTranspose2d(before, after, 4, stride, padding, bias=False), nn.BatchNorm2d(after), relu()]
    return nn.Sequential(*layers, nn.ConvTranspose2d(width, 3, 4, 2, 1, bias=False), nn.Tanh())


def dcgan_discriminator(width=64):
    layers = [nn.Conv2d(3, width, 4, 2, 1, bias=False), nn.LeakyReLU(0.2)]
    for before, after in pairwise([width, 2 * width, 4 * width, 8 * width]):
        layers += [nn.Conv2d(before, after, 4, 2, 1, bias=False), nn.BatchNorm2d(after), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Conv2d(8 * width, 1, 4, 1, 0, bias=False), nn.Sigmoid())


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        widths = [64, 128, 256, 512, 1024]
        self.down = nn.ModuleList(self.double(before, after) for before, after in pairwise([1, *widths]))
        self.pool = nn.MaxPool2d(2)
        self.up = nn.ModuleList(nn.ConvTranspose2d(2 * width, width, 2, 2) for width in widths[3::-1])
        self.joined = nn.ModuleList(self.double(2 * width, width) for width in widths[3::-1])
        self.classes = nn.Conv2d(64, 2, 1)

    @staticmethod
    def double(before, after):
        return nn.Sequential(nn.Conv2d(before, after, 3), relu(), nn.Conv2d(after, after, 3), relu())

    def forward(self, image):
        skips = [self.down[0](image)]
        for double in self.down[1:]:
            skips.append(double(self.pool(skips[-1])))
        image = skips.pop()
        for up, double in zip(self.up, self.joined, strict=True):
            image, skip = up(image), skips.pop()
            cut = (skip.shape[2] - image.shape[2]) // 2
            image = double(torch.cat([skip[:, :, cut:-cut, cut:-cut], image], 1))
        return self.classes(image)


class Attention(nn.Module):
    """Linear layers for query, key, value and output around PyTorch's function, as most models are written."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.parts = nn.ModuleList(nn.Linear(width, width) for _ in range(3))
        self.project = nn.Linear(width, width)

    def forward(self, steps):
        parts = [part(steps).unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in self.parts]
        attended = functional.scaled_dot_product_attention(*parts, is_causal=True)
        return self.project(attended.transpose(1, 2).flatten(2))


class WrittenOut(Attention):
    """The same with the scores as a tensor."""

    def forward(self, steps):
        query, key, value = (part(steps).unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in self.parts)
        scores = torch.softmax(query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5, -1)
        return self.project((scores @ value).transpose(1, 2).flatten(2))


class Module(nn.Module):
    """PyTorch's module of attention."""

    def __init__(self, width, heads):
        super().__init__()
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)

    def forward(self, steps):
        length = steps.shape[1]
        mask = torch.ones((length, length), dtype=torch.bool, device=steps.device).triu(1)
        return self.attention(steps, steps, steps, need_weights=False, attn_mask=mask)[0]


class Decoder(nn.Module):
    def __init__(self, attention, width, heads):
        super().__init__()
        self.norm1, self.attention = nn.LayerNorm(width), attention(width, heads)
        self.norm2, self.wide = nn.LayerNorm(width), nn.Linear(width, 4 * width)
        self.gelu, self.narrow = nn.GELU(approximate="tanh"), nn.Linear(4 * width, width)

    def forward(self, steps):
        steps = steps + self.attention(self.norm1(steps))
        return steps + self.narrow(self.gelu(self.wide(self.norm2(steps))))


class GPT2(nn.Module):
    def __init__(self, attention, width=768):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(50257, width), nn.Embedding(1024, width)
        self.blocks = nn.Sequential(*(Decoder(attention, width, 12) for _ in range(12)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 50257, bias=False)
        self.head.weight = self.tokens.weight

    def forward(self, ids):
        positions = torch.arange(ids.shape[1], device=ids.device)[None]
        return self.head(self.norm(self.blocks(self.tokens(ids) + self.positions(positions))))


def rotated(heads):
    """Rotate pairs of features, half a head apart, by angles that grow with the step."""
    half = heads.shape[-1] // 2
    angles = torch.arange(heads.shape[-2], device=heads.device)[:, None] / 10_000 ** (
        torch.arange(half, device=heads.device) / half
    )
    cosines, sines = angles.cos().repeat(1, 2), angles.sin().repeat(1, 2)
    turned = torch.cat([-heads[..., half:], heads[..., :half]], -1)
    return heads * cosines + turned * sines


class Gated(nn.Module):
    """Two linear layers, one of them through an activation, whose product goes through a third."""

    def __init__(self, width, hidden, activation=nn.SiLU):
        super().__init__()
        self.gate, self.widen = nn.Linear(width, hidden, bias=False), nn.Linear(width, hidden, bias=False)
        self.activation, self.narrow = activation(), nn.Linear(hidden, width, bias=False)

    def forward(self, steps):
        return self.narrow(self.activation(self.gate(steps)) * self.widen(steps))


class LlamaBlock(nn.Module):
    def __init__(self, width, heads, kv_heads, hidden):
        super().__init__()
        size = width // heads
        self.size, self.times = size, heads // kv_heads
        self.norm1, self.norm2 = nn.RMSNorm(width), nn.RMSNorm(width)
        self.query, self.project = nn.Linear(width, width, bias=False), nn.Linear(width, width, bias=False)
        self.key, self.value = (nn.Linear(width, kv_heads * size, bias=False) for _ in range(2))
        self.feed_forward = Gated(width, hidden)

    def attend(self, steps):
        query, key, value = (
            part(steps).unflatten(-1, (-1, self.size)).transpose(1, 2) for part in (self.query, self.key, self.value)
        )
        key, value = (part.repeat_interleave(self.times, 1) for part in (rotated(key), value))
        attended = functional.scaled_dot_product_attention(rotated(query), key, value, is_causal=True)
        return self.project(attended.transpose(1, 2).flatten(2))

    def forward(self, steps):
        steps = steps + self.attend(self.norm1(steps))
        return steps + self.feed_forward(self.norm2(steps))


class Llama(nn.Module):
    """Llama's layers in small: 2 blocks of 64 features, 4 heads that share 2 of keys and values, 100 tokens."""

    def __init__(self):
        super().__init__()
        self.tokens = nn.Embedding(100, 64)
        self.blocks = nn.Sequential(*(LlamaBlock(64, 4, 2, 96) for _ in range(2)))
        self.norm, self.head = nn.RMSNorm(64), nn.Linear(64, 100, bias=False)

    def forward(self, ids):
        return self.head(self.norm(self.blocks(self.tokens(ids))))


class Experts(nn.Module):
    """A linear layer chooses 2 of 4 experts for each of its steps; an expert runs on those that chose it."""

    def __init__(self, activation, width=64, hidden=96):
        super().__init__()
        self.router = nn.Linear(width, 4, bias=False)
        self.experts = nn.ModuleList(Gated(width, hidden, activation) for _ in range(4))

    def forward(self, steps):
        flat = steps.flatten(0, 1)
        shares, chosen = self.router(flat).softmax(-1).topk(2)
        shares = shares / shares.sum(-1, keepdim=True)
        result = torch.zeros_like(flat)
        for i, expert in enumerate(self.experts):
            step, place = torch.where(chosen == i)
            result.index_add_(0, step, expert(flat[step]) * shares[step, place, None])
        return result.view_as(steps)


class Small1D(nn.Module):
    """One of each kind that the networks above lack."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            *(nn.Conv1d(4, 8, 3, padding=1), nn.GroupNorm(2, 8), nn.SiLU(), nn.AvgPool1d(2)),
            *(nn.ConvTranspose1d(8, 6, 3, 2, 1), nn.PReLU(), nn.Upsample(scale_factor=2), nn.ELU()),
        )
        self.gru = nn.GRU(6, 5, bidirectional=True, batch_first=True)
        self.rnn = nn.RNN(10, 7, batch_first=True)
        self.head, self.softmax = nn.Linear(7, 3), nn.Softmax(-1)

    def forward(self, wave):
        return self.softmax(self.head(self.rnn(self.gru(self.body(wave).transpose(1, 2))[0])[0]))


class Small2D(nn.Module):
    """More kinds; a frozen layer, and one that is called twice."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            *(nn.Conv2d(3, 8, 3, padding=1), nn.InstanceNorm2d(8, affine=True), nn.LeakyReLU(0.1)),
            *(nn.Upsample(scale_factor=2, mode="bilinear"), nn.ConvTranspose2d(8, 12, 3, 2, 1), nn.ReLU6()),
            *(nn.Upsample(scale_factor=2), nn.AdaptiveAvgPool2d(4), nn.BatchNorm2d(12, affine=False)),
            *(nn.Upsample(scale_factor=3, mode="bicubic"), nn.MaxPool2d(3), nn.Flatten()),
        )
        self.body[0].requires_grad_(requires_grad=False)
        self.twice, self.norm = nn.Linear(192, 192), nn.LayerNorm(192, elementwise_affine=False)
        self.lstm, self.map = nn.LSTM(12, 10, bias=False, batch_first=True), nn.ConvTranspose2d(10, 4, 4)

    def forward(self, image):
        features = self.norm(self.twice(self.twice(self.body(image))))
        return self.map(self.lstm(features.unflatten(1, (16, 12)))[0][:, -1, :, None, None])


def zoo(name, **options):
    return lambda: torchvision.models.get_model(name, weights=None, **options)


def bert(attention):
    return lambda: BertModel(BertConfig(attn_implementation=attention))


def image(size=224, channels=3):
    return lambda device: torch.zeros((1, channels, size, size), device=device)


def noise(*shape, batch=1):
    return lambda device: torch.zeros((batch, *shape), device=device)


def ids(length):
    return lambda device: torch.zeros((1, length), dtype=torch.long, device=device)


# name: what is measured, how it is built, its input
NETWORKS = {
    "alexnet": ("torch.nn.Sequential of the paper's layers", alexnet, image(227)),
    "alexnet_torchvision": ("torchvision's alexnet", zoo("alexnet"), image()),
    "vgg16": ("torchvision's vgg16", zoo("vgg16"), image()),
    "resnet18": ("torchvision's resnet18", zoo("resnet18"), image()),
    "resnet50": ("torchvision's resnet50", zoo("resnet50"), image()),
    "mobilenet_v2": ("torchvision's mobilenet_v2", zoo("mobilenet_v2"), image()),
    "densenet121": ("torchvision's densenet121", zoo("densenet121"), image()),
    "squeezenet1_1": ("torchvision's squeezenet1_1", zoo("squeezenet1_1"), image()),
    "efficientnet_b0": ("torchvision's efficientnet_b0", zoo("efficientnet_b0"), image()),
    "vgg16_bn": ("torchvision's vgg16_bn", zoo("vgg16_bn"), image()),
    "resnext50_32x4d": ("torchvision's resnext50_32x4d", zoo("resnext50_32x4d"), image()),
    "mobilenet_v3_large": ("torchvision's mobilenet_v3_large", zoo("mobilenet_v3_large"), image()),
    "convnext_tiny": ("torchvision's convnext_tiny", zoo("convnext_tiny"), image()),
    "googlenet": ("torchvision's googlenet", zoo("googlenet", aux_logits=False, init_weights=False), image()),
    "vit_b_16": ("torchvision's vit_b_16", zoo("vit_b_16"), image()),
    "yolov3": ("written after Darknet's layers", YOLOv3, image(416)),
    "pointnet": ("written after the paper", PointNet, noise(3, 1024)),
    "lenet5": ("torch.nn.Sequential of the paper's layers", lenet5, image(32, 1)),
    "unet": ("written after the paper", UNet, image(572, 1)),
    "dcgan_generator": ("torch.nn.Sequential of PyTorch's example", dcgan_generator, noise(100, 1, 1)),
    "dcgan_discriminator": ("torch.nn.Sequential of PyTorch's example", dcgan_discriminator, image(64)),
    "lstm_classifier": ("Embedding, LSTM and Linear", LSTMClassifier, ids(256)),
    "gpt2": ("written after the paper, nn.MultiheadAttention", lambda: GPT2(Module), ids(1024)),
    "gpt2_linear": (
        "written after the paper, Linear layers and scaled_dot_product_attention",
        lambda: GPT2(Attention),
        ids(1024),
    ),
    "gpt2_written_out": (
        "written after the paper, Linear layers, the scores by the operator @",
        lambda: GPT2(WrittenOut),
        ids(1024),
    ),
    "bert_base": ("transformers' BertModel, as it is by default", bert("sdpa"), ids(512)),
    "bert_base_eager": ("transformers' BertModel, attn_implementation='eager'", bert("eager"), ids(512)),
    "llama_small": ("written after the paper, in small", Llama, ids(16)),
    # Which expert runs depends on numbers, which meta tensors lack.
    **{
        f"experts_{activation.__name__.lower()}": (
            f"a mixture of experts with linear layers and {activation.__name__}",
            partial(Experts, activation),
            noise(16, 64),
            "cpu",
        )
        for activation in (nn.SiLU, nn.GELU, nn.ReLU)
    },
    "small_1d": ("one of each kind that the others lack", Small1D, noise(4, 16)),
    "small_2d": ("more kinds, a frozen layer, a layer called twice", Small2D, image(8)),
    "small_1d_batch_3": ("the same, three samples", Small1D, noise(4, 16, batch=3)),
    "small_2d_batch_3": ("the same, three samples", Small2D, noise(3, 8, 8, batch=3)),
}


def keras_demo():
    return keras.Sequential(
        [
            *(keras.Input((28, 28, 1)), layers.Conv2D(32, 3, activation="relu"), layers.MaxPooling2D(2)),
            *(layers.Conv2D(64, 3, activation="relu"), layers.MaxPooling2D(2), layers.Flatten()),
            *(layers.Dropout(0.5), layers.Dense(10, activation="softmax")),
        ]
    )


def keras_dcgan_generator():
    found = [keras.Input((1, 1, 100))]
    for index, width in enumerate((512, 256, 128, 64)):
        strides, padding = (1, "valid") if index == 0 else (2, "same")
        found.append(layers.Conv2DTranspose(width, 4, strides, padding, use_bias=False))
        found += [layers.BatchNormalization(), layers.ReLU()]
    return keras.Sequential([*found, layers.Conv2DTranspose(3, 4, 2, "same", use_bias=False, activation="tanh")])


def keras_unet():
    def double(tensor, width):
        for _ in range(2):
            tensor = layers.Conv2D(width, 3, activation="relu")(tensor)
        return tensor

    tensor = image = keras.Input((572, 572, 1))
    skips = []
    for width in (64, 128, 256, 512):
        skips.append(double(tensor, width))
        tensor = layers.MaxPooling2D(2)(skips[-1])
    tensor = double(tensor, 1024)
    for width, cut in ((512, 4), (256, 16), (128, 40), (64, 88)):
        up = layers.Conv2DTranspose(width, 2, 2)(tensor)
        tensor = double(layers.Concatenate()([layers.Cropping2D(cut)(skips.pop()), up]), width)
    return keras.Model(image, layers.Conv2D(2, 1)(tensor))


def keras_lstm_classifier():
    return keras.Sequential(
        [
            *(keras.Input((256,), dtype="int32"), layers.Embedding(20_000, 128)),
            *(layers.LSTM(128, return_sequences=True), layers.LSTM(128), layers.Dense(2)),
        ]
    )


class Tokens(layers.Layer):
    """A class token in front, and positions."""

    def build(self, shape):
        self.token = self.add_weight(shape=(1, 1, shape[-1]))
        self.positions = self.add_weight(shape=(1, shape[1] + 1, shape[-1]))

    def call(self, steps):
        token = keras.ops.broadcast_to(self.token, (keras.ops.shape(steps)[0], 1, steps.shape[-1]))
        return keras.ops.concatenate([token, steps], 1) + self.positions


class Positions(layers.Layer):
    def build(self, shape):
        self.positions = self.add_weight(shape=shape[1:])

    def call(self, steps):
        return steps + self.positions


def keras_block(steps, *, causal):
    """A block of ViT and GPT-2: 768 features, 12 heads."""
    normal = layers.LayerNormalization()(steps)
    steps = layers.Add()([steps, layers.MultiHeadAttention(12, 64)(normal, normal, use_causal_mask=causal)])
    wide = layers.Dense(3072, activation="gelu")(layers.LayerNormalization()(steps))
    return layers.Add()([steps, layers.Dense(768)(wide)])


def keras_vit_b_16():
    image = keras.Input((224, 224, 3))
    steps = Tokens()(layers.Reshape((-1, 768))(layers.Conv2D(768, 16, 16)(image)))
    for _ in range(12):
        steps = keras_block(steps, causal=False)
    return keras.Model(image, layers.Dense(1000)(layers.LayerNormalization()(steps)[:, 0]))


def keras_gpt2():
    ids, table = keras.Input((1024,), dtype="int32"), layers.ReversibleEmbedding(50257, 768)
    steps = Positions()(table(ids))
    for _ in range(12):
        steps = keras_block(steps, causal=True)
    return keras.Model(ids, table(layers.LayerNormalization()(steps), reverse=True))


def application(name):
    return lambda: getattr(keras.applications, name)(weights=None)


KERAS = {
    "vgg16": ("keras.applications' VGG16", application("VGG16")),
    "mobilenet_v1": ("keras.applications' MobileNet", application("MobileNet")),
    "mobilenet_v2": ("keras.applications' MobileNetV2", application("MobileNetV2")),
    "densenet121": ("keras.applications' DenseNet121", application("DenseNet121")),
    "keras_demo": ("Keras's example", keras_demo),
    "dcgan_generator": ("Sequential of the example's layers", keras_dcgan_generator),
    "unet": ("written after the paper", keras_unet),
    "lstm_classifier": ("Embedding, two LSTM and Dense", keras_lstm_classifier),
    "vit_b_16": ("written after the paper, MultiHeadAttention", keras_vit_b_16),
    "gpt2": ("written after the paper, MultiHeadAttention and ReversibleEmbedding", keras_gpt2),
}


def run_keras(build):
    model = build()
    return {
        "params": model.count_params(),
        "trainable": sum(prod(weight.shape) for weight in model.trainable_weights),
    }


def run_torchinfo(model, data):
    result = torchinfo.summary(model, input_data=data, verbose=0)
    return {
        "params": result.total_params,
        "macs": result.total_mult_adds,
        "memory": result.total_output_bytes,
    }


def run_fvcore(model, data):
    counter = fvcore.nn.FlopCountAnalysis(model, data)
    counter.unsupported_ops_warnings(enabled=False).uncalled_modules_warnings(enabled=False)
    return {"params": fvcore.nn.parameter_count(model)[""], "flops": int(counter.total())}


def run_thop(model, data):
    operations, params = thop.profile(model, (data,), verbose=False)
    return {"params": int(params), "macs": int(operations)}


def run_ptflops(model, data):
    # Its own input is of numbers; one of tokens goes in by name.
    name = "input_ids" if isinstance(model, BertModel) else "ids"
    constructor = (lambda _: {name: data}) if data.dtype == torch.long else None
    macs, params = ptflops.get_model_complexity_info(
        model,
        tuple(data.shape[1:]),
        as_strings=False,
        print_per_layer_stat=False,
        input_constructor=constructor,
    )
    return {"params": params, "macs": macs}


def run_calflops(model, data):
    flops, macs, params = calflops.calculate_flops(
        model, args=[data], print_results=False, print_detailed=False, output_as_string=False
    )
    return {"params": params, "macs": macs, "flops": flops}


TOOLS = {
    "torchinfo": run_torchinfo,
    "fvcore": run_fvcore,
    "thop": run_thop,
    "ptflops": run_ptflops,
    "calflops": run_calflops,
}


def run_torch(build, example, device):
    with torch.device(device):
        model = build().eval()
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        model(example(device))
    return {"params": sum(weight.numel() for weight in model.parameters()), "flops": counter.get_total_flops()}


def measure(text, build, example, device="meta"):
    figures = {"model": text, "torch": run_torch(build, example, device)}
    for name, run in TOOLS.items():
        if name == "ptflops" and len(example("meta")) > 1:
            continue  # its figures are always of one sample
        # A model of its own for each: some leave attributes behind.
        torch.manual_seed(0)
        with contextlib.redirect_stdout(io.StringIO()):
            figures[name] = run(build().eval(), example("cpu"))
    return figures


# Published at github.com/albanie/convnet-burden, as printed: parameters and features in MiB, FLOPs; of MatConvNet's
# models and, where marked so, of those that it takes from PyTorch. All are of 224x224 but Inception v3, 299x299.
BURDEN = {
    "vgg16": ("vgg-vd-16", "528 MB", "58 MB", "16 GFLOPs"),
    "vgg19": ("vgg-vd-19", "548 MB", "63 MB", "20 GFLOPs"),
    "resnet18": ("resnet18, from PyTorch", "45 MB", "23 MB", "2 GFLOPs"),
    "resnet34": ("resnet34, from PyTorch", "83 MB", "35 MB", "4 GFLOPs"),
    "resnet50_v1": ("resnet-50", "98 MB", "103 MB", "4 GFLOPs"),
    "resnet101_v1": ("resnet-101", "170 MB", "155 MB", "8 GFLOPs"),
    "resnet152_v1": ("resnet-152", "230 MB", "219 MB", "11 GFLOPs"),
    "resnext50_32x4d": ("resnext-50-32x4d", "96 MB", "132 MB", "4 GFLOPs"),
    "squeezenet1_1": ("squeezenet1-1, from PyTorch", "5 MB", "17 MB", "360 MFLOPs"),
    "inception_v3": ("inception-v3, from PyTorch", "91 MB", "89 MB", "6 GFLOPs"),
    "densenet121": ("densenet121, from PyTorch", "31 MB", "126 MB", "3 GFLOPs"),
    "alexnet": ("alexnet, 227x227", "233 MB", "3 MB", "727 MFLOPs"),
}


def versions():
    # 2.13.0+cpu is 2.13.0; the dash of thop's is what package indices write as .post.
    found = {
        name: f"{name} {version(name).partition('+')[0].replace('-', '.post')}" for name in ("torch", *TOOLS, "keras")
    }
    return {**found, "convnet-burden": "convnet-burden 2019-01"}


def main():
    wanted = sys.argv[1:]
    names = wanted or [*NETWORKS, *(name for name in KERAS if name not in NETWORKS)]
    found = {}
    for name in names:
        found[name] = measure(*NETWORKS[name]) if name in NETWORKS else {}
        if name in KERAS:
            text, build = KERAS[name]
            found[name]["keras"] = {"model": text, **run_keras(build)}
        print(name, file=sys.stderr)
    for name, (text, params, memory, flops) in BURDEN.items():
        if name in found or not wanted:
            printed = {"model": text, "params": params, "memory": memory, "flops": flops}
            found.setdefault(name, {})["convnet-burden"] = printed
    rows = [f"    {json.dumps(name)}: {json.dumps(figures)}" for name, figures in found.items()]
    print('{\n  "tools": ' + json.dumps(versions()) + ',\n  "networks": {')
    print(",\n".join(rows))
    print("  }\n}")


if __name__ == "__main__":
    main()
