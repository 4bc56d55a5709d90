"""What a file of `torch.export.save` says: the calls of a program, its tensors, weights, inputs and outputs.

Layout and meaning are those of PyTorch's `torch/_export/serde/schema.py`, version 8, as files of PyTorch 2.6 to 2.14
have it. Sub-graphs that only set a mode (`torch.no_grad`, `autocast`) are written out where they are called.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from archinspect.base.diagnostics import suggest
from archinspect.base.source import SourceError
from archinspect.importers.evidence import is_program
from archinspect.importers.pt2.program import COMPLEX, DTYPES, Call, Meta, Module, Program, Ref, Stored
from archinspect.importers.pt2.sizes import Expression, is_symbol, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from archinspect.importers.file import File
    from archinspect.importers.pt2.sizes import Size

    Json = dict[str, Any]

MAJOR = 8
"""The version of the schema that is known; a greater one may mean something else."""
SAID = "extra/archinspect.json"
"""Where :mod:`archinspect.importers.torch.export` says which weights are one."""
MAX_CALLS = 200_000
MAX_NESTING = 20
"""Sub-graphs within one another."""
MAX_STEPS = 1000
"""Of a `scan` that is written out, step by step."""
FLOW = ("higher_order.cond", "higher_order.while_loop", "higher_order.scan")
WRITTEN_OUT = "written_out"
"""What gives the results of a `scan` that was written out: it has no costs of its own."""
EACH_STRETCHED = ("aten.broadcast_tensors.default", "aten.meshgrid.default", "aten.meshgrid.indexing")
"""Calls of which each output is a view of the input in its place."""
INLINED = ("higher_order.wrap_with_set_grad_enabled", "higher_order.wrap_with_autocast")
_ROOT = "_empty_nn_module_stack_from_metadata_hook"


def read_program(file: File, name: str = "") -> Program:
    """Return the program of a file, of several the one of this name."""
    return file.once(_read, name)


def _read(file: File, name: str) -> Program:
    member = _member(file, name)
    found = file.json(member)
    major = found["schema_version"]["major"]
    if major != MAJOR:
        raise file.refuse(
            f"the program is of version {major} of PyTorch's schema, not {MAJOR}", "save it with PyTorch 2.6 or later"
        )
    module = found["graph_module"]
    reader = _Reader(file)
    reader.add(module["graph"], {}, "", ())
    weights, knows_ties = _weights(file, member)
    stored, inputs, numbers = {}, [], {}
    for spec in module["signature"]["input_specs"]:
        ((kind, content),) = spec.items()
        if kind in ("parameter", "buffer", "tensor_constant"):
            path = content.get("parameter_name") or content.get("buffer_name") or content.get("tensor_constant_name")
            name = content["arg"]["name"]
            what = {"tensor_constant": "constant"}.get(kind, kind)
            stored[name] = Stored(str(path), what, reader.metas[name], weights.get(path))
        elif kind == "user_input" and "as_tensor" in content["arg"]:
            inputs.append(content["arg"]["as_tensor"]["name"])
        elif kind == "user_input" and "as_name" in content["arg"].get("as_sym_int", {}):
            name = content["arg"]["as_sym_int"]["as_name"]
            numbers[name] = reader.numbers[name]
    outputs = []
    for spec in module["signature"]["output_specs"]:
        ((kind, content),) = spec.items()
        if kind in ("user_output", "loss_output") and "as_tensor" in content["arg"]:
            outputs.append(reader.resolved(content["arg"]["as_tensor"]["name"]))
    version = str(found.get("torch_version", ""))
    return Program(
        version,
        tuple(reader.calls),
        reader.metas,
        stored,
        tuple(inputs),
        tuple(outputs),
        numbers,
        reader.hints,
        knows_ties,
    )


def _member(file: File, asked: str) -> str:
    found = {name.rpartition("/")[2].removesuffix(".json"): name for name in file.members if is_program(name)}
    if not file.members:
        raise file.refuse("the file is no zip, or a damaged one")
    if not found:
        raise file.refuse("the file holds no program: no `models/*.json`")
    if asked and asked not in found:
        raise SourceError("unknown-param", f"the file has no program '{asked}'", file.span(), suggest(asked, found))
    if len(found) > 1 and not asked:
        shown = ", ".join([*found][:10])
        raise file.refuse(f"the file holds {len(found)} programs: {shown}", f"--set model={next(iter(found))}")
    return found[asked] if asked else next(iter(found.values()))


def _weights(file: File, member: str) -> tuple[dict[str, tuple[Any, ...]], bool]:
    """Return where each weight lies, and whether that tells which are one.

    Of a program without numbers, on the meta device, PyTorch 2.14 says the same place of all of a type.
    """
    folder, _, model = member.removesuffix(".json").rpartition("models/")
    config = f"{folder}data/weights/{model}_weights_config.json"
    if not folder or config not in file.members:
        return {}, False
    found = file.json(config)
    entries: Json = found.get("config", found)
    places = {}
    for name, entry in entries.items():
        meta = _meta(entry["tensor_meta"])
        places[name] = (entry["path_name"], meta.offset, meta.sizes, meta.strides)
    note = f"{folder}{SAID}"
    if note in file.members:
        same: Json = file.json(note)["same"]
        return {name: (str(same.get(name, name)), *place[1:]) for name, place in places.items()}, True
    paths = {entry["path_name"] for entry in entries.values()}
    dtypes = {entry["tensor_meta"]["dtype"] for entry in entries.values()}
    has_numbers = all(file.members.get(f"{folder}data/weights/{path}") for path in paths)
    # One place cannot be that of several sizes, so it is none.
    is_one_each = len(paths) > len(dtypes) and len({(one[0], one[2]) for one in places.values()}) == len(paths)
    knows = has_numbers or is_one_each or len(entries) == 1
    return (places, True) if knows else ({}, False)


class _Reader:
    """Collects calls and tensors of a graph and of those within it."""

    def __init__(self, file: File) -> None:
        self.file = file
        self.calls: list[Call] = []
        self.metas: dict[str, Meta] = {}
        self.hints: dict[str, int] = {}
        self.numbers: dict[str, Size] = {}
        """What is computed with sizes, by name."""
        self.recorded = True
        """Whether backward passes the calls of the region that is read."""
        self._same: dict[str, str] = {}
        """Of an output of a sub-graph that was written out, the tensor within it."""

    def resolved(self, name: str) -> str:
        """Return the tensor of this name."""
        while name in self._same:
            name = self._same[name]
        return name

    def add(self, graph: Json, given: Mapping[str, str], scope: str, outer: tuple[Module, ...], depth: int = 0) -> None:
        """Add the calls of a graph: `given` are the tensors that its inputs stand for, names begin with `scope`."""
        if depth > MAX_NESTING:
            raise self.file.refuse(f"sub-graphs nest deeper than {MAX_NESTING} levels")
        sizes = {}
        for name, entry in graph.get("sym_int_values", {}).items():
            sizes[name] = _size(entry)
            self._hint(sizes[name], entry)
        self.numbers.update(sizes)
        for name, meta in graph["tensor_values"].items():
            self.metas[scope + name] = _meta(meta)
            for size, entry in zip(self.metas[scope + name].sizes, meta["sizes"], strict=True):
                self._hint(size, entry)

        def resolve(name: str) -> str:
            return self.resolved(given.get(name) or scope + name)

        for number, node in enumerate(graph["nodes"]):
            target = str(node["target"]).removeprefix("torch.ops.")
            modules = _modules(node.get("metadata", {})) or outer
            if target in INLINED:
                self._inline(node, resolve, (scope, f"{scope}{number}/"), modules, depth)
                continue
            outputs = tuple([scope + name for name in _outputs(node["outputs"])])
            if not outputs:
                continue  # sizes and assertions
            arguments = {
                entry["name"] or str(place): _argument(entry["arg"], resolve, sizes)
                for place, entry in enumerate(node["inputs"])
            }
            if target in FLOW:
                target, arguments = self._flow(target, node, arguments, (f"{scope}{number}", modules, depth))
            trace = str(node.get("metadata", {}).get("stack_trace", ""))
            self._call(Call(target, arguments, outputs, modules, trace, self.recorded))

    def _call(self, call: Call) -> None:
        for one in _one_by_one(call):
            (given, *_) = one.refs() or [("", "")]
            if call.target in EACH_STRETCHED and self.metas[given[1]] == self.metas[one.outputs[0]]:
                self._same[one.outputs[0]] = given[1]  # it is not stretched
            else:
                self.calls.append(one)
        if len(self.calls) > MAX_CALLS:
            raise self.file.refuse(f"the program has more than {MAX_CALLS:,} calls")

    def _hint(self, size: Size, entry: Json) -> None:
        if is_symbol(size):
            hint = (entry["as_expr"].get("hint") or {}).get("as_int")
            if type(hint) is int and hint > 0:
                self.hints.setdefault(size.arguments[0], hint)

    def _flow(
        self, target: str, node: Json, arguments: Mapping[str, Any], where: tuple[str, tuple[Module, ...], int]
    ) -> tuple[str, dict[str, Any]]:
        """Write out what is run of a call with sub-graphs; return its target, and what it then reads.

        Of `cond` that is the longer branch, of `while_loop` its body, once: what runs follows from data. A `scan`
        runs as often as its sequence has steps.
        """
        graphs = [entry["arg"]["as_graph"]["graph"] for entry in node["inputs"] if "as_graph" in entry["arg"]]
        lists = [[ref.name for ref in one] for one in arguments.values() if isinstance(one, list)]
        scope, modules, depth = where
        if target == "higher_order.scan":
            return self._scan(graphs[0], lists, where)
        graph = max(graphs, key=lambda one: len(one["nodes"])) if target == "higher_order.cond" else graphs[1]
        given = [name for each in lists for name in each]
        start = len(self.calls)
        made = self._body(graph, given, f"{scope}/", modules, depth)
        read = {name for call in self.calls[start:] for _, name in call.refs()}
        # What another branch reads is read, too.
        return target, {"made": [*map(Ref, made)], "else": [Ref(name) for name in given if name not in read]}

    def _scan(
        self, graph: Json, lists: list[list[str]], where: tuple[str, tuple[Module, ...], int]
    ) -> tuple[str, dict[str, Any]]:
        scope, modules, depth = where
        carried, sequences, *further = lists
        steps = self.metas[sequences[0]].sizes[0]
        is_known = isinstance(steps, int) and 0 < steps <= MAX_STEPS
        names = [one["as_tensor"]["name"] for one in graph["inputs"] if "as_tensor" in one][len(carried) :]
        made: list[str] = []
        for step in range(steps if isinstance(steps, int) and is_known else 1):
            within = f"{scope}.{step}/"
            parts = [within + name for name, _ in zip(names, sequences, strict=False)]
            for part, whole in zip(parts, sequences, strict=True):
                self.metas[part] = self._first(whole)
                arguments = {"self": Ref(whole), "dim": 0, "index": step}
                self._call(Call("aten.select.int", arguments, (part,), modules, "", self.recorded))
            given = [*carried, *parts, *[name for each in further for name in each]]
            found = self._body(graph, given, within, modules, depth)
            carried = found[: len(carried)]
            made += found[len(carried) :]
        return WRITTEN_OUT if is_known else "higher_order.scan", {"made": [*map(Ref, [*carried, *made])]}

    def _first(self, name: str) -> Meta:
        """Return a tensor without its first axis."""
        meta = self.metas[name]
        return meta._replace(sizes=meta.sizes[1:], strides=meta.strides[1:])

    def _body(self, graph: Json, given: list[str], scope: str, modules: tuple[Module, ...], depth: int) -> list[str]:
        """Write out a sub-graph that is given these tensors; return its outputs."""
        inner = [one["as_tensor"]["name"] for one in graph["inputs"] if "as_tensor" in one]
        own = dict(zip(inner, given, strict=False))
        self.add(graph, own, scope, modules, depth + 1)
        return [own.get(name) or self.resolved(scope + name) for name in _outputs(graph["outputs"])]

    def _inline(
        self,
        node: Json,
        resolve: Callable[[str], str],
        scopes: tuple[str, str],
        modules: tuple[Module, ...],
        depth: int,
    ) -> None:
        outside, scope = scopes
        arguments = [entry["arg"] for entry in node["inputs"]]
        place = next(at for at, one in enumerate(arguments) if "as_graph" in one)
        graph = arguments[place]["as_graph"]["graph"]
        outer = [one["as_tensor"]["name"] for one in arguments[place + 1 :] if "as_tensor" in one]
        inner = [one["as_tensor"]["name"] for one in graph["inputs"] if "as_tensor" in one]
        before = self.recorded
        if "set_grad_enabled" in node["target"]:
            self.recorded = bool(arguments[0].get("as_bool", True))
        self.add(graph, dict(zip(inner, map(resolve, outer), strict=True)), scope, modules, depth + 1)
        self.recorded = before
        made = _outputs(graph["outputs"])
        own = dict(zip(inner, outer, strict=True))
        for name, within in zip(_outputs(node["outputs"]), made, strict=True):
            same = resolve(own[within]) if within in own else self.resolved(scope + within)
            if same != outside + name:
                self._same[outside + name] = same


def _one_by_one(call: Call) -> Iterator[Call]:
    """Give a call, or what it is of each of its tensors."""
    if call.target not in EACH_STRETCHED:
        yield call
        return
    for ref, made in zip(call.arguments["tensors"], call.outputs, strict=True):
        yield call._replace(target="aten.expand.default", arguments={"self": ref}, outputs=(made,))


def _modules(metadata: Json) -> tuple[Module, ...]:
    return _stack(str(metadata.get("nn_module_stack", "")))


@lru_cache(maxsize=10_000)
def _stack(text: str) -> tuple[Module, ...]:
    found = []
    for entry in text.split(";"):
        key, comma, rest = entry.partition(",")
        path, _, kind = rest.rpartition(",")
        if comma and key != _ROOT:
            found.append(Module(key, path, kind.rpartition(".")[2]))
    return tuple(found)


def _outputs(entries: list[Json]) -> Iterator[str]:
    for entry in entries:
        ((kind, content),) = entry.items()
        if kind == "as_tensor":
            yield content["name"]
        elif kind == "as_tensors":
            yield from [one["name"] for one in content]


def _argument(entry: Json, resolve: Callable[[str], str], sizes: Mapping[str, Size]) -> Any:  # noqa: ANN401 - of any kind
    """Return an argument: tensors as :class:`Ref`, sizes as numbers or expressions, lists as lists."""
    ((kind, content),) = entry.items()
    if kind in ("as_tensors", "as_optional_tensors", "as_sym_ints"):
        return [_single(kind.removesuffix("s"), one, resolve, sizes) for one in content]
    return _single(kind, content, resolve, sizes)


def _single(kind: str, content: Any, resolve: Callable[[str], str], sizes: Mapping[str, Size]) -> Any:  # noqa: ANN401 - as above
    if kind in ("as_tensor", "as_optional_tensor"):
        tensor = content.get("as_tensor", content)
        return Ref(resolve(tensor["name"])) if "name" in tensor else None
    if kind == "as_sym_int":
        return content["as_int"] if "as_int" in content else sizes.get(content["as_name"])
    if kind == "as_float":
        return float(content)
    return None if kind in ("as_none", "as_graph") else content


def _meta(entry: Json) -> Meta:
    return Meta(
        DTYPES[entry["dtype"]],
        tuple([_size(size) for size in entry["sizes"]]),
        tuple([_size(stride) for stride in entry["strides"]]),
        _size(entry["storage_offset"]),
        entry["requires_grad"],
        entry["dtype"] in COMPLEX,
    )


def _size(entry: Json) -> Size:
    found = entry["as_int"] if "as_int" in entry else _expression(entry["as_expr"]["expr_str"])
    if type(found) is not int and not isinstance(found, Expression):
        raise ValueError(f"a size of {found}")
    if isinstance(found, int) and found < 0:
        raise ValueError(f"a size of {found}")
    return found


@lru_cache(maxsize=10_000)
def _expression(text: str) -> Size:
    return parse(text)
