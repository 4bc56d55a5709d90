"""Vision transformers: one template, whose flags say how a type differs from ViT; their types; CLIP's towers."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archinspect.importers.hf.parts import Attention, Mlp, add, attention, biased, dense, mlp, norm, reshape, within
from archinspect.ops.conv import Conv2D
from archinspect.ops.embed import ClassToken, LearnedPositions, LearnedTokens
from archinspect.ops.image import Resizing
from archinspect.ops.merge import Concatenate
from archinspect.ops.norm import LayerScale
from archinspect.ops.source import Parameter
from archinspect.ops.tensor import ReduceMean, Select, Slice

if TYPE_CHECKING:
    from archinspect.base.source import Value
    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Tensor
    from archinspect.importers.hf.config import Config

    Flag = bool | str


class Vit(NamedTuple):
    """How a type differs from ViT. A text in the place of a flag is the key that says it."""

    root: str = "vit"
    tokens: tuple[tuple[str, int | str], ...] = (("cls_token", 1),)
    """Learned tokens before the patches: their names, and how many, or the key that says it."""
    unused: Flag = False
    """Whether there is a token for masked patches, which nothing reads here."""
    table: str = "position_embeddings"
    """The name of the table of positions; empty where there is none."""
    table_of: str = "all"
    """What has a position: `all` steps, or those before further `registers`."""
    table_flag: Flag = True
    patches: str = "patch_embeddings.projection"
    patch_bias: bool = True
    before: str = ""
    """The name of a norm before the first layer."""
    layers: str = "layers"
    attention: str = "attention"
    q: str = "q_proj"
    k: str = "k_proj"
    v: str = "v_proj"
    o: str = "o_proj"
    norms: tuple[str, str] = ("layernorm_before", "layernorm_after")
    scales: tuple[str, ...] = ()
    scale_key: str = ""
    """The key of the initial value of scales, of which 0 means that there are none."""
    q_bias: Flag = "qkv_bias"
    k_bias: Flag = "qkv_bias"
    v_bias: Flag = "qkv_bias"
    o_bias: Flag = True
    rotary: bool = False
    biases: str = ""
    """The flag of biases of relative positions in a window of all patches, in each layer."""
    inner: str = "intermediate_size"
    """The key of the features inside, `ratio` for the share of the width that `mlp_ratio` says."""
    gated: Flag = False
    gated_inner: str = ""
    """How the features inside follow where there is a gate, if not from the key: `swiglu`."""
    activation: str = "hidden_act"
    """The key, or `=` and the name."""
    mlp_bias: Flag = True
    up: str = "mlp.fc1"
    down: str = "mlp.fc2"
    gate: str = "mlp.gate_proj"
    last: str = "layernorm"
    last_flag: Flag = True
    pooler: str = ""
    """What a bare model ends in: `dense`, `norm`."""
    bare_pools: bool = True
    """Whether bare models have it."""
    pools: bool = False
    """Whether classifiers have the pooler, too."""
    head: str = "classifier"
    """What a classifier is: one layer, `teacher`'s two, `double` of the first step and the mean, or with a norm."""
    open: bool = False
    """Whether pictures may have any size."""
    resizes: bool = False
    """Whether a table of positions is interpolated for pictures of other sizes; there is one token before it."""
    norm: str = "layer"
    norm_key: str = ""
    """The key of the kind of norm, `layer_norm` or `rms_norm`."""
    qk_norms: Flag = False
    """Whether queries and keys have norms of all heads."""
    fused: str = ""
    """The name of one projection to queries, keys and values."""
    uneven: bool = False
    """Whether heads that do not divide the width are rounded down, not refused."""
    lets_fail: bool = False
    """Whether a model with heads that do not divide the width is built, though it reads no pictures."""
    in_embeddings: bool = True
    """Whether patches and tables are in a part of their own."""


def holds(c: Config, flag: Flag) -> bool:
    """Return whether a flag is set; a text with `not ` before it means the opposite."""
    if isinstance(flag, bool):
        return flag
    return not c.flag(flag[4:]) if flag.startswith("not ") else c.flag(flag)


_DINO = Vit(
    "dinov2",
    uneven=True,
    unused="use_mask_token",
    layers="encoder.layer",
    norms=("norm1", "norm2"),
    scales=("layer_scale1.lambda1", "layer_scale2.lambda1"),
    inner="ratio",
    gated="use_swiglu_ffn",
    gated_inner="swiglu",
    head="double",
    open=True,
    resizes=True,
)
_BEIT = Vit(
    "beit",
    uneven=True,
    unused="use_mask_token",
    table_flag="use_absolute_position_embeddings",
    scales=("lambda_1", "lambda_2"),
    scale_key="layer_scale_init_value",
    q_bias=True,
    k_bias=False,
    v_bias=True,
    biases="use_relative_position_bias",
    last_flag="not use_mean_pooling",
    pooler="norm",
    pools=True,
)
VITS: dict[str, Vit] = {
    "beit": _BEIT,
    "data2vec-vision": _BEIT._replace(root="data2vec_vision", bare_pools=False),
    "deit": Vit("deit", (("cls_token", 1), ("distillation_token", 1)), pooler="dense", uneven=True),
    "dinov2": _DINO,
    "dinov2_with_registers": _DINO._replace(
        root="dinov2_with_registers",
        unused=True,
        tokens=(("cls_token", 1), ("register_tokens", "num_register_tokens")),
        table_of="registers",
    ),
    "dinov3_vit": _DINO._replace(
        uneven=False,
        root="",
        tokens=(("cls_token", 1), ("register_tokens", "num_register_tokens")),
        unused=True,
        table="",
        patches="patch_embeddings",
        layers="model.layer",
        q_bias="query_bias",
        k_bias="key_bias",
        v_bias="value_bias",
        o_bias="proj_bias",
        rotary=True,
        inner="intermediate_size",
        gated="use_gated_mlp",
        gated_inner="",
        mlp_bias="mlp_bias",
        up="mlp.up_proj",
        down="mlp.down_proj",
        last="norm",
        head="",
        open=True,
    ),
    "ijepa": Vit("ijepa", (), uneven=True),
    "vit": Vit(pooler="dense", uneven=True),
    "vit_msn": Vit(uneven=True),
}
"""Every type that this template reads."""
CLIP = Vit(
    "vision_model",
    (("class_embedding", 1),),
    table="position_embedding",
    patches="patch_embedding",
    patch_bias=False,
    before="pre_layrnorm",
    layers="encoder.layers",
    attention="self_attn",
    o="out_proj",
    norms=("layer_norm1", "layer_norm2"),
    q_bias=True,
    k_bias=True,
    v_bias=True,
    last="",
)
PIXTRAL = Vit(
    "",
    (),
    lets_fail=True,
    table="",
    patches="patch_conv",
    patch_bias=False,
    before="ln_pre",
    layers="transformer.layers",
    norms=("attention_norm", "ffn_norm"),
    q_bias=False,
    k_bias=False,
    v_bias=False,
    o_bias=False,
    rotary=True,
    gated=True,
    mlp_bias=False,
    gate="feed_forward.gate_proj",
    up="feed_forward.up_proj",
    down="feed_forward.down_proj",
    last="",
    open=True,
    norm="rms",
    in_embeddings=False,
)
INTERN = Vit(
    "",
    unused="use_mask_token",
    table_flag="use_absolute_position_embeddings",
    layers="encoder.layer",
    o="projection_layer",
    scales=("lambda_1", "lambda_2"),
    q_bias="attention_bias",
    k_bias="attention_bias",
    v_bias="attention_bias",
    norm_key="norm_type",
    qk_norms="use_qk_norm",
    last_flag="not use_mean_pooling",
)
LLAMA4 = CLIP._replace(
    table="positional_embedding_vlm",
    patches="patch_embedding.linear",
    before="layernorm_pre",
    layers="model.layers",
    o="o_proj",
    norms=("input_layernorm", "post_attention_layernorm"),
    rotary=True,
    activation="=gelu",
    last="layernorm_post",
    in_embeddings=False,
)
"""Its class token stands behind the patches, which changes no figure."""
SIGLIP = CLIP._replace(tokens=(), patch_bias=True, before="", last="post_layernorm")


def grid(c: Config) -> tuple[int, int]:
    """Return the rows and columns of patches of a picture."""
    (height, width), (rows, columns) = c.pair("image_size"), c.pair("patch_size")
    return height // rows, width // columns


def vit(net: GraphBuilder, c: Config, v: Vit, image: Tensor, states: list[Tensor] | None = None) -> Tensor:
    """Add a vision transformer up to its last norm; return the features of each step.

    `states` gets what goes into the first layer, and what comes out of each.
    """
    return trunk(net, c, v, patches(net, c, v, image), states)


def patches(net: GraphBuilder, c: Config, v: Vit, image: Tensor) -> Tensor:
    """Add the features of patches, with tokens and positions."""
    width = c.whole("hidden_size")
    with within(net, "embeddings" if v.in_embeddings else ""):
        patch: list[Value] = [*c.pair("patch_size")]
        op = Conv2D(filters=width, kernel_size=patch, strides=patch, use_bias=v.patch_bias)
        x = reshape(net, net.add(op, image, name=v.patches), -1, width)
        x = with_tokens(net, c, v, x, of_picture(c, image))
        if holds(c, v.unused):
            net.add(Parameter(shape=[1, width]), name="mask_token")
    return norm(net, x, v.norm, v.before) if v.before else x


def of_picture(c: Config, image: Tensor) -> tuple[int, int]:
    """Return the rows and columns of patches of the picture that is given."""
    (height, width), (rows, columns) = image.producer.op.output()[1:3], c.pair("patch_size")
    return height // rows, width // columns


def with_tokens(net: GraphBuilder, c: Config, v: Vit, x: Tensor, seen: tuple[int, int]) -> Tensor:
    """Add tokens and positions; tokens that are first in order are put on last."""
    counts = [(name, c.whole(n, 0) if isinstance(n, str) else n) for name, n in v.tokens]
    first, late = (counts[:1], counts[1:]) if v.table_of == "registers" else (counts, [])
    for name, count in reversed(first):
        x = net.add(ClassToken(n=count), x, name=name) if count else x
    if v.table and holds(c, v.table_flag):
        rows, columns = grid(c)
        steps = rows * columns + sum(count for _, count in first)
        if v.resizes and seen != (rows, columns):
            x = _resized(net, c, x, steps, seen)
        else:
            x = net.add(LearnedPositions(input_dim=steps), x, name=v.table)
    for name, count in late:
        x = net.add(ClassToken(n=count), x, name=name) if count else x
    return x


def _resized(net: GraphBuilder, c: Config, x: Tensor, steps: int, grid: tuple[int, int]) -> Tensor:
    """Add a table of positions, that of patches interpolated for another number of them."""
    width, side = c.whole("hidden_size"), int((steps - 1) ** 0.5)
    if side * side != steps - 1:
        raise c.wrong("image_size", "a square, where pictures have other sizes")
    table = net.add(Parameter(shape=[steps, width]), name="position_embeddings")
    places = reshape(net, net.add(Slice(start=1), table), side, side, width)
    places = net.add(Resizing(height=grid[0], width=grid[1], interpolation="bicubic"), places)
    places = reshape(net, places, grid[0] * grid[1], width)
    return add(net, x, net.add(Concatenate(axis=1), net.add(Slice(stop=1), table), places))


def trunk(net: GraphBuilder, c: Config, v: Vit, x: Tensor, states: list[Tensor] | None = None) -> Tensor:
    """Add the layers and the norm after them."""
    shares = c.find("use_shared_relative_position_bias") is True
    if shares and holds(c, v.biases):  # layers add their own to those that they share
        net.add(Parameter(shape=[_distances(c), c.whole("num_attention_heads")]), name="shared_position_bias")
        shares = False
    states = [] if states is None else states
    states.append(x)
    for number in range(c.count("num_hidden_layers")):
        with within(net, f"{v.layers}.{number}", "layer"):
            x = _layer(net, c, v, x, shares=None if not shares else number > 0)
        states.append(x)
    return norm(net, x, v.norm, v.last) if v.last and holds(c, v.last_flag) else x


def _distances(c: Config) -> int:
    """Return the relative positions of patches; those of the class token to all, of all to it, to itself."""
    rows, columns = grid(c)
    return (2 * rows - 1) * (2 * columns - 1) + 3


def _layer(net: GraphBuilder, c: Config, v: Vit, x: Tensor, *, shares: bool | None) -> Tensor:
    """Add a layer; `shares` is whether it adds biases of positions that an earlier one has, False for that one."""
    width, heads = c.whole("hidden_size"), c.whole("num_attention_heads")
    uneven = bool(width % heads)
    if uneven and not v.lets_fail and not (v.uneven and heads < width):
        raise c.wrong("num_attention_heads", f"a divisor of {width}, the hidden_size")
    has_biases = (bool(v.biases) and holds(c, v.biases)) or shares is False
    a = Attention(
        heads,
        heads,
        width // heads,
        width,
        query_bias=holds(c, v.q_bias),
        key_bias=holds(c, v.k_bias),
        value_bias=holds(c, v.v_bias),
        out_bias=holds(c, v.o_bias),
        causal=False,
        rotary=width // heads if v.rotary else 0,
        position_biases=_distances(c) if has_biases else 0,
        shared_position_biases=shares is True,
        norms="all" if holds(c, v.qk_norms) else "",
        fused=v.fused,
        unfit=f"no pictures: {heads} heads do not divide {width} features" if uneven and v.lets_fail else "",
        q=v.q,
        k=v.k,
        v=v.v,
        o=v.o,
    )
    kind = {"": v.norm, "layer_norm": "layer", "rms_norm": "rms"}.get(c.text(v.norm_key) if v.norm_key else "")
    if kind is None:
        raise c.wrong(v.norm_key, "layer_norm or rms_norm")
    inside = norm(net, x, kind, v.norms[0])
    with within(net, v.attention):
        inside = attention(net, inside, a)
    x = add(net, x, _scaled(net, c, v, inside, 0))
    inside = mlp(net, norm(net, x, kind, v.norms[1]), _mlp(c, v, width), width, c)
    return add(net, x, _scaled(net, c, v, inside, 1))


def _mlp(c: Config, v: Vit, width: int) -> Mlp:
    gated = holds(c, v.gated)
    units = int(width * c.number("mlp_ratio")) if v.inner == "ratio" else c.whole(v.inner)
    up, down = v.up, v.down
    if gated and v.gated_inner == "swiglu":
        units = (int(units * 2 / 3) + 7) // 8 * 8
        up, down = "mlp.up_proj", "mlp.down_proj"
    own = v.activation[1:] if v.activation.startswith("=") else c.text(v.activation, "gelu")
    name = "silu" if gated and v.gated_inner else own
    return Mlp(units, name, gated=gated, bias=holds(c, v.mlp_bias), gate=v.gate, up=up, down=down)


def _scaled(net: GraphBuilder, c: Config, v: Vit, x: Tensor, i: int) -> Tensor:
    if not v.scales or (v.scale_key and not c.number(v.scale_key) > 0):
        return x
    return net.add(LayerScale(), x, name=v.scales[i])


def pooling_head(net: GraphBuilder, c: Config, x: Tensor) -> Tensor:
    """Add SigLIP's head: attention of one learned step to all, and a feed-forward network."""
    width, heads = c.whole("hidden_size"), c.whole("num_attention_heads")
    with within(net, "head"):
        probe = net.add(LearnedTokens(n=1), x, name="probe")
        a = biased(width, heads)
        with within(net, "attention"):
            one = attention(net, probe, a, x)
        inside = norm(net, one, "layer", "layernorm")
        m = Mlp(
            c.whole("intermediate_size"), c.text("hidden_act"), gated=False, bias=True, up="mlp.fc1", down="mlp.fc2"
        )
        return net.add(Select(index=0), add(net, one, mlp(net, inside, m, width, c)))


def classes(net: GraphBuilder, c: Config, v: Vit, x: Tensor) -> tuple[Tensor, ...]:
    """Add what classifies pictures."""
    labels = c.labels()
    if v.head == "double":
        mean = net.add(ReduceMean(axis=[1]), net.add(Slice(start=1), x))
        both = net.add(Concatenate(axis=-1), net.add(Select(index=0), x), mean)
        return (dense(net, both, labels, "classifier"),)
    one = net.add(Select(index=0), x) if v.tokens else net.add(ReduceMean(axis=[1]), x)
    return (dense(net, one, labels, v.head),)
