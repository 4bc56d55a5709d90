"""Recurrent layers, of which a network computes one step: what the step before left is an input of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archinspect.importers.darknet.activations import by_name
from archinspect.importers.darknet.layers import strides
from archinspect.importers.sections import Option
from archinspect.ops.activation import Sigmoid, Tanh
from archinspect.ops.conv import Conv2D
from archinspect.ops.dense import Dense
from archinspect.ops.identity import Rescaling
from archinspect.ops.merge import Add, Multiply

if TYPE_CHECKING:
    from archinspect.graph.graph import Tensor
    from archinspect.importers.darknet.state import State
    from archinspect.importers.sections import Section


class Products(NamedTuple):
    """How a recurrent layer weighs what it reads: by matrices, or by windows."""

    state: State
    section: Section
    size: int = 0
    """Of a window; 0 for matrices."""

    def add(self, x: Tensor, units: int, name: str, activation: str = "linear") -> Tensor:
        """Add a product, normalized or with a bias, and an activation."""
        net, bias = self.state.net, not self.section.flag("batch_normalize")
        if not self.size:
            x = net.add(Dense(units=units, use_bias=bias), x, name=name)
        else:
            groups = self.section.whole("groups", 1, 1)
            dilation = self.section.whole("dilation", 1, 1)
            pad = self.size // 2 if self.section.flag("pad") else self.section.whole("padding")
            op = Conv2D(
                filters=units,
                kernel_size=self.size,
                padding=pad * dilation,
                dilation_rate=dilation,
                groups=groups,
                use_bias=bias,
            )
            x = net.add(op, x, name=name)
        x = self.state.normalized(x, self.section, f"{name}_norm")
        return by_name(net, x, self.section, activation)

    def left(self, *shape: int, name: str = "state") -> Tensor:
        """Add an input: what the step before left."""
        return self.state.net.input(*shape, name=name)

    def sum(self, first: Tensor, second: Tensor) -> Tensor:
        """Add two tensors."""
        return self.state.net.add(Add(), first, second)

    def gate(self, x: Tensor, left: Tensor, units: int, letter: str) -> Tensor:
        """Add the sum of the products with what is read and with what was left."""
        return self.sum(self.add(left, units, f"w{letter}"), self.add(x, units, f"u{letter}"))


def rnn(state: State, section: Section) -> Tensor:
    """Add a plain recurrent layer of Darknet: three products, of which one reads what was left."""
    units = section.whole("output", 1, 1)
    return _plain(Products(state, section), state.vector(), section.whole("hidden", units, 1), units)


def crnn(state: State, section: Section) -> Tensor:
    """Add the same with convolutions."""
    is_newer = "output" in section.options
    units = section.whole("output" if is_newer else "output_filters", 1, 1)
    hidden = section.whole("hidden" if is_newer else "hidden_filters", 1, 1)
    size = section.whole("size", 3, 1)
    if max(strides(section)) > 1:
        raise section.refuse("a stride is not read", "stride")
    if not is_newer:  # pjreddie's has no other window
        section.options["pad"] = Option("1", section.span)
    return _plain(Products(state, section, size), state.image(), hidden, units)


def _plain(p: Products, x: Tensor, hidden: int, units: int) -> Tensor:
    how = p.section.text("activation", "logistic")
    read = p.add(x, hidden, "input", how)
    left = p.left(*p.state.net.shape(read))
    kept = p.sum(read, p.add(left, hidden, "self", how))
    return p.add(kept, units, "output", how)


def gru(state: State, section: Section) -> Tensor:
    """Add a gated recurrent unit: six products."""
    units, x, net = section.whole("output", 1, 1), state.vector(), state.net
    p = Products(state, section)
    left = p.left(units)
    update = net.add(Sigmoid(), p.gate(x, left, units, "z"))
    reset = net.add(Sigmoid(), p.gate(x, left, units, "r"))
    summed = p.gate(x, net.add(Multiply(), left, reset), units, "h")
    new = net.add(Tanh() if section.flag("tanh") else Sigmoid(), summed)
    rest = net.add(Rescaling(scale=-1, offset=1), update)
    return p.sum(net.add(Multiply(), left, update), net.add(Multiply(), new, rest))


def lstm(state: State, section: Section) -> Tensor:
    """Add a long short-term memory: eight products."""
    units = section.whole("output", 1, 1)
    return _lstm(Products(state, section), state.vector(), units)


def conv_lstm(state: State, section: Section) -> Tensor:
    """Add the same with convolutions."""
    for key in ("peephole", "bottleneck", "shortcut"):
        if section.flag(key):
            raise section.refuse(f"'{key}' is not read", key)
    if max(strides(section)) > 1:
        raise section.refuse("a stride is not read", "stride")
    return _lstm(Products(state, section, section.whole("size", 3, 1)), state.image(), section.whole("output", 1, 1))


def _lstm(p: Products, x: Tensor, units: int) -> Tensor:
    net = p.state.net
    shape = (*net.shape(x)[:-1], units)
    left, cell = p.left(*shape), p.left(*shape, name="cell")
    forget, into, out = (net.add(Sigmoid(), p.gate(x, left, units, letter)) for letter in "fio")
    new = net.add(Tanh(), p.gate(x, left, units, "g"))
    kept = p.sum(net.add(Multiply(), forget, cell), net.add(Multiply(), into, new))
    return net.add(Multiply(), out, net.add(Tanh(), kept))
