"""What several commands share: reading a spec, printing problems, where output goes."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import click

from archinspect.cli.output import color

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from types import ModuleType

    from rich.console import Console

    from archinspect.analyses.devices import Device
    from archinspect.base.diagnostics import Diagnostic
    from archinspect.base.source import Value
    from archinspect.render.styled import Page
    from archinspect.reports.summary import Report

LEAST_WIDTH = 80
"""The width of a terminal that does not say its own."""
NARROWEST = 20
"""No page is laid out for less: a narrower terminal wraps its lines."""
NATURAL_WIDTH = 100_000
"""The width of a pipe or file, which has no edge."""


def refuse_ignored(names: Iterable[str], reason: str) -> None:
    """Leave with 2 where an option was given that does nothing here; `names` are those of the command's arguments."""
    ctx = click.get_current_context()
    for param in ctx.command.params:
        if param.name in names and ctx.get_parameter_source(param.name) is click.core.ParameterSource.COMMANDLINE:
            name = param.opts[0] if param.param_type_name == "option" else param.human_readable_name
            raise click.UsageError(f"{name} has no effect {reason}")


def device_asked_for(name: str | None, file: str | None) -> Device | None:
    """Return the device of that name, None without one; leave with 2 where it is not known, or a file has no use."""
    if name is None and file is None:
        return None
    from archinspect.analyses import devices  # only where a device is named

    with spec_errors():
        if name is None:
            raise click.UsageError(
                f"--devices: choose one with --device: {', '.join(devices.device_names(file)[:6])}, ..."
            )
        try:
            return devices.find_device(name, file)
        except ValueError as error:
            raise click.UsageError(str(error)) from None


def load_report(  # noqa: PLR0913 - as the options
    spec: str,
    batch: int | None,
    dtype: str,
    inputs: Mapping[str, tuple[int, ...]] | None = None,
    params: Mapping[str, Value] | None = None,
    convention: str | None = None,
    *,
    memory: bool = False,
    past: int = 0,
    **changes: Any,  # noqa: ANN401 - further ones of api.network
) -> Report:
    """Return a spec's report; print its problems and leave with 1, or with 2 where there is no such spec."""
    with spec_errors() as api:
        report: Report = api.inspect(
            spec,
            batch=batch,
            dtype=dtype,
            inputs=inputs,
            params=params,
            convention=convention or "",
            memory=memory,
            past=past,
            **changes,
        )
    print_diagnostics(report.warnings)
    return report


@contextmanager
def spec_errors() -> Iterator[ModuleType]:
    """Give the API; print the problems of a bad spec and leave with 1, or with 2 where there is no such spec."""
    from archinspect import api  # a help page needs no engine
    from archinspect.base.diagnostics import InvalidSpecError
    from archinspect.base.settings import SettingError
    from archinspect.base.source import SourceError

    try:
        yield api
    except api.NotFoundError as error:
        raise click.UsageError(str(error)) from None
    except SettingError as error:
        raise click.UsageError(f"--{error}") from None
    except SourceError as error:
        from archinspect.base.diagnostics import Diagnostic  # the error path only

        print_diagnostics([Diagnostic(error.code, error.message, error.span, help=error.help)])
        sys.exit(2 if error.code == "file" else 1)
    except InvalidSpecError as error:
        print_diagnostics(error.diagnostics)
        _explain_inputs(api)
        sys.exit(2 if error.diagnostics[0].code == "file" else 1)


def _explain_inputs(api: ModuleType) -> None:
    """Say where --input does not have as many axes as the network's own input."""
    given = click.get_current_context().params.get("inputs")
    if not isinstance(given, dict) or not given:
        return
    try:
        inputs = api.network(click.get_current_context().params["spec"]).graph.inputs
    except Exception:  # noqa: BLE001 - the network has problems of its own, which were told
        return
    for node in inputs:
        shape = given.get(node.path) or (given.get("") if len(inputs) == 1 else None)
        own = node.op.output()[1:]
        if shape and len(shape) != len(own):
            axes = "axis" if len(shape) == 1 else "axes"
            example = "x".join(map(str, own))
            click.echo(
                f"Hint: --input gives {len(shape)} {axes}, the network's own input has {len(own)}: {example}", err=True
            )


def print_diagnostics(diagnostics: Sequence[Diagnostic]) -> None:
    """Print problems in full to stderr."""
    if not diagnostics:
        return
    from archinspect.render.diagnostics import full  # the error path only

    console = stderr_console()
    for diagnostic in diagnostics:
        console.print(full(diagnostic), soft_wrap=True)


def stdout_console() -> Console:
    """Return a console on stdout: as wide as the terminal, or without an edge in a pipe or file."""
    console = _console()
    if not console.file.isatty() and not _stated_width():
        console.width = NATURAL_WIDTH
    return console


def stdout_page() -> Console | Page:
    """Return standard output for what is written without Rich where that can be, as :func:`stdout_console`."""
    from archinspect.render.palette import codes
    from archinspect.render.styled import Page

    forced = color() == "always" or any(os.environ.get(name) for name in ("FORCE_COLOR", "TTY_COMPATIBLE"))
    if not (forced or sys.stdout.isatty()):
        return Page(_stated_width() or NATURAL_WIDTH)
    if forced or sys.platform == "win32" or os.environ.get("TERM", "").lower() in ("dumb", "unknown"):
        return stdout_console()
    has_colors = not os.environ.get("NO_COLOR") and _has_256_colors()
    styles = {} if color() == "never" else codes(colors=has_colors)
    return Page(_width_of_terminal(), is_terminal=True, codes=styles)


def _has_256_colors() -> bool:
    """Return whether the terminal says that it has 256 colors or more, as Rich understands it."""
    name = os.environ.get("TERM", "").strip().lower().rpartition("-")[-1]
    return os.environ.get("COLORTERM", "").strip().lower() in ("truecolor", "24bit") or name in ("256color", "kitty")


def _width_of_terminal() -> int:
    """Return the width that `COLUMNS` states, or the terminal."""
    if os.environ.get("COLUMNS", "").isdigit():
        return _stated_width() or LEAST_WIDTH
    for stream in range(3):  # one of which may be no terminal
        with suppress(OSError):
            return max(os.get_terminal_size(stream).columns or LEAST_WIDTH, NARROWEST)
    return LEAST_WIDTH


def _stated_width() -> int:
    """Return the width that `COLUMNS` states; 0 where it states none."""
    columns = os.environ.get("COLUMNS", "")
    return max(int(columns), NARROWEST) if columns.strip("0").isdecimal() else 0


def has_edge(console: Console | Page) -> bool:
    """Return whether it is a terminal, whose width is known."""
    return console.is_terminal and console.width < NATURAL_WIDTH


def stderr_console() -> Console:
    """Return a console on stderr."""
    return _console(stderr=True)


def _console(*, stderr: bool = False) -> Console:
    from rich.console import Console  # programs' formats do without

    from archinspect.render.palette import theme

    class Plain(Console):
        """Prints text as it is."""

        def on_broken_pipe(self) -> None:
            """Leave the error to who called: Rich would end the process with 1."""
            raise  # noqa: PLE0704 - it is called where one is caught

    asked = color()
    console = Plain(
        stderr=stderr,
        highlight=False,
        markup=False,
        emoji=False,
        color_system=None if asked == "never" else "auto",
        force_terminal=True if asked == "always" else None,
    )
    console.push_theme(theme(console))
    console.width = max(console.width or LEAST_WIDTH, NARROWEST)  # 0 is of `COLUMNS=0`, which says nothing
    return console
