"""Measure an exported PyTorch module on the meta device: run by the Python that has torch, with a job on its input.

`python measure_pytorch.py < job.json > figures.json`. A job has `text`, the module's source, `name`, its class,
`inputs` (`shape`, `dtype`, `channels_last`) and `wanted`, the paths of modules and values whose shapes are asked for.
It imports nothing but torch and Python's own library.
"""

import json
import os
import sys
import warnings
import weakref
from math import prod

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import conv_backward_flop, flop_registry, shape_wrapper


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
        made = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(made):
            if isinstance(leaf, torch.Tensor):
                self.add(leaf)
        return made


def addresses(tensors):
    """Return what tells the storages of tensors apart."""
    return {tensor.untyped_storage()._cdata for tensor in tensors}


class Box:
    """A tensor that autograd keeps: it is there as long as the node that needs it."""

    def __init__(self, tensor):
        self.tensor = tensor


def build(job, noted):
    """Return the module; what its text observes is put into `noted`."""

    def observe(module, name, value):
        for leaf in tree_leaves(value)[:1]:
            noted.setdefault(f"{module.path}.{name}".lstrip("."), list(leaf.shape))
        return value

    names = {"__name__": "exported", "observe": observe}
    exec(compile(job["text"], "<exported>", "exec"), names)
    with torch.device("meta"):
        model = names[job["name"]]()
    for path, module in model.named_modules():
        module.path = path
    return model


def inputs_of(job):
    """Return zeros for each input, in the memory format of the spec's layout."""
    found = []
    for given in job["inputs"]:
        dtype = torch.float32 if given["dtype"] == "float" else getattr(torch, given["dtype"])
        shape = given["shape"]
        if given["channels_last"]:  # a view of a tensor whose channels are last
            last = torch.zeros((shape[0], *shape[2:], shape[1]), dtype=dtype, device="meta")
            found.append(last.movedim(-1, 1))
        else:
            found.append(torch.zeros(shape, dtype=dtype, device="meta"))
    return found


def _convolution_backward(*given, out_shape=None, **kwargs):
    """Count a convolution's gradients: PyTorch's own formula counts those of weights once for each group."""
    *given, groups, (of_input, of_weight, _) = given
    count = conv_backward_flop.__wrapped__  # which takes shapes, not tensors
    inputs = count(*given, groups, (of_input, False, False), out_shape, **kwargs)
    return inputs + count(*given, groups, (False, of_weight, False), out_shape, **kwargs) // groups


def trilinear(*given, **_):
    """Count a product of three tensors, of which axes are told that each of them lacks: an operation of `Bilinear`."""
    tensors, missing = given[:3], given[3:6]
    rank = len(tensors[0]) + len(missing[0])
    sizes = [1] * rank
    for shape, without in zip(tensors, missing, strict=True):
        for axis, size in zip([axis for axis in range(rank) if axis not in without], shape, strict=True):
            sizes[axis] = max(sizes[axis], size)
    return 2 * prod(sizes)


FORMULAS = flop_registry | {
    torch.ops.aten.convolution_backward: shape_wrapper(_convolution_backward),
    torch.ops.aten._trilinear: shape_wrapper(trilinear),
}


class Counting(TorchDispatchMode):
    """PyTorch's own formulas of operations, summed; its own counter follows modules, too, which not all let."""

    flops = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        formula = FORMULAS.get(func._overloadpacket)
        if formula is None and func is not torch.ops.prim.device.default:
            with self:
                made = func.decompose(*args, **kwargs)
            if made is not NotImplemented:
                return made
        made = func(*args, **kwargs)
        if formula is not None:
            self.flops += formula(*args, **kwargs, out_val=made)
        return made


def measure(job):
    """Return the figures of a job."""
    noted = {}
    model = build(job, noted)
    weights = [*model.parameters(), *model.buffers(), *plain_tensors(model)]
    modules, saved = dict(model.named_modules()), model.state_dict().keys()
    found = {
        "torch": torch.__version__.partition("+")[0],
        "params": sum(weight.numel() for weight in model.parameters()),
        "trainable": sum(weight.numel() for weight in model.parameters() if weight.requires_grad),
        "buffers": sum(
            buffer.numel()
            for name, buffer in model.named_buffers()
            if name in saved and not name.endswith("num_batches_tracked")
        ),
        "module_params": {
            path: sum(weight.numel() for weight in modules[path].parameters())
            for path in job["wanted"]
            if path in modules
        },
    }
    hooks = [modules[path].register_forward_hook(note(path, noted)) for path in job["wanted"] if path in modules]
    alive = Alive(weights)
    with torch.no_grad():
        given = inputs_of(job)
        with alive:
            for tensor in given:
                alive.add(tensor)
            model.eval()(*given)
    found["peak"] = alive.peak
    del given
    for hook in hooks:
        hook.remove()
    with torch.no_grad(), Counting() as counter:
        outputs = [list(leaf.shape) for leaf in tree_leaves(model(*inputs_of(job)))]
    found |= {"macs": counter.flops // 2, "outputs": outputs, "shapes": noted}
    return found | training(model.train(), job, weights)


def training(model, job, weights):
    """Return what a pass in training keeps and computes; `refused` where PyTorch does not train on the batch."""
    known = addresses(weights)
    boxes = weakref.WeakSet()

    def pack(tensor):
        box = Box(tensor.detach())  # an output that is kept would hold the node that keeps it
        if tensor.untyped_storage()._cdata not in known:
            boxes.add(box)
        return box

    try:
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda box: box.tensor):
            made = model(*inputs_of(job))
    except ValueError as error:
        return {"refused": str(error)}
    storages = {box.tensor.untyped_storage()._cdata: box.tensor.untyped_storage().nbytes() for box in boxes}
    found = {"kept": sum(storages.values())}
    del made
    with Counting() as counter:
        made = tree_leaves(model(*inputs_of(job)))
        outputs = [leaf for leaf in made if isinstance(leaf, torch.Tensor) and leaf.requires_grad]
        torch.autograd.backward([leaf.sum() for leaf in outputs])
    return found | {"training_macs": counter.flops // 2}


def plain_tensors(model):
    """Return tensors that modules hold as plain attributes, such as biases that are fixed to zero."""
    return [value for module in model.modules() for value in vars(module).values() if isinstance(value, torch.Tensor)]


def note(path, noted):
    """Return a hook that notes the shape of a module's first output."""

    def hook(_module, _inputs, made):
        for leaf in tree_leaves(made)[:1]:
            noted.setdefault(path, list(leaf.shape))

    return hook


def main():
    """Read the job, write the figures; an error of PyTorch's is written as `error`."""
    warnings.simplefilter("ignore")
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever the module prints is no part of the answer
    try:
        found = measure(json.load(sys.stdin))
    except Exception as error:
        found = {"error": f"{type(error).__name__}: {error}"}
    json.dump(found, answer)


if __name__ == "__main__":
    main()
