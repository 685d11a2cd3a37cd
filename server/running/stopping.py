"""granian's server, made to stop whenever it is told to, however often and at whatever moment.

Its parent waits at a `threading.Event`, whose lock a signal's handler may find held by its own thread: two signals at
once, and it waits for ever. Its workers are deaf to a signal that reaches them before they set their own handlers, and
a worker that does not end is waited for without limit.
"""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from granian.server.mp import MPServer

STOPS_WITHIN_S = 20
"""A worker that has not ended its requests by then is killed: what was acknowledged is on disk already."""
_STOPPING = {signal.SIGINT, signal.SIGTERM}


class Wakeup:
    """An event that may be set at any moment, also by a handler that interrupts setting it or waiting for it.

    Has the methods of `threading.Event` that granian uses. A pipe needs no lock, and remembers being set.
    """

    def __init__(self) -> None:
        """Make one that is not set."""
        self._read, self._write = os.pipe()
        self._process = os.getpid()
        for descriptor in (self._read, self._write):
            os.set_blocking(descriptor, False)

    def set(self) -> None:
        """Wake whoever waits, now or later."""
        # A fork has its parent's handlers and its pipe: what it hears is not for its parent.
        if os.getpid() == self._process:
            # A pipe that is full has been set often enough.
            with suppress(BlockingIOError):
                os.write(self._write, b"!")

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is set, for at most `timeout` seconds, and return whether it is."""
        # Goes on after a signal, when its handler has run (PEP 475): by then that may have written.
        return bool(select.select([self._read], [], [], timeout)[0])

    def is_set(self) -> bool:
        """Whether it is set."""
        return self.wait(0)

    def clear(self) -> None:
        """Forget that it was set."""
        with suppress(BlockingIOError):
            while os.read(self._read, 4096):
                continue


class StoppableServer(MPServer):
    """granian's server, of one process a worker."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Take what granian takes."""
        super().__init__(*arguments, **{"workers_kill_timeout": STOPS_WITHIN_S, **options})
        self.main_loop_interrupt = Wakeup()  # type: ignore[assignment] # as good as an event to granian

    def _spawn_workers(self, *arguments: Any, **options: Any) -> None:
        with _held_back():
            super()._spawn_workers(*arguments, **options)  # type: ignore[no-untyped-call]

    def _respawn_workers(self, *arguments: Any, **options: Any) -> None:
        with _held_back():
            super()._respawn_workers(*arguments, **options)

    def shutdown(self, exit_code: int = 0) -> None:
        """Stop the workers; a server that was told to stop has not failed, though the signal reached workers first."""
        # Told once is enough; towards its very end Python would let a late one kill the process.
        for number in _STOPPING:
            signal.signal(number, signal.SIG_IGN)
        try:
            super().shutdown(exit_code)  # type: ignore[no-untyped-call]
        except SystemExit:
            if exit_code or not self.interrupt_signal:
                raise


def listen_to_parent() -> None:
    """Let a worker that loads be ended by its parent's SIGTERM, one that came since the fork too, and by that alone."""
    # Ctrl-C reaches the whole group of a terminal; the parent tells its workers itself.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    # In this order: the parent's handler, which it has until now, would swallow the signal that was held back.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


@contextmanager
def _held_back() -> Iterator[None]:
    """Hold signals to stop back in the block; forks that are made in it are born so."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
