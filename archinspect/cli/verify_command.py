"""`archinspect verify`: figures beside those that a framework measures on the exported program."""

from __future__ import annotations

import sys
from typing import Any

import click

from archinspect.cli.common import format_option, shape_options, spec_argument, spec_errors, stdout_console


@click.command("verify")
@spec_argument
@click.option("--python", metavar="PATH", default="", help="A Python that has torch; this one by default.")
@click.option("--all", "everything", is_flag=True, help="Also the layers whose figures are equal.")
@format_option("table", "json", help="table or json.")
@shape_options
def command(spec: str, python: str, form: str, *, everything: bool, **settings: Any) -> None:  # noqa: ANN401 - as api.network takes them
    """Prove a network's figures: export it to PyTorch, measure the program, and compare.

    Nothing is computed: the module is built on PyTorch's meta device. Compared are parameters, buffers, MACs, those of
    backward, the bytes that backward keeps, the peak of activations, and each layer's shape and parameters. It ends
    with 1 where a figure is not equal.

    \b
    Examples:
      archinspect verify resnet50
      archinspect verify net.yaml --python ~/torch/bin/python --format json
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from archinspect.base.printable import printable  # a help page needs none of these
    from archinspect.exporters.refusal import CannotExportError
    from archinspect.verify import CannotMeasureError, verify

    with spec_errors() as api:
        network = api.network(spec, **settings)
    try:
        found = verify(network, python=python)
    except CannotExportError as error:
        click.echo(f"Error: PyTorch cannot say {printable(str(error))}", err=True)
        sys.exit(1)
    except CannotMeasureError as error:
        raise click.UsageError(printable(str(error))) from None
    from archinspect.render import verify as render

    if form == "json":
        click.echo(render.verification_text(found))
    else:
        render.print_verification(found, stdout_console(), everything=everything)
    sys.exit(not found.ok)
