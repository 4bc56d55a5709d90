"""Calls of a framework, `nn.Conv2d(3, 64, kernel_size=3)`, as the step of a spec that says the same."""

from __future__ import annotations

import ast
import re
from typing import Any

from archinspect.base.diagnostics import show
from archinspect.ops import find_operator
from archinspect.ops.base import WITHOUT_EFFECT, ArgumentError, Op
from archinspect.ops.modules import MODULES

MAX_CALL = 300
"""Characters of a call that is read."""
_CALL = re.compile(r"(?:[A-Za-z_]\w*\.)*([A-Za-z]\w*)\(.*\)", re.DOTALL)
_CONV = ("in_channels", "out_channels", "kernel_size", "stride", "padding")
RECURRENT = ("lstm", "gru", "rnn")
ALWAYS = dict(MODULES["LSTM"].defaults)
"""What a recurrent module does in PyTorch."""
CHECKED = ("in_", "in_channels", "in_features", "input_size", "num_features")
"""Arguments that a spec takes from the input, and those that it does not know."""
POSITIONAL = {
    "convtranspose": (*_CONV, "output_padding", "groups", "bias", "dilation"),
    "conv": (*_CONV, "dilation", "groups", "bias"),
    "linear": ("in_features", "out_features", "bias"),
    "maxpool": ("kernel_size", "stride", "padding", "dilation"),
    "avgpool": ("kernel_size", "stride", "padding"),
    "adaptive": ("output_size",),
    "batchnorm": ("num_features",),
    "layernorm": ("normalized_shape",),
    "groupnorm": ("num_groups", "num_channels"),
    "embedding": ("num_embeddings", "embedding_dim"),
    **dict.fromkeys(RECURRENT, ("input_size", "hidden_size", "num_layers")),
    "multiheadattention": ("embed_dim", "num_heads"),
    "flatten": ("start_dim", "end_dim"),
}
"""What PyTorch's modules, by the beginning of their names, call the arguments that are given by position."""


def step_for(text: str) -> str:
    """Return the step that says what a call does, `Conv2D: {filters: 64, kernel_size: 3}`; empty if that is no call."""
    match = _CALL.fullmatch(text.strip())
    kind = find_operator(match[1]) if match else None
    if match is None or kind is None or len(text) > MAX_CALL:
        return ""
    try:
        values = {kind.names[name]: value for name, value in _arguments(text.strip(), match[1], kind).items()}
        op = kind(**values)
    except (ArgumentError, SyntaxError, ValueError, RecursionError, MemoryError):
        return f"{kind.__name__}: {{...}}"
    wanted = [name for name in op.given() if name in values and name not in CHECKED]
    written = ", ".join(f"{name}: {show(values[name])}".replace("'", "") for name in wanted)
    return f"{kind.__name__}: {{{written}}}" if written else kind.__name__


def _arguments(text: str, name: str, kind: type[Op]) -> dict[str, Any]:
    """Return the arguments of a call that matter to figures, by name; raise ValueError for what is no literal."""
    call = ast.parse(text, mode="eval").body
    names, always = _positional(name, kind, is_torch="nn." in text or not name.startswith(kind.__name__))
    if not isinstance(call, ast.Call) or len(call.args) > len(names):
        raise ValueError(text)
    given = dict(zip(names, call.args, strict=False)) | {one.arg or "": one.value for one in call.keywords}
    found = {
        argument: ast.literal_eval(value)
        for argument, value in given.items()
        if kind.names.get(argument, "in_") not in CHECKED and argument not in WITHOUT_EFFECT
    }
    return always | {argument: list(value) if isinstance(value, tuple) else value for argument, value in found.items()}


def _positional(name: str, kind: type[Op], *, is_torch: bool) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Return the names of a call's positional arguments, as in PyTorch or in Keras, and what PyTorch always does."""
    if is_torch:
        for beginning, names in POSITIONAL.items():
            if name.lower().startswith(beginning):
                return names, ALWAYS if beginning in RECURRENT else {}
    required = [argument for argument in kind.args if kind.args[argument].required]
    return tuple(dict.fromkeys([*filter(None, [kind.main_arg()]), *required])), {}
