"""How many layers a second the engine does: a chain of 10,000 layers, half of it, and ResNet-152.

    python benchmarks/engine.py [--runs 5]

Prints, for each network, the median time of reading (YAML to values), expanding (to a graph), inferring (shapes),
counting (report) and memory (what is kept, the peak, checkpointing), and layers per second for inference alone and for
everything but memory. Twice the layers should take twice the time: the last lines say what it is.
"""

from __future__ import annotations

import argparse
import gc
import time
from statistics import median
from typing import TYPE_CHECKING, Any

from archinspect.diagnostics import Problems
from archinspect.infer import infer
from archinspect.memory import Activations
from archinspect.report import report
from archinspect.source import Source, read_file, read_tree
from archinspect.spec import library
from archinspect.spec.expand import Settings
from archinspect.spec.load import load

if TYPE_CHECKING:
    from collections.abc import Callable

    from archinspect.graph import Graph


def chain(layers: int) -> Source:
    """Return a spec that writes out a chain of convolutions, normalisations and activations."""
    steps = (
        "  - Conv2D: {filters: 64, kernel_size: 3, padding: same, use_bias: false}\n",
        "  - BatchNormalization\n",
        "  - ReLU\n",
        "  - Dropout: 0.1\n",
    )
    text = "input: [32, 32, 64]\nlayers:\n" + "".join(steps[i % 4] for i in range(layers))
    return Source(f"chain of {layers:,}", text)


def memory(graph: Graph) -> tuple[object, ...]:
    """Return all that is asked of memory."""
    activations = Activations(graph)
    return activations.kept(), activations.peak(), activations.checkpointed()


def measure(source: Source, runs: int) -> tuple[int, dict[str, float]]:
    """Return the number of layers and the median seconds of each stage."""
    times: dict[str, list[float]] = {}

    def timed(stage: str, function: Callable[[], Any]) -> Any:  # noqa: ANN401 - what the function returns
        start = time.perf_counter()
        result = function()
        times.setdefault(stage, []).append(time.perf_counter() - start)
        return result

    layers = 0
    gc.disable()  # as archinspect.inspect does
    for _ in range(runs):
        gc.collect()
        problems = Problems()
        timed("read", lambda: read_tree(source))
        graph = timed("read and expand", lambda: load(source, Settings(), problems))  # noqa: B023 - called at once
        timed("infer", lambda: infer(graph, problems))  # noqa: B023 - called at once
        timed("count", lambda: report(graph))  # noqa: B023 - called at once
        timed("memory", lambda: memory(graph))  # noqa: B023 - called at once
        if problems.failed:
            raise SystemExit(str(problems.all()))
        layers = len(graph.nodes)
    return layers, {stage: median(values) for stage, values in times.items()}


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    sources = [chain(5_000), chain(10_000), chain(100_000)]
    sources.append(read_file(library.builtins()["resnet152"]))
    totals, memories = [], []
    for source in sources:
        layers, stages = measure(source, runs)
        total = stages["read and expand"] + stages["infer"] + stages["count"]
        totals.append(total)
        memories.append(stages["memory"])
        shown = ", ".join(f"{stage} {seconds * 1000:.1f} ms" for stage, seconds in stages.items())
        print(f"{source.name.rpartition('/')[2]}: {layers:,} layers: {shown}")
        print(f"    infer {layers / stages['infer']:,.0f} layers/s, everything {layers / total:,.0f} layers/s")
    for what, seconds in (("everything but memory", totals), ("memory", memories)):
        twice, more = (one / seconds[0] for one in seconds[1:3])
        print(f"{what}: against 5,000 layers, 10,000 take {twice:.2f} times as long, 100,000 take {more:.1f} times")


if __name__ == "__main__":
    main()
