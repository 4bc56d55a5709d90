"""`archinspect export`: a network as a program or file of another tool."""

from __future__ import annotations

import sys
from typing import Any

import click

from archinspect.cli.common import spec_errors
from archinspect.cli.kinds import OneOf
from archinspect.cli.options import batch_option, input_option, set_option, spec_argument
from archinspect.cli.output import output_path
from archinspect.exporters import TARGETS


@click.command("export")
@spec_argument
@click.option(
    "--to",
    "target",
    type=OneOf(list(TARGETS)),
    required=True,
    help="; ".join(f"{name}: {what}" for name, what in TARGETS.items()) + ".",
)
@batch_option
@input_option
@set_option
def command(spec: str, target: str, **settings: Any) -> None:  # noqa: ANN401 - as api.network takes them
    """Write a network as a program of PyTorch or Keras, or as an ONNX file.

    A block becomes a class with its parameters as arguments, a chain a Sequential, a repeat a loop; layers keep their
    names. What the target cannot say is refused, with the layer and the reason.

    \b
    Examples:
      archinspect export resnet50 --to pytorch -o resnet50.py
      archinspect export gpt2 --to pytorch --set depth=24
      archinspect export llama2_7b --to onnx -o llama.onnx
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from pathlib import Path  # a help page needs none of these

    from archinspect.base.printable import printable
    from archinspect.exporters.refusal import CannotExportError

    try:
        with spec_errors() as api:
            written = api.network(spec, **settings).export(target)
    except CannotExportError as error:
        click.echo(f"Error: {target} cannot say {printable(str(error))}", err=True)
        sys.exit(1)
    except ImportError as error:
        raise click.UsageError(str(error)) from None
    if isinstance(written, str):
        click.echo(written, nl=False)
    elif output_path() in ("", "-"):
        raise click.UsageError("a binary file is not for a terminal: name one by -o")
    else:
        Path(output_path()).write_bytes(written)
