"""Networks that tests make: of a single layer, of a few steps, with other weights frozen."""

from input_types import input_types

from archinspect import network, ops
from archinspect.analyses.facts import Facts, facts_of
from archinspect.base.diagnostics import Problems
from archinspect.base.settings import Settings
from archinspect.graph.builder import GraphBuilder
from archinspect.ops.modules import module_arguments


def make(name, args, layout="channels_last"):
    """Return an operator; `args` are as in a spec, of PyTorch's module where only PyTorch has the name."""
    kind = ops.find_operator(name)
    assert kind is not None, name
    args = module_arguments(name, kind.names, dict(args))
    return kind(**({"data_format": layout, **args} if "data_format" in kind.args else args))


def facts(graph, batch=None, **settings):
    """Return the facts of a graph that fits together."""
    problems = Problems()
    found = facts_of(graph, Settings(batch, **settings), problems)
    assert found is not None, problems.all()
    return found


def single_layer(name, args, shapes, layout="channels_first", *, apart=False):
    """Return the facts of a layer on inputs of these shapes, batch first; `apart`, its operators are layers each."""
    op = make(name, args, layout)
    builder = GraphBuilder(name, layout=layout)
    inputs = add_inputs(builder, op, shapes)
    if apart:
        outputs = op.build(lambda part, read: builder.add_node(part, read, builder.claim("", "part")).outputs, inputs)
    else:
        outputs = builder.add_layer(op, inputs, builder.claim(name))
    return facts(builder.build(*outputs), max(shape[0] for shape in shapes) if shapes else 1)


def add_inputs(builder, op, shapes, dtypes=()):
    """Return inputs of these shapes, of the types that the operator reads, or of other ones."""
    types = input_types(type(op).__name__, len(shapes))
    samples = max((shape[0] for shape in shapes), default=1)
    return [
        builder.input(
            *shape[1:],
            name=f"input{i}",
            dtype=dtypes[i] if dtypes else type_.dtype,
            batch=not type_.shared and shape[0] == samples,
        )
        for i, (shape, type_) in enumerate(zip(shapes, types, strict=True))
    ]


def small(*layers, shape=(8, 8, 4), batch=None, dtype="float32", **top):
    """Return the facts of a network of these steps."""
    spec = {"name": "small", "input": list(shape), **top, "layers": list(layers)}
    return network({key: value for key, value in spec.items() if value is not None}, batch=batch, dtype=dtype).facts


class Frozen(Facts):
    """Facts of a network of which some layers do not train."""

    def __init__(self, other, is_frozen):
        super().__init__(other.graph, other.calls, other.settings)
        self.is_frozen = is_frozen

    def trains(self, node):
        return super().trains(node) and not self.is_frozen(node)
