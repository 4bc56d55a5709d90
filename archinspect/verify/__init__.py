"""Figures that prove themselves: a network is exported, the program is measured, and every figure is compared."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from archinspect.base.diagnostics import refuse_unknown
from archinspect.exporters.refusal import CannotExportError
from archinspect.verify import process
from archinspect.verify.partial import UNWRITTEN, alike, unsaid, without
from archinspect.verify.rows import CannotMeasureError, Failure, RefusedError, Row, Verification

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
    :class:`~archinspect.exporters.refusal.CannotExportError` for what the target cannot say; where that is some layers
    among others, these are left out, and said to be.
    """
    refuse_unknown("a target", target, TARGETS)
    make: type[Against] = import_module(f"archinspect.verify.against_{target}").Program
    left = unsaid(network.with_known_sizes().facts)
    while True:
        try:
            return _Asked(network, target, make, pythons, left).measured(batches, numbers)
        except (CannotExportError, RefusedError) as error:
            if not _can_go_without(network, error.layer, left):
                raise
            left[error.layer] = error.reason
            if isinstance(error, RefusedError):  # a process was asked, and would say the same of each
                same = [layer for layer in alike(network.facts, error.layer) if _can_go_without(network, layer, left)]
                left.update(dict.fromkeys(same, error.reason))


def _can_go_without(network: Network, layer: str, left: Mapping[str, str]) -> bool:
    """Return whether something is left to be measured without a layer, and others that were left out before.

    A stub makes what it gives of what it reads, in a type that frameworks compute in.
    """
    layers = {node.layer for node in network.graph.nodes}
    nodes = [node for node in network.graph.nodes if node.layer == layer]
    types = [type_.dtype for node in nodes for type_ in network.facts.call(node).outputs]
    made = all(node.inputs for node in nodes) and UNWRITTEN not in types
    return made and layer in layers - left.keys() and bool(layers - left.keys() - {layer})


class _Asked(NamedTuple):
    """A network's program of which some layers are left out."""

    network: Network
    target: str
    make: type[Against]
    pythons: Sequence[str]
    left: Mapping[str, str]

    def program(self, batch: int) -> Against:
        """Return it at a batch."""
        return self.make(without(self.network.with_settings(batch=batch).facts, self.left.keys()))

    def measured(self, batches: Sequence[int | None], numbers: Numbers | None) -> list[Verification]:
        """Return the verification at each batch; with the first come the numbers."""
        programs = [self.program(batch or 1) for batch in batches]
        jobs = [program.job for program in programs]
        if numbers is not None:
            numbers = numbers.before(self.left.keys(), self.network.graph.nodes)
            runs = self.program(1)
            jobs.append({**runs.job, "numbers": runs.run_with(numbers)})
        measured = process.measure(self.target, self.make.package, jobs, self.pythons)
        for figures in measured:
            if "error" in figures:
                message = f"{TITLES[self.target]} refuses the program: {figures['error']}"
                raise RefusedError(message, programs[0].layer_at(figures.get("at", "")), figures["error"])
        found = []
        for batch, program, figures in zip(batches, programs, measured, strict=False):
            if "refused" in figures and batch is None:
                found += self.measured([2], None)
            else:
                found.append(_verification(program, self.target, figures, self.left))
        if numbers is not None:
            rows = numbers.rows(runs.computed(measured[-1]["values"]))
            found[0] = found[0]._replace(rows=(*found[0].rows, *rows), computed_by=measured[-1]["computed_by"])
        return found


def _verification(program: Against, target: str, measured: Mapping[str, Any], left: Mapping[str, str]) -> Verification:
    facts = program.facts
    hidden = {*left, *(node.path for node in facts.graph.nodes if node.layer in left)}
    return Verification(
        *(facts.graph.name, target, measured["version"], facts.batch),
        rows=tuple(row for row in program.rows(measured) if row.layer not in hidden),
        within=program.within,
        left_out=program.left_out,
        refused=measured.get("refused", ""),
        computed_by="",
        partial=dict(left),
    )
