"""`archinspect baseline`."""

from __future__ import annotations

import sys

import click

from archinspect.base.printable import printable
from archinspect.cli.check_command import CheckedType
from archinspect.cli.common import print_diagnostics
from archinspect.cli.kinds import OneOf, of_format


@click.command("baseline")
@click.argument("action", type=OneOf(["write"]), metavar="write")
@click.argument("specs", type=CheckedType(), nargs=-1, metavar="[FILE|DIR|PATTERN|NAME]...")
@click.option("--file", "path", metavar="FILE", help="The baseline; the configuration's, or archinspect-baseline.json.")
@click.option("--config", multiple=True, metavar="FILE|KEY=VALUE", help="A configuration, or a value over those of it.")
@click.option("--isolated", is_flag=True, help="No configuration.")
def command(action: str, specs: tuple[str, ...], path: str | None, config: tuple[str, ...], *, isolated: bool) -> None:
    """Store what specs cost today, for `archinspect check --baseline`.

    Files are found as by `check`. Specs with errors are not stored, and make the exit code 1.

    \b
    Examples:
      archinspect baseline write
      archinspect baseline write specs/ --file specs/baseline.json
      archinspect check --baseline archinspect-baseline.json --tolerance 1%
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from archinspect.project.baselines import DEFAULT_FILE, Baseline, write  # a help page needs none
    from archinspect.project.configuration import ConfigurationError, Configurations
    from archinspect.project.discovery import Discovery, NothingFoundError
    from archinspect.project.faults import is_fault
    from archinspect.project.run import measured

    try:
        targets = list(Discovery(Configurations(config, isolated=isolated)).targets(specs))
    except (ConfigurationError, NothingFoundError) as error:
        raise click.UsageError(printable(str(error))) from None
    named = next((found for target in targets if (found := target.configuration.baseline)), None)
    file = path or named or DEFAULT_FILE
    networks, wrong, missing = measured(targets, Baseline(file, {}), of_format)
    for message in missing:
        click.echo(f"Error: {message}", err=True)
    print_diagnostics(wrong)
    if not missing:
        write(file, networks)
        stored = "1 network" if len(networks) == 1 else f"{len(networks):,} networks"
        click.echo(f"{printable(file)}: {stored}")
    sys.exit(2 if missing or is_fault(wrong) else int(bool(wrong)))
