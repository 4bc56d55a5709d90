"""`archinspect show`."""

from __future__ import annotations

import sys

import click

from archinspect.base.printable import printable
from archinspect.cli.common import spec_errors
from archinspect.cli.options import spec_argument


@click.command("show")
@spec_argument
@click.option("--flat", is_flag=True, help="One text that extends nothing and gives the same network.")
def command(spec: str, *, flat: bool) -> None:
    """Print the text of a spec, built in or a file, below a comment that says where it is.

    \b
    Examples:
      archinspect show vgg16
      archinspect show vgg16 --flat > my_vgg.yaml
      archinspect show lessons/conv2d
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    with spec_errors() as api:
        name, text = api.spec_text(spec, flat=flat)
    # A terminal obeys what is no character; a file gets the text as it is.
    text = "\n".join(map(printable, text.replace("\r\n", "\n").split("\n"))) if is_terminal() else text
    click.echo(f"# {printable(name)}\n{text.rstrip()}")


def is_terminal() -> bool:
    """Return whether the output is shown, and not kept."""
    return sys.stdout.isatty()
