"""Options that several commands have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from archinspect.cli.kinds import Assignment, DataType, Depth, Form, InputShape, OneOf, SpecType, Whole
from archinspect.ops.figures import ATTENTION, DTYPES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from click.shell_completion import CompletionItem

    from archinspect.cli.completion import Completion

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
    help="Show each of several equal blocks in a row, as json and csv do, or one row with their sum.",
)
exact_option = click.option("--exact", is_flag=True, help="Print exact integers instead of 1.81 G and 2.25 MiB.")


def format_option(*forms: str, help: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the option --format; the first form is the default."""
    return click.option("--format", "form", type=Form(forms), default=forms[0], show_default=True, help=help)


convention_option = click.option(
    "--convention",
    type=OneOf(CONVENTIONS),
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
batch_option = click.option("--batch", type=Whole(1, 10**6), metavar="N", help="Samples in a batch.")


def as_dict(ctx: click.Context, param: click.Parameter, pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return the values by name; refuse a name that is given twice."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise click.BadParameter(f"'{name}' is given twice" if name else "is given twice", ctx, param)
        found[name] = value
    return found


input_option = click.option(
    "--input",
    "inputs",
    type=InputShape(),
    multiple=True,
    callback=as_dict,
    help="Another size for the input: 299x299x3; name=SHAPE where there are several.",
)
SCALE = "scale"


def _note_scale(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    if value is not None:
        ctx.meta[SCALE] = Assignment().convert(f"{SCALE}={value}", param, ctx)


def _params(ctx: click.Context, param: click.Parameter, pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    scale = ctx.meta.get(SCALE)
    return as_dict(ctx, param, [*pairs, *([scale] if scale else [])])


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
    type=Whole(0, 10**9),
    metavar="STEPS",
    default=0,
    help="Count a decoder's step after STEPS cached ones; one, unless --set seq or --input says more.",
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
    file = click.option(
        "--devices",
        type=click.Path(),
        metavar="FILE",
        help="A file with devices of your own: see `archinspect docs counting`.",
    )
    return lambda function: name(file(function))


def figure_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that change figures: --batch, --dtype, --input, --set."""
    return batch_option(dtype_option(input_option(set_option(function))))


def plan_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of :class:`archinspect.reports.memory.Plan`."""
    options = [
        dtype_option,
        click.option(
            "--optimizer",
            type=OneOf(OPTIMIZERS),
            metavar="NAME",
            default="adam",
            show_default=True,
            help=f"Optimizer: {', '.join(OPTIMIZERS)}.",
        ),
        click.option(
            "--precision",
            type=OneOf(PRECISIONS),
            help="Training in two types: float32 under torch.autocast (amp), or a float32 copy of weights in 16 bits.",
        ),
        click.option("--mixed", is_flag=True, help="As --precision bf16-master, in the type of --dtype."),
        click.option("--checkpointing", is_flag=True, help="Compute repeated blocks again instead of keeping them."),
        click.option(
            "--policy",
            type=OneOf(POLICIES),
            default="eager",
            show_default=True,
            help="When activations are freed at inference: as PyTorch does, blocks being functions (eager) or"
            " written out in one (inline), or after their last reader (ideal).",
        ),
        click.option(
            "--attention",
            type=OneOf(ATTENTION),
            default="fused",
            show_default=True,
            help="How attention is computed: in one kernel, by PyTorch's own products, or by two products written out.",
        ),
        click.option(
            "--kv-cache",
            "cached",
            type=Whole(0, 10**9),
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
