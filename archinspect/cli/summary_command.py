"""`archinspect summary`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from archinspect import __version__
from archinspect.cli.common import has_edge, load_report, refuse_ignored, stdout_page
from archinspect.cli.kinds import Columns, OneOf, SpecType
from archinspect.cli.options import (
    activations_option,
    cached_option,
    completed,
    convention_option,
    depth_option,
    exact_option,
    expand_option,
    figure_options,
    fold_option,
    format_option,
    lora_option,
    spec_argument,
)
from archinspect.cli.output import echo
from archinspect.render.columns import COLUMNS, SHARES

if TYPE_CHECKING:
    from collections.abc import Sequence

COLUMNS_HELP = f"Any of: {', '.join(COLUMNS)}; a share of the total: {', '.join(f'{name}%' for name in SHARES)}."
SORT_KEYS = ("params", "macs", "flops", "memory")


@click.command("summary")
@spec_argument
@click.argument("more", nargs=-1, type=SpecType())
@depth_option
@expand_option
@click.option("--columns", type=Columns(), shell_complete=completed("columns"), help=COLUMNS_HELP)
@click.option("--sort", type=OneOf(SORT_KEYS), help="Largest first, instead of execution order.")
@convention_option
@activations_option
@click.option("--methods", is_flag=True, help="Print, instead, sentences for a paper that say what is counted.")
@click.option("--oneline", is_flag=True, help="Print a line per network, its name first; SPEC may be several.")
@exact_option
@format_option(
    "table",
    "json",
    "csv",
    "markdown",
    help="json and csv: exact integers, and every layer unless --depth is given.",
)
@cached_option
@lora_option
@fold_option
@figure_options
def command(  # noqa: PLR0913 - one per option
    spec: str,
    more: tuple[str, ...],
    depth: int | None,
    columns: tuple[str, ...] | None,
    sort: str | None,
    form: str,
    *,
    expand: bool | None,
    exact: bool,
    methods: bool,
    oneline: bool,
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
      archinspect summary resnet18 resnet50 --oneline
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    if oneline:
        _print_lines((spec, *more), figures, exact=exact)
        return
    if more:
        raise click.UsageError("several networks: `--oneline` prints a line of each; see also `archinspect compare`")
    if methods:
        refuse_ignored(("depth", "expand", "columns", "sort", "form", "exact"), "with --methods")
    elif form == "json":
        refuse_ignored(("columns",), "with --format json, which has everything")
    report = load_report(spec, **figures, memory=memory or "kept" in (columns or ()))
    if methods:
        from archinspect.render.methods import sentences  # only where asked for

        click.echo(sentences(report, __version__))
        return
    from archinspect.render.rows import view  # a help page needs none

    shown = view(report, form, depth=depth, expand=expand, columns=columns, sort=sort)
    if form == "table":
        from archinspect.render.table import print_summary  # programs' formats do without Rich

        console = stdout_page()
        print_summary(report, shown, console, exact=exact, has_edge=has_edge(console))
    else:
        from archinspect.render.summary import summary_text  # the table does without

        echo(summary_text(report, shown.rows, shown.columns, form, exact=exact))


def _print_lines(specs: Sequence[str], figures: dict[str, Any], *, exact: bool) -> None:
    refuse_ignored(("depth", "expand", "columns", "sort", "convention", "memory", "methods", "form"), "with --oneline")
    from archinspect.render.summary import one_line  # as above

    failed = 0
    for spec in specs:
        try:
            click.echo(one_line(spec, load_report(spec, **figures), exact=exact))
        except SystemExit as ended:  # its problems are printed; the others have their lines
            failed = int(ended.code or 0)
    sys.exit(failed)
