"""Running Curfew's own commands the way a reader of the terminal would type them."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import urllib3

from demo.errors import StoryBroken

_PROGRAMS = Path(sys.executable).parent
_SERVER_STARTS_WITHIN_S = 60


class Commands:
    """Starts Curfew's programs with one environment and shows each command before it runs."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = {**os.environ, **environment}

    def run(
        self,
        *arguments: str,
        may_exit: Sequence[int] = (0,),
        secret: bool = False,
        text: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> str:
        """Run one command, let its output through, and return nothing but its exit being as expected.

        With `secret` the output is caught and returned instead, and arguments after the second stay unseen:
        an enrolment code is not for the terminal's history. `text` is what the command reads, and `environment`
        what this one has besides: it is not shown.
        """
        shown = arguments[:2] if secret else arguments
        print(f"\n$ {shlex.join(shown)}{' …' if secret and len(arguments) > 2 else ''}", flush=True)
        # The programs beside this interpreter: PATH may have another Curfew, or none. Without `text` nothing is
        # to be read, so a command that asks a question fails instead of waiting for a keyboard.
        done = subprocess.run(
            [str(_PROGRAMS / arguments[0]), *arguments[1:]],
            env={**self._environment, **(environment or {})},
            input=text or None,
            stdin=None if text else subprocess.DEVNULL,
            stdout=subprocess.PIPE if secret else None,
            text=True,
            check=False,
        )
        if done.returncode not in may_exit:
            raise StoryBroken(
                f"{shlex.join(shown)} ended with {done.returncode}, expected one of {list(may_exit)}"
            )
        return (done.stdout or "").strip()

    def start(self, *arguments: str, log: Path) -> subprocess.Popen[bytes]:
        """Start a program that stays, its output going to `log`; the caller terminates it.

        Ctrl-C in the terminal does not reach it: a server that is told twice to stop may do neither.
        """
        print(f"\n$ {shlex.join(arguments)} &", flush=True)
        with log.open("wb") as output:
            return subprocess.Popen(
                [str(_PROGRAMS / arguments[0]), *arguments[1:]],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )


def wait_until_listening(process: subprocess.Popen[bytes], url: str, authority: Path, log: Path) -> None:
    """Return when the server at `url` answers over TLS under `authority`; raises `StoryBroken` with its log."""
    pool = urllib3.PoolManager(ca_certs=str(authority), retries=False)
    deadline = time.monotonic() + _SERVER_STARTS_WITHIN_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            # Any status will do: the answer came over TLS, under our authority.
            pool.request("GET", f"{url}/api/v1/status", timeout=2.0)
            return
        except urllib3.exceptions.HTTPError:
            time.sleep(0.1)
    raise StoryBroken(f"the server did not start; its log says:\n{log.read_text(errors='replace')[-2000:]}")
