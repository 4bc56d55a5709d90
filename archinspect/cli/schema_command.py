"""`archinspect schema`."""

from __future__ import annotations

import click


@click.command("schema")
def command() -> None:
    """Print a JSON Schema of the spec language, for editors and other checkers.

    A spec names it in its first line for yaml-language-server, which VS Code and Neovim use:

    \b
      # yaml-language-server: $schema=archinspect.schema.json

    \b
    Examples:
      archinspect schema -o archinspect.schema.json
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    import json  # a help page needs none of them

    from archinspect.language.schema import schema

    click.echo(json.dumps(schema(), separators=(",", ":")))
