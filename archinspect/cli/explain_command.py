"""`archinspect explain`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from archinspect.cli.common import refuse_ignored, spec_errors, stdout_console
from archinspect.cli.options import (
    cached_option,
    completed,
    convention_option,
    format_option,
    shape_options,
    spec_argument,
)
from archinspect.cli.output import echo

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.reports.explanation import Explained
    from archinspect.reports.worked import Worked


NOT_WORKED = "the spec has no `values` with which a layer shown could be worked out"


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
@click.argument("layer", required=False, shell_complete=completed("layers"))
@click.option(
    "--cell",
    "cells",
    type=CellPlace(),
    help="For a spec with `values`: the output value whose sum is shown, row,column[,channel] from 1; or all.",
)
@click.option("--step", is_flag=True, help="For a spec with `values`: walk through its sums, by arrow keys.")
@click.option(
    "--delay", type=click.FloatRange(0.01, 3600), metavar="SECONDS", help="With --step: go on by itself, after so long."
)
@convention_option
@format_option(
    "table",
    "json",
    "csv",
    "markdown",
    help="All but table: every figure with its formula; json: every sum with its terms.",
)
@cached_option
@shape_options
def command(  # noqa: PLR0913 - one per option
    spec: str,
    layer: str | None,
    cells: tuple[int, ...] | None,
    convention: str | None,
    form: str,
    *,
    step: bool,
    delay: float | None,
    **sizes: Any,  # noqa: ANN401 - as api.explain takes them
) -> None:
    """Show where the figures of a layer come from: each formula with names, with numbers, and its result.

    LAYER is a layer's name as `archinspect summary SPEC --depth all` prints it. Of a block, each of its layers has a
    line; without LAYER, each layer of the network.

    A spec may carry numbers for its input and weights (`values:`); then convolutions and poolings are worked out
    first: the output, and the sum behind each value.

    With --convention it says instead where that tool counts otherwise, operator by operator, and why.

    \b
    Examples:
      archinspect explain vgg16
      archinspect explain lessons/conv2d --cell 2,3
      archinspect explain lessons/conv2d --step
      archinspect explain vgg16 conv1_1
      archinspect explain gpt2 blocks.0 --set seq=2048
      archinspect explain vit_b_16 --convention thop
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    with spec_errors() as api:
        explained = api.explain(spec, convention=convention or "", **sizes)
    if convention:
        refuse_ignored(("layer", "cells", "step", "delay"), "with --convention")
        _show_differences(explained, form)
        return
    if layer is not None:
        try:
            explained = explained.within(layer)
        except ValueError as error:
            raise click.UsageError(str(error)) from None
    if step:
        refuse_ignored(("cells", "form"), "with --step")
        _walk(explained.worked, delay)
        return
    refuse_ignored(("delay",), "without --step")
    places = _places(explained.worked, cells)
    if form != "table":
        refuse_ignored(("cells",), f"with --format {form}, which has all")
        from archinspect.render.explain import explained_text  # a help page needs none

        echo(explained_text(explained, form))
        return
    from archinspect.render.explain import print_explained  # as above

    console = stdout_console()
    for worked, chosen in zip(explained.worked, places, strict=True):
        from archinspect.render.worked import print_worked  # only for specs with numbers

        print_worked(worked, chosen, console)
        console.print()
    print_explained(explained, console)


def _walk(worked: Sequence[Worked], delay: float | None) -> None:
    if not (sys.stdin and sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError("--step needs a terminal; --cell all prints every sum")
    if len(worked) != 1:
        names = ", ".join(one.layer for one in worked)
        raise click.UsageError(f"--step: name one layer of {names}" if names else f"--step: {NOT_WORKED}")
    from archinspect.cli.stepping import walk  # only with --step

    walk(worked[0], stdout_console(), delay)


def _show_differences(explained: Explained, form: str) -> None:
    from archinspect.render import differences as render  # only with --convention

    if form == "table":
        render.print_differences(explained.report, explained.differences, stdout_console())
    else:
        click.echo(render.differences_text(explained, form))


def _places(worked: Sequence[Worked], cell: tuple[int, ...] | None) -> list[list[tuple[int, ...]]]:
    """Return the cells of each layer that --cell means; empty for the usual ones."""
    if cell is None:
        return [[] for _ in worked]
    if not worked:
        raise click.UsageError(f"--cell: {NOT_WORKED}")
    try:
        return [one.places(cell) for one in worked]
    except ValueError as error:
        raise click.UsageError(f"--cell {error}") from None
