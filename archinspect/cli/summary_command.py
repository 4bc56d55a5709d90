"""`archinspect summary`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from archinspect import __version__
from archinspect.cli.common import (
    convention_option,
    exact_option,
    figure_options,
    format_option,
    load_report,
    spec_argument,
    stdout_console,
)
from archinspect.render.columns import COLUMNS, cells, columns_of, default_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.reports.summary import Report, Row

COMFORTABLE_ROWS = 60
SORT_KEYS = ("params", "macs", "flops", "memory")


class Depth(click.ParamType):  # type: ignore[type-arg] # generic from click 8.4 on
    """A number of levels, or `all`."""

    name = "N|all"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number of levels; a large one for `all`."""
        if value == "all":
            return 1000
        if not str(value).isdecimal() or not 0 < int(value) <= 1000:  # noqa: PLR2004 - more than any spec can nest
            self.fail(f"'{value}' is neither a number of levels from 1 nor 'all'", param, ctx)
        return int(value)


class Columns(click.ParamType):  # type: ignore[type-arg] # generic from click 8.4 on
    """Names of columns, separated by commas."""

    name = "names"

    def convert(
        self, value: str | Sequence[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Return the names."""
        names = tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else tuple(value)
        for name in names:
            if name not in COLUMNS:
                self.fail(f"no column '{name}'; there are {', '.join(COLUMNS)}", param, ctx)
        return names


@click.command("summary")
@spec_argument
@click.option("--depth", type=Depth(), help="Fold everything below this level; chosen by length unless given.")
@click.option("--columns", type=Columns(), help=f"Any of: {', '.join(COLUMNS)}.")
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
def command(  # noqa: PLR0913 - one an option
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
    report = load_report(spec, **figures, memory=memory or "kept" in (columns or ()))
    if methods:
        from archinspect.render.methods import sentences  # only where asked for

        click.echo(sentences(report, __version__))
        return
    whole = form in ("json", "csv") and depth is None
    depth = report.depth if whole else depth or comfortable_depth(report)
    rows: Sequence[Row] = report.layers if depth >= report.depth else report.fold(depth)
    if sort:
        rows = sorted(rows, key=columns_of(report)[sort].value, reverse=True)  # type: ignore[arg-type] # numbers
    columns = columns or default_columns(report, rows)
    if form == "table":
        from archinspect.render.table import print_summary  # programs' formats do without Rich

        level = ""
        if depth < report.depth:
            level = f"folded to depth {depth} of {report.depth}; --depth all shows all {len(report.layers)} layers"
        print_summary(report, rows, columns, stdout_console(), exact=exact, level=level)
    else:
        click.echo(_text(report, rows, columns, form, exact=exact))


def comfortable_depth(report: Report) -> int:
    """Return the deepest level with at most 60 rows; 1 where every level has more."""
    depths = range(report.depth, 1, -1)
    return next((depth for depth in depths if len(report.fold(depth)) <= COMFORTABLE_ROWS), 1)


def _text(report: Report, rows: Sequence[Row], columns: Sequence[str], form: str, *, exact: bool) -> str:
    from archinspect.render import data  # the table does without

    known = columns_of(report)
    if form == "json":
        return data.json_text(report._replace(layers=tuple(rows)).as_dict())
    if form == "csv":
        ours = {name: "name" if name == "layer" else name for name in columns if known[name] is COLUMNS[name]}
        header = [ours.get(name, known[name].title) for name in columns]
        return data.csv_text([*header, "type"], ([*(known[c].value(r) for c in columns), r.type] for r in rows))
    titles = [known[name].title for name in columns]
    numbers = [index for index, name in enumerate(columns) if known[name].number]
    body = zip(*(cells(name, rows, exact=exact, columns=known) for name in columns), strict=True)
    total = f"{report.totals.params:,} parameters, {report.totals.macs:,} MACs, {report.totals.flops:,} FLOPs"
    if report.convention:
        from archinspect.conventions import find  # only where one is asked for

        words = {"params": "parameters", **{figure.name: figure.title for figure in find(report.convention).figures}}
        counted = [f"{report.counted[name]:,} {word}" for name, word in words.items()]
        total = f"{', '.join(counted)} ({report.convention})"
    from archinspect.render.status import status_lines  # the table has it

    closing = "\n".join(f"- {title}: {value}" for title, value in [("Total", total), *status_lines(report.uncounted)])
    return f"## {report.name}\n\n{data.markdown_table(titles, body, numbers)}\n\n{closing}"
