"""What the operators' rules say of each node of a network: found when first asked for, once, for all analyses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

from archinspect.base.diagnostics import refuse_unknown
from archinspect.base.shape import size
from archinspect.graph.infer import infer
from archinspect.ops.axes import pairs
from archinspect.ops.figures import DTYPES, REFERENCE, STRING, WIDE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from archinspect.base.diagnostics import Problems
    from archinspect.base.settings import Settings
    from archinspect.base.shape import Shape
    from archinspect.graph.call import Call, TensorType
    from archinspect.graph.graph import Graph, Node, Tensor
    from archinspect.ops.figures import Elements, Run, View, Weight

    T = TypeVar("T")


class Facts:
    """A graph whose shapes are known, for the batch and the type of its settings."""

    def __init__(self, graph: Graph, calls: Sequence[Call], settings: Settings) -> None:
        refuse_unknown("dtype", settings.dtype, DTYPES)
        self.graph = graph
        self.settings = settings
        self.batch = graph.batch or settings.samples
        self.dtype = settings.dtype
        self.sizes = {**DTYPES, STRING: REFERENCE, **dict.fromkeys(("float", WIDE), DTYPES[settings.dtype])}
        """Bytes of an element, by data type."""
        self.calls = calls
        """What each node calls, by its position."""
        self.types: list[TensorType] = [type_ for call in calls for type_ in call.outputs]
        """Shape and data type of each tensor, by its position."""
        self._found: dict[object, Any] = {}

    def call(self, node: Node) -> Call:
        """Return what a node calls."""
        return self.calls[node.position]

    def shape(self, tensor: Tensor) -> Shape:
        """Return a tensor's shape, the batch first."""
        return self.types[tensor.position].shape

    def is_float(self, tensor: Tensor) -> bool:
        """Return whether a tensor can have a gradient."""
        return "float" in self.types[tensor.position].dtype

    def bytes(self, tensor: Tensor) -> int:
        """Return a tensor's size."""
        shape, dtype = self.types[tensor.position]
        return size(shape) * self.sizes[dtype]

    def bytes_of(self, elements: Elements) -> int:
        """Return the size of tensors that a rule names by type and number of elements."""
        return sum(self.sizes[dtype] * count for dtype, count in elements)

    def view(self, node: Node, *, training: bool) -> View | None:
        """Return how a node's outputs lie in its first input's storage; None where they are tensors of their own."""
        call = self.call(node)
        view = call.view_in_training if training else call.view_at_inference
        if view is not None and view.same_type:
            given, made = (
                self.dtype if type_.dtype == "float" else type_.dtype for type_ in (*call.inputs[:1], *call.outputs[:1])
            )
            return view if given == made else None
        return view

    def copied(self, node: Node, run: Run) -> Mapping[int, tuple[str, int]]:
        """Return the inputs of a node that backward keeps as copies, by number: type and number of elements.

        A program converts what is of another type, and what it overwrites is gone.
        """
        call = self.call(node)
        type_ = call.inputs[0] if run.in_place else None
        return ({0: (type_.dtype, size(type_.shape))} if type_ else {}) | call.converted

    def trains(self, node: Node) -> bool:
        """Return whether training changes weights of a node; whether shared ones do, their owner says.

        Where it shares no more than a vector, as a bias, its own matrices say.
        """
        owner = node.shares or node
        if node.trainable and not owner.trainable:
            owner = node if any(len(weight.shape) > 1 for weight in self.own_weights(node).values()) else owner
        return owner.trainable and self.call(node).learns

    def own_weights(self, node: Node) -> Mapping[str, Weight]:
        """Return the weights of a node but those that it takes from the one it shares with.

        A partner has the same name and shape, or is the same by its axes' names, as the embedding that a tied output
        layer uses transposed.
        """
        weights = self.call(node).weights
        if node.shares is None:
            return weights
        theirs = self.call(node.shares).weights
        several = [weight for weight in theirs.values() if len(weight.shape) > 1]
        return {
            name: weight
            for name, weight in weights.items()
            if not (name in theirs and weight.shape == theirs[name].shape)
            and not any(pairs(weight, other) for other in several)
        }

    def once(self, analysis: Callable[[Facts], T]) -> T:
        """Return the result of an analysis of this table, found when first asked for."""
        if analysis not in self._found:
            self._found[analysis] = analysis(self)
        return self._found[analysis]  # type: ignore[no-any-return] # as the analysis says

    def in_dtype(self, dtype: str) -> Facts:
        """Return the same network computing in another type; rules that were run are not run again."""
        return self if dtype == self.dtype else Facts(self.graph, self.calls, self.settings._replace(dtype=dtype))


def facts_of(graph: Graph, settings: Settings, problems: Problems, *, remember: bool = True) -> Facts | None:
    """Return the facts of a graph; None where its shapes do not fit, which is told to `problems`.

    Without `remember` no two nodes share what rules say, as with symbols. Raise `SettingError` where the settings
    ask for a step of a decoder that is not known.
    """
    if graph.batch and settings.batch not in (None, graph.batch):
        message = f"the network is for a batch of {graph.batch}, not {settings.batch}"
        problems.error(
            "input", message, graph.origin, "save the model with an open batch; torch.export: with `dynamic_shapes`"
        )
        return None
    calls = infer(graph, problems, settings.samples, remember=remember)
    if settings.past and None not in calls:
        from archinspect.graph.stepping import after  # only in a step of a decoder

        types = [type_ for call in cast("list[Call]", calls) for type_ in call.outputs]
        step = after(graph, settings.past, types)
        calls = infer(graph, problems, settings.samples, remember=remember, step=step)
    return None if None in calls else Facts(graph, cast("list[Call]", calls), settings)
