"""Kinds of values that options take: specs, shapes, sizes, names; what is none is told in our words."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

import click

from archinspect.ops.figures import ALIASES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from click.shell_completion import CompletionItem

    from archinspect.base.source import Value


OWN = ("batch", "dtype", "input")
"""What `resnet50@batch=8` sets that is no parameter of the network."""
_FORMAT = "archinspect.format"
"""Where a context keeps what `--from` says."""


def from_option() -> click.Option:
    """Return the option --from, of all commands that take a spec."""

    def keep(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
        ctx.meta[_FORMAT] = value

    return click.Option(
        ["--from"],
        type=FormatName(),
        expose_value=False,
        is_eager=True,  # the specs are of it
        callback=keep,
        help="The format of the file, where its content does not tell: `archinspect formats` lists them.",
    )


def of_format(spec: str) -> str:
    """Return a spec with the format that --from says before it."""
    ctx = click.get_current_context(silent=True)
    format_ = ctx.meta.get(_FORMAT) if ctx else None
    return f"{format_}:{spec}" if format_ else spec


class SpecType(click.ParamType):  # type: ignore[type-arg] # generic from click 8.4 on
    """A spec: a file, `-`, or the name of a built-in network, which the shell can complete."""

    name = "spec"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return it; say so where a built-in network stands for a file that is not there."""
        from archinspect.language import library  # a help page needs none

        if value.endswith(library.SUFFIXES) and not os.path.exists(value) and library.find_builtin(value):
            from archinspect.base.diagnostics import show  # as above

            click.echo(f"Note: there is no file {show(value)}; this is the built-in network.", err=True)
        name, *settings = value.split("@")
        if not os.path.exists(value) and any("=" in one for one in settings) and library.find_builtin(name):
            options = [f"--{one}".replace("=", " ") if one.split("=")[0] in OWN else f"--set {one}" for one in settings]
            self.fail(f"settings after `@` are for compare, diff and chart: here write {' '.join(options)}", param, ctx)
        return of_format(value)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the built-in names that begin so, and leave files to the shell.

        In bash what is left to it comes first, as it forgets what is before that; it looks for files where nothing
        else begins so, wherefore those beside a built-in network are named.
        """
        from glob import escape, glob  # only completion needs them

        from click.shell_completion import CompletionItem

        from archinspect.language.library import builtins

        names = [name for name in builtins() if name.startswith(incomplete)]
        names += glob(f"{escape(incomplete)}*") if names else []
        return [CompletionItem(incomplete, type="file"), *map(CompletionItem, names)]


class FormatName(click.ParamType):  # type: ignore[type-arg] # generic from click 8.4 on
    """A format of files that is read, which the shell can complete."""

    name = "format"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return its name."""
        from archinspect.importers import FORMATS, SPEC  # only --from needs it

        if value not in (SPEC, *FORMATS):
            from archinspect.base.diagnostics import suggest  # the error path only

            self.fail(f"no format '{value}': {suggest(value, (SPEC, *FORMATS))}", param, ctx)
        return value

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the names that begin so."""
        from click.shell_completion import CompletionItem  # only completion needs it

        from archinspect.importers import FORMATS, SPEC

        return [CompletionItem(name) for name in (SPEC, *FORMATS) if name.startswith(incomplete)]


class Assignment(click.ParamType):  # type: ignore[type-arg] # generic from click 8.4 on
    """`name=value`, the value as in a spec."""

    name = "name=value"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Value]:
        """Return the name and the value."""
        from archinspect.base.source import Source, SourceError
        from archinspect.base.yaml_core import read_tree

        name, equals, text = value.partition("=")
        if not equals or not name.strip():
            self.fail(f"'{value}' is not name=value", param, ctx)
        try:
            return name.strip(), read_tree(Source("--set", text)).plain() if text.strip() else text
        except SourceError as error:
            self.fail(f"'{value}': {error.message}", param, ctx)


class InputShape(click.ParamType):  # type: ignore[type-arg] # generic from click 8.4 on
    """A sample's shape, `224x224x3`, with the input's name where there are several: `image=224x224x3`."""

    name = "[name=]shape"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, tuple[int, ...]]:
        """Return the input's name, `` for the only one, and the shape."""
        name, _, text = value.rpartition("=")
        parts = re.split(r"\s*[x×,\s]\s*", text.strip("[]() "))
        if not all(part.isdecimal() and len(part) < 10 and int(part) for part in parts):  # noqa: PLR2004 - as args.MAX_INT
            self.fail(f"'{text}' is not a shape such as 224x224x3 (without the batch)", param, ctx)
        return name.strip(), tuple(map(int, parts))


class Whole(click.IntRange):
    """A whole number within bounds."""

    name = "whole number"


class ByteCount(click.ParamType):  # type: ignore[type-arg] # generic from click 8.4 on
    """A number of bytes: `24GiB`, `80GB`."""

    name = "bytes"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the bytes."""
        from archinspect.base.quantity import parse_quantity  # only these options need it

        try:
            quantity = parse_quantity(value)
        except ValueError:
            self.fail(f"'{value}' is not a number of bytes such as 24GiB or 80GB", param, ctx)
        if quantity.compare or quantity.number < 1:
            self.fail(f"'{value}' is not a number of bytes such as 24GiB or 80GB", param, ctx)
        if str(value).strip()[-1:].isdecimal():
            self.fail(f"{value} what? Write {value}GiB, {value}GB or {value}B", param, ctx)
        return int(quantity.number)


class Percent(click.ParamType):  # type: ignore[type-arg] # generic from click 8.4 on
    """Per cents: `1%`."""

    name = "percent"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return them; refuse what is none."""
        from archinspect.project.keys import percent  # a help page needs none

        try:
            return percent(value)
        except ValueError as error:
            return self.fail(str(error), param, ctx)


class OneOf(click.Choice):  # type: ignore[type-arg] # generic from click 8.2 on
    """One of a few words."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401 - as click's
        """Return it; of another, tell which are near."""
        if value not in self.choices:
            from archinspect.base.diagnostics import suggest  # the error path only

            self.fail(f"'{value}' is unknown: {suggest(value, self.choices)}", param, ctx)
        return super().convert(value, param, ctx)


class DataType(OneOf):
    """A data type, also by another name that it has: `half`, `bf16`."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401 - as click's
        """Return its name."""
        plain = value.lower()
        if re.fullmatch(r"q\d_k_[sml]", plain):
            own = plain.rpartition("_")[0]
            self.fail(
                f"'{value}' mixes types by layer: '{own}' has all in one, and a GGUF file says its own", param, ctx
            )
        own = ALIASES.get(plain, plain)
        return super().convert(own if own in self.choices else value, param, ctx)


class Form(OneOf):
    """A format of the output: `table`, which some commands call `text`, `json`, ..."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401 - as click's
        """Return its name here."""
        return super().convert(self.choices[0] if value in ("text", "table") else value, param, ctx)


class Names(click.ParamType):  # type: ignore[type-arg] # generic from click 8.4 on
    """Names with commas between them: `params,macs`."""

    name = "name,name"

    def convert(
        self, value: str | tuple[str, ...], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Return the names."""
        if isinstance(value, tuple):
            return value
        names = tuple(part.strip() for part in value.split(",") if part.strip())
        return names or self.fail("no name is given", param, ctx)


class Batches(click.ParamType):  # type: ignore[type-arg] # generic from click 8.4 on
    """Numbers of samples with commas between them: `1,3`."""

    name = "N,N"

    def convert(
        self, value: str | tuple[int, ...], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        """Return the numbers, each once."""
        if isinstance(value, tuple):
            return value
        parts = [part.strip() for part in value.split(",")]
        if not all(part.isdecimal() and len(part) < 8 and 0 < int(part) <= 10**6 for part in parts):  # noqa: PLR2004 - digits
            self.fail(f"'{value}' is not a number of samples from 1 to 1000000, nor several such as 1,3", param, ctx)
        return tuple(dict.fromkeys(map(int, parts)))


class Depth(click.ParamType):  # type: ignore[type-arg] # generic from click 8.4 on
    """A number of levels, or `all`."""

    name = "N|all"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number of levels; a large one for `all`."""
        if value == "all":
            return 1000
        if not str(value).isdecimal() or not 0 < int(value) <= 1000:  # noqa: PLR2004 - more than any spec can nest
            self.fail(f"'{value}' is neither a number of levels from 1 nor 'all'", param, ctx)
        return int(value)


class Columns(click.ParamType):  # type: ignore[type-arg] # generic from click 8.4 on
    """Names of columns, separated by commas."""

    name = "names"

    def convert(
        self, value: str | Sequence[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Return the names."""
        from archinspect.render.columns import NAMES  # only --columns needs it

        given = value.split(",") if isinstance(value, str) else value
        names = tuple(part.strip().replace("_percent", "%") for part in given)
        for name in names:
            if name not in NAMES:
                self.fail(f"no column '{name}'; there are {', '.join(NAMES)}", param, ctx)
        return names
