"""Recurrences of states that are matrices or averages, a step at a time."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - as everybody writes it
from torch import Tensor, nn


class CRF(nn.Module):
    """The best tags of all steps, by scores of tags and of pairs that follow one another."""

    def __init__(self, num_tags: int) -> None:
        super().__init__()
        self.start_transitions = nn.Parameter(torch.zeros(num_tags))
        self.end_transitions = nn.Parameter(torch.zeros(num_tags))
        self.transitions = nn.Parameter(torch.zeros(num_tags, num_tags))

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        best = x.new_zeros(x.shape[:2], dtype=torch.long)
        places = x.new_zeros(x.shape, dtype=torch.long)
        scores = self.start_transitions + x[:, 0]
        for step in range(1, x.shape[1]):
            scores, places[:, step] = self.step(scores, x[:, step])
        best[:, -1] = (scores + self.end_transitions).argmax(-1)
        for step in range(x.shape[1] - 1, 0, -1):
            tags = best[:, step, None]
            best[:, step - 1] = places[:, step].gather(1, tags)[:, 0]
        return best

    def step(self, scores: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the best scores of a step's tags, and the tags before."""
        pairs = scores[:, :, None] + self.transitions
        sums = pairs + x[:, None]
        best, tags = sums.max(dim=1)
        return best, tags


def generalized_delta_rule(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    decay: Tensor,
    read: Tensor,
    write: Tensor,
    *,
    heads: int = 1,
) -> Tensor:
    """Return what queries read of a state that decays, writes what it reads of itself, and is added to."""
    apart = (torch.unflatten(x, -1, (heads, -1)) for x in (q, k, v, decay, read, write))
    q, k, v, decay, read, write = apart
    state = v.new_zeros(len(v), heads, q.shape[-1], v.shape[-1])
    outputs = []
    for step in range(v.shape[1]):
        seen = (read[:, step, :, None] @ state).squeeze(-2)
        kept = state * decay[:, step, ..., None]
        state = kept + write[:, step, ..., None] * seen[:, :, None]
        del kept
        state = state + k[:, step, ..., None] * v[:, step, :, None]
        outputs.append((q[:, step, :, None] @ state).squeeze(-2))
    return torch.stack(outputs, dim=1).flatten(-2)


def wkv(key: Tensor, value: Tensor, decay: Tensor, bonus: Tensor) -> Tensor:
    """Return averages of values, weighed by exponentials of keys that decay, step by step."""
    output = torch.zeros_like(key)
    total, weight = (torch.zeros_like(key[:, 0]) for _ in range(2))
    top = torch.zeros_like(key[:, 0]) - 1e38
    for step in range(key.shape[1]):
        k, v = key[:, step], value[:, step]
        highest = torch.maximum(top, k + bonus)
        before, now = torch.exp(top - highest), torch.exp(k + bonus - highest)
        above = before * total + now * v
        below = before * weight + now
        output[:, step] = above / below
        if step + 1 == key.shape[1]:
            break  # nobody reads the last state
        highest = torch.maximum(top + decay, k)
        before, now = torch.exp(top + decay - highest), torch.exp(k - highest)
        total = before * total + now * v
        weight = before * weight + now
        top = highest
    return output


def mlstm(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    entry: Tensor,
    forget: Tensor,
    *,
    heads: int = 1,
) -> Tensor:
    """Return what queries read of a matrix memory, step by step."""
    q, k, v = (torch.unflatten(x, -1, (heads, -1)) for x in (q, k, v))
    sizes = len(v), heads, k.shape[-1]
    states = [
        v.new_zeros(*sizes, v.shape[-1]),
        v.new_zeros(sizes),
        v.new_zeros(*sizes[:2], 1),
    ]
    outputs = []
    for step in range(v.shape[1]):
        gates = entry[:, step, :, None], forget[:, step, :, None]
        steps = q[:, step], k[:, step], v[:, step]
        found, *states = mlstm_step(*steps, *gates, *states)
        outputs.append(found)
    return torch.stack(outputs, dim=1).flatten(-2)


def mlstm_step(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    entry: Tensor,
    forget: Tensor,
    state: Tensor,
    weight: Tensor,
    top: Tensor,
) -> tuple[Tensor, ...]:
    """Return what a step of a matrix memory gives, then its new states."""
    forget = F.logsigmoid(forget)
    highest = torch.maximum(forget + top, entry)
    before, now = torch.exp(forget + top - highest), torch.exp(entry - highest)
    q = q * k.shape[-1] ** -0.5
    state = before[..., None] * state
    state = state + now[..., None] * (k[..., None] @ v[:, :, None])
    weight = before * weight + now * k
    above = (q[:, :, None] @ state).squeeze(-2)
    below = (q[:, :, None] @ weight[..., None]).squeeze(-2)
    below = torch.maximum(below.abs(), torch.exp(-highest)) + 1e-6
    return above / below, state, weight, highest


def mlstm_by_chunks(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    entry: Tensor,
    forget: Tensor,
    *,
    heads: int = 1,
    chunk: int = 64,
) -> Tensor:
    """Return what queries read of a matrix memory: products within chunks of steps, and the states before them."""
    steps = v.shape[1]
    filled = (F.pad(x, (0, 0, 0, -steps % chunk)) for x in (q, k, v, entry, forget))
    apart = (torch.unflatten(x, -1, (heads, -1)) for x in filled)
    q, k, v, entry, forget = (
        torch.unflatten(x, 1, (-1, chunk)).permute(0, 3, 1, 2, 4) for x in apart
    )
    sums = F.logsigmoid(forget).cumsum(-2)
    state, weight, top = mlstm_states(k, v, entry, sums)
    future = torch.ones(chunk, chunk, dtype=torch.bool, device=v.device).triu(1)
    logs = (sums - (sums - entry).mT).masked_fill(future, float("-inf"))
    before = sums + top
    highest = torch.maximum(before, logs.amax(-1, keepdim=True))
    q = q * k.shape[-1] ** -0.5
    scores = (q @ k.mT) * torch.exp(logs - highest)
    q = q * torch.exp(before - highest)
    above = scores @ v + q @ state
    below = scores.sum(-1, keepdim=True) + q @ weight
    x = above / (torch.maximum(below.abs(), torch.exp(-highest)) + 1e-6)
    return x.permute(0, 2, 3, 1, 4).flatten(1, 2)[:, :steps].flatten(-2)


def mlstm_states(
    k: Tensor, v: Tensor, entry: Tensor, sums: Tensor
) -> tuple[Tensor, ...]:
    """Return the matrices, what weighs and the largest exponents before each chunk."""
    state = v.new_zeros(*v.shape[:2], k.shape[-1], v.shape[-1])
    weight, top = state[..., :1], state[..., :1, :1]
    states = [(state, weight, top)]
    end = sums[..., -1:, :]
    logs = end - sums + entry
    for index in range(v.shape[2]):
        before = end[:, :, index] + top
        top = torch.maximum(before, logs[:, :, index].amax(-2, keepdim=True))
        keys = (k[:, :, index] * torch.exp(logs[:, :, index] - top)).mT
        kept = torch.exp(before - top)
        state = kept * state + keys @ v[:, :, index]
        weight = kept * weight + keys.sum(-1, keepdim=True)
        states.append((state, weight, top))
    every = zip(*states, strict=True)
    return tuple(torch.stack(each, dim=2)[:, :, :-1] for each in every)


class SLSTM(nn.Module):
    """A memory of numbers with exponential gates; its input are the gates i, f, z and o."""

    def __init__(self, units: int, heads: int, *, bias: bool = True) -> None:
        super().__init__()
        size = units // heads
        self.heads = heads
        self.recurrent_kernel = nn.Parameter(torch.empty(heads, size, 4 * size))
        self.bias = nn.Parameter(torch.zeros(4 * units)) if bias else None
        nn.init.normal_(self.recurrent_kernel, std=size**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        apart = (4, self.heads, -1)
        sizes = len(x), self.heads, x.shape[-1] // 4 // self.heads
        zeros = (x.new_zeros(sizes) for _ in range(3))
        states, outputs = (*zeros, x.new_full(sizes, -torch.inf)), []
        for step in range(x.shape[1]):
            states = self.step(torch.unflatten(x[:, step], -1, apart), *states)
            outputs.append(states[0])
        return torch.stack(outputs, dim=1).flatten(-2)

    def step(
        self, x: Tensor, y: Tensor, state: Tensor, weight: Tensor, top: Tensor
    ) -> tuple[Tensor, ...]:
        """Return what a step gives, then its new states."""
        again = torch.bmm(y.transpose(0, 1), self.recurrent_kernel)
        sums = x + torch.unflatten(again, -1, (4, -1)).permute(1, 2, 0, 3)
        if self.bias is not None:
            sums = sums + torch.unflatten(self.bias, 0, (4, self.heads, -1))
        entry, forget, given, out = sums.unbind(1)
        del again, sums
        forget = F.logsigmoid(forget) + top
        top = torch.maximum(entry, forget)
        entry, forget = torch.exp(entry - top), torch.exp(forget - top)
        state = forget * state + entry * torch.tanh(given)
        weight = forget * weight + entry
        return torch.sigmoid(out) * state / weight, state, weight, top


def linear_attention_by_chunks(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    decay: Tensor | None = None,
    *,
    heads: int = 1,
    groups: int = 0,
    chunk: int = 64,
) -> Tensor:
    """Return attention without a softmax: products within chunks of steps, and a state from one to the next."""
    steps, missing = v.shape[1], -v.shape[1] % chunk
    q, k, v = (F.pad(x, (0, 0, 0, missing)) for x in (q, k, v))
    q, k = (torch.unflatten(x, -1, (groups or heads, -1)) for x in (q, k))
    if groups:
        q, k = (x.repeat_interleave(heads // groups, dim=2) for x in (q, k))
    every = (q, k, torch.unflatten(v, -1, (heads, -1)))
    q, k, v = (torch.unflatten(x, 1, (-1, chunk)).permute(0, 3, 1, 2, 4) for x in every)
    if decay is None:
        sums = v.new_zeros(1).expand(1, 1, v.shape[2], chunk)
    else:
        of_all = decay.dim() < v.dim() - 2
        each = decay[:, None].expand(-1, steps, -1) if of_all else decay
        logs = each.clamp(min=torch.finfo(each.dtype).tiny).log()
        logs = torch.unflatten(F.pad(logs, (0, 0, 0, missing)), 1, (-1, chunk))
        sums = logs.permute(0, 3, 1, 2).cumsum(-1)
    later = torch.ones(chunk, chunk, dtype=torch.bool, device=v.device).triu(1)
    between = sums[..., None] - sums[..., None, :]
    kept = between.masked_fill(later, float("-inf")).exp()
    end = sums[..., -1:, None]
    entries = (k * (end - sums[..., None]).exp()).transpose(-1, -2) @ v
    state, states = torch.zeros_like(entries[:, :, 0]), []
    for index in range(v.shape[2]):
        states.append(state)
        state = state * end[:, :, index].exp() + entries[:, :, index]
    before = (q * sums[..., None].exp()) @ torch.stack(states, dim=2)
    x = ((q @ k.transpose(-1, -2)) * kept) @ v + before
    return x.permute(0, 2, 3, 1, 4).flatten(1, 2)[:, :steps].flatten(-2)
