"""Quantized weights in safetensors files: which tensors hold them, in how many bits, and what belongs to them.

What a `quantization_config` says is compared with nothing but the tensors' own shapes: these decide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archinspect.base.printable import printable
from archinspect.base.shape import size

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from archinspect.graph.stored import StoredTensor

MLX_GROUP = 64
"""Weights that have one scale in files of MLX, where it is not said."""
WORD = 32
"""Bits of a whole number into which weights are packed."""
NIBBLE = 4
BESIDE = (
    *("qzeros", "scales", "g_idx", "absmax", "quant_map", "nested_absmax", "nested_quant_map", "SCB", "weight_format"),
    *("weight_scale", "weight_scale_inv", "weight_scale_2", "input_scale", "activation_scale", "k_scale", "v_scale"),
    *("weight_shape", "weight_zero_point", "weight_g_idx", "weight_global_scale", "input_global_scale"),
    *("output_scale", "input_zero_point", "q_scale", "q_scale_max", "q_groups", "q_group_map", "q_perm", "q_invperm"),
)
"""How tensors end that belong to quantized ones: their scales, zeros and order."""


class Given(NamedTuple):
    """A tensor as what it stands for; its shape is not known where it is packed, only its elements are."""

    name: str
    shape: tuple[int, ...] | None
    elements: int
    others: tuple[int, ...] = ()
    """Elements that it may have as well, where a configuration says several numbers of bits."""


def unpacked(tensors: Sequence[StoredTensor], quantization: Mapping[str, object]) -> Iterator[Given]:
    """Yield the tensors without those that belong to quantized ones, and these as what they stand for."""
    named = {tensor.name: tensor for tensor in tensors}
    bits = [bits_of(quantization) or NIBBLE, *further_bits(quantization)]
    group = quantization.get("group_size")
    for tensor in tensors:
        found = _by_siblings(tensor, named, group if type(group) is int and group > 0 else MLX_GROUP)
        found = found or _unpacked(tensor, named, bits)
        if found is not None:
            yield found


def _by_siblings(tensor: StoredTensor, named: Mapping[str, StoredTensor], group: int) -> Given | None:
    """Return what a tensor stands for whose shape follows from those beside it, in whatever bits it is.

    Of MLX, which has a scale for each group of weights; of ExLlamaV2, which has the order of what a weight reads.
    """
    path, _, own = tensor.name.rpartition(".")
    shape: tuple[int, ...] = ()
    if own == "weight" and tensor.type == "U32" and (scales := named.get(f"{path}.scales")) and scales.shape:
        shape = (*scales.shape[:-1], scales.shape[-1] * group)
    elif own == "q_weight" and tensor.shape and (order := named.get(f"{path}.q_invperm")):
        shape = (tensor.shape[-1], *order.shape)
    return Given(f"{path}.weight", shape, size(shape)) if shape else None


def _unpacked(tensor: StoredTensor, names: Mapping[str, StoredTensor], bits: Sequence[int]) -> Given | None:
    path, _, own = tensor.name.rpartition(".")
    count = size(tensor.shape)
    is_scale = own.endswith("_scales") and f"{tensor.name.removesuffix('_scales')}_blocks" in names
    is_zero = own == "biases" and f"{path}.scales" in names  # MLX's
    if is_zero or own in BESIDE or ".quant_state." in tensor.name or is_scale:
        return None
    if own.endswith("_blocks") and f"{tensor.name.removesuffix('_blocks')}_scales" in names:
        return Given(tensor.name.removesuffix("_blocks"), None, 2 * count)
    held = count * (WORD if tensor.type == "I32" else 8)
    found, *more = [held // one for one in bits]
    if (own == "qweight" and f"{path}.scales" in names) or (own == "weight_packed" and f"{path}.weight_scale" in names):
        return Given(f"{path}.weight", None, found, tuple(more))
    if own == "weight" and tensor.type == "U8":
        if f"{tensor.name}.absmax" in names:
            return Given(tensor.name, None, 2 * count)
        if f"{path}.weight_scale" in names:  # of NVFP4, MXFP4, of three values
            return Given(tensor.name, None, found, tuple(more))
    return Given(tensor.name, tensor.shape, count)


def bits_of(quantization: Mapping[str, object]) -> int | None:
    """Return the bits of a quantized weight that a configuration says; None where it says none."""
    for key in ("bits", "w_bit", "num_bits"):
        found = quantization.get(key)
        if type(found) is int and 0 < found <= WORD:
            return found
    if quantization.get("load_in_4bit") or quantization.get("_load_in_4bit"):
        return NIBBLE
    if quantization.get("load_in_8bit") or quantization.get("_load_in_8bit"):
        return 8
    groups = quantization.get("config_groups")
    for group in groups.values() if isinstance(groups, dict) else ():
        weights = group.get("weights") if isinstance(group, dict) else None
        if isinstance(weights, dict):
            return bits_of({"num_bits": weights.get("num_bits")})
    method = quantization.get("quant_method")
    return {"bitnet": 2, "fp8": 8, "fbgemm_fp8": 8, "mxfp4": 4}.get(method) if isinstance(method, str) else None


def further_bits(quantization: Mapping[str, object]) -> list[int]:
    """Return the other bits of quantized weights, where groups of layers or rules for some have their own."""
    found: set[int] = set()
    for key in ("config_groups", "dynamic"):
        groups = quantization.get(key)
        for group in groups.values() if isinstance(groups, dict) else ():
            weights = group.get("weights", group) if isinstance(group, dict) else None
            if isinstance(weights, dict):
                found.add(bits_of({"num_bits": weights.get("num_bits", weights.get("bits"))}) or 0)
    return sorted(found - {0, bits_of(quantization) or NIBBLE})


def how_packed(tensors: Sequence[StoredTensor], quantization: Mapping[str, object]) -> list[str]:
    """Return what a configuration says of quantization, with the bytes that belong to quantized tensors."""
    if not quantization:
        return []
    method = quantization.get("quant_method")
    name = printable(method)[:40] if isinstance(method, str) else "of a method that is not said"
    bits, group = bits_of(quantization), quantization.get("group_size")
    said = [f"quantized: {name}", *([f"{bits} bits a weight"] if bits else [])]
    said += [f"groups of {group}"] if type(group) is int and group > 0 else []
    beside = [t for t in tensors if t.name.rpartition(".")[2] in BESIDE or t.name.endswith("_scales")]
    if beside:
        said.append(f"{len(beside):,} tensors of scales and the like")
    return [", ".join(said)]
