"""How many layers a second the engine does: a chain of 10,000 layers, half of it, networks of other kinds, ResNet-152.

    python benchmarks/engine.py [--runs 5]

Prints, for each network, the median time of reading (YAML to values), expanding (to a graph), inferring (shapes), and
of each question: the report, memory (what is kept, the peak, checkpointing), compute in training, explanations. Each
starts from facts of its own, of which no rule was run. Then what commands take in all against a summary, and what more
layers take: twice the layers should take twice the time.
"""

from __future__ import annotations

import argparse
import gc
import time
from statistics import median
from typing import TYPE_CHECKING, Any

from archinspect.analyses.compute import analyze
from archinspect.analyses.facts import Facts
from archinspect.analyses.memory import checkpointed, kept, peak
from archinspect.base.diagnostics import Problems
from archinspect.base.settings import Settings
from archinspect.base.source import Source, read_file
from archinspect.base.yaml_core import read_tree
from archinspect.graph.infer import infer
from archinspect.language import library
from archinspect.language.load import load
from archinspect.reports.explaining import explain
from archinspect.reports.summarizing import report

if TYPE_CHECKING:
    from collections.abc import Callable


def chain(layers: int) -> Source:
    """Return a spec that writes out a chain of convolutions, normalizations and activations."""
    steps = (
        "  - Conv2D: {filters: 64, kernel_size: 3, padding: same, use_bias: false}\n",
        "  - BatchNormalization\n",
        "  - ReLU\n",
        "  - Dropout: 0.1\n",
    )
    text = "input: [32, 32, 64]\nlayers:\n" + "".join(steps[i % 4] for i in range(layers))
    return Source(f"chain of {layers:,}", text)


def residual(layers: int) -> Source:
    """Return a spec that writes out residual blocks."""
    conv = "{Conv2D: {filters: 64, kernel_size: 3, padding: same}}"
    block = f"  - Add:\n    - [{conv}, BatchNormalization, ReLU]\n    - []\n"
    return Source(f"{layers:,} layers of residual blocks", "input: [32, 32, 64]\nlayers:\n" + block * (layers // 4))


def concatenations(layers: int) -> Source:
    """Return a spec whose layers each read a concatenation of all before: no two have as many channels."""
    conv = "{Conv2D: {filters: 4, kernel_size: 3, padding: same}}"
    block = f"  - Concatenate:\n    - []\n    - [BatchNormalization, ReLU, {conv}]\n"
    return Source(f"{layers:,} layers of concatenations", "input: [8, 8, 4]\nlayers:\n" + block * (layers // 4))


QUESTIONS: dict[str, Callable[[Facts], Any]] = {
    "report": report,
    "memory": lambda facts: (kept(facts), peak(facts), checkpointed(facts)),
    "compute": lambda facts: analyze(facts, training=True),
    "explain": explain,
}


def measure(source: Source, runs: int) -> tuple[int, dict[str, float]]:
    """Return the number of operators and the median seconds of each stage."""
    times: dict[str, list[float]] = {}

    def timed(stage: str, function: Callable[..., Any], *given: object) -> Any:  # noqa: ANN401 - what it returns
        start = time.perf_counter()
        result = function(*given)
        times.setdefault(stage, []).append(time.perf_counter() - start)
        return result

    count = 0
    gc.disable()  # as the API does
    for _ in range(runs):
        gc.collect()
        problems, settings = Problems(), Settings()
        timed("read", read_tree, source)
        graph = timed("read and expand", load, source, settings, problems)
        timed("infer", infer, graph, problems)
        for name, question in QUESTIONS.items():
            calls: Any = infer(graph, problems)
            timed(name, question, Facts(graph, calls, settings))
        if problems.failed:
            raise SystemExit(str(problems.all()))
        count = len(graph.nodes)
    return count, {stage: median(values) for stage, values in times.items()}


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    sources = [chain(5_000), chain(10_000), chain(100_000), residual(10_000), concatenations(10_000)]
    sources += [read_file(library.builtins()[name]) for name in ("resnet152", "densenet201")]
    found = []
    for source in sources:
        count, stages = measure(source, runs)
        found.append(stages)
        print(f"{source.name.rpartition('/')[2]}: {count:,} operators, infer {count / stages['infer']:,.0f} per second")
        print("    " + ", ".join(f"{stage} {seconds * 1000:.1f} ms" for stage, seconds in stages.items()))
        before = stages["read and expand"] + stages["infer"]
        summary = before + stages["report"]
        ratios = [f"{name} {(before + stages[name]) / summary:.2f}" for name in QUESTIONS if name != "report"]
        print(f"    in all, against a summary's {summary * 1000:.0f} ms: {', '.join(ratios)}")
    for stage in found[0]:
        twice, more = (stages[stage] / found[0][stage] for stages in found[1:3])
        print(f"{stage}: against 5,000 layers, 10,000 take {twice:.2f} times as long, 100,000 take {more:.1f} times")


if __name__ == "__main__":
    main()
