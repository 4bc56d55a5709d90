"""What a network takes of a machine's memory: a ledger of its weights, inference, training.

Training takes weights, gradients, the optimizer's state and what backward keeps. Figures are of tensors: what a driver,
a framework or a kernel takes beside them is none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from archinspect.analyses.autocast import Autocast
from archinspect.analyses.caches import kv_cache
from archinspect.analyses.formats import FORMATS, KV_FORMATS
from archinspect.analyses.memory import (
    POLICIES,
    Checkpointed,
    Peak,
    Training,
    checkpointed,
    kept,
    peak,
    peak_bytes,
    unknown_kept,
)
from archinspect.analyses.optimizers import OPTIMIZERS
from archinspect.analyses.weights import Ledger, ledger, weight_bytes, weights
from archinspect.base.diagnostics import refuse_unknown
from archinspect.base.frames import frame
from archinspect.base.html import table
from archinspect.base.settings import flag, whole
from archinspect.base.shape import size
from archinspect.graph.decoding import unknown
from archinspect.ops.figures import ATTENTION, DTYPES, LOW_TYPES, own_name
from archinspect.reports.summarizing import report
from archinspect.reports.summary import uncounted

if TYPE_CHECKING:
    from archinspect.analyses.facts import Facts
    from archinspect.reports.summary import Report


class Inference(NamedTuple):
    """Bytes at inference: weights and running statistics, the most activations alive, keys and values kept."""

    weights: int
    peak: Peak
    cache: int
    uncached: tuple[str, ...] = ()
    """Layers in which attention is written by hand, whose keys and values are not in the cache."""

    @property
    def total(self) -> int:
        """All of them together."""
        return self.weights + self.peak.bytes + self.cache


class TrainingBudget(NamedTuple):
    """Bytes in training, when backward begins: all that a step needs but for temporary tensors."""

    weights: int
    """Weights and running statistics, in the type that the network computes in."""
    master: int
    """A copy of the trainable weights in float32, in mixed precision."""
    gradients: int
    optimizer: int
    kept: Training
    checkpoints: Checkpointed | None
    """What is kept instead with gradient checkpointing."""

    @property
    def activations(self) -> int:
        """What backward keeps."""
        return self.checkpoints.total if self.checkpoints else self.kept.total

    @property
    def total(self) -> int:
        """All of them together."""
        return self.weights + self.master + self.gradients + self.optimizer + self.activations


PRECISIONS = ("amp", "bf16-master")
"""Training in two types: weights in float32 and products in 16 bits by `torch.autocast`, or all in 16 bits but for the
optimizer, which works on a float32 copy of the weights."""


class Plan(NamedTuple):
    """How a network is run and trained."""

    dtype: str = "float32"
    optimizer: str = "adam"
    mixed: bool = False
    """Whether the optimizer works on a float32 copy of the weights: the precision `bf16-master` by another name."""
    checkpointing: bool = False
    policy: str = "eager"
    attention: str = "fused"
    cached: int = 0
    """Steps whose keys and values a decoder keeps."""
    kv_dtype: str | None = None
    """Type of keys and values that are kept; that of the network where None."""
    weights_dtype: str | None = None
    """Type or format in which weights are stored; that of the network where None."""
    precision: str | None = None
    """How training mixes types: one of :data:`PRECISIONS`; None for `dtype` alone."""

    def checked(self) -> Plan:
        """Return this plan with types by their own names; raise ValueError that names what is none."""
        dtype = own_name(self.dtype)
        refuse_unknown("dtype", dtype, DTYPES)
        refuse_unknown("optimizer", self.optimizer, OPTIMIZERS)
        kv_dtype = own_name(self.kv_dtype)
        refuse_unknown("kv_dtype", dtype if kv_dtype is None else kv_dtype, (*DTYPES, *KV_FORMATS))
        stored = own_name(self.weights_dtype)
        refuse_unknown("weights_dtype", dtype if stored is None else stored, {**DTYPES, **FORMATS})
        refuse_unknown("policy", self.policy, POLICIES)
        refuse_unknown("attention", self.attention, ATTENTION)
        cached = whole("cached", self.cached, 0)
        plan = self._replace(
            dtype=dtype,
            mixed=flag("mixed", self.mixed),
            checkpointing=flag("checkpointing", self.checkpointing),
            kv_dtype=kv_dtype,
            weights_dtype=stored,
            cached=cached,
        )
        return plan if self.precision is None else _with_precision(plan)


class MemoryReport(NamedTuple):
    """What a network takes of a machine's memory, for a batch of `report.batch` samples, or one."""

    report: Report
    plan: Plan
    ledger: Ledger
    inference: Inference
    training: TrainingBudget

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form, whose keys docs/json.md explains."""
        peak, training = self.inference.peak, self.training
        return {
            "name": self.report.name,
            "batch": self.report.batch,
            **self.report.asked,
            **self.report.coverage,
            "plan": self.plan._asdict(),
            "ledger": {
                **self.ledger._asdict(),
                "shared": self.ledger.shared,
                "non_embedding": self.ledger.non_embedding,
            },
            "inference": {
                "weights": self.inference.weights,
                "activations": peak.bytes,
                "peak": peak.layer or None,
                "alive": [one._asdict() for one in peak.alive],
                "workspace": peak.workspace,
                "cache": self.inference.cache,
                "uncached": list(self.inference.uncached),
                "total": self.inference.total,
                "timeline": [entry._asdict() for entry in peak.timeline],
            },
            "training": {
                "weights": training.weights,
                "master": training.master,
                "gradients": training.gradients,
                "optimizer": training.optimizer,
                "kept": training.kept.total,
                "kept_by_layer": dict(training.kept.layers),
                "kept_unknown": list(training.kept.unknown),
                "checkpoints": training.checkpoints and training.checkpoints._asdict(),
                "total": training.total,
            },
        }

    def to_dict(self) -> dict[str, Any]:
        """Return the same: the name that pandas and others use."""
        return self.as_dict()

    def rows(self) -> list[dict[str, Any]]:
        """Return a dict per layer: bytes alive while it runs, after it, and what it makes that backward keeps."""
        kept = self.training.kept.layers
        return [
            {"name": entry.layer, "during": entry.during, "after": entry.after, "kept": kept.get(entry.layer, 0)}
            for entry in self.inference.peak.timeline
        ]

    def to_pandas(self) -> Any:  # noqa: ANN401 - a pandas.DataFrame
        """Return :meth:`rows` as a `pandas.DataFrame`; raise ImportError without the extra `pandas`."""
        return frame(self.rows())

    def __repr__(self) -> str:
        return f"<MemoryReport {self.report.name}: {', '.join(self._facts())}>"

    def _repr_html_(self) -> str:
        header = ["name", "during", "after", "kept"]
        return table(self.report.name, self._facts(), header, [list(row.values()) for row in self.rows()])

    def _facts(self) -> list[str]:
        batch = self.report.batch or 1
        return [
            f"{self.inference.total:,} bytes at inference",
            f"{self.training.total:,} in training, batch {batch}, {self.plan.optimizer}",
            self.report.status,
        ]


def _with_precision(plan: Plan) -> Plan:
    """Return a plan with what its precision says; raise ValueError for what does not go with it."""
    refuse_unknown("precision", plan.precision, PRECISIONS)
    if plan.precision == "bf16-master":
        if plan.dtype not in {"float32", *LOW_TYPES}:  # float32, which is not asked for, is the master's
            raise ValueError(f"precision: 'bf16-master' computes in {' or '.join(LOW_TYPES)}, not {plan.dtype}")
        return plan._replace(dtype=plan.dtype if plan.dtype in LOW_TYPES else LOW_TYPES[0], mixed=True)
    if plan.mixed:
        raise ValueError("precision: mixed is 'bf16-master', which does not go with 'amp'")
    if plan.attention == "eager":
        raise ValueError("precision: what 'amp' casts in eager attention is not known: fused or math")
    if plan.weights_dtype:
        raise ValueError("precision: weights are float32 with 'amp': leave weights_dtype out")
    return plan


def memory_report(facts: Facts, plan: Plan) -> MemoryReport:
    """Return what a network takes of a machine's memory; the types of facts and plan are one."""
    return MemoryReport(report(facts), plan, ledger(facts), inference(facts, plan), training(facts, plan))


def needed(facts: Facts, plan: Plan, *, for_training: bool) -> int:
    """Return the bytes that inference, or a step of training, takes in all."""
    if for_training:
        return training(facts, plan).total
    cache = kv_cache(facts, plan.cached, plan.kv_dtype or "float") if plan.cached else 0
    return weight_bytes(facts, plan.weights_dtype) + peak_bytes(facts, plan.policy, attention=plan.attention) + cache


def not_known(facts: Facts, plan: Plan, *, for_training: bool) -> dict[str, tuple[str, ...]]:
    """Return the layers of whose figures some are not known; in training also of what backward keeps, `kept`."""
    found = uncounted(facts.graph)
    if for_training:
        for layer in unknown_kept(Autocast(facts, plan.dtype, plan.attention) if plan.precision == "amp" else facts):
            found[layer] = (*found.get(layer, ()), "kept")
    return found


def evenly_needed(facts: Facts, plan: Plan, *, for_training: bool) -> tuple[int, ...]:
    """Return what is :func:`needed`, and what else shows whether that grows evenly with the copies of a repeat.

    The most bytes alive at once do if no copy leaves bytes alive behind it. If one does, what is alive in all nodes'
    runs together grows with the square of the copies.
    """
    figures = (needed(facts, plan, for_training=for_training),)
    if for_training:
        return figures
    timeline = peak(facts, plan.policy, attention=plan.attention).timeline
    return (*figures, sum(entry.during for entry in timeline))


def inference(facts: Facts, plan: Plan) -> Inference:
    """Return what inference takes."""
    cache = kv_cache(facts, plan.cached, plan.kv_dtype or "float") if plan.cached else 0
    uncached = tuple(unknown(facts.graph)) if plan.cached else ()
    weights = weight_bytes(facts, plan.weights_dtype)
    return Inference(weights, peak(facts, plan.policy, attention=plan.attention), cache, uncached)


def training(facts: Facts, plan: Plan) -> TrainingBudget:
    """Return what a step of training takes."""
    trains = [weight for weight, trained in weights(facts) if trained]
    elements = sum(size(weight.shape) for weight in trains)
    refuse_unknown("optimizer", plan.optimizer, OPTIMIZERS)
    state = OPTIMIZERS[plan.optimizer]
    if plan.precision == "amp":
        facts, plan = Autocast(facts, plan.dtype, plan.attention), plan._replace(dtype="float32")
    own = plan.weights_dtype if plan.weights_dtype in DTYPES else plan.dtype
    kind = "float32" if plan.mixed else own
    return TrainingBudget(
        weights=weight_bytes(facts, plan.weights_dtype, training=True),
        master=elements * DTYPES["float32"] if plan.mixed and own != "float32" else 0,
        gradients=elements * DTYPES[own],
        optimizer=sum(state(weight.shape, DTYPES[kind]) for weight in trains),
        kept=kept(facts, attention=plan.attention),
        checkpoints=checkpointed(facts, attention=plan.attention) if plan.checkpointing else None,
    )
