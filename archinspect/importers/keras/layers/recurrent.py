"""Recurrent layers: by themselves, of cells, both ways, over maps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.importers.keras.layers.base import arguments
from archinspect.importers.keras.layers.wrappers import described
from archinspect.ops import find_operator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.graph.graph import Tensor
    from archinspect.importers.keras.build import Use
    from archinspect.importers.keras.layers import Add, Made
    from archinspect.importers.keras.model import Layer
    from archinspect.ops.base import Op

CELLS = {"LSTMCell": "LSTM", "GRUCell": "GRU", "SimpleRNNCell": "SimpleRNN"}
OTHERS = {"CuDNNLSTM": "LSTM", "CuDNNGRU": "GRU", "UnifiedLSTM": "LSTM", "UnifiedGRU": "GRU"}
MERGES = {"sum": "Add", "mul": "Multiply", "ave": "Average"}
IGNORED = ("activation", "recurrent_activation", "time_major", "zero_output_for_mask", "return_state", "cell", "states")
"""Arguments without effect on figures, and those that are looked at by themselves."""


def _operator(use: Use, layer: Layer, **fixed: Any) -> Op:  # noqa: ANN401 - as the operator takes
    """Return the operator of a recurrent layer, or of a cell with what is around it."""
    name = CELLS.get(layer.kind) or OTHERS.get(layer.kind) or layer.kind
    kind = find_operator(name)
    if kind is None or name not in ("LSTM", "GRU", "SimpleRNN"):
        raise use.refuse(f"a {layer.kind} in it is not known")
    inner = type(use)(use.net, layer, use.path, use.args, use.kwargs, use.said)
    args = {**arguments(inner, kind, IGNORED), **fixed}
    if kind is find_operator("GRU"):
        # Keras 1 and 2.0 know no other way than to reset before.
        args["reset_after"] = True if layer.kind == "CuDNNGRU" else bool(layer.config.get("reset_after", False))
    if layer.kind == "CuDNNLSTM":
        args["biases"] = 2
    return use.make(name, **args)


def _flags(layer: Layer) -> dict[str, bool]:
    return {name: bool(layer.config.get(name, False)) for name in ("return_sequences", "return_state")}


def _states(use: Use) -> list[Tensor]:
    """Return the states that it starts from."""
    from archinspect.importers.keras.build import tensors

    return [*use.inputs[1:], *tensors(use.kwargs.get("initial_state"))]


def recurrent(use: Use) -> Made:
    """`LSTM`, `GRU`, `SimpleRNN`."""
    return use.add_all(_operator(use, use.layer, **_flags(use.layer)), use.x, *_states(use))


def of_cells(use: Use) -> Made:
    """`RNN`: a cell, or several, of which each reads what the one before gives."""
    cell = described(use, use.config.get("cell"))
    flags = _flags(use.layer)
    cells = [described(use, one) for one in cell.config["cells"]] if cell.kind == "StackedRNNCells" else [cell]
    states = _states(use)
    x, ends = use.x, []
    for at, one in enumerate(cells):
        is_last = at == len(cells) - 1
        own = {**flags, "return_sequences": flags["return_sequences"] or not is_last}
        op = _operator(use, one, **own)
        count = len(op.state)  # type: ignore[attr-defined] # of a recurrent operator
        x, *end = use.add_all(op, x, *states[:count])
        states = states[count:]
        ends += end
    return (x, *ends)


def both_ways(use: Use) -> Made:
    """`Bidirectional`: a layer from the first step on, and one from the last."""
    forward = described(use, use.config.get("layer"))
    backward = use.config.get("backward_layer")
    other = described(use, backward) if backward is not None else forward
    flags, mode = _flags(forward), use.config.get("merge_mode", "concat")
    states = _states(use)
    if forward.kind.startswith("ConvLSTM"):
        first, second = (use.add_all(_maps(use, one), use.x) for one in (forward, other))
    else:
        op, back = _operator(use, forward, **flags), _operator(use, other, **_flags(other))
        if op == back and mode in ("concat", *MERGES) and not states and not flags["return_state"]:
            return use.add("Bidirectional", layer=op, merge_mode=mode)
        half = len(states) // 2
        first = use.add_all(op, use.x, *states[:half])
        second = use.add_all(back, use.x, *states[half:])
    return (*_merged(use, mode, first[0], second[0]), *first[1:], *second[1:])


def _merged(use: Use, mode: Any, first: Tensor, second: Tensor) -> Sequence[Tensor]:  # noqa: ANN401 - as the file says
    if mode is None:
        return first, second
    if mode == "concat":
        return (use.add("Concatenate", first, second, axis=-1),)
    if mode not in MERGES:
        raise use.refuse("its merge_mode is not known")
    return (use.add(MERGES[mode], first, second),)


def _maps(use: Use, layer: Layer) -> Op:
    kind = find_operator(layer.kind)
    if kind is None:
        raise use.refuse(f"a {layer.kind} in it is not known")
    inner = type(use)(use.net, layer, use.path, use.args, use.kwargs, use.said)
    args = arguments(inner, kind, (*IGNORED, "groups", "rank", "kernel_dims"))
    return use.make(layer.kind, **args, return_state=bool(layer.config.get("return_state", False)))


def over_maps(use: Use) -> Made:
    """`ConvLSTM2D`."""
    return use.add_all(_maps(use, use.layer), use.x, *_states(use))


LAYERS: dict[str, Add] = {
    **dict.fromkeys(("SimpleRNN", "LSTM", "GRU", *OTHERS), recurrent),
    "RNN": of_cells,
    "Bidirectional": both_ways,
    **{f"ConvLSTM{rank}D": over_maps for rank in (1, 2, 3)},
}
