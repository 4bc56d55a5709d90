"""Which stages of a backbone a model reads: `out_indices`, or `out_features` by name, and else the last."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archinspect.importers.hf.config import Config


def chosen(c: Config, count: int) -> list[int]:
    """Return which of the stem, number 0, and the stages after it are read, in their order."""
    names = ["stem", *[f"stage{number}" for number in range(1, count)]]
    places = c.find("out_indices")
    if not isinstance(places, list):
        wanted = c.find("out_features")
        places = [names.index(one) for one in wanted if one in names] if isinstance(wanted, list) else [count - 1]
    if any(type(one) is not int or not -count <= one < count for one in places):
        raise c.wrong("out_indices", f"a list of those of the {count} states")
    return sorted(one % count for one in places)
