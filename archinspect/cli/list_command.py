"""`archinspect list`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from archinspect.cli.common import exact_option, format_option, stdout_console

if TYPE_CHECKING:
    from archinspect.reports.summary import Report

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

    found = [
        (name, report)
        for name, report in api.builtin_reports()
        if all(word.lower() in f"{name} {report.name} {report.source}".lower() for word in words)
    ]
    if not found:
        raise click.UsageError(f"no built-in network has '{' '.join(words)}' in its name or source")
    if sort != "name":
        found.sort(key=lambda entry: _key(entry[1], sort))
    if form == "table":
        listing.print_networks(found, sort, stdout_console(), exact=exact)
    else:
        click.echo(listing.networks_text(found, form, exact=exact))


def _key(report: Report, sort: str) -> float:
    """Return what sorts a network: largest first, an error rate smallest first, unknown ones last."""
    if sort in ("params", "macs"):
        return -float(getattr(report.totals, sort))
    value = report.metrics.get(sort)
    if not isinstance(value, int | float):
        return float("inf")
    return float(value) if sort.endswith("error") else -float(value)
