"""Keras's attention of one head without projections, made of other operators."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from archinspect.ops.activation import Softmax, Tanh
from archinspect.ops.args import Bool, Choice, Float, arg
from archinspect.ops.attention import roles_of
from archinspect.ops.base import Op
from archinspect.ops.identity import Dropout
from archinspect.ops.layout import Unsqueeze
from archinspect.ops.matmul import MatMul
from archinspect.ops.merge import Add, Multiply
from archinspect.ops.norm import LayerScale
from archinspect.ops.source import Parameter
from archinspect.ops.tensor import ReduceSum

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.ops.base import Emit, T


class _OneHead(Op):
    """What both have: a softmax of scores weighs the values."""

    kind = "attention"
    inputs: ClassVar[tuple[int, int | None]] = (2, 3)
    main = ""
    dropout: float = arg("share of the scores that is dropped in training", Float(0, 1), 0.0)

    def scores(self, emit: Emit[T], query: T, key: T) -> T:
        """Add what makes the scores."""
        raise NotImplementedError

    def build(self, emit: Emit[T], inputs: Sequence[T]) -> tuple[T, ...]:
        query, key, value = roles_of(inputs)
        (weights,) = emit(Softmax(), [self.scores(emit, query, key)])
        if self.dropout:
            (weights,) = emit(Dropout(rate=self.dropout), [weights])
        return emit(MatMul(), [weights, value])


def _sums(emit: Emit[T], query: T, key: T, *, scaled: bool) -> T:
    """Add sums over features of `tanh(query + key)`, each feature scaled if asked for."""
    queries, keys = emit(Unsqueeze(axis=2), [query])[0], emit(Unsqueeze(axis=1), [key])[0]
    both = emit(Tanh(), emit(Add(), [queries, keys]))
    return emit(ReduceSum(axis=-1), emit(LayerScale(axis=-1), both) if scaled else both)[0]


class Attention(_OneHead):
    """Attention of one head without projections, as Keras's layer (Luong et al. 2015, arXiv:1508.04025).

    Its inputs are query, key and value, in this order, or a query and a memory that is both others.

    MACs and FLOPs: those of two `MatMul`, or one and sums of a `Tanh`, and a `Softmax`.
    """

    use_scale: bool = arg("a learned number that multiplies the scores", Bool(), default=False)
    score_mode: str = arg(
        "scores of products, or of sums of `tanh(query + key)`, weighed by a learned number",
        Choice("dot", "concat"),
        "dot",
    )

    def scores(self, emit: Emit[T], query: T, key: T) -> T:
        if self.score_mode == "concat":
            scores = _sums(emit, query, key, scaled=False)
        else:
            (scores,) = emit(MatMul(transpose_b=True), [query, key])
        for _ in range(self.use_scale + (self.score_mode == "concat")):
            (scores,) = emit(Multiply(), [scores, *emit(Parameter(shape=[1, 1]), [])])
        return scores


class AdditiveAttention(_OneHead):
    """Attention whose scores are sums of `tanh(query + key)`, as Keras's layer (Bahdanau et al. 2014, arXiv:1409.0473).

    Its inputs are query, key and value, in this order, or a query and a memory that is both others.

    MACs and FLOPs: those of an `Add`, a `Tanh`, a product with a learned vector, a `ReduceSum`, a `Softmax` and a
    `MatMul`.
    """

    use_scale: bool = arg("a learned number for each feature of the sums", Bool(), default=True)

    def scores(self, emit: Emit[T], query: T, key: T) -> T:
        return _sums(emit, query, key, scaled=self.use_scale)
