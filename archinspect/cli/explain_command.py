"""`archinspect explain`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from archinspect.cli.common import (
    convention_option,
    format_option,
    shape_options,
    spec_argument,
    spec_errors,
    stdout_console,
)

if TYPE_CHECKING:
    from archinspect.reports.explanation import Explained, Explanation
    from archinspect.reports.worked import Worked


class CellPlace(click.ParamType):  # type: ignore[type-arg] # generic from click 8.4 on
    """`row,column[,channel]` counted from 1, or `all`."""

    name = "place"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """Return the place; empty for all."""
        if value == "all":
            return ()
        parts = value.split(",")
        if not all(part.strip().isdecimal() and len(part) < 10 for part in parts):  # noqa: PLR2004 - as args.MAX_INT
            self.fail(f"'{value}' is neither a place such as 2,3 nor 'all'", param, ctx)
        return tuple(map(int, parts))


@click.command("explain")
@spec_argument
@click.argument("layer", required=False)
@click.option(
    "--cell",
    "cells",
    type=CellPlace(),
    help="For a spec with `values`: the output value whose sum is shown, row,column[,channel] from 1; or all.",
)
@convention_option
@format_option("table", "json", help="json: every figure with its formula, every sum with its terms.")
@shape_options
def command(
    spec: str,
    layer: str | None,
    cells: tuple[int, ...] | None,
    convention: str | None,
    form: str,
    **sizes: Any,  # noqa: ANN401 - as api.explain takes them
) -> None:
    """Show where the figures of a layer come from: each formula by names, with the numbers, and its result.

    LAYER is a layer's name as `archinspect summary SPEC --depth all` prints it, or that of a block, which gives a line
    for each of its layers; without it every layer has a line.

    A spec may carry numbers for its input and weights (`values:`); then convolutions and poolings are worked out:
    the output, and the sum behind each value.

    With --convention it says instead where that tool's figures are not archinspect's, operator by operator, and why.

    \b
    Examples:
      archinspect explain vgg16
      archinspect explain lessons/conv2d --cell 2,3
      archinspect explain vgg16 conv1_1
      archinspect explain gpt2 blocks.0 --set seq=2048
      archinspect explain vit_b_16 --convention thop
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    with spec_errors() as api:
        explained = api.explain(spec, convention=convention or "", **sizes)
    if convention:
        _print_differences(explained, form)
        return
    layers = chosen(explained, layer)
    worked = [part for part in explained.worked if part.layer in layers]
    if cells is not None and not worked:
        raise click.UsageError("--cell: the spec has no `values` with which a layer shown could be worked out")
    places = [_places(part, cells) for part in worked]
    if form == "json":
        from archinspect.render.data import json_text  # the table does without

        figures = {name: [part.as_dict() for part in parts] for name, parts in layers.items()}
        click.echo(json_text({"layers": figures, "worked": [part.as_dict() for part in worked]}))
        return
    from archinspect.render import explain  # JSON does without Rich

    console = stdout_console()
    if len(layers) == 1:
        ((name, parts),) = layers.items()
        explain.print_layer(name, parts, explained.report, console)
    else:
        explain.print_layers(layers, explained.report, console)
    for part, chosen_places in zip(worked, places, strict=True):
        from archinspect.render.worked import print_worked  # only for specs with numbers

        print_worked(part, chosen_places, console)


def _print_differences(explained: Explained, form: str) -> None:
    if form == "json":
        from archinspect.render.data import json_text  # the table does without

        counted = {"convention": explained.report.convention, **explained.report.counted}
        click.echo(json_text({**counted, "differences": [one._asdict() for one in explained.differences]}))
        return
    from archinspect.render.differences import print_differences  # JSON does without Rich

    print_differences(explained.report, explained.differences, stdout_console())


def _places(worked: Worked, cell: tuple[int, ...] | None) -> list[tuple[int, ...]]:
    """Return the cells that --cell means, empty for the usual ones; `()` stands for all."""
    if cell is None:
        return []
    if cell == ():
        return list(worked.cells)
    place = tuple(index - 1 for index in cell)
    place = place if len(place) == worked.output.ndim else (*place, 0)
    if place not in worked.cells:
        shape = "x".join(map(str, worked.output.shape))
        raise click.UsageError(f"--cell {','.join(map(str, cell))}: the output of '{worked.layer}' is {shape}")
    return [place]


def chosen(explained: Explained, layer: str | None) -> dict[str, tuple[Explanation, ...]]:
    """Return the layers that a name means: a layer, or all of a block."""
    if layer is None:
        return explained.layers
    found = {name: parts for name, parts in explained.layers.items() if f"{name}.".startswith(f"{layer}.")}
    if not found:
        from archinspect.base.diagnostics import suggest  # the error path only

        known = [*explained.layers, *explained.report.groups]
        raise click.UsageError(f"no layer '{layer}' in {explained.report.name}: {suggest(layer, known)}")
    return found
