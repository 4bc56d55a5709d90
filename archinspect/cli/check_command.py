"""`archinspect check`."""

from __future__ import annotations

import re
import signal
import sys
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from archinspect import __version__
from archinspect.base.printable import printable
from archinspect.cli.common import refuse_ignored, stderr_console, stdout_console
from archinspect.cli.files import file_options
from archinspect.cli.kinds import Percent, SpecType, Whole, of_format
from archinspect.cli.rules import rule_options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from click.shell_completion import CompletionItem

    from archinspect.checks.outcome import Outcome
    from archinspect.checks.selection import Choice
    from archinspect.project.cache import Cache
    from archinspect.project.discovery import Target
    from archinspect.project.run import Checker, Result, Wanted

MANY = 200
"""Files that take a while."""


class Written(NamedTuple):
    """A format, and the file that it goes to; standard output without one."""

    form: str
    file: str = ""


class FormatAndFile(click.ParamType):  # type: ignore[type-arg] # generic from click 8.4 on
    """The name of a format, perhaps with a file: `sarif=out.sarif`."""

    name = "format"

    def convert(self, value: str | Written, param: click.Parameter | None, ctx: click.Context | None) -> Written:
        """Return both; refuse what is no format."""
        if isinstance(value, Written):
            return value
        from archinspect.render.check import FORMATS  # a help page needs none

        form, equals, file = value.partition("=")
        if form not in FORMATS:
            from archinspect.base.diagnostics import suggest  # the error path only

            self.fail(f"no format '{form}': {suggest(form, FORMATS)}", param, ctx)
        if equals and not file:
            self.fail(f"no file after '{form}='", param, ctx)
        return Written(form, file)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the formats that begin so."""
        from click.shell_completion import CompletionItem  # only completion needs it

        from archinspect.render.check import FORMATS

        return [CompletionItem(name) for name in FORMATS if name.startswith(incomplete)]


class Expected(click.ParamType):  # type: ignore[type-arg] # generic from click 8.4 on
    """A figure and its bound, `params <= 5 M`, or what `expect` of a spec takes: `fits: {device: t4, batch: 32}`."""

    name = "bound"

    def convert(
        self, value: str | dict[str, Any], param: click.Parameter | None, ctx: click.Context | None
    ) -> dict[str, Any]:
        """Return the bound by the figure's name; refuse what is none."""
        if isinstance(value, dict):
            return value
        from archinspect.base.source import Source, SourceError
        from archinspect.base.yaml_core import read_tree
        from archinspect.checks.bounds import refused

        match = re.fullmatch(r"\s*(\w+)\s*(?:[:=](?!=)|(?=[<>=]))\s*(.+)", value, re.DOTALL)
        if match is None:
            return self.fail(f"'{value}' is no bound such as 'params <= 5 M'", param, ctx)
        try:
            is_quantity = match[2][0] in "<>="  # for YAML, `>` begins a text of several lines
            found = {match[1]: match[2] if is_quantity else read_tree(Source("--expect", match[2])).plain()}
        except SourceError as error:
            return self.fail(f"'{value}': {error.message}", param, ctx)
        wrong = refused(found)
        return self.fail(wrong, param, ctx) if wrong else found


class CheckedType(SpecType):
    """A file, a folder or a name: never a built-in network instead of a file that is not there."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return it."""
        return value


@click.command("check")
@click.argument("specs", type=CheckedType(), nargs=-1, metavar="[FILE|DIR|PATTERN|NAME|-]...")
@click.option(
    "--format",
    "--output-format",
    "forms",
    type=FormatAndFile(),
    multiple=True,
    metavar="NAME[=FILE]",
    help="full (the default), concise, table, json, csv, markdown, github, gitlab, sarif, junit, rdjson; into a file "
    "with =FILE. Repeatable.",
)
@rule_options
@click.option("--expect", type=Expected(), multiple=True, metavar="BOUND", help="A bound of a figure: 'params <= 5 M'.")
@click.option(
    "--baseline",
    is_flag=False,
    flag_value="",
    metavar="[FILE]",
    help="Figures may not differ from those stored here; without FILE, where `baseline write` stores them.",
)
@click.option("--tolerance", type=Percent(), metavar="PERCENT", help="By how many percent they may differ.")
@click.option("--update-baseline", is_flag=True, help="Store the figures of what is checked anew.")
@click.option("--strict", is_flag=True, help="Warnings fail too.")
@click.option("--require-complete", is_flag=True, help="A network of which not everything is counted fails.")
@file_options
@click.option("--stdin-filename", metavar="FILE", help="What standard input (`-`) is called.")
@click.option("--statistics", is_flag=True, help="How often each code was found, instead of the problems.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 whatever is found.")
@click.option("--fix", is_flag=True, help="Write what a program may write by itself, and tell what is left.")
@click.option("--diff", is_flag=True, help="Show what --fix would write, and write nothing; exit with 1 for any.")
@click.option("--no-cache", is_flag=True, envvar="ARCHINSPECT_NO_CACHE", help="Check all files, and store nothing.")
@click.option(
    "--cache-dir",
    metavar="DIR",
    envvar="ARCHINSPECT_CACHE_DIR",
    help="Where to store what was found, for the next run.",
)
@click.option(
    "--jobs", type=Whole(min=1), metavar="N", help="How many processes to use; unless given, as many as are useful."
)
@click.option("--watch", is_flag=True, help="Check again whenever a file changes, until it is interrupted.")
@click.option("--show-files", is_flag=True, help="Print the files that would be checked.")
def command(specs: tuple[str, ...], forms: tuple[Written, ...], rules: Choice, **options: Any) -> None:  # noqa: ANN401 - as click's
    """Check that specs fit together and keep what their `expect` states.

    A name with a suffix or a slash is a file or a folder; others may be built-in networks. Folders, this one without
    arguments, are searched for .yaml and .yml files with `layers`, `input` or `extends`. Hidden ones and what git
    ignores are left out. Exit codes: 0 all clean, 1 problems found, 2 wrong usage, a file that is not there,
    or one that archinspect fails on.

    \b
    Examples:
      archinspect check my_net.yaml
      archinspect check specs/ --format concise --extend-select bias-before-norm
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    if options["watch"]:
        from archinspect.cli.watching import watch  # only where asked for

        _refuse_with_watch(specs, options)
        watch(lambda: _check(specs, forms, rules, options))
    sys.exit(_check(specs, forms, rules, options)[0])


def _refuse_with_watch(specs: tuple[str, ...], options: dict[str, Any]) -> None:
    others = [name for name in ("diff", "show_files", "update_baseline") if options[name]]
    if others or "-" in specs:
        what = f"--{others[0].replace('_', '-')}" if others else "standard input"
        raise click.UsageError(f"--watch goes on until it is interrupted, which {what} does not")


def _check(
    specs: tuple[str, ...], forms: tuple[Written, ...], rules: Choice, options: dict[str, Any]
) -> tuple[int, list[str]]:
    """Check once; return the exit code, and the files that were looked at."""
    from archinspect.project.configuration import ConfigurationError  # a help page needs no engine
    from archinspect.project.faults import is_fault
    from archinspect.project.run import Checker

    try:
        targets = options["targets"](specs)
        if "-" not in specs:
            refuse_ignored(("stdin_filename",), "without `-`, standard input")
        if options["baseline"] is None and not any(target.configuration.baseline for target in targets):
            refuse_ignored(("tolerance",), "without a baseline")
        if options["show_files"]:
            click.echo("\n".join(printable(target.name) for target in targets))
            return 0, []
        wanted = _wanted(rules, options)
        checker = Checker(wanted, of_format, options["stdin_filename"] or "")
        if options["fix"] or options["diff"]:
            _fix(targets, checker, writes=not options["diff"])
        results, missing = _results(targets, checker, options)
    except ConfigurationError as error:
        raise click.UsageError(printable(str(error))) from None
    if options["update_baseline"] and not missing:
        _update(targets, checker, options["baseline"])
    if results or not missing:
        _print(_outcome(results, checker), forms or _configured(results), statistics=options["statistics"])
    for message in missing:
        click.echo(f"Error: {message}", err=True)
    failed = any(result.failed for result in results) or any(
        True for one in checker.baselines.values() for _ in one.gone()
    )
    failed = failed and not options["exit_zero"]
    is_faulty = any(is_fault(result.checked.diagnostics) for result in results)
    return 2 if missing or is_faulty else int(failed), [target.name for target in targets]


def _results(targets: Sequence[Target], checker: Checker, options: dict[str, Any]) -> tuple[list[Result], list[str]]:
    """Return what is wrong with files, and what is said of those that there are not, in their order."""
    from archinspect.project.run import NotThere

    found: dict[int, Result | NotThere] = {}
    cache = None if options["no_cache"] else _cache(targets, checker.wanted, options["cache_dir"])
    try:
        with _progress(len(targets)) as done:
            for place, one in checker.check_all(targets, cache, options["jobs"]):
                found[place] = one
                done()
    finally:
        if cache:
            cache.write()
    ordered = [found[place] for place in range(len(targets))]
    missing = [one.message for one in ordered if isinstance(one, NotThere)]
    return [one for one in ordered if not isinstance(one, NotThere)], missing


def _cache(targets: Sequence[Target], wanted: Wanted, named: str | None) -> Cache:
    """Return the cache of a run: beside the configuration of its first file, or else in the working directory."""
    import os

    from archinspect.project.cache import FOLDER, Cache

    first = next((target.configuration for target in targets if target.configuration.path), None)
    if not named and first:
        named = os.path.join(first.root, os.path.expanduser(first.get("cache-dir") or FOLDER))
    return Cache(named or FOLDER, wanted)


@contextmanager
def _progress(files: int) -> Iterator[Callable[[], None]]:
    """Show how many files are done, where someone looks on and it takes a while; give what tells of one more."""
    from archinspect.render.progress import is_watched  # a help page needs none

    if files < MANY or not is_watched():
        yield lambda: None
        return
    from rich.progress import Progress  # only a terminal needs it

    # Ctrl-C may not end this process at once: the bar hides the cursor.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    # Without a thread that draws, so that other processes can start as copies of this one.
    bar = Progress(console=stderr_console(), transient=True, auto_refresh=False)
    try:
        bar.start()
        task = bar.add_task("checking", total=files)

        def done() -> None:
            bar.advance(task)
            if bar.tasks[0].completed % 20 == 0:
                bar.refresh()

        yield done
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)  # as shells have it
    finally:
        bar.stop()
        signal.signal(signal.SIGINT, before)


def _fix(targets: Sequence[Target], checker: Checker, *, writes: bool) -> None:
    """Make the fixes of files; or show them, and leave with 1 where there are some."""
    from archinspect.project.files import write  # only where asked for
    from archinspect.project.fixes import difference

    shown = 0
    for name, before, after, count in checker.fixes(targets):
        if writes:
            write(name, after)
            click.echo(f"{printable(name)}: {count} fixed", err=True)
        else:
            click.echo(difference(printable(name), before, after), nl=False)
            shown += 1
    if not writes:
        sys.exit(int(shown > 0))


def _wanted(rules: Choice, options: dict[str, Any]) -> Wanted:
    from archinspect.project.run import Wanted

    return Wanted(
        rules,
        options["strict"],
        options["require_complete"],
        {name: value for one in options["expect"] for name, value in one.items()},
        options["baseline"],
        options["tolerance"],
        options["update_baseline"],
    )


def _update(targets: Sequence[Target], checker: Checker, named: str | None) -> None:
    """Store the figures of what was checked anew, each in the baseline of its configuration."""
    import os

    from archinspect.project import baselines
    from archinspect.project.run import measured

    by_file: dict[str, list[Target]] = {}
    for target in targets:
        file = named or target.configuration.baseline or baselines.DEFAULT_FILE
        by_file.setdefault(file, []).append(target)
    for file, some in by_file.items():
        old = baselines.read(file, 0) if os.path.exists(file) else baselines.Baseline(file, {})
        networks, _, _ = measured(some, old, of_format)
        baselines.write(file, baselines.updated(old, networks))
        click.echo(f"{printable(file)}: written", err=True)


def _configured(results: Sequence[Result]) -> tuple[Written, ...]:
    """Return the formats that the first file's configuration names."""
    named = next((result.configuration.get("output-format") for result in results), None)
    return tuple(FormatAndFile().convert(one, None, None) for one in named or ())


def _print(outcome: Outcome, forms: Sequence[Written], *, statistics: bool) -> None:
    """Print what was found in each format; where all go to files, people read it on standard output besides."""
    from archinspect.render.check import write
    from archinspect.render.check.summary import print_statistics  # a help page needs none

    for form, file in forms:
        if file:
            with open(file, "w", encoding="utf-8", newline="\n") as stream, redirect_stdout(stream):
                write(form, outcome, stdout_console())
    shown = [form for form, file in forms if not file]
    if statistics:
        print_statistics(outcome, stdout_console())
        return
    for form in shown or ["full"]:
        write(form, outcome, stdout_console())


def _outcome(results: Sequence[Result], checker: Checker) -> Outcome:
    from archinspect.checks.outcome import Outcome  # a help page needs none

    checked = [result.checked for result in results]
    files = [(printable(one.path), one.diagnostics) for one in checked]
    others = [(printable(one.path), gone) for one in checker.baselines.values() if (gone := list(one.gone()))]
    return Outcome(files, sum(one.template for one in checked), others, __version__)
