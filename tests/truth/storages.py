"""What measuring scripts share: the storages that PyTorch has alive, and those that autograd keeps for backward."""

import weakref

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Alive(TorchDispatchMode):
    """The most bytes of storages alive at once, those of `weights` left out."""

    def __init__(self, weights):
        super().__init__()
        self.known, self.now, self.peak = addresses(weights), 0, 0

    def add(self, tensor):
        storage = tensor.untyped_storage()
        key, size = storage._cdata, storage.nbytes()
        if key not in self.known:
            self.known.add(key)
            self.now += size
            self.peak = max(self.peak, self.now)
            weakref.finalize(storage, self.drop, key, size)

    def drop(self, key, size):
        self.known.discard(key)
        self.now -= size

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, torch.Tensor):
                self.add(leaf)
        return result


def constants(model):
    """Return what no figure of activations counts: parameters, buffers, and a module's own `tables`."""
    tables = [table for module in model.modules() for table in getattr(module, "tables", ())]
    return [*model.parameters(), *model.buffers(), *tables]


def addresses(tensors):
    return {tensor.untyped_storage()._cdata for tensor in tensors}


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
