"""Rule 5: exact restoring from ledgers that agree; what contradicts itself is a person's to decide."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent_scripts.exit_codes import ExitCode
from agent_scripts.server_link.client import ServerClient
from agent_scripts.virtual_phone.phone import VirtualPhone
from policy.ledger import Ledger
from policy.names import PackageName, UserNumber
from policy.observation import EnabledState
from tests.check.office import LYNC, OUTLOOK, TIKTOK, Bench, Office, told_done

LEDGER_FILE = "/data/local/tmp/curfew/ledger"


def test_an_app_that_somebody_enabled_is_disabled_again_and_restored_to_what_it_was(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address = bench.provision(phone)
        bench.row(address)
        phone.model.press_enable(10, OUTLOOK)

        bench.row(address)

        assert _states(phone) == [3, 3]
        assert "enabled_again" in str(bench.last_report()["reasons"])
        rounds = {entry.package: entry.rounds for entry in _ledger(bench, address).entries}
        assert rounds == {OUTLOOK: 2, LYNC: 1}
        phone.model.uninstall(0, TIKTOK)
        assert bench.row(address)[0] == ExitCode.COMPLIANT
        assert _states(phone) == [0, 1]


def test_an_app_that_its_owner_enabled_before_the_restoring_is_left_as_the_owner_put_it(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address = bench.provision(phone)
        bench.row(address)
        phone.model.press_enable(10, OUTLOOK)
        phone.model.uninstall(0, TIKTOK)

        code, row = bench.row(address)

        assert code == ExitCode.COMPLIANT
        assert f"left {OUTLOOK} in user 10 as somebody had enabled it already" in told_done(row)
        assert _states(phone) == [1, 1]
        assert not _ledger(bench, address).open_entries


def test_removing_the_managed_apps_from_their_place_complies_as_well(enforcing: Office, bench: Bench) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address = bench.provision(phone)
        for package in (OUTLOOK, LYNC):
            phone.model.uninstall(10, package)

        code, row = bench.row(address)

        assert (code, row["verdict"]) == (ExitCode.COMPLIANT, "compliant")
        assert row["found"] == [{"family": "tiktok", "package": TIKTOK, "user": 0}]


@pytest.mark.parametrize("phones_is_there", [True, False])
def test_ledgers_that_contradict_each_other_are_listed_every_time_until_a_person_has_decided(
    phones_is_there: bool, enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address = bench.provision(phone)
        bench.row(address)
        _contradict(bench, address)
        if not phones_is_there:
            phone.userland.host_path(LEDGER_FILE).unlink()
        phone.model.uninstall(0, TIKTOK)
        for _ in range(2):
            code, row = bench.row(address)

            assert code == ExitCode.NOT_DONE
            assert f"adb shell pm default-state --user 10 {OUTLOOK}" in row["next_step"]
            assert f"adb shell pm enable --user 10 {OUTLOOK}" in row["next_step"]
            assert phone.model.state(10, OUTLOOK).enabled == 3

        phone.model.set_enabled(10, OUTLOOK, 0)
        code, _ = bench.row(address)

        assert code == ExitCode.COMPLIANT
        assert _states(phone) == [0, 1]
        assert not _ledger(bench, address).open_entries


def test_a_damaged_ledger_on_the_phone_stops_everything_and_names_the_command_that_mends_it(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address = bench.provision(phone)
        bench.row(address)
        phone.model.uninstall(0, TIKTOK)
        phone.userland.host_path(LEDGER_FILE).write_text("curfew-ledger 1 \nentry 10\n")

        code, row = bench.row(address)

        assert code == ExitCode.NOT_DONE
        assert f"adb shell rm {LEDGER_FILE}" in row["next_step"]
        assert _states(phone) == [3, 3]
        phone.userland.host_path(LEDGER_FILE).unlink()
        assert bench.row(address)[0] == ExitCode.COMPLIANT
        assert _states(phone) == [0, 1]


def test_a_damaged_ledger_of_one_phone_on_the_station_does_not_cost_the_others_their_check(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("tiktok-personal") as phone, enforcing.phone("tiktok-personal") as other:
        addresses = bench.provision_all(phone, other)
        bench.row(addresses[0])
        known = bench.station().phone_at(addresses[0])
        assert known is not None
        path = bench.folder / "ledgers" / f"{known.phone_id}.json"
        path.write_text("{")

        code, rows = bench.check(*addresses)

        next_steps = {row["address"]: row["next_step"] for row in rows}
        assert "move it away" in next_steps[addresses[0]]
        assert code == ExitCode.NOT_REACHED
        assert _states(other) == [3, 3]
        path.unlink()
        assert bench.row(addresses[0])[0] == ExitCode.VIOLATING


def test_a_factory_reset_makes_a_phone_unknown_and_voids_what_was_remembered_of_it(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address = bench.provision(phone)
        bench.row(address)
        before = bench.station().phone_at(address)
        phone.factory_reset()
        code, row = bench.row(address)
        assert code == ExitCode.NOT_REACHED
        assert row["next_step"].endswith(f"`curfew-agent provision {address} --holder REFERENCE`")

        bench.provision(phone)
        phone.model.uninstall(0, TIKTOK)
        phone.model.press_disable(10, OUTLOOK)
        code, row = bench.row(address)

        after = bench.station().phone_at(address)
        assert before is not None
        assert after is not None
        assert after.phone_id == before.phone_id
        assert (code, row["done"]) == (ExitCode.COMPLIANT, [])
        assert _states(phone) == [3, 1]
        assert _ledger(bench, address).entries == ()
        assert ServerClient(bench.station()).ledger(after.phone_id, "") == _ledger(bench, address)


def _contradict(bench: Bench, address: str) -> None:
    station = bench.station()
    known = station.phone_at(address)
    assert known is not None
    ledger = _ledger(bench, address)
    entry = ledger.entry(UserNumber(10), PackageName(OUTLOOK))
    assert entry is not None
    station.keep_ledger(known.phone_id, ledger.with_entry(replace(entry, prior=EnabledState.ENABLED)))


def _ledger(bench: Bench, address: str) -> Ledger:
    station = bench.station()
    known = station.phone_at(address)
    assert known is not None
    ledger = station.ledger(known.phone_id)
    assert ledger is not None
    return ledger


def _states(phone: VirtualPhone) -> list[int]:
    return [phone.model.state(10, package).enabled for package in (OUTLOOK, LYNC)]
