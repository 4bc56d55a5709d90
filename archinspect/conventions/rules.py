"""What a rule of a convention says, and what a convention is."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Rule(NamedTuple):
    """What a tool counts of some layers."""

    layers: str
    """Names or kinds of operators, see :func:`archinspect.conventions.rule_names`; empty for all others."""
    counts: Mapping[str, int]
    """How often it counts which quantity of :mod:`archinspect.conventions.quantities`."""
    why: str


class ToolFigure(NamedTuple):
    """A figure that a tool prints."""

    name: str
    """The tool's word for it: macs, flops, memory."""
    title: str
    like: str
    """The figure of :class:`archinspect.analyses.cost.Cost` that means the same: macs, flops, output_bytes."""
    rules: tuple[Rule, ...]


class Params(NamedTuple):
    """Which weights a tool counts."""

    why: str
    buffers: bool = False
    """Whether running statistics are among them."""
    frozen: bool = True
    """Whether weights that are not trained are."""
    again: bool = False
    """Whether a shared weight counts in every layer that has it."""
    without: str = ""
    """Operators whose weights the tool does not see, as in :attr:`Rule.layers`."""


class Convention(NamedTuple):
    """What a tool prints of a network."""

    tool: str
    """The tool and its version."""
    call: str
    """What prints the figures."""
    methods: str
    """What is counted, for a paper: the rest of a sentence."""
    params: Params
    figures: tuple[ToolFigure, ...]
    note: str = ""
    """What the rules take for granted of the model."""
    estimates: bool = False
    """Whether the tool prints sizes of inputs, weights and outputs, and their sum as the size of all."""
