"""`archinspect convert`: any network that is read as a spec of our own language."""

from __future__ import annotations

import sys
from typing import Any

import click

from archinspect.cli.common import spec_errors
from archinspect.cli.options import input_option, set_option, spec_argument


@click.command("convert")
@spec_argument
@click.option("--flat", is_flag=True, help="Write every layer by itself: no blocks, no repeats.")
@input_option
@set_option
def command(spec: str, *, flat: bool, **settings: Any) -> None:  # noqa: ANN401 - as api.network takes them
    """Write a network, from any file that is read, as a spec that a person could have written.

    What is alike becomes a block or a repeat, with parameters for what differs; branches become the paths of a merge;
    layers keep their names. The spec is read again before it is printed: its figures are the same, layer by layer. What
    the language cannot say is refused, with the layer and the reason.

    \b
    Examples:
      archinspect convert resnet50
      archinspect convert gpt2 --set depth=24
      archinspect convert resnet50 --flat
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from archinspect.base.printable import printable  # a help page needs none of these
    from archinspect.exporters.refusal import CannotExportError

    try:
        with spec_errors() as api:
            text = api.network(spec, **settings).convert(flat=flat)
    except CannotExportError as error:
        click.echo(f"Error: a spec cannot say {printable(str(error))}", err=True)
        sys.exit(1)
    click.echo("\n".join(map(printable, text.split("\n"))), nl=False)
