"""Products: convolutions, matrices, attention, tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.importers.pt2.attention import ATTENTION, ROLES
from archinspect.importers.pt2.operators.base import Translation, make, own_weights, pads

if TYPE_CHECKING:
    from collections.abc import Callable

from archinspect.importers.pt2.operators.base import Use


def _conv(rank: int, *, transposed: bool = False) -> Callable[[Use], Translation]:
    def translate(use: Use) -> Translation:
        weights = own_weights(use, "weight", "bias")
        first, second, *kernel = use.sizes("weight")
        groups = use.get("groups", 1)
        extra = {"output_padding": use.get("output_padding", 0)} if transposed else {}
        op = make(
            f"Conv{rank}D{'Transpose' if transposed else ''}",
            filters=second * groups if transposed else first,
            kernel_size=kernel,
            strides=use.get("stride", 1),
            padding=pads(use, rank),
            dilation_rate=use.get("dilation", 1),
            groups=groups,
            use_bias="bias" in weights,
            data_format="channels_first",
            **extra,
        )
        return Translation(op, ["input"], weights)

    return translate


def _convolution(use: Use) -> Translation:
    rank = len(use.sizes("weight")) - 2
    return _conv(rank, transposed=use.get("transposed"))(use)


def _linear(use: Use) -> Translation:
    weights = own_weights(use, "weight", "bias")
    return Translation(make("Dense", units=use.sizes("weight")[0], use_bias="bias" in weights), ["input"], weights)


def _embedding(use: Use) -> Translation:
    entries, features = use.sizes("weight")
    op = make("Embedding", input_dim=entries, output_dim=features)
    return Translation(op, ["indices"], own_weights(use, "weight"))


def _matmul(second: str) -> Callable[[Use], Translation]:
    return lambda _: Translation(make("MatMul"), ["self", second])


def _einsum(use: Use) -> Translation:
    op = make("Einsum", equation="a->a")
    equation = op.args["equation"].kind.convert(use.get("equation"))
    return Translation(op.replace(equation=equation, whole=True), ["tensors"])


def _attention(use: Use) -> Translation:
    masked = use.has("attn_mask")
    op = make(
        "ScaledDotProductAttention",
        causal=use.get("is_causal", False),
        masked=masked,
        dropout=use.get("dropout_p", 0.0),
    )
    return Translation(op, ["query", "key", "value"], rest=["attn_mask"] if masked else [])


def _multihead(use: Use) -> Translation:
    given = [role for role in ROLES if use.has(role)]
    weights = [name for name in use.call.arguments if name.endswith(("weight", "bias"))]
    widths = {f"{role[0]}dim": use.sizes(role)[-1] for role in given[1:]}
    if len(given) == 2:  # noqa: PLR2004 - a memory
        widths["vdim"] = widths["kdim"]
    op = make(
        "MultiHeadAttention",
        embed_dim=use.sizes("query")[-1],
        num_heads=use.get("num_heads"),
        use_bias=use.has("in_proj_bias"),
        need_weights=use.get("need_weights"),
        **{name: width for name, width in widths.items() if width != use.sizes("query")[-1]},
    )
    return Translation(op, given, weights)


def _bilinear(use: Use) -> Translation:
    weights = own_weights(use, "weight", "bias")
    op = make("Bilinear", units=use.sizes("weight")[0], use_bias="bias" in weights)
    return Translation(op, ["input1", "input2"], weights)


def _deform(use: Use) -> Translation:
    weights = own_weights(use, "weight", "bias")
    filters, _, *kernel = use.sizes("weight")
    op = make(
        "DeformConv2D",
        filters=filters,
        kernel_size=kernel,
        strides=[use.get("stride_h"), use.get("stride_w")],
        padding=[use.get("pad_h"), use.get("pad_w")],
        dilation_rate=[use.get("dilation_h"), use.get("dilation_w")],
        groups=use.get("groups"),
        use_bias="bias" in weights,
        data_format="channels_first",
    )
    return Translation(op, ["input", "offset", *(["mask"] if use.get("use_mask") else [])], weights)


PRODUCTS: dict[str, Callable[[Use], Translation]] = {
    # Products with weights
    **{f"aten.conv{rank}d": _conv(rank) for rank in (1, 2, 3)},
    **{f"aten.conv_transpose{rank}d": _conv(rank, transposed=True) for rank in (1, 2, 3)},
    "aten.convolution": _convolution,
    "aten.linear": _linear,
    "aten.embedding": _embedding,
    "aten.bilinear": _bilinear,
    "torchvision.deform_conv2d": _deform,
    # Products without
    "aten.matmul": _matmul("other"),
    "aten.bmm": _matmul("mat2"),
    "aten.einsum": _einsum,
    "aten.scaled_dot_product_attention": _attention,
    ATTENTION: _multihead,
}
