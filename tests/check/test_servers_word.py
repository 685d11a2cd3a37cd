"""A stolen server cannot have an app enabled, or asked about, that the accepted bundle does not manage there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agent_scripts.exit_codes import ExitCode
from agent_scripts.ledgers.recalled import Recalled
from agent_scripts.server_link.client import ServerClient
from agent_scripts.station_files.station import KnownPhone
from agent_scripts.virtual_phone.phone import VirtualPhone
from agent_scripts.visits.run import Run
from policy.ledger import EntryState, Ledger, LedgerEntry
from policy.names import PackageName, PhoneId, UserNumber
from policy.observation import EnabledState
from policy.ready_made import ready_made_policy
from tests.check.office import LYNC, OUTLOOK, TIKTOK, Bench, Office
from tests.check.phone_moments import check_within

BANK = "org.example.bank"
FOLDER = "/data/local/tmp/curfew"


def entry(user: int, package: str, prior: EnabledState = EnabledState.ENABLED) -> LedgerEntry:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return LedgerEntry(UserNumber(user), PackageName(package), prior, EntryState.DONE, 1, at)


def telling(ledger: Ledger) -> Callable[[Run], Run]:
    """Return how a run is changed in which the server answers with `ledger`."""

    async def server_ledger(_: PhoneId, __: str) -> Ledger | None:
        return ledger

    return lambda run: replace(run, server_ledger=server_ledger)


def forgetful(bench: Bench, phone: VirtualPhone) -> tuple[str, KnownPhone, str]:
    """Return a phone with disabled apps that only the server remembers: address, phone and marker."""
    address = bench.provision(phone)
    bench.row(address)
    phone.model.install(0, BANK)
    for user, package in ((0, BANK), (0, OUTLOOK)):
        phone.model.install(user, package)
        phone.model.set_enabled(user, package, 3, "shell:1000")
    known = bench.station().phone_at(address)
    assert known is not None
    phone.userland.host_path(f"{FOLDER}/ledger").unlink()
    (bench.folder / "ledgers" / f"{known.phone_id}.json").unlink()
    phone.model.uninstall(0, TIKTOK)
    phone.commands.clear()
    phone.calls.clear()
    return address, known, phone.userland.host_path(f"{FOLDER}/marker").read_text().strip()


def states(phone: VirtualPhone) -> dict[tuple[int, str], int]:
    pairs = ((10, OUTLOOK), (10, LYNC), (0, BANK), (0, OUTLOOK))
    return {(user, package): int(phone.model.state(user, package).enabled) for user, package in pairs}


def servers_entries(bench: Bench, known: KnownPhone) -> set[tuple[int, str]]:
    ledger = ServerClient(bench.station()).ledger(known.phone_id, "")
    assert ledger is not None
    return {(e.user, e.package) for e in ledger.open_entries}


def test_only_what_the_bundle_manages_is_restored_and_the_rest_is_listed_until_a_person_has_decided(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address, known, marker = forgetful(bench, phone)
        told = (entry(10, OUTLOOK, EnabledState.DEFAULT), entry(10, LYNC), entry(0, BANK), entry(0, OUTLOOK))

        row = check_within(bench, address, telling(Ledger(marker, told)))

        assert row.exit_code == ExitCode.NOT_DONE
        assert states(phone) == {(10, OUTLOOK): 0, (10, LYNC): 1, (0, BANK): 3, (0, OUTLOOK): 3}
        assert not [command for command in phone.commands if BANK in command]
        assert not [call for call in phone.calls if BANK in call], "not even whether it is there is asked"
        for _ in range(2):
            code, again = bench.row(address)
            assert code == ExitCode.NOT_DONE
            for app in (BANK, OUTLOOK):
                assert f"`adb shell cmd package enable --user 0 {app}`" in again["next_step"]
            assert servers_entries(bench, known) == {(0, BANK), (0, OUTLOOK)}, "the server does not forget"
            assert states(phone)[0, BANK] == 3

        (waiting,) = Path(bench.folder, "unsettled").iterdir()
        assert f"unsettled/{waiting.name}" in again["next_step"]
        waiting.unlink()
        assert bench.row(address)[0] == ExitCode.COMPLIANT
        assert servers_entries(bench, known) == set()


def test_restoring_by_order_goes_no_further(enforcing: Office, bench: Bench) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address, known, marker = forgetful(bench, phone)
        check_within(bench, address, telling(Ledger(marker, (entry(10, LYNC), entry(0, BANK)))))

        code, _ = bench.agent("restore", "--yes", address)

        assert code == ExitCode.NOT_DONE
        assert states(phone)[0, BANK] == 3
        assert servers_entries(bench, known) == {(0, BANK)}


def test_while_the_places_of_a_phone_cannot_be_read_nothing_is_done_on_the_servers_word_and_nothing_lost(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address, known, marker = forgetful(bench, phone)
        phone.faults.refuse("dumpsys", "user", text="Can't find service: user", exit_code=20)
        before = states(phone)

        row = check_within(bench, address, telling(Ledger(marker, (entry(10, LYNC), entry(0, BANK)))))

        assert (row.verdict, states(phone)) == ("unreadable", before)
        assert servers_entries(bench, known) >= {(10, LYNC), (0, BANK)}
        assert not phone.userland.host_path(f"{FOLDER}/ledger").exists(), (
            "the server is asked again next time"
        )
        phone.faults.clear()
        check_within(bench, address, telling(Ledger(marker, (entry(10, LYNC), entry(0, BANK)))))
        assert states(phone) == {**before, (10, LYNC): 1}


def test_what_the_station_remembers_itself_needs_no_bundle(enforcing: Office, bench: Bench) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address, known, marker = forgetful(bench, phone)
        bench.station().keep_ledger(known.phone_id, Ledger(marker, (entry(0, OUTLOOK),)))

        row = check_within(bench, address, telling(Ledger(marker, (entry(0, OUTLOOK),))))

        assert states(phone)[0, OUTLOOK] == 1
        assert BANK not in row.next_step


@pytest.mark.parametrize("whose", ["phone", "station", "server"])
def test_of_a_declined_phone_only_managed_apps_are_asked_about_on_the_servers_word(whose: str) -> None:
    ledger = Ledger("5f", (entry(0, BANK), entry(10, OUTLOOK)))
    remembered: dict[str, Any] = {whose: ledger}
    recalled = replace(Recalled("5f", None, None, None), **remembered)

    read = recalled.packages_to_read(ready_made_policy())

    assert read == ({OUTLOOK} if whose == "server" else {BANK, OUTLOOK})
