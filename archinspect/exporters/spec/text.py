"""Steps as lines of YAML: on one line what fits there, as a person would write it."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING, Any

from archinspect.base.scalars import scalar
from archinspect.exporters.spec.leaf import merges
from archinspect.exporters.spec.steps import Expr, Ref, Step, Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

WIDTH = 110
"""Characters of a line."""
MOST_STEPS = 4
"""So many steps a line holds at most, the outer one among them."""
INDENT = "  "
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"|\[[^\[\]"]*\]|\w+: ')
_SPACE = "\0"
"""Stands for a space at which no line ends."""
_SENTENCE = re.compile(r"[A-Z][a-z]*[ -][\w ,.()&/+-]*[\w.)]|[a-z]+ [\w ,.()&/+-]*[\w.)]", re.ASCII)
"""Text that needs no quotes where it is the value of a key at the top."""


def flow(value: Any) -> str:  # noqa: ANN401 - of any argument
    """Write a value within a line."""
    if isinstance(value, Expr | Ref | Text):
        return scalar(str(value) if isinstance(value, Expr) else value.text)
    if isinstance(value, str):
        return scalar(value.replace("$", "$$"))
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(flow, value))}]"
    if isinstance(value, dict):
        pairs = [f"{scalar(str(key))}: {'' if one is None else flow(one)}" for key, one in value.items()]
        return f"{{{', '.join(pairs)}}}"
    return {None: "null", True: "true", False: "false"}[value] if value is None or type(value) is bool else repr(value)


def lines(steps: Sequence[Step], indent: int) -> list[str]:
    """Return the lines of a list of steps."""
    return [line for step in steps for line in _item(step, indent)]


def _item(step: Step, indent: int) -> list[str]:
    text = f"{INDENT * indent}- {_bare(step)}"
    if len(text) <= WIDTH and 1 + sum(1 for _ in step.inside()) <= MOST_STEPS:
        return [text]
    first, *rest = _spread(step, indent + 1)
    lead = INDENT * indent + "- "
    return [lead + first[len(lead) :], *rest]


def _bare(step: Step) -> str:
    """Write a step on one line, without the braces where it has one key."""
    pairs = list(_pairs(step))
    if len(pairs) == 1:
        ((key, value),) = pairs
        return key if value == "" else f"{key}: {value}"
    return _braced(pairs)


def _braced(pairs: Sequence[tuple[str, str]]) -> str:
    return "{" + ", ".join(f"{key}: {value}" for key, value in pairs) + "}"


def _nested(step: Step) -> str:
    """Write a step as an item of a list on one line."""
    pairs = list(_pairs(step))
    if len(pairs) == 1 and pairs[0][1] == "":
        return pairs[0][0]
    return _braced(pairs)


def _pairs(step: Step) -> Iterator[tuple[str, str]]:
    """Yield the keys of a step and their values on one line."""
    if step.op:
        yield scalar(str(step.op)), _value(step)
    yield from ((key, flow(value)) for key, value in _extras(step))
    if step.body is not None:
        yield "layers", f"[{', '.join(map(_nested, step.body))}]"


def _value(step: Step) -> str:
    """Write what stands behind an operator on one line."""
    if step.paths is not None:
        paths = f"[{', '.join(map(_path, step.paths))}]"
        return f"{{{_arguments(step)}, paths: {paths}}}" if step.args else paths
    main = _main(step)
    if main is not None:
        return flow(step.args[main])
    return f"{{{_arguments(step)}}}" if step.args else ""


def _arguments(step: Step) -> str:
    return ", ".join(f"{scalar(key)}: {flow(value)}" for key, value in step.args.items())


def _main(step: Step) -> str | None:
    """Return the argument that a bare value means, where it is the only one."""
    if len(step.args) != 1 or step.paths is not None:
        return None
    ((name, value),) = step.args.items()
    if value is None or isinstance(value, dict | bool) or (isinstance(value, list) and merges(step.op)):
        return None
    return name if name == step.main else None


def _path(steps: Sequence[Step]) -> str:
    texts = [_nested(step) for step in steps]
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"


def _extras(step: Step) -> Iterator[tuple[str, Any]]:
    """Yield the step's own keys."""
    if step.is_named:
        yield "name", _number(step.name)
    if step.source is not None:
        yield "from", step.source
    if step.repeat is not None:
        yield "repeat", step.repeat
    if step.when is not None:
        yield "when", step.when
    if step.weights is not None:
        yield "weights", step.weights
    if step.frozen:
        yield "trainable", False
    if step.cached is not None:
        yield "cache", step.cached


def _number(name: Any) -> Any:  # noqa: ANN401 - a name or an expression
    """Return a name of digits as the number that is read as the same text."""
    return int(name) if isinstance(name, str) and re.fullmatch(r"0|[1-9]\d{0,8}", name) else name


def _spread(step: Step, indent: int) -> list[str]:
    """Return the lines of a step that needs several, each with its indentation."""
    lead = INDENT * indent
    extras = [line for key, value in _extras(step) for line in _wrapped(f"{lead}{key}: {flow(value)}", indent)]
    if not step.op:
        assert step.body is not None
        return [*extras, f"{lead}layers:", *lines(step.body, indent + 1)]
    key = scalar(str(step.op))
    if step.paths is None:
        return [*_wrapped(f"{lead}{key}: {_value(step)}".rstrip(), indent), *extras]
    found = [f"{lead}{key}:"]
    deeper = indent + 1
    if step.args:
        found += [f"{INDENT * deeper}{name}: {flow(value)}" for name, value in step.args.items()]
        found.append(f"{INDENT * deeper}paths:")
        deeper += 1
    for path in step.paths:
        found += _path_lines(path, deeper)
    return [*found, *extras]


def _path_lines(path: Sequence[Step], indent: int) -> list[str]:
    lead = f"{INDENT * indent}- "
    if len(path) == 1:
        return _item(path[0], indent)
    text = lead + _path(path)
    if len(text) <= WIDTH and sum(1 for _ in _all(path)) <= MOST_STEPS:
        return [text]
    first, *rest = lines(path, indent + 1)
    return [lead + first[len(lead) :], *rest]


def _all(steps: Sequence[Step]) -> Iterator[Step]:
    for step in steps:
        yield step
        yield from step.inside()


def _wrapped(text: str, indent: int) -> list[str]:
    """Return a long line as several, which YAML reads as one; quoted text stays on a line if it can."""
    if len(text) <= WIDTH:
        return [text]
    deeper = INDENT * (indent + 1)
    kept = _QUOTED.sub(lambda found: found[0].replace(" ", _SPACE), text)
    if any(len(deeper) + len(word) > WIDTH for word in kept.split()):
        kept = text
    found = textwrap.wrap(kept, WIDTH, subsequent_indent=deeper, break_long_words=False, break_on_hyphens=False)
    return [line.replace(_SPACE, " ") for line in found]


def entry(key: str, value: Any) -> list[str]:  # noqa: ANN401 - of any key
    """Return the lines of a key at the top."""
    text = value if isinstance(value, str) and _SENTENCE.fullmatch(value) else flow(value)
    return _wrapped(f"{scalar(key)}: {text}", 0)


def block_text(name: str, params: Mapping[str, Any], steps: Sequence[Step], *, module: bool | None) -> list[str]:
    """Return the lines of a block; parameters without a default have `...`."""
    declared = [f"{scalar(key)}: {'' if value is ... else flow(value)}" for key, value in params.items()]
    if not declared and module is None:
        return [f"{INDENT}{scalar(name)}:", *lines(steps, 2)]
    found = [f"{INDENT}{scalar(name)}:"]
    if module is not None:
        found.append(f"{INDENT * 2}module: {flow(module)}")
    if declared:
        found += _wrapped(f"{INDENT * 2}params: {{{', '.join(declared)}}}", 2)
    return [*found, f"{INDENT * 2}layers:", *lines(steps, 3)]
