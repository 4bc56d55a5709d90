"""From model types to templates, and what a class puts on top of them: heads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.base.printable import printable
from archinspect.importers import asked
from archinspect.importers.hf.decoder import decoder, holds
from archinspect.importers.hf.decoders import DECODERS
from archinspect.importers.hf.parts import dense

if TYPE_CHECKING:
    from archinspect.base.diagnostics import Problems
    from archinspect.base.settings import Settings
    from archinspect.base.source import Value
    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Tensor
    from archinspect.importers.hf.config import Config

STEPS = 1024
"""Steps of a text, unless a model takes fewer."""
LANGUAGE = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")
"""How classes end that predict words."""


class Wanted:
    """A graph in the making, with what is asked of it."""

    def __init__(self, net: GraphBuilder, settings: Settings, problems: Problems) -> None:
        self.net = net
        self._settings = settings
        self._problems = problems
        self.params: dict[str, Value] = {}

    def words(self, most: int | None, name: str = "input_ids") -> Tensor:
        """Add an input of words, of which the model takes so many at most."""
        steps = min(STEPS, most or STEPS)
        origin = self.net.origin
        self.params = asked.params({"seq": steps}, self._settings, self._problems, origin)
        shape = asked.shapes({name: (self.params["seq"],)}, self._settings, self._problems, origin)[name]
        return self.net.input(*shape, name=name, dtype="int64")


def model(c: Config, architecture: str, wanted: Wanted) -> tuple[Tensor, ...]:
    """Add the model of a configuration; return its outputs."""
    if c.kind in DECODERS:
        return causal(c, architecture, wanted)
    raise c.file.refuse(
        f"the model type '{printable(c.kind)}' is not read", "docs/formats.md lists those that are"
    )


def ending(c: Config, architecture: str, known: tuple[str, ...]) -> str:
    """Return how the name of a class ends, one of those that are known; raise :class:`SourceError` for others."""
    for end in known:
        if architecture.endswith(end):
            return end
    raise c.refuse(f"the class '{printable(architecture)}' is not read", f"those ending in {', '.join(known)} are")


def causal(c: Config, architecture: str, wanted: Wanted) -> tuple[Tensor, ...]:
    """Add a decoder with its head."""
    d = DECODERS[c.kind]
    d = d._replace(**d.adjust(c)) if d.adjust else d
    known = (*LANGUAGE, "ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering", "Model")
    end = ending(c, architecture, known) if architecture else LANGUAGE[0]
    rows = c.maybe("max_position_embeddings", 1) if c.find("max_position_embeddings") is not None else None
    net = wanted.net
    ids = wanted.words(rows)
    words, x = decoder(net, c, d, ids, root="" if end == "Model" else None)
    if end in LANGUAGE:
        x = dense(net, x, c.int("vocab_size"), d.names.head, bias=holds(c, d.head_bias))
        if c.flag("tie_word_embeddings"):
            net.tie(x.producer, words.producer)
    elif end != "Model":
        x = _judge(c, net, end, x)
    return (x,)


def _judge(c: Config, net: GraphBuilder, end: str, x: Tensor) -> Tensor:
    """Add the head of a classifier on a decoder."""
    if end == "ForQuestionAnswering":
        return dense(net, x, 2, "qa_outputs")
    return dense(net, x, c.labels(), "score", bias=end == "ForTokenClassification")
