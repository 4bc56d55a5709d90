"""The metadata of a GGUF file by its keys in the architecture's own part, such as `llama.block_count`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.base.printable import printable
from archinspect.importers.gguf.header import Listed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from archinspect.base.source import SourceError
    from archinspect.importers.file import File

MOST = 2**31
MOST_LAYERS = 4096
ACTIVATIONS = {
    **dict.fromkeys(
        ("bert", "bloom", "codeshell", "falcon", "gpt2", "gptj", "gptneox", "mpt", "nomic-bert", "phi2", "starcoder"),
        "gelu",
    ),
    **dict.fromkeys(("gemma", "gemma2", "gemma3", "gemma-embedding", "starcoder2"), "gelu"),
    **dict.fromkeys(("jina-bert-v2", "jina-bert-v3", "modern-bert", "nomic-bert-moe"), "gelu"),
    **dict.fromkeys(("arcee", "nemotron"), "relu2"),
    "nomic-bert": "silu",
}
"""Activations of architectures other than SiLU: no file says them."""
ENCODERS = (
    *("bert", "eurobert", "gemma-embedding", "jina-bert-v2", "jina-bert-v3", "llama-embed", "modern-bert", "neo-bert"),
    *("nomic-bert", "nomic-bert-moe"),
)
"""Architectures whose steps see all, and that give features, whether their files say so or not."""
WITHOUT_ROTATION = ("bert", "bloom", "gpt2", "jais", "jamba", "mpt", "nemotron_h", "refact", "starcoder")
GATED = ("qwen3next", "qwen35", "qwen35moe")
EVERY = {
    "cohere2": 4,
    "exaone4": 4,
    "gemma2": 2,
    "gemma3": 6,
    "gemma-embedding": 6,
    "gpt-oss": 2,
    "olmo3": 4,
    "plamo3": 8,
}
"""Of how many layers one attends to all steps, the others to a window, in architectures whose files do not say it."""


class Values:
    """Metadata; raise :class:`SourceError` at the key for what cannot be."""

    def __init__(self, given: Mapping[str, object], file: File) -> None:
        self.given = given
        self.file = file
        self.architecture = self.text("general.architecture")

    def text(self, key: str) -> str:
        """Return a text, empty where there is none."""
        found = self.given.get(key, "")
        if not isinstance(found, str):
            raise self._wrong(key, "a text")
        return found

    def find(self, name: str) -> object:
        """Return a value of the architecture; None where there is none."""
        return self.given.get(f"{self.architecture}.{name}")

    def whole(self, name: str, otherwise: int | None = None, *, layer: int | None = None) -> int:
        """Return a size, of a layer where each has its own."""
        found = self.find(name)
        if isinstance(found, list) and layer is not None:
            found = found[layer] if layer < len(found) else None
        if found is None and otherwise is not None:
            return otherwise
        if type(found) is not int or not 0 <= found < MOST:
            raise self._wrong(f"{self.architecture}.{name}", "a size")
        return found

    def count(self, name: str) -> int:
        """Return a number of layers."""
        found = self.whole(name)
        if found > MOST_LAYERS:
            raise self._wrong(f"{self.architecture}.{name}", f"at most {MOST_LAYERS:,}")
        return found

    @property
    def causal(self) -> bool:
        """Whether steps see those before them alone."""
        return self.find("attention.causal") is not False and self.architecture not in ENCODERS

    @property
    def centers(self) -> bool:
        """Whether normalizations subtract the mean."""
        return self.find("attention.layer_norm_rms_epsilon") is None

    @property
    def parallel(self) -> bool:
        """Whether attention and feed-forward networks read the same."""
        return self.find("use_parallel_residual") is True

    @property
    def activation(self) -> str:
        """The activation between the products of a feed-forward network."""
        return ACTIVATIONS.get(self.architecture, "silu")

    @property
    def gates_attention(self) -> bool:
        """Whether a projection to queries gives as many features again, which gate what attention gives."""
        return self.architecture in GATED

    @property
    def rotates(self) -> bool:
        """Whether positions rotate queries and keys."""
        return self.architecture not in WITHOUT_ROTATION

    def window(self, layer: int) -> int | None:
        """Return the steps to which a layer attends; None for all."""
        steps = self.whole("attention.sliding_window", 0)
        pattern = self.find("attention.sliding_window_pattern")
        if isinstance(pattern, list):
            slides = bool(pattern[layer]) if layer < len(pattern) else False
        else:
            every = pattern if type(pattern) is int and pattern > 0 else EVERY.get(self.architecture, 1)
            slides = bool((layer + 1) % every)
        return steps if steps and slides else None

    def _wrong(self, key: str, wanted: str) -> SourceError:
        shown, value = printable(key), self.given.get(key)
        if value is None:
            return self.file.refuse(f"the metadata has no '{shown}'", node=shown)
        what = f"a list of {value.length:,}" if isinstance(value, Listed) else printable(repr(value)[:60])
        return self.file.refuse(f"'{shown}' must be {wanted}, not {what}", node=shown)
