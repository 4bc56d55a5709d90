"""From a file, a text or a dict to a graph: reads, follows `extends`, parses, expands."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from archinspect.base.diagnostics import Near, Problems, nearest, show
from archinspect.base.source import Map, Scalar, Source, SourceError, Span, decode, read_file
from archinspect.base.yaml_core import read_tree
from archinspect.language import library
from archinspect.language.parse import parse_spec

if TYPE_CHECKING:
    from pathlib import Path

    from archinspect.base.diagnostics import Diagnostic
    from archinspect.base.settings import Settings
    from archinspect.base.source import Tree
    from archinspect.graph.graph import Graph
    from archinspect.language.parse import Spec

MAX_EXTENDS = 10
MAX_FILES = 1000
"""Files of a folder among which the nearest name is looked for."""
NOT_INHERITED = ("name", "expect", "metrics", "values", "extends")
"""What a spec says of itself alone."""
MAX_LOOKED_AT = 2**20
"""Bytes of a file in which a key of a spec is looked for."""
_SPEC_KEY = re.compile(rb"^[\"']?(?:layers|inputs?|extends)[\"']? *:", re.MULTILINE)
_NO_SPEC = (re.compile(rb"^arch *:", re.MULTILINE), re.compile(rb"^dataset *:", re.MULTILINE))
"""Keys of another grammar that has `layers`, too: ai8x's."""
_BARE_NAME = re.compile(r"[\w.+-]+\Z")


class NotFoundError(Exception):
    """No file and no built-in network of this name; the message names the nearest."""


def looks_like_spec(path: str) -> bool:
    """Return whether a file has a key of a spec at the start of a line."""
    with open(path, "rb") as file:
        return has_spec_key(file.read(MAX_LOOKED_AT))


def has_spec_key(text: bytes) -> bool:
    """Return whether a text has a key of a spec at the start of a line."""
    return _SPEC_KEY.search(text) is not None and not all(key.search(text) for key in _NO_SPEC)


def may_be_of_another_format(path: str) -> bool:
    """Return whether a name means a folder, or a file that does not look like a spec; pipes are read once."""
    with suppress(OSError, ValueError):
        if os.path.isfile(path):
            return not (path.endswith(library.SUFFIXES) and looks_like_spec(path))
        return os.path.isdir(path)
    return False


def open_spec(spec: str | Path | Mapping[str, Any]) -> Source:
    """Return the text of a spec: of a file, which wins over a built-in network of the same name, or YAML itself.

    Raise :class:`NotFoundError`, or :class:`SourceError` for what cannot be read.
    """
    if isinstance(spec, Mapping):
        return _written(spec)
    if spec == "-":
        if sys.stdin is None:
            raise SourceError("file", "standard input is closed", Span(Source("<stdin>", "")))
        return decode(sys.stdin.buffer.read(), "<stdin>")
    path = os.fspath(spec)
    if isinstance(spec, str) and ("\n" in spec or spec.lstrip().startswith("{")):
        return Source("<text>", spec)
    builtin = None if os.path.isfile(path) else library.find_builtin(path)
    if builtin is None and not os.path.exists(path):
        raise NotFoundError(not_found(path))
    return library.read_builtin(builtin) if builtin else read_file(path)


def not_found(path: str, *, is_file: bool = False) -> str:
    """Return what to say of a name that is no file and no built-in network, or that can only be a file: the nearest."""
    if os.path.islink(path):
        return f"{show(path)} is a link to what is not there: {show(os.readlink(path))}"
    folder, name = os.path.split(path)
    files: dict[str, str] = {}
    with suppress(OSError, ValueError):
        there = [file for file in sorted(os.listdir(folder or "."))[:MAX_FILES] if file.endswith(library.SUFFIXES)]
        files = {library.stem(file): os.path.join(folder, file) for file in there}  # suffixes make no names alike
    built_in = {one: one for one in library.builtins()}
    is_path = is_file or library.is_path(path)
    for known in (files, {} if is_file else built_in) if is_path else ({**files, **built_in},):
        close = [known[one] for one in nearest(library.stem(name), known)]
        if close:
            break
    what = ("no file" if name else "no folder") if is_path else "no file and no built-in network"
    if close:
        return f"{what} {show(path)}: did you mean {' or '.join(map(show, close))}?"
    return f"{what} {show(path)}" + ("" if is_file or folder else ": `archinspect list` shows the built-in ones")


def _written(spec: Mapping[str, Any]) -> Source:
    """Return a dict as text: JSON is YAML, and has lines for messages."""
    import json

    try:
        return Source("<dict>", json.dumps(spec, indent=1, ensure_ascii=False, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ValueError(f"the spec holds what no file can: {error}") from None


def load(source: Source, settings: Settings, problems: Problems) -> Graph | None:
    """Return the graph of a spec, shapes not yet inferred; None where its text is no spec at all."""
    from archinspect.language.expand import expand  # a check of files that are as they were needs none

    spec = _read(source, problems, ())
    return None if spec is None else expand(spec, settings, problems)


def is_template(source: Source) -> bool:
    """Return whether a spec has parameters without a default, so that it stands for a family of networks."""
    try:
        tree = read_tree(source)
    except SourceError:
        return False
    params = tree.values.get("params") if isinstance(tree, Map) else None
    return isinstance(params, Map) and any(isinstance(v, Scalar) and v.text == "" for v in params.values.values())


def check_template(source: Source) -> list[Diagnostic]:
    """Return what is wrong with the form of a spec that needs parameters."""
    problems = Problems()
    parse_spec(read_tree(source), problems)
    return problems.all()


def _read(source: Source, problems: Problems, children: tuple[Source, ...]) -> Spec | None:
    try:
        tree = read_tree(source)
    except SourceError as error:
        problems.source_error(error)
        return None
    spec = parse_spec(tree, problems)
    extends = spec.fields.get("extends")
    if not children:
        problems.asked = spec.span if extends is None else extends.span
    base = _base(extends, source, problems, children)
    if base is None:
        return spec
    inherited = _read(base, problems, (*children, source))
    return inherited and _extend(inherited, spec)


def chain(source: Source, problems: Problems) -> list[Source]:
    """Return a spec, what it extends, what that extends, ...; what is wrong there is told to `problems`."""
    found = [source]
    while True:
        tree = read_tree(found[-1])
        name = tree.values.get("extends") if isinstance(tree, Map) else None
        base = _base(name, found[-1], problems, tuple(found[:-1]))
        if base is None:
            return found
        found.append(base)


def _base(name: Tree | None, source: Source, problems: Problems, children: tuple[Source, ...]) -> Source | None:
    """Return what a spec extends; None for nothing, and for what cannot be read or extended."""
    if not isinstance(name, Scalar) or not name.text:
        return None
    path = base_path(name.text, source)
    parents = (*children, source)
    if path is None:
        message = f"no spec '{name.text}' to extend, built in or beside this file"
        no_folder = "`extends` takes a name without a folder, of a spec beside this file or of a built-in one"
        found = Near.of(no_folder) if "/" in name.text else Near(name.text, library.builtins())
        problems.unknown("extends", message, name.span, name.text, found)
        return None
    if len(parents) > MAX_EXTENDS or os.path.realpath(path) in (os.path.realpath(parent.path) for parent in parents):
        problems.error("extends", f"'{name.text}' extends itself", name.span)
        return None
    try:
        return library.read_builtin(path)
    except SourceError as error:
        problems.source_error(error)
        return None


def base_path(name: str, source: Source) -> str | None:
    """Return the spec that `extends` names: a file beside this one, or a built-in one; never another path."""
    if not _BARE_NAME.match(name):
        return None
    if source.path:
        for suffix in library.SUFFIXES:
            beside = os.path.join(os.path.dirname(source.path), name.removesuffix(suffix) + suffix)
            if os.path.isfile(beside) and beside != source.path and _stays(beside):
                return beside
    return library.find_builtin(name)


def _stays(path: str) -> bool:
    """Return whether a file is in its folder, and no link to another one."""
    return os.path.dirname(os.path.realpath(path)) == os.path.realpath(os.path.dirname(path))


def _extend(base: Spec, spec: Spec) -> Spec:
    """Return the base with what the spec says in its place; what it says of its own figures is never inherited."""
    spec.fields = {k: v for k, v in base.fields.items() if k not in NOT_INHERITED} | spec.fields
    spec.params = base.params | spec.params
    spec.blocks = base.blocks | spec.blocks
    spec.inputs = spec.inputs or base.inputs
    spec.layers = base.layers if spec.layers is None else spec.layers
    return spec
