"""Rule 5: a connection lost in the acting exchange leaves nothing half done that the next visit does not settle."""

from __future__ import annotations

import pytest

from agent_scripts.exit_codes import ExitCode
from agent_scripts.virtual_phone.phone import VirtualPhone
from policy.ledger import EntryState
from tests.check.office import LYNC, OUTLOOK, TIKTOK, Bench, Office, told_done
from tests.check.phone_moments import ACTING, at_exchange

LOSSES = ("adbd dies", "0 bytes", "1200 bytes")


def order(phone: VirtualPhone, loss: str) -> None:
    if loss == "adbd dies":
        at_exchange(phone, ACTING, phone.faults.die_in_mid_command)
    else:
        at_exchange(phone, ACTING, lambda: phone.faults.hang_up_after_bytes(int(loss.split()[0])))


@pytest.mark.parametrize("loss", LOSSES)
def test_a_cable_pulled_while_disabling_or_restoring_is_settled_by_the_second_visit(
    loss: str, enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("tiktok-personal") as due, enforcing.phone("tiktok-personal") as blocked:
        _, second = addresses = bench.provision_all(due, blocked)
        bench.check(second)
        blocked.model.uninstall(0, TIKTOK)
        for phone in (due, blocked):
            order(phone, loss)

        code, rows = bench.check(*addresses)

        assert code == ExitCode.NOT_REACHED
        assert all(row["report_id"] and row["next_step"] for row in rows), rows

        bench.check(*addresses)

        assert [_states(due), _states(blocked)] == [[3, 3], [0, 1]]
        assert [_entry_states(bench, address) for address in addresses] == [
            {EntryState.DONE},
            {EntryState.RESTORED},
        ]


def test_a_cable_pulled_while_acting_is_no_action_done_in_the_row(enforcing: Office, bench: Bench) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address = bench.provision(phone)
        order(phone, "0 bytes")

        _, row = bench.row(address)

        assert "NOT disabled" in told_done(row)
        assert "check it again" in row["next_step"]


def _states(phone: VirtualPhone) -> list[int]:
    return [phone.model.state(10, package).enabled for package in (OUTLOOK, LYNC)]


def _entry_states(bench: Bench, address: str) -> set[EntryState]:
    station = bench.station()
    known = station.phone_at(address)
    assert known is not None
    ledger = station.ledger(known.phone_id)
    assert ledger is not None
    return {entry.state for entry in ledger.entries}
