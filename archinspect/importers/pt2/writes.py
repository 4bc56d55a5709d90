"""What a program overwrites in place: what is read afterwards is what was written.

A call such as `copy_` gives a new name to what it has overwritten, and programs go on reading the old one, or the
whole of which a slice was overwritten. Here they read the new.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.importers.pt2.aliases import ALWAYS, OVERWRITTEN
from archinspect.importers.pt2.program import Call, Ref

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from archinspect.importers.pt2.program import Meta, Program


def with_writes(program: Program) -> Program:
    """Return the program with each tensor read as it was last written."""
    names = _Names()
    calls: list[Call] = []
    metas: dict[str, Meta] = dict(program.metas)
    for call in program.calls:
        calls.append(call._replace(arguments={key: names.read(one) for key, one in call.arguments.items()}))
        first = next((one for one in call.arguments.values() if isinstance(one, Ref)), None)
        if first is None or not call.outputs:
            continue
        if call.plain in ALWAYS:
            names.whole |= dict.fromkeys(call.outputs, names.base(first.name) or names.own(first.name))
        elif call.plain != call.name:
            base, written = names.base(first.name), call.outputs[0]
            names.write(names.own(first.name), written)
            if base and base not in program.stored:
                new = f"{base}/{len(calls)}"
                metas[new] = metas[base]
                parts = {"self": names.read(Ref(base)), "part": Ref(written)}
                calls.append(Call(OVERWRITTEN, parts, (new,), call.modules, call.trace))
                names.write(base, new)
    if not names.latest:
        return program
    outputs = tuple([names.read(Ref(name)).name for name in program.outputs])
    return program._replace(calls=tuple(_read_later(calls, outputs)), metas=metas, outputs=outputs)


class _Names:
    """What the names of tensors mean as calls follow one another."""

    def __init__(self) -> None:
        self.first: dict[str, str] = {}
        """Of what a write gives, the tensor that it overwrote, by the name with which that was made."""
        self.latest: dict[str, str] = {}
        """Of a tensor that was overwritten, what it is now."""
        self.whole: dict[str, str] = {}
        """Of a view, the tensor that it is one of."""

    def own(self, name: str) -> str:
        """Return the name with which a tensor was made."""
        return self.first.get(name, name)

    def base(self, name: str) -> str:
        """Return the tensor of which this is a part; empty for one that is no view."""
        return self.whole.get(self.own(name), "")

    def write(self, own: str, written: str) -> None:
        """Note that a tensor is overwritten."""
        self.latest[own] = written
        self.first[written] = own

    def read(self, argument: Any) -> Any:  # noqa: ANN401 - of any kind
        """Return an argument with each tensor under its latest name."""
        if isinstance(argument, list):
            return [self.read(one) for one in argument] if self.latest else argument
        if not isinstance(argument, Ref):
            return argument
        return Ref(self.latest.get(self.own(argument.name), argument.name))


def _read_later(calls: Sequence[Call], outputs: Sequence[str]) -> list[Call]:
    """Return calls without those that stand for an overwritten tensor which nothing reads any more."""
    read = set(outputs)
    found: list[Call] = []
    for call in reversed(calls):
        if call.name == OVERWRITTEN and read.isdisjoint(call.outputs):
            continue
        read.update(_names_in(list(call.arguments.values())))
        found.append(call)
    return found[::-1]


def _names_in(argument: Any) -> Iterator[str]:  # noqa: ANN401 - as above
    if isinstance(argument, Ref):
        yield argument.name
    elif isinstance(argument, list):
        for one in argument:
            yield from _names_in(one)
