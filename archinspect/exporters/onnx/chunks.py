"""Memories by chunks of steps: products of the steps of a chunk, and a scan over the states before each chunk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from archinspect.exporters.onnx.steps import step_graph
from archinspect.exporters.onnx.writer import Value
from archinspect.exporters.orders import spec_order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnx import GraphProto

    from archinspect.exporters.onnx.use import Use

WITH_DECAY = 4
"""Inputs of attention without a softmax: queries, keys, values and the factors of the decay."""


class Chunks:
    """A use whose steps lie in chunks, the last one filled up: [batch, heads, chunks, steps, features]."""

    def __init__(self, use: Use) -> None:
        self.use, self.length = use, use.op.chunk
        _, self.steps, self.width = use.output
        self.heads, self.count = use.op.num_heads, -(-self.steps // self.length)

    def apart(self, name: str, width: int, heads: int = 0) -> str:
        """Return the chunks of a tensor [batch, steps, heads * features], its heads as often as others share them."""
        use, heads = self.use, heads or self.heads
        missing = self.count * self.length - self.steps
        if missing:
            name = use.emit("Pad", name, use.ints(0, 0, 0, 0, missing, 0))
        name = use.reshape(name, self.count, self.length, heads, width)
        name = use.emit("Transpose", name, perm=[0, 3, 1, 2, 4])
        times = self.heads // heads
        if times == 1:
            return name
        each = use.emit("Expand", use.emit("Unsqueeze", name, use.ints(2)), use.ints(1, 1, times, 1, 1, 1))
        return use.reshape(each, self.heads, self.count, self.length, width)

    def together(self, name: str) -> Value:
        """Return what chunks have given as the output."""
        use, filled = self.use, self.count * self.length
        name = use.reshape(use.emit("Transpose", name, perm=[0, 2, 3, 1, 4]), filled, self.width)
        if filled > self.steps:
            name = use.emit("Slice", name, use.ints(0), use.ints(self.steps), use.ints(1))
        return Value(name, spec_order(3))

    def turned(self, name: str) -> str:
        """Return a tensor with its last two axes exchanged."""
        return self.use.emit("Transpose", name, perm=[0, 1, 2, 4, 3])

    def last(self, name: str) -> str:
        """Return the last step of each chunk."""
        return self.use.emit("Gather", name, self.use.ints(self.length - 1), axis=3)

    def scan(self, decays: str, entries: str, *sizes: int) -> str:
        """Return the states before each chunk, which decay and to which entries are added."""
        made = [
            ("Mul", ["decay", "state"], "kept"),
            ("Add", ["kept", "entry"], "next_state"),
            ("Identity", ["state"], "states"),
        ]
        return self.before(step_graph(self.use, ["state"], ["decay", "entry"], made), [decays, entries], sizes)

    def before(self, body: GraphProto, given: Sequence[str], sizes: Sequence[int]) -> str:
        """Return the states before each chunk, which begin with zeros of these sizes."""
        use, shape = self.use, (1, self.heads, *sizes)
        start = use.for_each_sample(use.numbers(np.zeros(shape)), shape)
        turned = [use.emit("Transpose", name, perm=[2, 0, 1, 3, 4]) for name in given]
        _, found = use.several("Scan", 2, start, *turned, body=body, num_scan_inputs=len(turned))
        return use.emit("Transpose", found, perm=[1, 2, 0, 3, 4])

    def future(self) -> str:
        """Return minus infinity for each step and later one of a chunk, and 0 for others."""
        return self.use.numbers(np.triu(np.full((self.length, self.length), -np.inf), 1))


def linear_attention(use: Use) -> Value:
    """`LinearAttention` whose heads decay as a whole."""
    chunks, groups = Chunks(use), use.op.groups or use.op.num_heads
    widths = [use.shapes[1][-1] // groups, chunks.width // chunks.heads]
    query, key = (chunks.apart(use.spec(index), widths[0], groups) for index in (0, 1))
    value = chunks.apart(use.spec(2), widths[1])
    blank = use.emit("Mul", use.emit("ReduceSum", use.spec(2), use.ints(2), keepdims=1), use.number(0))
    if len(use.shapes) == WITH_DECAY:
        factors = use.reshape(use.spec(3), -1 if len(use.shapes[3]) > 2 else 1, chunks.heads)  # noqa: PLR2004 - of each step
        blank = use.emit("Add", blank, use.emit("Log", use.emit("Max", factors, use.number(1e-37))))
    else:
        blank = use.emit("Expand", blank, use.ints(1, 1, chunks.heads))
    sums = use.emit("CumSum", chunks.apart(blank, 1), use.index(3))
    end = chunks.last(sums)
    fading = use.emit("Exp", use.emit("Sub", end, sums))
    entries = use.emit("MatMul", chunks.turned(use.emit("Mul", key, fading)), value)
    states = chunks.scan(use.emit("Exp", end), entries, *widths)
    apart = use.emit("Add", use.emit("Sub", sums, chunks.turned(sums)), chunks.future())
    scores = use.emit("Mul", use.emit("MatMul", query, chunks.turned(key)), use.emit("Exp", apart))
    before = use.emit("MatMul", use.emit("Mul", query, use.emit("Exp", sums)), states)
    return chunks.together(use.emit("Add", use.emit("MatMul", scores, value), before))


def mlstm(use: Use) -> Value:
    """`MLSTM`: the largest exponents chunk by chunk, then the matrices and what weighs."""
    chunks = Chunks(use)
    keys, values = use.shapes[1][-1] // chunks.heads, chunks.width // chunks.heads
    query, key, value, entry, forget = (
        chunks.apart(use.spec(index), width) for index, width in enumerate((keys, keys, values, 1, 1))
    )
    forgotten = use.emit("Neg", use.emit("Softplus", use.emit("Neg", forget)))
    sums = use.emit("CumSum", forgotten, use.index(3))
    end = chunks.last(sums)
    logs = use.emit("Add", use.emit("Sub", end, sums), entry)
    highest = use.emit("ReduceMax", logs, use.ints(3), keepdims=1)
    made = [
        ("Add", ["end", "top"], "older"),
        ("Max", ["older", "highest"], "next_top"),
        ("Identity", ["top"], "states"),
    ]
    top = chunks.before(step_graph(use, ["top"], ["end", "highest"], made), [end, highest], (1, 1))
    after = use.emit("Max", use.emit("Add", end, top), highest)
    entering = use.emit("Mul", key, use.emit("Exp", use.emit("Sub", logs, after)))
    kept = use.emit("Exp", use.emit("Sub", use.emit("Add", end, top), after))
    states = chunks.scan(kept, use.emit("MatMul", chunks.turned(entering), value), keys, values)
    weighing = chunks.turned(use.emit("ReduceSum", entering, use.ints(3), keepdims=1))
    weights = chunks.scan(kept, weighing, keys, 1)
    before = use.emit("Add", sums, top)
    apart = use.emit("Sub", sums, chunks.turned(use.emit("Sub", sums, entry)))
    apart = use.emit("Add", apart, chunks.future())
    highest = use.emit("Max", before, use.emit("ReduceMax", apart, use.ints(4), keepdims=1))
    query = use.emit("Mul", query, use.number(keys**-0.5))
    within = use.emit("Exp", use.emit("Sub", apart, highest))
    scores = use.emit("Mul", use.emit("MatMul", query, chunks.turned(key)), within)
    query = use.emit("Mul", query, use.emit("Exp", use.emit("Sub", before, highest)))
    above = use.emit("Add", use.emit("MatMul", scores, value), use.emit("MatMul", query, states))
    below = use.emit("ReduceSum", scores, use.ints(4), keepdims=1)
    below = use.emit("Abs", use.emit("Add", below, use.emit("MatMul", query, weights)))
    below = use.emit("Max", below, use.emit("Exp", use.emit("Neg", highest)))
    return chunks.together(use.emit("Div", above, use.emit("Add", below, use.number(1e-6))))
