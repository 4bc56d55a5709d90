"""`archinspect check`."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from archinspect.cli.common import format_option, stdout_console
from archinspect.cli.kinds import SpecType, of_format
from archinspect.cli.rules import rule_options

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from archinspect.api import Checked
    from archinspect.checks.selection import Choice


class CheckedType(SpecType):
    """A file, a folder or a name: never a built-in network instead of a file that is not there."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return it."""
        return value


@click.command("check")
@click.argument("specs", type=CheckedType(), nargs=-1, metavar="[FILE|DIR|NAME]...")
@format_option("full", "concise", "json", help="concise prints a line per problem, json everything.")
@rule_options
@click.option("--strict", is_flag=True, help="Warnings fail too.")
@click.option("--require-complete", is_flag=True, help="A network of which not everything is counted fails.")
def command(specs: tuple[str, ...], form: str, rules: Choice, *, strict: bool, require_complete: bool) -> None:
    """Check that specs fit together and keep what their `expect` states.

    A name with a suffix or a slash is a file or a folder; others may be built-in networks. Folders are searched for
    .yaml and .yml files; hidden folders are left out. Without arguments it is this folder, and files without `layers`,
    `input` or `extends` are left out, too. Exit codes: 0 all clean, 1 problems found, 2 wrong usage or a file that is
    not there.

    \b
    Examples:
      archinspect check my_net.yaml
      archinspect check specs/ --format concise --extend-select bias-before-norm
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from archinspect import api  # a help page needs no engine
    from archinspect.checks.selection import chosen
    from archinspect.language.library import is_path
    from archinspect.language.load import not_found

    codes = chosen([rules])
    checked, missing = [], []
    for spec in _files(specs) if specs else _specs_here():
        try:
            if is_path(spec) and not os.path.exists(spec):
                raise api.NotFoundError(not_found(spec))  # noqa: TRY301 - one way to tell it
            checked.append(api.check(of_format(spec), codes))
        except api.NotFoundError as error:
            missing.append(str(error))
    if checked or not missing:
        _print(checked, form)
    for message in missing:
        click.echo(f"Error: {message}", err=True)
    partial = any(result.report and result.report.status == "partial" for result in checked)
    bad = any(not result.ok or (strict and _warns(result)) for result in checked)
    sys.exit(2 if missing else 1 if bad or (require_complete and partial) else 0)


def _warns(result: Checked) -> bool:
    return any(one.severity == "warning" for one in result.diagnostics)


def _files(specs: Sequence[str]) -> Iterator[str]:
    """Return the specs, each directory replaced by the spec files below it, sorted."""
    for spec in specs:
        if not os.path.isdir(spec):
            yield spec
            continue
        found = _below(spec)
        if not found:
            from archinspect.base.diagnostics import show  # the error path only

            raise click.UsageError(f"no .yaml or .yml file below {show(spec)}")
        yield from found


def _specs_here() -> Iterator[str]:
    """Return the files of this folder that look like specs: other tools have YAML files, too."""
    from archinspect.language.load import looks_like_spec

    found = [path for path in _below(".") if not os.path.exists(path) or looks_like_spec(path)]
    if not found:
        raise click.UsageError("no spec in this folder: name a file or a folder")
    yield from found


def _below(folder: str) -> list[str]:
    """Return the YAML files of a folder, sorted, and links to where nothing is; pipes and devices are none."""
    from archinspect.language.library import SUFFIXES

    found = []
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for file in files:
            path = os.path.normpath(os.path.join(place, file))
            is_spec = file.endswith(SUFFIXES) and not file.startswith(".")
            if is_spec and (os.path.isfile(path) or not os.path.exists(path)):
                found.append(path)
    return sorted(found, key=lambda path: path.split(os.sep))


def _print(checked: list[Checked], form: str) -> None:
    from archinspect.render import check as render  # a help page needs none

    found = [one for result in checked for one in result.diagnostics]
    if form == "json":
        click.echo(render.check_json(found))
        return
    templates = sum(result.template for result in checked)
    render.print_check(found, stdout_console(), form=form, specs=len(checked), templates=templates)
