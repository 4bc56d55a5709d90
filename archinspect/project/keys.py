"""The keys of a configuration: the one table from which it is checked, and its JSON Schema and docs are made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from archinspect.base.diagnostics import show, suggest
from archinspect.checks.bounds import refused
from archinspect.checks.figures import FIGURES
from archinspect.checks.selection import names
from archinspect.render.check import FORMATS as CHECK_FORMATS

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_ITEMS = 10_000


class Kind(NamedTuple):
    """A kind of value: how it is read, and its JSON Schema."""

    read: Callable[[Any], Any]
    """Returns the value; raises ValueError with words that follow the key's name."""
    schema: dict[str, Any]


class Key(NamedTuple):
    """A key of the configuration."""

    kind: Kind
    default: Any
    doc: str


def _bool(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"must be true or false, not {show(value)}")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or not value or len(value) > MAX_ITEMS or "\0" in value:
        raise ValueError(f"must be a text, not {show(value)}")
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > MAX_ITEMS:
        raise ValueError(f"must be a list of texts, not {show(value)}")
    return tuple(map(_text, value))


def _codes(value: object) -> tuple[str, ...]:
    found, known = _texts(value), names()
    for name in found:
        if name not in known:
            raise ValueError(f"has '{name}', which is no rule: {suggest(name, known)}")
    return found


def _formats(value: object) -> tuple[str, ...]:
    found = _texts([value] if isinstance(value, str) else value)
    for one in found:
        name = one.partition("=")[0]
        if name not in CHECK_FORMATS:
            raise ValueError(f"has '{name}', which is no format: {suggest(name, CHECK_FORMATS)}")
    return found


def _by_glob(read: Callable[[object], Any]) -> Callable[[object], dict[str, Any]]:
    def table(value: object) -> dict[str, Any]:
        if not isinstance(value, dict) or len(value) > MAX_ITEMS:
            raise ValueError(f"must be a table, by pattern, not {show(value)}")
        found = {}
        for pattern, item in value.items():
            try:
                found[_text(pattern)] = read(item)
            except ValueError as error:
                raise ValueError(f"of '{pattern}' {error}") from None
        return found

    return table


def percent(value: object) -> float:
    """Return per cents; raise ValueError."""
    given = value.strip().removesuffix("%") if isinstance(value, str) else value
    try:
        number = float(given) if not isinstance(given, bool) else -1.0  # type: ignore[arg-type] # refused below
    except (TypeError, ValueError):
        number = -1.0
    if not 0 <= number <= 1_000:  # noqa: PLR2004 - ten times as much is no tolerance
        raise ValueError(f"must be percents such as '0.5%', not {show(value)}")
    return number


def length(value: object) -> int:
    """Return the characters of a line; raise ValueError."""
    if not isinstance(value, int) or isinstance(value, bool) or not 40 <= value <= 1_000:  # noqa: PLR2004 - shorter holds nothing
        raise ValueError(f"must be a number of characters, from 40 to 1000, not {show(value)}")
    return value


def _figures(value: object) -> dict[str, Any]:
    """Return bounds of figures; what each can be, the rule `budget` says."""
    if not isinstance(value, dict) or len(value) > MAX_ITEMS:
        raise ValueError(f"must be a table of figures, not {show(value)}")
    wrong = refused(value)
    if wrong:
        raise ValueError(f"has a mistake: {wrong}")
    return value


_LIST = {"type": "array", "items": {"type": "string"}}
BOOL = Kind(_bool, {"type": "boolean"})
TEXT = Kind(_text, {"type": "string", "minLength": 1})
GLOBS = Kind(_texts, _LIST)
CODES = Kind(_codes, {"type": "array", "items": {"$ref": "#/$defs/rule"}})
CODES_BY_GLOB = Kind(_by_glob(_codes), {"type": "object", "additionalProperties": CODES.schema})
FORMATS = Kind(_formats, {"type": ["string", "array"], "items": {"type": "string"}})
LENGTH = Kind(length, {"type": "integer", "minimum": 40, "maximum": 1000})
PERCENT = Kind(percent, {"type": ["string", "number"]})
_BOUNDS = {
    "type": "object",
    "properties": {
        **{name: {"description": one.doc, "type": ["string", "number", "object"]} for name, one in FIGURES.items()},
        "output": {"description": "the shape of the only output", "type": "array"},
        "outputs": {"description": "the shapes of all outputs", "type": "array"},
        "fits": {"description": "that it fits into a device's memory", "type": ["object", "array"]},
        "parts": {"description": "figures of layers, blocks or stages", "type": "object"},
    },
    "additionalProperties": False,
}
FIGURES_BY_GLOB = Kind(_by_glob(_figures), {"type": "object", "additionalProperties": _BOUNDS})

KEYS = {
    "extend": Key(TEXT, None, "another configuration, whose values hold where this one says nothing"),
    "include": Key(GLOBS, (), "patterns of further files that are specs, such as `models/*.onnx`"),
    "exclude": Key(GLOBS, (), "patterns of files and folders that are left out, instead of the usual ones"),
    "extend-exclude": Key(GLOBS, (), "further ones"),
    "force-exclude": Key(BOOL, False, "whether files that the command line names are left out, too"),
    "respect-gitignore": Key(BOOL, True, "whether what git ignores is left out"),
    "select": Key(CODES, None, "the rules that run, instead of the default ones"),
    "extend-select": Key(CODES, (), "further rules"),
    "ignore": Key(CODES, (), "rules that do not run"),
    "per-file-ignores": Key(CODES_BY_GLOB, {}, "rules that do not run in some files, by pattern"),
    "extend-per-file-ignores": Key(CODES_BY_GLOB, {}, "further ones"),
    "strict": Key(BOOL, False, "whether warnings fail"),
    "require-complete": Key(BOOL, False, "whether a network of which not everything is counted fails"),
    "output-format": Key(FORMATS, None, "how problems are printed, as `--format`"),
    "line-length": Key(LENGTH, 110, "characters of a line, as `fmt` lays specs out"),
    "cache-dir": Key(TEXT, None, "the folder of what was found before, as `--cache-dir`"),
    "budgets": Key(FIGURES_BY_GLOB, {}, "bounds of figures, as in `expect`, by pattern"),
    "baseline": Key(TEXT, None, "the file of stored figures, as `--baseline`"),
    "tolerance": Key(PERCENT, 0.0, "by how much figures may grow over the baseline"),
}
"""Every key, in the order of the docs."""


def schema() -> dict[str, Any]:
    """Return the JSON Schema of `archinspect.toml`."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "archinspect.toml",
        "description": "What `archinspect check` checks, and how.",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            name: {
                "description": key.doc,
                **key.kind.schema,
                **({"default": key.default} if isinstance(key.default, bool) else {}),
            }
            for name, key in KEYS.items()
        },
        "$defs": {"rule": {"enum": names()}},
    }
