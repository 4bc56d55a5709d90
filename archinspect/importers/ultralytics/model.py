"""What a YAML file of YOLO says: its rows, its scale, its dialect."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from archinspect.base.diagnostics import suggest
from archinspect.base.printable import printable
from archinspect.base.source import List, Map, Scalar, SourceError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from archinspect.base.source import Span, Tree, Value

ULTRALYTICS, V5, V7, V9 = "ultralytics", "v5", "v7", "v9"
SECTIONS = ("backbone", "neck", "head")
MAX_ROWS = 5_000
MAX_REPEATS = 1_000
MAX_NUMBER = 10**6
NO_LIMIT = 10**9
OF_V7 = re.compile(
    r"(I|IAux)Detect|SPPCSPC|(Rep)?(Bottleneck|ResX?)CSP[ABC]|Re[Oo]rg|ReOrg|MP|SP|DownC|Stem|Chuncat|Foldcut|Shortcut"
)
OF_V9 = re.compile(r"D(Detect|Segment)|(Dual|Triple)D?(Detect|Segment)|Panoptic|Silence|CBLinear|CBFuse|ADown|AConv")
NEWER = ("C3k2", "A2C2f", "C2fCIB")
"""Modules by which a file is known to be of YOLO11 or later, whose heads are lighter."""
OF_PACKAGE = re.compile(
    r"C3k2|A2C2f|C2fCIB|C2f|C2|C2f?PSA|PSA|SCDown|Pose(26)?|OBB(26)?|Segment26|v10Detect|RTDETRDecoder"
)
"""Modules that the package alone has, beside those of YOLOv9's repository."""


class Row(NamedTuple):
    """A module: where its inputs come from, how often it is repeated, its name and arguments."""

    sources: list[int]
    is_several: bool
    """Whether its inputs stand in a list."""
    repeats: int
    module: str
    args: list[Any]
    span: Span


class Model(NamedTuple):
    """What modules have to know of their file."""

    classes: int
    scale: str
    depth: float
    width: float
    most: int
    """The widest channels, before they are scaled."""
    reg_max: int
    end2end: bool
    is_legacy: bool
    """Whether heads are those of YOLOv8 and before."""
    dialect: str
    activation: Any

    @property
    def is_narrow(self) -> bool:
        """Whether bottlenecks begin with a window of 1x1."""
        return self.dialect in (V5, V7)

    def scaled(self, channels: int) -> int:
        """Return scaled channels, a multiple of 8."""
        return eights(min(channels, self.most) * self.width)

    def repeated(self, count: int) -> int:
        """Return a scaled number of repeats."""
        return max(round(count * self.depth), 1) if count > 1 else count


def eights(number: float) -> int:
    """Return the next multiple of 8."""
    return int(-(-number // 8) * 8)


class Text:
    """The tree of a file."""

    def __init__(self, tree: Tree) -> None:
        if not isinstance(tree, Map):
            raise SourceError("format", "a model of YOLO is a mapping with `backbone` and `head`", tree.span)
        self.tree = tree
        self.names: Mapping[str, Value] = {
            name: value.plain() for name, value in tree.values.items() if name not in (*SECTIONS, "scales")
        }

    def number(self, name: str, default: float, least: float = 0, most: float = MAX_NUMBER) -> float:
        """Return a number that a key has."""
        found = self.names.get(name, default)
        if isinstance(found, bool) or not isinstance(found, int | float) or not least <= found <= most:
            message = f"'{name}' must be a number from {least:,} to {most:,}"
            raise SourceError("format", message, self.tree.values[name].span)
        return found

    def scales(self) -> dict[str, tuple[float, float, int]]:
        """Return depth, width and widest channels of each scale."""
        given = self.tree.values.get("scales")
        if given is None:
            return {}
        found = {}
        for key, value in given if isinstance(given, Map) else ():
            numbers = value.plain()
            if not _is_scale(numbers):
                raise SourceError("format", "a scale is [depth, width, widest channels]", value.span)
            assert isinstance(numbers, list)
            found[key.text] = (float(numbers[0]), float(numbers[1]), int(numbers[2]))  # type: ignore[arg-type] # as seen
        if not found:
            raise SourceError("format", "'scales' must be a mapping of names to [depth, width, channels]", given.span)
        return found

    def rows(self, values: Mapping[str, Any]) -> list[Row]:
        """Return the rows, with `values` in the place of names."""
        found: list[Row] = []
        for section in SECTIONS:
            given = self.tree.values.get(section)
            if given is None:
                continue
            if not isinstance(given, List):
                raise SourceError("format", f"'{section}' must be a list of rows", given.span)
            for tree in given.items:
                if len(found) >= MAX_ROWS:
                    raise SourceError("limit", f"the file has more than {MAX_ROWS:,} rows", tree.span)
                found.append(_row(tree, values, len(found)))
        if not found:
            raise SourceError("format", "the file has no rows", self.tree.span)
        return found


def _is_scale(given: object) -> bool:
    if not isinstance(given, list) or len(given) != 3:  # noqa: PLR2004 - as said where it is used
        return False
    return all(isinstance(one, int | float) and not isinstance(one, bool) and 0 < one <= MAX_NUMBER for one in given)


def _row(tree: Tree, values: Mapping[str, Any], number: int) -> Row:
    if not isinstance(tree, List) or len(tree.items) != 4:  # noqa: PLR2004 - as the message says
        help_ = "the numbers of the rows that it reads, -1 the one before; how often; a module; its arguments"
        raise SourceError("format", "a row is [from, repeats, module, arguments]", tree.span, help_)
    sources, repeats, module, args = tree.items
    given: Any = sources.plain()
    several = given if isinstance(given, list) else [given]
    count = repeats.plain()
    if not several or not all(isinstance(one, int) and not isinstance(one, bool) for one in several):
        raise SourceError("format", "a row reads rows by their numbers", sources.span)
    if isinstance(count, bool) or not isinstance(count, int) or not 0 < count <= MAX_REPEATS:
        message = f"a module is repeated 1 to {MAX_REPEATS:,} times"
        raise SourceError("format", message, repeats.span)
    if not isinstance(module, Scalar) or not isinstance(module.value, str):
        raise SourceError("format", "a module has a name", module.span)
    if not isinstance(args, List):
        raise SourceError("format", "arguments stand in a list", args.span)
    absolute = [one if one >= 0 else number + one for one in several]
    wrong = next((one for one in absolute if not -1 <= one < number), None)
    if wrong is not None:
        raise SourceError("format", f"row {number} reads row {wrong}, which is not before it", sources.span)
    return Row(
        absolute,
        isinstance(given, list),
        count,
        module.value,
        [_value(item.plain(), values, item.span) for item in args.items],
        module.span,
    )


def _value(given: Any, values: Mapping[str, Any], span: Span) -> Any:  # noqa: ANN401 - as files have it
    """Return an argument: names of the file by their values, activations as operators."""
    if isinstance(given, list):
        return [_value(one, values, span) for one in given]
    if isinstance(given, float | int) and not isinstance(given, bool) and not abs(given) <= MAX_NUMBER:
        raise SourceError("limit", f"numbers are at most {MAX_NUMBER:,}", span)
    if not isinstance(given, str):
        return given
    if given in ("None", "True", "False"):
        return {"None": None, "True": True, "False": False}[given]
    return values[given] if given in values else activation(given)


FLAGS = ("True", "False")
_CALL = re.compile(r"(?:torch\.)?nn\.(\w+)\(([^()]*)\)\Z")


def activation(given: str) -> Any:  # noqa: ANN401 - an operator, or the text
    """Return the operator of `nn.LeakyReLU(0.1)`, and any other text as it is."""
    called = _CALL.match(given)
    if not called:
        return given
    from archinspect.base.yaml_core import resolve
    from archinspect.ops.activation import ActivationKind
    from archinspect.ops.declared import ArgumentError

    name, args = called.groups()
    kept = [part.partition("=") for part in map(str.strip, args.split(",")) if part and not part.startswith("inplace")]
    if name == "Identity":
        return False
    if name == "PReLU":  # whose weight all layers share
        return given
    try:
        numbers = [resolve((value or text).strip()) for text, _, value in kept if (value or text) not in FLAGS]
        return ActivationKind().convert({name: numbers[0]} if numbers else name)
    except (ArgumentError, ValueError):
        return given


def dialect(rows: list[Row], names: Mapping[str, Value]) -> str:
    """Return whose modules a file has: those of a repository where names are alike."""
    modules = [row.module for row in rows]
    if "depth_multiple" not in names or "scales" in names:
        return ULTRALYTICS
    if any(map(OF_V7.fullmatch, modules)) or (
        "anchors" in names and any(row.module == "SPP" and not row.args[1:] for row in rows)
    ):
        return V7
    if any(map(OF_V9.fullmatch, modules)) and not isinstance(names.get("anchors"), list):
        return ULTRALYTICS if any(map(OF_PACKAGE.fullmatch, modules)) else V9
    return V5 if "anchors" in names else ULTRALYTICS


def chosen(text: Text, scale: object, stem: str) -> tuple[str, float, float, int]:
    """Return the scale that is asked for, or that the file's name says, or the first; its depth, width and limit."""
    scales = text.scales()
    if not scales:
        if scale is not None:
            raise ValueError("the file has no scales")
        depth, width = text.number("depth_multiple", 1.0), text.number("width_multiple", 1.0)
        return "", depth, width, NO_LIMIT
    named = re.search(r"yolo(?:e-)?v?\d+([nslmx]|[a-z](?=[-_.]|\Z))", stem)
    name = str(scale) if scale is not None else named[1] if named and named[1] in scales else next(iter(scales))
    if name not in scales:
        raise LookupError(f"there is no scale '{printable(name)}'", suggest(name, scales))
    return (name, *scales[name])
