"""What a user changes of a network from outside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import index
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from archinspect.base.source import Value


STEPS = "seq"
"""The parameter that is a network's number of steps."""


class SettingError(ValueError):
    """A setting that a network cannot take, with the reason; `option` is what the command line calls it."""

    def __init__(self, option: str, reason: str) -> None:
        super().__init__(f"{option}: {reason}")
        self.option = option


class Lora(NamedTuple):
    """Adapters of low rank: their rank, which products have them, and by what over the rank they are scaled, if at all.

    `targets` is a pattern of the products' names, whole ones: `q|v`; or `all-linear`.
    """

    r: int
    targets: str = "q|v|q_proj|v_proj"
    alpha: float | None = None

    @classmethod
    def of(cls, given: object) -> Lora:
        """Return what a dict, or a text such as `r=8,targets=q|v,alpha=16`, says; raise :class:`SettingError`."""
        if isinstance(given, cls):
            return given
        pairs = given
        if isinstance(given, str):
            pairs = dict(part.partition("=")[::2] for part in given.split(","))
        if not isinstance(pairs, Mapping) or not {"r"} <= pairs.keys() <= {*cls._fields}:
            raise SettingError("lora", f"write r=8,targets=q|v, perhaps with alpha=16, not {given!r}")
        try:
            found = cls(
                int(pairs["r"]),
                str(pairs.get("targets", cls._field_defaults["targets"])),
                None if pairs.get("alpha") is None else float(pairs["alpha"]),
            )
        except (TypeError, ValueError):
            raise SettingError("lora", f"r is a whole number, alpha a number, not {given!r}") from None
        if found.r < 1:
            raise SettingError("lora", f"r is 1 at least, not {found.r}")
        return found


class Open(NamedTuple):
    """What stands in for sizes of inputs that a network leaves open: null, as `[null, null, 3]`."""

    size: int = 256
    """A number in the place of each."""
    batch_first: bool | None = None
    """Whether a null that comes first is the batch, as Keras prints it; None: where it is the only one."""

    def closed(self, shape: Sequence[int | None]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return a sample's shape with numbers for all sizes, and the axes, counted with the batch, that are open."""
        batch_first = shape.count(None) == 1 if self.batch_first is None else self.batch_first
        if batch_first and shape[:1] in ((None,), [None]):
            shape = shape[1:]
        axes = tuple([axis for axis, size in enumerate(shape, 1) if size is None])
        return tuple([self.size if size is None else size for size in shape]), axes


class Settings(NamedTuple):
    """A network's batch, type, parameters and inputs, as asked for."""

    batch: int | None = None
    """Samples in a batch; None for the figures of one, and shapes that leave it open."""
    dtype: str = "float32"
    """What the network computes in."""
    params: Mapping[str, Value] = {}
    """Other values for the spec's parameters."""
    inputs: Mapping[str, Sequence[int]] = {}
    """Other shapes of a sample for its inputs; that of a network's only input may go without a name: ''."""
    past: int = 0
    """Steps that a decoder has cached; the inputs are those that follow."""
    lora: Lora | None = None
    """Adapters that train in the place of everything else."""
    fold_bn: bool = False
    """Whether batch normalization is a part of what is before it, as at inference it can be."""
    open: Open = Open()
    """What stands in for sizes that the network leaves open."""

    def checked(self) -> Settings:
        """Return these settings with plain values; raise ValueError that names what is none."""
        batch = None if self.batch is None else whole("batch", self.batch, 1)
        if not isinstance(self.params, Mapping):
            raise ValueError(f"params must be a dict of values by name, not {self.params!r}")
        if not isinstance(self.inputs, Mapping):
            raise ValueError(f"inputs must be a dict of shapes by name, not {self.inputs!r}")
        for name in self.params:
            if not isinstance(name, str):
                raise ValueError(f"params: a name must be a text, not {name!r}")
        inputs = {}
        given: Mapping[str, object] = self.inputs
        for name, shape in given.items():
            if isinstance(shape, str) or not isinstance(shape, Iterable):
                raise ValueError(f"inputs: the shape of {name!r} must be a list of sizes, not {shape!r}")
            inputs[name] = tuple([whole(f"inputs: a size of {name!r}", size, 1) for size in shape])
        lora = None if self.lora is None else Lora.of(self.lora)
        return self._replace(
            batch=batch,
            inputs=inputs,
            past=whole("past", self.past, 0),
            lora=lora,
            fold_bn=flag("fold_bn", self.fold_bn),
        )

    def in_a_step(self, names: Container[str], inputs: Mapping[str, Sequence[int]]) -> Settings:
        """Return these settings for a step after those that are cached: one, unless they say more.

        That is the parameter `seq` unless it was given; `names` are the network's parameters. Where an encoder has
        inputs, too, it is the shapes of the others, `inputs`. Raise :class:`SettingError` where nothing says how many
        steps are new.
        """
        if not self.past:
            return self
        if inputs:
            return self._replace(inputs={**inputs, **self.inputs})
        if self.inputs or STEPS in self.params:
            return self
        if STEPS not in names:
            raise SettingError("cached", f"no parameter '{STEPS}': say the size of the input, whose steps are new")
        return self._replace(params={**self.params, STEPS: 1})

    @property
    def samples(self) -> int:
        """Samples that figures are for."""
        return self.batch or 1

    def shapes_for(self, names: Sequence[str]) -> dict[str, Sequence[int]]:
        """Return the shapes by the inputs' names, of which the only one may have been left out."""
        shapes = dict(self.inputs)
        if "" in shapes and len(names) == 1:
            shapes[names[0]] = shapes.pop("")
        return shapes


def flag(what: str, value: object) -> bool:
    """Return a truth, also of NumPy; raise ValueError for anything else."""
    if value is not True and value not in (0, 1):
        raise ValueError(f"{what} must be True or False, not {value!r}")
    return bool(value)


def names_of(what: str, value: object) -> list[str]:
    """Return a list of names; raise ValueError for what is none."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ValueError(f"{what} must be a list of names, not {value!r}")
    found = list(value)
    for one in found:
        if not isinstance(one, str):
            raise ValueError(f"{what}: a name must be a text, not {one!r}")
    return found


def instance(what: str, value: object, kind: type) -> None:
    """Raise ValueError for a value that is not of this kind."""
    if not isinstance(value, kind):
        raise ValueError(f"{what} must be a {kind.__name__}, not {value!r}")


def whole(what: str, value: object, least: int) -> int:
    """Return a whole number, also of NumPy; raise ValueError for what is none, or smaller than `least`."""
    kind = {0: "0 or a positive whole number", 1: "a positive whole number"}[least]
    try:
        if isinstance(value, bool):
            raise TypeError  # noqa: TRY301 - as of any other type
        number = index(value)  # type: ignore[arg-type] # raises for what is none
    except TypeError:
        raise ValueError(f"{what} must be {kind}, not {value!r}") from None
    if number < least:
        raise ValueError(f"{what} must be {kind}, not {number}")
    return number
