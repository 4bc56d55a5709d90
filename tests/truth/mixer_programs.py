"""Mixers of RWKV 4, 6 and 7 and of xLSTM, for measure_mixers.py: written after their authors' programs."""

import torch
from mixer_cases import MLSTM, SLSTM, WKV, GeneralizedDeltaRule
from sequence_cases import LinearAttention
from torch import nn
from torch.nn import functional


def causal(conv, x):
    """Return a convolution over the steps before, the steps second."""
    padded = functional.pad(x, (0, 0, conv.kernel_size[0] - 1, 0))
    return conv(padded.transpose(1, 2)).transpose(1, 2)


def shifted(x):
    """Return the steps before."""
    return functional.pad(x, (0, 0, 1, 0))[:, :-1]


def vectors(width, count):
    return nn.ParameterList(torch.zeros(width) for _ in range(count))


def plain(given, made):
    return nn.Linear(given, made, bias=False)


class Heads(nn.Module):
    """Normalization of heads by themselves, and a factor and perhaps a term of each feature."""

    def __init__(self, width, size, eps=1e-5, *, bias=True):
        super().__init__()
        self.size, self.eps = size, eps
        self.weight = nn.Parameter(torch.zeros(width))
        self.bias = nn.Parameter(torch.zeros(width)) if bias else None

    def forward(self, x):
        x = functional.layer_norm(x.unflatten(-1, (-1, self.size)), (self.size,), eps=self.eps)
        x = x.flatten(-2) * self.weight
        return x if self.bias is None else x + self.bias


class RWKV4(nn.Module):
    """After `RwkvSelfAttention` of transformers."""

    def __init__(self, d_model):
        super().__init__()
        self.mix, (self.decay, self.first) = vectors(d_model, 3), vectors(d_model, 2)
        self.key, self.value, self.receptance, self.output = (plain(d_model, d_model) for _ in range(4))
        self.wkv = WKV()

    def forward(self, x):
        r, k, v = self.mixed(x)
        return self.output(r * self.wkv(k, v, -torch.exp(self.decay)[None], self.first[None]))

    def mixed(self, x):
        before = shifted(x)
        k, v, r = (x * mix + before * (1 - mix) for mix in self.mix)
        k = self.key(k)
        v = self.value(v)
        r = torch.sigmoid(self.receptance(r))
        return r, k, v


class RWKV6(nn.Module):
    """After `RWKV_Tmix_x060` of `RWKV-LM/RWKV-v5/src/model.py`, each part of its mixing a product of its own."""

    def __init__(self, d_model, head_size, mix_lora=32, decay_lora=64):
        super().__init__()
        self.mix_x, self.mix = nn.Parameter(torch.zeros(d_model)), vectors(d_model, 5)
        self.low = plain(d_model, 5 * mix_lora)
        self.more = nn.ModuleList(plain(mix_lora, d_model) for _ in range(5))
        self.receptance, self.key, self.value, self.gate, self.output = (plain(d_model, d_model) for _ in range(5))
        self.decay = nn.Sequential(plain(d_model, decay_lora), nn.Tanh(), nn.Linear(decay_lora, d_model))
        self.first = nn.Parameter(torch.zeros(d_model))
        self.wkv, self.norm = LinearAttention(d_model // head_size), Heads(d_model, head_size)

    def forward(self, x):
        change = shifted(x) - x
        low = [*torch.tanh(self.low(x + change * self.mix_x)).chunk(5, -1)]
        w, k, v, r, g = (x + change * (mix + more(low.pop(0))) for mix, more in zip(self.mix, self.more, strict=True))
        r = self.receptance(r)
        k = self.key(k)
        v = self.value(v)
        g = functional.silu(self.gate(g))
        w = torch.exp(-torch.exp(self.decay(w)))
        return self.output(self.norm(self.wkv(r, k, v, w, self.first[None])) * g)


class RWKV7(nn.Module):
    """After `RWKV7Attention` of flash-linear-attention; `v_lora` is that of layers behind the first."""

    def __init__(self, d_model, head_size, decay_lora=64, a_lora=64, gate_lora=128, v_lora=0):
        super().__init__()
        self.size, self.mix = head_size, vectors(d_model, 6)
        self.receptance, self.key, self.value, self.output = (plain(d_model, d_model) for _ in range(4))
        self.decay = nn.Sequential(plain(d_model, decay_lora), nn.Tanh(), nn.Linear(decay_lora, d_model))
        self.share = nn.Sequential(plain(d_model, v_lora), nn.Linear(v_lora, d_model)) if v_lora else None
        self.rate = nn.Sequential(plain(d_model, a_lora), nn.Linear(a_lora, d_model))
        self.gate = nn.Sequential(plain(d_model, gate_lora), nn.Sigmoid(), plain(gate_lora, d_model))
        self.k_k, self.k_a, self.r_k = vectors(d_model, 3)
        self.wkv, self.norm = GeneralizedDeltaRule(d_model // head_size), Heads(d_model, head_size)

    def forward(self, x):
        return self.with_value(x, None)[0]

    def with_value(self, x, first):
        change = shifted(x) - x
        r, w, k, mixed, a, g = (x + change * mix for mix in self.mix)
        r = self.receptance(r)
        w = torch.exp(torch.sigmoid(self.decay(w)) * -0.6065306597126334)
        k = self.key(k)
        v = self.value(mixed)
        if self.share is None:
            first = v
        else:
            v = v + (first - v) * torch.sigmoid(self.share(mixed))
        del mixed
        a = torch.sigmoid(self.rate(a))
        g = self.gate(g)
        removed = functional.normalize((k * self.k_k).unflatten(-1, (-1, self.size)), dim=-1).flatten(-2)
        keys = k + k * (a - 1) * self.k_a
        y = self.norm(self.wkv(r, keys, v, w, -removed, removed * a))
        bonus = (r * keys * self.r_k).unflatten(-1, (-1, self.size)).sum(-1, keepdim=True)
        y = y + (bonus * v.unflatten(-1, (-1, self.size))).flatten(-2)
        return self.output(y * g), first


class RWKV7Block(nn.Module):
    """After `RWKV7Block` of flash-linear-attention."""

    def __init__(self, width, v_lora):
        super().__init__()
        self.norm1, self.attention = nn.LayerNorm(width), RWKV7(width, 64, v_lora=v_lora)
        self.norm2, self.mix = nn.LayerNorm(width), nn.Parameter(torch.zeros(width))
        self.key, self.value = plain(width, 4 * width), plain(4 * width, width)

    def forward(self, x, first):
        y, first = self.attention.with_value(self.norm1(x), first)
        x = x + y
        return x + self.feed_forward(self.norm2(x)), first

    def feed_forward(self, x):
        return self.value(torch.square(torch.relu(self.key(x + (shifted(x) - x) * self.mix))))


class RWKV7Model(nn.Module):
    """After `RWKV7ForCausalLM` of flash-linear-attention."""

    def __init__(self, depth, width, vocabulary=65536):
        super().__init__()
        self.embeddings, self.norm0 = nn.Embedding(vocabulary, width), nn.LayerNorm(width)
        self.blocks = nn.ModuleList(RWKV7Block(width, 32 * (number > 0)) for number in range(depth))
        self.norm, self.head = nn.LayerNorm(width), plain(width, vocabulary)

    def forward(self, tokens):
        x, first = self.norm0(self.embeddings(tokens)), None
        for block in self.blocks:
            x, first = block(x, first)
        return [self.head(self.norm(x))]


class MLSTMLayer(nn.Module):
    """After `mLSTMLayer` of `xlstm/xlstm_large/model.py`."""

    def __init__(self, embedding_dim, num_heads, qk_dim_factor=0.5):
        super().__init__()
        keys = int(embedding_dim * qk_dim_factor)
        self.q, self.k = (plain(embedding_dim, keys) for _ in range(2))
        self.v, self.ogate = (plain(embedding_dim, embedding_dim) for _ in range(2))
        self.igate, self.fgate = (nn.Linear(embedding_dim, num_heads) for _ in range(2))
        self.cell = MLSTM(num_heads)
        self.norm = Heads(embedding_dim, embedding_dim // num_heads, 1e-6, bias=False)
        self.out = plain(embedding_dim, embedding_dim)

    def forward(self, x):
        o = self.ogate(x)
        y = self.norm(self.cell(*self.given(x)))
        return self.out(torch.sigmoid(o) * y)

    def given(self, x):
        capped = (15 * torch.tanh(gate(x) / 15) for gate in (self.igate, self.fgate))
        return self.q(x), self.k(x), self.v(x), *capped


class SLSTMLayer(nn.Module):
    """After `sLSTMLayer` of `xlstm/blocks/slstm/layer.py`."""

    def __init__(self, embedding_dim, num_heads=4, conv1d_kernel_size=4):
        super().__init__()
        self.heads, size = num_heads, embedding_dim // num_heads
        self.conv1d = nn.Conv1d(embedding_dim, embedding_dim, conv1d_kernel_size, groups=embedding_dim)
        self.gates = nn.ParameterList(torch.zeros(num_heads, size, size) for _ in range(4))
        self.cell, self.norm = SLSTM(embedding_dim, num_heads), Heads(embedding_dim, size, bias=False)

    def forward(self, x):
        convolved = functional.silu(causal(self.conv1d, x))
        f, i, z, o = (
            torch.einsum("bshi,hoi->bsho", given.unflatten(-1, (self.heads, -1)), gate).flatten(-2)
            for given, gate in zip((convolved, convolved, x, x), self.gates, strict=True)
        )
        return self.norm(self.cell(torch.cat([i, f, z, o], dim=-1)))


CASES = [
    ("RWKV4", RWKV4, {"d_model": 32}),
    ("RWKV6", RWKV6, {"d_model": 32, "head_size": 8}),
    ("RWKV7", RWKV7, {"d_model": 32, "head_size": 8}),
    ("mLSTMLayer", MLSTMLayer, {"embedding_dim": 32, "num_heads": 4}),
    ("sLSTMLayer", SLSTMLayer, {"embedding_dim": 32}),
]
