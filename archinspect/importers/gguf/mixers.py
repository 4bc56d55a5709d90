"""What layers of GGUF files have in the place of attention, or beside it: state spaces, convolutions, the delta rule.

Work is what the programs of transformers do for the same network; other programs step through a text otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.importers.gguf import rwkv
from archinspect.importers.gguf.maker import Steps, UnreadError
from archinspect.importers.hf.delta import GatedDelta, KeyedDelta, causal_conv
from archinspect.importers.hf.parts import NORMS, activation_of, reshape
from archinspect.importers.hf.ssm import ChunkScan
from archinspect.ops.activation import Sigmoid
from archinspect.ops.merge import Multiply
from archinspect.ops.scan import SelectiveScan
from archinspect.ops.several import Split
from archinspect.ops.source import Parameter

if TYPE_CHECKING:
    from collections.abc import Callable

    from archinspect.base.source import Value
    from archinspect.graph.graph import Tensor
    from archinspect.importers.gguf.maker import Maker

    Mixer = Callable[[Maker, Steps, str], Steps]

CHUNK = 256
"""Steps that Mamba 2 takes together."""


def mixer(make: Maker, path: str) -> Mixer | None:
    """Return what adds the mixer that the tensors of a layer are of; None where there is none."""
    for own, add in (
        ("ssm_x", _mamba),
        ("ssm_in", _mamba2),
        ("shortconv.in_proj", _short_conv),
        ("time_mix_receptance", rwkv.mixer),
    ):
        if make.has(f"{path}.{own}"):
            return add
    if make.has(f"{path}.ssm_f_a"):
        return _keyed
    is_delta = make.has(f"{path}.ssm_out") and make.has(f"{path}.attn_qkv") and make.has(f"{path}.attn_gate")
    return _delta if is_delta else None


def _mamba(make: Maker, s: Steps, path: str) -> Steps:
    """Add Mamba's mixer (Gu & Dao 2023, arXiv:2312.00752)."""
    net, states = make.net, make.values.whole("ssm.state_size", 0)
    rank, inner = make.shape(f"{path}.ssm_dt")
    if not states:
        raise UnreadError(path)
    _check(make, path, {"ssm_in": (s.width, 2 * inner), "ssm_x": (inner, rank + 2 * states)})
    _check(make, path, {"ssm_dt": (rank, inner), "ssm_out": (inner, s.width)})
    inside, gate = net.add_all(Split(parts=2, axis=-1), make.linear(s, f"{path}.ssm_in").x)
    inside = _silu(make, _convolved(make, inside, inner, f"{path}.ssm_conv1d"))
    made = make.linear(Steps(inside, inner), f"{path}.ssm_x").x
    sizes = [rank, states, states]
    parts = list(net.add_all(Split(sizes=[*sizes], axis=-1), made))
    for number, name in enumerate(("ssm_dt_norm", "ssm_b_norm", "ssm_c_norm")):
        parts[number] = make.norm(Steps(parts[number], sizes[number]), f"{path}.{name}").x
        if make.values.find("ssm.dt_b_c_rms") is True:
            parts[number] = net.add(NORMS["rms_plain"], parts[number])
    step, into, out = parts
    step = net.add(activation_of("softplus"), make.linear(Steps(step, rank), f"{path}.ssm_dt").x)
    decay, skip = _learned(make, f"{path}.ssm_a", (states, inner)), _learned(make, f"{path}.ssm_d", (inner,))
    y = net.add(SelectiveScan(), inside, step, decay, into, out, skip, name="scan")
    return make.linear(Steps(net.add(Multiply(), y, _silu(make, gate)), inner), f"{path}.ssm_out")


def _mamba2(make: Maker, s: Steps, path: str) -> Steps:
    """Add Mamba 2's mixer (Dao & Gu 2024, arXiv:2405.21060)."""
    net, values = make.net, make.values
    inner, states = values.whole("ssm.inner_size", 0), values.whole("ssm.state_size", 0)
    heads, shared = values.whole("ssm.time_step_rank", 0), values.whole("ssm.group_count", 1) * states
    if min(heads, states, inner) < 1 or inner % heads:
        raise UnreadError(path)
    mixed = inner + 2 * shared
    _check(make, path, {"ssm_in": (s.width, inner + mixed + heads), "ssm_out": (inner, s.width)})
    for name in ("ssm_dt.bias", "ssm_a", "ssm_d"):
        _learned(make, f"{path}.{name}", (heads,))
    joined = make.linear(s, f"{path}.ssm_in").x
    gate, inside, _ = net.add_all(Split(sizes=[inner, mixed, heads], axis=-1), joined)
    inside = _silu(make, _convolved(make, inside, mixed, f"{path}.ssm_conv1d"))
    parts = net.add_all(Split(sizes=[inner, shared, shared], axis=-1), inside)
    y = net.add(ChunkScan(heads=heads, states=states, chunk=CHUNK), *parts, name="scan")
    y = net.add(Multiply(), y, _silu(make, gate))
    if make.has(f"{path}.ssm_norm"):
        if _elements(make.tensors[f"{path}.ssm_norm.weight"].shape) != inner:
            raise UnreadError(path)
        make.place(f"{path}.ssm_norm.weight")
        y = net.add(NORMS["rms"], y, name="ssm_norm")
    return make.linear(Steps(y, inner), f"{path}.ssm_out")


def _short_conv(make: Maker, s: Steps, path: str) -> Steps:
    """Add LFM2's gated convolution."""
    net, inside = make.net, f"{path}.shortconv"
    _check(make, inside, {"in_proj": (s.width, 3 * s.width), "out_proj": (s.width, s.width)})
    before, after, x = net.add_all(Split(parts=3, axis=-1), make.linear(s, f"{inside}.in_proj").x)
    x = _convolved(make, net.add(Multiply(), before, x), s.width, f"{inside}.conv")
    return make.linear(s._replace(x=net.add(Multiply(), after, x)), f"{inside}.out_proj")


def _delta(make: Maker, s: Steps, path: str) -> Steps:
    """Add the gated delta rule of Qwen3-Next and Qwen3.5 (Yang et al. 2024, arXiv:2412.06464)."""
    net, values = make.net, make.values
    key, key_heads = values.whole("ssm.state_size", 0), values.whole("ssm.group_count", 0)
    heads, inner = values.whole("ssm.time_step_rank", 0), values.whole("ssm.inner_size", 0)
    if min(key, key_heads, heads, inner) < 1 or inner % heads:
        raise UnreadError(path)
    keys, value = key * key_heads, inner // heads
    mixed = 2 * keys + inner
    wanted = {"attn_qkv": (s.width, mixed), "attn_gate": (s.width, inner), "ssm_out": (inner, s.width)}
    scores = {"ssm_ba": 2 * heads} if make.has(f"{path}.ssm_ba") else {"ssm_beta": heads, "ssm_alpha": heads}
    _check(make, path, wanted | {name: (s.width, units) for name, units in scores.items()})
    for name in ("ssm_dt.bias", "ssm_a"):
        _learned(make, f"{path}.{name}", (heads,))
    for name in scores:
        make.linear(s, f"{path}.{name}")
    x = _silu(make, _convolved(make, make.linear(s, f"{path}.attn_qkv").x, mixed, f"{path}.ssm_conv1d"))
    parts = net.add_all(Split(sizes=[keys, keys, inner], axis=-1), x)
    x = reshape(net, net.add(GatedDelta(heads=heads, keys=key), *parts, name="delta_rule"), -1, heads, value)
    x = reshape(net, make.norm(Steps(x, value), f"{path}.ssm_norm").x, -1, inner)
    x = net.add(Multiply(), x, _silu(make, make.linear(s, f"{path}.attn_gate").x))
    return make.linear(Steps(x, inner), f"{path}.ssm_out")


def _keyed(make: Maker, s: Steps, path: str) -> Steps:
    """Add the delta rule of Kimi Linear, with a decay of each feature (arXiv:2510.26692)."""
    net, each = make.net, make.values.whole("kda.head_dim", 0)
    inner, kept = make.shape(f"{path}.attn_q")[1], make.shape(f"{path}.ssm_f_a")[1]
    if each < 1 or inner % each:
        raise UnreadError(path)
    heads = inner // each
    wanted = {f"attn_{one}": (s.width, inner) for one in "qkv"} | {"attn_output": (inner, s.width)}
    wanted |= {"ssm_f_a": (s.width, kept), "ssm_f_b": (kept, inner), "ssm_beta": (s.width, heads)}
    wanted |= {"ssm_g_a": (s.width, make.shape(f"{path}.ssm_g_a")[1])}
    wanted |= {"ssm_g_b": (wanted["ssm_g_a"][1], inner)}
    _check(make, path, wanted)
    _learned(make, f"{path}.ssm_dt.bias", (inner,))
    _learned(make, f"{path}.ssm_a", (heads,))
    parts = [
        _silu(make, _convolved(make, make.linear(s, f"{path}.attn_{one}").x, inner, f"{path}.ssm_conv1d_{one}"))
        for one in "qkv"
    ]
    make.linear(Steps(make.linear(s, f"{path}.ssm_f_a").x, kept), f"{path}.ssm_f_b")  # of the decay
    make.linear(s, f"{path}.ssm_beta")
    x = reshape(net, net.add(KeyedDelta(heads=heads, keys=each), *parts, name="delta_rule"), -1, heads, each)
    x = reshape(net, make.norm(Steps(x, each), f"{path}.ssm_norm").x, -1, inner)
    gate = make.linear(make.linear(s, f"{path}.ssm_g_a"), f"{path}.ssm_g_b").x
    x = net.add(Multiply(), x, net.add(Sigmoid(), gate))
    return make.linear(Steps(x, inner), f"{path}.attn_output")


DELTAS: tuple[Mixer, ...] = (_delta, _keyed)
"""Of layers whose queries, keys and values are those of the delta rule, not of attention."""


def _check(make: Maker, path: str, wanted: dict[str, tuple[int, int]]) -> None:
    if any(make.shape(f"{path}.{name}") != shape for name, shape in wanted.items()):
        raise UnreadError(path)


def _convolved(make: Maker, x: Tensor, width: int, path: str) -> Tensor:
    """Add a convolution of each feature over the steps before."""
    shape = [one for one in make.tensors[f"{path}.weight"].shape if one != 1] if make.has(path) else []
    if len(shape) != 2 or shape[1] != width:  # noqa: PLR2004 - a kernel, features
        raise UnreadError(path)
    bias = make.has_bias(path, width)
    make.place(f"{path}.weight", f"{path}.bias")
    return causal_conv(make.net, x, width, shape[0], make.inside(path), bias=bias)


def _learned(make: Maker, name: str, shape: tuple[int, ...]) -> Tensor:
    """Add what a layer learns besides, under the tensor's own name."""
    tensor = make.tensors.get(name) or make.tensors.get(f"{name}.weight")
    if tensor is None or _elements(tensor.shape) != _elements(shape):
        raise UnreadError(name)
    make.place(tensor.name)
    axes: list[Value] = [*shape[::-1]]
    return make.net.add(Parameter(shape=axes), name=make.inside(name))


def _elements(shape: tuple[int, ...]) -> int:
    count = 1
    for one in shape:
        count *= one
    return count


def _silu(make: Maker, x: Tensor) -> Tensor:
    return make.net.add(activation_of("silu"), x)
