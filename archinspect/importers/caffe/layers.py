"""Layers of Caffe by their kinds: a function each, which gives what the layer gives."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from archinspect.importers.caffe.net import FIRST
from archinspect.ops import activation as act
from archinspect.ops import elementwise
from archinspect.ops.choose import Power
from archinspect.ops.dense import Dense
from archinspect.ops.identity import Dropout, Identity, Rescaling
from archinspect.ops.merge import Add, Concatenate, Maximum, Multiply
from archinspect.ops.norm import BatchNormalization, InstanceNormalization, LayerScale, UnitNormalization
from archinspect.ops.reshape import Flatten, Permute, Reshape
from archinspect.ops.response import LocalResponseNormalization
from archinspect.ops.several import Split, TopK
from archinspect.ops.source import Parameter
from archinspect.ops.tensor import Custom

if TYPE_CHECKING:
    from archinspect.graph.graph import Tensor
    from archinspect.importers.caffe.net import Layer, Net
    from archinspect.ops.base import Op


# Products


def inner_product(net: Net, layer: Layer) -> list[Tensor]:
    """Add a product with all axes from one on."""
    (x,) = layer.inputs
    axis = net.axis(layer, x)
    if net.rank(x) > axis + 1:
        x = net.add(Flatten(start_dim=axis), x)
    op = Dense(units=layer.given.whole("num_output", 0, 1), use_bias=layer.given.flag("bias_term", default=True))
    return [net.add(op, x, name="product", trainable=layer.trains)]


def embed(net: Net, layer: Layer) -> list[Tensor]:
    """Add a table of vectors."""
    from archinspect.ops.embed import Embedding  # rare

    (x,) = layer.inputs
    width = layer.given.whole("num_output", 0, 1)
    op = Embedding(input_dim=layer.given.whole("input_dim", 0, 1), output_dim=width)
    x = net.add(op, x, name="table", trainable=layer.trains)
    if layer.given.flag("bias_term", default=True):
        x = net.add(Add(), x, net.add(Parameter(shape=[width]), name="bias"))
    return [x]


def lstm(net: Net, layer: Layer) -> list[Tensor]:
    """Add a long short-term memory; Caffe has the steps first, where other networks have the batch."""
    from archinspect.ops.recurrent import LSTM  # rare

    return _recurrent(net, layer, LSTM(units=layer.given.whole("num_output", 0, 1), return_sequences=True))


def rnn(net: Net, layer: Layer) -> list[Tensor]:
    """Add a recurrent layer whose output is a product of its state."""
    from archinspect.ops.recurrent import SimpleRNN  # rare

    units = layer.given.whole("num_output", 0, 1)
    (x,) = _recurrent(net, layer, SimpleRNN(units=units, return_sequences=True))
    x = net.add(Dense(units=units), x, name="output")
    return [net.add(act.Tanh(), x)]


def _recurrent(net: Net, layer: Layer, op: Op) -> list[Tensor]:
    x = layer.inputs[0]
    if len(layer.inputs) > 2:  # noqa: PLR2004 - what is read, and where sequences go on
        raise layer.refuse("an input that all steps read is not read")
    shape = net.shape(x)
    if len(shape) > 2:  # noqa: PLR2004 - streams and features
        x = net.add(Reshape(target_shape=[shape[0], prod(shape[1:])]), x)
    return [net.add(op, x, name="cells", trainable=layer.trains)]


# Normalization


def batch_norm(net: Net, layer: Layer) -> list[Tensor]:
    """Add a normalization by what was counted; a Scale follows where it is learned."""
    (x,) = layer.inputs
    return [net.add(_normal(net, x, affine=False), x, name="norm")]


def bn(net: Net, layer: Layer) -> list[Tensor]:
    """Add the normalization of PSPNet and SegNet, with a factor and a summand."""
    (x,) = layer.inputs
    return [net.add(_normal(net, x, affine=True), x, name="norm", trainable=layer.trains)]


def _normal(net: Net, x: Tensor, *, affine: bool) -> Op:
    axis = 1 if net.rank(x) > 2 else -1  # noqa: PLR2004 - a vector has its channels last
    return BatchNormalization(axis=axis, affine=affine, data_format=FIRST)


def scale(net: Net, layer: Layer) -> list[Tensor]:
    """Multiply by learned numbers, or by another blob, along axes; then add learned numbers."""
    x, *others = layer.inputs
    axis = _start(net, layer, x, others)
    axes = _axes(net, layer, x, axis)
    if others:
        factor = _stretched(net, others[0], axis, net.rank(x))
        x = net.add(Multiply(), x, factor)
    elif len(axes) == 1:
        x = net.add(LayerScale(axis=axis), x, name="scale", trainable=layer.trains)
    else:
        x = net.add(Multiply(), x, _learned(net, layer, "scale", axis, axes, net.rank(x)))
    if layer.given.flag("bias_term"):
        x = net.add(Add(), x, _learned(net, layer, "bias", axis, axes, net.rank(x)))
    return [x]


def bias(net: Net, layer: Layer) -> list[Tensor]:
    """Add learned numbers, or another blob, along axes."""
    x, *others = layer.inputs
    axis = _start(net, layer, x, others)
    if others:
        return [net.add(Add(), x, _stretched(net, others[0], axis, net.rank(x)))]
    axes = _axes(net, layer, x, axis)
    return [net.add(Add(), x, _learned(net, layer, "bias", axis, axes, net.rank(x)))]


def axpy(net: Net, layer: Layer) -> list[Tensor]:
    """Multiply a blob by a number for each channel, and add another, as SENet does."""
    factor, x, y = layer.inputs
    factor = _stretched(net, factor, 1, net.rank(x))
    return [net.add(Add(), net.add(Multiply(), x, factor), y)]


def _start(net: Net, layer: Layer, x: Tensor, others: list[Tensor]) -> int:
    """Return the axis from which on another blob meets one; a blob has the batch, too, where that is the first."""
    with_batch = others and layer.given.whole("axis", 1, -32) in (0, -net.rank(x))
    return 1 if with_batch else net.axis(layer, x)


def _axes(net: Net, layer: Layer, x: Tensor, axis: int) -> tuple[int, ...]:
    """Return the sizes of the axes along which learned numbers lie."""
    count = layer.given.whole("num_axes", 1, -1)
    return net.shape(x)[axis - 1 :] if count == -1 else net.shape(x)[axis - 1 : axis - 1 + count]


def _learned(net: Net, layer: Layer, name: str, axis: int, axes: tuple[int, ...], rank: int) -> Tensor:
    shape = [*axes, *[1] * (rank - axis - len(axes))]
    return net.add(Parameter(shape=[*shape] or [1]), name=name, trainable=layer.trains)


def _stretched(net: Net, x: Tensor, axis: int, rank: int) -> Tensor:
    """Give a blob axes of size 1, so that it meets another along its own."""
    shape = net.shape(x)
    lacking = rank - axis - len(shape)
    return net.add(Reshape(target_shape=[*shape, *[1] * lacking]), x) if lacking > 0 and shape else x


def lrn(net: Net, layer: Layer) -> list[Tensor]:
    """Normalize by channels around, or by places around."""
    (x,) = layer.inputs
    size = layer.given.whole("local_size", 5, 1)
    regions = ("ACROSS_CHANNELS", "WITHIN_CHANNEL")
    if layer.given.word("norm_region", regions[0], regions) == regions[1]:
        return [net.add(Custom(params=0, flops=(2 * size**2 + 3) * prod(net.shape(x))), x, name="norm")]
    return [net.add(LocalResponseNormalization(size=size, data_format=FIRST), x, name="norm")]


def mvn(net: Net, layer: Layer) -> list[Tensor]:
    """Take away the mean of each channel, and divide by its deviation."""
    (x,) = layer.inputs
    return [net.add(InstanceNormalization(affine=False, data_format=FIRST), x, name="norm")]


def normalize(net: Net, layer: Layer) -> list[Tensor]:
    """Divide by the length over channels, and multiply by learned numbers, as SSD does."""
    (x,) = layer.inputs
    x = net.add(UnitNormalization(axis=1), x)
    if layer.given.flag("channel_shared", default=True):
        return [net.add(Multiply(), x, net.add(Parameter(shape=[1]), name="scale", trainable=layer.trains))]
    return [net.add(LayerScale(axis=1), x, name="scale", trainable=layer.trains)]


# Functions of numbers


def relu(net: Net, layer: Layer) -> list[Tensor]:
    """Add a ReLU, with a slope below zero where there is one."""
    slope = layer.given.number("negative_slope", 0)
    return _each(net, layer, act.LeakyReLU(negative_slope=slope) if slope else act.ReLU(in_place=_in_place(layer)))


def prelu(net: Net, layer: Layer) -> list[Tensor]:
    """Add a ReLU with a learned slope for each channel."""
    (x,) = layer.inputs
    shared = layer.given.flag("channel_shared")
    op = act.PReLU(shared_axes=list(range(1 if shared else 2, net.rank(x))) or None)
    return [net.add(op, x, name="prelu", trainable=layer.trains)]


def _in_place(layer: Layer) -> bool:
    return layer.message.texts("bottom")[:1] == layer.message.texts("top")[:1]


def _each(net: Net, layer: Layer, op: Op) -> list[Tensor]:
    (x,) = layer.inputs
    return [net.add(op, x)]


def elu(net: Net, layer: Layer) -> list[Tensor]:
    """Add an ELU."""
    return _each(net, layer, act.ELU(alpha=layer.given.number("alpha", 1)))


def power(net: Net, layer: Layer) -> list[Tensor]:
    """Scale, shift, and raise to a power."""
    (x,) = layer.inputs
    factor, shift = layer.given.number("scale", 1), layer.given.number("shift", 0)
    exponent = layer.given.number("power", 1)
    if factor != 1 or shift or exponent == 1:
        x = net.add(Rescaling(scale=factor, offset=shift or None), x)
    return [x if exponent == 1 else net.add(Power(exponent=exponent), x)]


def exponential(net: Net, layer: Layer) -> list[Tensor]:
    """Scale, shift, and take the exponential."""
    return _scaled(net, layer, act.Exponential())


def logarithm(net: Net, layer: Layer) -> list[Tensor]:
    """Scale, shift, and take the logarithm."""
    return _scaled(net, layer, elementwise.Log())


def _scaled(net: Net, layer: Layer, op: Op) -> list[Tensor]:
    (x,) = layer.inputs
    factor, shift = layer.given.number("scale", 1), layer.given.number("shift", 0)
    if factor != 1 or shift:
        x = net.add(Rescaling(scale=factor, offset=shift or None), x)
    return [net.add(op, x)]


def softmax(net: Net, layer: Layer) -> list[Tensor]:
    """Add a softmax along an axis."""
    (x,) = layer.inputs
    return [net.add(act.Softmax(axis=net.axis(layer, x)), x)]


def dropout(net: Net, layer: Layer) -> list[Tensor]:
    """Set elements to 0, in training."""
    rate = layer.given.number("dropout_ratio", 0.5)
    return _each(net, layer, Dropout(rate=min(max(rate, 0.0), 0.99)))


def argmax(net: Net, layer: Layer) -> list[Tensor]:
    """Tell where the largest elements are, of an axis or of a sample; or how large, of a sample both."""
    from archinspect.ops.reduce import ArgMax  # rare

    (x,) = layer.inputs
    count, with_values = layer.given.whole("top_k", 1, 1), layer.given.flag("out_max_val")
    rank, of_axis = net.rank(x), "axis" in layer.given.fields
    axis = net.axis(layer, x) if of_axis else 1
    x = x if of_axis or rank == 2 else net.add(Flatten(), x)  # noqa: PLR2004 - a vector
    if count == 1 and not with_values:
        found = [net.add(ArgMax(axis=axis, keepdims=True), x)]
    else:
        values, places = net.add_all(TopK(k=count, axis=axis), x)
        found = [places, values] if with_values else [places]
    if of_axis:
        return found[-1:]
    found = [net.add(Reshape(target_shape=[1, count, *[1] * (rank - 3)]), one) for one in found]
    return found if len(found) == 1 else [net.add(Concatenate(axis=1), *found)]


PLAIN: dict[str, Op] = {
    "Sigmoid": act.Sigmoid(),
    "TanH": act.Tanh(),
    "AbsVal": elementwise.Abs(),
    "BNLL": act.Softplus(),
    "ReLU6": act.ReLU6(),
    "Swish": act.SiLU(),
    "Mish": act.Mish(),
    "Threshold": act.ThresholdedReLU(),
    "Clip": act.HardTanh(),
    "Split": Identity(),
    "Silence": Identity(),
}
"""Functions of each number, without arguments that would change what is counted."""


# Joins and shapes


def eltwise(net: Net, layer: Layer) -> list[Tensor]:
    """Add, multiply or compare blobs; a sum may have factors."""
    kinds: dict[str, Op] = {"PROD": Multiply(), "SUM": Add(), "MAX": Maximum()}
    how = layer.given.word("operation", "SUM", tuple(kinds))
    if how not in kinds:
        raise layer.refuse("the operation is SUM, PROD or MAX", "operation")
    factors = [
        float(field.value) for field in layer.given.fields.get("coeff", ()) if isinstance(field.value, int | float)
    ]
    tensors = list(layer.inputs)
    if len(factors) == len(tensors):
        tensors = [
            x if factor == 1 else net.add(Rescaling(scale=factor), x)
            for x, factor in zip(tensors, factors, strict=True)
        ]
    return [net.add(kinds[how], *tensors)] if len(tensors) > 1 else [net.add(Identity(), *tensors)]


def concat(net: Net, layer: Layer) -> list[Tensor]:
    """Join blobs along an axis."""
    name = "concat_dim" if layer.given.has("concat_dim") else "axis"
    axis = net.axis(layer, layer.inputs[0], name)
    return [net.add(Concatenate(axis=axis), *layer.inputs)]


def part(net: Net, layer: Layer) -> list[Tensor]:
    """Cut a blob along an axis: at points, or into equal parts."""
    (x,) = layer.inputs
    axis = net.axis(layer, x, "slice_dim" if layer.given.has("slice_dim") else "axis")
    length, count = net.shape(x)[axis - 1], len(layer.message.texts("top"))
    points = layer.given.wholes("slice_point")
    if count == 1:
        return [net.add(Identity(), x)]
    ends = [*points, length] if points else [length * (i + 1) // count for i in range(count)]
    sizes = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    if len(sizes) != count or min(sizes) < 1 or (not points and length % count):
        raise layer.refuse(f"{length} positions do not part into {count} so", "slice_point", "axis")
    return list(net.add_all(Split(sizes=[*sizes], axis=axis), x))


def flatten(net: Net, layer: Layer) -> list[Tensor]:
    """Join axes to one."""
    (x,) = layer.inputs
    end = layer.given.whole("end_axis", -1, -32)
    axis = net.axis(layer, x)
    return [net.add(Flatten(start_dim=axis, end_dim=end), x)] if net.rank(x) > axis + 1 else [x]


def reshape(net: Net, layer: Layer) -> list[Tensor]:
    """Give a sample other axes: 0 is a size as it is, -1 what is left."""
    (x,) = layer.inputs
    dims = layer.given.message("shape").wholes("dim", -1)
    axis = layer.given.whole("axis", 0, -32)
    axis = axis + net.rank(x) + 1 if axis < 0 else axis
    count = layer.given.whole("num_axes", -1, -1)
    end = net.rank(x) if count == -1 else axis + count
    shape: tuple[int, ...] = (0, *net.shape(x))
    if not 0 <= axis <= end <= len(shape):
        raise layer.refuse("there are no such axes", "axis", "num_axes")
    kept = [shape[axis + at] if dim == 0 and axis + at < len(shape) else dim for at, dim in enumerate(dims)]
    found = [*shape[:axis], *kept, *shape[end:]]
    if axis == 0 and dims and dims[0] > 0:
        found[0] = 0
    if not found or found[0] != 0 or 0 in found[1:]:
        raise layer.refuse("the first axis, the batch, has to stay as it is", "shape", help="dim: 0")
    return [net.add(Reshape(target_shape=[*found[1:]]), x)]


def permute(net: Net, layer: Layer) -> list[Tensor]:
    """Exchange axes."""
    (x,) = layer.inputs
    order = layer.given.wholes("order")
    order += [axis for axis in range(net.rank(x)) if axis not in order]
    if order[0] != 0:
        raise layer.refuse("the first axis, the batch, has to stay the first", "order")
    return [net.add(Permute(dims=[*order[1:]]), x)]


def reduction(net: Net, layer: Layer) -> list[Tensor]:
    """Join the elements of the axes from one on: as they are, without their signs or squared; by a factor."""
    from archinspect.ops.tensor import ReduceMean, ReduceSum  # rare

    (x,) = layer.inputs
    axes = list(range(net.axis(layer, x, default=0), net.rank(x)))
    before = {"SUM": None, "ASUM": elementwise.Abs(), "SUMSQ": elementwise.Square(), "MEAN": None}
    how = layer.given.word("operation", "SUM", ("", *before))
    if how not in before:
        raise layer.refuse("the operation is SUM, ASUM, SUMSQ or MEAN", "operation")
    op = before[how]
    x = net.add(op, x) if op else x
    x = net.add((ReduceMean if how == "MEAN" else ReduceSum)(axis=[*axes]), x)
    factor = layer.given.number("coeff", 1)
    return [x if factor == 1 else net.add(Rescaling(scale=factor), x)]


def tile(net: Net, layer: Layer) -> list[Tensor]:
    """Repeat along an axis."""
    (x,) = layer.inputs
    axis, times = net.axis(layer, x), layer.given.whole("tiles", 1, 1)
    return [net.add(Concatenate(axis=axis), *[x] * min(times, 1000))]
