"""A network's layers as steps of a Keras program."""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING, Any

from archinspect.exporters.attention import step_name
from archinspect.exporters.code import Call, Given, Raw, Step, call, code, reading
from archinspect.exporters.definitions import parts_for
from archinspect.exporters.keras.axes import trained
from archinspect.exporters.keras.elementwise import activation_name
from archinspect.exporters.keras.operators import OPERATORS
from archinspect.exporters.keras.use import Use, legal, with_arguments
from archinspect.exporters.refusal import CannotExportError
from archinspect.exporters.scopes import Between, Leaf
from archinspect.graph.graph import composites_above
from archinspect.ops.attending import Attending
from archinspect.ops.attention import ScaledDotProductAttention

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from archinspect.analyses.facts import Facts
    from archinspect.graph.graph import Node

KEPT = "\x04{}\x05"
"""Marks the place of a layer that is called more than once, by its path."""


def given_names(leaves: Sequence[Leaf]) -> set[str]:
    """Return the names that Keras gives by itself to what expressions of a program compute."""
    expressions = [leaf.step.code for leaf in leaves if not leaf.step.module]
    texts = ["".join(piece if isinstance(piece, str) else "x" for piece in pieces) for pieces in expressions]
    texts += parts_for("keras", [part for leaf in leaves for part in leaf.step.parts], only="def ")
    text = "\n".join(texts)
    signs = {" + ": "add", " * ": "multiply", " - ": "subtract", " / ": "true_divide", "x[": "get_item"}
    return {*re.findall(r"ops\.(\w+)", text), *(name for sign, name in signs.items() if sign in text)}


class Program:
    """Finds what each node is in Keras."""

    def __init__(self, facts: Facts, *, whole: bool = False) -> None:
        self.facts = facts
        self.whole = whole
        """Whether the model has also what no output needs, be it without weights."""
        graph = facts.graph
        self.composites: dict[str, tuple[str, Mapping[str, Any]]] = {
            path: (composite.kind, composite.args) for path, composite in graph.composites.items()
        }
        """Kind and arguments of what several steps belong to: the graph's composites, and attention."""
        self.kept: set[str] = set()
        """Paths of the layers that are called more than once, or whose weights another one uses."""
        self._biases: dict[tuple[int, int, int], Any] = {}
        """The last position biases, by the numbers of heads, query steps and key steps."""
        for node in graph.nodes:
            if node.shares is not None and facts.call(node).weights:
                self.kept.add(node.shares.path)
                # One layer in two functions has to be made outside of both.
                for path in (*composites_above(node.path), *composites_above(node.shares.path)):
                    self.composites.pop(path, None)

    def leaves(self) -> Iterator[Leaf]:
        """Yield the steps in the order in which they run. Raise :class:`CannotExportError`."""
        leaves = self._read(list(self._leaves()))
        given, taken = given_names(leaves), set()
        for leaf in leaves:
            if leaf.step.module and leaf.path not in self.kept:
                if re.sub(r"_\d+$", "", leaf.path) in given:
                    leaf.path += "-layer"
                while legal(leaf.path) in taken:  # `a.b` and `a-b` are the same to Keras
                    leaf.path += "_"
            taken.add(legal(leaf.path))
            yield leaf

    def _read(self, leaves: Sequence[Leaf]) -> list[Leaf]:
        """Return the steps of the model: those that outputs are computed with, and those with weights or all others."""
        read, found, unread = set(self.facts.graph.outputs), [], []
        for leaf in reversed(leaves):
            if read.isdisjoint(leaf.outputs):
                if not self.whole and not any(self.facts.own_weights(node) for node in leaf.nodes):
                    continue
                unread.append(leaf)
            read.update(leaf.inputs)
            found.append(leaf)
        if unread:
            found.insert(0, self._kept_by_an_output(found, unread))
        return found[::-1]

    def _kept_by_an_output(self, leaves: Sequence[Leaf], unread: Sequence[Leaf]) -> Leaf:
        """Return a step that gives an output and reads what no other does: Keras leaves out what no output needs."""
        output = next(
            (tensor for leaf in leaves for tensor in leaf.outputs if tensor in self.facts.graph.outputs), None
        )
        if output is None:
            raise CannotExportError(unread[0].nodes[0].layer, "a Keras model has an output")
        made: Any = Between()
        for leaf in leaves:
            leaf.inputs = tuple(made if tensor is output else tensor for tensor in leaf.inputs)
            leaf.outputs = tuple(made if tensor is output else tensor for tensor in leaf.outputs)
        step = Step(code("{self}([{all}])"), call("Keep", {}), parts=("Keep",))
        return Leaf("keep", "keep", step, [made, *(leaf.outputs[0] for leaf in reversed(unread))], [output])

    def _leaves(self) -> Iterator[Leaf]:
        graph = self.facts.graph
        if not graph.inputs:
            raise CannotExportError(graph.name, "a Keras model has an input")
        for layer, group in groupby(graph.nodes, key=lambda node: node.layer):
            nodes = list(group)
            if isinstance(nodes[0].layer_op, Attending) and len(nodes) > 1:
                yield from self._attention(layer, nodes)
                continue
            op: Any = nodes[0].op
            if isinstance(op, ScaledDotProductAttention) and (
                op.position_biases or op.shared_position_biases or op.masked
            ):
                self.composites[layer] = (type(op).__name__, {})
                yield from self._attend(layer, nodes[0])
                continue
            while nodes:
                node = nodes.pop(0)
                yield from self._chain(node, node.path, self._activation(node, nodes))

    def _activation(self, node: Node, following: list[Node]) -> Node | None:
        """Return the node that is just the layer's `activation:`, taken from those that follow it."""
        applied = getattr(node.op, "activation", None)
        if not following or applied is None or activation_name(applied) is None:
            return None
        read_once = len(node.output.readers) == 1 and node.output not in self.facts.graph.outputs
        alone = read_once and following[0].op == applied and following[0].inputs == node.outputs
        return following.pop(0) if alone else None

    def _steps(self, node: Node) -> list[tuple[str, Step]]:
        entry = OPERATORS.get(type(node.op).__name__)
        if entry is None:
            raise CannotExportError(node.layer, f"Keras has nothing for {type(node.op).__name__}")
        use = Use(node, self.facts.call(node), self.facts, OPERATORS)
        found = entry(use)
        chain = found if isinstance(found, list) else [("", found)]
        frozen = trained(use)
        if not frozen:
            return chain
        return [
            (suffix, step._replace(module=_frozen(step.module, frozen)) if step.module else step)
            for suffix, step in chain
        ]

    def _chain(self, node: Node, path: str, active: Node | None = None, extra: Sequence[Any] = ()) -> Iterator[Leaf]:
        """Yield the steps of a node, and the activation that its last layer takes along."""
        chain = self._steps(node)
        suffix, last = chain[-1]
        outputs = node.outputs if active is None else active.outputs
        if active is not None:
            name = activation_name(active.op)
            if (
                last.module is None
                or not last.module.name.startswith("layers.")
                or not _takes_activation(last.module.name)
            ):
                yield from self._chain(node, path)
                yield from self._chain(active, active.path)
                return
            chain[-1] = (suffix, last._replace(module=with_arguments(last.module, activation=(name, None))))
        if node.shares is not None and self.facts.call(node).weights:
            chain = self._shared(node, chain)
        inputs: list[Any] = [*node.inputs, *extra]
        if not inputs:
            inputs = [self.facts.graph.inputs[0].output]
        for number, (ending, step) in enumerate(chain):
            made: Any = outputs if number == len(chain) - 1 else (Between(),)
            used = sorted({piece.index for piece in step.code if isinstance(piece, Given)})
            read = inputs
            if -1 not in used and used != list(range(len(inputs))):
                step, read = reading(step, used), [inputs[index] for index in used]  # noqa: PLW2901 - as it is written
            nodes = [node] if active is None else [node, active]
            yield Leaf(path + ending, path, step, read, made, nodes if number == len(chain) - 1 else ())
            inputs = [*made, *inputs[1:]]

    def _shared(self, node: Node, chain: list[tuple[str, Step]]) -> list[tuple[str, Step]]:
        """Return the steps of a node with the weights of another: that one's layer again, or its table transposed."""
        other: Any = node.shares
        own = self.facts.own_weights(node)
        place = KEPT.format(other.path)
        if not own and node.op == other.op:
            return [
                (
                    suffix,
                    step._replace(code=_called_again(step.code, place), module=None)
                    if step.module and not suffix
                    else step,
                )
                for suffix, step in chain
            ]
        op: Any = node.op
        if "kernel" not in own and type(op).__name__ in ("Dense", "_Projection", "_ToQuery"):
            options = {"use_bias": (op.use_bias, True)}
            module = call("Tied", {"units": self.facts.shape(node.output)[-1], "source": Raw(place)}, **options)
            given = [arg for arg in chain[0][1].module.args if arg.role in ("activation", "trainable")]  # type: ignore[union-attr] # a Dense
            module = module._replace(args=(*module.args, *given))
            return [("", Step(code("{self}({0})"), module, parts=("Tied",)))]
        raise CannotExportError(
            node.layer, f"a layer of Keras cannot take the weights of '{other.layer}', which is another"
        )

    def _attention(self, layer: str, nodes: list[Node]) -> Iterator[Leaf]:
        """Yield attention with its projections: Keras's own layer, or a function of its steps."""
        attending = next(node for node in nodes if isinstance(node.op, Attending))
        whole = self._keras_attention(layer, nodes, attending)
        if whole is not None:
            yield whole
            return
        self.composites[layer] = (type(nodes[0].layer_op).__name__, {})
        if layer in self.kept:
            self.kept.remove(layer)
        for node in nodes:
            if node is attending:
                yield from self._attend(layer, node)
                continue
            yield from self._chain(node, f"{layer}.{step_name(node, nodes, attending)}")

    def _keras_attention(self, layer: str, nodes: Sequence[Node], attending: Node) -> Leaf | None:
        """Return the step of Keras's own layer of attention, where it does the same."""
        op: Any = attending.op
        kinds = [type(node.op).__name__ for node in nodes]
        *projections, last = [node for node in nodes if node is not attending]
        if kinds[3:4] not in (["_Packed"], ["ScaledDotProductAttention"]) or len(nodes) != 5 or "Split" in kinds:  # noqa: PLR2004 - three, attention, one
            return None
        biases = {node.op.use_bias for node in (*projections, last)}  # type: ignore[attr-defined] # of a product
        sources = [node.inputs[0] for node in projections]
        rank = len(self.facts.shape(sources[0]))
        adds = op.position_biases or op.shared_position_biases or op.masked or op.window or op.soft_cap or op.sinks
        plain = not (adds or any(node.shares for node in nodes))
        if not plain or len(biases) > 1 or len({node.trainable for node in nodes}) > 1:
            return None
        grouped = op.kv_heads != op.num_heads
        if rank > 3 and (grouped or op.causal):  # noqa: PLR2004 - batch, steps, features
            return None
        query, _, values = (self.facts.shape(node.output)[-1] for node in projections)
        width, value_width = query // op.num_heads, values // op.kv_heads
        if grouped and (
            width != value_width or len({self.facts.shape(tensor)[-1] for tensor in (*sources, last.output)}) > 1
        ):
            return None
        options: dict[str, Any] = {
            "dropout": (op.dropout, 0.0),
            "use_bias": (biases.pop(), True),
            "trainable": (nodes[0].trainable, True),
        }
        if grouped:
            sizes = {"head_dim": width, "num_query_heads": op.num_heads, "num_key_value_heads": op.kv_heads}
            module = call("layers.GroupQueryAttention", sizes, **options)
        else:
            made, asked = self.facts.shape(last.output)[-1], self.facts.shape(sources[0])[-1]
            options["value_dim"] = (value_width if value_width != width else None, None)
            options["output_shape"] = (made if made != asked else None, None)
            options["attention_axes"] = ((rank - 2,) if rank > 3 else None, None)  # noqa: PLR2004 - as above
            module = call("layers.MultiHeadAttention", {"num_heads": op.num_heads, "key_dim": width}, **options)
        causal = ", use_causal_mask=True" if op.causal else ""
        query_, key, value = sources
        given, text = [query_, value], "{0}, {1}"
        if value is query_ and key is query_:
            given, text = [query_], "{0}, {0}"
        elif key is not value:
            given, text = [query_, value, key], "{0}, {1}, {2}"
        return Leaf(layer, layer, Step(code(f"{{self}}({text}{causal})"), module), given, last.outputs, nodes)

    def _attend(self, layer: str, node: Node) -> Iterator[Leaf]:
        """Yield the product of queries, keys and values, after the biases and the mask that it adds."""
        op: Any = node.op
        extra: list[Any] = []
        query, steps = (self.facts.shape(node.inputs[min(i, len(node.inputs) - 1)]) for i in (0, 1))
        place = (op.num_heads, query[-2], steps[-2])
        if op.position_biases:
            biases = self._biases[place] = Between()
            module = call("PositionBiases", {"count": op.position_biases, "num_heads": op.num_heads})
            if not node.trainable:
                module = with_arguments(module, trainable=(False, True))
            step = Step(code("{self}([{0}, {1}])"), module, parts=("PositionBiases",))
            read = [node.inputs[0], node.inputs[min(1, len(node.inputs) - 1)]]
            yield Leaf(f"{layer}.biases", "biases", step, read, [biases], [])
            extra.append(biases)
        elif op.shared_position_biases:
            if place not in self._biases:
                raise CannotExportError(
                    node.layer, "no attention before it has position biases of as many heads and steps"
                )
            extra.append(self._biases[place])
        if op.masked:
            mask = Between()
            module = call("Mask", {"shape": (*query[1:-2], 1, query[-2], steps[-2])})
            step = Step(code("{self}({0})"), module, parts=("Mask",))
            yield Leaf(f"{layer}.mask", "mask", step, [node.inputs[0]], [mask], [])
            extra.append(mask)
        given = [f"{{{index}}}" for index in range(len(node.inputs))]
        roles = [given[0], given[min(1, len(given) - 1)], given[-1]]
        places = [*roles, *(f"{{{len(given) + index}}}" for index in range(len(extra)))]
        (_, step), *_ = self._steps(node)
        step = step._replace(code=code(f"{{self}}([{', '.join(places)}])"))
        if step.module:  # whose weights are those of the biases' layer
            args = tuple(arg for arg in step.module.args if arg.role != "trainable")
            step = step._replace(module=step.module._replace(args=args))
        yield Leaf(f"{layer}.attend", "attend", step, [*node.inputs, *extra], node.outputs, [node])


def _frozen(module: Call, argument: Mapping[str, Any]) -> Call:
    """Return a layer that does not train, nor what is in it."""
    args = [
        arg._replace(value=_frozen(arg.value, argument)) if isinstance(arg.value, Call) else arg for arg in module.args
    ]
    inside = module._replace(args=tuple(args))
    return with_arguments(inside, **argument) if module.name else inside


def _takes_activation(name: str) -> bool:
    return name.startswith(("layers.Conv", "layers.Dense", "layers.DepthwiseConv", "layers.EinsumDense"))


def _called_again(pieces: Any, place: str) -> Any:  # noqa: ANN401 - code
    return tuple(place if type(piece).__name__ == "Own" else piece for piece in pieces)
