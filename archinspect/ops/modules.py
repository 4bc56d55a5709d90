"""PyTorch's modules, where they are not what the operator is by itself: other defaults, another bare value.

A module is meant by a name that only PyTorch has, `ConvTranspose2d`, and by any name behind `nn.`, `F.` or `torch.`. A
name that Keras has too, `LSTM`, is Keras's without that. Source: the signatures in PyTorch's manual of `torch.nn`.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from archinspect.base.source import Value


class Module(NamedTuple):
    """What a module of PyTorch is, beside its operator."""

    defaults: Mapping[str, Value]
    """Arguments of the operator that have another value where none is given."""
    main: str = ""
    """The argument that a bare value means; empty where it is the operator's own."""

    def arguments(self, names: Mapping[str, str], given: Mapping[str, Value]) -> dict[str, Value]:
        """Return the operator's arguments for those given of the module; `names` are an argument's by its spellings."""
        values = dict(given)
        share = values.get("momentum")
        if isinstance(share, int | float) and "momentum" in self.defaults:
            values["momentum"] = 1 - share  # PyTorch says how much is new, Keras how much stays
        named = {names.get(spelling) for spelling in values}
        return values | {name: value for name, value in self.defaults.items() if name not in named}


def module_arguments(name: str, names: Mapping[str, str], given: dict[str, Value]) -> dict[str, Value]:
    """Return an operator's arguments for those given under a name of it; `names` are an argument's by its spellings."""
    module = find_module(name)
    return module.arguments(names, given) if module else given


_NORM = {"epsilon": 1e-5}
_TRACKED = {**_NORM, "momentum": 0.9}
_RECURRENT = Module({"return_sequences": True, "biases": 2})
_APART = Module({"in_place": False}, "in_place")
MODULES: dict[str, Module] = {
    **{f"BatchNorm{rank}d": Module(_TRACKED, "num_features") for rank in (1, 2, 3)},
    "SyncBatchNorm": Module(_TRACKED, "num_features"),
    **{f"InstanceNorm{rank}d": Module(_TRACKED, "num_features") for rank in (1, 2, 3)},
    "LayerNorm": Module(_NORM, "normalized_shape"),
    "GroupNorm": Module(_NORM),
    "RMSNorm": Module({}, "normalized_shape"),
    **{f"ConvTranspose{rank}d": Module({"padding": 0}) for rank in (1, 2, 3)},
    **{f"ReflectionPad{rank}d": Module({"mode": "reflect"}) for rank in (1, 2, 3)},
    **{f"ReplicationPad{rank}d": Module({"mode": "replicate"}) for rank in (1, 2, 3)},
    **{f"CircularPad{rank}d": Module({"mode": "circular"}) for rank in (1, 2, 3)},
    "RNN": _RECURRENT,
    "LSTM": _RECURRENT,
    "GRU": _RECURRENT,
    **dict.fromkeys(("RNNCell", "LSTMCell", "GRUCell"), Module({"biases": 2})),
    "PReLU": Module({"num_parameters": 1}, "num_parameters"),
    "LeakyReLU": Module({"negative_slope": 0.01, "in_place": False}),
    **dict.fromkeys(("ReLU", "ReLU6", "SiLU", "Hardswish"), _APART),
    **dict.fromkeys(("Upsample", "Interpolate"), Module({}, "size")),
    "Lambda": Module({"params": 0}),
    **{name: Module({"axes": [-2, -1]}) for name in ("FFT2", "IFFT2", "RFFT2", "IRFFT2")},
}
"""By their names in PyTorch; `Lambda` is Keras's."""
SHARED = frozenset(
    {"LSTM", "GRU", "LSTMCell", "GRUCell", "PReLU", "LeakyReLU", "Upsample", "ReLU", "ReLU6", "SiLU", "Hardswish"}
)
"""Names that Keras has, too, of which another bare value is known, or that stand for what most programs do in place."""
PREFIXES = frozenset({"nn", "torch.nn", "F", "nn.functional", "torch.nn.functional", "torch"})
"""What stands in front of the name of a module, or of a function."""
_BY_KEY = {name.lower(): name for name in MODULES}


@cache
def find_module(name: str) -> Module | None:
    """Return the module that a spec's name of an operator means; None where it is the operator as it is."""
    front, _, last = name.rpartition(".")
    own = _BY_KEY.get(last.lower().replace("_", "").removeprefix("lazy"))
    if own is None or (own in SHARED and (front not in PREFIXES or last.endswith("_"))):  # `relu_` is in place
        return None
    return MODULES[own]
