"""Operators that put elements into other axes, cut and join them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.exporters.code import Step, call, code
from archinspect.exporters.orders import spec_order
from archinspect.exporters.pytorch.dtypes import own_type
from archinspect.exporters.pytorch.elementwise import lined_up

if TYPE_CHECKING:
    from archinspect.exporters.orders import Use


def flatten(use: Use) -> Step:
    """Return several axes as one."""
    op: Any = use.op
    rank = len(use.shape)
    if rank == 1:
        return Step(code("{0}[:, None]"))
    start, end = op.start_dim % rank, op.end_dim % rank
    if len(use.output) == rank and use.orders[0] == spec_order(rank):
        return Step(code("{0}"), call("nn.Identity", {}), stateless=True)
    if end == rank - 1:
        module = call("nn.Flatten", {}, start_dim=(start, 1))
        return Step(code(f"{{0}}.flatten({start})"), module, stateless=True)
    module = call("nn.Flatten", {}, start_dim=(start, 1), end_dim=(end, -1))
    return Step(code(f"{{0}}.flatten({start}, {end})"), module, stateless=True)


def reshape(use: Use) -> Step:
    """Return the elements in other axes."""
    op: Any = use.op
    given, wanted = use.shape[1:], tuple(op.target_shape)
    # Axes in front that are joined are a flatten, which needs no sizes.
    if len(wanted) == 2 and wanted[0] == -1 and len(given) > 2 and given[-1] == wanted[-1]:  # noqa: PLR2004 - steps, features
        return Step(code(f"{{0}}.flatten(1, {len(given) - 1})"))
    if wanted == (-1,) and len(given) > 1:
        return Step(code("{0}.flatten(1)"))
    sizes = [f"{{size_{axis}}}" for axis in range(len(wanted))]
    values = {f"size_{axis}": size for axis, size in enumerate(wanted)}
    if -1 in wanted:  # the batch has to be said
        return Step(code(f"{{0}}.reshape({', '.join(['len({0})', *sizes])})", **values))
    return Step(code(f"{{0}}.reshape({', '.join(['-1', *sizes])})", **values))


def permute(use: Use) -> Step:
    """Return the axes in another order."""
    op: Any = use.op
    dims = op.dims[1:] if op.dims[:1] == (0,) else op.dims
    order = (0, *(use.axis(axis) for axis in dims))
    return Step(code("{0}" if order == spec_order(len(order)) else f"{{0}}.permute({', '.join(map(str, order))})"))


def repeat_vector(use: Use) -> Step:
    """Return a vector several times."""
    return Step(code("{0}[:, None].repeat(1, {n}, 1)", n=use.output[1]))


def reshape_like(use: Use) -> Step:
    """Return the elements in the axes of another tensor; either may be there once for all samples."""
    given, like = use.node.inputs
    if given.batched == like.batched:
        return Step(code("{0}.reshape_as({1})"))
    return Step(code(f"{{0}}.reshape(-1, {', '.join(map(str, use.output[1:]))})"))


def as_query(_: Use) -> Step:
    """Return what attention made in the axes of its query, whose features may be others."""
    return Step(code("{0}.reshape(*{1}.shape[:-1], -1)"))


def mat_mul(use: Use) -> Step:
    """Return a product of matrices."""
    op: Any = use.op
    first = "{0}" + ".mT" * op.transpose_a + lined_up(use, 0)
    second = "{1}" + ".mT" * op.transpose_b + lined_up(use, 1)
    return Step(code(f"{first} @ {second}"))


def dot(use: Use) -> Step:
    """Return the sums of products along an axis of each input."""
    op: Any = use.op
    first, second = use.call.shapes
    a, b = op.axes[0] % len(first), op.axes[-1] % len(second)
    names = [f"F.normalize({{{i}}}, dim={axis})" if op.normalize else f"{{{i}}}" for i, axis in ((0, a), (1, b))]
    (left, right), made = op.equation(first, second)
    plain = [(len(first), a), (len(second), b)] == [(3, 2), (3, 1)]
    if plain:
        return Step(code(f"{names[0]} @ {names[1]}"))
    if len(left) == len(right) == 2:  # noqa: PLR2004 - vectors
        return Step(code(f"({names[0]}[:, None] @ {names[1]}[..., None]).flatten(1)"))
    if first[a] == 1:  # einsum makes a product of elements of it, without a sum
        text = f"{names[0]}.flatten(1)[..., None] @ {names[1]}.flatten(1)[:, None]"
        return Step(code(f"({text}).reshape(-1, {', '.join(map(str, use.output[1:]))})"))
    text = f'torch.einsum("{left},{right}->{made}", {names[0]}, {names[1]})'
    return Step(code(text + ("[:, None]" if made == "b" else "")))


def part(use: Use) -> Step:
    """Return some positions of an axis."""
    op: Any = use.op
    at = use.axis(op.axis)
    stop = "" if op.stop is None else "{stop}"
    step = f":{op.step}" if op.step != 1 else ""
    start = "{start}" if op.start else ""
    return Step(code(f"{{0}}[{':, ' * at}{start}:{stop}{step}]", start=op.start, stop=op.stop))


def select(use: Use) -> Step:
    """Return one position of an axis."""
    op: Any = use.op
    return Step(code(f"{{0}}[{':, ' * use.axis(op.axis)}{{index}}]", index=op.index))


def reduction(use: Use, name: str) -> Step:
    """Return the elements along axes joined into one."""
    op: Any = use.op
    axes = tuple(sorted(use.axis(axis) for axis in op.axis))
    keep = (", keepdim=True" if op.keepdims else "") + (own_type(use) if name == "sum" else "")
    return Step(code(f"{{0}}.{name}({{dim}}{keep})", dim=axes[0] if len(axes) == 1 else axes))


def roll(use: Use) -> Step:
    """Return positions shifted along axes."""
    op: Any = use.op
    axes = tuple(use.axis(axis) for axis in op.axis)
    shifts = tuple(op.shift) * (len(axes) if len(op.shift) == 1 else 1)
    return Step(code("{0}.roll({shifts}, {dims})", shifts=shifts, dims=axes))


def windows(use: Use) -> Step:
    """Return a map cut into windows."""
    op: Any = use.op
    return Step(code("windows_of({0}, {window_size})", window_size=op.window_size), parts=("windows_of",))


def from_windows(use: Use) -> Step:
    """Return a map put together of windows."""
    op: Any = use.op
    if op.size is None:
        return Step(code("from_windows({0}, *{1}.shape[1:3])"), parts=("from_windows",))
    height, width = op.size[0], op.size[-1]
    values = {"height": height, "width": width}
    return Step(code("from_windows({0}, {height}, {width})", **values), parts=("from_windows",))


def split(use: Use) -> Step:
    """Return the parts of an axis."""
    op: Any = use.op
    at = use.own_axis
    if op.parts:
        return Step(code(f"{{0}}.chunk({{parts}}, dim={{dim}}){_only(use)}", parts=op.parts, dim=at))
    return Step(code(f"{{0}}.split_with_sizes({{sizes}}, dim={{dim}}){_only(use)}", sizes=tuple(op.sizes), dim=at))


def _only(use: Use) -> str:
    """Return what takes the one part out of the tuple of parts."""
    return "[0]" if use.op.output_count == 1 else ""


def unbind(use: Use) -> Step:
    """Return the positions of an axis."""
    op: Any = use.op
    return Step(code(f"{{0}}.unbind({{dim}}){_only(use)}", dim=use.axis(op.axis)))


def top_k(use: Use) -> Step:
    """Return the largest elements, and where they were."""
    op: Any = use.op
    options = ("" if op.largest else ", largest=False") + ("" if op.sorted else ", sorted=False")
    return Step(code(f"{{0}}.topk({{k}}, dim={{dim}}{options})", k=op.k, dim=use.axis(op.axis)))


def custom(use: Use) -> Step:
    """Return a stub: what it computes nobody knows."""
    sizes = {name: weight.shape[0] for name, weight in use.call.weights.items()}
    named = {"name": use.node.layer.rpartition(".")[2], "params": sizes.get("weights", 0)}
    module = call("Custom", named, buffers=(sizes.get("buffers", 0), 0))
    return Step(code("{self}({all})"), module, parts=("Custom",))
