"""Work on many files by several cores."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from archinspect.base.shared import share, shared

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import ProcessPoolExecutor

MIN_FILES = 100
"""Files that are worth a process of their own."""
CHUNK = 20
"""Files that a process takes at once."""


class Died(NamedTuple):
    """What work on a file comes to that ends its process: it took more memory than there is, or met a fault."""


def processes(files: int, asked: int | None) -> int:
    """Return how many processes to work with: as many as are asked for, or else as are worth it."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(files, asked or min(cores, files // MIN_FILES)))


def run(work: Callable[[Any], Any], jobs: Sequence[Any], count: int) -> Iterator[tuple[int, Any]]:
    """Yield the number of each job and what `work` makes of it, in the order in which they get done.

    With a `count` of processes above 1, `work` is a module's function; jobs and results are sent. What ends its process
    comes to :class:`Died`, and stops no other.
    """
    if count == 1:
        with rare_collection(), shared():
            yield from ((number, work(job)) for number, job in enumerate(jobs))
        return
    left = set(range(len(jobs)))
    for number, found in _chunks(work, jobs, [*left], count, CHUNK):
        left.discard(number)
        yield number, found
    for number in sorted(left):  # a process of its own shows which one it was
        alone = [found for _, found in _chunks(work, jobs, [number], 1, 1)]
        yield number, alone[0] if alone else Died()


def _chunks(
    work: Callable[[Any], Any], jobs: Sequence[Any], numbers: Sequence[int], count: int, size: int
) -> Iterator[tuple[int, Any]]:
    """Yield what gets done until a process dies."""
    import multiprocessing  # 20 ms, and few files need none
    from concurrent.futures import as_completed
    from concurrent.futures.process import BrokenProcessPool

    others = multiprocessing.active_children()
    pool = _pool(count)
    try:
        parts = [numbers[start : start + size] for start in range(0, len(numbers), size)]
        futures = {pool.submit(_several, work, [jobs[number] for number in part]): part for part in parts}
        for future in as_completed(futures):
            yield from zip(futures[future], future.result(), strict=True)
    except BrokenProcessPool:
        return
    except BaseException:  # Ctrl-C, which may come while the pool is half made: it would wait for its processes
        for child in multiprocessing.active_children():
            if child not in others:
                child.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _pool(count: int) -> ProcessPoolExecutor:
    import multiprocessing  # as above
    from concurrent.futures import ProcessPoolExecutor

    # A copy of this process starts at once; one of several threads may hang.
    way = "fork" if sys.platform == "linux" and threading.active_count() == 1 else "spawn"
    return ProcessPoolExecutor(count, multiprocessing.get_context(way), initializer=_begin)


def _begin() -> None:
    """Leave Ctrl-C, which a terminal sends to all processes, to the first one; end when that is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    share()


def _end_with_parent() -> None:
    """Wait for the end of the first process, which may be killed and tell nobody."""
    from multiprocessing import parent_process
    from multiprocessing.connection import wait

    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _several(work: Callable[[Any], Any], jobs: Sequence[Any]) -> list[Any]:
    with rare_collection():
        return [work(job) for job in jobs]


@contextmanager
def rare_collection() -> Iterator[None]:
    """Let Python look for cycles more rarely: what a file comes to is dropped as a whole, and the rest stays."""
    before = gc.get_threshold()
    gc.set_threshold(10_000, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
