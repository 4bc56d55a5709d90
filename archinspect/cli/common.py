"""What several commands share: options, reading a spec, printing problems."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from archinspect.cli.kinds import Assignment, DataType, Depth, Form, InputShape, SpecType
from archinspect.cli.output import color
from archinspect.ops.figures import ATTENTION, DTYPES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from types import ModuleType

    from click.shell_completion import CompletionItem
    from rich.console import Console

    from archinspect.analyses.devices import Device
    from archinspect.base.diagnostics import Diagnostic
    from archinspect.base.source import Value
    from archinspect.cli.completion import Completion
    from archinspect.render.styled import Pipe
    from archinspect.reports.summary import Report

OPTIMIZERS = ("sgd", "momentum", "rmsprop", "adagrad", "adam", "adamw", "adafactor", "adam8bit")
"""The names of :data:`archinspect.reports.memory.OPTIMIZERS`, which are loaded only where one is asked for."""
PRECISIONS = ("amp", "bf16-master")
"""As :data:`archinspect.reports.memory.PRECISIONS`."""
POLICIES = ("eager", "inline", "ideal")
"""As :data:`archinspect.analyses.memory.POLICIES`."""
FORMATS = (
    *("nf4", "nf4-dq", "llm-int8", "gptq", "awq", "mxfp4", "mxfp8", "nvfp4"),
    *("q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "iq4_nl", "q2_k", "q3_k", "q4_k", "q5_k", "q6_k", "iq4_xs"),
)
"""The names of :data:`archinspect.analyses.formats.FORMATS`, which are loaded only where one is asked for."""
KV_FORMATS = ("q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "iq4_nl")
"""Those of :data:`archinspect.analyses.formats.KV_FORMATS`."""
CONVENTIONS = (
    *("archinspect", "macs", "torch", "torchinfo", "fvcore", "thop", "ptflops", "calflops"),
    *("keras", "convnet-burden"),
)
"""The names of :data:`archinspect.conventions.CONVENTIONS`, which are loaded only where one is asked for."""
LEAST_WIDTH = 80
"""The width of a terminal that does not say its own."""
NATURAL_WIDTH = 100_000
"""The width of a pipe or file, which has no edge."""


def completed(name: str) -> Completion:
    """Return a completion of :mod:`archinspect.cli.completion`, which is imported when a shell asks."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from archinspect.cli import completion

        found: list[CompletionItem] = getattr(completion, name)(ctx, param, incomplete)
        return found

    return complete


def spec_argument(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add SPEC to a command."""
    return click.argument("spec", type=SpecType())(function)


depth_option = click.option(
    "--depth", type=Depth(), help="Fold everything below this level; chosen by length unless given."
)
expand_option = click.option(
    "--expand/--fold",
    "expand",
    default=None,
    help="Equal blocks in a row: each, as json and csv have them, or one row with their sum.",
)
exact_option = click.option("--exact", is_flag=True, help="Print exact integers instead of 1.81 G and 2.25 MiB.")


def format_option(*forms: str, help: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the option --format; the first form is the default."""
    return click.option("--format", "form", type=Form(forms), default=forms[0], show_default=True, help=help)


convention_option = click.option(
    "--convention",
    type=click.Choice(CONVENTIONS),
    metavar="TOOL",
    help=f"Count as a tool does: {', '.join(CONVENTIONS)}.",
)
dtype_option = click.option(
    "--dtype",
    type=DataType([name for name in DTYPES if name != "float"]),
    metavar="TYPE",
    default="float32",
    show_default=True,
    help="What the network computes in: float32, float16, bfloat16, int8, ...",
)
activations_option = click.option(
    "--activations",
    "--memory",
    "memory",
    is_flag=True,
    help="Also what is held at one time: at inference, and for backward.",
)
batch_option = click.option("--batch", type=click.IntRange(1, 10**6), metavar="N", help="Samples in a batch.")


def _as_dict(ctx: click.Context, param: click.Parameter, pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise click.BadParameter(f"'{name}' is given twice" if name else "is given twice", ctx, param)
        found[name] = value
    return found


def refuse_ignored(names: Iterable[str], reason: str) -> None:
    """Leave with 2 where an option was given that does nothing here; `names` are those of the command's arguments."""
    ctx = click.get_current_context()
    for param in ctx.command.params:
        if param.name in names and ctx.get_parameter_source(param.name) is click.core.ParameterSource.COMMANDLINE:
            name = param.opts[0] if param.param_type_name == "option" else param.human_readable_name
            raise click.UsageError(f"{name} has no effect {reason}")


input_option = click.option(
    "--input",
    "inputs",
    type=InputShape(),
    multiple=True,
    callback=_as_dict,
    help="Another size for the input: 299x299x3; name=SHAPE where there are several.",
)
SCALE = "scale"


def _note_scale(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    if value is not None:
        ctx.meta[SCALE] = Assignment().convert(f"{SCALE}={value}", param, ctx)


def _params(ctx: click.Context, param: click.Parameter, pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    scale = ctx.meta.get(SCALE)
    return _as_dict(ctx, param, [*pairs, *([scale] if scale else [])])


def set_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options --set and --scale."""
    assigned = click.option(
        "--set",
        "params",
        type=Assignment(),
        multiple=True,
        callback=_params,
        shell_complete=completed("assignments"),
        help="Another value for a parameter of the spec: classes=10.",
    )
    scale = click.option(
        "--scale",
        metavar="NAME",
        is_eager=True,  # --set takes it in
        expose_value=False,
        callback=_note_scale,
        help="As --set scale=NAME: of a family of YOLO n, s, m, l, x.",
    )
    return assigned(scale(function))


cached_option = click.option(
    "--cached",
    "past",
    type=click.IntRange(0, 10**9),
    metavar="STEPS",
    default=0,
    help="A step of a decoder with so many cached; of one, unless --set seq or --input says more.",
)


lora_option = click.option(
    "--lora",
    metavar="r=8,targets=q|v",
    help="Train low-rank adapters of these products alone: a pattern of whole names, or all-linear; alpha=16 scales.",
)
fold_option = click.option(
    "--fold-bn", is_flag=True, help="Fold batch normalization into the convolution or product before it."
)


def shape_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that change shapes: --batch, --input, --set."""
    return batch_option(input_option(set_option(function)))


def device_options(help: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the options --device and --devices; `help` says what the device is for."""
    name = click.option(
        "--device",
        metavar="NAME",
        shell_complete=completed("devices"),
        help=f"{help} h100, a100, t4, rtx4090, jetson-orin, ...",
    )
    file = click.option("--devices", type=click.Path(), metavar="FILE", help="A file with devices of your own (docs).")
    return lambda function: name(file(function))


def device_asked_for(name: str | None, file: str | None) -> Device | None:
    """Return the device of that name, None without one; leave with 2 where it is not known, or a file has no use."""
    if not name and not file:
        return None
    from archinspect.analyses import devices  # only where a device is named

    with spec_errors():
        if not name:
            raise click.UsageError(
                f"--devices: choose one with --device: {', '.join(devices.device_names(file)[:6])}, ..."
            )
        try:
            return devices.find_device(name, file)
        except ValueError as error:
            raise click.UsageError(str(error)) from None


def figure_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that change figures: --batch, --dtype, --input, --set."""
    return batch_option(dtype_option(input_option(set_option(function))))


def plan_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of :class:`archinspect.reports.memory.Plan`."""
    options = [
        dtype_option,
        click.option(
            "--optimizer",
            type=click.Choice(OPTIMIZERS),
            metavar="NAME",
            default="adam",
            show_default=True,
            help=f"Optimizer: {', '.join(OPTIMIZERS)}.",
        ),
        click.option(
            "--precision",
            type=click.Choice(PRECISIONS),
            help="Training in two types: float32 under torch.autocast (amp), or a float32 copy of weights in 16 bits.",
        ),
        click.option("--mixed", is_flag=True, help="As --precision bf16-master, in the type of --dtype."),
        click.option("--checkpointing", is_flag=True, help="Compute repeated blocks again instead of keeping them."),
        click.option(
            "--policy",
            type=click.Choice(POLICIES),
            default="eager",
            show_default=True,
            help="When activations are freed at inference: as PyTorch does, blocks being functions (eager) or"
            " written out in one (inline), or after their last reader (ideal).",
        ),
        click.option(
            "--attention",
            type=click.Choice(ATTENTION),
            default="fused",
            show_default=True,
            help="How attention is computed: in one kernel, by PyTorch's own products, or by two products written out.",
        ),
        click.option(
            "--kv-cache",
            "cached",
            type=click.IntRange(0, 10**9),
            metavar="STEPS",
            default=0,
            help="Steps whose keys and values a decoder keeps.",
        ),
        click.option(
            "--kv-dtype",
            type=DataType([*(name for name in DTYPES if name != "float"), *KV_FORMATS]),
            metavar="TYPE",
            help="Type of the keys and values that are kept; that of --dtype unless given.",
        ),
        click.option(
            "--weights-dtype",
            type=DataType([*(name for name in DTYPES if name != "float"), *FORMATS]),
            metavar="TYPE",
            help="How weights are stored: a type, or nf4, nf4-dq, gptq, awq, mxfp4, nvfp4, q4_k, q8_0, ...",
        ),
    ]
    for option in reversed(options):
        function = option(function)
    return function


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
        sys.exit(1)


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


def stdout_page() -> Console | Pipe:
    """Return standard output for what is written without Rich where there are no colors, as :func:`stdout_console`."""
    from archinspect.render.styled import Pipe

    forced = color() == "always" or any(os.environ.get(name) for name in ("FORCE_COLOR", "TTY_COMPATIBLE"))
    if forced or sys.stdout.isatty():
        return stdout_console()
    return Pipe(_stated_width() or NATURAL_WIDTH)


def _stated_width() -> int:
    """Return the width that `COLUMNS` states; 0 where it states none."""
    columns = os.environ.get("COLUMNS", "")
    return int(columns) if columns.strip("0").isdecimal() else 0


def has_edge(console: Console | Pipe) -> bool:
    """Return whether it is a terminal, whose width is known."""
    return console.is_terminal and console.width < NATURAL_WIDTH


def stderr_console() -> Console:
    """Return a console on stderr."""
    return _console(stderr=True)


def _console(*, stderr: bool = False) -> Console:
    from rich.console import Console  # programs' formats do without

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
    console.width = console.width or LEAST_WIDTH  # of `COLUMNS=0`, which says nothing
    return console
