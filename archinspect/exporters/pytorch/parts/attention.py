"""Attention, its masks, biases and positions."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - as everybody writes it
from torch import Tensor, nn


def attend(
    q: Tensor, k: Tensor, v: Tensor, heads: int, p: float = 0.0, *, causal: bool = False
) -> Tensor:
    """Return attention of heads that stand side by side in the last axis."""
    q, k, v = (torch.unflatten(x, -1, (heads, -1)).transpose(-3, -2) for x in (q, k, v))
    x = F.scaled_dot_product_attention(q, k, v, dropout_p=p, is_causal=causal)
    return x.transpose(-3, -2).flatten(-2)


def heads_of(x: Tensor, heads: int) -> Tensor:
    """Return heads that stand side by side in the last axis, each with all its steps."""
    return torch.unflatten(x, -1, (heads, -1)).transpose(-3, -2)


def attend_grouped(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    heads: int,
    kv_heads: int,
    p: float = 0.0,
    *,
    causal: bool = False,
) -> Tensor:
    """Return attention of heads that stand side by side in the last axis, with fewer heads of keys and values."""
    q, k, v = heads_of(q, heads), heads_of(k, kv_heads), heads_of(v, kv_heads)
    x = F.scaled_dot_product_attention(
        q, k, v, dropout_p=p, is_causal=causal, enable_gqa=True
    )
    return x.transpose(-3, -2).flatten(-2)


def attend_biased(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    heads: int,
    bias: Tensor,
    kv_heads: int = 0,
    p: float = 0.0,
    *,
    causal: bool = False,
) -> Tensor:
    """Return attention of heads that stand side by side in the last axis, with a bias on each score."""
    grouped = kv_heads > 0
    q = heads_of(q, heads)
    k, v = (heads_of(x, kv_heads or heads) for x in (k, v))
    if causal:
        bias = bias + torch.full(
            bias.shape[-2:], float("-inf"), device=bias.device
        ).triu(1)
    x = F.scaled_dot_product_attention(q, k, v, bias, p, enable_gqa=grouped)
    return x.transpose(-3, -2).flatten(-2)


def attend_capped(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    heads: int,
    kv_heads: int = 0,
    p: float = 0.0,
    bias: Tensor | None = None,
    sinks: Tensor | None = None,
    *,
    cap: float = 0.0,
    causal: bool = False,
) -> Tensor:
    """Return attention of heads that stand side by side, with a soft cap on the scores or a sink beside them."""
    q = heads_of(q, heads)
    keys, values = (heads_of(x, kv_heads or heads) for x in (k, v))
    if kv_heads:
        keys = repeat_heads(keys, heads // kv_heads)
        values = repeat_heads(values, heads // kv_heads)
    scores: Tensor = (q @ keys.mT) * q.shape[-1] ** -0.5
    if cap:
        scores = torch.tanh(scores / cap) * cap
    if bias is not None:
        scores = scores + bias
    if causal:
        sizes, low = scores.shape[-2:], float("-inf")
        scores = scores + torch.full(sizes, low, device=scores.device).triu(1)
    if sinks is None:
        scores = scores.softmax(-1)
    else:
        beside = sinks[:, None, None].expand(*scores.shape[:-1], 1)
        scores = torch.cat([scores, beside], dim=-1).softmax(-1)[..., :-1]
    if p:
        scores = F.dropout(scores, p)
    return (scores @ values).transpose(-3, -2).flatten(-2)


class AttentionWithSinks(nn.Module):
    """Attention with a learned score of each head beside those of the keys."""

    def __init__(
        self,
        heads: int,
        kv_heads: int = 0,
        dropout: float = 0.0,
        *,
        cap: float = 0.0,
        causal: bool = False,
    ) -> None:
        super().__init__()
        self.heads, self.kv_heads, self.dropout = heads, kv_heads, dropout
        self.cap, self.causal = cap, causal
        self.sinks = nn.Parameter(torch.zeros(heads))

    def forward(
        self, q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None = None
    ) -> Tensor:
        p = self.dropout if self.training else 0.0
        sizes = (self.heads, self.kv_heads, p, bias, self.sinks)
        return attend_capped(q, k, v, *sizes, cap=self.cap, causal=self.causal)


class FurtherStep(nn.Module):
    """A learned step and one of zeros after those of keys or values."""

    def __init__(
        self, features: int, *, learned: bool = False, zeros: bool = False
    ) -> None:
        super().__init__()
        self.step = nn.Parameter(torch.zeros(features)) if learned else None
        self.zeros = zeros

    def forward(self, x: Tensor) -> Tensor:
        first = x[..., :1, :]
        if self.step is not None:
            x = torch.cat([x, self.step.expand_as(first)], dim=-2)
        return torch.cat([x, torch.zeros_like(first)], dim=-2) if self.zeros else x


class PositionBiases(nn.Module):
    """Learned biases of each head, by how far a key stands from a query."""

    def __init__(self, count: int, num_heads: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(count, num_heads))

    def forward(self, query: Tensor, key: Tensor) -> Tensor:
        places, steps = (
            torch.arange(x.shape[-2], device=x.device) for x in (key, query)
        )
        index = places - steps[:, None] + len(self.weight) // 2
        index = index.clamp(0, len(self.weight) - 1)
        return F.embedding(index, self.weight).permute(2, 0, 1)


class WindowBiases(nn.Module):
    """Learned biases of each head, by how far a key of a square window stands from a query in rows and columns."""

    index: Tensor

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        reach = 2 * width - 1
        self.weight = nn.Parameter(torch.zeros(reach**2, num_heads))
        places = torch.arange(width**2)
        rows, columns = places // width, places % width
        rows, columns = (x[:, None] - x + width - 1 for x in (rows, columns))
        self.register_buffer("index", rows * reach + columns, persistent=False)

    def forward(self) -> Tensor:
        return F.embedding(self.index, self.weight).permute(2, 0, 1)


class Mask(nn.Module):
    """What the network adds to the scores of attention: set it."""

    value: Tensor

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.register_buffer("value", torch.zeros(shape), persistent=False)

    def forward(self) -> Tensor:
        return self.value


class Window(nn.Module):
    """What hides from each step all but those near it: added to scores, or truth values of what is seen."""

    value: Tensor

    def __init__(
        self,
        steps: int,
        keys: int,
        window: int,
        *,
        causal: bool = False,
        boolean: bool = False,
    ) -> None:
        super().__init__()
        apart = torch.arange(keys) - torch.arange(steps)[:, None]
        hidden = (apart <= -window) | (apart > (0 if causal else window - 1))
        added = torch.zeros(steps, keys).masked_fill(hidden, -torch.inf)
        value = ~hidden if boolean else added
        self.register_buffer("value", value, persistent=False)

    def forward(self) -> Tensor:
        return self.value


class Rotary(nn.Module):
    """Rotates pairs of the features of heads by angles that grow with the step."""

    cos: Tensor
    sin: Tensor

    def __init__(self, steps: int, dim: int) -> None:
        super().__init__()
        speeds = 10_000.0 ** -(torch.arange(0, dim, 2) / dim)
        angles = torch.outer(torch.arange(steps), speeds).repeat(1, 2)
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        steps = x.shape[-2]
        return rotate(x, self.cos[:steps], self.sin[:steps])


class RotaryTables(nn.Module):
    """Cosines and sines of angles that grow with the step, the same for every sample."""

    speeds: Tensor

    def __init__(self, dim: int, scale: float = 1.0) -> None:
        super().__init__()
        speeds = 10_000.0 ** -(torch.arange(0, dim, 2) / dim)
        self.register_buffer("speeds", speeds, persistent=False)
        self.scale = scale

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        positions = torch.arange(x.shape[1], device=x.device)[None]
        pairs = positions[..., None].float() * self.speeds.float()
        angles = torch.cat([pairs, pairs], dim=-1)
        cos = angles.cos() * self.scale
        sin = angles.sin() * self.scale
        return cos.to(self.speeds.dtype), sin.to(self.speeds.dtype)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Return heads whose pairs of features are rotated, by tables of their steps."""
    x = torch.unflatten(x, -1, (-1, cos.shape[-1]))
    one, other = x.chunk(2, dim=-1)
    x = x * cos.unsqueeze(-2) + torch.cat([-other, one], dim=-1) * sin.unsqueeze(-2)
    return x.flatten(-2)


def deformable_attention(
    values: Tensor,
    points: Tensor,
    weights: Tensor,
    sizes: tuple[tuple[int, int], ...],
) -> Tensor:
    """Return what queries read of maps of these sizes at their points, weighed."""
    samples, queries, heads, levels, count, _ = points.shape
    areas = [height * width for height, width in sizes]
    maps = torch.unflatten(values, -1, (heads, -1)).split_with_sizes(areas, dim=1)
    places = 2 * points - 1
    found = []
    for level, size in enumerate(sizes):
        one = maps[level].flatten(2).transpose(1, 2)
        one = one.reshape(samples * heads, -1, *size)
        there = places[:, :, :, level].transpose(1, 2).flatten(0, 1)
        found.append(F.grid_sample(one, there, align_corners=False))
    shape = samples * heads, 1, queries, levels * count
    weights = weights.transpose(1, 2).reshape(shape)
    read = (torch.stack(found, dim=-2).flatten(-2) * weights).sum(-1)
    return read.view(samples, -1, queries).transpose(1, 2).contiguous()


def repeat_heads(x: Tensor, times: int) -> Tensor:
    """Return each head several times; a single one as a view."""
    *lead, heads, steps, width = x.shape
    x = x.unsqueeze(-3).expand(*lead, heads, times, steps, width)
    return x.flatten(-4, -3)
