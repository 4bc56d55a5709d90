"""Recurrences of sequence mixers that `measure_ops.py` measures, as loops over the steps, and their cases."""

# ruff: noqa: FBT002, PLR0913, PLR0917 - modules take arguments as archinspect's operators do; a step takes its states

import torch
from sequence_cases import case
from torch import nn
from torch.nn import functional


class WKV(nn.Module):
    """As `rwkv_linear_attention_cpu` of transformers."""

    def forward(self, key, value, decay, bonus):
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


class GeneralizedDeltaRule(nn.Module):
    """As `RWKV7_OP` of RWKV-LM's `rwkv_v7_demo.py` where it has no kernel."""

    def __init__(self, num_heads=1):
        super().__init__()
        self.heads = num_heads

    def forward(self, q, k, v, decay, read, write):
        q, k, v, decay, read, write = (x.unflatten(-1, (self.heads, -1)) for x in (q, k, v, decay, read, write))
        state = v.new_zeros(len(v), self.heads, q.shape[-1], v.shape[-1])
        outputs = []
        for step in range(v.shape[1]):
            seen = (read[:, step, :, None] @ state).squeeze(-2)
            state = state * decay[:, step, ..., None] + write[:, step, ..., None] * seen[:, :, None]
            state = state + k[:, step, ..., None] * v[:, step, :, None]
            outputs.append((q[:, step, :, None] @ state).squeeze(-2))
        return torch.stack(outputs, dim=1).flatten(-2)


class MLSTM(nn.Module):
    """As `mlstm_recurrent_sequence_native` of transformers, without its copies of states."""

    def __init__(self, num_heads=1):
        super().__init__()
        self.heads = num_heads

    def forward(self, q, k, v, entry, forget):
        q, k, v = (x.unflatten(-1, (self.heads, -1)) for x in (q, k, v))
        sizes = len(v), self.heads, k.shape[-1]
        states = v.new_zeros(*sizes, v.shape[-1]), v.new_zeros(sizes), v.new_zeros(*sizes[:2], 1)
        outputs = []
        for step in range(v.shape[1]):
            gates = entry[:, step, :, None], forget[:, step, :, None]
            found, *states = self.step(q[:, step], k[:, step], v[:, step], *gates, *states)
            outputs.append(found)
        return torch.stack(outputs, dim=1).flatten(-2)

    def step(self, q, k, v, entry, forget, state, weight, top):
        forget = functional.logsigmoid(forget)
        highest = torch.maximum(forget + top, entry)
        before, now = torch.exp(forget + top - highest), torch.exp(entry - highest)
        q = q * k.shape[-1] ** -0.5
        state = before[..., None] * state + now[..., None] * (k[..., None] @ v[:, :, None])
        weight = before * weight + now * k
        above, below = (q[:, :, None] @ state).squeeze(-2), (q[:, :, None] @ weight[..., None]).squeeze(-2)
        return above / (torch.maximum(below.abs(), torch.exp(-highest)) + 1e-6), state, weight, highest


class SLSTM(nn.Module):
    """As `slstm_forward` of xlstm's `src/vanilla`, without bounds that its gates cannot exceed."""

    def __init__(self, units, num_heads=1, use_bias=True):
        super().__init__()
        self.heads, size = num_heads, units // num_heads
        self.recurrent = nn.Parameter(torch.zeros(num_heads, size, 4 * size))
        self.bias = nn.Parameter(torch.zeros(4 * units)) if use_bias else None

    def forward(self, x):
        apart = (4, self.heads, -1)
        sizes = len(x), self.heads, x.shape[-1] // 4 // self.heads
        states, outputs = (*(x.new_zeros(sizes) for _ in range(3)), x.new_full(sizes, -torch.inf)), []
        for step in range(x.shape[1]):
            states = self.step(x[:, step].unflatten(-1, apart), *states)
            outputs.append(states[0])
        return torch.stack(outputs, dim=1).flatten(-2)

    def step(self, x, y, state, weight, top):
        again = torch.bmm(y.transpose(0, 1), self.recurrent).unflatten(-1, (4, -1)).permute(1, 2, 0, 3)
        sums = x + again
        if self.bias is not None:
            sums = sums + self.bias.unflatten(0, (4, self.heads, -1))
        entry, forget, given, out = sums.unbind(1)
        del again, sums
        forget = functional.logsigmoid(forget) + top
        top = torch.maximum(entry, forget)
        entry, forget = torch.exp(entry - top), torch.exp(forget - top)
        state = forget * state + entry * torch.tanh(given)
        weight = forget * weight + entry
        return torch.sigmoid(out) * state / weight, state, weight, top


class CRF(nn.Module):
    """As `CRF` of pytorch-crf, whose `decode` finds the best tags of each sample by itself."""

    def __init__(self, num_tags):
        super().__init__()
        self.start_transitions = nn.Parameter(torch.zeros(num_tags))
        self.end_transitions = nn.Parameter(torch.zeros(num_tags))
        self.transitions = nn.Parameter(torch.zeros(num_tags, num_tags))

    @torch.no_grad()
    def forward(self, x):
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

    def step(self, scores, x):
        pairs = scores[:, :, None] + self.transitions
        sums = pairs + x[:, None]
        return tuple(sums.max(dim=1))


MODULES = {module.__name__: module for module in (WKV, GeneralizedDeltaRule, MLSTM, SLSTM, CRF)}


def torch_cases():
    for batch in (1, 3):
        for steps, heads, keys, values in ((5, 1, 6, 4), (1, 2, 3, 4), (2, 2, 3, 3), (7, 3, 1, 2)):
            wide, value, gate = (batch, steps, heads * keys), (batch, steps, heads * values), (batch, steps, heads)
            yield case("WKV", value, value, (batch, heads * values), (batch, heads * values))
            yield case("GeneralizedDeltaRule", wide, wide, value, wide, wide, wide, num_heads=heads)
            yield case("MLSTM", wide, wide, value, gate, gate, num_heads=heads)
            yield case("SLSTM", (batch, steps, 4 * heads * values), units=heads * values, num_heads=heads)
        yield case("SLSTM", (batch, 5, 24), units=6, num_heads=2, use_bias=False)
    for steps, tags in ((5, 3), (1, 4), (2, 1), (3, 9)):
        yield case("CRF", (2, steps, tags), num_tags=tags)
    yield case("CRF", (2, 5, 6), num_tags=5)
    yield case("WKV", (2, 5, 6), (2, 5, 6), (2, 6), (2, 5))
    yield case("GeneralizedDeltaRule", *[(2, 5, 6)] * 5, (2, 5, 4), num_heads=2)
    yield case("MLSTM", *[(2, 5, 6)] * 3, (2, 5, 2), (2, 5, 6), num_heads=2)
    yield case("SLSTM", (2, 5, 12), units=4)
