"""Lost memory: any one ledger is enough to restore from; without one a person is told what to type."""

from __future__ import annotations

import itertools

import pytest

from agent_scripts.exit_codes import ExitCode
from agent_scripts.virtual_phone.phone import VirtualPhone
from policy.ledger import EntryState, Ledger
from policy.names import PackageName, UserNumber
from policy.observation import EnabledState
from tests.check.office import LYNC, OUTLOOK, TIKTOK, Bench, Office, told_done

LEDGER_FILE = "/data/local/tmp/curfew/ledger"
FOLDER = "/data/local/tmp/curfew"
ALL_LOST = {"phone", "station", "server"}
SOME_LOST = [set(lost) for size in range(3) for lost in itertools.combinations(sorted(ALL_LOST), size)]


@pytest.mark.parametrize("lost", SOME_LOST, ids=lambda lost: " and ".join(sorted(lost)) or "none")
def test_any_ledger_that_is_left_is_enough_to_restore_from(
    lost: set[str], enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address = _disabled(bench, phone)
        _lose(bench, phone, address, lost)
        phone.model.uninstall(0, TIKTOK)

        code, row = bench.row(address)

        assert (code, row["next_step"]) == (ExitCode.COMPLIANT, "")
        assert _states(phone) == [0, 1]
        assert not _ledger(bench, address).open_entries


def test_without_any_ledger_nothing_is_guessed_and_the_commands_are_listed_until_a_person_used_them(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address = _disabled(bench, phone)
        _lose(bench, phone, address, ALL_LOST)
        code, row = bench.row(address)
        assert (code, row["verdict"]) == (ExitCode.VIOLATING, "violating")
        assert _reasons(bench, "no_memory") == {f"{app} in user 10 is in state 3" for app in (OUTLOOK, LYNC)}
        phone.model.uninstall(0, TIKTOK)

        for _ in range(2):
            code, row = bench.row(address)

            assert (code, row["verdict"]) == (ExitCode.NOT_DONE, "compliant")
            assert _states(phone) == [3, 3]
            for app in (OUTLOOK, LYNC):
                assert f"`adb shell cmd package default-state --user 10 {app}`" in row["next_step"]
                assert app in str(bench.last_report()["contradictions"])

        for app in (OUTLOOK, LYNC):
            phone.model.set_enabled(10, app, 0)
        assert bench.row(address)[0] == ExitCode.COMPLIANT


def test_while_the_server_cannot_be_asked_a_phone_without_its_ledger_is_restored_from_the_stations(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address = _disabled(bench, phone)
        _lose(bench, phone, address, {"phone"})
        phone.model.uninstall(0, TIKTOK)

        with bench.without_server():
            bench.row(address)

        assert _states(phone) == [0, 1]


def test_what_only_the_server_knows_is_not_overwritten_while_it_cannot_be_asked(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address = _disabled(bench, phone)
        _lose(bench, phone, address, {"phone", "station"})
        phone.model.uninstall(0, TIKTOK)
        with bench.without_server():
            code, row = bench.row(address)
            assert code == ExitCode.NOT_DONE
            assert "connect this station to the server" in row["next_step"]
            assert "adb shell" not in row["next_step"]
        assert _states(phone) == [3, 3]

        code, _ = bench.row(address)

        assert code == ExitCode.COMPLIANT
        assert _states(phone) == [0, 1]


def test_nothing_new_is_disabled_while_the_ledger_of_a_phone_cannot_be_had(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address = _disabled(bench, phone)
        _lose(bench, phone, address, {"phone", "station"})
        phone.model.press_enable(10, OUTLOOK)
        with bench.without_server():
            code, row = bench.row(address)
        assert code == ExitCode.NOT_DONE
        assert "connect to the server for its copy" in row["next_step"]
        assert _states(phone) == [1, 3]

        assert bench.row(address)[0] == ExitCode.VIOLATING
        assert _states(phone) == [3, 3]
        phone.model.uninstall(0, TIKTOK)
        bench.row(address)

        assert _states(phone) == [0, 1]


def test_a_phone_that_lost_our_folder_keeps_its_id_and_a_person_is_told_what_an_older_ledger_says(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address = _disabled(bench, phone)
        before = bench.station().phone_at(address)
        for file in phone.userland.host_path(FOLDER).iterdir():
            file.unlink()
        phone.userland.host_path(FOLDER).rmdir()
        assert bench.row(address)[0] == ExitCode.NOT_REACHED
        bench.provision(phone)
        phone.model.uninstall(0, TIKTOK)

        code, row = bench.row(address)

        assert code == ExitCode.NOT_DONE
        assert bench.station().phone_at(address) == before
        assert _states(phone) == [3, 3]
        assert f"`adb shell cmd package default-state --user 10 {OUTLOOK}`" in row["next_step"]
        assert f"`adb shell cmd package enable --user 10 {LYNC}`" in row["next_step"]


def test_after_a_factory_reset_old_entries_are_void_although_user_numbers_come_back(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address = _disabled(bench, phone)
        phone.factory_reset()
        bench.provision(phone)
        phone.model.uninstall(10, LYNC)

        bench.row(address)

        assert _states(phone) == [3, 0]
        [entry] = _ledger(bench, address).entries
        assert (entry.package, entry.prior, entry.rounds) == (OUTLOOK, EnabledState.DEFAULT, 1)


@pytest.mark.parametrize("command", ["check", "restore"])
def test_what_was_in_a_removed_work_profile_is_closed_once_said_so_and_never_tried_again(
    command: str, enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address = _disabled(bench, phone)
        phone.model.remove_user(10)

        if command == "check":
            code, row = bench.row(address)
            assert "is gone with its user" in told_done(row)
        else:
            code, _ = bench.agent("restore", "--yes", address)

        assert code == ExitCode.COMPLIANT
        assert _reasons(bench, "user_gone") == {f"{app} in user 10" for app in (OUTLOOK, LYNC)}
        assert {entry.state for entry in _ledger(bench, address).entries} == {EntryState.GONE}
        phone.calls.clear()
        assert bench.row(address)[0] == ExitCode.COMPLIANT
        assert not [call for call in phone.calls if "--user" in call]
        assert _reasons(bench, "user_gone") == set()


def _disabled(bench: Bench, phone: VirtualPhone) -> str:
    address = bench.provision(phone)
    bench.row(address)
    assert _states(phone) == [3, 3]
    return address


def _lose(bench: Bench, phone: VirtualPhone, address: str, lost: set[str]) -> None:
    station = bench.station()
    known = station.phone_at(address)
    assert known is not None
    if "phone" in lost:
        phone.userland.host_path(LEDGER_FILE).unlink()
    if "station" in lost:
        (bench.folder / "ledgers" / f"{known.phone_id}.json").unlink()
    if "server" in lost:
        statement = "UPDATE report SET has_ledger = FALSE WHERE phone_id = :phone"
        bench.office.change(statement, phone=known.phone_id)


def _ledger(bench: Bench, address: str) -> Ledger:
    station = bench.station()
    known = station.phone_at(address)
    assert known is not None
    ledger = station.ledger(known.phone_id)
    assert ledger is not None
    return ledger


def _reasons(bench: Bench, code: str) -> set[str]:
    return {reason["detail"] for reason in bench.last_report()["reasons"] if reason["code"] == code}


def _states(phone: VirtualPhone) -> list[int]:
    return [phone.model.state(UserNumber(10), PackageName(package)).enabled for package in (OUTLOOK, LYNC)]
