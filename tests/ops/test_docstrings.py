"""What a docstring says of FLOPs is what the rule computes, on every measured row and those computed by hand.

A statement is `FLOPs: 2 per MAC, 1 per output element for the bias.`; reasons stand in parentheses. A statement of a
case, `FLOPs with running statistics: 2 per element.`, goes before that of all others.
"""

import inspect
import json
import re
from math import prod
from pathlib import Path

import pytest
from small import single_layer

from archinspect import ops
from archinspect.base.shape import size
from archinspect.language.expressions import evaluate
from archinspect.ops.base import Op

TRUTH = Path(__file__).parents[1] / "truth"
LAYOUTS = {"torch": "channels_first", "keras": "channels_last"}
IMAGE = (2, 4, 4, 2)
MEASURED = [
    (row["op"], row["args"], row["inputs"], layout)
    for name, layout in LAYOUTS.items()
    for row in json.loads((TRUTH / f"ops_{name}.json").read_text(encoding="utf-8"))["rows"]
    if row["output"] is not None
]
# Arguments on which a statement depends, and which no framework here has.
OTHERS = [
    (op, args, shapes, "channels_last")
    for op, args, shapes in (
        ("ReLU", {"max_value": 6, "negative_slope": 0.1}, [IMAGE]),
        ("Rescaling", {"scale": 0.5}, [IMAGE]),
        ("Rescaling", {"offset": 1}, [IMAGE]),
        ("RMSNormalization", {"elementwise_affine": False}, [IMAGE]),
        ("LocalResponseNormalization", {"depth_radius": 3}, [IMAGE]),
        ("LayerScale", {}, [IMAGE]),
        ("StochasticDepth", {}, [IMAGE]),
        ("Input", {"shape": [3]}, []),
        ("Hashing", {"num_bins": 9}, [(2, 4)]),
        ("HashedCrossing", {"num_bins": 9}, [(2, 1), (2, 1)]),
        ("IntegerLookup", {}, [(2, 4)]),
        ("TextVectorization", {"output_sequence_length": 9}, [(2, 1)]),
        ("StringLookup", {}, [(2, 4)]),
        ("ScaledDotProductAttention", {"num_heads": 2, "causal": True}, [(2, 3, 4)]),
        ("ScaledDotProductAttention", {"num_heads": 2, "window": 2}, [(2, 3, 4)]),
        ("ScaledDotProductAttention", {"num_heads": 2, "position_biases": 5, "masked": True}, [(2, 3, 4)]),
        ("LinearAttention", {"num_heads": 2, "chunk": 4}, [(2, 6, 4), (2, 6, 4), (2, 6, 6), (2, 6, 2), (2, 4)]),
        ("ScaledDotProductAttention", {"shared_position_biases": True}, [(2, 3, 4), (2, 5, 4)]),
        ("MixtureOfExperts", {"num_experts": 4, "units": 7, "activation": "gelu"}, [(2, 3, 5)]),
        ("MixtureOfExperts", {"num_experts": 4, "units": 7, "activation": None, "gated": False}, [(2, 3, 5)]),
        ("UpSampling2D", {"interpolation": "lanczos3"}, [IMAGE]),
        ("UpSampling2D", {"interpolation": "lanczos5"}, [IMAGE]),
        ("Upsample", {"size": 6, "mode": "nearest-exact"}, [IMAGE]),
        ("ResizeLike", {"interpolation": "bicubic"}, [IMAGE, (2, 5, 6, 1)]),
        ("Einsum", {"equation": "bij,bj,b->b"}, [(2, 3, 4), (2, 4), (2,)]),
        ("Einsum", {"equation": "bij,bjk,bkl->bil"}, [(2, 3, 4), (2, 4, 5), (2, 5, 6)]),
        ("Average", {}, [IMAGE, IMAGE, IMAGE]),
        ("Custom", {"macs": 3, "flops": 7}, [IMAGE]),
        ("Custom", {"macs": 3}, [IMAGE]),
        ("Bidirectional", {"layer": {"LSTM": 3}, "merge_mode": "ave"}, [(2, 3, 4)]),
        ("TimeDistributed", {"layer": {"Dense": 3}}, [(2, 3, 4)]),
    )
]
ROWS = MEASURED + OTHERS

STATED_ELSEWHERE = {
    "Custom": "as its arguments say",
    "Activation": "it is the activation that it names",
}


class Use:
    """An operator on shapes, and what a docstring can call of it."""

    def __init__(self, call):
        self.op, (self.output, *self.shapes) = call.op.unwrapped(call.output, *call.shapes)
        self.work = self.op.work(self.shapes, self.output)
        self.weights = self.op.weights(*self.shapes)
        self.first = self.shapes[0] if self.shapes else ()

    def names(self):
        """Return the numbers that an amount may name."""
        found = {name: value for name, value in vars(self.op).items() if isinstance(value, int)}
        if hasattr(self.op, "pool_size"):
            found["window"] = prod(self.op.pool_size)
        if type(self.op).__name__ == "LocalResponseNormalization":
            found["size"] = self.op.window
        if type(self.op).__name__ == "MixtureOfExperts":
            found["used"] = self.op.used
        if type(self.op).__name__ == "Sort":
            found["rounds"] = (self.output[self.op.axis] - 1).bit_length()
        found["positions"] = size(self.first) // size(self.output) if self.first else 0
        return found


def windows(use):
    """Return the elements of all windows of an adaptive pooling, by counting them."""
    spatial, channels = use.op.split(use.first)
    counts, _ = use.op.split(use.output)
    per_axis = [
        sum(-(-(i + 1) * length // count) - i * length // count for i in range(count))
        for length, count in zip(spatial, counts, strict=True)
    ]
    return use.first[0] * channels * prod(per_axis)


def taps(use):
    return use.op.taps(len(use.output) - 2)


def state_elements(use):
    """Return the elements of a state over maps, of all steps."""
    return use.first[1] * size(use.op.state(use.first))


def joins(use):
    """Yield how an equation joins its inputs: elements before and after sums of one side, and of the product."""
    before, _, output = use.op.equation.replace("...", "@").replace(" ", "").partition("->")
    terms = before.split(",")
    shapes = [*use.shapes, *(use.weights["kernel"].shape for _ in terms[len(use.shapes) :])]
    lengths = {}
    for term, shape in zip(terms, shapes, strict=True):
        at = 0
        for index in term:
            axes = len(shape) - len(term) + 1 if index == "@" else 1
            lengths[index] = prod(shape[at : at + axes])
            at += axes
    joined = terms[0]
    if len(terms) == 1:
        yield elements(joined, lengths) - elements(output, lengths), 0
    for number, term in enumerate(terms[1:], 1):
        later = {*"".join(terms[number + 1 :]), *output}
        left = [index for index in joined if index in later or index in term]
        right = [index for index in term if index in later or index in joined]
        first = sum(elements(old, lengths) - elements(new, lengths) for old, new in ((joined, left), (term, right)))
        both = {*left, *right}
        products = elements(both, lengths)
        yield first, products if products == elements(both & later, lengths) else 0
        joined = "".join(index for index in sorted(both) if index in later)


def elements(indices, lengths):
    return prod(lengths[index] for index in {*indices})


def unit_steps(use):
    several = getattr(use.op, "num_layers", 1) * (1 + getattr(use.op, "bidirectional", False))
    return use.first[0] * use.first[1] * use.op.units * several


def filled_steps(use):
    """Return the steps of all heads and samples, the last chunk of a memory by chunks filled up."""
    steps = use.first[1] if use.op.chunk is None else -(-use.first[1] // use.op.chunk) * use.op.chunk
    return use.first[0] * steps * use.op.num_heads


def rounds_of(use):
    """Return how often a transform goes over all points: log2 of each axis's length, rounded up."""
    return sum((length - 1).bit_length() for length in use.op._transformed(use.shapes, use.output))


UNITS = {
    "MAC": lambda use: use.work.macs,
    "element": lambda use: size(use.output),
    "output element": lambda use: size(use.output),
    "pair of output elements": lambda use: size(use.output) // 2,
    "channel": lambda use: size(use.output),
    "input element": lambda use: size(use.first),
    "input element but the first of each": lambda use: size(use.first) - size(use.output),
    "element but the first of a row": lambda use: size(use.output) - size(use.output) // use.output[use.op.axis],
    "element of a window": windows,
    "element of a window but the first": lambda use: windows(use) - size(use.output),
    "element of both inputs": lambda use: sum(map(size, use.shapes)),
    "output element and axis": lambda use: size(use.output) * (len(use.output) - 2),
    "output element and input": lambda use: size(use.output) * len(use.shapes),
    "output element and input after the first": lambda use: size(use.output) * (len(use.shapes) - 1),
    "score of a window": lambda use: use.op.scores(use.shapes),
    "score": lambda use: size(use.first[:-1]) * use.op.num_heads * use.shapes[min(1, len(use.shapes) - 1)][-2],
    "state and step": lambda use: size(use.first) * use.shapes[2][2],
    "unit": lambda use: size(use.output),
    "unit for each bias": lambda use: size(use.output) * use.op.bias_vectors,
    "unit and step": unit_steps,
    "unit and step for the bias": lambda use: unit_steps(use) * use.op.use_bias,
    "element of all matrices": lambda use: (
        filled_steps(use) * (use.first[-1] // use.op.num_heads) * (use.output[-1] // use.op.num_heads)
    ),
    "key of a step": lambda use: filled_steps(use) * (use.first[-1] // use.op.num_heads),
    "value of a step": lambda use: filled_steps(use) * (use.output[-1] // use.op.num_heads),
    "head and step": filled_steps,
    "pair of tags that follow one another": lambda use: use.first[0] * (use.first[1] - 1) * use.first[2] ** 2,
    "tag of a sample": lambda use: use.first[0] * use.first[2],
    "unit and step for each bias": lambda use: unit_steps(use) * use.op.bias_vectors,
    "element of all steps": state_elements,
    "element of all steps for the bias": lambda use: state_elements(use) * use.op.use_bias,
    "tap and input channel": lambda use: use.op._sampled(use.shapes, use.output),
    "tap and input channel for a mask": lambda use: use.op._sampled(use.shapes, use.output) * (len(use.shapes) > 2),
    "input element that is not the first of its group": lambda use: size(use.first) - size(use.output),
    "channel of each sample": lambda use: use.first[0] * use.op.channels(use.first),
    "factor of an output element": lambda use: size(use.output) * taps(use) * (taps(use) > 1),
    "sum of an output element": lambda use: size(use.output) * (taps(use) - 1),
    "output element in two dimensions": lambda use: size(use.output) * (len(use.op.size) == 2),
    "output element in three dimensions": lambda use: size(use.output) * (len(use.op.size) == 3),
    "feature at a point": lambda use: use.op._sizes(use.shapes).sampled,
    "feature at a point but the first of each": lambda use: use.op._sizes(use.shapes).sampled - size(use.output),
    "pair of features": lambda use: size(use.first) * use.shapes[1][-1],
    "element and boundary": lambda use: size(use.first) * (use.op.categories() - 1),
    "head and query step": lambda use: size(use.first[:-1]) * use.op.num_heads,
    "element of all states": lambda use: use.op._sizes(use.shapes, use.output).state * use.output[1],
    "score of a chunk": lambda use: (
        use.output[0]
        * use.op.num_heads
        * (use.op.chunk or 0)
        * -(-use.output[1] // (use.op.chunk or 1))
        * (use.op.chunk or 0)
    ),
    "unit that is used": lambda use: use.op._rows(use.output) * use.op.units,
    "element that a projection with bias makes": lambda use: (
        use.op._rows(use.output) * use.op.use_bias * ((1 + use.op.gated) * use.op.units + use.output[-1])
        + size(use.first[:-1]) * use.op.use_bias * use.op.num_experts
    ),
    "chosen expert's score": lambda use: size(use.first[:-1]) * use.op.top_k,
    "complex number and round": lambda use: size(use.output) // 2 * rounds_of(use),
    "complex number of the input and round": lambda use: size(use.first) // 2 * rounds_of(use),
    "complex number": lambda use: size(use.output) // 2,
    "group of experts": lambda use: size(use.first[:-1]) * use.op.groups * (use.op.groups > 1),
    "step": lambda use: size(use.first[:-1]),
    "element looked up": lambda use: size(use.first) * use.op.output_dim,
    "element looked up but the first of a bag": lambda use: size(use.first) * use.op.output_dim - size(use.output),
    "expert's score": lambda use: size(use.first[:-1]) * use.op.num_experts,
    "addition of what is summed first": lambda use: sum(first for first, _ in joins(use)),
    "element of a product without a sum": lambda use: sum(product for _, product in joins(use)),
}
CONDITIONS = {
    "for the bias": lambda use: "bias" in use.weights,
    "for the scale": lambda use: "gamma" in use.weights,
    "for the offset": lambda use: "beta" in use.weights,
    "for a bound": lambda use: use.op.max_value is not None,
    "for a lower bound": lambda use: use.op.min_value is not None,
    "for an upper bound": lambda use: use.op.max_value is not None,
    "for a slope": lambda use: use.op.negative_slope != 0,
    "for a scale": lambda use: use.op.scale != 1,
    "for an offset": lambda use: bool(use.op.offset),
    "for a causal mask or a window": lambda use: use.op.causal or use.op.window is not None,
    "for a mask of the network's own": lambda use: use.op.masked,
    "for a soft cap": lambda use: use.op.soft_cap is not None,
    "with softmax": lambda use: use.op.scoring == "softmax",
    "with softmax of the chosen": lambda use: use.op.scoring == "softmax_of_chosen",
    "with a limit": lambda use: use.op.limit is not None,
    "with sigmoid": lambda use: use.op.scoring == "sigmoid",
    "for its bias": lambda use: use.op.score_bias,
    "for a decay": lambda use: len(use.shapes) > 3,
    "where it decays": lambda use: len(use.shapes) > 4,
    "for a bonus": lambda use: len(use.shapes) > 4,
    "for a sink": lambda use: use.op.sinks,
    "for the mean of the heads": lambda use: use.op.need_weights,
    "for position biases": lambda use: use.op.position_biases > 0 or use.op.shared_position_biases,
    "with position biases": lambda use: use.op.position_biases,
    "for what D adds": lambda use: len(use.shapes) > 5,
    "if gated": lambda use: use.op.gated,
    "if they are normalized": lambda use: use.op.normalize,
}
CASES = {
    "with it": lambda use: use.op.approximate in (True, "tanh"),
    "with beta": lambda use: use.op.beta != 1,
    "with running statistics": lambda use: use.op.track_running_stats,
    "without running statistics": lambda use: not use.op.track_running_stats,
    "of a mean": lambda use: mode(use) == "mean",
    "of linear interpolation": lambda use: "linear" in mode(use),
    "of cubic": lambda use: mode(use) == "bicubic",
    "of `lanczos3`": lambda use: mode(use) == "lanczos3",
    "of `lanczos5`": lambda use: mode(use) == "lanczos5",
}
AMOUNTS = {"the activation's": lambda use: use.op.activation.work([(1,)], (1,)).other if use.op.activation else 0}
STATEMENT = re.compile(r"(?<!and )FLOPs((?: [^:.,]+)?): ([^.]+)(?:\.|$)")
CLAUSE = re.compile(
    rf"(?P<amount>.+?) per (?P<unit>{'|'.join(sorted(UNITS, key=len, reverse=True))})(?: (?P<condition>.+))?"
)


def mode(use):
    return getattr(use.op, "interpolation", None) or use.op.mode


def statements(kind):
    """Return what the docstring of an operator says of FLOPs, or that of the operators which it is one of."""
    for base in kind.__mro__:
        text = " ".join(inspect.cleandoc(base.__doc__ or "").split())
        found = STATEMENT.findall(re.sub(r"\([^()]*(?:\([^()]*\)[^()]*)*\)", "", text)) if issubclass(base, Op) else []
        if found or re.search(r"[Nn]o FLOPs", text):
            return {case.strip(): said for case, said in found} or {"": ""}
    return {}


def clauses(said):
    """Yield amount, unit and condition of each part of a statement."""
    for part in said.split(","):
        found = CLAUSE.fullmatch(" ".join(part.split()))
        assert found, f"no amount per unit: '{part}'"
        yield found["amount"], found["unit"], found["condition"]


def stated(use):
    """Return the FLOPs that the docstring states."""
    said = statements(type(use.op))
    chosen = next((text for case, text in said.items() if case and CASES[case](use)), said.get("", ""))
    total = 0
    for amount, unit, condition in clauses(chosen) if chosen else ():
        if condition is None or CONDITIONS[condition](use):
            number = AMOUNTS[amount](use) if amount in AMOUNTS else evaluate(amount, use.names())
            total += number * UNITS[unit](use)
    return total


@pytest.mark.parametrize(("op", "args", "shapes", "layout"), ROWS, ids=[f"{i}-{row[0]}" for i, row in enumerate(ROWS)])
def test_the_docstring_states_the_flops_of_the_rule(op, args, shapes, layout):
    for call in single_layer(op, args, shapes, layout).calls:
        use = Use(call)
        if type(use.op).__name__ not in STATED_ELSEWHERE:
            assert stated(use) == use.work.flops


AROUND = {"TimeDistributed", "WeightNorm", "WeightStandardization", "SpectralNorm", "SpectralNormalization"}
COMPOSITES = AROUND | {
    "MultiHeadAttention",
    "FFTConvolution",
    "Attention",
    "AdditiveAttention",
    "Transpose",
    "SeparableConv1D",
    "SeparableConv2D",
    "Bidirectional",
    "TimeDistributed",
}


@pytest.mark.parametrize("kind", ops.all_ops(), ids=lambda kind: kind.__name__)
def test_every_docstring_makes_a_statement(kind):
    if kind.__name__ in STATED_ELSEWHERE:
        return
    if kind.__name__ in COMPOSITES:
        assert re.search(r"MACs and FLOPs: (those of|the layer's)", " ".join(kind.__doc__.split()))
        return
    said = statements(kind)
    assert said
    assert {*said} - {""} <= {*CASES}
    for text in filter(None, said.values()):
        assert all(condition is None or condition in CONDITIONS for *_, condition in clauses(text))


def test_every_row_s_operators_are_those_that_docstrings_are_read_of():
    """A composite is none of its own nodes; all others are."""
    seen = {
        type(call.op).__name__
        for op, args, shapes, layout in ROWS
        for call in single_layer(op, args, shapes, layout).calls
    }
    missing = {kind.__name__ for kind in ops.all_ops()} - seen
    assert missing == (COMPOSITES - AROUND) | {"Activation"}


def test_a_docstring_that_lies_is_found(monkeypatch):
    use = Use(single_layer("Mish", {}, [IMAGE]).calls[-1])
    monkeypatch.setattr(ops.find_operator("Mish"), "__doc__", "`x * tanh(softplus(x))`. FLOPs: 4 per element.")
    assert stated(use) != use.work.flops
    monkeypatch.setattr(ops.find_operator("Mish"), "__doc__", "FLOPs: 5 an element.")
    with pytest.raises(AssertionError, match="no amount per unit"):
        stated(use)
