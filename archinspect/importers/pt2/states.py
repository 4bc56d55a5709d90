"""What the recurrent layers of a program start from and end with, as archinspect has it.

A layer of `torch.nn` makes the zeros that it starts from in calls of their own; archinspect's is known to. PyTorch's
states are of all layers, then samples; archinspect's are of samples, then layers, if there are several. Where a program
reads states layer by layer, swaps the two axes, or hands them to another such layer, they are read as archinspect's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.importers.pt2.copies import STEPS
from archinspect.importers.pt2.program import Ref

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from archinspect.importers.pt2.program import Call, Meta, Program

_ZEROS = ("aten.zeros", "aten.new_zeros", "aten.zeros_like")
_SWAPS: dict[str, tuple[str, ...]] = {
    "aten.transpose": ("dim0", "dim1"),
    "aten.swapaxes": ("axis0", "axis1"),
    "aten.permute": ("dims",),
}
_RANK = 3


def with_states(program: Program) -> Program:
    """Return the program with the states of its recurrent layers as archinspect has them."""
    layers = [call for call in program.calls if call.plain in STEPS and "input" in call.arguments]
    return _States(program, layers).turned() if layers else program


class _States:
    """The recurrent layers of a program, and who reads their states."""

    def __init__(self, program: Program, layers: Sequence[Call]) -> None:
        self.program = program
        self.makers = {name: call for call in program.calls for name in call.outputs}
        self.readers: dict[str, list[Call]] = {}
        for call in program.calls:
            for _, name in call.refs():
                self.readers.setdefault(name, []).append(call)
        self.states = {
            name: layer
            for layer in layers
            if layer.arguments.get("batch_first")
            for name in layer.outputs[1:]
            if len(program.metas[name].sizes) == len(program.metas[name].strides) == _RANK
        }
        """The states that can be turned, with the layer that ends with them."""
        while blocked := {id(self.states[name]) for name in self.states if not self._is_turned(name)}:
            self.states = {name: layer for name, layer in self.states.items() if id(layer) not in blocked}

    def _is_turned(self, name: str) -> bool:
        return name not in self.program.outputs and all(self._reads(call, name) for call in self.readers.get(name, ()))

    def _reads(self, call: Call, name: str) -> bool:
        """Return whether a call can read a state as archinspect has it."""
        given = _given(call)
        if given:
            is_alike = bool(call.arguments.get("batch_first")) and name not in _names(call.arguments["input"])
            return is_alike and all(one in self.states for one in given)
        return self._picks(call, name) or (self._layers(name) != 1 and _swaps(call))

    def _picks(self, call: Call, name: str) -> bool:
        """Return whether a call picks one layer's state."""
        picks = ("aten.select", "aten.squeeze") if self._layers(name) == 1 else ("aten.select",)
        return call.plain in picks and call.arguments.get("dim") in (0, -_RANK)

    def _layers(self, name: str) -> Any:  # noqa: ANN401 - an axis
        return self.program.metas[name].sizes[0]

    def turned(self) -> Program:
        """Return the program with the states turned, and without the zeros that layers make themselves."""
        metas = dict(self.program.metas)
        for name in self.states:
            metas[name] = _turned(metas[name])
        same: dict[str, str] = {}
        dropped: set[int] = set()
        calls = []
        for call in self.program.calls:
            source = next((name for _, name in call.refs() if name in self.states), "")
            if source and not _given(call) and (_swaps(call) or self._layers(source) == 1):
                same[call.outputs[0]] = source
                continue
            own = self._own_zeros(call)
            dropped.update(map(id, own))
            calls.append(self._written(call, source, bool(own)))
        left = [_renamed(call, same) for call in calls if id(call) not in dropped]
        outputs = tuple([same.get(name, name) for name in self.program.outputs])
        return self.program._replace(calls=tuple(left), metas=metas, outputs=outputs)

    def _written(self, call: Call, source: str, starts_alone: bool) -> Call:  # noqa: FBT001 - of this class alone
        arguments = dict(call.arguments)
        given = _given(call)
        if starts_alone:
            del arguments["hx"]
        elif given and all(map(self._is_zero, given)):
            arguments["zeros"] = arguments.pop("hx")
        elif given and not self.states.keys() >= set(given):
            arguments["start"] = arguments.pop("hx")
        elif source and not given:
            arguments["dim"] = 1
        else:
            return call
        return call._replace(arguments=arguments)

    def _own_zeros(self, call: Call) -> list[Call]:
        """Return the calls that make what a layer starts from, where it makes them itself."""
        names = _given(call)
        made = [self.makers[name] for name in names if self._is_zero(name)]
        inside = [one for one in made if one.modules == call.modules]
        alone = all(reader is call for name in names for reader in self.readers[name])
        return made if len(inside) == len(names) and alone else []

    def _is_zero(self, name: str) -> bool:
        return name in self.makers and self.makers[name].plain in _ZEROS


def _given(call: Call) -> list[str]:
    """Return the states that a recurrent layer is given."""
    return list(_names(call.arguments.get("hx"))) if call.plain in STEPS and "input" in call.arguments else []


def _names(argument: Any) -> Iterable[str]:  # noqa: ANN401 - an argument
    return [one.name for one in (argument if isinstance(argument, list) else [argument]) if isinstance(one, Ref)]


def _swaps(call: Call) -> bool:
    """Return whether a call swaps the first two of three axes."""
    found: list[Any] = []
    for name in _SWAPS.get(call.plain, ()):
        value = call.arguments.get(name)
        found += value if isinstance(value, list) else [value]
    axes = [axis % _RANK for axis in found if isinstance(axis, int)]
    return axes in ([0, 1], [1, 0], [1, 0, 2])


def _turned(meta: Meta) -> Meta:
    """Return a state of layers and samples as one of samples, and layers where they are several."""
    (layers, batch, units), (of_layers, of_batch, of_units) = meta.sizes, meta.strides
    if layers == 1:
        return meta._replace(sizes=(batch, units), strides=(of_batch, of_units))
    return meta._replace(sizes=(batch, layers, units), strides=(of_batch, of_layers, of_units))


def _renamed(call: Call, same: dict[str, str]) -> Call:
    """Return a call that reads tensors by the names of those that they are."""
    if not same:
        return call
    arguments = {name: _read(one, same) for name, one in call.arguments.items()}
    return call._replace(arguments=arguments, holds=tuple([same.get(name, name) for name in call.holds]))


def _read(argument: Any, same: dict[str, str]) -> Any:  # noqa: ANN401 - an argument
    if isinstance(argument, list):
        return [_read(one, same) for one in argument]
    return Ref(same.get(argument.name, argument.name)) if isinstance(argument, Ref) else argument
