"""`archinspect compute`."""

from __future__ import annotations

from typing import Any

import click

from archinspect.cli.common import device_asked_for, has_edge, spec_errors, stdout_console
from archinspect.cli.kinds import DataType, OneOf
from archinspect.cli.options import (
    cached_option,
    depth_option,
    device_options,
    exact_option,
    expand_option,
    fold_option,
    format_option,
    lora_option,
    shape_options,
    spec_argument,
)
from archinspect.cli.output import echo
from archinspect.ops.figures import ATTENTION, DTYPES

SORT_KEYS = ("macs", "flops", "moved", "intensity", "time")
TYPES = ("tf32", *(name for name in DTYPES if name != "float"))


@click.command("compute")
@spec_argument
@click.option("--train", "training", is_flag=True, help="Count backward, too: gradients of inputs and weights.")
@device_options("Bound the time on")
@click.option(
    "--dtype",
    type=DataType(TYPES),
    metavar="TYPE",
    default="float32",
    show_default=True,
    help="What the network computes in: float32, tf32, bfloat16, int8, ...",
)
@click.option(
    "--attention",
    type=OneOf(ATTENTION),
    default="fused",
    show_default=True,
    help="How attention is computed; in backward, fused computes the scores again.",
)
@depth_option
@expand_option
@click.option("--sort", type=OneOf(SORT_KEYS), help="Largest first, instead of execution order.")
@exact_option
@format_option(
    "table", "json", "csv", "markdown", help="json and csv: exact numbers, and every layer unless --depth is given."
)
@cached_option
@lora_option
@fold_option
@shape_options
def command(  # noqa: PLR0913 - one per option
    spec: str,
    *,
    training: bool,
    device: str | None,
    devices: str | None,
    dtype: str,
    attention: str,
    depth: int | None,
    expand: bool | None,
    sort: str | None,
    exact: bool,
    form: str,
    **sizes: Any,  # noqa: ANN401 - the options of shapes, as api.network takes them
) -> None:
    """Show what layers compute and move: MACs, FLOPs, bytes, FLOPs for each byte, and a roofline's time.

    The time is a bound, never a measurement: operator by operator, no run on the device is faster. Each takes its
    FLOPs at the device's peak or its bytes at the full bandwidth, whichever is longer.

    \b
    Examples:
      archinspect compute resnet50
      archinspect compute resnet50 --train --batch 32
      archinspect compute resnet50 --device h100 --dtype bfloat16 --batch 256
      archinspect compute gpt2 --device a100 --sort time --depth all
      archinspect compute vgg16 --device mine --devices my_devices.yaml
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    found_device = device_asked_for(device, devices)
    tf32 = dtype == "tf32"
    with spec_errors() as api:
        network = api.network(spec, dtype="float32" if tf32 else dtype, **sizes)
        try:
            computed = network.compute(training=training, device=found_device, attention=attention, tf32=tf32)
        except ValueError as error:
            raise click.UsageError(str(error)) from None
    from archinspect.render import compute as render  # a help page needs no engine
    from archinspect.render.rows import folds, level_note, most_rows, shown_depth
    from archinspect.reports.compute import compute_report

    report = network.report()
    at_most = most_rows(depth)
    depth = shown_depth(report, depth, form)
    found = compute_report(computed, report, depth, equal=folds(form, expand=expand), at_most=at_most)
    if sort:
        found = render.largest_first(found, sort)
    if form == "table":
        level = level_note(report, depth, found.rows)
        console = stdout_console()
        render.print_compute(found, console, exact=exact, level=level, sort=sort, has_edge=has_edge(console))
    else:
        echo(render.compute_text(found, form, exact=exact))
