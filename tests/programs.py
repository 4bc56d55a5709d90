"""Writes programs in the grammar of `torch.export.save`, without torch: for tests and for the documentation."""

from __future__ import annotations

import io
import json
import zipfile

DTYPES = {"int64": 5, "float16": 6, "float32": 7, "float64": 8, "bool": 12, "bfloat16": 13}


def size(one):
    """Return a size as such files have it; a text is an expression, `s0` a symbol."""
    if isinstance(one, int):
        return {"as_int": one}
    text = f"Symbol('{one}', positive=True, integer=True)" if one.isidentifier() else one
    return {"as_expr": {"expr_str": text, "hint": {"as_int": 2} if one.isidentifier() else None}}


class Program:
    """Collects calls; each method returns the name of a tensor."""

    def __init__(self):
        self.tensors = {}
        self.inputs = []
        self.specs = []
        self.nodes = []
        self.outputs = []
        self.config = {}
        self.numbers = {}
        self.at(7, "x = self.f(x)")

    def tensor(self, name, sizes, dtype="float32", *, learned=False):
        strides: list[dict] = []
        step = 1
        for one in reversed(sizes):
            strides.insert(0, size(step))
            step = step * one if isinstance(one, int) and isinstance(step, int) else step
        self.tensors[name] = {
            "dtype": DTYPES[dtype],
            "sizes": [size(one) for one in sizes],
            "requires_grad": learned,
            "device": {"type": "cpu", "index": None},
            "strides": strides,
            "storage_offset": size(0),
            "layout": 7,
        }
        return name

    def input(self, *sizes, name="x", dtype="float32"):
        self.tensor(name, sizes, dtype)
        self.inputs.append({"as_tensor": {"name": name}})
        self.specs.append({"user_input": {"arg": {"as_tensor": {"name": name}}}})
        return name

    def parameter(self, path, *sizes, weight=""):
        """Add a parameter; `weight` is the member that holds its numbers, the same for those that are one."""
        return self._held(path, sizes, "parameter", weight)

    def buffer(self, path, *sizes, dtype="float32"):
        return self._held(path, sizes, "buffer", "", dtype)

    def _held(self, path, sizes, kind, weight, dtype="float32"):
        name = self.tensor(f"{kind[0]}_{path.replace('.', '_')}", sizes, dtype, learned=kind == "parameter")
        self.inputs.append({"as_tensor": {"name": name}})
        extra = {"persistent": True} if kind == "buffer" else {}
        self.specs.append({kind: {"arg": {"name": name}, f"{kind}_name": path, **extra}})
        self.config[path] = {"path_name": weight or "weight_0", "tensor_meta": self.tensors[name]}
        return name

    def call(self, target, sizes, module="", kind="", dtype="float32", /, **arguments):
        """Add a call; `arguments` that are names of tensors are tensors. Of several outputs `sizes` is a list."""
        several = isinstance(sizes, list)
        plain = target.split(".")[1]
        names = [f"{plain}_{len(self.tensors)}_{i}" for i in range(len(sizes) if several else 1)]
        for name, one in zip(names, sizes if several else [sizes], strict=True):
            self.tensor(name, one, dtype)
        stack = ["L__self__,,tests.Net"]
        parts = module.split(".") if module else []
        for end in range(1, len(parts) + 1):
            path = ".".join(parts[:end])
            what = kind if end == len(parts) and kind else "Block"
            if end == len(parts) or not parts[end].isdigit():  # else a list, which is not called
                stack.append(f"L__self___{path},{path},tests.{what}")
        node = {
            "target": f"torch.ops.{target}",
            "inputs": [{"name": key, "arg": self.argument(value), "kind": 1} for key, value in arguments.items()],
            "outputs": [{"as_tensor": {"name": name}} for name in names],
            "metadata": {
                "nn_module_stack": ";".join(stack),
                "stack_trace": self.trace,
            },
        }
        self.nodes.append(node)
        return names if several else names[0]

    def lies(self, name, *strides):
        """Say how a tensor lies in its storage, where its elements are not in order; return its name."""
        self.tensors[name]["strides"] = [size(one) for one in strides]
        return name

    def at(self, line, text, *inner, file="net.py"):
        """Say at which line of `forward` the calls to come are made, and of further functions that it calls."""
        frames = [(line, "forward", text), *inner]
        self.trace = "\n  ".join(
            f'File "/home/someone/{file}", line {at}, in {of}\n    {what}' for at, of, what in frames
        )

    def argument(self, value):
        if isinstance(value, str):
            return {"as_tensor": {"name": value}} if value in self.tensors else {"as_string": value}
        if isinstance(value, bool):
            return {"as_bool": value}
        if isinstance(value, list) and value and isinstance(value[0], str) and value[0] in self.tensors:
            return {"as_tensors": [{"name": name} for name in value]}
        kind = {int: "as_int", float: "as_float", list: "as_ints", type(None): "as_none"}[type(value)]
        return {kind: value if value is not None else True}

    def output(self, *names):
        self.outputs += [{"as_tensor": {"name": name}} for name in names]
        return self

    def document(self):
        """Return the JSON, as a dict."""
        return {
            "graph_module": {
                "graph": {
                    "inputs": self.inputs,
                    "outputs": self.outputs,
                    "nodes": self.nodes,
                    "tensor_values": self.tensors,
                    "sym_int_values": self.numbers,
                },
                "signature": {
                    "input_specs": self.specs,
                    "output_specs": [{"user_output": {"arg": one}} for one in self.outputs],
                },
                "module_call_graph": [],
            },
            "schema_version": {"major": 8, "minor": 20},
            "torch_version": "2.13.0",
            "range_constraints": {},
        }

    def save(self, numbers=b""):
        """Return the file; `numbers` are the bytes of every weight, none as of a program on the meta device."""
        members = {
            "net/archive_format": b"pt2",
            "net/models/model.json": json.dumps(self.document()).encode(),
            "net/data/weights/model_weights_config.json": json.dumps({"config": self.config}).encode(),
        }
        members |= {f"net/data/weights/{entry['path_name']}": numbers for entry in self.config.values()}
        return zipped(members)


def zipped(members):
    """Return a zip of these members."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as file:
        for name, content in members.items():
            file.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return written.getvalue()


def linear(program, path, x, features, units, **how):
    """Add a `torch.nn.Linear` that reads (s0, features); `how` may say `bias`, and the member that holds its weight."""
    weight = program.parameter(f"{path}.weight", units, features, weight=how.get("weight", ""))
    biases = {"bias": program.parameter(f"{path}.bias", units)} if how.get("bias", True) else {}
    return program.call("aten.linear.default", ("s0", units), path, "Linear", input=x, weight=weight, **biases)


def residual_net():
    """Return a small program: a convolution, two equal residual blocks, a pooled head; its batch is open."""
    net = Program()
    x = net.input("s0", 3, 32, 32, name="image")
    maps = ("s0", 8, 16, 16)
    kernel = net.parameter("stem.weight", 8, 3, 3, 3)
    x = net.call(
        "aten.conv2d.default", maps, "stem", "Conv2d", input=x, weight=kernel, bias=None, stride=[2, 2], padding=[1, 1]
    )
    for block in ("blocks.0", "blocks.1"):
        kernel = net.parameter(f"{block}.conv.weight", 8, 8, 3, 3)
        scale, offset = (net.parameter(f"{block}.norm.{name}", 8) for name in ("weight", "bias"))
        mean, variance = (net.buffer(f"{block}.norm.running_{name}", 8) for name in ("mean", "var"))
        net.buffer(f"{block}.norm.num_batches_tracked", dtype="int64")
        y = net.call("aten.conv2d.default", maps, f"{block}.conv", "Conv2d", input=x, weight=kernel, padding=[1, 1])
        y = net.call(
            *("aten.batch_norm.default", maps, f"{block}.norm", "BatchNorm2d"),
            input=y,
            weight=scale,
            bias=offset,
            running_mean=mean,
            running_var=variance,
            training=False,
            momentum=0.1,
            eps=1e-5,
            cudnn_enabled=True,
        )
        y = net.call("aten.add.Tensor", maps, block, "Block", self=x, other=y)
        x = net.call("aten.relu_.default", maps, f"{block}.relu", "ReLU", self=y)
    x = net.call("aten.mean.dim", ("s0", 8), self=x, dim=[-1, -2])
    return net.output(linear(net, "head", x, 8, 10))


def tied_net(*, numbers=b""):
    """Return a program whose output layer is the table of its embedding; only a file with numbers tells so."""
    net = Program()
    tokens = net.input("s0", 5, name="tokens", dtype="int64")
    table = net.parameter("embedding.weight", 100, 16, weight="weight_0")
    net.parameter("head.weight", 100, 16, weight="weight_0")
    x = net.call("aten.embedding.default", ("s0", 5, 16), "embedding", "Embedding", weight=table, indices=tokens)
    x = net.call("aten.linear.default", ("s0", 5, 100), "head", "Linear", input=x, weight=table)
    return net.output(x).save(numbers)


MADE = {
    "small.pt2": lambda: residual_net().save(),
    "tied.pt2": tied_net,
}
"""Files by the names that the documentation gives them."""
