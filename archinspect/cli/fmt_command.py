"""`archinspect fmt`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from archinspect.base.printable import printable
from archinspect.cli.check_command import CheckedType
from archinspect.cli.common import print_diagnostics, refuse_ignored
from archinspect.cli.files import file_options
from archinspect.cli.kinds import Whole, of_format

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from archinspect.project.discovery import Target
    from archinspect.project.formats import Laid


@click.command("fmt")
@click.argument("specs", type=CheckedType(), nargs=-1, metavar="[FILE|DIR|PATTERN|-]...")
@click.option("--check", "checks", is_flag=True, help="Write nothing; exit with 1 where a file would change.")
@click.option("--diff", is_flag=True, help="Show what would change, and write nothing; exit with 1 for any.")
@click.option("--line-length", type=Whole(40, 1000), metavar="N", help="Characters of a line; 110 if not said.")
@click.option("--stdin-filename", metavar="FILE", help="What standard input (`-`) is called.")
@file_options
def command(
    specs: tuple[str, ...],
    targets: Callable[[tuple[str, ...]], list[Target]],
    stdin_filename: str | None,
    line_length: int | None,
    *,
    checks: bool,
    diff: bool,
) -> None:
    """Lay out the text of specs: indentation, blanks, quotes, the length of lines, the order of keys at the top.

    Comments and values stay.

    Files are found as by `check`. Standard input, `-`, goes to standard output. Exit codes: 0 done, 1 with --check or
    --diff where a file would change, 2 wrong usage or a file that cannot be read.

    \b
    Examples:
      archinspect fmt
      archinspect fmt specs/ --check
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    if "-" not in specs:
        refuse_ignored(("stdin_filename",), "without `-`, standard input")
    if of_format("") not in ("", "spec:"):
        raise click.UsageError("--from: only specs are laid out")
    from archinspect.project.formats import lay_out  # a help page needs none

    found = [lay_out(target, line_length, stdin_filename or "") for target in targets(specs)]
    print_diagnostics([one.problem for one in found if one.problem])
    for one in found:
        if diff:
            click.echo(one.difference(), nl=False)
        elif one.is_stdin and not checks:
            click.echo(one.after or one.before, nl=False)
        elif one.changes and checks:
            click.echo(f"Would reformat: {printable(one.name)}")
        elif one.changes:
            one.write()
    if not all(one.is_stdin for one in found):
        click.echo(_summary(found, writes=not (checks or diff)), err=diff)
    failed = any(one.problem for one in found)
    sys.exit(2 if failed else int((checks or diff) and any(one.changes for one in found)))


def _summary(found: Sequence[Laid], *, writes: bool) -> str:
    """Return how many files change, and how many do not."""
    changed = sum(one.changes for one in found)
    left = sum(not one.changes and not one.problem for one in found)
    told = [f"{_files(changed)} {'reformatted' if writes else 'would be reformatted'}"] if changed else []
    told += [f"{_files(left)} {'left unchanged' if writes else 'already formatted'}"] if left or not told else []
    return ", ".join(told)


def _files(count: int) -> str:
    return f"{count:,} file{'s' * (count != 1)}"
