"""A sound phone's answer can lose its last lines on the way through adbd; asking once more brings them.

See docs/android/stand-ins.md, "the last lines through `shell:`".
"""

from __future__ import annotations

import pytest

from agent_scripts.exit_codes import ExitCode
from tests.check.office import Bench, Office
from tests.check.phone_moments import READING, at_exchange


@pytest.mark.parametrize("exchange", [1, 2])
def test_a_phone_is_provisioned_although_an_answer_was_cut(
    exchange: int, enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("clean") as phone:
        at_exchange(phone, exchange, lambda: phone.faults.cut_answer_after_bytes(300))
        address = bench.provision(phone)

        assert len(phone.commands) == 3, "reading, leaving the mark, and one of them twice"
        _, row = bench.row(address)

        assert row["verdict"] == "compliant"


def test_a_check_reads_once_more_when_its_answer_was_cut(enforcing: Office, bench: Bench) -> None:
    with enforcing.phone("clean") as phone:
        address = bench.provision(phone)
        at_exchange(phone, READING, lambda: phone.faults.cut_answer_after_bytes(1500))

        code, row = bench.row(address)

        assert (code, row["verdict"]) == (ExitCode.COMPLIANT, "compliant")
        assert len(phone.commands) == 2
