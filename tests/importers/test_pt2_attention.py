"""The calls of PyTorch's module of attention are one layer, where that is certain."""

import pytest
from programs import Program

import archinspect
from archinspect.analyses.memory import kept_bytes, peak_bytes

ROWS = "Mul(Integer(2), Symbol('s0', positive=True, integer=True))"
"""Samples and two heads in one axis."""
STEPS_FIRST = (3, "s0", 4)


class Attention:
    """Writes the calls that such a module makes of three steps of 4 features, with 2 heads."""

    def __init__(self, path="m"):
        self.net = Program()
        self.path = path
        self.x = self.net.input("s0", 3, 4)
        self.weights = [self.net.parameter(f"{path}.{name}_proj_weight", 4, 4) for name in "qkv"]
        self.out = self.net.parameter(f"{path}.out_proj.weight", 4, 4)

    def call(self, name, sizes, /, **arguments):
        return self.net.call(f"aten.{name}", sizes, self.path, "MultiheadAttention", **arguments)

    def turned(self, x, sizes=STEPS_FIRST):
        return self.call("transpose.int", sizes, self=x, dim0=1, dim1=0)

    def projections(self, *given):
        """Return queries, keys and values, heads and samples first."""
        found = []
        for x, weight in zip(given, self.weights, strict=True):
            part = self.call("linear.default", STEPS_FIRST, input=x, weight=weight)
            part = self.call("view.default", (3, ROWS, 2), self=part, size=[3, 4, 2])
            found.append(self.call("transpose.int", (ROWS, 3, 2), self=part, dim0=0, dim1=1))
        return found

    def joined(self, x):
        x = self.call("reshape.default", ("s0", 12), self=x, shape=[-1, 12])
        x = self.call("view.default", STEPS_FIRST, self=x, size=[3, -1, 4])
        return self.call("linear.default", STEPS_FIRST, input=x, weight=self.out)

    def by_kernel(self, *given, **mask):
        parts = [self.call("view.default", ("s0", 2, 3, 2), self=part) for part in self.projections(*given)]
        roles = dict(zip(("query", "key", "value"), parts, strict=True))
        return self.joined(self.call("scaled_dot_product_attention.default", ("s0", 2, 3, 2), **roles, **mask))

    def with_scores(self, *given):
        """Return what the module gives, and the mean of its scores."""
        query, key, value = self.projections(*given)
        query = self.call("mul.Tensor", (ROWS, 3, 2), self=query, other=0.5)
        key = self.call("transpose.int", (ROWS, 2, 3), self=key, dim0=-2, dim1=-1)
        scores = self.call("bmm.default", (ROWS, 3, 3), self=query, mat2=key)
        scores = self.call("softmax.int", (ROWS, 3, 3), self=scores, dim=-1)
        x = self.joined(self.call("bmm.default", (ROWS, 3, 2), self=scores, mat2=value))
        scores = self.call("view.default", ("s0", 2, 3, 3), self=scores)
        return x, self.call("mean.dim", ("s0", 3, 3), self=scores, dim=[1])

    def read(self, folder, *outputs):
        (folder / "net.pt2").write_bytes(self.net.output(*outputs).save())
        return archinspect.network(folder / "net.pt2")


def kinds(net):
    return [layer.type for layer in net.report().layers]


def layer(**arguments):
    """Return a network of our layer alone."""
    args = {"embed_dim": 4, "num_heads": 2, "use_bias": False, **arguments}
    return archinspect.network({"input": [3, 4], "layers": [{"MultiHeadAttention": args}]})


@pytest.mark.parametrize("told", [False, True])
def test_a_module_is_a_layer(tmp_path, told):
    """It has the figures of archinspect's own: of the same products, and no storage that the other has not."""
    one = Attention()
    given = [one.turned(one.x)] * 3
    y = one.with_scores(*given)[0] if told else one.by_kernel(*given)
    net = one.read(tmp_path, one.turned(y, ("s0", 3, 4)))
    assert kinds(net) == ["MultiHeadAttention"]
    own = layer(need_weights=told)
    assert net.report().totals.flops == own.report().totals.flops
    for attention in ("fused", "math"):
        assert kept_bytes(net.facts, attention=attention) == kept_bytes(own.facts, attention=attention)
        assert peak_bytes(net.facts, attention=attention) == peak_bytes(own.facts, attention=attention)


def test_queries_keys_and_values_may_be_three(tmp_path):
    one = Attention()
    memory = one.net.input("s0", 3, 4, name="memory")
    y = one.by_kernel(*[one.turned(x) for x in (one.x, memory, one.x)])
    net = one.read(tmp_path, one.turned(y, ("s0", 3, 4)))
    assert kinds(net) == ["MultiHeadAttention"]
    assert net.report().layers[0].inputs == ("x", "memory")


def test_others_stay_as_they_are(tmp_path):
    """With a mask, steps first, scores that are read, weights that others read: the module's calls are the rows."""
    masked, first, told, tied = [Attention() for _ in range(4)]
    x = masked.turned(masked.x)
    mask = masked.net.input("s0", 1, 3, 3, name="mask")
    nets = [masked.read(tmp_path, masked.turned(masked.by_kernel(x, x, x, attn_mask=mask), ("s0", 3, 4)))]
    x = first.net.call("aten.transpose.int", STEPS_FIRST, self=first.x, dim0=1, dim1=0)
    nets.append(first.read(tmp_path, first.by_kernel(x, x, x)))
    x = told.turned(told.x)
    y, scores = told.with_scores(x, x, x)
    nets.append(told.read(tmp_path, told.turned(y, ("s0", 3, 4)), scores))
    x = tied.turned(tied.x)
    y = tied.turned(tied.by_kernel(x, x, x), ("s0", 3, 4))
    y = tied.net.call("aten.linear.default", ("s0", 3, 4), "head", "Linear", input=y, weight=tied.out)
    nets.append(tied.read(tmp_path, y))
    assert [len(kinds(net)) > 5 for net in nets] == [True] * 4
