"""Formats in which weights are stored in few bits: which weights, in what blocks, with which scales beside them.

A format is that of a program, which leaves some weights as they are. Small tables that a program keeps once for each
tensor, such as the 16 values of NF4, are left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archinspect.base.shape import size
from archinspect.ops.dense import Projection
from archinspect.ops.figures import DTYPES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from archinspect.analyses.facts import Facts
    from archinspect.graph.graph import Node
    from archinspect.ops.figures import Weight


class Matrix(NamedTuple):
    """Matrices of one weight: `rows` in all, each of `length` elements that are summed with an input's features."""

    rows: int
    length: int

    @property
    def elements(self) -> int:
        """How many elements they have."""
        return self.rows * self.length


class Format(NamedTuple):
    """A format of weights."""

    bytes: Callable[[Matrix], int]
    """Bytes of a matrix, what belongs to its blocks included."""
    tables: bool
    """Whether tables of vectors, and the layer that makes the output, are stored so, too."""
    vectors: str
    """Type of weights of one axis: biases, scales, statistics; with `tables` that of positions and routers, too."""
    source: str


def _blocks(count: int, each: int) -> int:
    return -(-count // each)


def _nf4(matrix: Matrix) -> int:
    """Return 4 bits an element, and a float32 for 64 in a row."""
    return _blocks(matrix.elements, 2) + 4 * _blocks(matrix.elements, 64)


def _nf4_twice(matrix: Matrix) -> int:
    """Return as :func:`_nf4`, its scales in 8 bits, with a float32 for 256 of them, and one for all."""
    scales = _blocks(matrix.elements, 64)
    return _blocks(matrix.elements, 2) + scales + 4 * _blocks(scales, 256) + 4


def _int8_rows(matrix: Matrix) -> int:
    """Return a byte an element, and a float32 for each row."""
    return matrix.elements + 4 * matrix.rows


def _groups(bits: int, each: int, *, order: bool) -> Callable[[Matrix], int]:
    """Return a rule of groups along a row, each with a float16 scale and a zero of so many bits.

    All is packed into int32; with `order` an int32 for each column says which group it is in.
    """

    def count(matrix: Matrix) -> int:
        groups = _blocks(matrix.length, each)
        packed = 4 * matrix.rows * _blocks(matrix.length * bits, 32)
        zeros = 4 * groups * _blocks(matrix.rows * bits, 32)
        return packed + zeros + 2 * groups * matrix.rows + 4 * matrix.length * order

    return count


def _scaled(bits: int, each: int, *, tensor: int = 0) -> Callable[[Matrix], int]:
    """Return a rule of blocks along a row, each with a scale of a byte; `tensor` bytes belong to all together."""
    return lambda m: m.rows * (_blocks(m.length * bits, 8) + _blocks(m.length, each)) + tensor


class _Block(NamedTuple):
    """A block of llama.cpp: its elements, its bytes, and what is used where a row is no multiple of it."""

    elements: int
    bytes: int
    instead: str = ""


GGML = {
    "q4_0": _Block(32, 18),
    "q4_1": _Block(32, 20),
    "q5_0": _Block(32, 22),
    "q5_1": _Block(32, 24),
    "q8_0": _Block(32, 34),
    "iq4_nl": _Block(32, 18),
    "q2_k": _Block(256, 84, "iq4_nl"),
    "q3_k": _Block(256, 110, "iq4_nl"),
    "q4_k": _Block(256, 144, "q5_0"),
    "q5_k": _Block(256, 176, "q5_1"),
    "q6_k": _Block(256, 210, "q8_0"),
    "iq4_xs": _Block(256, 136, "iq4_nl"),
}
"""Blocks of ggml, ggml-common.h; what stands instead, and float16 at last, is llama-quant.cpp's."""


def _ggml(name: str) -> Callable[[Matrix], int]:
    def count(matrix: Matrix) -> int:
        block: _Block | None = GGML[name]
        while block and matrix.length % block.elements:
            block = GGML.get(block.instead)
        if block is None:
            return matrix.elements * DTYPES["float16"]
        return matrix.elements // block.elements * block.bytes

    return count


_BNB = "bitsandbytes 0.50.2, functional.py; Dettmers et al. 2023 (arXiv:2305.14314)"
FORMATS: Mapping[str, Format] = {
    "nf4": Format(_nf4, tables=False, vectors="float16", source=_BNB),
    "nf4-dq": Format(_nf4_twice, tables=False, vectors="float16", source=f"{_BNB}: double quantization"),
    "llm-int8": Format(_int8_rows, tables=False, vectors="float16", source="Dettmers et al. 2022 (arXiv:2208.07339)"),
    "gptq": Format(
        _groups(4, 128, order=True), tables=False, vectors="float16", source="Frantar et al. 2022 (arXiv:2210.17323)"
    ),
    "awq": Format(
        _groups(4, 128, order=False), tables=False, vectors="float16", source="Lin et al. 2023 (arXiv:2306.00978)"
    ),
    "mxfp4": Format(_scaled(4, 32), tables=False, vectors="bfloat16", source="OCP Microscaling Formats 1.0"),
    "mxfp8": Format(_scaled(8, 32), tables=False, vectors="bfloat16", source="OCP Microscaling Formats 1.0"),
    "nvfp4": Format(
        _scaled(4, 16, tensor=4), tables=False, vectors="bfloat16", source="NVIDIA 2025 (arXiv:2509.25149)"
    ),
    **{name: Format(_ggml(name), tables=True, vectors="float32", source="llama.cpp, quantize --pure") for name in GGML},
}
"""The formats by name."""
KV_FORMATS = tuple(name for name, block in GGML.items() if not block.instead)
"""llama.cpp's formats of keys and values, in blocks of 32."""


def kv_bytes(elements: int, name: str) -> int:
    """Return the bytes of so many elements of keys and values in a format."""
    block = GGML[name]
    return _blocks(elements, block.elements) * block.bytes


def stored_bytes(facts: Facts, name: str, *, frozen: bool = False) -> int:
    """Return the bytes of weights and running statistics in a format, or in a type that all have.

    With `frozen` only what does not train is in the format; the rest is in the network's own type, as with adapters.
    """
    form = FORMATS.get(name)
    last = _last(facts) if form and not form.tables else set()
    total = 0
    for node in facts.graph.nodes:
        for weight in facts.own_weights(node).values():
            if frozen and weight.parameter and node.trainable:
                total += size(weight.shape) * facts.sizes["float"]
            elif form is None:
                total += size(weight.shape) * facts.sizes[name]
            else:
                total += _stored(facts, node, weight, form, is_last=node in last)
    return total


def _stored(facts: Facts, node: Node, weight: Weight, form: Format, *, is_last: bool) -> int:
    """Return the bytes of a weight."""
    matrices = [] if is_last else _matrices(facts, node, weight, tables=form.tables)
    if matrices:
        return sum(times * form.bytes(matrix) for times, matrix in matrices)
    is_vector = len(weight.shape) == 1 or (form.tables and (node.op.is_table or weight.axes == _ROUTER))
    return size(weight.shape) * DTYPES[form.vectors if is_vector else "float16"]


_ROUTER = ("in", "experts")


def _matrices(facts: Facts, node: Node, weight: Weight, *, tables: bool) -> list[tuple[int, Matrix]]:
    """Return the matrices of a linear layer, of experts, of a table, and how often they occur; none of others."""
    op, _ = node.op.unwrapped(*facts.call(node).shapes)
    shape = weight.shape
    if isinstance(op, Projection) and len(shape) > 1:
        return [(1, Matrix(shape[1], shape[0]))]
    if weight.axes == _ROUTER and not tables:
        return [(1, Matrix(shape[1], shape[0]))]
    if "projections" in weight.axes:
        experts, projections, features, hidden = shape
        return [(experts * (projections - 1), Matrix(hidden, features)), (experts, Matrix(features, hidden))]
    if tables and op.is_table and weight.axes == ("in", "out"):
        return [(1, Matrix(*shape))]
    return []


def _last(facts: Facts) -> set[Node]:
    """Return the layers that make the network's outputs: after them no other multiplies by a matrix."""

    def multiplies(node: Node) -> bool:
        return any(len(weight.shape) > 1 for weight in facts.call(node).weights.values())

    return {node for node in facts.graph.behind(lambda one: () if multiplies(one) else one.inputs) if multiplies(node)}
