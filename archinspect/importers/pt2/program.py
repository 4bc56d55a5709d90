"""What a program is: its calls, its tensors, weights, inputs and outputs, as `reading` finds them in a file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from archinspect.importers.pt2.sizes import Size

DTYPES = dict(
    enumerate(
        (
            *("uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"),
            *("float32", "float64", "float64", "bool", "bfloat16"),  # complex numbers, and three more
        ),
        1,
    )
) | {28: "int16", **dict.fromkeys((29, 30, 31, 32, 33), "float8"), 34: "int32", 35: "int64"}
"""The file's numbers of data types. Of those without a name here, such as complex64, it is one of as many bytes."""
COMPLEX = (9, 10, 11)
"""The numbers of complex types."""
_BACKSLASH = "\\"
_FRAME = re.compile(r'File "([^"]+)", line (\d+)')


class Meta(NamedTuple):
    """A tensor: its data type, sizes and place in its storage."""

    dtype: str
    sizes: tuple[Size, ...]
    strides: tuple[Size, ...]
    offset: Size
    requires_grad: bool
    is_complex: bool = False


class Ref(NamedTuple):
    """A tensor as an argument."""

    name: str


class Module(NamedTuple):
    """A call of a module: the key that tells one call from another, the module's path and its class."""

    key: str
    path: str
    kind: str


_SPECIAL = (
    *("erf", "erfc", "erfinv", "exp2", "expm1", "log1p", "logit", "xlogy", "sinc", "round"),
    *("softmax", "log_softmax", "logsumexp", "digamma"),
)
SAME = {
    f"aten.{name}": f"aten.{other}"
    for name, other in {
        **{f"arc{name}": f"a{name}" for name in ("cos", "sin", "tan", "cosh", "sinh", "tanh", "tan2")},
        "true_divide": "div",
        "divide": "div",
        "multiply": "mul",
        "subtract": "sub",
        "negative": "neg",
        "absolute": "abs",
        "clip": "clamp",
        "fix": "trunc",
        "concat": "cat",
        "concatenate": "cat",
        "greater": "gt",
        "greater_equal": "ge",
        "less": "lt",
        "less_equal": "le",
        "not_equal": "ne",
        "vdot": "dot",
        "special_expit": "sigmoid",
        "special_gammaln": "lgamma",
        "special_psi": "digamma",
        **{f"special_{name}": name for name in _SPECIAL},
    }.items()
}
"""Names for what has another, with the same arguments."""


class Call(NamedTuple):
    """A call of an operator: its name, its arguments by the schema's names, its outputs."""

    target: str
    """Without `torch.ops.`: `aten.conv2d.default`."""
    arguments: Mapping[str, Any]
    outputs: tuple[str, ...]
    modules: tuple[Module, ...]
    """The modules in whose forward it is, the outermost first."""
    trace: str
    recorded: bool = True
    """Whether backward passes it: not within `torch.no_grad`."""
    holds: tuple[str, ...] = ()
    """Tensors that live until it ends, read or not."""

    @property
    def name(self) -> str:
        """The operator without its overload: `aten.conv2d`."""
        return self.target.rpartition(".")[0] if self.target.count(".") > 1 else self.target

    @property
    def plain(self) -> str:
        """The name without the `_` of what overwrites its input: that by which tables know it."""
        name = self.name
        name = name[:-1] if name.endswith("_") and not name.endswith("__") else name
        return SAME.get(name, name)

    @property
    def overload(self) -> str:
        """The overload: `default`."""
        return self.target.rpartition(".")[2]

    def refs(self) -> list[tuple[str, str]]:
        """Return the tensors that it is given: the argument's name and the tensor's."""
        return [(name, ref.name) for name, value in self.arguments.items() for ref in _refs(value)]

    @property
    def place(self) -> str:
        """Where the program's author wrote it: `model.py:42`; empty where that is not known."""
        frames = _FRAME.findall(self.trace)
        own = [frame for frame in frames if "/torch/" not in frame[0].replace(_BACKSLASH, "/")] or frames
        if not own:
            return ""
        path, line = own[-1]
        return f"{path.replace(_BACKSLASH, '/').rpartition('/')[2]}:{line}"


class Stored(NamedTuple):
    """A parameter, buffer or constant."""

    path: str
    kind: str
    """`parameter`, `buffer` or `constant`."""
    meta: Meta
    place: tuple[Any, ...] | None
    """Where its numbers are in the file, where that tells which tensors are one; else None."""


class Program(NamedTuple):
    """A program, its sub-graphs written out."""

    version: str
    """Of PyTorch."""
    calls: tuple[Call, ...]
    metas: Mapping[str, Meta]
    """By the tensor's name."""
    stored: Mapping[str, Stored]
    """By the tensor's name."""
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    numbers: Mapping[str, Size]
    """Whole numbers that the program is given, by their names."""
    hints: Mapping[str, int]
    """Values of symbols in the example by which the program was exported."""
    knows_ties: bool
    """Whether the file tells which weights are one."""


def _refs(value: Any) -> Iterator[Ref]:  # noqa: ANN401 - an argument
    if isinstance(value, Ref):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _refs(item)
