"""Figures that prove themselves: a network is exported, the program is measured, and every figure is compared."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from archinspect.analyses.compute import analyze
from archinspect.analyses.facts import Facts
from archinspect.analyses.memory import kept_bytes, peak_bytes
from archinspect.analyses.weights import ledger
from archinspect.base.shape import size
from archinspect.exporters import pytorch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from archinspect._network import Network

SECONDS = 600
"""That a measurement may take."""
ATTENTION = "math"
"""How PyTorch computes attention on the meta device, which has no fused kernel."""


class Row(NamedTuple):
    """A figure as it is predicted and as it is measured; `measured` is None where it was not."""

    layer: str
    """Empty for the network as a whole."""
    figure: str
    predicted: Any
    measured: Any

    @property
    def equal(self) -> bool:
        """Whether both are known and the same."""
        return self.measured is not None and bool(self.predicted == self.measured)


class Verification(NamedTuple):
    """What a measurement says of a network's figures."""

    name: str
    target: str
    version: str
    """Of the framework that measured."""
    batch: int
    rows: tuple[Row, ...]
    within: int
    """Operators whose shapes are none of the rows: their values are made within one call with others."""
    refused: str
    """Why the framework does not train on the batch; empty where it does."""

    @property
    def ok(self) -> bool:
        """Whether all figures are measured and equal."""
        return all(row.equal for row in self.rows)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        rows = [{**row._asdict(), "equal": row.equal} for row in self.rows]
        return {**self._asdict(), "ok": self.ok, "rows": rows}


class CannotMeasureError(Exception):
    """A program that could not be measured: the framework is missing, or refuses it."""


def verify(network: Network, *, python: str = "") -> Verification:
    """Return a network's figures beside those of its exported PyTorch module, measured on the meta device.

    `python` is the Python that has torch; this one by default. Where PyTorch does not train on one sample, and no batch
    was asked for, all figures are of two. Raise :class:`CannotMeasureError`, and
    :class:`~archinspect.exporters.refusal.CannotExportError` for what has no PyTorch program.
    """
    module = pytorch.export(network.facts, observed=True)
    measured = _measured(module, python or sys.executable)
    if "refused" in measured and network.settings.batch is None:
        return verify(network.with_settings(batch=2), python=python)
    facts = network.facts
    rows = (*figures_of(facts, module, measured), *_layers(facts, module, measured))
    within = sum(module.layers.get(node.path, "") in module.fused for node in facts.graph.nodes)
    refused = measured.get("refused", "")
    return Verification(facts.graph.name, "pytorch", measured["torch"], facts.batch, rows, within, refused)


def _measured(module: pytorch.Module, python: str) -> dict[str, Any]:
    """Return what the script beside this module measures."""
    import json  # only here

    job = {
        "text": module.text,
        "name": module.name,
        "inputs": [given._asdict() for given in module.inputs],
        "wanted": list(module.layers.values()),
    }
    script = os.path.join(os.path.dirname(__file__), "measure_pytorch.py")
    try:
        run = subprocess.run(  # noqa: S603 - the Python that the user names, and a script of ours
            [python, script], input=json.dumps(job), capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except OSError as error:
        raise CannotMeasureError(f"{python}: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise CannotMeasureError(f"the measurement takes more than {SECONDS} s") from None
    if run.stderr.rstrip().endswith("No module named 'torch'"):
        raise CannotMeasureError(
            f"{python} has no torch: pip install 'archinspect[verify]', or name a Python that has it by --python"
        )
    try:
        found: dict[str, Any] = json.loads(run.stdout)
    except ValueError:
        raise CannotMeasureError(f"{python} ended with {run.returncode}: {run.stderr.strip()[-500:]}") from None
    if "error" in found:
        raise CannotMeasureError(f"PyTorch refuses the program: {found['error']}")
    return found


def figures_of(facts: Facts, module: pytorch.Module, measured: Mapping[str, Any]) -> Iterator[Row]:
    """Yield the figures of a network as a whole beside the measured ones."""
    weights = ledger(facts)
    forward, training = analyze(facts, attention=ATTENTION), analyze(facts, attention=ATTENTION, training=True)
    predicted = {
        "params": weights.params,
        "trainable": weights.trainable,
        "buffers": weights.buffers,
        "macs": forward.total.macs,
        "training_macs": training.total.macs,
        "kept": kept_bytes(facts, attention=ATTENTION),
        "peak": peak_bytes(_of_functions(facts), attention=ATTENTION),
        "outputs": [_turned(facts.shape(tensor), module.orders.get(tensor.name)) for tensor in facts.graph.outputs],
    }
    for figure, value in predicted.items():
        yield Row("", figure, value, measured.get(figure))


def _of_functions(facts: Facts) -> Facts:
    """Return the facts of a network all of whose composites are functions, as they are in an exported program."""
    graph = facts.graph.replace(
        composites={path: one._replace(is_module=True) for path, one in facts.graph.composites.items()}
    )
    return Facts(graph, facts.calls, facts.settings)


def _layers(facts: Facts, module: pytorch.Module, measured: Mapping[str, Any]) -> Iterator[Row]:
    """Yield the shape of each node's output, and the parameters of each module."""
    params: dict[str, int] = {}
    for node in facts.graph.nodes:
        path = module.layers.get(node.path, "")
        own = facts.call(node).weights.values()
        params[path] = params.get(path, 0) + sum(size(weight.shape) for weight in own if weight.parameter)
        if path not in module.fused:
            predicted = _turned(facts.shape(node.output), module.orders.get(node.output.name))
            yield Row(node.path, "shape", predicted, measured["shapes"].get(path))
    for path, count in measured["module_params"].items():
        yield Row(path, "params", params.get(path, 0), count)


def _turned(shape: tuple[int, ...], order: tuple[int, ...] | None) -> list[int]:
    """Return a shape in the order of axes that the program has."""
    return [shape[axis] for axis in order] if order else list(shape)
