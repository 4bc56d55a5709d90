"""`archinspect formats`."""

from __future__ import annotations

import click

from archinspect.cli.common import stdout_console
from archinspect.cli.options import format_option


@click.command("formats")
@format_option("table", "json", "markdown", help="table, json or markdown.")
def command(form: str) -> None:
    """List the formats of files that are read and written: how a file is known, and what is needed.

    A file is known by its content first, by its name second; `--from FORMAT` says it, and so does `FORMAT:FILE`.

    \b
    Examples:
      archinspect formats
      archinspect formats --format json
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from archinspect.render import formats as render  # a help page needs none

    if form == "table":
        render.print_formats(stdout_console())
    else:
        click.echo(render.formats_text(form))
