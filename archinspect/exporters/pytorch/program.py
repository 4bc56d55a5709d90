"""A network's layers as steps of a PyTorch program, and in which order each tensor's axes are there."""

from __future__ import annotations

from itertools import groupby
from math import isqrt
from typing import TYPE_CHECKING, Any

from archinspect.exporters.attention import step_name
from archinspect.exporters.code import Given, Step, as_floats, call, code, in_orders, reading
from archinspect.exporters.orders import Use, made_in, order_of_inputs, permutation, spec_order
from archinspect.exporters.pytorch.dtypes import refuse_types, torch_dtype
from archinspect.exporters.pytorch.operators import OPERATORS
from archinspect.exporters.refusal import CannotExportError
from archinspect.exporters.scopes import Between, Leaf
from archinspect.ops.attending import Attending
from archinspect.ops.figures import STRING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from archinspect.analyses.facts import Facts
    from archinspect.exporters.orders import Order
    from archinspect.graph.graph import Node, Tensor


class Program:
    """Finds what each node is in PyTorch."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.composites: dict[str, tuple[str, Mapping[str, Any]]] = {
            path: (composite.kind, composite.args) for path, composite in facts.graph.composites.items()
        }
        """Kind and arguments of what several steps belong to: the graph's composites, and attention."""
        self.orders: dict[Tensor, Order] = order_of_inputs(facts, {n: entry.reads for n, entry in OPERATORS.items()})
        self._biases: dict[tuple[int, int, int], Any] = {}
        """The last position biases, by the numbers of heads, query steps and key steps."""

    def leaves(self) -> Iterator[Leaf]:
        """Yield the steps in the order in which they run. Raise :class:`CannotExportError`."""
        for node in self.facts.graph.inputs:
            dtype = self.facts.call(node).outputs[0].dtype
            if dtype != STRING:  # which is refused where it is read
                torch_dtype(node, dtype)
        for layer, group in groupby(self.facts.graph.nodes, key=lambda node: node.layer):
            nodes = list(group)
            if isinstance(nodes[0].layer_op, Attending) and (len(nodes) > 1 or _adds(nodes[0].op)):
                yield from self._attention(layer, nodes)
            else:
                for node in nodes:
                    yield self._leaf(node, node.path)

    def _leaf(self, node: Node, path: str, extra: Sequence[Any] = ()) -> Leaf:
        entry = OPERATORS.get(type(node.op).__name__)
        if entry is None:
            raise CannotExportError(node.layer, f"{type(node.op).__name__} has no translation to PyTorch")
        call_ = self.facts.call(node)
        there = tuple(self.orders[tensor] for tensor in node.inputs)
        use = Use(node, call_, entry.reads(node.op, call_.shapes, there), self.facts)
        refuse_types(use)
        step = entry.translate(use)
        turns = [permutation(*pair) for pair in zip(there, use.orders, strict=True)]
        step = as_floats(step, call_.read_as_floats)
        step = step._replace(code=in_orders(step.code, turns))
        for tensor in node.outputs:
            self.orders[tensor] = made_in(use, tensor, keeps=entry.keeps)
        used = {piece.index for piece in step.code if isinstance(piece, Given)}
        if -1 not in used and used != set(range(len(node.inputs))):
            step = reading(step, sorted(used))
            return Leaf(path, path, step, [node.inputs[index] for index in sorted(used)], node.outputs, [node])
        return Leaf(path, path, step, [*node.inputs, *extra], node.outputs, [node])

    def _attention(self, layer: str, nodes: Sequence[Node]) -> Iterator[Leaf]:
        """Yield the steps of attention with its projections: a function of its own."""
        if whole := self._whole(layer, nodes):
            yield from whole
            return
        repeated = {leaf.inputs[0]: leaf for leaf in self._of_each_sample(layer, nodes)}
        yield from repeated.values()
        for leaf in self._written_out(layer, nodes):
            leaf.inputs = tuple([repeated[one].outputs[0] if one in repeated else one for one in leaf.inputs])
            yield leaf

    def _of_each_sample(self, layer: str, nodes: Sequence[Node]) -> Iterator[Leaf]:
        """Yield what repeats for each sample the inputs that all share, as what is one module has them."""
        outside = dict.fromkeys([tensor for node in nodes for tensor in node.inputs if tensor.producer not in nodes])
        samples = next((tensor for tensor in outside if tensor.batched), None)
        if samples is None or not nodes[0].layer_op.is_module:
            return
        for tensor in outside:
            if not tensor.batched:
                axes = ", -1" * (len(self.facts.shape(tensor)) - 1)
                step = Step(code(f"{{0}}.expand(len({{1}}){axes})"), stateless=True)
                yield Leaf(f"{layer}_input", "input", step, [tensor, samples], [Between()], [])

    def _written_out(self, layer: str, nodes: Sequence[Node]) -> Iterator[Leaf]:
        """Yield projections and attention as steps of their own."""
        self.composites[layer] = (type(nodes[0].layer_op).__name__, {})
        attending = next(node for node in nodes if isinstance(node.op, Attending))
        op: Any = attending.op
        packed = op.fused_inputs()
        together = [attending.inputs[index].producer for index in packed]
        for node in nodes:
            if node in together:
                if node is together[-1]:
                    yield self._packed(layer, together)
            elif node is attending:
                yield from self._attend(layer, node)
            else:
                yield self._leaf(node, f"{layer}.{step_name(node, nodes, attending)}")

    def _whole(self, layer: str, nodes: Sequence[Node]) -> list[Leaf] | None:
        """Return attention as PyTorch's own module, where that is what the layer says.

        The module packs its projections where query, key and value are one object: axes are put in order before.
        """
        op: Any = nodes[0].layer_op
        if len(nodes) == 1:
            return None
        if type(op).__name__ != "MultiHeadAttention" or not op.is_module:
            return None
        query, key, value = (node.inputs[0] for node in nodes[:3])
        last, width = nodes[-1].output, op.embed_dim
        shapes = [self.facts.shape(tensor) for tensor in (query, key, value, last)]
        if any(len(shape) != 3 for shape in shapes) or shapes[0][-1] != width:  # noqa: PLR2004 - batch, steps, features
            return None
        sizes = {"embed_dim": width, "num_heads": op.num_heads}
        options = {
            "dropout": (op.dropout, 0.0),
            "bias": (op.use_bias, True),
            "kdim": (None if shapes[1][-1] == width else shapes[1][-1], None),
            "vdim": (None if shapes[2][-1] == width else shapes[2][-1], None),
            "add_bias_kv": (op.add_bias_kv, False),
            "add_zero_attn": (op.add_zero_attn, False),
            "batch_first": (True, False),
        }
        distinct = list(dict.fromkeys([query, key, value]))
        places = ", ".join(f"{{{distinct.index(tensor)}}}" for tensor in (query, key, value))
        inputs: list[Any] = [*distinct]
        turned = []
        for index, tensor in enumerate(distinct):
            order = permutation(self.orders[tensor], spec_order(len(self.orders[tensor])))
            is_float = "float" in self.facts.types[tensor.position].dtype
            samples = [] if tensor.batched else [one for one in distinct if one.batched][:1]
            if order or samples or not is_float:
                in_order = Between()
                text = "{0}" + ".float()" * (not is_float) + ".expand(len({1}), -1, -1)" * len(samples)
                step = Step(in_orders(code(text), [order, *[() for _ in samples]]), stateless=True)
                turned.append(Leaf(f"{layer}_input", "input", step, [tensor, *samples], [in_order], []))
                inputs[index] = in_order
        for node in nodes:
            self.orders[node.output] = spec_order(len(self.facts.shape(node.output)))
        module = call("nn.MultiheadAttention", sizes, **options)
        step = Step(code(f"{{self}}({places}, need_weights={op.need_weights})[0]"), module)
        return [*turned, Leaf(layer, layer, step, inputs, [last], nodes)]

    def _packed(self, layer: str, nodes: Sequence[Node]) -> Leaf:
        """Return one product that makes queries, keys and values, or keys and values."""
        source = nodes[0].inputs[0]
        there = self.orders[source]
        widths = [self.facts.shape(node.output)[-1] for node in nodes]
        ops: list[Any] = [node.op for node in nodes]
        sizes = {"in_features": self.facts.shape(source)[-1], "out_features": sum(widths)}
        module = call("nn.Linear", sizes, bias=(ops[0].use_bias, True))
        cut = ".chunk({parts}, dim=-1)" if len(set(widths)) == 1 else ".split_with_sizes({sizes}, dim=-1)"
        step = Step(code(f"{{self}}({{0}}){cut}", parts=len(nodes), sizes=tuple(widths)), module)
        step = as_floats(step, self.facts.call(nodes[0]).read_as_floats)
        step = step._replace(code=in_orders(step.code, [permutation(there, spec_order(len(there)))]))
        outputs = [node.output for node in nodes]
        for tensor in outputs:
            self.orders[tensor] = spec_order(len(there))
        name = "qkv" if len(nodes) == 3 else "kv"  # noqa: PLR2004 - queries, keys and values
        return Leaf(f"{layer}.{name}", name, step, [source], outputs, nodes)

    def _attend(self, layer: str, node: Node) -> Iterator[Leaf]:
        """Yield the product of queries, keys and values, after the biases and the mask that it adds."""
        op: Any = node.op
        extra: list[Any] = []
        query, steps = (self.facts.shape(node.inputs[min(i, len(node.inputs) - 1)]) for i in (0, 1))
        place = (op.num_heads, query[-2], steps[-2])
        if op.position_biases:
            biases = self._biases[place] = Between()
            yield self._position_biases(layer, node, biases)
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
            yield Leaf(f"{layer}.mask", "mask", Step(code("{self}()"), module, parts=("Mask",)), [], [mask], [])
            extra.append(mask)
        if op.window:
            window = Between()
            sizes = {"steps": query[-2], "keys": steps[-2], "window": op.window}
            # As decoders have it: PyTorch's function takes what is seen, and makes a mask of it.
            alone = op.causal and not (extra or op.soft_cap or op.sinks)
            module = call("Window", sizes, causal=(op.causal, False), boolean=(alone, False))
            yield Leaf(f"{layer}.window", "window", Step(code("{self}()"), module, parts=("Window",)), [], [window], [])
            extra.append(window)
        leaf = self._leaf(node, f"{layer}.attend", extra)
        if extra:
            added = " + ".join(f"{{{len(node.inputs) + index}}}" for index in range(len(extra)))
            *front, last = leaf.step.code
            assert isinstance(last, str)
            step = leaf.step._replace(code=(*front, last[:-1], *code(f", bias={added})")))
            leaf = Leaf(leaf.path, leaf.name, step, [*node.inputs, *extra], node.outputs, leaf.nodes)
        yield leaf

    def _position_biases(self, layer: str, node: Node, biases: Between) -> Leaf:
        """Return the step that looks position biases up."""
        op: Any = node.op
        shapes = [self.facts.shape(tensor) for tensor in node.inputs]
        if op.biases_of_window(shapes):
            module = call("WindowBiases", {"width": isqrt(shapes[0][-2]), "num_heads": op.num_heads})
            step = Step(code("{self}()"), module, parts=("WindowBiases",))
            return Leaf(f"{layer}.biases", "biases", step, [], [biases], [node])
        key = min(1, len(node.inputs) - 1)
        orders = [self.orders[tensor] for tensor in node.inputs[: key + 1]]
        pieces = in_orders(
            code(f"{{self}}({{0}}, {{{key}}})"), [permutation(there, spec_order(len(there))) for there in orders]
        )
        module = call("PositionBiases", {"count": op.position_biases, "num_heads": op.num_heads})
        step = Step(pieces, module, parts=("PositionBiases",))
        return Leaf(f"{layer}.biases", "biases", step, node.inputs[: key + 1], [biases], [node])


def _adds(op: Any) -> bool:  # noqa: ANN401 - attention
    """Return whether attention adds biases or a mask to its scores."""
    return bool(op.position_biases or op.shared_position_biases or op.masked or op.window)
