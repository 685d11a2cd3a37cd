"""A terminal for tests: a command runs in it as in a technician's, and what then stands there is told as text."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import termios
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

_PIECE = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|[\r\n]|[^\x1b\r\n]")


@dataclass
class Terminal:
    """What was written, as a terminal of `columns` by `rows` shows it; what left the screen cannot be taken back."""

    columns: int
    rows: int
    lines: list[str] = field(default_factory=lambda: [""])
    at: tuple[int, int] = (0, 0)
    """Line and column of the cursor, counted from the first line that was ever written."""
    written: str = ""
    """All that was written, with what was taken back later."""

    def run(self, command: Sequence[str], environment: Mapping[str, str]) -> int:
        """Run `command` here until it ends, and return its exit code."""
        child, terminal = pty.fork()
        if child == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", self.rows, self.columns, 0, 0))
            # What says how big another terminal is, such as pytest's own, does not count here.
            ours = {name: value for name, value in environment.items() if name not in ("COLUMNS", "LINES")}
            os.execve(command[0], list(command), {**ours, "TERM": "xterm-256color"})
        written = b""
        while piece := _read(terminal):
            written += piece
        os.close(terminal)
        self.written = written.decode()
        self._show(self.written)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    @property
    def text(self) -> str:
        """All that stands on the screen and above it."""
        return "\n".join(line.rstrip() for line in self.lines)

    def _show(self, written: str) -> None:
        for found in _PIECE.finditer(written):
            line, column = self.at
            match f"ESC {found[2]}" if found[2] else found[0]:
                case "\r":
                    self.at = (line, 0)
                case "\n":
                    self.at = (line + 1, column)
                case "ESC A":
                    highest = max(0, len(self.lines) - self.rows)
                    self.at = (max(highest, line - int(found[1] or 1)), column)
                case "ESC K":
                    assert found[1] == "2", f"a terminal of this kind knows no ESC[{found[1]}K"
                    self.lines[line] = ""
                case _ if found[2]:
                    assert found[2] in "mhl", f"a terminal of this kind knows no {found[0]!r}"
                case character:
                    self._write(character)
            self.lines += [""] * (self.at[0] + 1 - len(self.lines))

    def _write(self, character: str) -> None:
        line, column = self.at
        # As terminals do: the cursor waits behind the last column, and what comes then begins the next line.
        if column >= self.columns:
            line, column = line + 1, 0
            self.lines += [""] * (line + 1 - len(self.lines))
        before = self.lines[line].ljust(column)
        self.lines[line] = before[:column] + character + before[column + 1 :]
        self.at = (line, column + 1)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # how Linux tells that the other side has ended
        return b""
