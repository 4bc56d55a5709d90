"""Measure an exported PyTorch module on the meta device: run by the Python that has torch, with jobs on its input.

`python measure_pytorch.py < jobs.json > figures.json`. A job has `text`, the module's source, `name`, its class,
`inputs` (`shape`, `dtype`, `channels_last`), `wanted`, the paths of modules and values whose shapes are asked for,
`stubs`, modules of which nothing is known but shape and type of each output, and `found`: how many elements that are
not zero a module finds each time that it looks for them, which no meta tensor tells. Where it has `numbers`, values are
computed: `inputs`, `weights` of modules by path and name, and `wanted`, the paths. It imports nothing but torch and
Python's own library, and is one file: the Python that runs it may lack archinspect, and with PYTHONSAFEPATH it does not
find what stands beside a script.
"""

import functools
import gc
import importlib
import importlib.util
import json
import os
import sys
import types
import warnings
import weakref
from math import prod

gc.disable()  # nothing of what is imported goes again, and looking for it takes a tenth of the time

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import conv_backward_flop, flop_registry, shape_wrapper

gc.freeze()
gc.enable()


class StandIn(types.ModuleType):
    """Stands for a module that takes longer to import than all that is measured.

    It has what operations of the meta device ask of it; whatever else is asked of it is the module's own.
    """

    def __init__(self, name, **attributes):
        super().__init__(name)
        vars(self).update(attributes)

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        for other in {self.__name__, "sympy"}:  # which whatever is imported may need whole
            if isinstance(sys.modules.get(other), StandIn):
                del sys.modules[other]
        return getattr(self.put(importlib.import_module(self.__name__)), name)

    def put(self, module):
        """Make a module the one that this one's name stands for."""
        package, _, name = self.__name__.rpartition(".")
        sys.modules[self.__name__] = module
        if package:
            setattr(importlib.import_module(package), name, module)
        return module


def disable(function, *_how, **_options):
    """Return a function as it is: there is no compiler to leave it alone."""
    return function


def known(value):
    """Return a size, or a condition on sizes: all are numbers, so that it is known to hold or not."""
    return value


def same(one, other):
    """Return whether sizes are the same, be they in a tuple or a list."""
    return tuple(one) == tuple(other) if isinstance(one, tuple | list) else one == other


ON_SIZES = {
    **dict.fromkeys(("expect_true", "guard_bool", "guard_int", "guard_or_false", "guard_or_true"), known),
    **dict.fromkeys(("guard_size_oblivious", "guarding_hint_or_throw", "statically_known_true"), known),
    "has_guarding_hint": lambda _: True,
    "sym_and": lambda *conditions: all(conditions),
    "sym_or": lambda *conditions: any(conditions),
    "sym_eq": same,
    "is_nested_int": lambda _: False,
    "free_unbacked_symbols": lambda _: set(),
}
"""What operations ask of sizes, which may be symbols; here they are numbers."""


def leave_out_compiler():
    """Keep PyTorch's compiler, and the algebra of sizes that are symbols, from being imported."""
    compiler = [os.path.join(path, "_dynamo") for path in torch.__path__]
    algebra = importlib.util.find_spec("sympy")
    for module in (
        StandIn("torch._dynamo", disable=disable, __path__=compiler),
        StandIn("torch.fx.experimental.symbolic_shapes", **ON_SIZES),
        StandIn("sympy", Basic=type("Basic", (), {}), __path__=algebra and algebra.submodule_search_locations),
    ):
        if module.__name__ not in sys.modules:
            module.put(module)
    importlib.import_module("torch.fx.experimental._config")  # as those who ask expect


class Alive(TorchDispatchMode):
    """The most bytes of storages alive at once, those of `weights` left out."""

    def __init__(self, weights):
        super().__init__()
        self.known, self.now, self.peak = addresses(weights), 0, 0
        self.new = []
        """Storages that were made since the last look at them."""

    @classmethod
    def _should_skip_dynamo(cls):
        """Say that PyTorch's compiler need not be told of this mode: it takes a second and more to be imported."""
        return False

    def add(self, tensor):
        storage = tensor.untyped_storage()
        key, size = storage._cdata, storage.nbytes()
        if key not in self.known:
            self.known.add(key)
            self.new.append(key)
            self.now += size
            self.peak = max(self.peak, self.now)
            weakref.finalize(storage, self.drop, key, size)

    def drop(self, key, size):
        self.known.discard(key)
        self.now -= size

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        self.add_all(made)
        return made

    def add_all(self, made):
        for tensor in tensors_of(made):
            self.add(tensor)


def tensors_of(tree):
    """Return the tensors in a tree of values."""
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor)]


def addresses(tensors):
    """Return what tells the storages of tensors apart."""
    return {tensor.untyped_storage()._cdata for tensor in tensors}


class Box:
    """A tensor that autograd keeps: it is there as long as the node that needs it."""

    def __init__(self, tensor):
        self.tensor = tensor


def build(job, notes, device="meta"):
    """Return the module on a device; what its text observes is put into `notes`."""

    def observe(module, name, value):
        notes.take(f"{module.path}.{name}".lstrip("."), value)
        return value

    names = {"__name__": "exported", "observe": observe}
    exec(compile(job["text"], "<exported>", "exec"), names)
    with torch.device(device):
        model = names[job["name"]]()
    for path, module in model.named_modules():
        module.path = path
        if path in job.get("stubs", ()):
            module.forward = functools.partial(stub, job["stubs"][path])
    return model


class Opaque(torch.autograd.Function):
    """Tensors of given shapes and types that depend on others; nothing is computed or kept, in neither direction."""

    @staticmethod
    def forward(ctx, outputs, *given):
        ctx.given = [(tensor.shape, tensor.dtype, tensor.device) for tensor in given]
        device = given[0].device
        return tuple(torch.zeros(shape, dtype=dtype_of(dtype), device=device) for shape, dtype in outputs)

    @staticmethod
    def backward(ctx, *_gradients):
        needed = zip(ctx.given, ctx.needs_input_grad[1:], strict=True)
        return None, *(
            torch.zeros(shape, dtype=dtype, device=device) if needs else None
            for (shape, dtype, device), needs in needed
        )


def stub(outputs, *given):
    """Stand for a layer of which nothing is known but what it gives."""
    made = Opaque.apply(outputs, *given)
    return made if len(made) > 1 else made[0]


def dtype_of(name):
    """Return a type; `float` is that in which the network computes."""
    return torch.float32 if name == "float" else getattr(torch, name)


def inputs_of(job):
    """Return zeros for each input, in the memory format of the spec's layout."""
    found = []
    for given in job["inputs"]:
        dtype = dtype_of(given["dtype"])
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


class Watch(Alive):
    """Storages, and PyTorch's own formulas of operations, summed; each put down to the layers that :meth:`note` names.

    Its own counter follows modules, too, which not all let.
    """

    def __init__(self, weights):
        super().__init__(weights)
        self.flops, self.told, self.layers, self.makers = 0, 0, {}, {}
        self.highest, self.peak_at = 0, ""
        self.found = iter(())
        """How many elements that are not zero are found each time."""

    def note(self, path):
        """Put what was computed and made since the last note down to a layer."""
        if self.flops > self.told:
            self.layers[path] = self.layers.get(path, 0) + self.flops - self.told
            self.told = self.flops
        self.makers.update(dict.fromkeys(self.new, path))
        self.new.clear()
        if self.peak > self.highest:
            self.highest, self.peak_at = self.peak, path

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        formula = FORMULAS.get(func._overloadpacket)
        if formula is None and is_composite(func):
            with self:
                return func.decompose(*args, **kwargs)
        count = next(self.found, None) if func is torch.ops.aten.nonzero.default else None
        if count is not None:
            func, args, kwargs = torch.ops.aten.new_empty.default, (args[0], (count, args[0].dim())), INDICES
        made, flops = run(func, args, kwargs, formula)
        self.flops += flops
        self.add_all(made)
        if func._schema.is_mutable:  # what is overwritten is made by the layer that does it
            self.new += [leaf.untyped_storage()._cdata for leaf in tensors_of(made)]
        return made


@functools.cache
def is_composite(func):
    """Return whether an operation is made of others on every device; some are so on the meta device alone."""
    return torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), "CompositeImplicitAutograd")


INDICES = {"dtype": torch.int64}
KNOWN = {}
"""What operations made of such arguments: their tensors' shapes, strides and types, and the FLOPs."""


def run(func, args, kwargs, formula):
    """Return what an operation makes, and its FLOPs. Blocks repeat, and finding shapes takes most of the time."""
    key = (func, described(args), described(tuple(kwargs.items()))) if makes_anew(func) else None
    known = KNOWN.get(key)
    if known is not None:
        return restored(known[0]), known[1]
    made = as_computed(func, args, func(*args, **kwargs))
    flops = 0 if formula is None else formula(*args, **kwargs, out_val=made)
    is_view = addresses(tensors_of(made)) & addresses(tensors_of((args, kwargs)))  # `_unsafe_view` does not say so
    if key is not None and not is_view and (plan := planned(made)) is not None:
        KNOWN[key] = plan, flops
    return made, flops


@functools.cache
def makes_anew(func):
    """Return whether an operation reads tensors and makes others, no views, and overwrites none."""
    schema = func._schema
    return not schema.is_mutable and not any(one.alias_info for one in (*schema.arguments, *schema.returns))


def described(value):
    """Return what tells arguments of an operation apart: numbers by their types, too, as 1 is equal to True."""
    if isinstance(value, torch.Tensor):
        return value.shape, value.stride(), value.storage_offset(), value.dtype, value.is_conj(), value.is_neg()
    if isinstance(value, tuple | list):
        return tuple(map(described, value))
    return type(value), value


def planned(made):
    """Return what it takes to make tensors anew, or None for what is not as :func:`restored` would make it."""
    if isinstance(made, tuple | list):
        parts = [None if one is None else planned(one) for one in made]
        alone = len({one.untyped_storage()._cdata for one in made if isinstance(one, torch.Tensor)})
        whole = alone == sum(one is not None for one in parts) == sum(one is not None for one in made)
        return tuple(parts) if whole else None
    if not isinstance(made, torch.Tensor) or made.is_conj() or made.is_neg():
        return None
    plan = (made.shape, made.stride()), made.dtype
    same = restored(plan)
    size = made.untyped_storage().nbytes()
    return plan if made.storage_offset() == 0 and same.untyped_storage().nbytes() == size else None


def restored(plan):
    """Return tensors as a plan says."""
    if plan is None:
        return None
    if isinstance(plan[-1], torch.dtype):
        return torch.empty_strided(*plan[0], dtype=plan[1], device="meta")
    return tuple(map(restored, plan))


def as_computed(func, args, made):
    """Return what an operation of the meta device makes, with the channels last where a CPU's leaves them so."""
    last = LAST.get(args[0].dim()) if func.overloadpacket in KEEP_LAST else None
    if last is None or not is_like_last(args[0]):
        return made
    if isinstance(made, tuple):
        return torch.empty_like(made[0], memory_format=last), *made[1:]
    return torch.empty_like(made, memory_format=last)


def is_like_last(tensor):
    """Return whether a map has its channels last by its strides, those of axes of size 1 included, as c10 asks."""
    if tensor.stride(1) == 0:
        return False
    least = 0
    for axis in (1, *range(tensor.dim() - 1, 1, -1), 0):
        if tensor.stride(axis) < least or (axis == 0 and least == tensor.stride(1)):
            return False
        least = tensor.stride(axis) * tensor.shape[axis]
    return True


KEEP_LAST = {
    getattr(torch.ops.aten, name)
    for name in ("convolution", "native_group_norm", "reflection_pad2d", "replication_pad2d", "replication_pad3d")
}
LAST = {4: torch.channels_last, 5: torch.channels_last_3d}


def group_norm(x, groups, weight=None, bias=None, eps=1e-5, *_):
    """Normalize groups of channels without copying a map first whose channels are last, as on a CPU."""
    last = x.dim() in LAST and is_like_last(x)
    x = x.contiguous(memory_format=LAST[x.dim()] if last else torch.contiguous_format)
    sizes = (x.shape[0], x.shape[1], x[0, 0].numel())
    return torch.native_group_norm(x, weight, bias, *sizes, groups, eps)[0]


torch.group_norm = group_norm


def linear(x, weight, bias=None, own=torch.nn.functional.linear):
    """Add the bias in place to a product of what is not in order, as where nobody watches the operations."""
    if bias is None or x.dim() == len(weight.shape) or x.is_contiguous():
        return own(x, weight, bias)
    return x.matmul(weight.t()).add_(bias)


torch.nn.functional.linear = linear


class RefusedError(Exception):
    """What PyTorch says against a program while a module runs."""

    def __init__(self, place):
        super().__init__(place)
        self.place = place


class Notes:
    """What is seen of each layer while a module runs: its shape, what it computes, its values where they are wanted."""

    def __init__(self, wanted=(), found=None):
        self.shapes, self.running, self.watch = {}, [], None
        self.found = found or {}
        self.values = dict.fromkeys(wanted)

    def take(self, path, made):
        """Note a layer's first output."""
        for leaf in tree_leaves(made)[:1]:
            self.shapes.setdefault(path, list(leaf.shape))
            if path in self.values:
                self.values[path] = leaf.tolist()
        if self.watch is not None:
            self.watch.note(path)

    def follow(self, modules, paths):
        """Follow modules by hooks."""
        for path in dict.fromkeys(path for path in paths if path in modules):
            modules[path].register_forward_pre_hook(functools.partial(self._begin, path))
            modules[path].register_forward_hook(functools.partial(self._end, path))

    def _begin(self, path, _module, _inputs):
        self.running.append(path)
        if path in self.found and self.watch is not None:
            self.watch.found = iter(self.found[path])

    def _end(self, path, _module, _inputs, made):
        self.running.remove(path)
        self.take(path, made)


def measure(job):
    """Return the figures of a job, by a pass at inference and one in training."""
    notes = Notes(found=job.get("found"))
    model = build(job, notes)
    weights = [*model.parameters(), *model.buffers(), *plain_tensors(model)]
    modules, saved = dict(model.named_modules()), model.state_dict().keys()
    found = {
        "version": torch.__version__.partition("+")[0],
        "params": sum(weight.numel() for weight in model.parameters()),
        "trainable": sum(weight.numel() for weight in model.parameters() if weight.requires_grad),
        "buffers": sum(
            buffer.numel()
            for name, buffer in model.named_buffers()
            if name in saved and not name.endswith("num_batches_tracked")
        ),
        "layer_params": {
            path: sum(weight.numel() for weight in modules[path].parameters())
            for path in job["wanted"]
            if path in modules
        },
    }
    notes.follow(modules, job["wanted"])
    try:
        found |= inference(model.eval(), job, weights, notes)
    except Exception as error:
        raise RefusedError(notes.running[-1] if notes.running else "") from error
    return found | {"shapes": notes.shapes} | training(model.train(), job, weights, notes)


def inference(model, job, weights, notes):
    """Return what a pass at inference computes and holds."""
    notes.watch = watch = Watch(weights)
    with torch.no_grad():
        given = inputs_of(job)
        with watch:
            watch.add_all(given)
            outputs = [list(leaf.shape) for leaf in tree_leaves(model(*given))]
    macs = {path: flops // 2 for path, flops in watch.layers.items()}
    found = {"peak": watch.peak, "peak_at": watch.peak_at, "macs": watch.flops // 2, "layer_macs": macs}
    return found | {"outputs": outputs}


def training(model, job, weights, notes):
    """Return what a pass in training keeps and computes; `refused` where PyTorch does not train on the batch."""
    known = addresses(weights)
    boxes = weakref.WeakSet()
    notes.watch = watch = Watch(weights)

    def pack(tensor):
        box = Box(tensor.detach())  # an output that is kept would hold the node that keeps it
        if tensor.untyped_storage()._cdata not in known:
            boxes.add(box)
        return box

    given = inputs_of(job)
    with watch:
        for tensor, about in zip(given, job["inputs"], strict=True):
            watch.add(tensor)
            watch.note(about["name"])
        try:
            with torch.autograd.graph.saved_tensors_hooks(pack, lambda box: box.tensor):
                made = tree_leaves(model(*given))
        except ValueError as error:
            return {"refused": str(error)}
        layers = {}
        storages = [box.tensor.untyped_storage() for box in boxes]
        for key, size in {storage._cdata: storage.nbytes() for storage in storages}.items():
            path = watch.makers.get(key, "")
            layers[path] = layers.get(path, 0) + size
        notes.watch = None
        outputs = [leaf for leaf in made if isinstance(leaf, torch.Tensor) and leaf.requires_grad]
        torch.autograd.backward([leaf.sum() for leaf in outputs])
    return {"kept": sum(layers.values()), "layer_kept": layers, "training_macs": watch.flops // 2}


def computed(job):
    """Return the values of layers, computed on the CPU with the numbers of the job."""
    numbers = job["numbers"]
    notes = Notes(numbers["wanted"])
    model = build(job, notes, "cpu").eval()
    modules = dict(model.named_modules())
    notes.follow(modules, numbers["wanted"])
    given = [
        torch.tensor(values, dtype=dtype_of(given["dtype"]))
        for values, given in zip(numbers["inputs"], job["inputs"], strict=True)
    ]
    with torch.no_grad():
        for path, weights in numbers["weights"].items():
            for name, values in weights.items():
                getattr(modules[path], name).copy_(torch.tensor(values))
        model(*given)
    return {"values": notes.values, "computed_by": "PyTorch's CPU kernels"}


def plain_tensors(model):
    """Return tensors that modules hold as plain attributes, such as biases that are fixed to zero."""
    return [value for module in model.modules() for value in vars(module).values() if isinstance(value, torch.Tensor)]


def answer(job):
    """Return the figures of a job, or what PyTorch says against it."""
    try:
        return computed(job) if "numbers" in job else measure(job)
    except RefusedError as refused:
        error = refused.__cause__
        return {"error": f"{type(error).__name__}: {error}", "at": refused.place}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


def main():
    """Read the jobs, write the figures of each."""
    warnings.simplefilter("ignore")
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(2, 1)  # whatever a program prints is no part of the answer
        leave_out_compiler()
        json.dump([answer(job) for job in json.load(sys.stdin)], out)


if __name__ == "__main__":
    main()
