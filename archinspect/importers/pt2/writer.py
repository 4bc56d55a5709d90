"""Writes the calls that PyTorch makes for a function in the place of the call of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.importers.pt2.program import Meta, Ref
from archinspect.importers.pt2.sizes import Expression

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.importers.pt2.program import Call
    from archinspect.importers.pt2.sizes import Size

    Sizes = tuple[Size, ...]


class Writer:
    """Writes the calls of a function in the place of the call of it."""

    def __init__(self, call: Call, metas: dict[str, Meta]) -> None:
        self.call = call
        self.metas = metas
        self.own: dict[str, Meta] = {}
        self.calls: list[Call] = []
        self.variables = [name for _, name in call.refs()]
        """What lives until the function ends: what it is given, and what it calls by a name."""

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - an argument
        """Return an argument of the function, or the schema's default."""
        return self.call.arguments.get(name, default)

    def sizes(self, *refs: Any) -> Sizes:  # noqa: ANN401 - tensors and numbers
        """Return the sizes of what tensors stretch to; numbers stretch to any."""
        shapes = [self.meta(ref).sizes for ref in refs if isinstance(ref, Ref)]
        rank = max(map(len, shapes))
        whole = [(1,) * (rank - len(shape)) + shape for shape in shapes]
        return tuple([next((size for size in sizes if size != 1), 1) for sizes in zip(*whole, strict=True)])

    def meta(self, ref: Ref) -> Meta:
        """Return what is known of a tensor."""
        return self.own.get(ref.name) or self.metas[ref.name]

    def make(self, target: str, sizes: Sizes, dtype: str = "", /, **arguments: Any) -> Ref:  # noqa: ANN401 - of any kind
        """Write a call; return its tensor, of the type of the first one that it reads where none is said."""
        first = next(ref for ref in arguments.values() if isinstance(ref, Ref))
        return self.make_all(target, [(sizes, dtype or self.meta(first).dtype)], **arguments)[0]

    def make_all(self, target: str, made: Sequence[tuple[Sizes, str]], /, **arguments: Any) -> list[Ref]:  # noqa: ANN401 - as above
        """Write a call; return all its tensors, of these sizes and types."""
        names = [f"{self.call.outputs[0]}/{len(self.calls)}" + (f".{at}" if at else "") for at in range(len(made))]
        for name, (sizes, dtype) in zip(names, made, strict=True):
            self.own[name] = Meta(dtype, sizes, _in_order(sizes), 0, requires_grad=False)
        self.calls.append(self.call._replace(target=f"aten.{target}", arguments=arguments, outputs=tuple(names)))
        return [*map(Ref, names)]

    def each(self, target: str, *given: Any, dtype: str = "") -> Ref:  # noqa: ANN401 - as above
        """Write a call for each element of one or two tensors, or of a tensor and a number."""
        named = dict(zip(("self", "other"), given, strict=False))
        return self.make(target, self.sizes(*given), dtype, **named)

    def over(self, target: str, ref: Ref, axis: int, *, keepdim: bool = False, dtype: str = "", **more: Any) -> Ref:  # noqa: ANN401 - as above
        """Write a call that reduces an axis."""
        sizes = [*self.meta(ref).sizes]
        axis %= len(sizes)
        sizes[axis : axis + 1] = [1] if keepdim else []
        how = {"keepdim": True} if keepdim else {}
        return self.make(target, tuple(sizes), dtype, self=ref, dim=[axis], **how, **more)

    def norm(self, ref: Ref, p: float, axis: int, *, keepdim: bool = False) -> Ref:
        """Write the length along an axis."""
        return self.over("linalg_vector_norm.default", ref, axis, keepdim=keepdim, ord=p)

    def above(self, ref: Ref, in_place: str = "") -> Ref:
        """Write what is left above zero."""
        return self.make(f"clamp_min{in_place}.default", self.meta(ref).sizes, self=ref, min=0)

    def reduced(self, ref: Ref) -> Ref:
        """Write what a loss makes of its elements, as `reduction` says: 0 them, 1 their mean, 2 their sum."""
        reduction = self.get("reduction", 1)
        self.named(ref)
        return self.make(f"{'mean' if reduction == 1 else 'sum'}.default", (), self=ref) if reduction else ref

    def named(self, ref: Ref) -> Ref:
        """Let a tensor live until the function ends; return it."""
        self.variables.append(ref.name)
        return ref

    def whole(self, *parts: Ref) -> None:
        """Let parts of an expression live until the call that was written last, which ends it."""
        self.calls[-1] = self.calls[-1]._replace(holds=tuple([ref.name for ref in parts]))


def _in_order(sizes: Sizes) -> Sizes:
    found: list[Size] = []
    step: Size = 1
    for size in reversed(sizes):
        found.insert(0, step)
        if isinstance(step, int) and isinstance(size, int):
            step *= size
        else:
            step = Expression("Mul", (step, size)) if step != 1 else size
    return tuple(found)
