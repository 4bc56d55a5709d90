"""Inputs that no one would write: specs of the grammar, built-in specs taken apart, and bytes.

An input follows from its seed and number alone, so that a failure can be made again.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from archinspect import ops
from archinspect.base.source import Source
from archinspect.base.yaml_core import read_tree
from archinspect.language import library
from archinspect.ops.declared import ArgumentError

if TYPE_CHECKING:
    from archinspect.ops.base import Op

NAMES = ["a", "b", "c", "d1", "block-a", "conv1_1", "é", "0", "-1", "all", "input", "a.b", "x y", ""]
TEXTS = [
    *("", " ", "\0", "\x1b[31m", "\x07", "\x9b31m", "\u202e", "\u2066", "\u200b", "\ufeff", "\r", "\n"),
    *(
        "\x85",
        "\u2028",
        "::error::x",
        "\n::error file=a::x",
        "##[error]x",
        "##vso[task.x]y",
        "=1+1",
        "+1",
        "-1",
        "@A1",
        "|",
    ),
    *("\t=1", "a|b", "# x", "<script>", "[x](y)", "`x`", "*x*", "[red]", "$a", "${a}", "$$", "$", "${", "}", "${1/0}"),
    *(
        "${10**1000}",
        "同",
        "é",
        "\U0001f600",
        "x" * 200,
        "x" * 20_000,
        "%s",
        "{}",
        "~",
        "null",
        "true",
        "3x3",
        "relu",
        "1 G",
    ),
]
EASY = [
    *("ReLU", "Dense", "Conv2D", "MaxPooling2D", "BatchNormalization", "LayerNormalization", "Dropout", "GELU"),
    *(
        "Flatten",
        "GlobalAveragePooling2D",
        "Softmax",
        "UpSampling2D",
        "DepthwiseConv2D",
        "Conv2DTranspose",
        "ZeroPadding2D",
    ),
]
LIKELY = [
    *(1, 2, 3, 4, 8, 0.5, True, False, None, [1], [2, 2], [8], [-1, 4], ["${d1}", 4], "same", "relu", "ReLU"),
    *("ij,ij->ij", {"LSTM": 4}, {"Dense": 4}, "bij,jk->bik", [[1, 1], [2, 2]]),
]
NUMBERS = [0, 1, 2, 3, 4, 7, 8, 16, 64, -1, -2, 1000, 10**6, 10**9, 10**18, -(10**9), 0.5, 1.5, 1e-9, 1e300, True]
EXPRESSIONS = [
    *("$a", "${a + 1}", "${a * 2}", "${b[0]}", "${b[9]}", "${index}", "${a ** a}", "${a // 0}", "${[a, a]}"),
    *(
        "${min(a)}",
        "${a if a > 1 else b}",
        "${not a}",
        "${int('9')}",
        "${nothing}",
        "${max(b)}",
        "${round(a / 3)}",
        "$b",
        "${-a}",
    ),
]


@cache
def operators() -> list[type[Op]]:
    """All operators."""
    return [found for names in ops.FAMILIES.values() for name in names if (found := ops.find_operator(name))]


@cache
def builtin_texts() -> list[str]:
    """The texts of the built-in specs that are not long."""
    paths = (Path(path) for path in library.builtins().values())
    return sorted(text for text in (path.read_text(encoding="utf-8") for path in paths) if len(text) < 4_000)


class _Random(Random):
    """Chance, and how likely it is that something does not belong where it stands."""

    wild = 0.0
    shape: tuple[int, ...] = (1, 8)
    """What the last layer gives, as far as is known."""
    has_blocks = False

    def goes_wild(self) -> bool:
        return self.random() < self.wild


def make(seed: int, number: int) -> bytes:
    """Return one input."""
    rng = _Random(f"{seed}:{number}")
    rng.wild = rng.choice([0, 0, 0.02, 0.1, 0.4])
    return rng.choices([_grammatical, _mutated, _damaged], [6, 3, 1])[0](rng)


def _grammatical(rng: _Random) -> bytes:
    """Return a spec that is made of what specs are made of."""
    spec: dict = {}
    if not rng.goes_wild():
        spec["input"] = _shape(rng)
        rng.shape = (1, *[size for size in spec["input"] if isinstance(size, int)])
    spec["params"] = {"a": _scalar(rng) if rng.goes_wild() else 4, "b": [1, 2, 3][: rng.randrange(1, 4)]}
    rng.has_blocks = rng.random() < 0.4
    if rng.has_blocks:
        spec["blocks"] = {
            name: {"params": {"f": rng.choice([None, 4, "$a"])}, "layers": _steps(rng, 1)} for name in "pq"
        }
    if rng.random() < 0.2:
        spec["layout"] = rng.choice(TEXTS if rng.goes_wild() else ["channels_first", "channels_last"])
    for key in ("name", "source", "description", "extends", "metrics", "expect", "values", "outputs"):
        if rng.random() < rng.wild / 4:
            spec[key] = _anything(rng)
    if rng.random() < 0.3:
        spec["name"] = rng.choice(TEXTS)
    spec["layers"] = _steps(rng)
    return _dumped(spec)


def _shape(rng: _Random) -> object:
    usual = [[8], [8, 8, 3], [16, 4], [3, 8, 8], [4, 8, 8, 2], [1], []]
    if rng.goes_wild():
        return [_scalar(rng) for _ in range(rng.randrange(5))]
    return [8, 8, 3] if rng.random() < 0.5 else rng.choice(usual)


def _steps(rng: _Random, depth: int = 0) -> list:
    return [_step(rng, depth) for _ in range(rng.randrange(1, 5 - depth))]


def _step(rng: _Random, depth: int) -> object:
    kind = rng.random()
    if rng.goes_wild():
        return _anything(rng)
    if kind < 0.12 and depth < 3:
        step: dict = {"layers": _steps(rng, depth + 1)}
    elif kind < 0.2 and rng.has_blocks:
        step = {rng.choice("pqr" if rng.goes_wild() else "pq"): {"f": _scalar(rng) if rng.goes_wild() else 4}}
    elif kind < 0.3 and depth < 3:
        step = {rng.choice(["Add", "Concatenate", "Multiply", "Average"]): [_steps(rng, depth + 1), []]}
    else:
        step = _layer(rng)
    if rng.random() < 0.15:
        step["repeat"] = rng.choice(NUMBERS if rng.goes_wild() else [0, 1, 2, 3, "$a"])
    if rng.random() < 0.15:
        step["name"] = rng.choice(TEXTS if rng.goes_wild() else [*NAMES[:7], "n_${index}"])
    if rng.random() < 0.1:
        step["from"] = _anything(rng) if rng.goes_wild() else rng.choice([-1, -2, "all", [-1, "a"], [-1, -2], "input"])
    if rng.random() < rng.wild / 4:
        step[rng.choice(["weights", "when", "trainable"])] = rng.choice([*NAMES, True, False, _anything(rng)])
    return step


def _layer(rng: _Random) -> dict:
    """Return a layer that takes what the one before it gives, if a few attempts find one."""
    for _ in range(8):
        kind = ops.find_operator(rng.choice(EASY)) if rng.random() < 0.6 else rng.choice(operators())
        given = [name for name, one in kind.args.items() if one.required or rng.random() < 0.15]
        arguments: Any = {name: _argument(rng, name, kind) for name in given}
        step = {kind.__name__: arguments, **({"from": [-1] * kind.inputs[0]} if kind.inputs[0] > 1 else {})}
        try:
            shapes = [rng.shape] * kind.inputs[0]
            rng.shape = kind(**arguments).outputs(*shapes)[0]
        except Exception:  # noqa: BLE001, S112 - whatever it does not take
            continue
        return step
    return step


def _argument(rng: _Random, name: str, op: type[Op]) -> object:
    """Return a value that the argument takes, but for a wild one."""
    if rng.goes_wild():
        return _anything(rng)
    kind = op.args[name].kind
    values = [*getattr(kind, "words", ()), *LIKELY]
    rng.shuffle(values)
    return next((value for value in values if _fits(kind, value, op.rank)), None)


def _fits(kind, value: object, rank: int) -> bool:
    try:
        kind.convert(value, rank)
    except (ValueError, ArgumentError):
        return False
    return True


def _scalar(rng: _Random) -> object:
    return rng.choice([rng.choice(NUMBERS), rng.choice(NUMBERS), rng.choice(EXPRESSIONS), rng.choice(TEXTS), None])


def _anything(rng: _Random, depth: int = 0) -> object:
    kind = rng.random()
    if kind < 0.7 or depth > 3:
        return _scalar(rng)
    if kind < 0.85:
        return [_anything(rng, depth + 1) for _ in range(rng.randrange(4))]
    return {rng.choice([*NAMES, *TEXTS]): _anything(rng, depth + 1) for _ in range(rng.randrange(3))}


def _mutated(rng: _Random) -> bytes:
    """Return a built-in spec with values deleted, doubled, exchanged or replaced."""
    tree = json.loads(_plain(rng.choice(builtin_texts())))
    for _ in range(rng.choice([1, 1, 1, 2, 3, 6])):
        places = list(_places(tree))
        if not places:
            break
        holder, key = rng.choice(places)
        what = rng.random()
        if what < 0.2:
            del holder[key]
        elif what < 0.35 and isinstance(holder, list):
            holder.insert(key, holder[key])
        elif what < 0.55:
            other, place = rng.choice(places)
            if len(json.dumps(other[place])) < 2_000:
                holder[key] = json.loads(json.dumps(other[place]))
        elif what < 0.65 and isinstance(holder, dict):
            holder[rng.choice([*NAMES, *TEXTS])] = holder.pop(key)
        else:
            holder[key] = _anything(rng)
    return _dumped(tree)


@cache
def _plain(text: str) -> str:
    return json.dumps(read_tree(Source("spec", text)).plain())


def _places(tree):
    for key, value in list(tree.items() if isinstance(tree, dict) else enumerate(tree)):
        yield tree, key
        if isinstance(value, dict | list):
            yield from _places(value)


def _damaged(rng: _Random) -> bytes:
    """Return a built-in spec with bytes deleted, doubled or replaced."""
    data = bytearray(rng.choice(builtin_texts()).encode())
    for _ in range(rng.choice([1, 1, 2, 4])):
        at = rng.randrange(len(data) + 1)
        span = rng.choice([0, 1, 1, 5, 60])
        text = rng.choice(TEXTS).encode()[:80]
        data[at : at + span] = rng.choice([b"", bytes([rng.randrange(256)]), text, bytes(data[at : at + span]) * 3])
    return bytes(data)


def _dumped(spec: object) -> bytes:
    return json.dumps(spec, indent=1).encode()
