"""Programs of Curfew as processes of their own, forked from one that has loaded them and nothing else.

To start Python and load a server takes longer than most of what is asked of it. That the installed programs start is
for the README's walk and for the tests that name them.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    ["agent_scripts.commands.at_the_bench", "server.commands.serve", "agent_scripts.virtual_phone.phone"]
)

Program = Callable[[Sequence[str]], int]
Limits = Mapping[int, int]
"""What the process may use at most, by `resource`'s names: RLIMIT_FSIZE, RLIMIT_NOFILE."""


class Forked:
    """A process that runs `program` with words, surroundings and a log of its own, to be ended like one of Popen."""

    def __init__(
        self,
        program: Program,
        words: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        limits: Limits = MappingProxyType({}),
    ) -> None:
        method = multiprocessing.get_start_method()
        told = (method, program, tuple(words), dict(environment), log, dict(limits))
        self._process = FORKS.Process(target=_run, args=told)
        self._process.start()

    @property
    def pid(self) -> int:
        """The process's number."""
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        """Return the exit code, None while it runs."""
        return self._process.exitcode

    def terminate(self) -> None:
        """Ask it to end, as systemd would."""
        self._process.terminate()

    def wait(self, timeout: float) -> int:
        """Wait until it has ended, and return the exit code."""
        self._process.join(timeout)
        code = self._process.exitcode
        assert code is not None, f"process {self.pid} still runs after {timeout} s"
        return code


def _run(
    method: str,
    program: Program,
    words: Sequence[str],
    environment: Mapping[str, str],
    log: Path,
    limits: Limits,
) -> None:
    # As elsewhere: what was forked by a server of forks would start its own children by that, too.
    multiprocessing.set_start_method(method, force=True)
    # A group of its own, which can be killed as a whole.
    os.setsid()
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream in (1, 2):
        os.dup2(output, stream)
    os.environ.clear()
    os.environ.update(environment)
    for kind, most in limits.items():
        resource.setrlimit(kind, (most, most))
    sys.exit(program(words))
