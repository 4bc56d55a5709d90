"""Arguments of operators: what they are called, what they take, what they mean.

An operator declares each argument once, as a class attribute::

    filters: int = arg("output channels", Int(1), aliases=("out_channels",))

A *kind* (`Int`, `PerAxis`, ...) turns the value of a spec into what the operator's rules use, or
raises ValueError with what it expected.
"""

from __future__ import annotations

import re
from math import isfinite
from typing import TYPE_CHECKING, Any, ClassVar

from archinspect.ops.figures import ALIASES, DTYPES

if TYPE_CHECKING:
    from archinspect.base.source import Value

MAX_INT = 10**9
MAX_ITEMS = 1_000
MAX_AXES = 64
"""Of a shape; as PyTorch and NumPy."""
_MAX_FLOAT = 1e308
_MAX_DIGITS = 10
REQUIRED: Any = object()
EXPRESSION: dict[str, Any] = {"$ref": "#/definitions/expression"}
"""Of a JSON Schema: what a spec may give in the place of any value, `$width` or `${2 * width}`."""
_SIZES: dict[str, Any] = {"type": "string", "pattern": r"^\s*\d+(\s*[xX×,]\s*\d+)*\s*$"}
_TIMES = re.compile(r"\s*\d+(?:\s*[xX×,]\s*\d+)*\s*\Z")


class Kind:
    """What an argument takes; `expected` says it in a message, "a positive integer"."""

    expected = "a value"
    computes = False
    """Whether it also takes an expression of the inputs' dimensions: see :mod:`archinspect.ops.computed`."""

    def convert(self, value: Value, rank: int = 0) -> object:
        """Return the value that the operator's rules use, or raise ValueError."""
        raise NotImplementedError

    def describe(self, rank: int) -> str:
        """Return what the argument takes, in words, for an operator of `rank` spatial axes."""
        return self.expected

    def schema(self) -> dict[str, Any]:
        """Return what the argument takes as a JSON Schema. It may allow more than `convert`, and never less."""
        return {}


class Int(Kind):
    """An integer within bounds; a whole float such as `64.0`, as an expression may give, is one."""

    def __init__(self, low: int | None = None, high: int = MAX_INT) -> None:
        self.low = low
        self.high = high
        if low is None:
            self.expected = "an integer"
        else:
            names = {0: "an integer, 0 or more", 1: "a positive integer"}
            self.expected = names.get(low, f"an integer of at least {low}")

    def convert(self, value: Value, rank: int = 0) -> int:
        """Return an int within the bounds."""
        if isinstance(value, float) and value.is_integer() and abs(value) <= self.high:
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError(self.expected)
        if abs(value) > self.high:
            raise ValueError(f"{self.expected}, at most {self.high:,}")
        if self.low is not None and value < self.low:
            raise ValueError(self.expected)
        return value

    def schema(self) -> dict[str, Any]:
        """Return the schema."""
        low = {} if self.low is None else {"minimum": self.low}
        return {"type": "integer", "maximum": self.high, **low}


class Float(Kind):
    """A finite number within bounds."""

    def __init__(self, low: float | None = None, high: float | None = None) -> None:
        self.low = low
        self.high = high
        if low is not None and high is not None:
            self.expected = f"a number from {low:g} to {high:g}"
        else:
            self.expected = "a number" if low is None else f"a number of at least {low:g}"

    def convert(self, value: Value, rank: int = 0) -> float:
        """Return a float within the bounds."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(self.expected)
        if abs(value) > _MAX_FLOAT or not isfinite(value):
            raise ValueError(f"{self.expected}, finite")
        if (self.low is not None and value < self.low) or (self.high is not None and value > self.high):
            raise ValueError(self.expected)
        return float(value)

    def schema(self) -> dict[str, Any]:
        """Return the schema."""
        bounds = {"minimum": self.low, "maximum": self.high}
        number = {"type": "number", **{name: bound for name, bound in bounds.items() if bound is not None}}
        return {"anyOf": [number, {"type": "string", "pattern": r"^[-+]?\d+[eE][-+]?\d+$"}]}  # text to YAML 1.1


class Bool(Kind):
    """True or false."""

    expected = "true or false"

    def convert(self, value: Value, rank: int = 0) -> bool:
        """Return a bool."""
        if not isinstance(value, bool):
            raise ValueError(self.expected)
        return value

    def schema(self) -> dict[str, Any]:
        """Return the schema."""
        return {"type": "boolean"}


class Choice(Kind):
    """One of a few words or truth values."""

    def __init__(self, *words: str | bool) -> None:
        self.words = words
        *rest, last = [str(word).lower() if isinstance(word, bool) else f"'{word}'" for word in words]
        self.expected = f"{', '.join(rest)} or {last}" if rest else last

    def convert(self, value: Value, rank: int = 0) -> object:
        """Return the word, in its own spelling."""
        if isinstance(value, str):
            value = value.lower()
        for word in self.words:
            if value == word and type(value) is type(word):
                return word
        raise ValueError(self.expected)

    def schema(self) -> dict[str, Any]:
        """Return the schema."""
        spellings = [word.upper() for word in self.words if isinstance(word, str)]
        return {"enum": list(dict.fromkeys([*self.words, *spellings]))}


class DataType(Choice):
    """A data type, also in the words of PyTorch and NumPy: `long`, `torch.int64`, `np.uint8`."""

    spelled: ClassVar[dict[str, str]] = {
        **{word: dtype for word, dtype in ALIASES.items() if dtype in DTYPES and word not in DTYPES},
        "boolean": "bool",
        "long": "int64",
        "int": "int32",
        "short": "int16",
        "char": "int8",
        "byte": "uint8",
    }

    def convert(self, value: Value, rank: int = 0) -> object:
        """Return the type's own name."""
        if isinstance(value, str):
            value = re.sub(r"\A(?:torch|tf|np|jnp)\.", "", value.lower())
            value = self.spelled.get(value, value)
        return super().convert(value, rank)

    def schema(self) -> dict[str, Any]:
        """Return the schema."""
        names = "|".join(map(str, (*self.words, *self.spelled)))
        return {"anyOf": [super().schema(), {"type": "string", "pattern": rf"^((torch|tf|np|jnp)\.)?({names})$"}]}


class PerAxis(Kind):
    """One integer an axis: `3`, `[3, 3]` or `3x3`; a single one counts for every spatial axis.

    `null` tells whether an axis may be null, which the operator takes for "as the input".
    """

    def __init__(self, low: int = 1, *, null: bool = False) -> None:
        self.item = Optional(Int(low)) if null else Int(low)
        self.expected = f"{self.item.expected}, or one per axis"

    def convert(self, value: Value, rank: int = 0) -> tuple[object, ...]:
        """Return one int for each of `rank` spatial axes."""
        if isinstance(value, str):
            value = _split_times(value, self.expected)
        if not isinstance(value, list):
            return (self.item.convert(value, rank),) * rank
        if len(value) == 1:
            value = value * rank
        if len(value) != rank:
            raise ValueError("one integer" if rank == 1 else f"one integer or {rank} of them, one per axis")
        return tuple(self.item.convert(item, rank) for item in value)

    def describe(self, rank: int) -> str:
        """Return the form for the operator's rank."""
        example = (
            ""
            if rank == 1
            else f", or {rank} of them: `[3, 3]`, `3x3`".replace("[3, 3]", str([3] * rank)).replace(
                "3x3", "x".join("3" * rank)
            )
        )
        return self.item.expected + example

    def schema(self) -> dict[str, Any]:
        """Return the schema."""
        return _one_or_several(self.item.schema())


class Pad(Kind):
    """Padding: a word, one int, one per axis, or [before, after] per axis.

    `sides` tells whether it also takes PyTorch's flat list, which starts with the last axis: left, right, top, bottom.
    """

    def __init__(self, *words: str, sides: bool = False) -> None:
        self.words = words
        self.sides = sides
        word = ", ".join(f"'{word}'" for word in words)
        self.expected = f"{word + ', ' if word else ''}an integer, or [before, after]"

    def describe(self, rank: int) -> str:
        """Return the forms for the operator's rank."""
        if rank == 1:
            return self.expected
        words = self.expected.replace("or [", f"or {rank} of them or of [") + ", one per axis"
        return words + (f", or all {2 * rank} sides, the last axis's first" if self.sides else "")

    def convert(self, value: Value, rank: int = 0) -> str | tuple[tuple[int, int], ...]:
        """Return a word, or (before, after) for each spatial axis."""
        item = Int(0)
        expected = self.describe(rank)
        if isinstance(value, str) and value.lower() in self.words:
            return value.lower()
        if isinstance(value, str):
            value = _split_times(value, expected)
        if not isinstance(value, list):
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ValueError(expected)
            pad = item.convert(value, rank)
            return ((pad, pad),) * rank
        if rank == 1 and len(value) == 2 and not any(isinstance(part, list) for part in value):  # noqa: PLR2004
            value = [value]
        if self.sides and len(value) == 2 * rank and not any(isinstance(part, list) for part in value):
            value = [value[side : side + 2] for side in range(2 * rank - 2, -1, -2)]
        if len(value) != rank:
            raise ValueError(expected)
        return tuple(self._pair(part, item, rank) for part in value)

    def _pair(self, part: Value, item: Int, rank: int = 0) -> tuple[int, int]:
        if not isinstance(part, list):
            part = [part, part]
        if len(part) != 2:  # noqa: PLR2004 - before and after
            raise ValueError(self.describe(rank))
        before, after = (item.convert(side, rank) for side in part)
        return before, after

    def schema(self) -> dict[str, Any]:
        """Return the schema."""
        words = [*self.words, *(word.upper() for word in self.words)]
        given = [{"enum": words}] if words else []
        return {"anyOf": [*given, {"type": "integer", "minimum": 0}, {"type": "array"}, _SIZES]}


class Ints(Kind):
    """A list of integers, empty only if `empty` is, with nulls only if `nulls`; a single integer is a list of one."""

    def __init__(
        self, low: int | None = None, *, empty: bool = False, most: int = MAX_ITEMS, nulls: bool = False
    ) -> None:
        self.item = Optional(Int(low)) if nulls else Int(low)
        self.empty = empty
        self.most = most
        self.expected = f"a list of integers{'' if low is None else f' of at least {low}'}"

    def convert(self, value: Value, rank: int = 0) -> tuple[Any, ...]:
        """Return a tuple of ints, and of None for nulls."""
        if isinstance(value, str):
            value = _split_times(value, self.expected)
        if value is None:
            raise ValueError(self.expected)
        items = value if isinstance(value, list) else [value]
        if len(items) > self.most:
            raise ValueError(f"{self.expected}, at most {self.most} of them")
        if not items and not self.empty:
            raise ValueError(f"{self.expected}, one or more")
        try:
            return tuple(self.item.convert(part, rank) for part in items)
        except ValueError:
            raise ValueError(self.expected) from None

    def schema(self) -> dict[str, Any]:
        """Return the schema."""
        return _one_or_several(self.item.schema())


class Factors(Kind):
    """Positive factors, one for all axes or one per axis; a whole one becomes an int."""

    expected = "a positive factor, or one per axis"

    def convert(self, value: Value, rank: int = 0) -> tuple[float, ...]:
        """Return a tuple of numbers."""
        try:
            found = tuple(map(Float(0, MAX_INT).convert, value if isinstance(value, list) else [value]))
        except ValueError:
            found = ()
        if not found or 0 in found:
            raise ValueError(self.expected)
        return tuple(int(factor) if factor.is_integer() else factor for factor in found)

    def schema(self) -> dict[str, Any]:
        """Return the schema."""
        return _one_or_several({"type": "number", "exclusiveMinimum": 0})


class Optional(Kind):
    """Another kind, or null for "not given"."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.expected = kind.expected
        self.computes = kind.computes

    def convert(self, value: Value, rank: int = 0) -> object:
        """Return None or what the other kind makes of the value."""
        return None if value is None else self.kind.convert(value, rank)

    def describe(self, rank: int) -> str:
        """Return what the other kind takes."""
        return self.kind.describe(rank)

    def schema(self) -> dict[str, Any]:
        """Return the schema."""
        return {"anyOf": [self.kind.schema(), {"type": "null"}]}


class Arg:
    """An argument: its name (set by the class that holds it), documentation, kind, default, other names."""

    __slots__ = ("aliases", "default", "doc", "kind", "name")

    def __init__(self, doc: str, kind: Kind, default: object, aliases: tuple[str, ...]) -> None:
        self.name = ""
        self.doc = doc
        self.kind = kind
        self.default = default
        self.aliases = aliases

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @property
    def required(self) -> bool:
        """Whether a spec has to give it."""
        return self.default is REQUIRED


def arg(doc: str, kind: Kind, default: object = REQUIRED, *, aliases: tuple[str, ...] = ()) -> Any:  # noqa: ANN401
    """Declare an argument; typed Any, so that the attribute keeps the type of its annotation."""
    return Arg(doc, kind, default, aliases)


def _split_times(value: str, expected: str) -> list[Value]:
    """Read `3x3` or `3, 3` as a list."""
    parts = re.findall(r"\d+", value) if _TIMES.match(value) else []
    if not parts or max(map(len, parts)) > _MAX_DIGITS:
        raise ValueError(expected)
    return [int(part) for part in parts]


def _one_or_several(item: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an item, a list of such, or sizes as text."""
    return {"anyOf": [item, {"type": "array", "items": {"anyOf": [item, EXPRESSION]}}, _SIZES]}
