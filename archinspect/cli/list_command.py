"""`archinspect list`."""

from __future__ import annotations

import click

from archinspect.cli.common import exact_option, format_option, stdout_console

SORT_KEYS = ("name", "year", "params", "macs", "top1", "top5", "ilsvrc_top5_error")


@click.command("list")
@click.argument("words", nargs=-1)
@click.option(
    "--sort",
    type=click.Choice(SORT_KEYS),
    default="name",
    show_default=True,
    help="params and macs: largest first; year: latest first.",
)
@exact_option
@format_option("table", "json", "csv", "markdown", help="json and csv have exact integers.")
def command(words: tuple[str, ...], sort: str, form: str, *, exact: bool) -> None:
    """List the built-in networks: year, parameters, MACs, source. WORDS select those whose name or source has each.

    \b
    Examples:
      archinspect list
      archinspect list resnet --sort macs
      archinspect list --sort ilsvrc_top5_error
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from archinspect import api  # a help page needs no engine
    from archinspect.render import listing

    found = listing.chosen_networks(api.builtin_reports(), words, sort)
    if not found:
        raise click.UsageError(f"no built-in network has '{' '.join(words)}' in its name or source")
    if form == "table":
        listing.print_networks(found, sort, stdout_console(), exact=exact)
    else:
        click.echo(listing.networks_text(found, form, exact=exact))
