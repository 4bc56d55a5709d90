"""The codes of diagnostics: one table says how bad each is and what it means, and writes the one of docs/errors.md."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

Severity: TypeAlias = Literal["error", "warning", "hint"]
Code: TypeAlias = Literal[
    "argument",
    "copies",
    "cycle",
    "device",
    "duplicate-key",
    "empty",
    "encoding",
    "expect",
    "expression",
    "extends",
    "file",
    "format",
    "from",
    "guessed",
    "heads",
    "input",
    "layout",
    "limit",
    "many-warnings",
    "missing-argument",
    "missing-param",
    "name",
    "partial",
    "paths",
    "recursion",
    "shape",
    "shares",
    "spec",
    "step",
    "type",
    "uneven",
    "unknown-argument",
    "unknown-input",
    "unknown-key",
    "unknown-op",
    "unknown-param",
    "unused",
    "values",
    "weights",
    "yaml",
]


class Meaning(NamedTuple):
    """What a code stands for."""

    severity: Severity
    text: str


CODES: dict[Code, Meaning] = {
    "argument": Meaning("error", "an operator cannot take an argument's value"),
    "copies": Meaning("warning", "copies of a step follow one another, where they likely stand side by side"),
    "cycle": Meaning("error", "layers wait for one another"),
    "device": Meaning("error", "a file of devices is wrong"),
    "duplicate-key": Meaning("error", "the same thing is given twice"),
    "empty": Meaning("error", "the file holds no values"),
    "encoding": Meaning("error", "the file is not UTF-8 text"),
    "expect": Meaning("error", "a figure is not what `expect` states"),
    "expression": Meaning("error", "an expression cannot be read or evaluated"),
    "extends": Meaning("error", "the spec to start from is not there, or is the spec itself"),
    "file": Meaning("error", "the file cannot be read"),
    "format": Meaning("error", "the file is of a kind that is not read, or is damaged"),
    "from": Meaning("error", "what a step reads is not there, or is too much or too little"),
    "guessed": Meaning("warning", "something that the file does not say is guessed"),
    "heads": Meaning("warning", "attention splits heads that are split already"),
    "input": Meaning("error", "an input is wrong or missing"),
    "layout": Meaning("warning", "an input likely has its channels first"),
    "limit": Meaning("error", "the spec is larger than a [limit](spec.md#limits)"),
    "many-warnings": Meaning("warning", "there are more warnings than are shown"),
    "missing-argument": Meaning("error", "a required argument is not given"),
    "missing-param": Meaning("error", "a template needs values"),
    "name": Meaning("error", "a name is taken or cannot be used"),
    "partial": Meaning("warning", "figures of a layer are not known"),
    "paths": Meaning("warning", "steps of a merge are a path each, where they likely follow one another"),
    "recursion": Meaning("error", "a block contains itself"),
    "shape": Meaning("error", "an operator cannot take the shape of its input"),
    "shares": Meaning("warning", "a layer has no weight in common with the one that `weights` names"),
    "spec": Meaning("error", "the file is no spec"),
    "step": Meaning("error", "a step cannot be read"),
    "type": Meaning("error", "a key has the wrong kind of value"),
    "uneven": Meaning("hint", "a window does not reach the end of its input; `check --hints` shows it"),
    "unknown-argument": Meaning("error", "an operator or block has no such argument"),
    "unknown-input": Meaning("error", "`--input` names no input"),
    "unknown-key": Meaning("error", "there is no such key"),
    "unknown-op": Meaning("error", "there is no such operator or block"),
    "unknown-param": Meaning("error", "`--set` names no parameter"),
    "unused": Meaning("warning", "nothing reads a layer"),
    "values": Meaning("error", "the numbers of `values` do not fit the network"),
    "weights": Meaning("error", "weights cannot be shared"),
    "yaml": Meaning("error", "the text is not valid YAML"),
}
"""Every code, in the order of the page. Codes stay what they are: programs rely on them."""
