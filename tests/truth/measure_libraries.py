"""Measure networks as the libraries build them that people take them from: torchvision, transformers, ultralytics.

Run by hand, in an environment with torch and these libraries; it writes what it measures into `libraries.json`:

    python tests/truth/measure_libraries.py [NAME ...]

Attention is PyTorch's function, which the meta device computes step by step (`math`), unless `eager` is said: then the
library writes the steps out. Nothing is cached. Buffers are the floating-point ones that a state_dict holds.
"""

# ruff: noqa: T201 - a script that prints

import json
import sys
from itertools import pairwise
from pathlib import Path

import timm
import torch
import torchvision
import transformers
from library_programs import DiT, Finite, MaskDecoder, MaskRCNN, PromptEncoder
from mixer_programs import RWKV7Model
from storages import Alive, constants, kept_for_backward
from torch import nn
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

# Whether one row holds several sequences is asked of its numbers, which the meta device has not. None does.
transformers.masking_utils.find_packed_sequence_indices = lambda _: None
# So is whether a mask hides anything. None does: all images have one size.
_ignore = transformers.masking_utils._ignore_bidirectional_mask_sdpa
transformers.masking_utils._ignore_bidirectional_mask_sdpa = lambda _, *rest: _ignore(None, *rest)

RESULTS = Path(__file__).parent / "libraries.json"
BATCHES = (1, 3)
# PyTorch Geometric's takes one graph; a normalization of what was averaged needs several samples.
ONE_BATCH = {"gat_cora": (1,), "resnest50d": (3,)}
LIBRARIES = ("torch", "torchvision", "transformers", "diffusers", "timm", "ultralytics", "monai")


def tokens(*shape, dtype=torch.int64):
    return lambda batch: torch.zeros(batch, *shape, dtype=dtype)


def numbers(*shape):
    return lambda batch: torch.zeros(batch, *shape)


def once(make, count):
    """What is the same for all samples, along its first axis."""
    return lambda _: make(count)


def transformer(kind, config, output, attention="sdpa", **inputs):
    """One of transformers' models, made of these arguments, and the outputs by name that are looked at."""

    def build():
        arguments = {**config, "attn_implementation": attention}
        settings = getattr(transformers, kind).config_class(**arguments)
        model = getattr(transformers, kind)(settings)

        def run(**values):
            cache = {} if not hasattr(settings, "use_cache") else {"use_cache": False}
            found = model(**values, **cache)
            return [found[name] for name in output.split()]

        return model, run

    return f"transformers' `{kind}`", attention, build, inputs


def pair(kind, config, text):
    """What transformers' models of pictures with texts make of both, which their users compare."""

    def build():
        model = getattr(transformers, kind)(getattr(transformers, kind).config_class(**config))

        def run(image, text):
            return [model.get_image_features(image).pooler_output, model.get_text_features(text).pooler_output]

        return model, run

    return f"transformers' `{kind}`", "math", build, {"image": numbers(3, 224, 224), "text": text}


def decoder(kind, depth, width, heads, hidden, vocabulary, **config):
    sizes = {"num_hidden_layers": depth, "hidden_size": width, "num_attention_heads": heads}
    config = {**sizes, "intermediate_size": hidden, "vocab_size": vocabulary, "pad_token_id": 0, **config}
    return transformer(kind, config, "logits", config.pop("attention", "sdpa"), input_ids=tokens(1024))


def mixture(kind, *sizes, **config):
    """One of experts, which are computed from a copy of their weights for each token: MACs alone are as without."""
    text, attention, build, inputs = decoder(kind, *sizes, experts_implementation="batched_mm", **config)
    return f"{text}, experts by `batched_mm`", attention, build, inputs


def gpt_oss(depth, experts):
    sizes = {"num_key_value_heads": 8, "head_dim": 64, "sliding_window": 128, "num_local_experts": experts}
    return mixture("GptOssForCausalLM", depth, 2880, 64, 2880, 201088, **sizes, attention="eager")


def classifier(name, size=224):
    """One of torchvision's classifiers of images."""

    def build():
        with torch.device("cpu" if name.startswith(("regnet", "maxvit")) else "meta"):  # it computes its widths
            model = torchvision.models.get_model(name, weights=None).to("meta")
        return model, lambda image: [model(image)]

    attention = "eager" if name.startswith(("swin", "maxvit")) else "math"
    return f"torchvision's `{name}`", attention, build, {"image": numbers(3, size, size)}


def llama(depth, width, heads, hidden, vocabulary, **config):
    """One whose head has the table's weights."""
    config |= {"tie_word_embeddings": True}
    return decoder("LlamaForCausalLM", depth, width, heads, hidden, vocabulary, **config)


def timms(name, size=224):
    """One of timm's classifiers of images."""

    def build():
        model = timm.create_model(name, num_classes=1000)
        return model, lambda image: [model(image)]

    return f"timm's `{name}`", "math", build, {"image": numbers(3, size, size)}


def qwen3(depth, width, heads, hidden, **config):
    return decoder("Qwen3ForCausalLM", depth, width, heads, hidden, 151936, num_key_value_heads=8, **config)


def gemma3(depth, width, heads, hidden, vocabulary, **config):
    return decoder("Gemma3ForCausalLM", depth, width, heads, hidden, vocabulary, head_dim=256, **config)


def t5(**config):
    tokens_of = {
        "input_ids": tokens(512, dtype=torch.int32),
        "decoder_input_ids": tokens(128, dtype=torch.int32),
    }
    return transformer("T5ForConditionalGeneration", config, "logits", "eager", **tokens_of)


def flan_t5(**sizes):
    """One whose head has weights of its own, as its checkpoints have; without them transformers ties it."""
    text, attention, build, inputs = t5(**sizes, feed_forward_proj="gated-gelu", tie_word_embeddings=False)

    def untied():
        model, run = build()
        model.lm_head.weight = nn.Parameter(torch.zeros_like(model.lm_head.weight))
        return model, run

    return text, attention, untied, inputs


def whisper(depth, width, heads, **config):
    sizes = {"layers": depth, "attention_heads": heads, "ffn_dim": 4 * width}
    sizes = {f"{part}_{name}": value for part in ("encoder", "decoder") for name, value in sizes.items()}
    return transformer(
        "WhisperForConditionalGeneration",
        {"d_model": width, **sizes, **config},
        "logits",
        input_features=numbers(config.get("num_mel_bins", 80), 3000),
        decoder_input_ids=tokens(448),
    )


def dinov2(depth, width, heads):
    sizes = {"num_hidden_layers": depth, "hidden_size": width, "num_attention_heads": heads, "image_size": 518}
    return transformer("Dinov2Model", sizes, "last_hidden_state", pixel_values=numbers(3, 518, 518))


def segformer(*depths, widths=(64, 128, 320, 512), decoder=768, size=512):
    sizes = {"depths": depths, "hidden_sizes": widths, "decoder_hidden_size": decoder, "num_labels": 150}
    kind = "SegformerForSemanticSegmentation"
    return transformer(kind, sizes, "logits", pixel_values=numbers(3, size, size))


class RetinaNet(nn.Module):
    """What torchvision's RetinaNet does between its transform and its anchors; its normalization is frozen."""

    def __init__(self):
        super().__init__()
        detection = torchvision.models.detection
        frozen = torchvision.models.resnet50(weights=None, norm_layer=torchvision.ops.FrozenBatchNorm2d)
        more = torchvision.ops.feature_pyramid_network.LastLevelP6P7(256, 256)
        backbone = detection.backbone_utils._resnet_fpn_extractor(
            frozen, 5, returned_layers=[2, 3, 4], extra_blocks=more
        )
        self.model = detection.RetinaNet(backbone, num_classes=91)

    def forward(self, image):
        return list(self.model.head(list(self.model.backbone(image).values())).values())


class DuelingDQN(nn.Module):
    """Of torch.nn layers, after the paper."""

    def __init__(self):
        super().__init__()
        convs = [nn.Conv2d(4, 32, 8, 4), nn.Conv2d(32, 64, 4, 2), nn.Conv2d(64, 64, 3)]
        self.features = nn.Sequential(
            *(layer for conv in convs for layer in (conv, nn.ReLU(inplace=True))), nn.Flatten()
        )
        self.value, self.advantage = (
            nn.Sequential(nn.Linear(3136, 512), nn.ReLU(inplace=True), nn.Linear(512, count)) for count in (1, 18)
        )

    def forward(self, screens):
        features = self.features(screens)
        value, advantage = self.value(features), self.advantage(features)
        return [value + advantage - advantage.mean(-1, keepdim=True)]


class DLRM(nn.Module):
    """Of torch.nn layers, after the paper, with one table for all categories, as NVIDIA's."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(33762577, 16)
        self.bottom, self.top = (
            nn.Sequential(*(layer for pair in pairwise(sizes) for layer in (nn.Linear(*pair), nn.ReLU(inplace=True))))
            for sizes in ((13, 512, 256, 64, 16), (16 + 351, 512, 256))
        )
        self.click = nn.Linear(256, 1)
        self.register_buffer("below", torch.zeros(351, dtype=torch.int64))

    def forward(self, numbers, categories):
        bottom = self.bottom(numbers)
        table = self.table(categories)
        vectors = torch.cat([bottom[:, None], table], 1)
        different = (vectors @ vectors.transpose(1, 2)).flatten(1).index_select(1, self.below)
        return [self.click(self.top(torch.cat([bottom, different], -1))).sigmoid()]


class GCN(nn.Module):
    """PyTorch Geometric's, whose layers are given the shares of edges that they otherwise compute first."""

    def __init__(self):
        super().__init__()
        from torch_geometric import nn as geometric

        self.model = geometric.GCN(1433, 16, 2, 7, dropout=0.5, normalize=False)

    def forward(self, papers, source, target, share):
        return [self.model(papers, torch.stack([source, target]), share)]


class GAT(nn.Module):
    """PyTorch Geometric's, which takes one graph at a time; edges lead from each node to itself already."""

    def __init__(self):
        super().__init__()
        from torch_geometric import nn as geometric

        self.model = geometric.GAT(1433, 64, 2, 7, dropout=0.6, act="elu", heads=8, add_self_loops=False)

    def forward(self, papers, source, target):
        edges = torch.stack([source, target])
        return [self.model(*papers, edges)[None]]


class KAN(nn.Module):
    """Layers of pykan, without its record of what they make."""

    def __init__(self):
        super().__init__()
        from kan.KANLayer import KANLayer

        with torch.device("cpu"):
            layers = [KANLayer(784, 64), KANLayer(64, 10)]
        self.layers = nn.ModuleList(layers).to("meta")

    def forward(self, picture):
        for layer in self.layers:
            picture = layer(picture)[0]
        return [picture]


class Conformer(nn.Module):
    """torchaudio's, given samples of one length: no mask."""

    def __init__(self):
        super().__init__()
        from torchaudio.models import conformer

        conformer._lengths_to_padding_mask = lambda _: None  # it asks for the numbers of lengths
        self.model = conformer.Conformer(256, 4, 1024, 16, 31, dropout=0.1)

    def forward(self, frames):
        return [self.model(frames, None)[0]]


def hifigan():
    config = {
        "model_in_dim": 80,
        "upsample_initial_channel": 512,
        "upsample_rates": [8, 8, 2, 2],
        "upsample_kernel_sizes": [16, 16, 4, 4],
        "normalize_before": False,
    }

    def build():
        model = transformers.SpeechT5HifiGan(transformers.SpeechT5HifiGanConfig(**config))
        del model.mean, model.scale  # which only `normalize_before` reads
        return model, lambda spectrogram: [model(spectrogram)]

    return "transformers' `SpeechT5HifiGan`", "math", build, {"spectrogram": numbers(100, 80)}


def program(text, kind, *sizes, **inputs):
    """Return a program of this file."""

    def build():
        model = kind(*sizes)
        return model, lambda **values: model(*values.values())

    return text, "math", build, inputs


TIMM = (
    *("edgenext_small", "nf_resnet50"),
    *("convnextv2_tiny", "ghostnet_100", "hrnet_w18", "mobileone_s0", "repvgg_a0", "res2net50_26w_4s"),
    *("resnest50d", "seresnet50"),
)
MIXTURES = {
    "mixtral_8x7b": mixture("MixtralForCausalLM", 32, 4096, 32, 14336, 32000, num_key_value_heads=8),
    "gpt_oss_20b": gpt_oss(24, 32),
    "gpt_oss_120b": gpt_oss(36, 128),
    "qwen3_30b_a3b": mixture(
        *("Qwen3MoeForCausalLM", 48, 2048, 32, 6144, 151936),
        num_key_value_heads=4,
        head_dim=128,
        moe_intermediate_size=768,
        num_experts=128,
        num_experts_per_tok=8,
    ),
    "olmoe_1b_7b": mixture("OlmoeForCausalLM", 16, 2048, 16, 1024, 50304, num_experts=64, num_experts_per_tok=8),
    "deepseek_v3": mixture("DeepseekV3ForCausalLM", 61, 7168, 128, 18432, 129280),
}


def detr(backbone):
    # Whether features are finite is asked of their numbers in training, which the meta device has not. They are.
    transformers.models.detr.modeling_detr.torch = Finite()
    config = {"backbone": backbone, "num_labels": 91}
    return transformer("DetrForObjectDetection", config, "logits pred_boxes", pixel_values=numbers(3, 800, 800))


def rt_detr():
    transformers.models.rt_detr.modeling_rt_detr.torch = Finite()
    made = "logits pred_boxes enc_topk_logits enc_topk_bboxes"
    config = {"num_labels": 80}
    return transformer("RTDetrForObjectDetection", config, made, None, pixel_values=numbers(3, 640, 640))


def diffusion(kind, config, **inputs):
    """One of diffusers' transformers, made of these arguments."""

    def build():
        import diffusers

        model = getattr(diffusers, kind)(**config)
        return model, lambda **values: [model(**values).sample]

    return f"diffusers' `{kind}`", "math", build, inputs


def sd3(depth, heads, **config):
    sizes = {"num_layers": depth, "num_attention_heads": heads, "caption_projection_dim": 64 * heads}
    return diffusion(
        "SD3Transformer2DModel",
        {**sizes, "pos_embed_max_size": 192, **config},
        hidden_states=numbers(16, 128, 128),
        timestep=numbers(),
        encoder_hidden_states=numbers(333, 4096),
        pooled_projections=numbers(2048),
    )


def flux(guided):
    ids = [torch.zeros(steps, 3, device="meta") for steps in (4096, 512)]
    text, attention, build, inputs = diffusion(
        "FluxTransformer2DModel",
        {"guidance_embeds": guided},
        hidden_states=numbers(4096, 64),
        timestep=numbers(),
        **({"guidance": numbers()} if guided else {}),
        encoder_hidden_states=numbers(512, 4096),
        pooled_projections=numbers(768),
    )

    def with_places():
        model, run = build()
        model.tables = ids
        return model, lambda **values: run(**values, img_ids=ids[0], txt_ids=ids[1])

    return text, attention, with_places, inputs


def vnet():
    def build():
        from monai.networks.nets import VNet

        model = VNet(out_channels=2)
        return model, lambda volume: [model(volume).movedim(1, -1)]

    return "MONAI's `VNet`", "math", build, {"volume": numbers(1, 128, 128, 64)}


def sam(depth, width, heads):
    sizes = {"num_hidden_layers": depth, "hidden_size": width, "num_attention_heads": heads}
    sizes["global_attn_indexes"] = [depth // 4 * (part + 1) - 1 for part in range(4)]
    return transformer("SamVisionModel", sizes, "last_hidden_state", "eager", pixel_values=numbers(3, 1024, 1024))


SAM = {"b": (12, 768, 12), "l": (24, 1024, 16), "h": (32, 1280, 16)}


def hiera(width, heads, *depths):
    sizes = {"embed_dim": width, "num_heads": [heads * 2**stage for stage in range(4)], "depths": depths}
    kind = "HieraForImageClassification"
    return transformer(kind, {**sizes, "num_labels": 1000}, "logits", "eager", pixel_values=numbers(3, 224, 224))


HIERA = {
    "tiny": (96, 1, 1, 2, 7, 2),
    "base": (96, 1, 2, 3, 16, 3),
    "large": (144, 2, 2, 6, 36, 4),
}


def yolo(name):
    """One of ultralytics' detectors, whose boxes are decoded in training as they are otherwise."""

    def build():
        from ultralytics.nn.tasks import DetectionModel

        with torch.device("cpu"):  # it runs to find the strides of its maps
            model = DetectionModel(f"{name}.yaml", verbose=False)
            strides = model.stride.tolist()
        model.to("meta").model[-1].stride = strides

        def run(image):
            found = model(image)
            decoded = model.model[-1]._inference(found) if model.training else found[0]
            return [decoded.mT]

        return model, run

    return f"ultralytics' `{name}`", "eager", build, {"image": numbers(3, 640, 640)}


def dit(*sizes):
    inputs = {"latent": numbers(4, 32, 32), "timestep": numbers(), "label": tokens()}
    return program("layers of timm, after the paper", DiT, *sizes, **inputs)


def rwkv7(*sizes):
    return program("layers of torch.nn, after flash-linear-attention's", RWKV7Model, *sizes, tokens=tokens(256))


EFFICIENT = {"b1": 240, "b2": 288, "b3": 300, "b4": 380, "b5": 456, "b6": 528, "b7": 600}
SWIN, VIT = ("swin_s", "swin_b"), ("vit_b_32", "vit_l_32", "vit_h_14")
CONVOLUTIONAL = (
    *("convnext_small", "convnext_base", "convnext_large"),
    *("densenet161", "densenet169", "densenet201"),
)

NETWORKS = {
    **MIXTURES,
    **{name: classifier(name) for name in (*CONVOLUTIONAL, *SWIN, *VIT)},
    **{name: classifier(name) for name in ("efficientnet_v2_m", "efficientnet_v2_l")},
    **{name: classifier(name) for name in ("regnet_y_400mf", "regnet_y_8gf", "regnet_x_400mf")},
    "maxvit_t": classifier("maxvit_t"),
    **{name: timms(name) for name in TIMM},
    "cspdarknet53": timms("cspdarknet53", 256),
    "fastvit_t8": timms("fastvit_t8", 256),
    "tiny_vit_5m": timms("tiny_vit_5m_224"),
    "eva02_base": timms("eva02_base_patch14_224"),
    "deit_small": timms("deit_small_patch16_224"),
    "clip_vit_b32": pair("CLIPModel", {}, tokens(77)),
    **{f"efficientnet_{scale}": classifier(f"efficientnet_{scale}", size) for scale, size in EFFICIENT.items()},
    "bert_large": transformer(
        "BertModel",
        {"num_hidden_layers": 24, "hidden_size": 1024, "num_attention_heads": 16, "intermediate_size": 4096},
        "last_hidden_state pooler_output",
        "eager",
        input_ids=tokens(512),
        token_type_ids=tokens(512),
    ),
    "flan_t5_base": flan_t5(num_layers=12, d_model=768, num_heads=12, d_ff=2048),
    "roberta_base": transformer(
        "RobertaModel",
        {"vocab_size": 50265, "max_position_embeddings": 514, "type_vocab_size": 1},
        "last_hidden_state pooler_output",
        "eager",
        input_ids=tokens(512),
        token_type_ids=tokens(512),
    ),
    "gemma2_2b": decoder(
        *("Gemma2ForCausalLM", 26, 2304, 8, 9216, 256000),
        num_key_value_heads=4,
        head_dim=256,
        sliding_window=4096,
        attention="eager",
    ),
    "t5_base": t5(num_layers=12, d_model=768, num_heads=12, d_ff=3072),
    "t5_large": t5(num_layers=24, d_model=1024, num_heads=16, d_ff=4096),
    "retinanet_resnet50_fpn": program("torchvision's `RetinaNet`", RetinaNet, image=numbers(3, 768, 768)),
    "dlrm_kaggle": program("layers of torch.nn", DLRM, numbers=numbers(13), categories=tokens(26)),
    "gcn_cora": program(
        *("PyTorch Geometric's `GCN`", GCN),
        papers=numbers(2708, 1433),
        source=once(tokens(), 13264),
        target=once(tokens(), 13264),
        share=once(numbers(1), 13264),
    ),
    "gat_cora": program(
        *("PyTorch Geometric's `GAT`", GAT),
        papers=numbers(2708, 1433),
        source=once(tokens(), 13264),
        target=once(tokens(), 13264),
    ),
    "kan_mnist": program("pykan's `KANLayer`", KAN, picture=numbers(784)),
    "conformer_m": program("torchaudio's `Conformer`", Conformer, frames=numbers(250, 256)),
    "mamba2_130m": transformer(
        "Mamba2ForCausalLM",
        {
            "num_hidden_layers": 24,
            "hidden_size": 768,
            "num_heads": 24,
            "n_groups": 1,
            "vocab_size": 50288,
            "tie_word_embeddings": True,
            "residual_in_fp32": False,
        },
        "logits",
        "eager",
        input_ids=tokens(1024),
    ),
    "rwkv4_169m": transformer(
        *("RwkvForCausalLM", {"num_hidden_layers": 12, "hidden_size": 768}, "logits", "eager"), input_ids=tokens(256)
    ),
    "rwkv7_0_1b": rwkv7(12, 768),
    "rwkv7_0_4b": rwkv7(24, 1024),
    "xlstm_7b": transformer("xLSTMForCausalLM", {}, "logits", "eager", input_ids=tokens(1024)),
    "maskrcnn_resnet50_fpn": program(
        "torchvision's `MaskRCNN`",
        MaskRCNN,
        image=numbers(3, 800, 800),
        boxes=numbers(1000, 4),
        found=numbers(100, 4),
    ),
    "dit_s_2": dit(12, 384, 6, 2),
    "dit_b_2": dit(12, 768, 12, 2),
    "dit_l_2": dit(24, 1024, 16, 2),
    "dit_xl_2": dit(28, 1152, 16, 2),
    "sd3_medium": sd3(24, 24),
    "sd35_large": sd3(38, 38, qk_norm="rms_norm"),
    "flux_dev": flux(guided=True),
    "vnet": vnet(),
    **{f"sam_vit_{size}": sam(*sizes) for size, sizes in SAM.items()},
    **{f"hiera_{size}": hiera(*sizes) for size, sizes in HIERA.items()},
    "sam_mask_decoder": program(
        "transformers' `SamMaskDecoder`",
        MaskDecoder,
        image=numbers(256, 64, 64),
        positions=numbers(256, 64, 64),
        points=numbers(2, 256),
        mask=numbers(256, 64, 64),
    ),
    "sam_prompt_encoder": program(
        "transformers' `SamPromptEncoder`",
        PromptEncoder,
        points=numbers(2, 2),
        labels=lambda batch: torch.zeros(batch, 2, dtype=torch.long),
        boxes=numbers(1, 4),
        mask=numbers(1, 256, 256),
    ),
    "dueling_dqn": program("layers of torch.nn", DuelingDQN, screens=numbers(4, 84, 84)),
    "hifigan_v1": hifigan(),
    "whisper_tiny": whisper(4, 384, 6),
    "whisper_base": whisper(6, 512, 8),
    "whisper_small": whisper(12, 768, 12),
    "whisper_large_v3": whisper(32, 1280, 20, num_mel_bins=128, vocab_size=51866),
    "whisper_medium": whisper(24, 1024, 16),
    "whisper_large_v3_turbo": whisper(32, 1280, 20, num_mel_bins=128, vocab_size=51866, decoder_layers=4),
    "wav2vec2_large": transformer(
        "Wav2Vec2Model",
        {
            "layerdrop": 0,
            "num_hidden_layers": 24,
            "hidden_size": 1024,
            "num_attention_heads": 16,
            "intermediate_size": 4096,
        },
        "last_hidden_state",
        "eager",
        input_values=numbers(16000),
    ),
    "blip_base": transformer(
        "BlipForConditionalGeneration",
        {"text_config": {"num_attention_heads": 12, "use_cache": False}},
        "logits",
        "eager",
        pixel_values=numbers(3, 384, 384),
        input_ids=tokens(32),
    ),
    "siglip_base": pair("SiglipModel", {}, tokens(64)),
    "beit_base": timms("beit_base_patch16_224"),
    "wav2vec2_base": transformer(
        "Wav2Vec2Model", {"layerdrop": 0}, "last_hidden_state", "eager", input_values=numbers(16000)
    ),
    "dinov2_small": dinov2(12, 384, 6),
    "dinov2_base": dinov2(12, 768, 12),
    "dinov2_large": dinov2(24, 1024, 16),
    "modernbert_base": transformer("ModernBertModel", {}, "last_hidden_state", input_ids=tokens(1024)),
    "modernbert_large": transformer(
        "ModernBertModel",
        {"num_hidden_layers": 28, "hidden_size": 1024, "num_attention_heads": 16, "intermediate_size": 2624},
        "last_hidden_state",
        input_ids=tokens(1024),
    ),
    "segformer_b0": segformer(2, 2, 2, 2, widths=(32, 64, 160, 256), decoder=256),
    "segformer_b1": segformer(2, 2, 2, 2, decoder=256),
    "segformer_b2": segformer(3, 4, 6, 3),
    "segformer_b3": segformer(3, 4, 18, 3),
    "segformer_b4": segformer(3, 8, 27, 3),
    "segformer_b5": segformer(3, 6, 40, 3, size=640),
    "detr_resnet50": detr("resnet50"),
    "detr_resnet101": detr("resnet101"),
    "rt_detr_r50": rt_detr(),
    **{name: yolo(name) for name in ("yolov8n", "yolov8s", "yolov8m", "yolov8l", "yolov8x")},
    **{name: yolo(name) for name in ("yolo11n", "yolo11s", "yolo11m", "yolo11l", "yolo11x")},
    "qwen3_0_6b": qwen3(28, 1024, 16, 3072, tie_word_embeddings=True),
    "qwen3_8b": qwen3(36, 4096, 32, 12288),
    "gemma3_270m": gemma3(18, 640, 4, 2048, 262144, num_key_value_heads=1, sliding_window=512),
    "gemma3_4b": gemma3(34, 2560, 8, 10240, 262208, num_key_value_heads=4, sliding_window=1024),
    "mistral_7b": decoder("MistralForCausalLM", 32, 4096, 32, 14336, 32000, num_key_value_heads=8),
    "llama3_2_1b": llama(16, 2048, 32, 8192, 128256, num_key_value_heads=8),
    "llama3_2_3b": llama(28, 3072, 24, 8192, 128256, num_key_value_heads=8),
    "smollm2_135m": llama(30, 576, 9, 1536, 49152, num_key_value_heads=3),
    "smollm2_1_7b": llama(24, 2048, 32, 8192, 49152),
    "qwen2_5_0_5b": decoder(
        "Qwen2ForCausalLM", 24, 896, 14, 4864, 151936, num_key_value_heads=2, tie_word_embeddings=True
    ),
    "qwen2_5_7b": decoder("Qwen2ForCausalLM", 28, 3584, 28, 18944, 152064, num_key_value_heads=4),
    "olmo2_1b": decoder("Olmo2ForCausalLM", 16, 2048, 16, 8192, 100352),
    "granite3_2b": decoder(
        *("GraniteForCausalLM", 40, 2048, 32, 8192, 49155),
        num_key_value_heads=8,
        tie_word_embeddings=True,
        embedding_multiplier=12,
        residual_multiplier=0.22,
        attention_multiplier=1 / 64,
        logits_scaling=8,
    ),
    "phi3_mini": decoder("Phi3ForCausalLM", 32, 3072, 32, 8192, 32064, sliding_window=2047),
    "phi4": decoder("Phi3ForCausalLM", 40, 5120, 40, 17920, 100352, num_key_value_heads=10),
}


# What runs without kernels has another memory: that of copied weights, or of a scan that is written out.
WITHOUT_MEMORY = {*MIXTURES, "mamba2_130m", "xlstm_7b"}


def measure(text, attention, build, inputs, *, batches, memory):
    with torch.device("meta"):
        model, run = build()
        model.eval()
        values = {batch: {name: make(batch) for name, make in inputs.items()} for batch in batches}
    weights = constants(model)
    stored = [
        tensor for name, tensor in model.named_buffers() if name in model.state_dict() and "num_batches" not in name
    ]
    return {
        "model": text,
        "attention": "eager" if attention == "eager" else "math",
        "params": sum(tensor.numel() for tensor in model.parameters()),
        "buffers": sum(tensor.numel() for tensor in stored if tensor.is_floating_point()),
        "batches": {batch: at_batch(model, run, weights, values[batch], memory=memory) for batch in batches},
    }


def at_batch(model, run, weights, values, *, memory):
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        outputs = [list(tensor.shape) for tensor in tree_leaves(run(**values))]
    figures = {"outputs": outputs, "macs": counter.get_total_flops() // 2}
    if not memory:
        return figures
    alive = Alive(weights)
    with torch.no_grad(), alive:
        copies = {name: tensor.clone() for name, tensor in values.items()}
        run(**copies)
    del copies
    model.train()
    kept = kept_for_backward(weights, lambda: run(**values))
    model.eval()
    return figures | {"peak": alive.peak, "kept": kept}


def main():
    known = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {"models": {}, "measured_with": {}}
    for name in sys.argv[1:] or NETWORKS:
        known["models"][name] = measure(
            *NETWORKS[name], batches=ONE_BATCH.get(name, BATCHES), memory=name not in WITHOUT_MEMORY
        )
        libraries = [sys.modules[library] for library in LIBRARIES if library in sys.modules]
        known["measured_with"] |= {module.__name__: module.__version__.partition("+")[0] for module in libraries}
        print(name, known["models"][name])
        known["models"] = dict(sorted(known["models"].items()))
        RESULTS.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
