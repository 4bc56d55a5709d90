"""Operators by what a name says: `SelfAttn` means attention, `Projection` a dense layer. Looked at for errors only."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from math import log

from archinspect import ops
from archinspect.base.diagnostics import MAX_LETTERS

MOST = 3
"""Operators that are named."""
ALIKE = 0.72
"""Share of letters that a slip has in common with what was meant: `Densse` and `Dense` 0.91, `Attn`, `Flatten` 0.55."""
SHORT = 0.6
"""The same of the few names that a spec gives itself: `bkl` and `blk`."""

SAME: dict[str, str] = {
    **dict.fromkeys(("attn", "attend", "mha", "gqa", "mqa", "sdpa", "heads"), "attention"),
    **dict.fromkeys(("fc", "linear", "fully", "affine", "mlp", "ffn", "feed", "forward", "perceptron"), "dense"),
    **dict.fromkeys(("projection", "proj", "project", "head", "logits", "hidden", "output"), "dense"),
    **dict.fromkeys(("conv", "convolve", "convolutional", "filter"), "convolution"),
    **dict.fromkeys(("deconv", "deconvolution", "transposed", "upconv"), "transpose"),
    **dict.fromkeys(("dw", "dwconv"), "depthwise"),
    **dict.fromkeys(("pool", "subsampling", "downsample", "downsampling"), "pooling"),
    **dict.fromkeys(("avg", "mean"), "average"),
    **dict.fromkeys(("norm", "normalize", "normalisation", "normalise"), "normalization"),
    **dict.fromkeys(("bn", "bnorm"), "batch"),
    **dict.fromkeys(("ln", "lnorm"), "layer"),
    **dict.fromkeys(("act", "nonlinearity", "nonlinear", "swish", "swoosh", "squash"), "activation"),
    **dict.fromkeys(("residual", "skip", "sum", "plus", "shortcut", "addition"), "add"),
    **dict.fromkeys(("concat", "cat", "join", "merge"), "concatenate"),
    **dict.fromkeys(("mul", "product", "times", "scale", "gating"), "multiply"),
    **dict.fromkeys(("embed", "emb", "lookup", "token", "tokens", "vocabulary"), "embedding"),
    **dict.fromkeys(("pos", "position", "positional", "pe"), "positions"),
    **dict.fromkeys(("rope", "rotate"), "rotary"),
    **dict.fromkeys(("drop", "regularization", "droppath"), "dropout"),
    **dict.fromkeys(("upscale", "interpolate", "interpolation", "resize", "resizing", "upsampling"), "upsample"),
    **dict.fromkeys(("recurrent", "sequence"), "rnn"),
    **dict.fromkeys(("expert", "moe", "router", "routing", "mixture"), "experts"),
    **dict.fromkeys(("ssm", "mamba", "state", "space", "scan"), "selective"),
    **dict.fromkeys(("unflatten", "view", "rearrange"), "reshape"),
    **dict.fromkeys(("swap", "axes", "permutation"), "permute"),
    **dict.fromkeys(("noise", "noisy"), "gaussian"),
    **dict.fromkeys(("softcap", "sink", "sinks"), "attention"),
    **dict.fromkeys(("spectral", "spectrum", "frequency"), "fourier"),
}
"""Words of the field, and what operators call the same."""
_BLOCK = "there is no block of this name here: write its layers as a block of your own"
_FOREIGN = "a module of another framework is no layer here: write its layers, or `Custom` with its figures"
_BASE = "a base class is no layer: `Custom` is a layer of your own"
NAMED: dict[str, str] = {
    **dict.fromkeys(
        ("neighborhoodattention", "natten", "dilatedneighborhoodattention"),
        "write `NeighborhoodAttention2D`, a ready-made block, or `NA2D`, which has no projections",
    ),
    **dict.fromkeys(
        ("condconv", "dynamicconv", "odconv2d", "hyperconv"),
        "write `CondConv2D`, a ready-made block, or `DynamicConv2D`, whose kernel other steps make for each sample",
    ),
    **dict.fromkeys(
        ("hyperdense", "hyperlinear", "hypernetwork"),
        "`MatMul` is a dense layer by a kernel that other steps make for each sample, `DynamicConv2D` a convolution",
    ),
    **dict.fromkeys(
        ("deltanet", "gateddeltanet", "kda", "kimideltaattention"),
        "`DeltaRule` is its recurrence, and " + _BLOCK,
    ),
    **dict.fromkeys(("xlstm", "xlstmblock", "mlstmblock"), "write `mLSTMLayer` or `sLSTMLayer`, ready-made blocks"),
    "slstmblock": "write `sLSTMLayer`, a ready-made block",
    **dict.fromkeys(("rwkvchannelmix", "channelmix", "rwkvcmix"), "`Dense`, `ReLU`, `Square` and `Dense` are as much"),
    **{
        f"rwkv{name}x0{version}0": f"write `RWKV{version}`, a ready-made block"
        for name in ("tmix", "timemix")
        for version in (6, 7)
    },
    **dict.fromkeys(("rwkv5", "rwkvtimemix", "timemix"), "write `RWKV`, a ready-made block, of version 5"),
    **dict.fromkeys(("mamba2mixer", "mamba2block", "ssdmixer"), "write `Mamba2`, a ready-made block"),
    **dict.fromkeys(("mambamixer", "mambablock", "mambalayer"), "write `Mamba`, a ready-made block"),
    **dict.fromkeys(("hyenaoperator", "hyenablock"), "write `Hyena`, a ready-made block"),
    **dict.fromkeys(
        ("se", "seblock", "squeezeexcite", "squeezeexcitation", "highway"),
        _BLOCK + " with `Multiply` or `Add`",
    ),
    **dict.fromkeys(
        ("bottleneck", "basicblock", "resblock", "residualblock", "invertedresidual", "mbconv"),
        _BLOCK + ", or copy them: `archinspect show resnet50`",
    ),
    **dict.fromkeys(("inception", "inceptionblock"), _BLOCK + ": `Concatenate: [[...], [...]]` joins its paths"),
    **dict.fromkeys(("ffn", "feedforward", "mlp", "mlpblock"), "`Dense`, an activation and `Dense` are its steps"),
    **dict.fromkeys(
        ("swiglu", "geglu", "reglu", "gatedmlp"),
        "write `Multiply: [[Dense: ..., SiLU], [Dense: ...]]`, or GELU or ReLU, and `Dense` after it",
    ),
    "output": "a network's outputs are what its last step gives, or what `output:` names",
    **dict.fromkeys(
        (
            "sequential",
            "modulelist",
            "moduledict",
            "container",
            "pipeline",
            "modules",
            "steps",
            "sequence",
            "block",
            "blocks",
            "group",
            "stage",
            "body",
        ),
        "a group of steps is `layers: [...]`, with a `name` and a `repeat` where wanted",
    ),
    **dict.fromkeys(
        ("parallel", "branch", "branches", "split"),
        "paths stand in the layer that joins them: `Concatenate: [[...], [...]]`, or `Add`",
    ),
    **dict.fromkeys(
        ("residual", "skip", "shortcut", "skipconnection"),
        "write `Add: [[...], []]`: a path of steps, and the input itself",
    ),
    **dict.fromkeys(
        (
            *(
                "loss",
                "mseloss",
                "l1loss",
                "nllloss",
                "bceloss",
                "bcewithlogitsloss",
                "crossentropy",
                "crossentropyloss",
                "ctcloss",
            ),
            *("adaptivelogsoftmaxwithloss", "cosineembeddingloss", "gaussiannllloss", "hingeembeddingloss"),
            *("huberloss", "kldivloss", "linearcrossentropyloss", "marginrankingloss", "multilabelmarginloss"),
            *("multilabelsoftmarginloss", "multimarginloss", "nllloss2d", "poissonnllloss", "smoothl1loss"),
            *("softmarginloss", "tripletmarginloss", "tripletmarginwithdistanceloss"),
        ),
        "a loss is no layer here: a network ends with its outputs",
    ),
    **dict.fromkeys(
        ("stft", "stftspectrogram", "melspectrogram"),
        "`RFFT` is the transform of each of its frames; `Custom` is a layer of your own",
    ),
    **dict.fromkeys(
        ("selfattention", "crossattention", "causalselfattention", "causalattention"),
        "write `MultiHeadAttention`, with its projections, or `ScaledDotProductAttention`, without",
    ),
    **dict.fromkeys(("encoder", "encoderlayer"), "write `TransformerEncoderLayer`, a ready-made block"),
    **dict.fromkeys(("decoder", "decoderlayer"), "write `TransformerDecoderLayer`, a ready-made block"),
    "unflatten": "write `Reshape`, with all axes of a sample",
    "pad": "write `ZeroPad2d: [left, right, top, bottom]`, `ConstantPad2d`, `ReflectionPad2d`, or those of other ranks",
    "normalize": "write `UnitNormalization`, with the `axis` along which vectors get a length of 1",
    "addscalar": "`Rescaling: {scale: 1, offset: ...}` adds a number",
    **dict.fromkeys(
        ("contiguous", "clone", "to", "cuda", "cpu", "requiresgrad"),
        "leave it out: it changes no shape, and what has to be copied is known",
    ),
    **{f"lppool{rank}d": f"`Power`, `AveragePooling{rank}D` and `Power` are as much" for rank in (1, 2, 3)},
    **{f"fractionalmaxpool{rank}d": f"`AdaptiveMaxPooling{rank}D` gives the same sizes" for rank in (2, 3)},
    **dict.fromkeys(("meshgrid", "mesh"), "a mesh is `Arange`, `Unsqueeze` and `Expand` for each of its axes"),
    **dict.fromkeys(("tfsmlayer", "jaxlayer", "flaxlayer", "torchmodulewrapper"), _FOREIGN),
    **dict.fromkeys(("layer", "module", "wrapper", "rnnbase", "rnncellbase"), _BASE),
    **dict.fromkeys(("parameterlist", "parameterdict"), "each `Parameter` is a step of its own"),
    **dict.fromkeys(("dataparallel", "distributeddataparallel"), "write the network itself: each device has all of it"),
    **dict.fromkeys(
        ("autocontrast", "contrastlimitedadaptivehistogramequalization", "clahe"),
        "it belongs to the data: leave it out, or `Custom` is a layer of your own, counted as you state it",
    ),
    "maxnumboundingboxes": "it belongs to the data: boxes are an input of the network",
    "stackedrnncells": "write a recurrent layer for each cell, `LSTM` for `LSTMCell`, one after the other",
    "reversibleembedding": "write `Embedding`, and at the end `Dense` with `weights:`, its name, where it is reversed",
    "cosinesimilarity": "write `Dot`, with `axes: -1` and `normalize: true`",
    "softmin": "`Negative` and `Softmax` are as much",
    "rrelu": "`LeakyReLU` is as much at inference, its slope the mean of lower and upper",
    "pairwisedistance": "`Subtract` and `ReduceL2` are as much",
    **dict.fromkeys(
        ("gcnconv", "sageconv", "ginconv", "messagepassing"),
        _BLOCK + ", `Gather` for what edges read and `ScatterAdd` for what nodes add up: `archinspect show gcn_cora`",
    ),
    **dict.fromkeys(("gatconv", "gatv2conv"), _BLOCK + ": `archinspect show gat_cora`"),
    **dict.fromkeys(("c2f", "c3", "c3k2", "sppf"), _BLOCK + ": `archinspect show yolov8n`"),
    "selayer": _BLOCK + ": `archinspect show seresnet50`",
    **dict.fromkeys(("adaln", "adalnzero", "ditblock"), _BLOCK + ": `archinspect show dit_s_2`"),
    **dict.fromkeys(("kanlinear", "kanlayer"), _BLOCK + ": `archinspect show kan_mnist`"),
    **dict.fromkeys(("retnet", "multiscaleretention"), "`LinearAttention` is its recurrence, and " + _BLOCK),
    **dict.fromkeys(("convbn", "convbnrelu", "convbnact", "convnormact"), "write its layers one after the other"),
    **dict.fromkeys(
        ("transformerblock", "encoderblock", "gptblock", "decoderblock"),
        "write `TransformerEncoderLayer`, a ready-made block, with `causal: true` for a decoder",
    ),
    **dict.fromkeys(
        ("flashattention", "flashattention2", "memoryefficientattention"),
        "write `ScaledDotProductAttention`: `--attention` says how it is computed",
    ),
    **dict.fromkeys(
        ("alibi", "relativepositionbias"), "`position_biases` of attention adds learned ones to its scores"
    ),
    **dict.fromkeys(("outer", "tensordot", "inner"), "write `Einsum`, with the equation"),
    **dict.fromkeys(("hstack", "vstack", "dstack"), "write `Concatenate`, with its `axis`"),
    **dict.fromkeys(("ones", "oneslike", "zeroslike", "fulllike"), "write `Fill`, with its shape"),
    "ravel": "write `Flatten`",
    "linspace": "write `Arange`, and `Rescaling` for what is between whole numbers",
    "rearrange": "write `Reshape` and `Permute`",
    "gumbelsoftmax": "write `Softmax`: the noise is of training",
}
"""What is known by another name, or not at all, and what to do."""
SELDOM = {
    *("Attention", "AdditiveAttention", "LinearAttention", "DeformableAttention"),
    *("DeltaRule", "GeneralizedDeltaRule", "WKV", "MLSTM", "SLSTM", "NA1D", "NA2D", "NA3D"),
}
"""Operators that are seldom meant where others have the same word."""
LITTLE = {"layer", "block", "module", "op", "unit", "net", "network", "my", "custom", "function"}
"""What says nothing by itself."""


def by_meaning(name: str) -> list[str]:
    """Return the operators whose names and kinds have most in common with the words of a name, the nearest first."""
    asked = [word for word in _words(name) if word not in LITTLE]
    known = _known()
    frequent = Counter(word for words in known.values() for word in words)
    scores = {}
    for op, words in known.items():
        common = sum(log(len(known) / frequent[word]) for word in asked if word in words)
        common *= 0.3 if op in SELDOM else 1
        common *= 2 if len(asked) > 1 and words.issuperset(asked) else 1
        scores[op] = common * (2 if set(asked).issuperset(_words(op)) else 1) / (1 + len(words) / 8)
    best = sorted((op for op, score in scores.items() if score > 0), key=lambda op: -scores[op])
    return best[:MOST]


def meant(name: str) -> str:
    """Return the operator whose names have all of several words, empty where there is none."""
    asked = {word for word in _words(name) if word not in LITTLE}
    words = asked - {word for word in asked if len(word) == 1}  # the D of `Conv9D`
    best = (op for op in by_meaning(name) if len(words) > 1 and words <= _known()[op])
    return next(best, "")


def spelled_alike(name: str, other: str, share: float = ALIKE) -> bool:
    """Return whether one name is likely a slip of the other: they have this share of their letters in common."""
    from difflib import SequenceMatcher  # only errors need it

    one, two = (text.lower().replace("_", "") for text in (name, other))
    return len(name) <= MAX_LETTERS and SequenceMatcher(None, one, two).ratio() >= share


def _words(name: str) -> list[str]:
    """Return the words of a name in one spelling: `SelfAttn` has `self` and `attention`."""
    found = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)
    return [SAME.get(word.lower(), word.lower()) for word in found]


@cache
def _known() -> dict[str, frozenset[str]]:
    """Return the words of each operator: of its names, and of its kind."""
    return {
        kind.__name__: frozenset(word for name in (kind.__name__, kind.kind, *kind.aliases) for word in _words(name))
        for kind in ops.all_ops()
    }
