"""Composites that are alike as blocks, with parameters for what differs; what follows itself as a repeat."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from archinspect import ops
from archinspect.exporters.code import Hole
from archinspect.exporters.parameters import Differ, Expression, Presence, Solver, unused
from archinspect.exporters.spec.fitting import Fit, fit, unrolled
from archinspect.exporters.spec.names import leave_out
from archinspect.exporters.spec.runs import repeated
from archinspect.exporters.spec.slots import RESIDUAL, Slot, Slots, shape_of
from archinspect.exporters.spec.steps import Expr, Ref, Step
from archinspect.exporters.spec.text import block_text, lines
from archinspect.exporters.spec.titles import named_by_steps
from archinspect.exporters.spec.tree import name_of
from archinspect.language.expressions import RESERVED
from archinspect.language.forms import STEP_ALIASES, STEP_KEYS, TYPE_KEYS

if TYPE_CHECKING:
    from collections.abc import Sequence

CONTAINERS = ("backbone", "blocks", "body", "features", "layer", "layers", "model", "net", "stages")
"""What people call lists of blocks of any kinds, so that it says nothing of one of them."""
NO_NAMES = RESERVED | {*STEP_KEYS, *STEP_ALIASES, "paths", "layers", "index"}
"""Names that a parameter cannot have."""


class Block:
    """A block: its steps, its parameters with their defaults."""

    def __init__(self, name: str, steps: Sequence[Step], params: dict[str, Any], *, module: bool | None) -> None:
        self.name = name
        self.steps = steps
        self.params = params
        """By name the default; `...` for none."""
        self.module = module

    def lines(self) -> list[str]:
        """Return its lines."""
        return block_text(self.name, self.params, self.steps, module=self.module)


class Blocks:
    """Finds the blocks of a network, those that others use first."""

    def __init__(self, layout: str, *, merges: bool = False) -> None:
        """With `merges` blocks of the same text are one: their names are no author's."""
        self.merges = merges
        self.found: list[Block] = []
        self.params: dict[str, dict[str, Any]] = {}
        self.slots = Slots(layout, self.params)
        self.taken: set[str] = set()
        self.texts: dict[tuple[str, ...], Block] = {}
        """The first block of each text."""

    def of(self, steps: list[Step], taken: Sequence[str]) -> list[Step]:
        """Return the steps of the network, with blocks and repeats in the place of what is alike."""
        for level in _levels(steps):
            for parent, composite in level:
                self._tidy(composite)
                composite.parent = parent
            groups: dict[Any, list[Step]] = {}
            for _, composite in level:
                if composite.body is not None:
                    groups.setdefault(repr(self._kind(composite)), []).append(composite)
            for group in _joined(list(groups.values())):
                if self._is_worth_it(group.copies):
                    for one in group.fits:
                        one.apply()
                    self._make(group.copies)
        leave_out(steps, taken)
        return repeated(steps, self.slots)

    def _kind(self, step: Step) -> Any:  # noqa: ANN401 - anything that compares
        assert step.body is not None
        return ("" if step.kind == "group" else step.kind, step.is_module, tuple(map(shape_of, step.body)))

    def _tidy(self, composite: Step) -> None:
        """Leave out names and repeat what is alike in a composite, which may then be a repeat itself."""
        assert composite.body is not None
        leave_out(composite.body)
        composite.body = repeated(composite.body, self.slots)
        first = composite.body[0]
        is_list = len(composite.body) == 1 and first.numbered and first.source is None and not first.frozen
        if is_list and composite.is_module is None and composite.weights is None:
            composite.op, composite.args, composite.main = first.op, first.args, first.main
            composite.kind, composite.given = first.kind, {}
            composite.repeat, composite.paths, composite.body = first.repeat, first.paths, first.body
            composite.is_list = True

    def _is_worth_it(self, copies: Sequence[Step]) -> bool:
        """Return whether a block says it in fewer lines than its copies do."""
        first = copies[0]
        if first.is_module is not None or any(copy.source == Ref("all") for copy in copies):
            return True  # no group says it
        if len(copies) == 1 or first.repeat is not None:
            return False
        if first.kind == "group" and len({id(copy.parent) for copy in copies}) == 1 and first.name == "0":
            return False  # the copies of a repeat
        assert first.body is not None
        written = len(lines(copies, 2))
        body = len(lines(first.body, 3))
        return body + 2 + len(copies) < written

    def _make(self, copies: Sequence[Step]) -> None:
        """Make a block of copies, and calls of these."""
        first = copies[0]
        name = self._name(next((copy for copy in copies if _own_name(copy)), first))
        solver = Solver([copy.given for copy in copies], apart=True)
        inner = [Step("", "") for _ in copies]
        for step, copy in zip(inner, copies, strict=True):
            step.body = copy.body
        slots = list(self.slots.of(inner))
        _name_residuals(slots)
        columns = list(map(_column, slots))
        parameters = solver.solve(columns, always_first=True)
        for slot, bound in zip(slots, solver.bound, strict=True):
            if slot.holes is None or bound is not True:
                slot.put(Expr(str(bound)) if isinstance(bound, Expression | Differ) else bound)
        assert first.body is not None
        params = {parameter.name: parameter.default for parameter in parameters}
        block = Block(name, first.body, params, module=first.is_module)
        known = self.texts.setdefault(tuple(block.lines()[1:]), block)
        if known is block or not (self.merges or first.kind == "group"):
            self.found.append(block)
        else:
            self.taken.discard(name)
            name, params = known.name, known.params
        self.params[name] = params
        for number, copy in enumerate(copies):
            values = {parameter.name: parameter.values[number] for parameter in parameters}
            copy.args = {key: value for key, value in values.items() if not _same(params[key], value)}
            copy.op = copy.kind = name
            copy.main = next(iter(params), "")
            copy.body, copy.is_module = None, None

    def _name(self, step: Step) -> str:
        """Return a name for a block that none has yet, and no operator."""
        wanted = step.kind if step.kind != "group" else _own_name(step)
        if not wanted:
            above = re.sub(r"[\d_]+\Z", "", step.parent.name if step.parent is not None else "")
            says = above and above not in CONTAINERS
            wanted = above if says else named_by_steps(step.body or ()) or "block"
        wanted = name_of(wanted.rpartition(".")[2])
        if ops.find_operator(wanted) or wanted in (*STEP_KEYS, *TYPE_KEYS, "layers", "paths"):
            wanted = f"{wanted}_block"
        if wanted in self.taken:
            wanted = re.sub(r"(?<=\D)_\d+\Z", "", wanted)
        found = unused(wanted, self.taken)
        self.taken.add(found)
        return found


def _own_name(step: Step) -> str:
    """Return a composite's name without its number; empty for one of a list, and for a repeat."""
    return re.sub(r"[\d_]+\Z", "", step.name) if isinstance(step.name, str) else ""


def _name_residuals(slots: Sequence[Slot]) -> None:
    """Call what says whether a block adds its input so, whatever else depends on it."""
    adds = [slot.values for slot in slots if slot.holes is not None and slot.role == RESIDUAL]
    for slot in slots:
        if slot.holes is not None and slot.values in adds:
            slot.role = RESIDUAL


def _column(slot: Slot) -> Sequence[Hole | Presence]:
    if slot.holes is not None:
        return [Presence(there, _role(slot.role), slot.holes) for there in slot.values]
    return [Hole(value, _role(slot.role)) for value in slot.values]


class _Group:
    """Copies of a block, some of which may lack steps of the first."""

    def __init__(self, copies: list[Step]) -> None:
        self.copies = copies
        self.fits: list[Fit] = []
        """How those that lack some lie beside the first."""

    def takes(self, others: Sequence[Step]) -> bool:
        """Take others of the same kind, which lack some steps; return whether it does."""
        first, other = self.copies[0], others[0]
        if not other.kind == first.kind != "group" or other.is_module != first.is_module:
            return False
        fits = _fits(others, first)
        if fits is None and not self.fits:
            written_out = [unrolled(copy) for copy in self.copies]
            whole = Step("", "")
            whole.body = written_out[0]
            fits = None if whole.body is None else _fits(others, whole)
            if fits is not None:
                for copy, steps in zip(self.copies, written_out, strict=True):
                    copy.body = steps
        if fits is None:
            return False
        self.fits += fits
        self.copies += others
        return True


def _fits(copies: Sequence[Step], whole: Step) -> list[Fit] | None:
    """Return how copies lie beside one that has more steps; None where one does not."""
    fits = [found for copy in copies if (found := fit(copy, whole)) is not None]
    return fits if len(fits) == len(copies) else None


def _joined(groups: list[list[Step]]) -> list[_Group]:
    """Return groups of copies, those that lack steps behind the copies that have them."""
    found: list[_Group] = []
    alike: dict[str, list[_Group]] = {}
    for copies in sorted(groups, key=lambda copies: -sum(1 for _ in copies[0].inside())):
        of_kind = alike.setdefault(copies[0].kind, [])
        if not any(group.takes(copies) for group in of_kind):
            found.append(_Group(copies))
            of_kind.append(found[-1])
    return found


def _role(role: str) -> str:
    name = re.sub(r"\W", "_", role, flags=re.ASCII)
    name = f"with_{name}" if not name.isidentifier() else name
    return f"{name}_" if name in NO_NAMES else name


def _same(one: Any, other: Any) -> bool:  # noqa: ANN401 - of any argument
    return type(one) is type(other) and one == other


def _levels(steps: Sequence[Step]) -> list[list[tuple[Step | None, Step]]]:
    """Return all composites with what is around them, those first that hold none; all of a kind together if they can.

    Two passes: the second knows how high the highest of each kind is. A kind that holds its own, such as a list of
    lists, has no height.
    """
    heights: dict[str, int] = {}
    levels: dict[int, list[tuple[Step | None, Step]]] = {}
    nested: set[str] = set()

    def height(steps: Sequence[Step], around: tuple[Step, ...]) -> int:
        highest = 0
        for step in steps:
            found = max((height(path, around) for path in step.paths or ()), default=0)
            if step.body is not None:
                found = 1 + height(step.body, (*around, step))
                found = max(found, heights.get(step.kind, 0))
                levels.setdefault(found, []).append((around[-1] if around else None, step))
                if any(outer.kind == step.kind for outer in around):
                    nested.add(step.kind)
            highest = max(highest, found)
        return highest

    height(steps, ())
    for level in sorted(levels):
        heights |= {step.kind: level for _, step in levels[level] if step.kind not in {"group", *nested}}
    levels = {}
    height(steps, ())
    return [levels[level] for level in sorted(levels)]
