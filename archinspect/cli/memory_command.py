"""`archinspect memory`."""

from __future__ import annotations

from typing import Any

import click

from archinspect.cli.common import refuse_ignored, spec_errors, stdout_console
from archinspect.cli.options import (
    cached_option,
    exact_option,
    fold_option,
    format_option,
    lora_option,
    plan_options,
    shape_options,
    spec_argument,
)
from archinspect.cli.output import echo


@click.command("memory")
@spec_argument
@cached_option
@lora_option
@fold_option
@shape_options
@plan_options
@exact_option
@format_option(
    "table", "json", "csv", "markdown", help="json and csv: exact bytes; json has every step of the timeline, too."
)
def command(spec: str, form: str, *, exact: bool, **options: Any) -> None:  # noqa: ANN401 - as the API takes them
    """Show what memory a network takes: its weights, inference with what is alive at the peak, training.

    Figures are of tensors, by PyTorch's rules (`archinspect docs counting`); what a driver or a framework takes comes
    on top.

    \b
    Examples:
      archinspect memory resnet50 --batch 32
      archinspect memory gpt2 --batch 8 --optimizer adamw --dtype bfloat16 --mixed --checkpointing
      archinspect memory gpt2 --batch 8 --precision amp
      archinspect memory llama2_7b --dtype float16 --weights-dtype nf4 --kv-cache 4096 --set seq=1
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    if options["past"]:
        refuse_ignored(("optimizer", "precision", "mixed", "checkpointing"), "with --cached, whose step trains nothing")
    elif not options["cached"]:
        refuse_ignored(("kv_dtype",), "without --kv-cache or --cached")
    from archinspect.reports.memory import Plan  # a help page needs no engine

    sizes = {name: options.pop(name) for name in ("batch", "inputs", "params", "past", "lora", "fold_bn")}
    with spec_errors() as api:
        try:
            plan = Plan(**options).checked()
        except ValueError as error:
            raise click.UsageError(str(error)) from None
        found = api.memory_report(spec, plan, **sizes)
    if form == "table":
        from archinspect.render.memory import print_memory  # a help page needs no Rich

        print_memory(found, stdout_console(), exact=exact)
    else:
        from archinspect.render.memory import memory_text  # as above

        echo(memory_text(found, form, exact=exact))
