"""The modules that are read: what builds each, and what of its arguments is scaled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from archinspect.importers.ultralytics import csp
from archinspect.importers.ultralytics.model import V9, activation, eights
from archinspect.ops.elements import AlongAxis, Elementwise

if TYPE_CHECKING:
    from collections.abc import Callable

    from archinspect.importers.ultralytics.model import Model, Row
    from archinspect.importers.ultralytics.net import Net
    from archinspect.ops.base import Op


class Module(NamedTuple):
    """A module: the family in which the function stands that builds it, and how its row is read."""

    family: str
    function: str
    scaled: bool = False
    """Whether its first argument is a width."""
    repeats: bool = False
    """Whether it takes the number of repeats as its second argument."""
    several: bool = False
    """Whether it reads a list of images."""


def _table(family: str, names: str, **how: bool) -> dict[str, Module]:
    """Return modules of a family: `Name=function`, parted by blanks."""
    pairs = [one.split("=") for one in names.split()]
    return {name: Module(family, function, **how) for name, function in pairs}


MODULES: dict[str, Module] = {
    **_table("plain", "Conv=conv Conv2=conv DWConv=depthwise", scaled=True),
    **_table("csp", "Bottleneck=bottleneck SPP=spp SPPF=sppf C3SPP=c3spp", scaled=True),
    **_table(
        "csp",
        "C1=c1 C2=c2 C2f=c2f C3=c3 C3x=c3x C3k=c3k BottleneckCSP=bottleneck_csp",
        scaled=True,
        repeats=True,
    ),
    **_table(
        "elan",
        "RepNCSPELAN4=rep_ncspelan4 ELAN1=elan1 SPPELAN=sppelan AConv=aconv ADown=adown SCDown=scdown RepConv=rep_conv",
        scaled=True,
    ),
    **_table("elan", "C2fCIB=c2f_cib", scaled=True, repeats=True),
    **_table("elan", "CBLinear=cb_linear"),
    **_table("elan", "CBFuse=cb_fuse", several=True),
    **_table("attention", "PSA=psa", scaled=True),
    **_table(
        "attention",
        "C3k2=c3k2 C2PSA=c2psa C2fPSA=c2f_psa A2C2f=a2c2f C3TR=c3tr C2fAttn=c2f_attn",
        scaled=True,
        repeats=True,
    ),
    **_table("attention", "AIFI=aifi"),
    **_table("attention", "ImagePoolingAttn=image_pooling_attn", several=True),
    **_table(
        "light",
        "GhostConv=ghost_conv GhostBottleneck=ghost_bottleneck Focus=focus ConvTranspose=conv_transpose",
        scaled=True,
    ),
    **_table("light", "C3Ghost=c3ghost RepC3=repc3", scaled=True, repeats=True),
    **_table(
        "light",
        "HGStem=hg_stem HGBlock=hg_block ResNetLayer=resnet_layer TorchVision=torchvision Contract=contract"
        " Expand=expand ReOrg=reorg",
    ),
    **_table("pytorch", "nn.ConvTranspose2d=transpose DWConvTranspose2d=depthwise_transpose", scaled=True),
    **_table(
        "pytorch",
        "Silence=silence nn.Identity=silence nn.Conv2d=convolution nn.Upsample=upsample nn.MaxPool2d=max_pool"
        " nn.AvgPool2d=average_pool nn.ZeroPad2d=zero_pad nn.BatchNorm2d=batch_norm nn.AdaptiveAvgPool2d=global_pool"
        " nn.AdaptiveMaxPool2d=largest nn.Dropout=dropout nn.Dropout2d=dropout",
    ),
    **_table("light", "Concat=concat Shortcut=shortcut Index=index", several=True),
    **_table("yolov7", "MP=mp SP=sp"),
    **_table("yolov7", "Stem=stem Res=res ResX=resx", scaled=True),
    **_table("yolov7", "DownC=down_c SPPCSPC=sppcspc", scaled=True, repeats=True),
    **_table(
        "yolov7",
        " ".join(
            f"{kind}CSP{letter}={kind}CSP{letter}"
            for kind in ("Bottleneck", "RepBottleneck", "Res", "RepRes", "ResX", "RepResX")
            for letter in "ABC"
        ),
        scaled=True,
        repeats=True,
    ),
    **_table("heads", "Classify=classify", scaled=True),
    **_table(
        "heads",
        "Detect=detect v10Detect=v10 Segment=segment Segment26=segment26 Pose=pose Pose26=pose26 OBB=obb OBB26=obb26"
        " SemanticSegment=semantic Depth=depth",
        several=True,
    ),
    **_table(
        "prompted",
        "WorldDetect=world YOLOEDetect=yoloe YOLOESegment=yoloe_segment YOLOESegment26=yoloe_segment26",
        several=True,
    ),
    **_table("rtdetr", "RTDETRDecoder=decoder", several=True),
    **_table(
        "anchored",
        "IDetect=i_detect IAuxDetect=i_aux_detect DDetect=d_detect DualDetect=dual_detect DualDDetect=dual_d_detect"
        " TripleDetect=triple_detect TripleDDetect=triple_d_detect DSegment=d_segment DualDSegment=dual_d_segment"
        " Panoptic=panoptic",
        several=True,
    ),
}
"""By the names that files have for them."""
UNSCALED = "nn.Conv2d"
"""PyTorch's convolution: YOLOv5's and v7's programs scale it as their own."""
SCALED = Module("plain", "bare_conv", scaled=True)
ANCHORED = {"Detect": "detect", "Segment": "segment"}
"""Of a file with anchors, heads of YOLOv5 in the place of later ones."""
PLAIN_OF_NINE = {"Detect": "nine", "Segment": "nine_segment"}
WORDED = ("C2fAttn", "ImagePoolingAttn", "WorldDetect", "YOLOEDetect", "YOLOESegment", "YOLOESegment26")
"""Modules that read words."""
MASKED = ("Segment", "Segment26", "YOLOESegment", "YOLOESegment26", "Panoptic", "DSegment", "DualDSegment")
"""Heads whose last argument is a width."""
LARGE, LARGEST = "mlx", "lx"
"""Scales whose blocks are other ones."""


def module_of(row: Row, model: Model) -> Module | None:
    """Return what is known of a row's module, if it is."""
    if row.module == UNSCALED and model.is_narrow:
        return SCALED
    return MODULES.get(row.module) or (Module("plain", "function") if _function(row) else None)


def _function(row: Row) -> Op | None:
    """Return the operator of a module of PyTorch's that is a function of each element: `nn.LeakyReLU`, [0.1]."""
    found = activation(f"{row.module}({', '.join(map(str, row.args))})")
    return found if isinstance(found, Elementwise) and not isinstance(found, AlongAxis) else None


def function_of(row: Row, model: Model, anchors: object) -> Callable[..., Any]:
    """Return what builds a row's module: a function of the network, what is read, and the arguments."""
    from importlib import import_module  # families are imported when a file uses them

    module = module_of(row, model)
    assert module is not None
    if module.function == "function":
        op = _function(row)
        return lambda net, x, *_: net.add(op, x)
    family, name = module.family, module.function
    if row.module in ANCHORED and anchors is not None and anchors in row.args:
        family, name = "anchored", ANCHORED[row.module]
    elif row.module in PLAIN_OF_NINE and model.dialect == V9:
        family, name = "anchored", PLAIN_OF_NINE[row.module]
    if row.module == "Bottleneck" and model.is_narrow:
        return csp.narrow
    if family == "plain":
        return PLAIN[name]
    found = import_module(f"archinspect.importers.ultralytics.{family}")
    function: Callable[..., Any] = getattr(found, name, None) or found.BLOCKS[name]
    return function


PLAIN: dict[str, Callable[..., Any]] = {
    "conv": lambda net, *args: net.body(*args),
    "depthwise": lambda net, x, c2, k=1, s=1, d=1, act=True: _depthwise(net, x, c2, k, s, d, act),
    "bare_conv": lambda net, *args: net.bare(*args),
}


def _depthwise(net: Net, x: Any, c2: int, k: int, s: int, d: int, act: Any) -> Any:  # noqa: ANN401
    from math import gcd

    return net.body(x, c2, k, s, None, gcd(net.width(x), c2), d, act)


def arguments(row: Row, model: Model, anchors: object) -> tuple[list[Any], int]:
    """Return a row's arguments, scaled, and how often its module stands there."""
    module, args = module_of(row, model), list(row.args)
    assert module is not None
    repeats = model.repeated(row.repeats)
    if module.scaled and args[0] != model.classes:
        args[0] = model.scaled(args[0])
    if row.module == "C2fAttn":
        args[1:3] = _words(args[1], args[2], model)
    if row.module in MASKED:
        place = {"Panoptic": 3}.get(row.module, 2) + (anchors is not None and anchors in args)
        if len(args) > place:
            args[place] = eights(min(args[place], model.most) * model.width)
    if module.repeats:
        args.insert(1, repeats)
    elif row.module == "HGBlock":
        args.insert(3, repeats)
    if row.module == "C3k2" and model.scale and model.scale in LARGE:
        args[2:3] = [True]
    if row.module == "A2C2f" and model.scale and model.scale in LARGEST:
        args += [True, 1.2]
    return args, 1 if module.repeats or row.module == "HGBlock" else repeats


def _words(ec: int, heads: int, model: Model) -> list[int]:
    """Return the width and the heads of attention to words."""
    wide = eights(min(ec, model.most // 2) * model.width)
    if heads <= 1:
        return [wide, heads]
    return [wide, int(max(round(min(heads, model.most // 2 // 32)) * model.width, 1))]
