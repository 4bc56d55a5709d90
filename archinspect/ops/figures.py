"""What operators' rules give: weights, work, what backward keeps, how an output lies in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from archinspect.base.shape import Shape

# Bytes an element. `float` is the type the network computes in, float32 unless a report is asked for another.
DTYPES = {
    **dict.fromkeys(("float64", "int64"), 8),
    **dict.fromkeys(("float", "float32", "int32"), 4),
    **dict.fromkeys(("float16", "bfloat16", "int16"), 2),
    **dict.fromkeys(("float8", "int8", "uint8", "bool"), 1),
}
"""Bytes of an element, by data type; `float` is the one that the network computes in."""
STRING = "string"
"""The type of words, of which a tensor holds references."""
REFERENCE = 8
"""Bytes of a reference."""
LOW_TYPES = ("bfloat16", "float16")
"""Floats of 16 bits."""
WIDE = "wide"
"""The type that the network computes in, also within products of which `torch.autocast` makes ones of 16 bits."""
ALIASES = {
    **dict.fromkeys(("double", "fp64", "f64"), "float64"),
    **dict.fromkeys(("float", "single", "fp32", "f32"), "float32"),
    **dict.fromkeys(("half", "fp16", "f16"), "float16"),
    **dict.fromkeys(("bf16",), "bfloat16"),
    **dict.fromkeys(("fp8", "f8", "float8_e4m3", "float8_e4m3fn", "float8_e5m2", "e4m3", "e5m2"), "float8"),
    **dict.fromkeys(("int4", "fp4", "4bit", "bnb-4bit", "bnb-nf4"), "nf4"),
    **dict.fromkeys(("8bit", "bnb-8bit", "llm.int8"), "llm-int8"),
}
"""What people call types, and formats of weights, besides."""


def own_name(dtype: Any) -> Any:  # noqa: ANN401 - whatever a user gave, which is refused elsewhere
    """Return a type's own name for what people call it; anything else as it is."""
    return ALIASES.get(dtype, dtype) if isinstance(dtype, str) else dtype


def counted(dtype: str) -> str:
    """Return the type of sums and powers of a type: truth values count as int64."""
    return "int64" if dtype == "bool" else dtype


def promoted(*dtypes: str) -> str:
    """Return the type of what is joined of several, none of them a float's: the widest."""
    return max(dtypes, key=lambda dtype: (dtype != "bool", DTYPES.get(dtype, REFERENCE)))


class Weight(NamedTuple):
    """A tensor that a layer keeps: learned (`parameter`) or gathered in training (a running statistic).

    Its axes have names of :data:`archinspect.ops.axes.NAMES`. Of the entries along its first axis one token uses
    `used`, all where None.
    """

    shape: Shape
    axes: tuple[str, ...]
    parameter: bool = True
    used: int | None = None

    @property
    def active_shape(self) -> Shape:
        """The shape of the part that one token uses."""
        return self.shape if self.used is None else (self.used, *self.shape[1:])


class Work(NamedTuple):
    """Arithmetic of one forward pass: multiply-accumulates, and every operation that is none."""

    macs: int = 0
    other: int = 0

    @property
    def flops(self) -> int:
        """2 for a multiply-accumulate, 1 for any other operation."""
        return 2 * self.macs + self.other


class Backward(NamedTuple):
    """Arithmetic of one backward pass through a node, of the gradients that are wanted and of no others."""

    inputs: Work = Work()
    """Gradients of the inputs, and of what is computed within, such as the states of a recurrence."""
    weights: Work = Work()
    """Gradients of the node's own weights."""


class Reach(NamedTuple):
    """How an output position reads one axis of the input: `extent` positions in a row, `stride` on from its neighbor.

    The first starts `before` positions ahead of the input. With `up`, as in a transposed convolution, it is the other
    way round: an input position spreads over `extent` output positions, `up` on from its neighbor.
    """

    extent: int = 1
    stride: int = 1
    before: int = 0
    up: int = 0


Elements: TypeAlias = tuple[tuple[str, int], ...]
"""Tensors by data type and number of elements; `float` is the type the network computes in."""


class Run(NamedTuple):
    """How a node runs: what the rules of memory depend on beside shapes."""

    inputs: tuple[bool, ...]
    """Of each input, whether backward needs its gradient; at inference, whether it is a view of a learned tensor."""
    weights: bool = True
    """Whether backward needs the gradients of the node's own weights."""
    in_place: bool = False
    """Whether the output overwrites the first input."""
    outputs: tuple[bool, ...] = ()
    """Of each output, whether a gradient arrives; empty where one does at all."""
    attention: str = "fused"
    """How attention is computed: one of :data:`ATTENTION`."""
    strides: Shape | None = None
    """How the first input lies in memory; None where its elements are in order, or that is not told."""
    others: tuple[Shape | None, ...] = ()
    """How further inputs lie, in the same way; empty where that is not told."""
    frozen: bool = False
    """Whether training never changes the node's own weights."""
    low: bool = False
    """Whether it computes in a float of 16 bits."""


# Attention as a kernel that holds no scores; as PyTorch's function without such a kernel, which scales copies of
# queries and keys; and as two matrix products and a softmax.
ATTENTION = ("fused", "math", "eager")


class Kept(NamedTuple):
    """What backward keeps of a node: inputs and outputs by their number, further tensors."""

    inputs: tuple[int, ...] = ()
    outputs: tuple[int, ...] = ()
    extra: Elements = ()


class View(NamedTuple):
    """An output that lies in the storage of the first input."""

    strided: bool = False
    """Whether it leaves elements out or has them in another order."""
    in_order: bool = False
    """Whether it can only be one of an input that does neither, and else is a copy."""
    same_type: bool = False
    """Whether it can only be one of an input of the output's data type, and else is a copy."""


def product_backward(work: Work, run: Run) -> Backward:
    """Return the arithmetic of backward through a product with a kernel whose other operations add a bias."""
    macs, other = work
    return Backward(Work(run.inputs[0] * macs), Work(run.weights * macs, run.weights * other))
