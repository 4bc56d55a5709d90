"""An operator as a step of a spec names it: the inverse of how the language makes operators of arguments.

Everything follows from the operator's own declaration: its arguments, their kinds and defaults. A spelling is one of a
few forms, the shortest first, that the argument's kind reads as the value; so it cannot be read as another one.
"""

from __future__ import annotations

from math import isclose
from struct import pack, unpack
from typing import TYPE_CHECKING, Any

from archinspect import ops
from archinspect.exporters.spec.steps import Expr
from archinspect.ops.base import Op
from archinspect.ops.computed import Computed, expressions
from archinspect.ops.declared import ArgumentError
from archinspect.ops.identity import Rescaling
from archinspect.ops.spatial import channel_axis

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archinspect.base.shape import Shape
    from archinspect.base.source import Value
    from archinspect.ops.args import Kind

CONSTANTS = ("epsilon", "momentum", "negative_slope", "alpha", "rate")
"""Arguments on which no figure depends."""
SMALLEST_SINGLE, LARGEST_SINGLE = 1e-37, 3e38


class Unspelled(Exception):  # noqa: N818 - no error: another form is tried
    """No text of the language stands for this operator."""


def spelled(op: Op, layout: str) -> dict[str, Any]:
    """Return the arguments that a spec of this layout gives for an operator, by their own names.

    Raise :class:`Unspelled` for an operator that is none of the language's, or that its arguments do not make up.
    """
    kind = type(op)
    if ops.find_operator(kind.__name__) is not kind:
        raise Unspelled
    if "in_place" in op.args and not op.in_place and op.view(training=False) is not None:
        op = op.replace(in_place=True)  # of a program that says so by where its tensors lie
    given = dict(_arguments(op, layout))
    shorter = {name: _without_layout(value, layout) for name, value in given.items()}
    if shorter != given and _is(op, _read(kind, shorter, layout)):
        return shorter
    if not any(expressions(getattr(op, name)) for name in op.args) and not _is(op, _read(kind, given, layout)):
        raise Unspelled
    return given


def as_written(op: Op, shape: Shape, layout: str) -> Op:
    """Return an operator as a person gives it: without the axis that it has anyway, with short constants.

    `shape` is that whose axes it counts. Numbers that files keep in single precision are the shortest that are the same
    there: 1e-05, not 1.0000000656873453e-05.
    """
    axis = getattr(op, "axis", None)
    changes: dict[str, Any] = {}
    if "axis" in op.args and type(axis) is int:
        usual = type(op).default("axis")
        if usual is None and "data_format" in op.args:
            if channel_axis(shape, layout) % len(shape) == axis % len(shape):
                changes = {"axis": None, "data_format": layout}
            elif op.data_format != layout:
                changes = {"data_format": layout}  # the axis is said
        elif type(usual) is int and usual % len(shape) == axis % len(shape):
            changes = {"axis": usual}
    dims = getattr(op, "dims", None)
    if isinstance(dims, tuple) and dims[:1] == (0,):
        changes["dims"] = dims[1:]  # the batch stays where it is
    if getattr(op, "num_kv_heads", None) == getattr(op, "num_heads", ...) and type(op).default("num_kv_heads") is None:
        changes["num_kv_heads"] = None
    for name in CONSTANTS:
        value = getattr(op, name, None)
        if name in op.args and type(value) is float and _short(value) != value:
            changes[name] = _short(value)
    return op.replace(**changes) if changes else op


def in_single(op: Op) -> Op:
    """Return an operator with the shortest numbers that are the same in single precision, where a file has them so.

    A quotient by such a number is a factor here, which is none of single precision itself.
    """
    values = {name: one for name in op.args if type(one := getattr(op, name)) is float and one}
    is_factor = isinstance(op, Rescaling)
    short = {name: _single(one) for name, one in values.items() if _is_single(one) or (is_factor and _divides(one))}
    changes = {name: one for name, one in short.items() if one != values[name] and not one.is_integer()}
    return op.replace(**changes) if changes else op


def _divides(value: float) -> bool:
    """Return whether a factor is a quotient by a number of single precision that is no whole one."""
    return not (1 / value).is_integer() and _is_single(1 / value)


def _is_single(value: float) -> bool:
    in_range = SMALLEST_SINGLE <= abs(value) <= LARGEST_SINGLE
    return in_range and isclose(float(unpack("f", pack("f", value))[0]), value, rel_tol=1e-15)


def behind_the_batch(op: Op, batch_at: int | None) -> Iterator[Op]:
    """Yield the operator that does the same where the batch is in front.

    `batch_at` is the axis at which a program's tensor has it; None where it has none.
    """
    changes: dict[str, Any] = {}
    for name in op.args:
        value = getattr(op, name)
        if name == "dims" and isinstance(value, tuple):
            dims = value if 0 in value else (0, *value)
            changes[name] = tuple(behind(dim, batch_at) for dim in dims if dim != batch_at)
            if changes[name] == tuple(sorted(changes[name])):
                return  # the batch alone is moved
        elif name.startswith("axis") and value is not None:
            axes = value if isinstance(value, tuple) else (value,)
            if not all(type(axis) is int and axis != batch_at for axis in axes):
                return
            found = tuple(behind(axis, batch_at) for axis in axes)
            changes[name] = found if isinstance(value, tuple) else found[0]
    if changes:
        yield op.replace(**changes)


def behind(axis: int, batch_at: int | None) -> int:
    """Return where a program's axis is in a spec, which has the batch in front; one that is counted from the end is."""
    return axis + 1 if axis >= 0 and (batch_at is None or axis < batch_at) else axis


def _short(value: float) -> float:
    """Return the shortest number that is the same in single precision; one that is not of it as it is."""
    single = pack("f", value) if abs(value) <= LARGEST_SINGLE else b""
    return _single(value) if single and unpack("f", single)[0] == value else value


def _single(value: float) -> float:
    """Return the shortest number that is the same in single precision, in which networks compute with it."""
    if not SMALLEST_SINGLE <= abs(value) <= LARGEST_SINGLE:
        return value
    return next(
        short for digits in range(1, 18) if pack("f", short := float(f"{value:.{digits}g}")) == pack("f", value)
    )


def _is(op: Op, other: Op) -> bool:
    """Return whether two operators of a class have the same arguments."""
    return all(getattr(other, name) == getattr(op, name) for name in op.args)


def _without_layout(value: Any, layout: str) -> Any:  # noqa: ANN401 - of any argument
    """Return an operator that is an argument without the layout that it has anyway, where it is in another one."""
    if not isinstance(value, dict):
        return value
    ((name, given),) = value.items()
    if not isinstance(given, dict) or given.get("data_format") != layout:
        return value
    return {name: {key: one for key, one in given.items() if key != "data_format"} or None}


def default(kind: type[Op], name: str) -> Value:
    """Return how a spec would write an argument's default."""
    value = kind.default(name)
    return None if value is None else _spelling(value, kind.args[name].kind, kind.rank, "")


def _arguments(op: Op, layout: str) -> Iterator[tuple[str, Any]]:
    kind = type(op)
    for name, argument in op.args.items():
        value = getattr(op, name)
        if name == "data_format":
            if value != layout:
                yield name, value
        elif argument.required or value != kind.default(name):
            yield name, _spelling(value, argument.kind, kind.rank, layout)
            for one in expressions(value):
                yield from one.names.items()


def _read(kind: type[Op], given: dict[str, Any], layout: str) -> Op:
    """Return the operator that the language makes of these arguments."""
    values = {"data_format": layout, **given} if "data_format" in kind.args else given
    try:
        return kind(**values)
    except ArgumentError:
        raise Unspelled from None


def _spelling(value: Any, kind: Kind, rank: int, layout: str) -> Any:  # noqa: ANN401 - of any argument
    """Return the shortest form that a kind reads as a value."""
    if expressions(value):
        items = value if isinstance(value, tuple) else (value,)
        written = [Expr(one.text) if isinstance(one, Computed) else one for one in items]
        return written if isinstance(value, tuple) else written[0]
    for form in _forms(value, layout):
        try:
            read = kind.convert(form, rank)
        except (ArgumentError, ValueError):
            continue
        if read == value and type(read) is type(value):
            return form
    raise Unspelled


def _forms(value: Any, layout: str) -> Iterator[Any]:  # noqa: ANN401 - as above
    """Yield ways to write a value, the shortest first."""
    if isinstance(value, tuple):
        yield from _forms_of_list(value, layout)
    elif isinstance(value, Op):
        given = dict(_arguments(value, layout))
        name = type(value).__name__
        if not given:
            yield name.lower() if value.kind == "activation" else name
        yield {name: given or None}
        yield {name: {**given, "data_format": value.data_format}}
    elif isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        yield int(value)
        yield value
    else:
        yield value
        if isinstance(value, str):
            yield value.replace(".", "...")  # any axes, of an equation


def _forms_of_list(value: tuple[Any, ...], layout: str) -> Iterator[Any]:
    if value and all(item == value[0] for item in value):
        yield from _forms(value[0], layout)  # one for all axes
    pairs = [item for item in value if isinstance(item, tuple)]
    if len(pairs) == len(value) and all(len(set(pair)) == 1 for pair in pairs):
        yield [pair[0] for pair in pairs]  # the same before and after
    yield [next(_plain(item)) for item in value]


def _plain(item: Any) -> Iterator[Any]:  # noqa: ANN401 - as above
    yield list(item) if isinstance(item, tuple) else item
