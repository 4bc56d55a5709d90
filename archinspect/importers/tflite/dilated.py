"""Dilated convolutions as older converters write them: places go into the batch, are convolved, and come back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.importers.tflite.model import Dilation
from archinspect.importers.tflite.names import name_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.importers.tflite.model import Model, Operator

CONVOLUTIONS = {"CONV_2D": (1, 2, 4, 5), "DEPTHWISE_CONV_2D": (1, 2, 5, 6)}
"""Those that may stand between, and which of their options are strides and dilations."""
VALID = 1


def joined(model: Model) -> list[Operator]:
    """Return the operators of a model, with one in the place of three that are a dilated convolution."""
    found, done = [], set()
    readers: dict[int, list[Operator]] = {}
    for operator in model.operators:
        for at in operator.inputs:
            readers.setdefault(at, []).append(operator)
    for operator in model.operators:
        if id(operator) in done:
            continue
        convolution = _only_reader(operator, "SPACE_TO_BATCH_ND", readers)
        back = convolution and _only_reader(convolution, "", readers)
        whole = _whole(model, (operator, convolution, back)) if convolution and back else None
        if whole:
            done |= {id(convolution), id(back)}
        found.append(whole or operator)
    return found


def _kind(operator: Operator) -> str:
    return name_of(operator.code, operator.custom)


def _only_reader(operator: Operator, kind: str, readers: dict[int, list[Operator]]) -> Operator | None:
    """Return what alone reads the one output of an operator of a kind, of any kind where that is empty."""
    if kind not in ("", _kind(operator)) or len(operator.outputs) != 1:
        return None
    found = readers.get(operator.outputs[0], [])
    return found[0] if len(found) == 1 else None


def _whole(model: Model, three: Sequence[Operator]) -> Operator | None:
    """Return the dilated convolution that three operators are; None where they are none."""
    there, convolution, back = three
    options, kind = convolution.options, _kind(convolution)
    if kind not in CONVOLUTIONS or _kind(back) != "BATCH_TO_SPACE_ND" or options is None:
        return None
    if options.whole(0, 1) != VALID or any(options.whole(at, 4, 1) != 1 for at in CONVOLUTIONS[kind]):
        return None
    blocks, pads, blocks_back, crops = (_numbers(model, one, at) for one in (there, back) for at in (1, 2))
    if len(blocks) != 2 or blocks != blocks_back or len(pads) != 4 or len(crops) != 4:  # noqa: PLR2004 - of two axes
        return None
    left = [pad - crop for pad, crop in zip(pads, crops, strict=True)]
    if min(left) < 0 or crops[0] or crops[2]:
        return None
    inputs = (there.inputs[0], *convolution.inputs[1:])
    model.tensors[back.outputs[0]].name = model.tensors[convolution.outputs[0]].name
    return convolution._replace(inputs=inputs, outputs=back.outputs, dilation=Dilation(blocks, (left[:2], left[2:])))


def _numbers(model: Model, operator: Operator, at: int) -> list[int]:
    place = operator.inputs[at] if len(operator.inputs) > at else -1
    return (model.tensors[place].numbers() or []) if place >= 0 else []
