"""`archinspect clean`."""

from __future__ import annotations

import click

from archinspect.base.printable import printable


@click.command("clean")
@click.argument("folders", type=click.Path(exists=True, file_okay=False), nargs=-1, metavar="[DIR]...")
def command(folders: tuple[str, ...]) -> None:
    """Remove what `check` has stored for its next run: the caches in these folders, and in those below.

    Without a folder it is this one.

    \b
    Examples:
      archinspect clean
      archinspect clean specs/
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    import shutil  # a help page needs none

    from archinspect.project.cache import caches

    for folder in folders or (".",):
        for path in caches(folder):
            click.echo(f"removed {printable(path)}")
            shutil.rmtree(path)
