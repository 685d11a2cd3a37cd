"""Serves a hundred phones at a bad hub, each a process of its own, and tells what that took of the station.

64 behind loose cables that lose one connection in ten, 5 behind such as freeze as many, 10 slow, 10 unauthorised, 5
refusing, 5 with a dead adbd, 1 that floods; half of them have the banned app. The real `curfew-agent bench` and
`curfew-agent check` over them, against a running server, with the demands of `tests.check.bad_hub`: it fails where one
does not hold. The phones take most of the CPU.

    python -m tests.benchmarks.bad_hub [SEED]
"""

from __future__ import annotations

import contextlib
import io
import sys

from tests.benchmarks.figures import Figure, show
from tests.benchmarks.measured_station import folder_for_a_while
from tests.check.bad_hub import HUNDRED, Ran, bad_hub, hold_to_it
from tests.check.office import Office
from tests.server.databases import SqliteDatabases

SEED = 11


def main() -> None:
    """Print the wall time, threads and memory of both commands, and how many connections were lost."""
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else SEED
    with folder_for_a_while() as folder, contextlib.ExitStack() as stack:
        with contextlib.redirect_stdout(io.StringIO()):
            office = stack.enter_context(Office.opened(folder, SqliteDatabases()))
            office.at(hours=3)
            bench = office.new_bench()
        hub = stack.enter_context(bad_hub(folder, HUNDRED, seed))
        served, checked = hold_to_it(bench, hub, folder)
        lost, connections = sum(one.cable.lost for one in hub), sum(one.cable.connections for one in hub)
        frozen = sum(one.cable.frozen for one in hub)
    show(
        [
            _figure("curfew-agent bench --once", served),
            _figure("curfew-agent check", checked),
            Figure(f"bad hub of {len(hub)}, connections lost", f"{lost} of {connections}", f"seed {seed}"),
            Figure(
                f"bad hub of {len(hub)}, connections frozen", f"{frozen} of {connections}", f"seed {seed}"
            ),
        ]
    )


def _figure(command: str, ran: Ran) -> Figure:
    used = f"{ran.seconds:.0f} s, {ran.resident_mib:.0f} MiB, {ran.threads} threads"
    return Figure(f"bad hub of a hundred, `{command}`", used)


if __name__ == "__main__":
    main()
