"""The command line. Only here are exit codes (0 clean, 1 problems found, 2 wrong usage), stdout and color."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

import click

from archinspect import __version__
from archinspect.cli.output import add_options

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = {
    "summary": "Show a network's layers: shapes, parameters, MACs, FLOPs, memory.",
    "explain": "Show the formula behind every figure of a layer, and worked sums.",
    "memory": "Show the memory that a network takes: weights, inference, training.",
    "fit": "Find the largest batch, or the longest sequence, that fits into memory.",
    "compute": "Show what layers compute and move, in training too, and a lower bound on their time on a device.",
    "formula": "Show figures as closed formulas in parameters, sizes and the batch.",
    "sweep": "Show the figures of every combination of parameters, sizes and batches.",
    "compare": "Show networks side by side: totals with ratios, then their layers.",
    "diff": "Show what changed from one network to another, and what each change adds.",
    "chart": "Chart networks: accuracy over operations, or any other figures.",
    "export": "Write a network as a program of PyTorch or Keras, or as an ONNX file.",
    "convert": "Write a network, from any file that is read, as a spec.",
    "verify": "Prove a network's figures: measure its exported program, and compare.",
    "check": "Check that specs fit together and keep what they expect.",
    "fmt": "Lay out the text of specs, all in one way.",
    "baseline": "Store what specs cost, for check --baseline.",
    "rule": "Explain a rule of check: what it finds, why, and what to do.",
    "clean": "Remove what check has stored for its next run.",
    "list": "List the built-in networks.",
    "show": "Print the text of a spec, built in or a file.",
    "formats": "List the formats of files that are read and written.",
    "lsp": "Serve an editor: what is wrong while typing, shapes, completion.",
    "schema": "Print a JSON Schema of the spec language, for editors.",
    "ops": "List the operators, or explain one.",
    "docs": "Print a page of the documentation.",
}
"""Every command and what it does; its module, of the same name, is imported when it is called."""


class LazyGroup(click.Group):
    """A group whose commands live in modules of their own; help needs none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the table's order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"archinspect.cli.{cmd_name}_command")
        command = cast("click.Command", module.command)
        add_options(command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from the table."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,  # noqa: ANN401 - as click's
    ) -> click.Context:
        """Read the command line, or print the help, to a pipe that may be closed."""
        try:
            return super().make_context(info_name, args, parent, **extra)
        except BrokenPipeError:
            _stop_writing()
            raise click.exceptions.Exit(0) from None

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; where a pipe was closed, its reader, such as `head`, has what it wanted."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # which click would make a failure
            _stop_writing()
            ctx.exit(0)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Name the nearest commands where there is none of this name."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            from archinspect.base.diagnostics import suggest  # the error path only

            ctx.fail(f"no command '{name}': {suggest(name, COMMANDS)}")
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "-V", "--version", message="archinspect %(version)s")
def cli() -> None:
    """Inspect neural-network architectures: shapes, parameters, MACs, FLOPs, memory.

    A network is a YAML spec, or the name of a built-in one. Nothing is run, and no deep-learning
    framework is needed.

    \b
    Examples:
      archinspect summary vgg16
      archinspect compare alexnet vgg16 vgg19
      archinspect check specs/
    """  # noqa: D301 - \b is click's mark for lines that stay as they are


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line."""
    _open_streams()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A terminal that cannot show a character shows `?` instead of a traceback.
            stream.reconfigure(errors="replace")
    try:
        try:
            cli(args)
        finally:
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
    except BrokenPipeError:
        _stop_writing()
        sys.exit(0)
    except OSError as error:
        _stop_writing()
        from archinspect.base.printable import printable  # the error path only

        with suppress(OSError):  # which may be of standard error
            click.echo(f"Error: {printable(str(error.filename or 'standard output'))}: {error.strerror}", err=True)
        sys.exit(2)


def _open_streams() -> None:
    """Let what is written vanish where a process was started without an output: `>&-`."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - it is open to the end


def _stop_writing() -> None:
    """Keep Python from complaining at exit of what it cannot write."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
