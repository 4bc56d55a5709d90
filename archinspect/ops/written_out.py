"""Memory of attention that is written out with a soft cap or sinks, as PyTorch's function has neither.

The program: products of queries and keys, scaled; `cap * tanh(scores / cap)`; the mask of what comes later; sinks
beside the scores, a softmax of both, of which those of the keys weigh the values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archinspect.base.shape import largest
from archinspect.ops.figures import Kept

if TYPE_CHECKING:
    from archinspect.ops.figures import Elements


class Sizes(NamedTuple):
    """Elements of what takes part; keys and values as each head of the queries has them."""

    queries: int
    keys: int
    values: int
    scores: int
    sunk: int
    """Scores of sinks."""
    mask: int
    """Of what comes later; 0 without one."""
    result: int
    joined: int
    """Of the copy in which the result's heads stand side by side; 0 without one."""
    capped: bool
    repeated: bool
    """Whether keys and values are copied for heads of queries; those of a single head are a view."""
    moved: tuple[bool, bool]
    """Whether a product needs copies of queries, and of keys or values: with several samples and heads."""
    dropped: int
    """Numbers that say which scores are dropped in training; 0 without dropout."""


def kept(sizes: Sizes, roles: tuple[int, int, int], needed: tuple[bool, bool, bool], *, learned: bool) -> Kept:
    """Return what backward keeps: of each product the factor beside one that needs a gradient.

    `roles` are the numbers of the inputs that are query, key and value, `needed` whether they need gradients, and
    `learned` whether sinks or position biases do.
    """
    of_query, of_key, of_value = needed
    of_scores = of_query or of_key
    of_weights = of_scores or learned
    factors = ((of_key, sizes.queries), (of_query, sizes.keys), (of_weights, sizes.values))
    inputs, made = [], 0
    for place, (role, (factor, elements)) in enumerate(zip(roles, factors, strict=True)):
        if not factor:
            continue
        if sizes.moved[place > 0] or (sizes.repeated and place):
            made += elements
        else:
            inputs.append(role)
    made += sizes.scores * (of_scores and sizes.capped)  # what tanh gives
    made += (sizes.scores + sizes.sunk) * (of_weights or (of_value and not sizes.dropped))  # what the softmax gives
    if sizes.dropped:
        made += sizes.dropped * of_weights + sizes.scores * of_value  # which are dropped, and what is left
    return Kept(tuple(inputs), extra=(("float", made),))


def workspace(sizes: Sizes) -> Elements:
    """Return the most that is alive at once beside inputs and output."""
    scores = sizes.scores
    moved, own = sizes.moved
    weights = scores + sizes.sunk
    most = largest(
        moved * sizes.queries + own * sizes.keys + scores,
        (2 + sizes.capped) * scores,
        2 * scores + sizes.mask,
        scores + 2 * weights if sizes.sunk else 2 * scores,
        weights + own * sizes.values + sizes.result,
        weights + sizes.result + sizes.joined,
    )
    return (("float", most + (sizes.keys + sizes.values) * sizes.repeated - sizes.result),)
