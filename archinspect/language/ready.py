"""Ready-made blocks, which every spec may call by name: PyTorch's modules of several layers, mixers of sequences."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

from archinspect import ops

if TYPE_CHECKING:
    from archinspect.language.parse import Block

MIXERS = ("Mamba", "Mamba2", "RWKV", "RWKV4", "RWKV6", "RWKV7", "Hyena", "mLSTMLayer", "sLSTMLayer")
SECOND = {
    "TransformerEncoderLayer": "",
    "TransformerDecoderLayer": "memory",
    "TransformerEncoder": "",
    "TransformerDecoder": "memory",
    "Transformer": "target",
    **dict.fromkeys(("NeighborhoodAttention1D", "NeighborhoodAttention2D", "CondConv2D"), ""),
    **dict.fromkeys(MIXERS, ""),
}
"""What each calls its second input inside; empty of those of one."""

_BY_KEY = {ops.fold(name): name for name in SECOND}


def find_ready(name: str) -> Block | None:
    """Return the ready-made block of this name, in any framework's spelling, or None."""
    own = _BY_KEY.get(ops.fold(name))
    return _blocks("mixers.yaml" if own in MIXERS else "ready.yaml")[own] if own else None


@cache
def _blocks(file: str) -> dict[str, Block]:
    from archinspect.base.diagnostics import Problems
    from archinspect.base.source import read_file
    from archinspect.base.yaml_core import read_tree
    from archinspect.language.parse import parse_spec

    source = read_file(os.path.join(os.path.dirname(__file__), file), file)
    source.is_ours = True
    blocks = parse_spec(read_tree(source), Problems()).blocks
    return {name: block._replace(module=True, second=SECOND[name]) for name, block in blocks.items()}
