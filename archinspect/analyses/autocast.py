"""Automatic mixed precision: a network in float32 whose products `torch.autocast` computes in 16 bits.

Weights, their gradients and the optimizer's state are float32. What a product reads is cast, weights too, and the casts
are what backward keeps. The lists of operators are those of CUDA (docs.pytorch.org/docs/stable/amp.html).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.analyses.facts import Facts
from archinspect.analyses.storage import Storage
from archinspect.base.shape import largest, size
from archinspect.graph.call import Call
from archinspect.ops.attending import Attending
from archinspect.ops.figures import LOW_TYPES
from archinspect.ops.recurrent import Recurrent
from archinspect.ops.tape import Recorded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from archinspect.base.shape import Shape
    from archinspect.graph.graph import Node
    from archinspect.ops.figures import Kept, Run

LOW_KINDS = frozenset(("convolution", "dense", "attention", "recurrent"))
LOW = frozenset(("MatMul", "Einsum", "Dot", "PReLU"))
"""Operators that compute in 16 bits, beside those of these kinds."""
HIGH = frozenset(
    (
        *("LayerNormalization", "GroupNormalization", "RMSNormalization", "UnitNormalization"),
        *("Softmax", "LogSoftmax", "Softplus", "Exponential", "Expm1", "Log", "Log1p", "Log2", "Log10"),
        *("Tan", "Asin", "Acos", "Sinh", "Cosh", "Power", "Square", "Rsqrt", "Reciprocal"),
        *("ReduceSum", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceLogSumExp", "CumSum", "CumProd"),
        *("UpSampling1D", "UpSampling2D", "UpSampling3D", "Upsample", "UpsampleBilinear", "Resizing", "ResizeLike"),
        *("Bilinear", "DeformConv2D", "RoIAlign", "SampleGaussian"),
    )
)
"""Operators that compute in float32, those of torchvision too."""
WIDEST = frozenset(("GridSample",))
"""Operators that cast what they read to the widest type of it."""
GIVES_HIGH = frozenset(("LocalResponseNormalization",))
"""Operators that give float32 by a step of their own, a power."""
READS_BOTH = frozenset(("GlobalResponseNormalization",))
"""Operators that read their input as it is, and cast for a norm."""
MADE_KERNELS = frozenset(("WeightNorm", "WeightStandardization", "SpectralNorm"))
"""Layers that make their kernel, which is cast; what they make it of is not."""
CAST_STATES = 2
"""Inputs of recurrent layers that are cast: steps, and the output before; the state that gates guard is not."""
OF_ITS_INPUT = frozenset(("BatchNormalization", "InstanceNormalization"))
"""Operators whose output has the type of their input, whatever that of their weights."""


class Autocast(Facts):
    """Facts of a network that runs under `torch.autocast`."""

    def __init__(self, facts: Facts, low: str, attention: str = "fused") -> None:
        """`low` is the type of 16 bits, `attention` how attention is computed."""
        self.attention = attention
        self.low = low if low in LOW_TYPES else LOW_TYPES[0]
        self.computes: list[str] = []
        """The type in which each node computes, by its position."""
        self.casts: list[bool] = []
        """Whether each node casts what it reads to that type."""
        self._copies: dict[object, Storage] = {}
        self._together = {
            node.inputs[i].producer: node
            for node in facts.graph.nodes
            if isinstance(node.op, Attending)
            for i in node.op.fused_inputs()
        }
        """Of products that are one, as queries, keys and values of one input, the node that reads what they make."""
        super().__init__(facts.graph, self._calls(facts), facts.settings._replace(dtype="float32"))

    def _calls(self, facts: Facts) -> Sequence[Call]:
        """Return what each node calls, with the types that its tensors have."""
        known: dict[object, Call] = {}
        types: list[str] = []
        calls = []
        for node in facts.graph.everything:
            call = facts.call(node)
            given = tuple([types[tensor.position] for tensor in node.inputs])
            key = (call, given)
            if key not in known:
                computes, _ = self._policy(node, call, given)
                inputs = [type_._replace(dtype=dtype) for type_, dtype in zip(call.inputs, given, strict=True)]
                dtypes = self._made(call, given, computes)
                outputs = [
                    type_._replace(dtype=dtype) if type_.dtype == "float" else type_
                    for type_, dtype in zip(call.outputs, dtypes, strict=True)
                ]
                known[key] = Call(call.op, tuple(inputs), tuple(outputs))
            computes, casts = self._policy(node, call, given)
            self.computes.append(computes)
            self.casts.append(casts)
            types += [type_.dtype for type_ in known[key].outputs]
            calls.append(known[key])
        return calls

    def _made(self, call: Call, given: Sequence[str], computes: str) -> Sequence[str]:
        """Return the types of what a node makes, where those are floats."""
        op, shapes = call.op.unwrapped(*call.shapes)
        if isinstance(op, Recorded):
            return [computes] * len(call.outputs) if self._is_kernel(op) else op.cast_dtypes(shapes, given, self.low)
        if not isinstance(op, Recurrent):
            return ["float32" if type(op).__name__ in GIVES_HIGH else computes] * len(call.outputs)
        output, state = op.cast_dtypes(given, computes)
        return [output] * (len(call.outputs) - 1) + [state if len(call.outputs) > len(op.state) else output]

    def _policy(self, node: Node, call: Call, given: Sequence[str]) -> tuple[str, bool]:
        """Return the type in which a node computes, and whether it casts what it reads."""
        op, _ = call.op.unwrapped(*call.shapes)
        name = type(op).__name__
        if isinstance(op, Recorded):
            return op.output_dtype(*given), False
        if name in HIGH:
            return "float32", True
        if op.kind in LOW_KINDS or name in LOW:
            return self.low, True
        read = [dtype for dtype in given[: node.op.reads] if "float" in dtype]
        if name in OF_ITS_INPUT and read:
            return read[0], False
        widened = "float32" in read or not read or call.learns
        return ("float32" if widened else self.low), name in WIDEST

    def _is_kernel(self, op: Recorded) -> bool:
        return op.of_kernel(self.attention)

    def held(self, node: Node, run: Run, of: Sequence[Storage]) -> tuple[list[Storage], int]:
        """Return what backward keeps of a node: storages, `of` those of all tensors, and bytes of further tensors."""
        call, computes = self.call(node), self.computes[node.position]
        if call.op.keeps_unknown:
            return [], 0
        keeps = self._keeps(call, run._replace(low=computes == self.low))
        storages = [of[node.outputs[i].position] for i in keeps.outputs]
        extra = sum(self.sizes[computes if dtype == "float" else dtype] * count for dtype, count in keeps.extra)
        for i in keeps.inputs:
            storages += self._read(node, i, of)
        owner = node.shares or node
        for name, count in self._casts(node, run).items():
            shape = call.weights[name].shape
            storages += [self._copy((owner, name), owner, shape, self.low)] * (count > 0)
            extra += largest(count - 1, 0) * size(shape) * self.sizes[self.low]
        return storages, extra

    def _keeps(self, call: Call, run: Run) -> Kept:
        """Return what backward keeps of a call, but for casts of inputs and weights."""
        op, shapes = call.op.unwrapped(*call.shapes)
        given = [dtype for _, dtype in call.inputs]
        if isinstance(op, Recorded) and not self._is_kernel(op):
            return op.kept_cast(shapes, given, run, self.low)[0]
        if not isinstance(op, Recurrent):
            return call.kept(run)
        _, state = op.cast_dtypes(given, self.low)
        found = op.kept_cast(shapes, op.output(*shapes), run, state)
        return found._replace(extra=(*found.extra, ("float", op.cast_again(shapes, given[0], self.low) * run.weights)))

    def _read(self, node: Node, i: int, of: Sequence[Storage]) -> list[Storage]:
        """Return what a node keeps where it keeps an input: a cast of it, the input, or both."""
        call, tensor, computes = self.call(node), node.inputs[i], self.computes[node.position]
        (shape, dtype), (op, _) = call.inputs[i], call.op.unwrapped(*call.shapes)
        both = type(op).__name__ in READS_BOTH
        state = isinstance(op, Recurrent) and i >= CAST_STATES
        if state or "float" not in dtype or dtype == computes or not (both or self.casts[node.position]):
            return [of[tensor.position]]
        cast = self._copy((tensor, self._together.get(node, node)), node, shape, computes)
        return [cast, *[of[tensor.position]] * both]

    def _casts(self, node: Node, run: Run) -> Mapping[str, int]:
        """Return how many casts of each of a node's weights backward keeps: the first is one for all that share it.

        The gradient of a product's input needs them; a convolution keeps its kernel in any case.
        """
        call = self.call(node)
        op, shapes = call.op.unwrapped(*call.shapes)
        if isinstance(op, Recurrent):
            return op.cast_kernels(shapes, run)
        if isinstance(op, Recorded) and not self._is_kernel(op):
            return op.kept_cast(shapes, [dtype for _, dtype in call.inputs], run, self.low)[1]
        low = self.computes[node.position] == self.low and self.casts[node.position]
        if not low or type(call.op).__name__ in MADE_KERNELS:
            return {}
        is_slope = type(op).__name__ == "PReLU"
        needed = bool(run.inputs[0]) or is_slope or call.op.kind == "convolution"
        cast = [name for name, w in call.weights.items() if w.parameter and (is_slope or len(w.shape) > 1)]
        return dict.fromkeys(cast, 1) if needed else {}

    def _copy(self, key: object, maker: Node, shape: Shape, dtype: str) -> Storage:
        """Return the storage of a cast, one for each key."""
        if key not in self._copies:
            count = size(shape) * self.sizes[dtype]
            self._copies[key] = Storage(maker, shape, count, maker.position)
        return self._copies[key]
