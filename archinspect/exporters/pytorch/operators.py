"""Every operator as PyTorch has it: in which order of axes it reads its inputs, and what it is in a program."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from archinspect.exporters.code import AT_RANDOM, SAME
from archinspect.exporters.orders import (
    as_a_map,
    as_a_map_along,
    as_a_map_of_any_rank,
    as_films,
    as_it_is,
    as_maps_with_boxes,
    as_one_axis,
    as_slopes,
    as_the_first,
    as_the_spec,
)
from archinspect.exporters.pytorch import (
    axes,
    elementwise,
    features,
    fourier,
    images,
    maps,
    places,
    sampling,
    tensors,
    wrap,
)
from archinspect.ops import FAMILIES

if TYPE_CHECKING:
    from collections.abc import Callable

    from archinspect.exporters.code import Step
    from archinspect.exporters.orders import Reads, Use


class Translation(NamedTuple):
    """How an operator is translated."""

    translate: Callable[[Use], Step]
    reads: Reads
    keeps: bool = True
    """Whether its output keeps the order of axes of the first input, where both have as many."""


def _maps(**names: Callable[[Use], Step]) -> dict[str, Translation]:
    return {f"{name}{rank}D": Translation(made, as_a_map) for name, made in names.items() for rank in (1, 2, 3)}


def _each(reads: Reads, **names: Callable[[Use], Step]) -> dict[str, Translation]:
    return {name: Translation(made, reads) for name, made in names.items()}


OPERATORS: dict[str, Translation] = {
    **_maps(
        Conv=maps.convolution,
        DepthwiseConv=maps.convolution,
        MaxPooling=maps.max_pooling,
        AveragePooling=maps.average_pooling,
        GlobalMaxPooling=partial(maps.global_pooling, function="amax"),
        GlobalAveragePooling=partial(maps.global_pooling, function="mean"),
        AdaptiveMaxPooling=partial(maps.adaptive, kind="Max"),
        AdaptiveAveragePooling=partial(maps.adaptive, kind="Avg"),
        ZeroPadding=maps.padding,
        Cropping=maps.cropping,
        UpSampling=maps.upsampling,
    ),
    "CropLike": Translation(maps.crop_like, as_a_map_of_any_rank),
    **{f"Conv{rank}DTranspose": Translation(maps.transposed, as_a_map) for rank in (1, 2, 3)},
    **_each(
        as_a_map,
        Upsample=maps.upsampling,
        UpsampleBilinear=maps.upsampling,
        Resizing=images.resizing,
        CenterCrop=images.center_crop,
        ResizeLike=maps.resize_like,
        ChannelShuffle=maps.channel_shuffle,
        PixelShuffle=maps.pixel_shuffle,
        PixelUnshuffle=maps.pixel_unshuffle,
    ),
    **_each(
        as_a_map_along,
        BatchNormalization=maps.batch_norm,
        FrozenBatchNormalization=maps.frozen_batch_norm,
        GroupNormalization=maps.group_norm,
        InstanceNormalization=maps.instance_norm,
    ),
    "PReLU": Translation(elementwise.prelu, as_slopes),
    "LocalResponseNormalization": Translation(maps.local_response_norm, as_a_map_of_any_rank),
    **{f"ConvLSTM{rank}D": Translation(images.conv_lstm, as_films, keeps=False) for rank in (1, 2, 3)},
    **{
        name: Translation(partial(wrap.made_kernel, table=lambda: OPERATORS, name=function), wrap.as_the_layer)
        for name, function in (
            ("WeightNorm", "weight_norm"),
            ("SpectralNorm", "spectral_norm"),
            ("WeightStandardization", "standardized"),
        )
    },
    "GridSample": Translation(sampling.grid_sample, as_maps_with_boxes),
    "Unfold": Translation(sampling.unfold, as_a_map, keeps=False),
    **_each(
        as_a_map,
        **{f"MaxUnpooling{rank}D": sampling.max_unpool for rank in (1, 2, 3)},
        **{f"PixelShuffle{rank}D": sampling.pixels for rank in (1, 3)},
        **{f"PixelUnshuffle{rank}D": sampling.pixels for rank in (1, 3)},
    ),
    **{name: Translation(maps.dynamic_convolution, as_maps_with_boxes) for name in FAMILIES["dynamic"]},
    "DeformConv2D": Translation(images.deformed, as_a_map),
    "RoIAlign": Translation(maps.roi_align, as_maps_with_boxes, keeps=False),
    **_each(as_it_is, UnitNormalization=maps.unit_norm, LayerScale=maps.layer_scale),
    **_each(as_it_is, GlobalResponseNormalization=images.response_norm, Maxout=images.maxout),
    **_each(
        as_the_spec,
        LayerNormalization=features.layer_norm,
        RMSNormalization=features.rms_norm,
        Dense=features.dense,
        ScaledDotProductAttention=features.attention,
        RotaryEmbedding=features.rotary,
        RotaryTables=features.rotary_tables,
        MixtureOfExperts=features.experts,
        _FurtherStep=features.further_step,
        SimpleRNN=features.recurrent,
        LSTM=features.recurrent,
        GRU=features.recurrent,
        SimpleRNNCell=features.cell,
        LSTMCell=features.cell,
        GRUCell=features.cell,
        Masking=features.masking,
        SelectiveScan=features.selective_scan,
        LinearAttention=features.linear_attention,
        DeltaRule=features.delta_rule,
        DeformableAttention=features.deformable_attention,
        **dict.fromkeys(FAMILIES["neighborhood"], features.neighborhood_attention),
        GeneralizedDeltaRule=features.generalized_delta_rule,
        WKV=features.wkv,
        CRF=features.crf,
        MLSTM=features.mlstm,
        SLSTM=features.slstm,
        Embedding=features.embedding,
        EmbeddingBag=features.embedding_bag,
        SinusoidalEmbedding=features.sinusoids,
        LearnedPositions=features.positions,
        ClassToken=features.class_token,
        LearnedTokens=features.learned_tokens,
        Parameter=features.parameter,
        Constant=features.constant,
        Einsum=features.einsum,
        EinsumDense=features.einsum_dense,
        Reshape=axes.reshape,
        RepeatVector=axes.repeat_vector,
        ReshapeLike=axes.reshape_like,
        _AsQuery=axes.as_query,
        MatMul=axes.mat_mul,
        Dot=axes.dot,
        Softmax=partial(elementwise.softmax, name="softmax"),
        LogSoftmax=partial(elementwise.softmax, name="log_softmax"),
        Roll=axes.roll,
        TopK=axes.top_k,
        WindowPartition=axes.windows,
        WindowReverse=axes.from_windows,
        TimeDistributed=lambda use: wrap.each_step(use, OPERATORS),
        SpectralNormalization=images.one_vector,
        Custom=axes.custom,
        AffineGrid=sampling.affine_grid,
        Fold=sampling.fold,
        Bilinear=features.bilinear,
        Normalization=images.normalization,
        CategoryEncoding=images.categories,
        Discretization=images.categories,
        **dict.fromkeys(FAMILIES["words"], images.table),
    ),
    "Flatten": Translation(axes.flatten, as_one_axis),
    **_each(as_it_is, **dict.fromkeys(AT_RANDOM, images.at_random)),
    **_each(
        as_it_is,
        **dict.fromkeys(elementwise.NAMES, elementwise.function),
        ReLU=elementwise.relu,
        GELU=elementwise.gelu,
        QuickGELU=elementwise.quick_gelu,
        Exponential=elementwise.exponential,
        GLU=elementwise.glu,
        Identity=elementwise.identity,
        StopGradient=elementwise.detached,
        Dropout=elementwise.dropout,
        AlphaDropout=partial(elementwise.dropout, name="AlphaDropout"),
        SpatialDropout1D=elementwise.spatial_dropout,
        SpatialDropout2D=elementwise.spatial_dropout,
        SpatialDropout3D=elementwise.spatial_dropout,
        GaussianDropout=elementwise.gaussian_dropout,
        GaussianNoise=elementwise.gaussian_noise,
        StochasticDepth=elementwise.stochastic_depth,
        Rescaling=elementwise.rescaling,
        Slice=axes.part,
        Split=axes.split,
    ),
    "Permute": Translation(axes.permute, as_it_is, keeps=False),
    **{
        name: entry._replace(keeps=False)
        for name, entry in _each(
            as_the_spec,
            Select=axes.select,
            Unbind=axes.unbind,
            ReduceSum=partial(axes.reduction, name="sum"),
            ReduceMean=partial(axes.reduction, name="mean"),
            ReduceMax=partial(axes.reduction, name="amax"),
        ).items()
    },
    **_each(
        as_the_first,
        Add=partial(elementwise.merge, operator="+"),
        Subtract=partial(elementwise.merge, operator="-"),
        Multiply=partial(elementwise.merge, operator="*"),
        Maximum=partial(elementwise.extreme, name="maximum"),
        Minimum=partial(elementwise.extreme, name="minimum"),
        Average=elementwise.average,
        Concatenate=elementwise.concatenate,
        SampleGaussian=elementwise.sample,
    ),
    **{name: Translation(*entry) for name, entry in (tensors.OPERATORS | places.OPERATORS | fourier.OPERATORS).items()},
}
"""By the operator's name. What is built of other operators, as `SeparableConv2D`, is not here: those are."""
OPERATORS |= {name: OPERATORS[same] for name, same in SAME.items()}
COMPUTED_BY_FUNCTIONS = {"RoIAlign"}
"""Which are kernels of a library that programs here go without: they compute by functions and hold what each makes."""
