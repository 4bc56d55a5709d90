"""Measure mixers of sequences that are written after their authors' programs, and write it beside this file.

Run by hand, in an environment with torch and keras (which `measure_ops.py` needs):

    KERAS_BACKEND=torch python tests/truth/measure_mixers.py

The scans are loops over the steps, as these programs have them where there is no kernel. `mixers.json` has parameters,
MACs, bytes kept for backward and the most alive at inference, on meta tensors.
"""

import json
from math import ceil
from pathlib import Path

import mixer_programs
import torch
import vision_cases
from mixer_programs import causal
from sequence_cases import LinearAttention, SelectiveScan
from storages import Alive, constants, kept_for_backward
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

HERE = Path(__file__).parent
STEPS = 10


class Mamba(nn.Module):
    """After `mamba_ssm/modules/mamba_simple.py`."""

    def __init__(self, d_model, d_state=16, d_conv=4, expand=2):
        super().__init__()
        inner, self.rank, self.states = expand * d_model, ceil(d_model / 16), d_state
        self.in_proj = nn.Linear(d_model, 2 * inner, bias=False)
        self.conv1d = nn.Conv1d(inner, inner, d_conv, groups=inner)
        self.x_proj = nn.Linear(inner, self.rank + 2 * d_state, bias=False)
        self.dt_proj = nn.Linear(self.rank, inner)
        self.A_log = nn.Parameter(torch.zeros(inner, d_state))
        self.D = nn.Parameter(torch.zeros(inner))
        self.scan = SelectiveScan()
        self.out_proj = nn.Linear(inner, d_model, bias=False)

    def forward(self, given):
        x, z = self.in_proj(given).chunk(2, -1)
        x = functional.silu(causal(self.conv1d, x))
        step, into, out = self.x_proj(x).split([self.rank, self.states, self.states], -1)
        delta = functional.softplus(self.dt_proj(step))
        decay = -torch.exp(self.A_log)
        y = self.scan(x, delta, decay[None], into, out, self.D[None])
        return self.out_proj(y * functional.silu(z))


class Mamba2(nn.Module):
    """After `mamba_ssm/modules/ssd_minimal.py` and `mamba2_simple.py`."""

    def __init__(self, d_model, d_state=128, d_conv=4, expand=2, headdim=64):
        super().__init__()
        self.inner = inner = expand * d_model
        self.heads, self.states, mixed = inner // headdim, d_state, inner + 2 * d_state
        self.in_proj = nn.Linear(d_model, inner + mixed + self.heads, bias=False)
        self.conv1d = nn.Conv1d(mixed, mixed, d_conv, groups=mixed)
        self.dt_bias, self.A_log = (nn.Parameter(torch.zeros(self.heads)) for _ in range(2))
        self.D = nn.Parameter(torch.zeros(self.heads, 1))
        self.scan = LinearAttention(self.heads, 1)
        self.norm = nn.RMSNorm(inner)
        self.out_proj = nn.Linear(inner, d_model, bias=False)

    def forward(self, given):
        sizes = [self.inner, self.conv1d.in_channels, self.heads]
        z, mixed, step = self.in_proj(given).split(sizes, -1)
        mixed = functional.silu(causal(self.conv1d, mixed))
        x, into, out = mixed.split([self.inner, self.states, self.states], -1)
        delta = functional.softplus(step + self.dt_bias)
        decay = torch.exp(delta * -torch.exp(self.A_log))
        x = x.unflatten(-1, (self.heads, -1))
        y = self.scan(out, into, (x * delta.unsqueeze(-1)).flatten(-2), decay)
        y = y + (x * self.D).flatten(-2)
        return self.out_proj(self.norm(y * functional.silu(z)))


class RWKV(nn.Module):
    """After `RWKV_TimeMix_RWKV5` of `RWKV-LM/RWKV-v5/src/model.py`, its normalization of heads by itself."""

    def __init__(self, d_model, head_size):
        super().__init__()
        self.size = head_size
        self.mix = nn.ParameterList(torch.zeros(d_model) for _ in range(4))
        self.products = nn.ModuleList(nn.Linear(d_model, d_model, bias=False) for _ in range(4))
        self.time_decay, self.time_first = (nn.Parameter(torch.zeros(d_model)) for _ in range(2))
        self.wkv = LinearAttention(d_model // head_size)
        self.weight, self.bias = (nn.Parameter(torch.zeros(d_model)) for _ in range(2))
        self.output = nn.Linear(d_model, d_model, bias=False)

    def forward(self, x):
        change = functional.pad(x, (0, 0, 1, 0))[:, :-1] - x
        r, k, v, g = (product(x + change * mix) for product, mix in zip(self.products, self.mix, strict=True))
        decay = torch.exp(-torch.exp(self.time_decay))
        y = self.wkv(r, k, v, decay[None], self.time_first[None]).unflatten(-1, (-1, self.size))
        y = functional.layer_norm(y, (self.size,)).flatten(-2) * self.weight + self.bias
        return self.output(y * functional.silu(g))


class Hyena(nn.Module):
    """After `hyena.py` of safari's standalone program, of order 2."""

    def __init__(self, d_model, l_max, filter_order=64, emb_dim=3):
        super().__init__()
        self.in_proj = nn.Linear(d_model, 3 * d_model)
        self.short = nn.Conv1d(3 * d_model, 3 * d_model, 3, groups=3 * d_model)
        self.tables = torch.zeros(1, l_max, emb_dim), torch.zeros(1, l_max, d_model)
        self.widen, self.mix = nn.Linear(emb_dim, filter_order), nn.Linear(filter_order, filter_order)
        self.narrow = nn.Linear(filter_order, d_model, bias=False)
        self.bias = nn.Parameter(torch.zeros(d_model))
        self.out_proj = nn.Linear(d_model, d_model)

    def forward(self, x):
        gate, other, v = causal(self.short, self.in_proj(x)).chunk(3, -1)
        v = v * other
        positions, window = self.tables
        h = self.narrow(torch.sin(self.mix(torch.sin(self.widen(positions))))) * window
        return self.out_proj(self.convolved(v, h) * gate)

    def convolved(self, v, h):
        steps = v.shape[1]
        made = torch.fft.rfft(v, n=2 * steps, dim=1) * torch.fft.rfft(h, n=2 * steps, dim=1)
        made = torch.fft.irfft(made, n=2 * steps, dim=1)[:, :steps]
        return made + v * self.bias


CASES = [
    ("Mamba", Mamba, {"d_model": 32}),
    ("Mamba", Mamba, {"d_model": 48, "d_state": 8, "d_conv": 3, "expand": 1}),
    ("Mamba2", Mamba2, {"d_model": 32, "d_state": 8, "headdim": 16}),
    ("RWKV", RWKV, {"d_model": 32, "head_size": 8}),
    ("Hyena", Hyena, {"d_model": 32, "l_max": STEPS}),
    ("Hyena", Hyena, {"d_model": 48, "l_max": STEPS, "filter_order": 16, "emb_dim": 5}),
    *mixer_programs.CASES,
]


def measure(kind, args, batch):
    """Return a module's figures."""
    with torch.device("meta"):
        model, given = kind(**args).train(), torch.zeros(batch, STEPS, next(iter(args.values())))
        with FlopCounterMode(display=False, custom_mapping=vision_cases.FORMULAS) as counter:
            model(given)
        kept = kept_for_backward(constants(model), lambda: model(given))
        alive = Alive([*constants(model), given])
        with torch.no_grad(), alive:
            model.eval()(given.clone())
    params = sum(weight.numel() for weight in model.parameters())
    return {"params": params, "macs": counter.get_total_flops() // 2, "kept": kept, "peak": alive.peak}


def main():
    """Write the file."""
    rows = [
        {"name": name, "args": args, "batch": batch, **measure(kind, args, batch)}
        for name, kind, args in CASES
        for batch in (1, 3)
    ]
    version = torch.__version__.partition("+")[0]
    lines = ",\n".join(json.dumps(row) for row in rows)
    (HERE / "mixers.json").write_text(f'{{"measured_with": {{"torch": "{version}"}},\n"rows": [\n{lines}\n]}}\n')


if __name__ == "__main__":
    main()
