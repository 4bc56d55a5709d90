"""What a decoder caches while it generates step by step: keys and values, latent vectors, states."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.analyses.formats import KV_FORMATS, kv_bytes
from archinspect.base.shape import size, smallest
from archinspect.graph.decoding import INPUTS, decoding
from archinspect.ops.attending import Attending

if TYPE_CHECKING:
    from archinspect.analyses.facts import Facts
    from archinspect.graph.decoding import Decoding
    from archinspect.graph.graph import Node, Tensor

REPEATS = (
    *("Repeat", "Tile", "Expand", "Reshape", "Flatten", "Permute", "SwapAxes", "MoveAxis", "Transpose"),
    *("Squeeze", "Unsqueeze", "Identity"),
)
"""Operators that repeat what they read, or have it in other axes."""


def kv_cache(facts: Facts, steps: int, dtype: str = "float") -> int:
    """Return the bytes that a decoder holds after so many steps, its keys and values in this type.

    Causal attention has 2 x heads of keys x size of a head for each step and sample, before steps such as `Repeat` make
    more of them, of at most `window` - 1
    steps: those that the next one attends to beside itself. Layers that attend to the same keys and values share them.
    Attention to an encoder has that of the encoder's steps, made once. A layer marked `cache: true` has its output of
    every step, and keys and values made of it are none.
    What else goes on from step to step, as recurrence does, has its state, in the network's own type.
    """
    found = facts.once(_decoding)
    elements = 0
    made: set[tuple[Tensor, ...]] = set()
    for node in (*found.causal, *found.cross):
        call, op = facts.call(node), node.op
        assert isinstance(op, Attending)
        if op.apart() is op and (memory := node.inputs[1:]):  # layers may share keys and values that are made outside
            if memory in made:
                continue
            made.add(memory)
        kept = (
            smallest(steps, steps if op.span is None else op.span - 1)
            if op.looks_back
            else op.memory_steps(*call.shapes)
        )
        elements += _of_a_step(facts, node) * kept * facts.batch
    for node in found.latent:
        shape = facts.call(node).output
        elements += size(shape[1:-2]) * shape[-1] * steps * facts.batch
    states = 0
    for node in found.states:
        states += node.op.carried(*facts.call(node).shapes)
    held = kv_bytes(elements, dtype) if dtype in KV_FORMATS else elements * facts.sizes[dtype]
    return held + states * facts.sizes["float"]


def _of_a_step(facts: Facts, node: Node) -> int:
    """Return the elements of keys and values of a step and sample, before they are repeated for several heads."""
    call, op = facts.call(node), node.op
    assert isinstance(op, Attending)
    whole = op.cache(*call.shapes)
    if op.apart() is not op or len(node.inputs) != INPUTS:
        return whole
    few = sum(_least(facts, tensor) for tensor in node.inputs[1:])
    return smallest(whole, few // (facts.batch * op.memory_steps(*call.shapes)))


def _least(facts: Facts, tensor: Tensor) -> int:
    """Return the elements of a tensor, or of what it only repeats, unless that says `cache: false`."""
    found = size(facts.shape(tensor))
    while type(tensor.producer.op).__name__ in REPEATS:
        tensor = tensor.producer.inputs[0]
        if tensor.producer.cached is False:
            break
        found = smallest(found, size(facts.shape(tensor)))
    return found


def steps_after(facts: Facts) -> int:
    """Return how many steps are cached after this run: those before, and its own."""
    found = facts.once(_decoding)
    own = [node.op.memory_steps(*facts.call(node).shapes) for node in found.causal if isinstance(node.op, Attending)]
    return facts.settings.past + max(own, default=1)


def _decoding(facts: Facts) -> Decoding:
    return decoding(facts.graph)
