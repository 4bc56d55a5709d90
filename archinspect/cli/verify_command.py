"""`archinspect verify`: figures beside those that frameworks measure on the exported program."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from archinspect.cli.common import spec_errors, stdout_console
from archinspect.cli.kinds import Batches, Names
from archinspect.cli.options import format_option, input_option, set_option, spec_argument

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from archinspect._network import Network
    from archinspect.verify import Failure, Verification
    from archinspect.verify.worked import Numbers


@click.command("verify")
@spec_argument
@click.option(
    "--against",
    "targets",
    type=Names(),
    metavar="NAMES",
    default="pytorch",
    show_default=True,
    help="pytorch (all figures), keras, onnx (shapes and parameters); several by commas.",
)
@click.option(
    "--python",
    "pythons",
    metavar="PATH",
    multiple=True,
    help="A Python that has the framework, asked before this one; more than once for several.",
)
@click.option("--all", "everything", is_flag=True, help="Also the layers whose figures are equal.")
@click.option("--values", is_flag=True, help="Also run it, with the spec's `values`, and compare the worked sums.")
@format_option("table", "json", help="table or json.")
@click.option("--batch", "batches", type=Batches(), help="Samples in a batch; several by commas: 1,3.")
@input_option
@set_option
def command(  # noqa: PLR0913 - one per option
    spec: str,
    *,
    targets: Sequence[str],
    pythons: Sequence[str],
    form: str,
    batches: Sequence[int],
    values: bool,
    everything: bool,
    **settings: Any,  # noqa: ANN401 - as api.network takes them
) -> None:
    """Prove a network's figures: export it, measure the program, and compare.

    Nothing is computed without --values: PyTorch builds the module on its meta device, Keras without weights, ONNX
    infers shapes. It compares parameters, buffers, MACs, those of backward, the bytes that backward keeps, the peak of
    activations, and each layer's shape and parameters, as far as the framework tells them. The exit code is 1 if a
    figure is not equal.

    \b
    Examples:
      archinspect verify resnet50
      archinspect verify resnet50 --against pytorch,keras,onnx --batch 1,3
      archinspect verify net.yaml --python ~/torch/bin/python --format json
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from archinspect.render import verify as render  # a help page needs none of these
    from archinspect.verify import TARGETS

    if not targets or not set(targets) <= TARGETS.keys():
        raise click.BadParameter(f"name some of {', '.join(TARGETS)}", param_hint="--against")
    with spec_errors() as api:
        network = api.network(spec, **settings)
        numbers = _numbers(network) if values else None
        found = list(_verify(network, targets, batches or [None], pythons=pythons, numbers=numbers))
    if form == "json":
        click.echo(render.verifications_text(network.graph.name, found))
    else:
        render.print_verifications(found, stdout_console(), everything=everything)
    sys.exit(max(one.code for one in found))


def _numbers(network: Network) -> Numbers:
    from archinspect.verify import CannotMeasureError  # only here
    from archinspect.verify.worked import numbers_of

    try:
        return numbers_of(network)
    except CannotMeasureError as error:
        raise click.UsageError(str(error)) from None


def _verify(
    network: Network,
    targets: Sequence[str],
    batches: Sequence[int | None],
    *,
    pythons: Sequence[str],
    numbers: Numbers | None,
) -> Iterator[Verification | Failure]:
    """Yield what each target says; what cannot be said or measured of one does not keep the others from it."""
    from archinspect.exporters.refusal import CannotExportError
    from archinspect.verify import TITLES, CannotMeasureError, Failure, verify_batches

    for target in dict.fromkeys(targets):
        try:
            yield from verify_batches(network, target, batches, pythons=pythons, numbers=numbers)
        except CannotExportError as error:
            yield Failure(target, f"{TITLES[target]} cannot say {error}", 1)
        except (CannotMeasureError, ImportError) as error:
            yield Failure(target, str(error), 2)
