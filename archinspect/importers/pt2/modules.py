"""The hierarchy of a program: every call of a module becomes a composite, or a row where it is a single operator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.base.printable import printable
from archinspect.graph.graph import Composite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.graph.builder import GraphBuilder
    from archinspect.importers.pt2.program import Call, Module


class Instance:
    """One call of a module: what is computed in it, and what it is called."""

    def __init__(self, module: Module | None, outer: Instance | None) -> None:
        self.module = module
        self.outer = outer
        self.has_modules = False
        self.calls: list[Call] = []
        self.name = ""

    @property
    def path(self) -> str:
        """The module's own path."""
        return self.module.path if self.module else ""

    @property
    def is_row(self) -> bool:
        """Whether it is a single operator."""
        return self.outer is not None and not self.has_modules and len(self.calls) == 1


def instances(calls: Sequence[Call]) -> list[Instance]:
    """Return the call of a module in which each operator is: operators of one follow one another."""
    root = Instance(None, None)
    opened = [root]
    found = []
    for call in calls:
        modules = [module for module in call.modules if module.path]
        depth = 0
        while depth < min(len(modules), len(opened) - 1) and opened[depth + 1].module == modules[depth]:
            depth += 1
        del opened[depth + 1 :]
        for module in modules[depth:]:
            opened[-1].has_modules = True
            opened.append(Instance(module, opened[-1]))
        opened[-1].calls.append(call)
        found.append(opened[-1])
    return found


def name_all(found: Sequence[Instance], builder: GraphBuilder) -> list[str]:
    """Return a path for each operator, claimed of the builder; modules have theirs, functions the operator's name."""
    for instance in dict.fromkeys(found):
        _name(instance, builder)
    return [
        instance.name
        if instance.is_row
        else builder.claim(default=_short(call), prefix=f"{instance.name}." if instance.name else "")
        for instance, call in _with_calls(found)
    ]


def _with_calls(found: Sequence[Instance]) -> list[tuple[Instance, Call]]:
    places: dict[Instance, int] = {}
    pairs = []
    for instance in found:
        place = places.get(instance, 0)
        places[instance] = place + 1
        pairs.append((instance, instance.calls[place]))
    return pairs


def _name(instance: Instance, builder: GraphBuilder) -> None:
    outer = instance.outer
    if outer is None or instance.name:
        return
    _name(outer, builder)
    inside = instance.path.removeprefix(f"{outer.path}.") if outer.path else instance.path
    prefix = f"{outer.name}." if outer.name else ""
    instance.name = builder.claim(default=printable(inside), prefix=prefix)
    parts = inside.split(".")
    for end in range(1, len(parts)):  # lists of modules, which are not called
        builder.composites.setdefault(prefix + ".".join(parts[:end]), Composite("group", {}, is_module=False))
    if not instance.is_row and instance.module:
        builder.composites[instance.name] = Composite(printable(instance.module.kind), {}, is_module=True)


def _short(call: Call) -> str:
    return call.plain.rpartition(".")[2].strip("_") or "operator"
