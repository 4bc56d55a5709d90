"""`archinspect summary`."""

from __future__ import annotations

from typing import Any

import click

from archinspect import __version__
from archinspect.cli.common import (
    Columns,
    completed,
    convention_option,
    depth_option,
    exact_option,
    figure_options,
    format_option,
    load_report,
    refuse_ignored,
    spec_argument,
    stdout_console,
)
from archinspect.cli.output import echo
from archinspect.render.columns import COLUMNS, default_columns

SORT_KEYS = ("params", "macs", "flops", "memory")


@click.command("summary")
@spec_argument
@depth_option
@click.option("--columns", type=Columns(), shell_complete=completed("columns"), help=f"Any of: {', '.join(COLUMNS)}.")
@click.option("--sort", type=click.Choice(SORT_KEYS), help="Largest first, instead of execution order.")
@convention_option
@click.option("--memory", is_flag=True, help="Also what is held at one time: at inference, and for backward.")
@click.option("--methods", is_flag=True, help="Print, instead, sentences for a paper that say what is counted.")
@exact_option
@format_option(
    "table",
    "json",
    "csv",
    "markdown",
    help="json and csv: exact integers, and every layer unless --depth is given.",
)
@figure_options
def command(  # noqa: PLR0913 - one per option
    spec: str,
    depth: int | None,
    columns: tuple[str, ...] | None,
    sort: str | None,
    form: str,
    *,
    exact: bool,
    methods: bool,
    memory: bool,
    **figures: Any,  # noqa: ANN401 - the figure options, as load_report takes them
) -> None:
    """Show a network's layers: output shapes, parameters, MACs, FLOPs, memory.

    SPEC is a file, `-` for standard input, or the name of a built-in network (`archinspect list`).

    \b
    Examples:
      archinspect summary vgg16
      archinspect summary resnet50 --depth 1
      archinspect summary resnet50 --depth all --sort macs
      archinspect summary mobilenet_v2 --input 160x160x3 --set classes=10 --batch 32
      archinspect summary my_net.yaml --format json
      archinspect summary vit_b_16 --depth 1 --convention fvcore
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    if methods:
        refuse_ignored(("depth", "columns", "sort", "form", "exact"), "with --methods")
    elif form == "json":
        refuse_ignored(("columns",), "with --format json, which has everything")
    report = load_report(spec, **figures, memory=memory or "kept" in (columns or ()))
    if methods:
        from archinspect.render.methods import sentences  # only where asked for

        click.echo(sentences(report, __version__))
        return
    from archinspect.render.rows import level_note, shown_depth, shown_rows  # a help page needs none

    depth = shown_depth(report, depth, form)
    rows = shown_rows(report, depth, sort)
    columns = columns or default_columns(report, rows)
    if form == "table":
        from archinspect.render.table import print_summary  # programs' formats do without Rich

        print_summary(report, rows, columns, stdout_console(), exact=exact, level=level_note(report, depth))
    else:
        from archinspect.render.summary import summary_text  # the table does without

        echo(summary_text(report, rows, columns, form, exact=exact))
