"""`archinspect diff`."""

from __future__ import annotations

import re
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from archinspect.base.diagnostics import InvalidSpecError
from archinspect.base.printable import printable
from archinspect.cli.asked import Asked, SettingSpec
from archinspect.cli.common import print_diagnostics, refuse_ignored, spec_errors, stdout_console
from archinspect.cli.kinds import Percent, Whole
from archinspect.cli.options import exact_option, figure_options, format_option

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from archinspect.reports.diff import Diff

NAMES = {
    "params": "params",
    "macs": "macs",
    "flops": "flops",
    "memory": "output_bytes",
    "peak": "peak_bytes",
    "kept": "kept_bytes",
}
"""Figures by the names that users say, those of the columns of `compare`."""
_LIMIT = re.compile(r"\s*(?P<name>\w+)\s*(?P<strict>>=?)\s*(?P<number>\d[\d._]*)\s*(?P<unit>%|[A-Za-z]*)\s*\Z")


class Limit(NamedTuple):
    """How much a figure may grow."""

    text: str
    figure: str
    number: float
    """As a part of the old figure where `is_part`, else as it is."""
    is_part: bool
    also_equal: bool

    def is_passed(self, found: Diff) -> bool:
        """Return whether the figure grows by more."""
        old, new = found.old[self.figure], found.new[self.figure]
        most = self.number * old if self.is_part else self.number
        return new - old > most or (self.also_equal and new - old == most > 0)


class LimitType(click.ParamType):  # type: ignore[type-arg] # generic from click 8.4 on
    """A figure and by how much it may grow: `params>1%`, `peak>=100MiB`."""

    name = "figure>growth"

    def convert(self, value: str | Limit, param: click.Parameter | None, ctx: click.Context | None) -> Limit:
        """Return the limit."""
        if isinstance(value, Limit):
            return value
        match = _LIMIT.match(value)
        if not match or match["name"] not in NAMES:
            self.fail(f"'{value}' is none of {', '.join(NAMES)} with a growth, such as 'params>1%'", param, ctx)
        from archinspect.base.quantity import parse_quantity  # only where a limit is given

        is_part, figure = match["unit"] == "%", NAMES[match["name"]]
        written = match["number"] + ("" if is_part else match["unit"])
        try:
            number = parse_quantity(written, of_bytes=figure.endswith("bytes")).number
        except ValueError:
            self.fail(f"'{value}': a growth is 1%, 5M or 100MiB", param, ctx)
        also_equal = match["strict"] == ">="
        return Limit(value, figure, float(number / 100 if is_part else number), is_part, also_equal)


@click.command("diff")
@click.argument("specs", type=SettingSpec(), nargs=-1, metavar="OLD NEW")
@click.option(
    "--git",
    "revision",
    metavar="REV",
    help="Compare files with what they were in this revision: those named, or all specs that changed.",
)
@click.option("--fail-on", "limits", type=LimitType(), multiple=True, help="Exit with 1 where a figure grows by more.")
@click.option(
    "--threshold",
    type=Percent(),
    default=0.0,
    metavar="PERCENT",
    help="Say nothing of networks of which no figure changes by more.",
)
@click.option("--rows", type=Whole(1), metavar="N", default=20, show_default=True, help="Changes that are shown.")
@figure_options
@exact_option
@format_option("table", "json", "markdown", help="markdown is a comment for a pull request.")
def command(  # noqa: PLR0913 - one per option
    specs: Sequence[Asked],
    revision: str | None,
    limits: Sequence[Limit],
    threshold: float,
    rows: int,
    form: str,
    *,
    exact: bool,
    **figures: Any,  # noqa: ANN401 - the figure options, as api.network takes them
) -> None:
    """Show what changed from one network to another, and what each change adds to every figure.

    Layers are matched by what they compute, their names and their order, so that a name may change. What a change
    adds has two parts: that of the changed layer itself, and that of later layers whose inputs have another shape. All
    changes add up to the difference exactly. A network may have parameters and an input of its own after `@`.

    \b
    Examples:
      archinspect diff resnet50 my_resnet.yaml
      archinspect diff my_model_v1.onnx my_model_v2.onnx --fail-on 'params>1%'
      archinspect diff vit_b_16 vit_b_16@depth=24
      archinspect diff --git main
      archinspect diff --git HEAD~1 specs/net.yaml --format markdown
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from archinspect.render import diff as render  # a help page needs none

    if form == "json":
        refuse_ignored(("rows",), "with --format json, which has them all")
    if revision is None and form != "markdown":
        refuse_ignored(("threshold",), "without --git or --format markdown")
    with ExitStack() as stack:
        if revision is None:
            if len(specs) != 2:  # noqa: PLR2004 - old and new
                raise click.UsageError("diff needs an old and a new network, or --git REV")
            _refuse_own(specs, ("batch", "dtype"), "in `diff`: both networks have that of --batch and --dtype")
            pairs = [(specs[1].text, specs[0], specs[1])]
            notes: list[str] = []
        else:
            from archinspect.cli import revisions  # only with --git

            _refuse_own(specs, Asked._fields[2:], "with --git")
            files, notes = revisions.pairs(revision, [asked.spec for asked in specs], stack)
            pairs = [(title, Asked(old, old), Asked(new, new)) for title, old, new in files]
        compared = _found(pairs, figures, notes, revision)
        found = [(title, one) for title, one in compared if _is_told(one, threshold) or revision is None]
    if form == "table":
        _print(found, notes, rows, exact=exact)
    elif form == "json":
        click.echo(render.json_text([one for _, one in found]))
    else:
        text = render.markdown_text([pair for pair in found if _is_told(pair[1], threshold)], rows, notes)
        click.echo(text, nl=bool(text))
    passed = [f"{title}: {limit.text}" for title, one in found for limit in limits if limit.is_passed(one)]
    for text in passed:
        click.echo(f"grows too much: {text}", err=True)
    sys.exit(1 if passed else 0)


def _refuse_own(specs: Sequence[Asked], names: Sequence[str], reason: str) -> None:
    """Leave with 2 where a network has one of these settings of its own."""
    for asked in specs:
        if any(getattr(asked, name) for name in names):
            raise click.UsageError(f"{printable(asked.text)}: such a setting has no effect {reason}")


def _found(
    pairs: Sequence[tuple[str, Asked, Asked]], figures: dict[str, Any], notes: list[str], revision: str | None
) -> Iterator[tuple[str, Diff]]:
    """Give the differences; a file that its old revision has with errors is a note, so that mending it can land."""
    for title, old, new in pairs:
        with spec_errors() as api:
            try:
                before = api.network(old.spec, **old.figures(figures))
            except InvalidSpecError as error:
                if revision is None:
                    raise
                first = printable(error.diagnostics[0].message)
                notes.append(f"{printable(title)}: not compared, as it has errors in {printable(revision)}: {first}")
                continue
            after = api.network(new.spec, **new.figures(figures))
            print_diagnostics(after.warnings)
            yield title, before.diff(after)


def _is_told(found: Diff, threshold: float) -> bool:
    if not threshold:
        return not found.is_empty
    return any(abs(change) * 100 > threshold * found.old[name] for name, change in found.change.items())


def _print(found: Sequence[tuple[str, Diff]], notes: Sequence[str], rows: int, *, exact: bool) -> None:
    from archinspect.render.diff import print_diff

    console = stdout_console()
    for number, (_, one) in enumerate(found):
        if number:
            console.print()
        print_diff(one, console, most=rows, exact=exact)
    for note in notes:
        click.echo(note)
    if not found and not notes:
        click.echo("no network changed")
