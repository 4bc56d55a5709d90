"""What commands have in common: --color and --output, which all have, and --from, which those with a spec have."""

from __future__ import annotations

import os
from collections import Counter
from contextlib import redirect_stdout
from functools import wraps
from itertools import islice
from typing import TYPE_CHECKING, Any, TextIO, cast

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PIECES = 1_000
"""Of a text that are written at once."""
COLORS = ("auto", "always", "never")
OTHER_PICTURES = frozenset((".png", ".jpg", ".jpeg", ".gif", ".webp", ".pdf", ".eps"))
_COLOR, _FILE = "archinspect.color", "archinspect.file"
"""Where a context keeps what was asked for."""


def add_options(command: click.Command) -> None:
    """Give a command the options, but for one that it has itself."""
    from archinspect.cli.kinds import SpecType, from_option  # what lists commands needs none

    own = {name for param in command.params for name in param.opts}
    if "--color" not in own:
        command.params.append(_color_option())
        refuse_repeats(command)
    if "--from" not in own and any(isinstance(param.type, SpecType) for param in command.params):
        command.params.append(from_option())
    if "--output" not in own and command.callback:
        command.params.append(_output_option())
        command.callback = _to_file(command.callback)


def refuse_repeats(command: click.Command) -> None:
    """Let a command refuse an option that takes a single value and is given twice: the first would be ignored."""
    parse = command.parse_args

    def parse_args(ctx: click.Context, args: list[str]) -> list[str]:
        if not ctx.resilient_parsing:  # of a line that is being typed
            _, _, given = command.make_parser(ctx).parse_args([*args])
            for param, times in Counter(given).items():
                if times > 1 and _takes_one(param):
                    raise click.BadParameter("is given twice", ctx, param)
        return parse(ctx, args)

    command.parse_args = parse_args  # type: ignore[method-assign] # of all commands, wherever they are made


def _takes_one(param: click.Parameter) -> bool:
    """Return whether of two values one is ignored; a flag such as `--exact` has none."""
    return isinstance(param, click.Option) and not param.multiple and (not param.is_flag or bool(param.secondary_opts))


def color() -> str:
    """Return which colors were asked for."""
    ctx = click.get_current_context(silent=True)
    return str(ctx.meta.get(_COLOR, "auto")) if ctx else "auto"


def output_path() -> str:
    """Return the file that output goes to; empty without one."""
    ctx = click.get_current_context(silent=True)
    return str(ctx.meta.get(_FILE, "")) if ctx else ""


def form_of_file(form: str) -> str:
    """Return `svg` where a table was to go into a file `x.svg`; refuse other pictures, which nothing here draws."""
    name, suffix = os.path.splitext(output_path().lower())
    if form == "table" and suffix in OTHER_PICTURES:
        raise click.BadParameter(
            f"a picture is written as SVG, not as {suffix[1:].upper()}: -o {os.path.basename(name)}.svg",
            param_hint="'-o' / '--output'",
        )
    return "svg" if form == "table" and suffix == ".svg" else form


def echo(text: str | Iterator[str]) -> None:
    """Write text, or pieces of it as they come, and a line's end."""
    pieces = iter([text] if isinstance(text, str) else text)
    while some := "".join(islice(pieces, PIECES)):
        click.echo(some, nl=False)
    click.echo()


def _color_option() -> click.Option:
    from archinspect.cli.kinds import OneOf  # what lists commands needs none

    def keep(ctx: click.Context, param: click.Parameter, value: str) -> None:
        ctx.meta[_COLOR] = value

    return click.Option(
        ["--color"],
        type=OneOf(COLORS),
        default="auto",
        callback=keep,
        expose_value=False,
        help="Colors: always, never, or on a terminal alone (auto).",
    )


def _output_option() -> click.Option:
    kind = click.Path(dir_okay=False)
    return click.Option(["-o", "--output"], type=kind, metavar="FILE", help="Write to a file, not to the terminal.")


def _to_file(run: Callable[..., Any]) -> Callable[..., Any]:
    """Return the command with its output in a file, which is made when there is some."""

    @wraps(run)
    def wrapper(*args: Any, output: str | None, **options: Any) -> Any:  # noqa: ANN401 - the command's
        click.get_current_context().meta[_FILE] = output or ""
        if output is None:
            return run(*args, **options)
        with click.open_file(output, "w", encoding="utf-8", lazy=True) as file, redirect_stdout(cast("TextIO", file)):
            return run(*args, **options)

    return wrapper
