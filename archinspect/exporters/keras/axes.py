"""Operators that put elements into other axes, cut and join them."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any

from archinspect.base.shape import normal_axes, normal_axis
from archinspect.exporters.code import Step, code
from archinspect.exporters.keras.use import Named, Use, function, layer, own, with_arguments
from archinspect.exporters.refusal import CannotExportError
from archinspect.graph.call import Call as OpCall
from archinspect.graph.call import TensorType
from archinspect.ops.spatial import channel_axis

if TYPE_CHECKING:
    from archinspect.exporters.keras.use import Chain


def flatten(use: Use) -> Step:
    """Return several axes as one."""
    op: Any = use.op
    rank = len(use.shape)
    if rank <= 2:  # noqa: PLR2004 - the batch and one axis
        return layer("Flatten")
    start, end = op.start_dim % rank, op.end_dim % rank
    if not start:
        raise use.refuse("Keras joins no axis with the batch's")
    return layer("Flatten") if (start, end) == (1, rank - 1) else layer("Reshape", {"target_shape": use.output[1:]})


def reshape(use: Use) -> Step:
    """Return the elements in other axes."""
    op: Any = use.op
    return layer("Reshape", {"target_shape": tuple(op.target_shape)})


def reshape_like(use: Use) -> Step:
    """Return the elements in the axes of another tensor."""
    return layer("Reshape", {"target_shape": use.output[1:]})


def permute(use: Use) -> Step:
    """Return the axes in another order."""
    op: Any = use.op
    return layer("Permute", {"dims": tuple(op.dims[1:] if op.dims[:1] == (0,) else op.dims)})


def repeat_vector(use: Use) -> Step:
    """Return a vector several times."""
    return layer("RepeatVector", {"n": use.output[1]})


def mat_mul(use: Use) -> Step:
    """Return a product of matrices."""
    op: Any = use.op
    rank = max(map(len, use.shapes))
    factors = []
    for index, (shape, turned) in enumerate(zip(use.shapes, (op.transpose_a, op.transpose_b), strict=True)):
        missing = rank - len(shape)
        text = f"{{{index}}}" + (f"[:, {', '.join(['None'] * missing)}]" if missing else "")
        factors.append(f"ops.swapaxes({text}, -2, -1)" if turned else text)
    return Step(code(f"ops.matmul({', '.join(factors)})"))


def part(use: Use) -> Step:
    """Return some positions of an axis."""
    op: Any = use.op
    at = normal_axis(op.axis, len(use.shape))
    stop = "" if op.stop is None else "{stop}"
    step = f":{op.step}" if op.step != 1 else ""
    return Step(code(f"{{0}}[{':, ' * at}{'{start}' if op.start else ''}:{stop}{step}]", start=op.start, stop=op.stop))


def select(use: Use) -> Step:
    """Return one position of an axis."""
    op: Any = use.op
    return Step(code(f"{{0}}[{':, ' * normal_axis(op.axis, len(use.shape))}{{index}}]", index=op.index))


def reduction(use: Use, name: str) -> Step:
    """Return the elements along axes joined into one."""
    op: Any = use.op
    keep = ", keepdims=True" if op.keepdims else ""
    axes = tuple(sorted(normal_axes(op.axis, len(use.shape))))
    return Step(code(f"ops.{name}({{0}}, axis={{axis}}{keep})", axis=axes[0] if len(axes) == 1 else axes))


def roll(use: Use) -> Step:
    """Return positions shifted along axes."""
    op: Any = use.op
    axes = [normal_axis(axis, len(use.shape)) for axis in op.axis]
    shifts = tuple(op.shift) * (len(axes) if len(op.shift) == 1 else 1)
    text = "{0}"
    for number in range(len(axes)):
        text = f"ops.roll({text}, {{shift{number}}}, axis={{axis{number}}})"
    values = {f"shift{number}": shift for number, shift in enumerate(shifts)}
    return Step(code(text, **values, **{f"axis{number}": axis for number, axis in enumerate(axes)}))


def windows(use: Use) -> Step:
    """Return a map cut into windows."""
    op: Any = use.op
    return function("windows_of", "{0}, {window_size}", window_size=op.window_size)


def from_windows(use: Use) -> Step:
    """Return a map put together of windows."""
    _, height, width, _ = use.output
    template = "{0}, {height}, {width}, {window_size}"
    return function("map_of", template, height=height, width=width, window_size=use.op.window_size)  # type: ignore[attr-defined] # of this operator


def split(use: Use) -> Step:
    """Return the parts of an axis."""
    op: Any = use.op
    rank = len(use.shape)
    axis = normal_axis(channel_axis(use.shape, op.data_format) if op.axis is None else op.axis, rank)
    axis = -1 if axis == rank - 1 else axis
    if op.parts:
        return Step(code(f"ops.split({{0}}, {{parts}}, axis={{axis}}){_only(use)}", parts=op.parts, axis=axis))
    places = tuple(accumulate(op.sizes[:-1]))
    return Step(code(f"ops.split({{0}}, {{indices}}, axis={{axis}}){_only(use)}", indices=places, axis=axis))


def _only(use: Use) -> str:
    """Return what takes the only one of a list's items."""
    return "[0]" if len(use.call.outputs) == 1 else ""


def unbind(use: Use) -> Step:
    """Return the positions of an axis."""
    op: Any = use.op
    axis = normal_axis(op.axis, len(use.shape))
    return Step(code(f"ops.unstack({{0}}, axis={{axis}}){_only(use)}", axis=axis))


def top_k(use: Use) -> Step:
    """Return the largest elements, and where they were."""
    op: Any = use.op
    axis = normal_axis(op.axis, len(use.shape))
    if axis == len(use.shape) - 1 and op.largest:
        return Step(code("ops.top_k({0}, {k})", k=op.k))
    options = "" if op.largest else ", largest=False"
    return function("top_k", f"{{0}}, {{k}}, axis={{axis}}{options}", k=op.k, axis=axis)


def custom(use: Use) -> Step:
    """Return a stub: what it computes nobody knows."""
    sizes = {name: weight.shape[0] for name, weight in use.call.weights.items()}
    named = {"output_shape": use.output[1:], "params": sizes.get("weights", 0)}
    step = own("Custom", named, buffers=(sizes.get("buffers", 0), 0))
    return step._replace(code=code("{self}([{all}])"))


def each_step(use: Use) -> Chain:
    """Return a layer applied to every step: Keras's wrapper around one layer, or a batch of all steps."""
    op: Any = use.op
    inner = type(op.layer).__name__
    if len(use.shapes) > 1 or len(use.call.outputs) > 1 or inner not in use.operators:
        raise CannotExportError(use.node.layer, f"TimeDistributed around {inner}, which is several of Keras's layers")
    if any(getattr(op.layer, name, None) for name in ("position_biases", "shared_position_biases", "masked", "window")):
        raise CannotExportError(use.node.layer, "TimeDistributed around attention with biases or a mask")
    types = tuple(_as_samples(one) for one in use.call.inputs)
    outputs = tuple(_as_samples(one) for one in use.call.outputs)
    found = use.operators[inner](use._replace(call=OpCall(op.layer, types, outputs)))
    chain = found if isinstance(found, list) else [("", found)]
    has_axes = len(use.shape) > 2  # noqa: PLR2004 - beside the batch and the steps
    if has_axes and len(chain) == 1 and chain[0][1].module and chain[0][1].code == code("{self}({0})"):
        (_, step), *_ = chain
        module = with_arguments(step.module, name=(Named("-layer"), ...))  # type: ignore[arg-type] # it has one
        return [("", layer("TimeDistributed", {"layer": module})._replace(parts=step.parts))]
    steps, *axes = use.shape[1:]
    last = outputs[0].shape[1:]
    batch = Step(code("ops.reshape({0}, {shape})", shape=(-1, *axes)))
    back = Step(code("ops.reshape({0}, {shape})", shape=(-1, steps, *last)))
    return [("", batch), *chain, ("", back)]


def _as_samples(type_: TensorType) -> TensorType:
    batch, steps, *axes = type_.shape
    return TensorType((batch * steps, *axes), type_.dtype)


def trained(use: Use) -> dict[str, tuple[Any, Any]]:
    """Return the argument of a layer that does not train."""
    return {"trainable": (False, True)} if use.call.weights and not use.node.trainable else {}
