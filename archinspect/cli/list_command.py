"""`archinspect list`."""

from __future__ import annotations

import click

from archinspect.cli.common import refuse_ignored, stdout_console
from archinspect.cli.kinds import OneOf
from archinspect.cli.options import exact_option, format_option
from archinspect.render.networks import SORT_KEYS


@click.command("list")
@click.argument("words", nargs=-1)
@click.option(
    "--sort",
    type=OneOf(SORT_KEYS),
    default="name",
    show_default=True,
    help="params and macs: largest first; year: latest first.",
)
@click.option("--tree", is_flag=True, help="Each spec below the one that it extends.")
@exact_option
@format_option("table", "json", "csv", "markdown", help="json and csv have exact integers.")
def command(words: tuple[str, ...], sort: str, form: str, *, exact: bool, tree: bool) -> None:
    """List the built-in networks by family: year, parameters, MACs, source.

    WORDS select those whose family, name or source has each.

    \b
    Examples:
      archinspect list
      archinspect list zoo
      archinspect list resnet --sort macs
      archinspect list --sort ilsvrc_top5_error
      archinspect list --tree
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from archinspect.language import library  # a help page needs none
    from archinspect.render import networks as render

    if tree:
        refuse_ignored(("sort", "form"), "with --tree")
    found = render.chosen_networks(library.index(), words, sort)
    if not found:
        raise click.UsageError(f"no built-in network has '{' '.join(words)}' in its family, name or source")
    if form == "table":
        render.print_networks(found, sort, stdout_console(), exact=exact, tree=tree)
    else:
        click.echo(render.networks_text(found, form, exact=exact))
