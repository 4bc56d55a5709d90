"""Mixtures of experts in the place of a decoder's feed-forward networks."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archinspect.base.shape import size
from archinspect.importers.hf.parts import activation, add, dense, mlp, within
from archinspect.ops.activation import Sigmoid
from archinspect.ops.args import Bool, arg
from archinspect.ops.experts import MixtureOfExperts
from archinspect.ops.figures import Weight, Work
from archinspect.ops.merge import Multiply

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from archinspect.base.shape import Shape
    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Tensor
    from archinspect.importers.hf.config import Config
    from archinspect.importers.hf.parts import Mlp


class Mixture(MixtureOfExperts):
    """A mixture whose router alone has a bias, or of which all experts are computed.

    MACs: those of `MixtureOfExperts`; if `dense`, of all experts. FLOPs: 1 per output element of a product with bias.
    """

    router_bias: bool = arg("add a bias to the router's scores", Bool(), default=False)
    dense: bool = arg("compute all experts, and weigh those that are not chosen by 0", Bool(), default=False)

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        """Return those of the experts and the router, and their biases."""
        found = super().weights(*shapes)
        if self.router_bias:
            found["router_bias"] = Weight((self.num_experts,), ("experts",))
        return found

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        """Return that of the experts that are computed."""
        if self.dense and self.top_k < self.num_experts:
            return self.replace(top_k=self.num_experts).work(shapes, output)
        macs, other = super().work(shapes, output)
        return Work(macs, other + size(output[:-1]) * self.router_bias * self.num_experts)

    def weights_read(self, shapes: Sequence[Shape], output: Shape) -> int:  # noqa: ARG002 - all are read
        """Return the elements of all weights."""
        return sum(size(weight.shape) for weight in self.weights(*shapes).values())


class Experts(NamedTuple):
    """The experts of a type: keys of a configuration, names of layers."""

    count: str = "num_local_experts"  # type: ignore[assignment] # not the method of a tuple
    top: str = "num_experts_per_tok"
    """The key of how many a step goes to, or `=` and the number."""
    units: str = "moe_intermediate_size"
    shared: str = ""
    """The key of the number of experts that every step uses besides, each as wide as one of the others."""
    shared_units: str = ""
    """The key of the width of one that every step uses besides."""
    shared_gate: bool = False
    name: str = "experts"
    shared_name: str = "shared_experts"
    is_dense: Callable[[Config, int], bool] | None = None
    """Whether a layer has a plain feed-forward network in the place of experts."""
    bias: bool = False
    router_bias: bool = False
    computes_all: bool = False
    gated: bool = True
    may_lack: bool = False
    """Whether 0 experts mean a plain feed-forward network in all layers."""
    dense_units: str = ""
    """The key of the width of a plain feed-forward network, where it is not that of other types."""
    part: str = ""
    """The key of the configuration inside that has these keys, and its type."""
    shared_bias: bool = True
    """Whether a shared expert has biases where plain networks have."""


def feed(  # noqa: PLR0913, PLR0917 - what a layer needs
    net: GraphBuilder, x: Tensor, c: Config, e: Experts, plain: Mlp, number: int, width: int
) -> Tensor:
    """Add the experts of a layer, or its plain network, with as many features as it reads."""
    if (e.is_dense is not None and e.is_dense(c, number)) or (e.may_lack and not c.maybe(e.count)):
        if e.dense_units:
            plain = plain._replace(units=c.whole(e.dense_units))
        return mlp(net, x, plain, width, c)
    if e.part:
        c = c.part(*e.part.split(":"))
    units, count, top = c.whole(e.units), c.whole(e.count), _of_layer(c, e.top, number)
    if top > count:
        raise c.wrong(e.count if e.top.startswith("=") else e.top, f"at most {count}, the number of experts")
    inside = activation(c, plain.activation)
    own = {"num_experts": count, "top_k": top, "units": units, "gated": e.gated, "activation": inside}
    if e.bias or e.router_bias or e.computes_all:
        op: MixtureOfExperts = Mixture(**own, use_bias=e.bias, router_bias=e.router_bias, dense=e.computes_all)
    else:
        op = MixtureOfExperts(**own)
    found = net.add(op, x, name=e.name)
    shared = c.maybe(e.shared_units) if e.shared_units else (c.maybe(e.shared) or 0) * units if e.shared else 0
    if not shared:
        return found
    with within(net, e.shared_name, "mlp"):
        one = plain._replace(units=shared, bias=plain.bias and e.shared_bias)
        always = mlp(net, x, one, width, c)
    if e.shared_gate:
        gate = net.add(Sigmoid(), dense(net, x, 1, f"{e.shared_name}_gate", bias=False))
        always = net.add(Multiply(), gate, always)
    return add(net, found, always)


def _of_layer(c: Config, key: str, number: int) -> int:
    """Return a size that may be a list of those of each layer; a key `=2` is the size itself."""
    if key.startswith("="):
        return int(key[1:])
    if not isinstance(c.find(key), list):
        return c.whole(key)
    found = c.ints(key, least=1)
    if number >= len(found):
        raise c.wrong(key, "as long as there are layers")
    return found[number]


def before_first(c: Config, number: int) -> bool:
    """Whether a layer is one of the first few, which are dense."""
    return number < c.whole("first_k_dense_replace", 0)


def before_dense(c: Config, number: int) -> bool:
    """Whether a layer is one of the first few, which are dense, by another name."""
    return number < c.whole("num_dense_layers", 0)


def listed_or_first(c: Config, number: int) -> bool:
    """Whether a list says that a layer is dense, or it is one of the first few, of which there is one unless said."""
    if c.find("mlp_layer_types") is not None:
        return as_listed(c, number)
    return number < (c.whole("first_k_dense_replace", 0) if c.says("first_k_dense_replace") else 1)


def as_listed(c: Config, number: int) -> bool:
    """Whether a list says that a layer is dense; the first one is, where there is no list."""
    if c.find("mlp_layer_types") is None:
        return number == 0
    kinds = c.items("mlp_layer_types")
    return number < len(kinds) and kinds[number] == "dense"


def not_every(c: Config, number: int) -> bool:
    """Whether a layer is none of every so many, or one of those that a list names."""
    if c.find("mlp_only_layers") is not None and number in c.items("mlp_only_layers"):
        return True
    return bool((number + 1) % c.whole("decoder_sparse_step"))
