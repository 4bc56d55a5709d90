"""Export a PyTorch module as a program without its weights: imported beside torch, or run by a Python that has it.

`python export.py FOLDER < job.json` runs the user's code. A job has `factory`, `package.module:name` or `file.py:name`,
its `arguments`, the shapes of the module's `inputs` by name, without the batch, and a `batch`. The program is written
to `FOLDER/program.pt2`, or what went wrong to `FOLDER/error.txt`. Nothing but torch and Python's library is imported.
"""

import importlib
import importlib.util
import inspect
import json
import os
import sys
import warnings
from collections.abc import Mapping
from contextlib import contextmanager
from traceback import StackSummary

import torch
from torch.export import Dim
from torch.fx.proxy import TracerBase
from torch.utils._pytree import tree_map_only

OPEN = 2
"""Samples of an example whose batch is left open: PyTorch takes a size of 1 for one that never changes."""
NOTE = "archinspect.json"
"""The file within a program that says which weights are one, as files without weights do not."""
TORCH = os.path.join(os.path.dirname(torch.__file__), "")
LAYERS = os.path.join(TORCH, "nn", "modules", "")
"""What of PyTorch is written as an author's functions are; others say between the lines what they forget."""
FILTER = "_filter_traceback_frames"
"""The method of PyTorch's tracer that says which of the running functions a call's lines are of."""
CALLS = ("_call_impl", "_wrapped_call_impl")
"""How a module is called."""


class AskedError(Exception):
    """What the user has to say, or say otherwise."""


def export(module, arguments, named, path):
    """Write the program of a module for these example inputs; its first axes are open where the module lets them be.

    Raise what PyTorch raises where it cannot be exported.
    """
    with _at_inference(module), _gives_tensors(module), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what a module does with its own attributes
        try:
            program = _program(module, *tree_map_only(torch.Tensor, _two, (arguments, named)), is_open=True)
        except Exception:  # whatever keeps the batch from being open: the module's own code runs
            program = _program(module, arguments, named, is_open=False)
    for tensors in (program.state_dict, program.constants):
        for name, value in tensors.items():
            if isinstance(value, torch.Tensor):
                tensors[name] = _without_numbers(value)
    program.example_inputs = None
    torch.export.save(program, path, extra_files={NOTE: json.dumps({"same": _ties(module)})})


def _program(module, arguments, named, *, is_open):
    batch = Dim("batch")
    first = {**dict(zip(_parameters(module), arguments, strict=False)), **named}
    shapes = {
        name: tree_map_only(torch.Tensor, lambda one: {0: batch} if one.dim() else None, value)
        if _has_tensors(value)
        else None
        for name, value in first.items()
    }
    with torch.enable_grad(), _lines_of_functions():  # so that the module's own regions without gradients are told
        return torch.export.export(
            module, tuple(arguments), dict(named), dynamic_shapes=shapes if is_open else None, strict=False
        )


@contextmanager
def _lines_of_functions():
    """Let calls say all functions of the author that they are made in, where PyTorch can; alone it tells `forward`."""
    found = getattr(TracerBase, FILTER, None)
    if found:
        setattr(TracerBase, FILTER, lambda _, frames: StackSummary.from_list(_of_author(frames)))
    try:
        yield
    finally:
        if found:
            setattr(TracerBase, FILTER, found)


def _of_author(frames):
    """Return frames from the first `forward` on, without what PyTorch runs around its layers and functions."""
    known = [
        frame
        for frame in frames
        if frame.filename.startswith(LAYERS) or not frame.filename.startswith(TORCH)
        if frame.name not in CALLS and frame.line
    ]
    start = next((at for at, frame in enumerate(known) if frame.name == "forward"), len(known))
    return known[start:]


def _parameters(module):
    return list(inspect.signature(module.forward).parameters)


def _has_tensors(value):
    found = []
    tree_map_only(torch.Tensor, found.append, value)
    return bool(found)


def _two(tensor):
    """Return a tensor of as many samples as leave the batch open."""
    return tensor.new_zeros((OPEN, *tensor.shape[1:])) if tensor.dim() else tensor


def _without_numbers(value):
    found = torch.empty_like(value, device="meta")
    return torch.nn.Parameter(found, value.requires_grad) if isinstance(value, torch.nn.Parameter) else found


@contextmanager
def _at_inference(module):
    """Turn a module to inference, and what transformers' modules would return for the next step off."""
    training = {one: one.training for one in module.modules()}
    config = getattr(module, "config", None)
    cached = getattr(config, "use_cache", None)
    try:
        module.eval()
        if cached is not None:
            config.use_cache = False
        yield
    finally:
        for one, was in training.items():
            one.training = was
        if cached is not None:
            config.use_cache = cached


@contextmanager
def _gives_tensors(module):
    """Let a module give the tensors alone of what it gives: PyTorch exports and saves no objects of an author's own."""
    hook = module.register_forward_hook(lambda _module, _inputs, output: tuple(_tensors(output, set())) or output)
    try:
        yield
    finally:
        hook.remove()


def _tensors(value, seen):
    """Give the tensors of tuples, lists, dictionaries and attributes, in their order; `seen` has what was looked at."""
    if isinstance(value, torch.Tensor):
        yield value
    elif id(value) not in seen and not isinstance(value, torch.nn.Module):
        seen.add(id(value))
        if isinstance(value, Mapping):
            parts = value.values()
        else:
            parts = value if isinstance(value, tuple | list) else getattr(value, "__dict__", {}).values()
        for part in parts:
            yield from _tensors(part, seen)


def _ties(module):
    """Return the names of parameters and buffers that are another one, with that one's name."""
    names, same = {}, {}
    for found in (module.named_parameters(remove_duplicate=False), module.named_buffers(remove_duplicate=False)):
        for name, value in found:
            first = names.setdefault(id(value), name)
            if first != name:
                same[name] = first
    return same


def _run(job, folder):
    with torch.device("meta"):
        module = _made(job)
        module.to("meta")
        named = _inputs(module, job)
        path = os.path.join(folder, "program.pt2")
        try:
            export(module, (), {name: torch.zeros(shape) for name, shape in named.items()}, path)
        except Exception as error:
            try:  # indices, as of words
                export(module, (), {name: torch.zeros(shape, dtype=torch.int64) for name, shape in named.items()}, path)
            except Exception:  # the first error is the one that is told
                raise error from None


def _made(job):
    """Return the module that the user's factory makes."""
    try:
        found = _factory(job["factory"])
        module = found if isinstance(found, torch.nn.Module) else found(**job["arguments"])
    except Exception as error:  # the user's code runs here
        raise AskedError(f"{job['factory']} makes no module: {told(error)}") from error
    if not isinstance(module, torch.nn.Module):
        raise AskedError(f"{job['factory']} makes no torch.nn.Module, but this: {type(module).__name__}")
    return module


def told(error):
    """Return an error's name and its first line."""
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"


def _inputs(module, job):
    """Return the inputs' shapes, with the batch, by the names of the module's `forward`."""
    known = inspect.signature(module.forward).parameters
    inputs = dict(job["inputs"])
    needed = [name for name, one in known.items() if one.default is one.empty and one.kind is not one.VAR_KEYWORD]
    if "" in inputs and (needed or known):
        inputs[(needed or [*known])[0]] = inputs.pop("")
    for name in needed:
        if name not in inputs and known[name].kind is not known[name].VAR_POSITIONAL:
            raise AskedError(f"what shape has '{name}'? --input {name}=SHAPE, without the batch")
    return {name: (job["batch"], *shape) for name, shape in inputs.items()}


def _factory(text):
    path, _, name = text.rpartition(":")
    if path.endswith(".py"):
        spec = importlib.util.spec_from_file_location(os.path.basename(path)[:-3], path)
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
        spec.loader.exec_module(module)
    else:
        module = importlib.import_module(path)
    for part in name.split("."):
        module = getattr(module, part)
    return module


if __name__ == "__main__":
    sys.path[0] = os.getcwd()
    try:
        _run(json.load(sys.stdin), sys.argv[1])
    except Exception as error:  # the user's code runs here
        said = str(error) if isinstance(error, AskedError) else f"PyTorch cannot export it: {told(error)}"
        with open(os.path.join(sys.argv[1], "error.txt"), "w", encoding="utf-8") as file:
            file.write(said)
