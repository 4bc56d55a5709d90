"""Names in a PyTorch program: of classes, of attributes, of weights."""

from __future__ import annotations

import keyword
import re
from typing import Any

from archinspect.exporters.definitions import part_texts

# What a module's own attributes are called.
TAKEN = frozenset(
    [
        *("T_destination", "add_module", "apply", "bfloat16", "buffers", "call_super_init", "children", "compile"),
        *("cpu", "cuda", "double", "dump_patches", "eval", "extra_repr", "float", "forward", "get_buffer"),
        *("get_extra_state", "get_parameter", "get_submodule", "half", "ipu", "load_state_dict", "modules"),
        *("mtia", "named_buffers", "named_children", "named_modules", "named_parameters", "parameters"),
        *("register_backward_hook", "register_buffer", "register_forward_hook", "register_module"),
        *("register_parameter", "requires_grad_", "set_extra_state", "set_submodule", "share_memory"),
        *("state_dict", "to", "to_empty", "train", "training", "type", "xpu", "zero_grad", "append", "extend"),
        *("insert", "pop", "path"),
    ]
)
WEIGHTS = {
    **dict.fromkeys(("kernel", "embeddings", "gamma", "alpha", "position_embeddings", "tokens"), "weight"),
    **dict.fromkeys(("bias", "beta"), "bias"),
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
    "value": "value",
}
"""What PyTorch's modules call the weights of a layer that has one of each."""


def identifier(name: str) -> str:
    """Return a name as an attribute can have it."""
    name = re.sub(r"\W", "_", name, flags=re.ASCII)
    if not name or name[0].isdigit():
        name = f"layer{name}"
    return f"{name}_" if keyword.iskeyword(name) or name in TAKEN else name


def class_name(name: str) -> str:
    """Return a block's name, or a network's, as a class's: `ConvBN`, `ResNet50`."""
    stem = re.sub(r"\.\w+$", "", name.rpartition("/")[2]) if name.endswith((".yaml", ".yml")) else name
    words = re.findall(r"[A-Za-z0-9]+", stem)
    found = "".join(word[:1].upper() + word[1:] for word in words)
    if not found or found[0].isdigit():
        found = f"Network{found}"
    return f"{found}_" if keyword.iskeyword(found) else found


def reserved() -> set[str]:
    """Return the names that no class of a network can have."""
    return {"F", "OrderedDict", "Tensor", *part_texts("pytorch")}


def attention_weights(op: Any) -> list[str]:  # noqa: ANN401 - attention
    """Return what `nn.MultiheadAttention` calls its weights."""
    one_width = all(width in (None, op.embed_dim) for width in (op.kdim, op.vdim))
    names = ["in_proj_weight"] if one_width else ["q_proj_weight", "k_proj_weight", "v_proj_weight"]
    biases = ["in_proj_bias", "out_proj.bias"] if op.use_bias else []
    return [*names, *biases, "out_proj.weight"]
