"""RWKV 6 and 7 in GGUF files: a state of each head mixes steps, a network features (arXiv:2404.05892, 2503.14456)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.base.shape import size
from archinspect.importers.gguf.maker import Maker, Steps, UnreadError
from archinspect.importers.hf.parts import activation_of, add, copied, reshape
from archinspect.ops.activation import Sigmoid, Tanh
from archinspect.ops.args import Int, arg
from archinspect.ops.base import Op
from archinspect.ops.borders import ZeroPadding1D
from archinspect.ops.dense import Dense
from archinspect.ops.figures import Work
from archinspect.ops.linear import LinearAttention
from archinspect.ops.merge import Multiply, Subtract
from archinspect.ops.norm import LayerNormalization
from archinspect.ops.several import Split
from archinspect.ops.source import Parameter
from archinspect.ops.tensor import Select, Slice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape
    from archinspect.base.source import Value
    from archinspect.graph.graph import Tensor

SIXTH = ("w", "k", "v", "r", "g")
"""What mixtures of RWKV 6 are for, in the order of their fused tensor: decay, key, value, receptance, gate."""
SEVENTH = ("r", "w", "k", "v", "a", "g")
"""Those of RWKV 7: receptance, decay, key, value, the rate of learning, gate."""


class Wkv7(Op):
    """RWKV 7's state of keys by values, `S = S (decay + removed x written) + key value`, of which a query reads.

    Inputs are query, decay, key, value, what is removed and what is written for it, each [steps, heads * keys].

    MACs: 2 * keys * values per head and step (what is removed reads, what the query reads). FLOPs: 2 per MAC, 5 per
    element of all states.
    """

    kind = "recurrent"
    inputs = (6, 6)
    heads: int = arg("heads, each with a state of its own", Int(1))

    @property
    def goes_on(self) -> bool:  # noqa: D102 - as every operator
        return True

    def carried(self, *shapes: Shape) -> int:  # noqa: D102 - as every operator
        return size(shapes[3][::2]) * (shapes[3][-1] // self.heads)

    def output(self, *shapes: Shape) -> Shape:  # noqa: D102 - as every operator
        return shapes[3]

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:  # noqa: ARG002, D102 - as every operator
        states = size(output) * (output[-1] // self.heads)
        return Work(2 * states, 5 * states)


def mixes_features(make: Maker, path: str) -> bool:
    """Whether a layer mixes features in RWKV's own way."""
    return make.has(f"{path}.channel_mix_key")


def layer(make: Maker, s: Steps, path: str) -> Steps:
    """Add a layer: mixing of steps, and of features."""
    mixed = mixer(make, make.norm(s, f"{path}.attn_norm"), path)
    s = s._replace(x=add(make.net, s.x, mixed.x))
    inside = make.norm(s, f"{path}.attn_norm_2")
    return s._replace(x=add(make.net, s.x, _features(make, inside, path).x))


def mixer(make: Maker, s: Steps, path: str) -> Steps:
    """Add the mixing of steps."""
    return (_seventh if make.has(f"{path}.time_mix_a1") else _sixth)(make, s, path)


def _features(make: Maker, s: Steps, path: str) -> Steps:
    """Add the mixing of features: a squared activation between products, and in RWKV 6 a gate."""
    net, change = make.net, _change(make, s)
    inner = make.shape(f"{path}.channel_mix_key")[1]
    _check(make, f"{path}.", {"channel_mix_key": (s.width, inner), "channel_mix_value": (inner, s.width)})
    hidden = make.linear(_mixed(make, s, change, f"{path}.channel_mix_lerp_k"), f"{path}.channel_mix_key").x
    hidden = net.add(activation_of("relu"), hidden)
    found = make.linear(Steps(net.add(Multiply(), hidden, hidden), inner), f"{path}.channel_mix_value")
    if not make.has(f"{path}.channel_mix_receptance"):
        return found
    _check(make, f"{path}.", {"channel_mix_receptance": (s.width, s.width)})
    gate = make.linear(_mixed(make, s, change, f"{path}.channel_mix_lerp_r"), f"{path}.channel_mix_receptance").x
    return found._replace(x=net.add(Multiply(), net.add(Sigmoid(), gate), found.x))


# Version 6


def _sixth(make: Maker, s: Steps, path: str) -> Steps:
    net, at = make.net, f"{path}.time_mix_"
    size_of_head = make.values.whole("wkv.head_size", 0)
    given, inner = make.shape(f"{at}receptance")
    keys = make.shape(f"{at}key")[1]
    rank, low = make.shape(f"{at}w1")[1], make.shape(f"{at}decay_w1")[1]
    if not size_of_head or inner % size_of_head or keys % size_of_head or inner % keys or given != s.width:
        raise UnreadError(path)
    wanted = {"key": (s.width, keys), "value": (s.width, keys), "gate": (s.width, inner), "output": (inner, s.width)}
    wanted |= {"decay_w1": (s.width, low), "decay_w2": (low, inner), "w1": (s.width, rank)}
    _check(make, at, wanted)
    if rank % len(SIXTH) or make.shape(f"{at}w2", 3) != (rank // len(SIXTH), s.width, len(SIXTH)):
        raise UnreadError(path)
    change = _change(make, s)
    shares = net.add(Tanh(), make.linear(_mixed(make, s, change, f"{at}lerp_x"), f"{at}w1").x)
    rows = _rows(make, at, SIXTH)
    mixed: dict[str, Steps] = {}
    make.place(f"{at}w2.weight")
    for name, part in zip(SIXTH, net.add_all(Split(parts=len(SIXTH), axis=-1), shares), strict=True):
        share = net.add(Dense(units=s.width, use_bias=False), part, name=f"time_mix_w2.{name}")
        share = add(net, share, rows[name])
        mixed[name] = s._replace(x=add(net, s.x, net.add(Multiply(), change, share)))
    query, key, value = (
        make.linear(mixed[letter], f"{at}{name}").x
        for letter, name in (("r", "receptance"), ("k", "key"), ("v", "value"))
    )
    gate = net.add(activation_of("silu"), make.linear(mixed["g"], f"{at}gate").x)
    decay = _low_rank(make, mixed["w"], f"{at}decay_w1", f"{at}decay_w2", f"{at}decay", Tanh())
    heads = inner // size_of_head
    if keys != inner:
        key, value = (copied(net, one, keys // size_of_head, heads, size_of_head) for one in (key, value))
    bonus = [_learned(make, f"{at}first", inner)] if make.has(f"{at}first") else []
    y = net.add(LinearAttention(num_heads=heads), query, key, value, decay, *bonus, name="wkv")
    y = net.add(Multiply(), _normed(make, y, heads, inner, f"{at}ln"), gate)
    return make.linear(Steps(y, inner), f"{at}output")


# Version 7


def _seventh(make: Maker, s: Steps, path: str) -> Steps:
    net, at = make.net, f"{path}.time_mix_"
    size_of_head = make.values.whole("wkv.head_size", 0)
    given, inner = make.shape(f"{at}receptance")
    if not size_of_head or inner % size_of_head or given != s.width:
        raise UnreadError(path)
    heads, names = inner // size_of_head, SEVENTH if make.has(f"{at}g1") else SEVENTH[:-1]
    _check(make, at, {"key": (s.width, inner), "value": (s.width, inner), "output": (inner, s.width)})
    change, rows = _change(make, s), _rows(make, at, names)
    mixed = {name: s._replace(x=add(net, s.x, net.add(Multiply(), change, rows[name]))) for name in names}
    query, key, value = (
        make.linear(mixed[letter], f"{at}{name}").x
        for letter, name in (("r", "receptance"), ("k", "key"), ("v", "value"))
    )
    decay = _low_rank(make, mixed["w"], f"{at}w1", f"{at}w2", f"{at}w0", Tanh())
    rate = net.add(Sigmoid(), _low_rank(make, mixed["a"], f"{at}a1", f"{at}a2", f"{at}a0", None))
    value = _of_first(make, mixed["v"], value, at)
    removed = net.add(Multiply(), key, _learned(make, f"{at}k_k", inner))
    key = add(net, key, net.add(Multiply(), key, _learned(make, f"{at}k_a", inner), rate))
    written = net.add(Multiply(), removed, rate)
    y = net.add(Wkv7(heads=heads), query, decay, key, value, removed, written, name="wkv")
    y = _normed(make, y, heads, inner, f"{at}ln")
    own = net.add(Multiply(), query, key, _learned(make, f"{at}r_k", inner))  # what a step has of its own value
    y = add(net, y, net.add(Multiply(), own, value))
    if "g" in mixed:
        y = net.add(Multiply(), y, _low_rank(make, mixed["g"], f"{at}g1", f"{at}g2", "", Sigmoid()))
    return make.linear(Steps(y, inner), f"{at}output")


def _of_first(make: Maker, s: Steps, value: Tensor, at: str) -> Tensor:
    """Mix values with those of the first layer, whose own weights for that are not read."""
    first = make.held.setdefault("values", value)
    if first is value:
        for name in ("v0", "v1", "v2"):
            _idle(make, f"{at}{name}")
        return value
    share = make.net.add(Sigmoid(), _low_rank(make, s, f"{at}v1", f"{at}v2", f"{at}v0", None))
    return add(make.net, value, make.net.add(Multiply(), make.net.add(Subtract(), first, value), share))


# Parts


def _change(make: Maker, s: Steps) -> Tensor:
    """Add how a step differs from the one before."""
    before = make.net.add(ZeroPadding1D(padding=[[1, 0]], data_format="channels_last"), s.x)
    return make.net.add(Subtract(), make.net.add(Slice(stop=-1), before), s.x)


def _mixed(make: Maker, s: Steps, change: Tensor, path: str) -> Steps:
    """Add a share of the change to a step."""
    return s._replace(x=add(make.net, s.x, make.net.add(Multiply(), change, _learned(make, path, s.width))))


def _rows(make: Maker, at: str, names: Sequence[str]) -> dict[str, Tensor]:
    """Add the shares of mixtures, which are one tensor or one each."""
    if not make.has(f"{at}lerp_fused"):
        width = make.shape(f"{at}receptance")[0]
        return {name: _learned(make, f"{at}lerp_{name}", width) for name in names}
    width = make.shape(f"{at}receptance")[0]
    fused = _learned(make, f"{at}lerp_fused", width * len(names), len(names))
    return {name: make.net.add(Select(index=number), fused) for number, name in enumerate(names)}


def _low_rank(make: Maker, s: Steps, first: str, second: str, offset: str, inside: Op | None) -> Tensor:
    """Add two products of few features between them, and what is added to them, if anything is."""
    rank, units = make.shape(second)
    _check(make, "", {first: (s.width, rank)})
    low = make.linear(s, first)
    low = low if inside is None else low._replace(x=make.net.add(inside, low.x))
    found = make.linear(low, second).x
    return add(make.net, found, _learned(make, offset, units)) if offset else found


def _normed(make: Maker, x: Tensor, heads: int, inner: int, path: str) -> Tensor:
    """Add a normalization of each head with a scale and an offset of each feature, if there is one."""
    if not make.has(path):
        return x
    apart = reshape(make.net, x, -1, heads, inner // heads)
    x = reshape(make.net, make.net.add(LayerNormalization(elementwise_affine=False), apart), -1, inner)
    x = make.net.add(Multiply(), x, _learned(make, path, inner))
    return add(make.net, x, _learned(make, f"{path}.bias", inner)) if f"{path}.bias" in make.tensors else x


def _learned(make: Maker, name: str, elements: int, rows: int = 1) -> Tensor:
    """Add a tensor of so many elements, in rows."""
    tensor = make.tensors.get(name) or make.tensors.get(f"{name}.weight")
    if tensor is None or size(tensor.shape) != elements:
        raise UnreadError(name)
    make.place(tensor.name)
    shape: list[Value] = [elements] if rows == 1 else [rows, elements // rows]
    return make.net.add(Parameter(shape=shape), name=make.inside(name))


def _idle(make: Maker, name: str) -> None:
    tensor = make.tensors.get(f"{name}.weight")
    if tensor is not None:
        _learned(make, name, size(tensor.shape))


def _check(make: Maker, at: str, wanted: dict[str, tuple[int, int]]) -> None:
    for name, shape in wanted.items():
        if make.shape(f"{at}{name}") != shape:
            raise UnreadError(f"{at}{name}")
