"""Calls of a framework, `nn.Conv2d(3, 64, kernel_size=3)`, as the step of a spec that says the same."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Any

from archinspect.base.diagnostics import show
from archinspect.language.ready import find_ready
from archinspect.ops import find_operator
from archinspect.ops.declared import ArgumentError
from archinspect.ops.modules import find_module

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.language.parse import Block
    from archinspect.ops.base import Op

MAX_CALL = 300
"""Characters of a call that is read."""
_CALL = re.compile(r"(?:[A-Za-z_]\w*\.)*([A-Za-z]\w*)\(.*\)", re.DOTALL)
_ASSIGNED = re.compile(r"\A[A-Za-z_][\w.]*\s*=\s*")
"""What stands before a call that is given a name: `self.conv1 = `."""
_CONV = ("in_channels", "out_channels", "kernel_size", "stride", "padding")
CHECKED = ("in_", "in_channels", "in_features", "input_size", "num_features")
"""Arguments that a spec takes from the input, and those that it does not know."""
_POOL = ("kernel_size", "stride", "padding")
POSITIONAL = {
    "convtranspose": (*_CONV, "output_padding", "groups", "bias", "dilation", "padding_mode"),
    "conv": (*_CONV, "dilation", "groups", "bias", "padding_mode"),
    "linear": ("in_features", "out_features", "bias"),
    "bilinear": ("in1_features", "in2_features", "out_features", "bias"),
    "maxpool": (*_POOL, "dilation", "return_indices", "ceil_mode"),
    "maxunpool": _POOL,
    "avgpool": (*_POOL, "ceil_mode", "count_include_pad"),
    "adaptive": ("output_size",),
    **dict.fromkeys(
        ("batchnorm", "instancenorm"), ("num_features", "eps", "momentum", "affine", "track_running_stats")
    ),
    "layernorm": ("normalized_shape", "eps", "elementwise_affine", "bias"),
    "rmsnorm": ("normalized_shape", "eps", "elementwise_affine"),
    "groupnorm": ("num_groups", "num_channels", "eps", "affine"),
    "localresponsenorm": ("size", "alpha", "beta", "k"),
    "embeddingbag": ("num_embeddings", "embedding_dim"),
    "embedding": ("num_embeddings", "embedding_dim", "padding_idx"),
    **dict.fromkeys(("lstmcell", "grucell", "rnncell"), ("input_size", "hidden_size", "bias")),
    **dict.fromkeys(
        ("lstm", "gru", "rnn"),
        ("input_size", "hidden_size", "num_layers", "bias", "batch_first", "dropout", "bidirectional"),
    ),
    "multiheadattention": ("embed_dim", "num_heads", "dropout", "bias", "add_bias_kv", "add_zero_attn", "kdim", "vdim"),
    "flatten": ("start_dim", "end_dim"),
    "prelu": ("num_parameters",),
    **dict.fromkeys(("relu", "relu6", "silu", "hardswish", "mish", "selu"), ("inplace",)),
    "leakyrelu": ("negative_slope", "inplace"),
    **dict.fromkeys(("elu", "celu"), ("alpha", "inplace")),
    "hardtanh": ("min_val", "max_val", "inplace"),
    "threshold": ("threshold", "value", "inplace"),
    "softplus": ("beta", "threshold"),
    **dict.fromkeys(("softmax", "logsoftmax", "glu"), ("dim",)),
    "dropout": ("p", "inplace"),
    "upsample": ("size", "scale_factor", "mode", "align_corners"),
    "pixelunshuffle": ("downscale_factor",),
    "pixelshuffle": ("upscale_factor",),
    "unfold": ("kernel_size", "dilation", "padding", "stride"),
    "fold": ("output_size", "kernel_size", "dilation", "padding", "stride"),
}
"""What PyTorch's modules, by the beginning of their names, call the arguments that are given by position."""

KERAS = ("key_dim", "strides", "padding", "activation")
"""What Keras's layers have behind what they need, where they have it."""


def step_for(text: str) -> str:
    """Return the step that says what a call does, `Conv2D: {filters: 64, kernel_size: 3}`; empty if that is no call."""
    text = _ASSIGNED.sub("", text.strip().rstrip(",;"), count=1) if "(" in text else text
    match = _CALL.fullmatch(text)
    kind = find_operator(match[1]) if match else None
    if match is None or len(text) > MAX_CALL:
        return ""
    if kind is None:
        return _step_of_block(text, block) if (block := find_ready(match[1])) else ""
    is_torch = _is_torch(text.partition("(")[0], kind)
    written_as = f"nn.{match[1]}" if is_torch and find_module(f"nn.{match[1]}") else kind.__name__
    try:
        values = {kind.names[name]: value for name, value in _arguments(text, kind).items()}
        kind(**values)
    except (ArgumentError, SyntaxError, ValueError, RecursionError, MemoryError):
        return f"{written_as}: {{...}}"
    written = _written({name: value for name, value in values.items() if name not in CHECKED})
    return f"{written_as}: {written}" if written else written_as


def _step_of_block(text: str, block: Block) -> str:
    """Return the step that says what a call of a ready-made block does."""
    try:
        given = _given(text, tuple(block.params))
        values = {name: ast.literal_eval(value) for name, value in given.items() if name in block.params}
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        values = {}
    return f"{block.name}: {_written(values) or '{...}'}"


def _written(values: dict[str, Any]) -> str:
    """Return arguments as a spec has them; empty for none."""
    pairs = ", ".join(f"{name}: {show(value)}".replace("'", "") for name, value in values.items())
    return f"{{{pairs}}}" if pairs else ""


def _given(text: str, names: Sequence[str]) -> dict[str, ast.expr]:
    """Return the arguments of a call by name, those by position having these; raise ValueError for what is none."""
    call = ast.parse(text.strip(), mode="eval").body
    if not isinstance(call, ast.Call) or len(call.args) > len(names):
        raise ValueError(text)
    return dict(zip(names, call.args, strict=False)) | {one.arg or "": one.value for one in call.keywords}


def _arguments(text: str, kind: type[Op]) -> dict[str, Any]:
    """Return the arguments of a call that matter to figures, by name; raise ValueError for what is no literal."""
    given = _given(text, positional(text.partition("(")[0], kind))
    found = {
        argument: ast.literal_eval(value)
        for argument, value in given.items()
        if kind.names.get(argument, "in_") not in CHECKED
    }
    return {argument: list(value) if isinstance(value, tuple) else value for argument, value in found.items()}


def positional(text: str, kind: type[Op]) -> tuple[str, ...]:
    """Return the names of positional arguments, of PyTorch's or Keras's layer.

    `text` is the layer's name, with what stands before it: `nn.Conv2d`.
    """
    name = text.rpartition(".")[2]
    if _is_torch(text, kind):
        for beginning, names in POSITIONAL.items():
            if name.lower().startswith(beginning):
                return names
    required = [argument for argument in kind.args if kind.args[argument].required]
    further = [argument for argument in KERAS if argument in kind.args]
    return tuple(dict.fromkeys([*filter(None, [kind.main_arg()]), *required, *further]))


def _is_torch(text: str, kind: type[Op]) -> bool:
    """Return whether a layer's name is PyTorch's alone, or stands behind `nn.`."""
    return "nn." in text or not text.rpartition(".")[2].startswith(kind.__name__)
