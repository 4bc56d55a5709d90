"""`archinspect formula`."""

from __future__ import annotations

from typing import Any

import click

from archinspect.cli.common import spec_errors, stdout_console
from archinspect.cli.kinds import Names
from archinspect.cli.options import completed, dtype_option, format_option, shape_options, spec_argument


@click.command("formula")
@spec_argument
@click.option(
    "--of",
    "figures",
    type=Names(),
    default=(),
    shell_complete=completed("figures"),
    help="Some of params, macs, flops, output_bytes, kept, peak; else all.",
)
@click.option(
    "--in",
    "variables",
    type=Names(),
    default=(),
    shell_complete=completed("variables"),
    help="Variables: batch, the spec's parameters, axes of inputs (height); else all that its structure leaves open.",
)
@dtype_option
@format_option(
    "text", "json", "csv", "markdown", "latex", "python", help="python: functions that need nothing but Python."
)
@shape_options
def command(
    spec: str,
    figures: tuple[str, ...],
    variables: tuple[str, ...],
    form: str,
    **settings: Any,  # noqa: ANN401 - as api.network takes them
) -> None:
    """Show a network's figures as closed formulas in its own parameters, the sizes of its inputs and the batch.

    Below each formula stand the values for which it holds. Other values make the network another one: a window may be
    larger than the map.

    \b
    Examples:
      archinspect formula vgg16 --of params
      archinspect formula gpt2 --of macs,kept --in batch,seq
      archinspect formula lessons/fully_connected
      archinspect formula resnet50 --of macs --format python > macs.py
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    with spec_errors() as api:
        network = api.network(spec, **settings)
        try:
            found = network.formulas(figures, variables)
        except ValueError as error:
            raise click.UsageError(str(error)) from None
    from archinspect.render import formula as render  # a help page needs none

    formulas = render.Formulas(network.graph.name, found, network.uncounted(tuple(found)))
    if form == "text":
        render.print_formulas(formulas, stdout_console())
    else:
        click.echo(render.formula_text(formulas, form))
