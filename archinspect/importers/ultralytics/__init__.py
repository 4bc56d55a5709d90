"""Models of YOLO and RT-DETR as YAML: those of the package `ultralytics`, and of YOLOv5's, v7's and v9's repositories.

A row is a module. Layers have the names that they have there: `model.2.cv1.conv`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from archinspect.base.diagnostics import suggest
from archinspect.base.printable import printable
from archinspect.base.source import SourceError
from archinspect.base.yaml_core import read_tree
from archinspect.importers import DAMAGED, asked
from archinspect.importers.ultralytics.model import NEWER, ULTRALYTICS, Model, Text, activation, chosen, dialect
from archinspect.importers.ultralytics.modules import MODULES, WORDED, arguments, function_of, module_of
from archinspect.importers.ultralytics.net import Net
from archinspect.ops.declared import ArgumentError

if TYPE_CHECKING:
    from archinspect.base.diagnostics import Problems
    from archinspect.base.settings import Settings
    from archinspect.graph.graph import Graph, Tensor
    from archinspect.importers.file import File
    from archinspect.importers.ultralytics.model import Row
    from archinspect.importers.ultralytics.modules import Module

MOST = 2**22
"""Bytes of a file."""
INPUT, TEXT = "images", "text"
SIDE, SIDE_OF_CLASSES = 640, 224
"""Of images, unless `--input` says another: for boxes, for classes of whole images."""
WORD = 512


def read(file: File, settings: Settings, problems: Problems) -> Graph | None:
    """Return the graph of a model at a scale, for images of a size, in evaluation."""
    text = Text(read_tree(file.text(MOST)))
    rows = text.rows({})
    declared: dict[str, Any] = {"nc": int(text.number("nc", 80, 1))}
    params = asked.params(declared, settings, problems, file.span(), ("scale",) if "scales" in text.tree.values else ())
    if problems.failed:
        return None
    model = _model(file, text, rows, params, problems)
    if model is None:
        return None
    rows = text.rows({**text.names, "nc": model.classes})
    side = SIDE_OF_CLASSES if rows[-1].module == "Classify" else SIDE
    channels = int(text.number("channels" if "channels" in text.names else "ch", 3, 1))
    shapes: dict[str, tuple[int, ...]] = {INPUT: (side, side, channels)}
    if any(row.module in WORDED for row in rows):
        shapes[TEXT] = (model.classes, WORD)
    if settings.inputs.keys() == {""}:  # words need not be said
        settings = settings._replace(inputs={INPUT: settings.inputs[""]})
    shapes = asked.shapes(shapes, settings, problems, file.span())
    if problems.failed:
        return None
    net = Net(_name(file, model), file.span(), model)
    if model.activation is not None:
        net.default = model.activation or None
    image = net.input(*shapes[INPUT], name=INPUT)
    if TEXT in shapes:
        net.words = net.text = net.input(*shapes[TEXT], name=TEXT)
    net.params = {**declared, **({"scale": model.scale} if model.scale else {}), "nc": model.classes}
    outputs = _build(net, rows, image, text.names.get("anchors"))
    return net.build(*outputs)


def _name(file: File, model: Model) -> str:
    stem = printable(os.path.splitext(os.path.basename(file.path))[0])
    return f"{stem} {model.scale}" if model.scale else stem


def _model(file: File, text: Text, rows: list[Row], params: dict[str, Any], problems: Problems) -> Model | None:
    stem = os.path.splitext(os.path.basename(file.path))[0]
    try:
        scale, depth, width, most = chosen(text, params.get("scale"), stem)
    except LookupError as error:
        problems.error("unknown-param", error.args[0], text.tree.values["scales"].span, error.args[1])
        return None
    own = dialect(rows, text.names)
    return Model(
        classes=_whole(params["nc"]),
        scale=scale,
        depth=depth,
        width=width,
        most=most,
        reg_max=int(text.number("reg_max", 16, 1)) if own == ULTRALYTICS else 16,
        end2end=bool(text.names.get("end2end", False)),
        is_legacy=not any(row.module in NEWER for row in rows),
        dialect=own,
        activation=_activation(text),
    )


def _activation(text: Text) -> Any:  # noqa: ANN401 - an operator, or false for none, or null where the file says none
    given = text.names.get("activation")
    found = activation(given) if isinstance(given, str) and given else None
    if isinstance(found, str):
        message = f"the activation '{printable(found)}' is not read"
        raise SourceError("unknown-op", message, text.tree.values["activation"].span)
    return found


def _whole(given: Any) -> int:  # noqa: ANN401 - as it was given
    if isinstance(given, bool) or not isinstance(given, int) or given < 1:
        raise ArgumentError("nc must be a positive whole number", "nc")
    return given


def _build(net: Net, rows: list[Row], image: Tensor, anchors: object) -> list[Tensor]:
    """Add all rows, and return what the last gives."""
    found: list[Any] = []
    with net.scope("model", "DetectionModel"):
        for number, row in enumerate(rows):
            module = module_of(row, net.model)
            if module is None:
                message = f"the module '{printable(row.module)}' is not read"
                raise SourceError("unknown-op", message, row.span, suggest(row.module, MODULES))
            net.here = row.span
            read_by = [image if source < 0 else found[source] for source in row.sources]
            with net.scope(str(number), row.module):
                try:
                    found.append(_built(net, row, module, read_by, anchors))
                except ArgumentError as error:
                    raise SourceError("argument", error.message, row.span, error.help) from None
                except DAMAGED as error:
                    message = f"{row.module} cannot be made of these arguments: {error}"
                    raise SourceError("argument", message, row.span) from None
    last = found[-1]
    return last if isinstance(last, list) else [last]


def _built(net: Net, row: Row, module: Module, given: list[Any], anchors: object) -> Any:  # noqa: ANN401 - an image, or several
    """Add a module as often as its row says."""
    build = function_of(row, net.model, anchors)
    args, repeats = arguments(row, net.model, anchors)
    x = given if module.several or row.is_several else given[0]
    if isinstance(x, list) and len(x) == 1 and not module.several:
        x = x[0]
    if repeats == 1:
        return build(net, x, *args)
    for i in range(repeats):
        with net.scope(str(i), row.module):
            x = build(net, x, *args)
    return x
