"""Which layers of a decoder attend to a window of steps alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from archinspect.importers.hf.config import Config

FULL = "full_attention"
KEYS = {"chunked_attention": "attention_chunk_size", "windowed": "attention_window_size"}
"""The key of the steps, for kinds of layers for which it is not `sliding_window`."""


def spans(c: Config, rule: str, layers: int) -> list[int | None]:
    """Return the steps to which those of each layer attend; None for all."""
    kinds = c.items("layer_types", layers) if isinstance(c.find("layer_types"), list) else None
    if kinds is None:
        kinds = RULES[rule](c, layers) if rule else [FULL] * layers
    return [None if kind == FULL else c.maybe(KEYS.get(kind, "sliding_window"), 1) for kind in kinds]


def _every(number: int) -> Callable[[Config, int], list[str]]:
    """Return the rule of types in which each layer of so many is full."""

    def rule(c: Config, layers: int) -> list[str]:
        key = next((key for key in ("sliding_window_pattern", "_sliding_window_pattern") if c.says(key)), "")
        every = c.whole(key) if key else number
        return [kind_of((i + 1) % every) for i in range(layers)]

    return rule


def _but_every_4(c: Config, layers: int) -> list[str]:
    del c
    return [kind_of(i % 4) for i in range(layers)]


def kind_of(slides: object) -> str:
    """Return the kind of a layer that attends to a window, or to all steps."""
    return "sliding_attention" if slides else FULL


def _all(c: Config, layers: int) -> list[str]:
    return [kind_of(c.find("sliding_window") is not None)] * layers


def _windowed(c: Config, layers: int) -> list[str]:
    del c
    return ["windowed"] * layers


def _late(c: Config, layers: int) -> list[str]:
    return [
        kind_of(c.find("sliding_window") is not None and i >= c.whole("max_window_layers", 0)) for i in range(layers)
    ]


def _late_if_asked(c: Config, layers: int) -> list[str]:
    return _late(c, layers) if c.flag("use_sliding_window") else [FULL] * layers


def _all_if_asked(c: Config, layers: int) -> list[str]:
    return [kind_of(c.flag("use_sliding_window"))] * layers


def _even_if_asked(c: Config, layers: int) -> list[str]:
    asked, last = c.flag("use_sliding_window"), c.whole("max_window_layers", 0)
    return [kind_of(asked and (i + 1) % 2 and i < last) for i in range(layers)]


def _without_rotation(c: Config, layers: int) -> list[str]:
    asked = c.flag("use_sliding_window") and c.find("sliding_window") is not None
    return [kind_of(asked and not turns) for turns in _rotates(c, layers)]


def _chunks(c: Config, layers: int) -> list[str]:
    chunked = c.find("attention_chunk_size") is not None
    return ["chunked_attention" if turns and chunked else FULL for turns in _rotates(c, layers)]


def _rotates(c: Config, layers: int) -> list[bool]:
    if c.find("no_rope_layers"):
        found = c.items("no_rope_layers")
        if len(found) < layers:
            raise c.wrong("no_rope_layers", f"a list of {layers}")
        return [bool(one) for one in found[:layers]]
    return [bool((i + 1) % c.whole("no_rope_layer_interval")) for i in range(layers)]


def _as_typed(c: Config, layers: int) -> list[str]:
    """GPT-Neo's: `[[["global", "local"], 6]]`."""
    if c.find("attention_types") is None:
        kinds = ["global", "local"] * 12
    else:
        kinds = [
            kind for kinds, times in c.items("attention_types") for _ in range(min(times, layers)) for kind in kinds
        ]
    if len(kinds) < layers:
        raise c.wrong("attention_types", f"of {layers} layers")
    return [FULL] * layers  # all is cached, whatever is attended to


def said(c: Config) -> int | None:
    """Return the steps that a cache keeps where a class has no windows, and its configuration names those of one."""
    return spans(c, "said", 1)[0] if c.find("layer_types") is None else None


def _if_said(c: Config, layers: int) -> list[str]:
    """Return what a cache takes for windows where a class has none, and its configuration names the steps of one."""
    if c.find("sliding_window") is None and c.find("attention_chunk_size") is not None:
        return ["chunked_attention"] * layers
    return _all(c, layers)


RULES: dict[str, Callable[[Config, int], list[str]]] = {
    "all": _all,
    "said": _if_said,
    "windowed": _windowed,
    "late": _late,
    "late_if_asked": _late_if_asked,
    "all_if_asked": _all_if_asked,
    "even_if_asked": _even_if_asked,
    "without_rotation": _without_rotation,
    "chunks": _chunks,
    "types": _as_typed,
    "but_every_4": _but_every_4,
    **{f"every_{number}": _every(number) for number in (2, 4, 6)},
}
"""The rules of classes, for files without `layer_types`."""
