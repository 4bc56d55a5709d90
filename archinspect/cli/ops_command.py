"""`archinspect ops`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from archinspect.cli.common import stdout_console
from archinspect.cli.options import format_option

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class OpName(click.ParamType):  # type: ignore[type-arg] # generic from click 8.4 on
    """An operator's name, which the shell can complete."""

    name = "name"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the names that begin so."""
        from click.shell_completion import CompletionItem  # only completion needs it

        from archinspect.ops import FAMILIES

        names = [name for family in FAMILIES.values() for name in family]
        return [CompletionItem(name) for name in names if name.lower().startswith(incomplete.lower())]


@click.command("ops")
@click.argument("name", required=False, type=OpName())
@format_option("table", "json", "csv", "markdown", help="csv: a row per operator.")
def command(name: str | None, form: str) -> None:
    """List the operators, or explain one: what it does, how it is counted, its arguments.

    NAME may be a framework's own: Conv2D, Conv2d, nn.Conv2d, MaxPool2d.

    \b
    Examples:
      archinspect ops
      archinspect ops Conv2D
      archinspect ops --format markdown > ops.md
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from archinspect import ops  # a help page needs no engine
    from archinspect.base.diagnostics import suggest
    from archinspect.render import data, listing

    families = {family: [op for n in names if (op := ops.find_operator(n))] for family, names in ops.FAMILIES.items()}
    if name:
        op = ops.find_operator(name)
        if op is None:
            known = [n for names in ops.FAMILIES.values() for n in names]
            raise click.UsageError(f"no operator '{name}': {suggest(name, known)}")
        families = {op.kind: [op]}
    every = [op for family in families.values() for op in family]
    if form == "json":
        click.echo(data.json_text(listing.op_dict(every[0]) if name else [listing.op_dict(op) for op in every]))
    elif form == "csv":
        click.echo(listing.ops_csv(families))
    elif form == "markdown":
        click.echo(listing.ops_markdown(families))
    elif name:
        listing.print_op(every[0], stdout_console())
    else:
        listing.print_ops(families, stdout_console())
