"""What a network of Caffe reads, and which of its layers a phase has."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archinspect.importers.caffe.older import newer, renewed

if TYPE_CHECKING:
    from archinspect.base.source import Span
    from archinspect.importers.caffe.text import Message

DATA = {
    "Data": "data_param",
    "ImageData": "image_data_param",
    "HDF5Data": "hdf5_data_param",
    "WindowData": "window_data_param",
    "MemoryData": "memory_data_param",
    "DummyData": "dummy_data_param",
    "AnnotatedData": "data_param",
    "Python": "python_param",
    "Input": "input_param",
}
"""Types of layers that give what is read, and where they say how much of it."""
AXES = 4
"""Of images: the batch, channels, height, width."""


class Blob(NamedTuple):
    """An input: its shape without the batch, the batch, and where it stands."""

    shape: tuple[int, ...]
    batch: int
    span: Span
    is_known: bool = True


def kind_of(message: Message) -> str:
    """Return the type of a layer under its later name."""
    kind = newer(message.word("type"))
    return kind if kind in DATA or kind.lower() != "data" else "Data"


def trains(message: Message) -> bool:
    """Return whether a layer learns: not where the rate of all its weights is 0."""
    rates = (
        [one.number("lr_mult", 1) for one in message.messages("param") if one.has("lr_mult")] if _new(message) else []
    )
    rates += [
        float(field.value) for field in message.fields.get("blobs_lr", ()) if isinstance(field.value, int | float)
    ]
    return not rates or any(rates)


def _new(message: Message) -> bool:
    """Return whether weights are told of in messages; before, they had names alone."""
    return not message.texts("param") if message.has("param") and _are_texts(message) else True


def _are_texts(message: Message) -> bool:
    return all(isinstance(field.value, str) for field in message.fields["param"])


def of_phase(layers: list[Message], asked: str) -> list[Message]:
    """Return the layers of a phase: of tests, or of training where only that has data, unless one is asked for."""
    if asked:
        return [layer for layer in layers if _is_of(layer, asked)]
    data = [layer for layer in layers if not layer.has("bottom") and kind_of(renewed(layer)) in DATA]
    phase = "TEST" if not data or any(_is_of(layer, "TEST") for layer in data) else "TRAIN"
    return [layer for layer in layers if _is_of(layer, phase)]


def _is_of(layer: Message, phase: str) -> bool:
    included, excluded = layer.messages("include"), layer.messages("exclude")
    if included:
        return any(_meets(rule, phase) for rule in included)
    return not any(_meets(rule, phase) for rule in excluded)


def _meets(rule: Message, phase: str) -> bool:
    """Return whether a rule holds in a phase without stages, of level 0."""
    if rule.has("phase") and str(rule.word("phase")).upper() != phase:
        return False
    return not rule.has("stage") and rule.whole("min_level", 0, -(10**6)) <= 0


def declared(text: Message, layers: list[Message]) -> dict[str, Blob]:
    """Return the inputs by name: those of the network, and what layers of data give."""
    found: dict[str, Blob] = {}
    names = text.texts("input")
    shapes = [one.wholes("dim") for one in text.messages("input_shape")]
    dims = text.wholes("input_dim")
    shapes = [dims[i : i + AXES] for i in range(0, len(dims), AXES)] + shapes if dims else shapes
    if dims and len(dims) % AXES:
        # One input, of other axes than an image.
        shapes = [dims, *[one.wholes("dim") for one in text.messages("input_shape")]]
    for i, name in enumerate(names):
        found[name] = _blob(shapes[i] if i < len(shapes) else [], text.span("input"))
    for layer in layers:
        kind = kind_of(layer)
        if kind in DATA and not layer.has("bottom"):
            for i, top in enumerate(layer.texts("top")):
                blob = _of_data(layer, kind, i)
                if blob is not None:
                    found.setdefault(top, blob)
    return {name: blob for name, blob in found.items() if _is_read(name, layers)} or found


def _is_read(name: str, layers: list[Message]) -> bool:
    """Return whether a layer that is part of the network reads a blob: labels are for losses."""
    from archinspect.importers.caffe.kinds import ENDS

    return any(name in layer.texts("bottom") for layer in layers if kind_of(layer) not in ENDS)


def _blob(dims: list[int], span: Span) -> Blob:
    return Blob(tuple(dims[1:]), dims[0] if dims else 1, span, bool(dims) and all(size > 0 for size in dims))


def _of_data(layer: Message, kind: str, top: int) -> Blob | None:
    """Return what a layer of data gives first, and what it says of the others."""
    span = layer.span("type", "name")
    shapes = [
        shape
        for name in ("input_param", "dummy_data_param", "data_param")
        for shape in layer.message(name).messages("shape")
    ]
    if shapes:
        return _blob(shapes[min(top, len(shapes) - 1)].wholes("dim"), span)
    given = layer.message(DATA[kind]) if not layer.has("v0_param") else layer.message("v0_param")
    sizes = [_of_top(given.wholes(name), top) for name in ("channels", "height", "width")]
    batch = given.whole("batch_size") or given.whole("num") or 1
    if (top == 0 or kind == "DummyData") and all(sizes):
        return Blob(tuple(sizes), batch, span)
    if top > 0:
        return Blob((), batch, span)
    change = layer.message("transform_param")
    side = change.whole("crop_size") or given.whole("crop_size")
    if not side:
        return Blob((), batch, span, is_known=False)
    gray = len(change.fields.get("mean_value", ())) == 1 and change.flag("force_gray")
    return Blob((1 if gray else 3, side, side), batch, span)


def _of_top(sizes: list[int], top: int) -> int:
    """Return a size of what a layer gives, which may say it once for all or for each; 0 where it says none."""
    return sizes[min(top, len(sizes) - 1)] if sizes else 0


def batch_of(blobs: dict[str, Blob]) -> int:
    """Return the batch that the file says: that of its first input."""
    return next((max(blob.batch, 1) for blob in blobs.values()), 1)
