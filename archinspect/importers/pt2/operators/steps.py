"""Recurrent layers and their cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.importers.pt2.operators.base import Translation, Untranslated, make, own_weights

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from archinspect.importers.pt2.operators.base import Use
    from archinspect.importers.pt2.sizes import Size


def _units(sizes: Sequence[Size], gates: int) -> int:
    """Return the units of a recurrent layer, from the matrix of all its gates."""
    if not isinstance(sizes[0], int):
        raise Untranslated
    return sizes[0] // gates


def _recurrent(name: str, gates: int) -> Callable[[Use], Translation]:
    """Return the translation of a layer over steps, which stand before the samples unless `batch_first`."""

    def translate(use: Use) -> Translation:
        refs = use.get("params")
        if any(ref.name not in use.stored for ref in refs):
            raise Untranslated
        first, second = (use.metas[ref.name].sizes for ref in refs[:2])
        units = _units(first, gates)
        op = make(
            name,
            units=units,
            return_sequences=True,
            num_layers=use.get("num_layers"),
            bidirectional=use.get("bidirectional"),
            dropout=use.get("dropout", 0.0),
            **({"biases": 2} if use.get("has_biases") else {"use_bias": False}),
            **({"proj_size": second[-1]} if second[-1] != units else {}),
        )
        rest = ("start",) if "start" in use.call.arguments else () if use.get("batch_first") else ("params",)
        return Translation(op, ["input", *(["hx"] if "hx" in use.call.arguments else [])], ["params"], rest)

    return translate


def _cell(name: str, gates: int) -> Callable[[Use], Translation]:
    def translate(use: Use) -> Translation:
        weights = own_weights(use, "w_ih", "w_hh", "b_ih", "b_hh")
        biases = {"biases": 2} if "b_ih" in weights else {"use_bias": False}
        return Translation(make(name, units=_units(use.sizes("w_ih"), gates), **biases), ["input", "hx"], weights)

    return translate


STEPS: dict[str, Callable[[Use], Translation]] = {
    "aten.lstm": _recurrent("LSTM", 4),
    "aten.gru": _recurrent("GRU", 3),
    "aten.rnn_tanh": _recurrent("SimpleRNN", 1),
    "aten.rnn_relu": _recurrent("SimpleRNN", 1),
    "aten.lstm_cell": _cell("LSTMCell", 4),
    "aten.gru_cell": _cell("GRUCell", 3),
    "aten.rnn_tanh_cell": _cell("SimpleRNNCell", 1),
    "aten.rnn_relu_cell": _cell("SimpleRNNCell", 1),
}
