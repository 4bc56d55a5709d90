"""A Keras model as its file describes it: layers, the calls of each, and what the calls read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from archinspect.base.printable import printable
from archinspect.graph.builder import snake
from archinspect.importers.keras.older import modern

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from archinspect.importers.file import File

MAX_DEPTH = 50
"""Models within models."""
OWN = ("keras.", "tf_keras.", "tensorflow.", "tensorflow_addons.", "qkeras")
"""How the modules begin of classes that are known."""
ADDONS = "Addons"
"""Where TensorFlow Addons registers its own."""
NO_MODELS = ("Merge", "Pipeline")
"""Layers that have further layers, and are no models."""
Sizes = tuple[int | None, ...]


class Ref(NamedTuple):
    """What a call gives: of a layer's calls the one, of its outputs the one, and its shape where the file has it."""

    layer: str
    call: int
    output: int
    shape: Sizes | None = None


class Array(NamedTuple):
    """Numbers in the file, of which the shape and, of a single one, the value matter."""

    shape: tuple[int, ...]
    number: float | None = None


class Call(NamedTuple):
    """A call of a layer: Python's arguments, with a :class:`Ref` for every tensor."""

    args: list[Any]
    kwargs: dict[str, Any]


class Layer(NamedTuple):
    """A layer, which may be a model."""

    name: str
    kind: str
    """The name of its class."""
    config: dict[str, Any]
    calls: list[Call]
    is_operation: bool
    """Whether it is a function of `keras.ops`, not a layer."""
    input_shape: Sizes | None
    """What the file says that it reads, the batch first."""
    model: Model | None = None
    package: str = ""
    """Where the class is registered, of one that is not Keras's own."""
    is_own: bool = True
    """Whether its class is Keras's own, or of a library that is known."""

    @property
    def title(self) -> str:
        """Name and class, for messages."""
        return f"'{self.name}' ({self.kind})"


class Model(NamedTuple):
    """Layers, and which tensors go in and out; a Sequential has neither."""

    name: str
    kind: str
    layers: list[Layer]
    inputs: list[Ref]
    outputs: list[Ref]
    input_shape: Sizes | None
    trainable: bool


class Reader:
    """Makes a :class:`Model` of what is said of one."""

    def __init__(self, file: File, version: str) -> None:
        self.file = file
        self.is_first = version.startswith("1.")
        """Whether it is of Keras 1, whose layers have other arguments."""

    def model(self, data: dict[str, Any], depth: int = 0) -> Model:
        """Return the model; raise :class:`SourceError` where there is none."""
        kind, config = data.get("class_name"), data.get("config")
        kind = printable(kind) if isinstance(kind, str) else "Model"
        if isinstance(config, list):  # a Sequential of Keras before 2.2.3
            config = {"layers": config}
        if not isinstance(config, dict) or not isinstance(config.get("layers"), list):
            help_ = "save it as a functional model or a Sequential, or export it to ONNX"
            raise self.file.refuse(f"{kind} is a class of its author's: the file does not say of which layers", help_)
        if depth > MAX_DEPTH:
            raise self.file.refuse(f"models stand within models more than {MAX_DEPTH} deep")
        name = config.get("name")
        layers = [self.layer(one, depth) for one in config["layers"]]
        names = {layer.name for layer in layers}
        if len(names) < len(layers):
            twice = next(one.name for at, one in enumerate(layers) if one.name in {o.name for o in layers[:at]})
            raise self.file.refuse(f"two layers are called '{twice}'", node=twice)
        is_functional = "input_layers" in config or "output_layers" in config
        return Model(
            printable(name) if isinstance(name, str) and name else snake(kind),
            kind,
            layers,
            self._refs(config.get("input_layers")) if is_functional else [],
            self._refs(config.get("output_layers")) if is_functional else [],
            sizes(config.get("build_input_shape")),
            config.get("trainable") is not False,
        )

    def layer(self, data: Any, depth: int = 0) -> Layer:  # noqa: ANN401 - as the file says
        """Return a layer."""
        if not isinstance(data, dict) or not isinstance(data.get("class_name"), str):
            raise self.file.refuse("a layer has no class_name: the file is damaged, or of Keras before 1.0")
        package, _, kind = data["class_name"].rpartition(">")
        registered = data.get("registered_name")
        if not package and isinstance(registered, str):
            package = registered.rpartition(">")[0]
        config = data.get("config")
        model = None
        inner = config.get("layers") if isinstance(config, dict) else config
        if isinstance(inner, list) and kind not in NO_MODELS:
            model = self.model({**data, "class_name": kind}, depth + 1)
        config = config if isinstance(config, dict) else {}
        if self.is_first:
            kind, config = modern(kind, config)
        name = data.get("name") or config.get("name") or (model.name if model else "")
        name = printable(name).replace(".", "-") if isinstance(name, str) and name else snake(kind)
        calls = data.get("inbound_nodes")
        module = data.get("module")
        built = data.get("build_config")
        return Layer(
            name,
            printable(kind),
            config,
            [self.call(one) for one in calls] if isinstance(calls, list) else [],
            _is_operation(module, config, calls),
            sizes(config.get("batch_input_shape"))
            or sizes(built.get("input_shape") if isinstance(built, dict) else None),
            model,
            package,
            module.startswith(OWN) if isinstance(module, str) else package == ADDONS or not (package or registered),
        )

    def call(self, data: Any) -> Call:  # noqa: ANN401 - as the file says
        """Return a call, as Keras 3 or an older one describes it."""
        if isinstance(data, dict) and "args" in data:
            args, kwargs = _revived(data["args"]), _revived(data.get("kwargs", {}))
            if not isinstance(args, list) or not isinstance(kwargs, dict):
                raise self.file.refuse("a call of a layer has no list of arguments")
            return Call(args, kwargs)
        kwargs = {}
        given = _older(data, kwargs)
        return Call([given[0] if isinstance(given, list) and len(given) == 1 else given], kwargs)

    def _refs(self, data: Any) -> list[Ref]:  # noqa: ANN401 - as the file says
        found = list(refs(_older(data, {})))
        if not found:
            raise self.file.refuse("the model has no inputs, or no outputs")
        return found


def refs(data: Any) -> Iterator[Ref]:  # noqa: ANN401 - of any nesting
    """Yield the tensors of a structure, those of a dict by its sorted keys, as Keras does."""
    if isinstance(data, Ref):
        yield data
    elif isinstance(data, dict):
        for key in sorted(data, key=str):
            yield from refs(data[key])
    elif isinstance(data, list):
        for one in data:
            yield from refs(one)


def mapped(data: Any, tensors: dict[Ref, Any]) -> Any:  # noqa: ANN401 - as above
    """Return a structure with tensors in the place of references."""
    if isinstance(data, Ref):
        return tensors[data]
    if isinstance(data, dict):
        return {key: mapped(one, tensors) for key, one in data.items()}
    return [mapped(one, tensors) for one in data] if isinstance(data, list) else data


def sizes(data: Any) -> Sizes | None:  # noqa: ANN401 - as the file says
    """Return a shape, the batch first; None for what is none."""
    if isinstance(data, dict) and isinstance(data.get("items"), list):  # a tuple, as TensorFlow writes it
        data = data["items"]
    if not isinstance(data, list) or not data:
        return None
    return tuple(data) if all(size is None or type(size) is int for size in data) else None


def _is_operation(module: Any, config: dict[str, Any], calls: Any) -> bool:  # noqa: ANN401 - as the file says
    """Return whether it is a function of `keras.ops`, which in `.h5` only its few arguments tell."""
    if isinstance(module, str):
        return module.startswith(("keras.src.ops", "keras.ops"))
    is_of_third = isinstance(calls, list) and bool(calls) and isinstance(calls[0], dict) and "args" in calls[0]
    return is_of_third and "trainable" not in config


# What stands in the arguments of a call.


def _revived(data: Any) -> Any:  # noqa: ANN401 - as the file says
    """Return what Keras 3 makes of an argument."""
    if isinstance(data, list):
        return [_revived(one) for one in data]
    if not isinstance(data, dict):
        return data
    kind, config = data.get("class_name"), data.get("config")
    if not isinstance(kind, str) or not isinstance(config, dict):
        return {key: _revived(one) for key, one in data.items()}
    return REVIVED[kind](config) if kind in REVIVED else data


def _history(config: dict[str, Any]) -> Ref:
    history = config.get("keras_history")
    if not isinstance(history, list) or len(history) != 3:  # noqa: PLR2004 - layer, call, output
        raise ValueError("a reference to a layer is none")
    name, call, output = history
    return _ref(name, call, output, sizes(config.get("shape")) or ())


REVIVED: dict[str, Callable[[dict[str, Any]], Any]] = {
    "__keras_tensor__": _history,
    "__slice__": lambda config: slice(*[_revived(config.get(key)) for key in ("start", "stop", "step")]),
    "__ellipsis__": lambda _: ...,
    "__numpy__": lambda config: array(config.get("value")),
    "__tensor__": lambda config: array(config.get("value")),
}
"""What Keras 3 writes for objects among arguments, by their class."""


def _ref(name: Any, call: Any, output: Any, shape: Sizes | None = None) -> Ref:  # noqa: ANN401 - as the file says
    if not isinstance(name, str) or type(call) is not int or type(output) is not int or call < 0 or output < 0:
        raise ValueError("a reference to a layer is none")
    return Ref(printable(name).replace(".", "-"), call, output, shape)


def array(value: Any) -> Array:  # noqa: ANN401 - as the file says
    """Return nested lists of numbers as an array."""
    shape = []
    while isinstance(value, list):
        shape.append(len(value))
        value = value[0] if value else None
    alone = value if isinstance(value, int | float) and all(size == 1 for size in shape) else None
    return Array(tuple(shape), alone)


def _older(data: Any, kwargs: dict[str, Any]) -> Any:  # noqa: ANN401 - as the file says
    """Return what Keras 1 and 2 make of a call; further arguments are added to `kwargs`."""
    if isinstance(data, dict):
        if data.get("class_name") == "__tuple__" and isinstance(data.get("items"), list):
            data = data["items"]
        else:
            return {key: _older(one, kwargs) for key, one in data.items()}
    if not isinstance(data, list):
        raise TypeError("a call reads what is no layer")
    if _is_reference(data):
        if len(data) > 3 and isinstance(data[3], dict):  # noqa: PLR2004 - beside layer, call and output
            kwargs.update({key: _argument(one) for key, one in data[3].items()})
        if data[0] == "_CONSTANT_VALUE":
            return data[2] if isinstance(data[2], str) else array(data[2])
        return _ref(*data[:3])
    return [_older(one, kwargs) for one in data]


def _is_reference(data: list[Any]) -> bool:
    is_long = len(data) in (3, 4) and isinstance(data[0], str)
    return is_long and (data[0] == "_CONSTANT_VALUE" or (type(data[1]) is int and type(data[2]) is int))


def _argument(data: Any) -> Any:  # noqa: ANN401 - as the file says
    """Return an argument that is no layer's output, or holds some."""
    if isinstance(data, list):
        return _ref(*data[:3]) if _is_reference(data) else [_argument(one) for one in data]
    if isinstance(data, dict):
        return _object(data)
    return data


def _object(data: dict[str, Any]) -> Any:  # noqa: ANN401 - as the file says
    if set(data) == {"start", "stop", "step"}:
        return slice(*[_argument(data[key]) for key in ("start", "stop", "step")])
    if data.get("class_name") == "__ellipsis__" or data.get("type") == "Ellipsis":
        return ...
    if data.get("class_name") in ("TensorShape", "__tuple__") and isinstance(data.get("items"), list):
        return _argument(data["items"])
    return {key: _argument(one) for key, one in data.items()}


def offsets(layer: Layer, inside: set[int], outside: set[int], *, is_third: bool) -> tuple[int, int]:
    """Return by how much references to the calls of a layer are too high: those of other calls, those of outputs.

    A model has a call of its own, from its making, which some versions count and others do not. Every call that is in a
    file is read by something, which tells.
    """
    if layer.model is None or not layer.calls:
        return 0, 0
    likely = [(0, 1), (0, 0), (1, 1)] if is_third else [(1, 1), (0, 0)]
    if is_third and not layer.model.inputs:
        likely = [(0, 0), (0, 1), (1, 1)]
    there = set(range(len(layer.calls)))
    for low, high in likely:
        if {number - low for number in inside} | {number - high for number in outside} == there:
            return low, high
    return likely[0]
