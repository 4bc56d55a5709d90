# ruff: noqa: ANN001, ANN201, ANN202 - torch is not there to name its types
"""What exported networks take of a GPU's memory and time, beside archinspect's figures.

    python benchmarks/gpu.py [--device h100] [--json FILE] [NETWORK[:BATCH[:TYPE]] ...]

Needs torch and a GPU, and says so without. Bytes are those that tensors ask PyTorch's allocator for: kept after the
forward pass, and the most at one time at inference and in a step with Adam. The time is the median of forward and
backward passes, beside the least that the device allows. Kernels' own workspaces count to what is measured.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import types
from pathlib import Path
from statistics import median

import archinspect
from archinspect.exporters import pytorch

NETWORKS = (
    *(
        "alexnet:64",
        "vgg16:32",
        "resnet18:64",
        "resnet50:64",
        "densenet121:32",
        "mobilenet_v2:64",
        "efficientnet_b0:64",
    ),
    *(
        "convnext_tiny:32",
        "swin_t:32",
        "vit_b_16:32",
        "inception_v3:32",
        "unet:2",
        "gpt2:4",
        "bert_base:8",
        "t5_small:8",
    ),
    *("lstm_classifier:32", "resnet50:64:bfloat16", "vit_b_16:64:bfloat16", "gpt2:8:bfloat16", "bert_base:16:bfloat16"),
)
RUNS = 10


def main() -> None:
    """Measure, and print a line per network."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("networks", nargs="*", default=NETWORKS)
    parser.add_argument("--device", default="h100", help="the name by which archinspect knows the GPU")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    try:
        import torch
    except ImportError:
        sys.exit("no torch here")
    if not torch.cuda.is_available():
        sys.stdout.write("no GPU here: nothing is measured\n")
        return
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    found = []
    for text in asked.networks:
        name, batch, dtype = (*text.split(":"), "", "")[:3]
        try:
            row = measured(name, int(batch or 1), dtype or "float32", asked.device, torch)
        except Exception as error:  # noqa: BLE001 - the other networks are measured whatever one does
            row = {"network": text, "error": f"{type(error).__name__}: {error}"[:300]}
        found.append(row)
        sys.stdout.write(json.dumps(row) + "\n")
        sys.stdout.flush()
        gc.collect()
        torch.cuda.empty_cache()
    if asked.json:
        about = {"gpu": torch.cuda.get_device_name(), "torch": torch.__version__, "rows": found}
        asked.json.write_text(json.dumps(about, indent=1), encoding="utf-8")


def measured(name, batch, dtype, device, torch):
    """Return a network's figures, each beside what is measured."""
    net = archinspect.network(name, batch=batch, dtype=dtype)
    memory = net.memory()
    time = net.compute(training=True, device=archinspect_device(device)).total
    module = pytorch.export(net.facts)
    program = types.ModuleType("program")
    sys.modules["program"] = program
    exec(module.text, vars(program))  # noqa: S102 - the program that archinspect itself wrote
    base = now(torch)
    model = getattr(program, module.name)().to("cuda", getattr(torch, dtype))
    weights = now(torch) - base
    inputs = [example(given, dtype, torch) for given in module.inputs]
    rest = now(torch)
    names = {node.path for node in net.graph.inputs}
    kept = sum(count for layer, count in memory.training.kept.layers.items() if layer not in names)
    row = {
        "network": name,
        "batch": batch,
        "dtype": dtype,
        "weights": memory.training.weights,
        "weights_measured": weights,
        "kept": kept,
        "peak": memory.inference.peak.bytes,
        "training": memory.training.total,
        "bound_ms": time.time * 1e3,
    }
    model.train()
    loss = total(model(*inputs))
    row["kept_measured"] = now(torch) - rest - loss.element_size()
    del loss
    model.eval()
    with torch.no_grad():
        model(*inputs)
        torch.cuda.reset_peak_memory_stats()
        model(*inputs)
    given = sum(one.numel() * one.element_size() for one in inputs)
    row["peak_measured"] = most(torch) - rest + given
    model.train()
    optimizer = torch.optim.Adam([one for one in model.parameters() if one.requires_grad], foreach=False)

    def step():
        total(model(*inputs)).backward()

    step()
    optimizer.step()
    optimizer.zero_grad()
    torch.cuda.reset_peak_memory_stats()
    step()
    optimizer.step()
    row["training_measured"] = most(torch) - base
    times = []
    for _ in range(RUNS):
        optimizer.zero_grad()
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        step()
        end.record()
        torch.cuda.synchronize()
        times.append(start.elapsed_time(end))
    row["measured_ms"] = median(times)
    return row


def archinspect_device(name):
    """Return a device of archinspect's table."""
    from archinspect.analyses.devices import find_device

    return find_device(name, None)


def now(torch):
    """Return the bytes that tensors ask for at present."""
    torch.cuda.synchronize()
    gc.collect()
    return torch.cuda.memory_stats().get("requested_bytes.all.current", 0)


def most(torch):
    """Return the most bytes that they asked for at one time."""
    torch.cuda.synchronize()
    return torch.cuda.memory_stats()["requested_bytes.all.peak"]


def example(given, dtype, torch):
    """Return an input of zeros."""
    kind = {"float": dtype}.get(given.dtype, given.dtype)
    tensor = torch.zeros(given.shape, dtype=getattr(torch, kind), device="cuda")
    return tensor.contiguous(memory_format=torch.channels_last) if given.channels_last else tensor


def total(outputs):
    """Return the sum of all outputs."""
    several = outputs if isinstance(outputs, tuple | list) else [outputs]
    return sum(one.sum() for one in several)


if __name__ == "__main__":
    main()
