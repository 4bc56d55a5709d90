"""`archinspect compare`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from archinspect.cli.common import SpecType, exact_option, format_option, load_report, stdout_console
from archinspect.cli.summary_command import Depth

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.reports.summary import Report, Row

LEAST_SPECS = 2
COMFORTABLE_BOXES = 48
SHOWN_KINDS = frozenset(("convolution", "dense", "pooling", "composite"))


@click.command("compare")
@click.argument("specs", type=SpecType(), nargs=-1, required=True, metavar="SPEC SPEC...")
@click.option("--depth", type=Depth(), help="Fold everything below this level; chosen by length unless given.")
@click.option("--batch", type=click.IntRange(1, 10**6), metavar="N", help="Samples in a batch.")
@exact_option
@format_option("table", "json", "csv", "markdown", help="json has everything that `summary` has, for each network.")
def command(specs: tuple[str, ...], depth: int | None, batch: int | None, form: str, *, exact: bool) -> None:
    """Show networks side by side: totals with ratios to the first, then their layers as stacks.

    The stacks show convolutions, fully connected layers, pooling and, where a network is folded, its
    blocks; layers that correspond stand in one line.

    \b
    Examples:
      archinspect compare alexnet vgg16 vgg19
      archinspect compare resnet50 my_resnet.yaml --depth 1
      archinspect compare vgg16 vgg16_bn --format markdown
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    if len(specs) < LEAST_SPECS:
        raise click.UsageError("compare needs two specs or more; `archinspect summary` shows one")
    reports = [load_report(spec, batch, "float32") for spec in specs]
    if form == "table":
        from archinspect.render.compare import print_comparison
        from archinspect.reports.comparison import align  # programs' formats do without

        stacks = [boxes(report, depth) for report in reports]
        print_comparison(reports, align(stacks), stdout_console(), exact=exact)
    else:
        click.echo(_text(reports, form, exact=exact))


def boxes(report: Report, depth: int | None) -> Sequence[Row]:
    """Return the rows of a network's stack: whole, or folded until at most 48 are left."""
    depths = [depth] if depth else range(report.depth, 0, -1)
    rows: list[Row] = []
    for level in depths:
        rows = [row for row in report.fold(level) if row.kind in SHOWN_KINDS]
        if len(rows) <= COMFORTABLE_BOXES:
            break
    return rows


def _text(reports: Sequence[Report], form: str, *, exact: bool) -> str:
    from archinspect.render import data  # the table does without

    if form == "json":
        return data.json_text([report.as_dict() for report in reports])
    from archinspect.render.compare import figure_rows, figures_of  # JSON does without

    header = ["", *(report.name for report in reports)]
    if form == "csv":
        rows: list[list[object]] = [
            [title, *(value(r) for r in reports)] for title, (value, _) in figures_of(reports).items()
        ]
        return data.csv_text(header, [*rows, ["Status", *(r.status for r in reports)]])
    return data.markdown_table(header, figure_rows(reports, exact=exact), range(1, len(header)))
