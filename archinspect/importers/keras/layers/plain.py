"""Layers that are operators of the same name: convolutions, pooling, activations, changes of shape, dropout."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.importers.keras.layers.base import UNKNOWN, activation, arguments, per_element, plain
from archinspect.ops import find_operator
from archinspect.ops.source import Parameter
from archinspect.ops.tensor import Custom

if TYPE_CHECKING:
    from archinspect.graph.graph import Tensor
    from archinspect.importers.keras.build import Use
    from archinspect.importers.keras.layers import Add, Made

NO_GROUPS = ("groups", "filters", "rank")


def activate(use: Use) -> Made:
    """`Activation`."""
    found = activation(use.config.get("activation"))
    if found == UNKNOWN or isinstance(found, str):
        use.net.unknown[use.layer.title] = None
        return use.add(Custom(params=0))
    return use.add("Identity") if found is None else use.add(found)


def conv_transpose(use: Use) -> Made:
    """`Conv2DTranspose`, which has no groups before Keras 3."""
    kind = find_operator(use.layer.kind)
    assert kind is not None  # as in the table
    padding = use.get("output_padding")
    fixed = {} if padding is None else {"output_padding": padding}
    return plain(ignored=("output_padding", "rank"), **fixed)(use)


def identity(use: Use) -> Made:
    """`Identity`, and what is there in training alone."""
    return use.add("Identity")


def relu(use: Use) -> Made:
    """`ReLU`, of whose bound Keras 1 says nothing."""
    return plain(ignored=("threshold",) if not use.get("threshold") else ())(use)


def prelu(use: Use) -> Made:
    """`PReLU`."""
    axes = use.get("shared_axes")
    return use.add("PReLU", shared_axes=axes or None)


def softmax(use: Use) -> Made:
    """`Softmax`."""
    return use.add("Softmax", axis=use.get("axis", -1))


def reshape(use: Use) -> Made:
    """`Reshape`."""
    shape = use.get("target_shape")
    if not isinstance(shape, list):
        raise use.refuse("it says no target_shape")
    return use.add("Reshape", target_shape=[-1 if size is None else size for size in shape])


def srelu(use: Use) -> Made:
    """`SReLU` of Keras 1: four numbers of each element, which may be shared along axes."""
    shared = use.get("shared_axes") or []
    shape = [1 if at + 1 in shared else size for at, size in enumerate(use.shape()[1:])]
    elements = weights = 1
    for own, size in zip(shape, use.shape()[1:], strict=True):
        weights, elements = weights * own, elements * size
    # Two comparisons, two slopes of differences.
    return use.add(Custom(params=4 * weights, macs=0, flops=8 * elements))


def parametric_softplus(use: Use) -> Made:
    """`ParametricSoftplus` of Keras 1: `alpha * log(1 + exp(beta * x))`."""
    shape = [*use.shape()[1:]]
    x = use.source(Parameter(shape=[*shape])), use.source(Parameter(shape=[*shape]))
    alpha, beta = x
    inner = use.add("Softplus", use.add("Multiply", use.x, beta))
    return use.add("Multiply", inner, alpha)


def einsum_dense(use: Use) -> Made:
    """`EinsumDense`; null in its shape is what its input has."""
    kind = find_operator("EinsumDense")
    assert kind is not None  # it is
    args = arguments(use, kind, ("activation",))
    found = activation(use.config.get("activation"))
    if isinstance(found, str):
        raise use.refuse("its activation is not known")
    return use.add("EinsumDense", **args, **({"activation": found} if found else {}))


def embedding(use: Use) -> Made:
    """`Embedding`."""
    return use.add("Embedding", input_dim=use.whole("input_dim"), output_dim=use.whole("output_dim"))


def unit_norm(use: Use) -> Made:
    """`UnitNormalization`, perhaps of several axes together."""
    axis = use.get("axis", -1)
    if isinstance(axis, list) and len(axis) > 1:
        return per_element(use, 3)  # square, sum, quotient, as of one
    return use.add("UnitNormalization", axis=axis[0] if isinstance(axis, list) else axis)


def reversible_embedding(use: Use) -> Made:
    """`ReversibleEmbedding`; the call that turns features into scores of words is another product."""
    if use.kwargs.get("reverse") or len(use.args) > 1 or not use.get("tie_weights", True):
        raise use.refuse("its reverse is not known")
    return embedding(use)


def stochastic_depth(use: Use) -> Tensor:
    """`StochasticDepth` of ConvNeXt in Keras 2."""
    return use.add("StochasticDepth", rate=use.get("drop_path_rate", 0.5))


CONVOLUTIONS = ("Conv1D", "Conv2D", "Conv3D")
SHORT = {"MaxPool": "MaxPooling", "AvgPool": "AveragePooling"}
LONG = {"Convolution": "Conv"}
LAYERS: dict[str, Add] = {
    "Activation": activate,
    "ReLU": relu,
    "LeakyReLU": plain(),
    "PReLU": prelu,
    "ELU": plain(),
    "ThresholdedReLU": plain(),
    "Softmax": softmax,
    **dict.fromkeys(CONVOLUTIONS, plain(ignored=("rank",))),
    **dict.fromkeys((f"{name}Transpose" for name in CONVOLUTIONS), conv_transpose),
    **{f"{full}{rank}D": plain(f"{own}{rank}D") for full, own in LONG.items() for rank in (1, 2, 3)},
    **{f"Convolution{rank}DTranspose": plain(f"Conv{rank}DTranspose") for rank in (1, 2, 3)},
    **{f"DepthwiseConv{rank}D": plain(ignored=NO_GROUPS) for rank in (1, 2)},
    **{f"SeparableConv{rank}D": plain(ignored=("groups", "rank")) for rank in (1, 2)},
    **{f"SeparableConvolution{rank}D": plain(f"SeparableConv{rank}D", ("groups", "rank")) for rank in (1, 2)},
    "Dense": plain(),
    "EinsumDense": einsum_dense,
    **{f"{own}Pooling{rank}D": plain() for own in ("Max", "Average") for rank in (1, 2, 3)},
    **{f"{short}{rank}D": plain(f"{full}{rank}D") for short, full in SHORT.items() for rank in (1, 2, 3)},
    **{f"Global{full}{rank}D": plain() for full in SHORT.values() for rank in (1, 2, 3)},
    **{f"Global{short}{rank}D": plain(f"Global{full}{rank}D") for short, full in SHORT.items() for rank in (1, 2, 3)},
    **{f"Adaptive{full}{rank}D": plain() for full in SHORT.values() for rank in (1, 2, 3)},
    "Flatten": plain(ignored=("data_format",)),
    "Reshape": reshape,
    "Permute": plain(),
    "RepeatVector": plain(),
    **{f"{kind}{rank}D": plain() for kind in ("ZeroPadding", "Cropping", "UpSampling") for rank in (1, 2, 3)},
    "Embedding": embedding,
    "ReversibleEmbedding": reversible_embedding,
    "Masking": plain(),
    "Identity": identity,
    "ActivityRegularization": identity,
    "UnitNormalization": unit_norm,
    "RMSNormalization": plain(),
    "Dropout": plain(),
    **{f"SpatialDropout{rank}D": plain() for rank in (1, 2, 3)},
    "AlphaDropout": plain(),
    "GaussianDropout": plain(),
    "GaussianNoise": plain(),
    "StochasticDepth": stochastic_depth,
    "FixedDropout": plain("Dropout"),  # of the most used EfficientNet for Keras 2, for which its shape may be open
    "Swish": plain("SiLU", ("beta",)),
    "SReLU": srelu,
    "ParametricSoftplus": parametric_softplus,
}
