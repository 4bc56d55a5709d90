"""`archinspect lsp`."""

from __future__ import annotations

import sys

import click


@click.command("lsp")
def command() -> None:
    """Serve an editor that speaks the Language Server Protocol, over standard input and output.

    It tells what is wrong while a spec is typed, shows the shape that each step gives, figures and formulas of what is
    pointed at, completes operators, arguments and names, goes to where a name is given, and renames. It needs the extra
    `lsp`: pip install 'archinspect[lsp]'. The page `archinspect docs editors` says how editors start it.
    """
    try:
        from archinspect.editor.server import start  # the extra, and this command alone needs it
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("pygls", "lsprotocol"):
            raise
        raise click.UsageError("lsp needs pygls: pip install 'archinspect[lsp]'") from None
    if not sys.stdin:
        raise click.UsageError("standard input is closed")
    start()
