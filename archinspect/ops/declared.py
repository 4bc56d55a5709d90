"""What arguments an operator takes: those that its class declares, those without effect, what it refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NoReturn, Self, cast

from archinspect.base.diagnostics import MAX_LOOKUPS, Near, show
from archinspect.ops.args import Arg
from archinspect.ops.modules import find_module

if TYPE_CHECKING:
    from collections.abc import Mapping

    from archinspect.base.codes import Code
    from archinspect.base.source import Value

# Arguments of Keras and PyTorch that change neither shapes nor costs: accepted, and without effect.
WITHOUT_EFFECT = frozenset(
    [
        "activity_regularizer",
        "alpha_constraint",
        "alpha_initializer",
        "alpha_regularizer",
        "autocast",
        "beta_constraint",
        "beta_initializer",
        "beta_regularizer",
        "bias_constraint",
        "bias_initializer",
        "bias_regularizer",
        "data_format",
        "depthwise_constraint",
        "depthwise_initializer",
        "depthwise_regularizer",
        "device",
        "dtype",
        "gamma_constraint",
        "gamma_initializer",
        "gamma_regularizer",
        "init",
        "inplace",
        "kernel_constraint",
        "kernel_initializer",
        "kernel_regularizer",
        "moving_mean_initializer",
        "moving_variance_initializer",
        "noise_shape",
        "pointwise_constraint",
        "pointwise_initializer",
        "pointwise_regularizer",
        "process_group",
        "seed",
        "synchronized",
    ]
)
INPUT_WORDS = ("input_shape", "batch_input_shape", "input_dim", "batch_size")
"""What Keras's layers are told of what comes in."""
OF_INPUT = "leave it out: the spec's `input:` says what comes in, without the batch"
_OF_STEPS = dict.fromkeys(("requires_grad", "frozen", "freeze"), "`trainable: false` beside the operator freezes it")
INSTEAD = {**dict.fromkeys(INPUT_WORDS, OF_INPUT), **_OF_STEPS}
"""Arguments that no operator has, and what to do instead."""
ONLY_AS: dict[str, tuple[tuple[object, ...], str]] = {
    "dtype": (
        (None, "float32", "float", "torch.float32", "tf.float32"),
        "a network has one type: `--dtype`; what a layer converts to, `Cast` says",
    ),
    "noise_shape": ((None,), "a mask has the shape of what it masks"),
}
"""Of some of them, the values that are without effect, and what to do instead of others."""


class ArgumentError(Exception):
    """An argument that an operator does not know, needs, or cannot take.

    `path` leads to it by the names that a spec has on the way: `("activation", "LeakyReLU", "slope")`; it is empty
    where the operator itself is to blame. Where the path ends in an unknown name, `near` is what that may mean.
    """

    def __init__(
        self, message: str, *path: str, code: Code = "argument", help: str = "", near: Near | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.path = path
        self.code = code
        self.near = near
        self._help = help
        self.beside: tuple[ArgumentError, ...] = ()
        """What else is wrong with the same operator."""

    @property
    def help(self) -> str:
        """The remedy."""
        return self.near.help if self.near else self._help

    def inside(self, *path: str) -> ArgumentError:
        """Return the error of an operator that is an argument itself: this way leads to that operator."""
        for error in (self, *self.beside):
            error.path = (*path, *error.path)
        return self


class Declared:
    """A value whose fields are the arguments that its class declares by :func:`archinspect.ops.args.arg`.

    Instances are frozen, and equal where class and arguments are.
    """

    __slots__ = ("__dict__", "_hash")
    _hash: int

    args: ClassVar[dict[str, Arg]] = {}
    names: ClassVar[dict[str, str]] = {}
    """Every accepted spelling of an argument and the argument's own name."""
    computed: ClassVar[frozenset[str]] = frozenset()
    """The arguments that may be expressions of the inputs' dimensions."""
    rank: ClassVar[int] = 0
    """Spatial axes, for operators that have them."""
    main: ClassVar[str | None] = None
    """The argument that a bare value means, `Dense: 10`; the first one unless said, none if empty."""
    instead: ClassVar[Mapping[str, str]] = {}
    """Arguments that its namesakes have and it does not, and what to do instead."""
    ignores: ClassVar[tuple[str, ...]] = ()
    """Further arguments of its namesakes in other frameworks that change neither shapes nor costs."""

    def __init_subclass__(cls) -> None:
        base = cls.__base__
        if cls.__doc__ is None and base is not None and base.__name__.startswith("_"):
            cls.__doc__ = base.__doc__  # the operator of one rank is documented by its family
        own = {name: value for name, value in vars(cls).items() if isinstance(value, Arg)}
        inherited = {name: value for name, value in cls.args.items() if name not in own}
        # An attribute that a subclass sets to a plain value is no argument of the subclass any more.
        inherited = {name: value for name, value in inherited.items() if getattr(cls, name) is value}
        # What a spec must give comes first, so that it leads the reference and is what a bare value means.
        cls.args = dict(sorted((own | inherited).items(), key=lambda item: not item[1].required))
        cls.names = {name: name for name in cls.args}
        cls.computed = frozenset([name for name, argument in cls.args.items() if argument.kind.computes])
        for argument in cls.args.values():
            for alias in argument.aliases:
                cls.names.setdefault(alias, argument.name)

    def __init__(self, **values: Value | Declared) -> None:
        fields = vars(self)
        wrong = []
        given = {self.names.get(spelling, "") for spelling in values}
        for spelling, value in values.items():
            try:
                self._take(spelling, value, given)
            except ArgumentError as error:
                wrong.append(error)
                if error.near and len(wrong) <= MAX_LOOKUPS:
                    given.add(error.near.only)  # what it means is not missing, too
        for name, argument in self.args.items():
            if name in fields:
                continue
            if not argument.required:
                fields[name] = self.default(name)
            elif name not in given:
                help_ = f"{name} takes {argument.kind.describe(self.rank)}: {argument.doc}"
                message = f"{type(self).__name__}: '{name}' is missing"
                wrong.append(ArgumentError(message, code="missing-argument", help=help_))
        if wrong:
            wrong[0].beside = tuple(wrong[1:])
            raise wrong[0]
        self.check()

    def _take(self, spelling: str, value: Value | Declared, given: set[str]) -> None:
        """Take one argument; `given` are the names of all."""
        name = self.names.get(spelling)
        if name is None:
            if spelling in WITHOUT_EFFECT or spelling in self.ignores:
                self._refuse_effect(spelling, value)
                return
            message = f"{type(self).__name__}: unknown argument '{spelling}'"
            remedy = self.instead.get(spelling) or INSTEAD.get(spelling)
            near = Near.of(remedy) if remedy else Near(spelling, self.args, given)
            raise ArgumentError(message, spelling, code="unknown-argument", near=near)
        if name in vars(self):
            raise ArgumentError(f"{type(self).__name__}: '{name}' is given twice", spelling)
        vars(self)[name] = self._convert(self.args[name], spelling, value)

    def _refuse_effect(self, spelling: str, value: Value | Declared) -> None:
        """Raise for an argument that is without effect only as long as it says what holds anyway."""
        without, help_ = ONLY_AS.get(spelling, ((value,), ""))
        if value not in without:
            message = f"{type(self).__name__}: {spelling} {show(value)} would change costs that are not counted"
            raise ArgumentError(message, spelling, help=help_)

    @classmethod
    def main_arg(cls, name: str = "") -> str | None:
        """Return the argument that a bare value means under a name of the operator, None where there is none."""
        module = find_module(name)
        if module and module.main:
            return module.main
        return next(iter(cls.args), None) if cls.main is None else cls.main or None

    @classmethod
    def default(cls, name: str) -> object:
        """Return an argument's default in the form that the rules use."""
        argument = cls.args[name]
        return None if argument.default is None else argument.kind.convert(cast("Value", argument.default), cls.rank)

    def _convert(self, argument: Arg, spelling: str, value: Value | Declared) -> object:
        if isinstance(value, Declared):
            return value
        try:
            return argument.kind.convert(value, self.rank)
        except ArgumentError as error:
            raise error.inside(spelling) from None
        except ValueError as error:
            message = f"{type(self).__name__}: {spelling} must be {error}, not {show(value)}"
            raise ArgumentError(message, spelling) from None

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is frozen")

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        # Hashes are kept beside the arguments, once somebody has asked for them.
        return type(self) is type(other) and {**vars(self), "_hash": 0} == {**vars(other), "_hash": 0}

    def __hash__(self) -> int:
        try:
            return self._hash
        except AttributeError:  # graphs ask often
            values = vars(self)
            object.__setattr__(self, "_hash", hash((type(self), *[values[name] for name in self.args])))
            return self._hash

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in self.given().items())
        return f"{type(self).__name__}({given})"

    def given(self) -> dict[str, object]:
        """Return the arguments that differ from their defaults."""
        return {
            name: getattr(self, name)
            for name, argument in self.args.items()
            if name != "data_format" and (argument.required or getattr(self, name) != self.default(name))
        }

    def replace(self, **values: object) -> Self:
        """Return the operator with other values of these arguments, in the form that its rules use."""
        other = object.__new__(type(self))
        vars(other).update(vars(self), **values)
        vars(other).pop("_hash", None)
        return other

    def check(self) -> None:
        """Raise :class:`ArgumentError` for arguments that do not go together."""
