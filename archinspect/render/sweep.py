"""Combinations of a sweep as a table, CSV, JSON lines within a list, and Parquet: written as they come."""

from __future__ import annotations

import json
import os
import sys
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TextIO

from archinspect.render.data import csv_text, markdown_row, markdown_table
from archinspect.render.numbers import byte_count, count
from archinspect.render.progress import is_watched

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from rich.console import Console

    from archinspect.analyses.sweep import Chunk, Sweep

SHOWN = 60
"""Rows of a table; the other formats have all."""
BYTES = ("output_bytes", "kept", "peak")


class Column(NamedTuple):
    """A column of a table: the first ones stay however narrow the terminal is."""

    title: str
    keep: int
    number: bool = True


class Output:
    """Where the rows of a sweep go, one chunk after another."""

    def __init__(
        self,
        sweep: Sweep,
        form: str,
        path: str | None,
        console: Callable[[], Console],
        *,
        exact: bool,
        resumable: bool,
    ) -> None:
        self.sweep = sweep
        self.form = form
        self.path = path
        self.console = console
        self.exact = exact
        self.columns = [*sweep.grid, *sweep.figures]
        self.rows = 0
        self.start = 0
        """The first combination that is not written yet."""
        self.shows_progress = is_watched() and (path is not None or not sys.stdout.isatty())
        self._shown: list[list[str]] = []
        self._file: TextIO = sys.stdout
        self._parquet: Any = None
        self._progress = f"{path}.progress" if path and form == "csv" and resumable else ""
        if form == "parquet" and path is None:
            raise ValueError("--format parquet needs a file: -o FILE")

    def __enter__(self) -> Self:
        if self.path is None or self.form == "parquet":
            self._begin()
            return self
        done = self._done()
        self._file = open(self.path, "r+" if done else "w", encoding="utf-8", newline="\n")
        if done:
            self.start, size, self.rows = done
            self._file.truncate(size)
            self._file.seek(size)
        else:
            self._begin()
        return self

    def _begin(self) -> None:
        if self.form == "csv":
            self._file.write(csv_text(self.columns, []) + "\n")
        elif self.form == "markdown":
            self._file.write(markdown_table(self.columns, [], right=range(len(self.columns))) + "\n")
        elif self.form == "json":
            self._file.write("[")

    def _done(self) -> tuple[int, int, int] | None:
        """Return what an interrupted run of the same sweep has done: combinations, bytes, rows."""
        if not self._progress or not self.path or not (os.path.exists(self._progress) and os.path.exists(self.path)):
            return None
        with open(self._progress, encoding="utf-8") as file:
            known = json.load(file)
        if known.get("sweep") != self._signature() or os.path.getsize(self.path) < known["bytes"]:
            return None
        return known["done"], known["bytes"], known["rows"]

    def _signature(self) -> list[Any]:
        facts = self.sweep.facts
        text = json.dumps([repr(facts.graph), facts.dtype, self.sweep.grid, self.sweep.figures], default=str)
        signature: list[Any] = json.loads(text)
        return signature

    def write(self, chunk: Chunk, done: int) -> None:
        """Write the rows of a chunk, after which so many combinations are done."""
        lists = [column.tolist() for column in (*chunk.values.values(), *chunk.figures.values())]
        number = len(chunk.taken)
        if self.form == "table":
            missing = max(SHOWN - self.rows, 0)
            self._shown += [self._written(row) for row in zip(*[column[:missing] for column in lists], strict=True)]
        elif self.form == "csv":
            line = ",".join(["%s"] * len(lists)) + "\n"
            self._file.write(line * number % tuple(chain.from_iterable(zip(*map(_plain, lists), strict=True))))
        elif self.form == "markdown":
            for row in zip(*lists, strict=True):
                self._file.write(markdown_row(self._written(row)) + "\n")
        elif self.form == "json":
            for row in zip(*lists, strict=True):
                self._file.write("\n " if not self.rows else ",\n ")
                self._file.write(json.dumps(dict(zip(self.columns, row, strict=True))))
                self.rows += 1
            number = 0
        else:
            self._write_parquet(dict(zip(self.columns, lists, strict=True)))
        self.rows += number
        if self._progress:
            self._note(done)

    def _note(self, done: int) -> None:
        """Note how far the file has come, so that nothing is lost or written twice."""
        self._file.flush()
        known = {"sweep": self._signature(), "done": done, "bytes": self._file.tell(), "rows": self.rows}
        with open(f"{self._progress}.new", "w", encoding="utf-8") as file:
            json.dump(known, file)
        os.replace(f"{self._progress}.new", self._progress)

    def _write_parquet(self, columns: dict[str, list[Any]]) -> None:
        try:
            import pyarrow as pa
            from pyarrow import parquet
        except ImportError:
            raise ValueError("--format parquet needs pyarrow: pip install 'archinspect[parquet]'") from None
        table = pa.table(columns)
        if self._parquet is None:
            self._parquet = parquet.ParquetWriter(self.path, table.schema)
        self._parquet.write_table(table)

    def _written(self, row: tuple[Any, ...]) -> list[str]:
        cells = []
        for name, value in zip(self.columns, row, strict=True):
            if name in self.sweep.figures:
                cells.append((byte_count if name in BYTES else count)(value, exact=self.exact))
            else:
                cells.append(str(value))
        return cells

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and self.form == "json":
            self._file.write("\n]\n" if self.rows else "]\n")
        if self._file is not sys.stdout:
            self._file.close()
        if self._parquet is not None:
            self._parquet.close()
        if kind is None and self._progress and os.path.exists(self._progress):
            os.remove(self._progress)
        if kind is None and self.form == "table":
            self._print()

    def _print(self) -> None:
        from rich.text import Text

        from archinspect.render.layers import LineTable

        columns = {name: Column(name, keep=-place) for place, name in enumerate(self.columns)}
        cells = list(map(list, zip(*self._shown, strict=True))) or [[] for _ in columns]
        console = self.console()
        table = LineTable(dict(zip(columns, cells, strict=True)), columns)
        hidden = table.print(console, least_width=0, least=1)
        more = f", {self.rows - SHOWN:,} more with --format csv" if self.rows > SHOWN else ""
        note = f"{self.rows:,} of {len(self.sweep):,} combinations{more}"
        if hidden:
            note += f"\nnot shown at this width: {', '.join(hidden)} (choose with --columns)"
        console.print(Text(f"\n{note}"), soft_wrap=True)


def _plain(column: list[Any]) -> list[Any]:
    """Return values as CSV holds them."""
    if not any(isinstance(value, str) for value in column[:1]):
        return column
    return [csv_text([value], []) if isinstance(value, str) else value for value in column]
