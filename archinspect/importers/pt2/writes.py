"""What a program overwrites in place: what is read afterwards is what was written.

A call such as `copy_` gives a new name to what it has overwritten, and programs go on reading the old one, or the
whole of which a slice was overwritten. Here they read the new.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.importers.pt2.aliases import ALWAYS, OVERWRITTEN
from archinspect.importers.pt2.program import Call, Ref

if TYPE_CHECKING:
    from collections.abc import Mapping

    from archinspect.importers.pt2.program import Meta, Program


def with_writes(program: Program) -> Program:
    """Return the program with each tensor read as it was last written."""
    latest: dict[str, str] = {}
    whole: dict[str, str] = {}
    """Of a view, the tensor that it is one of."""
    calls: list[Call] = []
    metas: dict[str, Meta] = dict(program.metas)
    for call in program.calls:
        now = call if not latest else call._replace(arguments={k: _read(v, latest) for k, v in call.arguments.items()})
        calls.append(now)
        first = next((one for one in call.arguments.values() if isinstance(one, Ref)), None)
        if first is None or not call.outputs:
            continue
        if call.plain in ALWAYS:
            whole |= dict.fromkeys(call.outputs, whole.get(first.name, first.name))
        elif call.plain != call.name:
            written, base = call.outputs[0], whole.get(first.name, "")
            latest[first.name] = written
            whole[written] = base or first.name
            if base and base not in program.stored:
                new = f"{base}/{len(calls)}"
                metas[new] = metas[base]
                parts = {"self": Ref(latest.get(base, base)), "part": Ref(written)}
                calls.append(Call(OVERWRITTEN, parts, (new,), call.modules, call.trace))
                latest[base] = new
    if len(calls) == len(program.calls) and not latest:
        return program
    outputs = tuple([latest.get(name, name) for name in program.outputs])
    return program._replace(calls=tuple(calls), metas=metas, outputs=outputs)


def _read(argument: Any, latest: Mapping[str, str]) -> Any:  # noqa: ANN401 - of any kind
    if isinstance(argument, list):
        return [_read(one, latest) for one in argument]
    return Ref(latest.get(argument.name, argument.name)) if isinstance(argument, Ref) else argument
