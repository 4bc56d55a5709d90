"""The graph of a single layer, for tests of operators' rules."""

from archinspect import ops
from archinspect.base.diagnostics import Problems
from archinspect.base.source import Source, Span
from archinspect.graph.graph import Graph, Node
from archinspect.graph.infer import infer

SPAN = Span(Source("layer", ""), 1, 1, 1, 1)


def make(name, args, layout="channels_last"):
    """Return an operator; `args` are as in a spec."""
    kind = ops.find(name)
    assert kind is not None, name
    return kind(**({"data_format": layout, **args} if "data_format" in kind.args else args))


def single_layer(name, args, shapes, layout="channels_first", *, apart=False):
    """Return the graph of a layer on inputs of these shapes, batch first; `apart`, its operators are layers each."""
    op = make(name, args, layout)
    graph = Graph(name, SPAN)
    graph.layout = layout
    dtype = "int64" if type(op).__name__ == "Embedding" else "float"
    graph.inputs = [
        Node(make("Input", {"shape": list(shape[1:]), "dtype": dtype}), [], f"input{i}", f"input{i}", SPAN)
        for i, shape in enumerate(shapes)
    ]

    def emit(part, tensors):
        path = f"part{len(graph.nodes)}"
        node = Node(part, tensors, path, path if apart else name, SPAN)
        node.layer_op = part if apart else op
        graph.nodes.append(node)
        return (node.output,)

    graph.outputs = [*op.build(emit, [node.output for node in graph.inputs])]
    graph.sort()
    problems = Problems()
    infer(graph, problems, shapes[0][0])
    assert not problems.failed
    return graph
