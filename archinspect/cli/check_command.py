"""`archinspect check`."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from archinspect.cli.common import SpecType, format_option, stdout_console

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from archinspect.api import Checked

SUFFIXES = (".yaml", ".yml")


@click.command("check")
@click.argument("specs", type=SpecType(), nargs=-1, metavar="[FILE|DIR|NAME]...")
@format_option("full", "concise", "json", help="concise prints a line for each problem, json everything.")
@click.option("--strict", is_flag=True, help="Warnings fail too.")
@click.option("--require-complete", is_flag=True, help="A network of which not everything is counted fails.")
def command(specs: tuple[str, ...], form: str, *, strict: bool, require_complete: bool) -> None:
    """Check that specs fit together and keep what their `expect` states.

    Directories, without arguments this one, are searched for .yaml and .yml files; hidden folders
    are left out. Exit codes: 0 all clean, 1 problems found, 2 wrong usage.

    \b
    Examples:
      archinspect check my_net.yaml
      archinspect check specs/ --format concise
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from archinspect import api  # a help page needs no engine

    checked = []
    for spec in _files(specs or (".",)):
        try:
            checked.append(api.check(spec))
        except api.NotFoundError as error:
            raise click.UsageError(str(error)) from None
    _print(checked, form)
    partial = any(result.report and result.report.status == "partial" for result in checked)
    bad = any(not result.ok or (strict and result.diagnostics) for result in checked)
    sys.exit(1 if bad or (require_complete and partial) else 0)


def _files(specs: Sequence[str]) -> Iterator[str]:
    """Return the specs, each directory replaced by the spec files below it, sorted."""
    for spec in specs:
        if not os.path.isdir(spec):
            yield spec
            continue
        found = sorted(_below(spec), key=lambda path: path.split(os.sep))
        if not found:
            raise click.UsageError(f"no .yaml or .yml file below '{spec}'")
        yield from found


def _below(folder: str) -> Iterator[str]:
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        wanted = [file for file in files if file.endswith(SUFFIXES) and not file.startswith(".")]
        yield from (os.path.normpath(os.path.join(place, file)) for file in wanted)


def _print(checked: list[Checked], form: str) -> None:
    from archinspect.render import check as render  # a help page needs none

    found = [diagnostic for result in checked for diagnostic in result.diagnostics]
    if form == "json":
        click.echo(render.check_json(found))
        return
    templates = sum(result.template for result in checked)
    render.print_check(found, stdout_console(), form=form, specs=len(checked), templates=templates)
