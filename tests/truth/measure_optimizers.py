"""Measure what PyTorch's optimizers keep: bytes of all state but the counters of steps, after one step.

Run by hand, in an environment with torch and torchvision; it prints `optimizers.json`:

    python tests/truth/measure_optimizers.py
"""

# ruff: noqa: T201 - a script that prints

import json

import torch
import torchvision

NETWORKS = ("alexnet", "resnet18", "mobilenet_v2", "vit_b_16")
OPTIMIZERS = {
    "sgd": lambda weights: torch.optim.SGD(weights, 0.1),
    "momentum": lambda weights: torch.optim.SGD(weights, 0.1, momentum=0.9),
    "rmsprop": torch.optim.RMSprop,
    "adagrad": torch.optim.Adagrad,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "adafactor": torch.optim.Adafactor,
}


def state_bytes(model, make):
    optimizer = make(model.parameters())
    for weight in model.parameters():
        weight.grad = torch.zeros_like(weight)
    optimizer.step()
    states = (item for state in optimizer.state.values() for name, item in state.items() if name != "step")
    return sum(item.nbytes for item in states if torch.is_tensor(item))


def main():
    found = {}
    for name in NETWORKS:
        found[name] = {}
        for dtype in ("float32", "bfloat16"):
            model = torchvision.models.get_model(name, weights=None).to(getattr(torch, dtype))
            found[name][dtype] = {key: state_bytes(model, make) for key, make in OPTIMIZERS.items()}
    print(json.dumps({"measured_with": f"torch {torch.__version__}", "networks": found}, indent=1))


if __name__ == "__main__":
    main()
