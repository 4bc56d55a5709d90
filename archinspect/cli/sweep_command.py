"""`archinspect sweep`."""

from __future__ import annotations

import re
import sys
from io import StringIO
from typing import TYPE_CHECKING, Any

import click

from archinspect.cli.common import spec_errors, stdout_console
from archinspect.cli.kinds import Names
from archinspect.cli.options import as_dict, completed, dtype_option, exact_option, format_option, spec_argument

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from archinspect._network import Network
    from archinspect.analyses.sweep import Condition, Sweep
    from archinspect.render.sweep import Output

MOST = 10**9
"""Combinations of a sweep."""
MOST_VALUES = 10**6
"""Of one variable."""
_RANGE = re.compile(r"(\d{1,9})\.\.(\d{1,9})(?::(\d{1,9}))?\Z")
_WHERE = re.compile(r"\s*(\w+)\s*(<=|>=|==|=|<|>)\s*(.+)\Z")


def values_of(text: str) -> list[Any]:
    """Return the values that a text such as `64..512:8` or `1,2,4` stands for; raise ValueError for none."""
    found: list[Any] = []
    for part in map(str.strip, text.split(",")):
        match = _RANGE.match(part)
        if match is None:
            found.append(_value(part))
            continue
        first, last, step = int(match[1]), int(match[2]), int(match[3] or 1)
        if not step or last < first:
            raise ValueError(f"'{part}' is no range such as 64..512:8")
        some = range(first, last + 1, step)
        if len(found) + len(some) > MOST_VALUES:
            raise ValueError(f"'{part}' has more than {MOST_VALUES:,} values")
        found += some
    return found


def _value(text: str) -> Any:  # noqa: ANN401 - as a spec's
    from archinspect.base.yaml_core import MAX_DIGITS, resolve

    if not text:
        raise ValueError("a value is missing between commas")
    try:
        return resolve(text)
    except ValueError:
        raise ValueError(f"a number has more than {MAX_DIGITS} digits: {text[:40]}") from None


class Values(click.ParamType):  # type: ignore[type-arg] # generic from click 8.4 on
    """`name=64..512:8`, `name=1,2,4`."""

    name = "name=values"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, list[Any]]:
        """Return the name and its values."""
        name, equals, text = value.partition("=")
        if not equals or not name.strip() or not text.strip():
            self.fail(f"'{value}' is not name=values, such as width=64..512:8 or depth=2,4,8", param, ctx)
        try:
            return name.strip(), values_of(text)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Counts(click.ParamType):  # type: ignore[type-arg] # generic from click 8.4 on
    """`1..64`, `1,2,4`."""

    name = "values"

    def convert(self, value: str | list[Any], param: click.Parameter | None, ctx: click.Context | None) -> list[Any]:
        """Return the values."""
        if isinstance(value, list):
            return value
        try:
            return values_of(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Shapes(click.ParamType):  # type: ignore[type-arg] # generic from click 8.4 on
    """`128..256:32x128..256:32x3`, with the input's name where there are several."""

    name = "[name=]shape"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, list[list[int]]]:
        """Return the input's name, empty for the only one, and the values of each axis."""
        name, _, text = value.rpartition("=")
        try:
            axes = [values_of(part.replace(";", ",")) for part in re.split(r"[x×]", text.strip())]
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if not all(type(size) is int and size > 0 for axis in axes for size in axis):
            self.fail(f"'{value}' is no shape such as 128..256:32x128..256:32x3", param, ctx)
        return name.strip(), axes


_BYTES = ("output_bytes", "kept", "peak")
"""Columns that are sizes in bytes."""


class Where(click.ParamType):  # type: ignore[type-arg] # generic from click 8.4 on
    """`macs <= 300 M`."""

    name = "condition"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> Condition:
        """Return the column, the comparison and the number."""
        from archinspect.analyses.sweep import Condition
        from archinspect.base.quantity import parse_quantity

        match = _WHERE.match(value)
        try:
            if match is None:
                raise ValueError(value)  # noqa: TRY301 - one message for both
            return Condition(match[1], match[2], parse_quantity(match[3], of_bytes=match[1] in _BYTES).number)
        except ValueError:
            self.fail(f"'{value}' is no condition such as 'macs <= 300 M'", param, ctx)


@click.command("sweep")
@spec_argument
@click.option(
    "--set",
    "grid",
    type=Values(),
    multiple=True,
    callback=as_dict,
    shell_complete=completed("assignments"),
    help="Values of a variable: width=64..512:8, depth=2,4,8.",
)
@click.option(
    "--input",
    "inputs",
    type=Shapes(),
    multiple=True,
    callback=as_dict,
    help="Sizes of the input: 128..256:32x128..256:32x3.",
)
@click.option("--batch", type=Counts(), metavar="VALUES", help="Samples in a batch: 1..64.")
@dtype_option
@click.option(
    "--columns",
    "figures",
    type=Names(),
    shell_complete=completed("figures"),
    default="params,macs,flops,output_bytes",
    show_default=True,
    help="Figures: some of params, macs, flops, output_bytes, kept, peak.",
)
@click.option("--where", "conditions", type=Where(), multiple=True, help="Keep only these: 'macs <= 300 M'.")
@click.option(
    "--pareto",
    type=Names(),
    default=(),
    shell_complete=completed("figures"),
    help="Keep what no other beats in these figures: params,macs.",
)
@click.option("--sort", metavar="[-]NAME", help="Largest first in this column; -NAME: smallest first.")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False), help="A file to write; CSV goes on after an interruption."
)
@exact_option
@format_option(
    "table",
    "csv",
    "json",
    "markdown",
    "parquet",
    help="All but table have every row; but for markdown, numbers are exact.",
)
def command(  # noqa: PLR0913, PLR0917 - one per option
    spec: str,
    grid: dict[str, list[Any]],
    inputs: dict[str, list[list[int]]],
    batch: list[int] | None,
    dtype: str,
    figures: tuple[str, ...],
    conditions: Sequence[Condition],
    pareto: tuple[str, ...],
    sort: str | None,
    output: str | None,
    form: str,
    *,
    exact: bool,
) -> None:
    """Show the figures of every combination of values: of parameters, of input sizes, of batches.

    The network is traced once. Its formulas give a million combinations in a second or two, each exactly what
    `summary` says. Where they do not hold, the network is traced anew. Combinations that it refuses are left out.

    A file of CSV grows row by row: after an interruption the same command goes on where it ended.

    \b
    Examples:
      archinspect sweep mobilenet_v2 --input 96..224:32x96..224:32x3
      archinspect sweep resnet50 --set classes=10,100,1000 --batch 1..32 --columns macs,peak
      archinspect sweep gpt2 --set width=192..1536:12 --where "macs <= 100 G" --pareto params,macs
      archinspect sweep deep_residual --set depth=2..64 --format csv -o depths.csv
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from archinspect.render.status import status_lines
    from archinspect.render.sweep import Output

    with spec_errors() as api:
        first = {name: [axis[0] for axis in axes] for name, axes in inputs.items()}
        network = api.network(spec, dtype=dtype, inputs=first)
        try:
            sweep = network.sweep(_grid(network, grid, inputs, batch), figures)
            sorted_by = [] if sort is None else [sort.removeprefix("-")]
            sweep.check([*[condition.column for condition in conditions], *sorted_by], pareto)
            if sweep.combinations > MOST:
                raise ValueError(f"there are {sweep.combinations:,} combinations, more than {MOST:,}")  # noqa: TRY301 - one way out
            out = Output(sweep, form, output, stdout_console, exact=exact, resumable=not (pareto or sort))
            _run(sweep, out, conditions, pareto, sort)
        except ValueError as error:
            raise click.UsageError(str(error)) from None
    left_out = network.uncounted(sweep.figures)
    if left_out:
        lines = [f"{title}: {value}" for title, value in status_lines(left_out)]
        click.echo("\n".join(lines), err=form != "table")  # other formats are for programs


def _grid(
    network: Network,
    grid: Mapping[str, list[Any]],
    inputs: Mapping[str, list[list[int]]],
    batch: list[int] | None,
) -> dict[str, list[Any]]:
    """Return the values of each variable: an axis of an input that has one size is none."""
    from archinspect.analyses.formula import axes

    found = dict(grid)
    names = {place: name for name, place in axes(network.graph).items()}
    others = [("batch", batch)] if batch else []
    for name, sizes in inputs.items():
        path = name or network.graph.inputs[0].path
        others += [(names[path, at], size) for at, size in enumerate(sizes, 1) if len(size) > 1]
    for name, values in others:
        if found.setdefault(name, values) is not values:
            raise click.UsageError(f"'{name}' is given twice")
    if not found:
        raise click.UsageError("nothing varies: say --set NAME=VALUES, --input or --batch")
    return found


def _run(
    sweep: Sweep,
    out: Output,
    conditions: Sequence[Condition],
    pareto: tuple[str, ...],
    sort: str | None,
) -> None:
    """Give all chunks to the output: at once, or once all are known and sorted."""
    from archinspect.analyses import sweep as analysis

    shown = sys.stderr if out.shows_progress else StringIO()
    with out, click.progressbar(length=len(sweep), file=shown) as bar:
        bar.update(out.start)
        held = None
        for chunk in sweep.chunks(out.start):
            count = len(chunk.taken)
            rows = analysis.filtered(chunk, conditions)
            if pareto or sort:
                held = rows if held is None else analysis.joined(held, rows)
                held = analysis.front(held, pareto) if pareto else held
            else:
                out.write(rows, chunk.start + count)
            bar.update(count)
        if held is not None:
            out.write(analysis.ordered(held, sort) if sort else held, len(sweep))
