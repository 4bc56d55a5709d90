"""Funnel Transformer: blocks have half the steps of those before them (Dai et al. 2020, arXiv:2006.03236)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archinspect.base.shape import size
from archinspect.importers.hf.parts import Attention, Mlp, activate, add, core, dense, mlp, norm, table, within
from archinspect.importers.hf.wanted import ending
from archinspect.ops.args import Bool, Int, arg
from archinspect.ops.axes import numbered
from archinspect.ops.base import Op
from archinspect.ops.figures import Weight, Work
from archinspect.ops.merge import Concatenate
from archinspect.ops.pool import AveragePooling1D, MaxPooling1D
from archinspect.ops.tensor import Custom, Select, Slice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape
    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Tensor
    from archinspect.importers.hf.config import Config
    from archinspect.importers.hf.wanted import Wanted

JUDGES = ("ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering")
ENDS = ("BaseModel", "ForPreTraining", "ForMaskedLM", *JUDGES, "Model")
SEGMENTS = 2
"""Kinds of a pair of steps: of the same segment, or of two."""


class PlaceScores(Op):
    """Adds to queries what compares them with relative positions, and with segments; the second input are the keys.

    A query is compared with so many projected `positions`, or, `factorized`, projected itself and compared with two
    vectors of each key's position.

    MACs: features * width per position, or, factorized, per query; features per query and position, or, factorized,
    2 * heads * width per query and key; 2 * features per query (segments). FLOPs: 2 per MAC, 3 per query's element for
    the biases.
    """

    keeps_unknown = True
    kind = "attention"
    inputs = (2, 2)
    heads: int = arg("heads", Int(1))
    width: int = arg("features of a position", Int(1))
    positions: int = arg("relative positions", Int(1))
    factorized: bool = arg("project queries, not positions", Bool(), default=False)

    def output(self, *shapes: Shape) -> Shape:  # noqa: D102 - as every operator
        return shapes[0]

    def weights(self, *shapes: Shape) -> dict[str, Weight]:  # noqa: D102 - as every operator
        features, axes = shapes[0][-1], numbered(range(1, 3))
        return {
            "positions": Weight((self.width, features), axes),
            "segments": Weight((SEGMENTS, features), axes),
            "biases": Weight((3, features), axes),  # for words, positions and segments
        }

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:  # noqa: D102 - as every operator
        features, queries, keys = output[-1], size(output[:-1]), shapes[1][1]
        macs = SEGMENTS * queries * features
        if self.factorized:
            macs += queries * self.width * (features + 2 * self.heads * keys)
        else:
            macs += features * self.positions * (self.width + queries)
        return Work(macs, 3 * size(output))


class Steps(NamedTuple):
    """The places of a block's steps in the text, and how far apart they are."""

    places: list[int]
    apart: int = 1

    def relative(self, of: Steps | None = None) -> int:
        """Return how many positions keys at these places have relative to queries, here or at those `of` others."""
        queries = self if of is None else of
        shift = 1 if of is None else 2
        most = queries.places[0] - self.places[0] + shift * len(queries.places) * self.apart
        least = queries.places[0] - self.places[-1]
        return -((least - 1 - most) // self.apart)

    def pooled(self, c: Config, block: int) -> Steps:
        """Return those of the block of a number, after this one."""
        if not c.flag("separate_cls"):
            return Steps(self.places[::2], 2 * self.apart)
        rest = self.places[1:-1] if c.flag("truncate_seq") else self.places[1:]
        return Steps([1 - 2**block, *rest[::2]], 2 * self.apart)


def add_model(c: Config, architecture: str, wanted: Wanted) -> tuple[Tensor, ...]:
    """Add Funnel Transformer with its head."""
    end = ending(c, architecture, ENDS) if architecture else "Model"
    net, width = wanted.net, c.whole("d_model")
    (ids,) = wanted.words(None, "input_ids")
    decodes = end not in ("BaseModel", "ForSequenceClassification")
    with within(net, "" if end.endswith("Model") else "funnel"):
        with within(net, "embeddings"):
            words = table(net, ids, c.whole("vocab_size"), width, "word_embeddings")
            x = norm(net, words, "layer", "layer_norm")
        steps = ids.producer.op.output()[1]
        x, first = _encoder(net, c, x, steps)
        x = _decoder(net, c, x, first, steps) if decodes else x
    if end == "ForMaskedLM":
        x = dense(net, x, c.whole("vocab_size"), "lm_head")
        if c.flag("tie_word_embeddings"):
            net.tie(x.producer, words.producer)
    elif end == "ForPreTraining":
        x = activate(net, dense(net, x, width, "discriminator_predictions.dense"), c, c.text("hidden_act"))
        x = dense(net, x, 1, "discriminator_predictions.dense_prediction")
    elif end == JUDGES[0]:
        one = dense(net, net.add(Select(index=0), x), width, "classifier.linear_hidden")
        x = dense(net, activate(net, one, c, "tanh"), c.labels(), "classifier.linear_out")
    elif end in JUDGES:
        x = dense(net, x, c.labels(), "classifier" if end == JUDGES[1] else "qa_outputs")
    return (x,)


def _encoder(net: GraphBuilder, c: Config, x: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """Add the blocks; return what the last one gives, and what the decoder adds to it."""
    blocks = c.counts("block_sizes", least=0)
    repeats = c.counts("block_repeats", len(blocks), 1) if c.find("block_repeats") is not None else [1] * len(blocks)
    states, here = [x], Steps(list(range(steps)))
    for block, (layers, times) in enumerate(zip(blocks, repeats, strict=True)):
        before, of_all = here, block > 0  # the first layer sees the steps of the block before
        if block:
            if len(here.places) <= 1 + c.flag("separate_cls"):
                raise c.refuse(f"a text of {steps} steps is too short for {len(blocks)} blocks")
            here = here.pooled(c, block)
        for layer in range(layers):
            first = ""
            for again in range(times):
                path = f"encoder.again.{block}.{layer}.{again}" if again else f"encoder.blocks.{block}.{layer}"
                with within(net, path, "layer") as own:
                    query = _pool(net, c, x) if of_all else x
                    sees_all = of_all and c.flag("pool_q_only")
                    of_other = sees_all and len(before.places) != len(here.places)
                    places = before.relative(here) if of_other else here.relative()
                    x = _layer(net, c, query, x if sees_all else query, places)
                if again:
                    net.share(own, first)
                first, of_all = first or own, False
                states.append(x)
    if not blocks or len(states) <= blocks[0]:
        raise c.wrong("block_sizes", "a list, of as many layers as its first block has or more")
    return x, states[blocks[0]]


def _pool(net: GraphBuilder, c: Config, x: Tensor) -> Tensor:
    """Halve the steps; the first stands alone where it is kept apart."""
    kinds = {"mean": AveragePooling1D, "max": MaxPooling1D}
    if c.text("pooling_type") not in kinds:
        raise c.wrong("pooling_type", "mean or max")
    if c.flag("separate_cls"):
        rest = net.add(Slice(start=0, stop=-1), x) if c.flag("truncate_seq") else x
        x = net.add(Concatenate(axis=1), net.add(Slice(start=0, stop=1), x), rest)
    return net.add(kinds[c.text("pooling_type")](pool_size=2, ceil_mode=True), x)


def _decoder(net: GraphBuilder, c: Config, x: Tensor, first: Tensor, steps: int) -> Tensor:
    """Add the decoder: of the last block's steps, each repeated, and those of the first."""
    if len(c.items("block_sizes")) > 1:
        x = net.add(Custom(output=[steps, c.whole("d_model")], params=0, macs=0), x, name="upsample")
    x = add(net, x, first)
    for number in range(c.count("num_decoder_layers")):
        with within(net, f"decoder.layers.{number}", "layer"):
            x = _layer(net, c, x, x, Steps(list(range(steps))).relative())
    return x


def _layer(net: GraphBuilder, c: Config, x: Tensor, memory: Tensor, positions: int) -> Tensor:
    """Add attention of steps to a memory, and a feed-forward network."""
    width, heads, head, kind = c.whole("d_model"), c.whole("n_head"), c.whole("d_head"), c.text("attention_type")
    if kind not in ("relative_shift", "factorized"):
        raise c.wrong("attention_type", "relative_shift or factorized")
    with within(net, "attention"):
        query = dense(net, x, heads * head, "q_head", bias=False)
        key, value = (dense(net, memory, heads * head, name) for name in ("k_head", "v_head"))
        places = PlaceScores(heads=heads, width=width, positions=positions, factorized=kind == "factorized")
        query = net.add(places, query, key, name="places")
        inside = net.add(core(Attention(heads, heads, head, width, causal=False)), query, key, value)
        x = norm(net, add(net, x, dense(net, inside, width, "post_proj")), "layer", "layer_norm")
    m = Mlp(c.whole("d_inner"), c.text("hidden_act"), gated=False, bias=True, up="linear_1", down="linear_2")
    with within(net, "ffn"):
        return norm(net, add(net, x, mlp(net, x, m, width, c)), "layer", "layer_norm")
