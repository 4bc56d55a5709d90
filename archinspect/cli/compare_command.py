"""`archinspect compare`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from archinspect.cli.asked import SettingSpec
from archinspect.cli.common import load_report, refuse_ignored, stdout_console
from archinspect.cli.kinds import OneOf
from archinspect.cli.options import (
    activations_option,
    completed,
    convention_option,
    depth_option,
    exact_option,
    figure_options,
    fold_option,
    format_option,
)
from archinspect.cli.output import form_of_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.cli.asked import Asked
    from archinspect.reports.summary import Report

LEAST_SPECS = 2
SORT_KEYS = ("params", "macs", "flops", "weights", "memory", "layers", "year", "top1", "top5", "ilsvrc_top5_error")


class TotalColumns(click.ParamType):  # type: ignore[type-arg] # generic from click 8.4 on
    """Names of totals, separated by commas."""

    name = "names"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:  # noqa: ANN401 - click's
        """Return the names."""
        from archinspect.reports.totals import TOTALS

        names = tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else tuple(value)
        for name in names:
            if name not in TOTALS:
                self.fail(f"no column '{name}'; there are {', '.join(TOTALS)}", param, ctx)
        return names


@click.command("compare")
@click.argument("specs", type=SettingSpec(), nargs=-1, required=True, metavar="SPEC SPEC...")
@depth_option
@click.option(
    "--columns",
    type=TotalColumns(),
    default=(),
    metavar="NAMES",
    shell_complete=completed("totals"),
    help="Totals: year, top1, params, macs, weights, peak, kept, weighted, ...",
)
@click.option(
    "--sort",
    type=OneOf(SORT_KEYS),
    help="Largest first, error rates smallest first, instead of the order given.",
)
@click.option(
    "--cost",
    type=OneOf(("params", "macs", "none")),
    default="params",
    show_default=True,
    help="What stands beside the boxes, with its share of the network.",
)
@convention_option
@activations_option
@fold_option
@figure_options
@exact_option
@format_option(
    *("table", "json", "csv", "markdown", "svg"),
    help="json has everything that `summary` has; svg: the stacks, as -o x.svg.",
)
def command(  # noqa: PLR0913 - one per option
    specs: Sequence[Asked],
    depth: int | None,
    columns: tuple[str, ...],
    sort: str | None,
    cost: str,
    form: str,
    *,
    memory: bool,
    exact: bool,
    **figures: Any,  # noqa: ANN401 - the figure options, as load_report takes them
) -> None:
    """Show networks side by side: totals with ratios to the first, then their layers as stacks.

    A box stands for a layer that has weights, merges, attends or pools, or for a block; the others are named below.
    Equal blocks that follow one another are one box. Layers that correspond stand in one line. A network may have
    settings of its own after `@`.

    \b
    Examples:
      archinspect compare alexnet vgg16 vgg19
      archinspect compare resnet50 my_resnet.yaml --depth 1
      archinspect compare resnet50 resnet50@input=160x160x3 gpt2@seq=512@batch=8
      archinspect compare vgg16 vgg16_bn --format markdown
      archinspect compare alexnet vgg16 vgg19 -o stacks.svg
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    if len(specs) < LEAST_SPECS:
        raise click.UsageError("compare needs two specs or more; `archinspect summary` shows one")
    form = form_of_file(form)
    if form not in ("table", "svg"):
        refuse_ignored(("depth", "cost"), f"with --format {form}, which has no stacks")
    if form == "json":
        refuse_ignored(("columns",), "with --format json, which has everything")
    if form == "svg":
        refuse_ignored(("columns", "exact", "convention", "memory"), "in a picture, which has no table of totals")
    from archinspect.render import compare as render  # a help page needs none
    from archinspect.reports.comparison import compare, own_titles
    from archinspect.reports.totals import known

    memory = memory or bool({"peak", "kept"} & {*columns})
    reports = [_report(asked, memory=memory, **figures) for asked in specs]
    titles = own_titles(reports, [asked.text for asked in specs])
    if sort:
        sign = 1 if sort.endswith("error") else -1
        values = [known(sort, report) for report in reports]
        order = sorted(range(len(reports)), key=lambda place: (values[place] is None, sign * (values[place] or 0)))
        reports, titles = [reports[place] for place in order], [titles[place] for place in order]
    found = compare(reports, titles, depth)
    cost = "" if cost == "none" else cost
    if form == "table":
        from archinspect.render.stacks import print_comparison  # programs' formats do without Rich

        print_comparison(found, columns, stdout_console(), cost=cost, exact=exact)
    elif form == "svg":
        from archinspect.render.stacks_svg import stacks_svg

        click.echo(stacks_svg(found, cost=cost))
    else:
        click.echo(render.compare_text(found, form, columns, exact=exact))


def _report(asked: Asked, *, memory: bool, **figures: Any) -> Report:  # noqa: ANN401 - as load_report takes them
    """Return a network's report, by the options and its own settings."""
    return load_report(asked.spec, **asked.figures(figures), memory=memory)
