"""`archinspect fit`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from archinspect.cli.common import device_asked_for, refuse_ignored, spec_errors, stdout_page
from archinspect.cli.kinds import ByteCount
from archinspect.cli.options import (
    completed,
    device_options,
    exact_option,
    format_option,
    lora_option,
    plan_options,
    shape_options,
    spec_argument,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


@click.command("fit")
@spec_argument
@click.option("--memory", type=ByteCount(), help="The memory there is: 24GiB, 80GB.")
@device_options("A device whose memory that is:")
@click.option("--reserve", type=ByteCount(), help="Memory to leave free: 1GiB.")
@click.option("--train", is_flag=True, help="For training; else for inference.")
@click.option(
    "--vary",
    "names",
    multiple=True,
    metavar="NAME",
    shell_complete=completed("varied"),
    help="What to find the largest of: batch, or a parameter of the spec.",
)
@lora_option
@shape_options
@plan_options
@exact_option
@format_option("table", "json", "csv", "markdown", help="json and csv: exact bytes.")
def command(  # noqa: PLR0913, PLR0917 - as many options
    spec: str,
    memory: int | None,
    device: str | None,
    devices: str | None,
    reserve: int | None,
    names: Sequence[str],
    form: str,
    *,
    train: bool,
    exact: bool,
    **options: Any,  # noqa: ANN401 - as the API takes them
) -> None:
    """Find the largest batch that fits into memory, exactly, and the longest sequence.

    Without --vary it finds the largest batch. If the spec has a parameter `seq`, it also finds the longest sequence for
    one batch: --batch, or 1. Figures are of tensors, by PyTorch's rules; leave room for the rest with --reserve. The
    exit code is 1 if not even one fits.

    \b
    Examples:
      archinspect fit resnet50 --memory 24GiB --train --optimizer adam
      archinspect fit llama2_7b --memory 24GiB --dtype float16 --vary seq
      archinspect fit gpt2 --device a100 --train --mixed --dtype bfloat16 --checkpointing
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    if train:
        refuse_ignored(("policy", "cached", "kv_dtype"), "in training")
    else:
        refuse_ignored(("optimizer", "precision", "mixed", "checkpointing"), "without --train")
    if not options["cached"]:
        refuse_ignored(("kv_dtype",), "without --kv-cache")
    from archinspect.base.settings import SettingError  # a help page needs no engine
    from archinspect.reports.memory import Plan

    found_device = device_asked_for(device, devices)
    if (memory is None) == (found_device is None):
        raise click.UsageError("say either --memory or --device")
    memory = found_device.memory if found_device else memory or 0
    if reserve and reserve >= memory:
        raise click.UsageError("--reserve leaves nothing of the memory")
    sizes = {name: options.pop(name) for name in ("batch", "inputs", "params", "lora")}
    with spec_errors() as api:
        try:
            found = api.fit(spec, memory - (reserve or 0), Plan(**options), training=train, vary=names, **sizes)
        except SettingError:
            raise  # which names the option
        except ValueError as error:
            raise click.UsageError(str(error)) from None
    if all(one.vary == "batch" for one in found):
        refuse_ignored(("batch",), "where the batch is what is found")
    from archinspect.render.fit import fit_text  # a help page needs none

    click.echo(fit_text(found, form, stdout_page().width, exact=exact))
    sys.exit(0 if all(one.smallest is None for one in found) else 1)
