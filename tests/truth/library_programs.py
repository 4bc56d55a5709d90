"""Programs of layers of libraries, for measure_libraries.py: what libraries compute between what is not modelled."""

import torch
import torchvision
import transformers
from torch import nn


class MaskRCNN(nn.Module):
    """What torchvision's Mask R-CNN computes, but for choosing boxes, which are inputs.

    Its normalization is frozen. All boxes read the largest map: which one a box reads changes no figure.
    """

    def __init__(self):
        super().__init__()
        detection = torchvision.models.detection
        frozen = torchvision.models.resnet50(weights=None, norm_layer=torchvision.ops.FrozenBatchNorm2d)
        self.model = detection.MaskRCNN(detection.backbone_utils._resnet_fpn_extractor(frozen, 5), num_classes=91)

    def forward(self, image, boxes, found):
        maps = list(self.model.backbone(image).values())
        scores, corners = self.model.rpn.head(maps)
        heads = self.model.roi_heads
        labels, refined = heads.box_predictor(heads.box_head(self.pooled(heads.box_roi_pool, maps, boxes)))
        masks = heads.mask_predictor(heads.mask_head(self.pooled(heads.mask_roi_pool, maps, found)))
        lists = [self.listed(scores, 1), self.listed(corners, 4)]
        return lists + [part.unflatten(0, (len(image), -1)) for part in (labels, refined, masks.movedim(1, -1))]

    def pooled(self, pool, maps, boxes):
        return torchvision.ops.roi_align(maps[0], list(boxes), pool.output_size, 1 / 4, sampling_ratio=2)

    @staticmethod
    def listed(maps, values):
        """Return the values of all anchors, position by position."""
        lists = [part.unflatten(1, (-1, values)).permute(0, 3, 4, 1, 2).flatten(1, 3) for part in maps]
        return torch.cat(lists, 1)


class MaskDecoder(nn.Module):
    """Of one prompt; what is said of it are inputs."""

    def __init__(self):
        super().__init__()
        sam = transformers.models.sam.modeling_sam
        config = transformers.SamMaskDecoderConfig(attn_implementation="sdpa")
        self.decoder = sam.SamMaskDecoder(config)

    def forward(self, image, positions, points, mask):
        masks, scores = self.decoder(image, positions, points[:, None], mask, multimask_output=True)
        return [masks[:, 0].movedim(-1, 1), scores[:, 0]]  # a map has its channels first


class PromptEncoder(nn.Module):
    """Of one prompt of several points and boxes, and of a mask."""

    def __init__(self):
        super().__init__()
        sam = transformers.models.sam.modeling_sam
        self.encoder = sam.SamPromptEncoder(transformers.SamConfig())

    def forward(self, points, labels, boxes, mask):
        sparse, dense = self.encoder(points[:, None], labels[:, None], boxes, mask)
        return [sparse[:, 0], dense, self.encoder.no_mask_embed.weight]


class DiT(nn.Module):
    """After the paper, of timm's layers, as its authors' program."""

    def __init__(self, depth, width, heads, patch):
        super().__init__()
        from timm.layers import Attention, Mlp, PatchEmbed

        self.patches = PatchEmbed(32, patch, 4, width)
        self.positions = nn.Parameter(torch.zeros(1, self.patches.num_patches, width), requires_grad=False)
        self.time = nn.Sequential(nn.Linear(256, width), nn.SiLU(), nn.Linear(width, width))
        self.labels = nn.Embedding(1001, width)
        norm = {"elementwise_affine": False, "eps": 1e-6}
        self.blocks = nn.ModuleList(
            nn.ModuleDict(
                {
                    "norm1": nn.LayerNorm(width, **norm),
                    "attention": Attention(width, heads, qkv_bias=True),
                    "norm2": nn.LayerNorm(width, **norm),
                    "mlp": Mlp(width, 4 * width, act_layer=lambda: nn.GELU("tanh")),
                    "told": nn.Sequential(nn.SiLU(), nn.Linear(width, 6 * width)),
                }
            )
            for _ in range(depth)
        )
        self.norm = nn.LayerNorm(width, **norm)
        self.told = nn.Sequential(nn.SiLU(), nn.Linear(width, 2 * width))
        self.last = nn.Linear(width, patch * patch * 8)
        self.patch = patch

    def forward(self, latent, timestep, label):
        told = self.time(self.waves(timestep)) + self.labels(label)
        steps = self.patches(latent) + self.positions
        for block in self.blocks:
            steps = self.block(block, steps, told)
        shift, scale = self.told(told).chunk(2, 1)
        found = self.last(self.modulated(self.norm(steps), shift, scale))
        side = latent.shape[-1] // self.patch
        found = found.reshape(len(latent), side, side, self.patch, self.patch, 8)
        return [torch.einsum("nhwpqc->nchpwq", found).reshape(len(latent), 8, *latent.shape[2:])]

    @staticmethod
    def waves(timestep):
        angles = timestep[:, None] * torch.exp(torch.arange(128, device=timestep.device))
        return torch.cat([angles.cos(), angles.sin()], -1)

    def block(self, block, steps, told):
        shift1, scale1, gate1, shift2, scale2, gate2 = block["told"](told).chunk(6, 1)
        steps = steps + gate1[:, None] * block["attention"](self.modulated(block["norm1"](steps), shift1, scale1))
        return steps + gate2[:, None] * block["mlp"](self.modulated(block["norm2"](steps), shift2, scale2))

    def modulated(self, steps, shift, scale):
        return steps * (1 + scale[:, None]) + shift[:, None]


class Finite:
    """PyTorch, to whom everything is finite."""

    def __getattr__(self, name):
        return getattr(torch, name)

    def isfinite(self, _):
        return torch.ones(1, dtype=torch.bool, device="cpu")
