"""Walks through the sums of a worked layer on a terminal, by keys or by itself."""

from __future__ import annotations

import os
import re
import signal
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

    from archinspect.reports.worked import Worked

    Wait = Callable[[float | None], str]
    """Returns the next key; empty where none came in so many seconds."""

QUIT = frozenset(("q", "Q", "\x1b", "\x03", "\x04"))
BACK = frozenset(("\x1b[D", "\x1bOD", "\xe0K", "h", "\x7f", "\x08"))
UP = frozenset(("\x1b[A", "\x1bOA", "\xe0H", "k"))
DOWN = frozenset(("\x1b[B", "\x1bOB", "\xe0P", "j"))
KEYS = "arrow keys, q quits"
KEY = re.compile(r"\x1b(?:O.|\[[0-9;]*[A-Za-z~])|.", re.DOTALL)
"""What a key sends; of keys that are held or typed fast several come at once."""


def walk(worked: Worked, console: Console, delay: float | None) -> None:
    """Show a cell's sum after another until the last one is left, or somebody quits; the one seen last stays."""
    from archinspect.render.worked import print_step, print_worked  # Rich is for those who need it

    # An interrupt otherwise ends the process at once, and would leave the terminal as it is here.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    places = list(worked.cells)
    row = len(places) // worked.output.shape[0]
    at, shown = 0, places[0]
    with suppress(KeyboardInterrupt), console.screen(hide_cursor=True), _keyboard() as wait:
        while at < len(places):
            shown = places[at]
            print_step(worked, shown, f"{at + 1} of {len(places)}: {KEYS}", console)
            moved = _moved(wait(delay), row)
            if moved is None:
                break
            at = max(at + moved, 0)
    print_worked(worked, [shown], console, with_hint=False)


def _moved(key: str, row: int) -> int | None:
    """Return by how many cells a key, or the time, moves the window; None where it quits."""
    if key in QUIT:
        return None
    return -1 if key in BACK else -row if key in UP else row if key in DOWN else 1


if sys.platform == "win32":

    @contextmanager
    def _keyboard() -> Iterator[Wait]:
        import msvcrt
        import time

        def wait(seconds: float | None) -> str:
            end = None if seconds is None else time.monotonic() + seconds
            while end and not msvcrt.kbhit():
                if time.monotonic() > end:
                    return ""
                time.sleep(0.01)
            key = msvcrt.getwch()
            return key + msvcrt.getwch() if key in "\0\xe0" else key

        yield wait

else:

    @contextmanager
    def _keyboard() -> Iterator[Wait]:
        """Give what reads keys; they come at once, and are not echoed."""
        import select
        import termios
        import tty

        number = sys.stdin.fileno()
        before = termios.tcgetattr(number)
        # An interrupt just before `select` would be seen at the next key only; as a byte it is there to be read.
        woken, waking = os.pipe()
        os.set_blocking(waking, False)
        signal.set_wakeup_fd(waking)

        typed: list[str] = []

        def wait(seconds: float | None) -> str:
            if typed:
                return typed.pop(0)
            ready, _, _ = select.select([number, woken], [], [], seconds)
            if woken in ready:
                raise KeyboardInterrupt
            if not ready:
                return ""
            came = os.read(number, 64).decode(errors="replace")
            typed.extend(KEY.findall(came) or ["q"])  # nothing is the end of the input
            return typed.pop(0)

        try:
            tty.setcbreak(number)
            yield wait
        finally:
            signal.set_wakeup_fd(-1)
            os.close(woken)
            os.close(waking)
            termios.tcsetattr(number, termios.TCSADRAIN, before)
