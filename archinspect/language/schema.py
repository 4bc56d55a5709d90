"""The spec language as a JSON Schema (draft 7), made from the operators: what editors complete and check by.

It allows more than is right, and never less: a name that the schema cannot know, of a block or in another spelling, is
allowed where the spec has blocks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.language.forms import STEP_ALIASES, STEP_KEYS, TYPE_KEYS
from archinspect.language.parse import LAYOUTS, MAX_NAME, MAX_TEXT, TOP_ALIASES, TOP_KEYS
from archinspect.language.ready import SECOND
from archinspect.ops import all_ops
from archinspect.ops.args import EXPRESSION
from archinspect.ops.base import json_value
from archinspect.ops.declared import WITHOUT_EFFECT

if TYPE_CHECKING:
    from archinspect.ops.args import Arg
    from archinspect.ops.base import Op

    Schema = dict[str, Any]

DRAFT = "http://json-schema.org/draft-07/schema#"
ANY: Schema = {}
TEXT: Schema = {"type": "string", "minLength": 1, "maxLength": MAX_TEXT}
NUMBERS: Schema = {"type": ["integer", "null", "string"]}
SHAPE: Schema = {
    "description": "the shape of a sample, without the batch",
    "anyOf": [{"type": "array", "items": NUMBERS}, {"type": ["integer", "string"]}],
}
STEP: dict[str, Schema] = {
    "name": {"description": "what the layer is called", **TEXT},
    "from": {"description": "what it reads: a name, a count back from -1, or a list of them; `all`"},
    "repeat": {"description": "how often it is there, one after the other", "type": ["integer", "string"]},
    "when": {"description": "whether it is there at all"},
    "weights": {"description": "the layer whose weights it uses", **TEXT},
    "trainable": {"description": "whether its weights train", "type": ["boolean", "string"]},
    "cache": {"description": "whether a decoder caches what it makes", "type": ["boolean", "string"]},
}
TOP: dict[str, Schema] = {
    "name": {"description": "the network's title", **TEXT},
    "source": {"description": "where it is from: a paper, a page", **TEXT},
    "description": {"description": "what it is, in a line or two", **TEXT},
    "metrics": {"description": "what its authors state: year, top1, ...", "type": "object"},
    "extends": {"description": "the spec that it changes: a file beside it, or a built-in network", **TEXT},
    "layout": {"description": "which axis holds the channels", "enum": list(LAYOUTS)},
    "params": {"description": "parameters with their values, used as `$name`", "type": ["object", "null"]},
    "input": {
        "description": "the shape of a sample, without the batch",
        "type": ["array", "object", "integer", "string"],
    },
    "inputs": {"description": "several inputs by name", "type": ["object", "array", "integer", "string"]},
    "output": {"description": "the layer that is the network's output"},
    "outputs": {"description": "the layers that are its outputs"},
    "expect": {"description": "figures that must hold: params, macs, output, ...", "type": "object"},
    "values": {"description": "numbers for inputs and weights, to work sums out with", "type": "object"},
}


def schema() -> Schema:
    """Return the schema of a spec.

    Steps are looked at closely where the spec has no blocks and extends nothing: what else is called is an operator.
    """
    operators = all_ops()
    definitions: Schema = {
        "expression": {
            "type": "string",
            "pattern": r"\$",
            "description": "an expression of parameters: `${2 * width}`",
        },
        "everywhere": {"enum": [*STEP_KEYS, "paths", *sorted(WITHOUT_EFFECT)]},
    }
    for op in operators:
        definitions[op.__name__] = _operator(op)
    names = {name: op for op in operators for name in (op.__name__, *op.aliases)}
    definitions["operatorName"] = {"type": "string", "pattern": _spelled([*names, *SECOND])}
    for kind in ("steps", "knownSteps"):
        definitions[kind] = _steps(kind)
    definitions["steps_step"] = _step(names, is_known=False)
    definitions["knownSteps_step"] = _step(names, is_known=True)
    layers = {"description": "the layers, one after the other"}
    top = {**TOP, "blocks": _blocks(), "layers": {**layers}}
    properties = {name: top[name] for name in TOP_KEYS}
    properties.update({alias: properties[name] for alias, name in TOP_ALIASES.items() if alias not in properties})
    lists = ["layers", *(alias for alias, name in TOP_ALIASES.items() if name == "layers")]
    return {
        "$schema": DRAFT,
        "title": "a network, as archinspect reads it",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "if": {"anyOf": [{"required": ["blocks"]}, {"required": ["extends"]}]},
        "then": {"properties": {name: {"$ref": "#/definitions/steps"} for name in lists}},
        "else": {"properties": {name: {"$ref": "#/definitions/knownSteps"} for name in lists}},
        "definitions": definitions,
    }


def _steps(kind: str) -> Schema:
    """Return the schema of steps: a list of them, or a map of names to steps."""
    step = {"$ref": f"#/definitions/{kind}_step"}
    return {
        "anyOf": [
            {"type": "array", "items": step},
            {"type": "object", "additionalProperties": step},
            {"type": "null"},
        ]
    }


def _blocks() -> Schema:
    body = {
        "type": ["object", "array"],
        "properties": {
            "params": {"description": "its parameters, those without a value required", "type": ["object", "null"]},
            "layers": {"$ref": "#/definitions/steps"},
            "module": {"description": "whether it is a module of its own", "type": "boolean"},
            "description": ANY,
        },
        "additionalProperties": False,
    }
    return {
        "description": "steps with parameters, called as operators are",
        "type": ["object", "null"],
        "propertyNames": {"maxLength": MAX_NAME},
        "additionalProperties": body,
    }


def _step(names: dict[str, type[Op]], *, is_known: bool) -> Schema:
    kind = "knownSteps" if is_known else "steps"
    own = {**STEP, **{alias: STEP[name] for alias, name in STEP_ALIASES.items()}}
    called = {name: {"$ref": f"#/definitions/{op.__name__}"} for name, op in names.items()}
    group = {"layers": {"description": "a group of steps", "$ref": f"#/definitions/{kind}"}}
    keyed: Schema = {
        "type": "object",
        "minProperties": 1,
        "properties": {**dict.fromkeys(SECOND, ANY), **called, **own, **group},
        "not": {"anyOf": [{"required": [name]} for name in TYPE_KEYS]},
    }
    named: Schema = {"type": "string", "minLength": 1}
    if is_known:
        operator = {"$ref": "#/definitions/operatorName"}
        keyed["propertyNames"] = {"anyOf": [operator, {"enum": [*own, "layers"]}]}
        named = operator
    flat = {
        "type": "object",
        "anyOf": [{"required": [name]} for name in TYPE_KEYS],
        "properties": {name: {"description": "the operator or block"} for name in TYPE_KEYS},
    }
    return {"anyOf": [named, keyed, flat]}


def _spelled(names: list[str]) -> str:
    """Return a pattern of names in any spelling that is read: any case, `_`, a package before it; expressions."""
    folded = sorted({name.lower().replace("_", "") for name in names})
    letters = ["[_ -]*".join(f"[{one}{one.upper()}]" if one.isalpha() else one for one in name) for name in folded]
    return rf"\$|^(?:.*\.)?(?:{'|'.join(letters)})$"


def _operator(op: type[Op]) -> Schema:
    """Return what may stand behind an operator's name: its arguments, the main one's value, or nothing."""
    arguments = {name: _argument(op, op.args[own]) for name, own in op.names.items()}
    named = {"anyOf": [{"enum": [*arguments, *op.ignores]}, {"$ref": "#/definitions/everywhere"}]}
    needed = [
        {"anyOf": [{"required": [name]} for name, own in op.names.items() if own == argument.name]}
        for argument in op.args.values()
        if argument.required
    ]
    given = {"type": "object", "properties": arguments, "propertyNames": named}
    values: list[Schema] = [{**given, "allOf": needed} if needed else given]
    required = [name for name, argument in op.args.items() if argument.required]
    if len(required) < 2 and any(map(op.main_arg, (op.__name__, *op.aliases))):  # noqa: PLR2004 - a bare value is one
        values.append({"type": ["number", "string", "boolean", "array"]})
    elif op.inputs[1] != 1:
        values.append({"type": "array", "description": "a path each"})
    if "layer" in op.args:
        values.append({"type": "object", "minProperties": 1, "maxProperties": 1, "description": "the layer alone"})
    if not required:
        values.append({"type": "null"})
    summary = (op.__doc__ or "").strip().partition("\n")[0]
    return {"description": summary, "anyOf": values}


def _argument(op: type[Op], argument: Arg) -> Schema:
    found: Schema = {"description": f"{argument.doc}: {argument.kind.describe(op.rank)}"}
    if not argument.required and argument.default is not None:
        default = json_value(argument.default)
        if isinstance(default, int | float | str | bool | list):
            found["default"] = default
    taken = argument.kind.schema()
    return {**found, "anyOf": [taken, EXPRESSION]} if taken else found
