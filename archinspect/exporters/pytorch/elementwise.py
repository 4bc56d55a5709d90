"""Operators that compute each element by itself or along an axis: activations, merges, noise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.analyses.storage import storages_at_inference
from archinspect.base.shape import size
from archinspect.exporters.code import Step, call, code
from archinspect.exporters.refusal import CannotExportError

if TYPE_CHECKING:
    from archinspect.exporters.orders import Use
    from archinspect.ops.base import Op

# The operator: PyTorch's module, its function where `torch.nn.functional` has one, and further arguments with PyTorch's
# own values where they are not given.
_FUNCTIONS: dict[str, tuple[str, str, dict[str, tuple[str, Any]]]] = {
    "ReLU6": ("ReLU6", "relu6", {}),
    "LeakyReLU": ("LeakyReLU", "leaky_relu", {"negative_slope": ("negative_slope", 0.01)}),
    "ELU": ("ELU", "elu", {"alpha": ("alpha", 1.0)}),
    "SELU": ("SELU", "selu", {}),
    "CELU": ("CELU", "celu", {"alpha": ("alpha", 1.0)}),
    "SiLU": ("SiLU", "silu", {}),
    "Sigmoid": ("Sigmoid", "sigmoid", {}),
    "LogSigmoid": ("LogSigmoid", "logsigmoid", {}),
    "Tanh": ("Tanh", "tanh", {}),
    "Softplus": ("Softplus", "softplus", {"beta": ("beta", 1.0), "threshold": ("threshold", 20.0)}),
    "Softsign": ("Softsign", "softsign", {}),
    "Mish": ("Mish", "mish", {}),
    "HardSigmoid": ("Hardsigmoid", "hardsigmoid", {}),
    "HardSwish": ("Hardswish", "hardswish", {}),
    "HardTanh": ("Hardtanh", "hardtanh", {"min_val": ("min_val", -1.0), "max_val": ("max_val", 1.0)}),
    "HardShrink": ("Hardshrink", "hardshrink", {"lambd": ("lambd", 0.5)}),
    "SoftShrink": ("Softshrink", "softshrink", {"lambd": ("lambd", 0.5)}),
    "TanhShrink": ("Tanhshrink", "tanhshrink", {}),
    "ThresholdedReLU": ("Threshold", "threshold", {"threshold": ("theta", ...), "value": ("value", ...)}),
}
NAMES = tuple(_FUNCTIONS)
_METHODS = {"Sigmoid": "sigmoid", "Tanh": "tanh", "Exponential": "exp"}


def of_each_sample(use: Use, index: int) -> str:
    """Return an input, repeated for each sample where others have samples and it has none."""
    inputs = use.node.inputs
    other = next((at for at, tensor in enumerate(inputs) if tensor.batched), index)
    if other == index or inputs[index].batched:
        return f"{{{index}}}"
    return f"{{{index}}}.expand(len({{{other}}}){', -1' * (len(use.call.shapes[index]) - 1)})"


def all_of_each_sample(use: Use) -> str:
    """Return all inputs, each repeated for each sample where others have samples and it has none."""
    return ", ".join(of_each_sample(use, index) for index in range(len(use.node.inputs)))


def overwrites(use: Use) -> bool:
    """Return whether it may compute in the place of its input: nothing else reads that, and nobody outside has it."""
    return use.op.in_place and use.node.position in use.facts.once(storages_at_inference).overwriting


def function(use: Use) -> Step:
    """Return an activation of `torch.nn.functional`."""
    name = type(use.op).__name__
    module, functional, args = _FUNCTIONS[name]
    given = {theirs: (getattr(use.op, ours), default) for theirs, (ours, default) in args.items()}
    place = overwrites(use)
    written = [f", {theirs}={{{theirs}}}" for theirs, (value, default) in given.items() if value != default]
    values = {theirs: value for theirs, (value, _) in given.items()}
    if place:
        given["inplace"] = (True, False)
        written.append(", inplace=True")
    options = "".join(written)
    short = _METHODS.get(name)
    text = f"{{0}}.{short}()" if short else f"F.{functional}({{0}}{options})"
    return Step(code(text, **values), call(f"nn.{module}", {}, **given), stateless=True)


def relu(use: Use) -> Step:
    """Return a ReLU, by PyTorch's functions for one of a bound, a slope and a threshold."""
    op: Any = use.op
    place = overwrites(use)
    inplace = ", inplace=True" if place else ""
    if not op.threshold and op.max_value is None and not op.negative_slope:
        module = call("nn.ReLU", {}, inplace=(place, False))
        return Step(code(f"F.relu({{0}}{inplace})"), module, stateless=True)
    if not op.threshold and op.max_value is None:
        module = call("nn.LeakyReLU", {}, negative_slope=(op.negative_slope, 0.01), inplace=(place, False))
        text = f"F.leaky_relu({{0}}, negative_slope={{slope}}{inplace})"
        return Step(code(text, slope=op.negative_slope), module, stateless=True)
    if not op.threshold and not op.negative_slope:
        return Step(code(f"{{0}}.clamp{'_' * place}(0.0, {{most}})", most=op.max_value))
    if op.max_value is None and not op.negative_slope:
        module = call("nn.Threshold", {"threshold": op.threshold, "value": 0.0}, inplace=(place, False))
        text = f"F.threshold({{0}}, {{threshold}}, 0.0{inplace})"
        return Step(code(text, threshold=op.threshold), module, stateless=True)
    values = {"max_value": op.max_value, "negative_slope": op.negative_slope, "threshold": op.threshold}
    text = "bounded_relu({0}, max_value={max_value}, negative_slope={negative_slope}, threshold={threshold})"
    return Step(code(text, **values), parts=("bounded_relu",))


def gelu(use: Use) -> Step:
    """Return a GELU."""
    op: Any = use.op
    approximate = "tanh" if op.approximate in (True, "tanh") else "none"
    module = call("nn.GELU", {}, approximate=(approximate, "none"))
    options = ', approximate="tanh"' if approximate == "tanh" else ""
    return Step(code(f"F.gelu({{0}}{options})"), module, stateless=True)


def quick_gelu(use: Use) -> Step:
    """Return a GELU by a sigmoid."""
    return Step(code("quick_gelu({0})"), parts=("quick_gelu",))


def exponential(use: Use) -> Step:
    """Return the exponential."""
    return Step(code("{0}.exp()"))


def prelu(use: Use) -> Step:
    """Return an `nn.PReLU`, or one with a slope for each element."""
    op: Any = use.op
    shape = use.call.weights["alpha"].shape
    if op.num_parameters:
        at = use.axis(1 if use.call.shapes[0][1] == op.num_parameters else -1)
        shape = (*(1,) * (at - 1), *shape, *(1,) * (len(use.shape) - 1 - at))
    else:
        shape = tuple((1, *shape)[axis] for axis in use.orders[0])[1:]
    wide = [axis for axis, count in enumerate(shape, 1) if count != 1] or [1]
    if len(wide) == 1:  # PyTorch has its slopes along the second axis
        (at,) = wide
        text = "{self}({0})" if at == 1 else f"{{self}}({{0}}.movedim({at}, 1)).movedim(1, {at})"
        return Step(code(text), call("nn.PReLU", {}, num_parameters=(size(shape), 1)))
    return Step(code("{self}({0})"), call("ElementwisePReLU", {"shape": shape}), parts=("ElementwisePReLU",))


def softmax(use: Use, name: str) -> Step:
    """Return a softmax or its logarithm, along one axis or several."""
    op: Any = use.op
    rank = len(use.shape)
    axes = op.axis
    if axes is None:
        axes = (0,) if rank in (1, 3) else (1,)
    if len(axes) > 1:
        # In the order of the spec, in which they are next to each other in memory where they are in it.
        several = tuple(use.axis(axis) for axis in sorted(axis % rank for axis in axes))
        return Step(code(f"along(torch.{name}, {{0}}, {{dim}})", dim=several), parts=("along",))
    at = use.axis(axes[0])
    module = call("nn.Softmax" if name == "softmax" else "nn.LogSoftmax", {}, dim=(at, ...))
    return Step(code(f"{{0}}.{name}({{dim}})", dim=at), module, stateless=True)


def glu(use: Use) -> Step:
    """Return a GLU."""
    op: Any = use.op
    at = use.axis(op.axis)
    options = "" if at == len(use.shape) - 1 else ", dim={dim}"
    return Step(code(f"F.glu({{0}}{options})", dim=at), call("nn.GLU", {}, dim=(at, -1)), stateless=True)


def activation_name(op: Op | None) -> str:
    """Return the name that `torch.nn.functional` has for an activation without arguments."""
    name = "Identity" if op is None else type(op).__name__
    names = {"ReLU": "relu", "GELU": "gelu"} | {ours: functional for ours, (_, functional, _) in _FUNCTIONS.items()}
    if name not in names:
        raise CannotExportError(name, "is no activation that PyTorch has a function for")
    theirs = _FUNCTIONS[name][2].values() if name in _FUNCTIONS else []
    given = op.given().keys() - {"in_place"} - {ours for ours, _ in theirs} if op else ()
    if given or any(getattr(op, ours) != default for ours, default in theirs):
        raise CannotExportError(name, "is not what PyTorch's function does without arguments")
    return names[name]


# Merges

MOST_OPERANDS = 500
"""Of an expression; Python reads about twice as many."""


def merge(use: Use, operator: str) -> Step:
    """Return the inputs joined two at a time."""
    return Step(code(f" {operator} ".join(_operands(use))))


def _operands(use: Use) -> list[str]:
    """Return the inputs, those of fewer axes with further ones after the batch."""
    if len(use.orders) > MOST_OPERANDS:
        raise CannotExportError(
            use.node.layer, f"an expression of more than {MOST_OPERANDS} values is too deep for Python"
        )
    return [f"{{{index}}}{lined_up(use, index)}" for index in range(len(use.orders))]


def lined_up(use: Use, index: int) -> str:
    """Return what gives an input as many axes as the input of most has, after the batch."""
    missing = max(map(len, use.call.shapes)) - len(use.call.shapes[index])
    return f"[:, {', '.join(['None'] * missing)}]" if missing else ""


def extreme(use: Use, name: str) -> Step:
    """Return the largest or the smallest of the inputs."""
    first, *others = _operands(use)
    text = first
    for other in others:
        text = f"torch.{name}({text}, {other})"
    return Step(code(text))


def average(use: Use) -> Step:
    """Return the mean of the inputs."""
    operands = _operands(use)
    return Step(code(f"({' + '.join(operands)}) / {len(operands)}"))


def concatenate(use: Use) -> Step:
    """Return the inputs side by side; of one a copy."""
    if len(use.orders) == 1:
        return Step(code("{0}.clone()"))
    return Step(code(f"torch.cat([{all_of_each_sample(use)}], dim={{dim}})", dim=use.own_axis))


def sample(use: Use) -> Step:
    """Return a draw from a normal distribution."""
    return Step(code(f"sample_gaussian({all_of_each_sample(use)})"), parts=("sample_gaussian",))


# What does something in training alone


def identity(use: Use) -> Step:
    """Return the input."""
    return Step(code("{0}"), call("nn.Identity", {}), stateless=True)


def detached(use: Use) -> Step:
    """Return the input, to which no gradient goes."""
    del use
    return Step(code("{0}.detach()"))


def dropout(use: Use, name: str = "Dropout") -> Step:
    """Return an `nn.Dropout`."""
    op: Any = use.op
    return Step(code("{self}({0})"), call(f"nn.{name}", {"p": float(op.rate)}))


def spatial_dropout(use: Use) -> Step:
    """Return a dropout of whole channels."""
    op: Any = use.op
    module = call("SpatialDropout", {"rate": float(op.rate)}, axis=(use.own_axis, 1))
    return Step(code("{self}({0})"), module, parts=("SpatialDropout",))


def gaussian_dropout(use: Use) -> Step:
    """Return random factors."""
    op: Any = use.op
    return Step(code("{self}({0})"), call("GaussianDropout", {"rate": float(op.rate)}), parts=("GaussianDropout",))


def gaussian_noise(use: Use) -> Step:
    """Return random terms."""
    op: Any = use.op
    return Step(code("{self}({0})"), call("GaussianNoise", {"stddev": float(op.stddev)}), parts=("GaussianNoise",))


def stochastic_depth(use: Use) -> Step:
    """Return a path that is dropped at random."""
    op: Any = use.op
    module = call("StochasticDepth", {"rate": float(op.rate)}, mode=(op.mode, "row"))
    return Step(code("{self}({0})"), module, parts=("StochasticDepth",))


def rescaling(use: Use) -> Step:
    """Return a multiple, and a term."""
    op: Any = use.op
    text = "{0}" + (" * {scale}" if op.scale != 1 else "") + (" + {offset}" if op.offset else "")
    return Step(code(text, scale=op.scale, offset=op.offset))
