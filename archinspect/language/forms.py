"""The forms of a step, all of which are read as the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.base.diagnostics import Near, show
from archinspect.base.source import List, Map, Scalar
from archinspect.ops import find_operator

if TYPE_CHECKING:
    from archinspect.base.diagnostics import Problems
    from archinspect.base.source import Span, Tree
    from archinspect.ops.base import Op

WORDS = {
    **dict.fromkeys(("times", "loop", "loops", "count", "copies"), "repeat"),
    **dict.fromkeys(("if", "condition", "enabled"), "when"),
    **dict.fromkeys(("id", "label", "title", "tag", "alias"), "name"),
    **dict.fromkeys(("share", "shared", "shared_with", "tie", "tied", "tied_to", "reuse"), "weights"),
    **dict.fromkeys(("source", "sources", "inbound", "bottom", "parent", "parents", "reads"), "from"),
}
"""Words for the keys of a step that are none."""
STEP_KEYS = ("name", "from", "repeat", "when", "weights", "trainable", "cache")
STEP_ALIASES = {"inputs": "from", "input": "from", "repeats": "repeat"}
TYPE_KEYS = ("type", "op", "layer", "operation", "class_name", "module")
ARGS_KEYS = ("params", "args", "arguments", "kwargs", "config", "parameters", "attributes")
MAX_NESTING = 60
"""So deep may blocks, groups and paths of merges nest."""
FROZEN = ("frozen", "freeze", "requires_grad")
"""Words for `trainable` that are no key."""


class Step:
    """One step: an operator or block with its arguments, or a group of steps."""

    __slots__ = ("args", "extras", "layers", "op", "span", "value")

    def __init__(self, span: Span) -> None:
        self.span = span
        """The operator's name, or the group's head."""
        self.op = ""
        self.args: Map | None = None
        """Arguments by name."""
        self.value: Tree | None = None
        """The main argument's value, or a merge's paths."""
        self.layers: list[Step] | None = None
        self.extras: dict[str, Tree] = {}
        """The step's own keys: name, from, repeat, when, weights, trainable, cache."""


def has_paths(kind: type[Op], step: Step) -> bool:
    """Return whether a list that a step of this operator has is one of paths, as that of a merge is."""
    return kind.inputs[1] != 1 and kind.inputs != (0, 0) and not _holds_numbers(step.value)


def _holds_numbers(tree: Tree | None) -> bool:
    """Return whether a value is a list of plain values with a number, which are no paths: `nn.LSTM: [10, 20]`."""
    if not isinstance(tree, List) or not all(isinstance(item, Scalar) for item in tree.items):
        return False
    return any(isinstance(item, Scalar) and isinstance(item.value, int | float) for item in tree.items)


def parse_path(tree: Tree, problems: Problems) -> list[Step]:
    """Read one path of a merge: a list of steps, or a single step."""
    parser = StepParser(problems)
    if isinstance(tree, List):
        return parser.steps(tree)
    step = parser.step(tree)
    return [step] if step else []


class StepParser:
    """Reads steps; what does not fit is told to `problems`."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems

    def steps(self, tree: Tree, key: Scalar | None = None) -> list[Step]:
        """Read a list of steps; a map of names to steps, as some people write, is a list of named steps."""
        if isinstance(tree, Map):
            if self._lacks_dashes(tree):
                return []
            return [step for name, value in tree if (step := self._named(name, value))]
        if not isinstance(tree, List):
            if tree.value is None:
                return []
            self.problems.error("type", f"{key.text if key else 'a path'} must be a list of steps", tree.span)
            return []
        return [step for item in tree.items if (step := self.step(item))]

    def _lacks_dashes(self, tree: Map) -> bool:
        """Tell of a list whose items do not start with a dash and a space, `-ReLU` or `Dense: 8`: a map to YAML."""
        for key, value in tree:
            dash = key.text.startswith("-")
            no_step = isinstance(value, Scalar) and not (isinstance(value.value, str) and value.text)
            if dash or (no_step and find_operator(key.text)):
                name = key.text.lstrip("- ")
                help_ = f"`- {name}`: a dash and a space stand before each step"
                self.problems.error("step", f"'{key.text}' is a key here, and no step of a list", key.span, help_)
                return True
        return False

    def _named(self, name: Scalar, value: Tree) -> Step | None:
        step = self.step(value)
        if step:
            step.extras.setdefault("name", name)
        return step

    def step(self, tree: Tree) -> Step | None:
        """Read one step, in any of its forms."""
        if isinstance(tree, Scalar) and isinstance(tree.value, str) and tree.text:
            step = Step(tree.span)
            step.op = tree.text
            return step
        if not isinstance(tree, Map):
            found = "a list" if isinstance(tree, List) else show(tree.value)
            help_ = "a step is a name, `ReLU`, or a name with arguments, `Conv2D: {filters: 64, kernel_size: 3}`"
            self.problems.error(
                "step", f"a step must be an operator, a block or a group, not {found}", tree.span, help_
            )
            return None
        if any(name in tree.values for name in TYPE_KEYS) and not self._is_short(tree):
            return self._flat(tree)
        return self._keyed(tree)

    def _is_short(self, tree: Map) -> bool:
        """Return whether the one key beside the step's own is an operator that is named like a type key."""
        return all(isinstance(tree.values.get(name), Map | List | None) for name in TYPE_KEYS)

    def _extra(self, name: str) -> str | None:
        return name if name in STEP_KEYS else STEP_ALIASES.get(name)

    def _flat(self, tree: Map) -> Step | None:
        """Read `{type: Conv2D, filters: 64, ...}`, arguments beside the type or in a map of their own."""
        type_key = next(name for name in TYPE_KEYS if isinstance(tree.values.get(name), Scalar))
        named = tree.values[type_key]
        step = Step(named.span)
        if not isinstance(named, Scalar) or not named.text:
            self.problems.error("step", f"'{type_key}' must be the name of an operator or a block", tree.span)
            return None
        step.op = named.text
        step.args = Map(tree.span)
        kind = find_operator(step.op)
        for key, value in tree:
            own = kind is not None and key.text in STEP_ALIASES and key.text in kind.names
            extra = None if own else self._extra(key.text)
            if key.text == type_key:
                continue
            if extra:
                self._add_extra(step, extra, key, value)
            elif key.text == "layers":
                step.layers = self.steps(value, key)
            elif key.text == "paths" or (key.text in ARGS_KEYS and isinstance(value, List)):
                step.value = value
            elif key.text in ARGS_KEYS and isinstance(value, Map):
                self._add_args(step.args, value)
            elif not (key.text in ARGS_KEYS and isinstance(value, Scalar) and value.value is None):
                self._add_args(step.args, tree, key.text)
        return step

    def _add_args(self, args: Map, source: Map, only: str = "") -> None:
        for key, value in source:
            if only and key.text != only:
                continue
            if key.text in args.values:
                self._twice(key.text, key, args.keys[key.text])
            args.keys[key.text] = key
            args.values[key.text] = value

    def _add_extra(self, step: Step, name: str, key: Scalar, value: Tree) -> None:
        if name in step.extras:
            self._twice(name, key)
        step.extras[name] = value

    def _twice(self, name: str, key: Scalar, first: Scalar | None = None) -> None:
        message = f"'{name}' is given twice" + (f", here as '{key.text}'" if key.text != name else "")
        notes = [("the first one", first.span)] if first else []
        self.problems.error("duplicate-key", message, key.span, notes=notes)

    def _keyed(self, tree: Map) -> Step | None:
        """Read `Conv2D: {filters: 64}` with the step's own keys beside it, or a group."""
        step = Step(tree.span)
        ops = []
        for key, value in tree:
            extra = self._extra(key.text)
            if extra:
                self._add_extra(step, extra, key, value)
            elif key.text == "layers":
                step.span = key.span
                step.layers = self.steps(value, key)
            else:
                ops.append((key, value))
        if not ops and step.layers is not None:
            return step
        if len(ops) != 1 or step.layers is not None:
            self._not_one(tree, ops)
            return None
        ((key, value),) = ops
        step.op = key.text
        step.span = key.span
        if isinstance(value, Map):
            self._inner(step, value)
        elif not (isinstance(value, Scalar) and value.value is None):
            step.value = value
        return step

    def _inner(self, step: Step, given: Map) -> None:
        """Take the arguments; a merge's `paths` and the step's own keys may stand among them."""
        step.args = Map(given.span)
        for key, value in given:
            if key.text == "paths":
                step.value = value
            elif key.text in STEP_KEYS:
                self._add_extra(step, key.text, key, value)
            else:
                step.args.keys[key.text], step.args.values[key.text] = key, value

    def _not_one(self, tree: Map, ops: list[tuple[Scalar, Tree]]) -> None:
        if not ops:
            message = "the step has no operator"
            self.problems.error("step", message, tree.span, "name one, such as `ReLU`, or give `layers:` for a group")
            return
        names = [key.text for key, _ in ops]
        told = False
        for key, _ in ops if len(ops) > 1 or "layers" in tree.values else ():
            word = key.text.lower()
            is_frozen = word in FROZEN
            meant = (
                Near.of("`trainable: false` freezes a step")
                if is_frozen
                else Near(WORDS.get(word, key.text), STEP_KEYS)
            )
            if (is_frozen or meant.only) and not find_operator(key.text):
                message = f"unknown key '{key.text}' beside an operator"
                self.problems.unknown("unknown-key", message, key.span, key.text, meant)
                names.remove(key.text)
                told = True
        ops = [(key, value) for key, value in ops if key.text in names]
        if told and len(ops) + ("layers" in tree.values) < 2:  # noqa: PLR2004 - then it is clear what the step is
            return
        first, value = ops[0]
        kind = find_operator(first.text)
        near = Near(names[1], kind.names).only if kind and len(names) > 1 else ""
        help_ = "each step of a list starts with `- `"
        if len(names) > 1 and isinstance(value, Scalar) and value.value is None:
            help_ = f"indent the arguments below `{first.text}:`, or write {first.text}: {{{names[1]}: ...}}"
        elif len(names) > 1 and names[1].endswith(")"):
            help_ = f"a map tears a tuple at its comma: write a list, `{first.text}: [...]`"
        elif len(names) > 1 and kind and (names[1] in kind.names or near):
            argument = names[1] if names[1] in kind.names else near
            help_ = f"an argument stands within its operator: `{first.text}: {{..., {argument}: ...}}`"
        elif len(names) > 1 and not kind and not find_operator(names[1]):
            help_ += f"; what a block is told stands within it: `{first.text}: {{..., {names[1]}: ...}}`"
        shown = " and ".join(f"'{name}'" for name in [*names, "layers"][:2])
        self.problems.error("step", f"the step has two operators, {shown}", ops[min(1, len(ops) - 1)][0].span, help_)
