"""Measures `make demo ONCE=1` on a checkout that is set up already: seconds by the clock, and of CPU."""

from __future__ import annotations

import os
import resource
import subprocess
import time

from tests.benchmarks.figures import Figure, show
from tests.benchmarks.measured_station import folder_for_a_while
from tests.server.running import ROOT

_PATIENCE_S = 180


def main() -> None:
    """Tell the story once and print how long it took."""
    with folder_for_a_while() as folder:
        begun, before = time.monotonic(), _cpu()
        told = subprocess.run(
            ["make", "demo", "ONCE=1"],
            cwd=ROOT,
            env={**os.environ, "CURFEW_FOLDER": str(folder / "demo")},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
            check=False,
        )
        took, cpu = time.monotonic() - begun, _cpu() - before
    if told.returncode:
        raise SystemExit(f"the demo failed:\n{told.stdout[-2000:]}{told.stderr[-2000:]}")
    show([Figure("make demo ONCE=1, without installation", f"{took:.0f} s", f"{cpu:.0f} s of CPU")])


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
