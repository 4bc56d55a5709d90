"""Figures that prove themselves: a network is exported, the program is measured, and every figure is compared."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from archinspect.base.diagnostics import refuse_unknown
from archinspect.verify import process
from archinspect.verify.rows import CannotMeasureError, Failure, Row, Verification

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from archinspect._network import Network
    from archinspect.verify.against import Against
    from archinspect.verify.worked import Numbers

__all__ = ["TARGETS", "TITLES", "CannotMeasureError", "Failure", "Row", "Verification", "verify", "verify_batches"]

TARGETS = {
    "pytorch": "all figures, on its meta device",
    "keras": "shapes and parameters, with any backend",
    "onnx": "shapes and parameters, by its own shape inference",
}
"""What each target measures; its module, `against_NAME`, is imported when it is asked for."""
TITLES = {"pytorch": "PyTorch", "keras": "Keras", "onnx": "ONNX"}
"""What each calls itself."""


def verify(network: Network, target: str = "pytorch", *, pythons: Sequence[str] = ()) -> Verification:
    """Return a network's figures beside those of what it is exported to; see :func:`verify_batches`."""
    (found,) = verify_batches(network, target, [network.settings.batch], pythons=pythons)
    return found


def verify_batches(
    network: Network,
    target: str,
    batches: Sequence[int | None],
    *,
    pythons: Sequence[str] = (),
    numbers: Numbers | None = None,
) -> list[Verification]:
    """Return a network's figures at each batch beside those of what it is exported to, measured in one process.

    `pythons` are those that may have the framework, before this one. Where it does not train on one sample, and the
    batch is None, all figures are of two. With `numbers` the program is run on one sample, too. Raise
    :class:`CannotMeasureError`, ImportError without a library that the export needs, and
    :class:`~archinspect.exporters.refusal.CannotExportError` for what the target cannot say.
    """
    refuse_unknown("a target", target, TARGETS)
    make: type[Against] = import_module(f"archinspect.verify.against_{target}").Program
    programs = [make(network.with_settings(batch=batch or 1).facts) for batch in batches]
    jobs = [program.job for program in programs]
    if numbers is not None:
        one = make(network.with_settings(batch=1).facts)
        jobs.append({**one.job, "numbers": one.run_with(numbers)})
    measured = process.measure(target, make.package, jobs, pythons)
    for figures in measured:
        if "error" in figures:
            raise CannotMeasureError(f"{TITLES[target]} refuses the program: {figures['error']}")
    found = []
    for batch, program, figures in zip(batches, programs, measured, strict=False):
        if "refused" in figures and batch is None:
            found += verify_batches(network, target, [2], pythons=pythons)
        else:
            found.append(_verification(program, target, figures))
    if numbers is not None:
        rows = tuple(numbers.rows(one.computed(measured[-1]["values"])))
        found[0] = found[0]._replace(rows=(*found[0].rows, *rows), computed_by=measured[-1]["computed_by"])
    return found


def _verification(program: Against, target: str, measured: Mapping[str, Any]) -> Verification:
    facts = program.facts
    return Verification(
        *(facts.graph.name, target, measured["version"], facts.batch, tuple(program.rows(measured))),
        within=program.within,
        left_out=program.left_out,
        refused=measured.get("refused", ""),
        computed_by="",
    )
