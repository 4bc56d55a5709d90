"""What measuring scripts share: the storages that PyTorch has alive, and those that autograd keeps for backward."""

import sys
from pathlib import Path

import torch

sys.path.append(str(Path(__file__).parents[2] / "archinspect" / "verify"))

from measure_pytorch import Alive, addresses

__all__ = ["Alive", "addresses", "constants", "kept_for_backward"]


def constants(model):
    """Return what no figure of activations counts: parameters, buffers, and a module's own `tables`."""
    tables = [table for module in model.modules() for table in getattr(module, "tables", ())]
    return [*model.parameters(), *model.buffers(), *tables]


def kept_for_backward(weights, run):
    """Return the bytes of the distinct storages that autograd keeps while `run` runs, those of `weights` left out."""
    known, kept = addresses(weights), {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        if storage._cdata not in known:
            kept[storage._cdata] = storage  # held, so that its place is not given to another
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        run()
    return sum(storage.nbytes() for storage in kept.values())
