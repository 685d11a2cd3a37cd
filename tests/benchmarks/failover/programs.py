"""The programs of the trial, each a process of its own in a network of their own, ended by its own handle."""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from tests.server.shipped import changed

_WITHIN_S = 120
_CLONE_NEWNET = 0x40000000
_PACKAGES = {
    "etcd": "etcd-server",
    "patroni": "patroni",
    "pgbouncer": "pgbouncer",
    "haproxy": "haproxy",
    "nft": "nftables",
    "ip": "iproute2",
    # As deploy/patroni/patroni.yml names it.
    "/usr/lib/postgresql/15/bin/postgres": "postgresql-15",
}


def require_programs() -> None:
    """End loudly, with the command that helps, where something is missing."""
    missing = [package for program, package in _PACKAGES.items() if shutil.which(program) is None]
    if missing:
        raise SystemExit(
            f"the trial needs {', '.join(missing)}: apt-get install --no-install-recommends {' '.join(missing)}"
        )
    if os.geteuid() != 0:
        raise SystemExit("the trial needs a network of its own, which root alone can make: run it as root")


def enter_own_network() -> None:
    """Give this process and all it starts a loopback of their own, where nobody else is reached."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET):
        raise SystemExit(f"no network of its own could be made: {os.strerror(ctypes.get_errno())}")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def lent_to_postgres(folder: Path) -> Path:
    """Make a folder that PostgreSQL's own user may write in."""
    owner = pwd.getpwnam("postgres")
    folder.mkdir(mode=0o700)
    os.chown(folder, owner.pw_uid, owner.pw_gid)
    return folder


class Program:
    """One process with all that it starts; its words go into a log beside it."""

    def __init__(
        self, command: Sequence[str], folder: Path, *, user: str = "", begins_in: Path | None = None
    ) -> None:
        owner = pwd.getpwnam(user) if user else None
        with (folder / f"{Path(command[0]).name}.out").open("ab") as log:
            self._process = subprocess.Popen(
                list(command),
                cwd=begins_in or folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
                user=owner.pw_uid if owner else None,
                group=owner.pw_gid if owner else None,
                extra_groups=[] if owner else None,
            )

    @property
    def pid(self) -> int:
        """The number of the process that was started."""
        return self._process.pid

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process alone."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """Take its power away: it and all in its session get no moment to tidy up."""
        signal_family(self.pid, signal.SIGKILL)
        self._process.wait(30)

    def stop(self) -> None:
        """Ask it to end and wait until it has."""
        if self.runs:
            self._process.terminate()
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()


def signal_family(eldest: int, number: signal.Signals) -> None:
    """Send a signal to a process and to all that it has started, and these have."""
    for pid in _family_of(eldest):
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _family_of(eldest: int) -> list[int]:
    # By their parents, the second field behind the name in /proc/PID/stat: some make sessions of their own.
    found, parents = [eldest], {eldest}
    processes = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        processes[int(stat.parent.name)] = int(fields[1])
    while more := {pid for pid, parent in processes.items() if parent in parents} - set(found):
        found += sorted(more)
        parents |= more
    return found


def on_loopback(file: Path, changes: Mapping[str, str]) -> str:
    """Return a shipped file with the trial's addresses and folders."""
    return changed(file, changes).replace("10.0.0.", "127.0.0.")


def until(holds: Callable[[], bool], what: str) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + _WITHIN_S
    while not holds():
        if time.monotonic() > deadline:
            raise SystemExit(f"waited {_WITHIN_S} s in vain for {what}")
        time.sleep(0.1)


def write_closed(path: Path, text: str, owner: str) -> None:
    """Write a file that `owner` alone can read."""
    path.write_text(text)
    path.chmod(0o600)
    shutil.chown(path, owner)
