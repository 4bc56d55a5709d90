"""`archinspect explain`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from archinspect.cli.common import format_option, shape_options, spec_argument, spec_errors, stdout_console

if TYPE_CHECKING:
    from archinspect.api import Explained
    from archinspect.explanation import Explanation


@click.command("explain")
@spec_argument
@click.argument("layer", required=False)
@format_option("table", "json", help="json: every figure with its formula.")
@shape_options
def command(spec: str, layer: str | None, form: str, **sizes: Any) -> None:  # noqa: ANN401 - as api.explain takes them
    """Show where the figures of a layer come from: each formula by names, with the numbers, and its result.

    LAYER is a layer's name as `archinspect summary SPEC --depth all` prints it, or that of a block, which gives a line
    for each of its layers; without it every layer has a line.

    \b
    Examples:
      archinspect explain vgg16
      archinspect explain vgg16 block1.conv1
      archinspect explain gpt2 blocks.0 --set seq=2048
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    with spec_errors() as api:
        explained = api.explain(spec, batch=sizes["batch"], inputs=dict(sizes["inputs"]), params=dict(sizes["params"]))
    layers = chosen(explained, layer)
    if form == "json":
        from archinspect.render.data import json_text  # noqa: PLC0415 - the table does without

        click.echo(json_text({name: [part.as_dict() for part in parts] for name, parts in layers.items()}))
        return
    from archinspect.render import explain  # noqa: PLC0415 - JSON does without Rich

    console = stdout_console()
    if len(layers) == 1:
        ((name, parts),) = layers.items()
        explain.print_layer(name, parts, explained.report, console)
    else:
        explain.print_layers(layers, explained.report, console)


def chosen(explained: Explained, layer: str | None) -> dict[str, tuple[Explanation, ...]]:
    """Return the layers that a name means: a layer, or all of a block."""
    if layer is None:
        return explained.layers
    found = {name: parts for name, parts in explained.layers.items() if f"{name}.".startswith(f"{layer}.")}
    if not found:
        from archinspect.diagnostics import suggest  # noqa: PLC0415 - the error path only

        known = [*explained.layers, *explained.report.groups]
        raise click.UsageError(f"no layer '{layer}' in {explained.report.name}: {suggest(layer, known)}")
    return found
