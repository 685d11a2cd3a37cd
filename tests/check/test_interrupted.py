"""Ctrl-C at the bench: what was done is on disk, and the technician is told so."""

from __future__ import annotations

import signal
import subprocess
import time

from agent_scripts.exit_codes import ExitCode
from tests.check.office import PROGRAMS, Office


def test_ctrl_c_while_a_phone_is_waited_for_says_where_the_next_check_goes_on(enforcing: Office) -> None:
    bench = enforcing.new_bench()
    with enforcing.phone("tiktok-personal") as phone:
        address = bench.provision(phone)
        phone.commands.clear()
        phone.faults.answer_nothing()
        command = [str(PROGRAMS / "curfew-agent"), *bench.command_line("check", address)]
        # SIGINT is deaf in children of a background job unless it is given back.
        with subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        ) as check:
            while not phone.commands:
                time.sleep(0.02)
            check.send_signal(signal.SIGINT)
            _, said = check.communicate(timeout=60)

    assert check.returncode == ExitCode.WRONG_USE
    assert "Stopped; what was done is on disk, the next check goes on from there." in said
