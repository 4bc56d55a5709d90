"""Experts, boxes, products, and what a spec leaves open."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - as everybody writes it
from torch import Tensor, nn


class EinsumDense(nn.Module):
    """A product with a learned kernel, as an equation says."""

    def __init__(
        self, equation: str, shape: tuple[int, ...], bias: tuple[int, ...] | None = None
    ) -> None:
        super().__init__()
        self.equation = equation
        self.weight = nn.Parameter(torch.zeros(shape))
        self.bias = None if bias is None else nn.Parameter(torch.zeros(bias))

    def forward(self, x: Tensor) -> Tensor:
        x = torch.einsum(self.equation, x, self.weight)
        return x if self.bias is None else x + self.bias


class MixtureOfExperts(nn.Module):
    """Sends every step to a few of many small networks, and to those that all use."""

    def __init__(
        self,
        features: int,
        num_experts: int,
        units: int,
        top_k: int = 2,
        shared_experts: int = 0,
        *,
        gated: bool = True,
        activation: str = "silu",
        scoring: str = "softmax",
        groups: int = 1,
        top_k_groups: int = 1,
        score_bias: bool = False,
        bias: bool = False,
        limit: float | None = None,
    ) -> None:
        super().__init__()
        self.router = nn.Linear(features, num_experts, bias=bias)
        self.scoring, self.groups, self.top_k_groups = scoring, groups, top_k_groups
        self.score_bias: Tensor | None
        self.register_buffer(
            "score_bias", torch.zeros(num_experts) if score_bias else None
        )
        self.experts = nn.ModuleList(
            Expert(
                features,
                units,
                gated=gated,
                activation=activation,
                bias=bias,
                limit=limit,
            )
            for _ in range(num_experts + shared_experts)
        )
        self.num_experts, self.top_k = num_experts, top_k

    def forward(self, x: Tensor) -> Tensor:
        weights, chosen = self.choose(self.router(x))
        total = torch.zeros_like(x)
        for expert in self.experts[self.num_experts :]:
            total = total + expert(x)
        for index in range(self.num_experts):
            self.add(total, index, x, weights, chosen)
        return total

    def add(
        self, total: Tensor, index: int, x: Tensor, weights: Tensor, chosen: Tensor
    ) -> None:
        """Add what an expert makes of the steps that chose it."""
        found = (chosen == index).nonzero(as_tuple=True)
        places, slot = found[:-1], found[-1]
        if len(slot):
            made = self.experts[index](x[places]) * weights[found][:, None]
            total.index_put_(places, made.to(total.dtype), accumulate=True)

    def choose(self, scores: Tensor) -> tuple[Tensor, Tensor]:
        """Return the scores of the experts that each step goes to, and which they are."""
        sigmoid, late = self.scoring == "sigmoid", self.scoring == "softmax_of_chosen"
        if not late:
            scores = scores.sigmoid() if sigmoid else scores.softmax(-1)
        choice = scores if self.score_bias is None else scores + self.score_bias
        if self.groups > 1:
            apart = torch.unflatten(choice, -1, (self.groups, -1))
            most = apart.topk(min(2, apart.shape[-1]), dim=-1).values.sum(-1)
            best = most.topk(self.top_k_groups, dim=-1).indices
            left = torch.ones_like(most).scatter(-1, best, 0).bool()
            choice = apart.masked_fill(left[..., None], float("-inf")).flatten(-2)
        chosen = choice.topk(self.top_k, dim=-1).indices
        weights = scores.gather(-1, chosen)
        weights = weights.softmax(-1) if late else weights
        return (weights / weights.sum(-1, keepdim=True) if sigmoid else weights), chosen


class Expert(nn.Module):
    """Two projections with an activation between them; if gated, a third multiplies the activation."""

    def __init__(
        self,
        features: int,
        units: int,
        *,
        gated: bool,
        activation: str,
        bias: bool,
        limit: float | None,
    ) -> None:
        super().__init__()
        self.up = nn.Linear(features, units, bias=bias)
        self.gate = nn.Linear(features, units, bias=bias) if gated else None
        self.down = nn.Linear(units, features, bias=bias)
        own = globals().get(activation)  # PyTorch has no function for some
        self.activation = own or getattr(F, activation)
        self.limit = limit

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.up(x)
        if self.limit is not None:
            hidden = hidden.clamp(max=self.limit)
        hidden = self.activation(hidden)
        if self.gate is not None:
            gate = self.gate(x)
            if self.limit is not None:
                gate = gate.clamp(-self.limit, self.limit) + 1
            hidden = hidden * gate
        x = self.down(hidden)
        return x


class RoIAlign(nn.Module):
    """Samples maps within boxes: left, top, right, bottom in positions of the first."""

    def __init__(
        self, output_size: tuple[int, int], sampling_ratio: int = 2, axis: int = 2
    ) -> None:
        super().__init__()
        self.options = (output_size, sampling_ratio, axis)

    def forward(self, *given: Tensor) -> Tensor:
        *maps, boxes = given
        sample: Any = BoxSampling.apply  # it has no types
        found: Tensor = sample(self.options, boxes.detach(), *maps)
        return found


class BoxSampling(torch.autograd.Function):
    """Samples maps within boxes, of which backward keeps only these: in one list, with their samples' numbers."""

    @staticmethod
    def forward(
        ctx: Any,
        options: tuple[tuple[int, int], int, int],
        boxes: Tensor,
        *maps: Tensor,
    ) -> Tensor:
        samples, count, _ = boxes.shape
        number = torch.arange(samples, device=boxes.device).repeat_interleave(count)
        listed = torch.cat([number[:, None].to(boxes.dtype), boxes.flatten(0, 1)], 1)
        ctx.save_for_backward(listed)
        ctx.options, ctx.shapes = options, [x.shape for x in maps]
        return sample_boxes(list(maps), boxes, *options)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (gradient,), (listed,) = gradients, ctx.saved_tensors
        boxes = listed[:, 1:].unflatten(0, gradient.shape[:2])
        with torch.enable_grad():  # of what is linear in the maps
            maps = [gradient.new_zeros(shape).requires_grad_() for shape in ctx.shapes]
            made = sample_boxes(maps, boxes, *ctx.options)
        return None, None, *torch.autograd.grad(made, maps, gradient)


def sample_boxes(
    maps: list[Tensor], boxes: Tensor, size: tuple[int, int], ratio: int, axis: int
) -> Tensor:
    """Return each box of one map, the finer the smaller it is (Lin et al. 2017), its channels at an axis."""
    chosen = sample_boxes_of(maps[0], boxes, maps[0], size, ratio)
    area = (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])
    level = torch.floor(4 + torch.log2(area.sqrt() / 224) - 2 + 1e-6)
    for number, x in enumerate(maps[1:], 1):
        other = sample_boxes_of(x, boxes, maps[0], size, ratio)
        chosen = torch.where((level >= number)[..., None, None, None], other, chosen)
    return chosen.movedim(2, axis).clone(memory_format=torch.contiguous_format)


def sample_boxes_of(
    x: Tensor, boxes: Tensor, first: Tensor, size: tuple[int, int], ratio: int
) -> Tensor:
    """Return what a map has in the boxes, whose corners are positions of the first map."""
    left, top, right, bottom = boxes.unbind(-1)
    rows, columns = (count * ratio for count in size)
    down = (torch.arange(rows, device=boxes.device) + 0.5) / rows
    across = (torch.arange(columns, device=boxes.device) + 0.5) / columns
    down = top[..., None] + (bottom - top)[..., None] * down
    across = left[..., None] + (right - left)[..., None] * across
    height, width = first.shape[2:]
    grid = torch.stack(
        [
            across[:, :, None].expand(-1, -1, rows, -1) * 2 / width - 1,
            down[..., None].expand(-1, -1, -1, columns) * 2 / height - 1,
        ],
        dim=-1,
    )
    points = F.grid_sample(x, grid.flatten(1, 2), align_corners=False)
    pooled = F.avg_pool2d(points, ratio)
    boxed = torch.unflatten(pooled, 2, (boxes.shape[1], size[0]))
    return boxed.transpose(1, 2)


class Custom(nn.Module):
    """A layer that its spec only counts: write what it computes."""

    def __init__(self, name: str, params: int, buffers: int = 0) -> None:
        super().__init__()
        self.name = name
        self.weight = nn.Parameter(torch.zeros(params))
        if buffers:
            self.register_buffer("buffer", torch.zeros(buffers))

    def forward(self, *given: Tensor) -> Tensor:
        raise NotImplementedError(f"the spec does not say what '{self.name}' computes")
