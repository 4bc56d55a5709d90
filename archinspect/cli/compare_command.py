"""`archinspect compare`."""

from __future__ import annotations

import click

from archinspect.cli.common import (
    SpecType,
    batch_option,
    depth_option,
    exact_option,
    format_option,
    load_report,
    stdout_console,
)

LEAST_SPECS = 2


@click.command("compare")
@click.argument("specs", type=SpecType(), nargs=-1, required=True, metavar="SPEC SPEC...")
@depth_option
@batch_option
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
    from archinspect.render import compare as render  # a help page needs none

    if form != "table":
        click.echo(render.compare_text(reports, form, exact=exact))
        return
    from archinspect.render.stacks import print_comparison
    from archinspect.reports.comparison import align  # programs' formats do without

    stacks = [render.boxes(report, depth) for report in reports]
    print_comparison(reports, align(stacks), stdout_console(), exact=exact)
