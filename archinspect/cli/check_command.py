"""`archinspect check`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from archinspect.cli.common import format_option, stdout_console
from archinspect.cli.kinds import SpecType, of_format
from archinspect.cli.rules import rule_options

if TYPE_CHECKING:
    from archinspect.checks.selection import Choice
    from archinspect.project.discovery import Target


class CheckedType(SpecType):
    """A file, a folder or a name: never a built-in network instead of a file that is not there."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return it."""
        return value


@click.command("check")
@click.argument("specs", type=CheckedType(), nargs=-1, metavar="[FILE|DIR|PATTERN|NAME|-]...")
@format_option("full", "concise", "json", help="concise prints a line per problem, json everything.")
@rule_options
@click.option("--strict", is_flag=True, help="Warnings fail too.")
@click.option("--require-complete", is_flag=True, help="A network of which not everything is counted fails.")
@click.option("--config", metavar="FILE|KEY=VALUE", help="This configuration, instead of the nearest archinspect.toml.")
@click.option("--isolated", is_flag=True, help="No configuration.")
@click.option("--exclude", multiple=True, metavar="PATTERN", help="Files and folders to leave out.")
@click.option("--extend-exclude", multiple=True, metavar="PATTERN", help="Further ones.")
@click.option("--force-exclude/--no-force-exclude", default=None, help="Leave them out even where they are named.")
@click.option("--respect-gitignore/--no-respect-gitignore", default=None, help="Leave out what git ignores.")
@click.option("--stdin-filename", metavar="FILE", help="What standard input (`-`) is called.")
@click.option("--show-files", is_flag=True, help="Print the files that would be checked.")
def command(specs: tuple[str, ...], form: str, rules: Choice, **options: Any) -> None:  # noqa: ANN401 - as click's
    """Check that specs fit together and keep what their `expect` states.

    A name with a suffix or a slash is a file or a folder; others may be built-in networks. Folders, this one without
    arguments, are searched for .yaml and .yml files with `layers`, `input` or `extends`. Hidden ones and what git
    ignores are left out. Exit codes: 0 all clean, 1 problems found, 2 wrong usage or a file that is not there.

    \b
    Examples:
      archinspect check my_net.yaml
      archinspect check specs/ --format concise --extend-select bias-before-norm
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from archinspect import api  # a help page needs no engine
    from archinspect.project.configuration import ConfigurationError
    from archinspect.project.discovery import NothingFoundError
    from archinspect.project.run import Checker, Wanted

    try:
        targets = _targets(specs, options)
        if options["show_files"]:
            click.echo("\n".join(target.name for target in targets))
            return
        wanted = Wanted(rules, options["strict"], options["require_complete"])
        checker = Checker(wanted, of_format, options["stdin_filename"] or "")
        results, missing = [], []
        for target in targets:
            try:
                results.append(checker.check(target))
            except api.NotFoundError as error:
                missing.append(str(error))
    except (ConfigurationError, NothingFoundError) as error:
        raise click.UsageError(str(error)) from None
    if results or not missing:
        _print([result.checked for result in results], form)
    for message in missing:
        click.echo(f"Error: {message}", err=True)
    sys.exit(2 if missing else int(any(result.failed for result in results)))


def _targets(specs: tuple[str, ...], options: dict[str, Any]) -> list[Target]:
    """Return the files to check."""
    from archinspect.project.configuration import Configurations
    from archinspect.project.discovery import Asked, Discovery

    asked = Asked(
        options["exclude"] or None,
        options["extend_exclude"],
        options["respect_gitignore"],
        options["force_exclude"],
    )
    configurations = Configurations(options["config"], isolated=options["isolated"])
    return list(Discovery(configurations, asked).targets(specs))


def _print(checked: list[Any], form: str) -> None:
    from archinspect.checks.outcome import Outcome
    from archinspect.render import check as render  # a help page needs none

    outcome = Outcome([(one.path, one.diagnostics) for one in checked], sum(one.template for one in checked))
    if form == "json":
        click.echo(render.check_json(outcome.diagnostics))
        return
    render.print_check(
        outcome.diagnostics, stdout_console(), form=form, specs=len(checked), templates=outcome.templates
    )
