"""Rows as a table of pandas, which is an extra."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def frame(rows: Iterable[Mapping[str, object]]) -> Any:  # noqa: ANN401 - a pandas.DataFrame
    """Return rows as a `pandas.DataFrame`; raise ImportError that names the extra without pandas."""
    try:
        import pandas as pd
    except ImportError:
        raise ImportError("to_pandas() needs pandas: pip install 'archinspect[pandas]'") from None
    return pd.DataFrame(list(rows))
