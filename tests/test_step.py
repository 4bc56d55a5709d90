"""`explain --step` on a terminal: a pseudo-terminal, to which keys are sent."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import time

import pytest

pty = pytest.importorskip("pty", reason="no pseudo-terminals here")

RIGHT, LEFT, UP, DOWN = "\x1b[C", "\x1b[D", "\x1b[A", "\x1b[B"
CELLS = [f"z[{row},{column}] =" for row in range(1, 5) for column in range(1, 5)]


class Terminal:
    """A command on a terminal: what it printed since the last look."""

    def __init__(self, *args: str) -> None:
        self.end, there = pty.openpty()
        env = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "40"}
        command = [sys.executable, "-m", "archinspect", "explain", *args]
        self.process = subprocess.Popen(
            command, stdin=there, stdout=there, stderr=there, env=env, start_new_session=True
        )
        os.close(there)
        self.printed = ""

    def until(self, text, seconds=120.0):
        """Wait until a text was printed; return all that was printed before it, and forget it."""
        end = time.monotonic() + seconds
        while text not in self.printed:
            assert time.monotonic() < end, self.printed
            if select.select([self.end], [], [], 0.1)[0]:
                try:
                    self.printed += os.read(self.end, 4096).decode()
                except OSError:  # the other end is closed
                    assert text in self.printed, self.printed
        before, _, self.printed = self.printed.partition(text)
        return before

    def press(self, keys):
        os.write(self.end, keys.encode())

    def left(self):
        """Read up to the end; return the exit code, and what was left on the screen."""
        end = time.monotonic() + 120
        while time.monotonic() < end:  # who prints to a terminal that nobody reads waits
            if select.select([self.end], [], [], 0.1)[0]:
                try:
                    self.printed += os.read(self.end, 4096).decode()
                except OSError:
                    break
            elif self.process.poll() is not None:
                break
        code = self.process.wait(120)
        os.close(self.end)
        return code, self.printed.rpartition("\x1b[?1049l")[2]


def test_arrows_move_the_window():
    terminal = Terminal("lessons/conv2d", "--step")
    terminal.until("1 of 16")
    for key, place in ((RIGHT, 2), (DOWN, 6), (LEFT, 5), (UP, 1), (LEFT, 1), (UP, 1), (" ", 2)):
        terminal.press(key)
        frame = terminal.until(f"{place} of 16")
        assert CELLS[place - 1] in frame
        assert len(re.findall(r"48;5;221m *\[", frame)) == 9
    terminal.press("q")
    code, last = terminal.left()
    assert code == 0
    assert CELLS[1] in last
    assert "of 16" not in last


def test_keys_that_come_at_once_are_all_seen():
    terminal = Terminal("lessons/conv2d", "--step")
    terminal.until("1 of 16")
    terminal.press(f"{RIGHT}{DOWN}{RIGHT}q")
    code, last = terminal.left()
    assert (code, CELLS[6] in last) == (0, True)


def test_it_ends_after_the_last_cell():
    terminal = Terminal("lessons/max_pooling", "--step")
    for place in range(1, 5):
        terminal.until(f"{place} of 4")
        terminal.press(RIGHT)
    code, last = terminal.left()
    assert code == 0
    assert "z[2,2] =" in last


def test_it_goes_on_by_itself():
    terminal = Terminal("lessons/max_pooling", "--step", "--delay", "0.05")
    assert "z[2,1] =" in terminal.until("3 of 4")
    code, last = terminal.left()
    assert code == 0
    assert "z[2,2] =" in last


@pytest.mark.parametrize("delay", [(), ("--delay", "30")])
@pytest.mark.parametrize("key", ["q", "\x1b", "\x04", None])
def test_it_can_be_left(key, delay):
    terminal = Terminal("lessons/conv2d", "--step", *delay)
    terminal.until("1 of 16")
    if key:
        terminal.press(key)
    else:
        terminal.process.send_signal(signal.SIGINT)
    code, last = terminal.left()
    assert code == 0
    assert CELLS[0] in last


def test_the_terminal_is_as_before():
    import termios

    terminal = Terminal("lessons/conv2d", "--step")
    terminal.until("1 of 16")
    assert not termios.tcgetattr(terminal.end)[3] & termios.ECHO
    terminal.press("q")
    terminal.until("\x1b[?1049l")
    terminal.process.wait(30)
    assert termios.tcgetattr(terminal.end)[3] & termios.ECHO
    os.close(terminal.end)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("lessons/conv2d --step", "--step needs a terminal"),
        ("lessons/conv2d --delay 1", "--delay has no effect without --step"),
        ("lessons/conv2d --step --cell 1,1", "--cell has no effect with --step"),
        ("lessons/conv2d --step --format json", "--format has no effect with --step"),
        ("vgg16 --step --convention thop", "--step has no effect with --convention"),
    ],
)
def test_what_it_cannot_do_is_said(run, arguments, message):
    result = run("explain", *arguments.split())
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_layer_has_to_be_worked_and_one(tmp_path):
    net = tmp_path / "net.yaml"
    net.write_text(
        "input: [4, 1]\nlayers: [{MaxPooling1D: 2, name: a}, {MaxPooling1D: 2, name: b}]\n"
        "values: {input: [1, 2, 3, 4]}\n",
        encoding="utf-8",
    )
    terminal = Terminal(str(net), "--step")
    terminal.until("name one layer of a, b")
    assert terminal.left()[0] == 2
    terminal = Terminal(str(net), "a", "--step")
    terminal.until("1 of 2")
    terminal.press("q")
    assert terminal.left()[0] == 0
    terminal = Terminal("keras_demo", "--step")
    terminal.until("no `values`")
    assert terminal.left()[0] == 2
