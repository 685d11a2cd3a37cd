"""An owner who takes their consent back: the phone is put back and left at once, and not asked anything again."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from agent_scripts.exit_codes import ExitCode
from agent_scripts.virtual_phone.phone import VirtualPhone
from policy.ready_made import ready_made_policy
from policy.report import Consent
from tests.check.office import LYNC, OUTLOOK, Bench, Office
from tests.check.test_consent_and_privacy import blocks
from tests.check.test_on_phone import folder_of, states, watchers

TIKTOKS = set(ready_made_policy().banned)


def decline(bench: Bench, label: str, *named: str) -> int:
    return bench.agent("provision", *named, "--consent", "declined", "--holder", f"mailbox-{label}")[0]


def named_to(phone: VirtualPhone) -> set[str]:
    """Return the packages of the policy that the station named in a command since those were cleared."""
    named = (*TIKTOKS, OUTLOOK, LYNC)
    return {package for package in named if any(f" {package}" in command for command in phone.commands)}


def taken(office: Office, bench: Bench, phone: VirtualPhone, label: str) -> tuple[str, list[int]]:
    """Provision a phone, let a check disable its apps, and return its address and the states before."""
    address = f"tcp:127.0.0.1:{phone.port}"
    before = states(phone)
    named = ("--label", label, "--holder", f"mailbox-{label}", "--consent", "agreed")
    assert bench.agent("provision", address, *named)[0] == ExitCode.COMPLIANT
    bench.row(address)
    assert states(phone) == [3, 3]
    phone.commands.clear()
    return address, before


def is_left(phone: VirtualPhone) -> bool:
    return list(folder_of(phone).parent.iterdir()) == []


@pytest.mark.parametrize("by", ["address", "label"])
def test_everything_is_put_back_no_trace_stays_and_only_the_ledgers_apps_are_read(
    by: str, watching: Office, at_desk: Bench
) -> None:
    with watching.phone("tiktok-personal") as phone:
        address, before = taken(watching, at_desk, phone, f"tag-{by}")
        named = (address,) if by == "address" else ("--label", "tag-label")

        code = decline(at_desk, f"tag-{by}", *named)

        assert code == ExitCode.COMPLIANT
        assert (states(phone), watchers(phone), is_left(phone)) == (before, [], True)
        assert named_to(phone) == {OUTLOOK, LYNC}
        assert "Not finished" not in at_desk.said
        entry = blocks(watching)[f"mailbox-tag-{by}"]
        assert (entry["block"], entry["cause"]) == (True, "declined")
        report = at_desk.last_report()
        assert (report["consent"], report["findings"]) == ("declined", [])
        assert not report["watched"]["verdicts"]


def test_later_checks_ask_nothing_and_the_owner_may_agree_again(enforcing: Office, bench: Bench) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address, before = taken(enforcing, bench, phone, "tag-later")
        decline(bench, "tag-later", address)
        phone.commands.clear()

        code, row = bench.row(address)

        assert (code, list(phone.commands)) == (ExitCode.NOT_REACHED, [])
        assert "declined" in row["next_step"]
        assert decline(bench, "tag-later", address) == ExitCode.COMPLIANT
        assert list(phone.commands) == [], "what is withdrawn already is only recorded"
        bench.provision(phone, label="tag-later")
        assert bench.row(address)[0] == ExitCode.VIOLATING
        assert states(phone) == [3, 3] != before


def test_what_a_closed_place_keeps_off_is_said_and_the_command_that_finishes_it(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address, before = taken(enforcing, bench, phone, "tag-closed")
        phone.model.restrict(10, "no_debugging_features")

        code = decline(bench, "tag-closed", address)

        assert code == ExitCode.NOT_DONE
        assert_unfinished(bench, address, (OUTLOOK, LYNC))
        assert blocks(enforcing)["mailbox-tag-closed"]["cause"] == "declined"
        assert folder_of(phone).exists(), "the ledger is needed to put the rest back"
        phone.model.unrestrict(10, "no_debugging_features")
        assert bench.agent("unprovision", address, "--yes")[0] == ExitCode.COMPLIANT
        assert (states(phone), is_left(phone)) == (before, True)
        assert not named_to(phone) & TIKTOKS
        known = bench.station().phone_at(address)
        assert known is not None
        assert known.consent is Consent.DECLINED


def test_a_phone_out_of_reach_is_recorded_all_the_same_and_finished_later(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address, before = taken(enforcing, bench, phone, "tag-away")
        port = phone.port
        phone.stop()

        code = decline(bench, "tag-away", address)

        assert code == ExitCode.NOT_REACHED
        assert_unfinished(bench, address, (OUTLOOK, LYNC))
        assert blocks(enforcing)["mailbox-tag-away"]["cause"] == "declined"
        phone.start(port)
        assert bench.agent("unprovision", address, "--yes")[0] == ExitCode.COMPLIANT
        assert (states(phone), is_left(phone)) == (before, True)


def test_without_the_server_the_phone_is_put_back_and_the_refusal_stands_here(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address, before = taken(enforcing, bench, phone, "tag-offline")
        with bench.without_server():
            assert decline(bench, "tag-offline", address) == ExitCode.WRONG_USE

        assert (states(phone), is_left(phone)) == (before, True)
        assert bench.row(address)[0] == ExitCode.NOT_REACHED
        assert decline(bench, "tag-offline", address) == ExitCode.COMPLIANT
        assert blocks(enforcing)["mailbox-tag-offline"]["cause"] == "declined"


def test_at_an_address_where_the_phone_was_never_met_nothing_is_asked(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("tiktok-personal") as phone, enforcing.phone("tiktok-personal") as other:
        taken(enforcing, bench, phone, "tag-moved")
        elsewhere = f"tcp:127.0.0.1:{other.port}"

        code = decline(bench, "tag-moved", elsewhere, "--label", "tag-moved")

        assert code == ExitCode.NOT_REACHED
        assert (list(other.commands), list(phone.commands)) == ([], [])
        assert_unfinished(bench, elsewhere, (OUTLOOK, LYNC))


def test_a_declined_phone_that_another_station_finds_by_its_mark_is_not_checked(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address, _ = taken(enforcing, bench, phone, "tag-mark")
        port = phone.port
        phone.stop()
        decline(bench, "tag-mark", address)
        station = bench.station()
        known = station.phone_at(address)
        assert known is not None
        station.forget_address(known)
        phone.start(port)

        code, row = bench.row(address)

        assert code == ExitCode.NOT_REACHED
        assert "declined" in row["next_step"]
        phone.commands.clear()
        bench.agent("restore", "--yes", address)
        assert not named_to(phone) & TIKTOKS
        assert 3 not in states(phone)


def test_a_refusal_without_a_holder_changes_nothing_and_says_what_is_missing(
    enforcing: Office, bench: Bench
) -> None:
    with enforcing.phone("tiktok-personal") as phone:
        address, _ = taken(enforcing, bench, phone, "tag-whose")

        code, _ = bench.agent("provision", address, "--consent", "declined")

        assert (code, "--holder" in bench.said) == (ExitCode.WRONG_USE, True)
        assert not phone.commands
        assert bench.station().phone_at(address) in [
            known for known in bench.station().phones() if known.consent is Consent.AGREED
        ]


def assert_unfinished(bench: Bench, address: str, apps: Iterable[str]) -> None:
    (line,) = [line for line in bench.said.splitlines() if "Not finished" in line]
    assert f"`curfew-agent unprovision {address}` finishes it" in line
    assert all(f"{app} in user 10" in line for app in apps)
