"""Networks that tests make: of a single layer, of a few steps, with other weights frozen."""

from archinspect import network, ops
from archinspect.analyses.facts import Facts, facts_of
from archinspect.base.diagnostics import Problems
from archinspect.base.settings import Settings
from archinspect.graph.builder import GraphBuilder


def make(name, args, layout="channels_last"):
    """Return an operator; `args` are as in a spec."""
    kind = ops.find_operator(name)
    assert kind is not None, name
    return kind(**({"data_format": layout, **args} if "data_format" in kind.args else args))


def facts(graph, batch=None, **settings):
    """Return the facts of a graph that fits together."""
    problems = Problems()
    found = facts_of(graph, Settings(batch, **settings), problems)
    assert found is not None, problems.all()
    return found


def dtype_of(op, index):
    """Return the type of an input of an operator: what is looked up, and where something was found, are integers."""
    name = type(op).__name__
    return "int64" if name == "Embedding" or (name.startswith("MaxUnpooling") and index == 1) else "float"


def single_layer(name, args, shapes, layout="channels_first", *, apart=False):
    """Return the facts of a layer on inputs of these shapes, batch first; `apart`, its operators are layers each."""
    op = make(name, args, layout)
    builder = GraphBuilder(name, layout=layout)
    inputs = [builder.input(*shape[1:], name=f"input{i}", dtype=dtype_of(op, i)) for i, shape in enumerate(shapes)]
    if apart:
        outputs = op.build(lambda part, read: builder.add_node(part, read, builder.claim("", "part")).outputs, inputs)
    else:
        outputs = builder.add_layer(op, inputs, builder.claim(name))
    return facts(builder.build(*outputs), shapes[0][0] if shapes else 1)


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
