"""A tree of values to a spec: what every key means, and the forms of a step that are read as the same."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from archinspect.base.diagnostics import Near, show, suggest
from archinspect.base.source import List, Map, Scalar
from archinspect.ops import find_operator

if TYPE_CHECKING:
    from archinspect.base.diagnostics import Problems
    from archinspect.base.source import Span, Tree

TOP_KEYS = (
    *("name", "source", "description", "metrics", "extends", "layout", "params"),
    *("input", "inputs", "blocks", "layers", "output", "outputs", "expect", "values"),
)
# Names that people give the same things.
TOP_ALIASES = {
    **dict.fromkeys(("input_shape", "input_size"), "input"),
    **dict.fromkeys(("model", "network", "architecture"), "layers"),
    **dict.fromkeys(("parameters", "variables"), "params"),
    **dict.fromkeys(("url", "paper", "reference"), "source"),
}
WORDS = {
    **dict.fromkeys(("times", "loop", "loops", "count", "copies"), "repeat"),
    **dict.fromkeys(("if", "condition", "enabled"), "when"),
}
"""Words for the keys of a step that are none."""
STEP_KEYS = ("name", "from", "repeat", "when", "weights", "trainable", "cache")
STEP_ALIASES = {"inputs": "from", "input": "from", "repeats": "repeat"}
TYPE_KEYS = ("type", "op", "layer", "operation", "class_name", "module")
ARGS_KEYS = ("params", "args", "arguments", "kwargs", "config", "parameters", "attributes")
LAYOUTS = ("channels_last", "channels_first")
# A path is made of names: short ones keep a deep or long network's paths small.
MAX_NAME = 100
MAX_TEXT = 10_000
"""Characters of a title, a source, a description."""
NAMES = f"a name has letters, digits and `_`, after the first also `- + /`, and at most {MAX_NAME} characters"
NOT_HERE = {
    **dict.fromkeys(("batch", "batch_size"), "a spec has no batch: `--batch N` counts one"),
    **dict.fromkeys(("dtype", "precision"), "a spec has no type of numbers: `--dtype` counts one"),
    **dict.fromkeys(
        ("loss", "optimizer", "optimiser", "epochs", "learning_rate", "lr", "training", "train"),
        "a spec is the network alone; `archinspect memory` counts training, `--optimizer` says which",
    ),
}
"""Keys that people give a network, and that are no part of it."""
FROZEN = ("frozen", "freeze", "requires_grad")
"""Words for `trainable` that are no key."""
ORDERS = {"NCHW": "channels_first", "NCDHW": "channels_first", "NHWC": "channels_last", "NDHWC": "channels_last"}
_NAME = re.compile(rf"\w[\w+/-]{{0,{MAX_NAME - 1}}}\Z")


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


class Block(NamedTuple):
    """A named list of steps with parameters; a parameter whose default is an empty scalar is required."""

    name: str
    span: Span
    params: dict[str, tuple[Scalar, Tree]]
    layers: list[Step]
    module: bool | None = None
    """Whether its author has it as a module of its own, whose caller holds its inputs until it ends; None where that
    follows from what it holds."""
    second: str = ""
    """What its steps call a second input; empty where it takes one."""


class Spec:
    """A file as its author meant it, nothing expanded or evaluated yet."""

    def __init__(self, span: Span) -> None:
        self.span = span
        self.fields: dict[str, Tree] = {}
        """The keys that are kept as they are: name, source, layout, output, expect, values, ..."""
        self.params: dict[str, tuple[Scalar, Tree]] = {}
        self.inputs: dict[str, tuple[Scalar, Tree]] = {}
        self.blocks: dict[str, Block] = {}
        self.layers: list[Step] | None = None

    def text(self, key: str) -> str:
        """Return a field of text, or an empty string."""
        tree = self.fields.get(key)
        return tree.text if isinstance(tree, Scalar) else ""


def parse_spec(tree: Tree, problems: Problems) -> Spec:
    """Read a tree as a spec; what does not fit is told to `problems`."""
    return _Parser(problems).spec(tree)


def parse_path(tree: Tree, problems: Problems) -> list[Step]:
    """Read one path of a merge: a list of steps, or a single step."""
    parser = _Parser(problems)
    if isinstance(tree, List):
        return parser.steps(tree)
    step = parser.step(tree)
    return [step] if step else []


def is_name(text: str) -> bool:
    """Return whether a layer, a block or an input can have this name: :data:`NAMES` says it in words."""
    return bool(_NAME.match(text))


class _Parser:
    def __init__(self, problems: Problems) -> None:
        self.problems = problems

    def spec(self, tree: Tree) -> Spec:
        spec = Spec(tree.span)
        if not isinstance(tree, Map):
            found = "a list" if isinstance(tree, List) else f"the text {show(tree.value)}"
            help_ = "put the list under `layers:` and give the shape of a sample as `input:`"
            self.problems.error("spec", f"a spec is a map with `input` and `layers`, not {found}", tree.span, help_)
            return spec
        known = {*TOP_KEYS, *TOP_ALIASES}
        given = {TOP_ALIASES.get(name, name) for name in tree.keys}
        seen: dict[str, Scalar] = {}
        for key, value in tree:
            name = TOP_ALIASES.get(key.text, key.text)
            if key.text not in known:
                meant = Near.of(NOT_HERE[name]) if name in NOT_HERE else Near(name, TOP_KEYS, given)
                self.problems.unknown("unknown-key", f"unknown key '{key.text}'", key.span, key.text, meant)
            elif name in seen:
                self._twice(name, key, seen[name])
            else:
                seen[name] = key
                self._field(spec, name, key, value)
        return spec

    def _field(self, spec: Spec, name: str, key: Scalar, value: Tree) -> None:
        if name == "layers":
            if isinstance(value, Map) and "layers" in value.values:
                for inner, _ in value:
                    if inner.text in (*TOP_KEYS, *TOP_ALIASES) and inner.text != "layers":
                        message = f"'{inner.text}' stands within '{key.text}'"
                        self.problems.error("unknown-key", message, inner.span, "write it at the top of the spec")
                value = value.values["layers"]
            spec.layers = self.steps(value, key)
        elif name == "params":
            spec.params = self._entries(value, "params")
        elif name == "blocks":
            spec.blocks = {k.text: self._block(k, body) for k, body in self._entries(value, "blocks").values()}
        elif name in ("input", "inputs"):
            if isinstance(value, Map) and "shape" not in value.values:
                spec.inputs = self._entries(value, name)
                for given, _ in spec.inputs.values():
                    self._refuse_name(given)
            else:
                spec.inputs = {"input": (key, value)}
        else:
            spec.fields[name] = value
            self._check_field(name, key, value)

    def _check_field(self, name: str, key: Scalar, value: Tree) -> None:
        text = name in ("name", "source", "description", "extends", "layout")
        if text and not (isinstance(value, Scalar) and value.text):
            self.problems.error("type", f"{name} must be text", value.span if value.span.line else key.span)
        elif text and isinstance(value, Scalar) and len(value.text) > MAX_TEXT:
            self.problems.error("limit", f"{name} has more than {MAX_TEXT:,} characters", value.span)
        elif name in ("metrics", "expect", "values") and not isinstance(value, Map):
            self.problems.error("type", f"{name} must be a map", value.span)
        elif name == "layout" and isinstance(value, Scalar) and value.text not in LAYOUTS:
            message = f"layout must be {' or '.join(LAYOUTS)}, not {show(value.value)}"
            meant = ORDERS.get(value.text.upper(), "")
            self.problems.error(
                "type", message, value.span, f"write `{meant}`" if meant else suggest(value.text, LAYOUTS)
            )

    def _entries(self, value: Tree, what: str) -> dict[str, tuple[Scalar, Tree]]:
        if isinstance(value, Scalar) and value.value is None:
            return {}
        if not isinstance(value, Map):
            self.problems.error("type", f"{what} must be a map of names", value.span)
            return {}
        return {key.text: (key, tree) for key, tree in value}

    def _block(self, key: Scalar, body: Tree) -> Block:
        block = Block(key.text, key.span, {}, [])
        self._refuse_name(key)
        if key.text in (*TYPE_KEYS, *STEP_KEYS):
            message = f"a block cannot be called '{key.text}', which is a key of steps"
            self.problems.error("name", message, key.span, "give it another name")
        if isinstance(body, List):
            block.layers.extend(self.steps(body, key))
            return block
        if not isinstance(body, Map):
            self.problems.error("type", f"block '{key.text}' must be a map with `layers`, or a list", key.span)
            return block
        for name, value in body:
            if name.text == "params":
                block.params.update(self._block_params(value))
            elif name.text == "layers":
                block.layers.extend(self.steps(value, name))
            elif name.text == "module":
                block = block._replace(module=self._truth(value, "module"))
            elif name.text != "description":
                found = Near(name.text, ("params", "layers", "module", "description"), body.keys)
                message = f"unknown key '{name.text}' in a block"
                self.problems.unknown("unknown-key", message, name.span, name.text, found)
        if "layers" not in body.values:
            self.problems.error("type", f"block '{key.text}' has no `layers`", key.span)
        return block

    def _refuse_name(self, key: Scalar) -> None:
        if not is_name(key.text):
            self.problems.error("name", f"{show(key.text)} cannot be a name", key.span, NAMES)

    def _truth(self, value: Tree, what: str) -> bool:
        if not isinstance(value, Scalar) or not isinstance(value.value, bool):
            self.problems.error("type", f"{what} must be true or false", value.span)
            return False
        return value.value

    def _block_params(self, value: Tree) -> dict[str, tuple[Scalar, Tree]]:
        params = self._entries(value, "params")
        for key, _ in params.values():
            if key.text in STEP_KEYS:
                message = f"a block's parameter cannot be called '{key.text}': every step has that key"
                self.problems.error("name", message, key.span, "choose another name")
        return params

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
        elif len(names) > 1 and kind and (names[1] in kind.names or near):
            argument = names[1] if names[1] in kind.names else near
            help_ = f"an argument stands within its operator: `{first.text}: {{..., {argument}: ...}}`"
        elif len(names) > 1 and not kind and not find_operator(names[1]):
            help_ += f"; what a block is told stands within it: `{first.text}: {{..., {names[1]}: ...}}`"
        shown = " and ".join(f"'{name}'" for name in [*names, "layers"][:2])
        self.problems.error("step", f"the step has two operators, {shown}", ops[min(1, len(ops) - 1)][0].span, help_)
