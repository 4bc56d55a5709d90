"""A tree of values to a spec: what every key means."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from archinspect.base.diagnostics import Near, show, suggest
from archinspect.base.source import List, Map, Scalar
from archinspect.language.forms import STEP_KEYS, TYPE_KEYS, Step, StepParser

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
    **dict.fromkeys(("data_format", "image_data_format"), "layout"),
}
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
ORDERS = {"NCHW": "channels_first", "NCDHW": "channels_first", "NHWC": "channels_last", "NDHWC": "channels_last"}
_NAME = re.compile(rf"\w[\w+/-]{{0,{MAX_NAME - 1}}}\Z")


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


def is_name(text: str) -> bool:
    """Return whether a layer, a block or an input can have this name: :data:`NAMES` says it in words."""
    return bool(_NAME.match(text))


class _Parser(StepParser):
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
