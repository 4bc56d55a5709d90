"""Arguments of operators by chance.

Most values follow from the kind of the argument. What depends on the shapes that an operator reads has a function here,
by the argument's name. None of it needs to be right: the operator says whether it takes what came out.
"""

from __future__ import annotations

from math import gcd, prod
from typing import TYPE_CHECKING, Any

from networks.guess import FORMATS, KNOWN, SIZES, Guess, divisors, factors, of_kind

from archinspect import ops
from archinspect.base.shape import Mismatch

if TYPE_CHECKING:
    from random import Random

    from archinspect.base.shape import Shape
    from archinspect.ops.base import Op

OF_ANY_RANK = ("Power", "Equal", "NotEqual", "GreaterThan", "GreaterEqual", "LessThan", "LessEqual", "Clip", "Arange")
"""Operators whose arguments go together whatever the axes are."""
OF_NO_AXES = (
    "correction",
    "start",
    "stop",
    "step",
    "target_shape",
    "repeats",
    "shape",
    "dtype",
    "dim",
    "input_dim",
    "output_dim",
    "output_shape",
    "equation",
)


def arguments(rng: Random, kind: type[Op], shapes: list[Shape], layout: str, share: float) -> dict[str, Any]:
    """Arguments of an operator, those that may be left out with this probability each."""
    guess = Guess(rng, kind, shapes, layout)
    if "data_format" in kind.args and rng.random() < share / 2:
        guess.given["data_format"] = rng.choice(FORMATS)
    for name, argument in kind.args.items():
        if name != "data_format" and (argument.required or rng.random() < share):
            special = SPECIAL.get(f"{kind.__name__}.{name}") or SPECIAL.get(name)
            if special is None:
                guess.given[name] = of_kind(rng, argument.kind, argument.default)
            elif guess.rank > 1 or name in OF_NO_AXES:
                guess.given[name] = special(guess)
            else:
                raise Mismatch("an axis is needed")
    tidy = TIDY.get(kind.__name__)
    if tidy and (len(guess.shape) > 1 or kind.__name__ in OF_ANY_RANK):
        tidy(guess)
    return {name: guess.given[name] for name in kind.args if name in guess.given}


# Windows


def _window(guess: Guess) -> object:
    def choose(length: int) -> int:
        return guess.rng.choice([1, 2, 2, 3, 3, length, max(length - 1, 1), guess.rng.randint(1, length + 1)])

    return guess.per_axis(guess.each(choose))


def _strides(guess: Guess) -> object:
    return guess.per_axis(guess.each(lambda length: guess.rng.choice([1, 2, 2, 3, 4, length + 1])))


def _around(guess: Guess) -> object:
    return guess.per_axis([guess.rng.randint(1, length) for length in guess.shape[1:-1]] or [1])


def _apart(guess: Guess) -> object:
    """Distances at which the windows around positions still fit."""
    sizes = guess.given["kernel_size"]
    lengths = guess.shape[1:-1]
    if isinstance(sizes, str):
        sizes = [int(size) for size in sizes.split("x")]
    sizes = sizes if isinstance(sizes, list) else [sizes] * len(lengths)
    pairs = zip(lengths, sizes, strict=False)
    return guess.per_axis([guess.rng.randint(1, max(1, length // size)) for length, size in pairs] or [1])


def _dilation(guess: Guess) -> object:
    return guess.per_axis(guess.each(lambda _: guess.rng.choice([1, 2, 2, 3])))


def _words(guess: Guess, name: str) -> Any:
    return getattr(guess.kind.args[name].kind, "words")  # noqa: B009 - some kinds have them


def _padding(guess: Guess) -> object:
    words = _words(guess, "padding")
    if guess.rng.random() < 0.4:
        return guess.rng.choice(words)
    return _sides(guess)


def _sides(guess: Guess) -> object:
    """Positions around each axis: one number, one per axis, one per side."""
    form, some = guess.rng.random(), lambda: guess.rng.choice([0, 0, 1, 1, 2, 3])
    axes = len(guess.lengths)
    if form < 0.3:
        return some()
    if form < 0.55 and axes > 1:
        return [some() for _ in range(axes)]
    if axes == 1 and form < 0.8:
        return [some(), some()]
    return [[some(), some()] for _ in range(axes)]


def _all_sides(guess: Guess) -> object:
    if guess.rng.random() < 0.25:  # PyTorch's flat list
        return [guess.rng.choice([0, 1, 2]) for _ in range(2 * len(guess.lengths))]
    return _sides(guess)


def _factors(guess: Guess) -> object:
    return guess.per_axis(guess.each(lambda _: guess.rng.choice([1, 2, 2, 3])))


def _output_padding(guess: Guess) -> object:
    strides, dilation = (_numbers(guess.given.get(name, 1), guess) for name in ("strides", "dilation_rate"))
    return guess.per_axis([guess.rng.randrange(max(*pair)) for pair in zip(strides, dilation, strict=True)])


def _numbers(value: Any, guess: Guess) -> list[int]:
    values = [int(part) for part in value.split("x")] if isinstance(value, str) else value
    return values if isinstance(values, list) else [values] * len(guess.lengths)


def _adaptive(guess: Guess) -> object:
    values = [guess.rng.choice([1, 2, length, guess.rng.randint(1, 2 * length), None]) for length in guess.lengths]
    return values if len({*values}) > 1 else values[0]


def _groups(guess: Guess) -> int:
    return guess.divisor(guess.channels)


def _tidy_groups(guess: Guess) -> None:
    """Filters that the groups divide."""
    if "groups" in guess.given:
        guess.given["filters"] = guess.given["groups"] * guess.rng.choice([1, 1, 2, 3])


def _tidy_norm(guess: Guess) -> None:
    guess.given["groups"] = guess.rng.choice([-1, guess.divisor(_channels(guess))])


# Axes and shapes


def _axes(guess: Guess) -> object:
    axes = [*range(1, max(guess.rank, 2))]
    some = guess.rng.sample(axes, guess.rng.randint(1, len(axes)))
    some = [axis - guess.rank if guess.rng.random() < 0.3 else axis for axis in some]
    return some if len(some) > 1 or guess.rng.random() < 0.5 else some[0]


def _channels(guess: Guess) -> int:
    return guess.size_of(guess.given["axis"]) if guess.given.get("axis") is not None else guess.channels


def _last(guess: Guess) -> int:
    return guess.shape[-1]


def _normalized(guess: Guess) -> list[int]:
    sizes = list(guess.shape[1:])
    return sizes[guess.rng.randrange(len(sizes)) :] if sizes else [1]


def _target(guess: Guess) -> list[int]:
    sizes = factors(guess.rng, prod(guess.shape[1:]), guess.rng.choice([1, 2, 2, 3, 3, 4, 5]))
    if guess.rng.random() < 0.4:
        sizes[guess.rng.randrange(len(sizes))] = -1
    return sizes


def _dims(guess: Guess) -> list[int]:
    dims = guess.rng.sample(range(1, guess.rank), guess.rank - 1)
    return [0, *dims] if guess.rng.random() < 0.2 else dims


def _flatten(guess: Guess) -> None:
    start, end = (guess.given.get(name, default) % max(guess.rank, 1) for name, default in _ENDS)
    if start > end and len(guess.given) > 1:
        guess.given["start_dim"], guess.given["end_dim"] = guess.given["end_dim"], guess.given["start_dim"]


_ENDS = (("start_dim", 1), ("end_dim", -1))


def _tidy_bounds(guess: Guess) -> None:
    low, high = sorted([guess.given.get("min_val", -1.0), guess.given.get("max_val", 1.0)])
    guess.given |= {name: value for name, value in (("min_val", low), ("max_val", high)) if name in guess.given}


def _start(guess: Guess) -> int:
    length = guess.size_of(guess.given.get("axis", 1))
    return guess.rng.choice([guess.rng.randrange(length), -guess.rng.randint(1, length), -length - 1])


def _stop(guess: Guess) -> int:
    length = guess.size_of(guess.given.get("axis", 1))
    return guess.rng.choice([guess.rng.randint(1, length), -guess.rng.randrange(1, length + 1), length + 2])


def _select(guess: Guess) -> None:
    length = guess.size_of(guess.given.get("axis", 1))
    guess.given["index"] = guess.rng.choice([guess.rng.randrange(length), -guess.rng.randint(1, length)])


def _tidy_roll(guess: Guess) -> None:
    axes = guess.given.get("axis", 1)
    count = len(axes) if isinstance(axes, list) else 1
    shifts = [guess.rng.choice([-3, -1, 0, 1, 2, 9]) for _ in range(guess.rng.choice([1, count]))]
    guess.given["shift"] = shifts if len(shifts) > 1 else shifts[0]


def _tidy_split(guess: Guess) -> None:
    axis = guess.given.get("axis")
    length = guess.channels if axis is None else guess.size_of(axis)
    guess.given.pop("parts", None)
    if guess.given.pop("sizes", None):
        sizes: list[int] = []
        while sum(sizes) < length:
            sizes.append(guess.rng.randint(1, length - sum(sizes)))
        guess.given["sizes"] = sizes
    else:
        guess.given["parts"] = guess.divisor(length)


def _tidy_unbind(guess: Guess) -> None:
    guess.given["parts"] = guess.size_of(guess.given.get("axis", 1))


def _tidy_top(guess: Guess) -> None:
    guess.given["k"] = guess.rng.randint(1, guess.size_of(guess.given.get("axis", -1)))


def _tidy_upsample(guess: Guess) -> None:
    name = guess.rng.choice(["scale_factor", "size"])
    guess.given.pop("scale_factor", None)
    guess.given.pop("size", None)
    sizes = [length + 1 for length in guess.lengths] if name == "size" else guess.each(lambda _: 2)
    values = [guess.rng.choice([1, 2, 3, size]) for size in sizes]
    guess.given[name] = values if guess.rng.random() < 0.5 else values[0]


# Attention, recurrence, products


def _heads(guess: Guess) -> int:
    return guess.rng.choice([1, 1, 2, 2, 3, 4])


def _of_heads(guess: Guess) -> int:
    return guess.divisor(guess.given.get("num_heads", 1))


def _head(guess: Guess) -> int:
    even = guess.rng.choice([2, 4, 6])
    return even if guess.given.get("rotary") else guess.rng.choice([1, 2, 3, 4])


def _tidy_attention(guess: Guess) -> None:
    given = guess.given
    if len(guess.shapes) > 2:
        given.pop("packed", None)  # keys and values may be made of different inputs
    if given.get("position_biases"):
        given.pop("shared_position_biases", None)
    if guess.kind.__name__ == "MultiHeadAttention":
        _tidy_heads(guess)


def _tidy_heads(guess: Guess) -> None:
    """The size of a head as Keras says it, or that of all as PyTorch does."""
    given, width = guess.given, guess.shape[-1]
    given.pop("embed_dim", None)
    if guess.rng.random() < 0.5:
        given.pop("attention_axes", None)
        given.pop("key_dim", None)
        given.pop("value_dim", None)
        given.pop("num_kv_heads", None)
        given["embed_dim"] = width
        given["num_heads"] = guess.rng.choice([n for n in divisors(width) if n < 9])
        for name in sorted(ADDED):
            given.pop(name, None)
            of_module = given.keys() <= OF_THE_MODULE and (guess.rank == 3 or name != "need_weights")
            if of_module and guess.rng.random() < 0.3:
                given[name] = True
        for at, name in ((1, "kdim"), (-1, "vdim")):
            wide = guess.shapes[min(at, len(guess.shapes) - 1)][-1]
            if name in given or wide != width:
                given[name] = wide
    else:
        given.setdefault("key_dim", _head(guess))
        if len(guess.shapes) > 1:  # what is the same for all samples becomes flat once, which `convert` cannot say
            given.pop("attention_axes", None)
        for name in ADDED:
            given.pop(name, None)
        for at, name in ((1, "kdim"), (-1, "vdim")):
            if name in given:
                given[name] = guess.shapes[min(at, len(guess.shapes) - 1)][-1]


ADDED = {"add_bias_kv", "add_zero_attn", "need_weights"}
OF_THE_MODULE = {"num_heads", "embed_dim", "dropout", "use_bias", "kdim", "vdim", *ADDED}


def _tidy_linear(guess: Guess) -> None:
    """Heads that divide what is read, of which decays here are of one or of each key."""
    given, (shape, _, value, *further) = guess.given, [*guess.shapes, *[guess.shape] * 3][: max(len(guess.shapes), 3)]
    alone = any(one[-1] == 1 for one in further)
    given["num_heads"] = 1 if alone else guess.rng.choice(divisors(gcd(shape[-1], value[-1])))
    if "groups" in given:
        given["groups"] = 1 if not further and given["num_heads"] > 1 else given["num_heads"]


def _tidy_transpose(guess: Guess) -> None:
    """All axes, or two of them."""
    guess.given.clear()
    if guess.rank > 2 and guess.rng.random() < 0.5:
        one, other = guess.rng.sample(range(1, guess.rank), 2)
        guess.given.update(dim0=one, dim1=other)
    else:
        guess.given["dims"] = _dims(guess)


def _rotated(guess: Guess) -> int | None:
    if len(guess.shapes) > 1:
        return None  # the tables tell
    return guess.rng.choice([n for n in divisors(guess.shape[-1]) if n % 2 == 0] or [1])


def _tidy_experts(guess: Guess) -> None:
    given = guess.given
    if given.get("gated") is False:
        given.pop("limit", None)
    given["top_k"] = guess.rng.randint(1, given["num_experts"])
    if "groups" in given:
        given["groups"] = guess.divisor(given["num_experts"])
    if "top_k_groups" in given:
        each = given["num_experts"] // given.get("groups", 1)
        given["top_k_groups"] = guess.rng.randint(-(-given["top_k"] // each), given.get("groups", 1))


def _tidy_gru(guess: Guess) -> None:
    if guess.given.get("reset_after") is False:
        guess.given.pop("biases", None)  # two of them add up after the reset alone


def _tidy_dot(guess: Guess) -> None:
    first, second = (guess.shapes * 2)[:2]
    pairs = [[a, b] for a in range(1, len(first)) for b in range(1, len(second)) if first[a] == second[b]]
    if pairs:
        a, b = guess.rng.choice(pairs)
        guess.given["axes"] = a if a == b and guess.rng.random() < 0.5 else [a - len(first), b]


def _tidy_custom(guess: Guess) -> None:
    """Figures as numbers, or as expressions of the input's axes."""
    given, rng = guess.given, guess.rng
    elements = " * ".join([f"in[{axis}]" for axis in range(1, guess.rank)] or ["1"])
    if "output_shape" in given:
        axes = [f"${{in[{axis}]}}" for axis in range(1, guess.rank)]
        given["output_shape"] = rng.choice([[*axes[:-1], rng.choice(SIZES)], [rng.choice(SIZES)], axes])
    for name in ("params", "macs", "kept_elements"):
        if name in given:
            given[name] = rng.choice(
                [0, rng.randint(1, 99), f"${{{elements} * {rng.choice(SIZES)}}}", f"${{{elements}}}"]
            )
    if "flops" in given:
        macs = given.get("macs", 0)
        text = macs[2:-1] if isinstance(macs, str) else macs
        given["flops"] = f"${{2 * {text} + {elements}}}" if isinstance(macs, str) else 2 * macs + rng.choice([0, 5])


LETTERS = "hijklmn"


def _equation(guess: Guess) -> str:
    """An equation of terms with a letter for each axis, the same one for axes of the same size if they may meet."""
    rng = guess.rng
    by_size: dict[int, str] = {}
    terms, unused = [], list(LETTERS + "opqrstuvwxyz")
    for shape in guess.shapes:
        term = ""
        for size in shape[1:]:
            known = [letter for letter in by_size.get(size, "") if letter not in term]
            if known and rng.random() < 0.7:
                term += rng.choice(known)
            else:
                letter = unused.pop(0)
                by_size[size] = by_size.get(size, "") + letter
                term += letter
        terms.append(term)
    letters = sorted({*"".join(terms)})
    output = "".join(rng.sample(letters, rng.randint(0, len(letters))))
    batch = "b"
    rest = ""
    if rng.random() < 0.2 and all(term[:1] == terms[0][:1] for term in terms) and terms[0]:
        rest, first = "...", terms[0][0]
        terms = [term[1:] for term in terms]
        output = output.replace(first, "")
        if any(first in term for term in terms):
            return f"{','.join(batch + term for term in terms)}->{batch}{output}"
        batch = rng.choice(["b", ""])
    head = batch + rest
    return f"{','.join(head + term for term in terms)}->{head}{output}"


def _tidy_einsum_dense(guess: Guess) -> None:
    """A kernel over some of the input's axes, which are summed or not, and new axes of the output."""
    rng, given = guess.rng, guess.given
    rest = rng.random() < 0.2 and guess.rank > 2
    letters = LETTERS[: guess.rank - 1 - rest]
    read = "".join(rng.sample(letters, rng.randint(min(1, len(letters)), len(letters))))
    made = "xyz"[: rng.choice([0, 1, 1, 2])]
    summed = "".join(letter for letter in read if rng.random() < 0.8)
    kept = [letter for letter in letters if letter not in summed]
    kernel = "".join(rng.sample(read + made, len(read + made))) or "x"
    output = [*kept, *made] if kernel != "x" or made else [*kept, "x"]
    if rng.random() < 0.3:
        rng.shuffle(output)
    head = "b..." if rest else "b"
    given["equation"] = f"{head}{letters},{kernel}->{head}{''.join(output)}"
    sizes = dict(zip(letters, guess.shape[1 + rest :], strict=True))
    given["output_shape"] = (
        [rng.choice([None, sizes[letter]]) if letter in sizes else rng.choice(SIZES) for letter in output]
        if output
        else []
    )
    if given.pop("bias_axes", None) and output:
        given["bias_axes"] = "".join(rng.sample(output, rng.randint(1, len(output))))


# Layers around another one

STEPS_APART = {"TimeDistributed", "Bidirectional", "Custom", "Activation", "Concatenate"}
SINGLE = [kind for kind in KNOWN if kind.inputs[0] == 1 and kind.batched and kind.__name__ not in STEPS_APART]


def _of_a_step(guess: Guess) -> Any:
    """A layer that takes one step of the input."""
    shape = (guess.shape[0], *guess.shape[2:])
    layout = guess.given.get("data_format", guess.layout)
    return layer(guess.rng, guess.rng.choice(SINGLE), shape, layout)


def _recurrent(guess: Guess) -> Any:
    kind = ops.find_operator(guess.rng.choice(ops.FAMILIES["recurrent"]))
    found = layer(guess.rng, kind, guess.shape, guess.layout)
    next(iter(found.values())).pop("return_state", None)
    return found


def layer(rng: Random, kind: type[Op], shape: Shape, layout: str) -> Any:
    """A layer as another one's argument."""
    given = arguments(rng, kind, [shape], layout, 0.2)
    given.pop("return_state", None)
    return {kind.__name__: given} if given else kind.__name__


def _boxed(guess: Guess) -> None:
    """Sizes of the map that so many windows make."""
    if len(guess.shapes) > 1:
        guess.given.pop("size", None)
        return
    side = max([n for n in (1, 2, 3, 4) if n * n == guess.size_of(2)] or [1])
    count = guess.size_of(1)
    high = guess.divisor(count)
    height, width = high * side, count // high * side
    less = guess.rng.choice([0, side - 1])
    guess.given |= {"window_size": side, "size": guess.rng.choice([[height, width], [height - less, width]])}


def _some_axes(guess: Guess) -> list[int]:
    """Axes that a reduction, or a reversal, is along."""
    return guess.rng.sample(range(1, guess.rank), guess.rng.choice([1, 1, min(2, guess.rank - 1)]))


def _squeezed(guess: Guess) -> list[int]:
    return [axis for axis in range(1, guess.rank) if guess.shape[axis] == 1][:2] or [1]


def _expanded(guess: Guess) -> list[int]:
    """The input's axes, those of size 1 stretched, and some in front of them."""
    rest = [guess.rng.choice([-1, 1, 2, 3]) if size == 1 else guess.rng.choice([-1, size]) for size in guess.shape[1:]]
    return [*guess.rng.choice([[], [], [2], [3, 1]]), *rest]


def _tidy_number(guess: Guess) -> None:
    """A number, where there is no second input."""
    name = "exponent" if "exponent" in guess.kind.args else "value"
    if len(guess.shapes) > 1:
        guess.given.pop(name, None)
    else:
        guess.given[name] = guess.rng.choice([0.0, 0.5, 2.0, 3.0])


def _tidy_clip(guess: Guess) -> None:
    low, high = sorted(guess.rng.sample([-1.0, 0.0, 0.5, 6.0], 2))
    bounds = {"min_value": low, "max_value": high}
    guess.given |= guess.rng.choice([bounds, {"min_value": low}, {"max_value": high}])


def _tidy_swap(guess: Guess) -> None:
    if guess.rank > 2:
        guess.given |= dict(zip(("axis1", "axis2"), guess.rng.sample(range(1, guess.rank), 2), strict=True))


def _tidy_move(guess: Guess) -> None:
    count = guess.rng.randint(1, guess.rank - 1)
    guess.given |= {name: guess.rng.sample(range(1, guess.rank), count) for name in ("source", "destination")}


def _tidy_arange(guess: Guess) -> None:
    start, length, step = guess.rng.choice([0, 0, 1, 5]), guess.rng.choice(SIZES), guess.rng.choice([1, 1, 2, -1])
    guess.given["stop"] = start + length * step
    guess.given |= {name: value for name, value in (("start", start), ("step", step)) if value != (name == "step")}


def _dtype(guess: Guess) -> str:
    return guess.rng.choice(_words(guess, "dtype"))


SPECIAL = {
    "kernel_size": _window,
    "pool_size": _window,
    "strides": _strides,
    "dilation_rate": _dilation,
    "padding": _padding,
    **{f"ZeroPadding{rank}D.padding": _all_sides for rank in (1, 2, 3)},
    "cropping": _sides,
    "output_padding": _output_padding,
    **{f"Adaptive{what}Pooling{rank}D.output_size": _adaptive for what in ("Max", "Average") for rank in (1, 2, 3)},
    "RoIAlign.output_size": lambda guess: guess.per_axis([guess.rng.randint(1, 4), guess.rng.randint(1, 4)]),
    "groups": _groups,
    "in_channels": _channels,
    "num_features": _channels,
    "in_features": _last,
    "input_size": _last,
    **{f"{name}.axis": Guess.axis for name in (
        "BatchNormalization", "FrozenBatchNormalization", "GroupNormalization", "InstanceNormalization",
        "UnitNormalization", "LayerScale", "Slice", "Select", "Split", "Unbind", "TopK", "Concatenate", "GLU",
        "ArgMax", "ArgMin", "CumSum", "CumProd", "Sort", "Repeat", "Stack", "Gather", "TakeAlongAxis", "ScatterAdd",
    )},
    "Squeeze.axis": _squeezed,
    "Unsqueeze.axis": lambda guess: guess.rng.choice([1, -1, [1, 2], [1, -1]]),
    "Flip.axis": _some_axes,
    "Expand.target_shape": _expanded,
    "Tile.repeats": lambda guess: [guess.rng.choice([1, 1, 2, 3]) for _ in guess.shape[1:]],
    **{f"SwapAxes.{name}": Guess.axis for name in ("axis1", "axis2")},
    **{f"MoveAxis.{name}": _some_axes for name in ("source", "destination")},
    "correction": lambda guess: guess.rng.choice([0, 1]),
    "diagonal": lambda guess: guess.rng.choice([-1, 0, 1, 2]),
    "ScatterAdd.size": lambda guess: guess.rng.choice(SIZES),
    "Arange.stop": lambda _: 1,
    "Arange.start": lambda _: 0,
    "Arange.step": lambda _: 1,
    "axis": _axes,
    "normalized_shape": _normalized,
    "shared_axes": lambda guess: sorted(guess.rng.sample(range(1, guess.rank), guess.rng.randrange(1, guess.rank))),
    "num_parameters": lambda guess: guess.rng.choice([1, guess.shape[1], guess.shape[-1]]),
    "target_shape": _target,
    "dims": _dims,
    "start_dim": Guess.axis,
    "end_dim": Guess.axis,
    **{f"UpSampling{rank}D.size": _factors for rank in (1, 2, 3)},
    "upscale_factor": lambda guess: guess.rng.choice([n for n in (1, 2, 3, 4) if guess.channels % (n * n) == 0]),
    "downscale_factor": lambda guess: guess.rng.choice([n for n in (1, 2, 3) if not any(m % n for m in guess.lengths)]),
    "window_size": lambda guess: guess.rng.choice([1, 2, 2, 3, *guess.lengths]),
    "WindowReverse.size": lambda _: None,
    **dict.fromkeys(
        ("SinusoidalEmbedding.dim", "RotaryTables.dim"), lambda guess: guess.rng.choice([2, 4, 6, 8])
    ),
    "RotaryEmbedding.dim": _rotated,
    "LearnedPositions.input_dim": lambda guess: guess.size_of(1) + guess.rng.choice([0, 1, 7]),
    **dict.fromkeys(("Embedding.input_dim", "EmbeddingBag.input_dim"), lambda guess: guess.rng.choice([1, 5, 16, 50])),
    "num_heads": _heads,
    "num_kv_heads": _of_heads,
    "DeltaRule.num_heads": lambda _: 1,
    "DeformableAttention.heights": lambda guess: [guess.size_of(1)],
    "DeformableAttention.widths": lambda _: [1],
    "GeneralizedDeltaRule.num_heads": lambda _: 1,
    **{f"NA{rank}D.num_heads": lambda guess: guess.divisor(guess.shape[-1]) for rank in (1, 2, 3)},
    **{f"NA{rank}D.kernel_size": _around for rank in (1, 2, 3)},
    **{f"NA{rank}D.dilation": _apart for rank in (1, 2, 3)},
    **{f"NA{rank}D.position_biases": lambda _: True for rank in (1, 2, 3)},
    **{f"DynamicConv{rank}D.filters": lambda guess: guess.shapes[1][1] for rank in (1, 2, 3)},
    **{f"DynamicConv{rank}D.kernel_size": lambda guess: [*guess.shapes[1][3:]] or 1 for rank in (1, 2, 3)},
    **{f"DynamicConv{rank}D.groups": lambda _: 1 for rank in (1, 2, 3)},
    "MLSTM.num_heads": lambda _: 1,
    "SLSTM.units": lambda guess: max(1, guess.size_of(-1) // 4),
    "SLSTM.num_heads": lambda guess: guess.divisor(max(1, guess.size_of(-1) // 4)),
    "MLSTM.chunk": lambda guess: guess.rng.choice([1, 2, 4, 64]),
    "LinearAttention.groups": lambda _: 1,
    "LinearAttention.chunk": lambda guess: guess.rng.choice([1, 2, 4, 64]),
    "MixtureOfExperts.groups": lambda _: 1,
    **{f"Transpose.{name}": lambda _: 1 for name in ("dim0", "dim1")},
    "top_k_groups": lambda _: 1,
    "capacity_factor": lambda guess: guess.rng.choice([0.5, 1.0, 1.25, 2]),
    "axes": lambda guess: guess.rng.choice([-1, 1, [1, -1]]) if guess.kind.__module__.endswith("fourier") else 1,
    "factor": lambda guess: guess.rng.choice([1, 2, 3]),
    "InverseRFFT.n": lambda guess: guess.rng.choice([None, 2 * guess.size_of(-2) - 1]),
    "soft_cap": lambda guess: guess.rng.choice([0.5, 30.0, 50]),
    "key_dim": _head,
    "value_dim": lambda guess: guess.rng.choice([1, 2, 3, 4]),
    "attention_axes": lambda guess: guess.rng.choice([[-2], [*range(1, max(2, guess.rank - 1))]]),
    "MultiHeadAttention.kdim": _last,
    "MultiHeadAttention.vdim": _last,
    "position_biases": lambda guess: guess.rng.choice([0, 5, 9, 32]),
    "biases": lambda guess: guess.rng.choice([1, 2]),
    "num_layers": lambda guess: guess.rng.choice([1, 2, 2, 3]),
    "proj_size": lambda guess: guess.rng.choice([0, 1, 2, 3]),
    "TimeDistributed.layer": _of_a_step,
    "Bidirectional.layer": _recurrent,
    "start": _start,
    "stop": _stop,
    "index": lambda _: 0,
    "shift": lambda _: 1,
    "sizes": lambda _: True,
    "equation": _equation,
    "EinsumDense.output_shape": lambda _: [],
    "bias_axes": lambda _: True,
    "output_shape": lambda _: True,
    "shape": lambda guess: guess.rng.choice([[4], [8], [6, 4], [4, 4, 3], []]),
    "dtype": _dtype,
    **{f"Upsample.{name}": lambda _: 2 for name in ("scale_factor", "size")},
    **{f"UpsampleBilinear.{name}": lambda _: 2 for name in ("scale_factor", "size")},
    "divisor_override": lambda guess: guess.rng.choice([1, 2, 9]),
    "depth_radius": lambda guess: guess.rng.choice([0, 1, 2, 5]),
}  # fmt: skip
TIDY = {
    **dict.fromkeys(("Conv1D", "Conv2D", "Conv3D"), _tidy_groups),
    **dict.fromkeys(("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"), _tidy_groups),
    "GroupNormalization": _tidy_norm,
    "HardTanh": _tidy_bounds,
    "Flatten": _flatten,
    "Select": _select,
    "Roll": _tidy_roll,
    "Split": _tidy_split,
    "Unbind": _tidy_unbind,
    "TopK": _tidy_top,
    "Upsample": _tidy_upsample,
    "UpsampleBilinear": _tidy_upsample,
    "MultiHeadAttention": _tidy_attention,
    "ScaledDotProductAttention": _tidy_attention,
    "LinearAttention": _tidy_linear,
    "Transpose": _tidy_transpose,
    "MixtureOfExperts": _tidy_experts,
    "GRU": _tidy_gru,
    "Dot": _tidy_dot,
    "Custom": _tidy_custom,
    "EinsumDense": _tidy_einsum_dense,
    "WindowReverse": _boxed,
    **dict.fromkeys(
        ("Power", "Equal", "NotEqual", "GreaterThan", "GreaterEqual", "LessThan", "LessEqual"), _tidy_number
    ),
    "Clip": _tidy_clip,
    "SwapAxes": _tidy_swap,
    "MoveAxis": _tidy_move,
    "Arange": _tidy_arange,
}
