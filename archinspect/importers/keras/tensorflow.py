"""Functions of TensorFlow that stand among the layers of Keras 2: `TFOpLambda`, `SlicingOpLambda`, `TensorFlowOpLayer`.

They become the functions of `keras.ops` of the same meaning, see :mod:`archinspect.importers.keras.operations`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from archinspect.importers.keras import operations
from archinspect.importers.keras.model import Array
from archinspect.importers.keras.operations import MixesSamplesError, is_tensor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from archinspect.importers.keras.build import Use
    from archinspect.importers.keras.layers import Add, Made


class Function(NamedTuple):
    """A function in the words of `keras.ops`."""

    name: str
    args: Mapping[str, str] = {}
    """Arguments of the call, by the names that the class there has for them."""
    places: tuple[str, ...] = ()
    """The names of arguments that may come without, those after the first tensor."""
    fixed: Mapping[str, Any] = {}


_REDUCED = {"axis": "axis", "keepdims": "keepdims", "reduction_indices": "axis", "keep_dims": "keepdims"}
_AXIS = {"axis": "axis"}


def _reduced(name: str) -> Function:
    return Function(name, _REDUCED, ("axis", "keepdims"))


ALL = "sum of all"
"""`add_n`, which has no function of that kind there."""
FUNCTIONS: dict[str, Function] = {
    **dict.fromkeys(("math.add", "__operators__.add", "add"), Function("Add", places=("y",))),
    **dict.fromkeys(("math.subtract", "subtract"), Function("Subtract", places=("y",))),
    **dict.fromkeys(("math.multiply", "multiply"), Function("Multiply", places=("y",))),
    **dict.fromkeys(
        ("math.truediv", "math.divide", "divide", "math.divide_no_nan", "realdiv"), Function("Divide", places=("y",))
    ),
    **dict.fromkeys(("math.floordiv", "math.floordiv"), Function("FloorDivide", places=("y",))),
    **dict.fromkeys(("math.pow", "pow"), Function("Power", places=("y",))),
    **dict.fromkeys(("math.maximum", "maximum"), Function("Maximum", places=("y",))),
    **dict.fromkeys(("math.minimum", "minimum"), Function("Minimum", places=("y",))),
    **dict.fromkeys(("math.equal", "equal"), Function("Equal", places=("y",))),
    **dict.fromkeys(("math.not_equal", "not_equal"), Function("NotEqual", places=("y",))),
    **dict.fromkeys(("math.greater", "greater"), Function("Greater", places=("y",))),
    **dict.fromkeys(("math.greater_equal", "greater_equal"), Function("GreaterEqual", places=("y",))),
    **dict.fromkeys(("math.less", "less"), Function("Less", places=("y",))),
    **dict.fromkeys(("math.less_equal", "less_equal"), Function("LessEqual", places=("y",))),
    **dict.fromkeys(("math.add_n", "add_n"), Function(ALL)),
    "math.logical_and": Function("LogicalAnd", places=("y",)),
    "math.logical_or": Function("LogicalOr", places=("y",)),
    "math.logical_not": Function("LogicalNot"),
    "math.squared_difference": Function("Subtract", places=("y",)),
    **{f"math.{name}": Function(name.capitalize()) for name in ("sqrt", "rsqrt", "square", "exp", "log", "sin", "cos")},
    **{f"math.{name}": Function(name.capitalize()) for name in ("tanh", "sigmoid", "sign", "floor", "ceil", "round")},
    **{f"math.{name}": Function(name.capitalize()) for name in ("abs", "negative", "erf", "log1p", "expm1", "tan")},
    **{f"math.{name}": Function(name.capitalize()) for name in ("reciprocal", "softplus", "atan", "asin", "acos")},
    **{name: Function(name.capitalize()) for name in ("abs", "exp", "sqrt", "square", "tanh", "sigmoid", "negative")},
    **{f"nn.{name}": Function(name.capitalize()) for name in ("relu", "relu6", "sigmoid", "softplus", "softsign")},
    **{f"nn.{name}": Function(name.capitalize()) for name in ("elu", "selu", "silu", "swish", "tanh")},
    "nn.swish": Function("Silu"),
    "nn.gelu": Function("Gelu"),
    "nn.leaky_relu": Function("LeakyRelu", {"alpha": "negative_slope"}, ("alpha",)),
    **dict.fromkeys(("nn.softmax", "math.softmax", "compat.v1.nn.softmax"), Function("Softmax", _AXIS, ("axis",))),
    "nn.log_softmax": Function("LogSoftmax", _AXIS, ("axis",)),
    "nn.l2_normalize": Function("Normalize", _AXIS, ("axis",)),
    "math.l2_normalize": Function("Normalize", _AXIS, ("axis",)),
    "norm": Function("Norm", {"ord": "ord", "axis": "axis", "keepdims": "keepdims"}, ("ord", "axis", "keepdims")),
    **{f"math.reduce_{name}": _reduced(name.capitalize()) for name in ("mean", "sum", "max", "min", "prod")},
    "math.reduce_variance": _reduced("Var"),
    "math.reduce_std": _reduced("Std"),
    "math.reduce_logsumexp": _reduced("Logsumexp"),
    "math.reduce_any": _reduced("Any"),
    "math.reduce_all": _reduced("All"),
    "math.argmax": Function("Argmax", _AXIS, ("axis",)),
    "math.argmin": Function("Argmin", _AXIS, ("axis",)),
    "argmax": Function("Argmax", _AXIS, ("axis",)),
    "math.cumsum": Function("Cumsum", _AXIS, ("axis",)),
    **dict.fromkeys(("linalg.matmul", "matmul"), Function("Matmul", {}, ("b",))),
    "einsum": Function("Einsum"),
    "cast": Function("Cast", {"dtype": "dtype"}, ("dtype",)),
    "reshape": Function("Reshape", {"shape": "newshape"}, ("shape",)),
    "transpose": Function("Transpose", {"perm": "axes"}, ("perm",)),
    "compat.v1.transpose": Function("Transpose", {"perm": "axes"}, ("perm",)),
    "expand_dims": Function("ExpandDims", _AXIS, ("axis",)),
    "squeeze": Function("Squeeze", _AXIS, ("axis",)),
    "compat.v1.squeeze": Function("Squeeze", _AXIS, ("axis",)),
    "concat": Function("Concatenate", _AXIS, ("axis",)),
    "stack": Function("Stack", _AXIS, ("axis",)),
    "unstack": Function("Unstack", _AXIS, ("num", "axis")),
    "split": Function(
        "Split", {"num_or_size_splits": "indices_or_sections", "axis": "axis"}, ("num_or_size_splits", "axis")
    ),
    "tile": Function("Tile", {"multiples": "repeats"}, ("multiples",)),
    "repeat": Function("Repeat", {"repeats": "repeats", "axis": "axis"}, ("repeats", "axis")),
    "reverse": Function("Flip", _AXIS, ("axis",)),
    "roll": Function("Roll", {"shift": "shift", "axis": "axis"}, ("shift", "axis")),
    "pad": Function("Pad", {"paddings": "pad_width"}, ("paddings",)),
    "compat.v1.pad": Function("Pad", {"paddings": "pad_width"}, ("paddings",)),
    "broadcast_to": Function("BroadcastTo", {"shape": "shape"}, ("shape",)),
    "clip_by_value": Function(
        "Clip", {"clip_value_min": "x_min", "clip_value_max": "x_max"}, ("clip_value_min", "clip_value_max")
    ),
    "where": Function("Where", {}, ("x", "y")),
    "one_hot": Function("OneHot", {"depth": "num_classes", "axis": "axis"}, ("depth",)),
    "image.resize": Function("Resize", {"size": "size", "method": "interpolation"}, ("size", "method")),
    "compat.v1.image.resize_images": Function("Resize", {"size": "size"}, ("size",)),
    "compat.v1.image.resize_bilinear": Function("Resize", {"size": "size"}, ("size",)),
    "image.extract_patches": Function("ExtractPatches"),
    "nn.depth_to_space": Function("DepthToSpace", {"block_size": "block_size"}, ("block_size",)),
    "nn.space_to_depth": Function("SpaceToDepth", {"block_size": "block_size"}, ("block_size",)),
    "compat.v1.depth_to_space": Function("DepthToSpace", {"block_size": "block_size"}, ("block_size",)),
    "identity": Function("Copy"),
    "stop_gradient": Function("StopGradient"),
    "zeros_like": Function("ZerosLike"),
    "ones_like": Function("OnesLike"),
    "gather": Function("Take", _AXIS, ("indices", "validate_indices", "axis")),
    "__operators__.getitem": Function("GetItem"),
}
"""By what follows `tf.`."""
NODES = {
    **dict.fromkeys(("Add", "AddV2", "BiasAdd"), "math.add"),
    "Sub": "math.subtract",
    "Mul": "math.multiply",
    **dict.fromkeys(("RealDiv", "Div"), "math.truediv"),
    "Pow": "math.pow",
    "Maximum": "math.maximum",
    "Minimum": "math.minimum",
    **{name: f"nn.{name.lower()}" for name in ("Relu", "Relu6", "Sigmoid", "Softplus", "Elu", "Selu", "Softmax")},
    **{name: f"math.{name.lower()}" for name in ("Exp", "Log", "Sqrt", "Rsqrt", "Square", "Tanh", "Abs", "Sin", "Cos")},
    "Neg": "math.negative",
    **{name: f"math.reduce_{name.lower()}" for name in ("Mean", "Sum", "Max", "Min", "Prod")},
    "Reshape": "reshape",
    "Transpose": "transpose",
    "ExpandDims": "expand_dims",
    "Tile": "tile",
    "Pad": "pad",
    "ResizeBilinear": "image.resize",
    "ResizeNearestNeighbor": "image.resize",
    "Identity": "identity",
}
"""Nodes of a TensorFlow graph, of `TensorFlowOpLayer`, whose constants are further inputs."""


def add(use: Use) -> Made:
    """Add the nodes of a function."""
    said, args, kwargs = _said(use)
    found = FUNCTIONS.get(said) if isinstance(said, str) else None
    if found is None:
        return use.unknown(params=0, is_own=False, why="this function of TensorFlow is not read")
    if found.name == ALL:
        return use.add("Add", *use.inputs) if len(use.inputs) > 1 else use.add("Identity")
    named = {name: value for name, value in kwargs.items() if name not in ("name", "data_format") and value is not None}
    for name, value in zip(found.places, args[1:], strict=False):
        named.setdefault(name, value)
    config = {"name": use.layer.name, **found.fixed}
    config |= {own: _plain(named[name]) for name, own in found.args.items() if name in named}
    rest = [value for name, value in named.items() if name not in found.args and name in (*found.places, "slice_spec")]
    read = [*args[:1], *rest]
    if found.name == "Einsum":
        config["subscripts"], read = _equation(args, named), list(use.inputs)
    inner = type(use)(use.net, use.layer._replace(kind=found.name, config=config), use.path, read, {}, use.said)
    if any(map(is_tensor, config.values())) or named.get("transpose_a") or named.get("adjoint_b"):
        return use.unknown(params=0)
    if found.name == "Matmul" and named.get("transpose_b") and all(map(is_tensor, inner.args)):
        return inner.add("MatMul", *inner.inputs, transpose_b=True)
    return _run(operations.OPERATIONS[found.name], inner, said)


def _said(use: Use) -> tuple[Any, list[Any], dict[str, Any]]:
    """Return which function it is, and what it is called with."""
    kind = use.layer.kind
    if kind == "TensorFlowOpLayer":
        return _node(use)
    return "__operators__.getitem" if kind == "SlicingOpLambda" else use.get("function", ""), use.args, use.kwargs


def _run(function: Add, use: Use, said: str) -> Made:
    try:
        made = function(use)
    except MixesSamplesError:
        return use.unknown(params=0, why="it works over the batch, or with values that the file does not have")
    if said == "math.squared_difference":
        assert not isinstance(made, tuple)  # a difference is one tensor
        return use.add("Square", made)
    return made


def _equation(given: list[Any], named: dict[str, Any]) -> Any:  # noqa: ANN401 - as the file says
    return next((value for value in (*given, *named.values()) if isinstance(value, str)), "")


def _plain(value: Any) -> Any:  # noqa: ANN401 - as the file says
    """Return an argument as Python's, also where it is a constant of one number."""
    return value.number if isinstance(value, Array) and value.number is not None else value


def _node(use: Use) -> tuple[Any, list[Any], dict[str, Any]]:
    """Return what a node of a graph is, and what it reads: its constants stand by the number of the input."""
    node = use.get("node_def", {})
    if isinstance(node, str):
        import json  # files of TensorFlow 2.0 to 2.3 alone

        node = json.loads(node)
    constants = use.get("constants", {})
    said = NODES.get(str(node.get("op")), "")
    tensors = iter(use.inputs)
    count = len(use.inputs) + len(constants)
    args: list[Any] = [constants[str(at)] if str(at) in constants else next(tensors) for at in range(count)]
    attributes = node.get("attr", {})
    keep = attributes.get("keep_dims", {}).get("b") if isinstance(attributes, dict) else None
    return said, args, {"keepdims": True} if keep else {}
