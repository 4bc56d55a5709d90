"""`archinspect chart`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from archinspect.base.printable import printable
from archinspect.cli.asked import SettingSpec
from archinspect.cli.common import refuse_ignored, spec_errors, stdout_console
from archinspect.cli.options import figure_options, format_option
from archinspect.cli.output import form_of_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from archinspect.cli.asked import Asked
    from archinspect.reports.chart import Chart

SIZE = "params"
ILSVRC = ("year", "ilsvrc_top5_error", "")


@click.command("chart")
@click.argument("specs", type=SettingSpec(), nargs=-1, metavar="[SPEC]...")
@click.option("--x", default="macs", show_default=True, metavar="FIGURE", help="What the horizontal axis shows.")
@click.option("--y", default="top1", show_default=True, metavar="FIGURE", help="What the vertical axis shows.")
@click.option("--size", default=SIZE, show_default=True, metavar="FIGURE", help="What marks are sized by, or none.")
@click.option(
    "--data", type=click.Path(exists=True, dir_okay=False), metavar="FILE", help="A CSV with points of your own."
)
@click.option("--ilsvrc", is_flag=True, help="Instead: error by year in the ImageNet challenge, and a person's.")
@figure_options
@format_option(*("table", "json", "csv", "markdown", "svg"), help="svg: a picture, as -o x.svg.")
def command(  # noqa: PLR0913 - one per option
    specs: Sequence[Asked],
    x: str,
    y: str,
    size: str,
    data: str | None,
    form: str,
    *,
    ilsvrc: bool,
    **figures: Any,  # noqa: ANN401 - as load_report takes them
) -> None:
    """Chart networks: accuracy over operations, with marks sized by parameters, or any other figures.

    A figure is params, macs, flops, weights, memory, peak, kept, layers, year, top1, top5, ..., or another number that
    specs state as `metrics`. Without SPEC it shows all built-in networks of which both figures are known. The file of
    --data has a column `name`, and columns called as the figures. A network may have settings of its own after `@`.

    \b
    Examples:
      archinspect chart
      archinspect chart --x params --y top5 -o chart.svg
      archinspect chart vgg16 resnet50 efficientnet_b0 --x memory
      archinspect chart resnet50 resnet50@input=160x160x3 --x macs --y peak
      archinspect chart --ilsvrc
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    if ilsvrc:
        refuse_ignored(("x", "y", "size"), "with --ilsvrc, which has its own")
        x, y, size = ILSVRC
    size = "" if size == "none" else size
    found = _chart(specs, [x, y, *([size] if size else [])], data, figures, is_ilsvrc=ilsvrc)
    if not found.points:
        raise click.UsageError(f"there is no network of which {x} and {y} are known")
    if size not in ("", SIZE) and not any(point.size for point in found.points):
        raise click.UsageError(f"there is no network of which {size} is known: --size none draws marks of one size")
    form = form_of_file(form)
    from archinspect.render import chart as render  # a help page needs none

    if form == "table":
        render.print_chart(found, stdout_console())
    elif form == "svg":
        from archinspect.render.chart_svg import chart_svg

        click.echo(chart_svg(found))
    else:
        click.echo(render.chart_text(found, [x, y, *([size] if size else [])], form))


def _chart(
    specs: Sequence[Asked], names: Sequence[str], data: str | None, figures: dict[str, Any], *, is_ilsvrc: bool
) -> Chart:
    """Return the chart of the networks asked for, or of all built-in ones of which its figures are known."""
    from archinspect import api
    from archinspect.base.source import SourceError
    from archinspect.reports.chart import HUMAN, chart, values_of
    from archinspect.reports.totals import METRICS, TOTALS

    memory = bool({"peak", "kept"} & {*names})
    rows: list[tuple[str, Mapping[str, float | None]]] = []
    if specs:
        with spec_errors():
            for asked in specs:
                found = api.network(asked.spec, **asked.figures(figures)).as_measured().report(memory=memory)
                rows.append((printable(asked.text), values_of(found, names)))
    elif not data:
        refuse_ignored(("batch", "dtype", "inputs", "params", "scale"), "without SPEC")
        stated = [name for name in names[:2] if name in METRICS or name not in TOTALS]
        reports = api.builtin_reports(as_measured=True, stated=stated, memory=memory)
        rows += [(name, values_of(report, names)) for name, report in reports]
        rows = [row for row in rows if all(row[1][name] is not None for name in names[:2])]
    if data:
        import csv  # only a file needs it

        try:
            rows += list(_read(data, names))
        except (SourceError, ValueError, csv.Error) as error:
            raise click.UsageError(f"{printable(data)}: {error}") from None
    x, y, *size = names
    line = (HUMAN, f"a person, {HUMAN} %") if is_ilsvrc else None
    return chart(rows, x, y, size[0] if size else "", line)


def _number(text: str) -> float | None:
    """Return a number; None for what is none."""
    from math import isfinite

    try:
        value = float(text)
    except ValueError:
        return None
    return value if isfinite(value) else None


def _read(path: str, names: Sequence[str]) -> Iterator[tuple[str, dict[str, float | None]]]:
    """Yield the points of a CSV file; raise ValueError for what is none."""
    import csv

    from archinspect.base.source import read_file

    rows = csv.DictReader(read_file(path).text.splitlines(), strict=True)
    columns = list(rows.fieldnames or ())
    missing = [name for name in ("name", *names[:2]) if name not in columns]
    if missing and len(columns) == 1 and (found := {";", "\t", "|"}.intersection(columns[0])):
        raise ValueError(f"fields are separated by {' and '.join(map(repr, sorted(found)))}, not by commas")
    if missing:
        raise ValueError(f"there is no column {' and no '.join(map(repr, missing))}")
    for row in rows:
        if None in row:
            raise ValueError(f"line {rows.line_num}: there are more fields than columns")
        values: dict[str, float | None] = {}
        for name in names:
            text = (row.get(name) or "").strip()
            values[name] = None if not text else _number(text)
            if text and values[name] is None:
                raise ValueError(f"line {rows.line_num}: {name} is not a number: {text[:40]!r}")
        yield printable(row["name"] or "?"), values
