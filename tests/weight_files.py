"""Small files of weights, written by hand: their headers, and zeros in the place of weights."""

import json
import struct

F32, F16, Q4_K, Q6_K, Q8_0 = 0, 1, 12, 14, 8
BLOCKS = {F32: (1, 4), F16: (1, 2), Q4_K: (256, 144), Q6_K: (256, 210), Q8_0: (32, 34)}


def _text(text):
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _value(value):
    if isinstance(value, bool):
        return struct.pack("<I?", 7, value)
    if isinstance(value, int):
        return struct.pack("<II", 4, value)
    if isinstance(value, float):
        return struct.pack("<If", 6, value)
    if isinstance(value, str):
        return struct.pack("<I", 8) + _text(value)
    if isinstance(value[0], str):
        return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(_text, value))
    return struct.pack("<IIQ", 9, 4, len(value)) + struct.pack(f"<{len(value)}I", *value)


def gguf(values, tensors, *, version=3, data=True, shift=0):
    """Return a file; `tensors` are types and shapes by name, `shift` is by how much their places lie."""
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(values))
    head += b"".join(_text(key) + _value(value) for key, value in values.items())
    offset = 0
    for name, (kind, *shape) in tensors.items():
        head += _text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, max(offset - shift, 0))
        count = 1
        for size in shape:
            count *= size
        elements, each = BLOCKS[kind]
        offset += -(-(count // elements * each) // 32) * 32
    return head + bytes(-len(head) % 32) + bytes(offset if data else 0)


def metadata(kind="llama", layers=2, heads=4, kv_heads=2, width=256, **more):
    """Return the metadata of a decoder; further keys are the architecture's, `__` stands for a dot."""
    own = {
        "context_length": 512,
        "block_count": layers,
        "embedding_length": width,
        "attention.head_count": heads,
        "attention.head_count_kv": kv_heads,
        "attention.layer_norm_rms_epsilon": 1e-5,
        **{key.replace("__", "."): value for key, value in more.items()},
    }
    own = {key: value for key, value in own.items() if value is not None}
    return {
        "general.architecture": kind,
        "general.name": f"small-{kind}",
        **{f"{kind}.{k}": v for k, v in own.items()},
    }


def llama(kind=Q4_K, value_kind=Q6_K, layers=2):
    """Return the tensors of Llama, of which those of values are of another type."""
    width, keys, inner, words = 256, 128, 512, 320
    found: dict = {"token_embd.weight": (kind, width, words)}
    for i in range(layers):
        found |= {
            f"blk.{i}.attn_norm.weight": (F32, width),
            f"blk.{i}.attn_q.weight": (kind, width, width),
            f"blk.{i}.attn_k.weight": (kind, width, keys),
            f"blk.{i}.attn_v.weight": (value_kind, width, keys),
            f"blk.{i}.attn_output.weight": (kind, width, width),
            f"blk.{i}.ffn_norm.weight": (F32, width),
            f"blk.{i}.ffn_gate.weight": (kind, width, inner),
            f"blk.{i}.ffn_up.weight": (kind, width, inner),
            f"blk.{i}.ffn_down.weight": (value_kind, inner, width),
        }
    return found | {"output_norm.weight": (F32, width), "output.weight": (Q6_K, width, words)}


SIZES = {"BF16": 2, "F16": 2, "F32": 4, "F8_E4M3": 1, "I16": 2, "I32": 4, "U32": 4, "I8": 1, "U8": 1}


def safetensors(tensors, *, data=True):
    """Return a file; `tensors` are types and shapes by name."""
    head: dict = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name, (kind, *shape) in tensors.items():
        count = SIZES[kind]
        for size in shape:
            count *= size
        head[name] = {"dtype": kind, "shape": shape, "data_offsets": [offset, offset + count]}
        offset += count
    text = json.dumps(head).encode()
    return struct.pack("<Q", len(text)) + text + bytes(offset if data else 0)


LLAMA = {
    "model.embed_tokens.weight": ("BF16", 100, 64),
    **{
        f"model.layers.{layer}.{name}.weight": ("BF16", *shape)
        for layer in range(2)
        for name, shape in {
            "self_attn.q_proj": (64, 64),
            "self_attn.k_proj": (32, 64),
            "self_attn.v_proj": (32, 64),
            "self_attn.o_proj": (64, 64),
            "mlp.gate_proj": (96, 64),
            "mlp.up_proj": (96, 64),
            "mlp.down_proj": (64, 96),
            "input_layernorm": (64,),
            "post_attention_layernorm": (64,),
        }.items()
    },
    "model.norm.weight": ("F32", 64),
    "lm_head.weight": ("BF16", 100, 64),
}
"""The tensors of a small Llama."""

MADE = {
    "model.safetensors": lambda: safetensors(LLAMA),
    "small-Q4_K_M.gguf": lambda: gguf(metadata(), llama()),
    "small-Q8_0.gguf": lambda: gguf(metadata(), llama(Q8_0, Q8_0)),
}
"""Files that the documentation shows."""
